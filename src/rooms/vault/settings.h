/* An account's settings: one table of keys serves `account set`, `account show` and what is in force.
 * Promises: a key that is not set follows the service's configuration, also when that changes; a wrong value is
 *   refused with what is allowed.
 * Does not know: accounts, the database. */
#ifndef ROOMS_VAULT_SETTINGS_H
#define ROOMS_VAULT_SETTINGS_H

#include "base/text.h"
#include "config/config.h"
#include "questions/vault.h"

enum { SETTING_VALUE_MOST = 512 };

enum setting {
	SETTING_RATE,         /* recipients a second */
	SETTING_BURST,        /* recipients */
	SETTING_QUOTA,        /* recipients a day */
	SETTING_RECIPIENTS,   /* of one message */
	SETTING_MESSAGE_SIZE, /* bytes */
	SETTING_CONNECTIONS,  /* sessions at once */
	SETTING_NETWORKS,     /* client networks allowed, e.g. 192.0.2.0/24,2001:db8::/32; empty: all */
	SETTING_REQUIRE_TOKEN,
	SETTING_REQUIRE_SPF,
	SETTING_REQUIRE_DKIM,
	SETTING_REQUIRE_DMARC,
};
#define SETTING_COUNT (SETTING_REQUIRE_DMARC + 1)

/* What was set for one account; text form as it was given. Owns its texts. */
struct account_settings {
	struct text values[SETTING_COUNT]; /* empty: the default */
};

void account_settings_init(struct account_settings *settings);
void account_settings_deinit(struct account_settings *settings);

/* The setting named so, or SETTING_COUNT. */
enum setting setting_find(struct view key);
struct view setting_name(enum setting setting);
/* Is value allowed? *why (for people, lent from literals) when not. An empty value is: it goes back to the default.
 */
bool setting_check(enum setting setting, struct view value, struct view *why);

/* In force: set here, or else the configuration's. Numbers for all but networks. */
uint64_t setting_number(const struct account_settings *settings, enum setting setting, const struct config *config);
enum requirement setting_requirement(const struct account_settings *settings, enum check check,
                                     const struct config *config);
/* May a client at this address (text, without port) use the account? */
bool setting_allows_client(const struct account_settings *settings, struct view client);
/* All in force, as a JSON object {"rate":{"value":"10/s","default":true},...}. */
void settings_write_json(const struct account_settings *settings, const struct config *config, struct text *json);

#endif

/* The accounts in memory: who may log in, how much each may send, and what each may sign for.
 * Promises: names are compared in lower case and never used again once removed; limits count recipients.
 * Does not know: the database and the questions; nothing here suspends. */
#ifndef ROOMS_VAULT_ACCOUNTS_H
#define ROOMS_VAULT_ACCOUNTS_H

#include "base/list.h"
#include "base/map.h"
#include "rooms/vault/secrets.h"
#include "rooms/vault/settings.h"

enum { ACCOUNT_NAME_MOST = 254, PASSWORDS_ALIVE = 2, ACCOUNTS_MOST = 2000000, GRANTS_MOST = 1000000 };

struct password {
	uint64_t number; /* of the account's passwords, never used again */
	enum password_source source;
	struct text verifier;
	int64_t created;
};

struct account {
	struct text name; /* lower case */
	struct text as_typed;
	struct text label;
	struct text reason; /* of state */
	enum account_state state;
	int64_t created;
	int64_t last_login;
	struct password passwords[PASSWORDS_ALIVE]; /* the oldest first */
	size_t password_count;
	uint64_t last_password_number;
	struct account_settings settings;
	/* Rate: a bucket of microrecipients, which one message may leave in debt. */
	int64_t bucket;
	int64_t bucket_at; /* instant */
	int64_t day;       /* of used_today: days since 1970 */
	uint64_t used_today;
	bool usage_dirty;
	size_t sessions;
	/* Signatures have a bucket of their own: no room, not even a captured one, signs faster than its customers may
	 * send. */
	int64_t sign_bucket;
	int64_t sign_bucket_at;
	/* A chosen password that was right once: its MAC, so that the next login need not be hashed again. */
	uint8_t remembered[VERIFIER_SIZE];
	int64_t remembered_until;
};

struct accounts {
	struct map by_name;
	struct map grants; /* account NUL domain -> struct grant */
};

void accounts_init(struct accounts *accounts, uint64_t seed);
void accounts_deinit(struct accounts *accounts);

/* Is it a name an account may have? Like an e-mail address or a single word: printable ASCII without blanks. */
bool account_name_check(struct view name, struct view *why);
/* Lower case, ASCII. */
void account_name_lower(struct view name, struct text *lower);
struct account *accounts_find(const struct accounts *accounts, struct view name); /* any case; NULL: never heard of */
/* A new one, of a name that is not there. */
struct account *accounts_add(struct accounts *accounts, struct view name, struct view as_typed);
/* Takes the oldest's place when two are alive. */
void account_password_add(struct account *account, enum password_source source, struct view verifier,
                          int64_t created);
void account_passwords_end(struct account *account);
bool account_password_is_alive(const struct account *account, uint64_t number);

/* Takes n recipients from rate and quota, or tells how long to wait. n = 0 asks only. */
enum credit_result account_credit(struct account *account, const struct config *config, uint32_t recipients,
                                  int64_t now, int64_t wall, int64_t *wait);
/* Takes a small part of what is left, for a session that sends one message after another; how many recipients. */
uint32_t account_spare(struct account *account, const struct config *config);
/* Recipients that were taken and not used. */
void account_give_back(struct account *account, uint32_t recipients);
bool account_is_suspended(const struct account *account); /* or removed */
bool account_is_held(const struct account *account);
bool account_may_sign(struct account *account, const struct config *config, size_t signatures, int64_t now);

void accounts_grant(struct accounts *accounts, struct view account, struct view domain, int64_t until, int64_t now);
bool accounts_is_granted(const struct accounts *accounts, struct view account, struct view domain, int64_t now);
/* The accounts that hold a grant for the domain now. */
size_t accounts_granted_for(const struct accounts *accounts, struct view domain, int64_t now, struct view *names,
                            size_t most);

#endif

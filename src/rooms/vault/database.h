/* vault.db: accounts, their passwords' verifiers and settings, domains and their sealed private keys.
 * Promises: a change that returned true is on disk (WAL, synchronous FULL); one connection, used by one thread at a
 *   time: the start's, then the vault's database worker.
 * Does not know: limits, sessions, what a verifier means. All calls block. */
#ifndef ROOMS_VAULT_DATABASE_H
#define ROOMS_VAULT_DATABASE_H

#include "base/arena.h"
#include "questions/vault.h"

struct database;

/* NULL: *problem says why. */
struct database *database_open(const char *path, struct text *problem);
void database_close(struct database *database);
/* What tells the key file from others: the first one given stays. False: the database failed. */
bool database_mark_check(struct database *database, struct view mark, bool *is_same);

/* ---- accounts */

struct account_record {
	struct view name;
	struct view as_typed;
	struct view label;
	enum account_state state;
	struct view reason;
	int64_t created;
	int64_t last_login;
};
struct password_record {
	struct view account;
	enum password_source source;
	struct view verifier;
	int64_t created;
};
struct setting_record {
	struct view account;
	struct view key;
	struct view value;
};
struct usage_record {
	struct view account;
	int64_t day;
	uint64_t recipients;
};

/* Everything, at the start: each row is given to its function; views are lent for the call. */
struct database_reader {
	void *context;
	void (*account)(void *context, const struct account_record *record);
	void (*password)(void *context, const struct password_record *record); /* the oldest first */
	void (*setting)(void *context, const struct setting_record *record);
	void (*usage)(void *context, const struct usage_record *record);
};
bool database_read_all(struct database *database, const struct database_reader *reader);

bool database_account_add(struct database *database, const struct account_record *record,
                          const struct password_record *password);
bool database_account_state(struct database *database, struct view name, enum account_state state,
                            struct view reason);
/* Removal keeps the name, so that it is never given to anyone else, and nothing more. */
bool database_account_remove(struct database *database, struct view name);
bool database_account_label(struct database *database, struct view name, struct view label);
/* The last two passwords stay alive, older ones end. */
bool database_password_add(struct database *database, const struct password_record *password);
/* One verifier takes another's place (an imported one was rehashed). */
bool database_password_replace(struct database *database, struct view account, struct view old_verifier,
                               const struct password_record *password);
/* An empty value removes it. */
bool database_settings_set(struct database *database, const struct setting_record *records, size_t count);
bool database_usage_save(struct database *database, const struct usage_record *records, size_t count);
bool database_login_save(struct database *database, struct view account, int64_t when);

/* ---- domains */

struct key_record {
	struct view selector;
	enum dkim_algorithm algorithm;
	enum key_phase phase;
	int64_t since; /* wall time; 0: from the beginning */
	struct view public_key;
	struct view sealed; /* private key, DER, in a secretbox */
};
struct domain_record {
	struct view domain;
	struct view made_for;
	int64_t created;
	enum key_phase phase; /* of keys to be made */
	struct key_record keys[DOMAIN_KEYS_MOST];
	size_t key_count;
};
enum database_found { DATABASE_FOUND, DATABASE_ABSENT, DATABASE_FAILED };

/* Copies go to the arena. */
enum database_found database_domain_get(struct database *database, struct view domain, struct arena *arena,
                                        struct domain_record *record);
bool database_domain_add(struct database *database, const struct domain_record *record);
/* The old keys go, the new ones (NEXT) come. */
bool database_keys_rotate(struct database *database, const struct domain_record *record);
/* NEXT becomes ACTIVE, ACTIVE becomes OLD, and what was OLD goes. */
bool database_keys_activate(struct database *database, struct view domain, int64_t when);
bool database_domain_remove(struct database *database, struct view domain, bool *was_there);
/* How many domains were made for an account since then; false on failure. */
bool database_domains_made(struct database *database, struct view account, int64_t since, uint64_t *count);
/* A page of names after `after`; *count at most `most`. */
bool database_domain_page(struct database *database, struct view after, uint32_t most, struct arena *arena,
                          struct view **names, size_t *count);

#endif

/* The vault: owner of accounts, limits and private keys. It parses nothing that came from a network.
 * Promises: a login is good only for the connection that made it; a seal needs a live login of an active account and
 * a grant for the domain, and is counted; private keys and verifiers never leave. Does not know: SMTP, DNS. */
#ifndef ROOMS_VAULT_VAULT_H
#define ROOMS_VAULT_VAULT_H

#include "rooms/room.h"
#include "rooms/vault/accounts.h"
#include "rooms/vault/guesses.h"
#include "rooms/vault/keyring.h"

struct login {
	uint64_t number;
	uint64_t caller;
	struct account *account;
	struct link link; /* in vault->logins */
	int64_t credited; /* when a message was last paid for */
	uint32_t spare;   /* recipients that were given beyond it */
};

enum { LOGINS_MOST = 1000000 };

struct vault {
	struct world *world;
	struct log *log;
	const struct config *const *config; /* the one in force */
	struct vault_keys keys;
	struct database *database;
	struct worker *storage; /* the database's one thread */
	struct worker *hashers; /* Argon2id and crypt: slow, and hungry for memory, so only two at once */
	struct worker *signers;
	struct worker *makers;
	struct accounts accounts;
	struct guesses guesses;
	struct keyring keyring;
	struct map logins; /* number -> struct login */
	struct list login_list;
	size_t signing;        /* seals being made now */
	int64_t crowded_until; /* instant: till then several are expected to be made at once */
	struct {
		int64_t logins, wrong_logins, seals, refused_seals;
	} counters;
};

/* The core, for rooms and simulations alike. directory: where vault.db is. NULL: *problem. */
struct vault *vault_new(struct world *world, struct log *log, const struct config *const *config,
                        struct view key_file, const char *directory, struct text *problem);
void vault_free(struct vault *vault);

enum { VAULT_ANSWERER_COUNT = 12 };
extern const struct answerer vault_answerers[VAULT_ANSWERER_COUNT];
void vault_caller_gone(void *vault, const struct caller *caller);

/* Run until cancelled: writes what was used today. */
void vault_save_usage(void *vault);

/* For its own files. */
const struct config *vault_config(const struct vault *vault);
struct login *vault_login_find(struct vault *vault, const struct caller *caller, uint64_t number);
void vault_work(struct vault *vault, struct worker *worker, void (*run)(void *argument), void *argument);
void vault_answer_authenticate(void *room, const struct caller *caller, const void *request, void *answer,
                               struct arena *arena);
void vault_answer_credit(void *room, const struct caller *caller, const void *request, void *answer,
                         struct arena *arena);
void vault_answer_logout(void *room, const struct caller *caller, const void *request, void *answer,
                         struct arena *arena);
void vault_answer_sign(void *room, const struct caller *caller, const void *request, void *answer,
                       struct arena *arena);
void vault_answer_sign_service(void *room, const struct caller *caller, const void *request, void *answer,
                               struct arena *arena);
void vault_answer_domain_keys(void *room, const struct caller *caller, const void *request, void *answer,
                              struct arena *arena);
void vault_answer_grant(void *room, const struct caller *caller, const void *request, void *answer,
                        struct arena *arena);
void vault_answer_activate(void *room, const struct caller *caller, const void *request, void *answer,
                           struct arena *arena);
void vault_answer_account_change(void *room, const struct caller *caller, const void *request, void *answer,
                                 struct arena *arena);
void vault_answer_account_list(void *room, const struct caller *caller, const void *request, void *answer,
                               struct arena *arena);
void vault_answer_domain_list(void *room, const struct caller *caller, const void *request, void *answer,
                              struct arena *arena);
void vault_answer_domain_change(void *room, const struct caller *caller, const void *request, void *answer,
                                struct arena *arena);

#endif

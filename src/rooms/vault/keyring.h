/* The keyring: domains' private keys, opened when first needed and kept in memory up to a limit.
 * Promises: keys are made, opened and stored on workers, never on the loop; two who need one domain at once wait for
 *   the same work; at most KEYRING_MOST domains are held open, the longest unused goes first.
 * Does not know: accounts, grants: who may sign is decided before. */
#ifndef ROOMS_VAULT_KEYRING_H
#define ROOMS_VAULT_KEYRING_H

#include "base/list.h"
#include "base/map.h"
#include "mail/rsa_lanes.h"
#include "rooms/vault/database.h"
#include "rooms/vault/secrets.h"
#include "task/world.h"

enum { KEYRING_MOST = 16384 };

struct held_key {
	struct text selector;
	enum dkim_algorithm algorithm;
	enum key_phase phase;
	int64_t since;
	struct text public_key;
	EVP_PKEY *private_key;
	struct rsa_lane_key *lanes; /* the same for signing together; NULL: it cannot */
};

/* One domain's keys. Lent: good until the task that found it suspends, unless it is pinned. */
struct held_domain {
	struct link by_use;
	struct text name;
	struct text made_for;
	int64_t created;
	struct held_key keys[DOMAIN_KEYS_MOST];
	size_t key_count;
	unsigned pins;  /* signing with it right now */
	bool forgotten; /* removed while pinned: freed by the last unpin */
};

struct keyring {
	struct world *world;
	struct database *database;
	struct worker *storage; /* the database's one thread */
	struct worker *makers;  /* for making keys */
	const struct vault_keys *keys;
	struct map by_name;
	struct list by_use;    /* the longest unused first */
	struct signal changed; /* work on some domain has ended */
	struct map busy;       /* domains that somebody works on */
};

void keyring_init(struct keyring *keyring);
void keyring_deinit(struct keyring *keyring);

enum keyring_found { KEYRING_FOUND, KEYRING_ABSENT, KEYRING_FAILED };
/* Suspends when the domain is not held yet. */
enum keyring_found keyring_find(struct keyring *keyring, struct view domain, struct held_domain **found);
/* Suspends. Makes RSA-2048 at selector and Ed25519 at selector-ed, or takes the imported key (not freed here). */
struct keyring_new {
	struct view domain;
	struct view made_for;
	struct view selector;
	EVP_PKEY *imported; /* NULL: make the usual ones */
	enum dkim_algorithm imported_algorithm;
};
enum keyring_found keyring_add(struct keyring *keyring, const struct keyring_new *new_domain,
                               struct held_domain **added);
enum keyring_rotated { KEYS_ROTATED, KEYS_ABSENT, KEYS_FAILED, KEYS_UNDER_WAY, KEYS_TOO_SOON };
/* Suspends. Makes the next pair at selector, or at selector2 where that is in use. TOO_SOON: the pair before has
 * sealed less than `rest` ago, and its name is needed. */
enum keyring_rotated keyring_rotate(struct keyring *keyring, struct view domain, struct view selector, int64_t rest,
                                    struct held_domain **rotated);
/* Suspends. ABSENT: there is no next pair. */
enum keyring_found keyring_activate(struct keyring *keyring, struct view domain);
/* Suspends. */
enum keyring_found keyring_remove(struct keyring *keyring, struct view domain);
void keyring_pin(struct held_domain *domain);
void keyring_unpin(struct held_domain *domain);

#endif

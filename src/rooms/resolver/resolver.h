/* The resolver: the only room that asks DNS. It owns the rules for token, SPF, DKIM and DMARC, and the routes.
 * Promises: a failure of DNS is never a definitive no: the last definitive answer serves until dns.grace, then it is
 *   LATER; a check that failed is asked again past every cache after at most 30 s; one question of several askers is
 *   asked once.
 * Does not know: sessions; it holds nothing that cannot be asked again. */
#ifndef ROOMS_RESOLVER_RESOLVER_H
#define ROOMS_RESOLVER_RESOLVER_H

#include "base/map.h"
#include "base/random.h"
#include "mail/lookup.h"
#include "questions/queue.h"
#include "questions/resolver.h"
#include "rooms/resolver/keep.h"
#include "rooms/resolver/senders.h"
#include "rooms/room.h"

struct cache_entry;

enum { RESOLVER_NAMES_MOST = 100000 }; /* looked up and remembered */

struct resolver {
	struct world *world;
	struct log *log;
	const struct config *const *config;
	struct dns *dns;
	struct peer *vault;
	struct peer *queue; /* NULL: nobody is told that a token is back */
	struct senders *senders;
	struct map names;   /* "TYPE name" -> struct cache_entry */
	struct list by_use; /* of cache_entry; the longest unused first */
	size_t bytes;       /* of the answers remembered; bounded too */
	struct random random;
	struct keep *keep;           /* NULL: nothing outlives this life */
	struct task_group asking;    /* look-ups under way */
	unsigned own_servers_missed; /* those of so many zones, one after the other */
	uint64_t own_servers_zone;   /* a hash of the last of them */
	int64_t own_servers_from;    /* not asked before */
	struct map turns;            /* domain -> struct turn: whose next keys are looked for */
	struct map grants;           /* account NUL domain -> struct told_grant: what the vault was told */
	uint64_t vault_generation;   /* of the vault that was told */
	struct {
		int64_t verdicts, refused, later, queries, rechecks;
	} counters;
};

void resolver_init(struct resolver *resolver, struct world *world, struct log *log,
                   const struct config *const *config, struct dns *dns, struct peer *vault);
void resolver_deinit(struct resolver *resolver);

enum { RESOLVER_ANSWERER_COUNT = 6 };
extern const struct answerer resolver_answerers[RESOLVER_ANSWERER_COUNT];

/* ---- records.c: look-ups with cache, grace and re-asking */

enum freshness {
	FRESH_ENOUGH, /* from the cache while its time lasts */
	FRESH_RETRY,  /* a check failed with what is cached: ask past every cache, at most once in RETRY_AFTER */
	FRESH_AHEAD,  /* a re-check: past every cache, what will be too old soon */
	FRESH_NOW,    /* the doctor: past every cache, once an errand */
};

/* All look-ups of one question to the resolver together: how long they may last, and how many may go out. Beyond
 * that only what is remembered answers. */
struct errand {
	int64_t deadline; /* nobody waits longer; what is under way goes on, for the next to ask */
	unsigned queries_left;
	bool is_impatient;  /* was served an old answer: where another old one can serve, a new one is not waited for */
	bool is_kept;       /* the answers are worth more than this life of the room (keep.h) */
	int64_t began;      /* FRESH_NOW: what was asked since is fresh */
	int64_t good_until; /* the first of the answers' ends */
	int64_t refresh_at; /* when the first of the answers gets old, as re-checks see it */
};

enum errand_kind {
	ERRAND_MAIL,
	ERRAND_DATA,
	ERRAND_SEAL_KEY,
	ERRAND_MAY_SEND,
	ERRAND_RECHECK,
	ERRAND_ROUTE,
	ERRAND_DOCTOR
};
struct errand errand_begin(const struct resolver *resolver, enum errand_kind kind);

struct record_question {
	struct view name;
	enum dns_type type;
	enum freshness freshness;
	struct errand *errand;
	bool is_own; /* of the domain that is judged: RETRY and NOW may ask its zone's own servers */
};

/* Suspends, until the errand's deadline at most. The answer is a copy in the arena. A failed look-up is answered by
 * the last definitive answer within its grace. What cannot be a name (too long, an empty label, not printable) does
 * not exist. */
void records_lookup(struct resolver *resolver, const struct record_question *question, struct arena *arena,
                    struct dns_answer *answer);

/* What a former life kept, as old as it is. Suspends. */
void records_restore(struct resolver *resolver);
/* Everything is asked again; what was answered serves on while DNS fails. */
void records_expire(struct resolver *resolver);

/* Tells the vault that account may seal as domain, unless it knows that for a while yet; or takes it back. Suspends.
 */
void grants_tell(struct resolver *resolver, struct view account, struct view domain, bool granted);
void grants_forget(struct resolver *resolver);

/* ---- findings.c: one domain, judged */

struct finding {
	enum check check;
	enum check_state state;
	struct view name; /* where the record belongs */
	struct view seen[SEEN_MOST];
	size_t seen_count;
	struct view expected; /* value */
	struct view fix;      /* value to publish */
	bool replaces;        /* "Replace with", not "Publish" */
	struct view remove;   /* the record that has to go first, as NAME CNAME TARGET; empty: none */
	struct view record;   /* DKIM: the one that passes */
	struct view problem;  /* one clause: "SPF does not include this service." */
	struct view detail;
	struct enhanced_status status; /* of the refusal */
};

struct who {
	struct view domain;
	struct view account;
	struct view as_typed;
	struct errand *errand;      /* of the look-ups */
	struct server_talk *server; /* what is in its zone is asked of it alone; NULL: of the resolver */
	bool known_keys_only;       /* none are made */
};

/* Each suspends; what they find lives in the arena. */
void find_token(struct resolver *resolver, const struct who *who, enum freshness freshness, struct arena *arena,
                struct finding *finding);
void find_spf(struct resolver *resolver, const struct who *who, enum freshness freshness, struct arena *arena,
              struct finding *finding);
void find_dkim(struct resolver *resolver, const struct who *who, enum freshness freshness, struct arena *arena,
               struct finding *finding, struct usable_key *usable, size_t *usable_count);
void find_dmarc(struct resolver *resolver, const struct who *who, enum freshness freshness, struct arena *arena,
                struct finding *finding);
/* One of the domain's keys. */
void find_key(struct resolver *resolver, const struct who *who, const struct public_key *key,
              enum freshness freshness, struct arena *arena, struct finding *finding);
/* What the vault holds for the domain. */
enum domain_keys_result find_keys(struct resolver *resolver, const struct who *who, struct arena *arena,
                                  struct domain_keys_answer *answer);
/* The first key of that phase that decides: RSA, or where there is none Ed25519. NULL: there is none. */
const struct public_key *key_of_phase(const struct domain_keys_answer *keys, enum key_phase phase);

/* ---- misplaced.c, for the doctor: why a check failed is told in finding->detail */

/* The record stands at a wrong name, or a wildcard answers for it. Suspends. */
void find_misplaced(struct resolver *resolver, const struct who *who, struct arena *arena, struct finding *finding);
/* An alias stands at the name, and nothing can be published there; or there is no such domain. Suspends. */
void find_obstacle(struct resolver *resolver, const struct who *who, struct arena *arena, struct finding *finding);
/* One of the four. *usable has SEALS_MOST places. */
void find_once(struct resolver *resolver, const struct who *who, enum check check, enum freshness freshness,
               struct arena *arena, struct finding *finding, struct usable_key *usable, size_t *usable_count);
/* Asks with what is cached; where that does not pass, again past the caches. */
void find_check(struct resolver *resolver, const struct who *who, enum check check, struct arena *arena,
                struct finding *finding, struct usable_key *usable, size_t *usable_count);

/* ---- turns.c: a domain's next key seals as soon as all of its own name servers show it */

/* Looks in the background, at most once a minute for a domain. */
void turn_look(struct resolver *resolver, struct view domain);
/* They have all been seen to show it. Suspends. False: the vault did not turn. */
bool turn_make(struct resolver *resolver, struct view domain);
void turns_forget(struct resolver *resolver);

void resolver_answer_verdict(void *room, const struct caller *caller, const void *request, void *answer,
                             struct arena *arena);
void resolver_answer_seal_key(void *room, const struct caller *caller, const void *request, void *answer,
                              struct arena *arena);
void resolver_answer_may_send(void *room, const struct caller *caller, const void *request, void *answer,
                              struct arena *arena);
void resolver_answer_route(void *room, const struct caller *caller, const void *request, void *answer,
                           struct arena *arena);
void resolver_answer_check(void *room, const struct caller *caller, const void *request, void *answer,
                           struct arena *arena);
void resolver_answer_records(void *room, const struct caller *caller, const void *request, void *answer,
                             struct arena *arena);

#endif

/* A resolver in a world of its own, for its tests: DNS is a table, the vault answers from a list, time stands still
 * until somebody waits.
 * Promises: every run is the same; a question that can never be answered fails the test.
 * Does not know: what is asked. Only tests include it. */
#ifndef ROOMS_RESOLVER_SCENE_H
#define ROOMS_RESOLVER_SCENE_H

#include "base/testing.h"
#include "config/config.h"
#include "rooms/resolver/resolver.h"

enum { SCENE_RECORDS_MOST = 5200, SCENE_KEYS_MOST = 4, SCENE_GRANTS_MOST = 64 };

struct scene_record {
	struct view name;
	enum dns_type type;
	enum dns_status status;
	struct view data; /* A and AAAA as text */
	uint16_t preference;
	uint32_t ttl;
	bool through_alias;
};

struct scene_grant {
	char account[64];
	char domain[256];
	int64_t duration;
};

struct scene {
	struct world world;
	int64_t now;
	uint64_t dice;
	struct config *config;
	const struct config *in_force;
	struct log log;
	struct dns dns;
	struct scene_record records[SCENE_RECORDS_MOST];
	size_t record_count;
	int64_t latency; /* of every look-up */
	bool is_silent;  /* no look-up is answered: it fails at its deadline */
	size_t asked;    /* look-ups so far */
	size_t asked_fresh;
	struct public_key keys[SCENE_KEYS_MOST];
	size_t key_count;
	enum domain_keys_result keys_result;
	struct scene_grant grants[SCENE_GRANTS_MOST];
	size_t grant_count;
	struct service vault_service;
	struct service queue_service;
	struct peer *queue;
	struct text events;
	size_t released; /* how often the queue was told of a token */
	struct service service;
	struct peer *vault;  /* as the resolver sees it */
	struct peer *asking; /* the resolver, as the others see it */
	struct resolver resolver;
	const char *directory; /* of what is kept; NULL: nothing is */
	struct arena arena;    /* of all answers */
};

/* more: YAML beside the service's; "" for none. */
struct scene *scene_new(struct view more);
void scene_free(struct scene *scene);
/* From here on answers are kept in the directory. */
void scene_keep(struct scene *scene, const char *directory);
/* The resolver ends in order and begins anew, with what was kept alone. */
void scene_restart(struct scene *scene);

/* Texts are lent for the scene's life. */
void scene_publish(struct scene *scene, enum dns_type type, struct view name, struct view data);
void scene_publish_mx(struct scene *scene, struct view name, uint16_t preference, struct view host);
void scene_withdraw(struct scene *scene, struct view name);       /* all records of the name */
void scene_withdraw_text(struct scene *scene, struct view start); /* all texts that start so */
/* Every look-up of the name fails (or says NODATA, NXDOMAIN), until it is withdrawn. */
void scene_answer(struct scene *scene, struct view name, enum dns_status status);
/* All that example.com needs to pass for steve.mailer@mycorp.se. */
void scene_publish_all(struct scene *scene, struct view domain);
struct view scene_key_record(struct scene *scene, size_t key);

/* Authorised senders are looked at again from here on. */
void scene_recheck(struct scene *scene);
/* Time goes on, until `duration` later. */
void scene_wait(struct scene *scene, int64_t duration);
/* How often the event was told since the beginning. */
size_t scene_events(const struct scene *scene, const char *event);

/* Starts run(argument) as a task and lets time go on until it has ended. */
void scene_run(struct scene *scene, void (*run)(void *argument), void *argument);
/* Each of the count arguments (size bytes each) is a task; all run at once. */
void scene_run_all(struct scene *scene, void (*run)(void *argument), void *arguments, size_t size, size_t count);

struct verdict_answer scene_verdict(struct scene *scene, const struct verdict_request *request);
struct may_send_answer scene_may_send(struct scene *scene, struct view domain);
struct check_answer scene_check(struct scene *scene, struct view domain);

#define SCENE_ACCOUNT "steve.mailer@mycorp.se"

#endif

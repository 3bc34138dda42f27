/* The real delivery core in a simulated world, with mail servers that do as they like; queue and resolver are
 * answered here. Tests only.
 * Promises: the same scripts make the same talks; a line that no script expects fails the test.
 * Does not know: what is delivered, and what ought to become of it. */
#ifndef ROOMS_DELIVERY_TALK_SCENE_H
#define ROOMS_DELIVERY_TALK_SCENE_H

#include "base/testing.h"
#include "rooms/delivery/delivery.h"
#include "task/talk.h"

enum { HOSTS = 2, TALKS_MOST = 12, RECIPIENTS = 3, JOBS = 3, HELLO_LEASE = 1000 };

struct scene;

/* A mail server: its n-th connection plays the n-th script, the last one again and again. */
struct host {
	struct scene *scene;
	struct listener *listener;
	const char *scripts[TALKS_MOST];
	struct talk talks[TALKS_MOST];
	size_t connections;
};

struct scene {
	struct sim *sim;
	struct world *room, *mx;
	struct config *config;
	const struct config *in_force;
	struct log log;
	struct delivery delivery;
	struct tls_context *room_tls, *mx_tls;
	struct host hosts[HOSTS];
	size_t host_count; /* of the route */
	struct peer *queue, *resolver, *vault;
	struct service services[3];
	/* what the queue gives, and is told */
	size_t job_count, given, reported;
	bool at_once;        /* the jobs are given as they are asked for; else one after the other */
	size_t most_at_once; /* running when more was asked for */
	size_t recipient_count;
	struct view content;
	enum fate fates[JOBS][RECIPIENTS];
	uint16_t codes[JOBS][RECIPIENTS];
	struct text last_report; /* dialogue */
	int64_t reported_at;
	bool rested; /* the site, then */
	enum permission permission;
	int64_t hello_takes; /* then all that was told gets a lease from HELLO_LEASE on */
	size_t given_back;   /* of these */
};

/* Of a host, from 0 on. */
struct endpoint scene_host_address(size_t host);
void scene_begin(struct scene *scene);
/* The delivery starts; what follows is the simulation's to run. */
void scene_start(struct scene *scene);
/* Starts it, plays until all is reported, and on until idle sessions have been closed. */
void scene_play(struct scene *scene);
/* The queue was started anew. */
void scene_queue_restarts(struct scene *scene);
void scene_end(struct scene *scene, const char *name);

#endif

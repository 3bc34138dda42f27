/* Delivery: pulls work from the queue and speaks SMTP with the world (RFC 5321). Holds nothing durable.
 * Promises: every recipient of a job is reported; what happened is told in the remote's own words; bounded memory a
 *   session.
 * Does not know: DNS, keys, what is in the queue: it asks. */
#ifndef ROOMS_DELIVERY_DELIVERY_H
#define ROOMS_DELIVERY_DELIVERY_H

#include "base/map.h"
#include "questions/queue.h"
#include "rooms/room.h"

/* What runs; a job more is taken while it is below both. */
enum { JOBS_MOST = 1000, JOB_BYTES_MOST = 128 * 1024 * 1024 };
enum { SITES_MOST = 100000, CLEAR_HOSTS_MOST = 10000 };

struct delivery {
	struct world *world;
	struct log *log;
	const struct config *const *config;
	struct peer *queue, *resolver, *vault;
	struct tls_context *tls; /* NULL: no TLS */
	struct map sites;        /* name -> struct site */
	struct map clear_hosts;  /* hosts whose TLS failed lately -> struct clear_host */
	struct task_group jobs;
	struct list running;  /* of struct delivery_job */
	size_t running_bytes; /* of their messages */
	size_t bytes_most;    /* JOB_BYTES_MOST, but in tests */
	struct signal job_ended;
	uint64_t queue_generation;
	bool stopping;
	struct {
		int64_t delivered, deferred, bounced, captured, connections;
	} counters;
};

struct delivery_peers {
	struct peer *queue, *resolver, *vault;
};

void delivery_init(struct delivery *delivery, struct world *world, struct log *log,
                   const struct config *const *config, const struct delivery_peers *peers, struct tls_context *tls);
void delivery_deinit(struct delivery *delivery);
/* Takes work until cancelled. */
void delivery_run(void *delivery);
/* Takes nothing new; waits for what runs, until the deadline. Suspends. */
void delivery_stop(struct delivery *delivery, int64_t deadline);

/* ---- a job */

/* What became of one recipient. */
struct recipient_result {
	enum fate fate;
	struct verdict verdict; /* why is in the job's arena */
};

struct delivery_job {
	struct delivery *delivery;
	struct link link; /* in delivery->running */
	struct arena arena;
	struct job job;
	uint8_t attempt[16];
	int64_t began;
	struct recipient_result *results; /* one for each of job.recipients */
	/* for the report */
	struct view site;
	struct view remote;
	struct view tls;
	struct text dialogue;
	int64_t not_before; /* 0: as the queue thinks right */
};

void job_run(void *job);
void job_result_all(struct delivery_job *job, enum fate fate, struct verdict verdict);
/* Suspends until the queue has taken it. */
void job_report(struct delivery_job *job);
void notice_run(struct delivery_job *job);

/* ---- sites */

struct site {
	struct text name;
	size_t sessions;  /* open or being opened */
	struct list idle; /* of struct client */
	struct signal freed;
	int64_t back_off_until;
	unsigned failures;
	struct text reason; /* of the back-off */
};

struct site *delivery_site(struct delivery *delivery, struct view name);
void delivery_site_failed(struct delivery *delivery, struct site *site, struct view reason);
void delivery_site_worked(struct site *site);
bool delivery_site_is_resting(const struct delivery *delivery, const struct site *site);
void delivery_sites_free(struct delivery *delivery);
void delivery_sites_close_idle(struct delivery *delivery, int64_t idle_since);

#define STATUS(class, subject, detail) ((struct enhanced_status){ (class), (subject), (detail) })

#endif

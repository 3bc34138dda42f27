/* The queue: what is tried when, by whom, and what became of it.
 * Promises: a message is acknowledged only when the store has it; each recipient ends once; every one that did not
 * end well leaves a notice owed to the sender in the same record; what the memory holds follows from what the store
 *   says is durable, never from what was asked for.
 * Does not know: SMTP, DNS, what is in a message. */
#ifndef ROOMS_QUEUE_QUEUE_H
#define ROOMS_QUEUE_QUEUE_H

#include "base/log.h"
#include "base/random.h"
#include "config/config.h"
#include "questions/common.h"
#include "questions/queue.h"
#include "rooms/queue/lanes.h"
#include "store/store.h"

/* Jobs of one delivery process at a site that has not answered yet. */
#define SHARE_FIRST 5u

/* What a delivery process is busy with. */
struct lease {
	uint64_t number;
	struct caller caller;
	enum job_kind kind;
	struct message_id id;
	struct list rows; /* JOB_MESSAGE */
	struct share *share;
	bool adopted; /* of a former life: not given out by this queue */
	enum store_notice notice;
	uint32_t *indexes; /* JOB_NOTICE: what the notice tells of */
	size_t index_count;
};

/* A notice that is owed, until it is paid. */
struct debt {
	struct heap_node due;
	struct store_debt_key key;
	bool leased;
	bool again; /* more is owed since it was leased */
};

struct queue_counters {
	int64_t accepted_messages;
	int64_t accepted_recipients;
	int64_t fates[FATE_SUPPRESSED + 1];
	int64_t refused_full;
	int64_t notices;
};

struct queue {
	struct world *world;
	struct log *log;
	const struct config *const *config;
	struct store *store;
	struct lanes lanes;
	struct map leases; /* by number */
	struct map shares; /* by caller and site */
	uint64_t next_lease;
	struct map suspects; /* by message id */
	struct map debts;    /* by key */
	struct heap debts_due;
	bool debts_left;  /* in the store, more than are here */
	struct map sites; /* domain to the site it was last seen at */
	struct random random;
	struct signal work_ready;   /* something can be taken */
	struct signal wake_changed; /* a lane, or a debt, is due earlier than the waker thinks */
	struct signal load_wanted;
	struct signal changed; /* rows that were on their way to the disk have arrived */
	struct task_group tasks;
	int64_t opened; /* instant: until a moment after it, takes wait for the others' hello */
	bool stopping;
	void (*failed)(void *context); /* the disk failed: the room should end */
	void *failed_context;
	struct queue_counters counters;
};

/* Suspends while the store replays. config: the room's, as reloaded. NULL: *problem. */
struct queue *queue_new(struct world *world, struct log *log, const struct config *const *config,
                        const char *directory, struct text *problem);
void queue_stop(struct queue *queue); /* suspends: takes nothing new, applies what is under way */
void queue_free(struct queue *queue); /* after queue_stop, or when all tasks of its world were cancelled and ended */

#define QUEUE_ANSWERER_COUNT 13u
extern const struct answerer queue_answerers[QUEUE_ANSWERER_COUNT];
void queue_caller_gone(void *queue, const struct caller *caller);
size_t queue_counters_write(void *queue, struct counter *into, size_t most, struct arena *arena);

#endif

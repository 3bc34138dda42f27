/* The inside of the real world, for its own files.
 * Promises: only the thread of the world touches anything here but the completions, which have a lock.
 * Does not know: rooms. */
#ifndef TASK_WORLD_REAL_H
#define TASK_WORLD_REAL_H

#include "task/world.h"

#include <pthread.h>

/* libev's header is not written for our warnings, and its macros use memmove. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#undef memmove
#include <ev.h>
#pragma GCC diagnostic pop

struct real_world {
	struct world world;
	struct world_operations operations;
	struct ev_loop *loop;
	struct ev_timer timer;
	struct ev_async work_done;
	pthread_mutex_t lock; /* of done */
	struct list done;     /* work that threads have finished */
	bool stopped;
	char random[256]; /* got at once from the system; what was given out is zero */
	size_t random_used;
};

void completions_init(struct real_world *real);
void completions_deinit(struct real_world *real);
void worker_collect(struct real_world *real);
void real_work(struct world *world, struct worker *worker, void (*run)(void *argument), void *argument);

enum connect_result real_connect(struct world *world, const struct endpoint *remote, const struct endpoint *local,
                                 int64_t deadline, struct connection **connection);
enum wait_result real_accept(struct world *world, struct listener *listener, int64_t deadline,
                             struct connection **connection);

#endif

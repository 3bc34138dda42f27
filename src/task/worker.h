/* A worker, as the worlds see it.
 * Promises: what waits is taken in order of arrival, no thread is woken for what one that wakes already will take.
 * Does not know: what it runs. For task/ alone. */
#ifndef TASK_WORKER_H
#define TASK_WORKER_H

#include "task/world.h"

#include "base/list.h"

#include <pthread.h>

enum { WORKER_THREADS_MOST = 64 };

struct real_world;

struct worker {
	struct list waiting; /* jobs of the world's own kind */
	unsigned threads;    /* how many may run at once */
	struct worker_group group;
	/* of the real world */
	struct real_world *real;
	pthread_mutex_t lock; /* of waiting, asleep, called and ending */
	pthread_cond_t filled;
	unsigned asleep;
	unsigned called; /* woken, and not there yet */
	bool ending;
	unsigned thread_count;
	pthread_t running[WORKER_THREADS_MOST];
};

#endif

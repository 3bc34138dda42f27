/* Tasks: many straight-line activities in one thread. Each runs on a stack of its own until it waits.
 * Promises: one task runs at a time; it gives way only inside functions that say "suspends"; every wait has a
 *   deadline and ends early with WAIT_CANCELLED once the task is cancelled, and so does every later one, so that a
 *   cancelled task unwinds by ordinary returns. Stacks have a guard page; AddressSanitizer, LeakSanitizer and
 *   Valgrind know of them. Timers live here, not in the event loop.
 * Does not know: sockets, rooms, mail. */
#ifndef TASK_TASK_H
#define TASK_TASK_H

#include "base/clock.h"
#include "base/list.h"

struct scheduler;
struct task;
struct world;

enum wait_result {
	WAIT_DONE,
	WAIT_LATE,      /* the deadline came first */
	WAIT_CANCELLED, /* task_cancel on the waiting task */
};

/* A scheduler lives in a world and takes its time from there. */
struct scheduler *scheduler_new(struct world *world);
void scheduler_free(struct scheduler *scheduler); /* all tasks must have ended */
/* Runs what is due and what is ready, for some rounds. Returns the next moment something is due: now when tasks are
 * still ready, NEVER_DUE when nothing is. Called by the world's loop, never by a task. */
int64_t scheduler_run(struct scheduler *scheduler);
bool scheduler_is_ready(const struct scheduler *scheduler); /* a task can run at once */
size_t scheduler_task_count(const struct scheduler *scheduler);
void scheduler_cancel_all(struct scheduler *scheduler);

/* Starts run(argument) as a task of the world; it runs when the caller next gives way. name is a literal (or lives
 * as long as the task), shown in traces. The task is freed when run returns; the pointer is good for task_cancel
 * until then. */
struct task *task_start(struct world *world, const char *name, void (*run)(void *argument), void *argument);
struct task *task_current(void);     /* NULL outside tasks */
void task_cancel(struct task *task); /* at its next or present wait; harmless twice */
bool task_is_cancelled(void);        /* the running one */
/* Suspends until the deadline, or earlier when cancelled (then WAIT_CANCELLED). */
enum wait_result task_sleep_until(int64_t deadline);
enum wait_result task_sleep(struct world *world, int64_t duration);
void task_yield(void); /* suspends until the others that are ready have run */

/* A signal: tasks wait for it, another one (or the loop) gives it. The owner guards against missed wake-ups by
 * checking its own condition around the wait:
 *     while (!condition) if (signal_wait(&signal, deadline) != WAIT_DONE) leave;
 * Zero value is ready to use after signal_init. */
struct signal {
	struct list waiting;
};
void signal_init(struct signal *signal);
enum wait_result signal_wait(struct signal *signal, int64_t deadline); /* suspends */
void signal_wake_one(struct signal *signal);
void signal_wake_all(struct signal *signal);

/* A group of tasks that end together: what a room starts, it counts here. */
struct task_group {
	struct list tasks;
	struct signal ended;
};
void task_group_init(struct task_group *group);
struct task *task_group_start(struct task_group *group, struct world *world, const char *name,
                              void (*run)(void *argument), void *argument);
void task_group_cancel(struct task_group *group);
enum wait_result task_group_wait(struct task_group *group, int64_t deadline); /* suspends until all have ended */

#endif

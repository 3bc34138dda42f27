/* Parking: what waits in task/ are made of, and what only worlds do to a scheduler.
 * Promises: a parked task is woken once, with one result; whoever unparks it need not know what else it waited for.
 * Does not know: why a task waits. For task/ and net/ alone. */
#ifndef TASK_PARK_H
#define TASK_PARK_H

#include "base/random.h"
#include "task/task.h"

/* Suspends the running task until task_unpark, its deadline (WAIT_LATE) or its cancellation. An uncancellable one
 * waits for task_unpark alone. waiter (may be NULL) is taken out of list as soon as the task is woken by whatever. */
enum wait_result task_park(int64_t deadline, struct list *list, struct link *waiter);
enum wait_result task_park_uncancellable(void);
void task_unpark(struct task *task); /* WAIT_DONE; harmless when it is woken already */
/* The same until the deadline: WAIT_LATE then, WAIT_DONE when unparked. */
enum wait_result task_park_uncancellable_until(int64_t deadline);
/* From now on the tasks that are ready run in an order that random chooses. Lent. */
void scheduler_shuffle(struct scheduler *scheduler, struct random *random);

#endif

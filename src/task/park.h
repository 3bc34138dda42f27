/* Parking: what waits in task/ are made of.
 * Promises: a parked task is woken once, with one result; whoever unparks it need not know what else it waited for.
 * Does not know: why a task waits. For task/ and net/ alone. */
#ifndef TASK_PARK_H
#define TASK_PARK_H

#include "task/task.h"

/* Suspends the running task until task_unpark, its deadline (WAIT_LATE) or its cancellation. An uncancellable one
 * waits for task_unpark alone. waiter (may be NULL) is taken out of list as soon as the task is woken by whatever. */
enum wait_result task_park(int64_t deadline, struct list *list, struct link *waiter);
enum wait_result task_park_uncancellable(void);
void task_unpark(struct task *task); /* WAIT_DONE; harmless when it is woken already */

#endif

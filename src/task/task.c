#include "task/task.h"

#include "base/heap.h"
#include "base/must.h"
#include "task/park.h"
#include "task/switch.h"
#include "task/world.h"

enum {
	STACKS_KEPT = 256,
	ROUNDS_MOST = 8, /* of ready tasks before the loop looks at the world again */
};

enum task_state { TASK_READY, TASK_RUNNING, TASK_WAITING, TASK_ENDED };

struct task {
	struct link all;   /* in scheduler->tasks */
	struct link ready; /* in scheduler->ready */
	struct link in_group;
	struct heap_node timer;
	struct scheduler *scheduler;
	struct task_group *group;
	const char *name; /* for whoever looks with a debugger */
	void (*run)(void *argument);
	void *argument;
	struct stack stack;
	enum task_state state;
	enum wait_result woken; /* what the wait returns */
	struct list *waiter_list;
	struct link *waiter;
	bool cancelled;
	bool cancellable;
};

struct scheduler {
	struct world *world;
	struct list tasks;
	struct list ready;
	struct heap timers;
	struct stack thread; /* where scheduler_run runs */
	struct stack kept[STACKS_KEPT];
	size_t kept_count;
	struct random *random; /* NULL: first come, first served */
};

/* The one mutable global of the program. */
static _Thread_local struct task *running;

struct scheduler *scheduler_new(struct world *world)
{
	struct scheduler *scheduler = must_alloc(1, sizeof(*scheduler));
	scheduler->world = world;
	list_init(&scheduler->tasks);
	list_init(&scheduler->ready);
	stack_init_thread(&scheduler->thread);
	return scheduler;
}

void scheduler_free(struct scheduler *scheduler)
{
	must(list_is_empty(&scheduler->tasks));
	while (scheduler->kept_count > 0)
		stack_unmap(&scheduler->kept[--scheduler->kept_count]);
	heap_deinit(&scheduler->timers);
	stack_deinit_thread(&scheduler->thread);
	free(scheduler);
}

/* ---- a task's life */

static void task_main(void)
{
	struct task *task = running;
	stack_arrived(&task->stack, &task->scheduler->thread);
	task->run(task->argument);
	task->state = TASK_ENDED;
	stack_switch(&task->stack, &task->scheduler->thread, 1);
	must(task->state != TASK_ENDED); /* it runs again: whoever switched to it is wrong */
}

static void stack_take(struct scheduler *scheduler, struct stack *stack)
{
	if (scheduler->kept_count > 0)
		*stack = scheduler->kept[--scheduler->kept_count];
	else
		stack_map(stack);
}

static void stack_give_back(struct scheduler *scheduler, struct stack *stack)
{
	stack_retire(stack);
	if (scheduler->kept_count < STACKS_KEPT)
		scheduler->kept[scheduler->kept_count++] = *stack;
	else
		stack_unmap(stack);
}

struct task *task_start(struct world *world, const char *name, void (*run)(void *argument), void *argument)
{
	struct scheduler *scheduler = world->scheduler;
	struct task *task = must_alloc(1, sizeof(*task));
	*task = (struct task){ .scheduler = scheduler, .name = name, .run = run, .argument = argument };
	stack_take(scheduler, &task->stack);
	stack_prepare(&task->stack, task_main);
	list_add_last(&scheduler->tasks, &task->all);
	list_add_last(&scheduler->ready, &task->ready);
	return task;
}

static void task_end(struct task *task)
{
	struct scheduler *scheduler = task->scheduler;
	list_remove(&scheduler->tasks, &task->all);
	if (task->group != NULL) {
		list_remove(&task->group->tasks, &task->in_group);
		if (list_is_empty(&task->group->tasks))
			signal_wake_all(&task->group->ended);
	}
	stack_give_back(scheduler, &task->stack);
	free(task);
}

static void task_go_on(struct scheduler *scheduler, struct task *task)
{
	struct task *before = running;
	task->state = TASK_RUNNING;
	running = task;
	stack_switch(&scheduler->thread, &task->stack, 0);
	running = before;
	if (task->state == TASK_ENDED)
		task_end(task);
}

/* ---- waiting */

static void task_wake(struct task *task, enum wait_result result)
{
	if (task->state != TASK_WAITING)
		return;
	heap_remove(&task->scheduler->timers, &task->timer);
	if (task->waiter != NULL && link_is_listed(task->waiter))
		list_remove(task->waiter_list, task->waiter);
	task->waiter = NULL;
	task->state = TASK_READY;
	task->woken = result;
	list_add_last(&task->scheduler->ready, &task->ready);
}

static enum wait_result park(int64_t deadline, struct list *list, struct link *waiter, bool cancellable)
{
	struct task *task = running;
	must(task != NULL);
	if (task->cancelled && cancellable)
		return WAIT_CANCELLED;
	task->state = TASK_WAITING;
	task->cancellable = cancellable;
	task->waiter_list = list;
	task->waiter = waiter;
	if (waiter != NULL)
		list_add_last(list, waiter);
	if (deadline != NEVER_DUE)
		heap_add(&task->scheduler->timers, &task->timer, deadline);
	stack_switch(&task->stack, &task->scheduler->thread, 0);
	return task->woken;
}

enum wait_result task_park(int64_t deadline, struct list *list, struct link *waiter)
{
	return park(deadline, list, waiter, true);
}

enum wait_result task_park_uncancellable(void)
{
	return park(NEVER_DUE, NULL, NULL, false);
}

enum wait_result task_park_uncancellable_until(int64_t deadline)
{
	return park(deadline, NULL, NULL, false);
}

void task_unpark(struct task *task)
{
	task_wake(task, WAIT_DONE);
}

struct task *task_current(void)
{
	return running;
}

void task_cancel(struct task *task)
{
	task->cancelled = true;
	if (task->state == TASK_WAITING && task->cancellable)
		task_wake(task, WAIT_CANCELLED);
}

bool task_is_cancelled(void)
{
	return running != NULL && running->cancelled;
}

enum wait_result task_sleep_until(int64_t deadline)
{
	const enum wait_result result = task_park(deadline, NULL, NULL);
	return result == WAIT_LATE ? WAIT_DONE : result;
}

enum wait_result task_sleep(struct world *world, int64_t duration)
{
	return task_sleep_until(world_now(world) + duration);
}

void task_yield(void)
{
	struct task *task = running;
	must(task != NULL);
	task->state = TASK_READY;
	list_add_last(&task->scheduler->ready, &task->ready);
	stack_switch(&task->stack, &task->scheduler->thread, 0);
}

/* ---- the scheduler's round */

static void wake_due(struct scheduler *scheduler)
{
	struct heap_node *first = heap_first(&scheduler->timers);
	if (first == NULL)
		return;
	const int64_t now = world_now(scheduler->world);
	for (; first != NULL && first->key <= now; first = heap_first(&scheduler->timers))
		task_wake(HEAP_OWNER(first, struct task, timer), WAIT_LATE);
}

void scheduler_shuffle(struct scheduler *scheduler, struct random *random)
{
	scheduler->random = random;
}

static void shuffle_ready(struct scheduler *scheduler)
{
	const size_t count = scheduler->ready.count;
	struct link **links = must_alloc(count, sizeof(struct link *));
	for (size_t i = 0; i < count; i++)
		links[i] = list_take_first(&scheduler->ready);
	for (size_t left = count; left > 0; left--) {
		const size_t chosen = random_below(scheduler->random, left);
		list_add_last(&scheduler->ready, links[chosen]);
		links[chosen] = links[left - 1];
	}
	free(links);
}

int64_t scheduler_run(struct scheduler *scheduler)
{
	wake_due(scheduler);
	for (unsigned round = 0; round < ROUNDS_MOST && !list_is_empty(&scheduler->ready); round++) {
		if (scheduler->random != NULL)
			shuffle_ready(scheduler);
		for (size_t count = scheduler->ready.count; count > 0 && !list_is_empty(&scheduler->ready); count--)
			task_go_on(scheduler, LIST_OWNER(list_take_first(&scheduler->ready), struct task, ready));
	}
	if (!list_is_empty(&scheduler->ready))
		return world_now(scheduler->world);
	const struct heap_node *first = heap_first(&scheduler->timers);
	return first == NULL ? NEVER_DUE : first->key;
}

bool scheduler_is_ready(const struct scheduler *scheduler)
{
	return !list_is_empty(&scheduler->ready);
}

size_t scheduler_task_count(const struct scheduler *scheduler)
{
	return scheduler->tasks.count;
}

void scheduler_cancel_all(struct scheduler *scheduler)
{
	struct link *link = list_first(&scheduler->tasks);
	for (; link != NULL; link = list_next(&scheduler->tasks, link))
		task_cancel(LIST_OWNER(link, struct task, all));
}

/* ---- signals */

struct waiter {
	struct link link;
	struct task *task;
};

void signal_init(struct signal *signal)
{
	list_init(&signal->waiting);
}

enum wait_result signal_wait(struct signal *signal, int64_t deadline)
{
	struct waiter waiter = { .task = running };
	return task_park(deadline, &signal->waiting, &waiter.link);
}

void signal_wake_one(struct signal *signal)
{
	struct link *first = list_first(&signal->waiting);
	if (first != NULL)
		task_unpark(LIST_OWNER(first, struct waiter, link)->task);
}

void signal_wake_all(struct signal *signal)
{
	while (!list_is_empty(&signal->waiting))
		signal_wake_one(signal);
}

/* ---- groups */

void task_group_init(struct task_group *group)
{
	list_init(&group->tasks);
	signal_init(&group->ended);
}

struct task *task_group_start(struct task_group *group, struct world *world, const char *name,
                              void (*run)(void *argument), void *argument)
{
	struct task *task = task_start(world, name, run, argument);
	task->group = group;
	list_add_last(&group->tasks, &task->in_group);
	return task;
}

void task_group_cancel(struct task_group *group)
{
	struct link *link = list_first(&group->tasks);
	for (; link != NULL; link = list_next(&group->tasks, link))
		task_cancel(LIST_OWNER(link, struct task, in_group));
}

enum wait_result task_group_wait(struct task_group *group, int64_t deadline)
{
	while (!list_is_empty(&group->tasks)) {
		const enum wait_result result = signal_wait(&group->ended, deadline);
		if (result != WAIT_DONE)
			return result;
	}
	return WAIT_DONE;
}

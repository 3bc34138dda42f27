/* The real world: libev tells what is ready, task/ keeps the time. */
#include "task/world_real.h"

#include "base/bytes.h"
#include "base/must.h"
#include "task/park.h"

#include <errno.h>
#include <signal.h>
#include <sys/random.h>
#include <time.h>

static int64_t clock_read(clockid_t clock)
{
	struct timespec time;
	must(clock_gettime(clock, &time) == 0);
	return (int64_t)time.tv_sec * SECOND + time.tv_nsec / 1000;
}

static int64_t real_now(struct world *world)
{
	(void)world;
	return clock_read(CLOCK_BOOTTIME);
}

static int64_t real_wall(struct world *world)
{
	(void)world;
	return clock_read(CLOCK_REALTIME);
}

static void random_read(char *at, size_t length)
{
	while (length > 0) {
		const ssize_t got = getrandom(at, length, 0);
		if (got < 0 && errno == EINTR)
			continue;
		must(got > 0);
		at += got;
		length -= (size_t)got;
	}
}

/* Most ask for a few bytes, and a call of the system costs more than those. */
static void real_random(struct world *world, void *into, size_t length)
{
	struct real_world *real = world->state;
	if (length > sizeof(real->random)) {
		random_read(into, length);
		return;
	}
	if (length > sizeof(real->random) - real->random_used) {
		random_read(real->random, sizeof(real->random));
		real->random_used = 0;
	}
	char *const from = real->random + real->random_used;
	bytes_copy(into, length, view_bytes(from, length));
	explicit_bzero(from, length);
	real->random_used += length;
}

/* ---- descriptors */

struct descriptor_wait {
	struct ev_io watcher;
	struct task *task;
};

static void descriptor_is_ready(struct ev_loop *loop, struct ev_io *watcher, int events)
{
	(void)loop;
	(void)events;
	task_unpark(((struct descriptor_wait *)watcher->data)->task);
}

enum wait_result world_wait_descriptor(struct world *world, int descriptor, unsigned readiness, int64_t deadline)
{
	struct real_world *real = world->state;
	struct descriptor_wait wait = { .task = task_current() };
	const int events =
		((readiness & READY_TO_READ) != 0 ? EV_READ : 0) | ((readiness & READY_TO_WRITE) != 0 ? EV_WRITE : 0);
	ev_io_init(&wait.watcher, descriptor_is_ready, descriptor, events);
	wait.watcher.data = &wait;
	ev_io_start(real->loop, &wait.watcher);
	const enum wait_result result = task_park(deadline, NULL, NULL);
	ev_io_stop(real->loop, &wait.watcher);
	return result;
}

struct watch {
	struct ev_io watcher;
	struct real_world *real;
	struct task *waiting;
};

static void watch_is_ready(struct ev_loop *loop, struct ev_io *watcher, int events)
{
	(void)events;
	const struct watch *watch = watcher->data;
	/* Nobody reads just now: it would be told again in each round. */
	if (watch->waiting == NULL)
		ev_io_stop(loop, watcher);
	else
		task_unpark(watch->waiting);
}

struct watch *watch_new(struct world *world, int descriptor)
{
	struct watch *watch = must_alloc(1, sizeof(*watch));
	*watch = (struct watch){ .real = world->state };
	ev_io_init(&watch->watcher, watch_is_ready, descriptor, EV_READ);
	watch->watcher.data = watch;
	return watch;
}

void watch_free(struct watch *watch)
{
	if (watch == NULL)
		return;
	must(watch->waiting == NULL);
	ev_io_stop(watch->real->loop, &watch->watcher);
	free(watch);
}

int watch_descriptor(const struct watch *watch)
{
	return watch->watcher.fd;
}

enum wait_result watch_wait(struct watch *watch, int64_t deadline)
{
	must(watch->waiting == NULL);
	watch->waiting = task_current();
	ev_io_start(watch->real->loop, &watch->watcher);
	const enum wait_result result = task_park(deadline, NULL, NULL);
	watch->waiting = NULL;
	return result;
}

/* ---- the loop */

static void timer_is_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	/* The scheduler looks at its own clock; the timer only ends the wait. */
	(void)loop;
	(void)timer;
	(void)events;
}

static void work_is_done(struct ev_loop *loop, struct ev_async *async, int events)
{
	(void)loop;
	(void)events;
	worker_collect(async->data);
}

static const struct world_operations real_operations = {
	.now = real_now,
	.wall = real_wall,
	.random = real_random,
	.connect = real_connect,
	.accept = real_accept,
	.work = real_work,
};

struct world *world_real_new(enum tls_result (*tls)(struct world *, struct connection *, enum tls_side,
                                                    struct tls_context *, struct view, int64_t))
{
	struct real_world *real = must_alloc(1, sizeof(*real));
	real->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOSIGMASK);
	must(real->loop != NULL);
	real->operations = real_operations;
	real->random_used = sizeof(real->random);
	real->operations.tls = tls;
	real->world = (struct world){ .operations = &real->operations, .disk = disk_real(), .state = real };
	real->world.scheduler = scheduler_new(&real->world);
	signal(SIGPIPE, SIG_IGN);
	ev_timer_init(&real->timer, timer_is_due, 0., 0.);
	ev_async_init(&real->work_done, work_is_done);
	real->work_done.data = real;
	ev_async_start(real->loop, &real->work_done);
	completions_init(real);
	return &real->world;
}

/* One look at the world: at once when tasks are ready, else until something is due. */
static void look(struct real_world *real, int64_t due)
{
	const int64_t now = real_now(&real->world);
	if (due <= now) {
		ev_run(real->loop, EVRUN_NOWAIT);
		return;
	}
	if (due != NEVER_DUE) {
		ev_now_update(real->loop);
		ev_timer_set(&real->timer, (double)(due - now) / (double)SECOND, 0.);
		ev_timer_start(real->loop, &real->timer);
	}
	ev_run(real->loop, EVRUN_ONCE);
	ev_timer_stop(real->loop, &real->timer);
}

void world_real_run(struct world *world)
{
	struct real_world *real = world->state;
	real->stopped = false;
	while (!real->stopped && scheduler_task_count(world->scheduler) > 0) {
		const int64_t due = scheduler_run(world->scheduler);
		if (!real->stopped && scheduler_task_count(world->scheduler) > 0)
			look(real, due);
	}
}

void world_stop(struct world *world)
{
	struct real_world *real = world->state;
	real->stopped = true;
}

void world_real_free(struct world *world)
{
	struct real_world *real = world->state;
	completions_deinit(real);
	scheduler_free(world->scheduler);
	ev_async_stop(real->loop, &real->work_done);
	ev_loop_destroy(real->loop);
	free(real);
}

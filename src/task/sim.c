#include "task/sim_private.h"

#include "base/bytes.h"
#include "base/must.h"
#include "task/park.h"
#include "task/switch.h"
#include "task/worker.h"

#include <pthread.h>
#include <stdio.h>

enum { WORK_STACK = 256 * 1024 };
enum { ROUNDS_MOST = 1000000 }; /* at one instant: more, and tasks wake each other for ever */

struct sim_world *sim_world_of(const struct world *world)
{
	return world->state;
}

int64_t sim_due(int64_t now, int64_t delay)
{
	return delay > NEVER_DUE - now ? NEVER_DUE : now + delay;
}

/* ---- what worlds are asked */

static int64_t operation_now(struct world *world)
{
	return sim_world_of(world)->sim->now;
}

static int64_t operation_wall(struct world *world)
{
	const struct sim *sim = sim_world_of(world)->sim;
	return sim->now + sim->wall_offset;
}

static void operation_random(struct world *world, void *into, size_t length)
{
	struct random *random = &sim_world_of(world)->sim->random;
	for (size_t done = 0; done < length; done += sizeof(uint64_t)) {
		const uint64_t number = random_next(random);
		const size_t part = length - done < sizeof(number) ? length - done : sizeof(number);
		bytes_copy((char *)into + done, part, view_bytes(&number, part));
	}
}

/* Lives on the asking task's stack. */
struct job {
	struct link in_worker;
	struct link in_world;
	struct task *task;
};

/* Whether it is among those that the worker's threads have taken. Wakes them all when wake is set. */
static bool job_has_turn(const struct worker *worker, const struct job *job, bool wake)
{
	struct link *link = list_first(&worker->waiting);
	bool found = false;
	for (unsigned i = 0; i < worker->threads && link != NULL; i++, link = list_next(&worker->waiting, link)) {
		struct job *other = LIST_OWNER(link, struct job, in_worker);
		found = found || other == job;
		if (wake)
			task_unpark(other->task);
	}
	return found;
}

struct on_thread {
	void (*run)(void *argument);
	void *argument;
};

static void *thread_run(void *argument)
{
	const struct on_thread *on_thread = argument;
	on_thread->run(on_thread->argument);
	return NULL;
}

/* What blocks may want more stack than a task has, but for those under sanitizers. Nothing else runs meanwhile. */
static void run_work(void (*run)(void *argument), void *argument)
{
	if (stack_size() >= WORK_STACK) {
		run(argument);
		return;
	}
	struct on_thread on_thread = { run, argument };
	pthread_t thread;
	must(pthread_create(&thread, NULL, thread_run, &on_thread) == 0);
	pthread_join(thread, NULL);
}

static void operation_work(struct world *world, struct worker *worker, void (*run)(void *argument), void *argument)
{
	struct sim_world *own = sim_world_of(world);
	struct sim *sim = own->sim;
	struct job job = { .task = task_current() };
	must(job.task != NULL);
	list_add_last(&worker->waiting, &job.in_worker);
	list_add_last(&own->jobs, &job.in_world);
	while (!own->muted && !job_has_turn(worker, &job, false))
		task_park_uncancellable();
	/* Work takes no time, but others have their turn before it is done. */
	task_park_uncancellable_until(sim->now);
	run_work(run, argument);
	list_remove(&worker->waiting, &job.in_worker);
	list_remove(&own->jobs, &job.in_world);
	job_has_turn(worker, &job, true);
}

static const struct world_operations operations = {
	.now = operation_now,
	.wall = operation_wall,
	.random = operation_random,
	.connect = sim_connect,
	.accept = sim_accept,
	.tls = sim_tls,
	.work = operation_work,
};

/* ---- life */

struct sim *sim_new(uint64_t seed)
{
	struct sim *sim = must_alloc(1, sizeof(*sim));
	random_seed(&sim->random, seed);
	sim->now = 1000 * SECOND;
	sim_set_wall(sim, INT64_C(1790000000) * SECOND);
	list_init(&sim->worlds);
	list_init(&sim->contexts);
	sim_network_init(sim);
	return sim;
}

void sim_free(struct sim *sim)
{
	for (struct link *link; (link = list_take_first(&sim->worlds)) != NULL;) {
		struct sim_world *own = LIST_OWNER(link, struct sim_world, link);
		must(list_is_empty(&own->listeners));
		scheduler_free(own->world.scheduler);
		free(own);
	}
	sim_network_deinit(sim);
	sim_tls_deinit(sim);
	free(sim);
}

struct world *sim_world(struct sim *sim, const char *name)
{
	struct sim_world *own = must_alloc(1, sizeof(*own));
	own->sim = sim;
	own->number = ++sim->world_count;
	own->last_port = 40000;
	must(own->number < 256 && bytes_to_cstring(own->name, sizeof(own->name), view_of(name)));
	for (struct link *link = list_first(&sim->worlds); link != NULL; link = list_next(&sim->worlds, link)) {
		const struct sim_world *other = LIST_OWNER(link, struct sim_world, link);
		must(other->muted || strcmp(other->name, name) != 0);
	}
	list_init(&own->jobs);
	list_init(&own->listeners);
	own->world = (struct world){ .operations = &operations, .state = own };
	own->world.scheduler = scheduler_new(&own->world);
	scheduler_shuffle(own->world.scheduler, sim->shuffle ? &sim->random : NULL);
	list_add_last(&sim->worlds, &own->link);
	return &own->world;
}

/* ---- settings */

int64_t sim_now(const struct sim *sim)
{
	return sim->now;
}

void sim_set_wall(struct sim *sim, int64_t wall)
{
	sim->wall_offset = wall - sim->now;
}

void sim_set_shuffle(struct sim *sim, bool on)
{
	sim->shuffle = on;
	for (struct link *link = list_first(&sim->worlds); link != NULL; link = list_next(&sim->worlds, link))
		scheduler_shuffle(LIST_OWNER(link, struct sim_world, link)->world.scheduler, on ? &sim->random : NULL);
}

/* ---- the run */

/* Runs each world once. Returns the next moment something is due in any; now when something is ready. */
static int64_t run_round(struct sim *sim)
{
	int64_t next = NEVER_DUE;
	for (struct link *link = list_first(&sim->worlds); link != NULL; link = list_next(&sim->worlds, link)) {
		struct sim_world *own = LIST_OWNER(link, struct sim_world, link);
		if (own->muted)
			scheduler_cancel_all(own->world.scheduler); /* and those that were started since */
		const int64_t due = scheduler_run(own->world.scheduler);
		next = due < next ? due : next;
	}
	for (struct link *link = list_first(&sim->worlds); link != NULL; link = list_next(&sim->worlds, link))
		if (scheduler_is_ready(LIST_OWNER(link, struct sim_world, link)->world.scheduler))
			return sim->now;
	return next;
}

/* Runs all there is to do at this instant. Returns the next one at which there is something. */
static int64_t settle(struct sim *sim)
{
	must(task_current() == NULL);
	int64_t next = run_round(sim);
	for (unsigned round = 0; next <= sim->now; round++) {
		must(round < ROUNDS_MOST);
		next = run_round(sim);
	}
	return next;
}

static bool never(void *argument)
{
	(void)argument;
	return false;
}

bool sim_run_until(struct sim *sim, bool (*is_so)(void *argument), void *argument, int64_t limit)
{
	for (;;) {
		const int64_t next = settle(sim);
		if (is_so(argument))
			return true;
		if (next > limit)
			break;
		sim->now = next;
	}
	if (limit > sim->now && limit != NEVER_DUE)
		sim->now = limit;
	return false;
}

void sim_run(struct sim *sim, int64_t until)
{
	must(until != NEVER_DUE);
	sim_run_until(sim, never, NULL, until);
}

void sim_run_for(struct sim *sim, int64_t duration)
{
	sim_run(sim, sim->now + duration);
}

bool sim_run_until_idle(struct sim *sim, int64_t limit)
{
	for (;;) {
		const int64_t next = settle(sim);
		if (next == NEVER_DUE)
			return true;
		if (next > limit)
			return false;
		sim->now = next;
	}
}

/* ---- killing */

static void complain_of(struct sim_world *own)
{
	fprintf(stderr, "the world %s has %zu tasks that do not end when they are cancelled\n", own->name,
	        scheduler_task_count(own->world.scheduler));
	must(scheduler_task_count(own->world.scheduler) == 0);
}

void sim_kill(struct world *world)
{
	struct sim_world *own = sim_world_of(world);
	must(task_current() == NULL);
	own->muted = true;
	sim_network_mute(own);
	for (struct link *link = list_first(&own->jobs); link != NULL; link = list_next(&own->jobs, link))
		task_unpark(LIST_OWNER(link, struct job, in_world)->task);
	for (unsigned round = 0; scheduler_task_count(world->scheduler) > 0; round++) {
		scheduler_cancel_all(world->scheduler);
		const int64_t due = scheduler_run(world->scheduler);
		if (round == ROUNDS_MOST || (due > own->sim->now && scheduler_task_count(world->scheduler) > 0))
			complain_of(own);
	}
}

void sim_end(struct sim *sim)
{
	for (struct link *link = list_first(&sim->worlds); link != NULL; link = list_next(&sim->worlds, link))
		sim_kill(&LIST_OWNER(link, struct sim_world, link)->world);
}

/* Threads for blocking work, each worker with one queue; the results come back through the loop. */
#include "base/must.h"
#include "task/park.h"
#include "task/worker.h"
#include "task/world_real.h"

#include <sys/resource.h>
#include <unistd.h>

/* Lives on the asking task's stack. */
struct job {
	struct link link;
	struct task *task;
	void (*run)(void *argument);
	void *argument;
	bool done;
};

void completions_init(struct real_world *real)
{
	must(pthread_mutex_init(&real->lock, NULL) == 0);
	list_init(&real->done);
}

void completions_deinit(struct real_world *real)
{
	must(list_is_empty(&real->done));
	pthread_mutex_destroy(&real->lock);
}

static void wait_for_jobs(struct worker *worker)
{
	while (list_is_empty(&worker->waiting) && !worker->ending) {
		worker->asleep++;
		pthread_cond_wait(&worker->filled, &worker->lock);
		worker->asleep--;
		if (worker->called > 0)
			worker->called--;
	}
}

/* 0: the worker ends. */
static size_t jobs_take(struct worker *worker, struct job *taken[WORKER_GROUP_MOST])
{
	size_t count = 0;
	pthread_mutex_lock(&worker->lock);
	wait_for_jobs(worker);
	for (struct link *link; count < worker->group.most && (link = list_take_first(&worker->waiting)) != NULL;)
		taken[count++] = LIST_OWNER(link, struct job, link);
	pthread_mutex_unlock(&worker->lock);
	return count;
}

static void jobs_give_back(struct real_world *real, struct job *const *jobs, size_t count)
{
	pthread_mutex_lock(&real->lock);
	for (size_t i = 0; i < count; i++)
		list_add_last(&real->done, &jobs[i]->link);
	pthread_mutex_unlock(&real->lock);
	ev_async_send(real->loop, &real->work_done);
}

static void jobs_run(const struct worker *worker, struct job *const *jobs, size_t count)
{
	void *arguments[WORKER_GROUP_MOST];
	for (size_t i = 0; i < count; i++)
		arguments[i] = jobs[i]->argument;
	if (count == 1)
		jobs[0]->run(arguments[0]);
	else
		worker->group.run(arguments, count);
}

static void *thread_run(void *argument)
{
	struct worker *worker = argument;
	struct job *jobs[WORKER_GROUP_MOST];
	if (worker->group.nice > 0)
		setpriority(PRIO_PROCESS, (id_t)gettid(), worker->group.nice);
	for (size_t count; (count = jobs_take(worker, jobs)) > 0;) {
		jobs_run(worker, jobs, count);
		jobs_give_back(worker->real, jobs, count);
	}
	return NULL;
}

void worker_collect(struct real_world *real)
{
	pthread_mutex_lock(&real->lock);
	for (struct link *link; (link = list_take_first(&real->done)) != NULL;) {
		struct job *job = LIST_OWNER(link, struct job, link);
		job->done = true;
		task_unpark(job->task);
	}
	pthread_mutex_unlock(&real->lock);
}

void real_work(struct world *world, struct worker *worker, void (*run)(void *argument), void *argument)
{
	(void)world;
	struct job job = { .task = task_current(), .run = run, .argument = argument };
	must(job.task != NULL);
	pthread_mutex_lock(&worker->lock);
	list_add_last(&worker->waiting, &job.link);
	/* A thread that is on its way takes so many; one that runs comes back for the rest. */
	if (worker->called < worker->asleep && worker->waiting.count > worker->called * worker->group.most) {
		worker->called++;
		pthread_cond_signal(&worker->filled);
	}
	pthread_mutex_unlock(&worker->lock);
	while (!job.done)
		task_park_uncancellable();
}

struct worker *worker_new(struct world *world, const char *name, unsigned threads)
{
	return worker_new_grouping(world, name, threads, &(struct worker_group){ .most = 1 });
}

struct worker *worker_new_grouping(struct world *world, const char *name, unsigned threads,
                                   const struct worker_group *group)
{
	must(threads > 0 && threads <= WORKER_THREADS_MOST);
	must(group->most > 0 && group->most <= WORKER_GROUP_MOST && (group->most == 1 || group->run != NULL));
	struct worker *worker = must_alloc(1, sizeof(*worker));
	worker->threads = threads;
	worker->group = *group;
	list_init(&worker->waiting);
	must(pthread_mutex_init(&worker->lock, NULL) == 0 && pthread_cond_init(&worker->filled, NULL) == 0);
	/* A simulated world has no threads: its work runs in place. */
	if (world->operations->work != real_work)
		return worker;
	worker->real = world->state;
	for (; worker->thread_count < threads; worker->thread_count++) {
		pthread_t *thread = &worker->running[worker->thread_count];
		must(pthread_create(thread, NULL, thread_run, worker) == 0);
		pthread_setname_np(*thread, name);
	}
	return worker;
}

void worker_free(struct worker *worker)
{
	if (worker == NULL)
		return;
	pthread_mutex_lock(&worker->lock);
	must(list_is_empty(&worker->waiting) || worker->real != NULL);
	worker->ending = true;
	pthread_cond_broadcast(&worker->filled);
	pthread_mutex_unlock(&worker->lock);
	for (unsigned i = 0; i < worker->thread_count; i++)
		pthread_join(worker->running[i], NULL);
	pthread_cond_destroy(&worker->filled);
	pthread_mutex_destroy(&worker->lock);
	free(worker);
}

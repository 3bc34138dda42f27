/* Threads for blocking work, each worker with one queue; the results come back through the loop. */
#include "base/must.h"
#include "task/park.h"
#include "task/worker.h"
#include "task/world_real.h"

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

static struct job *job_take(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	while (list_is_empty(&worker->waiting) && !worker->ending)
		pthread_cond_wait(&worker->filled, &worker->lock);
	struct link *first = list_take_first(&worker->waiting);
	pthread_mutex_unlock(&worker->lock);
	return first == NULL ? NULL : LIST_OWNER(first, struct job, link);
}

static void job_give_back(struct real_world *real, struct job *job)
{
	pthread_mutex_lock(&real->lock);
	list_add_last(&real->done, &job->link);
	pthread_mutex_unlock(&real->lock);
	ev_async_send(real->loop, &real->work_done);
}

static void *thread_run(void *argument)
{
	struct worker *worker = argument;
	for (struct job *job; (job = job_take(worker)) != NULL;) {
		job->run(job->argument);
		job_give_back(worker->real, job);
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
	pthread_cond_signal(&worker->filled);
	pthread_mutex_unlock(&worker->lock);
	while (!job.done)
		task_park_uncancellable();
}

struct worker *worker_new(struct world *world, const char *name, unsigned threads)
{
	must(threads > 0 && threads <= WORKER_THREADS_MOST);
	struct worker *worker = must_alloc(1, sizeof(*worker));
	worker->threads = threads;
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

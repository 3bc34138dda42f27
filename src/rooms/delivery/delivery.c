#include "rooms/delivery/delivery.h"

#include "base/must.h"
#include "rooms/delivery/client.h"

enum { TAKE_MOST = 50 };

static const int64_t take_patience = 20 * SECOND;
static const int64_t idle_most = 10 * SECOND;

void delivery_init(struct delivery *delivery, struct world *world, struct log *log,
                   const struct config *const *config, const struct delivery_peers *peers, struct tls_context *tls)
{
	*delivery = (struct delivery){
		.world = world,
		.log = log,
		.config = config,
		.queue = peers->queue,
		.resolver = peers->resolver,
		.vault = peers->vault,
		.tls = tls,
		.sites = MAP_LIMIT(SITES_MOST + JOBS_MOST, world_random_u64(world)),
		.bytes_most = JOB_BYTES_MOST,
		.clear_hosts = MAP_LIMIT(CLEAR_HOSTS_MOST, world_random_u64(world)),
	};
	task_group_init(&delivery->jobs);
	list_init(&delivery->running);
	signal_init(&delivery->job_ended);
}

void delivery_deinit(struct delivery *delivery)
{
	size_t position = 0;
	struct view key;
	void *value;
	delivery_sites_free(delivery);
	while (map_walk(&delivery->clear_hosts, &position, &key, &value))
		free(value);
	map_deinit(&delivery->clear_hosts);
}

/* ---- hello */

static bool is_running(const struct delivery *delivery, const struct delivery_job *job)
{
	for (struct link *link = list_first(&delivery->running); link != NULL; link = list_next(&delivery->running, link))
		if (LIST_OWNER(link, struct delivery_job, link) == job)
			return true;
	return false;
}

/* Its report may have come before the hello, which then leased its recipients to nobody. */
static void give_back(struct delivery *delivery, const struct running_job *ended, uint64_t lease, struct arena *arena)
{
	struct report_answer answer = { 0 };
	struct report_request request = { .lease = lease,
		                              .id = ended->id,
		                              .rows = ARENA_ARRAY(arena, struct report_row, ended->index_count) };
	for (; request.row_count < ended->index_count; request.row_count++)
		request.rows[request.row_count] =
			(struct report_row){ .index = ended->indexes[request.row_count], .fate = FATE_RETURNED };
	queue_report(delivery->queue, &request, &answer, arena, world_now(delivery->world) + 30 * SECOND);
}

static bool say_hello(struct delivery *delivery)
{
	struct arena arena = { 0 };
	struct hello_request request = {
		.jobs = ARENA_ARRAY(&arena, struct running_job, delivery->running.count + 1),
	};
	struct delivery_job **running = ARENA_ARRAY(&arena, struct delivery_job *, delivery->running.count + 1);
	struct hello_answer answer = { 0 };
	struct link *link = list_first(&delivery->running);
	for (; link != NULL; link = list_next(&delivery->running, link)) {
		struct delivery_job *job = LIST_OWNER(link, struct delivery_job, link);
		/* A notice tries nothing, and which debt it pays stands in its own question. */
		if (job->job.kind == JOB_NOTICE)
			continue;
		struct running_job *row = &request.jobs[request.job_count];
		running[request.job_count++] = job;
		*row = (struct running_job){
			.lease = job->job.lease,
			.id = job->job.id,
			.indexes = ARENA_ARRAY(&arena, uint32_t, job->job.recipient_count + 1),
			.index_count = job->job.recipient_count,
		};
		for (size_t i = 0; i < job->job.recipient_count; i++)
			row->indexes[i] = job->job.recipients[i].index;
	}
	const bool good =
		queue_hello(delivery->queue, &request, &answer, &arena, world_now(delivery->world) + 30 * SECOND) == ASKED_OK;
	/* Some have ended while the answer was under way; and none has begun, so that no other can be taken for them. */
	for (size_t i = 0; good && i < answer.lease_count && i < request.job_count; i++)
		if (is_running(delivery, running[i]))
			running[i]->job.lease = answer.leases[i];
		else if (answer.leases[i] != 0)
			give_back(delivery, &request.jobs[i], answer.leases[i], &arena);
	arena_deinit(&arena);
	return good;
}

/* ---- taking */

static struct view keep(struct arena *arena, struct view view)
{
	return view.length == 0 ? VIEW_NONE : arena_copy(arena, view);
}

/* A job's own copy: the answer it came in goes. */
static void job_copy(const struct job *from, struct delivery_job *job)
{
	struct arena *arena = &job->arena;
	struct job *to = &job->job;
	*to = *from;
	to->envelope.account = keep(arena, from->envelope.account);
	to->envelope.as_typed = keep(arena, from->envelope.as_typed);
	to->envelope.sender = keep(arena, from->envelope.sender);
	to->envelope.hold_reason = VIEW_NONE;
	for (size_t i = 0; i < from->envelope.identity_domain_count; i++)
		to->envelope.identity_domains[i] = keep(arena, from->envelope.identity_domains[i]);
	to->domain = keep(arena, from->domain);
	to->content = keep(arena, from->content);
	to->recipients = ARENA_ARRAY(arena, struct job_recipient, from->recipient_count + 1);
	for (size_t i = 0; i < from->recipient_count; i++) {
		to->recipients[i] = from->recipients[i];
		to->recipients[i].address = keep(arena, from->recipients[i].address);
		to->recipients[i].verdict.why = keep(arena, from->recipients[i].verdict.why);
		to->recipients[i].remote = keep(arena, from->recipients[i].remote);
	}
}

static void job_start(struct delivery *delivery, const struct job *taken)
{
	struct delivery_job *job = must_alloc(1, sizeof(*job));
	job->delivery = delivery;
	job_copy(taken, job);
	list_add_last(&delivery->running, &job->link);
	delivery->running_bytes += job->job.content.length;
	task_group_start(&delivery->jobs, delivery->world, "job", job_run, job);
}

/* False: the queue could not be asked just now. */
static bool take_some(struct delivery *delivery)
{
	struct arena arena = { 0 };
	const size_t room = JOBS_MOST - delivery->running.count;
	const struct take_request request = {
		.most = room < TAKE_MOST ? (uint32_t)room : TAKE_MOST,
		.room = (uint32_t)room,
		.patience = take_patience,
	};
	struct take_answer answer = { 0 };
	/* An answer that nobody waits for any more would hold on to its work: the queue answers, or it dies. */
	const enum asked asked = queue_take(delivery->queue, &request, &answer, &arena, NEVER_DUE);
	if (asked == ASKED_OK)
		for (size_t i = 0; i < answer.job_count; i++)
			job_start(delivery, &answer.jobs[i]);
	arena_deinit(&arena);
	return asked == ASKED_OK;
}

static bool has_room(struct delivery *delivery)
{
	while (delivery->running.count >= JOBS_MOST || delivery->running_bytes >= delivery->bytes_most)
		if (signal_wait(&delivery->job_ended, NEVER_DUE) != WAIT_DONE)
			return false;
	return true;
}

static void close_idle(void *argument)
{
	struct delivery *delivery = argument;
	while (task_sleep(delivery->world, SECOND) == WAIT_DONE)
		delivery_sites_close_idle(delivery, world_now(delivery->world) - idle_most);
}

void delivery_run(void *argument)
{
	struct delivery *delivery = argument;
	task_start(delivery->world, "close idle", close_idle, delivery);
	while (!delivery->stopping && !task_is_cancelled() && has_room(delivery)) {
		const uint64_t generation = peer_generation(delivery->queue);
		if (generation != delivery->queue_generation && say_hello(delivery))
			delivery->queue_generation = generation;
		if (!take_some(delivery) && task_sleep(delivery->world, 100 * MILLISECOND) != WAIT_DONE)
			return;
	}
}

void delivery_stop(struct delivery *delivery, int64_t deadline)
{
	delivery->stopping = true;
	task_group_wait(&delivery->jobs, deadline);
}

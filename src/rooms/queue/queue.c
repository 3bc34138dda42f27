#include "rooms/queue/queue_private.h"

#include "base/must.h"

#define LEASES_MOST ((size_t)1024 * 1024)
#define SITES_MOST  ((size_t)100000)

static int64_t lanes_now(void *context)
{
	return store_time(((struct queue *)context)->store);
}

static void lanes_work(void *context)
{
	signal_wake_all(&((struct queue *)context)->work_ready);
}

static void lanes_load(void *context)
{
	signal_wake_all(&((struct queue *)context)->load_wanted);
}

static void lanes_earlier(void *context)
{
	signal_wake_all(&((struct queue *)context)->wake_changed);
}

static void store_failed(void *context, struct view why)
{
	struct queue *queue = context;
	LOG_LINE(queue->log, LOG_ERROR, "the store has failed; nothing more is taken", LOG_TEXT_FIELD("why", why));
	signal_wake_all(&queue->changed);
	if (queue->failed != NULL)
		queue->failed(queue->failed_context);
}

static void store_problem(void *context, struct view what)
{
	struct queue *queue = context;
	LOG_LINE(queue->log, LOG_ERROR, "the store found damage", LOG_TEXT_FIELD("what", what));
}

static bool holds_load(struct queue *queue)
{
	struct arena arena = { 0 };
	struct store_account_hold_row *rows;
	size_t count = 0;
	const bool is_good = store_account_holds(queue->store, &arena, &rows, &count) == STORE_DONE;
	for (size_t i = 0; is_good && i < count; i++)
		account_hold(&queue->lanes, rows[i].account, rows[i].reason);
	arena_deinit(&arena);
	return is_good;
}

static void queue_init(struct queue *queue)
{
	struct world *world = queue->world;
	random_seed(&queue->random, world_random_u64(world));
	lanes_init(&queue->lanes, world_random_u64(world));
	queue->lanes.now = lanes_now;
	queue->lanes.work = lanes_work;
	queue->lanes.load = lanes_load;
	queue->lanes.earlier = lanes_earlier;
	queue->lanes.context = queue;
	queue->leases = (struct map)MAP_LIMIT(LEASES_MOST, world_random_u64(world));
	queue->shares = (struct map)MAP_LIMIT(LEASES_MOST, world_random_u64(world));
	queue->sites = (struct map)MAP_LIMIT(SITES_MOST, world_random_u64(world));
	/* A lease of a former life is never taken for one of this life. */
	queue->next_lease = (world_random_u64(world) >> 8) + 1;
	suspects_init(queue);
	debts_init(queue);
	signal_init(&queue->work_ready);
	signal_init(&queue->wake_changed);
	signal_init(&queue->load_wanted);
	signal_init(&queue->changed);
	task_group_init(&queue->tasks);
}

struct queue *queue_new(struct world *world, struct log *log, const struct config *const *config,
                        const char *directory, struct text *problem)
{
	struct queue *queue = must_alloc(1, sizeof(*queue));
	*queue = (struct queue){ .world = world, .log = log, .config = config };
	queue_init(queue);
	const struct store_settings settings = {
		.directory = directory,
		.reserve = (*config)->queue.reserve,
		.retention = (*config)->history.retention,
		.hooks = { .context = queue,
		           .accepted = queue_accepted,
		           .changed = queue_changed,
		           .account_held = queue_account_held,
		           .failed = store_failed,
		           .problem = store_problem },
	};
	queue->store = store_open(world, &settings, problem);
	if (queue->store == NULL) {
		queue_free(queue);
		return NULL;
	}
	queue->opened = world_now(world);
	if (!holds_load(queue) || !debts_load(queue)) {
		text_print(problem, "the index could not be read");
		queue_stop(queue);
		queue_free(queue);
		return NULL;
	}
	task_group_start(&queue->tasks, world, "queue wake", queue_wake_task, queue);
	task_group_start(&queue->tasks, world, "queue load", queue_load_task, queue);
	task_group_start(&queue->tasks, world, "queue scan", queue_scan_task, queue);
	task_group_start(&queue->tasks, world, "queue expire", queue_expire_task, queue);
	return queue;
}

void queue_stop(struct queue *queue)
{
	queue->stopping = true;
	signal_wake_all(&queue->work_ready);
	task_group_cancel(&queue->tasks);
	task_group_wait(&queue->tasks, NEVER_DUE);
	store_close(queue->store);
}

void queue_free(struct queue *queue)
{
	if (queue == NULL)
		return;
	must(list_is_empty(&queue->tasks.tasks));
	leases_deinit(queue);
	suspects_deinit(queue);
	debts_deinit(queue);
	lanes_deinit(&queue->lanes);
	size_t position = 0;
	struct view key;
	void *site;
	while (map_walk(&queue->sites, &position, &key, &site))
		free(site);
	map_deinit(&queue->sites);
	store_free(queue->store);
	free(queue);
}

/* ---- sites: delivery reports which site a domain belongs to */

struct view site_of(const struct queue *queue, struct view domain)
{
	const char *site = map_get(&queue->sites, domain);
	return site == NULL ? domain : view_of(site);
}

void site_note(struct queue *queue, struct view domain, struct view site)
{
	if (view_is_empty(site) || view_equal(site, domain) || view_equal(site_of(queue, domain), site))
		return;
	char *copy = must_alloc(site.length + 1, 1);
	for (size_t i = 0; i < site.length; i++)
		copy[i] = site.data[i];
	bool full = false;
	char *before = map_put(&queue->sites, domain, copy, &full);
	free(full ? copy : before);
}

/* ---- the room's face */

const struct answerer queue_answerers[QUEUE_ANSWERER_COUNT] = {
	{ .question = &queue_submit_question, .answer = answer_submit },
	{ .question = &queue_room_question, .answer = answer_room },
	{ .question = &queue_take_question, .answer = answer_take },
	{ .question = &queue_report_question, .answer = answer_report },
	{ .question = &queue_hello_question, .answer = answer_hello },
	{ .question = &queue_notice_done_question, .answer = answer_notice_done },
	{ .question = &queue_list_question, .answer = answer_list },
	{ .question = &queue_summary_question, .answer = answer_summary },
	{ .question = &queue_act_question, .answer = answer_act },
	{ .question = &queue_trace_question, .answer = answer_trace },
	{ .question = &queue_search_question, .answer = answer_search },
	{ .question = &queue_check_question, .answer = answer_check },
	{ .question = &queue_token_back_question, .answer = answer_token_back },
};

size_t queue_counters_write(void *room, struct counter *into, size_t most, struct arena *arena)
{
	const struct queue *queue = room;
	const struct store_figures figures = store_figures(queue->store);
	const struct counter fixed[] = {
		{ VIEW("sealpost_accepted_messages_total"), VIEW_NONE, queue->counters.accepted_messages },
		{ VIEW("sealpost_accepted_recipients_total"), VIEW_NONE, queue->counters.accepted_recipients },
		{ VIEW("sealpost_refused_full_total"), VIEW_NONE, queue->counters.refused_full },
		{ VIEW("sealpost_notices_total"), VIEW_NONE, queue->counters.notices },
		{ VIEW("sealpost_queue_messages"), VIEW_NONE, (int64_t)figures.messages },
		{ VIEW("sealpost_queue_bytes"), VIEW_NONE, (int64_t)figures.bytes },
		{ VIEW("sealpost_queue_leased_recipients"), VIEW_NONE, (int64_t)queue->lanes.leased_count },
		{ VIEW("sealpost_queue_memory_recipients"), VIEW_NONE, (int64_t)queue->lanes.row_count },
		{ VIEW("sealpost_queue_memory_lanes"), VIEW_NONE, (int64_t)queue->lanes.lane_count },
		{ VIEW("sealpost_journal_groups_total"), VIEW_NONE, (int64_t)figures.groups },
		{ VIEW("sealpost_journal_records_total"), VIEW_NONE, (int64_t)figures.records },
		{ VIEW("sealpost_journal_segments"), VIEW_NONE, (int64_t)figures.segments },
		{ VIEW("sealpost_journal_compactions_total"), VIEW_NONE, (int64_t)figures.compactions },
		{ VIEW("sealpost_store_unapplied_records"), VIEW_NONE, (int64_t)figures.unapplied },
		{ VIEW("sealpost_store_full"), VIEW_NONE, figures.full ? 1 : 0 },
	};
	size_t count = 0;
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]) && count < most; i++)
		into[count++] = fixed[i];
	for (size_t fate = 0; fate <= FATE_SUPPRESSED && count < most; fate++)
		if (fate_is_final((enum fate)fate))
			into[count++] = (struct counter){ .name = VIEW("sealpost_ended_recipients_total"),
				                              .labels = arena_print(arena, "fate=\"%s\"", fate_name((enum fate)fate)),
				                              .value = queue->counters.fates[fate] };
	return count;
}

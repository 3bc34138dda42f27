#include "store/test_life.h"

#include "base/clock.h"
#include "base/must.h"
#include "task/disk_sim.h"
#include "task/sim.h"

#include <sqlite3.h>

#define MESSAGE_GOES_ON 16u /* this one and those after it are of LIFE_GOES_ON */
#define CONTENT_MOST    1024u
#define COMPACT_EVERY   (10 * SECOND)
#define RETENTION       (4 * MINUTE)
#define TIME_LOST       (3 * MINUTE) /* at most, when power fails in three lives: it is saved once a minute */

struct scene {
	enum life life;
	struct world *world;
	struct ledger *ledger;
	struct store *store;
	struct arena arena;
	unsigned damages;
	bool quiet;
	bool right;
};

static const struct store_recipient recipients[LEDGER_RECIPIENTS] = {
	{ VIEW_INIT("anna@example.net"), VIEW_INIT("example.net") },
	{ VIEW_INIT("bert@example.net"), VIEW_INIT("example.net") },
	{ VIEW_INIT("carl@example.org"), VIEW_INIT("example.org") },
};
static const struct view account = VIEW_INIT("steve@mycorp.se");
static const struct view sender = VIEW_INIT("news@mycorp.se");
static const struct view hold_reason = VIEW_INIT("held by hand");

static struct message_id id_of(unsigned number)
{
	const uint8_t random[10] = { [9] = (uint8_t)number };
	return id_make(1700000000 * SECOND, random);
}

/* Of each message another, in length too: within a sector, and over several. */
static struct view content_of(unsigned number, char content[CONTENT_MOST])
{
	const size_t length = 60 + number * 41 % 160 + (number % 3 == 1 ? 700 : 0);
	for (size_t i = 0; i < length; i++)
		content[i] = (char)('a' + (number * 7 + i) % 26);
	return view_bytes(content, length);
}

static bool wrong(const struct scene *scene, const char *what, unsigned number)
{
	if (!scene->quiet)
		printf("%s %u\n", what, number);
	return false;
}

/* ---- what is done, and what was said of it */

static void note(const struct scene *scene, enum store_outcome outcome)
{
	if (scene->ledger->failed && outcome == STORE_DONE)
		scene->ledger->done_after_failure++;
}

/* What may be now, if it is not known that it did not happen. */
static void fact_note(const struct scene *scene, struct ledger_fact *fact, bool before, enum store_outcome outcome)
{
	note(scene, outcome);
	if (outcome == STORE_DONE)
		fact->must_be = fact->may_be;
	else if (outcome != STORE_UNKNOWN)
		fact->may_be = before;
}

static void accept_one(const struct scene *scene, unsigned number, const struct store_payment *payment)
{
	char content[CONTENT_MOST];
	const struct store_message message = { .id = id_of(number),
		                                   .account = account,
		                                   .sender = sender,
		                                   .expires = HOUR,
		                                   .recipients = recipients,
		                                   .recipient_count = LEDGER_RECIPIENTS,
		                                   .content = content_of(number, content) };
	struct ledger_message *in_ledger = &scene->ledger->messages[number];
	in_ledger->may = true;
	const enum store_outcome outcome = store_accept(scene->store, &message, payment);
	note(scene, outcome);
	in_ledger->must = outcome == STORE_DONE;
	in_ledger->may = outcome == STORE_DONE || outcome == STORE_UNKNOWN;
}

struct acceptor {
	const struct scene *scene;
	unsigned number;
};

static void acceptor_run(void *argument)
{
	const struct acceptor *acceptor = argument;
	accept_one(acceptor->scene, acceptor->number, NULL);
}

/* At once, so that several are written as one group. */
static void accept_together(const struct scene *scene, unsigned first, unsigned count)
{
	struct acceptor acceptors[LEDGER_MESSAGES];
	struct task_group group;
	task_group_init(&group);
	for (unsigned i = 0; i < count; i++) {
		acceptors[i] = (struct acceptor){ scene, first + i };
		task_group_start(&group, scene->world, "acceptor", acceptor_run, &acceptors[i]);
	}
	task_group_wait(&group, NEVER_DUE);
}

static struct store_change_row row_of(uint32_t index, enum store_state state)
{
	return (struct store_change_row){ .index = index,
		                              .state = state,
		                              .fate = (uint8_t)(index + 1),
		                              .tried = true,
		                              .attempts = 1,
		                              .due = HOUR,
		                              .address = recipients[index].address,
		                              .domain = recipients[index].domain,
		                              .reason = state == STORE_HELD ? hold_reason : VIEW("") };
}

static struct store_change change_of(const struct scene *scene, unsigned number, const struct store_change_row *rows,
                                     size_t count)
{
	return (struct store_change){ .id = id_of(number),
		                          .account = account,
		                          .sender = sender,
		                          .when_wall = world_wall(scene->world),
		                          .dialogue = VIEW("C: and some dialogue"),
		                          .rows = rows,
		                          .row_count = count };
}

/* before: the message in the ledger before it was asked for. */
static void states_note(const struct scene *scene, unsigned number, const struct ledger_message *before,
                        enum store_outcome outcome)
{
	struct ledger_message *message = &scene->ledger->messages[number];
	note(scene, outcome);
	for (uint32_t i = 0; i < LEDGER_RECIPIENTS; i++) {
		if (outcome == STORE_DONE)
			message->must_be[i] = message->may_be[i];
		else if (outcome != STORE_UNKNOWN)
			message->may_be[i] = before->may_be[i];
	}
}

static void end_note(const struct scene *scene, unsigned number, uint32_t index)
{
	struct ledger_message *message = &scene->ledger->messages[number];
	message->may_be[index] = STORE_ENDED;
	message->ended[index] = store_time(scene->store) + 1;
}

static void change_row(const struct scene *scene, unsigned number, struct store_change_row row)
{
	struct ledger_message *message = &scene->ledger->messages[number];
	const struct ledger_message before = *message;
	if (!message->must)
		return;
	message->may_be[row.index] = row.state;
	if (row.state == STORE_ENDED)
		end_note(scene, number, row.index);
	struct store_change change = change_of(scene, number, &row, 1);
	states_note(scene, number, &before, store_change(scene->store, &change));
}

static void end_all(const struct scene *scene, unsigned number, bool keep_content)
{
	struct ledger_message *message = &scene->ledger->messages[number];
	const struct ledger_message before = *message;
	if (!message->must)
		return;
	struct store_change_row rows[LEDGER_RECIPIENTS];
	for (uint32_t i = 0; i < LEDGER_RECIPIENTS; i++) {
		rows[i] = row_of(i, STORE_ENDED);
		end_note(scene, number, i);
	}
	struct store_change change = change_of(scene, number, rows, LEDGER_RECIPIENTS);
	change.keep_content = keep_content;
	const enum store_outcome outcome = store_change(scene->store, &change);
	message->keeps = keep_content && outcome == STORE_DONE;
	states_note(scene, number, &before, outcome);
}

/* Three records in one group. */
static void end_each(const struct scene *scene, unsigned number)
{
	struct ledger_message *message = &scene->ledger->messages[number];
	const struct ledger_message before = *message;
	if (!message->must)
		return;
	for (uint32_t i = 0; i < LEDGER_RECIPIENTS; i++) {
		const struct store_change_row row = row_of(i, STORE_ENDED);
		struct store_change change = change_of(scene, number, &row, 1);
		if (store_change_begin(scene->store, &change) == STORE_DONE)
			end_note(scene, number, i);
	}
	states_note(scene, number, &before, store_flush(scene->store));
}

static void settle(struct scene *scene)
{
	const struct message_id id = id_of(0);
	struct store_story story;
	arena_clear(&scene->arena);
	store_trace(scene->store, &id, &scene->arena, &story);
	const struct store_figures figures = store_figures(scene->store);
	struct ledger *ledger = scene->ledger;
	ledger->compactions = figures.compactions;
	ledger->segments_most = figures.segments > ledger->segments_most ? figures.segments : ledger->segments_most;
}

static void hold_account(const struct scene *scene, struct view reason)
{
	struct ledger_fact *held = &scene->ledger->is_held;
	const bool before = held->may_be;
	held->may_be = reason.length > 0;
	fact_note(scene, held, before, store_account_hold(scene->store, account, reason));
}

static struct store_change_row bounce_of(uint32_t index)
{
	struct store_change_row row = row_of(index, STORE_ENDED);
	row.owes = 1u << STORE_NOTICE_FAILURE;
	return row;
}

static struct store_payment payment_of(unsigned number, const uint32_t *index)
{
	return (struct store_payment){ id_of(number), STORE_NOTICE_FAILURE, index, 1 };
}

/* Of message 0 recipient 1 bounces, and message 5 is the notice; of message 3 recipient 2 does, and that is dropped.
 */
static const uint32_t paid_index = 1;
static const uint32_t dropped_index = 2;
enum { PAID = 0, NOTICE = 5, DROPPED = 3 };

static void drop_notice(const struct scene *scene)
{
	if (scene->ledger->messages[DROPPED].must_be[dropped_index] != STORE_ENDED)
		return;
	const struct store_payment payment = payment_of(DROPPED, &dropped_index);
	scene->ledger->is_dropped.may_be = true;
	fact_note(scene, &scene->ledger->is_dropped, false, store_notice_drop(scene->store, &payment));
}

static void act_early(struct scene *scene)
{
	accept_together(scene, 0, 4);
	change_row(scene, PAID, row_of(0, STORE_ENDED));
	settle(scene);
	change_row(scene, PAID, bounce_of(paid_index));
	change_row(scene, PAID, row_of(2, STORE_DEFERRED));
	hold_account(scene, VIEW("held"));
	accept_one(scene, 4, NULL);
	end_all(scene, 1, true);
	settle(scene);
	const struct store_payment payment = payment_of(PAID, &paid_index);
	if (scene->ledger->messages[PAID].must_be[paid_index] == STORE_ENDED)
		accept_one(scene, NOTICE, &payment);
	end_each(scene, 2);
	change_row(scene, DROPPED, row_of(0, STORE_HELD));
	change_row(scene, DROPPED, row_of(1, STORE_DEFERRED));
	change_row(scene, DROPPED, bounce_of(dropped_index));
}

/* Few live where many were: that is compacted, and used again. */
static void act_late(struct scene *scene)
{
	accept_together(scene, 6, 4);
	for (unsigned i = 6; i < 9; i++)
		end_all(scene, i, i == 7);
	settle(scene);
	task_sleep(scene->world, 2 * COMPACT_EVERY + SECOND);
	drop_notice(scene);
	hold_account(scene, VIEW(""));
	accept_together(scene, 10, 3);
	end_each(scene, 10);
	end_all(scene, 4, false);
	settle(scene);
	task_sleep(scene->world, 2 * COMPACT_EVERY + SECOND);
	accept_one(scene, 13, NULL);
	end_all(scene, 11, false);
	settle(scene);
}

/* What ended early is forgotten; what ends then is not, whatever becomes of the files after its own. */
static void act_after_retention(struct scene *scene)
{
	task_sleep(scene->world, RETENTION + MINUTE);
	accept_together(scene, 14, 2);
	end_all(scene, 12, true);
	end_all(scene, 14, false);
	settle(scene);
	end_all(scene, 15, false);
	settle(scene);
}

/* With the next messages that nobody tried to send. */
static void act_on(struct scene *scene)
{
	unsigned first = MESSAGE_GOES_ON;
	while (first < LEDGER_MESSAGES && scene->ledger->messages[first].may)
		first++;
	must(first + 2 <= LEDGER_MESSAGES);
	accept_together(scene, first, 2);
	end_each(scene, first);
	settle(scene);
}

/* ---- what must be there */

struct found {
	unsigned times;
	enum store_state state;
	bool is_altered;
};

static struct found find(const struct store_story *all, const struct message_id *id, uint32_t index)
{
	struct found found = { 0 };
	for (size_t i = 0; i < all->live_count; i++) {
		const struct store_row *row = &all->live[i];
		if (row->index != index || !id_equal(&row->id, id))
			continue;
		found.times++;
		found.state = row->state;
		const struct view reason = row->state == STORE_HELD ? hold_reason : VIEW("");
		found.is_altered |= !view_equal(row->address, recipients[index].address) ||
		                    !view_equal(row->account, account) || !view_equal(row->reason, reason);
	}
	for (size_t i = 0; i < all->ended_count; i++) {
		const struct store_ended *row = &all->ended[i];
		if (row->index != index || !id_equal(&row->id, id))
			continue;
		found.times++;
		found.state = STORE_ENDED;
		found.is_altered |= !view_equal(row->address, recipients[index].address) || row->fate != index + 1 ||
		                    !view_equal(row->sender, sender);
	}
	return found;
}

static bool is_live(const struct store_story *all, const struct message_id *id)
{
	for (size_t i = 0; i < all->live_count; i++)
		if (id_equal(&all->live[i].id, id))
			return true;
	return false;
}

static bool content_is_right(struct scene *scene, unsigned number)
{
	char bytes[CONTENT_MOST];
	const struct message_id id = id_of(number);
	struct view content;
	return store_read(scene->store, &id, NULL, CONTENT_MOST, &scene->arena, &content) == STORE_DONE &&
	       view_equal(content, content_of(number, bytes));
}

static bool may_be_forgotten(const struct scene *scene, unsigned number, uint32_t index)
{
	const int64_t ended = scene->ledger->messages[number].ended[index];
	return ended > 0 && ended + RETENTION <= store_time(scene->store) + TIME_LOST;
}

/* Also where the history has it and the index has it still: that would be twice. */
static bool message_is_right(struct scene *scene, const struct store_story *all, unsigned number)
{
	const struct ledger_message *expected = &scene->ledger->messages[number];
	const struct message_id id = id_of(number);
	unsigned times = 0;
	unsigned forgotten = 0;
	for (uint32_t i = 0; i < LEDGER_RECIPIENTS; i++) {
		const struct found found = find(all, &id, i);
		times += found.times;
		forgotten += found.times == 0 && may_be_forgotten(scene, number, i) ? 1 : 0;
		if (found.is_altered)
			return wrong(scene, "altered: a recipient of message", number);
		if (found.times > 0 && found.state != expected->must_be[i] && found.state != expected->may_be[i])
			return wrong(scene, "in another state: a recipient of message", number);
		if (found.times > 1)
			return wrong(scene, "twice there: a recipient of message", number);
	}
	if (forgotten == LEDGER_RECIPIENTS)
		return true;
	if (times == 0)
		return !expected->must || wrong(scene, "lost: message", number);
	if (times + forgotten != LEDGER_RECIPIENTS || !expected->may)
		return wrong(scene, "not as it was: message", number);
	const bool has_content = expected->keeps || is_live(all, &id);
	return !has_content || content_is_right(scene, number) || wrong(scene, "altered: content of message", number);
}

static bool all_find(struct scene *scene, struct store_story *all)
{
	const struct store_filter filter = { 0 };
	const struct store_search search = { .most = 1000 };
	struct store_cursor cursor = { 0 };
	struct store_rows page;
	struct store_found found;
	arena_clear(&scene->arena);
	if (store_list(scene->store, &filter, &cursor, 1000, &scene->arena, &page) != STORE_DONE || page.more ||
	    store_search(scene->store, &search, &scene->arena, &found) != STORE_DONE || found.more)
		return wrong(scene, "not all can be asked for", 0);
	*all = (struct store_story){
		.live = page.rows, .live_count = page.row_count, .ended = found.rows, .ended_count = found.row_count
	};
	return true;
}

static bool is_owed(struct scene *scene, unsigned number)
{
	const struct store_debt_key key = { id_of(number), STORE_NOTICE_FAILURE };
	struct store_debt debt;
	return store_debt(scene->store, &key, &scene->arena, &debt) == STORE_DONE && debt.count == 1;
}

/* Or had ended before it was forgotten. */
static bool is_ended(const struct scene *scene, const struct store_story *all, unsigned number, uint32_t index)
{
	const struct message_id id = id_of(number);
	const struct found found = find(all, &id, index);
	return found.times > 0 ? found.state == STORE_ENDED
	                       : scene->ledger->messages[number].must_be[index] == STORE_ENDED;
}

/* A bounce and the notice it owes are one; so are the notice and the end of the debt. */
static bool debts_are_right(struct scene *scene, const struct store_story *all)
{
	const struct ledger_fact *dropped = &scene->ledger->is_dropped;
	const struct message_id notice = id_of(NOTICE);
	const bool is_paid = store_find(scene->store, &notice) == STORE_DONE;
	const bool has_bounced = is_ended(scene, all, PAID, paid_index);
	if (is_owed(scene, PAID) != (has_bounced && !is_paid))
		return wrong(scene, "the debt of message", PAID);
	const bool bounced = is_ended(scene, all, DROPPED, dropped_index);
	const bool owed = is_owed(scene, DROPPED);
	const bool may_be_owed = bounced && !dropped->must_be;
	const bool may_be_none = !bounced || dropped->may_be;
	return (owed ? may_be_owed : may_be_none) || wrong(scene, "the debt of message", DROPPED);
}

static bool hold_is_right(struct scene *scene)
{
	const struct ledger_fact *held = &scene->ledger->is_held;
	struct store_account_hold_row *rows;
	size_t count = 0;
	if (store_account_holds(scene->store, &scene->arena, &rows, &count) != STORE_DONE)
		return false;
	return count == (held->must_be ? 1 : 0) || count == (held->may_be ? 1 : 0) ||
	       wrong(scene, "accounts held:", (unsigned)count);
}

static bool check_is_clean(struct scene *scene)
{
	struct store_check check = { 0 };
	if (store_check(scene->store, &scene->arena, &check) != STORE_DONE || !check.done)
		return wrong(scene, "the check does not end", 0);
	for (size_t i = 0; i < check.fault_count && !scene->quiet; i++)
		printf("%.*s\n", VIEW_PRINT(check.faults[i]));
	return check.fault_count == 0 || wrong(scene, "faults:", (unsigned)check.fault_count);
}

static bool all_is_right(struct scene *scene)
{
	struct store_story all;
	if (!all_find(scene, &all))
		return false;
	for (unsigned i = 0; i < LEDGER_MESSAGES; i++)
		if (!message_is_right(scene, &all, i))
			return false;
	return debts_are_right(scene, &all) && hold_is_right(scene) && check_is_clean(scene);
}

/* ---- lives */

static void hear_failed(void *context, struct view why)
{
	(void)why;
	((struct scene *)context)->ledger->failed = true;
}

static void hear_problem(void *context, struct view what)
{
	struct scene *scene = context;
	scene->damages++;
	if (!scene->quiet)
		printf("told of: %.*s\n", VIEW_PRINT(what));
}

static bool scene_open(struct scene *scene)
{
	struct text problem = TEXT_LIMIT(1024);
	const struct store_settings settings = {
		.directory = "queue",
		.retention = RETENTION,
		.segment_size = 1200,
		.history_rows = 6,
		.compact = COMPACT_EVERY,
		.hooks = { .context = scene, .failed = hear_failed, .problem = hear_problem },
	};
	scene->store = store_open(scene->world, &settings, &problem);
	if (scene->store == NULL && !scene->quiet)
		printf("%s\n", text_cstring(&problem));
	text_deinit(&problem);
	return scene->store != NULL;
}

static void live(void *argument)
{
	struct scene *scene = argument;
	if (!scene_open(scene))
		return;
	if (scene->life == LIFE_ACTS) {
		act_early(scene);
		act_late(scene);
		act_after_retention(scene);
		scene->right = true;
	} else {
		scene->right = all_is_right(scene);
	}
	if (scene->life == LIFE_GOES_ON && scene->right) {
		act_on(scene);
		scene->right = all_is_right(scene);
	}
	store_close(scene->store);
	store_free(scene->store);
	scene->right &= scene->damages == 0;
}

bool life_run(enum life life, struct disk *disk, struct ledger *ledger, bool quiet)
{
	/* SQLite has numbers of its own for the logs. */
	must(sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, 1, NULL) == SQLITE_OK);
	struct sim *sim = sim_new(1);
	struct scene scene = { .life = life, .world = sim_world(sim, "queue"), .ledger = ledger, .quiet = quiet };
	scene.world->disk = disk;
	ledger->failed = false;
	task_start(scene.world, "life", live, &scene);
	must(sim_run_until_idle(sim, sim_now(sim) + DAY));
	sim_free(sim);
	arena_deinit(&scene.arena);
	return scene.right;
}

struct disk *life_disk_new(void)
{
	struct disk *disk = disk_sim_new();
	must(disk->operations->make_directory(disk, "/queue") == DISK_OK &&
	     disk->operations->sync_directory(disk, "/") == DISK_OK);
	return disk;
}

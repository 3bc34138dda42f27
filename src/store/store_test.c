#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/must.h"
#include "store/store.h"
#include "store/test_directory.h"

#include <sys/wait.h>

/* What the hooks told. */
struct heard {
	unsigned accepted;
	unsigned changed;
	unsigned paid;
	unsigned failed;
	unsigned problems;
	unsigned account_held;
	struct store_place last_place;
};

static void hear_accepted(void *context, const struct store_message *message, const struct store_payment *payment,
                          const struct store_stamp *stamp)
{
	struct heard *heard = context;
	heard->accepted++;
	heard->paid += payment != NULL ? 1 : 0;
	heard->last_place = stamp->place;
	assert_true(message->recipient_count > 0);
}

static void hear_changed(void *context, const struct store_change *change, const struct store_stamp *stamp)
{
	struct heard *heard = context;
	heard->changed++;
	assert_true(change->row_count > 0 && stamp->sequence > 0);
}

static void hear_account(void *context, struct view account, struct view reason)
{
	(void)account;
	(void)reason;
	((struct heard *)context)->account_held++;
}

static void hear_failed(void *context, struct view why)
{
	(void)why;
	((struct heard *)context)->failed++;
}

static void hear_problem(void *context, struct view what)
{
	(void)what;
	((struct heard *)context)->problems++;
}

struct scene {
	struct world *world;
	struct store *store;
	struct heard heard;
	struct arena arena;
	struct store_settings settings;
};

static void scene_open(struct scene *scene)
{
	struct text problem = TEXT_LIMIT(1024);
	scene->store = store_open(scene->world, &scene->settings, &problem);
	if (scene->store == NULL)
		print_message("%s\n", text_cstring(&problem));
	text_deinit(&problem);
	assert_non_null(scene->store);
}

static void scene_close(struct scene *scene)
{
	store_close(scene->store);
	store_free(scene->store);
	scene->store = NULL;
}

static struct message_id id_of(unsigned number)
{
	uint8_t random[10] = { (uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8),
		                   (uint8_t)number };
	return id_make(1700000000 * SECOND, random);
}

#define RECIPIENTS 3

static enum store_outcome accept_numbered(struct scene *scene, unsigned number, struct view content)
{
	const struct store_recipient recipients[RECIPIENTS] = {
		{ VIEW("anna@example.net"), VIEW("example.net") },
		{ VIEW("bert@example.net"), VIEW("example.net") },
		{ VIEW("carl@example.org"), VIEW("example.org") },
	};
	const struct store_message message = {
		.id = id_of(number),
		.accepted_wall = 1700000000 * SECOND,
		.accepted = store_time(scene->store),
		.expires = store_time(scene->store) + 5 * DAY,
		.account = VIEW("steve@mycorp.se"),
		.sender = VIEW("news@mycorp.se"),
		.extra = VIEW("extra"),
		.recipients = recipients,
		.recipient_count = RECIPIENTS,
		.content = content,
	};
	return store_accept(scene->store, &message, NULL);
}

static struct store_change_row row_of(unsigned index, enum store_state state)
{
	return (struct store_change_row){
		.index = index,
		.state = state,
		.fate = 2,
		.tried = true,
		.attempts = 1,
		.due = INT64_C(77) * HOUR,
		.address = VIEW("anna@example.net"),
		.domain = VIEW("example.net"),
		.verdict = { OUTCOME_LATER, 450, { 4, 7, 1 }, VIEW("450 4.7.1 not now") },
		.class = VIEW("greylisted"),
	};
}

static struct store_change change_of(unsigned number, const struct store_change_row *rows, size_t count)
{
	return (struct store_change){
		.id = id_of(number),
		.account = VIEW("steve@mycorp.se"),
		.sender = VIEW("news@mycorp.se"),
		.accepted_wall = 1700000000 * SECOND,
		.size = 5,
		.attempt = { 1, 2, 3 },
		.when_wall = 1700000001 * SECOND,
		.remote = VIEW("mx1.example.net [192.0.2.1]:25"),
		.dialogue = VIEW("S: 450 4.7.1 not now"),
		.rows = rows,
		.row_count = count,
	};
}

static enum store_outcome change_rows(struct scene *scene, unsigned number, const struct store_change_row *rows,
                                      size_t count)
{
	struct store_change change = change_of(number, rows, count);
	return store_change(scene->store, &change);
}

static enum store_outcome change_one(struct scene *scene, unsigned number, unsigned index, enum store_state state)
{
	const struct store_change_row row = row_of(index, state);
	return change_rows(scene, number, &row, 1);
}

static void assert_trace(struct scene *scene, unsigned number, size_t live, size_t ended)
{
	struct store_story story;
	const struct message_id id = id_of(number);
	arena_clear(&scene->arena);
	const enum store_outcome outcome = store_trace(scene->store, &id, &scene->arena, &story);
	assert_int_equal(outcome, live + ended == 0 ? STORE_ABSENT : STORE_DONE);
	assert_int_equal(story.live_count, live);
	assert_int_equal(story.ended_count, ended);
}

/* ---- each runs as a task */

static void play_lifetime(struct scene *scene)
{
	scene_open(scene);
	assert_int_equal(accept_numbered(scene, 1, VIEW("hello")), STORE_DONE);
	assert_int_equal(scene->heard.accepted, 1);
	assert_trace(scene, 1, 3, 0);
	assert_int_equal(change_one(scene, 1, 0, STORE_ENDED), STORE_DONE);
	assert_int_equal(change_one(scene, 1, 1, STORE_DEFERRED), STORE_DONE);
	assert_trace(scene, 1, 2, 1);
	struct view content;
	const struct message_id id = id_of(1);
	store_forget(scene->store, &id);
	assert_int_equal(store_read(scene->store, &id, NULL, 100, &scene->arena, &content), STORE_DONE);
	assert_true(view_equal(content, VIEW("hello")));
	assert_int_equal(store_read(scene->store, &id, &scene->heard.last_place, 2, &scene->arena, &content), STORE_DONE);
	assert_true(view_equal(content, VIEW("he")));
	scene_close(scene);
	scene_open(scene);
	assert_trace(scene, 1, 2, 1);
	struct store_story story;
	assert_int_equal(store_trace(scene->store, &id, &scene->arena, &story), STORE_DONE);
	assert_int_equal(story.live[0].state, STORE_DEFERRED);
	assert_int_equal(story.live[0].due, INT64_C(77) * HOUR);
	assert_true(view_equal(story.live[0].dialogue, VIEW("S: 450 4.7.1 not now")));
	assert_int_equal(story.live[0].last.code, 450);
	assert_int_equal(story.live[1].state, STORE_QUEUED);
	assert_true(view_equal(story.live[1].domain, VIEW("example.org")));
	assert_int_equal(story.ended[0].fate, 2);
	assert_true(story.has_content);
	const struct store_change_row rows[] = { row_of(1, STORE_ENDED), row_of(2, STORE_ENDED) };
	assert_int_equal(change_rows(scene, 1, rows, 2), STORE_DONE);
	assert_trace(scene, 1, 0, 3);
	assert_int_equal(store_find(scene->store, &id), STORE_DONE);
	const struct message_id other = id_of(2);
	assert_int_equal(store_find(scene->store, &other), STORE_ABSENT);
	struct store_check check = { 0 };
	assert_int_equal(store_check(scene->store, &scene->arena, &check), STORE_DONE);
	assert_true(check.done && check.fault_count == 0 && check.checked == 0);
	/* In a lane that a former life has made. */
	assert_int_equal(accept_numbered(scene, 2, VIEW("again")), STORE_DONE);
	assert_trace(scene, 2, 3, 0);
	scene_close(scene);
}

static void play_within_a_batch(struct scene *scene)
{
	scene->settings.settle = HOUR;
	scene_open(scene);
	const struct store_change_row rows[] = { row_of(0, STORE_ENDED), row_of(1, STORE_ENDED), row_of(2, STORE_ENDED) };
	assert_int_equal(accept_numbered(scene, 1, VIEW("gone at once")), STORE_DONE);
	assert_int_equal(change_rows(scene, 1, rows, 3), STORE_DONE);
	assert_int_equal(accept_numbered(scene, 2, VIEW("one goes")), STORE_DONE);
	assert_int_equal(change_one(scene, 2, 1, STORE_ENDED), STORE_DONE);
	assert_int_equal(accept_numbered(scene, 3, VIEW("owes")), STORE_DONE);
	struct store_change_row owing[] = { rows[0], rows[1], rows[2] };
	owing[1].owes = 1 << STORE_NOTICE_FAILURE;
	assert_int_equal(change_rows(scene, 3, owing, 3), STORE_DONE);
	assert_trace(scene, 1, 0, 3);
	assert_trace(scene, 2, 2, 1);
	assert_trace(scene, 3, 0, 3);
	const struct store_figures figures = store_figures(scene->store);
	assert_int_equal(figures.messages, 2);
	struct store_debts debts;
	assert_int_equal(store_debts(scene->store, NULL, 10, &scene->arena, &debts), STORE_DONE);
	assert_int_equal(debts.key_count, 1);
	struct store_debt debt;
	assert_int_equal(store_debt(scene->store, &debts.keys[0], &scene->arena, &debt), STORE_DONE);
	assert_int_equal(debt.count, 1);
	assert_int_equal(debt.indexes[0], 1);
	assert_true(view_equal(debt.sender, VIEW("news@mycorp.se")));
	/* Paid by the notice that is accepted with it. */
	const struct store_payment payment = { debts.keys[0].about, STORE_NOTICE_FAILURE, debt.indexes, debt.count };
	const struct store_recipient to = { VIEW("news@mycorp.se"), VIEW("mycorp.se") };
	const struct store_message notice = { .id = id_of(4),
		                                  .account = VIEW("steve@mycorp.se"),
		                                  .recipients = &to,
		                                  .recipient_count = 1,
		                                  .content = VIEW("sorry") };
	assert_int_equal(store_accept(scene->store, &notice, &payment), STORE_DONE);
	assert_int_equal(scene->heard.paid, 1);
	assert_int_equal(store_debts(scene->store, NULL, 10, &scene->arena, &debts), STORE_DONE);
	assert_int_equal(debts.key_count, 0);
	assert_trace(scene, 4, 1, 0);
	assert_int_equal(store_figures(scene->store).messages, 2);
	scene_close(scene);
}

static enum store_outcome keep_one(struct scene *scene, unsigned number, uint32_t index)
{
	struct store_change_row row = row_of(index, STORE_ENDED);
	struct store_change change = change_of(number, &row, 1);
	change.keep_content = true;
	return store_change(scene->store, &change);
}

static void assert_kept(struct scene *scene, unsigned number, struct view content)
{
	const struct message_id id = id_of(number);
	struct store_story story;
	struct view kept;
	assert_int_equal(store_trace(scene->store, &id, &scene->arena, &story), STORE_DONE);
	assert_true(story.has_content);
	assert_int_equal(store_read(scene->store, &id, &story.place, SIZE_MAX, &scene->arena, &kept), STORE_DONE);
	assert_true(view_equal(kept, content));
}

static void play_kept(struct scene *scene)
{
	/* In the batch that accepts it, and in a later one. */
	scene->settings.settle = HOUR;
	scene_open(scene);
	assert_int_equal(accept_numbered(scene, 1, VIEW("captured")), STORE_DONE);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(keep_one(scene, 1, i), STORE_DONE);
	assert_int_equal(accept_numbered(scene, 2, VIEW("")), STORE_DONE);
	assert_trace(scene, 2, 3, 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(keep_one(scene, 2, i), STORE_DONE);
	assert_int_equal(accept_numbered(scene, 3, VIEW("not kept")), STORE_DONE);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(change_one(scene, 3, i, STORE_ENDED), STORE_DONE);
	assert_trace(scene, 3, 0, 3);
	scene_close(scene);
	scene_open(scene);
	assert_kept(scene, 1, VIEW("captured"));
	assert_kept(scene, 2, VIEW(""));
	const struct message_id id = id_of(3);
	struct store_story story;
	struct view content;
	assert_int_equal(store_trace(scene->store, &id, &scene->arena, &story), STORE_DONE);
	assert_false(story.has_content);
	assert_int_equal(store_read(scene->store, &id, NULL, SIZE_MAX, &scene->arena, &content), STORE_ABSENT);
	scene_close(scene);
}

static void play_loads(struct scene *scene)
{
	scene_open(scene);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(accept_numbered(scene, i, VIEW("x")), STORE_DONE);
	struct store_lanes lanes;
	struct store_rows rows;
	const struct message_id three = id_of(3);
	assert_int_equal(store_live(scene->store, &three, &scene->arena, &rows), STORE_DONE);
	assert_int_equal(rows.row_count, 3);
	assert_int_equal(store_lanes(scene->store, INT64_MAX, 0, 100, &scene->arena, &lanes), STORE_DONE);
	assert_int_equal(lanes.lane_count, 2);
	assert_int_equal(change_one(scene, 3, 0, STORE_ENDED), STORE_DONE);
	assert_int_equal(change_one(scene, 4, 0, STORE_HELD), STORE_DONE);
	/* Not applied yet: rows of 3 and 4 are not given. */
	struct store_load loads[] = { { .account = VIEW("steve@mycorp.se"), .domain = VIEW("example.net"), .most = 100 },
		                          { .account = VIEW("steve@mycorp.se"), .domain = VIEW("example.org"), .most = 4 },
		                          { .account = VIEW("nobody"), .domain = VIEW("example.org"), .most = 4 } };
	uint64_t applied = 0;
	assert_int_equal(store_load(scene->store, loads, 3, &scene->arena, &applied), STORE_DONE);
	assert_int_equal(loads[0].row_count, 16);
	assert_false(loads[0].more);
	assert_true(loads[1].row_count >= 3 && loads[1].more);
	assert_int_equal(loads[2].row_count, 0);
	assert_int_equal(applied, 10);
	/* Applied: what was ended is gone, what is held for good is not given. */
	assert_trace(scene, 3, 2, 1);
	assert_int_equal(store_load(scene->store, loads, 1, &scene->arena, &applied), STORE_DONE);
	assert_int_equal(loads[0].row_count, 19);
	assert_int_equal(applied, 12);
	assert_int_equal(store_expired(scene->store, store_time(scene->store) + 6 * DAY, 1000, &scene->arena, &rows),
	                 STORE_DONE);
	assert_int_equal(rows.row_count, 29);
	assert_int_equal(store_expired(scene->store, store_time(scene->store), 1000, &scene->arena, &rows), STORE_DONE);
	assert_int_equal(rows.row_count, 0);
	struct store_totals totals;
	assert_int_equal(store_summary(scene->store, 1, &scene->arena, &totals), STORE_DONE);
	assert_int_equal(totals.messages, 10);
	assert_int_equal(totals.recipients[STORE_HELD], 1);
	assert_int_equal(totals.recipients[STORE_QUEUED], 28);
	assert_int_equal(totals.lane_count, 1);
	assert_true(view_equal(totals.lanes[0].domain, VIEW("example.net")));
	scene_close(scene);
}

static void play_lists(struct scene *scene)
{
	scene_open(scene);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(accept_numbered(scene, i, VIEW("x")), STORE_DONE);
	assert_int_equal(change_one(scene, 2, 2, STORE_HELD), STORE_DONE);
	const struct {
		const char *name;
		struct store_filter filter;
		size_t rows;
	} cases[] = {
		{ "all", { 0 }, 15 },
		{ "one message", { .has_id = true, .id = id_of(2) }, 3 },
		{ "account", { .account = VIEW("STEVE@mycorp.se") }, 15 },
		{ "another account", { .account = VIEW("eve@mycorp.se") }, 0 },
		{ "sender domain", { .sender_domain = VIEW("mycorp.se") }, 15 },
		{ "part of a sender domain", { .sender_domain = VIEW("corp.se") }, 0 },
		{ "recipient", { .address = VIEW("carl@example.org") }, 5 },
		{ "recipient domain", { .domain = VIEW("example.net") }, 10 },
		{ "held", { .has_state = true, .state = STORE_HELD }, 1 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* In pages of two, and all in one. */
		for (size_t most = 2; most < 200; most += 100) {
			struct store_cursor cursor = { 0 };
			struct store_rows page = { .more = true };
			size_t rows = 0;
			while (page.more) {
				assert_int_equal(store_list(scene->store, &cases[i].filter, &cursor, most, &scene->arena, &page),
				                 STORE_DONE);
				rows += page.row_count;
			}
			if (rows != cases[i].rows)
				print_message("%s\n", cases[i].name);
			assert_int_equal(rows, cases[i].rows);
		}
	}
	assert_int_equal(store_account_hold(scene->store, VIEW("steve"), VIEW("suspended")), STORE_DONE);
	assert_int_equal(store_account_hold(scene->store, VIEW("eve"), VIEW("suspended")), STORE_DONE);
	assert_int_equal(store_account_hold(scene->store, VIEW("eve"), VIEW("")), STORE_DONE);
	assert_int_equal(scene->heard.account_held, 3);
	scene_close(scene);
	scene_open(scene);
	struct store_account_hold_row *holds;
	size_t count;
	assert_int_equal(store_account_holds(scene->store, &scene->arena, &holds, &count), STORE_DONE);
	assert_int_equal(count, 1);
	assert_true(view_equal(holds[0].account, VIEW("steve")));
	scene_close(scene);
}

static void play_history(struct scene *scene)
{
	scene->settings.history_rows = 10;
	scene_open(scene);
	for (unsigned i = 0; i < 30; i++) {
		assert_int_equal(accept_numbered(scene, i, VIEW("x")), STORE_DONE);
		assert_int_equal(change_one(scene, i, i % 2, STORE_ENDED), STORE_DONE);
		assert_trace(scene, i, 2, 1);
	}
	struct store_search search = { .most = 7 };
	struct store_found found = { .more = true };
	size_t rows = 0;
	uint64_t last = UINT64_MAX;
	while (found.more) {
		assert_int_equal(store_search(scene->store, &search, &scene->arena, &found), STORE_DONE);
		for (size_t i = 0; i < found.row_count; i++) {
			assert_true(found.rows[i].seq < last);
			last = found.rows[i].seq;
		}
		rows += found.row_count;
		search.before_seq = found.before_seq;
	}
	assert_int_equal(rows, 30);
	const struct {
		const char *name;
		struct store_search search;
		size_t rows;
	} cases[] = {
		{ "account, other letters", { .account = VIEW("Steve@mycorp.se") }, 30 },
		{ "no such account", { .account = VIEW("eve") }, 0 },
		{ "address", { .address = VIEW("anna@example.net") }, 30 },
		{ "domain", { .domain = VIEW("example.net") }, 30 },
		{ "sender", { .sender = VIEW("news@mycorp.se") }, 30 },
		{ "later", { .since = 1700000002 * SECOND }, 0 },
		{ "before", { .until = 1700000001 * SECOND }, 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_search wanted = cases[i].search;
		wanted.most = 100;
		assert_int_equal(store_search(scene->store, &wanted, &scene->arena, &found), STORE_DONE);
		if (found.row_count != cases[i].rows)
			print_message("%s\n", cases[i].name);
		assert_int_equal(found.row_count, cases[i].rows);
	}
	scene_close(scene);
}

static void play_recycling(struct scene *scene)
{
	scene->settings.segment_size = 4096;
	scene->settings.settle = MILLISECOND;
	scene->settings.compact = 50 * MILLISECOND;
	scene_open(scene);
	static const char filler[1000];
	const struct store_change_row rows[] = { row_of(0, STORE_ENDED), row_of(1, STORE_ENDED), row_of(2, STORE_ENDED) };
	assert_int_equal(accept_numbered(scene, 1000, VIEW("stays")), STORE_DONE);
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(accept_numbered(scene, i, view_bytes(filler, sizeof(filler))), STORE_DONE);
		assert_int_equal(change_rows(scene, i, rows, 3), STORE_DONE);
	}
	task_sleep(scene->world, 300 * MILLISECOND);
	assert_int_equal(accept_numbered(scene, 2000, VIEW("later")), STORE_DONE);
	task_sleep(scene->world, 100 * MILLISECOND);
	/* The first one was moved out of its nearly empty segment; nothing else is kept but the spares. */
	struct text names = TEXT_LIMIT(65536);
	char path[128];
	snprintf(path, sizeof(path), "%s/journal", test_directory);
	assert_int_equal(scene->world->disk->operations->list(scene->world->disk, path, &names), DISK_OK);
	assert_true(names.length / 17 < 14);
	assert_true(store_figures(scene->store).compactions > 0);
	text_deinit(&names);
	const struct message_id id = id_of(1000);
	struct view content;
	store_forget(scene->store, &id);
	const struct store_place stale = { 1, 64, 200 };
	assert_int_equal(store_read(scene->store, &id, &stale, 100, &scene->arena, &content), STORE_DONE);
	assert_true(view_equal(content, VIEW("stays")));
	struct store_check check = { 0 };
	assert_int_equal(store_check(scene->store, &scene->arena, &check), STORE_DONE);
	assert_int_equal(check.fault_count, 0);
	assert_int_equal(check.checked, 2);
	scene_close(scene);
	scene_open(scene);
	assert_trace(scene, 1000, 3, 0);
	scene_close(scene);
}

static void play_prepared(struct scene *scene)
{
	static const char filler[1000];
	struct stat facts;
	char path[128];
	scene->settings.segment_size = 3 * 1024 * 1024;
	scene_open(scene);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(accept_numbered(scene, i, view_bytes(filler, sizeof(filler))), STORE_DONE);
	snprintf(path, sizeof(path), "%s/journal/prepared", test_directory);
	for (unsigned i = 0; i < 1000 && (stat(path, &facts) != 0 || facts.st_size < 3 * 1024 * 1024); i++)
		task_sleep(scene->world, 10 * MILLISECOND);
	task_sleep(scene->world, 100 * MILLISECOND);
	assert_int_equal(accept_numbered(scene, 100, VIEW("in the prepared segment")), STORE_DONE);
	assert_int_equal(stat(path, &facts), -1);
	assert_int_equal(scene->heard.last_place.segment, 2);
	snprintf(path, sizeof(path), "%s/journal/%016x", test_directory, 2);
	assert_int_equal(stat(path, &facts), 0);
	assert_int_equal(facts.st_size, 3 * 1024 * 1024);
	assert_int_equal((long long)facts.st_blocks * 512, facts.st_size); /* written, not just long */
	scene_close(scene);
	scene_open(scene);
	assert_trace(scene, 100, 3, 0);
	scene_close(scene);
}

/* What a former life was filling takes no space from this one; others are not touched. */
static void play_preparing_before(struct scene *scene)
{
	char preparing[128];
	char prepared[128];
	scene_open(scene);
	scene_close(scene);
	snprintf(preparing, sizeof(preparing), "%s/journal/preparing", test_directory);
	snprintf(prepared, sizeof(prepared), "%s/journal/prepared", test_directory);
	for (unsigned i = 0; i < 2; i++) {
		FILE *file = fopen(i == 0 ? preparing : prepared, "w");
		assert_non_null(file);
		assert_int_equal(fclose(file), 0);
	}
	scene_open(scene);
	assert_int_equal(access(preparing, F_OK), -1);
	assert_int_equal(access(prepared, F_OK), 0);
	scene_close(scene);
}

static bool appears(struct scene *scene, const char *path, bool is_there)
{
	for (unsigned i = 0; i < 2000 && (access(path, F_OK) == 0) != is_there; i++)
		task_sleep(scene->world, 5 * MILLISECOND);
	return (access(path, F_OK) == 0) == is_there;
}

/* Where the disk is filled meanwhile, what was taken of it is given back at once. */
static void play_preparing_gives_way(struct scene *scene)
{
	static const char filler[64 * 1024];
	char preparing[128];
	char prepared[128];
	snprintf(preparing, sizeof(preparing), "%s/journal/preparing", test_directory);
	snprintf(prepared, sizeof(prepared), "%s/journal/prepared", test_directory);
	scene_open(scene);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(accept_numbered(scene, i, view_bytes(filler, sizeof(filler))), STORE_DONE);
	assert_true(appears(scene, preparing, true));
	store_set_reserve(scene->store, UINT64_MAX / 2);
	assert_true(appears(scene, preparing, false));
	assert_int_equal(access(prepared, F_OK), -1);
	assert_int_equal(scene->heard.failed, 0);
	store_set_reserve(scene->store, 0);
	assert_int_equal(accept_numbered(scene, 100, VIEW("there is room")), STORE_DONE);
	scene_close(scene);
}

struct sender {
	struct scene *scene;
	unsigned first, taken;
	struct signal *ended;
};

enum { SENDERS = 10, SENT = 200 };

static void send_many(void *argument)
{
	struct sender *sender = argument;
	static const char filler[2000] = { 'x' };
	for (unsigned i = 0; i < SENT; i++)
		sender->taken +=
			accept_numbered(sender->scene, sender->first + i, view_bytes(filler, sizeof(filler))) == STORE_DONE;
	signal_wake_all(sender->ended);
}

/* Segments are prepared, taken and left while groups are on their way to the disk: nothing is written twice. */
static void play_prepared_under_load(struct scene *scene)
{
	struct sender senders[SENDERS];
	struct signal ended;
	signal_init(&ended);
	scene->settings.segment_size = 128 * 1024;
	scene_open(scene);
	for (unsigned i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ .scene = scene, .first = i * SENT, .ended = &ended };
		task_start(scene->world, "sender", send_many, &senders[i]);
	}
	for (unsigned i = 0; i < SENDERS; i++)
		while (senders[i].taken < SENT)
			assert_int_equal(signal_wait(&ended, world_now(scene->world) + MINUTE), WAIT_DONE);
	assert_int_equal(scene->heard.failed, 0);
	scene_close(scene);
	scene_open(scene);
	struct store_check check = { 0 };
	while (!check.done)
		assert_int_equal(store_check(scene->store, &scene->arena, &check), STORE_DONE);
	assert_int_equal(check.fault_count, 0);
	assert_int_equal(check.checked, SENDERS * SENT);
	scene_close(scene);
}

static void play_reserve(struct scene *scene)
{
	scene->settings.reserve = UINT64_MAX / 2;
	scene_open(scene);
	task_sleep(scene->world, 10 * MILLISECOND);
	assert_false(store_has_room(scene->store, 1));
	assert_int_equal(accept_numbered(scene, 1, VIEW("x")), STORE_FULL);
	scene_close(scene);
}

static void play_second_daemon(struct scene *scene)
{
	scene_open(scene);
	struct text problem = TEXT_LIMIT(1024);
	assert_null(store_open(scene->world, &scene->settings, &problem));
	assert_true(view_find(text_view(&problem), VIEW("in use")) != VIEW_NOT_FOUND);
	text_deinit(&problem);
	scene_close(scene);
}

struct crowd {
	struct scene *scene;
	unsigned number;
};

static void crowd_member(void *argument)
{
	struct crowd *crowd = argument;
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(accept_numbered(crowd->scene, crowd->number * 100 + i, VIEW("crowded")), STORE_DONE);
}

static void play_group_commit(struct scene *scene)
{
	scene_open(scene);
	struct task_group group;
	task_group_init(&group);
	struct crowd crowds[50];
	for (unsigned i = 0; i < 50; i++) {
		crowds[i] = (struct crowd){ scene, i };
		task_group_start(&group, scene->world, "crowd", crowd_member, &crowds[i]);
	}
	task_group_wait(&group, NEVER_DUE);
	assert_int_equal(scene->heard.accepted, 1000);
	const struct store_figures figures = store_figures(scene->store);
	assert_int_equal(figures.records, 1000);
	assert_true(figures.groups < 200);
	scene_close(scene);
}

/* Killed with nothing applied: everything comes back from the journal, once. */
static void play_until_killed(struct scene *scene)
{
	scene->settings.settle = HOUR;
	scene_open(scene);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(accept_numbered(scene, i, VIEW("comes back")), STORE_DONE);
	assert_int_equal(change_one(scene, 3, 0, STORE_ENDED), STORE_DONE);
	assert_int_equal(change_one(scene, 4, 1, STORE_DEFERRED), STORE_DONE);
	const struct store_change_row rows[] = { row_of(0, STORE_ENDED), row_of(1, STORE_ENDED), row_of(2, STORE_ENDED) };
	assert_int_equal(change_rows(scene, 5, rows, 3), STORE_DONE);
	assert_int_equal(accept_numbered(scene, 20, VIEW("the last group is in doubt")), STORE_DONE);
	_exit(7);
}

static void play_after_kill(struct scene *scene)
{
	for (unsigned life = 0; life < 2; life++) {
		scene_open(scene);
		assert_trace(scene, 3, 2, 1);
		assert_trace(scene, 4, 3, 0);
		assert_trace(scene, 5, 0, 3);
		for (unsigned i = 6; i < 21; i++)
			assert_trace(scene, i, 3, 0);
		struct store_check check = { 0 };
		assert_int_equal(store_check(scene->store, &scene->arena, &check), STORE_DONE);
		assert_int_equal(check.fault_count, 0);
		assert_int_equal(check.checked, 20);
		struct view content;
		const struct message_id id = id_of(20);
		assert_int_equal(store_read(scene->store, &id, NULL, 100, &scene->arena, &content), STORE_DONE);
		assert_true(view_equal(content, VIEW("the last group is in doubt")));
		assert_int_equal(scene->heard.problems, 0);
		scene_close(scene);
	}
}

/* ---- running them */

struct play {
	struct scene *scene;
	void (*act)(struct scene *scene);
	bool done;
};

static void play_run(void *argument)
{
	struct play *play = argument;
	play->act(play->scene);
	play->done = true;
}

static void play(void (*act)(struct scene *scene))
{
	struct scene scene = { .world = world_real_new(NULL) };
	scene.settings = (struct store_settings){ .directory = test_directory,
		                                      .retention = 30 * DAY,
		                                      .hooks = { .context = &scene.heard,
		                                                 .accepted = hear_accepted,
		                                                 .changed = hear_changed,
		                                                 .account_held = hear_account,
		                                                 .failed = hear_failed,
		                                                 .problem = hear_problem } };
	struct play run = { .scene = &scene, .act = act };
	task_start(scene.world, "play", play_run, &run);
	world_real_run(scene.world);
	assert_true(run.done);
	assert_int_equal(scene.heard.failed, 0);
	arena_deinit(&scene.arena);
	world_real_free(scene.world);
}

#define PLAY(name)                                                                                                   \
	static void test_##name(void **state)                                                                            \
	{                                                                                                                \
		(void)state;                                                                                                 \
		play(play_##name);                                                                                           \
	}
PLAY(lifetime)
PLAY(within_a_batch)
PLAY(kept)
PLAY(loads)
PLAY(lists)
PLAY(history)
PLAY(recycling)
PLAY(prepared)
PLAY(prepared_under_load)
PLAY(preparing_before)
PLAY(preparing_gives_way)
PLAY(reserve)
PLAY(second_daemon)
PLAY(group_commit)

static void test_killed(void **state)
{
	(void)state;
	assert_int_equal(fflush(stdout), 0);
	const pid_t child = fork();
	if (child == 0) {
		play(play_until_killed);
		_exit(1);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	play(play_after_kill);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(test_##name, test_directory_begin, test_directory_end)
	const struct CMUnitTest tests[] = {
		ROW(lifetime),
		ROW(within_a_batch),
		ROW(kept),
		ROW(loads),
		ROW(lists),
		ROW(history),
		ROW(recycling),
		ROW(prepared),
		ROW(prepared_under_load),
		ROW(preparing_before),
		ROW(preparing_gives_way),
		ROW(reserve),
		ROW(second_daemon),
		ROW(group_commit),
		ROW(killed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

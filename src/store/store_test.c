#include "store/test_play.h"

#include <sys/wait.h>
#include <unistd.h>

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

PLAY(lifetime)
PLAY(within_a_batch)
PLAY(kept)
PLAY(loads)
PLAY(lists)
PLAY(history)
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
	const struct CMUnitTest tests[] = {
		ROW(lifetime), ROW(within_a_batch), ROW(kept),         ROW(loads),  ROW(lists),
		ROW(history),  ROW(second_daemon),  ROW(group_commit), ROW(killed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What others than delivery ask of the queue: operators' actions and checks, and tokens that are back. */
#include "rooms/queue/test_play.h"

static void play_actions(struct scene *scene)
{
	struct take_answer taken = { 0 };
	const struct letter held = { .number = 1,
		                         .account = VIEW("steve@mycorp.se"),
		                         .sender = VIEW("news@mycorp.se"),
		                         .recipients = { VIEW("anna@example.net"), VIEW("carl@example.org") },
		                         .hold_reason = VIEW("odd") };
	assert_int_equal(post(scene, &held), SUBMIT_STORED);
	assert_int_equal(take(scene, 10, 400 * MILLISECOND, &taken), 0);
	assert_int_equal(act(scene, ACTION_RELEASE, (struct queue_filter){ 0 }).result, CHANGE_INVALID);
	assert_int_equal(act(scene, ACTION_RELEASE, (struct queue_filter){ .account = VIEW("eve") }).result,
	                 CHANGE_ABSENT);
	assert_int_equal(
		act(scene, ACTION_RELEASE, (struct queue_filter){ .recipient_domain = VIEW("example.net") }).changed, 1);
	assert_int_equal(take(scene, 10, SECOND, &taken), 1);
	assert_true(report(scene, &taken.jobs[0], 0, FATE_DEFERRED, 1));
	assert_int_equal(take(scene, 10, 0, &taken), 0);
	assert_int_equal(act(scene, ACTION_RETRY, (struct queue_filter){ .site = VIEW("mx.example.net") }).changed, 1);
	assert_int_equal(take(scene, 10, SECOND, &taken), 1);
	assert_true(report(scene, &taken.jobs[0], 0, FATE_DEFERRED, 1));
	/* The whole queue, when that is said; beside a filter it is a slip. */
	assert_int_equal(act_on_all(scene, ACTION_RETRY, VIEW("steve@mycorp.se")).result, CHANGE_INVALID);
	assert_int_equal(act_on_all(scene, ACTION_RETRY, VIEW_NONE).changed, 1);
	assert_int_equal(take(scene, 10, SECOND, &taken), 1);
	/* Cancelled while it is tried: it ends when it comes back undelivered. */
	assert_int_equal(act(scene, ACTION_CANCEL, (struct queue_filter){ .has_id = true, .id = id_of(1) }).changed, 2);
	assert_int_equal(trace(scene, 1).rows[0].state, QUEUE_LEASED);
	assert_true(report(scene, &taken.jobs[0], 0, FATE_DEFERRED, 2));
	const struct trace_answer story = trace(scene, 1);
	for (size_t i = 0; i < 2; i++)
		assert_true(story.rows[i].ended && story.rows[i].fate == FATE_CANCELLED);
	struct search_answer found = { 0 };
	const struct search_request search = { .domain = VIEW("example.net") };
	assert_int_equal(queue_search(scene->api, &search, &found, &scene->arena, soon(scene)), ASKED_OK);
	assert_int_equal(found.row_count, 1);
	expect_view("why it was cancelled", found.rows[0].reason, VIEW("because"));
	/* Both failures in one notice. */
	assert_int_equal(take(scene, 10, 4 * SECOND, &taken), 1);
	assert_int_equal(taken.jobs[0].kind, JOB_NOTICE);
	assert_int_equal(taken.jobs[0].recipient_count, 2);
	/* An account as a whole. */
	post_numbered(scene, 5);
	const struct queue_act_request hold = { .action = ACTION_HOLD,
		                                    .filter = { .account = VIEW("steve@mycorp.se") },
		                                    .whole_account = true };
	struct queue_act_answer answer = { 0 };
	assert_int_equal(queue_act(scene->api, &hold, &answer, &scene->arena, soon(scene)), ASKED_OK);
	assert_int_equal(answer.result, CHANGE_DONE);
	post_numbered(scene, 6);
	assert_int_equal(take(scene, 10, 200 * MILLISECOND, &taken), 0);
	assert_int_equal(trace(scene, 6).rows[0].state, QUEUE_HELD);
	struct queue_summary_answer summary = { 0 };
	const struct queue_summary_request wanted = { .most = 10 };
	assert_int_equal(queue_summary(scene->api, &wanted, &summary, &scene->arena, soon(scene)), ASKED_OK);
	assert_int_equal(summary.rows[0].recipients[QUEUE_HELD], 2);
	scene_end(scene);
	scene_start(scene);
	assert_int_equal(take(scene, 10, 600 * MILLISECOND, &taken), 1);
	assert_int_equal(taken.jobs[0].kind, JOB_NOTICE);
	assert_int_equal(act(scene, ACTION_RETRY, (struct queue_filter){ .account = VIEW("steve@mycorp.se") }).result,
	                 CHANGE_DONE);
	assert_int_equal(take(scene, 10, 200 * MILLISECOND, &taken), 0);
	struct queue_act_request release = hold;
	release.action = ACTION_RELEASE;
	assert_int_equal(queue_act(scene->api, &release, &answer, &scene->arena, soon(scene)), ASKED_OK);
	assert_int_equal(take(scene, 10, SECOND, &taken), 2);
}

/* Why an action did nothing. */
static void play_nothing_to_do(struct scene *scene)
{
	const struct queue_filter here = { .recipient_domain = VIEW("example.net") };
	const struct queue_filter nowhere = { .recipient_domain = VIEW("example.org") };
	post_numbered(scene, 1);
	expect_view("nowhere", act(scene, ACTION_CANCEL, nowhere).why, VIEW("no mail in the queue is meant by that"));
	expect_view("not held", act(scene, ACTION_RELEASE, here).why, VIEW("nothing of what is meant by that is held"));
	assert_int_equal(act(scene, ACTION_HOLD, here).changed, 1);
	expect_view("held already", act(scene, ACTION_HOLD, here).why, VIEW("what is meant by that is held already"));
	expect_view("held", act(scene, ACTION_RETRY, here).why,
	            VIEW("what is meant by that is being tried, or held: release it to have it tried"));
	assert_int_equal(act(scene, ACTION_RELEASE, here).changed, 1);
}

/* The token is gone: held, and looked at again by itself. */
static void play_token_gone(struct scene *scene)
{
	struct take_answer taken = { 0 };
	post_numbered(scene, 1);
	assert_int_equal(take(scene, 1, SECOND, &taken), 1);
	assert_true(report(scene, &taken.jobs[0], 0, FATE_HELD, 1));
	const struct trace_answer story = trace(scene, 1);
	assert_int_equal(story.rows[0].state, QUEUE_HELD);
	assert_int_equal(story.rows[0].attempts, 0);
	assert_true(story.rows[0].next_attempt > world_wall(scene->world));
	assert_int_equal(take(scene, 1, 100 * MILLISECOND, &taken), 0);
	assert_int_equal(
		act(scene, ACTION_RETRY, (struct queue_filter){ .has_state = true, .state = QUEUE_HELD }).changed, 1);
	assert_int_equal(take(scene, 1, SECOND, &taken), 1);
	/* Not tried: it comes back by itself, and nothing is written down. */
	assert_true(report(scene, &taken.jobs[0], 0, FATE_RETURNED, 2));
	assert_int_equal(take(scene, 1, 3 * SECOND, &taken), 1);
	assert_int_equal(taken.jobs[0].recipients[0].attempts, 0);
	assert_true(report(scene, &taken.jobs[0], 0, FATE_DELIVERED, 3));
}

/* It is back: what waited for it goes on at once, what the operator holds stays. */
static void play_token_back(struct scene *scene)
{
	struct take_answer taken = { 0 };
	struct queue_act_answer answer = { 0 };
	const struct token_back_request back = { .account = VIEW("steve@mycorp.se") };
	const struct token_back_request another = { .account = VIEW("eve@mycorp.se") };
	const struct letter held = { .number = 2,
		                         .account = VIEW("steve@mycorp.se"),
		                         .sender = VIEW("news@mycorp.se"),
		                         .recipients = { VIEW("anna@example.net") },
		                         .hold_reason = VIEW("odd") };
	post_numbered(scene, 1);
	assert_int_equal(post(scene, &held), SUBMIT_STORED);
	assert_int_equal(take(scene, 2, SECOND, &taken), 1);
	assert_true(report(scene, &taken.jobs[0], 0, FATE_HELD, 1));
	assert_int_equal(queue_token_back(scene->resolver, &another, &answer, &scene->arena, soon(scene)), ASKED_OK);
	assert_int_equal(answer.changed, 0);
	assert_int_equal(queue_token_back(scene->resolver, &back, &answer, &scene->arena, soon(scene)), ASKED_OK);
	assert_int_equal(answer.changed, 1);
	assert_int_equal(take(scene, 2, SECOND, &taken), 1);
	assert_true(report(scene, &taken.jobs[0], 0, FATE_DELIVERED, 2));
	assert_int_equal(trace(scene, 2).rows[0].state, QUEUE_HELD);
}

struct checking {
	struct queue_check_request next;
	struct queue_check_answer last;
};

static void check_slice(struct scene *scene, struct checking *checking)
{
	checking->last = (struct queue_check_answer){ 0 };
	assert_int_equal(queue_check(scene->api, &checking->next, &checking->last, &scene->arena, soon(scene)), ASKED_OK);
	checking->next.cursor = checking->last.cursor;
}

/* More than one slice of messages; the checks take turns. */
static void play_two_checks(struct scene *scene)
{
	enum { MESSAGES = 2001, SLICES = 2 };
	struct checking checks[2] = { 0 };
	for (unsigned i = 0; i < MESSAGES; i++)
		post_numbered(scene, i);
	for (unsigned slice = 0; slice < SLICES; slice++) {
		for (size_t i = 0; i < CASES(checks); i++) {
			check_slice(scene, &checks[i]);
			assert_int_equal(checks[i].last.fault_count, 0);
			assert_int_equal(checks[i].last.total, MESSAGES);
			assert_true(checks[i].last.done == (slice + 1 == SLICES));
		}
	}
	for (size_t i = 0; i < CASES(checks); i++)
		assert_int_equal(checks[i].last.cursor.checked, MESSAGES);
}

PLAY(actions)
PLAY(two_checks)
PLAY(nothing_to_do)
PLAY(token_gone)
PLAY(token_back)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(actions), ROW(two_checks), ROW(nothing_to_do), ROW(token_gone), ROW(token_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

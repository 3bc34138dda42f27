/* The way of mail through the queue: taken, tried, reported, tried again, and who dies meanwhile. */
#include "rooms/queue/test_play.h"

static void play_delivered(struct scene *scene)
{
	const struct letter letter = { .number = 1,
		                           .account = VIEW("steve@mycorp.se"),
		                           .sender = VIEW("news@mycorp.se"),
		                           .recipients = { VIEW("anna@example.net"), VIEW("bert@example.net"),
		                                           VIEW("carl@example.org") } };
	assert_int_equal(post(scene, &letter), SUBMIT_STORED);
	struct take_answer taken = { 0 };
	assert_int_equal(take(scene, 10, SECOND, &taken), 2);
	const struct job *job = &taken.jobs[0];
	assert_int_equal(job->recipient_count, 2);
	assert_true(view_equal(job->domain, VIEW("example.net")));
	assert_true(view_equal(job->envelope.account, VIEW("steve@mycorp.se")));
	assert_true(view_equal(job->envelope.sender, VIEW("news@mycorp.se")));
	assert_true(view_equal(job->envelope.as_typed, VIEW("Steve")));
	assert_true(view_equal(job->envelope.identity_domains[0], VIEW("mycorp.se")));
	assert_int_equal(job->envelope.require_token, REQUIRE_WARN);
	assert_true(job->envelope.eight_bit);
	assert_true(view_ends(job->content, VIEW("body\r\n")));
	struct trace_answer story = trace(scene, 1);
	assert_int_equal(story.rows[0].state, QUEUE_LEASED);
	assert_true(story.has_content);
	assert_true(report(scene, job, 0, FATE_DELIVERED, 1));
	assert_true(report(scene, job, 1, FATE_DELIVERED, 1));
	assert_true(report(scene, &taken.jobs[1], 0, FATE_CAPTURED, 2));
	/* The same again changes nothing. */
	assert_true(report(scene, job, 1, FATE_DELIVERED, 1));
	story = trace(scene, 1);
	assert_int_equal(story.row_count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(story.rows[i].ended);
	assert_int_equal(story.rows[2].fate, FATE_CAPTURED);
	assert_true(story.rows[0].seq != story.rows[1].seq);
	assert_int_equal(scene->terminal_events, 3);
	assert_int_equal(scene->events, 3);
	/* Submitted again, it is known. */
	const struct letter again = { .number = 1,
		                          .repeat = true,
		                          .account = letter.account,
		                          .sender = letter.sender,
		                          .recipients = { VIEW("anna@example.net") } };
	assert_int_equal(post(scene, &again), SUBMIT_STORED);
	assert_int_equal(take(scene, 10, 0, &taken), 0);
	struct search_answer found = { 0 };
	const struct search_request search = { .domain = VIEW("example.net") };
	assert_int_equal(queue_search(scene->api, &search, &found, &scene->arena, soon(scene)), ASKED_OK);
	assert_int_equal(found.row_count, 2);
}

static void play_bounced(struct scene *scene)
{
	struct take_answer taken = { 0 };
	post_numbered(scene, 1);
	assert_int_equal(take(scene, 10, SECOND, &taken), 1);
	assert_true(report(scene, &taken.jobs[0], 0, FATE_BOUNCED, 1));
	assert_int_equal(take(scene, 10, SECOND, &taken), 1);
	const struct job *job = &taken.jobs[0];
	assert_int_equal(job->kind, JOB_NOTICE);
	assert_int_equal(job->notice, NOTICE_FAILURE);
	assert_int_equal(job->recipient_count, 1);
	assert_true(view_equal(job->recipients[0].address, VIEW("anna@example.net")));
	assert_int_equal(job->recipients[0].verdict.code, 550);
	assert_true(view_equal(job->content, VIEW("Subject: hello\r\nX-Other: 1\r\n")));
	assert_true(view_equal(job->envelope.sender, VIEW("news@mycorp.se")));
	struct submit_recipient to = { VIEW("news@mycorp.se"), VIEW("mycorp.se") };
	const struct notice_done_request done = {
		.lease = job->lease,
		.about = job->id,
		.notice = NOTICE_FAILURE,
		.message = { .id = id_of(2),
		             .envelope = { .account = VIEW("steve@mycorp.se") },
		             .recipients = &to,
		             .recipient_count = 1,
		             .content = VIEW("Subject: sorry\r\n\r\n") },
	};
	struct submit_answer answer = { 0 };
	assert_int_equal(queue_notice_done(scene->delivery, &done, &answer, &scene->arena, soon(scene)), ASKED_OK);
	assert_int_equal(answer.result, SUBMIT_STORED);
	/* The notice goes out, and its own failure is told to nobody. */
	assert_int_equal(take(scene, 10, SECOND, &taken), 1);
	assert_int_equal(taken.jobs[0].kind, JOB_MESSAGE);
	assert_int_equal(taken.jobs[0].envelope.sender.length, 0);
	assert_true(report(scene, &taken.jobs[0], 0, FATE_BOUNCED, 2));
	assert_int_equal(take(scene, 10, 300 * MILLISECOND, &taken), 0);
	assert_int_equal(store_figures(scene->queue->store).messages, 0);
}

/* Notices of messages that are not through yet wait to gather: one that becomes due while nothing else happens is
 * given out. */
static void play_gathering(struct scene *scene)
{
	struct take_answer taken = { 0 };
	for (unsigned number = 1; number <= 2; number++) {
		const struct letter letter = { .number = number,
			                           .account = VIEW("steve@mycorp.se"),
			                           .sender = VIEW("news@mycorp.se"),
			                           .recipients = { VIEW("anna@example.net"), VIEW("carl@example.net") } };
		assert_int_equal(post(scene, &letter), SUBMIT_STORED);
	}
	assert_int_equal(take(scene, 10, SECOND, &taken), 2);
	const struct job first = taken.jobs[0];
	const struct job second = taken.jobs[1];
	assert_true(report(scene, &first, 0, FATE_BOUNCED, 1));
	assert_int_equal(task_sleep(scene->world, 50 * MILLISECOND), WAIT_DONE);
	assert_true(report(scene, &second, 0, FATE_BOUNCED, 2));
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(take(scene, 10, 5 * SECOND, &taken), 1);
		assert_int_equal(taken.jobs[0].kind, JOB_NOTICE);
	}
}

/* A recipient that is on the disk alone is not forgotten when another one of its message ends while it is fetched. */
static void play_fetched_while_another_ends(struct scene *scene)
{
	enum { LANE = 64 };
	struct take_answer taken = { 0 };
	const struct letter letter = { .number = 1,
		                           .account = VIEW("steve@mycorp.se"),
		                           .sender = VIEW("news@mycorp.se"),
		                           .recipients = { VIEW("anna@example.net"), VIEW("carl@example.net") } };
	assert_int_equal(post(scene, &letter), SUBMIT_STORED);
	assert_int_equal(take(scene, 1, SECOND, &taken), 1);
	const struct job job = taken.jobs[0];
	for (unsigned number = 2; number < 2 + LANE; number++)
		post_numbered(scene, number);
	/* The lane is full: the first waits on the disk. It is due, and its record is applied, when the second ends. */
	assert_true(report(scene, &job, 0, FATE_DEFERRED, 1));
	assert_int_equal(task_sleep(scene->world, 1500 * MILLISECOND), WAIT_DONE);
	assert_true(report(scene, &job, 1, FATE_DELIVERED, 1));
	bool found = false;
	for (size_t left = LANE + 1; left > 0 && take(scene, 50, 3 * SECOND, &taken) > 0; left -= taken.job_count)
		for (size_t i = 0; i < taken.job_count; i++) {
			found |= id_equal(&taken.jobs[i].id, &job.id);
			assert_true(report(scene, &taken.jobs[i], 0, FATE_DELIVERED, 2));
		}
	assert_true(found);
}

/* Takes what is due and defers it, until nothing is for 3 s. Returns how many. */
static size_t defer_all(struct scene *scene)
{
	struct take_answer taken = { 0 };
	size_t tried = 0;
	while (take(scene, 20, 3 * SECOND, &taken) > 0)
		for (size_t i = 0; i < taken.job_count; i++, tried++)
			assert_true(report(scene, &taken.jobs[i], 0, FATE_DEFERRED, (uint8_t)tried));
	return tried;
}

/* Recipients who are deferred do not stand in the way of others of their domain: neither of those that wait on the
 * disk, nor of new ones, nor of those that the operator wants tried now. */
static void play_deferred_delay_nobody(struct scene *scene)
{
	enum { BULK = 300 };
	struct take_answer taken = { 0 };
	const int64_t began = world_now(scene->world);
	for (unsigned number = 1; number <= BULK; number++)
		post_numbered(scene, number);
	assert_int_equal(defer_all(scene), BULK);
	assert_true(world_now(scene->world) - began < 30 * SECOND);
	post_numbered(scene, BULK + 1);
	assert_int_equal(take(scene, 20, 3 * SECOND, &taken), 1);
	assert_true(report(scene, &taken.jobs[0], 0, FATE_DELIVERED, 1));
	for (unsigned number = 1; number <= BULK; number += 50)
		assert_int_equal(
			act(scene, ACTION_RETRY, (struct queue_filter){ .has_id = true, .id = id_of(number) }).changed, 1);
	assert_int_equal(defer_all(scene), BULK / 50);
	assert_true(world_now(scene->world) - began < 45 * SECOND);
	/* And when their time comes, all of them are tried again. */
	assert_int_equal(task_sleep(scene->world, MINUTE), WAIT_DONE);
	assert_true(defer_all(scene) >= BULK - BULK / 50);
}

/* What delivery gives back untried waits a second, whatever is due behind it: its site has no place. */
static void play_returned_wait(struct scene *scene)
{
	enum { BULK = 100, LANE = 64 };
	struct take_answer taken = { 0 };
	size_t returned = 0;
	for (unsigned number = 1; number <= BULK; number++)
		post_numbered(scene, number);
	while (returned < 2 * BULK && take(scene, 20, 200 * MILLISECOND, &taken) > 0)
		for (size_t i = 0; i < taken.job_count; i++, returned++)
			assert_true(report(scene, &taken.jobs[i], 0, FATE_RETURNED, (uint8_t)returned));
	assert_int_equal(returned, LANE);
	assert_int_equal(task_sleep(scene->world, SECOND), WAIT_DONE);
	assert_true(take(scene, 20, SECOND, &taken) > 0);
}

static void play_lost_delivery(struct scene *scene)
{
	struct take_answer taken = { 0 };
	post_numbered(scene, 1);
	assert_int_equal(take(scene, 10, SECOND, &taken), 1);
	const struct job lost = taken.jobs[0];
	delivery_dies(scene);
	assert_int_equal(take(scene, 10, SECOND, &taken), 1);
	/* The old lease is good for nothing while somebody else has it. */
	assert_false(report(scene, &lost, 0, FATE_DEFERRED, 1));
	assert_true(report(scene, &taken.jobs[0], 0, FATE_DEFERRED, 2));
	const struct trace_answer story = trace(scene, 1);
	assert_int_equal(story.rows[0].state, QUEUE_DEFERRED);
	assert_int_equal(story.rows[0].attempts, 1);
	const int64_t wait = story.rows[0].next_attempt - world_wall(scene->world);
	assert_true(wait > 40 * SECOND && wait < 80 * SECOND);
}

/* Whose presence ends the process each time is held; those beside it are not. */
static void play_poison(struct scene *scene)
{
	struct take_answer taken = { 0 };
	for (unsigned number = 1; number <= 3; number++)
		post_numbered(scene, number);
	for (unsigned death = 0; death < 2; death++) {
		assert_int_equal(take(scene, 10, SECOND, &taken), 3);
		delivery_dies(scene);
	}
	/* From now on one at a time, beside those that nobody suspects. */
	post_numbered(scene, 4);
	assert_int_equal(take(scene, 10, 100 * MILLISECOND, &taken), 2);
	const struct message_id poison = taken.jobs[0].id;
	delivery_dies(scene);
	unsigned delivered = 0;
	for (unsigned tries = 0; delivered < 3 && tries < 20; tries++) {
		take(scene, 1, 3 * SECOND, &taken);
		for (size_t i = 0; i < taken.job_count; i++, delivered++) {
			assert_false(id_equal(&taken.jobs[i].id, &poison));
			assert_true(report(scene, &taken.jobs[i], 0, FATE_DELIVERED, (uint8_t)(tries + 1)));
		}
	}
	assert_int_equal(delivered, 3);
	assert_int_equal(take(scene, 10, MINUTE / 10, &taken), 0);
	const struct trace_answer story = trace(scene, poison.bytes[15]);
	assert_int_equal(story.rows[0].state, QUEUE_HELD);
	assert_true(view_starts(story.rows[0].reason, VIEW("quarantined: ")));
	/* A restart forgets the suspicion, not the state; released, it is tried as if nothing had been. */
	scene_end(scene);
	scene_start(scene);
	assert_int_equal(take(scene, 10, SECOND, &taken), 0);
	assert_int_equal(
		act(scene, ACTION_RELEASE, (struct queue_filter){ .has_state = true, .state = QUEUE_HELD }).changed, 1);
	assert_int_equal(take(scene, 10, SECOND, &taken), 1);
	delivery_dies(scene);
	assert_int_equal(take(scene, 10, SECOND, &taken), 1);
	assert_true(report(scene, &taken.jobs[0], 0, FATE_DELIVERED, 77));
}

static void play_restart(struct scene *scene)
{
	struct take_answer taken = { 0 };
	post_numbered(scene, 1);
	post_numbered(scene, 2);
	assert_int_equal(take(scene, 1, SECOND, &taken), 1);
	const struct job running = taken.jobs[0];
	scene_end(scene);
	scene_start(scene);
	const struct running_job job = {
		.lease = running.lease, .id = running.id, .indexes = &(uint32_t){ 0 }, .index_count = 1
	};
	struct running_job jobs[] = { job, { .lease = 7, .id = id_of(99), .indexes = job.indexes, .index_count = 1 } };
	const struct hello_request hello = { .jobs = jobs, .job_count = 2 };
	struct hello_answer leases = { 0 };
	assert_int_equal(queue_hello(scene->delivery, &hello, &leases, &scene->arena, soon(scene)), ASKED_OK);
	assert_int_equal(leases.lease_count, 2);
	assert_true(leases.leases[0] != 0);
	assert_true(leases.leases[1] == 0);
	/* An answer that was lost is asked for again. */
	struct hello_answer again = { 0 };
	assert_int_equal(queue_hello(scene->delivery, &hello, &again, &scene->arena, soon(scene)), ASKED_OK);
	assert_true(again.leases[0] == leases.leases[0]);
	assert_int_equal(take(scene, 10, 2 * SECOND, &taken), 1);
	assert_false(id_equal(&taken.jobs[0].id, &running.id));
	/* And what was taken since stays what it is. */
	jobs[1] = (struct running_job){
		.lease = taken.jobs[0].lease, .id = taken.jobs[0].id, .indexes = job.indexes, .index_count = 1
	};
	assert_int_equal(queue_hello(scene->delivery, &hello, &again, &scene->arena, soon(scene)), ASKED_OK);
	assert_true(again.leases[1] == taken.jobs[0].lease);
	struct job adopted = running;
	adopted.lease = 0; /* whatever number it has: the recipient is with the one who reports */
	assert_true(report(scene, &adopted, 0, FATE_DELIVERED, 1));
	/* Reported under the lease of the former life: known by its attempt. */
	assert_true(report(scene, &running, 0, FATE_DELIVERED, 1));
	assert_int_equal(take(scene, 10, 100 * MILLISECOND, &taken), 0);
}

static void play_fairness(struct scene *scene)
{
	/* One account's bulk to one domain, and one letter of another. */
	for (unsigned i = 0; i < 300; i++) {
		const struct letter bulk = { .number = i,
			                         .account = VIEW("bulk@mycorp.se"),
			                         .sender = VIEW("bulk@mycorp.se"),
			                         .recipients = { VIEW("anna@example.net") } };
		assert_int_equal(post(scene, &bulk), SUBMIT_STORED);
	}
	post_numbered(scene, 1000);
	struct take_answer taken = { 0 };
	assert_true(scene->queue->lanes.row_count <= LANE_ROWS_MOST + 1);
	/* All come, each once, though most were never in memory at first; and the letter is not behind the bulk. */
	bool seen[301] = { false };
	size_t count = 0;
	while (take(scene, 40, SECOND, &taken) > 0)
		for (size_t i = 0; i < taken.job_count; i++) {
			const unsigned number = (unsigned)taken.jobs[i].id.bytes[14] << 8 | taken.jobs[i].id.bytes[15];
			bool *mark = &seen[number == 1000 ? 300 : number];
			assert_false(*mark);
			*mark = true;
			count++;
			assert_true(count <= 40 || seen[300]);
			assert_true(report(scene, &taken.jobs[i], 0, FATE_DELIVERED, (uint8_t)number));
		}
	assert_int_equal(count, 301);
}

static void post_to(struct scene *scene, unsigned number, struct view recipient)
{
	const struct letter letter = { .number = number,
		                           .account = VIEW("steve@mycorp.se"),
		                           .sender = VIEW("news@mycorp.se"),
		                           .recipients = { recipient } };
	assert_int_equal(post(scene, &letter), SUBMIT_STORED);
}

/* A site that does not answer holds few jobs, however much waits for it; one that does gets more with each answer,
 * but never more than are free beside them. */
static void play_silent_site(struct scene *scene)
{
	struct take_answer first = { 0 };
	struct take_answer taken = { 0 };
	for (unsigned number = 1; number <= 100; number++)
		post_to(scene, number, VIEW("anna@silent.example"));
	assert_int_equal(take(scene, 50, SECOND, &first), SHARE_FIRST);
	assert_int_equal(take(scene, 50, 100 * MILLISECOND, &taken), 0);
	post_to(scene, 200, VIEW("anna@example.net"));
	assert_int_equal(take(scene, 50, SECOND, &taken), 1);
	assert_true(report_of(scene, &taken.jobs[0], 0, FATE_DELIVERED, 1, VIEW_NONE));
	/* Not tried is no answer: another has the place. */
	assert_true(report_of(scene, &first.jobs[0], 0, FATE_RETURNED, 1, VIEW_NONE));
	assert_int_equal(take(scene, 50, SECOND, &taken), 1);
	/* Each answer gives its own place and one more. */
	for (size_t i = 1; i < SHARE_FIRST; i++)
		assert_true(report_of(scene, &first.jobs[i], 0, FATE_DELIVERED, (uint8_t)(1 + i), VIEW_NONE));
	assert_int_equal(take(scene, 50, SECOND, &taken), 2 * (SHARE_FIRST - 1));
	/* Where little is left, a new site gets little, and this one none. */
	post_to(scene, 300, VIEW("anna@another.example"));
	post_to(scene, 301, VIEW("anna@another.example"));
	assert_true(report_of(scene, &taken.jobs[0], 0, FATE_DELIVERED, 9, VIEW_NONE));
	const struct take_request little = { .most = 5, .room = 8, .patience = 100 * MILLISECOND };
	assert_int_equal(queue_take(scene->delivery, &little, &taken, &scene->arena, soon(scene)), ASKED_OK);
	assert_int_equal(taken.job_count, 1);
	expect_view("the new one", taken.jobs[0].domain, VIEW("another.example"));
}

static void pay_notice(struct scene *scene, const struct job *job)
{
	const struct notice_done_request done = { .lease = job->lease, .about = job->id, .notice = job->notice };
	struct submit_answer answer = { 0 };
	assert_int_equal(queue_notice_done(scene->delivery, &done, &answer, &scene->arena, soon(scene)), ASKED_OK);
	assert_int_equal(answer.result, SUBMIT_STORED);
}

/* Tried again after 1 min, 2, 4 ... at most 4 h, each a fifth more or less; warned of after 4 h, given up after 5
 * days. */
static void play_retries(struct scene *scene)
{
	const struct take_request request = { .most = 1, .patience = DAY };
	const int64_t began = world_now(scene->world);
	int64_t tried_at = began;
	int64_t pause = 0;
	int64_t warned_at = 0;
	unsigned attempts = 0;
	post_numbered(scene, 1);
	for (;;) {
		struct take_answer taken = { 0 };
		assert_int_equal(queue_take(scene->delivery, &request, &taken, &scene->arena, NEVER_DUE), ASKED_OK);
		assert_int_equal(taken.job_count, 1);
		const struct job *job = &taken.jobs[0];
		const int64_t now = world_now(scene->world);
		assert_int_equal(job->recipients[0].attempts, attempts);
		if (job->kind == JOB_MESSAGE) {
			assert_true(now - tried_at >= pause * 4 / 5 && now - tried_at <= pause * 6 / 5 + SECOND);
			assert_true(report(scene, job, 0, FATE_DEFERRED, (uint8_t)++attempts));
			tried_at = now;
			pause = pause == 0 ? MINUTE : pause >= 2 * HOUR ? 4 * HOUR : 2 * pause;
			continue;
		}
		assert_int_equal(job->recipients[0].verdict.code, 450);
		pay_notice(scene, job);
		if (job->notice == NOTICE_FAILURE)
			break;
		assert_int_equal(warned_at, 0);
		warned_at = now;
	}
	/* A warning is made at an attempt; the expiry is looked for by itself. */
	assert_true(warned_at - began >= 4 * HOUR && warned_at - began <= 9 * HOUR);
	const int64_t lasted = world_now(scene->world) - began;
	assert_true(lasted >= 5 * DAY && lasted <= 5 * DAY + MINUTE);
	assert_true(attempts >= 32 && attempts <= 46);
	const struct trace_answer story = trace(scene, 1);
	assert_true(story.rows[0].ended && story.rows[0].fate == FATE_EXPIRED);
	assert_true(view_equal(story.rows[0].verdict.why, VIEW("not delivered in time: 450 later")));
}

PLAY(delivered)
PLAY(bounced)
PLAY(gathering)
PLAY(deferred_delay_nobody)
PLAY(returned_wait)
PLAY(lost_delivery)
PLAY(poison)
PLAY(restart)
PLAY(fairness)
PLAY(silent_site)
PLAY(retries)

static void test_fetched_while_another_ends(void **state)
{
	(void)state;
	play(play_fetched_while_another_ends,
	     "service: { name: elastx, hostname: smtp.elastx.email, spf_include: elastx.email }\n"
	     "queue: { reserve: 0, retry: { first: 1s, factor: 1, max: 1s, expire: 1h, delay_warning: 1h } }\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(delivered),
		ROW(bounced),
		ROW(gathering),
		ROW(fetched_while_another_ends),
		ROW(lost_delivery),
		ROW(restart),
		ROW(fairness),
		ROW(silent_site),
		ROW(retries),
		ROW(poison),
		ROW(deferred_delay_nobody),
		ROW(returned_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

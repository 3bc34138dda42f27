#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/must.h"
#include "base/testing.h"
#include "ipc/direct.h"
#include "rooms/queue/queue.h"
#include "store/test_directory.h"
#include "task/sim.h"

#include <fcntl.h>

/* The queue with one delivery and the api beside it, on the real disk, in simulated time. */
struct scene {
	struct world *world;
	struct config *config;
	const struct config *in_force;
	struct log log;
	struct queue *queue;
	struct service service;
	struct peer *submission;
	struct peer *resolver;
	struct peer *delivery;
	struct peer *api;
	struct arena arena;
	unsigned events;
	unsigned terminal_events;
};

static void see_event(void *context, struct view line)
{
	struct scene *scene = context;
	scene->events++;
	scene->terminal_events += view_find(line, VIEW("\"seq\":")) != VIEW_NOT_FOUND ? 1 : 0;
}

static int64_t log_wall(void *context)
{
	return world_wall(context);
}

static uint64_t caller_number;

static void scene_connect(struct scene *scene)
{
	const struct {
		struct peer *peer;
		enum room room;
	} peers[] = { { scene->submission, ROOM_SUBMISSION },
		          { scene->delivery, ROOM_DELIVERY },
		          { scene->resolver, ROOM_RESOLVER },
		          { scene->api, ROOM_API } };
	for (size_t i = 0; i < 4; i++)
		direct_peer_connect(peers[i].peer, scene->world, &scene->service,
		                    (struct caller){ .room = peers[i].room, .number = ++caller_number });
}

static void scene_start(struct scene *scene)
{
	struct text problem = TEXT_LIMIT(1024);
	scene->queue = queue_new(scene->world, &scene->log, &scene->in_force, test_directory, &problem);
	if (scene->queue == NULL)
		print_message("%s\n", text_cstring(&problem));
	text_deinit(&problem);
	assert_non_null(scene->queue);
	scene->service = (struct service){ .room = scene->queue,
		                               .answerers = queue_answerers,
		                               .answerer_count = QUEUE_ANSWERER_COUNT,
		                               .allows = wiring_allows,
		                               .caller_gone = queue_caller_gone };
	scene_connect(scene);
}

static void scene_end(struct scene *scene)
{
	direct_peer_disconnect(scene->submission);
	direct_peer_disconnect(scene->delivery);
	direct_peer_disconnect(scene->resolver);
	direct_peer_disconnect(scene->api);
	queue_stop(scene->queue);
	queue_free(scene->queue);
	scene->queue = NULL;
}

static int64_t soon(struct scene *scene)
{
	return world_now(scene->world) + 20 * SECOND;
}

static struct message_id id_of(unsigned number)
{
	const uint8_t random[10] = { [8] = (uint8_t)(number >> 8), [9] = (uint8_t)number };
	return id_make(1700000000 * SECOND, random);
}

struct letter {
	unsigned number;
	struct view account;
	struct view sender;
	struct view recipients[4];
	struct view hold_reason;
	bool repeat;
};

static enum submit_result post(struct scene *scene, const struct letter *letter)
{
	struct submit_recipient recipients[4];
	struct submit_request request = {
		.id = id_of(letter->number),
		.repeat = letter->repeat,
		.accepted = world_wall(scene->world),
		.envelope = { .account = letter->account,
		              .as_typed = VIEW("Steve"),
		              .sender = letter->sender,
		              .identity_domains = { VIEW("mycorp.se") },
		              .identity_domain_count = 1,
		              .require_token = REQUIRE_WARN,
		              .eight_bit = true,
		              .hold_reason = letter->hold_reason },
		.recipients = recipients,
		.content = VIEW("Subject: hello\r\nX-Other: 1\r\n\r\nbody\r\n"),
	};
	for (; request.recipient_count < 4 && letter->recipients[request.recipient_count].length > 0;
	     request.recipient_count++) {
		const struct view address = letter->recipients[request.recipient_count];
		recipients[request.recipient_count] =
			(struct submit_recipient){ address, view_from(address, view_find_byte(address, '@') + 1) };
	}
	struct submit_answer answer = { 0 };
	assert_int_equal(queue_submit(scene->submission, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	return answer.result;
}

static void post_numbered(struct scene *scene, unsigned number)
{
	const struct letter letter = { .number = number,
		                           .account = VIEW("steve@mycorp.se"),
		                           .sender = VIEW("news@mycorp.se"),
		                           .recipients = { VIEW("anna@example.net") } };
	assert_int_equal(post(scene, &letter), SUBMIT_STORED);
}

static size_t take(struct scene *scene, uint32_t most, int64_t patience, struct take_answer *answer)
{
	const struct take_request request = { .most = most, .patience = patience };
	assert_int_equal(queue_take(scene->delivery, &request, answer, &scene->arena, soon(scene)), ASKED_OK);
	return answer->job_count;
}

static bool report(struct scene *scene, const struct job *job, size_t recipient, enum fate fate, uint8_t attempt)
{
	const struct report_row row = {
		.index = job->recipients[recipient].index,
		.fate = fate,
		.verdict = fate == FATE_BOUNCED
		               ? (struct verdict){ OUTCOME_NEVER, 550, { 5, 1, 1 }, VIEW("550 no such user") }
		           : fate == FATE_DEFERRED ? (struct verdict){ OUTCOME_LATER, 450, { 4, 2, 0 }, VIEW("450 later") }
		                                   : (struct verdict){ .code = 250 },
	};
	struct report_request request = { .lease = job->lease,
		                              .id = job->id,
		                              .attempt = { attempt, 1 },
		                              .site = VIEW("mx.example.net"),
		                              .remote = VIEW("mx1.example.net [192.0.2.1]:25"),
		                              .dialogue = VIEW("C: MAIL FROM"),
		                              .duration = SECOND,
		                              .rows = (struct report_row[]){ row },
		                              .row_count = 1 };
	struct report_answer answer = { 0 };
	assert_int_equal(queue_report(scene->delivery, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	return answer.taken;
}

static struct queue_act_answer act(struct scene *scene, enum queue_action action, struct queue_filter filter)
{
	const struct queue_act_request request = { .action = action, .filter = filter, .reason = VIEW("because") };
	struct queue_act_answer answer = { 0 };
	assert_int_equal(queue_act(scene->api, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	return answer;
}

static struct queue_act_answer act_on_all(struct scene *scene, enum queue_action action, struct view account)
{
	const struct queue_act_request request = { .action = action, .all = true, .filter.account = account };
	struct queue_act_answer answer = { 0 };
	assert_int_equal(queue_act(scene->api, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	return answer;
}

static struct trace_answer trace(struct scene *scene, unsigned number)
{
	const struct trace_request request = { .id = id_of(number), .content = true };
	struct trace_answer answer = { 0 };
	assert_int_equal(queue_trace(scene->api, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	return answer;
}

/* ---- plays */

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
		for (size_t i = 0; i < taken.job_count; i++)
			found |= id_equal(&taken.jobs[i].id, &job.id);
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
	direct_peer_disconnect(scene->delivery);
	direct_peer_connect(scene->delivery, scene->world, &scene->service,
	                    (struct caller){ .room = ROOM_DELIVERY, .number = ++caller_number });
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

static void delivery_dies(struct scene *scene)
{
	direct_peer_disconnect(scene->delivery);
	direct_peer_connect(scene->delivery, scene->world, &scene->service,
	                    (struct caller){ .room = ROOM_DELIVERY, .number = ++caller_number });
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
	assert_int_equal(take(scene, 40, SECOND, &taken), 40);
	bool found = false;
	const struct message_id other = id_of(1000);
	for (size_t i = 0; i < taken.job_count; i++)
		found |= id_equal(&taken.jobs[i].id, &other);
	assert_true(found);
	assert_true(scene->queue->lanes.row_count <= LANE_ROWS_MOST + 41);
	/* All come, each once, though most were never in memory at first. */
	bool seen[301] = { false };
	size_t count = 0;
	for (; taken.job_count > 0; take(scene, 40, SECOND, &taken))
		for (size_t i = 0; i < taken.job_count; i++) {
			const unsigned number = (unsigned)taken.jobs[i].id.bytes[14] << 8 | taken.jobs[i].id.bytes[15];
			bool *mark = &seen[number == 1000 ? 300 : number];
			assert_false(*mark);
			*mark = true;
			count++;
			assert_true(report(scene, &taken.jobs[i], 0, FATE_DELIVERED, (uint8_t)number));
		}
	assert_int_equal(count, 301);
	/* Busy sites are passed over. */
	post_numbered(scene, 2000);
	const struct take_request busy = { .most = 5,
		                               .patience = 100 * MILLISECOND,
		                               .busy_sites = (struct view[]){ VIEW("mx.example.net") },
		                               .busy_site_count = 1 };
	assert_int_equal(queue_take(scene->delivery, &busy, &taken, &scene->arena, soon(scene)), ASKED_OK);
	assert_int_equal(taken.job_count, 0);
	assert_int_equal(take(scene, 5, 100 * MILLISECOND, &taken), 1);
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

/* ---- running them */

struct play {
	struct scene *scene;
	void (*scenario)(struct scene *scene);
	bool done;
};

static void play_run(void *argument)
{
	struct play *play = argument;
	scene_start(play->scene);
	play->scenario(play->scene);
	scene_end(play->scene);
	play->done = true;
}

static bool is_done(void *play)
{
	return ((const struct play *)play)->done;
}

static void play(void (*scenario)(struct scene *scene), const char *yaml)
{
	static const char usual[] = "service: { name: elastx, hostname: smtp.elastx.email, spf_include: elastx.email }\n"
								"queue: { reserve: 1MiB, retry: { first: 1m, expire: 5d, delay_warning: 4h } }\n";
	struct config_problems problems = { 0 };
	struct sim *sim = sim_new(1);
	struct scene scene = { .world = sim_world(sim, "queue") };
	scene.world->disk = disk_real();
	scene.config = config_parse(view_of(yaml == NULL ? usual : yaml), "test", &problems);
	config_problems_deinit(&problems);
	assert_non_null(scene.config);
	scene.in_force = scene.config;
	scene.log = (struct log){ .descriptor = open("/dev/null", O_WRONLY),
		                      .level = LOG_INFO,
		                      .room = "queue",
		                      .wall = log_wall,
		                      .context = scene.world,
		                      .tap = see_event,
		                      .tap_context = &scene };
	scene.submission = direct_peer_new(scene.world, "queue");
	scene.delivery = direct_peer_new(scene.world, "queue");
	scene.resolver = direct_peer_new(scene.world, "queue");
	scene.api = direct_peer_new(scene.world, "queue");
	struct play run = { .scene = &scene, .scenario = scenario };
	task_start(scene.world, "play", play_run, &run);
	sim_run_until(sim, is_done, &run, sim_now(sim) + 100 * DAY);
	assert_true(run.done);
	peer_free(scene.submission);
	peer_free(scene.delivery);
	peer_free(scene.resolver);
	peer_free(scene.api);
	arena_deinit(&scene.arena);
	config_free(scene.config);
	close(scene.log.descriptor);
	sim_end(sim);
	sim_free(sim);
}

#define PLAY(name)                                                                                                   \
	static void test_##name(void **state)                                                                            \
	{                                                                                                                \
		(void)state;                                                                                                 \
		play(play_##name, NULL);                                                                                     \
	}
PLAY(delivered)
PLAY(bounced)
PLAY(gathering)
PLAY(deferred_delay_nobody)
PLAY(returned_wait)
PLAY(lost_delivery)
PLAY(poison)
PLAY(restart)
PLAY(actions)
PLAY(nothing_to_do)
PLAY(two_checks)
PLAY(fairness)
PLAY(token_gone)
PLAY(token_back)
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
#define ROW(name) cmocka_unit_test_setup_teardown(test_##name, test_directory_begin, test_directory_end)
	const struct CMUnitTest tests[] = {
		ROW(delivered),     ROW(bounced),
		ROW(gathering),     ROW(fetched_while_another_ends),
		ROW(lost_delivery), ROW(restart),
		ROW(actions),       ROW(nothing_to_do),
		ROW(fairness),      ROW(token_gone),
		ROW(token_back),    ROW(retries),
		ROW(poison),        ROW(deferred_delay_nobody),
		ROW(returned_wait), ROW(two_checks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

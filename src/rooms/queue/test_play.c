#include "rooms/queue/test_play.h"

#include "base/must.h"
#include "task/sim.h"

#include <fcntl.h>
#include <unistd.h>

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

void scene_start(struct scene *scene)
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

void delivery_dies(struct scene *scene)
{
	direct_peer_disconnect(scene->delivery);
	direct_peer_connect(scene->delivery, scene->world, &scene->service,
	                    (struct caller){ .room = ROOM_DELIVERY, .number = ++caller_number });
}

void scene_end(struct scene *scene)
{
	direct_peer_disconnect(scene->submission);
	direct_peer_disconnect(scene->delivery);
	direct_peer_disconnect(scene->resolver);
	direct_peer_disconnect(scene->api);
	queue_stop(scene->queue);
	queue_free(scene->queue);
	scene->queue = NULL;
}

int64_t soon(struct scene *scene)
{
	return world_now(scene->world) + 20 * SECOND;
}

struct message_id id_of(unsigned number)
{
	const uint8_t random[10] = { [8] = (uint8_t)(number >> 8), [9] = (uint8_t)number };
	return id_make(1700000000 * SECOND, random);
}

enum submit_result post(struct scene *scene, const struct letter *letter)
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

void post_numbered(struct scene *scene, unsigned number)
{
	const struct letter letter = { .number = number,
		                           .account = VIEW("steve@mycorp.se"),
		                           .sender = VIEW("news@mycorp.se"),
		                           .recipients = { VIEW("anna@example.net") } };
	assert_int_equal(post(scene, &letter), SUBMIT_STORED);
}

size_t take(struct scene *scene, uint32_t most, int64_t patience, struct take_answer *answer)
{
	const struct take_request request = { .most = most, .room = 400, .patience = patience };
	assert_int_equal(queue_take(scene->delivery, &request, answer, &scene->arena, soon(scene)), ASKED_OK);
	return answer->job_count;
}

bool report(struct scene *scene, const struct job *job, size_t recipient, enum fate fate, uint8_t attempt)
{
	return report_of(scene, job, recipient, fate, attempt, VIEW("mx.example.net"));
}

bool report_of(struct scene *scene, const struct job *job, size_t recipient, enum fate fate, uint8_t attempt,
               struct view site)
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
		                              .site = site,
		                              .remote = VIEW("mx1.example.net [192.0.2.1]:25"),
		                              .dialogue = VIEW("C: MAIL FROM"),
		                              .duration = SECOND,
		                              .rows = (struct report_row[]){ row },
		                              .row_count = 1 };
	struct report_answer answer = { 0 };
	assert_int_equal(queue_report(scene->delivery, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	return answer.taken;
}

struct queue_act_answer act(struct scene *scene, enum queue_action action, struct queue_filter filter)
{
	const struct queue_act_request request = { .action = action, .filter = filter, .reason = VIEW("because") };
	struct queue_act_answer answer = { 0 };
	assert_int_equal(queue_act(scene->api, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	return answer;
}

struct queue_act_answer act_on_all(struct scene *scene, enum queue_action action, struct view account)
{
	const struct queue_act_request request = { .action = action, .all = true, .filter.account = account };
	struct queue_act_answer answer = { 0 };
	assert_int_equal(queue_act(scene->api, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	return answer;
}

struct trace_answer trace(struct scene *scene, unsigned number)
{
	const struct trace_request request = { .id = id_of(number), .content = true };
	struct trace_answer answer = { 0 };
	assert_int_equal(queue_trace(scene->api, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	return answer;
}

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

void play(void (*scenario)(struct scene *scene), const char *yaml)
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

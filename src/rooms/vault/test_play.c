#include "rooms/vault/test_play.h"

#include "base/must.h"
#include "ipc/direct.h"

#include <fcntl.h>
#include <unistd.h>

static const char key_file[] = "0123456789abcdef0123456789abcdef";
static const char yaml[] = "service: { name: elastx, hostname: smtp.elastx.email, spf_include: elastx.email }\n"
						   "limits: { rate: 1/s, burst: 10, quota: 150/d, new_domains: 1/d }\n";
static const struct view name = VIEW_INIT(PLAY_ACCOUNT);
static const struct view client = VIEW_INIT("192.0.2.1");

static int64_t log_wall(void *context)
{
	return world_wall(context);
}

int64_t soon(struct scene *scene)
{
	return world_now(scene->world) + MINUTE;
}

struct vault *open_vault(struct scene *scene, const char *keys, struct text *problem)
{
	return vault_new(scene->world, &scene->log, &scene->in_force, view_of(keys), test_directory, problem);
}

static void connect_all(struct scene *scene)
{
	static uint64_t caller_number;
	const struct {
		struct peer *peer;
		enum room room;
	} peers[] = { { scene->first, ROOM_SUBMISSION },
		          { scene->second, ROOM_SUBMISSION },
		          { scene->resolver, ROOM_RESOLVER },
		          { scene->api, ROOM_API } };
	for (size_t i = 0; i < CASES(peers); i++)
		direct_peer_connect(peers[i].peer, scene->world, &scene->service,
		                    (struct caller){ .room = peers[i].room, .number = ++caller_number });
}

void scene_start(struct scene *scene)
{
	struct text problem = TEXT_LIMIT(1024);
	scene->vault = open_vault(scene, key_file, &problem);
	expect_view("no problem", text_view(&problem), VIEW(""));
	text_deinit(&problem);
	assert_non_null(scene->vault);
	scene->service = (struct service){ .room = scene->vault,
		                               .answerers = vault_answerers,
		                               .answerer_count = VAULT_ANSWERER_COUNT,
		                               .allows = wiring_allows,
		                               .caller_gone = vault_caller_gone };
	connect_all(scene);
}

void scene_end(struct scene *scene)
{
	direct_peer_disconnect(scene->first);
	direct_peer_disconnect(scene->second);
	direct_peer_disconnect(scene->resolver);
	direct_peer_disconnect(scene->api);
	vault_free(scene->vault);
}

void restart(struct scene *scene)
{
	scene_end(scene);
	scene_start(scene);
}

/* ---- what is asked, in short */

struct account_change_answer change(struct scene *scene, struct account_change_request request)
{
	struct account_change_answer answer = { 0 };
	if (request.name.length == 0)
		request.name = name;
	assert_int_equal(vault_account_change(scene->api, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	return answer;
}

struct view add_account(struct scene *scene)
{
	const struct account_change_answer answer =
		change(scene, (struct account_change_request){ .change = ACCOUNT_ADD });
	assert_int_equal(answer.result, CHANGE_DONE);
	return answer.password;
}

struct authenticate_answer login_as(struct scene *scene, struct authenticate_request request)
{
	struct authenticate_answer answer = { 0 };
	if (request.name.length == 0)
		request.name = name;
	if (request.client.length == 0)
		request.client = client;
	assert_int_equal(vault_authenticate(scene->first, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	assert_true((answer.result == AUTHENTICATION_OK) == (answer.login != 0));
	return answer;
}

enum authentication try_password(struct scene *scene, struct view password)
{
	return login_as(scene, (struct authenticate_request){ .password = password }).result;
}

uint64_t login(struct scene *scene, struct view password)
{
	const struct authenticate_answer answer = login_as(scene, (struct authenticate_request){ .password = password });
	assert_int_equal(answer.result, AUTHENTICATION_OK);
	return answer.login;
}

struct credit_answer credit(struct scene *scene, struct peer *asker, uint64_t number, uint32_t recipients)
{
	struct credit_answer answer = { 0 };
	const struct credit_request request = { .login = number, .recipients = recipients };
	assert_int_equal(vault_credit(asker, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	return answer;
}

struct account_row row_of(struct scene *scene)
{
	struct account_list_answer answer = { 0 };
	const struct account_list_request request = { .name = name };
	assert_int_equal(vault_account_list(scene->api, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	assert_int_equal(answer.row_count, 1);
	return answer.rows[0];
}

void grant(struct scene *scene, struct view domain, int64_t duration)
{
	struct empty_answer answer;
	const struct grant_request request = { .account = VIEW("steve.mailer@mycorp.se"),
		                                   .domain = domain,
		                                   .duration = duration };
	assert_int_equal(vault_grant(scene->resolver, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
}

struct domain_keys_answer keys_of(struct scene *scene, struct view domain, bool make)
{
	struct domain_keys_answer answer = { 0 };
	const struct domain_keys_request request = { .domain = domain,
		                                         .account = VIEW("steve.mailer@mycorp.se"),
		                                         .make = make };
	assert_int_equal(vault_domain_keys(scene->resolver, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	return answer;
}

struct sign_answer sign(struct scene *scene, struct peer *asker, uint64_t number, struct view domain)
{
	struct sign_answer answer = { 0 };
	const struct sign_request request = {
		.login = number,
		.domain = domain,
		.seals = { { .selector = VIEW("elastx"), .digest = { 1, 2, 3 } },
		           { .selector = VIEW("elastx-ed"), .digest = { 1, 2, 3 } } },
		.seal_count = 2,
	};
	assert_int_equal(vault_sign(asker, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	return answer;
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

void play(void (*scenario)(struct scene *scene))
{
	struct config_problems problems = { 0 };
	struct scene scene = { .world = world_real_new(NULL) };
	scene.config = config_parse(view_of(yaml), "test", &problems);
	config_problems_deinit(&problems);
	assert_non_null(scene.config);
	scene.in_force = scene.config;
	scene.log = (struct log){ .descriptor = open("/dev/null", O_WRONLY),
		                      .level = LOG_INFO,
		                      .room = "vault",
		                      .wall = log_wall,
		                      .context = scene.world };
	struct peer **const peers[] = { &scene.first, &scene.second, &scene.resolver, &scene.api };
	for (size_t i = 0; i < CASES(peers); i++)
		*peers[i] = direct_peer_new(scene.world, "vault");
	struct play run = { .scene = &scene, .scenario = scenario };
	task_start(scene.world, "play", play_run, &run);
	world_real_run(scene.world);
	assert_true(run.done);
	for (size_t i = 0; i < CASES(peers); i++)
		peer_free(*peers[i]);
	arena_deinit(&scene.arena);
	config_free(scene.config);
	close(scene.log.descriptor);
	world_real_free(scene.world);
}

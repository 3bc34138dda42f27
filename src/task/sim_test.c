#include "base/testing.h"
#include "task/talk.h"

/* A server that answers by its own script, a client by its; what comes of it is held against what was written. */
struct scene {
	struct sim *sim;
	struct world *here, *there;
	struct listener *listener;
	struct tls_context *client_tls, *server_tls;
	struct talk server, client;
	enum connect_result connected;
	int64_t took;
};

static const char address[] = "192.0.2.25:25";

static void serve(void *argument)
{
	struct scene *scene = argument;
	struct world *world = scene->there;
	if (world->operations->accept(world, scene->listener, NEVER_DUE, &scene->server.connection) != WAIT_DONE)
		return;
	scene->server.world = world;
	scene->server.side = TLS_SERVER;
	scene->server.tls = scene->server_tls;
	talk_play(&scene->server);
}

static void call(void *argument)
{
	struct scene *scene = argument;
	struct world *world = scene->here;
	const struct endpoint remote = sim_endpoint(address);
	const int64_t began = world_now(world);
	scene->connected =
		world->operations->connect(world, &remote, NULL, began + 30 * SECOND, &scene->client.connection);
	scene->took = world_now(world) - began;
	if (scene->connected != CONNECT_OK)
		return;
	scene->client.world = world;
	scene->client.side = TLS_CLIENT;
	scene->client.tls = scene->client_tls;
	talk_play(&scene->client);
}

static void scene_begin(struct scene *scene, uint64_t seed)
{
	*scene = (struct scene){ .sim = sim_new(seed) };
	scene->here = sim_world(scene->sim, "here");
	scene->there = sim_world(scene->sim, "there");
	scene->client_tls = sim_tls_context_new(scene->sim, "client");
	scene->server_tls = sim_tls_context_new(scene->sim, "server");
	scene->listener = sim_listen(scene->there, sim_endpoint(address));
}

static void scene_play(struct scene *scene, const char *server, const char *client)
{
	scene->server.script = server;
	scene->client.script = client;
	task_start(scene->there, "server", serve, scene);
	task_start(scene->here, "client", call, scene);
	sim_run_for(scene->sim, 10 * DAY);
}

static void scene_end(struct scene *scene, const char *name)
{
	if (scene->server.problem.length + scene->client.problem.length > 0)
		fail_msg("%s: %s %s\n%s\n%s", name, text_cstring(&scene->server.problem),
		         text_cstring(&scene->client.problem), text_cstring(&scene->server.transcript),
		         text_cstring(&scene->client.transcript));
	sim_end(scene->sim);
	listener_free(scene->listener);
	sim_free(scene->sim);
	talk_deinit(&scene->server);
	talk_deinit(&scene->client);
}

static const struct {
	const char *name;
	const char *server;
	const char *client;
} talks[] = {
	{ "words", "> 220 hello\n< EHLO\n> 250-one\n> 250 two\nend", "< 220 h\n> EHLO x\n< 250 two\n<* one\nclose" },
	{ "time passes", "wait 3600\n> 220 late", "quiet 3599\n< 220" },
	{ "content", "> 354\n<< a\\r\\n..b\n> 250 ok", "< 354\n> a\n> ..b\n> .\n< 250" },
	{ "bytes", ">> 22\nwait 1\n>> 0 x\\r\\n", "< 220 x\nend" },
	{ "TLS", "> go\ntls\n> 220 inside", "< go\ntls\n< 220 inside" },
	{ "a large one", "<< 9999\n> 250 done", ">> 0000000000\n> 9999\n> .\n< 250" },
};

static void plays(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(talks); i++) {
		for (size_t chop = 0; chop < 3; chop++) {
			struct scene scene;
			scene_begin(&scene, i);
			sim_set_chop(scene.sim, chop);
			scene.server.chop = scene.client.chop = chop;
			scene_play(&scene, talks[i].server, talks[i].client);
			assert_true(scene.server.ended && scene.client.ended);
			scene_end(&scene, talks[i].name);
		}
	}
}

/* Each talk must be able to fail. */
static void differs(void **state)
{
	(void)state;
	static const struct {
		const char *server, *client;
	} rows[] = {
		{ "> 220 hello", "< 221" },       { "> 220 hello", "< 220\n<* bye" }, { "close", "< 220" },
		{ "> 220 hello", "quiet 5" },     { "> 220 hello", "end" },           { "wait 500000", "end" },
		{ "> 354\nclose", "< 354\ntls" },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene scene;
		scene_begin(&scene, 1);
		scene_play(&scene, rows[i].server, rows[i].client);
		expect_number(rows[i].client, scene.client.problem.length > 0, true);
		text_clear(&scene.client.problem);
		text_clear(&scene.server.problem);
		scene_end(&scene, "differs");
	}
}

static void networks(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum sim_network network;
		enum connect_result result;
		int64_t took;
	} rows[] = {
		{ "reachable", SIM_REACHABLE, CONNECT_OK, 4 * SECOND },
		{ "refused", SIM_REFUSED, CONNECT_REFUSED, 4 * SECOND },
		{ "unreachable", SIM_UNREACHABLE, CONNECT_UNREACHABLE, 4 * SECOND },
		{ "blackhole", SIM_BLACKHOLE, CONNECT_LATE, 30 * SECOND },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene scene;
		scene_begin(&scene, 1);
		sim_network_set_delay(scene.sim, sim_endpoint(address), 2 * SECOND);
		sim_network_set(scene.sim, sim_endpoint(address), rows[i].network);
		scene_play(&scene, "> 220 hello", "< 220");
		expect_number(rows[i].name, scene.connected, rows[i].result);
		expect_number(rows[i].name, scene.took, rows[i].took);
		scene_end(&scene, rows[i].name);
	}
}

static void handshakes(void **state)
{
	(void)state;
	static const enum sim_tls_fault faults[] = { SIM_TLS_REFUSES, SIM_TLS_SILENT, SIM_TLS_GARBAGE };
	for (size_t i = 0; i < CASES(faults); i++) {
		struct scene scene;
		scene_begin(&scene, 1);
		sim_tls_context_set(scene.server_tls, faults[i]);
		scene_play(&scene, "tls fails", "tls fails");
		assert_true(scene.client.ended);
		scene_end(&scene, "handshake");
	}
}

/* The same seed gives the same run, another one may not. */
static void replays(void **state)
{
	(void)state;
	struct text first = TEXT_LIMIT(65536);
	for (unsigned run = 0; run < 3; run++) {
		struct scene scene;
		scene_begin(&scene, 7);
		sim_set_chop(scene.sim, 5);
		sim_set_shuffle(scene.sim, true);
		scene_play(&scene, "> 220 hello\n< EHLO\n> 250 ok\nend", "< 220\n> EHLO x\n< 250");
		if (run == 0)
			text_add(&first, text_view(&scene.client.transcript));
		expect_view("transcript", text_view(&scene.client.transcript), text_view(&first));
		scene_end(&scene, "replay");
	}
	text_deinit(&first);
}

/* As kill -9: the other side is reset, and nothing more is done. */
static void kills(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene, 1);
	scene.server.script = "> 220 hello\nwait 1000\n> never";
	scene.client.script = "< 220\nend";
	task_start(scene.there, "server", serve, &scene);
	task_start(scene.here, "client", call, &scene);
	sim_run_for(scene.sim, 10 * SECOND);
	assert_false(scene.client.ended);
	sim_kill(scene.there);
	sim_run_for(scene.sim, SECOND);
	assert_true(scene.client.ended);
	scene_end(&scene, "kill");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plays),      cmocka_unit_test(differs), cmocka_unit_test(networks),
		cmocka_unit_test(handshakes), cmocka_unit_test(replays), cmocka_unit_test(kills),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "rooms/delivery/talk_scene.h"

#include "base/must.h"
#include "ipc/direct.h"

struct endpoint scene_host_address(size_t host)
{
	static const char *const addresses[HOSTS] = { "192.0.2.25:25", "192.0.2.26:25" };
	return sim_endpoint(addresses[host]);
}

/* ---- the other rooms */

static void take(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	(void)caller;
	struct scene *scene = room;
	struct take_answer *told = answer;
	const struct take_request *asked = request;
	if (scene->delivery.running.count > scene->most_at_once)
		scene->most_at_once = scene->delivery.running.count;
	while (!scene->at_once && scene->given > scene->reported && !task_is_cancelled())
		task_sleep(scene->room, SECOND);
	if (scene->given == scene->job_count) {
		task_sleep(scene->room, asked->patience);
		return;
	}
	static const struct view names[RECIPIENTS] = { VIEW_INIT("anna@example.net"), VIEW_INIT("bert@example.net"),
		                                           VIEW_INIT("carl@example.net") };
	struct job *job = told->jobs = ARENA_NEW(arena, struct job);
	told->job_count = 1;
	*job = (struct job){ .kind = JOB_MESSAGE,
		                 .lease = 100 + scene->given,
		                 .envelope = { .account = VIEW("tom"),
		                               .sender = VIEW("tom@example.com"),
		                               .identity_domains = { VIEW("example.com") },
		                               .identity_domain_count = 1 },
		                 .domain = VIEW("example.net"),
		                 .recipients = ARENA_ARRAY(arena, struct job_recipient, RECIPIENTS),
		                 .recipient_count = scene->recipient_count,
		                 .content = scene->content };
	job->id.bytes[15] = (uint8_t)scene->given++;
	for (uint32_t i = 0; i < scene->recipient_count; i++)
		job->recipients[i] = (struct job_recipient){ .index = i, .address = names[i] };
}

static void take_report(void *room, const struct caller *caller, const void *request, void *answer,
                        struct arena *arena)
{
	(void)caller, (void)arena;
	struct scene *scene = room;
	const struct report_request *told = request;
	const size_t job = told->lease - 100;
	*(struct report_answer *)answer = (struct report_answer){ .taken = true };
	if (told->lease >= HELLO_LEASE) {
		for (size_t i = 0; i < told->row_count; i++)
			scene->given_back += told->rows[i].fate == FATE_RETURNED ? 1 : 0;
		return;
	}
	for (size_t i = 0; i < told->row_count; i++) {
		scene->fates[job][told->rows[i].index] = told->rows[i].fate;
		scene->codes[job][told->rows[i].index] = told->rows[i].verdict.code;
	}
	text_clear(&scene->last_report);
	text_add(&scene->last_report, told->dialogue);
	scene->reported++;
	scene->reported_at = sim_now(scene->sim);
	scene->rested = delivery_site_is_resting(&scene->delivery, delivery_site(&scene->delivery, VIEW("example")));
}

static void hello(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	(void)caller;
	const struct scene *scene = room;
	const struct hello_request *told = request;
	struct hello_answer *leases = answer;
	task_sleep(scene->room, scene->hello_takes);
	leases->leases = ARENA_ARRAY(arena, uint64_t, told->job_count);
	for (; leases->lease_count < told->job_count; leases->lease_count++)
		leases->leases[leases->lease_count] = HELLO_LEASE + leases->lease_count;
}

static void may_send(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	(void)caller, (void)request, (void)arena;
	const struct scene *scene = room;
	*(struct may_send_answer *)answer = (struct may_send_answer){ .permission = scene->permission,
		                                                          .why = VIEW("the token is gone"),
		                                                          .good_for = HOUR };
}

static void route(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	(void)caller, (void)request;
	static const struct view names[HOSTS] = { VIEW_INIT("mx1.example"), VIEW_INIT("mx2.example") };
	const struct scene *scene = room;
	struct route_answer *told = answer;
	*told = (struct route_answer){ .result = ROUTE_FOUND,
		                           .site = VIEW("example"),
		                           .hosts = ARENA_ARRAY(arena, struct route_host, HOSTS),
		                           .host_count = scene->host_count,
		                           .good_for = HOUR };
	for (size_t i = 0; i < scene->host_count; i++) {
		told->hosts[i] = (struct route_host){ .name = names[i], .address_count = 1 };
		told->hosts[i].addresses[0] = scene_host_address(i);
	}
}

static const struct answerer queue_answerers[] = {
	{ &queue_take_question, take, NULL },
	{ &queue_report_question, take_report, NULL },
	{ &queue_hello_question, hello, NULL },
};
static const struct answerer resolver_answerers[] = {
	{ &resolver_may_send_question, may_send, NULL },
	{ &resolver_route_question, route, NULL },
};

static struct peer *connect_peer(struct scene *scene, size_t index, const char *name,
                                 const struct answerer *answerers, size_t count)
{
	struct peer *peer = direct_peer_new(scene->room, name);
	scene->services[index] = (struct service){ .room = scene, .answerers = answerers, .answerer_count = count };
	direct_peer_connect(peer, scene->room, &scene->services[index], (struct caller){ .room = ROOM_DELIVERY });
	return peer;
}

/* ---- mail servers */

struct accepted {
	struct host *host;
	size_t number;
};

static void serve_one(void *argument)
{
	struct accepted *accepted = argument;
	talk_play(&accepted->host->talks[accepted->number]);
	free(accepted);
}

static void serve(void *argument)
{
	struct host *host = argument;
	struct world *world = host->scene->mx;
	struct connection *connection = NULL;
	while (world->operations->accept(world, host->listener, NEVER_DUE, &connection) == WAIT_DONE) {
		must(host->connections < TALKS_MOST);
		struct accepted *accepted = must_alloc(1, sizeof(*accepted));
		*accepted = (struct accepted){ host, host->connections++ };
		size_t script = accepted->number;
		while (host->scripts[script] == NULL)
			script--;
		host->talks[accepted->number] = (struct talk){ .world = world,
			                                           .connection = connection,
			                                           .tls = host->scene->mx_tls,
			                                           .side = TLS_SERVER,
			                                           .script = host->scripts[script] };
		task_start(world, "mx session", serve_one, accepted);
	}
}

/* ---- the scene */

static int64_t log_wall(void *context)
{
	return world_wall(context);
}

static void run_delivery(void *argument)
{
	delivery_run(argument);
}

void scene_begin(struct scene *scene)
{
	struct config_problems problems = { 0 };
	*scene = (struct scene){ .sim = sim_new(3),
		                     .host_count = 1,
		                     .job_count = 1,
		                     .recipient_count = 1,
		                     .content = VIEW("Subject: x\r\n\r\nhello\r\n"),
		                     .permission = PERMISSION_YES,
		                     .last_report = TEXT_LIMIT(65536) };
	scene->room = sim_world(scene->sim, "delivery");
	scene->mx = sim_world(scene->sim, "mx");
	scene->room_tls = sim_tls_context_new(scene->sim, "client");
	scene->mx_tls = sim_tls_context_new(scene->sim, "mx");
	scene->config =
		config_parse(VIEW("service: { name: elastx, hostname: smtp.elastx.email, spf_include: elastx.email }\n"
	                      "delivery: { allow_private_addresses: true }\n"),
	                 "scene", &problems);
	must(scene->config != NULL);
	config_problems_deinit(&problems);
	scene->in_force = scene->config;
	scene->log = (struct log){
		.descriptor = -1, .level = LOG_ERROR, .room = "delivery", .wall = log_wall, .context = scene->room
	};
	scene->queue = connect_peer(scene, 0, "queue", queue_answerers, CASES(queue_answerers));
	scene->resolver = connect_peer(scene, 1, "resolver", resolver_answerers, CASES(resolver_answerers));
	scene->vault = connect_peer(scene, 2, "vault", NULL, 0);
	const struct delivery_peers peers = { scene->queue, scene->resolver, scene->vault };
	delivery_init(&scene->delivery, scene->room, &scene->log, &scene->in_force, &peers, scene->room_tls);
	for (size_t i = 0; i < HOSTS; i++) {
		scene->hosts[i] = (struct host){ .scene = scene, .listener = sim_listen(scene->mx, scene_host_address(i)) };
		task_start(scene->mx, "mx", serve, &scene->hosts[i]);
	}
}

static bool all_reported(void *argument)
{
	const struct scene *scene = argument;
	return scene->reported == scene->job_count;
}

void scene_start(struct scene *scene)
{
	task_start(scene->room, "delivery", run_delivery, &scene->delivery);
}

void scene_play(struct scene *scene)
{
	scene_start(scene);
	sim_run_until(scene->sim, all_reported, scene, sim_now(scene->sim) + DAY);
	sim_run_for(scene->sim, MINUTE);
}

void scene_queue_restarts(struct scene *scene)
{
	direct_peer_disconnect(scene->queue);
	direct_peer_connect(scene->queue, scene->room, &scene->services[0], (struct caller){ .room = ROOM_DELIVERY });
}

void scene_end(struct scene *scene, const char *name)
{
	expect_number(name, (int64_t)scene->reported, (int64_t)scene->job_count);
	for (size_t i = 0; i < HOSTS; i++)
		for (size_t j = 0; j < scene->hosts[i].connections; j++)
			if (scene->hosts[i].talks[j].problem.length > 0)
				fail_msg("%s: host %zu, connection %zu: %s\n%s\nreported:\n%s", name, i, j,
				         text_cstring(&scene->hosts[i].talks[j].problem),
				         text_cstring(&scene->hosts[i].talks[j].transcript), text_cstring(&scene->last_report));
	struct peer *const peers[] = { scene->queue, scene->resolver, scene->vault };
	for (size_t i = 0; i < CASES(peers); i++)
		direct_peer_disconnect(peers[i]);
	sim_end(scene->sim);
	for (size_t i = 0; i < CASES(peers); i++)
		peer_free(peers[i]);
	for (size_t i = 0; i < HOSTS; i++) {
		listener_free(scene->hosts[i].listener);
		for (size_t j = 0; j < scene->hosts[i].connections; j++)
			talk_deinit(&scene->hosts[i].talks[j]);
	}
	delivery_deinit(&scene->delivery);
	sim_free(scene->sim);
	config_free(scene->config);
	text_deinit(&scene->last_report);
}

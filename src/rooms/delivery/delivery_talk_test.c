/* Talks between the real delivery core and mail servers that do as they like; queue and resolver are answered here.
 */
#include "base/must.h"
#include "base/testing.h"
#include "ipc/direct.h"
#include "rooms/delivery/delivery.h"
#include "task/talk.h"

enum { HOSTS = 2, TALKS_MOST = 12, RECIPIENTS = 3, JOBS = 3 };

static const char *const addresses[HOSTS] = { "192.0.2.25:25", "192.0.2.26:25" };

struct scene;

/* A mail server: its n-th connection plays the n-th script, the last one again and again. */
struct host {
	struct scene *scene;
	struct listener *listener;
	const char *scripts[TALKS_MOST];
	struct talk talks[TALKS_MOST];
	size_t connections;
};

struct scene {
	struct sim *sim;
	struct world *room, *mx;
	struct config *config;
	const struct config *in_force;
	struct log log;
	struct delivery delivery;
	struct tls_context *room_tls, *mx_tls;
	struct host hosts[HOSTS];
	size_t host_count; /* of the route */
	struct peer *queue, *resolver, *vault;
	struct service services[3];
	/* what the queue gives, and is told */
	size_t job_count, given, reported;
	size_t recipient_count;
	struct view content;
	enum fate fates[JOBS][RECIPIENTS];
	uint16_t codes[JOBS][RECIPIENTS];
	struct text last_report; /* dialogue */
	int64_t reported_at;
	bool rested; /* the site, then */
	enum permission permission;
	int64_t hello_takes; /* then all that was told gets a lease from HELLO_LEASE on */
	size_t given_back;   /* of these */
};

enum { HELLO_LEASE = 1000 };

/* ---- the other rooms */

static void take(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	(void)caller;
	struct scene *scene = room;
	struct take_answer *told = answer;
	const struct take_request *asked = request;
	/* One after the other. */
	while (scene->given > scene->reported && !task_is_cancelled())
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
		told->hosts[i].addresses[0] = sim_endpoint(addresses[i]);
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

static void scene_begin(struct scene *scene)
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
		scene->hosts[i] =
			(struct host){ .scene = scene, .listener = sim_listen(scene->mx, sim_endpoint(addresses[i])) };
		task_start(scene->mx, "mx", serve, &scene->hosts[i]);
	}
}

static bool all_reported(void *argument)
{
	const struct scene *scene = argument;
	return scene->reported == scene->job_count;
}

/* Plays until all is reported, and on until idle sessions have been closed. */
static void scene_play(struct scene *scene)
{
	task_start(scene->room, "delivery", run_delivery, &scene->delivery);
	sim_run_until(scene->sim, all_reported, scene, sim_now(scene->sim) + DAY);
	sim_run_for(scene->sim, MINUTE);
}

static void scene_end(struct scene *scene, const char *name)
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

/* ---- talks that go well, or nearly */

#define CLEAR    "> 220 mx ESMTP\n< EHLO smtp.elastx.email\n> 250-mx\n> 250 SIZE 1000\n"
#define PIPELINE "> 220 mx ESMTP\n< EHLO smtp.elastx.email\n> 250-mx\n> 250 PIPELINING\n"
#define SECURE                                                                                                       \
	"> 220 mx\n< EHLO\n> 250-mx\n> 250 STARTTLS\n< STARTTLS\n> 220 go\ntls\n< EHLO smtp.elastx.email\n> 250 mx\n"
#define MAIL     "< MAIL FROM:<tom@example.com>\n> 250 ok\n"
#define MAIL_ANY "< MAIL\n> 250 ok\n"
#define RCPT     "< RCPT TO:<anna@example.net>\n> 250 ok\n"
#define CONTENT  "< DATA\n> 354 go\n<< Subject: x\\r\\n\\r\\nhello\\r\\n.\\r\\n\n> 250 2.0.0 taken\n"
#define GOODBYE  "< QUIT\n> 221 bye\nend\n"

static const struct talk_case {
	const char *name;
	const char *scripts[4];
	size_t jobs, recipients;
	const char *fates; /* a letter for each recipient of each job: d r b h */
	size_t connections;
	bool rests;
} talk_cases[] = {
	{ "in clear",
	  { CLEAR "< MAIL FROM:<tom@example.com> SIZE=21\n> 250 ok\n" RCPT CONTENT GOODBYE },
	  1,
	  1,
	  "d",
	  1,
	  false },
	{ "HELO where EHLO is not known",
	  { "> 220 mx\n< EHLO\n> 502 what\n< HELO smtp.elastx.email\n> 250 mx\n" MAIL RCPT CONTENT GOODBYE },
	  1,
	  1,
	  "d",
	  1,
	  false },
	{ "STARTTLS", { SECURE MAIL RCPT CONTENT GOODBYE }, 1, 1, "d", 1, false },
	{ "STARTTLS is refused: once more in clear",
	  { "> 220 mx\n< EHLO\n> 250-mx\n> 250 STARTTLS\n< STARTTLS\n> 454 4.7.0 not now\ndrain",
	    "> 220 mx\n< EHLO\n> 250-mx\n> 250 STARTTLS\n" MAIL RCPT CONTENT GOODBYE },
	  1,
	  1,
	  "d",
	  2,
	  false },
	{ "bytes behind the 220 of STARTTLS are not used",
	  { "> 220 mx\n< EHLO\n> 250-mx\n> 250 STARTTLS\n< STARTTLS\n>> 220 go\\r\\n250 mx\\r\\n250 ok\\r\\n\nend",
	    "> 220 mx\n< EHLO\n> 250 mx\n" MAIL RCPT CONTENT GOODBYE },
	  1,
	  1,
	  "d",
	  2,
	  false },
	{ "several in one transaction, one refused",
	  { CLEAR "< MAIL\n> 250 ok\n< RCPT TO:<anna@\n> 250 ok\n< RCPT TO:<bert@\n> 550 5.1.1 no\n< RCPT TO:<carl@\n> "
	          "450 4.2.1 later\n"
	          "< DATA\n> 354 go\n<< hello\n> 250 taken\n" GOODBYE },
	  1,
	  3,
	  "dbr",
	  1,
	  false },
	{ "pipelined",
	  { PIPELINE "< MAIL\n< RCPT TO:<anna@\n< RCPT TO:<bert@\n< RCPT TO:<carl@\n< DATA\n> 250 ok\n> 250 ok\n> 550 "
	             "5.1.1 no\n> 250 ok\n"
	             "> 354 go\n<< hello\n> 250 taken\n" GOODBYE },
	  1,
	  3,
	  "dbd",
	  1,
	  false },
	{ "pipelined, nobody is known, and DATA is taken all the same",
	  { PIPELINE "< MAIL\n< RCPT\n< DATA\n> 250 ok\n> 550 5.1.1 no\n> 354 go\n< .\n> 554 5.5.1 nobody\n" GOODBYE },
	  1,
	  1,
	  "b",
	  1,
	  false },
	{ "pipelined, nobody is known",
	  { PIPELINE "< MAIL\n< RCPT\n< DATA\n> 250 ok\n> 550 5.1.1 no\n> 503 5.5.1 no\ndrain" },
	  1,
	  1,
	  "b",
	  1,
	  false },
	{ "pipelined, MAIL is refused",
	  { PIPELINE "< MAIL\n< RCPT\n< DATA\n> 450 4.1.8 who\n> 503 no\n> 503 no\ndrain" },
	  1,
	  1,
	  "r",
	  1,
	  false },
	{ "three over one session",
	  { CLEAR "< MAIL\n> 250 ok\n" RCPT CONTENT MAIL_ANY RCPT CONTENT MAIL_ANY RCPT CONTENT GOODBYE },
	  3,
	  1,
	  "ddd",
	  1,
	  false },
	{ "after a DATA that was refused comes RSET",
	  { CLEAR MAIL_ANY RCPT "< DATA\n> 451 4.3.0 later\n< RSET\n> 250 ok\n" MAIL_ANY RCPT CONTENT GOODBYE },
	  2,
	  1,
	  "rd",
	  1,
	  false },
	{ "a session that died meanwhile",
	  { CLEAR MAIL_ANY RCPT CONTENT "close", CLEAR MAIL_ANY RCPT CONTENT GOODBYE },
	  2,
	  1,
	  "dd",
	  2,
	  false },
	{ "421 rests the site", { CLEAR "< MAIL\n> 421 4.3.2 too busy\ndrain" }, 1, 1, "r", 1, true },
	{ "4.7.x rests the site",
	  { CLEAR "< MAIL\n> 250 ok\n< RCPT\n> 451 4.7.1 slow down\ndrain" },
	  1,
	  1,
	  "r",
	  1,
	  true },
	{ "a greeting of 554 is not for ever", { "> 554 5.7.1 go away\ndrain" }, 1, 1, "r", 1, true },
	{ "552 to RCPT is too many", { CLEAR "< MAIL\n> 250 ok\n< RCPT\n> 552 too many\ndrain" }, 1, 1, "r", 1, false },
	{ "551 to the dot",
	  { CLEAR "< MAIL\n> 250 ok\n" RCPT "< DATA\n> 354 go\n<< hello\n> 554 5.6.0 no\ndrain" },
	  1,
	  1,
	  "b",
	  1,
	  false },
	{ "the reply to the dot is lost",
	  { CLEAR "< MAIL\n> 250 ok\n" RCPT "< DATA\n> 354 go\n<< hello\nclose" },
	  1,
	  1,
	  "r",
	  1,
	  false },
	{ "dots are stuffed",
	  { CLEAR "< MAIL\n> 250 ok\n" RCPT "< DATA\n> 354 go\n<< hello\\r\\n.\\r\\n\n> 250 ok\n" GOODBYE },
	  1,
	  1,
	  "d",
	  1,
	  false },
};

static char letter(enum fate fate)
{
	static const char letters[] = {
		[FATE_DELIVERED] = 'd', [FATE_DEFERRED] = 'r',  [FATE_BOUNCED] = 'b',
		[FATE_CAPTURED] = 'c',  [FATE_HELD] = 'h',      [FATE_RETURNED] = 'x',
		[FATE_EXPIRED] = 'e',   [FATE_CANCELLED] = 'k', [FATE_SUPPRESSED] = 's',
	};
	return letters[fate];
}

static void talks(void **state)
{
	(void)state;
	static const size_t chops[] = { 0, 1, 5 };
	for (size_t i = 0; i < CASES(talk_cases) * CASES(chops); i++) {
		const struct talk_case *row = &talk_cases[i / CASES(chops)];
		struct scene scene;
		scene_begin(&scene);
		sim_set_chop(scene.sim, chops[i % CASES(chops)]);
		/* What stands behind the 220 must have come with it. */
		if (strstr(row->name, "behind the 220") != NULL)
			sim_set_chop(scene.sim, 0);
		scene.job_count = row->jobs;
		scene.recipient_count = row->recipients;
		for (size_t j = 0; j < 4; j++)
			scene.hosts[0].scripts[j] = row->scripts[j];
		scene_play(&scene);
		for (size_t j = 0; j < row->jobs * row->recipients; j++) {
			const char got = letter(scene.fates[j / row->recipients][j % row->recipients]);
			if (got != row->fates[j])
				fail_msg("%s: recipient %zu: expected %c, got %c\n%s", row->name, j, row->fates[j], got,
				         text_cstring(&scene.last_report));
		}
		expect_number(row->name, scene.rested, row->rests);
		expect_number(row->name, (int64_t)scene.hosts[0].connections, (int64_t)row->connections);
		scene_end(&scene, row->name);
	}
}

/* ---- any step, any behaviour */

static const struct {
	const char *name;
	const char *expects; /* what is read before the answer */
	const char *answer;  /* as it should be */
} steps[] = {
	{ "greeting", "", "> 220 mx\n" },
	{ "EHLO", "< EHLO\n", "> 250-mx\n> 250 STARTTLS\n" },
	{ "STARTTLS", "< STARTTLS\n", "> 220 go\n" },
	{ "handshake", "", "tls\n" },
	{ "EHLO again", "< EHLO\n", "> 250 mx\n" },
	{ "MAIL", "< MAIL\n", "> 250 ok\n" },
	{ "RCPT", "< RCPT\n", "> 250 ok\n" },
	{ "DATA", "< DATA\n", "> 354 go\n" },
	{ "dot", "<< hello\n", "> 250 taken\n" },
};

/* The letters: for each step; capitals: the site rests. In STARTTLS and the handshake all that fails is tried again
 * in clear, on a new connection that works. */
static const struct {
	const char *name;
	const char *script;
	const char *fates;
} behaviours[] = {
	{ "closes", "close\n", "RRdddrrrr" },
	{ "is silent", "wait 172000\n", "RRdddrrrr" },
	{ "says 421", "> 421 4.3.2 closing\nclose\n", "RRdddRRRR" },
	{ "says 450", "> 450 4.2.0 later\ndrain\n", "RRdddrrrr" },
	{ "says 451 4.7.1", "> 451 4.7.1 slow down\ndrain\n", "RRdddRRRR" },
	{ "says 550", "> 550 5.1.1 no\ndrain\n", "RRdddbbbb" },
	{ "says 552", "> 552 5.2.2 full\ndrain\n", "RRdddbrbb" },
	{ "says 500 and goes", "> 500 what\nclose\n", "RRdddbbbb" },
	{ "says 354", "> 354 go on\ndrain\n", "RRdddrrrr" },
	{ "says 199", "> 199 hm\ndrain\n", "RRdddrrrr" },
	{ "says 999", "> 999 hm\ndrain\n", "RRdddrrrr" },
	{ "talks", "> hello there\ndrain\n", "RRdddrrrr" },
	{ "ends lines in LF", ">> 250 ok\\n\ndrain\n", "RRdddrrrr" },
	{ "ends lines in CR", ">> 250 ok\\r250 ok\\r\\n\ndrain\n", "RRdddrrrr" },
	{ "says NUL", ">> 250 o\\0k\\r\\n\ndrain\n", "RRdddrrrr" },
	{ "says an empty line", "> \ndrain\n", "RRdddrrrr" },
	{ "changes its mind", "> 250-ok\n> 550 no\ndrain\n", "RRdddrrrr" },
	{ "goes in the middle", ">> 250-ok\\r\\n25\nclose\n", "RRdddrrrr" },
	{ "says an endless line", "LINE", "RRdddrrrr" },
	{ "says endless lines", "LINES", "RRdddrrrr" },
};

static void write_behaviour(const char *script, struct text *into)
{
	if (strcmp(script, "LINE") == 0) {
		text_add(into, VIEW(">> 250 "));
		for (unsigned i = 0; i < 100000; i++)
			text_add_byte(into, 'a');
		text_add(into, VIEW("\ndrain\n"));
	} else if (strcmp(script, "LINES") == 0) {
		for (unsigned i = 0; i < 5000; i++)
			text_add(into, VIEW("> 250-and more\n"));
		text_add(into, VIEW("drain\n"));
	} else {
		text_add(into, view_of(script));
	}
}

static void matrix(void **state)
{
	(void)state;
	static const char clear[] = "> 220 mx\n< EHLO\n> 250 mx\n" MAIL RCPT CONTENT GOODBYE;
	for (size_t i = 0; i < CASES(behaviours); i++) {
		char got[CASES(steps) + 1] = { 0 };
		for (size_t at = 0; at < CASES(steps); at++) {
			struct scene scene;
			struct text script = TEXT_LIMIT(1024 * 1024);
			for (size_t j = 0; j <= at; j++) {
				text_add(&script, view_of(steps[j].expects));
				if (j < at)
					text_add(&script, view_of(steps[j].answer));
			}
			write_behaviour(behaviours[i].script, &script);
			scene_begin(&scene);
			scene.hosts[0].scripts[0] = text_cstring(&script);
			scene.hosts[0].scripts[1] = clear;
			scene_play(&scene);
			const char fate = letter(scene.fates[0][0]);
			got[at] = scene.rested ? (char)(fate - 'a' + 'A') : fate;
			/* Nothing waits longer than the longest of RFC 5321 4.5.3.2 for each step. */
			expect_number(behaviours[i].name, scene.reported_at < (1000 + 3600) * SECOND, true);
			scene_end(&scene, behaviours[i].name);
			text_deinit(&script);
		}
		expect_view(behaviours[i].name, view_of(got), view_of(behaviours[i].fates));
	}
}

/* ---- the network, and what stands before a session */

static void other_ways(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum sim_network first; /* host's network */
		const char *script;     /* of the second host */
		enum permission permission;
		const char *fate;
		size_t connections; /* to the second */
	} rows[] = {
		{ "the first is refused", SIM_REFUSED, CLEAR MAIL_ANY RCPT CONTENT GOODBYE, PERMISSION_YES, "d", 1 },
		{ "the first is not reached", SIM_UNREACHABLE, CLEAR MAIL_ANY RCPT CONTENT GOODBYE, PERMISSION_YES, "d", 1 },
		{ "the first does not answer", SIM_BLACKHOLE, CLEAR MAIL_ANY RCPT CONTENT GOODBYE, PERMISSION_YES, "d", 1 },
		{ "nor does the second", SIM_REFUSED, "> 421 4.3.2 no\ndrain", PERMISSION_YES, "r", 1 },
		{ "the token is gone", SIM_REACHABLE, "drain", PERMISSION_NO, "h", 0 },
		{ "whether it is cannot be told", SIM_REFUSED, CLEAR MAIL_ANY RCPT CONTENT GOODBYE, PERMISSION_UNKNOWN, "d",
		  1 },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene scene;
		scene_begin(&scene);
		scene.host_count = 2;
		scene.permission = rows[i].permission;
		scene.hosts[0].scripts[0] = "drain";
		scene.hosts[1].scripts[0] = rows[i].script;
		sim_network_set(scene.sim, sim_endpoint(addresses[0]), rows[i].first);
		scene_play(&scene);
		expect_number(rows[i].name, letter(scene.fates[0][0]), rows[i].fate[0]);
		expect_number(rows[i].name, (int64_t)scene.hosts[1].connections, (int64_t)rows[i].connections);
		scene_end(&scene, rows[i].name);
	}
}

/* A handshake that fails in any way is tried once more in clear, and for a while nobody tries TLS there again. */
static void handshakes(void **state)
{
	(void)state;
	static const enum sim_tls_fault faults[] = { SIM_TLS_REFUSES, SIM_TLS_SILENT, SIM_TLS_GARBAGE };
	static const char clear[] =
		"> 220 mx\n< EHLO\n> 250-mx\n> 250 STARTTLS\n" MAIL_ANY RCPT CONTENT MAIL_ANY RCPT CONTENT GOODBYE;
	for (size_t i = 0; i < CASES(faults); i++) {
		struct scene scene;
		scene_begin(&scene);
		scene.job_count = 2;
		sim_tls_context_set(scene.mx_tls, faults[i]);
		scene.hosts[0].scripts[0] = "> 220 mx\n< EHLO\n> 250-mx\n> 250 STARTTLS\n< STARTTLS\n> 220 go\ntls fails\n";
		scene.hosts[0].scripts[1] = clear;
		scene_play(&scene);
		assert_int_equal(letter(scene.fates[0][0]), 'd');
		assert_int_equal(letter(scene.fates[1][0]), 'd');
		assert_int_equal(scene.hosts[0].connections, 2);
		scene_end(&scene, "handshake");
	}
}

/* The queue is started anew while a job is on its way, and leases it again just as it ends. */
static void what_ended_during_a_hello_is_given_back(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		const char *script;
		size_t given_back;
	} rows[] = {
		{ "it ends before the answer", CLEAR MAIL_ANY RCPT "wait 2\n" CONTENT GOODBYE, 1 },
		{ "it goes on", CLEAR MAIL_ANY RCPT "wait 20\n" CONTENT GOODBYE, 0 },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene scene;
		scene_begin(&scene);
		scene.hello_takes = 5 * SECOND;
		scene.hosts[0].scripts[0] = rows[i].script;
		task_start(scene.room, "delivery", run_delivery, &scene.delivery);
		sim_run_for(scene.sim, SECOND);
		direct_peer_disconnect(scene.queue);
		direct_peer_connect(scene.queue, scene.room, &scene.services[0], (struct caller){ .room = ROOM_DELIVERY });
		sim_run_for(scene.sim, MINUTE);
		expect_number(rows[i].name, (int64_t)scene.given_back, (int64_t)rows[i].given_back);
		scene.reported = scene.job_count; /* under one number or the other */
		scene_end(&scene, rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(talks),
		cmocka_unit_test(matrix),
		cmocka_unit_test(other_ways),
		cmocka_unit_test(handshakes),
		cmocka_unit_test(what_ended_during_a_hello_is_given_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The other rooms, and the world that all are in. */
#include "rooms/submission/scene.h"

#include "base/must.h"
#include "ipc/direct.h"

/* ---- the other rooms */

static void authenticate(void *room, const struct caller *caller, const void *request, void *answer,
                         struct arena *arena)
{
	(void)room, (void)caller, (void)arena;
	const struct authenticate_request *asked = request;
	struct authenticate_answer *told = answer;
	*told = (struct authenticate_answer){ .result = AUTHENTICATION_WRONG };
	if (view_equal(asked->name, VIEW("suspended")))
		told->result = AUTHENTICATION_SUSPENDED;
	if (!view_equal(asked->name, VIEW("tom")) || !view_equal(asked->password, VIEW("secret")))
		return;
	*told = (struct authenticate_answer){
		.login = 7,
		.account = VIEW("tom"),
		.as_typed = VIEW("Tom"),
		.message_size = 2000,
		.recipients = 3,
		.may_send = ((struct scene *)room)->may_send,
	};
}

static void credit(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	(void)caller, (void)arena;
	struct scene *scene = room;
	const struct credit_request *asked = request;
	scene->mail_credits_asked += asked->recipients == 0;
	scene->data_credits_asked += asked->recipients > 0;
	scene->spare_unused += asked->unused;
	*(struct credit_answer *)answer = (struct credit_answer){
		.result = CREDIT_GRANTED,
		.wait = scene->credit_wait,
		.spare = asked->recipients > 0 ? scene->credit_spare : 0,
	};
}

static void logout(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	(void)caller, (void)answer, (void)arena;
	struct scene *scene = room;
	const struct logout_request *asked = request;
	scene->logouts++;
	scene->spare_unused += asked->unused;
}

/* RFC 8463 3: Ed25519 of the digest. */
static struct view signature_of(struct scene *scene, const uint8_t digest[SHA256_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char bytes[64];
	size_t length = sizeof(bytes);
	assert_int_equal(EVP_DigestSignInit(context, NULL, NULL, NULL, scene->key), 1);
	assert_int_equal(EVP_DigestSign(context, bytes, &length, digest, SHA256_SIZE), 1);
	EVP_MD_CTX_free(context);
	bytes[7] ^= scene->signs_wrongly;
	text_clear(&scene->signature);
	text_add(&scene->signature, view_bytes(bytes, length));
	return text_view(&scene->signature);
}

static void sign(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	(void)caller, (void)arena;
	struct scene *scene = room;
	const struct sign_request *asked = request;
	struct sign_answer *told = answer;
	*told = (struct sign_answer){ .result = SIGN_OK, .signature_count = asked->seal_count };
	for (size_t i = 0; i < asked->seal_count; i++)
		told->signatures[i] = signature_of(scene, asked->seals[i].digest);
	scene->sealed_count++;
	if (scene->sealed_count == scene->without_grant)
		*told = (struct sign_answer){ .result = SIGN_NO_GRANT };
}

static void verdict(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	(void)caller, (void)arena;
	struct scene *scene = room;
	const struct verdict_request *asked = request;
	struct verdict_answer *told = answer;
	*told = (struct verdict_answer){ .verdict = scene->verdict, .good_for = scene->verdict_good_for };
	scene->verdicts_asked++;
	if (asked->moment == MOMENT_DATA)
		told->seals[told->seal_count++] =
			(struct usable_key){ VIEW("elastx"), DKIM_ED25519_SHA256, text_view(&scene->record) };
}

static void submit(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	(void)caller, (void)arena;
	struct scene *scene = room;
	const struct submit_request *asked = request;
	while (scene->queue_silent && !task_is_cancelled())
		task_sleep(scene->room, HOUR);
	*(struct submit_answer *)answer = (struct submit_answer){ .result = scene->submit_result };
	text_clear(&scene->stored);
	text_add(&scene->stored, asked->content);
	scene->stored_count++;
}

static const struct answerer vault_answerers[] = {
	{ &vault_authenticate_question, authenticate, NULL },
	{ &vault_credit_question, credit, NULL },
	{ &vault_logout_question, logout, NULL },
	{ &vault_sign_question, sign, NULL },
};
static const struct answerer resolver_answerers[] = { { &resolver_verdict_question, verdict, NULL } };
static const struct answerer queue_answerers[] = { { &queue_submit_question, submit, NULL } };

static struct peer *connect_peer(struct scene *scene, size_t index, const char *name,
                                 const struct answerer *answerers, size_t count)
{
	struct peer *peer = direct_peer_new(scene->room, name);
	scene->services[index] = (struct service){ .room = scene, .answerers = answerers, .answerer_count = count };
	direct_peer_connect(peer, scene->room, &scene->services[index], (struct caller){ .room = ROOM_SUBMISSION });
	return peer;
}

/* ---- the scene */

static int64_t log_wall(void *context)
{
	return world_wall(context);
}

static void read_config(struct scene *scene, const char *listener)
{
	struct config_problems problems = { 0 };
	struct text yaml = TEXT_LIMIT(4096);
	text_print(&yaml,
	           "service: { name: elastx, hostname: smtp.elastx.email, spf_include: elastx.email }\n"
	           "listeners: [ { address: \"192.0.2.1:587\", %s } ]\n"
	           "limits: { memory: 1MiB, message_size: 1MiB }\n",
	           listener);
	scene->config = config_parse(text_view(&yaml), "scene", &problems);
	if (scene->config == NULL) {
		struct text said = TEXT_LIMIT(4096);
		config_problems_write(&problems, "scene", &said);
		print_message("%s", text_cstring(&said));
	}
	must(scene->config != NULL);
	scene->in_force = scene->config;
	config_problems_deinit(&problems);
	text_deinit(&yaml);
}

static void make_key(struct scene *scene)
{
	unsigned char bytes[32];
	size_t length = sizeof(bytes);
	scene->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	assert_non_null(scene->key);
	assert_int_equal(EVP_PKEY_get_raw_public_key(scene->key, bytes, &length), 1);
	dkim_key_write(DKIM_ED25519_SHA256, view_bytes(bytes, length), &scene->record);
}

void scene_begin(struct scene *scene, const char *listener)
{
	*scene = (struct scene){
		.sim = sim_new(1), .stored = TEXT_LIMIT(65536), .record = TEXT_LIMIT(256), .signature = TEXT_LIMIT(64)
	};
	make_key(scene);
	scene->room = sim_world(scene->sim, "submission");
	scene->client_world = sim_world(scene->sim, "client");
	scene->room_tls[0] = sim_tls_context_new(scene->sim, "smtp.elastx.email");
	scene->client_tls = sim_tls_context_new(scene->sim, "client");
	read_config(scene, listener);
	scene->log = (struct log){
		.descriptor = -1, .level = LOG_ERROR, .room = "submission", .wall = log_wall, .context = scene->room
	};
	scene->vault = connect_peer(scene, 0, "vault", vault_answerers, CASES(vault_answerers));
	scene->asked_resolver = connect_peer(scene, 1, "resolver", resolver_answerers, CASES(resolver_answerers));
	scene->resolver = memory_peer_new(scene->room, scene->asked_resolver, 65536);
	scene->queue = connect_peer(scene, 2, "queue", queue_answerers, CASES(queue_answerers));
	const struct submission_peers peers = { scene->vault, scene->resolver, scene->queue };
	submission_init(&scene->submission, scene->room, &scene->log, &scene->in_force, &peers);
	scene->listener = sim_listen(scene->room, sim_endpoint(SCENE_ADDRESS));
	submission_listen(&scene->submission, scene->listener, scene->room_tls[0]);
}

struct connection *scene_connect(struct scene *scene)
{
	struct world *world = scene->client_world;
	const struct endpoint remote = sim_endpoint(SCENE_ADDRESS);
	struct connection *connection = NULL;
	const enum connect_result result =
		world->operations->connect(world, &remote, NULL, world_now(world) + MINUTE, &connection);
	return result == CONNECT_OK ? connection : NULL;
}

static void talk(void *argument)
{
	struct scene *scene = argument;
	scene->client.connection = scene_connect(scene);
	if (scene->client.connection == NULL)
		return;
	scene->client.world = scene->client_world;
	scene->client.side = TLS_CLIENT;
	scene->client.tls = scene->client_tls;
	talk_play(&scene->client);
}

void scene_begin_talk(struct scene *scene, const char *script, size_t chop)
{
	scene->client.script = script;
	scene->client.chop = chop;
	sim_set_chop(scene->sim, chop);
	task_start(scene->client_world, "client", talk, scene);
}

void scene_talk(struct scene *scene, const char *script, size_t chop)
{
	scene_begin_talk(scene, script, chop);
	sim_run_for(scene->sim, 3 * DAY);
}

static void stop_room(void *argument)
{
	struct scene *scene = argument;
	submission_stop(&scene->submission, world_now(scene->room) + MINUTE);
}

void scene_stop_room(struct scene *scene)
{
	task_start(scene->room, "stop", stop_room, scene);
}

void scene_expect_as_written(const struct scene *scene, const char *name)
{
	if (!scene->client.ended || scene->client.problem.length > 0)
		fail_msg("%s: %s\n%s", name, text_cstring(&scene->client.problem), text_cstring(&scene->client.transcript));
}

void scene_end(struct scene *scene)
{
	must(scene->submission.memory == 0);
	must(scene->submission.by_address.count == 0);
	scene_stop_room(scene);
	sim_run_for(scene->sim, 10 * MINUTE);
	struct peer *const peers[] = { scene->vault, scene->asked_resolver, scene->queue };
	for (size_t i = 0; i < CASES(peers); i++)
		direct_peer_disconnect(peers[i]);
	sim_end(scene->sim);
	peer_free(scene->resolver);
	for (size_t i = 0; i < CASES(peers); i++)
		peer_free(peers[i]);
	listener_free(scene->listener);
	submission_deinit(&scene->submission);
	sim_free(scene->sim);
	config_free(scene->config);
	talk_deinit(&scene->client);
	text_deinit(&scene->stored);
	text_deinit(&scene->record);
	text_deinit(&scene->signature);
	EVP_PKEY_free(scene->key);
}

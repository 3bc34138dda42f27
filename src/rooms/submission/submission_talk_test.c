/* Talks between a client and the real submission core; vault, resolver and queue are answered here. */
#include "base/must.h"
#include "base/testing.h"
#include "ipc/direct.h"
#include "ipc/memory.h"
#include "rooms/submission/submission.h"
#include "task/talk.h"

#include <openssl/evp.h>

static const char address[] = "192.0.2.1:587";

struct scene {
	struct sim *sim;
	struct world *room, *client_world;
	struct config *config;
	const struct config *in_force;
	struct log log;
	struct submission submission;
	struct tls_context *room_tls[1], *client_tls;
	struct listener *listener;
	struct peer *vault, *asked_resolver, *resolver, *queue;
	struct service services[3];
	struct talk client;
	/* what the others were asked, and how they answer */
	struct text stored; /* the content of the last message */
	size_t stored_count, sealed_count, logouts;
	enum submit_result submit_result;
	struct verdict verdict;
	int64_t verdict_good_for;
	int64_t credit_wait;  /* before the next message */
	size_t without_grant; /* the vault does not seal the message of this number */
	size_t verdicts_asked, mail_credits_asked;
	bool queue_silent;
	EVP_PKEY *key;
	struct text record; /* of the key, as DNS has it */
	struct text signature;
	bool signs_wrongly;
};

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
		.login = 7, .account = VIEW("tom"), .as_typed = VIEW("Tom"), .message_size = 2000, .recipients = 3
	};
}

static void credit(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	(void)caller, (void)arena;
	struct scene *scene = room;
	const struct credit_request *asked = request;
	scene->mail_credits_asked += asked->recipients == 0;
	*(struct credit_answer *)answer = (struct credit_answer){ .result = CREDIT_GRANTED, .wait = scene->credit_wait };
}

static void logout(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	(void)caller, (void)request, (void)answer, (void)arena;
	struct scene *scene = room;
	scene->logouts++;
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

static void scene_begin(struct scene *scene, const char *listener)
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
	scene->submission.tls = scene->room_tls;
	scene->submission.tls_count = 1;
	scene->listener = sim_listen(scene->room, sim_endpoint(address));
	submission_listen(&scene->submission, scene->listener, 0);
}

static void call(void *argument)
{
	struct scene *scene = argument;
	struct world *world = scene->client_world;
	const struct endpoint remote = sim_endpoint(address);
	if (world->operations->connect(world, &remote, NULL, world_now(world) + MINUTE, &scene->client.connection) !=
	    CONNECT_OK)
		return;
	scene->client.world = world;
	scene->client.side = TLS_CLIENT;
	scene->client.tls = scene->client_tls;
	talk_play(&scene->client);
}

static void scene_talk(struct scene *scene, const char *script, size_t chop)
{
	scene->client.script = script;
	scene->client.chop = chop;
	sim_set_chop(scene->sim, chop);
	task_start(scene->client_world, "client", call, scene);
	sim_run_for(scene->sim, 3 * DAY);
}

static void stop_room(void *argument)
{
	struct scene *scene = argument;
	submission_stop(&scene->submission, world_now(scene->room) + MINUTE);
}

static void scene_end(struct scene *scene, const char *name)
{
	if (!scene->client.ended || scene->client.problem.length > 0)
		fail_msg("%s: %s\n%s", name, text_cstring(&scene->client.problem), text_cstring(&scene->client.transcript));
	expect_number(name, (int64_t)scene->submission.memory, 0);
	expect_number(name, (int64_t)scene->submission.by_address.count, 0);
	task_start(scene->room, "stop", stop_room, scene);
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

/* ---- talks */

#define STARTTLS "tls: starttls"
#define IMPLICIT "tls: implicit"
#define CLEAR    "tls: none, plaintext_auth: true"
#define NO_AUTH  "tls: none"
#define GREETED  "< 220 smtp.elastx.email ESMTP\n> EHLO client.example\n< 250 "
#define SECURED  GREETED "\n> STARTTLS\n< 220 2.0.0\ntls\n> EHLO client.example\n< 250 "
#define TOM      "> AUTH PLAIN AHRvbQBzZWNyZXQ=\n< 235 2.7.0\n"
#define READY    SECURED "\n" TOM
#define ENVELOPE "> MAIL FROM:<tom@example.com>\n< 250 2.1.0\n> RCPT TO:<anna@example.net>\n< 250 2.1.5\n"
#define DATA     ENVELOPE "> DATA\n< 354\n"
#define MESSAGE  "> From: tom@example.com\n> \n> hello\n> .\n"
#define BYE      "> QUIT\n< 221 2.0.0\nend\n"

static const struct talk_case {
	const char *name;
	const char *listener;
	const char *script;
	size_t stored;
	const char *content; /* within what was stored */
} talk_cases[] = {
	{ "a message over STARTTLS", STARTTLS, READY DATA MESSAGE "< 250 2.0.0 queued as\n" BYE, 1,
	  "(version=TLSv1.3 cipher=SIM)" },
	{ "a message over TLS from the start", IMPLICIT,
	  "tls\n" GREETED "\n" TOM DATA MESSAGE "< 250 2.0.0 queued as\n" BYE, 1, "\r\nFrom: tom@example.com\r\n" },
	{ "several messages in one session", STARTTLS,
	  READY DATA MESSAGE "< 250 2.0.0\n" DATA MESSAGE "< 250 2.0.0\n> RSET\n< 250\n" DATA MESSAGE "< 250 2.0.0\n" BYE,
	  3, "hello" },
	{ "all at once", STARTTLS,
	  READY
	  ">> MAIL FROM:<tom@example.com>\\r\\nRCPT TO:<a@example.net>\\r\\nRCPT TO:<b@example.net>\\r\\nDATA\\r\\n\n"
	  "< 250 2.1.0\n< 250 2.1.5\n< 250 2.1.5\n< 354\n"
	  ">> From: tom@example.com\\r\\n\\r\\nhello\\r\\n.\\r\\nNOOP\\r\\nQUIT\\r\\n\n< 250 2.0.0 queued\n< 250\n< "
	  "221\nend",
	  1, "hello" },
	{ "the extensions", STARTTLS,
	  "< 220\n> EHLO x\n< 250\n<* 250-PIPELINING\n<* 250-SIZE 1048576\n<* 250-8BITMIME\n<* 250-ENHANCEDSTATUSCODES\n"
	  "<* 250 STARTTLS\n> STARTTLS\n< 220\ntls\n> EHLO x\n< 250 AUTH PLAIN LOGIN\n" TOM
	  "> EHLO x\n< 250 ENH\n<* 250-SIZE 2000\nclose",
	  0, NULL },
	/* RFC 3207 4.2, 5: nothing from before TLS counts */
	{ "a command behind STARTTLS", STARTTLS, GREETED "\n>> STARTTLS\\r\\nNOOP\\r\\n\n< 421 4.7.0\nend", 0, NULL },
	{ "a login behind STARTTLS", STARTTLS,
	  GREETED "\n>> STARTTLS\\r\\nEHLO x\\r\\nAUTH PLAIN AHRvbQBzZWNyZXQ=\\r\\n\n< 421 4.7.0\nend", 0, NULL },
	{ "EHLO before TLS is forgotten", STARTTLS,
	  GREETED "\n> STARTTLS\n< 220\ntls\n> AUTH PLAIN AHRvbQBzZWNyZXQ=\n< 503 5.5.1\n" BYE, 0, NULL },
	{ "STARTTLS twice", STARTTLS, SECURED "\n> STARTTLS\n< 503 5.5.1\n" BYE, 0, NULL },
	{ "no STARTTLS here", NO_AUTH, GREETED "\n> STARTTLS\n< 503 5.5.1\n" BYE, 0, NULL },
	{ "AUTH before TLS", STARTTLS, GREETED "\n> AUTH PLAIN AHRvbQBzZWNyZXQ=\n< 538 5.7.11\n" BYE, 0, NULL },
	{ "AUTH in clear where it is allowed", CLEAR, GREETED "\n" TOM DATA MESSAGE "< 250 2.0.0\n" BYE, 1,
	  "with ESMTPA id" },
	{ "MAIL before AUTH", STARTTLS, SECURED "\n> MAIL FROM:<tom@example.com>\n< 530 5.7.0\n" BYE, 0, NULL },
	/* AUTH (RFC 4954) */
	{ "AUTH PLAIN in two steps", STARTTLS, SECURED "\n> AUTH PLAIN\n< 334 \n> AHRvbQBzZWNyZXQ=\n< 235\n" BYE, 0,
	  NULL },
	{ "AUTH LOGIN", STARTTLS,
	  SECURED "\n> AUTH LOGIN\n< 334 VXNlcm5hbWU6\n> dG9t\n< 334 UGFzc3dvcmQ6\n> c2VjcmV0\n< 235\n" BYE, 0, NULL },
	{ "AUTH LOGIN with the name", STARTTLS,
	  SECURED "\n> AUTH LOGIN dG9t\n< 334 UGFzc3dvcmQ6\n> c2VjcmV0\n< 235\n" BYE, 0, NULL },
	{ "AUTH cancelled", STARTTLS, SECURED "\n> AUTH PLAIN\n< 334\n> *\n< 501 5.5.2\n" TOM BYE, 0, NULL },
	{ "AUTH not base64", STARTTLS, SECURED "\n> AUTH PLAIN ????\n< 501 5.5.2\n" BYE, 0, NULL },
	{ "AUTH without NULs", STARTTLS, SECURED "\n> AUTH PLAIN dG9t\n< 501 5.5.2\n" BYE, 0, NULL },
	{ "AUTH for somebody else", STARTTLS, SECURED "\n> AUTH PLAIN YW5uYQB0b20Ac2VjcmV0\n< 501 5.5.2\n" BYE, 0, NULL },
	{ "AUTH unknown", STARTTLS, SECURED "\n> AUTH CRAM-MD5\n< 504 5.5.4\n" BYE, 0, NULL },
	{ "AUTH twice", STARTTLS, READY "> AUTH PLAIN AHRvbQBzZWNyZXQ=\n< 503 5.5.1\n" BYE, 0, NULL },
	{ "a wrong password", STARTTLS, SECURED "\n> AUTH PLAIN AHRvbQB3cm9uZw==\n< 535 5.7.8\n" TOM BYE, 0, NULL },
	{ "a suspended account", STARTTLS, SECURED "\n> AUTH PLAIN AHN1c3BlbmRlZAB4\n< 525 5.7.13\n" BYE, 0, NULL },
	{ "guessing", STARTTLS,
	  SECURED "\n> AUTH PLAIN AHRvbQB3\n< 535\n> AUTH PLAIN AHRvbQB3\n< 535\n> AUTH PLAIN AHRvbQB3\n< 535\n"
	          "> AUTH PLAIN AHRvbQB3\n< 535\n> AUTH PLAIN AHRvbQB3\n< 535\nend",
	  0, NULL },
	/* order (RFC 5321 4.1.4) */
	{ "MAIL before EHLO", STARTTLS, "< 220\n> MAIL FROM:<tom@example.com>\n< 503 5.5.1\n" BYE, 0, NULL },
	{ "RCPT before MAIL", STARTTLS, READY "> RCPT TO:<a@example.net>\n< 503 5.5.1\n" BYE, 0, NULL },
	{ "DATA before RCPT", STARTTLS, READY "> MAIL FROM:<tom@example.com>\n< 250\n> DATA\n< 503 5.5.1\n" BYE, 0,
	  NULL },
	{ "MAIL twice", STARTTLS,
	  READY "> MAIL FROM:<tom@example.com>\n< 250\n> MAIL FROM:<tom@example.com>\n< 503\n" BYE, 0, NULL },
	{ "RSET ends the transaction", STARTTLS, READY ENVELOPE "> RSET\n< 250\n> DATA\n< 503\n" BYE, 0, NULL },
	{ "EHLO ends the transaction", STARTTLS, READY ENVELOPE "> EHLO x\n< 250\n> DATA\n< 503\n" BYE, 0, NULL },
	{ "unknown words", STARTTLS,
	  GREETED "\n> WIZ\n< 500 5.5.2\n> VRFY tom\n< 252\n> EXPN all\n< 502\n> HELP\n< 214\n" BYE, 0, NULL },
	{ "too many of them", STARTTLS,
	  "< 220\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< "
	  "500\n"
	  "> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> "
	  "X\n"
	  "< 500\n> X\n< 500\n> X\n< 500\n< 421 4.7.0\nend",
	  0, NULL },
	{ "HTTP", STARTTLS, "< 220\n> GET / HTTP/1.1\n< 421 4.7.0\nend", 0, NULL },
	/* addresses and parameters */
	{ "addresses", STARTTLS,
	  READY
	  "> MAIL FROM:tom@example.com\n< 501\n> MAIL FROM:<tom>\n< 501 5.1.7\n> MAIL FROM:<tom@[192.0.2.1]>\n< 501 "
	  "5.1.7\n"
	  "> MAIL FROM:<tom@example.com> SIZE=2001\n< 552 5.3.4\n> MAIL FROM:<tom@example.com> SIZE=x\n< 501 5.5.4\n"
	  "> MAIL FROM:<tom@example.com> BODY=BINARYMIME\n< 501\n> MAIL FROM:<tom@example.com> HOLDFOR=5\n< 555 5.5.4\n"
	  "> MAIL FROM:<tom@example.com> SIZE=2000 BODY=8BITMIME AUTH=<>\n< 250\n> RCPT TO:<>\n< 501 5.1.3\n"
	  "> RCPT TO:<a@example>\n< 550 5.1.2\n> RCPT TO:<a@[192.0.2.1]>\n< 501 5.1.3\n> RCPT TO:<a@example.net> "
	  "NOTIFY=NEVER\n"
	  "< 555 5.5.4\n> RCPT TO:<a@example.net>\n< 250\n> RCPT TO:<a@example.net>\n< 250\n> RCPT TO:<b@example.net>\n< "
	  "250\n"
	  "> RCPT TO:<c@example.net>\n< 250\n> RCPT TO:<d@example.net>\n< 452 4.5.3\n" BYE,
	  0, NULL },
	{ "the null reverse-path", STARTTLS,
	  READY "> MAIL FROM:<>\n< 250\n> RCPT TO:<a@example.net>\n< 250\n> DATA\n< 354\n" MESSAGE "< 250 2.0.0\n" BYE, 1,
	  "hello" },
	/* lines (RFC 5321 2.3.8, 4.5.3.1) */
	{ "a bare LF in a command", STARTTLS, "< 220\n>> EHLO x\\nMAIL FROM:<a@b.example>\\r\\n\n< 500 5.5.2\nend", 0,
	  NULL },
	{ "a bare CR in a command", STARTTLS, "< 220\n>> EHLO x\\rNOOP\\r\\n\n< 500 5.5.2\nend", 0, NULL },
	{ "a NUL in a command", STARTTLS, "< 220\n>> EHLO x\\0\\r\\n\n< 500 5.5.2\nend", 0, NULL },
	/* the end of a message: only CRLF.CRLF is one */
	{ "dots", STARTTLS, READY DATA "> From: tom@example.com\n> \n> ..a\n> ..\n> .\n< 250 2.0.0\n" BYE, 1,
	  "\r\n.a\r\n.\r\n" },
	{ "LF.LF is no end", STARTTLS,
	  READY DATA ">> From: tom@example.com\\r\\n\\r\\na\\n.\\nRSET\\r\\n\n> .\n< 250 2.0.0\n" BYE, 1,
	  "a\r\n\r\nRSET\r\n" },
	{ "CRLF.LF is no end", STARTTLS,
	  READY DATA ">> From: tom@example.com\\r\\n\\r\\na\\r\\n.\\nRSET\\r\\n\n> .\n< 250 2.0.0\n" BYE, 1, "RSET\r\n" },
	{ "LF.CRLF is no end", STARTTLS,
	  READY DATA ">> From: tom@example.com\\r\\n\\r\\na\\n.\\r\\nRSET\\r\\n\n> .\n< 250 2.0.0\n" BYE, 1, "RSET\r\n" },
	{ "CR.CR is refused", STARTTLS,
	  READY DATA ">> From: tom@example.com\\r\\n\\r\\na\\r.\\rRSET\\r\\n\n> .\n< 550 5.6.11\n" BYE, 0, NULL },
	{ "CRLF.CR is refused", STARTTLS,
	  READY DATA ">> From: tom@example.com\\r\\n\\r\\na\\r\\n.\\rRSET\\r\\n\n> .\n< 550 5.6.11\n" BYE, 0, NULL },
	{ "NUL is refused", STARTTLS,
	  READY DATA ">> From: tom@example.com\\r\\n\\r\\na\\0\\r\\n\n> .\n< 550 5.6.11\n" BYE, 0, NULL },
	{ "bare LF where it is refused", "tls: starttls, bare_newline: refuse",
	  READY DATA ">> From: tom@example.com\\r\\n\\r\\na\\nb\\r\\n\n> .\n< 550 5.6.11\n" BYE, 0, NULL },
	{ "no From", STARTTLS, READY DATA "> Subject: x\n> \n> .\n< 550 5\n" BYE, 0, NULL },
	{ "nothing at all", STARTTLS, READY DATA "> .\n< 550 5\n" BYE, 0, NULL },
	/* time (RFC 5321 4.5.3.2) */
	{ "silence", STARTTLS, "< 220\nquiet 299\nwait 2\n< 421 4.4.2\nend", 0, NULL },
	{ "silence after login", STARTTLS, READY "quiet 299\n< 421 4.4.2\nend", 0, NULL },
	{ "half a command", STARTTLS, "< 220\n>> EH\nwait 200\n>> LO\nwait 101\n< 421 4.4.2\nend", 0, NULL },
	{ "half a message", STARTTLS, READY DATA "> From: tom@example.com\nquiet 179\n< 421 4.4.2\nend", 0, NULL },
	{ "a client that goes", STARTTLS, READY DATA "> From: tom@example.com\nclose", 0, NULL },
	{ "a client that goes after the dot", STARTTLS, READY DATA MESSAGE "close", 1, "hello" },
	{ "no handshake", STARTTLS, GREETED "\n> STARTTLS\n< 220\nend", 0, NULL },
};

static void talks(void **state)
{
	(void)state;
	/* At once, by bytes, and in pieces: the same. */
	static const size_t chops[] = { 0, 1, 7 };
	for (size_t i = 0; i < CASES(talk_cases) * CASES(chops); i++) {
		const struct talk_case *row = &talk_cases[i / CASES(chops)];
		const size_t chop = chops[i % CASES(chops)];
		struct scene scene;
		/* What stands behind STARTTLS must come with it; who still writes when the other side hangs up hears nothing.
		 */
		if (chop > 0 && (strstr(row->name, "behind STARTTLS") != NULL || strstr(row->name, "in a command") != NULL))
			continue;
		scene_begin(&scene, row->listener);
		scene_talk(&scene, row->script, chop);
		if (scene.client.problem.length == 0) {
			expect_number(row->name, (int64_t)scene.stored_count, (int64_t)row->stored);
			expect_number(row->name, (int64_t)scene.sealed_count, (int64_t)row->stored);
			if (row->content != NULL && view_find(text_view(&scene.stored), view_of(row->content)) == VIEW_NOT_FOUND)
				fail_msg("%s: stored: %s", row->name, text_cstring(&scene.stored));
		}
		scene_end(&scene, row->name);
	}
}

/* ---- the other rooms say no */

static void refusals(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum submit_result result;
		bool silent;
		const char *reply;
	} rows[] = {
		{ "full", SUBMIT_FULL, false, READY DATA MESSAGE "< 452 4.3.1\n" ENVELOPE "> DATA\n< 452 4.3.1\n" BYE },
		{ "later", SUBMIT_LATER, false, READY DATA MESSAGE "< 451 4.3.0\n" BYE },
		{ "no answer", SUBMIT_STORED, true, READY DATA MESSAGE "quiet 170\n< 451 4.3.0\n" BYE },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene scene;
		scene_begin(&scene, STARTTLS);
		scene.submit_result = rows[i].result;
		scene.queue_silent = rows[i].silent;
		scene_talk(&scene, rows[i].reply, 0);
		scene_end(&scene, rows[i].name);
	}
}

static void a_verdict_is_told_line_by_line(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene, STARTTLS);
	scene.verdict = verdict_never(550, STATUS(5, 7, 1), VIEW("example.com: no\nPublish: this"));
	scene_talk(&scene,
	           READY "> MAIL FROM:<tom@example.com>\n< 550 5.7.1 Publish: this\n<* 550-5.7.1 example.com: no\n" BYE,
	           0);
	assert_int_equal(scene.logouts, 1);
	scene_end(&scene, "verdict");
}

#define ONE_MORE DATA MESSAGE "< 250 2.0.0\n"

/* Nothing leaves under a seal that no receiver would believe. */
static void a_wrong_seal_is_not_sent(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene, STARTTLS);
	scene.signs_wrongly = true;
	scene_talk(&scene, READY DATA MESSAGE "< 451 4.3.0\n" BYE, 0);
	expect_number("stored", (int64_t)scene.stored_count, 0);
	scene_end(&scene, "a wrong seal");
}

static void what_holds_for_a_while_is_asked_once(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int64_t good_for, credit_wait;
		size_t without_grant;
		const char *script;
		size_t verdicts, mail_credits;
	} rows[] = {
		{ "nothing holds", 0, 1, 0, READY ONE_MORE ONE_MORE BYE, 4, 2 },
		{ "verdicts hold", HOUR, 1, 0, READY ONE_MORE ONE_MORE BYE, 2, 2 },
		{ "the account was within its rate", 0, 0, 0, READY ONE_MORE ONE_MORE BYE, 4, 1 },
		{ "that was a while ago", 0, 0, 0, READY ONE_MORE "wait 2\n" ONE_MORE BYE, 4, 2 },
		{ "a grant is gone", HOUR, 0, 2, READY ONE_MORE DATA MESSAGE "< 451 4.3.0\n" ONE_MORE BYE, 4, 1 },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene scene;
		scene_begin(&scene, STARTTLS);
		scene.verdict_good_for = rows[i].good_for;
		scene.credit_wait = rows[i].credit_wait;
		scene.without_grant = rows[i].without_grant;
		scene_talk(&scene, rows[i].script, 0);
		expect_number(rows[i].name, (int64_t)scene.verdicts_asked, (int64_t)rows[i].verdicts);
		expect_number(rows[i].name, (int64_t)scene.mail_credits_asked, (int64_t)rows[i].mail_credits);
		scene_end(&scene, rows[i].name);
	}
}

/* Sizes, with what SIZE promised nothing of: the account's is 2,000 octets, the room's budget 1 MiB. */
static void large(void **state)
{
	(void)state;
	struct scene scene;
	struct text script = TEXT_LIMIT(1024 * 1024);
	text_add(&script, VIEW(READY DATA "> From: tom@example.com\n> \n"));
	for (unsigned i = 0; i < 300; i++)
		text_add(&script, VIEW("> 0123456789\n"));
	text_add(&script, VIEW("> .\n< 552 5.3.4\n" DATA MESSAGE "< 250 2.0.0\n" BYE));
	scene_begin(&scene, STARTTLS);
	scene_talk(&scene, text_cstring(&script), 0);
	scene_end(&scene, "too large");
	text_clear(&script);
	text_add(&script, VIEW("< 220\n> EHLO "));
	for (unsigned i = 0; i < 5000; i++)
		text_add_byte(&script, 'x');
	text_add(&script, VIEW("\n< 500 5.5.6\n" BYE));
	scene_begin(&scene, STARTTLS);
	scene_talk(&scene, text_cstring(&script), 0);
	scene_end(&scene, "long line");
	text_deinit(&script);
}

static void the_budget_of_messages_in_motion(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene, STARTTLS);
	scene.submission.memory = (uint64_t)1024 * 1024;
	scene_talk(&scene, READY ENVELOPE "> DATA\n< 452 4.3.1\n" BYE, 0);
	scene.submission.memory = 0;
	scene_end(&scene, "budget");
	scene_begin(&scene, STARTTLS);
	scene.submission.memory = (uint64_t)1024 * 1024 - 16;
	scene_talk(&scene, READY DATA MESSAGE "< 452 4.3.1\n" BYE, 0);
	scene.submission.memory -= (uint64_t)1024 * 1024 - 16;
	scene_end(&scene, "budget");
}

static void a_stop_ends_sessions(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene, STARTTLS);
	scene.client.script = READY "< 421 4.3.2\nend";
	task_start(scene.client_world, "client", call, &scene);
	sim_run_for(scene.sim, MINUTE);
	task_start(scene.room, "stop", stop_room, &scene);
	sim_run_for(scene.sim, MINUTE);
	scene_end(&scene, "stop");
}

static void a_silent_handshake_ends(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene, STARTTLS);
	sim_tls_context_set(scene.client_tls, SIM_TLS_GARBAGE);
	scene_talk(&scene, GREETED "\n> STARTTLS\n< 220\ntls fails\nend", 0);
	scene_end(&scene, "handshake");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(talks),
		cmocka_unit_test(refusals),
		cmocka_unit_test(a_verdict_is_told_line_by_line),
		cmocka_unit_test(a_wrong_seal_is_not_sent),
		cmocka_unit_test(what_holds_for_a_while_is_asked_once),
		cmocka_unit_test(large),
		cmocka_unit_test(the_budget_of_messages_in_motion),
		cmocka_unit_test(a_stop_ends_sessions),
		cmocka_unit_test(a_silent_handshake_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

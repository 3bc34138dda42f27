#include "base/testing.h"

#include "base/bytes.h"
#include "base/must.h"
#include "net/tls_private.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Two ends of a loopback connection in one real world, each played by a task. */
struct scene;
struct end {
	struct scene *scene;
	void (*play)(struct end *end);
	struct connection *connection;
	struct tls_context *context;
	int64_t deadline;
	enum tls_result result;
	enum io_result io;
	struct tls_facts facts;
	char problem[160];
	size_t bytes;
	uint32_t sum;
	struct task *task;
};

struct scene {
	struct world *world;
	struct listener *listener;
	struct endpoint at;
	struct text certificate;
	struct text key;
	struct end server;
	struct end client;
};

static struct listener *listen_somewhere(struct world *world, struct endpoint *at)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(descriptor >= 0 && bind(descriptor, (struct sockaddr *)&address, length) == 0);
	must(listen(descriptor, 16) == 0 && getsockname(descriptor, (struct sockaddr *)&address, &length) == 0);
	*at = (struct endpoint){ .family = 4, .address = { 127, 0, 0, 1 }, .port = ntohs(address.sin_port) };
	return listener_of_descriptor(world, descriptor);
}

static struct tls_context *server_context(const struct scene *scene, const char *name)
{
	struct text problem = TEXT_LIMIT(1024);
	struct tls_context *context =
		tls_context_new_server(text_view(&scene->certificate), text_view(&scene->key), view_of(name), &problem);
	must(context != NULL && problem.length == 0);
	text_deinit(&problem);
	return context;
}

static void scene_init(struct scene *scene)
{
	*scene = (struct scene){ .certificate = TEXT_LIMIT(65536), .key = TEXT_LIMIT(65536) };
	scene->world = world_real_new(tls_start);
	scene->listener = listen_somewhere(scene->world, &scene->at);
	must(tls_make_self_signed(VIEW("smtp.example.com"), &scene->certificate, &scene->key));
	scene->server.context = server_context(scene, "one");
	scene->client.context = tls_context_new_client();
}

static void scene_deinit(struct scene *scene)
{
	assert_int_equal(ERR_peek_error(), 0);
	assert_int_equal(scheduler_task_count(scene->world->scheduler), 0);
	listener_free(scene->listener);
	tls_context_free(scene->server.context);
	tls_context_free(scene->client.context);
	text_deinit(&scene->certificate);
	text_deinit(&scene->key);
	world_real_free(scene->world);
}

static void end_closes(struct end *end)
{
	if (end->connection == NULL)
		return;
	bytes_to_cstring(end->problem, sizeof(end->problem), connection_problem(end->connection));
	connection_close(end->connection);
	end->connection = NULL;
}

static void server_runs(void *argument)
{
	struct end *end = argument;
	struct world *world = end->scene->world;
	must(world->operations->accept(world, end->scene->listener, end->deadline, &end->connection) == WAIT_DONE);
	end->play(end);
	end_closes(end);
}

static void client_runs(void *argument)
{
	struct end *end = argument;
	struct world *world = end->scene->world;
	must(world->operations->connect(world, &end->scene->at, NULL, end->deadline, &end->connection) == CONNECT_OK);
	end->play(end);
	end_closes(end);
}

static void end_prepare(struct end *end, struct scene *scene, void (*play)(struct end *end))
{
	*end = (struct end){
		.scene = scene,
		.play = play,
		.context = end->context,
		.deadline = world_now(scene->world) + 20 * SECOND,
	};
}

static void scene_play(struct scene *scene, void (*server)(struct end *), void (*client)(struct end *))
{
	end_prepare(&scene->server, scene, server);
	end_prepare(&scene->client, scene, client);
	scene->server.task = task_start(scene->world, "server", server_runs, &scene->server);
	scene->client.task = task_start(scene->world, "client", client_runs, &scene->client);
	world_real_run(scene->world);
}

/* ---- parts to play */

static void starts(struct end *end, enum tls_side side)
{
	struct world *world = end->scene->world;
	const struct view name = side == TLS_CLIENT ? VIEW("smtp.example.com") : VIEW_NONE;
	end->result = world->operations->tls(world, end->connection, side, end->context, name, end->deadline);
	end->facts = end->connection->tls;
}

static void reads_to_end(struct end *end)
{
	char bytes[16384];
	size_t length = 0;
	while ((end->io = connection_read(end->connection, bytes, sizeof(bytes), end->deadline, &length)) == IO_OK) {
		end->bytes += length;
		end->sum = bytes_crc32c(end->sum, view_bytes(bytes, length));
	}
}

static void server_starts(struct end *end)
{
	starts(end, TLS_SERVER);
}

static void client_starts(struct end *end)
{
	starts(end, TLS_CLIENT);
}

static void server_greets(struct end *end)
{
	starts(end, TLS_SERVER);
	if (end->result == TLS_OK)
		end->io = connection_write(end->connection, VIEW("220 smtp.example.com\r\n"), end->deadline);
}

static void client_listens(struct end *end)
{
	starts(end, TLS_CLIENT);
	if (end->result == TLS_OK)
		reads_to_end(end);
}

/* ---- the handshake and its facts */

static void speaks(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int server_most;
		int client_most;
		const char *version;
	} rows[] = {
		{ "both new", 0, 0, "TLSv1.3" },
		{ "an older server", TLS1_2_VERSION, 0, "TLSv1.2" },
		{ "an older client", 0, TLS1_2_VERSION, "TLSv1.2" },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene scene;
		scene_init(&scene);
		must(SSL_CTX_set_max_proto_version(scene.server.context->context, rows[i].server_most) == 1);
		must(SSL_CTX_set_max_proto_version(scene.client.context->context, rows[i].client_most) == 1);
		scene_play(&scene, server_greets, client_listens);
		expect_number(rows[i].name, scene.server.result, TLS_OK);
		expect_number(rows[i].name, scene.client.result, TLS_OK);
		expect_number(rows[i].name, scene.client.io, IO_END);
		expect_number(rows[i].name, (int64_t)scene.client.bytes, 22);
		expect_view(rows[i].name, scene.client.facts.version, view_of(rows[i].version));
		expect_view(rows[i].name, scene.server.facts.version, view_of(rows[i].version));
		expect_view(rows[i].name, scene.server.facts.cipher, scene.client.facts.cipher);
		expect_number(rows[i].name, scene.client.facts.bits >= 128, true);
		expect_number(rows[i].name, scene.client.facts.active && !scene.client.facts.resumed, true);
		expect_view(rows[i].name, view_of(scene.client.problem), VIEW_NONE);
		scene_deinit(&scene);
	}
}

/* ---- what is not TLS, or not one of ours */

static const char *wire_bytes;
static size_t wire_length;

static void client_sends_wire(struct end *end)
{
	connection_write(end->connection, view_bytes(wire_bytes, wire_length), end->deadline);
	reads_to_end(end);
}

static void server_sends_wire(struct end *end)
{
	char bytes[1024];
	size_t length = 0;
	connection_read(end->connection, bytes, sizeof(bytes), end->deadline, &length);
	connection_write(end->connection, view_bytes(wire_bytes, wire_length), end->deadline);
	shutdown(end->connection->descriptor, SHUT_WR);
	reads_to_end(end);
}

#define WIRE(bytes) bytes, sizeof(bytes) - 1
#define ZEROS_32    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void refuses_strange_clients(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		const char *bytes;
		size_t length;
		const char *problem;
	} rows[] = {
		{ "SMTP in clear", WIRE("EHLO client.example.com\r\n"),
		  "TLS handshake: the other side does not speak TLS here" },
		{ "a short command in clear", WIRE("QUIT\r\n"), "TLS handshake: the other side does not speak TLS here" },
		{ "HTTP in clear", WIRE("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
		  "TLS handshake: the other side speaks HTTP, not TLS" },
		{ "TLS 1.1 hello",
		  WIRE("\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x02" ZEROS_32 "\x00\x00\x04\xc0\x13\x00\x2f\x01\x00"),
		  "TLS handshake: no TLS version in common: the other side has none of 1.2 and 1.3" },
		{ "TLS 1.2 hello with CBC alone",
		  WIRE("\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03" ZEROS_32 "\x00\x00\x04\xc0\x13\x00\x2f\x01\x00"),
		  "TLS handshake: no cipher in common" },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene scene;
		scene_init(&scene);
		wire_bytes = rows[i].bytes;
		wire_length = rows[i].length;
		scene_play(&scene, server_starts, client_sends_wire);
		expect_number(rows[i].name, scene.server.result, TLS_FAILED);
		expect_view(rows[i].name, view_of(scene.server.problem), view_of(rows[i].problem));
		expect_number(rows[i].name, scene.server.facts.active, false);
		scene_deinit(&scene);
	}
}

static void refuses_strange_servers(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		const char *bytes;
		size_t length;
		const char *problem;
	} rows[] = {
		{ "SMTP in clear", WIRE("220 mx.example.com ESMTP\r\n"),
		  "TLS handshake: the other side does not speak TLS here" },
		{ "an alert", WIRE("\x15\x03\x01\x00\x02\x02\x28"),
		  "TLS handshake: the other side's TLS alert: handshake failure" },
		{ "an alert of an old one", WIRE("\x15\x03\x01\x00\x02\x02\x46"),
		  "TLS handshake: the other side's TLS alert: protocol version" },
		{ "silence and an end", WIRE(""), "TLS handshake: the other side closed the connection" },
		{ "an end in a record", WIRE("\x16\x03"), "TLS handshake: the other side closed the connection" },
		{ "TLS 1.1 hello", WIRE("\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02" ZEROS_32 "\x00\xc0\x13\x00"),
		  "TLS handshake: no TLS version in common: the other side has none of 1.2 and 1.3" },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene scene;
		scene_init(&scene);
		wire_bytes = rows[i].bytes;
		wire_length = rows[i].length;
		scene_play(&scene, server_sends_wire, client_starts);
		expect_number(rows[i].name, scene.client.result, TLS_FAILED);
		expect_view(rows[i].name, view_of(scene.client.problem), view_of(rows[i].problem));
		scene_deinit(&scene);
	}
}

/* The problem of one connection is not told of the next: the error queue is the thread's. */
static void forgets_old_errors(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene);
	wire_bytes = "220 mx\r\n";
	wire_length = 8;
	scene_play(&scene, server_sends_wire, client_starts);
	assert_int_equal(scene.client.result, TLS_FAILED);
	ERR_raise(ERR_LIB_SSL, SSL_R_NO_SHARED_CIPHER);
	scene_play(&scene, server_greets, client_listens);
	assert_int_equal(scene.client.result, TLS_OK);
	assert_int_equal(scene.client.io, IO_END);
	scene_deinit(&scene);
}

/* ---- time */

static void client_waits(struct end *end)
{
	end->deadline = NEVER_DUE;
	reads_to_end(end);
}

static void server_starts_briefly(struct end *end)
{
	end->deadline = world_now(end->scene->world) + 50 * MILLISECOND;
	starts(end, TLS_SERVER);
}

static void handshake_has_deadline(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene);
	scene_play(&scene, server_starts_briefly, client_waits);
	assert_int_equal(scene.server.result, TLS_LATE);
	assert_int_equal(scene.client.io, IO_END);
	scene_deinit(&scene);
}

static void client_cancels(struct end *end)
{
	task_sleep(end->scene->world, 20 * MILLISECOND);
	task_cancel(end->scene->server.task);
	reads_to_end(end);
}

static void handshake_is_cancelled(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene);
	scene_play(&scene, server_starts, client_cancels);
	assert_int_equal(scene.server.result, TLS_CANCELLED);
	scene_deinit(&scene);
}

static void server_reads_briefly(struct end *end)
{
	starts(end, TLS_SERVER);
	end->deadline = world_now(end->scene->world) + 50 * MILLISECOND;
	reads_to_end(end);
}

static void read_has_deadline(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene);
	scene_play(&scene, server_reads_briefly, client_listens);
	assert_int_equal(scene.server.io, IO_LATE);
	assert_int_equal(scene.client.io, IO_END);
	scene_deinit(&scene);
}

static void server_sends_without_end(struct end *end)
{
	static const char bytes[16384];
	starts(end, TLS_SERVER);
	end->deadline = world_now(end->scene->world) + 100 * MILLISECOND;
	while ((end->io = connection_write(end->connection, view_bytes(bytes, sizeof(bytes)), end->deadline)) == IO_OK)
		;
}

static void client_does_not_read(struct end *end)
{
	starts(end, TLS_CLIENT);
	task_sleep(end->scene->world, 300 * MILLISECOND);
}

static void write_has_deadline(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene);
	scene_play(&scene, server_sends_without_end, client_does_not_read);
	assert_int_equal(scene.server.io, IO_LATE);
	scene_deinit(&scene);
}

/* ---- much, and little at a time */

enum { LARGE = 4 * 1024 * 1024 };

static void fill(char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = (char)(i * 31 >> 3);
}

static void sends_large(struct end *end)
{
	char *bytes = must_alloc(LARGE, 1);
	fill(bytes, LARGE);
	end->sum = bytes_crc32c(0, view_bytes(bytes, LARGE));
	end->io = connection_write(end->connection, view_bytes(bytes, LARGE), end->deadline);
	free(bytes);
}

static void server_sends_large(struct end *end)
{
	starts(end, TLS_SERVER);
	sends_large(end);
}

static void client_sends_large(struct end *end)
{
	starts(end, TLS_CLIENT);
	sends_large(end);
}

static void server_listens(struct end *end)
{
	starts(end, TLS_SERVER);
	reads_to_end(end);
}

static void carries_much(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene);
	scene_play(&scene, server_sends_large, client_listens);
	assert_int_equal(scene.server.io, IO_OK);
	assert_int_equal(scene.client.bytes, LARGE);
	assert_int_equal(scene.client.sum, scene.server.sum);
	scene_play(&scene, server_listens, client_sends_large);
	assert_int_equal(scene.client.io, IO_OK);
	assert_int_equal(scene.server.bytes, LARGE);
	assert_int_equal(scene.server.sum, scene.client.sum);
	scene_deinit(&scene);
}

/* A go-between that hands on one byte at a time. */
struct trickle {
	struct world *world;
	struct listener *listener;
	struct endpoint onwards;
	struct connection *in;
	struct connection *out;
	struct task_group back;
};

static void hand_on(struct connection *from, struct connection *to)
{
	char byte;
	size_t length = 0;
	while (connection_read(from, &byte, 1, NEVER_DUE, &length) == IO_OK) {
		if (connection_write(to, view_bytes(&byte, 1), NEVER_DUE) != IO_OK)
			break;
		task_yield();
	}
	shutdown(to->descriptor, SHUT_WR);
}

static void trickle_back(void *argument)
{
	const struct trickle *trickle = argument;
	hand_on(trickle->out, trickle->in);
}

static void trickle_runs(void *argument)
{
	struct trickle *trickle = argument;
	struct world *world = trickle->world;
	must(world->operations->accept(world, trickle->listener, NEVER_DUE, &trickle->in) == WAIT_DONE);
	must(world->operations->connect(world, &trickle->onwards, NULL, NEVER_DUE, &trickle->out) == CONNECT_OK);
	task_group_start(&trickle->back, world, "back", trickle_back, trickle);
	hand_on(trickle->in, trickle->out);
	task_group_wait(&trickle->back, NEVER_DUE);
	connection_close(trickle->in);
	connection_close(trickle->out);
}

static void takes_a_trickle(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene);
	struct trickle trickle = { .world = scene.world, .onwards = scene.at };
	trickle.listener = listen_somewhere(scene.world, &scene.at);
	task_group_init(&trickle.back);
	task_start(scene.world, "trickle", trickle_runs, &trickle);
	scene_play(&scene, server_greets, client_listens);
	assert_int_equal(scene.server.result, TLS_OK);
	assert_int_equal(scene.client.result, TLS_OK);
	assert_int_equal(scene.client.bytes, 22);
	listener_free(trickle.listener);
	scene_deinit(&scene);
}

/* ---- ends */

static void server_resets(struct end *end)
{
	const struct linger at_once = { .l_onoff = 1 };
	starts(end, TLS_SERVER);
	setsockopt(end->connection->descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	/* As a machine that falls over: no close_notify. */
	shutdown(end->connection->descriptor, SHUT_RD);
	const int descriptor = dup(end->connection->descriptor);
	must(descriptor >= 0);
	must(connect(descriptor, &(struct sockaddr){ .sa_family = AF_UNSPEC }, sizeof(struct sockaddr)) == 0);
	close(descriptor);
}

static void server_stops_short(struct end *end)
{
	starts(end, TLS_SERVER);
	shutdown(end->connection->descriptor, SHUT_WR);
	reads_to_end(end);
}

static void client_reads_twice(struct end *end)
{
	client_listens(end);
	const enum io_result first = end->io;
	reads_to_end(end);
	must(end->io == first);
}

static void tells_the_ends_apart(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		void (*server)(struct end *);
		enum io_result io;
		const char *problem;
	} rows[] = {
		{ "close_notify", server_greets, IO_END, "" },
		{ "end of the stream", server_stops_short, IO_END, "" },
		{ "reset", server_resets, IO_FAILED, "TLS read: Connection reset by peer" },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene scene;
		scene_init(&scene);
		scene_play(&scene, rows[i].server, client_reads_twice);
		expect_number(rows[i].name, scene.client.result, TLS_OK);
		expect_number(rows[i].name, scene.client.io, rows[i].io);
		expect_view(rows[i].name, view_of(scene.client.problem), view_of(rows[i].problem));
		scene_deinit(&scene);
	}
}

/* ---- sessions */

static void resumes(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int most;
	} rows[] = { { "TLS 1.3", 0 }, { "TLS 1.2", TLS1_2_VERSION } };
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene scene;
		scene_init(&scene);
		must(SSL_CTX_set_max_proto_version(scene.client.context->context, rows[i].most) == 1);
		for (int round = 0; round < 4; round++) {
			scene_play(&scene, server_greets, client_listens);
			expect_number(rows[i].name, scene.client.result, TLS_OK);
			expect_number(rows[i].name, scene.client.facts.resumed, round > 0);
			expect_number(rows[i].name, scene.server.facts.resumed, round > 0);
			expect_number(rows[i].name, (int64_t)scene.client.context->sessions.count, 1);
		}
		scene_deinit(&scene);
	}
}

static void refuses_tickets_of_others(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int most;
		const char *other;
		bool same_keys;
	} rows[] = {
		{ "another listener", 0, "two", false },
		{ "another listener, TLS 1.2", TLS1_2_VERSION, "two", false },
		{ "another listener with the same keys", 0, "two", true },
		{ "another listener with the same keys, TLS 1.2", TLS1_2_VERSION, "two", true },
		{ "the same after a reload", 0, "one", false },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene scene;
		unsigned char keys[80];
		scene_init(&scene);
		must(SSL_CTX_set_max_proto_version(scene.client.context->context, rows[i].most) == 1);
		scene_play(&scene, server_greets, client_listens);
		struct tls_context *first = scene.server.context;
		scene.server.context = server_context(&scene, rows[i].other);
		if (rows[i].same_keys) {
			scene.server.context->keys_until = NEVER_DUE;
			must(SSL_CTX_get_tlsext_ticket_keys(first->context, keys, sizeof(keys)) == 1);
			must(SSL_CTX_set_tlsext_ticket_keys(scene.server.context->context, keys, sizeof(keys)) == 1);
		}
		scene_play(&scene, server_greets, client_listens);
		expect_number(rows[i].name, scene.server.facts.resumed, false);
		expect_number(rows[i].name, scene.client.facts.resumed, false);
		expect_number(rows[i].name, scene.client.result, TLS_OK);
		tls_context_free(first);
		scene_deinit(&scene);
	}
}

static void renews_ticket_keys(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene);
	scene_play(&scene, server_greets, client_listens);
	assert_true(scene.server.context->keys_until > world_now(scene.world));
	scene.server.context->keys_until = world_now(scene.world);
	scene_play(&scene, server_greets, client_listens);
	assert_int_equal(scene.client.result, TLS_OK);
	assert_false(scene.client.facts.resumed);
	scene_deinit(&scene);
}

static void keeps_so_many_sessions(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene);
	scene_play(&scene, server_greets, client_listens);
	struct map *sessions = &scene.client.context->sessions;
	size_t position = 0;
	struct view destination;
	void *session;
	must(map_walk(sessions, &position, &destination, &session));
	for (int i = 0; sessions->count < sessions->limit; i++) {
		char other[32];
		snprintf(other, sizeof(other), "other %d", i);
		must(SSL_SESSION_up_ref(session) == 1);
		map_put(sessions, view_of(other), session, NULL);
	}
	scene_play(&scene, server_greets, client_listens);
	assert_true(scene.client.facts.resumed);
	assert_true(sessions->count <= sessions->limit);
	scene_play(&scene, server_greets, client_listens);
	assert_true(scene.client.facts.resumed);
	scene_deinit(&scene);
}

/* ---- a reload while connections are open */

static void client_frees_context(struct end *end)
{
	starts(end, TLS_CLIENT);
	tls_context_free(end->context);
	end->context = NULL;
	reads_to_end(end); /* and here the ticket comes */
}

static void server_frees_context(struct end *end)
{
	starts(end, TLS_SERVER);
	tls_context_free(end->context);
	end->context = NULL;
	end->io = connection_write(end->connection, VIEW("220 still here\r\n"), end->deadline);
}

static void connections_outlive_contexts(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene);
	scene_play(&scene, server_frees_context, client_frees_context);
	assert_int_equal(scene.client.result, TLS_OK);
	assert_int_equal(scene.client.io, IO_END);
	assert_int_equal(scene.client.bytes, 16);
	scene_deinit(&scene);
}

/* ---- certificates */

static void makes_certificates(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		const char *hostname;
		size_t common; /* length of the common name; 0: refused */
	} rows[] = {
		{ "a host", "smtp.example.com", 16 },
		{ "one label", "localhost", 9 },
		{ "a long name", "a-name-that-goes-on.and-on.and-on.and-on.and-on.and-on.and-on.and-on.example.com", 64 },
		{ "two names in one", "a.example,DNS:b.example", 0 },
		{ "a blank", "a b", 0 },
		{ "none", "", 0 },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct text certificate_pem = TEXT_LIMIT(65536);
		struct text key_pem = TEXT_LIMIT(65536);
		const bool made = tls_make_self_signed(view_of(rows[i].hostname), &certificate_pem, &key_pem);
		expect_number(rows[i].name, made, rows[i].common > 0);
		if (made) {
			BIO *bio = BIO_new_mem_buf(certificate_pem.data, (int)certificate_pem.length);
			X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
			const EVP_PKEY *key = X509_get0_pubkey(certificate);
			char common[128] = "";
			X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, common, sizeof(common));
			expect_view(rows[i].name, view_of(common), view_first(view_of(rows[i].hostname), rows[i].common));
			expect_number(rows[i].name, X509_check_host(certificate, rows[i].hostname, 0, 0, NULL), 1);
			expect_number(rows[i].name, X509_check_host(certificate, "other.example", 0, 0, NULL), 0);
			expect_number(rows[i].name, EVP_PKEY_get_bits(key), 256);
			expect_number(rows[i].name, EVP_PKEY_is_a(key, "EC"), 1);
			expect_number(rows[i].name, X509_self_signed(certificate, 1), 1);
			expect_number(rows[i].name, X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0, true);
			X509_free(certificate);
			BIO_free(bio);
		}
		text_deinit(&certificate_pem);
		text_deinit(&key_pem);
	}
	assert_int_equal(ERR_peek_error(), 0);
}

static void encrypt_key(struct view pem, struct text *encrypted)
{
	BIO *in = BIO_new_mem_buf(pem.data, (int)pem.length);
	BIO *out = BIO_new(BIO_s_mem());
	EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
	char *data = NULL;
	must(PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_256_cbc(), "secret", 6, NULL, NULL) == 1);
	const long length = BIO_get_mem_data(out, &data);
	text_add(encrypted, view_bytes(data, (size_t)length));
	EVP_PKEY_free(key);
	BIO_free(in);
	BIO_free(out);
}

static void reads_certificates(void **state)
{
	(void)state;
	struct text certificate = TEXT_LIMIT(65536), key = TEXT_LIMIT(65536);
	struct text other_certificate = TEXT_LIMIT(65536), other_key = TEXT_LIMIT(65536);
	struct text chain = TEXT_LIMIT(65536), broken = TEXT_LIMIT(65536), encrypted = TEXT_LIMIT(65536);
	must(tls_make_self_signed(VIEW("a.example"), &certificate, &key));
	must(tls_make_self_signed(VIEW("b.example"), &other_certificate, &other_key));
	text_print(&chain, "%s\n%s", text_cstring(&certificate), text_cstring(&other_certificate));
	text_print(&broken, "%s\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	           text_cstring(&certificate));
	encrypt_key(text_view(&key), &encrypted);
	const struct {
		const char *name;
		struct view certificate;
		struct view key;
		const char *problem; /* how it begins; NULL: good */
	} rows[] = {
		{ "good", text_view(&certificate), text_view(&key), NULL },
		{ "with a chain", text_view(&chain), text_view(&key), NULL },
		{ "no certificate", VIEW_NONE, text_view(&key), "the certificate: no start line" },
		{ "no PEM", VIEW("hello"), text_view(&key), "the certificate: no start line" },
		{ "a key for a certificate", text_view(&key), text_view(&key), "the certificate: no start line" },
		{ "a broken chain", text_view(&broken), text_view(&key), "a certificate after the first one: " },
		{ "no key", text_view(&certificate), VIEW_NONE, "the key of the certificate: " },
		{ "an encrypted key", text_view(&certificate), text_view(&encrypted), "the key of the certificate: " },
		{ "another's key", text_view(&certificate), text_view(&other_key),
		  "the key of the certificate: key values mismatch" },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct text problem = TEXT_LIMIT(1024);
		struct tls_context *context =
			tls_context_new_server(rows[i].certificate, rows[i].key, VIEW("name"), &problem);
		expect_number(rows[i].name, context != NULL, rows[i].problem == NULL);
		const struct view expected = rows[i].problem == NULL ? VIEW_NONE : view_of(rows[i].problem);
		expect_view(rows[i].name, view_first(text_view(&problem), expected.length), expected);
		tls_context_free(context);
		text_deinit(&problem);
	}
	assert_int_equal(ERR_peek_error(), 0);
	text_deinit(&certificate);
	text_deinit(&key);
	text_deinit(&other_certificate);
	text_deinit(&other_key);
	text_deinit(&chain);
	text_deinit(&broken);
	text_deinit(&encrypted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(speaks),
		cmocka_unit_test(refuses_strange_clients),
		cmocka_unit_test(refuses_strange_servers),
		cmocka_unit_test(forgets_old_errors),
		cmocka_unit_test(handshake_has_deadline),
		cmocka_unit_test(handshake_is_cancelled),
		cmocka_unit_test(read_has_deadline),
		cmocka_unit_test(write_has_deadline),
		cmocka_unit_test(carries_much),
		cmocka_unit_test(takes_a_trickle),
		cmocka_unit_test(tells_the_ends_apart),
		cmocka_unit_test(resumes),
		cmocka_unit_test(refuses_tickets_of_others),
		cmocka_unit_test(renews_ticket_keys),
		cmocka_unit_test(keeps_so_many_sessions),
		cmocka_unit_test(connections_outlive_contexts),
		cmocka_unit_test(makes_certificates),
		cmocka_unit_test(reads_certificates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

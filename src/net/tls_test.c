/* The handshake, deadlines, what is carried, and how it ends. */
#include "net/tls_scene.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

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
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

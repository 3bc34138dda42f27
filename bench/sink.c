/* sink: a recipient's mail server that takes everything and keeps nothing.
 *
 *   sink --listen ADDRESS:PORT [--tls]
 *
 *   sink --listen ADDRESS:PORT --tarpit      greets nobody, and keeps all waiting
 *
 * Prints `listening`; on SIGTERM how many messages and bytes came, as JSON. HELP is answered with the messages so
 * far. */
#include "base/must.h"
#include "net/tls.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

static const int64_t patience = HOUR;

struct sink {
	struct world *world;
	struct tls_context *context; /* NULL: no STARTTLS */
	struct listener *listener;
	bool tarpit;
	uint64_t messages, bytes;
};

struct session {
	struct sink *sink;
	struct connection *connection;
	struct text out;
	char line[600];
	size_t length;
	bool in_data;
	unsigned matched; /* of CR LF . CR LF */
	bool secured, starts_tls, ends;
};

static void answer(struct session *session)
{
	const struct view verb = view_first(view_bytes(session->line, session->length), 4);
	if (view_equal_nocase(verb, VIEW("EHLO"))) {
		text_add(&session->out, VIEW("250-sink\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n"));
		if (session->sink->context != NULL && !session->secured)
			text_add(&session->out, VIEW("250-STARTTLS\r\n"));
		text_add(&session->out, VIEW("250 8BITMIME\r\n"));
	} else if (view_equal_nocase(verb, VIEW("DATA"))) {
		text_add(&session->out, VIEW("354 go on\r\n"));
		session->in_data = true;
		session->matched = 2; /* a dot may come at once */
	} else if (view_equal_nocase(verb, VIEW("STAR"))) {
		text_add(&session->out, VIEW("220 go\r\n"));
		session->starts_tls = true;
	} else if (view_equal_nocase(verb, VIEW("HELP"))) {
		text_print(&session->out, "214 %llu\r\n", (unsigned long long)session->sink->messages);
	} else if (view_equal_nocase(verb, VIEW("QUIT"))) {
		text_add(&session->out, VIEW("221 bye\r\n"));
		session->ends = true;
	} else {
		text_add(&session->out, VIEW("250 ok\r\n"));
	}
	session->length = 0;
}

/* Returns how much belonged to the message. */
static size_t pass_over(struct session *session, struct view bytes)
{
	static const char end[] = "\r\n.\r\n";
	size_t first = 0;
	/* Where none of it has passed, all but the last few bytes are looked through at once. */
	if (session->matched == 0 && view_find(bytes, VIEW("\r\n.\r\n")) == VIEW_NOT_FOUND && bytes.length >= sizeof(end))
		first = bytes.length - sizeof(end) + 2;
	for (size_t i = first; i < bytes.length; i++) {
		const char byte = bytes.data[i];
		if (byte == end[session->matched])
			session->matched++;
		else
			session->matched = byte == '\r' ? 1 : 0;
		if (session->matched == sizeof(end) - 1) {
			session->in_data = false;
			session->sink->messages++;
			text_add(&session->out, VIEW("250 2.0.0 taken\r\n"));
			return i + 1;
		}
	}
	return bytes.length;
}

static void take(struct session *session, struct view bytes)
{
	while (bytes.length > 0) {
		if (session->in_data) {
			const size_t used = pass_over(session, bytes);
			session->sink->bytes += used;
			bytes = view_from(bytes, used);
			continue;
		}
		const char byte = bytes.data[0];
		bytes = view_from(bytes, 1);
		if (byte == '\n')
			answer(session);
		else if (byte != '\r' && session->length < sizeof(session->line))
			session->line[session->length++] = byte;
	}
}

static bool flush(struct session *session)
{
	struct world *world = session->sink->world;
	const enum io_result result =
		session->out.length == 0
			? IO_OK
			: connection_write(session->connection, text_view(&session->out), world_now(world) + patience);
	text_clear(&session->out);
	if (result != IO_OK || !session->starts_tls)
		return result == IO_OK;
	session->starts_tls = false;
	session->secured = world->operations->tls(world, session->connection, TLS_SERVER, session->sink->context,
	                                          VIEW_NONE, world_now(world) + patience) == TLS_OK;
	return session->secured;
}

/* Whoever writes a message in small pieces waits for acknowledgements, which loopback would hold back for 40 ms. */
static void acknowledge(const struct session *session)
{
	const int on = 1;
	setsockopt(connection_descriptor(session->connection), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

static void serve(void *argument)
{
	struct session *session = argument;
	char *buffer = must_alloc(65536, 1);
	size_t length = 0;
	if (!session->sink->tarpit)
		text_add(&session->out, VIEW("220 sink ESMTP\r\n"));
	while (flush(session) && !session->ends &&
	       connection_read(session->connection, buffer, 65536, world_now(session->sink->world) + patience, &length) ==
	           IO_OK) {
		take(session, view_bytes(buffer, length));
		if (session->out.length == 0) /* else the answer tells it, too */
			acknowledge(session);
	}
	connection_close(session->connection);
	text_deinit(&session->out);
	free(buffer);
	free(session);
}

static void accept_all(void *argument)
{
	struct sink *sink = argument;
	struct connection *connection = NULL;
	while (sink->world->operations->accept(sink->world, sink->listener, NEVER_DUE, &connection) == WAIT_DONE) {
		struct session *session = must_alloc(1, sizeof(*session));
		*session = (struct session){ .sink = sink, .connection = connection, .out = TEXT_LIMIT(65536) };
		task_start(sink->world, "session", serve, session);
	}
}

static void wait_for_end(void *argument)
{
	const struct sink *sink = argument;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	const int descriptor = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	must(descriptor >= 0);
	world_wait_descriptor(sink->world, descriptor, READY_TO_READ, NEVER_DUE);
	printf("{\"messages\":%llu,\"bytes\":%llu}\n", (unsigned long long)sink->messages,
	       (unsigned long long)sink->bytes);
	fflush(stdout);
	_exit(0);
}

static int listen_at(const char *address)
{
	struct endpoint endpoint;
	const int on = 1;
	if (!endpoint_parse(view_of(address), &endpoint) || endpoint.family != 4) {
		fprintf(stderr, "sink: --listen takes an IPv4 address and a port\n");
		exit(2);
	}
	struct sockaddr_in bound = { .sin_family = AF_INET, .sin_port = htons(endpoint.port) };
	bound.sin_addr.s_addr = htonl((uint32_t)endpoint.address[0] << 24 | (uint32_t)endpoint.address[1] << 16 |
	                              (uint32_t)endpoint.address[2] << 8 | endpoint.address[3]);
	const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(descriptor, (const struct sockaddr *)&bound, sizeof(bound)) < 0 || listen(descriptor, 4096) < 0) {
		perror("sink");
		exit(1);
	}
	return descriptor;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "tls", no_argument, NULL, 'x' },
		{ "tarpit", no_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	struct sink sink = { 0 };
	const char *address = NULL;
	bool tls = false;
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (option == 'l')
			address = optarg;
		tls = tls || option == 'x';
		sink.tarpit = sink.tarpit || option == 'p';
	}
	if (address == NULL) {
		fputs("sink: --listen ADDRESS:PORT is needed\n", stderr);
		return 2;
	}
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	sink.world = world_real_new(tls_start);
	if (tls) {
		struct text certificate = TEXT_LIMIT(65536);
		struct text key = TEXT_LIMIT(65536);
		struct text problem = TEXT_LIMIT(1024);
		must(tls_make_self_signed(VIEW("sink.example"), &certificate, &key));
		sink.context = tls_context_new_server(text_view(&certificate), text_view(&key), VIEW("sink"), &problem);
		must(sink.context != NULL);
	}
	sink.listener = listener_of_descriptor(sink.world, listen_at(address));
	task_start(sink.world, "accept", accept_all, &sink);
	task_start(sink.world, "end", wait_for_end, &sink);
	puts("listening");
	fflush(stdout);
	world_real_run(sink.world);
	return 0;
}

/* load: customers at work. Keeps connections open and sends one message after another over each; tells how many a
 * second, and how long each waited between its dot and the reply.
 *
 *   load --to ADDRESS:PORT --connections N --messages N --size BYTES [--once] [--tls] [--login NAME PASSWORD]
 *        [--from ADDRESS] [--recipient ADDRESS] [--domains N] [--hold] [--no-pipelining]
 *
 * --once: each message over a connection of its own, with a full handshake. --domains: the sender's domain is
 * d0.DOMAIN to dN-1.DOMAIN in turn. --hold: opens the connections, logs in, says `held` and keeps them until its
 * input ends. Prints JSON. */
#include "base/must.h"
#include "net/tls.h"
#include "smtp/line.h"
#include "smtp/reply.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static const int64_t patience = MINUTE;

struct load {
	struct world *world;
	struct endpoint target;
	size_t connections, messages; /* messages: in all */
	size_t domains;               /* 0: the sender's own domain alone */
	bool once, tls, hold, one_by_one;
	const char *from, *recipient;
	size_t size;
	size_t held, opening;
	struct text login; /* AUTH PLAIN and its argument; empty: none */
	struct text envelope;
	struct text content; /* with its final dot */
	struct signal opened;
	struct signal released; /* those held may go */
	struct tls_context *context;
	/* what came of it */
	size_t given, taken, failed;
	int64_t *waits;
	int64_t began, ended;
	size_t running;
};

struct session {
	struct load *load;
	struct connection *connection;
	struct line_reader reader;
	struct smtp_reply reply;
};

static bool say(struct session *session, struct view bytes)
{
	return connection_write(session->connection, bytes, world_now(session->load->world) + patience) == IO_OK;
}

static bool hear_more(struct session *session)
{
	size_t capacity = 0;
	size_t length = 0;
	char *room = line_reader_room(&session->reader, &capacity);
	if (connection_read(session->connection, room, capacity, world_now(session->load->world) + patience, &length) !=
	    IO_OK)
		return false;
	line_reader_fed(&session->reader, length);
	return true;
}

/* A whole reply, of this class. */
static bool hear(struct session *session, unsigned class)
{
	struct view line;
	smtp_reply_clear(&session->reply);
	for (;;) {
		const enum line_result result = line_reader_next(&session->reader, &line);
		if (result == LINE_MORE && hear_more(session))
			continue;
		if (result != LINE_READY)
			return false;
		if (smtp_reply_add(&session->reply, line) == REPLY_DONE)
			break;
	}
	if (session->reply.code / 100 == class)
		return true;
	if (session->load->failed == 0)
		fprintf(stderr, "load: %u %s\n", (unsigned)session->reply.code, text_cstring(&session->reply.text));
	return false;
}

static bool secure(struct session *session)
{
	struct world *world = session->load->world;
	/* A name of its own: no ticket of another connection fits. */
	char name[64];
	snprintf(name, sizeof(name), "n%zu.load.example", session->load->given);
	return say(session, VIEW("STARTTLS\r\n")) && hear(session, 2) &&
	       world->operations->tls(world, session->connection, TLS_CLIENT, session->load->context,
	                              session->load->once ? view_of(name) : VIEW_NONE,
	                              world_now(world) + patience) == TLS_OK &&
	       say(session, VIEW("EHLO load.example\r\n")) && hear(session, 2);
}

static bool session_open(struct session *session, struct load *load)
{
	struct world *world = load->world;
	*session = (struct session){ .load = load };
	line_reader_init(&session->reader, 2048);
	smtp_reply_init(&session->reply);
	return world->operations->connect(world, &load->target, NULL, world_now(world) + patience,
	                                  &session->connection) == CONNECT_OK &&
	       hear(session, 2) && say(session, VIEW("EHLO load.example\r\n")) && hear(session, 2) &&
	       (!load->tls || secure(session)) &&
	       (load->login.length == 0 || (say(session, text_view(&load->login)) && hear(session, 2)));
}

static void session_close(struct session *session)
{
	if (session->connection != NULL && say(session, VIEW("QUIT\r\n")))
		hear(session, 2);
	connection_close(session->connection);
	line_reader_deinit(&session->reader);
	smtp_reply_deinit(&session->reply);
}

static void write_message(struct load *load, size_t number)
{
	static const char line[] = "The quick brown fox jumps over the lazy dog, and back again, 0123456789 times.\r\n";
	struct text from = TEXT_LIMIT(512);
	struct view local;
	struct view rest = view_of(load->from);
	view_split(&rest, '@', &local);
	if (load->domains == 0)
		text_add(&from, view_of(load->from));
	else
		text_print(&from, "%.*s@d%zu.%.*s", VIEW_PRINT(local), number % load->domains, VIEW_PRINT(rest));
	const char *sender = text_cstring(&from);
	text_clear(&load->envelope);
	text_clear(&load->content);
	text_print(&load->envelope, "MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n", sender, load->recipient);
	text_print(&load->content, "From: %s\r\nTo: %s\r\nSubject: a message of the load\r\n\r\n", sender,
	           load->recipient);
	while (load->content.length + sizeof(line) + 3 < load->size)
		text_add(&load->content, view_of(line));
	text_add(&load->content, VIEW(".\r\n"));
	text_deinit(&from);
}

/* MAIL, RCPT and DATA, up to the 354. */
static bool open_message(struct session *session)
{
	struct view rest = text_view(&session->load->envelope);
	if (!session->load->one_by_one)
		return say(session, rest) && hear(session, 2) && hear(session, 2) && hear(session, 3);
	while (rest.length > 0) {
		const struct view line = view_first(rest, view_find(rest, VIEW("\r\n")) + 2);
		rest = view_from(rest, line.length);
		if (!say(session, line) || !hear(session, rest.length == 0 ? 3 : 2))
			return false;
	}
	return true;
}

static bool send_whole(struct session *session)
{
	struct load *load = session->load;
	/* Others write their own while this one waits. */
	struct text content = TEXT_LIMIT(64 * 1024 * 1024);
	write_message(load, load->given);
	text_add(&content, text_view(&load->content));
	const bool opened = open_message(session);
	const int64_t dot = world_now(load->world);
	const bool good = opened && say(session, text_view(&content)) && hear(session, 2);
	if (good)
		load->waits[load->taken++] = world_now(load->world) - dot;
	text_deinit(&content);
	return good;
}

static bool send_one(struct session *session)
{
	struct load *load = session->load;
	if (load->domains > 0)
		return send_whole(session);
	if (!open_message(session))
		return false;
	const int64_t dot = world_now(load->world);
	if (!say(session, text_view(&load->content)) || !hear(session, 2))
		return false;
	load->waits[load->taken++] = world_now(load->world) - dot;
	return true;
}

static void wait_for_end_of_input(void *argument)
{
	struct load *load = argument;
	world_wait_descriptor(load->world, STDIN_FILENO, READY_TO_READ, NEVER_DUE);
	signal_wake_all(&load->released);
}

/* Not all at once: what a handshake needs is not what an idle session needs. */
enum { OPENING_MOST = 100 };

static void hold(void *argument)
{
	struct load *load = argument;
	struct session session;
	while (load->opening >= OPENING_MOST)
		signal_wait(&load->opened, NEVER_DUE);
	load->opening++;
	const bool open = session_open(&session, load);
	load->opening--;
	signal_wake_one(&load->opened);
	load->failed += !open;
	if (++load->held == load->connections) {
		printf("held %zu\n", load->held - load->failed);
		fflush(stdout);
		task_start(load->world, "end", wait_for_end_of_input, load);
	}
	signal_wait(&load->released, NEVER_DUE);
	connection_close(session.connection);
	load->ended = world_now(load->world);
}

static void customer(void *argument)
{
	struct load *load = argument;
	struct session session;
	bool open = false;
	while (load->given < load->messages) {
		load->given++;
		if (!open)
			open = session_open(&session, load);
		const bool good = open && send_one(&session);
		load->failed += !good;
		if (good && !load->once)
			continue;
		session_close(&session);
		open = false;
		if (load->failed > 10)
			break;
	}
	load->ended = world_now(load->world);
	if (open)
		session_close(&session);
	load->running--;
}

/* ---- what is sent */

static void write_login(struct load *load, const char *name, const char *password)
{
	struct text plain = TEXT_LIMIT(1024);
	text_add_byte(&plain, '\0');
	text_add(&plain, view_of(name));
	text_add_byte(&plain, '\0');
	text_add(&plain, view_of(password));
	text_add(&load->login, VIEW("AUTH PLAIN "));
	text_add_base64(&load->login, text_view(&plain));
	text_add(&load->login, VIEW("\r\n"));
	text_deinit(&plain);
}

static int compare(const void *a, const void *b)
{
	const int64_t left = *(const int64_t *)a;
	const int64_t right = *(const int64_t *)b;
	return left < right ? -1 : left > right;
}

static void tell(struct load *load)
{
	const double seconds = (double)(load->ended - load->began) / SECOND;
	if (load->taken > 0)
		qsort(load->waits, load->taken, sizeof(*load->waits), compare);
	const int64_t median = load->taken > 0 ? load->waits[load->taken / 2] : 0;
	const int64_t late = load->taken > 0 ? load->waits[load->taken * 99 / 100] : 0;
	printf(
		"{\"messages\":%zu,\"failed\":%zu,\"seconds\":%.3f,\"rate\":%.1f,\"wait_us\":{\"p50\":%lld,\"p99\":%lld}}\n",
		load->taken, load->failed, seconds, (double)load->taken / seconds, (long long)median, (long long)late);
}

static void run(struct load *load)
{
	load->world = world_real_new(tls_start);
	load->context = tls_context_new_client();
	load->waits = must_alloc(load->messages + 1, sizeof(*load->waits));
	load->began = world_now(load->world);
	load->running = load->connections;
	signal_init(&load->opened);
	signal_init(&load->released);
	write_message(load, 0);
	for (size_t i = 0; i < load->connections; i++)
		task_start(load->world, load->hold ? "hold" : "customer", load->hold ? hold : customer, load);
	world_real_run(load->world);
	tell(load);
	tls_context_free(load->context);
	world_real_free(load->world);
	free(load->waits);
}

static size_t number_of(const char *text)
{
	uint64_t number = 0;
	if (!view_to_u64(view_of(text), &number)) {
		fprintf(stderr, "load: %s is not a number\n", text);
		exit(2);
	}
	return (size_t)number;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "to", required_argument, NULL, 't' },
		{ "connections", required_argument, NULL, 'c' },
		{ "messages", required_argument, NULL, 'm' },
		{ "size", required_argument, NULL, 's' },
		{ "once", no_argument, NULL, '1' },
		{ "tls", no_argument, NULL, 'x' },
		{ "login", required_argument, NULL, 'l' },
		{ "from", required_argument, NULL, 'f' },
		{ "recipient", required_argument, NULL, 'r' },
		{ "domains", required_argument, NULL, 'd' },
		{ "hold", no_argument, NULL, 'h' },
		{ "no-pipelining", no_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	struct load load = { .connections = 20,
		                 .messages = 2000,
		                 .from = "tom@example.com",
		                 .recipient = "anna@rcpt.test",
		                 .size = 10240,
		                 .login = TEXT_LIMIT(2048),
		                 .envelope = TEXT_LIMIT(2048),
		                 .content = TEXT_LIMIT(64 * 1024 * 1024) };
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (option == 't' && !endpoint_parse(view_of(optarg), &load.target))
			fprintf(stderr, "load: %s is not ADDRESS:PORT\n", optarg);
		else if (option == 'c')
			load.connections = number_of(optarg);
		else if (option == 'm')
			load.messages = number_of(optarg);
		else if (option == 's')
			load.size = number_of(optarg);
		else if (option == '1')
			load.once = true;
		else if (option == 'x')
			load.tls = true;
		else if (option == 'l' && optind < argc)
			write_login(&load, optarg, argv[optind++]);
		else if (option == 'f')
			load.from = optarg;
		else if (option == 'r')
			load.recipient = optarg;
		else if (option == 'd')
			load.domains = number_of(optarg);
		else if (option == 'h')
			load.hold = true;
		else if (option == 'p')
			load.one_by_one = true;
	}
	if (load.target.family == 0) {
		fputs("load: --to ADDRESS:PORT is needed\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	run(&load);
	text_deinit(&load.login);
	text_deinit(&load.envelope);
	text_deinit(&load.content);
	return load.failed == 0 ? 0 : 1;
}

/* Simulated TLS: the record layer's shape (RFC 8446 5.1) without its secrets, so that clear bytes are told from it.
 */
#include "task/sim_private.h"

#include "base/must.h"

#include <stdio.h>

enum { HEADER = 5, PAYLOAD_MOST = 16384 };

enum record { RECORD_ALERT = 21, RECORD_HANDSHAKE = 22, RECORD_DATA = 23 };

static const char contexts_mark[] = "simulated TLS";

struct tls_context {
	const char *mark; /* not net/tls.h's */
	struct link link; /* in sim->contexts */
	enum sim_tls_fault fault;
	struct text name;
};

/* What lies under a connection once TLS runs over it. */
struct tls_state {
	const struct connection_operations *plain_operations;
	struct sim_end *end;
	struct text in;      /* as it came, a record at most */
	struct text payload; /* of the last record of data */
	size_t given;        /* of it */
	bool ended;          /* the other side said so */
};

struct tls_context *sim_tls_context_new(struct sim *sim, const char *name)
{
	struct tls_context *context = must_alloc(1, sizeof(*context));
	context->mark = contexts_mark;
	context->name = (struct text)TEXT_LIMIT(256);
	must(text_add(&context->name, view_of(name)));
	list_add_last(&sim->contexts, &context->link);
	return context;
}

void sim_tls_context_set(struct tls_context *context, enum sim_tls_fault fault)
{
	context->fault = fault;
}

void sim_tls_deinit(struct sim *sim)
{
	for (struct link *link; (link = list_take_first(&sim->contexts)) != NULL;) {
		struct tls_context *context = LIST_OWNER(link, struct tls_context, link);
		text_deinit(&context->name);
		free(context);
	}
}

static void state_free(struct tls_state *state)
{
	text_deinit(&state->in);
	text_deinit(&state->payload);
	free(state);
}

/* ---- records */

static enum io_result fail(struct connection *connection, const char *step, const char *why)
{
	snprintf(connection->problem, sizeof(connection->problem), "TLS %s: %s", step, why);
	return IO_FAILED;
}

static void record_make(struct text *record, enum record type, struct view payload)
{
	const char header[HEADER] = { (char)type, 3, 3, (char)(payload.length >> 8), (char)payload.length };
	must(text_add(record, view_bytes(header, HEADER)) && text_add(record, payload));
}

static enum io_result record_write(struct tls_state *state, struct connection *connection, enum record type,
                                   struct view payload, int64_t deadline)
{
	struct text record = TEXT_LIMIT(HEADER + PAYLOAD_MOST);
	record_make(&record, type, payload);
	const enum io_result result = sim_end_write(state->end, connection, text_view(&record), deadline);
	text_deinit(&record);
	return result;
}

/* Reads until in holds so many bytes. */
static enum io_result fill(struct tls_state *state, struct connection *connection, size_t wanted, int64_t deadline)
{
	enum io_result result = IO_OK;
	while (state->in.length < wanted && result == IO_OK) {
		char *room = text_room(&state->in, wanted - state->in.length);
		size_t length = 0;
		must(room != NULL);
		result = sim_end_read(state->end, connection, room, wanted - state->in.length, deadline, &length);
		if (result == IO_OK)
			text_extend(&state->in, length);
	}
	return result;
}

/* One whole record into in, header and all; a read that is late or cancelled goes on where it was. */
static enum io_result record_read(struct tls_state *state, struct connection *connection, const char *step,
                                  int64_t deadline)
{
	enum io_result result = fill(state, connection, HEADER, deadline);
	if (result != IO_OK)
		return result;
	const unsigned char *header = (const unsigned char *)state->in.data;
	const size_t length = (size_t)header[3] << 8 | header[4];
	if (header[0] < RECORD_ALERT || header[0] > RECORD_DATA || header[1] != 3 || header[2] != 3 ||
	    length > PAYLOAD_MOST)
		return fail(connection, step, "the other side does not speak TLS here");
	return fill(state, connection, HEADER + length, deadline);
}

static enum record record_type(const struct tls_state *state)
{
	return (enum record)(unsigned char)state->in.data[0];
}

static struct view record_payload(const struct tls_state *state)
{
	return view_from(text_view(&state->in), HEADER);
}

/* ---- over TLS */

static enum io_result take_record(struct tls_state *state, struct connection *connection)
{
	const struct view payload = record_payload(state);
	const enum record type = record_type(state);
	if (type == RECORD_HANDSHAKE)
		return fail(connection, "read", "unexpected message");
	if (type == RECORD_ALERT && !view_equal(payload, VIEW("close notify"))) {
		snprintf(connection->problem, sizeof(connection->problem), "TLS read: alert %.*s", VIEW_PRINT(payload));
		return IO_FAILED;
	}
	state->ended = type == RECORD_ALERT;
	text_clear(&state->payload);
	must(text_add(&state->payload, state->ended ? VIEW_NONE : payload));
	state->given = 0;
	text_clear(&state->in);
	return IO_OK;
}

static enum io_result tls_read(struct connection *connection, char *into, size_t capacity, int64_t deadline,
                               size_t *length)
{
	struct tls_state *state = connection->state;
	while (state->given == state->payload.length && !state->ended) {
		enum io_result result = record_read(state, connection, "read", deadline);
		if (result == IO_OK)
			result = take_record(state, connection);
		if (result != IO_OK)
			return result;
	}
	if (state->given == state->payload.length)
		return IO_END;
	const struct view part = view_slice(text_view(&state->payload), state->given, capacity);
	for (size_t i = 0; i < part.length; i++)
		into[i] = part.data[i];
	state->given += part.length;
	*length = part.length;
	return IO_OK;
}

static enum io_result tls_write(struct connection *connection, struct view bytes, int64_t deadline)
{
	struct tls_state *state = connection->state;
	enum io_result result = IO_OK;
	while (bytes.length > 0 && result == IO_OK) {
		result = record_write(state, connection, RECORD_DATA, view_first(bytes, PAYLOAD_MOST), deadline);
		bytes = view_from(bytes, PAYLOAD_MOST);
	}
	return result;
}

static void tls_close(struct connection *connection)
{
	struct tls_state *state = connection->state;
	struct text goodbye = TEXT_LIMIT(64);
	record_make(&goodbye, RECORD_ALERT, VIEW("close notify"));
	sim_end_write_now(state->end, text_view(&goodbye));
	text_deinit(&goodbye);
	connection->operations = state->plain_operations;
	connection->state = state->end;
	state_free(state);
	connection->operations->close(connection);
}

static const struct connection_operations tls_operations = {
	.read = tls_read,
	.write = tls_write,
	.close = tls_close,
};

/* ---- the handshake: "client" NUL server name NUL its context; "server" NUL NUL its context */

struct handshake {
	struct connection *connection;
	struct tls_state *state;
	const struct tls_context *context;
	enum tls_side side;
	struct view server_name;
	int64_t deadline;
};

static enum io_result hello_write(const struct handshake *handshake)
{
	struct text hello = TEXT_LIMIT(1024);
	text_add(&hello, handshake->side == TLS_CLIENT ? VIEW("client") : VIEW("server"));
	text_add_byte(&hello, '\0');
	text_add(&hello, handshake->server_name);
	text_add_byte(&hello, '\0');
	must(text_add(&hello, text_view(&handshake->context->name)));
	const enum io_result result = record_write(handshake->state, handshake->connection, RECORD_HANDSHAKE,
	                                           text_view(&hello), handshake->deadline);
	text_deinit(&hello);
	return result;
}

static enum io_result hello_read(const struct handshake *handshake)
{
	struct tls_state *state = handshake->state;
	const enum io_result result = record_read(state, handshake->connection, "handshake", handshake->deadline);
	if (result != IO_OK)
		return result;
	struct view rest = record_payload(state);
	struct view role = VIEW_NONE;
	struct view name = VIEW_NONE;
	if (record_type(state) == RECORD_ALERT) {
		snprintf(handshake->connection->problem, sizeof(handshake->connection->problem), "TLS handshake: alert %.*s",
		         VIEW_PRINT(rest));
		return IO_FAILED;
	}
	if (record_type(state) != RECORD_HANDSHAKE || !view_split(&rest, '\0', &role) ||
	    !view_split(&rest, '\0', &name) ||
	    !view_equal(role, handshake->side == TLS_CLIENT ? VIEW("server") : VIEW("client")))
		return fail(handshake->connection, "handshake", "unexpected message");
	text_clear(&state->in);
	return IO_OK;
}

static enum io_result fail_as_told(const struct handshake *handshake)
{
	struct connection *connection = handshake->connection;
	switch (handshake->context->fault) {
	case SIM_TLS_REFUSES:
		record_write(handshake->state, connection, RECORD_ALERT, VIEW("bad certificate"), handshake->deadline);
		return fail(connection, "handshake", "certificate verify failed");
	case SIM_TLS_GARBAGE:
		sim_end_write(handshake->state->end, connection, VIEW("454 4.7.0 not now\r\n"), handshake->deadline);
		return fail(connection, "handshake", "told to fail");
	case SIM_TLS_SILENT:
		return task_sleep_until(handshake->deadline) == WAIT_CANCELLED ? IO_CANCELLED : IO_LATE;
	case SIM_TLS_WORKS:
		break;
	}
	return IO_OK;
}

static enum io_result handshake_run(const struct handshake *handshake)
{
	const bool is_client = handshake->side == TLS_CLIENT;
	const bool early = handshake->context->fault == SIM_TLS_SILENT || handshake->context->fault == SIM_TLS_GARBAGE;
	enum io_result result = early ? fail_as_told(handshake) : IO_OK;
	if (result == IO_OK && is_client)
		result = hello_write(handshake);
	if (result == IO_OK)
		result = hello_read(handshake);
	if (result == IO_OK)
		result = fail_as_told(handshake);
	if (result == IO_OK && !is_client)
		result = hello_write(handshake);
	return result;
}

static enum tls_result tls_result_of(struct connection *connection, enum io_result result)
{
	switch (result) {
	case IO_OK:
		return TLS_OK;
	case IO_LATE:
		return TLS_LATE;
	case IO_CANCELLED:
		return TLS_CANCELLED;
	case IO_END:
		fail(connection, "handshake", "the other side closed the connection");
		break;
	case IO_FAILED:
		break;
	}
	return TLS_FAILED;
}

enum tls_result sim_tls(struct world *world, struct connection *connection, enum tls_side side,
                        struct tls_context *context, struct view server_name, int64_t deadline)
{
	(void)world;
	must(context->mark == contexts_mark && !connection->tls.active);
	struct tls_state *state = must_alloc(1, sizeof(*state));
	*state = (struct tls_state){
		.plain_operations = connection->operations,
		.end = connection->state,
		.in = TEXT_LIMIT(HEADER + PAYLOAD_MOST),
		.payload = TEXT_LIMIT(PAYLOAD_MOST),
	};
	const struct handshake handshake = { .connection = connection,
		                                 .state = state,
		                                 .context = context,
		                                 .side = side,
		                                 .server_name = side == TLS_CLIENT ? server_name : VIEW_NONE,
		                                 .deadline = deadline };
	const enum tls_result result = tls_result_of(connection, handshake_run(&handshake));
	if (result != TLS_OK) {
		state_free(state);
		return result;
	}
	connection->operations = &tls_operations;
	connection->state = state;
	connection->tls =
		(struct tls_facts){ .active = true, .version = VIEW("TLSv1.3"), .cipher = VIEW("SIM"), .bits = 256 };
	return TLS_OK;
}

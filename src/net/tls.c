#include "base/bytes.h"
#include "base/must.h"
#include "net/tls_private.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/socket.h>

/* What lies under a connection once TLS runs over it. */
struct tls_state {
	SSL *ssl;
	const struct connection_operations *plain_operations;
	void *plain_state;
	struct text destination; /* client */
};

/* ---- words for what went wrong */

static const struct {
	int reason;
	const char *words;
} reasons[] = {
	{ SSL_R_HTTP_REQUEST, "the other side speaks HTTP, not TLS" },
	{ SSL_R_HTTPS_PROXY_REQUEST, "the other side speaks HTTP, not TLS" },
	{ SSL_R_WRONG_VERSION_NUMBER, "the other side does not speak TLS here" },
	{ SSL_R_PACKET_LENGTH_TOO_LONG, "the other side does not speak TLS here" },
	{ SSL_R_ENCRYPTED_LENGTH_TOO_LONG, "the other side does not speak TLS here" },
	{ SSL_R_UNSUPPORTED_PROTOCOL, "no TLS version in common: the other side has none of 1.2 and 1.3" },
	{ SSL_R_NO_SHARED_CIPHER, "no cipher in common" },
	{ SSL_R_UNEXPECTED_EOF_WHILE_READING, "the other side closed the connection" },
};

static const char *words_of_ssl(int reason)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].reason == reason)
			return reasons[i].words;
	return NULL;
}

static const char *words_of_error(unsigned long error, int saved_errno)
{
	if (error == 0)
		return saved_errno != 0 ? strerror(saved_errno) : "the other side closed the connection";
	if (ERR_SYSTEM_ERROR(error))
		return strerror(ERR_GET_REASON(error));
	const char *words = ERR_GET_LIB(error) == ERR_LIB_SSL ? words_of_ssl(ERR_GET_REASON(error)) : NULL;
	if (words == NULL)
		words = ERR_reason_error_string(error);
	return words != NULL ? words : "an error without a name";
}

/* The first error is the one that tells; what follows is told from further away. The first problem of a connection
 * is kept for the same reason. */
static void problem_of_errors(struct connection *connection, const char *step, int saved_errno)
{
	const unsigned long error = ERR_peek_error();
	const int alert = ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET;
	if (connection->problem[0] != '\0')
		return;
	if (error != 0 && ERR_GET_LIB(error) == ERR_LIB_SSL && alert >= 0 && alert <= 255)
		snprintf(connection->problem, sizeof(connection->problem), "TLS %s: the other side's TLS alert: %s", step,
		         SSL_alert_desc_string_long(alert));
	else
		snprintf(connection->problem, sizeof(connection->problem), "TLS %s: %s", step,
		         words_of_error(error, saved_errno));
}

/* ---- a call of OpenSSL, again and again until it has what it wants */

enum step { STEP_AGAIN, STEP_END, STEP_FAILED, STEP_LATE, STEP_CANCELLED };

/* The error queue is the thread's, not the task's: it is emptied before each call and after each failure. */
static void step_begin(void)
{
	ERR_clear_error();
	errno = 0;
}

static enum step step_failed(struct connection *connection, SSL *ssl, int result, const char *name, int64_t deadline)
{
	const int saved_errno = errno;
	const int error = SSL_get_error(ssl, result);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
		const enum wait_result waited =
			error == SSL_ERROR_WANT_READ
				? connection_wait_to_read(connection, deadline)
				: world_wait_descriptor(connection->world, connection->descriptor, READY_TO_WRITE, deadline);
		if (waited == WAIT_DONE)
			return STEP_AGAIN;
		return waited == WAIT_LATE ? STEP_LATE : STEP_CANCELLED;
	}
	if (error == SSL_ERROR_ZERO_RETURN)
		return STEP_END;
	problem_of_errors(connection, name, saved_errno);
	ERR_clear_error();
	return STEP_FAILED;
}

static const enum io_result io_of_step[] = {
	[STEP_END] = IO_END,
	[STEP_FAILED] = IO_FAILED,
	[STEP_LATE] = IO_LATE,
	[STEP_CANCELLED] = IO_CANCELLED,
};

static enum io_result tls_read(struct connection *connection, char *into, size_t capacity, int64_t deadline,
                               size_t *length)
{
	const struct tls_state *state = connection->state;
	for (;;) {
		const enum wait_result fed =
			SSL_has_pending(state->ssl) == 0 ? connection_wait_when_dry(connection, deadline) : WAIT_DONE;
		if (fed != WAIT_DONE)
			return fed == WAIT_LATE ? IO_LATE : IO_CANCELLED;
		step_begin();
		if (SSL_read_ex(state->ssl, into, capacity, length) == 1)
			return IO_OK;
		const enum step step = step_failed(connection, state->ssl, 0, "read", deadline);
		if (step != STEP_AGAIN)
			return io_of_step[step];
	}
}

static enum io_result tls_write(struct connection *connection, struct view bytes, int64_t deadline)
{
	const struct tls_state *state = connection->state;
	while (bytes.length > 0) {
		size_t written = 0;
		step_begin();
		if (SSL_write_ex(state->ssl, bytes.data, bytes.length, &written) == 1) {
			bytes = view_from(bytes, written);
			continue;
		}
		const enum step step = step_failed(connection, state->ssl, 0, "write", deadline);
		if (step != STEP_AGAIN)
			return io_of_step[step];
	}
	return IO_OK;
}

static void state_free(struct tls_state *state)
{
	SSL_free(state->ssl);
	text_deinit(&state->destination);
	free(state);
}

/* Bytes that have come and are not read, a ticket of TLS 1.3 for one, make the system answer a close with a reset,
 * which takes along what the other side has not read yet. */
static void drain(int descriptor)
{
	enum { PIECES_MOST = 16 };
	char piece[4096];
	for (int i = 0; i < PIECES_MOST; i++)
		if (recv(descriptor, piece, sizeof(piece), MSG_DONTWAIT) <= 0)
			return;
}

static void tls_close(struct connection *connection)
{
	struct tls_state *state = connection->state;
	ERR_clear_error();
	SSL_shutdown(state->ssl); /* close_notify, as far as it goes without waiting */
	ERR_clear_error();
	drain(connection->descriptor);
	connection->operations = state->plain_operations;
	connection->state = state->plain_state;
	state_free(state);
	connection->operations->close(connection);
}

static const struct connection_operations tls_operations = {
	.read = tls_read,
	.write = tls_write,
	.close = tls_close,
};

/* ---- the handshake */

static bool prepare_client(struct tls_state *state, struct tls_context *context, const struct endpoint *remote,
                           struct view server_name)
{
	char name[256];
	text_print(&state->destination, "%.*s ", VIEW_PRINT(server_name));
	text_add_endpoint(&state->destination, remote);
	tls_session_resume(context, state->ssl, &state->destination);
	SSL_set_connect_state(state->ssl);
	if (server_name.length == 0)
		return true;
	return bytes_to_cstring(name, sizeof(name), server_name) && SSL_set_tlsext_host_name(state->ssl, name) == 1;
}

static enum tls_result handshake(struct connection *connection, SSL *ssl, int64_t deadline)
{
	for (;;) {
		step_begin();
		const int result = SSL_do_handshake(ssl);
		if (result == 1)
			return TLS_OK;
		switch (step_failed(connection, ssl, result, "handshake", deadline)) {
		case STEP_AGAIN:
			break;
		case STEP_LATE:
			return TLS_LATE;
		case STEP_CANCELLED:
			return TLS_CANCELLED;
		case STEP_END:
			problem_of_errors(connection, "handshake", 0);
			return TLS_FAILED;
		case STEP_FAILED:
			return TLS_FAILED;
		}
	}
}

static struct tls_facts facts_of(const SSL *ssl)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
	return (struct tls_facts){
		.active = true,
		.resumed = SSL_session_reused(ssl) == 1,
		.version = view_of(SSL_get_version(ssl)),
		.cipher = view_of(SSL_CIPHER_get_name(cipher)),
		.bits = (unsigned)SSL_CIPHER_get_bits(cipher, NULL),
	};
}

/* OpenSSL reads as much as it has room for: less than that is all there was. */
static long was_read(BIO *bio, int operation, const char *bytes, size_t length, int number, long value, int result,
                     size_t *processed)
{
	(void)bytes, (void)number, (void)value;
	if (operation == (BIO_CB_READ | BIO_CB_RETURN) && result > 0) {
		struct connection *connection = (struct connection *)(void *)BIO_get_callback_arg(bio);
		connection->is_dry = *processed < length;
	}
	return result;
}

static struct tls_state *state_new(struct connection *connection, SSL_CTX *context)
{
	struct tls_state *state = must_alloc(1, sizeof(*state));
	*state = (struct tls_state){
		.ssl = SSL_new(context),
		.plain_operations = connection->operations,
		.plain_state = connection->state,
		.destination = TEXT_LIMIT(512),
	};
	must(state->ssl != NULL && SSL_set_fd(state->ssl, connection->descriptor) == 1);
	BIO_set_callback_arg(SSL_get_rbio(state->ssl), (char *)(uintptr_t)connection);
	BIO_set_callback_ex(SSL_get_rbio(state->ssl), was_read);
	return state;
}

enum tls_result tls_start(struct world *world, struct connection *connection, enum tls_side side,
                          struct tls_context *context, struct view server_name, int64_t deadline)
{
	must(context->is_client == (side == TLS_CLIENT) && !connection->tls.active);
	ERR_clear_error();
	tls_context_renew_keys(context, world);
	struct tls_state *state = state_new(connection, context->context);
	if (side == TLS_SERVER)
		SSL_set_accept_state(state->ssl);
	else
		must(prepare_client(state, context, &connection->remote, server_name));
	const enum tls_result result = handshake(connection, state->ssl, deadline);
	if (result != TLS_OK) {
		tls_session_forget(context, text_view(&state->destination));
		state_free(state);
		return result;
	}
	connection->operations = &tls_operations;
	connection->state = state;
	connection->tls = facts_of(state->ssl);
	return TLS_OK;
}

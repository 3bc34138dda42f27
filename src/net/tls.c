#include "net/tls.h"

#include "base/bytes.h"
#include "base/map.h"
#include "base/must.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>

enum { SESSIONS_MOST = 10000 };

struct tls_context {
	SSL_CTX *context;
	struct map sessions; /* client: destination -> SSL_SESSION */
	bool is_client;
};

/* What lies under a connection once TLS runs over it. */
struct tls_state {
	SSL *ssl;
	struct tls_context *context;
	const struct connection_operations *plain_operations;
	void *plain_state;
	struct text destination; /* client */
};

/* ---- words for what went wrong */

static void problem_of_errors(struct connection *connection, const char *step, int saved_errno)
{
	const unsigned long error = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(error);
	if (reason == NULL)
		reason = saved_errno != 0 ? strerror(saved_errno) : "the other side closed the connection";
	else if (ERR_GET_REASON(error) == SSL_R_WRONG_VERSION_NUMBER || ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST)
		reason = "the other side does not speak TLS here";
	snprintf(connection->problem, sizeof(connection->problem), "TLS %s: %s", step, reason);
}

/* ---- waiting for what OpenSSL wants */

enum wanted { WANTED_NOTHING, WANTED_DONE, WANTED_LATE, WANTED_CANCELLED };

static enum wanted wait_wanted(struct connection *connection, int error, int64_t deadline)
{
	if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
		return WANTED_NOTHING;
	const unsigned readiness = error == SSL_ERROR_WANT_READ ? READY_TO_READ : READY_TO_WRITE;
	switch (world_wait_descriptor(connection->world, connection->descriptor, readiness, deadline)) {
	case WAIT_DONE:
		return WANTED_DONE;
	case WAIT_LATE:
		return WANTED_LATE;
	case WAIT_CANCELLED:
		break;
	}
	return WANTED_CANCELLED;
}

static enum io_result io_of_error(struct connection *connection, int error, const char *step, int saved_errno)
{
	if (error == SSL_ERROR_ZERO_RETURN)
		return IO_END;
	problem_of_errors(connection, step, saved_errno);
	ERR_clear_error();
	return IO_FAILED;
}

static enum io_result tls_read(struct connection *connection, char *into, size_t capacity, int64_t deadline,
                               size_t *length)
{
	struct tls_state *state = connection->state;
	for (;;) {
		/* The error queue is the thread's, not the task's. */
		ERR_clear_error();
		errno = 0;
		if (SSL_read_ex(state->ssl, into, capacity, length) == 1)
			return IO_OK;
		const int saved = errno;
		const int error = SSL_get_error(state->ssl, 0);
		const enum wanted wanted = wait_wanted(connection, error, deadline);
		if (wanted == WANTED_NOTHING)
			return io_of_error(connection, error, "read", saved);
		if (wanted != WANTED_DONE)
			return wanted == WANTED_LATE ? IO_LATE : IO_CANCELLED;
	}
}

static enum io_result tls_write(struct connection *connection, struct view bytes, int64_t deadline)
{
	struct tls_state *state = connection->state;
	while (bytes.length > 0) {
		size_t written = 0;
		ERR_clear_error();
		errno = 0;
		if (SSL_write_ex(state->ssl, bytes.data, bytes.length, &written) == 1) {
			bytes = view_from(bytes, written);
			continue;
		}
		const int saved = errno;
		const int error = SSL_get_error(state->ssl, 0);
		const enum wanted wanted = wait_wanted(connection, error, deadline);
		if (wanted == WANTED_NOTHING)
			return io_of_error(connection, error, "write", saved);
		if (wanted != WANTED_DONE)
			return wanted == WANTED_LATE ? IO_LATE : IO_CANCELLED;
	}
	return IO_OK;
}

static void state_free(struct tls_state *state)
{
	SSL_free(state->ssl);
	text_deinit(&state->destination);
	free(state);
}

static void tls_close(struct connection *connection)
{
	struct tls_state *state = connection->state;
	ERR_clear_error();
	SSL_shutdown(state->ssl); /* close_notify, as far as it goes without waiting */
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

/* ---- sessions of a client */

static void session_forget_one(struct tls_context *context)
{
	size_t position = 0;
	struct view key;
	void *session;
	if (!map_walk(&context->sessions, &position, &key, &session))
		return;
	map_remove(&context->sessions, key);
	SSL_SESSION_free(session);
}

/* OpenSSL calls this whenever a ticket has come. 1: we keep the session. */
static int session_came(SSL *ssl, SSL_SESSION *session)
{
	struct tls_state *state = SSL_get_app_data(ssl);
	struct tls_context *context = state->context;
	if (context->sessions.count >= SESSIONS_MOST)
		session_forget_one(context);
	SSL_SESSION_free(map_put(&context->sessions, text_view(&state->destination), session, NULL));
	return 1;
}

static void session_resume(struct tls_state *state, const struct connection *connection, struct view server_name)
{
	text_print(&state->destination, "%.*s ", VIEW_PRINT(server_name));
	text_add_endpoint(&state->destination, &connection->remote);
	SSL_SESSION *session = map_remove(&state->context->sessions, text_view(&state->destination));
	/* A ticket is used once (RFC 8446 C.4): the next handshake brings a new one. */
	if (session == NULL)
		return;
	SSL_set_session(state->ssl, session);
	SSL_SESSION_free(session);
}

/* ---- the handshake */

static bool prepare_client(struct tls_state *state, const struct connection *connection, struct view server_name)
{
	char name[256];
	session_resume(state, connection, server_name);
	SSL_set_connect_state(state->ssl);
	if (server_name.length == 0)
		return true;
	return bytes_to_cstring(name, sizeof(name), server_name) && SSL_set_tlsext_host_name(state->ssl, name) == 1;
}

static enum tls_result handshake(struct connection *connection, struct tls_state *state, int64_t deadline)
{
	for (;;) {
		ERR_clear_error();
		errno = 0;
		const int result = SSL_do_handshake(state->ssl);
		if (result == 1)
			return TLS_OK;
		const int saved = errno;
		const enum wanted wanted = wait_wanted(connection, SSL_get_error(state->ssl, result), deadline);
		if (wanted == WANTED_DONE)
			continue;
		if (wanted == WANTED_LATE)
			return TLS_LATE;
		if (wanted == WANTED_CANCELLED)
			return TLS_CANCELLED;
		problem_of_errors(connection, "handshake", saved);
		ERR_clear_error();
		return TLS_FAILED;
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

enum tls_result tls_start(struct world *world, struct connection *connection, enum tls_side side,
                          struct tls_context *context, struct view server_name, int64_t deadline)
{
	(void)world;
	must(context->is_client == (side == TLS_CLIENT) && !connection->tls.active);
	struct tls_state *state = must_alloc(1, sizeof(*state));
	*state = (struct tls_state){
		.ssl = SSL_new(context->context),
		.context = context,
		.plain_operations = connection->operations,
		.plain_state = connection->state,
		.destination = TEXT_LIMIT(512),
	};
	must(state->ssl != NULL && SSL_set_fd(state->ssl, connection->descriptor) == 1);
	SSL_set_app_data(state->ssl, state);
	if (side == TLS_SERVER)
		SSL_set_accept_state(state->ssl);
	else
		must(prepare_client(state, connection, server_name));
	const enum tls_result result = handshake(connection, state, deadline);
	if (result != TLS_OK) {
		state_free(state);
		return result;
	}
	connection->operations = &tls_operations;
	connection->state = state;
	connection->tls = facts_of(state->ssl);
	return TLS_OK;
}

/* ---- contexts */

static struct tls_context *context_new(const SSL_METHOD *method, bool is_client)
{
	struct tls_context *context = must_alloc(1, sizeof(*context));
	uint64_t seed = 0;
	must(RAND_bytes((unsigned char *)&seed, sizeof(seed)) == 1);
	context->context = SSL_CTX_new(method);
	context->is_client = is_client;
	context->sessions = (struct map)MAP_LIMIT(SESSIONS_MOST, seed);
	must(context->context != NULL);
	must(SSL_CTX_set_min_proto_version(context->context, TLS1_2_VERSION) == 1);
	SSL_CTX_set_mode(context->context,
	                 SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(context->context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
	                                          SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
	must(SSL_CTX_set1_groups_list(context->context, "X25519:P-256:P-384") == 1);
	return context;
}

void tls_context_free(struct tls_context *context)
{
	if (context == NULL)
		return;
	size_t position = 0;
	struct view key;
	void *session;
	while (map_walk(&context->sessions, &position, &key, &session))
		SSL_SESSION_free(session);
	map_deinit(&context->sessions);
	SSL_CTX_free(context->context);
	free(context);
}

static bool fail(struct text *problem, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	text_print(problem, "%s: %s", what, reason == NULL ? "not usable" : reason);
	ERR_clear_error();
	return false;
}

static bool use_chain(SSL_CTX *context, BIO *pem)
{
	X509 *own = PEM_read_bio_X509(pem, NULL, NULL, NULL);
	bool good = own != NULL && SSL_CTX_use_certificate(context, own) == 1;
	X509_free(own);
	for (X509 *issuer; good && (issuer = PEM_read_bio_X509(pem, NULL, NULL, NULL)) != NULL;) {
		good = SSL_CTX_add0_chain_cert(context, issuer) == 1;
		if (!good)
			X509_free(issuer);
	}
	if (good)
		ERR_clear_error(); /* the end of the file is told as an error */
	return good;
}

static bool use_key(SSL_CTX *context, BIO *pem)
{
	EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, NULL, NULL);
	const bool good = key != NULL && SSL_CTX_use_PrivateKey(context, key) == 1;
	EVP_PKEY_free(key);
	return good;
}

static bool use_identity(SSL_CTX *context, struct view certificate, struct view key, struct text *problem)
{
	BIO *certificate_pem = BIO_new_mem_buf(certificate.data, (int)certificate.length);
	BIO *key_pem = BIO_new_mem_buf(key.data, (int)key.length);
	must(certificate_pem != NULL && key_pem != NULL);
	ERR_clear_error();
	const bool good =
		(use_chain(context, certificate_pem) || fail(problem, "the certificate")) &&
		(use_key(context, key_pem) || fail(problem, "the key of the certificate")) &&
		(SSL_CTX_check_private_key(context) == 1 || fail(problem, "the key does not belong to the certificate"));
	BIO_free(certificate_pem);
	BIO_free(key_pem);
	return good;
}

struct tls_context *tls_context_new_server(struct view certificate, struct view key, struct view name,
                                           struct text *problem)
{
	struct tls_context *context = context_new(TLS_server_method(), false);
	SSL_CTX *ssl = context->context;
	unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH];
	size_t length = 0;
	must(EVP_Q_digest(NULL, "SHA256", NULL, name.data, name.length, id, &length) == 1);
	/* Tickets alone: nothing is kept here for a session. Their keys are this context's own. */
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	must(SSL_CTX_set_session_id_context(ssl, id, (unsigned)length) == 1);
	must(SSL_CTX_set_cipher_list(ssl, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1);
	SSL_CTX_set_num_tickets(ssl, 1);
	if (use_identity(ssl, certificate, key, problem))
		return context;
	tls_context_free(context);
	return NULL;
}

struct tls_context *tls_context_new_client(void)
{
	struct tls_context *context = context_new(TLS_client_method(), true);
	/* Opportunistic (RFC 7435): any certificate, and the widest choice of ciphers, is better than clear text. */
	SSL_CTX_set_verify(context->context, SSL_VERIFY_NONE, NULL);
	must(SSL_CTX_set_cipher_list(context->context, "DEFAULT") == 1);
	SSL_CTX_set_session_cache_mode(context->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context->context, session_came);
	return context;
}

/* ---- self-signed */

static bool add_name(X509 *certificate, struct view hostname)
{
	struct text alternative = TEXT_LIMIT(512);
	text_print(&alternative, "DNS:%.*s", VIEW_PRINT(hostname));
	X509_NAME *name = X509_get_subject_name(certificate);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text_cstring(&alternative));
	/* A common name has at most 64 characters (RFC 5280 A.1); the alternative name is what counts. */
	const struct view common = view_first(hostname, 64);
	const bool good =
		extension != NULL && X509_add_ext(certificate, extension, -1) == 1 &&
		X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC, (const unsigned char *)common.data,
	                               (int)common.length, -1, 0) == 1 &&
		X509_set_issuer_name(certificate, name) == 1;
	X509_EXTENSION_free(extension);
	text_deinit(&alternative);
	return good;
}

static bool fill_certificate(X509 *certificate, EVP_PKEY *key, struct view hostname)
{
	enum { TEN_YEARS = 10 * 365 * 24 * 3600 };
	unsigned char serial[8];
	uint64_t number = 0;
	if (RAND_bytes(serial, sizeof(serial)) != 1)
		return false;
	bytes_copy(&number, sizeof(number), view_bytes(serial, sizeof(serial)));
	return X509_set_version(certificate, X509_VERSION_3) == 1 &&
	       ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), number >> 1) == 1 &&
	       X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) != NULL &&
	       X509_gmtime_adj(X509_getm_notAfter(certificate), TEN_YEARS) != NULL &&
	       X509_set_pubkey(certificate, key) == 1 && add_name(certificate, hostname) &&
	       X509_sign(certificate, key, EVP_sha256()) > 0;
}

static bool bio_to_text(BIO *bio, struct text *text)
{
	char *data = NULL;
	const long length = BIO_get_mem_data(bio, &data);
	return length > 0 && text_add(text, view_bytes(data, (size_t)length));
}

bool tls_make_self_signed(struct view hostname, struct text *certificate_pem, struct text *key_pem)
{
	ERR_clear_error();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	BIO *certificate_bio = BIO_new(BIO_s_mem());
	BIO *key_bio = BIO_new(BIO_s_mem());
	must(certificate != NULL && certificate_bio != NULL && key_bio != NULL);
	const bool good = key != NULL && fill_certificate(certificate, key, hostname) &&
	                  PEM_write_bio_X509(certificate_bio, certificate) == 1 &&
	                  PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) == 1 &&
	                  bio_to_text(certificate_bio, certificate_pem) && bio_to_text(key_bio, key_pem);
	BIO_free(certificate_bio);
	BIO_free(key_bio);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return good;
}

#include "base/bytes.h"
#include "base/must.h"
#include "net/tls_private.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

enum {
	SESSIONS_MOST = 4096,
	TICKET_KEYS_SIZE = 80, /* what SSL_CTX_set_tlsext_ticket_keys asks for */
};
static const int64_t ticket_keys_for = 12 * HOUR;

/* ---- sessions of a client */

static void session_forget_one(struct tls_context *context)
{
	size_t position = 0;
	struct view destination;
	void *session;
	if (map_walk(&context->sessions, &position, &destination, &session))
		tls_session_forget(context, destination);
}

/* OpenSSL calls this whenever a session or a ticket has come, for TLS 1.3 in the middle of a read. 1: we keep it. */
static int session_came(SSL *ssl, SSL_SESSION *session)
{
	struct tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const struct text *destination = SSL_get_app_data(ssl);
	if (context == NULL)
		return 0; /* freed meanwhile */
	if (context->sessions.count >= SESSIONS_MOST)
		session_forget_one(context);
	SSL_SESSION_free(map_put(&context->sessions, text_view(destination), session, NULL));
	return 1;
}

void tls_session_forget(struct tls_context *context, struct view destination)
{
	SSL_SESSION_free(map_remove(&context->sessions, destination));
}

void tls_session_resume(struct tls_context *context, SSL *ssl, struct text *destination)
{
	SSL_set_app_data(ssl, destination);
	SSL_SESSION *session = map_get(&context->sessions, text_view(destination));
	if (session == NULL)
		return;
	SSL_set_session(ssl, session);
	/* RFC 8446 C.4: a ticket is used once; the next handshake brings another. A session of TLS 1.2 stays good. */
	if (SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION)
		tls_session_forget(context, text_view(destination));
}

/* ---- contexts */

static struct tls_context *context_new(const SSL_METHOD *method, bool is_client)
{
	struct tls_context *context = must_alloc(1, sizeof(*context));
	SSL_CTX *ssl = SSL_CTX_new(method);
	uint64_t seed = 0;
	must(ssl != NULL && RAND_bytes((unsigned char *)&seed, sizeof(seed)) == 1);
	*context = (struct tls_context){
		.context = ssl,
		.sessions = MAP_LIMIT(SESSIONS_MOST, seed),
		.is_client = is_client,
	};
	SSL_CTX_set_app_data(ssl, context);
	must(SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1);
	SSL_CTX_set_mode(ssl,
	                 SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* Half as many reads: a record comes with its header. */
	SSL_CTX_set_read_ahead(ssl, 1);
	/* A stream that ends without close_notify has ended as one in clear does: SMTP says itself what is whole. */
	SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
	                             SSL_OP_IGNORE_UNEXPECTED_EOF);
	return context;
}

void tls_context_free(struct tls_context *context)
{
	if (context == NULL)
		return;
	size_t position = 0;
	struct view destination;
	void *session;
	while (map_walk(&context->sessions, &position, &destination, &session))
		SSL_SESSION_free(session);
	map_deinit(&context->sessions);
	SSL_CTX_set_app_data(context->context, NULL);
	SSL_CTX_free(context->context);
	free(context);
}

void tls_context_renew_keys(struct tls_context *context, struct world *world)
{
	unsigned char keys[TICKET_KEYS_SIZE];
	if (context->is_client || world_now(world) < context->keys_until)
		return;
	/* Whoever takes the process's memory can read what was resumed under the keys it holds, and no older ones. */
	world_random(world, keys, sizeof(keys));
	must(SSL_CTX_set_tlsext_ticket_keys(context->context, keys, sizeof(keys)) == 1);
	OPENSSL_cleanse(keys, sizeof(keys));
	context->keys_until = world_now(world) + ticket_keys_for;
}

struct tls_context *tls_context_new_server(struct view certificate, struct view key, struct view name,
                                           struct text *problem)
{
	struct tls_context *context = context_new(TLS_server_method(), false);
	SSL_CTX *ssl = context->context;
	unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH];
	char groups[] = "X25519:P-256:P-384";
	size_t length = 0;
	must(EVP_Q_digest(NULL, "SHA256", NULL, name.data, name.length, id, &length) == 1);
	/* Tickets alone: nothing is kept here for a session. */
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	must(SSL_CTX_set_session_id_context(ssl, id, (unsigned)length) == 1);
	must(SSL_CTX_set_cipher_list(ssl, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1);
	must(SSL_CTX_set1_groups_list(ssl, groups) == 1);
	SSL_CTX_set_num_tickets(ssl, 1);
	if (tls_use_identity(ssl, certificate, key, problem))
		return context;
	tls_context_free(context);
	return NULL;
}

/* Building a chain that nobody looks at is a good part of a handshake. */
static int verify_when_asked(X509_STORE_CTX *chain, void *unused)
{
	(void)unused;
	const SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
	return SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE ? 1 : X509_verify_cert(chain);
}

struct tls_context *tls_context_new_client(void)
{
	struct tls_context *context = context_new(TLS_client_method(), true);
	SSL_CTX *ssl = context->context;
	char groups[] = "X25519:P-256:P-384:P-521";
	/* RFC 7435: any certificate, any cipher and a server that knows no secure renegotiation (there is none here)
	 * are better than clear text. A connection that must be verified raises its SSL's level before the handshake. */
	SSL_CTX_set_verify(ssl, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_cert_verify_callback(ssl, verify_when_asked, NULL);
	must(SSL_CTX_set_cipher_list(ssl, "DEFAULT@SECLEVEL=0") == 1);
	must(SSL_CTX_set1_groups_list(ssl, groups) == 1);
	SSL_CTX_set_options(ssl, SSL_OP_LEGACY_SERVER_CONNECT);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ssl, session_came);
	return context;
}

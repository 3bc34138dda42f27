/* The inside of TLS, for its own files.
 * Promises: a context's SSL_CTX may outlive the context: connections hold on to it, and find no context then.
 * Does not know: connections. */
#ifndef NET_TLS_PRIVATE_H
#define NET_TLS_PRIVATE_H

#include "base/map.h"
#include "net/tls.h"

#include <openssl/ssl.h>

struct tls_context {
	SSL_CTX *context;
	struct map sessions; /* client: destination -> SSL_SESSION */
	bool is_client;
	int64_t keys_until; /* server: when its tickets get new keys */
};

/* New keys for the tickets when the old ones have served long enough. */
void tls_context_renew_keys(struct tls_context *context, struct world *world);
/* Offers the session that is kept for the destination, if there is one. destination is lent until SSL_free. */
void tls_session_resume(struct tls_context *context, SSL *ssl, struct text *destination);
/* The handshake with it failed: it is not offered again. */
void tls_session_forget(struct tls_context *context, struct view destination);

/* PEM into the context; false: *problem. */
bool tls_use_identity(SSL_CTX *context, struct view certificate, struct view key, struct text *problem);

#endif

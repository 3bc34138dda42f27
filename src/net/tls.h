/* TLS by OpenSSL over a connection of the real world.
 * Promises: TLS 1.2 and 1.3 only; no call of OpenSSL waits: what it wants is waited for by the task, with the
 *   deadline; a server's ticket is good only for the context that gave it; problems are worded for people.
 * Does not know: SMTP. What was read in clear before the handshake is the caller's to throw away. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/text.h"
#include "task/world.h"

/* certificate: PEM, the chain after it; key: PEM, not encrypted. name tells the contexts of one service apart (a
 * listener's address). To reload: make a new one, use it for new connections, free the old one. NULL: *problem. */
struct tls_context *tls_context_new_server(struct view certificate, struct view key, struct view name,
                                           struct text *problem);
/* Opportunistic (RFC 7435): takes any certificate. Sessions are resumed per server name, address and port. */
struct tls_context *tls_context_new_client(void);
/* Connections made from it stay good. NULL is allowed. */
void tls_context_free(struct tls_context *context);

/* The operation `tls` of the real world. The context must live until it returns. */
enum tls_result tls_start(struct world *world, struct connection *connection, enum tls_side side,
                          struct tls_context *context, struct view server_name, int64_t deadline);

/* ECDSA P-256, ten years, for the one name (letters, digits, dots, hyphens; at most 253). */
bool tls_make_self_signed(struct view hostname, struct text *certificate, struct text *key);

#endif

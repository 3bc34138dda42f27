/* One name server, asked over a connection of its own (RFC 7766): past every cache.
 * Promises: several questions over one connection, one after the other; a server that does not answer is FAILED.
 * Does not know: which server, validation. */
#ifndef NET_DNS_SERVER_H
#define NET_DNS_SERVER_H

#include "net/dns_message.h"
#include "task/world.h"

/* Suspends. After FAILED that is_broken tells of, the connection is good for nothing but to be closed. */
void dns_server_ask(struct connection *connection, struct view name, enum dns_type type, int64_t deadline,
                    struct arena *arena, struct dns_said *said, bool *is_broken);

#endif

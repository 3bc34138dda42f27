/* A connection: a stream of bytes to somebody, with a deadline on every wait.
 * Promises: read and write suspend the task, not the process; an ended or failed connection answers the same from
 *   then on; connection_close is its one end. TLS replaces what is underneath, the connection stays the same.
 * Does not know: lines, SMTP, names. */
#ifndef TASK_CONNECTION_H
#define TASK_CONNECTION_H

#include "base/view.h"

/* An address and port, IPv4 or IPv6; family 0: none. */
struct endpoint {
	uint8_t family;      /* 4 or 6 */
	uint8_t address[16]; /* network order; IPv4 in the first four */
	uint16_t port;
	uint32_t scope; /* IPv6 link-local only */
};

struct text;
bool endpoint_parse(struct view text, struct endpoint *endpoint);         /* "192.0.2.1:25", "[2001:db8::1]:25" */
bool endpoint_parse_address(struct view text, struct endpoint *endpoint); /* without a port */
void text_add_endpoint(struct text *text, const struct endpoint *endpoint);
void text_add_endpoint_address(struct text *text, const struct endpoint *endpoint); /* without the port */
bool endpoint_equal_address(const struct endpoint *a, const struct endpoint *b);
/* Loopback, private, link-local, multicast, unspecified, documentation, v4-mapped of those ...: not a place that
 * mail for the world goes to. IANA special-purpose registries (RFC 6890). */
bool endpoint_is_special(const struct endpoint *endpoint);

enum io_result {
	IO_OK,
	IO_END,       /* the other side closed in order */
	IO_FAILED,    /* reset, TLS error ...; connection_problem says more */
	IO_LATE,      /* the deadline came first */
	IO_CANCELLED, /* the task was cancelled */
};

struct world;
struct connection;
struct connection_operations {
	enum io_result (*read)(struct connection *connection, char *into, size_t capacity, int64_t deadline,
	                       size_t *length);
	enum io_result (*write)(struct connection *connection, struct view bytes, int64_t deadline);
	/* Says goodbye (TLS close_notify, FIN) as far as that goes without waiting, and frees what is private. */
	void (*close)(struct connection *connection);
};

/* What the TLS handshake found; empty views without TLS. Lent by the connection. */
struct tls_facts {
	bool active;
	bool resumed;
	struct view version; /* "TLSv1.3" */
	struct view cipher;  /* "TLS_AES_256_GCM_SHA384" */
	unsigned bits;
};

struct connection {
	const struct connection_operations *operations;
	void *state; /* of the operations */
	struct world *world;
	int descriptor;      /* of the socket; -1 in a simulated world */
	bool is_dry;         /* the last read took all there was: the next one waits first */
	struct watch *watch; /* of the descriptor; NULL until it is first waited for */
	struct endpoint local;
	struct endpoint remote;
	struct tls_facts tls;
	char problem[160]; /* why it failed, for people; empty while all is well, and never again after a failure */
	unsigned streak;   /* reads since the task last let others run */
};

/* Suspends until at least one byte is there. */
enum io_result connection_read(struct connection *connection, char *into, size_t capacity, int64_t deadline,
                               size_t *length);
/* Suspends until all is taken by the system. */
enum io_result connection_write(struct connection *connection, struct view bytes, int64_t deadline);
/* Closes and frees. NULL is allowed. */
void connection_close(struct connection *connection);
struct view connection_problem(const struct connection *connection);

#endif

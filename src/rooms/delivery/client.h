/* The client's end of one SMTP session.
 * Promises: reads from top to bottom like the RFC; each reply has its own deadline (RFC 5321 4.5.3.2); what the other
 *   side says is bounded; every step is noted for the trace.
 * Does not know: queues, sites, routes. */
#ifndef ROOMS_DELIVERY_CLIENT_H
#define ROOMS_DELIVERY_CLIENT_H

#include "rooms/delivery/delivery.h"
#include "smtp/capabilities.h"
#include "smtp/line.h"
#include "smtp/reply.h"

enum { DIALOGUE_MOST = 4000 };

struct client {
	struct link idle; /* in site->idle */
	struct delivery *delivery;
	struct connection *connection;
	struct line_reader reader;
	struct smtp_capabilities capabilities;
	struct smtp_reply reply; /* the last one */
	struct text host;
	struct text remote; /* "mx1.example.net [192.0.2.1]:25" */
	struct text dialogue;
	struct text rests;   /* what it said that speaks of the site; empty: nothing */
	struct text problem; /* why it cannot be used any more */
	bool broken;
	uint64_t messages;
	int64_t idle_since;
};

enum opened {
	OPENED,
	OPEN_FAILED,     /* not reached, or greeted with 4xx or 5xx: *verdict says it */
	OPEN_TLS_FAILED, /* once more in clear */
	OPEN_CANCELLED,
};

/* Suspends: connects, greets, STARTTLS where it is offered and allowed. */
enum opened client_open(struct delivery *delivery, struct view host, const struct endpoint *endpoint, bool allow_tls,
                        struct arena *arena, struct client **client, struct verdict *verdict);
/* Suspends: one transaction for all recipients of the job; job->results are filled. */
void client_send(struct client *client, struct delivery_job *job);
/* Says QUIT as far as that goes without waiting, closes, frees. */
void client_close(struct client *client);

#endif

/* Control: what the supervisor and a room say to each other, one packet each, over the room's descriptor 3.
 * Promises: a packet is complete or not there; descriptors arrive close-on-exec; end of file ends a room, and what is
 * no message of ours counts as the end of file. Does not know: the questions between rooms. */
#ifndef ROOMS_CONTROL_H
#define ROOMS_CONTROL_H

#include "base/text.h"
#include "task/world.h"

#define CONTROL_DESCRIPTOR  3
#define CONTROL_PACKET_MOST (160u * 1024)

enum control_kind {
	/* To the room, in this order. */
	CONTROL_IDENTITY, /* number: uid, other: gid (UINT32_MAX: stay); text: the state directory; directory: its end */
	CONTROL_CONFIGURATION, /* text: YAML; after START: a new one */
	CONTROL_SECRET,        /* number: enum secret; text: the contents */
	CONTROL_LISTENER,      /* descriptor */
	CONTROL_ASK,           /* you may ask room `number`, instance `other`, on descriptor */
	CONTROL_SERVE,         /* room `number`, instance `other`, asks you on descriptor; caller: its number */
	CONTROL_START,
	CONTROL_STOP, /* end in order */
	/* To the supervisor. */
	CONTROL_READY,
	CONTROL_FAILED, /* text: why the room cannot start; number: 1 where that may pass by itself */
	CONTROL_RELOAD, /* please read the configuration again */
	/* To the room again. */
	CONTROL_RELOADED, /* number: 1 done, 0 refused; text: why, or what takes effect only at a restart */
};

struct control_message {
	enum control_kind kind;
	uint32_t number;
	uint32_t other;
	uint64_t caller;
	struct view text;
	int descriptor; /* -1: none; the sender keeps its own */
};

enum control_result { CONTROL_OK, CONTROL_END, CONTROL_CANCELLED };

/* Suspends. *text holds what message->text points to until the next receive. The receiver owns the descriptor. */
enum control_result control_receive(struct world *world, int socket, struct text *text,
                                    struct control_message *message);
/* Suspends. */
enum control_result control_send(struct world *world, int socket, const struct control_message *message);

#endif

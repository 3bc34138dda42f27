/* One frame in, one frame out, on a SOCK_SEQPACKET socket; with the memfd for what is large.
 * Promises: a received payload is complete, sealed when it came as a memfd, and its header was checked.
 * Does not know: calls. */
#ifndef IPC_FRAME_H
#define IPC_FRAME_H

#include "ipc/channel.h"

#define FRAME_BUFFER_SIZE (FRAME_HEADER_SIZE + CHANNEL_INLINE_MAX)

enum frame_result {
	FRAME_OK,
	FRAME_END, /* the other end is closed */
	FRAME_BAD, /* our own code cannot have sent it */
	FRAME_CANCELLED,
	FRAME_LATE,
};

struct frame {
	struct frame_header header;
	struct view payload; /* in the buffer, or in the mapping */
	void *mapping;       /* NULL, or to be unmapped with frame_release */
};

/* The receiving end of a socket. Takes some frames at once, as each question of the system costs as much as a frame.
 */
struct frame_reader; /* opaque */
struct frame_reader *frame_reader_new(struct world *world, int socket);
void frame_reader_free(struct frame_reader *reader); /* before the socket is closed */

/* Suspends until a frame is there; it is lent until the next call. */
enum frame_result frame_receive(struct frame_reader *reader, struct frame *frame);
void frame_release(struct frame *frame);

/* What a frame carries: bulk follows fields. */
struct frame_payload {
	struct view fields, bulk;
};

/* Suspends until the system took it whole; otherwise nothing of it was sent. FRAME_BAD: it cannot be sent, as it is
 * too large or the system lacks something. header.length and header.is_memfd are set here. */
enum frame_result frame_send(struct world *world, int socket, struct frame_header header,
                             struct frame_payload payload, int64_t deadline);

#endif

/* Channels: questions over socket pairs (SOCK_SEQPACKET), a frame a packet.
 * Promises: a payload of up to CHANNEL_INLINE_MAX goes inside the packet, a larger one as a sealed memfd that nobody
 *   can change any more; the receiver checks header, seals, length and every field, and ends the channel on a frame
 *   that our own code cannot have sent. At most CHANNEL_CALLS_MAX questions a channel are being answered at once; the
 *   next ones wait unread, which is the back-pressure.
 * Does not know: what is asked. */
#ifndef IPC_CHANNEL_H
#define IPC_CHANNEL_H

#include "ipc/question.h"

#define CHANNEL_INLINE_MAX  (80u * 1024)
#define CHANNEL_PAYLOAD_MAX (192u * 1024 * 1024)
#define CHANNEL_CALLS_MAX   4096u

/* The asking end. It has no socket at first: channel_peer_connect gives it one, and gives it a new one each time the
 * room asked was restarted (calls in flight over the old one end as ASKED_LOST). */
struct peer *channel_peer_new(struct world *world, const char *name);
void channel_peer_connect(struct peer *peer, int socket); /* takes the socket */

/* The answering end: serves one socket until it ends or the task group it runs in is cancelled. Takes the socket. */
void channel_serve(struct world *world, struct task_group *group, const struct service *service, struct caller caller,
                   int socket);

/* The frame's header, checked: false when our own code cannot have sent it. Open for the fuzzer. */
struct frame_header {
	uint16_t kind;
	bool is_answer;
	bool is_memfd;
	bool is_refusal;
	uint64_t call;
	uint32_t length; /* of the payload */
};
#define FRAME_HEADER_SIZE 24u
bool frame_header_read(struct view bytes, struct frame_header *header);
void frame_header_write(const struct frame_header *header, uint8_t bytes[FRAME_HEADER_SIZE]);

#endif

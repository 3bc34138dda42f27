#include "rooms/control.h"

#include "base/bytes.h"
#include "base/cursor.h"
#include "base/must.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

union control_ancillary {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr alignment;
};

static bool message_read(struct view packet, struct control_message *message)
{
	struct cursor cursor = cursor_of(packet);
	const uint8_t kind = cursor_u8(&cursor);
	message->number = cursor_u32(&cursor);
	message->other = cursor_u32(&cursor);
	message->caller = cursor_u64(&cursor);
	message->text = cursor_counted(&cursor);
	message->kind = kind;
	return cursor_is_done(&cursor) && kind <= CONTROL_RELOADED;
}

static int received_descriptor(struct msghdr *header)
{
	const struct cmsghdr *part = CMSG_FIRSTHDR(header);
	int descriptor = -1;
	if (part != NULL && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS)
		bytes_copy(&descriptor, sizeof(descriptor), view_bytes(CMSG_DATA(part), sizeof(descriptor)));
	return descriptor;
}

enum control_result control_receive(struct world *world, int socket, struct text *text,
                                    struct control_message *message)
{
	text->limit = CONTROL_PACKET_MOST;
	text_clear(text);
	char *room = text_room(text, CONTROL_PACKET_MOST);
	must(room != NULL);
	for (;;) {
		union control_ancillary ancillary;
		struct iovec part = { .iov_base = room, .iov_len = CONTROL_PACKET_MOST };
		struct msghdr header = {
			.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = &ancillary,
			/* Not CMSG_SPACE, whose padding has room for a second descriptor that nobody would close. */
			.msg_controllen = CMSG_LEN(sizeof(int)),
		};
		const ssize_t got = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (got > 0) {
			text_extend(text, (size_t)got);
			message->descriptor = received_descriptor(&header);
			if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 && message_read(text_view(text), message))
				return CONTROL_OK;
			/* A room that was taken over: it must not take the supervisor along. */
			if (message->descriptor >= 0)
				close(message->descriptor);
			return CONTROL_END;
		}
		if (got == 0 || (errno != EAGAIN && errno != EINTR))
			return CONTROL_END;
		if (errno == EAGAIN && world_wait_descriptor(world, socket, READY_TO_READ, NEVER_DUE) == WAIT_CANCELLED)
			return CONTROL_CANCELLED;
	}
}

static enum control_result packet_send(struct world *world, int socket, const struct msghdr *header)
{
	for (;;) {
		if (sendmsg(socket, header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return CONTROL_OK;
		if (errno != EAGAIN && errno != EINTR)
			return CONTROL_END;
		if (errno == EAGAIN && world_wait_descriptor(world, socket, READY_TO_WRITE, NEVER_DUE) == WAIT_CANCELLED)
			return CONTROL_CANCELLED;
	}
}

enum control_result control_send(struct world *world, int socket, const struct control_message *message)
{
	struct text packet = TEXT_LIMIT(CONTROL_PACKET_MOST);
	text_add_u8_le(&packet, (uint8_t)message->kind);
	text_add_u32_le(&packet, message->number);
	text_add_u32_le(&packet, message->other);
	text_add_u64_le(&packet, message->caller);
	text_add_counted(&packet, message->text);
	must(!packet.overflow);
	struct iovec part = { .iov_base = packet.data, .iov_len = packet.length };
	union control_ancillary ancillary = { { 0 } };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
	if (message->descriptor >= 0) {
		header.msg_control = &ancillary;
		header.msg_controllen = sizeof(ancillary);
		struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(sizeof(int));
		bytes_copy(CMSG_DATA(rights), sizeof(int), view_bytes(&message->descriptor, sizeof(int)));
	}
	const enum control_result result = packet_send(world, socket, &header);
	text_deinit(&packet);
	return result;
}

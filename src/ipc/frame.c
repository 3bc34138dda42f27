#include "ipc/frame.h"

#include "base/bytes.h"
#include "base/cursor.h"
#include "base/must.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FLAG_ANSWER = 1, FLAG_MEMFD = 2, FLAG_REFUSAL = 4, FLAGS_ALL = 7 };
static const uint32_t frame_magic = 0x50534653; /* "SFSP" */
static const int all_seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

bool frame_header_read(struct view bytes, struct frame_header *header)
{
	struct cursor cursor = cursor_of(view_first(bytes, FRAME_HEADER_SIZE));
	const uint32_t magic = cursor_u32(&cursor);
	const uint16_t kind = cursor_u16(&cursor);
	const uint16_t flags = cursor_u16(&cursor);
	const uint64_t call = cursor_u64(&cursor);
	const uint32_t length = cursor_u32(&cursor);
	const uint32_t reserved = cursor_u32(&cursor);
	if (!cursor_is_done(&cursor) || magic != frame_magic || flags > FLAGS_ALL || reserved != 0 || kind == 0)
		return false;
	const bool is_memfd = (flags & FLAG_MEMFD) != 0;
	if (length > (is_memfd ? CHANNEL_PAYLOAD_MAX : CHANNEL_INLINE_MAX))
		return false;
	if ((flags & FLAG_REFUSAL) != 0 && ((flags & FLAG_ANSWER) == 0 || length != 0))
		return false;
	*header = (struct frame_header){
		.kind = kind,
		.is_answer = (flags & FLAG_ANSWER) != 0,
		.is_memfd = is_memfd,
		.is_refusal = (flags & FLAG_REFUSAL) != 0,
		.call = call,
		.length = length,
	};
	return true;
}

void frame_header_write(const struct frame_header *header, uint8_t bytes[FRAME_HEADER_SIZE])
{
	struct text text = TEXT_LIMIT(FRAME_HEADER_SIZE);
	text_add_u32_le(&text, frame_magic);
	text_add_u16_le(&text, header->kind);
	text_add_u16_le(&text, (uint16_t)((header->is_answer ? FLAG_ANSWER : 0) | (header->is_memfd ? FLAG_MEMFD : 0) |
	                                  (header->is_refusal ? FLAG_REFUSAL : 0)));
	text_add_u64_le(&text, header->call);
	text_add_u32_le(&text, header->length);
	text_add_u32_le(&text, 0);
	bytes_copy(bytes, FRAME_HEADER_SIZE, text_view(&text));
	text_deinit(&text);
}

/* ---- receiving */

static int control_descriptor(struct msghdr *message)
{
	int descriptor = -1;
	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL; part = CMSG_NXTHDR(message, part)) {
		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		if (descriptor >= 0)
			close(descriptor);
		bytes_copy(&descriptor, sizeof(descriptor), view_bytes(CMSG_DATA(part), sizeof(descriptor)));
	}
	return descriptor;
}

/* Sealed against writing, so that what was checked stays what is read. */
static bool memfd_map(int descriptor, struct frame *frame)
{
	struct stat facts;
	const int seals = fcntl(descriptor, F_GET_SEALS);
	if (seals < 0 || (seals & all_seals) != all_seals || fstat(descriptor, &facts) < 0 ||
	    facts.st_size != (off_t)frame->header.length || frame->header.length == 0)
		return false;
	void *mapping = mmap(NULL, frame->header.length, PROT_READ, MAP_SHARED, descriptor, 0);
	if (mapping == MAP_FAILED)
		return false;
	frame->mapping = mapping;
	frame->payload = view_bytes(mapping, frame->header.length);
	return true;
}

static enum frame_result frame_check(struct view packet, int descriptor, struct frame *frame)
{
	*frame = (struct frame){ 0 };
	if (packet.length < FRAME_HEADER_SIZE || !frame_header_read(packet, &frame->header))
		return FRAME_BAD;
	const struct view rest = view_from(packet, FRAME_HEADER_SIZE);
	if (frame->header.is_memfd)
		return descriptor >= 0 && rest.length == 0 && memfd_map(descriptor, frame) ? FRAME_OK : FRAME_BAD;
	frame->payload = rest;
	return descriptor < 0 && rest.length == frame->header.length ? FRAME_OK : FRAME_BAD;
}

enum { AT_ONCE = 4 };

struct control {
	_Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(int))];
};

struct frame_reader {
	struct watch *watch;
	char *buffers; /* AT_ONCE of FRAME_BUFFER_SIZE */
	struct control controls[AT_ONCE];
	struct iovec parts[AT_ONCE];
	struct mmsghdr messages[AT_ONCE];
	size_t count; /* of frames that came */
	size_t taken; /* of these */
	bool is_dry;  /* there were no more: the next look waits first */
};

struct frame_reader *frame_reader_new(struct world *world, int socket)
{
	struct frame_reader *reader = must_alloc(1, sizeof(*reader));
	reader->watch = watch_new(world, socket);
	reader->buffers = must_alloc(AT_ONCE, FRAME_BUFFER_SIZE);
	for (size_t i = 0; i < AT_ONCE; i++)
		reader->parts[i] = (struct iovec){ reader->buffers + i * FRAME_BUFFER_SIZE, FRAME_BUFFER_SIZE };
	return reader;
}

void frame_reader_free(struct frame_reader *reader)
{
	for (; reader->taken < reader->count; reader->taken++) {
		const int descriptor = control_descriptor(&reader->messages[reader->taken].msg_hdr);
		if (descriptor >= 0)
			close(descriptor);
	}
	watch_free(reader->watch);
	free(reader->buffers);
	free(reader);
}

static enum frame_result frame_take(struct frame_reader *reader, struct frame *frame)
{
	struct mmsghdr *received = &reader->messages[reader->taken];
	const struct view packet = view_bytes(reader->parts[reader->taken].iov_base, received->msg_len);
	reader->taken++;
	if (received->msg_len == 0)
		return FRAME_END;
	const int descriptor = control_descriptor(&received->msg_hdr);
	const bool cut = (received->msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
	const enum frame_result result = cut ? FRAME_BAD : frame_check(packet, descriptor, frame);
	if (descriptor >= 0)
		close(descriptor);
	return result;
}

/* False: the other end is closed, or nothing can be had any more. */
static bool look(struct frame_reader *reader)
{
	for (size_t i = 0; i < AT_ONCE; i++)
		reader->messages[i].msg_hdr = (struct msghdr){
			.msg_iov = &reader->parts[i],
			.msg_iovlen = 1,
			.msg_control = &reader->controls[i],
			/* Not CMSG_SPACE, whose padding has room for a second descriptor that nobody would close. */
			.msg_controllen = CMSG_LEN(sizeof(int)),
		};
	const int got =
		recvmmsg(watch_descriptor(reader->watch), reader->messages, AT_ONCE, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL);
	reader->count = got > 0 ? (size_t)got : 0;
	reader->taken = 0;
	reader->is_dry = got < AT_ONCE;
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

enum frame_result frame_receive(struct frame_reader *reader, struct frame *frame)
{
	while (reader->taken == reader->count) {
		if (reader->is_dry && watch_wait(reader->watch, NEVER_DUE) == WAIT_CANCELLED)
			return FRAME_CANCELLED;
		if (!look(reader))
			return FRAME_END;
	}
	return frame_take(reader, frame);
}

void frame_release(struct frame *frame)
{
	if (frame->mapping != NULL)
		munmap(frame->mapping, frame->header.length);
	frame->mapping = NULL;
}

/* ---- sending */

static bool write_all(int descriptor, struct view bytes)
{
	while (bytes.length > 0) {
		const ssize_t written = write(descriptor, bytes.data, bytes.length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		bytes = view_from(bytes, (size_t)written);
	}
	return true;
}

static int memfd_of(struct view fields, struct view bulk)
{
	const int descriptor = memfd_create("sealpost", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (descriptor < 0)
		return -1;
	if (write_all(descriptor, fields) && write_all(descriptor, bulk) &&
	    fcntl(descriptor, F_ADD_SEALS, all_seals) == 0)
		return descriptor;
	close(descriptor);
	return -1;
}

static enum frame_result send_packet(struct world *world, int socket, struct msghdr *message, int64_t deadline)
{
	for (;;) {
		if (sendmsg(socket, message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return FRAME_OK;
		if (errno == EINTR)
			continue;
		if (errno == EPIPE || errno == ECONNRESET)
			return FRAME_END;
		if (errno != EAGAIN)
			return FRAME_BAD;
		const enum wait_result waited = world_wait_descriptor(world, socket, READY_TO_WRITE, deadline);
		if (waited != WAIT_DONE)
			return waited == WAIT_LATE ? FRAME_LATE : FRAME_CANCELLED;
	}
}

static enum frame_result send_memfd(struct world *world, int socket, struct iovec *header, int descriptor,
                                    int64_t deadline)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr alignment;
	} control = { { 0 } };
	struct msghdr message = {
		.msg_iov = header,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *part = CMSG_FIRSTHDR(&message);
	part->cmsg_level = SOL_SOCKET;
	part->cmsg_type = SCM_RIGHTS;
	part->cmsg_len = CMSG_LEN(sizeof(int));
	bytes_copy(CMSG_DATA(part), sizeof(int), view_bytes(&descriptor, sizeof(int)));
	return send_packet(world, socket, &message, deadline);
}

static struct iovec vector_of(struct view view)
{
	return (struct iovec){ .iov_base = (void *)(uintptr_t)view.data, .iov_len = view.length };
}

enum frame_result frame_send(struct world *world, int socket, struct frame_header header,
                             struct frame_payload payload, int64_t deadline)
{
	const size_t length = payload.fields.length + payload.bulk.length;
	if (length > CHANNEL_PAYLOAD_MAX)
		return FRAME_BAD;
	header.length = (uint32_t)length;
	header.is_memfd = length > CHANNEL_INLINE_MAX;
	uint8_t bytes[FRAME_HEADER_SIZE];
	frame_header_write(&header, bytes);
	struct iovec parts[3] = {
		{ .iov_base = bytes, .iov_len = FRAME_HEADER_SIZE },
		vector_of(payload.fields),
		vector_of(payload.bulk),
	};
	if (!header.is_memfd)
		return send_packet(world, socket, &(struct msghdr){ .msg_iov = parts, .msg_iovlen = 3 }, deadline);
	const int descriptor = memfd_of(payload.fields, payload.bulk);
	if (descriptor < 0)
		return FRAME_BAD;
	const enum frame_result result = send_memfd(world, socket, parts, descriptor, deadline);
	close(descriptor);
	return result;
}

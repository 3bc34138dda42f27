#include "net/dns_server.h"

static enum io_result read_exactly(struct connection *connection, char *into, size_t length, int64_t deadline)
{
	size_t got = 0;
	while (got < length) {
		size_t more = 0;
		const enum io_result result = connection_read(connection, into + got, length - got, deadline, &more);
		if (result != IO_OK)
			return result;
		got += more;
	}
	return IO_OK;
}

static enum io_result talk(struct connection *connection, struct view question, int64_t deadline, struct arena *arena,
                           struct view *answer)
{
	/* RFC 7766 8: length and message go in one write. */
	struct text framed = TEXT_LIMIT(1024);
	uint8_t head[2];
	text_add_byte(&framed, (char)(question.length >> 8));
	text_add_byte(&framed, (char)question.length);
	text_add(&framed, question);
	enum io_result result = connection_write(connection, text_view(&framed), deadline);
	text_deinit(&framed);
	if (result == IO_OK)
		result = read_exactly(connection, (char *)head, sizeof(head), deadline);
	if (result != IO_OK)
		return result;
	const size_t length = (size_t)head[0] << 8 | head[1];
	char *message = arena_alloc(arena, length + 1, 1);
	result = read_exactly(connection, message, length, deadline);
	*answer = view_bytes(message, length);
	return result;
}

static struct view problem_of(enum io_result result, const struct connection *connection, struct arena *arena)
{
	if (result == IO_END)
		return VIEW("it closed the connection");
	if (result == IO_LATE)
		return VIEW("timed out");
	return arena_copy(arena, connection_problem(connection));
}

void dns_server_ask(struct connection *connection, struct view name, enum dns_type type, int64_t deadline,
                    struct arena *arena, struct dns_said *said, bool *is_broken)
{
	struct text question = TEXT_LIMIT(1000);
	struct view answer = VIEW_NONE;
	uint16_t id = 0;
	world_random(connection->world, &id, sizeof(id));
	*said = (struct dns_said){ .answer = { .status = DNS_NXDOMAIN, .canonical = name } };
	*is_broken = false;
	/* RFC 1035 2.3.4: no such name can exist. */
	if (dns_message_ask(id, name, type, &question)) {
		const enum io_result result = talk(connection, text_view(&question), deadline, arena, &answer);
		if (result == IO_OK) {
			dns_message_read(answer, id, name, type, arena, said);
		} else {
			*is_broken = true;
			said->answer.status = result == IO_CANCELLED ? DNS_CANCELLED : DNS_FAILED;
			said->answer.detail = problem_of(result, connection, arena);
		}
	}
	text_deinit(&question);
}

#include "rooms/delivery/client.h"

#include "base/must.h"
#include "smtp/class.h"
#include "smtp/data.h"

enum { LINE_MOST = 2048, PIPELINED_MOST = 100, CHUNK = 65536, DOTS_MOST = 64 };

/* RFC 5321 4.5.3.2 */
static const int64_t connect_patience = 30 * SECOND;
static const int64_t greeting_patience = 5 * MINUTE;
static const int64_t command_patience = 5 * MINUTE;
static const int64_t data_patience = 2 * MINUTE;
static const int64_t block_patience = 3 * MINUTE;
static const int64_t end_patience = 10 * MINUTE;
static const int64_t tls_patience = MINUTE;

/* ---- small steps */

static int64_t in(const struct client *client, int64_t patience)
{
	return world_now(client->delivery->world) + patience;
}

static void note(struct client *client, char arrow, struct view text)
{
	struct view line;
	while (view_split(&text, '\n', &line)) {
		const size_t room = client->dialogue.limit - client->dialogue.length;
		if (room < 16)
			return;
		text_print(&client->dialogue, "%c ", arrow);
		for (size_t i = 0; i < line.length && i < 300 && client->dialogue.length + 2 < client->dialogue.limit; i++)
			text_add_byte(&client->dialogue, byte_is_print(line.data[i]) ? line.data[i] : '?');
		text_add_byte(&client->dialogue, '\n');
	}
}

static bool broken(struct client *client, const char *step, struct view why)
{
	client->broken = true;
	text_clear(&client->problem);
	text_print(&client->problem, "%s: %.*s", step, VIEW_PRINT(why));
	note(client, '!', text_view(&client->problem));
	return false;
}

static bool io_broken(struct client *client, const char *step, enum io_result result)
{
	switch (result) {
	case IO_LATE:
		return broken(client, step, VIEW("timed out"));
	case IO_END:
		return broken(client, step, VIEW("the other side closed the connection"));
	case IO_FAILED:
		return broken(client, step, connection_problem(client->connection));
	case IO_OK:
	case IO_CANCELLED:
		break;
	}
	return broken(client, step, VIEW("interrupted"));
}

static bool send_bytes(struct client *client, struct view bytes, int64_t patience)
{
	const enum io_result written = connection_write(client->connection, bytes, in(client, patience));
	return written == IO_OK || io_broken(client, "sending", written);
}

static bool command(struct client *client, struct view line)
{
	struct text bytes = TEXT_LIMIT(8192);
	note(client, '>', line);
	text_add(&bytes, line);
	text_add(&bytes, VIEW("\r\n"));
	const bool good = send_bytes(client, text_view(&bytes), command_patience);
	text_deinit(&bytes);
	return good;
}

static bool read_more(struct client *client, const char *step, int64_t deadline)
{
	size_t capacity = 0;
	size_t length = 0;
	char *room = line_reader_room(&client->reader, &capacity);
	const enum io_result result = connection_read(client->connection, room, capacity, deadline, &length);
	if (result != IO_OK)
		return io_broken(client, step, result);
	line_reader_fed(&client->reader, length);
	return true;
}

/* One whole reply, within one deadline however it trickles. */
static bool read_reply(struct client *client, const char *step, int64_t patience)
{
	const int64_t deadline = in(client, patience);
	smtp_reply_clear(&client->reply);
	for (;;) {
		struct view line;
		switch (line_reader_next(&client->reader, &line)) {
		case LINE_MORE:
			if (!read_more(client, step, deadline))
				return false;
			continue;
		case LINE_TOO_LONG:
		case LINE_BAD:
			return broken(client, step, VIEW("the reply is no SMTP reply (line end, NUL or length)"));
		case LINE_READY:
			break;
		}
		note(client, '<', line);
		switch (smtp_reply_add(&client->reply, line)) {
		case REPLY_MORE:
			continue;
		case REPLY_DONE:
			if (reply_rests_site(&client->reply) && client->rests.length == 0)
				text_add(&client->rests, view_first(text_view(&client->reply.text), client->rests.limit));
			return true;
		case REPLY_BROKEN:
			return broken(client, step, VIEW("the reply is no SMTP reply"));
		}
	}
}

static bool is_positive(const struct client *client)
{
	return client->reply.code >= 200 && client->reply.code < 300;
}

/* ---- opening */

static bool say_ehlo(struct client *client)
{
	const struct config *config = *client->delivery->config;
	const struct view name = config->egress_count > 0 ? config->egress[0].ehlo : config->service.hostname;
	struct text line = TEXT_LIMIT(512);
	text_print(&line, "EHLO %.*s", VIEW_PRINT(name));
	bool good = command(client, text_view(&line)) && read_reply(client, "EHLO", command_patience);
	if (good && is_positive(client)) {
		smtp_capabilities_parse(text_view(&client->reply.text), &client->capabilities);
	} else if (good && client->reply.code >= 500) {
		client->capabilities = (struct smtp_capabilities){ 0 };
		text_clear(&line);
		text_print(&line, "HELO %.*s", VIEW_PRINT(name));
		good = command(client, text_view(&line)) && read_reply(client, "HELO", command_patience);
	}
	text_deinit(&line);
	return good && is_positive(client);
}

static bool start_tls(struct client *client)
{
	struct delivery *delivery = client->delivery;
	if (!command(client, VIEW("STARTTLS")) || !read_reply(client, "STARTTLS", command_patience))
		return false;
	if (client->reply.code != 220)
		return broken(client, "STARTTLS", VIEW("refused after it was offered"));
	/* What came in clear behind the 220 is nobody's word. */
	if (line_reader_pending(&client->reader).length > 0)
		return broken(client, "STARTTLS", VIEW("bytes in clear before the handshake"));
	const enum tls_result result =
		delivery->world->operations->tls(delivery->world, client->connection, TLS_CLIENT, delivery->tls,
	                                     text_view(&client->host), in(client, tls_patience));
	if (result != TLS_OK)
		return broken(client, "STARTTLS",
		              result == TLS_FAILED ? connection_problem(client->connection) : VIEW("timed out"));
	struct text facts = TEXT_LIMIT(160);
	text_print(&facts, "%.*s %.*s", VIEW_PRINT(client->connection->tls.version),
	           VIEW_PRINT(client->connection->tls.cipher));
	note(client, '*', text_view(&facts));
	text_deinit(&facts);
	return say_ehlo(client);
}

static struct verdict open_verdict(const struct client *client, struct arena *arena)
{
	if (client->broken)
		return verdict_later(
			0, STATUS(4, 4, 2),
			arena_print(arena, "%s: %s", text_cstring(&client->remote), text_cstring(&client->problem)));
	return reply_classify(STAGE_CONNECT, &client->reply, arena);
}

static struct verdict connect_verdict(enum connect_result result, struct view remote, struct arena *arena)
{
	static const char *const words[] = {
		[CONNECT_OK] = "connected",
		[CONNECT_REFUSED] = "connection refused",
		[CONNECT_UNREACHABLE] = "no way there",
		[CONNECT_LATE] = "connection timed out",
		[CONNECT_FAILED] = "no connection could be made from here",
		[CONNECT_CANCELLED] = "interrupted",
	};
	return verdict_later(0, STATUS(4, 4, 1), arena_print(arena, "%.*s: %s", VIEW_PRINT(remote), words[result]));
}

static struct endpoint mapped(const struct config *config, const struct endpoint *endpoint)
{
	struct text whole = TEXT_LIMIT(80);
	struct text address = TEXT_LIMIT(80);
	struct endpoint result = *endpoint;
	text_add_endpoint(&whole, endpoint);
	text_add_endpoint_address(&address, endpoint);
	for (size_t i = 0; i < config->delivery.connect_map_count; i++) {
		const struct config_connect *row = &config->delivery.connect_map[i];
		if (view_equal(row->from, text_view(&whole)) || view_equal(row->from, text_view(&address)))
			result = row->to;
	}
	text_deinit(&whole);
	text_deinit(&address);
	return result;
}

static bool source_address(const struct config *config, uint8_t family, struct endpoint *source)
{
	for (size_t i = 0; i < config->egress_count; i++)
		for (size_t j = 0; j < config->egress[i].addresses.count; j++)
			if (endpoint_parse_address(config->egress[i].addresses.items[j], source) && source->family == family)
				return true;
	return false;
}

static struct client *client_new(struct delivery *delivery, struct view host, const struct endpoint *endpoint)
{
	struct client *client = must_alloc(1, sizeof(*client));
	client->delivery = delivery;
	client->host = (struct text)TEXT_LIMIT(256);
	client->remote = (struct text)TEXT_LIMIT(400);
	client->dialogue = (struct text)TEXT_LIMIT(DIALOGUE_MOST);
	client->rests = (struct text)TEXT_LIMIT(512);
	client->problem = (struct text)TEXT_LIMIT(512);
	line_reader_init(&client->reader, LINE_MOST);
	smtp_reply_init(&client->reply);
	text_add(&client->host, host);
	text_print(&client->remote, "%.*s [", VIEW_PRINT(host));
	text_add_endpoint_address(&client->remote, endpoint);
	text_print(&client->remote, "]:%u", (unsigned)endpoint->port);
	return client;
}

static bool greet(struct client *client)
{
	return read_reply(client, "greeting", greeting_patience) && is_positive(client) && say_ehlo(client);
}

enum opened client_open(struct delivery *delivery, struct view host, const struct endpoint *endpoint, bool allow_tls,
                        struct arena *arena, struct client **opened, struct verdict *verdict)
{
	const struct config *config = *delivery->config;
	const struct endpoint target = mapped(config, endpoint);
	struct endpoint source;
	const bool has_source = source_address(config, target.family, &source);
	struct client *client = client_new(delivery, host, endpoint);
	note(client, '*', text_view(&client->remote));
	const enum connect_result connected = delivery->world->operations->connect(
		delivery->world, &target, has_source ? &source : NULL, in(client, connect_patience), &client->connection);
	if (connected != CONNECT_OK) {
		*verdict = connect_verdict(connected, text_view(&client->remote), arena);
		client_close(client);
		return connected == CONNECT_CANCELLED ? OPEN_CANCELLED : OPEN_FAILED;
	}
	delivery->counters.connections++;
	bool good = greet(client);
	const bool tries_tls = good && allow_tls && delivery->tls != NULL && client->capabilities.starttls;
	if (tries_tls)
		good = start_tls(client);
	if (good) {
		*opened = client;
		return OPENED;
	}
	*verdict = open_verdict(client, arena);
	client_close(client);
	return tries_tls ? OPEN_TLS_FAILED : OPEN_FAILED;
}

void client_close(struct client *client)
{
	if (client->connection != NULL && !client->broken)
		connection_write(client->connection, VIEW("QUIT\r\n"), in(client, 0));
	connection_close(client->connection);
	line_reader_deinit(&client->reader);
	smtp_reply_deinit(&client->reply);
	text_deinit(&client->host);
	text_deinit(&client->remote);
	text_deinit(&client->dialogue);
	text_deinit(&client->rests);
	text_deinit(&client->problem);
	free(client);
}

/* ---- a transaction */

struct sending {
	struct client *client;
	struct delivery_job *job;
	size_t first, count; /* of the job's recipients */
	size_t accepted;
};

static struct recipient_result result_of(const struct sending *sending, enum stage stage)
{
	static const enum fate fates[] = {
		[OUTCOME_OK] = FATE_DELIVERED,
		[OUTCOME_NEVER] = FATE_BOUNCED,
		[OUTCOME_LATER] = FATE_DEFERRED,
	};
	const struct verdict verdict = reply_classify(stage, &sending->client->reply, &sending->job->arena);
	return (struct recipient_result){ fates[verdict.outcome], verdict };
}

static void result_rest(struct sending *sending, struct recipient_result result)
{
	for (size_t i = 0; i < sending->count; i++) {
		struct recipient_result *each = &sending->job->results[sending->first + i];
		if (each->fate == FATE_RETURNED)
			*each = result;
	}
}

/* The session broke: nothing is known of those that have no answer yet. */
static bool gone(struct sending *sending)
{
	const struct client *client = sending->client;
	const struct view why =
		arena_print(&sending->job->arena, "%s: %s", text_cstring(&client->remote), text_cstring(&client->problem));
	result_rest(sending, (struct recipient_result){ FATE_DEFERRED, verdict_later(0, STATUS(4, 4, 2), why) });
	return false;
}

static bool refused_all(struct sending *sending, enum stage stage)
{
	result_rest(sending, result_of(sending, stage));
	return false;
}

static void add_mail(struct sending *sending, struct text *lines)
{
	const struct job *job = &sending->job->job;
	const struct smtp_capabilities *can = &sending->client->capabilities;
	text_print(lines, "MAIL FROM:<%.*s>", VIEW_PRINT(job->envelope.sender));
	if (can->size)
		text_print(lines, " SIZE=%zu", job->content.length);
	if (can->eight_bit_mime && job->envelope.eight_bit)
		text_add(lines, VIEW(" BODY=8BITMIME"));
	text_add(lines, VIEW("\r\n"));
}

static void add_rcpt(struct sending *sending, size_t index, struct text *lines)
{
	const struct view address = sending->job->job.recipients[sending->first + index].address;
	text_print(lines, "RCPT TO:<%.*s>\r\n", VIEW_PRINT(address));
}

static void note_lines(struct client *client, struct view lines)
{
	struct view line;
	while (view_split(&lines, '\n', &line))
		if (line.length > 0)
			note(client, '>', view_trim(line));
}

static bool send_lines(struct sending *sending, struct text *lines)
{
	note_lines(sending->client, text_view(lines));
	const bool good = send_bytes(sending->client, text_view(lines), command_patience);
	text_clear(lines);
	return good;
}

static bool take_rcpt(struct sending *sending, size_t index)
{
	if (!read_reply(sending->client, "RCPT", command_patience))
		return gone(sending);
	if (is_positive(sending->client))
		sending->accepted++;
	else
		sending->job->results[sending->first + index] = result_of(sending, STAGE_RCPT);
	return true;
}

/* MAIL, RCPTs and DATA in one go where the other side can (RFC 2920), else one by one. */
static bool send_envelope(struct sending *sending, struct text *lines)
{
	struct client *client = sending->client;
	const bool pipelined = client->capabilities.pipelining;
	add_mail(sending, lines);
	for (size_t i = 0; pipelined && i < sending->count; i++)
		add_rcpt(sending, i, lines);
	if (pipelined)
		text_add(lines, VIEW("DATA\r\n"));
	if (!send_lines(sending, lines) || !read_reply(client, "MAIL", command_patience))
		return gone(sending);
	const bool mail_taken = is_positive(client);
	if (!mail_taken)
		refused_all(sending, STAGE_MAIL);
	for (size_t i = 0; (mail_taken || pipelined) && i < sending->count; i++) {
		if (!pipelined) {
			add_rcpt(sending, i, lines);
			if (!send_lines(sending, lines))
				return gone(sending);
		}
		if (mail_taken ? !take_rcpt(sending, i) : !read_reply(client, "RCPT", command_patience))
			return false;
	}
	if (!pipelined && sending->accepted == 0)
		return false;
	if (!pipelined && !command(client, VIEW("DATA")))
		return gone(sending);
	return true;
}

static bool send_content(struct sending *sending)
{
	struct text chunk = TEXT_LIMIT(CHUNK);
	struct data_writer writer = { .at_line_start = true };
	struct view rest = sending->job->job.content;
	bool good = true;
	text_room(&chunk, rest.length < CHUNK - DOTS_MOST ? rest.length + DOTS_MOST : CHUNK);
	while (good && rest.length > 0) {
		rest = view_from(rest, data_writer_add(&writer, rest, &chunk));
		if (rest.length == 0 && chunk.limit - chunk.length > 8)
			break;
		good = send_bytes(sending->client, text_view(&chunk), block_patience);
		text_clear(&chunk);
	}
	good = good && data_writer_end(&writer, &chunk) && send_bytes(sending->client, text_view(&chunk), block_patience);
	text_deinit(&chunk);
	return good;
}

static bool finish(struct sending *sending)
{
	struct client *client = sending->client;
	if (!read_reply(client, "DATA", data_patience))
		return gone(sending);
	if (client->reply.code != 354) {
		if (sending->accepted > 0)
			refused_all(sending, STAGE_DATA);
		return false;
	}
	/* A server that takes DATA without a recipient gets an empty message (RFC 2920 3.1). */
	if (sending->accepted == 0)
		return command(client, VIEW(".")) && read_reply(client, "dot", end_patience);
	struct text size = TEXT_LIMIT(64);
	text_print(&size, "(message of %zu bytes)", sending->job->job.content.length);
	note(client, '>', text_view(&size));
	text_deinit(&size);
	if (!send_content(sending))
		return gone(sending);
	if (!read_reply(client, "reply to the message", end_patience)) {
		/* In doubt: it may have been taken. At least once, so it is sent again. */
		note(client, '!', VIEW("in doubt: the message may have been taken"));
		return gone(sending);
	}
	client->messages++;
	refused_all(sending, STAGE_END);
	return true;
}

static void send_some(struct sending *sending)
{
	struct text lines = TEXT_LIMIT((size_t)PIPELINED_MOST * 2304);
	struct client *client = sending->client;
	const bool finished = send_envelope(sending, &lines) && finish(sending);
	text_deinit(&lines);
	if (client->broken)
		return;
	if (client->reply.code == 421)
		broken(client, "session", VIEW("421: the other side ends it"));
	else if (!finished && (!command(client, VIEW("RSET")) || !read_reply(client, "RSET", command_patience)))
		return;
}

static bool needs_eight_bit(const struct client *client, const struct job *job)
{
	return job->envelope.eight_bit && !client->capabilities.eight_bit_mime;
}

void client_send(struct client *client, struct delivery_job *job)
{
	job->tls = VIEW_NONE;
	if (client->connection->tls.active)
		job->tls = arena_print(&job->arena, "%.*s %.*s", VIEW_PRINT(client->connection->tls.version),
		                       VIEW_PRINT(client->connection->tls.cipher));
	job->remote = arena_copy(&job->arena, text_view(&client->remote));
	if (needs_eight_bit(client, &job->job)) {
		/* Re-encoding would break the seal. */
		job_result_all(job, FATE_BOUNCED,
		               verdict_never(554, STATUS(5, 6, 3),
		                             VIEW("the recipient's mail server does not take 8-bit content (no 8BITMIME)")));
		return;
	}
	for (size_t first = 0; first < job->job.recipient_count && !client->broken; first += PIPELINED_MOST) {
		const size_t left = job->job.recipient_count - first;
		struct sending sending = {
			.client = client,
			.job = job,
			.first = first,
			.count = left < PIPELINED_MOST ? left : PIPELINED_MOST,
		};
		send_some(&sending);
	}
}

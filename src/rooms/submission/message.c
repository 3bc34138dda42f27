/* DATA: the message comes in, is judged, sealed and handed to the queue. */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/must.h"
#include "mail/header.h"
#include "rooms/submission/submission.h"

/* RFC 5321 4.5.3.2.5 asks for three minutes a block; the whole has a bound too. */
static const int64_t block_patience = 3 * MINUTE;
static const int64_t data_most = HOUR;
enum {
	CONTENT_FIRST = 16 * 1024, /* room for most messages, so that it need not grow */
	SEALS_ROOM = 4 * 1024,     /* a seal has some 700 octets */
};
static const int64_t question_patience = 60 * SECOND;
static const int64_t submit_patience = 3 * MINUTE;

/* ---- arriving */

static bool reserve(struct session *session, struct transaction *transaction)
{
	struct submission *submission = session->submission;
	const uint64_t needed = transaction->content.capacity;
	if (needed <= transaction->memory)
		return true;
	const uint64_t more = needed - transaction->memory;
	if (submission->memory + more > session->config->limits.memory)
		return false;
	submission->memory += more;
	transaction->memory = needed;
	return true;
}

/* The body goes through its hash as it arrives: what follows the first empty line. */
static void hash_body(struct transaction *transaction, struct view piece)
{
	if (transaction->body_begun) {
		dkim_body_add(&transaction->body, piece);
		return;
	}
	const struct view all = text_view(&transaction->content);
	const size_t fresh = all.length - piece.length;
	const size_t from = fresh < 3 ? 0 : fresh - 3; /* the empty line may lie across two pieces */
	size_t body = VIEW_NOT_FOUND;
	if (view_starts(all, VIEW("\r\n"))) {
		body = 2; /* no header at all */
	} else {
		const size_t found = view_find(view_from(all, from), VIEW("\r\n\r\n"));
		if (found != VIEW_NOT_FOUND)
			body = from + found + 4;
	}
	if (body == VIEW_NOT_FOUND)
		return;
	transaction->body_begun = true;
	dkim_body_add(&transaction->body, view_from(all, body));
}

static void take_piece(void *context, struct view piece)
{
	struct session *session = context;
	struct transaction *transaction = session->transaction;
	if (transaction->over_budget)
		return;
	if (!text_add(&transaction->content, piece) || !reserve(session, transaction)) {
		transaction->over_budget = true;
		text_deinit(&transaction->content);
		return;
	}
	hash_body(transaction, piece);
}

static bool lost_client(struct session *session, enum io_result result)
{
	if (result == IO_LATE)
		session_reply(session, 421, STATUS(4, 4, 2), VIEW("timed out waiting for the message; nothing was taken"));
	if (result == IO_CANCELLED)
		session_reply(session, 421, STATUS(4, 3, 2), VIEW("the service is being shut down; nothing was taken"));
	session_flush(session);
	session->ends = true;
	return false;
}

/* What came with the command line first, then from the connection in large pieces. */
static bool read_data(struct session *session, struct transaction *transaction)
{
	const int64_t end = session_deadline(session, data_most);
	const struct view pending = line_reader_pending(&session->reader);
	line_reader_consume(&session->reader, data_reader_feed(&transaction->data, pending));
	if (transaction->data.ended)
		return true;
	char *buffer = session->submission->pieces;
	enum io_result result = IO_OK;
	while (result == IO_OK && !transaction->data.ended) {
		size_t length = 0;
		const int64_t block = session_deadline(session, block_patience);
		result = connection_read(session->connection, buffer, PIECE_MOST, block < end ? block : end, &length);
		if (result != IO_OK)
			break;
		const size_t taken = data_reader_feed(&transaction->data, view_bytes(buffer, length));
		/* Commands pipelined after the dot go back to the line reader. */
		for (struct view rest = view_from(view_bytes(buffer, length), taken); rest.length > 0;) {
			size_t capacity = 0;
			char *room = line_reader_room(&session->reader, &capacity);
			const struct view part = view_first(rest, capacity);
			for (size_t i = 0; i < part.length; i++)
				room[i] = part.data[i];
			line_reader_fed(&session->reader, part.length);
			rest = view_from(rest, part.length);
		}
	}
	return transaction->data.ended || lost_client(session, result);
}

/* ---- judging */

static bool refuse(struct session *session, struct verdict verdict)
{
	session_refused(session, VIEW_NONE, verdict);
	session_reply_verdict(session, verdict);
	return false;
}

static bool form_is_good(struct session *session, const struct transaction *transaction)
{
	static const struct {
		uint16_t code;
		struct enhanced_status status;
		struct view why;
	} faults[] = {
		[DATA_BARE_CR] = { 550, { 5, 6, 11 }, VIEW_INIT("the message holds a bare CR; lines end with CR LF") },
		[DATA_BARE_LF] = { 550, { 5, 6, 11 }, VIEW_INIT("the message holds a bare LF; lines end with CR LF") },
		[DATA_NUL] = { 550, { 5, 6, 11 }, VIEW_INIT("the message holds a NUL octet") },
		[DATA_TOO_LARGE] = { 552, { 5, 3, 4 }, VIEW_INIT("the message is too large") },
	};
	const enum data_fault fault = transaction->data.fault;
	if (fault != DATA_GOOD)
		return refuse(session, verdict_never(faults[fault].code, faults[fault].status, faults[fault].why));
	if (transaction->over_budget)
		return refuse(session,
		              verdict_later(452, STATUS(4, 3, 1), VIEW("too much mail is in motion here; try again soon")));
	return true;
}

static bool authors_may_send(struct session *session, const struct message_facts *facts,
                             const struct customer_seals *seals, struct verdict_answer *answer)
{
	struct submission *submission = session->submission;
	const struct transaction *transaction = session->transaction;
	struct verdict_request request = {
		.moment = MOMENT_DATA,
		.account = text_view(&session->account),
		.as_typed = text_view(&session->as_typed),
		.mail_from = transaction->sender_domain,
		.from = domain_view(&facts->from_domain),
	};
	for (; request.other_count < facts->other_count; request.other_count++)
		request.others[request.other_count] = domain_view(&facts->others[request.other_count]);
	for (unsigned i = 0; i < CHECK_COUNT; i++)
		request.require[i] = session->require[i];
	for (; request.sealed_by_count < seals->count; request.sealed_by_count++)
		request.sealed_by[request.sealed_by_count] = seals->domains[request.sealed_by_count];
	request.seals_untold = seals->untold;
	if (resolver_verdict(submission->resolver, &request, answer, &session->transaction->arena,
	                     world_now(submission->world) + question_patience) != ASKED_OK)
		return refuse(session, verdict_later(451, STATUS(4, 4, 3), VIEW("DNS could not be asked; try again soon")));
	if (answer->warnings.length > 0)
		log_line(submission->log, LOG_WARNING, answer->warnings,
		         (const struct log_field[]){ LOG_TEXT_FIELD("account", text_view(&session->account)),
		                                     LOG_TEXT_FIELD("domain", request.from) },
		         2);
	return verdict_is_ok(answer->verdict) || refuse(session, answer->verdict);
}

/* What would have to be changed in it would break its seal. */
static bool stays_as_it_is(struct session *session, const struct customer_seals *seals)
{
	if (session->transaction->data.had_bare_newline)
		return refuse(session,
		              verdict_never(550, STATUS(5, 6, 11),
		                            VIEW("the message is sealed and holds a bare LF; lines end with CR LF")));
	if (seals->covers_private)
		return refuse(session,
		              verdict_never(550, STATUS(5, 6, 0),
		                            VIEW("the message's own seal covers Bcc or Return-Path, which are not relayed")));
	return true;
}

/* ---- preparing */

struct outgoing {
	struct message_id id;
	int64_t wall;
	struct view id_text;
	struct message_parts parts;
};

static struct view printed(struct arena *arena, void (*add)(struct text *, int64_t), int64_t wall)
{
	struct text text = TEXT_LIMIT(64);
	add(&text, wall);
	const struct view copy = arena_copy(arena, text_view(&text));
	text_deinit(&text);
	return copy;
}

static void prepare(struct session *session, const struct message_facts *facts, bool presealed,
                    struct outgoing *outgoing)
{
	struct arena *arena = &session->transaction->arena;
	struct world *world = session->submission->world;
	const struct tls_facts *tls = &session->connection->tls;
	uint8_t random[10];
	struct text id = TEXT_LIMIT(ID_TEXT_LENGTH);
	world_random(world, random, sizeof(random));
	outgoing->wall = world_wall(world);
	outgoing->id = id_make(outgoing->wall, random);
	text_add_id(&id, &outgoing->id);
	outgoing->id_text = arena_copy(arena, text_view(&id));
	text_deinit(&id);
	const struct view date = printed(arena, text_add_time_rfc5322, outgoing->wall);
	const struct received received = {
		.helo = text_view(&session->helo),
		.address = text_view(&session->address),
		.hostname = session->config->service.hostname,
		.id = outgoing->id_text,
		.date = date,
		.tls = tls->active ? tls->version : VIEW_NONE,
		.cipher = tls->active ? tls->cipher : VIEW_NONE,
		.extended = session->extended,
		.authenticated = true,
	};
	const struct message_additions additions = {
		.received = message_received(&received, arena),
		.date = date,
		.message_id = arena_print(arena, "<%.*s@%.*s>", VIEW_PRINT(outgoing->id_text),
		                          VIEW_PRINT(session->config->service.hostname)),
		.authserv_id = session->config->service.hostname,
		.presealed = presealed,
	};
	message_prepare(facts, &additions, arena, &outgoing->parts);
}

/* The message as it will be sent, in one piece, with room for seals in front of it. All parts but the last lie in
 * front of the body. */
static struct view joined(const struct message_parts *parts, struct arena *arena)
{
	char *all = arena_room(arena, SEALS_ROOM + parts->size + 1) + SEALS_ROOM;
	struct text text = { .data = all, .capacity = parts->size + 1, .limit = parts->size };
	for (size_t i = 0; i < parts->count; i++)
		text_add(&text, parts->parts[i]);
	must(!text.overflow && text.data == all);
	return text_view(&text);
}

/* The joined message with its seals on top: in front of where it stands, unless they are unusually long. */
static struct view sealed_with(struct view joined, struct view seals, struct arena *arena)
{
	char *front = (char *)(uintptr_t)joined.data - seals.length;
	if (seals.length > SEALS_ROOM) {
		front = arena_room(arena, seals.length + joined.length);
		bytes_copy(front + seals.length, joined.length, joined);
	}
	bytes_copy(front, seals.length, seals);
	return view_bytes(front, seals.length + joined.length);
}

/* ---- handing over */

static enum submit_result submit(struct session *session, struct submit_request *request)
{
	struct submission *submission = session->submission;
	const int64_t deadline = world_now(submission->world) + submit_patience;
	for (;;) {
		struct submit_answer answer = { 0 };
		const enum asked asked = queue_submit(submission->queue, request, &answer, &session->arena, deadline);
		if (asked == ASKED_OK && answer.result != SUBMIT_UNKNOWN)
			return answer.result;
		if (asked != ASKED_OK && asked != ASKED_LOST)
			return SUBMIT_LATER;
		/* Whether the queue has it is not known: asking again with the same id is safe. */
		request->repeat = true;
		if (task_sleep(submission->world, 100 * MILLISECOND) != WAIT_DONE)
			return SUBMIT_LATER;
	}
}

static void tell_accepted(struct session *session, const struct outgoing *outgoing, struct view from_domain)
{
	const struct transaction *transaction = session->transaction;
	session->submission->counters.accepted++;
	for (size_t i = 0; i < transaction->recipient_count; i++)
		log_event(session->submission->log, &(struct event){
												.event = VIEW("accepted"),
												.id = outgoing->id_text,
												.account = text_view(&session->account),
												.sender = transaction->sender,
												.recipient = transaction->recipients[i].address,
												.domain = from_domain,
												.remote = text_view(&session->address),
												.tls = session->connection->tls.version,
												.code = 250,
												.duration = LOG_ABSENT,
											});
	session_print(session, 250, STATUS(2, 0, 0), "queued as %.*s", VIEW_PRINT(outgoing->id_text));
}

_Static_assert(MESSAGE_OTHERS_MOST + 2 <= IDENTITY_DOMAINS_MOST, "beside MAIL FROM and From:");

static void add_identity(struct envelope *envelope, struct view domain)
{
	for (size_t i = 0; i < envelope->identity_domain_count; i++)
		if (view_equal(envelope->identity_domains[i], domain))
			return;
	if (domain.length > 0 && envelope->identity_domain_count < IDENTITY_DOMAINS_MOST)
		envelope->identity_domains[envelope->identity_domain_count++] = domain;
}

static void hand_over(struct session *session, const struct message_facts *facts, const struct outgoing *outgoing,
                      struct view content)
{
	struct transaction *transaction = session->transaction;
	struct submit_request request = {
		.id = outgoing->id,
		.accepted = outgoing->wall,
		.envelope = {
			.account = text_view(&session->account),
			.as_typed = text_view(&session->as_typed),
			.sender = transaction->sender,
			.require_token = session->require[CHECK_TOKEN],
			.eight_bit = facts->eight_bit_body,
			.hold_reason = transaction->held ? transaction->hold_reason : VIEW_NONE,
		},
		.recipients = transaction->recipients,
		.recipient_count = transaction->recipient_count,
		.content = content,
	};
	add_identity(&request.envelope, transaction->sender_domain);
	add_identity(&request.envelope, domain_view(&facts->from_domain));
	for (size_t i = 0; i < facts->other_count; i++)
		add_identity(&request.envelope, domain_view(&facts->others[i]));
	switch (submit(session, &request)) {
	case SUBMIT_STORED:
		tell_accepted(session, outgoing, domain_view(&facts->from_domain));
		return;
	case SUBMIT_FULL:
		session->submission->full_until = world_now(session->submission->world) + SECOND;
		refuse(session,
		       verdict_later(452, STATUS(4, 3, 1), VIEW("no space for mail at the moment; try again later")));
		return;
	case SUBMIT_LATER:
	case SUBMIT_UNKNOWN:
		break;
	}
	refuse(session, verdict_later(451, STATUS(4, 3, 0), VIEW("the message could not be stored; try again soon")));
}

static void judge_and_hand_over(struct session *session, struct transaction *transaction)
{
	struct message_facts facts = { 0 };
	struct verdict_answer verdict = { 0 };
	struct customer_seals seals;
	struct outgoing outgoing = { 0 };
	uint8_t body_hash[SHA256_SIZE];
	const struct message_rules rules = { .utf8 = false };
	if (!form_is_good(session, transaction))
		return;
	const struct verdict checked =
		message_check(text_view(&transaction->content), &rules, &transaction->arena, &facts);
	if (!verdict_is_ok(checked)) {
		refuse(session, checked);
		return;
	}
	session_find_seals(session, &facts, &seals);
	if (!authors_may_send(session, &facts, &seals, &verdict) ||
	    (verdict.presealed && !stays_as_it_is(session, &seals)))
		return;
	dkim_body_end(&transaction->body, body_hash);
	prepare(session, &facts, verdict.presealed, &outgoing);
	struct view header;
	struct view body;
	const struct view unsealed = joined(&outgoing.parts, &transaction->arena);
	header_split(unsealed, &header, &body);
	struct text fields = TEXT_LIMIT(65536);
	if (session_seal(session, &verdict, header, body_hash, domain_view(&facts.from_domain), &fields)) {
		const struct view sealed = sealed_with(unsealed, text_view(&fields), &transaction->arena);
		if (session_check_seals(session, &verdict, sealed, body_hash))
			hand_over(session, &facts, &outgoing, sealed);
	}
	text_deinit(&fields);
}

/* ---- DATA */

static bool has_room(struct session *session)
{
	const struct submission *submission = session->submission;
	if (world_now(submission->world) >= submission->full_until && submission->memory < session->config->limits.memory)
		return true;
	session_reply(session, 452, STATUS(4, 3, 1), VIEW("no room for mail at the moment; try again soon"));
	return false;
}

void command_data(struct session *session, const struct smtp_command *command)
{
	(void)command;
	struct transaction *transaction = session->transaction;
	if (!has_room(session) || !session_take_credit(session, (uint32_t)transaction->recipient_count)) {
		transaction_end(session);
		return;
	}
	transaction->content.limit = session->message_size + 2;
	text_room(&transaction->content, CONTENT_FIRST < session->message_size ? CONTENT_FIRST : 0);
	transaction->data = (struct data_reader){
		.sink = take_piece,
		.context = session,
		.size_limit = session->message_size,
		.refuse_bare_newline = session->listener.bare_newline == BARE_NEWLINE_REFUSE,
	};
	dkim_body_init(&transaction->body);
	session_reply(session, 354, NO_STATUS, VIEW("send the message, end with a dot on a line of its own"));
	if (session_flush(session) && read_data(session, transaction))
		judge_and_hand_over(session, transaction);
	transaction_end(session);
}

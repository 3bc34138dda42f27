#include "mail/message.h"

#include "base/arena.h"
#include "base/text.h"
#include "mail/header.h"
#include "mail/mime.h"

#define ENHANCED(subject_, detail_)                                                                                  \
	((struct enhanced_status){ .class = 5, .subject = (subject_), .detail = (detail_) })

static struct verdict content_fault(struct view why)
{
	return verdict_never(550, ENHANCED(6, 0), why);
}

/* ---- the check: bytes and lines */

/* RFC 5321 2.3.8: CR and LF only as CRLF, and no NUL. Then lines: RFC 5322 2.1.1. */
static struct verdict check_lines(struct view message, struct arena *arena)
{
	if (view_find_byte(message, '\0') != VIEW_NOT_FOUND) {
		return verdict_never(550, ENHANCED(6, 11), VIEW("The message has a NUL octet."));
	}
	struct view rest = message;
	size_t too_long = 0;
	for (size_t number = 1; rest.length > 0; number++) {
		const size_t newline = view_find_byte(rest, '\n');
		const bool last = newline == VIEW_NOT_FOUND; /* BDAT may leave out the last CRLF */
		const struct view line = view_first(rest, newline);
		const size_t length = line.length - (last || line.length == 0 ? 0 : 1);
		const size_t cr = view_find_byte(line, '\r');
		if (last ? cr != VIEW_NOT_FOUND : line.length == 0 || cr != length) {
			return verdict_never(550, ENHANCED(6, 11),
			                     arena_print(arena, "Line %zu has a bare CR or LF; lines end in CRLF.", number));
		}
		if (length > MESSAGE_LINE_MOST && too_long == 0) {
			too_long = number;
		}
		rest = last ? VIEW_NONE : view_from(rest, newline + 1);
	}
	if (too_long > 0) {
		return content_fault(
			arena_print(arena, "Line %zu is longer than %u octets (RFC 5322 2.1.1).", too_long, MESSAGE_LINE_MOST));
	}
	return VERDICT_OK;
}

static struct verdict check_eight_bit(const struct message_rules *rules, struct message_facts *facts)
{
	facts->eight_bit_header = !mime_is_7bit(facts->header);
	facts->eight_bit_body = !mime_is_7bit(facts->body);
	if (facts->eight_bit_header && !rules->utf8) {
		return verdict_never(550, ENHANCED(6, 9),
		                     VIEW("The header has 8-bit text, which takes SMTPUTF8 (RFC 6531) or encoded words "
		                          "(RFC 2047)."));
	}
	if (facts->eight_bit_header && !mime_is_utf8(facts->header)) {
		return content_fault(VIEW("The header has 8-bit text that is not UTF-8 (RFC 6532)."));
	}
	return VERDICT_OK;
}

/* ---- the check: fields */

struct scan {
	struct message_facts *facts;
	struct header_field from;
	uint32_t from_count, sender_count, resent_count;
};

static void see_from(struct scan *scan, const struct header_field *field)
{
	scan->from = scan->from_count++ == 0 ? *field : scan->from;
}

static void see_sender(struct scan *scan, const struct header_field *field)
{
	(void)field;
	scan->sender_count++;
}

static void see_resent(struct scan *scan, const struct header_field *field)
{
	(void)field;
	scan->resent_count++;
}

static void see_received(struct scan *scan, const struct header_field *field)
{
	(void)field;
	scan->facts->hops++;
}

static void see_date(struct scan *scan, const struct header_field *field)
{
	(void)field;
	scan->facts->has_date = true;
}

static void see_message_id(struct scan *scan, const struct header_field *field)
{
	if (!scan->facts->has_message_id) {
		scan->facts->message_id = view_trim(field->body);
	}
	scan->facts->has_message_id = true;
}

static void see_mime_version(struct scan *scan, const struct header_field *field)
{
	(void)field;
	scan->facts->has_mime_version = true;
}

static void see_dkim_signature(struct scan *scan, const struct header_field *field)
{
	(void)field;
	scan->facts->has_dkim_signature = true;
}

static void see_idempotency_key(struct scan *scan, const struct header_field *field)
{
	if (view_is_empty(scan->facts->idempotency_key)) {
		scan->facts->idempotency_key = view_trim(field->body);
	}
}

static void see_private(struct scan *scan, const struct header_field *field)
{
	(void)field;
	scan->facts->private_name_count++;
}

static const struct field_row {
	const char *name;
	void (*see)(struct scan *scan, const struct header_field *field);
} field_rows[] = {
	{ "From", see_from },
	{ "Sender", see_sender },
	{ "Resent-From", see_resent },
	{ "Resent-Sender", see_resent },
	{ "Received", see_received },
	{ "Date", see_date },
	{ "Message-ID", see_message_id },
	{ "MIME-Version", see_mime_version },
	{ "DKIM-Signature", see_dkim_signature },
	{ "Idempotency-Key", see_idempotency_key },
	/* They tell recipients what is not for them, or belong to the last hop alone (RFC 5322 3.6.3, RFC 5321 4.4). */
	{ "Bcc", see_private },
	{ "Resent-Bcc", see_private },
	{ "Return-Path", see_private },
};

static const struct field_row *row_of(const struct header_field *field)
{
	for (size_t i = 0; i < sizeof(field_rows) / sizeof(field_rows[0]); i++) {
		if (header_field_is(field, view_of(field_rows[i].name))) {
			return &field_rows[i];
		}
	}
	return NULL;
}

static bool is_private(const struct header_field *field)
{
	const struct field_row *row = row_of(field);
	return row != NULL && row->see == see_private;
}

static void name_private(struct message_facts *facts, struct arena *arena)
{
	struct header_walk walk = header_walk_of(facts->header);
	struct header_field field;
	size_t count = 0;
	facts->private_names = ARENA_ARRAY(arena, struct view, facts->private_name_count);
	while (count < facts->private_name_count && header_next(&walk, &field) == HEADER_FIELD) {
		if (is_private(&field)) {
			facts->private_names[count++] = field.name;
		}
	}
}

static struct verdict check_fields(struct scan *scan, struct arena *arena)
{
	struct message_facts *facts = scan->facts;
	struct header_walk walk = header_walk_of(facts->header);
	struct header_field field;
	enum header_step step = HEADER_END;
	while ((step = header_next(&walk, &field)) == HEADER_FIELD && facts->field_count < MESSAGE_FIELDS_MOST) {
		facts->field_count++;
		const struct field_row *row = row_of(&field);
		if (row != NULL) {
			row->see(scan, &field);
		}
	}
	if (step == HEADER_MALFORMED) {
		return content_fault(
			arena_print(arena, "The header is malformed at line %zu: %.*s.", walk.line, VIEW_PRINT(walk.why)));
	}
	if (step == HEADER_FIELD) {
		return content_fault(arena_print(arena, "The header has more than %u fields.", MESSAGE_FIELDS_MOST));
	}
	if (facts->hops > MESSAGE_HOPS_MOST) {
		return verdict_never(
			554, ENHANCED(4, 6),
			arena_print(arena, "The message has %u Received: fields, so it is going round in a loop.", facts->hops));
	}
	if (facts->private_name_count > 0) {
		name_private(facts, arena);
	}
	return VERDICT_OK;
}

/* ---- the check: authors */

static struct verdict check_from(const struct scan *scan, struct arena *arena)
{
	struct message_facts *facts = scan->facts;
	struct view why = VIEW_NONE;
	if (scan->from_count != 1) {
		return content_fault(scan->from_count == 0 ? VIEW("The message has no From: field.")
		                                           : VIEW("The message has more than one From: field."));
	}
	if (author_parse(scan->from.body, arena, &facts->from, &why) != AUTHOR_OK) {
		return content_fault(arena_print(arena, "From: cannot be read with certainty: %.*s.", VIEW_PRINT(why)));
	}
	if (facts->from.count == 0) {
		return content_fault(VIEW("From: names no address."));
	}
	facts->from_domain = facts->from.mailboxes[0].domain;
	for (size_t i = 1; i < facts->from.count; i++) {
		if (!domain_equal(&facts->from.mailboxes[i].domain, &facts->from_domain)) {
			return content_fault(VIEW("From: names several domains; no one seal can align with all of them."));
		}
	}
	return VERDICT_OK;
}

/* False: there are too many. */
static bool add_other(struct message_facts *facts, const struct domain *domain)
{
	for (size_t i = 0; i < facts->other_count; i++)
		if (domain_equal(&facts->others[i], domain))
			return true;
	if (facts->other_count == MESSAGE_OTHERS_MOST)
		return false;
	facts->others[facts->other_count++] = *domain;
	return true;
}

static struct verdict check_other(struct message_facts *facts, const struct header_field *field, struct arena *arena)
{
	struct author_list list;
	struct view why = VIEW_NONE;
	if (author_parse(field->body, arena, &list, &why) != AUTHOR_OK) {
		return content_fault(arena_print(arena, "%.*s: cannot be read with certainty: %.*s.", VIEW_PRINT(field->name),
		                                 VIEW_PRINT(why)));
	}
	/* RFC 5322 3.6.2, 3.6.6 */
	if (list.count == 0 || (list.count > 1 && !header_field_is(field, VIEW("Resent-From")))) {
		return content_fault(arena_print(arena, "%.*s: must name one address.", VIEW_PRINT(field->name)));
	}
	for (size_t i = 0; i < list.count; i++) {
		if (!add_other(facts, &list.mailboxes[i].domain)) {
			return content_fault(VIEW("Sender:, Resent-From: and Resent-Sender: name too many domains."));
		}
	}
	return VERDICT_OK;
}

/* Who sent it on says so in the author's sight: for that domain the account must be good too. */
static struct verdict check_others(const struct scan *scan, struct arena *arena)
{
	struct header_walk walk = header_walk_of(scan->facts->header);
	struct header_field field;
	struct verdict verdict = VERDICT_OK;
	if (scan->sender_count > 1) {
		return content_fault(VIEW("The message has more than one Sender: field."));
	}
	for (uint32_t left = scan->sender_count + scan->resent_count; left > 0 && verdict_is_ok(verdict);) {
		if (header_next(&walk, &field) != HEADER_FIELD) {
			break;
		}
		const struct field_row *row = row_of(&field);
		if (row != NULL && (row->see == see_sender || row->see == see_resent)) {
			verdict = check_other(scan->facts, &field, arena);
			left--;
		}
	}
	return verdict;
}

struct verdict message_check(struct view message, const struct message_rules *rules, struct arena *arena,
                             struct message_facts *facts)
{
	struct scan scan = { .facts = facts };
	*facts = (struct message_facts){ 0 };
	header_split(message, &facts->header, &facts->body);
	struct verdict verdict = check_lines(message, arena);
	if (verdict_is_ok(verdict) && facts->header.length > MESSAGE_HEADER_MOST) {
		verdict = content_fault(VIEW("The header is larger than 1 MiB."));
	}
	if (verdict_is_ok(verdict)) {
		verdict = check_fields(&scan, arena);
	}
	if (verdict_is_ok(verdict)) {
		verdict = check_eight_bit(rules, facts);
	}
	if (verdict_is_ok(verdict)) {
		verdict = check_from(&scan, arena);
	}
	return verdict_is_ok(verdict) ? check_others(&scan, arena) : verdict;
}

/* ---- Received */

/* RFC 3848 and RFC 6531 3.7.3. */
static const char *const protocols[2][2][2] = {
	/* [utf8][tls][authenticated] */
	{ { "ESMTP", "ESMTPA" }, { "ESMTPS", "ESMTPSA" } },
	{ { "UTF8SMTP", "UTF8SMTPA" }, { "UTF8SMTPS", "UTF8SMTPSA" } },
};

#define HELO_MOST     255u
#define FOLD_COLUMN   78u
#define RECEIVED_MOST 4096u

/* What a client calls itself stays readable, and can be neither comment nor fold. */
static struct view clean_helo(struct view helo, struct arena *arena)
{
	helo = view_first(helo, HELO_MOST);
	char *clean = ARENA_ARRAY(arena, char, helo.length + 1);
	for (size_t i = 0; i < helo.length; i++) {
		const bool good =
			byte_is_alnum(helo.data[i]) || view_find_byte(VIEW(".-_:[]"), helo.data[i]) != VIEW_NOT_FOUND;
		clean[i] = good ? helo.data[i] : '?';
	}
	return helo.length > 0 ? (struct view){ clean, helo.length } : VIEW("unknown");
}

/* Adds a piece on the line in hand where it fits, else on a new one. */
static void add_folded(struct text *text, size_t *column, struct view piece, bool new_line)
{
	const bool fits = !new_line && *column + 1 + piece.length <= FOLD_COLUMN;
	text_add(text, fits ? VIEW(" ") : VIEW("\r\n\t"));
	text_add(text, piece);
	*column = (fits ? *column : 0) + 1 + piece.length;
}

struct view message_received(const struct received *received, struct arena *arena)
{
	struct text text = TEXT_LIMIT(RECEIVED_MOST);
	size_t column = sizeof("Received:") - 1;
	const bool tls = !view_is_empty(received->tls);
	const bool is_ipv6 = view_find_byte(received->address, ':') != VIEW_NOT_FOUND;
	const struct view helo = clean_helo(received->helo, arena);
	const char *const protocol = received->extended || tls || received->authenticated
	                                 ? protocols[received->utf8][tls][received->authenticated]
	                                 : "SMTP";

	text_add(&text, VIEW("Received:"));
	add_folded(&text, &column, arena_print(arena, "from %.*s", VIEW_PRINT(helo)), false);
	add_folded(&text, &column,
	           arena_print(arena, "([%s%.*s])", is_ipv6 ? "IPv6:" : "", VIEW_PRINT(received->address)), false);
	add_folded(&text, &column, arena_print(arena, "by %.*s", VIEW_PRINT(received->hostname)), true);
	add_folded(&text, &column,
	           arena_print(arena, "with %s id %.*s%s", protocol, VIEW_PRINT(received->id), tls ? "" : ";"), false);
	if (tls) {
		add_folded(&text, &column,
		           arena_print(arena, "(version=%.*s cipher=%.*s);", VIEW_PRINT(received->tls),
		                       VIEW_PRINT(received->cipher)),
		           true);
	}
	add_folded(&text, &column, received->date, true);
	text_add(&text, VIEW("\r\n"));
	const struct view written = arena_copy(arena, text_view(&text));
	text_deinit(&text);
	return written;
}

/* ---- what goes out */

/* RFC 8601 5: only we may speak under our authserv-id. */
static bool claims_authserv_id(const struct header_field *field, struct view authserv_id)
{
	if (authserv_id.length == 0 || !header_field_is(field, VIEW("Authentication-Results"))) {
		return false;
	}
	struct view value = field->body;
	mime_skip_comments(&value);
	if (view_starts(value, VIEW("\""))) {
		value = view_from(value, 1);
	}
	const struct view after = view_from(value, authserv_id.length);
	return view_starts_nocase(value, authserv_id) &&
	       (after.length == 0 ||
	        (!byte_is_alnum(after.data[0]) && view_find_byte(VIEW("-_."), after.data[0]) == VIEW_NOT_FOUND));
}

static bool is_cut(const struct header_field *field, const struct message_additions *additions)
{
	return is_private(field) || (!additions->presealed && claims_authserv_id(field, additions->authserv_id));
}

static size_t count_cuts(struct view header, const struct message_additions *additions)
{
	struct header_walk walk = header_walk_of(header);
	struct header_field field;
	size_t count = 0;
	while (header_next(&walk, &field) == HEADER_FIELD) {
		count += is_cut(&field, additions);
	}
	return count;
}

static void add_part(struct message_parts *parts, struct view part)
{
	if (part.length == 0) {
		return;
	}
	parts->parts[parts->count++] = part;
	parts->size += part.length;
}

static void add_new_fields(struct message_parts *parts, const struct message_facts *facts,
                           const struct message_additions *additions, struct arena *arena)
{
	add_part(parts, additions->received);
	if (additions->presealed) {
		return;
	}
	if (!facts->has_date) {
		add_part(parts, arena_print(arena, "Date: %.*s\r\n", VIEW_PRINT(additions->date)));
	}
	if (!facts->has_message_id) {
		add_part(parts, arena_print(arena, "Message-ID: %.*s\r\n", VIEW_PRINT(additions->message_id)));
	}
	if (!facts->has_mime_version && (facts->eight_bit_header || facts->eight_bit_body)) {
		add_part(parts, VIEW("MIME-Version: 1.0\r\n"));
	}
}

#define NEW_FIELDS_MOST 4u

void message_prepare(const struct message_facts *facts, const struct message_additions *additions,
                     struct arena *arena, struct message_parts *parts)
{
	const size_t capacity = NEW_FIELDS_MOST + count_cuts(facts->header, additions) + 1;
	struct message_parts made = { .parts = ARENA_ARRAY(arena, struct view, capacity) };
	add_new_fields(&made, facts, additions, arena);

	/* Header, empty line and body lie one behind the other; each cut ends one part and begins the next. */
	const char *const end = facts->body.data + facts->body.length;
	const char *from = facts->header.data;
	struct header_walk walk = header_walk_of(facts->header);
	struct header_field field;
	while (header_next(&walk, &field) == HEADER_FIELD) {
		if (is_cut(&field, additions)) {
			add_part(&made, view_bytes(from, (size_t)(field.raw.data - from)));
			from = field.raw.data + field.raw.length;
		}
	}
	add_part(&made, view_bytes(from, (size_t)(end - from)));
	*parts = made;
}

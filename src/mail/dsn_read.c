#include "mail/dsn_read.h"

#include "base/text.h"
#include "mail/dsn.h"
#include "mail/header.h"
#include "mail/mime.h"

enum { PARTS_MOST = 20 };

static struct view unfolded(struct view body, struct arena *arena)
{
	struct text line = TEXT_LIMIT(65536);
	header_unfold(&line, body);
	const struct view copy = arena_copy(arena, text_view(&line));
	text_deinit(&line);
	return copy;
}

/* Like "TYPE; value" (RFC 3464 2.1.2). */
static struct view typed(struct view body, struct arena *arena, struct view *type)
{
	struct view value = unfolded(body, arena);
	*type = VIEW_NONE;
	const size_t semicolon = view_find_byte(value, ';');
	if (semicolon == VIEW_NOT_FOUND)
		return value;
	*type = view_trim(view_first(value, semicolon));
	return view_trim(view_from(value, semicolon + 1));
}

static struct view lower(struct view word, struct arena *arena)
{
	char *copy = arena_alloc(arena, word.length + 1, 1);
	for (size_t i = 0; i < word.length; i++)
		copy[i] = byte_lower(word.data[i]);
	return view_bytes(copy, word.length);
}

/* The number alone, comments behind it (RFC 3464 2.3.4). */
static void read_status(struct view body, struct arena *arena, struct enhanced_status *status)
{
	struct view value = unfolded(body, arena);
	struct view part;
	uint64_t numbers[3] = { 0 };
	size_t count = 0;
	value = view_first(value, view_find_byte(value, ' '));
	while (count < 3 && view_split(&value, '.', &part) && view_to_u64(part, &numbers[count]) && numbers[count] <= 999)
		count++;
	if (count == 3 && numbers[0] >= 2 && numbers[0] <= 5)
		*status = (struct enhanced_status){ (uint8_t)numbers[0], (uint16_t)numbers[1], (uint16_t)numbers[2] };
}

static void read_recipient_field(const struct header_field *field, struct arena *arena, struct dsn_said *said)
{
	struct view type;
	if (header_field_is(field, VIEW("Final-Recipient")))
		said->recipient = typed(field->body, arena, &type);
	else if (header_field_is(field, VIEW("Original-Recipient")))
		said->original = typed(field->body, arena, &type);
	else if (header_field_is(field, VIEW("Action")))
		said->action = lower(unfolded(field->body, arena), arena);
	else if (header_field_is(field, VIEW("Status")))
		read_status(field->body, arena, &said->status);
	else if (header_field_is(field, VIEW("Remote-MTA")))
		said->remote = typed(field->body, arena, &type);
	else if (header_field_is(field, VIEW("Diagnostic-Code"))) {
		said->diagnostic = typed(field->body, arena, &type);
		said->is_smtp = view_equal_nocase(type, VIEW("smtp"));
	}
}

static void read_message_field(const struct header_field *field, struct arena *arena, struct dsn_report *report)
{
	struct view type;
	if (header_field_is(field, VIEW("Reporting-MTA")))
		report->reporter = typed(field->body, arena, &type);
	else if (header_field_is(field, VIEW("Arrival-Date")))
		report->arrival = unfolded(field->body, arena);
	else if (header_field_is(field, VIEW("Original-Envelope-Id")))
		report->envelope = unfolded(field->body, arena);
}

/* Groups of fields, empty lines between: of the message first, then one a recipient. */
static void read_status_part(struct view part, struct arena *arena, struct dsn_report *report)
{
	report->recipients = ARENA_ARRAY(arena, struct dsn_said, DSN_RECIPIENTS_MOST);
	for (size_t group = 0; part.length > 0 && report->recipient_count < DSN_RECIPIENTS_MOST; group++) {
		struct dsn_said said = { .is_smtp = false };
		struct header_field field;
		struct view fields;
		struct view rest;
		header_split(part, &fields, &rest);
		struct header_walk walk = header_walk_of(fields);
		while (header_next(&walk, &field) == HEADER_FIELD) {
			read_recipient_field(&field, arena, &said);
			read_message_field(&field, arena, report);
		}
		if (said.recipient.length > 0 || said.action.length > 0)
			report->recipients[report->recipient_count++] = said;
		part = rest;
	}
}

/* ---- the parts */

static bool is_type(struct view content_type, struct view type)
{
	struct view rest = content_type;
	if (!mime_skip_comments(&rest) || !view_starts_nocase(rest, type))
		return false;
	rest = view_from(rest, type.length);
	return rest.length == 0 || rest.data[0] == ';' || byte_is_blank(rest.data[0]) || rest.data[0] == '\r';
}

/* Up to the next line that begins with the delimiter; *rest is what stands after that line. False: there is none. */
static bool next_part(struct view *rest, struct view delimiter, struct view *part)
{
	size_t at = 0;
	while (at < rest->length) {
		const struct view here = view_from(*rest, at);
		const size_t end = view_find(here, VIEW("\r\n"));
		const size_t next = end == VIEW_NOT_FOUND ? rest->length : at + end + 2;
		if (view_starts(here, delimiter)) {
			*part = view_first(*rest, at);
			*rest = view_from(*rest, next);
			return true;
		}
		at = next;
	}
	return false;
}

static void read_part(struct view part, struct arena *arena, struct dsn_report *report)
{
	struct header_field field;
	struct view header;
	struct view body;
	header_split(part, &header, &body);
	if (header_count(header, VIEW("Content-Type"), &field) != 1)
		return;
	/* RFC 6533 6.1: the same in UTF-8. */
	if (report->recipients == NULL && (is_type(field.body, VIEW("message/delivery-status")) ||
	                                   is_type(field.body, VIEW("message/global-delivery-status"))))
		read_status_part(body, arena, report);
	if (!is_type(field.body, VIEW("message/rfc822")) && !is_type(field.body, VIEW("text/rfc822-headers")))
		return;
	struct view original;
	struct view content;
	header_split(body, &original, &content);
	if (header_count(original, VIEW("Message-ID"), &field) > 0)
		report->message_id = unfolded(field.body, arena);
}

bool dsn_read(struct view message, struct arena *arena, struct dsn_report *report, struct view *why)
{
	struct view header;
	struct view rest;
	struct view part;
	struct view boundary;
	struct header_field type;
	*report = (struct dsn_report){ .recipient_count = 0 };
	header_split(message, &header, &rest);
	*why = VIEW("it is no multipart/report (RFC 6522)");
	if (header_count(header, VIEW("Content-Type"), &type) != 1 || !is_type(type.body, VIEW("multipart/report")) ||
	    !mime_boundary(type.body, arena, &boundary))
		return false;
	const struct view delimiter = arena_print(arena, "--%.*s", VIEW_PRINT(boundary));
	*why = VIEW("its parts are cut off");
	if (!next_part(&rest, delimiter, &part))
		return false;
	for (size_t i = 0; i < PARTS_MOST && next_part(&rest, delimiter, &part); i++)
		read_part(part, arena, report);
	*why = VIEW("it has no part of the type message/delivery-status (RFC 3464)");
	if (report->recipients == NULL)
		return false;
	*why = VIEW("it names no recipient");
	return report->recipient_count > 0;
}

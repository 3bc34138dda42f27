#include "mail/dsn.h"

#include "base/clock.h"
#include "base/text.h"
#include "mail/domain.h"
#include "mail/header.h"
#include "mail/mime.h"

#define ADDRESS_MOST    900u  /* of an address as written; longer ones are cut, so that a line stays under 998 */
#define DIAGNOSTIC_MOST 1000u /* of what a remote said */
#define WORD_MOST       900u
#define WRAP_COLUMN     72u
#define MESSAGE_ID_MOST 250u

/* ---- the text of strangers */

/* Printable ASCII stays; a run of anything else becomes one question mark. */
static void add_clean(struct text *text, struct view bytes)
{
	bool was_clean = true;
	for (size_t i = 0; i < bytes.length; i++) {
		const bool clean = byte_is_print(bytes.data[i]);
		if (clean || was_clean) {
			text_add_byte(text, clean ? bytes.data[i] : '?');
		}
		was_clean = clean;
	}
}

static bool is_printable(struct view bytes)
{
	for (size_t i = 0; i < bytes.length; i++) {
		if (!byte_is_print(bytes.data[i])) {
			return false;
		}
	}
	return true;
}

/* Words on lines of WRAP_COLUMN, each line after indent; a word longer than a line has one of its own. */
static void add_wrapped(struct text *text, struct view indent, struct view words)
{
	size_t column = 0;
	struct view word = VIEW_NONE;
	while (view_split(&words, ' ', &word)) {
		word = view_first(word, WORD_MOST);
		if (word.length == 0) {
			continue;
		}
		if (column > 0 && indent.length + column + 1 + word.length > WRAP_COLUMN) {
			text_add(text, VIEW("\r\n"));
			column = 0;
		}
		text_add(text, column == 0 ? indent : VIEW(" "));
		column += (column == 0 ? 0 : 1) + word.length;
		add_clean(text, word);
	}
	text_add(text, VIEW("\r\n"));
}

/* The code point at the front of valid UTF-8, and its length. */
static uint32_t code_point(struct view bytes, size_t *length)
{
	const unsigned char first = (unsigned char)bytes.data[0];
	*length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t point = *length == 1 ? first : first & (0x7fu >> *length);
	for (size_t i = 1; i < *length; i++) {
		point = point << 6 | ((unsigned char)bytes.data[i] & 0x3fu);
	}
	return point;
}

/* RFC 6533 3: utf-8-addr-xtext, which is 7-bit; \x{HEX} for what is not ASCII and for the bytes with a meaning. */
static void add_utf8_xtext(struct text *text, struct view address)
{
	const size_t start = text->length;
	while (address.length > 0 && text->length - start < ADDRESS_MOST) {
		size_t length = 0;
		const uint32_t point = code_point(address, &length);
		if (point > ' ' && point < 127 && view_find_byte(VIEW("+=\\"), (char)point) == VIEW_NOT_FOUND) {
			text_add_byte(text, (char)point);
		} else {
			text_print(text, "\\x{%X}", (unsigned)point);
		}
		address = view_from(address, length);
	}
	text_add(text, address.length > 0 ? VIEW("...") : VIEW_NONE);
}

static void add_address(struct text *text, struct view address)
{
	if (!mime_is_7bit(address) && mime_is_utf8(address)) {
		add_utf8_xtext(text, address);
		return;
	}
	add_clean(text, view_first(address, ADDRESS_MOST));
	text_add(text, address.length > ADDRESS_MOST ? VIEW("...") : VIEW_NONE);
}

/* ---- words for what happened */

struct kind_words {
	const char *subject;
	const char *opening;
};
static const struct kind_words kinds[] = {
	[DSN_FAILURE] = { "Your message could not be delivered",
	                  "Your message could not be delivered to the recipients below. It will not be tried again." },
	[DSN_DELAY] = { "Your message is delayed",
	                "Your message could not be delivered to the recipients below yet. It is kept and will be tried "
	                "again: you need not send it again." },
	[DSN_SUCCESS] = { "Your message was delivered", "Your message was delivered to the recipients below." },
};

static const char *const actions[] = {
	[DSN_FAILED] = "failed",   [DSN_DELAYED] = "delayed",   [DSN_DELIVERED] = "delivered",
	[DSN_RELAYED] = "relayed", [DSN_EXPANDED] = "expanded",
};

/* What the sender can do, by RFC 3463 subject and detail; the first row that fits. */
#define ANY 0xffffu
static const struct advice_row {
	uint16_t subject, detail;
	const char *advice;
} advice_rows[] = {
	{ 1, 1,
	  "Check the spelling of the address. If it was right once, it is no longer in use: remove it from your lists." },
	{ 1, 2, "Check the part of the address after the @: no such domain takes mail." },
	{ 1, 10, "Check the part of the address after the @: that domain says that it takes no mail at all." },
	{ 1, ANY, "Check the address: the recipient's server does not take it." },
	{ 2, 2, "The recipient's mailbox is full. Tell them in another way, and send the message again later." },
	{ 2, 3, "The message is too large for the recipient. Send a smaller one, or a link in its place." },
	{ 3, 4, "The message is too large for the recipient's server. Send a smaller one, or a link in its place." },
	{ 2, ANY, "The recipient's mailbox takes no mail now. Reach them in another way." },
	{ 4, 4,
	  "Check the part of the address after the @. If it is right, the recipient's domain is set up wrongly: "
	  "tell its administrator." },
	{ 4, 7,
	  "No attempt succeeded in the time allowed. Send the message again later, or tell the administrator of the "
	  "recipient's server." },
	{ 4, ANY,
	  "The recipient's server could not be reached. Send the message again later, or tell its administrator." },
	{ 6, ANY, "The recipient's server cannot take this message's content. Change its format or attachments." },
	{ 7, ANY,
	  "The recipient's server refuses the message by its rules; its answer above says which. Its administrator "
	  "can tell more." },
	{ ANY, ANY,
	  "The answer above says why. If that does not help, ask the administrator of the recipient's server." },
};

static const char *advice_of(struct enhanced_status status)
{
	const struct advice_row *row = advice_rows;
	while ((row->subject != ANY && row->subject != status.subject) ||
	       (row->detail != ANY && row->detail != status.detail)) {
		row++;
	}
	return row->advice;
}

static struct enhanced_status status_of(const struct dsn_recipient *recipient)
{
	static const uint8_t classes[] = {
		[DSN_FAILED] = 5, [DSN_DELAYED] = 4, [DSN_DELIVERED] = 2, [DSN_RELAYED] = 2, [DSN_EXPANDED] = 2,
	};
	const struct enhanced_status status = recipient->verdict.status;
	return status.class != 0 ? status : (struct enhanced_status){ .class = classes[recipient->action] };
}

/* "5.1.1 " at the front. */
static bool has_status(struct view line)
{
	struct view part = VIEW_NONE;
	struct view status = view_first(line, view_find_byte(line, ' '));
	size_t parts = 0;
	while (view_split(&status, '.', &part)) {
		uint64_t number = 0;
		if (part.length > 3 || !view_to_u64(part, &number)) {
			return false;
		}
		parts++;
	}
	return parts == 3;
}

/* What the remote said, with code and status in front of it where its text lacks them; lines are separated by LF. */
static void add_reply(struct text *text, const struct dsn_recipient *recipient)
{
	const struct verdict *verdict = &recipient->verdict;
	char code[8];
	snprintf(code, sizeof(code), "%u", verdict->code);
	if (verdict->code != 0 && !view_starts(verdict->why, view_of(code))) {
		text_print(text, "%s ", code);
		if (verdict->status.class != 0 && !has_status(verdict->why)) {
			text_print(text, "%u.%u.%u ", verdict->status.class, verdict->status.subject, verdict->status.detail);
		}
	}
	text_add(text, view_first(verdict->why, DIAGNOSTIC_MOST));
	text_add(text, verdict->why.length > DIAGNOSTIC_MOST ? VIEW("...") : VIEW_NONE);
}

/* ---- the parts */

static void add_boundary(struct text *text, const struct dsn *dsn)
{
	text_print(text, "--%.*s\r\n", VIEW_PRINT(dsn->boundary));
}

static void add_date_field(struct text *text, const char *name, int64_t wall)
{
	text_print(text, "%s: ", name);
	text_add_time_rfc5322(text, wall);
	text_add(text, VIEW("\r\n"));
}

/* So that mail readers show the notice beside the message it is about. */
static void add_references(struct text *text, struct view header)
{
	struct header_field field;
	if (header_count(header, VIEW("Message-ID"), &field) == 0) {
		return;
	}
	const struct view id = view_trim(field.body);
	if (id.length <= MESSAGE_ID_MOST && is_printable(id) && view_starts(id, VIEW("<")) && view_ends(id, VIEW(">"))) {
		text_print(text, "References: %.*s\r\n", VIEW_PRINT(id));
	}
}

static void add_header(struct text *text, const struct dsn *dsn)
{
	text_print(text, "From: Mail Delivery Service <MAILER-DAEMON@%.*s>\r\n", VIEW_PRINT(dsn->service_domain));
	if (is_printable(dsn->to) && dsn->to.length <= ADDRESS_MOST) {
		text_print(text, "To: <%.*s>\r\n", VIEW_PRINT(dsn->to));
	} else {
		/* A 7-bit header cannot name it; the envelope does. */
		text_add(text, VIEW("To: undisclosed-recipients:;\r\n"));
	}
	text_print(text, "Subject: %s\r\n", kinds[dsn->kind].subject);
	add_date_field(text, "Date", dsn->date);
	text_print(text, "Message-ID: %.*s\r\n", VIEW_PRINT(dsn->message_id));
	add_references(text, dsn->header);
	text_add(text, VIEW("Auto-Submitted: auto-replied\r\n" /* RFC 3834 5 */
	                    "MIME-Version: 1.0\r\n"
	                    "Content-Type: multipart/report; report-type=delivery-status;\r\n"));
	text_print(text, "\tboundary=\"%.*s\"\r\n\r\n", VIEW_PRINT(dsn->boundary));
}

static void add_lines_wrapped(struct text *text, struct view lines)
{
	struct view line = VIEW_NONE;
	while (view_split(&lines, '\n', &line)) {
		line = view_trim(line);
		if (line.length > 0) {
			add_wrapped(text, VIEW("        "), line);
		}
	}
}

/* Who said it. */
static void add_speaker(struct text *text, const struct dsn_recipient *recipient)
{
	if (recipient->remote.length == 0) {
		text_add(text, VIEW("    Reason:\r\n"));
		return;
	}
	text_add(text, VIEW("    "));
	add_clean(text, view_first(recipient->remote, WORD_MOST));
	text_add(text, recipient->verdict.code != 0 ? VIEW(" answered:\r\n") : VIEW(":\r\n"));
}

static void add_recipient_for_people(struct text *text, const struct dsn *dsn, const struct dsn_recipient *recipient)
{
	struct text reply = TEXT_LIMIT(2 * DIAGNOSTIC_MOST);
	text_add(text, VIEW("\r\n<"));
	add_address(text, recipient->address);
	text_add(text, VIEW(">\r\n"));
	add_reply(&reply, recipient);
	if (reply.length > 0) {
		add_speaker(text, recipient);
		add_lines_wrapped(text, text_view(&reply));
	}
	text_deinit(&reply);
	if (dsn->kind == DSN_FAILURE) {
		text_add(text, VIEW("    What to do:\r\n"));
		add_wrapped(text, VIEW("        "), view_of(advice_of(status_of(recipient))));
	}
	if (dsn->kind == DSN_DELAY && recipient->will_retry_until != 0) {
		text_add(text, VIEW("    Will be tried until "));
		text_add_time_rfc5322(text, recipient->will_retry_until);
		text_add(text, VIEW(".\r\n"));
	}
}

static void add_part_for_people(struct text *text, const struct dsn *dsn, size_t count)
{
	add_boundary(text, dsn);
	text_add(text, VIEW("Content-Type: text/plain; charset=us-ascii\r\n\r\n"));
	text_print(text, "This is the mail service at %.*s.\r\n\r\n", VIEW_PRINT(dsn->hostname));
	add_wrapped(text, VIEW(""), view_of(kinds[dsn->kind].opening));
	for (size_t i = 0; i < count; i++) {
		add_recipient_for_people(text, dsn, &dsn->recipients[i]);
	}
	if (dsn->recipient_count > count) {
		text_print(text, "\r\nAnd %zu more recipients.\r\n", dsn->recipient_count - count);
	}
	text_add(text, VIEW("\r\nThe message was taken on "));
	text_add_time_rfc5322(text, dsn->arrival);
	text_print(text, "\r\nwith queue id %.*s. Its header follows below.\r\n", VIEW_PRINT(dsn->queue_id));
}

static void add_recipient_field(struct text *text, const char *name, struct view address)
{
	text_print(text, "%s: %s; ", name, mime_is_7bit(address) ? "rfc822" : "utf-8");
	add_address(text, address);
	text_add(text, VIEW("\r\n"));
}

/* RFC 3464 2.3.1: the type and the address as they were given. */
static void add_original_recipient(struct text *text, struct view original)
{
	const size_t semicolon = view_find_byte(original, ';');
	if (original.length == 0 || semicolon == VIEW_NOT_FOUND || !is_printable(view_first(original, semicolon))) {
		return;
	}
	text_print(text, "Original-Recipient: %.*s; ", VIEW_PRINT(view_first(original, semicolon < 32 ? semicolon : 32)));
	add_address(text, view_trim(view_from(original, semicolon + 1)));
	text_add(text, VIEW("\r\n"));
}

static void add_remote(struct text *text, struct view remote)
{
	const struct view name = view_first(remote, view_find_byte(remote, ' '));
	const struct view rest = view_trim(view_from(remote, name.length));
	struct domain domain;
	if (domain_parse(name, &domain) != DOMAIN_OK) {
		return;
	}
	text_print(text, "Remote-MTA: dns; %s", domain.name);
	if (rest.length > 0 && view_find_byte(rest, '(') == VIEW_NOT_FOUND &&
	    view_find_byte(rest, ')') == VIEW_NOT_FOUND) {
		text_add(text, VIEW(" ("));
		add_clean(text, view_first(rest, WORD_MOST));
		text_add(text, VIEW(")"));
	}
	text_add(text, VIEW("\r\n"));
}

/* RFC 3464 2.3.6; a reply of several lines is folded at their ends. An empty line would end the group of fields. */
static void add_diagnostic(struct text *text, const struct dsn_recipient *recipient)
{
	struct text reply = TEXT_LIMIT(2 * DIAGNOSTIC_MOST);
	add_reply(&reply, recipient);
	struct view lines = text_view(&reply);
	struct view line = VIEW_NONE;
	bool begun = false;
	while (view_split(&lines, '\n', &line)) {
		line = view_trim(line);
		if (line.length == 0) {
			continue;
		}
		if (!begun) {
			text_print(text, "Diagnostic-Code: %s;", recipient->verdict.code != 0 ? "smtp" : "x-sealpost");
		}
		add_wrapped(text, VIEW(" "), line);
		begun = true;
	}
	text_deinit(&reply);
}

static void add_recipient_status(struct text *text, const struct dsn_recipient *recipient)
{
	const struct enhanced_status status = status_of(recipient);
	text_add(text, VIEW("\r\n"));
	add_original_recipient(text, recipient->original);
	add_recipient_field(text, "Final-Recipient", recipient->address);
	text_print(text, "Action: %s\r\n", actions[recipient->action]);
	text_print(text, "Status: %u.%u.%u\r\n", status.class, status.subject, status.detail);
	add_remote(text, recipient->remote);
	add_diagnostic(text, recipient);
	if (recipient->last_attempt != 0) {
		add_date_field(text, "Last-Attempt-Date", recipient->last_attempt);
	}
	if (recipient->action == DSN_DELAYED && recipient->will_retry_until != 0) {
		add_date_field(text, "Will-Retry-Until", recipient->will_retry_until);
	}
}

static void add_part_status(struct text *text, const struct dsn *dsn, size_t count)
{
	text_add(text, VIEW("\r\n"));
	add_boundary(text, dsn);
	text_add(text, VIEW("Content-Type: message/delivery-status\r\n\r\n"));
	if (dsn->envelope_id.length > 0) {
		text_add(text, VIEW("Original-Envelope-Id: "));
		add_clean(text, view_first(dsn->envelope_id, ADDRESS_MOST));
		text_add(text, VIEW("\r\n"));
	}
	text_print(text, "Reporting-MTA: dns; %.*s\r\n", VIEW_PRINT(dsn->hostname));
	add_date_field(text, "Arrival-Date", dsn->arrival);
	text_print(text, "X-Sealpost-Queue-ID: %.*s\r\n", VIEW_PRINT(dsn->queue_id));
	for (size_t i = 0; i < count; i++) {
		add_recipient_status(text, &dsn->recipients[i]);
	}
}

/* ---- the original's header */

/* Whole lines only, at most DSN_HEADER_MOST octets, nothing of the body. */
static struct view returned_header(struct view header)
{
	struct view body = VIEW_NONE;
	const bool whole = header.length <= DSN_HEADER_MOST;
	header = view_first(header, DSN_HEADER_MOST);
	if (!header_split(header, &header, &body) && !(whole && view_ends(header, VIEW("\n")))) {
		const size_t newline = view_find_last_byte(header, '\n');
		header = view_first(header, newline == VIEW_NOT_FOUND ? 0 : newline + 1);
	}
	return header;
}

/* Only whole lines under 998 octets of 7-bit text go out as they are. */
static bool is_plain(struct view header)
{
	while (header.length > 0) {
		const size_t newline = view_find_byte(header, '\n');
		if (newline > 998 || view_find_byte(view_first(header, newline), '\r') != newline - 1) {
			return false;
		}
		header = view_from(header, newline + 1);
	}
	return true;
}

/* RFC 2045 6.7; CRLF stays a line's end. */
static void add_quoted_printable(struct text *text, struct view bytes)
{
	size_t column = 0;
	for (size_t i = 0; i < bytes.length; i++) {
		const char byte = bytes.data[i];
		const struct view rest = view_from(bytes, i);
		if (view_starts(rest, VIEW("\r\n"))) {
			text_add(text, VIEW("\r\n"));
			column = 0;
			i++;
			continue;
		}
		const bool before_end = view_starts(view_from(rest, 1), VIEW("\r\n")) || rest.length == 1;
		const bool plain =
			byte != '=' && (byte_is_print(byte) || byte == '\t') && !(byte_is_blank(byte) && before_end);
		if (column + (plain ? 1 : 3) > 75) {
			text_add(text, VIEW("=\r\n"));
			column = 0;
		}
		if (plain) {
			text_add_byte(text, byte);
		} else {
			text_print(text, "=%02X", (unsigned)(unsigned char)byte);
		}
		column += plain ? 1 : 3;
	}
}

static void add_part_header(struct text *text, const struct dsn *dsn)
{
	const struct view header = returned_header(dsn->header);
	const bool plain = mime_is_7bit(header) && view_find_byte(header, '\0') == VIEW_NOT_FOUND && is_plain(header);
	text_add(text, VIEW("\r\n"));
	add_boundary(text, dsn);
	text_add(text, VIEW("Content-Type: text/rfc822-headers\r\n"));
	if (plain) {
		text_add(text, VIEW("\r\n"));
		text_add(text, header);
	} else {
		text_add(text, VIEW("Content-Transfer-Encoding: quoted-printable\r\n\r\n"));
		add_quoted_printable(text, header);
	}
}

void dsn_compose(const struct dsn *dsn, struct text *text)
{
	const size_t count = dsn->recipient_count < DSN_RECIPIENTS_MOST ? dsn->recipient_count : DSN_RECIPIENTS_MOST;
	add_header(text, dsn);
	add_part_for_people(text, dsn, count);
	add_part_status(text, dsn, count);
	add_part_header(text, dsn);
	text_print(text, "\r\n--%.*s--\r\n", VIEW_PRINT(dsn->boundary));
}

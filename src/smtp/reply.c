#include "smtp/reply.h"

static void add_line(struct text *out, uint16_t code, struct enhanced_status status, char separator, struct view line)
{
	const size_t start = out->length;
	text_print(out, "%u%c", (unsigned)code, separator);
	if (status.class != 0) {
		text_add_status(out, status);
		text_add_byte(out, ' ');
	}
	const size_t head = out->length - start;
	const struct view shown = view_first(line, REPLY_LINE_MOST - 2 - head);
	for (size_t i = 0; i < shown.length; i++)
		text_add_byte(out, byte_is_print(shown.data[i]) ? shown.data[i] : '?');
	text_add(out, VIEW("\r\n"));
}

void smtp_reply_write(struct text *out, uint16_t code, struct enhanced_status status, struct view text)
{
	struct view line;
	if (text.data == NULL)
		text = VIEW("");
	while (view_split(&text, '\n', &line))
		add_line(out, code, status, text.data == NULL ? ' ' : '-', line);
}

void text_add_status(struct text *text, struct enhanced_status status)
{
	text_print(text, "%u.%u.%u", (unsigned)status.class, (unsigned)status.subject, (unsigned)status.detail);
}

void smtp_reply_init(struct smtp_reply *reply)
{
	*reply = (struct smtp_reply){ .text = TEXT_LIMIT(REPLY_TEXT_MOST) };
}

void smtp_reply_deinit(struct smtp_reply *reply)
{
	text_deinit(&reply->text);
}

void smtp_reply_clear(struct smtp_reply *reply)
{
	text_clear(&reply->text);
	reply->code = 0;
	reply->status = (struct enhanced_status){ 0 };
	reply->line_count = 0;
}

static bool number_of(struct view digits, uint16_t *number)
{
	uint64_t value = 0;
	if (digits.length > 3 || !view_to_u64(digits, &value))
		return false;
	*number = (uint16_t)value;
	return true;
}

/* "5.7.1 " at the start of a text: its length with the blank, or 0. */
static size_t smtp_status_parse(struct view text, struct enhanced_status *status)
{
	struct enhanced_status parsed = { 0 };
	const struct view word = view_first(text, view_find_byte(text, ' '));
	struct view rest = word;
	struct view parts[3];
	for (size_t i = 0; i < 3; i++)
		if (!view_split(&rest, '.', &parts[i]))
			return 0;
	if (rest.data != NULL || parts[0].length != 1 || !number_of(parts[1], &parsed.subject) ||
	    !number_of(parts[2], &parsed.detail))
		return 0;
	if (parts[0].data[0] != '2' && parts[0].data[0] != '4' && parts[0].data[0] != '5')
		return 0;
	parsed.class = (uint8_t)(parts[0].data[0] - '0');
	*status = parsed;
	return word.length < text.length ? word.length + 1 : word.length;
}

enum reply_result smtp_reply_add(struct smtp_reply *reply, struct view line)
{
	uint16_t code = 0;
	if (++reply->line_count > REPLY_LINES_MOST || line.length < 3 || !number_of(view_first(line, 3), &code) ||
	    code < 200 || code > 599)
		return REPLY_BROKEN;
	if (reply->line_count > 1 && code != reply->code)
		return REPLY_BROKEN;
	const bool more = line.length > 3 && line.data[3] == '-';
	if (line.length > 3 && line.data[3] != ' ' && !more)
		return REPLY_BROKEN;
	struct view text = view_from(line, 4);
	struct enhanced_status status = { 0 };
	const size_t status_length = smtp_status_parse(text, &status);
	if (status_length > 0 && status.class == code / 100) {
		reply->status = status;
		text = view_from(text, status_length);
	}
	reply->code = code;
	/* What does not fit is left out; the code has been read. */
	if (reply->line_count > 1)
		text_add_byte(&reply->text, '\n');
	text_add(&reply->text, view_first(text, reply->text.limit - reply->text.length));
	return more ? REPLY_MORE : REPLY_DONE;
}

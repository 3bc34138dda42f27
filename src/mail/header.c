#include "mail/header.h"

#include "base/text.h"

#define CRLF_LENGTH 2u

bool header_split(struct view message, struct view *header, struct view *body)
{
	if (view_starts(message, VIEW("\r\n"))) {
		*header = view_first(message, 0);
		*body = view_from(message, CRLF_LENGTH);
		return true;
	}
	const size_t end = view_find(message, VIEW("\r\n\r\n"));
	if (end == VIEW_NOT_FOUND) {
		*header = message;
		*body = view_from(message, message.length);
		return false;
	}
	*header = view_first(message, end + CRLF_LENGTH);
	*body = view_from(message, end + 2 * CRLF_LENGTH);
	return true;
}

struct header_walk header_walk_of(struct view header)
{
	return (struct header_walk){ .rest = header };
}

static enum header_step malformed(struct header_walk *walk, struct view why)
{
	walk->why = why;
	return HEADER_MALFORMED;
}

/* The length of the line at the front with its CRLF; 0 when CR, LF or NUL stand alone in it or CRLF is missing. */
static size_t line_length(struct view rest)
{
	const size_t newline = view_find_byte(rest, '\n');
	if (newline == VIEW_NOT_FOUND || newline == 0) {
		return 0;
	}
	const struct view line = view_first(rest, newline);
	const bool ends_well = view_find_byte(line, '\r') == newline - 1;
	return ends_well && view_find_byte(line, '\0') == VIEW_NOT_FOUND ? newline + 1 : 0;
}

/* RFC 5322 2.2: printable ASCII but no colon. Returns why not; empty when it is one. */
static struct view name_fault(struct view name)
{
	if (name.length == 0) {
		return VIEW("a line begins with a colon");
	}
	for (size_t i = 0; i < name.length; i++) {
		if (byte_is_blank(name.data[i])) {
			return VIEW("there is a blank in a field name or before its colon");
		}
		if (!byte_is_print(name.data[i])) {
			return VIEW("a field name is not printable ASCII");
		}
	}
	return VIEW_NONE;
}

enum header_step header_next(struct header_walk *walk, struct header_field *field)
{
	if (!view_is_empty(walk->why)) {
		return HEADER_MALFORMED;
	}
	if (walk->rest.length == 0) {
		return HEADER_END;
	}
	walk->line = walk->lines_read + 1;
	if (byte_is_blank(walk->rest.data[0])) {
		return malformed(walk, VIEW("the header begins with a continuation line"));
	}
	size_t length = 0;
	do {
		const size_t line = line_length(view_from(walk->rest, length));
		if (line == 0) {
			return malformed(walk, VIEW("a header line has a bare CR, LF or NUL or does not end in CRLF"));
		}
		length += line;
		walk->lines_read++;
	} while (length < walk->rest.length && byte_is_blank(walk->rest.data[length]));

	const struct view raw = view_first(walk->rest, length);
	const size_t colon = view_find_byte(view_first(raw, view_find_byte(raw, '\r')), ':');
	if (colon == VIEW_NOT_FOUND) {
		return malformed(walk, VIEW("a header line has no colon"));
	}
	const struct view fault = name_fault(view_first(raw, colon));
	if (!view_is_empty(fault)) {
		return malformed(walk, fault);
	}
	*field = (struct header_field){
		.name = view_first(raw, colon),
		.body = view_slice(raw, colon + 1, raw.length - CRLF_LENGTH - colon - 1),
		.raw = raw,
	};
	walk->rest = view_from(walk->rest, length);
	return HEADER_FIELD;
}

bool header_field_is(const struct header_field *field, struct view name)
{
	return view_equal_nocase(field->name, name);
}

size_t header_count(struct view header, struct view name, struct header_field *field)
{
	struct header_walk walk = header_walk_of(header);
	struct header_field each;
	size_t count = 0;
	while (header_next(&walk, &each) == HEADER_FIELD) {
		if (!header_field_is(&each, name)) {
			continue;
		}
		if (count == 0) {
			*field = each;
		}
		count++;
	}
	return count;
}

void header_unfold(struct text *text, struct view body)
{
	body = view_trim(body);
	while (body.length > 0) {
		const size_t fold = view_find(body, VIEW("\r\n"));
		text_add(text, view_first(body, fold)); /* clamped: all of it when there is no fold */
		body = fold == VIEW_NOT_FOUND ? VIEW_NONE : view_from(body, fold + CRLF_LENGTH);
	}
}

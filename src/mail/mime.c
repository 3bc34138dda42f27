#include "mail/mime.h"

#include "base/arena.h"
#include "base/bytes.h"

#define BOUNDARY_MOST 70u

bool mime_is_7bit(struct view bytes)
{
	/* Without a branch in the loop, so that compilers make it many bytes at a time. */
	const size_t stride = 4096;
	for (size_t start = 0; start < bytes.length; start += stride) {
		const struct view piece = view_slice(bytes, start, stride);
		unsigned char all = 0;
		for (size_t i = 0; i < piece.length; i++) {
			all |= (unsigned char)piece.data[i];
		}
		if (all > 127) {
			return false;
		}
	}
	return true;
}

/* RFC 3629 4: how many bytes follow a first byte, and between what bounds the second one is. */
struct utf8_row {
	unsigned char first, last; /* of the first byte */
	unsigned char following;
	unsigned char second_least, second_most;
};
static const struct utf8_row utf8_rows[] = {
	{ 0x00, 0x7f, 0, 0x00, 0x00 }, { 0xc2, 0xdf, 1, 0x80, 0xbf }, { 0xe0, 0xe0, 2, 0xa0, 0xbf },
	{ 0xe1, 0xec, 2, 0x80, 0xbf }, { 0xed, 0xed, 2, 0x80, 0x9f }, { 0xee, 0xef, 2, 0x80, 0xbf },
	{ 0xf0, 0xf0, 3, 0x90, 0xbf }, { 0xf1, 0xf3, 3, 0x80, 0xbf }, { 0xf4, 0xf4, 3, 0x80, 0x8f },
};

/* Bytes of the character at the front; 0: none is. */
static size_t utf8_length(struct view bytes)
{
	const unsigned char first = (unsigned char)bytes.data[0];
	const struct utf8_row *row = utf8_rows;
	while (row < utf8_rows + sizeof(utf8_rows) / sizeof(utf8_rows[0]) &&
	       !(first >= row->first && first <= row->last)) {
		row++;
	}
	if (row == utf8_rows + sizeof(utf8_rows) / sizeof(utf8_rows[0]) || bytes.length <= row->following) {
		return 0;
	}
	for (size_t i = 1; i <= row->following; i++) {
		const unsigned char byte = (unsigned char)bytes.data[i];
		const unsigned char least = i == 1 ? row->second_least : 0x80;
		const unsigned char most = i == 1 ? row->second_most : 0xbf;
		if (byte < least || byte > most) {
			return 0;
		}
	}
	return (size_t)row->following + 1;
}

bool mime_is_utf8(struct view bytes)
{
	while (bytes.length > 0) {
		const size_t length = utf8_length(bytes);
		if (length == 0) {
			return false;
		}
		bytes = view_from(bytes, length);
	}
	return true;
}

/* ---- Content-Type: the parameter boundary */

bool mime_skip_comments(struct view *rest)
{
	size_t depth = 0;
	size_t at = 0;
	for (; at < rest->length; at++) {
		const char byte = rest->data[at];
		if (byte == '(') {
			depth++;
		} else if (depth > 0 && byte == '\\') {
			at++;
		} else if (depth > 0 && byte == ')') {
			depth--;
		} else if (depth == 0 && !byte_is_blank(byte) && byte != '\r' && byte != '\n') {
			break;
		}
	}
	*rest = view_from(*rest, at);
	return depth == 0;
}

/* RFC 2045 5.1. */
static bool is_token_byte(char byte)
{
	return byte > ' ' && byte < 127 && view_find_byte(VIEW("()<>@,;:\\\"/[]?="), byte) == VIEW_NOT_FOUND;
}

static struct view take_token(struct view *rest)
{
	size_t length = 0;
	while (length < rest->length && is_token_byte(rest->data[length])) {
		length++;
	}
	const struct view token = view_first(*rest, length);
	*rest = view_from(*rest, length);
	return token;
}

/* A quoted string's content, at most BOUNDARY_MOST bytes of it, into value; the opening quote is in front. */
static bool take_quoted(struct view *rest, char *value, size_t *value_length)
{
	size_t at = 1;
	*value_length = 0;
	for (; at < rest->length && rest->data[at] != '"'; at++) {
		if (rest->data[at] == '\\') {
			at++;
		}
		if (at < rest->length && *value_length <= BOUNDARY_MOST) {
			value[(*value_length)++] = rest->data[at];
		}
	}
	const bool ended = at < rest->length;
	*rest = view_from(*rest, at + 1);
	return ended;
}

/* RFC 2046 5.1.1: bchars, not ending in a space. */
static bool is_boundary(struct view value)
{
	if (value.length == 0 || value.length > BOUNDARY_MOST || view_ends(value, VIEW(" "))) {
		return false;
	}
	for (size_t i = 0; i < value.length; i++) {
		if (!byte_is_alnum(value.data[i]) && view_find_byte(VIEW("'()+_,-./:=? "), value.data[i]) == VIEW_NOT_FOUND) {
			return false;
		}
	}
	return true;
}

static bool take_word(struct view *rest, struct view word)
{
	if (!mime_skip_comments(rest) || !view_starts(*rest, word)) {
		return false;
	}
	*rest = view_from(*rest, word.length);
	return mime_skip_comments(rest);
}

bool mime_boundary(struct view content_type, struct arena *arena, struct view *boundary)
{
	struct view rest = content_type;
	if (!mime_skip_comments(&rest) || !view_equal_nocase(take_token(&rest), VIEW("multipart")) ||
	    !take_word(&rest, VIEW("/")) || take_token(&rest).length == 0) {
		return false;
	}
	while (take_word(&rest, VIEW(";"))) {
		char quoted[BOUNDARY_MOST + 1];
		const struct view name = take_token(&rest);
		if (!take_word(&rest, VIEW("="))) {
			return false;
		}
		struct view value = VIEW_NONE;
		if (view_starts(rest, VIEW("\""))) {
			if (!take_quoted(&rest, quoted, &value.length)) {
				return false;
			}
			value.data = quoted;
		} else {
			value = take_token(&rest);
		}
		if (view_equal_nocase(name, VIEW("boundary"))) {
			if (!is_boundary(value)) {
				return false;
			}
			*boundary = arena_copy(arena, value);
			return true;
		}
	}
	return false;
}

bool mime_boundary_is_free(struct view boundary, struct view content)
{
	while (content.length > 0) {
		if (view_starts(content, VIEW("--")) && view_starts(view_from(content, 2), boundary)) {
			return false;
		}
		const size_t end = view_find_byte(content, '\n');
		content = end == VIEW_NOT_FOUND ? VIEW_NONE : view_from(content, end + 1);
	}
	return true;
}

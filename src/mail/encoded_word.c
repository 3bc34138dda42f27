#include "mail/encoded_word.h"

enum { BEGINNING_MOST = 80 }; /* of "=?", charset, encoding and their ends */

/* Where the first word may begin: at its charset; *after is behind the charset's end. */
static size_t find_word(struct view text, size_t *after)
{
	const size_t begin = view_find(text, VIEW("=?"));
	if (begin == VIEW_NOT_FOUND)
		return VIEW_NOT_FOUND;
	const size_t question = view_find_byte(view_from(text, begin + 2), '?');
	*after = begin + 2 + question + 1;
	return question == VIEW_NOT_FOUND ? VIEW_NOT_FOUND : begin + 2;
}

bool encoded_word_begins(struct view text)
{
	size_t after = 0;
	return find_word(text, &after) != VIEW_NOT_FOUND && view_find_byte(view_from(text, after), '?') != VIEW_NOT_FOUND;
}

/* ---- what is hidden */

/* These charsets shift: their bytes are not what they look like, but line ends and NUL. */
static bool is_shifting(struct view charset)
{
	return view_starts_nocase(charset, VIEW("iso-2022")) || view_starts_nocase(charset, VIEW("hz")) ||
	       view_starts_nocase(charset, VIEW("csiso2022"));
}

static bool is_hiding(unsigned char byte, bool shifting)
{
	if (byte == '\0' || byte == '\r' || byte == '\n')
		return true;
	return !shifting && (byte == '<' || byte == '>' || byte == 127 || (byte < ' ' && byte != '\t'));
}

static int digit(struct view digits, char byte)
{
	const size_t at = view_find_byte(digits, byte);
	return at == VIEW_NOT_FOUND ? -1 : (int)at;
}

/* RFC 2047 4.2 */
static bool q_hides(struct view text, bool shifting)
{
	for (size_t i = 0; i + 2 < text.length; i++) {
		if (text.data[i] != '=')
			continue;
		const int high = digit(VIEW("0123456789abcdef"), byte_lower(text.data[i + 1]));
		const int low = digit(VIEW("0123456789abcdef"), byte_lower(text.data[i + 2]));
		if (high >= 0 && low >= 0 && is_hiding((unsigned char)(high * 16 + low), shifting))
			return true;
	}
	return false;
}

/* RFC 2047 4.1; what is no digit of base64 is passed over (RFC 2045 6.8). */
static bool b_hides(struct view text, bool shifting)
{
	unsigned bits = 0;
	unsigned count = 0;
	for (size_t i = 0; i < text.length; i++) {
		const int value =
			digit(VIEW("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"), text.data[i]);
		if (value < 0)
			continue;
		bits = (bits << 6 | (unsigned)value) & 0xffff;
		count += 6;
		if (count < 8)
			continue;
		count -= 8;
		if (is_hiding((unsigned char)(bits >> count & 0xff), shifting))
			return true;
	}
	return false;
}

bool encoded_words_hide(struct view text)
{
	size_t after = 0;
	for (size_t at = find_word(text, &after); at != VIEW_NOT_FOUND; at = find_word(text, &after)) {
		const bool shifting = is_shifting(view_slice(text, at, after - at));
		const struct view word = view_from(text, after);
		const bool is_b = view_starts_nocase(word, VIEW("b?"));
		if (!is_b && !view_starts_nocase(word, VIEW("q?"))) {
			text = view_from(text, at);
			continue;
		}
		const struct view content = view_from(word, 2);
		const size_t end = view_find(content, VIEW("?="));
		const struct view said = view_first(content, end);
		if (q_hides(said, shifting) || (is_b && b_hides(said, shifting)))
			return true;
		if (end == VIEW_NOT_FOUND)
			return false;
		/* For who takes no ? within a word, this one was none, and another may begin shortly before its end. */
		const size_t behind = after + 2 + end + 1;
		text = view_from(text, behind - at > BEGINNING_MOST ? behind - BEGINNING_MOST : at);
	}
	return false;
}

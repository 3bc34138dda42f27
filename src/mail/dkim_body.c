/* The body hash: relaxed canonicalization as a small machine over bytes. Most of a body is its own canonical form:
 * such stretches are hashed where they stand. */
#include "base/bytes.h"
#include "mail/dkim.h"

enum { STRIDE = 64, HASHED_IN_PLACE = 1024 };

void dkim_body_init(struct dkim_body *body)
{
	body->sha256 = sha256_new();
	dkim_body_begin(body);
}

void dkim_body_deinit(struct dkim_body *body)
{
	sha256_free(body->sha256);
	body->sha256 = NULL;
}

void dkim_body_begin(struct dkim_body *body)
{
	sha256_begin(body->sha256);
	body->empty_lines = 0;
	body->blank = false;
	body->in_line = false;
	body->has_cr = false;
	body->held = 0;
}

static void flush(struct dkim_body *body)
{
	sha256_add(body->sha256, view_bytes(body->buffer, body->held));
	body->held = 0;
}

static inline void put(struct dkim_body *body, char byte)
{
	if (body->held == sizeof(body->buffer))
		flush(body);
	body->buffer[body->held++] = byte;
}

static void put_newline(struct dkim_body *body)
{
	put(body, '\r');
	put(body, '\n');
}

/* Something that counts follows: what was held back counts too. */
static inline void put_content(struct dkim_body *body, char byte)
{
	for (; body->empty_lines > 0; body->empty_lines--)
		put_newline(body);
	if (body->blank)
		put(body, ' ');
	body->blank = false;
	body->in_line = true;
	put(body, byte);
}

static void end_line(struct dkim_body *body)
{
	/* White space at a line's end goes; a line of nothing else is an empty one. */
	body->blank = false;
	if (body->in_line)
		put_newline(body);
	else
		body->empty_lines++;
	body->in_line = false;
}

static void add_byte(struct dkim_body *body, char byte)
{
	if (body->has_cr) {
		body->has_cr = false;
		if (byte == '\n') {
			end_line(body);
			return;
		}
		put_content(body, '\r'); /* a bare one is content; we never send it */
	}
	if (byte == '\r')
		body->has_cr = true;
	else if (byte_is_blank(byte))
		body->blank = true;
	else
		put_content(body, byte);
}

/* Relaxing changes something here, or may: a tab, a blank before white space or a line's end, an empty line. Without
 * branches, so that the compiler looks at many bytes at once. */
static inline unsigned is_uneven(char byte, char next)
{
	const unsigned before_blank = (unsigned)(next == ' ') | (unsigned)(next == '\t') | (unsigned)(next == '\r');
	return (unsigned)(byte == '\t') | ((unsigned)(byte == ' ') & before_blank) |
	       ((unsigned)(byte == '\n') & (unsigned)(next == '\r'));
}

static size_t even_length(const char *bytes, size_t length)
{
	size_t at = 0;
	while (length - at > STRIDE) {
		unsigned uneven = 0;
		for (size_t i = 0; i < STRIDE; i++)
			uneven |= is_uneven(bytes[at + i], bytes[at + i + 1]);
		if (uneven != 0)
			break;
		at += STRIDE;
	}
	while (at + 1 < length && is_uneven(bytes[at], bytes[at + 1]) == 0)
		at++;
	return at;
}

/* How much of the front is its own canonical form, whatever follows. */
static size_t plain_length(const struct dkim_body *body, struct view bytes)
{
	if (body->blank || body->has_cr || body->empty_lines > 0 || (!body->in_line && bytes.data[0] == '\r'))
		return 0;
	size_t length = even_length(bytes.data, bytes.length);
	while (length > 0 && (bytes.data[length - 1] == '\r' || bytes.data[length - 1] == ' '))
		length--;
	return length;
}

static void put_plain(struct dkim_body *body, struct view plain)
{
	if (plain.length >= HASHED_IN_PLACE || plain.length > sizeof(body->buffer) - body->held)
		flush(body);
	if (plain.length >= HASHED_IN_PLACE)
		sha256_add(body->sha256, plain);
	else
		body->held += bytes_copy(body->buffer + body->held, sizeof(body->buffer) - body->held, plain);
	body->in_line = !view_ends(plain, VIEW("\r\n"));
}

void dkim_body_add(struct dkim_body *body, struct view bytes)
{
	while (bytes.length > 0) {
		const size_t plain = plain_length(body, bytes);
		if (plain > 0)
			put_plain(body, view_first(bytes, plain));
		else
			add_byte(body, bytes.data[0]);
		bytes = view_from(bytes, plain > 0 ? plain : 1);
	}
}

void dkim_body_end(struct dkim_body *body, uint8_t hash[SHA256_SIZE])
{
	if (body->has_cr)
		put_content(body, '\r');
	/* RFC 6376 3.4.4: a body that is not empty ends in CRLF, and empty lines at its end are ignored. */
	if (body->in_line)
		put_newline(body);
	flush(body);
	sha256_end(body->sha256, hash);
}

/* The body hash: relaxed canonicalization as a small machine over bytes. */
#include "mail/dkim.h"

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

void dkim_body_add(struct dkim_body *body, struct view bytes)
{
	size_t i = 0;
	while (i < bytes.length) {
		const char byte = bytes.data[i];
		/* Within a line, with nothing held back, a visible byte goes straight through. */
		if (body->in_line && !body->blank && !body->has_cr && byte != '\r' && byte != ' ' && byte != '\t')
			put(body, byte);
		else
			add_byte(body, byte);
		i++;
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

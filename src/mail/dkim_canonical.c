/* Both canonical forms of a message that is there as a whole. */
#include "mail/dkim_verify.h"

struct writing {
	const struct dkim_sink *sink;
	uint64_t length;
	uint64_t most;
};

static void put(struct writing *writing, struct view bytes)
{
	const uint64_t left = writing->length < writing->most ? writing->most - writing->length : 0;
	writing->length += bytes.length;
	if (left > 0 && bytes.length > 0)
		writing->sink->add(writing->sink->context,
		                   view_first(bytes, left < bytes.length ? (size_t)left : bytes.length));
}

/* RFC 6376 3.4.4: runs of white space are one blank, at the end of a line none. */
static void put_relaxed(struct writing *writing, struct view line)
{
	while (line.length > 0) {
		size_t word = 0;
		size_t blank = 0;
		while (word < line.length && !byte_is_blank(line.data[word]))
			word++;
		while (word + blank < line.length && byte_is_blank(line.data[word + blank]))
			blank++;
		put(writing, view_first(line, word));
		line = view_from(line, word + blank);
		if (blank > 0 && line.length > 0)
			put(writing, VIEW(" "));
	}
}

static bool is_empty(struct view line, bool relaxed)
{
	for (size_t i = 0; relaxed && i < line.length; i++)
		if (!byte_is_blank(line.data[i]))
			return false;
	return relaxed || line.length == 0;
}

uint64_t dkim_canonical_body(struct view body, bool relaxed, uint64_t most, const struct dkim_sink *sink)
{
	struct writing writing = { .sink = sink, .most = most };
	uint64_t empty_lines = 0;
	while (body.length > 0) {
		const size_t end = view_find(body, VIEW("\r\n"));
		const struct view line = view_first(body, end);
		body = end == VIEW_NOT_FOUND ? VIEW_NONE : view_from(body, end + 2);
		if (is_empty(line, relaxed)) {
			empty_lines++;
			continue;
		}
		for (; empty_lines > 0; empty_lines--)
			put(&writing, VIEW("\r\n"));
		if (relaxed)
			put_relaxed(&writing, line);
		else
			put(&writing, line);
		put(&writing, VIEW("\r\n"));
	}
	/* RFC 6376 3.4.3: in its simple form an empty body is one CRLF. */
	if (!relaxed && writing.length == 0)
		put(&writing, VIEW("\r\n"));
	return writing.length;
}

void dkim_canonical_field(struct view raw, bool relaxed, const struct dkim_sink *sink)
{
	if (!relaxed) {
		sink->add(sink->context, raw);
		return;
	}
	struct text text = TEXT_LIMIT(raw.length + 16);
	dkim_relax_field(raw, &text);
	text_add(&text, VIEW("\r\n"));
	sink->add(sink->context, text_view(&text));
	text_deinit(&text);
}

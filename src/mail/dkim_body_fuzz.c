#include "mail/dkim.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* RFC 6376 3.4.4 as it is written, a line at a time. */
static void relax_line(struct view line, struct text *canonical)
{
	while (line.length > 0 && byte_is_blank(line.data[line.length - 1]))
		line = view_first(line, line.length - 1);
	for (size_t i = 0; i < line.length; i++) {
		const bool blank = byte_is_blank(line.data[i]);
		if (!blank || !byte_is_blank(line.data[i + 1]))
			text_add_byte(canonical, blank ? ' ' : line.data[i]);
	}
}

static void relax(struct view body, struct text *canonical)
{
	size_t end = 0; /* of the last line that is not empty */
	while (body.length > 0) {
		const size_t newline = view_find(body, VIEW("\r\n"));
		const struct view line = view_first(body, newline);
		const size_t before = canonical->length;
		relax_line(line, canonical);
		const bool is_empty = canonical->length == before;
		text_add(canonical, VIEW("\r\n"));
		if (!is_empty)
			end = canonical->length;
		body = view_from(body, line.length + 2);
	}
	text_truncate(canonical, end);
}

/* The first byte says how the rest is cut. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dkim_body body;
	struct view input = view_bytes(data, size);
	struct text canonical = TEXT_LIMIT(2 * size + 2);
	uint8_t got[SHA256_SIZE];
	uint8_t expected[SHA256_SIZE];
	if (size == 0)
		return 0;
	if (body.sha256 == NULL)
		dkim_body_init(&body);
	const size_t piece = data[0] == 0 ? size : data[0];
	input = view_from(input, 1);
	relax(input, &canonical);
	sha256_once(text_view(&canonical), expected);
	dkim_body_begin(&body);
	for (struct view rest = input; rest.length > 0; rest = view_from(rest, piece))
		dkim_body_add(&body, view_first(rest, piece));
	dkim_body_end(&body, got);
	must(view_equal(view_bytes(got, SHA256_SIZE), view_bytes(expected, SHA256_SIZE)));
	text_deinit(&canonical);
	return 0;
}

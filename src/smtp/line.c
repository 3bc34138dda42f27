#include "smtp/line.h"

#include "base/must.h"

enum { CHUNK = 4096, SLACK = 65536 };

void line_reader_init(struct line_reader *reader, size_t limit)
{
	*reader = (struct line_reader){ .limit = limit };
	reader->bytes.limit = limit + SLACK;
}

void line_reader_deinit(struct line_reader *reader)
{
	text_deinit(&reader->bytes);
}

void line_reader_limit(struct line_reader *reader, size_t limit)
{
	reader->limit = limit;
	if (reader->bytes.limit < limit + SLACK)
		reader->bytes.limit = limit + SLACK;
}

static void compact(struct line_reader *reader)
{
	text_remove_first(&reader->bytes, reader->taken);
	reader->taken = 0;
}

char *line_reader_room(struct line_reader *reader, size_t *capacity)
{
	if (reader->taken > 0)
		compact(reader);
	const size_t left = reader->bytes.limit - reader->bytes.length;
	must(left > 0);
	*capacity = left < CHUNK ? left : CHUNK;
	return text_room(&reader->bytes, *capacity);
}

void line_reader_fed(struct line_reader *reader, size_t length)
{
	text_extend(&reader->bytes, length);
}

struct view line_reader_pending(const struct line_reader *reader)
{
	return view_from(text_view(&reader->bytes), reader->taken);
}

void line_reader_consume(struct line_reader *reader, size_t length)
{
	must(length <= reader->bytes.length - reader->taken);
	reader->taken += length;
}

static bool line_is_clean(struct view line)
{
	return view_find_byte(line, '\r') == VIEW_NOT_FOUND && view_find_byte(line, '\0') == VIEW_NOT_FOUND;
}

enum line_result line_reader_next(struct line_reader *reader, struct view *line)
{
	const struct view pending = line_reader_pending(reader);
	const size_t end = view_find_byte(pending, '\n');
	if (end == VIEW_NOT_FOUND) {
		/* One more for the CR whose LF has not come yet. */
		if (pending.length <= reader->limit + 1)
			return LINE_MORE;
		const bool told = reader->skipping;
		reader->skipping = true;
		/* The last byte may be a CR: it stays, in case its LF is next. */
		line_reader_consume(reader, pending.length - 1);
		return told ? LINE_MORE : LINE_TOO_LONG;
	}
	line_reader_consume(reader, end + 1);
	if (reader->skipping) {
		reader->skipping = false;
		return line_reader_next(reader, line);
	}
	/* Judged by its length first, as it would be had its end not come yet. */
	if (end > reader->limit + 1)
		return LINE_TOO_LONG;
	if (end == 0 || pending.data[end - 1] != '\r')
		return LINE_BAD;
	*line = view_first(pending, end - 1);
	return line_is_clean(*line) ? LINE_READY : LINE_BAD;
}

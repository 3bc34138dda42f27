#include "smtp/line.h"

#include "base/bytes.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 16 };

static void read_lines(struct line_reader *reader, struct text *answers)
{
	struct view line;
	enum line_result result;
	while ((result = line_reader_next(reader, &line)) != LINE_MORE) {
		text_print(answers, "%d:", (int)result);
		if (result != LINE_READY)
			continue;
		must(line.length <= LIMIT && view_find_byte(line, '\r') == VIEW_NOT_FOUND &&
		     view_find_byte(line, '\n') == VIEW_NOT_FOUND && view_find_byte(line, '\0') == VIEW_NOT_FOUND);
		text_add(answers, line);
		text_add_byte(answers, '\n');
	}
	must(line_reader_pending(reader).length <= LIMIT + 1);
}

static void read_in_pieces(struct view wire, size_t piece, struct text *answers)
{
	struct line_reader reader;
	line_reader_init(&reader, LIMIT);
	while (wire.length > 0) {
		size_t capacity = 0;
		char *room = line_reader_room(&reader, &capacity);
		const struct view part = view_first(wire, piece < capacity ? piece : capacity);
		line_reader_fed(&reader, bytes_copy(room, capacity, part));
		wire = view_from(wire, part.length);
		read_lines(&reader, answers);
	}
	line_reader_deinit(&reader);
}

/* However the bytes are cut, the answers are the same; the first octet says how large the pieces are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const struct view wire = view_bytes(data + 1, size - 1);
	struct text whole = { .limit = size * 4 };
	struct text pieces = { .limit = size * 4 };
	read_in_pieces(wire, size, &whole);
	read_in_pieces(wire, 1 + (size_t)data[0], &pieces);
	must(view_equal(text_view(&whole), text_view(&pieces)));
	text_deinit(&whole);
	text_deinit(&pieces);
	return 0;
}

#include "smtp/data.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void keep(void *context, struct view piece)
{
	text_add(context, piece);
}

static size_t read_in_pieces(struct data_reader *reader, struct view wire, size_t piece)
{
	size_t taken = 0;
	while (taken < wire.length && !reader->ended)
		taken += data_reader_feed(reader, view_slice(wire, taken, piece));
	return taken;
}

/* The only end there is. */
static size_t plain_end(struct view wire)
{
	if (view_starts(wire, VIEW(".\r\n")))
		return 3;
	const size_t end = view_find(wire, VIEW("\r\n.\r\n"));
	return end == VIEW_NOT_FOUND ? wire.length : end + 5;
}

static void is_clean(struct view message)
{
	struct view line;
	must(view_find_byte(message, '\0') == VIEW_NOT_FOUND);
	while (view_split(&message, '\n', &line))
		must(view_find_byte(line, '\r') == (message.data == NULL ? VIEW_NOT_FOUND : line.length - 1));
}

static void writes_back(struct view message)
{
	struct text wire = { .limit = message.length * 2 + 8 };
	struct text again = { .limit = message.length + 8 };
	struct data_writer writer = { .at_line_start = true };
	must(data_writer_add(&writer, message, &wire) == message.length);
	must(data_writer_end(&writer, &wire));
	struct data_reader reader = {
		.sink = keep, .context = &again, .size_limit = wire.length, .refuse_bare_newline = true
	};
	must(data_reader_feed(&reader, text_view(&wire)) == wire.length);
	must(reader.ended && reader.fault == DATA_GOOD);
	must(view_starts(text_view(&again), message));
	text_deinit(&wire);
	text_deinit(&again);
}

/* The first octet says how large the pieces are, and whether bare LF is refused. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const struct view wire = view_bytes(data + 1, size - 1);
	struct text whole = { .limit = size * 2 + 2 };
	struct text pieces = { .limit = size * 2 + 2 };
	const struct data_reader start = { .sink = keep,
		                               .size_limit = size * 2,
		                               .refuse_bare_newline = (data[0] & 1) != 0 };
	struct data_reader one = start;
	struct data_reader two = start;
	one.context = &whole;
	two.context = &pieces;
	const size_t taken = data_reader_feed(&one, wire);
	must(taken == read_in_pieces(&two, wire, 1 + data[0] / 2));
	must(taken == plain_end(wire));
	must(one.ended == two.ended && one.fault == two.fault && one.had_bare_newline == two.had_bare_newline);
	must(view_equal(text_view(&whole), text_view(&pieces)));
	/* Within a message a CR that was read last is not given yet, so what is given is clean at any time. */
	is_clean(text_view(&whole));
	if (one.ended && one.fault == DATA_GOOD)
		writes_back(text_view(&whole));
	text_deinit(&whole);
	text_deinit(&pieces);
	return 0;
}

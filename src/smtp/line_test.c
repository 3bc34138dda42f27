#include "smtp/line.h"

#include "base/bytes.h"
#include "base/testing.h"

enum { LIMIT = 10 };

/* The answers as letters: the line and "|" when READY, "L" too long, "B" bad; "+" and what is pending at the end. */
static void read_all(struct line_reader *reader, struct text *answers)
{
	struct view line;
	for (;;) {
		switch (line_reader_next(reader, &line)) {
		case LINE_READY:
			text_add(answers, line);
			text_add_byte(answers, '|');
			break;
		case LINE_TOO_LONG:
			text_add(answers, VIEW("L|"));
			break;
		case LINE_BAD:
			text_add(answers, VIEW("B|"));
			break;
		case LINE_MORE:
			return;
		}
	}
}

static void feed(struct line_reader *reader, struct view bytes, struct text *answers)
{
	while (bytes.length > 0) {
		size_t capacity = 0;
		char *room = line_reader_room(reader, &capacity);
		const size_t length = bytes_copy(room, capacity, view_first(bytes, capacity));
		line_reader_fed(reader, length);
		bytes = view_from(bytes, length);
		read_all(reader, answers);
	}
}

static const struct line_case {
	const char *name;
	struct view wire, answers;
} line_cases[] = {
	{ "one", VIEW_INIT("NOOP\r\n"), VIEW_INIT("NOOP|") },
	{ "empty", VIEW_INIT("\r\n"), VIEW_INIT("|") },
	{ "several", VIEW_INIT("RSET\r\n\r\nQUIT\r\nx"), VIEW_INIT("RSET||QUIT|") },
	{ "not yet", VIEW_INIT("QUIT"), VIEW_INIT("") },
	{ "CR without LF yet", VIEW_INIT("QUIT\r"), VIEW_INIT("") },
	{ "bare LF", VIEW_INIT("RSET\nQUIT\r\n"), VIEW_INIT("B|QUIT|") },
	{ "bare LF alone", VIEW_INIT("\n\r\n"), VIEW_INIT("B||") },
	{ "bare CR", VIEW_INIT("RS\rET\r\nQUIT\r\n"), VIEW_INIT("B|QUIT|") },
	{ "CR CR LF", VIEW_INIT("RSET\r\r\nQUIT\r\n"), VIEW_INIT("B|QUIT|") },
	{ "CR alone", VIEW_INIT("\r\r\n"), VIEW_INIT("B|") },
	{ "NUL", VIEW_INIT("RS\0ET\r\nQUIT\r\n"), VIEW_INIT("B|QUIT|") },
	{ "NUL before CRLF", VIEW_INIT("RSET\0\r\n"), VIEW_INIT("B|") },
	{ "bytes over 127", VIEW_INIT("\xc3\xbc\xff\r\n"), VIEW_INIT("\xc3\xbc\xff|") },
	{ "just fits", VIEW_INIT("0123456789\r\n"), VIEW_INIT("0123456789|") },
	{ "one too many", VIEW_INIT("0123456789a\r\nQUIT\r\n"), VIEW_INIT("L|QUIT|") },
	{ "two too many", VIEW_INIT("0123456789ab\r\nQUIT\r\n"), VIEW_INIT("L|QUIT|") },
	{ "far too long", VIEW_INIT("0123456789abcdefghijklmnopqrstuvwxyz\r\nQUIT\r\n"), VIEW_INIT("L|QUIT|") },
	{ "too long, still open", VIEW_INIT("0123456789abcdefghijklmnopqrstuvwxyz"), VIEW_INIT("L|") },
	{ "fits, bare LF", VIEW_INIT("0123456789\nQUIT\r\n"), VIEW_INIT("B|QUIT|") },
	{ "a CR's place too long, bare LF", VIEW_INIT("0123456789a\nQUIT\r\n"), VIEW_INIT("B|QUIT|") },
	{ "too long, bare LF", VIEW_INIT("0123456789ab\nQUIT\r\n"), VIEW_INIT("L|QUIT|") },
	{ "too long, NUL", VIEW_INIT("0123456789\0ab\r\nQUIT\r\n"), VIEW_INIT("L|QUIT|") },
	{ "too long twice", VIEW_INIT("0123456789abc\r\n0123456789abc\r\nQUIT\r\n"), VIEW_INIT("L|L|QUIT|") },
	{ "too long, CRs", VIEW_INIT("0123456789\r\r\r\r\r\r\r\nQUIT\r\n"), VIEW_INIT("L|QUIT|") },
};

static void lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(line_cases); i++)
		for (size_t cut = 0; cut <= line_cases[i].wire.length; cut++) {
			struct line_reader reader;
			struct text answers = TEXT_LIMIT(256);
			line_reader_init(&reader, LIMIT);
			feed(&reader, view_first(line_cases[i].wire, cut), &answers);
			feed(&reader, view_from(line_cases[i].wire, cut), &answers);
			expect_view(line_cases[i].name, text_view(&answers), line_cases[i].answers);
			text_deinit(&answers);
			line_reader_deinit(&reader);
		}
}

static void trickled(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(line_cases); i++) {
		struct line_reader reader;
		struct text answers = TEXT_LIMIT(256);
		line_reader_init(&reader, LIMIT);
		for (size_t j = 0; j < line_cases[i].wire.length; j++)
			feed(&reader, view_slice(line_cases[i].wire, j, 1), &answers);
		expect_view(line_cases[i].name, text_view(&answers), line_cases[i].answers);
		text_deinit(&answers);
		line_reader_deinit(&reader);
	}
}

static void feed_repeated(struct line_reader *reader, char byte, size_t times, struct text *answers)
{
	for (size_t i = 0; i < times; i++)
		feed(reader, view_bytes(&byte, 1), answers);
}

/* RFC 5321 4.5.3.1.4: 512 octets with the CRLF must be taken; RFC 4954 4: 12,288 for AUTH. */
static void limits(void **state)
{
	(void)state;
	static const size_t octets[] = { 512, 2048, 12288 };
	for (size_t i = 0; i < CASES(octets); i++)
		for (size_t more = 0; more < 2; more++) {
			struct line_reader reader;
			struct text answers = TEXT_LIMIT(16384);
			line_reader_init(&reader, 100);
			line_reader_limit(&reader, octets[i] - 2);
			feed_repeated(&reader, 'x', octets[i] - 2 + more, &answers);
			feed(&reader, VIEW("\r\n"), &answers);
			expect_number("length", (int64_t)answers.length, more ? 2 : (int64_t)octets[i] - 1);
			text_deinit(&answers);
			line_reader_deinit(&reader);
		}
}

/* However long a line is, what is kept of it is bounded. */
static void memory_is_bounded(void **state)
{
	(void)state;
	struct line_reader reader;
	struct text answers = TEXT_LIMIT(64);
	struct text block = TEXT_LIMIT(65536);
	while (text_add_byte(&block, 'x'))
		;
	line_reader_init(&reader, 510);
	for (size_t i = 0; i < 160; i++)
		feed(&reader, text_view(&block), &answers);
	feed(&reader, VIEW("\r\nQUIT\r\n"), &answers);
	expect_view("told once", text_view(&answers), VIEW("L|QUIT|"));
	expect_number("kept", reader.bytes.capacity <= reader.bytes.limit + 1, true);
	text_deinit(&block);
	text_deinit(&answers);
	line_reader_deinit(&reader);
}

static void pending(void **state)
{
	(void)state;
	struct line_reader reader;
	struct text answers = TEXT_LIMIT(64);
	struct view line;
	size_t capacity = 0;
	line_reader_init(&reader, LIMIT);
	line_reader_fed(&reader,
	                bytes_copy(line_reader_room(&reader, &capacity), 64, VIEW("DATA\r\nbody\r\n.\r\nQUIT\r\n")));
	assert_int_equal(line_reader_next(&reader, &line), LINE_READY);
	expect_view("command", line, VIEW("DATA"));
	expect_view("body", line_reader_pending(&reader), VIEW("body\r\n.\r\nQUIT\r\n"));
	line_reader_consume(&reader, 9);
	read_all(&reader, &answers);
	expect_view("next command", text_view(&answers), VIEW("QUIT|"));
	assert_int_equal(line_reader_pending(&reader).length, 0);
	text_deinit(&answers);
	line_reader_deinit(&reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),   cmocka_unit_test(trickled),
		cmocka_unit_test(limits),  cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(pending),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "smtp/data.h"

#include "base/testing.h"

struct received {
	struct text message;
	enum data_fault fault;
	bool ended;
	bool had_bare_newline;
	size_t taken;
};

static void keep(void *context, struct view piece)
{
	text_add(context, piece);
}

static struct data_reader reader_of(struct received *received, uint64_t limit, bool refuse)
{
	received->message = (struct text)TEXT_LIMIT(1 << 20);
	return (struct data_reader){
		.sink = keep, .context = &received->message, .size_limit = limit, .refuse_bare_newline = refuse
	};
}

/* In two pieces cut at `cut`, or in pieces of one byte where cut is VIEW_NOT_FOUND. */
static struct received receive(struct view wire, uint64_t limit, bool refuse, size_t cut)
{
	struct received received = { .taken = 0 };
	struct data_reader reader = reader_of(&received, limit, refuse);
	while (received.taken < wire.length && !reader.ended) {
		const size_t piece = cut == VIEW_NOT_FOUND ? 1 : received.taken < cut ? cut - received.taken : wire.length;
		const struct view bytes = view_slice(wire, received.taken, piece);
		const size_t taken = data_reader_feed(&reader, bytes);
		assert_true(taken == bytes.length || reader.ended);
		received.taken += taken;
	}
	received.fault = reader.fault;
	received.ended = reader.ended;
	received.had_bare_newline = reader.had_bare_newline;
	return received;
}

/* left: how many bytes stand behind the message's end. */
static const struct data_case {
	const char *name;
	struct view wire, message;
	enum data_fault fault;
	bool ended, bare;
	size_t left;
} data_cases[] = {
	{ "usual", VIEW_INIT("a\r\n.\r\n"), VIEW_INIT("a\r\n"), DATA_GOOD, true, false, 0 },
	{ "empty", VIEW_INIT(".\r\n"), VIEW_INIT(""), DATA_GOOD, true, false, 0 },
	{ "empty line", VIEW_INIT("\r\n.\r\n"), VIEW_INIT("\r\n"), DATA_GOOD, true, false, 0 },
	{ "no end", VIEW_INIT("a\r\n."), VIEW_INIT("a\r\n"), DATA_GOOD, false, false, 0 },
	{ "end without its LF", VIEW_INIT("a\r\n.\r"), VIEW_INIT("a\r\n"), DATA_GOOD, false, false, 0 },
	{ "pipelined behind", VIEW_INIT("a\r\n.\r\nQUIT\r\n"), VIEW_INIT("a\r\n"), DATA_GOOD, true, false, 6 },
	{ "message behind", VIEW_INIT(".\r\nb\r\n.\r\n"), VIEW_INIT(""), DATA_GOOD, true, false, 6 },
	{ "doubled dot", VIEW_INIT("..a\r\n.\r\n"), VIEW_INIT(".a\r\n"), DATA_GOOD, true, false, 0 },
	{ "doubled dot alone", VIEW_INIT("..\r\n.\r\n"), VIEW_INIT(".\r\n"), DATA_GOOD, true, false, 0 },
	{ "three dots", VIEW_INIT("...\r\n.\r\n"), VIEW_INIT("..\r\n"), DATA_GOOD, true, false, 0 },
	{ "single dot before text", VIEW_INIT(".a\r\n.\r\n"), VIEW_INIT("a\r\n"), DATA_GOOD, true, false, 0 },
	{ "dots within", VIEW_INIT("a..b.\r\n.\r\n"), VIEW_INIT("a..b.\r\n"), DATA_GOOD, true, false, 0 },
	{ "dot and blank", VIEW_INIT("a\r\n. \r\n.\r\n"), VIEW_INIT("a\r\n \r\n"), DATA_GOOD, true, false, 0 },
	{ "bare LF", VIEW_INIT("a\nb\r\n.\r\n"), VIEW_INIT("a\r\nb\r\n"), DATA_GOOD, true, true, 0 },
	{ "bare LF first", VIEW_INIT("\n.\r\n.\r\n"), VIEW_INIT("\r\n\r\n"), DATA_GOOD, true, true, 0 },
	{ "doubled dot after bare LF", VIEW_INIT("a\n..b\r\n.\r\n"), VIEW_INIT("a\r\n.b\r\n"), DATA_GOOD, true, true, 0 },
	{ "LF . LF", VIEW_INIT("a\n.\nb\r\n.\r\n"), VIEW_INIT("a\r\n\r\nb\r\n"), DATA_GOOD, true, true, 0 },
	{ "LF . CRLF", VIEW_INIT("a\n.\r\nb\r\n.\r\n"), VIEW_INIT("a\r\n\r\nb\r\n"), DATA_GOOD, true, true, 0 },
	{ "CRLF . LF", VIEW_INIT("a\r\n.\nb\r\n.\r\n"), VIEW_INIT("a\r\n\r\nb\r\n"), DATA_GOOD, true, true, 0 },
	{ "LF . CRLF, then the end", VIEW_INIT("a\n.\r\n.\r\n"), VIEW_INIT("a\r\n\r\n"), DATA_GOOD, true, true, 0 },
	{ "LF . CRLF and no end", VIEW_INIT("a\n.\r\nMAIL\r\n"), VIEW_INIT("a\r\n\r\nMAIL\r\n"), DATA_GOOD, false, true,
	  0 },
	{ "LF LF . CRLF", VIEW_INIT("\n\n.\r\n"), VIEW_INIT("\r\n\r\n\r\n"), DATA_GOOD, false, true, 0 },
	{ "CR . CR", VIEW_INIT("a\r.\rb\r\n.\r\n"), VIEW_INIT("a"), DATA_BARE_CR, true, false, 0 },
	{ "CR . CRLF", VIEW_INIT("a\r.\r\nb\r\n.\r\n"), VIEW_INIT("a"), DATA_BARE_CR, true, false, 0 },
	{ "CRLF . CR", VIEW_INIT("a\r\n.\rb\r\n.\r\n"), VIEW_INIT("a\r\n"), DATA_BARE_CR, true, false, 0 },
	{ "CRLF . CR CR LF", VIEW_INIT("\r\n.\r\r\n.\r\n"), VIEW_INIT("\r\n"), DATA_BARE_CR, true, false, 0 },
	{ "CRLF . CR . CRLF", VIEW_INIT("\r\n.\r.\r\n.\r\n"), VIEW_INIT("\r\n"), DATA_BARE_CR, true, false, 0 },
	{ "CR CRLF . CRLF", VIEW_INIT("a\r\r\n.\r\n"), VIEW_INIT("a"), DATA_BARE_CR, true, false, 0 },
	{ "CR alone at the start", VIEW_INIT("\ra\r\n.\r\n"), VIEW_INIT(""), DATA_BARE_CR, true, false, 0 },
	{ "NUL", VIEW_INIT("a\0b\r\n.\r\n"), VIEW_INIT("a"), DATA_NUL, true, false, 0 },
	{ "NUL in the end", VIEW_INIT("a\r\n\0.\r\nb\r\n.\r\n"), VIEW_INIT("a\r\n"), DATA_NUL, true, false, 0 },
	{ "dot NUL", VIEW_INIT("a\r\n.\0\r\n.\r\n"), VIEW_INIT("a\r\n"), DATA_NUL, true, false, 0 },
	{ "dot CR NUL LF", VIEW_INIT("a\r\n.\r\0\n.\r\n.\r\n"), VIEW_INIT("a\r\n"), DATA_BARE_CR, true, true, 0 },
	{ "bytes over 127", VIEW_INIT("\xc3\xbc\xff\x80\r\n.\r\n"), VIEW_INIT("\xc3\xbc\xff\x80\r\n"), DATA_GOOD, true,
	  false, 0 },
	{ "control bytes", VIEW_INIT("\x01\x0b\x0c\x1a\x7f\r\n.\r\n"), VIEW_INIT("\x01\x0b\x0c\x1a\x7f\r\n"), DATA_GOOD,
	  true, false, 0 },
	{ "next line of Latin-1", VIEW_INIT("\x85.\x85\r\n.\r\n"), VIEW_INIT("\x85.\x85\r\n"), DATA_GOOD, true, false,
	  0 },
};

static void expect_received(const struct data_case *row, struct received *received)
{
	expect_view(row->name, text_view(&received->message), row->message);
	expect_number(row->name, received->fault, row->fault);
	expect_number(row->name, received->ended, row->ended);
	expect_number(row->name, received->had_bare_newline, row->bare);
	expect_number(row->name, (int64_t)received->taken, (int64_t)(row->wire.length - row->left));
	text_deinit(&received->message);
}

static void messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(data_cases); i++)
		for (size_t cut = 0; cut <= data_cases[i].wire.length; cut++) {
			struct received received = receive(data_cases[i].wire, 1000, false, cut);
			expect_received(&data_cases[i], &received);
		}
}

static void trickled(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(data_cases); i++) {
		struct received received = receive(data_cases[i].wire, 1000, false, VIEW_NOT_FOUND);
		expect_received(&data_cases[i], &received);
	}
}

/* Where bare LF is refused, a message that has one is faulty, and the rest are as they were. */
static void bare_newlines_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(data_cases); i++) {
		const struct data_case *row = &data_cases[i];
		struct received received = receive(row->wire, 1000, true, VIEW_NOT_FOUND);
		expect_number(row->name, received.fault != DATA_GOOD, row->bare || row->fault != DATA_GOOD);
		expect_number(row->name, received.ended, row->ended);
		text_deinit(&received.message);
	}
}

/* What the fast path does, in the plainest words: the end is where CRLF.CRLF first stands, nothing else ends it. */
static size_t plain_end(struct view wire)
{
	if (view_starts(wire, VIEW(".\r\n")))
		return 3;
	const size_t end = view_find(wire, VIEW("\r\n.\r\n"));
	return end == VIEW_NOT_FOUND ? VIEW_NOT_FOUND : end + 5;
}

/* Every string of eight symbols out of a, CR, LF, dot, NUL, with an end behind it. */
static void every_mix(void **state)
{
	(void)state;
	static const char symbols[] = { 'a', '\r', '\n', '.', '\0' };
	enum { LENGTH = 8, SYMBOLS = sizeof(symbols), MIXES = 390625 };
	char wire[LENGTH + 6] = { 0 };
	struct text message = TEXT_LIMIT(64);
	for (unsigned mix = 0; mix < MIXES; mix++) {
		unsigned rest = mix;
		for (size_t i = 0; i < LENGTH; i++, rest /= SYMBOLS)
			wire[i] = symbols[rest % SYMBOLS];
		const char end[] = "x\r\n.\r\n";
		for (size_t i = 0; i < 6; i++)
			wire[LENGTH + i] = end[i];
		text_clear(&message);
		struct data_reader reader = { .sink = keep, .context = &message, .size_limit = 64 };
		const size_t taken = data_reader_feed(&reader, view_bytes(wire, sizeof(wire)));
		expect_number("ended", reader.ended, true);
		expect_number("at the only end", (int64_t)taken, (int64_t)plain_end(view_bytes(wire, sizeof(wire))));
		const struct view took = view_bytes(wire, taken);
		expect_number("a NUL is a fault", reader.fault != DATA_GOOD || view_find_byte(took, '\0') == VIEW_NOT_FOUND,
		              true);
		if (reader.fault != DATA_GOOD)
			continue;
		struct view given = text_view(&message);
		struct view line;
		while (view_split(&given, '\n', &line))
			expect_number("CRLF alone",
			              view_find_byte(line, '\r') == (given.data == NULL ? VIEW_NOT_FOUND : line.length - 1),
			              true);
	}
	text_deinit(&message);
}

static void size_limits(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct view wire;
		uint64_t limit;
		enum data_fault fault;
	} cases[] = {
		{ "just fits", VIEW_INIT("abc\r\n.\r\n"), 5, DATA_GOOD },
		{ "one too many", VIEW_INIT("abcd\r\n.\r\n"), 5, DATA_TOO_LARGE },
		{ "doubled dots count once", VIEW_INIT("..bc\r\n.\r\n"), 5, DATA_GOOD },
		{ "made CRLF count", VIEW_INIT("ab\n\r\n.\r\n"), 5, DATA_TOO_LARGE },
		{ "nothing into nothing", VIEW_INIT(".\r\n"), 0, DATA_GOOD },
		{ "first fault stays", VIEW_INIT("a\0aaaaaaaaaaa\r\n.\r\n"), 5, DATA_NUL },
		{ "too large first", VIEW_INIT("aaaaaaaaaaaaa\0\r\n.\r\n"), 5, DATA_TOO_LARGE },
	};
	for (size_t i = 0; i < CASES(cases); i++)
		for (unsigned trickle = 0; trickle < 2; trickle++) {
			struct received received =
				receive(cases[i].wire, cases[i].limit, false, trickle ? VIEW_NOT_FOUND : cases[i].wire.length);
			expect_number(cases[i].name, received.fault, cases[i].fault);
			expect_number(cases[i].name, received.ended, true);
			expect_number(cases[i].name, received.message.length <= cases[i].limit, true);
			text_deinit(&received.message);
		}
}

/* Written through an output of `room` bytes that is emptied whenever it is full, the content in pieces of `piece`. */
static void write_all(struct view content, size_t room, size_t piece, struct text *wire)
{
	struct text out = { .limit = room };
	struct data_writer writer = { .at_line_start = true };
	while (content.length > 0) {
		const size_t taken = data_writer_add(&writer, view_first(content, piece), &out);
		content = view_from(content, taken);
		text_add(wire, text_view(&out));
		assert_true(taken > 0 || out.length > 0);
		text_clear(&out);
	}
	while (!data_writer_end(&writer, &out))
		text_clear(&out);
	text_add(wire, text_view(&out));
	text_deinit(&out);
}

static void writing(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct view content, wire;
	} cases[] = {
		{ "usual", VIEW_INIT("a\r\n"), VIEW_INIT("a\r\n.\r\n") },
		{ "nothing", VIEW_INIT(""), VIEW_INIT(".\r\n") },
		{ "last line open", VIEW_INIT("a"), VIEW_INIT("a\r\n.\r\n") },
		{ "dot", VIEW_INIT(".\r\n"), VIEW_INIT("..\r\n.\r\n") },
		{ "dots", VIEW_INIT("..\r\n.a\r\n"), VIEW_INIT("...\r\n..a\r\n.\r\n") },
		{ "dot alone, open", VIEW_INIT("."), VIEW_INIT("..\r\n.\r\n") },
		{ "dots within", VIEW_INIT("a.\r\nb..c\r\n"), VIEW_INIT("a.\r\nb..c\r\n.\r\n") },
		{ "empty lines", VIEW_INIT("\r\n\r\n.\r\n"), VIEW_INIT("\r\n\r\n..\r\n.\r\n") },
	};
	for (size_t i = 0; i < CASES(cases); i++)
		for (size_t room = 5; room < 20; room++)
			for (size_t piece = 1; piece < 20; piece++) {
				struct text wire = TEXT_LIMIT(256);
				write_all(cases[i].content, room, piece, &wire);
				expect_view(cases[i].name, text_view(&wire), cases[i].wire);
				text_deinit(&wire);
			}
}

/* What is written reads back the same: every content of six lines out of a few. */
static void there_and_back(void **state)
{
	(void)state;
	static const struct view lines[] = { VIEW_INIT("\r\n"), VIEW_INIT(".\r\n"), VIEW_INIT("..\r\n"),
		                                 VIEW_INIT("a.\r\n"), VIEW_INIT(".a\r\n") };
	for (unsigned mix = 0; mix < 15625; mix++) {
		struct text content = TEXT_LIMIT(64);
		struct text wire = TEXT_LIMIT(128);
		unsigned rest = mix;
		for (size_t i = 0; i < 6; i++, rest /= 5)
			text_add(&content, lines[rest % 5]);
		write_all(text_view(&content), 7, 64, &wire);
		struct received received = receive(text_view(&wire), 64, true, wire.length);
		expect_view("the same", text_view(&received.message), text_view(&content));
		expect_number("whole", (int64_t)received.taken, (int64_t)wire.length);
		expect_number("good", received.fault, DATA_GOOD);
		text_deinit(&received.message);
		text_deinit(&content);
		text_deinit(&wire);
	}
}

/* RFC 5321 4.5.3.1.6: a text line has at least 1,000 octets; the reader sets no limit to one. */
static void long_lines(void **state)
{
	(void)state;
	struct text wire = TEXT_LIMIT(200000);
	for (size_t i = 0; i < 100000; i++)
		text_add_byte(&wire, 'x');
	text_add(&wire, VIEW("\r\n.\r\n"));
	struct received received = receive(text_view(&wire), 200000, true, 65536);
	expect_number("length", (int64_t)received.message.length, 100002);
	expect_number("good", received.fault, DATA_GOOD);
	text_deinit(&received.message);
	text_deinit(&wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),       cmocka_unit_test(trickled),    cmocka_unit_test(bare_newlines_refused),
		cmocka_unit_test(every_mix),      cmocka_unit_test(size_limits), cmocka_unit_test(writing),
		cmocka_unit_test(there_and_back), cmocka_unit_test(long_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

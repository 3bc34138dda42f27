#include "smtp/reply.h"

#include "base/testing.h"

#define STATUS(class, subject, detail)                                                                               \
	{                                                                                                                \
		class, subject, detail                                                                                       \
	}

static const struct write_case {
	const char *name;
	uint16_t code;
	struct enhanced_status status;
	struct view text, wire;
} write_cases[] = {
	{ "plain", 250, STATUS(2, 0, 0), VIEW_INIT("queued"), VIEW_INIT("250 2.0.0 queued\r\n") },
	{ "no status", 220, STATUS(0, 0, 0), VIEW_INIT("a ESMTP"), VIEW_INIT("220 a ESMTP\r\n") },
	{ "several lines", 550, STATUS(5, 7, 23), VIEW_INIT("a\nb\nc"),
	  VIEW_INIT("550-5.7.23 a\r\n550-5.7.23 b\r\n550 5.7.23 c\r\n") },
	{ "EHLO", 250, STATUS(0, 0, 0), VIEW_INIT("a\nSIZE 1\nDSN"), VIEW_INIT("250-a\r\n250-SIZE 1\r\n250 DSN\r\n") },
	{ "no text", 250, STATUS(2, 0, 0), { NULL, 0 }, VIEW_INIT("250 2.0.0 \r\n") },
	{ "empty text", 354, STATUS(0, 0, 0), VIEW_INIT(""), VIEW_INIT("354 \r\n") },
	{ "LF last", 250, STATUS(0, 0, 0), VIEW_INIT("a\n"), VIEW_INIT("250-a\r\n250 \r\n") },
	{ "CR is no end", 250, STATUS(0, 0, 0), VIEW_INIT("a\r\n250 b"), VIEW_INIT("250-a?\r\n250 250 b\r\n") },
	{ "NUL, escape, UTF-8", 250, STATUS(0, 0, 0), VIEW_INIT("\0\x1b\xc3\xbc\t\x7f"), VIEW_INIT("250 ??????\r\n") },
	{ "longest status", 599, STATUS(5, 999, 999), VIEW_INIT("x"), VIEW_INIT("599 5.999.999 x\r\n") },
};

static void written(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(write_cases); i++) {
		const struct write_case *row = &write_cases[i];
		struct text out = TEXT_LIMIT(1024);
		smtp_reply_write(&out, row->code, row->status, row->text);
		expect_view(row->name, text_view(&out), row->wire);
		text_deinit(&out);
	}
}

/* RFC 5321 4.5.3.1.5: a reply line is at most 512 octets, code and CRLF with it. */
static void long_lines_are_cut(void **state)
{
	(void)state;
	static const struct enhanced_status statuses[] = { { 0 }, { 2, 0, 0 }, { 5, 999, 999 } };
	for (size_t i = 0; i < CASES(statuses); i++)
		for (size_t length = 490; length < 520; length++) {
			struct text text = TEXT_LIMIT(2048);
			struct text out = TEXT_LIMIT(2048);
			while (text.length < length)
				text_add_byte(&text, 'x');
			text_add(&text, VIEW("\nlast"));
			smtp_reply_write(&out, 550, statuses[i], text_view(&text));
			const size_t end = view_find(text_view(&out), VIEW("\r\n"));
			expect_number("fits", end + 2 <= REPLY_LINE_MOST, true);
			expect_number("whole where it fits", end + 2 == REPLY_LINE_MOST || end >= length + 4, true);
			expect_number("next line", view_ends(text_view(&out), VIEW("last\r\n")), true);
			text_deinit(&text);
			text_deinit(&out);
		}
}

/* lines: separated by LF; results: a letter a line, M, D or B. */
static const struct read_case {
	const char *name;
	struct view lines, results;
	uint16_t code;
	struct enhanced_status status;
	struct view text;
} read_cases[] = {
	{ "plain", VIEW_INIT("250 ok"), VIEW_INIT("D"), 250, STATUS(0, 0, 0), VIEW_INIT("ok") },
	{ "with status", VIEW_INIT("250 2.1.5 ok"), VIEW_INIT("D"), 250, STATUS(2, 1, 5), VIEW_INIT("ok") },
	{ "code alone", VIEW_INIT("250"), VIEW_INIT("D"), 250, STATUS(0, 0, 0), VIEW_INIT("") },
	{ "code and blank", VIEW_INIT("250 "), VIEW_INIT("D"), 250, STATUS(0, 0, 0), VIEW_INIT("") },
	{ "status alone", VIEW_INIT("250 2.0.0"), VIEW_INIT("D"), 250, STATUS(2, 0, 0), VIEW_INIT("") },
	{ "several lines", VIEW_INIT("550-5.7.1 a\n550-5.7.1 b\n550 5.7.1 c"), VIEW_INIT("MMD"), 550, STATUS(5, 7, 1),
	  VIEW_INIT("a\nb\nc") },
	{ "empty lines", VIEW_INIT("250-\n250-\n250 "), VIEW_INIT("MMD"), 250, STATUS(0, 0, 0), VIEW_INIT("\n\n") },
	{ "status in the first alone", VIEW_INIT("450-4.2.0 a\n450 b"), VIEW_INIT("MD"), 450, STATUS(4, 2, 0),
	  VIEW_INIT("a\nb") },
	{ "status in the last alone", VIEW_INIT("450-a\n450 4.2.0 b"), VIEW_INIT("MD"), 450, STATUS(4, 2, 0),
	  VIEW_INIT("a\nb") },
	{ "status of another class", VIEW_INIT("550 4.2.0 a"), VIEW_INIT("D"), 550, STATUS(0, 0, 0),
	  VIEW_INIT("4.2.0 a") },
	{ "three digits", VIEW_INIT("550 5.999.999 a"), VIEW_INIT("D"), 550, STATUS(5, 999, 999), VIEW_INIT("a") },
	{ "four digits", VIEW_INIT("550 5.1.1000 a"), VIEW_INIT("D"), 550, STATUS(0, 0, 0), VIEW_INIT("5.1.1000 a") },
	{ "two parts", VIEW_INIT("550 5.1 a"), VIEW_INIT("D"), 550, STATUS(0, 0, 0), VIEW_INIT("5.1 a") },
	{ "four parts", VIEW_INIT("550 5.1.1.1 a"), VIEW_INIT("D"), 550, STATUS(0, 0, 0), VIEW_INIT("5.1.1.1 a") },
	{ "part missing", VIEW_INIT("550 5..1 a"), VIEW_INIT("D"), 550, STATUS(0, 0, 0), VIEW_INIT("5..1 a") },
	{ "address", VIEW_INIT("554 5.9.9.9 is listed"), VIEW_INIT("D"), 554, STATUS(0, 0, 0),
	  VIEW_INIT("5.9.9.9 is listed") },
	{ "status with a colon", VIEW_INIT("550 5.1.1: a"), VIEW_INIT("D"), 550, STATUS(0, 0, 0), VIEW_INIT("5.1.1: a") },
	{ "354", VIEW_INIT("354 go"), VIEW_INIT("D"), 354, STATUS(0, 0, 0), VIEW_INIT("go") },
	{ "an unknown code", VIEW_INIT("299 x"), VIEW_INIT("D"), 299, STATUS(0, 0, 0), VIEW_INIT("x") },
	{ "second digit beyond 5", VIEW_INIT("592 x"), VIEW_INIT("D"), 592, STATUS(0, 0, 0), VIEW_INIT("x") },
	{ "dashes in the text", VIEW_INIT("250 -a-"), VIEW_INIT("D"), 250, STATUS(0, 0, 0), VIEW_INIT("-a-") },
	{ "nothing", VIEW_INIT(""), VIEW_INIT("B"), 0, STATUS(0, 0, 0), VIEW_INIT("") },
	{ "two digits", VIEW_INIT("25"), VIEW_INIT("B"), 0, STATUS(0, 0, 0), VIEW_INIT("") },
	{ "four digits for a code", VIEW_INIT("2500 ok"), VIEW_INIT("B"), 0, STATUS(0, 0, 0), VIEW_INIT("") },
	{ "letters", VIEW_INIT("OK"), VIEW_INIT("B"), 0, STATUS(0, 0, 0), VIEW_INIT("") },
	{ "letters behind the code", VIEW_INIT("250ok"), VIEW_INIT("B"), 0, STATUS(0, 0, 0), VIEW_INIT("") },
	{ "tab behind the code", VIEW_INIT("250\tok"), VIEW_INIT("B"), 0, STATUS(0, 0, 0), VIEW_INIT("") },
	{ "blank first", VIEW_INIT(" 250 ok"), VIEW_INIT("B"), 0, STATUS(0, 0, 0), VIEW_INIT("") },
	{ "sign", VIEW_INIT("+25 ok"), VIEW_INIT("B"), 0, STATUS(0, 0, 0), VIEW_INIT("") },
	{ "100", VIEW_INIT("150 wait"), VIEW_INIT("B"), 0, STATUS(0, 0, 0), VIEW_INIT("") },
	{ "600", VIEW_INIT("600 no"), VIEW_INIT("B"), 0, STATUS(0, 0, 0), VIEW_INIT("") },
	{ "199", VIEW_INIT("199 no"), VIEW_INIT("B"), 0, STATUS(0, 0, 0), VIEW_INIT("") },
	{ "an HTTP server", VIEW_INIT("HTTP/1.1 400 Bad Request"), VIEW_INIT("B"), 0, STATUS(0, 0, 0), VIEW_INIT("") },
	{ "codes differ", VIEW_INIT("250-a\n251 b"), VIEW_INIT("MB"), 250, STATUS(0, 0, 0), VIEW_INIT("a") },
	{ "code missing", VIEW_INIT("250-a\nb"), VIEW_INIT("MB"), 250, STATUS(0, 0, 0), VIEW_INIT("a") },
};

static void expect_read(const struct read_case *row, struct smtp_reply *reply)
{
	static const char letters[] = { [REPLY_MORE] = 'M', [REPLY_DONE] = 'D', [REPLY_BROKEN] = 'B' };
	struct view rest = row->lines;
	struct view line;
	struct text results = TEXT_LIMIT(8);
	while (view_split(&rest, '\n', &line))
		text_add_byte(&results, letters[smtp_reply_add(reply, line)]);
	expect_view(row->name, text_view(&results), row->results);
	expect_number(row->name, reply->code, row->code);
	expect_number(row->name, reply->status.class, row->status.class);
	expect_number(row->name, reply->status.subject, row->status.subject);
	expect_number(row->name, reply->status.detail, row->status.detail);
	expect_view(row->name, text_view(&reply->text), row->text);
	text_deinit(&results);
}

/* One object for all, so that nothing of one reply is left in the next. */
static void read_back(void **state)
{
	(void)state;
	struct smtp_reply reply;
	smtp_reply_init(&reply);
	for (size_t i = 0; i < CASES(read_cases); i++) {
		smtp_reply_clear(&reply);
		expect_read(&read_cases[i], &reply);
	}
	smtp_reply_deinit(&reply);
}

static void too_many_lines(void **state)
{
	(void)state;
	struct smtp_reply reply;
	smtp_reply_init(&reply);
	for (size_t i = 0; i < REPLY_LINES_MOST; i++)
		assert_int_equal(smtp_reply_add(&reply, VIEW("250-a")), REPLY_MORE);
	assert_int_equal(smtp_reply_add(&reply, VIEW("250 a")), REPLY_BROKEN);
	smtp_reply_clear(&reply);
	for (size_t i = 1; i < REPLY_LINES_MOST; i++)
		assert_int_equal(smtp_reply_add(&reply, VIEW("250-a")), REPLY_MORE);
	assert_int_equal(smtp_reply_add(&reply, VIEW("250 a")), REPLY_DONE);
	smtp_reply_deinit(&reply);
}

/* What is beyond the limit is left out; the code and the end are still read. */
static void too_much_text(void **state)
{
	(void)state;
	struct smtp_reply reply;
	struct text line = TEXT_LIMIT(2000);
	smtp_reply_init(&reply);
	text_add(&line, VIEW("550-"));
	while (text_add_byte(&line, 'x'))
		;
	assert_int_equal(smtp_reply_add(&reply, text_view(&line)), REPLY_MORE);
	assert_int_equal(smtp_reply_add(&reply, text_view(&line)), REPLY_MORE);
	assert_int_equal(smtp_reply_add(&reply, text_view(&line)), REPLY_MORE);
	assert_int_equal(smtp_reply_add(&reply, VIEW("550 5.1.1 end")), REPLY_DONE);
	assert_int_equal(reply.text.length, REPLY_TEXT_MOST);
	assert_int_equal(reply.code, 550);
	assert_int_equal(reply.status.subject, 1);
	text_deinit(&line);
	smtp_reply_deinit(&reply);
}

/* What one end writes the other reads. */
static void there_and_back(void **state)
{
	(void)state;
	static const struct enhanced_status status = { 5, 7, 26 };
	struct text out = TEXT_LIMIT(1024);
	struct smtp_reply reply;
	struct view line;
	smtp_reply_init(&reply);
	smtp_reply_write(&out, 550, status, VIEW("one\ntwo\n\nthree"));
	struct view rest = text_view(&out);
	enum reply_result result = REPLY_MORE;
	while (result == REPLY_MORE && view_split(&rest, '\n', &line))
		result = smtp_reply_add(&reply, view_first(line, line.length - 1));
	assert_int_equal(result, REPLY_DONE);
	assert_int_equal(rest.length, 0);
	expect_view("text", text_view(&reply.text), VIEW("one\ntwo\n\nthree"));
	assert_int_equal(reply.status.detail, 26);
	text_deinit(&out);
	smtp_reply_deinit(&reply);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written),        cmocka_unit_test(long_lines_are_cut), cmocka_unit_test(read_back),
		cmocka_unit_test(too_many_lines), cmocka_unit_test(too_much_text),      cmocka_unit_test(there_and_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

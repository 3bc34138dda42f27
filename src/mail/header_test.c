#include "mail/header.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/text.h"

/* Fields are written as name=body; a fault as !part of the reason@line. */
static const struct walk_case {
	const char *name;
	struct view header;
	const char *steps[6];
} walk_cases[] = {
	{ "nothing", VIEW_INIT(""), { NULL } },
	{ "one", VIEW_INIT("Subject: a\r\n"), { "Subject= a" } },
	{ "two", VIEW_INIT("A: 1\r\nB:2\r\n"), { "A= 1", "B=2" } },
	{ "empty body", VIEW_INIT("A:\r\n"), { "A=" } },
	{ "colons in the body", VIEW_INIT("A: b: c\r\n"), { "A= b: c" } },
	{ "colon after a fold is body", VIEW_INIT("A: b\r\n c: d\r\n"), { "A= b\r\n c: d" } },
	{ "fold", VIEW_INIT("A: b\r\n\tc\r\n d\r\nE: f\r\n"), { "A= b\r\n\tc\r\n d", "E= f" } },
	{ "fold right after the colon", VIEW_INIT("A:\r\n b\r\n"), { "A=\r\n b" } },
	{ "line of blanks", VIEW_INIT("A: b\r\n \r\n"), { "A= b\r\n " } },
	{ "8-bit body", VIEW_INIT("A: \xc3\xa9\r\n"), { "A= \xc3\xa9" } },
	{ "punctuation in a name", VIEW_INIT("X-!#'|: b\r\n"), { "X-!#'|= b" } },
	{ "blank first", VIEW_INIT(" A: b\r\n"), { "!continuation@1" } },
	{ "no colon", VIEW_INIT("A: b\r\nhello\r\nC: d\r\n"), { "A= b", "!no colon@2" } },
	{ "no colon before a fold with one", VIEW_INIT("hello\r\n a: b\r\n"), { "!no colon@1" } },
	{ "no name", VIEW_INIT(": b\r\n"), { "!begins with a colon@1" } },
	{ "blank before the colon", VIEW_INIT("A : b\r\n"), { "!blank@1" } },
	{ "tab before the colon", VIEW_INIT("A\t: b\r\n"), { "!blank@1" } },
	{ "mbox line", VIEW_INIT("From bob Mon Nov 23 10:43:13\r\n"), { "!blank@1" } },
	{ "8-bit name", VIEW_INIT("\xc3\xa9: b\r\n"), { "!printable@1" } },
	{ "control character in a name", VIEW_INIT("A\x01: b\r\n"), { "!printable@1" } },
	{ "NUL", VIEW_INIT("A: b\0c\r\n"), { "!bare@1" } },
	{ "NUL in a fold", VIEW_INIT("A: b\r\n c\0\r\n"), { "!bare@1" } },
	{ "bare LF", VIEW_INIT("A: b\nC: d\r\n"), { "!bare@1" } },
	{ "bare CR", VIEW_INIT("A: b\rC: d\r\n"), { "!bare@1" } },
	{ "CR CR LF", VIEW_INIT("A: b\r\r\n"), { "!bare@1" } },
	{ "LF first", VIEW_INIT("\nA: b\r\n"), { "!bare@1" } },
	{ "no CRLF at the end", VIEW_INIT("A: b\r\nC: d"), { "A= b", "!bare@2" } },
	{ "bare LF in a fold", VIEW_INIT("A: b\r\n c\n d\r\n"), { "!bare@1" } },
	{ "empty line", VIEW_INIT("A: b\r\n\r\nC: d\r\n"), { "A= b", "!no colon@2" } },
	{ "line numbers count folds", VIEW_INIT("A: b\r\n c\r\n d\r\ne\r\n"), { "A= b\r\n c\r\n d", "!no colon@4" } },
};

static void one_step(const struct walk_case *row, struct header_walk *walk, struct text *said, struct text *raw)
{
	struct header_field field;
	text_clear(said);
	switch (header_next(walk, &field)) {
	case HEADER_END:
		return;
	case HEADER_FIELD:
		text_print(said, "%.*s=%.*s", VIEW_PRINT(field.name), VIEW_PRINT(field.body));
		text_add(raw, field.raw);
		return;
	case HEADER_MALFORMED:
		text_print(said, "!%.*s@%zu", VIEW_PRINT(walk->why), walk->line);
		if (header_next(walk, &field) != HEADER_MALFORMED) {
			fail_msg("%s: goes on after a fault", row->name);
		}
	}
}

/* "!part@line" is met by "!the whole reason@line". */
static bool is_met(struct view said, struct view expected)
{
	if (!view_starts(expected, VIEW("!"))) {
		return view_equal(said, expected);
	}
	const size_t at = view_find_byte(expected, '@');
	return view_starts(said, VIEW("!")) && view_ends(said, view_from(expected, at)) &&
	       view_find(said, view_slice(expected, 1, at - 1)) != VIEW_NOT_FOUND;
}

static void walks(void **state)
{
	(void)state;
	struct text said = TEXT_LIMIT(1000);
	struct text raw = TEXT_LIMIT(1000);
	for (size_t i = 0; i < sizeof(walk_cases) / sizeof(walk_cases[0]); i++) {
		const struct walk_case *row = &walk_cases[i];
		struct header_walk walk = header_walk_of(row->header);
		bool faulty = false;
		text_clear(&raw);
		for (size_t step = 0; step < 6 && !faulty; step++) {
			const struct view expected = row->steps[step] != NULL ? view_of(row->steps[step]) : VIEW("");
			one_step(row, &walk, &said, &raw);
			faulty = view_starts(expected, VIEW("!"));
			if (!is_met(text_view(&said), expected)) {
				fail_msg("%s: step %zu: %s, not %.*s", row->name, step, text_cstring(&said), VIEW_PRINT(expected));
			}
		}
		if (!faulty && !view_equal(text_view(&raw), row->header)) {
			fail_msg("%s: the fields together are not the header", row->name);
		}
	}
	text_deinit(&said);
	text_deinit(&raw);
}

static const struct {
	const char *name, *message, *header, *body;
	bool separated;
} split_cases[] = {
	{ "both", "A: b\r\n\r\nbody\r\n", "A: b\r\n", "body\r\n", true },
	{ "no body", "A: b\r\n\r\n", "A: b\r\n", "", true },
	{ "no empty line", "A: b\r\n", "A: b\r\n", "", false },
	{ "no header", "\r\nbody", "", "body", true },
	{ "nothing", "", "", "", false },
	{ "two empty lines", "A: b\r\n\r\n\r\nx", "A: b\r\n", "\r\nx", true },
	{ "line of blanks is none", "A: b\r\n \r\nC: d\r\n\r\nx", "A: b\r\n \r\nC: d\r\n", "x", true },
};

static void splits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(split_cases) / sizeof(split_cases[0]); i++) {
		struct view header = VIEW_NONE;
		struct view body = VIEW_NONE;
		const struct view message = view_of(split_cases[i].message);
		if (header_split(message, &header, &body) != split_cases[i].separated ||
		    !view_equal(header, view_of(split_cases[i].header)) || !view_equal(body, view_of(split_cases[i].body)) ||
		    header.data != message.data || body.data + body.length != message.data + message.length) {
			fail_msg("%s: %.*s|%.*s", split_cases[i].name, VIEW_PRINT(header), VIEW_PRINT(body));
		}
	}
}

static void fields_are_counted(void **state)
{
	(void)state;
	struct header_field field;
	assert_int_equal(header_count(VIEW("A: 1\r\nto: 2\r\nTO: 3\r\n"), VIEW("To"), &field), 2);
	assert_true(view_equal(field.body, VIEW(" 2")));
	assert_int_equal(header_count(VIEW("A: 1\r\n"), VIEW("To"), &field), 0);
	assert_int_equal(header_count(VIEW("Tom: 1\r\n"), VIEW("To"), &field), 0);
}

static void unfolding(void **state)
{
	(void)state;
	struct text text = TEXT_LIMIT(100);
	header_unfold(&text, VIEW(" a\r\n\tb\r\n c \r\n "));
	assert_string_equal(text_cstring(&text), "a\tb c");
	text_clear(&text);
	header_unfold(&text, VIEW(" "));
	assert_string_equal(text_cstring(&text), "");
	text_deinit(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walks),
		cmocka_unit_test(splits),
		cmocka_unit_test(fields_are_counted),
		cmocka_unit_test(unfolding),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

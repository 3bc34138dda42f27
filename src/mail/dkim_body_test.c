#include "mail/dkim.h"

#include "base/must.h"
#include "base/testing.h"

/* Each body stands beside its canonical form (RFC 6376 3.4.4), whose hash it must have. */
static const struct body_case {
	const char *name;
	struct view body;
	struct view canonical;
} body_cases[] = {
	{ "nothing", VIEW_INIT(""), VIEW_INIT("") },
	{ "an empty line", VIEW_INIT("\r\n"), VIEW_INIT("") },
	{ "empty lines", VIEW_INIT("\r\n\r\n\r\n"), VIEW_INIT("") },
	{ "lines of blanks", VIEW_INIT(" \r\n\t\r\n \t \r\n"), VIEW_INIT("") },
	{ "RFC 6376 3.4.5", VIEW_INIT(" C \r\nD \t E\r\n\r\n\r\n"), VIEW_INIT(" C\r\nD E\r\n") },
	{ "already canonical", VIEW_INIT("a b\r\n\r\nc\r\n"), VIEW_INIT("a b\r\n\r\nc\r\n") },
	{ "no CRLF at the end", VIEW_INIT("a"), VIEW_INIT("a\r\n") },
	{ "blanks, no CRLF at the end", VIEW_INIT("a \t"), VIEW_INIT("a\r\n") },
	{ "a tab becomes a blank", VIEW_INIT("a\tb\r\n"), VIEW_INIT("a b\r\n") },
	{ "a run of blanks becomes one", VIEW_INIT("a   b\r\n"), VIEW_INIT("a b\r\n") },
	{ "blanks at a line's begin stay one", VIEW_INIT("  a\r\n"), VIEW_INIT(" a\r\n") },
	{ "blanks at a line's end go", VIEW_INIT("a  \r\nb \r\nc\t\r\n"), VIEW_INIT("a\r\nb\r\nc\r\n") },
	{ "empty lines inside stay", VIEW_INIT("a\r\n\r\n \r\n\r\nb\r\n\r\n"), VIEW_INIT("a\r\n\r\n\r\n\r\nb\r\n") },
	{ "empty lines first stay", VIEW_INIT("\r\n\r\na\r\n"), VIEW_INIT("\r\n\r\na\r\n") },
	{ "a bare CR is content", VIEW_INIT("a\rb\r\n"), VIEW_INIT("a\rb\r\n") },
	{ "a blank before a bare CR", VIEW_INIT("a \rb\r\n"), VIEW_INIT("a \rb\r\n") },
	{ "CR CR LF", VIEW_INIT("a\r\r\n"), VIEW_INIT("a\r\r\n") },
	{ "a CR at the end", VIEW_INIT("a\r"), VIEW_INIT("a\r\r\n") },
	{ "a bare LF is content", VIEW_INIT("a \nb\n\r\n"), VIEW_INIT("a \nb\n\r\n") },
	{ "NUL and 8-bit", VIEW_INIT("\0\xc3\xa9  \0\r\n"), VIEW_INIT("\0\xc3\xa9 \0\r\n") },
	{ "more than a stride",
	  VIEW_INIT("0123456789012345678901234567890123456789012345678901234567890123456789 \t x \r\n"
	            "0123456789012345678901234567890123456789012345678901234567890123456789\r\n\r\n"),
	  VIEW_INIT("0123456789012345678901234567890123456789012345678901234567890123456789 x\r\n"
	            "0123456789012345678901234567890123456789012345678901234567890123456789\r\n") },
	{ "a fault at a stride's end",
	  VIEW_INIT("012345678901234567890123456789012345678901234567890123456789012  "
	            "012345678901234567890123456789012345678901234567890123456789012 \r\n"),
	  VIEW_INIT("012345678901234567890123456789012345678901234567890123456789012 "
	            "012345678901234567890123456789012345678901234567890123456789012\r\n") },
};

static void expect_hash(const char *name, struct dkim_body *body, struct view canonical)
{
	uint8_t got[SHA256_SIZE];
	uint8_t expected[SHA256_SIZE];
	dkim_body_end(body, got);
	sha256_once(canonical, expected);
	if (!view_equal(view_bytes(got, SHA256_SIZE), view_bytes(expected, SHA256_SIZE)))
		fail_msg("%s: not the hash of the canonical form", name);
}

static void bodies(void **state)
{
	(void)state;
	struct dkim_body body;
	dkim_body_init(&body);
	for (size_t i = 0; i < CASES(body_cases); i++) {
		const struct body_case *row = &body_cases[i];
		/* At once, byte by byte, and in two pieces at every place. */
		for (size_t piece = 1; piece <= row->body.length + 1; piece++) {
			dkim_body_begin(&body);
			for (struct view rest = row->body; rest.length > 0; rest = view_from(rest, piece))
				dkim_body_add(&body, view_first(rest, piece));
			expect_hash(row->name, &body, row->canonical);
			dkim_body_begin(&body);
			dkim_body_add(&body, view_first(row->body, piece));
			dkim_body_add(&body, view_from(row->body, piece));
			expect_hash(row->name, &body, row->canonical);
		}
	}
	dkim_body_deinit(&body);
}

/* Larger than the buffer, in stretches that are hashed in place and in ones that are not. */
static void large(void **state)
{
	(void)state;
	struct text source = TEXT_LIMIT(1 << 20);
	struct text canonical = TEXT_LIMIT(1 << 20);
	struct dkim_body body;
	for (size_t i = 0; i < 3000; i++) {
		text_print(&source, "line %zu of  many%s\r\n", i, i % 3 == 0 ? " " : "");
		text_print(&canonical, "line %zu of many\r\n", i);
		if (i % 500 == 0) {
			for (size_t j = 0; j < 6000; j++) {
				text_add_byte(&source, 'x');
				text_add_byte(&canonical, 'x');
			}
		}
	}
	text_add(&source, VIEW("\r\n\r\n"));
	text_add(&canonical, VIEW(""));
	dkim_body_init(&body);
	const size_t pieces[] = { 1, 7, 64, 65, 1023, 4096, 5000, source.length };
	for (size_t i = 0; i < CASES(pieces); i++) {
		dkim_body_begin(&body);
		for (struct view rest = text_view(&source); rest.length > 0; rest = view_from(rest, pieces[i]))
			dkim_body_add(&body, view_first(rest, pieces[i]));
		expect_hash("large", &body, text_view(&canonical));
	}
	dkim_body_deinit(&body);
	text_deinit(&source);
	text_deinit(&canonical);
}

/* RFC 6376 3.4.4's hash of nothing, and the body of RFC 8463 A.3. */
static void published(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct view body;
		struct view hash;
	} rows[] = {
		{ "empty", VIEW_INIT(""), VIEW_INIT("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=") },
		{ "RFC 8463", VIEW_INIT("Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"),
		  VIEW_INIT("2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=") },
	};
	struct dkim_body body;
	dkim_body_init(&body);
	for (size_t i = 0; i < CASES(rows); i++) {
		struct text encoded = TEXT_LIMIT(64);
		uint8_t hash[SHA256_SIZE];
		dkim_body_begin(&body);
		dkim_body_add(&body, rows[i].body);
		dkim_body_end(&body, hash);
		text_add_base64(&encoded, view_bytes(hash, sizeof(hash)));
		expect_view(rows[i].name, text_view(&encoded), rows[i].hash);
		text_deinit(&encoded);
	}
	dkim_body_deinit(&body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies),
		cmocka_unit_test(large),
		cmocka_unit_test(published),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "smtp/capabilities.h"

#include "base/testing.h"
#include "base/text.h"

/* The keywords found, a letter each, in the order of the struct: T P 8 E S U C D; then the size. */
static const struct capabilities_case {
	const char *name;
	struct view text, found;
	uint64_t size_limit;
} capabilities_cases[] = {
	{ "none", VIEW_INIT("a.example"), VIEW_INIT(""), 0 },
	{ "nothing at all", VIEW_INIT(""), VIEW_INIT(""), 0 },
	{ "no text", { NULL, 0 }, VIEW_INIT(""), 0 },
	{ "all",
	  VIEW_INIT("a\nSTARTTLS\nPIPELINING\n8BITMIME\nENHANCEDSTATUSCODES\nSIZE 35882577\nSMTPUTF8\nCHUNKING\nDSN"),
	  VIEW_INIT("TP8ESUCD"), 35882577 },
	{ "any case", VIEW_INIT("a\nStartTls\npipelining\nsize 10"), VIEW_INIT("TPS"), 10 },
	{ "greeting is none", VIEW_INIT("STARTTLS\nDSN"), VIEW_INIT("D"), 0 },
	{ "unknown ones", VIEW_INIT("a\nXYZZY\nDSNX\nDS\nVRFY\nDSN"), VIEW_INIT("D"), 0 },
	{ "size without a number", VIEW_INIT("a\nSIZE"), VIEW_INIT("S"), 0 },
	{ "size nought", VIEW_INIT("a\nSIZE 0"), VIEW_INIT("S"), 0 },
	{ "size of letters", VIEW_INIT("a\nSIZE many"), VIEW_INIT("S"), 0 },
	{ "size below nought", VIEW_INIT("a\nSIZE -1"), VIEW_INIT("S"), 0 },
	{ "largest size", VIEW_INIT("a\nSIZE 18446744073709551615"), VIEW_INIT("S"), UINT64_MAX },
	{ "size too large to say", VIEW_INIT("a\nSIZE 99999999999999999999"), VIEW_INIT("S"), 0 },
	{ "blanks around", VIEW_INIT("a\n  SIZE   10  \n DSN "), VIEW_INIT("SD"), 10 },
	{ "words behind", VIEW_INIT("a\nSTARTTLS now\nAUTH PLAIN LOGIN"), VIEW_INIT("T"), 0 },
	{ "two a line are one", VIEW_INIT("a\nDSN STARTTLS"), VIEW_INIT("D"), 0 },
	{ "empty lines", VIEW_INIT("a\n\n\nDSN\n"), VIEW_INIT("D"), 0 },
	{ "a NUL within", VIEW_INIT("a\nDSN\0\nSTARTTLS"), VIEW_INIT("T"), 0 },
};

static void parsed(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(capabilities_cases); i++) {
		struct smtp_capabilities found;
		struct text letters = TEXT_LIMIT(16);
		smtp_capabilities_parse(capabilities_cases[i].text, &found);
		const bool flags[] = { found.starttls, found.pipelining, found.eight_bit_mime, found.enhanced_status,
			                   found.size,     found.smtputf8,   found.chunking,       found.dsn };
		for (size_t j = 0; j < CASES(flags); j++)
			if (flags[j])
				text_add_byte(&letters, "TP8ESUCD"[j]);
		expect_view(capabilities_cases[i].name, text_view(&letters), capabilities_cases[i].found);
		expect_number(capabilities_cases[i].name, (int64_t)found.size_limit,
		              (int64_t)capabilities_cases[i].size_limit);
		text_deinit(&letters);
	}
}

/* A second EHLO, after STARTTLS, starts afresh (RFC 3207 4.2). */
static void nothing_is_kept(void **state)
{
	(void)state;
	struct smtp_capabilities found;
	smtp_capabilities_parse(VIEW("a\nSTARTTLS\nSIZE 10"), &found);
	smtp_capabilities_parse(VIEW("a\nDSN"), &found);
	assert_false(found.starttls || found.size);
	assert_int_equal(found.size_limit, 0);
	assert_true(found.dsn);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(parsed), cmocka_unit_test(nothing_is_kept) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "mail/domain.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/text.h"

#define X10 "xxxxxxxxxx"
#define U10 "\xc3\xbc.\xc3\xbc.\xc3\xbc.\xc3\xbc.\xc3\xbc.\xc3\xbc.\xc3\xbc.\xc3\xbc.\xc3\xbc.\xc3\xbc."
#define U50 U10 U10 U10 U10 U10
#define X63 X10 X10 X10 X10 X10 X10 "xxx"

static const struct parse_case {
	const char *name;
	const char *text;
	enum domain_result result;
	const char *domain;
} parse_cases[] = {
	{ "plain", "example.com", DOMAIN_OK, "example.com" },
	{ "lower case", "EXAMPLE.Com", DOMAIN_OK, "example.com" },
	{ "trailing dot", "example.com.", DOMAIN_OK, "example.com" },
	{ "single label", "localhost", DOMAIN_OK, "localhost" },
	{ "digits first", "3com.com", DOMAIN_OK, "3com.com" },
	{ "hyphens inside", "a--b-c.com", DOMAIN_OK, "a--b-c.com" },
	{ "label of 63", X63 ".com", DOMAIN_OK, X63 ".com" },
	{ "253 in all", X63 "." X63 "." X63 "." X10 X10 X10 X10 X10 X10 "x", DOMAIN_OK,
	  X63 "." X63 "." X63 "." X10 X10 X10 X10 X10 X10 "x" },
	{ "253 and a trailing dot", X63 "." X63 "." X63 "." X10 X10 X10 X10 X10 X10 "x.", DOMAIN_OK,
	  X63 "." X63 "." X63 "." X10 X10 X10 X10 X10 X10 "x" },
	{ "A-label", "XN--BCHER-KVA.example", DOMAIN_OK, "xn--bcher-kva.example" },
	{ "U-label",
	  "b\xc3\xbc"
	  "cher.example",
	  DOMAIN_OK, "xn--bcher-kva.example" },
	{ "U-label in upper case",
	  "B\xc3\x9c"
	  "CHER.Example",
	  DOMAIN_OK, "xn--bcher-kva.example" },
	{ "U-label decomposed",
	  "bu\xcc\x88"
	  "cher.example",
	  DOMAIN_OK, "xn--bcher-kva.example" },
	{ "sharp s is itself",
	  "stra\xc3\x9f"
	  "e.example",
	  DOMAIN_OK, "xn--strae-oqa.example" },
	{ "ideographic full stop",
	  "a\xe3\x80\x82"
	  "example",
	  DOMAIN_OK, "a.example" },
	{ "full-width letters", "\xef\xbd\x85xample.com", DOMAIN_OK, "example.com" },
	{ "U-label and trailing dot",
	  "b\xc3\xbc"
	  "cher.example.",
	  DOMAIN_OK, "xn--bcher-kva.example" },
	{ "empty", "", DOMAIN_EMPTY, NULL },
	{ "only a dot", ".", DOMAIN_LABEL_EMPTY, NULL },
	{ "leading dot", ".example.com", DOMAIN_LABEL_EMPTY, NULL },
	{ "two dots", "example..com", DOMAIN_LABEL_EMPTY, NULL },
	{ "two trailing dots", "example.com..", DOMAIN_LABEL_EMPTY, NULL },
	{ "underscore", "_dmarc.example.com", DOMAIN_BAD_BYTE, NULL },
	{ "blank inside", "exam ple.com", DOMAIN_BAD_BYTE, NULL },
	{ "blank before", " example.com", DOMAIN_BAD_BYTE, NULL },
	{ "newline after", "example.com\n", DOMAIN_BAD_BYTE, NULL },
	{ "at", "a@example.com", DOMAIN_BAD_BYTE, NULL },
	{ "slash", "example.com/x", DOMAIN_BAD_BYTE, NULL },
	{ "percent", "example%2ecom", DOMAIN_BAD_BYTE, NULL },
	{ "hyphen first", "-a.com", DOMAIN_BAD_HYPHEN, NULL },
	{ "hyphen last", "a-.com", DOMAIN_BAD_HYPHEN, NULL },
	{ "hyphen alone", "-", DOMAIN_BAD_HYPHEN, NULL },
	{ "label of 64", X63 "x.com", DOMAIN_LABEL_TOO_LONG, NULL },
	{ "254 in all", X63 "." X63 "." X63 "." X10 X10 X10 X10 X10 X10 "xx", DOMAIN_TOO_LONG, NULL },
	{ "IPv4 address", "192.0.2.1", DOMAIN_NUMERIC, NULL },
	{ "number", "2130706433", DOMAIN_NUMERIC, NULL },
	{ "IPv6 address", "2001:db8::1", DOMAIN_BAD_BYTE, NULL },
	{ "Latin-1",
	  "b\xfc"
	  "cher.example",
	  DOMAIN_BAD_IDN, NULL },
	{ "overlong UTF-8",
	  "a\xc0\xae"
	  "com",
	  DOMAIN_BAD_IDN, NULL },
	{ "zero-width joiner out of place",
	  "a\xe2\x80\x8d"
	  "b.example",
	  DOMAIN_BAD_IDN, NULL },
	{ "account-of sign becomes a slash", "\xe2\x84\x80.example", DOMAIN_BAD_BYTE, NULL },
	{ "too many U-labels", U50 U50, DOMAIN_TOO_LONG, NULL },
	{ "far too many U-labels", U50 U50 U50 U50 U50 U50 U50 U50, DOMAIN_TOO_LONG, NULL },
	{ "U-label too long for an A-label", "\xc3\xbc" X63 ".example", DOMAIN_BAD_IDN, NULL },
};

static void parse_cases_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(parse_cases) / sizeof(parse_cases[0]); i++) {
		const struct parse_case *row = &parse_cases[i];
		struct domain domain = { .length = 3, .name = "old" };
		const enum domain_result result = domain_parse(view_of(row->text), &domain);
		if (result != row->result) {
			fail_msg("%s: result %d (%s), not %d", row->name, (int)result, domain_result_text(result).data,
			         (int)row->result);
		}
		const char *expected = row->domain != NULL ? row->domain : "old";
		if (!view_equal(domain_view(&domain), view_of(expected)) || domain.name[domain.length] != '\0') {
			fail_msg("%s: domain %s, not %s", row->name, domain.name, expected);
		}
	}
}

static const struct {
	const char *name, *typed, *told;
} typed_cases[] = {
	{ "a hyphen", "-", "\"-\" is not a domain name: " },
	{ "an address of IPv4", "192.0.2.1", "\"192.0.2.1\" is not a domain name: the domain ends in a number" },
	{ "an address of IPv6", "2001:db8::1", "\"2001:db8::1\" is not a domain name: " },
	{ "nothing", "", "\"\" is not a domain name: the domain is empty" },
	{ "a web address", "https://example.com/mail",
	  "https://example.com/mail is not a domain name; is example.com meant?" },
	{ "a mailbox", "tom@example.com", "tom@example.com is not a domain name; is example.com meant?" },
	{ "with a port", "example.com:25", "example.com:25 is not a domain name; is example.com meant?" },
	{ "a domain", "Example.COM.", NULL },
};

static void typed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(typed_cases) / sizeof(typed_cases[0]); i++) {
		struct text problem = TEXT_LIMIT(1024);
		struct domain domain = { 0 };
		const bool good = domain_parse_typed(view_of(typed_cases[i].typed), &domain, &problem);
		const bool told =
			typed_cases[i].told != NULL && view_starts(text_view(&problem), view_of(typed_cases[i].told));
		if (good != (typed_cases[i].told == NULL) || good == told)
			fail_msg("%s: \"%s\"", typed_cases[i].name, text_cstring(&problem));
		text_deinit(&problem);
	}
}

static void nul_is_no_end(void **state)
{
	(void)state;
	struct domain domain;
	assert_int_equal(domain_parse(VIEW("example.com\0.evil"), &domain), DOMAIN_BAD_BYTE);
	assert_int_equal(domain_parse(VIEW("b\xc3\xbc.example\0.evil"), &domain), DOMAIN_BAD_IDN);
	assert_int_equal(domain_parse(VIEW_NONE, &domain), DOMAIN_EMPTY);
}

static void every_result_has_its_text(void **state)
{
	(void)state;
	for (int i = DOMAIN_OK; i <= DOMAIN_BAD_IDN; i++) {
		assert_true(domain_result_text((enum domain_result)i).length > 0);
	}
}

static void family(void **state)
{
	(void)state;
	struct domain child, parent, other;
	assert_int_equal(domain_parse(VIEW("a.b.example"), &child), DOMAIN_OK);
	assert_int_equal(domain_label_count(&child), 3);
	assert_true(domain_parent(&child, &parent));
	assert_string_equal(parent.name, "b.example");
	assert_true(domain_is_within(&child, &parent));
	assert_true(domain_is_within(&child, &child));
	assert_false(domain_is_within(&parent, &child));
	assert_int_equal(domain_parse(VIEW("c.example"), &other), DOMAIN_OK);
	assert_false(domain_is_within(&child, &other));
	assert_false(domain_is_within(&parent, &other));
	assert_int_equal(domain_parse(VIEW("bb.example"), &other), DOMAIN_OK);
	assert_int_equal(domain_parse(VIEW("b.example"), &parent), DOMAIN_OK);
	assert_false(domain_is_within(&other, &parent));
	assert_true(domain_parent(&child, &child));
	assert_true(domain_equal(&child, &parent));
	assert_true(domain_parent(&child, &child));
	assert_string_equal(child.name, "example");
	assert_false(domain_parent(&child, &child));
	assert_false(domain_is_within(&child, &(struct domain){ 0 }));
	assert_int_equal(domain_label_count(&(struct domain){ 0 }), 0);
}

static const struct {
	const char *name, *domain, *shown;
} unicode_cases[] = {
	{ "ASCII", "example.com", "example.com" },
	{ "umlaut", "xn--bcher-kva.example",
	  "b\xc3\xbc"
	  "cher.example" },
	{ "not made from what it shows", "xn--a.example", "xn--a.example" },
	{ "punycode that is not", "xn--999999999999.example", "xn--999999999999.example" },
};

static void unicode_for_people(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(unicode_cases) / sizeof(unicode_cases[0]); i++) {
		struct arena arena = { 0 };
		struct domain domain;
		assert_int_equal(domain_parse(view_of(unicode_cases[i].domain), &domain), DOMAIN_OK);
		const struct view shown = domain_unicode(&domain, &arena);
		if (!view_equal(shown, view_of(unicode_cases[i].shown))) {
			fail_msg("%s: shown as %.*s", unicode_cases[i].name, VIEW_PRINT(shown));
		}
		arena_deinit(&arena);
	}
}

static const struct {
	const char *name, *text;
	bool spells;
} spelling_cases[] = {
	{ "ASCII", "Example.COM", true },
	{ "A-label", "xn--bcher-kva.example", true },
	{ "U-label",
	  "b\xc3\xbc"
	  "cher.example",
	  true },
	{ "ASCII letters in upper case beside it",
	  "B\xc3\xbc"
	  "CHER.Example",
	  true },
	{ "sharp s, which IDNA 2003 had as ss", "fa\xc3\x9f.example", true },
	{ "two scripts' U-labels", "\xe4\xbe\x8b.\xe4\xbe\x8b\xe5\xad\x90", true },
	{ "upper case",
	  "b\xc3\x9c"
	  "cher.example",
	  false },
	{ "decomposed",
	  "bu\xcc\x88"
	  "cher.example",
	  false },
	{ "ideographic dot",
	  "example\xe3\x80\x82"
	  "com",
	  false },
	{ "full-width dot",
	  "example\xef\xbc\x8e"
	  "com",
	  false },
	{ "half-width ideographic dot",
	  "example\xef\xbd\xa1"
	  "com",
	  false },
	{ "full-width letters", "\xef\xbd\x85xample.com", false },
	{ "zero-width blank", "example\xe2\x80\x8b.com", false },
	{ "zero-width joiner", "exam\xe2\x80\x8dple.com", false },
	{ "soft hyphen",
	  "exam\xc2\xad"
	  "ple.com",
	  false },
	{ "word joiner at the end", "example.com\xe2\x81\xa0", false },
	{ "ligature", "\xef\xac\x81sh.example", false },
	{ "superscript digit", "example\xc2\xb2.com", false },
	{ "kelvin sign",
	  "\xe2\x84\xaa"
	  "elvin.example",
	  false },
};

static void spelling(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(spelling_cases) / sizeof(spelling_cases[0]); i++) {
		if (domain_spells(view_of(spelling_cases[i].text)) != spelling_cases[i].spells) {
			fail_msg("%s: %s", spelling_cases[i].name, spelling_cases[i].text);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_cases_hold),
		cmocka_unit_test(nul_is_no_end),
		cmocka_unit_test(every_result_has_its_text),
		cmocka_unit_test(family),
		cmocka_unit_test(unicode_for_people),
		cmocka_unit_test(spelling),
		cmocka_unit_test(typed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "mail/spf.h"

#include "base/testing.h"
#include "mail/zone_for_tests.h"

/* ---- terms: one behind "v=spf1 ", and what it is. */

static const struct term_case {
	const char *text;
	bool good;
	enum spf_kind kind;
	char qualifier;
	const char *domain;
} term_cases[] = {
	{ "all", true, SPF_ALL, '+', "" },
	{ "-all", true, SPF_ALL, '-', "" },
	{ "~ALL", true, SPF_ALL, '~', "" },
	{ "?all", true, SPF_ALL, '?', "" },
	{ "all:example.com", false, 0, 0, 0 },
	{ "all/24", false, 0, 0, 0 },
	{ "-", false, 0, 0, 0 },
	{ "--all", false, 0, 0, 0 },
	{ "include:a.example", true, SPF_INCLUDE, '+', "a.example" },
	{ "?include:_spf.a.example.", true, SPF_INCLUDE, '?', "_spf.a.example." },
	{ "Include:%{d}.a.example", true, SPF_INCLUDE, '+', "%{d}.a.example" },
	{ "include:%{ir}.%{v}._spf.%{d2}", true, SPF_INCLUDE, '+', "%{ir}.%{v}._spf.%{d2}" },
	{ "include", false, 0, 0, 0 },
	{ "include:", false, 0, 0, 0 },
	{ "include:example", false, 0, 0, 0 },
	{ "include:192.0.2.1", false, 0, 0, 0 },
	{ "include:a..example", false, 0, 0, 0 },
	{ "include:.example.com", false, 0, 0, 0 },
	{ "include=example.com", true, SPF_UNKNOWN, '+', "example.com" },
	{ "include:a.example/24", false, 0, 0, 0 },
	{ "include:-.example-", false, 0, 0, 0 },
	{ "include:%{x}.example", false, 0, 0, 0 },
	{ "include:%{d", false, 0, 0, 0 },
	{ "include:%d.example", false, 0, 0, 0 },
	{ "include:%", false, 0, 0, 0 },
	{ "include:a%%b.example", true, SPF_INCLUDE, '+', "a%%b.example" },
	{ "include:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example", false, 0, 0, 0 },
	{ "a", true, SPF_A, '+', "" },
	{ "+a:mail.example.com", true, SPF_A, '+', "mail.example.com" },
	{ "a/24", true, SPF_A, '+', "" },
	{ "a//64", true, SPF_A, '+', "" },
	{ "a/24//64", true, SPF_A, '+', "" },
	{ "a:b/c.example/0//0", true, SPF_A, '+', "b/c.example" },
	{ "a/33", false, 0, 0, 0 },
	{ "a/024", false, 0, 0, 0 },
	{ "a//129", false, 0, 0, 0 },
	{ "a/", false, 0, 0, 0 },
	{ "a:", false, 0, 0, 0 },
	{ "mx:example.com/24", true, SPF_MX, '+', "example.com" },
	{ "ptr", true, SPF_PTR, '+', "" },
	{ "ptr:example.com", true, SPF_PTR, '+', "example.com" },
	{ "ptr/24", false, 0, 0, 0 },
	{ "ip4:192.0.2.1", true, SPF_IP4, '+', "" },
	{ "ip4:192.0.2.0/24", true, SPF_IP4, '+', "" },
	{ "ip4:192.0.2.0/33", false, 0, 0, 0 },
	{ "ip4:192.0.2", false, 0, 0, 0 },
	{ "ip4:192.0.2.256", false, 0, 0, 0 },
	{ "ip4:192.0.2.01", false, 0, 0, 0 },
	{ "ip4:192.0.2.1.1", false, 0, 0, 0 },
	{ "ip4:example.com", false, 0, 0, 0 },
	{ "ip4", false, 0, 0, 0 },
	{ "ip4=192.0.2.1", true, SPF_UNKNOWN, '+', "192.0.2.1" },
	{ "ipv4:192.0.2.1", false, 0, 0, 0 },
	{ "ip6:2001:db8::1", true, SPF_IP6, '+', "" },
	{ "ip6:2001:db8::/32", true, SPF_IP6, '+', "" },
	{ "ip6:::1", true, SPF_IP6, '+', "" },
	{ "ip6:::", true, SPF_IP6, '+', "" },
	{ "ip6:1:2:3:4:5:6:7:8", true, SPF_IP6, '+', "" },
	{ "ip6:::ffff:192.0.2.1", true, SPF_IP6, '+', "" },
	{ "ip6:1:2:3:4:5:6:7", false, 0, 0, 0 },
	{ "ip6:1:2:3:4:5:6:7:8:9", false, 0, 0, 0 },
	{ "ip6:1::2::3", false, 0, 0, 0 },
	{ "ip6:1:2:3:4:5:6:7::8", false, 0, 0, 0 },
	{ "ip6:12345::", false, 0, 0, 0 },
	{ "ip6:1:2:", false, 0, 0, 0 },
	{ "ip6:192.0.2.1::", false, 0, 0, 0 },
	{ "ip6:::/129", false, 0, 0, 0 },
	{ "exists:%{i}._spf.example.com", true, SPF_EXISTS, '+', "%{i}._spf.example.com" },
	{ "exists", false, 0, 0, 0 },
	{ "redirect=_spf.example.com", true, SPF_REDIRECT, '+', "_spf.example.com" },
	{ "redirect=%{d}", true, SPF_REDIRECT, '+', "%{d}" },
	{ "redirect:_spf.example.com", false, 0, 0, 0 },
	{ "-redirect=_spf.example.com", false, 0, 0, 0 },
	{ "redirect=", false, 0, 0, 0 },
	{ "exp=explain.example.com", true, SPF_EXP, '+', "explain.example.com" },
	{ "exp=", false, 0, 0, 0 },
	{ "moo=", true, SPF_UNKNOWN, '+', "" },
	{ "moo.cow-far_out=man:dog/cat", true, SPF_UNKNOWN, '+', "man:dog/cat" },
	{ "moo=%{x}", false, 0, 0, 0 },
	{ "1moo=a", false, 0, 0, 0 },
	{ "=a", false, 0, 0, 0 },
	{ "example.com", false, 0, 0, 0 },
	{ "a\xc3\xa9=\xc3", false, 0, 0, 0 },
	{ "a:\xc3\xa9.example", false, 0, 0, 0 },
	{ "all\tall", false, 0, 0, 0 },
};

static void terms(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(term_cases); i++) {
		const struct term_case *row = &term_cases[i];
		struct text record = TEXT_LIMIT(512);
		struct spf_term term;
		text_print(&record, "v=spf1 %s mx", row->text);
		struct spf_walk walk = spf_walk_of(text_view(&record));
		expect_number(row->text, spf_next(&walk, &term), row->good ? SPF_TERM : SPF_MALFORMED);
		expect_view(row->text, term.text, view_of(row->text));
		if (row->good) {
			expect_number(row->text, term.kind, row->kind);
			expect_number(row->text, term.qualifier, row->qualifier);
			expect_view(row->text, term.domain, view_of(row->domain));
		}
		/* The walk goes on, whatever the term was. */
		expect_number(row->text, spf_next(&walk, &term), SPF_TERM);
		expect_number(row->text, term.kind, SPF_MX);
		expect_number(row->text, spf_next(&walk, &term), SPF_END);
		text_deinit(&record);
	}
}

static void networks(void **state)
{
	(void)state;
	static const struct {
		const char *record;
		uint8_t address[16];
		uint8_t prefix_length;
		uint8_t prefix_length6;
	} rows[] = {
		{ "v=spf1 ip4:192.0.2.1", { 192, 0, 2, 1 }, 32, 0 },
		{ "v=spf1 ip4:10.0.0.0/8", { 10 }, 8, 0 },
		{ "v=spf1 ip6:2001:db8::1", { 0x20, 1, 0x0d, 0xb8, [15] = 1 }, 128, 0 },
		{ "v=spf1 ip6:2001:db8:a:b:c:d:e:f/64",
		  { 0x20, 1, 0x0d, 0xb8, 0, 10, 0, 11, 0, 12, 0, 13, 0, 14, 0, 15 },
		  64,
		  0 },
		{ "v=spf1 ip6:::ffff:192.0.2.1", { [10] = 0xff, 0xff, 192, 0, 2, 1 }, 128, 0 },
		{ "v=spf1 ip6:1::", { 0, 1 }, 128, 0 },
		{ "v=spf1 a", { 0 }, 32, 128 },
		{ "v=spf1 mx/24//64", { 0 }, 24, 64 },
		{ "v=spf1 mx//48", { 0 }, 32, 48 },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct spf_walk walk = spf_walk_of(view_of(rows[i].record));
		struct spf_term term;
		expect_number(rows[i].record, spf_next(&walk, &term), SPF_TERM);
		expect_number(rows[i].record, term.prefix_length, rows[i].prefix_length);
		expect_number(rows[i].record, term.prefix_length6, rows[i].prefix_length6);
		expect_view(rows[i].record, view_bytes(term.address, 16), view_bytes(rows[i].address, 16));
	}
}

static void records(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct view text;
		bool is;
	} rows[] = {
		{ "usual", VIEW_INIT("v=spf1 -all"), true },
		{ "nothing but the version", VIEW_INIT("v=spf1"), true },
		{ "capitals", VIEW_INIT("V=SPF1 -all"), true },
		{ "spf10", VIEW_INIT("v=spf10 -all"), false },
		{ "tab", VIEW_INIT("v=spf1\t-all"), false },
		{ "blank first", VIEW_INIT(" v=spf1 -all"), false },
		{ "sender id", VIEW_INIT("spf2.0/pra -all"), false },
		{ "nothing", VIEW_INIT(""), false },
	};
	for (size_t i = 0; i < CASES(rows); i++)
		expect_number(rows[i].name, spf_is_record(rows[i].text), rows[i].is);
	/* A modifier with a meaning comes once. */
	struct spf_walk walk =
		spf_walk_of(VIEW("v=spf1 exp=a.example redirect=b.example exp=c.example redirect=d.example"));
	struct spf_term term;
	assert_int_equal(spf_next(&walk, &term), SPF_TERM);
	assert_int_equal(spf_next(&walk, &term), SPF_TERM);
	assert_int_equal(spf_next(&walk, &term), SPF_MALFORMED);
	assert_int_equal(spf_next(&walk, &term), SPF_MALFORMED);
	assert_int_equal(spf_next(&walk, &term), SPF_END);
}

/* ---- admission of elastx.email at example.com */

#define AT   VIEW_INIT("example.com")
#define OURS "include:elastx.email"

static const struct admit_case {
	const char *name;
	struct zone_row rows[ZONE_ROWS_MOST];
	enum spf_admission admission;
	const char *replacement; /* NULL: not looked at */
	const char *detail;
} admit_cases[] = {
	{ "nothing", { { { 0 }, { 0 } } }, SPF_NO_RECORD, "v=spf1 " OURS " -all", "" },
	{ "other TXT", { { AT, VIEW_INIT("hello") } }, SPF_NO_RECORD, "v=spf1 " OURS " -all", "" },
	{ "the page's record", { { AT, VIEW_INIT("v=spf1 " OURS " -all") } }, SPF_ADMITTED, "v=spf1 " OURS " -all", "" },
	{ "with a plus", { { AT, VIEW_INIT("v=spf1 +" OURS " ~all") } }, SPF_ADMITTED, NULL, "" },
	{ "capitals and a dot", { { AT, VIEW_INIT("v=spf1 INCLUDE:Elastx.Email. -all") } }, SPF_ADMITTED, NULL, "" },
	{ "among others",
	  { { AT, VIEW_INIT("x") }, { AT, VIEW_INIT("v=spf1 a mx " OURS " include:b.example -all") } },
	  SPF_ADMITTED,
	  NULL,
	  "" },
	{ "without all", { { AT, VIEW_INIT("v=spf1 " OURS) } }, SPF_ADMITTED, "v=spf1 " OURS, "" },
	{ "another's",
	  { { AT, VIEW_INIT("v=spf1 include:_spf.google.com -all") } },
	  SPF_NOT_INCLUDED,
	  "v=spf1 include:_spf.google.com " OURS " -all",
	  "" },
	{ "kept byte for byte",
	  { { AT, VIEW_INIT("v=spf1   MX  a:Mail.Example.COM   ~ALL  exp=e.example ") } },
	  SPF_NOT_INCLUDED,
	  "v=spf1   MX  a:Mail.Example.COM " OURS "   ~ALL  exp=e.example",
	  "" },
	{ "nothing but the version", { { AT, VIEW_INIT("v=spf1") } }, SPF_NOT_INCLUDED, "v=spf1 " OURS, "" },
	{ "redirect",
	  { { AT, VIEW_INIT("v=spf1 redirect=_spf.example.com") } },
	  SPF_NOT_INCLUDED,
	  "v=spf1 " OURS " redirect=_spf.example.com",
	  "" },
	{ "no all", { { AT, VIEW_INIT("v=spf1 mx") } }, SPF_NOT_INCLUDED, "v=spf1 mx " OURS, "" },
	{ "after all", { { AT, VIEW_INIT("v=spf1 mx -all " OURS) } }, SPF_NOT_INCLUDED, "v=spf1 mx " OURS " -all", "" },
	{ "neutral", { { AT, VIEW_INIT("v=spf1 ?" OURS " -all") } }, SPF_NOT_INCLUDED, "v=spf1 " OURS " -all", "" },
	{ "refused", { { AT, VIEW_INIT("v=spf1 -" OURS " -all") } }, SPF_NOT_INCLUDED, "v=spf1 " OURS " -all", "" },
	{ "a longer name",
	  { { AT, VIEW_INIT("v=spf1 " OURS ".example -all") } },
	  SPF_NOT_INCLUDED,
	  "v=spf1 " OURS ".example " OURS " -all",
	  "" },
	{ "one level down",
	  { { AT, VIEW_INIT("v=spf1 include:a.example include:b.example -all") },
	    { VIEW_INIT("a.example"), VIEW_INIT("v=spf1 mx -all") },
	    { VIEW_INIT("b.example"), VIEW_INIT("v=spf1 " OURS " ~all") } },
	  SPF_ADMITTED,
	  NULL,
	  "" },
	{ "two levels down",
	  { { AT, VIEW_INIT("v=spf1 include:a.example -all") },
	    { VIEW_INIT("a.example"), VIEW_INIT("v=spf1 include:b.example -all") },
	    { VIEW_INIT("b.example"), VIEW_INIT("v=spf1 " OURS " -all") } },
	  SPF_NOT_INCLUDED,
	  NULL,
	  "" },
	{ "one level down, after all",
	  { { AT, VIEW_INIT("v=spf1 -all include:a.example") },
	    { VIEW_INIT("a.example"), VIEW_INIT("v=spf1 " OURS " -all") } },
	  SPF_NOT_INCLUDED,
	  NULL,
	  "" },
	{ "one level down, neutral",
	  { { AT, VIEW_INIT("v=spf1 ?include:a.example -all") },
	    { VIEW_INIT("a.example"), VIEW_INIT("v=spf1 " OURS " -all") } },
	  SPF_NOT_INCLUDED,
	  NULL,
	  "" },
	{ "one level down, broken",
	  { { AT, VIEW_INIT("v=spf1 include:a.example -all") },
	    { VIEW_INIT("a.example"), VIEW_INIT("v=spf1 " OURS " hello -all") } },
	  SPF_NOT_INCLUDED,
	  NULL,
	  "" },
	{ "one level down, two records",
	  { { AT, VIEW_INIT("v=spf1 include:a.example -all") },
	    { VIEW_INIT("a.example"), VIEW_INIT("v=spf1 " OURS " -all") },
	    { VIEW_INIT("a.example"), VIEW_INIT("v=spf1 -all") } },
	  SPF_NOT_INCLUDED,
	  NULL,
	  "" },
	{ "one level down fails",
	  { { AT, VIEW_INIT("v=spf1 include:a.example -all") }, { VIEW_INIT("a.example"), VIEW_INIT("!") } },
	  SPF_LATER,
	  NULL,
	  "a.example: SERVFAIL" },
	{ "one fails, another has it",
	  { { AT, VIEW_INIT("v=spf1 include:a.example include:b.example -all") },
	    { VIEW_INIT("a.example"), VIEW_INIT("!") },
	    { VIEW_INIT("b.example"), VIEW_INIT("v=spf1 " OURS " -all") } },
	  SPF_ADMITTED,
	  NULL,
	  NULL },
	{ "fails", { { AT, VIEW_INIT("!") } }, SPF_LATER, NULL, "SERVFAIL" },
	{ "two records",
	  { { AT, VIEW_INIT("v=spf1 mx " OURS " -all") }, { AT, VIEW_INIT("v=spf1 a include:b.example mx ~all") } },
	  SPF_SEVERAL,
	  "v=spf1 mx " OURS " a include:b.example -all",
	  "" },
	{ "two records, ours in neither",
	  { { AT, VIEW_INIT("v=spf1 mx") }, { AT, VIEW_INIT("v=spf1 include:b.example ~all") } },
	  SPF_SEVERAL,
	  "v=spf1 mx include:b.example " OURS " ~all",
	  "" },
	{ "three records",
	  { { AT, VIEW_INIT("v=spf1 mx -all") },
	    { AT, VIEW_INIT("v=spf1 a ~all") },
	    { AT, VIEW_INIT("v=spf1 " OURS " a ?all") } },
	  SPF_SEVERAL,
	  "v=spf1 mx a " OURS " -all",
	  "" },
	{ "meant to be one, and an other thing",
	  { { AT, VIEW_INIT("hello") }, { AT, VIEW_INIT("v=spf1; mx; -all") } },
	  SPF_MISWRITTEN,
	  "v=spf1 mx " OURS " -all",
	  "" },
	{ "broken by a comma, and a macro with one",
	  { { AT, VIEW_INIT("v=spf1 exists:%{d2,}.example.com, mx -all") } },
	  SPF_BROKEN,
	  "v=spf1 exists:%{d2,}.example.com mx " OURS " -all",
	  "\"exists:%{d2,}.example.com,\" is not an SPF term" },
	{ "broken",
	  { { AT, VIEW_INIT("v=spf1 mx ipv4:192.0.2.1 -all") } },
	  SPF_BROKEN,
	  "v=spf1 mx ip4:192.0.2.1 " OURS " -all",
	  "\"ipv4:192.0.2.1\" is not an SPF term" },
	{ "broken: an address alone, and one of the other family",
	  { { AT, VIEW_INIT("v=spf1  192.0.2.1 ip4:2001:db8::/32 -all") } },
	  SPF_BROKEN,
	  "v=spf1  ip4:192.0.2.1 ip6:2001:db8::/32 " OURS " -all",
	  "\"192.0.2.1\" is not an SPF term" },
	{ "broken: ours misspelt",
	  { { AT, VIEW_INIT("v=spf1 inlcude:elastx.email ?includes:b.example ~all") } },
	  SPF_BROKEN,
	  "v=spf1 include:elastx.email ?include:b.example ~all",
	  "\"inlcude:elastx.email\" is not an SPF term" },
	{ "broken: a redirect misspelt, an address that is none",
	  { { AT, VIEW_INIT("v=spf1 ipv4:192.0.2.300 redirect:b.example") } },
	  SPF_BROKEN,
	  "v=spf1 " OURS " redirect=b.example",
	  "\"ipv4:192.0.2.300\" is not an SPF term" },
	{ "broken: a redirect misspelt beside another",
	  { { AT, VIEW_INIT("v=spf1 mx redirect:a.example redirect=b.example redirect:c.example") } },
	  SPF_BROKEN,
	  "v=spf1 mx " OURS " redirect=a.example",
	  "\"redirect:a.example\" is not an SPF term" },
	{ "broken although included",
	  { { AT, VIEW_INIT("v=spf1 " OURS " -all hello") } },
	  SPF_BROKEN,
	  "v=spf1 " OURS " -all",
	  "\"hello\" is not an SPF term" },
	{ "broken with a stranger's bytes",
	  { { AT, VIEW_INIT("v=spf1 a\r\n250-ok -all") } },
	  SPF_BROKEN,
	  "v=spf1 a " OURS " -all",
	  "\"a\\x0d\\x0a250-ok\" is not an SPF term" },
};

/* What is left of a text that was meant to be a record, and what was wrong with it. */
static void cleanings(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *cleaned;
		const char *clause; /* within it; "": none */
	} rows[] = {
		{ "v=spf1 mx  a:b.example ?all exp=e.example ", "v=spf1 mx  a:b.example ?all exp=e.example ", "" },
		{ "V=SPF1 MX -ALL", "V=SPF1 MX -ALL", "" },
		{ "hello", "", "" },
		{ "spf2.0/pra mx -all", "", "" },
		{ "verification=aspf1b", "", "" },
		{ "\"v=spf1 mx -all\"", "v=spf1 mx -all", "quotes" },
		{ "\xe2\x80\x9cv=spf1 mx -all\xe2\x80\x9d", "v=spf1 mx -all", "quotes" },
		{ "v=spf1 include:https://a.example -all", "v=spf1 include:a.example -all", "web page" },
		{ "v=spf1 include:a.exampleinclude:b.example -all", "v=spf1 include:a.example include:b.example -all",
		  "blank is missing" },
		{ "v=spf1 include:a.example~include:b.example", "v=spf1 include:a.example ~include:b.example",
		  "blank is missing" },
		{ "v=spf1 include:a.example-all", "v=spf1 include:a.example -all", "blank is missing" },
		{ "v=spf1 mx -allelastx-mrs=f7", "v=spf1 mx -all", "blank is missing" },
		{ "v=spf1 mx - all", "v=spf1 mx -all", "hyphen" },
		{ "v=spf1 mx \xe2\x80\x93"
		  "all",
		  "v=spf1 mx -all", "hyphen" },
		{ "v=spf1, mx, -all", "v=spf1 mx -all", "commas" },
		{ "v=spf1 include:a.example,b.example -all", "v=spf1 include:a.example b.example -all", "commas" },
		{ "v=spf1\tmx\xc2\xa0-all", "v=spf1 mx -all", "tabs" },
		{ " v=spf1 mx -all", "v=spf1 mx -all", "a blank stands before" },
		{ "TXT v=spf1 mx -all", "v=spf1 mx -all", "something stands before" },
		{ "v=spf1mx -all", "v=spf1 mx -all", "must begin with" },
		{ "v=spf mx -all", "v=spf1 mx -all", "must begin with" },
		{ "v = spf1 mx -all", "v=spf1 mx -all", "must begin with" },
		{ "spf1", "v=spf1", "must begin with" },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct arena arena = { 0 };
		struct view clause;
		expect_view(rows[i].text, spf_clean(view_of(rows[i].text), &arena, &clause), view_of(rows[i].cleaned));
		if (rows[i].clause[0] == '\0' ? clause.length > 0
		                              : view_find(clause, view_of(rows[i].clause)) == VIEW_NOT_FOUND)
			fail_msg("%s: %.*s", rows[i].text, VIEW_PRINT(clause));
		arena_deinit(&arena);
	}
}

static void admissions(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(admit_cases); i++) {
		const struct admit_case *row = &admit_cases[i];
		struct arena arena = { 0 };
		struct zone zone = { .rows = row->rows };
		const struct txt_lookup lookup = { &zone, zone_txt };
		struct spf_finding finding;
		spf_admit(&lookup, VIEW("example.com"), VIEW("elastx.email"), &arena, &finding);
		expect_number(row->name, finding.admission, row->admission);
		if (row->replacement != NULL)
			expect_view(row->name, finding.replacement, view_of(row->replacement));
		if (row->detail != NULL)
			expect_view(row->name, finding.detail, view_of(row->detail));
		arena_deinit(&arena);
	}
}

/* What is offered as a replacement passes, wherever there was a record to replace. */
static void replacements_pass(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(admit_cases); i++) {
		struct arena arena = { 0 };
		struct zone zone = { .rows = admit_cases[i].rows };
		const struct txt_lookup lookup = { &zone, zone_txt };
		struct spf_finding finding;
		spf_admit(&lookup, VIEW("example.com"), VIEW("elastx.email"), &arena, &finding);
		if (finding.admission != SPF_LATER && finding.admission != SPF_ADMITTED) {
			const struct zone_row rows[2] = { { VIEW("example.com"), finding.replacement } };
			struct zone mended = { .rows = rows };
			const struct txt_lookup again = { &mended, zone_txt };
			spf_admit(&again, VIEW("example.com"), VIEW("elastx.email"), &arena, &finding);
			expect_number(admit_cases[i].name, finding.admission, SPF_ADMITTED);
		}
		arena_deinit(&arena);
	}
}

static void warnings(void **state)
{
	(void)state;
	static const struct zone_row plus_all[] = { { AT, VIEW_INIT("v=spf1 " OURS " all") }, { { 0 }, { 0 } } };
	static const struct zone_row minus_all[] = { { AT, VIEW_INIT("v=spf1 " OURS " -all") }, { { 0 }, { 0 } } };
	struct arena arena = { 0 };
	struct zone zone = { .rows = plus_all };
	const struct txt_lookup lookup = { &zone, zone_txt };
	struct spf_finding finding;
	spf_admit(&lookup, VIEW("example.com"), VIEW("elastx.email"), &arena, &finding);
	assert_int_equal(finding.admission, SPF_ADMITTED);
	assert_true(view_starts(finding.warning, VIEW("+all")));
	zone.rows = minus_all;
	spf_admit(&lookup, VIEW("example.com"), VIEW("elastx.email"), &arena, &finding);
	assert_int_equal(finding.warning.length, 0);
	arena_deinit(&arena);
}

/* A record of nothing but includes costs a bounded number of look-ups. */
static void bounded(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	struct text record = TEXT_LIMIT(65536);
	text_add(&record, VIEW("v=spf1"));
	for (unsigned i = 0; i < 1000; i++)
		text_print(&record, " include:a%u.example", i);
	const struct zone_row rows[] = { { VIEW("example.com"), text_view(&record) }, { VIEW_NONE, VIEW_NONE } };
	struct zone zone = { .rows = rows };
	const struct txt_lookup lookup = { &zone, zone_txt };
	struct spf_finding finding;
	spf_admit(&lookup, VIEW("example.com"), VIEW("elastx.email"), &arena, &finding);
	assert_int_equal(finding.admission, SPF_NOT_INCLUDED);
	assert_int_equal(zone.asked, 1 + SPF_LOOKUPS_MOST);
	/* Too large to be merged into: then a record of our own. */
	expect_view("large", finding.replacement, VIEW("v=spf1 " OURS " -all"));
	text_deinit(&record);
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cleanings), cmocka_unit_test(terms),      cmocka_unit_test(networks),
		cmocka_unit_test(records),   cmocka_unit_test(admissions), cmocka_unit_test(replacements_pass),
		cmocka_unit_test(warnings),  cmocka_unit_test(bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "mail/dmarc.h"

#include "base/testing.h"
#include "mail/zone_for_tests.h"

static const struct parse_case {
	const char *name;
	struct view text;
	bool good;
	struct dmarc_record record; /* the warning: only whether there is one */
} parse_cases[] = {
	{ "the page's example",
	  VIEW_INIT("v=DMARC1; p=quarantine; adkim=r; aspf=r;"),
	  true,
	  { DMARC_QUARANTINE, DMARC_QUARANTINE, DMARC_QUARANTINE, .public_suffix = 'u', .has_policy = true } },
	{ "the least of RFC 7489", VIEW_INIT("v=DMARC1;p=none"), true, { .public_suffix = 'u', .has_policy = true } },
	{ "the least of RFC 9989", VIEW_INIT("v=DMARC1"), true, { .public_suffix = 'u' } },
	{ "everything",
	  VIEW_INIT("v=DMARC1; p=reject; sp=quarantine; np=none; adkim=s; aspf=s; psd=n; t=y; fo=1; "
	            "rua=mailto:a@example.com"),
	  true,
	  { DMARC_REJECT, DMARC_QUARANTINE, DMARC_NONE, true, true, true, 'n', .has_policy = true } },
	{ "any order",
	  VIEW_INIT("v=DMARC1; rua=mailto:a@example.com; p=reject"),
	  true,
	  { DMARC_REJECT, DMARC_REJECT, DMARC_REJECT, .public_suffix = 'u', .has_policy = true } },
	{ "blanks and capitals",
	  VIEW_INIT("v = DMARC1 ;\tP = Reject ; ADKIM = S"),
	  true,
	  { DMARC_REJECT, DMARC_REJECT, DMARC_REJECT, true, .public_suffix = 'u', .has_policy = true } },
	{ "sp without np",
	  VIEW_INIT("v=DMARC1; p=none; sp=reject"),
	  true,
	  { DMARC_NONE, DMARC_REJECT, DMARC_REJECT, .public_suffix = 'u', .has_policy = true } },
	{ "np without sp",
	  VIEW_INIT("v=DMARC1; p=none; np=reject"),
	  true,
	  { DMARC_NONE, DMARC_NONE, DMARC_REJECT, .public_suffix = 'u', .has_policy = true } },
	{ "old tags",
	  VIEW_INIT("v=DMARC1; p=none; pct=50; rf=afrf; ri=86400"),
	  true,
	  { .public_suffix = 'u', .has_policy = true } },
	{ "unknown tags", VIEW_INIT("v=DMARC1; p=none; x=y"), true, { .public_suffix = 'u', .has_policy = true } },
	{ "empty tags", VIEW_INIT("v=DMARC1;; p=none;;"), true, { .public_suffix = 'u', .has_policy = true } },
	{ "several reports",
	  VIEW_INIT("v=DMARC1; p=none; rua=mailto:a@example.com!10m, mailto:b@example.com"),
	  true,
	  { .public_suffix = 'u', .has_policy = true } },
	{ "wrong alignment",
	  VIEW_INIT("v=DMARC1; p=none; adkim=x; aspf=rs"),
	  true,
	  { .public_suffix = 'u', .has_policy = true, .warning = VIEW_INIT("!") } },
	{ "wrong psd",
	  VIEW_INIT("v=DMARC1; p=none; psd=z"),
	  true,
	  { .public_suffix = 'u', .has_policy = true, .warning = VIEW_INIT("!") } },
	{ "wrong t",
	  VIEW_INIT("v=DMARC1; p=none; t=yes"),
	  true,
	  { .public_suffix = 'u', .has_policy = true, .warning = VIEW_INIT("!") } },
	{ "not a tag",
	  VIEW_INIT("v=DMARC1; p=none; hello"),
	  true,
	  { .public_suffix = 'u', .has_policy = true, .warning = VIEW_INIT("!") } },
	{ "report to no URI",
	  VIEW_INIT("v=DMARC1; p=none; rua=a@example.com"),
	  true,
	  { .public_suffix = 'u', .has_policy = true, .warning = VIEW_INIT("!") } },
	{ "wrong policy, with reports",
	  VIEW_INIT("v=DMARC1; p=rejekt; rua=mailto:a@example.com"),
	  true,
	  { .public_suffix = 'u', .has_policy = true, .warning = VIEW_INIT("!") } },
	{ "wrong sp, with reports",
	  VIEW_INIT("v=DMARC1; p=reject; sp=x; rua=mailto:a@example.com"),
	  true,
	  { .public_suffix = 'u', .has_policy = true, .warning = VIEW_INIT("!") } },
	{ "wrong np, with reports",
	  VIEW_INIT("v=DMARC1; p=reject; np=; rua=mailto:a@example.com"),
	  true,
	  { .public_suffix = 'u', .has_policy = true, .warning = VIEW_INIT("!") } },
	{ "wrong policy, with reports by other means",
	  VIEW_INIT("v=DMARC1; p=rejekt; adkim=s; rua=https://example.com/dmarc"),
	  true,
	  { .public_suffix = 'u', .has_policy = true, .strict_dkim = true, .warning = VIEW_INIT("!") } },
	{ "wrong policy, one report of two to a URI",
	  VIEW_INIT("v=DMARC1; p=rejekt; rua=a@example.com,mailto:b@example.com!10m"),
	  true,
	  { .public_suffix = 'u', .has_policy = true, .warning = VIEW_INIT("!") } },
	{ "no policy, but sp and np, with reports",
	  VIEW_INIT("v=DMARC1; sp=reject; np=reject; rua=mailto:a@example.com"),
	  true,
	  { .public_suffix = 'u' } },
	{ "wrong policy, reports to no URI", VIEW_INIT("v=DMARC1; p=x; rua=a@example.com"), false, { 0 } },
	{ "wrong policy, reports to a scheme alone", VIEW_INIT("v=DMARC1; p=x; rua=mailto:"), false, { 0 } },
	{ "wrong policy, reports to a URI with a blank",
	  VIEW_INIT("v=DMARC1; p=x; rua=mailto:a b@example.com"),
	  false,
	  { 0 } },
	{ "wrong policy, empty reports", VIEW_INIT("v=DMARC1; p=x; rua="), false, { 0 } },
	{ "wrong policy", VIEW_INIT("v=DMARC1; p=rejekt"), false, { 0 } },
	{ "policy cut short", VIEW_INIT("v=DMARC1; p=n;"), false, { 0 } },
	{ "empty policy", VIEW_INIT("v=DMARC1; p="), false, { 0 } },
	{ "wrong policy, reports to nobody", VIEW_INIT("v=DMARC1; p=x; rua=mailto:a"), false, { 0 } },
	{ "wrong sp", VIEW_INIT("v=DMARC1; p=none; sp=x"), false, { 0 } },
	{ "wrong np", VIEW_INIT("v=DMARC1; p=none; np=x"), false, { 0 } },
	{ "two policies", VIEW_INIT("v=DMARC1; p=reject; p=none"), false, { 0 } },
	{ "a tag twice, with reports",
	  VIEW_INIT("v=DMARC1; p=none; rua=mailto:a@b.example; RUA=mailto:a@b.example"),
	  false,
	  { 0 } },
	{ "an unknown tag twice",
	  VIEW_INIT("v=DMARC1; p=none; x=y; x=y"),
	  true,
	  { .public_suffix = 'u', .has_policy = true } },
	{ "version in lower case", VIEW_INIT("v=dmarc1; p=none"), false, { 0 } },
	{ "v in capitals", VIEW_INIT("V=DMARC1; p=none"), true, { .public_suffix = 'u', .has_policy = true } },
	{ "version with more behind it", VIEW_INIT("v=DMARC1x; p=none"), false, { 0 } },
	{ "another version", VIEW_INIT("v=DMARC2; p=none"), false, { 0 } },
	{ "no semicolon", VIEW_INIT("v=DMARC1 p=none"), false, { 0 } },
	{ "version later", VIEW_INIT("p=none; v=DMARC1"), false, { 0 } },
	{ "in quotes", VIEW_INIT("\"v=DMARC1; p=none\""), false, { 0 } },
	{ "nothing", VIEW_INIT(""), false, { 0 } },
	{ "no bytes at all", { 0 }, false, { 0 } },
};

static void parsing(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(parse_cases); i++) {
		const struct parse_case *row = &parse_cases[i];
		struct dmarc_record got = { .testing = true, .public_suffix = '!' };
		struct view why = VIEW_NONE;
		expect_number(row->name, dmarc_parse(row->text, &got, &why), row->good);
		if (!row->good) {
			expect_number(row->name, why.length > 0 && got.testing && got.public_suffix == '!', true);
			continue;
		}
		expect_number(row->name, got.policy, row->record.policy);
		expect_number(row->name, got.subdomain_policy, row->record.subdomain_policy);
		expect_number(row->name, got.absent_policy, row->record.absent_policy);
		expect_number(row->name, got.strict_dkim, row->record.strict_dkim);
		expect_number(row->name, got.strict_spf, row->record.strict_spf);
		expect_number(row->name, got.testing, row->record.testing);
		expect_number(row->name, got.public_suffix, row->record.public_suffix);
		expect_number(row->name, got.has_policy, row->record.has_policy);
		expect_number(row->name, got.applies,
		              row->record.has_policy || view_find(row->text, VIEW("rua=")) != VIEW_NOT_FOUND);
		expect_number(row->name, got.warning.length > 0, row->record.warning.length > 0);
	}
}

#define GOOD    VIEW_INIT("v=DMARC1; p=none")
#define BROKEN  VIEW_INIT("v=DMARC1; p=x")
#define AT(at)  VIEW_INIT("_dmarc." at)
#define FAILING VIEW_INIT("!")

static const struct find_case {
	const char *name;
	const char *domain;
	struct zone_row rows[ZONE_ROWS_MOST];
	enum dmarc_result result;
	const char *found_at;
	size_t asked;
	bool warns;
} find_cases[] = {
	{ "its own", "example.com", { { AT("example.com"), GOOD } }, DMARC_VALID, "_dmarc.example.com", 1, false },
	{ "the parent's", "a.example.com", { { AT("example.com"), GOOD } }, DMARC_VALID, "_dmarc.example.com", 2, false },
	{ "the nearest",
	  "a.b.example.com",
	  { { AT("b.example.com"), GOOD }, { AT("com"), GOOD } },
	  DMARC_VALID,
	  "_dmarc.b.example.com",
	  2,
	  false },
	{ "the registry's",
	  "example.com",
	  { { AT("com"), VIEW_INIT("v=DMARC1; psd=y; p=reject") } },
	  DMARC_VALID,
	  "_dmarc.com",
	  2,
	  false },
	{ "nobody's", "a.example.com", { { { 0 }, { 0 } } }, DMARC_MISSING, "_dmarc.a.example.com", 3, false },
	{ "a single label", "com", { { { 0 }, { 0 } } }, DMARC_MISSING, "_dmarc.com", 1, false },
	{ "other TXT beside it",
	  "example.com",
	  { { AT("example.com"), VIEW_INIT("hello") }, { AT("example.com"), GOOD } },
	  DMARC_VALID,
	  "_dmarc.example.com",
	  1,
	  false },
	{ "other TXT alone",
	  "example.com",
	  { { AT("example.com"), VIEW_INIT("hello") } },
	  DMARC_MISSING,
	  "_dmarc.example.com",
	  2,
	  false },
	{ "two records",
	  "example.com",
	  { { AT("example.com"), GOOD }, { AT("example.com"), GOOD } },
	  DMARC_SEVERAL,
	  "_dmarc.example.com",
	  2,
	  false },
	{ "two records, the parent has one",
	  "a.example.com",
	  { { AT("a.example.com"), GOOD }, { AT("a.example.com"), GOOD }, { AT("example.com"), GOOD } },
	  DMARC_VALID,
	  "_dmarc.example.com",
	  2,
	  true },
	{ "two records at the parent",
	  "a.example.com",
	  { { AT("example.com"), GOOD }, { AT("example.com"), GOOD } },
	  DMARC_MISSING,
	  "_dmarc.a.example.com",
	  3,
	  false },
	{ "broken",
	  "a.example.com",
	  { { AT("a.example.com"), BROKEN }, { AT("example.com"), GOOD } },
	  DMARC_BROKEN,
	  "_dmarc.a.example.com",
	  1,
	  false },
	{ "broken at the parent",
	  "a.example.com",
	  { { AT("example.com"), BROKEN } },
	  DMARC_MISSING,
	  "_dmarc.a.example.com",
	  3,
	  false },
	{ "broken between, and good above",
	  "a.b.example.com",
	  { { AT("b.example.com"), BROKEN }, { AT("example.com"), GOOD } },
	  DMARC_VALID,
	  "_dmarc.example.com",
	  3,
	  false },
	{ "broken between, where the tree ends",
	  "a.b.example.com",
	  { { AT("b.example.com"), VIEW_INIT("v=DMARC1; p=x; psd=n") }, { AT("example.com"), GOOD } },
	  DMARC_MISSING,
	  "_dmarc.a.b.example.com",
	  2,
	  false },
	{ "meant to be one",
	  "example.com",
	  { { AT("example.com"), VIEW_INIT("\"v=DMARC1; p=none\"") } },
	  DMARC_BROKEN,
	  "_dmarc.example.com",
	  2,
	  false },
	{ "meant to be one, the parent has one",
	  "a.example.com",
	  { { AT("a.example.com"), VIEW_INIT("v=DMARC 1; p=none") }, { AT("example.com"), GOOD } },
	  DMARC_VALID,
	  "_dmarc.example.com",
	  2,
	  true },
	{ "a wrong tag",
	  "example.com",
	  { { AT("example.com"), VIEW_INIT("v=DMARC1; p=none; t=x") } },
	  DMARC_VALID,
	  "_dmarc.example.com",
	  1,
	  true },
	{ "fails",
	  "example.com",
	  { { AT("example.com"), FAILING }, { AT("com"), GOOD } },
	  DMARC_LATER,
	  "_dmarc.example.com",
	  1,
	  false },
	{ "the parent fails",
	  "a.example.com",
	  { { AT("example.com"), FAILING } },
	  DMARC_LATER,
	  "_dmarc.example.com",
	  2,
	  false },
	{ "eight labels", "1.2.3.4.5.6.7.8", { { { 0 }, { 0 } } }, DMARC_MISSING, "_dmarc.1.2.3.4.5.6.7.8", 8, false },
	{ "long names are entered at seven labels",
	  "a.b.c.d.e.f.g.h.i.j.example.com",
	  { { AT("b.c.d.e.f.g.h.i.j.example.com"), GOOD }, { AT("f.g.h.i.j.example.com"), GOOD } },
	  DMARC_VALID,
	  "_dmarc.f.g.h.i.j.example.com",
	  2,
	  false },
	{ "long names cost eight look-ups",
	  "a.b.c.d.e.f.g.h.i.j.example.com",
	  { { { 0 }, { 0 } } },
	  DMARC_MISSING,
	  "_dmarc.a.b.c.d.e.f.g.h.i.j.example.com",
	  8,
	  false },
};

static void finding(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(find_cases); i++) {
		const struct find_case *row = &find_cases[i];
		struct arena arena = { 0 };
		struct zone zone = { .rows = row->rows };
		const struct txt_lookup lookup = { &zone, zone_txt };
		struct dmarc_finding found;
		dmarc_find(&lookup, view_of(row->domain), &arena, &found);
		expect_number(row->name, found.result, row->result);
		expect_view(row->name, found.name, view_of(row->found_at));
		expect_number(row->name, (int64_t)zone.asked, (int64_t)row->asked);
		if (row->result == DMARC_VALID)
			expect_number(row->name, found.detail.length > 0, row->warns);
		if (row->result == DMARC_BROKEN || row->result == DMARC_LATER)
			expect_number(row->name, found.detail.length > 0, true);
		arena_deinit(&arena);
	}
}

static void mended(void **state)
{
	(void)state;
	static const struct {
		struct view text;
		struct view wanted;
	} rows[] = {
		{ VIEW_INIT("v=DMARC; p=reject; rua=mailto:a@b.example"),
		  VIEW_INIT("v=DMARC1; p=reject; rua=mailto:a@b.example") },
		{ VIEW_INIT("v=DMARC1; p=rejekt; adkim=s"), VIEW_INIT("v=DMARC1; p=none; adkim=s") },
		{ VIEW_INIT("v=DMARC1; p=none; p=reject"), VIEW_INIT("v=DMARC1; p=none") },
		{ VIEW_INIT("p=quarantine; v=DMARC1"), VIEW_INIT("v=DMARC1; p=quarantine") },
		{ VIEW_INIT("v=DMARC1 p=none"), VIEW_INIT("v=DMARC1; p=none") },
		{ VIEW_INIT("v=DMARC1; p=none; sp=x; adkim=z; aspf=s; aspf=s; fo=1"),
		  VIEW_INIT("v=DMARC1; p=none; aspf=s; fo=1") },
		{ VIEW_INIT("\"v=DMARC1; p=reject\""), VIEW_INIT("v=DMARC1; p=reject") },
		{ VIEW_INIT("\xe2\x80\x9cv=DMARC1; p=reject\xe2\x80\x9d"), VIEW_INIT("v=DMARC1; p=reject") },
		{ VIEW_INIT("v=DMARC1\\; p=reject\\; rua=mailto:a@b.example"),
		  VIEW_INIT("v=DMARC1; p=reject; rua=mailto:a@b.example") },
		{ VIEW_INIT("_dmarc IN TXT v=DMARC1; p=reject"), VIEW_INIT("v=DMARC1; p=reject") },
		{ VIEW_INIT("v=DMARC1, p=reject, sp=none"), VIEW_INIT("v=DMARC1; p=reject; sp=none") },
		{ VIEW_INIT("v=DMARC1; p:reject"), VIEW_INIT("v=DMARC1; p=reject") },
		{ VIEW_INIT("v=DMARC1;\xc2\xa0policy=reject"), VIEW_INIT("v=DMARC1; p=reject") },
		{ VIEW_INIT("v=DMARC1; p=none; rua=a@b.example, mailto:c@b.example,"),
		  VIEW_INIT("v=DMARC1; p=none; rua=mailto:a@b.example,mailto:c@b.example") },
		{ VIEW_INIT(""), VIEW_INIT("v=DMARC1; p=none") },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct arena arena = { 0 };
		struct dmarc_record record;
		struct view why;
		const struct view text = dmarc_mend(rows[i].text, &arena);
		expect_view("mended", text, rows[i].wanted);
		assert_true(dmarc_parse(text, &record, &why));
		arena_deinit(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(parsing), cmocka_unit_test(finding),
		                                cmocka_unit_test(mended) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "mail/dmarc_check.h"

#include "base/testing.h"

/* A zone as lines "NAME TEXT"; "!": the look-up fails; a name that begins no line, nor ends one after a dot, does not
 * exist. */
static void look_up(void *context, struct view name, struct arena *arena, struct txt_answer *answer)
{
	struct view rest = view_of(context);
	struct view line;
	bool is_there = false;
	*answer = (struct txt_answer){ .status = TXT_NONE, .texts = ARENA_ARRAY(arena, struct view, 8) };
	while (view_split(&rest, '\n', &line)) {
		struct view owner = VIEW_NONE;
		view_split(&line, ' ', &owner);
		is_there =
			is_there || view_equal(owner, name) || view_ends(owner, arena_print(arena, ".%.*s", VIEW_PRINT(name)));
		if (!view_equal(owner, name) || line.data == NULL)
			continue;
		answer->status = view_equal(line, VIEW("!")) ? TXT_FAILED : TXT_FOUND;
		answer->texts[answer->count++] = line;
	}
	answer->no_such_name = !is_there;
}

static const struct evaluation_case {
	const char *name;
	const char *zone;
	const char *author, *spf, *dkim;
	enum dmarc_conclusion conclusion;
	const char *organizational;
	enum dmarc_policy policy, applied;
} evaluation_cases[] = {
	{ "no record anywhere", "", "a.example.com", "a.example.com", "", DMARC_NO_POLICY, "a.example.com", 0, 0 },
	{ "its own record, SPF", "_dmarc.example.com v=DMARC1; p=reject", "example.com", "example.com", "", DMARC_PASS,
	  "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "its own record, DKIM", "_dmarc.example.com v=DMARC1; p=reject", "example.com", "bounce.example.net",
	  "example.com", DMARC_PASS, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "nothing aligned", "_dmarc.example.com v=DMARC1; p=reject\n_dmarc.example.net v=DMARC1", "example.com",
	  "example.net", "mail.example.net", DMARC_FAIL, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "nothing passed", "_dmarc.example.com v=DMARC1; p=none", "example.com", "", "", DMARC_FAIL, "example.com",
	  DMARC_NONE, DMARC_NONE },
	{ "relaxed: a sub-domain of the same organization", "_dmarc.example.com v=DMARC1; p=reject", "example.com",
	  "bounce.example.com", "", DMARC_PASS, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "relaxed: two sub-domains", "_dmarc.example.com v=DMARC1; p=reject; sp=quarantine\na.example.com x",
	  "a.example.com", "b.example.com", "", DMARC_PASS, "example.com", DMARC_QUARANTINE, DMARC_QUARANTINE },
	{ "strict SPF", "_dmarc.example.com v=DMARC1; p=reject; aspf=s", "example.com", "bounce.example.com", "",
	  DMARC_FAIL, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "strict DKIM", "_dmarc.example.com v=DMARC1; p=reject; adkim=s", "example.com", "", "mail.example.com",
	  DMARC_FAIL, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "a sub-domain that is not there", "_dmarc.example.com v=DMARC1; p=none; sp=quarantine; np=reject",
	  "no.example.com", "", "", DMARC_FAIL, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "a sub-domain that is there",
	  "_dmarc.example.com v=DMARC1; p=none; sp=quarantine; np=reject\nyes.example.com x", "yes.example.com", "", "",
	  DMARC_FAIL, "example.com", DMARC_QUARANTINE, DMARC_QUARANTINE },
	{ "testing", "_dmarc.example.com v=DMARC1; p=reject; t=y", "example.com", "", "", DMARC_FAIL, "example.com",
	  DMARC_REJECT, DMARC_QUARANTINE },
	{ "testing a quarantine", "_dmarc.example.com v=DMARC1; p=quarantine; t=y", "example.com", "", "", DMARC_FAIL,
	  "example.com", DMARC_QUARANTINE, DMARC_NONE },
	{ "without p", "_dmarc.example.com v=DMARC1; rua=mailto:a@example.com", "example.com", "", "", DMARC_FAIL,
	  "example.com", DMARC_NONE, DMARC_NONE },
	{ "the fewest labels win", "_dmarc.a.b.example.com v=DMARC1; p=none\n_dmarc.example.com v=DMARC1; p=reject",
	  "a.b.example.com", "example.com", "", DMARC_PASS, "example.com", DMARC_NONE, DMARC_NONE },
	{ "psd=n ends the tree", "_dmarc.b.example.com v=DMARC1; p=reject; psd=n\n_dmarc.example.com v=DMARC1; p=none",
	  "a.b.example.com", "example.com", "", DMARC_FAIL, "b.example.com", DMARC_REJECT, DMARC_REJECT },
	{ "psd=y: one label below", "_dmarc.co.example v=DMARC1; p=reject; psd=y\nbank.co.example x", "bank.co.example",
	  "other.co.example", "", DMARC_FAIL, "bank.co.example", DMARC_REJECT, DMARC_REJECT },
	{ "psd=y: several labels below", "_dmarc.co.example v=DMARC1; p=reject; psd=y\nmail.bank.co.example x",
	  "mail.bank.co.example", "bank.co.example", "", DMARC_PASS, "bank.co.example", DMARC_REJECT, DMARC_REJECT },
	{ "a public suffix as an author", "_dmarc.co.example v=DMARC1; p=reject; psd=y", "co.example", "co.example", "",
	  DMARC_PASS, "co.example", DMARC_REJECT, DMARC_REJECT },
	{ "two records are none", "_dmarc.example.com v=DMARC1; p=reject\n_dmarc.example.com v=DMARC1; p=none",
	  "example.com", "example.com", "", DMARC_NO_POLICY, "example.com", 0, 0 },
	{ "a long name is entered at seven labels",
	  "_dmarc.d.e.f.g.h.example.com v=DMARC1; p=reject\n_dmarc.c.d.e.f.g.h.example.com v=DMARC1; p=none",
	  "a.b.c.d.e.f.g.h.example.com", "d.e.f.g.h.example.com", "", DMARC_PASS, "d.e.f.g.h.example.com", DMARC_REJECT,
	  DMARC_REJECT },
	{ "DNS fails on the way", "_dmarc.com !", "example.com", "example.com", "", DMARC_TEMPERROR, "", 0, 0 },
	{ "DNS fails for an identifier that decides nothing",
	  "_dmarc.example.com v=DMARC1; p=reject\n_dmarc.example.net !", "example.com", "example.com", "example.net",
	  DMARC_PASS, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "DNS fails for an identifier that decides", "_dmarc.example.com v=DMARC1; p=reject\n_dmarc.example.net !",
	  "example.com", "example.net", "", DMARC_TEMPERROR, "example.com", DMARC_REJECT, DMARC_REJECT },
};

static void evaluations(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(evaluation_cases); i++) {
		const struct evaluation_case *row = &evaluation_cases[i];
		struct arena arena = { 0 };
		struct text zone = TEXT_LIMIT(65536);
		text_add(&zone, view_of(row->zone));
		const struct txt_lookup lookup = { (void *)(uintptr_t)text_cstring(&zone), look_up };
		const struct view dkim = view_of(row->dkim);
		const struct dmarc_identifiers identifiers = { .author = view_of(row->author),
			                                           .spf = view_of(row->spf),
			                                           .dkim = &dkim,
			                                           .dkim_count = dkim.length > 0 ? 1 : 0 };
		struct dmarc_evaluation evaluation;
		dmarc_evaluate(&lookup, &identifiers, &arena, &evaluation);
		expect_view(row->name, view_of(dmarc_conclusion_name(evaluation.conclusion)),
		            view_of(dmarc_conclusion_name(row->conclusion)));
		expect_view(row->name, evaluation.organizational, view_of(row->organizational));
		expect_number(row->name, evaluation.policy, row->policy);
		expect_number(row->name, evaluation.applied, row->applied);
		arena_deinit(&arena);
		text_deinit(&zone);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(evaluations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "mail/dmarc_check.h"

#include "base/must.h"
#include "mail/zone_for_tests.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct counted {
	struct view lines;
	unsigned asked;
};

static void count(void *context, struct view name, struct arena *arena, struct txt_answer *answer)
{
	struct counted *counted = context;
	must(name.length > 0);
	counted->asked++;
	lines_txt(&counted->lines, name, arena, answer);
}

/* Of names that are deep, equal, and of several parents: a conclusion has its reason, and costs what it may. */
static void conclude(struct counted *counted, struct arena *arena)
{
	static const struct view signers[] = { VIEW_INIT("i.example.com"), VIEW_INIT("example.net"), VIEW_INIT("com") };
	const struct txt_lookup lookup = { counted, count };
	const struct dmarc_identifiers identifiers = { .author = VIEW("a.bb.ccc.dddd.e.ff.ggg.hhhh.i.example.com"),
		                                           .spf = VIEW("ggg.hhhh.i.example.com"),
		                                           .dkim = signers,
		                                           .dkim_count = sizeof(signers) / sizeof(signers[0]) };
	struct dmarc_evaluation told;
	counted->asked = 0;
	dmarc_evaluate(&lookup, &identifiers, arena, &told);
	must(counted->asked >= 1 && counted->asked <= 8 * (2 + identifiers.dkim_count) + 1);
	must(told.conclusion != DMARC_PASS || told.spf_aligned || told.dkim_aligned);
	must(told.conclusion != DMARC_FAIL || (!told.spf_aligned && !told.dkim_aligned));
	must(told.conclusion != DMARC_TEMPERROR || told.detail.length > 0);
	must((told.policy_tag == NULL) == (told.conclusion == DMARC_NO_POLICY) || told.conclusion == DMARC_TEMPERROR);
	must(told.applied <= told.policy && (told.record.length > 0 || told.policy_tag == NULL));
	must(told.organizational.length == 0 || view_ends(identifiers.author, told.organizational));
}

/* Lines are the records; whatever they are, the walk is short and what is found was there. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct counted counted = { .lines = view_bytes(data, size) };
	const struct txt_lookup lookup = { &counted, count };
	struct dmarc_finding finding;
	struct dmarc_record record;
	struct view why = VIEW_NONE;
	dmarc_find(&lookup, VIEW("a.bb.ccc.dddd.e.ff.ggg.hhhh.i.example.com"), &arena, &finding);
	must(counted.asked >= 1 && counted.asked <= 8);
	if (finding.result == DMARC_VALID)
		must(dmarc_parse(finding.text, &record, &why) && record.policy == finding.record.policy);
	if (finding.result == DMARC_BROKEN)
		must(!dmarc_parse(finding.text, &record, &why) && why.length > 0 && finding.detail.length > 0);
	must(dmarc_parse(dmarc_mend(view_bytes(data, size), &arena), &record, &why) && record.warning.length == 0);
	conclude(&counted, &arena);
	arena_deinit(&arena);
	return 0;
}

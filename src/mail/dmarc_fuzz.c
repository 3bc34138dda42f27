#include "mail/dmarc.h"

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
	must(view_starts(name, VIEW("_dmarc.")));
	counted->asked++;
	lines_txt(&counted->lines, name, arena, answer);
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
	arena_deinit(&arena);
	return 0;
}

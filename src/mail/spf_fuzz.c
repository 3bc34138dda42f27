#include "mail/spf.h"

#include "base/must.h"
#include "mail/zone_for_tests.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lines are records of the domain and of what it includes. What is offered as a replacement passes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct view lines = view_bytes(data, size);
	const struct txt_lookup lookup = { &lines, lines_txt };
	struct spf_finding finding;
	spf_admit(&lookup, VIEW("example.com"), VIEW("elastx.email"), &arena, &finding);
	if (finding.admission != SPF_LATER && finding.admission != SPF_ADMITTED) {
		const struct zone_row rows[2] = { { VIEW("example.com"), finding.replacement } };
		struct zone zone = { .rows = rows };
		const struct txt_lookup again = { &zone, zone_txt };
		spf_admit(&again, VIEW("example.com"), VIEW("elastx.email"), &arena, &finding);
		must(finding.admission == SPF_ADMITTED && zone.asked == 1);
	}
	arena_deinit(&arena);
	return 0;
}

#include "base/must.h"
#include "mail/dsn.h"
#include "mail/dsn_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A notice, or a reason why it is none. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct dsn_report report;
	struct view why = VIEW_NONE;
	const bool good = dsn_read(view_bytes(data, size), &arena, &report, &why);
	must(good == (report.recipient_count > 0));
	must(good || why.length > 0);
	must(report.recipient_count <= DSN_RECIPIENTS_MOST);
	for (size_t i = 0; i < report.recipient_count; i++)
		must(report.recipients[i].recipient.length > 0 || report.recipients[i].action.length > 0);
	arena_deinit(&arena);
	return 0;
}

#include "base/verdict.h"

#include "base/must.h"

bool verdict_is_ok(struct verdict verdict)
{
	return verdict.outcome == OUTCOME_OK;
}

struct verdict verdict_later(uint16_t code, struct enhanced_status status, struct view why)
{
	must(code == 0 || (code >= 400 && code < 500));
	return (struct verdict){ .outcome = OUTCOME_LATER, .code = code, .status = status, .why = why };
}

struct verdict verdict_never(uint16_t code, struct enhanced_status status, struct view why)
{
	must(code == 0 || (code >= 500 && code < 600));
	return (struct verdict){ .outcome = OUTCOME_NEVER, .code = code, .status = status, .why = why };
}

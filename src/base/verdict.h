/* A verdict: what the world said, and what follows from it; the third door for failure.
 * Promises: what becomes an SMTP reply, a bounce or a log line is all in here; no errno travels beyond the file
 *   that made the call.
 * Does not know: who asked. `why` is lent from an arena or a literal and lives as long as that. */
#ifndef BASE_VERDICT_H
#define BASE_VERDICT_H

#include "base/view.h"

enum outcome {
	OUTCOME_OK,
	OUTCOME_LATER, /* temporary: 4xx, try again */
	OUTCOME_NEVER, /* permanent: 5xx, bounce */
};

/* RFC 3463: class.subject.detail; class is 2, 4 or 5. */
struct enhanced_status {
	uint8_t class;
	uint16_t subject;
	uint16_t detail;
};

struct verdict {
	enum outcome outcome;
	uint16_t code; /* SMTP reply code, 0 when none applies */
	struct enhanced_status status;
	struct view why; /* may hold several lines, separated by LF */
};

#define VERDICT_OK ((struct verdict){ .outcome = OUTCOME_OK })

bool verdict_is_ok(struct verdict verdict);
struct verdict verdict_later(uint16_t code, struct enhanced_status status, struct view why);
struct verdict verdict_never(uint16_t code, struct enhanced_status status, struct view why);

#endif

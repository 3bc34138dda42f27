/* TXT records in a table, for the tests of SPF and DMARC.
 * Promises: answers as a resolver would; counts what it was asked.
 * Does not know: anything else of DNS. Only tests include it. */
#ifndef MAIL_ZONE_FOR_TESTS_H
#define MAIL_ZONE_FOR_TESTS_H

#include "mail/lookup.h"

enum { ZONE_ROWS_MOST = 16 };

struct zone_row {
	struct view name;
	struct view text; /* "!": the look-up fails */
};

struct zone {
	const struct zone_row *rows; /* up to a row without a name */
	size_t asked;
	struct view last; /* name asked */
};

static inline void zone_txt(void *context, struct view name, struct arena *arena, struct txt_answer *answer)
{
	struct zone *zone = context;
	zone->asked++;
	zone->last = name;
	*answer = (struct txt_answer){ .status = TXT_NONE, .texts = ARENA_ARRAY(arena, struct view, ZONE_ROWS_MOST) };
	for (size_t i = 0; i < ZONE_ROWS_MOST && zone->rows[i].name.length > 0; i++) {
		if (!view_equal_nocase(zone->rows[i].name, name))
			continue;
		if (view_equal(zone->rows[i].text, VIEW("!"))) {
			*answer = (struct txt_answer){ .status = TXT_FAILED, .detail = VIEW("SERVFAIL") };
			return;
		}
		answer->status = TXT_FOUND;
		answer->texts[answer->count++] = zone->rows[i].text;
	}
}

/* For fuzzing: *context is a view of lines; a name's records are those that begin with the digit of its length. */
static inline void lines_txt(void *context, struct view name, struct arena *arena, struct txt_answer *answer)
{
	struct view rest = *(const struct view *)context;
	struct view line;
	const char digit = (char)('0' + name.length % 4);
	*answer = (struct txt_answer){ .status = TXT_NONE, .texts = ARENA_ARRAY(arena, struct view, ZONE_ROWS_MOST) };
	while (answer->count < ZONE_ROWS_MOST && view_split(&rest, '\n', &line)) {
		if (line.length == 0 || line.data[0] != digit)
			continue;
		if (line.length == 1) {
			*answer = (struct txt_answer){ .status = TXT_FAILED, .detail = VIEW("SERVFAIL") };
			return;
		}
		answer->status = TXT_FOUND;
		answer->texts[answer->count++] = view_from(line, 1);
	}
}

#endif

/* What every unit test needs: cmocka with its prelude, and checks that tell the name of the case that failed.
 * Promises: a failed row of a table is found by its name.
 * Does not know: the modules. Only tests include it. */
#ifndef BASE_TESTING_H
#define BASE_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/view.h"

/* Fails, and says which case, what was expected and what was there. */
static inline void expect_view(const char *name, struct view got, struct view expected)
{
	if (!view_equal(got, expected))
		fail_msg("%s: expected \"%.*s\", got \"%.*s\"", name, VIEW_PRINT(expected), VIEW_PRINT(got));
}

static inline void expect_number(const char *name, int64_t got, int64_t expected)
{
	if (got != expected)
		fail_msg("%s: expected %lld, got %lld", name, (long long)expected, (long long)got);
}

#define CASES(table) (sizeof(table) / sizeof((table)[0]))

#endif

/* Writes what the schema table gives: the JSON Schema for editors, or the manual's section. For the build and tests.
 */
#include "config/config.h"

int main(int argument_count, char **arguments)
{
	struct text out = TEXT_LIMIT(1 << 20);
	const struct view what = argument_count == 2 ? view_of(arguments[1]) : VIEW_NONE;
	if (view_equal(what, VIEW("schema"))) {
		config_write_schema(&out);
	} else if (view_equal(what, VIEW("manual"))) {
		config_write_manual(&out);
	} else {
		fputs("usage: config_write schema | manual\n", stderr);
		return 2;
	}
	const bool written =
		!out.overflow && fwrite(out.data, 1, out.length, stdout) == out.length && fflush(stdout) == 0;
	text_deinit(&out);
	return written ? 0 : 1;
}

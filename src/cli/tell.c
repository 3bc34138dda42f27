/* How a verb tells what it found. */
#include "cli/cli.h"
#include "cli/table.h"

#include <stdarg.h>

enum outcome_code cli_fail(enum outcome_code code, const char *format, ...)
{
	struct text message = TEXT_LIMIT(128 * 1024);
	va_list arguments;
	va_start(arguments, format);
	text_vprint(&message, format, arguments);
	va_end(arguments);
	struct view rest = text_view(&message);
	struct view line;
	struct text safe = TEXT_LIMIT(512 * 1024);
	for (bool first = true; view_split(&rest, '\n', &line); first = false) {
		text_add(&safe, first ? VIEW("sealpost: ") : VIEW("  "));
		text_add_safe(&safe, line);
		text_add_byte(&safe, '\n');
	}
	fputs(text_cstring(&safe), stderr);
	text_deinit(&safe);
	text_deinit(&message);
	return code;
}

bool cli_read_domain(const char *given, struct domain *domain)
{
	struct text problem = TEXT_LIMIT(4096);
	const bool good = domain_parse_typed(view_of(given), domain, &problem);
	if (!good)
		cli_fail(USAGE, "%s", text_cstring(&problem));
	text_deinit(&problem);
	return good;
}

void cli_print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
	putchar('\n');
}

bool cli_print_if_json(const struct cli *cli, const json_t *value)
{
	if (cli->json)
		cli_print_json(value);
	return cli->json;
}

const char *cli_member(const json_t *object, const char *name, struct arena *arena)
{
	const json_t *member = json_object_get(object, name);
	if (json_is_string(member))
		return arena_cstring(arena, view_bytes(json_string_value(member), json_string_length(member)));
	if (json_is_integer(member))
		return arena_print(arena, "%lld", (long long)json_integer_value(member)).data;
	if (json_is_boolean(member))
		return json_is_true(member) ? "yes" : "no";
	return "";
}

const char *cli_member_time(const json_t *object, const char *name, struct arena *arena)
{
	const struct view time = view_of(cli_member(object, name, arena));
	const size_t dot = view_find_byte(time, '.');
	return dot == VIEW_NOT_FOUND ? time.data : arena_print(arena, "%.*sZ", VIEW_PRINT(view_first(time, dot))).data;
}

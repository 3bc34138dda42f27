/* sealpost messages search, show and trace: what became of mail. */
#include "base/clock.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/table.h"

#include <time.h>
#include <unistd.h>

/* "2h": in microseconds. */
static bool read_ago(struct view word, int64_t *ago)
{
	static const struct {
		char unit;
		int64_t length;
	} units[] = { { 's', SECOND }, { 'm', MINUTE }, { 'h', HOUR }, { 'd', DAY } };
	uint64_t count = 0;
	if (word.length < 2 || word.length > 8 || !view_to_u64(view_first(word, word.length - 1), &count))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (word.data[word.length - 1] == units[i].unit) {
			*ago = (int64_t)count * units[i].length;
			return true;
		}
	return false;
}

/* So long ago becomes a time; a time is the daemon's to judge. False: the reason was told. */
static bool resolve_time(json_t *filters, const char *name)
{
	const char *given = json_string_value(json_object_get(filters, name));
	int64_t ago = 0;
	if (given == NULL || view_ends(view_of(given), VIEW("Z")))
		return true;
	if (!read_ago(view_of(given), &ago)) {
		cli_fail(USAGE,
		         "%s=%s is neither so long ago, such as 30m, 2h or 7d, nor a time such as 2026-11-23T10:43:13Z", name,
		         given);
		return false;
	}
	struct text when = TEXT_LIMIT(40);
	text_add_time_rfc3339(&when, (int64_t)time(NULL) * SECOND - ago);
	json_object_set_new(filters, name, json_string(text_cstring(&when)));
	text_deinit(&when);
	return true;
}

static void print_ended(const struct cli *cli, const json_t *rows)
{
	struct arena arena = { 0 };
	struct table table;
	size_t index;
	json_t *row;
	table_init(&table, 7);
	table_add(&table, (const char *[]){ "TIME", "ID", "ACCOUNT", "SENDER", "RECIPIENT", "FATE", "REPLY" });
	json_array_foreach(rows, index, row)
	{
		const char *reason = cli_member(row, "reason", &arena);
		table_add(&table, (const char *[]){
							  cli_member_time(row, "time", &arena),
							  cli_member(row, "id", &arena),
							  cli_member(row, "account", &arena),
							  cli_member(row, "sender", &arena),
							  cli_member(row, "recipient", &arena),
							  cli_member(row, "fate", &arena),
							  reason[0] != '\0' ? reason : cli_member(row, "reply", &arena),
						  });
	}
	table_print(&table, cli->colour);
	arena_deinit(&arena);
}

enum outcome_code messages_search(struct cli *cli)
{
	enum { ROWS_USUAL = 100 };
	struct text problem = TEXT_LIMIT(1024);
	struct text path = TEXT_LIMIT(65536);
	json_t *filters = json_object();
	json_t *all = NULL;
	size_t limit = 0;
	enum outcome_code result = USAGE;
	if (!filters_read(cli->arguments, cli->argument_count, FILTER_HISTORY, filters, &problem)) {
		cli_fail(USAGE, "%s", text_cstring(&problem));
	} else if (cli_limit(cli, ROWS_USUAL, &limit) && resolve_time(filters, "since") &&
	           resolve_time(filters, "until")) {
		text_add(&path, VIEW("/v1/messages"));
		path_add_filters(&path, filters);
		result = pages_read(cli, text_cstring(&path), "messages", limit, &all);
	}
	if (result == DONE && !cli_print_if_json(cli, all)) {
		print_ended(cli, json_object_get(all, "messages"));
		if (json_object_get(all, "next") != NULL)
			fprintf(stderr, "sealpost: there are more than %zu; --limit N shows more\n", limit);
	}
	json_decref(filters);
	json_decref(all);
	text_deinit(&path);
	text_deinit(&problem);
	return result;
}

/* ---- trace */

static void print_dialogue(struct view dialogue)
{
	struct view line;
	struct text safe = TEXT_LIMIT(65536);
	while (view_split(&dialogue, '\n', &line)) {
		text_clear(&safe);
		text_add_safe(&safe, view_trim(line));
		printf("    %s\n", text_cstring(&safe));
	}
	text_deinit(&safe);
}

static void print_recipient(const struct cli *cli, const json_t *row)
{
	static const char *const names[] = { "fate",  "state", "time",   "attempts", "next_attempt", "code", "status",
		                                 "reply", "class", "reason", "site",     "remote",       "tls",  "seq" };
	struct arena arena = { 0 };
	struct table table;
	table_init(&table, 3);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = cli_member(row, names[i], &arena);
		if (value[0] != '\0')
			table_add(&table, (const char *[]){ "", names[i], value });
	}
	struct text name = TEXT_LIMIT(2048);
	text_add_safe(&name, view_of(cli_member(row, "recipient", &arena)));
	printf("\n%s\n", text_cstring(&name));
	text_deinit(&name);
	table_print(&table, cli->colour);
	const char *dialogue = cli_member(row, "dialogue", &arena);
	if (dialogue[0] != '\0')
		print_dialogue(view_trim(view_of(dialogue)));
	arena_deinit(&arena);
}

static void print_trace(const struct cli *cli, const json_t *answer)
{
	static const char *const names[] = { "id", "account", "sender", "accepted", "size" };
	struct arena arena = { 0 };
	struct table table;
	size_t index;
	json_t *row;
	table_init(&table, 2);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		table_add(&table, (const char *[]){ names[i], cli_member(answer, names[i], &arena) });
	table_print(&table, false);
	json_array_foreach(json_object_get(answer, "recipients"), index, row) print_recipient(cli, row);
	arena_deinit(&arena);
}

enum outcome_code message_trace(struct cli *cli)
{
	struct text path = TEXT_LIMIT(8192);
	json_t *answer = NULL;
	text_add(&path, VIEW("/v1/messages"));
	path_add_part(&path, view_of(cli->arguments[0]));
	const enum outcome_code result = client_ask(cli, "GET", text_cstring(&path), NULL, &answer);
	if (result == DONE && !cli_print_if_json(cli, answer))
		print_trace(cli, answer);
	json_decref(answer);
	text_deinit(&path);
	return result;
}

/* ---- show */

/* As it is, but for a terminal, which would obey what a stranger wrote. */
static void print_content(struct view rest)
{
	struct view line;
	struct text safe = TEXT_LIMIT((size_t)256 * 1024 * 1024);
	if (isatty(STDOUT_FILENO) != 1) {
		fwrite(rest.data, 1, rest.length, stdout);
		return;
	}
	while (view_split(&rest, '\n', &line)) {
		text_clear(&safe);
		text_add_safe(&safe, view_ends(line, VIEW("\r")) ? view_first(line, line.length - 1) : line);
		puts(text_cstring(&safe));
	}
	text_deinit(&safe);
}

static void print_message(const struct cli *cli, struct view content)
{
	if (!cli->json) {
		print_content(content);
		return;
	}
	/* Octets that are no UTF-8 have no place in JSON. */
	struct text text = TEXT_LIMIT((size_t)256 * 1024 * 1024);
	struct json json = json_on(&text);
	json_open_object(&json);
	json_member_string(&json, VIEW("id"), view_of(cli->arguments[0]));
	json_member_string(&json, VIEW("content"), content);
	json_close_object(&json);
	puts(text_cstring(&text));
	text_deinit(&text);
}

enum outcome_code messages_show(struct cli *cli)
{
	struct text path = TEXT_LIMIT(8192);
	struct text content = TEXT_LIMIT((size_t)256 * 1024 * 1024);
	text_add(&path, VIEW("/v1/messages"));
	path_add_part(&path, view_of(cli->arguments[0]));
	text_add(&path, VIEW("/content"));
	const enum outcome_code result = client_fetch(cli, text_cstring(&path), &content);
	if (result == DONE)
		print_message(cli, text_view(&content));
	text_deinit(&path);
	text_deinit(&content);
	return result;
}

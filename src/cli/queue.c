/* sealpost queue ... */
#include "cli/cli.h"
#include "cli/offline.h"
#include "cli/table.h"

#include <unistd.h>

/* The filters of the command line. NULL: the reason was told. */
static json_t *read_filters(const struct cli *cli)
{
	struct text problem = TEXT_LIMIT(1024);
	json_t *filters = json_object();
	if (!filters_read(cli->arguments, cli->argument_count, FILTER_QUEUE, filters, &problem)) {
		cli_fail(USAGE, "%s", text_cstring(&problem));
		json_decref(filters);
		filters = NULL;
	}
	text_deinit(&problem);
	return filters;
}

/* The path with the filters. False: the reason was told. */
static bool filtered_path(const struct cli *cli, struct text *path)
{
	json_t *filters = read_filters(cli);
	const bool good = filters != NULL;
	text_add(path, VIEW("/v1/queue/recipients"));
	path_add_filters(path, filters);
	json_decref(filters);
	return good;
}

/* ---- summary */

static const char *const counted[] = { "queued", "deferred", "held", "leased" };

static void print_summary(const struct cli *cli, const json_t *answer)
{
	struct arena arena = { 0 };
	struct table table;
	size_t index;
	json_t *lane;
	table_init(&table, 2);
	table_add(&table, (const char *[]){ "messages", cli_member(answer, "messages", &arena) });
	table_add(&table, (const char *[]){ "bytes", cli_member(answer, "bytes", &arena) });
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++)
		table_add(&table, (const char *[]){ counted[i], cli_member(answer, counted[i], &arena) });
	if (json_object_get(answer, "oldest") != NULL)
		table_add(&table, (const char *[]){ "oldest", cli_member_time(answer, "oldest", &arena) });
	table_print(&table, false);
	if (json_array_size(json_object_get(answer, "lanes")) > 0) {
		putchar('\n');
		table_init(&table, 7);
		table_add(&table, (const char *[]){ "ACCOUNT", "DOMAIN", "QUEUED", "DEFERRED", "HELD", "LEASED", "OLDEST" });
		json_array_foreach(json_object_get(answer, "lanes"), index, lane)
			table_add(&table, (const char *[]){
								  cli_member(lane, "account", &arena),
								  cli_member(lane, "domain", &arena),
								  cli_member(lane, "queued", &arena),
								  cli_member(lane, "deferred", &arena),
								  cli_member(lane, "held", &arena),
								  cli_member(lane, "leased", &arena),
								  cli_member_time(lane, "oldest", &arena),
							  });
		table_print(&table, cli->colour);
	}
	arena_deinit(&arena);
}

enum outcome_code queue_summary_show(struct cli *cli)
{
	json_t *answer = NULL;
	const enum outcome_code result = client_ask(cli, "GET", "/v1/queue", NULL, &answer);
	if (result == DONE && !cli_print_if_json(cli, answer))
		print_summary(cli, answer);
	json_decref(answer);
	return result;
}

/* ---- list and show */

static void print_recipients(const struct cli *cli, const json_t *rows)
{
	struct arena arena = { 0 };
	struct table table;
	size_t index;
	json_t *row;
	table_init(&table, 8);
	table_add(&table, (const char *[]){ "ID", "ACCOUNT", "SENDER", "RECIPIENT", "STATE", "TRIED", "NEXT", "REPLY" });
	json_array_foreach(rows, index, row)
	{
		const char *reason = cli_member(row, "reason", &arena);
		table_add(&table, (const char *[]){
							  cli_member(row, "id", &arena),
							  cli_member(row, "account", &arena),
							  cli_member(row, "sender", &arena),
							  cli_member(row, "recipient", &arena),
							  cli_member(row, "state", &arena),
							  cli_member(row, "attempts", &arena),
							  cli_member_time(row, "next_attempt", &arena),
							  reason[0] != '\0' ? reason : cli_member(row, "reply", &arena),
						  });
	}
	table_print(&table, cli->colour);
	arena_deinit(&arena);
}

enum outcome_code queue_list_show(struct cli *cli)
{
	enum { ROWS_USUAL = 500 };
	struct text path = TEXT_LIMIT(65536);
	json_t *all = NULL;
	size_t limit = 0;
	enum outcome_code result = USAGE;
	if (cli_limit(cli, ROWS_USUAL, &limit) && filtered_path(cli, &path))
		result = pages_read(cli, text_cstring(&path), "recipients", limit, &all);
	if (result == DONE && !cli_print_if_json(cli, all)) {
		print_recipients(cli, json_object_get(all, "recipients"));
		if (json_object_get(all, "next") != NULL)
			fprintf(stderr, "sealpost: there are more than %zu; --limit N shows more, queue export all\n", limit);
	}
	json_decref(all);
	text_deinit(&path);
	return result;
}

enum outcome_code queue_show(struct cli *cli)
{
	struct text path = TEXT_LIMIT(8192);
	json_t *all = NULL;
	text_add(&path, VIEW("/v1/queue/recipients"));
	path_add_query(&path, "id", cli->arguments[0]);
	enum outcome_code result = pages_read(cli, text_cstring(&path), "recipients", SIZE_MAX, &all);
	const json_t *rows = json_object_get(all, "recipients");
	if (result == DONE && json_array_size(rows) == 0)
		result = cli_fail(NO, "no recipient of %s waits; sealpost trace %s tells what became of it",
		                  cli->arguments[0], cli->arguments[0]);
	else if (result == DONE && !cli_print_if_json(cli, all))
		print_recipients(cli, rows);
	json_decref(all);
	text_deinit(&path);
	return result;
}

/* ---- actions */

/* NULL: the reason was told. */
static json_t *action_body(const struct cli *cli)
{
	struct text problem = TEXT_LIMIT(1024);
	json_t *body = json_object();
	bool good = filters_read(cli->arguments, cli->argument_count, FILTER_QUEUE, body, &problem);
	const bool all = cli_option(cli, "all") != NULL;
	if (good && all == (cli->argument_count > 0)) {
		text_add(&problem, VIEW("say which recipients by filters, or --all"));
		good = false;
	}
	if (good) {
		json_object_set_new(body, "action", json_string(cli->verb->verb));
		if (all)
			json_object_set_new(body, "all", json_true());
		if (cli_option(cli, "reason") != NULL)
			json_object_set_new(body, "reason", json_string(cli_option(cli, "reason")));
	} else {
		cli_fail(USAGE, "%s", text_cstring(&problem));
		json_decref(body);
	}
	text_deinit(&problem);
	return good ? body : NULL;
}

enum outcome_code queue_act_on(struct cli *cli)
{
	json_t *answer = NULL;
	json_t *body = action_body(cli);
	if (body == NULL)
		return USAGE;
	const enum outcome_code result = client_ask(cli, "POST", "/v1/queue/actions", body, &answer);
	if (result == DONE && !cli_print_if_json(cli, answer)) {
		const json_int_t changed = json_integer_value(json_object_get(answer, "changed"));
		printf("%lld recipient%s\n", (long long)changed, changed == 1 ? "" : "s");
	}
	json_decref(answer);
	return result;
}

/* ---- export: page by page, so that a queue of any size fits */

static void export_row(const json_t *row)
{
	static const char *const names[] = { "id",    "account",  "sender",       "recipient",
		                                 "state", "attempts", "next_attempt", "size" };
	json_t *line = json_object();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		json_t *member = json_object_get(row, names[i]);
		json_object_set_new(line, names[i], member == NULL ? json_null() : json_incref(member));
	}
	cli_print_json(line);
	json_decref(line);
}

static enum outcome_code export_without_daemon(struct cli *cli)
{
	json_t *filters = read_filters(cli);
	const enum outcome_code result = filters == NULL ? USAGE : offline_export(cli, filters, export_row);
	json_decref(filters);
	return result;
}

enum outcome_code queue_export(struct cli *cli)
{
	if (!client_reaches(cli))
		return export_without_daemon(cli);
	struct text filters = TEXT_LIMIT(65536);
	struct text path = TEXT_LIMIT(65536);
	json_t *page = NULL;
	enum outcome_code result = filtered_path(cli, &filters) ? DONE : USAGE;
	bool more = result == DONE;
	while (more) {
		size_t index;
		json_t *row;
		text_clear(&path);
		text_add(&path, text_view(&filters));
		path_add_query(&path, "after", json_string_value(json_object_get(page, "next")));
		json_decref(page);
		page = NULL;
		result = client_ask(cli, "GET", text_cstring(&path), NULL, &page);
		json_array_foreach(json_object_get(page, "recipients"), index, row) export_row(row);
		more = result == DONE && json_object_get(page, "next") != NULL;
	}
	json_decref(page);
	text_deinit(&path);
	text_deinit(&filters);
	return result;
}

/* ---- check */

static void show_progress(const json_t *slice)
{
	if (isatty(STDERR_FILENO) == 1)
		fprintf(stderr, "\r%lld of %lld messages ", (long long)json_integer_value(json_object_get(slice, "checked")),
		        (long long)json_integer_value(json_object_get(slice, "total")));
}

static enum outcome_code tell_check(const struct cli *cli, const json_t *slice, json_t *faults)
{
	size_t index;
	json_t *fault;
	const size_t count = json_array_size(faults);
	if (isatty(STDERR_FILENO) == 1)
		fputs("\r\033[K", stderr);
	if (cli->json) {
		json_t *told = json_object();
		json_object_set(told, "checked", json_object_get(slice, "checked"));
		json_object_set_new(told, "good", json_boolean(count == 0));
		json_object_set(told, "faults", faults);
		cli_print_json(told);
		json_decref(told);
	} else {
		json_array_foreach(faults, index, fault) puts(json_is_string(fault) ? json_string_value(fault) : "");
		printf("%lld messages checked, %zu fault%s\n",
		       (long long)json_integer_value(json_object_get(slice, "checked")), count, count == 1 ? "" : "s");
	}
	return count == 0 ? DONE : NO;
}

enum outcome_code queue_verify(struct cli *cli)
{
	json_t *faults = json_array();
	json_t *slice = NULL;
	struct text path = TEXT_LIMIT(128);
	enum outcome_code result = DONE;
	bool done = !client_reaches(cli);
	if (done)
		result = offline_check(cli, show_progress, faults, &slice);
	while (result == DONE && !done) {
		text_clear(&path);
		const char *cursor = json_string_value(json_object_get(slice, "cursor"));
		text_print(&path, "/v1/queue/check?cursor=%s", cursor == NULL ? "" : cursor);
		json_decref(slice);
		slice = NULL;
		result = client_ask(cli, "GET", text_cstring(&path), NULL, &slice);
		if (result == DONE) {
			json_array_extend(faults, json_object_get(slice, "faults"));
			show_progress(slice);
			done = json_is_true(json_object_get(slice, "done"));
		}
	}
	if (result == DONE)
		result = tell_check(cli, slice, faults);
	json_decref(slice);
	json_decref(faults);
	text_deinit(&path);
	return result;
}

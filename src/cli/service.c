/* sealpost service status, reload, and events. */
#include "cli/cli.h"
#include "cli/table.h"

static enum outcome_code print_status(const struct cli *cli, const json_t *answer)
{
	static const char *const names[] = { "version", "service", "hostname", "delivery" };
	struct arena arena = { 0 };
	struct table table;
	size_t index;
	json_t *room;
	bool all = true;
	table_init(&table, 2);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		table_add(&table, (const char *[]){ names[i], cli_member(answer, names[i], &arena) });
	if (!cli->json)
		table_print(&table, false);
	table_deinit(&table);
	table_init(&table, 4);
	table_add(&table, (const char *[]){ "ROOM", "INSTANCE", "ANSWERS", "GENERATION" });
	json_array_foreach(json_object_get(answer, "rooms"), index, room)
	{
		all = all && json_is_true(json_object_get(room, "answers"));
		table_add(&table, (const char *[]){
							  cli_member(room, "room", &arena),
							  cli_member(room, "instance", &arena),
							  cli_member(room, "answers", &arena),
							  cli_member(room, "generation", &arena),
						  });
	}
	if (!cli->json) {
		putchar('\n');
		table_print(&table, cli->colour);
	}
	table_deinit(&table);
	arena_deinit(&arena);
	return all ? DONE : NO;
}

enum outcome_code service_status(struct cli *cli)
{
	json_t *answer = NULL;
	enum outcome_code result = client_ask(cli, "GET", "/v1/service", NULL, &answer);
	if (result == DONE) {
		cli_print_if_json(cli, answer);
		result = print_status(cli, answer);
	}
	json_decref(answer);
	return result;
}

enum outcome_code service_reload(struct cli *cli)
{
	json_t *answer = NULL;
	const enum outcome_code result = client_ask(cli, "POST", "/v1/service/reload", json_object(), &answer);
	if (result == DONE && !cli_print_if_json(cli, answer)) {
		const char *remarks = json_string_value(json_object_get(answer, "remarks"));
		puts("the configuration is in force");
		if (remarks != NULL && remarks[0] != '\0')
			fprintf(stderr, "%s\n", remarks);
	}
	json_decref(answer);
	/* What is wrong is in the file, not in the command line. */
	return result == USAGE ? NO : result;
}

/* ---- events */

static void print_event(const struct cli *cli, const json_t *event)
{
	struct arena arena = { 0 };
	struct text line = TEXT_LIMIT(32768);
	static const char *const names[] = { "id",     "account", "sender", "recipient", "domain",
		                                 "remote", "code",    "status", "reply",     "reason" };
	if (cli->json) {
		cli_print_json(event);
		return;
	}
	const char *word = cli_member(event, "event", &arena);
	const struct view colour = cli->colour ? state_colour(view_of(word)) : VIEW_NONE;
	text_print(&line, "%s  %.*s%-13s%s", cli_member(event, "time", &arena), VIEW_PRINT(colour), word,
	           colour.length > 0 ? "\033[0m" : "");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = cli_member(event, names[i], &arena);
		if (value[0] == '\0')
			continue;
		text_add(&line, VIEW("  "));
		text_add_safe(&line, view_of(value));
	}
	puts(text_cstring(&line));
	text_deinit(&line);
	arena_deinit(&arena);
}

/* The rooms tell theirs one after the other; the times say what came first. */
static int compare_times(const void *one, const void *other)
{
	const char *a = json_string_value(json_object_get(*(json_t *const *)one, "time"));
	const char *b = json_string_value(json_object_get(*(json_t *const *)other, "time"));
	return a == NULL || b == NULL ? 0 : strcmp(a, b);
}

static void print_events(const struct cli *cli, json_t *events)
{
	struct arena arena = { 0 };
	const size_t count = json_array_size(events);
	json_t **sorted = ARENA_ARRAY(&arena, json_t *, count + 1);
	for (size_t i = 0; i < count; i++)
		sorted[i] = json_array_get(events, i);
	qsort(sorted, count, sizeof(*sorted), compare_times);
	for (size_t i = 0; i < count; i++)
		print_event(cli, sorted[i]);
	fflush(stdout);
	arena_deinit(&arena);
}

enum outcome_code events_show(struct cli *cli)
{
	const bool follow = cli_option(cli, "follow") != NULL;
	struct text path = TEXT_LIMIT(65536);
	json_t *answer = NULL;
	enum outcome_code result = DONE;
	bool more = true;
	while (result == DONE && more && ferror(stdout) == 0) {
		text_clear(&path);
		text_print(&path, "/v1/events?wait=%d", follow && answer != NULL ? 25 : 0);
		path_add_query(&path, "after", json_string_value(json_object_get(answer, "next")));
		json_decref(answer);
		answer = NULL;
		result = client_ask(cli, "GET", text_cstring(&path), NULL, &answer);
		json_t *events = json_object_get(answer, "events");
		print_events(cli, events);
		cli->patience = follow ? CLI_PATIENCE : 0;
		if (json_integer_value(json_object_get(answer, "missed")) > 0)
			fprintf(stderr, "sealpost: %lld older events are no longer kept; the log has them\n",
			        (long long)json_integer_value(json_object_get(answer, "missed")));
		more = follow || json_array_size(events) > 0;
	}
	json_decref(answer);
	text_deinit(&path);
	return result;
}

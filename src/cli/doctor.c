/* sealpost domain check: what is wrong with a domain's records, for people, and how to mend it. */
#include "cli/domain.h"
#include "cli/table.h"
#include "cli/zone.h"

#include <time.h>
#include <unistd.h>

static void add_line(struct text *text, const char *key, const char *value)
{
	if (value[0] == '\0')
		return;
	text_print(text, "    %-14s", key);
	text_add_safe(text, view_of(value));
	text_add_byte(text, '\n');
}

/* What is longer than one string of TXT is written in another way in a zone file. */
static void add_zone_line(struct text *text, struct view name, struct view value)
{
	struct text line = TEXT_LIMIT(65536);
	zone_add_record(&line, name, VIEW("TXT"), value);
	text_truncate(&line, line.length > 0 ? line.length - 1 : 0);
	add_line(text, "in zone files", text_cstring(&line));
	text_deinit(&line);
}

/* The whole record, to be pasted. */
static void add_fix(struct text *text, const json_t *check, struct arena *arena)
{
	enum { STRING_MOST = 255 };
	const char *fix = cli_member(check, "fix", arena);
	const bool replaces = json_is_true(json_object_get(check, "replaces"));
	const struct view name = view_of(cli_member(check, "name", arena));
	add_line(text, "remove", cli_member(check, "remove", arena));
	if (fix[0] != '\0')
		add_line(text, replaces ? "replace with" : "publish",
		         arena_print(arena, "%.*s TXT \"%s\"", VIEW_PRINT(name), fix).data);
	if (strlen(fix) > STRING_MOST)
		add_zone_line(text, name, view_of(fix));
}

static void add_time(struct text *text, long long seconds)
{
	if (seconds >= 7200)
		text_print(text, "%lld hours", (seconds + 3599) / 3600);
	else if (seconds >= 120)
		text_print(text, "%lld minutes", (seconds + 59) / 60);
	else
		text_print(text, "%lld seconds", seconds);
}

/* Each of the domain's own name servers that shows something else than was found. */
static void add_servers(struct text *text, const json_t *check, struct arena *arena)
{
	const struct view state = view_of(cli_member(check, "state", arena));
	size_t index;
	json_t *server;
	json_array_foreach(json_object_get(check, "servers"), index, server)
	{
		const struct view shown = view_of(cli_member(server, "state", arena));
		const char *name = cli_member(server, "server", arena);
		if (view_equal(shown, VIEW("unknown")) || view_equal(shown, state))
			continue;
		if (json_array_size(json_object_get(server, "seen")) == 0)
			add_line(text, "at", arena_print(arena, "%s: nothing", name).data);
		size_t number;
		json_t *seen;
		json_array_foreach(json_object_get(server, "seen"), number, seen)
			add_line(text, "at", arena_print(arena, "%s: %s", name, json_string_value(seen)).data);
	}
}

static void add_caches(struct text *text, const json_t *check)
{
	struct text line = TEXT_LIMIT(100);
	const json_t *ttl = json_object_get(check, "ttl");
	if (ttl != NULL) {
		text_add(&line, VIEW("may show what is there now for "));
		add_time(&line, json_integer_value(ttl));
		text_add(&line, VIEW(" after a change"));
		add_line(text, "caches", text_cstring(&line));
	}
	text_deinit(&line);
}

static void print_one_check(const struct cli *cli, const json_t *check, struct arena *arena)
{
	struct text text = TEXT_LIMIT(256 * 1024);
	const char *state = cli_member(check, "state", arena);
	const struct view colour = cli->colour ? state_colour(view_of(state)) : VIEW_NONE;
	text_print(&text, "%-6s %.*s%-8s%s", cli_member(check, "check", arena), VIEW_PRINT(colour), state,
	           colour.length > 0 ? "\033[0m" : "");
	text_add_safe(&text, view_of(cli_member(check, "detail", arena)));
	text_add_byte(&text, '\n');
	if (!view_equal(view_of(state), VIEW("pass"))) {
		size_t index;
		json_t *seen;
		json_array_foreach(json_object_get(check, "seen"), index, seen)
			add_line(&text, "seen", json_is_string(seen) ? json_string_value(seen) : "");
		if (cli_member(check, "fix", arena)[0] == '\0')
			add_line(&text, "expected", cli_member(check, "expected", arena));
		add_fix(&text, check, arena);
		add_servers(&text, check, arena);
		add_caches(&text, check);
	}
	fputs(text_cstring(&text), stdout);
	text_deinit(&text);
}

static void print_asked(const json_t *answer)
{
	struct arena arena = { 0 };
	struct text asked = TEXT_LIMIT(8192);
	size_t index;
	json_t *server;
	json_array_foreach(json_object_get(answer, "servers"), index, server)
	{
		const char *problem = cli_member(server, "problem", &arena);
		if (problem[0] != '\0')
			printf("%s was not asked: %s%s\n", cli_member(server, "server", &arena), problem,
			       view_equal(view_of(problem), VIEW("REFUSED")) ? " (it does not serve the domain)" : "");
		else
			text_print(&asked, "%s%s", asked.length > 0 ? ", " : "", cli_member(server, "server", &arena));
	}
	if (asked.length > 0)
		printf("asked: the resolver, %s\n", text_cstring(&asked));
	text_deinit(&asked);
	arena_deinit(&arena);
}

/* A fault is a no; where there is none but DNS did not answer, it is not known. */
static enum outcome_code judge(const json_t *answer)
{
	size_t index;
	json_t *check;
	bool unknown = false;
	if (json_is_true(json_object_get(answer, "ready")))
		return DONE;
	json_array_foreach(json_object_get(answer, "checks"), index, check)
	{
		const char *state = json_string_value(json_object_get(check, "state"));
		const struct view word = state == NULL ? VIEW_NONE : view_of(state);
		if (view_equal(word, VIEW("fail")))
			return NO;
		unknown = unknown || view_equal(word, VIEW("unknown"));
	}
	return unknown ? UNTOLD : NO;
}

static void print_checks(const struct cli *cli, const json_t *answer, enum outcome_code result)
{
	static const char *const words[] = { [DONE] = "ready", [NO] = "not ready", [UNTOLD] = "not known" };
	struct arena arena = { 0 };
	size_t index;
	json_t *check;
	const char *account = cli_member(answer, "account", &arena);
	json_array_foreach(json_object_get(answer, "checks"), index, check) print_one_check(cli, check, &arena);
	print_asked(answer);
	printf("%s%s%s: %s\n", cli_member(answer, "domain", &arena), account[0] == '\0' ? "" : " for ", account,
	       words[result]);
	if (account[0] == '\0')
		fputs("sealpost: the token was not looked at; --account NAME names whose\n", stderr);
	tell_unknown_account(cli, answer);
	arena_deinit(&arena);
}

/* What was found, to see whether anything has changed: another mistake is a change too. */
static void write_findings(const json_t *answer, struct text *findings)
{
	struct arena arena = { 0 };
	size_t index;
	json_t *check;
	json_array_foreach(json_object_get(answer, "checks"), index, check)
		text_print(findings, "%s %s %s\n", cli_member(check, "state", &arena), cli_member(check, "detail", &arena),
	               joined_members(json_object_get(check, "seen"), NULL, &arena));
	arena_deinit(&arena);
}

static void tell_waiting(const json_t *answer, time_t began)
{
	struct arena arena = { 0 };
	struct text checks = TEXT_LIMIT(200);
	size_t index;
	json_t *check;
	json_array_foreach(json_object_get(answer, "checks"), index, check)
	{
		const struct view state = view_of(cli_member(check, "state", &arena));
		if (view_equal(state, VIEW("fail")) || view_equal(state, VIEW("unknown")))
			text_print(&checks, "%s%s", checks.length > 0 ? ", " : "", cli_member(check, "check", &arena));
	}
	if (isatty(STDERR_FILENO) == 1)
		fprintf(stderr, "\r\033[Kwaiting for %s (%lld s; Ctrl-C ends it)", text_cstring(&checks),
		        (long long)(time(NULL) - began));
	text_deinit(&checks);
	arena_deinit(&arena);
}

static void end_waiting(void)
{
	if (isatty(STDERR_FILENO) == 1)
		fputs("\r\033[K", stderr);
}

/* Asks again and again, tells what has changed, and ends when the domain is ready. */
static enum outcome_code domain_watch(struct cli *cli)
{
	enum { PAUSE = 5 };
	struct text last = TEXT_LIMIT(1024 * 1024);
	struct text findings = TEXT_LIMIT(1024 * 1024);
	const time_t began = time(NULL);
	enum outcome_code result = NO;
	while (result == NO || result == UNTOLD) {
		json_t *answer = NULL;
		result = ask_domain(cli, "GET", "check", &answer);
		if (result != DONE)
			break;
		cli->patience = CLI_PATIENCE;
		result = judge(answer);
		text_clear(&findings);
		write_findings(answer, &findings);
		if (!view_equal(text_view(&findings), text_view(&last))) {
			end_waiting();
			if (!cli_print_if_json(cli, answer))
				print_checks(cli, answer, result);
			fflush(stdout);
		}
		text_clear(&last);
		text_add(&last, text_view(&findings));
		if (result != DONE) {
			tell_waiting(answer, began);
			sleep(PAUSE);
		}
		json_decref(answer);
	}
	text_deinit(&last);
	text_deinit(&findings);
	return result;
}

enum outcome_code domain_check(struct cli *cli)
{
	json_t *answer = NULL;
	if (cli_option(cli, "watch") != NULL)
		return domain_watch(cli);
	const enum outcome_code asked = ask_domain(cli, "GET", "check", &answer);
	if (asked != DONE)
		return asked;
	const enum outcome_code result = judge(answer);
	if (!cli_print_if_json(cli, answer))
		print_checks(cli, answer, result);
	json_decref(answer);
	return result;
}

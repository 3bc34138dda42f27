/* sealpost check ...: what a receiver would make of it. Needs no daemon. */
#include "cli/resolver.h"
#include "mail/dkim_verify.h"
#include "mail/spf_check.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

static json_t *json_of(struct view text)
{
	return json_stringn(text.data != NULL ? text.data : "", text.length);
}

static void add_view(json_t *object, const char *name, struct view text)
{
	json_t *string = json_of(text);
	/* What is told is printable; what a stranger wrote beside that has no place in JSON. */
	json_object_set_new(object, name, string != NULL ? string : json_string("not UTF-8"));
}

/* ---- spf */

static bool read_client(const struct cli *cli, struct spf_client *client)
{
	const char *ip = cli_option(cli, "ip");
	const char *from = cli_option(cli, "from");
	const char *helo = cli_option(cli, "helo");
	struct endpoint address;
	if (ip == NULL || (from == NULL && helo == NULL)) {
		cli_fail(USAGE, "--ip ADDRESS, and --from ADDRESS or --helo NAME, are needed");
		return false;
	}
	if (!endpoint_parse_address(view_of(ip), &address)) {
		cli_fail(USAGE, "--ip is an IPv4 or IPv6 address, not %s", ip);
		return false;
	}
	*client = (struct spf_client){
		.is_ip6 = address.family == 6,
		.helo = helo == NULL ? VIEW_NONE : view_of(helo),
		.sender = from == NULL ? VIEW_NONE : view_of(from),
		.seconds = (int64_t)time(NULL),
	};
	for (size_t i = 0; i < sizeof(client->address); i++)
		client->address[i] = address.address[i];
	if (view_starts(client->sender, VIEW("<")) && view_ends(client->sender, VIEW(">")))
		client->sender = view_slice(client->sender, 1, client->sender.length - 2);
	return true;
}

static void print_spf(const struct cli *cli, const struct spf_outcome *outcome)
{
	if (cli->json) {
		json_t *told = json_object();
		json_t *trace = json_array();
		json_object_set_new(told, "result", json_string(spf_result_name(outcome->result)));
		add_view(told, "explanation", outcome->explanation);
		if (outcome->problem.length > 0)
			add_view(told, "problem", outcome->problem);
		json_object_set_new(told, "lookups", json_integer(outcome->lookups));
		json_object_set_new(told, "void_lookups", json_integer(outcome->void_lookups));
		for (size_t i = 0; i < outcome->trace_count; i++)
			json_array_append_new(trace, json_of(outcome->trace[i]));
		json_object_set_new(told, "trace", trace);
		cli_print_json(told);
		json_decref(told);
		return;
	}
	for (size_t i = 0; i < outcome->trace_count; i++)
		printf("  %.*s\n", VIEW_PRINT(outcome->trace[i]));
	printf("%s", spf_result_name(outcome->result));
	if (outcome->problem.length > 0)
		printf(": %.*s", VIEW_PRINT(outcome->problem));
	if (outcome->explanation.length > 0)
		printf(": %.*s", VIEW_PRINT(outcome->explanation));
	printf(" (%u of %d look-ups, %u of %d in vain)\n", outcome->lookups, SPF_TERMS_MOST, outcome->void_lookups,
	       SPF_VOID_MOST);
}

static enum outcome_code run_spf(struct cli_resolver *resolver, void *context)
{
	const struct spf_client *client = context;
	struct arena arena = { 0 };
	struct spf_outcome outcome;
	spf_check_host(&resolver->lookup, client, &arena, &outcome);
	print_spf(resolver->cli, &outcome);
	arena_deinit(&arena);
	if (outcome.result == SPF_TEMPERROR)
		return UNTOLD;
	return outcome.result == SPF_PASS ? DONE : NO;
}

enum outcome_code check_spf(struct cli *cli)
{
	struct spf_client client;
	return read_client(cli, &client) ? cli_resolve(cli, run_spf, &client) : USAGE;
}

/* ---- dkim */

/* Files end their lines in LF, mail in CRLF (RFC 5322 2.3). */
static bool read_message(struct text *message)
{
	struct text raw = TEXT_LIMIT(INPUT_MOST);
	const bool good = file_read_all(STDIN_FILENO, &raw);
	struct view rest = text_view(&raw);
	if (!good)
		cli_fail(USAGE, "cannot read the message: %s", strerror(errno));
	while (good && rest.length > 0) {
		const size_t newline = view_find_byte(rest, '\n');
		const struct view line = view_first(rest, newline);
		rest = newline == VIEW_NOT_FOUND ? VIEW_NONE : view_from(rest, newline + 1);
		text_add(message, view_ends(line, VIEW("\r")) ? view_first(line, line.length - 1) : line);
		if (newline != VIEW_NOT_FOUND)
			text_add(message, VIEW("\r\n"));
	}
	text_deinit(&raw);
	return good;
}

static void print_dkim(const struct cli *cli, const struct dkim_verdict *verdicts, size_t count)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < count; i++) {
		const struct dkim_verdict *verdict = &verdicts[i];
		const char *result = dkim_result_name(verdict->result);
		if (!cli->json) {
			struct text line = TEXT_LIMIT(16384);
			text_print(&line, "%-9s d=", result);
			text_add_printable(&line, verdict->domain, 300);
			text_add(&line, VIEW(" s="));
			text_add_printable(&line, verdict->selector, 300);
			text_add(&line, VIEW(" a="));
			text_add_printable(&line, verdict->algorithm, 100);
			text_print(&line, "%s%.*s", verdict->reason.length > 0 ? "  " : "", VIEW_PRINT(verdict->reason));
			puts(text_cstring(&line));
			text_deinit(&line);
			continue;
		}
		json_t *row = json_object();
		add_view(row, "domain", verdict->domain);
		add_view(row, "selector", verdict->selector);
		add_view(row, "algorithm", verdict->algorithm);
		json_object_set_new(row, "result", json_string(result));
		add_view(row, "reason", verdict->reason);
		json_array_append_new(rows, row);
	}
	if (cli->json) {
		json_t *told = json_pack("{sO}", "signatures", rows);
		cli_print_json(told);
		json_decref(told);
	} else if (count == 0) {
		puts("the message has no DKIM-Signature");
	}
	json_decref(rows);
}

/* Yes when one passes; untold when none does, and one could not be judged. */
static enum outcome_code run_dkim(struct cli_resolver *resolver, void *context)
{
	const struct text *message = context;
	const struct dkim_verify_request request = {
		.message = text_view(message),
		.seconds = (int64_t)time(NULL),
		.legacy = cli_option(resolver->cli, "legacy") != NULL,
	};
	struct arena arena = { 0 };
	struct dkim_verdict *verdicts;
	const size_t count = dkim_verify(&resolver->txt, &request, &arena, &verdicts);
	enum outcome_code code = NO;
	for (size_t i = 0; i < count; i++)
		if (verdicts[i].result == DKIM_PASS)
			code = DONE;
		else if (verdicts[i].result == DKIM_TEMPERROR && code == NO)
			code = UNTOLD;
	print_dkim(resolver->cli, verdicts, count);
	arena_deinit(&arena);
	return code;
}

enum outcome_code check_dkim(struct cli *cli)
{
	struct text message = TEXT_LIMIT(2 * (size_t)INPUT_MOST);
	const enum outcome_code code = read_message(&message) ? cli_resolve(cli, run_dkim, &message) : USAGE;
	text_deinit(&message);
	return code;
}

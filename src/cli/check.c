/* sealpost check ...: what a receiver would make of it. Needs no daemon. */
#include "cli/check.h"
#include "mail/dkim_verify.h"
#include "mail/domain.h"
#include "mail/spf.h"
#include "mail/spf_name.h"
#include "mail/token.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

json_t *check_json(struct view text)
{
	return json_stringn(text.data != NULL ? text.data : "", text.length);
}

void check_add(json_t *object, const char *name, struct view text)
{
	json_t *string = check_json(text);
	/* What is told is printable; what a stranger wrote beside that has no place in JSON. */
	json_object_set_new(object, name, string != NULL ? string : json_string("not UTF-8"));
}

struct view check_after_at(struct view text)
{
	const size_t at = view_find_last_byte(text, '@');
	return at == VIEW_NOT_FOUND ? text : view_from(text, at + 1);
}

struct view check_domain(struct view text, struct arena *arena)
{
	struct domain domain;
	return domain_parse(check_after_at(text), &domain) == DOMAIN_OK ? arena_copy(arena, domain_view(&domain))
	                                                                : VIEW_NONE;
}

/* ---- spf */

bool check_client(const struct cli *cli, const char *sender, struct spf_client *client)
{
	const char *ip = cli_option(cli, "ip");
	const char *from = cli_option(cli, sender);
	const char *helo = cli_option(cli, "helo");
	struct endpoint address;
	if (ip == NULL || (from == NULL && helo == NULL)) {
		cli_fail(USAGE, "--ip ADDRESS, and --%s ADDRESS or --helo NAME, are needed", sender);
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
		check_add(told, "explanation", outcome->explanation);
		if (outcome->problem.length > 0)
			check_add(told, "problem", outcome->problem);
		json_object_set_new(told, "lookups", json_integer(outcome->lookups));
		json_object_set_new(told, "void_lookups", json_integer(outcome->void_lookups));
		for (size_t i = 0; i < outcome->trace_count; i++)
			json_array_append_new(trace, check_json(outcome->trace[i]));
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

/* Whose record it would be. */
static void explain_none(const struct cli_resolver *resolver, const struct spf_client *client, struct arena *arena,
                         struct spf_outcome *outcome)
{
	const struct view sender = spf_sender(client, arena);
	const struct view domain = view_from(sender, view_find_last_byte(sender, '@') + 1);
	if (spf_is_name(domain, 2) && spf_of_old_type(&resolver->lookup, domain, arena).length > 0)
		outcome->problem =
			arena_print(arena, "%.*s has its record as type SPF (99), which receivers do not ask for (RFC 7208 3.1)",
		                VIEW_PRINT(domain));
}

static enum outcome_code run_spf(struct cli_resolver *resolver, void *context)
{
	const struct spf_client *client = context;
	struct arena arena = { 0 };
	struct spf_outcome outcome;
	spf_check_host(&resolver->lookup, client, &arena, &outcome);
	if (outcome.result == SPF_NONE)
		explain_none(resolver, client, &arena, &outcome);
	print_spf(resolver->cli, &outcome);
	arena_deinit(&arena);
	if (outcome.result == SPF_TEMPERROR)
		return UNTOLD;
	return outcome.result == SPF_PASS ? DONE : NO;
}

enum outcome_code check_spf(struct cli *cli)
{
	struct spf_client client;
	return check_client(cli, "from", &client) ? cli_resolve(cli, run_spf, &client) : USAGE;
}

/* ---- dkim */

static void print_signature(const struct dkim_verdict *verdict)
{
	struct text line = TEXT_LIMIT(16384);
	text_print(&line, "%-9s d=", dkim_result_name(verdict->result));
	text_add_printable(&line, verdict->domain, 300);
	text_add(&line, VIEW(" s="));
	text_add_printable(&line, verdict->selector, 300);
	text_add(&line, VIEW(" a="));
	text_add_printable(&line, verdict->algorithm, 100);
	text_print(&line, "%s%.*s", verdict->reason.length > 0 ? "  " : "", VIEW_PRINT(verdict->reason));
	puts(text_cstring(&line));
	text_deinit(&line);
}

static json_t *signature_row(const struct dkim_verdict *verdict)
{
	json_t *row = json_object();
	check_add(row, "domain", verdict->domain);
	check_add(row, "selector", verdict->selector);
	check_add(row, "algorithm", verdict->algorithm);
	json_object_set_new(row, "result", json_string(dkim_result_name(verdict->result)));
	check_add(row, "reason", verdict->reason);
	return row;
}

/* unjudged: those behind the last one that is looked at. */
static void print_dkim_json(const struct dkim_verdict *verdicts, size_t count, size_t unjudged)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(rows, signature_row(&verdicts[i]));
	json_t *told = json_pack("{so sI}", "signatures", rows, "unjudged", (json_int_t)unjudged);
	cli_print_json(told);
	json_decref(told);
}

static void print_dkim(const struct dkim_verdict *verdicts, size_t count, size_t unjudged)
{
	for (size_t i = 0; i < count; i++)
		print_signature(&verdicts[i]);
	if (count == 0)
		puts("the message has no DKIM-Signature");
	if (unjudged > 0)
		printf("%zu more not judged: the first %d signatures are\n", unjudged, DKIM_SIGNATURES_MOST);
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
	const size_t unjudged = dkim_signature_count(request.message) - count;
	if (resolver->cli->json)
		print_dkim_json(verdicts, count, unjudged);
	else
		print_dkim(verdicts, count, unjudged);
	arena_deinit(&arena);
	return code;
}

enum outcome_code check_dkim(struct cli *cli)
{
	struct text message = TEXT_LIMIT(2 * (size_t)INPUT_MOST);
	const enum outcome_code code = message_read(&message) ? cli_resolve(cli, run_dkim, &message) : USAGE;
	text_deinit(&message);
	return code;
}

/* ---- token */

struct token_question {
	struct text expected; /* of the name in lower case, as accounts are kept */
	struct text as_typed;
};

/* What is there in place of the token; empty: nothing like it. */
static struct view explain_token(const struct cli *cli, const struct token_question *question, struct view domain,
                                 const struct txt_answer *answer, struct arena *arena)
{
	const struct view expected = text_view(&question->expected);
	const struct view prefix = view_first(expected, view_find_last_byte(expected, '='));
	struct text lower = TEXT_LIMIT(1024);
	struct view mistake = VIEW_NONE;
	if (domain.length == 0)
		return arena_print(arena, "%s is not a domain name", cli->arguments[0]);
	if (answer->through_alias)
		return VIEW("the domain is an alias (CNAME): a token behind one does not count");
	for (const char *byte = cli_option(cli, "account"); *byte != '\0'; byte++)
		text_add_byte(&lower, byte_lower(*byte));
	const struct token_owner owner = { text_view(&lower), view_of(cli_option(cli, "account")), domain };
	for (size_t i = 0; i < answer->count && (mistake.length == 0 || view_equal(mistake, token_of_another)); i++) {
		const struct view found = token_mistake(answer->texts[i], prefix, &owner, arena);
		mistake = found.length > 0 ? found : mistake;
	}
	text_deinit(&lower);
	return mistake.length == 0 ? VIEW_NONE : arena_print(arena, "of the token seen: %.*s", VIEW_PRINT(mistake));
}

static enum outcome_code run_token(struct cli_resolver *resolver, void *context)
{
	const struct cli *cli = resolver->cli;
	const struct token_question *question = context;
	const struct view expected = text_view(&question->expected);
	struct arena arena = { 0 };
	struct txt_answer answer = { 0 };
	const struct view domain = check_domain(view_of(cli->arguments[0]), &arena);
	enum outcome_code code = NO;
	if (domain.length > 0)
		resolver->txt.txt(resolver->txt.context, domain, &arena, &answer);
	for (size_t i = 0; answer.status == TXT_FOUND && i < answer.count && !answer.through_alias; i++)
		if (token_matches(answer.texts[i], expected) ||
		    token_matches(answer.texts[i], text_view(&question->as_typed)))
			code = DONE;
	if (answer.status == TXT_FAILED)
		code = UNTOLD;
	const char *result = code == DONE ? "pass" : code == UNTOLD ? "temperror" : "fail";
	const struct view why = code == NO       ? explain_token(cli, question, domain, &answer, &arena)
	                        : code == UNTOLD ? answer.detail
	                                         : VIEW_NONE;
	if (cli->json) {
		json_t *told = json_object();
		check_add(told, "domain", domain);
		if (why.length > 0)
			check_add(told, "explanation", why);
		check_add(told, "expected", expected);
		json_object_set_new(told, "result", json_string(result));
		cli_print_json(told);
		json_decref(told);
	} else {
		printf("%s: %.*s TXT \"%.*s\" %s%s%.*s\n", result,
		       VIEW_PRINT(domain.length > 0 ? domain : view_of(cli->arguments[0])), VIEW_PRINT(expected),
		       code == DONE     ? "is there"
		       : code == UNTOLD ? "could not be asked for"
		                        : "is not there",
		       why.length > 0 ? "; " : "", VIEW_PRINT(why));
	}
	arena_deinit(&arena);
	return code;
}

enum outcome_code check_token(struct cli *cli)
{
	const char *account = cli_option(cli, "account");
	const char *prefix = cli_option(cli, "prefix");
	struct config *config = NULL;
	struct token_question question = { .expected = TEXT_LIMIT(1024), .as_typed = TEXT_LIMIT(1024) };
	struct text lower = TEXT_LIMIT(1024);
	if (account == NULL)
		return cli_fail(USAGE, "--account NAME is needed: a token names one");
	if (prefix == NULL) {
		config = cli_read_config(cli);
		if (config == NULL)
			return cli_fail(USAGE, "so the token's prefix is not known; --prefix PREFIX names it");
	}
	const struct view in_use = prefix != NULL ? view_of(prefix) : config->service.token_prefix;
	for (const char *byte = account; *byte != '\0'; byte++)
		text_add_byte(&lower, byte_lower(*byte));
	token_write(in_use, text_view(&lower), &question.expected);
	token_write(in_use, view_of(account), &question.as_typed);
	const enum outcome_code code = cli_resolve(cli, run_token, &question);
	text_deinit(&lower);
	text_deinit(&question.expected);
	text_deinit(&question.as_typed);
	config_free(config);
	return code;
}

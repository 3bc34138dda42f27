/* sealpost check ...: what a receiver would make of it. Needs no daemon. */
#include "cli/resolver.h"
#include "mail/author.h"
#include "mail/dkim_verify.h"
#include "mail/dmarc_check.h"
#include "mail/header.h"
#include "mail/spf_check.h"
#include "mail/token.h"

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

/* sender: the option that names MAIL FROM. */
static bool read_client(const struct cli *cli, const char *sender, struct spf_client *client)
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
	return read_client(cli, "from", &client) ? cli_resolve(cli, run_spf, &client) : USAGE;
}

/* ---- dkim */

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
	const enum outcome_code code = message_read(&message) ? cli_resolve(cli, run_dkim, &message) : USAGE;
	text_deinit(&message);
	return code;
}

/* ---- dmarc */

struct dmarc_question {
	struct text message; /* empty: the identifiers are given */
	bool has_client;
	struct spf_client client;
};

/* The author's domain of a message. False: the reason was told. */
static bool author_of(struct view message, struct arena *arena, struct domain *domain)
{
	struct view header;
	struct view body;
	struct header_field field;
	struct author_list list;
	struct view why = VIEW("there is not exactly one From: field");
	header_split(message, &header, &body);
	const bool good = header_count(header, VIEW("From"), &field) == 1 &&
	                  author_parse(field.body, arena, &list, &why) == AUTHOR_OK && list.count > 0;
	if (!good) {
		cli_fail(NO, "From: cannot be read with certainty: %.*s", VIEW_PRINT(why));
		return false;
	}
	*domain = list.mailboxes[0].domain;
	for (size_t i = 1; i < list.count; i++)
		if (!domain_equal(&list.mailboxes[i].domain, domain)) {
			cli_fail(NO, "From: names several domains");
			return false;
		}
	return true;
}

static struct view ascii_domain(struct view text, struct arena *arena)
{
	struct domain domain;
	const size_t at = view_find_last_byte(text, '@');
	const struct view name = at == VIEW_NOT_FOUND ? text : view_from(text, at + 1);
	return domain_parse(name, &domain) == DOMAIN_OK ? arena_copy(arena, domain_view(&domain)) : VIEW_NONE;
}

static void identify_by_message(struct cli_resolver *resolver, const struct dmarc_question *question,
                                struct arena *arena, struct dmarc_identifiers *identifiers)
{
	struct dkim_verdict *verdicts;
	const struct dkim_verify_request request = { .message = text_view(&question->message),
		                                         .seconds = (int64_t)time(NULL) };
	const size_t count = dkim_verify(&resolver->txt, &request, arena, &verdicts);
	struct view *passed = ARENA_ARRAY(arena, struct view, count + 1);
	for (size_t i = 0; i < count; i++)
		if (verdicts[i].result == DKIM_PASS)
			passed[identifiers->dkim_count++] = ascii_domain(verdicts[i].domain, arena);
	identifiers->dkim = passed;
	struct spf_outcome spf = { .result = SPF_NONE };
	if (question->has_client)
		spf_check_host(&resolver->lookup, &question->client, arena, &spf);
	if (spf.result == SPF_PASS)
		identifiers->spf =
			ascii_domain(question->client.sender.length > 0 ? question->client.sender : question->client.helo, arena);
}

/* --spf DOMAIN and --dkim DOMAIN[,DOMAIN...] passed. */
static void identify_by_options(const struct cli *cli, struct arena *arena, struct dmarc_identifiers *identifiers)
{
	enum { DOMAINS_MOST = 64 };
	const char *spf = cli_option(cli, "spf");
	const char *dkim = cli_option(cli, "dkim");
	struct view rest = dkim == NULL ? VIEW_NONE : view_of(dkim);
	struct view part;
	struct view *passed = ARENA_ARRAY(arena, struct view, DOMAINS_MOST);
	identifiers->spf = spf == NULL ? VIEW_NONE : ascii_domain(view_of(spf), arena);
	while (identifiers->dkim_count < DOMAINS_MOST && view_split(&rest, ',', &part))
		passed[identifiers->dkim_count++] = ascii_domain(view_trim(part), arena);
	identifiers->dkim = passed;
}

static void print_dmarc(const struct cli *cli, struct view author, const struct dmarc_evaluation *evaluation)
{
	const char *result = dmarc_conclusion_name(evaluation->conclusion);
	const bool has_policy = evaluation->record.length > 0;
	if (cli->json) {
		json_t *told = json_object();
		add_view(told, "domain", author);
		json_object_set_new(told, "result", json_string(result));
		add_view(told, "organizational_domain", evaluation->organizational);
		add_view(told, "record_name", evaluation->record_name);
		add_view(told, "record", evaluation->record);
		if (has_policy) {
			json_object_set_new(told, "policy", json_string(dmarc_policy_name(evaluation->policy)));
			json_object_set_new(told, "applied", json_string(dmarc_policy_name(evaluation->applied)));
		}
		json_object_set_new(told, "spf_aligned", json_boolean(evaluation->spf_aligned));
		json_object_set_new(told, "dkim_aligned", json_boolean(evaluation->dkim_aligned));
		if (evaluation->detail.length > 0)
			add_view(told, "detail", evaluation->detail);
		cli_print_json(told);
		json_decref(told);
		return;
	}
	struct text record = TEXT_LIMIT(8192);
	text_add_printable(&record, evaluation->record, 500);
	if (has_policy)
		printf("  %.*s: %s\n", VIEW_PRINT(evaluation->record_name), text_cstring(&record));
	printf("  SPF %s aligned, DKIM %s aligned with %.*s (organization %.*s)\n",
	       evaluation->spf_aligned ? "is" : "is not", evaluation->dkim_aligned ? "is" : "is not", VIEW_PRINT(author),
	       VIEW_PRINT(evaluation->organizational));
	printf("%s", result);
	if (evaluation->conclusion == DMARC_FAIL)
		printf(", policy %s", dmarc_policy_name(evaluation->applied));
	if (evaluation->detail.length > 0)
		printf(": %.*s", VIEW_PRINT(evaluation->detail));
	putchar('\n');
	text_deinit(&record);
}

static enum outcome_code evaluate_dmarc(struct cli_resolver *resolver, const struct dmarc_question *question,
                                        struct arena *arena)
{
	const char *from = cli_option(resolver->cli, "from");
	struct dmarc_identifiers identifiers = { .author = VIEW_NONE };
	struct dmarc_evaluation evaluation;
	struct domain author;
	if (from != NULL) {
		identifiers.author = ascii_domain(view_of(from), arena);
		if (identifiers.author.length == 0)
			return cli_fail(USAGE, "--from is an address or a domain, not %s", from);
		identify_by_options(resolver->cli, arena, &identifiers);
	} else {
		if (!author_of(text_view(&question->message), arena, &author))
			return NO;
		identifiers.author = arena_copy(arena, domain_view(&author));
		identify_by_message(resolver, question, arena, &identifiers);
	}
	dmarc_evaluate(&resolver->txt, &identifiers, arena, &evaluation);
	print_dmarc(resolver->cli, identifiers.author, &evaluation);
	if (evaluation.conclusion == DMARC_TEMPERROR)
		return UNTOLD;
	return evaluation.conclusion == DMARC_PASS ? DONE : NO;
}

static enum outcome_code run_dmarc(struct cli_resolver *resolver, void *context)
{
	struct arena arena = { 0 };
	const enum outcome_code code = evaluate_dmarc(resolver, context, &arena);
	arena_deinit(&arena);
	return code;
}

enum outcome_code check_dmarc(struct cli *cli)
{
	struct dmarc_question question = { .message = TEXT_LIMIT(2 * (size_t)INPUT_MOST) };
	question.has_client = cli_option(cli, "ip") != NULL;
	bool good = !question.has_client || read_client(cli, "mail-from", &question.client);
	if (good && cli_option(cli, "from") == NULL)
		good = message_read(&question.message);
	const enum outcome_code code = good ? cli_resolve(cli, run_dmarc, &question) : USAGE;
	text_deinit(&question.message);
	return code;
}

/* ---- token */

struct token_question {
	struct text expected; /* of the name in lower case, as accounts are kept */
	struct text as_typed;
};

static enum outcome_code run_token(struct cli_resolver *resolver, void *context)
{
	const struct cli *cli = resolver->cli;
	const struct token_question *question = context;
	const struct view expected = text_view(&question->expected);
	struct arena arena = { 0 };
	struct txt_answer answer = { 0 };
	const struct view domain = ascii_domain(view_of(cli->arguments[0]), &arena);
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
	if (cli->json) {
		json_t *told = json_object();
		add_view(told, "domain", domain);
		add_view(told, "expected", expected);
		json_object_set_new(told, "result", json_string(result));
		cli_print_json(told);
		json_decref(told);
	} else {
		printf("%s: %.*s TXT \"%.*s\" %s\n", result, VIEW_PRINT(domain), VIEW_PRINT(expected),
		       code == DONE     ? "is there"
		       : code == UNTOLD ? "could not be asked for"
		                        : "is not there");
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

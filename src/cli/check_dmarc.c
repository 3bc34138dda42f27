/* sealpost check dmarc: what a receiver concludes, of domains that passed or of a message. Needs no daemon. */
#include "cli/check.h"
#include "mail/author.h"
#include "mail/dkim_verify.h"
#include "mail/dmarc_check.h"
#include "mail/header.h"

#include <time.h>

struct dmarc_question {
	const char *author;  /* an address or a domain; NULL: the message's */
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

/* With underscores: DNS knows such names where mail does not, and some d= has them. */
static bool is_dns_name(struct view name)
{
	struct view rest = name;
	struct view label = VIEW_NONE;
	bool good = name.length <= DOMAIN_LENGTH_MOST && view_find_byte(name, '_') != VIEW_NOT_FOUND;
	while (view_split(&rest, '.', &label))
		good = good && label.length > 0 && label.length <= DOMAIN_LABEL_MOST;
	for (size_t i = 0; i < name.length; i++)
		good = good && (byte_is_alnum(name.data[i]) || view_find_byte(VIEW("-_."), name.data[i]) != VIEW_NOT_FOUND);
	return good;
}

/* The same of what may be any name in DNS. */
static struct view identifier(struct view text, struct arena *arena)
{
	const struct view domain = check_domain(text, arena);
	struct view name = check_after_at(text);
	name.length -= view_ends(name, VIEW("."));
	if (domain.length > 0 || !is_dns_name(name))
		return domain;
	char *lower = ARENA_ARRAY(arena, char, name.length);
	for (size_t i = 0; i < name.length; i++)
		lower[i] = byte_lower(name.data[i]);
	return (struct view){ lower, name.length };
}

/* passed and untold: what else would have passed, had DNS answered. */
struct identified {
	struct dmarc_identifiers passed, untold;
};

static void add_signers(struct cli_resolver *resolver, struct view message, struct arena *arena,
                        struct identified *identified)
{
	struct dkim_verdict *verdicts;
	const struct dkim_verify_request request = { .message = message, .seconds = (int64_t)time(NULL) };
	const size_t count = dkim_verify(&resolver->txt, &request, arena, &verdicts);
	const size_t unjudged = dkim_signature_count(message) - count;
	if (unjudged > 0)
		fprintf(stderr, "sealpost: %zu signatures are not judged: the first %d are\n", unjudged,
		        DKIM_SIGNATURES_MOST);
	struct view *passed = ARENA_ARRAY(arena, struct view, count + 1);
	struct view *untold = ARENA_ARRAY(arena, struct view, count + 1);
	for (size_t i = 0; i < count; i++)
		if (verdicts[i].result == DKIM_PASS)
			passed[identified->passed.dkim_count++] = identifier(verdicts[i].domain, arena);
		else if (verdicts[i].result == DKIM_TEMPERROR)
			untold[identified->untold.dkim_count++] = identifier(verdicts[i].domain, arena);
	identified->passed.dkim = passed;
	identified->untold.dkim = untold;
}

static void identify_by_message(struct cli_resolver *resolver, const struct dmarc_question *question,
                                struct arena *arena, struct identified *identified)
{
	struct spf_outcome spf = { .result = SPF_NONE };
	add_signers(resolver, text_view(&question->message), arena, identified);
	if (question->has_client)
		spf_check_host(&resolver->lookup, &question->client, arena, &spf);
	const struct view sender =
		identifier(question->client.sender.length > 0 ? question->client.sender : question->client.helo, arena);
	if (spf.result == SPF_PASS)
		identified->passed.spf = sender;
	if (spf.result == SPF_TEMPERROR)
		identified->untold.spf = sender;
}

/* --spf DOMAIN and --dkim DOMAIN[,DOMAIN...] passed. False: the reason was told. */
static bool identify_by_options(const struct cli *cli, struct arena *arena, struct dmarc_identifiers *identifiers)
{
	enum { DOMAINS_MOST = 64 };
	const char *spf = cli_option(cli, "spf");
	const char *dkim = cli_option(cli, "dkim");
	struct view rest = dkim == NULL || dkim[0] == '\0' ? VIEW_NONE : view_of(dkim);
	struct view part;
	struct view *passed = ARENA_ARRAY(arena, struct view, DOMAINS_MOST);
	if (spf != NULL && spf[0] != '\0') {
		identifiers->spf = identifier(view_of(spf), arena);
		if (identifiers->spf.length == 0) {
			cli_fail(USAGE, "--spf is the domain (or MAIL FROM address) that passed SPF, not %s", spf);
			return false;
		}
	}
	while (view_split(&rest, ',', &part)) {
		if (identifiers->dkim_count == DOMAINS_MOST) {
			cli_fail(USAGE, "--dkim takes at most %d domains", DOMAINS_MOST);
			return false;
		}
		passed[identifiers->dkim_count] = identifier(view_trim(part), arena);
		if (passed[identifiers->dkim_count++].length == 0) {
			cli_fail(USAGE, "--dkim lists the domains (d=) of signatures that passed, as a.example,b.example; not %s",
			         dkim);
			return false;
		}
	}
	identifiers->dkim = passed;
	return true;
}

static void add_tags(json_t *told, const struct dmarc_evaluation *evaluation)
{
	const struct dmarc_record *tags = &evaluation->tags;
	const char suffix[] = { tags->public_suffix, '\0' };
	json_object_set_new(told, "policy", json_string(dmarc_policy_name(evaluation->policy)));
	json_object_set_new(told, "applied", json_string(dmarc_policy_name(evaluation->applied)));
	json_object_set_new(told, "policy_tag", json_string(evaluation->policy_tag));
	json_object_set_new(told, "tags",
	                    json_pack("{ss ss ss ss ss ss ss}", "p", dmarc_policy_name(tags->policy), "sp",
	                              dmarc_policy_name(tags->subdomain_policy), "np",
	                              dmarc_policy_name(tags->absent_policy), "adkim", tags->strict_dkim ? "s" : "r",
	                              "aspf", tags->strict_spf ? "s" : "r", "psd", suffix, "t",
	                              tags->testing ? "y" : "n"));
}

/* Which of those that passed there were, so that one sees what was compared. */
static void add_identifiers(json_t *told, const struct dmarc_identifiers *identifiers)
{
	json_t *signers = json_array();
	for (size_t i = 0; i < identifiers->dkim_count; i++)
		json_array_append_new(signers, check_json(identifiers->dkim[i]));
	check_add(told, "spf_domain", identifiers->spf);
	json_object_set_new(told, "dkim_domains", signers);
}

static void print_dmarc(const struct cli *cli, const struct dmarc_identifiers *identifiers,
                        const struct dmarc_evaluation *evaluation)
{
	const struct view author = identifiers->author;
	const char *result = dmarc_conclusion_name(evaluation->conclusion);
	if (cli->json) {
		json_t *told = json_object();
		check_add(told, "domain", author);
		json_object_set_new(told, "result", json_string(result));
		check_add(told, "organizational_domain", evaluation->organizational);
		check_add(told, "record_name", evaluation->record_name);
		check_add(told, "policy_domain", view_from(evaluation->record_name, sizeof("_dmarc.") - 1));
		check_add(told, "record", evaluation->record);
		if (evaluation->policy_tag != NULL)
			add_tags(told, evaluation);
		add_identifiers(told, identifiers);
		json_object_set_new(told, "spf_aligned", json_boolean(evaluation->spf_aligned));
		json_object_set_new(told, "dkim_aligned", json_boolean(evaluation->dkim_aligned));
		if (evaluation->detail.length > 0)
			check_add(told, "detail", evaluation->detail);
		cli_print_json(told);
		json_decref(told);
		return;
	}
	struct text record = TEXT_LIMIT(8192);
	text_add_printable(&record, evaluation->record, 500);
	if (evaluation->record.length > 0)
		printf("  %.*s: %s\n", VIEW_PRINT(evaluation->record_name), text_cstring(&record));
	printf("  SPF %s aligned, DKIM %s aligned with %.*s", evaluation->spf_aligned ? "is" : "is not",
	       evaluation->dkim_aligned ? "is" : "is not", VIEW_PRINT(author));
	if (evaluation->organizational.length > 0)
		printf(" (organization %.*s)", VIEW_PRINT(evaluation->organizational));
	putchar('\n');
	printf("%s", result);
	if (evaluation->conclusion == DMARC_FAIL)
		printf(", policy %s", dmarc_policy_name(evaluation->applied));
	if (evaluation->detail.length > 0)
		printf(": %.*s", VIEW_PRINT(evaluation->detail));
	putchar('\n');
	text_deinit(&record);
}

/* RFC 9989 5.3.6: what would pass if DNS had answered has not failed. */
static void doubt(struct cli_resolver *resolver, struct identified *identified, struct arena *arena,
                  struct dmarc_evaluation *evaluation)
{
	struct dmarc_evaluation supposed;
	if (identified->untold.spf.length == 0 && identified->untold.dkim_count == 0)
		return;
	identified->untold.author = identified->passed.author;
	dmarc_evaluate(&resolver->txt, &identified->untold, arena, &supposed);
	if (supposed.conclusion == DMARC_FAIL)
		return;
	evaluation->conclusion = DMARC_TEMPERROR;
	evaluation->detail = VIEW("SPF or DKIM could not be judged, since DNS failed");
}

static enum outcome_code evaluate_dmarc(struct cli_resolver *resolver, const struct dmarc_question *question,
                                        struct arena *arena)
{
	const char *from = question->author;
	struct identified identified = { .passed = { .author = VIEW_NONE } };
	struct dmarc_evaluation evaluation;
	struct domain author;
	if (from != NULL) {
		identified.passed.author = identifier(view_of(from), arena);
		if (identified.passed.author.length == 0)
			return cli_fail(USAGE, "%s is neither an address nor a domain", from);
		if (!identify_by_options(resolver->cli, arena, &identified.passed))
			return USAGE;
	} else {
		if (!author_of(text_view(&question->message), arena, &author))
			return NO;
		identified.passed.author = arena_copy(arena, domain_view(&author));
		identify_by_message(resolver, question, arena, &identified);
	}
	dmarc_evaluate(&resolver->txt, &identified.passed, arena, &evaluation);
	if (evaluation.conclusion == DMARC_FAIL)
		doubt(resolver, &identified, arena, &evaluation);
	print_dmarc(resolver->cli, &identified.passed, &evaluation);
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
	question.has_client =
		cli_option(cli, "ip") != NULL || cli_option(cli, "mail-from") != NULL || cli_option(cli, "helo") != NULL;
	question.author = cli->argument_count > 0 ? cli->arguments[0] : cli_option(cli, "from");
	const bool by_name = question.author != NULL;
	const bool of_passed = cli_option(cli, "spf") != NULL || cli_option(cli, "dkim") != NULL;
	if (cli->argument_count > 0 && cli_option(cli, "from") != NULL)
		return cli_fail(USAGE, "one author will do: DOMAIN or --from ADDRESS");
	if (by_name ? question.has_client : of_passed)
		return cli_fail(USAGE, "%s",
		                by_name ? "--ip, --mail-from and --helo go with a message on stdin; of a domain --spf DOMAIN "
		                          "and --dkim DOMAIN say what passed"
		                        : "--spf and --dkim go with --from ADDRESS; of a message on stdin SPF is judged by "
		                          "--ip and --mail-from, DKIM by its signatures");
	bool good = !question.has_client || check_client(cli, "mail-from", &question.client);
	if (good && !by_name)
		good = message_read(&question.message);
	const enum outcome_code code = good ? cli_resolve(cli, run_dmarc, &question) : USAGE;
	text_deinit(&question.message);
	return code;
}

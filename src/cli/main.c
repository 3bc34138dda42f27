/* sealpost: the operator's command.
 *
 *   sealpost [--config FILE | --socket PATH] [--json] VERB ...
 *   sealpost --help
 */
#include "cli/cli.h"

#include <curl/curl.h>
#include <unistd.h>

#define QUEUE_FILTERS "[id=|account=|sender_domain=|recipient=|recipient_domain=|site=|state=]..."

const struct cli_verb cli_verbs[] = {
	{ "account", "add", "NAME [--password-stdin | --password-hash-stdin] [--label L]",
	  "add a user account; shows its password once, and its token", "password-stdin password-hash-stdin label=", 1, 1,
	  account_add },
	{ "account", "list", "", "all user accounts", NULL, 0, 0, account_list },
	{ "account", "show", "NAME", "one user account with its settings", NULL, 1, 1, account_show },
	{ "account", "set", "NAME KEY=VALUE...", "set its settings; an empty value takes the default again", NULL, 2,
	  CLI_ARGUMENTS_MOST, account_set },
	{ "account", "rotate", "NAME [--password-stdin | --password-hash-stdin]",
	  "a new password beside the present one; of two the older ends", "password-stdin password-hash-stdin", 1, 1,
	  account_act },
	{ "account", "suspend", "NAME [--reason R]", "no logins, and what is queued stays", "reason=", 1, 1,
	  account_act },
	{ "account", "resume", "NAME", "ends a suspension", NULL, 1, 1, account_act },
	{ "account", "hold", "NAME [--reason R]", "mail is accepted and kept", "reason=", 1, 1, account_act },
	{ "account", "release", "NAME", "ends a hold", NULL, 1, 1, account_act },
	{ "account", "remove", "NAME", "remove it; its name is never used again", NULL, 1, 1, account_remove },
	{ "domain", "add", "DOMAIN [--key FILE --selector S]",
	  "make keys for a domain, or bring one (PEM; - is standard input)", "key= selector=", 1, 1, domain_add },
	{ "domain", "list", "", "all domains with keys here", NULL, 0, 0, domain_list },
	{ "domain", "show", "DOMAIN", "one domain", NULL, 1, 1, domain_show },
	{ "domain", "records", "DOMAIN --account NAME [--format text|zone|json]", "the DNS records its owner publishes",
	  "account= format=", 1, 1, domain_records },
	{ "domain", "check", "DOMAIN [--account NAME]", "what DNS says of it, and how to mend that", "account=", 1, 1,
	  domain_check },
	{ "domain", "remove", "DOMAIN", "remove its keys", NULL, 1, 1, domain_remove },
	{ "queue", "summary", "", "what waits, summed up", NULL, 0, 0, queue_summary_show },
	{ "queue", "list", QUEUE_FILTERS " [--limit N]", "what waits, by recipient", "limit=", 0, 8, queue_list_show },
	{ "queue", "show", "ID", "the recipients of one message that wait", NULL, 1, 1, queue_show },
	{ "queue", "retry", QUEUE_FILTERS " | --all", "try now", "all reason=", 0, 8, queue_act_on },
	{ "queue", "hold", QUEUE_FILTERS " | --all [--reason R]", "keep until released", "all reason=", 0, 8,
	  queue_act_on },
	{ "queue", "release", QUEUE_FILTERS " | --all", "end a hold", "all reason=", 0, 8, queue_act_on },
	{ "queue", "cancel", QUEUE_FILTERS " | --all [--reason R]", "give up for good; no notice is sent",
	  "all reason=", 0, 8, queue_act_on },
	{ "queue", "export", QUEUE_FILTERS, "every recipient that waits, a line of JSON each", NULL, 0, 8, queue_export },
	{ "queue", "check", "", "verify what is stored", NULL, 0, 0, queue_verify },
	{ "messages", "search", "[account=|recipient=|sender=|domain=|since=|until=]... [--limit N]",
	  "what ended, newest first; since=2h, since=2026-11-23T10:00:00Z", "limit=", 0, 8, messages_search },
	{ "trace", NULL, "ID [--content]", "one message's whole story", "content", 1, 1, message_trace },
	{ "events", NULL, "[--follow]", "what happened of late; with --follow what happens", "follow", 0, 0,
	  events_show },
	{ "service", "records", "[--format text|zone|json]", "what the service's own zone should hold", "format=", 0, 0,
	  service_records },
	{ "service", "status", "", "version and rooms", NULL, 0, 0, service_status },
	{ "service", "reload", "", "have the configuration read again", NULL, 0, 0, service_reload },
	{ "config", "check", "", "check the configuration; needs no daemon", NULL, 0, 0, config_check },
	{ "config", "show", "", "all settings in force; needs no daemon", NULL, 0, 0, config_show },
	{ "config", "schema", "", "the JSON Schema, for editors; needs no daemon", NULL, 0, 0, config_schema },
	{ "send", NULL,
	  "--account NAME (--password-stdin | --password-file FILE) [--from A] --to A[,A...]\n"
	  "                [--server HOST:PORT] [--ca-file FILE | --insecure] < message",
	  "send a message through the relay, as a mail program would",
	  "account= password-stdin password-file= from= to= server= ca-file= insecure", 0, 0, message_send },
};
const size_t cli_verb_count = sizeof(cli_verbs) / sizeof(cli_verbs[0]);

static bool colour_is_wanted(void)
{
	const char *none = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");
	return isatty(STDOUT_FILENO) == 1 && (none == NULL || none[0] == '\0') &&
	       (terminal == NULL || !view_equal(view_of(terminal), VIEW("dumb")));
}

static enum outcome_code show_help(const struct cli *cli, FILE *file)
{
	struct text text = TEXT_LIMIT(65536);
	if (cli->verb == NULL)
		cli_write_usage(&text);
	else
		cli_write_help(cli->verb, &text);
	fputs(text_cstring(&text), file);
	text_deinit(&text);
	return DONE;
}

static enum outcome_code run(struct cli *cli, int count, char **words)
{
	struct text problem = TEXT_LIMIT(4096);
	const bool good = cli_read(cli, count, words, &problem);
	if (!good) {
		cli_fail(USAGE, "%s", text_cstring(&problem));
		if (cli->verb != NULL)
			fprintf(stderr, "usage: sealpost %s%s%s %s\n", cli->verb->noun, cli->verb->verb == NULL ? "" : " ",
			        cli->verb->verb == NULL ? "" : cli->verb->verb, cli->verb->arguments);
	}
	text_deinit(&problem);
	if (!good)
		return USAGE;
	if (cli->help)
		return show_help(cli, stdout);
	if (cli->verb == NULL) {
		show_help(cli, stderr);
		return USAGE;
	}
	return cli->verb->run(cli);
}

int main(int argc, char **argv)
{
	if (argc == 2 && view_equal(view_of(argv[1]), VIEW("--version"))) {
		puts("sealpost " SEALPOST_VERSION);
		return DONE;
	}
	struct cli cli = { .config_path = "/etc/sealpost/sealpost.yaml", .colour = colour_is_wanted() };
	curl_global_init(CURL_GLOBAL_DEFAULT);
	const enum outcome_code code = run(&cli, argc - 1, argv + 1);
	client_end(&cli);
	curl_global_cleanup();
	if (fflush(stdout) != 0 || ferror(stdout) != 0)
		return cli_fail(NO, "standard output could not be written");
	return (int)code;
}

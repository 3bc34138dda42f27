/* sealpost: the operator's command.
 *
 *   sealpost [--config FILE | --socket PATH] [--json] VERB ...
 *   sealpost --help | --version
 */
#include "cli/cli.h"

#include <curl/curl.h>
#include <unistd.h>

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
		cli_write_usage(cli->argument_count > 0 ? cli->arguments[0] : NULL, &text);
	else
		cli_write_help(cli->verb, &text);
	fputs(text_cstring(&text), file);
	text_deinit(&text);
	return DONE;
}

static void show_form(const struct cli_verb *verb)
{
	struct text text = TEXT_LIMIT(4096);
	cli_write_form(verb, &text);
	fputs(text_cstring(&text), stderr);
	text_deinit(&text);
}

static enum outcome_code run(struct cli *cli, int count, const char *const *words)
{
	struct text problem = TEXT_LIMIT(4096);
	const bool good = cli_read(cli, count, words, &problem);
	if (!good) {
		cli_fail(USAGE, "%s", text_cstring(&problem));
		if (cli->verb != NULL)
			show_form(cli->verb);
	}
	text_deinit(&problem);
	if (!good)
		return USAGE;
	if (cli->version) {
		puts("sealpost " SEALPOST_VERSION);
		return DONE;
	}
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
	struct cli cli = { .config_path = "/etc/sealpost/sealpost.yaml", .colour = colour_is_wanted() };
	curl_global_init(CURL_GLOBAL_DEFAULT);
	const int code = (int)run(&cli, argc - 1, (const char *const *)argv + 1);
	client_end(&cli);
	curl_global_cleanup();
	if (fflush(stdout) != 0 || ferror(stdout) != 0)
		return (int)cli_fail(NO, "standard output could not be written");
	return code;
}

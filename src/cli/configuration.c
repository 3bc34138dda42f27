/* sealpost config ...: without the daemon. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static json_t *problem_rows(const struct config_problems *problems)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < problems->count; i++) {
		const struct config_problem *row = &problems->rows[i];
		json_array_append_new(rows, json_pack("{sI sI ss% ss% sb}", "line", (json_int_t)row->line, "column",
		                                      (json_int_t)row->column, "key", row->key.data, row->key.length,
		                                      "message", row->message.data, row->message.length, "warning",
		                                      (int)problems->is_warning[i]));
	}
	return rows;
}

static enum outcome_code check_text(const struct cli *cli, struct view yaml)
{
	struct config_problems problems = { 0 };
	struct text complaints = TEXT_LIMIT(1024 * 1024);
	struct config *config = config_parse(yaml, cli->config_path, &problems);
	const bool good = config != NULL;
	if (cli->json) {
		json_t *told =
			json_pack("{ss sb so}", "file", cli->config_path, "good", (int)good, "problems", problem_rows(&problems));
		cli_print_json(told);
		json_decref(told);
	} else {
		config_problems_write(&problems, cli->config_path, &complaints);
		fputs(text_cstring(&complaints), stderr);
		if (good)
			printf("%s: good\n", cli->config_path);
	}
	config_free(config);
	config_problems_deinit(&problems);
	text_deinit(&complaints);
	return good ? DONE : NO;
}

enum outcome_code config_check(struct cli *cli)
{
	struct text yaml = TEXT_LIMIT(4 * 1024 * 1024);
	enum outcome_code result;
	const int descriptor = open(cli->config_path, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0 || !file_read_all(descriptor, &yaml))
		result = cli_fail(NO, "cannot read %s: %s; --config FILE names another configuration", cli->config_path,
		                  strerror(errno));
	else
		result = check_text(cli, text_view(&yaml));
	if (descriptor >= 0)
		close(descriptor);
	text_deinit(&yaml);
	return result;
}

enum outcome_code config_show(struct cli *cli)
{
	struct config *config = cli_read_config(cli);
	if (config == NULL)
		return NO;
	struct text text = TEXT_LIMIT(1024 * 1024);
	if (cli->json) {
		config_write_effective_json(config, &text);
		text_add_byte(&text, '\n');
	} else {
		config_write_effective(config, &text);
	}
	fputs(text_cstring(&text), stdout);
	text_deinit(&text);
	config_free(config);
	return DONE;
}

enum outcome_code config_schema(struct cli *cli)
{
	(void)cli;
	struct text schema = TEXT_LIMIT(1024 * 1024);
	config_write_schema(&schema);
	puts(text_cstring(&schema));
	text_deinit(&schema);
	return DONE;
}

/* What a verb reads: standard input, the configuration. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

bool file_read_all(int descriptor, struct text *into)
{
	enum { CHUNK = 65536 };
	for (;;) {
		const size_t left = into->limit - into->length;
		char byte;
		if (left == 0) {
			errno = EFBIG;
			return read(descriptor, &byte, 1) == 0;
		}
		const size_t most = left < CHUNK ? left : CHUNK;
		char *room = text_room(into, most);
		const ssize_t length = read(descriptor, room, most);
		if (length <= 0)
			return length == 0;
		text_extend(into, (size_t)length);
	}
}

void input_announce(const char *what)
{
	if (isatty(STDIN_FILENO) == 1)
		fprintf(stderr, "sealpost: reading %s from standard input (Ctrl-D ends it)\n", what);
}

bool file_read(const char *path, struct text *into)
{
	const bool is_input = view_equal(view_of(path), VIEW("-"));
	if (is_input)
		input_announce("what is given");
	const int descriptor = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	const bool good = descriptor >= 0 && file_read_all(descriptor, into);
	if (!good)
		cli_fail(USAGE, "cannot read %s: %s", path, strerror(errno));
	if (descriptor >= 0 && !is_input)
		close(descriptor);
	return good;
}

void lines_to_crlf(struct view rest, struct text *message)
{
	while (rest.length > 0) {
		const size_t newline = view_find_byte(rest, '\n');
		const struct view line = view_first(rest, newline);
		rest = newline == VIEW_NOT_FOUND ? VIEW_NONE : view_from(rest, newline + 1);
		text_add(message, view_ends(line, VIEW("\r")) ? view_first(line, line.length - 1) : line);
		if (newline != VIEW_NOT_FOUND)
			text_add(message, VIEW("\r\n"));
	}
}

bool message_read(struct text *message)
{
	struct text raw = TEXT_LIMIT(INPUT_MOST);
	input_announce("the message");
	const bool good = file_read_all(STDIN_FILENO, &raw);
	if (!good && errno == EFBIG)
		cli_fail(USAGE, "the message on standard input is larger than %d MiB", INPUT_MOST / (1024 * 1024));
	else if (!good)
		cli_fail(USAGE, "cannot read the message from standard input: %s", strerror(errno));
	else
		lines_to_crlf(text_view(&raw), message);
	text_deinit(&raw);
	return good;
}

/* Byte by byte: what follows the line belongs to whoever reads next. */
bool password_read(struct text *password)
{
	char byte;
	input_announce("a line");
	while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n')
		if (!text_add_byte(password, byte))
			break;
	if (password->length > 0 && password->data[password->length - 1] == '\r')
		text_truncate(password, password->length - 1);
	if (password->length > 0 && !password->overflow)
		return true;
	cli_fail(USAGE, "standard input should hold one line, of at most %zu bytes", password->limit);
	return false;
}

struct config *cli_read_config(const struct cli *cli)
{
	struct text yaml = TEXT_LIMIT(4 * 1024 * 1024);
	const int descriptor = open(cli->config_path, O_RDONLY | O_CLOEXEC);
	struct config *config = NULL;
	if (descriptor < 0 || !file_read_all(descriptor, &yaml)) {
		cli_fail(NO, "cannot read %s: %s; --config FILE names another configuration", cli->config_path,
		         strerror(errno));
	} else {
		struct config_problems problems = { 0 };
		struct text complaints = TEXT_LIMIT(1024 * 1024);
		config = config_parse(text_view(&yaml), cli->config_path, &problems);
		if (config == NULL) {
			config_problems_write(&problems, cli->config_path, &complaints);
			fputs(text_cstring(&complaints), stderr);
		}
		text_deinit(&complaints);
		config_problems_deinit(&problems);
	}
	if (descriptor >= 0)
		close(descriptor);
	text_deinit(&yaml);
	return config;
}

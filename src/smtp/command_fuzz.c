#include "smtp/command.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void within(struct view part, struct view whole)
{
	must(part.length == 0 || (part.data >= whole.data && part.data + part.length <= whole.data + whole.length));
}

/* What is lent lies within the line; a path has its brackets, a keyword its letters. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view line = view_bytes(data, size);
	struct smtp_command command;
	const enum command_result result = smtp_command_parse(line, &command);
	within(command.argument, line);
	within(command.path, line);
	must(command.parameter_count <= SMTP_PARAMETERS_MOST);
	must((result == COMMAND_UNKNOWN) == (command.verb == SMTP_UNKNOWN));
	must(smtp_verb_name(command.verb).length > 0);
	if (command.path.length > 0)
		must(view_starts(command.path, VIEW("<")) && view_ends(command.path, VIEW(">")));
	for (size_t i = 0; i < command.parameter_count; i++) {
		must(command.parameters[i].keyword.length > 0);
		within(command.parameters[i].keyword, line);
		within(command.parameters[i].value, line);
		must(view_find_byte(command.parameters[i].value, ' ') == VIEW_NOT_FOUND);
	}
	if (result == COMMAND_OK && (command.verb == SMTP_MAIL || command.verb == SMTP_RCPT))
		must(command.path.length >= 2);
	return 0;
}

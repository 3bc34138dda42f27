#include "smtp/command.h"

static const struct view verb_names[SMTP_VERB_COUNT] = {
#define VERB(name, text) [SMTP_##name] = VIEW_INIT(text),
	SMTP_VERBS(VERB)
#undef VERB
		[SMTP_HTTP] = VIEW_INIT("HTTP"),
	[SMTP_UNKNOWN] = VIEW_INIT("?"),
};

static const struct view http_verbs[] = {
	VIEW_INIT("GET"),    VIEW_INIT("POST"),    VIEW_INIT("PUT"),     VIEW_INIT("HEAD"),
	VIEW_INIT("DELETE"), VIEW_INIT("CONNECT"), VIEW_INIT("OPTIONS"), VIEW_INIT("PATCH"),
};

struct view smtp_verb_name(enum smtp_verb verb)
{
	return verb_names[verb];
}

static size_t word_length(struct view text)
{
	size_t length = 0;
	while (length < text.length && !byte_is_blank(text.data[length]))
		length++;
	return length;
}

static enum smtp_verb verb_of(struct view word)
{
	for (unsigned i = 0; i < SMTP_HTTP; i++)
		if (view_equal_nocase(word, verb_names[i]))
			return (enum smtp_verb)i;
	for (size_t i = 0; i < sizeof(http_verbs) / sizeof(http_verbs[0]); i++)
		if (view_equal(word, http_verbs[i]))
			return SMTP_HTTP;
	return SMTP_UNKNOWN;
}

/* The path's length, brackets and all: a quoted string may hold the closing one (RFC 5321 4.1.2). 0: not a path. */
static size_t path_length(struct view text)
{
	bool quoted = false;
	if (text.length == 0 || text.data[0] != '<')
		return 0;
	for (size_t i = 1; i < text.length; i++) {
		const char byte = text.data[i];
		if (quoted && byte == '\\')
			i++;
		else if (byte == '"')
			quoted = !quoted;
		else if (byte == '>' && !quoted)
			return i + 1;
	}
	return 0;
}

static bool keyword_is_good(struct view keyword)
{
	for (size_t i = 0; i < keyword.length; i++)
		if (!byte_is_alnum(keyword.data[i]) && (keyword.data[i] != '-' || i == 0))
			return false;
	return keyword.length > 0;
}

static enum command_result parse_parameters(struct view rest, struct smtp_command *command)
{
	while (rest.length > 0) {
		if (!byte_is_blank(rest.data[0]))
			return COMMAND_SYNTAX; /* something hangs on to the closing bracket */
		rest = view_trim(rest);
		const struct view word = view_first(rest, word_length(rest));
		rest = view_from(rest, word.length);
		if (word.length == 0)
			break;
		if (command->parameter_count == SMTP_PARAMETERS_MOST)
			return COMMAND_SYNTAX;
		const size_t equals = view_find_byte(word, '=');
		const struct smtp_parameter parameter = {
			.keyword = view_first(word, equals),
			.value = equals == VIEW_NOT_FOUND ? VIEW_NONE : view_from(word, equals + 1),
		};
		if (!keyword_is_good(parameter.keyword))
			return COMMAND_SYNTAX;
		command->parameters[command->parameter_count++] = parameter;
	}
	return COMMAND_OK;
}

/* "FROM:<path> parameters"; a blank after the colon is a usual mistake that RFC 5321 3.3 forbids and all take. */
static enum command_result parse_path(struct smtp_command *command, struct view word)
{
	if (!view_starts_nocase(command->argument, word))
		return COMMAND_SYNTAX;
	struct view rest = view_from(command->argument, word.length);
	while (rest.length > 0 && rest.data[0] == ' ')
		rest = view_from(rest, 1);
	const size_t length = path_length(rest);
	if (length == 0)
		return COMMAND_SYNTAX;
	command->path = view_first(rest, length);
	return parse_parameters(view_from(rest, length), command);
}

enum command_result smtp_command_parse(struct view line, struct smtp_command *command)
{
	static const enum {
		ANY,
		NEEDED,
		FORBIDDEN
	} arguments[SMTP_VERB_COUNT] = {
		[SMTP_EHLO] = NEEDED,        [SMTP_HELO] = NEEDED,    [SMTP_DATA] = FORBIDDEN,
		[SMTP_RSET] = FORBIDDEN,     [SMTP_QUIT] = FORBIDDEN, [SMTP_AUTH] = NEEDED,
		[SMTP_STARTTLS] = FORBIDDEN, [SMTP_VRFY] = NEEDED,    [SMTP_EXPN] = NEEDED,
	};
	const struct view word = view_first(line, word_length(line));
	*command = (struct smtp_command){
		.verb = verb_of(word),
		.argument = view_trim(view_from(line, word.length)),
	};
	if (command->verb == SMTP_UNKNOWN)
		return COMMAND_UNKNOWN;
	if (command->verb == SMTP_MAIL)
		return parse_path(command, VIEW("FROM:"));
	if (command->verb == SMTP_RCPT)
		return parse_path(command, VIEW("TO:"));
	if (arguments[command->verb] == NEEDED && command->argument.length == 0)
		return COMMAND_NO_ARGUMENT;
	if (arguments[command->verb] == FORBIDDEN && command->argument.length > 0)
		return COMMAND_ARGUMENT;
	return COMMAND_OK;
}

/* The command line against the table of verbs. */
#include "cli/cli.h"

static bool is_word(const char *word, const char *wanted)
{
	return wanted != NULL && view_equal(view_of(word), view_of(wanted));
}

static bool noun_is_known(const char *noun)
{
	for (size_t i = 0; i < cli_verb_count; i++)
		if (is_word(noun, cli_verbs[i].noun))
			return true;
	return false;
}

/* words[0] is the noun. */
static const struct cli_verb *find_verb(const char *const *words, size_t count)
{
	for (size_t i = 0; i < cli_verb_count; i++) {
		const struct cli_verb *verb = &cli_verbs[i];
		if (is_word(words[0], verb->noun) && (verb->verb == NULL || (count > 1 && is_word(words[1], verb->verb))))
			return verb;
	}
	return NULL;
}

static void add_verb_name(const struct cli_verb *verb, struct text *text)
{
	text_add(text, view_of(verb->noun));
	if (verb->verb != NULL)
		text_print(text, " %s", verb->verb);
}

static void add_verbs_of(const char *noun, struct text *text)
{
	bool first = true;
	for (size_t i = 0; i < cli_verb_count; i++) {
		if (!is_word(noun, cli_verbs[i].noun))
			continue;
		text_print(text, "%s%s", first ? "" : ", ", cli_verbs[i].verb == NULL ? "" : cli_verbs[i].verb);
		first = false;
	}
}

/* Whoever leaves out the noun, or puts it behind, means one of these. */
static void add_verbs_named(const char *word, struct text *text)
{
	bool first = true;
	for (size_t i = 0; i < cli_verb_count; i++) {
		if (!is_word(word, cli_verbs[i].verb))
			continue;
		text_add(text, first ? VIEW("; perhaps: ") : VIEW(", "));
		add_verb_name(&cli_verbs[i], text);
		first = false;
	}
}

static bool explain_words(const char *const *words, size_t count, struct text *problem)
{
	if (!noun_is_known(words[0])) {
		text_print(problem, "%s is no verb; sealpost --help lists them", words[0]);
		add_verbs_named(words[0], problem);
		return false;
	}
	if (count > 1)
		text_print(problem, "%s knows no %s; there are: ", words[0], words[1]);
	else
		text_print(problem, "%s what? There are: ", words[0]);
	add_verbs_of(words[0], problem);
	return false;
}

/* The verb's own row for an option: 0 not known, 1 without a value, 2 with one. */
static unsigned option_kind(const struct cli_verb *verb, struct view name)
{
	struct view rest = view_of(verb->options == NULL ? "" : verb->options);
	struct view row;
	while (view_split(&rest, ' ', &row)) {
		const bool takes = view_ends(row, VIEW("="));
		if (row.length > 0 && view_equal(takes ? view_first(row, row.length - 1) : row, name))
			return takes ? 2 : 1;
	}
	return 0;
}

/* Those that every verb takes. */
static bool read_global(struct cli *cli, struct view name, const char *value, bool *takes_value)
{
	*takes_value = view_equal(name, VIEW("config")) || view_equal(name, VIEW("socket"));
	if (view_equal(name, VIEW("config"))) {
		cli->config_path = value;
		cli->config_given = true;
	} else if (view_equal(name, VIEW("socket"))) {
		cli->socket_path = value;
	} else if (view_equal(name, VIEW("json"))) {
		cli->json = true;
	} else if (view_equal(name, VIEW("help"))) {
		cli->help = true;
	} else if (view_equal(name, VIEW("version"))) {
		cli->version = true;
	} else {
		return false;
	}
	return true;
}

/* What stands between: "--name", "--name VALUE" or "--name=VALUE". */
struct option_word {
	struct view name;
	const char *value; /* after the sign, or the next word; NULL: neither */
	bool joined;
};

static struct option_word option_word(const char *word, const char *next)
{
	const struct view whole = view_from(view_of(word), 2);
	const size_t sign = view_find_byte(whole, '=');
	if (sign == VIEW_NOT_FOUND)
		return (struct option_word){ .name = whole, .value = next };
	return (struct option_word){ .name = view_first(whole, sign), .value = whole.data + sign + 1, .joined = true };
}

static bool value_fits(const struct option_word *word, bool takes_value, struct text *problem)
{
	if (takes_value && word->value == NULL)
		text_print(problem, "--%.*s needs a value", VIEW_PRINT(word->name));
	else if (!takes_value && word->joined)
		text_print(problem, "--%.*s takes no value", VIEW_PRINT(word->name));
	else
		return true;
	return false;
}

static bool read_own(struct cli *cli, const struct option_word *word, bool *takes_value, struct text *problem)
{
	const unsigned kind = option_kind(cli->verb, word->name);
	*takes_value = kind == 2;
	if (kind == 0) {
		add_verb_name(cli->verb, problem);
		text_print(problem, " has no option --%.*s", VIEW_PRINT(word->name));
		return false;
	}
	if (cli->option_count == CLI_OPTIONS_MOST) {
		text_add(problem, VIEW("too many options"));
		return false;
	}
	cli->options[cli->option_count++] = (struct cli_option){
		.name = word->name,
		.value = *takes_value ? word->value : "",
	};
	return true;
}

/* *takes_next: the next word was its value. */
static bool read_option(struct cli *cli, const char *given, const char *next, bool *takes_next, struct text *problem)
{
	bool takes_value = false;
	if (!view_starts(view_of(given), VIEW("--"))) {
		text_print(problem, "%s is no option: those begin with --; before what else begins with - stands -- alone",
		           given);
		return false;
	}
	const struct option_word word = option_word(given, next);
	if (!read_global(cli, word.name, word.value, &takes_value)) {
		if (cli->verb == NULL) {
			text_print(problem, "--%.*s is unknown, or belongs after the verb", VIEW_PRINT(word.name));
			return false;
		}
		if (!read_own(cli, &word, &takes_value, problem))
			return false;
	}
	*takes_next = takes_value && !word.joined;
	return value_fits(&word, takes_value, problem);
}

/* One or two words name the verb, all others are its arguments. */
static bool read_argument(struct cli *cli, const char *word, struct text *problem)
{
	/* What many type first; as good as --help. */
	if (cli->verb == NULL && cli->argument_count == 0 && !cli->help && is_word(word, "help")) {
		cli->help = true;
		return true;
	}
	if (cli->argument_count == CLI_ARGUMENTS_MOST) {
		text_add(problem, VIEW("too many arguments"));
		return false;
	}
	cli->arguments[cli->argument_count++] = word;
	if (cli->verb != NULL)
		return true;
	cli->verb = find_verb(cli->arguments, cli->argument_count);
	if (cli->verb != NULL)
		cli->argument_count = 0;
	else if (cli->argument_count == 2 || !noun_is_known(word))
		return explain_words(cli->arguments, cli->argument_count, problem);
	return true;
}

static bool read_words(struct cli *cli, int count, const char *const *words, struct text *problem)
{
	bool only_arguments = false;
	for (int i = 0; i < count; i++) {
		const struct view word = view_of(words[i]);
		bool good = true;
		bool takes_next = false;
		if (only_arguments || word.length < 2 || word.data[0] != '-')
			good = read_argument(cli, words[i], problem);
		else if (view_equal(word, VIEW("--")))
			only_arguments = true;
		else if (view_equal(word, VIEW("-h")))
			cli->help = true;
		else
			good = read_option(cli, words[i], i + 1 < count ? words[i + 1] : NULL, &takes_next, problem);
		if (!good)
			return false;
		i += takes_next ? 1 : 0;
	}
	return true;
}

/* What usage calls the argument of that number. */
static struct view argument_name(const struct cli_verb *verb, size_t number)
{
	struct view rest = view_of(verb->arguments);
	struct view word = VIEW_NONE;
	for (size_t i = 0; i <= number; i++)
		view_split(&rest, ' ', &word);
	return word;
}

/* A name and an id are a part of a question's path, which would be another path without them. */
static bool lacks_name(const struct cli *cli)
{
	const struct view first = argument_name(cli->verb, 0);
	return (view_starts(first, VIEW("NAME")) || view_starts(first, VIEW("ID"))) && cli->arguments[0][0] == '\0';
}

static void tell_surplus(const struct cli_verb *verb, const char *word, struct text *problem)
{
	if (view_find(view_of(verb->arguments), VIEW("< ")) != VIEW_NOT_FOUND)
		text_print(problem, "%s is too much; a file comes on standard input: < %s", word, word);
	else
		text_print(problem, "%s is too much; quote what has blanks", word);
}

bool cli_read(struct cli *cli, int count, const char *const *words, struct text *problem)
{
	if (!read_words(cli, count, words, problem))
		return false;
	if (cli->help || cli->version)
		return true;
	if (cli->verb == NULL)
		return cli->argument_count == 0 || explain_words(cli->arguments, cli->argument_count, problem);
	if (cli->argument_count < cli->verb->least)
		text_print(problem, "an argument is missing: %.*s",
		           VIEW_PRINT(argument_name(cli->verb, cli->argument_count)));
	else if (cli->argument_count > cli->verb->most)
		tell_surplus(cli->verb, cli->arguments[cli->verb->most], problem);
	else if (lacks_name(cli))
		text_print(problem, "an argument is empty: %.*s", VIEW_PRINT(argument_name(cli->verb, 0)));
	return problem->length == 0;
}

/* ---- help */

enum { LINE_MOST = 80, HELP_COLUMN = 20 };

/* As many characters of the words as are not parted: an option's value, which is in capitals, stays with the option.
 */
static size_t unparted_length(struct view words)
{
	size_t end = 0;
	for (;;) {
		const size_t blank = view_find_byte(view_from(words, end), ' ');
		if (blank == VIEW_NOT_FOUND)
			return words.length;
		end += blank;
		const struct view rest = view_from(words, end + 1);
		if (rest.length == 0 || rest.data[0] < 'A' || rest.data[0] > 'Z')
			return end;
		end++;
	}
}

/* Goes on at column; further lines begin at indent. */
static void write_wrapped(struct view words, size_t column, size_t indent, struct text *text)
{
	while (words.length > 0) {
		const size_t length = unparted_length(words);
		if (column > indent && column + 1 + length > LINE_MOST) {
			text_print(text, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			text_add_byte(text, ' ');
			column++;
		}
		text_add(text, view_first(words, length));
		column += length;
		words = view_from(words, length < words.length ? length + 1 : length);
	}
	text_add_byte(text, '\n');
}

void cli_write_form(const struct cli_verb *verb, struct text *text)
{
	enum { INDENT = 4 };
	const size_t begin = text->length;
	text_add(text, VIEW("usage: sealpost "));
	add_verb_name(verb, text);
	write_wrapped(view_of(verb->arguments), text->length - begin, INDENT, text);
}

static const char global_options[] =
	"\nWith every verb:\n"
	"  --config FILE  the daemon's configuration, to find its socket\n"
	"                 (/etc/sealpost/sealpost.yaml)\n"
	"  --socket PATH  the socket itself\n"
	"  --json         for programs\n"
	"  --help         of this verb\n"
	"\nExit codes: 0 done, yes; 1 no, not ready; 2 wrong command line; 3 the daemon\n"
	"could not be reached; 4 could not tell, because DNS failed.\n";

void cli_write_usage(const char *noun, struct text *text)
{
	text_add(text, VIEW("usage: sealpost [--config FILE | --socket PATH] [--json] VERB ...\n\n"));
	for (size_t i = 0; i < cli_verb_count; i++) {
		const struct cli_verb *verb = &cli_verbs[i];
		const size_t begin = text->length;
		if (noun != NULL && !is_word(noun, verb->noun))
			continue;
		text_add(text, VIEW("  "));
		add_verb_name(verb, text);
		while (text->length - begin < HELP_COLUMN)
			text_add_byte(text, ' ');
		write_wrapped(view_of(verb->help), HELP_COLUMN, HELP_COLUMN, text);
	}
	text_add(text, view_of(global_options));
}

void cli_write_help(const struct cli_verb *verb, struct text *text)
{
	cli_write_form(verb, text);
	text_add_byte(text, '\n');
	write_wrapped(view_of(verb->help), 0, 0, text);
	text_add(text, view_of(global_options));
}

const char *cli_option(const struct cli *cli, const char *name)
{
	for (size_t i = 0; i < cli->option_count; i++)
		if (view_equal(cli->options[i].name, view_of(name)))
			return cli->options[i].value;
	return NULL;
}

bool cli_limit(const struct cli *cli, size_t fallback, size_t *limit)
{
	const char *given = cli_option(cli, "limit");
	uint64_t number = fallback;
	if (given != NULL && (!view_to_u64(view_of(given), &number) || number == 0)) {
		cli_fail(USAGE, "--limit is a number, at least 1");
		return false;
	}
	*limit = number;
	return true;
}

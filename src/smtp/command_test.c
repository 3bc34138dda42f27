#include "smtp/command.h"

#include "base/testing.h"
#include "base/text.h"

static const struct command_case {
	const char *name;
	struct view line;
	enum command_result result;
	enum smtp_verb verb;
	struct view argument;
} command_cases[] = {
	{ "EHLO", VIEW_INIT("EHLO a.example"), COMMAND_OK, SMTP_EHLO, VIEW_INIT("a.example") },
	{ "in lower case", VIEW_INIT("ehlo a.example"), COMMAND_OK, SMTP_EHLO, VIEW_INIT("a.example") },
	{ "EHLO with a literal", VIEW_INIT("EHLO [IPv6:::1]"), COMMAND_OK, SMTP_EHLO, VIEW_INIT("[IPv6:::1]") },
	{ "EHLO alone", VIEW_INIT("EHLO"), COMMAND_NO_ARGUMENT, SMTP_EHLO, { 0 } },
	{ "EHLO and blanks", VIEW_INIT("EHLO  \t "), COMMAND_NO_ARGUMENT, SMTP_EHLO, { 0 } },
	{ "HELO and a tab", VIEW_INIT("HELO\ta.example "), COMMAND_OK, SMTP_HELO, VIEW_INIT("a.example") },
	{ "QUIT", VIEW_INIT("QUIT"), COMMAND_OK, SMTP_QUIT, { 0 } },
	{ "blanks behind", VIEW_INIT("QUIT   "), COMMAND_OK, SMTP_QUIT, { 0 } },
	{ "QUIT now", VIEW_INIT("QUIT now"), COMMAND_ARGUMENT, SMTP_QUIT, VIEW_INIT("now") },
	{ "DATA now", VIEW_INIT("DATA x"), COMMAND_ARGUMENT, SMTP_DATA, VIEW_INIT("x") },
	{ "STARTTLS now", VIEW_INIT("STARTTLS x"), COMMAND_ARGUMENT, SMTP_STARTTLS, VIEW_INIT("x") },
	{ "RSET", VIEW_INIT("rSeT"), COMMAND_OK, SMTP_RSET, { 0 } },
	{ "NOOP with text", VIEW_INIT("NOOP anything"), COMMAND_OK, SMTP_NOOP, VIEW_INIT("anything") },
	{ "NOOP", VIEW_INIT("NOOP"), COMMAND_OK, SMTP_NOOP, { 0 } },
	{ "HELP", VIEW_INIT("HELP MAIL"), COMMAND_OK, SMTP_HELP, VIEW_INIT("MAIL") },
	{ "VRFY alone", VIEW_INIT("VRFY"), COMMAND_NO_ARGUMENT, SMTP_VRFY, { 0 } },
	{ "EXPN", VIEW_INIT("EXPN list"), COMMAND_OK, SMTP_EXPN, VIEW_INIT("list") },
	{ "AUTH", VIEW_INIT("AUTH PLAIN AGEAYg=="), COMMAND_OK, SMTP_AUTH, VIEW_INIT("PLAIN AGEAYg==") },
	{ "AUTH alone", VIEW_INIT("AUTH"), COMMAND_NO_ARGUMENT, SMTP_AUTH, { 0 } },
	{ "nothing", VIEW_INIT(""), COMMAND_UNKNOWN, SMTP_UNKNOWN, { 0 } },
	{ "blank first", VIEW_INIT(" QUIT"), COMMAND_UNKNOWN, SMTP_UNKNOWN, VIEW_INIT("QUIT") },
	{ "unknown", VIEW_INIT("XYZZY plugh"), COMMAND_UNKNOWN, SMTP_UNKNOWN, VIEW_INIT("plugh") },
	{ "a verb's beginning", VIEW_INIT("QUI"), COMMAND_UNKNOWN, SMTP_UNKNOWN, { 0 } },
	{ "a verb and more", VIEW_INIT("QUITX"), COMMAND_UNKNOWN, SMTP_UNKNOWN, { 0 } },
	{ "not a verb", VIEW_INIT("HTTP x"), COMMAND_UNKNOWN, SMTP_UNKNOWN, VIEW_INIT("x") },
	{ "question mark", VIEW_INIT("?"), COMMAND_UNKNOWN, SMTP_UNKNOWN, { 0 } },
	{ "browser", VIEW_INIT("GET / HTTP/1.1"), COMMAND_OK, SMTP_HTTP, VIEW_INIT("/ HTTP/1.1") },
	{ "browser's form", VIEW_INIT("POST / HTTP/1.0"), COMMAND_OK, SMTP_HTTP, VIEW_INIT("/ HTTP/1.0") },
	{ "proxy", VIEW_INIT("CONNECT a:25 HTTP/1.1"), COMMAND_OK, SMTP_HTTP, VIEW_INIT("a:25 HTTP/1.1") },
	{ "no browser's case", VIEW_INIT("get /"), COMMAND_UNKNOWN, SMTP_UNKNOWN, VIEW_INIT("/") },
	{ "a header field", VIEW_INIT("Host: a.example"), COMMAND_UNKNOWN, SMTP_UNKNOWN, VIEW_INIT("a.example") },
};

/* parameters: as written back, "KEYWORD=value;KEYWORD;". */
static const struct path_case {
	const char *name;
	struct view line;
	enum command_result result;
	struct view path, parameters;
} path_cases[] = {
	{ "plain", VIEW_INIT("MAIL FROM:<a@b.example>"), COMMAND_OK, VIEW_INIT("<a@b.example>"), VIEW_INIT("") },
	{ "lower case", VIEW_INIT("mail from:<A@b.example>"), COMMAND_OK, VIEW_INIT("<A@b.example>"), VIEW_INIT("") },
	{ "null", VIEW_INIT("MAIL FROM:<>"), COMMAND_OK, VIEW_INIT("<>"), VIEW_INIT("") },
	{ "blank behind the colon", VIEW_INIT("MAIL FROM: <a@b>"), COMMAND_OK, VIEW_INIT("<a@b>"), VIEW_INIT("") },
	{ "many blanks", VIEW_INIT("MAIL   FROM:   <a@b>   "), COMMAND_OK, VIEW_INIT("<a@b>"), VIEW_INIT("") },
	{ "recipient", VIEW_INIT("RCPT TO:<a@b>"), COMMAND_OK, VIEW_INIT("<a@b>"), VIEW_INIT("") },
	{ "postmaster", VIEW_INIT("RCPT TO:<Postmaster>"), COMMAND_OK, VIEW_INIT("<Postmaster>"), VIEW_INIT("") },
	{ "source route", VIEW_INIT("RCPT TO:<@a,@b:c@d> NOTIFY=NEVER"), COMMAND_OK, VIEW_INIT("<@a,@b:c@d>"),
	  VIEW_INIT("NOTIFY=NEVER;") },
	{ "quoted bracket", VIEW_INIT("RCPT TO:<\"a>b\"@c> SIZE=1"), COMMAND_OK, VIEW_INIT("<\"a>b\"@c>"),
	  VIEW_INIT("SIZE=1;") },
	{ "quoted quote", VIEW_INIT("RCPT TO:<\"a\\\">b\"@c>"), COMMAND_OK, VIEW_INIT("<\"a\\\">b\"@c>"), VIEW_INIT("") },
	{ "quoted backslash", VIEW_INIT("RCPT TO:<\"a\\\\\"@c>"), COMMAND_OK, VIEW_INIT("<\"a\\\\\"@c>"), VIEW_INIT("") },
	{ "quoted blank", VIEW_INIT("RCPT TO:<\"a b\"@c>"), COMMAND_OK, VIEW_INIT("<\"a b\"@c>"), VIEW_INIT("") },
	{ "literal", VIEW_INIT("RCPT TO:<a@[192.0.2.1]>"), COMMAND_OK, VIEW_INIT("<a@[192.0.2.1]>"), VIEW_INIT("") },
	{ "IPv6 literal", VIEW_INIT("RCPT TO:<a@[IPv6:::1]>"), COMMAND_OK, VIEW_INIT("<a@[IPv6:::1]>"), VIEW_INIT("") },
	{ "IDN", VIEW_INIT("RCPT TO:<\xc3\xbc@b\xc3\xbc.example> X"), COMMAND_OK,
	  VIEW_INIT("<\xc3\xbc@b\xc3\xbc.example>"), VIEW_INIT("X;") },
	{ "no FROM", VIEW_INIT("MAIL"), COMMAND_SYNTAX, { 0 }, VIEW_INIT("") },
	{ "TO for FROM", VIEW_INIT("MAIL TO:<a@b>"), COMMAND_SYNTAX, { 0 }, VIEW_INIT("") },
	{ "FROM for TO", VIEW_INIT("RCPT FROM:<a@b>"), COMMAND_SYNTAX, { 0 }, VIEW_INIT("") },
	{ "blank before the colon", VIEW_INIT("MAIL FROM :<a@b>"), COMMAND_SYNTAX, { 0 }, VIEW_INIT("") },
	{ "no brackets", VIEW_INIT("MAIL FROM:a@b"), COMMAND_SYNTAX, { 0 }, VIEW_INIT("") },
	{ "name before", VIEW_INIT("MAIL FROM:A <a@b>"), COMMAND_SYNTAX, { 0 }, VIEW_INIT("") },
	{ "nothing", VIEW_INIT("MAIL FROM:"), COMMAND_SYNTAX, { 0 }, VIEW_INIT("") },
	{ "open bracket", VIEW_INIT("MAIL FROM:<a@b"), COMMAND_SYNTAX, { 0 }, VIEW_INIT("") },
	{ "open quotes", VIEW_INIT("MAIL FROM:<\"a@b> SIZE=1"), COMMAND_SYNTAX, { 0 }, VIEW_INIT("") },
	{ "backslash last", VIEW_INIT("MAIL FROM:<\"a\\"), COMMAND_SYNTAX, { 0 }, VIEW_INIT("") },
	{ "parameter hangs on", VIEW_INIT("MAIL FROM:<a@b>SIZE=1"), COMMAND_SYNTAX, VIEW_INIT("<a@b>"), VIEW_INIT("") },
	{ "second bracket", VIEW_INIT("MAIL FROM:<a@b>>"), COMMAND_SYNTAX, VIEW_INIT("<a@b>"), VIEW_INIT("") },
	{ "second path", VIEW_INIT("MAIL FROM:<a@b> <c@d>"), COMMAND_SYNTAX, VIEW_INIT("<a@b>"), VIEW_INIT("") },
	{ "size", VIEW_INIT("MAIL FROM:<a@b> SIZE=100"), COMMAND_OK, VIEW_INIT("<a@b>"), VIEW_INIT("SIZE=100;") },
	{ "several", VIEW_INIT("MAIL FROM:<> SIZE=1 BODY=8BITMIME  SMTPUTF8\tAUTH=<> "), COMMAND_OK, VIEW_INIT("<>"),
	  VIEW_INIT("SIZE=1;BODY=8BITMIME;SMTPUTF8;AUTH=<>;") },
	{ "AUTH in xtext", VIEW_INIT("MAIL FROM:<> AUTH=a+40b"), COMMAND_OK, VIEW_INIT("<>"), VIEW_INIT("AUTH=a+40b;") },
	{ "address in a value", VIEW_INIT("RCPT TO:<a@b> ORCPT=rfc822;a@b"), COMMAND_OK, VIEW_INIT("<a@b>"),
	  VIEW_INIT("ORCPT=rfc822;a@b;") },
	{ "second = is the value's", VIEW_INIT("MAIL FROM:<> A=b=c"), COMMAND_OK, VIEW_INIT("<>"), VIEW_INIT("A=b=c;") },
	{ "empty value", VIEW_INIT("MAIL FROM:<> SIZE="), COMMAND_OK, VIEW_INIT("<>"), VIEW_INIT("SIZE=;") },
	{ "hyphen within", VIEW_INIT("MAIL FROM:<> MT-PRIORITY=3"), COMMAND_OK, VIEW_INIT("<>"),
	  VIEW_INIT("MT-PRIORITY=3;") },
	{ "digit first", VIEW_INIT("MAIL FROM:<> 8X=3"), COMMAND_OK, VIEW_INIT("<>"), VIEW_INIT("8X=3;") },
	{ "hyphen first", VIEW_INIT("MAIL FROM:<> -A=3"), COMMAND_SYNTAX, VIEW_INIT("<>"), VIEW_INIT("") },
	{ "no keyword", VIEW_INIT("MAIL FROM:<> =3"), COMMAND_SYNTAX, VIEW_INIT("<>"), VIEW_INIT("") },
	{ "not a keyword", VIEW_INIT("MAIL FROM:<> A_B=3"), COMMAND_SYNTAX, VIEW_INIT("<>"), VIEW_INIT("") },
	{ "keyword not ASCII", VIEW_INIT("MAIL FROM:<> \xc3\xbc=3"), COMMAND_SYNTAX, VIEW_INIT("<>"), VIEW_INIT("") },
	{ "blanks around =", VIEW_INIT("MAIL FROM:<> SIZE = 3"), COMMAND_SYNTAX, VIEW_INIT("<>"), VIEW_INIT("SIZE;") },
};

static void add_parameters(const struct smtp_command *command, struct text *text)
{
	for (size_t i = 0; i < command->parameter_count; i++) {
		text_add(text, command->parameters[i].keyword);
		if (command->parameters[i].value.data != NULL)
			text_add_byte(text, '=');
		text_add(text, command->parameters[i].value);
		text_add_byte(text, ';');
	}
}

static void commands(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(command_cases); i++) {
		const struct command_case *row = &command_cases[i];
		struct smtp_command command;
		expect_number(row->name, smtp_command_parse(row->line, &command), row->result);
		expect_number(row->name, command.verb, row->verb);
		expect_view(row->name, command.argument, row->argument);
		expect_number(row->name, (int64_t)command.path.length, 0);
		expect_number(row->name, (int64_t)command.parameter_count, 0);
	}
}

static void paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(path_cases); i++) {
		const struct path_case *row = &path_cases[i];
		struct smtp_command command;
		struct text parameters = TEXT_LIMIT(256);
		expect_number(row->name, smtp_command_parse(row->line, &command), row->result);
		expect_view(row->name, command.path, row->path);
		add_parameters(&command, &parameters);
		expect_view(row->name, text_view(&parameters), row->parameters);
		text_deinit(&parameters);
	}
}

static void many_parameters(void **state)
{
	(void)state;
	struct text line = TEXT_LIMIT(512);
	struct smtp_command command;
	text_add(&line, VIEW("MAIL FROM:<>"));
	for (size_t i = 0; i < SMTP_PARAMETERS_MOST; i++)
		text_print(&line, " K%zu=%zu", i, i);
	assert_int_equal(smtp_command_parse(text_view(&line), &command), COMMAND_OK);
	assert_int_equal(command.parameter_count, SMTP_PARAMETERS_MOST);
	text_add(&line, VIEW(" LAST"));
	assert_int_equal(smtp_command_parse(text_view(&line), &command), COMMAND_SYNTAX);
	assert_int_equal(command.parameter_count, SMTP_PARAMETERS_MOST);
	text_deinit(&line);
}

static void add_times(struct text *text, char byte, size_t times)
{
	for (size_t i = 0; i < times; i++)
		text_add_byte(text, byte);
}

/* RFC 5321 4.5.3.1: a local-part of 64, a domain of 255, a path of 256, a command line of 512 octets are the least
 * that must be taken; RFC 4954 4: AUTH lines of 12,288. Here nothing is too long. */
static void lengths(void **state)
{
	(void)state;
	static const size_t local_parts[] = { 64, 65, 256, 1024, 4096 };
	struct text line = TEXT_LIMIT(16384);
	struct smtp_command command;
	for (size_t i = 0; i < CASES(local_parts); i++) {
		text_clear(&line);
		text_add(&line, VIEW("MAIL FROM:<"));
		add_times(&line, 'a', local_parts[i]);
		text_add_byte(&line, '@');
		add_times(&line, 'd', 255);
		text_add(&line, VIEW("> SIZE=12345678901234567890"));
		assert_int_equal(smtp_command_parse(text_view(&line), &command), COMMAND_OK);
		assert_int_equal(command.path.length, local_parts[i] + 258);
		assert_int_equal(command.parameters[0].value.length, 20); /* RFC 1870 3: up to 20 digits */
	}
	text_clear(&line);
	text_add(&line, VIEW("AUTH PLAIN "));
	add_times(&line, 'A', 12288 - 2 - line.length);
	assert_int_equal(smtp_command_parse(text_view(&line), &command), COMMAND_OK);
	assert_int_equal(command.argument.length, 12288 - 2 - 5);
	text_deinit(&line);
}

static void names(void **state)
{
	(void)state;
	for (unsigned verb = 0; verb < SMTP_HTTP; verb++) {
		struct smtp_command command;
		smtp_command_parse(smtp_verb_name((enum smtp_verb)verb), &command);
		assert_int_equal(command.verb, verb);
	}
	assert_true(smtp_verb_name(SMTP_HTTP).length > 0);
	assert_true(smtp_verb_name(SMTP_UNKNOWN).length > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands), cmocka_unit_test(paths), cmocka_unit_test(many_parameters),
		cmocka_unit_test(lengths),  cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* sealpost classify ..., and parse report: what other servers say of mail. Needs no daemon. */
#include "cli/cli.h"
#include "cli/table.h"
#include "mail/dsn_read.h"
#include "smtp/class.h"

#include <errno.h>
#include <unistd.h>

static const char *const fates[] = {
	[OUTCOME_OK] = "delivered",
	[OUTCOME_LATER] = "deferred",
	[OUTCOME_NEVER] = "bounced",
};

static void set_view(json_t *object, const char *name, struct view text)
{
	json_t *string = json_stringn(text.data != NULL ? text.data : "", text.length);
	if (text.length > 0)
		json_object_set_new(object, name, string != NULL ? string : json_string("not UTF-8"));
	else
		json_decref(string);
}

static void set_status(json_t *object, struct enhanced_status status)
{
	struct text text = TEXT_LIMIT(32);
	text_add_status(&text, status);
	if (status.class != 0)
		set_view(object, "status", text_view(&text));
	text_deinit(&text);
}

/* ---- a reply */

static bool read_stage(const struct cli *cli, enum stage *stage)
{
	static const char *const names[] = {
		[STAGE_CONNECT] = "connect", [STAGE_MAIL] = "mail", [STAGE_RCPT] = "rcpt",
		[STAGE_DATA] = "data",       [STAGE_END] = "end",
	};
	const char *given = cli_option(cli, "stage");
	*stage = STAGE_RCPT;
	for (unsigned i = 0; given != NULL && i < sizeof(names) / sizeof(names[0]); i++)
		if (view_equal_nocase(view_of(given), view_of(names[i]))) {
			*stage = (enum stage)i;
			return true;
		}
	if (given != NULL)
		cli_fail(USAGE, "--stage is connect, mail, rcpt, data or end, not %s", given);
	return given == NULL;
}

/* False: it is none. */
static bool read_reply(struct view text, struct smtp_reply *reply)
{
	struct view line;
	enum reply_result result = REPLY_BROKEN;
	while (view_split(&text, '\n', &line)) {
		if (view_ends(line, VIEW("\r")))
			line = view_first(line, line.length - 1);
		if (line.length == 0 && result != REPLY_BROKEN)
			continue;
		if (result == REPLY_DONE)
			return false;
		result = smtp_reply_add(reply, line);
		if (result == REPLY_BROKEN)
			return false;
	}
	return result == REPLY_DONE && reply->code >= 200;
}

/* What we would do with a recipient of whom that was said. */
static json_t *json_of_reply(enum stage stage, const struct smtp_reply *reply, struct arena *arena)
{
	json_t *told = json_object();
	const struct verdict verdict = reply_classify(stage, reply, arena);
	json_object_set_new(told, "fate", json_string(fates[verdict.outcome]));
	json_object_set_new(told, "code", json_integer(reply->code));
	set_status(told, verdict.status);
	if (verdict.outcome != OUTCOME_OK)
		set_view(told, "class", bounce_class(verdict.status));
	json_object_set_new(told, "rests_site", json_boolean(reply_rests_site(reply)));
	set_view(told, "text", verdict.why);
	return told;
}

static const char *yes_of(const json_t *value)
{
	return json_is_true(value) ? "yes" : "no";
}

static void print_reply(const struct cli *cli, const json_t *told)
{
	static const char *const names[] = { "fate", "code", "status", "class", "text" };
	struct arena arena = { 0 };
	struct table table;
	table_init(&table, 2);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (json_object_get(told, names[i]) != NULL)
			table_add(&table, (const char *[]){ names[i], cli_member(told, names[i], &arena) });
	table_add(&table, (const char *[]){ "site rests", yes_of(json_object_get(told, "rests_site")) });
	table_print(&table, cli->colour);
	arena_deinit(&arena);
}

enum outcome_code classify_reply(struct cli *cli)
{
	enum stage stage;
	struct text input = TEXT_LIMIT(65536);
	struct smtp_reply reply;
	struct arena arena = { 0 };
	if (!read_stage(cli, &stage))
		return USAGE;
	smtp_reply_init(&reply);
	if (cli->argument_count > 0) {
		text_add(&input, view_of(cli->arguments[0]));
	} else {
		input_announce("the reply");
		file_read_all(STDIN_FILENO, &input);
	}
	const bool good = read_reply(text_view(&input), &reply);
	if (good) {
		json_t *told = json_of_reply(stage, &reply, &arena);
		if (!cli_print_if_json(cli, told))
			print_reply(cli, told);
		json_decref(told);
	} else {
		cli_fail(NO,
		         "that is no SMTP reply: lines of CODE-TEXT, the last one CODE TEXT, all with one code from 200 on");
	}
	smtp_reply_deinit(&reply);
	text_deinit(&input);
	arena_deinit(&arena);
	return good ? DONE : NO;
}

/* ---- a bounce */

/* By the action; where that is no word of RFC 3464, by the status. */
static const char *fate_of(const struct dsn_said *said)
{
	static const struct {
		struct view action;
		const char *fate;
	} rows[] = {
		{ VIEW_INIT("failed"), "bounced" },      { VIEW_INIT("delayed"), "deferred" },
		{ VIEW_INIT("delivered"), "delivered" }, { VIEW_INIT("relayed"), "delivered" },
		{ VIEW_INIT("expanded"), "delivered" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (view_equal(said->action, rows[i].action))
			return rows[i].fate;
	static const char *const by_class[] = { [2] = "delivered", [4] = "deferred", [5] = "bounced" };
	const uint8_t class = said->status.class;
	return class == 2 || class == 4 || class == 5 ? by_class[class] : "unknown";
}

/* The reply knows more than a status that is only of a class: "5.0.0". */
static struct enhanced_status status_of(const struct dsn_said *said)
{
	struct smtp_reply reply;
	struct enhanced_status status = said->status;
	smtp_reply_init(&reply);
	if (said->is_smtp && status.subject == 0 && smtp_reply_add(&reply, said->diagnostic) == REPLY_DONE &&
	    reply.status.class != 0)
		status = reply.status;
	smtp_reply_deinit(&reply);
	return status;
}

static json_t *json_of_recipient(const struct dsn_said *said)
{
	json_t *row = json_object();
	const struct enhanced_status status = status_of(said);
	const char *fate = fate_of(said);
	set_view(row, "recipient", said->recipient);
	set_view(row, "original", said->original);
	json_object_set_new(row, "fate", json_string(fate));
	set_view(row, "action", said->action);
	set_status(row, status);
	if (!view_equal(view_of(fate), VIEW("delivered")))
		set_view(row, "class", bounce_class(status));
	set_view(row, "remote", said->remote);
	set_view(row, "diagnostic", said->diagnostic);
	return row;
}

static json_t *json_of_report(const struct dsn_report *report)
{
	json_t *told = json_object();
	json_t *rows = json_array();
	set_view(told, "reporter", report->reporter);
	set_view(told, "arrival", report->arrival);
	set_view(told, "envelope", report->envelope);
	set_view(told, "message_id", report->message_id);
	for (size_t i = 0; i < report->recipient_count; i++)
		json_array_append_new(rows, json_of_recipient(&report->recipients[i]));
	json_object_set_new(told, "recipients", rows);
	return told;
}

static json_t *read_report(bool *readable)
{
	struct text message = TEXT_LIMIT(2 * (size_t)INPUT_MOST);
	struct arena arena = { 0 };
	struct dsn_report report;
	struct view why = VIEW_NONE;
	json_t *told = NULL;
	*readable = message_read(&message);
	if (*readable && dsn_read(text_view(&message), &arena, &report, &why))
		told = json_of_report(&report);
	else if (*readable)
		cli_fail(NO, "not a delivery status notification: %.*s", VIEW_PRINT(why));
	arena_deinit(&arena);
	text_deinit(&message);
	return told;
}

static void print_recipients(const struct cli *cli, const json_t *rows)
{
	struct arena arena = { 0 };
	struct table table;
	size_t index;
	json_t *row;
	table_init(&table, 5);
	table_add(&table, (const char *[]){ "RECIPIENT", "FATE", "STATUS", "CLASS", "SAID" });
	json_array_foreach(rows, index, row)
		table_add(&table, (const char *[]){ cli_member(row, "recipient", &arena), cli_member(row, "fate", &arena),
	                                        cli_member(row, "status", &arena), cli_member(row, "class", &arena),
	                                        cli_member(row, "diagnostic", &arena) });
	table_print(&table, cli->colour);
	arena_deinit(&arena);
}

/* Yes: somebody did not get it. */
static enum outcome_code bounced(const json_t *rows)
{
	size_t index;
	json_t *row;
	json_array_foreach(rows, index, row) if (view_equal(view_of(json_string_value(json_object_get(row, "fate"))),
	                                                    VIEW("bounced"))) return DONE;
	return NO;
}

enum outcome_code classify_bounce(struct cli *cli)
{
	bool readable = false;
	json_t *told = read_report(&readable);
	if (told == NULL)
		return readable ? NO : USAGE;
	const json_t *rows = json_object_get(told, "recipients");
	const enum outcome_code result = bounced(rows);
	if (!cli_print_if_json(cli, told))
		print_recipients(cli, rows);
	json_decref(told);
	return result;
}

enum outcome_code parse_report(struct cli *cli)
{
	static const char *const names[] = { "reporter", "arrival", "envelope", "message_id" };
	struct arena arena = { 0 };
	bool readable = false;
	json_t *told = read_report(&readable);
	if (told == NULL)
		return readable ? NO : USAGE;
	if (!cli_print_if_json(cli, told)) {
		struct table table;
		table_init(&table, 2);
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (json_object_get(told, names[i]) != NULL)
				table_add(&table, (const char *[]){ names[i], cli_member(told, names[i], &arena) });
		table_print(&table, cli->colour);
		putchar('\n');
		print_recipients(cli, json_object_get(told, "recipients"));
	}
	arena_deinit(&arena);
	json_decref(told);
	return DONE;
}

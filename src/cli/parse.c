/* sealpost parse ...: how something is read here. Needs no daemon. */
#include "cli/cli.h"
#include "cli/table.h"
#include "mail/header.h"
#include "mail/message.h"

static json_t *json_of_mailbox(const struct mailbox *mailbox, struct arena *arena)
{
	const struct view address = address_view(mailbox, arena);
	const struct view domain = domain_view(&mailbox->domain);
	json_t *row = json_object();
	json_object_set_new(row, "local_part", json_stringn(mailbox->local_part.data, mailbox->local_part.length));
	json_object_set_new(row, "domain", json_stringn(domain.data, domain.length));
	json_object_set_new(row, "address", json_stringn(address.data, address.length));
	return row;
}

static void print_authors(const struct cli *cli, enum author_result result, const struct author_list *list,
                          struct view why, struct arena *arena)
{
	json_t *rows = json_array();
	for (size_t i = 0; result == AUTHOR_OK && i < list->count; i++) {
		if (cli->json)
			json_array_append_new(rows, json_of_mailbox(&list->mailboxes[i], arena));
		else
			printf("%.*s\n", VIEW_PRINT(address_view(&list->mailboxes[i], arena)));
	}
	if (cli->json) {
		json_t *told = json_pack("{sb sO ss%}", "certain", result == AUTHOR_OK, "mailboxes", rows, "reason",
		                         why.length > 0 ? why.data : "", why.length);
		cli_print_json(told);
		json_decref(told);
	} else if (result != AUTHOR_OK) {
		printf("not certain: %.*s\n", VIEW_PRINT(why));
	}
	json_decref(rows);
}

/* The body of a From: field, as an argument or on standard input: one address or many, with names, comments and
 * groups. */
enum outcome_code parse_address(struct cli *cli)
{
	struct arena arena = { 0 };
	struct author_list list = { 0 };
	struct view why = VIEW_NONE;
	struct text given = TEXT_LIMIT(INPUT_MOST);
	enum outcome_code code = USAGE;
	if (cli->argument_count > 0 || file_read("-", &given)) {
		struct view body = cli->argument_count > 0 ? view_of(cli->arguments[0]) : text_view(&given);
		if (cli->argument_count == 0 && view_ends(body, VIEW("\n"))) /* the one that ends the input */
			body.length -= view_ends(body, VIEW("\r\n")) ? 2 : 1;
		const enum author_result result = author_parse(body, &arena, &list, &why);
		print_authors(cli, result, &list, why, &arena);
		code = result == AUTHOR_OK ? DONE : NO;
	}
	text_deinit(&given);
	arena_deinit(&arena);
	return code;
}

/* ---- a message */

static void set_text(json_t *object, const char *name, struct view text)
{
	json_t *string = json_stringn(text.data != NULL ? text.data : "", text.length);
	json_object_set_new(object, name, string != NULL ? string : json_string("not UTF-8"));
}

static void add_fields(json_t *told, struct view header)
{
	struct header_walk walk = header_walk_of(header);
	struct header_field field;
	json_t *rows = json_array();
	while (header_next(&walk, &field) == HEADER_FIELD) {
		struct text body = TEXT_LIMIT(MESSAGE_HEADER_MOST);
		json_t *row = json_pack("{si}", "line", (int)walk.line);
		header_unfold(&body, field.body);
		set_text(row, "name", field.name);
		set_text(row, "body", text_view(&body));
		json_array_append_new(rows, row);
		text_deinit(&body);
	}
	json_object_set_new(told, "fields", rows);
	if (walk.why.length > 0)
		json_object_set_new(told, "malformed_line", json_integer((json_int_t)walk.line));
}

static json_t *json_of_message(struct view message, struct verdict verdict, const struct message_facts *facts,
                               struct arena *arena)
{
	json_t *told = json_object();
	json_t *from = json_array();
	struct text status = TEXT_LIMIT(32);
	json_object_set_new(told, "taken", json_boolean(verdict_is_ok(verdict)));
	if (!verdict_is_ok(verdict)) {
		text_print(&status, "%u %u.%u.%u", verdict.code, verdict.status.class, verdict.status.subject,
		           verdict.status.detail);
		json_object_set_new(told, "reply", json_string(text_cstring(&status)));
		set_text(told, "reason", verdict.why);
	}
	for (size_t i = 0; i < facts->from.count; i++)
		json_array_append_new(from, json_of_mailbox(&facts->from.mailboxes[i], arena));
	json_object_set_new(told, "from", from);
	set_text(told, "from_domain", domain_view(&facts->from_domain));
	if (facts->message_id.length > 0)
		set_text(told, "message_id", facts->message_id);
	json_object_set_new(told, "hops", json_integer(facts->hops));
	json_object_set_new(told, "signed", json_boolean(facts->has_dkim_signature));
	json_object_set_new(told, "eight_bit", json_boolean(facts->eight_bit_body || facts->eight_bit_header));
	json_object_set_new(told, "header_size", json_integer((json_int_t)facts->header.length));
	json_object_set_new(told, "body_size", json_integer((json_int_t)facts->body.length));
	json_object_set_new(told, "size", json_integer((json_int_t)message.length));
	add_fields(told, facts->header);
	text_deinit(&status);
	return told;
}

static void print_message(const struct cli *cli, const json_t *told)
{
	static const char *const names[] = { "reply", "reason", "from_domain",   "message_id",
		                                 "size",  "hops",   "malformed_line" };
	struct arena arena = { 0 };
	struct table table;
	size_t index;
	json_t *row;
	table_init(&table, 2);
	table_add(&table, (const char *[]){ "taken", json_is_true(json_object_get(told, "taken")) ? "yes" : "no" });
	json_array_foreach(json_object_get(told, "from"), index, row)
		table_add(&table, (const char *[]){ "from", cli_member(row, "address", &arena) });
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (cli_member(told, names[i], &arena)[0] != '\0')
			table_add(&table, (const char *[]){ names[i], cli_member(told, names[i], &arena) });
	table_print(&table, cli->colour);
	table_init(&table, 3);
	table_add(&table, (const char *[]){ "LINE", "FIELD", "BODY" });
	json_array_foreach(json_object_get(told, "fields"), index, row)
		table_add(&table, (const char *[]){ cli_member(row, "line", &arena), cli_member(row, "name", &arena),
	                                        cli_member(row, "body", &arena) });
	putchar('\n');
	table_print(&table, cli->colour);
	arena_deinit(&arena);
}

/* As submission reads it when a client without SMTPUTF8 brings it. */
enum outcome_code parse_message(struct cli *cli)
{
	struct text message = TEXT_LIMIT(2 * (size_t)INPUT_MOST);
	struct arena arena = { 0 };
	const struct message_rules rules = { .utf8 = false };
	struct message_facts facts = { .hops = 0 };
	if (!message_read(&message)) {
		text_deinit(&message);
		return USAGE;
	}
	const struct verdict verdict = message_check(text_view(&message), &rules, &arena, &facts);
	/* The check may have ended before it came to the header. */
	if (facts.header.length == 0)
		header_split(text_view(&message), &facts.header, &facts.body);
	json_t *told = json_of_message(text_view(&message), verdict, &facts, &arena);
	if (!cli_print_if_json(cli, told))
		print_message(cli, told);
	json_decref(told);
	arena_deinit(&arena);
	text_deinit(&message);
	return verdict_is_ok(verdict) ? DONE : NO;
}

/* sealpost parse ...: how something is read here. Needs no daemon. */
#include "cli/cli.h"
#include "mail/author.h"

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

/* The argument is the body of a From: field: one address or many, with names, comments and groups. */
enum outcome_code parse_address(struct cli *cli)
{
	struct arena arena = { 0 };
	struct author_list list = { 0 };
	struct view why = VIEW_NONE;
	const enum author_result result = author_parse(view_of(cli->arguments[0]), &arena, &list, &why);
	print_authors(cli, result, &list, why, &arena);
	arena_deinit(&arena);
	return result == AUTHOR_OK ? DONE : NO;
}

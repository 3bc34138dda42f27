/* sealpost domain ..., and the service's own records. */
#include "cli/domain.h"

#include "cli/table.h"
#include "cli/terraform.h"
#include "cli/zone.h"

static void add_domain_path(const struct domain *domain, const char *action, struct text *path)
{
	text_add(path, VIEW("/v1/domains"));
	path_add_part(path, domain_view(domain));
	if (action != NULL)
		path_add_part(path, view_of(action));
}

enum outcome_code ask_domain(struct cli *cli, const char *method, const char *action, json_t **answer)
{
	struct text path = TEXT_LIMIT(8192);
	struct domain domain;
	if (!cli_read_domain(cli->arguments[0], &domain))
		return USAGE;
	add_domain_path(&domain, action, &path);
	path_add_query(&path, "account", cli_option(cli, "account"));
	const enum outcome_code result = client_ask(cli, method, text_cstring(&path), NULL, answer);
	text_deinit(&path);
	return result;
}

/* False: the reason was told. */
static bool body_add_key(const struct cli *cli, json_t *body)
{
	const char *path = cli_option(cli, "key");
	const char *selector = cli_option(cli, "selector");
	if (path == NULL && selector == NULL)
		return true;
	if (path == NULL || selector == NULL) {
		cli_fail(USAGE, "--key FILE and --selector S go together");
		return false;
	}
	struct text pem = TEXT_LIMIT(65536);
	const bool good = file_read(path, &pem);
	if (good)
		json_object_set_new(body, "key", json_stringn(text_cstring(&pem), pem.length));
	json_object_set_new(body, "selector", json_string(selector));
	text_deinit(&pem);
	return good;
}

const char *joined_members(const json_t *array, const char *member, struct arena *arena)
{
	struct text text = TEXT_LIMIT(65536);
	size_t index;
	json_t *item;
	json_array_foreach(array, index, item)
	{
		const json_t *value = member == NULL ? item : json_object_get(item, member);
		if (json_is_string(value))
			text_print(&text, "%s%s", text.length == 0 ? "" : " ", json_string_value(value));
	}
	const char *copy = arena_cstring(arena, text_view(&text));
	text_deinit(&text);
	return copy;
}

static void print_domain(const struct cli *cli, const json_t *domain)
{
	struct arena arena = { 0 };
	struct table table;
	size_t index;
	json_t *key;
	table_init(&table, 2);
	table_add(&table, (const char *[]){ "domain", cli_member(domain, "domain", &arena) });
	json_array_foreach(json_object_get(domain, "keys"), index, key)
	{
		const char *told = arena_print(&arena, "%s (%s, %s)", cli_member(key, "selector", &arena),
		                               cli_member(key, "algorithm", &arena), cli_member(key, "phase", &arena))
		                       .data;
		table_add(&table, (const char *[]){ "key", told });
	}
	if (json_object_get(domain, "created") != NULL)
		table_add(&table, (const char *[]){ "created", cli_member(domain, "created", &arena) });
	if (json_object_get(domain, "made_for") != NULL)
		table_add(&table, (const char *[]){ "made for", cli_member(domain, "made_for", &arena) });
	if (json_array_size(json_object_get(domain, "accounts")) > 0)
		table_add(&table,
		          (const char *[]){ "accounts", joined_members(json_object_get(domain, "accounts"), NULL, &arena) });
	table_print(&table, cli->colour);
	arena_deinit(&arena);
}

enum outcome_code domain_add(struct cli *cli)
{
	json_t *answer = NULL;
	struct domain domain;
	if (!cli_read_domain(cli->arguments[0], &domain))
		return USAGE;
	json_t *body = json_pack("{ss}", "domain", domain.name);
	if (!body_add_key(cli, body)) {
		json_decref(body);
		return USAGE;
	}
	const enum outcome_code result = client_ask(cli, "POST", "/v1/domains", body, &answer);
	if (result == DONE && !cli_print_if_json(cli, answer))
		print_domain(cli, answer);
	json_decref(answer);
	return result;
}

enum outcome_code domain_list(struct cli *cli)
{
	json_t *all = NULL;
	struct arena arena = { 0 };
	struct table table;
	const enum outcome_code result = pages_read(cli, "/v1/domains", "domains", SIZE_MAX, &all);
	if (result == DONE && !cli_print_if_json(cli, all)) {
		size_t index;
		json_t *domain;
		table_init(&table, 4);
		table_add(&table, (const char *[]){ "DOMAIN", "KEYS", "CREATED", "ACCOUNTS" });
		json_array_foreach(json_object_get(all, "domains"), index, domain)
			table_add(&table, (const char *[]){
								  cli_member(domain, "domain", &arena),
								  joined_members(json_object_get(domain, "keys"), "selector", &arena),
								  cli_member_time(domain, "created", &arena),
								  joined_members(json_object_get(domain, "accounts"), NULL, &arena),
							  });
		table_print(&table, cli->colour);
	}
	arena_deinit(&arena);
	json_decref(all);
	return result;
}

enum outcome_code domain_show(struct cli *cli)
{
	json_t *answer = NULL;
	const enum outcome_code result = ask_domain(cli, "GET", NULL, &answer);
	if (result == DONE && !cli_print_if_json(cli, answer))
		print_domain(cli, answer);
	json_decref(answer);
	return result;
}

enum outcome_code domain_remove(struct cli *cli)
{
	json_t *answer = NULL;
	const enum outcome_code result = ask_domain(cli, "DELETE", NULL, &answer);
	if (result == DONE && !cli_print_if_json(cli, answer))
		printf("%s: its keys are removed\n", cli->arguments[0]);
	json_decref(answer);
	return result;
}

/* ---- records */

/* A second seal: Ed25519 beside RSA. */
static bool is_optional(const json_t *record, const json_t *records)
{
	static const struct view ed25519 = VIEW_INIT("v=DKIM1; k=ed25519;");
	const char *value = json_string_value(json_object_get(record, "value"));
	size_t index;
	json_t *other;
	json_array_foreach(records, index, other)
	{
		const char *beside = json_string_value(json_object_get(other, "value"));
		if (value != NULL && beside != NULL && view_starts(view_of(value), ed25519) &&
		    view_starts(view_of(beside), VIEW("v=DKIM1; k=rsa;")))
			return true;
	}
	return false;
}

static void print_zone(const json_t *records)
{
	struct text zone = TEXT_LIMIT(1024 * 1024);
	struct arena arena = { 0 };
	size_t index;
	json_t *record;
	json_array_foreach(records, index, record)
	{
		text_print(&zone, "; %s%s\n", cli_member(record, "purpose", &arena),
		           is_optional(record, records) ? ", optional" : "");
		zone_add_record(&zone, view_of(cli_member(record, "name", &arena)),
		                view_of(cli_member(record, "type", &arena)), view_of(cli_member(record, "value", &arena)));
	}
	fputs(text_cstring(&zone), stdout);
	arena_deinit(&arena);
	text_deinit(&zone);
}

/* All values of one name are one resource; those that were printed with an earlier one of that name are left out. */
static void print_terraform(const json_t *answer)
{
	struct text text = TEXT_LIMIT(1024 * 1024);
	const char *zone = json_string_value(json_object_get(answer, "domain"));
	const json_t *records = json_object_get(answer, "records");
	for (size_t i = 0; i < json_array_size(records); i++)
		terraform_add_name(&text, view_of(zone == NULL ? "" : zone), records, i);
	fputs(text_cstring(&text), stdout);
	text_deinit(&text);
}

static void print_records(const json_t *records)
{
	struct arena arena = { 0 };
	struct table table;
	size_t index;
	json_t *record;
	table_init(&table, 4);
	table_add(&table, (const char *[]){ "PURPOSE", "NAME", "TYPE", "VALUE" });
	json_array_foreach(records, index, record) table_add(&table, (const char *[]){
																	 cli_member(record, "purpose", &arena),
																	 cli_member(record, "name", &arena),
																	 cli_member(record, "type", &arena),
																	 cli_member(record, "value", &arena),
																 });
	table_print(&table, false);
	arena_deinit(&arena);
}

static void tell_optional(const json_t *records)
{
	size_t index;
	json_t *record;
	json_array_foreach(records, index, record)
	{
		if (is_optional(record, records))
			fprintf(stderr, "sealpost: %s is optional: its key makes a second seal\n",
			        json_string_value(json_object_get(record, "name")));
	}
}

static const char *format_of(const struct cli *cli)
{
	const char *format = cli_option(cli, "format");
	return cli->json ? "json" : format == NULL ? "text" : format;
}

static bool format_is_known(const struct cli *cli)
{
	const struct view format = view_of(format_of(cli));
	if (view_equal(format, VIEW("text")) || view_equal(format, VIEW("zone")) || view_equal(format, VIEW("json")) ||
	    view_equal(format, VIEW("terraform")))
		return true;
	cli_fail(USAGE, "--format is text, zone, json or terraform");
	return false;
}

static void print_formatted(const struct cli *cli, const json_t *answer)
{
	const struct view format = view_of(format_of(cli));
	if (view_equal(format, VIEW("json")))
		cli_print_json(answer);
	else if (view_equal(format, VIEW("zone")))
		print_zone(json_object_get(answer, "records"));
	else if (view_equal(format, VIEW("terraform")))
		print_terraform(answer);
	else {
		print_records(json_object_get(answer, "records"));
		tell_optional(json_object_get(answer, "records"));
	}
}

void tell_unknown_account(const struct cli *cli, const json_t *answer)
{
	if (json_is_false(json_object_get(answer, "account_known")))
		fprintf(stderr, "sealpost: there is no user account %s\n", cli_option(cli, "account"));
}

enum outcome_code domain_records(struct cli *cli)
{
	json_t *answer = NULL;
	if (!format_is_known(cli))
		return USAGE;
	const enum outcome_code result = ask_domain(cli, "GET", "records", &answer);
	if (result == DONE)
		print_formatted(cli, answer);
	if (result == DONE && cli_option(cli, "account") == NULL)
		fputs("sealpost: without --account NAME the token record is left out\n", stderr);
	tell_unknown_account(cli, answer);
	json_decref(answer);
	return result;
}

enum outcome_code service_records(struct cli *cli)
{
	json_t *answer = NULL;
	if (!format_is_known(cli))
		return USAGE;
	const enum outcome_code result = client_ask(cli, "GET", "/v1/service/records", NULL, &answer);
	if (result == DONE)
		print_formatted(cli, answer);
	json_decref(answer);
	return result;
}

/* ---- the next key */

static bool is_key_of(const json_t *record, const json_t *keys, const char *phase)
{
	const char *name = json_string_value(json_object_get(record, "name"));
	size_t index;
	json_t *key;
	json_array_foreach(keys, index, key)
	{
		const char *selector = json_string_value(json_object_get(key, "selector"));
		const char *has = json_string_value(json_object_get(key, "phase"));
		if (name == NULL || selector == NULL || has == NULL || !view_equal(view_of(has), view_of(phase)))
			continue;
		const struct view rest = view_from(view_of(name), strlen(selector));
		if (view_starts(view_of(name), view_of(selector)) && view_starts(rest, VIEW("._domainkey.")))
			return true;
	}
	return false;
}

/* The answer with the records of the next keys in it, ready to be published. */
static enum outcome_code add_next_records(struct cli *cli, json_t *answer)
{
	json_t *all = NULL;
	size_t index;
	json_t *record;
	const enum outcome_code result = ask_domain(cli, "GET", "records", &all);
	json_t *records = json_array();
	json_array_foreach(json_object_get(all, "records"), index,
	                   record) if (is_key_of(record, json_object_get(answer, "keys"), "next"))
		json_array_append(records, record);
	json_object_set_new(answer, "records", records);
	json_decref(all);
	return result;
}

static void print_rotated(const struct cli *cli, const json_t *answer)
{
	puts("Publish the next keys beside those that are there:\n");
	print_records(json_object_get(answer, "records"));
	printf("\nThe key before goes on sealing until all of the domain's name servers show the new one\n"
	       "(the one named -ed is optional). Then: sealpost domain check %s\n",
	       cli->arguments[0]);
}

enum outcome_code domain_rotate(struct cli *cli)
{
	json_t *answer = NULL;
	enum outcome_code result = ask_domain(cli, "POST", "rotate", &answer);
	if (result == DONE)
		result = add_next_records(cli, answer);
	if (result == DONE && !cli_print_if_json(cli, answer))
		print_rotated(cli, answer);
	json_decref(answer);
	return result;
}

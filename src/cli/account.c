/* sealpost account ... */
#include "cli/cli.h"
#include "cli/table.h"

enum { PASSWORD_MOST = 1024 };

static enum outcome_code ask_account(struct cli *cli, const char *method, const char *action, json_t *body,
                                     json_t **answer)
{
	struct text path = TEXT_LIMIT(8192);
	text_add(&path, VIEW("/v1/accounts"));
	path_add_part(&path, view_of(cli->arguments[0]));
	if (action != NULL)
		path_add_part(&path, view_of(action));
	const enum outcome_code result = client_ask(cli, method, text_cstring(&path), body, answer);
	text_deinit(&path);
	return result;
}

/* False: the reason was told. */
static bool body_add_password(const struct cli *cli, json_t *body)
{
	const bool plain = cli_option(cli, "password-stdin") != NULL;
	const bool hash = cli_option(cli, "password-hash-stdin") != NULL;
	struct text password = TEXT_LIMIT(PASSWORD_MOST);
	if (!plain && !hash)
		return true;
	if (plain && hash) {
		cli_fail(USAGE, "give --password-stdin or --password-hash-stdin, not both");
		return false;
	}
	bool good = password_read(&password);
	if (good && json_object_set_new(body, plain ? "password" : "password_hash",
	                                json_stringn(text_cstring(&password), password.length)) != 0) {
		cli_fail(USAGE, "the password is not UTF-8");
		good = false;
	}
	text_deinit(&password);
	return good;
}

/* What the account's owner is told. */
static void print_credentials(const struct cli *cli, json_t *answer)
{
	struct arena arena = { 0 };
	struct table table;
	if (cli_print_if_json(cli, answer))
		return;
	table_init(&table, 2);
	table_add(&table, (const char *[]){ "account", cli_member(answer, "account", &arena) });
	const char *password = cli_member(answer, "password", &arena);
	const char *token = cli_member(answer, "token", &arena);
	if (password[0] != '\0')
		table_add(&table, (const char *[]){ "password", password });
	if (token[0] != '\0')
		table_add(&table, (const char *[]){ "token", token });
	table_print(&table, false);
	if (password[0] != '\0')
		fputs("The password is shown this once.\n", stderr);
	arena_deinit(&arena);
}

enum outcome_code account_add(struct cli *cli)
{
	json_t *answer = NULL;
	json_t *body = json_pack("{ss}", "account", cli->arguments[0]);
	if (body == NULL)
		return cli_fail(USAGE, "the name is not UTF-8");
	if (cli_option(cli, "label") != NULL)
		json_object_set_new(body, "label", json_string(cli_option(cli, "label")));
	if (!body_add_password(cli, body)) {
		json_decref(body);
		return USAGE;
	}
	const enum outcome_code result = client_ask(cli, "POST", "/v1/accounts", body, &answer);
	if (result == DONE)
		print_credentials(cli, answer);
	json_decref(answer);
	return result;
}

static void add_account_row(struct table *table, const json_t *account, struct arena *arena)
{
	table_add(table, (const char *[]){
						 cli_member(account, "account", arena),
						 cli_member(account, "state", arena),
						 cli_member(account, "used_today", arena),
						 cli_member_time(account, "last_login", arena),
						 cli_member(account, "label", arena),
					 });
}

enum outcome_code account_list(struct cli *cli)
{
	json_t *accounts = NULL;
	struct arena arena = { 0 };
	struct table table;
	const enum outcome_code result = pages_read(cli, "/v1/accounts", "accounts", SIZE_MAX, &accounts);
	if (result == DONE && !cli_print_if_json(cli, accounts)) {
		size_t index;
		json_t *account;
		table_init(&table, 5);
		table_add(&table, (const char *[]){ "ACCOUNT", "STATE", "TODAY", "LAST LOGIN", "LABEL" });
		json_array_foreach(json_object_get(accounts, "accounts"), index, account)
			add_account_row(&table, account, &arena);
		table_print(&table, cli->colour);
	}
	arena_deinit(&arena);
	json_decref(accounts);
	return result;
}

static void add_settings(struct table *table, json_t *settings, struct arena *arena)
{
	const char *key;
	json_t *setting;
	json_object_foreach(settings, key, setting)
	{
		const char *name = arena_print(arena, "settings.%s", key).data;
		const bool is_default = json_is_true(json_object_get(setting, "default"));
		table_add(table,
		          (const char *[]){ name, cli_member(setting, "value", arena), is_default ? "(default)" : "" });
	}
}

static void print_account(const struct cli *cli, json_t *account)
{
	static const char *const names[] = { "account", "state",      "reason",    "label",         "as_typed",
		                                 "created", "last_login", "passwords", "password_kind", "used_today" };
	struct arena arena = { 0 };
	struct table table;
	table_init(&table, 3);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (json_object_get(account, names[i]) != NULL)
			table_add(&table, (const char *[]){ names[i], cli_member(account, names[i], &arena), "" });
	add_settings(&table, json_object_get(account, "settings"), &arena);
	table_print(&table, cli->colour);
	arena_deinit(&arena);
}

enum outcome_code account_show(struct cli *cli)
{
	json_t *answer = NULL;
	const enum outcome_code result = ask_account(cli, "GET", NULL, NULL, &answer);
	if (result == DONE && !cli_print_if_json(cli, answer))
		print_account(cli, answer);
	json_decref(answer);
	return result;
}

/* What was changed, in one line. */
static enum outcome_code tell_change(const struct cli *cli, enum outcome_code result, json_t *answer,
                                     const char *what)
{
	if (result == DONE && !cli_print_if_json(cli, answer))
		printf("%s: %s\n", cli->arguments[0], what);
	json_decref(answer);
	return result;
}

enum outcome_code account_set(struct cli *cli)
{
	json_t *answer = NULL;
	json_t *body = json_object();
	for (size_t i = 1; i < cli->argument_count; i++) {
		const struct view word = view_of(cli->arguments[i]);
		const size_t sign = view_find_byte(word, '=');
		if (sign == VIEW_NOT_FOUND || sign == 0 ||
		    json_object_setn_new(body, word.data, sign, json_string(word.data + sign + 1)) != 0) {
			json_decref(body);
			return cli_fail(USAGE, "%s is not KEY=VALUE; sealpost account show NAME lists the keys", word.data);
		}
	}
	const enum outcome_code result = ask_account(cli, "PATCH", NULL, body, &answer);
	return tell_change(cli, result, answer, "set");
}

enum outcome_code account_act(struct cli *cli)
{
	static const struct {
		const char *verb, *told;
	} rows[] = {
		{ "suspend", "suspended; logins are refused and what is queued stays" },
		{ "resume", "active again" },
		{ "hold", "held; its mail is accepted and kept" },
		{ "release", "released; its mail leaves" },
	};
	json_t *answer = NULL;
	json_t *body = json_object();
	if (cli_option(cli, "reason") != NULL)
		json_object_set_new(body, "reason", json_string(cli_option(cli, "reason")));
	if (!body_add_password(cli, body)) {
		json_decref(body);
		return USAGE;
	}
	const enum outcome_code result = ask_account(cli, "POST", cli->verb->verb, body, &answer);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (view_equal(view_of(rows[i].verb), view_of(cli->verb->verb)))
			return tell_change(cli, result, answer, rows[i].told);
	if (result == DONE)
		print_credentials(cli, answer);
	json_decref(answer);
	return result;
}

enum outcome_code account_remove(struct cli *cli)
{
	json_t *answer = NULL;
	const enum outcome_code result = ask_account(cli, "DELETE", NULL, NULL, &answer);
	return tell_change(cli, result, answer, "removed; what it has queued is held");
}

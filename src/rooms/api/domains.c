/* Domains over HTTP: keys, records, the doctor. */
#include "mail/domain.h"
#include "rooms/api/api.h"

static const int64_t patience = 60 * SECOND;

static const struct view check_names[] = {
	[CHECK_TOKEN] = VIEW_INIT("token"),
	[CHECK_SPF] = VIEW_INIT("spf"),
	[CHECK_DKIM] = VIEW_INIT("dkim"),
	[CHECK_DMARC] = VIEW_INIT("dmarc"),
};
static const struct view state_names[] = {
	[STATE_PASS] = VIEW_INIT("pass"),
	[STATE_WARN] = VIEW_INIT("warn"),
	[STATE_FAIL] = VIEW_INIT("fail"),
	[STATE_UNKNOWN] = VIEW_INIT("unknown"),
};

static const struct view phase_names[] = {
	[KEY_ACTIVE] = VIEW_INIT("active"),
	[KEY_NEXT] = VIEW_INIT("next"),
	[KEY_OLD] = VIEW_INIT("old"),
};

/* In ASCII and lower case; what is not a name is told. */
static bool read_domain(struct api_request *request, struct view given, struct view *domain)
{
	struct text problem = TEXT_LIMIT(4096);
	struct domain read;
	const bool good = domain_parse_typed(given, &read, &problem);
	if (good)
		*domain = arena_copy(&request->arena, domain_view(&read));
	else
		api_problem(request, 400, "%s", text_cstring(&problem));
	text_deinit(&problem);
	return good;
}

static void write_keys(struct json *out, const struct public_key *keys, size_t count)
{
	json_key(out, VIEW("keys"));
	json_open_array(out);
	for (size_t i = 0; i < count; i++) {
		json_open_object(out);
		json_member_string(out, VIEW("selector"), keys[i].selector);
		json_member_string(out, VIEW("algorithm"),
		                   keys[i].algorithm == DKIM_RSA_SHA256 ? VIEW("rsa") : VIEW("ed25519"));
		json_member_string(out, VIEW("phase"), phase_names[keys[i].phase]);
		json_close_object(out);
	}
	json_close_array(out);
}

static void write_domain(struct api_request *request, const struct domain_row *row)
{
	struct json *out = &request->out;
	json_open_object(out);
	json_member_string(out, VIEW("domain"), row->domain);
	write_keys(out, row->keys, row->key_count);
	api_member_time(request, "created", row->created);
	json_member_string_optional(out, VIEW("made_for"), row->made_for);
	json_key(out, VIEW("accounts"));
	json_open_array(out);
	for (size_t i = 0; i < row->account_count; i++)
		json_add_string(out, row->accounts[i]);
	json_close_array(out);
	json_close_object(out);
}

static bool ask_list(struct api_request *request, struct view domain, struct domain_list_answer *answer)
{
	const struct domain_list_request question = {
		.domain = domain,
		.after = api_query(request, "after"),
		.most = (uint32_t)api_query_number(request, "limit", 500),
	};
	const enum asked asked = vault_domain_list(api_peer(request, ROOM_VAULT), &question, answer, &request->arena,
	                                           api_deadline(request, patience));
	if (asked != ASKED_OK)
		api_problem_asked(request, asked, ROOM_VAULT);
	return asked == ASKED_OK;
}

void handle_domains_list(struct api_request *request)
{
	struct domain_list_answer answer = { 0 };
	if (!ask_list(request, VIEW_NONE, &answer))
		return;
	json_open_object(&request->out);
	json_key(&request->out, VIEW("domains"));
	json_open_array(&request->out);
	for (size_t i = 0; i < answer.row_count; i++)
		write_domain(request, &answer.rows[i]);
	json_close_array(&request->out);
	if (answer.more && answer.row_count > 0)
		json_member_string(&request->out, VIEW("next"), answer.rows[answer.row_count - 1].domain);
	json_close_object(&request->out);
}

void handle_domain_show(struct api_request *request)
{
	struct domain_list_answer answer = { 0 };
	struct view domain;
	if (!read_domain(request, request->parts[2], &domain) || !ask_list(request, domain, &answer))
		return;
	if (answer.row_count == 0)
		api_problem(request, 404, "the domain %.*s is not known here", VIEW_PRINT(domain));
	else
		write_domain(request, &answer.rows[0]);
}

static void change(struct api_request *request, const struct domain_change_request *question)
{
	static const unsigned statuses[] = {
		[CHANGE_DONE] = 200,    [CHANGE_ABSENT] = 404, [CHANGE_EXISTS] = 409,
		[CHANGE_INVALID] = 400, [CHANGE_FAILED] = 503,
	};
	struct domain_change_answer answer = { 0 };
	const enum asked asked = vault_domain_change(api_peer(request, ROOM_VAULT), question, &answer, &request->arena,
	                                             api_deadline(request, patience));
	if (asked != ASKED_OK) {
		api_problem_asked(request, asked, ROOM_VAULT);
		return;
	}
	if (answer.result != CHANGE_DONE) {
		api_problem(request, statuses[answer.result], "%.*s: %.*s", VIEW_PRINT(question->domain),
		            VIEW_PRINT(answer.why.length > 0 ? answer.why : VIEW("the domain is not known here")));
		return;
	}
	json_open_object(&request->out);
	json_member_string(&request->out, VIEW("domain"), question->domain);
	write_keys(&request->out, answer.keys, answer.key_count);
	json_close_object(&request->out);
}

void handle_domain_add(struct api_request *request)
{
	struct domain_change_request question = {
		.change = DOMAIN_ADD,
		.key = api_member(request, "key"),
		.selector = api_member(request, "selector"),
	};
	if (read_domain(request, api_member(request, "domain"), &question.domain))
		change(request, &question);
}

void handle_domain_remove(struct api_request *request)
{
	struct domain_change_request question = { .change = DOMAIN_REMOVE };
	if (read_domain(request, request->parts[2], &question.domain))
		change(request, &question);
}

void handle_domain_rotate(struct api_request *request)
{
	struct domain_change_request question = { .change = DOMAIN_ROTATE };
	if (read_domain(request, request->parts[2], &question.domain))
		change(request, &question);
}

/* ---- whose token */

/* False: there is none of that name, or the vault does not tell. */
static bool find_account(struct api_request *request, struct view account, struct view *as_typed)
{
	const struct account_list_request question = { .name = account, .most = 1 };
	struct account_list_answer answer = { 0 };
	const enum asked asked = vault_account_list(api_peer(request, ROOM_VAULT), &question, &answer, &request->arena,
	                                            api_deadline(request, patience));
	if (asked != ASKED_OK || answer.row_count == 0)
		return false;
	*as_typed = answer.rows[0].as_typed;
	return true;
}

static struct view lower(struct api_request *request, struct view name)
{
	struct text text = TEXT_LIMIT(1024);
	for (size_t i = 0; i < name.length; i++)
		text_add_byte(&text, byte_lower(name.data[i]));
	const struct view copy = arena_copy(&request->arena, text_view(&text));
	text_deinit(&text);
	return copy;
}

/* A token may be published before its account is made, but mostly the name is misspelt then. */
static void write_whether_known(struct json *out, struct view account, bool is_known)
{
	if (account.length == 0)
		return;
	json_key(out, VIEW("account_known"));
	json_add_boolean(out, is_known);
}

/* ---- records */

/* As they stand in TXT (RFC 1035 3.3.14). */
static void write_strings(struct json *out, struct view value)
{
	enum { STRING_MOST = 255 };
	json_key(out, VIEW("strings"));
	json_open_array(out);
	for (; value.length > 0; value = view_from(value, STRING_MOST))
		json_add_string(out, view_first(value, STRING_MOST));
	json_close_array(out);
}

static void write_records(struct api_request *request, const struct records_request *question, struct view domain,
                          const struct records_answer *answer)
{
	struct view as_typed;
	struct json *out = &request->out;
	json_open_object(out);
	json_member_string(out, VIEW("domain"), domain);
	write_whether_known(out, question->account,
	                    question->account.length > 0 &&
	                        find_account(request, lower(request, question->account), &as_typed));
	json_key(out, VIEW("records"));
	json_open_array(out);
	for (size_t i = 0; i < answer->record_count; i++) {
		const struct record_row *record = &answer->records[i];
		json_open_object(out);
		json_member_string(out, VIEW("purpose"), record->purpose);
		json_member_string(out, VIEW("name"), record->name);
		json_member_string(out, VIEW("type"), record->type);
		json_member_string(out, VIEW("value"), record->value);
		write_strings(out, record->value);
		json_close_object(out);
	}
	json_close_array(out);
	json_close_object(out);
}

static void records(struct api_request *request, const struct records_request *question, struct view shown)
{
	struct records_answer answer = { 0 };
	const enum asked asked = resolver_records(api_peer(request, ROOM_RESOLVER), question, &answer, &request->arena,
	                                          api_deadline(request, patience));
	if (asked != ASKED_OK)
		api_problem_asked(request, asked, ROOM_RESOLVER);
	else if (answer.result != DOMAIN_KEYS_OK)
		api_problem(request, 503, "the domain's keys could not be made; the log says more");
	else
		write_records(request, question, shown, &answer);
}

void handle_domain_records(struct api_request *request)
{
	struct records_request question = { .account = api_query(request, "account") };
	if (read_domain(request, request->parts[2], &question.domain))
		records(request, &question, question.domain);
}

void handle_service_records(struct api_request *request)
{
	const struct view domain = request->api->frame->config->service.domain;
	const struct records_request question = { .domain = domain, .service = true };
	records(request, &question, domain);
}

/* ---- the doctor */

static void write_seen(struct json *out, const struct view *seen, size_t count)
{
	json_key(out, VIEW("seen"));
	json_open_array(out);
	for (size_t i = 0; i < count; i++)
		json_add_string(out, seen[i]);
	json_close_array(out);
}

static void write_server(struct json *out, const struct check_server *server)
{
	json_open_object(out);
	json_member_string(out, VIEW("server"), server->name);
	json_member_string(out, VIEW("state"), state_names[server->state]);
	write_seen(out, server->seen, server->seen_count);
	json_close_object(out);
}

static void write_asked(struct json *out, const struct check_answer *answer)
{
	json_key(out, VIEW("servers"));
	json_open_array(out);
	for (size_t i = 0; i < answer->asked_count; i++) {
		json_open_object(out);
		json_member_string(out, VIEW("server"), answer->asked[i].name);
		json_member_string_optional(out, VIEW("problem"), answer->asked[i].problem);
		json_close_object(out);
	}
	json_close_array(out);
}

static void write_check(struct json *out, const struct check_row *row)
{
	json_open_object(out);
	json_member_string(out, VIEW("check"), check_names[row->check]);
	json_member_string(out, VIEW("state"), state_names[row->state]);
	json_member_string(out, VIEW("name"), row->name);
	write_seen(out, row->seen, row->seen_count);
	json_member_string(out, VIEW("expected"), row->expected);
	json_member_string(out, VIEW("fix"), row->fix);
	if (row->fix.length > 0)
		write_strings(out, row->fix);
	json_key(out, VIEW("replaces"));
	json_add_boolean(out, row->replaces);
	json_member_string_optional(out, VIEW("remove"), row->remove);
	json_member_string(out, VIEW("detail"), row->detail);
	if (row->ttl > 0)
		json_member_integer(out, VIEW("ttl"), row->ttl);
	json_key(out, VIEW("servers"));
	json_open_array(out);
	for (size_t i = 0; i < row->server_count; i++)
		write_server(out, &row->servers[i]);
	json_close_array(out);
	json_close_object(out);
}

void handle_domain_check(struct api_request *request)
{
	struct check_request question = { .account = lower(request, api_query(request, "account")) };
	struct check_answer answer = { 0 };
	if (!read_domain(request, request->parts[2], &question.domain))
		return;
	const bool is_known = question.account.length > 0 && find_account(request, question.account, &question.as_typed);
	const enum asked asked = resolver_check(api_peer(request, ROOM_RESOLVER), &question, &answer, &request->arena,
	                                        api_deadline(request, patience));
	if (asked != ASKED_OK) {
		api_problem_asked(request, asked, ROOM_RESOLVER);
		return;
	}
	struct json *out = &request->out;
	json_open_object(out);
	json_member_string(out, VIEW("domain"), question.domain);
	json_member_string(out, VIEW("account"), question.account);
	write_whether_known(out, question.account, is_known);
	json_key(out, VIEW("ready"));
	json_add_boolean(out, answer.ready);
	json_key(out, VIEW("checks"));
	json_open_array(out);
	for (size_t i = 0; i < answer.check_count; i++)
		write_check(out, &answer.checks[i]);
	json_close_array(out);
	write_asked(out, &answer);
	json_close_object(out);
}

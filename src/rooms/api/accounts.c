/* Accounts over HTTP. */
#include "rooms/api/api.h"

static const int64_t patience = 60 * SECOND;

static const struct view state_names[] = {
	[ACCOUNT_ACTIVE] = VIEW_INIT("active"),
	[ACCOUNT_SUSPENDED] = VIEW_INIT("suspended"),
	[ACCOUNT_HELD] = VIEW_INIT("held"),
	[ACCOUNT_REMOVED] = VIEW_INIT("removed"),
	[ACCOUNT_SUSPENDED_HELD] = VIEW_INIT("suspended, held"),
};

static void write_account(struct api_request *request, const struct account_row *row)
{
	struct json *out = &request->out;
	json_open_object(out);
	json_member_string(out, VIEW("account"), row->name);
	json_member_string(out, VIEW("state"), state_names[row->state]);
	json_member_string_optional(out, VIEW("reason"), row->reason);
	json_member_string_optional(out, VIEW("label"), row->label);
	json_member_string(out, VIEW("as_typed"), row->as_typed);
	api_member_time(request, "created", row->created);
	api_member_time(request, "last_login", row->last_login);
	json_member_integer(out, VIEW("passwords"), row->passwords);
	json_member_string_optional(out, VIEW("password_kind"), row->password_kind);
	json_member_integer(out, VIEW("used_today"), (int64_t)row->used_today);
	json_key(out, VIEW("settings"));
	text_add(out->out, row->settings); /* an object already */
	out->comma = true;
	json_close_object(out);
}

static bool ask_list(struct api_request *request, struct view name, struct account_list_answer *answer)
{
	const struct account_list_request question = {
		.name = name,
		.after = api_query(request, "after"),
		.most = (uint32_t)api_query_number(request, "limit", 500),
	};
	const enum asked asked = vault_account_list(api_peer(request, ROOM_VAULT), &question, answer, &request->arena,
	                                            api_deadline(request, patience));
	if (asked != ASKED_OK)
		api_problem_asked(request, asked, ROOM_VAULT);
	return asked == ASKED_OK;
}

void handle_accounts_list(struct api_request *request)
{
	struct account_list_answer answer = { 0 };
	if (!ask_list(request, VIEW_NONE, &answer))
		return;
	json_open_object(&request->out);
	json_key(&request->out, VIEW("accounts"));
	json_open_array(&request->out);
	for (size_t i = 0; i < answer.row_count; i++)
		write_account(request, &answer.rows[i]);
	json_close_array(&request->out);
	if (answer.more)
		json_member_string(&request->out, VIEW("next"), answer.rows[answer.row_count - 1].name);
	json_close_object(&request->out);
}

void handle_account_show(struct api_request *request)
{
	struct account_list_answer answer = { 0 };
	if (!ask_list(request, request->parts[2], &answer))
		return;
	if (answer.row_count == 0)
		api_problem(request, 404, "there is no account %.*s", VIEW_PRINT(view_first(request->parts[2], 254)));
	else
		write_account(request, &answer.rows[0]);
}

static bool ask_change(struct api_request *request, const struct account_change_request *question,
                       struct account_change_answer *answer)
{
	static const unsigned statuses[] = {
		[CHANGE_DONE] = 200,    [CHANGE_ABSENT] = 404, [CHANGE_EXISTS] = 409,
		[CHANGE_INVALID] = 400, [CHANGE_FAILED] = 503,
	};
	const enum asked asked = vault_account_change(api_peer(request, ROOM_VAULT), question, answer, &request->arena,
	                                              api_deadline(request, patience));
	if (asked != ASKED_OK)
		api_problem_asked(request, asked, ROOM_VAULT);
	else if (answer->result != CHANGE_DONE)
		api_problem(request, statuses[answer->result], "%.*s: %.*s", VIEW_PRINT(view_first(question->name, 254)),
		            VIEW_PRINT(answer->why));
	return asked == ASKED_OK && answer->result == CHANGE_DONE;
}

static void write_change(struct api_request *request, const struct account_change_answer *answer)
{
	json_open_object(&request->out);
	json_member_string(&request->out, VIEW("account"), answer->account);
	json_member_string_optional(&request->out, VIEW("password"), answer->password);
	json_member_string_optional(&request->out, VIEW("token"), answer->token);
	json_close_object(&request->out);
}

static void read_password(const struct api_request *request, struct account_change_request *question)
{
	question->password_source = PASSWORD_GENERATED;
	if (api_member(request, "password").length > 0) {
		question->password_source = PASSWORD_CHOSEN;
		question->password = api_member(request, "password");
	} else if (api_member(request, "password_hash").length > 0) {
		question->password_source = PASSWORD_HASH;
		question->password = api_member(request, "password_hash");
	}
}

void handle_account_add(struct api_request *request)
{
	struct account_change_request question = {
		.change = ACCOUNT_ADD,
		.name = api_member(request, "account"),
		.label = api_member(request, "label"),
	};
	struct account_change_answer answer = { 0 };
	read_password(request, &question);
	if (question.name.length == 0) {
		api_problem(request, 400, "expected {\"account\": NAME}");
		return;
	}
	if (!ask_change(request, &question, &answer))
		return;
	request->status = 201;
	write_change(request, &answer);
}

void handle_account_set(struct api_request *request)
{
	struct account_change_request question = { .change = ACCOUNT_SET, .name = request->parts[2] };
	struct account_change_answer answer = { 0 };
	question.assignment_count = api_assignments(request, &question.assignments);
	if (ask_change(request, &question, &answer))
		write_change(request, &answer);
}

/* The queue holds or releases what the account has queued, new mail included. */
static bool ask_queue(struct api_request *request, enum queue_action action, struct view account, struct view reason)
{
	const struct queue_act_request question = {
		.action = action,
		.filter = { .account = account },
		.reason = reason,
		.whole_account = true,
	};
	struct queue_act_answer answer = { 0 };
	const enum asked asked = queue_act(api_peer(request, ROOM_QUEUE), &question, &answer, &request->arena,
	                                   api_deadline(request, patience));
	if (asked != ASKED_OK)
		api_problem_asked(request, asked, ROOM_QUEUE);
	else if (answer.result == CHANGE_FAILED)
		api_problem(request, 503, "the queue could not follow: %.*s; ask again", VIEW_PRINT(answer.why));
	return asked == ASKED_OK && answer.result != CHANGE_FAILED;
}

void handle_account_remove(struct api_request *request)
{
	const struct account_change_request question = { .change = ACCOUNT_REMOVE, .name = request->parts[2] };
	struct account_change_answer answer = { 0 };
	if (ask_change(request, &question, &answer) &&
	    ask_queue(request, ACTION_HOLD, answer.account, VIEW("the account was removed")))
		write_change(request, &answer);
}

void handle_account_action(struct api_request *request)
{
	static const struct {
		const char *name;
		enum account_change change;
		bool asks_queue;
	} actions[] = {
		{ "rotate", ACCOUNT_ROTATE, false }, { "suspend", ACCOUNT_SUSPEND, true }, { "resume", ACCOUNT_RESUME, true },
		{ "hold", ACCOUNT_HOLD, true },      { "release", ACCOUNT_RELEASE, true },
	};
	struct account_change_answer answer = { 0 };
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (!view_equal(request->parts[3], view_of(actions[i].name)))
			continue;
		struct account_change_request question = {
			.change = actions[i].change,
			.name = request->parts[2],
			.reason = api_member(request, "reason"),
		};
		read_password(request, &question);
		const struct view reason = question.reason.length > 0 ? question.reason : VIEW("held by the operator");
		if (!ask_change(request, &question, &answer))
			return;
		/* Suspended or held, its mail stays; neither, and it goes. */
		const enum queue_action action = answer.state == ACCOUNT_ACTIVE ? ACTION_RELEASE : ACTION_HOLD;
		if (!actions[i].asks_queue || ask_queue(request, action, answer.account, reason))
			write_change(request, &answer);
		return;
	}
	api_problem(request, 404, "an account can be: rotate, suspend, resume, hold, release");
}

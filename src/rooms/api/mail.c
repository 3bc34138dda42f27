/* The queue and messages over HTTP. */
#include "rooms/api/api.h"

#include <time.h>

static const int64_t patience = 60 * SECOND;

static void write_verdict(struct json *out, const struct verdict *verdict)
{
	struct text status = TEXT_LIMIT(32);
	if (verdict->code != 0)
		json_member_integer(out, VIEW("code"), verdict->code);
	if (verdict->status.class != 0) {
		text_print(&status, "%u.%u.%u", (unsigned)verdict->status.class, (unsigned)verdict->status.subject,
		           (unsigned)verdict->status.detail);
		json_member_string(out, VIEW("status"), text_view(&status));
	}
	json_member_string_optional(out, VIEW("reply"), verdict->why);
	text_deinit(&status);
}

/* ---- filters: id, account, sender_domain, recipient, recipient_domain, site, state */

static bool read_state(struct view name, enum queue_state *state)
{
	for (unsigned i = 0; i < QUEUE_STATE_COUNT; i++)
		if (view_equal(name, view_of(queue_state_name((enum queue_state)i)))) {
			*state = (enum queue_state)i;
			return true;
		}
	return false;
}

static bool read_filter(struct api_request *request, struct view (*value)(const struct api_request *, const char *),
                        struct queue_filter *filter)
{
	const struct view id = value(request, "id");
	const struct view state = value(request, "state");
	*filter = (struct queue_filter){
		.has_id = id.length > 0,
		.account = value(request, "account"),
		.sender_domain = value(request, "sender_domain"),
		.recipient = value(request, "recipient"),
		.recipient_domain = value(request, "recipient_domain"),
		.site = value(request, "site"),
		.has_state = state.length > 0,
	};
	if (filter->has_id && !id_parse(id, &filter->id)) {
		api_problem(request, 400, "not a queue id: %.*s", VIEW_PRINT(view_first(id, 60)));
		return false;
	}
	if (filter->has_state && !read_state(state, &filter->state)) {
		api_problem(request, 400, "state is queued, deferred, held or leased");
		return false;
	}
	return true;
}

/* ---- queue */

static void write_counts(struct json *out, const uint64_t counts[QUEUE_STATE_COUNT])
{
	for (unsigned i = 0; i < QUEUE_STATE_COUNT; i++)
		json_member_integer(out, view_of(queue_state_name((enum queue_state)i)), (int64_t)counts[i]);
}

void handle_queue_summary(struct api_request *request)
{
	const struct queue_summary_request question = { .most = (uint32_t)api_query_number(request, "limit", 50) };
	struct queue_summary_answer answer = { 0 };
	const enum asked asked = queue_summary(api_peer(request, ROOM_QUEUE), &question, &answer, &request->arena,
	                                       api_deadline(request, patience));
	if (asked != ASKED_OK) {
		api_problem_asked(request, asked, ROOM_QUEUE);
		return;
	}
	struct json *out = &request->out;
	json_open_object(out);
	json_member_integer(out, VIEW("messages"), (int64_t)answer.messages);
	json_member_integer(out, VIEW("bytes"), (int64_t)answer.bytes);
	api_member_time(request, "oldest", answer.oldest);
	write_counts(out, answer.recipients);
	json_key(out, VIEW("lanes"));
	json_open_array(out);
	for (size_t i = 0; i < answer.row_count; i++) {
		json_open_object(out);
		json_member_string(out, VIEW("account"), answer.rows[i].account);
		json_member_string(out, VIEW("domain"), answer.rows[i].domain);
		write_counts(out, answer.rows[i].recipients);
		api_member_time(request, "oldest", answer.rows[i].oldest);
		json_close_object(out);
	}
	json_close_array(out);
	json_close_object(out);
}

static void write_row(struct api_request *request, const struct queue_row *row)
{
	struct json *out = &request->out;
	json_open_object(out);
	api_member_id(request, "id", &row->id);
	json_member_integer(out, VIEW("index"), row->index);
	json_member_string(out, VIEW("account"), row->account);
	json_member_string(out, VIEW("sender"), row->sender);
	json_member_string(out, VIEW("recipient"), row->recipient);
	json_member_string(out, VIEW("state"), view_of(queue_state_name(row->state)));
	json_member_integer(out, VIEW("attempts"), row->attempts);
	api_member_time(request, "next_attempt", row->next_attempt);
	api_member_time(request, "accepted", row->accepted);
	api_member_time(request, "expires", row->expires);
	json_member_integer(out, VIEW("size"), (int64_t)row->size);
	json_member_string_optional(out, VIEW("site"), row->site);
	json_member_string_optional(out, VIEW("remote"), row->remote);
	json_member_string_optional(out, VIEW("reason"), row->reason);
	write_verdict(out, &row->last);
	json_close_object(out);
}

static bool cursor_parse(struct view cursor, struct message_id *id, uint64_t *number)
{
	const size_t dot = view_find_byte(cursor, '.');
	return dot != VIEW_NOT_FOUND && id_parse(view_first(cursor, dot), id) &&
	       view_to_u64(view_from(cursor, dot + 1), number);
}

static void write_cursor(struct json *out, struct view name, const struct message_id *id, uint64_t number)
{
	struct text cursor = TEXT_LIMIT(64);
	text_add_id(&cursor, id);
	text_print(&cursor, ".%llu", (unsigned long long)number);
	json_member_string(out, name, text_view(&cursor));
	text_deinit(&cursor);
}

/* The page's cursor is "ID.INDEX". */
static bool read_cursor(struct api_request *request, struct queue_list_request *question)
{
	const struct view after = api_query(request, "after");
	uint64_t index = 0;
	if (after.length == 0)
		return true;
	if (!cursor_parse(after, &question->after, &index)) {
		api_problem(request, 400, "after is a cursor from an earlier page");
		return false;
	}
	question->has_after = true;
	question->after_index = (uint32_t)index;
	return true;
}

void handle_queue_list(struct api_request *request)
{
	struct queue_list_request question = { .most = (uint32_t)api_query_number(request, "limit", 500) };
	struct queue_list_answer answer = { 0 };
	if (!read_filter(request, api_query, &question.filter) || !read_cursor(request, &question))
		return;
	const enum asked asked = queue_list(api_peer(request, ROOM_QUEUE), &question, &answer, &request->arena,
	                                    api_deadline(request, patience));
	if (asked != ASKED_OK) {
		api_problem_asked(request, asked, ROOM_QUEUE);
		return;
	}
	struct json *out = &request->out;
	json_open_object(out);
	json_key(out, VIEW("recipients"));
	json_open_array(out);
	for (size_t i = 0; i < answer.row_count; i++)
		write_row(request, &answer.rows[i]);
	json_close_array(out);
	if (answer.more && answer.row_count > 0) {
		const struct queue_row *last = &answer.rows[answer.row_count - 1];
		write_cursor(out, VIEW("next"), &last->id, last->index);
	}
	json_close_object(out);
}

static bool filter_is_empty(const struct queue_filter *filter)
{
	return !filter->has_id && !filter->has_state && filter->account.length == 0 &&
	       filter->sender_domain.length == 0 && filter->recipient.length == 0 &&
	       filter->recipient_domain.length == 0 && filter->site.length == 0;
}

/* A filter that was misspelt must not mean the whole queue. */
static bool read_action_filter(struct api_request *request, struct queue_filter *filter)
{
	static const struct api_body_key keys[] = {
		{ "action", false },           { "reason", false },    { "all", true },    { "id", false },
		{ "account", false },          { "site", false },      { "state", false }, { "sender_domain", false },
		{ "recipient_domain", false }, { "recipient", false },
	};
	if (!api_body_holds_only(request, keys, sizeof(keys) / sizeof(keys[0])) ||
	    !read_filter(request, api_member, filter))
		return false;
	if (filter_is_empty(filter) == api_member_is_true(request, "all"))
		return true;
	api_problem(request, 400, "say which recipients by filters, or \"all\": true");
	return false;
}

void handle_queue_action(struct api_request *request)
{
	static const char *const names[] = {
		[ACTION_RETRY] = "retry", [ACTION_HOLD] = "hold", [ACTION_RELEASE] = "release", [ACTION_CANCEL] = "cancel"
	};
	const struct view wanted = api_member(request, "action");
	struct queue_act_request question = { .reason = api_member(request, "reason") };
	struct queue_act_answer answer = { 0 };
	unsigned action = 0;
	while (action <= ACTION_CANCEL && !view_equal(wanted, view_of(names[action])))
		action++;
	if (action > ACTION_CANCEL) {
		api_problem(request, 400, "action is retry, hold, release or cancel");
		return;
	}
	question.action = (enum queue_action)action;
	if (!read_action_filter(request, &question.filter))
		return;
	question.all = api_member_is_true(request, "all");
	const enum asked asked = queue_act(api_peer(request, ROOM_QUEUE), &question, &answer, &request->arena,
	                                   api_deadline(request, patience));
	if (asked != ASKED_OK) {
		api_problem_asked(request, asked, ROOM_QUEUE);
		return;
	}
	if (answer.result != CHANGE_DONE) {
		api_problem(request,
		            answer.result == CHANGE_ABSENT    ? 404
		            : answer.result == CHANGE_INVALID ? 400
		                                              : 503,
		            "%.*s",
		            VIEW_PRINT(answer.why.length > 0 ? answer.why : VIEW("nothing in the queue fits the filter")));
		return;
	}
	json_open_object(&request->out);
	json_member_integer(&request->out, VIEW("changed"), (int64_t)answer.changed);
	json_close_object(&request->out);
}

/* The check's cursor is "ID.CHECKED". */
void handle_queue_check(struct api_request *request)
{
	const struct view cursor = api_query(request, "cursor");
	struct queue_check_request question = { 0 };
	struct queue_check_answer answer = { 0 };
	if (cursor.length > 0 && !cursor_parse(cursor, &question.cursor.next, &question.cursor.checked)) {
		api_problem(request, 400, "cursor is one from an earlier slice");
		return;
	}
	const enum asked asked = queue_check(api_peer(request, ROOM_QUEUE), &question, &answer, &request->arena,
	                                     api_deadline(request, 5 * MINUTE));
	if (asked != ASKED_OK) {
		api_problem_asked(request, asked, ROOM_QUEUE);
		return;
	}
	if (!answer.is_read) {
		api_problem(request, 503, "the queue cannot read its files now; the log says why");
		return;
	}
	struct json *out = &request->out;
	json_open_object(out);
	write_cursor(out, VIEW("cursor"), &answer.cursor.next, answer.cursor.checked);
	json_key(out, VIEW("done"));
	json_add_boolean(out, answer.done);
	json_member_integer(out, VIEW("checked"), (int64_t)answer.cursor.checked);
	json_member_integer(out, VIEW("total"), (int64_t)answer.total);
	json_key(out, VIEW("faults"));
	json_open_array(out);
	for (size_t i = 0; i < answer.fault_count; i++)
		json_add_string(out, answer.faults[i]);
	json_close_array(out);
	json_close_object(out);
}

/* ---- messages */

static void write_trace_row(struct api_request *request, const struct trace_row *row)
{
	struct json *out = &request->out;
	json_open_object(out);
	json_member_string(out, VIEW("recipient"), row->recipient);
	json_member_string(out, row->ended ? VIEW("fate") : VIEW("state"),
	                   view_of(row->ended ? fate_name(row->fate) : queue_state_name(row->state)));
	json_member_integer(out, VIEW("attempts"), row->attempts);
	api_member_time(request, "time", row->when);
	api_member_time(request, "next_attempt", row->next_attempt);
	write_verdict(out, &row->verdict);
	json_member_string_optional(out, VIEW("class"), row->class);
	json_member_string_optional(out, VIEW("site"), row->site);
	json_member_string_optional(out, VIEW("remote"), row->remote);
	json_member_string_optional(out, VIEW("egress"), row->egress);
	json_member_string_optional(out, VIEW("tls"), row->tls);
	json_member_string_optional(out, VIEW("reason"), row->reason);
	if (row->seq != 0)
		json_member_integer(out, VIEW("seq"), (int64_t)row->seq);
	json_member_string_optional(out, VIEW("dialogue"), row->dialogue);
	json_close_object(out);
}

/* False: the problem was told. */
static bool ask_trace(struct api_request *request, struct trace_request *question, struct trace_answer *answer)
{
	const struct view id = request->parts[2];
	if (!id_parse(id, &question->id)) {
		api_problem(request, 400, "not a queue id: %.*s", VIEW_PRINT(view_first(id, 60)));
		return false;
	}
	const enum asked asked = queue_trace(api_peer(request, ROOM_QUEUE), question, answer, &request->arena,
	                                     api_deadline(request, patience));
	if (asked != ASKED_OK)
		api_problem_asked(request, asked, ROOM_QUEUE);
	else if (!answer->found)
		api_problem(request, 404, "no message with the id %.*s is in the queue or in the history", VIEW_PRINT(id));
	return asked == ASKED_OK && answer->found;
}

void handle_content(struct api_request *request)
{
	struct trace_request question = { .content = true };
	struct trace_answer answer = { 0 };
	if (!ask_trace(request, &question, &answer))
		return;
	if (!answer.has_content) {
		api_problem(request, 404, "the message %.*s has ended, and only what was captured is kept with the history",
		            VIEW_PRINT(request->parts[2]));
		return;
	}
	request->content_type = "message/rfc822";
	text_add(&request->answer, answer.content);
}

void handle_trace(struct api_request *request)
{
	struct trace_request question = { .content = false };
	struct trace_answer answer = { 0 };
	if (!ask_trace(request, &question, &answer))
		return;
	struct json *out = &request->out;
	json_open_object(out);
	api_member_id(request, "id", &question.id);
	json_member_string(out, VIEW("account"), answer.account);
	json_member_string(out, VIEW("sender"), answer.sender);
	api_member_time(request, "accepted", answer.accepted);
	json_member_integer(out, VIEW("size"), (int64_t)answer.size);
	json_key(out, VIEW("recipients"));
	json_open_array(out);
	for (size_t i = 0; i < answer.row_count; i++)
		write_trace_row(request, &answer.rows[i]);
	json_close_array(out);
	json_close_object(out);
}

/* RFC 3339, in UTC; a fraction is passed over. An absent one is open (0). */
static bool read_time(struct api_request *request, const char *name, int64_t *wall)
{
	const struct view given = api_query(request, name);
	struct tm broken = { 0 };
	if (given.length == 0)
		return true;
	const char *rest = strptime(arena_cstring(&request->arena, given), "%Y-%m-%dT%H:%M:%S", &broken);
	if (rest != NULL && *rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (rest == NULL || !view_equal(view_of(rest), VIEW("Z"))) {
		api_problem(request, 400, "%s is a time such as 2026-11-23T10:43:13Z", name);
		return false;
	}
	*wall = (int64_t)timegm(&broken) * SECOND;
	return true;
}

static void write_search_row(struct api_request *request, const struct search_row *row)
{
	struct json *out = &request->out;
	json_open_object(out);
	api_member_id(request, "id", &row->id);
	api_member_time(request, "time", row->when);
	json_member_string(out, VIEW("fate"), view_of(fate_name(row->fate)));
	json_member_string(out, VIEW("account"), row->account);
	json_member_string(out, VIEW("sender"), row->sender);
	json_member_string(out, VIEW("recipient"), row->recipient);
	json_member_string_optional(out, VIEW("site"), row->site);
	write_verdict(out, &row->verdict);
	json_member_string_optional(out, VIEW("class"), row->class);
	json_member_string_optional(out, VIEW("reason"), row->reason);
	json_member_integer(out, VIEW("seq"), (int64_t)row->seq);
	json_close_object(out);
}

void handle_search(struct api_request *request)
{
	struct search_request question = {
		.account = api_query(request, "account"),
		.recipient = api_query(request, "recipient"),
		.sender = api_query(request, "sender"),
		.domain = api_query(request, "domain"),
		.before_seq = api_query_number(request, "before", 0),
		.most = (uint32_t)api_query_number(request, "limit", 100),
	};
	struct search_answer answer = { 0 };
	if (!read_time(request, "since", &question.since) || !read_time(request, "until", &question.until))
		return;
	const enum asked asked = queue_search(api_peer(request, ROOM_QUEUE), &question, &answer, &request->arena,
	                                      api_deadline(request, patience));
	if (asked != ASKED_OK) {
		api_problem_asked(request, asked, ROOM_QUEUE);
		return;
	}
	struct json *out = &request->out;
	json_open_object(out);
	json_key(out, VIEW("messages"));
	json_open_array(out);
	for (size_t i = 0; i < answer.row_count; i++)
		write_search_row(request, &answer.rows[i]);
	json_close_array(out);
	if (answer.more && answer.row_count > 0)
		json_member_integer(out, VIEW("next"), (int64_t)answer.rows[answer.row_count - 1].seq);
	json_close_object(out);
}

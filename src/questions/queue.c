#include "questions/queue.h"

#include "base/must.h"
#include "ipc/channel.h"
#include "questions/common.h"
#include "questions/describe.h"

const char *fate_name(enum fate fate)
{
	static const char *const names[] = {
		[FATE_DELIVERED] = "delivered", [FATE_DEFERRED] = "deferred",   [FATE_BOUNCED] = "bounced",
		[FATE_CAPTURED] = "captured",   [FATE_HELD] = "held",           [FATE_RETURNED] = "returned",
		[FATE_EXPIRED] = "expired",     [FATE_CANCELLED] = "cancelled", [FATE_SUPPRESSED] = "suppressed",
	};
	must((size_t)fate <= FATE_SUPPRESSED);
	return names[fate];
}

bool fate_is_final(enum fate fate)
{
	return fate != FATE_DEFERRED && fate != FATE_HELD && fate != FATE_RETURNED;
}

const char *queue_state_name(enum queue_state state)
{
	static const char *const names[QUEUE_STATE_COUNT] = {
		[QUEUE_QUEUED] = "queued",
		[QUEUE_DEFERRED] = "deferred",
		[QUEUE_HELD] = "held",
		[QUEUE_LEASED] = "leased",
	};
	must((size_t)state < QUEUE_STATE_COUNT);
	return names[state];
}

static void wire_queue_filter(struct wire *wire, struct queue_filter *value)
{
	wire_bool(wire, &value->has_id);
	wire_message_id(wire, &value->id);
	wire_view(wire, &value->account, NAME_MOST);
	wire_view(wire, &value->sender_domain, NAME_MOST);
	wire_view(wire, &value->recipient, LINE_MOST);
	wire_view(wire, &value->recipient_domain, NAME_MOST);
	wire_view(wire, &value->site, NAME_MOST);
	wire_bool(wire, &value->has_state);
	WIRE_ENUM(wire, value->state, enum queue_state, QUEUE_LEASED);
}

static void envelope_wire(struct wire *wire, void *element)
{
	struct envelope *value = element;
	wire_view(wire, &value->account, NAME_MOST);
	wire_view(wire, &value->as_typed, NAME_MOST);
	wire_view(wire, &value->sender, LINE_MOST);
	value->identity_domain_count = wire_count(wire, value->identity_domain_count, IDENTITY_DOMAINS_MOST);
	for (size_t i = 0; i < value->identity_domain_count; i++)
		wire_view(wire, &value->identity_domains[i], LINE_MOST);
	WIRE_ENUM(wire, value->require_token, enum requirement, REQUIRE_OFF);
	wire_bool(wire, &value->eight_bit);
	wire_view(wire, &value->hold_reason, LINE_MOST);
}

static void submit_recipient_wire(struct wire *wire, void *element)
{
	struct submit_recipient *value = element;
	wire_view(wire, &value->address, LINE_MOST);
	wire_view(wire, &value->domain, NAME_MOST);
}

static void submit_request_wire(struct wire *wire, void *element)
{
	struct submit_request *value = element;
	wire_message_id(wire, &value->id);
	wire_bool(wire, &value->repeat);
	wire_i64(wire, &value->accepted);
	envelope_wire(wire, &value->envelope);
	value->recipients = wire_array(wire, value->recipients, &value->recipient_count, RECIPIENTS_MOST,
	                               sizeof(struct submit_recipient), submit_recipient_wire);
	wire_bulk(wire, &value->content);
}

static void submit_answer_wire(struct wire *wire, void *element)
{
	struct submit_answer *value = element;
	WIRE_ENUM(wire, value->result, enum submit_result, SUBMIT_UNKNOWN);
	wire_view(wire, &value->why, PARAGRAPH_MOST);
}

const struct question queue_submit_question = {
	.kind = QUESTION_KIND(ROOM_QUEUE, 1),
	.name = "submit",
	.request_size = sizeof(struct submit_request),
	.answer_size = sizeof(struct submit_answer),
	.request = submit_request_wire,
	.answer = submit_answer_wire,
};

enum asked queue_submit(struct peer *queue, const struct submit_request *request, struct submit_answer *answer,
                        struct arena *arena, int64_t deadline)
{
	return peer_ask(queue, &queue_submit_question, request, answer, arena, deadline);
}

static void room_request_wire(struct wire *wire, void *element)
{
	struct room_request *value = element;
	wire_u64(wire, &value->size);
}

const struct question queue_room_question = {
	.kind = QUESTION_KIND(ROOM_QUEUE, 2),
	.name = "room",
	.request_size = sizeof(struct room_request),
	.answer_size = sizeof(struct submit_answer),
	.request = room_request_wire,
	.answer = submit_answer_wire,
};

enum asked queue_room(struct peer *queue, const struct room_request *request, struct submit_answer *answer,
                      struct arena *arena, int64_t deadline)
{
	return peer_ask(queue, &queue_room_question, request, answer, arena, deadline);
}

static void take_request_wire(struct wire *wire, void *element)
{
	struct take_request *value = element;
	wire_u32(wire, &value->most);
	wire_u32(wire, &value->room);
	wire_i64(wire, &value->patience);
}

static void job_recipient_wire(struct wire *wire, void *element)
{
	struct job_recipient *value = element;
	wire_u32(wire, &value->index);
	wire_view(wire, &value->address, LINE_MOST);
	wire_u32(wire, &value->attempts);
	wire_verdict(wire, &value->verdict);
	wire_view(wire, &value->remote, LINE_MOST);
	wire_i64(wire, &value->last_attempt);
}

static void job_wire(struct wire *wire, void *element)
{
	struct job *value = element;
	WIRE_ENUM(wire, value->kind, enum job_kind, JOB_NOTICE);
	wire_u64(wire, &value->lease);
	wire_message_id(wire, &value->id);
	wire_i64(wire, &value->accepted);
	wire_i64(wire, &value->expires);
	envelope_wire(wire, &value->envelope);
	wire_view(wire, &value->domain, NAME_MOST);
	WIRE_ENUM(wire, value->notice, enum notice_kind, NOTICE_DELAY);
	value->recipients = wire_array(wire, value->recipients, &value->recipient_count, RECIPIENTS_MOST,
	                               sizeof(struct job_recipient), job_recipient_wire);
	wire_view(wire, &value->content, CHANNEL_PAYLOAD_MAX);
}

static void take_answer_wire(struct wire *wire, void *element)
{
	struct take_answer *value = element;
	value->jobs = wire_array(wire, value->jobs, &value->job_count, PAGE_MOST, sizeof(struct job), job_wire);
}

const struct question queue_take_question = {
	.kind = QUESTION_KIND(ROOM_QUEUE, 3),
	.name = "take",
	.request_size = sizeof(struct take_request),
	.answer_size = sizeof(struct take_answer),
	.request = take_request_wire,
	.answer = take_answer_wire,
};

enum asked queue_take(struct peer *queue, const struct take_request *request, struct take_answer *answer,
                      struct arena *arena, int64_t deadline)
{
	return peer_ask(queue, &queue_take_question, request, answer, arena, deadline);
}

static void report_row_wire(struct wire *wire, void *element)
{
	struct report_row *value = element;
	wire_u32(wire, &value->index);
	WIRE_ENUM(wire, value->fate, enum fate, FATE_SUPPRESSED);
	wire_verdict(wire, &value->verdict);
	wire_view(wire, &value->class, NAME_MOST);
}

static void report_request_wire(struct wire *wire, void *element)
{
	struct report_request *value = element;
	wire_u64(wire, &value->lease);
	wire_message_id(wire, &value->id);
	wire_fixed(wire, value->attempt, sizeof(value->attempt));
	wire_view(wire, &value->site, NAME_MOST);
	wire_view(wire, &value->remote, LINE_MOST);
	wire_view(wire, &value->egress, NAME_MOST);
	wire_view(wire, &value->tls, LINE_MOST);
	wire_view(wire, &value->dialogue, PARAGRAPH_MOST);
	wire_i64(wire, &value->not_before);
	wire_i64(wire, &value->duration);
	value->rows =
		wire_array(wire, value->rows, &value->row_count, PAGE_MOST, sizeof(struct report_row), report_row_wire);
}

static void report_answer_wire(struct wire *wire, void *element)
{
	struct report_answer *value = element;
	wire_bool(wire, &value->taken);
	wire_u64(wire, &value->first_seq);
}

const struct question queue_report_question = {
	.kind = QUESTION_KIND(ROOM_QUEUE, 4),
	.name = "report",
	.request_size = sizeof(struct report_request),
	.answer_size = sizeof(struct report_answer),
	.request = report_request_wire,
	.answer = report_answer_wire,
};

enum asked queue_report(struct peer *queue, const struct report_request *request, struct report_answer *answer,
                        struct arena *arena, int64_t deadline)
{
	return peer_ask(queue, &queue_report_question, request, answer, arena, deadline);
}

static void running_job_wire(struct wire *wire, void *element)
{
	struct running_job *value = element;
	wire_u64(wire, &value->lease);
	wire_message_id(wire, &value->id);
	value->indexes =
		wire_array(wire, value->indexes, &value->index_count, RECIPIENTS_MOST, sizeof(uint32_t), wire_u32_element);
}

static void hello_request_wire(struct wire *wire, void *element)
{
	struct hello_request *value = element;
	value->jobs =
		wire_array(wire, value->jobs, &value->job_count, PAGE_MOST, sizeof(struct running_job), running_job_wire);
}

static void hello_answer_wire(struct wire *wire, void *element)
{
	struct hello_answer *value = element;
	value->leases =
		wire_array(wire, value->leases, &value->lease_count, PAGE_MOST, sizeof(uint64_t), wire_u64_element);
}

const struct question queue_hello_question = {
	.kind = QUESTION_KIND(ROOM_QUEUE, 5),
	.name = "hello",
	.request_size = sizeof(struct hello_request),
	.answer_size = sizeof(struct hello_answer),
	.request = hello_request_wire,
	.answer = hello_answer_wire,
};

enum asked queue_hello(struct peer *queue, const struct hello_request *request, struct hello_answer *answer,
                       struct arena *arena, int64_t deadline)
{
	return peer_ask(queue, &queue_hello_question, request, answer, arena, deadline);
}

static void notice_done_request_wire(struct wire *wire, void *element)
{
	struct notice_done_request *value = element;
	wire_u64(wire, &value->lease);
	wire_message_id(wire, &value->about);
	WIRE_ENUM(wire, value->notice, enum notice_kind, NOTICE_DELAY);
	submit_request_wire(wire, &value->message);
}

const struct question queue_notice_done_question = {
	.kind = QUESTION_KIND(ROOM_QUEUE, 6),
	.name = "notice_done",
	.request_size = sizeof(struct notice_done_request),
	.answer_size = sizeof(struct submit_answer),
	.request = notice_done_request_wire,
	.answer = submit_answer_wire,
};

enum asked queue_notice_done(struct peer *queue, const struct notice_done_request *request,
                             struct submit_answer *answer, struct arena *arena, int64_t deadline)
{
	return peer_ask(queue, &queue_notice_done_question, request, answer, arena, deadline);
}

static void queue_list_request_wire(struct wire *wire, void *element)
{
	struct queue_list_request *value = element;
	wire_queue_filter(wire, &value->filter);
	wire_bool(wire, &value->has_after);
	wire_message_id(wire, &value->after);
	wire_u32(wire, &value->after_index);
	wire_u32(wire, &value->most);
}

static void queue_row_wire(struct wire *wire, void *element)
{
	struct queue_row *value = element;
	wire_message_id(wire, &value->id);
	wire_u32(wire, &value->index);
	wire_view(wire, &value->account, NAME_MOST);
	wire_view(wire, &value->sender, LINE_MOST);
	wire_view(wire, &value->recipient, LINE_MOST);
	wire_view(wire, &value->site, NAME_MOST);
	WIRE_ENUM(wire, value->state, enum queue_state, QUEUE_LEASED);
	wire_u32(wire, &value->attempts);
	wire_i64(wire, &value->accepted);
	wire_i64(wire, &value->next_attempt);
	wire_i64(wire, &value->expires);
	wire_u64(wire, &value->size);
	wire_verdict(wire, &value->last);
	wire_view(wire, &value->remote, LINE_MOST);
	wire_view(wire, &value->reason, LINE_MOST);
}

static void queue_list_answer_wire(struct wire *wire, void *element)
{
	struct queue_list_answer *value = element;
	value->rows =
		wire_array(wire, value->rows, &value->row_count, PAGE_MOST, sizeof(struct queue_row), queue_row_wire);
	wire_bool(wire, &value->more);
}

const struct question queue_list_question = {
	.kind = QUESTION_KIND(ROOM_QUEUE, 7),
	.name = "list",
	.request_size = sizeof(struct queue_list_request),
	.answer_size = sizeof(struct queue_list_answer),
	.request = queue_list_request_wire,
	.answer = queue_list_answer_wire,
};

enum asked queue_list(struct peer *queue, const struct queue_list_request *request, struct queue_list_answer *answer,
                      struct arena *arena, int64_t deadline)
{
	return peer_ask(queue, &queue_list_question, request, answer, arena, deadline);
}

static void queue_summary_request_wire(struct wire *wire, void *element)
{
	struct queue_summary_request *value = element;
	wire_u32(wire, &value->most);
}

static void summary_row_wire(struct wire *wire, void *element)
{
	struct summary_row *value = element;
	wire_view(wire, &value->account, NAME_MOST);
	wire_view(wire, &value->domain, NAME_MOST);
	for (size_t i = 0; i < QUEUE_STATE_COUNT; i++)
		wire_u64(wire, &value->recipients[i]);
	wire_i64(wire, &value->oldest);
}

static void queue_summary_answer_wire(struct wire *wire, void *element)
{
	struct queue_summary_answer *value = element;
	wire_u64(wire, &value->messages);
	for (size_t i = 0; i < QUEUE_STATE_COUNT; i++)
		wire_u64(wire, &value->recipients[i]);
	wire_u64(wire, &value->bytes);
	wire_i64(wire, &value->oldest);
	value->rows =
		wire_array(wire, value->rows, &value->row_count, PAGE_MOST, sizeof(struct summary_row), summary_row_wire);
}

const struct question queue_summary_question = {
	.kind = QUESTION_KIND(ROOM_QUEUE, 8),
	.name = "summary",
	.request_size = sizeof(struct queue_summary_request),
	.answer_size = sizeof(struct queue_summary_answer),
	.request = queue_summary_request_wire,
	.answer = queue_summary_answer_wire,
};

enum asked queue_summary(struct peer *queue, const struct queue_summary_request *request,
                         struct queue_summary_answer *answer, struct arena *arena, int64_t deadline)
{
	return peer_ask(queue, &queue_summary_question, request, answer, arena, deadline);
}

static void queue_act_request_wire(struct wire *wire, void *element)
{
	struct queue_act_request *value = element;
	WIRE_ENUM(wire, value->action, enum queue_action, ACTION_CANCEL);
	wire_queue_filter(wire, &value->filter);
	wire_view(wire, &value->reason, LINE_MOST);
	wire_bool(wire, &value->whole_account);
	wire_bool(wire, &value->all);
}

static void queue_act_answer_wire(struct wire *wire, void *element)
{
	struct queue_act_answer *value = element;
	wire_u64(wire, &value->changed);
	WIRE_ENUM(wire, value->result, enum change_result, CHANGE_FAILED);
	wire_view(wire, &value->why, PARAGRAPH_MOST);
}

const struct question queue_act_question = {
	.kind = QUESTION_KIND(ROOM_QUEUE, 9),
	.name = "act",
	.request_size = sizeof(struct queue_act_request),
	.answer_size = sizeof(struct queue_act_answer),
	.request = queue_act_request_wire,
	.answer = queue_act_answer_wire,
};

enum asked queue_act(struct peer *queue, const struct queue_act_request *request, struct queue_act_answer *answer,
                     struct arena *arena, int64_t deadline)
{
	return peer_ask(queue, &queue_act_question, request, answer, arena, deadline);
}

static void trace_request_wire(struct wire *wire, void *element)
{
	struct trace_request *value = element;
	wire_message_id(wire, &value->id);
	wire_bool(wire, &value->content);
}

static void trace_row_wire(struct wire *wire, void *element)
{
	struct trace_row *value = element;
	wire_u32(wire, &value->index);
	wire_view(wire, &value->recipient, LINE_MOST);
	wire_bool(wire, &value->ended);
	WIRE_ENUM(wire, value->fate, enum fate, FATE_SUPPRESSED);
	WIRE_ENUM(wire, value->state, enum queue_state, QUEUE_LEASED);
	wire_u32(wire, &value->attempts);
	wire_i64(wire, &value->when);
	wire_i64(wire, &value->next_attempt);
	wire_verdict(wire, &value->verdict);
	wire_view(wire, &value->class, NAME_MOST);
	wire_view(wire, &value->site, NAME_MOST);
	wire_view(wire, &value->remote, LINE_MOST);
	wire_view(wire, &value->egress, NAME_MOST);
	wire_view(wire, &value->tls, LINE_MOST);
	wire_view(wire, &value->dialogue, PARAGRAPH_MOST);
	wire_view(wire, &value->reason, LINE_MOST);
	wire_u64(wire, &value->seq);
}

static void trace_answer_wire(struct wire *wire, void *element)
{
	struct trace_answer *value = element;
	wire_bool(wire, &value->found);
	wire_view(wire, &value->account, NAME_MOST);
	wire_view(wire, &value->sender, LINE_MOST);
	wire_i64(wire, &value->accepted);
	wire_u64(wire, &value->size);
	value->rows =
		wire_array(wire, value->rows, &value->row_count, PAGE_MOST, sizeof(struct trace_row), trace_row_wire);
	wire_bool(wire, &value->has_content);
	wire_bulk(wire, &value->content);
}

const struct question queue_trace_question = {
	.kind = QUESTION_KIND(ROOM_QUEUE, 10),
	.name = "trace",
	.request_size = sizeof(struct trace_request),
	.answer_size = sizeof(struct trace_answer),
	.request = trace_request_wire,
	.answer = trace_answer_wire,
};

enum asked queue_trace(struct peer *queue, const struct trace_request *request, struct trace_answer *answer,
                       struct arena *arena, int64_t deadline)
{
	return peer_ask(queue, &queue_trace_question, request, answer, arena, deadline);
}

static void search_request_wire(struct wire *wire, void *element)
{
	struct search_request *value = element;
	wire_view(wire, &value->account, NAME_MOST);
	wire_view(wire, &value->recipient, LINE_MOST);
	wire_view(wire, &value->sender, LINE_MOST);
	wire_view(wire, &value->domain, NAME_MOST);
	wire_i64(wire, &value->since);
	wire_i64(wire, &value->until);
	wire_u64(wire, &value->before_seq);
	wire_u32(wire, &value->most);
}

static void search_row_wire(struct wire *wire, void *element)
{
	struct search_row *value = element;
	wire_message_id(wire, &value->id);
	wire_u32(wire, &value->index);
	wire_u64(wire, &value->seq);
	wire_view(wire, &value->account, NAME_MOST);
	wire_view(wire, &value->sender, LINE_MOST);
	wire_view(wire, &value->recipient, LINE_MOST);
	wire_view(wire, &value->site, NAME_MOST);
	WIRE_ENUM(wire, value->fate, enum fate, FATE_SUPPRESSED);
	wire_i64(wire, &value->when);
	wire_verdict(wire, &value->verdict);
	wire_view(wire, &value->class, NAME_MOST);
	wire_view(wire, &value->reason, LINE_MOST);
}

static void search_answer_wire(struct wire *wire, void *element)
{
	struct search_answer *value = element;
	value->rows =
		wire_array(wire, value->rows, &value->row_count, PAGE_MOST, sizeof(struct search_row), search_row_wire);
	wire_bool(wire, &value->more);
}

const struct question queue_search_question = {
	.kind = QUESTION_KIND(ROOM_QUEUE, 11),
	.name = "search",
	.request_size = sizeof(struct search_request),
	.answer_size = sizeof(struct search_answer),
	.request = search_request_wire,
	.answer = search_answer_wire,
};

enum asked queue_search(struct peer *queue, const struct search_request *request, struct search_answer *answer,
                        struct arena *arena, int64_t deadline)
{
	return peer_ask(queue, &queue_search_question, request, answer, arena, deadline);
}

static void wire_check_cursor(struct wire *wire, struct queue_check_cursor *cursor)
{
	wire_message_id(wire, &cursor->next);
	wire_u64(wire, &cursor->checked);
}

static void queue_check_request_wire(struct wire *wire, void *element)
{
	struct queue_check_request *value = element;
	wire_check_cursor(wire, &value->cursor);
}

static void queue_check_answer_wire(struct wire *wire, void *element)
{
	struct queue_check_answer *value = element;
	wire_bool(wire, &value->is_read);
	wire_check_cursor(wire, &value->cursor);
	wire_bool(wire, &value->done);
	wire_u64(wire, &value->total);
	value->faults =
		wire_array(wire, value->faults, &value->fault_count, PAGE_MOST, sizeof(struct view), wire_view_element);
}

const struct question queue_check_question = {
	.kind = QUESTION_KIND(ROOM_QUEUE, 12),
	.name = "check",
	.request_size = sizeof(struct queue_check_request),
	.answer_size = sizeof(struct queue_check_answer),
	.request = queue_check_request_wire,
	.answer = queue_check_answer_wire,
};

enum asked queue_check(struct peer *queue, const struct queue_check_request *request,
                       struct queue_check_answer *answer, struct arena *arena, int64_t deadline)
{
	return peer_ask(queue, &queue_check_question, request, answer, arena, deadline);
}

static void token_back_request_wire(struct wire *wire, void *element)
{
	struct token_back_request *value = element;
	wire_view(wire, &value->account, NAME_MOST);
}

const struct question queue_token_back_question = {
	.kind = QUESTION_KIND(ROOM_QUEUE, 13),
	.name = "token_back",
	.request_size = sizeof(struct token_back_request),
	.answer_size = sizeof(struct queue_act_answer),
	.request = token_back_request_wire,
	.answer = queue_act_answer_wire,
};

enum asked queue_token_back(struct peer *queue, const struct token_back_request *request,
                            struct queue_act_answer *answer, struct arena *arena, int64_t deadline)
{
	return peer_ask(queue, &queue_token_back_question, request, answer, arena, deadline);
}

const struct question *const queue_submission_questions[] = {
	&queue_submit_question,
	&queue_room_question,
	NULL,
};

const struct question *const queue_delivery_questions[] = {
	&queue_take_question, &queue_report_question, &queue_hello_question, &queue_notice_done_question, NULL,
};

const struct question *const queue_resolver_questions[] = { &queue_token_back_question, NULL };

const struct question *const queue_api_questions[] = {
	&queue_list_question,
	&queue_summary_question,
	&queue_act_question,
	&queue_trace_question,
	&queue_search_question,
	&queue_check_question,
	NULL,
};

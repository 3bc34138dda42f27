#include "questions/resolver.h"

#include "questions/common.h"
#include "questions/describe.h"

static void verdict_request_wire(struct wire *wire, void *element)
{
	struct verdict_request *value = element;
	WIRE_ENUM(wire, value->moment, enum verdict_moment, MOMENT_DATA);
	wire_view(wire, &value->account, NAME_MOST);
	wire_view(wire, &value->as_typed, NAME_MOST);
	wire_view(wire, &value->mail_from, NAME_MOST);
	wire_view(wire, &value->from, NAME_MOST);
	value->other_count = wire_count(wire, value->other_count, IDENTITY_DOMAINS_MOST);
	for (size_t i = 0; i < value->other_count; i++)
		wire_view(wire, &value->others[i], NAME_MOST);
	for (size_t i = 0; i < CHECK_COUNT; i++)
		WIRE_ENUM(wire, value->require[i], enum requirement, REQUIRE_OFF);
	value->sealed_by_count = wire_count(wire, value->sealed_by_count, SEALED_BY_MOST);
	for (size_t i = 0; i < value->sealed_by_count; i++)
		wire_view(wire, &value->sealed_by[i], NAME_MOST);
	wire_bool(wire, &value->seals_untold);
}

static void usable_key_wire(struct wire *wire, void *element)
{
	struct usable_key *value = element;
	wire_view(wire, &value->selector, NAME_MOST);
	WIRE_ENUM(wire, value->algorithm, enum dkim_algorithm, DKIM_ED25519_SHA256);
	wire_view(wire, &value->record, LINE_MOST);
}

static void verdict_answer_wire(struct wire *wire, void *element)
{
	struct verdict_answer *value = element;
	wire_verdict(wire, &value->verdict);
	wire_view(wire, &value->warnings, PARAGRAPH_MOST);
	value->seal_count = wire_count(wire, value->seal_count, SEALS_MOST);
	for (size_t i = 0; i < value->seal_count; i++)
		usable_key_wire(wire, &value->seals[i]);
	wire_bool(wire, &value->presealed);
	wire_i64(wire, &value->good_for);
}

static int64_t verdict_good_for(const void *answer)
{
	const struct verdict_answer *value = answer;
	return verdict_is_ok(value->verdict) ? value->good_for : 0;
}

const struct question resolver_verdict_question = {
	.kind = QUESTION_KIND(ROOM_RESOLVER, 1),
	.name = "verdict",
	.request_size = sizeof(struct verdict_request),
	.answer_size = sizeof(struct verdict_answer),
	.request = verdict_request_wire,
	.answer = verdict_answer_wire,
	.good_for = verdict_good_for,
};

enum asked resolver_verdict(struct peer *resolver, const struct verdict_request *request,
                            struct verdict_answer *answer, struct arena *arena, int64_t deadline)
{
	return peer_ask(resolver, &resolver_verdict_question, request, answer, arena, deadline);
}

static void seal_key_request_wire(struct wire *wire, void *element)
{
	struct seal_key_request *value = element;
	wire_view(wire, &value->name, LINE_MOST);
}

static void seal_key_answer_wire(struct wire *wire, void *element)
{
	struct seal_key_answer *value = element;
	WIRE_ENUM(wire, value->result, enum seal_key_result, SEAL_KEY_LATER);
	value->record_count = wire_count(wire, value->record_count, SEAL_KEY_RECORDS_MOST);
	for (size_t i = 0; i < value->record_count; i++)
		wire_view(wire, &value->records[i], PARAGRAPH_MOST);
	wire_view(wire, &value->why, PARAGRAPH_MOST);
}

const struct question resolver_seal_key_question = {
	.kind = QUESTION_KIND(ROOM_RESOLVER, 6),
	.name = "seal_key",
	.request_size = sizeof(struct seal_key_request),
	.answer_size = sizeof(struct seal_key_answer),
	.request = seal_key_request_wire,
	.answer = seal_key_answer_wire,
};

enum asked resolver_seal_key(struct peer *resolver, const struct seal_key_request *request,
                             struct seal_key_answer *answer, struct arena *arena, int64_t deadline)
{
	return peer_ask(resolver, &resolver_seal_key_question, request, answer, arena, deadline);
}

static void may_send_request_wire(struct wire *wire, void *element)
{
	struct may_send_request *value = element;
	wire_view(wire, &value->account, NAME_MOST);
	wire_view(wire, &value->as_typed, NAME_MOST);
	value->domain_count = wire_count(wire, value->domain_count, IDENTITY_DOMAINS_MOST);
	for (size_t i = 0; i < value->domain_count; i++)
		wire_view(wire, &value->domains[i], LINE_MOST);
	WIRE_ENUM(wire, value->require_token, enum requirement, REQUIRE_OFF);
}

static void may_send_answer_wire(struct wire *wire, void *element)
{
	struct may_send_answer *value = element;
	WIRE_ENUM(wire, value->permission, enum permission, PERMISSION_UNKNOWN);
	wire_view(wire, &value->why, PARAGRAPH_MOST);
	wire_i64(wire, &value->good_for);
}

static int64_t may_send_good_for(const void *answer)
{
	const struct may_send_answer *value = answer;
	return value->permission == PERMISSION_YES ? value->good_for : 0;
}

const struct question resolver_may_send_question = {
	.kind = QUESTION_KIND(ROOM_RESOLVER, 2),
	.name = "may_send",
	.request_size = sizeof(struct may_send_request),
	.answer_size = sizeof(struct may_send_answer),
	.request = may_send_request_wire,
	.answer = may_send_answer_wire,
	.good_for = may_send_good_for,
};

enum asked resolver_may_send(struct peer *resolver, const struct may_send_request *request,
                             struct may_send_answer *answer, struct arena *arena, int64_t deadline)
{
	return peer_ask(resolver, &resolver_may_send_question, request, answer, arena, deadline);
}

static void route_request_wire(struct wire *wire, void *element)
{
	struct route_request *value = element;
	wire_view(wire, &value->domain, NAME_MOST);
}

static void wire_endpoint(struct wire *wire, struct endpoint *endpoint)
{
	wire_u8(wire, &endpoint->family);
	wire_fixed(wire, endpoint->address, sizeof(endpoint->address));
	wire_u16(wire, &endpoint->port);
	wire_u32(wire, &endpoint->scope);
}

static void route_host_wire(struct wire *wire, void *element)
{
	struct route_host *value = element;
	wire_view(wire, &value->name, LINE_MOST);
	wire_u16(wire, &value->preference);
	value->address_count = wire_count(wire, value->address_count, ROUTE_ADDRESSES_MOST);
	for (size_t i = 0; i < value->address_count; i++)
		wire_endpoint(wire, &value->addresses[i]);
}

static void route_answer_wire(struct wire *wire, void *element)
{
	struct route_answer *value = element;
	WIRE_ENUM(wire, value->result, enum route_result, ROUTE_LOOP);
	wire_verdict(wire, &value->verdict);
	wire_view(wire, &value->site, NAME_MOST);
	value->hosts = wire_array(wire, value->hosts, &value->host_count, ROUTE_HOSTS_MOST, sizeof(struct route_host),
	                          route_host_wire);
	wire_i64(wire, &value->good_for);
}

/* Soon asked again, since hosts of one preference come in an order that is drawn anew each time (RFC 5321 5.1). */
static int64_t route_good_for(const void *answer)
{
	const struct route_answer *value = answer;
	return value->result != ROUTE_FOUND ? 0 : value->good_for < SECOND ? value->good_for : SECOND;
}

const struct question resolver_route_question = {
	.kind = QUESTION_KIND(ROOM_RESOLVER, 3),
	.name = "route",
	.request_size = sizeof(struct route_request),
	.answer_size = sizeof(struct route_answer),
	.request = route_request_wire,
	.answer = route_answer_wire,
	.good_for = route_good_for,
};

enum asked resolver_route(struct peer *resolver, const struct route_request *request, struct route_answer *answer,
                          struct arena *arena, int64_t deadline)
{
	return peer_ask(resolver, &resolver_route_question, request, answer, arena, deadline);
}

static void check_request_wire(struct wire *wire, void *element)
{
	struct check_request *value = element;
	wire_view(wire, &value->domain, NAME_MOST);
	wire_view(wire, &value->account, NAME_MOST);
	wire_view(wire, &value->as_typed, NAME_MOST);
}

static void check_server_wire(struct wire *wire, void *element)
{
	struct check_server *value = element;
	wire_view(wire, &value->name, NAME_MOST);
	WIRE_ENUM(wire, value->state, enum check_state, STATE_UNKNOWN);
	value->seen_count = wire_count(wire, value->seen_count, SERVER_SEEN_MOST);
	for (size_t i = 0; i < value->seen_count; i++)
		wire_view(wire, &value->seen[i], LINE_MOST);
}

static void asked_server_wire(struct wire *wire, void *element)
{
	struct asked_server *value = element;
	wire_view(wire, &value->name, NAME_MOST);
	wire_view(wire, &value->problem, LINE_MOST);
}

static void check_row_wire(struct wire *wire, void *element)
{
	struct check_row *value = element;
	WIRE_ENUM(wire, value->check, enum check, CHECK_DMARC);
	WIRE_ENUM(wire, value->state, enum check_state, STATE_UNKNOWN);
	value->seen_count = wire_count(wire, value->seen_count, SEEN_MOST);
	for (size_t i = 0; i < value->seen_count; i++)
		wire_view(wire, &value->seen[i], LINE_MOST);
	wire_view(wire, &value->name, LINE_MOST);
	wire_view(wire, &value->expected, PARAGRAPH_MOST);
	wire_view(wire, &value->fix, PARAGRAPH_MOST);
	wire_bool(wire, &value->replaces);
	wire_view(wire, &value->remove, PARAGRAPH_MOST);
	wire_view(wire, &value->detail, PARAGRAPH_MOST);
	wire_u32(wire, &value->ttl);
	value->server_count = wire_count(wire, value->server_count, CHECK_SERVERS_MOST);
	for (size_t i = 0; i < value->server_count; i++)
		check_server_wire(wire, &value->servers[i]);
}

static void check_answer_wire(struct wire *wire, void *element)
{
	struct check_answer *value = element;
	wire_bool(wire, &value->ready);
	value->check_count = wire_count(wire, value->check_count, CHECK_COUNT + 1);
	for (size_t i = 0; i < value->check_count; i++)
		check_row_wire(wire, &value->checks[i]);
	value->asked_count = wire_count(wire, value->asked_count, CHECK_SERVERS_MOST);
	for (size_t i = 0; i < value->asked_count; i++)
		asked_server_wire(wire, &value->asked[i]);
}

const struct question resolver_check_question = {
	.kind = QUESTION_KIND(ROOM_RESOLVER, 4),
	.name = "check",
	.request_size = sizeof(struct check_request),
	.answer_size = sizeof(struct check_answer),
	.request = check_request_wire,
	.answer = check_answer_wire,
};

enum asked resolver_check(struct peer *resolver, const struct check_request *request, struct check_answer *answer,
                          struct arena *arena, int64_t deadline)
{
	return peer_ask(resolver, &resolver_check_question, request, answer, arena, deadline);
}

static void records_request_wire(struct wire *wire, void *element)
{
	struct records_request *value = element;
	wire_view(wire, &value->domain, NAME_MOST);
	wire_view(wire, &value->account, NAME_MOST);
	wire_bool(wire, &value->service);
}

static void record_row_wire(struct wire *wire, void *element)
{
	struct record_row *value = element;
	wire_view(wire, &value->purpose, NAME_MOST);
	wire_view(wire, &value->name, LINE_MOST);
	wire_view(wire, &value->type, NAME_MOST);
	wire_view(wire, &value->value, PARAGRAPH_MOST);
}

static void records_answer_wire(struct wire *wire, void *element)
{
	struct records_answer *value = element;
	WIRE_ENUM(wire, value->result, enum domain_keys_result, DOMAIN_KEYS_FAILED);
	value->record_count = wire_count(wire, value->record_count, RECORDS_MOST);
	for (size_t i = 0; i < value->record_count; i++)
		record_row_wire(wire, &value->records[i]);
}

const struct question resolver_records_question = {
	.kind = QUESTION_KIND(ROOM_RESOLVER, 5),
	.name = "records",
	.request_size = sizeof(struct records_request),
	.answer_size = sizeof(struct records_answer),
	.request = records_request_wire,
	.answer = records_answer_wire,
};

enum asked resolver_records(struct peer *resolver, const struct records_request *request,
                            struct records_answer *answer, struct arena *arena, int64_t deadline)
{
	return peer_ask(resolver, &resolver_records_question, request, answer, arena, deadline);
}

const struct question *const resolver_submission_questions[] = {
	&resolver_verdict_question,
	&resolver_seal_key_question,
	NULL,
};

const struct question *const resolver_delivery_questions[] = {
	&resolver_may_send_question,
	&resolver_route_question,
	NULL,
};

const struct question *const resolver_api_questions[] = {
	&resolver_check_question,
	&resolver_records_question,
	&resolver_route_question,
	NULL,
};

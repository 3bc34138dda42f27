#include "questions/vault.h"

#include "questions/common.h"
#include "questions/describe.h"

static void wire_public_key(struct wire *wire, void *element)
{
	struct public_key *value = element;
	wire_view(wire, &value->selector, NAME_MOST);
	WIRE_ENUM(wire, value->algorithm, enum dkim_algorithm, DKIM_ED25519_SHA256);
	WIRE_ENUM(wire, value->phase, enum key_phase, KEY_OLD);
	wire_i64(wire, &value->since);
	wire_view(wire, &value->key, PARAGRAPH_MOST);
}

static void authenticate_request_wire(struct wire *wire, void *element)
{
	struct authenticate_request *value = element;
	wire_view(wire, &value->name, LINE_MOST);
	wire_view(wire, &value->password, LINE_MOST);
	wire_view(wire, &value->client, NAME_MOST);
}

static void authenticate_answer_wire(struct wire *wire, void *element)
{
	struct authenticate_answer *value = element;
	WIRE_ENUM(wire, value->result, enum authentication, AUTHENTICATION_TOO_MANY);
	wire_i64(wire, &value->delay);
	wire_u64(wire, &value->login);
	wire_view(wire, &value->account, NAME_MOST);
	wire_view(wire, &value->as_typed, NAME_MOST);
	wire_u64(wire, &value->message_size);
	wire_u32(wire, &value->recipients);
	wire_bool(wire, &value->may_send);
	for (size_t i = 0; i < CHECK_COUNT; i++)
		WIRE_ENUM(wire, value->require[i], enum requirement, REQUIRE_OFF);
}

const struct question vault_authenticate_question = {
	.kind = QUESTION_KIND(ROOM_VAULT, 1),
	.name = "authenticate",
	.request_size = sizeof(struct authenticate_request),
	.answer_size = sizeof(struct authenticate_answer),
	.request = authenticate_request_wire,
	.answer = authenticate_answer_wire,
};

enum asked vault_authenticate(struct peer *vault, const struct authenticate_request *request,
                              struct authenticate_answer *answer, struct arena *arena, int64_t deadline)
{
	return peer_ask(vault, &vault_authenticate_question, request, answer, arena, deadline);
}

static void credit_request_wire(struct wire *wire, void *element)
{
	struct credit_request *value = element;
	wire_u64(wire, &value->login);
	wire_u32(wire, &value->recipients);
	wire_u32(wire, &value->unused);
}

static void credit_answer_wire(struct wire *wire, void *element)
{
	struct credit_answer *value = element;
	WIRE_ENUM(wire, value->result, enum credit_result, CREDIT_NO_LOGIN);
	wire_u32(wire, &value->spare);
	wire_i64(wire, &value->wait);
	wire_bool(wire, &value->held);
	wire_view(wire, &value->reason, LINE_MOST);
}

const struct question vault_credit_question = {
	.kind = QUESTION_KIND(ROOM_VAULT, 2),
	.name = "credit",
	.request_size = sizeof(struct credit_request),
	.answer_size = sizeof(struct credit_answer),
	.request = credit_request_wire,
	.answer = credit_answer_wire,
};

enum asked vault_credit(struct peer *vault, const struct credit_request *request, struct credit_answer *answer,
                        struct arena *arena, int64_t deadline)
{
	return peer_ask(vault, &vault_credit_question, request, answer, arena, deadline);
}

static void logout_request_wire(struct wire *wire, void *element)
{
	struct logout_request *value = element;
	wire_u64(wire, &value->login);
	wire_u32(wire, &value->unused);
}

static void empty_answer_wire(struct wire *wire, void *element)
{
	struct empty_answer *value = element;
	wire_u8(wire, &value->unused);
}

const struct question vault_logout_question = {
	.kind = QUESTION_KIND(ROOM_VAULT, 3),
	.name = "logout",
	.request_size = sizeof(struct logout_request),
	.answer_size = sizeof(struct empty_answer),
	.request = logout_request_wire,
	.answer = empty_answer_wire,
};

enum asked vault_logout(struct peer *vault, const struct logout_request *request, struct empty_answer *answer,
                        struct arena *arena, int64_t deadline)
{
	return peer_ask(vault, &vault_logout_question, request, answer, arena, deadline);
}

static void seal_request_wire(struct wire *wire, void *element)
{
	struct seal_request *value = element;
	wire_view(wire, &value->selector, NAME_MOST);
	wire_fixed(wire, value->digest, sizeof(value->digest));
}

static void sign_request_wire(struct wire *wire, void *element)
{
	struct sign_request *value = element;
	wire_u64(wire, &value->login);
	wire_view(wire, &value->domain, NAME_MOST);
	value->seal_count = wire_count(wire, value->seal_count, SEALS_MOST);
	for (size_t i = 0; i < value->seal_count; i++)
		seal_request_wire(wire, &value->seals[i]);
}

static void sign_answer_wire(struct wire *wire, void *element)
{
	struct sign_answer *value = element;
	WIRE_ENUM(wire, value->result, enum sign_result, SIGN_FAILED);
	value->signature_count = wire_count(wire, value->signature_count, SEALS_MOST);
	for (size_t i = 0; i < value->signature_count; i++)
		wire_view(wire, &value->signatures[i], LINE_MOST);
}

const struct question vault_sign_question = {
	.kind = QUESTION_KIND(ROOM_VAULT, 4),
	.name = "sign",
	.request_size = sizeof(struct sign_request),
	.answer_size = sizeof(struct sign_answer),
	.request = sign_request_wire,
	.answer = sign_answer_wire,
};

enum asked vault_sign(struct peer *vault, const struct sign_request *request, struct sign_answer *answer,
                      struct arena *arena, int64_t deadline)
{
	return peer_ask(vault, &vault_sign_question, request, answer, arena, deadline);
}

const struct question vault_sign_service_question = {
	.kind = QUESTION_KIND(ROOM_VAULT, 5),
	.name = "sign_service",
	.request_size = sizeof(struct sign_request),
	.answer_size = sizeof(struct sign_answer),
	.request = sign_request_wire,
	.answer = sign_answer_wire,
};

enum asked vault_sign_service(struct peer *vault, const struct sign_request *request, struct sign_answer *answer,
                              struct arena *arena, int64_t deadline)
{
	return peer_ask(vault, &vault_sign_service_question, request, answer, arena, deadline);
}

static void domain_keys_request_wire(struct wire *wire, void *element)
{
	struct domain_keys_request *value = element;
	wire_view(wire, &value->domain, NAME_MOST);
	wire_view(wire, &value->account, NAME_MOST);
	wire_bool(wire, &value->make);
}

static void domain_keys_answer_wire(struct wire *wire, void *element)
{
	struct domain_keys_answer *value = element;
	WIRE_ENUM(wire, value->result, enum domain_keys_result, DOMAIN_KEYS_FAILED);
	value->key_count = wire_count(wire, value->key_count, DOMAIN_KEYS_MOST);
	for (size_t i = 0; i < value->key_count; i++)
		wire_public_key(wire, &value->keys[i]);
}

const struct question vault_domain_keys_question = {
	.kind = QUESTION_KIND(ROOM_VAULT, 6),
	.name = "domain_keys",
	.request_size = sizeof(struct domain_keys_request),
	.answer_size = sizeof(struct domain_keys_answer),
	.request = domain_keys_request_wire,
	.answer = domain_keys_answer_wire,
};

enum asked vault_domain_keys(struct peer *vault, const struct domain_keys_request *request,
                             struct domain_keys_answer *answer, struct arena *arena, int64_t deadline)
{
	return peer_ask(vault, &vault_domain_keys_question, request, answer, arena, deadline);
}

static void grant_request_wire(struct wire *wire, void *element)
{
	struct grant_request *value = element;
	wire_view(wire, &value->account, NAME_MOST);
	wire_view(wire, &value->domain, NAME_MOST);
	wire_i64(wire, &value->duration);
}

const struct question vault_grant_question = {
	.kind = QUESTION_KIND(ROOM_VAULT, 7),
	.name = "grant",
	.request_size = sizeof(struct grant_request),
	.answer_size = sizeof(struct empty_answer),
	.request = grant_request_wire,
	.answer = empty_answer_wire,
};

enum asked vault_grant(struct peer *vault, const struct grant_request *request, struct empty_answer *answer,
                       struct arena *arena, int64_t deadline)
{
	return peer_ask(vault, &vault_grant_question, request, answer, arena, deadline);
}

static void account_change_request_wire(struct wire *wire, void *element)
{
	struct account_change_request *value = element;
	WIRE_ENUM(wire, value->change, enum account_change, ACCOUNT_REMOVE);
	wire_view(wire, &value->name, LINE_MOST);
	WIRE_ENUM(wire, value->password_source, enum password_source, PASSWORD_HASH);
	wire_view(wire, &value->password, LINE_MOST);
	wire_view(wire, &value->label, NAME_MOST);
	wire_view(wire, &value->reason, LINE_MOST);
	value->assignments = wire_array(wire, value->assignments, &value->assignment_count, PAGE_MOST,
	                                sizeof(struct view), wire_view_element);
}

static void account_change_answer_wire(struct wire *wire, void *element)
{
	struct account_change_answer *value = element;
	WIRE_ENUM(wire, value->result, enum change_result, CHANGE_FAILED);
	wire_view(wire, &value->why, PARAGRAPH_MOST);
	wire_view(wire, &value->account, NAME_MOST);
	WIRE_ENUM(wire, value->state, enum account_state, ACCOUNT_SUSPENDED_HELD);
	wire_view(wire, &value->password, LINE_MOST);
	wire_view(wire, &value->token, NAME_MOST);
}

const struct question vault_account_change_question = {
	.kind = QUESTION_KIND(ROOM_VAULT, 8),
	.name = "account_change",
	.request_size = sizeof(struct account_change_request),
	.answer_size = sizeof(struct account_change_answer),
	.request = account_change_request_wire,
	.answer = account_change_answer_wire,
};

enum asked vault_account_change(struct peer *vault, const struct account_change_request *request,
                                struct account_change_answer *answer, struct arena *arena, int64_t deadline)
{
	return peer_ask(vault, &vault_account_change_question, request, answer, arena, deadline);
}

static void account_list_request_wire(struct wire *wire, void *element)
{
	struct account_list_request *value = element;
	wire_view(wire, &value->name, LINE_MOST);
	wire_view(wire, &value->after, NAME_MOST);
	wire_u32(wire, &value->most);
}

static void account_row_wire(struct wire *wire, void *element)
{
	struct account_row *value = element;
	wire_view(wire, &value->name, LINE_MOST);
	wire_view(wire, &value->as_typed, NAME_MOST);
	wire_view(wire, &value->label, NAME_MOST);
	WIRE_ENUM(wire, value->state, enum account_state, ACCOUNT_SUSPENDED_HELD);
	wire_view(wire, &value->reason, LINE_MOST);
	wire_i64(wire, &value->created);
	wire_i64(wire, &value->last_login);
	wire_u32(wire, &value->passwords);
	wire_view(wire, &value->password_kind, NAME_MOST);
	wire_view(wire, &value->settings, PARAGRAPH_MOST);
	wire_u64(wire, &value->used_today);
}

static void account_list_answer_wire(struct wire *wire, void *element)
{
	struct account_list_answer *value = element;
	value->rows =
		wire_array(wire, value->rows, &value->row_count, PAGE_MOST, sizeof(struct account_row), account_row_wire);
	wire_bool(wire, &value->more);
}

const struct question vault_account_list_question = {
	.kind = QUESTION_KIND(ROOM_VAULT, 9),
	.name = "account_list",
	.request_size = sizeof(struct account_list_request),
	.answer_size = sizeof(struct account_list_answer),
	.request = account_list_request_wire,
	.answer = account_list_answer_wire,
};

enum asked vault_account_list(struct peer *vault, const struct account_list_request *request,
                              struct account_list_answer *answer, struct arena *arena, int64_t deadline)
{
	return peer_ask(vault, &vault_account_list_question, request, answer, arena, deadline);
}

static void domain_list_request_wire(struct wire *wire, void *element)
{
	struct domain_list_request *value = element;
	wire_view(wire, &value->domain, NAME_MOST);
	wire_view(wire, &value->after, NAME_MOST);
	wire_u32(wire, &value->most);
}

static void domain_row_wire(struct wire *wire, void *element)
{
	struct domain_row *value = element;
	wire_view(wire, &value->domain, NAME_MOST);
	value->key_count = wire_count(wire, value->key_count, DOMAIN_KEYS_MOST);
	for (size_t i = 0; i < value->key_count; i++)
		wire_public_key(wire, &value->keys[i]);
	wire_i64(wire, &value->created);
	wire_view(wire, &value->made_for, NAME_MOST);
	value->accounts =
		wire_array(wire, value->accounts, &value->account_count, PAGE_MOST, sizeof(struct view), wire_view_element);
}

static void domain_list_answer_wire(struct wire *wire, void *element)
{
	struct domain_list_answer *value = element;
	value->rows =
		wire_array(wire, value->rows, &value->row_count, PAGE_MOST, sizeof(struct domain_row), domain_row_wire);
	wire_bool(wire, &value->more);
}

const struct question vault_domain_list_question = {
	.kind = QUESTION_KIND(ROOM_VAULT, 10),
	.name = "domain_list",
	.request_size = sizeof(struct domain_list_request),
	.answer_size = sizeof(struct domain_list_answer),
	.request = domain_list_request_wire,
	.answer = domain_list_answer_wire,
};

enum asked vault_domain_list(struct peer *vault, const struct domain_list_request *request,
                             struct domain_list_answer *answer, struct arena *arena, int64_t deadline)
{
	return peer_ask(vault, &vault_domain_list_question, request, answer, arena, deadline);
}

static void domain_change_request_wire(struct wire *wire, void *element)
{
	struct domain_change_request *value = element;
	WIRE_ENUM(wire, value->change, enum domain_change, DOMAIN_ROTATE);
	wire_view(wire, &value->domain, NAME_MOST);
	wire_view(wire, &value->key, PARAGRAPH_MOST);
	wire_view(wire, &value->selector, NAME_MOST);
}

static void domain_change_answer_wire(struct wire *wire, void *element)
{
	struct domain_change_answer *value = element;
	WIRE_ENUM(wire, value->result, enum change_result, CHANGE_FAILED);
	wire_view(wire, &value->why, PARAGRAPH_MOST);
	value->key_count = wire_count(wire, value->key_count, DOMAIN_KEYS_MOST);
	for (size_t i = 0; i < value->key_count; i++)
		wire_public_key(wire, &value->keys[i]);
}

const struct question vault_domain_change_question = {
	.kind = QUESTION_KIND(ROOM_VAULT, 11),
	.name = "domain_change",
	.request_size = sizeof(struct domain_change_request),
	.answer_size = sizeof(struct domain_change_answer),
	.request = domain_change_request_wire,
	.answer = domain_change_answer_wire,
};

enum asked vault_domain_change(struct peer *vault, const struct domain_change_request *request,
                               struct domain_change_answer *answer, struct arena *arena, int64_t deadline)
{
	return peer_ask(vault, &vault_domain_change_question, request, answer, arena, deadline);
}

static void activate_request_wire(struct wire *wire, void *element)
{
	struct activate_request *value = element;
	wire_view(wire, &value->domain, NAME_MOST);
}

static void activate_answer_wire(struct wire *wire, void *element)
{
	struct activate_answer *value = element;
	wire_bool(wire, &value->activated);
}

const struct question vault_activate_question = {
	.kind = QUESTION_KIND(ROOM_VAULT, 12),
	.name = "activate",
	.request_size = sizeof(struct activate_request),
	.answer_size = sizeof(struct activate_answer),
	.request = activate_request_wire,
	.answer = activate_answer_wire,
};

enum asked vault_activate(struct peer *vault, const struct activate_request *request, struct activate_answer *answer,
                          struct arena *arena, int64_t deadline)
{
	return peer_ask(vault, &vault_activate_question, request, answer, arena, deadline);
}

const struct question *const vault_submission_questions[] = {
	&vault_authenticate_question, &vault_credit_question, &vault_logout_question, &vault_sign_question, NULL,
};

const struct question *const vault_resolver_questions[] = {
	&vault_domain_keys_question,
	&vault_grant_question,
	&vault_activate_question,
	NULL,
};

const struct question *const vault_delivery_questions[] = {
	&vault_sign_service_question,
	&vault_domain_keys_question,
	NULL,
};

const struct question *const vault_api_questions[] = {
	&vault_account_change_question, &vault_account_list_question, &vault_domain_list_question,
	&vault_domain_change_question,  &vault_domain_keys_question,  NULL,
};

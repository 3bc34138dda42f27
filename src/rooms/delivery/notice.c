/* A notice that the queue owes: composed, sealed as the service's own domain, and handed back in one step. */
#include "base/id.h"
#include "base/must.h"
#include "mail/dkim.h"
#include "mail/dsn.h"
#include "mail/header.h"
#include "rooms/delivery/delivery.h"

static const int64_t question_patience = 60 * SECOND;

struct notice {
	struct delivery_job *job;
	struct message_id id;
	struct text content;
	int64_t wall;
};

static struct dsn_recipient recipient_of(const struct job *job, const struct job_recipient *from)
{
	return (struct dsn_recipient){
		.address = from->address,
		.action = job->notice == NOTICE_DELAY ? DSN_DELAYED : DSN_FAILED,
		.verdict = from->verdict,
		.remote = from->remote,
		.last_attempt = from->last_attempt,
		.will_retry_until = job->notice == NOTICE_DELAY ? job->expires : 0,
	};
}

static void compose(struct notice *notice)
{
	struct delivery_job *job = notice->job;
	const struct config *config = *job->delivery->config;
	struct arena *arena = &job->arena;
	struct text id = TEXT_LIMIT(ID_TEXT_LENGTH);
	struct text about = TEXT_LIMIT(ID_TEXT_LENGTH);
	struct dsn_recipient *recipients = ARENA_ARRAY(arena, struct dsn_recipient, job->job.recipient_count + 1);
	struct view header;
	struct view body;
	text_add_id(&id, &notice->id);
	text_add_id(&about, &job->job.id);
	for (size_t i = 0; i < job->job.recipient_count; i++)
		recipients[i] = recipient_of(&job->job, &job->job.recipients[i]);
	header_split(job->job.content, &header, &body);
	const struct dsn dsn = {
		.kind = job->job.notice == NOTICE_DELAY ? DSN_DELAY : DSN_FAILURE,
		.hostname = config->service.hostname,
		.service_domain = config->service.domain,
		.to = job->job.envelope.sender,
		.queue_id = text_view(&about),
		.arrival = job->job.accepted,
		.date = notice->wall,
		.message_id = arena_print(arena, "<%s@%.*s>", text_cstring(&id), VIEW_PRINT(config->service.hostname)),
		.boundary = arena_print(arena, "%sboundary", text_cstring(&id)),
		.header = header,
		.recipients = recipients,
		.recipient_count = job->job.recipient_count,
	};
	dsn_compose(&dsn, &notice->content);
	text_deinit(&id);
	text_deinit(&about);
}

/* The keys that seal come first. */
static bool begin_seals(struct notice *notice, const struct domain_keys_answer *keys, struct text *fields,
                        struct sign_request *request)
{
	struct view header;
	struct view body;
	uint8_t body_hash[SHA256_SIZE];
	struct dkim_body hash;
	dkim_body_init(&hash);
	header_split(text_view(&notice->content), &header, &body);
	dkim_body_add(&hash, body);
	dkim_body_end(&hash, body_hash);
	dkim_body_deinit(&hash);
	bool good = true;
	for (size_t i = 0; good && i < keys->key_count && i < SEALS_MOST && keys->keys[i].phase == KEY_ACTIVE; i++) {
		const struct dkim_seal_request seal = {
			.header = header,
			.domain = request->domain,
			.selector = keys->keys[i].selector,
			.algorithm = keys->keys[i].algorithm,
			.body_hash = body_hash,
			.timestamp = notice->wall / SECOND,
		};
		fields[i] = (struct text)TEXT_LIMIT(16384);
		request->seals[i].selector = seal.selector;
		request->seal_count = i + 1;
		good = dkim_seal_begin(&seal, &fields[i], request->seals[i].digest);
	}
	return good;
}

/* Sealed where that can be had; a notice without a seal is better than none. */
static struct view sealed(struct notice *notice)
{
	struct delivery_job *job = notice->job;
	struct delivery *delivery = job->delivery;
	const struct view domain = (*delivery->config)->service.domain;
	const struct domain_keys_request wanted = { .domain = domain, .make = true };
	struct domain_keys_answer keys = { 0 };
	struct text fields[SEALS_MOST] = { { 0 } };
	struct sign_request request = { .domain = domain };
	struct sign_answer answer = { 0 };
	struct text all = TEXT_LIMIT(DSN_SIZE_MOST + 65536);
	const int64_t deadline = world_now(delivery->world) + question_patience;
	const bool good = vault_domain_keys(delivery->vault, &wanted, &keys, &job->arena, deadline) == ASKED_OK &&
	                  keys.result == DOMAIN_KEYS_OK && begin_seals(notice, &keys, fields, &request) &&
	                  vault_sign_service(delivery->vault, &request, &answer, &job->arena, deadline) == ASKED_OK &&
	                  answer.result == SIGN_OK;
	for (size_t i = 0; i < request.seal_count; i++) {
		if (good && i < answer.signature_count) {
			dkim_seal_end(&fields[i], answer.signatures[i]);
			text_add(&all, text_view(&fields[i]));
		}
		text_deinit(&fields[i]);
	}
	text_add(&all, text_view(&notice->content));
	const struct view content = arena_copy(&job->arena, text_view(&all));
	text_deinit(&all);
	return content;
}

static struct view domain_of(struct view address)
{
	const size_t at = view_find_last_byte(address, '@');
	return at == VIEW_NOT_FOUND ? VIEW_NONE : view_from(address, at + 1);
}

static void hand_back(struct notice *notice, struct view content)
{
	struct delivery_job *job = notice->job;
	struct delivery *delivery = job->delivery;
	struct submit_recipient recipient = {
		.address = job->job.envelope.sender,
		.domain = domain_of(job->job.envelope.sender),
	};
	struct notice_done_request request = {
		.lease = job->job.lease,
		.about = job->job.id,
		.notice = job->job.notice,
		.message = {
			.id = notice->id,
			.accepted = notice->wall,
			.envelope = { .require_token = REQUIRE_OFF },
			.recipients = &recipient,
			.recipient_count = 1,
			.content = content,
		},
	};
	for (;;) {
		struct submit_answer answer = { 0 };
		const enum asked asked = queue_notice_done(delivery->queue, &request, &answer, &job->arena,
		                                           world_now(delivery->world) + question_patience);
		if (asked == ASKED_OK && answer.result == SUBMIT_STORED)
			return;
		if (asked == ASKED_CANCELLED || task_sleep(delivery->world, SECOND) != WAIT_DONE)
			return;
		request.message.repeat = true;
		request.lease = job->job.lease;
	}
}

void notice_run(struct delivery_job *job)
{
	struct world *world = job->delivery->world;
	struct notice notice = { .job = job, .content = TEXT_LIMIT(DSN_SIZE_MOST), .wall = world_wall(world) };
	uint8_t random[10];
	world_random(world, random, sizeof(random));
	notice.id = id_make(notice.wall, random);
	compose(&notice);
	hand_back(&notice, sealed(&notice));
	text_deinit(&notice.content);
}

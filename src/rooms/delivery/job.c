/* One job: from the queue to a mail server, and back with what became of it. */
#include "base/must.h"
#include "rooms/delivery/client.h"
#include "smtp/class.h"

static const int64_t question_patience = 60 * SECOND;
static const int64_t clear_for = 10 * MINUTE; /* a host whose TLS failed is spoken to in clear for so long */
static const int64_t slot_patience = 5 * MINUTE;

struct clear_host {
	int64_t until;
};

void job_result_all(struct delivery_job *job, enum fate fate, struct verdict verdict)
{
	for (size_t i = 0; i < job->job.recipient_count; i++)
		job->results[i] = (struct recipient_result){ fate, verdict };
}

/* ---- hosts that fail at TLS */

static bool is_clear_host(const struct delivery *delivery, struct view host)
{
	const struct clear_host *clear = map_get(&delivery->clear_hosts, host);
	return clear != NULL && world_now(delivery->world) < clear->until;
}

static void clear_host_remember(struct delivery *delivery, struct view host)
{
	struct clear_host *clear = map_get(&delivery->clear_hosts, host);
	bool full = false;
	if (clear == NULL) {
		clear = must_alloc(1, sizeof(*clear));
		map_put(&delivery->clear_hosts, host, clear, &full);
	}
	clear->until = world_now(delivery->world) + clear_for;
	if (full)
		free(clear);
}

/* ---- a session */

static enum opened open_address(struct delivery_job *job, struct view host, const struct endpoint *endpoint,
                                struct client **client, struct verdict *verdict)
{
	struct delivery *delivery = job->delivery;
	const bool allow_tls = !is_clear_host(delivery, host);
	enum opened opened = client_open(delivery, host, endpoint, allow_tls, &job->arena, client, verdict);
	if (opened != OPEN_TLS_FAILED)
		return opened;
	/* Opportunistic (RFC 7435): mail in clear is better than none, on a new connection. */
	clear_host_remember(delivery, host);
	log_line(delivery->log, LOG_INFO, VIEW("TLS failed; in clear on a new connection"),
	         (const struct log_field[]){ LOG_TEXT_FIELD("host", host), LOG_TEXT_FIELD("reason", verdict->why) }, 2);
	return client_open(delivery, host, endpoint, false, &job->arena, client, verdict);
}

static bool may_dial(const struct delivery *delivery, const struct endpoint *endpoint)
{
	return (*delivery->config)->delivery.allow_private_addresses || !endpoint_is_special(endpoint);
}

static struct client *open_any(struct delivery_job *job, const struct route_answer *route, struct verdict *verdict)
{
	struct delivery *delivery = job->delivery;
	struct client *client = NULL;
	*verdict = verdict_later(0, STATUS(4, 4, 4),
	                         VIEW("the mail servers have only private or special addresses, which are not dialled"));
	for (size_t i = 0; i < route->host_count; i++)
		for (size_t j = 0; j < route->hosts[i].address_count; j++) {
			struct endpoint endpoint = route->hosts[i].addresses[j];
			endpoint.port = (uint16_t)(*delivery->config)->delivery.port;
			if (!may_dial(delivery, &endpoint))
				continue;
			switch (open_address(job, route->hosts[i].name, &endpoint, &client, verdict)) {
			case OPENED:
				return client;
			case OPEN_CANCELLED:
				return NULL;
			case OPEN_FAILED:
			case OPEN_TLS_FAILED:
				break;
			}
		}
	return NULL;
}

static struct client *take_idle(struct site *site)
{
	struct link *link = list_last(&site->idle); /* the one used last is the likeliest to be alive */
	if (link == NULL)
		return NULL;
	list_remove(&site->idle, link);
	return LIST_OWNER(link, struct client, idle);
}

/* A place among the site's sessions: an idle one (then *client), or the right to open one. */
static bool take_slot(struct delivery_job *job, struct site *site, struct client **client)
{
	struct delivery *delivery = job->delivery;
	const int64_t deadline = world_now(delivery->world) + slot_patience;
	for (;;) {
		if (delivery_site_is_resting(delivery, site))
			return false;
		*client = take_idle(site);
		if (*client != NULL)
			return true;
		if (site->sessions < (*delivery->config)->delivery.connections) {
			site->sessions++;
			return true;
		}
		if (signal_wait(&site->freed, deadline) != WAIT_DONE)
			return false;
	}
}

static void give_slot_back(struct site *site)
{
	site->sessions--;
	signal_wake_one(&site->freed);
}

static void keep_or_close(struct delivery *delivery, struct site *site, struct client *client)
{
	if (client->broken || client->messages >= (*delivery->config)->delivery.messages || delivery->stopping) {
		client_close(client);
		give_slot_back(site);
		return;
	}
	text_clear(&client->dialogue);
	text_clear(&client->rests);
	client->idle_since = world_now(delivery->world);
	list_add_last(&site->idle, &client->idle);
	signal_wake_one(&site->freed);
}

static void rest_job(struct delivery_job *job, const struct site *site)
{
	const int64_t left = site->back_off_until - world_now(job->delivery->world);
	job->not_before = left > SECOND ? left : SECOND;
	job_result_all(job, FATE_RETURNED,
	               verdict_later(0, STATUS(4, 4, 1),
	                             arena_print(&job->arena, "the site %s rests: %s", text_cstring(&site->name),
	                                         text_cstring(&site->reason))));
}

static bool any_result_was(const struct delivery_job *job, enum fate fate)
{
	for (size_t i = 0; i < job->job.recipient_count; i++)
		if (job->results[i].fate == fate)
			return true;
	return false;
}

/* An idle session may have died meanwhile: then the job is tried again on a fresh one. */
static bool is_stale(const struct client *client, const struct delivery_job *job, bool reused)
{
	return reused && client->broken && client->reply.code == 0 && !any_result_was(job, FATE_DELIVERED);
}

static void send_over(struct delivery_job *job, struct site *site, struct client *client)
{
	struct delivery *delivery = job->delivery;
	client_send(client, job);
	text_clear(&job->dialogue);
	text_add(&job->dialogue, text_view(&client->dialogue));
	if (client->rests.length > 0)
		delivery_site_failed(delivery, site, text_view(&client->rests));
	else if (!client->broken)
		delivery_site_worked(site);
}

static void deliver(struct delivery_job *job, const struct route_answer *route)
{
	struct delivery *delivery = job->delivery;
	struct site *site = delivery_site(delivery, route->site);
	job->site = arena_copy(&job->arena, route->site);
	for (;;) {
		struct client *client = NULL;
		struct verdict verdict;
		if (!take_slot(job, site, &client)) {
			rest_job(job, site);
			return;
		}
		const bool reused = client != NULL;
		if (client == NULL)
			client = open_any(job, route, &verdict);
		if (client == NULL) {
			give_slot_back(site);
			delivery_site_failed(delivery, site, verdict.why);
			job_result_all(job, FATE_DEFERRED, verdict);
			text_add(&job->dialogue, view_first(verdict.why, 1000));
			return;
		}
		job_result_all(job, FATE_RETURNED, VERDICT_OK); /* no answer yet */
		send_over(job, site, client);
		const bool again = is_stale(client, job, reused);
		keep_or_close(delivery, site, client);
		if (!again)
			return;
	}
}

/* ---- before that */

/* When the domain no longer names the account, what is queued waits until it does again, or expires. */
static bool may_leave(struct delivery_job *job)
{
	struct delivery *delivery = job->delivery;
	struct may_send_request request = {
		.account = job->job.envelope.account,
		.as_typed = job->job.envelope.as_typed,
		.domain_count = job->job.envelope.identity_domain_count,
		.require_token = job->job.envelope.require_token,
	};
	struct may_send_answer answer = { 0 };
	/* Notices are the service's own. */
	if (job->job.envelope.account.length == 0)
		return true;
	for (size_t i = 0; i < request.domain_count; i++)
		request.domains[i] = job->job.envelope.identity_domains[i];
	if (resolver_may_send(delivery->resolver, &request, &answer, &job->arena,
	                      world_now(delivery->world) + question_patience) != ASKED_OK)
		return true; /* only a definitive answer holds mail back */
	if (answer.permission != PERMISSION_NO)
		return true;
	job_result_all(job, FATE_HELD, verdict_later(0, STATUS(4, 7, 1), answer.why));
	return false;
}

static void find_way(struct delivery_job *job)
{
	struct delivery *delivery = job->delivery;
	const struct route_request request = { .domain = job->job.domain };
	struct route_answer route = { 0 };
	const enum asked asked = resolver_route(delivery->resolver, &request, &route, &job->arena,
	                                        world_now(delivery->world) + question_patience);
	if (asked != ASKED_OK) {
		job_result_all(job, FATE_DEFERRED, verdict_later(451, STATUS(4, 4, 3), VIEW("DNS could not be asked")));
		return;
	}
	switch (route.result) {
	case ROUTE_FOUND:
		deliver(job, &route);
		return;
	case ROUTE_LATER:
		job_result_all(job, FATE_DEFERRED, route.verdict);
		return;
	case ROUTE_NEVER:
	case ROUTE_LOOP:
		job_result_all(job, FATE_BOUNCED, route.verdict);
		return;
	}
}

/* ---- the report */

/* Events are the queue's to tell, once, when they are on stable storage. */
static void count_results(const struct delivery_job *job)
{
	struct delivery *delivery = job->delivery;
	for (size_t i = 0; i < job->job.recipient_count; i++) {
		delivery->counters.delivered += job->results[i].fate == FATE_DELIVERED;
		delivery->counters.deferred += job->results[i].fate == FATE_DEFERRED;
		delivery->counters.bounced += job->results[i].fate == FATE_BOUNCED;
		delivery->counters.captured += job->results[i].fate == FATE_CAPTURED;
	}
}

void job_report(struct delivery_job *job)
{
	struct delivery *delivery = job->delivery;
	struct report_request request = {
		.lease = job->job.lease,
		.id = job->job.id,
		.site = job->site,
		.remote = job->remote,
		.tls = job->tls,
		.dialogue = text_view(&job->dialogue),
		.not_before = job->not_before,
		.duration = world_now(delivery->world) - job->began,
		.rows = ARENA_ARRAY(&job->arena, struct report_row, job->job.recipient_count + 1),
		.row_count = job->job.recipient_count,
	};
	for (size_t i = 0; i < sizeof(request.attempt); i++)
		request.attempt[i] = job->attempt[i];
	for (size_t i = 0; i < job->job.recipient_count; i++)
		request.rows[i] = (struct report_row){
			.index = job->job.recipients[i].index,
			.fate = job->results[i].fate,
			.verdict = job->results[i].verdict,
			.class = job->results[i].fate == FATE_BOUNCED ? bounce_class(job->results[i].verdict.status) : VIEW_NONE,
		};
	for (;;) {
		struct report_answer answer = { 0 };
		const enum asked asked = queue_report(delivery->queue, &request, &answer, &job->arena,
		                                      world_now(delivery->world) + question_patience);
		if (asked == ASKED_OK && answer.taken) {
			count_results(job);
			return;
		}
		if (asked == ASKED_CANCELLED || task_sleep(delivery->world, 200 * MILLISECOND) != WAIT_DONE)
			return;
		/* The lease may have another number with a queue that was started anew (see hello). */
		request.lease = job->job.lease;
	}
}

void job_run(void *argument)
{
	struct delivery_job *job = argument;
	struct delivery *delivery = job->delivery;
	job->began = world_now(delivery->world);
	job->dialogue = (struct text)TEXT_LIMIT(DIALOGUE_MOST + 96);
	world_random(delivery->world, job->attempt, sizeof(job->attempt));
	if (job->job.kind == JOB_NOTICE) {
		notice_run(job);
	} else {
		job->results = ARENA_ARRAY(&job->arena, struct recipient_result, job->job.recipient_count + 1);
		job_result_all(job, FATE_RETURNED, VERDICT_OK);
		if ((*delivery->config)->delivery.mode == DELIVERY_CAPTURE)
			job_result_all(job, FATE_CAPTURED,
			               (struct verdict){ .code = 250, .status = { 2, 0, 0 }, .why = VIEW("captured, not sent") });
		else if (may_leave(job))
			find_way(job);
		job_report(job);
	}
	list_remove(&delivery->running, &job->link);
	delivery->running_bytes -= job->job.content.length;
	signal_wake_all(&delivery->job_ended);
	text_deinit(&job->dialogue);
	arena_deinit(&job->arena);
	free(job);
}

#include "base/must.h"
#include "net/dns.h"
#include "rooms/resolver/resolver.h"

const struct answerer resolver_answerers[RESOLVER_ANSWERER_COUNT] = {
	{ .question = &resolver_verdict_question, .answer = resolver_answer_verdict },
	{ .question = &resolver_seal_key_question, .answer = resolver_answer_seal_key },
	{ .question = &resolver_may_send_question, .answer = resolver_answer_may_send },
	{ .question = &resolver_route_question, .answer = resolver_answer_route },
	{ .question = &resolver_check_question, .answer = resolver_answer_check },
	{ .question = &resolver_records_question, .answer = resolver_answer_records },
};

/* The room with its way to DNS. libunbound's configuration is frozen at its first query: a reload makes a new one;
 * the one before goes when the questions that are under way in it have been answered. */
struct resolver_state {
	struct resolver resolver; /* first: it is what the answerers are given */
	struct room_frame *frame;
};

static struct dns *open_dns(const struct room_frame *frame, struct text *problem)
{
	const struct config *config = frame->config;
	const struct dns_settings settings = {
		.resolvers = config->dns.resolvers.items,
		.resolver_count = config->dns.resolvers.count,
		.trust_anchors = config->dns.trust_anchors.items,
		.trust_anchor_count = config->dns.trust_anchors.count,
		.zone_count = config->dns.zone_files.count,
		.directory = frame->directory,
		.max_ttl = (uint32_t)(config->dns.max_ttl / SECOND),
	};
	return dns_unbound_new(frame->world, &settings, problem);
}

static void *start(struct room_frame *frame, struct text *problem)
{
	struct dns *dns = open_dns(frame, problem);
	if (dns == NULL)
		return NULL;
	if (problem->length > 0)
		log_line(frame->log, LOG_WARNING, text_view(problem), NULL, 0);
	struct resolver_state *state = must_alloc(1, sizeof(*state));
	state->frame = frame;
	resolver_init(&state->resolver, frame->world, frame->log, &frame->config, dns, frame->peers[ROOM_VAULT][0]);
	state->resolver.keep = keep_open(frame->world, frame->log, frame->directory);
	state->resolver.queue = frame->peers[ROOM_QUEUE][0];
	records_restore(&state->resolver);
	senders_restore(&state->resolver);
	senders_begin(&state->resolver);
	return state;
}

static void stop(void *room)
{
	const struct resolver_state *state = room;
	keep_flush(state->resolver.keep, world_now(state->frame->world) + 5 * SECOND);
}

static void reload(void *room)
{
	struct resolver_state *state = room;
	struct text problem = TEXT_LIMIT(4096);
	struct dns *dns = open_dns(state->frame, &problem);
	if (dns != NULL) {
		dns_unbound_free(state->resolver.dns);
		state->resolver.dns = dns;
		records_expire(&state->resolver);
	}
	if (problem.length > 0)
		log_line(state->frame->log, dns == NULL ? LOG_ERROR : LOG_WARNING, text_view(&problem), NULL, 0);
	text_deinit(&problem);
}

static void deinit(void *room)
{
	struct resolver_state *state = room;
	dns_unbound_free(state->resolver.dns);
	struct keep *keep = state->resolver.keep;
	resolver_deinit(&state->resolver);
	keep_close(keep);
	free(state);
}

static size_t counters(void *room, struct counter *into, size_t most, struct arena *arena)
{
	(void)most;
	(void)arena;
	const struct resolver *resolver = room;
	size_t count = 0;
	into[count++] = (struct counter){ VIEW("sealpost_verdicts_total"), VIEW_NONE, resolver->counters.verdicts };
	into[count++] =
		(struct counter){ VIEW("sealpost_verdicts_refused_total"), VIEW_NONE, resolver->counters.refused };
	into[count++] = (struct counter){ VIEW("sealpost_verdicts_later_total"), VIEW_NONE, resolver->counters.later };
	into[count++] = (struct counter){ VIEW("sealpost_dns_queries_total"), VIEW_NONE, resolver->counters.queries };
	into[count++] =
		(struct counter){ VIEW("sealpost_verdict_rechecks_total"), VIEW_NONE, resolver->counters.rechecks };
	into[count++] =
		(struct counter){ VIEW("sealpost_senders"), VIEW_NONE, (int64_t)senders_count(resolver->senders) };
	into[count++] = (struct counter){ VIEW("sealpost_dns_names"), VIEW_NONE, (int64_t)resolver->names.count };
	return count;
}

const struct room_definition resolver_room = {
	.room = ROOM_RESOLVER,
	.start = start,
	.answerers = resolver_answerers,
	.answerer_count = RESOLVER_ANSWERER_COUNT,
	.reload = reload,
	.stop = stop,
	.deinit = deinit,
	.counters = counters,
};

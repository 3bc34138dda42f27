/* The doctor: all checks of a domain, past every cache, each with what was seen and the whole fix: by the resolver,
 * and by each of the domain's own name servers. */
#include "rooms/resolver/servers.h"

static const int64_t servers_patience = 8 * SECOND;

static void row_of(const struct finding *finding, struct check_row *row)
{
	*row = (struct check_row){
		.check = finding->check,
		.state = finding->state,
		.seen_count = finding->seen_count,
		.name = finding->name,
		.expected = finding->expected,
		.fix = finding->fix,
		.replaces = finding->replaces,
		.remove = finding->remove,
		.detail = finding->detail,
	};
	for (size_t i = 0; i < finding->seen_count; i++)
		row->seen[i] = finding->seen[i];
}

static void examine(struct resolver *resolver, const struct who *who, enum check check, struct arena *arena,
                    struct finding *finding)
{
	struct usable_key usable[SEALS_MOST];
	size_t usable_count = 0;
	/* The operator asks: keys are made on nobody's account. */
	const struct who anyone = { .domain = who->domain, .errand = who->errand, .server = who->server };
	switch (check) {
	case CHECK_TOKEN:
		if (who->account.length > 0)
			find_token(resolver, who, FRESH_NOW, arena, finding);
		else
			*finding = (struct finding){
				.check = CHECK_TOKEN,
				.state = STATE_UNKNOWN,
				.name = who->domain,
				.detail = VIEW("which account? a token names one: --account NAME"),
			};
		return;
	case CHECK_SPF:
		find_spf(resolver, who, FRESH_NOW, arena, finding);
		return;
	case CHECK_DKIM:
		find_dkim(resolver, &anyone, FRESH_NOW, arena, finding, usable, &usable_count);
		return;
	case CHECK_DMARC:
		find_dmarc(resolver, who, FRESH_NOW, arena, finding);
		return;
	}
}

/* ---- the domain's own name servers */

struct visit {
	struct server_talk talk;
	const struct check_request *request;
	struct check_answer *answer;
	size_t at; /* its place in each row's servers */
	struct arena *arena;
};

static void visit_check(struct visit *visit, enum check check)
{
	struct resolver *resolver = visit->talk.resolver;
	struct check_row *row = &visit->answer->checks[check];
	struct check_server *server = &row->servers[visit->at];
	struct errand errand = errand_begin(resolver, ERRAND_DOCTOR);
	const struct who who = {
		.domain = visit->request->domain,
		.account = visit->request->account,
		.as_typed = visit->request->as_typed,
		.errand = &errand,
		.server = &visit->talk,
	};
	struct finding finding;
	examine(resolver, &who, check, visit->arena, &finding);
	server->state = finding.state == STATE_WARN ? STATE_PASS : finding.state;
	for (size_t i = 0; i < finding.seen_count; i++)
		server->seen[server->seen_count++] = finding.seen[i];
	const uint32_t ttl = server_ttl(&visit->talk, finding.name);
	if (ttl > row->ttl)
		row->ttl = ttl;
}

static void visit_run(void *argument)
{
	struct visit *visit = argument;
	for (unsigned check = 0; check < CHECK_COUNT; check++)
		visit_check(visit, (enum check)check);
	visit->answer->asked[visit->at] =
		(struct asked_server){ .name = visit->talk.server->name, .problem = visit->talk.problem };
	server_talk_end(&visit->talk);
}

static void visit_servers(struct resolver *resolver, const struct check_request *request, struct check_answer *answer,
                          const struct zone_servers *servers, struct arena *arena)
{
	struct visit *visits = ARENA_ARRAY(arena, struct visit, CHECK_SERVERS_MOST);
	struct task_group group;
	task_group_init(&group);
	answer->asked_count = servers->count;
	for (unsigned check = 0; check < CHECK_COUNT; check++) {
		answer->checks[check].server_count = servers->count;
		for (size_t i = 0; i < servers->count; i++)
			answer->checks[check].servers[i] =
				(struct check_server){ .name = servers->servers[i].name, .state = STATE_UNKNOWN };
	}
	for (size_t i = 0; i < servers->count; i++) {
		visits[i] = (struct visit){
			.talk = { .resolver = resolver,
			          .zone = servers->zone,
			          .server = &servers->servers[i],
			          .deadline = world_now(resolver->world) + servers_patience,
			          .arena = arena },
			.request = request,
			.answer = answer,
			.at = i,
			.arena = arena,
		};
		task_group_start(&group, resolver->world, "name server", visit_run, &visits[i]);
	}
	if (task_group_wait(&group, NEVER_DUE) != WAIT_DONE) {
		task_group_cancel(&group);
		while (!list_is_empty(&group.tasks))
			task_group_wait(&group, NEVER_DUE);
	}
}

static struct view names_of(const struct check_row *row, enum check_state state, struct arena *arena)
{
	struct text names = TEXT_LIMIT(4096);
	for (size_t i = 0; i < row->server_count; i++)
		if (row->servers[i].state == state)
			text_print(&names, "%s%.*s", names.length > 0 ? " and " : "", VIEW_PRINT(row->servers[i].name));
	const struct view copy = arena_copy(arena, text_view(&names));
	text_deinit(&names);
	return copy;
}

/* What the resolver found is what counts for mail; where the zone's own servers say otherwise, it is on its way to
 * change, or one of them lags behind. */
static void compare(struct check_row *row, struct arena *arena)
{
	const struct view behind = names_of(row, STATE_FAIL, arena);
	const struct view ahead = names_of(row, STATE_PASS, arena);
	const bool passes = row->state == STATE_PASS || row->state == STATE_WARN;
	if (passes && behind.length > 0) {
		row->state = STATE_WARN;
		row->detail =
			ahead.length > 0
				? arena_print(arena, "%.*s; but %.*s does not show the record: a secondary that lags behind",
		                      VIEW_PRINT(row->detail), VIEW_PRINT(behind))
				: arena_print(arena, "a cache still shows the record, but %.*s does not any more",
		                      VIEW_PRINT(behind));
	} else if (row->state == STATE_FAIL && ahead.length > 0 && behind.length > 0) {
		row->detail = arena_print(arena, "%.*s has the record already, %.*s not yet: a secondary that lags behind",
		                          VIEW_PRINT(ahead), VIEW_PRINT(behind));
	} else if (row->state == STATE_FAIL && ahead.length > 0) {
		row->detail = arena_print(arena, "published at %.*s; a cache on the way here shows what was there before",
		                          VIEW_PRINT(ahead));
		row->fix = VIEW_NONE;
	}
}

static void ask_servers(struct resolver *resolver, const struct check_request *request, struct check_answer *answer,
                        struct arena *arena)
{
	struct errand errand = errand_begin(resolver, ERRAND_DOCTOR);
	const struct record_question like = { .freshness = FRESH_NOW, .errand = &errand };
	struct zone_servers *servers = ARENA_NEW(arena, struct zone_servers);
	servers_find(resolver, request->domain, &like, CHECK_SERVERS_MOST, arena, servers);
	if (servers->count == 0)
		return;
	visit_servers(resolver, request, answer, servers, arena);
	for (unsigned check = 0; check < CHECK_COUNT; check++)
		compare(&answer->checks[check], arena);
}

/* ---- the answer */

void resolver_answer_check(void *room, const struct caller *caller, const void *question, void *given,
                           struct arena *arena)
{
	(void)caller;
	struct resolver *resolver = room;
	const struct check_request *request = question;
	struct check_answer *answer = given;
	answer->ready = true;
	for (unsigned check = 0; check < CHECK_COUNT; check++) {
		struct errand errand = errand_begin(resolver, ERRAND_DOCTOR);
		const struct who who = {
			.domain = request->domain,
			.account = request->account,
			.as_typed = request->as_typed,
			.errand = &errand,
		};
		struct finding finding;
		examine(resolver, &who, (enum check)check, arena, &finding);
		find_misplaced(resolver, &who, arena, &finding);
		find_alias(resolver, &who, arena, &finding);
		row_of(&finding, &answer->checks[answer->check_count++]);
	}
	ask_servers(resolver, request, answer, arena);
	for (unsigned check = 0; check < CHECK_COUNT; check++)
		answer->ready =
			answer->ready && (answer->checks[check].state == STATE_PASS || answer->checks[check].state == STATE_WARN);
}

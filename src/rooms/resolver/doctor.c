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

/* What is looked at: a check, or the key that is to seal next. */
struct examination {
	enum check check;
	const struct public_key *next_key; /* NULL: the check */
};

static void examine_token(struct resolver *resolver, const struct who *who, struct arena *arena,
                          struct finding *finding)
{
	if (who->account.length > 0)
		find_token(resolver, who, FRESH_NOW, arena, finding);
	else
		*finding = (struct finding){
			.check = CHECK_TOKEN,
			.state = STATE_UNKNOWN,
			.name = who->domain,
			.detail = VIEW("which account? a token names one: --account NAME"),
		};
}

static void examine(struct resolver *resolver, const struct who *who, const struct examination *examination,
                    struct arena *arena, struct finding *finding)
{
	struct usable_key usable[SEALS_MOST];
	size_t usable_count = 0;
	/* The operator asks: keys are made on nobody's account. */
	const struct who anyone = { .domain = who->domain, .errand = who->errand, .server = who->server };
	if (examination->next_key != NULL) {
		find_key(resolver, who, examination->next_key, FRESH_NOW, arena, finding);
		return;
	}
	switch (examination->check) {
	case CHECK_TOKEN:
		examine_token(resolver, who, arena, finding);
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

struct consultation {
	struct resolver *resolver;
	const struct check_request *request;
	struct check_answer *answer;
	struct arena *arena;
	struct domain_keys_answer keys;
	int64_t began;
	struct examination examinations[CHECK_COUNT + 1];
	size_t count;
};

/* Each has time and queries of its own; what the consultation has asked already is not asked again. */
static struct errand errand_of(const struct consultation *consultation)
{
	struct errand errand = errand_begin(consultation->resolver, ERRAND_DOCTOR);
	errand.began = consultation->began;
	return errand;
}

static struct who who_of(const struct consultation *consultation, struct errand *errand)
{
	return (struct who){
		.domain = consultation->request->domain,
		.account = consultation->request->account,
		.as_typed = consultation->request->as_typed,
		.errand = errand,
	};
}

struct visit {
	struct consultation *consultation;
	struct server_talk talk;
	size_t at; /* its place in each row's servers */
};

static void visit_examine(struct visit *visit, size_t number)
{
	struct consultation *consultation = visit->consultation;
	struct check_row *row = &consultation->answer->checks[number];
	struct check_server *server = &row->servers[visit->at];
	struct errand errand = errand_of(consultation);
	struct who who = who_of(consultation, &errand);
	struct finding finding;
	who.server = &visit->talk;
	examine(consultation->resolver, &who, &consultation->examinations[number], consultation->arena, &finding);
	server->state = finding.state == STATE_WARN ? STATE_PASS : finding.state;
	for (size_t i = 0; i < finding.seen_count && i < SERVER_SEEN_MOST; i++)
		server->seen[server->seen_count++] = finding.seen[i];
	const uint32_t ttl = server_ttl(&visit->talk, finding.name);
	if (ttl > row->ttl)
		row->ttl = ttl;
}

static void visit_run(void *argument)
{
	struct visit *visit = argument;
	for (size_t i = 0; i < visit->consultation->count; i++)
		visit_examine(visit, i);
	visit->consultation->answer->asked[visit->at] =
		(struct asked_server){ .name = visit->talk.server->name, .problem = visit->talk.problem };
	server_talk_end(&visit->talk);
}

static void visit_all(struct consultation *consultation, const struct zone_servers *servers)
{
	struct resolver *resolver = consultation->resolver;
	struct visit *visits = ARENA_ARRAY(consultation->arena, struct visit, CHECK_SERVERS_MOST);
	struct task_group group;
	task_group_init(&group);
	consultation->answer->asked_count = servers->count;
	for (size_t i = 0; i < servers->count; i++) {
		for (size_t row = 0; row < consultation->count; row++)
			consultation->answer->checks[row].servers[i] =
				(struct check_server){ .name = servers->servers[i].name, .state = STATE_UNKNOWN };
		visits[i] = (struct visit){
			.consultation = consultation,
			.talk = { .resolver = resolver,
			          .zone = servers->zone,
			          .server = &servers->servers[i],
			          .deadline = world_now(resolver->world) + servers_patience,
			          .arena = consultation->arena },
			.at = i,
		};
		task_group_start(&group, resolver->world, "name server", visit_run, &visits[i]);
	}
	for (size_t row = 0; row < consultation->count; row++)
		consultation->answer->checks[row].server_count = servers->count;
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

static void ask_servers(struct consultation *consultation)
{
	struct errand errand = errand_of(consultation);
	struct record_question like = { .freshness = FRESH_NOW, .errand = &errand };
	struct zone_servers *servers = ARENA_NEW(consultation->arena, struct zone_servers);
	servers_find(consultation->resolver, consultation->request->domain, &like, CHECK_SERVERS_MOST,
	             consultation->arena, servers);
	/* Where they are all dead, those that were known are named as dead. */
	like.freshness = FRESH_ENOUGH;
	if (servers->count == 0)
		servers_find(consultation->resolver, consultation->request->domain, &like, CHECK_SERVERS_MOST,
		             consultation->arena, servers);
	if (servers->count == 0)
		return;
	visit_all(consultation, servers);
	for (size_t i = 0; i < consultation->count; i++)
		compare(&consultation->answer->checks[i], consultation->arena);
}

/* ---- keys in turn */

static bool is_everywhere(const struct check_row *row)
{
	for (size_t i = 0; i < row->server_count; i++)
		if (row->servers[i].state != STATE_PASS)
			return false;
	return row->state == STATE_PASS;
}

/* Perhaps somebody who looked in the background was first. */
static bool has_turned(struct consultation *consultation)
{
	struct domain_keys_answer keys = { 0 };
	const struct who anyone = { .domain = consultation->request->domain };
	return turn_make(consultation->resolver, anyone.domain) ||
	       (find_keys(consultation->resolver, &anyone, consultation->arena, &keys) == DOMAIN_KEYS_OK &&
	        key_of_phase(&keys, KEY_NEXT) == NULL);
}

static void tell_next(struct consultation *consultation, struct check_row *row)
{
	const struct public_key *active = key_of_phase(&consultation->keys, KEY_ACTIVE);
	const struct view selector = active != NULL ? active->selector : VIEW_NONE;
	if (is_everywhere(row) && has_turned(consultation)) {
		row->detail = VIEW("the next key is seen everywhere: from now on it seals");
		return;
	}
	row->state = STATE_WARN;
	row->detail = arena_print(consultation->arena, "the next key: %.*s seals until all name servers show it; %.*s",
	                          VIEW_PRINT(selector), VIEW_PRINT(row->detail));
}

/* Mail that it has sealed may still be on its way, for as long as mail is tried. */
static void tell_old(struct consultation *consultation, struct check_row *row)
{
	const struct resolver *resolver = consultation->resolver;
	const struct public_key *old = key_of_phase(&consultation->keys, KEY_OLD);
	if (old == NULL || row->state != STATE_PASS)
		return;
	const int64_t left = old->since + (*resolver->config)->queue.retry.expire - world_wall(resolver->world);
	const struct view when = left > 0 ? arena_print(consultation->arena, "may be taken out of DNS in %lld hours",
	                                                (long long)((left + HOUR - 1) / HOUR))
	                                  : VIEW("may be taken out of DNS");
	row->detail = arena_print(consultation->arena, "%.*s; that of the key before, %.*s._domainkey.%.*s, %.*s",
	                          VIEW_PRINT(row->detail), VIEW_PRINT(old->selector),
	                          VIEW_PRINT(consultation->request->domain), VIEW_PRINT(when));
}

static void plan(struct consultation *consultation)
{
	struct errand errand = errand_of(consultation);
	const struct who anyone = { .domain = consultation->request->domain, .errand = &errand };
	for (unsigned check = 0; check < CHECK_COUNT; check++)
		consultation->examinations[consultation->count++].check = (enum check)check;
	if (find_keys(consultation->resolver, &anyone, consultation->arena, &consultation->keys) != DOMAIN_KEYS_OK)
		return;
	const struct public_key *next = key_of_phase(&consultation->keys, KEY_NEXT);
	if (next != NULL)
		consultation->examinations[consultation->count++] = (struct examination){ CHECK_DKIM, next };
}

/* ---- the answer */

static void ask_resolver(struct consultation *consultation)
{
	struct resolver *resolver = consultation->resolver;
	struct check_answer *answer = consultation->answer;
	for (size_t i = 0; i < consultation->count; i++) {
		struct errand errand = errand_of(consultation);
		const struct who who = who_of(consultation, &errand);
		struct finding finding;
		examine(resolver, &who, &consultation->examinations[i], consultation->arena, &finding);
		find_obstacle(resolver, &who, consultation->arena, &finding);
		find_misplaced(resolver, &who, consultation->arena, &finding);
		row_of(&finding, &answer->checks[answer->check_count++]);
	}
}

void resolver_answer_check(void *room, const struct caller *caller, const void *question, void *given,
                           struct arena *arena)
{
	(void)caller;
	struct consultation *consultation = ARENA_NEW(arena, struct consultation);
	struct check_answer *answer = given;
	*consultation = (struct consultation){
		.resolver = room,
		.request = question,
		.answer = answer,
		.arena = arena,
		.began = world_now(((const struct resolver *)room)->world),
	};
	plan(consultation);
	ask_resolver(consultation);
	ask_servers(consultation);
	tell_old(consultation, &answer->checks[CHECK_DKIM]);
	if (answer->check_count > CHECK_COUNT)
		tell_next(consultation, &answer->checks[CHECK_COUNT]);
	answer->ready = true;
	for (size_t i = 0; i < answer->check_count; i++)
		answer->ready =
			answer->ready && (answer->checks[i].state == STATE_PASS || answer->checks[i].state == STATE_WARN);
}

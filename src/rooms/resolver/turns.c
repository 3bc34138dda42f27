#include "base/must.h"
#include "rooms/resolver/servers.h"

static const int64_t look_again = MINUTE;
static const int64_t server_patience = 8 * SECOND;

struct turn {
	int64_t look_at;
	bool is_looking;
};

void turns_forget(struct resolver *resolver)
{
	size_t position = 0;
	struct view domain;
	void *turn;
	while (map_walk(&resolver->turns, &position, &domain, &turn)) {
		map_remove(&resolver->turns, domain);
		free(turn);
	}
}

/* ---- seen at all of them? */

static bool shows(struct resolver *resolver, const struct who *who, const struct public_key *key, struct arena *arena)
{
	struct finding finding;
	find_key(resolver, who, key, FRESH_NOW, arena, &finding);
	return finding.state == STATE_PASS;
}

static bool server_shows(struct resolver *resolver, const struct who *who, const struct zone_servers *servers,
                         size_t index, const struct public_key *key, struct arena *arena)
{
	struct server_talk *talk = ARENA_NEW(arena, struct server_talk);
	*talk = (struct server_talk){
		.resolver = resolver,
		.zone = servers->zone,
		.server = &servers->servers[index],
		.deadline = world_now(resolver->world) + server_patience,
		.arena = arena,
	};
	struct who there = *who;
	there.server = talk;
	const bool good = shows(resolver, &there, key, arena);
	server_talk_end(talk);
	return good;
}

static bool is_everywhere(struct resolver *resolver, const struct who *who, struct arena *arena)
{
	struct zone_servers *servers = ARENA_NEW(arena, struct zone_servers);
	struct domain_keys_answer keys = { 0 };
	if (find_keys(resolver, who, arena, &keys) != DOMAIN_KEYS_OK)
		return false;
	const struct public_key *next = key_of_phase(&keys, KEY_NEXT);
	if (next == NULL || !shows(resolver, who, next, arena))
		return false;
	const struct record_question like = { .freshness = FRESH_NOW, .errand = who->errand };
	servers_find(resolver, who->domain, &like, CHECK_SERVERS_MOST, arena, servers);
	for (size_t i = 0; i < servers->count; i++)
		if (!server_shows(resolver, who, servers, i, next, arena))
			return false;
	return true;
}

/* ---- turning */

bool turn_make(struct resolver *resolver, struct view domain)
{
	struct arena arena = { 0 };
	const struct activate_request request = { .domain = domain };
	struct activate_answer answer = { 0 };
	const bool good = vault_activate(resolver->vault, &request, &answer, &arena,
	                                 world_now(resolver->world) + 30 * SECOND) == ASKED_OK &&
	                  answer.activated;
	if (good)
		log_event(resolver->log, &(struct event){
									 .event = VIEW("key_rotated"),
									 .domain = domain,
									 .duration = LOG_ABSENT,
								 });
	arena_deinit(&arena);
	return good;
}

struct looking {
	struct resolver *resolver;
	struct turn *turn;
	struct text domain;
};

static void look(void *argument)
{
	struct looking *looking = argument;
	struct resolver *resolver = looking->resolver;
	struct arena arena = { 0 };
	struct errand errand = errand_begin(resolver, ERRAND_DOCTOR);
	const struct who who = { .domain = text_view(&looking->domain), .errand = &errand, .known_keys_only = true };
	const bool turned = is_everywhere(resolver, &who, &arena) && turn_make(resolver, who.domain);
	looking->turn->is_looking = false;
	if (turned)
		free(map_remove(&resolver->turns, who.domain));
	arena_deinit(&arena);
	text_deinit(&looking->domain);
	free(looking);
}

static struct turn *turn_of(struct resolver *resolver, struct view domain)
{
	struct turn *turn = map_get(&resolver->turns, domain);
	bool full = false;
	if (turn != NULL)
		return turn;
	turn = must_alloc(1, sizeof(*turn));
	turn->look_at = INT64_MIN;
	map_put(&resolver->turns, domain, turn, &full);
	if (!full)
		return turn;
	free(turn);
	return NULL;
}

void turn_look(struct resolver *resolver, struct view domain)
{
	struct turn *turn = turn_of(resolver, domain);
	const int64_t now = world_now(resolver->world);
	if (turn == NULL || turn->is_looking || turn->look_at > now)
		return;
	struct looking *looking = must_alloc(1, sizeof(*looking));
	*looking = (struct looking){ .resolver = resolver, .turn = turn, .domain = TEXT_LIMIT(256) };
	text_add(&looking->domain, domain);
	turn->is_looking = true;
	turn->look_at = now + look_again;
	task_group_start(&resolver->asking, resolver->world, "next key", look, looking);
}

#include "rooms/resolver/servers.h"

#include "base/bytes.h"
#include "mail/domain.h"
#include "net/dns.h"
#include "net/dns_server.h"

static const int64_t connect_patience = 2 * SECOND;
static const int64_t answer_patience = 3 * SECOND;
static const int64_t first_patience = 1500 * MILLISECOND; /* of mail that waits for it */
static const int64_t missed_pause = 10 * MINUTE;

enum { MISSED_MOST = 3 }; /* zones in a row: others' servers cannot be reached from here */

/* ---- who they are */

static void add_addresses(struct resolver *resolver, const struct record_question *like, enum dns_type type,
                          struct arena *arena, struct zone_server *server)
{
	const struct record_question question = {
		.name = server->name, .type = type, .freshness = like->freshness, .errand = like->errand
	};
	struct dns_answer answer;
	records_lookup(resolver, &question, arena, &answer);
	for (size_t i = 0; answer.status == DNS_FOUND && i < answer.record_count; i++) {
		if (server->address_count == SERVER_ADDRESSES_MOST)
			return;
		struct endpoint *endpoint = &server->addresses[server->address_count++];
		*endpoint = (struct endpoint){
			.family = type == DNS_A ? 4 : 6,
			.port = (uint16_t)(*resolver->config)->dns.server_port,
		};
		bytes_copy(endpoint->address, sizeof(endpoint->address), answer.records[i].data);
	}
}

static int compare_names(const void *a, const void *b)
{
	return view_compare(((const struct dns_record *)a)->data, ((const struct dns_record *)b)->data);
}

static void add_servers(struct resolver *resolver, const struct record_question *like, size_t most,
                        struct dns_answer *found, struct arena *arena, struct zone_servers *servers)
{
	qsort(found->records, found->record_count, sizeof(*found->records), compare_names);
	for (size_t i = 0; i < found->record_count && servers->count < most; i++) {
		struct zone_server *server = &servers->servers[servers->count++];
		*server = (struct zone_server){ .name = found->records[i].data };
		add_addresses(resolver, like, DNS_A, arena, server);
		add_addresses(resolver, like, DNS_AAAA, arena, server);
	}
}

/* What is at the top (com, test) is the registry's. */
void servers_find(struct resolver *resolver, struct view domain, const struct record_question *like, size_t most,
                  struct arena *arena, struct zone_servers *servers)
{
	*servers = (struct zone_servers){ .zone = domain };
	for (struct view zone = domain; name_label_count(zone) > 1; zone = name_parent(zone)) {
		const struct record_question question = {
			.name = zone, .type = DNS_NS, .freshness = like->freshness, .errand = like->errand
		};
		struct dns_answer found;
		records_lookup(resolver, &question, arena, &found);
		if (found.is_local || found.status == DNS_FAILED || found.status == DNS_CANCELLED)
			return;
		if (found.status != DNS_FOUND || found.through_alias)
			continue;
		servers->zone = zone;
		add_servers(resolver, like, most, &found, arena, servers);
		return;
	}
}

/* ---- asking one */

static struct view refusal_of(enum connect_result result)
{
	static const struct view texts[] = {
		[CONNECT_OK] = VIEW_INIT(""),
		[CONNECT_REFUSED] = VIEW_INIT("connection refused"),
		[CONNECT_UNREACHABLE] = VIEW_INIT("unreachable"),
		[CONNECT_LATE] = VIEW_INIT("no answer over TCP"),
		[CONNECT_FAILED] = VIEW_INIT("cannot be dialled from here"),
		[CONNECT_CANCELLED] = VIEW_INIT("interrupted"),
	};
	return texts[result];
}

static int64_t within(const struct server_talk *talk, int64_t patience)
{
	const int64_t until = world_now(talk->resolver->world) + patience;
	return until < talk->deadline ? until : talk->deadline;
}

static bool connect_one(struct server_talk *talk, const struct endpoint *address)
{
	struct world *world = talk->resolver->world;
	if (endpoint_is_special(address) && !(*talk->resolver->config)->delivery.allow_private_addresses) {
		talk->problem = VIEW("its address is not one of the open Internet");
		return false;
	}
	const enum connect_result result =
		world->operations->connect(world, address, NULL, within(talk, connect_patience), &talk->connection);
	talk->problem = refusal_of(result);
	return result == CONNECT_OK;
}

static bool connect(struct server_talk *talk)
{
	talk->problem = VIEW("it has no address");
	for (size_t i = 0; i < talk->server->address_count; i++)
		if (connect_one(talk, &talk->server->addresses[i]))
			return true;
	return false;
}

static void hang_up(struct server_talk *talk)
{
	connection_close(talk->connection);
	talk->connection = NULL;
}

void server_talk_end(struct server_talk *talk)
{
	hang_up(talk);
}

/* A server may close between two questions (RFC 7766 6.2.3): a second try has a connection of its own. */
static void ask(struct server_talk *talk, struct view name, enum dns_type type, struct dns_said *said)
{
	*said = (struct dns_said){ .answer = { .status = DNS_FAILED, .canonical = name } };
	for (unsigned try = 0; try < 2 && talk->problem.length == 0; try++) {
		const bool is_used = talk->connection != NULL;
		bool is_broken = false;
		if (!is_used && !connect(talk))
			break;
		dns_server_ask(talk->connection, name, type, within(talk, answer_patience), talk->arena, said, &is_broken);
		if (!is_broken) {
			talk->is_reached = true;
			return;
		}
		hang_up(talk);
		if (!is_used)
			talk->problem = said->answer.detail;
	}
	said->answer.detail = talk->problem;
}

static const struct server_answer *answer_of(const struct server_talk *talk, struct view name, enum dns_type type)
{
	for (size_t i = 0; i < talk->answer_count; i++)
		if (talk->answers[i].type == type && view_equal_nocase(talk->answers[i].name, name))
			return &talk->answers[i];
	return NULL;
}

static bool is_below(struct view name, struct view zone)
{
	return name.length > zone.length && dns_name_is_within(name, zone);
}

static void ask_and_note(struct server_talk *talk, struct view name, enum dns_type type, struct server_answer *into)
{
	struct dns_said said;
	ask(talk, name, type, &said);
	*into = (struct server_answer){
		.name = arena_copy(talk->arena, name),
		.type = type,
		.answer = said.answer,
		.is_elsewhere =
			is_below(said.delegated, talk->zone) || (said.answer.through_alias && said.answer.status != DNS_FOUND),
	};
	into->answer.canonical = arena_copy(talk->arena, said.answer.canonical);
	if (into->is_elsewhere || said.answer.status != DNS_FAILED || talk->problem.length > 0)
		return;
	/* REFUSED, SERVFAIL, not of the zone: so will all its answers be. */
	talk->problem = said.answer.detail;
}

bool server_lookup(struct server_talk *talk, struct view name, enum dns_type type, struct arena *arena,
                   struct dns_answer *answer)
{
	*answer = (struct dns_answer){ .canonical = arena_copy(arena, name) };
	if (!dns_name_is_within(name, talk->zone))
		return false;
	const struct server_answer *known = answer_of(talk, name, type);
	if (known == NULL && talk->answer_count < SERVER_ANSWERS_MOST) {
		struct server_answer *into = &talk->answers[talk->answer_count];
		ask_and_note(talk, name, type, into);
		talk->answer_count++;
		known = into;
	}
	if (known == NULL)
		return false;
	*answer = known->answer;
	return !known->is_elsewhere;
}

uint32_t server_ttl(const struct server_talk *talk, struct view name)
{
	const struct server_answer *known = answer_of(talk, name, DNS_TXT);
	return known == NULL || known->is_elsewhere ? 0 : known->answer.ttl;
}

/* ---- whichever answers first */

struct view servers_zone_of(struct view name)
{
	const size_t underscore = view_find_last_byte(name, '_');
	return underscore == VIEW_NOT_FOUND ? name : name_parent(view_from(name, underscore));
}

/* Of one zone they may all be dead, and whoever asks for it asks often: that says nothing of the others. */
static void note_reached(struct resolver *resolver, struct view zone, bool reached)
{
	const uint64_t hash = view_hash(zone, 0);
	if (!reached && resolver->own_servers_missed > 0 && resolver->own_servers_zone == hash)
		return;
	resolver->own_servers_zone = hash;
	resolver->own_servers_missed = reached ? 0 : resolver->own_servers_missed + 1;
	if (resolver->own_servers_missed < MISSED_MOST)
		return;
	resolver->own_servers_missed = 0;
	resolver->own_servers_from = world_now(resolver->world) + missed_pause;
}

static bool ask_one(struct server_talk *talk, struct view name, enum dns_type type, struct arena *arena,
                    struct dns_answer *answer)
{
	struct dns_answer said;
	const bool is_its_business = server_lookup(talk, name, type, arena, &said);
	const bool good = is_its_business && said.status != DNS_FAILED && said.status != DNS_CANCELLED;
	note_reached(talk->resolver, talk->zone, talk->is_reached);
	if (good)
		*answer = said;
	return good;
}

bool servers_ask(struct resolver *resolver, struct view name, enum dns_type type, struct arena *arena,
                 struct dns_answer *answer)
{
	enum { TRIED_MOST = 2 };
	struct errand errand = {
		.deadline = world_now(resolver->world) + first_patience,
		.queries_left = SERVER_QUERIES_MOST,
		.good_until = INT64_MAX,
		.refresh_at = INT64_MAX,
	};
	const struct record_question like = { .freshness = FRESH_ENOUGH, .errand = &errand };
	struct zone_servers *servers = ARENA_NEW(arena, struct zone_servers);
	servers_find(resolver, servers_zone_of(name), &like, TRIED_MOST, arena, servers);
	bool good = false;
	for (size_t i = 0; i < servers->count && !good; i++) {
		struct server_talk *talk = ARENA_NEW(arena, struct server_talk);
		*talk = (struct server_talk){
			.resolver = resolver,
			.zone = servers->zone,
			.server = &servers->servers[i],
			.deadline = errand.deadline,
			.arena = arena,
		};
		good = ask_one(talk, name, type, arena, answer);
		server_talk_end(talk);
	}
	return good;
}

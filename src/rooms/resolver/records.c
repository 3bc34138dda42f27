/* Look-ups, remembered: an answer's time, its grace, and who else is asking for it. */
#include "base/must.h"
#include "rooms/resolver/resolver.h"

enum { NAMES_MOST = 200000 };

static const int64_t lookup_patience = 10 * SECOND;
static const int64_t retry_after = 30 * SECOND; /* at most so long until a failed check is asked again */
static const int64_t retry_at_most_every = SECOND;
static const int64_t failure_time = 5 * SECOND; /* a failure is not asked again at once by everybody */

struct cache_entry {
	struct link by_use;
	struct text key;
	struct arena arena;       /* of the definitive answer */
	struct dns_answer answer; /* the last definitive one */
	bool has_answer;
	int64_t obtained;
	int64_t good_until;
	int64_t asked_fresh; /* when it was last asked past the caches */
	int64_t failed_until;
	struct text failure; /* why the last look-up failed */
	bool asking;
	struct signal asked;
	unsigned pins;
};

static void entry_free(struct cache_entry *entry)
{
	text_deinit(&entry->key);
	text_deinit(&entry->failure);
	arena_deinit(&entry->arena);
	free(entry);
}

static void forget_one(struct resolver *resolver)
{
	for (struct link *link = list_first(&resolver->by_use); link != NULL; link = list_next(&resolver->by_use, link)) {
		struct cache_entry *entry = LIST_OWNER(link, struct cache_entry, by_use);
		if (entry->pins > 0)
			continue;
		list_remove(&resolver->by_use, link);
		map_remove(&resolver->names, text_view(&entry->key));
		entry_free(entry);
		return;
	}
}

static struct cache_entry *entry_of(struct resolver *resolver, struct view name, enum dns_type type)
{
	struct text key = TEXT_LIMIT(1024);
	text_print(&key, "%d ", (int)type);
	for (size_t i = 0; i < name.length; i++)
		text_add_byte(&key, byte_lower(name.data[i]));
	struct cache_entry *entry = map_get(&resolver->names, text_view(&key));
	if (entry == NULL) {
		if (resolver->names.count >= NAMES_MOST)
			forget_one(resolver);
		entry = must_alloc(1, sizeof(*entry));
		entry->key = (struct text)TEXT_LIMIT(1024);
		entry->failure = (struct text)TEXT_LIMIT(512);
		entry->asked_fresh = INT64_MIN;
		entry->failed_until = INT64_MIN;
		text_add(&entry->key, text_view(&key));
		signal_init(&entry->asked);
		map_put(&resolver->names, text_view(&key), entry, NULL);
		list_add_last(&resolver->by_use, &entry->by_use);
	} else {
		list_remove(&resolver->by_use, &entry->by_use);
		list_add_last(&resolver->by_use, &entry->by_use);
	}
	text_deinit(&key);
	return entry;
}

static void answer_copy(const struct dns_answer *from, struct arena *arena, struct dns_answer *to)
{
	*to = *from;
	to->canonical = arena_copy(arena, from->canonical);
	to->detail = arena_copy(arena, from->detail);
	to->records = ARENA_ARRAY(arena, struct dns_record, from->record_count + 1);
	for (size_t i = 0; i < from->record_count; i++) {
		to->records[i] = from->records[i];
		to->records[i].data = arena_copy(arena, from->records[i].data);
	}
}

static void take_answer(struct resolver *resolver, struct cache_entry *entry, const struct dns_answer *answer)
{
	const struct config *config = *resolver->config;
	const int64_t now = world_now(resolver->world);
	int64_t time = (int64_t)answer->ttl * SECOND;
	if (time < config->dns.min_ttl)
		time = config->dns.min_ttl;
	if (time > config->dns.max_ttl)
		time = config->dns.max_ttl;
	arena_clear(&entry->arena);
	answer_copy(answer, &entry->arena, &entry->answer);
	entry->has_answer = true;
	entry->obtained = now;
	entry->good_until = now + time;
	entry->failed_until = INT64_MIN;
}

static void ask(struct resolver *resolver, struct cache_entry *entry, struct view name, enum dns_type type,
                bool fresh)
{
	struct arena arena = { 0 };
	struct dns_answer answer;
	const int64_t now = world_now(resolver->world);
	entry->asking = true;
	entry->pins++;
	if (fresh)
		entry->asked_fresh = now;
	resolver->counters.queries++;
	resolver->dns->operations->lookup(resolver->dns, name, type, fresh, now + lookup_patience, &arena, &answer);
	if (answer.status == DNS_FAILED) {
		entry->failed_until = world_now(resolver->world) + failure_time;
		text_clear(&entry->failure);
		text_add(&entry->failure, view_first(answer.detail, 500));
	} else if (answer.status != DNS_CANCELLED) {
		take_answer(resolver, entry, &answer);
	}
	arena_deinit(&arena);
	entry->pins--;
	entry->asking = false;
	signal_wake_all(&entry->asked);
}

static bool needs_asking(const struct cache_entry *entry, enum freshness freshness, int64_t now)
{
	if (freshness == FRESH_NOW)
		return entry->asked_fresh == INT64_MIN || entry->asked_fresh + retry_at_most_every <= now;
	if (entry->failed_until > now)
		return false;
	if (!entry->has_answer || entry->good_until <= now)
		return true;
	return freshness == FRESH_RETRY && entry->obtained + retry_at_most_every <= now &&
	       (entry->asked_fresh == INT64_MIN || entry->asked_fresh + retry_after <= now ||
	        entry->obtained + retry_after <= now);
}

void records_lookup(struct resolver *resolver, struct view name, enum dns_type type, enum freshness freshness,
                    struct arena *arena, struct dns_answer *answer)
{
	struct cache_entry *entry = entry_of(resolver, name, type);
	entry->pins++;
	while (entry->asking && signal_wait(&entry->asked, world_now(resolver->world) + lookup_patience) == WAIT_DONE)
		continue;
	if (!entry->asking && needs_asking(entry, freshness, world_now(resolver->world)))
		ask(resolver, entry, name, type, freshness != FRESH_ENOUGH);
	entry->pins--;
	/* The last definitive answer serves as long as failures last, but not beyond its grace. */
	const int64_t grace = (*resolver->config)->dns.grace;
	if (entry->has_answer && world_now(resolver->world) < entry->obtained + grace)
		answer_copy(&entry->answer, arena, answer);
	else
		*answer = (struct dns_answer){
			.status = DNS_FAILED,
			.canonical = name,
			.detail = arena_copy(arena, entry->failure.length > 0 ? text_view(&entry->failure) : VIEW("timed out")),
		};
}

void records_expire(struct resolver *resolver)
{
	struct link *link = list_first(&resolver->by_use);
	for (; link != NULL; link = list_next(&resolver->by_use, link)) {
		struct cache_entry *entry = LIST_OWNER(link, struct cache_entry, by_use);
		entry->good_until = INT64_MIN;
		entry->asked_fresh = INT64_MIN;
		entry->failed_until = INT64_MIN;
	}
}

void resolver_init(struct resolver *resolver, struct world *world, struct log *log,
                   const struct config *const *config, struct dns *dns, struct peer *vault)
{
	*resolver = (struct resolver){
		.world = world,
		.log = log,
		.config = config,
		.dns = dns,
		.vault = vault,
		.names = MAP_LIMIT(NAMES_MOST + 1, world_random_u64(world)),
		.grants = MAP_LIMIT(200000, world_random_u64(world)),
	};
	list_init(&resolver->by_use);
	random_seed(&resolver->random, world_random_u64(world));
}

void resolver_deinit(struct resolver *resolver)
{
	for (struct link *link; (link = list_take_first(&resolver->by_use)) != NULL;)
		entry_free(LIST_OWNER(link, struct cache_entry, by_use));
	map_deinit(&resolver->names);
	grants_forget(resolver);
	map_deinit(&resolver->grants);
}

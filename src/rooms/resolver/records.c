/* Look-ups, remembered: an answer's time, its grace, and who else is asking for it. */
#include "base/bytes.h"
#include "base/must.h"
#include "rooms/resolver/resolver.h"

enum { NAME_MOST = 253, LABEL_MOST = 63 };

static const size_t bytes_most = (size_t)64 * 1024 * 1024;
static const int64_t question_patience = 8 * SECOND;
static const int64_t lookup_patience = 6 * SECOND;
static const int64_t stale_patience = 1800 * MILLISECOND; /* RFC 8767 5: where an older answer can serve */
static const int64_t retry_after = 30 * SECOND;           /* at most so long until a failed check is asked again */
static const int64_t retry_at_most_every = SECOND;
static const int64_t failure_time = 5 * SECOND; /* a failure is not asked again at once by everybody */
static const int64_t stale_time = 30 * SECOND;  /* RFC 8767 5: nor while an older answer serves */

struct cache_entry {
	struct link by_use;
	struct text key;
	struct dns_answer answer; /* the last definitive one; what it points to is in `packed` */
	char *packed;
	size_t packed_size;
	int64_t obtained;    /* INT64_MIN: there is none yet */
	int64_t good_until;  /* of the answer */
	int64_t asked_fresh; /* when it was last asked past the caches; INT64_MIN: never */
	int64_t failed_until;
	struct text failure; /* why the last look-up failed */
	struct signal asked;
	bool asking;
	unsigned pins;
};

static bool has_answer(const struct cache_entry *entry)
{
	return entry->obtained != INT64_MIN;
}

/* The last definitive answer serves as long as failures last, but not beyond its grace. */
static bool answer_serves(const struct resolver *resolver, const struct cache_entry *entry)
{
	return has_answer(entry) && world_now(resolver->world) < entry->obtained + (*resolver->config)->dns.grace;
}

static void unpack(struct resolver *resolver, struct cache_entry *entry)
{
	resolver->bytes -= entry->packed_size;
	free(entry->packed);
	entry->packed = NULL;
	entry->packed_size = 0;
}

static void entry_free(struct resolver *resolver, struct cache_entry *entry)
{
	unpack(resolver, entry);
	text_deinit(&entry->key);
	text_deinit(&entry->failure);
	free(entry);
}

/* False: all of them are in use. */
static bool forget_one(struct resolver *resolver)
{
	for (struct link *link = list_first(&resolver->by_use); link != NULL; link = list_next(&resolver->by_use, link)) {
		struct cache_entry *entry = LIST_OWNER(link, struct cache_entry, by_use);
		if (entry->pins > 0)
			continue;
		list_remove(&resolver->by_use, link);
		map_remove(&resolver->names, text_view(&entry->key));
		entry_free(resolver, entry);
		return true;
	}
	return false;
}

static struct cache_entry *entry_new(struct resolver *resolver, struct view key)
{
	if (resolver->names.count >= RESOLVER_NAMES_MOST)
		forget_one(resolver);
	struct cache_entry *entry = must_alloc(1, sizeof(*entry));
	*entry = (struct cache_entry){
		.key = TEXT_LIMIT(NAME_MOST + 16),
		.failure = TEXT_LIMIT(512),
		.obtained = INT64_MIN,
		.asked_fresh = INT64_MIN,
		.failed_until = INT64_MIN,
	};
	text_add(&entry->key, key);
	signal_init(&entry->asked);
	map_put(&resolver->names, key, entry, NULL);
	list_add_last(&resolver->by_use, &entry->by_use);
	return entry;
}

static struct cache_entry *entry_of(struct resolver *resolver, const struct record_question *question)
{
	struct text key = TEXT_LIMIT(NAME_MOST + 16);
	text_print(&key, "%d ", (int)question->type);
	for (size_t i = 0; i < question->name.length; i++)
		text_add_byte(&key, byte_lower(question->name.data[i]));
	struct cache_entry *entry = map_get(&resolver->names, text_view(&key));
	if (entry == NULL) {
		entry = entry_new(resolver, text_view(&key));
	} else {
		list_remove(&resolver->by_use, &entry->by_use);
		list_add_last(&resolver->by_use, &entry->by_use);
	}
	text_deinit(&key);
	return entry;
}

/* ---- answers */

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

static struct view pack_bytes(struct cache_entry *entry, size_t *at, struct view bytes)
{
	const size_t start = *at;
	*at += bytes_copy(entry->packed + start, entry->packed_size - start, bytes);
	return view_bytes(entry->packed + start, bytes.length);
}

/* One block holds the answer: there are many entries, and most are small. */
static void pack(struct resolver *resolver, struct cache_entry *entry, const struct dns_answer *answer)
{
	size_t at = answer->record_count * sizeof(struct dns_record);
	size_t size = at + answer->canonical.length + 1;
	for (size_t i = 0; i < answer->record_count; i++)
		size += answer->records[i].data.length;
	unpack(resolver, entry);
	while (resolver->bytes + size > bytes_most && forget_one(resolver))
		continue;
	entry->packed = must_alloc(1, size);
	entry->packed_size = size;
	resolver->bytes += size;
	entry->answer = *answer;
	entry->answer.detail = VIEW_NONE;
	entry->answer.records = (struct dns_record *)(void *)entry->packed;
	entry->answer.canonical = pack_bytes(entry, &at, answer->canonical);
	for (size_t i = 0; i < answer->record_count; i++) {
		entry->answer.records[i] = answer->records[i];
		entry->answer.records[i].data = pack_bytes(entry, &at, answer->records[i].data);
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
	pack(resolver, entry, answer);
	entry->obtained = now;
	entry->good_until = now + time;
	entry->failed_until = INT64_MIN;
}

/* ---- asking */

static void ask(struct resolver *resolver, struct cache_entry *entry, const struct record_question *question)
{
	struct arena arena = { 0 };
	struct dns_answer answer = { .status = DNS_CANCELLED };
	const int64_t now = world_now(resolver->world);
	const int64_t patience = answer_serves(resolver, entry) ? stale_patience : lookup_patience;
	const bool fresh = question->freshness != FRESH_ENOUGH;
	entry->asking = true;
	if (fresh)
		entry->asked_fresh = now;
	resolver->counters.queries++;
	/* With the same patience for all, since others may wait for this answer too. */
	resolver->dns->operations->lookup(resolver->dns, question->name, question->type, fresh, now + patience, &arena,
	                                  &answer);
	if (answer.status == DNS_FAILED) {
		entry->failed_until =
			world_now(resolver->world) + (answer_serves(resolver, entry) ? stale_time : failure_time);
		text_clear(&entry->failure);
		text_add(&entry->failure, view_first(answer.detail, 500));
	} else if (answer.status != DNS_CANCELLED) {
		take_answer(resolver, entry, &answer);
	}
	arena_deinit(&arena);
	entry->asking = false;
	signal_wake_all(&entry->asked);
}

static bool needs_asking(const struct cache_entry *entry, enum freshness freshness, int64_t now)
{
	if (freshness == FRESH_NOW)
		return entry->asked_fresh == INT64_MIN || entry->asked_fresh + retry_at_most_every <= now;
	if (entry->failed_until > now)
		return false;
	if (!has_answer(entry) || entry->good_until <= now)
		return true;
	/* The answer may come from a cache that has kept it for long, so the first time there is no wait of 30 s. */
	return freshness == FRESH_RETRY && entry->obtained + retry_at_most_every <= now &&
	       (entry->asked_fresh == INT64_MIN || entry->asked_fresh + retry_after <= now);
}

/* A stranger's text may be no name at all; then it is certain that nothing is there. */
static bool can_be_a_name(struct view name)
{
	struct view label;
	if (view_ends(name, VIEW(".")))
		name = view_first(name, name.length - 1);
	if (name.length == 0 || name.length > NAME_MOST)
		return false;
	for (size_t i = 0; i < name.length; i++)
		if (!byte_is_print(name.data[i]) || name.data[i] == ' ' || name.data[i] == '\\')
			return false;
	while (view_split(&name, '.', &label))
		if (label.length == 0 || label.length > LABEL_MOST)
			return false;
	return true;
}

void records_lookup(struct resolver *resolver, const struct record_question *question, struct arena *arena,
                    struct dns_answer *answer)
{
	*answer = (struct dns_answer){ .status = DNS_NXDOMAIN, .canonical = question->name, .ttl = UINT32_MAX };
	if (!can_be_a_name(question->name))
		return;
	struct cache_entry *entry = entry_of(resolver, question);
	entry->pins++;
	while (entry->asking && signal_wait(&entry->asked, question->deadline) == WAIT_DONE)
		continue;
	const int64_t before = world_now(resolver->world);
	if (!entry->asking && before < question->deadline && needs_asking(entry, question->freshness, before))
		ask(resolver, entry, question);
	entry->pins--;
	if (answer_serves(resolver, entry)) {
		if (question->good_until != NULL && entry->good_until < *question->good_until)
			*question->good_until = entry->good_until;
		answer_copy(&entry->answer, arena, answer);
		return;
	}
	const bool failed = entry->failed_until > world_now(resolver->world) && entry->failure.length > 0;
	answer->status = DNS_FAILED;
	answer->detail = arena_copy(arena, failed ? text_view(&entry->failure) : VIEW("timed out"));
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

int64_t resolver_deadline(const struct resolver *resolver)
{
	return world_now(resolver->world) + question_patience;
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
		/* Room for those that are in use beyond the limit. */
		.names = MAP_LIMIT((size_t)2 * RESOLVER_NAMES_MOST, world_random_u64(world)),
		.grants = MAP_LIMIT(200000, world_random_u64(world)),
	};
	list_init(&resolver->by_use);
	random_seed(&resolver->random, world_random_u64(world));
}

void resolver_deinit(struct resolver *resolver)
{
	for (struct link *link; (link = list_take_first(&resolver->by_use)) != NULL;)
		entry_free(resolver, LIST_OWNER(link, struct cache_entry, by_use));
	map_deinit(&resolver->names);
	grants_forget(resolver);
	map_deinit(&resolver->grants);
}

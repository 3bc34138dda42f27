/* Look-ups, remembered: an answer's time, its grace, and who else is asking for it. */
#include "base/bytes.h"
#include "base/must.h"
#include "rooms/resolver/packed.h"
#include "rooms/resolver/servers.h"

enum { NAME_MOST = 253, LABEL_MOST = 63 };

static const size_t bytes_most = (size_t)64 * 1024 * 1024;
static const int64_t lookup_patience = 6 * SECOND;        /* of a look-up; its asker may leave earlier */
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
	int64_t refresh_at;  /* when a re-check thinks it old */
	int64_t asked_at;    /* the look-up under way, or the last */
	int64_t asked_fresh; /* when it was last asked past our caches; INT64_MIN: never */
	int64_t asked_past;  /* and past those of the resolvers that we ask */
	int64_t failed_until;
	struct text failure; /* why the last look-up failed */
	struct signal asked;
	bool asking;
	bool is_kept; /* on disk too */
	int64_t kept_at;
	uint64_t kept_mark; /* of what the disk has */
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
		if (entry->is_kept)
			keep_remove(resolver->keep, KEPT_ANSWER, text_view(&entry->key));
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
		.asked_past = INT64_MIN,
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

/* Asked again and again, most answers stay the same: then only now and then is it told to the disk how young it is.
 */
static void keep_answer(struct resolver *resolver, struct cache_entry *entry)
{
	const int64_t grace = (*resolver->config)->dns.grace;
	struct text value = TEXT_LIMIT(1024 * 1024);
	if (!entry->is_kept || resolver->keep == NULL)
		return;
	packed_write(&entry->answer, entry->good_until - entry->obtained, &value);
	const uint64_t mark = packed_mark(text_view(&value));
	if (!value.overflow && (mark != entry->kept_mark || entry->obtained - entry->kept_at > grace / 100)) {
		const int64_t age = world_now(resolver->world) - entry->obtained;
		keep_put(resolver->keep, KEPT_ANSWER, text_view(&entry->key), text_view(&value),
		         world_wall(resolver->world) - age);
		entry->kept_mark = mark;
		entry->kept_at = entry->obtained;
	}
	text_deinit(&value);
}

static void set_answer(struct resolver *resolver, struct cache_entry *entry, const struct dns_answer *answer,
                       int64_t obtained, int64_t duration)
{
	pack(resolver, entry, answer);
	entry->obtained = obtained;
	entry->good_until = obtained + duration;
	entry->refresh_at = obtained + duration / 5 * 4;
	entry->failed_until = INT64_MIN;
}

static void take_answer(struct resolver *resolver, struct cache_entry *entry, const struct dns_answer *answer)
{
	const struct config *config = *resolver->config;
	int64_t time = (int64_t)answer->ttl * SECOND;
	if (time < config->dns.min_ttl)
		time = config->dns.min_ttl;
	if (time > config->dns.max_ttl)
		time = config->dns.max_ttl;
	set_answer(resolver, entry, answer, world_now(resolver->world), time);
	keep_answer(resolver, entry);
}

static void restore_one(void *context, const struct kept_row *row)
{
	struct resolver *resolver = context;
	struct arena arena = { 0 };
	struct dns_answer answer;
	int64_t duration = 0;
	const int64_t age = world_wall(resolver->world) - row->wall;
	/* A clock that was set back makes nothing younger; nor is anything so young that what does not pass by it would
	 * not be asked again at once. */
	const int64_t obtained = world_now(resolver->world) - (age > retry_at_most_every ? age : retry_at_most_every);
	if (row->key.length <= NAME_MOST + 8 && map_get(&resolver->names, row->key) == NULL &&
	    packed_read(row->value, &arena, &answer, &duration) && duration <= (*resolver->config)->dns.max_ttl) {
		struct cache_entry *entry = entry_new(resolver, row->key);
		entry->is_kept = true;
		set_answer(resolver, entry, &answer, obtained, duration);
		entry->kept_at = obtained;
		entry->kept_mark = packed_mark(row->value);
	}
	arena_deinit(&arena);
}

void records_restore(struct resolver *resolver)
{
	const int64_t since = world_wall(resolver->world) - (*resolver->config)->dns.grace;
	keep_read(resolver->keep, KEPT_ANSWER, since, RESOLVER_NAMES_MOST / 2, restore_one, resolver);
}

/* ---- asking */

struct asking {
	struct resolver *resolver;
	struct cache_entry *entry;
	struct view name;
	enum dns_type type;
	bool fresh;
	bool past_resolvers;
	struct arena arena;
};

static void ask_failed(const struct resolver *resolver, struct cache_entry *entry, struct view why)
{
	const int64_t pause = answer_serves(resolver, entry) ? stale_time : failure_time;
	entry->failed_until = world_now(resolver->world) + pause;
	text_clear(&entry->failure);
	text_add(&entry->failure, view_first(why, 500));
}

/* What it costs to find the zone's own servers: nothing where they are known. */
static unsigned own_server_cost(const struct resolver *resolver, struct view name)
{
	struct text key = TEXT_LIMIT(NAME_MOST + 16);
	text_print(&key, "%d %.*s", (int)DNS_NS, VIEW_PRINT(servers_zone_of(name)));
	const struct cache_entry *entry = map_get(&resolver->names, text_view(&key));
	text_deinit(&key);
	return entry != NULL && has_answer(entry) ? 0 : SERVER_QUERIES_MOST;
}

/* The resolvers that we ask have caches of their own; the zone's servers have none. Not so when everything is asked
 * from the root here, for what stands in a file, or where others' servers cannot be reached. */
static bool goes_past_resolvers(const struct resolver *resolver, const struct record_question *question)
{
	return question->is_own && question->type == DNS_TXT &&
	       (question->freshness == FRESH_RETRY || question->freshness == FRESH_NOW) &&
	       (*resolver->config)->dns.resolvers.count > 0 && resolver->own_servers_from <= world_now(resolver->world) &&
	       question->errand->queries_left > own_server_cost(resolver, question->name);
}

static void ask_resolvers(struct asking *asking, struct dns_answer *answer)
{
	struct dns *dns = asking->resolver->dns;
	dns->operations->lookup(dns, asking->name, asking->type, asking->fresh, asking->entry->asked_at + lookup_patience,
	                        &asking->arena, answer);
}

/* What a server says is not validated: of signed zones the resolvers' answer stands, whoever is asked. */
static bool is_signed_or_local(const struct dns_answer *answer)
{
	return answer->secure || answer->is_local;
}

static void ask_whoever_knows(struct asking *asking, struct dns_answer *answer)
{
	const struct cache_entry *entry = asking->entry;
	if (!asking->past_resolvers || (has_answer(entry) && is_signed_or_local(&entry->answer))) {
		ask_resolvers(asking, answer);
		return;
	}
	if (has_answer(entry) && servers_ask(asking->resolver, asking->name, asking->type, &asking->arena, answer))
		return;
	ask_resolvers(asking, answer);
	const bool is_definitive = answer->status != DNS_FAILED && answer->status != DNS_CANCELLED;
	if (!has_answer(entry) && is_definitive && !is_signed_or_local(answer))
		servers_ask(asking->resolver, asking->name, asking->type, &asking->arena, answer);
}

/* A task of its own: whoever asked may be gone when the answer comes. It is worth the same to the next one. */
static void ask(void *argument)
{
	struct asking *asking = argument;
	struct resolver *resolver = asking->resolver;
	struct cache_entry *entry = asking->entry;
	struct dns_answer answer = { .status = DNS_CANCELLED };
	ask_whoever_knows(asking, &answer);
	if (answer.status == DNS_FAILED)
		ask_failed(resolver, entry, answer.detail);
	else if (answer.status != DNS_CANCELLED)
		take_answer(resolver, entry, &answer);
	entry->asking = false;
	entry->pins--;
	signal_wake_all(&entry->asked);
	arena_deinit(&asking->arena);
	free(asking);
}

static void ask_begin(struct resolver *resolver, struct cache_entry *entry, const struct record_question *question)
{
	struct asking *asking = must_alloc(1, sizeof(*asking));
	*asking = (struct asking){
		.resolver = resolver,
		.entry = entry,
		.type = question->type,
		.fresh = question->freshness != FRESH_ENOUGH,
		.past_resolvers = goes_past_resolvers(resolver, question),
	};
	asking->name = arena_copy(&asking->arena, question->name);
	entry->asking = true;
	entry->pins++;
	entry->asked_at = world_now(resolver->world);
	if (asking->fresh)
		entry->asked_fresh = entry->asked_at;
	if (asking->past_resolvers)
		entry->asked_past = entry->asked_at;
	entry->is_kept = entry->is_kept || question->errand->is_kept;
	question->errand->queries_left -= 1 + (asking->past_resolvers ? own_server_cost(resolver, asking->name) : 0);
	resolver->counters.queries++;
	task_group_start(&resolver->asking, resolver->world, "look-up", ask, asking);
}

static bool needs_asking(const struct resolver *resolver, const struct cache_entry *entry,
                         const struct record_question *question)
{
	const enum freshness freshness = question->freshness;
	const int64_t now = world_now(resolver->world);
	const int64_t asked_before = goes_past_resolvers(resolver, question) ? entry->asked_past : entry->asked_fresh;
	if (freshness == FRESH_NOW)
		return entry->asked_fresh == INT64_MIN || entry->asked_fresh < question->errand->began;
	if (entry->failed_until > now)
		return false;
	if (!has_answer(entry) || entry->good_until <= now)
		return true;
	if (freshness == FRESH_AHEAD)
		return entry->refresh_at <= now;
	/* The answer may come from a cache that has kept it for long, so the first time there is no wait of 30 s. */
	return freshness == FRESH_RETRY && entry->obtained + retry_at_most_every <= now &&
	       (asked_before == INT64_MIN || asked_before + retry_after <= now);
}

/* How long the look-up under way is waited for. Not at all by whom a good answer will do; where an older one can
 * serve, for a moment only. */
static int64_t worth_waiting(const struct resolver *resolver, const struct cache_entry *entry,
                             const struct record_question *question)
{
	const bool is_good = has_answer(entry) && entry->good_until > world_now(resolver->world);
	if (is_good && question->freshness == FRESH_ENOUGH)
		return INT64_MIN;
	if (question->errand->is_impatient && answer_serves(resolver, entry))
		return INT64_MIN;
	const int64_t until = entry->asked_at + (answer_serves(resolver, entry) ? stale_patience : lookup_patience);
	return until < question->errand->deadline ? until : question->errand->deadline;
}

static void await(const struct resolver *resolver, struct cache_entry *entry, const struct record_question *question)
{
	while (entry->asking) {
		const int64_t until = worth_waiting(resolver, entry, question);
		if (until <= world_now(resolver->world))
			return;
		if (signal_wait(&entry->asked, until) == WAIT_CANCELLED)
			return;
	}
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
	struct errand *errand = question->errand;
	struct cache_entry *entry = entry_of(resolver, question);
	entry->pins++;
	await(resolver, entry, question);
	const bool wanted =
		!entry->asking && world_now(resolver->world) < errand->deadline && needs_asking(resolver, entry, question);
	if (wanted && errand->queries_left > 0) {
		ask_begin(resolver, entry, question);
		await(resolver, entry, question);
	}
	entry->pins--;
	if (errand->is_kept && !entry->is_kept && has_answer(entry)) {
		entry->is_kept = true;
		keep_answer(resolver, entry);
	}
	/* The doctor tells what is, and an older answer would hide that DNS fails. */
	const bool is_too_old = question->freshness == FRESH_NOW && entry->obtained < errand->began;
	if (answer_serves(resolver, entry) && !is_too_old) {
		errand->is_impatient = errand->is_impatient || entry->good_until <= world_now(resolver->world);
		if (entry->good_until < errand->good_until)
			errand->good_until = entry->good_until;
		answer_copy(&entry->answer, arena, answer);
		if (entry->refresh_at < errand->refresh_at)
			errand->refresh_at = entry->refresh_at;
		return;
	}
	const bool failed = entry->failed_until > world_now(resolver->world) && entry->failure.length > 0;
	answer->status = DNS_FAILED;
	answer->detail = failed                                ? arena_copy(arena, text_view(&entry->failure))
	                 : wanted && errand->queries_left == 0 ? VIEW("it takes more look-ups than one message may")
	                                                       : VIEW("timed out");
}

void records_expire(struct resolver *resolver)
{
	struct link *link = list_first(&resolver->by_use);
	for (; link != NULL; link = list_next(&resolver->by_use, link)) {
		struct cache_entry *entry = LIST_OWNER(link, struct cache_entry, by_use);
		entry->good_until = INT64_MIN;
		entry->asked_fresh = INT64_MIN;
		entry->asked_past = INT64_MIN;
		entry->failed_until = INT64_MIN;
	}
}

/* Both moments of a message, and the keys of eight seals between them: together within 40 queries and 10 s. */
struct errand errand_begin(const struct resolver *resolver, enum errand_kind kind)
{
	static const struct {
		unsigned queries;
		int64_t patience;
		bool is_kept;
	} rows[] = {
		[ERRAND_MAIL] = { 16, 4 * SECOND, true },     [ERRAND_DATA] = { 16, 4 * SECOND, true },
		[ERRAND_SEAL_KEY] = { 1, 4 * SECOND, false }, [ERRAND_MAY_SEND] = { 16, 8 * SECOND, true },
		[ERRAND_RECHECK] = { 40, 10 * SECOND, true }, [ERRAND_ROUTE] = { 40, 8 * SECOND, false },
		[ERRAND_DOCTOR] = { 100, 8 * SECOND, true },
	};
	return (struct errand){
		.began = world_now(resolver->world),
		.deadline = world_now(resolver->world) + rows[kind].patience,
		.queries_left = rows[kind].queries,
		.is_kept = rows[kind].is_kept,
		.good_until = INT64_MAX,
		.refresh_at = INT64_MAX,
	};
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
		.turns = MAP_LIMIT(10000, world_random_u64(world)),
	};
	list_init(&resolver->by_use);
	task_group_init(&resolver->asking);
	random_seed(&resolver->random, world_random_u64(world));
	resolver->senders = senders_new(resolver);
}

void resolver_deinit(struct resolver *resolver)
{
	for (struct link *link; (link = list_take_first(&resolver->by_use)) != NULL;)
		entry_free(resolver, LIST_OWNER(link, struct cache_entry, by_use));
	map_deinit(&resolver->names);
	senders_free(resolver->senders);
	grants_forget(resolver);
	map_deinit(&resolver->grants);
	turns_forget(resolver);
	map_deinit(&resolver->turns);
}

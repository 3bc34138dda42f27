#include "rooms/resolver/senders.h"

#include "base/cursor.h"
#include "base/heap.h"
#include "base/must.h"
#include "rooms/resolver/resolver.h"

enum { SENDERS_MOST = 100000, AT_ONCE_MOST = 8, RELEASE_TRIES = 5 };

static const int64_t least_pause = SECOND;
static const int64_t unknown_pause = 10 * SECOND;
static const int64_t failed_pause = 30 * SECOND;
static const int64_t idle_most = 7 * DAY; /* then it is forgotten, and judged anew when it sends again */
static const int64_t kept_at_least_every = HOUR;
enum { IDLE_PART = 8 }; /* of the time since it last sent: how long to wait at least */

/* Kept on disk: the order stays. */
enum standing { STANDING_NEW, STANDING_READY, STANDING_BROKEN };

struct sender {
	struct link by_use;
	struct heap_node due;
	struct text key; /* account NUL domain */
	struct text as_typed;
	enum requirement require[CHECK_COUNT];
	enum standing standing;
	unsigned passing, failing; /* bits by enum check */
	int64_t used;
	int64_t kept;
	bool checking; /* a task has it */
};

struct senders {
	struct resolver *resolver;
	struct map by_key;
	struct list by_use; /* the longest unused first */
	struct heap due;
	struct task_group tasks;
	struct signal changed;
	unsigned checking;
};

static struct view account_of(const struct sender *sender)
{
	const struct view key = text_view(&sender->key);
	return view_first(key, view_find_byte(key, '\0'));
}

static struct view domain_of(const struct sender *sender)
{
	const struct view key = text_view(&sender->key);
	return view_from(key, view_find_byte(key, '\0') + 1);
}

static void sender_free(struct sender *sender)
{
	text_deinit(&sender->key);
	text_deinit(&sender->as_typed);
	free(sender);
}

static void sender_forget(struct senders *senders, struct sender *sender)
{
	keep_remove(senders->resolver->keep, KEPT_SENDER, text_view(&sender->key));
	map_remove(&senders->by_key, text_view(&sender->key));
	list_remove(&senders->by_use, &sender->by_use);
	heap_remove(&senders->due, &sender->due);
	sender_free(sender);
}

static void make_room(struct senders *senders)
{
	struct link *link = list_first(&senders->by_use);
	for (; link != NULL && senders->by_key.count >= SENDERS_MOST; link = list_first(&senders->by_use)) {
		struct sender *sender = LIST_OWNER(link, struct sender, by_use);
		if (sender->checking)
			return;
		sender_forget(senders, sender);
	}
}

static struct sender *sender_new(struct senders *senders, struct view key, struct view as_typed)
{
	struct sender *sender = must_alloc(1, sizeof(*sender));
	*sender = (struct sender){
		.key = TEXT_LIMIT(2048),
		.as_typed = TEXT_LIMIT(2048),
		.require = { [CHECK_SPF] = REQUIRE_OFF, [CHECK_DKIM] = REQUIRE_OFF, [CHECK_DMARC] = REQUIRE_OFF },
	};
	text_add(&sender->key, key);
	text_add(&sender->as_typed, as_typed);
	make_room(senders);
	map_put(&senders->by_key, key, sender, NULL);
	list_add_last(&senders->by_use, &sender->by_use);
	return sender;
}

static void plan(struct senders *senders, struct sender *sender, int64_t due)
{
	heap_remove(&senders->due, &sender->due);
	heap_add(&senders->due, &sender->due, due);
	signal_wake_all(&senders->changed);
}

/* ---- on disk */

static void sender_keep(struct senders *senders, struct sender *sender)
{
	struct world *world = senders->resolver->world;
	struct text value = TEXT_LIMIT(4096);
	const int64_t now = world_now(world);
	text_add_u8_le(&value, (uint8_t)sender->standing);
	text_add_u8_le(&value, (uint8_t)sender->passing);
	text_add_u8_le(&value, (uint8_t)sender->failing);
	for (unsigned i = 0; i < CHECK_COUNT; i++)
		text_add_u8_le(&value, (uint8_t)sender->require[i]);
	text_add_counted(&value, text_view(&sender->as_typed));
	keep_put(senders->resolver->keep, KEPT_SENDER, text_view(&sender->key), text_view(&value),
	         world_wall(world) - (now - sender->used));
	sender->kept = now;
	text_deinit(&value);
}

static void restore_one(void *context, const struct kept_row *row)
{
	struct senders *senders = context;
	struct cursor cursor = cursor_of(row->value);
	struct world *world = senders->resolver->world;
	const uint8_t standing = cursor_u8(&cursor);
	const uint8_t passing = cursor_u8(&cursor);
	const uint8_t failing = cursor_u8(&cursor);
	enum requirement require[CHECK_COUNT];
	for (unsigned i = 0; i < CHECK_COUNT; i++)
		require[i] = cursor_u8(&cursor);
	const struct view as_typed = cursor_counted(&cursor);
	if (!cursor_is_done(&cursor) || standing > STANDING_BROKEN || view_find_byte(row->key, '\0') == VIEW_NOT_FOUND ||
	    map_get(&senders->by_key, row->key) != NULL)
		return;
	struct sender *sender = sender_new(senders, row->key, as_typed);
	const int64_t age = world_wall(world) - row->wall;
	sender->standing = standing;
	sender->passing = passing;
	sender->failing = failing;
	for (unsigned i = 0; i < CHECK_COUNT; i++)
		sender->require[i] = require[i];
	sender->used = world_now(world) - (age > 0 ? age : 0);
	sender->kept = sender->used;
	/* They are not all looked at in the first moment, and those that seldom send not in the first hour. */
	const int64_t rest = (world_now(world) - sender->used) / IDLE_PART;
	const uint64_t within = (uint64_t)(rest > failed_pause ? rest : failed_pause);
	plan(senders, sender, world_now(world) + (int64_t)random_below(&senders->resolver->random, within));
}

void senders_restore(struct resolver *resolver)
{
	keep_read(resolver->keep, KEPT_SENDER, world_wall(resolver->world) - idle_most, SENDERS_MOST, restore_one,
	          resolver->senders);
}

/* ---- what has changed */

static void tell(const struct senders *senders, const struct sender *sender, struct view event,
                 const struct judged *judged)
{
	struct text status = TEXT_LIMIT(32);
	if (judged->failed != 0)
		text_print(&status, "%u.%u.%u", judged->status.class, judged->status.subject, judged->status.detail);
	log_event(senders->resolver->log, &(struct event){
										  .event = event,
										  .account = account_of(sender),
										  .domain = domain_of(sender),
										  .status = text_view(&status),
										  .reason = judged->failed != 0 ? judged->problem : VIEW_NONE,
										  .duration = LOG_ABSENT,
									  });
	text_deinit(&status);
}

struct release {
	struct resolver *resolver;
	struct text account;
};

static void release_run(void *argument)
{
	struct release *release = argument;
	struct resolver *resolver = release->resolver;
	struct arena arena = { 0 };
	const struct token_back_request request = { .account = text_view(&release->account) };
	for (unsigned i = 0; i < RELEASE_TRIES; i++) {
		struct queue_act_answer answer = { 0 };
		if (queue_token_back(resolver->queue, &request, &answer, &arena, world_now(resolver->world) + MINUTE) ==
		        ASKED_OK &&
		    answer.result != CHANGE_FAILED)
			break;
		/* Else the queue looks for itself in a while. */
		if (task_sleep(resolver->world, SECOND) != WAIT_DONE)
			break;
	}
	arena_deinit(&arena);
	text_deinit(&release->account);
	free(release);
}

/* Mail that was held for want of the token goes on at once. */
static void let_go(struct senders *senders, const struct sender *sender)
{
	if (senders->resolver->queue == NULL)
		return;
	struct release *release = must_alloc(1, sizeof(*release));
	*release = (struct release){ .resolver = senders->resolver, .account = TEXT_LIMIT(2048) };
	text_add(&release->account, account_of(sender));
	task_group_start(&senders->tasks, senders->resolver->world, "release", release_run, release);
}

static void settle(struct senders *senders, struct sender *sender, const struct judged *judged)
{
	const unsigned token = 1u << CHECK_TOKEN;
	const enum standing before = sender->standing;
	const unsigned failing_before = sender->failing;
	const unsigned passing_before = sender->passing;
	unsigned tracked = token;
	for (unsigned i = 0; i < CHECK_COUNT; i++)
		tracked |= sender->require[i] == REQUIRE_ENFORCE ? 1u << i : 0;
	sender->failing = ((sender->failing & ~judged->passed) | judged->failed) & tracked;
	sender->passing = ((sender->passing & ~judged->failed) | judged->passed) & tracked;
	if (sender->failing != 0 && before == STANDING_READY) {
		sender->standing = STANDING_BROKEN;
		tell(senders, sender, VIEW("domain_broken"), judged);
	} else if (sender->failing == 0 && judged->is_whole && before != STANDING_READY &&
	           (sender->passing & token) != 0) {
		sender->standing = STANDING_READY;
		tell(senders, sender, VIEW("domain_ready"), judged);
	}
	if ((failing_before & token) != 0 && (sender->failing & token) == 0)
		let_go(senders, sender);
	if (sender->standing != before || sender->failing != failing_before || sender->passing != passing_before ||
	    world_now(senders->resolver->world) - sender->kept > kept_at_least_every)
		sender_keep(senders, sender);
}

static int64_t next_due(const struct senders *senders, const struct sender *sender, const struct judged *judged)
{
	const struct resolver *resolver = senders->resolver;
	const int64_t now = world_now(resolver->world);
	const int64_t longest = (*resolver->config)->dns.max_ttl;
	int64_t pause = judged->refresh_at - now;
	if (sender->failing != 0)
		pause = failed_pause < longest ? failed_pause : longest;
	else if (pause <= 0)
		pause = unknown_pause; /* DNS fails */
	if (pause > longest)
		pause = longest;
	if (pause < (now - sender->used) / IDLE_PART)
		pause = (now - sender->used) / IDLE_PART;
	return now + (pause > least_pause ? pause : least_pause);
}

void senders_note(struct resolver *resolver, const struct judged *judged)
{
	struct senders *senders = resolver->senders;
	struct text key = TEXT_LIMIT(2048);
	text_add(&key, judged->account);
	text_add_byte(&key, '\0');
	text_add(&key, judged->domain);
	struct sender *sender = map_get(&senders->by_key, text_view(&key));
	/* Whoever names a stranger's domain is not remembered. That mail waits for a token is. */
	const bool is_worth_it = (judged->passed & 1u << CHECK_TOKEN) != 0 || judged->require == NULL;
	if (sender == NULL && is_worth_it && !key.overflow)
		sender = sender_new(senders, text_view(&key), judged->as_typed);
	text_deinit(&key);
	if (sender == NULL)
		return;
	list_remove(&senders->by_use, &sender->by_use);
	list_add_last(&senders->by_use, &sender->by_use);
	sender->used = world_now(resolver->world);
	for (unsigned i = 0; judged->require != NULL && i < CHECK_COUNT; i++)
		sender->require[i] = judged->require[i];
	settle(senders, sender, judged);
	const int64_t due = next_due(senders, sender, judged);
	if (!sender->checking && (!heap_has(&sender->due) || due < sender->due.key))
		plan(senders, sender, due);
}

void judged_add(struct judged *judged, const struct finding *finding)
{
	const unsigned bit = 1u << finding->check;
	if (finding->state == STATE_PASS || finding->state == STATE_WARN)
		judged->passed |= bit;
	if (finding->state != STATE_FAIL)
		return;
	if (judged->failed == 0) {
		judged->problem = finding->problem;
		judged->status = finding->status;
	}
	judged->failed |= bit;
}

size_t senders_count(const struct senders *senders)
{
	return senders->by_key.count;
}

/* ---- looking again */

struct looking {
	struct senders *senders;
	struct sender *sender;
};

/* All that the domain is used for, past every cache. Suspends. */
static struct judged look_again(struct resolver *resolver, const struct sender *sender, struct arena *arena)
{
	struct errand errand = errand_begin(resolver, ERRAND_RECHECK);
	const enum freshness freshness = sender->failing != 0 ? FRESH_RETRY : FRESH_AHEAD;
	const unsigned wanted = sender->passing | sender->failing | 1u << CHECK_TOKEN;
	const struct who who = {
		.domain = arena_copy(arena, domain_of(sender)),
		.account = arena_copy(arena, account_of(sender)),
		.as_typed = arena_copy(arena, text_view(&sender->as_typed)),
		.errand = &errand,
		.known_keys_only = true,
	};
	struct judged judged = { .account = who.account, .domain = who.domain, .is_whole = true };
	for (unsigned check = 0; check < CHECK_COUNT; check++) {
		struct finding finding;
		struct usable_key usable[SEALS_MOST];
		size_t usable_count = 0;
		if ((wanted >> check & 1) == 0)
			continue;
		find_once(resolver, &who, (enum check)check, freshness, arena, &finding, usable, &usable_count);
		judged_add(&judged, &finding);
	}
	judged.refresh_at = errand.refresh_at;
	return judged;
}

static void look_run(void *argument)
{
	struct looking *looking = argument;
	struct senders *senders = looking->senders;
	struct resolver *resolver = senders->resolver;
	struct sender *sender = looking->sender;
	struct arena arena = { 0 };
	free(looking);
	resolver->counters.rechecks++;
	const struct judged judged = look_again(resolver, sender, &arena);
	if (!task_is_cancelled()) {
		if ((judged.failed & 1u << CHECK_TOKEN) != 0)
			grants_tell(resolver, judged.account, judged.domain, false);
		settle(senders, sender, &judged);
		plan(senders, sender, next_due(senders, sender, &judged));
	}
	arena_deinit(&arena);
	sender->checking = false;
	senders->checking--;
	signal_wake_all(&senders->changed);
}

static void look_begin(struct senders *senders, struct sender *sender)
{
	struct looking *looking = must_alloc(1, sizeof(*looking));
	*looking = (struct looking){ senders, sender };
	sender->checking = true;
	senders->checking++;
	task_group_start(&senders->tasks, senders->resolver->world, "re-check", look_run, looking);
}

static void take_first(struct senders *senders)
{
	struct sender *sender = HEAP_OWNER(heap_first(&senders->due), struct sender, due);
	heap_remove(&senders->due, &sender->due);
	if (world_now(senders->resolver->world) - sender->used > idle_most)
		sender_forget(senders, sender);
	else
		look_begin(senders, sender);
}

static void senders_run(void *argument)
{
	struct senders *senders = argument;
	for (;;) {
		const struct heap_node *first = heap_first(&senders->due);
		const bool can = first != NULL && senders->checking < AT_ONCE_MOST;
		if (can && first->key <= world_now(senders->resolver->world))
			take_first(senders);
		else if (signal_wait(&senders->changed, can ? first->key : NEVER_DUE) == WAIT_CANCELLED)
			return;
	}
}

void senders_begin(struct resolver *resolver)
{
	task_group_start(&resolver->senders->tasks, resolver->world, "re-checks", senders_run, resolver->senders);
}

struct senders *senders_new(struct resolver *resolver)
{
	struct senders *senders = must_alloc(1, sizeof(*senders));
	*senders = (struct senders){
		.resolver = resolver,
		.by_key = MAP_LIMIT((size_t)SENDERS_MOST + AT_ONCE_MOST, world_random_u64(resolver->world)),
	};
	list_init(&senders->by_use);
	task_group_init(&senders->tasks);
	signal_init(&senders->changed);
	return senders;
}

void senders_free(struct senders *senders)
{
	for (struct link *link; (link = list_take_first(&senders->by_use)) != NULL;)
		sender_free(LIST_OWNER(link, struct sender, by_use));
	map_deinit(&senders->by_key);
	heap_deinit(&senders->due);
	free(senders);
}

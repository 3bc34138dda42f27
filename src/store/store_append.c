#include "base/bytes.h"
#include "base/clock.h"
#include "base/must.h"
#include "store/store_private.h"

struct pending *pending_new(uint16_t type, const struct message_id *id)
{
	struct pending *pending = must_alloc(1, sizeof(*pending));
	*pending = (struct pending){ .references = 1,
		                         .type = type,
		                         .id = *id,
		                         .head = TEXT_LIMIT(JOURNAL_RECORD_MOST),
		                         .content = TEXT_LIMIT(JOURNAL_RECORD_MOST) };
	signal_init(&pending->ended);
	return pending;
}

void pending_release(struct pending *pending)
{
	if (--pending->references > 0)
		return;
	text_deinit(&pending->head);
	text_deinit(&pending->content);
	free(pending);
}

void store_free_list(struct list *list)
{
	for (struct link *link = list_take_first(list); link != NULL; link = list_take_first(list))
		pending_release(LIST_OWNER(link, struct pending, link));
}

static size_t pending_size(const struct pending *pending)
{
	return pending->head.length + pending->content.length;
}

void store_queue(struct store *store, struct pending *pending)
{
	pending->references++;
	list_add_last(&store->queued, &pending->link);
	store->queued_bytes += pending_size(pending);
	overlay_begin(store, pending);
	signal_wake_all(&store->append_wanted);
}

enum store_outcome store_await(struct store *store, struct pending *pending)
{
	(void)store;
	while (!pending->done)
		if (signal_wait(&pending->ended, NEVER_DUE) == WAIT_CANCELLED)
			break;
	const enum store_outcome outcome = pending->done ? pending->outcome : STORE_UNKNOWN;
	pending_release(pending);
	return outcome;
}

/* ---- what is asked for */

bool store_has_room(const struct store *store, uint64_t size)
{
	const uint64_t reserve = store->settings.reserve;
	return !store->failed && !store->is_full &&
	       (reserve == 0 || (store->free_space > reserve && store->free_space - reserve > size));
}

/* Until what is in motion leaves room for more. */
static enum store_outcome room_wait(struct store *store, uint64_t size)
{
	for (;;) {
		if (store->failed || store->closing)
			return STORE_LATER;
		if (!store_has_room(store, size))
			return STORE_FULL;
		const bool fits = store->queued_bytes == 0 || store->queued_bytes + size <= QUEUED_BYTES_MOST;
		if (fits && store->queued.count + store->durable.count < UNAPPLIED_MOST)
			return STORE_DONE;
		if (signal_wait(&store->progress, NEVER_DUE) == WAIT_CANCELLED)
			return STORE_LATER;
	}
}

static size_t accept_head_size(const struct store_message *message, const struct store_payment *payment)
{
	size_t size = 128 + message->account.length + message->sender.length + message->extra.length +
	              message->hold_reason.length + (payment == NULL ? 0 : 32 + 4 * payment->index_count);
	for (size_t i = 0; i < message->recipient_count; i++)
		size += 8 + message->recipients[i].address.length + message->recipients[i].domain.length;
	return size;
}

enum store_outcome store_accept(struct store *store, const struct store_message *message,
                                const struct store_payment *payment)
{
	must(message->recipient_count > 0 && message->recipient_count <= STORE_RECIPIENTS_MOST);
	must(message->extra.length <= STORE_EXTRA_MOST);
	const enum store_outcome room = room_wait(store, message->content.length);
	if (room != STORE_DONE)
		return room;
	struct pending *pending = pending_new(RECORD_ACCEPT, &message->id);
	text_room(&pending->head, accept_head_size(message, payment));
	record_write_accept(message, payment, &pending->head);
	text_add(&pending->content, message->content);
	if (payment != NULL) {
		pending->has_about = true;
		pending->about = payment->about;
	}
	must(!pending->head.overflow && !pending->content.overflow);
	store_queue(store, pending);
	return store_await(store, pending);
}

static struct pending *change_queue(struct store *store, struct store_change *change)
{
	struct pending *pending = pending_new(RECORD_CHANGE, &change->id);
	change->first_seq = store->next_seq;
	for (size_t i = 0; i < change->row_count; i++)
		store->next_seq += change->rows[i].state == STORE_ENDED ? 1 : 0;
	record_write_change(change, &pending->head);
	must(!pending->head.overflow);
	store_queue(store, pending);
	return pending;
}

enum store_outcome store_change(struct store *store, struct store_change *change)
{
	if (store->failed)
		return STORE_LATER;
	return store_await(store, change_queue(store, change));
}

enum store_outcome store_change_begin(struct store *store, struct store_change *change)
{
	if (store->failed)
		return STORE_LATER;
	pending_release(change_queue(store, change));
	return STORE_DONE;
}

enum store_outcome store_flush(struct store *store)
{
	while (!list_is_empty(&store->queued) || store->writing)
		if (store->failed || signal_wait(&store->progress, NEVER_DUE) == WAIT_CANCELLED)
			return STORE_UNKNOWN;
	return store->failed ? STORE_UNKNOWN : STORE_DONE;
}

enum store_outcome store_account_hold(struct store *store, struct view account, struct view reason)
{
	if (store->failed)
		return STORE_LATER;
	struct pending *pending = pending_new(RECORD_ACCOUNT_HOLD, &(struct message_id){ 0 });
	record_write_account_hold(account, reason, &pending->head);
	store_queue(store, pending);
	return store_await(store, pending);
}

enum store_outcome store_notice_drop(struct store *store, const struct store_payment *payment)
{
	if (store->failed)
		return STORE_LATER;
	struct pending *pending = pending_new(RECORD_NOTICE_DROP, &payment->about);
	pending->has_about = true;
	pending->about = payment->about;
	record_write_payment(payment, &pending->head);
	store_queue(store, pending);
	return store_await(store, pending);
}

/* ---- the hooks: told from the record itself, so that they hear exactly what was kept */

static void tell(struct store *store, struct pending *pending)
{
	const struct store_hooks *hooks = &store->settings.hooks;
	const struct store_stamp stamp = { .sequence = pending->sequence,
		                               .place = { .segment = pending->place.segment,
		                                          .offset = pending->place.offset,
		                                          .length = pending->place.length } };
	arena_clear(&store->scratch);
	if (pending->type == RECORD_ACCEPT && hooks->accepted != NULL) {
		struct record_accept accept;
		must(record_read_accept(text_view(&pending->head), &pending->id, &store->scratch, &accept));
		accept.message.content = text_view(&pending->content);
		hooks->accepted(hooks->context, &accept.message, accept.has_payment ? &accept.payment : NULL, &stamp);
	}
	if (pending->type == RECORD_CHANGE && hooks->changed != NULL) {
		struct store_change change;
		must(record_read_change(text_view(&pending->head), &pending->id, &store->scratch, &change));
		hooks->changed(hooks->context, &change, &stamp);
	}
	if (pending->type == RECORD_ACCOUNT_HOLD && hooks->account_held != NULL) {
		struct view account;
		struct view reason;
		must(record_read_account_hold(text_view(&pending->head), &account, &reason));
		hooks->account_held(hooks->context, account, reason);
	}
}

/* ---- the one who writes: what arrived during the last write is the next group */

struct group {
	struct store *store;
	struct pending **pendings;
	struct journal_record *records;
	size_t count;
	size_t capacity;
	enum journal_result result;
	bool is_prepared;
	bool wants_prepared;
	uint64_t retire_below;
	struct text retire_kept; /* numbers, ascending */
};

static void group_room(struct group *group)
{
	if (group->count < group->capacity)
		return;
	group->capacity = group->capacity == 0 ? 64 : group->capacity * 2;
	group->pendings = must_realloc(group->pendings, group->capacity, sizeof(struct pending *));
	group->records = must_realloc(group->records, group->capacity, sizeof(group->records[0]));
}

static void group_take(struct group *group)
{
	struct store *store = group->store;
	size_t bytes = 0;
	group->count = 0;
	while (!list_is_empty(&store->queued) && group->count < GROUP_RECORDS_MOST) {
		struct pending *pending = LIST_OWNER(list_first(&store->queued), struct pending, link);
		const size_t size = pending_size(pending);
		if (group->count > 0 && bytes + size > GROUP_BYTES_MOST)
			break;
		bytes += size;
		group_room(group);
		list_remove(&store->queued, &pending->link);
		group->records[group->count] =
			(struct journal_record){ .type = pending->type,
			                         .id = pending->id,
			                         .sequence = store->durable_sequence + 1 + group->count,
			                         .head = text_view(&pending->head),
			                         .content = text_view(&pending->content) };
		group->pendings[group->count++] = pending;
	}
	group->is_prepared = store->is_prepared;
	store->is_prepared = false;
	group->retire_below = store->retire_below;
	store->retire_below = 0;
	text_deinit(&group->retire_kept);
	group->retire_kept = store->retire_kept;
	store->retire_kept = (struct text){ .limit = group->retire_kept.limit };
}

static bool is_kept(const struct group *group, uint64_t number)
{
	const uint64_t *kept = (const uint64_t *)(const void *)group->retire_kept.data;
	const size_t count = group->retire_kept.length / sizeof(uint64_t);
	size_t low = 0;
	for (size_t high = count; low < high;) {
		const size_t middle = (low + high) / 2;
		if (kept[middle] < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && kept[low] == number;
}

static enum journal_result segments_retire(const struct group *group)
{
	struct journal *journal = group->store->journal;
	struct text numbers = TEXT_LIMIT((size_t)16 * 1024 * 1024);
	journal_segments(journal, &numbers);
	const uint64_t *number = (const uint64_t *)(const void *)numbers.data;
	enum journal_result result = JOURNAL_DONE;
	for (size_t i = 0; i < numbers.length / sizeof(uint64_t) && result == JOURNAL_DONE; i++)
		if (number[i] < group->retire_below && !is_kept(group, number[i]))
			result = journal_retire(journal, number[i]);
	text_deinit(&numbers);
	return result;
}

static void group_run(void *argument)
{
	struct group *group = argument;
	struct journal *journal = group->store->journal;
	if (group->is_prepared)
		journal_use_prepared(journal);
	group->result = journal_append(journal, group->records, group->count);
	if (group->result == JOURNAL_DONE && group->retire_below > 0)
		group->result = segments_retire(group);
	group->wants_prepared = journal_wants_prepared(journal);
}

static void pending_end(struct pending *pending, enum store_outcome outcome)
{
	pending->done = true;
	pending->outcome = outcome;
	signal_wake_all(&pending->ended);
}

static void group_done(struct group *group)
{
	struct store *store = group->store;
	store->is_full = false;
	store->figures.groups++;
	store->figures.records += group->count;
	for (size_t i = 0; i < group->count; i++) {
		struct pending *pending = group->pendings[i];
		store->queued_bytes -= pending_size(pending);
		pending->sequence = group->records[i].sequence;
		pending->place = group->records[i].place;
		store->durable_sequence = pending->sequence;
		overlay_end(store, pending);
		list_add_last(&store->durable, &pending->link);
		/* Whoever waits outside for its 250 is woken before those who wait for work. */
		if (pending->type == RECORD_ACCEPT)
			pending_end(pending, STORE_DONE);
	}
	for (size_t i = 0; i < group->count; i++) {
		struct pending *pending = group->pendings[i];
		if (pending->type != RECORD_ACCEPT)
			pending_end(pending, STORE_DONE);
		tell(store, pending);
		if (pending->type == RECORD_ACCEPT)
			cache_put(store, &pending->id, &pending->content);
		text_deinit(&pending->content);
	}
	signal_wake_all(&store->apply_wanted);
	signal_wake_all(&store->progress);
	/* A group that was written before a file was prepared does not know of it. */
	if (group->wants_prepared && !store->is_prepared)
		signal_wake_all(&store->prepare);
}

/* New mail is refused; what has become of mail is kept in hand and tried again. */
static void group_full(struct group *group)
{
	struct store *store = group->store;
	store->is_full = true;
	for (size_t i = group->count; i-- > 0;) {
		struct pending *pending = group->pendings[i];
		if (pending->type != RECORD_ACCEPT) {
			list_add_first(&store->queued, &pending->link);
			continue;
		}
		store->queued_bytes -= pending_size(pending);
		overlay_end(store, pending);
		pending_end(pending, STORE_FULL);
		pending_release(pending);
	}
	signal_wake_all(&store->progress);
}

void store_fail(struct store *store, struct view why)
{
	if (store->failed)
		return;
	store->failed = true;
	for (struct link *link = list_take_first(&store->queued); link != NULL; link = list_take_first(&store->queued)) {
		struct pending *pending = LIST_OWNER(link, struct pending, link);
		pending_end(pending, STORE_LATER);
		pending_release(pending);
	}
	store->queued_bytes = 0;
	signal_wake_all(&store->append_wanted);
	signal_wake_all(&store->apply_wanted);
	signal_wake_all(&store->progress);
	if (store->settings.hooks.failed != NULL)
		store->settings.hooks.failed(store->settings.hooks.context, why);
}

static void group_failed(struct group *group)
{
	for (size_t i = 0; i < group->count; i++) {
		pending_end(group->pendings[i], STORE_UNKNOWN);
		pending_release(group->pendings[i]);
	}
	store_fail(group->store, VIEW("the journal could not be written"));
}

static bool has_work(const struct store *store)
{
	return !list_is_empty(&store->queued) || store->retire_below > 0;
}

static bool only_changes_wait(struct store *store)
{
	if (store->closing || store->failed || store->retire_below > 0 || store->queued.count >= COMPANY_MOST)
		return false;
	for (struct link *link = list_first(&store->queued); link != NULL; link = list_next(&store->queued, link))
		if (LIST_OWNER(link, struct pending, link)->type != RECORD_CHANGE)
			return false;
	return true;
}

/* What has become of mail keeps nobody waiting outside: it goes with the flush of the next mail, if that comes soon.
 */
static void wait_for_company(struct store *store)
{
	const int64_t until = world_now(store->world) + COMPANY_PATIENCE;
	while (only_changes_wait(store) && signal_wait(&store->append_wanted, until) == WAIT_DONE)
		;
}

void store_write_task(void *argument)
{
	struct store *store = argument;
	struct group group = { .store = store };
	while (!store->failed) {
		if (!has_work(store)) {
			if (store->closing || signal_wait(&store->append_wanted, NEVER_DUE) == WAIT_CANCELLED)
				break;
			continue;
		}
		wait_for_company(store);
		group_take(&group);
		store->writing = true;
		store->world->operations->work(store->world, store->journal_worker, group_run, &group);
		store->writing = false;
		if (group.result == JOURNAL_DONE) {
			group_done(&group);
			continue;
		}
		if (group.result != JOURNAL_FULL) {
			group_failed(&group);
			break;
		}
		group_full(&group);
		if (task_sleep(store->world, FULL_RETRY) == WAIT_CANCELLED)
			break;
	}
	free(group.pendings);
	free(group.records);
	text_deinit(&group.retire_kept);
}

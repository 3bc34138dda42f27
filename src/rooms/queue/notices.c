#include "rooms/queue/queue_private.h"

#include "base/bytes.h"
#include "base/must.h"

#define DEBTS_MOST ((size_t)10000)

/* Debts are few: a notice goes out as soon as somebody takes it. What does not fit stays in the store. */

static struct view debt_key(const struct store_debt_key *key, char bytes[17])
{
	bytes_copy(bytes, 17, id_view(&key->about));
	bytes[16] = (char)key->notice;
	return view_bytes(bytes, 17);
}

void debts_init(struct queue *queue)
{
	queue->debts = (struct map)MAP_LIMIT(DEBTS_MOST, world_random_u64(queue->world));
}

void debts_deinit(struct queue *queue)
{
	size_t position = 0;
	struct view key;
	void *debt;
	while (map_walk(&queue->debts, &position, &key, &debt))
		free(debt);
	map_deinit(&queue->debts);
	heap_deinit(&queue->debts_due);
}

void debt_add(struct queue *queue, const struct message_id *about, enum store_notice notice, int64_t due)
{
	char bytes[17];
	const struct store_debt_key key = { *about, notice };
	struct debt *debt = map_get(&queue->debts, debt_key(&key, bytes));
	if (debt != NULL) {
		debt->again |= debt->leased;
		return;
	}
	if (queue->debts.count >= DEBTS_MOST) {
		queue->debts_left = true;
		return;
	}
	debt = must_alloc(1, sizeof(*debt));
	debt->key = key;
	map_put(&queue->debts, debt_key(&key, bytes), debt, NULL);
	heap_add(&queue->debts_due, &debt->due, due);
	signal_wake_all(&queue->wake_changed);
}

bool debts_load(struct queue *queue)
{
	struct arena arena = { 0 };
	struct store_debts page = { .more = true };
	struct store_debt_key after;
	bool is_good = true;
	queue->debts_left = false;
	for (const struct store_debt_key *from = NULL; page.more && is_good && !queue->debts_left; from = &after) {
		arena_clear(&arena);
		is_good = store_debts(queue->store, from, 1000, &arena, &page) == STORE_DONE;
		for (size_t i = 0; is_good && i < page.key_count; i++)
			debt_add(queue, &page.keys[i].about, page.keys[i].notice, store_time(queue->store));
		if (!is_good || page.key_count == 0)
			break;
		after = page.keys[page.key_count - 1];
	}
	arena_deinit(&arena);
	return is_good;
}

static void debt_free(struct queue *queue, struct debt *debt)
{
	char bytes[17];
	heap_remove(&queue->debts_due, &debt->due);
	map_remove(&queue->debts, debt_key(&debt->key, bytes));
	free(debt);
}

void debt_paid(struct queue *queue, const struct store_payment *payment)
{
	char bytes[17];
	const struct store_debt_key key = { payment->about, payment->notice };
	struct debt *debt = map_get(&queue->debts, debt_key(&key, bytes));
	if (debt == NULL)
		return;
	if (debt->again) {
		debt->leased = debt->again = false;
		heap_add(&queue->debts_due, &debt->due, store_time(queue->store));
		signal_wake_all(&queue->wake_changed);
		return;
	}
	debt_free(queue, debt);
}

struct debt *debt_next(struct queue *queue)
{
	struct heap_node *first = heap_first(&queue->debts_due);
	if (first == NULL || first->key > store_time(queue->store))
		return NULL;
	heap_remove(&queue->debts_due, first);
	/* The next one has a time of its own. */
	signal_wake_all(&queue->wake_changed);
	struct debt *debt = HEAP_OWNER(first, struct debt, due);
	debt->leased = true;
	debt->again = false;
	return debt;
}

void debt_return(struct queue *queue, const struct store_debt_key *key, int64_t due)
{
	char bytes[17];
	struct debt *debt = map_get(&queue->debts, debt_key(key, bytes));
	if (debt == NULL || !debt->leased)
		return;
	debt->leased = debt->again = false;
	heap_add(&queue->debts_due, &debt->due, due);
	signal_wake_all(&queue->wake_changed);
}

int64_t debts_due(const struct queue *queue)
{
	const struct heap_node *first = heap_first(&queue->debts_due);
	return first == NULL ? NEVER_DUE : first->key;
}

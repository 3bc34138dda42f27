#include "rooms/queue/lanes.h"

#include "base/bytes.h"
#include "base/must.h"

/* Credit of one turn, in recipients and pieces of content. */
#define QUANTUM       INT64_C(16)
#define COST_PIECE    UINT64_C(32768)
#define LANES_LOOKED  2000u /* in one pick: then the others wait for the next one */
#define ACCOUNTS_MOST SIZE_MAX
#define NAME_BYTES    4096u

void lanes_init(struct lanes *lanes, uint64_t seed)
{
	*lanes = (struct lanes){ .accounts = MAP_LIMIT(ACCOUNTS_MOST, seed),
		                     .by_name = MAP_LIMIT(ACCOUNTS_MOST, seed),
		                     .messages = MAP_LIMIT(ACCOUNTS_MOST, seed) };
	list_init(&lanes->active);
	list_init(&lanes->wanted);
}

/* ---- names: a lane's key is its account's name, NUL, its domain */

static struct view lane_key(struct view account, struct view domain, char key[NAME_BYTES])
{
	account = view_first(account, NAME_BYTES / 2 - 1);
	domain = view_first(domain, NAME_BYTES / 2);
	size_t length = bytes_copy(key, NAME_BYTES, account);
	key[length++] = '\0';
	length += bytes_copy(key + length, NAME_BYTES - length, domain);
	return view_bytes(key, length);
}

/* One allocation for a struct and the texts that follow it. */
static void *with_texts(size_t size, struct view *const *texts, size_t count)
{
	size_t whole = size;
	for (size_t i = 0; i < count; i++)
		whole += texts[i]->length;
	char *memory = must_alloc(whole, 1);
	size_t at = size;
	for (size_t i = 0; i < count; i++) {
		const size_t length = bytes_copy(memory + at, whole - at, *texts[i]);
		*texts[i] = view_bytes(memory + at, length);
		at += length;
	}
	return memory;
}

/* ---- accounts */

struct account *lanes_account_find(const struct lanes *lanes, struct view name)
{
	return map_get(&lanes->accounts, name);
}

struct account *lanes_account(struct lanes *lanes, struct view name)
{
	struct account *account = map_get(&lanes->accounts, name);
	if (account != NULL)
		return account;
	struct view text = name;
	account = with_texts(sizeof(*account), (struct view *const[]){ &text }, 1);
	account->name = text;
	list_init(&account->active);
	map_put(&lanes->accounts, name, account, NULL);
	return account;
}

static void account_leave(struct lanes *lanes, struct account *account)
{
	if (account->lane_count > 0 || account->held)
		return;
	must(list_is_empty(&account->active) && !link_is_listed(&account->link));
	map_remove(&lanes->accounts, account->name);
	free(account->hold_reason);
	free(account);
}

void account_hold(struct lanes *lanes, struct view name, struct view reason)
{
	struct account *account = lanes_account(lanes, name);
	account->held = !view_is_empty(reason);
	free(account->hold_reason);
	account->hold_reason = NULL;
	if (account->held) {
		account->hold_reason = must_alloc(reason.length + 1, 1);
		bytes_to_cstring(account->hold_reason, reason.length + 1, reason);
	}
	account->lane_count++; /* so that it stays while its lanes come and go */
	size_t position = 0;
	struct view key;
	void *value;
	while (map_walk(&lanes->by_name, &position, &key, &value))
		if (((struct lane *)value)->account == account && !((struct lane *)value)->loading)
			lane_refresh(lanes, value);
	account->lane_count--;
	account_leave(lanes, account);
}

/* ---- lanes */

struct lane *lanes_lane_find(const struct lanes *lanes, struct view account, struct view domain)
{
	char key[NAME_BYTES];
	return map_get(&lanes->by_name, lane_key(account, domain, key));
}

struct lane *lanes_lane(struct lanes *lanes, struct view account, struct view domain)
{
	char bytes[NAME_BYTES];
	const struct view key = lane_key(account, domain, bytes);
	struct lane *lane = map_get(&lanes->by_name, key);
	if (lane != NULL)
		return lane;
	if (lanes->lane_count >= LANES_MOST)
		return NULL;
	struct view text = domain;
	lane = with_texts(sizeof(*lane), (struct view *const[]){ &text }, 1);
	lane->domain = text;
	lane->more_due = NEVER_DUE;
	lane->account = lanes_account(lanes, account);
	lane->account->lane_count++;
	lanes->lane_count++;
	map_put(&lanes->by_name, key, lane, NULL);
	return lane;
}

static void lane_deactivate(struct lanes *lanes, struct lane *lane)
{
	struct account *account = lane->account;
	if (!link_is_listed(&lane->active))
		return;
	list_remove(&account->active, &lane->active);
	if (list_is_empty(&account->active)) {
		account->deficit = 0;
		list_remove(&lanes->active, &account->link);
	}
}

static void lane_activate(struct lanes *lanes, struct lane *lane)
{
	struct account *account = lane->account;
	if (!link_is_listed(&lane->active)) {
		list_add_last(&account->active, &lane->active);
		if (!link_is_listed(&account->link))
			list_add_last(&lanes->active, &account->link);
	}
	lanes->work(lanes->context);
}

static void lane_free(struct lanes *lanes, struct lane *lane)
{
	char key[NAME_BYTES];
	struct account *account = lane->account;
	lane_deactivate(lanes, lane);
	if (link_is_listed(&lane->load))
		list_remove(&lanes->wanted, &lane->load);
	heap_remove(&lanes->wakes, &lane->wake);
	heap_deinit(&lane->waiting);
	map_remove(&lanes->by_name, lane_key(account->name, lane->domain, key));
	free(lane);
	lanes->lane_count--;
	account->lane_count--;
	account_leave(lanes, account);
}

static void lane_want(struct lanes *lanes, struct lane *lane)
{
	if (lane->loading || link_is_listed(&lane->load))
		return;
	list_add_last(&lanes->wanted, &lane->load);
	lanes->load(lanes->context);
}

/* Nothing here is due, and what is due on the disk may have the place. */
static bool gives_way(struct heap_node *first, int64_t now)
{
	return first != NULL && first->key > now && !HEAP_OWNER(first, struct row, due)->pauses;
}

void lane_refresh(struct lanes *lanes, struct lane *lane)
{
	if (lane->row_count == 0 && !lane->has_more && !lane->loading) {
		lane_free(lanes, lane);
		return;
	}
	const int64_t now = lanes->now(lanes->context);
	struct heap_node *first = heap_first(&lane->waiting);
	heap_remove(&lanes->wakes, &lane->wake);
	if (lane->account->held) {
		lane_deactivate(lanes, lane);
		return;
	}
	int64_t wake = NEVER_DUE;
	if (first != NULL && first->key <= now)
		lane_activate(lanes, lane);
	else
		lane_deactivate(lanes, lane);
	if (first != NULL && first->key > now)
		wake = first->key;
	if (lane->has_more && lane->more_due <= now && (lane->waiting.count < LOAD_BELOW || gives_way(first, now)))
		lane_want(lanes, lane);
	if (lane->has_more && lane->more_due > now && lane->more_due < wake)
		wake = lane->more_due;
	if (wake == NEVER_DUE)
		return;
	heap_add(&lanes->wakes, &lane->wake, wake);
	if (heap_first(&lanes->wakes) == &lane->wake)
		lanes->earlier(lanes->context);
}

void lane_note_more(struct lanes *lanes, struct lane *lane, int64_t due, uint64_t sequence)
{
	lane->more_due = lane->has_more && lane->more_due < due ? lane->more_due : due;
	lane->has_more = true;
	if (sequence > lane->barrier)
		lane->barrier = sequence;
	(void)lanes;
}

int64_t lanes_wake(struct lanes *lanes)
{
	const int64_t now = lanes->now(lanes->context);
	for (;;) {
		struct heap_node *first = heap_first(&lanes->wakes);
		if (first == NULL)
			return NEVER_DUE;
		if (first->key > now)
			return first->key;
		lane_refresh(lanes, HEAP_OWNER(first, struct lane, wake));
	}
}

/* ---- messages and rows */

struct message *lanes_message_find(const struct lanes *lanes, const struct message_id *id)
{
	return map_get(&lanes->messages, id_view(id));
}

struct message *lanes_message(struct lanes *lanes, const struct store_row *row)
{
	struct message *message = lanes_message_find(lanes, &row->id);
	if (message != NULL)
		return message;
	struct view account = row->account;
	struct view sender = row->sender;
	struct view extra = row->extra;
	message = with_texts(sizeof(*message), (struct view *const[]){ &account, &sender, &extra }, 3);
	*message = (struct message){ .id = row->id,
		                         .accepted_wall = row->accepted_wall,
		                         .accepted = row->accepted,
		                         .expires = row->expires,
		                         .size = row->size,
		                         .place = row->place,
		                         .account = account,
		                         .sender = sender,
		                         .extra = extra };
	list_init(&message->rows);
	map_put(&lanes->messages, id_view(&row->id), message, NULL);
	return message;
}

struct row *message_row(const struct message *message, uint32_t index)
{
	for (struct link *link = list_first(&message->rows); link != NULL; link = list_next(&message->rows, link))
		if (LIST_OWNER(link, struct row, in_message)->index == index)
			return LIST_OWNER(link, struct row, in_message);
	return NULL;
}

bool lane_has_room(const struct lanes *lanes, const struct lane *lane, const struct message *message)
{
	return lane->waiting.count < LANE_ROWS_MOST && lanes->row_count < ROWS_MOST &&
	       (message == NULL || message->rows.count < MESSAGE_ROWS_MOST);
}

static struct row *row_due_last(const struct lane *lane)
{
	struct row *last = NULL;
	for (size_t i = 0; i < lane->waiting.count; i++) {
		struct row *row = HEAP_OWNER(lane->waiting.nodes[i], struct row, due);
		if (!row->pauses && (last == NULL || row->due.key > last->due.key))
			last = row;
	}
	return last;
}

bool lane_make_room(struct lanes *lanes, struct lane *lane, const struct message *message, int64_t due)
{
	if (lane_has_room(lanes, lane, message))
		return true;
	if (lane->waiting.count < LANE_ROWS_MOST || (message != NULL && message->rows.count >= MESSAGE_ROWS_MOST))
		return false;
	struct row *last = row_due_last(lane);
	if (last == NULL || last->due.key <= due)
		return false;
	lane_note_more(lanes, lane, last->due.key, 0);
	row_free(lanes, last);
	return lane_has_room(lanes, lane, NULL);
}

struct row *row_new(struct lanes *lanes, struct message *message, struct lane *lane, uint32_t index,
                    struct view address)
{
	struct view text = address;
	struct row *row = with_texts(sizeof(*row), (struct view *const[]){ &text }, 1);
	row->address = text;
	row->message = message;
	row->lane = lane;
	row->index = index;
	list_add_last(&message->rows, &row->in_message);
	lane->row_count++;
	lanes->row_count++;
	return row;
}

void row_wait(struct lanes *lanes, struct row *row, int64_t due)
{
	must(row->lease == NULL);
	(void)lanes;
	heap_remove(&row->lane->waiting, &row->due);
	heap_add(&row->lane->waiting, &row->due, due);
	row->pauses = false;
}

void row_pause(struct lanes *lanes, struct row *row, int64_t due)
{
	row_wait(lanes, row, due);
	row->pauses = true;
}

void row_free(struct lanes *lanes, struct row *row)
{
	struct message *message = row->message;
	must(row->lease == NULL);
	heap_remove(&row->lane->waiting, &row->due);
	list_remove(&message->rows, &row->in_message);
	row->lane->row_count--;
	lanes->row_count--;
	free(row->wish_reason);
	free(row);
	if (!list_is_empty(&message->rows))
		return;
	map_remove(&lanes->messages, id_view(&message->id));
	free(message);
}

void lanes_deinit(struct lanes *lanes)
{
	size_t position = 0;
	struct view key;
	void *value;
	while (map_walk(&lanes->messages, &position, &key, &value)) {
		struct message *message = value;
		while (!list_is_empty(&message->rows)) {
			struct row *row = LIST_OWNER(list_take_first(&message->rows), struct row, in_message);
			free(row->wish_reason);
			free(row);
		}
		free(message);
	}
	for (position = 0; map_walk(&lanes->by_name, &position, &key, &value);) {
		heap_deinit(&((struct lane *)value)->waiting);
		free(value);
	}
	for (position = 0; map_walk(&lanes->accounts, &position, &key, &value);) {
		free(((struct account *)value)->hold_reason);
		free(value);
	}
	map_deinit(&lanes->messages);
	map_deinit(&lanes->by_name);
	map_deinit(&lanes->accounts);
	heap_deinit(&lanes->wakes);
}

/* ---- turns */

/* The first row due, and the others of its message that are due in the same lane. */
static size_t job_collect(struct lanes *lanes, struct lane *lane, int64_t now, struct row *rows[JOB_ROWS_MOST])
{
	struct heap_node *first = heap_first(&lane->waiting);
	must(first != NULL && first->key <= now);
	const struct message *message = HEAP_OWNER(first, struct row, due)->message;
	size_t count = 0;
	struct link *link = list_first(&message->rows);
	for (; link != NULL && count < JOB_ROWS_MOST; link = list_next(&message->rows, link)) {
		struct row *row = LIST_OWNER(link, struct row, in_message);
		if (row->lane == lane && heap_has(&row->due) && row->due.key <= now)
			rows[count++] = row;
	}
	for (size_t i = 0; i < count; i++)
		heap_remove(&lane->waiting, &rows[i]->due);
	(void)lanes;
	return count;
}

static struct lane *account_lane(struct account *account, bool (*skip)(void *context, const struct lane *lane),
                                 void *context, size_t *looked)
{
	/* Those that are skipped go to the end: the next pick looks at others. */
	for (size_t left = account->active.count; left > 0; left--) {
		struct lane *lane = LIST_OWNER(list_first(&account->active), struct lane, active);
		list_remove(&account->active, &lane->active);
		list_add_last(&account->active, &lane->active);
		++*looked;
		if (!skip(context, lane))
			return lane;
		if (*looked >= LANES_LOOKED)
			return NULL;
	}
	return NULL;
}

size_t lanes_pick(struct lanes *lanes, bool (*skip)(void *context, const struct lane *lane), void *context,
                  struct row *rows[JOB_ROWS_MOST])
{
	const int64_t now = lanes->now(lanes->context);
	size_t looked = 0;
	size_t idle = 0; /* accounts in a row without a lane to take from */
	while (idle < lanes->active.count && looked < LANES_LOOKED) {
		struct account *account = LIST_OWNER(list_first(&lanes->active), struct account, link);
		if (account->deficit <= 0) {
			account->deficit += QUANTUM;
			list_remove(&lanes->active, &account->link);
			list_add_last(&lanes->active, &account->link);
			continue;
		}
		struct lane *lane = account_lane(account, skip, context, &looked);
		if (lane == NULL) {
			idle++;
			list_remove(&lanes->active, &account->link);
			list_add_last(&lanes->active, &account->link);
			continue;
		}
		const size_t count = job_collect(lanes, lane, now, rows);
		account->deficit -= (int64_t)(count + rows[0]->message->size / COST_PIECE);
		lane_refresh(lanes, lane);
		return count;
	}
	return 0;
}

/* Lanes: what waits, by account and recipients' domain, as much of it as fits in memory; the rest is in the store.
 * Promises: an account's bulk or a dead domain delays no other: accounts take turns by deficit round robin, and each
 *   one's lanes in turn; at most LANE_ROWS_MOST rows a lane, ROWS_MOST rows in all; what is not due within
 *   HORIZON stays on disk.
 * Does not know: the store's calls, SMTP, leases' peers. Nothing here suspends. */
#ifndef ROOMS_QUEUE_LANES_H
#define ROOMS_QUEUE_LANES_H

#include "base/clock.h"
#include "base/heap.h"
#include "base/id.h"
#include "base/list.h"
#include "base/map.h"
#include "store/store.h"

#define LANE_ROWS_MOST    64u
#define ROWS_MOST         200000u
#define LANES_MOST        250000u
#define LOAD_BELOW        16u /* rows left in a lane when more of it is fetched */
#define HORIZON           (10 * MINUTE)
#define JOB_ROWS_MOST     100u
#define MESSAGE_ROWS_MOST 1000u /* of one message, in all lanes */

struct account {
	struct link link; /* in lanes.active while one of its lanes has work */
	struct list active;
	int64_t deficit;
	size_t lane_count;
	bool held;
	char *hold_reason;
	struct view name; /* follows the struct */
};

struct lane {
	struct account *account;
	struct link active; /* in account.active while a row is due */
	struct link load;   /* in lanes.wanted while more is wanted from the store */
	struct heap waiting;
	struct heap_node wake; /* in lanes.wakes: when something becomes due */
	uint32_t row_count;    /* in memory, leased ones too */
	bool loading;
	bool has_more;      /* the store holds rows that are not here */
	int64_t more_due;   /* the first of them */
	uint64_t barrier;   /* a load that has not applied this much may miss some */
	struct view domain; /* follows the struct */
};

/* A message of which at least one row is here. */
struct message {
	struct message_id id;
	struct list rows;
	int64_t accepted_wall;
	int64_t accepted;
	int64_t expires;
	uint64_t size;
	struct store_place place;
	struct view account, sender, extra; /* follow the struct */
};

enum row_wish { WISH_NONE, WISH_HOLD, WISH_CANCEL };

struct lease;

struct row {
	struct heap_node due; /* in its lane while it waits */
	struct link in_message;
	struct link in_lease;
	struct message *message;
	struct lane *lane;
	struct lease *lease;
	uint32_t index;
	uint32_t attempts;
	uint64_t attempt; /* mark of the last one */
	bool warned;
	bool pauses;        /* it waits for a moment that the store does not know */
	bool changing;      /* a change of it is on its way to the disk */
	enum row_wish wish; /* what the operator wanted while it was leased */
	char *wish_reason;
	struct view address; /* follows the struct */
};

struct lanes {
	struct map accounts;
	struct map by_name; /* "account NUL domain" */
	struct map messages;
	struct list active; /* accounts, in the order of their turns */
	struct list wanted; /* lanes to load */
	struct heap wakes;
	size_t row_count;
	size_t lane_count;
	size_t leased_count;
	int64_t (*now)(void *context); /* queue time */
	void *context;
	void (*work)(void *context);    /* something became due */
	void (*load)(void *context);    /* something is to be loaded */
	void (*earlier)(void *context); /* the first wake came earlier */
};

void lanes_init(struct lanes *lanes, uint64_t seed);
void lanes_deinit(struct lanes *lanes); /* with everything in them */

struct account *lanes_account(struct lanes *lanes, struct view name);
/* NULL: not in memory. */
struct account *lanes_account_find(const struct lanes *lanes, struct view name);
/* Its lanes stand still. reason empty: they move again. */
void account_hold(struct lanes *lanes, struct view name, struct view reason);

/* NULL: there are too many; the store keeps what would be in it. */
struct lane *lanes_lane(struct lanes *lanes, struct view account, struct view domain);
struct lane *lanes_lane_find(const struct lanes *lanes, struct view account, struct view domain);
/* Looks again whether it has work, wants loading, when it wakes; frees it when it holds nothing. */
void lane_refresh(struct lanes *lanes, struct lane *lane);
/* The store holds a row of this lane that is not here, due then; known to loads that have applied sequence. */
void lane_note_more(struct lanes *lanes, struct lane *lane, int64_t due, uint64_t sequence);
/* Refreshes every lane that has something due now. Returns when the next one has. */
int64_t lanes_wake(struct lanes *lanes);

struct message *lanes_message_find(const struct lanes *lanes, const struct message_id *id);
struct message *lanes_message(struct lanes *lanes, const struct store_row *row);
struct row *message_row(const struct message *message, uint32_t index);
/* message may be NULL: none of its rows is here. */
bool lane_has_room(const struct lanes *lanes, const struct lane *lane, const struct message *message);
/* The same for a row that is due then. Where rows that are due later fill the lane, the last of them is left to the
 * store; message may be gone with it. */
bool lane_make_room(struct lanes *lanes, struct lane *lane, const struct message *message, int64_t due);
/* The row, new, in no lane's waiting yet. */
struct row *row_new(struct lanes *lanes, struct message *message, struct lane *lane, uint32_t index,
                    struct view address);
/* It waits in its lane; the lane is not refreshed. due: as the store knows it, or (row_pause) for us alone. */
void row_wait(struct lanes *lanes, struct row *row, int64_t due);
void row_pause(struct lanes *lanes, struct row *row, int64_t due);
void row_free(struct lanes *lanes, struct row *row); /* and its message after the last; not its lane */

/* The next job: rows of one message and lane, due now, out of their heap. skip says which lanes not to take from.
 * Returns how many rows (at most JOB_ROWS_MOST); 0: nothing is due. */
size_t lanes_pick(struct lanes *lanes, bool (*skip)(void *context, const struct lane *lane), void *context,
                  struct row *rows[JOB_ROWS_MOST]);

#endif

/* The store: every message that was accepted and has not ended, and what became of those that have.
 * Promises: STORE_DONE means on stable storage; a change is all there or not at all; each change is told to the hooks
 *   once, in the order in which they became durable, whatever became of the task that asked for it.
 * Does not know: lanes' turns, retries, SMTP; nor, above this line, what engine keeps it (journal and SQLite here).
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/arena.h"
#include "base/id.h"
#include "base/verdict.h"
#include "task/world.h"

struct store;

enum store_outcome {
	STORE_DONE,
	STORE_LATER,   /* did not happen; try again */
	STORE_UNKNOWN, /* may have happened; ask again by id */
	STORE_FULL,    /* did not happen: less space than the reserve */
	STORE_ABSENT,  /* reading: there is no such message */
	STORE_DAMAGED, /* reading: the bytes are not those that were written */
};

/* Times are queue time unless called wall: microseconds that pass only while the store is open, so that neither a
 * clock that jumps nor a machine that was off makes anything expire. store_time tells it. */

struct store_recipient {
	struct view address;
	struct view domain;
};

struct store_message {
	struct message_id id;
	int64_t accepted_wall;
	int64_t accepted;
	int64_t expires;
	struct view account;
	struct view sender;
	struct view extra;       /* what else the caller wants back with it; at most STORE_EXTRA_MOST */
	struct view hold_reason; /* not empty: starts as STORE_HELD */
	const struct store_recipient *recipients;
	size_t recipient_count;
	struct view content;
};
#define STORE_EXTRA_MOST      16384u
#define STORE_RECIPIENTS_MOST 100000u

/* A hint where a message lies; good or not, store_read finds it. */
struct store_place {
	uint64_t segment;
	uint64_t offset;
	uint32_t length;
};

enum store_state {
	STORE_QUEUED,   /* not tried yet */
	STORE_DEFERRED, /* tried, due again */
	STORE_HELD,     /* due is when it is looked at again; NEVER_DUE: not by itself */
	STORE_ENDED,
};

/* What is owed to the sender about a recipient; kept until paid. */
enum store_notice { STORE_NOTICE_FAILURE, STORE_NOTICE_DELAY };
#define STORE_NOTICE_COUNT (STORE_NOTICE_DELAY + 1)

struct store_change_row {
	uint32_t index;
	enum store_state state;
	uint8_t fate;      /* ENDED: the caller's number for how */
	bool tried;        /* an attempt was made: it replaces what is kept of the one before */
	uint8_t owes;      /* bits 1 << enum store_notice */
	uint32_t attempts; /* made so far */
	int64_t due;
	struct view address;
	struct view domain;
	struct verdict verdict;
	struct view class;
	struct view reason; /* HELD, or why it ended */
};

/* What happened to recipients of one message, all at once. It names all that history wants to know. */
struct store_change {
	struct message_id id;
	struct view account;
	struct view sender;
	int64_t accepted_wall;
	uint64_t size;
	uint8_t attempt[16]; /* zero: none */
	int64_t when_wall;
	int64_t duration;
	struct view site, remote, egress, tls;
	struct view dialogue;
	bool keep_content; /* rows have ENDED: the history keeps the content too */
	const struct store_change_row *rows;
	size_t row_count;
	uint64_t first_seq; /* set by store_change: the durable number of the first ENDED row, the next ones follow */
};
#define STORE_DIALOGUE_MOST 4096u

/* A notice that was composed and accepted: what it was about is owed no more. */
struct store_payment {
	struct message_id about;
	enum store_notice notice;
	const uint32_t *indexes;
	size_t index_count;
};

/* When a change became durable. */
struct store_stamp {
	uint64_t sequence; /* a load that has applied this much knows of it */
	struct store_place place;
};

/* Called on the loop, never by the asking task; views are lent for the call; none may suspend. */
struct store_hooks {
	void *context;
	/* payment: NULL, or what it paid for. */
	void (*accepted)(void *context, const struct store_message *message, const struct store_payment *payment,
	                 const struct store_stamp *stamp);
	void (*changed)(void *context, const struct store_change *change, const struct store_stamp *stamp);
	void (*account_held)(void *context, struct view account, struct view reason);
	/* The disk failed: nothing will be taken any more, the process should end and start anew. Once. */
	void (*failed)(void *context, struct view why);
	/* For the operator: damage found, mail that could not be read ... */
	void (*problem)(void *context, struct view what);
};

struct store_settings {
	const char *directory; /* there already */
	uint64_t reserve;      /* bytes of free space below which nothing is accepted */
	int64_t retention;     /* of history */
	uint64_t segment_size; /* 0: the usual; for tests */
	uint64_t history_rows; /* a file; 0: the usual; for tests */
	int64_t settle;        /* longest time until the index knows; 0: 100 ms */
	int64_t compact;       /* how often a nearly empty segment is looked for, at least; 0: 10 s */
	struct store_hooks hooks;
	struct view owner; /* engines that are shared: which node, and since which take-over */
	uint64_t epoch;
};

/* Suspends while it replays. NULL: *problem says why (a disk that fails; on the real disk, a second daemon). */
struct store *store_open(struct world *world, const struct store_settings *settings, struct text *problem);
void store_close(struct store *store); /* suspends: writes and applies what is under way; nothing new is done then */
/* Frees, writes nothing: after store_close, or once all its tasks have ended because they were cancelled. */
void store_free(struct store *store);

void store_set_reserve(struct store *store, uint64_t reserve);

int64_t store_time(const struct store *store);                    /* now, in queue time */
int64_t store_wall_of(const struct store *store, int64_t moment); /* a queue time as wall time; NEVER_DUE: 0 */
bool store_has_room(const struct store *store, uint64_t size);
bool store_has_failed(const struct store *store);

/* ---- changes. All suspend until durable; cancelled: STORE_UNKNOWN, and the change goes on without its caller. */

enum store_outcome store_accept(struct store *store, const struct store_message *message,
                                const struct store_payment *payment);
/* Is this id known, alive or ended? DONE: yes, and durable. ABSENT: no. */
enum store_outcome store_find(struct store *store, const struct message_id *id);
enum store_outcome store_change(struct store *store, struct store_change *change);
/* The same without waiting; the hook tells. *first_seq is set. */
enum store_outcome store_change_begin(struct store *store, struct store_change *change);
/* Suspends until all that was begun is durable. */
enum store_outcome store_flush(struct store *store);
/* reason empty: the account is held no more. */
enum store_outcome store_account_hold(struct store *store, struct view account, struct view reason);
/* A debt that cannot be paid (its message is damaged, its sender cannot be reached). */
enum store_outcome store_notice_drop(struct store *store, const struct store_payment *payment);

/* ---- what the queue works with; short */

struct store_row {
	struct message_id id;
	uint32_t index;
	enum store_state state;
	bool warned; /* a delay notice was owed once */
	uint32_t attempts;
	uint64_t attempt; /* store_attempt_mark of the last one */
	int64_t due;
	int64_t accepted_wall;
	int64_t accepted;
	int64_t expires;
	uint64_t size;
	uint32_t live; /* recipients of the message that have not ended, and notices owed */
	struct store_place place;
	struct view account, sender, extra;
	struct view address, domain;
	struct view reason;
	/* Of the last attempt; not with store_load. */
	int64_t when_wall;
	struct verdict last;
	struct view class, site, remote, egress, tls, dialogue;
};
uint64_t store_attempt_mark(const uint8_t attempt[16]);

struct store_lane {
	struct view account;
	struct view domain;
	int64_t due; /* the earliest */
};

struct store_lanes {
	struct store_lane *lanes;
	size_t lane_count;
	bool more;
	uint64_t cursor; /* for the next page */
};
/* Lanes that have something due until then. cursor 0: from the start. */
enum store_outcome store_lanes(struct store *store, int64_t until, uint64_t cursor, size_t most, struct arena *arena,
                               struct store_lanes *page);

struct store_load {
	struct view account; /* in */
	struct view domain;
	size_t most;
	struct store_row *rows; /* out: the earliest due, of messages not changed since */
	size_t row_count;
	size_t hidden;    /* rows that are not given because their message has changed since */
	bool more;        /* there are later ones */
	int64_t more_due; /* when the first of them is due, at the earliest */
};
/* Rows of several lanes. *applied: what changed up to this sequence is reflected; of what changed later no row is
 * given: the hooks told of those that changed, and the others of the same message must be asked for again. */
enum store_outcome store_load(struct store *store, struct store_load *loads, size_t count, struct arena *arena,
                              uint64_t *applied);

struct store_rows {
	struct store_row *rows;
	size_t row_count;
	bool more;
	size_t hidden; /* rows that are not given because a change of them is on its way */
};
/* Live recipients of messages that expired by then, whatever their state; the oldest first. */
enum store_outcome store_expired(struct store *store, int64_t by, size_t most, struct arena *arena,
                                 struct store_rows *page);
/* The live recipients of one message, but those of which a change is on its way. */
enum store_outcome store_live(struct store *store, const struct message_id *id, struct arena *arena,
                              struct store_rows *rows);

/* What is owed about one message, one kind. */
struct store_debt {
	struct message_id about;
	enum store_notice notice;
	uint32_t *indexes;
	struct view *addresses;
	struct verdict *verdicts;
	struct view *remotes;
	int64_t *when_wall; /* of the attempt; 0: never tried */
	uint32_t *attempts;
	size_t count;
	struct view account, sender, extra;
	int64_t accepted_wall, accepted, expires;
	uint64_t size;
	struct store_place place;
};
struct store_debt_key {
	struct message_id about;
	enum store_notice notice;
};
struct store_debts {
	struct store_debt_key *keys;
	size_t key_count;
	bool more;
};
enum store_outcome store_debts(struct store *store, const struct store_debt_key *after, size_t most,
                               struct arena *arena, struct store_debts *page);
/* ABSENT: nothing is owed. */
enum store_outcome store_debt(struct store *store, const struct store_debt_key *key, struct arena *arena,
                              struct store_debt *debt);

/* The content of a message that waits or that the history keeps, its first `most` bytes, in the arena. */
enum store_outcome store_read(struct store *store, const struct message_id *id, const struct store_place *hint,
                              size_t most, struct arena *arena, struct view *content);

/* Its content will not be read again soon. */
void store_forget(struct store *store, const struct message_id *id);

struct store_account_hold_row {
	struct view account;
	struct view reason;
};
enum store_outcome store_account_holds(struct store *store, struct arena *arena, struct store_account_hold_row **rows,
                                       size_t *count);

/* ---- what people ask; each waits until the index knows all that is durable now */

struct store_filter {
	bool has_id;
	struct message_id id;
	struct view account;
	struct view sender_domain;
	struct view address;
	struct view domain;
	bool has_state;
	enum store_state state;
	bool unchanged; /* for acting on them: without rows that are changing this moment */
};
struct store_cursor {
	bool set;
	struct message_id id;
	uint32_t index;
};
/* A page in the order of ids. It may be short or empty while more is set: then *cursor is where to go on. */
enum store_outcome store_list(struct store *store, const struct store_filter *filter, struct store_cursor *cursor,
                              size_t most, struct arena *arena, struct store_rows *page);

struct store_ended {
	uint64_t seq;
	struct message_id id;
	uint32_t index;
	uint8_t fate;
	uint32_t attempts;
	struct view account, sender, address, domain;
	uint64_t size;
	int64_t accepted_wall;
	int64_t when_wall;
	int64_t duration;
	struct verdict verdict;
	struct view class, site, remote, egress, tls, dialogue, reason;
};
struct store_story {
	struct store_row *live;
	size_t live_count;
	struct store_ended *ended;
	size_t ended_count;
	bool has_content;         /* store_read gives it */
	struct store_place place; /* zero: the history has it */
};
enum store_outcome store_trace(struct store *store, const struct message_id *id, struct arena *arena,
                               struct store_story *story);

struct store_search {
	struct view account, sender, address, domain;
	int64_t since, until; /* wall; 0: open */
	uint64_t before_seq;  /* 0: from the newest */
	size_t most;
};
struct store_found {
	struct store_ended *rows; /* newest first */
	size_t row_count;
	bool more;
	uint64_t before_seq; /* where to go on */
};
enum store_outcome store_search(struct store *store, const struct store_search *search, struct arena *arena,
                                struct store_found *found);

struct store_lane_count {
	struct view account;
	struct view domain;
	uint64_t recipients[STORE_ENDED]; /* by state */
	int64_t oldest_wall;
};
struct store_totals {
	uint64_t messages;
	uint64_t bytes;
	uint64_t recipients[STORE_ENDED];
	int64_t oldest_wall;            /* 0: empty */
	struct store_lane_count *lanes; /* the largest first */
	size_t lane_count;
};
enum store_outcome store_summary(struct store *store, size_t most, struct arena *arena, struct store_totals *totals);

/* The house-keeping's own figures, for metrics; costs nothing. */
struct store_figures {
	uint64_t messages; /* live, as far as the index knows */
	uint64_t bytes;
	uint64_t groups;    /* written */
	uint64_t records;   /* in them */
	uint64_t unapplied; /* records that the index does not know yet */
	uint64_t segments;
	uint64_t compactions; /* segments whose few living records were moved */
	uint64_t free_space;
	bool full;
};
struct store_figures store_figures(const struct store *store);

/* Verifies a slice: each live message's record against its checksum, and the tables against each other. cursor: zero
 * at first. faults are lines for people. */
struct store_check {
	struct message_id cursor;
	bool done;
	uint64_t checked;
	uint64_t total;
	struct view *faults;
	size_t fault_count;
};
enum store_outcome store_check(struct store *store, struct arena *arena, struct store_check *check);

#endif

/* The inside of the index's writer, shared by its files.
 * Promises: everything here belongs to the one thread that writes.
 * Does not know: the readers. */
#ifndef STORE_INDEX_PRIVATE_H
#define STORE_INDEX_PRIVATE_H

#include "base/arena.h"
#include "base/map.h"
#include "store/index.h"
#include "store/record.h"
#include "store/sql.h"

enum index_statement {
	BEGIN,
	COMMIT,
	STATE_GET,
	STATE_SET,
	SEGMENTS,
	SEGMENT_PUT,
	SEGMENT_REMOVE,
	LANE_GET,
	LANE_ADD,
	LANE_TIDY,
	LANE_LAST,
	MESSAGE_ADD,
	MESSAGE_LIVE,
	MESSAGE_REMOVE,
	MESSAGE_PLACE,
	MESSAGE_MOVE,
	RECIPIENT_ADD,
	RECIPIENT_SET,
	RECIPIENT_REMOVE,
	ATTEMPT_PUT,
	ATTEMPT_REMOVE,
	NOTICE_ADD,
	NOTICE_REMOVE,
	HOLD_PUT,
	HOLD_REMOVE,
	STATEMENT_COUNT
};

struct index {
	struct sql sql;
	struct history *history;
	struct disk *disk;
	const char *journal;
	struct map lanes; /* "account NUL domain" to its number, as a pointer that is never followed */
	struct text lane_key;
	int64_t tidied;                 /* up to this lane */
	struct index_segment *segments; /* ascending; those with 0 messages go at the next commit */
	bool *segment_changed;
	size_t segment_count;
	size_t segment_capacity;
	struct arena arena; /* of one batch */
};

/* ---- a batch. What happens to a message within the batch that accepts it is folded into what is inserted. */

struct owed {
	const struct store_change *change; /* NULL: nothing */
	const struct store_change_row *row;
};

struct net_row {
	enum store_state state;
	int64_t due;
	uint32_t attempts;
	uint64_t attempt;
	bool warned;
	struct view reason;
	struct owed tried; /* the last attempt */
	struct owed owed[STORE_NOTICE_COUNT];
};

struct net {
	const struct store_message *message;
	struct journal_place place;
	uint64_t size;
	struct net_row *rows;
};

struct step {
	const struct index_entry *entry;
	struct record_accept *accept;
	struct store_change *change;
	struct store_payment *payment;
	struct net *net; /* of the message accepted; or of the one changed, when it was accepted in this batch */
};

/* index.c */
void index_segment_count_in(struct index *index, uint64_t number, uint64_t bytes);
void index_segment_count_out(struct index *index, uint64_t number, uint64_t bytes);
int64_t index_lane_of(struct index *index, struct view account, struct view domain); /* 0: the statement failed */

/* index_steps.c */
/* False: a record that says nothing. */
bool index_step_read(struct index *index, const struct index_entry *entry, struct step *step);
void index_steps_fold(struct index *index, struct step *steps, size_t count);

/* index_rows.c: within the batch's transaction */
void index_step_apply(struct index *index, const struct step *step);

/* index_history.c: in a transaction of the history's own */
enum index_result index_history_write(struct index *index, const struct step *steps, size_t count,
                                      int64_t queue_time);

#endif

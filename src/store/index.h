/* The index: queue.db, the tables of what waits, brought up to the journal in batches.
 * Promises: a batch and the journal's position after it are one transaction; a batch applied twice changes nothing
 * the second time; what was accepted and ended within a batch only ever meets the history. Does not know: the
 * journal's bytes, lanes' turns. Blocks: the writer belongs to one thread, each reader to one. */
#ifndef STORE_INDEX_H
#define STORE_INDEX_H

#include "store/history.h"
#include "store/journal.h"
#include "store/store.h"

enum index_result {
	INDEX_DONE,
	INDEX_FULL,   /* rolled back; try again when there is space */
	INDEX_FAILED, /* nothing more will be done */
	INDEX_ABSENT,
};

struct index_settings {
	struct disk *disk;
	const char *vfs;     /* SQLite's name for that disk; NULL: the usual */
	const char *path;    /* of queue.db */
	const char *journal; /* the journal's directory: what the history keeps is read there */
	struct history *history;
};

/* What survives besides the rows. */
struct index_state {
	struct journal_position position;
	int64_t queue_time;
	uint64_t next_seq; /* of the next recipient to end */
};

/* One durable record. head: its bytes as far as the content. */
struct index_entry {
	uint16_t type;
	struct message_id id;
	struct view head;
	struct journal_place place;
};

struct index_batch {
	const struct index_entry *entries;
	size_t entry_count;
	struct index_state after;
};

struct index;

/* Opens, checkpoints what a former life left, reads *state. NULL: *problem. */
struct index *index_new(const struct index_settings *settings, struct index_state *state, struct text *problem);
void index_free(struct index *index);
/* History first, synced, then the rows with the position: in that order a crash between them does no harm. */
enum index_result index_apply(struct index *index, const struct index_batch *batch);

/* What lives in each segment, for recycling; as of the last batch. */
struct index_segment {
	uint64_t number;
	uint64_t messages;
	uint64_t bytes; /* of their records */
};
size_t index_segments(const struct index *index, const struct index_segment **segments); /* ascending; lent */
/* Lanes that no row names any more are forgotten, some at each call. */
enum index_result index_tidy(struct index *index);

/* ---- reading: a connection of its own, read-only */

struct index_reader;

struct index_reader *index_reader_new(const struct index_settings *settings);
void index_reader_free(struct index_reader *reader);
/* Between these all reads see one state; *applied is the journal's sequence that it reflects. FULL: SQLite finds no
 * room for what it needs to read, and nothing was read. */
enum index_result index_reader_begin(struct index_reader *reader, uint64_t *applied);
void index_reader_end(struct index_reader *reader);

enum index_result index_lanes(struct index_reader *reader, int64_t until, uint64_t cursor, size_t most,
                              struct arena *arena, struct store_lanes *page);
enum index_result index_load(struct index_reader *reader, struct store_load *load, struct arena *arena);
enum index_result index_expired(struct index_reader *reader, int64_t by, size_t most, struct arena *arena,
                                struct store_rows *page);
enum index_result index_live(struct index_reader *reader, const struct message_id *id, struct arena *arena,
                             struct store_rows *rows);
enum index_result index_place(struct index_reader *reader, const struct message_id *id, struct journal_place *place);
enum index_result index_debts(struct index_reader *reader, const struct store_debt_key *after, size_t most,
                              struct arena *arena, struct store_debts *page);
enum index_result index_debt(struct index_reader *reader, const struct store_debt_key *key, struct arena *arena,
                             struct store_debt *debt);
enum index_result index_account_holds(struct index_reader *reader, struct arena *arena,
                                      struct store_account_hold_row **rows, size_t *count);
/* A slice of the list: looks at no more than `examine` rows. */
enum index_result index_list(struct index_reader *reader, const struct store_filter *filter,
                             struct store_cursor *cursor, size_t most, size_t examine, struct arena *arena,
                             struct store_rows *page);
enum index_result index_summary(struct index_reader *reader, size_t most, struct arena *arena,
                                struct store_totals *totals);
/* Checks of the tables against each other for the message at or after *id; *id becomes the next one's. ABSENT: none.
 */
enum index_result index_check(struct index_reader *reader, struct message_id *id, struct journal_place *place,
                              struct text *fault);
enum index_result index_count(struct index_reader *reader, uint64_t *messages);

#endif

/* History: recipients that have ended, in files that are only ever added to.
 * Promises: a recipient is written once, however often it is told; a file is sealed (indexed, never written again)
 *   when its day or its rows are over, and dropped whole after the retention.
 * Does not know: what waits. Blocks: the writer belongs to the index's thread, each reader to one other thread. */
#ifndef STORE_HISTORY_H
#define STORE_HISTORY_H

#include "store/store.h"

struct history_settings {
	struct disk *disk;
	const char *vfs;       /* SQLite's name for that disk; NULL: the usual */
	const char *directory; /* there already */
	uint64_t rows;         /* a file; 0: 250,000 */
	int64_t retention;     /* microseconds of queue time */
};

enum history_result {
	HISTORY_DONE,
	HISTORY_FULL,
	HISTORY_FAILED,
};

struct history;

struct history *history_new(const struct history_settings *settings, struct text *problem);
void history_free(struct history *history);
/* One transaction: begin, any number of add, commit (synced). */
enum history_result history_begin(struct history *history, int64_t queue_time);
enum history_result history_add(struct history *history, const struct store_ended *row);
/* What a message said, beside its rows. */
enum history_result history_keep(struct history *history, const struct message_id *id, struct view content,
                                 int64_t wall);
enum history_result history_commit(struct history *history);
void history_roll_back(struct history *history);
/* Seals the file when its time has come and drops what is too old; between transactions, and never while a batch may
 * still be replayed: rows that come twice must meet in one file. */
enum history_result history_turn(struct history *history, int64_t wall, int64_t queue_time);

struct history_reader;

struct history_reader *history_reader_new(const struct history_settings *settings);
void history_reader_free(struct history_reader *reader);
/* FULL, of all of these: SQLite finds no room for what it needs to read. */
/* All ended recipients of one message, and whether its content was kept. Rows in the arena. */
enum history_result history_of_message(struct history_reader *reader, const struct message_id *id,
                                       struct arena *arena, struct store_story *story);
/* What was kept of one message, at the end of *content; *found says whether it was. */
enum history_result history_content(struct history_reader *reader, const struct message_id *id, struct text *content,
                                    bool *found);
enum history_result history_search(struct history_reader *reader, const struct store_search *search,
                                   struct arena *arena, struct store_found *found);

#endif

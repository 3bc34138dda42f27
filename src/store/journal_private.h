/* The inside of the journal, shared by its writer and its replay.
 * Promises: everything here belongs to the one thread that writes.
 * Does not know: what records mean. */
#ifndef STORE_JOURNAL_PRIVATE_H
#define STORE_JOURNAL_PRIVATE_H

#include "base/random.h"
#include "store/journal_format.h"

struct segment {
	uint64_t number;
	bool is_spare; /* retired: its file may be used again */
};

struct journal {
	struct disk *disk;
	const char *directory;
	uint64_t segment_size;
	unsigned spares_most;
	struct random random;
	struct segment *segments; /* ascending */
	size_t segment_count;
	size_t segment_capacity;
	struct disk_file *file; /* of the segment being filled; NULL: none yet */
	uint64_t number;        /* of the segment being filled, or of the last one there was */
	struct segment_header header;
	uint64_t horizon; /* the one that is durable */
	uint64_t offset;
	uint64_t sequence; /* of the next record */
	uint64_t durable;
	bool failed;
	bool replayed;
	bool is_fresh;    /* the segment being filled is written for the first time */
	bool is_prepared; /* there is a file for the next */
	struct view *parts;
	uint8_t *headers; /* JOURNAL_RECORD_HEADER each, for the group being written */
};

enum journal_result journal_fail(struct journal *journal);
/* What is in the directory. */
enum journal_result journal_segments_read(struct journal *journal);

#endif

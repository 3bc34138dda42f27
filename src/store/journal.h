/* The journal: append-only segments of records, the truth about what was accepted and what became of it.
 * Promises: JOURNAL_DONE means that all records of the group are on stable storage; after the first failure it does
 *   nothing any more, so that no descriptor is synced twice; what a recycled segment held before is never replayed;
 *   a flipped bit is found.
 * Does not know: what records mean. Blocks: called by one worker thread; reads of single records by any. */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "base/id.h"
#include "base/text.h"
#include "task/disk.h"

/* On disk, all little-endian. A segment is a file DIRECTORY/%016x of its number:
 *   header, 64 octets: magic u32, version u32, number u64, generation u64, first sequence u64, durable u64,
 * horizon u64, zero u8[12], CRC-32C u32 of what stands before it; records, each at a multiple of 8: magic u32, type
 * u16, zero u16, generation u64, sequence u64, durable u64, id 16, length u32, CRC-32C u32 of the header before it
 * and of the bytes after it; then length bytes. generation: random, new at each use of a file, so that what the file
 * held before is not taken for new. durable: every record up to this sequence was on stable storage before this one
 * was written. So a gap in the sequences is damage when a later record says that what is missing had been synced, and
 * a torn write otherwise. horizon: nothing was written at this offset or after it while this header was the durable
 * one; 0: not known. So where records end, a start looks no further than that for one that stands behind damage. */
#define JOURNAL_SEGMENT_HEADER ((size_t)64)
#define JOURNAL_RECORD_HEADER  ((size_t)56)
#define JOURNAL_SEGMENT_SIZE   (UINT64_C(64) * 1024 * 1024)
#define JOURNAL_RECORD_MOST    (UINT32_C(256) * 1024 * 1024)

enum journal_result {
	JOURNAL_DONE,
	JOURNAL_FULL,    /* no space: nothing of the group was kept, the journal lives */
	JOURNAL_FAILED,  /* the journal refuses all further work; what of the group was kept is not known */
	JOURNAL_DAMAGED, /* reading only: these are not the bytes that were written, or not this message's */
};

struct journal_settings {
	struct disk *disk;
	const char *directory; /* there already */
	uint64_t segment_size; /* 0: JOURNAL_SEGMENT_SIZE. A record larger than that gets a segment of its own */
	uint64_t seed;         /* unpredictable: the generations come from it */
	unsigned spares;       /* most dead segments kept for re-use */
};

/* Beside the segments may lie `prepared`: the file of the next one, filled with zeros and synced ahead of its time.
 * Blocks that were written before need no change of the file system's own records at a flush, which makes it some
 * times faster. */

/* Where a record lies. length: of its bytes after the record's header. */
struct journal_place {
	uint64_t segment;
	uint64_t offset; /* of the record's header */
	uint32_t length;
};

/* Up to where the journal was applied: the next record stands at or after this. */
struct journal_position {
	uint64_t segment;
	uint64_t offset;
	uint64_t sequence; /* of the next record */
};

struct journal_record {
	uint16_t type;
	struct message_id id;
	uint64_t sequence;
	uint64_t durable;           /* replay only */
	struct view head;           /* the bytes; on replay all of them are here */
	struct view content;        /* append: more bytes, straight after head */
	struct journal_place place; /* append: set by it */
};

struct journal_damage {
	uint64_t segment;
	uint64_t offset;
	uint64_t length;
	uint64_t first_sequence; /* the records that are missing */
	uint64_t last_sequence;
};

/* Who is told what is found; all may be called many times, in the order of the journal. */
struct journal_reader {
	void *context;
	bool (*record)(void *context, const struct journal_record *record); /* views lent for the call; false: stop */
	void (*damage)(void *context, const struct journal_damage *damage); /* may be NULL */
};

struct journal;

struct journal *journal_new(const struct journal_settings *settings);
void journal_free(struct journal *journal); /* closes; syncs nothing */

/* Reads everything from the position on. Must be done once, before the first append. */
enum journal_result journal_replay(struct journal *journal, struct journal_position from,
                                   const struct journal_reader *reader);
/* Where the next record will be; after a replay: the start of the next fresh segment. */
struct journal_position journal_end(const struct journal *journal);
/* Writes one group: one write, one sync (more when it passes the end of a segment). Sequences must go up by one from
 * journal_end's. */
enum journal_result journal_append(struct journal *journal, struct journal_record *records, size_t count);

/* Walks the records of one segment, as far as they are whole. */
enum journal_result journal_walk(struct journal *journal, uint64_t segment, const struct journal_reader *reader);
/* The numbers of the segments there are, ascending; in the caller's text as u64 each, native. */
void journal_segments(const struct journal *journal, struct text *numbers);
/* The segment holds nothing that is needed: it is kept as a spare, or removed. */
enum journal_result journal_retire(struct journal *journal, uint64_t segment);
/* True: no file is ready for the next segment, and one will soon be wanted. */
bool journal_wants_prepared(const struct journal *journal);
/* DIRECTORY/prepared is as long as a segment, and synced: the next segment may take it. */
void journal_use_prepared(struct journal *journal);

/* Reads a record's bytes into *bytes (which has room enough or whose limit is the limit), checked against id and
 * checksum. Needs no journal, so that any thread may do it. */
enum journal_result journal_read(struct disk *disk, const char *directory, const struct journal_place *place,
                                 const struct message_id *id, struct text *bytes);

/* One record at the front of the bytes, as it would be replayed; for replay, readers and the fuzzer. Returns its
 * whole length without padding, 0 when there is no valid one. *more: it could be one if there were more bytes. */
size_t journal_record_parse(struct view bytes, uint64_t generation, struct journal_record *record, bool *more);

#endif

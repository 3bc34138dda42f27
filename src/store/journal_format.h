/* The octets of the journal's headers, shared by its writer and its readers.
 * Promises: a header that parses was written by this program for this place and generation.
 * Does not know: files. */
#ifndef STORE_JOURNAL_FORMAT_H
#define STORE_JOURNAL_FORMAT_H

#include "store/journal.h"

#define JOURNAL_ALIGNMENT ((size_t)8)
#define JOURNAL_PATH_MOST 4096u

struct segment_header {
	uint64_t number;
	uint64_t generation;
	uint64_t first_sequence;
	uint64_t durable;
	uint64_t horizon;
};

void segment_header_write(const struct segment_header *header, uint8_t bytes[JOURNAL_SEGMENT_HEADER]);
bool segment_header_parse(struct view bytes, struct segment_header *header);
void record_header_write(const struct journal_record *record, uint64_t generation,
                         uint8_t bytes[JOURNAL_RECORD_HEADER]);
/* As it stands there, unchecked; 0: no record's header. */
uint64_t record_header_generation(struct view bytes);
uint64_t journal_aligned(uint64_t length);
/* Where the next record magic may be at or after offset, by its first octets; bytes.length when nowhere. */
size_t journal_record_search(struct view bytes, size_t offset);

void segment_path(char path[JOURNAL_PATH_MOST], const char *directory, uint64_t number);
void prepared_path(char path[JOURNAL_PATH_MOST], const char *directory);
void preparing_path(char path[JOURNAL_PATH_MOST], const char *directory);
bool segment_name_parse(struct view name, uint64_t *number);

/* Reads one segment from front to end, in pieces. */
struct segment_scan {
	struct disk *disk;
	struct disk_file *file;
	uint64_t size;
	struct text buffer;
	uint64_t buffer_offset;
	/* Until they are set, all counts. */
	uint64_t generation; /* 0: any */
	uint64_t horizon;    /* after a gap, no record is looked for from here on */
	uint64_t below;      /* nor one with such a sequence */
};
enum journal_result segment_scan_open(struct segment_scan *scan, struct disk *disk, const char *directory,
                                      uint64_t number);
void segment_scan_close(struct segment_scan *scan);
/* At least `length` bytes from offset, fewer only at the end of the file. */
enum journal_result segment_scan_at(struct segment_scan *scan, uint64_t offset, size_t length, struct view *bytes);
/* The next valid record that counts at or after *offset, a sequence of at least `from`; *offset is then its place. */
enum journal_result segment_scan_next(struct segment_scan *scan, uint64_t from, uint64_t *offset,
                                      struct journal_record *record, bool *found);
/* How far there is anything to look for. */
uint64_t segment_scan_end(const struct segment_scan *scan);

#endif

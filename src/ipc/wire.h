/* The wire: one description of a struct serves both ways, so that writer and reader cannot differ.
 * Promises: reading never goes past the frame, counts are held to their limit, and the first failure sticks: all
 *   later fields read as zero; views that were read are lent by the frame, arrays by the arena.
 * Does not know: which question the struct belongs to. Both ends are this program, this build: no versions. */
#ifndef IPC_WIRE_H
#define IPC_WIRE_H

#include "base/arena.h"
#include "base/cursor.h"
#include "base/text.h"

struct wire {
	struct text *out;    /* NULL when reading */
	struct cursor in;    /* reading */
	struct arena *arena; /* reading: where arrays go */
	struct view bulk;    /* the one large field, last in the frame, not copied on its way out */
	bool failed;
};

struct wire wire_writer(struct text *out);
struct wire wire_reader(struct view frame, struct arena *arena);
bool wire_is_done(const struct wire *wire); /* reading: all was read and nothing failed; writing: all fitted */

void wire_bool(struct wire *wire, bool *value);
void wire_u8(struct wire *wire, uint8_t *value);
void wire_u16(struct wire *wire, uint16_t *value);
void wire_u32(struct wire *wire, uint32_t *value);
void wire_u64(struct wire *wire, uint64_t *value);
void wire_i64(struct wire *wire, int64_t *value);
/* An enumerator from 0 to most; what is beyond fails. Returns the value. */
unsigned wire_enum(struct wire *wire, unsigned value, unsigned most);
void wire_view(struct wire *wire, struct view *value, size_t most);
void wire_fixed(struct wire *wire, void *bytes, size_t length);
/* At most one a struct, after all other fields. */
void wire_bulk(struct wire *wire, struct view *value);
/* How many of a fixed array are in use. Returns the count: the one given, or the one read, at most `most`. */
size_t wire_count(struct wire *wire, size_t count, size_t most);
/* count elements of size bytes, each described by element. Returns the array (the one given, or one from the arena).
 */
void *wire_array(struct wire *wire, void *array, size_t *count, size_t most, size_t size,
                 void (*element)(struct wire *wire, void *element));
void wire_view_element(struct wire *wire, void *view); /* for arrays of struct view, each at most 64 KiB */

/* The same for arrays of numbers. */
void wire_u32_element(struct wire *wire, void *number);
void wire_u64_element(struct wire *wire, void *number);

#endif

/* Raw memory, in the one place that may: checked copies.
 * Promises: bytes_copy aborts when the source does not fit its target.
 * Does not know: overlapping areas other than by bytes_move. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include "base/view.h"

/* Copies all of source to the start of target; must fit. Returns the bytes written. */
size_t bytes_copy(void *target, size_t target_size, struct view source);
void bytes_move(void *target, size_t target_size, const void *source, size_t length);
/* A terminated copy into a fixed array, cut to fit (size - 1 bytes). Returns false when it was cut. */
bool bytes_to_cstring(char *target, size_t target_size, struct view source);
uint32_t bytes_crc32c(uint32_t crc, struct view bytes); /* Castagnoli; start with 0; hardware where there is some */

#endif

/* A view: bytes that somebody else owns, by pointer and length.
 * Promises: never reads past its length, needs no terminator; passed and returned by value.
 * Does not know: who owns the bytes, nor for how long; the function that lends one says so. */
#ifndef BASE_VIEW_H
#define BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct view {
	const char *data;
	size_t length;
};

#define VIEW(literal) ((struct view){ "" literal, sizeof(literal) - 1 })
/* The same where an initializer must be constant: static tables. */
#define VIEW_INIT(literal)                                                                                           \
	{                                                                                                                \
		"" literal, sizeof(literal) - 1                                                                              \
	}
#define VIEW_NONE ((struct view){ NULL, 0 })
/* For printf: "%.*s" takes VIEW_PRINT(view); a null pointer is none of its strings, even of no length. */
#define VIEW_PRINT(view) (int)(view).length, ((view).data != NULL ? (view).data : "")
#define VIEW_NOT_FOUND   SIZE_MAX

struct view view_of(const char *terminated);
struct view view_bytes(const void *data, size_t length);
bool view_is_empty(struct view view);
bool view_equal(struct view a, struct view b);
/* ASCII letters only (RFC 4343, RFC 5321 2.4); never the locale's idea of case. */
bool view_equal_nocase(struct view a, struct view b);
/* Takes the same time wherever a and b differ; for secrets. Lengths are not secret. */
bool view_equal_constant_time(struct view a, struct view b);
int view_compare(struct view a, struct view b); /* <0, 0, >0 as memcmp, shorter first */
bool view_starts(struct view view, struct view prefix);
bool view_starts_nocase(struct view view, struct view prefix);
bool view_ends(struct view view, struct view suffix);
bool view_ends_nocase(struct view view, struct view suffix);
size_t view_find(struct view view, struct view needle);                 /* offset, or VIEW_NOT_FOUND */
size_t view_find_byte(struct view view, char byte);                     /* offset, or VIEW_NOT_FOUND */
size_t view_find_last_byte(struct view view, char byte);                /* offset, or VIEW_NOT_FOUND */
struct view view_from(struct view view, size_t offset);                 /* without the first offset bytes (clamped) */
struct view view_first(struct view view, size_t length);                /* the first length bytes (clamped) */
struct view view_slice(struct view view, size_t offset, size_t length); /* both clamped */
struct view view_trim(struct view view); /* without blanks (SP HT CR LF) at both ends */
/* Takes what stands before the first separator off the front of *rest, and the separator too.
 * Without one, takes all. Returns false when *rest was VIEW_NONE (data NULL); after the last part it becomes that. */
bool view_split(struct view *rest, char separator, struct view *part);
/* Decimal digits only, whole view, no sign, no blank. False on anything else and on overflow. */
bool view_to_u64(struct view view, uint64_t *number);
/* FNV-1a under a seed; for maps in memory, never for strangers' keys without a random seed. */
uint64_t view_hash(struct view view, uint64_t seed);

bool byte_is_blank(char byte); /* SP or HT */
bool byte_is_digit(char byte);
bool byte_is_alpha(char byte);
bool byte_is_alnum(char byte);
bool byte_is_print(char byte); /* 0x20 to 0x7e */
char byte_lower(char byte);    /* ASCII only */
int byte_hex_value(char byte); /* of a hexadecimal digit in either case; -1: it is none */

#endif

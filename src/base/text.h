/* Text: bytes that grow up to a limit given at birth.
 * Promises: never grows past its limit: what does not fit is not taken and `overflow` stays set until cleared,
 *   so that ten appends need one check; the bytes are always followed by a NUL that is not counted.
 * Does not know: encodings. Heap memory, released by text_deinit; zero value with a limit is ready to use. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/view.h"

#include <stdarg.h>

struct text {
	char *data; /* NULL until something was added */
	size_t length;
	size_t capacity;
	size_t limit; /* most bytes it may hold */
	bool overflow;
};

#define TEXT_LIMIT(bytes)                                                                                            \
	{                                                                                                                \
		.limit = (bytes)                                                                                             \
	}

void text_deinit(struct text *text);               /* frees; keeps the limit, so it may be used again */
void text_clear(struct text *text);                /* empties, keeps the memory, clears overflow */
struct view text_view(const struct text *text);    /* lent until the next change */
const char *text_cstring(const struct text *text); /* NUL terminated, never NULL; lent until the next change */
/* Each returns false, adds nothing and sets overflow when the limit would be passed. */
bool text_add(struct text *text, struct view bytes);
bool text_add_byte(struct text *text, char byte);
bool text_add_u64(struct text *text, uint64_t number);
__attribute__((format(printf, 2, 3))) bool text_print(struct text *text, const char *format, ...);
__attribute__((format(printf, 2, 0))) bool text_vprint(struct text *text, const char *format, va_list arguments);
/* Makes room for length more bytes and lends where they start; NULL when the limit would be passed. The caller
 * writes at most that much, then says how much with text_extend. */
char *text_room(struct text *text, size_t length);
void text_extend(struct text *text, size_t length);
void text_remove_first(struct text *text, size_t length); /* the first length bytes go, the rest moves up */
void text_truncate(struct text *text, size_t length);

/* Encodings. The decoders return false on any byte outside the alphabet; *text is then unchanged. */
bool text_add_hex(struct text *text, struct view bytes);    /* lower case */
bool text_add_base64(struct text *text, struct view bytes); /* RFC 4648 4, padded, one line */
bool text_add_base64_decoded(struct text *text,
                             struct view encoded); /* blanks (SP HT CR LF) skipped, padding optional */
/* Bytes of a stranger for people: printable ASCII stays, the rest becomes \xHH, `"` and `\` are escaped; at most
 * limit bytes of the source, then "...". */
bool text_add_printable(struct text *text, struct view bytes, size_t limit);

#endif

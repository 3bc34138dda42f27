/* The one line reader of the program, fed with bytes as they come.
 * Promises: gives lines without their CRLF; a bare CR, a bare LF and NUL make the line BAD; one longer than the limit
 * is told once as TOO_LONG and skipped to its end; however the bytes are cut, the lines are the same. Does not know:
 * where the bytes come from, nor what a line means. */
#ifndef SMTP_LINE_H
#define SMTP_LINE_H

#include "base/text.h"

enum line_result {
	LINE_READY,
	LINE_MORE, /* feed more */
	LINE_TOO_LONG,
	LINE_BAD, /* bare CR or LF, or NUL */
};

struct line_reader {
	struct text bytes; /* not yet consumed */
	size_t taken;      /* of bytes: given out already */
	size_t limit;      /* of one line, without its CRLF */
	bool skipping;     /* in a line that was too long */
};

void line_reader_init(struct line_reader *reader, size_t limit);
void line_reader_deinit(struct line_reader *reader);
/* Lends room for at least 1 byte to read into; *capacity says how much. */
char *line_reader_room(struct line_reader *reader, size_t *capacity);
void line_reader_fed(struct line_reader *reader, size_t length);
/* The line is lent until the next call of any function here. */
enum line_result line_reader_next(struct line_reader *reader, struct view *line);
/* What came after the last line given: pipelined commands, or what a command in the clear carried along (STARTTLS).
 */
struct view line_reader_pending(const struct line_reader *reader);
void line_reader_consume(struct line_reader *reader, size_t length); /* of pending: another reader took it */
void line_reader_limit(struct line_reader *reader, size_t limit);

#endif

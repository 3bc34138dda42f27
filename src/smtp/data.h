/* A message on the wire: the reader of what follows DATA, and the one dot-writer (RFC 5321 4.5.2).
 * Promises: only CRLF.CRLF ends a message; however the bytes are cut, the message is the same; what is handed on has
 *   CRLF line ends alone; a bare CR or NUL, a bare LF where they are refused, and what passes the size limit are
 *   remembered, and reading goes on to the end, so that the session stays in step.
 * Does not know: headers, connections. */
#ifndef SMTP_DATA_H
#define SMTP_DATA_H

#include "base/text.h"

enum data_fault { DATA_GOOD, DATA_BARE_CR, DATA_BARE_LF, DATA_NUL, DATA_TOO_LARGE };

struct data_reader {
	/* Takes the message piece by piece, unstuffed; not called any more after a fault. */
	void (*sink)(void *context, struct view piece);
	void *context;
	uint64_t size_limit;
	bool refuse_bare_newline; /* else completed to CRLF */
	/* state */
	int place; /* enum data_place of data.c */
	uint64_t size;
	enum data_fault fault;
	bool had_bare_newline;
	bool ended;
};

/* The first four fields are the caller's; the rest zero. Takes bytes; returns how many belonged to the message: less
 * than all only when its end was among them (reader->ended). */
size_t data_reader_feed(struct data_reader *reader, struct view bytes);

/* Writing: the content (CRLF line ends) with its dots doubled, and the final dot, at the end of *out. */
struct data_writer {
	bool at_line_start; /* begin with true */
};
/* Takes the next piece of the content: as much as fits. Returns how many bytes of it were taken. */
size_t data_writer_add(struct data_writer *writer, struct view content, struct text *out);
/* CRLF if the last line lacks it, then the dot. False: no room. */
bool data_writer_end(struct data_writer *writer, struct text *out);

#endif

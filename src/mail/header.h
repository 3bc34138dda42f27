/* The header of a message, field by field (RFC 5322 2.2), over the bytes as they are.
 * Promises: linear, allocates nothing; every view lent is a part of the message; all of `raw` together, in order, is
 *   the header block byte for byte. What two readers could split differently is MALFORMED, with the reason.
 * Does not know: what any field means. */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include "base/view.h"

struct text;

struct header_field {
	struct view name; /* as spelled */
	struct view body; /* after the colon, with its folds, without the last CRLF */
	struct view raw;  /* the whole field with its CRLF */
};

enum header_step {
	HEADER_FIELD,
	HEADER_END,
	HEADER_MALFORMED, /* walk->why; every later step is MALFORMED too */
};

struct header_walk {
	struct view rest;
	struct view why;   /* a clause, lives for ever */
	size_t line;       /* of the field given last or of the fault, from 1 */
	size_t lines_read; /* private */
};

/* Header (with the CRLF of its last field, without the empty line) and body (after the empty line). Without an empty
 * line all is header and the body is empty. Returns whether there was one. */
bool header_split(struct view message, struct view *header, struct view *body);

struct header_walk header_walk_of(struct view header);
enum header_step header_next(struct header_walk *walk, struct header_field *field);
bool header_field_is(const struct header_field *field, struct view name); /* letter case does not matter */

/* How many fields of that name there are; the first one in *field. MALFORMED ends the search. */
size_t header_count(struct view header, struct view name, struct header_field *field);
/* The body on one line: CRLFs of folds removed, blanks at both ends cut (RFC 5322 2.2.3). */
void header_unfold(struct text *text, struct view body);

#endif

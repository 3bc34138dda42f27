/* What of MIME (RFC 2045, 2046) must be known without taking a message apart.
 * Promises: linear; changes nothing.
 * Does not know: parts within parts. */
#ifndef MAIL_MIME_H
#define MAIL_MIME_H

#include "base/view.h"

struct arena;

bool mime_is_7bit(struct view bytes); /* no byte above 127 */
bool mime_is_utf8(struct view bytes); /* RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF */

/* Takes blanks, folds and comments (nested ones too) off the front. False when a comment has no end. */
bool mime_skip_comments(struct view *rest);
/* The boundary of a Content-Type field's body, when it is a multipart with a usable one (RFC 2046 5.1.1: 1 to 70
 * bytes): unquoted, in the arena. Comments and folds are skipped. */
bool mime_boundary(struct view content_type, struct arena *arena, struct view *boundary);
/* Whether "--boundary" starts no line of content, so that it may hold it. */
bool mime_boundary_is_free(struct view boundary, struct view content);

#endif

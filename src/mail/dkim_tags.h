/* Lists of tag=value (RFC 6376 3.2), of signatures and of key records.
 * Promises: a tag that stands twice, an empty one but the last, no name before the sign, or a control character
 *   makes the list malformed.
 * Does not know: what any tag means. */
#ifndef MAIL_DKIM_TAGS_H
#define MAIL_DKIM_TAGS_H

#include "base/arena.h"

enum { DKIM_TAGS_MOST = 100 };

struct dkim_tag {
	struct view name;
	struct view value; /* without the white space around it; folds inside stay */
};

struct dkim_tags {
	struct dkim_tag tags[DKIM_TAGS_MOST];
	size_t count;
};

bool dkim_tags_read(struct view list, struct dkim_tags *tags);
/* NULL: it is not there. */
const struct view *dkim_tag_find(const struct dkim_tags *tags, struct view name);
/* Without dkim-quoted-printable (RFC 6376 2.11): blanks go, =HH is one byte. What is no =HH stays. In the arena. */
struct view dkim_tag_decode(struct view value, struct arena *arena);
/* One of the words of a list with colons between. */
bool dkim_list_has(struct view list, struct view word);

#endif

#include "rooms/resolver/form.h"

#include "base/text.h"

enum { RECORD_MOST = 4096, STRING_MOST = 255 };

/* Without what forms add: blanks, quotes, the backslashes before quotes and semicolons, brackets of zone files. */
static void strip(struct view text, struct text *bare)
{
	static const struct view added = VIEW_INIT(" \t\r\n\"\\'()");
	for (size_t i = 0; i < text.length; i++)
		if (view_find_byte(added, text.data[i]) == VIEW_NOT_FOUND)
			text_add_byte(bare, text.data[i]);
}

static struct view explain_same(struct view seen)
{
	if (view_starts(seen, VIEW("\"")) || view_starts(seen, VIEW("'")))
		return VIEW("the record has quotes around it in DNS: they belong to the zone file only");
	if (view_find_byte(seen, '"') != VIEW_NOT_FOUND)
		return VIEW("the record has quotes inside it: the strings of a long one were pasted as one");
	if (view_find_byte(seen, '\\') != VIEW_NOT_FOUND)
		return VIEW("the record has backslashes in it: they belong to the zone file only");
	if (view_find_byte(seen, '(') != VIEW_NOT_FOUND)
		return VIEW("the record has the brackets of a zone file in it");
	return VIEW("the record has blanks or line ends inside it");
}

static struct view explain_part(struct view seen, struct view wanted, size_t length)
{
	if (view_starts(wanted, seen))
		return length >= STRING_MOST - 1 && length <= STRING_MOST
		           ? VIEW("the record is cut at 255 octets: all its strings belong into it")
		           : VIEW("the record is cut: its last part is missing");
	if (view_ends(wanted, seen))
		return VIEW("the record lacks its first part: all its strings belong into one record");
	return VIEW_NONE;
}

/* A middle part twice: what is before it and behind it is right. */
static bool has_part_twice(struct view seen, struct view wanted)
{
	size_t same = 0;
	if (seen.length <= wanted.length || seen.length > 2 * wanted.length)
		return false;
	while (same < wanted.length && seen.data[same] == wanted.data[same])
		same++;
	const size_t more = seen.length - wanted.length;
	return same >= more && view_equal(view_from(seen, same), view_from(wanted, same - more));
}

/* Its parts in another order: the second string before the first. */
static bool is_turned(struct view seen, struct view wanted)
{
	const size_t start = view_find(seen, view_first(wanted, 16));
	return seen.length == wanted.length && start != VIEW_NOT_FOUND && start > 0 &&
	       view_starts(wanted, view_from(seen, start)) && view_ends(wanted, view_first(seen, start));
}

static struct view explain(struct view seen, struct view bare_seen, struct view bare_wanted)
{
	enum { PART_LEAST = 16 };
	if (view_equal(bare_seen, bare_wanted))
		return explain_same(seen);
	if (bare_seen.length < PART_LEAST)
		return VIEW_NONE;
	if (bare_seen.length < bare_wanted.length)
		return explain_part(bare_seen, bare_wanted, seen.length);
	if (is_turned(bare_seen, bare_wanted))
		return VIEW("the record has its parts in the wrong order");
	return has_part_twice(bare_seen, bare_wanted) ? VIEW("the record has a part twice") : VIEW_NONE;
}

struct view form_mistake(struct view seen, struct view wanted)
{
	struct text bare_seen = TEXT_LIMIT(RECORD_MOST);
	struct text bare_wanted = TEXT_LIMIT(RECORD_MOST);
	struct view clause = VIEW_NONE;
	strip(seen, &bare_seen);
	strip(wanted, &bare_wanted);
	if (!view_equal(seen, wanted) && !bare_seen.overflow && !bare_wanted.overflow)
		clause = explain(seen, text_view(&bare_seen), text_view(&bare_wanted));
	text_deinit(&bare_seen);
	text_deinit(&bare_wanted);
	return clause;
}

#include "rooms/resolver/form.h"

#include "base/text.h"

enum { RECORD_MOST = 4096, STRING_MOST = 255 };

/* Without what forms add: blanks, quotes, the backslashes before quotes and semicolons, brackets of zone files, what
 * is not ASCII. */
static void strip(struct view text, struct text *bare)
{
	static const struct view added = VIEW_INIT(" \t\r\n\"\\'()");
	for (size_t i = 0; i < text.length; i++)
		if ((uint8_t)text.data[i] < 0x80 && view_find_byte(added, text.data[i]) == VIEW_NOT_FOUND)
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
	for (size_t i = 0; i < seen.length; i++)
		if ((uint8_t)seen.data[i] >= 0x80)
			return VIEW("the record has typographic quotes or blanks in it, as word processors make them");
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

/* ---- a key that is whole, wrongly written */

static struct view key_of(struct view record)
{
	const size_t at = view_find(record, VIEW("p="));
	return at == VIEW_NOT_FOUND ? VIEW_NONE : view_from(record, at + 2);
}

static bool contains_nocase(struct view text, struct view part)
{
	for (size_t at = 0; at + part.length <= text.length; at++)
		if (view_equal_nocase(view_slice(text, at, part.length), part))
			return true;
	return false;
}

/* Base64 with what became of its plus signs, or of its line ends, put right. */
static bool contains_mended(struct view seen, struct view key, bool is_line_ends)
{
	struct text mended = TEXT_LIMIT(RECORD_MOST);
	for (size_t i = 0; i < seen.length; i++) {
		const bool is_line_end = view_starts(view_from(seen, i), VIEW("\\n"));
		if (is_line_ends && is_line_end)
			i++;
		else
			text_add_byte(&mended, !is_line_ends && seen.data[i] == ' ' ? '+' : seen.data[i]);
	}
	const bool does = view_find(text_view(&mended), key) != VIEW_NOT_FOUND;
	text_deinit(&mended);
	return does;
}

static struct view explain_around(struct view seen, struct view bare_seen, struct view key)
{
	static const struct view private_key = VIEW_INIT("PRIVATE KEY");
	if (view_find(seen, private_key) != VIEW_NOT_FOUND)
		return VIEW("the record has a private key in it, which nobody else may ever see");
	if (view_find(seen, VIEW("-----BEGIN")) != VIEW_NOT_FOUND)
		return VIEW("the record has the lines BEGIN and END of a key file in it");
	if (key.length == 0)
		return VIEW_NONE;
	if (view_equal(bare_seen, key))
		return VIEW("v=DKIM1; k=rsa; p= is missing before the key");
	if (view_find(bare_seen, key) == VIEW_NOT_FOUND) {
		if (contains_nocase(bare_seen, key))
			return VIEW("the key has small letters where capital ones belong, or the other way round");
		if (contains_mended(seen, key, false))
			return VIEW("the plus signs of the key have become blanks");
		return contains_mended(seen, key, true) ? VIEW("the record has line ends, written as \\n, in it") : VIEW_NONE;
	}
	if (view_find(seen, VIEW("TXT")) != VIEW_NOT_FOUND || view_find(seen, VIEW("_domainkey")) != VIEW_NOT_FOUND)
		return VIEW("the record's name or type stands in its value");
	return VIEW_NONE;
}

static struct view explain(struct view seen, struct view bare_seen, struct view bare_wanted)
{
	enum { PART_LEAST = 16 };
	if (view_equal(bare_seen, bare_wanted))
		return explain_same(seen);
	if (bare_seen.length < PART_LEAST)
		return VIEW_NONE;
	const struct view around = explain_around(seen, bare_seen, key_of(bare_wanted));
	if (around.length > 0)
		return around;
	const struct view part =
		bare_seen.length < bare_wanted.length ? explain_part(bare_seen, bare_wanted, seen.length) : VIEW_NONE;
	if (part.length > 0)
		return part;
	if (is_turned(bare_seen, bare_wanted))
		return VIEW("the record has its parts in the wrong order");
	if (has_part_twice(bare_seen, bare_wanted))
		return VIEW("the record has a part twice");
	/* The key is whole, and still the record is no good. */
	return view_find(bare_seen, key_of(bare_wanted)) != VIEW_NOT_FOUND && bare_seen.length <= 2 * bare_wanted.length
	           ? VIEW("v=DKIM1; k=rsa; p= and nothing else must stand before the key")
	           : VIEW_NONE;
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

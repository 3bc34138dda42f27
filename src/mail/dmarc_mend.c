/* What was meant to be a DMARC record: what is wrong with it, and the record that comes of it. */
#include "mail/dmarc.h"

enum { RECORD_MOST = 2048, CLEANED_MOST = 4096 };

static bool one_of(char byte, struct view bytes)
{
	return view_find_byte(bytes, byte) != VIEW_NOT_FOUND;
}

/* ---- tags, wherever they stand */

static const struct view tag_names[] = {
	VIEW_INIT("v"),    VIEW_INIT("p"),   VIEW_INIT("sp"),  VIEW_INIT("np"),  VIEW_INIT("adkim"),
	VIEW_INIT("aspf"), VIEW_INIT("pct"), VIEW_INIT("rua"), VIEW_INIT("ruf"), VIEW_INIT("fo"),
	VIEW_INIT("rf"),   VIEW_INIT("ri"),  VIEW_INIT("psd"), VIEW_INIT("t"),   VIEW_INIT("policy"),
};

/* "p=", "p :" and the like at the front: how long it is, and which tag. 0: none. */
static size_t tag_length(struct view text, struct view *name)
{
	for (size_t i = 0; i < sizeof(tag_names) / sizeof(tag_names[0]); i++) {
		if (!view_starts_nocase(text, tag_names[i]))
			continue;
		size_t at = tag_names[i].length;
		while (at < text.length && byte_is_blank(text.data[at]))
			at++;
		if (at == text.length || !one_of(text.data[at], VIEW("=:")))
			continue;
		*name = view_equal(tag_names[i], VIEW("policy")) ? VIEW("p") : tag_names[i];
		return at + 1;
	}
	return 0;
}

/* What zone files and word processors leave in a value. */
static size_t typography_length(struct view text)
{
	static const struct view marks[] = {
		VIEW_INIT("\""),
		VIEW_INIT("'"),
		VIEW_INIT("`"),
		VIEW_INIT("\\"),
		VIEW_INIT("\xe2\x80\x98"),
		VIEW_INIT("\xe2\x80\x99"),
		VIEW_INIT("\xe2\x80\x9c"),
		VIEW_INIT("\xe2\x80\x9d"),
		VIEW_INIT("\xe2\x80\x9e"),
	};
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (view_starts(text, marks[i]))
			return marks[i].length;
	return 0;
}

/* Every tag that is known behind a semicolon, whatever stood there. */
static void clean(struct view text, struct text *cleaned)
{
	static const struct view hard_blank = VIEW_INIT("\xc2\xa0");
	bool at_edge = true;
	while (text.length > 0) {
		struct view name;
		const size_t tag = at_edge ? tag_length(text, &name) : 0;
		const size_t mark = typography_length(text);
		if (tag > 0) {
			text_print(cleaned, ";%.*s=", VIEW_PRINT(name));
			text = view_from(text, tag);
			at_edge = false;
			continue;
		}
		if (mark > 0) {
			text = view_from(text, mark);
			continue;
		}
		const bool is_hard = view_starts(text, hard_blank);
		const char byte = is_hard || !byte_is_print(text.data[0]) ? ' ' : text.data[0];
		text_add_byte(cleaned, byte);
		at_edge = one_of(byte, VIEW(" ;,"));
		text = view_from(text, is_hard ? hard_blank.length : 1);
	}
}

/* Without the comma that stood between it and the next tag. */
static struct view trim_value(struct view value)
{
	value = view_trim(value);
	while (view_ends(value, VIEW(",")))
		value = view_trim(view_first(value, value.length - 1));
	return value;
}

/* ---- the record */

/* Where the record would be worse for it, the tag is left out. */
static void add_tag(struct text *mended, struct view name, struct view value)
{
	struct dmarc_record record;
	struct view why;
	const size_t before = mended->length;
	text_print(mended, "; %.*s=%.*s", VIEW_PRINT(name), VIEW_PRINT(value));
	if (!dmarc_parse(text_view(mended), &record, &why) || record.warning.length > 0)
		text_truncate(mended, before);
}

/* Addresses without mailto: get it. */
static void add_reports(struct text *mended, struct view name, struct view value)
{
	struct text addresses = TEXT_LIMIT(RECORD_MOST);
	struct view address;
	while (view_split(&value, ',', &address)) {
		address = view_trim(address);
		const bool is_bare =
			view_find_byte(address, '@') != VIEW_NOT_FOUND && view_find_byte(address, ':') == VIEW_NOT_FOUND;
		text_print(&addresses, "%s%s%.*s", addresses.length > 0 ? "," : "", is_bare ? "mailto:" : "",
		           VIEW_PRINT(address));
	}
	add_tag(mended, name, text_view(&addresses));
	text_deinit(&addresses);
}

static const char *policy_of(struct view cleaned)
{
	static const char *const names[] = { "none", "quarantine", "reject" };
	struct view tag;
	while (view_split(&cleaned, ';', &tag))
		for (size_t i = 0; i < 3; i++)
			if (view_starts(tag, VIEW("p=")) && view_equal_nocase(trim_value(view_from(tag, 2)), view_of(names[i])))
				return names[i];
	return names[0];
}

struct view dmarc_mend(struct view text, struct arena *arena)
{
	struct text cleaned = TEXT_LIMIT(CLEANED_MOST);
	struct text mended = TEXT_LIMIT(RECORD_MOST);
	struct view tag;
	clean(text, &cleaned);
	struct view rest = text_view(&cleaned);
	text_print(&mended, "v=DMARC1; p=%s", policy_of(rest));
	while (view_split(&rest, ';', &tag)) {
		struct view name = VIEW_NONE;
		const size_t length = tag_length(tag, &name);
		const struct view value = trim_value(view_from(tag, length));
		if (length == 0 || view_equal(name, VIEW("v")) || view_equal(name, VIEW("p")))
			continue;
		if (view_equal(name, VIEW("rua")) || view_equal(name, VIEW("ruf")))
			add_reports(&mended, name, value);
		else
			add_tag(&mended, name, value);
	}
	const struct view copy = arena_copy(arena, text_view(&mended));
	text_deinit(&mended);
	text_deinit(&cleaned);
	return copy;
}

/* ---- what is wrong */

bool dmarc_has_typography(struct view text)
{
	for (size_t at = 0; at < text.length; at++)
		if (typography_length(view_from(text, at)) > 0)
			return true;
	return false;
}

bool dmarc_is_meant(struct view text)
{
	struct view name = VIEW_NONE;
	const size_t tag = tag_length(view_trim(text), &name);
	struct view value =
		trim_value(view_first(view_from(view_trim(text), tag), view_find_byte(view_from(view_trim(text), tag), ';')));
	if (view_equal(name, VIEW("p")) &&
	    (view_equal_nocase(value, VIEW("none")) || view_equal_nocase(value, VIEW("quarantine")) ||
	     view_equal_nocase(value, VIEW("reject"))))
		return true;
	for (size_t at = 0; at < text.length; at++)
		if (view_starts_nocase(view_from(text, at), VIEW("dmarc")))
			return true;
	return false;
}

struct view dmarc_mistake(struct view text)
{
	if (dmarc_has_typography(text))
		return VIEW("quotes or backslashes stand in it: they belong to the zone file only");
	if (!view_starts(view_trim(text), VIEW("v=DMARC1")))
		return VIEW("it does not begin with v=DMARC1");
	return VIEW("its parts are parted by semicolons: v=DMARC1; p=none");
}

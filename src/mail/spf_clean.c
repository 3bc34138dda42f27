/* What was meant to be an SPF record: without what web forms, word processors and zone files leave in it. */
#include "mail/spf.h"

enum { RECORD_MOST = 8192 };

/* What was found, the first of them to be told first. */
enum slip {
	SLIP_QUOTES,
	SLIP_ADDRESS,
	SLIP_GLUED,
	SLIP_DASH,
	SLIP_PUNCTUATION,
	SLIP_BLANK,
	SLIP_BEFORE,
	SLIP_INDENT,
	SLIP_VERSION,
	SLIP_COUNT,
};

static const struct view clauses[SLIP_COUNT] = {
	[SLIP_QUOTES] = VIEW_INIT("quotes or backslashes stand in it: they belong to the zone file only"),
	[SLIP_ADDRESS] = VIEW_INIT("an include is a name, not the address of a web page"),
	[SLIP_GLUED] = VIEW_INIT("a blank is missing between two of its terms"),
	[SLIP_DASH] = VIEW_INIT("the sign before all is a plain hyphen, right before it"),
	[SLIP_PUNCTUATION] = VIEW_INIT("its terms are parted by blanks, not by commas or semicolons"),
	[SLIP_BLANK] = VIEW_INIT("its terms are parted by plain blanks, not by tabs or line ends"),
	[SLIP_BEFORE] = VIEW_INIT("something stands before v=spf1"),
	[SLIP_INDENT] = VIEW_INIT("a blank stands before v=spf1"),
	[SLIP_VERSION] = VIEW_INIT("it must begin with v=spf1 and a blank"),
};

struct cleaning {
	struct text text;
	bool slips[SLIP_COUNT];
};

static bool one_of(char byte, struct view bytes)
{
	return view_find_byte(bytes, byte) != VIEW_NOT_FOUND;
}

static size_t find_nocase(struct view text, struct view word)
{
	for (size_t at = 0; at + word.length <= text.length; at++)
		if (view_starts_nocase(view_from(text, at), word))
			return at;
	return VIEW_NOT_FOUND;
}

/* ---- bytes */

/* UTF-8 of what word processors make of quotes, hyphens and blanks. */
static const struct {
	struct view written;
	const char *meant;
	enum slip slip;
} typography[] = {
	{ VIEW_INIT("\xe2\x80\x98"), "", SLIP_QUOTES },
	{ VIEW_INIT("\xe2\x80\x99"), "", SLIP_QUOTES },
	{ VIEW_INIT("\xe2\x80\x9c"), "", SLIP_QUOTES },
	{ VIEW_INIT("\xe2\x80\x9d"), "", SLIP_QUOTES },
	{ VIEW_INIT("\xe2\x80\x9e"), "", SLIP_QUOTES },
	{ VIEW_INIT("\""), "", SLIP_QUOTES },
	{ VIEW_INIT("'"), "", SLIP_QUOTES },
	{ VIEW_INIT("`"), "", SLIP_QUOTES },
	{ VIEW_INIT("\\"), "", SLIP_QUOTES },
	{ VIEW_INIT("\xe2\x80\x90"), "-", SLIP_DASH },
	{ VIEW_INIT("\xe2\x80\x91"), "-", SLIP_DASH },
	{ VIEW_INIT("\xe2\x80\x92"), "-", SLIP_DASH },
	{ VIEW_INIT("\xe2\x80\x93"), "-", SLIP_DASH },
	{ VIEW_INIT("\xe2\x80\x94"), "-", SLIP_DASH },
	{ VIEW_INIT("\xe2\x88\x92"), "-", SLIP_DASH },
	{ VIEW_INIT("\xc2\xa0"), " ", SLIP_BLANK },
	{ VIEW_INIT("\xe2\x80\x8b"), "", SLIP_BLANK },
	{ VIEW_INIT("\xef\xbb\xbf"), "", SLIP_BLANK },
	{ VIEW_INIT("\t"), " ", SLIP_BLANK },
	{ VIEW_INIT("\r"), " ", SLIP_BLANK },
	{ VIEW_INIT("\n"), " ", SLIP_BLANK },
	{ VIEW_INIT(","), " ", SLIP_PUNCTUATION },
	{ VIEW_INIT(";"), " ", SLIP_PUNCTUATION },
	{ VIEW_INIT("https://"), "", SLIP_ADDRESS },
	{ VIEW_INIT("http://"), "", SLIP_ADDRESS },
};

static size_t take_typography(struct cleaning *cleaning, struct view rest)
{
	for (size_t i = 0; i < sizeof(typography) / sizeof(typography[0]); i++) {
		if (!view_starts(rest, typography[i].written))
			continue;
		const struct view behind = view_from(rest, typography[i].written.length);
		if (!view_starts(behind, VIEW(" ")) || typography[i].meant[0] != ' ')
			text_add(&cleaning->text, view_of(typography[i].meant));
		cleaning->slips[typography[i].slip] = true;
		return typography[i].written.length;
	}
	return 0;
}

static void clean_bytes(struct cleaning *cleaning, struct view text)
{
	bool in_macro = false; /* %{d,} has a comma of its own */
	while (text.length > 0) {
		in_macro = view_starts(text, VIEW("%{")) || (in_macro && text.data[0] != '}');
		size_t taken = in_macro ? 0 : take_typography(cleaning, text);
		if (taken == 0) {
			text_add_byte(&cleaning->text, text.data[0]);
			taken = 1;
		}
		text = view_from(text, taken);
	}
}

/* ---- the version */

/* Where the terms begin behind something like v=spf1; VIEW_NOT_FOUND: the text is about something else. */
static size_t find_terms(struct view text)
{
	static const struct view words[] = { VIEW_INIT("v=spf1"), VIEW_INIT("spf1") };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const size_t at = find_nocase(text, words[i]);
		if (at != VIEW_NOT_FOUND && (at == 0 || one_of(text.data[at - 1], VIEW(" =:"))))
			return at + words[i].length;
	}
	if (view_starts_nocase(text, VIEW("v=spf")))
		return view_find_byte(text, ' ') == VIEW_NOT_FOUND ? text.length : view_find_byte(text, ' ');
	return VIEW_NOT_FOUND;
}

static struct view take_version(struct cleaning *cleaning, struct view text, struct text *record)
{
	const size_t at = find_terms(text);
	if (at == VIEW_NOT_FOUND)
		return VIEW_NONE;
	if (spf_is_record(text)) {
		text_add(record, view_first(text, at));
		return view_from(text, at);
	}
	const size_t version = find_nocase(text, VIEW("v=spf1 "));
	const bool is_indented = version != VIEW_NOT_FOUND && view_trim(view_first(text, version)).length == 0;
	const bool is_behind = version != VIEW_NOT_FOUND && version > 0;
	cleaning->slips[is_behind ? (is_indented ? SLIP_INDENT : SLIP_BEFORE) : SLIP_VERSION] = true;
	struct view rest = view_from(text, at);
	while (rest.length > 0 && one_of(rest.data[0], VIEW(" =:.")))
		rest = view_from(rest, 1);
	text_add(record, rest.length > 0 ? VIEW("v=spf1 ") : VIEW("v=spf1"));
	return rest;
}

/* ---- terms */

/* How much of the word is one term: behind it another one stands without a blank between. */
static size_t term_length(struct view word)
{
	static const struct view starts[] = { VIEW_INIT("include:"),  VIEW_INIT("ip4:"),    VIEW_INIT("ip6:"),
		                                  VIEW_INIT("redirect="), VIEW_INIT("exists:"), VIEW_INIT("v=spf1") };
	const size_t qualifier = one_of(word.data[0], VIEW("+-~?")) ? 1 : 0;
	for (size_t at = qualifier + 1; at < word.length; at++)
		for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
			if (view_starts_nocase(view_from(word, at), starts[i]))
				return at - (at > qualifier + 1 && one_of(word.data[at - 1], VIEW("+-~?")) ? 1 : 0);
	const size_t all = word.length > 4 ? word.length - 4 : 0;
	if (all > 0 && one_of(word.data[all], VIEW("-~?")) && view_ends_nocase(word, VIEW("all")))
		return all;
	return word.length;
}

/* "-all" with something at its end. */
static bool is_overgrown_all(struct view word)
{
	return word.length > 4 && one_of(word.data[0], VIEW("-~?")) &&
	       view_starts_nocase(view_from(word, 1), VIEW("all"));
}

static void add_word(struct cleaning *cleaning, struct view word, struct text *record)
{
	while (word.length > 0) {
		const size_t length = term_length(word);
		const bool is_all = length == word.length && is_overgrown_all(word);
		cleaning->slips[SLIP_GLUED] = cleaning->slips[SLIP_GLUED] || length < word.length || is_all;
		text_add(record, view_first(word, is_all ? 4 : length));
		word = view_from(word, length);
		if (word.length > 0)
			text_add_byte(record, ' ');
	}
}

static void clean_terms(struct cleaning *cleaning, struct view terms, struct text *record)
{
	while (terms.length > 0) {
		if (terms.data[0] == ' ') {
			text_add_byte(record, ' ');
			terms = view_from(terms, 1);
			continue;
		}
		const struct view word = view_first(terms, view_find_byte(terms, ' '));
		const struct view behind = view_from(terms, word.length);
		const struct view next = view_trim(behind);
		add_word(cleaning, word, record);
		terms = behind;
		/* "- all" */
		if (word.length == 1 && one_of(word.data[0], VIEW("-~?")) && view_starts_nocase(next, VIEW("all"))) {
			cleaning->slips[SLIP_DASH] = true;
			terms = next;
		}
	}
}

static struct view clause_of(const struct cleaning *cleaning)
{
	for (size_t i = 0; i < SLIP_COUNT; i++)
		if (cleaning->slips[i])
			return clauses[i];
	return VIEW_NONE;
}

struct view spf_clean(struct view text, struct arena *arena, struct view *clause)
{
	struct cleaning cleaning = { .text = TEXT_LIMIT(RECORD_MOST) };
	struct text record = TEXT_LIMIT(2 * RECORD_MOST);
	struct view cleaned = VIEW_NONE;
	*clause = VIEW_NONE;
	clean_bytes(&cleaning, text);
	const struct view terms = take_version(&cleaning, text_view(&cleaning.text), &record);
	if (record.length > 0 && !cleaning.text.overflow) {
		clean_terms(&cleaning, terms, &record);
		cleaned = arena_copy(arena, text_view(&record));
		*clause = clause_of(&cleaning);
	}
	text_deinit(&record);
	text_deinit(&cleaning.text);
	return cleaned;
}

#include "mail/spf.h"

enum term_kind { TERM_MECHANISM, TERM_MODIFIER };

struct term {
	char qualifier; /* + - ~ ? ; + when none was written */
	struct view name;
	struct view value; /* after : or =, with a / of a prefix length */
	enum term_kind kind;
	struct view text;
};

static bool is_spf(struct view text)
{
	static const struct view version = VIEW_INIT("v=spf1");
	return view_starts_nocase(text, version) && (text.length == version.length || text.data[version.length] == ' ');
}

static bool next_term(struct view *rest, struct term *term)
{
	*rest = view_trim(*rest);
	if (rest->length == 0)
		return false;
	const struct view word = view_first(*rest, view_find_byte(*rest, ' '));
	*rest = view_from(*rest, word.length);
	struct view body = word;
	*term = (struct term){ .qualifier = '+', .text = word };
	if (view_find_byte(VIEW("+-~?"), body.data[0]) != VIEW_NOT_FOUND) {
		term->qualifier = body.data[0];
		body = view_from(body, 1);
	}
	size_t length = 0;
	while (length < body.length &&
	       (byte_is_alnum(body.data[length]) || view_find_byte(VIEW("-_."), body.data[length]) != VIEW_NOT_FOUND))
		length++;
	term->name = view_first(body, length);
	term->value = view_from(body, length);
	term->kind = view_starts(term->value, VIEW("=")) ? TERM_MODIFIER : TERM_MECHANISM;
	if (view_starts(term->value, VIEW("=")) || view_starts(term->value, VIEW(":")))
		term->value = view_from(term->value, 1);
	return true;
}

/* RFC 7208 12: mechanisms are known or the record is broken; modifiers may be unknown. */
static bool term_is_known(const struct term *term)
{
	static const struct view mechanisms[] = {
		VIEW_INIT("all"), VIEW_INIT("include"), VIEW_INIT("a"),   VIEW_INIT("mx"),
		VIEW_INIT("ptr"), VIEW_INIT("ip4"),     VIEW_INIT("ip6"), VIEW_INIT("exists"),
	};
	if (term->kind == TERM_MODIFIER)
		return term->name.length > 0 && byte_is_alpha(term->name.data[0]);
	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++)
		if (view_equal_nocase(term->name, mechanisms[i]))
			return i != 1 || term->value.length > 0;
	return false;
}

static bool same_domain(struct view a, struct view b)
{
	if (view_ends(a, VIEW(".")))
		a = view_first(a, a.length - 1);
	return view_equal_nocase(a, b);
}

static bool is_all(const struct term *term)
{
	return term->kind == TERM_MECHANISM && view_equal_nocase(term->name, VIEW("all"));
}

static bool is_include(const struct term *term)
{
	return term->kind == TERM_MECHANISM && term->qualifier == '+' && view_equal_nocase(term->name, VIEW("include"));
}

/* Does include:NAME stand in the record, before any all? */
static bool record_includes(struct view record, struct view include)
{
	struct view rest = view_from(record, 6);
	struct term term;
	while (next_term(&rest, &term) && !is_all(&term))
		if (is_include(&term) && same_domain(term.value, include))
			return true;
	return false;
}

static void record_find(const struct txt_answer *answer, struct view *first, struct view *second)
{
	*first = VIEW_NONE;
	*second = VIEW_NONE;
	for (size_t i = 0; i < answer->count; i++) {
		if (!is_spf(answer->texts[i]))
			continue;
		if (first->data == NULL)
			*first = answer->texts[i];
		else if (second->data == NULL)
			*second = answer->texts[i];
	}
}

static bool record_is_broken(struct view record, struct arena *arena, struct spf_finding *finding)
{
	struct view rest = view_from(record, 6);
	struct term term;
	while (next_term(&rest, &term)) {
		if (term_is_known(&term)) {
			if (is_all(&term) && term.qualifier == '+')
				finding->warning = VIEW("+all lets anybody send as this domain; receivers distrust it");
			continue;
		}
		finding->detail = arena_print(arena, "\"%.*s\" is not an SPF term", VIEW_PRINT(view_first(term.text, 100)));
		return true;
	}
	return false;
}

/* Their record with our include before the first all (or redirect), the rest byte for byte. */
static struct view replacement_of(struct view record, struct view include, struct arena *arena)
{
	if (record.length == 0)
		return arena_print(arena, "v=spf1 include:%.*s -all", VIEW_PRINT(include));
	struct view rest = view_from(record, 6);
	struct term term;
	size_t at = record.length;
	while (next_term(&rest, &term)) {
		const bool ends =
			is_all(&term) || (term.kind == TERM_MODIFIER && view_equal_nocase(term.name, VIEW("redirect")));
		if (!ends)
			continue;
		at = (size_t)(term.text.data - record.data);
		break;
	}
	const struct view before = view_trim(view_first(record, at));
	const struct view after = view_trim(view_from(record, at));
	return arena_print(arena, "%.*s include:%.*s%s%.*s", VIEW_PRINT(before), VIEW_PRINT(include),
	                   after.length > 0 ? " " : "", VIEW_PRINT(after));
}

/* One level of nesting: a record that theirs includes may include us. */
static enum spf_admission admit_nested(const struct txt_lookup *lookup, struct view include, struct arena *arena,
                                       struct spf_finding *finding)
{
	struct view rest = view_from(finding->record, 6);
	struct term term;
	unsigned lookups = 0;
	enum spf_admission result = SPF_NOT_INCLUDED;
	while (next_term(&rest, &term) && !is_all(&term) && lookups < SPF_LOOKUPS_MOST) {
		struct txt_answer answer = { 0 };
		struct view first;
		struct view second;
		/* A macro in the name depends on the mail; the full evaluation knows what to do with it. */
		if (!is_include(&term) || view_find_byte(term.value, '%') != VIEW_NOT_FOUND)
			continue;
		lookups++;
		lookup->txt(lookup->context, term.value, arena, &answer);
		if (answer.status == TXT_FAILED) {
			result = SPF_LATER;
			finding->detail =
				arena_print(arena, "%.*s: %.*s", VIEW_PRINT(view_first(term.value, 253)), VIEW_PRINT(answer.detail));
			continue;
		}
		record_find(&answer, &first, &second);
		if (first.data != NULL && second.data == NULL && record_includes(first, include))
			return SPF_ADMITTED;
	}
	return result;
}

void spf_admit(const struct txt_lookup *lookup, struct view domain, struct view include, struct arena *arena,
               struct spf_finding *finding)
{
	struct txt_answer answer = { 0 };
	*finding = (struct spf_finding){ .admission = SPF_NO_RECORD };
	lookup->txt(lookup->context, domain, arena, &answer);
	if (answer.status == TXT_FAILED) {
		finding->admission = SPF_LATER;
		finding->detail = answer.detail;
		return;
	}
	record_find(&answer, &finding->record, &finding->second);
	finding->replacement = replacement_of(finding->record, include, arena);
	if (finding->record.data == NULL)
		return;
	if (finding->second.data != NULL)
		finding->admission = SPF_SEVERAL;
	else if (record_is_broken(finding->record, arena, finding))
		finding->admission = SPF_BROKEN;
	else if (record_includes(finding->record, include))
		finding->admission = SPF_ADMITTED;
	else
		finding->admission = admit_nested(lookup, include, arena, finding);
}

/* Admission: is this service included, and what should the record say instead? */
#include "mail/spf.h"

enum { RECORD_MOST = 8192, SHOWN_MOST = 100 };

static bool same_domain(struct view a, struct view b)
{
	if (view_ends(a, VIEW(".")))
		a = view_first(a, a.length - 1);
	return view_equal_nocase(a, b);
}

static bool includes(const struct spf_term *term, struct view include)
{
	return term->kind == SPF_INCLUDE && same_domain(term->domain, include);
}

/* Does include:NAME stand in the record, before any all? A broken record includes nothing: receivers make a permanent
 * error of it. */
static bool record_includes(struct view record, struct view include)
{
	struct spf_walk walk = spf_walk_of(record);
	struct spf_term term;
	enum spf_step step;
	bool found = false;
	bool after_all = false;
	while ((step = spf_next(&walk, &term)) == SPF_TERM) {
		after_all = after_all || term.kind == SPF_ALL;
		found = found || (!after_all && term.qualifier == '+' && includes(&term, include));
	}
	return found && step == SPF_END;
}

/* The records among the texts; how many there are. */
static size_t records_find(const struct txt_answer *answer, struct view *records, size_t most)
{
	size_t count = 0;
	for (size_t i = 0; i < answer->count && count < most; i++)
		if (spf_is_record(answer->texts[i]))
			records[count++] = answer->texts[i];
	return count;
}

/* Where there is none: what was meant to be one. */
static void meant_find(const struct txt_answer *answer, struct arena *arena, struct spf_finding *finding)
{
	for (size_t i = 0; i < answer->count && finding->record_count < SPF_RECORDS_MOST; i++) {
		struct view clause;
		if (spf_clean(answer->texts[i], arena, &clause).length == 0)
			continue;
		if (finding->record_count == 0)
			finding->mistake = clause;
		finding->records[finding->record_count++] = answer->texts[i];
	}
}

static bool record_is_broken(struct view record, struct arena *arena, struct spf_finding *finding)
{
	struct spf_walk walk = spf_walk_of(record);
	struct spf_term term;
	enum spf_step step;
	while ((step = spf_next(&walk, &term)) == SPF_TERM)
		if (term.kind == SPF_ALL && term.qualifier == '+')
			finding->warning = VIEW("+all lets anybody send as this domain; receivers distrust it");
	if (step == SPF_END)
		return false;
	struct text shown = TEXT_LIMIT(5 * SHOWN_MOST);
	text_add_printable(&shown, term.text, SHOWN_MOST);
	finding->detail = arena_print(arena, "\"%s\" is not an SPF term", text_cstring(&shown));
	text_deinit(&shown);
	return true;
}

/* ---- a record that would pass */

struct merging {
	struct text text;
	struct arena *arena;
	struct view include;
	const struct view *dead; /* includes that lead nowhere */
	size_t dead_count;
	bool included; /* as it should be */
	bool redirected;
};

/* What people write and what they mean; taken only where a term comes of it. */
static const struct {
	struct view written, meant;
} spellings[] = {
	{ VIEW_INIT("ipv4:"), VIEW_INIT("ip4:") },
	{ VIEW_INIT("ipv6:"), VIEW_INIT("ip6:") },
	{ VIEW_INIT("ip:"), VIEW_INIT("ip4:") },
	{ VIEW_INIT("ip:"), VIEW_INIT("ip6:") },
	{ VIEW_INIT("ip4="), VIEW_INIT("ip4:") },
	{ VIEW_INIT("ip6="), VIEW_INIT("ip6:") },
	{ VIEW_INIT("ip4:"), VIEW_INIT("ip6:") },
	{ VIEW_INIT("ip6:"), VIEW_INIT("ip4:") },
	{ VIEW_INIT("include="), VIEW_INIT("include:") },
	{ VIEW_INIT("includes:"), VIEW_INIT("include:") },
	{ VIEW_INIT("inlcude:"), VIEW_INIT("include:") },
	{ VIEW_INIT("redirect:"), VIEW_INIT("redirect=") },
	{ VIEW_INIT(""), VIEW_INIT("ip4:") },
	{ VIEW_INIT(""), VIEW_INIT("ip6:") },
};

static bool mend(struct spf_term *term, struct arena *arena)
{
	static const struct view version = VIEW_INIT("v=spf1 ");
	const bool is_qualified =
		term->text.length > 0 && view_find_byte(VIEW("+-~?"), term->text.data[0]) != VIEW_NOT_FOUND;
	const struct view qualifier = view_first(term->text, is_qualified ? 1 : 0);
	const struct view word = view_from(term->text, qualifier.length);
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		if (!view_starts_nocase(word, spellings[i].written))
			continue;
		const struct view rest = view_from(word, spellings[i].written.length);
		struct spf_walk walk =
			spf_walk_of(arena_print(arena, "%.*s%.*s%.*s%.*s", VIEW_PRINT(version), VIEW_PRINT(qualifier),
		                            VIEW_PRINT(spellings[i].meant), VIEW_PRINT(rest)));
		if (spf_next(&walk, term) == SPF_TERM && term->kind != SPF_UNKNOWN)
			return true;
	}
	return false;
}

/* The next term, as it is meant where that is plain; blanks: what stands before it. */
static enum spf_step next_meant(struct spf_walk *walk, struct arena *arena, struct view *blanks,
                                struct spf_term *term)
{
	const struct view before = walk->rest;
	const enum spf_step step = spf_next(walk, term);
	*blanks = view_first(before, before.length - walk->rest.length - (step == SPF_END ? 0 : term->text.length));
	return step == SPF_MALFORMED && mend(term, arena) ? SPF_TERM : step;
}

static bool leads_nowhere(const struct merging *merging, const struct spf_term *term)
{
	for (size_t i = 0; i < merging->dead_count; i++)
		if ((term->kind == SPF_INCLUDE || term->kind == SPF_REDIRECT) &&
		    view_equal_nocase(term->domain, merging->dead[i]))
			return true;
	return false;
}

/* What must not stay: terms that break the record, as a second redirect does (RFC 7208 6), and our own include where
 * it does nothing. */
static bool is_to_go(struct merging *merging, const struct spf_term *term, enum spf_step step, bool after_all)
{
	if (step == SPF_MALFORMED || leads_nowhere(merging, term))
		return true;
	if (term->kind == SPF_REDIRECT) {
		const bool again = merging->redirected;
		merging->redirected = true;
		return again;
	}
	if (!includes(term, merging->include))
		return false;
	const bool works = !after_all && term->qualifier == '+' && !merging->included;
	merging->included = merging->included || works;
	return !works;
}

static bool has_word(const struct text *text, struct view word)
{
	struct view rest = text_view(text);
	struct view part;
	while (view_split(&rest, ' ', &part))
		if (view_equal_nocase(part, word))
			return true;
	return false;
}

/* The terms before the first all or redirect. *walk stands there afterwards. */
static void merge_head(struct merging *merging, struct view record, bool again, struct spf_walk *walk)
{
	struct spf_term term;
	struct view blanks;
	*walk = spf_walk_of(record);
	for (;;) {
		const struct spf_walk here = *walk;
		const enum spf_step step = next_meant(walk, merging->arena, &blanks, &term);
		if (step == SPF_END)
			return;
		if (step == SPF_TERM && (term.kind == SPF_ALL || term.kind == SPF_REDIRECT)) {
			*walk = here;
			return;
		}
		if (is_to_go(merging, &term, step, false) ||
		    (again && (term.kind == SPF_EXP || has_word(&merging->text, term.text))))
			continue;
		text_add(&merging->text, again ? VIEW(" ") : blanks);
		text_add(&merging->text, term.text);
	}
}

static void merge_tail(struct merging *merging, struct spf_walk *walk)
{
	struct spf_term term;
	struct view blanks;
	enum spf_step step;
	bool after_all = false;
	while ((step = next_meant(walk, merging->arena, &blanks, &term)) != SPF_END) {
		after_all = after_all || (step == SPF_TERM && term.kind == SPF_ALL);
		if (is_to_go(merging, &term, step, after_all))
			continue;
		text_add(&merging->text, blanks);
		text_add(&merging->text, term.text);
	}
}

/* The records' terms before all, each once, our include, and all as the first that has one says it. */
static void merge(struct merging *merging, const struct view *records, size_t count)
{
	struct spf_walk tail;
	for (size_t i = 0; i < count; i++) {
		struct spf_walk next;
		merge_head(merging, records[i], i > 0, &next);
		/* A modifier that may come once has perhaps come in the first. */
		next.has_exp = next.has_exp || (i > 0 && tail.has_exp);
		if (i == 0 || tail.rest.length == 0)
			tail = next;
	}
	if (!merging->included)
		text_print(&merging->text, " include:%.*s", VIEW_PRINT(merging->include));
	merging->included = true;
	merge_tail(merging, &tail);
}

/* Their record with our include before the first all (or redirect), the rest byte for byte; other records' terms
 * join the first one's. */
struct view spf_replacement(const struct spf_finding *finding, struct view include, const struct view *dead,
                            size_t dead_count, struct arena *arena)
{
	const struct view simple = arena_print(arena, "v=spf1 include:%.*s -all", VIEW_PRINT(include));
	struct view cleaned[SPF_RECORDS_MOST];
	struct merging merging = {
		.text = TEXT_LIMIT(RECORD_MOST), .arena = arena, .include = include, .dead = dead, .dead_count = dead_count
	};
	for (size_t i = 0; i < finding->record_count; i++) {
		struct view clause;
		cleaned[i] = spf_clean(finding->records[i], arena, &clause);
		if (cleaned[i].length == 0)
			return simple;
	}
	if (finding->record_count == 0)
		return simple;
	text_add(&merging.text, view_first(cleaned[0], cleaned[0].length - spf_walk_of(cleaned[0]).rest.length));
	merge(&merging, cleaned, finding->record_count);
	const struct view merged = merging.text.overflow ? simple : arena_copy(arena, text_view(&merging.text));
	text_deinit(&merging.text);
	return merged;
}

/* ---- admission */

/* One level of nesting: a record that theirs includes may include us. */
static enum spf_admission admit_nested(const struct txt_lookup *lookup, struct view include, struct arena *arena,
                                       struct spf_finding *finding)
{
	struct spf_walk walk = spf_walk_of(finding->record);
	struct spf_term term;
	unsigned lookups = 0;
	enum spf_admission result = SPF_NOT_INCLUDED;
	while (spf_next(&walk, &term) == SPF_TERM && term.kind != SPF_ALL && lookups < SPF_LOOKUPS_MOST) {
		struct txt_answer answer = { 0 };
		struct view records[2];
		/* A macro in the name depends on the mail; the full evaluation knows what to do with it. */
		if (term.kind != SPF_INCLUDE || term.qualifier != '+' || view_find_byte(term.domain, '%') != VIEW_NOT_FOUND)
			continue;
		lookups++;
		lookup->txt(lookup->context, term.domain, arena, &answer);
		if (answer.status == TXT_FAILED) {
			result = SPF_LATER;
			finding->detail = arena_print(arena, "%.*s: %.*s", VIEW_PRINT(term.domain), VIEW_PRINT(answer.detail));
			continue;
		}
		if (records_find(&answer, records, 2) == 1 && record_includes(records[0], include))
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
	finding->record_count = records_find(&answer, finding->records, SPF_RECORDS_MOST);
	const bool has_record = finding->record_count > 0;
	if (!has_record)
		meant_find(&answer, arena, finding);
	finding->replacement = spf_replacement(finding, include, NULL, 0, arena);
	if (finding->record_count == 0)
		return;
	finding->record = finding->records[0];
	if (has_record)
		spf_clean(finding->record, arena, &finding->mistake);
	if (!has_record)
		finding->admission = SPF_MISWRITTEN;
	else if (finding->record_count > 1)
		finding->admission = SPF_SEVERAL;
	else if (record_is_broken(finding->record, arena, finding))
		finding->admission = SPF_BROKEN;
	else if (record_includes(finding->record, include))
		finding->admission = SPF_ADMITTED;
	else
		finding->admission = admit_nested(lookup, include, arena, finding);
}

struct view spf_of_old_type(const struct dns_lookup *lookup, struct view domain, struct arena *arena)
{
	struct lookup_answer answer = { 0 };
	lookup->lookup(lookup->context, domain, LOOKUP_SPF, arena, &answer);
	for (size_t i = 0; answer.status == TXT_FOUND && i < answer.count; i++)
		if (spf_is_record(answer.records[i]))
			return answer.records[i];
	return VIEW_NONE;
}

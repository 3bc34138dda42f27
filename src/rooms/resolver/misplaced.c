/* For the doctor, of a check that failed: the right record at a wrong name, a wildcard or an alias in its way, a
 * domain that is not there. */
#include "mail/dmarc.h"
#include "mail/domain.h"
#include "mail/spf.h"
#include "mail/token.h"
#include "rooms/resolver/finding.h"

enum { PLACES_MOST = 16 };

struct place {
	struct view name;
	bool is_wildcard;
	struct txt_answer answer;
};

struct search {
	struct resolver *resolver;
	const struct who *who;
	struct finding *finding;
	struct arena *arena;
	struct place places[PLACES_MOST];
	size_t count;
};

struct errand_to {
	struct search *search;
	struct place *place;
};

static void look_at(void *argument)
{
	const struct errand_to *errand = argument;
	const struct who *who = errand->search->who;
	struct lookup_context context = { errand->search->resolver, FRESH_NOW, who->errand, who->server, who->domain };
	lookup_txt(&context, errand->place->name, errand->search->arena, &errand->place->answer);
}

/* All at once: there are many, and somebody waits. */
static void look_everywhere(struct search *search)
{
	struct errand_to errands[PLACES_MOST];
	struct task_group group;
	task_group_init(&group);
	for (size_t i = 0; i < search->count; i++) {
		errands[i] = (struct errand_to){ search, &search->places[i] };
		task_group_start(&group, search->resolver->world, "place", look_at, &errands[i]);
	}
	if (task_group_wait(&group, NEVER_DUE) == WAIT_DONE)
		return;
	task_group_cancel(&group);
	while (!list_is_empty(&group.tasks))
		task_group_wait(&group, NEVER_DUE);
}

/* ---- where people put it */

static void add_place(struct search *search, struct view before, struct view name)
{
	const bool is_wildcard = view_starts(before, VIEW("*."));
	if (search->count < PLACES_MOST)
		search->places[search->count++] = (struct place){
			.name = arena_print(search->arena, "%.*s%.*s", VIEW_PRINT(before), VIEW_PRINT(name)),
			.is_wildcard = is_wildcard,
		};
}

static struct view in_words(struct search *search, const char *format, struct view word)
{
	struct text text = TEXT_LIMIT(512);
	for (; *format != '\0'; format++)
		if (*format == '$')
			text_add(&text, word);
		else
			text_add_byte(&text, *format);
	const struct view copy = arena_copy(search->arena, text_view(&text));
	text_deinit(&text);
	return copy;
}

/* $ is the DKIM selector, of a token's places its prefix. */
static const char *const places_before[CHECK_COUNT][PLACES_MOST] = {
	[CHECK_TOKEN] = { "*.", "www.", "@.", "$.", "_$.", "_dmarc.", "_domainkey." },
	[CHECK_SPF] = { "*.", "www.", "@.", "_spf.", "spf.", "_dmarc.", "_domainkey." },
	[CHECK_DKIM] = { "*.", "*._domainkey.", "$.", "_domainkey.", "", "$._domainkey.www.", "$._domainkey.@.",
	                 "$.domainkey.", "_domainkey.$.", "$._dkim.", "default._domainkey.", "dkim._domainkey.",
	                 "mail._domainkey." },
	[CHECK_DMARC] = { "*.", "", "dmarc.", "_dmarc.www.", "_dmarc.@.", "$._domainkey.", "_domainkey." },
};

static void add_places(struct search *search)
{
	const struct finding *finding = search->finding;
	const struct config *config = *search->resolver->config;
	const struct view domain = search->who->domain;
	const struct view selector = finding->check == CHECK_DKIM
	                                 ? view_first(finding->name, view_find_byte(finding->name, '.'))
	                                 : config->service.dkim_selector;
	/* Zones add their own name to a name without a dot at its end, and forms of providers do so too. */
	add_place(search, VIEW_NONE,
	          arena_print(search->arena, "%.*s.%.*s", VIEW_PRINT(finding->name), VIEW_PRINT(domain)));
	for (size_t i = 0; i < PLACES_MOST && places_before[finding->check][i] != NULL; i++) {
		const struct view word = finding->check == CHECK_TOKEN ? config->service.token_prefix : selector;
		add_place(search, in_words(search, places_before[finding->check][i], word), domain);
	}
	if (finding->check == CHECK_TOKEN || finding->check == CHECK_SPF)
		add_place(search, in_words(search, "$._domainkey.", selector), domain);
	if (finding->check == CHECK_TOKEN && name_label_count(domain) > 2)
		add_place(search, VIEW_NONE, name_parent(domain));
}

/* ---- is it the one? */

static bool contains_key(struct view text, struct view expected)
{
	enum { COMMON = 48, TOLD_BY = 64 }; /* all RSA keys begin alike */
	const struct view key = view_from(expected, view_find(expected, VIEW("p=")) + 2);
	const struct view part = key.length > COMMON + TOLD_BY ? view_slice(key, COMMON, TOLD_BY) : key;
	return view_find(text, part) != VIEW_NOT_FOUND;
}

static bool is_our_spf(struct view text, struct view include, struct arena *arena)
{
	const struct spf_finding finding = { .records = { text }, .record_count = 1 };
	return spf_is_record(text) && view_equal(spf_replacement(&finding, include, NULL, 0, arena), text);
}

static bool is_meant_for(const struct search *search, struct view text)
{
	const struct finding *finding = search->finding;
	switch (finding->check) {
	case CHECK_TOKEN:
		return token_matches(text, finding->expected) ||
		       view_equal(view_trim(text), view_from(finding->expected, view_find_byte(finding->expected, '=') + 1));
	case CHECK_SPF:
		return is_our_spf(text, (*search->resolver->config)->service.spf_include, search->arena);
	case CHECK_DKIM:
		return contains_key(text, finding->expected);
	case CHECK_DMARC:
		return view_starts_nocase(text, VIEW("v=DMARC1"));
	}
	return false;
}

/* What is seen comes from the wildcard: nothing is to be replaced. */
static bool is_wildcards(const struct search *search, const struct place *place, struct view text)
{
	return place->is_wildcard && search->finding->seen_count > 0 && view_equal(search->finding->seen[0], text) &&
	       !view_equal(search->finding->name, search->who->domain);
}

static void tell_wildcard(struct search *search, const struct place *place)
{
	search->finding->replaces = false;
	search->finding->detail =
		arena_print(search->arena, "what is seen is a wildcard record, %.*s: a record at %.*s itself goes before it",
	                VIEW_PRINT(place->name), VIEW_PRINT(search->finding->name));
}

static void tell_place(struct search *search, const struct place *place, struct view text)
{
	struct finding *finding = search->finding;
	const struct view domain = search->who->domain;
	if (finding->check == CHECK_DMARC)
		finding->fix = dmarc_mend(text, search->arena);
	if (place->is_wildcard)
		finding->detail =
			arena_print(search->arena, "the record stands at %.*s, which does not stand for %.*s itself",
		                VIEW_PRINT(place->name), VIEW_PRINT(finding->name));
	else if (finding->check == CHECK_TOKEN && view_equal(place->name, name_parent(domain)))
		finding->detail = arena_print(search->arena, "the token of %.*s does not count for %.*s, which needs its own",
		                              VIEW_PRINT(place->name), VIEW_PRINT(domain));
	else
		finding->detail = arena_print(search->arena, "the record stands at %.*s; it belongs at %.*s",
		                              VIEW_PRINT(place->name), VIEW_PRINT(finding->name));
}

static bool tell_if_it_is(struct search *search, const struct place *place)
{
	for (size_t i = 0; i < place->answer.count; i++) {
		const struct view text = place->answer.texts[i];
		if (is_wildcards(search, place, text)) {
			tell_wildcard(search, place);
			return true;
		}
		if (is_meant_for(search, text)) {
			tell_place(search, place, text);
			return true;
		}
	}
	return false;
}

/* A wildcard answers for every name below it: it is looked at before them. */
void find_misplaced(struct resolver *resolver, const struct who *who, struct arena *arena, struct finding *finding)
{
	struct search *search = ARENA_NEW(arena, struct search);
	*search = (struct search){ .resolver = resolver, .who = who, .finding = finding, .arena = arena };
	if (finding->state != STATE_FAIL || finding->name.length == 0 || finding->remove.length > 0)
		return;
	add_places(search);
	look_everywhere(search);
	for (unsigned wildcards = 2; wildcards-- > 0;)
		for (size_t i = 0; i < search->count; i++)
			if (search->places[i].is_wildcard == (wildcards == 1) && tell_if_it_is(search, &search->places[i]))
				return;
}

/* ---- what stands in the way */

/* Beside it nothing can stand. At the domain itself it carries more than mail, and SPF is found behind it. */
static void tell_domains_alias(const struct who *who, const struct txt_answer *answer, struct arena *arena,
                               struct finding *finding)
{
	const bool is_told_first = finding->check == CHECK_TOKEN || who->account.length == 0;
	if (finding->check != CHECK_TOKEN && finding->state != STATE_FAIL && who->account.length == 0)
		return;
	if (is_told_first)
		finding->remove = arena_print(arena, "%.*s CNAME %.*s", VIEW_PRINT(who->domain), VIEW_PRINT(answer->alias));
	if (finding->state == STATE_FAIL) {
		finding->replaces = false;
		finding->detail = arena_print(
			arena, "the domain is an alias (CNAME) of %.*s, and %s: put the addresses (A, AAAA) of %.*s in its place",
			VIEW_PRINT(answer->alias),
			finding->check == CHECK_TOKEN ? "a token behind one does not count, nor can one stand beside it"
										  : "nothing can stand beside it",
			VIEW_PRINT(answer->alias));
		return;
	}
	finding->state = STATE_WARN;
	finding->replaces = false;
	finding->fix = finding->expected;
	finding->detail =
		arena_print(arena, "%.*s, but behind the alias that has to go for the token", VIEW_PRINT(finding->detail));
}

/* RFC 6376 3.6.2.2: which of several a receiver takes is not said. */
static void tell_others_beside_key(struct arena *arena, struct finding *finding)
{
	finding->state = STATE_WARN;
	finding->replaces = true;
	finding->fix = finding->expected;
	finding->detail =
		arena_print(arena, "%.*s, but %zu records stand at the name, and receivers may take any of them",
	                VIEW_PRINT(finding->detail), finding->seen_count);
}

void find_obstacle(struct resolver *resolver, const struct who *who, struct arena *arena, struct finding *finding)
{
	struct lookup_context context = { resolver, FRESH_NOW, who->errand, who->server, who->domain };
	struct txt_answer answer;
	const bool is_domain = view_equal(finding->name, who->domain);
	if (finding->check == CHECK_DKIM && finding->state == STATE_PASS && finding->seen_count > 1)
		tell_others_beside_key(arena, finding);
	if (finding->name.length == 0 || finding->state == STATE_UNKNOWN || (!is_domain && finding->state != STATE_FAIL))
		return;
	lookup_txt(&context, finding->name, arena, &answer);
	if (is_domain && answer.through_alias) {
		tell_domains_alias(who, &answer, arena, finding);
	} else if (answer.through_alias) {
		finding->replaces = false;
		finding->remove = arena_print(arena, "%.*s CNAME %.*s", VIEW_PRINT(finding->name), VIEW_PRINT(answer.alias));
		finding->detail =
			arena_print(arena, "an alias (CNAME) stands at the name, and nothing can stand beside it: %.*s",
		                VIEW_PRINT(finding->detail));
	} else if (is_domain && answer.no_such_name &&
	           name_label_count(who->domain) == 2) { /* one below may be made yet */
		finding->detail =
			arena_print(arena, "DNS knows no domain %.*s: is it spelled right, registered and delegated?",
		                VIEW_PRINT(who->domain));
	}
}

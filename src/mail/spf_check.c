#include "mail/spf_check.h"

#include "base/bytes.h"
#include "mail/spf.h"
#include "mail/spf_name.h"

enum { EXPANDED_MOST = 4096, EXPLANATION_MOST = 2048, LINE_MOST = 600 };

static const char *const result_names[] = {
	[SPF_NONE] = "none",         [SPF_NEUTRAL] = "neutral",     [SPF_PASS] = "pass",           [SPF_FAIL] = "fail",
	[SPF_SOFTFAIL] = "softfail", [SPF_TEMPERROR] = "temperror", [SPF_PERMERROR] = "permerror",
};

const char *spf_result_name(enum spf_result result)
{
	return result_names[result];
}

/* One evaluation, whatever it includes. */
struct check {
	const struct dns_lookup *lookup;
	struct arena *arena;
	struct spf_client client;
	struct spf_outcome *outcome;
	struct view sender;
	bool explaining; /* the result is there */
	bool failed;     /* temperror or permerror: outcome->problem says why */
	enum spf_result failure;
};

/* One record. */
struct level {
	struct check *check;
	struct view domain;
	unsigned depth; /* 0: the sender's */
	struct view explanation;
};

__attribute__((format(printf, 2, 3))) static void trace(struct check *check, const char *format, ...)
{
	struct spf_outcome *outcome = check->outcome;
	struct text line = TEXT_LIMIT((size_t)4 * LINE_MOST);
	struct text safe = TEXT_LIMIT((size_t)8 * LINE_MOST);
	va_list arguments;
	va_start(arguments, format);
	text_vprint(&line, format, arguments);
	va_end(arguments);
	text_add_printable(&safe, text_view(&line), LINE_MOST);
	if (outcome->trace_count < SPF_TRACE_MOST)
		outcome->trace[outcome->trace_count++] = arena_copy(check->arena, text_view(&safe));
	text_deinit(&line);
	text_deinit(&safe);
}

static void fail(struct check *check, enum spf_result failure, struct view problem)
{
	if (check->failed)
		return;
	check->failed = true;
	check->failure = failure;
	check->outcome->problem = problem;
	trace(check, "%s: %.*s", spf_result_name(failure), VIEW_PRINT(problem));
}

static struct view printable(struct check *check, struct view text)
{
	struct text safe = TEXT_LIMIT((size_t)8 * LINE_MOST);
	text_add_printable(&safe, text, LINE_MOST);
	const struct view copy = arena_copy(check->arena, text_view(&safe));
	text_deinit(&safe);
	return copy;
}

/* ---- look-ups */

static const char *const type_names[] = {
	[LOOKUP_A] = "A",     [LOOKUP_AAAA] = "AAAA", [LOOKUP_MX] = "MX",
	[LOOKUP_PTR] = "PTR", [LOOKUP_TXT] = "TXT",   [LOOKUP_SPF] = "SPF",
};

/* A name that DNS has told, and as it writes it. FAILED also when nothing may be asked any more. */
static void ask_told(struct check *check, struct view name, enum lookup_type type, struct lookup_answer *answer)
{
	struct spf_outcome *outcome = check->outcome;
	*answer = (struct lookup_answer){ .status = TXT_FAILED };
	if (check->failed)
		return;
	if (outcome->queries == SPF_QUERIES_MOST) {
		fail(check, SPF_PERMERROR, arena_print(check->arena, "more than %d queries", SPF_QUERIES_MOST));
		return;
	}
	outcome->queries++;
	check->lookup->lookup(check->lookup->context, name, type, check->arena, answer);
	if (answer->status == TXT_FAILED)
		trace(check, "%.*s %s: %.*s", VIEW_PRINT(name), type_names[type], VIEW_PRINT(answer->detail));
	else
		trace(check, "%.*s %s: %zu record%s", VIEW_PRINT(name), type_names[type], answer->count,
		      answer->count == 1 ? "" : "s");
}

/* What cannot be a name has no record (RFC 7208 4.8). */
static void ask(struct check *check, struct view name, enum lookup_type type, struct lookup_answer *answer)
{
	if (check->failed || spf_is_name(name, 1)) {
		ask_told(check, spf_name_for_dns(name, check->arena), type, answer);
		return;
	}
	*answer = (struct lookup_answer){ .status = TXT_NONE };
	trace(check, "%.*s is not a domain name", VIEW_PRINT(name));
}

/* RFC 7208 5: a look-up that fails makes the result temperror. */
static void fail_with(struct check *check, struct view name, enum lookup_type type,
                      const struct lookup_answer *answer)
{
	if (answer->status == TXT_FAILED)
		fail(check, SPF_TEMPERROR,
		     arena_print(check->arena, "%.*s %s: %.*s", VIEW_PRINT(printable(check, name)), type_names[type],
		                 VIEW_PRINT(answer->detail)));
}

static void ask_or_fail(struct check *check, struct view name, enum lookup_type type, struct lookup_answer *answer)
{
	ask(check, name, type, answer);
	fail_with(check, name, type, answer);
}

/* A term that asks (RFC 7208 4.6.4). */
static bool term_counts(struct check *check)
{
	if (check->outcome->lookups == SPF_TERMS_MOST) {
		fail(check, SPF_PERMERROR, VIEW("more than 10 terms that need a look-up"));
		return false;
	}
	check->outcome->lookups++;
	return true;
}

/* Its first query; what is asked in vain is counted. */
static void term_ask(struct check *check, struct view name, enum lookup_type type, struct lookup_answer *answer)
{
	ask_or_fail(check, name, type, answer);
	if (answer->status != TXT_NONE || !spf_is_name(name, 1))
		return;
	if (check->outcome->void_lookups == SPF_VOID_MOST)
		fail(check, SPF_PERMERROR, VIEW("more than 2 look-ups of what is not there"));
	else
		check->outcome->void_lookups++;
}

static enum lookup_type family(const struct check *check)
{
	return check->client.is_ip6 ? LOOKUP_AAAA : LOOKUP_A;
}

/* ---- the client's validated names (RFC 7208 5.5) */

static bool name_holds_client(struct check *check, struct view name)
{
	struct lookup_answer answer;
	const size_t length = check->client.is_ip6 ? 16 : 4;
	ask_told(check, name, family(check), &answer);
	for (size_t i = 0; answer.status == TXT_FOUND && i < answer.count; i++)
		if (view_equal(answer.records[i], view_bytes(check->client.address, length)))
			return true;
	return false;
}

static void ask_pointers(struct check *check, struct lookup_answer *answer)
{
	struct text name = TEXT_LIMIT(128);
	struct text reversed = TEXT_LIMIT(128);
	struct view rest;
	struct view part;
	spf_add_address(&check->client, &name);
	/* Its parts from behind. */
	for (rest = text_view(&name); rest.length > 0;) {
		const size_t dot = view_find_last_byte(rest, '.');
		part = dot == VIEW_NOT_FOUND ? rest : view_from(rest, dot + 1);
		text_add(&reversed, part);
		text_add_byte(&reversed, '.');
		rest = dot == VIEW_NOT_FOUND ? VIEW_NONE : view_first(rest, dot);
	}
	text_add(&reversed, check->client.is_ip6 ? VIEW("ip6.arpa") : VIEW("in-addr.arpa"));
	ask(check, arena_copy(check->arena, text_view(&reversed)), LOOKUP_PTR, answer);
	if (answer->count > SPF_NAMES_MOST)
		answer->count = SPF_NAMES_MOST;
	text_deinit(&name);
	text_deinit(&reversed);
}

/* A name of the client that is at or below the domain and points back; VIEW_NONE: none. */
static struct view pointer_within(struct check *check, const struct lookup_answer *pointers, struct view domain)
{
	for (size_t i = 0; pointers->status == TXT_FOUND && i < pointers->count && !check->failed; i++)
		if (spf_is_at_or_below(pointers->records[i], domain) && name_holds_client(check, pointers->records[i]))
			return pointers->records[i];
	return VIEW_NONE;
}

/* RFC 7208 4.6.4, 7.3, "p", which counts as a term does: the domain itself if it is one, or a sub-domain, or any, or
 * "unknown". */
static struct view validated_name(void *context)
{
	struct level *level = context;
	struct check *check = level->check;
	struct lookup_answer pointers;
	if (!check->explaining && !term_counts(check))
		return VIEW("unknown");
	ask_pointers(check, &pointers);
	for (size_t i = 0; pointers.status == TXT_FOUND && i < pointers.count; i++)
		if (view_equal_nocase(pointers.records[i], level->domain) && name_holds_client(check, pointers.records[i]))
			return level->domain;
	struct view name = pointer_within(check, &pointers, level->domain);
	for (size_t i = 0; pointers.status == TXT_FOUND && i < pointers.count && name.length == 0; i++)
		if (name_holds_client(check, pointers.records[i]))
			name = pointers.records[i];
	return name.length > 0 ? name : VIEW("unknown");
}

/* ---- domain-spec */

static struct spf_names names_of(struct level *level, bool explaining)
{
	return (struct spf_names){ .client = &level->check->client,
		                       .sender = level->check->sender,
		                       .domain = level->domain,
		                       .explaining = explaining,
		                       .validated = validated_name,
		                       .context = level };
}

/* The name a term is about. VIEW_NONE: it is no macro-string, which was told. */
static struct view target_of(struct level *level, struct view spec)
{
	struct check *check = level->check;
	struct text name = TEXT_LIMIT(EXPANDED_MOST);
	const struct spf_names names = names_of(level, false);
	if (spec.length == 0)
		return level->domain;
	const bool good = spf_expand(&names, spec, &name);
	if (!good)
		fail(check, SPF_PERMERROR,
		     arena_print(check->arena, "\"%.*s\" holds no macro that is known here",
		                 VIEW_PRINT(printable(check, spec))));
	const struct view copy = arena_copy(check->arena, spf_shorten(text_view(&name)));
	text_deinit(&name);
	return good ? copy : VIEW_NONE;
}

/* ---- addresses */

static bool network_holds(const uint8_t *network, const uint8_t *address, unsigned prefix_length)
{
	const unsigned whole = prefix_length / 8;
	const unsigned bits = prefix_length % 8;
	const uint8_t mask = (uint8_t)(0xff00u >> bits);
	if (!view_equal(view_bytes(network, whole), view_bytes(address, whole)))
		return false;
	return bits == 0 || (network[whole] & mask) == (address[whole] & mask);
}

static bool addresses_hold(const struct check *check, const struct lookup_answer *answer, const struct spf_term *term)
{
	const size_t length = check->client.is_ip6 ? 16 : 4;
	const unsigned prefix = check->client.is_ip6 ? term->prefix_length6 : term->prefix_length;
	for (size_t i = 0; answer->status == TXT_FOUND && i < answer->count; i++)
		if (answer->records[i].length == length &&
		    network_holds((const uint8_t *)answer->records[i].data, check->client.address, prefix))
			return true;
	return false;
}

/* ---- mechanisms: does the term match? After a failure nothing does. */

static enum spf_result evaluate(struct level *level);

static bool match_all(struct level *level, const struct spf_term *term)
{
	(void)level, (void)term;
	return true;
}

/* RFC 7208 5.2: pass matches; fail, softfail and neutral do not; the rest is an error. */
static bool match_include(struct level *level, const struct spf_term *term)
{
	struct check *check = level->check;
	if (!term_counts(check))
		return false;
	struct level inner = { .check = check, .domain = target_of(level, term->domain), .depth = level->depth + 1 };
	const enum spf_result result = evaluate(&inner);
	if (result == SPF_NONE)
		fail(check, SPF_PERMERROR,
		     arena_print(check->arena, "%.*s is included and has no SPF record",
		                 VIEW_PRINT(printable(check, inner.domain))));
	return result == SPF_PASS;
}

static bool match_a(struct level *level, const struct spf_term *term)
{
	struct check *check = level->check;
	struct lookup_answer answer;
	if (!term_counts(check))
		return false;
	term_ask(check, target_of(level, term->domain), family(check), &answer);
	return !check->failed && addresses_hold(check, &answer, term);
}

static bool match_mx(struct level *level, const struct spf_term *term)
{
	struct check *check = level->check;
	struct lookup_answer exchangers;
	if (!term_counts(check))
		return false;
	term_ask(check, target_of(level, term->domain), LOOKUP_MX, &exchangers);
	if (exchangers.count > SPF_NAMES_MOST)
		fail(check, SPF_PERMERROR, VIEW("mx: more than 10 mail exchangers"));
	for (size_t i = 0; i < exchangers.count && !check->failed; i++) {
		struct lookup_answer answer;
		if (exchangers.records[i].length == 0)
			continue; /* RFC 7505: none */
		ask_told(check, exchangers.records[i], family(check), &answer);
		fail_with(check, exchangers.records[i], family(check), &answer);
		if (!check->failed && addresses_hold(check, &answer, term))
			return true;
	}
	return false;
}

/* RFC 7208 5.5: errors make it not match. */
static bool match_ptr(struct level *level, const struct spf_term *term)
{
	struct check *check = level->check;
	struct lookup_answer pointers;
	if (!term_counts(check))
		return false;
	const struct view domain = target_of(level, term->domain);
	ask_pointers(check, &pointers);
	return !check->failed && pointer_within(check, &pointers, domain).length > 0;
}

static bool match_ip4(struct level *level, const struct spf_term *term)
{
	const struct spf_client *client = &level->check->client;
	return !client->is_ip6 && network_holds(term->address, client->address, term->prefix_length);
}

static bool match_ip6(struct level *level, const struct spf_term *term)
{
	const struct spf_client *client = &level->check->client;
	return client->is_ip6 && network_holds(term->address, client->address, term->prefix_length);
}

/* RFC 7208 5.7: A, whatever the client's family. */
static bool match_exists(struct level *level, const struct spf_term *term)
{
	struct check *check = level->check;
	struct lookup_answer answer;
	if (!term_counts(check))
		return false;
	term_ask(check, target_of(level, term->domain), LOOKUP_A, &answer);
	return !check->failed && answer.status == TXT_FOUND;
}

static bool (*const matchers[])(struct level *, const struct spf_term *) = {
	[SPF_ALL] = match_all, [SPF_INCLUDE] = match_include, [SPF_A] = match_a,     [SPF_MX] = match_mx,
	[SPF_PTR] = match_ptr, [SPF_IP4] = match_ip4,         [SPF_IP6] = match_ip6, [SPF_EXISTS] = match_exists,
};

static enum spf_result result_of(char qualifier)
{
	switch (qualifier) {
	case '-':
		return SPF_FAIL;
	case '~':
		return SPF_SOFTFAIL;
	case '?':
		return SPF_NEUTRAL;
	default:
		return SPF_PASS;
	}
}

/* ---- a record */

/* RFC 7208 4.4, 4.5. VIEW_NONE: there is none, or it failed. */
static struct view record_of(struct level *level)
{
	struct check *check = level->check;
	struct lookup_answer answer;
	struct view record = VIEW_NONE;
	ask_or_fail(check, level->domain, LOOKUP_TXT, &answer);
	for (size_t i = 0; answer.status == TXT_FOUND && i < answer.count; i++) {
		if (!spf_is_record(answer.records[i]))
			continue;
		if (record.data != NULL)
			fail(check, SPF_PERMERROR,
			     arena_print(check->arena, "%.*s has several SPF records",
			                 VIEW_PRINT(printable(check, level->domain))));
		record = answer.records[i];
	}
	return check->failed ? VIEW_NONE : record;
}

struct modifiers {
	struct view redirect;
	struct view explanation;
	bool has_all;
};

/* RFC 7208 4.6: a syntax error anywhere in the record makes it void, before anything is evaluated. */
static bool read_modifiers(struct level *level, struct view record, struct modifiers *modifiers)
{
	struct spf_walk walk = spf_walk_of(record);
	struct spf_term term;
	enum spf_step step;
	while ((step = spf_next(&walk, &term)) == SPF_TERM) {
		if (term.kind == SPF_REDIRECT)
			modifiers->redirect = term.domain;
		else if (term.kind == SPF_EXP)
			modifiers->explanation = term.domain;
		modifiers->has_all = modifiers->has_all || term.kind == SPF_ALL;
	}
	if (step == SPF_MALFORMED)
		fail(level->check, SPF_PERMERROR,
		     arena_print(level->check->arena, "%.*s: \"%.*s\" is no SPF term",
		                 VIEW_PRINT(printable(level->check, level->domain)),
		                 VIEW_PRINT(printable(level->check, term.text))));
	return step == SPF_END;
}

/* RFC 7208 6.1: the other record's result, and its explanation. */
static enum spf_result redirect(struct level *level, struct view spec)
{
	struct check *check = level->check;
	if (!term_counts(check))
		return check->failure;
	trace(check, "%.*s: redirect=%.*s", VIEW_PRINT(level->domain), VIEW_PRINT(spec));
	const bool leads_nowhere = spf_names_nothing(check->sender, spec);
	level->domain = target_of(level, spec);
	const enum spf_result result = check->failed ? check->failure : leads_nowhere ? SPF_NONE : evaluate(level);
	if (result == SPF_NONE)
		fail(check, SPF_PERMERROR,
		     arena_print(check->arena, "the redirection leads to %.*s, which has no SPF record",
		                 VIEW_PRINT(printable(check, level->domain))));
	return check->failed ? check->failure : result;
}

static enum spf_result evaluate_terms(struct level *level, struct view record, const struct modifiers *modifiers)
{
	struct check *check = level->check;
	struct spf_walk walk = spf_walk_of(record);
	struct spf_term term;
	while (spf_next(&walk, &term) == SPF_TERM) {
		if (term.kind >= SPF_REDIRECT)
			continue;
		const bool matches = !spf_names_nothing(check->sender, term.domain) && matchers[term.kind](level, &term);
		if (check->failed)
			return check->failure;
		trace(check, "%.*s: %.*s %s", VIEW_PRINT(level->domain), VIEW_PRINT(term.text),
		      matches ? "matches" : "does not match");
		if (!matches)
			continue;
		level->explanation = modifiers->explanation;
		return result_of(term.qualifier);
	}
	if (modifiers->redirect.length > 0 && !modifiers->has_all)
		return redirect(level, modifiers->redirect);
	return SPF_NEUTRAL;
}

static enum spf_result evaluate(struct level *level)
{
	struct check *check = level->check;
	struct modifiers modifiers = { 0 };
	if (check->failed)
		return check->failure;
	const struct view record = record_of(level);
	if (!check->failed && record.data == NULL)
		return SPF_NONE;
	if (!check->failed) {
		trace(check, "%.*s: %.*s", VIEW_PRINT(level->domain), VIEW_PRINT(record));
		read_modifiers(level, record, &modifiers);
	}
	return check->failed ? check->failure : evaluate_terms(level, record, &modifiers);
}

/* ---- the explanation (RFC 7208 6.2): whatever goes wrong with it, there is none */

static struct view explain(struct level *level)
{
	struct check *check = level->check;
	const struct spf_names names = names_of(level, true);
	struct lookup_answer answer;
	struct text text = TEXT_LIMIT(EXPLANATION_MOST);
	struct view explanation = VIEW_NONE;
	check->explaining = true;
	ask(check, target_of(level, level->explanation), LOOKUP_TXT, &answer);
	bool good = answer.status == TXT_FOUND && answer.count == 1 && spf_expand(&names, answer.records[0], &text) &&
	            !text.overflow;
	for (size_t i = 0; i < text.length; i++)
		good = good && byte_is_print(text.data[i]);
	if (good)
		explanation = arena_copy(check->arena, text_view(&text));
	check->outcome->problem = VIEW_NONE;
	text_deinit(&text);
	return explanation;
}

/* ---- the whole */

/* An IPv4-mapped address is an IPv4 address (RFC 7208 5). */
static struct spf_client unmapped(const struct spf_client *client)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct spf_client made = *client;
	if (!client->is_ip6 || !view_equal(view_bytes(client->address, 12), view_bytes(mapped, 12)))
		return made;
	made.is_ip6 = false;
	bytes_copy(made.address, sizeof(made.address), view_bytes(client->address + 12, 4));
	return made;
}

void spf_check_host(const struct dns_lookup *lookup, const struct spf_client *client, struct arena *arena,
                    struct spf_outcome *outcome)
{
	*outcome = (struct spf_outcome){ .trace = ARENA_ARRAY(arena, struct view, SPF_TRACE_MOST) };
	struct check check = {
		.lookup = lookup,
		.arena = arena,
		.client = unmapped(client),
		.outcome = outcome,
		.sender = spf_sender(client, arena),
	};
	struct level level = { .check = &check,
		                   .domain = view_from(check.sender, view_find_last_byte(check.sender, '@') + 1) };
	check.client.helo = spf_without_last_dot(client->helo);
	/* RFC 7208 4.3: what is no name of several labels has no record. */
	if (!spf_is_name(level.domain, 2) || level.domain.data[0] == '[') {
		trace(&check, "%.*s is not a domain name", VIEW_PRINT(level.domain));
		return;
	}
	outcome->result = evaluate(&level);
	if (outcome->result == SPF_FAIL && level.explanation.length > 0)
		outcome->explanation = explain(&level);
}

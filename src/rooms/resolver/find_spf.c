/* SPF: does the domain's record let this service send? */
#include "mail/spf.h"

#include "mail/spf_check.h"
#include "rooms/resolver/finding.h"

/* DNS as it would be with another record at the domain. */
struct lookup_as_if {
	struct lookup_context *context;
	struct view domain;
	struct view record; /* empty: as it is */
};

static void lookup_as_if(void *context, struct view name, enum lookup_type type, struct arena *arena,
                         struct lookup_answer *answer)
{
	struct lookup_as_if *as_if = context;
	if (as_if->record.length == 0 || type != LOOKUP_TXT || !view_equal_nocase(name, as_if->domain))
		lookup_any(as_if->context, name, type, arena, answer);
	else
		*answer = (struct lookup_answer){ .status = TXT_FOUND, .records = &as_if->record, .count = 1 };
}

/* What a receiver makes of mail from this address, with that record or the one that is there. */
static struct spf_outcome evaluate(struct lookup_context *context, const struct who *who, struct view record,
                                   struct view address, struct arena *arena)
{
	struct lookup_as_if as_if = { context, who->domain, record };
	const struct dns_lookup lookup = { .context = &as_if, .lookup = lookup_as_if };
	const struct view hostname = (*context->resolver->config)->service.hostname;
	struct endpoint endpoint = { 0 };
	struct spf_outcome outcome = { .result = SPF_PERMERROR, .problem = VIEW("not an address") };
	if (!endpoint_parse_address(address, &endpoint))
		return outcome;
	struct spf_client client = {
		.is_ip6 = endpoint.family == 6,
		.helo = hostname,
		.sender = arena_print(arena, "postmaster@%.*s", VIEW_PRINT(who->domain)),
		.receiver = hostname,
		.seconds = world_wall(context->resolver->world) / SECOND,
	};
	for (size_t i = 0; i < sizeof(client.address); i++)
		client.address[i] = endpoint.address[i];
	spf_check_host(&lookup, &client, arena, &outcome);
	return outcome;
}

/* All addresses that mail leaves from pass, as redirects, macros and plain networks may say it too. Without a single
 * one only the include counts. The first that does not pass decides. */
static struct spf_outcome evaluate_egress(struct lookup_context *context, const struct who *who, struct arena *arena)
{
	const struct config *config = (*context->resolver->config);
	struct spf_outcome outcome = { .result = SPF_NONE };
	for (size_t i = 0; i < config->egress_count; i++)
		for (size_t j = 0; j < config->egress[i].addresses.count; j++) {
			outcome = evaluate(context, who, VIEW_NONE, config->egress[i].addresses.items[j], arena);
			if (outcome.result != SPF_PASS)
				return outcome;
		}
	return outcome;
}

/* An address of nobody (RFC 5737): all terms are looked at. */
static const struct view nobody = VIEW_INIT("203.0.113.1");

static bool asks_too_often(const struct spf_outcome *outcome)
{
	return outcome->result == SPF_PERMERROR && outcome->lookups == SPF_TERMS_MOST;
}

/* For the doctor: how often receivers have to ask (RFC 7208 4.6.4), now and with the record that is to be published.
 */
static struct view lookups_said(struct lookup_context *context, const struct who *who, struct view fix,
                                struct arena *arena)
{
	const struct spf_outcome now = evaluate(context, who, VIEW_NONE, nobody, arena);
	const struct spf_outcome after = evaluate(context, who, fix, nobody, arena);
	const bool is_readable = now.result != SPF_PERMERROR && now.result != SPF_TEMPERROR && now.result != SPF_NONE;
	if (asks_too_often(&after))
		return arena_print(arena,
		                   "; receivers stop at %d look-ups, and the fix needs more: take an include out first",
		                   SPF_TERMS_MOST);
	if (after.result == SPF_PERMERROR || after.result == SPF_TEMPERROR)
		return VIEW_NONE;
	if (!is_readable)
		return arena_print(arena, "; look-ups: %u with the fix (%d are allowed)", after.lookups, SPF_TERMS_MOST);
	return arena_print(arena, "; look-ups: %u now, %u with the fix (%d are allowed)", now.lookups, after.lookups,
	                   SPF_TERMS_MOST);
}

/* For the doctor: our include is there, but receivers may give up before they come to it, or after. */
static struct view receivers_say(struct lookup_context *context, const struct who *who, struct arena *arena)
{
	const struct spf_outcome outcome = evaluate(context, who, VIEW_NONE, nobody, arena);
	if (outcome.result != SPF_PERMERROR)
		return VIEW_NONE;
	return arena_print(arena, "the record includes this service, but receivers take it for an error (%.*s)",
	                   VIEW_PRINT(outcome.problem));
}

static void spf_passes(struct finding *finding, const struct spf_finding *spf, struct view detail,
                       struct view warning)
{
	finding->state = warning.length > 0 ? STATE_WARN : STATE_PASS;
	finding->expected = spf->record;
	finding->fix = VIEW_NONE;
	finding->problem = VIEW_NONE;
	finding->detail = warning.length > 0 ? warning : detail;
}

/* The include is there, but does not count. */
static struct view explain_missing(const struct spf_finding *spf, struct view include, struct arena *arena)
{
	struct spf_walk walk = spf_walk_of(spf->record);
	struct spf_term term;
	bool is_over = false;
	while (spf_next(&walk, &term) == SPF_TERM) {
		if (term.kind == SPF_INCLUDE && view_equal_nocase(term.domain, include))
			return is_over ? VIEW("SPF includes this service behind all, where nothing is read any more.")
			               : VIEW("SPF includes this service with a qualifier, which does not let it send.");
		is_over = is_over || term.kind == SPF_ALL;
	}
	if (spf->mistake.length > 0)
		return arena_print(arena, "SPF does not include this service; %.*s.", VIEW_PRINT(spf->mistake));
	return VIEW("SPF does not include this service.");
}

/* ---- for the doctor: includes that lead nowhere */

struct dead_includes {
	struct view names[SPF_LOOKUPS_MOST];
	size_t count;
};

static bool has_no_record(struct lookup_context *context, struct view name, struct arena *arena)
{
	struct txt_answer answer;
	lookup_txt(context, name, arena, &answer);
	for (size_t i = 0; i < answer.count; i++)
		if (spf_is_record(answer.texts[i]))
			return false;
	return answer.status != TXT_FAILED;
}

/* One of them, and receivers take the whole record for an error (RFC 7208 5.2). */
static void look_for_dead(struct lookup_context *context, const struct spf_finding *spf, struct arena *arena,
                          struct dead_includes *dead)
{
	const struct view include = (*context->resolver->config)->service.spf_include;
	unsigned lookups = 0;
	for (size_t i = 0; i < spf->record_count; i++) {
		struct view clause;
		struct spf_walk walk = spf_walk_of(spf_clean(spf->records[i], arena, &clause));
		struct spf_term term;
		for (enum spf_step step; (step = spf_next(&walk, &term)) != SPF_END && lookups < SPF_LOOKUPS_MOST;) {
			if (step != SPF_TERM || (term.kind != SPF_INCLUDE && term.kind != SPF_REDIRECT) ||
			    view_find_byte(term.domain, '%') != VIEW_NOT_FOUND || view_equal_nocase(term.domain, include))
				continue;
			lookups++;
			if (has_no_record(context, term.domain, arena))
				dead->names[dead->count++] = term.domain;
		}
	}
}

static struct view dead_said(const struct dead_includes *dead, struct arena *arena)
{
	if (dead->count == 0)
		return VIEW_NONE;
	return arena_print(arena, "; %.*s has no SPF record of its own, so it has to go", VIEW_PRINT(dead->names[0]));
}

static struct view problem_said(const struct spf_finding *spf, struct view include, struct arena *arena)
{
	switch (spf->admission) {
	case SPF_NO_RECORD:
		return VIEW("there is no SPF record.");
	case SPF_MISWRITTEN:
		return arena_print(arena, "what is seen is not read as an SPF record: %.*s.", VIEW_PRINT(spf->mistake));
	case SPF_SEVERAL:
		return spf->record_count == 2
		           ? VIEW("there are two SPF records, and receivers take neither: make them one.")
		           : arena_print(arena, "there are %s%zu SPF records, and receivers take none: make them one.",
		                         spf->record_count == SPF_RECORDS_MOST ? "at least " : "", spf->record_count);
	case SPF_BROKEN:
		return arena_print(arena, "the SPF record is broken: %.*s%s%.*s.", VIEW_PRINT(spf->detail),
		                   spf->mistake.length > 0 ? "; " : "", VIEW_PRINT(spf->mistake));
	case SPF_NOT_INCLUDED:
	case SPF_ADMITTED:
	case SPF_LATER:
	default:
		return explain_missing(spf, include, arena);
	}
}

/* A record without the include may let all our addresses send all the same. False: it does not. */
static bool egress_settles(struct lookup_context *context, const struct who *who, const struct spf_finding *spf,
                           struct arena *arena, struct finding *finding)
{
	const struct spf_outcome outcome = evaluate_egress(context, who, arena);
	if (outcome.result == SPF_PASS)
		spf_passes(finding, spf, VIEW("the record lets all addresses of this service send"), VIEW_NONE);
	else if (outcome.result == SPF_TEMPERROR)
		finding_cannot_tell(finding, who->domain, outcome.problem, arena);
	return outcome.result == SPF_PASS || outcome.result == SPF_TEMPERROR;
}

/* For the doctor, where TXT has none. */
static void look_for_old_type(struct lookup_context *context, struct view domain, struct view include,
                              struct arena *arena, struct finding *finding)
{
	const struct dns_lookup lookup = { .context = context, .lookup = lookup_any };
	struct spf_finding old = { .records = { spf_of_old_type(&lookup, domain, arena) }, .record_count = 1 };
	if (old.records[0].length == 0)
		return;
	finding->expected = spf_replacement(&old, include, NULL, 0, arena);
	finding->fix = finding->expected;
	finding->detail =
		VIEW("the SPF record is of type SPF (99), which receivers do not ask for (RFC 7208 3.1): publish "
	         "it as TXT");
}

void find_spf(struct resolver *resolver, const struct who *who, enum freshness freshness, struct arena *arena,
              struct finding *finding)
{
	struct lookup_context context = { resolver, freshness, who->errand, who->server, who->domain };
	const struct txt_lookup lookup = { .context = &context, .txt = lookup_txt };
	const struct view include = (*resolver->config)->service.spf_include;
	const bool is_doctor = freshness == FRESH_NOW && who->server == NULL;
	struct spf_finding spf;
	*finding =
		(struct finding){ .check = CHECK_SPF, .name = who->domain, .state = STATE_FAIL, .status = { 5, 7, 23 } };
	spf_admit(&lookup, who->domain, include, arena, &spf);
	for (size_t i = 0; i < spf.record_count; i++)
		finding_see(finding, spf.records[i]);
	struct dead_includes dead = { .count = 0 };
	if (is_doctor)
		look_for_dead(&context, &spf, arena, &dead);
	if (dead.count > 0)
		spf.replacement = spf_replacement(&spf, include, dead.names, dead.count, arena);
	finding->expected = spf.replacement;
	finding->replaces = spf.record.length > 0;
	finding->fix = spf.replacement;
	if (spf.admission == SPF_ADMITTED) {
		if (is_doctor && spf.warning.length == 0)
			spf.warning = receivers_say(&context, who, arena);
		spf_passes(finding, &spf, VIEW("the record includes this service"), spf.warning);
		if (dead.count > 0) {
			finding->expected = spf.replacement;
			finding->fix = spf.replacement;
		}
		return;
	}
	if (spf.admission == SPF_LATER) {
		finding_cannot_tell(finding, who->domain, spf.detail, arena);
		return;
	}
	if (spf.admission == SPF_NOT_INCLUDED && egress_settles(&context, who, &spf, arena, finding))
		return;
	if (spf.admission == SPF_SEVERAL || spf.admission == SPF_BROKEN)
		finding->status.detail = 24;
	finding->problem = problem_said(&spf, include, arena);
	finding->detail = finding->problem;
	if (is_doctor && spf.admission == SPF_NO_RECORD)
		look_for_old_type(&context, who->domain, include, arena, finding);
	/* Of a record that is to grow. */
	if (is_doctor && spf.record.length > 0)
		finding->detail = arena_print(
			arena, "%.*s%.*s%.*s%s%.*s", VIEW_PRINT(view_first(finding->problem, finding->problem.length - 1)),
			VIEW_PRINT(dead_said(&dead, arena)), VIEW_PRINT(lookups_said(&context, who, finding->fix, arena)),
			spf.warning.length > 0 ? "; " : "", VIEW_PRINT(spf.warning));
}

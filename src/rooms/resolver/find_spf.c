/* SPF: does the domain's record let this service send? */
#include "mail/spf.h"

#include "mail/spf_check.h"
#include "rooms/resolver/finding.h"

/* What a receiver makes of mail from this address. */
static struct spf_outcome evaluate(struct lookup_context *context, const struct who *who, struct view address,
                                   struct arena *arena)
{
	const struct dns_lookup lookup = { .context = context, .lookup = lookup_any };
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
			outcome = evaluate(context, who, config->egress[i].addresses.items[j], arena);
			if (outcome.result != SPF_PASS)
				return outcome;
		}
	return outcome;
}

/* For the doctor: our include is there, but receivers may give up before they come to it, or after. */
static struct view receivers_say(struct lookup_context *context, const struct who *who, struct arena *arena)
{
	/* An address of nobody (RFC 5737): all terms are looked at. */
	const struct spf_outcome outcome = evaluate(context, who, VIEW("203.0.113.1"), arena);
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
static struct view explain_missing(struct view record, struct view include)
{
	struct spf_walk walk = spf_walk_of(record);
	struct spf_term term;
	bool is_over = false;
	while (spf_next(&walk, &term) == SPF_TERM) {
		if (term.kind == SPF_INCLUDE && view_equal_nocase(term.domain, include))
			return is_over ? VIEW("SPF includes this service behind all, where nothing is read any more.")
			               : VIEW("SPF includes this service with a qualifier, which does not let it send.");
		is_over = is_over || term.kind == SPF_ALL;
	}
	return VIEW("SPF does not include this service.");
}

void find_spf(struct resolver *resolver, const struct who *who, enum freshness freshness, struct arena *arena,
              struct finding *finding)
{
	struct lookup_context context = { resolver, freshness, who->errand, who->server };
	const struct txt_lookup lookup = { .context = &context, .txt = lookup_txt };
	struct spf_finding spf;
	*finding =
		(struct finding){ .check = CHECK_SPF, .name = who->domain, .state = STATE_FAIL, .status = { 5, 7, 23 } };
	spf_admit(&lookup, who->domain, (*resolver->config)->service.spf_include, arena, &spf);
	if (spf.record.length > 0)
		finding_see(finding, spf.record);
	if (spf.second.length > 0)
		finding_see(finding, spf.second);
	finding->expected = spf.replacement;
	finding->replaces = spf.record.length > 0;
	finding->fix = spf.replacement;
	switch (spf.admission) {
	case SPF_ADMITTED:
		if (freshness == FRESH_NOW && who->server == NULL && spf.warning.length == 0)
			spf.warning = receivers_say(&context, who, arena);
		spf_passes(finding, &spf, VIEW("the record includes this service"), spf.warning);
		return;
	case SPF_NO_RECORD:
		finding->problem = VIEW("there is no SPF record.");
		break;
	case SPF_NOT_INCLUDED: {
		const struct spf_outcome outcome = evaluate_egress(&context, who, arena);
		if (outcome.result == SPF_PASS) {
			spf_passes(finding, &spf, VIEW("the record lets all addresses of this service send"), VIEW_NONE);
			return;
		}
		if (outcome.result == SPF_TEMPERROR) {
			finding_cannot_tell(finding, who->domain, outcome.problem, arena);
			return;
		}
		finding->problem = explain_missing(spf.record, (*resolver->config)->service.spf_include);
		break;
	}
	case SPF_SEVERAL:
		finding->status.detail = 24;
		finding->problem = VIEW("there are two SPF records, and receivers take neither: make them one.");
		break;
	case SPF_BROKEN:
		finding->status.detail = 24;
		finding->problem = arena_print(arena, "the SPF record is broken: %.*s.", VIEW_PRINT(spf.detail));
		break;
	case SPF_LATER:
		finding_cannot_tell(finding, who->domain, spf.detail, arena);
		return;
	}
	finding->detail = finding->problem;
}

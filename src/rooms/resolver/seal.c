/* The customer's own seals: their keys, and whether one of them is of the author's domain. */
#include "rooms/resolver/finding.h"

enum { RECORD_MOST = 8000 };

void resolver_answer_seal_key(void *room, const struct caller *caller, const void *question, void *given,
                              struct arena *arena)
{
	(void)caller;
	struct resolver *resolver = room;
	const struct seal_key_request *request = question;
	struct seal_key_answer *answer = given;
	struct errand errand = errand_begin(resolver, ERRAND_SEAL_KEY);
	struct lookup_context context = { resolver, FRESH_ENOUGH, &errand, NULL, VIEW_NONE };
	struct txt_answer found = { .status = TXT_NONE };
	/* Whoever speaks with strangers is told of keys, and of nothing else in DNS. */
	if (view_find(request->name, VIEW("._domainkey.")) != VIEW_NOT_FOUND)
		lookup_txt(&context, request->name, arena, &found);
	*answer = (struct seal_key_answer){ .result = found.status == TXT_FOUND    ? SEAL_KEY_FOUND
		                                          : found.status == TXT_FAILED ? SEAL_KEY_LATER
		                                                                       : SEAL_KEY_NONE,
		                                .why = found.detail };
	for (size_t i = 0; i < found.count && answer->record_count < SEAL_KEY_RECORDS_MOST; i++)
		answer->records[answer->record_count++] = view_first(found.texts[i], RECORD_MOST);
}

enum alignment seal_alignment(struct resolver *resolver, const struct verdict_request *request, struct errand *errand,
                              struct arena *arena)
{
	struct lookup_context context = { resolver, FRESH_ENOUGH, errand, NULL, VIEW_NONE };
	const struct txt_lookup lookup = { .context = &context, .txt = lookup_txt };
	const struct dmarc_identifiers identifiers = {
		.author = request->from,
		.dkim = request->sealed_by,
		.dkim_count = request->sealed_by_count,
	};
	struct dmarc_evaluation evaluation;
	for (size_t i = 0; i < request->sealed_by_count; i++)
		if (view_equal(request->sealed_by[i], request->from))
			return ALIGNED;
	if (request->sealed_by_count == 0)
		return request->seals_untold ? ALIGNMENT_UNTOLD : NOT_ALIGNED;
	dmarc_evaluate(&lookup, &identifiers, arena, &evaluation);
	if (evaluation.dkim_aligned)
		return ALIGNED;
	return request->seals_untold || evaluation.conclusion == DMARC_TEMPERROR ? ALIGNMENT_UNTOLD : NOT_ALIGNED;
}

void unsealed_evaluate(struct resolver *resolver, struct view from, struct view spf, struct errand *errand,
                       struct arena *arena, struct dmarc_evaluation *evaluation)
{
	struct lookup_context context = { resolver, FRESH_ENOUGH, errand, NULL, VIEW_NONE };
	const struct txt_lookup lookup = { .context = &context, .txt = lookup_txt };
	const struct dmarc_identifiers identifiers = { .author = from, .spf = spf };
	dmarc_evaluate(&lookup, &identifiers, arena, evaluation);
}

/* The doctor: all checks of a domain, past every cache, each with what was seen and the whole fix. */
#include "rooms/resolver/resolver.h"

static void row_of(const struct finding *finding, struct check_row *row)
{
	*row = (struct check_row){
		.check = finding->check,
		.state = finding->state,
		.seen_count = finding->seen_count,
		.name = finding->name,
		.expected = finding->expected,
		.fix = finding->fix,
		.detail = finding->detail,
	};
	for (size_t i = 0; i < finding->seen_count; i++)
		row->seen[i] = finding->seen[i];
}

static void examine(struct resolver *resolver, const struct who *who, enum check check, struct arena *arena,
                    struct finding *finding)
{
	struct usable_key usable[SEALS_MOST];
	size_t usable_count = 0;
	/* The operator asks: keys are made on nobody's account. */
	const struct who anyone = { .domain = who->domain, .errand = who->errand };
	switch (check) {
	case CHECK_TOKEN:
		if (who->account.length > 0)
			find_token(resolver, who, FRESH_NOW, arena, finding);
		else
			*finding = (struct finding){
				.check = CHECK_TOKEN,
				.state = STATE_UNKNOWN,
				.name = who->domain,
				.detail = VIEW("which account? a token names one: --account NAME"),
			};
		return;
	case CHECK_SPF:
		find_spf(resolver, who, FRESH_NOW, arena, finding);
		return;
	case CHECK_DKIM:
		find_dkim(resolver, &anyone, FRESH_NOW, arena, finding, usable, &usable_count);
		return;
	case CHECK_DMARC:
		find_dmarc(resolver, who, FRESH_NOW, arena, finding);
		return;
	}
}

void resolver_answer_check(void *room, const struct caller *caller, const void *question, void *given,
                           struct arena *arena)
{
	(void)caller;
	struct resolver *resolver = room;
	const struct check_request *request = question;
	struct check_answer *answer = given;
	answer->ready = true;
	for (unsigned check = 0; check < CHECK_COUNT; check++) {
		struct errand errand = errand_begin(resolver, ERRAND_DOCTOR);
		const struct who who = {
			.domain = request->domain,
			.account = request->account,
			.as_typed = request->as_typed,
			.errand = &errand,
		};
		struct finding finding;
		examine(resolver, &who, (enum check)check, arena, &finding);
		find_misplaced(resolver, &who, arena, &finding);
		answer->ready = answer->ready && (finding.state == STATE_PASS || finding.state == STATE_WARN);
		row_of(&finding, &answer->checks[answer->check_count++]);
	}
}

/* May this account send as these domains? And if not: what was seen, and what to publish. */
#include "rooms/resolver/finding.h"

/* RFC 5321 4.5.3.1.5: a reply line is at most 512 octets, with "550-5.7.26 " before and CRLF behind. */
enum { FINDINGS_MOST = IDENTITY_DOMAINS_MOST + 6, LINE_MOST = 512 - 2 - 16, SEEN_SHOWN = 200 };

struct judging {
	struct resolver *resolver;
	const struct verdict_request *request;
	struct arena *arena;
	struct finding findings[FINDINGS_MOST];
	struct view domains[FINDINGS_MOST]; /* beside: whom the finding is about */
	size_t count;
	struct usable_key usable[SEALS_MOST];
	size_t usable_count;
	bool presealed;
	bool has_own_seal;  /* then what is found of DKIM is not the domain's alone */
	bool is_misaligned; /* so is what is found of DMARC */
	struct errand errand;
};

static struct finding *judge(struct judging *judging, struct view domain, enum check check)
{
	for (size_t i = 0; i < judging->count; i++)
		if (judging->findings[i].check == check && view_equal(judging->domains[i], domain))
			return &judging->findings[i];
	const struct who who = {
		.domain = domain,
		.account = judging->request->account,
		.as_typed = judging->request->as_typed,
		.errand = &judging->errand,
	};
	struct finding *finding = &judging->findings[judging->count];
	judging->domains[judging->count++] = domain;
	find_check(judging->resolver, &who, check, judging->arena, finding, judging->usable, &judging->usable_count);
	return finding;
}

static bool is_enforced(const struct judging *judging, enum check check)
{
	return judging->request->require[check] == REQUIRE_ENFORCE;
}

static bool is_failing(const struct judging *judging, const struct finding *finding)
{
	return is_enforced(judging, finding->check) && (finding->state == STATE_FAIL || finding->state == STATE_UNKNOWN);
}

static void judge_required(struct judging *judging, struct view domain, enum check check)
{
	if (judging->request->require[check] != REQUIRE_OFF)
		judge(judging, domain, check);
}

/* At MAIL the token and SPF of its domain; where one fails, its DKIM and DMARC faults are told too, so that the
 * customer mends all at once. */
static void judge_mail(struct judging *judging)
{
	const struct view domain = judging->request->mail_from;
	if (domain.length == 0)
		return;
	judge_required(judging, domain, CHECK_TOKEN);
	judge_required(judging, domain, CHECK_SPF);
	bool failing = false;
	for (size_t i = 0; i < judging->count; i++)
		failing = failing || (is_failing(judging, &judging->findings[i]) && judging->findings[i].state == STATE_FAIL);
	if (!failing)
		return;
	judge_required(judging, domain, CHECK_DKIM);
	judge_required(judging, domain, CHECK_DMARC);
}

/* Where our key is not in DNS, a good seal of the customer's own will do; one of another domain will not. */
static void judge_seals(struct judging *judging, struct finding *dkim)
{
	const struct verdict_request *request = judging->request;
	const enum alignment alignment = seal_alignment(judging->resolver, request, &judging->errand, judging->arena);
	judging->presealed = alignment == ALIGNED;
	judging->has_own_seal = request->sealed_by_count > 0 || request->seals_untold;
	if (judging->presealed && dkim->state != STATE_WARN) {
		dkim->state = STATE_PASS;
	} else if (alignment == ALIGNMENT_UNTOLD && dkim->state == STATE_FAIL) {
		finding_cannot_tell(dkim, request->from, VIEW("the key of the message's own seal"), judging->arena);
	} else if (request->sealed_by_count > 0 && dkim->state == STATE_FAIL) {
		dkim->status = (struct enhanced_status){ 5, 7, 22 };
		dkim->problem = arena_print(judging->arena, "the seal of the message is of %.*s; %.*s",
		                            VIEW_PRINT(request->sealed_by[0]), VIEW_PRINT(dkim->problem));
	}
}

static struct finding *finding_of(struct judging *judging, struct view domain, enum check check)
{
	for (size_t i = 0; i < judging->count; i++)
		if (judging->findings[i].check == check && view_equal(judging->domains[i], domain))
			return &judging->findings[i];
	return NULL;
}

/* Would it pass DMARC at a receiver? With a seal of the author's domain it does; else SPF decides. Where its owner
 * asks for nothing (p=none) it is worth a warning only. */
static void judge_alignment(struct judging *judging, enum check_state token, const struct finding *dkim)
{
	const struct verdict_request *request = judging->request;
	const struct view mail_from = request->mail_from.length > 0 ? request->mail_from : request->from;
	const bool is_sealed = judging->presealed || (token == STATE_PASS && judging->usable_count > 0);
	struct finding *dmarc = finding_of(judging, request->from, CHECK_DMARC);
	const struct finding *spf = finding_of(judging, mail_from, CHECK_SPF);
	const bool spf_passes = spf != NULL && (spf->state == STATE_PASS || spf->state == STATE_WARN);
	struct dmarc_evaluation evaluation;
	if (is_sealed || is_failing(judging, dkim) || dmarc == NULL ||
	    (dmarc->state != STATE_PASS && dmarc->state != STATE_WARN))
		return;
	unsealed_evaluate(judging->resolver, request->from, spf_passes ? mail_from : VIEW_NONE, &judging->errand,
	                  judging->arena, &evaluation);
	if (evaluation.conclusion != DMARC_FAIL)
		return;
	dmarc->state = evaluation.applied == DMARC_NONE ? STATE_WARN : STATE_FAIL;
	judging->is_misaligned = true;
	dmarc->seen_count = 0;
	dmarc->fix = VIEW_NONE;
	dmarc->problem = VIEW("receivers would take this message for forged (DMARC): it is not sealed, and SPF is not "
	                      "aligned with From.");
	dmarc->detail = dmarc->problem;
}

/* After the dot all the rest. The token decides about the seal, whatever is required. */
static enum check_state judge_data(struct judging *judging)
{
	const struct verdict_request *request = judging->request;
	const enum check_state token = judge(judging, request->from, CHECK_TOKEN)->state;
	if (request->mail_from.length > 0)
		judge_required(judging, request->mail_from, CHECK_TOKEN);
	for (size_t i = 0; i < request->other_count; i++)
		judge_required(judging, request->others[i], CHECK_TOKEN);
	judge_required(judging, request->mail_from.length > 0 ? request->mail_from : request->from, CHECK_SPF);
	struct finding *dkim = judge(judging, request->from, CHECK_DKIM);
	judge_seals(judging, dkim);
	judge_required(judging, request->from, CHECK_DMARC);
	judge_alignment(judging, token, dkim);
	return token;
}

/* ---- words */

/* One line of the reply. What is not printable ASCII came from a stranger; what is too long is cut. */
__attribute__((format(printf, 2, 3))) static void add_line(struct text *why, const char *format, ...)
{
	struct text line = TEXT_LIMIT(16384);
	va_list arguments;
	va_start(arguments, format);
	text_vprint(&line, format, arguments);
	va_end(arguments);
	for (size_t i = 0; i < line.length && i < LINE_MOST; i++)
		text_add_byte(why, byte_is_print(line.data[i]) ? line.data[i] : '?');
	text_add_byte(why, '\n');
	text_deinit(&line);
}

static void add_seen(struct text *why, const struct finding *finding)
{
	enum { TOLD_MOST = 2 };
	for (size_t i = 0; i < finding->seen_count && i < TOLD_MOST; i++) {
		const struct view seen = finding->seen[i];
		add_line(why, "Seen at %.*s TXT: \"%.*s%s\"", VIEW_PRINT(finding->name),
		         VIEW_PRINT(view_first(seen, SEEN_SHOWN)), seen.length > SEEN_SHOWN ? "..." : "");
	}
	if (finding->seen_count > TOLD_MOST)
		add_line(why, "Seen at %.*s TXT: %zu more", VIEW_PRINT(finding->name), finding->seen_count - TOLD_MOST);
}

/* The exact line to publish; one that does not fit is not split: its name stands for it, and the link. */
static void add_fix(struct text *why, const struct finding *finding)
{
	static const struct view replace = VIEW_INIT("Replace with: ");
	const struct view lead = finding->replaces ? replace : VIEW("Publish: ");
	/* Where a record was seen its name has been told. */
	const struct view name = finding->replaces ? VIEW_NONE : finding->name;
	const struct view between = name.length > 0 ? VIEW(" TXT: ") : VIEW_NONE;
	if (finding->fix.length == 0)
		return;
	if (lead.length + name.length + between.length + finding->fix.length + 2 > LINE_MOST)
		add_line(why, "%.*s%.*s TXT: too long for this reply", VIEW_PRINT(lead), VIEW_PRINT(finding->name));
	else
		add_line(why, "%.*s%.*s%.*s\"%.*s\"", VIEW_PRINT(lead), VIEW_PRINT(name), VIEW_PRINT(between),
		         VIEW_PRINT(finding->fix));
}

static void add_finding(struct text *why, const struct finding *finding, struct view domain)
{
	add_line(why, "%.*s: %.*s", VIEW_PRINT(domain), VIEW_PRINT(finding->problem));
	if (finding->state == STATE_UNKNOWN)
		return;
	add_seen(why, finding);
	add_fix(why, finding);
}

static void add_link(struct text *why, const struct judging *judging, struct view domain)
{
	const struct view url = (*judging->resolver->config)->service.console_url;
	if (url.length > 0)
		add_line(why, "%.*s/domains/%.*s", VIEW_PRINT(url), VIEW_PRINT(domain));
}

static struct view copy_lines(struct arena *arena, struct text *text)
{
	/* The last line has no line feed behind it. */
	if (text->length > 0)
		text_truncate(text, text->length - 1);
	const struct view copy = arena_copy(arena, text_view(text));
	text_deinit(text);
	return copy;
}

static struct view warnings_of(const struct judging *judging)
{
	struct text warnings = TEXT_LIMIT(8192);
	for (size_t i = 0; i < judging->count; i++) {
		const struct finding *finding = &judging->findings[i];
		const bool warns = judging->request->require[finding->check] == REQUIRE_WARN && finding->state != STATE_PASS;
		if (warns || finding->state == STATE_WARN)
			text_print(&warnings, "%.*s: %.*s\n", VIEW_PRINT(judging->domains[i]), VIEW_PRINT(finding->detail));
	}
	return copy_lines(judging->arena, &warnings);
}

static size_t count_failing(const struct judging *judging, enum check_state state)
{
	size_t count = 0;
	for (size_t i = 0; i < judging->count; i++)
		count += is_failing(judging, &judging->findings[i]) && judging->findings[i].state == state;
	return count;
}

static bool is_last_of_domain(const struct judging *judging, size_t at, enum check_state state)
{
	for (size_t i = at + 1; i < judging->count; i++)
		if (is_failing(judging, &judging->findings[i]) && judging->findings[i].state == state &&
		    view_equal(judging->domains[i], judging->domains[at]))
			return false;
	return true;
}

/* Where DNS does not answer, the checks of one domain say the same. */
static bool is_told(const struct judging *judging, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (view_equal(judging->domains[i], judging->domains[at]) &&
		    view_equal(judging->findings[i].problem, judging->findings[at].problem))
			return true;
	return false;
}

/* A definitive fault is 550 with all of them; else what could not be told is 451. */
static struct verdict conclude(const struct judging *judging)
{
	struct text why = TEXT_LIMIT(32768);
	struct enhanced_status status = { 0 };
	const size_t failed = count_failing(judging, STATE_FAIL);
	const enum check_state told = failed > 0 ? STATE_FAIL : STATE_UNKNOWN;
	if (failed + count_failing(judging, STATE_UNKNOWN) == 0)
		return VERDICT_OK;
	for (size_t i = 0; i < judging->count; i++) {
		const struct finding *finding = &judging->findings[i];
		if (!is_failing(judging, finding) || finding->state != told || is_told(judging, i))
			continue;
		status = finding->status;
		add_finding(&why, finding, judging->domains[i]);
	}
	for (size_t i = 0; failed > 0 && i < judging->count; i++)
		if (is_failing(judging, &judging->findings[i]) && judging->findings[i].state == told &&
		    is_last_of_domain(judging, i, told))
			add_link(&why, judging, judging->domains[i]);
	const struct view text = copy_lines(judging->arena, &why);
	if (failed > 1)
		status = (struct enhanced_status){ 5, 7, 26 };
	if (failed > 0)
		return verdict_never(550, status, text);
	return verdict_later(status.subject == 7 ? 450 : 451, status, text);
}

/* Not longer than any answer that it rests on, and not so long that the room's own look-ups are not seen to. */
static int64_t good_for(const struct resolver *resolver, int64_t good_until)
{
	const int64_t left = good_until - world_now(resolver->world);
	const int64_t most = (*resolver->config)->dns.min_ttl;
	return left > most ? most : left > 0 ? left : 0;
}

/* A look-up that failed takes nothing back: the vault's grant ends by itself. */
static void tell_grant(const struct judging *judging, enum check_state token)
{
	if (token == STATE_PASS || token == STATE_FAIL)
		grants_tell(judging->resolver, judging->request->account, judging->request->from, token == STATE_PASS);
}

static void note_domain(const struct judging *judging, struct view domain)
{
	const struct verdict_request *request = judging->request;
	struct judged judged = {
		.account = request->account,
		.as_typed = request->as_typed,
		.domain = domain,
		.require = request->require,
		.is_whole = request->moment == MOMENT_DATA,
		.refresh_at = judging->errand.refresh_at,
	};
	/* What is of this message alone says nothing of the domain. */
	for (size_t i = 0; i < judging->count; i++)
		if (view_equal(judging->domains[i], domain) &&
		    !(judging->has_own_seal && judging->findings[i].check == CHECK_DKIM) &&
		    !(judging->is_misaligned && judging->findings[i].check == CHECK_DMARC))
			judged_add(&judged, &judging->findings[i]);
	senders_note(judging->resolver, &judged);
}

static void note_domains(const struct judging *judging)
{
	for (size_t i = 0; i < judging->count; i++) {
		bool is_first = true;
		for (size_t j = 0; j < i; j++)
			is_first = is_first && !view_equal(judging->domains[i], judging->domains[j]);
		if (is_first)
			note_domain(judging, judging->domains[i]);
	}
}

void resolver_answer_verdict(void *room, const struct caller *caller, const void *question, void *given,
                             struct arena *arena)
{
	(void)caller;
	struct verdict_answer *answer = given;
	struct judging judging = {
		.resolver = room,
		.request = question,
		.arena = arena,
	};
	enum check_state token = STATE_UNKNOWN;
	judging.errand =
		errand_begin(judging.resolver, judging.request->moment == MOMENT_MAIL ? ERRAND_MAIL : ERRAND_DATA);
	judging.resolver->counters.verdicts++;
	if (judging.request->moment == MOMENT_MAIL)
		judge_mail(&judging);
	else
		token = judge_data(&judging);
	answer->verdict = conclude(&judging);
	answer->warnings = warnings_of(&judging);
	answer->presealed = judging.presealed;
	answer->good_for = good_for(judging.resolver, judging.errand.good_until);
	note_domains(&judging);
	tell_grant(&judging, token);
	for (size_t i = 0; token == STATE_PASS && i < judging.usable_count; i++)
		answer->seals[answer->seal_count++] = judging.usable[i];
	judging.resolver->counters.refused += answer->verdict.outcome == OUTCOME_NEVER;
	judging.resolver->counters.later += answer->verdict.outcome == OUTCOME_LATER;
}

/* ---- before queued mail leaves */

static void note_waiting(struct resolver *resolver, const struct who *who, const struct finding *finding)
{
	struct judged judged = {
		.account = who->account,
		.as_typed = who->as_typed,
		.domain = who->domain,
		.refresh_at = who->errand->refresh_at,
	};
	judged_add(&judged, finding);
	senders_note(resolver, &judged);
}

void resolver_answer_may_send(void *room, const struct caller *caller, const void *question, void *given,
                              struct arena *arena)
{
	(void)caller;
	struct resolver *resolver = room;
	const struct may_send_request *request = question;
	struct may_send_answer *answer = given;
	struct errand errand = errand_begin(resolver, ERRAND_MAY_SEND);
	answer->permission = PERMISSION_YES;
	for (size_t i = 0; request->require_token == REQUIRE_ENFORCE && i < request->domain_count; i++) {
		const struct who who = {
			.domain = request->domains[i],
			.account = request->account,
			.as_typed = request->as_typed,
			.errand = &errand,
		};
		struct finding finding;
		find_check(resolver, &who, CHECK_TOKEN, arena, &finding, NULL, NULL);
		note_waiting(resolver, &who, &finding);
		if (finding.state == STATE_FAIL) {
			answer->permission = PERMISSION_NO;
			answer->why = arena_print(arena, "%.*s no longer names this user account", VIEW_PRINT(who.domain));
			return;
		}
		if (finding.state == STATE_UNKNOWN)
			answer->permission = PERMISSION_UNKNOWN;
	}
	answer->good_for = good_for(resolver, errand.good_until);
}

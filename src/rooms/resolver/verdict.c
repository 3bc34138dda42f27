/* May this account send as these domains? And if not: what was seen, and what to publish. */
#include "rooms/resolver/resolver.h"

enum { FINDINGS_MOST = 12, VALUE_MOST = 512 - 2 - 16, SEEN_SHOWN = 200 };

struct judging {
	struct resolver *resolver;
	const struct verdict_request *request;
	struct arena *arena;
	struct finding findings[FINDINGS_MOST];
	struct view domains[FINDINGS_MOST]; /* beside: whom the finding is about */
	size_t count;
	struct usable_key usable[SEALS_MOST];
	size_t usable_count;
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

/* "Who is checked", "When". */
static void judge_mail(struct judging *judging)
{
	const struct view domain = judging->request->mail_from;
	judge_required(judging, domain, CHECK_TOKEN);
	judge_required(judging, domain, CHECK_SPF);
	bool failing = false;
	for (size_t i = 0; i < judging->count; i++)
		failing = failing || is_failing(judging, &judging->findings[i]);
	if (!failing)
		return;
	/* The customer mends all at once. */
	judge_required(judging, domain, CHECK_DKIM);
	judge_required(judging, domain, CHECK_DMARC);
}

static bool judge_data(struct judging *judging)
{
	const struct verdict_request *request = judging->request;
	/* The token decides about the seal, whatever is required. */
	const bool token = judge(judging, request->from, CHECK_TOKEN)->state == STATE_PASS;
	if (request->mail_from.length > 0)
		judge_required(judging, request->mail_from, CHECK_TOKEN);
	if (request->sender.length > 0)
		judge_required(judging, request->sender, CHECK_TOKEN);
	judge_required(judging, request->mail_from.length > 0 ? request->mail_from : request->from, CHECK_SPF);
	judge(judging, request->from, CHECK_DKIM);
	judge_required(judging, request->from, CHECK_DMARC);
	return token;
}

/* ---- words */

static void add_value(struct text *why, const char *lead, struct view name, struct view value)
{
	struct text line = TEXT_LIMIT(1024);
	text_print(&line, "%s%.*s%s\"", lead, VIEW_PRINT(name), name.length > 0 ? " TXT: " : "");
	const bool fits =
		line.length + value.length + 1 <= VALUE_MOST && text_add(&line, value) && text_add_byte(&line, '"');
	if (fits) {
		text_add(why, text_view(&line));
	} else {
		text_print(why, "%s%.*s TXT: too long for a reply, see below", lead, VIEW_PRINT(name));
	}
	text_add_byte(why, '\n');
	text_deinit(&line);
}

static void add_seen(struct text *why, const struct finding *finding)
{
	struct text shown = TEXT_LIMIT(1024);
	for (size_t i = 0; i < finding->seen_count && i < 2; i++) {
		const struct view seen = finding->seen[i];
		text_clear(&shown);
		for (size_t at = 0; at < seen.length && at < SEEN_SHOWN; at++)
			text_add_byte(&shown, byte_is_print(seen.data[at]) ? seen.data[at] : '?');
		text_print(why, "Seen at %.*s TXT: \"%s%s\"\n", VIEW_PRINT(view_first(finding->name, 200)),
		           text_cstring(&shown), seen.length > SEEN_SHOWN ? "..." : "");
	}
	text_deinit(&shown);
}

static void add_finding(struct text *why, const struct finding *finding, struct view domain)
{
	text_print(why, "%.*s: %.*s\n", VIEW_PRINT(domain), VIEW_PRINT(view_first(finding->problem, 250)));
	if (finding->state == STATE_UNKNOWN)
		return;
	add_seen(why, finding);
	if (finding->fix.length == 0)
		return;
	if (finding->replaces && finding->check == CHECK_SPF)
		add_value(why, "Replace with: ", VIEW_NONE, finding->fix);
	else
		add_value(why, finding->replaces ? "Replace with: " : "Publish: ", finding->name, finding->fix);
}

static void add_link(struct text *why, const struct judging *judging, struct view domain)
{
	const struct view url = (*judging->resolver->config)->service.console_url;
	if (url.length > 0)
		text_print(why, "%.*s/domains/%.*s\n", VIEW_PRINT(view_first(url, 200)), VIEW_PRINT(domain));
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

/* A definitive fault is 550 with all of them; else what could not be told is 451. */
static struct verdict conclude(struct judging *judging)
{
	struct text why = TEXT_LIMIT(16384);
	size_t failed = 0;
	size_t unknown = 0;
	struct enhanced_status status = { 0 };
	struct view last = VIEW_NONE;
	for (size_t i = 0; i < judging->count; i++) {
		if (!is_failing(judging, &judging->findings[i]))
			continue;
		failed += judging->findings[i].state == STATE_FAIL;
		unknown += judging->findings[i].state == STATE_UNKNOWN;
	}
	for (size_t i = 0; failed + unknown > 0 && i < judging->count; i++) {
		const struct finding *finding = &judging->findings[i];
		const enum check_state told = failed > 0 ? STATE_FAIL : STATE_UNKNOWN;
		if (!is_failing(judging, finding) || finding->state != told)
			continue;
		status = finding->status;
		add_finding(&why, finding, judging->domains[i]);
		last = judging->domains[i];
	}
	if (failed + unknown == 0)
		return VERDICT_OK;
	if (failed > 0)
		add_link(&why, judging, last);
	const struct view text = copy_lines(judging->arena, &why);
	if (failed > 1)
		status = (struct enhanced_status){ 5, 7, 26 };
	return failed > 0 ? verdict_never(550, status, text)
	                  : verdict_later(status.subject == 7 ? 450 : 451, status, text);
}

void resolver_answer_verdict(void *room, const struct caller *caller, const void *question, void *given,
                             struct arena *arena)
{
	(void)caller;
	struct verdict_answer *answer = given;
	struct judging judging = { .resolver = room, .request = question, .arena = arena };
	bool token = false;
	judging.resolver->counters.verdicts++;
	if (judging.request->moment == MOMENT_MAIL)
		judge_mail(&judging);
	else
		token = judge_data(&judging);
	answer->verdict = conclude(&judging);
	answer->warnings = warnings_of(&judging);
	if (judging.request->moment == MOMENT_DATA)
		grants_tell(judging.resolver, judging.request->account, judging.request->from, token);
	for (size_t i = 0; token && i < judging.usable_count; i++)
		answer->seals[answer->seal_count++] = judging.usable[i];
	judging.resolver->counters.refused += answer->verdict.outcome == OUTCOME_NEVER;
	judging.resolver->counters.later += answer->verdict.outcome == OUTCOME_LATER;
}

/* ---- before queued mail leaves */

void resolver_answer_may_send(void *room, const struct caller *caller, const void *question, void *given,
                              struct arena *arena)
{
	(void)caller;
	struct resolver *resolver = room;
	const struct may_send_request *request = question;
	struct may_send_answer *answer = given;
	answer->permission = PERMISSION_YES;
	answer->good_for = (*resolver->config)->dns.min_ttl;
	for (size_t i = 0; request->require_token == REQUIRE_ENFORCE && i < request->domain_count; i++) {
		const struct who who = {
			.domain = request->domains[i],
			.account = request->account,
			.as_typed = request->as_typed,
		};
		struct finding finding;
		find_check(resolver, &who, CHECK_TOKEN, arena, &finding, NULL, NULL);
		if (finding.state == STATE_FAIL) {
			answer->permission = PERMISSION_NO;
			answer->why = arena_print(arena, "%.*s no longer names this user account", VIEW_PRINT(who.domain));
			return;
		}
		if (finding.state == STATE_UNKNOWN)
			answer->permission = PERMISSION_UNKNOWN;
	}
}

/* ---- the doctor */

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

void resolver_answer_check(void *room, const struct caller *caller, const void *question, void *given,
                           struct arena *arena)
{
	(void)caller;
	struct resolver *resolver = room;
	const struct check_request *request = question;
	struct check_answer *answer = given;
	const struct who who = {
		.domain = request->domain,
		.account = request->account,
		.as_typed = request->as_typed,
	};
	struct usable_key usable[SEALS_MOST];
	size_t usable_count = 0;
	struct finding finding;
	answer->ready = true;
	for (unsigned check = 0; check < CHECK_COUNT; check++) {
		if (check == CHECK_TOKEN && request->account.length == 0) {
			finding = (struct finding){
				.check = CHECK_TOKEN,
				.state = STATE_UNKNOWN,
				.name = request->domain,
				.detail = VIEW("which account? a token names one: --account NAME"),
			};
		} else if (check == CHECK_TOKEN) {
			find_token(resolver, &who, FRESH_NOW, arena, &finding);
		} else if (check == CHECK_SPF) {
			find_spf(resolver, &who, FRESH_NOW, arena, &finding);
		} else if (check == CHECK_DKIM) {
			const struct who anyone = { .domain = request->domain };
			find_dkim(resolver, &anyone, FRESH_NOW, arena, &finding, usable, &usable_count);
		} else {
			find_dmarc(resolver, &who, FRESH_NOW, arena, &finding);
		}
		answer->ready = answer->ready && (finding.state == STATE_PASS || finding.state == STATE_WARN);
		row_of(&finding, &answer->checks[answer->check_count++]);
	}
}

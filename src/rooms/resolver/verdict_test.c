#include "rooms/resolver/scene.h"

#include "mail/token.h"

/* What may be sent, and the words of the refusals: what a customer reads is held here to the letter. */

static struct verdict_request request_of(struct view domain, enum verdict_moment moment)
{
	return (struct verdict_request){
		.moment = moment,
		.account = VIEW(SCENE_ACCOUNT),
		.as_typed = VIEW("Steve.Mailer@mycorp.se"),
		.mail_from = domain,
		.from = moment == MOMENT_DATA ? domain : VIEW_NONE,
	};
}

/* A domain that names nobody, whatever else it publishes, may not be sent as. */
static void a_token_is_needed(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct view texts[3];
	} rows[] = {
		{ "no TXT at all", { { 0 } } },
		{ "another TXT", { VIEW_INIT("google-site-verification=x") } },
		{ "SPF only", { VIEW_INIT("v=spf1 include:elastx.email -all") } },
		{ "another account's token",
		  { VIEW_INIT("elastx-mrs=f7ee5ec7312165148b69fcca1d29075b14b8aef0b5048a332b18b88d09069fb7") } },
		{ "an empty token", { VIEW_INIT("elastx-mrs=") } },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene *scene = scene_new(VIEW(""));
		for (size_t j = 0; j < 3 && rows[i].texts[j].length > 0; j++)
			scene_publish(scene, DNS_TXT, VIEW("example.com"), rows[i].texts[j]);
		const struct verdict_request request = request_of(VIEW("example.com"), MOMENT_DATA);
		const struct verdict_answer answer = scene_verdict(scene, &request);
		expect_number(rows[i].name, answer.verdict.outcome, OUTCOME_NEVER);
		expect_number(rows[i].name, (int64_t)answer.seal_count, 0);
		expect_number(rows[i].name, scene_may_send(scene, VIEW("example.com")).permission, PERMISSION_NO);
		expect_number(rows[i].name, (int64_t)scene->grant_count, 0);
		scene_free(scene);
	}
}

/* ---- refusals */

#define SPF     VIEW_INIT("v=spf1 include:elastx.email -all")
#define DMARC   VIEW_INIT("v=DMARC1; p=none")
#define AT      VIEW_INIT("example.com")
#define KEY_AT  VIEW_INIT("elastx._domainkey.example.com")
#define POLICY  VIEW_INIT("_dmarc.example.com")
#define LINK    "https://console.elastx.email/domains/example.com"
#define IS_OURS VIEW_INIT("<token>") /* stands for the token of the scene's account */
#define IS_KEY  VIEW_INIT("<key>")   /* stands for the record of the scene's key */
#define FAILS   VIEW_INIT("<fails>")

static const struct refusal_case {
	const char *name;
	enum verdict_moment moment;
	struct {
		struct view name;
		struct view text;
	} published[8];
	unsigned code; /* 0: taken */
	struct enhanced_status status;
	const char *why;
} refusal_cases[] = {
#include "rooms/resolver/refusals.inc"
};

static struct view meant(struct scene *scene, struct view text)
{
	struct text token = TEXT_LIMIT(256);
	if (view_equal(text, VIEW("<key>")))
		return scene_key_record(scene, 0);
	if (!view_equal(text, VIEW("<token>")))
		return text;
	token_write(VIEW("elastx-mrs"), VIEW(SCENE_ACCOUNT), &token);
	const struct view copy = arena_copy(&scene->arena, text_view(&token));
	text_deinit(&token);
	return copy;
}

static void set_up(struct scene *scene, const struct refusal_case *row)
{
	for (size_t i = 0; i < 8 && row->published[i].name.length > 0; i++)
		if (view_equal(row->published[i].text, VIEW("<fails>")))
			scene_answer(scene, row->published[i].name, DNS_FAILED);
		else
			scene_publish(scene, DNS_TXT, row->published[i].name, meant(scene, row->published[i].text));
}

/* Token and key are long and the same everywhere: they are told by their names. */
static void shorten(struct scene *scene, struct view why, struct text *into)
{
	const struct view names[] = { VIEW("<token>"), VIEW("<key>") };
	while (why.length > 0) {
		size_t taken = 1;
		for (size_t i = 0; i < 2; i++) {
			const struct view value = meant(scene, names[i]);
			if (view_starts(why, value)) {
				text_add(into, names[i]);
				taken = value.length;
			}
		}
		if (taken == 1)
			text_add_byte(into, why.data[0]);
		why = view_from(why, taken);
	}
}

static void expect_reply_lines(const char *name, struct view why)
{
	struct view line;
	while (view_split(&why, '\n', &line)) {
		expect_number(name, line.length > 0 && line.length + 11 + 2 <= 512, true);
		for (size_t i = 0; i < line.length; i++)
			expect_number(name, byte_is_print(line.data[i]), true);
	}
}

static void refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(refusal_cases); i++) {
		const struct refusal_case *row = &refusal_cases[i];
		struct scene *scene = scene_new(VIEW(""));
		struct text why = TEXT_LIMIT(65536);
		set_up(scene, row);
		const struct verdict_request request = request_of(VIEW("example.com"), row->moment);
		const struct verdict_answer answer = scene_verdict(scene, &request);
		shorten(scene, answer.verdict.why, &why);
		expect_number(row->name, answer.verdict.code, row->code);
		expect_number(row->name, answer.verdict.status.class, row->status.class);
		expect_number(row->name, answer.verdict.status.subject, row->status.subject);
		expect_number(row->name, answer.verdict.status.detail, row->status.detail);
		expect_view(row->name, text_view(&why), view_of(row->why));
		if (why.length > 0)
			expect_reply_lines(row->name, answer.verdict.why);
		text_deinit(&why);
		scene_free(scene);
	}
}

/* ---- what a receiver will make of it */

static void receivers_are_thought_of(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum requirement dkim, dmarc;
		struct view mail_from, policy;
		bool has_key;
		enum outcome outcome;
		bool warns;
	} rows[] = {
		{ "sealed", REQUIRE_ENFORCE, REQUIRE_ENFORCE, VIEW_INIT("bounce.example"), VIEW_INIT("v=DMARC1; p=reject"),
		  true, OUTCOME_OK, false },
		{ "not sealed, SPF aligned", REQUIRE_OFF, REQUIRE_ENFORCE, VIEW_INIT("example.com"),
		  VIEW_INIT("v=DMARC1; p=reject"), false, OUTCOME_OK, false },
		{ "neither, and they reject", REQUIRE_OFF, REQUIRE_ENFORCE, VIEW_INIT("bounce.example"),
		  VIEW_INIT("v=DMARC1; p=reject"), false, OUTCOME_NEVER, false },
		{ "neither, and they reject: told only", REQUIRE_OFF, REQUIRE_WARN, VIEW_INIT("bounce.example"),
		  VIEW_INIT("v=DMARC1; p=quarantine"), false, OUTCOME_OK, true },
		{ "neither, and nothing is asked of them", REQUIRE_OFF, REQUIRE_ENFORCE, VIEW_INIT("bounce.example"),
		  VIEW_INIT("v=DMARC1; p=none"), false, OUTCOME_OK, true },
		{ "neither, and nobody cares", REQUIRE_OFF, REQUIRE_OFF, VIEW_INIT("bounce.example"),
		  VIEW_INIT("v=DMARC1; p=reject"), false, OUTCOME_OK, false },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene *scene = scene_new(VIEW(""));
		struct verdict_request request = request_of(VIEW("example.com"), MOMENT_DATA);
		request.mail_from = rows[i].mail_from;
		request.require[CHECK_DKIM] = rows[i].dkim;
		request.require[CHECK_DMARC] = rows[i].dmarc;
		scene_publish_all(scene, VIEW("example.com"));
		scene_publish_all(scene, VIEW("bounce.example"));
		scene_withdraw(scene, VIEW("_dmarc.example.com"));
		scene_publish(scene, DNS_TXT, VIEW("_dmarc.example.com"), rows[i].policy);
		if (!rows[i].has_key)
			scene_withdraw(scene, VIEW("elastx._domainkey.example.com"));
		const struct verdict_answer answer = scene_verdict(scene, &request);
		expect_number(rows[i].name, answer.verdict.outcome, rows[i].outcome);
		expect_number(rows[i].name, answer.warnings.length > 0, rows[i].warns);
		expect_number(rows[i].name, (int64_t)answer.seal_count, rows[i].has_key);
		if (rows[i].has_key)
			expect_view(rows[i].name, answer.seals[0].record, scene_key_record(scene, 0));
		scene_free(scene);
	}
}

/* A seal of the customer's that could not be judged is no bad seal. */
static void seals_that_cannot_be_told(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct view sealed_by, fails;
		bool untold;
		unsigned code;
	} rows[] = {
		{ "a good one", VIEW_INIT("example.com"), VIEW_INIT(""), false, 0 },
		{ "none", VIEW_INIT(""), VIEW_INIT(""), false, 550 },
		{ "its key cannot be asked for", VIEW_INIT(""), VIEW_INIT(""), true, 451 },
		{ "another's", VIEW_INIT("other.example"), VIEW_INIT(""), false, 550 },
		{ "another's, and its policy cannot be asked for", VIEW_INIT("sub.example.com"),
		  VIEW_INIT("_dmarc.sub.example.com"), false, 451 },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene *scene = scene_new(VIEW(""));
		struct verdict_request request = request_of(VIEW("example.com"), MOMENT_DATA);
		scene_publish_all(scene, VIEW("example.com"));
		scene_withdraw(scene, VIEW("elastx._domainkey.example.com"));
		if (rows[i].fails.length > 0)
			scene_answer(scene, rows[i].fails, DNS_FAILED);
		request.sealed_by[0] = rows[i].sealed_by;
		request.sealed_by_count = rows[i].sealed_by.length > 0;
		request.seals_untold = rows[i].untold;
		expect_number(rows[i].name, scene_verdict(scene, &request).verdict.code, rows[i].code);
		scene_free(scene);
	}
}

/* ---- DNS that fails */

/* The last answers serve, and are not waited for: a message takes at most 4 s, the next ones no time. */
static void silence_holds_nobody_up(void **state)
{
	(void)state;
	struct scene *scene = scene_new(VIEW(""));
	const struct verdict_request moments[] = { request_of(VIEW("example.com"), MOMENT_MAIL),
		                                       request_of(VIEW("example.com"), MOMENT_DATA) };
	scene_publish_all(scene, VIEW("example.com"));
	for (size_t i = 0; i < CASES(moments); i++)
		expect_number("before", scene_verdict(scene, &moments[i]).verdict.outcome, OUTCOME_OK);
	scene->is_silent = true;
	const int64_t allowed[] = { 4 * SECOND, 0 };
	scene->now += HOUR;
	for (size_t message = 0; message < CASES(allowed); message++) {
		const int64_t began = scene->now;
		for (size_t i = 0; i < CASES(moments); i++)
			expect_number("during", scene_verdict(scene, &moments[i]).verdict.outcome, OUTCOME_OK);
		expect_number(message == 0 ? "first" : "next", scene->now - began <= allowed[message], true);
	}
	scene_free(scene);
}

/* Askers remember a good answer, but never beyond what the room itself would go by. */
static void good_for_as_long_as_its_records(void **state)
{
	(void)state;
	struct scene *scene = scene_new(VIEW(""));
	const struct verdict_request mail = request_of(VIEW("example.com"), MOMENT_MAIL);
	scene_publish_all(scene, VIEW("example.com"));
	expect_number("fresh", scene_verdict(scene, &mail).good_for, 10 * SECOND);
	scene->now += 296 * SECOND; /* the records live for 300 s */
	expect_number("verdict", scene_verdict(scene, &mail).good_for, 4 * SECOND);
	expect_number("may send", scene_may_send(scene, VIEW("example.com")).good_for, 4 * SECOND);
	scene->is_silent = true;
	scene->now += MINUTE;
	expect_number("in grace", scene_verdict(scene, &mail).good_for, 0);
	expect_number("in grace", scene_verdict(scene, &mail).verdict.outcome, OUTCOME_OK);
	scene_free(scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_needed),        cmocka_unit_test(refusals),
		cmocka_unit_test(receivers_are_thought_of), cmocka_unit_test(seals_that_cannot_be_told),
		cmocka_unit_test(silence_holds_nobody_up),  cmocka_unit_test(good_for_as_long_as_its_records),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

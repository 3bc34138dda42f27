#include "rooms/resolver/scene.h"

/* Look-ups: what a message may cost, whatever a domain publishes, and for how long what was answered serves. */

static struct verdict_request request_of(struct view domain, enum verdict_moment moment)
{
	return (struct verdict_request){
		.moment = moment,
		.account = VIEW(SCENE_ACCOUNT),
		.mail_from = domain,
		.from = moment == MOMENT_DATA ? domain : VIEW_NONE,
		.others = { VIEW("sender.example") },
		.other_count = moment == MOMENT_DATA ? 1 : 0,
	};
}

/* ---- hostile domains */

static void publish_txt(struct scene *scene, struct view name, struct view text)
{
	scene_publish(scene, DNS_TXT, name, text);
}

static void publish_token(struct scene *scene)
{
	scene_publish_all(scene, VIEW("example.com"));
	scene_withdraw_text(scene, VIEW("v=spf1"));
}

/* Each record includes ten others, so deep that nobody comes to an end. */
static void include_bomb(struct scene *scene)
{
	static const char *const levels[] = { "example.com", "a.example", "b.example", "c.example" };
	publish_token(scene);
	for (unsigned level = 0; level + 1 < CASES(levels); level++)
		for (unsigned place = 0; place < 10; place++) {
			struct text record = TEXT_LIMIT(1024);
			text_add(&record, VIEW("v=spf1"));
			for (unsigned i = 0; i < 10; i++)
				text_print(&record, " include:%u.%s", i, levels[level + 1]);
			if (level > 0 || place == 0)
				publish_txt(scene,
				            level == 0 ? VIEW("example.com")
				                       : arena_print(&scene->arena, "%u.%s", place, levels[level]),
				            arena_copy(&scene->arena, text_view(&record)));
			text_deinit(&record);
		}
}

static void include_loop(struct scene *scene)
{
	publish_token(scene);
	publish_txt(scene, VIEW("example.com"), VIEW("v=spf1 include:a.example redirect=a.example"));
	publish_txt(scene, VIEW("a.example"), VIEW("v=spf1 include:b.example redirect=example.com"));
	publish_txt(scene, VIEW("b.example"), VIEW("v=spf1 include:a.example include:example.com"));
}

static void macro_bomb(struct scene *scene)
{
	struct text record = TEXT_LIMIT(65536);
	publish_token(scene);
	text_add(&record, VIEW("v=spf1"));
	for (unsigned i = 0; i < 600; i++)
		text_print(&record, " exists:%%{s}%%{l}%%{d}%%{i}.%%{p}.%u.%%{h}%%{d2}.example", i);
	publish_txt(scene, VIEW("example.com"), arena_copy(&scene->arena, text_view(&record)));
	text_deinit(&record);
}

/* Ten names of ten hosts each. */
static void mx_bomb(struct scene *scene)
{
	struct text record = TEXT_LIMIT(1024);
	publish_token(scene);
	text_add(&record, VIEW("v=spf1"));
	for (unsigned i = 0; i < 10; i++) {
		const struct view name = arena_print(&scene->arena, "m%u.example", i);
		text_print(&record, " mx:%.*s", VIEW_PRINT(name));
		for (uint16_t j = 0; j < 10; j++)
			scene_publish_mx(scene, name, j, arena_print(&scene->arena, "h%u.m%u.example", j, i));
	}
	publish_txt(scene, VIEW("example.com"), arena_copy(&scene->arena, text_view(&record)));
	text_deinit(&record);
}

static void large_texts(struct scene *scene)
{
	char *filler = arena_alloc(&scene->arena, 64000, 1);
	for (size_t i = 0; i < 64000; i++)
		filler[i] = "v=spf1 include:x"[i % 16];
	publish_token(scene);
	publish_txt(scene, VIEW("example.com"), view_bytes(filler, 64000));
	publish_txt(scene, VIEW("_dmarc.example.com"), view_bytes(filler, 64000));
	publish_txt(scene, VIEW("elastx._domainkey.example.com"), view_bytes(filler, 64000));
}

static void many_texts(struct scene *scene)
{
	for (unsigned i = 0; i < 2500; i++)
		publish_txt(scene, VIEW("example.com"), arena_print(&scene->arena, "verification=%u", i));
	scene_publish_all(scene, VIEW("example.com"));
	for (unsigned i = 2500; i < 5000; i++)
		publish_txt(scene, VIEW("example.com"), arena_print(&scene->arena, "verification=%u", i));
	scene_publish_all(scene, VIEW("sender.example"));
}

static void all_good(struct scene *scene)
{
	scene_publish_all(scene, VIEW("example.com"));
	scene_publish_all(scene, VIEW("sender.example"));
}

static void slow(struct scene *scene)
{
	include_bomb(scene);
	scene->latency = 1500 * MILLISECOND;
}

static void silent(struct scene *scene)
{
	scene->is_silent = true;
}

#define EGRESS "egress: [ { name: default, addresses: [ \"192.0.2.10\", \"2001:db8::10\", \"192.0.2.11\" ] } ]\n"

static const struct bomb_case {
	const char *name;
	void (*publish)(struct scene *scene);
	enum outcome first; /* the first message's */
} bomb_cases[] = {
	{ "nothing wrong", all_good, OUTCOME_OK },
	{ "includes of includes", include_bomb, OUTCOME_NEVER },
	{ "a loop of includes and redirects", include_loop, OUTCOME_NEVER },
	{ "macros", macro_bomb, OUTCOME_NEVER },
	{ "MX of many hosts", mx_bomb, OUTCOME_LATER },
	{ "texts of 64 KB", large_texts, OUTCOME_NEVER },
	{ "5,000 texts, the token among them", many_texts, OUTCOME_OK },
	{ "answers after 1.5 s each", slow, OUTCOME_LATER },
	{ "no answers", silent, OUTCOME_LATER },
};

/* Both moments of a message together: at most 40 look-ups and 10 s. */
static void a_message_is_bounded(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(bomb_cases); i++) {
		const struct bomb_case *row = &bomb_cases[i];
		struct scene *scene = scene_new(VIEW(EGRESS));
		const struct verdict_request moments[] = { request_of(VIEW("example.com"), MOMENT_MAIL),
			                                       request_of(VIEW("example.com"), MOMENT_DATA) };
		row->publish(scene);
		const int64_t began = scene->now;
		enum outcome outcome = OUTCOME_OK;
		for (size_t moment = 0; moment < 2 && outcome == OUTCOME_OK; moment++)
			outcome = scene_verdict(scene, &moments[moment]).verdict.outcome;
		expect_number(row->name, outcome, row->first);
		scene_verdict(scene, &moments[1]);
		expect_number(row->name, scene->asked <= 40, true);
		expect_number(row->name, scene->now - began <= 10 * SECOND, true);
		scene_free(scene);
	}
}

/* What is slow comes to its end all the same: each attempt finds what the one before has asked. */
static void attempts_come_to_an_end(void **state)
{
	(void)state;
	struct scene *scene = scene_new(VIEW(EGRESS));
	const struct verdict_request request = request_of(VIEW("example.com"), MOMENT_MAIL);
	enum outcome outcome = OUTCOME_LATER;
	slow(scene);
	for (unsigned attempt = 0; attempt < 6 && outcome == OUTCOME_LATER; attempt++) {
		outcome = scene_verdict(scene, &request).verdict.outcome;
		scene->now += MINUTE;
	}
	expect_number("a slow domain", outcome, OUTCOME_NEVER);
	scene_free(scene);
}

/* ---- failures of DNS */

/* They are never a no, and what was answered before serves for dns.grace, not longer. */
static void failures_are_no_verdict(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int64_t later; /* after the good answer */
		enum outcome outcome;
		enum permission permission;
	} rows[] = {
		{ "never asked before", -1, OUTCOME_LATER, PERMISSION_UNKNOWN },
		{ "while the answer's time lasts", MINUTE, OUTCOME_OK, PERMISSION_YES },
		{ "an hour after it", 2 * HOUR, OUTCOME_OK, PERMISSION_YES },
		{ "just within the grace", 24 * HOUR - 10 * MINUTE, OUTCOME_OK, PERMISSION_YES },
		{ "the grace is over", 24 * HOUR, OUTCOME_LATER, PERMISSION_UNKNOWN },
	};
	static const struct view names[] = { VIEW_INIT("example.com"), VIEW_INIT("_dmarc.example.com"),
		                                 VIEW_INIT("elastx._domainkey.example.com") };
	for (size_t i = 0; i < CASES(rows); i++)
		for (int is_silent = 0; is_silent < 2; is_silent++) {
			struct scene *scene = scene_new(VIEW(""));
			struct verdict_request request = request_of(VIEW("example.com"), MOMENT_DATA);
			request.other_count = 0;
			scene_publish_all(scene, VIEW("example.com"));
			if (rows[i].later >= 0)
				expect_number(rows[i].name, scene_verdict(scene, &request).verdict.outcome, OUTCOME_OK);
			for (size_t j = 0; j < CASES(names); j++) {
				scene_withdraw(scene, names[j]);
				scene_answer(scene, names[j], DNS_FAILED);
			}
			scene->is_silent = is_silent;
			/* Failures between do not make it longer. */
			for (int64_t step = 0; step < rows[i].later; step += HOUR) {
				scene_verdict(scene, &request);
				scene->now += rows[i].later - step < HOUR ? rows[i].later - step : HOUR;
			}
			const struct verdict_answer answer = scene_verdict(scene, &request);
			expect_number(rows[i].name, answer.verdict.outcome, rows[i].outcome);
			if (rows[i].outcome == OUTCOME_LATER) {
				expect_number(rows[i].name, answer.verdict.code, 451);
				expect_number(rows[i].name,
				              view_find(answer.verdict.why, VIEW("DNS cannot be asked")) != VIEW_NOT_FOUND, true);
			}
			expect_number(rows[i].name, scene_may_send(scene, VIEW("example.com")).permission, rows[i].permission);
			scene_free(scene);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_bounded),
		cmocka_unit_test(attempts_come_to_an_end),
		cmocka_unit_test(failures_are_no_verdict),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

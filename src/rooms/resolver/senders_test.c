#include "rooms/resolver/scene.h"

#include <stdio.h>
#include <unistd.h>

/* Who may send as what, over days: looked at again before it is too old, told when it changes. */

static struct verdict_answer ask(struct scene *scene, enum verdict_moment moment)
{
	const struct verdict_request request = {
		.moment = moment,
		.account = VIEW(SCENE_ACCOUNT),
		.mail_from = VIEW("example.com"),
		.from = moment == MOMENT_DATA ? VIEW("example.com") : VIEW_NONE,
	};
	return scene_verdict(scene, &request);
}

/* One message. */
static enum outcome message(struct scene *scene)
{
	const enum outcome outcome = ask(scene, MOMENT_MAIL).verdict.outcome;
	return outcome == OUTCOME_OK ? ask(scene, MOMENT_DATA).verdict.outcome : outcome;
}

static struct scene *ready_scene(const char *more)
{
	struct scene *scene = scene_new(view_of(more));
	scene_recheck(scene);
	scene_publish_all(scene, VIEW("example.com"));
	expect_number("ready", message(scene), OUTCOME_OK);
	return scene;
}

static void a_change_is_told_once(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct view withdrawn; /* after the first message */
		bool dns_fails;
		bool with_mail; /* messages go on */
		size_t broken;  /* how often it is told */
	} rows[] = {
		{ "nothing changes", VIEW_INIT(""), false, true, 0 },
		{ "the token goes, mail goes on", VIEW_INIT("elastx-mrs="), false, true, 1 },
		{ "the token goes, nobody sends", VIEW_INIT("elastx-mrs="), false, false, 1 },
		{ "SPF goes, nobody sends", VIEW_INIT("v=spf1"), false, false, 1 },
		{ "the key goes, nobody sends", VIEW_INIT("v=DKIM1"), false, false, 1 },
		{ "DMARC goes, nobody sends", VIEW_INIT("v=DMARC1"), false, false, 1 },
		{ "all but the token goes", VIEW_INIT("v="), false, false, 1 },
		{ "DNS fails", VIEW_INIT(""), true, true, 0 },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene *scene = ready_scene("");
		expect_number(rows[i].name, (int64_t)scene_events(scene, "domain_ready"), 1);
		if (rows[i].withdrawn.length > 0)
			scene_withdraw_text(scene, rows[i].withdrawn);
		scene->is_silent = rows[i].dns_fails;
		for (unsigned minute = 0; minute < 20; minute++) {
			scene_wait(scene, MINUTE);
			if (rows[i].with_mail)
				message(scene);
		}
		expect_number(rows[i].name, (int64_t)scene_events(scene, "domain_broken"), (int64_t)rows[i].broken);
		expect_number(rows[i].name, (int64_t)scene->released, 0);
		scene_withdraw(scene, VIEW("example.com"));
		scene_withdraw(scene, VIEW("_dmarc.example.com"));
		scene_withdraw(scene, VIEW("elastx._domainkey.example.com"));
		scene_publish_all(scene, VIEW("example.com"));
		scene->is_silent = false;
		scene_wait(scene, 10 * MINUTE);
		expect_number(rows[i].name, (int64_t)scene_events(scene, "domain_ready"), 1 + (int64_t)rows[i].broken);
		expect_number(rows[i].name, (int64_t)scene_events(scene, "domain_broken"), (int64_t)rows[i].broken);
		expect_number(rows[i].name, (int64_t)scene->released, view_starts(rows[i].withdrawn, VIEW("elastx-mrs=")));
		scene_free(scene);
	}
}

/* Whoever sends now and then waits for no DNS, slow as it is; what is asked meanwhile goes past the caches. */
static void messages_wait_for_no_dns(void **state)
{
	(void)state;
	struct scene *scene = ready_scene("");
	const size_t fresh = scene->asked_fresh;
	scene->latency = 3 * SECOND;
	for (unsigned i = 0; i < 50; i++) {
		scene_wait(scene, 70 * SECOND);
		const int64_t began = scene->now;
		expect_number("taken", message(scene), OUTCOME_OK);
		expect_number("waited", scene->now - began, 0);
	}
	expect_number("past the caches", scene->asked_fresh > fresh, true);
	scene_free(scene);
}

/* The longer nobody sends, the rarer; after a week never. */
static void idle_senders_cost_little(void **state)
{
	(void)state;
	struct scene *scene = ready_scene("");
	static const struct {
		const char *name;
		int64_t duration;
		size_t most; /* look-ups */
	} rows[] = {
		{ "the first hour", HOUR, 100 },
		{ "the first day", 23 * HOUR, 200 },
		{ "the first week", 6 * DAY, 120 },
		{ "after it", 10 * DAY, 8 },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		const size_t before = scene->asked;
		scene_wait(scene, rows[i].duration);
		expect_number(rows[i].name, scene->asked - before <= rows[i].most, true);
	}
	expect_number("forgotten", (int64_t)senders_count(scene->resolver.senders), 0);
	scene_free(scene);
}

static void strangers_are_not_remembered(void **state)
{
	(void)state;
	struct scene *scene = scene_new(VIEW(""));
	expect_number("no token", message(scene), OUTCOME_NEVER);
	expect_number("no token", (int64_t)senders_count(scene->resolver.senders), 0);
	scene_free(scene);
}

/* Mail that waits is let go soon after its token is back, though nobody sends. */
static void waiting_mail_is_let_go(void **state)
{
	(void)state;
	struct scene *scene = ready_scene("");
	scene_withdraw_text(scene, VIEW("elastx-mrs="));
	scene_wait(scene, 6 * MINUTE);
	expect_number("held", scene_may_send(scene, VIEW("example.com")).permission, PERMISSION_NO);
	scene_wait(scene, 10 * MINUTE);
	scene_publish_all(scene, VIEW("example.com"));
	scene_wait(scene, 3 * MINUTE);
	expect_number("let go", (int64_t)scene->released, 1);
	expect_number("may leave", scene_may_send(scene, VIEW("example.com")).permission, PERMISSION_YES);
	scene_free(scene);
}

/* A change that falls into a restart is told after it; nothing is told twice. */
static void a_restart_between(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		bool broken;
	} rows[] = { { "all stays", false }, { "the token goes meanwhile", true } };
	for (size_t i = 0; i < CASES(rows); i++) {
		char directory[64] = "/tmp/sealpost-senders-XXXXXX";
		char path[96];
		assert_non_null(mkdtemp(directory));
		struct scene *scene = scene_new(VIEW(""));
		scene_keep(scene, directory);
		scene_publish_all(scene, VIEW("example.com"));
		expect_number(rows[i].name, message(scene), OUTCOME_OK);
		if (rows[i].broken)
			scene_withdraw_text(scene, VIEW("elastx-mrs="));
		scene_restart(scene);
		scene_recheck(scene);
		expect_number(rows[i].name, (int64_t)senders_count(scene->resolver.senders), 1);
		scene_wait(scene, 10 * MINUTE);
		expect_number(rows[i].name, (int64_t)scene_events(scene, "domain_ready"), 1);
		expect_number(rows[i].name, (int64_t)scene_events(scene, "domain_broken"), rows[i].broken);
		scene_free(scene);
		for (unsigned end = 0; end < 3; end++) {
			static const char *const ends[] = { "", "-wal", "-shm" };
			snprintf(path, sizeof(path), "%s/resolver.db%s", directory, ends[end]);
			remove(path);
		}
		rmdir(directory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_is_told_once),    cmocka_unit_test(messages_wait_for_no_dns),
		cmocka_unit_test(idle_senders_cost_little), cmocka_unit_test(strangers_are_not_remembered),
		cmocka_unit_test(waiting_mail_is_let_go),   cmocka_unit_test(a_restart_between),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "rooms/resolver/scene.h"

/* A domain's keys take turns. The scene's domain has no name servers of its own: what the resolver sees counts. */

static const struct view domain = VIEW_INIT("example.com");
static const struct view first_name = VIEW_INIT("elastx._domainkey.example.com");
static const struct view second_name = VIEW_INIT("elastx2._domainkey.example.com");

/* What mail is sealed with: the selectors, one after the other; "-": refused. */
static void expect_seals(const char *name, struct scene *scene, const char *wanted)
{
	const struct verdict_request request = {
		.moment = MOMENT_DATA,
		.account = VIEW(SCENE_ACCOUNT),
		.mail_from = domain,
		.from = domain,
	};
	const struct verdict_answer answer = scene_verdict(scene, &request);
	struct text seals = TEXT_LIMIT(1000);
	for (size_t i = 0; i < answer.seal_count; i++)
		text_print(&seals, "%s%.*s", i > 0 ? " " : "", VIEW_PRINT(answer.seals[i].selector));
	if (answer.verdict.outcome != OUTCOME_OK)
		text_add(&seals, VIEW("-"));
	expect_view(name, text_view(&seals), view_of(wanted));
	text_deinit(&seals);
}

/* elastx seals, elastx2 is to be next. */
static struct scene *rotating_scene(void)
{
	struct scene *scene = scene_new(VIEW_NONE);
	scene_publish_all(scene, domain);
	scene->keys[1].selector = VIEW("elastx2");
	scene->keys[1].phase = KEY_NEXT;
	scene->key_count = 2;
	return scene;
}

static void the_one_before_seals_until_the_next_is_seen(void **state)
{
	(void)state;
	struct scene *scene = rotating_scene();
	expect_seals("nothing published", scene, "elastx");
	scene_wait(scene, 10 * MINUTE);
	expect_seals("nor later", scene, "elastx");
	assert_int_equal(scene_events(scene, "key_rotated"), 0);
	scene_publish(scene, DNS_TXT, second_name, scene_key_record(scene, 1));
	scene_wait(scene, 2 * HOUR);
	expect_seals("published; this message makes it look", scene, "elastx");
	scene_wait(scene, MINUTE);
	expect_seals("seen", scene, "elastx2");
	assert_int_equal(scene_events(scene, "key_rotated"), 1);
	scene_wait(scene, HOUR);
	expect_seals("it stays so", scene, "elastx2");
	assert_int_equal(scene_events(scene, "key_rotated"), 1);
	scene_free(scene);
}

static void one_key_in_dns_is_enough(void **state)
{
	(void)state;
	struct scene *scene = rotating_scene();
	scene_withdraw(scene, first_name);
	scene_publish(scene, DNS_TXT, second_name, scene_key_record(scene, 1));
	expect_seals("the owner has replaced the record", scene, "elastx2");
	scene_wait(scene, MINUTE);
	scene_withdraw(scene, second_name);
	scene_publish(scene, DNS_TXT, first_name, scene_key_record(scene, 0));
	scene_wait(scene, 2 * HOUR);
	expect_seals("and has put back the old one", scene, "elastx");
	scene_withdraw(scene, first_name);
	scene_wait(scene, 2 * HOUR);
	expect_seals("none is left", scene, "-");
	scene_free(scene);
}

static void the_doctor_tells_of_both(void **state)
{
	(void)state;
	struct scene *scene = rotating_scene();
	struct check_answer answer = scene_check(scene, domain);
	assert_true(answer.ready);
	assert_int_equal(answer.check_count, CHECK_COUNT + 1);
	expect_view("the first", answer.checks[CHECK_DKIM].name, first_name);
	const struct check_row *next = &answer.checks[CHECK_COUNT];
	expect_view("the next", next->name, second_name);
	expect_number("its state", next->state, STATE_WARN);
	expect_view("its record", next->fix, scene_key_record(scene, 1));
	expect_view("what is told", next->detail,
	            VIEW("the next key: elastx seals until all name servers show it; the DKIM key is not published."));
	scene_publish(scene, DNS_TXT, second_name, scene_key_record(scene, 1));
	scene_wait(scene, 2 * SECOND);
	answer = scene_check(scene, domain);
	expect_number("published", answer.checks[CHECK_COUNT].state, STATE_PASS);
	assert_int_equal(scene_events(scene, "key_rotated"), 1);
	scene->keys[0].since = 0;
	scene_wait(scene, 2 * SECOND);
	answer = scene_check(scene, domain);
	assert_int_equal(answer.check_count, CHECK_COUNT);
	expect_view("now", answer.checks[CHECK_DKIM].name, second_name);
	assert_true(view_find(answer.checks[CHECK_DKIM].detail, first_name) != VIEW_NOT_FOUND);
	scene_free(scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_one_before_seals_until_the_next_is_seen),
		cmocka_unit_test(one_key_in_dns_is_enough),
		cmocka_unit_test(the_doctor_tells_of_both),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

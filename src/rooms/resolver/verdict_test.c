#include "rooms/resolver/scene.h"

/* The words of the refusals: what a customer reads is held here to the letter. */

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_needed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

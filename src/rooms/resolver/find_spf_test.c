#include "rooms/resolver/scene.h"

/* SPF passes by the include, or because a receiver would let all our addresses pass. */

#define EGRESS VIEW_INIT("egress: [ { name: default, addresses: [ \"192.0.2.10\", \"2001:db8::10\" ] } ]\n")
#define NONE   VIEW_INIT("")

static const struct spf_case {
	const char *name;
	struct view more; /* configuration */
	struct {
		enum dns_type type;
		struct view name, data;
	} published[4];
	enum check_state state;
	const char *detail; /* within it */
	const char *fix;    /* WARN: the record that would not be warned of; FAIL: any when NULL */
} spf_cases[] = {
	{ "the include",
	  NONE,
	  { { DNS_TXT, VIEW_INIT("example.com"), VIEW_INIT("v=spf1 include:elastx.email -all") },
	    { DNS_TXT, VIEW_INIT("elastx.email"), VIEW_INIT("v=spf1 ip4:192.0.2.10 -all") } },
	  STATE_PASS,
	  "includes this service" },
	{ "networks, and no address of ours is known",
	  NONE,
	  { { DNS_TXT, VIEW_INIT("example.com"), VIEW_INIT("v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all") } },
	  STATE_FAIL,
	  "does not include this service" },
	{ "networks that hold all our addresses",
	  EGRESS,
	  { { DNS_TXT, VIEW_INIT("example.com"), VIEW_INIT("v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all") } },
	  STATE_PASS,
	  "lets all addresses of this service send" },
	{ "networks that hold one of them",
	  EGRESS,
	  { { DNS_TXT, VIEW_INIT("example.com"), VIEW_INIT("v=spf1 ip4:192.0.2.0/24 -all") } },
	  STATE_FAIL,
	  "does not include this service" },
	{ "a redirect to a record with our include",
	  EGRESS,
	  { { DNS_TXT, VIEW_INIT("example.com"), VIEW_INIT("v=spf1 redirect=_spf.example.com") },
	    { DNS_TXT, VIEW_INIT("_spf.example.com"), VIEW_INIT("v=spf1 include:elastx.email -all") },
	    { DNS_TXT, VIEW_INIT("elastx.email"), VIEW_INIT("v=spf1 ip4:192.0.2.10 ip6:2001:db8::10 -all") } },
	  STATE_PASS,
	  "lets all addresses of this service send" },
	{ "a service that uses macros",
	  EGRESS,
	  { { DNS_TXT, VIEW_INIT("example.com"), VIEW_INIT("v=spf1 exists:%{ir}.%{v}.ok.example.com -all") },
	    { DNS_A, VIEW_INIT("10.2.0.192.in-addr.ok.example.com"), VIEW_INIT("127.0.0.2") },
	    { DNS_A, VIEW_INIT("0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6.ok.example.com"),
	      VIEW_INIT("127.0.0.2") } },
	  STATE_PASS,
	  "lets all addresses of this service send" },
	{ "two levels deep, and no address of ours is known",
	  NONE,
	  { { DNS_TXT, VIEW_INIT("example.com"), VIEW_INIT("v=spf1 include:a.example.com -all") },
	    { DNS_TXT, VIEW_INIT("a.example.com"), VIEW_INIT("v=spf1 include:b.example.com -all") },
	    { DNS_TXT, VIEW_INIT("b.example.com"), VIEW_INIT("v=spf1 include:elastx.email -all") } },
	  STATE_FAIL,
	  "does not include this service" },
	{ "an include that nobody can follow",
	  NONE,
	  { { DNS_TXT, VIEW_INIT("example.com"), VIEW_INIT("v=spf1 include:elastx.email include:nowhere.example -all") },
	    { DNS_TXT, VIEW_INIT("elastx.email"), VIEW_INIT("v=spf1 ip4:192.0.2.10 -all") } },
	  STATE_WARN,
	  "receivers take it for an error",
	  "v=spf1 include:elastx.email -all" },
	{ "ours misspelt",
	  NONE,
	  { { DNS_TXT, VIEW_INIT("example.com"), VIEW_INIT("v=spf1 include:elastx.mail -all") },
	    { DNS_TXT, VIEW_INIT("elastx.email"), VIEW_INIT("v=spf1 ip4:192.0.2.10 -all") } },
	  STATE_FAIL,
	  "elastx.mail has no SPF record of its own, so it has to go; look-ups: 1 with the fix (10 are allowed)" },
	{ "no blank behind the version",
	  NONE,
	  { { DNS_TXT, VIEW_INIT("example.com"), VIEW_INIT("v=spf1include:elastx.email -all") } },
	  STATE_FAIL,
	  "what is seen is not read as an SPF record: it must begin with v=spf1 and a blank" },
	{ "of type SPF alone",
	  NONE,
	  { { DNS_SPF, VIEW_INIT("example.com"), VIEW_INIT("v=spf1 include:elastx.email -all") } },
	  STATE_FAIL,
	  "the SPF record is of type SPF (99), which receivers do not ask for",
	  "v=spf1 include:elastx.email -all" },
	{ "of type SPF alone, without us",
	  NONE,
	  { { DNS_SPF, VIEW_INIT("example.com"), VIEW_INIT("v=spf1 mx ~all") } },
	  STATE_FAIL,
	  "publish it as TXT",
	  "v=spf1 mx include:elastx.email ~all" },
	{ "of type SPF, and no record",
	  NONE,
	  { { DNS_SPF, VIEW_INIT("example.com"), VIEW_INIT("hello") } },
	  STATE_FAIL,
	  "there is no SPF record" },
	{ "an include loop",
	  NONE,
	  { { DNS_TXT, VIEW_INIT("example.com"), VIEW_INIT("v=spf1 include:elastx.email include:example.com -all") },
	    { DNS_TXT, VIEW_INIT("elastx.email"), VIEW_INIT("v=spf1 ip4:192.0.2.10 -all") } },
	  STATE_WARN,
	  "more than 10 terms that need a look-up" },
	{ "everybody",
	  NONE,
	  { { DNS_TXT, VIEW_INIT("example.com"), VIEW_INIT("v=spf1 include:elastx.email +all") },
	    { DNS_TXT, VIEW_INIT("elastx.email"), VIEW_INIT("v=spf1 ip4:192.0.2.10 -all") } },
	  STATE_WARN,
	  "+all" },
	{ "DNS fails on the way",
	  EGRESS,
	  { { DNS_TXT, VIEW_INIT("example.com"), VIEW_INIT("v=spf1 a:dead.example.com -all") },
	    { DNS_CNAME, VIEW_INIT("dead.example.com"), VIEW_INIT("!") } },
	  STATE_UNKNOWN,
	  "DNS could not be asked" },
};

static void findings(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(spf_cases); i++) {
		const struct spf_case *row = &spf_cases[i];
		struct scene *scene = scene_new(row->more);
		for (size_t j = 0; j < 4 && row->published[j].name.length > 0; j++)
			if (view_equal(row->published[j].data, VIEW("!")))
				scene_answer(scene, row->published[j].name, DNS_FAILED);
			else
				scene_publish(scene, row->published[j].type, row->published[j].name, row->published[j].data);
		const struct check_answer answer = scene_check(scene, VIEW("example.com"));
		const struct check_row *spf = &answer.checks[CHECK_SPF];
		expect_number(row->name, spf->state, row->state);
		if (view_find(spf->detail, view_of(row->detail)) == VIEW_NOT_FOUND)
			fail_msg("%s: %.*s", row->name, VIEW_PRINT(spf->detail));
		if (row->state != STATE_FAIL || row->fix != NULL)
			expect_view(row->name, spf->fix, row->fix == NULL ? VIEW_NONE : view_of(row->fix));
		else
			expect_number(row->name, spf->fix.length > 0, true);
		/* At MAIL it is the same, but for what is only worth a warning. */
		const struct verdict_request request = { .moment = MOMENT_MAIL,
			                                     .account = VIEW(SCENE_ACCOUNT),
			                                     .mail_from = VIEW("example.com"),
			                                     .require = { REQUIRE_OFF, REQUIRE_ENFORCE, REQUIRE_OFF,
			                                                  REQUIRE_OFF } };
		const struct verdict_answer verdict = scene_verdict(scene, &request);
		const enum outcome expected = row->state == STATE_FAIL      ? OUTCOME_NEVER
		                              : row->state == STATE_UNKNOWN ? OUTCOME_LATER
		                                                            : OUTCOME_OK;
		expect_number(row->name, verdict.verdict.outcome, expected);
		scene_free(scene);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(findings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

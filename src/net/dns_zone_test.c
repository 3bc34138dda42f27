/* Answers from zone files, however many; and what is refused of them, and of trust anchors. */
#include "net/dns_scene.h"

static const char zones[] =
	"; a demonstration\n"
	"$TTL 300\n"
	"$ORIGIN one.test.\n"
	"@ IN SOA ns hostmaster 1 3600 600 86400 60\n"
	"@ NS ns\n"
	"ns A 127.0.0.1\n"
	"@ TXT \"v=spf1 include:elastx.example -all\"\n"
	"@ 30 TXT elastx-mrs=0123\n"
	"@ 300 MX 10 mx1\n" /* libunbound: the last TTL holds on */
	"@ MX 20 mx2.two.test.\n"
	"null MX 0 .\n"
	"mx1 A 192.0.2.1\n"
	"mx1 AAAA 2001:db8::1\n"
	"alias CNAME mx1\n"
	"twice CNAME alias\n"
	"away CNAME www.two.test.\n"
	"nowhere CNAME none.two.test.\n"
	"long._domainkey TXT ( \"v=DKIM1; p=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n"
	"  \"bbbb; cccc\" )\n"
	"*.wild TXT \"anything\"\n"
	"$ORIGIN sub.one.test.\n"
	"@ TXT \"below\"\n"
	"$ORIGIN two.test.\n"
	"www A 192.0.2.2\n"
	"2.0.192.in-addr.arpa. 60 IN SOA localhost. root.localhost. 1 2 3 4 5\n"
	"1 PTR mx1.one.test.\n"
	"1.2.0.192.in-addr.arpa. PTR mx1.one.test.\n";

static const struct {
	const char *name;
	enum dns_type type;
	enum dns_status status;
	size_t count;
	const char *first; /* of records with text */
	const char *canonical;
	unsigned ttl;
} zone_rows[] = {
	{ "one.test", DNS_TXT, DNS_FOUND, 2, NULL, "one.test", 30 },
	{ "One.Test.", DNS_TXT, DNS_FOUND, 2, NULL, "One.Test", 30 },
	{ "one.test", DNS_MX, DNS_FOUND, 2, NULL, "one.test", 300 },
	{ "null.one.test", DNS_MX, DNS_FOUND, 1, "", "null.one.test", 300 },
	{ "mx1.one.test", DNS_A, DNS_FOUND, 1, "\xc0\x00\x02\x01", "mx1.one.test", 300 },
	{ "mx1.one.test", DNS_AAAA, DNS_FOUND, 1, NULL, "mx1.one.test", 300 },
	{ "alias.one.test", DNS_A, DNS_FOUND, 1, NULL, "mx1.one.test", 300 },
	{ "twice.one.test", DNS_A, DNS_FOUND, 1, NULL, "mx1.one.test", 300 },
	{ "twice.one.test", DNS_CNAME, DNS_FOUND, 1, "alias.one.test", "twice.one.test", 300 },
	{ "away.one.test", DNS_A, DNS_FOUND, 1, "\xc0\x00\x02\x02", "www.two.test", 300 },
	{ "nowhere.one.test", DNS_A, DNS_NXDOMAIN, 0, NULL, "none.two.test", 60 },
	{ "alias.one.test", DNS_MX, DNS_NODATA, 0, NULL, "mx1.one.test", 60 },
	{ "mx1.one.test", DNS_TXT, DNS_NODATA, 0, NULL, "mx1.one.test", 60 },
	{ "_domainkey.one.test", DNS_TXT, DNS_NODATA, 0, NULL, "_domainkey.one.test", 60 },
	{ "none.one.test", DNS_TXT, DNS_NXDOMAIN, 0, NULL, "none.one.test", 60 },
	{ "a.wild.one.test", DNS_TXT, DNS_FOUND, 1, "anything", "a.wild.one.test", 300 },
	{ "sub.one.test", DNS_TXT, DNS_FOUND, 1, "below", "sub.one.test", 300 },
	{ "one.test", DNS_NS, DNS_FOUND, 1, "ns.one.test", "one.test", 300 },
	{ "www.two.test", DNS_A, DNS_FOUND, 1, NULL, "www.two.test", 300 },
	{ "none.two.test", DNS_A, DNS_NXDOMAIN, 0, NULL, "none.two.test", 60 },
	{ "1.2.0.192.in-addr.arpa", DNS_PTR, DNS_FOUND, 1, "mx1.one.test", "1.2.0.192.in-addr.arpa", 60 },
};

static void ask_zones(struct scene *scene)
{
	for (size_t i = 0; i < CASES(zone_rows); i++) {
		char name[128];
		snprintf(name, sizeof(name), "%s %d", zone_rows[i].name, (int)zone_rows[i].type);
		for (int fresh = 0; fresh < 2; fresh++) {
			const struct dns_answer *answer = ask(scene, zone_rows[i].name, zone_rows[i].type, fresh == 1);
			expect_view(name, answer->detail, VIEW_NONE);
			expect_number(name, answer->status, zone_rows[i].status);
			expect_number(name, (int64_t)answer->record_count, (int64_t)zone_rows[i].count);
			expect_view(name, answer->canonical, view_of(zone_rows[i].canonical));
			const bool alias = strncasecmp(zone_rows[i].name, zone_rows[i].canonical, 5) != 0;
			expect_number(name, answer->through_alias, alias);
			expect_number(name, answer->secure, false);
			if (fresh == 0)
				expect_number(name, answer->ttl <= zone_rows[i].ttl && answer->ttl > 0,
				              true); /* it has begun to run */
			else
				expect_number(name, answer->ttl <= 10, true);
			if (zone_rows[i].first != NULL && zone_rows[i].type == DNS_A)
				expect_view(name, answer->records[0].data, view_bytes(zone_rows[i].first, 4));
			else if (zone_rows[i].first != NULL)
				expect_view(name, answer->records[0].data, view_of(zone_rows[i].first));
		}
	}
	/* What is in no zone is asked elsewhere. */
	assert_int_equal(scene->asked, 0);
}

static void ask_details(struct scene *scene)
{
	const struct dns_answer *answer = ask(scene, "one.test", DNS_MX, false);
	const bool swapped = answer->records[0].preference == 20;
	assert_int_equal(answer->records[swapped].preference, 10);
	expect_view("mx1", answer->records[swapped].data, VIEW("mx1.one.test"));
	assert_int_equal(answer->records[!swapped].preference, 20);
	expect_view("mx2", answer->records[!swapped].data, VIEW("mx2.two.test"));
	answer = ask(scene, "mx1.one.test", DNS_AAAA, false);
	expect_view("AAAA", answer->records[0].data, VIEW("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"));
	answer = ask(scene, "long._domainkey.one.test", DNS_TXT, false);
	assert_int_equal(answer->record_count, 1);
	assert_int_equal(answer->records[0].string_count, 2);
	assert_true(view_starts(answer->records[0].data, VIEW("v=DKIM1; p=aaaa")));
	assert_true(view_ends(answer->records[0].data, VIEW("aaaabbbb; cccc")));
	assert_true(answer->records[0].data.length > 230);
	answer = ask(scene, "bad..name", DNS_A, false);
	assert_int_equal(answer->status, DNS_NXDOMAIN);
	answer = ask(scene, "a123456789012345678901234567890123456789012345678901234567890123.test", DNS_A, false);
	assert_int_equal(answer->status, DNS_NXDOMAIN);
	expect_view("long label", answer->detail, VIEW_NONE);
	answer = ask(scene, "one.test", DNS_TXT, false);
	scene->dns->operations->lookup(scene->dns, VIEW("one.test\0.other"), DNS_TXT, false, NEVER_DUE, &scene->arena,
	                               &scene->answer);
	assert_int_equal(scene->answer.status, DNS_FAILED);
}

static void answers_from_zone_files(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene);
	write_file(scene.directory, "zone-0", zones);
	assert_true(scene_open(&scene, 1));
	assert_string_equal(text_cstring(&scene.problem), "no trust anchor: DNSSEC is not validated");
	scene_play(&scene, ask_zones);
	scene_play(&scene, ask_details);
	scene_deinit(&scene);
}

/* ---- more than a message can carry */

static void ask_for_many(struct scene *scene)
{
	const struct dns_answer *answer = ask(scene, "MANY.test", DNS_TXT, false);
	assert_int_equal(answer->status, DNS_FOUND);
	assert_int_equal(answer->record_count, 5003);
	expect_view("the first", answer->records[0].data, VIEW("first \"quoted\" A;"));
	expect_view("two strings", answer->records[1].data, VIEW("onetwo"));
	assert_int_equal(answer->records[1].string_count, 2);
	expect_view("the last", answer->records[5002].data, VIEW("last"));
	assert_int_equal(ask(scene, "sub.many.test", DNS_TXT, false)->record_count, 1);
	assert_int_equal(ask(scene, "absent.many.test", DNS_TXT, false)->status, DNS_NXDOMAIN);
	/* What cannot be given out is never told to be absent. */
	answer = ask(scene, "split.many.test", DNS_TXT, false);
	assert_int_equal(answer->status, DNS_FAILED);
	expect_view("why", answer->detail, VIEW("the answer is more than a DNS message can carry"));
}

static void answers_more_than_a_message(void **state)
{
	(void)state;
	struct scene scene;
	struct text zone = TEXT_LIMIT(1024 * 1024);
	scene_init(&scene);
	text_add(&zone, VIEW("$ORIGIN many.test.\n$TTL 60\n"
	                     "@ TXT \"first \\\"quoted\\\" \\065;\" ; a remark\n\t300 IN TXT one \"two\"\n"));
	for (unsigned i = 0; i < 5000; i++)
		text_print(&zone, "many.test. IN TXT \"verification=%u\"\n", i);
	text_add(&zone, VIEW("@ TXT last\nsub TXT \"one\"\n"));
	for (unsigned i = 0; i < 5000; i++)
		text_print(&zone, "split IN TXT ( \"verification=%u\" )\n", i);
	write_file(scene.directory, "zone-0", text_cstring(&zone));
	assert_true(scene_open(&scene, 1));
	scene_play(&scene, ask_for_many);
	scene_deinit(&scene);
	text_deinit(&zone);
}

static void refuses_zone_files(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		const char *zone; /* NULL: not there */
		const char *problem;
	} rows[] = {
		{ "no file", NULL, "cannot read " },
		{ "empty", "", "there is no zone in it" },
		{ "comments alone", "; nothing\n\n", "there is no zone in it" },
		{ "no name", "@ TXT \"a\"\n", "it does not begin with the zone's full name" },
		{ "a name without its last dot", "$ORIGIN example.com\n@ TXT a\n", "it does not begin with" },
		{ "a quote in the name", "$ORIGIN a\"b.\n@ TXT a\n", "it does not begin with" },
		{ "a bad address", "$ORIGIN a.test.\n@ A 1.2.3\n", "libunbound: parse error " },
		{ "a bad type", "$ORIGIN a.test.\n@ TEXT a\n", "libunbound: parse error " },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene scene;
		scene_init(&scene);
		if (rows[i].zone != NULL)
			write_file(scene.directory, "zone-0", rows[i].zone);
		expect_number(rows[i].name, scene_open(&scene, 1), false);
		if (view_find(text_view(&scene.problem), view_of(rows[i].problem)) == VIEW_NOT_FOUND)
			expect_view(rows[i].name, text_view(&scene.problem), view_of(rows[i].problem));
		scene_deinit(&scene);
	}
}

static void refuses_bad_anchors(void **state)
{
	(void)state;
	struct scene scene;
	struct text path = TEXT_LIMIT(256);
	scene_init(&scene);
	text_print(&path, "%s/anchor", scene.directory);
	const struct view anchors[] = { VIEW("/nothing/here"), text_view(&path) };
	struct dns_settings settings = {
		.trust_anchors = anchors,
		.trust_anchor_count = 1,
		.directory = scene.directory,
		.max_ttl = 3600,
	};
	scene.dns = dns_unbound_new(scene.world, &settings, &scene.problem);
	assert_non_null(scene.dns);
	assert_string_equal(text_cstring(&scene.problem),
	                    "the trust anchor /nothing/here cannot be read: No such file or "
	                    "directory; no trust anchor: DNSSEC is not validated");
	dns_unbound_free(scene.dns);
	text_clear(&scene.problem);
	write_file(scene.directory, "anchor", "this is not an anchor\n");
	settings.trust_anchors = &anchors[1];
	scene.dns = dns_unbound_new(scene.world, &settings, &scene.problem);
	assert_null(scene.dns);
	assert_true(view_starts(text_view(&scene.problem), VIEW("libunbound: ")));
	text_deinit(&path);
	scene_deinit(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_from_zone_files),
		cmocka_unit_test(answers_more_than_a_message),
		cmocka_unit_test(refuses_zone_files),
		cmocka_unit_test(refuses_bad_anchors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

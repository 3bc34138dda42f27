#include "base/testing.h"

#include "base/bytes.h"
#include "base/must.h"
#include "net/dns_private.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* A world with DNS by libunbound, which knows zone files, and asks one server that the test plays. */
struct question {
	char name[256];
	unsigned type;
};

struct scene {
	struct world *world;
	struct dns *dns;
	struct text problem;
	char directory[64];
	struct arena arena;
	struct dns_answer answer;
	/* The server. */
	int descriptor;
	struct endpoint at;
	struct task *server;
	size_t asked;
	bool silent;
	int rcode;
	struct view records; /* the answer section, first name a pointer to the question */
	unsigned record_count;
	struct view authority;
};

/* ---- the server */

static size_t question_read(const unsigned char *packet, size_t length, struct question *question)
{
	size_t at = 12;
	*question = (struct question){ 0 };
	struct text name = TEXT_LIMIT(255);
	while (at < length && packet[at] != 0) {
		text_add(&name, view_bytes(packet + at + 1, packet[at]));
		text_add_byte(&name, '.');
		at += packet[at] + 1u;
	}
	must(at + 5 <= length);
	bytes_to_cstring(question->name, sizeof(question->name), text_view(&name));
	question->type = (unsigned)packet[at + 1] << 8 | packet[at + 2];
	text_deinit(&name);
	return at + 5;
}

static void server_answers(struct scene *scene, const unsigned char *packet, size_t length,
                           const struct sockaddr_in *asker)
{
	struct question question;
	struct text reply = TEXT_LIMIT(65536);
	const size_t end = question_read(packet, length, &question);
	scene->asked++;
	if (scene->silent)
		return;
	const unsigned char header[] = {
		packet[0],
		packet[1],
		0x84 | (packet[2] & 1),
		(unsigned char)(0x80 | scene->rcode),
		0,
		1,
		0,
		(unsigned char)scene->record_count,
		0,
		scene->authority.length > 0,
		0,
		0,
	};
	text_add(&reply, view_bytes(header, sizeof(header)));
	text_add(&reply, view_bytes(packet + 12, end - 12));
	text_add(&reply, scene->records);
	text_add(&reply, scene->authority);
	sendto(scene->descriptor, reply.data, reply.length, 0, (const struct sockaddr *)asker, sizeof(*asker));
	text_deinit(&reply);
}

static void server_runs(void *argument)
{
	struct scene *scene = argument;
	while (world_wait_descriptor(scene->world, scene->descriptor, READY_TO_READ, NEVER_DUE) == WAIT_DONE) {
		unsigned char packet[2048];
		struct sockaddr_in asker;
		socklen_t length = sizeof(asker);
		const ssize_t got =
			recvfrom(scene->descriptor, packet, sizeof(packet), MSG_DONTWAIT, (struct sockaddr *)&asker, &length);
		if (got > 12)
			server_answers(scene, packet, (size_t)got, &asker);
	}
}

static void server_init(struct scene *scene)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	scene->descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	must(scene->descriptor >= 0 && bind(scene->descriptor, (struct sockaddr *)&address, length) == 0);
	must(getsockname(scene->descriptor, (struct sockaddr *)&address, &length) == 0);
	scene->at = (struct endpoint){ .family = 4, .address = { 127, 0, 0, 1 }, .port = ntohs(address.sin_port) };
	scene->server = task_start(scene->world, "server", server_runs, scene);
}

/* ---- a scene */

static void write_file(const char *directory, const char *name, const char *content)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "we");
	must(file != NULL && fputs(content, file) >= 0 && fclose(file) == 0);
}

static void remove_directory(const char *directory)
{
	static const char *const names[] = { "zone-0",   "zone-1",       "zone-0-0",           "zone-0-1",
		                                 "zone-0-2", "unbound.conf", "unbound-fresh.conf", "anchor",
		                                 "zone-1-0" };
	for (size_t i = 0; i < CASES(names); i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		unlink(path);
	}
	must(rmdir(directory) == 0);
}

static void scene_init(struct scene *scene)
{
	*scene = (struct scene){ .problem = TEXT_LIMIT(4096), .directory = "/tmp/sealpost-dns-XXXXXX" };
	must(mkdtemp(scene->directory) != NULL);
	scene->world = world_real_new(NULL);
	server_init(scene);
}

static bool scene_open(struct scene *scene, size_t zone_count)
{
	const struct dns_settings settings = {
		.resolvers = &scene->at,
		.resolver_count = 1,
		.zone_count = zone_count,
		.directory = scene->directory,
		.max_ttl = 3600,
	};
	scene->dns = dns_unbound_new(scene->world, &settings, &scene->problem);
	return scene->dns != NULL;
}

static void scene_deinit(struct scene *scene)
{
	scheduler_cancel_all(scene->world->scheduler);
	world_real_run(scene->world);
	if (scene->dns != NULL)
		dns_unbound_free(scene->dns);
	assert_int_equal(scheduler_task_count(scene->world->scheduler), 0);
	world_real_free(scene->world);
	close(scene->descriptor);
	remove_directory(scene->directory);
	text_deinit(&scene->problem);
	arena_deinit(&scene->arena);
}

/* The play of one task; the loop ends with it. */
struct play {
	struct scene *scene;
	void (*run)(struct scene *scene);
};

static void play_runs(void *argument)
{
	const struct play *play = argument;
	play->run(play->scene);
	world_stop(play->scene->world);
}

static void scene_play(struct scene *scene, void (*run)(struct scene *scene))
{
	struct play play = { .scene = scene, .run = run };
	task_start(scene->world, "play", play_runs, &play);
	world_real_run(scene->world);
}

static const struct dns_answer *ask(struct scene *scene, const char *name, enum dns_type type, bool fresh)
{
	const int64_t deadline = world_now(scene->world) + 10 * SECOND;
	scene->dns->operations->lookup(scene->dns, view_of(name), type, fresh, deadline, &scene->arena, &scene->answer);
	return &scene->answer;
}

/* ---- zone files */

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

/* ---- a server */

#define RECORD_A "\xc0\x0c\x00\x01\x00\x01\x00\x00\x04\xb0\x00\x04\xc0\x00\x02\x09" /* 1200 s */
#define RECORD_SOA                                                                                                   \
	"\xc0\x0c\x00\x06\x00\x01\x00\x00\x02\x58\x00\x16\x00\x00\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\x78"

static void ask_server(struct scene *scene)
{
	scene->records = VIEW(RECORD_A);
	scene->record_count = 1;
	const struct dns_answer *answer = ask(scene, "a.example", DNS_A, false);
	expect_view("kept", answer->detail, VIEW_NONE);
	assert_int_equal(answer->status, DNS_FOUND);
	expect_view("address", answer->records[0].data, VIEW("\xc0\x00\x02\x09"));
	assert_int_equal(answer->ttl, 1200);
	assert_false(answer->secure);
	size_t asked = scene->asked;
	assert_int_equal(ask(scene, "a.example", DNS_A, false)->status, DNS_FOUND);
	assert_int_equal(scene->asked, asked); /* kept */
	assert_int_equal(ask(scene, "a.example", DNS_A, true)->status, DNS_FOUND);
	assert_int_equal(scene->asked, asked + 1); /* past what is kept */
	assert_true(scene->answer.ttl <= 10);
	scene->record_count = 0;
	scene->records = VIEW_NONE;
	scene->authority = VIEW(RECORD_SOA);
	answer = ask(scene, "b.example", DNS_A, false);
	assert_int_equal(answer->status, DNS_NODATA);
	assert_int_equal(answer->ttl, 120); /* RFC 2308 5: the lesser of the SOA's TTL and its MINIMUM */
	scene->rcode = 3;
	answer = ask(scene, "c.example", DNS_A, false);
	assert_int_equal(answer->status, DNS_NXDOMAIN);
	assert_int_equal(answer->ttl, 120);
	asked = scene->asked;
	assert_int_equal(ask(scene, "c.example", DNS_A, false)->status, DNS_NXDOMAIN);
	assert_int_equal(scene->asked, asked);
}

static void keeps_answers(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene);
	assert_true(scene_open(&scene, 0));
	scene_play(&scene, ask_server);
	scene_deinit(&scene);
}

static void ask_failing_server(struct scene *scene)
{
	static const struct {
		const char *name;
		int rcode;
		struct view records;
		unsigned count;
	} rows[] = {
		{ "servfail.example", 2, VIEW_INIT(""), 0 },
		{ "refused.example", 5, VIEW_INIT(""), 0 },
		{ "formerr.example", 1, VIEW_INIT(""), 0 },
		{ "cut.example", 0, VIEW_INIT("\xc0\x0c\x00\x01\x00\x01\x00"), 1 },
		{ "loop.example", 0, VIEW_INIT("\xc0\x0c\x00\x05\x00\x01\x00\x00\x04\xb0\x00\x02\xc0\x0c"), 1 },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		scene->rcode = rows[i].rcode;
		scene->records = rows[i].records;
		scene->record_count = rows[i].count;
		const struct dns_answer *answer = ask(scene, rows[i].name, DNS_A, false);
		expect_number(rows[i].name, answer->status, DNS_FAILED);
		expect_number(rows[i].name, answer->detail.length > 0, true);
		expect_number(rows[i].name, answer->ttl, 0);
	}
}

/* A failure is never taken for an absence. */
static void tells_failures(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene);
	assert_true(scene_open(&scene, 0));
	scene_play(&scene, ask_failing_server);
	scene_deinit(&scene);
}

/* ---- waiting */

static void ask_silent_server(struct scene *scene)
{
	scene->silent = true;
	const int64_t start = world_now(scene->world);
	scene->dns->operations->lookup(scene->dns, VIEW("late.example"), DNS_A, false, start + 100 * MILLISECOND,
	                               &scene->arena, &scene->answer);
	assert_int_equal(scene->answer.status, DNS_FAILED);
	expect_view("detail", scene->answer.detail, VIEW("timed out"));
	assert_true(world_now(scene->world) - start < 5 * SECOND);
}

struct asker {
	struct scene *scene;
	struct arena arena;
	struct dns_answer answer;
	char name[32];
	int64_t deadline;
	bool ended;
};

static void asker_runs(void *argument)
{
	struct asker *asker = argument;
	struct dns *dns = asker->scene->dns;
	dns->operations->lookup(dns, view_of(asker->name), DNS_A, false, asker->deadline, &asker->arena, &asker->answer);
	asker->ended = true;
}

static struct asker asker_new(struct scene *scene, const char *name)
{
	struct asker asker = { .scene = scene, .deadline = NEVER_DUE };
	bytes_to_cstring(asker.name, sizeof(asker.name), view_of(name));
	return asker;
}

static void cancel_an_asker(struct scene *scene)
{
	scene->silent = true;
	struct asker asker = asker_new(scene, "cancelled.example");
	struct task *task = task_start(scene->world, "asker", asker_runs, &asker);
	task_sleep(scene->world, 30 * MILLISECOND);
	task_cancel(task);
	task_yield();
	task_sleep(scene->world, 5 * MILLISECOND);
	assert_true(asker.ended);
	assert_int_equal(asker.answer.status, DNS_CANCELLED);
	arena_deinit(&asker.arena);
}

/* The answer comes when its asker has gone. */
static void leave_before_the_answer(struct scene *scene)
{
	const size_t asked = scene->asked;
	struct asker asker = asker_new(scene, "left.example");
	scene->silent = true;
	asker.deadline = world_now(scene->world) + 20 * MILLISECOND;
	task_start(scene->world, "asker", asker_runs, &asker);
	task_sleep(scene->world, 100 * MILLISECOND);
	assert_true(asker.ended);
	assert_true(scene->asked > asked);
	scene->silent = false;
	scene->rcode = 3;
	scene->authority = VIEW(RECORD_SOA);
	for (int i = 0; i < 50 && ask(scene, "left.example", DNS_A, false)->status != DNS_NXDOMAIN; i++)
		;
	assert_int_equal(scene->answer.status, DNS_NXDOMAIN);
	arena_deinit(&asker.arena);
}

static void lets_askers_leave(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene);
	assert_true(scene_open(&scene, 0));
	scene_play(&scene, ask_silent_server);
	scene_play(&scene, cancel_an_asker);
	scene_play(&scene, leave_before_the_answer);
	scene_deinit(&scene);
}

static void ask_many(struct scene *scene)
{
	enum { ASKERS = DNS_QUERIES_MOST + 200 };
	struct asker *askers = must_alloc(ASKERS, sizeof(*askers));
	size_t found = 0;
	size_t ended = 0;
	scene->records = VIEW(RECORD_A);
	scene->record_count = 1;
	for (size_t i = 0; i < ASKERS; i++) {
		askers[i] = asker_new(scene, "");
		snprintf(askers[i].name, sizeof(askers[i].name), "n%zu.example", i);
		task_start(scene->world, "asker", asker_runs, &askers[i]);
	}
	while (ended < ASKERS) {
		task_sleep(scene->world, 20 * MILLISECOND);
		ended = 0;
		for (size_t i = 0; i < ASKERS; i++)
			ended += askers[i].ended;
	}
	for (size_t i = 0; i < ASKERS; i++) {
		found += askers[i].answer.status == DNS_FOUND;
		arena_deinit(&askers[i].arena);
	}
	free(askers);
	assert_int_equal(found, ASKERS);
}

static void takes_many_questions(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene);
	assert_true(scene_open(&scene, 0));
	scene_play(&scene, ask_many);
	scene_deinit(&scene);
}

/* ---- a reload */

static void reload(struct scene *scene)
{
	struct dns *old = scene->dns;
	struct asker asker = asker_new(scene, "slow.example");
	scene->silent = true;
	task_start(scene->world, "asker", asker_runs, &asker);
	task_sleep(scene->world, 30 * MILLISECOND);
	write_file(scene->directory, "zone-0", "$ORIGIN new.test.\n@ TXT new\n");
	assert_true(scene_open(scene, 1));
	dns_unbound_free(old);
	assert_int_equal(ask(scene, "new.test", DNS_TXT, false)->status, DNS_FOUND);
	assert_false(asker.ended);
	scene->silent = false;
	scene->records = VIEW(RECORD_A);
	scene->record_count = 1;
	const int64_t deadline = world_now(scene->world) + 20 * SECOND;
	while (!asker.ended && world_now(scene->world) < deadline)
		task_sleep(scene->world, 10 * MILLISECOND);
	assert_true(asker.ended);
	assert_int_equal(asker.answer.status, DNS_FOUND);
	arena_deinit(&asker.arena);
	/* The old one's two readers have gone: left are this task, the server and the two new readers. */
	task_sleep(scene->world, 10 * MILLISECOND);
	assert_int_equal(scheduler_task_count(scene->world->scheduler), 4);
}

static void reloads(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene);
	assert_true(scene_open(&scene, 0));
	text_clear(&scene.problem);
	scene_play(&scene, reload);
	scene_deinit(&scene);
}

/* ---- record data */

static void reads_records(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum dns_type type;
		struct view wire;
		bool good;
		struct view data;
		unsigned number; /* preference or strings */
	} rows[] = {
		{ "address", DNS_A, VIEW_INIT("\1\2\3\4"), true, VIEW_INIT("\1\2\3\4"), 0 },
		{ "short address", DNS_A, VIEW_INIT("\1\2\3"), false, VIEW_INIT(""), 0 },
		{ "long address", DNS_A, VIEW_INIT("\1\2\3\4\5"), false, VIEW_INIT(""), 0 },
		{ "IPv6 of four bytes", DNS_AAAA, VIEW_INIT("\1\2\3\4"), false, VIEW_INIT(""), 0 },
		{ "MX", DNS_MX, VIEW_INIT("\1\2\2mx\0"), true, VIEW_INIT("mx"), 258 },
		{ "null MX", DNS_MX, VIEW_INIT("\0\0\0"), true, VIEW_INIT(""), 0 },
		{ "MX without a name", DNS_MX, VIEW_INIT("\0\1"), false, VIEW_INIT(""), 0 },
		{ "MX without an end", DNS_MX, VIEW_INIT("\0\1\2mx"), false, VIEW_INIT(""), 0 },
		{ "MX with more after", DNS_MX, VIEW_INIT("\0\1\2mx\0\0"), false, VIEW_INIT(""), 0 },
		{ "a pointer", DNS_CNAME, VIEW_INIT("\xc0\x0c"), false, VIEW_INIT(""), 0 },
		{ "a label cut short", DNS_CNAME, VIEW_INIT("\5ab\0"), false, VIEW_INIT(""), 0 },
		{ "labels", DNS_CNAME, VIEW_INIT("\1a\2bc\0"), true, VIEW_INIT("a.bc"), 0 },
		{ "a dot in a label", DNS_CNAME, VIEW_INIT("\3a.b\1c\0"), true, VIEW_INIT("a\\046b.c"), 0 },
		{ "a NUL in a label", DNS_PTR, VIEW_INIT("\2a\0\0"), true, VIEW_INIT("a\\000"), 0 },
		{ "no bytes", DNS_NS, VIEW_INIT(""), false, VIEW_INIT(""), 0 },
		{ "strings", DNS_TXT, VIEW_INIT("\2ab\0\1c"), true, VIEW_INIT("abc"), 3 },
		{ "an empty string", DNS_TXT, VIEW_INIT("\0"), true, VIEW_INIT(""), 1 },
		{ "no string", DNS_TXT, VIEW_INIT(""), false, VIEW_INIT(""), 0 },
		{ "a string cut short", DNS_TXT, VIEW_INIT("\2ab\3cd"), false, VIEW_INIT(""), 0 },
		{ "TLSA", DNS_TLSA, VIEW_INIT("\3\1\1zz"), true, VIEW_INIT("\3\1\1zz"), 0 },
	};
	struct arena arena = { 0 };
	for (size_t i = 0; i < CASES(rows); i++) {
		struct dns_record record;
		const bool good = dns_record_read(rows[i].type, rows[i].wire, &arena, &record);
		expect_number(rows[i].name, good, rows[i].good);
		if (!good)
			continue;
		expect_view(rows[i].name, record.data, rows[i].data);
		expect_number(rows[i].name, record.preference + record.string_count, rows[i].number);
	}
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_records),
		cmocka_unit_test(answers_from_zone_files),
		cmocka_unit_test(answers_more_than_a_message),
		cmocka_unit_test(refuses_zone_files),
		cmocka_unit_test(refuses_bad_anchors),
		cmocka_unit_test(keeps_answers),
		cmocka_unit_test(tells_failures),
		cmocka_unit_test(lets_askers_leave),
		cmocka_unit_test(takes_many_questions),
		cmocka_unit_test(reloads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

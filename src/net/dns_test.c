/* What a server says, or does not; who waits, and a reload meanwhile. */
#include "net/dns_scene.h"

#include "base/bytes.h"

#include <stdio.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_answers),        cmocka_unit_test(tells_failures), cmocka_unit_test(lets_askers_leave),
		cmocka_unit_test(takes_many_questions), cmocka_unit_test(reloads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "rooms/resolver/scene.h"

#include "rooms/resolver/packed.h"

#include <stdio.h>
#include <unistd.h>

/* What is known of a domain outlives the room, for dns.grace and not longer. */

struct place {
	char directory[64];
	char file[96];
};

static struct place place_new(void)
{
	struct place place = { .directory = "/tmp/sealpost-keep-XXXXXX" };
	assert_non_null(mkdtemp(place.directory));
	snprintf(place.file, sizeof(place.file), "%s/resolver.db", place.directory);
	return place;
}

static void place_remove(const struct place *place)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	for (size_t i = 0; i < CASES(ends); i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s%s", place->file, ends[i]);
		remove(path);
	}
	rmdir(place->directory);
}

static struct verdict_answer ask(struct scene *scene)
{
	const struct verdict_request request = {
		.moment = MOMENT_DATA,
		.account = VIEW(SCENE_ACCOUNT),
		.mail_from = VIEW("example.com"),
		.from = VIEW("example.com"),
	};
	return scene_verdict(scene, &request);
}

static void a_restart_without_dns(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		bool published;
		int64_t before, after; /* the restart */
		enum outcome outcome;
		enum permission permission;
	} rows[] = {
		{ "at once", true, 0, 0, OUTCOME_OK, PERMISSION_YES },
		{ "within the grace", true, 12 * HOUR, 11 * HOUR, OUTCOME_OK, PERMISSION_YES },
		{ "the grace was over before", true, 25 * HOUR, 0, OUTCOME_LATER, PERMISSION_UNKNOWN },
		{ "the grace is over after", true, HOUR, 24 * HOUR, OUTCOME_LATER, PERMISSION_UNKNOWN },
		{ "a no is kept too", false, HOUR, HOUR, OUTCOME_NEVER, PERMISSION_NO },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		const struct place place = place_new();
		struct scene *scene = scene_new(VIEW(""));
		scene_keep(scene, place.directory);
		if (rows[i].published)
			scene_publish_all(scene, VIEW("example.com"));
		ask(scene);
		scene->is_silent = true;
		scene->now += rows[i].before;
		scene_restart(scene);
		expect_number(rows[i].name, scene->resolver.names.count > 0, rows[i].before < 24 * HOUR);
		scene->now += rows[i].after;
		const struct verdict_answer answer = ask(scene);
		expect_number(rows[i].name, answer.verdict.outcome, rows[i].outcome);
		expect_number(rows[i].name, (int64_t)answer.seal_count, rows[i].outcome == OUTCOME_OK);
		expect_number(rows[i].name, scene_may_send(scene, VIEW("example.com")).permission, rows[i].permission);
		scene_free(scene);
		place_remove(&place);
	}
}

/* Nothing is asked again because of a restart. */
static void an_answers_time_goes_on(void **state)
{
	(void)state;
	const struct place place = place_new();
	struct scene *scene = scene_new(VIEW(""));
	scene_keep(scene, place.directory);
	scene_publish_all(scene, VIEW("example.com"));
	ask(scene);
	const size_t asked = scene->asked;
	scene->now += MINUTE;
	scene_restart(scene);
	ask(scene);
	expect_number("within its time", (int64_t)scene->asked, (int64_t)asked);
	scene_free(scene);
	place_remove(&place);
}

static void a_damaged_file_is_begun_anew(void **state)
{
	(void)state;
	const struct place place = place_new();
	FILE *file = fopen(place.file, "we");
	assert_non_null(file);
	for (unsigned i = 0; i < 10000; i++)
		fputs("no database", file);
	fclose(file);
	struct scene *scene = scene_new(VIEW(""));
	scene_keep(scene, place.directory);
	assert_non_null(scene->resolver.keep);
	scene_publish_all(scene, VIEW("example.com"));
	ask(scene);
	scene->is_silent = true;
	scene_restart(scene);
	expect_number("after it", ask(scene).verdict.outcome, OUTCOME_OK);
	scene_free(scene);
	place_remove(&place);
}

/* ---- bytes */

static void answers_are_read_back(void **state)
{
	(void)state;
	struct dns_record records[] = {
		{ .data = VIEW_INIT("v=spf1 -all"), .string_count = 2 },
		{ .data = VIEW_INIT("mx.example"), .preference = 10 },
		{ .data = VIEW_INIT("") },
	};
	const struct dns_answer answer = {
		.status = DNS_FOUND,
		.secure = true,
		.through_alias = true,
		.canonical = VIEW_INIT("example.com"),
		.records = records,
		.record_count = CASES(records),
		.ttl = 300,
	};
	struct text written = TEXT_LIMIT(4096);
	struct arena arena = { 0 };
	struct dns_answer read = { 0 };
	int64_t duration = 0;
	packed_write(&answer, HOUR, &written);
	for (size_t length = 0; length < written.length; length++)
		assert_false(packed_read(view_first(text_view(&written), length), &arena, &read, &duration));
	assert_true(packed_read(text_view(&written), &arena, &read, &duration));
	expect_number("duration", duration, HOUR);
	expect_number("status", read.status, DNS_FOUND);
	expect_number("secure", read.secure && read.through_alias, true);
	expect_view("canonical", read.canonical, answer.canonical);
	expect_number("records", (int64_t)read.record_count, CASES(records));
	for (size_t i = 0; i < CASES(records); i++) {
		expect_view("data", read.records[i].data, records[i].data);
		expect_number("numbers", read.records[i].preference * 10 + read.records[i].string_count,
		              records[i].preference * 10 + records[i].string_count);
	}
	const uint64_t mark = packed_mark(text_view(&written));
	text_clear(&written);
	packed_write(&answer, MINUTE, &written);
	assert_true(mark == packed_mark(text_view(&written)));
	records[0].data = VIEW("v=spf1 +all");
	text_clear(&written);
	packed_write(&answer, MINUTE, &written);
	assert_true(mark != packed_mark(text_view(&written)));
	text_deinit(&written);
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restart_without_dns),
		cmocka_unit_test(an_answers_time_goes_on),
		cmocka_unit_test(a_damaged_file_is_begun_anew),
		cmocka_unit_test(answers_are_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

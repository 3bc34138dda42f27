#include "base/clock.h"
#include "base/testing.h"
#include "store/history.h"
#include "store/test_directory.h"

enum { OLDER = 1, NEWER = 2 };

static struct message_id id_of(unsigned number)
{
	const uint8_t random[10] = { [9] = (uint8_t)number };
	return id_make(HOUR, random);
}

static struct history_settings settings_of(struct disk *disk)
{
	return (struct history_settings){ .disk = disk, .directory = test_directory, .rows = 1, .retention = DAY };
}

/* In a file of its own. */
static void end_one(struct history *history, unsigned number, int64_t when)
{
	const struct message_id id = id_of(number);
	const struct store_ended row = { .seq = number, .id = id, .when_wall = when };
	assert_int_equal(history_begin(history, when), HISTORY_DONE);
	assert_int_equal(history_add(history, &row), HISTORY_DONE);
	assert_int_equal(history_keep(history, &id, VIEW("what it said"), when), HISTORY_DONE);
	assert_int_equal(history_commit(history), HISTORY_DONE);
	assert_int_equal(history_turn(history, when, when), HISTORY_DONE);
}

/* Between the names and the files they are of, the older one is dropped. */
static enum disk_result list_and_drop(struct disk *disk, const char *path, struct text *names)
{
	const enum disk_result listed = disk_real()->operations->list(disk_real(), path, names);
	struct history *history = disk->state;
	disk->state = NULL;
	if (history != NULL)
		assert_int_equal(history_turn(history, 3 * DAY, 3 * DAY), HISTORY_DONE);
	return listed;
}

struct answer {
	enum history_result result;
	size_t count;
};

static struct answer ask_story(struct history_reader *reader, const struct message_id *id, struct arena *arena)
{
	struct store_story story = { 0 };
	const enum history_result result = history_of_message(reader, id, arena, &story);
	return (struct answer){ result, story.ended_count };
}

static struct answer ask_content(struct history_reader *reader, const struct message_id *id, struct arena *arena)
{
	(void)arena;
	struct text content = TEXT_LIMIT(1024);
	bool found = false;
	const enum history_result result = history_content(reader, id, &content, &found);
	text_deinit(&content);
	return (struct answer){ result, found ? 1 : 0 };
}

static struct answer ask_search(struct history_reader *reader, const struct message_id *id, struct arena *arena)
{
	(void)id;
	const struct store_search search = { .most = 10 };
	struct store_found found;
	const enum history_result result = history_search(reader, &search, arena, &found);
	return (struct answer){ result, found.row_count };
}

static void test_dropped_while_it_is_read(void **state)
{
	static const struct {
		const char *name;
		struct answer (*ask)(struct history_reader *reader, const struct message_id *id, struct arena *arena);
		unsigned number;
		size_t before;
		size_t after;
	} cases[] = {
		{ "the story of what is gone", ask_story, OLDER, 1, 0 },
		{ "the story of what is there", ask_story, NEWER, 1, 1 },
		{ "the content of what is gone", ask_content, OLDER, 1, 0 },
		{ "a search", ask_search, OLDER, 2, 1 },
	};
	for (size_t i = 0; i < CASES(cases); i++) {
		struct arena arena = { 0 };
		struct text problem = TEXT_LIMIT(1024);
		const struct message_id id = id_of(cases[i].number);
		test_directory_begin(state);
		struct history_settings settings = settings_of(disk_real());
		struct history *history = history_new(&settings, &problem);
		assert_non_null(history);
		end_one(history, OLDER, HOUR);
		end_one(history, NEWER, HOUR + MINUTE);
		struct disk_operations operations = *disk_real()->operations;
		operations.list = list_and_drop;
		struct disk disk = { .operations = &operations };
		settings = settings_of(&disk);
		struct history_reader *reader = history_reader_new(&settings);
		struct answer answer = cases[i].ask(reader, &id, &arena);
		expect_number(cases[i].name, answer.result, HISTORY_DONE);
		expect_number(cases[i].name, (int64_t)answer.count, (int64_t)cases[i].before);
		disk.state = history;
		answer = cases[i].ask(reader, &id, &arena);
		expect_number(cases[i].name, answer.result, HISTORY_DONE);
		expect_number(cases[i].name, (int64_t)answer.count, (int64_t)cases[i].after);
		history_reader_free(reader);
		history_free(history);
		arena_deinit(&arena);
		test_directory_end(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dropped_while_it_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

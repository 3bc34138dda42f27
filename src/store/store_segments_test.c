/* The journal's segments as the store fills, prepares, empties and recycles them, and the room that they take. */
#include "store/test_play.h"

#include <sys/stat.h>
#include <unistd.h>

static void play_recycling(struct scene *scene)
{
	scene->settings.segment_size = 4096;
	scene->settings.settle = MILLISECOND;
	scene->settings.compact = 50 * MILLISECOND;
	scene_open(scene);
	static const char filler[1000];
	const struct store_change_row rows[] = { row_of(0, STORE_ENDED), row_of(1, STORE_ENDED), row_of(2, STORE_ENDED) };
	assert_int_equal(accept_numbered(scene, 1000, VIEW("stays")), STORE_DONE);
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(accept_numbered(scene, i, view_bytes(filler, sizeof(filler))), STORE_DONE);
		assert_int_equal(change_rows(scene, i, rows, 3), STORE_DONE);
	}
	task_sleep(scene->world, 300 * MILLISECOND);
	assert_int_equal(accept_numbered(scene, 2000, VIEW("later")), STORE_DONE);
	task_sleep(scene->world, 100 * MILLISECOND);
	/* The first one was moved out of its nearly empty segment; nothing else is kept but the spares. */
	struct text names = TEXT_LIMIT(65536);
	char path[128];
	snprintf(path, sizeof(path), "%s/journal", test_directory);
	assert_int_equal(scene->world->disk->operations->list(scene->world->disk, path, &names), DISK_OK);
	assert_true(names.length / 17 < 14);
	assert_true(store_figures(scene->store).compactions > 0);
	text_deinit(&names);
	const struct message_id id = id_of(1000);
	struct view content;
	store_forget(scene->store, &id);
	const struct store_place stale = { 1, 64, 200 };
	assert_int_equal(store_read(scene->store, &id, &stale, 100, &scene->arena, &content), STORE_DONE);
	assert_true(view_equal(content, VIEW("stays")));
	struct store_check check = { 0 };
	assert_int_equal(store_check(scene->store, &scene->arena, &check), STORE_DONE);
	assert_int_equal(check.fault_count, 0);
	assert_int_equal(check.checked, 2);
	scene_close(scene);
	scene_open(scene);
	assert_trace(scene, 1000, 3, 0);
	scene_close(scene);
}

static void play_prepared(struct scene *scene)
{
	static const char filler[1000];
	struct stat facts;
	char path[128];
	scene->settings.segment_size = 3 * 1024 * 1024;
	scene_open(scene);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(accept_numbered(scene, i, view_bytes(filler, sizeof(filler))), STORE_DONE);
	snprintf(path, sizeof(path), "%s/journal/prepared", test_directory);
	for (unsigned i = 0; i < 1000 && (stat(path, &facts) != 0 || facts.st_size < 3 * 1024 * 1024); i++)
		task_sleep(scene->world, 10 * MILLISECOND);
	task_sleep(scene->world, 100 * MILLISECOND);
	assert_int_equal(accept_numbered(scene, 100, VIEW("in the prepared segment")), STORE_DONE);
	assert_int_equal(stat(path, &facts), -1);
	assert_int_equal(scene->heard.last_place.segment, 2);
	snprintf(path, sizeof(path), "%s/journal/%016x", test_directory, 2);
	assert_int_equal(stat(path, &facts), 0);
	assert_int_equal(facts.st_size, 3 * 1024 * 1024);
	assert_int_equal((long long)facts.st_blocks * 512, facts.st_size); /* written, not just long */
	scene_close(scene);
	scene_open(scene);
	assert_trace(scene, 100, 3, 0);
	scene_close(scene);
}

/* What a former life was filling takes no space from this one; others are not touched. */
static void play_preparing_before(struct scene *scene)
{
	char preparing[128];
	char prepared[128];
	scene_open(scene);
	scene_close(scene);
	snprintf(preparing, sizeof(preparing), "%s/journal/preparing", test_directory);
	snprintf(prepared, sizeof(prepared), "%s/journal/prepared", test_directory);
	for (unsigned i = 0; i < 2; i++) {
		FILE *file = fopen(i == 0 ? preparing : prepared, "w");
		assert_non_null(file);
		assert_int_equal(fclose(file), 0);
	}
	scene_open(scene);
	assert_int_equal(access(preparing, F_OK), -1);
	assert_int_equal(access(prepared, F_OK), 0);
	scene_close(scene);
}

static bool appears(struct scene *scene, const char *path, bool is_there)
{
	for (unsigned i = 0; i < 2000 && (access(path, F_OK) == 0) != is_there; i++)
		task_sleep(scene->world, 5 * MILLISECOND);
	return (access(path, F_OK) == 0) == is_there;
}

/* Where the disk is filled meanwhile, what was taken of it is given back at once. */
static void play_preparing_gives_way(struct scene *scene)
{
	static const char filler[64 * 1024];
	char preparing[128];
	char prepared[128];
	snprintf(preparing, sizeof(preparing), "%s/journal/preparing", test_directory);
	snprintf(prepared, sizeof(prepared), "%s/journal/prepared", test_directory);
	scene_open(scene);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(accept_numbered(scene, i, view_bytes(filler, sizeof(filler))), STORE_DONE);
	assert_true(appears(scene, preparing, true));
	store_set_reserve(scene->store, UINT64_MAX / 2);
	assert_true(appears(scene, preparing, false));
	assert_int_equal(access(prepared, F_OK), -1);
	assert_int_equal(scene->heard.failed, 0);
	store_set_reserve(scene->store, 0);
	assert_int_equal(accept_numbered(scene, 100, VIEW("there is room")), STORE_DONE);
	scene_close(scene);
}

struct sender {
	struct scene *scene;
	unsigned first, taken;
	struct signal *ended;
};

enum { SENDERS = 10, SENT = 200 };

static void send_many(void *argument)
{
	struct sender *sender = argument;
	static const char filler[2000] = { 'x' };
	for (unsigned i = 0; i < SENT; i++)
		sender->taken +=
			accept_numbered(sender->scene, sender->first + i, view_bytes(filler, sizeof(filler))) == STORE_DONE;
	signal_wake_all(sender->ended);
}

/* Segments are prepared, taken and left while groups are on their way to the disk: nothing is written twice. */
static void play_prepared_under_load(struct scene *scene)
{
	struct sender senders[SENDERS];
	struct signal ended;
	signal_init(&ended);
	scene->settings.segment_size = 128 * 1024;
	scene_open(scene);
	for (unsigned i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ .scene = scene, .first = i * SENT, .ended = &ended };
		task_start(scene->world, "sender", send_many, &senders[i]);
	}
	for (unsigned i = 0; i < SENDERS; i++)
		while (senders[i].taken < SENT)
			assert_int_equal(signal_wait(&ended, world_now(scene->world) + MINUTE), WAIT_DONE);
	assert_int_equal(scene->heard.failed, 0);
	scene_close(scene);
	scene_open(scene);
	struct store_check check = { 0 };
	while (!check.done)
		assert_int_equal(store_check(scene->store, &scene->arena, &check), STORE_DONE);
	assert_int_equal(check.fault_count, 0);
	assert_int_equal(check.checked, SENDERS * SENT);
	scene_close(scene);
}

static void play_reserve(struct scene *scene)
{
	scene->settings.reserve = UINT64_MAX / 2;
	scene_open(scene);
	task_sleep(scene->world, 10 * MILLISECOND);
	assert_false(store_has_room(scene->store, 1));
	assert_int_equal(accept_numbered(scene, 1, VIEW("x")), STORE_FULL);
	scene_close(scene);
}

PLAY(recycling)
PLAY(prepared)
PLAY(preparing_before)
PLAY(preparing_gives_way)
PLAY(prepared_under_load)
PLAY(reserve)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(recycling),           ROW(prepared), ROW(preparing_before), ROW(preparing_gives_way),
		ROW(prepared_under_load), ROW(reserve),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "rooms/queue/lanes.h"

struct scene {
	struct lanes lanes;
	int64_t now;
	unsigned worked;
	unsigned loads;
	unsigned next_id;
};

static int64_t scene_now(void *context)
{
	return ((struct scene *)context)->now;
}

static void scene_work(void *context)
{
	((struct scene *)context)->worked++;
}

static void scene_load(void *context)
{
	((struct scene *)context)->loads++;
}

static void scene_earlier(void *context)
{
	(void)context;
}

static void scene_begin(struct scene *scene)
{
	*scene = (struct scene){ .now = HOUR };
	lanes_init(&scene->lanes, 1);
	scene->lanes.now = scene_now;
	scene->lanes.work = scene_work;
	scene->lanes.load = scene_load;
	scene->lanes.earlier = scene_earlier;
	scene->lanes.context = scene;
}

static struct row *add(struct scene *scene, const char *account, const char *domain, int64_t due)
{
	struct store_row like = { .account = view_of(account), .expires = INT64_MAX, .size = 1 };
	const unsigned number = ++scene->next_id;
	like.id.bytes[0] = (uint8_t)(number >> 8);
	like.id.bytes[1] = (uint8_t)number;
	struct lane *lane = lanes_lane(&scene->lanes, view_of(account), view_of(domain));
	struct row *row = row_new(&scene->lanes, lanes_message(&scene->lanes, &like), lane, 0, VIEW("someone"));
	row_wait(&scene->lanes, row, due);
	lane_refresh(&scene->lanes, lane);
	return row;
}

static bool skip_none(void *context, const struct lane *lane)
{
	(void)context;
	(void)lane;
	return false;
}

static bool skip_dead(void *context, const struct lane *lane)
{
	(void)context;
	return view_starts(lane->domain, VIEW("dead"));
}

/* One job, ended at once; whose it was. */
static struct view pick(struct scene *scene, bool (*skip)(void *, const struct lane *), char name[64])
{
	struct row *rows[JOB_ROWS_MOST];
	const size_t count = lanes_pick(&scene->lanes, skip, NULL, rows);
	if (count == 0)
		return VIEW_NONE;
	struct lane *lane = rows[0]->lane;
	snprintf(name, 64, "%.*s", VIEW_PRINT(lane->account->name));
	for (size_t i = 0; i < count; i++)
		row_free(&scene->lanes, rows[i]);
	lane_refresh(&scene->lanes, lane);
	return view_of(name);
}

static void test_accounts_take_turns(void **state)
{
	(void)state;
	struct scene scene;
	char name[64];
	scene_begin(&scene);
	/* A hundred lanes of one account against one of another: half of the turns each. */
	for (unsigned i = 0; i < 1000; i++) {
		char domain[32];
		snprintf(domain, sizeof(domain), "d%u", i % 100);
		add(&scene, "bulk", domain, scene.now);
	}
	for (unsigned i = 0; i < 100; i++)
		add(&scene, "small", "one", scene.now);
	unsigned small = 0;
	for (unsigned i = 0; i < 200; i++)
		small += view_equal(pick(&scene, skip_none, name), VIEW("small")) ? 1 : 0;
	assert_true(small >= 80);
	while (!view_is_empty(pick(&scene, skip_none, name)))
		;
	assert_int_equal(scene.lanes.row_count, 0);
	assert_int_equal(scene.lanes.lane_count, 0);
	assert_int_equal(scene.lanes.accounts.count, 0);
	lanes_deinit(&scene.lanes);
}

static void test_dead_sites_delay_nobody(void **state)
{
	(void)state;
	struct scene scene;
	char name[64];
	scene_begin(&scene);
	for (unsigned i = 0; i < 500; i++) {
		char domain[32];
		snprintf(domain, sizeof(domain), "dead%u", i);
		add(&scene, "steve", domain, scene.now);
	}
	add(&scene, "steve", "alive", scene.now);
	assert_true(view_equal(pick(&scene, skip_dead, name), VIEW("steve")));
	assert_true(view_is_empty(pick(&scene, skip_dead, name)));
	assert_int_equal(scene.lanes.lane_count, 500);
	lanes_deinit(&scene.lanes);
}

static void test_due_times(void **state)
{
	(void)state;
	struct scene scene;
	char name[64];
	scene_begin(&scene);
	add(&scene, "a", "x", scene.now + 2 * MINUTE);
	add(&scene, "b", "x", scene.now + MINUTE);
	assert_true(view_is_empty(pick(&scene, skip_none, name)));
	assert_int_equal(lanes_wake(&scene.lanes), scene.now + MINUTE);
	scene.now += MINUTE;
	assert_int_equal(lanes_wake(&scene.lanes), scene.now + MINUTE);
	assert_int_equal(scene.worked, 1);
	assert_true(view_equal(pick(&scene, skip_none, name), VIEW("b")));
	assert_true(view_is_empty(pick(&scene, skip_none, name)));
	scene.now += MINUTE;
	assert_true(lanes_wake(&scene.lanes) == NEVER_DUE);
	assert_true(view_equal(pick(&scene, skip_none, name), VIEW("a")));
	lanes_deinit(&scene.lanes);
}

static void test_held_accounts_stand_still(void **state)
{
	(void)state;
	struct scene scene;
	char name[64];
	scene_begin(&scene);
	add(&scene, "a", "x", scene.now);
	account_hold(&scene.lanes, VIEW("a"), VIEW("why"));
	add(&scene, "a", "y", scene.now);
	add(&scene, "b", "x", scene.now);
	assert_true(view_equal(pick(&scene, skip_none, name), VIEW("b")));
	assert_true(view_is_empty(pick(&scene, skip_none, name)));
	account_hold(&scene.lanes, VIEW("a"), VIEW_NONE);
	assert_true(view_equal(pick(&scene, skip_none, name), VIEW("a")));
	assert_true(view_equal(pick(&scene, skip_none, name), VIEW("a")));
	account_hold(&scene.lanes, VIEW("nobody"), VIEW("why"));
	account_hold(&scene.lanes, VIEW("nobody"), VIEW_NONE);
	assert_int_equal(scene.lanes.accounts.count, 0);
	lanes_deinit(&scene.lanes);
}

static void test_more_in_the_store(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene);
	struct lane *lane = lanes_lane(&scene.lanes, VIEW("a"), VIEW("x"));
	for (unsigned i = 0; i < LANE_ROWS_MOST; i++) {
		assert_true(lane_has_room(&scene.lanes, lane, NULL));
		add(&scene, "a", "x", scene.now);
	}
	assert_false(lane_has_room(&scene.lanes, lane, NULL));
	lane_note_more(&scene.lanes, lane, scene.now, 7);
	lane_refresh(&scene.lanes, lane);
	assert_int_equal(scene.loads, 0);
	char name[64];
	for (unsigned i = 0; i < LANE_ROWS_MOST - LOAD_BELOW; i++)
		pick(&scene, skip_none, name);
	assert_int_equal(scene.loads, 0);
	pick(&scene, skip_none, name);
	assert_int_equal(scene.loads, 1);
	pick(&scene, skip_none, name);
	assert_int_equal(scene.loads, 1);
	assert_int_equal(lane->barrier, 7);
	lanes_deinit(&scene.lanes);
}

/* Recipients of one message at one domain go together. */
static void test_recipients_together(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene);
	const struct store_row like = { .id = { { 1 } }, .account = VIEW("a"), .expires = INT64_MAX };
	struct message *message = lanes_message(&scene.lanes, &like);
	struct lane *here = lanes_lane(&scene.lanes, VIEW("a"), VIEW("x"));
	struct lane *there = lanes_lane(&scene.lanes, VIEW("a"), VIEW("y"));
	for (uint32_t i = 0; i < 10; i++)
		row_wait(&scene.lanes, row_new(&scene.lanes, message, i % 3 == 0 ? there : here, i, VIEW("someone")),
		         i == 8 ? scene.now + 1 : scene.now);
	lane_refresh(&scene.lanes, here);
	lane_refresh(&scene.lanes, there);
	struct row *rows[JOB_ROWS_MOST];
	assert_int_equal(lanes_pick(&scene.lanes, skip_none, NULL, rows), 5);
	assert_int_equal(lanes_pick(&scene.lanes, skip_none, NULL, rows), 4);
	assert_int_equal(lanes_pick(&scene.lanes, skip_none, NULL, rows), 0);
	assert_int_equal(message_row(message, 8)->index, 8);
	assert_null(message_row(message, 11));
	lanes_deinit(&scene.lanes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accounts_take_turns), cmocka_unit_test(test_dead_sites_delay_nobody),
		cmocka_unit_test(test_due_times),           cmocka_unit_test(test_held_accounts_stand_still),
		cmocka_unit_test(test_more_in_the_store),   cmocka_unit_test(test_recipients_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

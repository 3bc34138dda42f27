#include "base/must.h"
#include "task/world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

static struct world *test_world(void)
{
	return world_real_new(NULL);
}

static void end_world(struct world *world)
{
	world_real_run(world);
	assert_int_equal(scheduler_task_count(world->scheduler), 0);
	world_real_free(world);
}

struct story {
	struct world *world;
	struct text told;
	struct signal signal;
	struct task *other;
	enum wait_result waited;
	int pair[2];
	struct worker *worker;
	size_t count;
};

static void story_init(struct story *story)
{
	*story = (struct story){ .world = test_world(), .told = TEXT_LIMIT(4096) };
	signal_init(&story->signal);
}

static void story_end(struct story *story)
{
	end_world(story->world);
	text_deinit(&story->told);
}

static void tell_twice(void *argument)
{
	struct story *story = argument;
	text_add(&story->told, VIEW("a"));
	task_yield();
	text_add(&story->told, VIEW("b"));
}

static void tasks_take_turns(void **state)
{
	(void)state;
	struct story story;
	story_init(&story);
	task_start(story.world, "first", tell_twice, &story);
	task_start(story.world, "second", tell_twice, &story);
	world_real_run(story.world);
	assert_string_equal(text_cstring(&story.told), "aabb");
	story_end(&story);
}

static void wait_for_signal(void *argument)
{
	struct story *story = argument;
	story->waited = signal_wait(&story->signal, NEVER_DUE);
}

static void wait_briefly(void *argument)
{
	struct story *story = argument;
	story->waited = signal_wait(&story->signal, world_now(story->world) + MILLISECOND);
}

static void give_signal(void *argument)
{
	struct story *story = argument;
	signal_wake_all(&story->signal);
}

static void cancel_other(void *argument)
{
	struct story *story = argument;
	task_cancel(story->other);
}

static void a_signal_wakes_the_waiting(void **state)
{
	(void)state;
	struct story story;
	story_init(&story);
	task_start(story.world, "waiting", wait_for_signal, &story);
	task_start(story.world, "giving", give_signal, &story);
	story.waited = WAIT_LATE;
	world_real_run(story.world);
	assert_int_equal(story.waited, WAIT_DONE);
	story_end(&story);
}

static void a_deadline_ends_the_wait(void **state)
{
	(void)state;
	struct story story;
	story_init(&story);
	task_start(story.world, "waiting", wait_briefly, &story);
	world_real_run(story.world);
	assert_int_equal(story.waited, WAIT_LATE);
	assert_true(list_is_empty(&story.signal.waiting));
	story_end(&story);
}

static void cancelling_ends_the_wait(void **state)
{
	(void)state;
	struct story story;
	story_init(&story);
	story.other = task_start(story.world, "waiting", wait_for_signal, &story);
	task_start(story.world, "cancelling", cancel_other, &story);
	world_real_run(story.world);
	assert_int_equal(story.waited, WAIT_CANCELLED);
	story_end(&story);
}

static void a_task_cancelled_before_it_ran_never_waits(void **state)
{
	(void)state;
	struct story story;
	story_init(&story);
	story.other = task_start(story.world, "waiting", wait_for_signal, &story);
	task_cancel(story.other);
	world_real_run(story.world);
	assert_int_equal(story.waited, WAIT_CANCELLED);
	story_end(&story);
}

static void read_one_byte(void *argument)
{
	struct story *story = argument;
	char byte = 0;
	story->waited = world_wait_descriptor(story->world, story->pair[0], READY_TO_READ, NEVER_DUE);
	assert_int_equal(read(story->pair[0], &byte, 1), 1);
	text_add_byte(&story->told, byte);
}

static void write_one_byte(void *argument)
{
	struct story *story = argument;
	task_sleep(story->world, MILLISECOND);
	assert_int_equal(write(story->pair[1], "x", 1), 1);
}

static void a_descriptor_wakes_its_reader(void **state)
{
	(void)state;
	struct story story;
	story_init(&story);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, story.pair), 0);
	task_start(story.world, "reading", read_one_byte, &story);
	task_start(story.world, "writing", write_one_byte, &story);
	world_real_run(story.world);
	assert_string_equal(text_cstring(&story.told), "x");
	close(story.pair[0]);
	close(story.pair[1]);
	story_end(&story);
}

static char read_watched(struct story *story, struct watch *watch)
{
	char byte = '?';
	assert_int_equal(watch_wait(watch, world_now(story->world) + MINUTE), WAIT_DONE);
	assert_int_equal(read(watch_descriptor(watch), &byte, 1), 1);
	return byte;
}

/* What comes while nobody reads is told at the next wait, and keeps the loop from no sleep; a new descriptor with an
 * old one's number is watched anew. */
static void read_watched_twice(void *argument)
{
	struct story *story = argument;
	for (unsigned life = 0; life < 2; life++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, story->pair), 0);
		struct watch *watch = watch_new(story->world, story->pair[0]);
		assert_int_equal(watch_wait(watch, world_now(story->world) + MILLISECOND), WAIT_LATE);
		assert_int_equal(write(story->pair[1], "ab", 2), 2);
		assert_int_equal(read_watched(story, watch), 'a');
		task_sleep(story->world, 2 * MILLISECOND);
		assert_int_equal(read_watched(story, watch), 'b');
		assert_int_equal(watch_wait(watch, world_now(story->world) + MILLISECOND), WAIT_LATE);
		watch_free(watch);
		close(story->pair[0]);
		close(story->pair[1]);
	}
	text_add(&story->told, VIEW("done"));
}

static void a_watch_tells_again_and_again(void **state)
{
	(void)state;
	struct story story;
	story_init(&story);
	task_start(story.world, "reading", read_watched_twice, &story);
	world_real_run(story.world);
	assert_string_equal(text_cstring(&story.told), "done");
	story_end(&story);
}

static void thread_work(void *argument)
{
	struct story *story = argument;
	usleep(1000);
	story->count++;
}

static void have_work_done(void *argument)
{
	struct story *story = argument;
	story->world->operations->work(story->world, story->worker, thread_work, story);
	text_add(&story->told, VIEW("w"));
}

static void work_is_done_on_a_thread_even_when_cancelled(void **state)
{
	(void)state;
	struct story story;
	story_init(&story);
	story.worker = worker_new(story.world, "worker", 1);
	task_start(story.world, "working", have_work_done, &story);
	story.other = task_start(story.world, "working too", have_work_done, &story);
	task_start(story.world, "cancelling", cancel_other, &story);
	world_real_run(story.world);
	worker_free(story.worker);
	assert_int_equal(story.count, 2);
	assert_string_equal(text_cstring(&story.told), "ww");
	story_end(&story);
}

static void count_up(void *argument)
{
	struct story *story = argument;
	task_sleep(story->world, (int64_t)(story->count % 7) * MILLISECOND);
	story->count++;
}

static void ten_thousand_tasks_end(void **state)
{
	(void)state;
	struct story story;
	story_init(&story);
	struct task_group group;
	task_group_init(&group);
	for (int i = 0; i < 10000; i++)
		task_group_start(&group, story.world, "many", count_up, &story);
	world_real_run(story.world);
	assert_int_equal(story.count, 10000);
	assert_true(list_is_empty(&group.tasks));
	story_end(&story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tasks_take_turns),
		cmocka_unit_test(a_signal_wakes_the_waiting),
		cmocka_unit_test(a_deadline_ends_the_wait),
		cmocka_unit_test(cancelling_ends_the_wait),
		cmocka_unit_test(a_task_cancelled_before_it_ran_never_waits),
		cmocka_unit_test(a_descriptor_wakes_its_reader),
		cmocka_unit_test(a_watch_tells_again_and_again),
		cmocka_unit_test(work_is_done_on_a_thread_even_when_cancelled),
		cmocka_unit_test(ten_thousand_tasks_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/must.h"
#include "task/world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <semaphore.h>
#include <stdatomic.h>
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

/* A worker that takes three at once: the first comes alone, what gathered meanwhile is run in threes. */
struct gathering {
	struct world *world;
	struct worker *worker;
	sem_t first_is_running;
	sem_t go_on;
	struct text told;
	unsigned started;
};

static void run_alone(void *argument)
{
	struct gathering *gathering = argument;
	sem_post(&gathering->first_is_running);
	sem_wait(&gathering->go_on);
	text_add(&gathering->told, VIEW("1 "));
}

static void run_in_company(void *const *arguments, size_t count)
{
	struct gathering *gathering = arguments[0];
	text_print(&gathering->told, "%zu ", count);
	for (size_t i = 0; i < count; i++)
		assert_ptr_equal(arguments[i], gathering);
}

static void ask_for_work(void *argument)
{
	struct gathering *gathering = argument;
	if (gathering->started++ == 1)
		sem_wait(&gathering->first_is_running);
	gathering->world->operations->work(gathering->world, gathering->worker, run_alone, gathering);
}

static void let_go(void *argument)
{
	struct gathering *gathering = argument;
	sem_post(&gathering->go_on);
}

static void work_gathers(void **state)
{
	(void)state;
	struct gathering gathering = { .world = test_world(), .told = TEXT_LIMIT(64) };
	static const struct worker_group group = { .most = 3, .run = run_in_company, .nice = 1 };
	assert_int_equal(sem_init(&gathering.first_is_running, 0, 0) | sem_init(&gathering.go_on, 0, 0), 0);
	gathering.worker = worker_new_grouping(gathering.world, "gathering", 1, &group);
	for (int i = 0; i < 6; i++)
		task_start(gathering.world, "asking", ask_for_work, &gathering);
	task_start(gathering.world, "letting go", let_go, &gathering);
	end_world(gathering.world);
	worker_free(gathering.worker);
	assert_string_equal(text_cstring(&gathering.told), "1 3 2 ");
	sem_destroy(&gathering.first_is_running);
	sem_destroy(&gathering.go_on);
	text_deinit(&gathering.told);
}

struct crowd {
	struct world *world;
	struct worker *worker;
	atomic_size_t done;
};

static void do_one(void *argument)
{
	struct crowd *crowd = argument;
	atomic_fetch_add(&crowd->done, 1);
}

static void do_several(void *const *arguments, size_t count)
{
	struct crowd *crowd = arguments[0];
	atomic_fetch_add(&crowd->done, count);
}

static void ask_often(void *argument)
{
	struct crowd *crowd = argument;
	for (int i = 0; i < 100; i++)
		crowd->world->operations->work(crowd->world, crowd->worker, do_one, crowd);
}

/* Nobody is forgotten, however threads fall asleep and are woken. */
static void all_work_is_done(void **state)
{
	(void)state;
	static const struct worker_group group = { .most = 4, .run = do_several };
	struct crowd crowd = { .world = test_world() };
	crowd.worker = worker_new_grouping(crowd.world, "crowd", 3, &group);
	for (int i = 0; i < 50; i++)
		task_start(crowd.world, "asking", ask_often, &crowd);
	end_world(crowd.world);
	worker_free(crowd.worker);
	assert_int_equal(crowd.done, 5000);
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
		cmocka_unit_test(work_gathers),
		cmocka_unit_test(all_work_is_done),
		cmocka_unit_test(ten_thousand_tasks_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The disk fails, or the process dies, at the n-th thing that is done to the disk, for every n of one history; then
 * the next life must find what was acknowledged, once. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/must.h"
#include "store/store.h"
#include "store/test_directory.h"

enum fault {
	FAULT_NONE,
	FAULT_ONCE, /* the n-th call fails, the ones after it work again: they must not be tried */
	FAULT_DEAD, /* as if the process had died before the n-th call */
	FAULT_FULL, /* the n-th call and the next four find no space */
	FAULT_FLIP, /* the n-th write is altered by a bit, and nobody says so */
};

struct faulty {
	struct disk disk;
	struct disk *under;
	enum fault fault;
	unsigned at;
	unsigned count; /* of calls that change something */
	bool hit;
	struct disk_file *sync_failed; /* the file whose sync failed */
	unsigned syncs_after;          /* of that file */
	struct disk_file *new_databases[8];
};

static enum disk_result fault_now(struct faulty *faulty)
{
	faulty->count++;
	const bool is_there = faulty->at != 0 && faulty->count >= faulty->at;
	const bool is_first = faulty->at != 0 && faulty->count == faulty->at;
	faulty->hit |= is_there;
	if (faulty->fault == FAULT_DEAD && is_there)
		return DISK_FAILED;
	if (faulty->fault == FAULT_ONCE && is_first)
		return DISK_FAILED;
	if (faulty->fault == FAULT_FULL && is_there && faulty->count < faulty->at + 5)
		return DISK_FULL;
	return DISK_OK;
}

static struct faulty *faulty_of(struct disk *disk)
{
	return disk->state;
}

static enum disk_result faulty_open(struct disk *disk, const char *path, unsigned flags, struct disk_file **file)
{
	struct faulty *faulty = faulty_of(disk);
	const enum disk_result result = (flags & DISK_CREATE) != 0 ? fault_now(faulty) : DISK_OK;
	if (result != DISK_OK)
		return result;
	const enum disk_result opened = faulty->under->operations->open(faulty->under, path, flags, file);
	/* What SQLite does to a database that it fails to make is its own affair: it holds nothing yet. */
	if (opened == DISK_OK && (flags & DISK_CREATE) != 0 && view_ends(view_of(path), VIEW(".db")))
		for (size_t i = 7; i > 0; i--)
			faulty->new_databases[i] = faulty->new_databases[i - 1];
	if (opened == DISK_OK && (flags & DISK_CREATE) != 0 && view_ends(view_of(path), VIEW(".db")))
		faulty->new_databases[0] = *file;
	return opened;
}

static bool is_new_database(const struct faulty *faulty, const struct disk_file *file)
{
	for (size_t i = 0; i < 8; i++)
		if (faulty->new_databases[i] == file)
			return true;
	return false;
}

static void faulty_close(struct disk *disk, struct disk_file *file)
{
	struct faulty *faulty = faulty_of(disk);
	if (faulty->sync_failed == file)
		faulty->sync_failed = NULL;
	faulty->under->operations->close(faulty->under, file);
}

static enum disk_result faulty_read(struct disk *disk, struct disk_file *file, uint64_t offset, char *into,
                                    size_t length, size_t *got)
{
	struct disk *under = faulty_of(disk)->under;
	return under->operations->read(under, file, offset, into, length, got);
}

static enum disk_result faulty_write(struct disk *disk, struct disk_file *file, uint64_t offset,
                                     const struct view *parts, size_t part_count)
{
	struct faulty *faulty = faulty_of(disk);
	const enum disk_result result = fault_now(faulty);
	if (result == DISK_OK)
		return faulty->under->operations->write(faulty->under, file, offset, parts, part_count);
	/* What fails has done a part of it. */
	if (parts[0].length > 8) {
		const struct view half = view_first(parts[0], parts[0].length / 2);
		faulty->under->operations->write(faulty->under, file, offset, &half, 1);
	}
	return result;
}

static enum disk_result faulty_sync(struct disk *disk, struct disk_file *file)
{
	struct faulty *faulty = faulty_of(disk);
	faulty->syncs_after += faulty->sync_failed == file ? 1 : 0;
	const enum disk_result result = fault_now(faulty);
	if (result != DISK_OK && !is_new_database(faulty, file))
		faulty->sync_failed = file;
	return result;
}

static enum disk_result faulty_size(struct disk *disk, struct disk_file *file, uint64_t *size)
{
	struct disk *under = faulty_of(disk)->under;
	return under->operations->size(under, file, size);
}

static enum disk_result faulty_truncate(struct disk *disk, struct disk_file *file, uint64_t size)
{
	struct faulty *faulty = faulty_of(disk);
	const enum disk_result result = faulty->fault == FAULT_FULL ? DISK_OK : fault_now(faulty);
	return result == DISK_OK ? faulty->under->operations->truncate(faulty->under, file, size) : result;
}

static enum disk_result faulty_rename(struct disk *disk, const char *from, const char *to)
{
	struct faulty *faulty = faulty_of(disk);
	const enum disk_result result = faulty->fault == FAULT_FULL ? DISK_OK : fault_now(faulty);
	return result == DISK_OK ? faulty->under->operations->rename(faulty->under, from, to) : result;
}

static enum disk_result faulty_remove(struct disk *disk, const char *path)
{
	struct faulty *faulty = faulty_of(disk);
	const enum disk_result result = faulty->fault == FAULT_FULL ? DISK_OK : fault_now(faulty);
	return result == DISK_OK ? faulty->under->operations->remove(faulty->under, path) : result;
}

static enum disk_result faulty_sync_directory(struct disk *disk, const char *path)
{
	(void)path;
	return faulty_of(disk)->fault == FAULT_FULL ? DISK_OK : fault_now(faulty_of(disk));
}

static enum disk_result faulty_make_directory(struct disk *disk, const char *path)
{
	struct faulty *faulty = faulty_of(disk);
	return faulty->under->operations->make_directory(faulty->under, path);
}

static enum disk_result faulty_list(struct disk *disk, const char *path, struct text *names)
{
	struct disk *under = faulty_of(disk)->under;
	return under->operations->list(under, path, names);
}

static enum disk_result faulty_free_space(struct disk *disk, const char *path, uint64_t *bytes)
{
	struct disk *under = faulty_of(disk)->under;
	return under->operations->free_space(under, path, bytes);
}

static const struct disk_operations faulty_operations = {
	.open = faulty_open,
	.close = faulty_close,
	.read = faulty_read,
	.write = faulty_write,
	.sync = faulty_sync,
	.size = faulty_size,
	.truncate = faulty_truncate,
	.rename = faulty_rename,
	.remove = faulty_remove,
	.sync_directory = faulty_sync_directory,
	.make_directory = faulty_make_directory,
	.list = faulty_list,
	.free_space = faulty_free_space,
};

/* ---- the history, and what was acknowledged of it */

#define MESSAGES   5u
#define RECIPIENTS 3u

struct ledger {
	enum store_outcome accepted[MESSAGES];
	bool tried[MESSAGES];
	bool ended[MESSAGES][RECIPIENTS]; /* acknowledged */
	bool end_tried[MESSAGES][RECIPIENTS];
	bool failed;
	unsigned done_after_failure;
};

struct scene {
	struct world *world;
	struct faulty faulty;
	struct store *store;
	struct ledger ledger;
	struct arena arena;
	unsigned faults; /* told of damage */
};

static struct message_id id_of(unsigned number)
{
	const uint8_t random[10] = { [9] = (uint8_t)number };
	return id_make(1700000000 * SECOND, random);
}

static const char body[] =
	"Subject: a body of some length, so that segments are filled\r\n\r\nbody body body body\r\n";

static void note(struct scene *scene, enum store_outcome outcome)
{
	if (scene->ledger.failed && outcome == STORE_DONE)
		scene->ledger.done_after_failure++;
}

static void accept_one(struct scene *scene, unsigned number, const struct store_payment *payment)
{
	const struct store_recipient recipients[RECIPIENTS] = {
		{ VIEW("anna@example.net"), VIEW("example.net") },
		{ VIEW("bert@example.net"), VIEW("example.net") },
		{ VIEW("carl@example.org"), VIEW("example.org") },
	};
	const struct store_message message = { .id = id_of(number),
		                                   .account = VIEW("steve@mycorp.se"),
		                                   .sender = VIEW("news@mycorp.se"),
		                                   .expires = HOUR,
		                                   .recipients = recipients,
		                                   .recipient_count = RECIPIENTS,
		                                   .content = view_bytes(body, sizeof(body) - 1) };
	scene->ledger.tried[number] = true;
	scene->ledger.accepted[number] = store_accept(scene->store, &message, payment);
	note(scene, scene->ledger.accepted[number]);
}

static void change_row(struct scene *scene, unsigned number, uint32_t index, enum store_state state, uint8_t owes)
{
	if (scene->ledger.accepted[number] != STORE_DONE)
		return;
	const struct store_change_row row = { .index = index,
		                                  .state = state,
		                                  .tried = true,
		                                  .owes = owes,
		                                  .attempts = 1,
		                                  .due = HOUR,
		                                  .address = VIEW("someone@example.net"),
		                                  .domain = VIEW("example.net") };
	struct store_change change = { .id = id_of(number),
		                           .account = VIEW("steve@mycorp.se"),
		                           .sender = VIEW("news@mycorp.se"),
		                           .when_wall = 1700000001 * SECOND,
		                           .dialogue = VIEW("C: and some dialogue"),
		                           .rows = &row,
		                           .row_count = 1 };
	const enum store_outcome outcome = store_change(scene->store, &change);
	note(scene, outcome);
	if (state != STORE_ENDED)
		return;
	scene->ledger.end_tried[number][index] = true;
	scene->ledger.ended[number][index] = outcome == STORE_DONE;
}

static void settle(struct scene *scene)
{
	const struct message_id id = id_of(0);
	struct store_story story;
	arena_clear(&scene->arena);
	store_trace(scene->store, &id, &scene->arena, &story);
}

static void act_history(struct scene *scene)
{
	accept_one(scene, 0, NULL);
	accept_one(scene, 1, NULL);
	change_row(scene, 0, 0, STORE_ENDED, 0);
	settle(scene);
	change_row(scene, 0, 1, STORE_ENDED, 1u << STORE_NOTICE_FAILURE);
	change_row(scene, 0, 2, STORE_DEFERRED, 0);
	accept_one(scene, 2, NULL);
	for (uint32_t i = 0; i < RECIPIENTS; i++)
		change_row(scene, 2, i, STORE_ENDED, 0);
	settle(scene);
	const uint32_t index = 1;
	const struct store_payment payment = { id_of(0), STORE_NOTICE_FAILURE, &index, 1 };
	if (scene->ledger.ended[0][1])
		accept_one(scene, 3, &payment);
	for (uint32_t i = 0; i < RECIPIENTS; i++)
		change_row(scene, 1, i, STORE_ENDED, 0);
	settle(scene);
	accept_one(scene, 4, NULL);
}

/* ---- what the next life must find */

static unsigned times_seen(const struct store_story *story, uint32_t index, bool *ended)
{
	unsigned seen = 0;
	for (size_t i = 0; i < story->live_count; i++)
		seen += story->live[i].index == index ? 1 : 0;
	for (size_t i = 0; i < story->ended_count; i++)
		if (story->ended[i].index == index) {
			seen++;
			*ended = true;
		}
	return seen;
}

static bool message_is_right(struct scene *scene, unsigned number)
{
	const struct ledger *ledger = &scene->ledger;
	const struct message_id id = id_of(number);
	struct store_story story;
	arena_clear(&scene->arena);
	const enum store_outcome outcome = store_trace(scene->store, &id, &scene->arena, &story);
	if (outcome == STORE_ABSENT)
		return ledger->accepted[number] != STORE_DONE || !ledger->tried[number];
	if (outcome != STORE_DONE || !ledger->tried[number])
		return false;
	for (uint32_t i = 0; i < RECIPIENTS; i++) {
		bool ended = false;
		if (times_seen(&story, i, &ended) != 1) {
			print_message("message %u, recipient %u: not there once\n", number, i);
			return false;
		}
		if (ledger->ended[number][i] != ended && !(ended && ledger->end_tried[number][i]))
			return false;
	}
	struct view content;
	if (story.live_count == 0)
		return true;
	return store_read(scene->store, &id, NULL, 4096, &scene->arena, &content) == STORE_DONE &&
	       view_equal(content, view_bytes(body, sizeof(body) - 1));
}

/* A bounce and the notice it owes are one; so are the notice and the end of the debt. */
static bool debt_is_right(struct scene *scene)
{
	struct store_debts debts;
	struct store_story story;
	const struct message_id failed = id_of(0);
	const struct message_id notice = id_of(3);
	arena_clear(&scene->arena);
	if (store_trace(scene->store, &failed, &scene->arena, &story) == STORE_LATER)
		return false;
	bool bounced = false;
	times_seen(&story, 1, &bounced);
	const bool is_paid = store_find(scene->store, &notice) == STORE_DONE;
	if (store_debts(scene->store, NULL, 10, &scene->arena, &debts) != STORE_DONE)
		return false;
	return debts.key_count == (bounced && !is_paid ? 1u : 0u);
}

static bool life_is_right(struct scene *scene)
{
	for (unsigned i = 0; i < MESSAGES; i++)
		if (!message_is_right(scene, i)) {
			print_message("message %u\n", i);
			return false;
		}
	struct store_check check = { 0 };
	arena_clear(&scene->arena);
	if (store_check(scene->store, &scene->arena, &check) != STORE_DONE || !check.done)
		return false;
	for (size_t i = 0; i < check.fault_count; i++)
		print_message("%.*s\n", VIEW_PRINT(check.faults[i]));
	return check.fault_count == 0 && debt_is_right(scene);
}

/* ---- lives */

static void hear_failed(void *context, struct view why)
{
	(void)why;
	((struct scene *)context)->ledger.failed = true;
}

static void hear_problem(void *context, struct view what)
{
	(void)what;
	((struct scene *)context)->faults++;
}

static bool scene_open(struct scene *scene)
{
	struct text problem = TEXT_LIMIT(1024);
	const struct store_settings settings = {
		.directory = test_directory,
		.retention = DAY,
		.segment_size = 1500,
		.settle = HOUR,
		.hooks = { .context = scene, .failed = hear_failed, .problem = hear_problem },
	};
	scene->store = store_open(scene->world, &settings, &problem);
	text_deinit(&problem);
	return scene->store != NULL;
}

static void scene_close(struct scene *scene)
{
	if (scene->store == NULL)
		return;
	store_close(scene->store);
	store_free(scene->store);
	scene->store = NULL;
}

struct trial {
	struct scene *scene;
	enum fault fault;
	unsigned at;
	bool right;
	bool hit;
};

static void trial_run(void *argument)
{
	struct trial *trial = argument;
	struct scene *scene = trial->scene;
	scene->faulty.fault = trial->fault;
	scene->faulty.at = trial->at;
	if (scene_open(scene)) {
		act_history(scene);
		/* The dead do nothing more. */
		scene_close(scene);
	}
	trial->hit = scene->faulty.hit;
	const bool is_honest = scene->ledger.done_after_failure == 0;
	const bool synced_once = scene->faulty.syncs_after == 0;
	scene->faulty.fault = FAULT_NONE;
	scene->faulty.at = 0;
	scene->ledger.failed = false;
	trial->right = is_honest && synced_once;
	for (unsigned life = 0; life < 2 && trial->right; life++) {
		trial->right = scene_open(scene) && life_is_right(scene) && scene->faults == 0;
		scene_close(scene);
	}
}

static void work_here(struct world *world, struct worker *worker, void (*run)(void *argument), void *argument)
{
	(void)world;
	(void)worker;
	run(argument);
}

static bool trial(enum fault fault, unsigned at, bool *hit)
{
	assert_int_equal(test_directory_begin(NULL), 0);
	struct scene scene = { .world = world_real_new(NULL) };
	scene.faulty = (struct faulty){ .under = disk_real() };
	scene.faulty.disk = (struct disk){ &faulty_operations, &scene.faulty };
	/* Everything in one thread, in the same order each time. */
	struct world_operations operations = *scene.world->operations;
	operations.work = work_here;
	scene.world->operations = &operations;
	scene.world->disk = &scene.faulty.disk;
	struct trial run = { .scene = &scene, .fault = fault, .at = at };
	task_start(scene.world, "trial", trial_run, &run);
	world_real_run(scene.world);
	world_real_free(scene.world);
	arena_deinit(&scene.arena);
	test_directory_end(NULL);
	*hit = run.hit;
	return run.right;
}

static void every_moment(enum fault fault, const char *name, unsigned step)
{
	bool hit = true;
	unsigned at = 1;
	for (; hit; at += step) {
		if (trial(fault, at, &hit))
			continue;
		print_message("%s at call %u\n", name, at);
		fail();
	}
	assert_true(at > 50);
}

static void test_nothing_fails(void **state)
{
	(void)state;
	bool hit;
	assert_true(trial(FAULT_NONE, 0, &hit));
}

static void test_fails_once(void **state)
{
	(void)state;
	every_moment(FAULT_ONCE, "EIO", 1);
}

static void test_dies(void **state)
{
	(void)state;
	every_moment(FAULT_DEAD, "death", 1);
}

static void test_is_full(void **state)
{
	(void)state;
	every_moment(FAULT_FULL, "no space", 17);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_fails),
		cmocka_unit_test(test_fails_once),
		cmocka_unit_test(test_dies),
		cmocka_unit_test(test_is_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The power fails before every call of one history that changes something on the disk, and again while the next life
 * looks what is there and goes on; each time all that was acknowledged must be found, once, and nothing altered. */
#include "base/must.h"
#include "base/random.h"
#include "base/testing.h"
#include "store/test_life.h"
#include "task/disk_sim.h"

#include <sys/wait.h>
#include <unistd.h>

enum {
	MOMENTS_MOST = 64,
	LATER_MOST = 112, /* calls of a later life: the next cut is before one of them */
	RENAMES_LEAST = 3,
	BEFORE_FLUSH = 8,
	CONTROL_EVERY = 9,
	COMPACTIONS_LEAST = 1,
	HISTORY_FILES_LEAST = 2,
	HISTORY_DROPS_LEAST = 2,
};

/* The disk and the ledger just before a call. */
struct moment {
	struct disk *disk;
	struct ledger ledger;
	uint64_t call; /* from 1 */
	bool is_flush;
};

/* Keeps the moments of some calls, one after the other. */
struct recorder {
	struct disk *disk;
	const struct ledger *ledger;
	uint64_t first;
	uint64_t every; /* 0: 1 */
	size_t most;
	uint64_t calls; /* so far */
	unsigned renames;
	unsigned drops; /* of history files */
	struct moment moments[MOMENTS_MOST];
	size_t count;
};

static enum disk_result record(void *context, enum disk_sim_call call, const char *path)
{
	struct recorder *recorder = context;
	if (call == DISK_SIM_READ)
		return DISK_OK;
	recorder->renames += call == DISK_SIM_RENAME ? 1 : 0;
	const bool is_history =
		view_starts(view_of(path), VIEW("queue/history/")) && view_ends(view_of(path), VIEW(".db"));
	recorder->drops += call == DISK_SIM_REMOVE && is_history ? 1 : 0;
	const bool is_due =
		++recorder->calls >= recorder->first && (recorder->every == 0 || recorder->calls % recorder->every == 0);
	if (is_due && recorder->count < recorder->most)
		recorder->moments[recorder->count++] = (struct moment){ .disk = disk_sim_copy(recorder->disk),
			                                                    .ledger = *recorder->ledger,
			                                                    .call = recorder->calls,
			                                                    .is_flush = call == DISK_SIM_SYNC };
	return DISK_OK;
}

static void recorder_clear(struct recorder *recorder)
{
	for (size_t i = 0; i < recorder->count; i++)
		disk_sim_free(recorder->moments[i].disk);
	recorder->count = 0;
}

static bool life_record(struct recorder *recorder, enum life life, struct ledger *ledger, bool quiet)
{
	recorder->ledger = ledger;
	disk_sim_watch(recorder->disk, record, recorder);
	const bool right = life_run(life, recorder->disk, ledger, quiet);
	disk_sim_watch(recorder->disk, NULL, NULL);
	return right;
}

/* ---- what happens at a moment */

enum cut { CUT_NONE, CUT_NOTHING, CUT_EVERYTHING, CUT_SOME };

static const char *const cut_names[] = {
	[CUT_NONE] = "the process dies",
	[CUT_NOTHING] = "nothing survives",
	[CUT_EVERYTHING] = "everything survives",
	[CUT_SOME] = "some survives",
};

static void cut(struct disk *disk, enum cut how, uint64_t seed)
{
	static const enum disk_sim_cut cuts[] = {
		[CUT_NOTHING] = DISK_SIM_NOTHING,
		[CUT_EVERYTHING] = DISK_SIM_EVERYTHING,
		[CUT_SOME] = DISK_SIM_SOME,
	};
	if (how != CUT_NONE)
		disk_sim_cut(disk, cuts[how], seed);
}

struct trial {
	enum cut first;
	uint64_t seed;
	unsigned cuts; /* each in the life after the one before, but where that ends before it comes to it */
	bool quiet;
};

static enum cut later_choose(struct random *random)
{
	static const enum cut cuts[] = { CUT_NONE, CUT_NOTHING, CUT_EVERYTHING, CUT_SOME, CUT_SOME };
	return cuts[random_below(random, CASES(cuts))];
}

static void moment_print(const struct moment *moment, enum cut how, bool right)
{
	if (!right)
		print_message("after call %u: %s\n", (unsigned)moment->call - 1, cut_names[how]);
}

/* The life after a cut, and in its midst the next one. Takes the moment. */
static bool life_after(struct moment moment, enum cut how, const struct trial *trial, unsigned cuts_left,
                       struct random *random)
{
	const bool is_last = cuts_left == 0;
	cut(moment.disk, how, random_next(random));
	struct recorder recorder = { .disk = moment.disk,
		                         .first = 1 + random_below(random, LATER_MOST),
		                         .most = is_last ? 0 : 1 };
	bool right = life_record(&recorder, is_last ? LIFE_CHECKS : LIFE_GOES_ON, &moment.ledger, trial->quiet);
	if (right && recorder.count > 0)
		right = life_after(recorder.moments[0], later_choose(random), trial, cuts_left - 1, random);
	else
		recorder_clear(&recorder);
	disk_sim_free(moment.disk);
	if (!trial->quiet)
		moment_print(&moment, how, right);
	return right;
}

static bool trial_run(const struct moment *moment, const struct trial *trial)
{
	struct moment copy = *moment;
	struct random random;
	random_seed(&random, trial->seed);
	copy.disk = disk_sim_copy(moment->disk);
	disk_sim_set_deaf(copy.disk, (struct disk_sim_deaf){ NULL });
	const bool right = life_after(copy, trial->first, trial, trial->cuts - 1, &random);
	if (!right && !trial->quiet)
		print_message("so it is with seed %llu\n", (unsigned long long)trial->seed);
	return right;
}

/* ---- all moments of the history. It is lived again for each lot of them: to keep all at once is too much. */

/* Before a flush there is most to choose from, so it is tried with more seeds. */
static unsigned moment_try(const struct moment *moment, struct trial trial, unsigned before_flush)
{
	const uint64_t seed = trial.seed + moment->call * 1000;
	unsigned wrong = 0;
	for (unsigned i = 0; i < (moment->is_flush ? before_flush : 1); i++) {
		trial.seed = seed + i * 100;
		wrong += trial_run(moment, &trial) ? 0 : 1;
	}
	return wrong;
}

static void nothing_is_lost(struct trial trial, unsigned before_flush)
{
	unsigned wrong = 0;
	for (uint64_t first = 1, last = 1; first <= last; first += MOMENTS_MOST) {
		struct recorder recorder = { .disk = life_disk_new(), .first = first, .most = MOMENTS_MOST };
		struct ledger ledger = { 0 };
		assert_true(life_record(&recorder, LIFE_ACTS, &ledger, false));
		last = recorder.calls;
		for (size_t i = 0; i < recorder.count; i++)
			wrong += moment_try(&recorder.moments[i], trial, before_flush);
		recorder_clear(&recorder);
		disk_sim_free(recorder.disk);
	}
	assert_int_equal(wrong, 0);
}

static unsigned seeds = 1; /* or as many as the first argument says */

static void the_history_has_everything_in_it(void **state)
{
	(void)state;
	struct recorder recorder = { .disk = life_disk_new() };
	struct ledger ledger = { 0 };
	struct text names = TEXT_LIMIT(65536);
	assert_true(life_record(&recorder, LIFE_ACTS, &ledger, false));
	assert_true(life_run(LIFE_CHECKS, recorder.disk, &ledger, false));
	assert_int_equal(recorder.disk->operations->list(recorder.disk, "queue/history", &names), DISK_OK);
	struct view rest = text_view(&names);
	struct view name;
	unsigned files = 0;
	while (view_split(&rest, '\0', &name))
		files += view_ends(name, VIEW(".db")) ? 1 : 0;
	assert_true(recorder.renames >= RENAMES_LEAST);
	assert_true(ledger.compactions >= COMPACTIONS_LEAST);
	assert_true(files >= HISTORY_FILES_LEAST);
	assert_true(recorder.drops >= HISTORY_DROPS_LEAST);
	text_deinit(&names);
	disk_sim_free(recorder.disk);
}

static void nothing_unsynced_survives(void **state)
{
	(void)state;
	nothing_is_lost((struct trial){ .first = CUT_NOTHING, .cuts = 1 }, 1);
}

static void everything_survives(void **state)
{
	(void)state;
	nothing_is_lost((struct trial){ .first = CUT_EVERYTHING, .cuts = 1 }, 1);
}

static void some_survives(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= seeds; seed++)
		nothing_is_lost((struct trial){ .first = CUT_SOME, .cuts = 1, .seed = seed }, BEFORE_FLUSH);
}

static void some_survives_twice(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= seeds; seed++)
		nothing_is_lost((struct trial){ .first = CUT_SOME, .cuts = 2, .seed = seed + 50 }, 1);
}

static void the_process_dies_and_then_the_power_fails(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= seeds; seed++)
		nothing_is_lost((struct trial){ .first = CUT_NONE, .cuts = 3, .seed = seed + 70 }, 1);
}

/* What is wrong may end in an abort, too: a process of its own. */
static bool is_right_elsewhere(const struct moment *moment)
{
	const struct trial trial = { .first = CUT_NOTHING, .cuts = 1, .quiet = true };
	fflush(NULL);
	const pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		fclose(stderr);
		_exit(trial_run(moment, &trial) ? 0 : 1);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The control: each kind of flush is needed, and these checks see it where there is none. */
static void without_flushes_mail_is_lost(void **state)
{
	static const struct {
		const char *name;
		struct disk_sim_deaf deaf;
	} cases[] = {
		{ "the journal", { .sync = "queue/journal" } },
		{ "the index", { .sync = "queue/queue.db" } },
		{ "the history", { .sync = "queue/history" } },
		{ "the directory", { .sync_directory = "queue" } },
		{ "the journal's directory", { .sync_directory = "queue/journal" } },
		{ "the history's directory", { .sync_directory = "queue/history" } },
	};
	(void)state;
	for (size_t i = 0; i < CASES(cases); i++) {
		struct recorder recorder = { .disk = life_disk_new(), .every = CONTROL_EVERY, .most = MOMENTS_MOST };
		struct ledger ledger = { 0 };
		disk_sim_set_deaf(recorder.disk, cases[i].deaf);
		assert_true(life_record(&recorder, LIFE_ACTS, &ledger, false));
		size_t left = recorder.count;
		while (left > 0 && is_right_elsewhere(&recorder.moments[left - 1]))
			left--;
		recorder_clear(&recorder);
		disk_sim_free(recorder.disk);
		if (left == 0)
			fail_msg("flushes of %s do nothing, and nothing is lost", cases[i].name);
	}
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_history_has_everything_in_it),
		cmocka_unit_test(nothing_unsynced_survives),
		cmocka_unit_test(everything_survives),
		cmocka_unit_test(some_survives),
		cmocka_unit_test(some_survives_twice),
		cmocka_unit_test(the_process_dies_and_then_the_power_fails),
		cmocka_unit_test(without_flushes_mail_is_lost),
	};
	uint64_t given = 0;
	if (count > 1 && view_to_u64(view_of(arguments[1]), &given))
		seeds = (unsigned)given;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

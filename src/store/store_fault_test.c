/* The disk fails, or is full, at the n-th thing that is done to it, for every n of one history: then nothing is said
 * to be done that is not, and the next life must find what was acknowledged, once. */
#include "base/bytes.h"
#include "base/testing.h"
#include "store/test_life.h"
#include "task/disk_sim.h"

enum { DEAD_FIRST = 20, DEAD_LAST = 560, DEAD_STEP = 77, START_STEP = 4 };

enum fault {
	FAULT_NONE,
	FAULT_ONCE, /* the n-th call fails, the ones after it work again: they must not be tried */
	FAULT_READ, /* the n-th read fails */
	FAULT_FULL, /* the n-th call and the next four find no space */
	FAULT_DEAD, /* the n-th call and all after it fail: as if the process had died in its midst */
};

struct faulty {
	enum fault fault;
	unsigned at;
	unsigned count; /* of calls that may fail so */
	bool hit;
	bool may_end;          /* a flush was told so */
	char sync_failed[128]; /* the file whose sync failed, until it is opened anew */
	unsigned syncs_after;  /* of that file */
	unsigned prepared;     /* segments' files, ahead of their time */
	unsigned taken;
};

static bool may_fail(enum fault fault, enum disk_sim_call call)
{
	switch (fault) {
	case FAULT_READ:
		return call == DISK_SIM_READ;
	case FAULT_FULL:
		return call == DISK_SIM_CREATE || call == DISK_SIM_WRITE || call == DISK_SIM_SYNC || call == DISK_SIM_RENAME;
	case FAULT_ONCE:
	case FAULT_DEAD:
		return call != DISK_SIM_READ;
	case FAULT_NONE:
		return false;
	}
	return false;
}

static enum disk_result fault_now(struct faulty *faulty, enum disk_sim_call call)
{
	if (!may_fail(faulty->fault, call))
		return DISK_OK;
	faulty->count++;
	const unsigned calls = faulty->fault == FAULT_DEAD ? UINT32_MAX : faulty->fault == FAULT_FULL ? 5 : 1;
	if (faulty->count < faulty->at || faulty->count - faulty->at >= calls)
		return DISK_OK;
	faulty->hit = true;
	return faulty->fault == FAULT_FULL ? DISK_FULL : DISK_FAILED;
}

/* A flush that failed is not tried again: the second would say that all is well. What SQLite does to a database that
 * it fails to make is its own affair: it holds nothing yet. */
static enum disk_result before(void *context, enum disk_sim_call call, const char *path)
{
	struct faulty *faulty = context;
	const bool is_again = view_equal(view_of(path), view_of(faulty->sync_failed));
	faulty->syncs_after += call == DISK_SIM_SYNC && is_again ? 1 : 0;
	if (call == DISK_SIM_RENAME) {
		faulty->prepared += view_ends(view_of(path), VIEW("/preparing")) ? 1 : 0;
		faulty->taken += view_ends(view_of(path), VIEW("/prepared")) ? 1 : 0;
	}
	if (call == DISK_SIM_CREATE && is_again)
		faulty->sync_failed[0] = '\0';
	const enum disk_result result = fault_now(faulty, call);
	faulty->may_end |= result != DISK_OK && call == DISK_SIM_SYNC;
	if (result != DISK_OK && call == DISK_SIM_SYNC && !view_ends(view_of(path), VIEW(".db")))
		bytes_to_cstring(faulty->sync_failed, sizeof(faulty->sync_failed), view_of(path));
	return result;
}

struct trial {
	unsigned
		dead_at; /* 0: the history comes to its end, but for the fault; otherwise the fault is of the next life */
	enum fault fault;
	unsigned at;
};

/* Whether it came to the fault. */
static bool life_fail(enum life life, struct disk *disk, struct ledger *ledger, enum fault fault, unsigned at)
{
	struct faulty faulty = { .fault = fault, .at = at };
	disk_sim_watch(disk, before, &faulty);
	const bool is_whole = life_run(life, disk, ledger, true);
	disk_sim_watch(disk, NULL, NULL);
	assert_true(is_whole || faulty.hit);
	assert_true(fault != FAULT_NONE || (faulty.prepared > 1 && faulty.taken > 1));
	assert_int_equal(faulty.syncs_after, 0);
	/* Want of space ends no store that has begun. */
	assert_true(fault != FAULT_FULL || !ledger->failed || faulty.may_end);
	assert_int_equal(ledger->done_after_failure, 0);
	return faulty.hit;
}

static bool trial(const struct trial *trial, bool *hit)
{
	struct disk *disk = life_disk_new();
	struct ledger ledger = { 0 };
	if (trial->dead_at > 0)
		life_fail(LIFE_ACTS, disk, &ledger, FAULT_DEAD, trial->dead_at);
	*hit = life_fail(trial->dead_at > 0 ? LIFE_GOES_ON : LIFE_ACTS, disk, &ledger, trial->fault, trial->at);
	bool right = true;
	for (unsigned life = 0; life < 2 && right; life++)
		right = life_run(LIFE_CHECKS, disk, &ledger, false);
	disk_sim_free(disk);
	return right;
}

static void every_moment(struct trial each, const char *name, unsigned step)
{
	bool hit = true;
	for (each.at = 1; hit; each.at += step)
		if (!trial(&each, &hit))
			fail_msg("%s at call %u (dead at %u)", name, each.at, each.dead_at);
	assert_true(each.at > 10);
}

static void nothing_fails(void **state)
{
	(void)state;
	bool hit;
	assert_true(trial(&(struct trial){ .fault = FAULT_NONE }, &hit));
}

static void a_call_fails_once(void **state)
{
	(void)state;
	every_moment((struct trial){ .fault = FAULT_ONCE }, "EIO", 1);
}

static void a_read_fails(void **state)
{
	(void)state;
	every_moment((struct trial){ .fault = FAULT_READ }, "EIO of a read", 1);
}

static void the_disk_is_full(void **state)
{
	(void)state;
	every_moment((struct trial){ .fault = FAULT_FULL }, "no space", 3);
}

static void the_process_dies_and_the_next_start_fails(void **state)
{
	(void)state;
	for (unsigned dead_at = DEAD_FIRST; dead_at < DEAD_LAST; dead_at += DEAD_STEP) {
		every_moment((struct trial){ .dead_at = dead_at, .fault = FAULT_ONCE }, "EIO", START_STEP);
		every_moment((struct trial){ .dead_at = dead_at, .fault = FAULT_FULL }, "no space", START_STEP);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_fails),
		cmocka_unit_test(a_call_fails_once),
		cmocka_unit_test(a_read_fails),
		cmocka_unit_test(the_disk_is_full),
		cmocka_unit_test(the_process_dies_and_the_next_start_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A start looks no further than something may have been written, and finds all that was. */
#include "base/bytes.h"
#include "base/must.h"
#include "base/random.h"
#include "base/testing.h"
#include "store/journal_format.h"
#include "task/disk_sim.h"

#define MEBIBYTE ((uint64_t)1024 * 1024)

static const struct journal_position beginning = { 0, 0, 1 };

static struct disk *disk_new(void)
{
	struct disk *disk = disk_sim_new();
	assert_int_equal(disk->operations->make_directory(disk, "/journal"), DISK_OK);
	assert_int_equal(disk->operations->sync_directory(disk, "/"), DISK_OK);
	return disk;
}

/* length: of zeros where bytes is NULL. */
static void put_bytes(struct disk *disk, const char *path, uint64_t offset, const uint8_t *bytes, uint64_t length)
{
	struct text zeros = TEXT_LIMIT(64 * MEBIBYTE);
	if (bytes == NULL) {
		memset(text_room(&zeros, (size_t)length), 0, (size_t)length);
		text_extend(&zeros, (size_t)length);
	}
	const struct view part = bytes == NULL ? text_view(&zeros) : view_bytes(bytes, (size_t)length);
	struct disk_file *file = NULL;
	assert_int_equal(disk->operations->open(disk, path, DISK_CREATE, &file), DISK_OK);
	assert_int_equal(disk->operations->write(disk, file, offset, &part, 1), DISK_OK);
	assert_int_equal(disk->operations->sync(disk, file), DISK_OK);
	disk->operations->close(disk, file);
	text_deinit(&zeros);
}

static void make_prepared(struct disk *disk, uint64_t size)
{
	put_bytes(disk, "/journal/prepared", 0, NULL, size);
	assert_int_equal(disk->operations->sync_directory(disk, "/journal"), DISK_OK);
}

struct seen {
	size_t count;
	uint64_t last;
	size_t damages;
	uint64_t lost;
};

static bool see(void *context, const struct journal_record *record)
{
	struct seen *seen = context;
	seen->count++;
	seen->last = record->sequence;
	return true;
}

static void see_damage(void *context, const struct journal_damage *damage)
{
	struct seen *seen = context;
	seen->damages++;
	seen->lost += damage->last_sequence - damage->first_sequence + 1;
}

static struct journal *start(struct disk *disk, uint64_t segment_size, uint64_t seed, struct seen *seen)
{
	*seen = (struct seen){ 0 };
	const struct journal_settings settings = {
		.disk = disk, .directory = "/journal", .segment_size = segment_size, .seed = seed, .spares = 2
	};
	struct journal *journal = journal_new(&settings);
	const struct journal_reader reader = { .context = seen, .record = see, .damage = see_damage };
	assert_int_equal(journal_replay(journal, beginning, &reader), JOURNAL_DONE);
	return journal;
}

#define GROUP_MOST ((size_t)8)

/* The place of the last. */
static struct journal_place put_group(struct journal *journal, size_t count, size_t length)
{
	struct journal_record records[GROUP_MOST];
	struct text body = TEXT_LIMIT(64 * MEBIBYTE);
	memset(text_room(&body, length), 'x', length);
	text_extend(&body, length);
	for (size_t i = 0; i < count; i++)
		records[i] = (struct journal_record){ .type = 1,
			                                  .sequence = journal_end(journal).sequence + i,
			                                  .head = text_view(&body) };
	assert_int_equal(journal_append(journal, records, count), JOURNAL_DONE);
	text_deinit(&body);
	return records[count - 1].place;
}

static struct journal_place put(struct journal *journal, size_t length)
{
	return put_group(journal, 1, length);
}

/* A segment of zeros is not read to its end, wherever in it the power failed. */
static void a_start_reads_little(void **state)
{
	(void)state;
	enum { RECORD = 128 * 1024, STARTS = 3 };
	static const struct {
		const char *name;
		unsigned records;
	} cases[] = { { "one record", 1 }, { "a quarter", 32 }, { "three quarters", 96 } };
	const uint64_t segment = 16 * MEBIBYTE;
	const uint64_t pieces = 3 * MEBIBYTE;
	for (size_t i = 0; i < CASES(cases); i++) {
		struct disk *disk = disk_new();
		struct seen seen;
		make_prepared(disk, segment);
		struct journal *journal = start(disk, segment, 1, &seen);
		for (unsigned count = 0; count < cases[i].records; count++)
			put(journal, RECORD);
		journal_free(journal);
		/* The later ones have another segment after this one. */
		for (unsigned life = 0; life < STARTS; life++) {
			disk_sim_cut(disk, DISK_SIM_NOTHING, 0);
			const uint64_t before = disk_sim_octets_read(disk);
			journal = start(disk, segment, 2 + life, &seen);
			const uint64_t octets = disk_sim_octets_read(disk) - before;
			expect_number(cases[i].name, (int64_t)seen.count, cases[i].records + life);
			if (octets > cases[i].records * (uint64_t)RECORD + segment / 8 + pieces)
				fail_msg("%s: %llu octets were read", cases[i].name, (unsigned long long)octets);
			put(journal, 1);
			journal_free(journal);
		}
		disk_sim_free(disk);
	}
}

/* ---- what was written is found behind any damage */

static void hole_make(struct disk *disk, uint64_t from, uint64_t to)
{
	put_bytes(disk, "/journal/0000000000000001", from, NULL, to - from);
}

static void header_keep(struct disk *disk)
{
	(void)disk;
}

/* As it was written before there was a horizon. */
static void header_of_old(struct disk *disk)
{
	uint8_t bytes[JOURNAL_SEGMENT_HEADER];
	struct disk_file *file = NULL;
	size_t got = 0;
	struct segment_header header;
	assert_int_equal(disk->operations->open(disk, "/journal/0000000000000001", 0, &file), DISK_OK);
	assert_int_equal(disk->operations->read(disk, file, 0, (char *)bytes, sizeof(bytes), &got), DISK_OK);
	disk->operations->close(disk, file);
	assert_true(segment_header_parse(view_bytes(bytes, got), &header));
	header.horizon = 0;
	segment_header_write(&header, bytes);
	put_bytes(disk, "/journal/0000000000000001", 0, bytes, sizeof(bytes));
}

static void header_lose(struct disk *disk)
{
	put_bytes(disk, "/journal/0000000000000001", 0, NULL, JOURNAL_SEGMENT_HEADER);
}

static void all_is_found_behind_a_hole(void **state)
{
	(void)state;
	enum { RECORD = 16 * 1024, RECORDS = 200 };
	static const struct {
		const char *name;
		void (*header)(struct disk *disk);
		unsigned first; /* records that are damaged */
		unsigned last;
	} cases[] = {
		{ "one record", header_keep, 7, 7 },
		{ "almost all", header_keep, 2, RECORDS - 1 },
		{ "no horizon", header_of_old, 2, RECORDS - 1 },
		{ "no header", header_lose, 2, RECORDS - 1 },
	};
	const uint64_t segment = 4 * MEBIBYTE;
	for (size_t i = 0; i < CASES(cases); i++) {
		struct disk *disk = disk_new();
		struct seen seen;
		make_prepared(disk, segment);
		struct journal *journal = start(disk, segment, 1, &seen);
		struct journal_place places[RECORDS + 1];
		for (unsigned number = 1; number <= RECORDS; number++)
			places[number] = put(journal, RECORD);
		journal_free(journal);
		cases[i].header(disk);
		hole_make(disk, places[cases[i].first].offset, places[cases[i].last].offset + RECORD);
		journal = start(disk, segment, 2, &seen);
		const unsigned lost = cases[i].last - cases[i].first + 1;
		expect_number(cases[i].name, (int64_t)seen.count, RECORDS - lost);
		expect_number(cases[i].name, (int64_t)seen.last, RECORDS);
		expect_number(cases[i].name, (int64_t)seen.damages, 1);
		expect_number(cases[i].name, (int64_t)seen.lost, lost);
		journal_free(journal);
		disk_sim_free(disk);
	}
}

/* ---- nothing is beyond the horizon, whatever of the last writes a power cut leaves */

struct watch {
	struct disk *disk;
	uint64_t moments;
	unsigned headers;
};

static void segment_check(struct watch *watch, struct disk *disk, uint64_t number)
{
	char path[JOURNAL_PATH_MOST];
	struct disk_file *file = NULL;
	struct segment_header header;
	struct text bytes = TEXT_LIMIT(MEBIBYTE);
	uint64_t size = 0;
	size_t got = 0;
	segment_path(path, "/journal", number);
	if (disk->operations->open(disk, path, 0, &file) != DISK_OK)
		return;
	assert_int_equal(disk->operations->size(disk, file, &size), DISK_OK);
	assert_int_equal(disk->operations->read(disk, file, 0, text_room(&bytes, (size_t)size), (size_t)size, &got),
	                 DISK_OK);
	text_extend(&bytes, got);
	disk->operations->close(disk, file);
	const struct view all = text_view(&bytes);
	if (segment_header_parse(all, &header) && header.number == number) {
		watch->headers++;
		for (size_t at = (size_t)header.horizon; at < all.length; at += JOURNAL_ALIGNMENT)
			if (record_header_generation(view_from(all, at)) == header.generation)
				fail_msg("moment %llu: segment %llu has a record at %zu, beyond %llu",
				         (unsigned long long)watch->moments, (unsigned long long)number, at,
				         (unsigned long long)header.horizon);
	}
	text_deinit(&bytes);
}

static enum disk_result cut_and_check(void *context, enum disk_sim_call call, const char *path)
{
	(void)path;
	enum { SEEDS = 3, SEGMENTS_MOST = 16 };
	struct watch *watch = context;
	if (call == DISK_SIM_READ)
		return DISK_OK;
	watch->moments++;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct disk *copy = disk_sim_copy(watch->disk);
		disk_sim_cut(copy, DISK_SIM_SOME, watch->moments * SEEDS + seed);
		for (uint64_t number = 1; number <= SEGMENTS_MOST; number++)
			segment_check(watch, copy, number);
		disk_sim_free(copy);
	}
	return DISK_OK;
}

static void nothing_is_beyond_the_horizon(void **state)
{
	(void)state;
	enum { SEGMENT = 64 * 1024, GROUPS = 100, LONG = SEGMENT / 5 / GROUP_MOST, SHORT = 100 };
	struct disk *disk = disk_new();
	struct watch watch = { .disk = disk };
	struct seen seen;
	struct random random;
	random_seed(&random, 1);
	make_prepared(disk, SEGMENT);
	struct journal *journal = start(disk, SEGMENT, 1, &seen);
	disk_sim_watch(disk, cut_and_check, &watch);
	for (unsigned i = 0; i < GROUPS; i++) {
		const size_t length = random_below(&random, 4) == 0 ? LONG : SHORT;
		put_group(journal, 1 + (size_t)random_below(&random, GROUP_MOST), length);
		const uint64_t number = journal_end(journal).segment;
		if (number > 2)
			assert_int_equal(journal_retire(journal, number - 2), JOURNAL_DONE);
	}
	disk_sim_watch(disk, NULL, NULL);
	assert_true(watch.headers > 2 * GROUPS);
	journal_free(journal);
	disk_sim_free(disk);
}

static enum disk_result flush_count(void *context, enum disk_sim_call call, const char *path)
{
	(void)path;
	*(unsigned *)context += call == DISK_SIM_SYNC ? 1 : 0;
	return DISK_OK;
}

/* The horizon goes with them. */
static void groups_are_flushed_once(void **state)
{
	(void)state;
	enum { SEGMENT = 1024 * 1024, GROUPS = 100, RECORD = SEGMENT / GROUPS - 100 };
	struct disk *disk = disk_new();
	struct seen seen;
	unsigned flushes = 0;
	make_prepared(disk, SEGMENT);
	struct journal *journal = start(disk, SEGMENT, 1, &seen);
	disk_sim_watch(disk, flush_count, &flushes);
	for (unsigned i = 0; i < GROUPS; i++)
		put(journal, RECORD);
	disk_sim_watch(disk, NULL, NULL);
	assert_int_equal(journal_end(journal).segment, 1);
	assert_int_equal(flushes, GROUPS);
	journal_free(journal);
	disk_sim_free(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_start_reads_little),
		cmocka_unit_test(all_is_found_behind_a_hole),
		cmocka_unit_test(nothing_is_beyond_the_horizon),
		cmocka_unit_test(groups_are_flushed_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "store/journal_format.h"
#include "store/test_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct seen {
	uint64_t sequences[1000];
	uint64_t durables[1000];
	char bodies[1000][32];
	size_t count;
	struct journal_damage damages[10];
	size_t damage_count;
};

static bool see(void *context, const struct journal_record *record)
{
	struct seen *seen = context;
	assert_true(seen->count < sizeof(seen->sequences) / sizeof(seen->sequences[0]));
	bytes_to_cstring(seen->bodies[seen->count], sizeof(seen->bodies[0]), record->head);
	seen->durables[seen->count] = record->durable;
	seen->sequences[seen->count++] = record->sequence;
	return true;
}

static void see_damage(void *context, const struct journal_damage *damage)
{
	struct seen *seen = context;
	assert_true(seen->damage_count < 10);
	seen->damages[seen->damage_count++] = *damage;
}

static struct journal *start_on(struct disk *disk, struct journal_position from, uint64_t segment_size, uint64_t seed,
                                struct seen *seen)
{
	*seen = (struct seen){ 0 };
	const struct journal_settings settings = {
		.disk = disk, .directory = test_directory, .segment_size = segment_size, .seed = seed, .spares = 2
	};
	struct journal *journal = journal_new(&settings);
	const struct journal_reader reader = { .context = seen, .record = see, .damage = see_damage };
	assert_int_equal(journal_replay(journal, from, &reader), JOURNAL_DONE);
	return journal;
}

static struct journal *start(struct journal_position from, uint64_t segment_size, uint64_t seed, struct seen *seen)
{
	return start_on(disk_real(), from, segment_size, seed, seen);
}

static struct journal_place put(struct journal *journal, const char *body)
{
	struct journal_record record = { .type = 1,
		                             .sequence = journal_end(journal).sequence,
		                             .head = view_first(view_of(body), 3),
		                             .content = view_from(view_of(body), 3) };
	record.id.bytes[0] = (uint8_t)body[0];
	assert_int_equal(journal_append(journal, &record, 1), JOURNAL_DONE);
	return record.place;
}

static void path_of(uint64_t segment, char path[JOURNAL_PATH_MOST])
{
	segment_path(path, test_directory, segment);
}

static void flip(uint64_t segment, uint64_t offset)
{
	char path[JOURNAL_PATH_MOST];
	path_of(segment, path);
	const int file = open(path, O_RDWR);
	char byte;
	assert_int_equal(pread(file, &byte, 1, (off_t)offset), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(file, &byte, 1, (off_t)offset), 1);
	close(file);
}

static const struct journal_position beginning = { 0, 0, 1 };

static void test_replays_in_order(void **state)
{
	(void)state;
	struct seen seen;
	struct journal *journal = start(beginning, 0, 1, &seen);
	assert_int_equal(seen.count, 0);
	put(journal, "alpha");
	struct journal_record group[3];
	static const char *const bodies[] = { "beta", "gamma", "delta" };
	for (size_t i = 0; i < 3; i++)
		group[i] = (struct journal_record){ .type = 2, .sequence = 2 + i, .head = view_of(bodies[i]) };
	assert_int_equal(journal_append(journal, group, 3), JOURNAL_DONE);
	const struct journal_position middle = journal_end(journal);
	put(journal, "omega");
	journal_free(journal);

	journal = start(beginning, 0, 2, &seen);
	assert_int_equal(seen.count, 5);
	assert_string_equal(seen.bodies[0], "alpha");
	assert_string_equal(seen.bodies[3], "delta");
	assert_string_equal(seen.bodies[4], "omega");
	assert_int_equal(seen.damage_count, 0);
	assert_int_equal(journal_end(journal).sequence, 6);
	assert_int_equal(journal_end(journal).segment, 2);
	put(journal, "after");
	journal_free(journal);

	journal = start(middle, 0, 3, &seen);
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.bodies[0], "omega");
	assert_string_equal(seen.bodies[1], "after");
	journal_free(journal);
}

static void test_torn_tail(void **state)
{
	(void)state;
	struct seen seen;
	struct journal *journal = start(beginning, 0, 1, &seen);
	put(journal, "first");
	const struct journal_place place = put(journal, "second");
	journal_free(journal);
	char path[JOURNAL_PATH_MOST];
	path_of(1, path);
	/* Every length that the last record can be cut to. */
	for (uint64_t cut = place.offset; cut < place.offset + JOURNAL_RECORD_HEADER + place.length; cut++) {
		assert_int_equal(truncate(path, (off_t)(place.offset + JOURNAL_RECORD_HEADER + place.length)), 0);
		assert_int_equal(truncate(path, (off_t)cut), 0);
		journal = start(beginning, 0, 2, &seen);
		assert_int_equal(seen.count, 1);
		assert_int_equal(seen.damage_count, 0);
		assert_int_equal(journal_end(journal).sequence, 2);
		journal_free(journal);
	}
	/* The number is used again in the next segment; that is no damage. */
	journal = start(beginning, 0, 2, &seen);
	put(journal, "again");
	journal_free(journal);
	journal = start(beginning, 0, 3, &seen);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.damage_count, 0);
	assert_string_equal(seen.bodies[1], "again");
	journal_free(journal);
}

/* The last group may not have been flushed before the end: what is written after it must not say that it was. */
static void test_last_group_is_in_doubt(void **state)
{
	(void)state;
	struct seen seen;
	struct journal *journal = start(beginning, 0, 1, &seen);
	put(journal, "first");
	put(journal, "second");
	const struct journal_position end = journal_end(journal);
	journal_free(journal);
	journal = start(beginning, 0, 2, &seen);
	put(journal, "third");
	journal_free(journal);
	/* Who has applied the second knows better. */
	journal = start((struct journal_position){ 2, 0, end.sequence }, 0, 3, &seen);
	assert_int_equal(seen.durables[0], 1);
	put(journal, "fourth");
	journal_free(journal);
	journal = start(beginning, 0, 4, &seen);
	assert_int_equal(seen.count, 4);
	assert_int_equal(seen.damage_count, 0);
	assert_int_equal(seen.durables[1], 1);
	assert_int_equal(seen.durables[2], 1);
	assert_int_equal(seen.durables[3], 2);
	journal_free(journal);
}

static void test_flipped_bits(void **state)
{
	(void)state;
	struct seen seen;
	struct journal *journal = start(beginning, 0, 1, &seen);
	put(journal, "first");
	const struct journal_place place = put(journal, "second record");
	put(journal, "third");
	journal_free(journal);
	for (uint64_t i = 0; i < JOURNAL_RECORD_HEADER + place.length; i++) {
		flip(1, place.offset + i);
		journal = start(beginning, 0, 2, &seen);
		assert_int_equal(seen.count, 2);
		assert_string_equal(seen.bodies[1], "third");
		assert_int_equal(seen.damage_count, 1);
		assert_int_equal(seen.damages[0].offset, place.offset);
		assert_int_equal(seen.damages[0].first_sequence, 2);
		assert_int_equal(seen.damages[0].last_sequence, 2);
		journal_free(journal);
		struct text bytes = TEXT_LIMIT(4096);
		const struct message_id id = { { 's' } };
		assert_int_equal(journal_read(disk_real(), test_directory, &place, &id, &bytes), JOURNAL_DAMAGED);
		text_deinit(&bytes);
		flip(1, place.offset + i);
	}
	/* A segment's own header: the records are believed all the same. */
	flip(1, 20);
	journal = start(beginning, 0, 2, &seen);
	assert_int_equal(seen.count, 3);
	journal_free(journal);
}

static void test_recycled_segments(void **state)
{
	(void)state;
	struct seen seen;
	struct journal *journal = start(beginning, 1024, 1, &seen);
	while (journal_end(journal).segment < 4)
		put(journal, "old old old old old old old old old");
	assert_int_equal(journal_retire(journal, 1), JOURNAL_DONE);
	assert_int_equal(journal_retire(journal, 2), JOURNAL_DONE);
	const uint64_t last = journal_end(journal).sequence;
	while (journal_end(journal).segment < 5)
		put(journal, "new");
	struct text numbers = TEXT_LIMIT(4096);
	journal_segments(journal, &numbers);
	assert_int_equal(numbers.length, 3 * sizeof(uint64_t)); /* 3, 4 and 5; 2 is a spare */
	text_deinit(&numbers);
	journal_free(journal);
	/* Segment 5 lies over the old records of segment 1: only its own record counts. */
	journal = start((struct journal_position){ 5, 0, last }, 1024, 2, &seen);
	for (size_t i = 0; i < seen.count; i++)
		assert_string_equal(seen.bodies[i], "new");
	assert_true(seen.count >= 1);
	journal_free(journal);
	/* A crash between taking the spare and writing its header: the file holds nothing but the past. */
	char old[JOURNAL_PATH_MOST];
	char new[JOURNAL_PATH_MOST];
	path_of(2, old);
	path_of(6, new);
	assert_int_equal(rename(old, new), 0);
	journal = start((struct journal_position){ 3, 0, 1 }, 1024, 3, &seen);
	for (size_t i = 1; i < seen.count; i++)
		assert_int_equal(seen.sequences[i], seen.sequences[i - 1] + 1);
	assert_int_equal(journal_end(journal).segment, 7);
	journal_free(journal);
}

static off_t size_of_file(const char *path)
{
	struct stat facts;
	return stat(path, &facts) == 0 ? facts.st_size : -1;
}

static void make_prepared(off_t size)
{
	char path[JOURNAL_PATH_MOST];
	prepared_path(path, test_directory);
	const int file = open(path, O_RDWR | O_CREAT, 0600);
	assert_true(file >= 0);
	assert_int_equal(ftruncate(file, size), 0);
	close(file);
}

/* A fresh segment is left for the prepared one as soon as that is there; what was written stays. */
static void test_prepared_segment(void **state)
{
	(void)state;
	enum { SEGMENT = 64 * 1024 };
	struct seen seen;
	char prepared[JOURNAL_PATH_MOST];
	char path[JOURNAL_PATH_MOST];
	prepared_path(prepared, test_directory);
	struct journal *journal = start(beginning, SEGMENT, 1, &seen);
	assert_false(journal_wants_prepared(journal));
	put(journal, "a fresh segment");
	assert_false(journal_wants_prepared(journal));
	while (journal_end(journal).offset <= SEGMENT / 256)
		put(journal, "and more in it");
	assert_true(journal_wants_prepared(journal));
	make_prepared(SEGMENT);
	journal_use_prepared(journal);
	assert_false(journal_wants_prepared(journal));
	const struct journal_position second = { 2, 0, journal_end(journal).sequence };
	assert_int_equal(put(journal, "in the prepared one").segment, 2);
	assert_int_equal(size_of_file(prepared), -1);
	path_of(2, path);
	assert_int_equal(size_of_file(path), SEGMENT);
	/* The next is wanted again when this one is half full. */
	assert_false(journal_wants_prepared(journal));
	while (journal_end(journal).offset <= SEGMENT / 2)
		put(journal, "some more");
	assert_true(journal_wants_prepared(journal));
	const uint64_t last = journal_end(journal).sequence;
	/* What was cut short is no spare, what is whole is one: with that, nothing needs to be prepared. */
	path_of(1, path);
	assert_int_equal(journal_retire(journal, 1), JOURNAL_DONE);
	assert_int_equal(size_of_file(path), -1);
	while (journal_end(journal).segment < 3)
		put(journal, "until it is full");
	assert_int_equal(journal_retire(journal, 2), JOURNAL_DONE);
	path_of(2, path);
	assert_int_equal(size_of_file(path), SEGMENT);
	assert_false(journal_wants_prepared(journal));
	journal_free(journal);
	journal = start(second, SEGMENT, 2, &seen);
	assert_int_equal(seen.damage_count, 0);
	assert_string_equal(seen.bodies[0], "in the prepared one");
	assert_true(journal_end(journal).sequence > last);
	journal_free(journal);
}

/* One that a life before has left is used when it is whole; a piece of one is no file for a segment. */
static void test_prepared_before(void **state)
{
	(void)state;
	enum { SEGMENT = 64 * 1024 };
	static const struct {
		off_t size;
		bool is_used;
	} cases[] = { { 0, false }, { SEGMENT / 2, false }, { SEGMENT, true } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen seen;
		char prepared[JOURNAL_PATH_MOST];
		prepared_path(prepared, test_directory);
		make_prepared(cases[i].size);
		struct journal *journal = start(beginning, SEGMENT, 1, &seen);
		assert_int_equal(seen.count, i);
		assert_int_equal(seen.damage_count, 0);
		put(journal, "first");
		assert_int_equal(size_of_file(prepared), cases[i].is_used ? -1 : cases[i].size);
		journal_free(journal);
	}
}

/* Whatever a crash leaves of a prepared file that was being taken is no record, and no damage. */
static void test_taken_and_not_written(void **state)
{
	(void)state;
	enum { SEGMENT = 64 * 1024 };
	static const struct {
		const char *name;
		size_t kept; /* of what was written to it */
	} cases[] = {
		{ "nothing but its name", 0 },
		{ "a piece of the header", 20 },
		{ "the header", JOURNAL_SEGMENT_HEADER },
		{ "a piece of a record's header", JOURNAL_SEGMENT_HEADER + 30 },
		{ "a record's header", JOURNAL_SEGMENT_HEADER + JOURNAL_RECORD_HEADER },
		{ "all but a record's last octet", JOURNAL_SEGMENT_HEADER + JOURNAL_RECORD_HEADER + 6 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen seen;
		char path[JOURNAL_PATH_MOST];
		char zeros[256] = { 0 };
		test_directory_begin(NULL);
		struct journal *journal = start(beginning, SEGMENT, 1, &seen);
		put(journal, "before");
		make_prepared(SEGMENT);
		journal_use_prepared(journal);
		assert_int_equal(put(journal, "torn xx").segment, 2);
		journal_free(journal);
		path_of(2, path);
		const int file = open(path, O_RDWR);
		assert_int_equal(pwrite(file, zeros, sizeof(zeros), (off_t)cases[i].kept), sizeof(zeros));
		close(file);
		journal = start(beginning, SEGMENT, 2, &seen);
		print_message("%s\n", cases[i].name);
		assert_int_equal(seen.count, 1);
		assert_int_equal(seen.damage_count, 0);
		assert_int_equal(put(journal, "after").segment, 3);
		journal_free(journal);
		journal = start(beginning, SEGMENT, 3, &seen);
		assert_int_equal(seen.count, 2);
		assert_int_equal(seen.damage_count, 0);
		assert_string_equal(seen.bodies[1], "after");
		journal_free(journal);
		test_directory_end(NULL);
	}
}

static enum disk_result rename_without_room(struct disk *disk, const char *from, const char *to)
{
	unsigned *times = disk->state;
	if (*times == 0)
		return disk_real()->operations->rename(disk_real(), from, to);
	(*times)--;
	return DISK_FULL;
}

/* A directory may have no room for another name: then there is no space, and nothing worse. */
static void test_no_room_for_a_name(void **state)
{
	(void)state;
	enum { SEGMENT = 64 * 1024 };
	struct seen seen;
	unsigned times = 2;
	struct disk_operations operations = *disk_real()->operations;
	operations.rename = rename_without_room;
	struct disk disk = { .operations = &operations, .state = &times };
	struct journal *journal = start_on(&disk, beginning, SEGMENT, 1, &seen);
	put(journal, "before");
	make_prepared(SEGMENT);
	journal_use_prepared(journal);
	struct journal_record record = { .type = 1, .sequence = 2, .head = VIEW("later") };
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(journal_append(journal, &record, 1), JOURNAL_FULL);
	assert_int_equal(journal_append(journal, &record, 1), JOURNAL_DONE);
	assert_int_equal(record.place.segment, 2);
	journal_free(journal);
	journal = start(beginning, SEGMENT, 2, &seen);
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.bodies[1], "later");
	journal_free(journal);
}

struct fault {
	unsigned writes; /* until one finds no room */
};

static enum disk_result write_without_room(struct disk *disk, struct disk_file *file, uint64_t offset,
                                           const struct view *parts, size_t part_count)
{
	struct fault *fault = disk->state;
	if (fault->writes > 0 && --fault->writes == 0)
		return DISK_FULL;
	return disk_real()->operations->write(disk_real(), file, offset, parts, part_count);
}

static enum disk_result truncate_in_vain(struct disk *disk, struct disk_file *file, uint64_t size)
{
	(void)disk;
	(void)file;
	(void)size;
	return DISK_OK;
}

/* A group that was refused for want of space, of which some was written, is back after a power cut, since nothing
 * flushed that it was taken away. Its numbers were given to what came after it. */
static void test_refused_group_comes_back(void **state)
{
	(void)state;
	enum { SEGMENT = 64 * 1024, GROUP = 300, SLICES = 2 };
	struct seen seen;
	struct fault fault = { 0 };
	struct disk_operations operations = *disk_real()->operations;
	operations.write = write_without_room;
	operations.truncate = truncate_in_vain;
	struct disk disk = { .operations = &operations, .state = &fault };
	struct journal *journal = start_on(&disk, beginning, SEGMENT, 1, &seen);
	put(journal, "before");
	struct journal_record group[GROUP];
	for (size_t i = 0; i < GROUP; i++)
		group[i] = (struct journal_record){ .type = 1, .sequence = 2 + i, .head = VIEW("refused") };
	fault.writes = SLICES + 1; /* and before them the header, with its horizon */
	assert_int_equal(journal_append(journal, group, GROUP), JOURNAL_FULL);
	make_prepared(SEGMENT);
	journal_use_prepared(journal);
	assert_int_equal(put(journal, "accepted").segment, 2);
	assert_int_equal(put(journal, "and more").segment, 2);
	journal_free(journal);
	journal = start(beginning, SEGMENT, 2, &seen);
	assert_int_equal(seen.count, 3);
	assert_string_equal(seen.bodies[1], "accepted");
	assert_string_equal(seen.bodies[2], "and more");
	assert_int_equal(seen.damage_count, 0);
	journal_free(journal);
}

static void give_other_name(const char *path, uint64_t number)
{
	char other[JOURNAL_PATH_MOST];
	path_of(number, other);
	assert_int_equal(link(path, other), 0);
}

/* A crash between a rename and the directory's sync may leave both names, where the file system has no journal: then
 * a file is not written under one of them while it is kept under the other. */
static void test_two_names(void **state)
{
	(void)state;
	enum { SEGMENT = 64 * 1024 };
	struct seen seen;
	char path[JOURNAL_PATH_MOST];
	make_prepared(SEGMENT);
	prepared_path(path, test_directory);
	give_other_name(path, 1);
	struct journal *journal = start(beginning, SEGMENT, 1, &seen);
	assert_int_equal(put(journal, "not in the prepared one").segment, 2);
	assert_int_equal(size_of_file(path), SEGMENT);
	assert_int_equal(journal_retire(journal, 1), JOURNAL_DONE);
	path_of(1, path);
	assert_int_equal(size_of_file(path), -1);
	make_prepared(SEGMENT);
	journal_use_prepared(journal);
	assert_int_equal(put(journal, "in the prepared one").segment, 3);
	journal_free(journal);
	path_of(3, path);
	give_other_name(path, 4);
	journal = start(beginning, SEGMENT, 2, &seen);
	assert_int_equal(seen.count, 2);
	assert_int_equal(journal_retire(journal, 3), JOURNAL_DONE);
	assert_int_equal(size_of_file(path), -1); /* no spare */
	assert_int_equal(journal_retire(journal, 4), JOURNAL_DONE);
	path_of(4, path);
	assert_int_equal(size_of_file(path), SEGMENT);
	journal_free(journal);
}

static void test_large_record(void **state)
{
	(void)state;
	struct seen seen;
	struct journal *journal = start(beginning, 4096, 1, &seen);
	struct text large = TEXT_LIMIT((size_t)5 * 1024 * 1024);
	for (size_t i = 0; i < (size_t)4 * 1024 * 1024; i++)
		text_add_byte(&large, (char)i);
	struct journal_record record = { .type = 1, .sequence = 1, .head = VIEW("L"), .content = text_view(&large) };
	assert_int_equal(journal_append(journal, &record, 1), JOURNAL_DONE);
	put(journal, "small");
	struct text bytes = TEXT_LIMIT(JOURNAL_RECORD_MOST);
	assert_int_equal(journal_read(disk_real(), test_directory, &record.place, &record.id, &bytes), JOURNAL_DONE);
	assert_true(view_equal(view_from(text_view(&bytes), 1), text_view(&large)));
	text_deinit(&bytes);
	text_deinit(&large);
	journal_free(journal);
	journal = start(beginning, 4096, 1, &seen);
	assert_int_equal(seen.count, 2);
	journal_free(journal);
}

static void test_parse_piecewise(void **state)
{
	(void)state;
	struct seen seen;
	struct journal *journal = start(beginning, 0, 1, &seen);
	const struct journal_place place = put(journal, "whole record");
	journal_free(journal);
	char path[JOURNAL_PATH_MOST];
	path_of(1, path);
	const int file = open(path, O_RDONLY);
	char bytes[256];
	const ssize_t length = pread(file, bytes, sizeof(bytes), (off_t)place.offset);
	close(file);
	const size_t whole = JOURNAL_RECORD_HEADER + place.length;
	assert_true(length >= (ssize_t)whole);
	for (size_t i = 0; i <= whole; i++) {
		struct journal_record record;
		bool more = false;
		assert_int_equal(journal_record_parse(view_bytes(bytes, i), 0, &record, &more), i < whole ? 0 : whole);
		assert_int_equal(more, i < whole);
	}
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, test_directory_begin, test_directory_end)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken_and_not_written),
		ROW(test_two_names),
		ROW(test_no_room_for_a_name),
		ROW(test_refused_group_comes_back),
		ROW(test_prepared_segment),
		ROW(test_prepared_before),
		ROW(test_replays_in_order),
		ROW(test_torn_tail),
		ROW(test_last_group_is_in_doubt),
		ROW(test_flipped_bits),
		ROW(test_recycled_segments),
		ROW(test_large_record),
		ROW(test_parse_piecewise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/testing.h"
#include "task/disk.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char directory[64];

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

static int begin(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/disk-test-XXXXXX");
	return mkdtemp(directory) == NULL ? -1 : 0;
}

static int end(void **state)
{
	(void)state;
	return nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct path {
	char text[128];
};

static struct path below(const char *name)
{
	struct path path;
	snprintf(path.text, sizeof(path.text), "%s/%s", directory, name);
	return path;
}

static const struct disk_operations *on(void)
{
	return disk_real()->operations;
}

static struct disk_file *make(const char *name)
{
	struct disk_file *file = NULL;
	assert_int_equal(on()->open(disk_real(), below(name).text, DISK_CREATE, &file), DISK_OK);
	return file;
}

static void opening_says_what_is_wrong(void **state)
{
	static const struct {
		const char *name;
		const char *path;
		unsigned flags;
		enum disk_result result;
	} cases[] = {
		{ "absent", "absent", 0, DISK_ABSENT },
		{ "made", "there", DISK_CREATE, DISK_OK },
		{ "there already", "there", DISK_CREATE, DISK_OK },
		{ "there, exclusively", "there", DISK_CREATE | DISK_EXCLUSIVE, DISK_FAILED },
		{ "new, exclusively", "new", DISK_CREATE | DISK_EXCLUSIVE, DISK_OK },
		{ "below what is absent", "absent/file", DISK_CREATE, DISK_ABSENT },
		{ "below a file", "there/file", DISK_CREATE, DISK_ABSENT },
		{ "a directory", ".", 0, DISK_FAILED },
	};
	(void)state;
	for (size_t i = 0; i < CASES(cases); i++) {
		struct disk_file *file = NULL;
		expect_number(cases[i].name, on()->open(disk_real(), below(cases[i].path).text, cases[i].flags, &file),
		              cases[i].result);
		if (file != NULL)
			on()->close(disk_real(), file);
	}
}

static void bytes_are_written_and_read(void **state)
{
	(void)state;
	struct disk_file *file = make("bytes");
	const struct view parts[] = { VIEW("one "), VIEW(""), VIEW("two "), VIEW("three") };
	char read[64];
	size_t got = 0;
	uint64_t size = 0;
	assert_int_equal(on()->write(disk_real(), file, 3, parts, 4), DISK_OK);
	assert_int_equal(on()->sync(disk_real(), file), DISK_OK);
	assert_int_equal(on()->size(disk_real(), file, &size), DISK_OK);
	assert_int_equal(size, 16);
	assert_int_equal(on()->read(disk_real(), file, 0, read, sizeof(read), &got), DISK_OK);
	expect_view("all", view_bytes(read, got), VIEW("\0\0\0one two three"));
	assert_int_equal(on()->read(disk_real(), file, 7, read, 3, &got), DISK_OK);
	expect_view("the middle", view_bytes(read, got), VIEW("two"));
	assert_int_equal(on()->read(disk_real(), file, 16, read, 3, &got), DISK_OK);
	assert_int_equal(got, 0);
	uint64_t names = 0;
	assert_int_equal(on()->names(disk_real(), file, &names), DISK_OK);
	assert_int_equal(names, 1);
	assert_int_equal(link(below("bytes").text, below("more bytes").text), 0);
	assert_int_equal(on()->names(disk_real(), file, &names), DISK_OK);
	assert_int_equal(names, 2);
	assert_int_equal(on()->truncate(disk_real(), file, 6), DISK_OK);
	assert_int_equal(on()->size(disk_real(), file, &size), DISK_OK);
	assert_int_equal(size, 6);
	on()->close(disk_real(), file);
}

static void more_parts_than_one_call_takes_are_written(void **state)
{
	enum { PARTS = 700 };
	(void)state;
	struct disk_file *file = make("parts");
	static struct view parts[PARTS];
	static const char digits[] = "0123456789";
	char read[PARTS + 1];
	size_t got = 0;
	for (size_t i = 0; i < PARTS; i++)
		parts[i] = (struct view){ digits + i % 10, 1 };
	assert_int_equal(on()->write(disk_real(), file, 0, parts, PARTS), DISK_OK);
	assert_int_equal(on()->read(disk_real(), file, 0, read, sizeof(read), &got), DISK_OK);
	assert_int_equal(got, PARTS);
	for (size_t i = 0; i < PARTS; i++)
		assert_int_equal(read[i], digits[i % 10]);
	on()->close(disk_real(), file);
}

static bool lists(const char *path, const char *name)
{
	struct text names = TEXT_LIMIT(4096);
	assert_int_equal(on()->list(disk_real(), path, &names), DISK_OK);
	struct view rest = text_view(&names);
	struct view one;
	bool found = false;
	while (rest.length > 0 && view_split(&rest, '\0', &one))
		found = found || view_equal(one, view_of(name));
	text_deinit(&names);
	return found;
}

static void names_come_and_go(void **state)
{
	(void)state;
	struct disk *disk = disk_real();
	assert_int_equal(on()->make_directory(disk, below("folder").text), DISK_OK);
	assert_int_equal(on()->make_directory(disk, below("folder").text), DISK_OK);
	assert_int_equal(on()->make_directory(disk, below("no/folder").text), DISK_ABSENT);
	on()->close(disk, make("folder/old"));
	assert_true(lists(below("folder").text, "old"));
	assert_int_equal(on()->rename(disk, below("folder/old").text, below("folder/new").text), DISK_OK);
	assert_int_equal(on()->sync_directory(disk, below("folder").text), DISK_OK);
	assert_false(lists(below("folder").text, "old"));
	assert_true(lists(below("folder").text, "new"));
	assert_int_equal(on()->rename(disk, below("folder/old").text, below("folder/new").text), DISK_ABSENT);
	assert_int_equal(on()->remove(disk, below("folder/new").text), DISK_OK);
	assert_int_equal(on()->remove(disk, below("folder/new").text), DISK_ABSENT);
	assert_int_equal(on()->sync_directory(disk, below("absent").text), DISK_ABSENT);
	struct text names = TEXT_LIMIT(64);
	assert_int_equal(on()->list(disk, below("absent").text, &names), DISK_ABSENT);
	assert_int_equal(on()->list(disk, below("folder").text, &names), DISK_OK);
	assert_int_equal(names.length, 0);
	text_deinit(&names);
}

static void a_full_disk_says_so(void **state)
{
	(void)state;
	struct disk_file *file = NULL;
	uint64_t bytes = 0;
	assert_int_equal(on()->free_space(disk_real(), directory, &bytes), DISK_OK);
	assert_true(bytes > 0);
	if (access("/dev/full", W_OK) != 0)
		skip();
	assert_int_equal(on()->open(disk_real(), "/dev/full", 0, &file), DISK_OK);
	assert_int_equal(on()->write(disk_real(), file, 0, &VIEW("x"), 1), DISK_FULL);
	on()->close(disk_real(), file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(opening_says_what_is_wrong, begin, end),
		cmocka_unit_test_setup_teardown(bytes_are_written_and_read, begin, end),
		cmocka_unit_test_setup_teardown(more_parts_than_one_call_takes_are_written, begin, end),
		cmocka_unit_test_setup_teardown(names_come_and_go, begin, end),
		cmocka_unit_test_setup_teardown(a_full_disk_says_so, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

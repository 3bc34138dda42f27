#include "base/testing.h"
#include "task/disk_sim.h"

#include "base/bytes.h"

/* ---- scripts: what is done to the disk, a line each, then the cut, then what is there */

static const struct disk_operations *on(const struct disk *disk)
{
	return disk->operations;
}

static struct view word(struct view *rest)
{
	struct view part = VIEW("");
	view_split(rest, ' ', &part);
	return part;
}

struct name {
	char text[64];
};

static struct name name_of(struct view view)
{
	struct name name;
	assert_true(bytes_to_cstring(name.text, sizeof(name.text), view));
	return name;
}

static uint64_t number_of(struct view view)
{
	uint64_t number = 0;
	assert_true(view_to_u64(view, &number));
	return number;
}

static struct disk_file *opened(struct disk *disk, const char *path, unsigned flags)
{
	struct disk_file *file = NULL;
	if (on(disk)->open(disk, path, flags, &file) != DISK_OK)
		fail_msg("%s cannot be opened", path);
	return file;
}

static enum disk_result act_write(struct disk *disk, struct name path, struct view rest)
{
	struct disk_file *file = opened(disk, path.text, DISK_CREATE);
	const uint64_t offset = number_of(word(&rest));
	const enum disk_result result = on(disk)->write(disk, file, offset, &rest, 1);
	on(disk)->close(disk, file);
	return result;
}

static enum disk_result act_truncate(struct disk *disk, struct name path, struct view rest)
{
	struct disk_file *file = opened(disk, path.text, 0);
	const enum disk_result result = on(disk)->truncate(disk, file, number_of(word(&rest)));
	on(disk)->close(disk, file);
	return result;
}

static enum disk_result act_sync(struct disk *disk, struct name path, struct view rest)
{
	(void)rest;
	struct disk_file *file = opened(disk, path.text, 0);
	const enum disk_result result = on(disk)->sync(disk, file);
	on(disk)->close(disk, file);
	return result;
}

static enum disk_result act_names(struct disk *disk, struct name path, struct view rest)
{
	(void)rest;
	return on(disk)->sync_directory(disk, path.text);
}

static enum disk_result act_folder(struct disk *disk, struct name path, struct view rest)
{
	(void)rest;
	return on(disk)->make_directory(disk, path.text);
}

static enum disk_result act_rename(struct disk *disk, struct name path, struct view rest)
{
	return on(disk)->rename(disk, path.text, name_of(rest).text);
}

static enum disk_result act_remove(struct disk *disk, struct name path, struct view rest)
{
	(void)rest;
	return on(disk)->remove(disk, path.text);
}

static void act(struct disk *disk, const char *name, const char *script)
{
	static const struct {
		struct view verb;
		enum disk_result (*act)(struct disk *disk, struct name path, struct view rest);
	} acts[] = {
		{ VIEW_INIT("write"), act_write },   { VIEW_INIT("truncate"), act_truncate },
		{ VIEW_INIT("sync"), act_sync },     { VIEW_INIT("names"), act_names },
		{ VIEW_INIT("folder"), act_folder }, { VIEW_INIT("rename"), act_rename },
		{ VIEW_INIT("remove"), act_remove },
	};
	struct view lines = view_of(script);
	struct view line;
	while (view_split(&lines, '\n', &line)) {
		const struct view verb = word(&line);
		const struct name path = name_of(word(&line));
		bool is_known = verb.length == 0;
		for (size_t i = 0; i < CASES(acts); i++) {
			if (!view_equal(acts[i].verb, verb))
				continue;
			is_known = true;
			expect_number(name, acts[i].act(disk, path, line), DISK_OK);
		}
		if (!is_known)
			fail_msg("%s: what is %.*s?", name, VIEW_PRINT(verb));
	}
}

static void file_tell(struct disk *disk, const char *path, struct text *told)
{
	struct disk_file *file = NULL;
	if (on(disk)->open(disk, path, 0, &file) != DISK_OK)
		return;
	char bytes[4096];
	size_t got = 0;
	assert_int_equal(on(disk)->read(disk, file, 0, bytes, sizeof(bytes), &got), DISK_OK);
	on(disk)->close(disk, file);
	text_print(told, "%s%s=%.*s", told->length > 0 ? " " : "", path, (int)got, bytes);
}

/* The files a, b, c, d/a that are there: "a=bytes d/a=bytes". */
static void tell(struct disk *disk, struct text *told)
{
	static const char *const paths[] = { "a", "b", "c", "d/a", "d/b" };
	for (size_t i = 0; i < CASES(paths); i++)
		file_tell(disk, paths[i], told);
}

static void what_was_synced_outlives_a_cut(void **state)
{
	static const struct {
		const char *name;
		const char *script;
		const char *now;
		const char *left; /* when nothing that is not synced survives */
	} cases[] = {
		{ "nothing is synced", "write a 0 one", "a=one", "" },
		{ "bytes without a name", "write a 0 one\nsync a", "a=one", "" },
		{ "a name without bytes", "write a 0 one\nnames /", "a=one", "a=" },
		{ "both", "write a 0 one\nsync a\nnames /", "a=one", "a=one" },
		{ "names first", "write a 0 one\nnames /\nsync a", "a=one", "a=one" },
		{ "later bytes", "write a 0 one\nsync a\nnames .\nwrite a 1 N\nwrite a 3 more", "a=oNemore", "a=one" },
		{ "a later end", "write a 0 onetwo\nsync a\nnames /\ntruncate a 3", "a=one", "a=onetwo" },
		{ "an end that is synced", "write a 0 onetwo\nsync a\nnames /\ntruncate a 3\nsync a", "a=one", "a=one" },
		{ "shorter and longer", "write a 0 onetwo\nnames /\nsync a\ntruncate a 2\nwrite a 2 !\nsync a", "a=on!",
		  "a=on!" },
		{ "a file that is removed", "write a 0 one\nsync a\nnames /\nremove a", "", "a=one" },
		{ "a removal that is synced", "write a 0 one\nsync a\nnames /\nremove a\nnames /", "", "" },
		{ "a rename", "write a 0 one\nsync a\nnames /\nrename a b", "b=one", "a=one" },
		{ "a rename that is synced", "write a 0 one\nsync a\nnames /\nrename a b\nnames /", "b=one", "b=one" },
		{ "a rename onto another", "write a 0 one\nsync a\nwrite b 0 two\nsync b\nnames /\nrename a b", "b=one",
		  "a=one b=two" },
		{ "a rename onto another that is synced",
		  "write a 0 one\nsync a\nwrite b 0 two\nsync b\nnames /\nrename a b\nnames /", "b=one", "b=one" },
		{ "a rename, then bytes", "write a 0 one\nsync a\nnames /\nrename a b\nwrite b 0 two\nsync b", "b=two",
		  "a=two" },
		{ "a folder whose name is not synced", "folder d\nwrite d/a 0 one\nsync d/a\nnames d", "d/a=one", "" },
		{ "a folder whose names are not synced", "folder d\nnames /\nwrite d/a 0 one\nsync d/a", "d/a=one", "" },
		{ "a folder with all", "folder ./d/\nnames /\nwrite d/a 0 one\nsync /d/a\nnames d/.", "d/a=one", "d/a=one" },
		{ "another folder's names", "folder d\nnames /\nwrite a 0 one\nsync a\nnames d", "a=one", "" },
		{ "a new file in an old one's place", "write a 0 one\nsync a\nnames /\nremove a\nwrite a 0 two\nsync a",
		  "a=two", "a=one" },
	};
	(void)state;
	for (size_t i = 0; i < CASES(cases); i++) {
		struct disk *disk = disk_sim_new();
		struct text told = TEXT_LIMIT(65536);
		act(disk, cases[i].name, cases[i].script);
		tell(disk, &told);
		expect_view(cases[i].name, text_view(&told), view_of(cases[i].now));
		struct disk *copy = disk_sim_copy(disk);
		expect_number(cases[i].name, (int64_t)disk_sim_digest(copy), (int64_t)disk_sim_digest(disk));
		const uint64_t digest = disk_sim_digest(disk);
		disk_sim_cut(disk, DISK_SIM_EVERYTHING, 0);
		expect_number(cases[i].name, (int64_t)disk_sim_digest(disk), (int64_t)digest);
		disk_sim_cut(disk, DISK_SIM_NOTHING, 0);
		expect_number(cases[i].name, (int64_t)disk_sim_digest(disk), (int64_t)digest);
		disk_sim_cut(copy, DISK_SIM_NOTHING, 0);
		text_clear(&told);
		tell(copy, &told);
		expect_view(cases[i].name, text_view(&told), view_of(cases[i].left));
		text_deinit(&told);
		disk_sim_free(disk);
		disk_sim_free(copy);
	}
}

enum { OUTCOMES_MOST = 8, SEEDS = 400 };

static size_t outcome_of(const struct disk *disk, uint64_t seed, const char *const outcomes[OUTCOMES_MOST])
{
	struct disk *copy = disk_sim_copy(disk);
	struct text told = TEXT_LIMIT(65536);
	disk_sim_cut(copy, DISK_SIM_SOME, seed);
	tell(copy, &told);
	size_t outcome = 0;
	while (outcomes[outcome] != NULL && !view_equal(text_view(&told), view_of(outcomes[outcome])))
		outcome++;
	if (outcomes[outcome] == NULL)
		fail_msg("seed %u: %s", (unsigned)seed, text_cstring(&told));
	text_deinit(&told);
	disk_sim_free(copy);
	return outcome;
}

/* Nothing else comes about, and each of these does. */
static void of_what_was_not_synced_some_survives(void **state)
{
	static const struct {
		const char *name;
		const char *script;
		const char *outcomes[OUTCOMES_MOST]; /* ended by NULL */
	} cases[] = {
		{ "a new file", "write a 0 one\nsync a", { "", "a=one" } },
		{ "a rename", "write a 0 one\nsync a\nnames /\nrename a b", { "a=one", "b=one" } },
		{ "made and renamed", "write a 0 one\nsync a\nrename a b", { "", "a=one", "b=one" } },
		{ "removed", "write a 0 one\nsync a\nnames /\nremove a", { "", "a=one" } },
		{ "two files", "write a 0 one\nsync a\nwrite b 0 two\nsync b", { "", "a=one", "b=two", "a=one b=two" } },
		{ "one sector, two states",
		  "write a 0 one\nsync a\nnames /\nwrite a 0 two\nwrite a 0 end",
		  { "a=one", "a=two", "a=end" } },
		{ "shorter", "write a 0 onetwo\nsync a\nnames /\ntruncate a 3", { "a=one", "a=onetwo" } },
		{ "emptied and written: never the old and the new",
		  "write a 0 onetwo\nsync a\nnames /\ntruncate a 0\nwrite a 0 end",
		  { "a=", "a=end", "a=onetwo" } },
		{ "the other file is not touched",
		  "write a 0 one\nsync a\nwrite b 0 two\nsync b\nnames /\nwrite b 0 end",
		  { "a=one b=two", "a=one b=end" } },
	};
	(void)state;
	for (size_t i = 0; i < CASES(cases); i++) {
		struct disk *disk = disk_sim_new();
		bool seen[OUTCOMES_MOST] = { false };
		act(disk, cases[i].name, cases[i].script);
		for (uint64_t seed = 1; seed <= SEEDS; seed++)
			seen[outcome_of(disk, seed, cases[i].outcomes)] = true;
		for (size_t outcome = 0; cases[i].outcomes[outcome] != NULL; outcome++)
			if (!seen[outcome])
				fail_msg("%s: never \"%s\"", cases[i].name, cases[i].outcomes[outcome]);
		disk_sim_free(disk);
	}
}

/* ---- writes of several sectors */

enum { SECTORS = 3 };

/* The letter that each sector of the file "a" is full of. */
struct sectors {
	char letters[SECTORS + 1];
};

static void fill(struct disk *disk, struct disk_file *file, size_t from, size_t count, char letter)
{
	char bytes[SECTORS * DISK_SIM_SECTOR];
	memset(bytes, letter, sizeof(bytes));
	const struct view part = view_bytes(bytes, count * DISK_SIM_SECTOR);
	assert_int_equal(on(disk)->write(disk, file, from * DISK_SIM_SECTOR, &part, 1), DISK_OK);
}

static struct sectors sectors_of(struct disk *disk)
{
	struct sectors sectors = { "" };
	struct disk_file *file = opened(disk, "a", 0);
	char bytes[SECTORS * DISK_SIM_SECTOR];
	size_t got = 0;
	assert_int_equal(on(disk)->read(disk, file, 0, bytes, sizeof(bytes), &got), DISK_OK);
	on(disk)->close(disk, file);
	assert_int_equal(got % DISK_SIM_SECTOR, 0);
	for (size_t i = 0; i < got; i += DISK_SIM_SECTOR) {
		for (size_t j = 0; j < DISK_SIM_SECTOR; j++)
			assert_int_equal(bytes[i + j], bytes[i]);
		sectors.letters[i / DISK_SIM_SECTOR] = bytes[i] == '\0' ? '0' : bytes[i];
	}
	return sectors;
}

static bool comes_about(const struct disk *disk, const char *letters)
{
	bool found = false;
	for (uint64_t seed = 1; seed <= SEEDS && !found; seed++) {
		struct disk *copy = disk_sim_copy(disk);
		disk_sim_cut(copy, DISK_SIM_SOME, seed);
		found = strcmp(sectors_of(copy).letters, letters) == 0;
		disk_sim_free(copy);
	}
	return found;
}

static void sectors_survive_one_by_one(void **state)
{
	static const struct {
		const char *name;
		size_t durable; /* sectors of "o" that were synced; then all are written as "n" */
		const char *letters;
		bool comes;
	} cases[] = {
		{ "nothing", 3, "ooo", true },
		{ "everything", 3, "nnn", true },
		{ "torn", 3, "noo", true },
		{ "the end before the beginning", 3, "oon", true },
		{ "a hole", 3, "non", true },
		{ "nothing is empty that was full", 3, "0nn", false },
		{ "longer, whole", 1, "nnn", true },
		{ "not longer", 1, "o", true },
		{ "not longer, but written", 1, "n", true },
		{ "longer, of nothing", 1, "o00", true },
		{ "longer, of what another file holds", 1, "nnx", true },
		{ "new, of nothing", 0, "000", true },
	};
	(void)state;
	for (size_t i = 0; i < CASES(cases); i++) {
		struct disk *disk = disk_sim_new();
		act(disk, cases[i].name, "write other 0 x\nwrite a 0 o");
		struct disk_file *other = opened(disk, "other", 0);
		struct disk_file *file = opened(disk, "a", 0);
		fill(disk, other, 0, SECTORS, 'x');
		assert_int_equal(on(disk)->sync(disk, other), DISK_OK);
		assert_int_equal(on(disk)->truncate(disk, file, 0), DISK_OK);
		fill(disk, file, 0, cases[i].durable, 'o');
		assert_int_equal(on(disk)->sync(disk, file), DISK_OK);
		assert_int_equal(on(disk)->sync_directory(disk, "/"), DISK_OK);
		fill(disk, file, 0, SECTORS, 'n');
		on(disk)->close(disk, file);
		on(disk)->close(disk, other);
		expect_number(cases[i].name, comes_about(disk, cases[i].letters), cases[i].comes);
		disk_sim_free(disk);
	}
}

/* ---- calls that are told what to do */

static void flushes_can_be_deaf(void **state)
{
	static const struct {
		const char *name;
		struct disk_sim_deaf deaf;
		const char *left;
	} cases[] = {
		{ "none", { NULL, NULL }, "a=one d/a=two" },    { "files", { "", NULL }, "a= d/a=" },
		{ "some files", { "d/", NULL }, "a=one d/a=" }, { "directories", { NULL, "" }, "" },
		{ "a directory", { NULL, "d" }, "a=one" },
	};
	(void)state;
	for (size_t i = 0; i < CASES(cases); i++) {
		struct disk *disk = disk_sim_new();
		struct text told = TEXT_LIMIT(65536);
		disk_sim_set_deaf(disk, cases[i].deaf);
		act(disk, cases[i].name, "folder d\nwrite a 0 one\nsync a\nwrite d/a 0 two\nsync d/a\nnames /\nnames d");
		disk_sim_cut(disk, DISK_SIM_NOTHING, 0);
		tell(disk, &told);
		expect_view(cases[i].name, text_view(&told), view_of(cases[i].left));
		text_deinit(&told);
		disk_sim_free(disk);
	}
}

struct watcher {
	enum disk_sim_call call; /* that fails */
	char path[64];           /* of the last call */
};

static enum disk_result before(void *context, enum disk_sim_call call, const char *path)
{
	struct watcher *watcher = context;
	bytes_to_cstring(watcher->path, sizeof(watcher->path), view_of(path));
	return call == watcher->call ? DISK_FULL : DISK_OK;
}

static enum disk_result call_file(struct disk *disk, struct disk_file *file, enum disk_sim_call call)
{
	char bytes[8];
	size_t got = 0;
	if (call == DISK_SIM_READ)
		return on(disk)->read(disk, file, 0, bytes, sizeof(bytes), &got);
	if (call == DISK_SIM_WRITE)
		return on(disk)->write(disk, file, 0, &VIEW("ABCDEF"), 1);
	return call == DISK_SIM_SYNC ? on(disk)->sync(disk, file) : on(disk)->truncate(disk, file, 1);
}

static enum disk_result call_make(struct disk *disk, enum disk_sim_call call)
{
	struct disk_file *file = NULL;
	if (call == DISK_SIM_CREATE)
		return on(disk)->open(disk, "a", DISK_CREATE, &file);
	if (call == DISK_SIM_RENAME)
		return on(disk)->rename(disk, "a", "b");
	if (call == DISK_SIM_REMOVE)
		return on(disk)->remove(disk, "a");
	if (call == DISK_SIM_SYNC_DIRECTORY)
		return on(disk)->sync_directory(disk, "a");
	if (call == DISK_SIM_MAKE_DIRECTORY)
		return on(disk)->make_directory(disk, "a");
	file = opened(disk, "a", 0);
	const enum disk_result result = call_file(disk, file, call);
	on(disk)->close(disk, file);
	return result;
}

static void each_call_can_be_told_to_fail(void **state)
{
	static const struct {
		const char *name;
		enum disk_sim_call call;
		const char *left;
	} cases[] = {
		{ "read", DISK_SIM_READ, "a=one" },
		{ "create", DISK_SIM_CREATE, "a=one" },
		{ "write: a half is done", DISK_SIM_WRITE, "a=ABC" },
		{ "sync", DISK_SIM_SYNC, "a=one" },
		{ "truncate", DISK_SIM_TRUNCATE, "a=one" },
		{ "rename", DISK_SIM_RENAME, "a=one" },
		{ "remove", DISK_SIM_REMOVE, "a=one" },
		{ "sync directory", DISK_SIM_SYNC_DIRECTORY, "a=one" },
		{ "make directory", DISK_SIM_MAKE_DIRECTORY, "a=one" },
	};
	(void)state;
	for (size_t i = 0; i < CASES(cases); i++) {
		struct disk *disk = disk_sim_new();
		struct watcher watcher = { .call = cases[i].call };
		struct text told = TEXT_LIMIT(65536);
		act(disk, cases[i].name, "write a 0 one\nsync a\nnames /");
		disk_sim_watch(disk, before, &watcher);
		expect_number(cases[i].name, call_make(disk, cases[i].call), DISK_FULL);
		expect_view(cases[i].name, view_of(watcher.path), VIEW("a"));
		disk_sim_watch(disk, NULL, NULL);
		tell(disk, &told);
		expect_view(cases[i].name, text_view(&told), view_of(cases[i].left));
		text_deinit(&told);
		disk_sim_free(disk);
	}
}

/* ---- as the real disk answers */

static void opening_says_what_is_wrong(void **state)
{
	static const struct {
		const char *name;
		const char *path;
		unsigned flags;
		enum disk_result result;
	} cases[] = {
		{ "absent", "absent", 0, DISK_ABSENT },
		{ "there", "a", 0, DISK_OK },
		{ "made", "new", DISK_CREATE, DISK_OK },
		{ "there, exclusively", "a", DISK_CREATE | DISK_EXCLUSIVE, DISK_FAILED },
		{ "new, exclusively", "newer", DISK_CREATE | DISK_EXCLUSIVE, DISK_OK },
		{ "below what is absent", "absent/file", DISK_CREATE, DISK_ABSENT },
		{ "below a file", "a/file", DISK_CREATE, DISK_ABSENT },
		{ "a directory", ".", 0, DISK_FAILED },
		{ "another directory", "d/", DISK_CREATE, DISK_FAILED },
	};
	(void)state;
	struct disk *disk = disk_sim_new();
	act(disk, "opening", "write a 0 one\nfolder d");
	for (size_t i = 0; i < CASES(cases); i++) {
		struct disk_file *file = NULL;
		expect_number(cases[i].name, on(disk)->open(disk, cases[i].path, cases[i].flags, &file), cases[i].result);
		if (file != NULL)
			on(disk)->close(disk, file);
	}
	disk_sim_free(disk);
}

static void names_are_listed(void **state)
{
	(void)state;
	struct disk *disk = disk_sim_new();
	struct text names = TEXT_LIMIT(64);
	act(disk, "names", "folder d\nfolder d\nwrite d/a 0 one\nwrite b 0 two\nrename b c");
	assert_int_equal(on(disk)->list(disk, "/", &names), DISK_OK);
	expect_view("the root", text_view(&names), VIEW("d\0c\0"));
	text_clear(&names);
	assert_int_equal(on(disk)->list(disk, "d/.", &names), DISK_OK);
	expect_view("the folder", text_view(&names), VIEW("a\0"));
	assert_int_equal(on(disk)->list(disk, "absent", &names), DISK_ABSENT);
	assert_int_equal(on(disk)->rename(disk, "b", "c"), DISK_ABSENT);
	assert_int_equal(on(disk)->remove(disk, "b"), DISK_ABSENT);
	assert_int_equal(on(disk)->sync_directory(disk, "absent"), DISK_ABSENT);
	assert_int_equal(on(disk)->make_directory(disk, "absent/d"), DISK_ABSENT);
	text_deinit(&names);
	disk_sim_free(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_synced_outlives_a_cut),
		cmocka_unit_test(of_what_was_not_synced_some_survives),
		cmocka_unit_test(sectors_survive_one_by_one),
		cmocka_unit_test(flushes_can_be_deaf),
		cmocka_unit_test(each_call_can_be_told_to_fail),
		cmocka_unit_test(opening_says_what_is_wrong),
		cmocka_unit_test(names_are_listed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

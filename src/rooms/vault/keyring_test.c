#include "rooms/vault/keyring.h"

#include "base/must.h"
#include "base/testing.h"
#include "store/test_directory.h"

#include <sqlite3.h>

/* Domains' keys and their turns, on a real database. */
struct scene {
	struct world *world;
	struct vault_keys keys;
	struct keyring keyring;
	void (*story)(struct scene *scene);
	bool done;
};

static const struct view domain = VIEW_INIT("example.com");
static const struct view selector = VIEW_INIT("elastx");

static void path_of_database(char path[256])
{
	snprintf(path, 256, "%s/vault.db", test_directory);
}

static void scene_open(struct scene *scene)
{
	char path[256];
	struct text problem = TEXT_LIMIT(1024);
	path_of_database(path);
	scene->keyring = (struct keyring){
		.world = scene->world,
		.database = database_open(path, &problem),
		.storage = worker_new(scene->world, "storage", 1),
		.makers = worker_new(scene->world, "makers", 1),
		.keys = &scene->keys,
	};
	expect_view("problem", text_view(&problem), VIEW_NONE);
	text_deinit(&problem);
	keyring_init(&scene->keyring);
}

static void scene_close(struct scene *scene)
{
	keyring_deinit(&scene->keyring);
	worker_free(scene->keyring.storage);
	worker_free(scene->keyring.makers);
	database_close(scene->keyring.database);
}

static void expect_keys(const char *name, struct scene *scene, const char *wanted)
{
	static const char *const phases[] = { [KEY_ACTIVE] = "active", [KEY_NEXT] = "next", [KEY_OLD] = "old" };
	struct held_domain *held = NULL;
	struct text told = TEXT_LIMIT(1000);
	expect_number(name, keyring_find(&scene->keyring, domain, &held), KEYRING_FOUND);
	for (size_t i = 0; i < held->key_count; i++)
		text_print(&told, "%s%s %s", i > 0 ? ", " : "", text_cstring(&held->keys[i].selector),
		           phases[held->keys[i].phase]);
	expect_view(name, text_view(&told), view_of(wanted));
	text_deinit(&told);
}

static enum keyring_rotated rotate(struct scene *scene, int64_t rest)
{
	struct held_domain *held = NULL;
	return keyring_rotate(&scene->keyring, domain, selector, rest, &held);
}

static void add(struct scene *scene, struct view name, EVP_PKEY *imported)
{
	struct held_domain *held = NULL;
	const struct keyring_new wanted = {
		.domain = domain,
		.selector = name,
		.imported = imported,
		.imported_algorithm = DKIM_ED25519_SHA256,
	};
	assert_int_equal(keyring_add(&scene->keyring, &wanted, &held), KEYRING_FOUND);
}

static void story_of_turns(struct scene *scene)
{
	expect_number("nothing to rotate", rotate(scene, 0), KEYS_ABSENT);
	expect_number("nothing to activate", keyring_activate(&scene->keyring, domain), KEYRING_ABSENT);
	add(scene, selector, NULL);
	expect_keys("first", scene, "elastx active, elastx-ed active");
	expect_number("no next yet", keyring_activate(&scene->keyring, domain), KEYRING_ABSENT);
	expect_number("rotate", rotate(scene, DAY), KEYS_ROTATED);
	expect_keys("rotated", scene, "elastx active, elastx-ed active, elastx2 next, elastx2-ed next");
	expect_number("twice", rotate(scene, 0), KEYS_UNDER_WAY);
	expect_number("activate", keyring_activate(&scene->keyring, domain), KEYRING_FOUND);
	expect_keys("turned", scene, "elastx2 active, elastx2-ed active, elastx old, elastx-ed old");
	expect_number("too soon", rotate(scene, DAY), KEYS_TOO_SOON);
	scene_close(scene);
	scene_open(scene);
	expect_keys("after a restart", scene, "elastx2 active, elastx2-ed active, elastx old, elastx-ed old");
	expect_number("again", rotate(scene, 0), KEYS_ROTATED);
	expect_keys("the first name again", scene, "elastx2 active, elastx2-ed active, elastx next, elastx-ed next");
	expect_number("activate again", keyring_activate(&scene->keyring, domain), KEYRING_FOUND);
	expect_keys("turned again", scene, "elastx active, elastx-ed active, elastx2 old, elastx2-ed old");
}

/* Somebody who signs with a key has it until the end. */
static void story_of_a_key_in_use(struct scene *scene)
{
	struct held_domain *held = NULL;
	add(scene, selector, NULL);
	assert_int_equal(keyring_find(&scene->keyring, domain, &held), KEYRING_FOUND);
	keyring_pin(held);
	expect_number("rotate", rotate(scene, 0), KEYS_ROTATED);
	expect_view("still there", text_view(&held->keys[0].selector), selector);
	keyring_unpin(held);
}

static void story_of_a_key_brought_along(struct scene *scene)
{
	EVP_PKEY *key = private_key_make(DKIM_ED25519_SHA256);
	add(scene, VIEW("mine"), key);
	EVP_PKEY_free(key);
	expect_number("rotate", rotate(scene, 0), KEYS_ROTATED);
	expect_keys("rotated", scene, "mine active, elastx next, elastx-ed next");
}

/* A database of the version before: its keys seal. */
static void story_of_an_older_database(struct scene *scene)
{
	static const char before[] =
		"DROP TABLE key;"
		"CREATE TABLE key(domain TEXT NOT NULL REFERENCES domain(name), selector TEXT NOT NULL,"
		"  algorithm INTEGER NOT NULL, public_key BLOB NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY(domain, selector))"
		"  WITHOUT ROWID;"
		"INSERT INTO key SELECT domain, selector, algorithm, public_key, sealed FROM kept;"
		"DROP TABLE kept;"
		"PRAGMA user_version=1;";
	char path[256];
	sqlite3 *connection = NULL;
	add(scene, selector, NULL);
	scene_close(scene);
	path_of_database(path);
	assert_int_equal(sqlite3_open(path, &connection), SQLITE_OK);
	assert_int_equal(sqlite3_exec(connection, "CREATE TABLE kept AS SELECT * FROM key;", NULL, NULL, NULL),
	                 SQLITE_OK);
	assert_int_equal(sqlite3_exec(connection, before, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(connection), SQLITE_OK);
	scene_open(scene);
	expect_keys("as they were", scene, "elastx active, elastx-ed active");
	expect_number("rotate", rotate(scene, DAY), KEYS_ROTATED);
	expect_keys("rotated", scene, "elastx active, elastx-ed active, elastx2 next, elastx2-ed next");
}

static void story_of_a_newer_database(struct scene *scene)
{
	char path[256];
	sqlite3 *connection = NULL;
	struct text problem = TEXT_LIMIT(1024);
	scene_close(scene);
	path_of_database(path);
	assert_int_equal(sqlite3_open(path, &connection), SQLITE_OK);
	assert_int_equal(sqlite3_exec(connection, "PRAGMA user_version=99", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(connection), SQLITE_OK);
	assert_null(database_open(path, &problem));
	assert_true(view_ends(text_view(&problem), VIEW("made by a newer version of Sealpost (99; this one knows 2)")));
	text_deinit(&problem);
	assert_int_equal(sqlite3_open(path, &connection), SQLITE_OK);
	assert_int_equal(sqlite3_exec(connection, "PRAGMA user_version=2", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(connection), SQLITE_OK);
	scene_open(scene);
}

/* ---- running them */

static void run(void *argument)
{
	struct scene *scene = argument;
	scene_open(scene);
	scene->story(scene);
	scene_close(scene);
	scene->done = true;
}

static void tell(void (*story)(struct scene *scene))
{
	struct scene scene = { .world = world_real_new(NULL), .story = story };
	task_start(scene.world, "story", run, &scene);
	world_real_run(scene.world);
	assert_true(scene.done);
	world_real_free(scene.world);
}

#define STORY(name)                                                                                                  \
	static void test_of_##name(void **state)                                                                         \
	{                                                                                                                \
		(void)state;                                                                                                 \
		tell(story_of_##name);                                                                                       \
	}
STORY(turns)
STORY(a_key_in_use)
STORY(a_key_brought_along)
STORY(an_older_database)
STORY(a_newer_database)

#define TEST(name) cmocka_unit_test_setup_teardown(test_of_##name, test_directory_begin, test_directory_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(turns), TEST(a_key_in_use), TEST(a_key_brought_along), TEST(an_older_database), TEST(a_newer_database),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A store on the real disk, in a directory of its own, and a task that plays with it. Tests only.
 * Promises: each play has an empty directory; what the hooks told is counted.
 * Does not know: what is played. */
#ifndef STORE_TEST_PLAY_H
#define STORE_TEST_PLAY_H

#include "base/clock.h"
#include "base/testing.h"
#include "store/store.h"
#include "store/test_directory.h"

#define PLAY_RECIPIENTS 3

/* What the hooks told. */
struct heard {
	unsigned accepted;
	unsigned changed;
	unsigned paid;
	unsigned failed;
	unsigned problems;
	unsigned account_held;
	struct store_place last_place;
};

struct scene {
	struct world *world;
	struct store *store;
	struct heard heard;
	struct arena arena;
	struct store_settings settings;
};

void scene_open(struct scene *scene);
void scene_close(struct scene *scene);
struct message_id id_of(unsigned number);
enum store_outcome accept_numbered(struct scene *scene, unsigned number, struct view content);
struct store_change_row row_of(unsigned index, enum store_state state);
struct store_change change_of(unsigned number, const struct store_change_row *rows, size_t count);
enum store_outcome change_rows(struct scene *scene, unsigned number, const struct store_change_row *rows,
                               size_t count);
enum store_outcome change_one(struct scene *scene, unsigned number, unsigned index, enum store_state state);
void assert_trace(struct scene *scene, unsigned number, size_t live, size_t ended);

void play(void (*act)(struct scene *scene));

#define PLAY(name)                                                                                                   \
	static void test_##name(void **state)                                                                            \
	{                                                                                                                \
		(void)state;                                                                                                 \
		play(play_##name);                                                                                           \
	}
#define ROW(name) cmocka_unit_test_setup_teardown(test_##name, test_directory_begin, test_directory_end)

#endif

/* The queue with one delivery and the api beside it, on the real disk, in simulated time, and a task that plays with
 * them. Tests only.
 * Promises: each play has an empty directory.
 * Does not know: what is played. */
#ifndef ROOMS_QUEUE_TEST_PLAY_H
#define ROOMS_QUEUE_TEST_PLAY_H

#include "base/testing.h"
#include "ipc/direct.h"
#include "rooms/queue/queue.h"
#include "store/test_directory.h"

struct scene {
	struct world *world;
	struct config *config;
	const struct config *in_force;
	struct log log;
	struct queue *queue;
	struct service service;
	struct peer *submission;
	struct peer *resolver;
	struct peer *delivery;
	struct peer *api;
	struct arena arena;
	unsigned events;
	unsigned terminal_events;
};

struct letter {
	unsigned number;
	struct view account;
	struct view sender;
	struct view recipients[4];
	struct view hold_reason;
	bool repeat;
};

void scene_start(struct scene *scene);
void scene_end(struct scene *scene);
void delivery_dies(struct scene *scene); /* and another connects */
int64_t soon(struct scene *scene);
struct message_id id_of(unsigned number);
enum submit_result post(struct scene *scene, const struct letter *letter);
void post_numbered(struct scene *scene, unsigned number);
size_t take(struct scene *scene, uint32_t most, int64_t patience, struct take_answer *answer);
bool report(struct scene *scene, const struct job *job, size_t recipient, enum fate fate, uint8_t attempt);
bool report_of(struct scene *scene, const struct job *job, size_t recipient, enum fate fate, uint8_t attempt,
               struct view site);
struct queue_act_answer act(struct scene *scene, enum queue_action action, struct queue_filter filter);
struct queue_act_answer act_on_all(struct scene *scene, enum queue_action action, struct view account);
struct trace_answer trace(struct scene *scene, unsigned number);

void play(void (*scenario)(struct scene *scene), const char *yaml); /* yaml NULL: the usual */

#define PLAY(name)                                                                                                   \
	static void test_##name(void **state)                                                                            \
	{                                                                                                                \
		(void)state;                                                                                                 \
		play(play_##name, NULL);                                                                                     \
	}
#define ROW(name) cmocka_unit_test_setup_teardown(test_##name, test_directory_begin, test_directory_end)

#endif

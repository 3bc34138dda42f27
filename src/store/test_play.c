#include "store/test_play.h"

static void hear_accepted(void *context, const struct store_message *message, const struct store_payment *payment,
                          const struct store_stamp *stamp)
{
	struct heard *heard = context;
	heard->accepted++;
	heard->paid += payment != NULL ? 1 : 0;
	heard->last_place = stamp->place;
	assert_true(message->recipient_count > 0);
}

static void hear_changed(void *context, const struct store_change *change, const struct store_stamp *stamp)
{
	struct heard *heard = context;
	heard->changed++;
	assert_true(change->row_count > 0 && stamp->sequence > 0);
}

static void hear_account(void *context, struct view account, struct view reason)
{
	(void)account;
	(void)reason;
	((struct heard *)context)->account_held++;
}

static void hear_failed(void *context, struct view why)
{
	(void)why;
	((struct heard *)context)->failed++;
}

static void hear_problem(void *context, struct view what)
{
	(void)what;
	((struct heard *)context)->problems++;
}

void scene_open(struct scene *scene)
{
	struct text problem = TEXT_LIMIT(1024);
	scene->store = store_open(scene->world, &scene->settings, &problem);
	if (scene->store == NULL)
		print_message("%s\n", text_cstring(&problem));
	text_deinit(&problem);
	assert_non_null(scene->store);
}

void scene_close(struct scene *scene)
{
	store_close(scene->store);
	store_free(scene->store);
	scene->store = NULL;
}

struct message_id id_of(unsigned number)
{
	uint8_t random[10] = { (uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8),
		                   (uint8_t)number };
	return id_make(1700000000 * SECOND, random);
}

enum store_outcome accept_numbered(struct scene *scene, unsigned number, struct view content)
{
	const struct store_recipient recipients[PLAY_RECIPIENTS] = {
		{ VIEW("anna@example.net"), VIEW("example.net") },
		{ VIEW("bert@example.net"), VIEW("example.net") },
		{ VIEW("carl@example.org"), VIEW("example.org") },
	};
	const struct store_message message = {
		.id = id_of(number),
		.accepted_wall = 1700000000 * SECOND,
		.accepted = store_time(scene->store),
		.expires = store_time(scene->store) + 5 * DAY,
		.account = VIEW("steve@mycorp.se"),
		.sender = VIEW("news@mycorp.se"),
		.extra = VIEW("extra"),
		.recipients = recipients,
		.recipient_count = PLAY_RECIPIENTS,
		.content = content,
	};
	return store_accept(scene->store, &message, NULL);
}

struct store_change_row row_of(unsigned index, enum store_state state)
{
	return (struct store_change_row){
		.index = index,
		.state = state,
		.fate = 2,
		.tried = true,
		.attempts = 1,
		.due = INT64_C(77) * HOUR,
		.address = VIEW("anna@example.net"),
		.domain = VIEW("example.net"),
		.verdict = { OUTCOME_LATER, 450, { 4, 7, 1 }, VIEW("450 4.7.1 not now") },
		.class = VIEW("greylisted"),
	};
}

struct store_change change_of(unsigned number, const struct store_change_row *rows, size_t count)
{
	return (struct store_change){
		.id = id_of(number),
		.account = VIEW("steve@mycorp.se"),
		.sender = VIEW("news@mycorp.se"),
		.accepted_wall = 1700000000 * SECOND,
		.size = 5,
		.attempt = { 1, 2, 3 },
		.when_wall = 1700000001 * SECOND,
		.remote = VIEW("mx1.example.net [192.0.2.1]:25"),
		.dialogue = VIEW("S: 450 4.7.1 not now"),
		.rows = rows,
		.row_count = count,
	};
}

enum store_outcome change_rows(struct scene *scene, unsigned number, const struct store_change_row *rows,
                               size_t count)
{
	struct store_change change = change_of(number, rows, count);
	return store_change(scene->store, &change);
}

enum store_outcome change_one(struct scene *scene, unsigned number, unsigned index, enum store_state state)
{
	const struct store_change_row row = row_of(index, state);
	return change_rows(scene, number, &row, 1);
}

void assert_trace(struct scene *scene, unsigned number, size_t live, size_t ended)
{
	struct store_story story;
	const struct message_id id = id_of(number);
	arena_clear(&scene->arena);
	const enum store_outcome outcome = store_trace(scene->store, &id, &scene->arena, &story);
	assert_int_equal(outcome, live + ended == 0 ? STORE_ABSENT : STORE_DONE);
	assert_int_equal(story.live_count, live);
	assert_int_equal(story.ended_count, ended);
}

struct play {
	struct scene *scene;
	void (*act)(struct scene *scene);
	bool done;
};

static void play_run(void *argument)
{
	struct play *play = argument;
	play->act(play->scene);
	play->done = true;
}

void play(void (*act)(struct scene *scene))
{
	struct scene scene = { .world = world_real_new(NULL) };
	scene.settings = (struct store_settings){ .directory = test_directory,
		                                      .retention = 30 * DAY,
		                                      .hooks = { .context = &scene.heard,
		                                                 .accepted = hear_accepted,
		                                                 .changed = hear_changed,
		                                                 .account_held = hear_account,
		                                                 .failed = hear_failed,
		                                                 .problem = hear_problem } };
	struct play run = { .scene = &scene, .act = act };
	task_start(scene.world, "play", play_run, &run);
	world_real_run(scene.world);
	assert_true(run.done);
	assert_int_equal(scene.heard.failed, 0);
	arena_deinit(&scene.arena);
	world_real_free(scene.world);
}

#include "rooms/room.h"

#include "base/must.h"
#include "ipc/channel.h"
#include "rooms/containment.h"
#include "rooms/control.h"
#include "rooms/events.h"

#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWERERS_MOST = 64, COUNTERS_MOST = 256, CALLERS_MOST = 3 * ROOM_INSTANCES_MOST };

struct early_caller {
	struct caller caller;
	int descriptor;
};

/* A session, the longest-lived holder, ends within a day (RFC 5321 names no end). */
static const int64_t config_kept = 25 * HOUR;

struct former_config {
	struct config *config;
	int64_t since; /* in force */
};

struct frame_private {
	struct room_frame frame;
	struct log log;
	struct text packet;
	struct arena arena;     /* secrets, listeners: as long as the room */
	struct service service; /* the room's rows and the two of every room */
	struct answerer answerers[ANSWERERS_MOST];
	struct events *events;
	struct task_group served;
	struct early_caller early[CALLERS_MOST]; /* that came before the start */
	size_t early_count;
	struct former_config *configs; /* the one in force is the last; those before it somebody may still hold */
	size_t config_count;
	bool started;
	int exit_code;
	/* room_ask_reload waits here. */
	struct signal reloaded;
	bool reload_pending;
	bool reload_good;
	struct text reload_why;
};

static int64_t log_wall(void *context)
{
	return world_wall(context);
}

/* ---- the two questions that every room answers */

static void answer_events(void *room, const struct caller *caller, const void *request, void *answer,
                          struct arena *arena)
{
	(void)caller;
	struct frame_private *private = room;
	events_answer(private->events, request, answer, arena);
}

static void answer_counters(void *room, const struct caller *caller, const void *request, void *answer,
                            struct arena *arena)
{
	(void)caller;
	(void)request;
	const struct frame_private *private = room;
	const struct room_definition *definition = private->frame.definition;
	struct counters_answer *counters = answer;
	counters->counters = ARENA_ARRAY(arena, struct counter, COUNTERS_MOST);
	if (definition->counters != NULL)
		counters->counter_count = definition->counters(private->frame.room, counters->counters, COUNTERS_MOST, arena);
	must(counters->counter_count < COUNTERS_MOST);
	counters->counters[counters->counter_count++] = (struct counter){
		.name = VIEW("sealpost_log_lines_dropped"),
		.value = (int64_t) private->log.dropped,
	};
}

static void service_make(struct frame_private *private)
{
	const struct room_definition *definition = private->frame.definition;
	must(definition->answerer_count + 2 <= ANSWERERS_MOST);
	size_t count = 0;
	for (size_t i = 0; i < definition->answerer_count; i++)
	private->answerers[count++] = definition->answerers[i];
	private->answerers[count++] =
		(struct answerer){ .question = &room_events_question, .answer = answer_events, .room = private };
	private->answerers[count++] =
		(struct answerer){ .question = &room_counters_question, .answer = answer_counters, .room = private };
	private->service = (struct service){
		.room = private->frame.room,
		.answerers = private->answerers,
		.answerer_count = count,
		.allows = wiring_allows,
		.caller_gone = definition->caller_gone,
	};
}

/* ---- what the supervisor sends, and what is said to it */

static void say(struct frame_private *private, enum control_kind kind, struct view text)
{
	const struct control_message message = { .kind = kind, .text = text, .descriptor = -1 };
	control_send(private->frame.world, CONTROL_DESCRIPTOR, &message);
}

static void take_identity(struct frame_private *private, const struct control_message *message)
{
	struct text problem = TEXT_LIMIT(256);
	const struct room_definition *definition = private->frame.definition;
	const char *directory = arena_cstring(&private->arena, message->text);
	if (message->text.length > 0 && chdir(directory) < 0)
		text_print(&problem, "cannot enter the state directory %s", directory);
	const struct containment containment = {
		.user = message->number,
		.group = message->other,
		.descriptors = definition->room == ROOM_VAULT ? 256 : 65536,
		.secret = definition->room == ROOM_VAULT,
	};
	private->frame.directory = ".";
	if (problem.length == 0)
		containment_enter(&containment, &problem);
	if (problem.length > 0)
		log_print(&private->log, LOG_WARNING, "containment: %s", text_cstring(&problem));
	text_deinit(&problem);
}

/* Puts it in force, and frees those that were replaced long ago. */
static void keep_config(struct frame_private *private, struct config *config)
{
	const int64_t now = world_now(private->frame.world);
	size_t kept = 0;
	for (size_t i = 0; i < private->config_count; i++) {
		const int64_t replaced = i + 1 < private->config_count ? private->configs[i + 1].since : now;
		if (replaced + config_kept < now)
			config_free(private->configs[i].config);
		else
		private->configs[kept++] = private->configs[i];
	}
	private->configs = must_realloc(private->configs, kept + 1, sizeof(*private->configs));
	private->configs[kept] = (struct former_config){ config, now };
	private->config_count = kept + 1;
	private->frame.config = config;
}

static void take_configuration(struct frame_private *private, const struct control_message *message)
{
	struct config_problems problems = { 0 };
	struct config *config = config_parse(message->text, "configuration", &problems);
	/* The supervisor has checked it with the same function. */
	must(config != NULL);
	config_problems_deinit(&problems);
	keep_config(private, config);
	private->log.level = config->log.level;
	private->log.format = config->log.format;
	private->log.colour = config->log.format == LOG_TEXT && isatty(STDERR_FILENO);
	if (!private->started)
		return;
	if (private->frame.definition->reload != NULL)
	private->frame.definition->reload(private->frame.room);
	say(private, CONTROL_READY, VIEW_NONE);
}

static void take_listener(struct frame_private *private, const struct control_message *message)
{
	struct room_frame *frame = &private->frame;
	if (frame->listeners == NULL)
		frame->listeners = ARENA_ARRAY(&private->arena, struct room_listener, ROOM_LISTENERS_MOST);
	must(frame->listener_count < ROOM_LISTENERS_MOST);
	const bool is_api = frame->definition->room == ROOM_API;
	frame->listeners[frame->listener_count++] = (struct room_listener){
		.listener = is_api ? NULL : listener_of_descriptor(frame->world, message->descriptor),
		.descriptor = is_api ? message->descriptor : -1,
	};
}

/* The peer and those before it, connected or not: whoever asks one that is away waits for it. */
static struct peer *peer_of(struct room_frame *frame, enum room room, size_t instance)
{
	for (size_t *count = &frame->peer_count[room]; *count <= instance; (*count)++)
		frame->peers[room][*count] = channel_peer_new(frame->world, room_name(room));
	return frame->peers[room][instance];
}

static void take_peer(struct frame_private *private, const struct control_message *message)
{
	must(message->number < ROOM_COUNT && message->other < ROOM_INSTANCES_MOST);
	channel_peer_connect(peer_of(&private->frame, (enum room)message->number, message->other), message->descriptor);
}

/* A room may start while another one is away, and gets the socket later. */
static void peers_prepare(struct room_frame *frame)
{
	for (size_t room = 0; room < ROOM_COUNT; room++)
		if (wiring_has(frame->definition->room, (enum room)room))
			peer_of(frame, (enum room)room, 0);
}

static void take_served(struct frame_private *private, const struct control_message *message)
{
	const struct caller caller = {
		.room = message->number,
		.instance = message->other,
		.number = message->caller,
	};
	if (private->started) {
		channel_serve(private->frame.world, &private->served, &private->service, caller, message->descriptor);
		return;
	}
	/* Questions wait in the socket until there is a room to answer them. */
	must(private->early_count < CALLERS_MOST);
	private->early[private->early_count++] = (struct early_caller){ caller, message->descriptor };
}

static void serve_early(struct frame_private *private)
{
	for (size_t i = 0; i < private->early_count; i++)
		channel_serve(private->frame.world, &private->served, &private->service, private->early[i].caller,
		              private->early[i].descriptor);
	private->early_count = 0;
}

/* Whatever the reason that is told: below the reserve it is likely to be this, and others may make space. */
static bool lacks_space(struct room_frame *frame)
{
	struct disk *disk = frame->world->disk;
	uint64_t bytes = 0;
	return disk->operations->free_space(disk, frame->directory, &bytes) == DISK_OK &&
	       bytes < frame->config->queue.reserve;
}

static void say_failed(struct frame_private *private, struct view problem)
{
	const struct control_message message = {
		.kind = CONTROL_FAILED, .number = lacks_space(&private->frame), .text = problem, .descriptor = -1
	};
	log_print(&private->log, LOG_ERROR, "cannot start: %.*s", VIEW_PRINT(problem));
	control_send(private->frame.world, CONTROL_DESCRIPTOR, &message);
}

static bool room_start(struct frame_private *private)
{
	struct room_frame *frame = &private->frame;
	struct text problem = TEXT_LIMIT(2048);
	peers_prepare(frame);
	frame->room = frame->definition->start(frame, &problem);
	if (frame->room == NULL) {
		say_failed(private, text_view(&problem));
		private->exit_code = 1;
	} else {
		service_make(private);
		private->started = true;
		serve_early(private);
		say(private, CONTROL_READY, VIEW_NONE);
	}
	text_deinit(&problem);
	return frame->room != NULL;
}

static void take_reloaded(struct frame_private *private, const struct control_message *message)
{
	private->reload_pending = false;
	private->reload_good = message->number == 1;
	text_clear(&private->reload_why);
	text_add(&private->reload_why, message->text);
	signal_wake_all(&private->reloaded);
}

/* False: the room is to end. */
static bool take_message(struct frame_private *private, const struct control_message *message)
{
	switch (message->kind) {
	case CONTROL_IDENTITY:
		take_identity(private, message);
		return true;
	case CONTROL_CONFIGURATION:
		take_configuration(private, message);
		return true;
	case CONTROL_SECRET:
		must(message->number < SECRET_COUNT);
		private->frame.secrets[message->number] = arena_copy(&private->arena, message->text);
		return true;
	case CONTROL_LISTENER:
		take_listener(private, message);
		return true;
	case CONTROL_ASK:
		take_peer(private, message);
		return true;
	case CONTROL_SERVE:
		take_served(private, message);
		return true;
	case CONTROL_START:
		return room_start(private);
	case CONTROL_STOP:
		if (private->started && private->frame.definition->stop != NULL)
		private
		->frame.definition->stop(private->frame.room);
		return false;
	case CONTROL_RELOADED:
		take_reloaded(private, message);
		return true;
	case CONTROL_READY:
	case CONTROL_FAILED:
	case CONTROL_RELOAD:
		break;
	}
	must(false && "a message for the supervisor came to a room");
	return false;
}

static void frame_run(void *argument)
{
	struct frame_private *private = argument;
	struct control_message message;
	while (control_receive(private->frame.world, CONTROL_DESCRIPTOR, &private->packet, &message) == CONTROL_OK)
		if (!take_message(private, &message))
			break;
	world_stop(private->frame.world);
}

bool room_ask_reload(struct room_frame *frame, struct text *why)
{
	struct frame_private *private = frame->private;
	if (!private->reload_pending) {
		private->reload_pending = true;
		say(private, CONTROL_RELOAD, VIEW_NONE);
	}
	while (private->reload_pending)
		if (signal_wait(&private->reloaded, world_now(frame->world) + 30 * SECOND) != WAIT_DONE) {
			text_add(why, VIEW("the supervisor did not answer within 30 s"));
			return false;
		}
	text_add(why, text_view(&private->reload_why));
	return private->reload_good;
}

static void frame_end(struct frame_private *private)
{
	struct room_frame *frame = &private->frame;
	scheduler_cancel_all(frame->world->scheduler);
	/* Until the cancelled tasks have unwound; one that fails meanwhile may stop the world once more. */
	while (scheduler_task_count(frame->world->scheduler) > 0)
		world_real_run(frame->world);
	if (frame->room != NULL && frame->definition->deinit != NULL)
		frame->definition->deinit(frame->room);
	for (size_t room = 0; room < ROOM_COUNT; room++)
		for (size_t i = 0; i < frame->peer_count[room]; i++)
			peer_free(frame->peers[room][i]);
	for (size_t i = 0; i < frame->listener_count; i++)
		if (frame->listeners[i].listener != NULL)
			listener_free(frame->listeners[i].listener);
	for (size_t i = 0; i < private->config_count; i++)
		config_free(private->configs[i].config);
	free(private->configs);
	events_free(private->events);
	text_deinit(&private->packet);
	text_deinit(&private->reload_why);
	arena_deinit(&private->arena);
	world_real_free(frame->world);
}

/* Blocks of a message's size come and go all the time: what was once taken from the system is kept, up to this much,
 * since giving it back and faulting it in again cost a message more than its hash. */
static void keep_memory(void)
{
	enum { KEPT = 32 * 1024 * 1024, BY_ITSELF = 4 * 1024 * 1024, AT_ONCE = 1024 * 1024 };
	mallopt(M_TRIM_THRESHOLD, KEPT);
	mallopt(M_MMAP_THRESHOLD, BY_ITSELF);
	mallopt(M_TOP_PAD, AT_ONCE);
}

/* Who is woken waits until who woke it pauses: under load, more is done at each turn, and in one flush. */
static void run_in_batches(void)
{
	const struct sched_param no_priority = { 0 };
	sched_setscheduler(0, SCHED_BATCH, &no_priority);
}

int room_run(const struct room_definition *definition, unsigned instance)
{
	keep_memory();
	run_in_batches();
	prctl(PR_SET_NAME, room_name(definition->room)); /* for top and perf */
	struct frame_private *private = must_alloc(1, sizeof(*private));
	struct world *world = world_real_new(definition->tls);
	private->log = (struct log){
		.descriptor = STDERR_FILENO,
		.level = LOG_INFO,
		.room = room_name(definition->room),
		.wall = log_wall,
		.context = world,
	};
	private->frame = (struct room_frame){
		.definition = definition,
		.instance = instance,
		.world = world,
		.log = &private->log,
		.private = private,
	};
	private->arena.limit = (size_t)16 * 1024 * 1024;
	private->reload_why.limit = CONTROL_PACKET_MOST / 2;
	private->events = events_new(world);
	private->log.tap = events_tap;
	private->log.tap_context = private->events;
	task_group_init(&private->served);
	signal_init(&private->reloaded);
	task_start(world, "control", frame_run, private);
	world_real_run(world);
	frame_end(private);
	const int exit_code = private->exit_code;
	free(private);
	return exit_code;
}

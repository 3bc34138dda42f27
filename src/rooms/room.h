/* The frame of every room: what a room is given, and what it must give.
 * Promises: start runs in a task once configuration, secrets, listeners and the sockets of all rooms it asks are
 *   there; questions are answered only after start; what went wrong at the start is logged and ends the process.
 *   A room never opens what it was not given, except below its own state directory.
 * Does not know: any room. */
#ifndef ROOMS_ROOM_H
#define ROOMS_ROOM_H

#include "base/log.h"
#include "config/config.h"
#include "questions/common.h"

/* One entry of each secret that the room is given at the start (contents, never paths). */
enum secret {
	SECRET_TLS_CERTIFICATE, /* submission: PEM chain */
	SECRET_TLS_KEY,         /* submission: PEM */
	SECRET_VAULT_KEY,       /* vault: the key file's 32 bytes */
};
#define SECRET_COUNT (SECRET_VAULT_KEY + 1)

struct room_listener {
	struct listener *listener;
	int descriptor; /* api only: handed to libmicrohttpd; -1 otherwise */
};

#define ROOM_INSTANCES_MOST 64u
#define ROOM_LISTENERS_MOST 64u

struct room_definition;

struct room_frame {
	const struct room_definition *definition;
	void *room; /* what start returned */
	unsigned instance;
	struct world *world;
	struct log *log;
	/* The configuration in force. A reload puts a new one here; old ones live as long as the process, so that a
	 * session may keep the one it began with. */
	const struct config *config;
	struct view secrets[SECRET_COUNT];
	struct room_listener *listeners;
	size_t listener_count;
	/* The rooms this one may ask, by the wiring: peers[ROOM_QUEUE][0]; several instances of submission and delivery.
	 */
	struct peer *peers[ROOM_COUNT][ROOM_INSTANCES_MOST];
	size_t peer_count[ROOM_COUNT];
	const char
		*directory; /* state directory of this room's own: STATE/queue, STATE/vault ...; made by the supervisor */
	void *private;  /* of the frame itself */
};

struct room_definition {
	enum room room;
	/* Makes the room from its frame; runs in a task, may suspend. NULL: cannot start; *problem says why. The room
	 * starts its own tasks (listeners, loops) here. */
	void *(*start)(struct room_frame *frame, struct text *problem);
	/* Answers to the questions of questions/ROOM.h; service.room is set by the frame. */
	const struct answerer *answerers;
	size_t answerer_count;
	void (*caller_gone)(void *room, const struct caller *caller); /* may be NULL */
	/* frame->config is new. May be NULL. Does not suspend. */
	void (*reload)(void *room);
	/* End in order: take nothing new, finish what is short, return within 10 s. May be NULL. Suspends. After it all
	 * tasks are cancelled, then deinit runs. */
	void (*stop)(void *room);
	void (*deinit)(void *room); /* frees; may be NULL */
	/* Its counters, for /metrics. May be NULL. Does not suspend. */
	size_t (*counters)(void *room, struct counter *into, size_t most, struct arena *arena);
	enum tls_result (*tls)(struct world *, struct connection *, enum tls_side, struct tls_context *, struct view,
	                       int64_t); /* net/tls.h's, where the room speaks TLS */
};

extern const struct room_definition vault_room;
extern const struct room_definition resolver_room;
extern const struct room_definition queue_room_definition;
extern const struct room_definition submission_room;
extern const struct room_definition delivery_room;
extern const struct room_definition api_room;

/* Runs the room named so (started by the supervisor with its control socket as descriptor 3). Returns an exit code.
 */
int room_run(const struct room_definition *definition, unsigned instance);

/* api only: asks the supervisor to read the configuration again. Suspends. False: *why says what is wrong with it. */
bool room_ask_reload(struct room_frame *frame, struct text *why);

#endif

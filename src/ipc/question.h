/* A question's shape, and both of its ends: struct peer asks, struct service answers.
 * Promises: a question is answered at most once a call; one whose answerer died ends as ASKED_LOST, and one that
 *   meets no answerer yet (a room that is being started anew) waits for it until its deadline. No question is asked
 *   twice by this layer: submit and report are idempotent and are asked again by whoever asks.
 * Does not know: any question. Real ones travel over socket pairs (ipc/channel.h); in the simulated world a call goes
 *   straight to the other room's service, through the same bytes (ipc/direct.h). */
#ifndef IPC_QUESTION_H
#define IPC_QUESTION_H

#include "ipc/wire.h"
#include "task/world.h"

struct question {
	uint16_t kind; /* unique in the program */
	const char *name;
	size_t request_size;
	size_t answer_size;
	void (*request)(struct wire *wire, void *request);
	void (*answer)(struct wire *wire, void *answer);
	/* Microseconds for which an asker may give the same answer to the same question again; NULL: never. */
	int64_t (*good_for)(const void *answer);
};

enum asked {
	ASKED_OK,
	ASKED_LOST,      /* the room died with the call in flight; whether it did what was asked is not known */
	ASKED_LATE,      /* the deadline came first; the same holds */
	ASKED_CANCELLED, /* the asking task was cancelled; the same holds */
	ASKED_FAILED,    /* the question is too large, or was refused as malformed or not in the wiring */
};

struct peer_operations;

struct peer {
	const struct peer_operations *operations;
	void *state;
	const char *name; /* of the room asked */
};

struct peer_operations {
	enum asked (*ask)(struct peer *peer, const struct question *question, const void *request, void *answer,
	                  struct arena *arena, int64_t deadline);
	/* Grows with every new connection to the room asked: who sees it change knows that the room was restarted. */
	uint64_t (*generation)(const struct peer *peer);
	void (*free)(struct peer *peer);
};

/* Suspends. *answer is filled on ASKED_OK, what it points to lives in the arena. */
enum asked peer_ask(struct peer *peer, const struct question *question, const void *request, void *answer,
                    struct arena *arena, int64_t deadline);
uint64_t peer_generation(const struct peer *peer);
void peer_free(struct peer *peer);

/* Who asks: one for each connection, the same for all its questions. */
struct caller {
	unsigned room; /* enum room of questions/wiring.h */
	unsigned instance;
	uint64_t number; /* of the connection, never used again in this process */
};

struct answerer {
	const struct question *question;
	/* Suspends as it likes; runs as a task of its own, cancelled when the caller is gone. request and what it points
	 * to live until it returns; what answer points to must live until then too (arena does). */
	void (*answer)(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena);
	void *room; /* given to it instead of the service's; NULL: the service's */
};

struct service {
	void *room; /* given to each answerer */
	const struct answerer *answerers;
	size_t answerer_count;
	bool (*allows)(unsigned asking_room, uint16_t kind); /* the wiring table's say; NULL: all */
	/* The caller's connection ended; its tasks are already gone. May be NULL. Does not suspend. */
	void (*caller_gone)(void *room, const struct caller *caller);
};

#endif

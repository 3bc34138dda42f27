/* A submission room in a world of its own, for its tests: vault, resolver and queue are answered here.
 * Promises: every run is the same; at its end nothing is left.
 * Does not know: what the client says. Only tests include it. */
#ifndef ROOMS_SUBMISSION_SCENE_H
#define ROOMS_SUBMISSION_SCENE_H

#include "base/testing.h"
#include "ipc/memory.h"
#include "rooms/submission/submission.h"
#include "task/talk.h"

#include <openssl/evp.h>

#define SCENE_ADDRESS "192.0.2.1:587"

struct scene {
	struct sim *sim;
	struct world *room, *client_world;
	struct config *config;
	const struct config *in_force;
	struct log log;
	struct submission submission;
	struct tls_context *room_tls[1], *client_tls;
	struct listener *listener;
	struct peer *vault, *asked_resolver, *resolver, *queue;
	struct service services[3];
	struct talk client;
	/* what the others were asked, and how they answer */
	struct text stored; /* the content of the last message */
	size_t stored_count, sealed_count, logouts;
	enum submit_result submit_result;
	struct verdict verdict;
	int64_t verdict_good_for;
	bool may_send;         /* as the login has it */
	int64_t credit_wait;   /* before the next message */
	size_t without_grant;  /* the vault does not seal the message of this number */
	uint32_t credit_spare; /* recipients given beyond those asked for */
	size_t verdicts_asked, mail_credits_asked, data_credits_asked, spare_unused;
	bool queue_silent;
	EVP_PKEY *key;
	struct text record; /* of the key, as DNS has it */
	struct text signature;
	bool signs_wrongly;
};

/* listener: its keys after the address, "tls: starttls". */
void scene_begin(struct scene *scene, const char *listener);
struct connection *scene_connect(struct scene *scene); /* (task) NULL: the room did not accept it */
/* The client plays the script (task/talk.h); pieces of at most chop bytes go either way, 0: all at once. */
void scene_begin_talk(struct scene *scene, const char *script, size_t chop);
void scene_talk(struct scene *scene, const char *script, size_t chop); /* the same, and its end is waited for */
void scene_expect_as_written(const struct scene *scene, const char *name);
void scene_stop_room(struct scene *scene); /* it begins to stop */
/* Of the sessions nothing may be left: memory, addresses. */
void scene_end(struct scene *scene);

#endif

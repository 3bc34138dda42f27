/* Two ends of a loopback connection in one real world, each played by a task. Tests only.
 * Promises: no end waits longer than its deadline; what is left open when the plays have ended fails the test.
 * Does not know: what is played. */
#ifndef NET_TLS_SCENE_H
#define NET_TLS_SCENE_H

#include "base/testing.h"

#include "base/bytes.h"
#include "base/must.h"
#include "net/tls_private.h"

struct scene;
struct end {
	struct scene *scene;
	void (*play)(struct end *end);
	struct connection *connection;
	struct tls_context *context;
	int64_t deadline;
	enum tls_result result;
	enum io_result io;
	struct tls_facts facts;
	char problem[160];
	size_t bytes;
	uint32_t sum;
	struct task *task;
};

struct scene {
	struct world *world;
	struct listener *listener;
	struct endpoint at;
	struct text certificate;
	struct text key;
	struct end server;
	struct end client;
};

struct listener *listen_somewhere(struct world *world, struct endpoint *at);
/* Of another listener, or of the same after a reload. */
struct tls_context *server_context(const struct scene *scene, const char *name);
void scene_init(struct scene *scene);
void scene_deinit(struct scene *scene);
void scene_play(struct scene *scene, void (*server)(struct end *), void (*client)(struct end *));

/* ---- parts to play */

void starts(struct end *end, enum tls_side side);
void reads_to_end(struct end *end);
void server_starts(struct end *end);
void client_starts(struct end *end);
void server_greets(struct end *end);
void client_listens(struct end *end);

#endif

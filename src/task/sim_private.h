/* The inside of the simulated world, for its own files.
 * Promises: nothing here is reached by more than one thread.
 * Does not know: rooms. */
#ifndef TASK_SIM_PRIVATE_H
#define TASK_SIM_PRIVATE_H

#include "base/map.h"
#include "base/random.h"
#include "task/sim.h"

enum { SIM_NAMES_MOST = 1000000 };

struct sim {
	struct random random;
	int64_t now;
	int64_t wall_offset;
	bool shuffle;
	struct list worlds;
	size_t world_count;
	/* network */
	struct map routes;    /* endpoint -> struct sim_route */
	struct map listeners; /* endpoint -> struct sim_listener */
	struct list links;
	size_t chop;
	size_t window;
	/* TLS */
	struct list contexts;
};

struct sim_world {
	struct world world;
	struct link link; /* in sim->worlds */
	struct sim *sim;
	char name[64];
	size_t number;
	uint16_t last_port;
	bool muted; /* killed: nothing that it does has an effect */
	struct list jobs;
	struct list listeners;
};

struct sim_world *sim_world_of(const struct world *world);
int64_t sim_due(int64_t now, int64_t delay); /* never passes NEVER_DUE */

/* ---- network */

void sim_network_init(struct sim *sim);
void sim_network_deinit(struct sim *sim);
void sim_network_mute(struct sim_world *world);
enum connect_result sim_connect(struct world *world, const struct endpoint *remote, const struct endpoint *local,
                                int64_t deadline, struct connection **connection);
enum wait_result sim_accept(struct world *world, struct listener *listener, int64_t deadline,
                            struct connection **connection);

/* One end of a stream, whatever runs over it. */
struct sim_end;
enum io_result sim_end_read(struct sim_end *end, struct connection *connection, char *into, size_t capacity,
                            int64_t deadline, size_t *length);
enum io_result sim_end_write(struct sim_end *end, struct connection *connection, struct view bytes, int64_t deadline);
void sim_end_write_now(struct sim_end *end, struct view bytes); /* if there is room */
void sim_end_close(struct sim_end *end);

/* ---- TLS */

enum tls_result sim_tls(struct world *world, struct connection *connection, enum tls_side side,
                        struct tls_context *context, struct view server_name, int64_t deadline);
void sim_tls_deinit(struct sim *sim);

#endif

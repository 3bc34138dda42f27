/* The simulated world: several worlds in one process on one clock that jumps, with a network and TLS that fail when
 * told to.
 * Promises: the same seed and the same calls give the same run; nothing sleeps; where nothing is told to fail it
 *   behaves as the real world.
 * Does not know: rooms, mail; DNS and disks: a room that needs them is given them (world->dns, world->disk). For
 * tests alone; none of these functions is called by a task, but those marked (task) may be. */
#ifndef TASK_SIM_H
#define TASK_SIM_H

#include "task/world.h"

struct sim;

/* ---- the run */

/* The clock starts at 1,000 s, the wall clock at 2026-09-21T14:13:20Z. */
struct sim *sim_new(uint64_t seed);
/* Frees all worlds and TLS contexts. No task may be left (sim_end), no connection or listener open. */
void sim_free(struct sim *sim);
/* A new world, as a process is. One after another may have the same name, once those before were killed. Its address
 * is 11.0.0.N and 2a11::N, N from 1. Lent until sim_free. */
struct world *sim_world(struct sim *sim, const char *name);

/* Runs all that is due up to the instant; the clock then stands there. */
void sim_run(struct sim *sim, int64_t until);
void sim_run_for(struct sim *sim, int64_t duration);
/* Runs until nothing is ready and nothing will be due; false: not before the limit. */
bool sim_run_until_idle(struct sim *sim, int64_t limit);
/* Runs until is_so(argument); it is asked before the clock jumps. False: not before the limit. */
bool sim_run_until(struct sim *sim, bool (*is_so)(void *argument), void *argument, int64_t limit);

int64_t sim_now(const struct sim *sim);           /* (task) */
void sim_set_wall(struct sim *sim, int64_t wall); /* (task) the wall clock, from now on */
void sim_set_shuffle(struct sim *sim, bool on);   /* tasks that are ready run in an order that the seed chooses */

/* As kill -9 does: its connections are reset for the others, what it does from now on has no effect, and its tasks
 * are cancelled; it returns when they have ended. Peers of ipc/direct.h are disconnected before. */
void sim_kill(struct world *world);
void sim_end(struct sim *sim); /* kills all */

/* ---- the network */

enum sim_network {
	SIM_REACHABLE,
	SIM_REFUSED,
	SIM_UNREACHABLE,
	SIM_BLACKHOLE, /* nothing comes back; connections stand still until it is changed */
	SIM_NO_SOURCE, /* as a source address: it is not ours */
};

struct endpoint sim_endpoint(const char *text); /* (task) "192.0.2.1:25"; one that is none fails the test */
/* The endpoint with port 0 stands for all ports of the address. Where nobody listens, connections are refused. */
void sim_network_set(struct sim *sim, struct endpoint endpoint, enum sim_network state); /* (task) */
void sim_network_set_delay(struct sim *sim, struct endpoint endpoint, int64_t one_way);  /* (task) at first 0 */
/* Reads give 1 to most bytes, as the seed chooses; 0: all there are. */
void sim_set_chop(struct sim *sim, size_t most);    /* (task) */
void sim_set_window(struct sim *sim, size_t bytes); /* (task) what a new connection holds, each way; 64 KiB */
/* (task) accept and listener_free as with any listener. */
struct listener *sim_listen(struct world *world, struct endpoint endpoint);

/* ---- TLS: records on the stream, no secrets */

enum sim_tls_fault {
	SIM_TLS_WORKS,
	SIM_TLS_REFUSES, /* an alert instead of the second record of the handshake */
	SIM_TLS_SILENT,  /* nothing is sent, nothing is read, until the deadline */
	SIM_TLS_GARBAGE, /* clear text instead of records */
};

/* name: stands for the certificate. Good for both sides. Owned by the simulation. */
struct tls_context *sim_tls_context_new(struct sim *sim, const char *name);
void sim_tls_context_set(struct tls_context *context, enum sim_tls_fault fault); /* (task) */

#endif

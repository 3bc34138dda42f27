/* The world, as an argument: clock, randomness, tasks, connections, TLS, DNS, disk, threads for blocking work.
 * Promises: a room that touches the outside only through here runs unchanged in the simulated world (task/sim.h),
 *   with simulated time, a seed that replays, and faults at will.
 * Does not know: rooms, mail. */
#ifndef TASK_WORLD_H
#define TASK_WORLD_H

#include "task/connection.h"
#include "task/disk.h"
#include "task/dns.h"
#include "task/task.h"

struct world;
struct listener;
struct worker;

enum connect_result {
	CONNECT_OK,
	CONNECT_REFUSED,
	CONNECT_UNREACHABLE,
	CONNECT_LATE,
	CONNECT_FAILED, /* of our own making: no descriptor, no such source address */
	CONNECT_CANCELLED,
};

enum tls_side { TLS_SERVER, TLS_CLIENT };

/* Made by net/tls.h (or the simulated world): a certificate with its key, or a client's trust. */
struct tls_context;

enum tls_result {
	TLS_OK,
	TLS_FAILED, /* connection_problem says why; the connection is good for nothing but to be closed */
	TLS_LATE,
	TLS_CANCELLED,
};

struct world_operations {
	int64_t (*now)(struct world *world);                            /* instant: CLOCK_BOOTTIME, microseconds */
	int64_t (*wall)(struct world *world);                           /* wall time, microseconds since 1970 */
	void (*random)(struct world *world, void *into, size_t length); /* getrandom: good for secrets */
	/* Suspends. local may be NULL. */
	enum connect_result (*connect)(struct world *world, const struct endpoint *remote, const struct endpoint *local,
	                               int64_t deadline, struct connection **connection);
	/* Suspends until somebody comes. The listener was made from a socket (real) or by sim_listen. */
	enum wait_result (*accept)(struct world *world, struct listener *listener, int64_t deadline,
	                           struct connection **connection);
	/* Suspends. Bytes that the caller read before the handshake are the caller's to throw away. server_name: for
	 * SNI on the client's side, empty for none. */
	enum tls_result (*tls)(struct world *world, struct connection *connection, enum tls_side side,
	                       struct tls_context *context, struct view server_name, int64_t deadline);
	/* Suspends while run(argument) runs on a thread of the worker; not cancellable: it returns when it is done. */
	void (*work)(struct world *world, struct worker *worker, void (*run)(void *argument), void *argument);
};

struct world {
	const struct world_operations *operations;
	struct scheduler *scheduler;
	struct disk *disk;
	struct dns *dns; /* NULL in rooms that may not ask */
	void *state;
};

int64_t world_now(struct world *world);
int64_t world_wall(struct world *world);
void world_random(struct world *world, void *into, size_t length);
uint64_t world_random_u64(struct world *world);

/* The real world of this process: libev readiness, sockets, threads. One a process. tls may be NULL where a room
 * has none; it is net/tls.h's function. */
struct world *world_real_new(enum tls_result (*tls)(struct world *, struct connection *, enum tls_side,
                                                    struct tls_context *, struct view, int64_t));
void world_real_run(struct world *world); /* until no task is left or world_stop */
void world_stop(struct world *world);     /* world_real_run returns after the present round */
void world_real_free(struct world *world);

/* Suspends until the descriptor can be read or written (real world only: ipc/, net/). */
enum readiness { READY_TO_READ = 1, READY_TO_WRITE = 2 };
enum wait_result world_wait_descriptor(struct world *world, int descriptor, unsigned readiness, int64_t deadline);

/* For whoever reads from one descriptor again and again: the system goes on watching between two waits, which saves a
 * call each. One task at a time. Freed before the descriptor is closed. */
struct watch; /* opaque */
struct watch *watch_new(struct world *world, int descriptor);
void watch_free(struct watch *watch); /* may be NULL */
int watch_descriptor(const struct watch *watch);
enum wait_result watch_wait(struct watch *watch, int64_t deadline); /* suspends until it can be read */

/* Takes ownership of the listening socket (made non-blocking). */
struct listener *listener_of_descriptor(struct world *world, int descriptor);
struct view listener_name(const struct listener *listener); /* its address and port */
void listener_free(struct listener *listener);
/* The descriptor under a real connection: for TLS and keep-alive, nothing else; -1 in a simulated world. */
int connection_descriptor(const struct connection *connection);
/* Suspends until the socket under a real connection can be read: for TLS. */
enum wait_result connection_wait_to_read(struct connection *connection, int64_t deadline);
/* The same, but at once where the last read left something. */
enum wait_result connection_wait_when_dry(struct connection *connection, int64_t deadline);

/* threads: how many take from the worker's one queue. In order of arrival. */
struct worker *worker_new(struct world *world, const char *name, unsigned threads);
/* For work that is cheaper in company: what waits, up to `most`, is taken at once and run by one call of `run`; what
 * comes alone is run as its asker says, and in a simulated world each is. Its threads stand back by `nice`, so that
 * on a busy machine more come together. */
enum { WORKER_GROUP_MOST = 16 };
struct worker_group {
	size_t most; /* at most WORKER_GROUP_MOST */
	void (*run)(void *const *arguments, size_t count);
	int nice;
};
struct worker *worker_new_grouping(struct world *world, const char *name, unsigned threads,
                                   const struct worker_group *group);
void worker_free(struct worker *worker); /* waits for what it was given */

#endif

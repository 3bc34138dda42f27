/* The supervisor's own state, and what its files do for each other.
 * Promises: prepare.c runs once, before the first child; what it made stays that of the configuration it began with.
 * Does not know: what the rooms do. */
#ifndef ROOMS_SUPERVISOR_SUPERVISOR_PRIVATE_H
#define ROOMS_SUPERVISOR_SUPERVISOR_PRIVATE_H

#include "rooms/control.h"
#include "rooms/supervisor/child.h"
#include "rooms/supervisor/supervisor.h"

enum { CHILDREN_MOST = 3 + 2 * ROOM_INSTANCES_MOST, SOCKETS_MOST = 128 };

struct kept_socket {
	int descriptor;
	enum room room;
};

struct supervisor {
	struct world *world;
	struct log log;
	const struct supervisor_options *options;
	struct text yaml; /* in force */
	struct config *config;
	struct config *begun; /* with which the service was started: directories, users, sockets stay its */
	struct child children[CHILDREN_MOST];
	size_t child_count;
	struct kept_socket sockets[SOCKETS_MOST];
	size_t socket_count;
	struct text secrets[SECRET_COUNT];
	uint64_t last_caller;
	bool each_own_user;
	bool stopping;
	bool announced;
	int exit_code;
	int lock;
	int signals;
	struct signal changed; /* a child became ready or ended */
};

/* ---- prepare.c: what is there before the first room starts */

/* Directories, the lock, secrets, zone files, listening sockets. False: *problem says what is missing. */
bool supervisor_prepare(struct supervisor *supervisor, struct text *problem);
/* The resolver reads copies of dns.zone_files. False: *problem names one that could not be copied. */
bool supervisor_copy_zones(struct supervisor *supervisor, struct text *problem);
bool room_has_directory(enum room room);

struct identity {
	uint32_t user, group; /* UINT32_MAX: as we are */
};

struct identity supervisor_identity_of(const struct supervisor *supervisor, enum room room);

/* ---- introduce.c: what a child is told */

/* Nothing happens where it does not run. */
void child_say(struct child *child, const struct control_message *message);
void child_say_configuration(struct child *child);
/* Who it is, its configuration, secrets and listeners. */
void child_introduce(struct child *child);
/* A fresh socket pair with each child that it asks or answers; only_earlier: those that stand before it. */
void child_wire(struct supervisor *supervisor, struct child *child, bool only_earlier);

/* ---- reload.c */

/* Returns at once. asked_by is told how it went; NULL: SIGHUP. */
void supervisor_reload(struct supervisor *supervisor, struct child *asked_by);
void supervisor_log_lines(struct supervisor *supervisor, enum log_level level, struct view lines);

#endif

#include "rooms/supervisor/supervisor_private.h"

#include "base/must.h"

#include <sys/socket.h>
#include <unistd.h>

void child_say(struct child *child, const struct control_message *message)
{
	if (child->control >= 0)
		control_send(child->supervisor->world, child->control, message);
}

static void say_identity(struct child *child)
{
	const struct supervisor *supervisor = child->supervisor;
	const struct identity identity = supervisor_identity_of(supervisor, child->room);
	struct text directory = TEXT_LIMIT(4096);
	if (room_has_directory(child->room))
		text_print(&directory, "%.*s/%s", VIEW_PRINT(supervisor->begun->state_directory), room_name(child->room));
	child_say(child, &(struct control_message){
						 .kind = CONTROL_IDENTITY,
						 .number = identity.user,
						 .other = identity.group,
						 .text = text_view(&directory),
						 .descriptor = -1,
					 });
	text_deinit(&directory);
}

void child_say_configuration(struct child *child)
{
	child_say(child, &(struct control_message){
						 .kind = CONTROL_CONFIGURATION,
						 .text = text_view(&child->supervisor->yaml),
						 .descriptor = -1,
					 });
}

static bool room_may_hold(enum room room, enum secret secret)
{
	return secret == SECRET_VAULT_KEY ? room == ROOM_VAULT : room == ROOM_SUBMISSION;
}

static void say_secrets(struct child *child)
{
	for (unsigned secret = 0; secret < SECRET_COUNT; secret++)
		if (room_may_hold(child->room, (enum secret)secret))
			child_say(child, &(struct control_message){
								 .kind = CONTROL_SECRET,
								 .number = secret,
								 .text = text_view(&child->supervisor->secrets[secret]),
								 .descriptor = -1,
							 });
}

static void say_listeners(struct child *child)
{
	const struct supervisor *supervisor = child->supervisor;
	for (size_t i = 0; i < supervisor->socket_count; i++)
		if (supervisor->sockets[i].room == child->room)
			child_say(child, &(struct control_message){
								 .kind = CONTROL_LISTENER,
								 .descriptor = supervisor->sockets[i].descriptor,
							 });
}

void child_introduce(struct child *child)
{
	say_identity(child);
	child_say_configuration(child);
	say_secrets(child);
	say_listeners(child);
}

/* ---- wiring */

/* One fresh socket pair: asker asks answerer. */
static void wire_pair(struct supervisor *supervisor, struct child *asker, struct child *answerer)
{
	int pair[2];
	if (asker->control < 0 || answerer->control < 0)
		return;
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	const int most = 4 * 1024 * 1024; /* the system cuts it to what it allows */
	for (unsigned i = 0; i < 2; i++)
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &most, sizeof(most));
	child_say(asker, &(struct control_message){
						 .kind = CONTROL_ASK,
						 .number = answerer->room,
						 .other = answerer->instance,
						 .descriptor = pair[0],
					 });
	child_say(answerer, &(struct control_message){
							.kind = CONTROL_SERVE,
							.number = asker->room,
							.other = asker->instance,
							.caller = ++supervisor->last_caller,
							.descriptor = pair[1],
						});
	close(pair[0]);
	close(pair[1]);
}

void child_wire(struct supervisor *supervisor, struct child *child, bool only_earlier)
{
	for (size_t i = 0; i < supervisor->child_count; i++) {
		struct child *other = &supervisor->children[i];
		if (other == child || (only_earlier && other > child))
			continue;
		if (wiring_has(child->room, other->room))
			wire_pair(supervisor, child, other);
		if (wiring_has(other->room, child->room))
			wire_pair(supervisor, other, child);
	}
}

/* Sockets of the real world: tried at once, waited for only when the system says so. */
#include "base/bytes.h"
#include "base/must.h"
#include "task/listener.h"
#include "task/world_real.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

union socket_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un local;
	struct sockaddr_storage room;
};

static socklen_t address_of(const struct endpoint *endpoint, union socket_address *address)
{
	*address = (union socket_address){ 0 };
	if (endpoint->family == 4) {
		address->v4.sin_family = AF_INET;
		address->v4.sin_port = htons(endpoint->port);
		bytes_copy(&address->v4.sin_addr, 4, view_bytes(endpoint->address, 4));
		return sizeof(address->v4);
	}
	address->v6.sin6_family = AF_INET6;
	address->v6.sin6_port = htons(endpoint->port);
	address->v6.sin6_scope_id = endpoint->scope;
	bytes_copy(&address->v6.sin6_addr, 16, view_bytes(endpoint->address, 16));
	return sizeof(address->v6);
}

static struct endpoint endpoint_of(const union socket_address *address)
{
	struct endpoint endpoint = { 0 };
	if (address->any.sa_family == AF_INET) {
		endpoint.family = 4;
		endpoint.port = ntohs(address->v4.sin_port);
		bytes_copy(endpoint.address, 16, view_bytes(&address->v4.sin_addr, 4));
	} else if (address->any.sa_family == AF_INET6) {
		endpoint.family = 6;
		endpoint.port = ntohs(address->v6.sin6_port);
		endpoint.scope = address->v6.sin6_scope_id;
		bytes_copy(endpoint.address, 16, view_bytes(&address->v6.sin6_addr, 16));
	}
	return endpoint;
}

/* ---- a connection */

static enum io_result io_of_wait(enum wait_result waited)
{
	return waited == WAIT_LATE ? IO_LATE : IO_CANCELLED;
}

static enum io_result io_failed(struct connection *connection, const char *step)
{
	snprintf(connection->problem, sizeof(connection->problem), "%s: %s", step, strerror(errno));
	return IO_FAILED;
}

enum wait_result connection_wait_to_read(struct connection *connection, int64_t deadline)
{
	if (connection->watch == NULL)
		connection->watch = watch_new(connection->world, connection->descriptor);
	return watch_wait(connection->watch, deadline);
}

enum wait_result connection_wait_when_dry(struct connection *connection, int64_t deadline)
{
	if (!connection->is_dry)
		return WAIT_DONE;
	connection->is_dry = false;
	return connection_wait_to_read(connection, deadline);
}

static enum io_result socket_read(struct connection *connection, char *into, size_t capacity, int64_t deadline,
                                  size_t *length)
{
	for (;;) {
		const enum wait_result fed = connection_wait_when_dry(connection, deadline);
		if (fed != WAIT_DONE)
			return io_of_wait(fed);
		const ssize_t got = recv(connection->descriptor, into, capacity, 0);
		if (got > 0) {
			*length = (size_t)got;
			connection->is_dry = (size_t)got < capacity;
			return IO_OK;
		}
		if (got == 0)
			return IO_END;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return io_failed(connection, "read");
		const enum wait_result waited = connection_wait_to_read(connection, deadline);
		if (waited != WAIT_DONE)
			return io_of_wait(waited);
	}
}

static enum io_result socket_write(struct connection *connection, struct view bytes, int64_t deadline)
{
	while (bytes.length > 0) {
		const ssize_t sent = send(connection->descriptor, bytes.data, bytes.length, MSG_NOSIGNAL);
		if (sent >= 0) {
			bytes = view_from(bytes, (size_t)sent);
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return io_failed(connection, "write");
		const enum wait_result waited =
			world_wait_descriptor(connection->world, connection->descriptor, READY_TO_WRITE, deadline);
		if (waited != WAIT_DONE)
			return io_of_wait(waited);
	}
	return IO_OK;
}

static void socket_close(struct connection *connection)
{
	watch_free(connection->watch);
	close(connection->descriptor);
}

static const struct connection_operations socket_operations = {
	.read = socket_read,
	.write = socket_write,
	.close = socket_close,
};

static struct connection *connection_new(struct world *world, int descriptor, const union socket_address *remote)
{
	struct connection *connection = must_alloc(1, sizeof(*connection));
	union socket_address local = { 0 };
	socklen_t length = sizeof(local);
	getsockname(descriptor, &local.any, &length);
	*connection = (struct connection){
		.operations = &socket_operations,
		.world = world,
		.descriptor = descriptor,
		.local = endpoint_of(&local),
		.remote = endpoint_of(remote),
	};
	/* What is written is written in whole replies and commands; Nagle's delay has nothing to add. */
	const int on = 1;
	if (connection->remote.family != 0)
		setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return connection;
}

/* ---- connect */

static enum connect_result connect_result_of(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ECONNRESET:
		return CONNECT_REFUSED;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
		return CONNECT_UNREACHABLE;
	case ETIMEDOUT:
		return CONNECT_LATE;
	default:
		return CONNECT_FAILED;
	}
}

static bool bind_local(int descriptor, const struct endpoint *local)
{
	if (local == NULL || local->family == 0)
		return true;
	union socket_address address;
	const socklen_t length = address_of(local, &address);
	const int on = 1;
	/* The port is chosen at connect, so that one source address has as many as there are remotes. */
	setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return bind(descriptor, &address.any, length) == 0;
}

static enum connect_result connect_wait(struct world *world, int descriptor, int64_t deadline)
{
	const enum wait_result waited = world_wait_descriptor(world, descriptor, READY_TO_WRITE, deadline);
	if (waited != WAIT_DONE)
		return waited == WAIT_LATE ? CONNECT_LATE : CONNECT_CANCELLED;
	int error = 0;
	socklen_t length = sizeof(error);
	if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		return CONNECT_FAILED;
	return error == 0 ? CONNECT_OK : connect_result_of(error);
}

static enum connect_result connect_descriptor(struct world *world, int descriptor,
                                              const union socket_address *address, socklen_t length, int64_t deadline)
{
	if (connect(descriptor, &address->any, length) == 0)
		return CONNECT_OK;
	return errno == EINPROGRESS ? connect_wait(world, descriptor, deadline) : connect_result_of(errno);
}

enum connect_result real_connect(struct world *world, const struct endpoint *remote, const struct endpoint *local,
                                 int64_t deadline, struct connection **connection)
{
	union socket_address address;
	const socklen_t length = address_of(remote, &address);
	const int descriptor = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (descriptor < 0)
		return errno == EAFNOSUPPORT ? CONNECT_UNREACHABLE : CONNECT_FAILED; /* no IPv6 here */
	enum connect_result result = CONNECT_FAILED;
	if (bind_local(descriptor, local))
		result = connect_descriptor(world, descriptor, &address, length, deadline);
	if (result != CONNECT_OK) {
		close(descriptor);
		return result;
	}
	*connection = connection_new(world, descriptor, &address);
	return CONNECT_OK;
}

/* ---- listen */

struct real_listener {
	struct listener listener; /* first: what the others see */
	int descriptor;
};

static void real_listener_free(struct listener *listener)
{
	struct real_listener *real = (struct real_listener *)listener;
	close(real->descriptor);
	free(real);
}

struct listener *listener_of_descriptor(struct world *world, int descriptor)
{
	(void)world;
	struct real_listener *real = must_alloc(1, sizeof(*real));
	union socket_address address = { 0 };
	socklen_t length = sizeof(address);
	struct text name = TEXT_LIMIT(sizeof(real->listener.name) - 1);
	getsockname(descriptor, &address.any, &length);
	const struct endpoint endpoint = endpoint_of(&address);
	if (endpoint.family != 0)
		text_add_endpoint(&name, &endpoint);
	else
		text_add(&name, VIEW("unix"));
	bytes_to_cstring(real->listener.name, sizeof(real->listener.name), text_view(&name));
	text_deinit(&name);
	real->listener.free = real_listener_free;
	real->descriptor = descriptor;
	must(fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0);
	return &real->listener;
}

/* Those of one connection, which is gone: the next may be well (accept(2)). */
static bool is_of_one_connection(int error)
{
	return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM || error == ENETDOWN ||
	       error == ENETUNREACH || error == EHOSTDOWN || error == EHOSTUNREACH || error == ENOPROTOOPT ||
	       error == ENONET;
}

static enum wait_result accept_wait(struct world *world, int descriptor, int error, int64_t deadline)
{
	if (error == EAGAIN)
		return world_wait_descriptor(world, descriptor, READY_TO_READ, deadline);
	if (is_of_one_connection(error))
		return WAIT_DONE;
	/* No descriptor, no memory: the listener stays readable, so waiting for that would spin. */
	const int64_t pause = world_now(world) + 100 * MILLISECOND;
	if (deadline > pause)
		return task_sleep_until(pause);
	const enum wait_result slept = task_sleep_until(deadline);
	return slept == WAIT_DONE ? WAIT_LATE : slept;
}

enum wait_result real_accept(struct world *world, struct listener *listener, int64_t deadline,
                             struct connection **connection)
{
	const int listening = ((struct real_listener *)listener)->descriptor;
	enum wait_result waited = WAIT_DONE;
	/* Under a storm of connections, those that came first have their turn between two. */
	task_yield();
	while (waited == WAIT_DONE && !task_is_cancelled()) {
		union socket_address remote = { 0 };
		socklen_t length = sizeof(remote);
		const int descriptor = accept4(listening, &remote.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (descriptor >= 0) {
			*connection = connection_new(world, descriptor, &remote);
			return WAIT_DONE;
		}
		waited = accept_wait(world, listening, errno, deadline);
	}
	return waited == WAIT_DONE ? WAIT_CANCELLED : waited;
}

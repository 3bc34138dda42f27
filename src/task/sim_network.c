/* The simulated network: streams of segments, each due at an instant; endpoints that do as they are told. */
#include "task/sim_private.h"

#include "base/bytes.h"
#include "base/must.h"
#include "task/listener.h"

#include <stdio.h>

/* What an endpoint was told. */
struct sim_route {
	enum sim_network state;
	int64_t delay; /* one way */
};

struct segment {
	struct link link;
	int64_t due;
	size_t length;
	size_t taken;
	char bytes[];
};

/* One direction. */
struct pipe {
	struct list segments;
	size_t held;         /* bytes in them */
	int64_t last_due;    /* nothing overtakes */
	int64_t end_due;     /* of the end; NEVER_DUE: it goes on */
	struct signal moved; /* something came or went */
};

struct stream;

struct sim_end {
	struct stream *stream;
	unsigned side; /* writes pipes[side], reads the other */
};

struct stream {
	struct link link;       /* in sim->links */
	struct link in_backlog; /* of the listener, until it is accepted */
	struct sim *sim;
	struct endpoint server;
	struct sim_end ends[2];
	struct pipe pipes[2];
	struct sim_world *worlds[2];
	bool closed[2];
	bool broken;
	size_t window;
	struct connection *accepted; /* while it is in the backlog */
};

struct sim_listener {
	struct listener listener; /* first: what the others see */
	struct link link;         /* in the world's listeners */
	struct sim_world *world;
	struct endpoint endpoint;
	struct list backlog;
	struct signal came;
};

enum { CLIENT, SERVER };

void sim_network_init(struct sim *sim)
{
	sim->routes = (struct map)MAP_LIMIT(SIM_NAMES_MOST, random_next(&sim->random));
	sim->listeners = (struct map)MAP_LIMIT(SIM_NAMES_MOST, random_next(&sim->random));
	list_init(&sim->links);
	sim->window = 65536;
}

void sim_network_deinit(struct sim *sim)
{
	size_t position = 0;
	struct view key;
	void *route;
	must(list_is_empty(&sim->links) && sim->listeners.count == 0);
	while (map_walk(&sim->routes, &position, &key, &route))
		free(route);
	map_deinit(&sim->routes);
	map_deinit(&sim->listeners);
}

/* ---- endpoints */

struct key {
	char bytes[19];
};

static struct key key_of(const struct endpoint *endpoint, uint16_t port)
{
	struct key key = { { (char)endpoint->family, (char)(port >> 8), (char)port } };
	bytes_copy(key.bytes + 3, sizeof(key.bytes) - 3, view_bytes(endpoint->address, endpoint->family == 4 ? 4 : 16));
	return key;
}

#define KEY_VIEW(key) view_bytes((key).bytes, sizeof((key).bytes))

struct endpoint sim_endpoint(const char *text)
{
	struct endpoint endpoint = { 0 };
	must(endpoint_parse(view_of(text), &endpoint));
	return endpoint;
}

static struct sim_route route_of(const struct sim *sim, const struct endpoint *endpoint)
{
	const struct key exact = key_of(endpoint, endpoint->port);
	const struct key address = key_of(endpoint, 0);
	const struct sim_route *route = map_get(&sim->routes, KEY_VIEW(exact));
	if (route == NULL)
		route = map_get(&sim->routes, KEY_VIEW(address));
	return route == NULL ? (struct sim_route){ 0 } : *route;
}

static struct sim_route *route_make(struct sim *sim, const struct endpoint *endpoint)
{
	const struct key key = key_of(endpoint, endpoint->port);
	struct sim_route *route = map_get(&sim->routes, KEY_VIEW(key));
	if (route != NULL)
		return route;
	route = must_alloc(1, sizeof(*route));
	*route = route_of(sim, endpoint); /* what its address was told */
	map_put(&sim->routes, KEY_VIEW(key), route, NULL);
	return route;
}

static bool is_still(const struct stream *stream)
{
	return route_of(stream->sim, &stream->server).state == SIM_BLACKHOLE;
}

/* ---- streams */

static void stream_wake(struct stream *stream)
{
	signal_wake_all(&stream->pipes[CLIENT].moved);
	signal_wake_all(&stream->pipes[SERVER].moved);
}

static void stream_break(struct stream *stream)
{
	stream->broken = true;
	stream_wake(stream);
}

static struct stream *stream_new(struct sim *sim, const struct endpoint *server)
{
	struct stream *stream = must_alloc(1, sizeof(*stream));
	stream->sim = sim;
	stream->server = *server;
	stream->window = sim->window;
	for (unsigned side = 0; side < 2; side++) {
		stream->ends[side] = (struct sim_end){ .stream = stream, .side = side };
		list_init(&stream->pipes[side].segments);
		signal_init(&stream->pipes[side].moved);
		stream->pipes[side].end_due = NEVER_DUE;
	}
	list_add_last(&sim->links, &stream->link);
	return stream;
}

static void stream_free(struct stream *stream)
{
	for (unsigned side = 0; side < 2; side++)
		for (struct link *link; (link = list_take_first(&stream->pipes[side].segments)) != NULL;)
			free(LIST_OWNER(link, struct segment, link));
	list_remove(&stream->sim->links, &stream->link);
	free(stream);
}

static struct segment *segment_due(const struct pipe *pipe, int64_t now)
{
	struct link *first = list_first(&pipe->segments);
	struct segment *segment = first == NULL ? NULL : LIST_OWNER(first, struct segment, link);
	return segment != NULL && segment->due <= now ? segment : NULL;
}

/* When something may be read next without anybody doing anything. */
static int64_t pipe_due(const struct pipe *pipe)
{
	struct link *first = list_first(&pipe->segments);
	return first == NULL ? pipe->end_due : LIST_OWNER(first, struct segment, link)->due;
}

static void pipe_add(struct pipe *pipe, struct view bytes, int64_t due)
{
	struct segment *segment = must_alloc(1, sizeof(*segment) + bytes.length);
	pipe->last_due = due > pipe->last_due ? due : pipe->last_due;
	segment->due = pipe->last_due;
	segment->length = bytes.length;
	bytes_copy(segment->bytes, bytes.length, bytes);
	list_add_last(&pipe->segments, &segment->link);
	pipe->held += bytes.length;
	signal_wake_all(&pipe->moved);
}

static size_t pipe_take(struct pipe *pipe, int64_t now, char *into, size_t capacity)
{
	size_t done = 0;
	for (struct segment *segment; done < capacity && (segment = segment_due(pipe, now)) != NULL;) {
		const size_t left = segment->length - segment->taken;
		const size_t part = left < capacity - done ? left : capacity - done;
		bytes_copy(into + done, part, view_bytes(segment->bytes + segment->taken, part));
		done += part;
		segment->taken += part;
		if (segment->taken < segment->length)
			break;
		list_remove(&pipe->segments, &segment->link);
		free(segment);
	}
	pipe->held -= done;
	signal_wake_all(&pipe->moved);
	return done;
}

/* How much this read may give, of capacity. */
static size_t share_of(struct sim *sim, size_t capacity)
{
	if (sim->chop > 0) {
		const size_t piece = 1 + random_below(&sim->random, sim->chop);
		capacity = piece < capacity ? piece : capacity;
	}
	return capacity;
}

static enum io_result broken(struct connection *connection, const char *step)
{
	snprintf(connection->problem, sizeof(connection->problem), "%s: Connection reset by peer", step);
	return IO_FAILED;
}

/* Waits until something moves in the pipe or is due. IO_OK: look again. */
static enum io_result pipe_wait(struct stream *stream, struct pipe *pipe, int64_t due, int64_t deadline)
{
	const enum wait_result waited = signal_wait(&pipe->moved, due < deadline ? due : deadline);
	if (waited == WAIT_CANCELLED)
		return IO_CANCELLED;
	return waited == WAIT_LATE && stream->sim->now >= deadline ? IO_LATE : IO_OK;
}

enum io_result sim_end_read(struct sim_end *end, struct connection *connection, char *into, size_t capacity,
                            int64_t deadline, size_t *length)
{
	struct stream *stream = end->stream;
	struct pipe *pipe = &stream->pipes[!end->side];
	enum io_result result = IO_OK;
	while (result == IO_OK) {
		const int64_t now = stream->sim->now;
		const bool still = is_still(stream);
		if (stream->worlds[end->side]->muted)
			return IO_CANCELLED;
		if (!still && segment_due(pipe, now) != NULL) {
			*length = pipe_take(pipe, now, into, share_of(stream->sim, capacity));
			return IO_OK;
		}
		if (stream->broken)
			return broken(connection, "read");
		if (!still && list_is_empty(&pipe->segments) && pipe->end_due <= now)
			return IO_END;
		result = pipe_wait(stream, pipe, still ? NEVER_DUE : pipe_due(pipe), deadline);
	}
	return result;
}

static size_t room_in(const struct stream *stream, const struct pipe *pipe)
{
	return pipe->held < stream->window ? stream->window - pipe->held : 0;
}

static int64_t arrival(const struct stream *stream)
{
	return sim_due(stream->sim->now, route_of(stream->sim, &stream->server).delay);
}

enum io_result sim_end_write(struct sim_end *end, struct connection *connection, struct view bytes, int64_t deadline)
{
	struct stream *stream = end->stream;
	struct pipe *pipe = &stream->pipes[end->side];
	enum io_result result = IO_OK;
	while (bytes.length > 0 && result == IO_OK) {
		if (stream->worlds[end->side]->muted)
			return IO_CANCELLED;
		if (stream->broken)
			return broken(connection, "write");
		if (stream->closed[!end->side]) {
			stream_break(stream); /* the first bytes after the end are answered by a reset */
			return IO_OK;
		}
		const size_t room = room_in(stream, pipe);
		if (room == 0) {
			result = pipe_wait(stream, pipe, NEVER_DUE, deadline);
			continue;
		}
		const struct view part = view_first(bytes, room);
		pipe_add(pipe, part, arrival(stream));
		bytes = view_from(bytes, part.length);
	}
	return result;
}

void sim_end_write_now(struct sim_end *end, struct view bytes)
{
	struct stream *stream = end->stream;
	struct pipe *pipe = &stream->pipes[end->side];
	if (!stream->worlds[end->side]->muted && !stream->broken && !stream->closed[!end->side] &&
	    room_in(stream, pipe) >= bytes.length)
		pipe_add(pipe, bytes, arrival(stream));
}

void sim_end_close(struct sim_end *end)
{
	struct stream *stream = end->stream;
	struct pipe *pipe = &stream->pipes[end->side];
	const int64_t due = arrival(stream);
	stream->closed[end->side] = true;
	pipe->end_due = due > pipe->last_due ? due : pipe->last_due;
	/* RFC 2525 2.17: who closes with bytes unread resets. */
	if (stream->pipes[!end->side].held > 0)
		stream->broken = true;
	stream_wake(stream);
	if (stream->closed[CLIENT] && stream->closed[SERVER])
		stream_free(stream);
}

/* ---- a connection without TLS */

static enum io_result plain_read(struct connection *connection, char *into, size_t capacity, int64_t deadline,
                                 size_t *length)
{
	return sim_end_read(connection->state, connection, into, capacity, deadline, length);
}

static enum io_result plain_write(struct connection *connection, struct view bytes, int64_t deadline)
{
	return sim_end_write(connection->state, connection, bytes, deadline);
}

static void plain_close(struct connection *connection)
{
	sim_end_close(connection->state);
}

static const struct connection_operations plain_operations = {
	.read = plain_read,
	.write = plain_write,
	.close = plain_close,
};

static struct connection *connection_new(struct stream *stream, unsigned side, struct sim_world *world,
                                         const struct endpoint *remote, const struct endpoint *local)
{
	struct connection *connection = must_alloc(1, sizeof(*connection));
	*connection = (struct connection){
		.operations = &plain_operations,
		.state = &stream->ends[side],
		.world = &world->world,
		.descriptor = -1,
		.local = *local,
		.remote = *remote,
	};
	stream->worlds[side] = world;
	return connection;
}

/* ---- connect */

static struct endpoint source_of(struct sim_world *world, const struct endpoint *remote, const struct endpoint *local)
{
	struct endpoint source;
	const uint8_t number = (uint8_t)world->number;
	if (local != NULL && local->family != 0)
		source = *local;
	else if (remote->family == 4)
		source = (struct endpoint){ .family = 4, .address = { 11, 0, 0, number } };
	else
		source = (struct endpoint){ .family = 6, .address = { 0x2a, 0x11, [15] = number } };
	if (source.port == 0)
		source.port = ++world->last_port;
	return source;
}

static enum connect_result connect_wait(struct sim *sim, const struct endpoint *remote, int64_t deadline)
{
	const struct sim_route route = route_of(sim, remote);
	const int64_t there = sim_due(sim->now, route.delay);
	const int64_t back = route.state == SIM_BLACKHOLE ? NEVER_DUE : sim_due(there, route.delay);
	if (task_sleep_until(back < deadline ? back : deadline) == WAIT_CANCELLED)
		return CONNECT_CANCELLED;
	if (back > deadline)
		return CONNECT_LATE;
	switch (route_of(sim, remote).state) {
	case SIM_REACHABLE:
		return CONNECT_OK;
	case SIM_REFUSED:
		return CONNECT_REFUSED;
	case SIM_BLACKHOLE: /* since the packets left */
	case SIM_UNREACHABLE:
	case SIM_NO_SOURCE:
		break;
	}
	return CONNECT_UNREACHABLE;
}

enum connect_result sim_connect(struct world *world, const struct endpoint *remote, const struct endpoint *local,
                                int64_t deadline, struct connection **connection)
{
	struct sim_world *own = sim_world_of(world);
	struct sim *sim = own->sim;
	if (local != NULL && local->family != 0 &&
	    (local->family != remote->family || route_of(sim, local).state == SIM_NO_SOURCE))
		return CONNECT_FAILED;
	const enum connect_result result = connect_wait(sim, remote, deadline);
	if (result != CONNECT_OK)
		return result;
	const struct key key = key_of(remote, remote->port);
	struct sim_listener *listener = map_get(&sim->listeners, KEY_VIEW(key));
	if (listener == NULL)
		return CONNECT_REFUSED;
	const struct endpoint source = source_of(own, remote, local);
	struct stream *stream = stream_new(sim, remote);
	*connection = connection_new(stream, CLIENT, own, remote, &source);
	stream->accepted = connection_new(stream, SERVER, listener->world, &source, remote);
	list_add_last(&listener->backlog, &stream->in_backlog);
	signal_wake_one(&listener->came);
	return CONNECT_OK;
}

/* ---- listen */

static void listener_stop(struct sim_listener *listener)
{
	const struct key key = key_of(&listener->endpoint, listener->endpoint.port);
	if (map_get(&listener->world->sim->listeners, KEY_VIEW(key)) == listener)
		map_remove(&listener->world->sim->listeners, KEY_VIEW(key));
	for (struct link *link; (link = list_take_first(&listener->backlog)) != NULL;) {
		struct stream *stream = LIST_OWNER(link, struct stream, in_backlog);
		stream_break(stream);
		connection_close(stream->accepted);
	}
	signal_wake_all(&listener->came);
}

static void sim_listener_free(struct listener *listener)
{
	struct sim_listener *own = (struct sim_listener *)listener;
	listener_stop(own);
	list_remove(&own->world->listeners, &own->link);
	free(own);
}

struct listener *sim_listen(struct world *world, struct endpoint endpoint)
{
	struct sim_listener *own = must_alloc(1, sizeof(*own));
	struct text name = TEXT_LIMIT(sizeof(own->listener.name) - 1);
	const struct key key = key_of(&endpoint, endpoint.port);
	own->listener.free = sim_listener_free;
	own->world = sim_world_of(world);
	own->endpoint = endpoint;
	list_init(&own->backlog);
	signal_init(&own->came);
	text_add_endpoint(&name, &endpoint);
	bytes_to_cstring(own->listener.name, sizeof(own->listener.name), text_view(&name));
	text_deinit(&name);
	list_add_last(&own->world->listeners, &own->link);
	must(endpoint.port != 0 && map_put(&own->world->sim->listeners, KEY_VIEW(key), own, NULL) == NULL);
	return &own->listener;
}

enum wait_result sim_accept(struct world *world, struct listener *listener, int64_t deadline,
                            struct connection **connection)
{
	struct sim_listener *own = (struct sim_listener *)listener;
	(void)world;
	task_yield();
	while (!task_is_cancelled()) {
		struct link *first = list_take_first(&own->backlog);
		if (first != NULL) {
			struct stream *stream = LIST_OWNER(first, struct stream, in_backlog);
			*connection = stream->accepted;
			stream->accepted = NULL;
			return WAIT_DONE;
		}
		const enum wait_result waited = signal_wait(&own->came, deadline);
		if (waited != WAIT_DONE)
			return waited;
	}
	return WAIT_CANCELLED;
}

/* ---- what tests do to it */

void sim_network_set(struct sim *sim, struct endpoint endpoint, enum sim_network state)
{
	route_make(sim, &endpoint)->state = state;
	for (struct link *link = list_first(&sim->links); link != NULL; link = list_next(&sim->links, link))
		stream_wake(LIST_OWNER(link, struct stream, link));
}

void sim_network_set_delay(struct sim *sim, struct endpoint endpoint, int64_t one_way)
{
	route_make(sim, &endpoint)->delay = one_way;
}

void sim_set_chop(struct sim *sim, size_t most)
{
	sim->chop = most;
}

void sim_set_window(struct sim *sim, size_t bytes)
{
	must(bytes > 0);
	sim->window = bytes;
}

void sim_network_mute(struct sim_world *world)
{
	struct sim *sim = world->sim;
	for (struct link *link = list_first(&world->listeners); link != NULL; link = list_next(&world->listeners, link))
		listener_stop(LIST_OWNER(link, struct sim_listener, link));
	for (struct link *link = list_first(&sim->links); link != NULL; link = list_next(&sim->links, link)) {
		struct stream *stream = LIST_OWNER(link, struct stream, link);
		if (stream->worlds[CLIENT] == world || stream->worlds[SERVER] == world)
			stream_break(stream);
	}
}

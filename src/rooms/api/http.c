/* libmicrohttpd in our loop: it parses, a task answers. */
#include "base/must.h"
#include "rooms/api/api.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const int64_t connection_patience = MINUTE;

/* ---- the request's data */

struct peer *api_peer(const struct api_request *request, enum room room)
{
	return request->api->frame->peers[room][0];
}

int64_t api_deadline(const struct api_request *request, int64_t patience)
{
	return world_now(request->api->frame->world) + patience;
}

struct view api_query(const struct api_request *request, const char *name)
{
	const char *value = MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
	return value == NULL ? VIEW_NONE : view_of(value);
}

uint64_t api_query_number(const struct api_request *request, const char *name, uint64_t fallback)
{
	uint64_t number = 0;
	return view_to_u64(api_query(request, name), &number) ? number : fallback;
}

void api_member_time(struct api_request *request, const char *name, int64_t wall)
{
	struct text time = TEXT_LIMIT(40);
	if (wall == 0)
		return;
	text_add_time_rfc3339(&time, wall);
	json_member_string(&request->out, view_of(name), text_view(&time));
	text_deinit(&time);
}

void api_member_id(struct api_request *request, const char *name, const struct message_id *id)
{
	struct text text = TEXT_LIMIT(ID_TEXT_LENGTH);
	text_add_id(&text, id);
	json_member_string(&request->out, view_of(name), text_view(&text));
	text_deinit(&text);
}

static const char *title_of(unsigned status)
{
	static const struct {
		unsigned status;
		const char *title;
	} titles[] = {
		{ 400, "Bad request" }, { 401, "Not allowed" }, { 404, "Not found" },       { 405, "Method not allowed" },
		{ 409, "Conflict" },    { 413, "Too large" },   { 503, "Try again later" },
	};
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		if (titles[i].status == status)
			return titles[i].title;
	return "Failed";
}

void api_problem(struct api_request *request, unsigned status, const char *format, ...)
{
	struct text detail = TEXT_LIMIT(4096);
	va_list arguments;
	va_start(arguments, format);
	text_vprint(&detail, format, arguments);
	va_end(arguments);
	text_clear(&request->answer);
	request->out = json_on(&request->answer);
	request->status = status;
	request->content_type = "application/problem+json";
	json_open_object(&request->out);
	json_member_string(&request->out, VIEW("type"), VIEW("about:blank"));
	json_member_string(&request->out, VIEW("title"), view_of(title_of(status)));
	json_member_integer(&request->out, VIEW("status"), (int64_t)status);
	json_member_string(&request->out, VIEW("detail"), text_view(&detail));
	json_close_object(&request->out);
	text_deinit(&detail);
}

void api_problem_asked(struct api_request *request, enum asked asked, enum room room)
{
	api_problem(request, 503, "the %s %s; try again", room_name(room),
	            asked == ASKED_LOST ? "was started anew while it was asked" : "did not answer in time");
}

/* ---- routes */

static bool part_is_variable(struct view part)
{
	return view_starts(part, VIEW("{")) && view_ends(part, VIEW("}"));
}

static bool route_matches(const struct api_route *route, const struct api_request *request)
{
	struct view rest = view_from(view_of(route->path), 1);
	struct view part;
	size_t count = 0;
	while (view_split(&rest, '/', &part)) {
		if (count == request->part_count)
			return false;
		const struct view given = request->parts[count++];
		if (part_is_variable(part) ? given.length == 0 : !view_equal(part, given))
			return false;
	}
	return count == request->part_count;
}

/* Percent-decoded already (RFC 3986 2.1): a second time would make another name of "a%41". */
static bool split_path(struct api_request *request)
{
	struct view rest = view_from(text_view(&request->path), 1);
	struct view part;
	while (view_split(&rest, '/', &part)) {
		if (request->part_count == PATH_PARTS_MOST)
			return false;
		request->parts[request->part_count++] = part;
	}
	return true;
}

static void find_route(struct api_request *request)
{
	bool path_known = false;
	for (size_t i = 0; i < api_route_count && request->route == NULL; i++) {
		if (!route_matches(&api_routes[i], request))
			continue;
		path_known = true;
		if (view_equal(view_of(api_routes[i].method), text_view(&request->method)))
			request->route = &api_routes[i];
	}
	if (request->route == NULL)
		api_problem(request, path_known ? 405 : 404, "%s",
		            path_known ? "another method is needed here" : "no such path");
	else if (!request->is_operator && !request->route->is_public)
		api_problem(request, 401, "tokens are not built yet: this path answers on the operator's unix socket alone");
}

/* Runs the daemon until it has nothing more to do at once: an answer sent, then the connection closed. */
static void daemon_run(struct api *api)
{
	enum { TURNS_MOST = 100 };
	MHD_UNSIGNED_LONG_LONG timeout = 0;
	for (unsigned turn = 0; turn < TURNS_MOST; turn++) {
		MHD_run(api->daemon);
		if (MHD_get_timeout(api->daemon, &timeout) != MHD_YES || timeout > 0)
			return;
	}
}

/* ---- the answer */

static void request_task(void *argument)
{
	struct api_request *request = argument;
	if (split_path(request))
		find_route(request);
	else
		api_problem(request, 404, "no such path");
	if (request->status == 0 && api_body_read(request)) {
		request->status = 200;
		request->route->handle(request);
	}
	request->done = true;
	struct api *api = request->api;
	api->answered++;
	MHD_resume_connection(request->connection);
	/* Nothing else tells the daemon of it; the request may be gone after this. */
	daemon_run(api);
}

static enum MHD_Result send_answer(struct api_request *request)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(request->answer.length, request->answer.data, MHD_RESPMEM_MUST_COPY);
	must(response != NULL);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, request->content_type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	const enum MHD_Result result = MHD_queue_response(request->connection, request->status, response);
	MHD_destroy_response(response);
	return result;
}

static struct api_request *request_new(struct api *api, struct MHD_Connection *connection, const char *url,
                                       const char *method)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct api_request *request = must_alloc(1, sizeof(*request));
	*request = (struct api_request){
		.api = api,
		.connection = connection,
		.is_operator = info != NULL && info->client_addr != NULL && info->client_addr->sa_family == AF_UNIX,
		.method = TEXT_LIMIT(16),
		.path = TEXT_LIMIT(4096),
		.body = TEXT_LIMIT(BODY_MOST),
		.answer = TEXT_LIMIT(ANSWER_MOST),
		.content_type = "application/json",
	};
	request->out = json_on(&request->answer);
	text_add(&request->method, view_of(method));
	text_add(&request->path, view_of(url));
	return request;
}

static enum MHD_Result answer_request(void *context, struct MHD_Connection *connection, const char *url,
                                      const char *method, const char *version, const char *upload,
                                      size_t *upload_size, void **state)
{
	(void)version;
	struct api *api = context;
	struct api_request *request = *state;
	if (request == NULL) {
		*state = request_new(api, connection, url, method);
		return MHD_YES;
	}
	if (*upload_size > 0) {
		if (!text_add(&request->body, view_bytes(upload, *upload_size)))
			request->body_too_large = true;
		*upload_size = 0;
		return MHD_YES;
	}
	if (request->done)
		return send_answer(request);
	if (!request->started) {
		request->started = true;
		if (api->requests.tasks.count >= REQUESTS_MOST) {
			api_problem(request, 503, "too many requests at once");
			return send_answer(request);
		}
		MHD_suspend_connection(connection);
		task_group_start(&api->requests, api->frame->world, "request", request_task, request);
	}
	return MHD_YES;
}

static void completed(void *context, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code)
{
	(void)context;
	(void)connection;
	(void)code;
	struct api_request *request = *state;
	if (request == NULL)
		return;
	text_deinit(&request->method);
	text_deinit(&request->path);
	text_deinit(&request->body);
	text_deinit(&request->answer);
	arena_deinit(&request->arena);
	api_body_free(request);
	free(request);
	*state = NULL;
}

/* ---- the loop's side */

static void run_daemon(void *argument)
{
	struct api *api = argument;
	struct world *world = api->frame->world;
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(api->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	must(info != NULL);
	enum wait_result waited = WAIT_DONE;
	while (waited != WAIT_CANCELLED) {
		MHD_UNSIGNED_LONG_LONG timeout = 0;
		daemon_run(api);
		const bool has_timeout = MHD_get_timeout(api->daemon, &timeout) == MHD_YES;
		const int64_t deadline =
			has_timeout ? world_now(world) + (int64_t)timeout * MILLISECOND : world_now(world) + connection_patience;
		waited = world_wait_descriptor(world, info->epoll_fd, READY_TO_READ, deadline);
	}
}

struct door {
	struct api *api;
	int descriptor;
};

static void accept_connections(void *argument)
{
	struct door door = *(struct door *)argument;
	struct world *world = door.api->frame->world;
	free(argument);
	while (world_wait_descriptor(world, door.descriptor, READY_TO_READ, NEVER_DUE) == WAIT_DONE) {
		struct sockaddr_storage address = { 0 };
		socklen_t length = sizeof(address);
		const int descriptor =
			accept4(door.descriptor, (struct sockaddr *)&address, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (descriptor < 0) {
			task_sleep(world, 10 * MILLISECOND);
			continue;
		}
		/* A unix socket's client has no name: its family is what counts. */
		MHD_add_connection(door.api->daemon, descriptor, (const struct sockaddr *)&address,
		                   length < (socklen_t)sizeof(struct sockaddr_in) ? (socklen_t)sizeof(struct sockaddr_un)
		                                                                  : length);
		daemon_run(door.api);
	}
	close(door.descriptor);
}

struct api *api_start(struct room_frame *frame, struct text *problem)
{
	struct api *api = must_alloc(1, sizeof(*api));
	api->frame = frame;
	task_group_init(&api->requests);
	api->daemon =
		MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL,
	                     answer_request, api, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
	                     MHD_OPTION_CONNECTION_TIMEOUT, 120u, MHD_OPTION_CONNECTION_LIMIT, 1000u, MHD_OPTION_END);
	if (api->daemon == NULL) {
		text_add(problem, VIEW("libmicrohttpd could not be started"));
		free(api);
		return NULL;
	}
	task_start(frame->world, "http", run_daemon, api);
	for (size_t i = 0; i < frame->listener_count; i++) {
		struct door *door = must_alloc(1, sizeof(*door));
		*door = (struct door){ .api = api, .descriptor = frame->listeners[i].descriptor };
		task_start(frame->world, "accept", accept_connections, door);
	}
	return api;
}

void api_free(struct api *api)
{
	MHD_stop_daemon(api->daemon);
	free(api);
}

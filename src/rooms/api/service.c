/* The service as a whole over HTTP: events, metrics, health, status, reload, the description of this API. */
#include "rooms/api/api.h"

static const enum room asked_rooms[] = { ROOM_VAULT, ROOM_RESOLVER, ROOM_QUEUE, ROOM_SUBMISSION, ROOM_DELIVERY };
enum { ASKED_ROOMS = sizeof(asked_rooms) / sizeof(asked_rooms[0]) };

/* ---- events: one long poll; the client gives back the cursors of its last answer */

struct event_source {
	struct api_request *request;
	struct peer *peer;
	struct view name; /* "delivery.1" */
	uint64_t after;
	int64_t patience;
	struct arena arena;
	struct events_answer answer;
	enum asked asked;
};

static uint64_t cursor_after(const struct api_request *request, struct view name)
{
	struct view rest = api_query(request, "after");
	struct view part;
	uint64_t number = 0;
	while (view_split(&rest, ',', &part)) {
		const size_t colon = view_find_byte(part, ':');
		if (colon != VIEW_NOT_FOUND && view_equal(view_first(part, colon), name) &&
		    view_to_u64(view_from(part, colon + 1), &number))
			return number;
	}
	return 0;
}

static void ask_events(void *argument)
{
	struct event_source *source = argument;
	struct world *world = source->request->api->frame->world;
	const struct events_request question = { .after = source->after, .most = 500, .patience = source->patience };
	source->asked = room_events(source->peer, &question, &source->answer, &source->arena,
	                            world_now(world) + source->patience + 5 * SECOND);
}

static size_t gather_sources(struct api_request *request, struct event_source *sources, size_t most)
{
	const struct room_frame *frame = request->api->frame;
	size_t count = 0;
	for (size_t i = 0; i < ASKED_ROOMS; i++)
		for (size_t instance = 0; instance < frame->peer_count[asked_rooms[i]] && count < most; instance++) {
			struct event_source *source = &sources[count++];
			*source = (struct event_source){
				.request = request,
				.peer = frame->peers[asked_rooms[i]][instance],
				.name = arena_print(&request->arena, "%s.%zu", room_name(asked_rooms[i]), instance),
				.asked = ASKED_LOST,
			};
			source->after = cursor_after(request, source->name);
		}
	return count;
}

/* All rooms at once; the wait ends a moment after the first of them has something. */
static void poll_sources(struct api_request *request, struct event_source *sources, size_t count, int64_t wait)
{
	struct world *world = request->api->frame->world;
	const int64_t deadline = world_now(world) + wait;
	bool any = false;
	while (!any) {
		struct task_group group;
		task_group_init(&group);
		for (size_t i = 0; i < count; i++)
			task_group_start(&group, world, "events", ask_events, &sources[i]);
		while (task_group_wait(&group, NEVER_DUE) == WAIT_CANCELLED)
			task_group_cancel(&group), task_yield();
		for (size_t i = 0; i < count; i++)
			any = any || (sources[i].asked == ASKED_OK && sources[i].answer.line_count > 0);
		if (any || world_now(world) >= deadline || task_sleep(world, 200 * MILLISECOND) != WAIT_DONE)
			return;
	}
}

void handle_events(struct api_request *request)
{
	enum { SOURCES_MOST = 160 };
	struct event_source *sources = ARENA_ARRAY(&request->arena, struct event_source, SOURCES_MOST);
	const size_t count = gather_sources(request, sources, SOURCES_MOST);
	const uint64_t wait = api_query_number(request, "wait", 0);
	poll_sources(request, sources, count, (int64_t)(wait < 60 ? wait : 60) * SECOND);
	struct json *out = &request->out;
	json_open_object(out);
	json_key(out, VIEW("events"));
	json_open_array(out);
	for (size_t i = 0; i < count; i++)
		for (size_t line = 0; sources[i].asked == ASKED_OK && line < sources[i].answer.line_count; line++) {
			if (out->comma)
				text_add_byte(out->out, ',');
			text_add(out->out, sources[i].answer.lines[line]); /* an object already */
			out->comma = true;
		}
	json_close_array(out);
	struct text cursor = TEXT_LIMIT(8192);
	uint64_t missed = 0;
	for (size_t i = 0; i < count; i++) {
		const bool answered = sources[i].asked == ASKED_OK;
		text_print(&cursor, "%s%.*s:%llu", i == 0 ? "" : ",", VIEW_PRINT(sources[i].name),
		           (unsigned long long)(answered ? sources[i].answer.last : sources[i].after));
		missed += answered ? sources[i].answer.missed : 0;
		arena_deinit(&sources[i].arena);
	}
	json_member_string(out, VIEW("next"), text_view(&cursor));
	json_member_integer(out, VIEW("missed"), (int64_t)missed);
	json_close_object(out);
	text_deinit(&cursor);
}

/* ---- metrics: the text format wants all samples of one name together, after its type */

enum { SAMPLES_MOST = 8192 };

struct sample {
	struct counter counter;
	enum room room;
	size_t instance;
};

struct samples {
	struct sample *rows;
	size_t count;
};

static void gather(struct api_request *request, enum room room, size_t instance, struct samples *samples)
{
	const struct room_frame *frame = request->api->frame;
	const struct counters_request question = { 0 };
	struct counters_answer answer = { 0 };
	if (room_counters(frame->peers[room][instance], &question, &answer, &request->arena,
	                  api_deadline(request, 2 * SECOND)) != ASKED_OK)
		return;
	for (size_t i = 0; i < answer.counter_count && samples->count < SAMPLES_MOST; i++)
		samples->rows[samples->count++] =
			(struct sample){ .counter = answer.counters[i], .room = room, .instance = instance };
}

static int compare_samples(const void *one, const void *other)
{
	const struct sample *a = one;
	const struct sample *b = other;
	const int names = view_compare(a->counter.name, b->counter.name);
	if (names != 0 || a->room == b->room)
		return names != 0 ? names : (a->instance > b->instance) - (a->instance < b->instance);
	return a->room < b->room ? -1 : 1;
}

static void write_sample(struct text *text, const struct sample *sample, bool first_of_name)
{
	const struct counter *counter = &sample->counter;
	if (first_of_name)
		text_print(text, "# TYPE %.*s %s\n", VIEW_PRINT(counter->name),
		           view_ends(counter->name, VIEW("_total")) ? "counter" : "gauge");
	text_print(text, "%.*s{room=\"%s\",instance=\"%zu\"%s%.*s} %lld\n", VIEW_PRINT(counter->name),
	           room_name(sample->room), sample->instance, counter->labels.length > 0 ? "," : "",
	           VIEW_PRINT(counter->labels), (long long)counter->value);
}

void handle_metrics(struct api_request *request)
{
	const struct room_frame *frame = request->api->frame;
	struct samples samples = { .rows = ARENA_ARRAY(&request->arena, struct sample, SAMPLES_MOST + 1) };
	for (size_t i = 0; i < ASKED_ROOMS; i++)
		for (size_t instance = 0; instance < frame->peer_count[asked_rooms[i]]; instance++)
			gather(request, asked_rooms[i], instance, &samples);
	samples.rows[samples.count++] = (struct sample){
		.counter = { VIEW("sealpost_api_requests_total"), VIEW_NONE, request->api->answered },
		.room = ROOM_API,
	};
	qsort(samples.rows, samples.count, sizeof(*samples.rows), compare_samples);
	request->content_type = "text/plain; version=0.0.4";
	for (size_t i = 0; i < samples.count; i++)
		write_sample(&request->answer, &samples.rows[i],
		             i == 0 || !view_equal(samples.rows[i].counter.name, samples.rows[i - 1].counter.name));
}

/* ---- health */

void handle_health(struct api_request *request)
{
	json_open_object(&request->out);
	json_member_string(&request->out, VIEW("status"), VIEW("ok"));
	json_close_object(&request->out);
}

static bool room_answers(struct api_request *request, enum room room, size_t instance)
{
	const struct counters_request question = { 0 };
	struct counters_answer answer = { 0 };
	return room_counters(request->api->frame->peers[room][instance], &question, &answer, &request->arena,
	                     api_deadline(request, 2 * SECOND)) == ASKED_OK;
}

static bool write_rooms(struct api_request *request)
{
	const struct room_frame *frame = request->api->frame;
	struct json *out = &request->out;
	bool all = true;
	json_key(out, VIEW("rooms"));
	json_open_array(out);
	for (size_t i = 0; i < ASKED_ROOMS; i++)
		for (size_t instance = 0; instance < frame->peer_count[asked_rooms[i]]; instance++) {
			const bool answers = room_answers(request, asked_rooms[i], instance);
			all = all && answers;
			json_open_object(out);
			json_member_string(out, VIEW("room"), view_of(room_name(asked_rooms[i])));
			json_member_integer(out, VIEW("instance"), (int64_t)instance);
			json_key(out, VIEW("answers"));
			json_add_boolean(out, answers);
			json_member_integer(out, VIEW("generation"),
			                    (int64_t)peer_generation(frame->peers[asked_rooms[i]][instance]));
			json_close_object(out);
		}
	json_close_array(out);
	return all;
}

void handle_ready(struct api_request *request)
{
	json_open_object(&request->out);
	const bool all = write_rooms(request);
	json_member_string(&request->out, VIEW("status"), all ? VIEW("ready") : VIEW("not ready"));
	json_close_object(&request->out);
	request->status = all ? 200 : 503;
}

void handle_status(struct api_request *request)
{
	const struct config *config = request->api->frame->config;
	struct json *out = &request->out;
	json_open_object(out);
	json_member_string(out, VIEW("version"), VIEW(SEALPOST_VERSION));
	json_member_string(out, VIEW("service"), config->service.name);
	json_member_string(out, VIEW("hostname"), config->service.hostname);
	json_member_string(out, VIEW("delivery"),
	                   config->delivery.mode == DELIVERY_CAPTURE ? VIEW("capture") : VIEW("send"));
	write_rooms(request);
	json_close_object(out);
}

void handle_reload(struct api_request *request)
{
	struct text why = TEXT_LIMIT(100000);
	const bool good = room_ask_reload(request->api->frame, &why);
	if (good) {
		json_open_object(&request->out);
		json_key(&request->out, VIEW("applied"));
		json_add_boolean(&request->out, true);
		json_member_string(&request->out, VIEW("remarks"), view_trim(text_view(&why)));
		json_close_object(&request->out);
	} else {
		api_problem(request, 400, "the configuration was not applied, the one before stays in force:\n%.*s",
		            VIEW_PRINT(view_first(view_trim(text_view(&why)), 3500)));
	}
	text_deinit(&why);
}

/* ---- the description of this API, from the table of routes */

static void write_operation(struct json *out, const struct api_route *route)
{
	struct text method = TEXT_LIMIT(16);
	for (const char *letter = route->method; *letter != '\0'; letter++)
		text_add_byte(&method, byte_lower(*letter));
	json_key(out, text_view(&method));
	text_deinit(&method);
	json_open_object(out);
	json_member_string(out, VIEW("summary"), view_of(route->summary));
	json_key(out, VIEW("parameters"));
	json_open_array(out);
	struct view rest = view_of(route->path);
	struct view part;
	while (view_split(&rest, '/', &part)) {
		if (!view_starts(part, VIEW("{")))
			continue;
		json_open_object(out);
		json_member_string(out, VIEW("name"), view_slice(part, 1, part.length - 2));
		json_member_string(out, VIEW("in"), VIEW("path"));
		json_key(out, VIEW("required"));
		json_add_boolean(out, true);
		json_key(out, VIEW("schema"));
		json_open_object(out);
		json_member_string(out, VIEW("type"), VIEW("string"));
		json_close_object(out);
		json_close_object(out);
	}
	json_close_array(out);
	json_key(out, VIEW("responses"));
	json_open_object(out);
	json_key(out, VIEW("default"));
	json_open_object(out);
	json_member_string(out, VIEW("description"), VIEW("JSON, or a problem (RFC 9457)"));
	json_close_object(out);
	json_close_object(out);
	json_close_object(out);
}

void handle_openapi(struct api_request *request)
{
	struct json *out = &request->out;
	json_open_object(out);
	json_member_string(out, VIEW("openapi"), VIEW("3.1.0"));
	json_key(out, VIEW("info"));
	json_open_object(out);
	json_member_string(out, VIEW("title"), VIEW("Sealpost"));
	json_member_string(out, VIEW("version"), VIEW(SEALPOST_VERSION));
	json_close_object(out);
	json_key(out, VIEW("paths"));
	json_open_object(out);
	/* Routes of one path stand together in the table. */
	for (size_t i = 0; i < api_route_count;) {
		const struct view path = view_of(api_routes[i].path);
		json_key(out, path);
		json_open_object(out);
		for (; i < api_route_count && view_equal(view_of(api_routes[i].path), path); i++)
			write_operation(out, &api_routes[i]);
		json_close_object(out);
	}
	json_close_object(out);
	json_close_object(out);
}

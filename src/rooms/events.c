#include "rooms/events.h"

#include "base/log.h"
#include "base/must.h"

struct events {
	struct world *world;
	uint64_t count; /* all that ever came; the last one's number */
	struct text lines[EVENTS_KEPT];
	struct signal came;
};

struct events *events_new(struct world *world)
{
	struct events *events = must_alloc(1, sizeof(*events));
	events->world = world;
	signal_init(&events->came);
	for (size_t i = 0; i < EVENTS_KEPT; i++)
		events->lines[i].limit = LOG_LINE_MAX;
	return events;
}

void events_free(struct events *events)
{
	if (events == NULL)
		return;
	for (size_t i = 0; i < EVENTS_KEPT; i++)
		text_deinit(&events->lines[i]);
	free(events);
}

void events_tap(void *context, struct view line)
{
	struct events *events = context;
	struct text *kept = &events->lines[events->count % EVENTS_KEPT];
	text_clear(kept);
	text_add(kept, line);
	events->count++;
	signal_wake_all(&events->came);
}

static uint64_t oldest_kept(const struct events *events)
{
	return events->count > EVENTS_KEPT ? events->count - EVENTS_KEPT : 0;
}

void events_answer(struct events *events, const struct events_request *request, struct events_answer *answer,
                   struct arena *arena)
{
	const int64_t deadline = world_now(events->world) + request->patience;
	/* A number from before this room was started anew is larger than any of ours: begin with what there is. */
	uint64_t after = request->after > events->count ? 0 : request->after;
	while (after == events->count)
		if (signal_wait(&events->came, deadline) != WAIT_DONE)
			break;
	answer->missed = after < oldest_kept(events) ? oldest_kept(events) - after : 0;
	after += answer->missed;
	const uint32_t most = request->most == 0 || request->most > PAGE_MOST ? PAGE_MOST : request->most;
	const uint64_t waiting = events->count - after;
	answer->line_count = (size_t)(waiting < most ? waiting : most);
	answer->lines = ARENA_ARRAY(arena, struct view, answer->line_count + 1);
	for (size_t i = 0; i < answer->line_count; i++)
		answer->lines[i] = arena_copy(arena, text_view(&events->lines[(after + i) % EVENTS_KEPT]));
	answer->last = after + answer->line_count;
}

#include "ipc/answering.h"

#include "base/must.h"

#include <string.h>

bool question_write(void (*describe)(struct wire *, void *), const void *value, struct text *out, struct view *bulk)
{
	struct wire wire = wire_writer(out);
	/* One description serves both ways; writing does not change the value. */
	describe(&wire, (void *)(uintptr_t)value);
	*bulk = wire.bulk;
	return wire_is_done(&wire);
}

bool answer_read(const struct question *question, struct view bytes, void *answer, struct arena *arena)
{
	memset(answer, 0, question->answer_size);
	struct wire wire = wire_reader(bytes, arena);
	question->answer(&wire, answer);
	return wire_is_done(&wire);
}

static const struct answerer *service_find(const struct service *service, uint16_t kind)
{
	for (size_t i = 0; i < service->answerer_count; i++)
		if (service->answerers[i].question->kind == kind)
			return &service->answerers[i];
	return NULL;
}

bool service_answer(const struct service *service, const struct caller *caller, uint16_t kind, struct view request,
                    struct arena *arena, struct text *out, struct view *bulk)
{
	const struct answerer *answerer = service_find(service, kind);
	if (answerer == NULL || (service->allows != NULL && !service->allows(caller->room, kind)))
		return false;
	const struct question *question = answerer->question;
	void *asked = arena_alloc(arena, 1, question->request_size);
	void *answer = arena_alloc(arena, 1, question->answer_size);
	struct wire wire = wire_reader(request, arena);
	question->request(&wire, asked);
	if (!wire_is_done(&wire))
		return false;
	void *room = answerer->room != NULL ? answerer->room : service->room;
	answerer->answer(room, caller, asked, answer, arena);
	return question_write(question->answer, answer, out, bulk);
}

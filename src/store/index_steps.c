#include "store/index_private.h"

#include "base/must.h"

bool index_step_read(struct index *index, const struct index_entry *entry, struct step *step)
{
	struct arena *arena = &index->arena;
	*step = (struct step){ .entry = entry };
	switch (entry->type) {
	case RECORD_ACCEPT:
		step->accept = ARENA_NEW(arena, struct record_accept);
		if (!record_read_accept(entry->head, &entry->id, arena, step->accept))
			return false;
		if (step->accept->has_payment)
			step->payment = &step->accept->payment;
		return true;
	case RECORD_CHANGE:
		step->change = ARENA_NEW(arena, struct store_change);
		return record_read_change(entry->head, &entry->id, arena, step->change);
	case RECORD_NOTICE_DROP:
		step->payment = ARENA_NEW(arena, struct store_payment);
		return record_read_payment(entry->head, arena, step->payment);
	default:
		return true;
	}
}

static struct net *net_new(struct index *index, const struct step *step)
{
	const struct store_message *message = &step->accept->message;
	struct net *net = ARENA_NEW(&index->arena, struct net);
	*net = (struct net){ .message = message,
		                 .place = step->entry->place,
		                 .size = step->entry->place.length - record_content_offset(step->entry->head),
		                 .rows = ARENA_ARRAY(&index->arena, struct net_row, message->recipient_count) };
	const bool is_held = !view_is_empty(message->hold_reason);
	for (size_t i = 0; i < message->recipient_count; i++) {
		net->rows[i].state = is_held ? STORE_HELD : STORE_QUEUED;
		net->rows[i].due = is_held ? INT64_MAX : message->accepted;
		net->rows[i].reason = message->hold_reason;
	}
	return net;
}

static void net_fold(struct net *net, const struct store_change *change)
{
	for (size_t i = 0; i < change->row_count; i++) {
		const struct store_change_row *row = &change->rows[i];
		if (row->index >= net->message->recipient_count)
			continue;
		struct net_row *to = &net->rows[row->index];
		const struct owed here = { change, row };
		to->state = row->state;
		to->due = row->due;
		to->attempts = row->attempts;
		to->reason = row->reason;
		if (row->tried) {
			to->attempt = store_attempt_mark(change->attempt);
			to->tried = here;
		}
		for (unsigned kind = 0; kind < STORE_NOTICE_COUNT; kind++)
			if ((row->owes >> kind & 1) != 0)
				to->owed[kind] = here;
		to->warned |= (row->owes >> STORE_NOTICE_DELAY & 1) != 0;
	}
}

static void net_pay(struct net *net, const struct store_payment *payment)
{
	for (size_t i = 0; i < payment->index_count; i++)
		if (payment->indexes[i] < net->message->recipient_count)
			net->rows[payment->indexes[i]].owed[payment->notice] = (struct owed){ 0 };
}

void index_steps_fold(struct index *index, struct step *steps, size_t count)
{
	struct map nets = MAP_LIMIT(SIZE_MAX, 1);
	for (size_t i = 0; i < count; i++) {
		struct step *step = &steps[i];
		if (step->payment != NULL) {
			struct net *about = map_get(&nets, id_view(&step->payment->about));
			if (about != NULL)
				net_pay(about, step->payment);
		}
		struct net *net = map_get(&nets, id_view(&step->entry->id));
		if (step->accept != NULL && net == NULL) {
			step->net = net_new(index, step);
			map_put(&nets, id_view(&step->entry->id), step->net, NULL);
		}
		if (net == NULL)
			continue;
		if (step->change != NULL) {
			step->net = net;
			net_fold(net, step->change);
		} else if (step->entry->type == RECORD_MOVED) {
			step->net = net;
			net->place = step->entry->place;
		}
	}
	map_deinit(&nets);
}

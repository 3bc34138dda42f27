#include "rooms/queue/queue_private.h"

/* The exponential, with a fifth of jitter either way, so that what failed together does not come back together. The
 * moments at which a warning is owed and at which it expires are never slept through. */
int64_t retry_due(struct queue *queue, const struct message *message, uint32_t attempts, bool warned)
{
	const struct config *config = *queue->config;
	const int64_t most = config->queue.retry.max;
	int64_t pause = config->queue.retry.first;
	for (uint32_t i = 1; i < attempts && pause < most; i++)
		pause =
			pause > most / (int64_t)config->queue.retry.factor ? most : pause * (int64_t)config->queue.retry.factor;
	pause = pause < most ? pause : most;
	pause = pause < SECOND ? SECOND : pause;
	pause += (int64_t)random_below(&queue->random, (uint64_t)(2 * pause / 5) + 1) - pause / 5;
	const int64_t now = store_time(queue->store);
	int64_t due = now + pause;
	const int64_t warning = message->accepted + config->queue.retry.delay_warning;
	if (config->queue.retry.delay_warning > 0 && !warned && warning > now && warning < due)
		due = warning;
	return message->expires > now && message->expires < due ? message->expires : due;
}

/* A little early is in time: the attempt that was made for it is a moment old. */
bool retry_wants_warning(const struct queue *queue, const struct message *message, bool warned)
{
	const int64_t delay = (*queue->config)->queue.retry.delay_warning;
	return delay > 0 && !warned && message->sender.length > 0 &&
	       store_time(queue->store) >= message->accepted + delay - SECOND;
}

uint8_t owes_for(enum fate fate, struct view sender)
{
	const bool is_failure =
		fate == FATE_BOUNCED || fate == FATE_EXPIRED || fate == FATE_CANCELLED || fate == FATE_SUPPRESSED;
	return is_failure && sender.length > 0 ? 1u << STORE_NOTICE_FAILURE : 0;
}

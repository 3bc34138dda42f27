#include "rooms/vault/guesses.h"

#include "base/must.h"
#include "base/text.h"
#include "task/connection.h"

enum { COUNTS_MOST = 65536, NETWORK_MOST = 30 };

/* One failure is forgotten a minute. */
static const int64_t forgiveness = MINUTE;
static const int64_t first_delay = SECOND;
static const int64_t longest_delay = 16 * SECOND;

struct count {
	unsigned failures;
	int64_t since; /* of the oldest failure that still counts */
};

void guesses_init(struct guesses *guesses, uint64_t seed)
{
	*guesses = (struct guesses){ .counts = MAP_LIMIT(COUNTS_MOST, seed) };
}

void guesses_deinit(struct guesses *guesses)
{
	size_t position = 0;
	struct view key;
	void *value;
	while (map_walk(&guesses->counts, &position, &key, &value))
		free(value);
	map_deinit(&guesses->counts);
}

static unsigned failures_now(const struct count *count, int64_t now)
{
	const int64_t forgiven = (now - count->since) / forgiveness;
	return forgiven >= (int64_t)count->failures ? 0 : count->failures - (unsigned)forgiven;
}

/* Walks all, so not for every guess of a flood. */
static void forget_old(struct guesses *guesses, int64_t now)
{
	if (now < guesses->next_cleaning)
		return;
	guesses->next_cleaning = now + forgiveness / 4;
	size_t position = 0;
	struct view key;
	void *value;
	while (map_walk(&guesses->counts, &position, &key, &value))
		if (failures_now(value, now) == 0) {
			map_remove(&guesses->counts, key);
			free(value);
		}
}

/* An IPv6 client has a /64 to itself, an IPv4 one its address. */
static void add_network_key(struct text *key, struct view client)
{
	struct endpoint address;
	text_add(key, VIEW("n"));
	if (endpoint_parse_address(client, &address))
		text_add(key, view_bytes(address.address, address.family == 4 ? 4 : 8));
	else
		text_add(key, client);
}

static unsigned count_up(struct guesses *guesses, struct view key, int64_t now)
{
	struct count *count = map_get(&guesses->counts, key);
	if (count == NULL) {
		if (guesses->counts.count >= COUNTS_MOST)
			forget_old(guesses, now);
		count = must_alloc(1, sizeof(*count));
		bool full = false;
		map_put(&guesses->counts, key, count, &full);
		if (full) {
			free(count);
			return NETWORK_MOST; /* so many guess at once that everybody waits */
		}
	}
	*count = (struct count){ .failures = failures_now(count, now) + 1, .since = now };
	return count->failures;
}

bool guesses_is_blocked(const struct guesses *guesses, struct view client, int64_t now)
{
	struct text key = TEXT_LIMIT(128);
	add_network_key(&key, view_first(client, 100));
	const struct count *count = map_get(&guesses->counts, text_view(&key));
	text_deinit(&key);
	return count != NULL && failures_now(count, now) >= NETWORK_MOST;
}

int64_t guesses_add(struct guesses *guesses, struct view name, struct view client, int64_t now)
{
	struct text key = TEXT_LIMIT(1100);
	text_add(&key, VIEW("a"));
	text_add(&key, view_first(name, 1024));
	const unsigned by_account = count_up(guesses, text_view(&key), now);
	text_clear(&key);
	add_network_key(&key, view_first(client, 100));
	const unsigned by_network = count_up(guesses, text_view(&key), now);
	text_deinit(&key);
	int64_t delay = first_delay;
	const unsigned worst = by_account > by_network ? by_account : by_network;
	for (unsigned i = 3; i < worst && delay < longest_delay; i++)
		delay *= 2;
	return delay;
}

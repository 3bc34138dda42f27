/* Sites: what is shared by all domains of one provider. */
#include "base/must.h"
#include "rooms/delivery/client.h"

static const int64_t first_rest = 30 * SECOND;
static const int64_t longest_rest = 30 * MINUTE;

static void site_free(struct site *site)
{
	for (struct link *link; (link = list_take_first(&site->idle)) != NULL;)
		client_close(LIST_OWNER(link, struct client, idle));
	text_deinit(&site->name);
	text_deinit(&site->reason);
	free(site);
}

static void forget_quiet(struct delivery *delivery)
{
	size_t position = 0;
	struct view key;
	void *value;
	while (map_walk(&delivery->sites, &position, &key, &value)) {
		struct site *site = value;
		if (site->sessions > 0 || delivery_site_is_resting(delivery, site))
			continue;
		map_remove(&delivery->sites, key);
		site_free(site);
	}
}

struct site *delivery_site(struct delivery *delivery, struct view name)
{
	struct site *site = map_get(&delivery->sites, name);
	if (site != NULL)
		return site;
	if (delivery->sites.count >= SITES_MOST)
		forget_quiet(delivery);
	site = must_alloc(1, sizeof(*site));
	site->name = (struct text)TEXT_LIMIT(256);
	site->reason = (struct text)TEXT_LIMIT(512);
	text_add(&site->name, name);
	list_init(&site->idle);
	signal_init(&site->freed);
	map_put(&delivery->sites, name, site, NULL);
	return site;
}

bool delivery_site_is_resting(const struct delivery *delivery, const struct site *site)
{
	return world_now(delivery->world) < site->back_off_until;
}

void delivery_site_failed(struct delivery *delivery, struct site *site, struct view reason)
{
	if (delivery_site_is_resting(delivery, site))
		return; /* several sessions met the same fault */
	int64_t rest = first_rest;
	for (unsigned i = 0; i < site->failures && rest < longest_rest; i++)
		rest *= 2;
	site->failures++;
	site->back_off_until = world_now(delivery->world) + rest;
	text_clear(&site->reason);
	text_add(&site->reason, view_first(reason, 500));
	log_line(delivery->log, LOG_INFO, VIEW("site rests"),
	         (const struct log_field[]){ LOG_TEXT_FIELD("site", text_view(&site->name)),
	                                     LOG_TEXT_FIELD("reason", reason),
	                                     LOG_NUMBER_FIELD("seconds", rest / SECOND) },
	         3);
}

void delivery_site_worked(struct site *site)
{
	site->failures = 0;
	site->back_off_until = 0;
}

void delivery_sites_close_idle(struct delivery *delivery, int64_t idle_since)
{
	size_t position = 0;
	struct view key;
	void *value;
	while (map_walk(&delivery->sites, &position, &key, &value)) {
		struct site *site = value;
		for (struct link *link = list_first(&site->idle); link != NULL;) {
			struct client *client = LIST_OWNER(link, struct client, idle);
			link = list_next(&site->idle, link);
			if (client->idle_since > idle_since)
				continue;
			list_remove(&site->idle, &client->idle);
			site->sessions--;
			signal_wake_one(&site->freed);
			client_close(client);
		}
	}
}

void delivery_sites_free(struct delivery *delivery)
{
	size_t position = 0;
	struct view key;
	void *value;
	while (map_walk(&delivery->sites, &position, &key, &value))
		site_free(value);
	map_deinit(&delivery->sites);
}

/* The name servers of a domain's own zone, each asked by itself, past every cache.
 * Promises: what is outside the zone, or was given away below it, is not asked of them; a server that cannot be asked
 *   says why; no address is dialled that mail may not go to.
 * Does not know: DNSSEC. What they say is for the doctor's eyes, or for zones that are not signed. */
#ifndef ROOMS_RESOLVER_SERVERS_H
#define ROOMS_RESOLVER_SERVERS_H

#include "rooms/resolver/resolver.h"

enum { SERVER_ADDRESSES_MOST = 4, SERVER_ANSWERS_MOST = 32, SERVER_QUERIES_MOST = 4 };

struct zone_server {
	struct view name;
	struct endpoint addresses[SERVER_ADDRESSES_MOST];
	size_t address_count;
};
struct zone_servers {
	struct view zone; /* the nearest name at or above the domain that has servers */
	struct zone_server servers[CHECK_SERVERS_MOST];
	size_t count; /* none: they are not known, or the zone is a file here */
};
/* Suspends. At most `most` of them are looked for; like: freshness and errand of the look-ups. */
void servers_find(struct resolver *resolver, struct view domain, const struct record_question *like, size_t most,
                  struct arena *arena, struct zone_servers *servers);

/* One of them, and what it has said so far. */
struct server_answer {
	struct view name;
	enum dns_type type;
	bool is_elsewhere;
	struct dns_answer answer;
};
struct server_talk {
	struct resolver *resolver;
	struct view zone;
	const struct zone_server *server;
	int64_t deadline;
	struct arena *arena; /* of its answers */
	struct connection *connection;
	bool is_reached;     /* it has said something, were it that it does not know */
	struct view problem; /* why it could not be asked; empty: it could */
	struct server_answer answers[SERVER_ANSWERS_MOST];
	size_t answer_count;
};
void server_talk_end(struct server_talk *talk);
/* Suspends. False: not its business; answer->canonical is the name to ask the resolver for. */
bool server_lookup(struct server_talk *talk, struct view name, enum dns_type type, struct arena *arena,
                   struct dns_answer *answer);
/* Seconds that it gives its TXT answer for the name, as far as that was asked; else 0. */
uint32_t server_ttl(const struct server_talk *talk, struct view name);

/* ---- whichever answers first */

/* SELECTOR._domainkey.DOMAIN, _dmarc.DOMAIN: the name whose zone they are in. */
struct view servers_zone_of(struct view name);
/* Suspends, and makes SERVER_QUERIES_MOST queries at most to find one. False: none of the first two can say. */
bool servers_ask(struct resolver *resolver, struct view name, enum dns_type type, struct arena *arena,
                 struct dns_answer *answer);

#endif

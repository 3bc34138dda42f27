/* Where mail for a domain goes (RFC 5321 5.1, RFC 7505). */
#include "base/bytes.h"
#include "mail/domain.h"
#include "rooms/resolver/resolver.h"

/* A domain may name any number of hosts; each looked at costs two look-ups. */
enum { MX_MOST = 500, HOSTS_LOOKED_AT_MOST = 19 };

struct routing {
	struct resolver *resolver;
	struct view domain;
	struct arena *arena;
	struct route_answer *answer;
	struct errand errand;
	uint32_t ttl;
	bool any_failed;
	struct view failure;
};

static void conclude(struct routing *routing, enum route_result result, uint16_t code, struct enhanced_status status,
                     struct view why)
{
	routing->answer->result = result;
	routing->answer->host_count = 0;
	routing->answer->verdict =
		result == ROUTE_LATER ? verdict_later(code, status, why) : verdict_never(code, status, why);
}

static void note_ttl(struct routing *routing, const struct dns_answer *answer)
{
	if (answer->ttl < routing->ttl)
		routing->ttl = answer->ttl;
}

static void add_addresses(struct routing *routing, struct route_host *host, enum dns_type type)
{
	const struct record_question question = { host->name, type, FRESH_ENOUGH, &routing->errand };
	struct dns_answer answer;
	records_lookup(routing->resolver, &question, routing->arena, &answer);
	if (answer.status == DNS_FAILED) {
		routing->any_failed = true;
		routing->failure = answer.detail;
		return;
	}
	note_ttl(routing, &answer);
	for (size_t i = 0; i < answer.record_count && host->address_count < ROUTE_ADDRESSES_MOST; i++) {
		struct endpoint *endpoint = &host->addresses[host->address_count++];
		*endpoint = (struct endpoint){ .family = type == DNS_A ? 4 : 6 };
		bytes_copy(endpoint->address, sizeof(endpoint->address), answer.records[i].data);
	}
}

static bool is_our_name(const struct routing *routing, struct view host)
{
	const struct config *config = *routing->resolver->config;
	if (view_equal_nocase(host, config->service.hostname))
		return true;
	for (size_t i = 0; i < config->egress_count; i++)
		if (view_equal_nocase(host, config->egress[i].ehlo))
			return true;
	return false;
}

static bool is_loopback(const struct endpoint *endpoint)
{
	struct endpoint loopback = { 0 };
	endpoint_parse_address(VIEW("::1"), &loopback);
	return endpoint->family == 4 ? endpoint->address[0] == 127 : endpoint_equal_address(endpoint, &loopback);
}

/* Mail leaves from our egress addresses and comes in at our listeners'. Loopback is everybody's: test set-ups have
 * several servers there. */
static bool is_our_address(const struct routing *routing, const struct endpoint *endpoint)
{
	const struct config *config = *routing->resolver->config;
	struct endpoint ours = { 0 };
	if (is_loopback(endpoint))
		return false;
	for (size_t i = 0; i < config->listener_count; i++)
		if (endpoint_equal_address(&config->listeners[i].address, endpoint))
			return true;
	for (size_t i = 0; i < config->egress_count; i++)
		for (size_t j = 0; j < config->egress[i].addresses.count; j++)
			if (endpoint_parse_address(config->egress[i].addresses.items[j], &ours) &&
			    endpoint_equal_address(&ours, endpoint))
				return true;
	return false;
}

static bool is_ourselves(const struct routing *routing, const struct route_host *host)
{
	if (is_our_name(routing, host->name))
		return true;
	for (size_t i = 0; i < host->address_count; i++)
		if (is_our_address(routing, &host->addresses[i]))
			return true;
	return false;
}

static int compare_preference(const void *a, const void *b)
{
	const struct dns_record *first = a;
	const struct dns_record *second = b;
	return (first->preference > second->preference) - (first->preference < second->preference);
}

/* RFC 5321 5.1: hosts of one preference in random order. */
static void shuffle_equals(struct random *random, struct dns_record *records, size_t count)
{
	for (size_t start = 0; start < count;) {
		size_t end = start;
		while (end < count && records[end].preference == records[start].preference)
			end++;
		for (size_t i = end - start; i > 1; i--) {
			const size_t j = start + (size_t)random_below(random, i);
			const struct dns_record swapped = records[start + i - 1];
			records[start + i - 1] = records[j];
			records[j] = swapped;
		}
		start = end;
	}
}

/* Whoever is a backup does not send to itself or to later ones (RFC 5321 5.1): the hosts before ourselves stay.
 * Returns whether we are among them. */
static bool add_hosts(struct routing *routing, const struct dns_record *records, size_t count)
{
	struct route_answer *answer = routing->answer;
	answer->hosts = ARENA_ARRAY(routing->arena, struct route_host, ROUTE_HOSTS_MOST);
	for (size_t i = 0; i < count && i < HOSTS_LOOKED_AT_MOST; i++) {
		struct route_host *host = &answer->hosts[answer->host_count];
		*host = (struct route_host){ .name = records[i].data, .preference = records[i].preference };
		if (!is_our_name(routing, host->name)) {
			add_addresses(routing, host, DNS_AAAA);
			add_addresses(routing, host, DNS_A);
		}
		if (is_ourselves(routing, host)) {
			while (answer->host_count > 0 && answer->hosts[answer->host_count - 1].preference >= host->preference)
				answer->host_count--;
			return true;
		}
		if (host->address_count > 0)
			answer->host_count++;
	}
	return false;
}

/* ---- site */

/* co.uk, com.au, or.jp: what stands there belongs to many. */
static bool is_registry_like(struct view name)
{
	const size_t dot = view_find_byte(name, '.');
	return name_label_count(name) == 2 && dot <= 3 && name.length - dot - 1 == 2;
}

/* The least of the names that the best hosts have, whichever comes first in the random order. */
static struct view best_name(const struct dns_record *records, size_t count)
{
	struct view best = records[0].data;
	for (size_t i = 1; i < count && records[i].preference == records[0].preference; i++)
		if (view_compare(records[i].data, best) < 0)
			best = records[i].data;
	return best;
}

/* All domains hosted at one provider share a site: the best host's name without its first label, where at least two
 * labels are left and they are not a registry's. A domain that is its own host is its own site. */
static struct view site_of(struct view host, bool implicit, struct arena *arena)
{
	struct text site = TEXT_LIMIT(256);
	const size_t dot = view_find_byte(host, '.');
	const struct view above = dot == VIEW_NOT_FOUND ? host : view_from(host, dot + 1);
	const bool shared = !implicit && name_label_count(host) > 2 && !is_registry_like(above);
	const struct view kept = shared ? above : host;
	for (size_t i = 0; i < kept.length; i++)
		text_add_byte(&site, byte_lower(kept.data[i]));
	const struct view copy = arena_copy(arena, text_view(&site));
	text_deinit(&site);
	return copy;
}

/* ---- the route */

static void loops(struct routing *routing)
{
	conclude(routing, ROUTE_LOOP, 554, (struct enhanced_status){ 5, 4, 6 },
	         arena_print(routing->arena, "mail for %.*s loops back to us", VIEW_PRINT(routing->domain)));
}

static void route_hosts(struct routing *routing, const struct dns_record *records, size_t count, bool implicit)
{
	struct route_answer *answer = routing->answer;
	const bool among_them = add_hosts(routing, records, count);
	if (answer->host_count > 0) {
		answer->result = ROUTE_FOUND;
		answer->verdict = VERDICT_OK;
		answer->site = site_of(best_name(records, count), implicit, routing->arena);
	} else if (routing->any_failed) {
		conclude(routing, ROUTE_LATER, 451, (struct enhanced_status){ 4, 4, 3 },
		         arena_print(routing->arena, "the addresses of %.*s's mail servers could not be looked up: %.*s",
		                     VIEW_PRINT(routing->domain), VIEW_PRINT(routing->failure)));
	} else if (among_them) {
		loops(routing);
	} else {
		conclude(routing, ROUTE_NEVER, 550,
		         implicit ? (struct enhanced_status){ 5, 1, 2 } : (struct enhanced_status){ 5, 4, 4 },
		         arena_print(routing->arena, "the domain %.*s has no mail server with an address",
		                     VIEW_PRINT(routing->domain)));
	}
}

static void route_mx(struct routing *routing, struct dns_answer *answer)
{
	struct dns_record *records = answer->records;
	size_t count = answer->record_count < MX_MOST ? answer->record_count : MX_MOST;
	/* RFC 7505 3: a single MX of the root says that the domain takes no mail. */
	if (count == 1 && records[0].data.length == 0) {
		conclude(routing, ROUTE_NEVER, 556, (struct enhanced_status){ 5, 1, 10 },
		         arena_print(routing->arena, "the domain %.*s takes no mail (null MX)", VIEW_PRINT(routing->domain)));
		return;
	}
	qsort(records, count, sizeof(*records), compare_preference);
	shuffle_equals(&routing->resolver->random, records, count);
	route_hosts(routing, records, count, false);
}

static void route_domain(struct routing *routing)
{
	const struct record_question question = { routing->domain, DNS_MX, FRESH_ENOUGH, &routing->errand };
	struct dns_answer answer;
	records_lookup(routing->resolver, &question, routing->arena, &answer);
	note_ttl(routing, &answer);
	if (answer.status == DNS_FAILED || answer.status == DNS_CANCELLED) {
		conclude(routing, ROUTE_LATER, 451, (struct enhanced_status){ 4, 4, 3 },
		         arena_print(routing->arena, "the mail servers of %.*s could not be looked up: %.*s",
		                     VIEW_PRINT(routing->domain), VIEW_PRINT(answer.detail)));
	} else if (answer.status == DNS_NXDOMAIN) {
		conclude(routing, ROUTE_NEVER, 550, (struct enhanced_status){ 5, 1, 2 },
		         arena_print(routing->arena, "the domain %.*s does not exist", VIEW_PRINT(routing->domain)));
	} else if (answer.status == DNS_FOUND) {
		route_mx(routing, &answer);
	} else {
		/* RFC 5321 5.1: without an MX the domain itself is the host. */
		const struct dns_record itself = { .data = routing->domain };
		route_hosts(routing, &itself, 1, true);
	}
}

void resolver_answer_route(void *room, const struct caller *caller, const void *question, void *given,
                           struct arena *arena)
{
	(void)caller;
	const struct route_request *request = question;
	struct routing routing = {
		.resolver = room,
		.domain = request->domain,
		.arena = arena,
		.answer = given,
		.errand = errand_begin(room, ERRAND_ROUTE),
		.ttl = UINT32_MAX,
	};
	const struct config *config = *routing.resolver->config;
	if (view_starts(request->domain, VIEW("[")))
		conclude(&routing, ROUTE_NEVER, 550, (struct enhanced_status){ 5, 1, 2 },
		         VIEW("mail to address literals is not delivered"));
	else
		route_domain(&routing);
	int64_t time = (int64_t)routing.ttl * SECOND;
	if (time < config->dns.min_ttl)
		time = config->dns.min_ttl;
	routing.answer->good_for = time < config->dns.max_ttl ? time : config->dns.max_ttl;
}

/* Where mail for a domain goes (RFC 5321 5.1, RFC 7505). */
#include "base/bytes.h"
#include "rooms/resolver/resolver.h"

enum { MX_MOST = 500 };

struct routing {
	struct resolver *resolver;
	struct view domain;
	struct arena *arena;
	struct route_answer *answer;
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
	struct dns_answer answer;
	records_lookup(routing->resolver, host->name, type, FRESH_ENOUGH, routing->arena, &answer);
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

static bool is_ourselves(const struct routing *routing, struct view host)
{
	const struct config *config = *routing->resolver->config;
	if (view_equal_nocase(host, config->service.hostname))
		return true;
	for (size_t i = 0; i < config->egress_count; i++)
		if (view_equal_nocase(host, config->egress[i].ehlo))
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

/* The hosts before ourselves: whoever is a backup does not send to itself or to later backups. */
static size_t before_ourselves(const struct routing *routing, const struct dns_record *records, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!is_ourselves(routing, records[i].data))
			continue;
		size_t left = 0;
		while (left < count && records[left].preference < records[i].preference)
			left++;
		return left;
	}
	return count;
}

static void add_hosts(struct routing *routing, const struct dns_record *records, size_t count)
{
	routing->answer->hosts = ARENA_ARRAY(routing->arena, struct route_host, ROUTE_HOSTS_MOST);
	for (size_t i = 0; i < count && routing->answer->host_count < ROUTE_HOSTS_MOST; i++) {
		struct route_host *host = &routing->answer->hosts[routing->answer->host_count];
		*host = (struct route_host){ .name = records[i].data, .preference = records[i].preference };
		add_addresses(routing, host, DNS_AAAA);
		add_addresses(routing, host, DNS_A);
		if (host->address_count > 0)
			routing->answer->host_count++;
	}
}

/* All domains hosted at one provider share a site: the best host's name without its first label, where at least two
 * labels are left. */
static struct view site_of(struct view host, struct arena *arena)
{
	size_t labels = 1;
	for (size_t i = 0; i < host.length; i++)
		labels += host.data[i] == '.';
	struct text site = TEXT_LIMIT(256);
	const struct view kept = labels > 2 ? view_from(host, view_find_byte(host, '.') + 1) : host;
	for (size_t i = 0; i < kept.length; i++)
		text_add_byte(&site, byte_lower(kept.data[i]));
	const struct view copy = arena_copy(arena, text_view(&site));
	text_deinit(&site);
	return copy;
}

static void route_hosts(struct routing *routing, const struct dns_record *records, size_t count, bool implicit)
{
	struct route_answer *answer = routing->answer;
	add_hosts(routing, records, count);
	if (answer->host_count > 0) {
		answer->result = ROUTE_FOUND;
		answer->verdict = VERDICT_OK;
		answer->site = site_of(answer->hosts[0].name, routing->arena);
	} else if (routing->any_failed) {
		conclude(routing, ROUTE_LATER, 451, (struct enhanced_status){ 4, 4, 3 },
		         arena_print(routing->arena, "the addresses of %.*s's mail servers could not be looked up: %.*s",
		                     VIEW_PRINT(routing->domain), VIEW_PRINT(routing->failure)));
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
	shuffle_equals(&routing->resolver->random, records, count);
	qsort(records, count, sizeof(*records), compare_preference);
	shuffle_equals(&routing->resolver->random, records, count);
	const size_t left = before_ourselves(routing, records, count);
	if (left == 0) {
		conclude(routing, ROUTE_LOOP, 554, (struct enhanced_status){ 5, 4, 6 },
		         arena_print(routing->arena, "mail for %.*s loops back to us", VIEW_PRINT(routing->domain)));
		return;
	}
	route_hosts(routing, records, left, false);
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
		.ttl = UINT32_MAX,
	};
	struct dns_answer answer;
	records_lookup(routing.resolver, request->domain, DNS_MX, FRESH_ENOUGH, arena, &answer);
	note_ttl(&routing, &answer);
	if (answer.status == DNS_FAILED || answer.status == DNS_CANCELLED) {
		conclude(&routing, ROUTE_LATER, 451, (struct enhanced_status){ 4, 4, 3 },
		         arena_print(arena, "the mail servers of %.*s could not be looked up: %.*s",
		                     VIEW_PRINT(request->domain), VIEW_PRINT(answer.detail)));
	} else if (answer.status == DNS_NXDOMAIN) {
		conclude(&routing, ROUTE_NEVER, 550, (struct enhanced_status){ 5, 1, 2 },
		         arena_print(arena, "the domain %.*s does not exist", VIEW_PRINT(request->domain)));
	} else if (answer.status == DNS_FOUND) {
		route_mx(&routing, &answer);
	} else {
		const struct dns_record itself = { .data = answer.canonical.length > 0 ? answer.canonical : request->domain };
		if (is_ourselves(&routing, request->domain))
			conclude(&routing, ROUTE_LOOP, 554, (struct enhanced_status){ 5, 4, 6 }, VIEW("mail loops back to us"));
		else
			route_hosts(&routing, &itself, 1, true);
	}
	const struct config *config = *routing.resolver->config;
	int64_t time = (int64_t)routing.ttl * SECOND;
	if (time < config->dns.min_ttl)
		time = config->dns.min_ttl;
	routing.answer->good_for = time < config->dns.max_ttl ? time : config->dns.max_ttl;
}

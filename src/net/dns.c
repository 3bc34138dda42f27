#include "net/dns.h"

#include "base/bytes.h"
#include "base/must.h"

#include <stdio.h>
#include <unbound.h>
#include <unistd.h>

enum { FRESH_TTL = 10, CLASS_IN = 1, ZONE_FILE_MOST = 4 * 1024 * 1024 };

struct context {
	struct dns_unbound *dns;
	struct ub_ctx *unbound;
	struct task *reader;
};

struct dns_unbound {
	struct dns dns;
	struct world *world;
	struct context kept;  /* answers live for their time */
	struct context fresh; /* and here for 10 s */
	struct list queries;  /* under way */
	struct signal has_room;
	struct task_group readers;
};

/* Owned by the asking task and by libunbound: whoever lets go last frees it. */
struct query {
	struct link link; /* in dns->queries */
	struct dns_unbound *dns;
	struct ub_result *result;
	int error;
	bool answered;
	bool abandoned;
	struct signal done;
};

/* ---- wire form to records */

static bool add_label(struct text *name, struct view label)
{
	for (size_t i = 0; i < label.length; i++) {
		const char byte = label.data[i];
		/* RFC 1035 5.1: a dot or an unprintable byte inside a label is escaped. */
		const bool plain = byte_is_print(byte) && byte != '.' && byte != '\\' && byte != ' ';
		if (!(plain ? text_add_byte(name, byte) : text_print(name, "\\%03u", (unsigned)(unsigned char)byte)))
			return false;
	}
	return true;
}

static bool read_name(struct view wire, struct arena *arena, struct view *name)
{
	struct text text = TEXT_LIMIT(1024);
	bool good = false;
	while (wire.length > 0) {
		const size_t length = (unsigned char)wire.data[0];
		if (length == 0) {
			good = true;
			break;
		}
		if (length > 63 || wire.length < length + 1 || (text.length > 0 && !text_add_byte(&text, '.')) ||
		    !add_label(&text, view_slice(wire, 1, length)))
			break;
		wire = view_from(wire, length + 1);
	}
	if (good)
		*name = arena_copy(arena, text_view(&text));
	text_deinit(&text);
	return good;
}

static bool read_strings(struct view wire, struct arena *arena, struct dns_record *record)
{
	char *joined = arena_alloc(arena, wire.length + 1, 1);
	size_t length = 0;
	while (wire.length > 0) {
		const struct view part = view_slice(wire, 1, (unsigned char)wire.data[0]);
		if (part.length != (unsigned char)wire.data[0])
			return false;
		bytes_copy(joined + length, part.length, part);
		length += part.length;
		record->string_count++;
		wire = view_from(wire, part.length + 1);
	}
	record->data = view_bytes(joined, length);
	return true;
}

static bool read_record(enum dns_type type, struct view wire, struct arena *arena, struct dns_record *record)
{
	*record = (struct dns_record){ 0 };
	switch (type) {
	case DNS_TXT:
		return read_strings(wire, arena, record);
	case DNS_MX:
		if (wire.length < 3)
			return false;
		record->preference = (uint16_t)((unsigned char)wire.data[0] << 8 | (unsigned char)wire.data[1]);
		return read_name(view_from(wire, 2), arena, &record->data);
	case DNS_CNAME:
	case DNS_NS:
	case DNS_PTR:
		return read_name(wire, arena, &record->data);
	case DNS_A:
	case DNS_AAAA:
		record->data = arena_copy(arena, wire);
		return wire.length == (type == DNS_A ? 4 : 16);
	case DNS_SOA:
	case DNS_TLSA:
		record->data = arena_copy(arena, wire);
		return true;
	}
	return false;
}

static struct view without_last_dot(struct view name)
{
	return view_ends(name, VIEW(".")) ? view_first(name, name.length - 1) : name;
}

static void read_records(const struct ub_result *result, enum dns_type type, struct arena *arena,
                         struct dns_answer *answer)
{
	size_t count = 0;
	while (result->data[count] != NULL)
		count++;
	answer->records = ARENA_ARRAY(arena, struct dns_record, count + 1);
	for (size_t i = 0; i < count; i++) {
		const struct view wire = view_bytes(result->data[i], (size_t)result->len[i]);
		if (read_record(type, wire, arena, &answer->records[answer->record_count]))
			answer->record_count++;
	}
	answer->status = answer->record_count > 0 ? DNS_FOUND : DNS_FAILED;
	answer->detail = answer->record_count > 0 ? VIEW_NONE : VIEW("the answer is malformed");
}

static struct view rcode_name(int rcode)
{
	static const struct view names[] = {
		VIEW_INIT("NOERROR"),  VIEW_INIT("FORMERR"), VIEW_INIT("SERVFAIL"),
		VIEW_INIT("NXDOMAIN"), VIEW_INIT("NOTIMP"),  VIEW_INIT("REFUSED"),
	};
	return rcode >= 0 && (size_t)rcode < sizeof(names) / sizeof(names[0]) ? names[rcode] : VIEW("an error");
}

static void answer_fill(const struct ub_result *result, enum dns_type type, struct view name, struct arena *arena,
                        struct dns_answer *answer)
{
	answer->detail = VIEW_NONE;
	answer->secure = result->secure != 0;
	answer->ttl = result->ttl < 0 ? 0 : (uint32_t)result->ttl;
	answer->canonical = name;
	if (result->canonname != NULL)
		answer->canonical = without_last_dot(arena_copy(arena, view_of(result->canonname)));
	answer->through_alias = !view_equal_nocase(answer->canonical, name);
	if (result->bogus != 0) {
		answer->status = DNS_FAILED;
		answer->detail =
			arena_print(arena, "DNSSEC bogus: %s", result->why_bogus != NULL ? result->why_bogus : "no reason given");
	} else if (result->havedata != 0) {
		read_records(result, type, arena, answer);
	} else if (result->nxdomain != 0) {
		answer->status = DNS_NXDOMAIN;
	} else if (result->rcode == 0) {
		answer->status = DNS_NODATA;
	} else {
		answer->status = DNS_FAILED;
		answer->detail = rcode_name(result->rcode);
	}
}

/* ---- asking */

static void query_free(struct query *query)
{
	if (query->result != NULL)
		ub_resolve_free(query->result);
	list_remove(&query->dns->queries, &query->link);
	signal_wake_one(&query->dns->has_room);
	free(query);
}

/* Called by ub_process, and possibly before ub_resolve_async returns. */
static void query_answered(void *context, int error, struct ub_result *result)
{
	struct query *query = context;
	query->error = error;
	query->result = result;
	query->answered = true;
	if (query->abandoned)
		query_free(query);
	else
		signal_wake_all(&query->done);
}

static enum wait_result wait_for_room(struct dns_unbound *dns, int64_t deadline)
{
	while (dns->queries.count >= DNS_QUERIES_MOST) {
		const enum wait_result waited = signal_wait(&dns->has_room, deadline);
		if (waited != WAIT_DONE)
			return waited;
	}
	return WAIT_DONE;
}

static enum wait_result ask(struct context *context, const char *name, enum dns_type type, int64_t deadline,
                            struct query *query)
{
	const int error = ub_resolve_async(context->unbound, name, (int)type, CLASS_IN, query, query_answered, NULL);
	if (error != 0 && !query->answered)
		query_answered(query, error, NULL);
	while (!query->answered) {
		const enum wait_result waited = signal_wait(&query->done, deadline);
		if (waited != WAIT_DONE)
			return waited;
	}
	return WAIT_DONE;
}

static void lookup(struct dns *generic, struct view name, enum dns_type type, bool fresh, int64_t deadline,
                   struct arena *arena, struct dns_answer *answer)
{
	struct dns_unbound *dns = generic->state;
	name = without_last_dot(name);
	*answer = (struct dns_answer){ .status = DNS_FAILED, .canonical = name, .detail = VIEW("timed out") };
	enum wait_result waited = wait_for_room(dns, deadline);
	if (waited == WAIT_DONE) {
		struct query *query = must_alloc(1, sizeof(*query));
		query->dns = dns;
		signal_init(&query->done);
		list_add_last(&dns->queries, &query->link);
		waited = ask(fresh ? &dns->fresh : &dns->kept, arena_cstring(arena, name), type, deadline, query);
		if (waited != WAIT_DONE) {
			query->abandoned = true; /* libunbound still holds it */
		} else {
			if (query->error != 0 || query->result == NULL)
				answer->detail = arena_copy(arena, view_of(ub_strerror(query->error)));
			else
				answer_fill(query->result, type, name, arena, answer);
			query_free(query);
		}
	}
	if (waited == WAIT_CANCELLED)
		answer->status = DNS_CANCELLED;
}

static const struct dns_operations operations = { .lookup = lookup };

/* ---- a context */

static void context_read(void *argument)
{
	struct context *context = argument;
	const int descriptor = ub_fd(context->unbound);
	while (world_wait_descriptor(context->dns->world, descriptor, READY_TO_READ, NEVER_DUE) == WAIT_DONE)
		ub_process(context->unbound);
}

static bool file_is_readable(struct view path)
{
	char terminated[4096];
	return bytes_to_cstring(terminated, sizeof(terminated), path) && access(terminated, R_OK) == 0;
}

/* The zone's name: the word after the first $ORIGIN. */
static bool zone_origin(const char *path, struct text *origin, struct text *problem)
{
	char line[1024];
	FILE *file = fopen(path, "re");
	bool found = false;
	while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
		struct view text = view_trim(view_of(line));
		if (!view_starts_nocase(text, VIEW("$ORIGIN")))
			continue;
		text = view_trim(view_from(text, 7));
		size_t length = 0;
		while (length < text.length && !byte_is_blank(text.data[length]) && text.data[length] != ';')
			length++;
		found = length > 0 && text_add(origin, view_first(text, length));
	}
	if (file != NULL)
		fclose(file);
	if (!found)
		text_print(problem, "%s: a zone file says which zone it is with a line such as: $ORIGIN example.com.", path);
	return found;
}

static bool write_zones(const struct dns_settings *settings, struct text *config, struct text *problem)
{
	struct text path = TEXT_LIMIT(4096);
	struct text origin = TEXT_LIMIT(1024);
	bool good = true;
	for (size_t i = 0; good && i < settings->zone_count; i++) {
		text_clear(&path);
		text_clear(&origin);
		text_print(&path, "%s/zone-%zu", settings->directory, i);
		good = zone_origin(text_cstring(&path), &origin, problem);
		text_print(config,
		           "server:\n  domain-insecure: \"%s\"\n"
		           "auth-zone:\n  name: \"%s\"\n  zonefile: \"%s\"\n  for-downstream: yes\n  for-upstream: yes\n"
		           "  fallback-enabled: no\n",
		           text_cstring(&origin), text_cstring(&origin), text_cstring(&path));
	}
	text_deinit(&path);
	text_deinit(&origin);
	return good;
}

static void write_anchors(const struct dns_settings *settings, struct text *config, struct text *problem)
{
	size_t used = 0;
	for (size_t i = 0; i < settings->trust_anchor_count; i++) {
		const struct view path = settings->trust_anchors[i];
		if (file_is_readable(path)) {
			text_print(config, "  trust-anchor-file: \"%.*s\"\n", VIEW_PRINT(path));
			used++;
		} else {
			text_print(problem, "the trust anchor %.*s cannot be read; ", VIEW_PRINT(path));
		}
	}
	text_print(config, "  module-config: \"%siterator\"\n", used > 0 ? "validator " : "");
	if (used == 0)
		text_add(problem, VIEW("DNSSEC is not validated"));
}

static void write_resolvers(const struct dns_settings *settings, struct text *config)
{
	if (settings->resolver_count == 0)
		return;
	text_add(config, VIEW("forward-zone:\n  name: \".\"\n"));
	for (size_t i = 0; i < settings->resolver_count; i++) {
		text_add(config, VIEW("  forward-addr: "));
		text_add_endpoint_address(config, &settings->resolvers[i]);
		text_print(config, "@%u\n", (unsigned)settings->resolvers[i].port);
	}
}

static bool write_config(const struct dns_settings *settings, uint32_t max_ttl, struct text *config,
                         struct text *problem)
{
	text_print(config,
	           "server:\n"
	           "  verbosity: 0\n"
	           "  use-syslog: no\n"
	           "  do-not-query-localhost: no\n"
	           "  unblock-lan-zones: yes\n"
	           "  insecure-lan-zones: yes\n"
	           "  local-zone: \"test.\" nodefault\n"
	           "  edns-buffer-size: 1232\n"
	           "  outgoing-range: 512\n"
	           "  num-queries-per-thread: 2048\n"
	           "  cache-max-ttl: %u\n"
	           "  cache-max-negative-ttl: %u\n",
	           (unsigned)max_ttl, (unsigned)max_ttl);
	write_anchors(settings, config, problem);
	const bool good = write_zones(settings, config, problem);
	write_resolvers(settings, config);
	return good && !config->overflow;
}

static bool write_file(const char *path, struct view content)
{
	FILE *file = fopen(path, "we");
	if (file == NULL)
		return false;
	const bool good = fwrite(content.data, 1, content.length, file) == content.length;
	return fclose(file) == 0 && good;
}

static bool context_open(struct context *context, const struct dns_settings *settings, const char *name,
                         uint32_t max_ttl, struct text *problem)
{
	struct text config = TEXT_LIMIT(65536);
	struct text path = TEXT_LIMIT(4096);
	text_print(&path, "%s/%s", settings->directory, name);
	context->unbound = ub_ctx_create();
	must(context->unbound != NULL);
	bool good = write_config(settings, max_ttl, &config, problem);
	if (good && !write_file(text_cstring(&path), text_view(&config))) {
		text_print(problem, "cannot write %s", text_cstring(&path));
		good = false;
	}
	const int error = good ? ub_ctx_config(context->unbound, text_cstring(&path)) : 0;
	if (error != 0) {
		text_print(problem, "libunbound: %s", ub_strerror(error));
		good = false;
	}
	/* A thread of its own: its work never holds up the loop. */
	ub_ctx_async(context->unbound, 1);
	text_deinit(&config);
	text_deinit(&path);
	return good;
}

struct dns *dns_unbound_new(struct world *world, const struct dns_settings *settings, struct text *problem)
{
	struct text ignored = TEXT_LIMIT(4096);
	struct dns_unbound *dns = must_alloc(1, sizeof(*dns));
	dns->dns = (struct dns){ .operations = &operations, .state = dns };
	dns->world = world;
	dns->kept.dns = dns;
	dns->fresh.dns = dns;
	signal_init(&dns->has_room);
	list_init(&dns->queries);
	task_group_init(&dns->readers);
	/* Remarks come twice, once for each context: the second time is enough of that. */
	const bool good = context_open(&dns->kept, settings, "unbound.conf", settings->max_ttl, problem) &&
	                  context_open(&dns->fresh, settings, "unbound-fresh.conf", FRESH_TTL, &ignored);
	text_deinit(&ignored);
	if (!good) {
		dns_unbound_free(&dns->dns);
		return NULL;
	}
	task_group_start(&dns->readers, world, "dns answers", context_read, &dns->kept);
	task_group_start(&dns->readers, world, "fresh dns answers", context_read, &dns->fresh);
	return &dns->dns;
}

void dns_unbound_free(struct dns *generic)
{
	struct dns_unbound *dns = generic->state;
	if (dns->kept.unbound != NULL)
		ub_ctx_delete(dns->kept.unbound);
	if (dns->fresh.unbound != NULL)
		ub_ctx_delete(dns->fresh.unbound);
	/* Those that their askers had left, and that will not be answered any more. */
	while (!list_is_empty(&dns->queries))
		query_free(LIST_OWNER(list_first(&dns->queries), struct query, link));
	free(dns);
}

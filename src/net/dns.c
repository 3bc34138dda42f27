#include "base/bytes.h"
#include "base/must.h"
#include "net/dns_message.h"
#include "net/dns_private.h"

#include <pthread.h>
#include <stdio.h>
#include <unbound.h>

enum {
	FRESH_TTL = 1, /* once for all look-ups of one check */
	CLASS_IN = 1,
	OPENING_STACK = 4 * 1024 * 1024,
};

struct context {
	struct dns_unbound *dns;
	struct ub_ctx *unbound;
	struct task *reader; /* NULL: has ended */
};

struct dns_unbound {
	struct dns dns;
	struct world *world;
	struct context contexts[DNS_CONTEXT_COUNT];
	struct dns_large *large;
	struct list queries; /* that libunbound has */
	struct signal has_room;
	size_t lookup_count; /* tasks inside lookup */
	bool closing;        /* the owner has let go */
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

/* ---- an answer */

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
		if (dns_record_read(type, wire, arena, &answer->records[answer->record_count]))
			answer->record_count++;
	}
	answer->status = answer->record_count > 0 ? DNS_FOUND : DNS_FAILED;
	answer->detail = answer->record_count > 0 ? VIEW_NONE : VIEW("the answer is malformed");
}

static void answer_fail(struct dns_answer *answer, struct view detail)
{
	answer->status = DNS_FAILED;
	answer->detail = detail;
	answer->ttl = 0;
}

/* Where the records of an answer are more than 64 KiB libunbound leaves them out and sets TC (RFC 1035 4.1.1). */
static bool is_cut(const struct ub_result *result)
{
	enum { FLAGS_AT = 2, TRUNCATED = 0x02 };
	const unsigned char *packet = result->answer_packet;
	return packet != NULL && result->answer_len > FLAGS_AT && (packet[FLAGS_AT] & TRUNCATED) != 0;
}

static void answer_fill(const struct ub_result *result, enum dns_type type, struct arena *arena,
                        struct dns_answer *answer)
{
	answer->detail = VIEW_NONE;
	answer->secure = result->secure != 0;
	answer->ttl = result->ttl < 0 ? 0 : (uint32_t)result->ttl;
	if (result->canonname != NULL) {
		const struct view canonical = without_last_dot(arena_copy(arena, view_of(result->canonname)));
		answer->through_alias = !view_equal_nocase(canonical, answer->canonical);
		answer->canonical = canonical;
	}
	if (result->bogus != 0)
		answer_fail(answer, arena_print(arena, "DNSSEC bogus: %s",
		                                result->why_bogus != NULL ? result->why_bogus : "no reason given"));
	else if (result->havedata != 0)
		read_records(result, type, arena, answer);
	else if (result->nxdomain != 0)
		answer->status = DNS_NXDOMAIN;
	else if (result->rcode == 0)
		answer->status = DNS_NODATA;
	else
		answer_fail(answer, dns_rcode_name((unsigned)result->rcode));
}

/* ---- asking */

static struct query *query_new(struct dns_unbound *dns)
{
	struct query *query = must_alloc(1, sizeof(*query));
	query->dns = dns;
	signal_init(&query->done);
	list_add_last(&dns->queries, &query->link);
	return query;
}

static void query_free(struct query *query)
{
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
	if (error != 0) {
		query->error = error; /* libunbound did not take it */
		query->answered = true;
	}
	while (!query->answered) {
		const enum wait_result waited = signal_wait(&query->done, deadline);
		if (waited != WAIT_DONE)
			return waited;
	}
	return WAIT_DONE;
}

static enum wait_result lookup_in(struct context *context, enum dns_type type, int64_t deadline, struct arena *arena,
                                  struct dns_answer *answer)
{
	const char *name = arena_cstring(arena, answer->canonical);
	struct query *query = query_new(context->dns);
	const enum wait_result waited = ask(context, name, type, deadline, query);
	if (waited != WAIT_DONE) {
		query->abandoned = true; /* libunbound still has it */
		return waited;
	}
	if (query->error == UB_SYNTAX) { /* RFC 1035 2.3.4: no such name can exist */
		answer->status = DNS_NXDOMAIN;
		answer->detail = VIEW_NONE;
	} else if (query->error != 0 || query->result == NULL) {
		answer_fail(answer, view_of(ub_strerror(query->error)));
	} else {
		answer_fill(query->result, type, arena, answer);
	}
	if (query->result != NULL && is_cut(query->result) &&
	    !(type == DNS_TXT && dns_large_answer(context->dns->large, answer->canonical, arena, answer)))
		answer_fail(answer, VIEW("the answer is more than a DNS message can carry"));
	query_free(query);
	return WAIT_DONE;
}

static void close_when_idle(struct dns_unbound *dns);

static void lookup(struct dns *generic, struct view name, enum dns_type type, bool fresh, int64_t deadline,
                   struct arena *arena, struct dns_answer *answer)
{
	struct dns_unbound *dns = generic->state;
	must(!dns->closing);
	*answer = (struct dns_answer){ .canonical = without_last_dot(name) };
	answer_fail(answer, VIEW("timed out"));
	if (view_find_byte(name, '\0') != VIEW_NOT_FOUND) {
		answer_fail(answer, VIEW("there is a NUL in the name"));
		return;
	}
	dns->lookup_count++;
	enum wait_result waited = wait_for_room(dns, deadline);
	if (waited == WAIT_DONE)
		waited =
			lookup_in(&dns->contexts[fresh ? DNS_CONTEXT_FRESH : DNS_CONTEXT_KEPT], type, deadline, arena, answer);
	if (waited == WAIT_CANCELLED)
		answer->status = DNS_CANCELLED;
	answer->is_local = dns_large_has_zone_of(dns->large, without_last_dot(name));
	if (fresh && answer->ttl > FRESH_TTL)
		answer->ttl = FRESH_TTL;
	dns->lookup_count--;
	close_when_idle(dns);
}

static const struct dns_operations operations = { .lookup = lookup };

/* ---- the end */

static void dns_destroy(struct dns_unbound *dns)
{
	for (size_t i = 0; i < DNS_CONTEXT_COUNT; i++)
		if (dns->contexts[i].unbound != NULL)
			ub_ctx_delete(dns->contexts[i].unbound);
	/* Those that their askers had left, and that will not be answered any more. */
	while (!list_is_empty(&dns->queries))
		query_free(LIST_OWNER(list_first(&dns->queries), struct query, link));
	dns_large_free(dns->large);
	free(dns);
}

/* The readers leave after the last lookup; whoever finds none of either left frees all. */
static void close_when_idle(struct dns_unbound *dns)
{
	bool reading = false;
	if (!dns->closing || dns->lookup_count > 0)
		return;
	for (size_t i = 0; i < DNS_CONTEXT_COUNT; i++) {
		if (dns->contexts[i].reader == NULL)
			continue;
		task_cancel(dns->contexts[i].reader);
		reading = true;
	}
	if (!reading)
		dns_destroy(dns);
}

void dns_unbound_free(struct dns *generic)
{
	struct dns_unbound *dns = generic->state;
	dns->closing = true;
	close_when_idle(dns);
}

/* ---- reading answers */

static void context_read(void *argument)
{
	struct context *context = argument;
	const int descriptor = ub_fd(context->unbound);
	while (world_wait_descriptor(context->dns->world, descriptor, READY_TO_READ, NEVER_DUE) == WAIT_DONE)
		ub_process(context->unbound);
	context->reader = NULL;
	close_when_idle(context->dns);
}

/* ---- the beginning */

struct opening {
	struct dns_unbound *dns;
	const struct dns_settings *settings;
	struct text *problem;
	bool good;
};

/* What libunbound wrote to its log, without time and process. */
static void problem_of_log(struct view log, int error, struct text *problem)
{
	static const struct view mark = VIEW_INIT("error: ");
	const size_t start = view_find(log, mark);
	struct view rest = start != VIEW_NOT_FOUND ? view_from(log, start + mark.length) : VIEW_NONE;
	struct view line = view_of(ub_strerror(error));
	view_split(&rest, '\n', &line);
	text_print(problem, "%slibunbound: %.*s", problem->length > 0 ? "; " : "", VIEW_PRINT(line));
}

static void first_answered(void *context, int error, struct ub_result *result)
{
	(void)context;
	(void)error;
	ub_resolve_free(result);
}

/* A first query, for what libunbound answers by itself, makes it read its files and start its thread. */
static int context_begin(struct context *context, const char *path)
{
	const int error = ub_ctx_config(context->unbound, path);
	if (error != 0)
		return error;
	/* A thread of its own: its work never holds up the loop. */
	ub_ctx_async(context->unbound, 1);
	return ub_resolve_async(context->unbound, "localhost", DNS_A, CLASS_IN, NULL, first_answered, NULL);
}

static bool context_begin_logged(struct context *context, const char *path, struct text *problem)
{
	char *log = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&log, &length);
	must(stream != NULL);
	ub_ctx_debugout(context->unbound, stream);
	const int error = context_begin(context, path);
	/* From here on it is silent: what matters comes back in answers. */
	ub_ctx_debugout(context->unbound, NULL);
	fclose(stream);
	if (error != 0)
		problem_of_log(view_bytes(log, length), error, problem);
	free(log);
	return error == 0;
}

static bool context_open(struct context *context, const struct dns_settings *settings, const char *name,
                         enum dns_context_kind kind, struct text *problem)
{
	struct text path = TEXT_LIMIT(4096);
	text_print(&path, "%s/%s", settings->directory, name);
	context->unbound = ub_ctx_create();
	must(context->unbound != NULL);
	const bool good = dns_config_write(settings, text_cstring(&path), kind,
	                                   kind == DNS_CONTEXT_KEPT ? context->dns->large : NULL, problem) &&
	                  context_begin_logged(context, text_cstring(&path), problem);
	text_deinit(&path);
	return good;
}

static void *open_contexts(void *argument)
{
	struct opening *opening = argument;
	struct dns_unbound *dns = opening->dns;
	const struct dns_settings *settings = opening->settings;
	/* Remarks come twice, once for each context: the second time is enough of that. */
	struct text ignored = TEXT_LIMIT(4096);
	opening->good =
		context_open(&dns->contexts[DNS_CONTEXT_KEPT], settings, "unbound.conf", DNS_CONTEXT_KEPT,
	                 opening->problem) &&
		context_open(&dns->contexts[DNS_CONTEXT_FRESH], settings, "unbound-fresh.conf", DNS_CONTEXT_FRESH, &ignored);
	text_deinit(&ignored);
	dns_large_end(dns->large);
	return NULL;
}

/* To read its files libunbound wants more stack than a task has: hence a thread, for which we wait. */
static bool open_on_large_stack(struct opening *opening)
{
	pthread_attr_t attributes;
	pthread_t thread;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, OPENING_STACK);
	const int error = pthread_create(&thread, &attributes, open_contexts, opening);
	pthread_attr_destroy(&attributes);
	if (error != 0) {
		text_print(opening->problem, "cannot start a thread: %s", strerror(error));
		return false;
	}
	pthread_join(thread, NULL);
	return opening->good;
}

struct dns *dns_unbound_new(struct world *world, const struct dns_settings *settings, struct text *problem)
{
	struct dns_unbound *dns = must_alloc(1, sizeof(*dns));
	dns->dns = (struct dns){ .operations = &operations, .state = dns };
	dns->world = world;
	signal_init(&dns->has_room);
	list_init(&dns->queries);
	dns->large = dns_large_new(world_random_u64(world));
	for (size_t i = 0; i < DNS_CONTEXT_COUNT; i++)
		dns->contexts[i].dns = dns;
	struct opening opening = { .dns = dns, .settings = settings, .problem = problem };
	if (!open_on_large_stack(&opening)) {
		dns_unbound_free(&dns->dns);
		return NULL;
	}
	for (size_t i = 0; i < DNS_CONTEXT_COUNT; i++)
		dns->contexts[i].reader = task_start(world, "dns answers", context_read, &dns->contexts[i]);
	return &dns->dns;
}

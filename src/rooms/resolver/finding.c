/* What all checks share: look-ups for mail/, and the words for what could not be told. */
#include "rooms/resolver/finding.h"

#include "net/dns.h"
#include "rooms/resolver/servers.h"

void finding_see(struct finding *finding, struct view text)
{
	if (finding->seen_count < SEEN_MOST)
		finding->seen[finding->seen_count++] = view_first(text, 4096);
}

void finding_cannot_tell(struct finding *finding, struct view where, struct view why, struct arena *arena)
{
	finding->state = STATE_UNKNOWN;
	finding->fix = VIEW_NONE; /* perhaps nothing is wrong */
	finding->status = (struct enhanced_status){ 4, 4, 3 };
	const bool is_servfail = view_equal(why, VIEW("SERVFAIL"));
	finding->detail =
		arena_print(arena, "DNS could not be asked for %.*s: %.*s%s", VIEW_PRINT(where), VIEW_PRINT(why),
	                is_servfail ? " (its name servers do not answer, or answer wrongly)" : "");
	finding->problem = arena_print(arena, "DNS cannot be asked for %.*s at the moment (%.*s).", VIEW_PRINT(where),
	                               VIEW_PRINT(view_first(why, 200)));
	/* Only the zone's owner can mend that. */
	if (view_starts(why, VIEW("DNSSEC bogus")))
		finding->detail =
			arena_print(arena,
		                "%.*s is not taken by resolvers that validate (%.*s): have the zone signed anew, or "
		                "its DS record mended at the registrar",
		                VIEW_PRINT(where), VIEW_PRINT(why));
}

/* ---- look-ups for mail/ */

static void look_up(const struct lookup_context *lookup, struct view name, enum dns_type type, struct arena *arena,
                    struct dns_answer *found)
{
	struct record_question question = {
		.name = name,
		.type = type,
		.freshness = lookup->freshness,
		.errand = lookup->errand,
		.is_own = lookup->domain.length > 0 && dns_name_is_within(name, lookup->domain),
	};
	bool through_alias = false;
	if (lookup->server != NULL) {
		if (server_lookup(lookup->server, name, type, arena, found))
			return;
		/* An alias leads out of what that server has, or it is not asked for such a name. */
		through_alias = found->through_alias;
		question.name = found->canonical;
	}
	records_lookup(lookup->resolver, &question, arena, found);
	found->through_alias = found->through_alias || through_alias;
}

static int compare_texts(const void *a, const void *b)
{
	return view_compare(*(const struct view *)a, *(const struct view *)b);
}

void lookup_txt(void *context, struct view name, struct arena *arena, struct txt_answer *answer)
{
	const struct lookup_context *lookup = context;
	struct dns_answer found;
	look_up(lookup, name, DNS_TXT, arena, &found);
	*answer = (struct txt_answer){
		.through_alias = found.through_alias,
		.alias = found.canonical,
		.detail = found.detail,
	};
	if (found.status == DNS_FAILED || found.status == DNS_CANCELLED) {
		answer->status = TXT_FAILED;
		return;
	}
	answer->status = found.status == DNS_FOUND ? TXT_FOUND : TXT_NONE;
	answer->no_such_name = found.status == DNS_NXDOMAIN;
	answer->texts = ARENA_ARRAY(arena, struct view, found.record_count + 1);
	answer->count = found.record_count;
	for (size_t i = 0; i < found.record_count; i++)
		answer->texts[i] = found.records[i].data;
	/* Resolvers turn them round; what is told of them stays the same. */
	qsort(answer->texts, answer->count, sizeof(*answer->texts), compare_texts);
}

void lookup_any(void *context, struct view name, enum lookup_type type, struct arena *arena,
                struct lookup_answer *answer)
{
	static const enum dns_type types[] = {
		[LOOKUP_A] = DNS_A,     [LOOKUP_AAAA] = DNS_AAAA, [LOOKUP_MX] = DNS_MX,
		[LOOKUP_PTR] = DNS_PTR, [LOOKUP_TXT] = DNS_TXT,   [LOOKUP_SPF] = DNS_SPF,
	};
	const struct lookup_context *lookup = context;
	struct dns_answer found;
	look_up(lookup, name, types[type], arena, &found);
	*answer = (struct lookup_answer){ .status = TXT_NONE, .detail = found.detail };
	if (found.status == DNS_FAILED || found.status == DNS_CANCELLED) {
		answer->status = TXT_FAILED;
		return;
	}
	answer->records = ARENA_ARRAY(arena, struct view, found.record_count + 1);
	for (size_t i = 0; found.status == DNS_FOUND && i < found.record_count; i++)
		answer->records[answer->count++] = found.records[i].data;
	if (answer->count > 0)
		answer->status = TXT_FOUND;
}

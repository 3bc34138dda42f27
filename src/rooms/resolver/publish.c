/* The records that a domain, or the service itself, should publish. */
#include "mail/dkim.h"
#include "mail/token.h"
#include "rooms/resolver/resolver.h"

static void add(struct records_answer *answer, const char *purpose, struct view name, struct view value)
{
	if (answer->record_count == RECORDS_MOST)
		return;
	answer->records[answer->record_count++] = (struct record_row){
		.purpose = view_of(purpose),
		.name = name,
		.type = VIEW("TXT"),
		.value = value,
	};
}

static void add_keys(struct resolver *resolver, struct view domain, struct records_answer *answer,
                     struct arena *arena)
{
	const struct domain_keys_request request = { .domain = domain, .make = true };
	struct domain_keys_answer keys = { 0 };
	answer->result = DOMAIN_KEYS_FAILED;
	if (vault_domain_keys(resolver->vault, &request, &keys, arena, world_now(resolver->world) + 30 * SECOND) !=
	    ASKED_OK)
		return;
	answer->result = keys.result;
	for (size_t i = 0; i < keys.key_count; i++) {
		if (keys.keys[i].phase == KEY_OLD)
			continue;
		struct text record = TEXT_LIMIT(8192);
		dkim_key_write(keys.keys[i].algorithm, keys.keys[i].key, &record);
		add(answer, "dkim",
		    arena_print(arena, "%.*s._domainkey.%.*s", VIEW_PRINT(keys.keys[i].selector), VIEW_PRINT(domain)),
		    arena_copy(arena, text_view(&record)));
		text_deinit(&record);
	}
}

/* What customers include: the addresses that mail leaves from. */
static struct view egress_spf(const struct config *config, struct arena *arena)
{
	struct text spf = TEXT_LIMIT(8192);
	text_add(&spf, VIEW("v=spf1"));
	for (size_t i = 0; i < config->egress_count; i++)
		for (size_t j = 0; j < config->egress[i].addresses.count; j++) {
			const struct view address = config->egress[i].addresses.items[j];
			const bool v6 = view_find_byte(address, ':') != VIEW_NOT_FOUND;
			text_print(&spf, " ip%d:%.*s", v6 ? 6 : 4, VIEW_PRINT(address));
		}
	/* Without configured addresses the host's own are the best that can be said. */
	if (config->egress_count == 0)
		text_print(&spf, " a:%.*s", VIEW_PRINT(config->service.hostname));
	text_add(&spf, VIEW(" -all"));
	const struct view copy = arena_copy(arena, text_view(&spf));
	text_deinit(&spf);
	return copy;
}

static void service_records(struct resolver *resolver, struct records_answer *answer, struct arena *arena)
{
	const struct config *config = *resolver->config;
	const struct view domain = config->service.domain;
	add(answer, "spf", config->service.spf_include, egress_spf(config, arena));
	if (!view_equal(domain, config->service.spf_include))
		add(answer, "spf", domain,
		    arena_print(arena, "v=spf1 include:%.*s -all", VIEW_PRINT(config->service.spf_include)));
	add_keys(resolver, domain, answer, arena);
	add(answer, "dmarc", arena_print(arena, "_dmarc.%.*s", VIEW_PRINT(domain)), VIEW("v=DMARC1; p=reject;"));
	/* RFC 8461 3.1 and RFC 8460 3: for the mail that comes back to the service. The id changes with the policy that
	 * stands at https://mta-sts.DOMAIN/.well-known/mta-sts.txt, which is its owner's. */
	add(answer, "mta-sts", arena_print(arena, "_mta-sts.%.*s", VIEW_PRINT(domain)), VIEW("v=STSv1; id=1;"));
	add(answer, "tls-rpt", arena_print(arena, "_smtp._tls.%.*s", VIEW_PRINT(domain)),
	    arena_print(arena, "v=TLSRPTv1; rua=mailto:postmaster@%.*s", VIEW_PRINT(domain)));
}

/* A policy of the domain's own stays: a second record beside it would make both void. */
static void add_dmarc(struct resolver *resolver, const struct who *who, struct records_answer *answer,
                      struct arena *arena)
{
	const struct view name = arena_print(arena, "_dmarc.%.*s", VIEW_PRINT(who->domain));
	struct finding dmarc;
	find_dmarc(resolver, who, FRESH_ENOUGH, arena, &dmarc);
	const bool is_own = dmarc.seen_count > 0 && view_equal(dmarc.name, name);
	const struct view kept = dmarc.fix.length > 0 ? dmarc.fix : dmarc.expected;
	add(answer, "dmarc", name, is_own ? kept : VIEW("v=DMARC1; p=quarantine; adkim=r; aspf=r;"));
}

void resolver_answer_records(void *room, const struct caller *caller, const void *question, void *given,
                             struct arena *arena)
{
	(void)caller;
	struct resolver *resolver = room;
	const struct records_request *request = question;
	struct records_answer *answer = given;
	const struct config *config = *resolver->config;
	answer->result = DOMAIN_KEYS_OK;
	if (request->service) {
		service_records(resolver, answer, arena);
		return;
	}
	if (request->account.length > 0) {
		struct text token = TEXT_LIMIT(1024);
		struct text lower = TEXT_LIMIT(1024);
		for (size_t i = 0; i < request->account.length; i++)
			text_add_byte(&lower, byte_lower(request->account.data[i]));
		token_write(config->service.token_prefix, text_view(&lower), &token);
		add(answer, "token", request->domain, arena_copy(arena, text_view(&token)));
		text_deinit(&token);
		text_deinit(&lower);
	}
	/* Where there is an SPF record already, ours belongs into it. */
	struct errand errand = errand_begin(resolver, ERRAND_DOCTOR);
	const struct who who = { .domain = request->domain, .errand = &errand };
	struct finding spf;
	find_spf(resolver, &who, FRESH_ENOUGH, arena, &spf);
	add(answer, "spf", request->domain,
	    spf.state == STATE_UNKNOWN
	        ? arena_print(arena, "v=spf1 include:%.*s -all", VIEW_PRINT(config->service.spf_include))
	        : spf.expected);
	add_keys(resolver, request->domain, answer, arena);
	add_dmarc(resolver, &who, answer, arena);
}

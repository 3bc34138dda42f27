/* Mail that the customer has sealed already: it is relayed byte for byte, or its seals would break. */
#include "mail/dkim_tags.h"
#include "mail/dkim_verify.h"
#include "rooms/submission/submission.h"

/* What a message may cost: the seals that come first decide. What is asked too late is there for the next attempt. */
enum { KEYS_MOST = 8 };
static const int64_t keys_patience = 1900 * MILLISECOND;

struct looking_up {
	struct submission *submission;
	unsigned left;
	int64_t deadline;
};

static void look_up_key(void *context, struct view name, struct arena *arena, struct txt_answer *answer)
{
	struct looking_up *looking_up = context;
	const struct seal_key_request request = { .name = name };
	struct seal_key_answer found = { 0 };
	*answer = (struct txt_answer){ .status = TXT_FAILED, .detail = VIEW("DNS could not be asked") };
	if (looking_up->left == 0) {
		*answer = (struct txt_answer){ .status = TXT_NONE };
		return;
	}
	looking_up->left--;
	if (resolver_seal_key(looking_up->submission->resolver, &request, &found, arena, looking_up->deadline) !=
	        ASKED_OK ||
	    found.result == SEAL_KEY_LATER)
		return;
	answer->status = found.result == SEAL_KEY_FOUND ? TXT_FOUND : TXT_NONE;
	answer->texts = ARENA_ARRAY(arena, struct view, SEAL_KEY_RECORDS_MOST);
	for (; answer->count < found.record_count; answer->count++)
		answer->texts[answer->count] = found.records[answer->count];
}

/* What lets anybody add to the body, or leaves the author open, is no seal. */
static bool is_good(const struct dkim_verdict *verdict)
{
	return verdict->result == DKIM_PASS && verdict->covers_from && !verdict->has_length;
}

static bool covers_private(const struct dkim_verdict *verdict, const struct message_facts *facts)
{
	for (size_t i = 0; i < facts->private_name_count; i++)
		if (dkim_list_has(verdict->names, facts->private_names[i]))
			return true;
	return false;
}

void session_find_seals(struct session *session, const struct message_facts *facts, struct customer_seals *seals)
{
	struct arena *arena = &session->transaction->arena;
	struct looking_up looking_up = {
		.submission = session->submission,
		.left = KEYS_MOST,
		.deadline = world_now(session->submission->world) + keys_patience,
	};
	const struct txt_lookup lookup = { .context = &looking_up, .txt = look_up_key };
	const struct dkim_verify_request request = {
		.message = text_view(&session->transaction->content),
		.seconds = world_wall(session->submission->world) / SECOND,
		.keys = session->submission->keys,
	};
	struct dkim_verdict *verdicts;
	*seals = (struct customer_seals){ 0 };
	if (!facts->has_dkim_signature)
		return;
	const size_t count = dkim_verify(&lookup, &request, arena, &verdicts);
	for (size_t i = 0; i < count && seals->count < SEALED_BY_MOST; i++) {
		struct domain domain;
		seals->untold = seals->untold || verdicts[i].result == DKIM_TEMPERROR;
		if (!is_good(&verdicts[i]) || domain_parse(verdicts[i].domain, &domain) != DOMAIN_OK)
			continue;
		seals->domains[seals->count++] = arena_copy(arena, domain_view(&domain));
		seals->covers_private = seals->covers_private || covers_private(&verdicts[i], facts);
	}
}

/* One domain, judged: token, DKIM, DMARC; SPF has a file of its own. */
#include "base/must.h"
#include "mail/dkim.h"
#include "mail/dmarc.h"
#include "mail/token.h"
#include "rooms/resolver/finding.h"
#include "rooms/resolver/form.h"

/* ---- token */

static struct view token_of(struct view prefix, struct view name, struct arena *arena)
{
	struct text token = TEXT_LIMIT(1024);
	token_write(prefix, name, &token);
	const struct view copy = arena_copy(arena, text_view(&token));
	text_deinit(&token);
	return copy;
}

/* The first fault of what was meant to be the token; tokens of other accounts are no fault. */
static void explain_token(const struct who *who, struct view prefix, const struct txt_answer *answer,
                          struct arena *arena, struct finding *finding)
{
	enum { EXPLAINED_MOST = 8 };
	const struct token_owner owner = { who->account, who->as_typed, who->domain };
	finding->problem = VIEW("no challenge token of this user account.");
	finding->detail = VIEW("there is no token of this service at the domain");
	if (answer->through_alias) {
		finding->detail = VIEW("the domain is an alias (CNAME): a token behind one does not count");
		return;
	}
	for (size_t i = 0, meant = 0; i < answer->count && meant < EXPLAINED_MOST; i++) {
		const struct view mistake = token_mistake(answer->texts[i], prefix, &owner, arena);
		if (mistake.length == 0)
			continue;
		if (!token_is_ours(answer->texts[i], prefix))
			finding_see(finding, answer->texts[i]);
		meant++;
		finding->detail = arena_print(arena, "of the token seen: %.*s", VIEW_PRINT(mistake));
		if (view_equal(mistake, token_of_another))
			continue;
		finding->problem = arena_print(arena, "no challenge token of this user account (of the one seen: %.*s).",
		                               VIEW_PRINT(mistake));
		return;
	}
}

void find_token(struct resolver *resolver, const struct who *who, enum freshness freshness, struct arena *arena,
                struct finding *finding)
{
	const struct view prefix = (*resolver->config)->service.token_prefix;
	struct lookup_context context = { resolver, freshness, who->errand, who->server, who->domain };
	struct txt_answer answer;
	*finding = (struct finding){
		.check = CHECK_TOKEN,
		.state = STATE_FAIL,
		.name = who->domain,
		.expected = token_of(prefix, who->account, arena),
		.status = { 5, 7, 1 },
	};
	const struct view as_typed = token_of(prefix, who->as_typed, arena);
	lookup_txt(&context, who->domain, arena, &answer);
	if (answer.status == TXT_FAILED) {
		finding_cannot_tell(finding, who->domain, answer.detail, arena);
		return;
	}
	/* A token belongs to exactly this domain: one that an alias leads to is somebody else's. */
	for (size_t i = 0; i < answer.count && !answer.through_alias; i++) {
		if (token_is_ours(answer.texts[i], prefix))
			finding_see(finding, answer.texts[i]);
		if (token_matches(answer.texts[i], finding->expected) ||
		    (who->as_typed.length > 0 && token_matches(answer.texts[i], as_typed)))
			finding->state = STATE_PASS;
	}
	if (finding->state == STATE_PASS) {
		finding->detail = VIEW("the domain names this user account");
		return;
	}
	finding->fix = finding->expected;
	explain_token(who, prefix, &answer, arena, finding);
}

/* ---- DKIM */

/* How a record that is not ours came to be so, where that can be seen; else what is said anyway. */
static struct view explain_key(struct view seen, const struct finding *finding, struct view otherwise,
                               struct arena *arena)
{
	const struct view mistake = form_mistake(seen, finding->expected);
	if (mistake.length > 0)
		return arena_print(arena, "%.*s.", VIEW_PRINT(mistake));
	const bool is_spf = view_starts_nocase(seen, VIEW("v=spf1"));
	if (is_spf || view_starts_nocase(seen, VIEW("v=DMARC")))
		return arena_print(arena,
		                   "what stands there is %s, not a DKIM key (or a wildcard record answers for the name).",
		                   is_spf ? "an SPF record" : "a DMARC record");
	return otherwise;
}

static bool judge_record(struct view record, const struct public_key *ours, struct arena *arena,
                         struct finding *finding)
{
	const enum dkim_algorithm algorithm = ours->algorithm;
	struct dkim_key key;
	const enum dkim_key_fault fault = dkim_key_parse(record, arena, &key);
	if (fault != DKIM_KEY_GOOD) {
		const struct view said =
			arena_print(arena, "the DKIM key record is not usable: %.*s.", VIEW_PRINT(dkim_key_fault_text(fault)));
		finding->problem = fault == DKIM_KEY_REVOKED ? said : explain_key(record, finding, said, arena);
		return false;
	}
	if (!dkim_key_equals(&key, algorithm, ours->key)) {
		finding->problem =
			explain_key(record, finding, VIEW("the DKIM key in DNS is not the one that seals here."), arena);
		return false;
	}
	if (!key.allows_sha256 || !key.allows_email) {
		finding->problem = key.allows_sha256 ? VIEW("the DKIM key record is not for mail (s=).")
		                                     : VIEW("the DKIM key record does not allow SHA-256 (h=).");
		return false;
	}
	return true;
}

static bool is_in_two(const struct txt_answer *answer, struct view wanted, struct arena *arena)
{
	for (size_t i = 0; answer->count == 2 && i < 2; i++)
		if (view_equal(wanted, arena_print(arena, "%.*s%.*s", VIEW_PRINT(answer->texts[i]),
		                                   VIEW_PRINT(answer->texts[1 - i]))))
			return true;
	return false;
}

void find_key(struct resolver *resolver, const struct who *who, const struct public_key *ours,
              enum freshness freshness, struct arena *arena, struct finding *finding)
{
	struct lookup_context context = { resolver, freshness, who->errand, who->server, who->domain };
	struct txt_answer answer;
	struct text record = TEXT_LIMIT(8192);
	dkim_key_write(ours->algorithm, ours->key, &record);
	*finding = (struct finding){
		.check = CHECK_DKIM,
		.state = STATE_FAIL,
		.name = arena_print(arena, "%.*s._domainkey.%.*s", VIEW_PRINT(ours->selector), VIEW_PRINT(who->domain)),
		.expected = arena_copy(arena, text_view(&record)),
		.problem = VIEW("the DKIM key is not published."),
		.status = { 5, 7, 20 },
	};
	text_deinit(&record);
	finding->fix = finding->expected;
	lookup_txt(&context, finding->name, arena, &answer);
	if (answer.status == TXT_FAILED) {
		finding_cannot_tell(finding, finding->name, answer.detail, arena);
		return;
	}
	for (size_t i = 0; i < answer.count; i++) {
		finding_see(finding, answer.texts[i]);
		finding->replaces = true;
		if (finding->state == STATE_PASS || !judge_record(answer.texts[i], ours, arena, finding))
			continue;
		finding->state = STATE_PASS;
		finding->record = answer.texts[i];
		finding->fix = VIEW_NONE;
		finding->problem = VIEW("the key is ours");
	}
	if (finding->state == STATE_FAIL && is_in_two(&answer, finding->expected, arena))
		finding->problem =
			VIEW("the parts of the key stand in records of their own: they are strings of one record.");
	finding->detail = finding->problem;
}

enum domain_keys_result find_keys(struct resolver *resolver, const struct who *who, struct arena *arena,
                                  struct domain_keys_answer *answer)
{
	const struct domain_keys_request request = { .domain = who->domain,
		                                         .account = who->account,
		                                         .make = !who->known_keys_only };
	if (vault_domain_keys(resolver->vault, &request, answer, arena, world_now(resolver->world) + 30 * SECOND) !=
	    ASKED_OK)
		return DOMAIN_KEYS_FAILED;
	return answer->result;
}

static void keys_not_known(const struct who *who, enum domain_keys_result result, struct finding *finding)
{
	finding->state = STATE_UNKNOWN;
	finding->status = (struct enhanced_status){ 4, 7, 1 };
	finding->name = who->domain;
	finding->problem = result == DOMAIN_KEYS_TOO_MANY
	                       ? VIEW("this user account has brought too many new domains today; come back tomorrow.")
	                       : VIEW("the domain's keys cannot be had at the moment.");
	finding->detail = finding->problem;
}

/* The better finding counts: a pass, then what could not be told. */
static bool is_better(const struct finding *finding, const struct finding *than)
{
	static const int ranks[] = { [STATE_PASS] = 3, [STATE_WARN] = 2, [STATE_UNKNOWN] = 1, [STATE_FAIL] = 0 };
	return ranks[finding->state] > ranks[than->state];
}

/* Ed25519 is optional: it decides only where there is no other key. */
const struct public_key *key_of_phase(const struct domain_keys_answer *keys, enum key_phase phase)
{
	const struct public_key *found = NULL;
	for (size_t i = 0; i < keys->key_count; i++)
		if (keys->keys[i].phase == phase && (found == NULL || keys->keys[i].algorithm < found->algorithm))
			found = &keys->keys[i];
	return found;
}

struct usable_keys {
	struct usable_key keys[SEALS_MOST];
	size_t count;
};

static void judge_phase(struct resolver *resolver, const struct who *who, const struct domain_keys_answer *keys,
                        const struct public_key *deciding, enum freshness freshness, struct arena *arena,
                        struct finding *finding, struct usable_keys *usable)
{
	for (size_t i = 0; i < keys->key_count; i++) {
		const struct public_key *key = &keys->keys[i];
		struct finding judged;
		if (key->phase != deciding->phase)
			continue;
		find_key(resolver, who, key, freshness, arena, &judged);
		if (judged.state == STATE_PASS && usable->count < SEALS_MOST)
			usable->keys[usable->count++] = (struct usable_key){ key->selector, key->algorithm, judged.record };
		if (key == deciding)
			*finding = judged;
	}
}

/* The keys that seal are looked at first; where DNS does not show them, the next ones, or those before, will do. */
void find_dkim(struct resolver *resolver, const struct who *who, enum freshness freshness, struct arena *arena,
               struct finding *finding, struct usable_key *usable, size_t *usable_count)
{
	struct domain_keys_answer keys = { 0 };
	*finding = (struct finding){ .check = CHECK_DKIM, .state = STATE_FAIL, .status = { 5, 7, 20 } };
	*usable_count = 0;
	const enum domain_keys_result result = find_keys(resolver, who, arena, &keys);
	if (result != DOMAIN_KEYS_OK || keys.key_count == 0) {
		keys_not_known(who, result, finding);
		return;
	}
	bool judged_any = false;
	for (unsigned phase = 0; phase < KEY_PHASE_COUNT && finding->state != STATE_PASS; phase++) {
		const struct public_key *deciding = key_of_phase(&keys, (enum key_phase)phase);
		struct usable_keys found = { .count = 0 };
		struct finding judged;
		if (deciding == NULL)
			continue;
		judge_phase(resolver, who, &keys, deciding, freshness, arena, &judged, &found);
		if (!judged_any || is_better(&judged, finding))
			*finding = judged;
		judged_any = true;
		for (size_t i = 0; i < found.count && (judged.state == STATE_PASS || *usable_count == 0); i++)
			usable[i] = found.keys[i];
		if (found.count > 0 && (judged.state == STATE_PASS || *usable_count == 0))
			*usable_count = found.count;
	}
	if (who->server == NULL && key_of_phase(&keys, KEY_NEXT) != NULL)
		turn_look(resolver, who->domain);
}

/* ---- DMARC */

/* What readers ignore, or older ones miss, is worth a warning, and the record without it. */
static void dmarc_is_valid(const struct dmarc_finding *dmarc, struct arena *arena, struct finding *finding)
{
	const bool is_own = view_equal(dmarc->name, finding->name);
	finding->state = STATE_PASS;
	finding->expected = dmarc->text;
	finding->fix = VIEW_NONE;
	finding->detail = arena_print(arena, "a valid policy at %.*s", VIEW_PRINT(dmarc->name));
	if (dmarc->detail.length == 0 && dmarc->record.has_policy)
		return;
	finding->state = STATE_WARN;
	if (dmarc->detail.length > 0)
		finding->detail = arena_print(arena, "%.*s; %.*s", VIEW_PRINT(finding->detail), VIEW_PRINT(dmarc->detail));
	if (!dmarc->record.has_policy)
		finding->detail =
			arena_print(arena, "%.*s; without p= %s", VIEW_PRINT(finding->detail),
		                dmarc->record.applies ? "older receivers ignore it" : "and rua= receivers ignore it");
	if (is_own) {
		finding->fix = dmarc_mend(dmarc->text, arena);
		finding->expected = finding->fix;
	}
}

void find_dmarc(struct resolver *resolver, const struct who *who, enum freshness freshness, struct arena *arena,
                struct finding *finding)
{
	struct lookup_context context = { resolver, freshness, who->errand, who->server, who->domain };
	const struct txt_lookup lookup = { .context = &context, .txt = lookup_txt };
	struct dmarc_finding dmarc;
	*finding = (struct finding){ .check = CHECK_DMARC, .state = STATE_FAIL, .status = { 5, 7, 1 } };
	dmarc_find(&lookup, who->domain, arena, &dmarc);
	finding->name = arena_print(arena, "_dmarc.%.*s", VIEW_PRINT(who->domain));
	finding->expected = VIEW("v=DMARC1; p=quarantine; adkim=r; aspf=r;");
	finding->fix = finding->expected;
	for (size_t i = 0; i < dmarc.text_count; i++)
		finding_see(finding, dmarc.texts[i]);
	if (dmarc.result == DMARC_SEVERAL)
		finding->fix = dmarc.keep.length > 0 ? dmarc.keep : dmarc_mend(dmarc.text, arena);
	finding->replaces = dmarc.text.length > 0;
	switch (dmarc.result) {
	case DMARC_VALID:
		dmarc_is_valid(&dmarc, arena, finding);
		return;
	case DMARC_MISSING:
		finding->problem = VIEW("there is no DMARC record.");
		break;
	case DMARC_BROKEN:
		finding->fix = dmarc_mend(dmarc.text, arena);
		finding->problem = arena_print(arena, "the DMARC record is broken: %.*s.", VIEW_PRINT(dmarc.detail));
		break;
	case DMARC_SEVERAL:
		finding->problem = VIEW("there are several DMARC records, which count as none: keep one.");
		break;
	case DMARC_LATER:
		finding_cannot_tell(finding, dmarc.name, dmarc.detail, arena);
		return;
	}
	finding->detail = finding->problem;
}

/* ---- with a second look */

void find_once(struct resolver *resolver, const struct who *who, enum check check, enum freshness freshness,
               struct arena *arena, struct finding *finding, struct usable_key *usable, size_t *usable_count)
{
	switch (check) {
	case CHECK_TOKEN:
		find_token(resolver, who, freshness, arena, finding);
		return;
	case CHECK_SPF:
		find_spf(resolver, who, freshness, arena, finding);
		return;
	case CHECK_DKIM:
		find_dkim(resolver, who, freshness, arena, finding, usable, usable_count);
		return;
	case CHECK_DMARC:
		find_dmarc(resolver, who, freshness, arena, finding);
		return;
	}
}

void find_check(struct resolver *resolver, const struct who *who, enum check check, struct arena *arena,
                struct finding *finding, struct usable_key *usable, size_t *usable_count)
{
	find_once(resolver, who, check, FRESH_ENOUGH, arena, finding, usable, usable_count);
	if (finding->state == STATE_FAIL)
		find_once(resolver, who, check, FRESH_RETRY, arena, finding, usable, usable_count);
}

/* Sealing: the seal is worded here, the vault signs it. */
#include "base/must.h"
#include "ipc/memory.h"
#include "mail/dkim_verify.h"
#include "rooms/submission/submission.h"

static bool later(struct session *session, struct enhanced_status status, struct view why)
{
	const struct verdict verdict = verdict_later(451, status, why);
	session_refused(session, VIEW_NONE, verdict);
	session_reply_verdict(session, verdict);
	return false;
}

static bool refused_by_vault(struct session *session, enum sign_result result)
{
	switch (result) {
	case SIGN_OK:
		return true;
	case SIGN_NO_LOGIN:
		session_reply(session, 421, STATUS(4, 3, 0), VIEW("the login is no longer known; connect again"));
		session->ends = true;
		return false;
	case SIGN_TOO_MANY:
		return later(session, STATUS(4, 7, 1), VIEW("this user account sends faster than it may; try again soon"));
	case SIGN_NO_GRANT:
	case SIGN_NO_KEY:
		/* What let the message come this far does not hold any more. */
		memory_peer_forget(session->submission->resolver);
		break;
	case SIGN_FAILED:
		break;
	}
	return later(session, STATUS(4, 3, 0), VIEW("the message could not be sealed; try again soon"));
}

/* One field for each key that DNS shows as ours. The vault signs all digests in one question. */
static bool begin_seals(const struct verdict_answer *verdict, const struct dkim_seal_request *pattern,
                        struct text *fields, struct sign_request *request)
{
	for (size_t i = 0; i < verdict->seal_count; i++) {
		struct dkim_seal_request seal = *pattern;
		seal.selector = verdict->seals[i].selector;
		seal.algorithm = verdict->seals[i].algorithm;
		fields[i] = (struct text)TEXT_LIMIT(16384);
		request->seals[i].selector = seal.selector;
		request->seal_count = i + 1;
		if (!dkim_seal_begin(&seal, &fields[i], request->seals[i].digest))
			return false;
	}
	return true;
}

static bool sign(struct session *session, const struct sign_request *request, struct sign_answer *answer)
{
	struct submission *submission = session->submission;
	const enum asked asked = vault_sign(submission->vault, request, answer, &session->transaction->arena,
	                                    world_now(submission->world) + 30 * SECOND);
	if (asked != ASKED_OK)
		return later(session, STATUS(4, 3, 0), VIEW("the message could not be sealed; try again soon"));
	return refused_by_vault(session, answer->result);
}

bool session_seal(struct session *session, const struct verdict_answer *verdict, struct view header,
                  const uint8_t body_hash[SHA256_SIZE], struct view domain, struct text *seals)
{
	struct text fields[SEALS_MOST] = { { 0 } };
	struct sign_request request = { .login = session->login, .domain = domain };
	struct sign_answer answer = { 0 };
	const struct dkim_seal_request pattern = {
		.header = header,
		.domain = domain,
		.body_hash = body_hash,
		.timestamp = world_wall(session->submission->world) / SECOND,
	};
	if (verdict->seal_count == 0)
		return true;
	bool good = begin_seals(verdict, &pattern, fields, &request) ||
	            later(session, STATUS(4, 3, 0), VIEW("the header has too many fields to be sealed"));
	good = good && sign(session, &request, &answer);
	for (size_t i = 0; i < request.seal_count; i++) {
		if (good && i < answer.signature_count) {
			dkim_seal_end(&fields[i], answer.signatures[i]);
			text_add(seals, text_view(&fields[i]));
		}
		text_deinit(&fields[i]);
	}
	return good;
}

/* ---- the check before 250 */

static void look_up_published(void *context, struct view name, struct arena *arena, struct txt_answer *answer)
{
	const struct verdict_answer *verdict = context;
	*answer = (struct txt_answer){ .status = TXT_NONE, .texts = ARENA_ARRAY(arena, struct view, SEALS_MOST) };
	for (size_t i = 0; i < verdict->seal_count; i++) {
		const struct view selector = verdict->seals[i].selector;
		if (!view_starts(name, selector) || !view_starts(view_from(name, selector.length), VIEW("._domainkey.")))
			continue;
		answer->status = TXT_FOUND;
		answer->texts[answer->count++] = verdict->seals[i].record;
	}
}

/* Ours stand on top, one for each key. The bodies' hash is taken from the sealing: it is of the same bytes, in the
 * same form; the rest is worked out anew from the message, as a receiver does. */
bool session_check_seals(struct session *session, const struct verdict_answer *verdict, struct view message,
                         const uint8_t body_hash[SHA256_SIZE])
{
	struct submission *submission = session->submission;
	struct arena *arena = &session->transaction->arena;
	struct verdict_answer published = *verdict;
	const struct txt_lookup lookup = { .context = &published, .txt = look_up_published };
	const struct dkim_verify_request request = {
		.message = message,
		.seconds = world_wall(submission->world) / SECOND,
		.body_hash = body_hash,
		.keys = submission->keys,
	};
	struct dkim_verdict *verdicts;
	if (verdict->seal_count == 0)
		return true;
	const size_t count = dkim_verify(&lookup, &request, arena, &verdicts);
	for (size_t i = 0; i < verdict->seal_count; i++) {
		if (i < count && verdicts[i].result == DKIM_PASS)
			continue;
		const struct log_field fields[] = {
			LOG_TEXT_FIELD("account", text_view(&session->account)),
			LOG_TEXT_FIELD("selector", verdict->seals[i].selector),
			LOG_TEXT_FIELD("reason", i < count ? verdicts[i].reason : VIEW("there is no seal")),
		};
		log_line(submission->log, LOG_ERROR, VIEW("a seal of ours does not hold"), fields, 3);
		memory_peer_forget(submission->resolver);
		return later(session, STATUS(4, 3, 0), VIEW("the seal does not hold with the key in DNS; try again soon"));
	}
	return true;
}

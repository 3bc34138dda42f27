#include "smtp/class.h"

static struct enhanced_status status_of(const struct smtp_reply *reply, uint8_t class)
{
	if (reply->status.class == class)
		return reply->status;
	return (struct enhanced_status){ class, 0, 0 }; /* RFC 3463 3.1: other undefined status */
}

struct verdict reply_classify(enum stage stage, const struct smtp_reply *reply, struct arena *arena)
{
	const struct view why = arena_copy(arena, text_view(&reply->text));
	const uint16_t code = reply->code;
	if (code >= 200 && code < 300)
		return (struct verdict){ .outcome = OUTCOME_OK, .code = code, .status = status_of(reply, 2), .why = why };
	/* RFC 5321 4.5.3.1.10: 552 to RCPT means "too many recipients" with old servers: those are tried again. */
	const bool permanent = code >= 500 && !(stage == STAGE_RCPT && code == 552) && stage != STAGE_CONNECT;
	if (permanent)
		return verdict_never(code, status_of(reply, 5), why);
	struct verdict later = verdict_later(0, status_of(reply, 4), why);
	later.code = code; /* as it was said, also where it is 5xx */
	return later;
}

struct view bounce_class(struct enhanced_status status)
{
	/* RFC 3463 3.2 to 3.8; subject, detail (99: any), word. */
	static const struct {
		uint16_t subject, detail;
		struct view word;
	} rows[] = {
		{ 1, 1, VIEW_INIT("bad-mailbox") },
		{ 1, 2, VIEW_INIT("bad-domain") },
		{ 1, 6, VIEW_INIT("moved") },
		{ 1, 10, VIEW_INIT("null-mx") },
		{ 1, 99, VIEW_INIT("bad-address") },
		{ 2, 1, VIEW_INIT("inactive-mailbox") },
		{ 2, 2, VIEW_INIT("full") },
		{ 2, 3, VIEW_INIT("too-large") },
		{ 2, 99, VIEW_INIT("mailbox") },
		{ 3, 4, VIEW_INIT("too-large") },
		{ 3, 99, VIEW_INIT("system") },
		{ 4, 6, VIEW_INIT("loop") },
		{ 4, 99, VIEW_INIT("network") },
		{ 5, 99, VIEW_INIT("protocol") },
		{ 6, 99, VIEW_INIT("content") },
		{ 7, 20, VIEW_INIT("authentication") },
		{ 7, 23, VIEW_INIT("authentication") },
		{ 7, 26, VIEW_INIT("authentication") },
		{ 7, 99, VIEW_INIT("policy") },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].subject == status.subject && (rows[i].detail == 99 || rows[i].detail == status.detail))
			return rows[i].word;
	return VIEW("other");
}

bool reply_rests_site(const struct smtp_reply *reply)
{
	return reply->code == 421 ||
	       (reply->code >= 400 && reply->code < 500 && reply->status.class == 4 && reply->status.subject == 7);
}

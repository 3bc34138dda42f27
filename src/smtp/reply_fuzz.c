#include "smtp/reply.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void writes_well(const struct smtp_reply *reply)
{
	struct text out = TEXT_LIMIT(REPLY_LINES_MOST * REPLY_LINE_MOST);
	struct smtp_reply again;
	struct view line;
	smtp_reply_init(&again);
	smtp_reply_write(&out, reply->code, reply->status, text_view(&reply->text));
	must(!out.overflow && view_ends(text_view(&out), VIEW("\r\n")));
	struct view rest = view_first(text_view(&out), out.length - 1);
	enum reply_result result = REPLY_MORE;
	while (view_split(&rest, '\n', &line)) {
		must(result == REPLY_MORE && line.length + 1 <= REPLY_LINE_MOST);
		result = smtp_reply_add(&again, view_first(line, line.length - 1));
	}
	must(result == REPLY_DONE && again.code == reply->code);
	must(again.status.class == reply->status.class || reply->status.class == 0);
	smtp_reply_deinit(&again);
	text_deinit(&out);
}

/* What reads as a reply can be written, and that reads back with the same code; memory is bounded. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view rest = view_bytes(data, size);
	struct view line;
	struct smtp_reply reply;
	smtp_reply_init(&reply);
	enum reply_result result = REPLY_MORE;
	while (result == REPLY_MORE && view_split(&rest, '\n', &line))
		result = smtp_reply_add(&reply, line);
	must(reply.text.length <= REPLY_TEXT_MOST && reply.line_count <= REPLY_LINES_MOST + 1);
	must(reply.status.class == 0 || reply.status.class == reply.code / 100);
	if (result == REPLY_DONE) {
		must(reply.code >= 200 && reply.code < 600);
		writes_well(&reply);
	}
	smtp_reply_deinit(&reply);
	return 0;
}

#include "mail/message.h"

#include "base/arena.h"
#include "base/must.h"
#include "base/text.h"
#include "mail/dsn.h"
#include "mail/header.h"
#include "mail/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct message_rules rules = { .utf8 = true };
static const struct message_additions additions = {
	.received = VIEW_INIT("Received: x\r\n"),
	.date = VIEW_INIT("now"),
	.message_id = VIEW_INIT("<1@a>"),
	.authserv_id = VIEW_INIT("mx.example"),
};

/* A message that was taken is taken again as prepared, with nothing private left in it; a second time adds only
 * Received. */
static void prepare_twice(const struct message_facts *facts, struct arena *arena)
{
	struct message_parts parts;
	struct message_facts again;
	struct text whole = TEXT_LIMIT((size_t)4 * 1024 * 1024);
	message_prepare(facts, &additions, arena, &parts);
	for (size_t i = 0; i < parts.count; i++) {
		text_add(&whole, parts.parts[i]);
	}
	must(!whole.overflow && whole.length == parts.size);
	const struct verdict verdict = message_check(text_view(&whole), &rules, arena, &again);
	if (verdict_is_ok(verdict)) { /* else one more hop or field was too many */
		must(again.private_name_count == 0 && again.has_date && again.has_message_id);
		must(view_equal(again.body, facts->body));
		must(domain_equal(&again.from_domain, &facts->from_domain));
		message_prepare(&again, &additions, arena, &parts);
		must(parts.size == whole.length + additions.received.length);
	}
	text_deinit(&whole);
}

/* A notice about it is 7-bit in lines that end in CRLF, whatever it says. */
static void notify(struct view message, const struct message_facts *facts)
{
	const struct dsn_recipient recipient = {
		.address = view_first(message, 300),
		.original = view_first(facts->body, 300),
		.verdict = { .code = 550, .why = facts->body },
		.remote = view_first(facts->body, 300),
	};
	const struct dsn dsn = {
		.hostname = VIEW("mx.example"),
		.service_domain = VIEW("example"),
		.to = view_first(message, 300),
		.message_id = VIEW("<2@a>"),
		.boundary = VIEW("0123456789"),
		.header = message,
		.recipients = &recipient,
		.recipient_count = 1,
	};
	struct text text = TEXT_LIMIT(DSN_SIZE_MOST);
	dsn_compose(&dsn, &text);
	must(!text.overflow && mime_is_7bit(text_view(&text)));
	struct view rest = text_view(&text);
	struct view line = VIEW_NONE;
	while (rest.length > 0 && view_split(&rest, '\n', &line)) {
		must(line.length <= 999 && view_find_byte(line, '\r') == line.length - 1);
	}
	text_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view message = view_bytes(data, size);
	struct arena arena = { 0 };
	struct message_facts facts;
	struct header_field type;
	struct view boundary = VIEW_NONE;
	const struct verdict verdict = message_check(message, &rules, &arena, &facts);
	must(verdict_is_ok(verdict) || verdict.why.length > 0);
	if (verdict_is_ok(verdict)) {
		prepare_twice(&facts, &arena);
	}
	if (header_count(facts.header, VIEW("Content-Type"), &type) > 0 && mime_boundary(type.body, &arena, &boundary)) {
		must(boundary.length >= 1 && boundary.length <= 70);
		mime_boundary_is_free(boundary, facts.body);
	}
	notify(message, &facts);
	arena_deinit(&arena);
	return 0;
}

#include "mail/dsn.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/text.h"
#include "mail/mime.h"

/* Mon, 23 Nov 2026 10:43:13 +0000 */
#define ARRIVAL (INT64_C(1795430593) * SECOND)

static char long_text[1500];

static const struct dsn usual = {
	.hostname = VIEW_INIT("smtp.elastx.email"),
	.service_domain = VIEW_INIT("elastx.email"),
	.to = VIEW_INIT("bob@example.com"),
	.queue_id = VIEW_INIT("0QJ4Z8K7M2"),
	.arrival = ARRIVAL,
	.date = ARRIVAL + 4 * HOUR,
	.message_id = VIEW_INIT("<0QJ5000000@smtp.elastx.email>"),
	.boundary = VIEW_INIT("b0u9n8d7a6r5y4"),
	.header = VIEW_INIT("From: bob@example.com\r\nTo: carol@example.net\r\nMessage-ID: <1@example.com>\r\n"
	                    "Subject: Minutes of\r\n\tMonday\r\n"),
};

#define STATUS(class_, subject_, detail_)                                                                            \
	{                                                                                                                \
		.class = (class_), .subject = (subject_), .detail = (detail_)                                                \
	}

static void compose_failure(struct dsn *dsn)
{
	static const struct dsn_recipient recipients[] = {
		{ .address = VIEW_INIT("carol@example.net"),
		  .original = VIEW_INIT("rfc822;Carol@Example.net"),
		  .action = DSN_FAILED,
		  .verdict = { .outcome = OUTCOME_NEVER,
		               .code = 550,
		               .status = STATUS(5, 1, 1),
		               .why = VIEW_INIT("550-5.1.1 The email account that you tried to reach does not exist.\n"
		                                "550 5.1.1 See https://support.example.net/?p=NoSuchUser") },
		  .remote = VIEW_INIT("mx1.example.net [192.0.2.25]:25"),
		  .last_attempt = ARRIVAL + 2 * SECOND },
		{ .address = VIEW_INIT("dave@slow.example"),
		  .action = DSN_FAILED,
		  .verdict = { .outcome = OUTCOME_LATER,
		               .status = STATUS(4, 4, 7),
		               .why = VIEW_INIT("The message has been tried for 5 days. Last: connection timed out.") } },
		{ .address = VIEW_INIT("j\xc3\xb6rg+x@b\xc3\xbc"
		                       "cher.example"),
		  .action = DSN_FAILED,
		  .verdict = { .outcome = OUTCOME_NEVER,
		               .code = 554,
		               .status = STATUS(5, 7, 1),
		               .why = VIEW_INIT("refused") },
		  .remote = VIEW_INIT("mx.xn--bcher-kva.example [2001:db8::25]:25"),
		  .last_attempt = ARRIVAL + 3 * SECOND },
	};
	dsn->kind = DSN_FAILURE;
	dsn->envelope_id = VIEW("QQ314159");
	dsn->recipients = recipients;
	dsn->recipient_count = 3;
}

static void compose_delay(struct dsn *dsn)
{
	static const struct dsn_recipient recipient = {
		.address = VIEW_INIT("carol@example.net"),
		.action = DSN_DELAYED,
		.verdict = { .outcome = OUTCOME_LATER,
		             .code = 450,
		             .status = STATUS(4, 2, 0),
		             .why = VIEW_INIT("4.2.0 Greylisted, try again in 300 seconds") },
		.remote = VIEW_INIT("mx1.example.net [192.0.2.25]:25"),
		.last_attempt = ARRIVAL + 3 * HOUR,
		.will_retry_until = ARRIVAL + 5 * DAY,
	};
	dsn->kind = DSN_DELAY;
	dsn->recipients = &recipient;
	dsn->recipient_count = 1;
}

static void compose_success(struct dsn *dsn)
{
	static const struct dsn_recipient recipients[] = {
		{ .address = VIEW_INIT("carol@example.net"),
		  .action = DSN_DELIVERED,
		  .verdict = { .outcome = OUTCOME_OK, .code = 250, .status = STATUS(2, 0, 0), .why = VIEW_INIT("2.0.0 OK") },
		  .remote = VIEW_INIT("mx1.example.net [192.0.2.25]:25"),
		  .last_attempt = ARRIVAL + 2 * SECOND },
		{ .address = VIEW_INIT("dave@example.net"), .action = DSN_RELAYED },
	};
	dsn->kind = DSN_SUCCESS;
	dsn->recipients = recipients;
	dsn->recipient_count = 2;
}

/* What strangers said tries to break out of its place. */
static void compose_hostile(struct dsn *dsn)
{
	static const struct dsn_recipient recipients[] = {
		{ .address = VIEW_INIT("\"a\\\"b c\"@example.net"),
		  .original = VIEW_INIT("rfc822;x\r\nAction: delivered"),
		  .action = DSN_FAILED,
		  .verdict = { .outcome = OUTCOME_NEVER,
		               .code = 550,
		               .status = STATUS(5, 6, 0),
		               .why =
		                   VIEW_INIT("\n\n550 no\r\n\r\nAction: delivered\n--b0u9n8d7a6r5y4--\n\x1b[2J\xff\xfe\n   "
		                             "\n\t\nend") },
		  .remote = VIEW_INIT("evil)(.example\r\nX: y [192.0.2.66]:25") },
	};
	dsn->kind = DSN_FAILURE;
	dsn->envelope_id = VIEW("a\r\nb");
	dsn->to = VIEW("j\xc3\xb6rg@example.com");
	dsn->header = VIEW("Subject: \xe5\xe4\xf6 = \xff\r\nMessage-ID: <a\x01@b>\r\nX-Trailing: blank \r\n\r\nbody is "
	                   "not returned\r\n");
	dsn->recipients = recipients;
	dsn->recipient_count = 1;
}

static const struct golden_case {
	const char *name;
	void (*fill)(struct dsn *dsn);
} golden_cases[] = {
	{ "failure", compose_failure },
	{ "delay", compose_delay },
	{ "success", compose_success },
	{ "hostile", compose_hostile },
};

static void assert_shape(const char *name, struct view notice)
{
	struct view rest = notice;
	struct view line = VIEW_NONE;
	if (!mime_is_7bit(notice) || !view_ends(notice, VIEW("\r\n"))) {
		fail_msg("%s: not 7-bit, or the last line has no CRLF", name);
	}
	rest.length--;
	while (view_split(&rest, '\n', &line)) {
		if (line.length == 0 || line.length > 999 || view_find_byte(line, '\r') != line.length - 1) {
			fail_msg("%s: line: %.*s", name, VIEW_PRINT(line));
		}
	}
}

/* With SEALPOST_GOLDEN=write in the environment the files are made anew; look at the difference before keeping it. */
static void golden_notices(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(golden_cases) / sizeof(golden_cases[0]); i++) {
		struct text composed = TEXT_LIMIT(DSN_SIZE_MOST);
		struct text golden = TEXT_LIMIT(DSN_SIZE_MOST);
		struct text path = TEXT_LIMIT(4096);
		struct dsn dsn = usual;
		golden_cases[i].fill(&dsn);
		dsn_compose(&dsn, &composed);
		assert_shape(golden_cases[i].name, text_view(&composed));

		text_print(&path, "%s/%s.eml", GOLDEN_FOLDER, golden_cases[i].name);
		const char *wish = getenv("SEALPOST_GOLDEN");
		const bool write = wish != NULL && view_equal(view_of(wish), VIEW("write"));
		FILE *file = fopen(text_cstring(&path), write ? "w" : "r");
		if (file == NULL) {
			fail_msg("%s: %s", text_cstring(&path), strerror(errno));
		}
		if (write) {
			assert_int_equal(fwrite(composed.data, 1, composed.length, file), composed.length);
		} else {
			char *room = text_room(&golden, DSN_SIZE_MOST / 2);
			text_extend(&golden, fread(room, 1, DSN_SIZE_MOST / 2, file));
			if (!view_equal(text_view(&composed), text_view(&golden))) {
				fail_msg("%s: differs from %s:\n%s", golden_cases[i].name, text_cstring(&path),
				         text_cstring(&composed));
			}
		}
		fclose(file);
		text_deinit(&path);
		text_deinit(&golden);
		text_deinit(&composed);
	}
}

static void largest_notice_fits(void **state)
{
	(void)state;
	static char bytes[32 * 1024];
	struct dsn_recipient *recipients = calloc(DSN_RECIPIENTS_MOST + 1, sizeof(*recipients));
	struct text text = TEXT_LIMIT(DSN_SIZE_MOST);
	struct dsn dsn = usual;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = i % 2 == 0 ? '\xc3' : '\xa9';
	}
	for (size_t i = 0; i <= DSN_RECIPIENTS_MOST; i++) {
		recipients[i] = (struct dsn_recipient){
			.address = view_bytes(bytes, 2048),
			.original = VIEW("rfc822;x"),
			.verdict = { .code = 550,
			             .why = view_bytes("x\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\n", 36) },
			.remote = view_bytes(bytes, sizeof(bytes)),
			.last_attempt = ARRIVAL,
		};
	}
	dsn.header = view_bytes(bytes, sizeof(bytes));
	dsn.recipients = recipients;
	dsn.recipient_count = DSN_RECIPIENTS_MOST + 1;
	dsn_compose(&dsn, &text);
	assert_false(text.overflow);
	assert_shape("largest", text_view(&text));
	assert_true(view_find(text_view(&text), VIEW("And 1 more recipients.")) != VIEW_NOT_FOUND);
	text_deinit(&text);
	free(recipients);
}

static const struct field_case {
	const char *name;
	struct dsn_recipient recipient;
	const char *there, *absent; /* of these, one is there and one is not */
} field_cases[] = {
	{ "text without code",
	  { .verdict = { .code = 550, .status = STATUS(5, 1, 1), .why = VIEW_INIT("no such user") } },
	  "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n",
	  "x-sealpost" },
	{ "text with its code",
	  { .verdict = { .code = 550, .status = STATUS(5, 1, 1), .why = VIEW_INIT("550 no") } },
	  "Diagnostic-Code: smtp; 550 no\r\n",
	  "550 5.1.1" },
	{ "text with its status",
	  { .verdict = { .code = 550, .status = STATUS(5, 0, 0), .why = VIEW_INIT("5.1.10 no") } },
	  "Diagnostic-Code: smtp; 550 5.1.10 no\r\n",
	  "550 5.0.0" },
	{ "address at the front is no status",
	  { .verdict = { .code = 550, .status = STATUS(5, 7, 1), .why = VIEW_INIT("192.0.2.1 is listed") } },
	  "550 5.7.1 192.0.2.1 is listed\r\n",
	  "550 192" },
	{ "words are no status",
	  { .verdict = { .code = 550, .status = STATUS(5, 7, 1), .why = VIEW_INIT("a.b.c no") } },
	  "550 5.7.1 a.b.c no\r\n",
	  "550 a" },
	{ "large number is no status",
	  { .verdict = { .code = 550, .status = STATUS(5, 7, 1), .why = VIEW_INIT("1.2.3456 no") } },
	  "550 5.7.1 1.2.3456 no\r\n",
	  "550 1.2" },
	{ "code without status", { .verdict = { .code = 550, .why = VIEW_INIT("no") } }, "smtp; 550 no\r\n", "550 0" },
	{ "status from the action", { .action = DSN_FAILED }, "Status: 5.0.0\r\n", "Diagnostic-Code" },
	{ "long text is cut",
	  { .verdict = { .code = 550, .why = { long_text, sizeof(long_text) } } },
	  "...\r\n",
	  "......" },
	{ "retry time of a delay",
	  { .action = DSN_DELAYED, .will_retry_until = ARRIVAL },
	  "Will-Retry-Until: Mon",
	  "Last-A" },
	{ "no retry time", { .action = DSN_DELAYED }, "Action: delayed", "Will-Retry-Until" },
	{ "no retry time of a failure",
	  { .action = DSN_FAILED, .will_retry_until = ARRIVAL },
	  "Action: failed",
	  "Will-Retry-Until" },
	{ "original without a type", { .original = VIEW_INIT("bob") }, "Action: failed", "Original-Recipient" },
	{ "original with a broken type", { .original = VIEW_INIT("a\nb;bob") }, "Action: failed", "Original-Recipient" },
	{ "original", { .original = VIEW_INIT("x400;/c=us/") }, "Original-Recipient: x400; /c=us/\r\n", "x400;/" },
	{ "remote by address only", { .remote = VIEW_INIT("[192.0.2.1]:25") }, "Action: failed", "Remote-MTA" },
	{ "remote by name only",
	  { .remote = VIEW_INIT("mx.example") },
	  "Remote-MTA: dns; mx.example\r\n",
	  "mx.example (" },
	{ "address with a line feed", { .address = VIEW_INIT("a\nX: y@b") }, "rfc822; a?X: y@b\r\n", "\nX: y" },
};

static void fields_say_what_happened(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(long_text); i++) {
		long_text[i] = i % 10 == 9 ? ' ' : 'x';
	}
	for (size_t i = 0; i < sizeof(field_cases) / sizeof(field_cases[0]); i++) {
		struct text text = TEXT_LIMIT(DSN_SIZE_MOST);
		struct dsn dsn = usual;
		dsn.kind = DSN_DELAY;
		dsn.recipients = &field_cases[i].recipient;
		dsn.recipient_count = 1;
		dsn_compose(&dsn, &text);
		assert_shape(field_cases[i].name, text_view(&text));
		if (view_find(text_view(&text), view_of(field_cases[i].there)) == VIEW_NOT_FOUND ||
		    view_find(text_view(&text), view_of(field_cases[i].absent)) != VIEW_NOT_FOUND) {
			fail_msg("%s:\n%s", field_cases[i].name, text_cstring(&text));
		}
		text_deinit(&text);
	}
}

static const struct header_case {
	const char *name, *header, *returned; /* the last part, from its blank line on */
} header_cases[] = {
	{ "as it is", "A: b\r\nC: d\r\n", "\r\n\r\nA: b\r\nC: d\r\n\r\n--" },
	{ "without the body", "A: b\r\n\r\nbody\r\n", "\r\n\r\nA: b\r\n\r\n--" },
	{ "cut in a line", "A: b\r\nC: d", "\r\n\r\nA: b\r\n\r\n--" },
	{ "nothing", "", "rfc822-headers\r\n\r\n\r\n--" },
	{ "8-bit", "A: \xc3\xa9=\r\n", "quoted-printable\r\n\r\nA: =C3=A9=3D\r\n\r\n--" },
	{ "blank at the end of a line", "A: \xc3 \r\n", "quoted-printable\r\n\r\nA: =C3=20\r\n\r\n--" },
	{ "bare CR and LF", "A: a\rb\nc\r\n", "quoted-printable\r\n\r\nA: a=0Db=0Ac\r\n\r\n--" },
};

static void headers_are_returned(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(header_cases) / sizeof(header_cases[0]); i++) {
		struct text text = TEXT_LIMIT(DSN_SIZE_MOST);
		struct dsn dsn = usual;
		compose_delay(&dsn);
		dsn.header = view_of(header_cases[i].header);
		dsn_compose(&dsn, &text);
		assert_shape(header_cases[i].name, text_view(&text));
		if (view_find(text_view(&text), view_of(header_cases[i].returned)) == VIEW_NOT_FOUND) {
			fail_msg("%s:\n%s", header_cases[i].name, text_cstring(&text));
		}
		text_deinit(&text);
	}
}

static void long_lines_are_encoded(void **state)
{
	(void)state;
	static char header[1100] = "Subject: ";
	struct text text = TEXT_LIMIT(DSN_SIZE_MOST);
	struct dsn dsn = usual;
	compose_delay(&dsn);
	for (size_t i = 9; i < sizeof(header) - 2; i++) {
		header[i] = 'x';
	}
	header[sizeof(header) - 2] = '\r';
	header[sizeof(header) - 1] = '\n';
	dsn.header = view_bytes(header, sizeof(header));
	dsn_compose(&dsn, &text);
	assert_shape("long line", text_view(&text));
	assert_true(view_find(text_view(&text), VIEW("quoted-printable")) != VIEW_NOT_FOUND);
	text_deinit(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_notices),           cmocka_unit_test(largest_notice_fits),
		cmocka_unit_test(fields_say_what_happened), cmocka_unit_test(headers_are_returned),
		cmocka_unit_test(long_lines_are_encoded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "mail/dsn_read.h"

#include "base/testing.h"
#include "base/text.h"
#include "mail/dsn.h"

#define HEAD(type) "From: MAILER-DAEMON@mx.test\r\nContent-Type: " type "\r\n\r\n"
#define REPORT     "multipart/report; report-type=delivery-status; boundary=\"b\""
#define STATUS(fields)                                                                                               \
	"prologue\r\n--b\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n" fields "\r\n--b--\r\n"
#define GROUP "Reporting-MTA: dns; mx.test\r\nArrival-Date: today\r\n\r\n"

static const struct row {
	const char *name;
	struct view message;
	const char *why; /* NULL: it is read */
	size_t count;
	const char *recipient, *action, *diagnostic;
	struct enhanced_status status;
} rows[] = {
	{ "one recipient",
	  VIEW_INIT(HEAD(REPORT)
	                STATUS(GROUP "Final-Recipient: rfc822; a@b.test\r\nAction: Failed\r\nStatus: 5.1.1 (no)\r\n"
	                             "Diagnostic-Code: smtp; 550\r\n 5.1.1 no\r\n")),
	  NULL,
	  1,
	  "a@b.test",
	  "failed",
	  "550 5.1.1 no",
	  { 5, 1, 1 } },
	{ "two recipients",
	  VIEW_INIT(HEAD(REPORT)
	                STATUS(GROUP "Final-Recipient: rfc822;a@b.test\r\nAction: failed\r\nStatus: 5.2.2\r\n\r\n"
	                             "Final-Recipient: rfc822;c@d.test\r\nAction: delayed\r\n")),
	  NULL,
	  2,
	  "a@b.test",
	  "failed",
	  "",
	  { 5, 2, 2 } },
	{ "a status that is none",
	  VIEW_INIT(HEAD(REPORT) STATUS(GROUP "Final-Recipient: a@b.test\r\nAction: failed\r\nStatus: 9.1.1\r\n")),
	  NULL,
	  1,
	  "a@b.test",
	  "failed",
	  "",
	  { 0, 0, 0 } },
	{ "a type in UTF-8",
	  VIEW_INIT(HEAD(REPORT) "--b\r\nContent-Type: message/global-delivery-status\r\n\r\n" GROUP
	                         "Final-Recipient: utf-8; a@b.test\r\nAction: failed\r\n\r\n--b--\r\n"),
	  NULL,
	  1,
	  "a@b.test",
	  "failed",
	  "",
	  { 0, 0, 0 } },
	{ "comments in the type",
	  VIEW_INIT("Content-Type: (x) multipart/report ; (y) boundary=b\r\n\r\n" STATUS(
		  GROUP "Final-Recipient: rfc822; a@b.test\r\nAction: failed\r\n")),
	  NULL,
	  1,
	  "a@b.test",
	  "failed",
	  "",
	  { 0, 0, 0 } },
	{ "no multipart",
	  VIEW_INIT(HEAD("text/plain") "no such user\r\n"),
	  "it is no multipart/report (RFC 6522)",
	  0,
	  "",
	  "",
	  "",
	  { 0, 0, 0 } },
	{ "another multipart",
	  VIEW_INIT(HEAD("multipart/mixed; boundary=b") STATUS(GROUP)),
	  "it is no multipart/report (RFC 6522)",
	  0,
	  "",
	  "",
	  "",
	  { 0, 0, 0 } },
	{ "a report of another kind",
	  VIEW_INIT(HEAD("multipart/report; boundary=b") "--b\r\n\r\nread\r\n--b\r\nContent-Type: "
	                                                 "message/disposition-notification\r\n\r\n\r\n--b--\r\n"),
	  "it has no part of the type message/delivery-status (RFC 3464)",
	  0,
	  "",
	  "",
	  "",
	  { 0, 0, 0 } },
	{ "cut off", VIEW_INIT(HEAD(REPORT) "--x\r\n"), "its parts are cut off", 0, "", "", "", { 0, 0, 0 } },
	{ "nobody", VIEW_INIT(HEAD(REPORT) STATUS(GROUP)), "it names no recipient", 0, "", "", "", { 0, 0, 0 } },
	{ "nothing", VIEW_INIT(""), "it is no multipart/report (RFC 6522)", 0, "", "", "", { 0, 0, 0 } },
};

static void test_notices(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(rows); i++) {
		const struct row *row = &rows[i];
		struct arena arena = { 0 };
		struct dsn_report report;
		struct view why;
		const bool good = dsn_read(row->message, &arena, &report, &why);
		expect_number(row->name, good, row->why == NULL);
		if (!good)
			expect_view(row->name, why, view_of(row->why));
		expect_number(row->name, (int64_t)report.recipient_count, (int64_t)row->count);
		if (row->count > 0) {
			const struct dsn_said *said = &report.recipients[0];
			expect_view(row->name, report.reporter, VIEW("mx.test"));
			expect_view(row->name, said->recipient, view_of(row->recipient));
			expect_view(row->name, said->action, view_of(row->action));
			expect_view(row->name, said->diagnostic, view_of(row->diagnostic));
			expect_number(row->name, said->status.class, row->status.class);
			expect_number(row->name, said->status.detail, row->status.detail);
		}
		arena_deinit(&arena);
	}
}

/* Our own notices are read as they were meant. */
static void test_our_own(void **state)
{
	(void)state;
	static const struct dsn_recipient recipients[] = {
		{ .address = VIEW_INIT("carol@example.net"),
		  .action = DSN_FAILED,
		  .verdict = { OUTCOME_NEVER, 550, { 5, 1, 1 }, VIEW_INIT("no such user\nreally") },
		  .remote = VIEW_INIT("mx1.example.net [192.0.2.1]:25") },
		{ .address = VIEW_INIT("dave@example.net"),
		  .action = DSN_DELAYED,
		  .verdict = { OUTCOME_LATER, 450, { 4, 2, 0 }, VIEW_INIT("greylisted") } },
	};
	const struct dsn dsn = {
		.kind = DSN_FAILURE,
		.hostname = VIEW("smtp.elastx.email"),
		.service_domain = VIEW("elastx.email"),
		.to = VIEW("bob@example.com"),
		.queue_id = VIEW("0qj5"),
		.message_id = VIEW("<n@elastx.email>"),
		.boundary = VIEW("b0u9n8d7"),
		.header = VIEW("From: bob@example.com\r\nMessage-ID: <1@example.com>\r\n"),
		.recipients = recipients,
		.recipient_count = 2,
	};
	struct text notice = TEXT_LIMIT(DSN_SIZE_MOST);
	struct arena arena = { 0 };
	struct dsn_report report;
	struct view why;
	dsn_compose(&dsn, &notice);
	assert_true(dsn_read(text_view(&notice), &arena, &report, &why));
	assert_int_equal(report.recipient_count, 2);
	expect_view("reporter", report.reporter, VIEW("smtp.elastx.email"));
	expect_view("about", report.message_id, VIEW("<1@example.com>"));
	expect_view("first", report.recipients[0].recipient, VIEW("carol@example.net"));
	expect_view("what", report.recipients[0].action, VIEW("failed"));
	expect_number("why", report.recipients[0].status.detail, 1);
	expect_view("second", report.recipients[1].action, VIEW("delayed"));
	assert_true(report.recipients[0].is_smtp);
	arena_deinit(&arena);
	text_deinit(&notice);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_notices), cmocka_unit_test(test_our_own) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "mail/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/text.h"

#define FROM "From: bob@example.com\r\n"
#define X100 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X990                                                                                                         \
	X100 X100 X100 X100 X100 X100 X100 X100 X100                                                                     \
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct check_case {
	const char *name;
	const char *message;
	struct message_rules rules;
	uint16_t code; /* 0: taken */
	uint16_t subject, detail;
	const char *why; /* a part of it */
} check_cases[] = {
	{ "plain", FROM "\r\nhello\r\n", { 0 }, 0, 0, 0, NULL },
	{ "no body", FROM "\r\n", { 0 }, 0, 0, 0, NULL },
	{ "no empty line", FROM, { 0 }, 0, 0, 0, NULL },
	{ "last line without CRLF", FROM "\r\nhello", { 0 }, 0, 0, 0, NULL },
	{ "line of 998", FROM "\r\n" X990 "12345678\r\n", { 0 }, 0, 0, 0, NULL },
	{ "last line of 998", FROM "\r\n" X990 "12345678", { 0 }, 0, 0, 0, NULL },
	{ "8-bit body", FROM "\r\n\xc3\xa9\r\n", { .utf8 = false }, 0, 0, 0, NULL },
	{ "8-bit header with leave", FROM "Subject: \xc3\xa9\r\n\r\n", { .utf8 = true }, 0, 0, 0, NULL },
	{ "two of one domain", "From: a@example.com, b@EXAMPLE.com\r\n\r\n", { 0 }, 0, 0, 0, NULL },
	{ "sender", FROM "Sender: c@example.org\r\n\r\n", { 0 }, 0, 0, 0, NULL },
	{ "two subjects", FROM "Subject: a\r\nSubject: b\r\n\r\n", { 0 }, 0, 0, 0, NULL },
	{ "empty", "", { 0 }, 550, 6, 0, "no From:" },
	{ "empty line only", "\r\nhello\r\n", { 0 }, 550, 6, 0, "no From:" },
	{ "no From", "Subject: a\r\n\r\n", { 0 }, 550, 6, 0, "no From:" },
	{ "From in the body", "Subject: a\r\n\r\n" FROM, { 0 }, 550, 6, 0, "no From:" },
	{ "Resent-From is not From", "Resent-From: bob@example.com\r\n\r\n", { 0 }, 550, 6, 0, "no From:" },
	{ "two Froms", FROM "Subject: a\r\nFROM: bob@example.com\r\n\r\n", { 0 }, 550, 6, 0, "more than one From:" },
	{ "several domains", "From: a@example.com, b@example.org\r\n\r\n", { 0 }, 550, 6, 0, "several domains" },
	{ "empty group", "From: Undisclosed:;\r\n\r\n", { 0 }, 550, 6, 0, "names no address" },
	{ "unreadable From", "From: a@example.com b@example.org\r\n\r\n", { 0 }, 550, 6, 0, "From: cannot be read" },
	{ "unreadable Sender", FROM "Sender: bob\r\n\r\n", { 0 }, 550, 6, 0, "Sender: cannot be read" },
	{ "two Senders",
	  FROM "Sender: c@example.org\r\nSender: c@example.org\r\n\r\n",
	  { 0 },
	  550,
	  6,
	  0,
	  "more than one Sender:" },
	{ "resent",
	  FROM "Resent-From: a@r.example, b@s.example\r\nResent-Sender: c@t.example\r\n\r\n",
	  { 0 },
	  0,
	  0,
	  0,
	  NULL },
	{ "resent twice", FROM "Resent-From: a@r.example\r\nResent-From: b@s.example\r\n\r\n", { 0 }, 0, 0, 0, NULL },
	{ "unreadable Resent-From",
	  FROM "Resent-From: <a@r.example> b@s.example\r\n\r\n",
	  { 0 },
	  550,
	  6,
	  0,
	  "Resent-From: cannot be read" },
	{ "nobody in Resent-From", FROM "Resent-From: Undisclosed:;\r\n\r\n", { 0 }, 550, 6, 0, "Resent-From: must" },
	{ "two in Resent-Sender",
	  FROM "Resent-Sender: c@t.example, d@t.example\r\n\r\n",
	  { 0 },
	  550,
	  6,
	  0,
	  "Resent-Sender: must name one" },
	{ "resent by too many",
	  FROM "Resent-From: a@a.example, a@b.example, a@c.example, a@d.example, a@e.example, a@f.example\r\n"
	       "Resent-From: a@f.example, a@g.example\r\n\r\n",
	  { 0 },
	  550,
	  6,
	  0,
	  "too many domains" },
	{ "two in Sender", FROM "Sender: c@example.org, d@example.org\r\n\r\n", { 0 }, 550, 6, 0, "one address" },
	{ "blank before From's colon", "From : bob@example.com\r\n\r\n", { 0 }, 550, 6, 0, "malformed at line 1" },
	{ "line without a colon", FROM "hello\r\n\r\n", { 0 }, 550, 6, 0, "malformed at line 2" },
	{ "blank first", " x\r\n" FROM "\r\n", { 0 }, 550, 6, 0, "malformed at line 1" },
	{ "header without CRLF at its end", "From: bob@example.com", { 0 }, 550, 6, 0, "malformed at line 1" },
	{ "bare LF in the header", "From: bob@example.com\n\r\n", { 0 }, 550, 6, 11, "Line 1" },
	{ "bare LF in the body", FROM "\r\na\nb\r\n", { 0 }, 550, 6, 11, "Line 3" },
	{ "LF first", "\n" FROM, { 0 }, 550, 6, 11, "Line 1" },
	{ "bare CR in the body", FROM "\r\na\rb\r\n", { 0 }, 550, 6, 11, "Line 3" },
	{ "CR CR LF", FROM "\r\na\r\r\n", { 0 }, 550, 6, 11, "Line 3" },
	{ "CR at the end", FROM "\r\na\r", { 0 }, 550, 6, 11, "Line 3" },
	{ "smuggled end", FROM "\r\na\n.\r\nMAIL FROM:<x@example.com>\r\n", { 0 }, 550, 6, 11, "Line 3" },
	{ "line of 999", FROM "\r\n" X990 "123456789\r\n", { 0 }, 550, 6, 0, "Line 3 is longer" },
	{ "last line of 999", FROM "\r\n" X990 "123456789", { 0 }, 550, 6, 0, "Line 3 is longer" },
	{ "header line of 999", FROM "Subject: " X990 "\r\n\r\n", { 0 }, 550, 6, 0, "Line 2 is longer" },
	{ "8-bit header", FROM "Subject: \xc3\xa9\r\n\r\n", { .utf8 = false }, 550, 6, 9, "SMTPUTF8" },
	{ "8-bit header that is not UTF-8", FROM "Subject: \xe9\r\n\r\n", { .utf8 = true }, 550, 6, 0, "not UTF-8" },
};

static void messages_are_taken_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(check_cases) / sizeof(check_cases[0]); i++) {
		const struct check_case *row = &check_cases[i];
		struct arena arena = { 0 };
		struct message_facts facts;
		const struct verdict verdict = message_check(view_of(row->message), &row->rules, &arena, &facts);
		if (verdict.code != row->code || verdict_is_ok(verdict) != (row->code == 0)) {
			fail_msg("%s: %u %.*s", row->name, verdict.code, VIEW_PRINT(verdict.why));
		}
		if (row->code != 0 &&
		    (verdict.status.class != 5 || verdict.status.subject != row->subject ||
		     verdict.status.detail != row->detail || view_find(verdict.why, view_of(row->why)) == VIEW_NOT_FOUND)) {
			fail_msg("%s: %u.%u.%u %.*s", row->name, verdict.status.class, verdict.status.subject,
			         verdict.status.detail, VIEW_PRINT(verdict.why));
		}
		arena_deinit(&arena);
	}
}

static struct verdict check_repeated(const char *first, const char *piece, size_t count)
{
	struct arena arena = { 0 };
	struct message_facts facts;
	struct text message = TEXT_LIMIT((size_t)16 * 1024 * 1024);
	text_add(&message, view_of(first));
	for (size_t i = 0; i < count; i++) {
		text_add(&message, view_of(piece));
	}
	text_add(&message, VIEW("\r\n"));
	assert_false(message.overflow);
	struct verdict verdict = message_check(text_view(&message), &(struct message_rules){ 0 }, &arena, &facts);
	verdict.why = VIEW_NONE;
	text_deinit(&message);
	arena_deinit(&arena);
	return verdict;
}

static void loops_and_floods_are_refused(void **state)
{
	(void)state;
	assert_true(verdict_is_ok(check_repeated(FROM, "Received: x\r\n", MESSAGE_HOPS_MOST)));
	const struct verdict loop = check_repeated(FROM, "received: x\r\n", MESSAGE_HOPS_MOST + 1);
	assert_int_equal(loop.code, 554);
	assert_int_equal(loop.status.subject, 4);
	assert_int_equal(loop.status.detail, 6);
	assert_true(verdict_is_ok(check_repeated(FROM, "X: x\r\n", MESSAGE_FIELDS_MOST - 1)));
	assert_int_equal(check_repeated(FROM, "X: x\r\n", MESSAGE_FIELDS_MOST).code, 550);
	assert_true(verdict_is_ok(check_repeated(FROM, "X: " X990 "\r\n", 1000)));
	assert_int_equal(check_repeated(FROM, "X: " X990 "\r\n", 1100).code, 550);
}

static void nasty_messages_take_linear_time(void **state)
{
	(void)state;
	static const char *const pieces[] = { "a: b\r\n", " \r\n", ":\r\n", "\r\n", "(\r\n ", "Bcc: x\r\n" };
	const clock_t start = clock();
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		check_repeated(FROM, pieces[i], 1000000);
		check_repeated("From: ", pieces[i], 1000000);
	}
	assert_true((clock() - start) / CLOCKS_PER_SEC < 10);
}

static void nul_is_refused(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	struct message_facts facts;
	const struct verdict verdict =
		message_check(VIEW(FROM "\r\na\0b\r\n"), &(struct message_rules){ 0 }, &arena, &facts);
	assert_int_equal(verdict.code, 550);
	assert_int_equal(verdict.status.detail, 11);
	arena_deinit(&arena);
}

static void facts_are_found(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	struct message_facts facts;
	const struct view message = VIEW("Received: a\r\nReceived: b\r\n"
	                                 "DKIM-Signature: v=1\r\n"
	                                 "Date: Mon, 23 Nov 2026 10:43:13 +0000\r\n"
	                                 "From: \"Bob\" <bob@Example.com>\r\n"
	                                 "Sender: carol@Example.org\r\n"
	                                 "Resent-From: a@example.net, b@EXAMPLE.org\r\n"
	                                 "message-id:\r\n <1@example.com> \r\n"
	                                 "Message-ID: <2@example.com>\r\n"
	                                 "MIME-Version: 1.0\r\n"
	                                 "Idempotency-Key: k-1\r\n"
	                                 "Idempotency-Key: k-2\r\n"
	                                 "bCC: dave@example.com\r\n"
	                                 "Return-Path: <x@example.com>\r\n"
	                                 "Resent-Bcc: y@example.com\r\n"
	                                 "\r\n\xc3\xa9\r\n");
	assert_true(verdict_is_ok(message_check(message, &(struct message_rules){ .utf8 = false }, &arena, &facts)));
	assert_int_equal(facts.hops, 2);
	assert_int_equal(facts.field_count, 15);
	assert_true(facts.has_date && facts.has_message_id && facts.has_mime_version && facts.has_dkim_signature);
	assert_true(facts.eight_bit_body && !facts.eight_bit_header);
	assert_string_equal(facts.from_domain.name, "example.com");
	assert_int_equal(facts.from.count, 1);
	assert_int_equal(facts.other_count, 2);
	assert_string_equal(facts.others[0].name, "example.org");
	assert_string_equal(facts.others[1].name, "example.net");
	assert_true(view_equal(facts.message_id, VIEW("<1@example.com>")));
	assert_true(view_equal(facts.idempotency_key, VIEW("k-1")));
	assert_int_equal(facts.private_name_count, 3);
	assert_true(view_equal(facts.private_names[0], VIEW("bCC")));
	assert_true(view_equal(facts.private_names[2], VIEW("Resent-Bcc")));
	assert_true(view_equal(facts.body, VIEW("\xc3\xa9\r\n")));
	arena_deinit(&arena);
}

/* ---- Received */

static const struct received_case {
	const char *name;
	struct received received;
	const char *field;
} received_cases[] = {
	{ "usual",
	  { .helo = VIEW_INIT("client.example"),
	    .address = VIEW_INIT("192.0.2.1"),
	    .tls = VIEW_INIT("TLSv1.3"),
	    .cipher = VIEW_INIT("TLS_AES_256_GCM_SHA384"),
	    .extended = true,
	    .authenticated = true },
	  "Received: from client.example ([192.0.2.1])\r\n"
	  "\tby smtp.elastx.email with ESMTPSA id 1234567890\r\n"
	  "\t(version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384);\r\n"
	  "\tMon, 23 Nov 2026 10:43:13 +0000\r\n" },
	{ "in clear",
	  { .helo = VIEW_INIT("[192.0.2.1]"),
	    .address = VIEW_INIT("2001:db8::1"),
	    .extended = true,
	    .authenticated = true },
	  "Received: from [192.0.2.1] ([IPv6:2001:db8::1])\r\n"
	  "\tby smtp.elastx.email with ESMTPA id 1234567890;\r\n"
	  "\tMon, 23 Nov 2026 10:43:13 +0000\r\n" },
	{ "UTF-8",
	  { .helo = VIEW_INIT("a"),
	    .address = VIEW_INIT("192.0.2.1"),
	    .tls = VIEW_INIT("TLSv1.2"),
	    .cipher = VIEW_INIT("X"),
	    .extended = true,
	    .authenticated = true,
	    .utf8 = true },
	  "Received: from a ([192.0.2.1])\r\n"
	  "\tby smtp.elastx.email with UTF8SMTPSA id 1234567890\r\n"
	  "\t(version=TLSv1.2 cipher=X);\r\n"
	  "\tMon, 23 Nov 2026 10:43:13 +0000\r\n" },
	{ "HELO",
	  { .helo = VIEW_INIT("a"), .address = VIEW_INIT("192.0.2.1") },
	  "Received: from a ([192.0.2.1])\r\n"
	  "\tby smtp.elastx.email with SMTP id 1234567890;\r\n"
	  "\tMon, 23 Nov 2026 10:43:13 +0000\r\n" },
	{ "nothing said",
	  { .address = VIEW_INIT("192.0.2.1"), .extended = true },
	  "Received: from unknown ([192.0.2.1])\r\n"
	  "\tby smtp.elastx.email with ESMTP id 1234567890;\r\n"
	  "\tMon, 23 Nov 2026 10:43:13 +0000\r\n" },
	{ "an evil name",
	  { .helo = VIEW_INIT("a(b;\r\nBcc: c \xc3\xa9"), .address = VIEW_INIT("192.0.2.1"), .extended = true },
	  "Received: from a?b???Bcc:?c??? ([192.0.2.1])\r\n"
	  "\tby smtp.elastx.email with ESMTP id 1234567890;\r\n"
	  "\tMon, 23 Nov 2026 10:43:13 +0000\r\n" },
};

static void received_fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(received_cases) / sizeof(received_cases[0]); i++) {
		struct arena arena = { 0 };
		struct received received = received_cases[i].received;
		received.hostname = VIEW("smtp.elastx.email");
		received.id = VIEW("1234567890");
		received.date = VIEW("Mon, 23 Nov 2026 10:43:13 +0000");
		const struct view field = message_received(&received, &arena);
		if (!view_equal(field, view_of(received_cases[i].field))) {
			fail_msg("%s:\n%.*s", received_cases[i].name, VIEW_PRINT(field));
		}
		arena_deinit(&arena);
	}
}

static void long_names_are_cut_and_folded(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	const struct received received = { .helo = VIEW(X990), .address = VIEW("192.0.2.1"), .hostname = VIEW(X100) };
	struct view rest = message_received(&received, &arena);
	struct view line = VIEW_NONE;
	while (view_split(&rest, '\n', &line)) {
		assert_true(line.length < 300);
	}
	arena_deinit(&arena);
}

/* ---- prepare */

static const struct prepare_case {
	const char *name, *message;
	bool presealed;
	const char *prepared; /* below Received: */
} prepare_cases[] = {
	{ "all there", "Date: x\r\nMessage-ID: <1@a>\r\n" FROM "\r\nhello\r\n", false,
	  "Date: x\r\nMessage-ID: <1@a>\r\n" FROM "\r\nhello\r\n" },
	{ "nothing there", FROM "\r\nhello\r\n", false, "Date: now\r\nMessage-ID: <new@ours>\r\n" FROM "\r\nhello\r\n" },
	{ "8-bit", "Date: x\r\nMessage-ID: <1@a>\r\n" FROM "\r\n\xc3\xa9\r\n", false,
	  "MIME-Version: 1.0\r\nDate: x\r\nMessage-ID: <1@a>\r\n" FROM "\r\n\xc3\xa9\r\n" },
	{ "8-bit with MIME-Version", "Date: x\r\nMessage-ID: <1@a>\r\nmime-version: 1.0\r\n" FROM "\r\n\xc3\xa9\r\n",
	  false, "Date: x\r\nMessage-ID: <1@a>\r\nmime-version: 1.0\r\n" FROM "\r\n\xc3\xa9\r\n" },
	{ "Bcc first, between and last",
	  "Bcc: a\r\n b\r\nDate: x\r\nBCC: c\r\nMessage-ID: <1@a>\r\n" FROM "bcc:\r\n\r\nhello\r\n", false,
	  "Date: x\r\nMessage-ID: <1@a>\r\n" FROM "\r\nhello\r\n" },
	{ "Bcc alone below", "Date: x\r\nMessage-ID: <1@a>\r\n" FROM "Bcc: a\r\n", false,
	  "Date: x\r\nMessage-ID: <1@a>\r\n" FROM },
	{ "Return-Path and Resent-Bcc",
	  "Return-Path: <a>\r\nDate: x\r\nMessage-ID: <1@a>\r\nResent-Bcc: b\r\n" FROM "\r\n", false,
	  "Date: x\r\nMessage-ID: <1@a>\r\n" FROM "\r\n" },
	{ "Bcc in the body", "Date: x\r\nMessage-ID: <1@a>\r\n" FROM "\r\nBcc: a\r\n", false,
	  "Date: x\r\nMessage-ID: <1@a>\r\n" FROM "\r\nBcc: a\r\n" },
	{ "our results forged",
	  "Authentication-Results: SMTP.elastx.email; dkim=pass\r\nDate: x\r\nMessage-ID: <1@a>\r\n" FROM "\r\n", false,
	  "Date: x\r\nMessage-ID: <1@a>\r\n" FROM "\r\n" },
	{ "our results forged behind a comment",
	  "Authentication-Results: (x)\r\n \"smtp.elastx.email\" 1; dkim=pass\r\nDate: x\r\nMessage-ID: <1@a>\r\n" FROM
	  "\r\n",
	  false, "Date: x\r\nMessage-ID: <1@a>\r\n" FROM "\r\n" },
	{ "our name in another field", "X: smtp.elastx.email; x\r\nDate: x\r\nMessage-ID: <1@a>\r\n" FROM "\r\n", false,
	  "X: smtp.elastx.email; x\r\nDate: x\r\nMessage-ID: <1@a>\r\n" FROM "\r\n" },
	{ "others' results",
	  "Authentication-Results: smtp.elastx.email.example; dkim=pass\r\nDate: x\r\nMessage-ID: <1@a>\r\n" FROM "\r\n",
	  false,
	  "Authentication-Results: smtp.elastx.email.example; dkim=pass\r\nDate: x\r\nMessage-ID: <1@a>\r\n" FROM
	  "\r\n" },
	{ "sealed before: nothing is added", FROM "\r\n\xc3\xa9\r\n", true, FROM "\r\n\xc3\xa9\r\n" },
	{ "sealed before: only private fields go",
	  "Authentication-Results: smtp.elastx.email; x\r\nBcc: a\r\n" FROM "\r\nx\r\n", true,
	  "Authentication-Results: smtp.elastx.email; x\r\n" FROM "\r\nx\r\n" },
};

static void messages_are_prepared(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(prepare_cases) / sizeof(prepare_cases[0]); i++) {
		const struct prepare_case *row = &prepare_cases[i];
		struct arena arena = { 0 };
		struct text whole = TEXT_LIMIT(10000);
		struct message_facts facts;
		struct message_parts parts;
		const struct message_additions additions = {
			.received = VIEW("Received: new\r\n"),
			.date = VIEW("now"),
			.message_id = VIEW("<new@ours>"),
			.authserv_id = VIEW("smtp.elastx.email"),
			.presealed = row->presealed,
		};
		const struct verdict verdict =
			message_check(view_of(row->message), &(struct message_rules){ .utf8 = false }, &arena, &facts);
		if (!verdict_is_ok(verdict)) {
			fail_msg("%s: %.*s", row->name, VIEW_PRINT(verdict.why));
		}
		message_prepare(&facts, &additions, &arena, &parts);
		for (size_t part = 0; part < parts.count; part++) {
			text_add(&whole, parts.parts[part]);
		}
		if (parts.size != whole.length || !view_starts(text_view(&whole), additions.received) ||
		    !view_equal(view_from(text_view(&whole), additions.received.length), view_of(row->prepared))) {
			fail_msg("%s:\n%s", row->name, text_cstring(&whole));
		}
		text_deinit(&whole);
		arena_deinit(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_taken_or_refused),
		cmocka_unit_test(loops_and_floods_are_refused),
		cmocka_unit_test(nasty_messages_take_linear_time),
		cmocka_unit_test(nul_is_refused),
		cmocka_unit_test(facts_are_found),
		cmocka_unit_test(received_fields),
		cmocka_unit_test(long_names_are_cut_and_folded),
		cmocka_unit_test(messages_are_prepared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

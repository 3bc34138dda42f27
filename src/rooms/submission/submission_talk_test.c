/* Talks between a client and the real submission core; vault, resolver and queue are answered by the scene. */
#include "rooms/submission/scene.h"

#include "base/must.h"

/* ---- talks */

#define STARTTLS "tls: starttls"
#define IMPLICIT "tls: implicit"
#define CLEAR    "tls: none, plaintext_auth: true"
#define NO_AUTH  "tls: none"
#define GREETED  "< 220 smtp.elastx.email ESMTP\n> EHLO client.example\n< 250 "
#define SECURED  GREETED "\n> STARTTLS\n< 220 2.0.0\ntls\n> EHLO client.example\n< 250 "
#define TOM      "> AUTH PLAIN AHRvbQBzZWNyZXQ=\n< 235 2.7.0\n"
#define READY    SECURED "\n" TOM
#define ENVELOPE "> MAIL FROM:<tom@example.com>\n< 250 2.1.0\n> RCPT TO:<anna@example.net>\n< 250 2.1.5\n"
#define DATA     ENVELOPE "> DATA\n< 354\n"
#define MESSAGE  "> From: tom@example.com\n> \n> hello\n> .\n"
#define BYE      "> QUIT\n< 221 2.0.0\nend\n"

static const struct talk_case {
	const char *name;
	const char *listener;
	const char *script;
	size_t stored;
	const char *content; /* within what was stored */
} talk_cases[] = {
	{ "a message over STARTTLS", STARTTLS, READY DATA MESSAGE "< 250 2.0.0 queued as\n" BYE, 1,
	  "(version=TLSv1.3 cipher=SIM)" },
	{ "a message over TLS from the start", IMPLICIT,
	  "tls\n" GREETED "\n" TOM DATA MESSAGE "< 250 2.0.0 queued as\n" BYE, 1, "\r\nFrom: tom@example.com\r\n" },
	{ "several messages in one session", STARTTLS,
	  READY DATA MESSAGE "< 250 2.0.0\n" DATA MESSAGE "< 250 2.0.0\n> RSET\n< 250\n" DATA MESSAGE "< 250 2.0.0\n" BYE,
	  3, "hello" },
	{ "all at once", STARTTLS,
	  READY
	  ">> MAIL FROM:<tom@example.com>\\r\\nRCPT TO:<a@example.net>\\r\\nRCPT TO:<b@example.net>\\r\\nDATA\\r\\n\n"
	  "< 250 2.1.0\n< 250 2.1.5\n< 250 2.1.5\n< 354\n"
	  ">> From: tom@example.com\\r\\n\\r\\nhello\\r\\n.\\r\\nNOOP\\r\\nQUIT\\r\\n\n< 250 2.0.0 queued\n< 250\n< "
	  "221\nend",
	  1, "hello" },
	{ "the extensions", STARTTLS,
	  "< 220\n> EHLO x\n< 250\n<* 250-PIPELINING\n<* 250-SIZE 1048576\n<* 250-8BITMIME\n<* 250-ENHANCEDSTATUSCODES\n"
	  "<* 250 STARTTLS\n> STARTTLS\n< 220\ntls\n> EHLO x\n< 250 AUTH PLAIN LOGIN\n" TOM
	  "> EHLO x\n< 250 ENH\n<* 250-SIZE 2000\nclose",
	  0, NULL },
	/* RFC 3207 4.2, 5: nothing from before TLS counts */
	{ "a command behind STARTTLS", STARTTLS, GREETED "\n>> STARTTLS\\r\\nNOOP\\r\\n\n< 421 4.7.0\nend", 0, NULL },
	{ "a login behind STARTTLS", STARTTLS,
	  GREETED "\n>> STARTTLS\\r\\nEHLO x\\r\\nAUTH PLAIN AHRvbQBzZWNyZXQ=\\r\\n\n< 421 4.7.0\nend", 0, NULL },
	{ "EHLO before TLS is forgotten", STARTTLS,
	  GREETED "\n> STARTTLS\n< 220\ntls\n> AUTH PLAIN AHRvbQBzZWNyZXQ=\n< 503 5.5.1\n" BYE, 0, NULL },
	{ "STARTTLS twice", STARTTLS, SECURED "\n> STARTTLS\n< 503 5.5.1\n" BYE, 0, NULL },
	{ "no STARTTLS here", NO_AUTH, GREETED "\n> STARTTLS\n< 503 5.5.1\n" BYE, 0, NULL },
	{ "AUTH before TLS", STARTTLS, GREETED "\n> AUTH PLAIN AHRvbQBzZWNyZXQ=\n< 538 5.7.11\n" BYE, 0, NULL },
	{ "AUTH in clear where it is allowed", CLEAR, GREETED "\n" TOM DATA MESSAGE "< 250 2.0.0\n" BYE, 1,
	  "with ESMTPA id" },
	{ "MAIL before AUTH", STARTTLS, SECURED "\n> MAIL FROM:<tom@example.com>\n< 530 5.7.0\n" BYE, 0, NULL },
	/* AUTH (RFC 4954) */
	{ "AUTH PLAIN in two steps", STARTTLS, SECURED "\n> AUTH PLAIN\n< 334 \n> AHRvbQBzZWNyZXQ=\n< 235\n" BYE, 0,
	  NULL },
	{ "AUTH LOGIN", STARTTLS,
	  SECURED "\n> AUTH LOGIN\n< 334 VXNlcm5hbWU6\n> dG9t\n< 334 UGFzc3dvcmQ6\n> c2VjcmV0\n< 235\n" BYE, 0, NULL },
	{ "AUTH LOGIN with the name", STARTTLS,
	  SECURED "\n> AUTH LOGIN dG9t\n< 334 UGFzc3dvcmQ6\n> c2VjcmV0\n< 235\n" BYE, 0, NULL },
	{ "AUTH cancelled", STARTTLS, SECURED "\n> AUTH PLAIN\n< 334\n> *\n< 501 5.5.2\n" TOM BYE, 0, NULL },
	{ "AUTH not base64", STARTTLS, SECURED "\n> AUTH PLAIN ????\n< 501 5.5.2\n" BYE, 0, NULL },
	{ "AUTH without NULs", STARTTLS, SECURED "\n> AUTH PLAIN dG9t\n< 501 5.5.2\n" BYE, 0, NULL },
	{ "AUTH for somebody else", STARTTLS, SECURED "\n> AUTH PLAIN YW5uYQB0b20Ac2VjcmV0\n< 501 5.5.2\n" BYE, 0, NULL },
	{ "AUTH unknown", STARTTLS, SECURED "\n> AUTH CRAM-MD5\n< 504 5.5.4\n" BYE, 0, NULL },
	{ "AUTH twice", STARTTLS, READY "> AUTH PLAIN AHRvbQBzZWNyZXQ=\n< 503 5.5.1\n" BYE, 0, NULL },
	{ "a wrong password", STARTTLS, SECURED "\n> AUTH PLAIN AHRvbQB3cm9uZw==\n< 535 5.7.8\n" TOM BYE, 0, NULL },
	{ "a suspended account", STARTTLS, SECURED "\n> AUTH PLAIN AHN1c3BlbmRlZAB4\n< 525 5.7.13\n" BYE, 0, NULL },
	{ "guessing", STARTTLS,
	  SECURED "\n> AUTH PLAIN AHRvbQB3\n< 535\n> AUTH PLAIN AHRvbQB3\n< 535\n> AUTH PLAIN AHRvbQB3\n< 535\n"
	          "> AUTH PLAIN AHRvbQB3\n< 535\n> AUTH PLAIN AHRvbQB3\n< 535\nend",
	  0, NULL },
	/* order (RFC 5321 4.1.4) */
	{ "MAIL before EHLO", STARTTLS, "< 220\n> MAIL FROM:<tom@example.com>\n< 503 5.5.1\n" BYE, 0, NULL },
	{ "RCPT before MAIL", STARTTLS, READY "> RCPT TO:<a@example.net>\n< 503 5.5.1\n" BYE, 0, NULL },
	{ "DATA before RCPT", STARTTLS, READY "> MAIL FROM:<tom@example.com>\n< 250\n> DATA\n< 503 5.5.1\n" BYE, 0,
	  NULL },
	{ "MAIL twice", STARTTLS,
	  READY "> MAIL FROM:<tom@example.com>\n< 250\n> MAIL FROM:<tom@example.com>\n< 503\n" BYE, 0, NULL },
	{ "RSET ends the transaction", STARTTLS, READY ENVELOPE "> RSET\n< 250\n> DATA\n< 503\n" BYE, 0, NULL },
	{ "EHLO ends the transaction", STARTTLS, READY ENVELOPE "> EHLO x\n< 250\n> DATA\n< 503\n" BYE, 0, NULL },
	{ "unknown words", STARTTLS,
	  GREETED "\n> WIZ\n< 500 5.5.2\n> VRFY tom\n< 252\n> EXPN all\n< 502\n> HELP\n< 214\n" BYE, 0, NULL },
	{ "too many of them", STARTTLS,
	  "< 220\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< "
	  "500\n"
	  "> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> X\n< 500\n> "
	  "X\n"
	  "< 500\n> X\n< 500\n> X\n< 500\n< 421 4.7.0\nend",
	  0, NULL },
	{ "HTTP", STARTTLS, "< 220\n> GET / HTTP/1.1\n< 421 4.7.0\nend", 0, NULL },
	/* addresses and parameters */
	{ "addresses", STARTTLS,
	  READY
	  "> MAIL FROM:tom@example.com\n< 501\n> MAIL FROM:<tom>\n< 501 5.1.7\n> MAIL FROM:<tom@[192.0.2.1]>\n< 501 "
	  "5.1.7\n"
	  "> MAIL FROM:<tom@example.com> SIZE=2001\n< 552 5.3.4\n> MAIL FROM:<tom@example.com> SIZE=x\n< 501 5.5.4\n"
	  "> MAIL FROM:<tom@example.com> BODY=BINARYMIME\n< 501\n> MAIL FROM:<tom@example.com> HOLDFOR=5\n< 555 5.5.4\n"
	  "> MAIL FROM:<tom@example.com> SIZE=2000 BODY=8BITMIME AUTH=<>\n< 250\n> RCPT TO:<>\n< 501 5.1.3\n"
	  "> RCPT TO:<a@example>\n< 550 5.1.2\n> RCPT TO:<a@[192.0.2.1]>\n< 501 5.1.3\n> RCPT TO:<a@example.net> "
	  "NOTIFY=NEVER\n"
	  "< 555 5.5.4\n> RCPT TO:<a@example.net>\n< 250\n> RCPT TO:<a@example.net>\n< 250\n> RCPT TO:<b@example.net>\n< "
	  "250\n"
	  "> RCPT TO:<c@example.net>\n< 250\n> RCPT TO:<d@example.net>\n< 452 4.5.3\n" BYE,
	  0, NULL },
	{ "the null reverse-path", STARTTLS,
	  READY "> MAIL FROM:<>\n< 250\n> RCPT TO:<a@example.net>\n< 250\n> DATA\n< 354\n" MESSAGE "< 250 2.0.0\n" BYE, 1,
	  "hello" },
	/* lines (RFC 5321 2.3.8, 4.5.3.1) */
	{ "a bare LF in a command", STARTTLS, "< 220\n>> EHLO x\\nMAIL FROM:<a@b.example>\\r\\n\n< 500 5.5.2\nend", 0,
	  NULL },
	{ "a bare CR in a command", STARTTLS, "< 220\n>> EHLO x\\rNOOP\\r\\n\n< 500 5.5.2\nend", 0, NULL },
	{ "a NUL in a command", STARTTLS, "< 220\n>> EHLO x\\0\\r\\n\n< 500 5.5.2\nend", 0, NULL },
	/* the end of a message: only CRLF.CRLF is one */
	{ "dots", STARTTLS, READY DATA "> From: tom@example.com\n> \n> ..a\n> ..\n> .\n< 250 2.0.0\n" BYE, 1,
	  "\r\n.a\r\n.\r\n" },
	{ "LF.LF is no end", STARTTLS,
	  READY DATA ">> From: tom@example.com\\r\\n\\r\\na\\n.\\nRSET\\r\\n\n> .\n< 250 2.0.0\n" BYE, 1,
	  "a\r\n\r\nRSET\r\n" },
	{ "CRLF.LF is no end", STARTTLS,
	  READY DATA ">> From: tom@example.com\\r\\n\\r\\na\\r\\n.\\nRSET\\r\\n\n> .\n< 250 2.0.0\n" BYE, 1, "RSET\r\n" },
	{ "LF.CRLF is no end", STARTTLS,
	  READY DATA ">> From: tom@example.com\\r\\n\\r\\na\\n.\\r\\nRSET\\r\\n\n> .\n< 250 2.0.0\n" BYE, 1, "RSET\r\n" },
	{ "CR.CR is refused", STARTTLS,
	  READY DATA ">> From: tom@example.com\\r\\n\\r\\na\\r.\\rRSET\\r\\n\n> .\n< 550 5.6.11\n" BYE, 0, NULL },
	{ "CRLF.CR is refused", STARTTLS,
	  READY DATA ">> From: tom@example.com\\r\\n\\r\\na\\r\\n.\\rRSET\\r\\n\n> .\n< 550 5.6.11\n" BYE, 0, NULL },
	{ "NUL is refused", STARTTLS,
	  READY DATA ">> From: tom@example.com\\r\\n\\r\\na\\0\\r\\n\n> .\n< 550 5.6.11\n" BYE, 0, NULL },
	{ "bare LF where it is refused", "tls: starttls, bare_newline: refuse",
	  READY DATA ">> From: tom@example.com\\r\\n\\r\\na\\nb\\r\\n\n> .\n< 550 5.6.11\n" BYE, 0, NULL },
	{ "no From", STARTTLS, READY DATA "> Subject: x\n> \n> .\n< 550 5\n" BYE, 0, NULL },
	{ "nothing at all", STARTTLS, READY DATA "> .\n< 550 5\n" BYE, 0, NULL },
	/* time (RFC 5321 4.5.3.2) */
	{ "silence", STARTTLS, "< 220\nquiet 299\nwait 2\n< 421 4.4.2\nend", 0, NULL },
	{ "silence after login", STARTTLS, READY "quiet 299\n< 421 4.4.2\nend", 0, NULL },
	{ "half a command", STARTTLS, "< 220\n>> EH\nwait 200\n>> LO\nwait 101\n< 421 4.4.2\nend", 0, NULL },
	{ "half a message", STARTTLS, READY DATA "> From: tom@example.com\nquiet 179\n< 421 4.4.2\nend", 0, NULL },
	{ "a client that goes", STARTTLS, READY DATA "> From: tom@example.com\nclose", 0, NULL },
	{ "a client that goes after the dot", STARTTLS, READY DATA MESSAGE "close", 1, "hello" },
	{ "no handshake", STARTTLS, GREETED "\n> STARTTLS\n< 220\nend", 0, NULL },
};

static void talks(void **state)
{
	(void)state;
	/* At once, by bytes, and in pieces: the same. */
	static const size_t chops[] = { 0, 1, 7 };
	for (size_t i = 0; i < CASES(talk_cases) * CASES(chops); i++) {
		const struct talk_case *row = &talk_cases[i / CASES(chops)];
		const size_t chop = chops[i % CASES(chops)];
		struct scene scene;
		/* What stands behind STARTTLS must come with it; who still writes when the other side hangs up hears nothing.
		 */
		if (chop > 0 && (strstr(row->name, "behind STARTTLS") != NULL || strstr(row->name, "in a command") != NULL))
			continue;
		scene_begin(&scene, row->listener);
		scene_talk(&scene, row->script, chop);
		if (scene.client.problem.length == 0) {
			expect_number(row->name, (int64_t)scene.stored_count, (int64_t)row->stored);
			expect_number(row->name, (int64_t)scene.sealed_count, (int64_t)row->stored);
			if (row->content != NULL && view_find(text_view(&scene.stored), view_of(row->content)) == VIEW_NOT_FOUND)
				fail_msg("%s: stored: %s", row->name, text_cstring(&scene.stored));
		}
		scene_expect_as_written(&scene, row->name);
		scene_end(&scene);
	}
}

/* ---- the other rooms say no */

static void refusals(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum submit_result result;
		bool silent;
		const char *reply;
	} rows[] = {
		{ "full", SUBMIT_FULL, false, READY DATA MESSAGE "< 452 4.3.1\n" ENVELOPE "> DATA\n< 452 4.3.1\n" BYE },
		{ "later", SUBMIT_LATER, false, READY DATA MESSAGE "< 451 4.3.0\n" BYE },
		{ "no answer", SUBMIT_STORED, true, READY DATA MESSAGE "quiet 170\n< 451 4.3.0\n" BYE },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene scene;
		scene_begin(&scene, STARTTLS);
		scene.submit_result = rows[i].result;
		scene.queue_silent = rows[i].silent;
		scene_talk(&scene, rows[i].reply, 0);
		scene_expect_as_written(&scene, rows[i].name);
		scene_end(&scene);
	}
}

static void a_verdict_is_told_line_by_line(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene, STARTTLS);
	scene.verdict = verdict_never(550, STATUS(5, 7, 1), VIEW("example.com: no\nPublish: this"));
	scene_talk(&scene,
	           READY "> MAIL FROM:<tom@example.com>\n< 550 5.7.1 Publish: this\n<* 550-5.7.1 example.com: no\n" BYE,
	           0);
	assert_int_equal(scene.logouts, 1);
	scene_expect_as_written(&scene, "verdict");
	scene_end(&scene);
}

#define ONE_MORE DATA MESSAGE "< 250 2.0.0\n"

/* Nothing leaves under a seal that no receiver would believe. */
static void a_wrong_seal_is_not_sent(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene, STARTTLS);
	scene.signs_wrongly = true;
	scene_talk(&scene, READY DATA MESSAGE "< 451 4.3.0\n" BYE, 0);
	expect_number("stored", (int64_t)scene.stored_count, 0);
	scene_expect_as_written(&scene, "a wrong seal");
	scene_end(&scene);
}

static void what_holds_for_a_while_is_asked_once(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int64_t good_for, credit_wait;
		size_t without_grant;
		const char *script;
		size_t verdicts, mail_credits;
		bool may_send;
	} rows[] = {
		{ "nothing holds", 0, 1, 0, READY ONE_MORE ONE_MORE BYE, 4, 2 },
		{ "verdicts hold", HOUR, 1, 0, READY ONE_MORE ONE_MORE BYE, 2, 2 },
		{ "the account was within its rate", 0, 0, 0, READY ONE_MORE ONE_MORE BYE, 4, 1 },
		{ "that was a while ago", 0, 0, 0, READY ONE_MORE "wait 2\n" ONE_MORE BYE, 4, 2 },
		{ "the login told so", 0, 0, 0, READY ONE_MORE ONE_MORE BYE, 4, 0, .may_send = true },
		{ "a grant is gone", HOUR, 0, 2, READY ONE_MORE DATA MESSAGE "< 451 4.3.0\n" ONE_MORE BYE, 4, 1 },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene scene;
		scene_begin(&scene, STARTTLS);
		scene.verdict_good_for = rows[i].good_for;
		scene.credit_wait = rows[i].credit_wait;
		scene.may_send = rows[i].may_send;
		scene.without_grant = rows[i].without_grant;
		scene_talk(&scene, rows[i].script, 0);
		expect_number(rows[i].name, (int64_t)scene.verdicts_asked, (int64_t)rows[i].verdicts);
		expect_number(rows[i].name, (int64_t)scene.mail_credits_asked, (int64_t)rows[i].mail_credits);
		scene_expect_as_written(&scene, rows[i].name);
		scene_end(&scene);
	}
}

/* What the account has been given beyond what was asked for is used first, and given back when it is not. */
static void spare_credit_is_used_and_given_back(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint32_t spare;
		const char *script;
		size_t asked, unused;
	} rows[] = {
		{ "none", 0, READY ONE_MORE ONE_MORE BYE, 2, 0 },
		{ "one", 1, READY ONE_MORE ONE_MORE ONE_MORE BYE, 2, 1 },
		{ "more than enough", 5, READY ONE_MORE ONE_MORE ONE_MORE BYE, 1, 3 },
		{ "too old", 5, READY ONE_MORE "wait 1\n" ONE_MORE BYE, 2, 10 },
		{ "too few for this message", 1,
		  READY ONE_MORE ENVELOPE "> RCPT TO:<bert@example.net>\n< 250 2.1.5\n> DATA\n< 354\n" MESSAGE
		                          "< 250 2.0.0\n" BYE,
		  2, 2 },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene scene;
		scene_begin(&scene, STARTTLS);
		scene.credit_spare = rows[i].spare;
		scene_talk(&scene, rows[i].script, 0);
		expect_number(rows[i].name, (int64_t)scene.data_credits_asked, (int64_t)rows[i].asked);
		expect_number(rows[i].name, (int64_t)scene.spare_unused, (int64_t)rows[i].unused);
		scene_expect_as_written(&scene, rows[i].name);
		scene_end(&scene);
	}
}

/* Sizes, with what SIZE promised nothing of: the account's is 2,000 octets, the room's budget 1 MiB. */
static void large(void **state)
{
	(void)state;
	struct scene scene;
	struct text script = TEXT_LIMIT(1024 * 1024);
	text_add(&script, VIEW(READY DATA "> From: tom@example.com\n> \n"));
	for (unsigned i = 0; i < 300; i++)
		text_add(&script, VIEW("> 0123456789\n"));
	text_add(&script, VIEW("> .\n< 552 5.3.4\n" DATA MESSAGE "< 250 2.0.0\n" BYE));
	scene_begin(&scene, STARTTLS);
	scene_talk(&scene, text_cstring(&script), 0);
	scene_expect_as_written(&scene, "too large");
	scene_end(&scene);
	text_clear(&script);
	text_add(&script, VIEW("< 220\n> EHLO "));
	for (unsigned i = 0; i < 5000; i++)
		text_add_byte(&script, 'x');
	text_add(&script, VIEW("\n< 500 5.5.6\n" BYE));
	scene_begin(&scene, STARTTLS);
	scene_talk(&scene, text_cstring(&script), 0);
	scene_expect_as_written(&scene, "long line");
	scene_end(&scene);
	text_deinit(&script);
}

static void the_budget_of_messages_in_motion(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene, STARTTLS);
	scene.submission.memory = (uint64_t)1024 * 1024;
	scene_talk(&scene, READY ENVELOPE "> DATA\n< 452 4.3.1\n" BYE, 0);
	scene.submission.memory = 0;
	scene_expect_as_written(&scene, "budget");
	scene_end(&scene);
	scene_begin(&scene, STARTTLS);
	scene.submission.memory = (uint64_t)1024 * 1024 - 16;
	scene_talk(&scene, READY DATA MESSAGE "< 452 4.3.1\n" BYE, 0);
	scene.submission.memory -= (uint64_t)1024 * 1024 - 16;
	scene_expect_as_written(&scene, "budget");
	scene_end(&scene);
}

static void a_stop_ends_sessions(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene, STARTTLS);
	scene_begin_talk(&scene, READY "< 421 4.3.2\nend", 0);
	sim_run_for(scene.sim, MINUTE);
	scene_stop_room(&scene);
	sim_run_for(scene.sim, MINUTE);
	scene_expect_as_written(&scene, "stop");
	scene_end(&scene);
}

static void a_silent_handshake_ends(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene, STARTTLS);
	sim_tls_context_set(scene.client_tls, SIM_TLS_GARBAGE);
	scene_talk(&scene, GREETED "\n> STARTTLS\n< 220\ntls fails\nend", 0);
	scene_expect_as_written(&scene, "handshake");
	scene_end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(talks),
		cmocka_unit_test(refusals),
		cmocka_unit_test(a_verdict_is_told_line_by_line),
		cmocka_unit_test(a_wrong_seal_is_not_sent),
		cmocka_unit_test(what_holds_for_a_while_is_asked_once),
		cmocka_unit_test(spare_credit_is_used_and_given_back),
		cmocka_unit_test(large),
		cmocka_unit_test(the_budget_of_messages_in_motion),
		cmocka_unit_test(a_stop_ends_sessions),
		cmocka_unit_test(a_silent_handshake_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

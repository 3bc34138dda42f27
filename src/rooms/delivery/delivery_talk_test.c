/* Talks between the real delivery core and mail servers that do as they like. */
#include "rooms/delivery/talk_scene.h"

/* ---- talks that go well, or nearly */

#define CLEAR    "> 220 mx ESMTP\n< EHLO smtp.elastx.email\n> 250-mx\n> 250 SIZE 1000\n"
#define PIPELINE "> 220 mx ESMTP\n< EHLO smtp.elastx.email\n> 250-mx\n> 250 PIPELINING\n"
#define SECURE                                                                                                       \
	"> 220 mx\n< EHLO\n> 250-mx\n> 250 STARTTLS\n< STARTTLS\n> 220 go\ntls\n< EHLO smtp.elastx.email\n> 250 mx\n"
#define MAIL     "< MAIL FROM:<tom@example.com>\n> 250 ok\n"
#define MAIL_ANY "< MAIL\n> 250 ok\n"
#define RCPT     "< RCPT TO:<anna@example.net>\n> 250 ok\n"
#define CONTENT  "< DATA\n> 354 go\n<< Subject: x\\r\\n\\r\\nhello\\r\\n.\\r\\n\n> 250 2.0.0 taken\n"
#define GOODBYE  "< QUIT\n> 221 bye\nend\n"

static const struct talk_case {
	const char *name;
	const char *scripts[4];
	size_t jobs, recipients;
	const char *fates; /* a letter for each recipient of each job: d r b h */
	size_t connections;
	bool rests;
} talk_cases[] = {
	{ "in clear",
	  { CLEAR "< MAIL FROM:<tom@example.com> SIZE=21\n> 250 ok\n" RCPT CONTENT GOODBYE },
	  1,
	  1,
	  "d",
	  1,
	  false },
	{ "HELO where EHLO is not known",
	  { "> 220 mx\n< EHLO\n> 502 what\n< HELO smtp.elastx.email\n> 250 mx\n" MAIL RCPT CONTENT GOODBYE },
	  1,
	  1,
	  "d",
	  1,
	  false },
	{ "STARTTLS", { SECURE MAIL RCPT CONTENT GOODBYE }, 1, 1, "d", 1, false },
	{ "STARTTLS is refused: once more in clear",
	  { "> 220 mx\n< EHLO\n> 250-mx\n> 250 STARTTLS\n< STARTTLS\n> 454 4.7.0 not now\ndrain",
	    "> 220 mx\n< EHLO\n> 250-mx\n> 250 STARTTLS\n" MAIL RCPT CONTENT GOODBYE },
	  1,
	  1,
	  "d",
	  2,
	  false },
	{ "bytes behind the 220 of STARTTLS are not used",
	  { "> 220 mx\n< EHLO\n> 250-mx\n> 250 STARTTLS\n< STARTTLS\n>> 220 go\\r\\n250 mx\\r\\n250 ok\\r\\n\nend",
	    "> 220 mx\n< EHLO\n> 250 mx\n" MAIL RCPT CONTENT GOODBYE },
	  1,
	  1,
	  "d",
	  2,
	  false },
	{ "several in one transaction, one refused",
	  { CLEAR "< MAIL\n> 250 ok\n< RCPT TO:<anna@\n> 250 ok\n< RCPT TO:<bert@\n> 550 5.1.1 no\n< RCPT TO:<carl@\n> "
	          "450 4.2.1 later\n"
	          "< DATA\n> 354 go\n<< hello\n> 250 taken\n" GOODBYE },
	  1,
	  3,
	  "dbr",
	  1,
	  false },
	{ "pipelined",
	  { PIPELINE "< MAIL\n< RCPT TO:<anna@\n< RCPT TO:<bert@\n< RCPT TO:<carl@\n< DATA\n> 250 ok\n> 250 ok\n> 550 "
	             "5.1.1 no\n> 250 ok\n"
	             "> 354 go\n<< hello\n> 250 taken\n" GOODBYE },
	  1,
	  3,
	  "dbd",
	  1,
	  false },
	{ "pipelined, nobody is known, and DATA is taken all the same",
	  { PIPELINE "< MAIL\n< RCPT\n< DATA\n> 250 ok\n> 550 5.1.1 no\n> 354 go\n< .\n> 554 5.5.1 nobody\n" GOODBYE },
	  1,
	  1,
	  "b",
	  1,
	  false },
	{ "pipelined, nobody is known",
	  { PIPELINE "< MAIL\n< RCPT\n< DATA\n> 250 ok\n> 550 5.1.1 no\n> 503 5.5.1 no\ndrain" },
	  1,
	  1,
	  "b",
	  1,
	  false },
	{ "pipelined, MAIL is refused",
	  { PIPELINE "< MAIL\n< RCPT\n< DATA\n> 450 4.1.8 who\n> 503 no\n> 503 no\ndrain" },
	  1,
	  1,
	  "r",
	  1,
	  false },
	{ "three over one session",
	  { CLEAR "< MAIL\n> 250 ok\n" RCPT CONTENT MAIL_ANY RCPT CONTENT MAIL_ANY RCPT CONTENT GOODBYE },
	  3,
	  1,
	  "ddd",
	  1,
	  false },
	{ "after a DATA that was refused comes RSET",
	  { CLEAR MAIL_ANY RCPT "< DATA\n> 451 4.3.0 later\n< RSET\n> 250 ok\n" MAIL_ANY RCPT CONTENT GOODBYE },
	  2,
	  1,
	  "rd",
	  1,
	  false },
	{ "a session that died meanwhile",
	  { CLEAR MAIL_ANY RCPT CONTENT "close", CLEAR MAIL_ANY RCPT CONTENT GOODBYE },
	  2,
	  1,
	  "dd",
	  2,
	  false },
	{ "421 rests the site", { CLEAR "< MAIL\n> 421 4.3.2 too busy\ndrain" }, 1, 1, "r", 1, true },
	{ "4.7.x rests the site",
	  { CLEAR "< MAIL\n> 250 ok\n< RCPT\n> 451 4.7.1 slow down\ndrain" },
	  1,
	  1,
	  "r",
	  1,
	  true },
	{ "a greeting of 554 is not for ever", { "> 554 5.7.1 go away\ndrain" }, 1, 1, "r", 1, true },
	{ "552 to RCPT is too many", { CLEAR "< MAIL\n> 250 ok\n< RCPT\n> 552 too many\ndrain" }, 1, 1, "r", 1, false },
	{ "551 to the dot",
	  { CLEAR "< MAIL\n> 250 ok\n" RCPT "< DATA\n> 354 go\n<< hello\n> 554 5.6.0 no\ndrain" },
	  1,
	  1,
	  "b",
	  1,
	  false },
	{ "the reply to the dot is lost",
	  { CLEAR "< MAIL\n> 250 ok\n" RCPT "< DATA\n> 354 go\n<< hello\nclose" },
	  1,
	  1,
	  "r",
	  1,
	  false },
	{ "dots are stuffed",
	  { CLEAR "< MAIL\n> 250 ok\n" RCPT "< DATA\n> 354 go\n<< hello\\r\\n.\\r\\n\n> 250 ok\n" GOODBYE },
	  1,
	  1,
	  "d",
	  1,
	  false },
};

static char letter(enum fate fate)
{
	static const char letters[] = {
		[FATE_DELIVERED] = 'd', [FATE_DEFERRED] = 'r',  [FATE_BOUNCED] = 'b',
		[FATE_CAPTURED] = 'c',  [FATE_HELD] = 'h',      [FATE_RETURNED] = 'x',
		[FATE_EXPIRED] = 'e',   [FATE_CANCELLED] = 'k', [FATE_SUPPRESSED] = 's',
	};
	return letters[fate];
}

static void talks(void **state)
{
	(void)state;
	static const size_t chops[] = { 0, 1, 5 };
	for (size_t i = 0; i < CASES(talk_cases) * CASES(chops); i++) {
		const struct talk_case *row = &talk_cases[i / CASES(chops)];
		struct scene scene;
		scene_begin(&scene);
		sim_set_chop(scene.sim, chops[i % CASES(chops)]);
		/* What stands behind the 220 must have come with it. */
		if (strstr(row->name, "behind the 220") != NULL)
			sim_set_chop(scene.sim, 0);
		scene.job_count = row->jobs;
		scene.recipient_count = row->recipients;
		for (size_t j = 0; j < 4; j++)
			scene.hosts[0].scripts[j] = row->scripts[j];
		scene_play(&scene);
		for (size_t j = 0; j < row->jobs * row->recipients; j++) {
			const char got = letter(scene.fates[j / row->recipients][j % row->recipients]);
			if (got != row->fates[j])
				fail_msg("%s: recipient %zu: expected %c, got %c\n%s", row->name, j, row->fates[j], got,
				         text_cstring(&scene.last_report));
		}
		expect_number(row->name, scene.rested, row->rests);
		expect_number(row->name, (int64_t)scene.hosts[0].connections, (int64_t)row->connections);
		scene_end(&scene, row->name);
	}
}

/* ---- any step, any behaviour */

static const struct {
	const char *name;
	const char *expects; /* what is read before the answer */
	const char *answer;  /* as it should be */
} steps[] = {
	{ "greeting", "", "> 220 mx\n" },
	{ "EHLO", "< EHLO\n", "> 250-mx\n> 250 STARTTLS\n" },
	{ "STARTTLS", "< STARTTLS\n", "> 220 go\n" },
	{ "handshake", "", "tls\n" },
	{ "EHLO again", "< EHLO\n", "> 250 mx\n" },
	{ "MAIL", "< MAIL\n", "> 250 ok\n" },
	{ "RCPT", "< RCPT\n", "> 250 ok\n" },
	{ "DATA", "< DATA\n", "> 354 go\n" },
	{ "dot", "<< hello\n", "> 250 taken\n" },
};

/* The letters: for each step; capitals: the site rests. In STARTTLS and the handshake all that fails is tried again
 * in clear, on a new connection that works. */
static const struct {
	const char *name;
	const char *script;
	const char *fates;
} behaviours[] = {
	{ "closes", "close\n", "RRdddrrrr" },
	{ "is silent", "wait 172000\n", "RRdddrrrr" },
	{ "says 421", "> 421 4.3.2 closing\nclose\n", "RRdddRRRR" },
	{ "says 450", "> 450 4.2.0 later\ndrain\n", "RRdddrrrr" },
	{ "says 451 4.7.1", "> 451 4.7.1 slow down\ndrain\n", "RRdddRRRR" },
	{ "says 550", "> 550 5.1.1 no\ndrain\n", "RRdddbbbb" },
	{ "says 552", "> 552 5.2.2 full\ndrain\n", "RRdddbrbb" },
	{ "says 500 and goes", "> 500 what\nclose\n", "RRdddbbbb" },
	{ "says 354", "> 354 go on\ndrain\n", "RRdddrrrr" },
	{ "says 199", "> 199 hm\ndrain\n", "RRdddrrrr" },
	{ "says 999", "> 999 hm\ndrain\n", "RRdddrrrr" },
	{ "talks", "> hello there\ndrain\n", "RRdddrrrr" },
	{ "ends lines in LF", ">> 250 ok\\n\ndrain\n", "RRdddrrrr" },
	{ "ends lines in CR", ">> 250 ok\\r250 ok\\r\\n\ndrain\n", "RRdddrrrr" },
	{ "says NUL", ">> 250 o\\0k\\r\\n\ndrain\n", "RRdddrrrr" },
	{ "says an empty line", "> \ndrain\n", "RRdddrrrr" },
	{ "changes its mind", "> 250-ok\n> 550 no\ndrain\n", "RRdddrrrr" },
	{ "goes in the middle", ">> 250-ok\\r\\n25\nclose\n", "RRdddrrrr" },
	{ "says an endless line", "LINE", "RRdddrrrr" },
	{ "says endless lines", "LINES", "RRdddrrrr" },
};

static void write_behaviour(const char *script, struct text *into)
{
	if (strcmp(script, "LINE") == 0) {
		text_add(into, VIEW(">> 250 "));
		for (unsigned i = 0; i < 100000; i++)
			text_add_byte(into, 'a');
		text_add(into, VIEW("\ndrain\n"));
	} else if (strcmp(script, "LINES") == 0) {
		for (unsigned i = 0; i < 5000; i++)
			text_add(into, VIEW("> 250-and more\n"));
		text_add(into, VIEW("drain\n"));
	} else {
		text_add(into, view_of(script));
	}
}

static void matrix(void **state)
{
	(void)state;
	static const char clear[] = "> 220 mx\n< EHLO\n> 250 mx\n" MAIL RCPT CONTENT GOODBYE;
	for (size_t i = 0; i < CASES(behaviours); i++) {
		char got[CASES(steps) + 1] = { 0 };
		for (size_t at = 0; at < CASES(steps); at++) {
			struct scene scene;
			struct text script = TEXT_LIMIT(1024 * 1024);
			for (size_t j = 0; j <= at; j++) {
				text_add(&script, view_of(steps[j].expects));
				if (j < at)
					text_add(&script, view_of(steps[j].answer));
			}
			write_behaviour(behaviours[i].script, &script);
			scene_begin(&scene);
			scene.hosts[0].scripts[0] = text_cstring(&script);
			scene.hosts[0].scripts[1] = clear;
			scene_play(&scene);
			const char fate = letter(scene.fates[0][0]);
			got[at] = scene.rested ? (char)(fate - 'a' + 'A') : fate;
			/* Nothing waits longer than the longest of RFC 5321 4.5.3.2 for each step. */
			expect_number(behaviours[i].name, scene.reported_at < (1000 + 3600) * SECOND, true);
			scene_end(&scene, behaviours[i].name);
			text_deinit(&script);
		}
		expect_view(behaviours[i].name, view_of(got), view_of(behaviours[i].fates));
	}
}

/* ---- the network, and what stands before a session */

static void other_ways(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum sim_network first; /* host's network */
		const char *script;     /* of the second host */
		enum permission permission;
		const char *fate;
		size_t connections; /* to the second */
	} rows[] = {
		{ "the first is refused", SIM_REFUSED, CLEAR MAIL_ANY RCPT CONTENT GOODBYE, PERMISSION_YES, "d", 1 },
		{ "the first is not reached", SIM_UNREACHABLE, CLEAR MAIL_ANY RCPT CONTENT GOODBYE, PERMISSION_YES, "d", 1 },
		{ "the first does not answer", SIM_BLACKHOLE, CLEAR MAIL_ANY RCPT CONTENT GOODBYE, PERMISSION_YES, "d", 1 },
		{ "nor does the second", SIM_REFUSED, "> 421 4.3.2 no\ndrain", PERMISSION_YES, "r", 1 },
		{ "the token is gone", SIM_REACHABLE, "drain", PERMISSION_NO, "h", 0 },
		{ "whether it is cannot be told", SIM_REFUSED, CLEAR MAIL_ANY RCPT CONTENT GOODBYE, PERMISSION_UNKNOWN, "d",
		  1 },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene scene;
		scene_begin(&scene);
		scene.host_count = 2;
		scene.permission = rows[i].permission;
		scene.hosts[0].scripts[0] = "drain";
		scene.hosts[1].scripts[0] = rows[i].script;
		sim_network_set(scene.sim, scene_host_address(0), rows[i].first);
		scene_play(&scene);
		expect_number(rows[i].name, letter(scene.fates[0][0]), rows[i].fate[0]);
		expect_number(rows[i].name, (int64_t)scene.hosts[1].connections, (int64_t)rows[i].connections);
		scene_end(&scene, rows[i].name);
	}
}

/* A handshake that fails in any way is tried once more in clear, and for a while nobody tries TLS there again. */
static void handshakes(void **state)
{
	(void)state;
	static const enum sim_tls_fault faults[] = { SIM_TLS_REFUSES, SIM_TLS_SILENT, SIM_TLS_GARBAGE };
	static const char clear[] =
		"> 220 mx\n< EHLO\n> 250-mx\n> 250 STARTTLS\n" MAIL_ANY RCPT CONTENT MAIL_ANY RCPT CONTENT GOODBYE;
	for (size_t i = 0; i < CASES(faults); i++) {
		struct scene scene;
		scene_begin(&scene);
		scene.job_count = 2;
		sim_tls_context_set(scene.mx_tls, faults[i]);
		scene.hosts[0].scripts[0] = "> 220 mx\n< EHLO\n> 250-mx\n> 250 STARTTLS\n< STARTTLS\n> 220 go\ntls fails\n";
		scene.hosts[0].scripts[1] = clear;
		scene_play(&scene);
		assert_int_equal(letter(scene.fates[0][0]), 'd');
		assert_int_equal(letter(scene.fates[1][0]), 'd');
		assert_int_equal(scene.hosts[0].connections, 2);
		scene_end(&scene, "handshake");
	}
}

/* The queue is started anew while a job is on its way, and leases it again just as it ends. */
static void what_ended_during_a_hello_is_given_back(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		const char *script;
		size_t given_back;
	} rows[] = {
		{ "it ends before the answer", CLEAR MAIL_ANY RCPT "wait 2\n" CONTENT GOODBYE, 1 },
		{ "it goes on", CLEAR MAIL_ANY RCPT "wait 20\n" CONTENT GOODBYE, 0 },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene scene;
		scene_begin(&scene);
		scene.hello_takes = 5 * SECOND;
		scene.hosts[0].scripts[0] = rows[i].script;
		scene_start(&scene);
		sim_run_for(scene.sim, SECOND);
		scene_queue_restarts(&scene);
		sim_run_for(scene.sim, MINUTE);
		expect_number(rows[i].name, (int64_t)scene.given_back, (int64_t)rows[i].given_back);
		scene.reported = scene.job_count; /* under one number or the other */
		scene_end(&scene, rows[i].name);
	}
}

/* However many jobs there are, no more is asked for while their messages fill the memory that they may have. */
static void messages_have_their_memory(void **state)
{
	(void)state;
	static const char alone[] = CLEAR "wait 2\n" MAIL_ANY RCPT CONTENT GOODBYE;
	static const char in_turn[] = CLEAR MAIL_ANY RCPT CONTENT MAIL_ANY RCPT CONTENT MAIL_ANY RCPT CONTENT GOODBYE;
	static const struct {
		const char *name;
		size_t bytes; /* a message has 21 */
		const char *script;
		size_t connections;
		size_t at_once; /* when more was asked for */
	} rows[] = {
		{ "room for all", 1000, alone, JOBS, JOBS },
		{ "for less than one", 1, in_turn, 1, 0 },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene scene;
		scene_begin(&scene);
		scene.job_count = JOBS;
		scene.at_once = true;
		scene.delivery.bytes_most = rows[i].bytes;
		scene.hosts[0].scripts[0] = rows[i].script;
		scene_play(&scene);
		for (size_t j = 0; j < JOBS; j++)
			expect_number(rows[i].name, letter(scene.fates[j][0]), 'd');
		expect_number(rows[i].name, (int64_t)scene.most_at_once, (int64_t)rows[i].at_once);
		expect_number(rows[i].name, (int64_t)scene.hosts[0].connections, (int64_t)rows[i].connections);
		scene_end(&scene, rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(talks),
		cmocka_unit_test(matrix),
		cmocka_unit_test(other_ways),
		cmocka_unit_test(handshakes),
		cmocka_unit_test(what_ended_during_a_hello_is_given_back),
		cmocka_unit_test(messages_have_their_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

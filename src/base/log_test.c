#include "base/log.h"

#include "base/clock.h"
#include "base/testing.h"

#include <fcntl.h>
#include <unistd.h>

#define TIME "{\"time\":\"2026-11-23T10:43:13.123456Z\","

struct fixture {
	struct log log;
	int reader;
	char line[2 * LOG_LINE_MAX];
};

static int64_t wall(void *context)
{
	(void)context;
	return INT64_C(1795430593) * SECOND + 123456;
}

static void open_log(struct fixture *fixture, enum log_format format)
{
	int ends[2];
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	fixture->reader = ends[0];
	fixture->log =
		(struct log){ .descriptor = ends[1], .format = format, .level = LOG_INFO, .room = "queue", .wall = wall };
}

static void close_log(struct fixture *fixture)
{
	close(fixture->reader);
	close(fixture->log.descriptor);
}

static struct view written(struct fixture *fixture)
{
	const ssize_t length = read(fixture->reader, fixture->line, sizeof(fixture->line));
	return view_bytes(fixture->line, length < 0 ? 0 : (size_t)length);
}

static void test_json(void **state)
{
	(void)state;
	struct fixture fixture;
	open_log(&fixture, LOG_JSON);
	LOG_LINE(&fixture.log, LOG_WARNING, "slow \"disk\"", LOG_TEXT_FIELD("path", VIEW("/a\n")),
	         LOG_NUMBER_FIELD("ms", 12), LOG_NUMBER_FIELD("absent", LOG_ABSENT), LOG_TEXT_FIELD("empty", VIEW_NONE));
	expect_view("line", written(&fixture),
	            VIEW(TIME "\"level\":\"warning\",\"room\":\"queue\",\"message\":\"slow \\\"disk\\\"\","
	                      "\"path\":\"/a\\n\",\"ms\":12}\n"));
	log_print(&fixture.log, LOG_ERROR, "%d of %s", 3, "five");
	expect_view("print", written(&fixture),
	            VIEW(TIME "\"level\":\"error\",\"room\":\"queue\",\"message\":\"3 of five\"}\n"));
	log_print(&fixture.log, LOG_ERROR, "%0100000d", 0);
	expect_view("endless", written(&fixture),
	            VIEW(TIME "\"level\":\"error\",\"room\":\"queue\","
	                      "\"message\":\"a message that is too long to be shown\"}\n"));
	log_print(&fixture.log, LOG_DEBUG, "unseen");
	expect_view("below the level", written(&fixture), VIEW(""));
	close_log(&fixture);
}

static void test_text(void **state)
{
	(void)state;
	struct fixture fixture;
	open_log(&fixture, LOG_TEXT);
	LOG_LINE(&fixture.log, LOG_INFO, "began", LOG_TEXT_FIELD("from", VIEW("a b\x1b[2J")),
	         LOG_TEXT_FIELD("id", VIEW("01arz")), LOG_NUMBER_FIELD("size", -1));
	expect_view("line", written(&fixture),
	            VIEW("10:43:13.123 info    queue      began from=\"a b\\x1b[2J\" id=01arz size=-1\n"));
	fixture.log.colour = true;
	LOG_LINE(&fixture.log, LOG_ERROR, "broken\r\n", LOG_TEXT_FIELD("why", VIEW("a\"b")));
	expect_view("colour", written(&fixture),
	            VIEW("10:43:13.123 \033[31merror  \033[0m queue      broken\\x0d\\x0a why=\"a\\\"b\"\n"));
	close_log(&fixture);
}

static void see(void *context, struct view line)
{
	struct text *seen = context;
	text_add(seen, line);
}

static void test_event(void **state)
{
	(void)state;
	struct fixture fixture;
	struct text seen = TEXT_LIMIT(LOG_LINE_MAX);
	open_log(&fixture, LOG_JSON);
	fixture.log.tap = see;
	fixture.log.tap_context = &seen;
	const struct event event = {
		.event = VIEW("delivered"),
		.seq = 7,
		.id = VIEW("01arz"),
		.account = VIEW("app@example.com"),
		.sender = VIEW("a@example.com"),
		.recipient = VIEW("b@example.net"),
		.domain = VIEW("example.net"),
		.site = VIEW("mx.example.net"),
		.remote = VIEW("192.0.2.1:25"),
		.egress = VIEW("default"),
		.tls = VIEW("TLSv1.3"),
		.attempt = 2,
		.code = 250,
		.status = VIEW("2.0.0"),
		.reply = VIEW("ok"),
		.class = VIEW("none"),
		.reason = VIEW("because"),
		.duration = 1234567,
		.node = VIEW("n1"),
	};
	log_event(&fixture.log, &event);
	const struct view expected =
		VIEW(TIME "\"event\":\"delivered\",\"seq\":7,\"id\":\"01arz\",\"account\":\"app@example.com\","
	              "\"sender\":\"a@example.com\",\"recipient\":\"b@example.net\",\"domain\":\"example.net\","
	              "\"site\":\"mx.example.net\",\"remote\":\"192.0.2.1:25\",\"egress\":\"default\","
	              "\"tls\":\"TLSv1.3\",\"attempt\":2,\"code\":250,\"status\":\"2.0.0\",\"reply\":\"ok\","
	              "\"class\":\"none\",\"reason\":\"because\",\"duration_ms\":1234,\"node\":\"n1\"}\n");
	expect_view("line", written(&fixture), expected);
	expect_view("tap", text_view(&seen), view_first(expected, expected.length - 1));

	text_clear(&seen);
	fixture.log.level = LOG_ERROR;
	log_event(&fixture.log, &(struct event){ .event = VIEW("held"), .duration = LOG_ABSENT });
	expect_view("only the tap", text_view(&seen), VIEW(TIME "\"event\":\"held\"}"));
	expect_view("no line", written(&fixture), VIEW(""));

	fixture.log.level = LOG_INFO;
	fixture.log.format = LOG_TEXT;
	log_event(&fixture.log, &(struct event){ .event = VIEW("held"), .id = VIEW("01"), .duration = 0 });
	expect_view("text", written(&fixture), VIEW("10:43:13.123 info    queue      held id=01 duration_ms=0\n"));
	text_deinit(&seen);
	close_log(&fixture);
}

static const struct long_case {
	const char *name;
	char filler;
} long_cases[] = {
	{ "letters", 'x' }, { "controls", '\x01' }, { "quotes", '"' }, { "not UTF-8", '\xff' }, { "DEL", '\x7f' },
};

/* However long and strange the texts are, a line is whole and within its limit. */
static void test_long_lines(void **state)
{
	(void)state;
	static char filler[20000];
	for (size_t i = 0; i < 2 * CASES(long_cases); i++) {
		const struct long_case *row = &long_cases[i / 2];
		for (size_t at = 0; at < sizeof(filler); at++)
			filler[at] = row->filler;
		const struct view text = view_bytes(filler, sizeof(filler));
		struct fixture fixture;
		open_log(&fixture, i % 2 == 0 ? LOG_JSON : LOG_TEXT);
		const struct event event = { .event = VIEW("refused"),
			                         .seq = UINT64_MAX / 2,
			                         .id = VIEW("01"),
			                         .reply = text,
			                         .reason = text,
			                         .node = text,
			                         .attempt = INT64_MIN + 1,
			                         .code = INT64_MIN + 1,
			                         .duration = INT64_MIN + 1 };
		log_event(&fixture.log, &event);
		struct view line = written(&fixture);
		expect_number(row->name, line.length > 600 && line.length <= LOG_LINE_MAX, true);
		expect_number(row->name, view_ends(line, i % 2 == 0 ? VIEW("}\n") : VIEW("\n")), true);
		log_line(&fixture.log, LOG_ERROR, text, NULL, 0);
		line = written(&fixture);
		expect_number(row->name, line.length > 600 && line.length <= LOG_LINE_MAX, true);
		expect_number(row->name, view_ends(line, i % 2 == 0 ? VIEW("\"}\n") : VIEW("\n")), true);
		close_log(&fixture);
	}
}

static void test_characters_are_not_cut(void **state)
{
	(void)state;
	static char euros[6000];
	for (size_t i = 0; i < sizeof(euros); i++)
		euros[i] = "\xe2\x82\xac"[i % 3];
	for (size_t shift = 0; shift < 3; shift++) {
		struct fixture fixture;
		open_log(&fixture, LOG_JSON);
		LOG_LINE(&fixture.log, LOG_INFO, "m", LOG_TEXT_FIELD("a", view_first(VIEW("xxx"), shift)),
		         LOG_TEXT_FIELD("b", view_bytes(euros, sizeof(euros))));
		const struct view line = written(&fixture);
		assert_int_equal(view_find(line, VIEW("\xef\xbf\xbd")), VIEW_NOT_FOUND);
		assert_true(view_ends(line, VIEW("\xe2\x82\xac\"}\n")));
		close_log(&fixture);
	}
}

static void test_too_many_names(void **state)
{
	(void)state;
	struct log_field fields[200];
	for (size_t i = 0; i < CASES(fields); i++)
		fields[i] = LOG_NUMBER_FIELD("a_rather_long_name_for_a_number", INT64_MAX);
	struct fixture fixture;
	open_log(&fixture, LOG_JSON);
	log_line(&fixture.log, LOG_INFO, VIEW("much"), fields, CASES(fields));
	expect_view("the message is left", written(&fixture),
	            VIEW(TIME "\"level\":\"info\",\"room\":\"queue\",\"message\":\"much\"}\n"));
	close_log(&fixture);
}

static void test_dropped_are_counted(void **state)
{
	(void)state;
	struct fixture fixture;
	open_log(&fixture, LOG_JSON);
	while (fixture.log.dropped < 3)
		log_print(&fixture.log, LOG_INFO, "%0900d", 0);
	while (written(&fixture).length > 0)
		continue;
	log_event(&fixture.log, &(struct event){ .event = VIEW("held"), .duration = LOG_ABSENT });
	expect_view("told before the event", written(&fixture),
	            VIEW(TIME "\"level\":\"warning\",\"room\":\"queue\","
	                      "\"message\":\"lines were dropped because they could not be written\",\"dropped\":3}\n" TIME
	                      "\"event\":\"held\"}\n"));
	assert_int_equal(fixture.log.dropped, 0);
	close_log(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_event),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_characters_are_not_cut),
		cmocka_unit_test(test_too_many_names),
		cmocka_unit_test(test_dropped_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

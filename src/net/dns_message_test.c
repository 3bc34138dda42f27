#include "net/dns_message.h"

#include "base/testing.h"

#include "base/bytes.h"
#include "base/must.h"

/* Messages about name.test TXT; each is a header, its counts and what follows the question. */
#define FLAGS_AUTHORITY        "\x84\x00"
#define FLAGS_OTHER            "\x80\x00"
#define QUESTION               "\x04name\x04test\x00\x00\x10\x00\x01"
#define TO_QUESTION            "\xc0\x0c"
#define TXT(ttl, data, length) TO_QUESTION "\x00\x10\x00\x01\x00\x00\x00" ttl "\x00" length data
#define ALIAS                                                                                                        \
	TO_QUESTION "\x00\x05\x00\x01\x00\x00\x00\x1e\x00\x08\x05"                                                       \
				"other\xc0\x11"
#define TO_ALIAS "\x05other\x04test\x00"
#define SOA(ttl)                                                                                                     \
	"\xc0\x11\x00\x06\x00\x01\x00\x00\x01\x00\x00\x16\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00"   \
	"\x00\x00\x01\x00\x00\x00" ttl
#define NS_OF_SUB TO_QUESTION "\x00\x02\x00\x01\x00\x00\x01\x00\x00\x05\x02ns\xc0\x11"
#define NS_OF_TOP "\xc0\x11\x00\x02\x00\x01\x00\x00\x01\x00\x00\x05\x02ns\xc0\x11"

#define MESSAGE(flags, answers, authorities, body)                                                                   \
	VIEW_INIT("\x12\x34" flags "\x00\x01\x00" answers "\x00" authorities "\x00\x00" QUESTION body)

static const struct row {
	const char *name;
	struct view message;
	enum dns_status status;
	const char *first; /* record */
	size_t count;
	uint32_t ttl;
	bool through_alias;
	const char *canonical;
	const char *delegated;
	const char *detail;
} rows[] = {
	{ "one text", MESSAGE(FLAGS_AUTHORITY, "\x01", "\x00", TXT("\x3c", "\x02hi", "\x03")), DNS_FOUND, "hi", 1, 60,
	  false, "name.test", "", "" },
	{ "strings are joined", MESSAGE(FLAGS_AUTHORITY, "\x01", "\x00", TXT("\x3c", "\x02hi\x03 ho", "\x07")), DNS_FOUND,
	  "hi ho", 1, 60, false, "name.test", "", "" },
	{ "two texts, the lesser time",
	  MESSAGE(FLAGS_AUTHORITY, "\x02", "\x00",
	          TXT("\x3c",
	              "\x01"
	              "a",
	              "\x02") TXT("\x1e",
	                          "\x01"
	                          "b",
	                          "\x02")),
	  DNS_FOUND, "a", 2, 30, false, "name.test", "", "" },
	{ "an alias, and what it leads to",
	  MESSAGE(FLAGS_AUTHORITY, "\x02", "\x00", ALIAS TO_ALIAS "\x00\x10\x00\x01\x00\x00\x00\x3c\x00\x03\x02hi"),
	  DNS_FOUND, "hi", 1, 30, true, "other.test", "", "" },
	{ "an alias that leads elsewhere", MESSAGE(FLAGS_AUTHORITY, "\x01", "\x00", ALIAS), DNS_NODATA, "", 0, 0, true,
	  "other.test", "", "" },
	{ "an alias to what is not there", MESSAGE("\x84\x03", "\x01", "\x01", ALIAS SOA("\x05")), DNS_NODATA, "", 0, 5,
	  true, "other.test", "", "" },
	{ "nothing of that type", MESSAGE(FLAGS_AUTHORITY, "\x00", "\x01", SOA("\x3c")), DNS_NODATA, "", 0, 60, false,
	  "name.test", "", "" },
	{ "the zone's own time is less than its last field", MESSAGE(FLAGS_AUTHORITY, "\x00", "\x01", SOA("\xff")),
	  DNS_NODATA, "", 0, 255, false, "name.test", "", "" },
	{ "no such name", MESSAGE("\x84\x03", "\x00", "\x01", SOA("\x3c")), DNS_NXDOMAIN, "", 0, 60, false, "name.test",
	  "", "" },
	{ "refused", MESSAGE("\x80\x05", "\x00", "\x00", ""), DNS_FAILED, "", 0, 0, false, "name.test", "", "REFUSED" },
	{ "not of the zone", MESSAGE(FLAGS_OTHER, "\x01", "\x00", TXT("\x3c", "\x02hi", "\x03")), DNS_FAILED, "", 0, 0,
	  false, "name.test", "", "it does not serve the zone" },
	{ "a zone below", MESSAGE(FLAGS_OTHER, "\x00", "\x01", NS_OF_SUB), DNS_FAILED, "", 0, 0, false, "name.test",
	  "name.test", "it does not serve the zone" },
	{ "the zone above", MESSAGE(FLAGS_OTHER, "\x00", "\x01", NS_OF_TOP), DNS_FAILED, "", 0, 0, false, "name.test",
	  "test", "it does not serve the zone" },
	{ "another number", VIEW_INIT("\x12\x35\x84\x00\x00\x01\x00\x00\x00\x00\x00\x00" QUESTION), DNS_FAILED, "", 0, 0,
	  false, "name.test", "", "the answer is malformed" },
	{ "a question", MESSAGE("\x04\x00", "\x00", "\x00", ""), DNS_FAILED, "", 0, 0, false, "name.test", "",
	  "the answer is malformed" },
	{ "another question",
	  VIEW_INIT("\x12\x34\x84\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04nome\x04test\x00\x00\x10\x00\x01"), DNS_FAILED,
	  "", 0, 0, false, "name.test", "", "the answer is malformed" },
	{ "truncated", MESSAGE("\x86\x00", "\x00", "\x00", ""), DNS_FAILED, "", 0, 0, false, "name.test", "",
	  "the answer is malformed" },
	{ "nothing", VIEW_INIT(""), DNS_FAILED, "", 0, 0, false, "name.test", "", "the answer is malformed" },
};

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct arena arena = { 0 };
		struct dns_said said;
		dns_message_read(row->message, 0x1234, VIEW("name.test"), DNS_TXT, &arena, &said);
		expect_number(row->name, (int64_t)said.answer.status, row->status);
		expect_number(row->name, (int64_t)said.answer.record_count, (int64_t)row->count);
		expect_number(row->name, said.answer.ttl, row->ttl);
		expect_number(row->name, said.answer.through_alias, row->through_alias);
		expect_view(row->name, said.answer.canonical, view_of(row->canonical));
		expect_view(row->name, said.delegated, view_of(row->delegated));
		expect_view(row->name, said.answer.detail, view_of(row->detail));
		if (row->count > 0)
			expect_view(row->name, said.answer.records[0].data, view_of(row->first));
		arena_deinit(&arena);
	}
}

/* Every message cut anywhere is an answer that fails, or the part of the answer that is whole. */
static void test_cut_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t length = 0; length < rows[i].message.length; length++) {
			struct arena arena = { 0 };
			struct dns_said said;
			char *copy = must_alloc(1, length + 1);
			bytes_copy(copy, length, view_first(rows[i].message, length));
			dns_message_read(view_bytes(copy, length), 0x1234, VIEW("name.test"), DNS_TXT, &arena, &said);
			expect_number(rows[i].name, (int64_t)said.answer.status, DNS_FAILED);
			free(copy);
			arena_deinit(&arena);
		}
}

static void test_questions(void **state)
{
	(void)state;
	struct text message = TEXT_LIMIT(512);
	static const char wanted[] = "\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00" QUESTION;
	assert_true(dns_message_ask(0x1234, VIEW("name.test"), DNS_TXT, &message));
	expect_view("without a dot", text_view(&message), view_bytes(wanted, sizeof(wanted) - 1));
	text_clear(&message);
	assert_true(dns_message_ask(0x1234, VIEW("name.test."), DNS_TXT, &message));
	expect_view("with a dot", text_view(&message), view_bytes(wanted, sizeof(wanted) - 1));
	text_clear(&message);
	assert_false(dns_message_ask(1, VIEW("a..b"), DNS_TXT, &message));
	assert_false(dns_message_ask(1, VIEW("0123456789012345678901234567890123456789012345678901234567890123.test"),
	                             DNS_TXT, &message));
	text_deinit(&message);
}

static void test_other_types(void **state)
{
	(void)state;
	static const struct view mx =
		VIEW_INIT("\x00\x07\x84\x00\x00\x01\x00\x01\x00\x00\x00\x00\x04test\x00\x00\x0f\x00\x01"
	              "\xc0\x0c\x00\x0f\x00\x01\x00\x00\x00\x3c\x00\x07\x00\x0a\x02mx\xc0\x0c");
	static const struct view ns =
		VIEW_INIT("\x00\x07\x84\x00\x00\x01\x00\x01\x00\x00\x00\x00\x04test\x00\x00\x02\x00\x01"
	              "\xc0\x0c\x00\x02\x00\x01\x00\x00\x00\x3c\x00\x05\x02ns\xc0\x0c");
	struct arena arena = { 0 };
	struct dns_said said;
	dns_message_read(mx, 7, VIEW("TEST"), DNS_MX, &arena, &said);
	assert_int_equal(said.answer.status, DNS_FOUND);
	expect_number("preference", said.answer.records[0].preference, 10);
	expect_view("host", said.answer.records[0].data, VIEW("mx.test"));
	dns_message_read(ns, 7, VIEW("test"), DNS_NS, &arena, &said);
	assert_int_equal(said.answer.status, DNS_FOUND);
	expect_view("server", said.answer.records[0].data, VIEW("ns.test"));
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_cut_messages),
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_other_types),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

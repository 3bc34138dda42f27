#include "base/testing.h"

#include "net/dns_private.h"

static void reads_records(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum dns_type type;
		struct view wire;
		bool good;
		struct view data;
		unsigned number; /* preference or strings */
	} rows[] = {
		{ "address", DNS_A, VIEW_INIT("\1\2\3\4"), true, VIEW_INIT("\1\2\3\4"), 0 },
		{ "short address", DNS_A, VIEW_INIT("\1\2\3"), false, VIEW_INIT(""), 0 },
		{ "long address", DNS_A, VIEW_INIT("\1\2\3\4\5"), false, VIEW_INIT(""), 0 },
		{ "IPv6 of four bytes", DNS_AAAA, VIEW_INIT("\1\2\3\4"), false, VIEW_INIT(""), 0 },
		{ "MX", DNS_MX, VIEW_INIT("\1\2\2mx\0"), true, VIEW_INIT("mx"), 258 },
		{ "null MX", DNS_MX, VIEW_INIT("\0\0\0"), true, VIEW_INIT(""), 0 },
		{ "MX without a name", DNS_MX, VIEW_INIT("\0\1"), false, VIEW_INIT(""), 0 },
		{ "MX without an end", DNS_MX, VIEW_INIT("\0\1\2mx"), false, VIEW_INIT(""), 0 },
		{ "MX with more after", DNS_MX, VIEW_INIT("\0\1\2mx\0\0"), false, VIEW_INIT(""), 0 },
		{ "a pointer", DNS_CNAME, VIEW_INIT("\xc0\x0c"), false, VIEW_INIT(""), 0 },
		{ "a label cut short", DNS_CNAME, VIEW_INIT("\5ab\0"), false, VIEW_INIT(""), 0 },
		{ "labels", DNS_CNAME, VIEW_INIT("\1a\2bc\0"), true, VIEW_INIT("a.bc"), 0 },
		{ "a dot in a label", DNS_CNAME, VIEW_INIT("\3a.b\1c\0"), true, VIEW_INIT("a\\046b.c"), 0 },
		{ "a NUL in a label", DNS_PTR, VIEW_INIT("\2a\0\0"), true, VIEW_INIT("a\\000"), 0 },
		{ "no bytes", DNS_NS, VIEW_INIT(""), false, VIEW_INIT(""), 0 },
		{ "strings", DNS_TXT, VIEW_INIT("\2ab\0\1c"), true, VIEW_INIT("abc"), 3 },
		{ "an empty string", DNS_TXT, VIEW_INIT("\0"), true, VIEW_INIT(""), 1 },
		{ "no string", DNS_TXT, VIEW_INIT(""), false, VIEW_INIT(""), 0 },
		{ "a string cut short", DNS_TXT, VIEW_INIT("\2ab\3cd"), false, VIEW_INIT(""), 0 },
		{ "TLSA", DNS_TLSA, VIEW_INIT("\3\1\1zz"), true, VIEW_INIT("\3\1\1zz"), 0 },
	};
	struct arena arena = { 0 };
	for (size_t i = 0; i < CASES(rows); i++) {
		struct dns_record record;
		const bool good = dns_record_read(rows[i].type, rows[i].wire, &arena, &record);
		expect_number(rows[i].name, good, rows[i].good);
		if (!good)
			continue;
		expect_view(rows[i].name, record.data, rows[i].data);
		expect_number(rows[i].name, record.preference + record.string_count, rows[i].number);
	}
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_records),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

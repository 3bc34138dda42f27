#include "base/testing.h"
#include "base/text.h"
#include "task/connection.h"

static void endpoints_are_parsed_and_printed(void **state)
{
	static const struct {
		const char *name;
		struct view text;
		struct view printed; /* empty: refused */
	} cases[] = {
		{ "IPv4", VIEW_INIT("192.0.2.1:25"), VIEW_INIT("192.0.2.1:25") },
		{ "IPv6", VIEW_INIT("[2001:db8::1]:587"), VIEW_INIT("[2001:db8::1]:587") },
		{ "IPv6, long form", VIEW_INIT("[2001:0DB8:0:0:0:0:0:1]:1"), VIEW_INIT("[2001:db8::1]:1") },
		{ "IPv6, any", VIEW_INIT("[::]:465"), VIEW_INIT("[::]:465") },
		{ "v4-mapped", VIEW_INIT("[::ffff:192.0.2.1]:25"), VIEW_INIT("[::ffff:192.0.2.1]:25") },
		{ "port nought", VIEW_INIT("127.0.0.1:0"), VIEW_INIT("127.0.0.1:0") },
		{ "last port", VIEW_INIT("127.0.0.1:65535"), VIEW_INIT("127.0.0.1:65535") },
		{ "port too large", VIEW_INIT("127.0.0.1:65536"), VIEW_INIT("") },
		{ "port negative", VIEW_INIT("127.0.0.1:-1"), VIEW_INIT("") },
		{ "no port", VIEW_INIT("127.0.0.1"), VIEW_INIT("") },
		{ "empty port", VIEW_INIT("127.0.0.1:"), VIEW_INIT("") },
		{ "blank before the port", VIEW_INIT("127.0.0.1: 25"), VIEW_INIT("") },
		{ "no address", VIEW_INIT(":25"), VIEW_INIT("") },
		{ "empty", VIEW_INIT(""), VIEW_INIT("") },
		{ "IPv6 without brackets", VIEW_INIT("2001:db8::1:25"), VIEW_INIT("") },
		{ "IPv4 in brackets", VIEW_INIT("[192.0.2.1]:25"), VIEW_INIT("") },
		{ "one bracket", VIEW_INIT("[2001:db8::1:25"), VIEW_INIT("") },
		{ "brackets alone", VIEW_INIT("[]:25"), VIEW_INIT("") },
		{ "one bracket alone", VIEW_INIT("[:25"), VIEW_INIT("") },
		{ "octal", VIEW_INIT("192.0.2.010:25"), VIEW_INIT("") },
		{ "short IPv4", VIEW_INIT("127.1:25"), VIEW_INIT("") },
		{ "a name", VIEW_INIT("localhost:25"), VIEW_INIT("") },
		{ "NUL inside", VIEW_INIT("127.0.0.1\0:25"), VIEW_INIT("") },
		{ "too long", VIEW_INIT("[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001]:25"), VIEW_INIT("") },
	};
	(void)state;
	for (size_t i = 0; i < CASES(cases); i++) {
		struct endpoint endpoint = { .port = 7 };
		struct text printed = TEXT_LIMIT(128);
		if (endpoint_parse(cases[i].text, &endpoint))
			text_add_endpoint(&printed, &endpoint);
		else
			expect_number(cases[i].name, endpoint.port, 7); /* untouched */
		expect_view(cases[i].name, text_view(&printed), cases[i].printed);
		text_deinit(&printed);
	}
}

static void special_addresses_are_known(void **state)
{
	static const struct {
		const char *address;
		bool special;
	} cases[] = {
		{ "0.0.0.0", true },
		{ "8.8.8.8", false },
		{ "9.255.255.255", false },
		{ "10.0.0.0", true },
		{ "10.255.255.255", true },
		{ "11.0.0.0", false },
		{ "100.63.255.255", false },
		{ "100.64.0.1", true },
		{ "100.127.255.255", true },
		{ "100.128.0.0", false },
		{ "127.0.0.1", true },
		{ "127.255.255.254", true },
		{ "128.0.0.1", false },
		{ "169.253.255.255", false },
		{ "169.254.169.254", true },
		{ "172.15.255.255", false },
		{ "172.16.0.1", true },
		{ "172.31.255.255", true },
		{ "172.32.0.0", false },
		{ "192.0.0.8", true },
		{ "192.0.1.1", false },
		{ "192.0.2.1", true },
		{ "192.88.99.1", true },
		{ "192.167.255.255", false },
		{ "192.168.0.1", true },
		{ "192.169.0.0", false },
		{ "198.17.255.255", false },
		{ "198.18.0.1", true },
		{ "198.19.255.255", true },
		{ "198.20.0.0", false },
		{ "198.51.100.1", true },
		{ "203.0.113.1", true },
		{ "203.0.114.1", false },
		{ "223.255.255.255", false },
		{ "224.0.0.1", true },
		{ "239.255.255.255", true },
		{ "240.0.0.1", true },
		{ "255.255.255.255", true },
		{ "::", true },
		{ "::1", true },
		{ "::127.0.0.1", true },
		{ "::8.8.8.8", true },
		{ "::ffff:127.0.0.1", true },
		{ "::ffff:8.8.8.8", true },
		{ "::ffff:0:8.8.8.8", true },
		{ "64:ff9b::8.8.8.8", false },
		{ "64:ff9b::127.0.0.1", true },
		{ "64:ff9b::10.0.0.1", true },
		{ "64:ff9b:1::8.8.8.8", true },
		{ "100::1", true },
		{ "100:0:0:1::1", true },
		{ "2001::1", true },               /* Teredo */
		{ "2001:0:5ef5:79fb::1", true },   /* Teredo, with addresses in it */
		{ "2001:2::1", true },             /* benchmarks */
		{ "2001:20::1", true },            /* ORCHIDv2 */
		{ "2001:200::1", false },          /* an ordinary allocation */
		{ "2001:db8::1", true },           /* documentation */
		{ "2001:4860:4860::8888", false }, /* ordinary */
		{ "2002:7f00:1::1", true },        /* 6to4 of 127.0.0.1 */
		{ "2002:a00:1::1", true },         /* 6to4 of 10.0.0.1 */
		{ "2002:808:808::1", false },      /* 6to4 of 8.8.8.8 */
		{ "3fff::1", true },               /* documentation */
		{ "3fff:1000::1", false },         /* beyond it */
		{ "5f00::1", true },               /* segment routing */
		{ "fbff::1", false },              /* below unique local */
		{ "fc00::1", true },               /* unique local */
		{ "fdff::1", true },               /* unique local */
		{ "fe80::1", true },               /* link-local */
		{ "febf::1", true },               /* link-local, last */
		{ "fec0::1", true },               /* site-local */
		{ "ff02::1", true },               /* multicast */
	};
	(void)state;
	for (size_t i = 0; i < CASES(cases); i++) {
		struct endpoint endpoint;
		assert_true(endpoint_parse_address(view_of(cases[i].address), &endpoint));
		expect_number(cases[i].address, endpoint_is_special(&endpoint), cases[i].special);
	}
	assert_true(endpoint_is_special(&(struct endpoint){ 0 }));
}

static void addresses_are_compared_without_the_port(void **state)
{
	(void)state;
	struct endpoint a, b;
	assert_true(endpoint_parse(VIEW("192.0.2.1:25"), &a) && endpoint_parse(VIEW("192.0.2.1:26"), &b));
	assert_true(endpoint_equal_address(&a, &b));
	assert_true(endpoint_parse(VIEW("192.0.2.2:25"), &b));
	assert_false(endpoint_equal_address(&a, &b));
	assert_true(endpoint_parse(VIEW("[c000:201::]:25"), &b)); /* the same first four bytes */
	assert_false(endpoint_equal_address(&a, &b));
	assert_true(endpoint_parse(VIEW("[2001:db8::1]:25"), &a) && endpoint_parse(VIEW("[2001:db8::2]:25"), &b));
	assert_false(endpoint_equal_address(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endpoints_are_parsed_and_printed),
		cmocka_unit_test(special_addresses_are_known),
		cmocka_unit_test(addresses_are_compared_without_the_port),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

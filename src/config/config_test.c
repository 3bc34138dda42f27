#include "config/config.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/testing.h"

#include <stdio.h>

#define SERVICE   "service: { hostname: smtp.example.com }\n"
#define LISTENERS "listeners: [ { address: \"127.0.0.1:587\" } ]\n"
#define GOOD      SERVICE LISTENERS /* two lines */

#define TEN      "123456789/"
#define LONG     TEN TEN TEN TEN TEN TEN TEN TEN
#define HUNDRED  TEN TEN LONG
#define HUNDREDS HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED TEN LONG "12345"

/* ---- what is wrong, to the letter */

static const struct problem_case {
	const char *name;
	struct view yaml;
	const char *problems;
	bool good; /* only warnings */
} problem_cases[] = {
	{ "nothing wrong", VIEW_INIT(GOOD), "", true },
	{ "empty file", VIEW_INIT(""),
	  "f:1:1: service.hostname: is missing: full name of this host: greeting, EHLO, Received, certificate\n"
	  "f:1:1: warning: listeners: there are none, so no mail can be handed over\n",
	  false },
	{ "only a comment", VIEW_INIT("# to do\n--- # begins\n" GOOD), "", true },
	{ "document of nothing", VIEW_INIT("---\n"),
	  "f:2:1: service.hostname: is missing: full name of this host: greeting, EHLO, Received, certificate\n"
	  "f:2:1: warning: listeners: there are none, so no mail can be handed over\n",
	  false },
	{ "section of nothing", VIEW_INIT("service:\n" LISTENERS),
	  "f:1:1: service.hostname: is missing: full name of this host: greeting, EHLO, Received, certificate\n", false },
	{ "section with defaults", VIEW_INIT(GOOD "limits:\n"), "", true },
	{ "list at the top", VIEW_INIT("- a\n"), "f:1:1: expected keys with values at the top\n", false },
	{ "text at the top", VIEW_INIT("hello\n"), "f:1:1: expected keys with values at the top\n", false },
	{ "not YAML", VIEW_INIT(GOOD "limits: { rate\n"), "f:4:1: not valid YAML: did not find expected ',' or '}'\n",
	  false },
	{ "tab", VIEW_INIT("service:\n\thostname: x\n"),
	  "f:2:1: not valid YAML: found character that cannot start any token\n", false },
	{ "two documents", VIEW_INIT(GOOD "---\n" GOOD), "f:3:1: only one document is taken\n", false },
	{ "anchor", VIEW_INIT("service: { hostname: &h mx.example }\n"),
	  "f:1:22: anchors are not taken here: write the value out\n", false },
	{ "anchor of a section", VIEW_INIT("service: &s { hostname: mx.example }\n"),
	  "f:1:10: anchors are not taken here: write the value out\n", false },
	{ "alias", VIEW_INIT("log: *a\n"), "f:1:6: aliases are not taken here: write the value out\n", false },
	{ "tag", VIEW_INIT("service: !!map { hostname: mx.example }\n"), "f:1:10: tags are not taken here\n", false },
	{ "key that is a list", VIEW_INIT("[a]: b\n"), "f:1:1: a key must be a plain word\n", false },
	{ "too deep", VIEW_INIT("[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]"), "f:1:18: nested too deeply\n", false },
	{ "unknown key", VIEW_INIT(GOOD "quota: 5\n"),
	  "f:3:1: quota: unknown key; allowed here: service, state_directory, runtime_directory, user, processes, "
	  "listeners, tls, require, limits, dns, egress, delivery, queue, store, history, vault, api, log; did you mean "
	  "limits.quota?\n",
	  false },
	{ "nearly a key", VIEW_INIT(GOOD "log:\n  levle: info\n"),
	  "f:4:3: log.levle: unknown key; allowed here: format, to, level; did you mean level?\n", false },
	{ "a letter too few", VIEW_INIT(GOOD "log: { evel: info }\n"),
	  "f:3:8: log.evel: unknown key; allowed here: format, to, level; did you mean level?\n", false },
	{ "two letters too many", VIEW_INIT(GOOD "log: { leevels: info }\n"),
	  "f:3:8: log.leevels: unknown key; allowed here: format, to, level; did you mean level?\n", false },
	{ "UTF-16",
	  VIEW_INIT("\xff\xfe"
	            "l\0o\0g\0:\0 \0{\0}\0"),
	  "f:1:1: not valid YAML: invalid leading UTF-8 octet\n", false },
	{ "far from a key", VIEW_INIT(GOOD "log: { verbosity: 3 }\n"),
	  "f:3:8: log.verbosity: unknown key; allowed here: format, to, level\n", false },
	{ "unknown key in an item",
	  VIEW_INIT(GOOD "delivery:\n  connect_map: [ { from: a.example, to: \"127.0.0.1:1\","
	                 " form: b } ]\n"),
	  "f:4:56: delivery.connect_map[0].form: unknown key; allowed here: from, to; did you mean from?\n", false },
	{ "strange key", VIEW_INIT(GOOD "\"a\\e[31m\\0\": 1\nlog: { }\n"),
	  "f:3:1: a\\x1b[31m\\x00: unknown key; allowed here: service, state_directory, runtime_directory, user, "
	  "processes, listeners, tls, require, limits, dns, egress, delivery, queue, store, history, vault, api, log\n",
	  false },
	{ "key with a dot", VIEW_INIT(GOOD "log: { .format: json }\n"),
	  "f:3:8: log..format: unknown key; allowed here: format, to, level; did you mean format?\n", false },
	{ "full path as a key", VIEW_INIT(GOOD "history.retention: 4d\n"),
	  "f:3:1: history.retention: unknown key; allowed here: service, state_directory, runtime_directory, user, "
	  "processes, listeners, tls, require, limits, dns, egress, delivery, queue, store, history, vault, api, log; "
	  "did "
	  "you mean history.retention?\n",
	  false },
	{ "key twice", VIEW_INIT(GOOD "log: { level: info, level: debug }\n"),
	  "f:3:21: log.level: stands here twice, first in line 3\n", false },
	{ "section twice", VIEW_INIT(GOOD "log: { level: info }\nlog: { level: debug }\n"),
	  "f:4:1: log: stands here twice, first in line 3\n", false },
	{ "text for a section", VIEW_INIT(GOOD "limits: 5\n"), "f:3:1: limits: expected a section with keys of its own\n",
	  false },
	{ "list for a section", VIEW_INIT("service: [ hostname ]\n" LISTENERS),
	  "f:1:1: service: expected a section with keys of its own\n", false },
	{ "section for a text", VIEW_INIT(GOOD "user: { name: x }\n"),
	  "f:3:1: user: expected a name of at most 63 letters, digits, hyphens and underscores\n", false },
	{ "text for a list", VIEW_INIT(GOOD "dns: { resolvers: \"127.0.0.1:53\" }\n"),
	  "f:3:8: dns.resolvers: expected a list of ADDRESS:PORT such as 127.0.0.1:53\n", false },
	{ "text for an item", VIEW_INIT(SERVICE "listeners: [ \"127.0.0.1:587\" ]\n"),
	  "f:2:14: listeners[0]: expected a mapping: { key: value, ... }\n", false },
	{ "list for an address", VIEW_INIT(GOOD "api: { listen: [ [ ] ] }\n"),
	  "f:3:18: api.listen: expected ADDRESS:PORT such as 0.0.0.0:587 or [::]:465\n", false },
	{ "address without a port", VIEW_INIT(GOOD "api: { listen: [ \"127.0.0.1:8025\", \"::1\" ] }\n"),
	  "f:3:36: api.listen: \"::1\" is not ADDRESS:PORT such as 0.0.0.0:587 or [::]:465\n", false },
	{ "bad address", VIEW_INIT(GOOD "egress: [ { name: a, addresses: [ 192.0.2.1, 192.0.2.256 ] } ]\n"),
	  "f:3:46: egress[0].addresses: \"192.0.2.256\" is not an address such as 192.0.2.10 or 2001:db8::10\n", false },
	{ "no address", VIEW_INIT(GOOD "egress: [ { name: a, addresses: [ ] } ]\n"),
	  "f:3:22: egress[0].addresses: needs at least one\n", false },
	{ "no name", VIEW_INIT(GOOD "egress:\n  - addresses: [ 192.0.2.1 ]\n"),
	  "f:4:5: egress[0].name: is missing: name of the pool\n", false },
	{ "bad port", VIEW_INIT(SERVICE "listeners: [ { address: \"127.0.0.1:65536\" } ]\n"),
	  "f:2:16: listeners[0].address: \"127.0.0.1:65536\" is not ADDRESS:PORT such as 0.0.0.0:587 or [::]:465\n",
	  false },
	{ "name not among the allowed", VIEW_INIT(GOOD "require: { spf: enforced }\n"),
	  "f:3:12: require.spf: \"enforced\" is not allowed; allowed is: enforce, warn, off\n", false },
	{ "yes is not true", VIEW_INIT(GOOD "delivery: { allow_private_addresses: yes }\n"),
	  "f:3:13: delivery.allow_private_addresses: \"yes\" is not true or false\n", false },
	{ "number without its unit", VIEW_INIT(GOOD "limits: { rate: 10 }\n"),
	  "f:3:11: limits.rate: \"10\" is not a rate such as 10/s\n", false },
	{ "number with another unit", VIEW_INIT(GOOD "limits: { quota: 10/s }\n"),
	  "f:3:11: limits.quota: \"10/s\" is not a number a day such as 100000/d\n", false },
	{ "duration without its unit", VIEW_INIT(GOOD "dns: { grace: 30 }\n"),
	  "f:3:8: dns.grace: \"30\" is not a duration such as 30s, 5m, 4h or 3d\n", false },
	{ "weeks", VIEW_INIT(GOOD "dns: { grace: 1w }\n"),
	  "f:3:8: dns.grace: \"1w\" is not a duration such as 30s, 5m, 4h or 3d\n", false },
	{ "kilobytes", VIEW_INIT(GOOD "limits: { message_size: 25MB }\n"),
	  "f:3:11: limits.message_size: \"25MB\" is not a size such as 64KiB, 25MiB or 1GiB\n", false },
	{ "fraction", VIEW_INIT(GOOD "limits: { message_size: 2.5MiB }\n"),
	  "f:3:11: limits.message_size: \"2.5MiB\" is not a size such as 64KiB, 25MiB or 1GiB\n", false },
	{ "negative", VIEW_INIT(GOOD "limits: { burst: -1 }\n"), "f:3:11: limits.burst: \"-1\" is not a whole number\n",
	  false },
	{ "nothing for a number", VIEW_INIT(GOOD "limits: { burst: }\n"),
	  "f:3:11: limits.burst: \"\" is not a whole number\n", false },
	{ "too large", VIEW_INIT(GOOD "limits: { message_size: 1GiB }\n"),
	  "f:3:11: limits.message_size: 1GiB is out of bounds: allowed is 1KiB to 150MiB\n", false },
	{ "too small", VIEW_INIT(GOOD "dns: { min_ttl: 0s }\n"),
	  "f:3:8: dns.min_ttl: 0s is out of bounds: allowed is 1s to 1d\n", false },
	{ "too large for any number", VIEW_INIT(GOOD "limits: { message_size: 18446744073709551615GiB }\n"),
	  "f:3:11: limits.message_size: \"18446744073709551615GiB\" is not a size such as 64KiB, 25MiB or 1GiB\n",
	  false },
	{ "host name with a blank", VIEW_INIT("service: { hostname: \"a b\" }\n" LISTENERS),
	  "f:1:12: service.hostname: \"a b\" is not a host name such as smtp.example.com\n", false },
	{ "host name that is an address", VIEW_INIT("service: { hostname: 192.0.2.1 }\n" LISTENERS),
	  "f:1:12: service.hostname: \"192.0.2.1\" is not a host name such as smtp.example.com\n", false },
	{ "host name with a dot at the end", VIEW_INIT("service: { hostname: a.example. }\n" LISTENERS),
	  "f:1:12: service.hostname: \"a.example.\" is not a host name such as smtp.example.com\n", false },
	{ "host name with an underscore", VIEW_INIT("service: { hostname: a_b.example }\n" LISTENERS),
	  "f:1:12: service.hostname: \"a_b.example\" is not a host name such as smtp.example.com\n", false },
	{ "empty host name", VIEW_INIT("service: { hostname: \"\" }\n" LISTENERS),
	  "f:1:12: service.hostname: \"\" is not a host name such as smtp.example.com\n", false },
	{ "selector with an underscore", VIEW_INIT("service: { hostname: a.example, dkim_selector: a_b }\n" LISTENERS),
	  "f:1:33: service.dkim_selector: \"a_b\" is not a DKIM selector such as s1\n", false },
	{ "empty path", VIEW_INIT(GOOD "state_directory: \"\"\n"),
	  "f:3:1: state_directory: \"\" is not a path of at most 1000 bytes\n", false },
	{ "NUL in a path", VIEW_INIT(GOOD "state_directory: \"/a\\0b\"\n"),
	  "f:3:1: state_directory: \"/a\\x00b\" is not a path of at most 1000 bytes\n", false },
	{ "NUL in a path of a list", VIEW_INIT(GOOD "dns: { zone_files: [ \"a\\0b\" ] }\n"),
	  "f:3:22: dns.zone_files: \"a\\x00b\" is not a path of at most 1000 bytes\n", false },
	{ "other URL", VIEW_INIT("service: { hostname: a.example, console_url: \"ftp://a\" }\n" LISTENERS),
	  "f:1:33: service.console_url: \"ftp://a\" is not a URL such as https://console.example.com\n", false },
	{ "URL with a blank", VIEW_INIT("service: { hostname: a.example, console_url: \"https://a b\" }\n" LISTENERS),
	  "f:1:33: service.console_url: \"https://a b\" is not a URL such as https://console.example.com\n", false },
	{ "several at once", VIEW_INIT(GOOD "limits: { rate: 1, burst: x }\nlog: { level: loud }\n"),
	  "f:3:11: limits.rate: \"1\" is not a rate such as 10/s\n"
	  "f:3:20: limits.burst: \"x\" is not a whole number\n"
	  "f:4:8: log.level: \"loud\" is not allowed; allowed is: debug, info, warning, error\n",
	  false },
};

/* ---- relations */

static const struct problem_case relation_cases[] = {
	{ "nobody can log in", VIEW_INIT(SERVICE "listeners: [ { address: \"127.0.0.1:25\", tls: none } ]\n"),
	  "f:2:14: warning: listeners[0]: without TLS nobody can log in here; add plaintext_auth: true if the network is "
	  "protected otherwise\n",
	  true },
	{ "plain passwords wanted",
	  VIEW_INIT(SERVICE "listeners: [ { address: \"127.0.0.1:25\", tls: none, plaintext_auth: true } ]\n"), "",
	  true },
	{ "PROXY protocol", VIEW_INIT(SERVICE "listeners: [ { address: \"127.0.0.1:25\", proxy_protocol: true } ]\n"),
	  "f:2:14: listeners[0]: proxy_protocol: true is not built yet; allowed is: false\n", false },
	{ "same listener twice",
	  VIEW_INIT(SERVICE "listeners:\n  - { address: \"[::1]:25\" }\n  - { address: \"[::]:25\" }\n"
	                    "  - { address: \"[0::1]:25\" }\n"),
	  "f:5:5: listeners[2]: the address is that of listeners[0]\n", false },
	{ "any free port twice",
	  VIEW_INIT(SERVICE "listeners: [ { address: \"127.0.0.1:0\" }, { address: \"127.0.0.1:0\" } ]\n"), "", true },
	{ "API on a listener's address", VIEW_INIT(GOOD "api: { listen: [ \"127.0.0.1:587\" ] }\n"),
	  "f:3:18: api.listen[0]: the address is used already\n", false },
	{ "API for the world", VIEW_INIT(GOOD "api: { listen: [ \"[::1]:80\", \"0.0.0.0:80\" ] }\n"),
	  "f:3:30: warning: api.listen[1]: HTTP without TLS on an address that is not loopback; put a proxy that speaks "
	  "HTTPS before it\n",
	  true },
	{ "certificate without its key", VIEW_INIT(GOOD "tls: { certificate: /c }\n"),
	  "f:3:1: tls.key: is missing: a certificate needs its key\n", false },
	{ "key without its certificate", VIEW_INIT(GOOD "tls: { key: /k }\n"),
	  "f:3:1: tls.certificate: is missing: a key needs its certificate\n", false },
	{ "PostgreSQL", VIEW_INIT(GOOD "store: { engine: postgresql, url: \"postgresql:///x\" }\n"),
	  "f:3:10: store.engine: postgresql is not built yet; allowed is: embedded\n", false },
	{ "URL of an embedded store", VIEW_INIT(GOOD "store: { engine: embedded, url: \"postgresql:///x\" }\n"),
	  "f:3:28: store.url: the embedded engine has none; it is for postgresql, which is not built yet\n", false },
	{ "TTLs crossed", VIEW_INIT(GOOD "dns:\n  max_ttl: 1m\n  min_ttl: 2m\n"),
	  "f:5:3: dns.min_ttl: is longer than dns.max_ttl\n", false },
	{ "TTLs crossed by a default", VIEW_INIT(GOOD "dns: { max_ttl: 5s }\n"),
	  "f:3:1: dns.min_ttl: is longer than dns.max_ttl\n", false },
	{ "first wait above the longest", VIEW_INIT(GOOD "queue: { retry: { first: 5h } }\n"),
	  "f:3:19: queue.retry.first: is longer than queue.retry.max\n", false },
	{ "ends before the second attempt", VIEW_INIT(GOOD "queue: { retry: { expire: 30s, delay_warning: 0s } }\n"),
	  "f:3:19: queue.retry.expire: is shorter than queue.retry.first, so nothing is tried twice\n", false },
	{ "warning too late", VIEW_INIT(GOOD "queue: { retry: { expire: 4h } }\n"),
	  "f:3:10: warning: queue.retry.delay_warning: is not shorter than queue.retry.expire, so none is sent\n", true },
	{ "memory for less than a message", VIEW_INIT(GOOD "limits: { memory: 1MiB }\n"),
	  "f:3:11: limits.memory: is smaller than limits.message_size, so the largest message never fits\n", false },
	{ "egress twice",
	  VIEW_INIT(GOOD "egress: [ { name: a, addresses: [ 192.0.2.1 ] }, { name: a, addresses: [ 192.0.2.2 ] } ]\n"),
	  "f:3:50: egress[1]: the name is that of egress[0]\n", false },
	{ "SPF name that gets no mail",
	  VIEW_INIT("service: { hostname: mx.example, spf_include: _spf.example }\n" LISTENERS),
	  "f:1:1: service.domain: is missing, and service.spf_include cannot stand for it: no mail goes to a name with "
	  "_\n",
	  false },
	{ "state's path too long",
	  VIEW_INIT("service: { hostname: mx.example }\nstate_directory: " HUNDREDS "\n" LISTENERS),
	  "f:1:1: vault.key_file: state_directory is too long; give a path of its own\n", false },
	{ "state's path too long for any use",
	  VIEW_INIT("service: { hostname: mx.example }\nstate_directory: " HUNDREDS "123456\n" LISTENERS),
	  "f:2:1: state_directory: \"" LONG "...\" is not a path of at most 1000 bytes\n", false },
	{ "socket's path too long",
	  VIEW_INIT(GOOD
	            "runtime_directory: /1234567890/1234567890/1234567890/1234567890/1234567890/1234567890/1234567890/"
	            "1234567890/1234567890\n"),
	  "f:1:1: api.socket: the path /1234567890/1234567890/1234567890/1234567890/1234567890/1234567890/1234567890/"
	  "1234567890/1234567890/api.sock is longer than the 107 bytes that a socket's may have\n",
	  false },
};

static void check_problems(const struct problem_case *row)
{
	struct config_problems problems = { 0 };
	struct text said = TEXT_LIMIT(100000);
	struct config *config = config_parse(row->yaml, "f", &problems);
	config_problems_write(&problems, "f", &said);
	expect_view(row->name, text_view(&said), view_of(row->problems));
	expect_number(row->name, config != NULL, row->good);
	config_free(config);
	text_deinit(&said);
	config_problems_deinit(&problems);
}

static void test_problems(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(problem_cases); i++)
		check_problems(&problem_cases[i]);
	for (size_t i = 0; i < CASES(relation_cases); i++)
		check_problems(&relation_cases[i]);
}

static void test_many_problems(void **state)
{
	(void)state;
	struct text yaml = TEXT_LIMIT(100000);
	struct text said = TEXT_LIMIT(100000);
	struct config_problems problems = { 0 };
	text_add(&yaml, VIEW(SERVICE "listeners: [ { address: \"127.0.0.1:25\", tls: none } ]\nlog:\n"));
	for (unsigned i = 0; i < 25; i++)
		text_print(&yaml, "  a%u: 1\n", i);
	assert_null(config_parse(text_view(&yaml), "f", &problems));
	assert_int_equal(problems.error_count, 25);
	assert_int_equal(problems.count, CONFIG_PROBLEMS_MOST);
	config_problems_write(&problems, "f", &said);
	assert_true(view_ends(text_view(&said), VIEW("\nf: and 5 more\n")));
	config_problems_deinit(&problems);
	text_deinit(&yaml);
	text_deinit(&said);
}

static void test_limits_of_the_file(void **state)
{
	(void)state;
	struct text text = TEXT_LIMIT(4000000);
	struct text said = TEXT_LIMIT(1000);
	struct config_problems problems = { 0 };
	while (text.length <= 1 << 20)
		text_add(&text, VIEW("# nothing but words\n"));
	assert_null(config_parse(text_view(&text), "f", &problems));
	config_problems_write(&problems, "f", &said);
	assert_string_equal(text_cstring(&said), "f: is larger than 1MiB\n");
	config_problems_deinit(&problems);

	text_clear(&text);
	text_clear(&said);
	text_add(&text, VIEW("dns: { zone_files: ["));
	for (unsigned i = 0; i < 10001; i++)
		text_add(&text, VIEW("a,"));
	assert_null(config_parse(text_view(&text), "f", &problems));
	config_problems_write(&problems, "f", &said);
	assert_non_null(strstr(text_cstring(&said), "too many entries"));
	config_problems_deinit(&problems);

	text_clear(&text);
	text_clear(&said);
	text_add(&text, VIEW(GOOD "dns: { zone_files: ["));
	for (unsigned i = 0; i < 65; i++)
		text_add(&text, VIEW("a,"));
	text_add(&text, VIEW("] }\n"));
	assert_null(config_parse(text_view(&text), "f", &problems));
	config_problems_write(&problems, "f", &said);
	assert_string_equal(text_cstring(&said), "f:3:8: dns.zone_files: more than 64 entries\n");
	config_problems_deinit(&problems);
	text_deinit(&text);
	text_deinit(&said);
}

/* ---- what is right */

static struct config *parse_good(struct view yaml)
{
	struct config_problems problems = { 0 };
	struct text said = TEXT_LIMIT(100000);
	struct config *config = config_parse(yaml, "f", &problems);
	config_problems_write(&problems, "f", &said);
	expect_view("no problem", text_view(&said), VIEW(""));
	assert_non_null(config);
	text_deinit(&said);
	config_problems_deinit(&problems);
	return config;
}

static void test_defaults(void **state)
{
	(void)state;
	struct config *config = parse_good(VIEW("service: { name: relay, hostname: Smtp.Example.COM }\n" LISTENERS));
	expect_view("hostname", config->service.hostname, VIEW("smtp.example.com"));
	expect_view("spf_include", config->service.spf_include, VIEW("smtp.example.com"));
	expect_view("domain", config->service.domain, VIEW("smtp.example.com"));
	expect_view("token_prefix", config->service.token_prefix, VIEW("relay-mrs"));
	expect_view("dkim_selector", config->service.dkim_selector, VIEW("relay"));
	expect_view("console_url", config->service.console_url, VIEW(""));
	expect_view("key_file", config->vault.key_file, VIEW("/var/lib/sealpost/vault.key"));
	expect_view("socket", config->api.socket, VIEW("/run/sealpost/api.sock"));
	expect_view("trust anchors", config->dns.trust_anchors.items[0], VIEW("/usr/share/dns/root.key"));
	assert_int_equal(config->dns.trust_anchors.count, 1);
	assert_int_equal(config->dns.resolvers.count, 0);
	assert_int_equal(config->require.token, CONFIG_ENFORCE);
	assert_int_equal(config->require.dmarc, CONFIG_ENFORCE);
	assert_int_equal(config->limits.message_size, 25 * 1024 * 1024);
	assert_int_equal(config->limits.rate, 10);
	assert_int_equal(config->limits.quota, 100000);
	assert_int_equal(config->limits.max_wait, 30 * SECOND);
	assert_int_equal(config->dns.min_ttl, 10 * SECOND);
	assert_int_equal(config->dns.max_ttl, HOUR);
	assert_int_equal(config->dns.grace, DAY);
	assert_int_equal(config->queue.retry.expire, 5 * DAY);
	assert_int_equal(config->delivery.connections, 10);
	assert_int_equal(config->delivery.messages, 100);
	assert_int_equal(config->delivery.mode, DELIVERY_SEND);
	assert_int_equal(config->listeners[0].tls, CONFIG_TLS_STARTTLS);
	assert_int_equal(config->listeners[0].bare_newline, BARE_NEWLINE_NORMALIZE);
	assert_int_equal(config->log.format, LOG_JSON);
	assert_int_equal(config->log.level, LOG_INFO);
	config_free(config);
	config = parse_good(VIEW("service: { hostname: mx.example.com, domain: example.com }\n" LISTENERS));
	expect_view("spf_include by domain", config->service.spf_include, VIEW("example.com"));
	config_free(config);
	config = parse_good(VIEW("service: { hostname: mx.example.com, spf_include: example.net }\n" LISTENERS));
	expect_view("domain by spf_include", config->service.domain, VIEW("example.net"));
	config_free(config);
}

static void test_values(void **state)
{
	(void)state;
	struct config *config = parse_good(
		VIEW("service: { hostname: mx.example, spf_include: _SPF.example, domain: example, "
	         "console_url: \"https://console.example//\" }\n"
	         "listeners:\n"
	         "  - { address: \"0.0.0.0:587\", bare_newline: refuse }\n"
	         "  - { address: \"[2001:db8::1]:465\", tls: implicit }\n"
	         "egress: [ { name: a_1, addresses: [ 192.0.2.1, \"2001:db8::10\" ] } ]\n"
	         "delivery: { mode: capture, port: 2525, connect_map: [ { from: MX.example.net, to: \"127.0.0.1:1\" },"
	         " { from: \"192.0.2.1:25\", to: \"[::1]:2\" } ] }\n"
	         "limits: { message_size: 65536, quota: 1/d }\n"
	         "log: { format: text, level: error }\n"));
	expect_view("spf_include", config->service.spf_include, VIEW("_spf.example"));
	expect_view("domain", config->service.domain, VIEW("example"));
	expect_view("console_url", config->service.console_url, VIEW("https://console.example"));
	assert_int_equal(config->listener_count, 2);
	assert_int_equal(config->listeners[0].address.family, 4);
	assert_int_equal(config->listeners[0].bare_newline, BARE_NEWLINE_REFUSE);
	assert_int_equal(config->listeners[1].address.family, 6);
	assert_int_equal(config->listeners[1].address.port, 465);
	assert_int_equal(config->listeners[1].tls, CONFIG_TLS_IMPLICIT);
	assert_int_equal(config->egress_count, 1);
	expect_view("ehlo", config->egress[0].ehlo, VIEW("mx.example"));
	expect_view("address", config->egress[0].addresses.items[1], VIEW("2001:db8::10"));
	assert_int_equal(config->delivery.mode, DELIVERY_CAPTURE);
	assert_int_equal(config->delivery.connect_map_count, 2);
	expect_view("from", config->delivery.connect_map[0].from, VIEW("mx.example.net"));
	assert_int_equal(config->delivery.connect_map[1].to.port, 2);
	assert_int_equal(config->limits.message_size, 65536);
	assert_int_equal(config->log.format, LOG_TEXT);
	assert_int_equal(config->log.level, LOG_ERROR);
	config_free(config);
}

/* What is shown as in force gives the same configuration again. */
static void check_round_trip_by(void (*show)(const struct config *config, struct text *text), const char *name,
                                struct view yaml)
{
	struct text first = TEXT_LIMIT(1 << 20);
	struct text second = TEXT_LIMIT(1 << 20);
	struct config_problems problems = { 0 };
	struct config *config = config_parse(yaml, name, &problems);
	assert_non_null(config);
	show(config, &first);
	config_free(config);
	config_problems_deinit(&problems);
	config = config_parse(text_view(&first), name, &problems);
	assert_non_null(config);
	show(config, &second);
	expect_view(name, text_view(&second), text_view(&first));
	config_free(config);
	config_problems_deinit(&problems);
	text_deinit(&first);
	text_deinit(&second);
}

static void check_round_trip(const char *name, struct view yaml)
{
	check_round_trip_by(config_write_effective, name, yaml);
	check_round_trip_by(config_write_effective_json, name, yaml);
}

static void test_round_trips(void **state)
{
	(void)state;
	check_round_trip("selector as the name is written", VIEW("service: { hostname: mx.example, name: relX }\n"));
	check_round_trip("nothing but what must be", VIEW(SERVICE));
}

static void test_file(void **state)
{
	(void)state;
	static const char *const files[] = { "example", "unicode" };
	for (size_t i = 0; i < CASES(files); i++) {
		static char yaml[10000];
		char path[1024];
		snprintf(path, sizeof(path), "%s/%s", CORPUS, files[i]);
		FILE *file = fopen(path, "r");
		assert_non_null(file);
		const size_t length = fread(yaml, 1, sizeof(yaml), file);
		fclose(file);
		check_round_trip(files[i], view_bytes(yaml, length));
		if (i == 0)
			config_free(parse_good(view_bytes(yaml, length)));
	}
}

static void expect_part(struct view text, const char *part)
{
	if (view_find(text, view_of(part)) == VIEW_NOT_FOUND)
		fail_msg("not there: %s\nin: %.*s", part, VIEW_PRINT(text));
}

static void test_effective(void **state)
{
	(void)state;
	struct config *config = parse_good(VIEW("service: { hostname: mx.example, name: relay }\n" LISTENERS
	                                        "egress: [ { name: a, addresses: [ 192.0.2.1, 192.0.2.2 ] } ]\n"
	                                        "api: { listen: [ \"127.0.0.1:1\", \"[::1]:2\" ] }\n"
	                                        "user: _mail\n"
	                                        "dns: { zone_files: [ \"z \\\"\\u00e5\\U0001f4e7\\\\\" ] }\n"));
	struct text yaml = TEXT_LIMIT(1 << 20);
	struct text json = TEXT_LIMIT(1 << 20);
	config_write_effective(config, &yaml);
	config_write_effective_json(config, &json);
	static const char *const parts[] = {
		"service:\n  name: \"relay\"\n  hostname: \"mx.example\"\n",
		"\nlisteners:\n  - { address: \"127.0.0.1:587\", tls: starttls, bare_newline: normalize, plaintext_auth: "
		"false, "
		"proxy_protocol: false }\n",
		"\nuser: \"_mail\"\n",
		"\n  message_size: 25MiB\n",
		"\n  rate: 10/s\n",
		"\n  zone_files: [ \"z \\\"\\u00e5\\U0001f4e7\\\\\" ]\n",
		"\n  grace: 1d\n",
		"\n  - { name: \"a\", addresses: [ \"192.0.2.1\", \"192.0.2.2\" ], ehlo: \"mx.example\" }\n",
		"\n  listen: [ \"127.0.0.1:1\", \"[::1]:2\" ]\n",
		"\n  connect_map: []\n",
		"\n  retry:\n    first: 1m\n",
	};
	static const char *const json_parts[] = {
		"{\"service\":{\"name\":\"relay\",\"hostname\":\"mx.example\",",
		",\"listeners\":[{\"address\":\"127.0.0.1:587\",\"tls\":\"starttls\",\"bare_newline\":\"normalize\",",
		",\"plaintext_auth\":false,\"proxy_protocol\":false}],",
		"\"limits\":{\"message_size\":\"25MiB\",\"recipients\":1000,\"rate\":\"10/s\",",
		",\"zone_files\":[\"z \\\"\u00e5\U0001f4e7\\\\\"],",
		",\"grace\":\"1d\",",
		"\"egress\":[{\"name\":\"a\",\"addresses\":[\"192.0.2.1\",\"192.0.2.2\"],\"ehlo\":\"mx.example\"}],",
		",\"listen\":[\"127.0.0.1:1\",\"[::1]:2\"]}",
		",\"connect_map\":[]}",
		"\"queue\":{\"retry\":{\"first\":\"1m\",",
	};
	for (size_t i = 0; i < CASES(parts); i++)
		expect_part(text_view(&yaml), parts[i]);
	for (size_t i = 0; i < CASES(json_parts); i++)
		expect_part(text_view(&json), json_parts[i]);
	config_free(config);
	text_deinit(&yaml);
	text_deinit(&json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_many_problems),
		cmocka_unit_test(test_limits_of_the_file),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_effective),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

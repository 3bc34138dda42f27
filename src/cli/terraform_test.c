#include "cli/terraform.h"

#include "base/testing.h"

/* A token and SPF at the domain, a key below it, and what HCL would take for a template. */
static const char records[] = "[{\"name\":\"example.com\",\"value\":\"t=1\"},"
							  "{\"name\":\"s._domainkey.example.com\",\"value\":\"p=\\\"a\\\\b\\\"\"},"
							  "{\"name\":\"example.com\",\"value\":\"v=spf1 exists:%{i}.x ${a} 5% $ -all\"}]";
static const char wanted[] = "resource \"dns_txt_record_set\" \"sealpost_example_com\" {\n"
							 "  zone = \"example.com.\"\n"
							 "  txt = [\n"
							 "    \"t=1\",\n"
							 "    \"v=spf1 exists:%%{i}.x $${a} 5% $ -all\",\n"
							 "  ]\n"
							 "  ttl = 3600\n"
							 "}\n\n"
							 "resource \"dns_txt_record_set\" \"sealpost_s__domainkey_example_com\" {\n"
							 "  zone = \"example.com.\"\n"
							 "  name = \"s._domainkey\"\n"
							 "  txt = [\n"
							 "    \"p=\\\"a\\\\b\\\"\",\n"
							 "  ]\n"
							 "  ttl = 3600\n"
							 "}\n\n";

static void test_resources(void **state)
{
	(void)state;
	struct text text = TEXT_LIMIT(65536);
	json_t *rows = json_loads(records, 0, NULL);
	assert_non_null(rows);
	for (size_t i = 0; i < json_array_size(rows); i++)
		terraform_add_name(&text, VIEW("example.com"), rows, i);
	expect_view("all", text_view(&text), view_of(wanted));
	json_decref(rows);
	text_deinit(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_resources) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

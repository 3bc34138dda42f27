#include "mail/dkim.h"

#include "base/testing.h"
#include "mail/dkim_tags.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#define P "p=AAEC"

static const struct key_case {
	const char *name;
	struct view record;
	enum dkim_key_fault fault;
	struct dkim_key key; /* all but the key's bytes */
} key_cases[] = {
	{ "usual", VIEW_INIT("v=DKIM1; k=rsa; " P), DKIM_KEY_GOOD, { .allows_sha256 = true, .allows_email = true } },
	{ "no k", VIEW_INIT("v=DKIM1; " P), DKIM_KEY_GOOD, { .allows_sha256 = true, .allows_email = true } },
	{ "p alone", VIEW_INIT(P), DKIM_KEY_GOOD, { .allows_sha256 = true, .allows_email = true } },
	{ "ed25519",
	  VIEW_INIT("v=DKIM1; k=ed25519; " P),
	  DKIM_KEY_GOOD,
	  { .algorithm = DKIM_ED25519_SHA256, .allows_sha256 = true, .allows_email = true } },
	{ "blanks everywhere",
	  VIEW_INIT(" v = DKIM1 ;\tk = rsa ; p = AA EC ; "),
	  DKIM_KEY_GOOD,
	  { .allows_sha256 = true, .allows_email = true } },
	{ "no blanks",
	  VIEW_INIT("v=DKIM1;k=rsa;" P ";"),
	  DKIM_KEY_GOOD,
	  { .allows_sha256 = true, .allows_email = true } },
	{ "unknown tags",
	  VIEW_INIT("v=DKIM1; n=a note; x=y; " P),
	  DKIM_KEY_GOOD,
	  { .allows_sha256 = true, .allows_email = true } },
	{ "flags",
	  VIEW_INIT("v=DKIM1; t=y : s; " P),
	  DKIM_KEY_GOOD,
	  { .testing = true, .strict = true, .allows_sha256 = true, .allows_email = true } },
	{ "sha1 only", VIEW_INIT("v=DKIM1; h=sha1; " P), DKIM_KEY_GOOD, { .allows_email = true } },
	{ "sha1 and sha256",
	  VIEW_INIT("v=DKIM1; h=sha1:sha256; " P),
	  DKIM_KEY_GOOD,
	  { .allows_sha256 = true, .allows_email = true } },
	{ "not for mail", VIEW_INIT("v=DKIM1; s=tlsrpt; " P), DKIM_KEY_GOOD, { .allows_sha256 = true } },
	{ "for everything",
	  VIEW_INIT("v=DKIM1; s=*; " P),
	  DKIM_KEY_GOOD,
	  { .allows_sha256 = true, .allows_email = true } },
	{ "not padded", VIEW_INIT("p=AAE"), DKIM_KEY_GOOD, { .allows_sha256 = true, .allows_email = true } },
	{ "empty", VIEW_INIT(""), DKIM_KEY_SYNTAX, { 0 } },
	{ "not tags", VIEW_INIT("hello"), DKIM_KEY_SYNTAX, { 0 } },
	{ "no name", VIEW_INIT("=a; " P), DKIM_KEY_SYNTAX, { 0 } },
	{ "an empty tag", VIEW_INIT("v=DKIM1;; " P), DKIM_KEY_SYNTAX, { 0 } },
	{ "an empty tag in front", VIEW_INIT("; " P), DKIM_KEY_SYNTAX, { 0 } },
	{ "an empty tag behind", VIEW_INIT(P "; ;"), DKIM_KEY_SYNTAX, { 0 } },
	{ "a control character", VIEW_INIT("v=DKIM1; n=a\1b; " P), DKIM_KEY_SYNTAX, { 0 } },
	{ "a delete", VIEW_INIT("v=DKIM1; n=\177; " P), DKIM_KEY_SYNTAX, { 0 } },
	{ "a fold",
	  VIEW_INIT("v=DKIM1; n=a\r\n\tb; " P),
	  DKIM_KEY_GOOD,
	  { .allows_sha256 = true, .allows_email = true } },
	{ "a tag twice", VIEW_INIT("v=DKIM1; " P "; " P), DKIM_KEY_SYNTAX, { 0 } },
	{ "version later", VIEW_INIT("k=rsa; v=DKIM1; " P), DKIM_KEY_VERSION, { 0 } },
	{ "another version", VIEW_INIT("v=DKIM2; " P), DKIM_KEY_VERSION, { 0 } },
	{ "version in lower case", VIEW_INIT("v=dkim1; " P), DKIM_KEY_VERSION, { 0 } },
	{ "revoked", VIEW_INIT("v=DKIM1; p="), DKIM_KEY_REVOKED, { 0 } },
	{ "revoked, with a blank", VIEW_INIT("v=DKIM1; p= ;"), DKIM_KEY_REVOKED, { 0 } },
	{ "no key", VIEW_INIT("v=DKIM1; k=rsa"), DKIM_KEY_NO_KEY, { 0 } },
	{ "stray quotes", VIEW_INIT("v=DKIM1; p=AA\" \"EC"), DKIM_KEY_BASE64, { 0 } },
	{ "backslash", VIEW_INIT("v=DKIM1\\; " P), DKIM_KEY_VERSION, { 0 } },
	{ "one digit too many", VIEW_INIT("p=AAECA"), DKIM_KEY_BASE64, { 0 } },
	{ "unknown algorithm", VIEW_INIT("v=DKIM1; k=dsa; " P), DKIM_KEY_ALGORITHM, { 0 } },
};

static void records(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	for (size_t i = 0; i < CASES(key_cases); i++) {
		const struct key_case *row = &key_cases[i];
		struct dkim_key key = { .testing = true };
		expect_number(row->name, dkim_key_parse(row->record, &arena, &key), row->fault);
		assert_true(dkim_key_fault_text(row->fault).length > 0);
		if (row->fault != DKIM_KEY_GOOD) {
			/* Untouched. */
			expect_number(row->name, key.testing && key.key.length == 0, true);
			continue;
		}
		expect_number(row->name, key.algorithm, row->key.algorithm);
		expect_number(row->name, key.testing, row->key.testing);
		expect_number(row->name, key.strict, row->key.strict);
		expect_number(row->name, key.allows_sha256, row->key.allows_sha256);
		expect_number(row->name, key.allows_email, row->key.allows_email);
		expect_number(row->name, view_starts(key.key, VIEW("\0\1")), true);
	}
	arena_deinit(&arena);
}

static void too_many_tags(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	struct text record = TEXT_LIMIT(1024);
	struct dkim_key key;
	for (unsigned i = 0; i < DKIM_TAGS_MOST; i++)
		text_print(&record, "x%u=1; ", i);
	text_add(&record, VIEW(P));
	assert_int_equal(dkim_key_parse(text_view(&record), &arena, &key), DKIM_KEY_SYNTAX);
	text_deinit(&record);
	arena_deinit(&arena);
}

/* RFC 4871 3.6.1 */
static const struct granularity_case {
	const char *name;
	struct view record;
	struct view local_part;
	bool fits;
} granularity_cases[] = {
	{ "none", VIEW_INIT("v=DKIM1; " P), VIEW_INIT("tom"), true },
	{ "none, nobody", VIEW_INIT("v=DKIM1; " P), VIEW_INIT(""), true },
	{ "any", VIEW_INIT("v=DKIM1; g=*; " P), VIEW_INIT("tom"), true },
	{ "any, nobody", VIEW_INIT("v=DKIM1; g=*; " P), VIEW_INIT(""), true },
	{ "exactly", VIEW_INIT("v=DKIM1; g=tom; " P), VIEW_INIT("tom"), true },
	{ "in other letters", VIEW_INIT("v=DKIM1; g=tom; " P), VIEW_INIT("Tom"), false },
	{ "another", VIEW_INIT("v=DKIM1; g=tom; " P), VIEW_INIT("tim"), false },
	{ "nobody", VIEW_INIT("v=DKIM1; g=tom; " P), VIEW_INIT(""), false },
	{ "begins and ends", VIEW_INIT("v=DKIM1; g=t*m; " P), VIEW_INIT("tm"), true },
	{ "begins and ends, with more", VIEW_INIT("v=DKIM1; g=t*m; " P), VIEW_INIT("tom.tim"), true },
	{ "ends in another", VIEW_INIT("v=DKIM1; g=t*m; " P), VIEW_INIT("tom.tin"), false },
	{ "begins with another", VIEW_INIT("v=DKIM1; g=t*m; " P), VIEW_INIT("atom"), false },
	{ "one byte is not both", VIEW_INIT("v=DKIM1; g=t*t; " P), VIEW_INIT("t"), false },
	{ "empty", VIEW_INIT("v=DKIM1; g=; " P), VIEW_INIT("tom"), false },
	{ "empty, nobody", VIEW_INIT("v=DKIM1; g=; " P), VIEW_INIT(""), false },
	{ "empty, of DomainKeys", VIEW_INIT("g=; " P), VIEW_INIT("tom"), true },
};

static void granularity(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	for (size_t i = 0; i < CASES(granularity_cases); i++) {
		const struct granularity_case *row = &granularity_cases[i];
		struct dkim_key key;
		expect_number(row->name, dkim_key_parse(row->record, &arena, &key), DKIM_KEY_GOOD);
		expect_number(row->name, dkim_key_is_for(&key, row->local_part), row->fits);
	}
	arena_deinit(&arena);
}

/* RFC 6376 2.11 */
static const struct decode_case {
	const char *name;
	struct view value;
	struct view decoded;
} decode_cases[] = {
	{ "as it is", VIEW_INIT("tom@example.com"), VIEW_INIT("tom@example.com") },
	{ "empty", VIEW_INIT(""), VIEW_INIT("") },
	{ "bytes", VIEW_INIT("t=6Fm=40example=2Ecom"), VIEW_INIT("tom@example.com") },
	{ "in lower case", VIEW_INIT("t=6fm=3b"), VIEW_INIT("tom;") },
	{ "at both ends", VIEW_INIT("=41=42"), VIEW_INIT("AB") },
	{ "an equals sign", VIEW_INIT("=3D41"), VIEW_INIT("=41") },
	{ "zero", VIEW_INIT("a=00b"), VIEW_INIT("a\0b") },
	{ "blanks", VIEW_INIT("tom\r\n\t @ex ample.com"), VIEW_INIT("tom@example.com") },
	{ "no digits", VIEW_INIT("a=zzb"), VIEW_INIT("a=zzb") },
	{ "one digit", VIEW_INIT("a=4zb"), VIEW_INIT("a=4zb") },
	{ "cut", VIEW_INIT("a=4"), VIEW_INIT("a=4") },
	{ "cut before", VIEW_INIT("a="), VIEW_INIT("a=") },
};

static void decoding(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	for (size_t i = 0; i < CASES(decode_cases); i++)
		expect_view(decode_cases[i].name, dkim_tag_decode(decode_cases[i].value, &arena), decode_cases[i].decoded);
	arena_deinit(&arena);
}

/* A real key, as SubjectPublicKeyInfo and as RSAPublicKey. */
struct rsa {
	EVP_PKEY *key;
	unsigned char *info;
	unsigned char *bare;
	struct view info_view;
	struct view bare_view;
};

static struct rsa rsa_make(void)
{
	struct rsa rsa = { .key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024) };
	assert_non_null(rsa.key);
	rsa.info_view = view_bytes(NULL, (size_t)i2d_PUBKEY(rsa.key, &rsa.info));
	rsa.bare_view = view_bytes(NULL, (size_t)i2d_PublicKey(rsa.key, &rsa.bare));
	rsa.info_view.data = (const char *)rsa.info;
	rsa.bare_view.data = (const char *)rsa.bare;
	return rsa;
}

static void rsa_free(struct rsa *rsa)
{
	OPENSSL_free(rsa->info);
	OPENSSL_free(rsa->bare);
	EVP_PKEY_free(rsa->key);
}

static bool equals(enum dkim_algorithm algorithm, struct view theirs, struct view ours)
{
	const struct dkim_key key = { .algorithm = algorithm, .key = theirs };
	return dkim_key_equals(&key, DKIM_RSA_SHA256, ours);
}

static void comparison(void **state)
{
	(void)state;
	struct rsa ours = rsa_make();
	struct rsa other = rsa_make();
	assert_true(equals(DKIM_RSA_SHA256, ours.info_view, ours.info_view));
	assert_true(equals(DKIM_RSA_SHA256, ours.bare_view, ours.info_view));
	assert_false(equals(DKIM_ED25519_SHA256, ours.info_view, ours.info_view));
	assert_false(equals(DKIM_RSA_SHA256, other.info_view, ours.info_view));
	assert_false(equals(DKIM_RSA_SHA256, other.bare_view, ours.info_view));
	/* A key that lost its begin or its end is no key. */
	for (size_t i = 1; i < ours.info_view.length; i++) {
		const struct view rest = view_from(ours.info_view, i);
		if (!view_equal(rest, ours.bare_view) && equals(DKIM_RSA_SHA256, rest, ours.info_view))
			fail_msg("equal without the first %zu bytes", i);
		if (equals(DKIM_RSA_SHA256, view_first(ours.info_view, i), ours.info_view))
			fail_msg("equal with only %zu bytes", i);
	}
	/* Of ours only what is a SubjectPublicKeyInfo has a bare key in it. */
	for (size_t i = 0; i < ours.info_view.length; i++)
		assert_false(equals(DKIM_RSA_SHA256, ours.bare_view, view_first(ours.info_view, i)));
	assert_false(equals(DKIM_RSA_SHA256, VIEW_NONE, VIEW_NONE));
	rsa_free(&ours);
	rsa_free(&other);
}

static void round_trip(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	struct rsa ours = rsa_make();
	struct text record = TEXT_LIMIT(1024);
	struct dkim_key key;
	dkim_key_write(DKIM_RSA_SHA256, ours.info_view, &record);
	assert_true(view_starts(text_view(&record), VIEW("v=DKIM1; k=rsa; p=MIGf")));
	assert_int_equal(dkim_key_parse(text_view(&record), &arena, &key), DKIM_KEY_GOOD);
	assert_true(dkim_key_equals(&key, DKIM_RSA_SHA256, ours.info_view));
	/* RFC 8463 A.2. */
	text_clear(&record);
	text_add(&record, VIEW("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="));
	assert_int_equal(dkim_key_parse(text_view(&record), &arena, &key), DKIM_KEY_GOOD);
	struct text again = TEXT_LIMIT(1024);
	dkim_key_write(DKIM_ED25519_SHA256, key.key, &again);
	expect_view("ed25519", text_view(&again), text_view(&record));
	assert_int_equal(key.key.length, 32);
	assert_true(dkim_key_equals(&key, DKIM_ED25519_SHA256, key.key));
	text_deinit(&again);
	text_deinit(&record);
	rsa_free(&ours);
	arena_deinit(&arena);
}

static void strings(void **state)
{
	(void)state;
	struct text value = TEXT_LIMIT(1024);
	struct text written = TEXT_LIMIT(4096);
	static const struct {
		const char *name;
		struct view value;
		struct view written;
	} rows[] = {
		{ "nothing", VIEW_INIT(""), VIEW_INIT("\"\"") },
		{ "one", VIEW_INIT("v=spf1 -all"), VIEW_INIT("\"v=spf1 -all\"") },
		{ "quote and backslash", VIEW_INIT("a\"b\\c"), VIEW_INIT("\"a\\\"b\\\\c\"") },
		{ "not printable", VIEW_INIT("a\n\xc3"), VIEW_INIT("\"a\\010\\195\"") },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		txt_strings_write(rows[i].value, &written);
		expect_view(rows[i].name, text_view(&written), rows[i].written);
		text_clear(&written);
	}
	for (size_t i = 0; i < 511; i++)
		text_add_byte(&value, 'x');
	txt_strings_write(text_view(&value), &written);
	assert_int_equal(written.length, 511 + 3 * 2 + 2);
	assert_int_equal(view_find(text_view(&written), VIEW("\" \"")), 256);
	text_deinit(&value);
	text_deinit(&written);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records),    cmocka_unit_test(too_many_tags), cmocka_unit_test(comparison),
		cmocka_unit_test(round_trip), cmocka_unit_test(strings),       cmocka_unit_test(granularity),
		cmocka_unit_test(decoding),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

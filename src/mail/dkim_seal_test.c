#include "mail/dkim.h"

#include "base/testing.h"

/* RFC 6376 3.4.2, 3.4.5. */
static void relaxing(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct view raw;
		struct view relaxed;
	} rows[] = {
		{ "RFC 6376 3.4.5, first", VIEW_INIT("A: X\r\n"), VIEW_INIT("a:X") },
		{ "RFC 6376 3.4.5, second", VIEW_INIT("B : Y\t\r\n\tZ  \r\n"), VIEW_INIT("b:Y Z") },
		{ "letter case of the name only", VIEW_INIT("SuBJect: AbC\r\n"), VIEW_INIT("subject:AbC") },
		{ "runs of blanks", VIEW_INIT("A:  b \t c  \r\n"), VIEW_INIT("a:b c") },
		{ "fold without another blank", VIEW_INIT("A: b\r\n c\r\n"), VIEW_INIT("a:b c") },
		{ "fold first", VIEW_INIT("A:\r\n b\r\n"), VIEW_INIT("a:b") },
		{ "nothing", VIEW_INIT("A:\r\n"), VIEW_INIT("a:") },
		{ "blanks only", VIEW_INIT("A: \t\r\n \r\n"), VIEW_INIT("a:") },
		{ "colons", VIEW_INIT("A: b:c: d\r\n"), VIEW_INIT("a:b:c: d") },
		{ "8-bit", VIEW_INIT("A: \xc3\xa9  \xc3\xa9\r\n"), VIEW_INIT("a:\xc3\xa9 \xc3\xa9") },
		{ "no CRLF", VIEW_INIT("A: b"), VIEW_INIT("a:b") },
	};
	struct text relaxed = TEXT_LIMIT(256);
	for (size_t i = 0; i < CASES(rows); i++) {
		text_clear(&relaxed);
		dkim_relax_field(rows[i].raw, &relaxed);
		expect_view(rows[i].name, text_view(&relaxed), rows[i].relaxed);
	}
	text_deinit(&relaxed);
	/* What does not fit is told, not cut. */
	struct text small = TEXT_LIMIT(4);
	dkim_relax_field(VIEW("Subject: hello\r\n"), &small);
	assert_true(small.overflow && small.length == 0);
	text_deinit(&small);
}

#define FROM  "From: Anna <anna@example.com>\r\n"
#define REST  "To:Cc:Subject:Date:Message-ID:Reply-To:MIME-Version:Content-Type"
#define FROM2 "from:Anna <anna@example.com>\r\n"

/* Which fields are signed, how often, and in which order; and what is hashed of them. */
static const struct seal_case {
	const char *name;
	struct view header;
	struct view names; /* of h=, without folds */
	struct view canonical;
} seal_cases[] = {
	{ "the least", VIEW_INIT(FROM), VIEW_INIT("From:From:" REST), VIEW_INIT(FROM2) },
	{ "all that is over-signed",
	  VIEW_INIT("Content-Type: text/plain\r\nMIME-Version: 1.0\r\nReply-To: r\r\nMessage-ID: <m>\r\nDate: d\r\n"
	            "Subject: s\r\nCc: c\r\nTo: t\r\n" FROM),
	  VIEW_INIT("From:From:To:To:Cc:Cc:Subject:Subject:Date:Date:Message-ID:Message-ID:Reply-To:Reply-To:"
	            "MIME-Version:MIME-Version:Content-Type:Content-Type"),
	  VIEW_INIT(FROM2 "to:t\r\ncc:c\r\nsubject:s\r\ndate:d\r\nmessage-id:<m>\r\nreply-to:r\r\nmime-version:1.0\r\n"
	                  "content-type:text/plain\r\n") },
	{ "several of one name, from the bottom up", VIEW_INIT("To: 1\r\n" FROM "To: 2\r\nto: 3\r\n"),
	  VIEW_INIT("From:From:To:To:To:To:Cc:Subject:Date:Message-ID:Reply-To:MIME-Version:Content-Type"),
	  VIEW_INIT(FROM2 "to:3\r\nto:2\r\nto:1\r\n") },
	{ "signed when present",
	  VIEW_INIT("Sender: s\r\nReferences: r\r\nIn-Reply-To: i\r\nList-Unsubscribe: u\r\n"
	            "Content-Transfer-Encoding: 8bit\r\nResent-From: f\r\n" FROM),
	  VIEW_INIT("From:From:" REST ":Sender:References:In-Reply-To:List-Unsubscribe:Content-Transfer-Encoding:"
	            "Resent-From"),
	  VIEW_INIT(FROM2 "sender:s\r\nreferences:r\r\nin-reply-to:i\r\nlist-unsubscribe:u\r\n"
	                  "content-transfer-encoding:8bit\r\nresent-from:f\r\n") },
	{ "present twice", VIEW_INIT("List-Id: 1\r\n" FROM "LIST-ID: 2\r\n"),
	  VIEW_INIT("From:From:" REST ":List-Id:List-Id"), VIEW_INIT(FROM2 "list-id:2\r\nlist-id:1\r\n") },
	{ "not signed",
	  VIEW_INIT("Received: x\r\nReturn-Path: <>\r\nX-Mailer: x\r\nDKIM-Signature: v=1\r\nBcc: b\r\n" FROM),
	  VIEW_INIT("From:From:" REST), VIEW_INIT(FROM2) },
	{ "a name that would be tags", VIEW_INIT("List-;l=0;x: 1\r\nContent-=: 2\r\nResent-\"x: 3\r\n" FROM),
	  VIEW_INIT("From:From:" REST), VIEW_INIT(FROM2) },
	{ "a name that is too long",
	  VIEW_INIT("List-6789012345678901234567890123456789012345678901234567890123456789: 1\r\n" FROM),
	  VIEW_INIT("From:From:" REST), VIEW_INIT(FROM2) },
	{ "no From", VIEW_INIT("To: t\r\n"),
	  VIEW_INIT("From:To:To:Cc:Subject:Date:Message-ID:Reply-To:MIME-Version:Content-Type"), VIEW_INIT("to:t\r\n") },
	{ "nothing", VIEW_INIT(""), VIEW_INIT("From:" REST), VIEW_INIT("") },
};

static const uint8_t body_hash[SHA256_SIZE] = { 1, 2, 3 };

static struct dkim_seal_request request_of(struct view header)
{
	return (struct dkim_seal_request){
		.header = header,
		.domain = VIEW("example.com"),
		.selector = VIEW("elastx"),
		.body_hash = body_hash,
		.timestamp = 1790000000,
	};
}

static void without_folds(struct view field, struct text *plain)
{
	for (size_t i = 0; i < field.length; i++)
		if (view_find_byte(VIEW("\r\n\t "), field.data[i]) == VIEW_NOT_FOUND)
			text_add_byte(plain, field.data[i]);
}

static void expect_lines(const char *name, struct view field)
{
	struct view line;
	while (view_split(&field, '\n', &line))
		if (line.length > 78)
			fail_msg("%s: a line of %zu octets: %.*s", name, line.length, VIEW_PRINT(line));
}

static void expect_digest(const struct seal_case *row, struct view field, const uint8_t digest[SHA256_SIZE])
{
	struct text hashed = TEXT_LIMIT(8192);
	uint8_t expected[SHA256_SIZE];
	text_add(&hashed, row->canonical);
	dkim_relax_field(field, &hashed);
	sha256_once(text_view(&hashed), expected);
	if (!view_equal(view_bytes(expected, SHA256_SIZE), view_bytes(digest, SHA256_SIZE)))
		fail_msg("%s: not the digest of the canonical fields", row->name);
	text_deinit(&hashed);
}

static void seals(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(seal_cases); i++) {
		const struct seal_case *row = &seal_cases[i];
		struct text field = TEXT_LIMIT(8192);
		struct text plain = TEXT_LIMIT(8192);
		struct text expected = TEXT_LIMIT(8192);
		uint8_t digest[SHA256_SIZE];
		const struct dkim_seal_request request = request_of(row->header);
		expect_number(row->name, dkim_seal_begin(&request, &field, digest), true);
		expect_digest(row, text_view(&field), digest);
		dkim_seal_end(&field, VIEW("\xff\xff\xff"));
		expect_lines(row->name, text_view(&field));
		without_folds(text_view(&field), &plain);
		text_print(&expected,
		           "DKIM-Signature:v=1;a=rsa-sha256;c=relaxed/relaxed;d=example.com;s=elastx;t=1790000000;h=%.*s;"
		           "bh=AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=;b=////",
		           VIEW_PRINT(row->names));
		expect_view(row->name, text_view(&plain), text_view(&expected));
		expect_number(row->name, view_ends(text_view(&field), VIEW("////\r\n")), true);
		text_deinit(&field);
		text_deinit(&plain);
		text_deinit(&expected);
	}
}

/* A field as it stands in a message, to the letter. */
static void golden(void **state)
{
	(void)state;
	struct text field = TEXT_LIMIT(8192);
	uint8_t digest[SHA256_SIZE];
	char signature[256];
	struct dkim_seal_request request = request_of(VIEW(FROM));
	for (size_t i = 0; i < sizeof(signature); i++)
		signature[i] = (char)i;
	request.algorithm = DKIM_ED25519_SHA256;
	request.timestamp = -1;
	assert_true(dkim_seal_begin(&request, &field, digest));
	dkim_seal_end(&field, view_bytes(signature, sizeof(signature)));
	expect_view("golden", text_view(&field),
	            VIEW("DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.com;\r\n"
	                 "\ts=elastx;\r\n"
	                 "\th=From:From:To:Cc:Subject:Date:Message-ID:Reply-To:MIME-Version:\r\n"
	                 "\tContent-Type;\r\n"
	                 "\tbh=AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=;\r\n"
	                 "\tb=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMz\r\n"
	                 "\t Q1Njc4OTo7PD0+P0BBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdo\r\n"
	                 "\t aWprbG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ\r\n"
	                 "\t 2en6ChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5uru8vb6/wMHCw8TFxsfIycrLzM3Oz9DR\r\n"
	                 "\t 0tPU1dbX2Nna29zd3t/g4eLj5OXm5+jp6uvs7e7v8PHy8/T19vf4+fr7/P3+/w==\r\n"));
	text_deinit(&field);
}

static void refused(void **state)
{
	(void)state;
	struct text many = TEXT_LIMIT(65536);
	for (unsigned i = 0; i < 301; i++)
		text_add(&many, VIEW("List-Id: x\r\n"));
	static const struct {
		const char *name;
		struct view header;
	} rows[] = {
		{ "no colon", VIEW_INIT("From: a\r\nhello\r\n") },
		{ "bare LF", VIEW_INIT("From: a\nTo: b\r\n") },
		{ "no CRLF at the end", VIEW_INIT("From: a") },
		{ "too many fields", VIEW_INIT("many") },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct text field = TEXT_LIMIT(16384);
		uint8_t digest[SHA256_SIZE];
		const bool is_many = view_equal(rows[i].header, VIEW("many"));
		const struct dkim_seal_request request = request_of(is_many ? text_view(&many) : rows[i].header);
		expect_number(rows[i].name, dkim_seal_begin(&request, &field, digest), false);
		text_deinit(&field);
	}
	/* A field that is too small for the seal. */
	struct text small = TEXT_LIMIT(100);
	uint8_t digest[SHA256_SIZE];
	const struct dkim_seal_request request = request_of(VIEW(FROM));
	assert_false(dkim_seal_begin(&request, &small, digest));
	text_deinit(&small);
	text_deinit(&many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relaxing),
		cmocka_unit_test(seals),
		cmocka_unit_test(golden),
		cmocka_unit_test(refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "mail/dkim_verify.h"

#include "base/bytes.h"
#include "base/must.h"
#include "mail/dkim_public.h"
#include "mail/dkim_signature.h"
#include "mail/header.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/* More fields than message_check lets in, and ours besides: none may be out of sight. */
enum { FIELDS_MOST = 8192, NAMES_MOST = 1000, KEYS_MOST = 8, RSA_BITS_LEAST = 1024 };

static const char *const result_names[] = {
	[DKIM_PASS] = "pass",       [DKIM_FAIL] = "fail",           [DKIM_POLICY] = "policy",
	[DKIM_NEUTRAL] = "neutral", [DKIM_PERMERROR] = "permerror", [DKIM_TEMPERROR] = "temperror",
};

const char *dkim_result_name(enum dkim_result result)
{
	return result_names[result];
}

struct field {
	struct view name;
	struct view raw;
};

/* Of the whole body in one form; several signatures mostly want the same. */
struct body_hash {
	struct view hash; /* empty: not worked out yet */
	uint64_t length;
};

struct verifying {
	const struct dkim_verify_request *request;
	const struct txt_lookup *lookup;
	struct arena *arena;
	struct field *fields;
	size_t field_count;
	bool has_author;
	struct view body;
	struct body_hash hashes[2][2]; /* relaxed, SHA-1 */
};

/* ---- the header, read as mildly as signers write it: an old blank before a colon is no fault here */

/* No field is shorter than a line. */
static size_t count_lines(struct view header)
{
	size_t count = 1;
	for (size_t i = 0; i < header.length && count < FIELDS_MOST; i++)
		count += header.data[i] == '\n';
	return count;
}

static void read_fields(struct verifying *verifying, struct view header)
{
	verifying->fields = ARENA_ARRAY(verifying->arena, struct field, count_lines(header));
	while (header.length > 0 && verifying->field_count < FIELDS_MOST) {
		size_t end = 0;
		do {
			const size_t newline = view_find(view_from(header, end), VIEW("\r\n"));
			end = newline == VIEW_NOT_FOUND ? header.length : end + newline + 2;
		} while (end < header.length && byte_is_blank(header.data[end]));
		const struct view raw = view_first(header, end);
		const size_t colon = view_find_byte(raw, ':');
		header = view_from(header, end);
		if (colon == VIEW_NOT_FOUND)
			continue;
		const struct field field = { .name = view_trim(view_first(raw, colon)), .raw = raw };
		verifying->has_author = verifying->has_author || view_equal_nocase(field.name, VIEW("From"));
		verifying->fields[verifying->field_count++] = field;
	}
}

/* ---- the key (RFC 6376 6.1.2) */

static bool key_fits(struct dkim_signature *signature, const struct dkim_key *key, bool legacy)
{
	if (key->algorithm != signature->method->key)
		return dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("the key is for another algorithm"));
	if (signature->method->sha1 ? !key->allows_sha1 : !key->allows_sha256)
		return dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("the key is not for this hash"));
	if (!key->allows_email)
		return dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("the key is not for mail"));
	if (key->strict && !domain_equal(&signature->identity_domain, &signature->domain))
		return dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("the key forbids i= below d="));
	if (legacy && !dkim_key_is_for(key, signature->local_part))
		return dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("the key is for other local-parts (g=)"));
	signature->verdict->testing = key->testing;
	return true;
}

static struct dkim_public *key_of_record(struct verifying *verifying, struct dkim_signature *signature,
                                         struct view record)
{
	struct dkim_key key;
	const enum dkim_key_fault found = dkim_key_parse(record, verifying->arena, &key);
	if (found != DKIM_KEY_GOOD) {
		dkim_signature_fault(signature, DKIM_PERMERROR, dkim_key_fault_text(found));
		return NULL;
	}
	if (!key_fits(signature, &key, verifying->request->legacy))
		return NULL;
	struct dkim_public *parsed = dkim_public_take(verifying->request->keys, &key, verifying->arena);
	if (parsed == NULL)
		dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("the key in DNS is damaged"));
	else
		signature->verdict->bits = (unsigned)EVP_PKEY_get_bits(parsed->key);
	return parsed;
}

/* RFC 8616 5: a selector may be in U-labels too. */
static struct view selector_of(struct verifying *verifying, const struct dkim_signature *signature)
{
	struct domain ascii;
	const struct view selector = signature->verdict->selector;
	for (size_t i = 0; i < selector.length; i++)
		if ((unsigned char)selector.data[i] > 0x7f && domain_parse(selector, &ascii) == DOMAIN_OK)
			return arena_copy(verifying->arena, domain_view(&ascii));
	return selector;
}

/* Of several records the first good one: RFC 6376 6.1.2 leaves it open. */
static struct dkim_public *key_find(struct verifying *verifying, struct dkim_signature *signature)
{
	struct txt_answer answer = { 0 };
	const struct view name =
		arena_print(verifying->arena, "%.*s._domainkey.%.*s", VIEW_PRINT(selector_of(verifying, signature)),
	                VIEW_PRINT(domain_view(&signature->domain)));
	verifying->lookup->txt(verifying->lookup->context, name, verifying->arena, &answer);
	if (answer.status == TXT_FAILED) {
		dkim_signature_fault(
			signature, DKIM_TEMPERROR,
			arena_print(verifying->arena, "%.*s: %.*s", VIEW_PRINT(name), VIEW_PRINT(answer.detail)));
		return NULL;
	}
	if (answer.status == TXT_NONE)
		dkim_signature_fault(signature, DKIM_PERMERROR,
		                     arena_print(verifying->arena, "no key at %.*s", VIEW_PRINT(name)));
	for (size_t i = 0; answer.status == TXT_FOUND && i < answer.count && i < KEYS_MOST; i++) {
		struct dkim_public *key = key_of_record(verifying, signature, answer.texts[i]);
		if (key != NULL)
			return key;
	}
	return NULL;
}

/* ---- hashes */

static void add_to_digest(void *context, struct view bytes)
{
	must(EVP_DigestUpdate(context, bytes.data, bytes.length) == 1);
}

static const EVP_MD *method_of(const struct dkim_signature *signature)
{
	return signature->method->sha1 ? EVP_sha1() : EVP_sha256();
}

static bool decode(struct view encoded, struct text *bytes)
{
	text_clear(bytes);
	return text_add_base64_decoded(bytes, encoded) && bytes->length > 0;
}

static struct view hash_body(struct verifying *verifying, const struct dkim_signature *signature, EVP_MD_CTX *digest,
                             uint64_t *whole)
{
	const bool is_known = verifying->request->body_hash != NULL && signature->relaxed_body &&
	                      signature->length == UINT64_MAX && !signature->method->sha1;
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	const struct dkim_sink sink = { digest, add_to_digest };
	struct body_hash part = { .hash = VIEW_NONE };
	struct body_hash *kept = signature->length == UINT64_MAX
	                             ? &verifying->hashes[signature->relaxed_body][signature->method->sha1]
	                             : &part;
	if (is_known)
		return view_bytes(verifying->request->body_hash, SHA256_SIZE);
	*whole = kept->length;
	if (kept->hash.length > 0)
		return kept->hash;
	must(EVP_DigestInit_ex2(digest, method_of(signature), NULL) == 1);
	*whole = dkim_canonical_body(verifying->body, signature->relaxed_body, signature->length, &sink);
	must(EVP_DigestFinal_ex(digest, hash, &length) == 1);
	*kept = (struct body_hash){ arena_copy(verifying->arena, view_bytes(hash, length)), *whole };
	return kept->hash;
}

static bool body_fits(struct verifying *verifying, struct dkim_signature *signature, EVP_MD_CTX *digest)
{
	struct text claimed = TEXT_LIMIT(128);
	uint64_t whole = UINT64_MAX;
	const struct view hash = hash_body(verifying, signature, digest, &whole);
	const bool readable = decode(dkim_signature_tag(signature, VIEW("bh")), &claimed);
	const bool same = readable && view_equal(text_view(&claimed), hash);
	text_deinit(&claimed);
	if (!readable)
		return dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("bh= is not base64"));
	if (signature->length != UINT64_MAX && signature->length > whole)
		return dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("l= is more than the body"));
	return same || dkim_signature_fault(signature, DKIM_FAIL, VIEW("the body is not the one that was signed"));
}

/* The field without the value of b= (RFC 6376 3.7), and without its CRLF. */
static void add_own_field(const struct dkim_signature *signature, const struct dkim_sink *sink)
{
	const struct view raw = signature->raw;
	const struct view value = dkim_signature_tag(signature, VIEW("b"));
	const size_t sign = (size_t)(value.data - raw.data);
	const size_t end = sign + view_find_byte(view_from(raw, sign), ';');
	struct text without = TEXT_LIMIT(raw.length + 2);
	struct text canonical = TEXT_LIMIT(raw.length + 16);
	/* The blanks around the value go too: from the equals sign to the semicolon. */
	text_add(&without, view_first(raw, view_find_last_byte(view_first(raw, sign), '=') + 1));
	if (view_find_byte(view_from(raw, sign), ';') != VIEW_NOT_FOUND)
		text_add(&without, view_from(raw, end));
	struct view left = text_view(&without);
	if (view_ends(left, VIEW("\r\n")))
		left = view_first(left, left.length - 2);
	if (signature->relaxed_header)
		dkim_relax_field(left, &canonical);
	else
		text_add(&canonical, left);
	sink->add(sink->context, text_view(&canonical));
	text_deinit(&without);
	text_deinit(&canonical);
}

/* RFC 6376 5.4.2: of several fields of one name the last one first; a name without a field left adds nothing. */
static bool hash_header(struct verifying *verifying, struct dkim_signature *signature, const struct dkim_sink *sink)
{
	bool *used = ARENA_ARRAY(verifying->arena, bool, verifying->field_count + 1);
	struct view rest = signature->names;
	struct view name;
	size_t count = 0;
	while (view_split(&rest, ':', &name)) {
		name = view_trim(name);
		if (++count > NAMES_MOST)
			return dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("h= names too many fields"));
		for (size_t i = verifying->field_count; i > 0; i--) {
			const struct field *field = &verifying->fields[i - 1];
			if (used[i - 1] || field->raw.data == signature->raw.data || !view_equal_nocase(field->name, name))
				continue;
			used[i - 1] = true;
			dkim_canonical_field(field->raw, signature->relaxed_header, sink);
			break;
		}
	}
	add_own_field(signature, sink);
	return true;
}

static bool signature_fits(struct verifying *verifying, struct dkim_signature *signature, EVP_MD_CTX *digest,
                           struct dkim_public *key)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	struct text given = TEXT_LIMIT(8192);
	const struct dkim_sink sink = { digest, add_to_digest };
	must(EVP_DigestInit_ex2(digest, method_of(signature), NULL) == 1);
	if (!hash_header(verifying, signature, &sink))
		return false;
	must(EVP_DigestFinal_ex(digest, hash, &length) == 1);
	int verified = 0;
	const bool readable = decode(dkim_signature_tag(signature, VIEW("b")), &given);
	const unsigned char *bytes = (const unsigned char *)given.data;
	if (readable && signature->method->key == DKIM_ED25519_SHA256) {
		/* RFC 8463 3: Ed25519 of the SHA-256. */
		EVP_MD_CTX *context = EVP_MD_CTX_new();
		must(context != NULL);
		if (EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->key) == 1)
			verified = EVP_DigestVerify(context, bytes, given.length, hash, length);
		EVP_MD_CTX_free(context);
	} else if (readable) {
		if (dkim_public_begin_rsa(key) && EVP_PKEY_CTX_set_signature_md(key->verifying, method_of(signature)) == 1)
			verified = EVP_PKEY_verify(key->verifying, bytes, given.length, hash, length);
	}
	text_deinit(&given);
	if (!readable)
		return dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("b= is not base64"));
	return verified == 1 ||
	       dkim_signature_fault(signature, DKIM_FAIL, VIEW("the header is not the one that was signed"));
}

/* ---- one signature */

static void verify_one(struct verifying *verifying, const struct field *field, struct dkim_verdict *verdict)
{
	struct dkim_signature signature = { .raw = field->raw, .verdict = verdict, .length = UINT64_MAX };
	if (!dkim_signature_read(&signature, verifying->request, verifying->arena))
		return;
	struct dkim_public *key = key_find(verifying, &signature);
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	must(digest != NULL);
	const bool good =
		key != NULL && body_fits(verifying, &signature, digest) && signature_fits(verifying, &signature, digest, key);
	EVP_MD_CTX_free(digest);
	dkim_public_let_go(verifying->request->keys, key);
	ERR_clear_error();
	if (!good)
		return;
	if (!verifying->has_author) {
		/* RFC 8601 2.7.1: a required field is absent. */
		dkim_signature_fault(&signature, DKIM_PERMERROR, VIEW("the message has no From"));
		return;
	}
	verdict->result = DKIM_PASS;
	verdict->reason = VIEW_NONE; /* of a key record that was passed over */
	if (verifying->request->legacy)
		return;
	if (signature.method->sha1)
		dkim_signature_fault(&signature, DKIM_POLICY, VIEW("SHA-1 is not trusted any more (RFC 8301 3.1)"));
	else if (signature.method->key == DKIM_RSA_SHA256 && verdict->bits < RSA_BITS_LEAST)
		dkim_signature_fault(&signature, DKIM_POLICY,
		                     VIEW("RSA keys of less than 1024 bits are not trusted any more (RFC 8301 3.2)"));
}

static bool is_signature(const struct field *field)
{
	return view_equal_nocase(field->name, VIEW("DKIM-Signature"));
}

size_t dkim_signature_count(struct view message)
{
	struct arena arena = { 0 };
	struct verifying verifying = { .arena = &arena };
	struct view header;
	size_t count = 0;
	header_split(message, &header, &verifying.body);
	read_fields(&verifying, header);
	for (size_t i = 0; i < verifying.field_count; i++)
		count += is_signature(&verifying.fields[i]);
	arena_deinit(&arena);
	return count;
}

size_t dkim_verify(const struct txt_lookup *lookup, const struct dkim_verify_request *request, struct arena *arena,
                   struct dkim_verdict **verdicts)
{
	struct verifying verifying = { .request = request, .lookup = lookup, .arena = arena };
	struct view header;
	size_t count = 0;
	header_split(request->message, &header, &verifying.body);
	read_fields(&verifying, header);
	*verdicts = ARENA_ARRAY(arena, struct dkim_verdict, DKIM_SIGNATURES_MOST);
	for (size_t i = 0; i < verifying.field_count && count < DKIM_SIGNATURES_MOST; i++)
		if (is_signature(&verifying.fields[i]))
			verify_one(&verifying, &verifying.fields[i], &(*verdicts)[count++]);
	return count;
}

/* ---- signing */

static bool hash_for_signing(struct verifying *verifying, struct dkim_signature *signature, EVP_MD_CTX *digest,
                             uint8_t body[SHA256_SIZE], uint8_t header[SHA256_SIZE])
{
	const struct dkim_sink sink = { digest, add_to_digest };
	uint64_t whole = UINT64_MAX;
	unsigned length = 0;
	if (signature->method->sha1)
		return dkim_signature_fault(signature, DKIM_POLICY, VIEW("SHA-1 is not for signing any more (RFC 8301 3.1)"));
	bytes_copy(body, SHA256_SIZE, hash_body(verifying, signature, digest, &whole));
	if (signature->length != UINT64_MAX && signature->length > whole)
		return dkim_signature_fault(signature, DKIM_PERMERROR, VIEW("l= is more than the body"));
	must(EVP_DigestInit_ex2(digest, method_of(signature), NULL) == 1);
	if (!hash_header(verifying, signature, &sink))
		return false;
	must(EVP_DigestFinal_ex(digest, header, &length) == 1 && length == SHA256_SIZE);
	return true;
}

bool dkim_hash(struct view message, struct view field, struct arena *arena, uint8_t body[SHA256_SIZE],
               uint8_t header[SHA256_SIZE], struct view *why)
{
	const struct dkim_verify_request request = { .message = message, .seconds = -1 };
	struct verifying verifying = { .request = &request, .arena = arena };
	struct dkim_verdict verdict = { .result = DKIM_PASS };
	struct dkim_signature signature = { .raw = field, .verdict = &verdict, .length = UINT64_MAX };
	struct view fields;
	header_split(message, &fields, &verifying.body);
	read_fields(&verifying, fields);
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	must(digest != NULL);
	const bool good = view_find_byte(field, ':') != VIEW_NOT_FOUND &&
	                  dkim_signature_read(&signature, &request, arena) &&
	                  hash_for_signing(&verifying, &signature, digest, body, header);
	EVP_MD_CTX_free(digest);
	*why = verdict.reason;
	return good;
}

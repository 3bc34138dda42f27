#include "mail/dkim_verify.h"

#include "base/bytes.h"
#include "base/must.h"
#include "mail/dkim_public.h"
#include "mail/dkim_tags.h"
#include "mail/domain.h"
#include "mail/header.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/* More fields than message_check lets in, and ours besides: none may be out of sight. */
enum { FIELDS_MOST = 8192, NAMES_MOST = 1000, DIGEST_MOST = 32, KEYS_MOST = 8, RSA_BITS_LEAST = 1024 };

static const char *const result_names[] = {
	[DKIM_PASS] = "pass",       [DKIM_FAIL] = "fail",           [DKIM_POLICY] = "policy",
	[DKIM_NEUTRAL] = "neutral", [DKIM_PERMERROR] = "permerror", [DKIM_TEMPERROR] = "temperror",
};

const char *dkim_result_name(enum dkim_result result)
{
	return result_names[result];
}

static const struct algorithm {
	struct view name;
	enum dkim_algorithm key;
	bool sha1;
} algorithms[] = {
	{ VIEW_INIT("rsa-sha256"), DKIM_RSA_SHA256, false },
	{ VIEW_INIT("ed25519-sha256"), DKIM_ED25519_SHA256, false },
	{ VIEW_INIT("rsa-sha1"), DKIM_RSA_SHA256, true },
};

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

struct signature {
	const struct field *field;
	struct dkim_tags tags;
	const struct algorithm *algorithm;
	bool relaxed_header, relaxed_body;
	uint64_t length; /* l=; UINT64_MAX: all */
	struct view names;
	struct domain domain;          /* d= in A-labels */
	struct domain identity_domain; /* of i=, or d= */
	struct view local_part;        /* of i= */
	struct dkim_verdict *verdict;
};

/* False, so that whoever finds a fault returns what this says. */
static bool fault(struct signature *signature, enum dkim_result result, struct view reason)
{
	signature->verdict->result = result;
	signature->verdict->reason = reason;
	return false;
}

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

/* ---- the signature's tags (RFC 6376 3.5, 6.1.1) */

static struct view tag(const struct signature *signature, struct view name)
{
	const struct view *value = dkim_tag_find(&signature->tags, name);
	return value == NULL ? VIEW_NONE : *value;
}

/* Decimal digits; false where there is something else. */
static bool read_number(const struct signature *signature, struct view name, uint64_t absent, uint64_t *number)
{
	const struct view *value = dkim_tag_find(&signature->tags, name);
	*number = absent;
	return value == NULL || view_to_u64(*value, number);
}

static bool read_required(struct signature *signature, bool legacy)
{
	static const struct view required[] = {
		VIEW_INIT("a"), VIEW_INIT("b"), VIEW_INIT("bh"), VIEW_INIT("d"), VIEW_INIT("h"), VIEW_INIT("s"),
	};
	const struct view *version = dkim_tag_find(&signature->tags, VIEW("v"));
	bool complete = version != NULL || legacy;
	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++)
		complete = complete && dkim_tag_find(&signature->tags, required[i]) != NULL;
	if (!complete)
		return fault(signature, DKIM_PERMERROR, VIEW("a required tag is missing (v, a, b, bh, d, h, s)"));
	if (version == NULL || view_equal(*version, VIEW("1")) || (legacy && view_equal(*version, VIEW("0.5"))))
		return true;
	return fault(signature, DKIM_PERMERROR, VIEW("v= is not 1"));
}

static bool read_algorithm(struct signature *signature)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (view_equal_nocase(tag(signature, VIEW("a")), algorithms[i].name))
			signature->algorithm = &algorithms[i];
	return signature->algorithm != NULL ||
	       fault(signature, DKIM_PERMERROR, VIEW("a= is not an algorithm known here"));
}

static bool read_canonicalization(struct signature *signature)
{
	struct view rest = tag(signature, VIEW("c"));
	struct view header = VIEW("simple");
	struct view body = VIEW("simple");
	if (dkim_tag_find(&signature->tags, VIEW("c")) != NULL && view_split(&rest, '/', &header) && rest.data != NULL)
		body = rest;
	signature->relaxed_header = view_equal_nocase(header, VIEW("relaxed"));
	signature->relaxed_body = view_equal_nocase(body, VIEW("relaxed"));
	if ((signature->relaxed_header || view_equal_nocase(header, VIEW("simple"))) &&
	    (signature->relaxed_body || view_equal_nocase(body, VIEW("simple"))))
		return true;
	return fault(signature, DKIM_PERMERROR, VIEW("c= is not simple or relaxed"));
}

/* RFC 8616: U-labels are looked up, and compared, as A-labels. */
static bool read_domain(struct signature *signature)
{
	if (domain_parse(tag(signature, VIEW("d")), &signature->domain) != DOMAIN_OK)
		return fault(signature, DKIM_PERMERROR, VIEW("d= is not a domain name"));
	signature->identity_domain = signature->domain;
	if (dkim_tag_find(&signature->tags, VIEW("i")) == NULL)
		return true;
	const struct view identity = signature->verdict->identity;
	const size_t at = view_find_last_byte(identity, '@');
	if (at == VIEW_NOT_FOUND || domain_parse(view_from(identity, at + 1), &signature->identity_domain) != DOMAIN_OK)
		return fault(signature, DKIM_PERMERROR, VIEW("i= is not an identity"));
	if (!domain_is_within(&signature->identity_domain, &signature->domain))
		return fault(signature, DKIM_PERMERROR, VIEW("i= is not within d="));
	signature->local_part = view_first(identity, at);
	return true;
}

/* sub-domain *( "." sub-domain ), and the underscores that are in use; U-labels by RFC 8616 5. */
static bool read_selector(struct signature *signature)
{
	enum { LABEL_MOST = 63, NAME_MOST = 253 };
	struct view rest = signature->verdict->selector;
	struct view label;
	bool good = rest.length + VIEW("._domainkey.").length + domain_view(&signature->domain).length <= NAME_MOST;
	for (size_t i = 0; i < rest.length; i++) {
		const char byte = rest.data[i];
		good = good && (byte_is_alnum(byte) || (unsigned char)byte > 0x7f ||
		                view_find_byte(VIEW("-_."), byte) != VIEW_NOT_FOUND);
	}
	while (view_split(&rest, '.', &label))
		good = good && label.length > 0 && label.length <= LABEL_MOST;
	return good || fault(signature, DKIM_PERMERROR, VIEW("s= is not a selector"));
}

static bool read_times(struct signature *signature, const struct dkim_verify_request *request)
{
	uint64_t made = 0;
	uint64_t expires = 0;
	if (!read_number(signature, VIEW("t"), 0, &made) || !read_number(signature, VIEW("x"), UINT64_MAX, &expires))
		return fault(signature, DKIM_PERMERROR, VIEW("t= or x= is not a number of seconds"));
	if (expires <= made && expires != UINT64_MAX)
		return fault(signature, DKIM_PERMERROR, VIEW("x= is not later than t="));
	if (request->seconds >= 0 && expires < (uint64_t)request->seconds)
		return fault(signature, DKIM_PERMERROR, VIEW("the signature has expired"));
	return true;
}

static bool read_signature(struct signature *signature, const struct dkim_verify_request *request,
                           struct arena *arena)
{
	const struct view raw = signature->field->raw;
	struct dkim_verdict *verdict = signature->verdict;
	const bool readable = dkim_tags_read(view_from(raw, view_find_byte(raw, ':') + 1), &signature->tags);
	if (!readable)
		return fault(signature, DKIM_NEUTRAL, VIEW("the signature is not a list of tag=value"));
	verdict->domain = tag(signature, VIEW("d"));
	verdict->selector = tag(signature, VIEW("s"));
	verdict->algorithm = tag(signature, VIEW("a"));
	verdict->identity = dkim_tag_decode(tag(signature, VIEW("i")), arena);
	verdict->has_length = dkim_tag_find(&signature->tags, VIEW("l")) != NULL;
	signature->names = verdict->names = tag(signature, VIEW("h"));
	verdict->covers_from = dkim_list_has(signature->names, VIEW("from"));
	if (!read_required(signature, request->legacy) || !read_algorithm(signature) ||
	    !read_canonicalization(signature) || !read_domain(signature) || !read_selector(signature))
		return false;
	if (!verdict->covers_from)
		return fault(signature, DKIM_PERMERROR, VIEW("From is not signed"));
	if (!read_number(signature, VIEW("l"), UINT64_MAX, &signature->length))
		return fault(signature, DKIM_PERMERROR, VIEW("l= is not a number of octets"));
	const struct view *query = dkim_tag_find(&signature->tags, VIEW("q"));
	if (query != NULL && !dkim_list_has(*query, VIEW("dns/txt")) && !dkim_list_has(*query, VIEW("dns")))
		return fault(signature, DKIM_PERMERROR, VIEW("q= knows no dns/txt"));
	return read_times(signature, request);
}

/* ---- the key (RFC 6376 6.1.2) */

static bool key_fits(struct signature *signature, const struct dkim_key *key, bool legacy)
{
	if (key->algorithm != signature->algorithm->key)
		return fault(signature, DKIM_PERMERROR, VIEW("the key is for another algorithm"));
	if (signature->algorithm->sha1 ? !key->allows_sha1 : !key->allows_sha256)
		return fault(signature, DKIM_PERMERROR, VIEW("the key is not for this hash"));
	if (!key->allows_email)
		return fault(signature, DKIM_PERMERROR, VIEW("the key is not for mail"));
	if (key->strict && !domain_equal(&signature->identity_domain, &signature->domain))
		return fault(signature, DKIM_PERMERROR, VIEW("the key forbids i= below d="));
	if (legacy && !dkim_key_is_for(key, signature->local_part))
		return fault(signature, DKIM_PERMERROR, VIEW("the key is for other local-parts (g=)"));
	signature->verdict->testing = key->testing;
	return true;
}

static struct dkim_public *key_of_record(struct verifying *verifying, struct signature *signature, struct view record)
{
	struct dkim_key key;
	const enum dkim_key_fault found = dkim_key_parse(record, verifying->arena, &key);
	if (found != DKIM_KEY_GOOD) {
		fault(signature, DKIM_PERMERROR, dkim_key_fault_text(found));
		return NULL;
	}
	if (!key_fits(signature, &key, verifying->request->legacy))
		return NULL;
	struct dkim_public *parsed = dkim_public_take(verifying->request->keys, &key, verifying->arena);
	if (parsed == NULL)
		fault(signature, DKIM_PERMERROR, VIEW("the key in DNS is damaged"));
	else
		signature->verdict->bits = (unsigned)EVP_PKEY_get_bits(parsed->key);
	return parsed;
}

/* RFC 8616 5: a selector may be in U-labels too. */
static struct view selector_of(struct verifying *verifying, const struct signature *signature)
{
	struct domain ascii;
	const struct view selector = signature->verdict->selector;
	for (size_t i = 0; i < selector.length; i++)
		if ((unsigned char)selector.data[i] > 0x7f && domain_parse(selector, &ascii) == DOMAIN_OK)
			return arena_copy(verifying->arena, domain_view(&ascii));
	return selector;
}

/* Of several records the first good one: RFC 6376 6.1.2 leaves it open. */
static struct dkim_public *key_find(struct verifying *verifying, struct signature *signature)
{
	struct txt_answer answer = { 0 };
	const struct view name =
		arena_print(verifying->arena, "%.*s._domainkey.%.*s", VIEW_PRINT(selector_of(verifying, signature)),
	                VIEW_PRINT(domain_view(&signature->domain)));
	verifying->lookup->txt(verifying->lookup->context, name, verifying->arena, &answer);
	if (answer.status == TXT_FAILED) {
		fault(signature, DKIM_TEMPERROR,
		      arena_print(verifying->arena, "%.*s: %.*s", VIEW_PRINT(name), VIEW_PRINT(answer.detail)));
		return NULL;
	}
	if (answer.status == TXT_NONE)
		fault(signature, DKIM_PERMERROR, arena_print(verifying->arena, "no key at %.*s", VIEW_PRINT(name)));
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

static const EVP_MD *method_of(const struct signature *signature)
{
	return signature->algorithm->sha1 ? EVP_sha1() : EVP_sha256();
}

static bool decode(struct view encoded, struct text *bytes)
{
	text_clear(bytes);
	return text_add_base64_decoded(bytes, encoded) && bytes->length > 0;
}

static struct view hash_body(struct verifying *verifying, const struct signature *signature, EVP_MD_CTX *digest,
                             uint64_t *whole)
{
	const bool is_known = verifying->request->body_hash != NULL && signature->relaxed_body &&
	                      signature->length == UINT64_MAX && !signature->algorithm->sha1;
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	const struct dkim_sink sink = { digest, add_to_digest };
	struct body_hash part = { .hash = VIEW_NONE };
	struct body_hash *kept = signature->length == UINT64_MAX
	                             ? &verifying->hashes[signature->relaxed_body][signature->algorithm->sha1]
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

static bool body_fits(struct verifying *verifying, struct signature *signature, EVP_MD_CTX *digest)
{
	struct text claimed = TEXT_LIMIT(128);
	uint64_t whole = UINT64_MAX;
	const struct view hash = hash_body(verifying, signature, digest, &whole);
	const bool readable = decode(tag(signature, VIEW("bh")), &claimed);
	const bool same = readable && view_equal(text_view(&claimed), hash);
	text_deinit(&claimed);
	if (!readable)
		return fault(signature, DKIM_PERMERROR, VIEW("bh= is not base64"));
	if (signature->length != UINT64_MAX && signature->length > whole)
		return fault(signature, DKIM_PERMERROR, VIEW("l= is more than the body"));
	return same || fault(signature, DKIM_FAIL, VIEW("the body is not the one that was signed"));
}

/* The field without the value of b= (RFC 6376 3.7), and without its CRLF. */
static void add_own_field(const struct signature *signature, const struct dkim_sink *sink)
{
	const struct view raw = signature->field->raw;
	const struct view value = tag(signature, VIEW("b"));
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
static bool hash_header(struct verifying *verifying, struct signature *signature, const struct dkim_sink *sink)
{
	bool *used = ARENA_ARRAY(verifying->arena, bool, verifying->field_count + 1);
	struct view rest = signature->names;
	struct view name;
	size_t count = 0;
	while (view_split(&rest, ':', &name)) {
		name = view_trim(name);
		if (++count > NAMES_MOST)
			return fault(signature, DKIM_PERMERROR, VIEW("h= names too many fields"));
		for (size_t i = verifying->field_count; i > 0; i--) {
			const struct field *field = &verifying->fields[i - 1];
			if (used[i - 1] || field == signature->field || !view_equal_nocase(field->name, name))
				continue;
			used[i - 1] = true;
			dkim_canonical_field(field->raw, signature->relaxed_header, sink);
			break;
		}
	}
	add_own_field(signature, sink);
	return true;
}

static bool signature_fits(struct verifying *verifying, struct signature *signature, EVP_MD_CTX *digest,
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
	const bool readable = decode(tag(signature, VIEW("b")), &given);
	const unsigned char *bytes = (const unsigned char *)given.data;
	if (readable && signature->algorithm->key == DKIM_ED25519_SHA256) {
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
		return fault(signature, DKIM_PERMERROR, VIEW("b= is not base64"));
	return verified == 1 || fault(signature, DKIM_FAIL, VIEW("the header is not the one that was signed"));
}

/* ---- one signature */

static void verify_one(struct verifying *verifying, const struct field *field, struct dkim_verdict *verdict)
{
	struct signature signature = { .field = field, .verdict = verdict, .length = UINT64_MAX };
	if (!read_signature(&signature, verifying->request, verifying->arena))
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
		fault(&signature, DKIM_PERMERROR, VIEW("the message has no From"));
		return;
	}
	verdict->result = DKIM_PASS;
	verdict->reason = VIEW_NONE; /* of a key record that was passed over */
	if (verifying->request->legacy)
		return;
	if (signature.algorithm->sha1)
		fault(&signature, DKIM_POLICY, VIEW("SHA-1 is not trusted any more (RFC 8301 3.1)"));
	else if (signature.algorithm->key == DKIM_RSA_SHA256 && verdict->bits < RSA_BITS_LEAST)
		fault(&signature, DKIM_POLICY,
		      VIEW("RSA keys of less than 1024 bits are not trusted any more (RFC 8301 3.2)"));
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
		if (view_equal_nocase(verifying.fields[i].name, VIEW("DKIM-Signature")))
			verify_one(&verifying, &verifying.fields[i], &(*verdicts)[count++]);
	return count;
}

/* ---- signing */

static bool hash_for_signing(struct verifying *verifying, struct signature *signature, EVP_MD_CTX *digest,
                             uint8_t body[SHA256_SIZE], uint8_t header[SHA256_SIZE])
{
	const struct dkim_sink sink = { digest, add_to_digest };
	uint64_t whole = UINT64_MAX;
	unsigned length = 0;
	if (signature->algorithm->sha1)
		return fault(signature, DKIM_POLICY, VIEW("SHA-1 is not for signing any more (RFC 8301 3.1)"));
	bytes_copy(body, SHA256_SIZE, hash_body(verifying, signature, digest, &whole));
	if (signature->length != UINT64_MAX && signature->length > whole)
		return fault(signature, DKIM_PERMERROR, VIEW("l= is more than the body"));
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
	const struct field own = { .raw = field };
	struct signature signature = { .field = &own, .verdict = &verdict, .length = UINT64_MAX };
	struct view fields;
	header_split(message, &fields, &verifying.body);
	read_fields(&verifying, fields);
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	must(digest != NULL);
	const bool good = view_find_byte(field, ':') != VIEW_NOT_FOUND && read_signature(&signature, &request, arena) &&
	                  hash_for_signing(&verifying, &signature, digest, body, header);
	EVP_MD_CTX_free(digest);
	*why = verdict.reason;
	return good;
}

/* sealpost sign: a DKIM signature by hand (RFC 6376, RFC 8463). Needs no daemon. */
#include "cli/cli.h"
#include "mail/dkim_tags.h"
#include "mail/dkim_verify.h"
#include "mail/header.h"
#include "mail/private_key.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

enum { FIELD_MOST = 65536, LINE_MOST = 72 };

struct signing {
	const struct cli *cli;
	struct text raw;     /* as it was given */
	struct text message; /* lines end in CRLF */
	struct text field;   /* DKIM-Signature with its CRLF */
	struct arena arena;
	EVP_PKEY *key;
	enum dkim_algorithm algorithm;
	uint8_t body_hash[SHA256_SIZE];
	uint8_t header_hash[SHA256_SIZE];
};

static bool refuse(const char *what, struct view why)
{
	cli_fail(USAGE, "%s: %.*s", what, VIEW_PRINT(why));
	return false;
}

/* ---- what is to be signed, and with what */

static bool read_key(struct signing *signing)
{
	const char *path = cli_option(signing->cli, "key");
	struct text pem = TEXT_LIMIT(65536);
	struct view why = VIEW_NONE;
	bool good = path != NULL;
	if (!good)
		cli_fail(USAGE, "--key FILE is needed: a private key in PEM form, RSA or Ed25519");
	good = good && file_read(path, &pem);
	if (good)
		signing->key = private_key_of_pem(text_view(&pem), &signing->algorithm, &why);
	if (good && signing->key == NULL)
		good = refuse(path, why);
	text_deinit(&pem);
	return good;
}

static bool read_input(struct signing *signing)
{
	input_announce("the message");
	if (!file_read_all(STDIN_FILENO, &signing->raw)) {
		cli_fail(USAGE, "cannot read the message: %s", strerror(errno));
		return false;
	}
	lines_to_crlf(text_view(&signing->raw), &signing->message);
	return true;
}

/* Seconds since 1970; `otherwise` where the option is not given. */
static bool read_seconds(const struct cli *cli, const char *option, uint64_t otherwise, uint64_t *seconds)
{
	const char *value = cli_option(cli, option);
	*seconds = otherwise;
	if (value == NULL || (view_to_u64(view_of(value), seconds) && *seconds <= INT64_MAX / 2))
		return true;
	cli_fail(USAGE, "--%s is a number of seconds, not %s", option, value);
	return false;
}

/* ---- the field, made of options: in the order of RFC 8463's example */

/* What the relay itself signs of such a header: its fields, each once more than it is there. */
static bool usual_names(struct signing *signing, struct view *names)
{
	struct view body;
	struct dkim_seal_request request = {
		.domain = VIEW("example.com"),
		.selector = VIEW("s"),
		.body_hash = signing->body_hash,
		.timestamp = -1,
	};
	struct text seal = TEXT_LIMIT(FIELD_MOST);
	struct dkim_tags tags;
	uint8_t digest[SHA256_SIZE];
	header_split(text_view(&signing->message), &request.header, &body);
	bool good = dkim_seal_begin(&request, &seal, digest);
	if (good)
		dkim_seal_end(&seal, VIEW("x"));
	const struct view list = view_from(text_view(&seal), view_find_byte(text_view(&seal), ':') + 1);
	good = good && dkim_tags_read(list, &tags) && dkim_tag_find(&tags, VIEW("h")) != NULL;
	if (good)
		*names = arena_copy(&signing->arena, *dkim_tag_find(&tags, VIEW("h")));
	text_deinit(&seal);
	return good || refuse("the message", VIEW("its header is malformed, or has too many fields"));
}

static void add_names(struct text *field, struct view names)
{
	size_t column = 8;
	struct view name;
	for (bool first = true; view_split(&names, ':', &name); first = false) {
		name = view_trim(name);
		const bool folds = column + name.length + 3 > LINE_MOST;
		if (!first)
			text_add(field, folds ? VIEW(" :\r\n ") : VIEW(" : "));
		column = folds ? 1 + name.length : column + name.length + 3;
		text_add(field, name);
	}
}

static bool write_field(struct signing *signing)
{
	const struct cli *cli = signing->cli;
	const char *domain = cli_option(cli, "domain");
	const char *selector = cli_option(cli, "selector");
	const char *identity = cli_option(cli, "identity");
	const char *form = cli_option(cli, "canonicalization");
	const char *headers = cli_option(cli, "headers");
	uint64_t made = 0;
	uint64_t lasts = 0;
	struct view names = headers == NULL ? VIEW_NONE : view_of(headers);
	struct text *field = &signing->field;
	if (domain == NULL || selector == NULL) {
		cli_fail(USAGE, "--domain DOMAIN and --selector NAME are needed, or --template FILE");
		return false;
	}
	if (!read_seconds(cli, "time", (uint64_t)time(NULL), &made) || !read_seconds(cli, "expire", 0, &lasts) ||
	    (headers == NULL && !usual_names(signing, &names)))
		return false;
	text_print(field, "DKIM-Signature: v=1; a=%s; c=%s;\r\n d=%s; i=",
	           signing->algorithm == DKIM_RSA_SHA256 ? "rsa-sha256" : "ed25519-sha256",
	           form == NULL ? "relaxed/relaxed" : form, domain);
	text_print(field, identity == NULL ? "@%s" : "%s", identity == NULL ? domain : identity);
	text_print(field, ";\r\n q=dns/txt; s=%s; t=%llu;", selector, (unsigned long long)made);
	if (lasts > 0)
		text_print(field, " x=%llu;", (unsigned long long)(made + lasts));
	text_add(field, VIEW("\r\n h="));
	add_names(field, names);
	text_add(field, VIEW(";\r\n bh=;\r\n b=\r\n"));
	return true;
}

/* A field as it is to be, in a file: whatever its b= and bh= are. */
static bool read_template(struct signing *signing, const char *path)
{
	struct text given = TEXT_LIMIT(FIELD_MOST / 2);
	const bool good = file_read(path, &given);
	const struct view text = view_trim(text_view(&given));
	if (good && !view_starts_nocase(text, VIEW("DKIM-Signature:")))
		text_add(&signing->field, VIEW("DKIM-Signature: "));
	if (good)
		lines_to_crlf(text, &signing->field);
	text_add(&signing->field, VIEW("\r\n"));
	text_deinit(&given);
	return good;
}

/* ---- the tags that are computed */

static bool set_tag(struct text *field, struct view name, struct view value)
{
	struct dkim_tags tags;
	const struct view whole = text_view(field);
	const struct view list = view_from(whole, view_find_byte(whole, ':') + 1);
	const struct view *old = dkim_tags_read(list, &tags) ? dkim_tag_find(&tags, name) : NULL;
	if (old == NULL)
		return refuse("the signature", VIEW("it is no list of tag=value with v, a, b, bh, d, h and s"));
	struct text made = TEXT_LIMIT(field->limit);
	const size_t start = (size_t)(old->data - whole.data);
	text_add(&made, view_first(whole, start));
	text_add(&made, value);
	text_add(&made, view_from(whole, start + old->length));
	text_clear(field);
	text_add(field, text_view(&made));
	text_deinit(&made);
	return !field->overflow;
}

static bool set_body_hash(struct signing *signing)
{
	struct text encoded = TEXT_LIMIT(64);
	text_add_base64(&encoded, view_bytes(signing->body_hash, sizeof(signing->body_hash)));
	const bool good = set_tag(&signing->field, VIEW("bh"), text_view(&encoded));
	text_deinit(&encoded);
	return good;
}

static bool set_signature(struct signing *signing)
{
	uint8_t signature[SIGNATURE_MOST];
	size_t length = 0;
	struct text encoded = TEXT_LIMIT(2 * SIGNATURE_MOST);
	struct text folded = TEXT_LIMIT(3 * SIGNATURE_MOST);
	if (!private_key_sign(signing->key, signing->algorithm, signing->header_hash, signature, &length))
		return refuse("the key", VIEW("it cannot sign"));
	text_add_base64(&encoded, view_bytes(signature, length));
	for (struct view rest = text_view(&encoded); rest.length > 0; rest = view_from(rest, LINE_MOST - 4)) {
		text_add(&folded, folded.length > 0 ? VIEW("\r\n ") : VIEW_NONE);
		text_add(&folded, view_first(rest, LINE_MOST - 4));
	}
	const bool good = set_tag(&signing->field, VIEW("b"), text_view(&folded));
	text_deinit(&encoded);
	text_deinit(&folded);
	return good;
}

static bool hash(struct signing *signing)
{
	struct view why = VIEW_NONE;
	return dkim_hash(text_view(&signing->message), text_view(&signing->field), &signing->arena, signing->body_hash,
	                 signing->header_hash, &why) ||
	       refuse("the signature", why);
}

static bool key_fits(const struct signing *signing)
{
	static const struct view names[] = { VIEW_INIT("rsa-sha256"), VIEW_INIT("ed25519-sha256") };
	const struct view whole = text_view(&signing->field);
	struct dkim_tags tags;
	const bool readable = dkim_tags_read(view_from(whole, view_find_byte(whole, ':') + 1), &tags);
	const struct view *algorithm = readable ? dkim_tag_find(&tags, VIEW("a")) : NULL;
	return (algorithm != NULL && view_equal_nocase(*algorithm, names[signing->algorithm])) ||
	       refuse("the key", VIEW("it is not for the algorithm that a= names"));
}

/* The hash of the header is over bh= too: that comes first. */
static bool sign_field(struct signing *signing)
{
	return set_tag(&signing->field, VIEW("b"), VIEW_NONE) && hash(signing) && key_fits(signing) &&
	       set_body_hash(signing) && hash(signing) && set_signature(signing);
}

/* ---- out */

static void print_signed(const struct signing *signing)
{
	const struct view raw = text_view(&signing->raw);
	struct view rest = text_view(&signing->field);
	struct view line;
	/* Line ends as the message has them. */
	const bool has_cr = view_find(raw, VIEW("\r\n")) != VIEW_NOT_FOUND;
	while (view_split(&rest, '\n', &line) && line.length > 0)
		printf("%.*s%s", VIEW_PRINT(view_first(line, line.length - 1)), has_cr ? "\r\n" : "\n");
	if (cli_option(signing->cli, "field") == NULL)
		fwrite(raw.data, 1, raw.length, stdout);
}

static void print_json(struct signing *signing)
{
	struct text value = TEXT_LIMIT(FIELD_MOST);
	json_t *told = json_object();
	const struct view field = text_view(&signing->field);
	json_object_set_new(told, "field", json_stringn(field.data, field.length - 2));
	text_add_base64(&value, view_bytes(signing->body_hash, SHA256_SIZE));
	json_object_set_new(told, "body_hash", json_string(text_cstring(&value)));
	text_clear(&value);
	text_add_hex(&value, view_bytes(signing->header_hash, SHA256_SIZE));
	json_object_set_new(told, "signed_digest", json_string(text_cstring(&value)));
	cli_print_json(told);
	json_decref(told);
	text_deinit(&value);
}

enum outcome_code message_sign(struct cli *cli)
{
	struct signing signing = {
		.cli = cli,
		.raw = TEXT_LIMIT(INPUT_MOST),
		.message = TEXT_LIMIT(2 * (size_t)INPUT_MOST),
		.field = TEXT_LIMIT(FIELD_MOST),
	};
	const char *template = cli_option(cli, "template");
	const bool good = read_key(&signing) && read_input(&signing) &&
	                  (template != NULL ? read_template(&signing, template) : write_field(&signing)) &&
	                  sign_field(&signing);
	if (good && cli->json)
		print_json(&signing);
	else if (good)
		print_signed(&signing);
	EVP_PKEY_free(signing.key);
	arena_deinit(&signing.arena);
	text_deinit(&signing.raw);
	text_deinit(&signing.message);
	text_deinit(&signing.field);
	return good ? DONE : USAGE;
}

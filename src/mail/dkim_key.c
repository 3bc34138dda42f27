/* Key records. */
#include "mail/dkim.h"
#include "mail/dkim_tags.h"

enum { STRING_MOST = 255 };

struct view dkim_key_fault_text(enum dkim_key_fault fault)
{
	static const struct view texts[] = {
		[DKIM_KEY_GOOD] = VIEW_INIT("good"),
		[DKIM_KEY_VERSION] = VIEW_INIT("v= must be first and say DKIM1"),
		[DKIM_KEY_SYNTAX] = VIEW_INIT("not a list of tag=value"),
		[DKIM_KEY_REVOKED] = VIEW_INIT("the key is revoked: p= is empty"),
		[DKIM_KEY_NO_KEY] = VIEW_INIT("there is no key: p= is missing"),
		[DKIM_KEY_BASE64] = VIEW_INIT("the key is damaged: p= is not base64 (stray quotes, or a part is missing)"),
		[DKIM_KEY_ALGORITHM] = VIEW_INIT("k= is neither rsa nor ed25519"),
	};
	return texts[fault];
}

static enum dkim_key_fault read_key(const struct view *value, struct arena *arena, struct dkim_key *key)
{
	struct text decoded = TEXT_LIMIT(8192);
	if (value == NULL)
		return DKIM_KEY_NO_KEY;
	if (value->length == 0)
		return DKIM_KEY_REVOKED;
	const bool good = text_add_base64_decoded(&decoded, *value) && decoded.length > 0;
	if (good)
		key->key = arena_copy(arena, text_view(&decoded));
	text_deinit(&decoded);
	return good ? DKIM_KEY_GOOD : DKIM_KEY_BASE64;
}

enum dkim_key_fault dkim_key_parse(struct view record, struct arena *arena, struct dkim_key *key)
{
	struct dkim_tags tags;
	if (!dkim_tags_read(record, &tags) || tags.count == 0)
		return DKIM_KEY_SYNTAX;
	const struct view *version = dkim_tag_find(&tags, VIEW("v"));
	if (version != NULL && (version != &tags.tags[0].value || !view_equal(*version, VIEW("DKIM1"))))
		return DKIM_KEY_VERSION;
	struct dkim_key parsed = { .algorithm = DKIM_RSA_SHA256 };
	const struct view *algorithm = dkim_tag_find(&tags, VIEW("k"));
	if (algorithm != NULL && view_equal(*algorithm, VIEW("ed25519")))
		parsed.algorithm = DKIM_ED25519_SHA256;
	else if (algorithm != NULL && !view_equal(*algorithm, VIEW("rsa")))
		return DKIM_KEY_ALGORITHM;
	const struct view *hashes = dkim_tag_find(&tags, VIEW("h"));
	const struct view *services = dkim_tag_find(&tags, VIEW("s"));
	const struct view *flags = dkim_tag_find(&tags, VIEW("t"));
	parsed.allows_sha256 = hashes == NULL || dkim_list_has(*hashes, VIEW("sha256"));
	parsed.allows_sha1 = hashes == NULL || dkim_list_has(*hashes, VIEW("sha1"));
	parsed.allows_email =
		services == NULL || dkim_list_has(*services, VIEW("*")) || dkim_list_has(*services, VIEW("email"));
	parsed.testing = flags != NULL && dkim_list_has(*flags, VIEW("y"));
	parsed.strict = flags != NULL && dkim_list_has(*flags, VIEW("s"));
	const struct view *granularity = dkim_tag_find(&tags, VIEW("g"));
	/* An empty one without v= is of DomainKeys (RFC 4870), where it means any. */
	if (granularity != NULL && (granularity->length > 0 || version != NULL))
		parsed.granularity = arena_copy(arena, *granularity);
	const enum dkim_key_fault fault = read_key(dkim_tag_find(&tags, VIEW("p")), arena, &parsed);
	if (fault == DKIM_KEY_GOOD)
		*key = parsed;
	return fault;
}

/* One star stands for anything; nothing fits an empty one. */
bool dkim_key_is_for(const struct dkim_key *key, struct view local_part)
{
	const struct view pattern = key->granularity;
	const size_t star = view_find_byte(pattern, '*');
	if (pattern.data == NULL)
		return true;
	if (star == VIEW_NOT_FOUND)
		return pattern.length > 0 && view_equal(pattern, local_part);
	return local_part.length + 1 >= pattern.length && view_starts(local_part, view_first(pattern, star)) &&
	       view_ends(local_part, view_from(pattern, star + 1));
}

/* Takes the element with this tag off the front of *rest (X.690 8.1; lengths of at most two octets). */
static bool der_take(struct view *rest, uint8_t tag, struct view *content)
{
	if (rest->length < 2 || (uint8_t)rest->data[0] != tag)
		return false;
	size_t head = 2;
	size_t length = (uint8_t)rest->data[1];
	if (length > 0x7f) {
		const size_t octets = length & 0x7f;
		if (octets == 0 || octets > 2 || rest->length < head + octets)
			return false;
		length = 0;
		for (size_t i = 0; i < octets; i++)
			length = length << 8 | (uint8_t)rest->data[head++];
	}
	if (length > rest->length - head)
		return false;
	*content = view_slice(*rest, head, length);
	*rest = view_from(*rest, head + length);
	return true;
}

/* The RSAPublicKey within a SubjectPublicKeyInfo (RFC 5280 4.1, RFC 8017 A.1.1); empty when that is none. */
static struct view bare_rsa_key(struct view info)
{
	enum { SEQUENCE = 0x30, BIT_STRING = 0x03 };
	struct view fields;
	struct view algorithm;
	struct view bits;
	if (!der_take(&info, SEQUENCE, &fields) || !der_take(&fields, SEQUENCE, &algorithm) ||
	    !der_take(&fields, BIT_STRING, &bits) || bits.length < 2 || bits.data[0] != 0)
		return VIEW_NONE;
	return view_from(bits, 1);
}

bool dkim_key_equals(const struct dkim_key *key, enum dkim_algorithm algorithm, struct view ours)
{
	if (key->algorithm != algorithm || key->key.length == 0)
		return false;
	return view_equal(key->key, ours) || (algorithm == DKIM_RSA_SHA256 && view_equal(key->key, bare_rsa_key(ours)));
}

void dkim_key_write(enum dkim_algorithm algorithm, struct view key, struct text *record)
{
	text_add(record, algorithm == DKIM_RSA_SHA256 ? VIEW("v=DKIM1; k=rsa; p=") : VIEW("v=DKIM1; k=ed25519; p="));
	text_add_base64(record, key);
}

/* RFC 1035 5.1 */
static void add_zone_byte(struct text *text, char byte)
{
	if (!byte_is_print(byte)) {
		text_print(text, "\\%03u", (unsigned)(unsigned char)byte);
		return;
	}
	if (byte == '"' || byte == '\\')
		text_add_byte(text, '\\');
	text_add_byte(text, byte);
}

void txt_strings_write(struct view value, struct text *text)
{
	bool first = true;
	do {
		const struct view part = view_first(value, STRING_MOST);
		text_add(text, first ? VIEW("\"") : VIEW(" \""));
		for (size_t i = 0; i < part.length; i++)
			add_zone_byte(text, part.data[i]);
		text_add_byte(text, '"');
		value = view_from(value, part.length);
		first = false;
	} while (value.length > 0);
}

/* Key records. */
#include "mail/dkim.h"

enum { TAGS_MOST = 32, STRING_MOST = 255 };

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

struct tag {
	struct view name;
	struct view value;
};

static bool read_tags(struct view record, struct tag *tags, size_t *count)
{
	struct view part;
	while (view_split(&record, ';', &part)) {
		part = view_trim(part);
		if (part.length == 0)
			continue;
		const size_t equals = view_find_byte(part, '=');
		if (equals == VIEW_NOT_FOUND || equals == 0 || *count == TAGS_MOST)
			return false;
		const struct tag tag = {
			.name = view_trim(view_first(part, equals)),
			.value = view_trim(view_from(part, equals + 1)),
		};
		for (size_t i = 0; i < *count; i++)
			if (view_equal(tags[i].name, tag.name))
				return false;
		tags[(*count)++] = tag;
	}
	return true;
}

static const struct tag *tag_find(const struct tag *tags, size_t count, struct view name)
{
	for (size_t i = 0; i < count; i++)
		if (view_equal(tags[i].name, name))
			return &tags[i];
	return NULL;
}

static bool list_has(const struct tag *tag, struct view word)
{
	struct view rest = tag == NULL ? VIEW_NONE : tag->value;
	struct view part;
	while (view_split(&rest, ':', &part))
		if (view_equal(view_trim(part), word))
			return true;
	return false;
}

static enum dkim_key_fault read_key(const struct tag *tag, struct arena *arena, struct dkim_key *key)
{
	struct text decoded = TEXT_LIMIT(8192);
	if (tag == NULL)
		return DKIM_KEY_NO_KEY;
	if (tag->value.length == 0)
		return DKIM_KEY_REVOKED;
	const bool good = text_add_base64_decoded(&decoded, tag->value) && decoded.length > 0;
	if (good)
		key->key = arena_copy(arena, text_view(&decoded));
	text_deinit(&decoded);
	return good ? DKIM_KEY_GOOD : DKIM_KEY_BASE64;
}

enum dkim_key_fault dkim_key_parse(struct view record, struct arena *arena, struct dkim_key *key)
{
	struct tag tags[TAGS_MOST];
	size_t count = 0;
	if (!read_tags(record, tags, &count) || count == 0)
		return DKIM_KEY_SYNTAX;
	const struct tag *version = tag_find(tags, count, VIEW("v"));
	if (version != NULL && (version != tags || !view_equal(version->value, VIEW("DKIM1"))))
		return DKIM_KEY_VERSION;
	struct dkim_key parsed = { .algorithm = DKIM_RSA_SHA256 };
	const struct tag *algorithm = tag_find(tags, count, VIEW("k"));
	if (algorithm != NULL && view_equal(algorithm->value, VIEW("ed25519")))
		parsed.algorithm = DKIM_ED25519_SHA256;
	else if (algorithm != NULL && !view_equal(algorithm->value, VIEW("rsa")))
		return DKIM_KEY_ALGORITHM;
	const struct tag *hashes = tag_find(tags, count, VIEW("h"));
	const struct tag *services = tag_find(tags, count, VIEW("s"));
	const struct tag *flags = tag_find(tags, count, VIEW("t"));
	parsed.allows_sha256 = hashes == NULL || list_has(hashes, VIEW("sha256"));
	parsed.allows_email = services == NULL || list_has(services, VIEW("*")) || list_has(services, VIEW("email"));
	parsed.testing = list_has(flags, VIEW("y"));
	parsed.strict = list_has(flags, VIEW("s"));
	const enum dkim_key_fault fault = read_key(tag_find(tags, count, VIEW("p")), arena, &parsed);
	if (fault == DKIM_KEY_GOOD)
		*key = parsed;
	return fault;
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

/* A seal: which fields, their canonical form, and the field itself. */
#include "base/must.h"
#include "mail/dkim.h"
#include "mail/header.h"

enum { SIGNED_MOST = 300, FOLD_AT = 72, NAME_MOST = 64 };

/* Signed once more than they occur, so that nobody can add another one (RFC 6376 8.15). */
static const struct view over_signed[] = {
	VIEW_INIT("From"),     VIEW_INIT("To"),           VIEW_INIT("Cc"),
	VIEW_INIT("Subject"),  VIEW_INIT("Date"),         VIEW_INIT("Message-ID"),
	VIEW_INIT("Reply-To"), VIEW_INIT("MIME-Version"), VIEW_INIT("Content-Type"),
};
/* Signed as often as they occur. */
static const struct view signed_when_present[] = {
	VIEW_INIT("References"),
	VIEW_INIT("In-Reply-To"),
	VIEW_INIT("Sender"),
};
static const struct view signed_prefixes[] = { VIEW_INIT("List-"), VIEW_INIT("Resent-"), VIEW_INIT("Content-") };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_over_signed(struct view name)
{
	for (size_t i = 0; i < COUNT(over_signed); i++)
		if (view_equal_nocase(name, over_signed[i]))
			return true;
	return false;
}

/* A name goes into h= as it is: one with a semicolon or an equals sign would be a tag of the sender's own making. */
static bool is_plain_name(struct view name)
{
	for (size_t i = 0; i < name.length; i++)
		if (!byte_is_alnum(name.data[i]) && name.data[i] != '-')
			return false;
	return name.length <= NAME_MOST;
}

static bool is_signed_when_present(struct view name)
{
	if (!is_plain_name(name))
		return false;
	for (size_t i = 0; i < COUNT(signed_when_present); i++)
		if (view_equal_nocase(name, signed_when_present[i]))
			return true;
	for (size_t i = 0; i < COUNT(signed_prefixes); i++)
		if (view_starts_nocase(name, signed_prefixes[i]))
			return true;
	return false;
}

/* ---- canonical form */

/* Writes to `into`, which is as large as the body; returns how much. */
static size_t relax_body(struct view body, char *into)
{
	size_t length = 0;
	bool blank = false;
	body = view_trim(body);
	for (size_t i = 0; i < body.length; i++) {
		const char byte = body.data[i];
		if (byte == '\r' || byte == '\n')
			continue;
		if (byte_is_blank(byte)) {
			blank = true;
			continue;
		}
		if (blank)
			into[length++] = ' ';
		blank = false;
		into[length++] = byte;
	}
	return length;
}

void dkim_relax_field(struct view raw, struct text *relaxed)
{
	const size_t colon = view_find_byte(raw, ':');
	const struct view name = view_trim(view_first(raw, colon));
	char *into = text_room(relaxed, raw.length + 1);
	if (into == NULL)
		return;
	size_t length = 0;
	while (length < name.length) {
		into[length] = byte_lower(name.data[length]);
		length++;
	}
	into[length++] = ':';
	if (colon != VIEW_NOT_FOUND)
		length += relax_body(view_from(raw, colon + 1), into + length);
	text_extend(relaxed, length);
}

/* ---- the field */

struct sealing {
	struct text *field;
	size_t column;
	struct sha256 *sha256;
	struct text relaxed;
	size_t signed_count;
};

/* Tags stand on lines of at most FOLD_AT where they can be folded. */
static void add_tag(struct sealing *sealing, struct view tag)
{
	if (sealing->column + 1 + tag.length > FOLD_AT) {
		text_add(sealing->field, VIEW("\r\n\t"));
		sealing->column = 8;
	} else {
		text_add_byte(sealing->field, ' ');
		sealing->column++;
	}
	text_add(sealing->field, tag);
	sealing->column += tag.length;
}

static void add_printed(struct sealing *sealing, const char *name, struct view value)
{
	struct text tag = TEXT_LIMIT(1024);
	text_print(&tag, "%s=%.*s;", name, VIEW_PRINT(value));
	add_tag(sealing, text_view(&tag));
	text_deinit(&tag);
}

static void add_signed_name(struct sealing *sealing, struct view name)
{
	const bool first = sealing->signed_count++ == 0;
	if (!first) {
		text_add_byte(sealing->field, ':');
		sealing->column++;
		if (sealing->column + name.length > FOLD_AT) {
			text_add(sealing->field, VIEW("\r\n\t"));
			sealing->column = 8;
		}
	}
	text_add(sealing->field, name);
	sealing->column += name.length;
}

static void hash_field(struct sealing *sealing, struct view raw)
{
	text_clear(&sealing->relaxed);
	dkim_relax_field(raw, &sealing->relaxed);
	text_add(&sealing->relaxed, VIEW("\r\n"));
	sha256_add(sealing->sha256, text_view(&sealing->relaxed));
}

/* RFC 6376 5.4.2: several fields of one name are taken from the bottom up; a name without a field left adds nothing.
 */
static void sign_name(struct sealing *sealing, const struct header_field *fields, size_t count, struct view name,
                      bool once_more)
{
	for (size_t i = count; i > 0; i--) {
		if (!header_field_is(&fields[i - 1], name))
			continue;
		add_signed_name(sealing, name);
		hash_field(sealing, fields[i - 1].raw);
	}
	if (once_more)
		add_signed_name(sealing, name);
}

static bool name_came_before(const struct header_field *fields, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (view_equal_nocase(fields[i].name, fields[at].name))
			return true;
	return false;
}

static bool sign_fields(struct sealing *sealing, const struct header_field *fields, size_t count)
{
	for (size_t i = 0; i < COUNT(over_signed); i++)
		sign_name(sealing, fields, count, over_signed[i], true);
	for (size_t i = 0; i < count; i++) {
		const struct view name = fields[i].name;
		if (is_over_signed(name) || !is_signed_when_present(name) || name_came_before(fields, i))
			continue;
		sign_name(sealing, fields, count, name, false);
		if (sealing->signed_count > SIGNED_MOST)
			return false;
	}
	return sealing->signed_count <= SIGNED_MOST;
}

/* Only the fields that may be signed are kept, so that many others cost one look each. */
static bool read_fields(struct view header, struct header_field *fields, size_t *count)
{
	struct header_walk walk = header_walk_of(header);
	struct header_field field;
	enum header_step step;
	while ((step = header_next(&walk, &field)) == HEADER_FIELD) {
		if (!is_over_signed(field.name) && !is_signed_when_present(field.name))
			continue;
		if (*count == SIGNED_MOST)
			return false;
		fields[(*count)++] = field;
	}
	return step == HEADER_END;
}

static void write_head(struct sealing *sealing, const struct dkim_seal_request *request)
{
	static const struct view algorithms[] = {
		[DKIM_RSA_SHA256] = VIEW_INIT("rsa-sha256"),
		[DKIM_ED25519_SHA256] = VIEW_INIT("ed25519-sha256"),
	};
	text_add(sealing->field, VIEW("DKIM-Signature:"));
	sealing->column = 15;
	add_tag(sealing, VIEW("v=1;"));
	add_printed(sealing, "a", algorithms[request->algorithm]);
	add_tag(sealing, VIEW("c=relaxed/relaxed;"));
	add_printed(sealing, "d", request->domain);
	add_printed(sealing, "s", request->selector);
	if (request->timestamp >= 0) {
		struct text number = TEXT_LIMIT(24);
		text_add_u64(&number, (uint64_t)request->timestamp);
		add_printed(sealing, "t", text_view(&number));
		text_deinit(&number);
	}
	text_add(sealing->field, VIEW("\r\n\th="));
	sealing->column = 10;
}

static void write_body_hash(struct sealing *sealing, const uint8_t *body_hash)
{
	text_add(sealing->field, VIEW(";\r\n\tbh="));
	text_add_base64(sealing->field, view_bytes(body_hash, SHA256_SIZE));
	text_add(sealing->field, VIEW(";\r\n\tb="));
}

bool dkim_seal_begin(const struct dkim_seal_request *request, struct text *field, uint8_t digest[SHA256_SIZE])
{
	struct header_field *fields = must_alloc(SIGNED_MOST, sizeof(*fields));
	struct sealing sealing = {
		.field = field,
		.sha256 = sha256_new(),
		.relaxed = TEXT_LIMIT(2 * 1024 * 1024),
	};
	size_t count = 0;
	sha256_begin(sealing.sha256);
	const size_t start = field->length;
	bool good = read_fields(request->header, fields, &count);
	if (good) {
		write_head(&sealing, request);
		good = sign_fields(&sealing, fields, count);
		write_body_hash(&sealing, request->body_hash);
	}
	/* RFC 6376 3.7: last the seal itself, with an empty b= and without its CRLF. */
	text_clear(&sealing.relaxed);
	dkim_relax_field(view_from(text_view(field), start), &sealing.relaxed);
	sha256_add(sealing.sha256, text_view(&sealing.relaxed));
	sha256_end(sealing.sha256, digest);
	good = good && !field->overflow && !sealing.relaxed.overflow;
	sha256_free(sealing.sha256);
	text_deinit(&sealing.relaxed);
	free(fields);
	return good;
}

void dkim_seal_end(struct text *field, struct view signature)
{
	struct text encoded = TEXT_LIMIT(4096);
	text_add_base64(&encoded, signature);
	for (struct view rest = text_view(&encoded); rest.length > 0; rest = view_from(rest, FOLD_AT - 2)) {
		if (rest.data != encoded.data)
			text_add(field, VIEW("\r\n\t "));
		text_add(field, view_first(rest, FOLD_AT - 2));
	}
	text_add(field, VIEW("\r\n"));
	text_deinit(&encoded);
}

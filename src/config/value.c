/* Reading and writing single values. */
#include "base/clock.h"
#include "base/must.h"
#include "config/schema.h"

const char *value_type_form(enum value_type type)
{
	static const char *const forms[] = {
		[TYPE_SECTION] = "a section with keys of its own",
		[TYPE_TEXT] = "a text",
		[TYPE_LABEL] = "a name of at most 50 letters, digits and hyphens",
		[TYPE_NAME] = "a name of at most 63 letters, digits, hyphens and underscores",
		[TYPE_HOST] = "a host name such as smtp.example.com",
		[TYPE_DNS_NAME] = "a DNS name such as _spf.example.com",
		[TYPE_SELECTOR] = "a DKIM selector such as s1",
		[TYPE_PATH] = "a path of at most 1000 bytes",
		[TYPE_URL] = "a URL such as https://console.example.com",
		[TYPE_ADDRESS] = "an address such as 192.0.2.10 or 2001:db8::10",
		[TYPE_TARGET] = "an address, ADDRESS:PORT or host name",
		[TYPE_BOOLEAN] = "true or false",
		[TYPE_ENUM] = "one of the names given",
		[TYPE_COUNT] = "a whole number",
		[TYPE_SIZE] = "a size such as 64KiB, 25MiB or 1GiB",
		[TYPE_RATE] = "a rate such as 10/s",
		[TYPE_DAILY] = "a number a day such as 100000/d",
		[TYPE_DURATION] = "a duration such as 30s, 5m, 4h or 3d",
		[TYPE_ENDPOINT] = "ADDRESS:PORT such as 0.0.0.0:587 or [::]:465",
		[TYPE_PATHS] = "a list of paths",
		[TYPE_ADDRESSES] = "a list of addresses such as 192.0.2.10",
		[TYPE_ENDPOINTS] = "a list of ADDRESS:PORT such as 127.0.0.1:53",
		[TYPE_LIST] = "a list of mappings",
	};
	return forms[type];
}

enum value_type value_type_of_item(enum value_type type)
{
	static const enum value_type items[] = {
		[TYPE_PATHS] = TYPE_PATH,
		[TYPE_ADDRESSES] = TYPE_ADDRESS,
		[TYPE_ENDPOINTS] = TYPE_ENDPOINT,
		[TYPE_LIST] = TYPE_SECTION,
	};
	return items[type];
}

struct unit {
	struct view suffix;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ VIEW_INIT("KiB"), UINT64_C(1024) },
	{ VIEW_INIT("MiB"), UINT64_C(1024) * 1024 },
	{ VIEW_INIT("GiB"), UINT64_C(1024) * 1024 * 1024 },
	{ VIEW_INIT(""), 1 },
};
static const struct unit duration_units[] = {
	{ VIEW_INIT("s"), 1 },
	{ VIEW_INIT("m"), 60 },
	{ VIEW_INIT("h"), 3600 },
	{ VIEW_INIT("d"), 86400 },
};
static const struct unit rate_units[] = { { VIEW_INIT("/s"), 1 } };
static const struct unit daily_units[] = { { VIEW_INIT("/d"), 1 } };
static const struct unit count_units[] = { { VIEW_INIT(""), 1 } };

static const struct units {
	const struct unit *units;
	size_t count;
} units_of[] = {
	[TYPE_COUNT] = { count_units, 1 }, [TYPE_SIZE] = { size_units, 4 },         [TYPE_RATE] = { rate_units, 1 },
	[TYPE_DAILY] = { daily_units, 1 }, [TYPE_DURATION] = { duration_units, 4 },
};

static bool read_number(enum value_type type, struct view text, uint64_t *number)
{
	const struct units *all = &units_of[type];
	for (size_t i = 0; i < all->count; i++) {
		const struct unit *unit = &all->units[i];
		if (view_ends(text, unit->suffix) && view_to_u64(view_first(text, text.length - unit->suffix.length), number))
			return !__builtin_mul_overflow(*number, unit->factor, number);
	}
	return false;
}

void value_write_number(enum value_type type, uint64_t number, struct text *text)
{
	const struct units *all = &units_of[type];
	const struct unit *best = NULL;
	for (size_t i = 0; i < all->count; i++) {
		const struct unit *unit = &all->units[i];
		if (number % unit->factor == 0 && (best == NULL || (number > 0 && unit->factor > best->factor)))
			best = unit;
	}
	must(best != NULL);
	text_add_u64(text, number / best->factor);
	text_add(text, best->suffix);
}

/* ---- texts */

/* Letters, digits and what else is allowed, with a letter, digit or allowed underscore first. */
static bool is_word(struct view text, size_t most, bool underscores)
{
	for (size_t i = 0; i < text.length; i++) {
		const char byte = text.data[i];
		if (!byte_is_alnum(byte) && !(underscores && byte == '_') && !(i > 0 && byte == '-'))
			return false;
	}
	return text.length > 0 && text.length <= most;
}

/* Labels between dots, none ending with a hyphen (RFC 1123 2.1). */
static bool are_labels(struct view text, size_t label_most, bool underscores)
{
	struct view rest = text;
	struct view label = VIEW_NONE;
	while (view_split(&rest, '.', &label))
		if (!is_word(label, label_most, underscores) || view_ends(label, VIEW("-")))
			return false;
	return text.length > 0 && text.length <= 253;
}

static bool is_number(struct view text)
{
	uint64_t number = 0;
	return view_to_u64(text, &number);
}

static bool is_text(struct view text)
{
	return text.length > 0 && text.length <= 4096 && view_find_byte(text, '\0') == VIEW_NOT_FOUND;
}

static bool is_label(struct view text)
{
	return is_word(text, 50, false) && !view_ends(text, VIEW("-"));
}

static bool is_name(struct view text)
{
	return is_word(text, 63, true);
}

static bool is_dns_name(struct view text)
{
	return are_labels(text, 63, true);
}

/* What ends in a number is an address or a slip (RFC 3696 2). */
static bool is_host(struct view text)
{
	const size_t dot = view_find_last_byte(text, '.');
	return are_labels(text, 63, false) && !is_number(dot == VIEW_NOT_FOUND ? text : view_from(text, dot + 1));
}

/* Room for -ed after it, the selector of the Ed25519 key. */
static bool is_selector(struct view text)
{
	return are_labels(text, 60, false);
}

static bool is_path(struct view text)
{
	return is_text(text) && text.length <= CONFIG_PATH_MOST;
}

static bool is_url(struct view text)
{
	const size_t scheme = view_starts(text, VIEW("https://")) ? 8 : view_starts(text, VIEW("http://")) ? 7 : 0;
	for (size_t i = 0; i < text.length; i++)
		if (!byte_is_print(text.data[i]) || view_find_byte(VIEW(" \"<>\\"), text.data[i]) != VIEW_NOT_FOUND)
			return false;
	return scheme > 0 && text.length > scheme && byte_is_alnum(text.data[scheme]) && text.length <= 200;
}

static bool is_address(struct view text)
{
	struct endpoint endpoint;
	return endpoint_parse_address(text, &endpoint);
}

static bool is_target(struct view text)
{
	struct endpoint endpoint;
	return is_address(text) || endpoint_parse(text, &endpoint) || is_host(text);
}

static const struct text_type {
	bool (*is_good)(struct view text);
	bool lower_case;
	bool no_slash_at_the_end;
} text_types[] = {
	[TYPE_TEXT] = { is_text },
	[TYPE_LABEL] = { is_label },
	[TYPE_NAME] = { is_name },
	[TYPE_HOST] = { is_host, .lower_case = true },
	[TYPE_DNS_NAME] = { is_dns_name, .lower_case = true },
	[TYPE_SELECTOR] = { is_selector },
	[TYPE_PATH] = { is_path },
	[TYPE_URL] = { is_url, .no_slash_at_the_end = true },
	[TYPE_ADDRESS] = { is_address },
	[TYPE_TARGET] = { is_target, .lower_case = true },
};

static bool refuse(struct arena *arena, const struct schema_row *row, struct view text, struct view *why)
{
	struct text shown = TEXT_LIMIT(400);
	text_add_printable(&shown, text, 80);
	*why = arena_print(arena, "\"%s\" is not %s", text_cstring(&shown), value_type_form(row->type));
	text_deinit(&shown);
	return false;
}

static bool read_bounded(const struct schema_row *row, struct view text, void *field, struct arena *arena,
                         struct view *why)
{
	uint64_t number = 0;
	if (!read_number(row->type, text, &number))
		return refuse(arena, row, text, why);
	if (number < row->least || number > row->most) {
		struct text bounds = TEXT_LIMIT(128);
		value_write_number(row->type, row->least, &bounds);
		text_add(&bounds, VIEW(" to "));
		value_write_number(row->type, row->most, &bounds);
		*why = arena_print(arena, "%.*s is out of bounds: allowed is %s", VIEW_PRINT(text), text_cstring(&bounds));
		text_deinit(&bounds);
		return false;
	}
	if (row->type == TYPE_DURATION)
		*(int64_t *)field = (int64_t)number * SECOND;
	else
		*(uint64_t *)field = number;
	return true;
}

static bool read_enum(const struct schema_row *row, struct view text, unsigned *field, struct arena *arena,
                      struct view *why)
{
	struct text names = TEXT_LIMIT(256);
	for (unsigned i = 0; row->names[i] != NULL; i++) {
		if (view_equal(text, view_of(row->names[i]))) {
			*field = i;
			text_deinit(&names);
			return true;
		}
		text_print(&names, "%s%s", i == 0 ? "" : ", ", row->names[i]);
	}
	struct text shown = TEXT_LIMIT(400);
	text_add_printable(&shown, text, 80);
	*why = arena_print(arena, "\"%s\" is not allowed; allowed is: %s", text_cstring(&shown), text_cstring(&names));
	text_deinit(&shown);
	text_deinit(&names);
	return false;
}

static bool read_text(const struct schema_row *row, struct view text, struct view *field, struct arena *arena,
                      struct view *why)
{
	const struct text_type *type = &text_types[row->type];
	const bool may_be_empty = row->fallback != NULL && row->fallback[0] == '\0';
	if (!(text.length == 0 && may_be_empty) && !type->is_good(text))
		return refuse(arena, row, text, why);
	if (type->no_slash_at_the_end)
		while (view_ends(text, VIEW("/")))
			text.length--;
	char *copy = arena_alloc(arena, text.length + 1, 1);
	for (size_t i = 0; i < text.length; i++)
		copy[i] = type->lower_case ? byte_lower(text.data[i]) : text.data[i];
	*field = view_bytes(copy, text.length);
	return true;
}

bool value_read(const struct schema_row *row, struct view text, void *base, struct arena *arena, struct view *why)
{
	void *field = (char *)base + row->offset;
	switch (row->type) {
	case TYPE_TEXT:
	case TYPE_LABEL:
	case TYPE_NAME:
	case TYPE_HOST:
	case TYPE_DNS_NAME:
	case TYPE_SELECTOR:
	case TYPE_PATH:
	case TYPE_URL:
	case TYPE_ADDRESS:
	case TYPE_TARGET:
		return read_text(row, text, field, arena, why);
	case TYPE_BOOLEAN:
		*(bool *)field = view_equal(text, VIEW("true"));
		return *(bool *)field || view_equal(text, VIEW("false")) || refuse(arena, row, text, why);
	case TYPE_ENUM:
		return read_enum(row, text, field, arena, why);
	case TYPE_COUNT:
	case TYPE_SIZE:
	case TYPE_RATE:
	case TYPE_DAILY:
	case TYPE_DURATION:
		return read_bounded(row, text, field, arena, why);
	case TYPE_ENDPOINT:
		return endpoint_parse(text, field) || refuse(arena, row, text, why);
	case TYPE_SECTION:
	case TYPE_PATHS:
	case TYPE_ADDRESSES:
	case TYPE_ENDPOINTS:
	case TYPE_LIST:
		break;
	}
	return refuse(arena, row, text, why);
}

/* The code point at the start of text that is UTF-8, as all that came through libyaml is. */
static uint32_t code_point(struct view text, size_t *length)
{
	const unsigned char first = (unsigned char)text.data[0];
	const size_t count = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t point = count == 1 ? first : first & (0xffu >> (count + 1));
	for (size_t i = 1; i < count && i < text.length; i++)
		point = point << 6 | ((unsigned char)text.data[i] & 0x3f);
	*length = count;
	return point;
}

static void write_quoted(struct view value, struct text *yaml)
{
	text_add_byte(yaml, '"');
	while (value.length > 0) {
		size_t length = 1;
		const uint32_t point = code_point(value, &length);
		if (point > 0xffff)
			text_print(yaml, "\\U%08x", (unsigned)point);
		else if (point > 0x7e || point < 0x20)
			text_print(yaml, "\\u%04x", (unsigned)point);
		else
			text_print(yaml, "%s%c", point == '"' || point == '\\' ? "\\" : "", (int)point);
		value = view_from(value, length);
	}
	text_add_byte(yaml, '"');
}

static void write_texts(const struct config_texts *texts, struct text *yaml)
{
	text_add(yaml, VIEW("["));
	for (size_t i = 0; i < texts->count; i++) {
		text_add(yaml, i == 0 ? VIEW(" ") : VIEW(", "));
		write_quoted(texts->items[i], yaml);
	}
	text_add(yaml, texts->count == 0 ? VIEW("]") : VIEW(" ]"));
}

static void write_endpoint(const struct endpoint *endpoint, struct text *yaml)
{
	text_add_byte(yaml, '"');
	text_add_endpoint(yaml, endpoint);
	text_add_byte(yaml, '"');
}

static void write_endpoints(const struct config_endpoints *endpoints, struct text *yaml)
{
	text_add(yaml, VIEW("["));
	for (size_t i = 0; i < endpoints->count; i++) {
		text_add(yaml, i == 0 ? VIEW(" ") : VIEW(", "));
		write_endpoint(&endpoints->items[i], yaml);
	}
	text_add(yaml, endpoints->count == 0 ? VIEW("]") : VIEW(" ]"));
}

void value_write(const struct schema_row *row, const void *base, struct text *yaml)
{
	const void *field = (const char *)base + row->offset;
	switch (row->type) {
	case TYPE_TEXT:
	case TYPE_LABEL:
	case TYPE_NAME:
	case TYPE_HOST:
	case TYPE_DNS_NAME:
	case TYPE_SELECTOR:
	case TYPE_PATH:
	case TYPE_URL:
	case TYPE_ADDRESS:
	case TYPE_TARGET:
		write_quoted(*(const struct view *)field, yaml);
		return;
	case TYPE_BOOLEAN:
		text_add(yaml, *(const bool *)field ? VIEW("true") : VIEW("false"));
		return;
	case TYPE_ENUM:
		text_add(yaml, view_of(row->names[*(const unsigned *)field]));
		return;
	case TYPE_DURATION:
		value_write_number(row->type, (uint64_t)(*(const int64_t *)field / SECOND), yaml);
		return;
	case TYPE_COUNT:
	case TYPE_SIZE:
	case TYPE_RATE:
	case TYPE_DAILY:
		value_write_number(row->type, *(const uint64_t *)field, yaml);
		return;
	case TYPE_ENDPOINT:
		write_endpoint(field, yaml);
		return;
	case TYPE_PATHS:
	case TYPE_ADDRESSES:
		write_texts(field, yaml);
		return;
	case TYPE_ENDPOINTS:
		write_endpoints(field, yaml);
		return;
	case TYPE_SECTION:
	case TYPE_LIST:
		break;
	}
}

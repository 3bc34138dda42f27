/* Reading and writing single values. */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/must.h"
#include "config/schema.h"

const char *value_type_form(enum value_type type)
{
	static const char *const forms[] = {
		[TYPE_SECTION] = "a section with keys of its own",
		[TYPE_TEXT] = "a text",
		[TYPE_NAME] = "a name of letters, digits and hyphens",
		[TYPE_HOST] = "a host name such as smtp.example.com",
		[TYPE_PATH] = "a path",
		[TYPE_URL] = "a URL such as https://console.example.com",
		[TYPE_BOOLEAN] = "true or false",
		[TYPE_ENUM] = "one of the names given",
		[TYPE_COUNT] = "a whole number",
		[TYPE_SIZE] = "a size such as 64KiB, 25MiB or 1GiB",
		[TYPE_RATE] = "a rate such as 10/s",
		[TYPE_DAILY] = "a number a day such as 100000/d",
		[TYPE_DURATION] = "a duration such as 30s, 5m, 4h or 3d",
		[TYPE_ENDPOINT] = "ADDRESS:PORT such as 0.0.0.0:587 or [::]:465",
		[TYPE_TEXTS] = "a list of texts",
		[TYPE_ADDRESSES] = "a list of addresses such as 192.0.2.10",
		[TYPE_ENDPOINTS] = "a list of ADDRESS:PORT such as 127.0.0.1:53",
		[TYPE_LIST] = "a list of mappings",
	};
	return forms[type];
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

static void write_number(enum value_type type, uint64_t number, struct text *text)
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

static bool is_name(struct view text, bool dots)
{
	bool label_begins = true;
	for (size_t i = 0; i < text.length; i++) {
		const char byte = text.data[i];
		const bool is_dot = dots && byte == '.';
		if ((is_dot && label_begins) || (!is_dot && !byte_is_alnum(byte) && (byte != '-' || label_begins)))
			return false;
		label_begins = is_dot;
	}
	return text.length > 0 && text.length <= 253 && !label_begins;
}

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
		write_number(row->type, row->least, &bounds);
		text_add(&bounds, VIEW(" to "));
		write_number(row->type, row->most, &bounds);
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

static bool text_is_good(enum value_type type, struct view text)
{
	switch (type) {
	case TYPE_NAME:
		return is_name(text, false);
	case TYPE_HOST:
		return is_name(text, true);
	case TYPE_URL:
		return text.length == 0 || view_starts(text, VIEW("https://")) || view_starts(text, VIEW("http://"));
	case TYPE_TEXT:
	case TYPE_PATH:
		return view_find_byte(text, '\0') == VIEW_NOT_FOUND && text.length <= 4096;
	case TYPE_SECTION:
	case TYPE_BOOLEAN:
	case TYPE_ENUM:
	case TYPE_COUNT:
	case TYPE_SIZE:
	case TYPE_RATE:
	case TYPE_DAILY:
	case TYPE_DURATION:
	case TYPE_ENDPOINT:
	case TYPE_TEXTS:
	case TYPE_ADDRESSES:
	case TYPE_ENDPOINTS:
	case TYPE_LIST:
		break;
	}
	return false;
}

static bool read_text(const struct schema_row *row, struct view text, struct view *field, struct arena *arena,
                      struct view *why)
{
	if (!text_is_good(row->type, text))
		return refuse(arena, row, text, why);
	*field = arena_copy(arena, text);
	return true;
}

bool value_read(const struct schema_row *row, struct view text, void *base, struct arena *arena, struct view *why)
{
	void *field = (char *)base + row->offset;
	switch (row->type) {
	case TYPE_TEXT:
	case TYPE_NAME:
	case TYPE_HOST:
	case TYPE_PATH:
	case TYPE_URL:
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
	case TYPE_TEXTS:
	case TYPE_ADDRESSES:
	case TYPE_ENDPOINTS:
	case TYPE_LIST:
		break;
	}
	return refuse(arena, row, text, why);
}

static void write_quoted(struct view value, struct text *yaml)
{
	text_add_byte(yaml, '"');
	text_add_printable(yaml, value, SIZE_MAX);
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
	case TYPE_NAME:
	case TYPE_HOST:
	case TYPE_PATH:
	case TYPE_URL:
		write_quoted(*(const struct view *)field, yaml);
		return;
	case TYPE_BOOLEAN:
		text_add(yaml, *(const bool *)field ? VIEW("true") : VIEW("false"));
		return;
	case TYPE_ENUM:
		text_add(yaml, view_of(row->names[*(const unsigned *)field]));
		return;
	case TYPE_DURATION:
		write_number(row->type, (uint64_t)(*(const int64_t *)field / SECOND), yaml);
		return;
	case TYPE_COUNT:
	case TYPE_SIZE:
	case TYPE_RATE:
	case TYPE_DAILY:
		write_number(row->type, *(const uint64_t *)field, yaml);
		return;
	case TYPE_ENDPOINT:
		write_endpoint(field, yaml);
		return;
	case TYPE_TEXTS:
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

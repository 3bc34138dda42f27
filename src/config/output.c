/* What else the schema table gives: the JSON Schema and the manual's section. */
#include "base/bytes.h"
#include "base/json.h"
#include "base/must.h"
#include "config/schema.h"

/* ---- JSON Schema */

static const char *pattern_of(enum value_type type)
{
	static const char *const patterns[] = {
		[TYPE_LABEL] = "^[A-Za-z0-9]([A-Za-z0-9-]{0,48}[A-Za-z0-9])?$",
		[TYPE_NAME] = "^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$",
		[TYPE_HOST] = "^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$",
		[TYPE_DNS_NAME] = "^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$",
		[TYPE_SELECTOR] = "^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$",
		[TYPE_URL] = "^(https?://[A-Za-z0-9].*)?$",
		[TYPE_SIZE] = "^[0-9]+(KiB|MiB|GiB)?$",
		[TYPE_RATE] = "^[0-9]+/s$",
		[TYPE_DAILY] = "^[0-9]+/d$",
		[TYPE_DURATION] = "^[0-9]+[smhd]$",
		[TYPE_ENDPOINT] = "^([0-9.]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]+$",
		[TYPE_ADDRESS] = "^[0-9A-Fa-f:.]+$",
		[TYPE_LIST] = NULL,
	};
	return patterns[type];
}

static void schema_object(struct json *json, const struct schema_row *rows, size_t count, struct view prefix);

static void schema_scalar(struct json *json, const struct schema_row *row)
{
	if (row->type == TYPE_BOOLEAN) {
		json_member_string(json, VIEW("type"), VIEW("boolean"));
		return;
	}
	if (row->type == TYPE_COUNT) {
		json_member_string(json, VIEW("type"), VIEW("integer"));
		json_member_integer(json, VIEW("minimum"), (int64_t)row->least);
		json_member_integer(json, VIEW("maximum"), (int64_t)row->most);
		return;
	}
	if (row->type == TYPE_ENUM) {
		must(row->names != NULL);
		json_key(json, VIEW("enum"));
		json_open_array(json);
		for (size_t i = 0; row->names[i] != NULL; i++)
			json_add_string(json, view_of(row->names[i]));
		json_close_array(json);
		return;
	}
	json_key(json, VIEW("type"));
	if (row->type == TYPE_SIZE) {
		json_open_array(json);
		json_add_string(json, VIEW("string"));
		json_add_string(json, VIEW("integer"));
		json_close_array(json);
	} else {
		json_add_string(json, VIEW("string"));
	}
	if (pattern_of(row->type) != NULL)
		json_member_string(json, VIEW("pattern"), view_of(pattern_of(row->type)));
}

/* Up to the open object of its items. */
static void schema_array(struct json *json, const struct schema_row *row)
{
	json_member_string(json, VIEW("type"), VIEW("array"));
	json_member_integer(json, VIEW("minItems"), row->required ? 1 : 0);
	json_member_integer(json, VIEW("maxItems"), CONFIG_LIST_MOST);
	json_key(json, VIEW("items"));
	json_open_object(json);
}

static void schema_default(struct json *json, const struct schema_row *row)
{
	if (row->fallback == NULL || value_type_of_item(row->type) != TYPE_SECTION)
		return;
	const struct view text = view_of(row->fallback);
	uint64_t number = 0;
	json_key(json, VIEW("default"));
	if (row->type == TYPE_BOOLEAN)
		json_add_boolean(json, view_equal(text, VIEW("true")));
	else if (row->type == TYPE_COUNT && view_to_u64(text, &number))
		json_add_integer(json, (int64_t)number);
	else
		json_add_string(json, text);
}

static void schema_value(struct json *json, const struct schema_row *row, const struct schema_row *rows, size_t count,
                         struct view prefix)
{
	json_open_object(json);
	json_member_string(json, VIEW("description"), view_of(row->description));
	schema_default(json, row);
	switch (row->type) {
	case TYPE_SECTION: {
		struct text inner = TEXT_LIMIT(256);
		text_print(&inner, "%.*s%s.", VIEW_PRINT(prefix), row->path + prefix.length);
		schema_object(json, rows, count, text_view(&inner));
		text_deinit(&inner);
		break;
	}
	case TYPE_PATHS:
	case TYPE_ADDRESSES:
	case TYPE_ENDPOINTS:
		schema_array(json, row);
		schema_scalar(json, &(struct schema_row){ .type = value_type_of_item(row->type) });
		json_close_object(json);
		break;
	case TYPE_LIST:
		schema_array(json, row);
		schema_object(json, row->items, row->item_count, VIEW(""));
		json_close_object(json);
		break;
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
	case TYPE_BOOLEAN:
	case TYPE_ENUM:
	case TYPE_COUNT:
	case TYPE_SIZE:
	case TYPE_RATE:
	case TYPE_DAILY:
	case TYPE_DURATION:
	case TYPE_ENDPOINT:
		schema_scalar(json, row);
		break;
	}
	json_close_object(json);
}

/* A section is when something in it is. */
static bool is_required(const struct schema_row *row, const struct schema_row *rows, size_t count)
{
	const struct view section = view_of(row->path);
	bool required = row->required;
	for (size_t i = 0; i < count && row->type == TYPE_SECTION; i++) {
		const struct view path = view_of(rows[i].path);
		const bool inside = view_starts(path, section) && view_starts(view_from(path, section.length), VIEW("."));
		required = required || (inside && rows[i].required);
	}
	return required;
}

static void schema_object(struct json *json, const struct schema_row *rows, size_t count, struct view prefix)
{
	json_member_string(json, VIEW("type"), VIEW("object"));
	json_key(json, VIEW("additionalProperties"));
	json_add_boolean(json, false);
	json_key(json, VIEW("properties"));
	json_open_object(json);
	for (size_t i = 0; i < count; i++) {
		const struct view key = schema_key_within(&rows[i], prefix);
		if (key.length == 0)
			continue;
		json_key(json, key);
		schema_value(json, &rows[i], rows, count, prefix);
	}
	json_close_object(json);
	json_key(json, VIEW("required"));
	json_open_array(json);
	for (size_t i = 0; i < count; i++)
		if (is_required(&rows[i], rows, count) && schema_key_within(&rows[i], prefix).length > 0)
			json_add_string(json, schema_key_within(&rows[i], prefix));
	json_close_array(json);
}

void config_write_schema(struct text *out)
{
	struct json json = json_on(out);
	json_open_object(&json);
	json_member_string(&json, VIEW("$schema"), VIEW("https://json-schema.org/draft/2020-12/schema"));
	json_member_string(&json, VIEW("title"), VIEW("Sealpost configuration"));
	schema_object(&json, schema_rows, schema_row_count, VIEW(""));
	json_close_object(&json);
	text_add_byte(out, '\n');
}

/* ---- manual */

/* Hyphens as typed and no request by accident. */
static void add_roff(struct text *roff, const char *plain)
{
	if (plain[0] == '.' || plain[0] == '\'')
		text_add(roff, VIEW("\\&"));
	for (; *plain != '\0'; plain++)
		if (*plain == '\\')
			text_add(roff, VIEW("\\e"));
		else
			text_print(roff, "%s%c", *plain == '-' ? "\\" : "", *plain);
}

static void manual_allowed(struct text *roff, const struct schema_row *row)
{
	if (row->type == TYPE_ENUM) {
		text_add(roff, VIEW("One of"));
		for (size_t i = 0; row->names[i] != NULL; i++)
			text_print(roff, "%s %s", i == 0 ? "" : ",", row->names[i]);
	} else {
		text_add(roff, VIEW("Takes "));
		add_roff(roff, value_type_form(row->type));
	}
	if (row->most > 0) {
		text_add(roff, VIEW("; from "));
		value_write_number(row->type, row->least, roff);
		text_add(roff, VIEW(" to "));
		value_write_number(row->type, row->most, roff);
	}
	text_add(roff, VIEW(".\n"));
}

static void manual_row(struct text *roff, const struct schema_row *row, const char *parent)
{
	if (row->type == TYPE_SECTION) {
		text_print(roff, ".SS %s\n", row->path);
		add_roff(roff, row->description);
		text_add(roff, VIEW(".\n"));
		return;
	}
	/* What stands alone is no part of the section before it. */
	const bool stands_alone = parent[0] == '\0' && strchr(row->path, '.') == NULL;
	text_print(roff, stands_alone ? ".SS %s%s\n" : ".TP\n.B %s%s\n", parent, row->path);
	add_roff(roff, row->description);
	text_add(roff, VIEW(".\n"));
	manual_allowed(roff, row);
	if (row->required)
		text_add(roff, VIEW("Required.\n"));
	if (row->fallback != NULL && row->fallback[0] != '\0') {
		text_add(roff, VIEW("Default: "));
		add_roff(roff, row->fallback);
		text_add(roff, VIEW(".\n"));
	}
}

void config_write_manual(struct text *roff)
{
	text_add(roff, VIEW(".SH KEYS\n"));
	for (size_t i = 0; i < schema_row_count; i++) {
		manual_row(roff, &schema_rows[i], "");
		if (schema_rows[i].type != TYPE_LIST)
			continue;
		struct text parent = TEXT_LIMIT(128);
		text_print(&parent, "%s[].", schema_rows[i].path);
		for (size_t j = 0; j < schema_rows[i].item_count; j++)
			manual_row(roff, &schema_rows[i].items[j], text_cstring(&parent));
		text_deinit(&parent);
	}
}

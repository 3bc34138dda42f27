/* What else the schema table gives: the JSON Schema, the manual's section, the configuration in force. */
#include "base/clock.h"
#include "base/json.h"
#include "config/schema.h"

/* ---- JSON Schema */

static const char *pattern_of(enum value_type type)
{
	static const char *const patterns[] = {
		[TYPE_NAME] = "^[A-Za-z0-9-]+$", [TYPE_HOST] = "^[A-Za-z0-9.-]+$", [TYPE_SIZE] = "^[0-9]+(KiB|MiB|GiB)?$",
		[TYPE_RATE] = "^[0-9]+/s$",      [TYPE_DAILY] = "^[0-9]+/d$",      [TYPE_DURATION] = "^[0-9]+[smhd]$",
		[TYPE_ENDPOINT] = "^.+:[0-9]+$", [TYPE_ENDPOINTS] = "^.+:[0-9]+$", [TYPE_LIST] = NULL,
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
		json_key(json, VIEW("enum"));
		json_open_array(json);
		for (size_t i = 0; row->names[i] != NULL; i++)
			json_string(json, view_of(row->names[i]));
		json_close_array(json);
		return;
	}
	json_key(json, VIEW("type"));
	if (row->type == TYPE_SIZE) {
		json_open_array(json);
		json_string(json, VIEW("string"));
		json_string(json, VIEW("integer"));
		json_close_array(json);
	} else {
		json_string(json, VIEW("string"));
	}
	if (pattern_of(row->type) != NULL)
		json_member_string(json, VIEW("pattern"), view_of(pattern_of(row->type)));
}

static void schema_value(struct json *json, const struct schema_row *row, const struct schema_row *rows, size_t count,
                         struct view prefix)
{
	json_open_object(json);
	json_member_string(json, VIEW("description"), view_of(row->description));
	switch (row->type) {
	case TYPE_SECTION: {
		struct text inner = TEXT_LIMIT(256);
		text_print(&inner, "%.*s%s.", VIEW_PRINT(prefix), row->path + prefix.length);
		schema_object(json, rows, count, text_view(&inner));
		text_deinit(&inner);
		break;
	}
	case TYPE_TEXTS:
	case TYPE_ADDRESSES:
	case TYPE_ENDPOINTS:
		json_member_string(json, VIEW("type"), VIEW("array"));
		json_key(json, VIEW("items"));
		json_open_object(json);
		json_member_string(json, VIEW("type"), VIEW("string"));
		json_close_object(json);
		break;
	case TYPE_LIST:
		json_member_string(json, VIEW("type"), VIEW("array"));
		json_key(json, VIEW("items"));
		json_open_object(json);
		schema_object(json, row->items, row->item_count, VIEW(""));
		json_close_object(json);
		break;
	case TYPE_TEXT:
	case TYPE_NAME:
	case TYPE_HOST:
	case TYPE_PATH:
	case TYPE_URL:
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

static struct view key_within(const struct schema_row *row, struct view prefix)
{
	const struct view path = view_of(row->path);
	const struct view rest = view_starts(path, prefix) ? view_from(path, prefix.length) : VIEW_NONE;
	return view_find_byte(rest, '.') == VIEW_NOT_FOUND ? rest : VIEW_NONE;
}

static void schema_object(struct json *json, const struct schema_row *rows, size_t count, struct view prefix)
{
	json_member_string(json, VIEW("type"), VIEW("object"));
	json_key(json, VIEW("additionalProperties"));
	json_boolean(json, false);
	json_key(json, VIEW("properties"));
	json_open_object(json);
	for (size_t i = 0; i < count; i++) {
		const struct view key = key_within(&rows[i], prefix);
		if (key.length == 0)
			continue;
		json_key(json, key);
		schema_value(json, &rows[i], rows, count, prefix);
	}
	json_close_object(json);
	json_key(json, VIEW("required"));
	json_open_array(json);
	for (size_t i = 0; i < count; i++)
		if (rows[i].required && key_within(&rows[i], prefix).length > 0)
			json_string(json, key_within(&rows[i], prefix));
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

static void manual_row(struct text *roff, const struct schema_row *row, const char *parent)
{
	if (row->type == TYPE_SECTION) {
		text_print(roff, ".SS %s\n%s.\n", row->path, row->description);
		return;
	}
	text_print(roff, ".TP\n.B %s%s\n%s.\n", parent, row->path, row->description);
	if (row->type == TYPE_ENUM) {
		text_add(roff, VIEW("One of"));
		for (size_t i = 0; row->names[i] != NULL; i++)
			text_print(roff, "%s %s", i == 0 ? "" : ",", row->names[i]);
		text_add(roff, VIEW(".\n"));
	} else {
		text_print(roff, "Takes %s.\n", value_type_form(row->type));
	}
	if (row->required)
		text_add(roff, VIEW("Required.\n"));
	else if (row->fallback != NULL && row->fallback[0] != '\0')
		text_print(roff, "Default: %s.\n", row->fallback);
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

/* ---- in force */

static size_t depth_of(struct view path)
{
	size_t depth = 0;
	for (size_t i = 0; i < path.length; i++)
		depth += path.data[i] == '.';
	return depth;
}

static void effective_list(const struct schema_row *row, const struct config *config, struct text *yaml)
{
	const char *const *items = (const char *const *)(const void *)((const char *)config + row->offset);
	const size_t count = *(const size_t *)(const void *)((const char *)config + row->count_offset);
	text_add(yaml, count == 0 ? VIEW(" []\n") : VIEW("\n"));
	for (size_t i = 0; i < count; i++) {
		text_print(yaml, "%*s- {", (int)(depth_of(view_of(row->path)) * 2 + 2), "");
		for (size_t j = 0; j < row->item_count; j++) {
			text_print(yaml, "%s %s: ", j == 0 ? "" : ",", row->items[j].path);
			value_write(&row->items[j], *items + i * row->item_size, yaml);
		}
		text_add(yaml, VIEW(" }\n"));
	}
}

void config_write_effective(const struct config *config, struct text *yaml)
{
	for (size_t i = 0; i < schema_row_count; i++) {
		const struct schema_row *row = &schema_rows[i];
		const struct view path = view_of(row->path);
		const size_t dot = view_find_last_byte(path, '.');
		const struct view key = dot == VIEW_NOT_FOUND ? path : view_from(path, dot + 1);
		text_print(yaml, "%*s%.*s:", (int)(depth_of(path) * 2), "", VIEW_PRINT(key));
		if (row->type == TYPE_SECTION) {
			text_add_byte(yaml, '\n');
		} else if (row->type == TYPE_LIST) {
			effective_list(row, config, yaml);
		} else {
			text_add_byte(yaml, ' ');
			value_write(row, config, yaml);
			text_add_byte(yaml, '\n');
		}
	}
}

/* The configuration in force, as YAML and as JSON: both can be read again as a configuration. */
#include "base/bytes.h"
#include "base/json.h"
#include "config/schema.h"

static size_t depth_of(struct view path)
{
	size_t depth = 0;
	for (size_t i = 0; i < path.length; i++)
		depth += path.data[i] == '.';
	return depth;
}

struct list_items {
	const char *first;
	size_t count;
};

static struct list_items items_of(const struct schema_row *row, const struct config *config)
{
	struct list_items items = { 0 };
	bytes_copy(&items.first, sizeof(items.first),
	           view_bytes((const char *)config + row->offset, sizeof(items.first)));
	bytes_copy(&items.count, sizeof(items.count),
	           view_bytes((const char *)config + row->count_offset, sizeof(items.count)));
	return items;
}

static void effective_list(const struct schema_row *row, const struct config *config, struct text *yaml)
{
	const struct list_items items = items_of(row, config);
	text_add(yaml, items.count == 0 ? VIEW(" []\n") : VIEW("\n"));
	for (size_t i = 0; i < items.count; i++) {
		text_print(yaml, "%*s- {", (int)(depth_of(view_of(row->path)) * 2 + 2), "");
		for (size_t j = 0; j < row->item_count; j++) {
			text_print(yaml, "%s %s: ", j == 0 ? "" : ",", row->items[j].path);
			value_write(&row->items[j], items.first + i * row->item_size, yaml);
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

/* ---- JSON */

static void add_texts(const struct config_texts *texts, struct json *json)
{
	json_open_array(json);
	for (size_t i = 0; i < texts->count; i++)
		json_add_string(json, texts->items[i]);
	json_close_array(json);
}

static void add_endpoint(const struct endpoint *endpoint, struct json *json)
{
	struct text text = TEXT_LIMIT(128);
	text_add_endpoint(&text, endpoint);
	json_add_string(json, text_view(&text));
	text_deinit(&text);
}

static void add_endpoints(const struct config_endpoints *endpoints, struct json *json)
{
	json_open_array(json);
	for (size_t i = 0; i < endpoints->count; i++)
		add_endpoint(&endpoints->items[i], json);
	json_close_array(json);
}

/* What YAML shows without quotes: a name, or a number with its unit. */
static void add_plain(const struct schema_row *row, const void *base, struct json *json)
{
	struct text text = TEXT_LIMIT(128);
	value_write(row, base, &text);
	json_add_string(json, text_view(&text));
	text_deinit(&text);
}

static void add_value(const struct schema_row *row, const void *base, struct json *json)
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
		json_add_string(json, *(const struct view *)field);
		return;
	case TYPE_BOOLEAN:
		json_add_boolean(json, *(const bool *)field);
		return;
	case TYPE_COUNT:
		json_add_integer(json, (int64_t) * (const uint64_t *)field);
		return;
	case TYPE_ENUM:
	case TYPE_SIZE:
	case TYPE_RATE:
	case TYPE_DAILY:
	case TYPE_DURATION:
		add_plain(row, base, json);
		return;
	case TYPE_ENDPOINT:
		add_endpoint(field, json);
		return;
	case TYPE_PATHS:
	case TYPE_ADDRESSES:
		add_texts(field, json);
		return;
	case TYPE_ENDPOINTS:
		add_endpoints(field, json);
		return;
	case TYPE_SECTION:
	case TYPE_LIST:
		break;
	}
}

static void add_list(const struct schema_row *row, const struct config *config, struct json *json)
{
	const struct list_items items = items_of(row, config);
	json_open_array(json);
	for (size_t i = 0; i < items.count; i++) {
		json_open_object(json);
		for (size_t j = 0; j < row->item_count; j++) {
			json_key(json, view_of(row->items[j].path));
			add_value(&row->items[j], items.first + i * row->item_size, json);
		}
		json_close_object(json);
	}
	json_close_array(json);
}

static void add_section(struct view prefix, const struct config *config, struct json *json)
{
	json_open_object(json);
	for (size_t i = 0; i < schema_row_count; i++) {
		const struct schema_row *row = &schema_rows[i];
		const struct view key = schema_key_within(row, prefix);
		if (key.length == 0)
			continue;
		json_key(json, key);
		if (row->type == TYPE_SECTION) {
			struct text inner = TEXT_LIMIT(256);
			text_print(&inner, "%s.", row->path);
			add_section(text_view(&inner), config, json);
			text_deinit(&inner);
		} else if (row->type == TYPE_LIST) {
			add_list(row, config, json);
		} else {
			add_value(row, config, json);
		}
	}
	json_close_object(json);
}

void config_write_effective_json(const struct config *config, struct text *out)
{
	struct json json = json_on(out);
	add_section(VIEW(""), config, &json);
}

#include "config/config.h"

#include "base/bytes.h"
#include "base/must.h"
#include "config/problems.h"
#include "config/relations.h"
#include "config/schema.h"

enum { KEY_MOST = 128, FILE_MOST = 1024 * 1024 };

struct reading {
	struct config *config;
	struct config_problems *problems;
};

/* Where a group of rows stands: the whole file, or one item of a list. */
struct scope {
	const struct schema_row *rows;
	size_t row_count;
	void *base;
	struct view label; /* before the keys in messages: "listeners[1]."; may be empty */
};

static void tell(struct reading *reading, const struct scope *scope, const struct node *node, struct view path,
                 struct view message)
{
	const struct view key =
		arena_print(&reading->problems->arena, "%.*s%.*s", VIEW_PRINT(scope->label), VIEW_PRINT(path));
	problems_add_error(reading->problems, node, key, message);
}

/* ---- unknown keys */

/* Levenshtein's distance, for names of bounded length. */
static size_t distance(struct view a, struct view b)
{
	size_t row[KEY_MOST + 1];
	if (a.length > KEY_MOST || b.length > KEY_MOST)
		return SIZE_MAX;
	for (size_t j = 0; j <= b.length; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.length; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.length; j++) {
			const size_t above = row[j];
			size_t best = diagonal + (a.data[i - 1] == b.data[j - 1] ? 0 : 1);
			best = above + 1 < best ? above + 1 : best;
			best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
			diagonal = above;
			row[j] = best;
		}
	}
	return row[b.length];
}

/* The one nearest to the key of those allowed in its place; or, where it is right elsewhere, its full path. */
static struct view guess(const struct scope *scope, struct view prefix, struct view key)
{
	struct view nearest = VIEW_NONE;
	size_t nearest_distance = 3;
	for (size_t i = 0; i < scope->row_count; i++) {
		const struct view path = view_of(scope->rows[i].path);
		const struct view known = schema_key_within(&scope->rows[i], prefix);
		const size_t far = distance(key, known);
		const size_t dot = view_find_last_byte(path, '.');
		if (known.length > far && far < nearest_distance) {
			nearest_distance = far;
			nearest = known;
		} else if (nearest.length == 0 && (view_equal(path, key) || view_equal(view_from(path, dot + 1), key))) {
			nearest = path;
		}
	}
	return nearest;
}

static void tell_unknown(struct reading *reading, const struct scope *scope, struct view prefix,
                         const struct node *node)
{
	struct text message = TEXT_LIMIT(4096);
	struct text path = TEXT_LIMIT(1024);
	const char *separator = "unknown key; allowed here: ";
	for (size_t i = 0; i < scope->row_count; i++) {
		const struct view key = schema_key_within(&scope->rows[i], prefix);
		if (key.length == 0)
			continue;
		text_print(&message, "%s%.*s", separator, VIEW_PRINT(key));
		separator = ", ";
	}
	const struct view meant = guess(scope, prefix, node->key);
	if (meant.length > 0)
		text_print(&message, "; did you mean %.*s?", VIEW_PRINT(meant));
	text_add(&path, prefix);
	text_add_printable(&path, node->key, KEY_MOST);
	tell(reading, scope, node, text_view(&path), text_view(&message));
	text_deinit(&path);
	text_deinit(&message);
}

/* ---- values */

static void read_mapping(struct reading *reading, const struct scope *scope, struct view prefix,
                         const struct node *mapping);

static bool read_item(struct reading *reading, const struct scope *scope, const struct schema_row *list,
                      const struct node *node, void *into)
{
	const struct schema_row row = { .path = list->path, .type = value_type_of_item(list->type) };
	struct view why = VIEW_NONE;
	if (node->kind == NODE_SCALAR && value_read(&row, node->text, into, &reading->config->arena, &why))
		return true;
	if (node->kind != NODE_SCALAR)
		why = arena_print(&reading->problems->arena, "expected %s", value_type_form(row.type));
	tell(reading, scope, node, view_of(list->path), why);
	return false;
}

/* config_texts and config_endpoints begin alike: items, then count. */
static void read_items(struct reading *reading, const struct scope *scope, const struct schema_row *row,
                       const struct node *node)
{
	const size_t size = row->type == TYPE_ENDPOINTS ? sizeof(struct endpoint) : sizeof(struct view);
	char *items = arena_alloc(&reading->config->arena, node->child_count + 1, size);
	size_t count = 0;
	for (const struct node *item = node->children; item != NULL && count < CONFIG_LIST_MOST; item = item->next)
		count += read_item(reading, scope, row, item, items + count * size) ? 1 : 0;
	if (node->child_count > CONFIG_LIST_MOST)
		tell(reading, scope, node, view_of(row->path),
		     arena_print(&reading->problems->arena, "more than %d entries", CONFIG_LIST_MOST));
	if (node->child_count == 0 && row->required)
		tell(reading, scope, node, view_of(row->path), VIEW("needs at least one"));
	void *field = (char *)scope->base + row->offset;
	if (row->type == TYPE_ENDPOINTS)
		*(struct config_endpoints *)field = (struct config_endpoints){ (void *)items, count };
	else
		*(struct config_texts *)field = (struct config_texts){ (void *)items, count };
}

static void read_list(struct reading *reading, const struct scope *scope, const struct schema_row *row,
                      const struct node *node)
{
	char *items = arena_alloc(&reading->config->arena, node->child_count + 1, row->item_size);
	size_t count = 0;
	for (const struct node *item = node->children; item != NULL && count < CONFIG_LIST_MOST;
	     item = item->next, count++) {
		const struct scope inner = {
			.rows = row->items,
			.row_count = row->item_count,
			.base = items + count * row->item_size,
			.label = arena_print(&reading->problems->arena, "%s[%zu].", row->path, count),
		};
		if (item->kind == NODE_MAPPING)
			read_mapping(reading, &inner, VIEW(""), item);
		else
			tell(reading, scope, item, view_first(inner.label, inner.label.length - 1),
			     VIEW("expected a mapping: { key: value, ... }"));
	}
	if (node->child_count > CONFIG_LIST_MOST)
		tell(reading, scope, node, view_of(row->path),
		     arena_print(&reading->problems->arena, "more than %d entries", CONFIG_LIST_MOST));
	bytes_copy((char *)scope->base + row->offset, sizeof(void *), view_bytes(&items, sizeof(void *)));
	bytes_copy((char *)scope->base + row->count_offset, sizeof(size_t), view_bytes(&count, sizeof(size_t)));
}

static bool is_items(enum value_type type)
{
	return value_type_of_item(type) != TYPE_SECTION;
}

static enum node_kind kind_of(enum value_type type)
{
	if (type == TYPE_SECTION)
		return NODE_MAPPING;
	return type == TYPE_LIST || is_items(type) ? NODE_SEQUENCE : NODE_SCALAR;
}

static void read_value(struct reading *reading, const struct scope *scope, const struct schema_row *row,
                       const struct node *node)
{
	struct arena *arena = &reading->problems->arena;
	struct view why = VIEW_NONE;
	/* "limits:" with nothing after it is a section with all its defaults. */
	const bool is_nothing = node->kind == NODE_SCALAR && node->text.length == 0;
	if (row->type == TYPE_SECTION && (node->kind == NODE_MAPPING || is_nothing))
		read_mapping(reading, scope, arena_print(arena, "%s.", row->path), node);
	else if (node->kind != kind_of(row->type))
		tell(reading, scope, node, view_of(row->path), arena_print(arena, "expected %s", value_type_form(row->type)));
	else if (row->type == TYPE_LIST)
		read_list(reading, scope, row, node);
	else if (is_items(row->type))
		read_items(reading, scope, row, node);
	else if (!value_read(row, node->text, scope->base, &reading->config->arena, &why))
		tell(reading, scope, node, view_of(row->path), why);
}

static const struct schema_row *find_row(const struct scope *scope, struct view prefix, struct view key)
{
	for (size_t i = 0; i < scope->row_count; i++)
		if (view_equal(schema_key_within(&scope->rows[i], prefix), key))
			return &scope->rows[i];
	return NULL;
}

static void read_fallback(struct reading *reading, const struct scope *scope, const struct schema_row *row)
{
	struct view why = VIEW_NONE;
	if (row->fallback == NULL)
		return;
	if (is_items(row->type)) {
		size_t line = 0;
		size_t column = 0;
		const struct node *list = tree_parse(view_of(row->fallback), &reading->config->arena, &why, &line, &column);
		must(list != NULL && list->kind == NODE_SEQUENCE);
		read_items(reading, scope, row, list);
		return;
	}
	must(value_read(row, view_of(row->fallback), scope->base, &reading->config->arena, &why));
}

/* Once for all rows of a scope: a section that is left out still has its required keys. */
static void require_rows(struct reading *reading, const struct scope *scope, const struct node *mapping)
{
	for (size_t i = 0; i < scope->row_count; i++) {
		const struct schema_row *row = &scope->rows[i];
		bool found = false;
		const struct node *nearest = tree_nearest(mapping, view_of(row->path), &found);
		const bool is_told = nearest->kind == NODE_SEQUENCE || nearest->text.length > 0;
		if (row->required && !found && !is_told)
			tell(reading, scope, nearest, view_of(row->path),
			     arena_print(&reading->problems->arena, "is missing: %s", row->description));
	}
}

static void read_mapping(struct reading *reading, const struct scope *scope, struct view prefix,
                         const struct node *mapping)
{
	if (prefix.length == 0)
		for (size_t i = 0; i < scope->row_count; i++)
			read_fallback(reading, scope, &scope->rows[i]);
	for (const struct node *node = mapping->children; node != NULL; node = node->next) {
		const struct schema_row *row = find_row(scope, prefix, node->key);
		if (row == NULL)
			tell_unknown(reading, scope, prefix, node);
		else if (node->first_line > 0)
			tell(reading, scope, node, view_of(row->path),
			     arena_print(&reading->problems->arena, "stands here twice, first in line %zu", node->first_line));
		else
			read_value(reading, scope, row, node);
	}
	if (prefix.length == 0)
		require_rows(reading, scope, mapping);
}

/* ---- the whole */

static void read_document(struct reading *reading, struct view yaml)
{
	struct config *config = reading->config;
	struct view message = VIEW_NONE;
	struct node place = { 0 };
	if (yaml.length > FILE_MOST) {
		problems_add_error(reading->problems, NULL, VIEW_NONE, VIEW("is larger than 1MiB"));
		return;
	}
	const struct node *root = tree_parse(yaml, &config->arena, &message, &place.line, &place.column);
	if (root == NULL) {
		problems_add_error(reading->problems, &place, VIEW_NONE, message);
		return;
	}
	if (root->kind != NODE_MAPPING) {
		problems_add_error(reading->problems, root, VIEW_NONE, VIEW("expected keys with values at the top"));
		return;
	}
	const struct scope whole = { .rows = schema_rows, .row_count = schema_row_count, .base = config };
	read_mapping(reading, &whole, VIEW(""), root);
	relations_fill(config);
	relations_check(config, root, reading->problems);
}

struct config *config_parse(struct view yaml, const char *file_name, struct config_problems *problems)
{
	(void)file_name;
	struct config *config = must_alloc(1, sizeof(*config));
	struct reading reading = { .config = config, .problems = problems };
	read_document(&reading, yaml);
	if (problems->error_count == 0)
		return config;
	config_free(config);
	return NULL;
}

void config_free(struct config *config)
{
	if (config == NULL)
		return;
	struct arena arena = config->arena;
	free(config);
	arena_deinit(&arena);
}

#include "config/config.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/must.h"
#include "config/schema.h"
#include "config/tree.h"

enum { LIST_MOST = 64, KEY_MOST = 128 };

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

static void tell(struct reading *reading, const struct node *node, struct view key, struct view message, bool warning)
{
	struct config_problems *problems = reading->problems;
	problems->error_count += warning ? 0 : 1;
	if (problems->count == CONFIG_PROBLEMS_MOST)
		return;
	problems->is_warning[problems->count] = warning;
	problems->rows[problems->count++] = (struct config_problem){
		.line = node == NULL ? 0 : node->line,
		.column = node == NULL ? 0 : node->column,
		.key = arena_copy(&problems->arena, key),
		.message = arena_copy(&problems->arena, message),
	};
}

static struct view full_key(struct reading *reading, const struct scope *scope, struct view path)
{
	return arena_print(&reading->problems->arena, "%.*s%.*s", VIEW_PRINT(scope->label), VIEW_PRINT(path));
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

static struct view last_part(struct view path)
{
	const size_t dot = view_find_last_byte(path, '.');
	return dot == VIEW_NOT_FOUND ? path : view_from(path, dot + 1);
}

/* The row's own key when it stands directly in the section of this prefix ("limits."), else empty. */
static struct view key_within(const struct schema_row *row, struct view prefix)
{
	const struct view path = view_of(row->path);
	if (!view_starts(path, prefix))
		return VIEW_NONE;
	const struct view rest = view_from(path, prefix.length);
	return view_find_byte(rest, '.') == VIEW_NOT_FOUND ? rest : VIEW_NONE;
}

static void tell_unknown(struct reading *reading, const struct scope *scope, struct view prefix,
                         const struct node *node)
{
	struct text message = TEXT_LIMIT(4096);
	const char *nearest = NULL;
	size_t nearest_distance = 3;
	text_add(&message, VIEW("unknown key; allowed here: "));
	const size_t empty = message.length;
	for (size_t i = 0; i < scope->row_count; i++) {
		const struct view key = key_within(&scope->rows[i], prefix);
		if (key.length == 0)
			continue;
		text_print(&message, "%s%.*s", message.length == empty ? "" : ", ", VIEW_PRINT(key));
		const size_t far = distance(node->key, key);
		if (far < nearest_distance) {
			nearest_distance = far;
			nearest = scope->rows[i].path;
		}
	}
	if (nearest != NULL)
		text_print(&message, "; did you mean %.*s?", VIEW_PRINT(last_part(view_of(nearest))));
	const struct view path = arena_print(&reading->problems->arena, "%.*s%.*s", VIEW_PRINT(prefix),
	                                     VIEW_PRINT(view_first(node->key, KEY_MOST)));
	tell(reading, node, full_key(reading, scope, path), text_view(&message), false);
	text_deinit(&message);
}

/* ---- values */

static void read_mapping(struct reading *reading, const struct scope *scope, struct view prefix,
                         const struct node *mapping);

static bool one_text(struct reading *reading, const struct schema_row *row, const struct node *item, void *into)
{
	struct arena *arena = &reading->config->arena;
	struct endpoint endpoint;
	if (item->kind != NODE_SCALAR)
		return false;
	if (row->type == TYPE_ENDPOINTS)
		return endpoint_parse(item->text, into);
	if (row->type == TYPE_ADDRESSES && !endpoint_parse_address(item->text, &endpoint))
		return false;
	*(struct view *)into = arena_copy(arena, item->text);
	return true;
}

/* config_texts and config_endpoints begin alike: items, then count. */
static void read_items(struct reading *reading, const struct scope *scope, const struct schema_row *row,
                       const struct node *node)
{
	const size_t size = row->type == TYPE_ENDPOINTS ? sizeof(struct endpoint) : sizeof(struct view);
	char *items = arena_alloc(&reading->config->arena, node->child_count + 1, size);
	size_t count = 0;
	for (const struct node *item = node->children; item != NULL; item = item->next) {
		if (count < LIST_MOST && one_text(reading, row, item, items + count * size)) {
			count++;
			continue;
		}
		const struct view message =
			arena_print(&reading->problems->arena, "expected %s, at most %d", value_type_form(row->type), LIST_MOST);
		tell(reading, item, full_key(reading, scope, view_of(row->path)), message, false);
	}
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
	for (const struct node *item = node->children; item != NULL && count < LIST_MOST; item = item->next, count++) {
		const struct scope inner = {
			.rows = row->items,
			.row_count = row->item_count,
			.base = items + count * row->item_size,
			.label = arena_print(&reading->problems->arena, "%s[%zu].", row->path, count),
		};
		if (item->kind == NODE_MAPPING)
			read_mapping(reading, &inner, VIEW(""), item);
		else
			tell(reading, item, view_of(row->path), VIEW("expected a list of mappings: { key: value, ... }"), false);
	}
	if (node->child_count > LIST_MOST)
		tell(reading, node, view_of(row->path), VIEW("more than 64 entries"), false);
	bytes_copy((char *)scope->base + row->offset, sizeof(void *), view_bytes(&items, sizeof(void *)));
	bytes_copy((char *)scope->base + row->count_offset, sizeof(size_t), view_bytes(&count, sizeof(size_t)));
}

static bool is_items(enum value_type type)
{
	return type == TYPE_TEXTS || type == TYPE_ADDRESSES || type == TYPE_ENDPOINTS;
}

static void read_value(struct reading *reading, const struct scope *scope, const struct schema_row *row,
                       const struct node *node)
{
	struct view why = VIEW_NONE;
	const enum node_kind expected = row->type == TYPE_SECTION                       ? NODE_MAPPING
	                                : row->type == TYPE_LIST || is_items(row->type) ? NODE_SEQUENCE
	                                                                                : NODE_SCALAR;
	if (node->kind != expected) {
		const bool is_empty_section =
			row->type == TYPE_SECTION && node->kind == NODE_SCALAR && node->text.length == 0;
		why = arena_print(&reading->problems->arena, "expected %s", value_type_form(row->type));
		if (!is_empty_section)
			tell(reading, node, full_key(reading, scope, view_of(row->path)), why, false);
	} else if (row->type == TYPE_SECTION) {
		const struct view prefix = arena_print(&reading->problems->arena, "%s.", row->path);
		read_mapping(reading, scope, prefix, node);
	} else if (row->type == TYPE_LIST) {
		read_list(reading, scope, row, node);
	} else if (is_items(row->type)) {
		read_items(reading, scope, row, node);
	} else if (!value_read(row, node->text, scope->base, &reading->config->arena, &why)) {
		tell(reading, node, full_key(reading, scope, view_of(row->path)), why, false);
	}
}

static const struct schema_row *find_row(const struct scope *scope, struct view prefix, struct view key)
{
	for (size_t i = 0; i < scope->row_count; i++)
		if (view_equal(key_within(&scope->rows[i], prefix), key))
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

static void require_rows(struct reading *reading, const struct scope *scope, struct view prefix,
                         const struct node *mapping)
{
	for (size_t i = 0; i < scope->row_count; i++) {
		const struct schema_row *row = &scope->rows[i];
		const struct view key = key_within(row, prefix);
		if (key.length > 0 && row->required && tree_find(mapping, key) == NULL)
			tell(reading, mapping, full_key(reading, scope, view_of(row->path)),
			     arena_print(&reading->problems->arena, "is missing: %s", row->description), false);
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
		else
			read_value(reading, scope, row, node);
	}
	require_rows(reading, scope, prefix, mapping);
}

/* ---- relations between keys, and defaults that come from other keys */

static void fill(struct arena *arena, struct view *field, struct view prefix, struct view suffix)
{
	if (field->length == 0)
		*field = arena_print(arena, "%.*s%.*s", VIEW_PRINT(prefix), VIEW_PRINT(suffix));
}

static void fill_computed(struct config *config)
{
	struct arena *arena = &config->arena;
	const struct view name = config->service.name;
	fill(arena, &config->service.spf_include, config->service.domain, VIEW_NONE);
	fill(arena, &config->service.spf_include, config->service.hostname, VIEW_NONE);
	fill(arena, &config->service.domain, config->service.spf_include, VIEW_NONE);
	fill(arena, &config->service.token_prefix, name, VIEW("-mrs"));
	fill(arena, &config->service.dkim_selector, name, VIEW_NONE);
	fill(arena, &config->vault.key_file, config->state_directory, VIEW("/vault.key"));
	fill(arena, &config->api.socket, config->runtime_directory, VIEW("/api.sock"));
	for (size_t i = 0; i < config->egress_count; i++)
		fill(arena, &config->egress[i].ehlo, config->service.hostname, VIEW_NONE);
}

static void check_listeners(struct reading *reading, const struct node *root)
{
	const struct config *config = reading->config;
	const struct node *node = tree_find(root, VIEW("listeners"));
	const struct node *item = node == NULL ? NULL : node->children;
	for (size_t i = 0; i < config->listener_count; i++, item = item == NULL ? NULL : item->next) {
		const struct config_listener *listener = &config->listeners[i];
		struct arena *arena = &reading->problems->arena;
		const struct view key = arena_print(arena, "listeners[%zu]", i);
		if (listener->proxy_protocol)
			tell(reading, item, arena_print(arena, "%.*s.proxy_protocol", VIEW_PRINT(key)),
			     VIEW("the PROXY protocol is not built yet: leave it out"), false);
		if (listener->tls == CONFIG_TLS_NONE && !listener->plaintext_auth)
			tell(reading, item, key,
			     VIEW("without TLS nobody can log in here; add plaintext_auth: true if the network is protected "
			          "otherwise"),
			     true);
		for (size_t j = 0; j < i; j++)
			if (endpoint_equal_address(&config->listeners[j].address, &listener->address) &&
			    config->listeners[j].address.port == listener->address.port)
				tell(reading, item, key, VIEW("the same address and port stands here twice"), false);
	}
}

static void check_relations(struct reading *reading, const struct node *root)
{
	const struct config *config = reading->config;
	const struct node *tls = tree_find(root, VIEW("tls"));
	const struct node *dns = tree_find(root, VIEW("dns"));
	if ((config->tls.certificate.length == 0) != (config->tls.key.length == 0))
		tell(reading, tls, VIEW("tls"), VIEW("certificate and key go together: give both or none"), false);
	if (config->dns.min_ttl > config->dns.max_ttl)
		tell(reading, dns, VIEW("dns.min_ttl"), VIEW("is longer than dns.max_ttl"), false);
	if (config->queue.retry.first > config->queue.retry.max)
		tell(reading, tree_find(root, VIEW("queue")), VIEW("queue.retry.first"),
		     VIEW("is longer than queue.retry.max"), false);
	if (config->store.engine != 0)
		tell(reading, tree_find(root, VIEW("store")), VIEW("store.engine"),
		     VIEW("postgresql is not built yet; allowed is: embedded"), false);
	check_listeners(reading, root);
}

/* ---- the whole */

struct config *config_parse(struct view yaml, const char *file_name, struct config_problems *problems)
{
	(void)file_name;
	struct config *config = must_alloc(1, sizeof(*config));
	struct reading reading = { .config = config, .problems = problems };
	struct view message = VIEW_NONE;
	struct node place = { 0 };
	const struct node *root = tree_parse(yaml, &config->arena, &message, &place.line, &place.column);
	if (root == NULL) {
		tell(&reading, &place, VIEW_NONE, message, false);
	} else if (root->kind != NODE_MAPPING) {
		tell(&reading, root, VIEW_NONE, VIEW("expected keys with values at the top"), false);
	} else {
		const struct scope whole = { .rows = schema_rows, .row_count = schema_row_count, .base = config };
		read_mapping(&reading, &whole, VIEW(""), root);
		/* A section that is left out still has its required keys. */
		const struct node *service = tree_find(root, VIEW("service"));
		if (service == NULL)
			tell(&reading, root, VIEW("service.hostname"), VIEW("is missing: full name of this host"), false);
		fill_computed(config);
		check_relations(&reading, root);
	}
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

void config_problems_deinit(struct config_problems *problems)
{
	arena_deinit(&problems->arena);
	*problems = (struct config_problems){ 0 };
}

void config_problems_write(const struct config_problems *problems, const char *file_name, struct text *text)
{
	for (size_t i = 0; i < problems->count; i++) {
		const struct config_problem *problem = &problems->rows[i];
		text_add(text, view_of(file_name));
		if (problem->line > 0)
			text_print(text, ":%zu:%zu", problem->line, problem->column);
		text_add(text, problems->is_warning[i] ? VIEW(": warning: ") : VIEW(": "));
		if (problem->key.length > 0)
			text_print(text, "%.*s: ", VIEW_PRINT(problem->key));
		text_print(text, "%.*s\n", VIEW_PRINT(problem->message));
	}
	if (problems->error_count > CONFIG_PROBLEMS_MOST)
		text_print(text, "%s: and %zu more\n", file_name, problems->error_count - CONFIG_PROBLEMS_MOST);
}

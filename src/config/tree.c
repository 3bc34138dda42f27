#include "config/tree.h"

#include "base/must.h"

#include <yaml.h>

enum { DEPTH_MOST = 16, NODES_MOST = 10000 };

struct reader {
	yaml_parser_t parser;
	struct arena *arena;
	struct view message;
	size_t line, column;
	size_t nodes;
};

static bool refuse(struct reader *reader, yaml_mark_t mark, struct view message)
{
	if (reader->message.length > 0)
		return false;
	reader->message = message;
	reader->line = mark.line + 1;
	reader->column = mark.column + 1;
	return false;
}

static bool next_event(struct reader *reader, yaml_event_t *event)
{
	if (yaml_parser_parse(&reader->parser, event) == 1)
		return true;
	*event = (yaml_event_t){ 0 };
	const char *problem = reader->parser.problem != NULL ? reader->parser.problem : "not YAML";
	return refuse(reader, reader->parser.problem_mark, arena_print(reader->arena, "not valid YAML: %s", problem));
}

static struct node *node_new(struct reader *reader, const yaml_event_t *event, enum node_kind kind)
{
	struct node *node = ARENA_NEW(reader->arena, struct node);
	node->kind = kind;
	node->line = event->start_mark.line + 1;
	node->column = event->start_mark.column + 1;
	return node;
}

static bool read_node(struct reader *reader, const yaml_event_t *event, unsigned depth, struct node **node);

static bool add_child(struct reader *reader, struct node *parent, struct node ***last, struct node *child,
                      yaml_mark_t mark)
{
	must(child != NULL);
	if (++reader->nodes > NODES_MOST)
		return refuse(reader, mark, VIEW("too many entries"));
	**last = child;
	*last = &child->next;
	parent->child_count++;
	return true;
}

static bool read_sequence(struct reader *reader, unsigned depth, struct node *sequence)
{
	struct node **last = &sequence->children;
	for (;;) {
		yaml_event_t event;
		if (!next_event(reader, &event))
			return false;
		if (event.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&event);
			return true;
		}
		struct node *child = NULL;
		const bool good = read_node(reader, &event, depth + 1, &child) &&
		                  add_child(reader, sequence, &last, child, event.start_mark);
		yaml_event_delete(&event);
		if (!good)
			return false;
	}
}

static bool read_entry(struct reader *reader, const yaml_event_t *key, unsigned depth, struct node *mapping,
                       struct node ***last)
{
	if (key->type != YAML_SCALAR_EVENT)
		return refuse(reader, key->start_mark, VIEW("a key must be a plain word"));
	const struct view name = arena_copy(reader->arena, view_bytes(key->data.scalar.value, key->data.scalar.length));
	const struct node *before = tree_find(mapping, name);
	yaml_event_t event;
	if (!next_event(reader, &event))
		return false;
	struct node *child = NULL;
	const bool good =
		read_node(reader, &event, depth + 1, &child) && add_child(reader, mapping, last, child, event.start_mark);
	yaml_event_delete(&event);
	if (!good)
		return false;
	child->key = name;
	child->first_line = before == NULL ? 0 : before->line;
	child->line = key->start_mark.line + 1;
	child->column = key->start_mark.column + 1;
	return true;
}

static bool read_mapping(struct reader *reader, unsigned depth, struct node *mapping)
{
	struct node **last = &mapping->children;
	for (;;) {
		yaml_event_t event;
		if (!next_event(reader, &event))
			return false;
		const bool ends = event.type == YAML_MAPPING_END_EVENT;
		const bool good = ends || read_entry(reader, &event, depth, mapping, &last);
		yaml_event_delete(&event);
		if (ends || !good)
			return good;
	}
}

static bool is_plain(struct reader *reader, const yaml_event_t *event, const unsigned char *anchor,
                     const unsigned char *tag)
{
	if (anchor != NULL)
		return refuse(reader, event->start_mark, VIEW("anchors are not taken here: write the value out"));
	return tag == NULL || refuse(reader, event->start_mark, VIEW("tags are not taken here"));
}

static bool read_node(struct reader *reader, const yaml_event_t *event, unsigned depth, struct node **node)
{
	if (depth > DEPTH_MOST)
		return refuse(reader, event->start_mark, VIEW("nested too deeply"));
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		*node = node_new(reader, event, NODE_SCALAR);
		(*node)->text = arena_copy(reader->arena, view_bytes(event->data.scalar.value, event->data.scalar.length));
		return is_plain(reader, event, event->data.scalar.anchor, event->data.scalar.tag);
	case YAML_SEQUENCE_START_EVENT:
		*node = node_new(reader, event, NODE_SEQUENCE);
		return is_plain(reader, event, event->data.sequence_start.anchor, event->data.sequence_start.tag) &&
		       read_sequence(reader, depth, *node);
	case YAML_MAPPING_START_EVENT:
		*node = node_new(reader, event, NODE_MAPPING);
		return is_plain(reader, event, event->data.mapping_start.anchor, event->data.mapping_start.tag) &&
		       read_mapping(reader, depth, *node);
	case YAML_ALIAS_EVENT:
		return refuse(reader, event->start_mark, VIEW("aliases are not taken here: write the value out"));
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		break;
	}
	return refuse(reader, event->start_mark, VIEW("not expected here"));
}

static bool expect(struct reader *reader, yaml_event_type_t type, struct view message)
{
	yaml_event_t event;
	if (!next_event(reader, &event))
		return false;
	const bool good = event.type == type || refuse(reader, event.start_mark, message);
	yaml_event_delete(&event);
	return good;
}

static bool read_document(struct reader *reader, struct node **root)
{
	yaml_event_t event;
	if (!expect(reader, YAML_STREAM_START_EVENT, VIEW("not YAML")) || !next_event(reader, &event))
		return false;
	const bool empty = event.type == YAML_STREAM_END_EVENT;
	if (empty)
		*root = node_new(reader, &event, NODE_MAPPING);
	yaml_event_delete(&event);
	if (empty)
		return true;
	if (!next_event(reader, &event))
		return false;
	const bool is_null = event.type == YAML_SCALAR_EVENT && event.data.scalar.length == 0;
	bool good = true;
	if (is_null)
		*root = node_new(reader, &event, NODE_MAPPING);
	else
		good = read_node(reader, &event, 0, root);
	yaml_event_delete(&event);
	return good && expect(reader, YAML_DOCUMENT_END_EVENT, VIEW("not expected here")) &&
	       expect(reader, YAML_STREAM_END_EVENT, VIEW("only one document is taken"));
}

struct node *tree_parse(struct view yaml, struct arena *arena, struct view *message, size_t *line, size_t *column)
{
	struct reader reader = { .arena = arena };
	struct node *root = NULL;
	must(yaml_parser_initialize(&reader.parser) == 1);
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)(yaml.length == 0 ? "" : yaml.data),
	                             yaml.length);
	const bool good = read_document(&reader, &root);
	yaml_parser_delete(&reader.parser);
	*message = reader.message;
	*line = reader.line;
	*column = reader.column;
	return good ? root : NULL;
}

struct node *tree_find(const struct node *mapping, struct view key)
{
	for (struct node *child = mapping->children; child != NULL; child = child->next)
		if (view_equal(child->key, key))
			return child;
	return NULL;
}

const struct node *tree_nearest(const struct node *root, struct view path, bool *found)
{
	const struct node *node = root;
	struct view rest = path;
	struct view key = VIEW_NONE;
	bool whole = true;
	while (whole && view_split(&rest, '.', &key)) {
		const struct node *child = node->kind == NODE_MAPPING ? tree_find(node, key) : NULL;
		whole = child != NULL;
		node = whole ? child : node;
	}
	if (found != NULL)
		*found = whole;
	return node;
}

#include "cli/terraform.h"

static struct view member(const json_t *record, const char *name)
{
	const char *value = json_string_value(json_object_get(record, name));
	return value == NULL ? VIEW_NONE : view_of(value);
}

static struct view name_at(const json_t *records, size_t index)
{
	return member(json_array_get(records, index), "name");
}

static void add_quoted(struct text *text, struct view value)
{
	text_add_byte(text, '"');
	for (size_t i = 0; i < value.length; i++) {
		const char byte = value.data[i];
		const bool begins_template = (byte == '$' || byte == '%') && i + 1 < value.length && value.data[i + 1] == '{';
		if (byte == '"' || byte == '\\')
			text_add_byte(text, '\\');
		if (begins_template)
			text_add_byte(text, byte);
		if (byte_is_print(byte))
			text_add_byte(text, byte);
		else
			text_print(text, "\\u%04x", (unsigned)(unsigned char)byte);
	}
	text_add_byte(text, '"');
}

/* An identifier: letters, digits, hyphens and underscores. */
static void add_identifier(struct text *text, struct view name)
{
	for (size_t i = 0; i < name.length; i++)
		text_add_byte(text, byte_is_alnum(name.data[i]) || name.data[i] == '-' ? name.data[i] : '_');
}

/* What stands before the zone; empty: the zone itself. */
static struct view relative(struct view name, struct view zone)
{
	if (view_equal_nocase(name, zone))
		return VIEW_NONE;
	return view_ends_nocase(name, zone) ? view_first(name, name.length - zone.length - 1) : name;
}

void terraform_add_name(struct text *text, struct view zone, const json_t *records, size_t index)
{
	const struct view name = name_at(records, index);
	for (size_t i = 0; i < index; i++)
		if (view_equal(name_at(records, i), name))
			return;
	text_add(text, VIEW("resource \"dns_txt_record_set\" \"sealpost_"));
	add_identifier(text, name);
	text_print(text, "\" {\n  zone = \"%.*s.\"\n", VIEW_PRINT(zone));
	if (relative(name, zone).length > 0)
		text_print(text, "  name = \"%.*s\"\n", VIEW_PRINT(relative(name, zone)));
	text_add(text, VIEW("  txt = [\n"));
	for (size_t i = index; i < json_array_size(records); i++)
		if (view_equal(name_at(records, i), name)) {
			text_add(text, VIEW("    "));
			add_quoted(text, member(json_array_get(records, i), "value"));
			text_add(text, VIEW(",\n"));
		}
	text_add(text, VIEW("  ]\n  ttl = 3600\n}\n\n"));
}

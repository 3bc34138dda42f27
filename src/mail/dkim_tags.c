#include "mail/dkim_tags.h"

#include "base/text.h"

static bool is_tag_name(struct view name)
{
	for (size_t i = 0; i < name.length; i++)
		if (!byte_is_alnum(name.data[i]) && name.data[i] != '_')
			return false;
	return name.length > 0 && byte_is_alpha(name.data[0]);
}

static bool has_control(struct view text)
{
	for (size_t i = 0; i < text.length; i++)
		if (((unsigned char)text.data[i] < ' ' && view_find_byte(VIEW("\t\r\n"), text.data[i]) == VIEW_NOT_FOUND) ||
		    text.data[i] == 0x7f)
			return true;
	return false;
}

bool dkim_tags_read(struct view list, struct dkim_tags *tags)
{
	struct view part;
	tags->count = 0;
	if (has_control(list))
		return false;
	while (view_split(&list, ';', &part)) {
		part = view_trim(part);
		if (part.length == 0 && list.data == NULL)
			break; /* behind the last semicolon */
		const size_t equals = view_find_byte(part, '=');
		if (equals == VIEW_NOT_FOUND || tags->count == DKIM_TAGS_MOST)
			return false;
		const struct dkim_tag tag = {
			.name = view_trim(view_first(part, equals)),
			.value = view_trim(view_from(part, equals + 1)),
		};
		if (!is_tag_name(tag.name) || dkim_tag_find(tags, tag.name) != NULL)
			return false;
		tags->tags[tags->count++] = tag;
	}
	return true;
}

const struct view *dkim_tag_find(const struct dkim_tags *tags, struct view name)
{
	for (size_t i = 0; i < tags->count; i++)
		if (view_equal(tags->tags[i].name, name))
			return &tags->tags[i].value;
	return NULL;
}

struct view dkim_tag_decode(struct view value, struct arena *arena)
{
	struct text text = TEXT_LIMIT(value.length);
	for (size_t i = 0; i < value.length; i++) {
		const int high = value.data[i] == '=' && i + 2 < value.length ? byte_hex_value(value.data[i + 1]) : -1;
		const int low = high >= 0 ? byte_hex_value(value.data[i + 2]) : -1;
		if (low >= 0) {
			text_add_byte(&text, (char)(high * 16 + low));
			i += 2;
		} else if (view_find_byte(VIEW(" \t\r\n"), value.data[i]) == VIEW_NOT_FOUND) {
			text_add_byte(&text, value.data[i]);
		}
	}
	const struct view copy = arena_copy(arena, text_view(&text));
	text_deinit(&text);
	return copy;
}

bool dkim_list_has(struct view list, struct view word)
{
	struct view part;
	while (view_split(&list, ':', &part))
		if (view_equal_nocase(view_trim(part), word))
			return true;
	return false;
}

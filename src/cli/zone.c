#include "cli/zone.h"

enum { STRING_MOST = 255 };

static void add_string(struct text *zone, struct view string)
{
	text_add(zone, VIEW(" \""));
	for (size_t i = 0; i < string.length; i++) {
		const char byte = string.data[i];
		if (byte == '"' || byte == '\\')
			text_add_byte(zone, '\\');
		if (byte_is_print(byte))
			text_add_byte(zone, byte);
		else
			text_print(zone, "\\%03u", (unsigned)(unsigned char)byte);
	}
	text_add_byte(zone, '"');
}

void zone_add_record(struct text *zone, struct view name, struct view type, struct view value)
{
	text_add(zone, name);
	text_add(zone, view_ends(name, VIEW(".")) ? VIEW(" IN ") : VIEW(". IN "));
	text_add(zone, type);
	if (!view_equal(type, VIEW("TXT"))) {
		text_add_byte(zone, ' ');
		text_add(zone, value);
	} else {
		do {
			add_string(zone, view_first(value, STRING_MOST));
			value = view_from(value, STRING_MOST);
		} while (value.length > 0);
	}
	text_add_byte(zone, '\n');
}

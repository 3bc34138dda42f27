#include "smtp/capabilities.h"

#include <stddef.h>

static const struct keyword {
	struct view name;
	size_t offset;
} keywords[] = {
	{ VIEW_INIT("STARTTLS"), offsetof(struct smtp_capabilities, starttls) },
	{ VIEW_INIT("PIPELINING"), offsetof(struct smtp_capabilities, pipelining) },
	{ VIEW_INIT("8BITMIME"), offsetof(struct smtp_capabilities, eight_bit_mime) },
	{ VIEW_INIT("ENHANCEDSTATUSCODES"), offsetof(struct smtp_capabilities, enhanced_status) },
	{ VIEW_INIT("SIZE"), offsetof(struct smtp_capabilities, size) },
	{ VIEW_INIT("SMTPUTF8"), offsetof(struct smtp_capabilities, smtputf8) },
	{ VIEW_INIT("CHUNKING"), offsetof(struct smtp_capabilities, chunking) },
	{ VIEW_INIT("DSN"), offsetof(struct smtp_capabilities, dsn) },
};

static void take_line(struct view line, struct smtp_capabilities *capabilities)
{
	const size_t blank = view_find_byte(line, ' ');
	const struct view name = view_first(line, blank);
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (view_equal_nocase(name, keywords[i].name))
			*(bool *)((char *)capabilities + keywords[i].offset) = true;
	if (view_equal_nocase(name, VIEW("SIZE")) && blank != VIEW_NOT_FOUND)
		view_to_u64(view_trim(view_from(line, blank)), &capabilities->size_limit);
}

void smtp_capabilities_parse(struct view text, struct smtp_capabilities *capabilities)
{
	struct view line;
	*capabilities = (struct smtp_capabilities){ 0 };
	view_split(&text, '\n', &line);
	while (view_split(&text, '\n', &line))
		take_line(view_trim(line), capabilities);
}

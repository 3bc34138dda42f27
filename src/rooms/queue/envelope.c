#include "base/cursor.h"
#include "rooms/queue/queue_private.h"

void envelope_pack(const struct envelope *envelope, struct text *extra)
{
	text_add_u8_le(extra, (uint8_t)envelope->require_token);
	text_add_u8_le(extra, envelope->eight_bit ? 1 : 0);
	text_add_counted(extra, envelope->as_typed);
	text_add_u8_le(extra, (uint8_t)envelope->identity_domain_count);
	for (size_t i = 0; i < envelope->identity_domain_count; i++)
		text_add_counted(extra, envelope->identity_domains[i]);
}

bool envelope_unpack(struct view account, struct view sender, struct view extra, struct arena *arena,
                     struct envelope *envelope)
{
	struct cursor cursor = cursor_of(arena_copy(arena, extra));
	*envelope = (struct envelope){ .account = arena_copy(arena, account), .sender = arena_copy(arena, sender) };
	const uint8_t require = cursor_u8(&cursor);
	envelope->require_token = require > REQUIRE_OFF ? REQUIRE_ENFORCE : (enum requirement)require;
	envelope->eight_bit = cursor_u8(&cursor) != 0;
	envelope->as_typed = cursor_counted(&cursor);
	const uint8_t count = cursor_u8(&cursor);
	if (count > IDENTITY_DOMAINS_MOST)
		return false;
	for (size_t i = 0; i < count; i++)
		envelope->identity_domains[i] = cursor_counted(&cursor);
	envelope->identity_domain_count = count;
	return cursor_is_done(&cursor);
}

#include "mail/token.h"

void token_write(struct view prefix, struct view name, struct text *token)
{
	uint8_t digest[SHA256_SIZE];
	sha256_once(name, digest);
	text_add(token, prefix);
	text_add_byte(token, '=');
	text_add_hex(token, view_bytes(digest, sizeof(digest)));
}

bool token_is_ours(struct view text, struct view prefix)
{
	text = view_trim(text);
	return view_starts(text, prefix) && text.length > prefix.length && text.data[prefix.length] == '=';
}

bool token_matches(struct view text, struct view prefix, struct view name)
{
	struct text expected = TEXT_LIMIT(1024);
	text = view_trim(text);
	if (!token_is_ours(text, prefix))
		return false;
	token_write(prefix, name, &expected);
	const bool matches =
		view_equal_nocase(view_from(text, prefix.length), view_from(text_view(&expected), prefix.length));
	text_deinit(&expected);
	return matches;
}

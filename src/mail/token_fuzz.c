#include "mail/token.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What matches is ours; the hash of what comes in, read back, is a token or a mistake with a name. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view prefix = VIEW("elastx-mrs");
	const struct token_owner owner = { VIEW("user@domain.com"), VIEW("User@domain.com"), VIEW("example.com") };
	const struct view input = view_bytes(data, size);
	struct arena arena = { 0 };
	struct text right = TEXT_LIMIT(256);
	struct text made = TEXT_LIMIT(256);
	token_write(prefix, owner.account, &right);
	if (token_matches(input, text_view(&right)))
		must(token_is_ours(input, prefix));
	(void)token_mistake(input, prefix, &owner, &arena);
	token_write(prefix, input, &made);
	must(token_matches(text_view(&made), text_view(&right)) == view_equal(input, owner.account));
	must(token_mistake(text_view(&made), prefix, &owner, &arena).length > 0);
	text_deinit(&right);
	text_deinit(&made);
	arena_deinit(&arena);
	return 0;
}

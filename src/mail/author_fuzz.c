#include "mail/author.h"

#include "base/arena.h"
#include "base/must.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is certain stays certain when written plainly: the same mailboxes in the same order. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct author_list list = { 0 };
	struct author_list again = { 0 };
	struct view why = VIEW_NONE;
	const bool certain = author_parse(view_bytes(data, size), &arena, &list, &why) == AUTHOR_OK;
	must(certain || why.length > 0);
	if (certain && list.count > 0) {
		struct text plain = TEXT_LIMIT(1024 * 1024);
		for (size_t i = 0; i < list.count; i++) {
			must(!list.mailboxes[i].has_literal && list.mailboxes[i].domain.length > 0);
			text_add(&plain, i > 0 ? VIEW(", ") : VIEW(" "));
			address_write(&plain, &list.mailboxes[i]);
		}
		must(author_parse(text_view(&plain), &arena, &again, &why) == AUTHOR_OK);
		must(again.count == list.count);
		for (size_t i = 0; i < list.count; i++) {
			must(address_equal(&list.mailboxes[i], &again.mailboxes[i]));
		}
		text_deinit(&plain);
	}
	arena_deinit(&arena);
	return 0;
}

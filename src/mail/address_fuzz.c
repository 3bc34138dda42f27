#include "mail/address.h"

#include "base/arena.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken can be written, and what was written reads back as the same address, written the same way. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view path = view_bytes(data, size);
	struct arena arena = { 0 };
	struct mailbox mailbox = { 0 };
	struct mailbox again = { 0 };
	struct view why = VIEW_NONE;
	bool is_null = false;
	const bool taken = address_parse_reverse_path(path, &arena, &mailbox, &is_null, &why);
	must(taken || why.length > 0);
	if (taken && !is_null) {
		const struct view written = address_view(&mailbox, &arena);
		must(address_parse_mailbox(written, &arena, &again, &why));
		must(address_equal(&mailbox, &again));
		must(view_equal(address_view(&again, &arena), written));
		must(view_find(written, VIEW("\n")) == VIEW_NOT_FOUND);
		if (!mailbox.has_literal) {
			must(domain_unicode(&mailbox.domain, &arena).length > 0);
		}
	}
	arena_deinit(&arena);
	return 0;
}

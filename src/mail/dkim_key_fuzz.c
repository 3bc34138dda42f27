#include "mail/dkim.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A key that is read, written and read again is the same key. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct text written = TEXT_LIMIT(16384);
	struct dkim_key key = { 0 };
	struct dkim_key again = { 0 };
	const enum dkim_key_fault fault = dkim_key_parse(view_bytes(data, size), &arena, &key);
	must(dkim_key_fault_text(fault).length > 0);
	if (fault == DKIM_KEY_GOOD) {
		must(dkim_key_equals(&key, key.algorithm, key.key));
		dkim_key_write(key.algorithm, key.key, &written);
		must(dkim_key_parse(text_view(&written), &arena, &again) == DKIM_KEY_GOOD);
		must(again.algorithm == key.algorithm && view_equal(again.key, key.key));
		/* And what was read, taken for one of ours, is only ever equal to itself or to what stands in it. */
		if (dkim_key_equals(&again, DKIM_RSA_SHA256, view_bytes(data, size)))
			must(view_ends(view_bytes(data, size), again.key));
	}
	text_clear(&written);
	txt_strings_write(view_bytes(data, size < 2048 ? size : 2048), &written);
	must(view_starts(text_view(&written), VIEW("\"")) && view_ends(text_view(&written), VIEW("\"")));
	text_deinit(&written);
	arena_deinit(&arena);
	return 0;
}

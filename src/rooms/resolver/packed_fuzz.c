#include "base/must.h"
#include "rooms/resolver/packed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes of resolver.db: no answer, or one that is written back as it was read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct dns_answer answer;
	int64_t duration = 0;
	const struct view from = view_bytes(data, size);
	if (packed_read(from, &arena, &answer, &duration)) {
		struct text written = TEXT_LIMIT(size + 16);
		packed_write(&answer, duration, &written);
		must(!written.overflow && written.length == size);
		must(packed_mark(text_view(&written)) == packed_mark(from) || data[13] > 1 || data[14] > 1);
		text_deinit(&written);
	}
	arena_deinit(&arena);
	return 0;
}

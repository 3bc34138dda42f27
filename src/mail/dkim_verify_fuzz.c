#include "mail/dkim_verify.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is asked for, the records are the lines before the first empty one. */
static void look_up(void *context, struct view name, struct arena *arena, struct txt_answer *answer)
{
	struct view rest = *(const struct view *)context;
	(void)name;
	*answer = (struct txt_answer){ .status = TXT_NONE, .texts = ARENA_ARRAY(arena, struct view, 8) };
	while (answer->count < 8 && view_split(&rest, '\n', &answer->texts[answer->count]))
		answer->count++;
	if (answer->count > 0)
		answer->status = TXT_FOUND;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	const struct view input = view_bytes(data, size);
	const size_t end = view_find(input, VIEW("\n\n"));
	struct view records = view_first(input, end);
	struct text message = TEXT_LIMIT(4 * 1024 * 1024);
	struct view rest = end == VIEW_NOT_FOUND ? VIEW_NONE : view_from(input, end + 2);
	struct view line;
	while (view_split(&rest, '\n', &line)) {
		text_add(&message, line);
		text_add(&message, VIEW("\r\n"));
	}
	const struct txt_lookup lookup = { &records, look_up };
	const struct dkim_verify_request request = { .message = text_view(&message), .legacy = size % 2 == 1 };
	struct dkim_verdict *verdicts;
	const size_t count = dkim_verify(&lookup, &request, &arena, &verdicts);
	must(count <= DKIM_SIGNATURES_MOST);
	for (size_t i = 0; i < count; i++)
		must((verdicts[i].reason.length == 0) == (verdicts[i].result == DKIM_PASS));
	text_deinit(&message);
	arena_deinit(&arena);
	return 0;
}

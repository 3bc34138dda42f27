#include "mail/mime.h"

#include "base/arena.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was found can be said again, and is found again. */
static void says_again(struct view boundary, struct arena *arena)
{
	struct view again = VIEW_NONE;
	must(boundary.length >= 1 && boundary.length <= 70 && !view_ends(boundary, VIEW(" ")));
	const struct view content_type =
		arena_print(arena, " multipart/mixed;\r\n\tboundary=\"%.*s\"\r\n", VIEW_PRINT(boundary));
	must(mime_boundary(content_type, arena, &again));
	must(view_equal(again, boundary));
}

/* Line by line, in the plainest words. */
static bool is_free(struct view boundary, struct view content)
{
	struct view line;
	while (view_split(&content, '\n', &line))
		if (view_starts(line, VIEW("--")) && view_starts(view_from(line, 2), boundary))
			return false;
	return true;
}

/* Up to a NUL it is the Content-Type's body, then the content. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view content = view_bytes(data, size);
	struct view content_type;
	struct view boundary = VIEW_NONE;
	struct arena arena = { 0 };
	struct view rest = content;
	must(!mime_is_7bit(content) || mime_is_utf8(content));
	if (mime_skip_comments(&rest))
		must(rest.length == 0 || (rest.data[0] != '(' && !byte_is_blank(rest.data[0])));
	must(rest.length <= content.length);
	view_split(&content, '\0', &content_type);
	if (mime_boundary(content_type, &arena, &boundary)) {
		says_again(boundary, &arena);
		must(mime_boundary_is_free(boundary, content) == is_free(boundary, content));
	}
	arena_deinit(&arena);
	return 0;
}

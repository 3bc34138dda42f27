#include "mail/header.h"

#include "base/must.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The fields together are the header, byte for byte; header and body together are the message. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view message = view_bytes(data, size);
	struct view header = VIEW_NONE;
	struct view body = VIEW_NONE;
	const bool separated = header_split(message, &header, &body);
	must(header.length + body.length + (separated ? 2 : 0) == message.length);

	struct text unfolded = TEXT_LIMIT(size + 1);
	struct header_walk walk = header_walk_of(header);
	struct header_field field;
	enum header_step step = HEADER_END;
	const char *expected = header.data;
	while ((step = header_next(&walk, &field)) == HEADER_FIELD) {
		must(field.raw.data == expected);
		must(field.name.length + 1 + field.body.length + 2 == field.raw.length);
		expected += field.raw.length;
		header_unfold(&unfolded, field.body);
		must(view_find(text_view(&unfolded), VIEW("\n")) == VIEW_NOT_FOUND && !unfolded.overflow);
		text_clear(&unfolded);
	}
	must(step == HEADER_MALFORMED ? walk.why.length > 0 && header_next(&walk, &field) == HEADER_MALFORMED
	                              : header.length == 0 || expected == header.data + header.length);
	text_deinit(&unfolded);
	return 0;
}

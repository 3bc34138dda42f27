#include "mail/dkim.h"

#include "base/must.h"
#include "mail/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever the header holds, the seal is one field of our tags and no other. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t body_hash[SHA256_SIZE];
	const struct dkim_seal_request request = {
		.header = view_bytes(data, size),
		.domain = VIEW("example.com"),
		.selector = VIEW("elastx"),
		.body_hash = body_hash,
		.timestamp = 1,
	};
	struct text field = TEXT_LIMIT(65536);
	uint8_t digest[SHA256_SIZE];
	struct header_field read;
	if (dkim_seal_begin(&request, &field, digest)) {
		dkim_seal_end(&field, view_bytes(data, size < 512 ? size : 512));
		struct header_walk walk = header_walk_of(text_view(&field));
		must(header_next(&walk, &read) == HEADER_FIELD && header_field_is(&read, VIEW("DKIM-Signature")));
		must(header_next(&walk, &read) == HEADER_END);
		size_t tags = 1;
		for (size_t i = 0; i < field.length; i++)
			tags += field.data[i] == ';';
		must(tags == 9); /* v a c d s t h bh b */
		must(view_find(text_view(&field), VIEW("\r\n\r\n")) == VIEW_NOT_FOUND);
	}
	text_deinit(&field);
	return 0;
}

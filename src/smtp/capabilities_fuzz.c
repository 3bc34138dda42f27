#include "smtp/capabilities.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nothing is told that was not said. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view text = view_bytes(data, size);
	struct smtp_capabilities found;
	smtp_capabilities_parse(text, &found);
	must(found.size || found.size_limit == 0);
	if (view_find_byte(text, '\n') == VIEW_NOT_FOUND)
		must(!found.starttls && !found.pipelining && !found.eight_bit_mime && !found.enhanced_status && !found.size &&
		     !found.smtputf8 && !found.chunking && !found.dsn);
	return 0;
}

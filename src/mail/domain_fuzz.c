#include "mail/domain.h"

#include "base/arena.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A domain is letters, digits, hyphens and dots, within its lengths; its own spelling and the one for people lead
 * back to it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view text = view_bytes(data, size);
	struct arena arena = { 0 };
	struct domain domain;
	struct domain again;
	const enum domain_result result = domain_parse(text, &domain);
	must(domain_result_text(result).length > 0);
	domain_spells(text);
	if (result == DOMAIN_OK) {
		const struct view name = domain_view(&domain);
		must(name.length > 0 && name.length <= DOMAIN_LENGTH_MOST && domain.name[name.length] == '\0');
		for (size_t i = 0; i < name.length; i++)
			must(view_find_byte(VIEW("abcdefghijklmnopqrstuvwxyz0123456789-."), name.data[i]) != VIEW_NOT_FOUND);
		must(domain_parse(name, &again) == DOMAIN_OK && domain_equal(&domain, &again));
		must(domain_spells(name));
		const struct view shown = domain_unicode(&domain, &arena);
		must(domain_parse(shown, &again) == DOMAIN_OK && domain_equal(&domain, &again));
	}
	arena_deinit(&arena);
	return 0;
}

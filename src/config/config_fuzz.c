#include "config/config.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct config *parse(struct view yaml, struct text *said)
{
	struct config_problems problems = { 0 };
	struct config *config = config_parse(yaml, "fuzz", &problems);
	must((config == NULL) == (problems.error_count > 0));
	config_problems_write(&problems, "fuzz", said);
	must(!said->overflow);
	config_problems_deinit(&problems);
	return config;
}

/* Any text is taken or refused with a reason; what was taken is shown as YAML that gives the same again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text said = TEXT_LIMIT(1 << 20);
	struct text first = TEXT_LIMIT(1 << 20);
	struct text second = TEXT_LIMIT(1 << 20);
	struct config *config = parse(view_bytes(data, size), &said);
	if (config != NULL) {
		config_write_effective(config, &first);
		config_free(config);
		config = parse(text_view(&first), &said);
		must(config != NULL);
		config_write_effective(config, &second);
		must(view_equal(text_view(&first), text_view(&second)));
	}
	config_free(config);
	text_deinit(&said);
	text_deinit(&first);
	text_deinit(&second);
	return 0;
}

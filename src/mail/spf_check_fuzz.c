#include "mail/spf_check.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORDS_MOST = 64 };

struct scene {
	struct view lines;
	size_t asked;
};

/* Lines are answers: the name and the type choose the one that begins, and how many of those behind it belong to it.
 */
static void look_up(void *context, struct view name, enum lookup_type type, struct arena *arena,
                    struct lookup_answer *answer)
{
	struct scene *scene = context;
	struct view rest = scene->lines;
	struct view line = VIEW_NONE;
	uint64_t skip = view_hash(name, (uint64_t)type) % 16;
	scene->asked++;
	*answer = (struct lookup_answer){ .status = TXT_NONE, .records = ARENA_ARRAY(arena, struct view, RECORDS_MOST) };
	while (skip-- > 0 && view_split(&rest, '\n', &line))
		;
	while (answer->count < RECORDS_MOST && view_split(&rest, '\n', &line) && line.length > 0) {
		if (view_equal(line, VIEW("!"))) {
			*answer = (struct lookup_answer){ .status = TXT_FAILED };
			return;
		}
		answer->records[answer->count++] = line;
		answer->status = TXT_FOUND;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct scene scene = { .lines = view_bytes(data, size) };
	const struct dns_lookup lookup = { &scene, look_up };
	struct spf_client client = { .is_ip6 = size % 2 == 1, .helo = VIEW("client.example.net") };
	struct spf_outcome outcome;
	/* The first line is the sender. */
	view_split(&scene.lines, '\n', &client.sender);
	spf_check_host(&lookup, &client, &arena, &outcome);
	must(outcome.queries == scene.asked && outcome.queries <= SPF_QUERIES_MOST);
	must(outcome.lookups <= SPF_TERMS_MOST && outcome.void_lookups <= SPF_VOID_MOST);
	must(outcome.trace_count <= SPF_TRACE_MOST);
	for (size_t i = 0; i < outcome.explanation.length; i++)
		must(byte_is_print(outcome.explanation.data[i]));
	arena_deinit(&arena);
	return 0;
}

/* Which of the queued or ended is meant. */
#include "base/id.h"
#include "cli/cli.h"

struct filter_key {
	const char *name;
	bool in_queue, in_history;
};

static const struct filter_key keys[] = {
	{ "id", true, false },
	{ "account", true, true },
	{ "sender_domain", true, false },
	{ "recipient", true, true },
	{ "recipient_domain", true, false },
	{ "site", true, false },
	{ "state", true, false },
	{ "sender", false, true },
	{ "domain", false, true },
	{ "since", false, true },
	{ "until", false, true },
};

static bool key_fits(struct view name, enum filter_use use)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (view_equal(name, view_of(keys[i].name)))
			return use == FILTER_QUEUE ? keys[i].in_queue : keys[i].in_history;
	return false;
}

/* What stands there without a key. */
static const char *key_of_bare(struct view word, enum filter_use use)
{
	struct message_id id;
	if (view_find_byte(word, '@') != VIEW_NOT_FOUND)
		return "recipient";
	if (view_find_byte(word, '.') != VIEW_NOT_FOUND)
		return use == FILTER_QUEUE ? "recipient_domain" : "domain";
	return use == FILTER_QUEUE && id_parse(word, &id) ? "id" : NULL;
}

static void tell_keys(struct view word, enum filter_use use, struct text *problem)
{
	struct message_id id;
	if (use == FILTER_HISTORY && id_parse(word, &id)) {
		text_print(problem, "an id is no filter here; sealpost trace %.*s tells what became of that message",
		           VIEW_PRINT(word));
		return;
	}
	text_print(problem, "%.*s is no filter; there are", VIEW_PRINT(word));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (key_fits(view_of(keys[i].name), use))
			text_print(problem, " %s=", keys[i].name);
	text_add(problem,
	         use == FILTER_QUEUE ? VIEW(", or an id, an address or a domain") : VIEW(", or an address or a domain"));
}

/* What the daemon would refuse is told before it is asked: the files of one that does not run refuse nothing. */
static bool value_fits(struct view key, struct view value, struct text *problem)
{
	static const char *const states[] = { "queued", "deferred", "held", "leased" };
	struct message_id id;
	bool is_state = false;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		is_state |= view_equal(value, view_of(states[i]));
	if (view_equal(key, VIEW("state")) && !is_state)
		text_add(problem, VIEW("state is queued, deferred, held or leased"));
	if (view_equal(key, VIEW("id")) && !id_parse(value, &id))
		text_print(problem, "not a queue id: %.*s", VIEW_PRINT(view_first(value, 60)));
	return problem->length == 0;
}

bool filters_read(const char *const *arguments, size_t count, enum filter_use use, json_t *into, struct text *problem)
{
	for (size_t i = 0; i < count; i++) {
		const struct view word = view_of(arguments[i]);
		const size_t sign = view_find_byte(word, '=');
		const bool has_key = sign != VIEW_NOT_FOUND && key_fits(view_first(word, sign), use);
		const char *bare = has_key || sign != VIEW_NOT_FOUND ? NULL : key_of_bare(word, use);
		if (!has_key && bare == NULL) {
			tell_keys(word, use, problem);
			return false;
		}
		const struct view key = has_key ? view_first(word, sign) : view_of(bare);
		const struct view value = has_key ? view_from(word, sign + 1) : word;
		if (value.length == 0 || json_object_getn(into, key.data, key.length) != NULL) {
			text_print(problem, value.length == 0 ? "%.*s has no value" : "%.*s stands there twice", VIEW_PRINT(key));
			return false;
		}
		if (!value_fits(key, value, problem))
			return false;
		if (json_object_setn_new(into, key.data, key.length, json_stringn(value.data, value.length)) != 0) {
			text_print(problem, "%.*s is not UTF-8", VIEW_PRINT(key));
			return false;
		}
	}
	return true;
}

void path_add_filters(struct text *path, json_t *filters)
{
	const char *key;
	json_t *value;
	json_object_foreach(filters, key, value) path_add_query(path, key, json_string_value(value));
}

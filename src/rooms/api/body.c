/* A request's body: JSON read by jansson, which no other file of this room sees. */
#include "rooms/api/api.h"

#include <jansson.h>

bool api_body_read(struct api_request *request)
{
	json_error_t error;
	if (request->body_too_large) {
		api_problem(request, 413, "a body has at most %d bytes", BODY_MOST);
		return false;
	}
	if (request->body.length == 0)
		return true;
	json_t *root = json_loadb(request->body.data, request->body.length, JSON_REJECT_DUPLICATES, &error);
	request->root = root;
	if (json_is_object(root))
		return true;
	if (root == NULL)
		api_problem(request, 400, "the body is not JSON: line %d, column %d: %s", error.line, error.column,
		            error.text);
	else
		api_problem(request, 400, "the body is not a JSON object");
	return false;
}

void api_body_free(struct api_request *request)
{
	json_decref(request->root);
	request->root = NULL;
}

struct view api_member(const struct api_request *request, const char *name)
{
	const json_t *member = json_object_get(request->root, name);
	return json_is_string(member) ? view_bytes(json_string_value(member), json_string_length(member)) : VIEW_NONE;
}

bool api_member_is_true(const struct api_request *request, const char *name)
{
	return json_is_true(json_object_get(request->root, name));
}

bool api_body_holds_only(struct api_request *request, const struct api_body_key *keys, size_t count)
{
	const char *key;
	json_t *value;
	json_object_foreach(request->root, key, value)
	{
		size_t i = 0;
		while (i < count && !view_equal(view_of(keys[i].name), view_of(key)))
			i++;
		const bool fits = i < count && (keys[i].is_flag ? json_is_boolean(value) : json_is_string(value));
		if (fits)
			continue;
		api_problem(request, 400, i == count ? "%.100s is not known here" : "%.100s is of another type", key);
		return false;
	}
	return true;
}

/* A value as it would be typed. */
static struct view typed(struct api_request *request, const json_t *value)
{
	if (json_is_string(value))
		return view_bytes(json_string_value(value), json_string_length(value));
	if (json_is_integer(value))
		return arena_print(&request->arena, "%lld", (long long)json_integer_value(value));
	return VIEW_NONE;
}

size_t api_assignments(struct api_request *request, struct view **assignments)
{
	const char *key;
	json_t *value;
	size_t count = 0;
	*assignments = ARENA_ARRAY(&request->arena, struct view, json_object_size(request->root) + 1);
	json_object_foreach(request->root, key, value)
	{
		const struct view text = typed(request, value);
		(*assignments)[count++] = arena_print(&request->arena, "%s=%.*s", key, VIEW_PRINT(text));
	}
	return count;
}

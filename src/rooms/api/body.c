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

size_t api_assignments(struct api_request *request, struct view **assignments)
{
	const char *key;
	json_t *value;
	size_t count = 0;
	*assignments = ARENA_ARRAY(&request->arena, struct view, json_object_size(request->root) + 1);
	json_object_foreach(request->root, key, value)
	{
		const char *text = json_is_string(value) ? json_string_value(value) : "";
		(*assignments)[count++] = arena_print(&request->arena, "%s=%s", key, text);
	}
	return count;
}

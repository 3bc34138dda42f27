/* A JSON writer (RFC 8259) for lines that must be cheap: log, events. Reading JSON is jansson's work.
 * Promises: what it wrote is valid JSON whatever the strings hold: control bytes are \u00XX, bytes that are not
 *   valid UTF-8 become U+FFFD; commas come by themselves.
 * Does not know: documents; for those the API uses jansson. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/text.h"

struct json {
	struct text *out;
	bool comma; /* a value stands before the next one */
};

struct json json_on(struct text *out);
void json_open_object(struct json *json);
void json_close_object(struct json *json);
void json_open_array(struct json *json);
void json_close_array(struct json *json);
void json_key(struct json *json, struct view key);
void json_add_string(struct json *json, struct view value);
void json_add_integer(struct json *json, int64_t value);
void json_add_boolean(struct json *json, bool value);
void json_add_null(struct json *json);
/* key and value in one; the _optional form leaves out what is empty (absent means not applicable). */
void json_member_string(struct json *json, struct view key, struct view value);
void json_member_string_optional(struct json *json, struct view key, struct view value);
void json_member_integer(struct json *json, struct view key, int64_t value);

#endif

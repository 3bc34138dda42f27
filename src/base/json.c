#include "base/json.h"

struct json json_on(struct text *out)
{
	return (struct json){ .out = out };
}

static void value_begin(struct json *json)
{
	if (json->comma)
		text_add_byte(json->out, ',');
	json->comma = true;
}

static void open_with(struct json *json, char bracket)
{
	value_begin(json);
	text_add_byte(json->out, bracket);
	json->comma = false;
}

static void close_with(struct json *json, char bracket)
{
	text_add_byte(json->out, bracket);
	json->comma = true;
}

void json_open_object(struct json *json)
{
	open_with(json, '{');
}

void json_close_object(struct json *json)
{
	close_with(json, '}');
}

void json_open_array(struct json *json)
{
	open_with(json, '[');
}

void json_close_array(struct json *json)
{
	close_with(json, ']');
}

static bool is_continuation(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* The length of the well-formed UTF-8 sequence at the start (RFC 3629 4), 0 when there is none. */
static size_t utf8_length(struct view view)
{
	const unsigned char *at = (const unsigned char *)view.data;
	const unsigned char first = at[0];
	if (first < 0x80)
		return 1;
	const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	if (first < 0xc2 || first > 0xf4 || view.length < length)
		return 0;
	for (size_t i = 1; i < length; i++)
		if (!is_continuation(at[i]))
			return 0;
	const bool overlong = (first == 0xe0 && at[1] < 0xa0) || (first == 0xf0 && at[1] < 0x90);
	const bool surrogate_or_beyond = (first == 0xed && at[1] > 0x9f) || (first == 0xf4 && at[1] > 0x8f);
	return overlong || surrogate_or_beyond ? 0 : length;
}

static void add_escaped(struct text *out, char byte)
{
	static const char plain[] = "\"\\\b\f\n\r\t";
	static const char letters[] = "\"\\bfnrt";
	for (size_t i = 0; i < sizeof(plain) - 1; i++) {
		if (plain[i] != byte)
			continue;
		text_add_byte(out, '\\');
		text_add_byte(out, letters[i]);
		return;
	}
	text_print(out, "\\u%04x", (unsigned)(unsigned char)byte);
}

static bool is_plain(char byte)
{
	const unsigned char value = (unsigned char)byte;
	return value >= 0x20 && value < 0x7f && byte != '"' && byte != '\\';
}

static void add_string(struct json *json, struct view value)
{
	text_add_byte(json->out, '"');
	while (value.length > 0) {
		size_t plain = 0;
		while (plain < value.length && is_plain(value.data[plain]))
			plain++;
		text_add(json->out, view_first(value, plain));
		value = view_from(value, plain);
		if (value.length == 0)
			break;
		const size_t length = utf8_length(value);
		if (length == 0)
			text_add(json->out, VIEW("\xef\xbf\xbd"));
		else if (length == 1)
			add_escaped(json->out, value.data[0]);
		else
			text_add(json->out, view_first(value, length));
		value = view_from(value, length == 0 ? 1 : length);
	}
	text_add_byte(json->out, '"');
}

void json_key(struct json *json, struct view key)
{
	value_begin(json);
	add_string(json, key);
	text_add_byte(json->out, ':');
	json->comma = false;
}

void json_add_string(struct json *json, struct view value)
{
	value_begin(json);
	add_string(json, value);
}

void json_add_integer(struct json *json, int64_t value)
{
	value_begin(json);
	text_print(json->out, "%lld", (long long)value);
}

void json_add_boolean(struct json *json, bool value)
{
	value_begin(json);
	text_add(json->out, value ? VIEW("true") : VIEW("false"));
}

void json_add_null(struct json *json)
{
	value_begin(json);
	text_add(json->out, VIEW("null"));
}

void json_member_string(struct json *json, struct view key, struct view value)
{
	json_key(json, key);
	json_add_string(json, value);
}

void json_member_string_optional(struct json *json, struct view key, struct view value)
{
	if (value.length > 0)
		json_member_string(json, key, value);
}

void json_member_integer(struct json *json, struct view key, int64_t value)
{
	json_key(json, key);
	json_add_integer(json, value);
}

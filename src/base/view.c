#include "base/view.h"

#include <string.h>

struct view view_of(const char *terminated)
{
	return (struct view){ terminated, strlen(terminated) };
}

struct view view_bytes(const void *data, size_t length)
{
	return (struct view){ data, length };
}

bool view_is_empty(struct view view)
{
	return view.length == 0;
}

bool view_equal(struct view a, struct view b)
{
	return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

bool view_equal_nocase(struct view a, struct view b)
{
	if (a.length != b.length)
		return false;
	for (size_t i = 0; i < a.length; i++)
		if (byte_lower(a.data[i]) != byte_lower(b.data[i]))
			return false;
	return true;
}

bool view_equal_constant_time(struct view a, struct view b)
{
	if (a.length != b.length)
		return false;
	volatile unsigned char difference = 0;
	for (size_t i = 0; i < a.length; i++)
		difference |= (unsigned char)(a.data[i] ^ b.data[i]);
	return difference == 0;
}

int view_compare(struct view a, struct view b)
{
	const size_t shared = a.length < b.length ? a.length : b.length;
	const int order = shared == 0 ? 0 : memcmp(a.data, b.data, shared);
	return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

bool view_starts(struct view view, struct view prefix)
{
	return view.length >= prefix.length && view_equal(view_first(view, prefix.length), prefix);
}

bool view_starts_nocase(struct view view, struct view prefix)
{
	return view.length >= prefix.length && view_equal_nocase(view_first(view, prefix.length), prefix);
}

bool view_ends(struct view view, struct view suffix)
{
	return view.length >= suffix.length && view_equal(view_from(view, view.length - suffix.length), suffix);
}

bool view_ends_nocase(struct view view, struct view suffix)
{
	return view.length >= suffix.length && view_equal_nocase(view_from(view, view.length - suffix.length), suffix);
}

size_t view_find(struct view view, struct view needle)
{
	if (needle.length == 0)
		return 0;
	if (view.length < needle.length)
		return VIEW_NOT_FOUND;
	const char *found = memmem(view.data, view.length, needle.data, needle.length);
	return found == NULL ? VIEW_NOT_FOUND : (size_t)(found - view.data);
}

size_t view_find_byte(struct view view, char byte)
{
	const char *found = view.length == 0 ? NULL : memchr(view.data, byte, view.length);
	return found == NULL ? VIEW_NOT_FOUND : (size_t)(found - view.data);
}

size_t view_find_last_byte(struct view view, char byte)
{
	const char *found = view.length == 0 ? NULL : memrchr(view.data, byte, view.length);
	return found == NULL ? VIEW_NOT_FOUND : (size_t)(found - view.data);
}

struct view view_from(struct view view, size_t offset)
{
	if (view.length == 0)
		return view;
	const size_t skipped = offset < view.length ? offset : view.length;
	return (struct view){ view.data + skipped, view.length - skipped };
}

struct view view_first(struct view view, size_t length)
{
	return (struct view){ view.data, length < view.length ? length : view.length };
}

struct view view_slice(struct view view, size_t offset, size_t length)
{
	return view_first(view_from(view, offset), length);
}

static bool is_trimmed(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

struct view view_trim(struct view view)
{
	while (view.length > 0 && is_trimmed(view.data[0]))
		view = view_from(view, 1);
	while (view.length > 0 && is_trimmed(view.data[view.length - 1]))
		view.length--;
	return view;
}

bool view_split(struct view *rest, char separator, struct view *part)
{
	if (rest->data == NULL)
		return false;
	const size_t at = view_find_byte(*rest, separator);
	*part = view_first(*rest, at);
	*rest = at == VIEW_NOT_FOUND ? VIEW_NONE : view_from(*rest, at + 1);
	return true;
}

bool view_to_u64(struct view view, uint64_t *number)
{
	uint64_t value = 0;
	if (view.length == 0)
		return false;
	for (size_t i = 0; i < view.length; i++) {
		if (!byte_is_digit(view.data[i]) || __builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(view.data[i] - '0'), &value))
			return false;
	}
	*number = value;
	return true;
}

uint64_t view_hash(struct view view, uint64_t seed)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ seed;
	for (size_t i = 0; i < view.length; i++)
		hash = (hash ^ (unsigned char)view.data[i]) * UINT64_C(0x100000001b3);
	/* FNV's low bits know little of the first bytes; one mixing step mends that. */
	hash ^= hash >> 32;
	return hash * UINT64_C(0x9e3779b97f4a7c15);
}

bool byte_is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

bool byte_is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

bool byte_is_alpha(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

bool byte_is_alnum(char byte)
{
	return byte_is_alpha(byte) || byte_is_digit(byte);
}

bool byte_is_print(char byte)
{
	return byte >= 0x20 && byte <= 0x7e;
}

char byte_lower(char byte)
{
	return byte >= 'A' && byte <= 'Z' ? (char)(byte + ('a' - 'A')) : byte;
}

int byte_hex_value(char byte)
{
	const char lower = byte_lower(byte);
	if (byte_is_digit(byte))
		return byte - '0';
	return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

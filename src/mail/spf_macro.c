/* Macros (RFC 7208 7). */
#include "mail/spf_check.h"

#include <stdio.h>

enum { PARTS_MOST = 256, VALUE_MOST = 4096 };

static const char hex[] = "0123456789ABCDEF";

void spf_add_address(const struct spf_client *client, struct text *into)
{
	if (!client->is_ip6) {
		text_print(into, "%u.%u.%u.%u", client->address[0], client->address[1], client->address[2],
		           client->address[3]);
		return;
	}
	for (size_t i = 0; i < 16; i++) {
		const unsigned byte = client->address[i];
		text_print(into, "%s%c.%c", i > 0 ? "." : "", hex[byte >> 4], hex[byte & 15]);
	}
}

/* The groups that "::" stands for: the first of the longest runs of zeros (RFC 5952 4.2); *end is behind it. */
static size_t find_zeros(const uint16_t groups[8], size_t *end)
{
	size_t best = 0;
	*end = 0;
	for (size_t i = 0; i < 8; i++) {
		size_t after = i;
		while (after < 8 && groups[after] == 0)
			after++;
		if (after - i > *end - best && after - i > 1) {
			best = i;
			*end = after;
		}
	}
	return best;
}

/* As people write it. */
static void add_readable(const struct spf_client *client, struct text *into)
{
	uint16_t groups[8];
	size_t end;
	if (!client->is_ip6) {
		spf_add_address(client, into);
		return;
	}
	for (size_t i = 0; i < 8; i++)
		groups[i] = (uint16_t)(client->address[2 * i] << 8 | client->address[2 * i + 1]);
	const size_t zeros = find_zeros(groups, &end);
	for (size_t i = 0; i < 8; i++) {
		if (i >= zeros && i < end)
			text_print(into, "%s", i == zeros ? "::" : "");
		else
			text_print(into, "%s%x", i == 0 || i == end ? "" : ":", groups[i]);
	}
}

/* ---- a letter's value */

static void add_value(const struct spf_names *names, char letter, struct text *into)
{
	const size_t at = view_find_last_byte(names->sender, '@');
	switch (letter) {
	case 's':
		text_add(into, names->sender);
		break;
	case 'l':
		text_add(into, view_first(names->sender, at));
		break;
	case 'o':
		text_add(into, view_from(names->sender, at + 1));
		break;
	case 'd':
		text_add(into, names->domain);
		break;
	case 'i':
		spf_add_address(names->client, into);
		break;
	case 'p':
		text_add(into, names->validated(names->context));
		break;
	case 'v':
		text_add(into, names->client->is_ip6 ? VIEW("ip6") : VIEW("in-addr"));
		break;
	case 'h':
		text_add(into, names->client->helo);
		break;
	case 'c':
		add_readable(names->client, into);
		break;
	case 'r':
		text_add(into, names->client->receiver.length > 0 ? names->client->receiver : VIEW("unknown"));
		break;
	default:
		text_print(into, "%lld", (long long)names->client->seconds);
		break;
	}
}

/* ---- transformers */

struct transformation {
	char letter;
	uint64_t keep; /* right-hand parts; 0: all */
	bool reverse;
	bool escape; /* the letter was a capital */
	struct view delimiters;
};

/* "%{" stands before rest; what is behind "}" stays in it. */
static bool read_transformation(const struct spf_names *names, struct view *rest, struct transformation *made)
{
	const size_t end = view_find_byte(*rest, '}');
	struct view body = view_first(*rest, end);
	if (end == VIEW_NOT_FOUND || body.length == 0)
		return false;
	*rest = view_from(*rest, end + 1);
	*made = (struct transformation){ .letter = byte_lower(body.data[0]),
		                             .escape = body.data[0] != byte_lower(body.data[0]) };
	const struct view letters = names->explaining ? VIEW("slodipvhcrt") : VIEW("slodipvh");
	if (view_find_byte(letters, made->letter) == VIEW_NOT_FOUND)
		return false;
	body = view_from(body, 1);
	size_t digits = 0;
	while (digits < body.length && byte_is_digit(body.data[digits]))
		digits++;
	/* RFC 7208 7.3: a number of parts is not zero; one that is too large to be read means all. */
	if (digits > 0 && view_to_u64(view_first(body, digits), &made->keep) && made->keep == 0)
		return false;
	body = view_from(body, digits);
	if (body.length > 0 && byte_lower(body.data[0]) == 'r') {
		made->reverse = true;
		body = view_from(body, 1);
	}
	made->delimiters = body.length > 0 ? body : VIEW(".");
	for (size_t i = 0; i < body.length; i++)
		if (view_find_byte(VIEW(".-+,/_="), body.data[i]) == VIEW_NOT_FOUND)
			return false;
	return true;
}

static size_t split(struct view value, struct view delimiters, struct view *parts)
{
	size_t count = 0;
	size_t start = 0;
	for (size_t i = 0; i <= value.length; i++) {
		if (i < value.length && view_find_byte(delimiters, value.data[i]) == VIEW_NOT_FOUND)
			continue;
		if (count < PARTS_MOST)
			parts[count++] = view_slice(value, start, i - start);
		start = i + 1;
	}
	return count;
}

/* RFC 3986 2.3: what is not unreserved is escaped. */
static void add_escaped(struct view value, struct text *into)
{
	for (size_t i = 0; i < value.length; i++) {
		const char byte = value.data[i];
		if (byte_is_alnum(byte) || view_find_byte(VIEW("-._~"), byte) != VIEW_NOT_FOUND)
			text_add_byte(into, byte);
		else
			text_print(into, "%%%02X", (unsigned)(unsigned char)byte);
	}
}

static void add_transformed(struct view value, const struct transformation *how, struct text *into)
{
	struct view parts[PARTS_MOST];
	const size_t count = split(value, how->delimiters, parts);
	const size_t kept = how->keep == 0 || how->keep > count ? count : (size_t)how->keep;
	for (size_t i = count - kept; i < count; i++) {
		const struct view part = parts[how->reverse ? count - 1 - i : i];
		if (i > count - kept)
			text_add_byte(into, '.');
		if (how->escape)
			add_escaped(part, into);
		else
			text_add(into, part);
	}
}

/* ---- a macro-string */

static bool expand_one(const struct spf_names *names, struct view *rest, struct text *into)
{
	struct transformation how;
	struct text value = TEXT_LIMIT(VALUE_MOST);
	if (!read_transformation(names, rest, &how))
		return false;
	add_value(names, how.letter, &value);
	add_transformed(text_view(&value), &how, into);
	text_deinit(&value);
	return true;
}

bool spf_expand(const struct spf_names *names, struct view macros, struct text *into)
{
	while (macros.length > 0) {
		const size_t literal = view_find_byte(macros, '%');
		text_add(into, view_first(macros, literal));
		macros = view_from(macros, literal);
		if (macros.length == 0)
			return true;
		const struct view sign = view_first(macros, 2);
		macros = view_from(macros, 2);
		if (view_equal(sign, VIEW("%%")))
			text_add_byte(into, '%');
		else if (view_equal(sign, VIEW("%_")))
			text_add_byte(into, ' ');
		else if (view_equal(sign, VIEW("%-")))
			text_add(into, VIEW("%20"));
		else if (!view_equal(sign, VIEW("%{")) || !expand_one(names, &macros, into))
			return false;
	}
	return true;
}

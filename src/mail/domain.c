#include "mail/domain.h"

#include <idn2.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "mail/mime.h"

/* U-labels take more bytes than their A-labels in the worst case of UTF-8, never this many more. */
#define UNICODE_LENGTH_MOST 1024u

static const char *const result_texts[] = {
	[DOMAIN_OK] = "the domain is well-formed",
	[DOMAIN_EMPTY] = "the domain is empty",
	[DOMAIN_TOO_LONG] = "the domain is longer than 253 octets",
	[DOMAIN_LABEL_EMPTY] = "the domain has an empty label",
	[DOMAIN_LABEL_TOO_LONG] = "the domain has a label longer than 63 octets",
	[DOMAIN_BAD_BYTE] = "the domain has something other than letters, digits, hyphens and dots",
	[DOMAIN_BAD_HYPHEN] = "a label of the domain begins or ends with a hyphen",
	[DOMAIN_NUMERIC] = "the domain ends in a number, as if it were an IP address",
	[DOMAIN_BAD_IDN] = "the domain is not a valid internationalized name (IDNA 2008)",
};

struct view domain_result_text(enum domain_result result)
{
	return view_of(result_texts[result]);
}

static enum domain_result label_check(struct view label)
{
	if (label.length == 0) {
		return DOMAIN_LABEL_EMPTY;
	}
	for (size_t i = 0; i < label.length; i++) {
		if (!byte_is_alnum(label.data[i]) && label.data[i] != '-') {
			return DOMAIN_BAD_BYTE;
		}
	}
	if (label.length > DOMAIN_LABEL_MOST) {
		return DOMAIN_LABEL_TOO_LONG;
	}
	if (label.data[0] == '-' || label.data[label.length - 1] == '-') {
		return DOMAIN_BAD_HYPHEN;
	}
	return DOMAIN_OK;
}

static bool is_number(struct view label)
{
	for (size_t i = 0; i < label.length; i++) {
		if (!byte_is_digit(label.data[i])) {
			return false;
		}
	}
	return true;
}

static enum domain_result parse_ascii(struct view text, struct domain *domain)
{
	if (view_ends(text, VIEW("."))) {
		text.length--;
	}
	struct view rest = text;
	struct view label = VIEW_NONE;
	while (view_split(&rest, '.', &label)) {
		const enum domain_result result = label_check(label);
		if (result != DOMAIN_OK) {
			return result;
		}
	}
	if (text.length > DOMAIN_LENGTH_MOST) {
		return DOMAIN_TOO_LONG;
	}
	if (is_number(label)) {
		return DOMAIN_NUMERIC;
	}
	*domain = (struct domain){ .length = (uint8_t)text.length };
	for (size_t i = 0; i < text.length; i++) {
		domain->name[i] = byte_lower(text.data[i]);
	}
	return DOMAIN_OK;
}

static enum domain_result result_of_idn(int code)
{
	if (code == IDN2_TOO_BIG_DOMAIN) {
		return DOMAIN_TOO_LONG;
	}
	return code == IDN2_TOO_BIG_LABEL ? DOMAIN_LABEL_TOO_LONG : DOMAIN_BAD_IDN;
}

static enum domain_result parse_unicode(struct view text, struct domain *domain)
{
	char terminated[UNICODE_LENGTH_MOST + 1];
	if (text.length > UNICODE_LENGTH_MOST) {
		return DOMAIN_TOO_LONG;
	}
	if (!mime_is_utf8(text) || view_find_byte(text, '\0') != VIEW_NOT_FOUND) {
		return DOMAIN_BAD_IDN;
	}
	bytes_to_cstring(terminated, sizeof(terminated), text);
	char *ascii = NULL;
	const int code = idn2_to_ascii_8z(terminated, &ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
	if (code != IDN2_OK) {
		return result_of_idn(code);
	}
	/* UTS 46 maps some characters to ASCII punctuation, so what comes back is judged like any other name. */
	const enum domain_result result = parse_ascii(view_of(ascii), domain);
	idn2_free(ascii);
	return result;
}

enum domain_result domain_parse(struct view text, struct domain *domain)
{
	if (text.length == 0) {
		return DOMAIN_EMPTY;
	}
	return mime_is_7bit(text) ? parse_ascii(text, domain) : parse_unicode(text, domain);
}

struct view domain_view(const struct domain *domain)
{
	return (struct view){ domain->name, domain->length };
}

bool domain_equal(const struct domain *a, const struct domain *b)
{
	return view_equal(domain_view(a), domain_view(b));
}

size_t name_label_count(struct view name)
{
	size_t count = name.length > 0 ? 1 : 0;
	for (size_t i = 0; i < name.length; i++)
		count += name.data[i] == '.';
	return count;
}

struct view name_parent(struct view name)
{
	const size_t dot = view_find_byte(name, '.');
	return dot == VIEW_NOT_FOUND ? VIEW_NONE : view_from(name, dot + 1);
}

size_t domain_label_count(const struct domain *domain)
{
	return name_label_count(domain_view(domain));
}

bool domain_parent(const struct domain *child, struct domain *parent)
{
	const struct view above = name_parent(domain_view(child));
	if (above.length == 0)
		return false;
	struct domain made = { .length = (uint8_t)above.length };
	bytes_copy(made.name, sizeof(made.name) - 1, above);
	*parent = made;
	return true;
}

bool domain_is_within(const struct domain *domain, const struct domain *ancestor)
{
	if (ancestor->length == 0 || !view_ends(domain_view(domain), domain_view(ancestor))) {
		return false;
	}
	return domain->length == ancestor->length || domain->name[domain->length - ancestor->length - 1] == '.';
}

struct view domain_unicode(const struct domain *domain, struct arena *arena)
{
	char *unicode = NULL;
	struct domain back;
	struct view shown = domain_view(domain);
	/* Shown only when it leads back: not every "xn--" label was made from what it would be shown as. */
	if (idn2_to_unicode_8z8z(domain->name, &unicode, IDN2_NONTRANSITIONAL) == IDN2_OK &&
	    domain_parse(view_of(unicode), &back) == DOMAIN_OK && domain_equal(&back, domain)) {
		shown = view_of(unicode);
	}
	shown = arena_copy(arena, shown);
	idn2_free(unicode);
	return shown;
}

bool domain_spells(struct view text)
{
	struct view label = VIEW_NONE;
	while (view_split(&text, '.', &label)) {
		struct arena arena = { 0 };
		struct domain alone;
		const bool good = mime_is_7bit(label) || (domain_parse(label, &alone) == DOMAIN_OK &&
		                                          view_equal_nocase(domain_unicode(&alone, &arena), label));
		arena_deinit(&arena);
		if (!good)
			return false;
	}
	return true;
}

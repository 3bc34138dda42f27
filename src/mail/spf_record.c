/* The terms of a record, by the grammar of RFC 7208 12. */
#include "mail/spf.h"

enum { VERSION_LENGTH = 6, DOMAIN_MOST = 253, LABEL_MOST = 63 };

bool spf_is_record(struct view text)
{
	return view_starts_nocase(text, VIEW("v=spf1")) &&
	       (text.length == VERSION_LENGTH || text.data[VERSION_LENGTH] == ' ');
}

struct spf_walk spf_walk_of(struct view record)
{
	return (struct spf_walk){ .rest = view_from(record, VERSION_LENGTH) };
}

static bool one_of(char byte, struct view bytes)
{
	return view_find_byte(bytes, byte) != VIEW_NOT_FOUND;
}

/* Decimal without a leading zero, at most `most`. */
static bool read_number(struct view digits, unsigned most, uint8_t *number)
{
	uint64_t value = 0;
	if (digits.length == 0 || digits.length > 3 || (digits.length > 1 && digits.data[0] == '0') ||
	    !view_to_u64(digits, &value) || value > most)
		return false;
	*number = (uint8_t)value;
	return true;
}

/* ---- addresses */

static bool read_ip4(struct view text, uint8_t *address)
{
	struct view part;
	size_t count = 0;
	while (view_split(&text, '.', &part)) {
		if (count == 4 || !read_number(part, 255, &address[count]))
			return false;
		count++;
	}
	return count == 4;
}

static bool read_group(struct view text, uint8_t *into)
{
	unsigned value = 0;
	if (text.length == 0 || text.length > 4)
		return false;
	for (size_t i = 0; i < text.length; i++) {
		const int digit = byte_hex_value(text.data[i]);
		if (digit < 0)
			return false;
		value = value << 4 | (unsigned)digit;
	}
	into[0] = (uint8_t)(value >> 8);
	into[1] = (uint8_t)value;
	return true;
}

/* Groups between colons, the last one perhaps an IPv4 address (RFC 4291 2.2); *length in octets. */
static bool read_groups(struct view text, bool is_end, uint8_t *into, size_t *length)
{
	struct view part;
	*length = 0;
	if (text.length == 0)
		return true;
	while (view_split(&text, ':', &part)) {
		const bool last_v4 = is_end && text.data == NULL && one_of('.', part);
		const size_t octets = last_v4 ? 4 : 2;
		if (*length + octets > 16 || !(last_v4 ? read_ip4(part, into + *length) : read_group(part, into + *length)))
			return false;
		*length += octets;
	}
	return true;
}

static bool read_ip6(struct view text, uint8_t *address)
{
	uint8_t front[16] = { 0 };
	uint8_t back[16] = { 0 };
	size_t front_length = 0;
	size_t back_length = 0;
	const size_t gap = view_find(text, VIEW("::"));
	if (!read_groups(view_first(text, gap), gap == VIEW_NOT_FOUND, front, &front_length))
		return false;
	if (gap == VIEW_NOT_FOUND && front_length != 16)
		return false;
	if (gap != VIEW_NOT_FOUND &&
	    (!read_groups(view_from(text, gap + 2), true, back, &back_length) || front_length + back_length > 14))
		return false;
	for (size_t i = 0; i < 16; i++)
		address[i] = i < 16 - back_length ? front[i] : back[i - (16 - back_length)];
	return true;
}

/* ---- domain-spec (RFC 7208 7.1) */

/* Takes "%{...}", "%%", "%_" or "%-" off the front. The letters c, r and t are for explanations alone (7.2), and a
 * number of parts is not zero (7.3). */
static bool take_macro(struct view *rest, bool *expands)
{
	size_t at = 3;
	*expands = false;
	if (rest->length < 2)
		return false;
	if (one_of(rest->data[1], VIEW("%_-"))) {
		*rest = view_from(*rest, 2);
		return true;
	}
	if (rest->data[1] != '{' || rest->length < 4 || !one_of(byte_lower(rest->data[2]), VIEW("slodiphv")))
		return false;
	bool is_zero = byte_is_digit(rest->data[at]);
	for (; at < rest->length && byte_is_digit(rest->data[at]); at++)
		is_zero = is_zero && rest->data[at] == '0';
	if (is_zero)
		return false;
	if (at < rest->length && byte_lower(rest->data[at]) == 'r')
		at++;
	while (at < rest->length && one_of(rest->data[at], VIEW(".-+,/_=")))
		at++;
	if (at >= rest->length || rest->data[at] != '}')
		return false;
	*rest = view_from(*rest, at + 1);
	*expands = true;
	return true;
}

static bool is_macro_string(struct view text, bool *has_macro, bool *ends_in_macro)
{
	*has_macro = false;
	*ends_in_macro = false;
	while (text.length > 0) {
		if (text.data[0] == '%') {
			if (!take_macro(&text, ends_in_macro))
				return false;
			*has_macro = true;
			continue;
		}
		if (text.data[0] < 0x21 || text.data[0] > 0x7e)
			return false;
		*ends_in_macro = false;
		text = view_from(text, 1);
	}
	return true;
}

/* toplabel: letters, digits and inner hyphens, not digits alone. */
static bool is_top_label(struct view label)
{
	bool only_digits = true;
	if (label.length == 0 || label.data[0] == '-' || label.data[label.length - 1] == '-')
		return false;
	for (size_t i = 0; i < label.length; i++) {
		if (!byte_is_alnum(label.data[i]) && label.data[i] != '-')
			return false;
		only_digits = only_digits && byte_is_digit(label.data[i]);
	}
	return !only_digits;
}

static bool has_name_shape(struct view name)
{
	struct view label;
	if (name.length > DOMAIN_MOST)
		return false;
	while (view_split(&name, '.', &label))
		if (label.length == 0 || label.length > LABEL_MOST)
			return false;
	return true;
}

static bool is_domain_spec(struct view spec)
{
	bool has_macro = false;
	bool ends_in_macro = false;
	if (spec.length == 0 || !is_macro_string(spec, &has_macro, &ends_in_macro))
		return false;
	if (ends_in_macro)
		return true;
	const struct view name = view_ends(spec, VIEW(".")) ? view_first(spec, spec.length - 1) : spec;
	const size_t dot = view_find_last_byte(name, '.');
	if (dot == VIEW_NOT_FOUND || !is_top_label(view_from(name, dot + 1)))
		return false;
	return has_macro || has_name_shape(name);
}

/* ---- mechanisms: each reads what stands behind its name */

static bool read_nothing(struct view value, struct spf_term *term)
{
	(void)term;
	return value.length == 0;
}

static bool read_spec(struct view value, struct spf_term *term)
{
	term->domain = view_from(value, 1);
	return view_starts(value, VIEW(":")) && is_domain_spec(term->domain);
}

static bool read_optional_spec(struct view value, struct spf_term *term)
{
	return value.length == 0 || read_spec(value, term);
}

/* Takes "/NUMBER" off the end where digits, and nothing else, stand behind the last slash: a domain-spec may hold
 * slashes. *has says whether. False: it is no length. */
static bool take_length(struct view *value, unsigned most, uint8_t *length, bool *has)
{
	const size_t slash = view_find_last_byte(*value, '/');
	*has = slash != VIEW_NOT_FOUND && slash + 1 < value->length;
	for (size_t i = slash + 1; *has && i < value->length; i++)
		*has = byte_is_digit(value->data[i]);
	if (!*has)
		return true;
	const bool good = read_number(view_from(*value, slash + 1), most, length);
	*value = view_first(*value, slash);
	return good;
}

/* "/24", "//64" or "/24//64". */
static bool take_prefix_lengths(struct view *value, struct spf_term *term)
{
	bool has = false;
	term->prefix_length = 32;
	term->prefix_length6 = 128;
	const size_t slash = view_find_last_byte(*value, '/');
	const bool is_dual = slash != VIEW_NOT_FOUND && slash > 0 && value->data[slash - 1] == '/';
	if (!is_dual)
		return take_length(value, 32, &term->prefix_length, &has);
	if (!take_length(value, 128, &term->prefix_length6, &has))
		return false;
	if (!has)
		return true;
	*value = view_first(*value, value->length - 1);
	return take_length(value, 32, &term->prefix_length, &has);
}

static bool read_hosts(struct view value, struct spf_term *term)
{
	return take_prefix_lengths(&value, term) && read_optional_spec(value, term);
}

static bool read_network(struct view value, struct spf_term *term)
{
	const uint8_t most = term->kind == SPF_IP4 ? 32 : 128;
	if (!view_starts(value, VIEW(":")))
		return false;
	value = view_from(value, 1);
	term->prefix_length = most;
	const size_t slash = view_find_byte(value, '/');
	if (slash != VIEW_NOT_FOUND && !read_number(view_from(value, slash + 1), most, &term->prefix_length))
		return false;
	value = view_first(value, slash);
	return term->kind == SPF_IP4 ? read_ip4(value, term->address) : read_ip6(value, term->address);
}

static const struct mechanism {
	struct view name;
	bool (*read)(struct view value, struct spf_term *term);
} mechanisms[] = {
	[SPF_ALL] = { VIEW_INIT("all"), read_nothing },
	[SPF_INCLUDE] = { VIEW_INIT("include"), read_spec },
	[SPF_A] = { VIEW_INIT("a"), read_hosts },
	[SPF_MX] = { VIEW_INIT("mx"), read_hosts },
	[SPF_PTR] = { VIEW_INIT("ptr"), read_optional_spec },
	[SPF_IP4] = { VIEW_INIT("ip4"), read_network },
	[SPF_IP6] = { VIEW_INIT("ip6"), read_network },
	[SPF_EXISTS] = { VIEW_INIT("exists"), read_spec },
};

static bool read_mechanism(struct view word, struct spf_term *term)
{
	size_t length = 0;
	if (one_of(word.data[0], VIEW("+-~?"))) {
		term->qualifier = word.data[0];
		word = view_from(word, 1);
	}
	while (length < word.length && byte_is_alnum(word.data[length]))
		length++;
	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++) {
		if (!view_equal_nocase(view_first(word, length), mechanisms[i].name))
			continue;
		term->kind = (enum spf_kind)i;
		return mechanisms[i].read(view_from(word, length), term);
	}
	return false;
}

static bool read_modifier(struct spf_walk *walk, struct view name, struct view value, struct spf_term *term)
{
	bool has_macro = false;
	bool ends_in_macro = false;
	term->kind = SPF_UNKNOWN;
	term->domain = value;
	if (view_equal_nocase(name, VIEW("redirect"))) {
		const bool first = !walk->has_redirect;
		term->kind = SPF_REDIRECT;
		walk->has_redirect = true;
		return first && is_domain_spec(value);
	}
	if (view_equal_nocase(name, VIEW("exp"))) {
		const bool first = !walk->has_exp;
		term->kind = SPF_EXP;
		walk->has_exp = true;
		return first && is_domain_spec(value);
	}
	return is_macro_string(value, &has_macro, &ends_in_macro);
}

static bool read_term(struct spf_walk *walk, struct view word, struct spf_term *term)
{
	size_t length = 0;
	*term = (struct spf_term){ .qualifier = '+', .text = word };
	/* name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ); only a modifier has "=" right behind it. */
	while (length < word.length &&
	       (byte_is_alpha(word.data[length]) ||
	        (length > 0 && (byte_is_digit(word.data[length]) || one_of(word.data[length], VIEW("-_."))))))
		length++;
	if (length > 0 && length < word.length && word.data[length] == '=')
		return read_modifier(walk, view_first(word, length), view_from(word, length + 1), term);
	return read_mechanism(word, term);
}

enum spf_step spf_next(struct spf_walk *walk, struct spf_term *term)
{
	while (walk->rest.length > 0 && walk->rest.data[0] == ' ')
		walk->rest = view_from(walk->rest, 1);
	if (walk->rest.length == 0)
		return SPF_END;
	const struct view word = view_first(walk->rest, view_find_byte(walk->rest, ' '));
	walk->rest = view_from(walk->rest, word.length);
	return read_term(walk, word, term) ? SPF_TERM : SPF_MALFORMED;
}

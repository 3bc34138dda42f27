#include "mail/address.h"

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "mail/mime.h"

/* RFC 5322 3.2.3, and RFC 6531 3.3: any UTF-8 that is not ASCII. */
static bool is_atext(char byte)
{
	return byte_is_alnum(byte) || (unsigned char)byte > 127 ||
	       (byte != '\0' && view_find_byte(VIEW("!#$%&'*+-/=?^_`{|}~"), byte) != VIEW_NOT_FOUND);
}

static bool is_dot_string(struct view text)
{
	bool after_dot = true;
	for (size_t i = 0; i < text.length; i++) {
		const bool dot = text.data[i] == '.';
		if ((dot && after_dot) || (!dot && !is_atext(text.data[i]))) {
			return false;
		}
		after_dot = dot;
	}
	return !after_dot;
}

/* Takes `Dot-string` off the front: all that could belong to one, so that the reason can name what is wrong in it. */
static bool take_dot_string(struct view *rest, struct view *local_part, struct view *why)
{
	size_t length = 0;
	while (length < rest->length && (is_atext(rest->data[length]) || rest->data[length] == '.')) {
		length++;
	}
	const struct view taken = view_first(*rest, length);
	if (length < rest->length && rest->data[length] != '@') {
		*why = byte_is_blank(rest->data[length]) ? VIEW("there is a blank in the address")
		                                         : VIEW("the local-part has a character that must be quoted");
		return false;
	}
	if (!is_dot_string(taken)) {
		*why = length == 0 ? VIEW("there is nothing before the @")
		                   : VIEW("the local-part begins or ends with a dot or has two in a row");
		return false;
	}
	*local_part = taken;
	*rest = view_from(*rest, length);
	return true;
}

/* Takes `Quoted-string` (RFC 5321 4.1.2) off the front: what it says, in the arena. */
static bool take_quoted_string(struct view *rest, struct arena *arena, struct view *local_part, struct view *why)
{
	char *content = ARENA_ARRAY(arena, char, rest->length);
	size_t length = 0;
	size_t at = 1;
	for (; at < rest->length && rest->data[at] != '"'; at++) {
		const bool escaped = rest->data[at] == '\\';
		at += escaped;
		if (at == rest->length) {
			break;
		}
		const char byte = rest->data[at];
		if (!byte_is_print(byte) && ((unsigned char)byte <= 127 || escaped)) {
			*why = VIEW("the quoted local-part has a control character");
			return false;
		}
		content[length++] = byte;
	}
	if (at >= rest->length) {
		*why = VIEW("the quoted local-part has no closing quote");
		return false;
	}
	*local_part = (struct view){ content, length };
	*rest = view_from(*rest, at + 1);
	return true;
}

static bool take_literal(struct view text, struct arena *arena, struct mailbox *mailbox, struct view *why)
{
	const struct view content = view_slice(text, 1, text.length - 2);
	bool good = view_ends(text, VIEW("]")) && text.length > 2;
	for (size_t i = 0; i < content.length; i++) {
		const char byte = content.data[i];
		good = good && byte > ' ' && byte < 127 && view_find_byte(VIEW("[\\]"), byte) == VIEW_NOT_FOUND;
	}
	if (!good) {
		*why = VIEW("the address literal is malformed");
		return false;
	}
	mailbox->has_literal = true;
	mailbox->literal = arena_copy(arena, content);
	return true;
}

static bool take_domain(struct view text, struct arena *arena, struct mailbox *mailbox, struct view *why)
{
	if (view_starts(text, VIEW("["))) {
		return take_literal(text, arena, mailbox, why);
	}
	const enum domain_result result = domain_parse(text, &mailbox->domain);
	if (result != DOMAIN_OK) {
		*why = domain_result_text(result);
		return false;
	}
	return true;
}

bool address_parse_mailbox(struct view text, struct arena *arena, struct mailbox *mailbox, struct view *why)
{
	struct mailbox parsed = { .utf8 = !mime_is_7bit(text) };
	if (text.length > ADDRESS_PATH_MOST) {
		*why = VIEW("the address is too long");
		return false;
	}
	if (parsed.utf8 && !mime_is_utf8(text)) {
		*why = VIEW("the address is not UTF-8");
		return false;
	}
	struct view rest = text;
	struct view local_part = VIEW_NONE;
	const bool taken = view_starts(rest, VIEW("\"")) ? take_quoted_string(&rest, arena, &local_part, why)
	                                                 : take_dot_string(&rest, &local_part, why);
	if (!taken) {
		return false;
	}
	if (!view_starts(rest, VIEW("@"))) {
		*why = rest.length == 0 ? VIEW("the address has no @ and domain")
		                        : VIEW("something other than @ follows the quotes");
		return false;
	}
	if (local_part.length > ADDRESS_LOCAL_PART_MOST) {
		*why = VIEW("the local-part is longer than 1024 octets");
		return false;
	}
	if (!take_domain(view_from(rest, 1), arena, &parsed, why)) {
		return false;
	}
	parsed.local_part = arena_copy(arena, local_part);
	*mailbox = parsed;
	return true;
}

/* Takes `A-d-l ":"` off the front. RFC 5321 appendix C: source routes are accepted and ignored. */
static bool skip_source_route(struct view *inner, struct view *why)
{
	const size_t colon = view_find_byte(*inner, ':');
	if (colon == VIEW_NOT_FOUND) {
		*why = VIEW("there is nothing before the @");
		return false;
	}
	struct view route = view_first(*inner, colon);
	struct view hop = VIEW_NONE;
	while (view_split(&route, ',', &hop)) {
		struct domain ignored;
		if (!view_starts(hop, VIEW("@")) || domain_parse(view_from(hop, 1), &ignored) != DOMAIN_OK) {
			*why = VIEW("the source route is malformed");
			return false;
		}
	}
	*inner = view_from(*inner, colon + 1);
	return true;
}

static bool strip_brackets(struct view path, struct view *inner, struct view *why)
{
	if (path.length > ADDRESS_PATH_MOST) {
		*why = VIEW("the address is too long");
		return false;
	}
	if (path.length < 2 || !view_starts(path, VIEW("<")) || !view_ends(path, VIEW(">"))) {
		*why = VIEW("the address must stand in angle brackets");
		return false;
	}
	*inner = view_slice(path, 1, path.length - 2);
	return true;
}

bool address_parse_forward_path(struct view text, struct arena *arena, struct mailbox *mailbox, struct view *why)
{
	struct view inner = VIEW_NONE;
	if (!strip_brackets(text, &inner, why)) {
		return false;
	}
	if (inner.length == 0) {
		*why = VIEW("the address is empty");
		return false;
	}
	if (view_starts(inner, VIEW("@")) && !skip_source_route(&inner, why)) {
		return false;
	}
	return address_parse_mailbox(inner, arena, mailbox, why);
}

bool address_parse_reverse_path(struct view text, struct arena *arena, struct mailbox *mailbox, bool *is_null,
                                struct view *why)
{
	const bool null = view_equal(text, VIEW("<>"));
	if (!null && !address_parse_forward_path(text, arena, mailbox, why)) {
		return false;
	}
	*is_null = null;
	return true;
}

bool address_is_bare_postmaster(struct view path)
{
	return view_equal_nocase(path, VIEW("<postmaster>"));
}

static void write_quoted(struct text *text, struct view content)
{
	text_add_byte(text, '"');
	for (size_t i = 0; i < content.length; i++) {
		if (content.data[i] == '"' || content.data[i] == '\\') {
			text_add_byte(text, '\\');
		}
		text_add_byte(text, content.data[i]);
	}
	text_add_byte(text, '"');
}

void address_write(struct text *text, const struct mailbox *mailbox)
{
	if (is_dot_string(mailbox->local_part)) {
		text_add(text, mailbox->local_part);
	} else {
		write_quoted(text, mailbox->local_part);
	}
	if (mailbox->has_literal) {
		text_print(text, "@[%.*s]", VIEW_PRINT(mailbox->literal));
		return;
	}
	text_add_byte(text, '@');
	text_add(text, domain_view(&mailbox->domain));
}

struct view address_view(const struct mailbox *mailbox, struct arena *arena)
{
	/* Quoting doubles a local-part at most. */
	struct text text = TEXT_LIMIT(2 * ADDRESS_LOCAL_PART_MOST + ADDRESS_PATH_MOST);
	address_write(&text, mailbox);
	const struct view written = arena_copy(arena, text_view(&text));
	text_deinit(&text);
	return written;
}

bool address_equal(const struct mailbox *a, const struct mailbox *b)
{
	return view_equal(a->local_part, b->local_part) && a->has_literal == b->has_literal &&
	       view_equal_nocase(a->literal, b->literal) && domain_equal(&a->domain, &b->domain);
}

#include "mail/token.h"

enum { HEX_LENGTH = 2 * SHA256_SIZE, NAME_MOST = 512 };

void token_write(struct view prefix, struct view name, struct text *token)
{
	uint8_t digest[SHA256_SIZE];
	sha256_once(name, digest);
	text_add(token, prefix);
	text_add_byte(token, '=');
	text_add_hex(token, view_bytes(digest, sizeof(digest)));
}

bool token_is_ours(struct view text, struct view prefix)
{
	text = view_trim(text);
	return view_starts(text, prefix) && text.length > prefix.length && text.data[prefix.length] == '=';
}

bool token_matches(struct view text, struct view token)
{
	text = view_trim(text);
	if (text.length != token.length || token.length < HEX_LENGTH)
		return false;
	const size_t hex = token.length - HEX_LENGTH;
	return view_equal(view_first(text, hex), view_first(token, hex)) &&
	       view_equal_nocase(view_from(text, hex), view_from(token, hex));
}

/* ---- mistakes */

const struct view token_of_another = VIEW_INIT("it is the token of another user account, or of a sender address");

static bool is_hash_of(struct view hex, const struct text *name)
{
	uint8_t digest[SHA256_SIZE];
	struct text encoded = TEXT_LIMIT(HEX_LENGTH);
	sha256_once(text_view(name), digest);
	text_add_hex(&encoded, view_bytes(digest, sizeof(digest)));
	const bool same = view_equal_nocase(hex, text_view(&encoded));
	text_deinit(&encoded);
	return same;
}

static bool is_hash_of_parts(struct view hex, struct view before, struct view name, struct view after)
{
	struct text whole = TEXT_LIMIT(NAME_MOST);
	text_add(&whole, before);
	text_add(&whole, name);
	text_add(&whole, after);
	const bool same = !whole.overflow && is_hash_of(hex, &whole);
	text_deinit(&whole);
	return same;
}

/* How people write the name: all letters upper, or the first one of every part, of every part but .com, or of the
 * whole. */
enum spelling { SPELLING_UPPER, SPELLING_PARTS, SPELLING_NAMES, SPELLING_FIRST, SPELLING_COUNT };

static bool is_hash_of_spelling(struct view hex, struct view account, enum spelling spelling)
{
	struct text written = TEXT_LIMIT(NAME_MOST);
	const size_t last_dot = view_find_last_byte(account, '.');
	for (size_t i = 0; i < account.length; i++) {
		const bool starts_part = i == 0 || !byte_is_alnum(account.data[i - 1]);
		const bool is_upper = spelling == SPELLING_UPPER || (spelling == SPELLING_PARTS && starts_part) ||
		                      (spelling == SPELLING_NAMES && starts_part && i < last_dot) || i == 0;
		const char byte = account.data[i];
		text_add_byte(&written, is_upper && byte_is_alpha(byte) ? (char)(byte & ~0x20) : byte);
	}
	const bool same = !written.overflow && is_hash_of(hex, &written);
	text_deinit(&written);
	return same;
}

/* As PowerShell and .NET have it in memory. */
static bool is_hash_of_utf16(struct view hex, struct view account)
{
	struct text wide = TEXT_LIMIT(2 * NAME_MOST);
	for (size_t i = 0; i < account.length; i++) {
		text_add_byte(&wide, account.data[i]);
		text_add_byte(&wide, '\0');
	}
	const bool same = !wide.overflow && is_hash_of(hex, &wide);
	text_deinit(&wide);
	return same;
}

/* What comes of `echo` without -n, and of names copied with what stood around them. */
static const struct wrapping {
	struct view before;
	struct view after;
	struct view clause;
} wrappings[] = {
	{ VIEW_INIT(""), VIEW_INIT("\n"),
	  VIEW_INIT("it is the SHA-256 of the name with a line feed behind it (echo needs -n)") },
	{ VIEW_INIT(""), VIEW_INIT("\r\n"), VIEW_INIT("it is the SHA-256 of the name with a line end behind it") },
	{ VIEW_INIT(""), VIEW_INIT(" "), VIEW_INIT("it is the SHA-256 of the name with a blank behind it") },
	{ VIEW_INIT(" "), VIEW_INIT(""), VIEW_INIT("it is the SHA-256 of the name with a blank before it") },
	{ VIEW_INIT("\""), VIEW_INIT("\""), VIEW_INIT("it is the SHA-256 of the name in quotes") },
	{ VIEW_INIT("\""), VIEW_INIT("\"\n"), VIEW_INIT("it is the SHA-256 of the name in quotes and a line feed") },
	{ VIEW_INIT("-n "), VIEW_INIT("\n"),
	  VIEW_INIT(
		  "it is the SHA-256 of -n and the name: this shell's echo does not know -n (printf %s NAME does it)") },
	{ VIEW_INIT("<"), VIEW_INIT(">"), VIEW_INIT("it is the SHA-256 of the name in angle brackets") },
};

static const struct view usual_senders[] = {
	VIEW_INIT("info"),       VIEW_INIT("noreply"), VIEW_INIT("no-reply"), VIEW_INIT("admin"),
	VIEW_INIT("postmaster"), VIEW_INIT("support"), VIEW_INIT("sales"),    VIEW_INIT("contact"),
	VIEW_INIT("hello"),      VIEW_INIT("mail"),    VIEW_INIT("mailer"),   VIEW_INIT("webmaster"),
	VIEW_INIT("test"),       VIEW_INIT("news"),    VIEW_INIT("billing"),  VIEW_INIT("invoice"),
};

static struct view sender_mistake(struct view hex, const struct token_owner *owner, struct arena *arena)
{
	const size_t count = sizeof(usual_senders) / sizeof(usual_senders[0]);
	for (size_t i = 0; i <= count; i++) {
		/* Last, the account's own local part: steve.mailer@example.com for steve.mailer@mycorp.se. */
		const struct view local =
			i < count ? usual_senders[i] : view_first(owner->account, view_find_byte(owner->account, '@'));
		if (is_hash_of_parts(hex, local, VIEW("@"), owner->domain) ||
		    is_hash_of_parts(hex, local, VIEW("@"), arena_print(arena, "%.*s\n", VIEW_PRINT(owner->domain))))
			return arena_print(arena, "it is the SHA-256 of the sender address %.*s@%.*s, not of the user account",
			                   VIEW_PRINT(local), VIEW_PRINT(owner->domain));
	}
	return VIEW_NONE;
}

static struct view hash_mistake(struct view hex, const struct token_owner *owner, struct arena *arena)
{
	for (size_t i = 0; i < sizeof(wrappings) / sizeof(wrappings[0]); i++) {
		const struct wrapping *row = &wrappings[i];
		if (is_hash_of_parts(hex, row->before, owner->account, row->after) ||
		    (owner->as_typed.length > 0 && is_hash_of_parts(hex, row->before, owner->as_typed, row->after)))
			return row->clause;
	}
	for (unsigned spelling = 0; spelling < SPELLING_COUNT; spelling++)
		if (is_hash_of_spelling(hex, owner->account, (enum spelling)spelling))
			return VIEW("it is the SHA-256 of another spelling of the name: lower case is meant");
	if (is_hash_of_utf16(hex, owner->account))
		return VIEW("it is the SHA-256 of the name in UTF-16: its UTF-8 bytes are meant");
	const size_t at = view_find_byte(owner->account, '@');
	if (is_hash_of_parts(hex, VIEW_NONE, view_first(owner->account, at), VIEW_NONE) ||
	    is_hash_of_parts(hex, VIEW_NONE, view_first(owner->account, at), VIEW("\n")))
		return VIEW("it is the SHA-256 of what stands before the @ alone, not of the whole name");
	if (is_hash_of_parts(hex, VIEW_NONE, owner->domain, VIEW_NONE) ||
	    is_hash_of_parts(hex, VIEW_NONE, owner->domain, VIEW("\n")))
		return VIEW("it is the SHA-256 of the domain, not of the user account");
	if (is_hash_of_parts(hex, VIEW_NONE, VIEW_NONE, VIEW_NONE) ||
	    is_hash_of_parts(hex, VIEW_NONE, VIEW_NONE, VIEW("\n")))
		return VIEW("it is the SHA-256 of nothing: the name was empty");
	const struct view sender = sender_mistake(hex, owner, arena);
	return sender.length > 0 ? sender : token_of_another;
}

static bool is_hex(struct view text)
{
	for (size_t i = 0; i < text.length; i++)
		if (!byte_is_digit(text.data[i]) && (byte_lower(text.data[i]) < 'a' || byte_lower(text.data[i]) > 'f'))
			return false;
	return true;
}

static struct view form_mistake(struct view value, const struct token_owner *owner)
{
	enum { MD5_HEX = 32, SHA1_HEX = 40, SHA512_HEX = 128, BASE64_LENGTH = 44 };
	if (value.length == 0)
		return VIEW("nothing stands behind the equals sign");
	if (view_equal_nocase(value, owner->account))
		return VIEW("it is the name itself, not its SHA-256");
	if (view_find(value, VIEW("sha256sum")) != VIEW_NOT_FOUND)
		return VIEW("it is the command itself, not what the command prints");
	if (value.length == BASE64_LENGTH && view_ends(value, VIEW("=")))
		return VIEW("it is written in base64: 64 digits of 0-9 and a-f are meant");
	if (!is_hex(value))
		return VIEW("what stands behind the equals sign is not 64 digits of 0-9 and a-f");
	if (value.length == MD5_HEX)
		return VIEW("it is as long as an MD5, not a SHA-256");
	if (value.length == SHA1_HEX)
		return VIEW("it is as long as a SHA-1, not a SHA-256");
	if (value.length == SHA512_HEX)
		return VIEW("it is as long as a SHA-512, not a SHA-256");
	return value.length < HEX_LENGTH ? VIEW("it is cut: a SHA-256 has 64 digits")
	                                 : VIEW("it is too long: a SHA-256 has 64 digits");
}

/* ---- the right digits, wrongly written */

static size_t find_hex(struct view text, struct view name)
{
	uint8_t digest[SHA256_SIZE];
	struct text hex = TEXT_LIMIT(HEX_LENGTH);
	size_t found = VIEW_NOT_FOUND;
	sha256_once(name, digest);
	text_add_hex(&hex, view_bytes(digest, sizeof(digest)));
	for (size_t at = 0; at + HEX_LENGTH <= text.length && found == VIEW_NOT_FOUND; at++)
		if (view_starts_nocase(view_from(text, at), text_view(&hex)))
			found = at;
	text_deinit(&hex);
	return found;
}

/* UTF-8 of all typographic quotes begins with these two octets. */
static bool has_quotes(struct view text)
{
	return view_find_byte(text, '"') != VIEW_NOT_FOUND || view_find_byte(text, '\'') != VIEW_NOT_FOUND ||
	       view_find_byte(text, '`') != VIEW_NOT_FOUND || view_find(text, VIEW("\xe2\x80")) != VIEW_NOT_FOUND;
}

static bool is_word(struct view text)
{
	for (size_t i = 0; i < text.length; i++)
		if (!byte_is_alnum(text.data[i]) && text.data[i] != '-' && text.data[i] != '_')
			return false;
	return text.length > 0;
}

static struct view writing_mistake(struct view text, size_t at, struct view prefix, struct arena *arena)
{
	const struct view before = view_first(text, at);
	const bool has_prefix = view_starts(before, prefix);
	const struct view sign = view_trim(view_from(before, prefix.length));
	if (has_quotes(text))
		return VIEW("quotes stand around it in DNS: they belong to the zone file only");
	if (text.length > at + HEX_LENGTH && is_hex(view_from(text, at)))
		return VIEW("it is too long: a SHA-256 has 64 digits");
	if (text.length > at + HEX_LENGTH)
		return VIEW("something else stands behind it: the token is a record of its own");
	if (before.length == 0)
		return arena_print(arena, "%.*s= is missing before it", VIEW_PRINT(prefix));
	if (has_prefix && view_equal(sign, VIEW("=")))
		return VIEW("a blank stands beside the equals sign");
	if (has_prefix && sign.length <= 1)
		return arena_print(arena, "an equals sign belongs between %.*s and the digits", VIEW_PRINT(prefix));
	if (view_ends(before, VIEW("=")) && is_word(view_first(before, before.length - 1)))
		return arena_print(arena, "the word before the equals sign is spelled %.*s", VIEW_PRINT(prefix));
	return VIEW("something else stands before it: the token is a record of its own");
}

struct view token_mistake(struct view text, struct view prefix, const struct token_owner *owner, struct arena *arena)
{
	enum { SEARCHED_MOST = 4096 };
	text = view_trim(text);
	size_t at = find_hex(view_first(text, SEARCHED_MOST), owner->account);
	if (at == VIEW_NOT_FOUND && owner->as_typed.length > 0)
		at = find_hex(view_first(text, SEARCHED_MOST), owner->as_typed);
	if (at != VIEW_NOT_FOUND)
		return writing_mistake(text, at, prefix, arena);
	if (!view_starts_nocase(text, prefix))
		return VIEW_NONE;
	const struct view rest = view_trim(view_from(text, prefix.length));
	if (!view_starts(rest, VIEW("=")))
		return VIEW_NONE;
	const struct view value = view_trim(view_from(rest, 1));
	if (value.length != HEX_LENGTH || !is_hex(value))
		return form_mistake(value, owner);
	return hash_mistake(value, owner, arena);
}

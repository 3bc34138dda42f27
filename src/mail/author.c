#include "mail/author.h"

#include "base/arena.h"
#include "base/must.h"
#include "mail/encoded_word.h"
#include "mail/mime.h"

/* What the field is made of. Two grammars meet here: words make a display name or a local-part, and only what follows
 * tells which. So words are read as tokens, and an address is taken as the bytes from its first word to its end. */
enum token { TOKEN_END, TOKEN_ATOM, TOKEN_QUOTED, TOKEN_SPECIAL };

struct reader {
	struct view body;
	size_t at; /* after the token */
	/* The token in front: */
	enum token token;
	char special; /* SPECIAL: one of < > @ , ; : . */
	size_t start; /* of the token */
	bool blank;   /* blanks or folds stand before it */
	bool comment; /* a comment stands before it */
	struct arena *arena;
	struct mailbox *mailboxes;
	size_t capacity, count;
	struct view why; /* of the fault, which ends the reading */
};

static bool fault(struct reader *reader, struct view why)
{
	reader->why = why;
	return false;
}

static char peek(const struct reader *reader)
{
	return reader->at < reader->body.length ? reader->body.data[reader->at] : '\0';
}

static bool is_atext(char byte)
{
	return byte_is_alnum(byte) || (unsigned char)byte > 127 ||
	       (byte != '\0' && view_find_byte(VIEW("!#$%&'*+-/=?^_`{|}~"), byte) != VIEW_NOT_FOUND);
}

/* RFC 5322 3.2.2: CRLF and a blank. A line of blanks only (obs-FWS) ends the header for some readers. */
static bool take_fold(struct reader *reader)
{
	const struct view rest = view_from(reader->body, reader->at);
	if (!view_starts(rest, VIEW("\r\n")) || rest.length < 3 || !byte_is_blank(rest.data[2])) {
		return fault(reader, VIEW("it has a control character"));
	}
	reader->at += 3;
	while (byte_is_blank(peek(reader))) {
		reader->at++;
	}
	if (reader->at == reader->body.length || peek(reader) == '\r') {
		return fault(reader, VIEW("it has a line of blanks only"));
	}
	return true;
}

/* A byte within quotes or a comment, with what belongs to it; the caller has looked at the ones that end it. */
static bool take_content(struct reader *reader)
{
	if (peek(reader) == '\r') {
		return take_fold(reader);
	}
	if (peek(reader) == '\\') {
		reader->at++;
		if ((unsigned char)peek(reader) > 127) {
			return fault(reader, VIEW("a backslash stands before a character that is not ASCII"));
		}
	}
	const char byte = peek(reader);
	if (!byte_is_print(byte) && byte != '\t' && (unsigned char)byte <= 127) {
		return fault(reader, VIEW("it has a control character, or quotes or a comment without an end"));
	}
	reader->at++;
	return true;
}

static bool take_comment(struct reader *reader)
{
	size_t depth = 0;
	do {
		const char byte = peek(reader);
		depth += byte == '(';
		depth -= byte == ')';
		/* Not every reader knows that comments nest, or knows comments at all. */
		if (byte != '\0' && view_find_byte(VIEW("@<>\""), byte) != VIEW_NOT_FOUND) {
			return fault(reader, VIEW("a comment has @, <, > or a quote in it"));
		}
		if (!take_content(reader)) {
			return false;
		}
	} while (depth > 0);
	return true;
}

static bool skip_gap(struct reader *reader)
{
	reader->blank = false;
	reader->comment = false;
	for (;;) {
		const char byte = peek(reader);
		if (byte_is_blank(byte)) {
			reader->at++;
			reader->blank = true;
		} else if (byte == '\r') {
			reader->blank = true;
			if (!take_fold(reader)) {
				return false;
			}
		} else if (byte == '(') {
			reader->comment = true;
			if (!take_comment(reader)) {
				return false;
			}
		} else {
			return true;
		}
	}
}

static bool take_quoted(struct reader *reader)
{
	reader->at++;
	while (peek(reader) != '"') {
		if (!take_content(reader)) {
			return false;
		}
	}
	reader->at++;
	reader->token = TOKEN_QUOTED;
	return true;
}

/* Reads the next token. False at a fault, as everything here. */
static bool next(struct reader *reader)
{
	if (!skip_gap(reader)) {
		return false;
	}
	reader->start = reader->at;
	if (reader->at == reader->body.length) {
		reader->token = TOKEN_END;
		return true;
	}
	const char byte = peek(reader);
	if (byte == '"') {
		return take_quoted(reader);
	}
	if (byte != '\0' && view_find_byte(VIEW("<>@,;:."), byte) != VIEW_NOT_FOUND) {
		reader->at++;
		reader->token = TOKEN_SPECIAL;
		reader->special = byte;
		return true;
	}
	if (byte == '[') {
		return fault(reader, VIEW("it has a bracket, as of an address literal, which names no domain"));
	}
	while (is_atext(peek(reader))) {
		reader->at++;
	}
	reader->token = TOKEN_ATOM;
	if (reader->at == reader->start) {
		return fault(reader, VIEW("it has a character that must be quoted"));
	}
	return true;
}

static bool is_special(const struct reader *reader, char special)
{
	return reader->token == TOKEN_SPECIAL && reader->special == special;
}

static bool is_word(const struct reader *reader)
{
	return reader->token == TOKEN_ATOM || reader->token == TOKEN_QUOTED || is_special(reader, '.');
}

/* Words of a phrase (with the dots of obs-phrase, "John Q. Public") or of a local-part; *whole tells whether nothing
 * stands between them and what follows. */
static bool take_words(struct reader *reader, size_t *count, bool *whole)
{
	*count = 0;
	*whole = true;
	while (is_word(reader)) {
		if (*count == 0 && is_special(reader, '.')) {
			return fault(reader, VIEW("a name or address begins with a dot"));
		}
		(*count)++;
		if (!next(reader)) {
			return false;
		}
		*whole = *whole && !reader->blank && !reader->comment;
	}
	return true;
}

static bool add_address(struct reader *reader, struct view text)
{
	struct mailbox mailbox;
	struct view why = VIEW_NONE;
	/* RFC 2047 5: an encoded word is never part of an address, but some readers decode before they parse. */
	if (encoded_word_begins(text)) {
		return fault(reader, VIEW("an encoded word stands where an address is expected"));
	}
	/* DNS would take that dot; RFC 5322 3.4.1 does not, and readers differ. */
	if (view_ends(text, VIEW("."))) {
		return fault(reader, VIEW("a domain ends in a dot"));
	}
	if (!address_parse_mailbox(text, reader->arena, &mailbox, &why)) {
		return fault(reader, why);
	}
	must(!mailbox.has_literal); /* a bracket is no token */
	/* RFC 6531 3.3: U-labels, not what could be made one: readers map differently, or not at all. */
	if (!domain_spells(view_from(text, view_find_last_byte(text, '@') + 1))) {
		return fault(reader, VIEW("a domain is not written in its normal form (IDNA 2008)"));
	}
	for (size_t i = 0; i < mailbox.local_part.length; i++) {
		if (view_find_byte(VIEW("@<>()[],;:\\\""), mailbox.local_part.data[i]) != VIEW_NOT_FOUND) {
			return fault(reader, VIEW("a quoted local-part has characters that readers disagree on"));
		}
	}
	if (reader->count == AUTHORS_MOST) {
		return fault(reader, VIEW("it has more than 100 addresses"));
	}
	reader->mailboxes[reader->count++] = mailbox;
	return true;
}

/* The @ is in front, the local-part began at start. Takes the domain; the token after it is then in front. */
static bool take_address(struct reader *reader, size_t start)
{
	size_t end;
	do {
		end = reader->at;
		if (!next(reader)) {
			return false;
		}
	} while ((reader->token == TOKEN_ATOM || is_special(reader, '.')) && !reader->blank && !reader->comment);
	return add_address(reader, view_slice(reader->body, start, end - start));
}

/* The < is in front. Takes the address and the >; the token after it is then in front. */
static bool take_angle_address(struct reader *reader)
{
	size_t words = 0;
	bool whole = true;
	if (!next(reader)) {
		return false;
	}
	const size_t start = reader->start;
	if (reader->comment || is_special(reader, '@')) {
		return fault(reader,
		             reader->comment ? VIEW("a comment stands within an address") : VIEW("it has a source route"));
	}
	if (!take_words(reader, &words, &whole)) {
		return false;
	}
	if (words == 0 || !whole || !is_special(reader, '@')) {
		return fault(reader, VIEW("there is no address between the angle brackets"));
	}
	if (!take_address(reader, start)) {
		return false;
	}
	if (reader->comment || !is_special(reader, '>')) {
		return fault(reader, VIEW("something follows the address within the angle brackets"));
	}
	return next(reader);
}

/* One mailbox; or the name of a group: then *is_group, and its colon is in front. */
static bool take_mailbox(struct reader *reader, bool *is_group)
{
	const size_t start = reader->start;
	size_t words = 0;
	bool whole = true;
	*is_group = false;
	if (!take_words(reader, &words, &whole)) {
		return false;
	}
	if (is_special(reader, '<')) {
		return take_angle_address(reader);
	}
	if (words > 0 && is_special(reader, ':')) {
		*is_group = true;
		return true;
	}
	if (words == 0 || !is_special(reader, '@')) {
		return fault(reader, words > 0 ? VIEW("it has a name without an address") : VIEW("an address is missing"));
	}
	if (!whole) {
		return fault(reader, VIEW("a blank or comment stands within an address, or a name with @ is not quoted"));
	}
	return take_address(reader, start);
}

/* The colon is in front. RFC 5322 3.4: a group may be empty; it ends in a semicolon. */
static bool take_group(struct reader *reader)
{
	if (!next(reader)) {
		return false;
	}
	if (is_special(reader, ';')) {
		return next(reader);
	}
	for (;;) {
		bool is_group = false;
		if (!take_mailbox(reader, &is_group)) {
			return false;
		}
		if (is_special(reader, ';')) {
			return next(reader);
		}
		if (is_group || !is_special(reader, ',')) {
			return fault(reader, is_group ? VIEW("a group stands within a group")
			                              : VIEW("a group does not end in a semicolon"));
		}
		if (!next(reader)) {
			return false;
		}
	}
}

static bool take_list(struct reader *reader)
{
	while (next(reader)) {
		bool is_group = false;
		if (!take_mailbox(reader, &is_group) || (is_group && !take_group(reader))) {
			return false;
		}
		if (reader->token == TOKEN_END) {
			return true;
		}
		if (!is_special(reader, ',')) {
			return fault(reader, VIEW("something other than a comma follows an address"));
		}
	}
	return false;
}

/* No more addresses than commas allow; so that one From: does not cost the memory of AUTHORS_MOST. */
static size_t count_capacity(struct view body)
{
	size_t capacity = 1;
	for (size_t i = 0; i < body.length && capacity < AUTHORS_MOST; i++) {
		capacity += body.data[i] == ',';
	}
	return capacity;
}

enum author_result author_parse(struct view body, struct arena *arena, struct author_list *list, struct view *why)
{
	struct reader reader = { .body = body, .arena = arena, .capacity = count_capacity(body) };
	reader.mailboxes = ARENA_ARRAY(arena, struct mailbox, reader.capacity);
	const bool taken =
		mime_is_utf8(body) ? take_list(&reader) : fault(&reader, VIEW("it is neither ASCII nor UTF-8"));
	if (taken && encoded_words_hide(body)) {
		fault(&reader, VIEW("an encoded word hides an angle bracket or a control character"));
	}
	if (reader.why.length > 0) {
		*why = reader.why;
		return AUTHOR_UNCERTAIN;
	}
	*list = (struct author_list){ .mailboxes = reader.mailboxes, .count = reader.count };
	return AUTHOR_OK;
}

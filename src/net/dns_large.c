#include "net/dns_large.h"

#include "base/bytes.h"
#include "base/map.h"
#include "base/must.h"

enum { NAMES_MOST = 100000, MESSAGE_MOST = 65535, RECORD_OVERHEAD = 12, FALLBACK_TTL = 60 };

struct record {
	struct text text;
	uint16_t string_count;
};

struct set {
	struct record *records;
	size_t count, capacity;
	size_t size;     /* in a message, about */
	bool is_damaged; /* one of its lines could not be read */
};

struct dns_large {
	struct map sets;  /* name without the last dot, lower case -> struct set */
	struct map zones; /* such names too -> the map itself */
};

static void set_free(struct set *set)
{
	for (size_t i = 0; i < set->count; i++)
		text_deinit(&set->records[i].text);
	free(set->records);
	free(set);
}

struct dns_large *dns_large_new(uint64_t seed)
{
	struct dns_large *large = must_alloc(1, sizeof(*large));
	large->sets = (struct map)MAP_LIMIT(NAMES_MOST, seed);
	large->zones = (struct map)MAP_LIMIT(NAMES_MOST, seed);
	return large;
}

static void forget(struct dns_large *large, size_t most)
{
	size_t position = 0;
	struct view name;
	void *value;
	while (map_walk(&large->sets, &position, &name, &value)) {
		if (((struct set *)value)->size > most)
			continue;
		map_remove(&large->sets, name);
		set_free(value);
	}
}

void dns_large_end(struct dns_large *large)
{
	forget(large, MESSAGE_MOST - 512);
}

void dns_large_free(struct dns_large *large)
{
	if (large == NULL)
		return;
	forget(large, SIZE_MAX);
	map_deinit(&large->sets);
	map_deinit(&large->zones);
	free(large);
}

/* ---- a line */

static bool is_blank(char byte)
{
	return byte_is_blank(byte) || byte == '\r';
}

static void skip_blanks(struct view *rest)
{
	while (rest->length > 0 && is_blank(rest->data[0]))
		*rest = view_from(*rest, 1);
}

static struct view take_word(struct view *rest)
{
	size_t end = 0;
	skip_blanks(rest);
	while (end < rest->length && !is_blank(rest->data[end]) && rest->data[end] != ';' && rest->data[end] != '"')
		end++;
	const struct view word = view_first(*rest, end);
	*rest = view_from(*rest, end);
	return word;
}

/* RFC 1035 5.1: \DDD is an octet, \X is X. */
static bool take_escaped(struct view *rest, struct text *into)
{
	unsigned octet = 0;
	size_t digits = 0;
	*rest = view_from(*rest, 1);
	while (digits < 3 && digits < rest->length && rest->data[digits] >= '0' && rest->data[digits] <= '9')
		octet = octet * 10 + (unsigned)(rest->data[digits++] - '0');
	if (digits == 3 && octet <= 255) {
		*rest = view_from(*rest, 3);
		return text_add_byte(into, (char)octet);
	}
	if (digits > 0 || rest->length == 0)
		return false;
	const char byte = rest->data[0];
	*rest = view_from(*rest, 1);
	return text_add_byte(into, byte);
}

static bool take_string(struct view *rest, struct text *into)
{
	const bool quoted = rest->data[0] == '"';
	if (quoted)
		*rest = view_from(*rest, 1);
	while (rest->length > 0) {
		const char byte = rest->data[0];
		if (quoted ? byte == '"' : is_blank(byte) || byte == ';' || byte == '"')
			break;
		if (byte == '(' && !quoted)
			return false;
		if (byte == '\\') {
			if (!take_escaped(rest, into))
				return false;
			continue;
		}
		text_add_byte(into, byte);
		*rest = view_from(*rest, 1);
	}
	if (!quoted)
		return true;
	if (rest->length == 0)
		return false;
	*rest = view_from(*rest, 1);
	return true;
}

static bool take_strings(struct view rest, struct record *record)
{
	for (skip_blanks(&rest); rest.length > 0 && rest.data[0] != ';'; skip_blanks(&rest)) {
		if (!take_string(&rest, &record->text))
			return false;
		record->string_count++;
	}
	return record->string_count > 0 && !record->text.overflow;
}

/* What stands between the name and the data: time and class in any order, then the type. */
static bool is_txt(struct view *rest)
{
	for (unsigned i = 0; i < 3; i++) {
		const struct view word = take_word(rest);
		if (view_equal_nocase(word, VIEW("TXT")))
			return true;
		if (word.length == 0 || (!view_equal_nocase(word, VIEW("IN")) && (word.data[0] < '0' || word.data[0] > '9')))
			return false;
	}
	return false;
}

static struct set *set_of(struct dns_large *large, struct view name)
{
	struct set *set = map_get(&large->sets, name);
	bool full = false;
	if (set != NULL)
		return set;
	set = must_alloc(1, sizeof(*set));
	map_put(&large->sets, name, set, &full);
	if (!full)
		return set;
	free(set);
	return NULL;
}

static void add_record(struct dns_large *large, struct view name, struct view rest)
{
	struct record record = { .text = TEXT_LIMIT(MESSAGE_MOST) };
	struct set *set = set_of(large, name);
	if (set == NULL)
		return;
	if (!take_strings(rest, &record)) {
		text_deinit(&record.text);
		set->is_damaged = true;
		return;
	}
	if (set->count == set->capacity) {
		set->capacity = set->capacity == 0 ? 4 : set->capacity * 2;
		struct record *grown = must_alloc(set->capacity, sizeof(*grown));
		for (size_t i = 0; i < set->count; i++)
			grown[i] = set->records[i];
		free(set->records);
		set->records = grown;
	}
	set->records[set->count++] = record;
	set->size += RECORD_OVERHEAD + record.string_count + record.text.length;
}

/* ---- a zone */

static void add_lower(struct text *name, struct view word)
{
	for (size_t i = 0; i < word.length; i++)
		text_add_byte(name, byte_lower(word.data[i]));
}

static void absolute(struct view word, struct view origin, struct text *name)
{
	text_clear(name);
	if (view_ends(word, VIEW("."))) {
		add_lower(name, view_first(word, word.length - 1));
		return;
	}
	if (!view_equal(word, VIEW("@"))) {
		add_lower(name, word);
		if (origin.length > 1)
			text_add_byte(name, '.');
	}
	add_lower(name, view_ends(origin, VIEW(".")) ? view_first(origin, origin.length - 1) : origin);
}

void dns_large_add_zone(struct dns_large *large, struct view name, struct view content)
{
	struct text owner = TEXT_LIMIT(1024);
	struct view origin = name;
	struct view line;
	bool full = false;
	absolute(name, origin, &owner);
	map_put(&large->zones, text_view(&owner), large, &full);
	while (view_split(&content, '\n', &line)) {
		struct view rest = line;
		const bool has_owner = line.length > 0 && !is_blank(line.data[0]);
		const struct view word = has_owner ? take_word(&rest) : VIEW_NONE;
		if (view_equal_nocase(word, VIEW("$ORIGIN")))
			origin = take_word(&rest);
		if (has_owner && (word.length == 0 || word.data[0] == '$'))
			continue;
		if (has_owner)
			absolute(word, origin, &owner);
		if (is_txt(&rest) && !owner.overflow)
			add_record(large, text_view(&owner), rest);
	}
	text_deinit(&owner);
}

bool dns_large_has_zone_of(const struct dns_large *large, struct view name)
{
	struct text lower = TEXT_LIMIT(1024);
	add_lower(&lower, name);
	struct view rest = lower.overflow ? VIEW_NONE : text_view(&lower);
	while (rest.length > 0 && map_get(&large->zones, rest) == NULL) {
		const size_t dot = view_find_byte(rest, '.');
		rest = dot == VIEW_NOT_FOUND ? VIEW_NONE : view_from(rest, dot + 1);
	}
	text_deinit(&lower);
	return rest.length > 0;
}

bool dns_large_answer(const struct dns_large *large, struct view name, struct arena *arena, struct dns_answer *answer)
{
	struct text lower = TEXT_LIMIT(1024);
	add_lower(&lower, name);
	const struct set *set = lower.overflow ? NULL : map_get(&large->sets, text_view(&lower));
	text_deinit(&lower);
	if (set == NULL || set->is_damaged)
		return false;
	answer->status = DNS_FOUND;
	answer->detail = VIEW_NONE;
	answer->ttl = FALLBACK_TTL;
	answer->records = ARENA_ARRAY(arena, struct dns_record, set->count);
	answer->record_count = set->count;
	for (size_t i = 0; i < set->count; i++)
		answer->records[i] = (struct dns_record){ .data = arena_copy(arena, text_view(&set->records[i].text)),
			                                      .string_count = set->records[i].string_count };
	return true;
}

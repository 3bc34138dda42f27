#include "mail/dmarc.h"

enum { WALK_MOST = 8, TAGS_MOST = 64 };

static bool is_dmarc(struct view text)
{
	/* RFC 9989 4.7: the version comes first and is exact. */
	struct view part;
	if (!view_split(&text, ';', &part))
		return false;
	const size_t equals = view_find_byte(part, '=');
	return equals != VIEW_NOT_FOUND && view_equal(view_trim(view_first(part, equals)), VIEW("v")) &&
	       view_equal(view_trim(view_from(part, equals + 1)), VIEW("DMARC1"));
}

static bool read_policy(struct view value, enum dmarc_policy *policy)
{
	static const struct view names[] = { VIEW_INIT("none"), VIEW_INIT("quarantine"), VIEW_INIT("reject") };
	for (unsigned i = 0; i < 3; i++)
		if (view_equal_nocase(value, names[i])) {
			*policy = (enum dmarc_policy)i;
			return true;
		}
	return false;
}

static bool read_letter(struct view value, struct view allowed, char *letter)
{
	if (value.length != 1 || view_find_byte(allowed, byte_lower(value.data[0])) == VIEW_NOT_FOUND)
		return false;
	*letter = byte_lower(value.data[0]);
	return true;
}

struct seen_tags {
	bool p, sp, np;
};

static bool read_tag(struct view name, struct view value, struct dmarc_record *record, struct seen_tags *seen,
                     struct view *why)
{
	char letter = 'r';
	if (view_equal_nocase(name, VIEW("p"))) {
		*why = VIEW("p= must be none, quarantine or reject");
		seen->p = true;
		return read_policy(value, &record->policy);
	}
	if (view_equal_nocase(name, VIEW("sp"))) {
		*why = VIEW("sp= must be none, quarantine or reject");
		seen->sp = true;
		return read_policy(value, &record->subdomain_policy);
	}
	if (view_equal_nocase(name, VIEW("np"))) {
		*why = VIEW("np= must be none, quarantine or reject");
		seen->np = true;
		return read_policy(value, &record->absent_policy);
	}
	if (view_equal_nocase(name, VIEW("adkim")) || view_equal_nocase(name, VIEW("aspf"))) {
		*why = VIEW("adkim= and aspf= must be r or s");
		if (!read_letter(value, VIEW("rs"), &letter))
			return false;
		*(view_equal_nocase(name, VIEW("aspf")) ? &record->strict_spf : &record->strict_dkim) = letter == 's';
		return true;
	}
	if (view_equal_nocase(name, VIEW("psd"))) {
		*why = VIEW("psd= must be y, n or u");
		return read_letter(value, VIEW("ynu"), &record->public_suffix);
	}
	if (view_equal_nocase(name, VIEW("t"))) {
		*why = VIEW("t= must be y or n");
		const bool good = read_letter(value, VIEW("yn"), &letter);
		record->testing = good && letter == 'y';
		return good;
	}
	return true; /* unknown tags are ignored */
}

bool dmarc_parse(struct view text, struct dmarc_record *record, struct view *why)
{
	struct dmarc_record parsed = { .public_suffix = 'u' };
	struct seen_tags seen = { 0 };
	struct view part;
	unsigned count = 0;
	*why = VIEW("it does not begin with v=DMARC1");
	if (!is_dmarc(text))
		return false;
	view_split(&text, ';', &part);
	while (view_split(&text, ';', &part)) {
		part = view_trim(part);
		if (part.length == 0)
			continue;
		const size_t equals = view_find_byte(part, '=');
		*why = VIEW("not a list of tag=value");
		if (equals == VIEW_NOT_FOUND || ++count > TAGS_MOST)
			return false;
		if (!read_tag(view_trim(view_first(part, equals)), view_trim(view_from(part, equals + 1)), &parsed, &seen,
		              why))
			return false;
	}
	parsed.has_policy = seen.p;
	if (!seen.sp)
		parsed.subdomain_policy = parsed.policy;
	if (!seen.np)
		parsed.absent_policy = parsed.subdomain_policy;
	*record = parsed;
	return true;
}

/* What stands at _dmarc.NAME. */
static void look_at(const struct txt_lookup *lookup, struct view name, struct arena *arena,
                    struct dmarc_finding *finding)
{
	struct txt_answer answer = { 0 };
	const struct view place = arena_print(arena, "_dmarc.%.*s", VIEW_PRINT(name));
	*finding = (struct dmarc_finding){ .result = DMARC_MISSING, .name = place };
	lookup->txt(lookup->context, place, arena, &answer);
	if (answer.status == TXT_FAILED) {
		finding->result = DMARC_LATER;
		finding->detail = answer.detail;
		return;
	}
	for (size_t i = 0; i < answer.count; i++) {
		if (!is_dmarc(answer.texts[i])) {
			/* Something that was meant to be one is worth telling. */
			if (finding->text.data == NULL && view_find(answer.texts[i], VIEW("DMARC")) != VIEW_NOT_FOUND)
				finding->text = answer.texts[i];
			continue;
		}
		if (finding->result != DMARC_MISSING) {
			finding->result = DMARC_SEVERAL;
			return;
		}
		finding->text = answer.texts[i];
		finding->result =
			dmarc_parse(answer.texts[i], &finding->record, &finding->detail) ? DMARC_VALID : DMARC_BROKEN;
	}
	if (finding->result == DMARC_MISSING && finding->text.data != NULL) {
		finding->result = DMARC_BROKEN;
		finding->detail = VIEW("it does not begin with v=DMARC1");
	}
}

static size_t label_count(struct view name)
{
	size_t count = name.length > 0 ? 1 : 0;
	for (size_t i = 0; i < name.length; i++)
		count += name.data[i] == '.';
	return count;
}

static struct view parent_of(struct view name)
{
	const size_t dot = view_find_byte(name, '.');
	return dot == VIEW_NOT_FOUND ? VIEW_NONE : view_from(name, dot + 1);
}

void dmarc_find(const struct txt_lookup *lookup, struct view domain, struct arena *arena,
                struct dmarc_finding *finding)
{
	struct dmarc_finding above;
	look_at(lookup, domain, arena, finding);
	if (finding->result != DMARC_MISSING)
		return;
	/* RFC 9989 4.10: a long name is entered at its parent of seven labels. */
	struct view name = parent_of(domain);
	while (label_count(name) >= WALK_MOST)
		name = parent_of(name);
	for (unsigned asked = 1; asked < WALK_MOST && name.length > 0; asked++, name = parent_of(name)) {
		look_at(lookup, name, arena, &above);
		if (above.result == DMARC_MISSING)
			continue;
		if (above.result == DMARC_VALID || above.result == DMARC_LATER)
			*finding = above;
		return;
	}
}

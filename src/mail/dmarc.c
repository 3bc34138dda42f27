#include "mail/dmarc.h"

#include "mail/domain.h"

enum { WALK_MOST = 8, TAGS_MOST = 64 };

static bool is_dmarc(struct view text)
{
	/* RFC 9989 4.7, 4.8: the version comes first, and its value is exact; its name is not. */
	struct view part;
	if (!view_split(&text, ';', &part))
		return false;
	const size_t equals = view_find_byte(part, '=');
	return equals != VIEW_NOT_FOUND && view_equal_nocase(view_trim(view_first(part, equals)), VIEW("v")) &&
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

struct parsing {
	struct dmarc_record record;
	bool has_subdomain_policy;
	bool has_absent_policy;
	bool has_reports;         /* a rua with an address to use */
	bool repeats;             /* a tag that is read stands twice */
	unsigned seen;            /* a bit for each row of tags[] */
	struct view policy_fault; /* of p, sp or np */
};

static void fault(struct parsing *parsing, struct view why)
{
	if (parsing->record.warning.length == 0)
		parsing->record.warning = why;
}

static void tag_policy(struct parsing *parsing, struct view value)
{
	parsing->record.has_policy = true;
	if (!read_policy(value, &parsing->record.policy))
		parsing->policy_fault = VIEW("p= must be none, quarantine or reject");
}

static void tag_subdomain_policy(struct parsing *parsing, struct view value)
{
	parsing->has_subdomain_policy = true;
	if (!read_policy(value, &parsing->record.subdomain_policy))
		parsing->policy_fault = VIEW("sp= must be none, quarantine or reject");
}

static void tag_absent_policy(struct parsing *parsing, struct view value)
{
	parsing->has_absent_policy = true;
	if (!read_policy(value, &parsing->record.absent_policy))
		parsing->policy_fault = VIEW("np= must be none, quarantine or reject");
}

static void tag_strict_dkim(struct parsing *parsing, struct view value)
{
	char letter = 'r';
	if (!read_letter(value, VIEW("rs"), &letter))
		fault(parsing, VIEW("adkim= must be r or s"));
	parsing->record.strict_dkim = letter == 's';
}

static void tag_strict_spf(struct parsing *parsing, struct view value)
{
	char letter = 'r';
	if (!read_letter(value, VIEW("rs"), &letter))
		fault(parsing, VIEW("aspf= must be r or s"));
	parsing->record.strict_spf = letter == 's';
}

static void tag_public_suffix(struct parsing *parsing, struct view value)
{
	if (!read_letter(value, VIEW("ynu"), &parsing->record.public_suffix))
		fault(parsing, VIEW("psd= must be y, n or u"));
}

static void tag_testing(struct parsing *parsing, struct view value)
{
	char letter = 'n';
	if (!read_letter(value, VIEW("yn"), &letter))
		fault(parsing, VIEW("t= must be y or n"));
	parsing->record.testing = letter == 'y';
}

/* RFC 3986 3: a scheme, a colon, and something behind it. */
static bool is_uri(struct view text)
{
	const size_t colon = view_find_byte(text, ':');
	if (colon == VIEW_NOT_FOUND || colon == 0 || colon + 1 == text.length || !byte_is_alpha(text.data[0]))
		return false;
	for (size_t i = 0; i < text.length; i++)
		if (i < colon ? !byte_is_alnum(text.data[i]) && view_find_byte(VIEW("+-."), text.data[i]) == VIEW_NOT_FOUND
		              : !byte_is_print(text.data[i]) ||
		                    view_find_byte(VIEW(" \"<>\\^`{|}"), text.data[i]) != VIEW_NOT_FOUND)
			return false;
	return true;
}

static void tag_reports(struct parsing *parsing, struct view value)
{
	struct view address;
	while (view_split(&value, ',', &address)) {
		address = view_trim(address);
		const size_t at = view_find_byte(address, '@');
		const bool is_mail = view_starts_nocase(address, VIEW("mailto:"));
		const bool good = is_uri(address) && (!is_mail || (at != VIEW_NOT_FOUND && at + 1 < address.length));
		/* Any URI will do (RFC 9989 4.7); mail is what everybody knows. */
		parsing->has_reports = parsing->has_reports || good;
		if (!good || !is_mail)
			fault(parsing, VIEW("rua= must list addresses as mailto:NAME@DOMAIN"));
	}
}

static const struct tag {
	struct view name;
	void (*read)(struct parsing *parsing, struct view value);
} tags[] = {
	{ VIEW_INIT("p"), tag_policy },         { VIEW_INIT("sp"), tag_subdomain_policy },
	{ VIEW_INIT("np"), tag_absent_policy }, { VIEW_INIT("adkim"), tag_strict_dkim },
	{ VIEW_INIT("aspf"), tag_strict_spf },  { VIEW_INIT("psd"), tag_public_suffix },
	{ VIEW_INIT("t"), tag_testing },        { VIEW_INIT("rua"), tag_reports },
};

static void read_tag(struct parsing *parsing, struct view text)
{
	const size_t equals = view_find_byte(text, '=');
	if (equals == VIEW_NOT_FOUND) {
		fault(parsing, VIEW("it is not a list of tag=value"));
		return;
	}
	const struct view name = view_trim(view_first(text, equals));
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (view_equal_nocase(name, tags[i].name)) {
			parsing->repeats = parsing->repeats || (parsing->seen & 1u << i) != 0;
			parsing->seen |= 1u << i;
			tags[i].read(parsing, view_trim(view_from(text, equals + 1)));
		}
}

static void policy_is_none(struct dmarc_record *record)
{
	record->policy = DMARC_NONE;
	record->subdomain_policy = DMARC_NONE;
	record->absent_policy = DMARC_NONE;
}

/* RFC 9989 4.10.1: without a policy that can be read, but somewhere to report to, the record is p=none. */
static bool policy_stands(struct parsing *parsing, struct view *why)
{
	struct dmarc_record *record = &parsing->record;
	record->applies = record->has_policy || parsing->has_reports;
	if (parsing->policy_fault.length > 0) {
		*why = parsing->policy_fault;
		if (!parsing->has_reports)
			return false;
		fault(parsing, parsing->policy_fault);
		policy_is_none(record);
		return true;
	}
	if (!record->has_policy) {
		policy_is_none(record);
		return true;
	}
	if (!parsing->has_subdomain_policy)
		record->subdomain_policy = record->policy;
	if (!parsing->has_absent_policy)
		record->absent_policy = record->subdomain_policy;
	return true;
}

enum reading {
	READ_NOTHING, /* it is no list of DMARC's tags, and counts as if it were not there */
	READ_VOID,    /* it is, but its policy cannot be read */
	READ_VALID,
};

static enum reading read_record(struct view text, struct dmarc_record *record, struct view *why)
{
	struct parsing parsing = { .record = { .public_suffix = 'u' } };
	struct view part;
	unsigned count = 0;
	if (!is_dmarc(text)) {
		*why = VIEW("it does not begin with v=DMARC1");
		return READ_NOTHING;
	}
	view_split(&text, ';', &part);
	while (count < TAGS_MOST && view_split(&text, ';', &part)) {
		part = view_trim(part);
		count += part.length > 0;
		if (part.length > 0)
			read_tag(&parsing, part);
	}
	if (parsing.repeats) { /* RFC 9989 4.7: a list of tags as RFC 6376 3.2 has it */
		*why = VIEW("a tag stands twice in it");
		return READ_NOTHING;
	}
	const bool stands = policy_stands(&parsing, why);
	*record = parsing.record;
	return stands ? READ_VALID : READ_VOID;
}

bool dmarc_parse(struct view text, struct dmarc_record *record, struct view *why)
{
	struct dmarc_record parsed;
	const bool good = read_record(text, &parsed, why) == READ_VALID;
	if (good)
		*record = parsed;
	return good;
}

/* Of several the valid and strictest one. */
static void find_keeper(struct dmarc_finding *finding)
{
	enum dmarc_policy strictest = DMARC_NONE;
	for (size_t i = 0; i < finding->text_count; i++) {
		struct dmarc_record record;
		struct view why;
		if (!dmarc_parse(finding->texts[i], &record, &why) ||
		    (finding->keep.length > 0 && record.policy <= strictest))
			continue;
		finding->keep = finding->texts[i];
		strictest = record.policy;
	}
}

/* What stands at _dmarc.NAME. */
void dmarc_look_at(const struct txt_lookup *lookup, struct view name, struct arena *arena,
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
	struct view meant = VIEW_NONE;
	for (size_t i = 0; i < answer.count; i++)
		if (is_dmarc(answer.texts[i]) && finding->text_count < DMARC_TEXTS_MOST)
			finding->texts[finding->text_count++] = answer.texts[i];
		else if (meant.length == 0 && dmarc_is_meant(answer.texts[i]))
			meant = answer.texts[i];
	/* Something that was meant to be one is worth telling. */
	finding->text = finding->text_count > 0 ? finding->texts[0] : meant;
	if (finding->text_count > 1) {
		finding->result = DMARC_SEVERAL;
		find_keeper(finding);
	} else if (finding->text_count == 1) {
		const enum reading reading = read_record(finding->text, &finding->record, &finding->detail);
		finding->result = reading == READ_VALID ? DMARC_VALID : DMARC_BROKEN;
		finding->is_void = reading == READ_VOID;
		if (finding->result == DMARC_VALID)
			finding->detail = finding->record.warning;
		else if (dmarc_has_typography(finding->text))
			finding->detail = dmarc_mistake(finding->text);
	} else if (meant.length > 0) {
		finding->texts[finding->text_count++] = meant;
	}
}

/* Nothing that a reader would take: the walk goes on. */
static bool counts_as_none(const struct dmarc_finding *finding)
{
	return finding->result == DMARC_MISSING || finding->result == DMARC_SEVERAL;
}

static void prefer(struct dmarc_finding *finding, const struct dmarc_finding *above, struct arena *arena)
{
	const bool warns = finding->result == DMARC_SEVERAL || finding->text.length > 0;
	const struct view below = finding->name;
	*finding = *above;
	if (warns && finding->result == DMARC_VALID)
		finding->detail = arena_print(arena, "what stands at %.*s counts as nothing", VIEW_PRINT(below));
}

void dmarc_find(const struct txt_lookup *lookup, struct view domain, struct arena *arena,
                struct dmarc_finding *finding)
{
	struct dmarc_finding above = { 0 };
	dmarc_look_at(lookup, domain, arena, finding);
	/* RFC 9989 4.10: a long name is entered at its parent of seven labels. */
	struct view name = name_parent(domain);
	while (name_label_count(name) >= WALK_MOST)
		name = name_parent(name);
	for (unsigned asked = 1; counts_as_none(finding) && asked < WALK_MOST && name.length > 0; asked++) {
		dmarc_look_at(lookup, name, arena, &above);
		if (above.result == DMARC_VALID || above.result == DMARC_LATER) {
			prefer(finding, &above, arena);
			return;
		}
		/* Another's broken record hides nothing, unless it says that the tree ends there. */
		if (above.is_void && above.record.public_suffix != 'u')
			break;
		name = name_parent(name);
	}
	if (finding->result == DMARC_MISSING && finding->text.length > 0) {
		finding->result = DMARC_BROKEN;
		finding->detail = dmarc_mistake(finding->text);
	}
}

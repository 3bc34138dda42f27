#include "mail/dmarc_check.h"

#include "mail/domain.h"

enum { WALK_MOST = 8 };

static const char *const conclusion_names[] = {
	[DMARC_PASS] = "pass",
	[DMARC_FAIL] = "fail",
	[DMARC_NO_POLICY] = "none",
	[DMARC_TEMPERROR] = "temperror",
};

const char *dmarc_conclusion_name(enum dmarc_conclusion conclusion)
{
	return conclusion_names[conclusion];
}

const char *dmarc_policy_name(enum dmarc_policy policy)
{
	static const char *const names[] = {
		[DMARC_NONE] = "none",
		[DMARC_QUARANTINE] = "quarantine",
		[DMARC_REJECT] = "reject",
	};
	return names[policy];
}

/* ---- the tree walk (RFC 9989 4.10) */

struct walk {
	struct view names[WALK_MOST]; /* the longest first, those with a record alone */
	struct dmarc_finding records[WALK_MOST];
	size_t count;
	struct view start;
	struct view failure; /* not empty: DNS failed, and what is above that name is not known */
};

static void walk_up(const struct txt_lookup *lookup, struct view start, struct arena *arena, struct walk *walk)
{
	struct view name = start;
	*walk = (struct walk){ .start = start };
	for (unsigned asked = 0; asked < WALK_MOST && name.length > 0; asked++) {
		struct dmarc_finding finding;
		dmarc_look_at(lookup, name, arena, &finding);
		if (finding.result == DMARC_LATER) {
			walk->failure = arena_print(arena, "%.*s: %.*s", VIEW_PRINT(finding.name), VIEW_PRINT(finding.detail));
			return;
		}
		if (finding.result == DMARC_VALID || finding.is_void) {
			walk->names[walk->count] = name;
			walk->records[walk->count++] = finding;
			/* RFC 9989 4.10, steps 2 and 6: what says of itself where the tree ends needs no further look. */
			if (finding.record.public_suffix != 'u')
				return;
		}
		name = name_parent(name);
		/* A long name is gone on with at its parent of seven labels. */
		while (name_label_count(name) >= WALK_MOST)
			name = name_parent(name);
	}
}

/* The name on the way from start that has one label more than above. */
static struct view one_below(struct view start, struct view above)
{
	struct view name = start;
	while (name_label_count(name) > name_label_count(above) + 1)
		name = name_parent(name);
	return name;
}

static struct view organizational_of(const struct walk *walk)
{
	for (size_t i = 0; i < walk->count; i++) {
		if (walk->records[i].record.public_suffix == 'n')
			return walk->names[i];
		if (walk->records[i].record.public_suffix == 'y' && walk->names[i].length < walk->start.length)
			return one_below(walk->start, walk->names[i]);
	}
	return walk->count > 0 ? walk->names[walk->count - 1] : walk->start;
}

/* ---- the policy: the author's own record, else its organizational domain's, else the public suffix's */

static const struct dmarc_finding *record_of(const struct walk *walk, struct view name)
{
	for (size_t i = 0; i < walk->count; i++)
		if (view_equal(walk->names[i], name))
			return &walk->records[i];
	return NULL;
}

static const struct dmarc_finding *policy_record(const struct walk *walk, struct view organizational)
{
	const struct dmarc_finding *own = record_of(walk, walk->start);
	if (own != NULL)
		return own;
	const struct dmarc_finding *above = record_of(walk, organizational);
	if (above != NULL)
		return above;
	return walk->count > 0 && walk->records[walk->count - 1].record.public_suffix == 'y'
	           ? &walk->records[walk->count - 1]
	           : NULL;
}

/* RFC 9989 appendix A.4: whatever stands at a name makes it exist, an alias too. */
static enum txt_status existence(const struct txt_lookup *lookup, struct view name, struct arena *arena,
                                 struct view *why)
{
	struct txt_answer answer = { 0 };
	lookup->txt(lookup->context, name, arena, &answer);
	if (answer.status == TXT_FAILED)
		*why = arena_print(arena, "%.*s: %.*s", VIEW_PRINT(name), VIEW_PRINT(answer.detail));
	if (answer.status == TXT_NONE && answer.no_such_name && !answer.through_alias)
		return TXT_NONE;
	return answer.status == TXT_FAILED ? TXT_FAILED : TXT_FOUND;
}

/* RFC 9989 4.7: testing makes it one step weaker. */
static enum dmarc_policy weaker(enum dmarc_policy policy)
{
	return policy == DMARC_REJECT ? DMARC_QUARANTINE : DMARC_NONE;
}

/* ---- alignment */

struct aligning {
	const struct txt_lookup *lookup;
	struct arena *arena;
	struct view author, organizational;
	struct view unknown; /* not empty: why the organizational domain is not known */
	struct view failure; /* of a look-up that an identifier's alignment hangs on */
};

static struct view last_label(struct view name)
{
	const size_t dot = view_find_last_byte(name, '.');
	return dot == VIEW_NOT_FOUND ? name : view_from(name, dot + 1);
}

/* Same as or below. */
static bool is_within(struct view name, struct view above)
{
	return view_ends(name, above) &&
	       (name.length == above.length || name.data[name.length - above.length - 1] == '.');
}

static bool is_aligned(struct aligning *aligning, struct view identifier, bool strict)
{
	struct walk walk;
	if (identifier.length == 0 || strict || view_equal(identifier, aligning->author))
		return identifier.length > 0 && view_equal(identifier, aligning->author);
	if (aligning->unknown.length > 0) {
		if (view_equal(last_label(identifier), last_label(aligning->author)))
			aligning->failure = aligning->unknown;
		return false;
	}
	/* A name's organizational domain is the name itself or above it. */
	if (!is_within(identifier, aligning->organizational))
		return false;
	walk_up(aligning->lookup, identifier, aligning->arena, &walk);
	if (walk.failure.length > 0) {
		aligning->failure = walk.failure;
		return false;
	}
	return view_equal(organizational_of(&walk), aligning->organizational);
}

/* ---- all of it */

/* What the author's policy is; the reason why it cannot be told, or empty. */
static struct view choose_policy(const struct txt_lookup *lookup, struct view author, bool is_own,
                                 struct arena *arena, struct dmarc_evaluation *evaluation)
{
	const struct dmarc_record *record = &evaluation->tags;
	struct view why = VIEW_NONE;
	evaluation->policy_tag = is_own ? "p" : "sp";
	evaluation->policy = is_own ? record->policy : record->subdomain_policy;
	if (!is_own && record->absent_policy != record->subdomain_policy &&
	    existence(lookup, author, arena, &why) == TXT_NONE) {
		evaluation->policy_tag = "np";
		evaluation->policy = record->absent_policy;
	}
	evaluation->applied = record->testing ? weaker(evaluation->policy) : evaluation->policy;
	return why;
}

static void align(struct aligning *aligning, const struct dmarc_identifiers *identifiers,
                  struct dmarc_evaluation *evaluation)
{
	const struct dmarc_record *record = &evaluation->tags;
	evaluation->spf_aligned = is_aligned(aligning, identifiers->spf, record->strict_spf);
	for (size_t i = 0; i < identifiers->dkim_count && !evaluation->dkim_aligned; i++)
		evaluation->dkim_aligned = is_aligned(aligning, identifiers->dkim[i], record->strict_dkim);
}

void dmarc_evaluate(const struct txt_lookup *lookup, const struct dmarc_identifiers *identifiers, struct arena *arena,
                    struct dmarc_evaluation *evaluation)
{
	struct walk walk;
	*evaluation = (struct dmarc_evaluation){ .conclusion = DMARC_TEMPERROR, .tags = { .public_suffix = 'u' } };
	walk_up(lookup, identifiers->author, arena, &walk);
	const struct dmarc_finding *own = record_of(&walk, walk.start);
	if (walk.failure.length > 0 && own == NULL) {
		evaluation->detail = walk.failure;
		return;
	}
	/* RFC 9989 4.10.2: where the names are equal the author's domain stands for the organizational domain. */
	evaluation->organizational = walk.failure.length > 0 ? walk.start : organizational_of(&walk);
	struct aligning aligning = { .lookup = lookup,
		                         .arena = arena,
		                         .author = identifiers->author,
		                         .organizational = evaluation->organizational,
		                         .unknown = walk.failure };
	const struct dmarc_finding *found = policy_record(&walk, evaluation->organizational);
	struct view untold = VIEW_NONE;
	if (found != NULL) {
		evaluation->record_name = found->name;
		evaluation->record = found->text;
		evaluation->tags = found->record;
		evaluation->detail = found->detail;
	}
	const bool applies = found != NULL && found->result == DMARC_VALID && found->record.applies;
	if (applies)
		untold = choose_policy(lookup, identifiers->author, found == own, arena, evaluation);
	else if (found != NULL && found->result == DMARC_VALID)
		evaluation->detail = VIEW("without p= and rua= it asks for nothing");
	align(&aligning, identifiers, evaluation);
	if (!applies) {
		evaluation->conclusion = DMARC_NO_POLICY;
	} else if (evaluation->spf_aligned || evaluation->dkim_aligned) {
		evaluation->conclusion = DMARC_PASS;
	} else if (aligning.failure.length > 0 || untold.length > 0) {
		evaluation->detail = aligning.failure.length > 0 ? aligning.failure : untold;
	} else {
		evaluation->conclusion = DMARC_FAIL;
	}
}

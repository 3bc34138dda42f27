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
	struct view names[WALK_MOST]; /* the longest first, those with a valid record alone */
	struct dmarc_finding records[WALK_MOST];
	size_t count;
	struct view start;
	struct view failure; /* not empty: DNS failed */
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
		if (finding.result == DMARC_VALID) {
			walk->names[walk->count] = name;
			walk->records[walk->count++] = finding;
			/* What says of itself where the tree ends needs no further look. */
			if (finding.record.public_suffix == 'n' ||
			    (finding.record.public_suffix == 'y' && name.length < start.length))
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

static bool exists(const struct txt_lookup *lookup, struct view name, struct arena *arena)
{
	struct txt_answer answer = { 0 };
	lookup->txt(lookup->context, name, arena, &answer);
	return !(answer.status == TXT_NONE && answer.no_such_name);
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
	struct view failure;
};

static bool is_aligned(struct aligning *aligning, struct view identifier, bool strict)
{
	struct walk walk;
	if (view_equal(identifier, aligning->author))
		return true;
	if (strict || identifier.length == 0)
		return false;
	walk_up(aligning->lookup, identifier, aligning->arena, &walk);
	if (walk.failure.length > 0) {
		aligning->failure = walk.failure;
		return false;
	}
	return view_equal(organizational_of(&walk), aligning->organizational);
}

void dmarc_evaluate(const struct txt_lookup *lookup, const struct dmarc_identifiers *identifiers, struct arena *arena,
                    struct dmarc_evaluation *evaluation)
{
	struct walk walk;
	*evaluation = (struct dmarc_evaluation){ .conclusion = DMARC_TEMPERROR };
	walk_up(lookup, identifiers->author, arena, &walk);
	if (walk.failure.length > 0) {
		evaluation->detail = walk.failure;
		return;
	}
	evaluation->organizational = organizational_of(&walk);
	static const struct dmarc_finding none = { 0 }; /* alignment is relaxed then */
	const struct dmarc_finding *found = policy_record(&walk, evaluation->organizational);
	const bool has_policy = found != NULL;
	found = has_policy ? found : &none;
	const struct dmarc_record *record = &found->record;
	evaluation->record_name = found->name;
	evaluation->record = found->text;
	if (!has_policy || found == record_of(&walk, walk.start))
		evaluation->policy = record->policy;
	else
		evaluation->policy = exists(lookup, walk.start, arena) ? record->subdomain_policy : record->absent_policy;
	evaluation->applied = record->testing ? weaker(evaluation->policy) : evaluation->policy;
	struct aligning aligning = { lookup, arena, identifiers->author, evaluation->organizational, VIEW_NONE };
	evaluation->spf_aligned =
		identifiers->spf.length > 0 && is_aligned(&aligning, identifiers->spf, record->strict_spf);
	for (size_t i = 0; i < identifiers->dkim_count && !evaluation->dkim_aligned; i++)
		evaluation->dkim_aligned = is_aligned(&aligning, identifiers->dkim[i], record->strict_dkim);
	if (!has_policy)
		evaluation->conclusion = DMARC_NO_POLICY;
	else if (evaluation->spf_aligned || evaluation->dkim_aligned)
		evaluation->conclusion = DMARC_PASS;
	else if (aligning.failure.length > 0)
		evaluation->detail = aligning.failure;
	else
		evaluation->conclusion = DMARC_FAIL;
}

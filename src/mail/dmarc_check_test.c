#include "mail/dmarc_check.h"

#include "base/testing.h"

/* A zone as lines "NAME TEXT"; "!": the look-up fails; a name that begins no line, nor ends one after a dot, does not
 * exist. */
static void look_up(void *context, struct view name, struct arena *arena, struct txt_answer *answer)
{
	struct view rest = view_of(context);
	struct view line;
	bool is_there = false;
	*answer = (struct txt_answer){ .status = TXT_NONE, .texts = ARENA_ARRAY(arena, struct view, 8) };
	while (view_split(&rest, '\n', &line)) {
		struct view owner = VIEW_NONE;
		view_split(&line, ' ', &owner);
		is_there =
			is_there || view_equal(owner, name) || view_ends(owner, arena_print(arena, ".%.*s", VIEW_PRINT(name)));
		if (!view_equal(owner, name) || line.data == NULL)
			continue;
		answer->status = view_equal(line, VIEW("!")) ? TXT_FAILED : TXT_FOUND;
		answer->texts[answer->count++] = line;
	}
	answer->no_such_name = !is_there;
}

static const struct evaluation_case {
	const char *name;
	const char *zone;
	const char *author, *spf, *dkim;
	enum dmarc_conclusion conclusion;
	const char *organizational;
	enum dmarc_policy policy, applied;
	const char *tag, *record_at; /* NULL: either way */
	const char *aligned;         /* "spf dkim", a part of it, or NULL: either way */
} evaluation_cases[] = {
	{ "no record anywhere", "", "a.example.com", "a.example.com", "", DMARC_NO_POLICY, "a.example.com", 0, 0 },
	{ "its own record, SPF", "_dmarc.example.com v=DMARC1; p=reject", "example.com", "example.com", "", DMARC_PASS,
	  "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "its own record, DKIM", "_dmarc.example.com v=DMARC1; p=reject", "example.com", "bounce.example.net",
	  "example.com", DMARC_PASS, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "nothing aligned", "_dmarc.example.com v=DMARC1; p=reject\n_dmarc.example.net v=DMARC1", "example.com",
	  "example.net", "mail.example.net", DMARC_FAIL, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "nothing passed", "_dmarc.example.com v=DMARC1; p=none", "example.com", "", "", DMARC_FAIL, "example.com",
	  DMARC_NONE, DMARC_NONE },
	{ "relaxed: a sub-domain of the same organization", "_dmarc.example.com v=DMARC1; p=reject", "example.com",
	  "bounce.example.com", "", DMARC_PASS, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "relaxed: two sub-domains", "_dmarc.example.com v=DMARC1; p=reject; sp=quarantine\na.example.com x",
	  "a.example.com", "b.example.com", "", DMARC_PASS, "example.com", DMARC_QUARANTINE, DMARC_QUARANTINE },
	{ "strict SPF", "_dmarc.example.com v=DMARC1; p=reject; aspf=s", "example.com", "bounce.example.com", "",
	  DMARC_FAIL, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "strict DKIM", "_dmarc.example.com v=DMARC1; p=reject; adkim=s", "example.com", "", "mail.example.com",
	  DMARC_FAIL, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "a sub-domain that is not there", "_dmarc.example.com v=DMARC1; p=none; sp=quarantine; np=reject",
	  "no.example.com", "", "", DMARC_FAIL, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "a sub-domain that is there",
	  "_dmarc.example.com v=DMARC1; p=none; sp=quarantine; np=reject\nyes.example.com x", "yes.example.com", "", "",
	  DMARC_FAIL, "example.com", DMARC_QUARANTINE, DMARC_QUARANTINE },
	{ "testing", "_dmarc.example.com v=DMARC1; p=reject; t=y", "example.com", "", "", DMARC_FAIL, "example.com",
	  DMARC_REJECT, DMARC_QUARANTINE },
	{ "testing a quarantine", "_dmarc.example.com v=DMARC1; p=quarantine; t=y", "example.com", "", "", DMARC_FAIL,
	  "example.com", DMARC_QUARANTINE, DMARC_NONE },
	{ "without p", "_dmarc.example.com v=DMARC1; rua=mailto:a@example.com", "example.com", "", "", DMARC_FAIL,
	  "example.com", DMARC_NONE, DMARC_NONE },
	{ "the fewest labels win", "_dmarc.a.b.example.com v=DMARC1; p=none\n_dmarc.example.com v=DMARC1; p=reject",
	  "a.b.example.com", "example.com", "", DMARC_PASS, "example.com", DMARC_NONE, DMARC_NONE },
	{ "psd=n ends the tree", "_dmarc.b.example.com v=DMARC1; p=reject; psd=n\n_dmarc.example.com v=DMARC1; p=none",
	  "a.b.example.com", "example.com", "", DMARC_FAIL, "b.example.com", DMARC_REJECT, DMARC_REJECT },
	{ "psd=y: one label below", "_dmarc.co.example v=DMARC1; p=reject; psd=y\nbank.co.example x", "bank.co.example",
	  "other.co.example", "", DMARC_FAIL, "bank.co.example", DMARC_REJECT, DMARC_REJECT },
	{ "psd=y: several labels below", "_dmarc.co.example v=DMARC1; p=reject; psd=y\nmail.bank.co.example x",
	  "mail.bank.co.example", "bank.co.example", "", DMARC_PASS, "bank.co.example", DMARC_REJECT, DMARC_REJECT },
	{ "a public suffix as an author", "_dmarc.co.example v=DMARC1; p=reject; psd=y", "co.example", "co.example", "",
	  DMARC_PASS, "co.example", DMARC_REJECT, DMARC_REJECT },
	{ "two records are none", "_dmarc.example.com v=DMARC1; p=reject\n_dmarc.example.com v=DMARC1; p=none",
	  "example.com", "example.com", "", DMARC_NO_POLICY, "example.com", 0, 0 },
	{ "a long name is entered at seven labels",
	  "_dmarc.d.e.f.g.h.example.com v=DMARC1; p=reject\n_dmarc.c.d.e.f.g.h.example.com v=DMARC1; p=none",
	  "a.b.c.d.e.f.g.h.example.com", "d.e.f.g.h.example.com", "", DMARC_PASS, "d.e.f.g.h.example.com", DMARC_REJECT,
	  DMARC_REJECT },
	{ "DNS fails on the way", "_dmarc.com !", "example.com", "example.com", "", DMARC_TEMPERROR, "", 0, 0 },
	{ "DNS fails for an identifier that decides nothing",
	  "_dmarc.example.com v=DMARC1; p=reject\n_dmarc.example.net !", "example.com", "example.com", "example.net",
	  DMARC_PASS, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "DNS fails for an identifier that decides", "_dmarc.example.com v=DMARC1; p=reject\n_dmarc.mail.example.com !",
	  "example.com", "mail.example.com", "", DMARC_TEMPERROR, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "DNS fails for an identifier of somebody else", "_dmarc.example.com v=DMARC1; p=reject\n_dmarc.example.net !",
	  "example.com", "example.net", "", DMARC_FAIL, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "DNS fails for one of two identifiers", "_dmarc.example.com v=DMARC1; p=reject\n_dmarc.mail.example.com !",
	  "example.com", "bounce.example.com", "mail.example.com", DMARC_PASS, "example.com", DMARC_REJECT,
	  DMARC_REJECT },
	{ "DNS fails above the author's record, equal names", "_dmarc.example.com v=DMARC1; p=reject\n_dmarc.com !",
	  "example.com", "", "example.com", DMARC_PASS, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "DNS fails above the author's record, other names", "_dmarc.example.com v=DMARC1; p=reject\n_dmarc.com !",
	  "example.com", "", "mail.example.com", DMARC_TEMPERROR, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "DNS fails above the author's record, a name that has nothing in common",
	  "_dmarc.example.com v=DMARC1; p=reject\n_dmarc.com !", "example.com", "", "example.net", DMARC_FAIL,
	  "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "DNS fails above the author's record, strict alignment",
	  "_dmarc.example.com v=DMARC1; p=reject; adkim=s\n_dmarc.com !", "example.com", "", "mail.example.com",
	  DMARC_FAIL, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "DNS fails between the author and a record", "_dmarc.mail.example.com !\n_dmarc.example.com v=DMARC1; p=reject",
	  "a.mail.example.com", "example.com", "", DMARC_TEMPERROR, "", 0, 0 },
	{ "DNS does not say whether the author exists",
	  "_dmarc.example.com v=DMARC1; p=reject; sp=none; np=quarantine\nsub.example.com !", "sub.example.com", "", "",
	  DMARC_TEMPERROR, "example.com", DMARC_NONE, DMARC_NONE },
	{ "DNS does not say whether the author exists, which changes nothing",
	  "_dmarc.example.com v=DMARC1; p=reject; sp=none\nsub.example.com !", "sub.example.com", "", "", DMARC_FAIL,
	  "example.com", DMARC_NONE, DMARC_NONE },
	{ "DNS does not say whether the author exists, but it passes",
	  "_dmarc.example.com v=DMARC1; p=reject; np=none\nsub.example.com !", "sub.example.com", "example.com", "",
	  DMARC_PASS, "example.com", DMARC_REJECT, DMARC_REJECT },

	/* RFC 9989 4.10, 4.10.1, 4.10.2 */
	{ "psd=y where the walk begins ends it",
	  "_dmarc.co.example v=DMARC1; p=reject; psd=y\n_dmarc.example v=DMARC1; p=none", "co.example", "", "",
	  DMARC_FAIL, "co.example", DMARC_REJECT, DMARC_REJECT, "p", "_dmarc.co.example" },
	{ "psd=n where the walk begins ends it",
	  "_dmarc.mail.example.com v=DMARC1; p=reject; psd=n\n_dmarc.example.com v=DMARC1; p=none", "mail.example.com",
	  "example.com", "", DMARC_FAIL, "mail.example.com", DMARC_REJECT, DMARC_REJECT, "p", "_dmarc.mail.example.com" },
	{ "a public suffix's registrants are strangers to each other and to it",
	  "_dmarc.bank.example v=DMARC1; p=reject; psd=y", "giant.bank.example", "bank.example", "mega.bank.example",
	  DMARC_FAIL, "giant.bank.example", DMARC_REJECT, DMARC_REJECT, "sp", "_dmarc.bank.example" },
	{ "a public suffix's own mail, from below", "_dmarc.bank.example v=DMARC1; p=reject; sp=none; psd=y",
	  "bank.example", "mail.bank.example", "", DMARC_FAIL, "bank.example", DMARC_REJECT, DMARC_REJECT, "p" },
	{ "psd=y with np, a registrant that is not there",
	  "_dmarc.gov.example v=DMARC1; p=reject; sp=none; np=reject; psd=y", "fake.gov.example", "", "", DMARC_FAIL,
	  "fake.gov.example", DMARC_REJECT, DMARC_REJECT, "np", "_dmarc.gov.example" },
	{ "a public suffix's record beside the organization's own",
	  "_dmarc.example v=DMARC1; p=reject; psd=y\n_dmarc.foo.example v=DMARC1; p=none", "foo.example", "", "",
	  DMARC_FAIL, "foo.example", DMARC_NONE, DMARC_NONE, "p", "_dmarc.foo.example" },
	{ "a single label with a record", "_dmarc.example v=DMARC1; p=reject; psd=y", "example", "example", "",
	  DMARC_PASS, "example", DMARC_REJECT, DMARC_REJECT, "p", "_dmarc.example" },
	{ "a registry without psd", "_dmarc.com v=DMARC1; p=reject", "a.example.com", "b.example.com", "", DMARC_PASS,
	  "com", DMARC_REJECT, DMARC_REJECT, "sp", "_dmarc.com" },
	{ "psd=u said", "_dmarc.b.example.com v=DMARC1; p=none; psd=u\n_dmarc.example.com v=DMARC1; p=reject",
	  "a.b.example.com", "", "", DMARC_FAIL, "example.com", DMARC_REJECT, DMARC_REJECT, "sp", "_dmarc.example.com" },
	{ "the record between is not asked",
	  "_dmarc.b.example.com v=DMARC1; p=none\n_dmarc.example.com v=DMARC1; p=reject", "a.b.example.com", "", "",
	  DMARC_FAIL, "example.com", DMARC_REJECT, DMARC_REJECT, "sp", "_dmarc.example.com" },
	{ "no record above the author's", "_dmarc.mail.example.com v=DMARC1; p=reject", "mail.example.com",
	  "bounce.example.com", "example.com", DMARC_FAIL, "mail.example.com", DMARC_REJECT, DMARC_REJECT },
	{ "several records at the author's are none, the walk goes on",
	  "_dmarc.mail.example.com v=DMARC1; p=reject\n_dmarc.mail.example.com v=DMARC1; p=reject\n"
	  "_dmarc.example.com v=DMARC1; p=none; sp=quarantine",
	  "mail.example.com", "", "", DMARC_FAIL, "example.com", DMARC_QUARANTINE, DMARC_QUARANTINE, "sp",
	  "_dmarc.example.com" },
	{ "several records on the way, one with psd=n",
	  "_dmarc.b.example.com v=DMARC1; p=reject; psd=n\n_dmarc.b.example.com v=DMARC1; p=none\n"
	  "_dmarc.example.com v=DMARC1; p=quarantine",
	  "a.b.example.com", "", "", DMARC_FAIL, "example.com", DMARC_QUARANTINE, DMARC_QUARANTINE },
	{ "other TXT at the author's",
	  "_dmarc.mail.example.com v=DMARC2; p=reject\n_dmarc.mail.example.com hello\n_dmarc.example.com v=DMARC1; "
	  "p=reject",
	  "mail.example.com", "example.com", "", DMARC_PASS, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "eight labels: the next is the parent",
	  "_dmarc.b.c.d.e.f.example.com v=DMARC1; p=reject; psd=n\n_dmarc.c.d.e.f.example.com v=DMARC1; psd=n; p=none",
	  "a.b.c.d.e.f.example.com", "b.c.d.e.f.example.com", "", DMARC_PASS, "b.c.d.e.f.example.com", DMARC_REJECT,
	  DMARC_REJECT },
	{ "nine labels: the next has seven",
	  "_dmarc.a.b.c.d.e.f.example.com v=DMARC1; p=none; psd=n\n"
	  "_dmarc.b.c.d.e.f.example.com v=DMARC1; p=reject; psd=n",
	  "x.a.b.c.d.e.f.example.com", "b.c.d.e.f.example.com", "", DMARC_PASS, "b.c.d.e.f.example.com", DMARC_REJECT,
	  DMARC_REJECT },
	{ "5.1.8: a zone cut that no walk comes by",
	  "_dmarc.example.com v=DMARC1; p=none\n_dmarc.b.c.d.e.f.g.example.com v=DMARC1; p=reject; psd=n",
	  "mail.a.b.c.d.e.f.g.example.com", "", "", DMARC_FAIL, "example.com", DMARC_NONE, DMARC_NONE, "sp",
	  "_dmarc.example.com" },
	{ "no p, with rua", "_dmarc.example.com v=DMARC1; sp=reject; rua=mailto:d@example.com\nsub.example.com x",
	  "sub.example.com", "example.com", "", DMARC_PASS, "example.com", DMARC_NONE, DMARC_NONE, "sp" },
	{ "no p, without rua", "_dmarc.example.com v=DMARC1; adkim=s", "example.com", "example.com", "", DMARC_NO_POLICY,
	  "example.com", 0, 0, NULL, "_dmarc.example.com" },
	{ "no p but sp and np, without rua", "_dmarc.example.com v=DMARC1; sp=reject; np=reject\nsub.example.com x",
	  "sub.example.com", "", "", DMARC_NO_POLICY, "example.com", 0, 0 },
	{ "a wrong p, with rua", "_dmarc.example.com v=DMARC1; p=block; adkim=s; rua=mailto:d@example.com!10m",
	  "example.com", "", "mail.example.com", DMARC_FAIL, "example.com", DMARC_NONE, DMARC_NONE, "p" },
	{ "a wrong sp, without rua", "_dmarc.example.com v=DMARC1; p=reject; sp=nope", "example.com", "example.com", "",
	  DMARC_NO_POLICY, "example.com", 0, 0 },
	{ "a void record at the author's ends it",
	  "_dmarc.mail.example.com v=DMARC1; p=block\n_dmarc.example.com v=DMARC1; p=reject", "mail.example.com",
	  "mail.example.com", "", DMARC_NO_POLICY, "example.com", 0, 0, NULL, "_dmarc.mail.example.com" },
	{ "a record with a tag twice is no record",
	  "_dmarc.mail.example.com v=DMARC1; p=none; p=none\n_dmarc.example.com v=DMARC1; p=reject", "mail.example.com",
	  "mail.example.com", "", DMARC_PASS, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "np without sp, a sub-domain that is there",
	  "_dmarc.example.com v=DMARC1; p=quarantine; np=reject\nsub.example.com x", "sub.example.com", "", "",
	  DMARC_FAIL, "example.com", DMARC_QUARANTINE, DMARC_QUARANTINE, "sp" },
	{ "np does not hold for the organization itself", "_dmarc.example.com v=DMARC1; p=none; sp=none; np=reject",
	  "example.com", "", "", DMARC_FAIL, "example.com", DMARC_NONE, DMARC_NONE, "p" },
	{ "a name above one that is there exists", "_dmarc.example.com v=DMARC1; p=none; np=reject\na.sub.example.com x",
	  "sub.example.com", "", "", DMARC_FAIL, "example.com", DMARC_NONE, DMARC_NONE, "sp" },
	{ "testing, for a sub-domain", "_dmarc.example.com v=DMARC1; p=none; sp=reject; t=y\nsub.example.com x",
	  "sub.example.com", "", "", DMARC_FAIL, "example.com", DMARC_REJECT, DMARC_QUARANTINE },
	{ "testing a none", "_dmarc.example.com v=DMARC1; p=none; t=y", "example.com", "", "", DMARC_FAIL, "example.com",
	  DMARC_NONE, DMARC_NONE },
	{ "pct is of the past", "_dmarc.example.com v=DMARC1; p=reject; pct=0", "example.com", "example.net", "",
	  DMARC_FAIL, "example.com", DMARC_REJECT, DMARC_REJECT },
	{ "names alike at their ends", "_dmarc.example.com v=DMARC1; p=reject", "example.com", "badexample.com",
	  "anexample.com", DMARC_FAIL, "example.com", DMARC_REJECT, DMARC_REJECT },

	/* RFC 9989 4.10.2, the examples */
	{ "4.10.2: the highest record", "_dmarc.mail.example.com v=DMARC1; p=none\n_dmarc.example.com v=DMARC1; p=none",
	  "a.mail.example.com", "", "", DMARC_FAIL, "example.com", DMARC_NONE, DMARC_NONE },
	{ "4.10.2: psd=n", "_dmarc.mail.example.com v=DMARC1; p=none; psd=n\n_dmarc.example.com v=DMARC1; p=none",
	  "a.mail.example.com", "", "", DMARC_FAIL, "mail.example.com", DMARC_NONE, DMARC_NONE },
	{ "4.10.2: psd=y at the top", "_dmarc.com v=DMARC1; p=none; psd=y", "a.mail.example.com", "", "", DMARC_FAIL,
	  "example.com", DMARC_NONE, DMARC_NONE },

	/* RFC 9989 appendix B */
	{ "B.1.1, 1: SPF, strict", "_dmarc.example.com v=DMARC1; p=none; aspf=s", "example.com", "example.com", "",
	  DMARC_PASS, "example.com", 0, 0, "p", "_dmarc.example.com", "spf" },
	{ "B.1.1, 2: SPF, relaxed", "_dmarc.example.com v=DMARC1; p=none", "example.com", "child.example.com", "",
	  DMARC_PASS, "example.com", 0, 0, "p", "_dmarc.example.com", "spf" },
	{ "B.1.1, 3: SPF, not aligned", "_dmarc.example.com v=DMARC1; p=none\n_dmarc.example.net v=DMARC1; p=none",
	  "child.example.com", "example.net", "", DMARC_FAIL, "example.com", 0, 0, "sp", "_dmarc.example.com", "" },
	{ "B.1.2, 1: DKIM, strict", "_dmarc.example.com v=DMARC1; p=none; adkim=s", "example.com", "", "example.com",
	  DMARC_PASS, "example.com", 0, 0, "p", "_dmarc.example.com", "dkim" },
	{ "B.1.2, 2: DKIM, relaxed", "_dmarc.example.com v=DMARC1; p=none", "child.example.com", "", "example.com",
	  DMARC_PASS, "example.com", 0, 0, "sp", "_dmarc.example.com", "dkim" },
	{ "B.1.2, 3: DKIM, not aligned", "_dmarc.example.com v=DMARC1; p=none\n_dmarc.example.net v=DMARC1; p=none",
	  "child.example.com", "", "example.net", DMARC_FAIL, "example.com", 0, 0, "sp", "_dmarc.example.com", "" },
	{ "B.2.1: monitoring", "_dmarc.example.com v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com",
	  "example.com", "", "", DMARC_FAIL, "example.com", 0, 0, "p", "_dmarc.example.com", "" },
	{ "B.2.2: failure reports",
	  "_dmarc.example.com v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com; "
	  "ruf=mailto:auth-reports@example.com",
	  "example.com", "", "", DMARC_FAIL, "example.com", 0, 0, "p", "_dmarc.example.com", "" },
	{ "B.2.3: failure reports to a third party",
	  "_dmarc.example.com v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com; "
	  "ruf=mailto:auth-reports@thirdparty.example.net\nexample.com._report._dmarc.thirdparty.example.net v=DMARC1;",
	  "example.com", "", "", DMARC_FAIL, "example.com", 0, 0, "p", "_dmarc.example.com", "" },
	{ "B.2.5: a sub-domain, testing, two report URIs",
	  "_dmarc.test.example.com v=DMARC1; p=quarantine; "
	  "rua=mailto:dmarc-feedback@example.com,mailto:tld-test@thirdparty.example.net; t=y",
	  "test.example.com", "", "", DMARC_FAIL, "test.example.com", DMARC_QUARANTINE, DMARC_NONE, "p",
	  "_dmarc.test.example.com", "" },
	{ "B.2.5: after the test",
	  "_dmarc.test.example.com v=DMARC1; p=reject; "
	  "rua=mailto:dmarc-feedback@example.com,mailto:tld-test@thirdparty.example.net",
	  "test.example.com", "", "", DMARC_FAIL, "test.example.com", DMARC_REJECT, DMARC_REJECT, "p",
	  "_dmarc.test.example.com", "" },
	{ "B.3.1: an SMTP session",
	  "_dmarc.example.com v=DMARC1; p=reject; aspf=r; rua=mailto:dmarc-feedback@example.com", "example.com",
	  "mail.example.com", "example.com", DMARC_PASS, "example.com", DMARC_REJECT, DMARC_REJECT, "p",
	  "_dmarc.example.com", "spf dkim" },
	{ "B.4.1: a simple walk", "_dmarc.example.com v=DMARC1; p=reject\n_dmarc.signing.example.com v=DMARC1; p=none",
	  "example.com", "example.com", "signing.example.com", DMARC_PASS, "example.com", DMARC_REJECT, DMARC_REJECT, "p",
	  "_dmarc.example.com", "spf dkim" },
	{ "B.4.2: a deep walk",
	  "_dmarc.example.com v=DMARC1; p=reject; np=quarantine\n_dmarc.signing.example.com v=DMARC1; p=none",
	  "a.b.c.d.e.f.g.h.i.j.k.example.com", "example.com", "signing.example.com", DMARC_PASS, "example.com",
	  DMARC_QUARANTINE, DMARC_QUARANTINE, "np", "_dmarc.example.com", "spf dkim" },
	{ "B.4.3: a public suffix's record",
	  "_dmarc.bank.example v=DMARC1; p=reject; psd=y\n_dmarc.giant.bank.example v=DMARC1; p=quarantine",
	  "giant.bank.example", "mail.giant.bank.example", "mail.mega.bank.example", DMARC_PASS, "giant.bank.example",
	  DMARC_QUARANTINE, DMARC_QUARANTINE, "p", "_dmarc.giant.bank.example", "spf" },
};

static void evaluations(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(evaluation_cases); i++) {
		const struct evaluation_case *row = &evaluation_cases[i];
		struct arena arena = { 0 };
		struct text zone = TEXT_LIMIT(65536);
		text_add(&zone, view_of(row->zone));
		const struct txt_lookup lookup = { (void *)(uintptr_t)text_cstring(&zone), look_up };
		const struct view dkim = view_of(row->dkim);
		const struct dmarc_identifiers identifiers = { .author = view_of(row->author),
			                                           .spf = view_of(row->spf),
			                                           .dkim = &dkim,
			                                           .dkim_count = dkim.length > 0 ? 1 : 0 };
		struct dmarc_evaluation evaluation;
		dmarc_evaluate(&lookup, &identifiers, &arena, &evaluation);
		expect_view(row->name, view_of(dmarc_conclusion_name(evaluation.conclusion)),
		            view_of(dmarc_conclusion_name(row->conclusion)));
		expect_view(row->name, evaluation.organizational, view_of(row->organizational));
		expect_number(row->name, evaluation.policy, row->policy);
		expect_number(row->name, evaluation.applied, row->applied);
		if (row->tag != NULL)
			expect_view(row->name, view_of(evaluation.policy_tag), view_of(row->tag));
		if (row->record_at != NULL)
			expect_view(row->name, evaluation.record_name, view_of(row->record_at));
		if (row->aligned != NULL) {
			const bool spf = view_starts(view_of(row->aligned), VIEW("spf"));
			const bool dkim_too = view_ends(view_of(row->aligned), VIEW("dkim"));
			expect_number(row->name, evaluation.spf_aligned, spf);
			expect_number(row->name, evaluation.dkim_aligned, dkim_too);
		}
		if (evaluation.conclusion == DMARC_TEMPERROR)
			expect_number(row->name, evaluation.detail.length > 0, true);
		arena_deinit(&arena);
		text_deinit(&zone);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(evaluations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

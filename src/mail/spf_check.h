/* SPF's check_host() (RFC 7208 4): may this address send as this domain?
 * Promises: at most 10 terms that ask, 2 of them in vain, and SPF_QUERIES_MOST queries in all; time and memory are
 *   bounded whatever the records say; each step is told in the trace.
 * Does not know: DNS; what is done with the result. */
#ifndef MAIL_SPF_CHECK_H
#define MAIL_SPF_CHECK_H

#include "base/text.h"
#include "mail/lookup.h"

enum {
	SPF_TERMS_MOST = 10,   /* RFC 7208 4.6.4 */
	SPF_VOID_MOST = 2,     /* 4.6.4 */
	SPF_NAMES_MOST = 10,   /* of one MX or PTR answer: 4.6.4 */
	SPF_QUERIES_MOST = 40, /* ours */
	SPF_TRACE_MOST = 200,
};

enum spf_result {
	SPF_NONE,
	SPF_NEUTRAL,
	SPF_PASS,
	SPF_FAIL,
	SPF_SOFTFAIL,
	SPF_TEMPERROR,
	SPF_PERMERROR,
};
const char *spf_result_name(enum spf_result result); /* "none" ...: RFC 7208 2.6 */

struct spf_client {
	uint8_t address[16]; /* network order; an IPv4 address in the first four, an IPv4-mapped one as it is */
	bool is_ip6;
	struct view helo;
	struct view sender;   /* MAIL FROM without the brackets; empty: postmaster@HELO (2.4) */
	struct view receiver; /* for %{r} in explanations; empty: unknown */
	int64_t seconds;      /* since 1970: %{t} */
};

struct spf_outcome {
	enum spf_result result;
	struct view explanation; /* FAIL: the domain's own, printable ASCII; empty: it gives none */
	struct view problem;     /* TEMPERROR, PERMERROR: why */
	unsigned lookups;        /* terms that asked */
	unsigned void_lookups;
	unsigned queries;
	struct view *trace; /* lines for people: what was looked up, what it said */
	size_t trace_count;
};

/* Everything in *outcome lives in the arena. */
void spf_check_host(const struct dns_lookup *lookup, const struct spf_client *client, struct arena *arena,
                    struct spf_outcome *outcome);

/* ---- macros (RFC 7208 7), for spf_check.c */

struct spf_names {
	const struct spf_client *client; /* IPv4-mapped addresses made IPv4 */
	struct view sender;              /* with a local-part and a domain */
	struct view domain;              /* the one being evaluated */
	bool explaining;                 /* c, r and t are known */
	/* The validated name of the client (%{p}), asked for at its first use. */
	struct view (*validated)(void *context);
	void *context;
};

/* False: no macro-string. Appends. */
bool spf_expand(const struct spf_names *names, struct view macros, struct text *into);
/* The client's address as %{i} has it: dotted decimals, or dotted nibbles. */
void spf_add_address(const struct spf_client *client, struct text *into);

#endif

/* What the resolver is asked: may this account send as these domains, where does mail for a domain go, and what
 * should the owner of a domain publish.
 * Promises: a failure of DNS is never a NEVER; texts are ready to be printed in an SMTP reply.
 * Does not know: SMTP sessions. */
#ifndef QUESTIONS_RESOLVER_H
#define QUESTIONS_RESOLVER_H

#include "base/verdict.h"
#include "questions/vault.h"
#include "task/connection.h"

#define IDENTITY_DOMAINS_MOST 8u

/* ---- submission: verdict */

enum verdict_moment {
	MOMENT_MAIL, /* token and SPF of the MAIL FROM domain; on failure its DKIM and DMARC faults are told too */
	MOMENT_DATA, /* all the rest */
};

#define SEALED_BY_MOST 4u

struct verdict_request {
	enum verdict_moment moment;
	struct view account;
	struct view as_typed;
	struct view mail_from; /* domain of the reverse-path; empty: <> */
	struct view from;      /* DATA: the From: domain (one: several are refused before) */
	/* DATA: the domains of Sender:, Resent-From: and Resent-Sender: */
	struct view others[IDENTITY_DOMAINS_MOST];
	size_t other_count;
	enum requirement require[CHECK_COUNT];
	/* DATA: d= of the customer's own seals that verify. */
	struct view sealed_by[SEALED_BY_MOST];
	size_t sealed_by_count;
	bool seals_untold; /* DATA: the key of one of them could not be asked for */
};

/* A key that DNS shows as ours at the From: domain, so that a seal with it verifies. */
struct usable_key {
	struct view selector;
	enum dkim_algorithm algorithm;
	struct view record; /* as DNS holds it */
};

struct verdict_answer {
	/* why: reply lines separated by LF, without code and enhanced status, each short enough for 512 octets. */
	struct verdict verdict;
	struct view warnings;                /* of checks at `warn`, and of passing ones; LF between; for the log */
	struct usable_key seals[SEALS_MOST]; /* DATA: to seal with; none: leaves unsealed */
	size_t seal_count;
	bool presealed;   /* one of the customer's seals is aligned: the message stays as it is */
	int64_t good_for; /* microseconds for which the asker may remember a good one */
};
extern const struct question resolver_verdict_question;
enum asked resolver_verdict(struct peer *resolver, const struct verdict_request *request,
                            struct verdict_answer *answer, struct arena *arena, int64_t deadline);

/* ---- submission: the key records of a seal that the customer brings (RFC 6376 3.6.2) */

enum seal_key_result { SEAL_KEY_FOUND, SEAL_KEY_NONE, SEAL_KEY_LATER };
#define SEAL_KEY_RECORDS_MOST 8u
struct seal_key_request {
	struct view name; /* SELECTOR._domainkey.DOMAIN; of others nothing is told */
};
struct seal_key_answer {
	enum seal_key_result result;
	struct view records[SEAL_KEY_RECORDS_MOST];
	size_t record_count;
	struct view why; /* LATER */
};
extern const struct question resolver_seal_key_question;
enum asked resolver_seal_key(struct peer *resolver, const struct seal_key_request *request,
                             struct seal_key_answer *answer, struct arena *arena, int64_t deadline);

/* ---- delivery: may_send. Before queued mail leaves: does the token of each domain still pass? */

enum permission { PERMISSION_YES, PERMISSION_NO, PERMISSION_UNKNOWN };
struct may_send_request {
	struct view account;
	struct view as_typed;
	struct view domains[IDENTITY_DOMAINS_MOST];
	size_t domain_count;
	enum requirement require_token;
};
struct may_send_answer {
	enum permission permission;
	struct view why;
	int64_t good_for; /* microseconds for which the asker may remember this */
};
extern const struct question resolver_may_send_question;
enum asked resolver_may_send(struct peer *resolver, const struct may_send_request *request,
                             struct may_send_answer *answer, struct arena *arena, int64_t deadline);

/* ---- delivery: route */

enum route_result {
	ROUTE_FOUND,
	ROUTE_LATER, /* DNS failed: 4.4.3 */
	ROUTE_NEVER, /* no such domain, null MX, no host: status says which */
	ROUTE_LOOP,  /* only we ourselves are left: 5.4.6 */
};
#define ROUTE_HOSTS_MOST     20u
#define ROUTE_ADDRESSES_MOST 16u

struct route_host {
	struct view name;
	uint16_t preference;
	struct endpoint addresses[ROUTE_ADDRESSES_MOST]; /* port 0: delivery.port is the asker's to set */
	size_t address_count;
};
struct route_request {
	struct view domain;
};
struct route_answer {
	enum route_result result;
	struct verdict verdict;   /* LATER, NEVER, LOOP: what is reported of the recipient */
	struct view site;         /* the same for all domains hosted at one provider */
	struct route_host *hosts; /* in the order to try; those of one preference in random order */
	size_t host_count;
	int64_t good_for; /* microseconds */
};
extern const struct question resolver_route_question;
enum asked resolver_route(struct peer *resolver, const struct route_request *request, struct route_answer *answer,
                          struct arena *arena, int64_t deadline);

/* ---- api: check and records */

enum check_state { STATE_PASS, STATE_WARN, STATE_FAIL, STATE_UNKNOWN };
#define SEEN_MOST 16u

/* What one of the domain's own name servers shows. */
#define CHECK_SERVERS_MOST 8u
#define SERVER_SEEN_MOST   4u
struct check_server {
	struct view name;
	enum check_state state; /* of the check, by what it shows */
	struct view seen[SERVER_SEEN_MOST];
	size_t seen_count;
};
struct asked_server {
	struct view name;
	struct view problem; /* why it could not be asked; empty: it was */
};

struct check_row {
	enum check check;
	enum check_state state;
	struct view seen[SEEN_MOST];
	size_t seen_count;
	struct view name;     /* where the record belongs */
	struct view expected; /* the value that would pass */
	struct view fix;      /* the whole line to publish or to replace with; empty when it passes */
	bool replaces;        /* the fix takes the place of what was seen */
	struct view remove;   /* what has to go first, as NAME CNAME TARGET; empty: nothing */
	struct view detail;   /* for people */
	uint32_t ttl;         /* seconds for which caches may show what its name servers show now; 0: not known */
	struct check_server servers[CHECK_SERVERS_MOST];
	size_t server_count;
};
struct check_request {
	struct view domain;
	struct view account; /* empty: the token is not checked, and so unknown */
	struct view as_typed;
};
struct check_answer {
	bool ready;
	struct check_row checks[CHECK_COUNT + 1]; /* one a check, then that of the key that is to seal next */
	size_t check_count;
	struct asked_server
		asked[CHECK_SERVERS_MOST]; /* the domain's own name servers; none: not known, or a file here */
	size_t asked_count;
};
extern const struct question resolver_check_question;
enum asked resolver_check(struct peer *resolver, const struct check_request *request, struct check_answer *answer,
                          struct arena *arena, int64_t deadline);

struct record_row {
	struct view purpose; /* "token", "spf", "dkim", "dmarc" */
	struct view name;
	struct view type;  /* "TXT" */
	struct view value; /* joined */
};
#define RECORDS_MOST 12u
struct records_request {
	struct view domain;
	struct view account; /* empty: no token */
	bool service;        /* the service's own domain: what its zone should hold */
};
struct records_answer {
	enum domain_keys_result result;
	struct record_row records[RECORDS_MOST];
	size_t record_count;
};
extern const struct question resolver_records_question;
enum asked resolver_records(struct peer *resolver, const struct records_request *request,
                            struct records_answer *answer, struct arena *arena, int64_t deadline);

extern const struct question *const resolver_submission_questions[];
extern const struct question *const resolver_delivery_questions[];
extern const struct question *const resolver_api_questions[];

#endif

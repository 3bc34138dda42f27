/* DNS as a room sees it: one name, one type, one answer.
 * Promises: FAILED is never mixed up with "is not there"; a bogus answer is FAILED; the answer lives in the arena
 *   that was given.
 * Does not know: what the records are for. net/dns.h does it with libunbound, the simulated world from a table. */
#ifndef TASK_DNS_H
#define TASK_DNS_H

#include "base/arena.h"

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_TLSA = 52,
	DNS_SPF = 99, /* RFC 4408 3.1.1, given up by RFC 7208 3.1: for explanations alone */
};

enum dns_status {
	DNS_FOUND,
	DNS_NODATA,   /* the name is there, the type is not: definitive */
	DNS_NXDOMAIN, /* definitive */
	DNS_FAILED,   /* SERVFAIL, time-out, bogus: not definitive; detail says which */
	DNS_CANCELLED,
};

struct dns_record {
	/* A, AAAA: address bytes. MX: host name as text without the last dot ("" for the root), preference beside.
	 * TXT, SPF: all strings of the record joined. CNAME, NS, PTR: name as text. Others: the wire form. */
	struct view data;
	uint16_t preference;   /* MX */
	uint16_t string_count; /* TXT: how many strings it came in */
};

struct dns_answer {
	enum dns_status status;
	bool secure;           /* validated by DNSSEC */
	bool through_alias;    /* a CNAME (or DNAME) led to it */
	bool is_local;         /* from a file here, not from the world */
	struct view canonical; /* the name at the end of the CNAMEs, or the name asked */
	struct dns_record *records;
	size_t record_count;
	uint32_t ttl;       /* seconds; of the least of what led here; for NODATA and NXDOMAIN the negative TTL */
	struct view detail; /* FAILED: why, for people ("SERVFAIL", "timed out", "DNSSEC bogus: ...") */
};

struct dns;
struct dns_operations {
	/* Suspends. name: ASCII text (A-labels), with or without the last dot; a backslash begins an escape (RFC 1035
	 * 5.1), as in the names of answers. fresh: past every cache older than 10 s.
	 */
	void (*lookup)(struct dns *dns, struct view name, enum dns_type type, bool fresh, int64_t deadline,
	               struct arena *arena, struct dns_answer *answer);
};

struct dns {
	const struct dns_operations *operations;
	void *state;
};

#endif

/* DNS messages as one name server gives them (RFC 1035 4.1): a question without recursion, and what is said to it.
 * Promises: a message that is cut, or that answers another question, is no answer; what a server says without being
 *   one of the zone's is told apart from what the zone holds.
 * Does not know: who is asked, DNSSEC: what is read here is not validated. */
#ifndef NET_DNS_MESSAGE_H
#define NET_DNS_MESSAGE_H

#include "base/text.h"
#include "task/dns.h"

struct dns_said {
	/* FAILED: the server is none of the zone's, or cannot answer. NODATA with through_alias: a CNAME leads out of
	 * what the server told, to answer.canonical. */
	struct dns_answer answer;
	struct view delegated; /* the answer is elsewhere: the servers of this name have it; empty: no */
};

/* False: no name (a label of more than 63 octets, more than 255 in all). */
bool dns_message_ask(uint16_t id, struct view name, enum dns_type type, struct text *message);
/* Copies go to the arena. */
void dns_message_read(struct view message, uint16_t id, struct view name, enum dns_type type, struct arena *arena,
                      struct dns_said *said);

/* What is told of a server that has no answer: "REFUSED". */
struct view dns_rcode_name(unsigned rcode);

#endif

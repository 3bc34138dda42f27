/* Who may send as what: for each account and domain, what its checks came to, and when to look again.
 * Promises: what has changed from good to bad or back is told once, as an event; authorised senders are looked at
 *   again before what they rest on is too old, so that their messages wait for no DNS, the rarer the longer nobody
 *   sends; mail that waits for a token is let go when it is back. Bounded; survives a restart.
 * Does not know: messages. */
#ifndef ROOMS_RESOLVER_SENDERS_H
#define ROOMS_RESOLVER_SENDERS_H

#include "base/verdict.h"
#include "questions/vault.h"

struct finding;
struct resolver;
struct senders;

/* What was found of one domain. A check that could not be told is in neither set. */
struct judged {
	struct view account, as_typed, domain;
	const enum requirement *require; /* of each check; NULL: as before */
	unsigned passed, failed;         /* bits by enum check */
	struct view problem;             /* of the first that failed */
	struct enhanced_status status;
	bool is_whole; /* all that the domain is used for was looked at */
	int64_t refresh_at;
};

void judged_add(struct judged *judged, const struct finding *finding);

struct senders *senders_new(struct resolver *resolver);
void senders_free(struct senders *senders); /* all tasks have ended */
/* What a former life kept. Suspends. */
void senders_restore(struct resolver *resolver);
/* Looks again at whoever is due, from here on. */
void senders_begin(struct resolver *resolver);

/* Does not suspend. */
void senders_note(struct resolver *resolver, const struct judged *judged);
size_t senders_count(const struct senders *senders);

#endif

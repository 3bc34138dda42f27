/* Lives of a store on a simulated disk, what was acknowledged in them, and what a later one must find. Tests only.
 * Promises: the same life on the same disk makes the same calls, whatever happened outside.
 * Does not know: what fails, and when. */
#ifndef STORE_TEST_LIFE_H
#define STORE_TEST_LIFE_H

#include "store/store.h"

#define LEDGER_MESSAGES   22u
#define LEDGER_RECIPIENTS 3u

/* What must be there, and what may be there as well, since it was asked for and not answered. */
struct ledger_message {
	bool must;
	bool may;
	bool keeps; /* the history has the content, once all has ended */
	enum store_state must_be[LEDGER_RECIPIENTS];
	enum store_state may_be[LEDGER_RECIPIENTS];
	int64_t ended[LEDGER_RECIPIENTS]; /* queue time just after that was asked for; 0: never */
};

struct ledger_fact {
	bool must_be;
	bool may_be;
};

struct ledger {
	struct ledger_message messages[LEDGER_MESSAGES];
	struct ledger_fact is_held; /* the account */
	struct ledger_fact is_dropped;
	bool failed;                 /* the store said so */
	unsigned done_after_failure; /* and yet something was done */
	uint64_t compactions;
	uint64_t segments_most;
};

enum life {
	LIFE_ACTS,    /* a history with everything in it */
	LIFE_GOES_ON, /* checks, does a little more, and checks again */
	LIFE_CHECKS,
};

/* An empty disk with the store's directory. */
struct disk *life_disk_new(void);
/* Opens the store, acts, and closes it. The ledger follows at each moment. False: it could not be opened, or what
 * should be there is not (printed unless quiet). */
bool life_run(enum life life, struct disk *disk, struct ledger *ledger, bool quiet);

#endif

/* DNS for verbs that need no daemon: libunbound in this process.
 * Promises: a verb's look-ups all end within its patience; nothing is left behind.
 * Does not know: what is asked for. */
#ifndef CLI_RESOLVER_H
#define CLI_RESOLVER_H

#include "cli/cli.h"
#include "mail/lookup.h"
#include "task/world.h"

struct cli_resolver {
	struct cli *cli;
	struct world *world;
	struct dns *dns;
	int64_t deadline;
	struct dns_lookup lookup; /* for mail/spf_check.h */
	struct txt_lookup txt;    /* for the rest of mail/ */
};

/* Runs the verb in a task. The resolver asked is --resolver ADDRESS:PORT, or the configuration's, or the world from
 * the root; answers are validated but for --resolver's, unless --trust-anchor FILE is given too. */
enum outcome_code cli_resolve(struct cli *cli, enum outcome_code (*run)(struct cli_resolver *resolver, void *context),
                              void *context);

#endif

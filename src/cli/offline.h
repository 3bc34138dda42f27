/* The queue's files read without a daemon, under the lock that keeps one out.
 * Promises: what a daemon would do at its start is done first (the journal's end is applied to the index); as root
 *   the files stay those of the room's user; a running daemon is never disturbed.
 * Does not know: what is shown. */
#ifndef CLI_OFFLINE_H
#define CLI_OFFLINE_H

#include "cli/cli.h"

/* Gives each waiting recipient as the API would give it. DONE, or the reason was told. */
enum outcome_code offline_export(struct cli *cli, const json_t *filters, void (*row)(const json_t *row));
/* As the API's slices: progress is called after each; faults are added to. *last: the caller's to release. */
enum outcome_code offline_check(struct cli *cli, void (*progress)(const json_t *slice), json_t *faults,
                                json_t **last);

#endif

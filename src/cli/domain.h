/* What the verbs about domains share.
 * Promises: the domain of the command line is read before anybody is asked.
 * Does not know: what the answers mean. */
#ifndef CLI_DOMAIN_H
#define CLI_DOMAIN_H

#include "cli/cli.h"

/* About the first argument; action may be NULL. Not DONE: the reason was told. */
enum outcome_code ask_domain(struct cli *cli, const char *method, const char *action, json_t **answer);
/* The array's strings, or that member of its objects, with blanks between. In the arena. */
const char *joined_members(const json_t *array, const char *member, struct arena *arena);
/* Where the answer says that there is none of the name given. */
void tell_unknown_account(const struct cli *cli, const json_t *answer);

#endif

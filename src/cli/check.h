/* What the verbs of sealpost check share.
 * Promises: a stranger's bytes that JSON cannot hold are told as such, never written.
 * Does not know: what is checked. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "cli/resolver.h"
#include "mail/spf_check.h"

json_t *check_json(struct view text);
void check_add(json_t *object, const char *name, struct view text);
/* --ip, --helo, and MAIL FROM by the option sender. False: the reason was told. */
bool check_client(const struct cli *cli, const char *sender, struct spf_client *client);
struct view check_after_at(struct view text);
/* Of an address or a domain; empty: it is neither. In the arena. */
struct view check_domain(struct view text, struct arena *arena);

#endif

/* Relations between keys: defaults that come from other keys, and what no row of the schema can say alone.
 * Promises: an error or warning names the key and the place where it stands, or the nearest there is.
 * Does not know: how values are read. */
#ifndef CONFIG_RELATIONS_H
#define CONFIG_RELATIONS_H

#include "config/config.h"
#include "config/tree.h"

void relations_fill(struct config *config);
void relations_check(const struct config *config, const struct node *root, struct config_problems *problems);

#endif

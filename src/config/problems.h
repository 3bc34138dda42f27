/* What is wrong with a configuration, told as it is met.
 * Promises: keeps at most CONFIG_PROBLEMS_MOST rows and counts all errors; copies what it is given.
 * Does not know: the schema. */
#ifndef CONFIG_PROBLEMS_H
#define CONFIG_PROBLEMS_H

#include "config/config.h"
#include "config/tree.h"

/* node says where; NULL: the file as a whole. */
void problems_add_error(struct config_problems *problems, const struct node *node, struct view key,
                        struct view message);
void problems_add_warning(struct config_problems *problems, const struct node *node, struct view key,
                          struct view message);

#endif

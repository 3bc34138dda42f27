/* Aligned columns for people.
 * Promises: a cell never disturbs the terminal: control characters become "?"; the last column is not padded;
 *   nothing is written but to the text given.
 * Does not know: what the cells mean, but for a column of states, which it may colour. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "base/arena.h"
#include "base/text.h"

enum { TABLE_COLUMNS_MOST = 12 };

struct table {
	size_t column_count;
	size_t cell_count, cell_capacity;
	struct view *cells; /* row after row */
	struct arena arena;
};

void table_init(struct table *table, size_t column_count);
void table_deinit(struct table *table);
/* column_count cells; copied. */
void table_add(struct table *table, const char *const *cells);
void table_write(const struct table *table, bool colour, struct text *text);
/* Printed on standard output and released. */
void table_print(struct table *table, bool colour);

/* Without control characters. */
void text_add_safe(struct text *text, struct view bytes);
/* The colour of a state word ("pass", "held" ...), as an escape sequence; empty: none. */
struct view state_colour(struct view state);

#endif

#include "cli/table.h"

#include "base/must.h"

static const struct view reset = VIEW_INIT("\033[0m");

void table_init(struct table *table, size_t column_count)
{
	must(column_count > 0 && column_count <= TABLE_COLUMNS_MOST);
	*table = (struct table){ .column_count = column_count };
}

void table_deinit(struct table *table)
{
	free(table->cells);
	arena_deinit(&table->arena);
	*table = (struct table){ .column_count = table->column_count };
}

/* C0, DEL, and C1 in its UTF-8 form: what a terminal may take for an order. */
static bool is_control(struct view bytes, size_t at, size_t *length)
{
	const unsigned char byte = (unsigned char)bytes.data[at];
	*length = 1;
	if (byte < 0x20 || byte == 0x7f)
		return true;
	if (byte != 0xc2 || at + 1 == bytes.length)
		return false;
	const unsigned char next = (unsigned char)bytes.data[at + 1];
	*length = 2;
	return next >= 0x80 && next < 0xa0;
}

void text_add_safe(struct text *text, struct view bytes)
{
	size_t length = 1;
	for (size_t i = 0; i < bytes.length; i += length) {
		if (is_control(bytes, i, &length))
			text_add_byte(text, '?');
		else
			text_add(text, view_slice(bytes, i, length));
	}
}

/* Columns that the terminal needs for it: code points of UTF-8. */
static size_t text_width(struct view text)
{
	size_t width = 0;
	for (size_t i = 0; i < text.length; i++)
		if (((unsigned char)text.data[i] & 0xc0) != 0x80)
			width++;
	return width;
}

void table_add(struct table *table, const char *const *cells)
{
	enum { CELL_MOST = 65536 };
	if (table->cell_count + table->column_count > table->cell_capacity) {
		table->cell_capacity = 2 * table->cell_capacity + 64 * table->column_count;
		table->cells = must_realloc(table->cells, table->cell_capacity, sizeof(*table->cells));
	}
	struct text safe = TEXT_LIMIT(CELL_MOST);
	for (size_t i = 0; i < table->column_count; i++) {
		text_clear(&safe);
		text_add_safe(&safe, view_first(view_of(cells[i] == NULL ? "" : cells[i]), CELL_MOST));
		table->cells[table->cell_count++] = arena_copy(&table->arena, text_view(&safe));
	}
	text_deinit(&safe);
}

struct view state_colour(struct view state)
{
	static const struct {
		const char *word;
		const char *colour;
	} rows[] = {
		{ "pass", "\033[32m" },    { "yes", "\033[32m" },       { "delivered", "\033[32m" },
		{ "active", "\033[32m" },  { "accepted", "\033[32m" },  { "captured", "\033[32m" },
		{ "warn", "\033[33m" },    { "deferred", "\033[33m" },  { "held", "\033[33m" },
		{ "unknown", "\033[33m" }, { "cancelled", "\033[33m" }, { "suppressed", "\033[33m" },
		{ "fail", "\033[31m" },    { "no", "\033[31m" },        { "bounced", "\033[31m" },
		{ "refused", "\033[31m" }, { "expired", "\033[31m" },   { "suspended", "\033[31m" },
		{ "removed", "\033[31m" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (view_equal(state, view_of(rows[i].word)))
			return view_of(rows[i].colour);
	return VIEW_NONE;
}

static void write_cell(struct view cell, size_t padding, bool colour, struct text *text)
{
	const struct view paint = colour ? state_colour(cell) : VIEW_NONE;
	text_add(text, paint);
	text_add(text, cell);
	if (paint.length > 0)
		text_add(text, reset);
	for (size_t i = 0; i < padding; i++)
		text_add_byte(text, ' ');
}

/* The last cell that holds something: what follows it is not written, so that no line ends in blanks. */
static size_t row_length(const struct view *row, size_t count)
{
	while (count > 0 && row[count - 1].length == 0)
		count--;
	return count;
}

void table_write(const struct table *table, bool colour, struct text *text)
{
	size_t widths[TABLE_COLUMNS_MOST] = { 0 };
	for (size_t i = 0; i < table->cell_count; i++) {
		const size_t width = text_width(table->cells[i]);
		size_t *most = &widths[i % table->column_count];
		*most = width > *most ? width : *most;
	}
	for (size_t first = 0; first < table->cell_count; first += table->column_count) {
		const struct view *row = &table->cells[first];
		const size_t length = row_length(row, table->column_count);
		for (size_t i = 0; i < length; i++)
			write_cell(row[i], i + 1 == length ? 0 : widths[i] - text_width(row[i]) + 2, colour, text);
		text_add_byte(text, '\n');
	}
}

void table_print(struct table *table, bool colour)
{
	struct text text = TEXT_LIMIT((size_t)1024 * 1024 * 1024);
	table_write(table, colour, &text);
	fwrite(text_cstring(&text), 1, text.length, stdout);
	text_deinit(&text);
	table_deinit(table);
}

/* Lists come in pages. */
#include "cli/cli.h"

/* The cursor of the next page as an argument; the history's is a number. */
static void add_cursor(struct text *path, const json_t *next)
{
	if (json_is_integer(next)) {
		struct text number = TEXT_LIMIT(32);
		text_print(&number, "%lld", (long long)json_integer_value(next));
		path_add_query(path, "before", text_cstring(&number));
		text_deinit(&number);
	} else {
		path_add_query(path, "after", json_string_value(next));
	}
}

static enum outcome_code read_page(struct cli *cli, const char *path, const json_t *next, size_t most, json_t **page)
{
	enum { PAGE = 500 };
	struct text whole = TEXT_LIMIT(65536);
	struct text limit = TEXT_LIMIT(32);
	text_add(&whole, view_of(path));
	text_print(&limit, "%zu", most < PAGE ? most : (size_t)PAGE);
	path_add_query(&whole, "limit", text_cstring(&limit));
	if (next != NULL)
		add_cursor(&whole, next);
	const enum outcome_code result = client_ask(cli, "GET", text_cstring(&whole), NULL, page);
	text_deinit(&limit);
	text_deinit(&whole);
	return result;
}

enum outcome_code pages_read(struct cli *cli, const char *path, const char *name, size_t most, json_t **all)
{
	json_t *rows = json_array();
	json_t *next = NULL;
	do {
		json_t *page = NULL;
		const enum outcome_code result = read_page(cli, path, next, most - json_array_size(rows), &page);
		if (result != DONE) {
			json_decref(next);
			json_decref(rows);
			return result;
		}
		json_array_extend(rows, json_object_get(page, name));
		json_decref(next);
		next = json_incref(json_object_get(page, "next"));
		json_decref(page);
	} while (next != NULL && json_array_size(rows) < most);
	*all = json_object();
	json_object_set_new(*all, name, rows);
	if (next != NULL)
		json_object_set_new(*all, "next", next);
	return DONE;
}

/* The inside of the history, shared by its writer and its readers.
 * Promises: files are named DIRECTORY/ended-%016x.db by the wall time at which each was begun, in milliseconds.
 * Does not know: who asks. */
#ifndef STORE_HISTORY_PRIVATE_H
#define STORE_HISTORY_PRIVATE_H

#include "store/history.h"
#include "store/sql.h"

#define HISTORY_PATH_MOST 4096u

enum history_statement {
	ADD,
	BEGUN,
	EXTENT,
	OF_MESSAGE,
	KEEP,
	IS_KEPT,
	KEPT,
	SEARCH_ALL,
	SEARCH_ACCOUNT,
	SEARCH_ADDRESS,
	SEARCH_DOMAIN,
	HISTORY_STATEMENT_COUNT
};

extern const char *const history_statements[HISTORY_STATEMENT_COUNT];

struct history_files {
	uint64_t *numbers; /* ascending */
	size_t count;
};

void history_file_path(char path[HISTORY_PATH_MOST], const char *directory, uint64_t number, const char *suffix);
bool history_files_read(const struct history_settings *settings, struct history_files *files);

#endif

#include "store/test_directory.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

char test_directory[64];

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

int test_directory_begin(void **state)
{
	(void)state;
	snprintf(test_directory, sizeof(test_directory), "/tmp/store-test-XXXXXX");
	return mkdtemp(test_directory) == NULL ? -1 : 0;
}

int test_directory_end(void **state)
{
	(void)state;
	return nftw(test_directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A directory of its own for a test, on the real disk, gone afterwards. Tests only.
 * Promises: nothing outside it is touched.
 * Does not know: what is tested. */
#ifndef STORE_TEST_DIRECTORY_H
#define STORE_TEST_DIRECTORY_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char test_directory[64];

static int test_directory_remove(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

static int test_directory_end(void **state)
{
	(void)state;
	return nftw(test_directory, test_directory_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static int test_directory_begin(void **state)
{
	(void)state;
	snprintf(test_directory, sizeof(test_directory), "/tmp/store-test-XXXXXX");
	return mkdtemp(test_directory) == NULL ? -1 : 0;
}

#endif

/* A directory of its own for a test, on the real disk, gone afterwards. Tests only.
 * Promises: nothing outside it is touched.
 * Does not know: what is tested. */
#ifndef STORE_TEST_DIRECTORY_H
#define STORE_TEST_DIRECTORY_H

extern char test_directory[64];

/* For cmocka. */
int test_directory_begin(void **state);
int test_directory_end(void **state);

#endif

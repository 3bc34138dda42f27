/* Runs a fuzz target over files, where no fuzzer drives it: the corpus as a regression test, or one input to replay.
 * usage: X_fuzz FILE_OR_FOLDER... */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input's memory ends where the input does, so that a read past it is seen. */
static bool run_file(const char *path)
{
	struct stat about;
	FILE *file = fopen(path, "rb");
	if (file == NULL || fstat(fileno(file), &about) != 0) {
		perror(path);
		if (file != NULL)
			fclose(file);
		return false;
	}
	uint8_t *data = malloc(about.st_size > 0 ? (size_t)about.st_size : 1);
	const size_t size = data == NULL ? 0 : fread(data, 1, (size_t)about.st_size, file);
	fclose(file);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return true;
}

static bool run_folder(const char *path, unsigned *count)
{
	struct dirent **entries = NULL;
	bool good = true;
	const int entry_count = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < entry_count; i++) {
		char name[4096];
		if (entries[i]->d_name[0] != '.') {
			snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
			good = run_file(name) && good;
			(*count)++;
		}
		free(entries[i]);
	}
	free(entries);
	return good && entry_count >= 0;
}

int main(int argc, char **argv)
{
	unsigned count = 0;
	bool good = true;
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++) {
		struct stat about;
		if (stat(argv[i], &about) == 0 && S_ISDIR(about.st_mode)) {
			good = run_folder(argv[i], &count) && good;
			continue;
		}
		good = run_file(argv[i]) && good;
		count++;
	}
	if (count == 0)
		fprintf(stderr, "no input\n");
	return good && count > 0 ? 0 : 1;
}

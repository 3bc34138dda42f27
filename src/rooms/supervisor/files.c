#include "rooms/supervisor/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(struct text *problem, const char *what, const char *path)
{
	text_print(problem, "%s %s: %s", what, path, strerror(errno));
	return false;
}

static bool read_all(int descriptor, struct text *into)
{
	for (;;) {
		char *room = text_room(into, 65536);
		if (room == NULL) {
			errno = EFBIG;
			return false;
		}
		const ssize_t got = read(descriptor, room, 65536);
		if (got <= 0)
			return got == 0;
		text_extend(into, (size_t)got);
	}
}

bool file_read(const char *path, struct text *into, struct text *problem)
{
	const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0)
		return fail(problem, "cannot open", path);
	const bool good = read_all(descriptor, into) || fail(problem, "cannot read", path);
	close(descriptor);
	return good;
}

static bool write_all(int descriptor, struct view content)
{
	while (content.length > 0) {
		const ssize_t written = write(descriptor, content.data, content.length);
		if (written <= 0)
			return false;
		content = view_from(content, (size_t)written);
	}
	return true;
}

/* The rename is on disk only once its directory is. */
static bool sync_parent(const char *path)
{
	struct text parent = TEXT_LIMIT(4096);
	const size_t slash = view_find_last_byte(view_of(path), '/');
	text_add(&parent, slash == VIEW_NOT_FOUND ? VIEW(".") : view_first(view_of(path), slash + 1));
	const int descriptor = open(text_cstring(&parent), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	text_deinit(&parent);
	if (descriptor < 0)
		return false;
	const bool good = fsync(descriptor) == 0;
	close(descriptor);
	return good;
}

bool file_write(const char *path, struct view content, mode_t mode, struct text *problem)
{
	struct text aside = TEXT_LIMIT(4096);
	text_print(&aside, "%s.new", path);
	const int descriptor = open(text_cstring(&aside), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	bool good = descriptor >= 0 && fchmod(descriptor, mode) == 0 && write_all(descriptor, content) &&
	            fsync(descriptor) == 0 && rename(text_cstring(&aside), path) == 0 && sync_parent(path);
	if (!good) {
		fail(problem, "cannot write", path);
		unlink(text_cstring(&aside));
	}
	if (descriptor >= 0)
		close(descriptor);
	text_deinit(&aside);
	return good;
}

bool file_holds(const char *path, struct view content)
{
	struct text found = TEXT_LIMIT(FILE_MOST);
	struct text problem = TEXT_LIMIT(1024);
	const bool holds = file_read(path, &found, &problem) && view_equal(text_view(&found), content);
	text_deinit(&found);
	text_deinit(&problem);
	return holds;
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static bool parents_make(const char *path, struct text *problem)
{
	struct text parent = TEXT_LIMIT(4096);
	bool good = true;
	for (const char *slash = strchr(path + 1, '/'); good && slash != NULL; slash = strchr(slash + 1, '/')) {
		text_clear(&parent);
		text_add(&parent, view_bytes(path, (size_t)(slash - path)));
		good = mkdir(text_cstring(&parent), 0755) == 0 || errno == EEXIST ||
		       fail(problem, "cannot make the directory", text_cstring(&parent));
	}
	text_deinit(&parent);
	return good;
}

bool directory_make(const char *path, mode_t mode, uint32_t uid, uint32_t gid, struct text *problem)
{
	if (!parents_make(path, problem))
		return false;
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return fail(problem, "cannot make the directory", path);
	if (uid != UINT32_MAX && (chown(path, uid, gid) < 0 || chmod(path, mode) < 0))
		return fail(problem, "cannot set the owner of", path);
	return true;
}

bool directory_is_reachable(const char *path)
{
	char real[4096];
	if (realpath(path, real) == NULL)
		return false;
	for (char *slash = real + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		struct stat facts;
		*slash = '\0';
		const bool open_to_all = stat(real, &facts) == 0 && (facts.st_mode & S_IXOTH) != 0;
		*slash = '/';
		if (!open_to_all)
			return false;
	}
	return true;
}

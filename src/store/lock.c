#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

int lock_take(const char *path, struct text *problem)
{
	const int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (descriptor < 0) {
		text_print(problem, "%s: %s", path, strerror(errno));
		return -1;
	}
	if (flock(descriptor, LOCK_EX | LOCK_NB) == 0)
		return descriptor;
	text_print(problem, "%s: %s", path, errno == EWOULDBLOCK ? "in use by another process" : strerror(errno));
	close(descriptor);
	return -1;
}

void lock_release(int descriptor)
{
	if (descriptor >= 0)
		close(descriptor);
}

/* Loaded into the daemon by LD_PRELOAD: the system fails at a moment that the environment names. Tests only.
 *
 *   FAULT_ROOM=queue          the room that is meant (its --room), or all
 *   FAULT_COUNT=FILE          of 4,096 bytes: two numbers of eight bytes, the calls so far, of all processes, and the
 *                             call that is meant, counted from 1; 0: none
 *   FAULT_KIND=kill           the process dies before the call
 *             =eio            the call fails with EIO; a write has done half of it
 *             =full           this call and all after it that need space fail with ENOSPC, until FAULT_MEND is there
 *             =memory         the N-th allocation finds nothing (counted instead of the calls)
 *   FAULT_MEND=FILE           see above
 *   FAULT_FLUSH=drop          every flush says yes and does nothing: the negative control
 *   FAULT_WRITE=drop          what is written to the journal is lost with the process: another negative control
 *   FAULT_POISON=TEXT         a process that is about to send bytes with this text dies
 *   FAULT_CLOCK=FILE          seconds, as text, by which the wall clock is wrong
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind { KIND_NONE, KIND_KILL, KIND_EIO, KIND_FULL, KIND_MEMORY };

static enum kind kind;
static bool drops_flushes;
static bool drops_writes;
static const char *mend;
static const char *poison;
static const char *clock_file;
static _Atomic unsigned long *count;

static bool is_the_room(const char *wanted)
{
	char line[256] = { 0 };
	const int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	const ssize_t length = file < 0 ? -1 : read(file, line, sizeof(line) - 1);
	if (file >= 0)
		close(file);
	if (strcmp(wanted, "all") == 0)
		return true;
	for (ssize_t i = 0; i < length; i += (ssize_t)strlen(line + i) + 1)
		if (strcmp(line + i, "--room") == 0)
			return strcmp(line + i + 7, wanted) == 0;
	return false;
}

__attribute__((constructor)) static void begin(void)
{
	static const char *const names[] = { "", "kill", "eio", "full", "memory" };
	const char *room = getenv("FAULT_ROOM");
	const char *path = getenv("FAULT_COUNT");
	const char *name = getenv("FAULT_KIND");
	const char *flush = getenv("FAULT_FLUSH");
	const char *writes = getenv("FAULT_WRITE");
	if (room == NULL || !is_the_room(room))
		return;
	const int file = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	void *shared = file < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (file >= 0)
		close(file);
	poison = getenv("FAULT_POISON");
	clock_file = getenv("FAULT_CLOCK");
	mend = getenv("FAULT_MEND");
	drops_writes = writes != NULL && strcmp(writes, "drop") == 0;
	drops_flushes = flush != NULL && strcmp(flush, "drop") == 0;
	if (shared == MAP_FAILED)
		return;
	for (unsigned i = 0; name != NULL && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			kind = (enum kind)i;
	count = shared;
}

/* Files that are kept, not sockets and the log. */
static bool is_kept(int descriptor)
{
	struct stat status;
	if (fstat(descriptor, &status) != 0 || (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)))
		return false;
	return (fcntl(descriptor, F_GETFL) & O_APPEND) == 0 && status.st_nlink > 0;
}

static unsigned long at(void)
{
	return atomic_load(count + 1);
}

static bool is_full(void)
{
	return kind == KIND_FULL && at() != 0 && atomic_load(count) >= at() && (mend == NULL || access(mend, F_OK) != 0);
}

/* True: the call is to fail, and errno is set. */
static bool strikes(bool needs_space)
{
	if (count == NULL || kind == KIND_MEMORY)
		return false;
	const unsigned long now = atomic_fetch_add(count, 1) + 1;
	if (now == at() && kind == KIND_KILL)
		raise(SIGKILL);
	if (now == at() && kind == KIND_EIO) {
		errno = EIO;
		return true;
	}
	if (needs_space && is_full()) {
		errno = ENOSPC;
		return true;
	}
	return false;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static bool is_journal(int descriptor)
{
	char link[64];
	char path[512] = { 0 };
	snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
	return readlink(link, path, sizeof(path) - 1) > 0 && strstr(path, "/journal") != NULL;
}

static bool has_poison(const void *bytes, size_t length)
{
	return poison != NULL && *poison != '\0' && memmem(bytes, length, poison, strlen(poison)) != NULL;
}

/* What is written before a failure is a part of it. */
static void write_half(int descriptor, const struct iovec *parts, off_t offset)
{
	if (kind == KIND_EIO && parts[0].iov_len > 8)
		(void)!REAL(pwrite)(descriptor, parts[0].iov_base, parts[0].iov_len / 2, offset);
}

ssize_t pwritev(int descriptor, const struct iovec *parts, int part_count, off_t offset)
{
	if (is_kept(descriptor) && strikes(true)) {
		write_half(descriptor, parts, offset);
		return -1;
	}
	if (drops_writes && is_journal(descriptor)) {
		ssize_t length = 0;
		for (int i = 0; i < part_count; i++)
			length += (ssize_t)parts[i].iov_len;
		return length;
	}
	return REAL(pwritev)(descriptor, parts, part_count, offset);
}

ssize_t pwritev64(int descriptor, const struct iovec *parts, int part_count, off64_t offset)
{
	return pwritev(descriptor, parts, part_count, offset);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset)
{
	if (is_kept(descriptor) && strikes(true))
		return -1;
	return REAL(pwrite)(descriptor, bytes, length, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t offset)
{
	return pwrite(descriptor, bytes, length, offset);
}

ssize_t write(int descriptor, const void *bytes, size_t length)
{
	if (has_poison(bytes, length))
		raise(SIGKILL);
	if (count != NULL && is_kept(descriptor) && strikes(true))
		return -1;
	return REAL(write)(descriptor, bytes, length);
}

ssize_t send(int descriptor, const void *bytes, size_t length, int flags)
{
	if (has_poison(bytes, length))
		raise(SIGKILL);
	return REAL(send)(descriptor, bytes, length, flags);
}

ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags)
{
	for (size_t i = 0; poison != NULL && i < message->msg_iovlen; i++)
		if (has_poison(message->msg_iov[i].iov_base, message->msg_iov[i].iov_len))
			raise(SIGKILL);
	return REAL(sendmsg)(descriptor, message, flags);
}

ssize_t writev(int descriptor, const struct iovec *parts, int part_count)
{
	for (int i = 0; i < part_count; i++)
		if (has_poison(parts[i].iov_base, parts[i].iov_len))
			raise(SIGKILL);
	return REAL(writev)(descriptor, parts, part_count);
}

int fsync(int descriptor)
{
	if (strikes(false))
		return -1;
	return drops_flushes ? 0 : REAL(fsync)(descriptor);
}

int fdatasync(int descriptor)
{
	if (strikes(false))
		return -1;
	return drops_flushes ? 0 : REAL(fdatasync)(descriptor);
}

int ftruncate(int descriptor, off_t length)
{
	if (is_kept(descriptor) && strikes(false))
		return -1;
	return REAL(ftruncate)(descriptor, length);
}

int ftruncate64(int descriptor, off64_t length)
{
	return ftruncate(descriptor, length);
}

int fallocate(int descriptor, int mode, off_t offset, off_t length)
{
	if (strikes(true))
		return -1;
	return REAL(fallocate)(descriptor, mode, offset, length);
}

int posix_fallocate(int descriptor, off_t offset, off_t length)
{
	if (strikes(true))
		return errno;
	return REAL(posix_fallocate)(descriptor, offset, length);
}

int rename(const char *from, const char *to)
{
	return strikes(false) ? -1 : REAL(rename)(from, to);
}

int unlink(const char *path)
{
	return strikes(false) ? -1 : REAL(unlink)(path);
}

static int open_checked(const char *path, int flags, mode_t mode)
{
	if ((flags & O_CREAT) != 0 && count != NULL && strikes(true))
		return -1;
	return REAL(open)(path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	__builtin_va_list list;
	__builtin_va_start(list, flags);
	const mode_t mode = (flags & O_CREAT) != 0 ? __builtin_va_arg(list, mode_t) : 0;
	__builtin_va_end(list);
	return open_checked(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	__builtin_va_list list;
	__builtin_va_start(list, flags);
	const mode_t mode = (flags & O_CREAT) != 0 ? __builtin_va_arg(list, mode_t) : 0;
	__builtin_va_end(list);
	return open_checked(path, flags, mode);
}

#ifdef FAULT_MEMORY
/* glibc's own names for these: dlsym would ask them for memory. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t number, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

static bool is_out_of_memory(void)
{
	if (kind != KIND_MEMORY || atomic_fetch_add(count, 1) + 1 != at())
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return is_out_of_memory() ? NULL : __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
	return is_out_of_memory() ? NULL : __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size)
{
	return is_out_of_memory() ? NULL : __libc_realloc(memory, size);
}

#endif

int clock_gettime(clockid_t which, struct timespec *now)
{
	const int result = REAL(clock_gettime)(which, now);
	if (clock_file == NULL || which != CLOCK_REALTIME)
		return result;
	char text[32] = { 0 };
	const int file = REAL(open)(clock_file, O_RDONLY | O_CLOEXEC);
	if (file >= 0 && read(file, text, sizeof(text) - 1) > 0)
		now->tv_sec += strtol(text, NULL, 10);
	if (file >= 0)
		close(file);
	return result;
}

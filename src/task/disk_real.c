#include "base/must.h"
#include "task/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PARTS_MOST = 256, INODES_LEAST = 16 };

struct disk_file {
	int descriptor;
};

static enum disk_result result_of_errno(void)
{
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		return DISK_ABSENT;
	case ENOSPC:
	case EDQUOT:
		return DISK_FULL;
	default:
		return DISK_FAILED;
	}
}

static enum disk_result result_of(int returned)
{
	return returned == 0 ? DISK_OK : result_of_errno();
}

static enum disk_result real_open(struct disk *disk, const char *path, unsigned flags, struct disk_file **file)
{
	(void)disk;
	const int creating = (flags & DISK_CREATE) != 0 ? O_CREAT : 0;
	const int exclusive = (flags & DISK_EXCLUSIVE) != 0 ? O_EXCL : 0;
	const int descriptor = open(path, O_RDWR | O_CLOEXEC | creating | exclusive, 0640);
	if (descriptor < 0)
		return result_of_errno();
	*file = must_alloc(1, sizeof(**file));
	(*file)->descriptor = descriptor;
	return DISK_OK;
}

static void real_close(struct disk *disk, struct disk_file *file)
{
	(void)disk;
	close(file->descriptor);
	free(file);
}

static enum disk_result real_read(struct disk *disk, struct disk_file *file, uint64_t offset, char *into,
                                  size_t length, size_t *got)
{
	(void)disk;
	size_t done = 0;
	while (done < length) {
		const ssize_t part = pread(file->descriptor, into + done, length - done, (off_t)(offset + done));
		if (part < 0 && errno == EINTR)
			continue;
		if (part < 0)
			return result_of_errno();
		if (part == 0)
			break;
		done += (size_t)part;
	}
	*got = done;
	return DISK_OK;
}

/* Takes what was written off the front of the vectors. Returns how many are left. */
static size_t vectors_advance(struct iovec *vectors, size_t count, size_t written)
{
	size_t first = 0;
	while (first < count && written >= vectors[first].iov_len)
		written -= vectors[first++].iov_len;
	if (first < count) {
		vectors[first].iov_base = (char *)vectors[first].iov_base + written;
		vectors[first].iov_len -= written;
	}
	for (size_t i = first; i < count; i++)
		vectors[i - first] = vectors[i];
	return count - first;
}

static enum disk_result write_vectors(int descriptor, uint64_t *offset, struct iovec *vectors, size_t count)
{
	while (count > 0) {
		const ssize_t written = pwritev(descriptor, vectors, (int)count, (off_t)*offset);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return result_of_errno();
		*offset += (uint64_t)written;
		count = vectors_advance(vectors, count, (size_t)written);
	}
	return DISK_OK;
}

static enum disk_result real_write(struct disk *disk, struct disk_file *file, uint64_t offset,
                                   const struct view *parts, size_t part_count)
{
	(void)disk;
	enum disk_result result = DISK_OK;
	for (size_t done = 0; done < part_count && result == DISK_OK;) {
		struct iovec vectors[PARTS_MOST];
		size_t count = 0;
		for (; count < PARTS_MOST && done < part_count; done++, count++)
			vectors[count] = (struct iovec){ (void *)(uintptr_t)parts[done].data, parts[done].length };
		result = write_vectors(file->descriptor, &offset, vectors, count);
	}
	return result;
}

static enum disk_result real_sync(struct disk *disk, struct disk_file *file)
{
	(void)disk;
	if (fdatasync(file->descriptor) < 0)
		return result_of_errno();
	/* A flush that ends while the file system shuts itself down (its journal aborts) may say that all is well on
	 * ext4, and nothing is. From then on a read fails, of what is in memory too. */
	char byte;
	return pread(file->descriptor, &byte, 1, 0) < 0 ? result_of_errno() : DISK_OK;
}

static enum disk_result real_size(struct disk *disk, struct disk_file *file, uint64_t *size)
{
	(void)disk;
	struct stat facts;
	if (fstat(file->descriptor, &facts) < 0)
		return result_of_errno();
	*size = (uint64_t)facts.st_size;
	return DISK_OK;
}

static enum disk_result real_names(struct disk *disk, struct disk_file *file, uint64_t *count)
{
	(void)disk;
	struct stat facts;
	if (fstat(file->descriptor, &facts) < 0)
		return result_of_errno();
	*count = (uint64_t)facts.st_nlink;
	return DISK_OK;
}

static enum disk_result real_truncate(struct disk *disk, struct disk_file *file, uint64_t size)
{
	(void)disk;
	return result_of(ftruncate(file->descriptor, (off_t)size));
}

static enum disk_result real_rename(struct disk *disk, const char *from, const char *to)
{
	(void)disk;
	return result_of(rename(from, to));
}

static enum disk_result real_remove(struct disk *disk, const char *path)
{
	(void)disk;
	return result_of(unlink(path));
}

static enum disk_result real_sync_directory(struct disk *disk, const char *path)
{
	(void)disk;
	const int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (descriptor < 0)
		return result_of_errno();
	const enum disk_result result = result_of(fsync(descriptor));
	close(descriptor);
	return result;
}

static enum disk_result real_make_directory(struct disk *disk, const char *path)
{
	(void)disk;
	return mkdir(path, 0750) == 0 || errno == EEXIST ? DISK_OK : result_of_errno();
}

static enum disk_result real_list(struct disk *disk, const char *path, struct text *names)
{
	(void)disk;
	DIR *directory = opendir(path);
	if (directory == NULL)
		return result_of_errno();
	errno = 0;
	for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
		const struct view name = view_of(entry->d_name);
		if (view_equal(name, VIEW(".")) || view_equal(name, VIEW("..")))
			continue;
		text_add(names, (struct view){ name.data, name.length + 1 });
	}
	const bool good = errno == 0 && !names->overflow;
	closedir(directory);
	return good ? DISK_OK : DISK_FAILED;
}

static enum disk_result real_free_space(struct disk *disk, const char *path, uint64_t *bytes)
{
	(void)disk;
	struct statvfs facts;
	if (statvfs(path, &facts) < 0)
		return result_of_errno();
	/* A system that counts no inodes says 0 of 0. */
	const bool has_inodes = facts.f_files == 0 || facts.f_favail >= INODES_LEAST;
	*bytes = has_inodes ? (uint64_t)facts.f_bavail * facts.f_frsize : 0;
	return DISK_OK;
}

struct disk *disk_real(void)
{
	static const struct disk_operations operations = {
		.open = real_open,
		.close = real_close,
		.read = real_read,
		.write = real_write,
		.sync = real_sync,
		.size = real_size,
		.names = real_names,
		.truncate = real_truncate,
		.rename = real_rename,
		.remove = real_remove,
		.sync_directory = real_sync_directory,
		.make_directory = real_make_directory,
		.list = real_list,
		.free_space = real_free_space,
	};
	static struct disk disk = { .operations = &operations };
	return &disk;
}

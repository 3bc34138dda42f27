/* The inside of the simulated disk, for its own files.
 * Promises: now is durable with all writes done to it, and so are the names.
 * Does not know: who uses the disk. */
#ifndef TASK_DISK_SIM_PRIVATE_H
#define TASK_DISK_SIM_PRIVATE_H

#include "base/list.h"
#include "task/disk_sim.h"

#define DISK_SIM_FILE_MOST ((size_t)256 * 1024 * 1024)
#define DISK_SIM_PATH_MOST 512u

/* A write or truncate that is not synced. */
struct disk_sim_write {
	struct link link;
	bool is_truncate;
	uint64_t offset; /* truncate: the size before */
	uint64_t size;   /* of the file afterwards */
	struct text bytes;
};

/* A file or directory, whatever its names are. */
struct disk_sim_node {
	struct link link; /* in the disk's nodes */
	bool is_directory;
	struct text now;
	struct text durable;
	struct list writes;
	unsigned open;
	bool is_used;               /* while the disk is swept */
	struct disk_sim_node *twin; /* while the disk is copied */
};

struct disk_sim_name {
	struct link link;
	char *path; /* "queue/journal/0001": no slash at either end */
	struct disk_sim_node *node;
};

/* A change of names that is not synced. from NULL: made; to NULL: removed. */
struct disk_sim_change {
	struct link link;
	char *from;
	char *to;
	struct disk_sim_node *node;
};

struct disk_sim {
	struct disk disk;
	struct list nodes;
	struct list now; /* names */
	struct list durable;
	struct list changes;
	struct disk_sim_deaf deaf;
	enum disk_result (*before)(void *context, enum disk_sim_call call, const char *path);
	void *context;
	unsigned open;
	uint64_t octets_read;
};

struct disk_sim *disk_sim_of(const struct disk *disk);
struct disk_sim_node *disk_sim_node_new(struct disk_sim *sim, bool is_directory);
void disk_sim_node_sync(struct disk_sim_node *node);
/* Bytes at an offset, the file becoming longer where need be. */
void disk_sim_bytes_put(struct text *bytes, uint64_t offset, struct view view);
void disk_sim_bytes_resize(struct text *bytes, uint64_t size);

char *disk_sim_path_copy(struct view path);
struct view disk_sim_parent(const char *path); /* empty: the root */
struct disk_sim_name *disk_sim_name_find(const struct list *names, struct view path);
void disk_sim_name_set(struct list *names, const char *path, struct disk_sim_node *node);
void disk_sim_name_free(struct list *names, struct disk_sim_name *name);
void disk_sim_change_apply(const struct disk_sim_change *change, struct list *names);
void disk_sim_change_free(struct list *changes, struct disk_sim_change *change);
void disk_sim_sweep(struct disk_sim *sim); /* nodes that nothing leads to are freed */

#endif

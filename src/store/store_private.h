/* The inside of the store, shared by its files.
 * Promises: everything here belongs to the loop, except what is handed to a worker for the time of one call.
 * Does not know: who uses the store. */
#ifndef STORE_STORE_PRIVATE_H
#define STORE_STORE_PRIVATE_H

#include "base/list.h"
#include "base/map.h"
#include "base/text.h"
#include "store/history.h"
#include "store/index.h"
#include "store/journal.h"
#include "store/record.h"
#include "store/store.h"

#define GROUP_BYTES_MOST   ((size_t)4 * 1024 * 1024)
#define GROUP_RECORDS_MOST ((size_t)4096)
#define BATCH_RECORDS_MOST ((size_t)20000)
#define QUEUED_BYTES_MOST  ((size_t)64 * 1024 * 1024)
#define UNAPPLIED_MOST     ((size_t)50000)
#define CACHE_BYTES_MOST   ((size_t)32 * 1024 * 1024)
#define CACHE_CONTENT_MOST ((size_t)1024 * 1024)
#define SETTLE_DEFAULT     (100 * MILLISECOND)
#define TIME_SAVED_EVERY   MINUTE
#define SPACE_LOOKED_EVERY SECOND
#define FULL_RETRY         (100 * MILLISECOND)
#define COMPANY_PATIENCE   (2 * MILLISECOND)
#define COMPANY_MOST       64
#define COMPACT_EVERY      (10 * SECOND)
#define SPARES             8u
#define PATH_LENGTH_MOST   3500u

/* A record on its way: queued, being written, durable, being applied, settled. Shared by the lists and by whoever
 * waits for it. */
struct pending {
	struct link link; /* in one of the store's lists */
	unsigned references;
	uint16_t type;
	struct message_id id;
	bool has_about;
	struct message_id about; /* of a payment */
	struct text head;
	struct text content; /* given up once durable */
	uint64_t sequence;   /* once written */
	struct journal_place place;
	bool done;
	enum store_outcome outcome;
	struct signal ended;
};

/* What has changed and the index may not know yet. Messages and debts are told apart by their keys. */
struct overlay {
	uint64_t sequence; /* of the last durable change */
	unsigned in_flight;
};

/* A question to the index that has begun: it may see a state as old as this. */
struct snapshot {
	struct link link;
	uint64_t floor;
};

struct cached {
	struct link link;
	struct message_id id;
	struct text content;
};

struct store {
	struct world *world;
	struct store_settings settings;
	char *directory;
	char *journal_directory;
	char *history_directory;
	char *index_path;
	struct sql_disk *sql_disk; /* in a simulated world only */
	struct sql_real *sql_real; /* in the real one */
	const char *vfs;
	int lock; /* -1: none */

	/* One thread each: an index commit never delays a group, an operator's question never a lane. */
	struct worker *journal_worker;
	struct worker *index_worker;
	struct worker *reader_worker;
	struct worker *query_worker;
	struct journal *journal;               /* of the journal worker */
	struct index *index;                   /* of the index worker */
	struct history *history;               /* of the index worker */
	struct index_reader *reader;           /* of the reader worker */
	struct index_reader *query;            /* of the query worker */
	struct history_reader *history_reader; /* holds nothing open: of both */

	struct task_group tasks;   /* that write: they end by themselves once closing */
	struct task_group keepers; /* that look after space: cancelled */
	bool closing;
	bool failed;
	bool writing; /* a group is with the worker */

	int64_t time_base; /* queue time when the world's clock was at time_origin */
	int64_t time_origin;
	uint64_t next_seq;
	int64_t time_saved;

	struct list queued;
	size_t queued_bytes;
	struct list durable;
	struct list settled;
	uint64_t durable_sequence;
	uint64_t applied_sequence;
	struct journal_position applied_end; /* the index's position */
	struct signal append_wanted;
	struct signal apply_wanted;
	struct signal progress; /* something was written, or applied */
	bool settle_wanted;

	struct map overlay;
	struct list snapshots;

	struct list cache_order;
	struct map cache;
	size_t cache_bytes;

	uint64_t free_space;
	bool is_full; /* the disk itself said so, lately */

	uint64_t retire_below; /* segments before this one, and not kept, hold nothing that is needed */
	struct text retire_kept;
	bool is_prepared;      /* a file for the next segment, of which the journal will hear with its next group */
	struct signal prepare; /* the journal would like one */
	struct {
		uint64_t segment;
		size_t count;
	} retire_seen;            /* so that it is looked at only when something can have changed */
	struct text living;       /* struct index_segment each: the loop's copy */
	uint64_t applied_segment; /* every record before this segment has been applied */
	struct arena scratch;     /* for the hooks' arguments */
	struct store_figures figures;
};

/* store_append.c */
struct pending *pending_new(uint16_t type, const struct message_id *id);
void pending_release(struct pending *pending);
void store_queue(struct store *store, struct pending *pending);
enum store_outcome store_await(struct store *store, struct pending *pending); /* takes the caller's reference */
void store_write_task(void *store);
void store_fail(struct store *store, struct view why);
void store_free_list(struct list *list);

/* store_apply.c */
void store_apply_task(void *store);
enum store_outcome store_settle(struct store *store);
struct view overlay_key(const struct message_id *id, bool is_debt, char key[17]);
void overlay_begin(struct store *store, const struct pending *pending);
void overlay_end(struct store *store, const struct pending *pending);
bool overlay_hides(const struct store *store, const struct message_id *id, bool is_debt, uint64_t applied);
void snapshot_begin(struct store *store, struct snapshot *snapshot);
void snapshot_end(struct store *store, struct snapshot *snapshot);
void store_space_task(void *store);

/* store_replay.c: on the journal's worker, before anything else runs. False: *problem. */
bool store_replay(struct store *store, struct text *problem, struct text *damages);

/* store_prepare.c */
/* What a former life was filling is removed: on a full disk its space is wanted first. Under the lock. */
void store_prepare_forget(struct store *store);
void store_prepare_task(void *store);

/* store_compact.c */
void store_compact_task(void *store);

/* store_read.c */
void cache_put(struct store *store, const struct message_id *id, struct text *content); /* takes the content */
void cache_drop(struct store *store, const struct message_id *id);
void cache_deinit(struct store *store);

#endif

#include "cli/offline.h"

#include "base/clock.h"
#include "cli/table.h"
#include "store/lock.h"
#include "store/store.h"

#include <errno.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

struct offline {
	struct cli *cli;
	struct world *world;
	struct config *config;
	struct store *store;
	struct text directory; /* of the queue */
	int lock;
	enum outcome_code (*run)(struct offline *offline);
	enum outcome_code result;
	/* of export */
	const json_t *filters;
	void (*row)(const json_t *row);
	/* of check */
	void (*progress)(const json_t *slice);
	json_t *faults;
	json_t *last;
};

/* ---- opening */

/* What we write belongs to the user of the queue's room, as the rest does. */
static bool become_owner(const struct stat *status)
{
	if (geteuid() != 0 || status->st_uid == 0)
		return true;
	return setgroups(0, NULL) == 0 && setgid(status->st_gid) == 0 && setuid(status->st_uid) == 0;
}

static const char *remedy(const char *path)
{
	return access(path, W_OK) != 0 && errno == EACCES ? "; run this as root" : "";
}

static bool take_directory(struct offline *offline)
{
	const struct view state = offline->config->state_directory;
	struct text problem = TEXT_LIMIT(8192);
	struct text path = TEXT_LIMIT(4096);
	struct stat status;
	text_print(&offline->directory, "%.*s/queue", VIEW_PRINT(state));
	text_print(&path, "%.*s/lock", VIEW_PRINT(state));
	bool good = stat(text_cstring(&offline->directory), &status) == 0;
	if (!good)
		cli_fail(UNREACHED, "no daemon answers, and no queue is found at %s: %s%s", text_cstring(&offline->directory),
		         strerror(errno), remedy(text_cstring(&path)));
	if (good) {
		offline->lock = lock_take(text_cstring(&path), &problem);
		good = offline->lock >= 0;
		if (!good)
			cli_fail(UNREACHED, "the daemon does not answer, and its queue cannot be read beside it: %s%s",
			         text_cstring(&problem), remedy(text_cstring(&path)));
	}
	if (good && !become_owner(&status)) {
		cli_fail(UNREACHED, "cannot become the owner of %s: %s", text_cstring(&offline->directory), strerror(errno));
		good = false;
	}
	text_deinit(&path);
	text_deinit(&problem);
	return good;
}

static void tell_problem(void *context, struct view what)
{
	(void)context;
	struct text safe = TEXT_LIMIT(65536);
	text_add_safe(&safe, what);
	fprintf(stderr, "sealpost: %s\n", text_cstring(&safe));
	text_deinit(&safe);
}

static void ignore_accepted(void *context, const struct store_message *message, const struct store_payment *payment,
                            const struct store_stamp *stamp)
{
	(void)context, (void)message, (void)payment, (void)stamp;
}

static void ignore_changed(void *context, const struct store_change *change, const struct store_stamp *stamp)
{
	(void)context, (void)change, (void)stamp;
}

static void ignore_hold(void *context, struct view account, struct view reason)
{
	(void)context, (void)account, (void)reason;
}

static void offline_task(void *argument)
{
	struct offline *offline = argument;
	struct text problem = TEXT_LIMIT(8192);
	const struct store_settings settings = {
		.directory = text_cstring(&offline->directory),
		.reserve = offline->config->queue.reserve,
		.retention = offline->config->history.retention,
		.hooks = { .accepted = ignore_accepted,
		           .changed = ignore_changed,
		           .account_held = ignore_hold,
		           .problem = tell_problem },
	};
	offline->store = store_open(offline->world, &settings, &problem);
	if (offline->store == NULL) {
		offline->result = cli_fail(NO, "%s", text_cstring(&problem));
	} else {
		offline->result = offline->run(offline);
		store_close(offline->store);
		store_free(offline->store);
	}
	text_deinit(&problem);
}

static enum outcome_code offline_play(struct offline *offline)
{
	offline->directory = (struct text)TEXT_LIMIT(4096);
	offline->lock = -1;
	offline->result = UNREACHED;
	offline->config = cli_read_config(offline->cli);
	if (offline->config != NULL && take_directory(offline)) {
		offline->world = world_real_new(NULL);
		task_start(offline->world, "offline", offline_task, offline);
		world_real_run(offline->world);
		world_real_free(offline->world);
	}
	lock_release(offline->lock);
	config_free(offline->config);
	text_deinit(&offline->directory);
	return offline->result;
}

/* ---- export */

static struct view filter_of(const struct offline *offline, const char *name)
{
	const json_t *value = json_object_get(offline->filters, name);
	return value == NULL ? VIEW_NONE : view_bytes(json_string_value(value), json_string_length(value));
}

static const char *state_name(const struct store_row *row, const struct store_account_hold_row *holds, size_t count)
{
	bool held = row->state == STORE_HELD;
	for (size_t i = 0; i < count; i++)
		held |= view_equal(holds[i].account, row->account);
	if (held)
		return "held";
	return row->state == STORE_QUEUED ? "queued" : "deferred";
}

static void add_time(json_t *line, const char *name, int64_t wall)
{
	struct text time = TEXT_LIMIT(40);
	text_add_time_rfc3339(&time, wall);
	if (wall != 0)
		json_object_set_new(line, name, json_string(text_cstring(&time)));
	text_deinit(&time);
}

static void add_view(json_t *line, const char *name, struct view value)
{
	json_t *string = json_stringn(value.data != NULL ? value.data : "", value.length);
	json_object_set_new(line, name, string != NULL ? string : json_string("not UTF-8"));
}

static void give_row(const struct offline *offline, const struct store_row *row, const char *state)
{
	struct text id = TEXT_LIMIT(ID_TEXT_LENGTH);
	json_t *line = json_object();
	text_add_id(&id, &row->id);
	add_view(line, "id", text_view(&id));
	add_view(line, "account", row->account);
	add_view(line, "sender", row->sender);
	add_view(line, "recipient", row->address);
	add_view(line, "state", view_of(state));
	json_object_set_new(line, "attempts", json_integer(row->attempts));
	add_time(line, "next_attempt", store_wall_of(offline->store, row->due));
	json_object_set_new(line, "size", json_integer((json_int_t)row->size));
	offline->row(line);
	json_decref(line);
	text_deinit(&id);
}

static bool row_fits(const struct offline *offline, const struct store_row *row, const char *state)
{
	const struct view wanted = filter_of(offline, "state");
	const struct view site = filter_of(offline, "site");
	return (wanted.length == 0 || view_equal(wanted, view_of(state))) &&
	       (site.length == 0 || view_equal_nocase(site, row->site));
}

static enum outcome_code export_run(struct offline *offline)
{
	enum { PAGE = 1000 };
	struct arena arena = { 0 };
	struct store_account_hold_row *holds = NULL;
	size_t hold_count = 0;
	struct store_filter filter = {
		.account = filter_of(offline, "account"),
		.sender_domain = filter_of(offline, "sender_domain"),
		.address = filter_of(offline, "recipient"),
		.domain = filter_of(offline, "recipient_domain"),
	};
	filter.has_id = id_parse(filter_of(offline, "id"), &filter.id);
	struct store_cursor cursor = { 0 };
	struct store_rows page = { .more = true };
	bool good = store_account_holds(offline->store, &arena, &holds, &hold_count) == STORE_DONE;
	struct arena rows = { 0 };
	while (good && page.more) {
		arena_clear(&rows);
		good = store_list(offline->store, &filter, &cursor, PAGE, &rows, &page) == STORE_DONE;
		for (size_t i = 0; good && i < page.row_count; i++) {
			const char *state = state_name(&page.rows[i], holds, hold_count);
			if (row_fits(offline, &page.rows[i], state))
				give_row(offline, &page.rows[i], state);
		}
	}
	arena_deinit(&rows);
	arena_deinit(&arena);
	return good ? DONE : cli_fail(NO, "the queue in %s could not be read", text_cstring(&offline->directory));
}

enum outcome_code offline_export(struct cli *cli, const json_t *filters, void (*row)(const json_t *row))
{
	struct offline offline = { .cli = cli, .run = export_run, .filters = filters, .row = row };
	return offline_play(&offline);
}

/* ---- check */

static enum outcome_code check_run(struct offline *offline)
{
	struct arena arena = { 0 };
	struct store_check check = { 0 };
	bool good = true;
	while (good && !check.done) {
		arena_clear(&arena);
		good = store_check(offline->store, &arena, &check) == STORE_DONE;
		for (size_t i = 0; good && i < check.fault_count; i++)
			json_array_append_new(offline->faults, json_stringn(check.faults[i].data, check.faults[i].length));
		json_decref(offline->last);
		offline->last = json_pack("{sI sI}", "checked", (json_int_t)check.checked, "total", (json_int_t)check.total);
		offline->progress(offline->last);
	}
	arena_deinit(&arena);
	return good ? DONE : cli_fail(NO, "the queue in %s could not be read", text_cstring(&offline->directory));
}

enum outcome_code offline_check(struct cli *cli, void (*progress)(const json_t *slice), json_t *faults, json_t **last)
{
	struct offline offline = { .cli = cli, .run = check_run, .progress = progress, .faults = faults };
	const enum outcome_code result = offline_play(&offline);
	*last = offline.last;
	return result;
}

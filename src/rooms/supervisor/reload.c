#include "base/must.h"
#include "rooms/supervisor/files.h"
#include "rooms/supervisor/notify.h"
#include "rooms/supervisor/supervisor_private.h"

struct config *supervisor_read_config(const char *path, struct text *yaml, struct text *complaints)
{
	struct config_problems problems = { 0 };
	yaml->limit = CONTROL_PACKET_MOST - 1024;
	text_clear(yaml);
	if (!file_read(path, yaml, complaints)) {
		text_add_byte(complaints, '\n');
		return NULL;
	}
	struct config *config = config_parse(text_view(yaml), path, &problems);
	config_problems_write(&problems, path, complaints);
	config_problems_deinit(&problems);
	return config;
}

void supervisor_log_lines(struct supervisor *supervisor, enum log_level level, struct view lines)
{
	struct view line;
	while (view_split(&lines, '\n', &line))
		if (line.length > 0)
			log_line(&supervisor->log, level, line, NULL, 0);
}

/* ---- what a running service does not take over */

static bool endpoint_is_same(const struct endpoint *old, const struct endpoint *new)
{
	return endpoint_equal_address(old, new) && old->port == new->port;
}

/* What else is said of an address holds at once, wherever it stands. */
static bool listeners_are_same(const struct config *old, const struct config *new)
{
	size_t same = 0;
	for (size_t i = 0; i < old->listener_count; i++)
		for (size_t j = 0; j < new->listener_count; j++)
			same += endpoint_is_same(&old->listeners[i].address, &new->listeners[j].address) ? 1 : 0;
	return same == old->listener_count && same == new->listener_count;
}

static bool endpoints_are_same(const struct config_endpoints *old, const struct config_endpoints *new)
{
	if (old->count != new->count)
		return false;
	for (size_t i = 0; i < old->count; i++)
		if (!endpoint_is_same(&old->items[i], &new->items[i]))
			return false;
	return true;
}

static void tell_unapplied(const struct config *old, const struct config *new, struct text *complaints)
{
	const struct {
		const char *key;
		bool same;
	} rows[] = {
		{ "state_directory", view_equal(old->state_directory, new->state_directory) },
		{ "runtime_directory", view_equal(old->runtime_directory, new->runtime_directory) },
		{ "user", view_equal(old->user, new->user) },
		{ "processes.submission", old->processes.submission == new->processes.submission },
		{ "processes.delivery", old->processes.delivery == new->processes.delivery },
		{ "listeners", listeners_are_same(old, new) },
		{ "tls.certificate", view_equal(old->tls.certificate, new->tls.certificate) },
		{ "tls.key", view_equal(old->tls.key, new->tls.key) },
		{ "vault.key_file", view_equal(old->vault.key_file, new->vault.key_file) },
		{ "api.socket", view_equal(old->api.socket, new->api.socket) },
		{ "api.listen", endpoints_are_same(&old->api.listen, &new->api.listen) },
		{ "log.to", view_equal(old->log.to, new->log.to) },
	};
	bool has_told = false;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].same)
			continue;
		text_print(complaints, "%s%s", has_told ? ", " : "", rows[i].key);
		has_told = true;
	}
	if (has_told)
		text_add(complaints, VIEW(": changed only when the service is started again\n"));
}

/* ---- reload */

struct reloading {
	struct supervisor *supervisor;
	struct child *asked_by; /* NULL: SIGHUP */
};

static void apply(struct supervisor *supervisor, struct config *config, const struct text *yaml,
                  struct text *complaints)
{
	tell_unapplied(supervisor->begun, config, complaints);
	if (supervisor->config != supervisor->begun)
		config_free(supervisor->config);
	supervisor->config = config;
	text_clear(&supervisor->yaml);
	text_add(&supervisor->yaml, text_view(yaml));
	supervisor_copy_zones(supervisor, complaints);
	/* Each room says that it has taken it, so that whoever asked may rely on it; one after the other, so that none
	 * remembers what a room that it asks has said before. */
	const int64_t deadline = world_now(supervisor->world) + 5 * SECOND;
	for (size_t i = 0; i < supervisor->child_count; i++) {
		struct child *child = &supervisor->children[i];
		child->ready = false;
		child_say_configuration(child);
		while (!child->ready && signal_wait(&supervisor->changed, deadline) == WAIT_DONE)
			continue;
	}
}

static void reload_run(void *argument)
{
	struct reloading *reloading = argument;
	struct supervisor *supervisor = reloading->supervisor;
	struct text yaml = TEXT_LIMIT(CONTROL_PACKET_MOST);
	struct text complaints = TEXT_LIMIT(16384);
	notify(VIEW("RELOADING=1"));
	struct config *config = supervisor_read_config(supervisor->options->config_path, &yaml, &complaints);
	const bool good = config != NULL;
	if (good)
		apply(supervisor, config, &yaml, &complaints);
	log_print(&supervisor->log, good ? LOG_INFO : LOG_ERROR,
	          good ? "configuration applied" : "configuration not applied; the one before stays in force");
	supervisor_log_lines(supervisor, LOG_WARNING, text_view(&complaints));
	if (reloading->asked_by != NULL)
		child_say(reloading->asked_by, &(struct control_message){
										   .kind = CONTROL_RELOADED,
										   .number = good ? 1 : 0,
										   .text = text_view(&complaints),
										   .descriptor = -1,
									   });
	notify(VIEW("READY=1"));
	text_deinit(&yaml);
	text_deinit(&complaints);
	free(reloading);
}

/* In a task of its own: it waits for the rooms, and so must not hold up whoever listens to them. */
void supervisor_reload(struct supervisor *supervisor, struct child *asked_by)
{
	struct reloading *reloading = must_alloc(1, sizeof(*reloading));
	*reloading = (struct reloading){ .supervisor = supervisor, .asked_by = asked_by };
	task_start(supervisor->world, "reload", reload_run, reloading);
}

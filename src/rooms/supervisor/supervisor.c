#include "rooms/supervisor/notify.h"
#include "rooms/supervisor/supervisor_private.h"

#include "base/must.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static const int64_t drain_time = 10 * SECOND;
static const int64_t settled_after = MINUTE; /* a room that ran so long starts with no failures */

/* ---- a child's life */

static void announce_ready(struct supervisor *supervisor)
{
	if (supervisor->announced)
		return;
	for (size_t i = 0; i < supervisor->child_count; i++)
		if (!supervisor->children[i].ready)
			return;
	supervisor->announced = true;
	log_print(&supervisor->log, LOG_INFO, "ready");
	notify(VIEW("READY=1"));
}

static void child_listen(void *argument)
{
	struct child *child = argument;
	struct supervisor *supervisor = child->supervisor;
	struct text packet = { 0 };
	struct control_message message;
	const int control = child->control;
	while (control_receive(supervisor->world, control, &packet, &message) == CONTROL_OK) {
		if (message.kind == CONTROL_READY) {
			child->ready = true;
			announce_ready(supervisor);
		} else if (message.kind == CONTROL_FAILED) {
			const bool may_pass = message.number != 0;
			log_print(&supervisor->log, LOG_ERROR, "%s cannot start: %.*s%s", room_name(child->room),
			          VIEW_PRINT(message.text), may_pass ? "; there is less space than the reserve" : "");
			/* A room that never could start will not after a restart: the service does not come up. */
			if (!supervisor->announced && !may_pass) {
				supervisor->exit_code = 1;
				kill(getpid(), SIGTERM);
			}
		} else if (message.kind == CONTROL_RELOAD) {
			supervisor_reload(supervisor, child);
		}
		if (message.descriptor >= 0)
			close(message.descriptor); /* rooms have none to give */
		signal_wake_all(&supervisor->changed);
	}
	text_deinit(&packet);
}

static bool child_launch(struct supervisor *supervisor, struct child *child)
{
	struct text problem = TEXT_LIMIT(512);
	const bool good = child_start(child, supervisor->options->program, &problem);
	if (good) {
		child->started = world_now(supervisor->world);
		child_introduce(child);
		task_start(supervisor->world, "child", child_listen, child);
	} else {
		log_print(&supervisor->log, LOG_ERROR, "cannot start %s: %s", room_name(child->room), text_cstring(&problem));
	}
	text_deinit(&problem);
	return good;
}

static void child_begin(struct child *child)
{
	child_say(child, &(struct control_message){ .kind = CONTROL_START, .descriptor = -1 });
}

static void child_start_again(void *argument)
{
	struct child *child = argument;
	struct supervisor *supervisor = child->supervisor;
	for (;;) {
		if (task_sleep(supervisor->world,
		               child_restart_delay(child->failures, world_random_u64(supervisor->world))) != WAIT_DONE ||
		    supervisor->stopping)
			return;
		if (child_launch(supervisor, child))
			break;
		child->failures++;
	}
	child_wire(supervisor, child, false);
	child_begin(child);
}

static void child_ended(struct supervisor *supervisor, struct child *child, int status)
{
	const bool by_signal = WIFSIGNALED(status);
	const int64_t ran = world_now(supervisor->world) - child->started;
	close(child->control); /* its listener task ends */
	child->control = -1;
	child->pid = 0;
	child->ready = false;
	child->gone = true;
	signal_wake_all(&supervisor->changed);
	if (supervisor->stopping)
		return;
	child->failures = ran > settled_after ? 0 : child->failures + 1;
	log_print(&supervisor->log, LOG_ERROR, "%s %u ended (%s %d) after %lld s; it is started again",
	          room_name(child->room), child->instance, by_signal ? "signal" : "exit code",
	          by_signal ? WTERMSIG(status) : WEXITSTATUS(status), (long long)(ran / SECOND));
	/* The first death is mended at once; a room that keeps dying waits longer each time. */
	if (child->failures > 0)
		child->failures--;
	task_start(supervisor->world, "start again", child_start_again, child);
	child->failures++;
}

static void reap(struct supervisor *supervisor)
{
	int status = 0;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		for (size_t i = 0; i < supervisor->child_count; i++)
			if (supervisor->children[i].pid == pid)
				child_ended(supervisor, &supervisor->children[i], status);
}

/* ---- end */

static bool any_running(const struct supervisor *supervisor, enum room room)
{
	for (size_t i = 0; i < supervisor->child_count; i++)
		if (supervisor->children[i].room == room && supervisor->children[i].pid != 0)
			return true;
	return false;
}

static void stop_room(struct supervisor *supervisor, enum room room, int64_t deadline)
{
	for (size_t i = 0; i < supervisor->child_count; i++)
		if (supervisor->children[i].room == room)
			child_say(&supervisor->children[i], &(struct control_message){ .kind = CONTROL_STOP, .descriptor = -1 });
	while (any_running(supervisor, room) && signal_wait(&supervisor->changed, deadline) == WAIT_DONE)
		continue;
}

/* First those that take work, then those that do it, last those that keep it. */
static void stop_all(void *argument)
{
	static const enum room order[] = {
		ROOM_SUBMISSION, ROOM_DELIVERY, ROOM_API, ROOM_RESOLVER, ROOM_QUEUE, ROOM_VAULT
	};
	struct supervisor *supervisor = argument;
	const int64_t deadline = world_now(supervisor->world) + drain_time;
	notify(VIEW("STOPPING=1"));
	log_print(&supervisor->log, LOG_INFO, "stopping");
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		stop_room(supervisor, order[i], deadline);
	for (size_t i = 0; i < supervisor->child_count; i++)
		if (supervisor->children[i].pid != 0)
			kill(supervisor->children[i].pid, SIGKILL);
	while (true) {
		bool running = false;
		for (unsigned room = 0; room < ROOM_COUNT; room++)
			running = running || any_running(supervisor, (enum room)room);
		if (!running || signal_wait(&supervisor->changed, deadline + SECOND) != WAIT_DONE)
			break;
	}
	log_print(&supervisor->log, LOG_INFO, "stopped");
	world_stop(supervisor->world);
}

/* ---- signals */

static void watch_signals(void *argument)
{
	struct supervisor *supervisor = argument;
	for (;;) {
		struct signalfd_siginfo info;
		if (read(supervisor->signals, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
			if (world_wait_descriptor(supervisor->world, supervisor->signals, READY_TO_READ, NEVER_DUE) != WAIT_DONE)
				return;
			continue;
		}
		if (info.ssi_signo == SIGCHLD) {
			reap(supervisor);
		} else if (info.ssi_signo == SIGHUP) {
			supervisor_reload(supervisor, NULL);
		} else if (!supervisor->stopping) {
			supervisor->stopping = true;
			task_start(supervisor->world, "stop", stop_all, supervisor);
		}
	}
}

static bool open_signals(struct supervisor *supervisor)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return false;
	supervisor->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return supervisor->signals >= 0;
}

/* ---- start */

static void add_children(struct supervisor *supervisor, enum room room, uint64_t count)
{
	const long cores = sysconf(_SC_NPROCESSORS_ONLN);
	if (count == 0)
		count = cores < 1 ? 1 : (uint64_t)cores;
	for (unsigned i = 0; i < count && i < ROOM_INSTANCES_MOST; i++)
		supervisor->children[supervisor->child_count++] =
			(struct child){ .supervisor = supervisor, .room = room, .instance = i, .control = -1 };
}

static void start_all(void *argument)
{
	struct supervisor *supervisor = argument;
	const struct config *config = supervisor->config;
	add_children(supervisor, ROOM_VAULT, 1);
	add_children(supervisor, ROOM_RESOLVER, 1);
	add_children(supervisor, ROOM_QUEUE, 1);
	add_children(supervisor, ROOM_SUBMISSION, config->processes.submission);
	add_children(supervisor, ROOM_DELIVERY, config->processes.delivery);
	add_children(supervisor, ROOM_API, 1);
	for (size_t i = 0; i < supervisor->child_count; i++)
		if (!child_launch(supervisor, &supervisor->children[i])) {
			supervisor->exit_code = 1;
			kill(getpid(), SIGTERM);
			return;
		}
	for (size_t i = 0; i < supervisor->child_count; i++)
		child_wire(supervisor, &supervisor->children[i], true);
	for (size_t i = 0; i < supervisor->child_count; i++)
		child_begin(&supervisor->children[i]);
}

static int64_t log_wall(void *context)
{
	return world_wall(context);
}

/* Rooms write to it without blocking, and so it must be an open file of our own: O_NONBLOCK on a shared one would
 * change the terminal of whoever started us. */
static void open_log(struct supervisor *supervisor)
{
	struct text path = TEXT_LIMIT(4096);
	const bool to_stderr = view_equal(supervisor->config->log.to, VIEW("stderr"));
	text_add(&path, to_stderr ? VIEW("/proc/self/fd/2") : supervisor->config->log.to);
	const int flags = O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | (to_stderr ? 0 : O_CREAT);
	const int descriptor = open(text_cstring(&path), flags, 0640);
	if (descriptor >= 0) {
		dup2(descriptor, STDERR_FILENO);
		close(descriptor);
	} else if (!to_stderr) {
		log_print(&supervisor->log, LOG_ERROR, "cannot open the log %s: %s", text_cstring(&path), strerror(errno));
	}
	text_deinit(&path);
	supervisor->log.format = supervisor->config->log.format;
	supervisor->log.level = supervisor->config->log.level;
	supervisor->log.colour = supervisor->log.format == LOG_TEXT && isatty(STDERR_FILENO);
}

static void free_supervisor(struct supervisor *supervisor)
{
	scheduler_cancel_all(supervisor->world->scheduler);
	world_real_run(supervisor->world);
	for (size_t i = 0; i < supervisor->socket_count; i++)
		close(supervisor->sockets[i].descriptor);
	for (unsigned i = 0; i < SECRET_COUNT; i++)
		text_deinit(&supervisor->secrets[i]);
	text_deinit(&supervisor->yaml);
	if (supervisor->config != supervisor->begun)
		config_free(supervisor->config);
	config_free(supervisor->begun);
	if (supervisor->lock >= 0)
		close(supervisor->lock);
	world_real_free(supervisor->world);
	free(supervisor);
}

int supervisor_run(const struct supervisor_options *options)
{
	struct text complaints = TEXT_LIMIT(65536);
	struct supervisor *supervisor = must_alloc(1, sizeof(*supervisor));
	supervisor->options = options;
	supervisor->lock = -1;
	for (unsigned i = 0; i < SECRET_COUNT; i++)
		supervisor->secrets[i].limit = CONTROL_PACKET_MOST - 1024;
	supervisor->world = world_real_new(NULL);
	signal_init(&supervisor->changed);
	supervisor->config = supervisor_read_config(options->config_path, &supervisor->yaml, &complaints);
	supervisor->begun = supervisor->config;
	if (complaints.length > 0)
		(void)!write(STDERR_FILENO, complaints.data, complaints.length);
	text_clear(&complaints);
	supervisor->log = (struct log){
		.descriptor = STDERR_FILENO,
		.level = LOG_INFO,
		.room = "supervisor",
		.wall = log_wall,
		.context = supervisor->world,
	};
	if (supervisor->config == NULL) {
		supervisor->exit_code = 1;
	} else {
		open_log(supervisor);
		if (open_signals(supervisor) && supervisor_prepare(supervisor, &complaints)) {
			task_start(supervisor->world, "signals", watch_signals, supervisor);
			task_start(supervisor->world, "start", start_all, supervisor);
			world_real_run(supervisor->world);
		} else {
			supervisor_log_lines(supervisor, LOG_ERROR, text_view(&complaints));
			supervisor->exit_code = 1;
		}
	}
	text_deinit(&complaints);
	const int exit_code = supervisor->exit_code;
	free_supervisor(supervisor);
	return exit_code;
}

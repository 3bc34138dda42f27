#include "rooms/supervisor/supervisor.h"

#include "base/must.h"
#include "net/tls.h"
#include "rooms/control.h"
#include "rooms/supervisor/child.h"
#include "rooms/supervisor/files.h"
#include "rooms/supervisor/notify.h"
#include "rooms/supervisor/sockets.h"
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILDREN_MOST = 3 + 2 * ROOM_INSTANCES_MOST, SOCKETS_MOST = 128, FIRST_USER = 61300 };

static const int64_t drain_time = 10 * SECOND;
static const int64_t settled_after = MINUTE; /* a room that ran so long starts with no failures */

struct kept_socket {
	int descriptor;
	uint32_t index;
	enum room room;
};

struct supervisor {
	struct world *world;
	struct log log;
	const struct supervisor_options *options;
	struct text yaml; /* in force */
	struct config *config;
	struct child children[CHILDREN_MOST];
	size_t child_count;
	struct kept_socket sockets[SOCKETS_MOST];
	size_t socket_count;
	struct text secrets[SECRET_COUNT];
	uint64_t last_caller;
	bool each_own_user;
	bool stopping;
	bool announced;
	int exit_code;
	int lock;
	int signals;
	struct signal changed; /* a child became ready or ended */
};

/* ---- configuration */

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

static void log_lines(struct log *log, enum log_level level, struct view lines)
{
	struct view line;
	while (view_split(&lines, '\n', &line))
		if (line.length > 0)
			log_line(log, level, line, NULL, 0);
}

/* ---- users */

struct identity {
	uint32_t user, group;
};

static struct identity identity_of(const struct supervisor *supervisor, enum room room)
{
	if (!supervisor->each_own_user)
		return (struct identity){ UINT32_MAX, UINT32_MAX };
	struct text name = TEXT_LIMIT(512);
	text_print(&name, "%.*s-%s", VIEW_PRINT(supervisor->config->user), room_name(room));
	const struct passwd *user = getpwnam(text_cstring(&name));
	text_deinit(&name);
	if (user != NULL)
		return (struct identity){ user->pw_uid, user->pw_gid };
	const uint32_t number = FIRST_USER + (uint32_t)room;
	return (struct identity){ number, number };
}

static void choose_users(struct supervisor *supervisor)
{
	struct text state = TEXT_LIMIT(4096);
	text_add(&state, supervisor->config->state_directory);
	if (geteuid() != 0)
		log_print(&supervisor->log, LOG_WARNING,
		          "not started as root: all rooms run as the one user, so that one taken over could read the others' "
		          "files");
	else if (!directory_is_reachable(text_cstring(&state)))
		log_print(&supervisor->log, LOG_WARNING,
		          "all rooms run as root without capabilities: other users cannot walk down to %s",
		          text_cstring(&state));
	else
		supervisor->each_own_user = true;
	text_deinit(&state);
}

/* ---- directories and secrets */

static bool room_has_directory(enum room room)
{
	return room == ROOM_VAULT || room == ROOM_QUEUE || room == ROOM_RESOLVER;
}

static bool make_room_directory(struct supervisor *supervisor, enum room room, struct text *problem)
{
	struct text path = TEXT_LIMIT(4096);
	const struct identity identity = identity_of(supervisor, room);
	text_print(&path, "%.*s/%s", VIEW_PRINT(supervisor->config->state_directory), room_name(room));
	const bool good = directory_make(text_cstring(&path), 0750, identity.user, identity.group, problem);
	text_deinit(&path);
	return good;
}

/* One daemon a state directory: two would each believe that the queue is theirs. */
static bool take_lock(struct supervisor *supervisor, const char *directory, struct text *problem)
{
	struct text path = TEXT_LIMIT(4096);
	text_print(&path, "%s/lock", directory);
	supervisor->lock = lock_take(text_cstring(&path), problem);
	text_deinit(&path);
	return supervisor->lock >= 0;
}

static bool make_directories(struct supervisor *supervisor, struct text *problem)
{
	struct text state = TEXT_LIMIT(4096);
	struct text runtime = TEXT_LIMIT(4096);
	text_add(&state, supervisor->config->state_directory);
	text_add(&runtime, supervisor->config->runtime_directory);
	bool good = directory_make(text_cstring(&state), 0755, UINT32_MAX, UINT32_MAX, problem) &&
	            directory_make(text_cstring(&runtime), 0755, UINT32_MAX, UINT32_MAX, problem) &&
	            take_lock(supervisor, text_cstring(&state), problem);
	if (good)
		choose_users(supervisor);
	for (unsigned room = 0; good && room < ROOM_COUNT; room++)
		good = !room_has_directory((enum room)room) || make_room_directory(supervisor, (enum room)room, problem);
	text_deinit(&state);
	text_deinit(&runtime);
	return good;
}

static bool copy_zone(struct supervisor *supervisor, size_t index, struct text *problem)
{
	struct text source = TEXT_LIMIT(4096);
	struct text target = TEXT_LIMIT(4096);
	struct text zone = TEXT_LIMIT(FILE_MOST);
	text_add(&source, supervisor->config->dns.zone_files.items[index]);
	text_print(&target, "%.*s/resolver/zone-%zu", VIEW_PRINT(supervisor->config->state_directory), index);
	/* On a full disk the service starts all the same. */
	const bool good = file_read(text_cstring(&source), &zone, problem) &&
	                  (file_holds(text_cstring(&target), text_view(&zone)) ||
	                   file_write(text_cstring(&target), text_view(&zone), 0644, problem));
	text_deinit(&source);
	text_deinit(&target);
	text_deinit(&zone);
	return good;
}

static bool copy_zones(struct supervisor *supervisor, struct text *problem)
{
	for (size_t i = 0; i < supervisor->config->dns.zone_files.count; i++)
		if (!copy_zone(supervisor, i, problem))
			return false;
	return true;
}

static bool read_vault_key(struct supervisor *supervisor, struct text *problem)
{
	struct text path = TEXT_LIMIT(4096);
	struct text *key = &supervisor->secrets[SECRET_VAULT_KEY];
	bool good = true;
	text_add(&path, supervisor->config->vault.key_file);
	if (!file_exists(text_cstring(&path))) {
		char *room = text_room(key, 32);
		world_random(supervisor->world, room, 32);
		text_extend(key, 32);
		good = file_write(text_cstring(&path), text_view(key), 0600, problem);
		log_print(&supervisor->log, LOG_INFO, "made the vault's key file %s: keep a copy of it in a safe place",
		          text_cstring(&path));
	} else {
		good = file_read(text_cstring(&path), key, problem);
	}
	text_deinit(&path);
	return good;
}

static bool make_certificate(struct supervisor *supervisor, const char *certificate_path, const char *key_path,
                             struct text *problem)
{
	struct text *certificate = &supervisor->secrets[SECRET_TLS_CERTIFICATE];
	struct text *key = &supervisor->secrets[SECRET_TLS_KEY];
	struct text hostname = TEXT_LIMIT(512);
	text_add(&hostname, supervisor->config->service.hostname);
	const bool made = tls_make_self_signed(text_view(&hostname), certificate, key);
	text_deinit(&hostname);
	if (!made) {
		text_add(problem, VIEW("a self-signed certificate could not be made"));
		return false;
	}
	return file_write(certificate_path, text_view(certificate), 0644, problem) &&
	       file_write(key_path, text_view(key), 0600, problem);
}

static bool read_certificate(struct supervisor *supervisor, struct text *problem)
{
	const struct config *config = supervisor->config;
	const bool given = config->tls.certificate.length > 0;
	struct text certificate = TEXT_LIMIT(4096);
	struct text key = TEXT_LIMIT(4096);
	if (given) {
		text_add(&certificate, config->tls.certificate);
		text_add(&key, config->tls.key);
	} else {
		text_print(&certificate, "%.*s/self-signed.pem", VIEW_PRINT(config->state_directory));
		text_print(&key, "%.*s/self-signed.key", VIEW_PRINT(config->state_directory));
		log_print(&supervisor->log, LOG_WARNING, "no tls.certificate is given: clients meet a self-signed one, %s",
		          text_cstring(&certificate));
	}
	bool good;
	if (given || (file_exists(text_cstring(&certificate)) && file_exists(text_cstring(&key))))
		good = file_read(text_cstring(&certificate), &supervisor->secrets[SECRET_TLS_CERTIFICATE], problem) &&
		       file_read(text_cstring(&key), &supervisor->secrets[SECRET_TLS_KEY], problem);
	else
		good = make_certificate(supervisor, text_cstring(&certificate), text_cstring(&key), problem);
	text_deinit(&certificate);
	text_deinit(&key);
	return good;
}

/* ---- sockets */

static bool keep_socket(struct supervisor *supervisor, enum room room, uint32_t index, int descriptor)
{
	if (descriptor < 0)
		return false;
	must(supervisor->socket_count < SOCKETS_MOST);
	supervisor->sockets[supervisor->socket_count++] =
		(struct kept_socket){ .descriptor = descriptor, .index = index, .room = room };
	return true;
}

static bool keep_endpoint(struct supervisor *supervisor, enum room room, size_t index,
                          const struct endpoint *endpoint, struct text *problem)
{
	struct text name = TEXT_LIMIT(128);
	struct text why = TEXT_LIMIT(512);
	text_add_endpoint(&name, endpoint);
	const bool good = keep_socket(supervisor, room, (uint32_t)index, socket_listen(endpoint, &why));
	if (!good)
		text_print(problem, "cannot listen on %s: %s", text_cstring(&name), text_cstring(&why));
	text_deinit(&name);
	text_deinit(&why);
	return good;
}

static bool open_sockets(struct supervisor *supervisor, struct text *problem)
{
	const struct config *config = supervisor->config;
	for (size_t i = 0; i < config->listener_count; i++)
		if (!keep_endpoint(supervisor, ROOM_SUBMISSION, i, &config->listeners[i].address, problem))
			return false;
	for (size_t i = 0; i < config->api.listen.count; i++)
		if (!keep_endpoint(supervisor, ROOM_API, i, &config->api.listen.items[i], problem))
			return false;
	struct text path = TEXT_LIMIT(4096);
	struct text why = TEXT_LIMIT(512);
	text_add(&path, config->api.socket);
	const bool good = keep_socket(supervisor, ROOM_API, UINT32_MAX, socket_listen_unix(text_cstring(&path), &why));
	if (!good)
		text_print(problem, "cannot listen on %s: %s", text_cstring(&path), text_cstring(&why));
	text_deinit(&path);
	text_deinit(&why);
	return good;
}

/* ---- telling a child */

static void say(struct child *child, const struct control_message *message)
{
	if (child->control >= 0)
		control_send(child->supervisor->world, child->control, message);
}

static void say_identity(struct child *child)
{
	const struct supervisor *supervisor = child->supervisor;
	const struct identity identity = identity_of(supervisor, child->room);
	struct text directory = TEXT_LIMIT(4096);
	if (room_has_directory(child->room))
		text_print(&directory, "%.*s/%s", VIEW_PRINT(supervisor->config->state_directory), room_name(child->room));
	say(child, &(struct control_message){
				   .kind = CONTROL_IDENTITY,
				   .number = identity.user,
				   .other = identity.group,
				   .text = text_view(&directory),
				   .descriptor = -1,
			   });
	text_deinit(&directory);
}

static void say_configuration(struct child *child)
{
	say(child, &(struct control_message){
				   .kind = CONTROL_CONFIGURATION,
				   .text = text_view(&child->supervisor->yaml),
				   .descriptor = -1,
			   });
}

static bool room_may_hold(enum room room, enum secret secret)
{
	return secret == SECRET_VAULT_KEY ? room == ROOM_VAULT : room == ROOM_SUBMISSION;
}

static void say_secrets(struct child *child)
{
	for (unsigned secret = 0; secret < SECRET_COUNT; secret++)
		if (room_may_hold(child->room, (enum secret)secret))
			say(child, &(struct control_message){
						   .kind = CONTROL_SECRET,
						   .number = secret,
						   .text = text_view(&child->supervisor->secrets[secret]),
						   .descriptor = -1,
					   });
}

static void say_listeners(struct child *child)
{
	const struct supervisor *supervisor = child->supervisor;
	for (size_t i = 0; i < supervisor->socket_count; i++)
		if (supervisor->sockets[i].room == child->room)
			say(child, &(struct control_message){
						   .kind = CONTROL_LISTENER,
						   .number = supervisor->sockets[i].index,
						   .descriptor = supervisor->sockets[i].descriptor,
					   });
}

/* One fresh socket pair: asker asks answerer. */
static void wire_pair(struct supervisor *supervisor, struct child *asker, struct child *answerer)
{
	int pair[2];
	if (asker->control < 0 || answerer->control < 0)
		return;
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	const int most = 4 * 1024 * 1024; /* the system cuts it to what it allows */
	for (unsigned i = 0; i < 2; i++)
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &most, sizeof(most));
	say(asker, &(struct control_message){
				   .kind = CONTROL_ASK,
				   .number = answerer->room,
				   .other = answerer->instance,
				   .descriptor = pair[0],
			   });
	say(answerer, &(struct control_message){
					  .kind = CONTROL_SERVE,
					  .number = asker->room,
					  .other = asker->instance,
					  .caller = ++supervisor->last_caller,
					  .descriptor = pair[1],
				  });
	close(pair[0]);
	close(pair[1]);
}

static void wire_child(struct supervisor *supervisor, struct child *child, bool only_earlier)
{
	for (size_t i = 0; i < supervisor->child_count; i++) {
		struct child *other = &supervisor->children[i];
		if (other == child || (only_earlier && other > child))
			continue;
		if (wiring_has(child->room, other->room))
			wire_pair(supervisor, child, other);
		if (wiring_has(other->room, child->room))
			wire_pair(supervisor, other, child);
	}
}

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

static void reload(struct supervisor *supervisor, struct child *asked_by);

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
			reload(supervisor, child);
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
		say_identity(child);
		say_configuration(child);
		say_secrets(child);
		say_listeners(child);
		task_start(supervisor->world, "child", child_listen, child);
	} else {
		log_print(&supervisor->log, LOG_ERROR, "cannot start %s: %s", room_name(child->room), text_cstring(&problem));
	}
	text_deinit(&problem);
	return good;
}

static void child_begin(struct child *child)
{
	say(child, &(struct control_message){ .kind = CONTROL_START, .descriptor = -1 });
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
	wire_child(supervisor, child, false);
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

/* ---- reload */

static bool needs_restart(const struct config *old, const struct config *new)
{
	return !view_equal(old->state_directory, new->state_directory) || old->listener_count != new->listener_count ||
	       !view_equal(old->api.socket, new->api.socket) || old->processes.submission != new->processes.submission ||
	       old->processes.delivery != new->processes.delivery;
}

struct reloading {
	struct supervisor *supervisor;
	struct child *asked_by; /* NULL: SIGHUP */
};

static void apply(struct supervisor *supervisor, struct config *config, const struct text *yaml,
                  struct text *complaints)
{
	if (needs_restart(supervisor->config, config))
		text_add(complaints, VIEW("listeners, directories, sockets and process counts change only when the service "
		                          "is started again\n"));
	config_free(supervisor->config);
	supervisor->config = config;
	text_clear(&supervisor->yaml);
	text_add(&supervisor->yaml, text_view(yaml));
	copy_zones(supervisor, complaints);
	/* Each room says that it has taken it, so that whoever asked may rely on it; one after the other, so that none
	 * remembers what a room that it asks has said before. */
	const int64_t deadline = world_now(supervisor->world) + 5 * SECOND;
	for (size_t i = 0; i < supervisor->child_count; i++) {
		struct child *child = &supervisor->children[i];
		child->ready = false;
		say_configuration(child);
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
	log_lines(&supervisor->log, LOG_WARNING, text_view(&complaints));
	if (reloading->asked_by != NULL)
		say(reloading->asked_by, &(struct control_message){
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
static void reload(struct supervisor *supervisor, struct child *asked_by)
{
	struct reloading *reloading = must_alloc(1, sizeof(*reloading));
	*reloading = (struct reloading){ .supervisor = supervisor, .asked_by = asked_by };
	task_start(supervisor->world, "reload", reload_run, reloading);
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
			say(&supervisor->children[i], &(struct control_message){ .kind = CONTROL_STOP, .descriptor = -1 });
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
			reload(supervisor, NULL);
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
		wire_child(supervisor, &supervisor->children[i], true);
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

static bool prepare(struct supervisor *supervisor, struct text *problem)
{
	return make_directories(supervisor, problem) && read_vault_key(supervisor, problem) &&
	       read_certificate(supervisor, problem) && copy_zones(supervisor, problem) &&
	       open_sockets(supervisor, problem);
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
	config_free(supervisor->config);
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
		if (open_signals(supervisor) && prepare(supervisor, &complaints)) {
			task_start(supervisor->world, "signals", watch_signals, supervisor);
			task_start(supervisor->world, "start", start_all, supervisor);
			world_real_run(supervisor->world);
		} else {
			log_lines(&supervisor->log, LOG_ERROR, text_view(&complaints));
			supervisor->exit_code = 1;
		}
	}
	text_deinit(&complaints);
	const int exit_code = supervisor->exit_code;
	free_supervisor(supervisor);
	return exit_code;
}

#include "rooms/submission/submission.h"

#include "base/must.h"
#include "mail/dkim_verify.h"

struct client_count {
	size_t sessions;
};

void submission_init(struct submission *submission, struct world *world, struct log *log,
                     const struct config *const *config, const struct submission_peers *peers)
{
	*submission = (struct submission){
		.world = world,
		.log = log,
		.config = config,
		.vault = peers->vault,
		.resolver = peers->resolver,
		.queue = peers->queue,
		.by_address = MAP_LIMIT(1000000, world_random_u64(world)),
	};
	submission->keys = dkim_keys_new(world_random_u64(world));
	submission->pieces = must_alloc(PIECE_MOST, 1);
	task_group_init(&submission->sessions);
	task_group_init(&submission->acceptors);
}

void submission_deinit(struct submission *submission)
{
	must(list_is_empty(&submission->sessions.tasks));
	map_deinit(&submission->by_address);
	dkim_keys_free(submission->keys);
	free(submission->pieces);
}

/* ---- how many sessions a client has */

static bool client_enter(struct submission *submission, struct view address)
{
	struct client_count *count = map_get(&submission->by_address, address);
	if (count == NULL) {
		count = must_alloc(1, sizeof(*count));
		map_put(&submission->by_address, address, count, NULL);
	}
	if (count->sessions >= (*submission->config)->limits.connections_per_address)
		return false;
	count->sessions++;
	return true;
}

static void client_leave(struct submission *submission, struct view address)
{
	struct client_count *count = map_get(&submission->by_address, address);
	must(count != NULL && count->sessions > 0);
	if (--count->sessions > 0)
		return;
	map_remove(&submission->by_address, address);
	free(count);
}

/* ---- accepting */

struct acceptor {
	struct submission *submission;
	struct listener *listener;
	struct tls_context *tls;
	struct config_listener settings;
};

/* By its address, never by its place: a reload may have put another listener there, with other rules. */
static void settings_refresh(struct acceptor *acceptor)
{
	const struct config *config = *acceptor->submission->config;
	struct text address = TEXT_LIMIT(128);
	for (size_t i = 0; i < config->listener_count; i++) {
		text_clear(&address);
		text_add_endpoint(&address, &config->listeners[i].address);
		if (view_equal(text_view(&address), listener_name(acceptor->listener)))
			acceptor->settings = config->listeners[i];
	}
	text_deinit(&address);
}

static void session_task(void *argument)
{
	struct session *session = argument;
	struct submission *submission = session->submission;
	struct text address = TEXT_LIMIT(64);
	text_add(&address, text_view(&session->address));
	session_run(session);
	client_leave(submission, text_view(&address));
	text_deinit(&address);
}

static void turn_away(struct connection *connection, struct world *world, struct view why)
{
	connection_write(connection, why, world_now(world) + SECOND);
	connection_close(connection);
}

static void session_begin(struct acceptor *acceptor, struct connection *connection)
{
	struct submission *submission = acceptor->submission;
	const struct config *config = *submission->config;
	struct session *session = must_alloc(1, sizeof(*session));
	settings_refresh(acceptor);
	*session = (struct session){
		.submission = submission,
		.config = config,
		.listener = acceptor->settings,
		.tls = acceptor->tls,
		.connection = connection,
		.address = TEXT_LIMIT(64),
		.helo = TEXT_LIMIT(256),
		.account = TEXT_LIMIT(256),
		.as_typed = TEXT_LIMIT(256),
		.began = world_now(submission->world),
	};
	text_add_endpoint_address(&session->address, &connection->remote);
	const bool full = submission->sessions.tasks.count >= config->limits.connections;
	if (full || !client_enter(submission, text_view(&session->address))) {
		text_deinit(&session->address);
		free(session);
		turn_away(connection, submission->world,
		          full ? VIEW("421 4.3.2 too many sessions here; try again soon\r\n")
		               : VIEW("421 4.7.0 too many sessions from your address\r\n"));
		return;
	}
	submission->counters.sessions++;
	task_group_start(&submission->sessions, submission->world, "session", session_task, session);
}

static void accept_all(void *argument)
{
	struct acceptor *acceptor = argument;
	struct world *world = acceptor->submission->world;
	struct connection *connection = NULL;
	while (world->operations->accept(world, acceptor->listener, NEVER_DUE, &connection) == WAIT_DONE)
		session_begin(acceptor, connection);
	free(acceptor);
}

void submission_listen(struct submission *submission, struct listener *listener, struct tls_context *tls)
{
	struct acceptor *acceptor = must_alloc(1, sizeof(*acceptor));
	*acceptor = (struct acceptor){
		.submission = submission, .listener = listener, .tls = tls, .settings = { .tls = CONFIG_TLS_STARTTLS }
	};
	task_group_start(&submission->acceptors, submission->world, "accept", accept_all, acceptor);
}

void submission_stop(struct submission *submission, int64_t deadline)
{
	submission->stopping = true;
	task_group_cancel(&submission->acceptors);
	task_group_wait(&submission->acceptors, deadline);
	task_group_cancel(&submission->sessions);
	task_group_wait(&submission->sessions, deadline);
}

#include "net/tls_scene.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <sys/socket.h>

struct listener *listen_somewhere(struct world *world, struct endpoint *at)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(descriptor >= 0 && bind(descriptor, (struct sockaddr *)&address, length) == 0);
	must(listen(descriptor, 16) == 0 && getsockname(descriptor, (struct sockaddr *)&address, &length) == 0);
	*at = (struct endpoint){ .family = 4, .address = { 127, 0, 0, 1 }, .port = ntohs(address.sin_port) };
	return listener_of_descriptor(world, descriptor);
}

struct tls_context *server_context(const struct scene *scene, const char *name)
{
	struct text problem = TEXT_LIMIT(1024);
	struct tls_context *context =
		tls_context_new_server(text_view(&scene->certificate), text_view(&scene->key), view_of(name), &problem);
	must(context != NULL && problem.length == 0);
	text_deinit(&problem);
	return context;
}

void scene_init(struct scene *scene)
{
	*scene = (struct scene){ .certificate = TEXT_LIMIT(65536), .key = TEXT_LIMIT(65536) };
	scene->world = world_real_new(tls_start);
	scene->listener = listen_somewhere(scene->world, &scene->at);
	must(tls_make_self_signed(VIEW("smtp.example.com"), &scene->certificate, &scene->key));
	scene->server.context = server_context(scene, "one");
	scene->client.context = tls_context_new_client();
}

void scene_deinit(struct scene *scene)
{
	assert_int_equal(ERR_peek_error(), 0);
	assert_int_equal(scheduler_task_count(scene->world->scheduler), 0);
	listener_free(scene->listener);
	tls_context_free(scene->server.context);
	tls_context_free(scene->client.context);
	text_deinit(&scene->certificate);
	text_deinit(&scene->key);
	world_real_free(scene->world);
}

static void end_closes(struct end *end)
{
	if (end->connection == NULL)
		return;
	bytes_to_cstring(end->problem, sizeof(end->problem), connection_problem(end->connection));
	connection_close(end->connection);
	end->connection = NULL;
}

static void server_runs(void *argument)
{
	struct end *end = argument;
	struct world *world = end->scene->world;
	must(world->operations->accept(world, end->scene->listener, end->deadline, &end->connection) == WAIT_DONE);
	end->play(end);
	end_closes(end);
}

static void client_runs(void *argument)
{
	struct end *end = argument;
	struct world *world = end->scene->world;
	must(world->operations->connect(world, &end->scene->at, NULL, end->deadline, &end->connection) == CONNECT_OK);
	end->play(end);
	end_closes(end);
}

static void end_prepare(struct end *end, struct scene *scene, void (*play)(struct end *end))
{
	*end = (struct end){
		.scene = scene,
		.play = play,
		.context = end->context,
		.deadline = world_now(scene->world) + 20 * SECOND,
	};
}

void scene_play(struct scene *scene, void (*server)(struct end *), void (*client)(struct end *))
{
	end_prepare(&scene->server, scene, server);
	end_prepare(&scene->client, scene, client);
	scene->server.task = task_start(scene->world, "server", server_runs, &scene->server);
	scene->client.task = task_start(scene->world, "client", client_runs, &scene->client);
	world_real_run(scene->world);
}

/* ---- parts to play */

void starts(struct end *end, enum tls_side side)
{
	struct world *world = end->scene->world;
	const struct view name = side == TLS_CLIENT ? VIEW("smtp.example.com") : VIEW_NONE;
	end->result = world->operations->tls(world, end->connection, side, end->context, name, end->deadline);
	end->facts = end->connection->tls;
}

void reads_to_end(struct end *end)
{
	char bytes[16384];
	size_t length = 0;
	while ((end->io = connection_read(end->connection, bytes, sizeof(bytes), end->deadline, &length)) == IO_OK) {
		end->bytes += length;
		end->sum = bytes_crc32c(end->sum, view_bytes(bytes, length));
	}
}

void server_starts(struct end *end)
{
	starts(end, TLS_SERVER);
}

void client_starts(struct end *end)
{
	starts(end, TLS_CLIENT);
}

void server_greets(struct end *end)
{
	starts(end, TLS_SERVER);
	if (end->result == TLS_OK)
		end->io = connection_write(end->connection, VIEW("220 smtp.example.com\r\n"), end->deadline);
}

void client_listens(struct end *end)
{
	starts(end, TLS_CLIENT);
	if (end->result == TLS_OK)
		reads_to_end(end);
}

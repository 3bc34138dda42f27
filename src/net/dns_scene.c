#include "net/dns_scene.h"

#include "base/bytes.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct question {
	char name[256];
	unsigned type;
};

/* ---- the server */

static size_t question_read(const unsigned char *packet, size_t length, struct question *question)
{
	size_t at = 12;
	*question = (struct question){ 0 };
	struct text name = TEXT_LIMIT(255);
	while (at < length && packet[at] != 0) {
		text_add(&name, view_bytes(packet + at + 1, packet[at]));
		text_add_byte(&name, '.');
		at += packet[at] + 1u;
	}
	must(at + 5 <= length);
	bytes_to_cstring(question->name, sizeof(question->name), text_view(&name));
	question->type = (unsigned)packet[at + 1] << 8 | packet[at + 2];
	text_deinit(&name);
	return at + 5;
}

static void server_answers(struct scene *scene, const unsigned char *packet, size_t length,
                           const struct sockaddr_in *asker)
{
	struct question question;
	struct text reply = TEXT_LIMIT(65536);
	const size_t end = question_read(packet, length, &question);
	scene->asked++;
	if (scene->silent)
		return;
	const unsigned char header[] = {
		packet[0],
		packet[1],
		0x84 | (packet[2] & 1),
		(unsigned char)(0x80 | scene->rcode),
		0,
		1,
		0,
		(unsigned char)scene->record_count,
		0,
		scene->authority.length > 0,
		0,
		0,
	};
	text_add(&reply, view_bytes(header, sizeof(header)));
	text_add(&reply, view_bytes(packet + 12, end - 12));
	text_add(&reply, scene->records);
	text_add(&reply, scene->authority);
	sendto(scene->descriptor, reply.data, reply.length, 0, (const struct sockaddr *)asker, sizeof(*asker));
	text_deinit(&reply);
}

static void server_runs(void *argument)
{
	struct scene *scene = argument;
	while (world_wait_descriptor(scene->world, scene->descriptor, READY_TO_READ, NEVER_DUE) == WAIT_DONE) {
		unsigned char packet[2048];
		struct sockaddr_in asker;
		socklen_t length = sizeof(asker);
		const ssize_t got =
			recvfrom(scene->descriptor, packet, sizeof(packet), MSG_DONTWAIT, (struct sockaddr *)&asker, &length);
		if (got > 12)
			server_answers(scene, packet, (size_t)got, &asker);
	}
}

static void server_init(struct scene *scene)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	scene->descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	must(scene->descriptor >= 0 && bind(scene->descriptor, (struct sockaddr *)&address, length) == 0);
	must(getsockname(scene->descriptor, (struct sockaddr *)&address, &length) == 0);
	scene->at = (struct endpoint){ .family = 4, .address = { 127, 0, 0, 1 }, .port = ntohs(address.sin_port) };
	scene->server = task_start(scene->world, "server", server_runs, scene);
}

/* ---- a scene */

void write_file(const char *directory, const char *name, const char *content)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "we");
	must(file != NULL && fputs(content, file) >= 0 && fclose(file) == 0);
}

static void remove_directory(const char *directory)
{
	static const char *const names[] = { "zone-0",   "zone-1",       "zone-0-0",           "zone-0-1",
		                                 "zone-0-2", "unbound.conf", "unbound-fresh.conf", "anchor",
		                                 "zone-1-0" };
	for (size_t i = 0; i < CASES(names); i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		unlink(path);
	}
	must(rmdir(directory) == 0);
}

void scene_init(struct scene *scene)
{
	*scene = (struct scene){ .problem = TEXT_LIMIT(4096), .directory = "/tmp/sealpost-dns-XXXXXX" };
	must(mkdtemp(scene->directory) != NULL);
	scene->world = world_real_new(NULL);
	server_init(scene);
}

bool scene_open(struct scene *scene, size_t zone_count)
{
	const struct dns_settings settings = {
		.resolvers = &scene->at,
		.resolver_count = 1,
		.zone_count = zone_count,
		.directory = scene->directory,
		.max_ttl = 3600,
	};
	scene->dns = dns_unbound_new(scene->world, &settings, &scene->problem);
	return scene->dns != NULL;
}

void scene_deinit(struct scene *scene)
{
	scheduler_cancel_all(scene->world->scheduler);
	world_real_run(scene->world);
	if (scene->dns != NULL)
		dns_unbound_free(scene->dns);
	assert_int_equal(scheduler_task_count(scene->world->scheduler), 0);
	world_real_free(scene->world);
	close(scene->descriptor);
	remove_directory(scene->directory);
	text_deinit(&scene->problem);
	arena_deinit(&scene->arena);
}

struct play {
	struct scene *scene;
	void (*run)(struct scene *scene);
};

static void play_runs(void *argument)
{
	const struct play *play = argument;
	play->run(play->scene);
	world_stop(play->scene->world);
}

void scene_play(struct scene *scene, void (*run)(struct scene *scene))
{
	struct play play = { .scene = scene, .run = run };
	task_start(scene->world, "play", play_runs, &play);
	world_real_run(scene->world);
}

const struct dns_answer *ask(struct scene *scene, const char *name, enum dns_type type, bool fresh)
{
	const int64_t deadline = world_now(scene->world) + 10 * SECOND;
	scene->dns->operations->lookup(scene->dns, view_of(name), type, fresh, deadline, &scene->arena, &scene->answer);
	return &scene->answer;
}

/* A world with DNS by libunbound, which knows zone files, and asks one server that the test plays. Tests only.
 * Promises: nothing is asked of the world outside; what a play leaves behind fails the test.
 * Does not know: what is asked. */
#ifndef NET_DNS_SCENE_H
#define NET_DNS_SCENE_H

#include "base/testing.h"

#include "base/must.h"
#include "net/dns_private.h"

struct scene {
	struct world *world;
	struct dns *dns;
	struct text problem;
	char directory[64];
	struct arena arena;
	struct dns_answer answer;
	/* The server. */
	int descriptor;
	struct endpoint at;
	struct task *server;
	size_t asked;
	bool silent;
	int rcode;
	struct view records; /* the answer section, first name a pointer to the question */
	unsigned record_count;
	struct view authority;
};

void scene_init(struct scene *scene);
/* With zone files that lie there as zone-0, zone-1. False: scene->problem. */
bool scene_open(struct scene *scene, size_t zone_count);
void scene_deinit(struct scene *scene);
/* As a task; the loop ends with it. */
void scene_play(struct scene *scene, void (*run)(struct scene *scene));

void write_file(const char *directory, const char *name, const char *content);
/* Suspends. The scene's answer, until the next one. */
const struct dns_answer *ask(struct scene *scene, const char *name, enum dns_type type, bool fresh);

#endif

/* Sessions that are resumed, and contexts that a reload replaces. */
#include "net/tls_scene.h"

#include <stdio.h>

static void resumes(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int most;
	} rows[] = { { "TLS 1.3", 0 }, { "TLS 1.2", TLS1_2_VERSION } };
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene scene;
		scene_init(&scene);
		must(SSL_CTX_set_max_proto_version(scene.client.context->context, rows[i].most) == 1);
		for (int round = 0; round < 4; round++) {
			scene_play(&scene, server_greets, client_listens);
			expect_number(rows[i].name, scene.client.result, TLS_OK);
			expect_number(rows[i].name, scene.client.facts.resumed, round > 0);
			expect_number(rows[i].name, scene.server.facts.resumed, round > 0);
			expect_number(rows[i].name, (int64_t)scene.client.context->sessions.count, 1);
		}
		scene_deinit(&scene);
	}
}

static void refuses_tickets_of_others(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int most;
		const char *other;
		bool same_keys;
	} rows[] = {
		{ "another listener", 0, "two", false },
		{ "another listener, TLS 1.2", TLS1_2_VERSION, "two", false },
		{ "another listener with the same keys", 0, "two", true },
		{ "another listener with the same keys, TLS 1.2", TLS1_2_VERSION, "two", true },
		{ "the same after a reload", 0, "one", false },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct scene scene;
		unsigned char keys[80];
		scene_init(&scene);
		must(SSL_CTX_set_max_proto_version(scene.client.context->context, rows[i].most) == 1);
		scene_play(&scene, server_greets, client_listens);
		struct tls_context *first = scene.server.context;
		scene.server.context = server_context(&scene, rows[i].other);
		if (rows[i].same_keys) {
			scene.server.context->keys_until = NEVER_DUE;
			must(SSL_CTX_get_tlsext_ticket_keys(first->context, keys, sizeof(keys)) == 1);
			must(SSL_CTX_set_tlsext_ticket_keys(scene.server.context->context, keys, sizeof(keys)) == 1);
		}
		scene_play(&scene, server_greets, client_listens);
		expect_number(rows[i].name, scene.server.facts.resumed, false);
		expect_number(rows[i].name, scene.client.facts.resumed, false);
		expect_number(rows[i].name, scene.client.result, TLS_OK);
		tls_context_free(first);
		scene_deinit(&scene);
	}
}

static void renews_ticket_keys(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene);
	scene_play(&scene, server_greets, client_listens);
	assert_true(scene.server.context->keys_until > world_now(scene.world));
	scene.server.context->keys_until = world_now(scene.world);
	scene_play(&scene, server_greets, client_listens);
	assert_int_equal(scene.client.result, TLS_OK);
	assert_false(scene.client.facts.resumed);
	scene_deinit(&scene);
}

static void keeps_so_many_sessions(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene);
	scene_play(&scene, server_greets, client_listens);
	struct map *sessions = &scene.client.context->sessions;
	size_t position = 0;
	struct view destination;
	void *session;
	must(map_walk(sessions, &position, &destination, &session));
	for (int i = 0; sessions->count < sessions->limit; i++) {
		char other[32];
		snprintf(other, sizeof(other), "other %d", i);
		must(SSL_SESSION_up_ref(session) == 1);
		map_put(sessions, view_of(other), session, NULL);
	}
	scene_play(&scene, server_greets, client_listens);
	assert_true(scene.client.facts.resumed);
	assert_true(sessions->count <= sessions->limit);
	scene_play(&scene, server_greets, client_listens);
	assert_true(scene.client.facts.resumed);
	scene_deinit(&scene);
}

/* ---- a reload while connections are open */

static void client_frees_context(struct end *end)
{
	starts(end, TLS_CLIENT);
	tls_context_free(end->context);
	end->context = NULL;
	reads_to_end(end); /* and here the ticket comes */
}

static void server_frees_context(struct end *end)
{
	starts(end, TLS_SERVER);
	tls_context_free(end->context);
	end->context = NULL;
	end->io = connection_write(end->connection, VIEW("220 still here\r\n"), end->deadline);
}

static void connections_outlive_contexts(void **state)
{
	(void)state;
	struct scene scene;
	scene_init(&scene);
	scene_play(&scene, server_frees_context, client_frees_context);
	assert_int_equal(scene.client.result, TLS_OK);
	assert_int_equal(scene.client.io, IO_END);
	assert_int_equal(scene.client.bytes, 16);
	scene_deinit(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resumes),
		cmocka_unit_test(refuses_tickets_of_others),
		cmocka_unit_test(renews_ticket_keys),
		cmocka_unit_test(keeps_so_many_sessions),
		cmocka_unit_test(connections_outlive_contexts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

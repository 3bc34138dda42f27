#include "rooms/resolver/scene.h"

#include "base/bytes.h"
#include "base/must.h"
#include "ipc/direct.h"
#include "mail/dkim.h"
#include "mail/token.h"

static struct scene *scene_of(struct world *world)
{
	return world->state;
}

/* ---- the world */

static int64_t now_of(struct world *world)
{
	return scene_of(world)->now;
}

static int64_t wall_of(struct world *world)
{
	return scene_of(world)->now + INT64_C(1790000000) * SECOND;
}

static void dice(struct world *world, void *into, size_t length)
{
	uint8_t *bytes = into;
	for (size_t i = 0; i < length; i++) {
		struct scene *scene = scene_of(world);
		scene->dice = scene->dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		bytes[i] = (uint8_t)(scene->dice >> 56);
	}
}

static void work_in_place(struct world *world, struct worker *worker, void (*run)(void *argument), void *argument)
{
	(void)world;
	(void)worker;
	run(argument);
}

static const struct world_operations operations = {
	.now = now_of, .wall = wall_of, .random = dice, .work = work_in_place
};

static void take_event(void *context, struct view line)
{
	struct scene *scene = context;
	text_add(&scene->events, line);
}

static int64_t log_wall(void *context)
{
	return wall_of(context);
}

/* ---- DNS */

static void found(const struct scene_record *record, struct arena *arena, struct dns_answer *answer)
{
	struct dns_record *into = &answer->records[answer->record_count++];
	struct endpoint endpoint = { 0 };
	*into = (struct dns_record){ .data = arena_copy(arena, record->data), .preference = record->preference };
	if (record->type == DNS_A || record->type == DNS_AAAA) {
		assert_true(endpoint_parse_address(record->data, &endpoint));
		into->data = arena_copy(arena, view_bytes(endpoint.address, endpoint.family == 4 ? 4 : 16));
	}
	answer->status = DNS_FOUND;
	answer->ttl = record->ttl;
	answer->through_alias = record->through_alias;
}

static void look_up(struct dns *dns, struct view name, enum dns_type type, bool fresh, int64_t deadline,
                    struct arena *arena, struct dns_answer *answer)
{
	struct scene *scene = dns->state;
	assert_true(deadline > scene->now);
	scene->asked++;
	scene->asked_fresh += fresh;
	*answer = (struct dns_answer){
		.status = DNS_NXDOMAIN,
		.canonical = arena_copy(arena, name),
		.records = ARENA_ARRAY(arena, struct dns_record, SCENE_RECORDS_MOST),
		.ttl = 60,
	};
	const int64_t answered = scene->now + scene->latency;
	const int64_t end = answered < deadline && !scene->is_silent ? answered : deadline;
	if (end > scene->now && task_sleep_until(end) == WAIT_CANCELLED) {
		answer->status = DNS_CANCELLED;
		return;
	}
	if (scene->is_silent) {
		answer->status = DNS_FAILED;
		answer->detail = VIEW("timed out");
		return;
	}
	for (size_t i = 0; i < scene->record_count; i++) {
		const struct scene_record *record = &scene->records[i];
		if (!view_equal_nocase(record->name, name))
			continue;
		if (record->status != DNS_FOUND) {
			answer->status = record->status;
			answer->detail = VIEW("SERVFAIL");
			return;
		}
		if (record->type == type)
			found(record, arena, answer);
		else if (answer->status == DNS_NXDOMAIN)
			answer->status = DNS_NODATA;
	}
}

static const struct dns_operations dns_operations = { .lookup = look_up };

static struct scene_record *add(struct scene *scene, struct view name, enum dns_type type, struct view data)
{
	assert_true(scene->record_count < SCENE_RECORDS_MOST);
	struct scene_record *record = &scene->records[scene->record_count++];
	*record = (struct scene_record){ .name = name, .type = type, .status = DNS_FOUND, .data = data, .ttl = 300 };
	return record;
}

void scene_publish(struct scene *scene, enum dns_type type, struct view name, struct view data)
{
	add(scene, name, type, data);
}

void scene_publish_mx(struct scene *scene, struct view name, uint16_t preference, struct view host)
{
	add(scene, name, DNS_MX, host)->preference = preference;
}

void scene_answer(struct scene *scene, struct view name, enum dns_status status)
{
	add(scene, name, DNS_TXT, VIEW_NONE)->status = status;
}

void scene_withdraw(struct scene *scene, struct view name)
{
	size_t kept = 0;
	for (size_t i = 0; i < scene->record_count; i++)
		if (!view_equal_nocase(scene->records[i].name, name))
			scene->records[kept++] = scene->records[i];
	scene->record_count = kept;
}

void scene_withdraw_text(struct scene *scene, struct view start)
{
	size_t kept = 0;
	for (size_t i = 0; i < scene->record_count; i++)
		if (scene->records[i].type != DNS_TXT || !view_starts(scene->records[i].data, start))
			scene->records[kept++] = scene->records[i];
	scene->record_count = kept;
}

struct view scene_key_record(struct scene *scene, size_t key)
{
	struct text record = TEXT_LIMIT(8192);
	dkim_key_write(scene->keys[key].algorithm, scene->keys[key].key, &record);
	const struct view copy = arena_copy(&scene->arena, text_view(&record));
	text_deinit(&record);
	return copy;
}

void scene_publish_all(struct scene *scene, struct view domain)
{
	struct text token = TEXT_LIMIT(256);
	token_write(VIEW("elastx-mrs"), VIEW(SCENE_ACCOUNT), &token);
	scene_publish(scene, DNS_TXT, domain, arena_copy(&scene->arena, text_view(&token)));
	scene_publish(scene, DNS_TXT, domain, VIEW("v=spf1 include:elastx.email -all"));
	scene_publish(scene, DNS_TXT, arena_print(&scene->arena, "elastx._domainkey.%.*s", VIEW_PRINT(domain)),
	              scene_key_record(scene, 0));
	scene_publish(scene, DNS_TXT, arena_print(&scene->arena, "_dmarc.%.*s", VIEW_PRINT(domain)),
	              VIEW("v=DMARC1; p=none"));
	text_deinit(&token);
}

/* ---- the vault */

static void answer_keys(void *room, const struct caller *caller, const void *request, void *answer,
                        struct arena *arena)
{
	(void)caller;
	(void)request;
	(void)arena;
	const struct scene *scene = room;
	struct domain_keys_answer *keys = answer;
	keys->result = scene->keys_result;
	for (size_t i = 0; keys->result == DOMAIN_KEYS_OK && i < scene->key_count; i++)
		keys->keys[keys->key_count++] = scene->keys[i];
}

static void answer_grant(void *room, const struct caller *caller, const void *request, void *answer,
                         struct arena *arena)
{
	(void)caller;
	(void)answer;
	(void)arena;
	struct scene *scene = room;
	const struct grant_request *grant = request;
	assert_true(scene->grant_count < SCENE_GRANTS_MOST);
	struct scene_grant *row = &scene->grants[scene->grant_count++];
	bytes_to_cstring(row->account, sizeof(row->account), grant->account);
	bytes_to_cstring(row->domain, sizeof(row->domain), grant->domain);
	row->duration = grant->duration;
}

static void answer_activate(void *room, const struct caller *caller, const void *request, void *answer,
                            struct arena *arena)
{
	(void)caller;
	(void)request;
	(void)arena;
	static const enum key_phase after[] = { [KEY_ACTIVE] = KEY_OLD, [KEY_NEXT] = KEY_ACTIVE, [KEY_OLD] = KEY_OLD };
	struct scene *scene = room;
	struct activate_answer *activated = answer;
	for (size_t i = 0; i < scene->key_count; i++) {
		activated->activated = activated->activated || scene->keys[i].phase == KEY_NEXT;
		scene->keys[i].phase = after[scene->keys[i].phase];
	}
}

static const struct answerer vault_answerers[] = {
	{ .question = &vault_domain_keys_question, .answer = answer_keys },
	{ .question = &vault_grant_question, .answer = answer_grant },
	{ .question = &vault_activate_question, .answer = answer_activate },
};

static void answer_token_back(void *room, const struct caller *caller, const void *request, void *answer,
                              struct arena *arena)
{
	(void)caller;
	(void)arena;
	struct scene *scene = room;
	const struct token_back_request *back = request;
	expect_view("whose mail goes on", back->account, VIEW(SCENE_ACCOUNT));
	scene->released++;
	((struct queue_act_answer *)answer)->result = CHANGE_DONE;
}

static const struct answerer scene_queue_answerers[] = {
	{ .question = &queue_token_back_question, .answer = answer_token_back },
};

/* ---- the scene */

static void read_config(struct scene *scene, struct view more)
{
	struct text yaml = TEXT_LIMIT(4096);
	struct text said = TEXT_LIMIT(4096);
	struct config_problems problems = { 0 };
	text_print(&yaml,
	           "service: { name: elastx, hostname: smtp.elastx.email, spf_include: elastx.email,\n"
	           "           console_url: https://console.elastx.email }\n"
	           "%.*s",
	           VIEW_PRINT(more));
	scene->config = config_parse(text_view(&yaml), "scene", &problems);
	config_problems_write(&problems, "scene", &said);
	if (scene->config == NULL)
		print_message("%s", text_cstring(&said));
	assert_non_null(scene->config);
	config_problems_deinit(&problems);
	text_deinit(&said);
	text_deinit(&yaml);
	scene->in_force = scene->config;
}

struct scene *scene_new(struct view more)
{
	static char rsa[294];
	static char ed25519[32];
	for (size_t i = 0; i < sizeof(rsa); i++)
		rsa[i] = (char)(i * 7);
	struct scene *scene = must_alloc(1, sizeof(*scene));
	*scene = (struct scene){
		.world = { .operations = &operations, .state = scene },
		.now = DAY,
		.events = TEXT_LIMIT(1024 * 1024),
		.dice = 1,
		.dns = { .operations = &dns_operations, .state = scene },
		.keys = { { .selector = VIEW("elastx"), .algorithm = DKIM_RSA_SHA256, .key = view_bytes(rsa, sizeof(rsa)) },
		          { .selector = VIEW("elastx-ed"),
		            .algorithm = DKIM_ED25519_SHA256,
		            .key = view_bytes(ed25519, sizeof(ed25519)) } },
		.key_count = 1,
		.vault_service = { .room = scene, .answerers = vault_answerers, .answerer_count = 3 },
		.queue_service = { .room = scene, .answerers = scene_queue_answerers, .answerer_count = 1 },
		.service = { .room = &scene->resolver,
		             .answerers = resolver_answerers,
		             .answerer_count = RESOLVER_ANSWERER_COUNT },
	};
	read_config(scene, more);
	scene->world.scheduler = scheduler_new(&scene->world);
	scene->log = (struct log){
		.descriptor = -1,
		.level = LOG_ERROR,
		.room = "resolver",
		.wall = log_wall,
		.context = &scene->world,
		.tap = take_event,
		.tap_context = scene,
	};
	scene->vault = direct_peer_new(&scene->world, "vault");
	scene->queue = direct_peer_new(&scene->world, "queue");
	scene->asking = direct_peer_new(&scene->world, "resolver");
	direct_peer_connect(scene->vault, &scene->world, &scene->vault_service, (struct caller){ .room = ROOM_RESOLVER });
	direct_peer_connect(scene->queue, &scene->world, &scene->queue_service, (struct caller){ .room = ROOM_RESOLVER });
	direct_peer_connect(scene->asking, &scene->world, &scene->service, (struct caller){ .room = ROOM_SUBMISSION });
	resolver_init(&scene->resolver, &scene->world, &scene->log, &scene->in_force, &scene->dns, scene->vault);
	scene->resolver.queue = scene->queue;
	return scene;
}

static void resolver_end(struct scene *scene)
{
	struct keep *keep = scene->resolver.keep;
	resolver_deinit(&scene->resolver);
	keep_close(keep);
}

void scene_free(struct scene *scene)
{
	direct_peer_disconnect(scene->asking);
	direct_peer_disconnect(scene->vault);
	direct_peer_disconnect(scene->queue);
	scheduler_cancel_all(scene->world.scheduler);
	scheduler_run(scene->world.scheduler);
	resolver_end(scene);
	peer_free(scene->asking);
	peer_free(scene->vault);
	peer_free(scene->queue);
	text_deinit(&scene->events);
	scheduler_free(scene->world.scheduler);
	config_free(scene->config);
	arena_deinit(&scene->arena);
	free(scene);
}

struct running {
	void (*run)(void *argument);
	void *argument;
	size_t *left;
};

static void run_one(void *argument)
{
	struct running *running = argument;
	running->run(running->argument);
	--*running->left;
}

void scene_run_all(struct scene *scene, void (*run)(void *argument), void *arguments, size_t size, size_t count)
{
	struct running *running = must_alloc(count, sizeof(*running));
	size_t left = count;
	for (size_t i = 0; i < count; i++) {
		running[i] = (struct running){ run, (char *)arguments + i * size, &left };
		task_start(&scene->world, "asker", run_one, &running[i]);
	}
	while (left > 0) {
		const int64_t due = scheduler_run(scene->world.scheduler);
		if (left == 0)
			break;
		assert_true(due != NEVER_DUE);
		if (due > scene->now)
			scene->now = due;
	}
	free(running);
}

void scene_run(struct scene *scene, void (*run)(void *argument), void *argument)
{
	scene_run_all(scene, run, argument, 0, 1);
}

struct asking {
	struct scene *scene;
	const struct question *question;
	const void *request;
	void *answer;
};

static void ask(void *argument)
{
	const struct asking *asking = argument;
	struct scene *scene = asking->scene;
	assert_int_equal(peer_ask(scene->asking, asking->question, asking->request, asking->answer, &scene->arena,
	                          scene->now + 5 * MINUTE),
	                 ASKED_OK);
}

/* ---- what is kept */

static void keep_begin(void *argument)
{
	struct scene *scene = argument;
	scene->resolver.keep = keep_open(&scene->world, &scene->log, scene->directory);
	records_restore(&scene->resolver);
	senders_restore(&scene->resolver);
}

static void keep_end(void *argument)
{
	struct scene *scene = argument;
	keep_flush(scene->resolver.keep, NEVER_DUE);
}

void scene_keep(struct scene *scene, const char *directory)
{
	scene->directory = directory;
	scene_run(scene, keep_begin, scene);
}

void scene_restart(struct scene *scene)
{
	scene_run(scene, keep_end, scene);
	scheduler_cancel_all(scene->world.scheduler);
	scheduler_run(scene->world.scheduler);
	resolver_end(scene);
	resolver_init(&scene->resolver, &scene->world, &scene->log, &scene->in_force, &scene->dns, scene->vault);
	scene->resolver.queue = scene->queue;
	if (scene->directory != NULL)
		scene_run(scene, keep_begin, scene);
}

/* ---- re-checks */

void scene_recheck(struct scene *scene)
{
	senders_begin(&scene->resolver);
}

static void sleep_until(void *argument)
{
	const int64_t *until = argument;
	task_sleep_until(*until);
}

void scene_wait(struct scene *scene, int64_t duration)
{
	int64_t until = scene->now + duration;
	scene_run(scene, sleep_until, &until);
}

size_t scene_events(const struct scene *scene, const char *event)
{
	struct text sought = TEXT_LIMIT(128);
	struct view rest = text_view(&scene->events);
	size_t count = 0;
	text_print(&sought, "\"event\":\"%s\"", event);
	for (size_t at; (at = view_find(rest, text_view(&sought))) != VIEW_NOT_FOUND; count++)
		rest = view_from(rest, at + 1);
	text_deinit(&sought);
	return count;
}

struct verdict_answer scene_verdict(struct scene *scene, const struct verdict_request *request)
{
	struct verdict_answer answer = { 0 };
	scene_run(scene, ask, &(struct asking){ scene, &resolver_verdict_question, request, &answer });
	return answer;
}

struct may_send_answer scene_may_send(struct scene *scene, struct view domain)
{
	const struct may_send_request request = { .account = VIEW(SCENE_ACCOUNT),
		                                      .domains = { domain },
		                                      .domain_count = 1 };
	struct may_send_answer answer = { 0 };
	scene_run(scene, ask, &(struct asking){ scene, &resolver_may_send_question, &request, &answer });
	return answer;
}

struct check_answer scene_check(struct scene *scene, struct view domain)
{
	const struct check_request request = { .domain = domain, .account = VIEW(SCENE_ACCOUNT) };
	struct check_answer answer = { 0 };
	scene_run(scene, ask, &(struct asking){ scene, &resolver_check_question, &request, &answer });
	return answer;
}

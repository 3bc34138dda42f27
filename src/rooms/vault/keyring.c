#include "rooms/vault/keyring.h"

#include "base/must.h"

void keyring_init(struct keyring *keyring)
{
	const uint64_t seed = world_random_u64(keyring->world);
	keyring->by_name = (struct map)MAP_LIMIT(KEYRING_MOST + 1, seed);
	keyring->busy = (struct map)MAP_LIMIT(65536, seed);
	list_init(&keyring->by_use);
	signal_init(&keyring->changed);
}

static void held_free(struct held_domain *held)
{
	for (size_t i = 0; i < held->key_count; i++) {
		text_deinit(&held->keys[i].selector);
		text_deinit(&held->keys[i].public_key);
		EVP_PKEY_free(held->keys[i].private_key);
		rsa_lane_key_free(held->keys[i].lanes);
	}
	text_deinit(&held->name);
	text_deinit(&held->made_for);
	free(held);
}

static void forget(struct keyring *keyring, struct held_domain *held)
{
	map_remove(&keyring->by_name, text_view(&held->name));
	list_remove(&keyring->by_use, &held->by_use);
	if (held->pins == 0)
		held_free(held);
	else
		held->forgotten = true;
}

void keyring_deinit(struct keyring *keyring)
{
	for (struct link *link; (link = list_first(&keyring->by_use)) != NULL;)
		forget(keyring, LIST_OWNER(link, struct held_domain, by_use));
	map_deinit(&keyring->by_name);
	map_deinit(&keyring->busy);
}

void keyring_pin(struct held_domain *held)
{
	held->pins++;
}

void keyring_unpin(struct held_domain *held)
{
	must(held->pins > 0);
	if (--held->pins == 0 && held->forgotten)
		held_free(held);
}

/* ---- one at a time for each domain */

static bool busy_begin(struct keyring *keyring, struct view domain)
{
	while (map_get(&keyring->busy, domain) != NULL)
		if (signal_wait(&keyring->changed, NEVER_DUE) != WAIT_DONE)
			return false;
	bool full = false;
	map_put(&keyring->busy, domain, keyring, &full);
	return !full;
}

static void busy_end(struct keyring *keyring, struct view domain)
{
	map_remove(&keyring->busy, domain);
	signal_wake_all(&keyring->changed);
}

/* ---- holding */

struct load_work {
	struct keyring *keyring;
	struct view domain;
	struct arena arena;
	struct domain_record record;
	EVP_PKEY *private_keys[DOMAIN_KEYS_MOST];
	struct rsa_lane_key *lanes[DOMAIN_KEYS_MOST];
	enum database_found found;
};

static void hold_key(struct held_domain *held, const struct load_work *loaded, size_t i)
{
	const struct key_record *record = &loaded->record.keys[i];
	struct held_key *key = &held->keys[held->key_count++];
	*key = (struct held_key){
		.selector = TEXT_LIMIT(256),
		.algorithm = record->algorithm,
		.phase = record->phase,
		.since = record->since,
		.public_key = TEXT_LIMIT(4096),
		.private_key = loaded->private_keys[i],
		.lanes = loaded->lanes[i],
	};
	text_add(&key->selector, record->selector);
	text_add(&key->public_key, record->public_key);
}

/* Takes the keys. */
static struct held_domain *hold(struct keyring *keyring, const struct load_work *loaded)
{
	const struct domain_record *record = &loaded->record;
	struct held_domain *held = must_alloc(1, sizeof(*held));
	held->name = (struct text)TEXT_LIMIT(256);
	held->made_for = (struct text)TEXT_LIMIT(256);
	held->created = record->created;
	text_add(&held->name, record->domain);
	text_add(&held->made_for, record->made_for);
	for (size_t i = 0; i < record->key_count; i++)
		hold_key(held, loaded, i);
	must(map_put(&keyring->by_name, record->domain, held, NULL) == NULL);
	list_add_last(&keyring->by_use, &held->by_use);
	if (keyring->by_use.count > KEYRING_MOST)
		forget(keyring, LIST_OWNER(list_first(&keyring->by_use), struct held_domain, by_use));
	return held;
}

static struct held_domain *held_now(struct keyring *keyring, struct view domain)
{
	struct held_domain *held = map_get(&keyring->by_name, domain);
	if (held == NULL)
		return NULL;
	list_remove(&keyring->by_use, &held->by_use);
	list_add_last(&keyring->by_use, &held->by_use);
	return held;
}

/* ---- work for the threads */

static void load_run(void *argument)
{
	struct load_work *work = argument;
	work->found = database_domain_get(work->keyring->database, work->domain, &work->arena, &work->record);
	for (size_t i = 0; work->found == DATABASE_FOUND && i < work->record.key_count; i++) {
		work->private_keys[i] = private_key_open(work->keyring->keys, work->record.keys[i].sealed);
		if (work->private_keys[i] == NULL)
			work->found = DATABASE_FAILED;
	}
	for (size_t i = 0; work->found == DATABASE_FOUND && i < work->record.key_count; i++)
		work->lanes[i] = rsa_lane_key_new(work->private_keys[i]);
	if (work->found != DATABASE_FAILED)
		return;
	for (size_t i = 0; i < DOMAIN_KEYS_MOST; i++) {
		EVP_PKEY_free(work->private_keys[i]);
		work->private_keys[i] = NULL;
	}
}

struct make_work {
	EVP_PKEY *private_keys[2];
	bool good;
};

static void make_run(void *argument)
{
	struct make_work *work = argument;
	work->private_keys[0] = private_key_make(DKIM_RSA_SHA256);
	work->private_keys[1] = private_key_make(DKIM_ED25519_SHA256);
	work->good = work->private_keys[0] != NULL && work->private_keys[1] != NULL;
}

struct store_work {
	struct database *database;
	const struct domain_record *record;
	bool good;
};

static void store_run(void *argument)
{
	struct store_work *work = argument;
	work->good = database_domain_add(work->database, work->record);
}

static void rotate_run(void *argument)
{
	struct store_work *work = argument;
	work->good = database_keys_rotate(work->database, work->record);
}

struct activate_work {
	struct database *database;
	struct view domain;
	int64_t when;
	bool good;
};

static void activate_run(void *argument)
{
	struct activate_work *work = argument;
	work->good = database_keys_activate(work->database, work->domain, work->when);
}

struct remove_work {
	struct database *database;
	struct view domain;
	bool was_there;
	bool good;
};

static void remove_run(void *argument)
{
	struct remove_work *work = argument;
	work->good = database_domain_remove(work->database, work->domain, &work->was_there);
}

static void work(struct keyring *keyring, struct worker *worker, void (*run)(void *), void *argument)
{
	keyring->world->operations->work(keyring->world, worker, run, argument);
}

/* ---- finding, adding, removing */

static enum keyring_found load(struct keyring *keyring, struct view domain, struct held_domain **found)
{
	static const enum keyring_found results[] = {
		[DATABASE_FOUND] = KEYRING_FOUND,
		[DATABASE_ABSENT] = KEYRING_ABSENT,
		[DATABASE_FAILED] = KEYRING_FAILED,
	};
	struct load_work job = { .keyring = keyring, .domain = domain };
	work(keyring, keyring->storage, load_run, &job);
	if (job.found == DATABASE_FOUND)
		*found = hold(keyring, &job);
	arena_deinit(&job.arena);
	return results[job.found];
}

enum keyring_found keyring_find(struct keyring *keyring, struct view domain, struct held_domain **found)
{
	*found = held_now(keyring, domain);
	if (*found != NULL)
		return KEYRING_FOUND;
	if (!busy_begin(keyring, domain))
		return KEYRING_FAILED;
	*found = held_now(keyring, domain); /* somebody else's work may have brought it */
	const enum keyring_found result = *found != NULL ? KEYRING_FOUND : load(keyring, domain, found);
	busy_end(keyring, domain);
	return result;
}

static void record_key(struct keyring *keyring, struct domain_record *record, struct view selector,
                       enum dkim_algorithm algorithm, EVP_PKEY *key, struct arena *arena)
{

	uint8_t nonce[24];
	world_random(keyring->world, nonce, sizeof(nonce));
	record->keys[record->key_count++] = (struct key_record){
		.selector = selector,
		.algorithm = algorithm,
		.phase = record->phase,
		.since = record->created,
		.public_key = private_key_public(key, algorithm, arena),
		.sealed = private_key_seal(keyring->keys, key, nonce, arena),
	};
}

/* The usual pair. */
static bool make_pair(struct keyring *keyring, struct view selector, struct arena *arena,
                      struct domain_record *record, EVP_PKEY **private_keys)
{
	struct make_work job = { 0 };
	work(keyring, keyring->makers, make_run, &job);
	private_keys[0] = job.private_keys[0];
	private_keys[1] = job.private_keys[1];
	if (!job.good)
		return false;
	const struct view second = arena_print(arena, "%.*s-ed", VIEW_PRINT(selector));
	record_key(keyring, record, selector, DKIM_RSA_SHA256, private_keys[0], arena);
	record_key(keyring, record, second, DKIM_ED25519_SHA256, private_keys[1], arena);
	return true;
}

static bool make_record(struct keyring *keyring, const struct keyring_new *wanted, struct arena *arena,
                        struct domain_record *record, EVP_PKEY **private_keys)
{
	*record = (struct domain_record){
		.domain = wanted->domain,
		.made_for = wanted->made_for,
		.created = world_wall(keyring->world),
	};
	if (wanted->imported != NULL) {
		EVP_PKEY_up_ref(wanted->imported);
		private_keys[0] = wanted->imported;
		record_key(keyring, record, wanted->selector, wanted->imported_algorithm, wanted->imported, arena);
		return true;
	}
	return make_pair(keyring, wanted->selector, arena, record, private_keys);
}

static enum keyring_found add(struct keyring *keyring, const struct keyring_new *wanted, struct held_domain **added)
{
	struct arena arena = { 0 };
	struct domain_record record;
	EVP_PKEY *private_keys[DOMAIN_KEYS_MOST] = { NULL };
	struct store_work job = { .database = keyring->database, .record = &record };
	if (make_record(keyring, wanted, &arena, &record, private_keys))
		work(keyring, keyring->storage, store_run, &job);
	for (size_t i = 0; i < DOMAIN_KEYS_MOST; i++)
		EVP_PKEY_free(private_keys[i]);
	arena_deinit(&arena);
	return job.good ? load(keyring, wanted->domain, added) : KEYRING_FAILED;
}

enum keyring_found keyring_add(struct keyring *keyring, const struct keyring_new *wanted, struct held_domain **added)
{
	if (!busy_begin(keyring, wanted->domain))
		return KEYRING_FAILED;
	*added = held_now(keyring, wanted->domain);
	enum keyring_found result = *added != NULL ? KEYRING_FOUND : load(keyring, wanted->domain, added);
	if (result == KEYRING_ABSENT)
		result = add(keyring, wanted, added);
	busy_end(keyring, wanted->domain);
	return result;
}

/* ---- one pair after the other */

static const struct held_key *key_in(const struct held_domain *held, enum key_phase phase)
{
	for (size_t i = 0; i < held->key_count; i++)
		if (held->keys[i].phase == phase)
			return &held->keys[i];
	return NULL;
}

static bool is_active(const struct held_domain *held, struct view selector)
{
	for (size_t i = 0; i < held->key_count; i++)
		if (held->keys[i].phase == KEY_ACTIVE && view_equal(text_view(&held->keys[i].selector), selector))
			return true;
	return false;
}

static enum keyring_rotated may_rotate(const struct keyring *keyring, const struct held_domain *held, int64_t rest)
{
	const struct held_key *old = key_in(held, KEY_OLD);
	if (key_in(held, KEY_NEXT) != NULL)
		return KEYS_UNDER_WAY;
	return old != NULL && old->since + rest > world_wall(keyring->world) ? KEYS_TOO_SOON : KEYS_ROTATED;
}

static bool rotate(struct keyring *keyring, struct held_domain *held, struct view selector, struct view domain)
{
	struct arena arena = { 0 };
	struct domain_record record = { .domain = domain, .created = world_wall(keyring->world), .phase = KEY_NEXT };
	EVP_PKEY *private_keys[2] = { NULL };
	struct store_work job = { .database = keyring->database, .record = &record };
	const struct view name =
		is_active(held, selector) ? arena_print(&arena, "%.*s2", VIEW_PRINT(selector)) : selector;
	keyring_pin(held);
	if (make_pair(keyring, name, &arena, &record, private_keys))
		work(keyring, keyring->storage, rotate_run, &job);
	EVP_PKEY_free(private_keys[0]);
	EVP_PKEY_free(private_keys[1]);
	keyring_unpin(held);
	arena_deinit(&arena);
	return job.good;
}

/* What is held is read anew from the database. */
static enum keyring_found reload(struct keyring *keyring, struct view domain, struct held_domain **found)
{
	struct held_domain *before = map_get(&keyring->by_name, domain);
	if (before != NULL)
		forget(keyring, before);
	return load(keyring, domain, found);
}

enum keyring_rotated keyring_rotate(struct keyring *keyring, struct view domain, struct view selector, int64_t rest,
                                    struct held_domain **rotated)
{
	static const enum keyring_rotated missing[] = {
		[KEYRING_FOUND] = KEYS_ROTATED,
		[KEYRING_ABSENT] = KEYS_ABSENT,
		[KEYRING_FAILED] = KEYS_FAILED,
	};
	if (!busy_begin(keyring, domain))
		return KEYS_FAILED;
	*rotated = held_now(keyring, domain);
	enum keyring_rotated result = missing[*rotated != NULL ? KEYRING_FOUND : load(keyring, domain, rotated)];
	if (result == KEYS_ROTATED)
		result = may_rotate(keyring, *rotated, rest);
	if (result == KEYS_ROTATED && !rotate(keyring, *rotated, selector, domain))
		result = KEYS_FAILED;
	if (result == KEYS_ROTATED)
		result = missing[reload(keyring, domain, rotated)];
	busy_end(keyring, domain);
	return result;
}

enum keyring_found keyring_activate(struct keyring *keyring, struct view domain)
{
	if (!busy_begin(keyring, domain))
		return KEYRING_FAILED;
	struct held_domain *held = held_now(keyring, domain);
	struct activate_work job = {
		.database = keyring->database,
		.domain = domain,
		.when = world_wall(keyring->world),
	};
	enum keyring_found result = held != NULL ? KEYRING_FOUND : load(keyring, domain, &held);
	if (result == KEYRING_FOUND && key_in(held, KEY_NEXT) == NULL)
		result = KEYRING_ABSENT;
	if (result == KEYRING_FOUND) {
		work(keyring, keyring->storage, activate_run, &job);
		result = job.good ? reload(keyring, domain, &held) : KEYRING_FAILED;
	}
	busy_end(keyring, domain);
	return result;
}

enum keyring_found keyring_remove(struct keyring *keyring, struct view domain)
{
	if (!busy_begin(keyring, domain))
		return KEYRING_FAILED;
	struct remove_work job = { .database = keyring->database, .domain = domain };
	work(keyring, keyring->storage, remove_run, &job);
	struct held_domain *held = map_get(&keyring->by_name, domain);
	if (job.good && held != NULL)
		forget(keyring, held);
	busy_end(keyring, domain);
	if (!job.good)
		return KEYRING_FAILED;
	return job.was_there ? KEYRING_FOUND : KEYRING_ABSENT;
}

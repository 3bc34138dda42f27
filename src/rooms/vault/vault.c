#include "rooms/vault/vault.h"
#include "rooms/vault/signing.h"

#include "base/must.h"

#include <unistd.h>

const struct config *vault_config(const struct vault *vault)
{
	return *vault->config;
}

void vault_work(struct vault *vault, struct worker *worker, void (*run)(void *argument), void *argument)
{
	vault->world->operations->work(vault->world, worker, run, argument);
}

/* ---- start */

static void take_account(void *context, const struct account_record *record)
{
	struct vault *vault = context;
	struct account *account = accounts_add(&vault->accounts, record->name, record->as_typed);
	text_add(&account->label, record->label);
	text_add(&account->reason, record->reason);
	account->state = record->state;
	account->created = record->created;
	account->last_login = record->last_login;
}

static void take_password(void *context, const struct password_record *record)
{
	struct vault *vault = context;
	struct account *account = accounts_find(&vault->accounts, record->account);
	if (account != NULL)
		account_password_add(account, record->source, record->verifier, record->created);
}

static void take_setting(void *context, const struct setting_record *record)
{
	struct vault *vault = context;
	struct account *account = accounts_find(&vault->accounts, record->account);
	const enum setting setting = setting_find(record->key);
	if (account != NULL && setting != SETTING_COUNT)
		text_add(&account->settings.values[setting], record->value);
}

static void take_usage(void *context, const struct usage_record *record)
{
	struct vault *vault = context;
	struct account *account = accounts_find(&vault->accounts, record->account);
	if (account == NULL)
		return;
	account->day = record->day;
	account->used_today = record->recipients;
}

static bool read_accounts(struct vault *vault)
{
	const struct database_reader reader = {
		.context = vault,
		.account = take_account,
		.password = take_password,
		.setting = take_setting,
		.usage = take_usage,
	};
	return database_read_all(vault->database, &reader);
}

/* Under another key file no password would fit and no key would open, and what is added would be lost with it. */
static bool key_file_fits(struct vault *vault, struct text *problem)
{
	uint8_t mark[VERIFIER_SIZE];
	bool is_same = false;
	password_mac(&vault->keys, VIEW("the key file of this vault.db"), mark);
	if (!database_mark_check(vault->database, view_bytes(mark, sizeof(mark)), &is_same))
		return false;
	if (!is_same)
		text_add(problem, VIEW("vault.key_file is not the one that vault.db was made with; put that one back"));
	return is_same;
}

struct vault *vault_new(struct world *world, struct log *log, const struct config *const *config,
                        struct view key_file, const char *directory, struct text *problem)
{
	if (key_file.length != VAULT_KEY_SIZE) {
		text_print(problem, "vault.key_file must hold %d bytes, not %zu", VAULT_KEY_SIZE, key_file.length);
		return NULL;
	}
	struct text path = TEXT_LIMIT(4096);
	text_print(&path, "%s/vault.db", directory);
	struct vault *vault = must_alloc(1, sizeof(*vault));
	vault->world = world;
	vault->log = log;
	vault->config = config;
	vault_keys_derive(key_file, &vault->keys);
	const uint64_t seed = world_random_u64(world);
	accounts_init(&vault->accounts, seed);
	guesses_init(&vault->guesses, seed);
	vault->logins = (struct map)MAP_LIMIT(LOGINS_MOST, seed);
	list_init(&vault->login_list);
	vault->keyring.world = world;
	keyring_init(&vault->keyring);
	vault->database = database_open(text_cstring(&path), problem);
	text_deinit(&path);
	if (vault->database == NULL || !key_file_fits(vault, problem) || !read_accounts(vault)) {
		text_add(problem, problem->length == 0 ? VIEW("vault.db cannot be read") : VIEW_NONE);
		vault_free(vault);
		return NULL;
	}
	const long cores = sysconf(_SC_NPROCESSORS_ONLN);
	const unsigned signers = cores < 1 ? 1 : cores > 32 ? 32 : (unsigned)cores;
	/* Below the rest of the program, so that what it has to do meanwhile brings more to sign. */
	static const struct worker_group signing = { .most = RSA_LANE_JOBS_MOST, .run = signing_run_together, .nice = 5 };
	vault->storage = worker_new(world, "vault-storage", 1);
	vault->hashers = worker_new(world, "vault-hash", 2);
	vault->makers = worker_new(world, "vault-keys", 1);
	vault->signers = worker_new_grouping(world, "vault-sign", signers, &signing);
	vault->keyring.database = vault->database;
	vault->keyring.storage = vault->storage;
	vault->keyring.makers = vault->makers;
	vault->keyring.keys = &vault->keys;
	return vault;
}

void vault_free(struct vault *vault)
{
	worker_free(vault->signers);
	worker_free(vault->makers);
	worker_free(vault->hashers);
	worker_free(vault->storage);
	while (!list_is_empty(&vault->login_list)) {
		struct login *login = LIST_OWNER(list_take_first(&vault->login_list), struct login, link);
		free(login);
	}
	map_deinit(&vault->logins);
	keyring_deinit(&vault->keyring);
	guesses_deinit(&vault->guesses);
	accounts_deinit(&vault->accounts);
	database_close(vault->database);
	vault_keys_wipe(&vault->keys);
	free(vault);
}

/* ---- what was used today */

enum { USAGES_A_TIME = 1000 };

struct usage_work {
	struct database *database;
	struct usage_record usages[USAGES_A_TIME];
	int64_t last_logins[USAGES_A_TIME];
	size_t count;
};

static void usage_run(void *argument)
{
	struct usage_work *work = argument;
	database_usage_save(work->database, work->usages, work->count);
	for (size_t i = 0; i < work->count; i++)
		database_login_save(work->database, work->usages[i].account, work->last_logins[i]);
}

static void usage_collect(struct vault *vault, struct usage_work *work, struct arena *arena)
{
	size_t position = 0;
	struct view key;
	void *value;
	while (work->count < USAGES_A_TIME && map_walk(&vault->accounts.by_name, &position, &key, &value)) {
		struct account *account = value;
		if (!account->usage_dirty || account->state == ACCOUNT_REMOVED)
			continue;
		account->usage_dirty = false;
		work->last_logins[work->count] = account->last_login;
		work->usages[work->count++] = (struct usage_record){
			.account = arena_copy(arena, key),
			.day = account->day,
			.recipients = account->used_today,
		};
	}
}

static void usage_save(struct vault *vault)
{
	struct usage_work *work = must_alloc(1, sizeof(*work));
	struct arena arena = { 0 };
	work->database = vault->database;
	usage_collect(vault, work, &arena);
	if (work->count > 0)
		vault_work(vault, vault->storage, usage_run, work);
	arena_deinit(&arena);
	free(work);
}

void vault_save_usage(void *argument)
{
	struct vault *vault = argument;
	while (task_sleep(vault->world, 10 * SECOND) == WAIT_DONE)
		usage_save(vault);
	usage_save(vault);
}

/* ---- the room */

const struct answerer vault_answerers[VAULT_ANSWERER_COUNT] = {
	{ .question = &vault_authenticate_question, .answer = vault_answer_authenticate },
	{ .question = &vault_credit_question, .answer = vault_answer_credit },
	{ .question = &vault_logout_question, .answer = vault_answer_logout },
	{ .question = &vault_sign_question, .answer = vault_answer_sign },
	{ .question = &vault_sign_service_question, .answer = vault_answer_sign_service },
	{ .question = &vault_domain_keys_question, .answer = vault_answer_domain_keys },
	{ .question = &vault_grant_question, .answer = vault_answer_grant },
	{ .question = &vault_activate_question, .answer = vault_answer_activate },
	{ .question = &vault_account_change_question, .answer = vault_answer_account_change },
	{ .question = &vault_account_list_question, .answer = vault_answer_account_list },
	{ .question = &vault_domain_list_question, .answer = vault_answer_domain_list },
	{ .question = &vault_domain_change_question, .answer = vault_answer_domain_change },
};

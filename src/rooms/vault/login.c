/* Logins: authenticate, credit, logout. */
#include "base/must.h"
#include "rooms/vault/vault.h"

enum { PASSWORD_MOST = 4096 };
static const int64_t remember_for = 10 * MINUTE;
static const int64_t busy_within = 50 * MILLISECOND; /* from one message of a session to the next */

struct verify_work {
	enum password_source source;
	struct view verifier;
	struct view password;
	bool matches;
	/* An imported password that was right becomes a chosen one. */
	struct text rehashed;
};

static void verify_run(void *argument)
{
	struct verify_work *work = argument;
	work->matches = password_matches(work->source, work->verifier, work->password);
	if (work->matches && work->source == PASSWORD_HASH)
		password_hash(work->password, &work->rehashed);
}

struct replace_work {
	struct database *database;
	struct view account;
	struct view old_verifier;
	struct password_record record;
	bool good;
};

static void replace_run(void *argument)
{
	struct replace_work *work = argument;
	work->good = database_password_replace(work->database, work->account, work->old_verifier, &work->record);
}

static void rehash(struct vault *vault, struct account *account, struct view old_verifier, struct view verifier,
                   struct arena *arena)
{
	struct replace_work work = {
		.database = vault->database,
		.account = arena_copy(arena, text_view(&account->name)),
		.old_verifier = old_verifier,
		.record = { .account = work.account, .source = PASSWORD_CHOSEN, .verifier = verifier },
	};
	work.record.account = work.account;
	vault_work(vault, vault->storage, replace_run, &work);
	for (size_t i = 0; work.good && i < account->password_count; i++) {
		struct password *password = &account->passwords[i];
		if (!view_equal(text_view(&password->verifier), old_verifier))
			continue;
		password->source = PASSWORD_CHOSEN;
		text_clear(&password->verifier);
		text_add(&password->verifier, verifier);
	}
}

static bool slow_password_matches(struct vault *vault, struct account *account, size_t index, struct view password,
                                  struct arena *arena)
{
	struct verify_work work = {
		.source = account->passwords[index].source,
		.verifier = arena_copy(arena, text_view(&account->passwords[index].verifier)),
		.password = password,
		.rehashed = TEXT_LIMIT(512),
	};
	const uint64_t number = account->passwords[index].number;
	vault_work(vault, vault->hashers, verify_run, &work);
	if (work.matches && work.rehashed.length > 0)
		rehash(vault, account, work.verifier, text_view(&work.rehashed), arena);
	text_deinit(&work.rehashed);
	/* It may have ended while it was hashed. */
	return work.matches && account_password_is_alive(account, number);
}

static bool any_password_matches(struct vault *vault, struct account *account, struct view password,
                                 struct arena *arena)
{
	uint8_t mac[VERIFIER_SIZE];
	password_mac(&vault->keys, password, mac);
	const struct view made = view_bytes(mac, sizeof(mac));
	bool matches = world_now(vault->world) < account->remembered_until &&
	               view_equal_constant_time(made, view_bytes(account->remembered, VERIFIER_SIZE));
	for (size_t i = 0; i < account->password_count; i++)
		if (account->passwords[i].source == PASSWORD_GENERATED)
			matches |= view_equal_constant_time(made, text_view(&account->passwords[i].verifier));
	/* The slow ones suspend, and the account may change meanwhile: the count is looked at each time. */
	for (size_t i = 0; !matches && i < account->password_count; i++) {
		if (account->passwords[i].source == PASSWORD_GENERATED)
			continue;
		matches = slow_password_matches(vault, account, i, password, arena);
		if (!matches)
			continue;
		for (size_t at = 0; at < VERIFIER_SIZE; at++)
			account->remembered[at] = mac[at];
		account->remembered_until = world_now(vault->world) + remember_for;
	}
	return matches;
}

static enum authentication judge(struct vault *vault, struct account *account,
                                 const struct authenticate_request *request, struct arena *arena)
{
	uint8_t mac[VERIFIER_SIZE];
	/* An unknown account costs what a known one costs. */
	if (account == NULL || account->state == ACCOUNT_REMOVED || request->password.length > PASSWORD_MOST) {
		password_mac(&vault->keys, view_first(request->password, PASSWORD_MOST), mac);
		return AUTHENTICATION_WRONG;
	}
	if (!any_password_matches(vault, account, request->password, arena))
		return AUTHENTICATION_WRONG;
	if (account->state == ACCOUNT_REMOVED)
		return AUTHENTICATION_WRONG;
	if (account_is_suspended(account))
		return AUTHENTICATION_SUSPENDED;
	if (!setting_allows_client(&account->settings, request->client))
		return AUTHENTICATION_NETWORK;
	if (account->sessions >= setting_number(&account->settings, SETTING_CONNECTIONS, vault_config(vault)))
		return AUTHENTICATION_TOO_MANY;
	return AUTHENTICATION_OK;
}

static struct view login_key(const uint64_t *number)
{
	return view_bytes(number, sizeof(*number));
}

static uint64_t login_begin(struct vault *vault, const struct caller *caller, struct account *account)
{
	struct login *login = must_alloc(1, sizeof(*login));
	/* Random, so that no room can guess another's. */
	do
		login->number = world_random_u64(vault->world);
	while (login->number == 0 || map_get(&vault->logins, login_key(&login->number)) != NULL);
	login->caller = caller->number;
	login->account = account;
	login->credited = INT64_MIN / 2;
	bool full = false;
	map_put(&vault->logins, login_key(&login->number), login, &full);
	if (full) {
		free(login);
		return 0;
	}
	list_add_last(&vault->login_list, &login->link);
	account->sessions++;
	return login->number;
}

static void spare_give_back(struct login *login, uint32_t unused)
{
	account_give_back(login->account, unused < login->spare ? unused : login->spare);
	login->spare = 0;
}

static void login_end(struct vault *vault, struct login *login)
{
	map_remove(&vault->logins, login_key(&login->number));
	list_remove(&vault->login_list, &login->link);
	must(login->account->sessions > 0);
	login->account->sessions--;
	free(login);
}

static void login_fill(struct vault *vault, struct account *account, struct authenticate_answer *answer,
                       struct arena *arena)
{
	const struct config *config = vault_config(vault);
	answer->account = arena_copy(arena, text_view(&account->name));
	answer->as_typed = arena_copy(arena, text_view(&account->as_typed));
	answer->message_size = setting_number(&account->settings, SETTING_MESSAGE_SIZE, config);
	answer->recipients = (uint32_t)setting_number(&account->settings, SETTING_RECIPIENTS, config);
	int64_t wait = 0;
	answer->may_send = !account_is_held(account) && account_credit(account, config, 0, world_now(vault->world),
	                                                               world_wall(vault->world), &wait) == CREDIT_GRANTED;
	for (unsigned check = 0; check < CHECK_COUNT; check++)
		answer->require[check] = setting_requirement(&account->settings, (enum check)check, config);
}

void vault_answer_authenticate(void *room, const struct caller *caller, const void *question, void *given,
                               struct arena *arena)
{
	struct vault *vault = room;
	const struct authenticate_request *request = question;
	struct authenticate_answer *answer = given;
	const int64_t now = world_now(vault->world);
	if (guesses_is_blocked(&vault->guesses, request->client, now)) {
		answer->result = AUTHENTICATION_BUSY;
		answer->delay = SECOND;
		return;
	}
	struct account *account = accounts_find(&vault->accounts, request->name);
	answer->result = judge(vault, account, request, arena);
	if (answer->result == AUTHENTICATION_WRONG) {
		vault->counters.wrong_logins++;
		/* The wait runs from when the question came, so that a slow verifier does not show. */
		const int64_t spent = world_now(vault->world) - now;
		const int64_t delay = guesses_add(&vault->guesses, request->name, request->client, now);
		answer->delay = delay > spent ? delay - spent : 0;
		return;
	}
	if (answer->result != AUTHENTICATION_OK)
		return;
	answer->login = login_begin(vault, caller, account);
	if (answer->login == 0) {
		answer->result = AUTHENTICATION_BUSY;
		return;
	}
	vault->counters.logins++;
	account->last_login = world_wall(vault->world);
	account->usage_dirty = true;
	login_fill(vault, account, answer, arena);
}

struct login *vault_login_find(struct vault *vault, const struct caller *caller, uint64_t number)
{
	struct login *login = map_get(&vault->logins, login_key(&number));
	return login != NULL && login->caller == caller->number ? login : NULL;
}

void vault_answer_credit(void *room, const struct caller *caller, const void *question, void *given,
                         struct arena *arena)
{
	struct vault *vault = room;
	const struct credit_request *request = question;
	struct credit_answer *answer = given;
	struct login *login = vault_login_find(vault, caller, request->login);
	if (login == NULL) {
		answer->result = CREDIT_NO_LOGIN;
		return;
	}
	struct account *account = login->account;
	spare_give_back(login, request->unused);
	if (account_is_suspended(account)) {
		answer->result = CREDIT_SUSPENDED;
		answer->reason = arena_copy(arena, text_view(&account->reason));
		return;
	}
	answer->result = account_credit(account, vault_config(vault), request->recipients, world_now(vault->world),
	                                world_wall(vault->world), &answer->wait);
	answer->held = account_is_held(account);
	answer->reason = answer->held ? arena_copy(arena, text_view(&account->reason)) : VIEW_NONE;
	if (answer->result != CREDIT_GRANTED || answer->held || request->recipients == 0)
		return;
	const int64_t now = world_now(vault->world);
	if (now - login->credited < busy_within)
		answer->spare = login->spare = account_spare(account, vault_config(vault));
	login->credited = now;
}

void vault_answer_logout(void *room, const struct caller *caller, const void *question, void *given,
                         struct arena *arena)
{
	(void)given;
	(void)arena;
	struct vault *vault = room;
	const struct logout_request *request = question;
	struct login *login = vault_login_find(vault, caller, request->login);
	if (login == NULL)
		return;
	spare_give_back(login, request->unused);
	login_end(vault, login);
}

void vault_caller_gone(void *room, const struct caller *caller)
{
	struct vault *vault = room;
	struct link *next = NULL;
	for (struct link *link = list_first(&vault->login_list); link != NULL; link = next) {
		next = list_next(&vault->login_list, link);
		struct login *login = LIST_OWNER(link, struct login, link);
		if (login->caller == caller->number)
			login_end(vault, login);
	}
}

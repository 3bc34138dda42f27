/* What the operator does to accounts. */
#include "base/must.h"
#include "rooms/vault/vault.h"

#include <openssl/evp.h>

enum { ASSIGNMENTS_MOST = 32 };

/* ---- work for the database's thread: one change */

struct change_work {
	struct database *database;
	enum account_change change;
	struct account_record account;
	struct password_record password;
	struct setting_record settings[ASSIGNMENTS_MOST];
	size_t setting_count;
	bool has_label;
	bool good;
};

static void change_run(void *argument)
{
	struct change_work *work = argument;
	switch (work->change) {
	case ACCOUNT_ADD:
		work->good = database_account_add(work->database, &work->account, &work->password);
		return;
	case ACCOUNT_SET:
		work->good =
			database_settings_set(work->database, work->settings, work->setting_count) &&
			(!work->has_label || database_account_label(work->database, work->account.name, work->account.label));
		return;
	case ACCOUNT_ROTATE:
		work->good = database_password_add(work->database, &work->password);
		return;
	case ACCOUNT_SUSPEND:
	case ACCOUNT_RESUME:
	case ACCOUNT_HOLD:
	case ACCOUNT_RELEASE:
		work->good =
			database_account_state(work->database, work->account.name, work->account.state, work->account.reason);
		return;
	case ACCOUNT_REMOVE:
		work->good = database_account_remove(work->database, work->account.name);
		return;
	}
}

static bool store(struct vault *vault, struct change_work *work, struct account_change_answer *answer)
{
	work->database = vault->database;
	vault_work(vault, vault->storage, change_run, work);
	answer->result = work->good ? CHANGE_DONE : CHANGE_FAILED;
	if (!work->good)
		answer->why = VIEW("the change could not be written to disk");
	return work->good;
}

/* ---- passwords */

struct hash_work {
	struct view password;
	struct text verifier;
	bool good;
};

static void hash_run(void *argument)
{
	struct hash_work *work = argument;
	work->good = password_hash(work->password, &work->verifier);
}

static bool refuse(struct account_change_answer *answer, enum change_result result, struct view why)
{
	answer->result = result;
	answer->why = why;
	return false;
}

static bool generate(struct vault *vault, struct password_record *record, struct account_change_answer *answer,
                     struct arena *arena)
{
	uint8_t random[20];
	uint8_t verifier[VERIFIER_SIZE];
	struct text password = TEXT_LIMIT(64);
	world_random(vault->world, random, sizeof(random));
	password_generate(random, &password);
	password_mac(&vault->keys, text_view(&password), verifier);
	answer->password = arena_copy(arena, text_view(&password));
	record->verifier = arena_copy(arena, view_bytes(verifier, sizeof(verifier)));
	text_deinit(&password);
	return true;
}

static bool choose(struct vault *vault, struct view password, struct password_record *record,
                   struct account_change_answer *answer, struct arena *arena)
{
	if (password.length < 12 || password.length > 1024)
		return refuse(answer, CHANGE_INVALID,
		              VIEW("a chosen password has 12 to 1024 characters; or leave it out, and one is generated"));
	struct hash_work work = { .password = password, .verifier = TEXT_LIMIT(512) };
	vault_work(vault, vault->hashers, hash_run, &work);
	record->verifier = arena_copy(arena, text_view(&work.verifier));
	text_deinit(&work.verifier);
	return work.good || refuse(answer, CHANGE_FAILED, VIEW("out of memory for hashing"));
}

static bool make_password(struct vault *vault, const struct account_change_request *request,
                          struct password_record *record, struct account_change_answer *answer, struct arena *arena)
{
	record->source = request->password_source;
	record->created = world_wall(vault->world);
	switch (request->password_source) {
	case PASSWORD_GENERATED:
		return generate(vault, record, answer, arena);
	case PASSWORD_CHOSEN:
		return choose(vault, request->password, record, answer, arena);
	case PASSWORD_HASH:
		record->verifier = view_trim(request->password);
		return password_hash_is_usable(record->verifier, &answer->why) || refuse(answer, CHANGE_INVALID, answer->why);
	}
	return false;
}

/* PREFIX=SHA-256 of the account's name in lower case; what the customer publishes. */
static struct view token_of(const struct vault *vault, struct view lower, struct arena *arena)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	size_t length = 0;
	struct text token = TEXT_LIMIT(512);
	must(EVP_Q_digest(NULL, "SHA256", NULL, lower.data, lower.length, digest, &length) == 1);
	text_print(&token, "%.*s=", VIEW_PRINT(vault_config(vault)->service.token_prefix));
	text_add_hex(&token, view_bytes(digest, length));
	const struct view copy = arena_copy(arena, text_view(&token));
	text_deinit(&token);
	return copy;
}

/* ---- the changes */

static void add_account(struct vault *vault, const struct account_change_request *request,
                        struct account_change_answer *answer, struct arena *arena)
{
	struct change_work work = { .change = ACCOUNT_ADD };
	const struct account *there = accounts_find(&vault->accounts, request->name);
	if (!account_name_check(request->name, &answer->why)) {
		answer->result = CHANGE_INVALID;
		return;
	}
	if (there != NULL) {
		refuse(answer, CHANGE_EXISTS,
		       there->state == ACCOUNT_REMOVED ? VIEW("this name was used once; names are never given to anyone "
		                                              "else, because tokens in DNS may still "
		                                              "name it")
		                                       : VIEW("there is such an account already"));
		return;
	}
	struct text lower = TEXT_LIMIT(ACCOUNT_NAME_MOST);
	account_name_lower(request->name, &lower);
	const struct view name = arena_copy(arena, text_view(&lower));
	text_deinit(&lower);
	work.account = (struct account_record){
		.name = name,
		.as_typed = request->name,
		.label = view_first(request->label, 1000),
		.created = world_wall(vault->world),
	};
	work.password.account = name;
	if (!make_password(vault, request, &work.password, answer, arena))
		return;
	if (!store(vault, &work, answer))
		return;
	struct account *account = accounts_find(&vault->accounts, name);
	if (account == NULL)
		account = accounts_add(&vault->accounts, name, request->name);
	text_add(&account->label, work.account.label);
	account->created = work.account.created;
	account_password_add(account, work.password.source, work.password.verifier, work.password.created);
}

static bool read_assignment(struct view assignment, struct change_work *work, struct account_change_answer *answer,
                            struct arena *arena)
{
	const size_t equals = view_find_byte(assignment, '=');
	const struct view key = view_first(assignment, equals);
	const struct view value = equals == VIEW_NOT_FOUND ? VIEW_NONE : view_from(assignment, equals + 1);
	if (view_equal(key, VIEW("label"))) {
		work->has_label = true;
		work->account.label = view_first(value, 1000);
		return true;
	}
	const enum setting setting = setting_find(key);
	if (setting == SETTING_COUNT || equals == VIEW_NOT_FOUND) {
		struct text why = TEXT_LIMIT(1024);
		text_add(&why, VIEW("unknown setting \""));
		text_add_printable(&why, key, 60);
		text_add(&why, VIEW("\"; KEY=VALUE with one of: label"));
		for (unsigned i = 0; i < SETTING_COUNT; i++)
			text_print(&why, ", %.*s", VIEW_PRINT(setting_name((enum setting)i)));
		answer->why = arena_copy(arena, text_view(&why));
		text_deinit(&why);
		return refuse(answer, CHANGE_INVALID, answer->why);
	}
	struct view why = VIEW_NONE;
	if (!setting_check(setting, value, &why))
		return refuse(answer, CHANGE_INVALID, arena_print(arena, "%.*s: %.*s", VIEW_PRINT(key), VIEW_PRINT(why)));
	work->settings[work->setting_count++] =
		(struct setting_record){ .account = work->account.name, .key = key, .value = value };
	return true;
}

static void set_account(struct vault *vault, struct account *account, const struct account_change_request *request,
                        struct account_change_answer *answer, struct arena *arena)
{
	struct change_work work = { .change = ACCOUNT_SET };
	work.account.name = arena_copy(arena, text_view(&account->name));
	if (request->assignment_count == 0 || request->assignment_count > ASSIGNMENTS_MOST) {
		refuse(answer, CHANGE_INVALID, VIEW("expected KEY=VALUE, at least one and at most 32"));
		return;
	}
	for (size_t i = 0; i < request->assignment_count; i++)
		if (!read_assignment(request->assignments[i], &work, answer, arena))
			return;
	if (!store(vault, &work, answer))
		return;
	for (size_t i = 0; i < work.setting_count; i++) {
		struct text *value = &account->settings.values[setting_find(work.settings[i].key)];
		text_clear(value);
		text_add(value, work.settings[i].value);
	}
	if (work.has_label) {
		text_clear(&account->label);
		text_add(&account->label, work.account.label);
	}
}

static void rotate_password(struct vault *vault, struct account *account,
                            const struct account_change_request *request, struct account_change_answer *answer,
                            struct arena *arena)
{
	struct change_work work = { .change = ACCOUNT_ROTATE };
	work.password.account = arena_copy(arena, text_view(&account->name));
	if (make_password(vault, request, &work.password, answer, arena) && store(vault, &work, answer))
		account_password_add(account, work.password.source, work.password.verifier, work.password.created);
}

/* Suspended and held are two things: the one ends with RESUME, the other with RELEASE. */
static enum account_state state_after(enum account_state now, enum account_change change)
{
	static const enum account_state rows[ACCOUNT_STATE_COUNT][ACCOUNT_REMOVE + 1] = {
		[ACCOUNT_ACTIVE] = { [ACCOUNT_SUSPEND] = ACCOUNT_SUSPENDED,
		                     [ACCOUNT_RESUME] = ACCOUNT_ACTIVE,
		                     [ACCOUNT_HOLD] = ACCOUNT_HELD,
		                     [ACCOUNT_RELEASE] = ACCOUNT_ACTIVE },
		[ACCOUNT_SUSPENDED] = { [ACCOUNT_SUSPEND] = ACCOUNT_SUSPENDED,
		                        [ACCOUNT_RESUME] = ACCOUNT_ACTIVE,
		                        [ACCOUNT_HOLD] = ACCOUNT_SUSPENDED_HELD,
		                        [ACCOUNT_RELEASE] = ACCOUNT_SUSPENDED },
		[ACCOUNT_HELD] = { [ACCOUNT_SUSPEND] = ACCOUNT_SUSPENDED_HELD,
		                   [ACCOUNT_RESUME] = ACCOUNT_HELD,
		                   [ACCOUNT_HOLD] = ACCOUNT_HELD,
		                   [ACCOUNT_RELEASE] = ACCOUNT_ACTIVE },
		[ACCOUNT_SUSPENDED_HELD] = { [ACCOUNT_SUSPEND] = ACCOUNT_SUSPENDED_HELD,
		                             [ACCOUNT_RESUME] = ACCOUNT_HELD,
		                             [ACCOUNT_HOLD] = ACCOUNT_SUSPENDED_HELD,
		                             [ACCOUNT_RELEASE] = ACCOUNT_SUSPENDED },
	};
	return change == ACCOUNT_REMOVE ? ACCOUNT_REMOVED : rows[now][change];
}

static void change_state(struct vault *vault, struct account *account, const struct account_change_request *request,
                         struct account_change_answer *answer, struct arena *arena)
{
	struct change_work work = { .change = request->change };
	work.account.name = arena_copy(arena, text_view(&account->name));
	work.account.state = state_after(account->state, request->change);
	work.account.reason = view_first(request->reason, 1000);
	/* What still holds keeps its reason. */
	if (work.account.reason.length == 0 && work.account.state != ACCOUNT_ACTIVE)
		work.account.reason = arena_copy(arena, text_view(&account->reason));
	if (!store(vault, &work, answer))
		return;
	account->state = work.account.state;
	text_clear(&account->reason);
	text_add(&account->reason, work.account.reason);
	if (account->state == ACCOUNT_REMOVED)
		account_passwords_end(account);
}

void vault_answer_account_change(void *room, const struct caller *caller, const void *question, void *given,
                                 struct arena *arena)
{
	(void)caller;
	struct vault *vault = room;
	const struct account_change_request *request = question;
	struct account_change_answer *answer = given;
	struct account *account = accounts_find(&vault->accounts, request->name);
	answer->result = CHANGE_DONE;
	if (request->change == ACCOUNT_ADD) {
		add_account(vault, request, answer, arena);
		account = accounts_find(&vault->accounts, request->name);
	} else if (account == NULL || account->state == ACCOUNT_REMOVED) {
		refuse(answer, CHANGE_ABSENT,
		       account == NULL ? VIEW("there is no such account") : VIEW("this account was removed"));
		return;
	} else if (request->change == ACCOUNT_SET) {
		set_account(vault, account, request, answer, arena);
	} else if (request->change == ACCOUNT_ROTATE) {
		rotate_password(vault, account, request, answer, arena);
	} else {
		change_state(vault, account, request, answer, arena);
	}
	if (account == NULL)
		return;
	answer->account = arena_copy(arena, text_view(&account->name));
	answer->state = account->state;
	answer->token = token_of(vault, answer->account, arena);
}

/* ---- listing */

static int compare_names(const void *a, const void *b)
{
	const struct account *const *first = a;
	const struct account *const *second = b;
	return view_compare(text_view(&(*first)->name), text_view(&(*second)->name));
}

static struct view password_kind(const struct account *account)
{
	static const struct view kinds[] = {
		[PASSWORD_GENERATED] = VIEW_INIT("generated"),
		[PASSWORD_CHOSEN] = VIEW_INIT("chosen"),
		[PASSWORD_HASH] = VIEW_INIT("imported"),
	};
	return account->password_count == 0 ? VIEW_NONE : kinds[account->passwords[account->password_count - 1].source];
}

static void row_fill(struct vault *vault, const struct account *account, struct account_row *row, struct arena *arena)
{
	struct text settings = TEXT_LIMIT(16384);
	settings_write_json(&account->settings, vault_config(vault), &settings);
	*row = (struct account_row){
		.name = arena_copy(arena, text_view(&account->name)),
		.as_typed = arena_copy(arena, text_view(&account->as_typed)),
		.label = arena_copy(arena, text_view(&account->label)),
		.state = account->state,
		.reason = arena_copy(arena, text_view(&account->reason)),
		.created = account->created,
		.last_login = account->last_login,
		.passwords = (uint32_t)account->password_count,
		.password_kind = password_kind(account),
		.settings = arena_copy(arena, text_view(&settings)),
		.used_today = account->day == world_wall(vault->world) / DAY ? account->used_today : 0,
	};
	text_deinit(&settings);
}

/* Keeps the page's accounts in order while it walks: the first `most` names after the cursor. */
static size_t page_collect(struct vault *vault, const struct account_list_request *request, struct account **page,
                           size_t most)
{
	size_t position = 0;
	size_t count = 0;
	struct view key;
	void *value;
	while (map_walk(&vault->accounts.by_name, &position, &key, &value)) {
		struct account *account = value;
		if (account->state != ACCOUNT_REMOVED && view_compare(key, request->after) > 0)
			page[count++] = account;
		if (count < 2 * most)
			continue;
		qsort(page, count, sizeof(struct account *), compare_names);
		count = most + 1;
	}
	qsort(page, count, sizeof(struct account *), compare_names);
	return count;
}

void vault_answer_account_list(void *room, const struct caller *caller, const void *question, void *given,
                               struct arena *arena)
{
	(void)caller;
	struct vault *vault = room;
	const struct account_list_request *request = question;
	struct account_list_answer *answer = given;
	const size_t most = request->most == 0 || request->most > PAGE_MOST ? PAGE_MOST : request->most;
	struct account **page = ARENA_ARRAY(arena, struct account *, 2 * most + 2);
	size_t count = 0;
	if (request->name.length > 0) {
		page[0] = accounts_find(&vault->accounts, request->name);
		count = page[0] != NULL && page[0]->state != ACCOUNT_REMOVED ? 1 : 0;
	} else {
		count = page_collect(vault, request, page, most);
	}
	answer->more = count > most;
	answer->row_count = count > most ? most : count;
	answer->rows = ARENA_ARRAY(arena, struct account_row, answer->row_count + 1);
	for (size_t i = 0; i < answer->row_count; i++)
		row_fill(vault, page[i], &answer->rows[i], arena);
}

/* Seals, grants and domains' keys. */
#include "base/must.h"
#include "rooms/vault/signing.h"
#include "rooms/vault/vault.h"

/* ---- signing */

static const struct held_key *key_of(const struct held_domain *domain, struct view selector)
{
	for (size_t i = 0; i < domain->key_count; i++)
		if (view_equal(text_view(&domain->keys[i].selector), selector))
			return &domain->keys[i];
	return NULL;
}

/* A hand-over to a thread costs as much as a tenth of a signature: worth it only while others sign, too. */
static void sign_here_or_there(struct vault *vault, struct signing *work)
{
	enum { CROWDED_FOR = 2 * MILLISECOND };
	vault->signing++;
	task_yield(); /* whoever else came in this round is counted */
	const int64_t now = world_now(vault->world);
	if (vault->signing > 1)
		vault->crowded_until = now + CROWDED_FOR;
	if (now >= vault->crowded_until)
		signing_run(work);
	else
		vault_work(vault, vault->signers, signing_run, work);
	vault->signing--;
}

static enum sign_result sign_all(struct vault *vault, const struct held_domain *domain,
                                 const struct sign_request *request, struct sign_answer *answer, struct arena *arena)
{
	for (size_t i = 0; i < request->seal_count; i++) {
		struct signing work = {
			.key = key_of(domain, request->seals[i].selector),
			.digest = request->seals[i].digest,
		};
		if (work.key == NULL)
			return SIGN_NO_KEY;
		sign_here_or_there(vault, &work);
		if (work.was_wrong)
			LOG_LINE(vault->log, LOG_ERROR,
			         "a signature came out wrong and was made again: the processor or the memory may be faulty",
			         LOG_TEXT_FIELD("domain", text_view(&domain->name)));
		if (!work.good)
			return SIGN_FAILED;
		answer->signatures[i] = arena_copy(arena, view_bytes(work.signature, work.length));
		answer->signature_count = i + 1;
	}
	return SIGN_OK;
}

static enum sign_result sign_for(struct vault *vault, const struct sign_request *request, struct sign_answer *answer,
                                 struct arena *arena)
{
	static const enum sign_result missing[] = {
		[KEYRING_ABSENT] = SIGN_NO_KEY,
		[KEYRING_FAILED] = SIGN_FAILED,
	};
	struct held_domain *domain = NULL;
	const enum keyring_found found = keyring_find(&vault->keyring, request->domain, &domain);
	if (found != KEYRING_FOUND)
		return missing[found];
	keyring_pin(domain);
	const enum sign_result result = sign_all(vault, domain, request, answer, arena);
	keyring_unpin(domain);
	if (result == SIGN_OK)
		vault->counters.seals += (int64_t)answer->signature_count;
	else
		answer->signature_count = 0;
	return result;
}

static enum sign_result may_sign(struct vault *vault, const struct login *login, const struct sign_request *request)
{
	const int64_t now = world_now(vault->world);
	if (login == NULL || account_is_suspended(login->account))
		return SIGN_NO_LOGIN;
	if (!accounts_is_granted(&vault->accounts, text_view(&login->account->name), request->domain, now))
		return SIGN_NO_GRANT;
	if (!account_may_sign(login->account, vault_config(vault), request->seal_count, now))
		return SIGN_TOO_MANY;
	return SIGN_OK;
}

void vault_answer_sign(void *room, const struct caller *caller, const void *question, void *given,
                       struct arena *arena)
{
	struct vault *vault = room;
	const struct sign_request *request = question;
	struct sign_answer *answer = given;
	answer->result = may_sign(vault, vault_login_find(vault, caller, request->login), request);
	if (answer->result == SIGN_OK)
		answer->result = sign_for(vault, request, answer, arena);
	vault->counters.refused_seals += answer->result == SIGN_OK ? 0 : 1;
}

void vault_answer_sign_service(void *room, const struct caller *caller, const void *question, void *given,
                               struct arena *arena)
{
	(void)caller;
	struct vault *vault = room;
	const struct sign_request *request = question;
	struct sign_answer *answer = given;
	/* The wiring lets delivery alone ask, and this is all that it may have sealed. */
	if (!view_equal(request->domain, vault_config(vault)->service.domain))
		answer->result = SIGN_NO_GRANT;
	else
		answer->result = sign_for(vault, request, answer, arena);
}

void vault_answer_grant(void *room, const struct caller *caller, const void *question, void *given,
                        struct arena *arena)
{
	(void)caller;
	(void)given;
	(void)arena;
	struct vault *vault = room;
	const struct grant_request *request = question;
	const int64_t now = world_now(vault->world);
	accounts_grant(&vault->accounts, request->account, request->domain, now + request->duration, now);
}

/* ---- domains' keys */

static size_t public_keys(const struct held_domain *domain, struct public_key *keys, struct arena *arena)
{
	for (size_t i = 0; i < domain->key_count; i++)
		keys[i] = (struct public_key){
			.selector = arena_copy(arena, text_view(&domain->keys[i].selector)),
			.algorithm = domain->keys[i].algorithm,
			.phase = domain->keys[i].phase,
			.since = domain->keys[i].since,
			.key = arena_copy(arena, text_view(&domain->keys[i].public_key)),
		};
	return domain->key_count;
}

struct count_work {
	struct database *database;
	struct view account;
	int64_t since;
	uint64_t count;
	bool good;
};

static void count_run(void *argument)
{
	struct count_work *work = argument;
	work->good = database_domains_made(work->database, work->account, work->since, &work->count);
}

static bool may_make(struct vault *vault, struct view account)
{
	if (account.length == 0)
		return true;
	struct count_work work = {
		.database = vault->database,
		.account = account,
		.since = world_wall(vault->world) - DAY,
	};
	vault_work(vault, vault->storage, count_run, &work);
	return work.good && work.count < vault_config(vault)->limits.new_domains;
}

void vault_answer_domain_keys(void *room, const struct caller *caller, const void *question, void *given,
                              struct arena *arena)
{
	(void)caller;
	static const enum domain_keys_result results[] = {
		[KEYRING_FOUND] = DOMAIN_KEYS_OK,
		[KEYRING_ABSENT] = DOMAIN_KEYS_NONE,
		[KEYRING_FAILED] = DOMAIN_KEYS_FAILED,
	};
	struct vault *vault = room;
	const struct domain_keys_request *request = question;
	struct domain_keys_answer *answer = given;
	struct held_domain *domain = NULL;
	enum keyring_found found = keyring_find(&vault->keyring, request->domain, &domain);
	if (found == KEYRING_ABSENT && request->make) {
		if (!may_make(vault, request->account)) {
			answer->result = DOMAIN_KEYS_TOO_MANY;
			return;
		}
		const struct keyring_new wanted = {
			.domain = request->domain,
			.made_for = request->account,
			.selector = vault_config(vault)->service.dkim_selector,
		};
		found = keyring_add(&vault->keyring, &wanted, &domain);
	}
	answer->result = results[found];
	if (found == KEYRING_FOUND)
		answer->key_count = public_keys(domain, answer->keys, arena);
}

/* ---- the operator's domains */

struct page_work {
	struct database *database;
	struct view after;
	uint32_t most;
	struct arena *arena;
	struct view *names;
	size_t count;
	bool good;
};

static void page_run(void *argument)
{
	struct page_work *work = argument;
	work->good =
		database_domain_page(work->database, work->after, work->most, work->arena, &work->names, &work->count);
}

static void row_fill(struct vault *vault, const struct held_domain *domain, struct domain_row *row,
                     struct arena *arena)
{
	enum { GRANTED_MOST = 100 };
	*row = (struct domain_row){
		.domain = arena_copy(arena, text_view(&domain->name)),
		.created = domain->created,
		.made_for = arena_copy(arena, text_view(&domain->made_for)),
		.accounts = ARENA_ARRAY(arena, struct view, GRANTED_MOST),
	};
	row->key_count = public_keys(domain, row->keys, arena);
	row->account_count =
		accounts_granted_for(&vault->accounts, row->domain, world_now(vault->world), row->accounts, GRANTED_MOST);
	for (size_t i = 0; i < row->account_count; i++)
		row->accounts[i] = arena_copy(arena, row->accounts[i]);
}

void vault_answer_domain_list(void *room, const struct caller *caller, const void *question, void *given,
                              struct arena *arena)
{
	(void)caller;
	struct vault *vault = room;
	const struct domain_list_request *request = question;
	struct domain_list_answer *answer = given;
	struct page_work page = {
		.database = vault->database,
		.after = request->after,
		.most = request->most == 0 || request->most > PAGE_MOST ? PAGE_MOST : request->most,
		.arena = arena,
	};
	if (request->domain.length > 0) {
		page.names = ARENA_NEW(arena, struct view);
		page.names[0] = request->domain;
		page.count = 1;
	} else {
		vault_work(vault, vault->storage, page_run, &page);
		answer->more = page.count == page.most;
	}
	answer->rows = ARENA_ARRAY(arena, struct domain_row, page.count + 1);
	for (size_t i = 0; i < page.count; i++) {
		struct held_domain *domain = NULL;
		if (keyring_find(&vault->keyring, page.names[i], &domain) == KEYRING_FOUND)
			row_fill(vault, domain, &answer->rows[answer->row_count++], arena);
	}
}

static bool import_key(const struct domain_change_request *request, struct keyring_new *wanted,
                       struct domain_change_answer *answer)
{
	if (request->key.length == 0)
		return true;
	if (request->selector.length == 0) {
		answer->why = VIEW("an existing key needs its selector: --selector NAME");
		return false;
	}
	wanted->selector = request->selector;
	wanted->imported = private_key_of_pem(request->key, &wanted->imported_algorithm, &answer->why);
	return wanted->imported != NULL;
}

static void domain_add(struct vault *vault, const struct domain_change_request *request,
                       struct domain_change_answer *answer, struct arena *arena)
{
	struct keyring_new wanted = {
		.domain = request->domain,
		.selector = vault_config(vault)->service.dkim_selector,
	};
	struct held_domain *domain = NULL;
	answer->result = CHANGE_INVALID;
	if (!import_key(request, &wanted, answer))
		return;
	enum keyring_found found = keyring_find(&vault->keyring, request->domain, &domain);
	const bool was_there = found == KEYRING_FOUND;
	if (found == KEYRING_ABSENT)
		found = keyring_add(&vault->keyring, &wanted, &domain);
	EVP_PKEY_free(wanted.imported);
	if (found != KEYRING_FOUND) {
		answer->result = CHANGE_FAILED;
		answer->why = VIEW("the key could not be made or stored; the log says more");
		return;
	}
	answer->key_count = public_keys(domain, answer->keys, arena);
	answer->result = was_there ? CHANGE_EXISTS : CHANGE_DONE;
	if (was_there)
		answer->why = VIEW("the domain has its keys already; remove it first to bring another one");
}

static void domain_rotate(struct vault *vault, const struct domain_change_request *request,
                          struct domain_change_answer *answer, struct arena *arena)
{
	static const enum change_result results[] = {
		[KEYS_ROTATED] = CHANGE_DONE,     [KEYS_ABSENT] = CHANGE_ABSENT,   [KEYS_FAILED] = CHANGE_FAILED,
		[KEYS_UNDER_WAY] = CHANGE_EXISTS, [KEYS_TOO_SOON] = CHANGE_EXISTS,
	};
	static const struct view whys[] = {
		[KEYS_ROTATED] = VIEW_INIT(""),
		[KEYS_ABSENT] = VIEW_INIT(""),
		[KEYS_FAILED] = VIEW_INIT("the keys could not be made or stored; the log says more"),
		[KEYS_UNDER_WAY] =
			VIEW_INIT("its next key waits already to be seen at all of its name servers; domain records prints it"),
		[KEYS_TOO_SOON] =
			VIEW_INIT("mail that the key before has sealed may still be on its way, and its selector is "
		              "needed; it is free queue.retry.expire after the last rotation"),
	};
	const struct config *config = vault_config(vault);
	struct held_domain *domain = NULL;
	const enum keyring_rotated rotated = keyring_rotate(
		&vault->keyring, request->domain, config->service.dkim_selector, config->queue.retry.expire, &domain);
	answer->result = results[rotated];
	answer->why = whys[rotated];
	if (rotated == KEYS_ROTATED)
		answer->key_count = public_keys(domain, answer->keys, arena);
}

void vault_answer_activate(void *room, const struct caller *caller, const void *question, void *given,
                           struct arena *arena)
{
	(void)caller;
	(void)arena;
	struct vault *vault = room;
	const struct activate_request *request = question;
	struct activate_answer *answer = given;
	answer->activated = keyring_activate(&vault->keyring, request->domain) == KEYRING_FOUND;
}

void vault_answer_domain_change(void *room, const struct caller *caller, const void *question, void *given,
                                struct arena *arena)
{
	(void)caller;
	static const enum change_result removed[] = {
		[KEYRING_FOUND] = CHANGE_DONE,
		[KEYRING_ABSENT] = CHANGE_ABSENT,
		[KEYRING_FAILED] = CHANGE_FAILED,
	};
	struct vault *vault = room;
	const struct domain_change_request *request = question;
	struct domain_change_answer *answer = given;
	if (request->change == DOMAIN_ADD)
		domain_add(vault, request, answer, arena);
	else if (request->change == DOMAIN_ROTATE)
		domain_rotate(vault, request, answer, arena);
	else
		answer->result = removed[keyring_remove(&vault->keyring, request->domain)];
}

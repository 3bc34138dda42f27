#include "rooms/vault/accounts.h"

#include "base/bytes.h"
#include "base/must.h"

static const int64_t recipient = 1000000; /* microrecipients */

struct grant {
	int64_t until;
};

void accounts_init(struct accounts *accounts, uint64_t seed)
{
	accounts->by_name = (struct map)MAP_LIMIT(ACCOUNTS_MOST, seed);
	accounts->grants = (struct map)MAP_LIMIT(GRANTS_MOST, seed);
}

static void account_free(struct account *account)
{
	text_deinit(&account->name);
	text_deinit(&account->as_typed);
	text_deinit(&account->label);
	text_deinit(&account->reason);
	account_passwords_end(account);
	account_settings_deinit(&account->settings);
	free(account);
}

void accounts_deinit(struct accounts *accounts)
{
	size_t position = 0;
	struct view key;
	void *value;
	while (map_walk(&accounts->by_name, &position, &key, &value))
		account_free(value);
	position = 0;
	while (map_walk(&accounts->grants, &position, &key, &value))
		free(value);
	map_deinit(&accounts->by_name);
	map_deinit(&accounts->grants);
}

bool account_name_check(struct view name, struct view *why)
{
	if (name.length == 0 || name.length > ACCOUNT_NAME_MOST) {
		*why = VIEW("an account's name has 1 to 254 characters, like steve.mailer@mycorp.se");
		return false;
	}
	for (size_t i = 0; i < name.length; i++) {
		const char byte = name.data[i];
		if (byte_is_print(byte) && byte != ' ' && byte != '"' && byte != '\\' && byte != '/')
			continue;
		*why = VIEW("an account's name is printable ASCII without blanks, quotes, slashes and backslashes");
		return false;
	}
	return true;
}

void account_name_lower(struct view name, struct text *lower)
{
	for (size_t i = 0; i < name.length; i++)
		text_add_byte(lower, byte_lower(name.data[i]));
}

struct account *accounts_find(const struct accounts *accounts, struct view name)
{
	struct text lower = TEXT_LIMIT(ACCOUNT_NAME_MOST);
	struct account *found = NULL;
	if (name.length <= ACCOUNT_NAME_MOST) {
		account_name_lower(name, &lower);
		found = map_get(&accounts->by_name, text_view(&lower));
	}
	text_deinit(&lower);
	return found;
}

struct account *accounts_add(struct accounts *accounts, struct view name, struct view as_typed)
{
	struct account *account = must_alloc(1, sizeof(*account));
	account->name = (struct text)TEXT_LIMIT(ACCOUNT_NAME_MOST);
	account->as_typed = (struct text)TEXT_LIMIT(ACCOUNT_NAME_MOST);
	account->label = (struct text)TEXT_LIMIT(1024);
	account->reason = (struct text)TEXT_LIMIT(1024);
	account_settings_init(&account->settings);
	account_name_lower(name, &account->name);
	text_add(&account->as_typed, as_typed);
	must(map_put(&accounts->by_name, text_view(&account->name), account, NULL) == NULL);
	/* The bucket is full at first: INT64_MIN as its time makes the first fill reach the burst. */
	account->bucket_at = INT64_MIN;
	account->sign_bucket_at = INT64_MIN;
	return account;
}

static void password_end(struct password *password)
{
	if (password->verifier.data != NULL)
		explicit_bzero(password->verifier.data, password->verifier.length);
	text_deinit(&password->verifier);
}

void account_password_add(struct account *account, enum password_source source, struct view verifier, int64_t created)
{
	if (account->password_count == PASSWORDS_ALIVE) {
		password_end(&account->passwords[0]);
		account->passwords[0] = account->passwords[1];
		account->password_count--;
	}
	struct password *password = &account->passwords[account->password_count++];
	*password = (struct password){
		.number = ++account->last_password_number, .source = source, .verifier = TEXT_LIMIT(512), .created = created
	};
	text_add(&password->verifier, verifier);
	account->remembered_until = 0;
}

void account_passwords_end(struct account *account)
{
	while (account->password_count > 0)
		password_end(&account->passwords[--account->password_count]);
	account->remembered_until = 0;
}

bool account_password_is_alive(const struct account *account, uint64_t number)
{
	for (size_t i = 0; i < account->password_count; i++)
		if (account->passwords[i].number == number)
			return true;
	return false;
}

/* ---- limits */

static int64_t bucket_fill(int64_t bucket, int64_t *at, int64_t now, int64_t rate, int64_t burst)
{
	const int64_t most = burst * recipient;
	const int64_t full_after = most / rate + 1;
	int64_t filled = most;
	if (*at != INT64_MIN && now - *at < full_after)
		filled = bucket + (now - *at) * rate;
	*at = now;
	return filled < most ? filled : most;
}

enum credit_result account_credit(struct account *account, const struct config *config, uint32_t recipients,
                                  int64_t now, int64_t wall, int64_t *wait)
{
	const int64_t rate = (int64_t)setting_number(&account->settings, SETTING_RATE, config);
	const int64_t burst = (int64_t)setting_number(&account->settings, SETTING_BURST, config);
	const uint64_t quota = setting_number(&account->settings, SETTING_QUOTA, config);
	const int64_t today = wall / DAY;
	if (account->day != today) {
		account->day = today;
		account->used_today = 0;
	}
	if (account->used_today + (recipients == 0 ? 1 : recipients) > quota) {
		*wait = (today + 1) * DAY - wall;
		return CREDIT_QUOTA;
	}
	account->bucket = bucket_fill(account->bucket, &account->bucket_at, now, rate, burst);
	if (account->bucket <= 0) {
		*wait = -account->bucket / rate + 1;
		return CREDIT_WAIT;
	}
	account->bucket -= (int64_t)recipients * recipient;
	account->used_today += recipients;
	account->usage_dirty = account->usage_dirty || recipients > 0;
	*wait = account->bucket > 0 && account->used_today < quota ? 0 : 1;
	if (account->bucket < 0)
		*wait -= account->bucket / rate;
	return CREDIT_GRANTED;
}

uint32_t account_spare(struct account *account, const struct config *config)
{
	/* What sessions hold and do not use is missing from the burst that is promised to the others: so it is little. */
	enum { PART = 256, MOST = 16 };
	const uint64_t quota = setting_number(&account->settings, SETTING_QUOTA, config);
	if (account->bucket <= 0 || account->used_today >= quota)
		return 0;
	const uint64_t by_rate = (uint64_t)(account->bucket / recipient) / PART;
	const uint64_t by_quota = (quota - account->used_today) / PART;
	const uint64_t left = by_rate < by_quota ? by_rate : by_quota;
	const uint32_t spare = left < MOST ? (uint32_t)left : MOST;
	account->bucket -= (int64_t)spare * recipient;
	account->used_today += spare;
	return spare;
}

void account_give_back(struct account *account, uint32_t recipients)
{
	account->bucket += (int64_t)recipients * recipient;
	/* A day may have begun since. */
	account->used_today -= recipients < account->used_today ? recipients : account->used_today;
}

bool account_is_suspended(const struct account *account)
{
	return account->state == ACCOUNT_SUSPENDED || account->state == ACCOUNT_SUSPENDED_HELD ||
	       account->state == ACCOUNT_REMOVED;
}

bool account_is_held(const struct account *account)
{
	return account->state == ACCOUNT_HELD || account->state == ACCOUNT_SUSPENDED_HELD;
}

bool account_may_sign(struct account *account, const struct config *config, size_t signatures, int64_t now)
{
	/* A message has at least one recipient and at most SEALS_MOST seals. */
	const int64_t rate = SEALS_MOST * (int64_t)setting_number(&account->settings, SETTING_RATE, config);
	const int64_t burst = SEALS_MOST * (int64_t)setting_number(&account->settings, SETTING_BURST, config);
	account->sign_bucket = bucket_fill(account->sign_bucket, &account->sign_bucket_at, now, rate, burst);
	if (account->sign_bucket <= 0)
		return false;
	account->sign_bucket -= (int64_t)signatures * recipient;
	return true;
}

/* ---- grants */

/* Both names as long as a question lets them be: a key that is cut would stand for others too. */
enum { GRANT_KEY_MOST = 2 * 1024 + 1 };

static void grant_key(struct text *key, struct view account, struct view domain)
{
	text_add(key, account);
	text_add_byte(key, '\0');
	text_add(key, domain);
}

static void grants_forget_old(struct accounts *accounts, int64_t now)
{
	size_t position = 0;
	struct view key;
	void *value;
	while (map_walk(&accounts->grants, &position, &key, &value)) {
		const struct grant *grant = value;
		if (grant->until > now)
			continue;
		map_remove(&accounts->grants, key);
		free(value);
	}
}

void accounts_grant(struct accounts *accounts, struct view account, struct view domain, int64_t until, int64_t now)
{
	struct text key = TEXT_LIMIT(GRANT_KEY_MOST);
	grant_key(&key, account, domain);
	struct grant *grant = map_get(&accounts->grants, text_view(&key));
	if (until <= now) {
		free(map_remove(&accounts->grants, text_view(&key)));
	} else if (grant != NULL) {
		grant->until = until;
	} else {
		if (accounts->grants.count >= GRANTS_MOST)
			grants_forget_old(accounts, now);
		grant = must_alloc(1, sizeof(*grant));
		grant->until = until;
		bool full = false;
		map_put(&accounts->grants, text_view(&key), grant, &full);
		if (full)
			free(grant); /* it is asked again with the next message */
	}
	text_deinit(&key);
}

bool accounts_is_granted(const struct accounts *accounts, struct view account, struct view domain, int64_t now)
{
	struct text key = TEXT_LIMIT(GRANT_KEY_MOST);
	grant_key(&key, account, domain);
	const struct grant *grant = map_get(&accounts->grants, text_view(&key));
	text_deinit(&key);
	return grant != NULL && grant->until > now;
}

size_t accounts_granted_for(const struct accounts *accounts, struct view domain, int64_t now, struct view *names,
                            size_t most)
{
	size_t position = 0;
	size_t count = 0;
	struct view key;
	void *value;
	while (count < most && map_walk(&accounts->grants, &position, &key, &value)) {
		const struct grant *grant = value;
		const size_t nul = view_find_byte(key, '\0');
		if (grant->until > now && view_equal(view_from(key, nul + 1), domain))
			names[count++] = view_first(key, nul);
	}
	return count;
}

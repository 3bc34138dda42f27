/* What the vault was told: who may have mail sealed as whom. */
#include "base/must.h"
#include "rooms/resolver/resolver.h"

struct told_grant {
	int64_t until;
};

void grants_forget(struct resolver *resolver)
{
	size_t position = 0;
	struct view key;
	void *value;
	while (map_walk(&resolver->grants, &position, &key, &value)) {
		map_remove(&resolver->grants, key);
		free(value);
	}
}

static bool is_known(struct resolver *resolver, struct view key, int64_t duration)
{
	/* A vault that was started anew knows of no grants. */
	if (peer_generation(resolver->vault) != resolver->vault_generation) {
		grants_forget(resolver);
		resolver->vault_generation = peer_generation(resolver->vault);
	}
	const struct told_grant *told = map_get(&resolver->grants, key);
	return told != NULL && told->until - world_now(resolver->world) > duration / 2;
}

static void remember(struct resolver *resolver, struct view key, int64_t until)
{
	struct told_grant *told = map_get(&resolver->grants, key);
	bool full = false;
	if (told == NULL) {
		told = must_alloc(1, sizeof(*told));
		map_put(&resolver->grants, key, told, &full);
	}
	told->until = until;
	if (full) {
		free(told);
		grants_forget(resolver);
	}
}

void grants_tell(struct resolver *resolver, struct view account, struct view domain, bool granted)
{
	struct text key = TEXT_LIMIT(2048);
	struct arena arena = { 0 };
	struct empty_answer answer = { 0 };
	/* A removed token ends new mail within its time, at most dns.max_ttl. */
	const int64_t duration = (*resolver->config)->dns.max_ttl;
	const int64_t now = world_now(resolver->world);
	text_add(&key, account);
	text_add_byte(&key, '\0');
	text_add(&key, domain);
	const bool known = is_known(resolver, text_view(&key), duration);
	if (known != granted || (!granted && map_get(&resolver->grants, text_view(&key)) != NULL)) {
		const struct grant_request request = {
			.account = account,
			.domain = domain,
			.duration = granted ? duration : 0,
		};
		if (vault_grant(resolver->vault, &request, &answer, &arena, now + 10 * SECOND) == ASKED_OK && granted)
			remember(resolver, text_view(&key), now + duration);
		else
			free(map_remove(&resolver->grants, text_view(&key)));
	}
	arena_deinit(&arena);
	text_deinit(&key);
}

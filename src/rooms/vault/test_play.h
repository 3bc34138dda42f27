/* The vault whole, as other rooms see it: on the real disk, with questions through direct peers. Tests only.
 * Promises: a play that does not come to its end fails.
 * Does not know: what the vault ought to answer. */
#ifndef ROOMS_VAULT_TEST_PLAY_H
#define ROOMS_VAULT_TEST_PLAY_H

#include "base/testing.h"
#include "rooms/vault/vault.h"
#include "store/test_directory.h"

#define PLAY_ACCOUNT "Steve.Mailer@mycorp.se"

struct scene {
	struct world *world;
	struct config *config;
	const struct config *in_force;
	struct log log;
	struct vault *vault;
	struct service service;
	struct peer *first;  /* a submission room */
	struct peer *second; /* another one */
	struct peer *resolver;
	struct peer *api;
	struct arena arena;
};

int64_t soon(struct scene *scene);
struct vault *open_vault(struct scene *scene, const char *keys, struct text *problem);
void scene_start(struct scene *scene);
void scene_end(struct scene *scene);
void restart(struct scene *scene);

/* What is asked, in short: of PLAY_ACCOUNT, where the request names nobody. */
struct account_change_answer change(struct scene *scene, struct account_change_request request);
struct view add_account(struct scene *scene); /* its password */
struct authenticate_answer login_as(struct scene *scene, struct authenticate_request request);
enum authentication try_password(struct scene *scene, struct view password);
uint64_t login(struct scene *scene, struct view password);
struct credit_answer credit(struct scene *scene, struct peer *asker, uint64_t number, uint32_t recipients);
struct account_row row_of(struct scene *scene);
void grant(struct scene *scene, struct view domain, int64_t duration);
struct domain_keys_answer keys_of(struct scene *scene, struct view domain, bool make);
struct sign_answer sign(struct scene *scene, struct peer *asker, uint64_t number, struct view domain);

void play(void (*scenario)(struct scene *scene));

#define PLAY(story)                                                                                                  \
	static void test_##story(void **state)                                                                           \
	{                                                                                                                \
		(void)state;                                                                                                 \
		play(play_##story);                                                                                          \
	}
#define TEST(story) cmocka_unit_test_setup_teardown(test_##story, test_directory_begin, test_directory_end)

#endif

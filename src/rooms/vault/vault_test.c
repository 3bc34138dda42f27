/* The vault whole, as other rooms see it: on the real disk, with questions through direct peers. */
#include "rooms/vault/vault.h"

#include "base/must.h"
#include "base/testing.h"
#include "ipc/direct.h"
#include "store/test_directory.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

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

static const char key_file[] = "0123456789abcdef0123456789abcdef";
static const char other_key_file[] = "0123456789abcdef0123456789abcdeF";
static const char yaml[] = "service: { name: elastx, hostname: smtp.elastx.email, spf_include: elastx.email }\n"
						   "limits: { rate: 1/s, burst: 10, quota: 150/d, new_domains: 1/d }\n";
static const struct view name = VIEW_INIT("Steve.Mailer@mycorp.se");
static const struct view client = VIEW_INIT("192.0.2.1");

static int64_t log_wall(void *context)
{
	return world_wall(context);
}

static int64_t soon(struct scene *scene)
{
	return world_now(scene->world) + MINUTE;
}

static struct vault *open_vault(struct scene *scene, const char *keys, struct text *problem)
{
	return vault_new(scene->world, &scene->log, &scene->in_force, view_of(keys), test_directory, problem);
}

static void connect_all(struct scene *scene)
{
	static uint64_t caller_number;
	const struct {
		struct peer *peer;
		enum room room;
	} peers[] = { { scene->first, ROOM_SUBMISSION },
		          { scene->second, ROOM_SUBMISSION },
		          { scene->resolver, ROOM_RESOLVER },
		          { scene->api, ROOM_API } };
	for (size_t i = 0; i < CASES(peers); i++)
		direct_peer_connect(peers[i].peer, scene->world, &scene->service,
		                    (struct caller){ .room = peers[i].room, .number = ++caller_number });
}

static void scene_start(struct scene *scene)
{
	struct text problem = TEXT_LIMIT(1024);
	scene->vault = open_vault(scene, key_file, &problem);
	expect_view("no problem", text_view(&problem), VIEW(""));
	text_deinit(&problem);
	assert_non_null(scene->vault);
	scene->service = (struct service){ .room = scene->vault,
		                               .answerers = vault_answerers,
		                               .answerer_count = VAULT_ANSWERER_COUNT,
		                               .allows = wiring_allows,
		                               .caller_gone = vault_caller_gone };
	connect_all(scene);
}

static void scene_end(struct scene *scene)
{
	direct_peer_disconnect(scene->first);
	direct_peer_disconnect(scene->second);
	direct_peer_disconnect(scene->resolver);
	direct_peer_disconnect(scene->api);
	vault_free(scene->vault);
}

static void restart(struct scene *scene)
{
	scene_end(scene);
	scene_start(scene);
}

/* ---- what is asked, in short */

static struct account_change_answer change(struct scene *scene, struct account_change_request request)
{
	struct account_change_answer answer = { 0 };
	if (request.name.length == 0)
		request.name = name;
	assert_int_equal(vault_account_change(scene->api, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	return answer;
}

static struct view add_account(struct scene *scene)
{
	const struct account_change_answer answer =
		change(scene, (struct account_change_request){ .change = ACCOUNT_ADD });
	assert_int_equal(answer.result, CHANGE_DONE);
	return answer.password;
}

static struct authenticate_answer login_as(struct scene *scene, struct authenticate_request request)
{
	struct authenticate_answer answer = { 0 };
	if (request.name.length == 0)
		request.name = name;
	if (request.client.length == 0)
		request.client = client;
	assert_int_equal(vault_authenticate(scene->first, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	assert_true((answer.result == AUTHENTICATION_OK) == (answer.login != 0));
	return answer;
}

static enum authentication try_password(struct scene *scene, struct view password)
{
	return login_as(scene, (struct authenticate_request){ .password = password }).result;
}

static uint64_t login(struct scene *scene, struct view password)
{
	const struct authenticate_answer answer = login_as(scene, (struct authenticate_request){ .password = password });
	assert_int_equal(answer.result, AUTHENTICATION_OK);
	return answer.login;
}

static struct credit_answer credit(struct scene *scene, struct peer *asker, uint64_t number, uint32_t recipients)
{
	struct credit_answer answer = { 0 };
	const struct credit_request request = { .login = number, .recipients = recipients };
	assert_int_equal(vault_credit(asker, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	return answer;
}

static struct account_row row_of(struct scene *scene)
{
	struct account_list_answer answer = { 0 };
	const struct account_list_request request = { .name = name };
	assert_int_equal(vault_account_list(scene->api, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	assert_int_equal(answer.row_count, 1);
	return answer.rows[0];
}

static void grant(struct scene *scene, struct view domain, int64_t duration)
{
	struct empty_answer answer;
	const struct grant_request request = { .account = VIEW("steve.mailer@mycorp.se"),
		                                   .domain = domain,
		                                   .duration = duration };
	assert_int_equal(vault_grant(scene->resolver, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
}

static struct domain_keys_answer keys_of(struct scene *scene, struct view domain, bool make)
{
	struct domain_keys_answer answer = { 0 };
	const struct domain_keys_request request = { .domain = domain,
		                                         .account = VIEW("steve.mailer@mycorp.se"),
		                                         .make = make };
	assert_int_equal(vault_domain_keys(scene->resolver, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	return answer;
}

static struct sign_answer sign(struct scene *scene, struct peer *asker, uint64_t number, struct view domain)
{
	struct sign_answer answer = { 0 };
	const struct sign_request request = {
		.login = number,
		.domain = domain,
		.seals = { { .selector = VIEW("elastx"), .digest = { 1, 2, 3 } },
		           { .selector = VIEW("elastx-ed"), .digest = { 1, 2, 3 } } },
		.seal_count = 2,
	};
	assert_int_equal(vault_sign(asker, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	return answer;
}

/* ---- plays: accounts */

static void play_generated(struct scene *scene)
{
	const struct account_change_answer added =
		change(scene, (struct account_change_request){ .change = ACCOUNT_ADD, .label = VIEW("My Corp") });
	assert_int_equal(added.password.length, 32);
	expect_view("lower case", added.account, VIEW("steve.mailer@mycorp.se"));
	expect_view("token", added.token,
	            VIEW("elastx-mrs=55cdcb230c1a618bc6e054bd3da9f34c4b849d048e1fa94403062e072081a1d9"));
	const struct authenticate_answer good = login_as(
		scene, (struct authenticate_request){ .name = VIEW("STEVE.mailer@MyCorp.se"), .password = added.password });
	assert_int_equal(good.result, AUTHENTICATION_OK);
	expect_view("account", good.account, VIEW("steve.mailer@mycorp.se"));
	expect_view("as typed", good.as_typed, name);
	assert_int_equal(try_password(scene, VIEW("")), AUTHENTICATION_WRONG);
	assert_int_equal(try_password(scene, view_first(added.password, 31)), AUTHENTICATION_WRONG);
	const struct authenticate_answer unknown =
		login_as(scene, (struct authenticate_request){ .name = VIEW("nobody"), .password = added.password });
	assert_int_equal(unknown.result, AUTHENTICATION_WRONG);
	assert_true(unknown.delay > SECOND / 2);
	restart(scene);
	assert_int_equal(try_password(scene, added.password), AUTHENTICATION_OK);
	expect_view("label", row_of(scene).label, VIEW("My Corp"));
	assert_true(row_of(scene).last_login > 0);
}

static void play_names(struct scene *scene)
{
	static const struct view bad[] = { VIEW_INIT(" "), VIEW_INIT("a b"), VIEW_INIT("\xc3\xbc@x"), VIEW_INIT("a\nb") };
	for (size_t i = 0; i < CASES(bad); i++)
		assert_int_equal(
			change(scene, (struct account_change_request){ .change = ACCOUNT_ADD, .name = bad[i] }).result,
			CHANGE_INVALID);
	const struct view password = add_account(scene);
	assert_int_equal(change(scene, (struct account_change_request){ .change = ACCOUNT_ADD }).result, CHANGE_EXISTS);
	const uint64_t number = login(scene, password);
	assert_int_equal(change(scene, (struct account_change_request){ .change = ACCOUNT_REMOVE }).result, CHANGE_DONE);
	assert_int_equal(credit(scene, scene->first, number, 1).result, CREDIT_SUSPENDED);
	for (unsigned round = 0; round < 2; round++) {
		assert_int_equal(try_password(scene, password), AUTHENTICATION_WRONG);
		assert_int_equal(change(scene, (struct account_change_request){ .change = ACCOUNT_ADD,
		                                                                .name = VIEW("STEVE.MAILER@MYCORP.SE") })
		                     .result,
		                 CHANGE_EXISTS);
		assert_int_equal(change(scene, (struct account_change_request){ .change = ACCOUNT_ROTATE }).result,
		                 CHANGE_ABSENT);
		restart(scene);
	}
}

static void play_rotate(struct scene *scene)
{
	struct view passwords[4];
	passwords[0] = add_account(scene);
	for (size_t i = 1; i < CASES(passwords); i++) {
		const struct account_change_answer rotated =
			change(scene, (struct account_change_request){ .change = ACCOUNT_ROTATE });
		assert_int_equal(rotated.result, CHANGE_DONE);
		passwords[i] = rotated.password;
		if (i == 2)
			restart(scene);
		for (size_t j = 0; j <= i; j++)
			expect_number("two are alive", try_password(scene, passwords[j]) == AUTHENTICATION_OK, j + 2 > i);
		assert_int_equal(row_of(scene).passwords, 2);
	}
}

static void play_suspended(struct scene *scene)
{
	const struct view password = add_account(scene);
	const uint64_t number = login(scene, password);
	grant(scene, VIEW("example.com"), MINUTE);
	change(scene, (struct account_change_request){ .change = ACCOUNT_SUSPEND, .reason = VIEW("unpaid") });
	const struct credit_answer refused = credit(scene, scene->first, number, 1);
	assert_int_equal(refused.result, CREDIT_SUSPENDED);
	expect_view("reason", refused.reason, VIEW("unpaid"));
	assert_int_equal(sign(scene, scene->first, number, VIEW("example.com")).result, SIGN_NO_LOGIN);
	restart(scene);
	assert_int_equal(try_password(scene, password), AUTHENTICATION_SUSPENDED);
	assert_int_equal(try_password(scene, VIEW("wrong")), AUTHENTICATION_WRONG);
	change(scene, (struct account_change_request){ .change = ACCOUNT_RESUME });
	const uint64_t again = login(scene, password);
	change(scene, (struct account_change_request){ .change = ACCOUNT_HOLD, .reason = VIEW("odd") });
	const struct credit_answer held = credit(scene, scene->first, again, 1);
	assert_true(held.result == CREDIT_GRANTED && held.held);
	/* Each of the two ends by itself. */
	change(scene, (struct account_change_request){ .change = ACCOUNT_SUSPEND });
	assert_int_equal(credit(scene, scene->first, again, 1).result, CREDIT_SUSPENDED);
	assert_int_equal(change(scene, (struct account_change_request){ .change = ACCOUNT_RESUME }).state, ACCOUNT_HELD);
	assert_true(credit(scene, scene->first, again, 1).held);
	change(scene, (struct account_change_request){ .change = ACCOUNT_SUSPEND });
	restart(scene);
	assert_int_equal(try_password(scene, password), AUTHENTICATION_SUSPENDED);
	assert_int_equal(change(scene, (struct account_change_request){ .change = ACCOUNT_RELEASE }).state,
	                 ACCOUNT_SUSPENDED);
	assert_int_equal(try_password(scene, password), AUTHENTICATION_SUSPENDED);
	assert_int_equal(change(scene, (struct account_change_request){ .change = ACCOUNT_RESUME }).state,
	                 ACCOUNT_ACTIVE);
	const uint64_t last = login(scene, password);
	assert_false(credit(scene, scene->first, last, 1).held);
}

static void play_chosen(struct scene *scene)
{
	struct account_change_request request = { .change = ACCOUNT_ADD,
		                                      .password_source = PASSWORD_CHOSEN,
		                                      .password = VIEW("too short") };
	assert_int_equal(change(scene, request).result, CHANGE_INVALID);
	request.password = VIEW("correct horse battery");
	assert_int_equal(change(scene, request).result, CHANGE_DONE);
	for (unsigned round = 0; round < 2; round++) {
		/* The second time it is remembered. */
		assert_int_equal(try_password(scene, request.password), AUTHENTICATION_OK);
		assert_int_equal(try_password(scene, request.password), AUTHENTICATION_OK);
		assert_int_equal(try_password(scene, VIEW("correct horse batterx")), AUTHENTICATION_WRONG);
		expect_view("kind", row_of(scene).password_kind, VIEW("chosen"));
		restart(scene);
	}
	change(scene, (struct account_change_request){ .change = ACCOUNT_ROTATE });
	assert_int_equal(try_password(scene, request.password), AUTHENTICATION_OK);
	change(scene, (struct account_change_request){ .change = ACCOUNT_ROTATE });
	assert_int_equal(try_password(scene, request.password), AUTHENTICATION_WRONG);
}

struct slow_login {
	struct scene *scene;
	struct view password;
	enum authentication result;
	bool done;
};

static void slow_login_run(void *argument)
{
	struct slow_login *slow = argument;
	slow->result = try_password(slow->scene, slow->password);
	slow->done = true;
}

/* A password that ends while its login is being hashed is not remembered as right. */
static void play_ended_meanwhile(struct scene *scene)
{
	struct slow_login slow = { .scene = scene, .password = VIEW("correct horse battery") };
	change(scene, (struct account_change_request){
					  .change = ACCOUNT_ADD, .password_source = PASSWORD_CHOSEN, .password = slow.password });
	task_start(scene->world, "slow login", slow_login_run, &slow);
	task_yield();
	change(scene, (struct account_change_request){ .change = ACCOUNT_ROTATE });
	change(scene, (struct account_change_request){ .change = ACCOUNT_ROTATE });
	while (!slow.done)
		task_sleep(scene->world, MILLISECOND);
	assert_int_equal(try_password(scene, slow.password), AUTHENTICATION_WRONG);
}

static void play_imported(struct scene *scene)
{
	struct account_change_request request = { .change = ACCOUNT_ADD,
		                                      .password_source = PASSWORD_HASH,
		                                      .password = VIEW("$1$abcdefgh$G6VzEtTdsKhXXcJKCLMz3/") };
	assert_int_equal(change(scene, request).result, CHANGE_INVALID);
	request.password = VIEW("not a hash");
	assert_int_equal(change(scene, request).result, CHANGE_INVALID);
	request.password = VIEW("$6$abcdefgh$dTmIYmW/LpvGK/iiDSK9zlcKIRJ33.7YE9DETLAR1zX9/2./"
	                        "Fv6/8dFZ1tCs/Kfp//7QeoJfyRWP7XdDzP87j1\n");
	assert_int_equal(change(scene, request).result, CHANGE_DONE);
	assert_int_equal(try_password(scene, VIEW("wrong horse battery")), AUTHENTICATION_WRONG);
	expect_view("not yet", row_of(scene).password_kind, VIEW("imported"));
	assert_int_equal(try_password(scene, VIEW("correct horse battery")), AUTHENTICATION_OK);
	expect_view("rehashed", row_of(scene).password_kind, VIEW("chosen"));
	restart(scene);
	expect_view("on disk too", row_of(scene).password_kind, VIEW("chosen"));
	assert_int_equal(try_password(scene, VIEW("correct horse battery")), AUTHENTICATION_OK);
	assert_int_equal(try_password(scene, VIEW("wrong horse battery")), AUTHENTICATION_WRONG);
}

static void play_guesses(struct scene *scene)
{
	const struct view password = add_account(scene);
	int64_t longest = 0;
	for (unsigned i = 0; i < 30; i++) {
		const struct authenticate_answer wrong =
			login_as(scene, (struct authenticate_request){ .password = VIEW("wrong") });
		assert_int_equal(wrong.result, AUTHENTICATION_WRONG);
		longest = wrong.delay;
	}
	assert_true(longest > 10 * SECOND);
	assert_int_equal(try_password(scene, password), AUTHENTICATION_BUSY);
	assert_int_equal(
		login_as(scene, (struct authenticate_request){ .password = password, .client = VIEW("192.0.2.2") }).result,
		AUTHENTICATION_OK);
}

static void play_networks(struct scene *scene)
{
	static struct view assignments[] = { VIEW_INIT("networks=198.51.100.0/24,2001:db8::/32"),
		                                 VIEW_INIT("connections=1") };
	const struct view password = add_account(scene);
	assert_int_equal(change(scene, (struct account_change_request){ .change = ACCOUNT_SET,
	                                                                .assignments = assignments,
	                                                                .assignment_count = 2 })
	                     .result,
	                 CHANGE_DONE);
	restart(scene);
	struct authenticate_request request = { .password = password };
	assert_int_equal(login_as(scene, request).result, AUTHENTICATION_NETWORK);
	request.client = VIEW("2001:db8::1");
	assert_int_equal(login_as(scene, request).result, AUTHENTICATION_OK);
	assert_int_equal(login_as(scene, request).result, AUTHENTICATION_TOO_MANY);
	direct_peer_disconnect(scene->first);
	direct_peer_connect(scene->first, scene->world, &scene->service,
	                    (struct caller){ .room = ROOM_SUBMISSION, .number = 1000000 });
	assert_int_equal(login_as(scene, request).result, AUTHENTICATION_OK);
}

/* ---- plays: credit, seals, keys */

/* One message may put the bucket into debt; then there is nothing until it is paid. */
static void play_credit(struct scene *scene)
{
	const struct view password = add_account(scene);
	assert_true(login_as(scene, (struct authenticate_request){ .password = password }).may_send);
	const uint64_t number = login(scene, password);
	assert_int_equal(credit(scene, scene->first, number, 0).wait, 0);
	const struct credit_answer granted = credit(scene, scene->first, number, 100);
	assert_int_equal(granted.result, CREDIT_GRANTED);
	assert_true(granted.wait > 80 * SECOND && granted.wait <= 91 * SECOND);
	const struct credit_answer wait = credit(scene, scene->first, number, 1);
	assert_int_equal(wait.result, CREDIT_WAIT);
	assert_true(wait.wait > 80 * SECOND && wait.wait <= 91 * SECOND);
	const struct credit_answer quota = credit(scene, scene->first, number, 51);
	assert_int_equal(quota.result, CREDIT_QUOTA);
	assert_true(quota.wait > 0 && quota.wait <= DAY);
	assert_int_equal(row_of(scene).used_today, 100);
	assert_int_equal(credit(scene, scene->second, number, 1).result, CREDIT_NO_LOGIN);
	assert_int_equal(credit(scene, scene->first, number + 1, 1).result, CREDIT_NO_LOGIN);
	struct empty_answer answer;
	vault_logout(scene->second, &(struct logout_request){ number }, &answer, &scene->arena, soon(scene));
	assert_int_equal(credit(scene, scene->first, number, 0).result, CREDIT_WAIT);
	assert_false(login_as(scene, (struct authenticate_request){ .password = password }).may_send);
	vault_logout(scene->first, &(struct logout_request){ number }, &answer, &scene->arena, soon(scene));
	assert_int_equal(credit(scene, scene->first, number, 0).result, CREDIT_NO_LOGIN);
}

/* Who sends one message after another is given a little of what is left besides, and gives it back. */
static void play_spare_credit(struct scene *scene)
{
	const struct view password = add_account(scene);
	static struct view assignments[] = { VIEW_INIT("burst=2000"), VIEW_INIT("quota=10000/d") };
	change(scene, (struct account_change_request){
					  .change = ACCOUNT_SET, .assignments = assignments, .assignment_count = 2 });
	const uint64_t number = login(scene, password);
	assert_int_equal(credit(scene, scene->first, number, 2).spare, 0);
	const struct credit_answer busy = credit(scene, scene->first, number, 2);
	assert_int_equal(busy.spare, 7); /* of the 1,996 that are left */
	assert_int_equal(row_of(scene).used_today, 11);
	struct credit_request request = { .login = number, .recipients = 1, .unused = 4 };
	struct credit_answer answer = { 0 };
	assert_int_equal(vault_credit(scene->first, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	const uint32_t again = answer.spare;
	assert_true(again > 0);
	assert_int_equal(row_of(scene).used_today, 8 + again);
	/* No more can be given back than was given. */
	request.unused = 1000;
	request.recipients = 0;
	assert_int_equal(vault_credit(scene->first, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	assert_int_equal(answer.spare, 0);
	assert_int_equal(row_of(scene).used_today, 8);
	task_sleep(scene->world, 60 * MILLISECOND);
	assert_int_equal(credit(scene, scene->first, number, 1).spare, 0);
	const uint32_t last = credit(scene, scene->first, number, 1).spare;
	assert_int_equal(row_of(scene).used_today, 10 + last);
	struct empty_answer ended;
	vault_logout(scene->first, &(struct logout_request){ number, last }, &ended, &scene->arena, soon(scene));
	assert_int_equal(row_of(scene).used_today, 10);
	change(scene, (struct account_change_request){ .change = ACCOUNT_HOLD, .reason = VIEW("a look") });
	const uint64_t held = login(scene, password);
	credit(scene, scene->first, held, 1);
	assert_int_equal(credit(scene, scene->first, held, 1).spare, 0);
}

static bool verifies(const struct public_key *key, struct view signature)
{
	static const uint8_t digest[32] = { 1, 2, 3 };
	const uint8_t *der = (const uint8_t *)key->key.data;
	EVP_PKEY *public_key = key->algorithm == DKIM_RSA_SHA256
	                           ? d2i_PUBKEY(NULL, &der, (long)key->key.length)
	                           : EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, der, key->key.length);
	bool good = false;
	if (key->algorithm == DKIM_RSA_SHA256) {
		EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(public_key, NULL);
		EVP_PKEY_verify_init(context);
		EVP_PKEY_CTX_set_signature_md(context, EVP_sha256());
		good = EVP_PKEY_verify(context, (const uint8_t *)signature.data, signature.length, digest, 32) == 1;
		EVP_PKEY_CTX_free(context);
	} else {
		EVP_MD_CTX *context = EVP_MD_CTX_new();
		EVP_DigestVerifyInit(context, NULL, NULL, NULL, public_key);
		good = EVP_DigestVerify(context, (const uint8_t *)signature.data, signature.length, digest, 32) == 1;
		EVP_MD_CTX_free(context);
	}
	EVP_PKEY_free(public_key);
	return good;
}

static void play_seals(struct scene *scene)
{
	const struct view domain = VIEW("example.com");
	const uint64_t number = login(scene, add_account(scene));
	assert_int_equal(keys_of(scene, domain, false).result, DOMAIN_KEYS_NONE);
	const struct domain_keys_answer keys = keys_of(scene, domain, true);
	assert_int_equal(keys.result, DOMAIN_KEYS_OK);
	assert_int_equal(keys.key_count, 2);
	assert_int_equal(keys_of(scene, VIEW("second.example"), true).result, DOMAIN_KEYS_TOO_MANY);
	assert_int_equal(sign(scene, scene->first, number, domain).result, SIGN_NO_GRANT);
	grant(scene, domain, MINUTE);
	grant(scene, VIEW("keyless.example"), MINUTE);
	const struct sign_answer seals = sign(scene, scene->first, number, domain);
	assert_int_equal(seals.result, SIGN_OK);
	assert_int_equal(seals.signature_count, 2);
	assert_true(verifies(&keys.keys[0], seals.signatures[0]) && verifies(&keys.keys[1], seals.signatures[1]));
	assert_false(verifies(&keys.keys[0], view_first(seals.signatures[0], 255)));
	assert_int_equal(sign(scene, scene->first, 0, domain).result, SIGN_NO_LOGIN);
	assert_int_equal(sign(scene, scene->second, number, domain).result, SIGN_NO_LOGIN);
	assert_int_equal(sign(scene, scene->first, number, VIEW("sub.example.com")).result, SIGN_NO_GRANT);
	assert_int_equal(sign(scene, scene->first, number, VIEW("keyless.example")).result, SIGN_NO_KEY);
	/* Of seals too there is no more than the account may send: burst 10, 4 seals each, 2 a message. */
	enum sign_result result = SIGN_OK;
	for (unsigned i = 0; i < 40 && result == SIGN_OK; i++)
		result = sign(scene, scene->first, number, domain).result;
	assert_int_equal(result, SIGN_TOO_MANY);
	grant(scene, domain, 0);
	assert_int_equal(sign(scene, scene->first, number, domain).result, SIGN_NO_GRANT);
}

/* However long a name is, a grant is for that one alone. */
static void play_long_names(struct scene *scene)
{
	struct text names[2] = { TEXT_LIMIT(1024), TEXT_LIMIT(1024) };
	const uint64_t number = login(scene, add_account(scene));
	while (text_add_byte(&names[0], 'a') && text_add_byte(&names[1], 'b'))
		;
	grant(scene, text_view(&names[0]), MINUTE);
	assert_int_equal(sign(scene, scene->first, number, text_view(&names[0])).result, SIGN_NO_KEY);
	assert_int_equal(sign(scene, scene->first, number, text_view(&names[1])).result, SIGN_NO_GRANT);
	text_deinit(&names[0]);
	text_deinit(&names[1]);
}

/* The Ed25519 key's 32 secret bytes. */
static const char imported_pem[] = "-----BEGIN PRIVATE KEY-----\n"
								   "MC4CAQAwBQYDK2VwBCIEILz6WUWjxa/MagYzR0DJVMKQlJjKxqswUby83Py8iVdl\n"
								   "-----END PRIVATE KEY-----\n";
static const uint8_t imported_secret[] = {
	0xbc, 0xfa, 0x59, 0x45, 0xa3, 0xc5, 0xaf, 0xcc, 0x6a, 0x06, 0x33, 0x47, 0x40, 0xc9, 0x54, 0xc2,
	0x90, 0x94, 0x98, 0xca, 0xc6, 0xab, 0x30, 0x51, 0xbc, 0xbc, 0xdc, 0xfc, 0xbc, 0x89, 0x57, 0x65,
};

static bool disk_holds(struct view bytes)
{
	static const char *const files[] = { "vault.db", "vault.db-wal" };
	bool found = false;
	for (size_t i = 0; i < CASES(files); i++) {
		struct text content = TEXT_LIMIT(64 << 20);
		struct text path = TEXT_LIMIT(256);
		text_print(&path, "%s/%s", test_directory, files[i]);
		FILE *file = fopen(text_cstring(&path), "rb");
		for (int byte; file != NULL && (byte = getc(file)) != EOF;)
			text_add_byte(&content, (char)byte);
		if (file != NULL)
			fclose(file);
		found = found || view_find(text_view(&content), bytes) != VIEW_NOT_FOUND;
		text_deinit(&content);
		text_deinit(&path);
	}
	return found;
}

static void play_keys_at_rest(struct scene *scene)
{
	struct domain_change_answer answer = { 0 };
	const struct domain_change_request request = {
		.change = DOMAIN_ADD, .domain = VIEW("example.com"), .key = view_of(imported_pem), .selector = VIEW("old")
	};
	assert_int_equal(vault_domain_change(scene->api, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	assert_int_equal(answer.result, CHANGE_DONE);
	const struct view password = add_account(scene);
	restart(scene);
	const struct domain_keys_answer keys = keys_of(scene, VIEW("example.com"), false);
	assert_int_equal(keys.key_count, 1);
	expect_view("selector", keys.keys[0].selector, VIEW("old"));
	assert_true(view_equal(keys.keys[0].key, answer.keys[0].key));
	assert_true(disk_holds(VIEW("example.com")));
	assert_false(disk_holds(view_bytes(imported_secret, 16)));
	assert_false(disk_holds(view_bytes(imported_secret + 16, 16)));
	assert_false(disk_holds(password));
}

static void play_other_key_file(struct scene *scene)
{
	struct text problem = TEXT_LIMIT(1024);
	assert_null(open_vault(scene, other_key_file, &problem));
	assert_true(view_find(text_view(&problem), VIEW("vault.key_file")) != VIEW_NOT_FOUND);
	text_clear(&problem);
	assert_null(open_vault(scene, "short", &problem));
	text_deinit(&problem);
}

/* ---- running them */

struct play {
	struct scene *scene;
	void (*scenario)(struct scene *scene);
	bool done;
};

static void play_run(void *argument)
{
	struct play *play = argument;
	scene_start(play->scene);
	play->scenario(play->scene);
	scene_end(play->scene);
	play->done = true;
}

static void play(void (*scenario)(struct scene *scene))
{
	struct config_problems problems = { 0 };
	struct scene scene = { .world = world_real_new(NULL) };
	scene.config = config_parse(view_of(yaml), "test", &problems);
	config_problems_deinit(&problems);
	assert_non_null(scene.config);
	scene.in_force = scene.config;
	scene.log = (struct log){ .descriptor = open("/dev/null", O_WRONLY),
		                      .level = LOG_INFO,
		                      .room = "vault",
		                      .wall = log_wall,
		                      .context = scene.world };
	struct peer **const peers[] = { &scene.first, &scene.second, &scene.resolver, &scene.api };
	for (size_t i = 0; i < CASES(peers); i++)
		*peers[i] = direct_peer_new(scene.world, "vault");
	struct play run = { .scene = &scene, .scenario = scenario };
	task_start(scene.world, "play", play_run, &run);
	world_real_run(scene.world);
	assert_true(run.done);
	for (size_t i = 0; i < CASES(peers); i++)
		peer_free(*peers[i]);
	arena_deinit(&scene.arena);
	config_free(scene.config);
	close(scene.log.descriptor);
	world_real_free(scene.world);
}

#define PLAY(story)                                                                                                  \
	static void test_##story(void **state)                                                                           \
	{                                                                                                                \
		(void)state;                                                                                                 \
		play(play_##story);                                                                                          \
	}
PLAY(generated)
PLAY(names)
PLAY(rotate)
PLAY(suspended)
PLAY(chosen)
PLAY(ended_meanwhile)
PLAY(imported)
PLAY(guesses)
PLAY(networks)
PLAY(credit)
PLAY(spare_credit)
PLAY(seals)
PLAY(long_names)
PLAY(keys_at_rest)
PLAY(other_key_file)

#define TEST(story) cmocka_unit_test_setup_teardown(test_##story, test_directory_begin, test_directory_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(generated),       TEST(names),    TEST(rotate),     TEST(suspended),    TEST(chosen),
		TEST(ended_meanwhile), TEST(imported), TEST(guesses),    TEST(networks),     TEST(credit),
		TEST(spare_credit),    TEST(seals),    TEST(long_names), TEST(keys_at_rest), TEST(other_key_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

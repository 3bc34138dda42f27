/* Accounts: who may log in, and how much each may send. */
#include "base/must.h"
#include "ipc/direct.h"
#include "rooms/vault/test_play.h"

static const struct view name = VIEW_INIT(PLAY_ACCOUNT);

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(generated), TEST(names),   TEST(rotate),   TEST(suspended), TEST(chosen),       TEST(ended_meanwhile),
		TEST(imported),  TEST(guesses), TEST(networks), TEST(credit),    TEST(spare_credit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

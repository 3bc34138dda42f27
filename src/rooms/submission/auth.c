/* AUTH PLAIN and LOGIN (RFC 4954, RFC 4616). */
#include "rooms/submission/submission.h"

#include <string.h>

enum { CREDENTIALS_MOST = 9216 };

struct credentials {
	struct text name;
	struct text password;
};

static void credentials_forget(struct credentials *credentials)
{
	if (credentials->password.data != NULL)
		explicit_bzero(credentials->password.data, credentials->password.length);
	text_deinit(&credentials->name);
	text_deinit(&credentials->password);
}

static bool refuse_form(struct session *session, struct view why)
{
	session->bad_commands++;
	session_reply(session, 501, STATUS(5, 5, 2), why);
	return false;
}

/* One answer of the client to a challenge, decoded. False: the reply was given. */
static bool ask(struct session *session, struct view challenge, struct text *into)
{
	struct view line;
	session_reply(session, 334, NO_STATUS, challenge);
	if (!session_read_line(session, AUTH_LINE_MOST, &line))
		return false;
	if (view_equal(line, VIEW("*")))
		return refuse_form(session, VIEW("authentication cancelled"));
	return text_add_base64_decoded(into, line) || refuse_form(session, VIEW("not base64"));
}

static bool read_plain(struct session *session, struct view initial, struct credentials *credentials)
{
	struct text message = TEXT_LIMIT(CREDENTIALS_MOST);
	bool good;
	if (initial.data == NULL)
		good = ask(session, VIEW(""), &message);
	else if (view_equal(initial, VIEW("=")))
		good = true; /* an empty initial response */
	else
		good = text_add_base64_decoded(&message, initial) || refuse_form(session, VIEW("not base64"));
	if (good) {
		/* authzid NUL authcid NUL password; nobody acts as somebody else here. */
		struct view rest = text_view(&message);
		struct view authorization = VIEW_NONE;
		struct view name = VIEW_NONE;
		good = view_split(&rest, '\0', &authorization) && view_split(&rest, '\0', &name) && rest.data != NULL &&
		       name.length > 0 && (authorization.length == 0 || view_equal_nocase(authorization, name));
		if (!good)
			refuse_form(session, VIEW("expected authorization, name and password with NUL between"));
		text_add(&credentials->name, name);
		text_add(&credentials->password, rest);
	}
	if (message.data != NULL)
		explicit_bzero(message.data, message.length);
	text_deinit(&message);
	return good;
}

static bool read_login(struct session *session, struct view initial, struct credentials *credentials)
{
	bool good;
	if (initial.data == NULL)
		good = ask(session, VIEW("VXNlcm5hbWU6"), &credentials->name); /* "Username:" */
	else
		good = text_add_base64_decoded(&credentials->name, initial) || refuse_form(session, VIEW("not base64"));
	return good && ask(session, VIEW("UGFzc3dvcmQ6"), &credentials->password); /* "Password:" */
}

static void log_in(struct session *session, const struct authenticate_answer *answer)
{
	session->authenticated = true;
	session->login = answer->login;
	text_add(&session->account, answer->account);
	text_add(&session->as_typed, answer->as_typed);
	session->message_size = answer->message_size;
	session->recipients = answer->recipients;
	session->credit_until = world_now(session->submission->world) + (answer->may_send ? SECOND : 0);
	for (unsigned i = 0; i < CHECK_COUNT; i++)
		session->require[i] = answer->require[i];
	session_reply(session, 235, STATUS(2, 7, 0), VIEW("authenticated"));
}

static void refuse_login(struct session *session, enum authentication result)
{
	static const struct {
		uint16_t code;
		struct enhanced_status status;
		struct view text;
	} refusals[] = {
		[AUTHENTICATION_WRONG] = { 535, { 5, 7, 8 }, VIEW_INIT("wrong user account or password") },
		[AUTHENTICATION_SUSPENDED] = { 525,
		                               { 5, 7, 13 },
		                               VIEW_INIT("this user account is suspended; ask the support") },
		[AUTHENTICATION_NETWORK] = { 535,
		                             { 5, 7, 8 },
		                             VIEW_INIT("this user account may not be used from your network address") },
		[AUTHENTICATION_BUSY] = { 454,
		                          { 4, 7, 0 },
		                          VIEW_INIT("too many failed logins from your network; try later") },
		[AUTHENTICATION_TOO_MANY] = { 454, { 4, 7, 0 }, VIEW_INIT("too many sessions of this user account at once") },
	};
	session_reply(session, refusals[result].code, refusals[result].status, refusals[result].text);
	session_refused(session, VIEW_NONE,
	                (struct verdict){
						.outcome = refusals[result].code >= 500 ? OUTCOME_NEVER : OUTCOME_LATER,
						.code = refusals[result].code,
						.status = refusals[result].status,
						.why = refusals[result].text,
					});
	if (++session->auth_failures < AUTH_FAILURES_MOST)
		return;
	session->ends = true;
}

static void authenticate(struct session *session, const struct credentials *credentials)
{
	struct submission *submission = session->submission;
	const struct authenticate_request request = {
		.name = text_view(&credentials->name),
		.password = text_view(&credentials->password),
		.client = text_view(&session->address),
	};
	struct authenticate_answer answer = { 0 };
	const enum asked asked = vault_authenticate(submission->vault, &request, &answer, &session->arena,
	                                            world_now(submission->world) + 30 * SECOND);
	if (asked != ASKED_OK) {
		session_reply(session, 454, STATUS(4, 7, 0), VIEW("temporary failure of authentication; try again soon"));
		return;
	}
	if (answer.delay > 0)
		task_sleep(submission->world, answer.delay);
	if (answer.result == AUTHENTICATION_OK)
		log_in(session, &answer);
	else
		refuse_login(session, answer.result);
}

void command_auth(struct session *session, const struct smtp_command *command)
{
	struct view rest = command->argument;
	struct view mechanism;
	struct credentials credentials = { .name = TEXT_LIMIT(CREDENTIALS_MOST),
		                               .password = TEXT_LIMIT(CREDENTIALS_MOST) };
	if (session->authenticated) {
		session_reply(session, 503, STATUS(5, 5, 1), VIEW("authenticated already"));
		return;
	}
	if (!session->connection->tls.active && !session->listener.plaintext_auth) {
		session_reply(session, 538, STATUS(5, 7, 11), VIEW("encryption is required: say STARTTLS first"));
		return;
	}
	view_split(&rest, ' ', &mechanism);
	bool good = false;
	if (view_equal_nocase(mechanism, VIEW("PLAIN")))
		good = read_plain(session, rest, &credentials);
	else if (view_equal_nocase(mechanism, VIEW("LOGIN")))
		good = read_login(session, rest, &credentials);
	else
		session_reply(session, 504, STATUS(5, 5, 4), VIEW("mechanisms offered here: PLAIN LOGIN"));
	if (good)
		authenticate(session, &credentials);
	credentials_forget(&credentials);
}

/* The envelope: MAIL, RCPT, RSET, and the transaction's end. */
#include "base/must.h"
#include "rooms/submission/submission.h"

static const int64_t question_patience = 60 * SECOND;

void transaction_end(struct session *session)
{
	struct transaction *transaction = session->transaction;
	session->transaction = NULL;
	if (session->step > STEP_GREETED)
		session->step = STEP_GREETED;
	if (transaction == NULL)
		return;
	session->submission->memory -= transaction->memory;
	text_deinit(&transaction->content);
	if (transaction->body.sha256 != NULL)
		dkim_body_deinit(&transaction->body);
	map_deinit(&transaction->seen);
	arena_deinit(&transaction->arena);
	free(transaction);
}

void command_rset(struct session *session, const struct smtp_command *command)
{
	(void)command;
	transaction_end(session);
	session_reply(session, 250, STATUS(2, 0, 0), VIEW("OK"));
}

/* ---- credit */

static bool tell_wait(struct session *session, int64_t wait, struct view what)
{
	struct text duration = TEXT_LIMIT(32);
	text_add_duration(&duration, wait + SECOND - 1);
	session_print(session, 450, STATUS(4, 7, 1), "%.*s; try again in %s", VIEW_PRINT(what), text_cstring(&duration));
	text_deinit(&duration);
	return false;
}

static bool end_session(struct session *session, struct enhanced_status status, struct view text)
{
	session_reply(session, 421, status, text);
	session->ends = true;
	return false;
}

bool session_take_credit(struct session *session, uint32_t recipients)
{
	struct submission *submission = session->submission;
	const int64_t now = world_now(submission->world);
	const int64_t latest = now + session->config->limits.max_wait;
	if (recipients == 0 && now < session->credit_until)
		return true;
	if (recipients > 0 && recipients <= session->spare && now < session->spare_until) {
		session->spare -= recipients;
		return true;
	}
	for (;;) {
		const struct credit_request request = { .login = session->login,
			                                    .recipients = recipients,
			                                    .unused = session->spare };
		struct credit_answer answer = { 0 };
		session->spare = 0;
		if (vault_credit(submission->vault, &request, &answer, &session->arena,
		                 world_now(submission->world) + question_patience) != ASKED_OK) {
			session_reply(session, 451, STATUS(4, 3, 0), VIEW("temporary failure; try again soon"));
			return false;
		}
		switch (answer.result) {
		case CREDIT_GRANTED:
			if (session->transaction != NULL && answer.held) {
				session->transaction->held = true;
				session->transaction->hold_reason = arena_copy(&session->transaction->arena, answer.reason);
			}
			session->credit_until = world_now(submission->world) + (answer.wait == 0 ? SECOND : 0);
			session->spare = answer.spare;
			session->spare_until = world_now(submission->world) + CREDIT_SPARE_FOR;
			return true;
		case CREDIT_QUOTA:
			return tell_wait(session, answer.wait, VIEW("today's quota of this user account is used up"));
		case CREDIT_SUSPENDED:
			return end_session(session, STATUS(4, 7, 0), VIEW("this user account is suspended; ask the support"));
		case CREDIT_NO_LOGIN:
			return end_session(session, STATUS(4, 3, 0), VIEW("the login is no longer known; connect again"));
		case CREDIT_WAIT:
			break;
		}
		/* Above its rate an account is slowed, not refused, as long as that is bearable. */
		if (world_now(submission->world) + answer.wait > latest)
			return tell_wait(session, answer.wait, VIEW("this user account sends faster than it may"));
		if (task_sleep(submission->world, answer.wait) != WAIT_DONE)
			return false;
	}
}

/* ---- MAIL */

static bool read_size(struct session *session, struct view value)
{
	uint64_t size = 0;
	if (!view_to_u64(value, &size)) {
		session_reply(session, 501, STATUS(5, 5, 4), VIEW("SIZE takes a number of octets"));
		return false;
	}
	if (size > session->message_size) {
		session_print(session, 552, STATUS(5, 3, 4), "the message is too large: at most %llu octets are taken",
		              (unsigned long long)session->message_size);
		return false;
	}
	return true;
}

static bool read_parameter(struct session *session, const struct smtp_parameter *parameter)
{
	if (view_equal_nocase(parameter->keyword, VIEW("SIZE")))
		return read_size(session, parameter->value);
	if (view_equal_nocase(parameter->keyword, VIEW("BODY"))) {
		/* What the content really is decides: many clients send 8-bit text without a word of it. */
		if (view_equal_nocase(parameter->value, VIEW("8BITMIME")) ||
		    view_equal_nocase(parameter->value, VIEW("7BIT")))
			return true;
		session_reply(session, 501, STATUS(5, 5, 4), VIEW("BODY is 7BIT or 8BITMIME"));
		return false;
	}
	/* RFC 4954 5: who the message is really from, of which nothing is made here. */
	if (view_equal_nocase(parameter->keyword, VIEW("AUTH")))
		return true;
	session_print(session, 555, STATUS(5, 5, 4), "the parameter %.*s is not known here",
	              VIEW_PRINT(view_first(parameter->keyword, 64)));
	return false;
}

static bool domain_may_send(struct session *session, struct transaction *transaction)
{
	struct submission *submission = session->submission;
	struct verdict_request request = {
		.moment = MOMENT_MAIL,
		.account = text_view(&session->account),
		.as_typed = text_view(&session->as_typed),
		.mail_from = transaction->sender_domain,
	};
	struct verdict_answer answer = { 0 };
	/* With <> the From: domain takes the sender's place, after the dot. */
	if (transaction->sender_domain.length == 0)
		return true;
	for (unsigned i = 0; i < CHECK_COUNT; i++)
		request.require[i] = session->require[i];
	if (resolver_verdict(submission->resolver, &request, &answer, &session->arena,
	                     world_now(submission->world) + question_patience) != ASKED_OK) {
		session_reply(session, 451, STATUS(4, 4, 3), VIEW("DNS could not be asked; try again soon"));
		return false;
	}
	if (verdict_is_ok(answer.verdict))
		return true;
	session->transaction = transaction;
	session_refused(session, VIEW_NONE, answer.verdict);
	session_reply_verdict(session, answer.verdict);
	return false;
}

static bool read_sender(struct session *session, const struct smtp_command *command, struct transaction *transaction)
{
	struct mailbox mailbox = { 0 };
	struct view why = VIEW_NONE;
	bool is_null = false;
	if (!address_parse_reverse_path(command->path, &transaction->arena, &mailbox, &is_null, &why)) {
		session_print(session, 501, STATUS(5, 1, 7), "the sender address cannot be read: %.*s", VIEW_PRINT(why));
		return false;
	}
	if (is_null)
		return true;
	if (mailbox.has_literal || mailbox.utf8) {
		session_reply(session, mailbox.utf8 ? 550 : 501, mailbox.utf8 ? STATUS(5, 6, 7) : STATUS(5, 1, 7),
		              mailbox.utf8 ? VIEW("addresses beyond ASCII are not taken yet")
		                           : VIEW("a sender address needs a domain, not an address literal"));
		return false;
	}
	transaction->sender = address_view(&mailbox, &transaction->arena);
	transaction->sender_domain = arena_copy(&transaction->arena, domain_view(&mailbox.domain));
	return true;
}

void command_mail(struct session *session, const struct smtp_command *command)
{
	if (!session->authenticated) {
		session_reply(session, 530, STATUS(5, 7, 0),
		              session->connection->tls.active || session->listener.plaintext_auth
		                  ? VIEW("authentication is required: say AUTH first")
		                  : VIEW("authentication is required: say STARTTLS, then AUTH"));
		return;
	}
	for (size_t i = 0; i < command->parameter_count; i++)
		if (!read_parameter(session, &command->parameters[i]))
			return;
	struct transaction *transaction = must_alloc(1, sizeof(*transaction));
	transaction->arena.limit = (size_t)256 * 1024 * 1024;
	transaction->seen = (struct map)MAP_LIMIT(session->recipients, world_random_u64(session->submission->world));
	session->transaction = transaction;
	if (read_sender(session, command, transaction) && session_take_credit(session, 0) &&
	    domain_may_send(session, transaction)) {
		session->step = STEP_MAIL;
		session_reply(session, 250, STATUS(2, 1, 0), VIEW("sender OK"));
		return;
	}
	transaction_end(session);
}

/* ---- RCPT */

static void add_recipient(struct transaction *transaction, struct view address, struct view domain)
{
	if (transaction->recipient_count == transaction->recipient_room) {
		const size_t room = transaction->recipient_room == 0 ? 8 : transaction->recipient_room * 2;
		struct submit_recipient *grown = ARENA_ARRAY(&transaction->arena, struct submit_recipient, room);
		for (size_t i = 0; i < transaction->recipient_count; i++)
			grown[i] = transaction->recipients[i];
		transaction->recipients = grown;
		transaction->recipient_room = room;
	}
	transaction->recipients[transaction->recipient_count++] =
		(struct submit_recipient){ .address = address, .domain = domain };
}

static bool recipient_is_taken(struct session *session, const struct mailbox *mailbox)
{
	if (mailbox->has_literal) {
		session_reply(session, 501, STATUS(5, 1, 3), VIEW("mail goes to domains here, not to address literals"));
		return false;
	}
	if (mailbox->utf8) {
		session_reply(session, 550, STATUS(5, 6, 7), VIEW("addresses beyond ASCII are not taken yet"));
		return false;
	}
	if (domain_label_count(&mailbox->domain) < 2) {
		session_reply(session, 550, STATUS(5, 1, 2), VIEW("the recipient's domain needs at least two labels"));
		return false;
	}
	return true;
}

void command_rcpt(struct session *session, const struct smtp_command *command)
{
	struct transaction *transaction = session->transaction;
	struct mailbox mailbox = { 0 };
	struct view why = VIEW_NONE;
	if (command->parameter_count > 0) {
		session_print(session, 555, STATUS(5, 5, 4), "the parameter %.*s is not known here",
		              VIEW_PRINT(view_first(command->parameters[0].keyword, 64)));
		return;
	}
	if (!address_parse_forward_path(command->path, &transaction->arena, &mailbox, &why)) {
		session_print(session, 501, STATUS(5, 1, 3), "the recipient's address cannot be read: %.*s", VIEW_PRINT(why));
		return;
	}
	if (!recipient_is_taken(session, &mailbox))
		return;
	const struct view address = address_view(&mailbox, &transaction->arena);
	const bool repeated = map_get(&transaction->seen, address) != NULL;
	if (!repeated && transaction->recipient_count >= session->recipients) {
		/* RFC 5321 4.5.3.1.10 */
		session_print(session, 452, STATUS(4, 5, 3), "too many recipients: at most %u a message",
		              (unsigned)session->recipients);
		return;
	}
	if (!repeated) {
		map_put(&transaction->seen, address, transaction, NULL);
		add_recipient(transaction, address, arena_copy(&transaction->arena, domain_view(&mailbox.domain)));
	}
	session->step = STEP_RCPT;
	session_reply(session, 250, STATUS(2, 1, 5), VIEW("recipient OK"));
}

/* EHLO, HELO, STARTTLS. */
#include "rooms/submission/submission.h"

static bool may_authenticate(const struct session *session)
{
	return session->connection->tls.active || session->listener.plaintext_auth;
}

void command_ehlo(struct session *session, const struct smtp_command *command)
{
	struct text text = TEXT_LIMIT(2048);
	transaction_end(session);
	text_clear(&session->helo);
	text_add(&session->helo, view_first(command->argument, 255));
	session->extended = command->verb == SMTP_EHLO;
	session->step = STEP_GREETED;
	text_add(&text, session->config->service.hostname);
	if (session->extended) {
		const uint64_t size = session->authenticated ? session->message_size : session->config->limits.message_size;
		text_print(&text, "\nPIPELINING\nSIZE %llu\n8BITMIME\nENHANCEDSTATUSCODES", (unsigned long long)size);
		if (session->listener.tls == CONFIG_TLS_STARTTLS && !session->connection->tls.active)
			text_add(&text, VIEW("\nSTARTTLS"));
		if (may_authenticate(session) && !session->authenticated)
			text_add(&text, VIEW("\nAUTH PLAIN LOGIN"));
	}
	session_reply(session, 250, NO_STATUS, text_view(&text));
	text_deinit(&text);
}

/* What was learnt in clear counts for nothing after the handshake (RFC 3207 4.2). */
static void forget_all(struct session *session)
{
	transaction_end(session);
	text_clear(&session->helo);
	session->extended = false;
	session->step = STEP_START;
}

void command_starttls(struct session *session, const struct smtp_command *command)
{
	(void)command;
	if (session->listener.tls != CONFIG_TLS_STARTTLS || session->connection->tls.active) {
		session_reply(session, 503, STATUS(5, 5, 1),
		              session->connection->tls.active ? VIEW("TLS is in use already") : VIEW("no TLS on this port"));
		return;
	}
	/* Commands in the same packet came in clear, from whoever: thrown away, and the session with them. */
	if (line_reader_pending(&session->reader).length > 0) {
		session_reply(session, 421, STATUS(4, 7, 0), VIEW("nothing may follow STARTTLS before the handshake"));
		session->ends = true;
		return;
	}
	session_reply(session, 220, STATUS(2, 0, 0), VIEW("ready for TLS"));
	if (!session_flush(session))
		return;
	forget_all(session);
	struct world *world = session->submission->world;
	if (world->operations->tls(world, session->connection, TLS_SERVER, session->tls, VIEW_NONE,
	                           session_deadline(session, MINUTE)) != TLS_OK)
		session->ends = true;
}

/* A session from its greeting to its end. */
#include "base/must.h"
#include "rooms/submission/submission.h"
#include "smtp/reply.h"

enum { OUT_MOST = 262144 };

/* RFC 5321 4.5.3.2.7: a server waits at least five minutes for a command. */
static const int64_t command_patience = 5 * MINUTE;
static const int64_t write_patience = 5 * MINUTE;
static const int64_t session_most = 24 * HOUR;

int64_t session_deadline(const struct session *session, int64_t duration)
{
	const int64_t end = session->began + session_most;
	const int64_t deadline = world_now(session->submission->world) + duration;
	return deadline < end ? deadline : end;
}

void session_reply(struct session *session, uint16_t code, struct enhanced_status status, struct view text)
{
	smtp_reply_write(&session->out, code, status, text);
}

void session_print(struct session *session, uint16_t code, struct enhanced_status status, const char *format, ...)
{
	struct text text = TEXT_LIMIT(4096);
	va_list arguments;
	va_start(arguments, format);
	text_vprint(&text, format, arguments);
	va_end(arguments);
	session_reply(session, code, status, text_view(&text));
	text_deinit(&text);
}

void session_reply_verdict(struct session *session, struct verdict verdict)
{
	session_reply(session, verdict.code, verdict.status, verdict.why);
}

void session_refused(struct session *session, struct view recipient, struct verdict verdict)
{
	struct text status = TEXT_LIMIT(32);
	const struct transaction *transaction = session->transaction;
	text_add_status(&status, verdict.status);
	if (verdict.outcome == OUTCOME_NEVER)
		session->submission->counters.refused++;
	else
		session->submission->counters.deferred++;
	log_event(session->submission->log, &(struct event){
											.event = VIEW("refused"),
											.account = text_view(&session->account),
											.sender = transaction == NULL ? VIEW_NONE : transaction->sender,
											.recipient = recipient,
											.remote = text_view(&session->address),
											.code = verdict.code,
											.status = text_view(&status),
											.reply = verdict.why,
											.duration = LOG_ABSENT,
										});
	text_deinit(&status);
}

bool session_flush(struct session *session)
{
	if (session->out.length == 0)
		return true;
	const enum io_result written =
		connection_write(session->connection, text_view(&session->out), session_deadline(session, write_patience));
	text_clear(&session->out);
	if (written != IO_OK)
		session->ends = true;
	return written == IO_OK;
}

/* ---- reading */

static bool say_last(struct session *session, uint16_t code, struct enhanced_status status, struct view text)
{
	session_reply(session, code, status, text);
	session_flush(session);
	session->ends = true;
	return false;
}

static bool read_more(struct session *session, int64_t deadline)
{
	size_t capacity = 0;
	size_t length = 0;
	if (!session_flush(session))
		return false;
	char *room = line_reader_room(&session->reader, &capacity);
	switch (connection_read(session->connection, room, capacity, deadline, &length)) {
	case IO_OK:
		line_reader_fed(&session->reader, length);
		return true;
	case IO_LATE:
		return say_last(session, 421, STATUS(4, 4, 2), VIEW("timed out waiting for a command"));
	case IO_CANCELLED:
		return say_last(session, 421, STATUS(4, 3, 2), VIEW("the service is being shut down; come back soon"));
	case IO_END:
	case IO_FAILED:
		break;
	}
	session->ends = true;
	return false;
}

bool session_read_line(struct session *session, size_t limit, struct view *line)
{
	/* One deadline for the whole line: a byte now and then does not buy more time. */
	const int64_t deadline = session_deadline(session, command_patience);
	line_reader_limit(&session->reader, limit);
	for (;;) {
		switch (line_reader_next(&session->reader, line)) {
		case LINE_READY:
			return true;
		case LINE_MORE:
			if (!read_more(session, deadline))
				return false;
			break;
		case LINE_TOO_LONG:
			session_print(session, 500, STATUS(5, 5, 6), "line too long: at most %zu octets are taken here", limit);
			session->bad_commands++;
			break;
		case LINE_BAD:
			/* Two readers of line ends that disagree are how mail is smuggled. */
			return say_last(session, 500, STATUS(5, 5, 2), VIEW("a line ends with CR LF, and holds neither alone"));
		}
		if (session->bad_commands > BAD_COMMANDS_MOST)
			return say_last(session, 421, STATUS(4, 7, 0), VIEW("too many bad commands"));
	}
}

/* ---- simple commands */

static void command_noop(struct session *session, const struct smtp_command *command)
{
	(void)command;
	session_reply(session, 250, STATUS(2, 0, 0), VIEW("OK"));
}

static void command_quit(struct session *session, const struct smtp_command *command)
{
	(void)command;
	session_reply(session, 221, STATUS(2, 0, 0), VIEW("goodbye"));
	session->ends = true;
}

static void command_vrfy(struct session *session, const struct smtp_command *command)
{
	(void)command;
	/* RFC 5321 3.5.3, 7.3: neither yes nor no. */
	session_reply(session, 252, STATUS(2, 5, 0), VIEW("addresses are not verified here; send the mail and see"));
}

static void command_expn(struct session *session, const struct smtp_command *command)
{
	(void)command;
	session_reply(session, 502, STATUS(5, 5, 1), VIEW("lists are not expanded here"));
}

static void command_help(struct session *session, const struct smtp_command *command)
{
	(void)command;
	session_reply(session, 214, STATUS(2, 0, 0),
	              VIEW("commands: EHLO STARTTLS AUTH MAIL RCPT DATA RSET NOOP QUIT\nmore: RFC 5321, RFC 6409"));
}

static void command_http(struct session *session, const struct smtp_command *command)
{
	(void)command;
	session_reply(session, 421, STATUS(4, 7, 0), VIEW("this is SMTP, not HTTP"));
	session->ends = true;
}

/* ---- the table of commands with the steps they are allowed in */

#define AT(step) (1u << (step))
enum {
	ANY_STEP = AT(STEP_START) | AT(STEP_GREETED) | AT(STEP_MAIL) | AT(STEP_RCPT),
	AFTER_EHLO = AT(STEP_GREETED) | AT(STEP_MAIL) | AT(STEP_RCPT),
};

static const struct command_row {
	unsigned steps;
	const char *otherwise; /* what to say at any other step */
	void (*run)(struct session *session, const struct smtp_command *command);
} command_rows[SMTP_VERB_COUNT] = {
	[SMTP_EHLO] = { ANY_STEP, "", command_ehlo },
	[SMTP_HELO] = { ANY_STEP, "", command_ehlo },
	[SMTP_STARTTLS] = { AT(STEP_GREETED), "STARTTLS comes after EHLO and not within a transaction",
	                    command_starttls },
	[SMTP_AUTH] = { AT(STEP_GREETED), "AUTH comes after EHLO and not within a transaction", command_auth },
	[SMTP_MAIL] = { AT(STEP_GREETED), "MAIL comes after EHLO, once in a transaction", command_mail },
	[SMTP_RCPT] = { AT(STEP_MAIL) | AT(STEP_RCPT), "RCPT comes after MAIL", command_rcpt },
	[SMTP_DATA] = { AT(STEP_RCPT), "DATA comes after RCPT, and no recipient was taken", command_data },
	[SMTP_RSET] = { ANY_STEP, "", command_rset },
	[SMTP_NOOP] = { ANY_STEP, "", command_noop },
	[SMTP_QUIT] = { ANY_STEP, "", command_quit },
	[SMTP_VRFY] = { AFTER_EHLO, "say EHLO first", command_vrfy },
	[SMTP_EXPN] = { AFTER_EHLO, "say EHLO first", command_expn },
	[SMTP_HELP] = { ANY_STEP, "", command_help },
	[SMTP_HTTP] = { ANY_STEP, "", command_http },
	[SMTP_UNKNOWN] = { 0, "unknown command", NULL },
};

static void refuse_syntax(struct session *session, enum command_result result, const struct smtp_command *command)
{
	const struct view verb = smtp_verb_name(command->verb);
	session->bad_commands++;
	if (result == COMMAND_UNKNOWN)
		session_reply(session, 500, STATUS(5, 5, 2), VIEW("unknown command"));
	else if (command->verb == SMTP_MAIL)
		session_reply(session, 501, STATUS(5, 5, 4), VIEW("expected: MAIL FROM:<address> [KEYWORD=value ...]"));
	else if (command->verb == SMTP_RCPT)
		session_reply(session, 501, STATUS(5, 5, 4), VIEW("expected: RCPT TO:<address>"));
	else
		session_print(session, 501, STATUS(5, 5, 4), "%.*s takes %s argument", VIEW_PRINT(verb),
		              result == COMMAND_ARGUMENT ? "no" : "an");
}

static void session_command(struct session *session, struct view line)
{
	struct smtp_command command;
	const enum command_result result = smtp_command_parse(line, &command);
	const struct command_row *row = &command_rows[command.verb];
	if (result != COMMAND_OK) {
		refuse_syntax(session, result, &command);
		return;
	}
	if ((row->steps & AT(session->step)) == 0) {
		session->bad_commands++;
		session_reply(session, 503, STATUS(5, 5, 1), view_of(row->otherwise));
		return;
	}
	row->run(session, &command);
}

static bool session_secure(struct session *session)
{
	if (session->listener.tls != CONFIG_TLS_IMPLICIT)
		return true;
	const int64_t deadline = session_deadline(session, MINUTE);
	return session->submission->world->operations->tls(session->submission->world, session->connection, TLS_SERVER,
	                                                   session->tls, VIEW_NONE, deadline) == TLS_OK;
}

static void session_logout(struct session *session)
{
	if (!session->authenticated || task_is_cancelled())
		return;
	const struct logout_request request = { .login = session->login, .unused = session->spare };
	struct empty_answer answer = { 0 };
	vault_logout(session->submission->vault, &request, &answer, &session->arena,
	             world_now(session->submission->world) + 5 * SECOND);
}

void session_run(struct session *session)
{
	struct view line;
	line_reader_init(&session->reader, COMMAND_LINE_MOST);
	session->out.limit = OUT_MOST;
	session->arena.limit = (size_t)1024 * 1024;
	if (session_secure(session)) {
		session_print(session, 220, NO_STATUS, "%.*s ESMTP", VIEW_PRINT(session->config->service.hostname));
		while (!session->ends && session_read_line(session, COMMAND_LINE_MOST, &line)) {
			/* The command's own copy: reading on moves the reader's bytes. */
			session_command(session, arena_copy(&session->arena, line));
			arena_clear(&session->arena);
			if (session->bad_commands > BAD_COMMANDS_MOST)
				say_last(session, 421, STATUS(4, 7, 0), VIEW("too many bad commands"));
		}
		session_flush(session);
	}
	transaction_end(session);
	session_logout(session);
	connection_close(session->connection);
	line_reader_deinit(&session->reader);
	text_deinit(&session->out);
	text_deinit(&session->address);
	text_deinit(&session->helo);
	text_deinit(&session->account);
	text_deinit(&session->as_typed);
	arena_deinit(&session->arena);
	free(session);
}

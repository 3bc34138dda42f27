/* Submission: SMTP with customers (RFC 5321, 6409). Holds nothing but its sessions.
 * Promises: a session reads from top to bottom like the RFC; 250 after the dot only when the queue has the message on
 *   stable storage; everything that a client can make grow has a limit.
 * Does not know: passwords, keys, DNS: it asks. */
#ifndef ROOMS_SUBMISSION_SUBMISSION_H
#define ROOMS_SUBMISSION_SUBMISSION_H

#include "base/map.h"
#include "mail/dkim.h"
#include "mail/message.h"
#include "questions/queue.h"
#include "rooms/room.h"
#include "smtp/command.h"
#include "smtp/data.h"
#include "smtp/line.h"

enum {
	COMMAND_LINE_MOST = 2048, /* RFC 5321 4.5.3.1.4 names 512 as what must be taken at least */
	AUTH_LINE_MOST = 12288,   /* RFC 4954 4 */
	BAD_COMMANDS_MOST = 20,
	AUTH_FAILURES_MOST = 5,
};

enum { PIECE_MOST = 65536 };

struct submission {
	struct world *world;
	struct log *log;
	const struct config *const *config;
	struct peer *vault, *resolver, *queue;
	struct task_group sessions;
	struct task_group acceptors;
	struct dkim_keys *keys; /* of DNS, parsed */
	struct map by_address;  /* client -> struct client_count */
	uint64_t memory;        /* of messages in motion */
	char *pieces;           /* what a read brings, until it is taken: nobody keeps it over a wait */
	int64_t full_until;     /* the queue said that it is full: it is asked again after that instant */
	bool stopping;
	struct {
		int64_t sessions, accepted, refused, deferred;
	} counters;
};

struct submission_peers {
	struct peer *vault, *resolver, *queue;
};

void submission_init(struct submission *submission, struct world *world, struct log *log,
                     const struct config *const *config, const struct submission_peers *peers);
void submission_deinit(struct submission *submission);
/* Accepts until cancelled; each connection becomes a session. What the configuration says of the listener's address
 * holds; where it says nothing any more, what it said last. */
void submission_listen(struct submission *submission, struct listener *listener, struct tls_context *tls);
/* Nothing new; open sessions get 421 at their next wait. Suspends until they have ended, or the deadline. */
void submission_stop(struct submission *submission, int64_t deadline);

/* ---- one session */

enum step {
	STEP_START,   /* nothing said yet */
	STEP_GREETED, /* EHLO or HELO */
	STEP_MAIL,    /* MAIL was taken */
	STEP_RCPT,    /* at least one RCPT was taken */
};

/* One transaction: made by MAIL, ended by transaction_end whatever happens. */
struct transaction {
	struct arena arena;
	struct view sender;        /* as it will be sent; empty: <> */
	struct view sender_domain; /* empty: <> */
	struct submit_recipient *recipients;
	size_t recipient_count;
	size_t recipient_room;
	struct map seen; /* recipients, to collapse repeats */
	bool held;
	struct view hold_reason;
	struct text content;
	uint64_t memory; /* reserved of the budget */
	struct data_reader data;
	struct dkim_body body;
	bool body_begun; /* the empty line has passed */
	bool over_budget;
};

struct session {
	struct submission *submission;
	const struct config *config; /* the one it began with */
	struct config_listener listener;
	struct tls_context *tls;
	struct connection *connection;
	struct line_reader reader;
	struct text out;
	struct arena arena;  /* of one command */
	struct text address; /* client's, without port */
	struct text helo;
	bool extended;
	enum step step;
	bool ends;
	unsigned bad_commands;
	unsigned auth_failures;
	int64_t began;
	/* after AUTH */
	bool authenticated;
	uint64_t login;
	struct text account;
	struct text as_typed;
	uint64_t message_size;
	uint32_t recipients;
	int64_t credit_until; /* the account was within its rate a moment ago: MAIL need not ask for that again */
	uint32_t spare;       /* recipients of its credit that are this session's already */
	int64_t spare_until;
	enum requirement require[CHECK_COUNT];
	struct transaction *transaction;
};

void session_run(struct session *session);

/* For the commands. */
void session_reply(struct session *session, uint16_t code, struct enhanced_status status, struct view text);
__attribute__((format(printf, 4, 5))) void session_print(struct session *session, uint16_t code,
                                                         struct enhanced_status status, const char *format, ...);
void session_reply_verdict(struct session *session, struct verdict verdict);
/* False: the session is over (told, or the client is gone). */
bool session_flush(struct session *session);
/* Suspends. limit: of the line. */
bool session_read_line(struct session *session, size_t limit, struct view *line);
int64_t session_deadline(const struct session *session, int64_t duration);
void session_refused(struct session *session, struct view recipient, struct verdict verdict);

void transaction_end(struct session *session);
void command_ehlo(struct session *session, const struct smtp_command *command);
void command_starttls(struct session *session, const struct smtp_command *command);
void command_auth(struct session *session, const struct smtp_command *command);
void command_mail(struct session *session, const struct smtp_command *command);
void command_rcpt(struct session *session, const struct smtp_command *command);
void command_data(struct session *session, const struct smtp_command *command);
void command_rset(struct session *session, const struct smtp_command *command);

/* Takes recipients from the account's credit, waiting up to limits.max_wait; false: the reply was given. */
bool session_take_credit(struct session *session, uint32_t recipients);
/* The seals for the prepared header; fields go to *seals. False: the reply was given. */
bool session_seal(struct session *session, const struct verdict_answer *verdict, struct view header,
                  const uint8_t body_hash[SHA256_SIZE], struct view domain, struct text *seals);
/* Does each seal of the message as it will be sent hold for a receiver, with the key that DNS holds? False: the reply
 * was given. */
bool session_check_seals(struct session *session, const struct verdict_answer *verdict, struct view message,
                         const uint8_t body_hash[SHA256_SIZE]);

#define STATUS(class, subject, detail) ((struct enhanced_status){ (class), (subject), (detail) })
#define NO_STATUS                      STATUS(0, 0, 0)

/* presealed.c: the customer's own seals that verify. */
struct customer_seals {
	struct view domains[SEALED_BY_MOST]; /* d=, in the transaction's arena */
	size_t count;
	bool covers_private; /* Bcc or another field that is not relayed */
	bool untold;         /* the key of one could not be asked for */
};
/* Suspends. */
void session_find_seals(struct session *session, const struct message_facts *facts, struct customer_seals *seals);

#endif

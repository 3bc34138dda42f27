/* The grammar of a client's commands (RFC 5321 4.1.1).
 * Promises: a line is split into its verb, its path or argument and its parameters; views are lent from the line.
 * Does not know: whether the command fits here and now, nor what is in a path (mail/address.h does). */
#ifndef SMTP_COMMAND_H
#define SMTP_COMMAND_H

#include "base/view.h"

#define SMTP_VERBS(V)                                                                                                \
	V(EHLO, "EHLO")                                                                                                  \
	V(HELO, "HELO")                                                                                                  \
	V(MAIL, "MAIL")                                                                                                  \
	V(RCPT, "RCPT")                                                                                                  \
	V(DATA, "DATA")                                                                                                  \
	V(RSET, "RSET")                                                                                                  \
	V(NOOP, "NOOP")                                                                                                  \
	V(QUIT, "QUIT")                                                                                                  \
	V(VRFY, "VRFY")                                                                                                  \
	V(EXPN, "EXPN")                                                                                                  \
	V(HELP, "HELP")                                                                                                  \
	V(STARTTLS, "STARTTLS")                                                                                          \
	V(AUTH, "AUTH")

enum smtp_verb {
#define VERB(name, text) SMTP_##name,
	SMTP_VERBS(VERB)
#undef VERB
		SMTP_HTTP, /* a browser or a proxy speaks here: GET, POST, CONNECT ... */
	SMTP_UNKNOWN,
};
#define SMTP_VERB_COUNT (SMTP_UNKNOWN + 1)

struct view smtp_verb_name(enum smtp_verb verb);

enum { SMTP_PARAMETERS_MOST = 16 };

struct smtp_parameter {
	struct view keyword;
	struct view value; /* data NULL: there was no = */
};

struct smtp_command {
	enum smtp_verb verb;
	struct view argument; /* all after the verb, trimmed */
	struct view path;     /* MAIL, RCPT: with its angle brackets */
	struct smtp_parameter parameters[SMTP_PARAMETERS_MOST];
	size_t parameter_count;
};

enum command_result {
	COMMAND_OK,
	COMMAND_UNKNOWN,     /* 500 5.5.2 */
	COMMAND_SYNTAX,      /* 501 5.5.4: MAIL without FROM:, no brackets, too many parameters */
	COMMAND_NO_ARGUMENT, /* 501 5.5.4: one is needed */
	COMMAND_ARGUMENT,    /* 501 5.5.4: none is allowed */
};
enum command_result smtp_command_parse(struct view line, struct smtp_command *command);

#endif

/* sealpost, the operator's command: what its verbs share.
 * Promises: one table of verbs gives dispatch, usage and help; what a verb cannot do is told on standard error with
 *   what to do about it; exit codes are those of enum outcome_code.
 * Does not know: the daemon's inside; it asks the API over the operator's unix socket. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/text.h"
#include "config/config.h"
#include "mail/domain.h"

#include <jansson.h>

enum outcome_code {
	DONE = 0,      /* or yes */
	NO = 1,        /* or not ready */
	USAGE = 2,     /* the command line is wrong */
	UNREACHED = 3, /* the daemon */
	UNTOLD = 4,    /* DNS failed: neither yes nor no */
};

enum { CLI_ARGUMENTS_MOST = 64, CLI_OPTIONS_MOST = 16 };

/* For verbs that look on for long, and only once they have been answered. A room's restarts are at most 30 s apart.
 */
enum { CLI_PATIENCE = 60 };

struct cli_option {
	struct view name;  /* without the hyphens */
	const char *value; /* "" for those without */
};

struct cli {
	const char *config_path;
	bool config_given;
	const char *socket_path; /* NULL: the configuration's */
	bool json;
	bool colour;
	bool help;
	bool version;
	const struct cli_verb *verb;
	const char *arguments[CLI_ARGUMENTS_MOST];
	size_t argument_count;
	struct cli_option options[CLI_OPTIONS_MOST];
	size_t option_count;
	int patience; /* seconds for which a question is asked again while the daemon restarts */
	void *client; /* client.c's own: one connection for all questions of a run */
	struct text socket;
};

struct cli_verb {
	const char *noun;
	const char *verb;      /* NULL: the noun alone */
	const char *arguments; /* as usage shows them */
	const char *help;
	const char *options; /* names with a blank between; those that take a value end in = */
	size_t least, most;  /* positional arguments */
	enum outcome_code (*run)(struct cli *cli);
};

extern const struct cli_verb cli_verbs[];
extern const size_t cli_verb_count;

/* ---- the command line (arguments.c) */

/* False: *problem says what is wrong. verb stays NULL when none was named. */
bool cli_read(struct cli *cli, int count, const char *const *words, struct text *problem);
void cli_write_usage(const char *noun, struct text *text); /* NULL: all verbs */
void cli_write_help(const struct cli_verb *verb, struct text *text);
void cli_write_form(const struct cli_verb *verb, struct text *text); /* "usage: ..." */
const char *cli_option(const struct cli *cli, const char *name);     /* NULL: not given */

/* --limit; false: the reason was told. */
bool cli_limit(const struct cli *cli, size_t fallback, size_t *limit);

/* ---- telling */

/* "sealpost: ..." on standard error; returns code. */
__attribute__((format(printf, 2, 3))) enum outcome_code cli_fail(enum outcome_code code, const char *format, ...);
/* A domain in the words of whoever typed it, U-labels too. False: the reason was told, with what was perhaps meant.
 */
bool cli_read_domain(const char *given, struct domain *domain);
/* Compact, one line. */
void cli_print_json(const json_t *value);
/* Ends the verb where --json wants the answer as it is: prints it and returns true. */
bool cli_print_if_json(const struct cli *cli, const json_t *value);
/* A member as text for a cell: strings, numbers, yes and no; "" when absent. Lent from the arena. */
const char *cli_member(const json_t *object, const char *name, struct arena *arena);
/* A time (RFC 3339) for a cell, to the second. */
const char *cli_member_time(const json_t *object, const char *name, struct arena *arena);

/* ---- the daemon (client.c) */

/* DONE, and *answer is the caller's to release; or the reason was told. body is taken; NULL: none. */
enum outcome_code client_ask(struct cli *cli, const char *method, const char *path, json_t *body, json_t **answer);
/* Whether a daemon answers; tells nothing. */
bool client_reaches(struct cli *cli);
/* What is at the path, as it is. */
enum outcome_code client_fetch(struct cli *cli, const char *path, struct text *bytes);
/* All pages of a list, or the first ones up to most rows: {NAME: [...]}, and "next" when more is there. path may hold
 * a query. */
enum outcome_code pages_read(struct cli *cli, const char *path, const char *name, size_t most, json_t **all);
void client_end(struct cli *cli);
/* Percent-encoded (RFC 3986 2.1): one part of a path with its slash; one argument with its ? or &. */
void path_add_part(struct text *path, struct view part);
void path_add_query(struct text *path, const char *name, const char *value); /* not when NULL or empty */

/* ---- files (files.c) */

enum { INPUT_MOST = 64 * 1024 * 1024 };
bool file_read_all(int descriptor, struct text *into);
/* To whom sits at a terminal and was not asked for anything yet. */
void input_announce(const char *what);
/* The file at path, "-" for standard input. False: the reason was told. */
bool file_read(const char *path, struct text *into);
/* Files end their lines in LF, mail in CRLF (RFC 5322 2.3): each line with CRLF, a last one without an end stays so.
 */
void lines_to_crlf(struct view text, struct text *message);
/* A message from standard input, its lines in CRLF. False: the reason was told. */
bool message_read(struct text *message);
/* The first line of standard input, without its end; the rest stays to be read. False: the reason was told. */
bool password_read(struct text *password);
/* NULL: the reason was told. */
struct config *cli_read_config(const struct cli *cli);

/* ---- filters of the queue (filters.c): KEY=VALUE, an id, an address or a domain */

enum filter_use { FILTER_QUEUE, FILTER_HISTORY };
/* False: *problem says which argument is wrong. into receives strings. */
bool filters_read(const char *const *arguments, size_t count, enum filter_use use, json_t *into,
                  struct text *problem);
void path_add_filters(struct text *path, json_t *filters);

/* ---- verbs */
enum outcome_code account_add(struct cli *cli);
enum outcome_code account_list(struct cli *cli);
enum outcome_code account_show(struct cli *cli);
enum outcome_code account_set(struct cli *cli);
enum outcome_code account_act(struct cli *cli);
enum outcome_code account_remove(struct cli *cli);
enum outcome_code domain_add(struct cli *cli);
enum outcome_code domain_list(struct cli *cli);
enum outcome_code domain_show(struct cli *cli);
enum outcome_code domain_records(struct cli *cli);
enum outcome_code domain_check(struct cli *cli);
enum outcome_code domain_rotate(struct cli *cli);
enum outcome_code domain_remove(struct cli *cli);
enum outcome_code service_records(struct cli *cli);
enum outcome_code service_status(struct cli *cli);
enum outcome_code service_reload(struct cli *cli);
enum outcome_code queue_summary_show(struct cli *cli);
enum outcome_code queue_list_show(struct cli *cli);
enum outcome_code queue_show(struct cli *cli);
enum outcome_code queue_act_on(struct cli *cli);
enum outcome_code queue_export(struct cli *cli);
enum outcome_code queue_verify(struct cli *cli);
enum outcome_code messages_search(struct cli *cli);
enum outcome_code messages_show(struct cli *cli);
enum outcome_code message_trace(struct cli *cli);
enum outcome_code events_show(struct cli *cli);
enum outcome_code check_spf(struct cli *cli);
enum outcome_code check_dkim(struct cli *cli);
enum outcome_code check_dmarc(struct cli *cli);
enum outcome_code check_token(struct cli *cli);
enum outcome_code parse_address(struct cli *cli);
enum outcome_code parse_message(struct cli *cli);
enum outcome_code parse_report(struct cli *cli);
enum outcome_code classify_reply(struct cli *cli);
enum outcome_code classify_bounce(struct cli *cli);
enum outcome_code message_sign(struct cli *cli);
enum outcome_code config_check(struct cli *cli);
enum outcome_code config_show(struct cli *cli);
enum outcome_code config_schema(struct cli *cli);
enum outcome_code message_send(struct cli *cli);

#endif

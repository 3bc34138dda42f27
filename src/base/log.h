/* The log: one fact a line, JSON or text for a terminal.
 * Promises: a line is at most LOG_LINE_MAX bytes and is written by one write() that does not block; a line that
 *   could not be written is counted, and the count is told in the next line that can. Levels below the set one
 *   cost a comparison.
 * Does not know: sockets, files beyond its descriptor, rooms other than its own name; base/ and mail/ never log. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/text.h"

#define LOG_LINE_MAX 4096

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };
enum log_format { LOG_JSON, LOG_TEXT };

struct log {
	int descriptor; /* not owned; non-blocking is the caller's to set */
	enum log_format format;
	enum log_level level;
	bool colour;                    /* text form only */
	const char *room;               /* "submission", "queue" ...; a literal */
	int64_t (*wall)(void *context); /* the world's wall clock, microseconds */
	void *context;
	uint64_t dropped; /* lines since the last one that could be written */
	/* Sees every finished line of an event (JSON without its end of line); for the event stream; may be NULL. */
	void (*tap)(void *tap_context, struct view line);
	void *tap_context;
};

/* A field of a line. Strings that are empty and integers that are LOG_ABSENT are left out. */
#define LOG_ABSENT INT64_MIN
struct log_field {
	const char *key; /* literal */
	struct view text;
	int64_t number;
	bool is_number;
};

#define LOG_TEXT_FIELD(name, value)   ((struct log_field){ .key = (name), .text = (value) })
#define LOG_NUMBER_FIELD(name, value) ((struct log_field){ .key = (name), .number = (value), .is_number = true })

/* A message for people who run the service: {"time","level","room","message",fields...}. */
void log_line(struct log *log, enum log_level level, struct view message, const struct log_field *fields,
              size_t field_count);
#define LOG_LINE(log, level, message, ...)                                                                           \
	log_line((log), (level), VIEW(message), (const struct log_field[]){ __VA_ARGS__ },                               \
	         sizeof((const struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field))
__attribute__((format(printf, 3, 4))) void log_print(struct log *log, enum log_level level, const char *format, ...);

/* An event of the one schema that log, stream and webhooks share: {"time","event",...}. Level INFO. */
struct event {
	struct view event; /* "accepted", "refused", "delivered" ... */
	uint64_t seq;      /* durable number of a terminal event; 0: none */
	struct view id, account, sender, recipient, domain, site, remote, egress, tls;
	int64_t attempt;    /* 0: not applicable */
	int64_t code;       /* SMTP reply code; 0: not applicable */
	struct view status; /* "5.7.1" */
	struct view reply;
	struct view class;
	struct view reason;
	int64_t duration; /* microseconds, written as duration_ms; LOG_ABSENT: not applicable; 0 counts */
	struct view node;
};
void log_event(struct log *log, const struct event *event);

#endif

#include "base/log.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/must.h"

#include <unistd.h>

enum {
	FIELDS_MOST = 32,
	FIELD_ROOM = 3400, /* of a line, for the fields' texts; the rest is for names, numbers and the frame */
};

static const char *const level_names[] = {
	[LOG_DEBUG] = "debug",
	[LOG_INFO] = "info",
	[LOG_WARNING] = "warning",
	[LOG_ERROR] = "error",
};

/* The most that a byte becomes in a line: \u00XX or \xHH, U+FFFD for what is not UTF-8, an escape. */
static size_t cost_of(char byte)
{
	const unsigned char value = (unsigned char)byte;
	if (value < 0x20 || value == 0x7f)
		return 6;
	if (value > 0x7f)
		return 4;
	return byte == '"' || byte == '\\' ? 2 : 1;
}

static bool is_continuation(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

/* As much of the text as the line still has room for, cut between characters. */
static struct view fitted(struct view text, size_t *room)
{
	size_t cost = 0;
	size_t length = 0;
	while (length < text.length && cost + cost_of(text.data[length]) <= *room)
		cost += cost_of(text.data[length++]);
	*room -= cost;
	if (length < text.length)
		for (unsigned back = 0; back < 3 && length > 0 && is_continuation(text.data[length]); back++)
			length--;
	return view_first(text, length);
}

/* A write to a pipe of at most PIPE_BUF bytes is whole or not at all; to a file it may be short when the disk is
 * full.
 */
static bool write_line(struct log *log, struct text *line)
{
	must(line->length < LOG_LINE_MAX);
	text_add_byte(line, '\n');
	const bool written = write(log->descriptor, line->data, line->length) == (ssize_t)line->length;
	log->dropped += written ? 0 : 1;
	return written;
}

static void add_fields_json(struct json *json, const struct log_field *fields, size_t count, size_t *room)
{
	for (size_t i = 0; i < count; i++) {
		const struct view key = view_of(fields[i].key);
		if (!fields[i].is_number)
			json_member_string_optional(json, key, fitted(fields[i].text, room));
		else if (fields[i].number != LOG_ABSENT)
			json_member_integer(json, key, fields[i].number);
	}
}

static void line_json(struct text *line, const struct log *log, enum log_level level, struct view message,
                      const struct log_field *fields, size_t count)
{
	struct text time = TEXT_LIMIT(40);
	size_t room = FIELD_ROOM;
	text_add_time_rfc3339(&time, log->wall(log->context));
	struct json json = json_on(line);
	json_open_object(&json);
	json_member_string(&json, VIEW("time"), text_view(&time));
	json_member_string(&json, VIEW("level"), view_of(level_names[level]));
	json_member_string(&json, VIEW("room"), view_of(log->room));
	json_member_string(&json, VIEW("message"), fitted(message, &room));
	add_fields_json(&json, fields, count, &room);
	if (log->dropped > 0)
		json_member_integer(&json, VIEW("dropped"), (int64_t)log->dropped);
	json_close_object(&json);
	text_deinit(&time);
}

static bool needs_quotes(struct view text)
{
	for (size_t i = 0; i < text.length; i++)
		if (!byte_is_print(text.data[i]) || text.data[i] == ' ' || text.data[i] == '"')
			return true;
	return text.length == 0;
}

static void add_field_text(struct text *line, const struct log_field *field, size_t *room)
{
	if (field->is_number) {
		if (field->number != LOG_ABSENT)
			text_print(line, " %s=%lld", field->key, (long long)field->number);
		return;
	}
	if (field->text.length == 0)
		return;
	const struct view shown = fitted(field->text, room);
	const bool quoted = needs_quotes(shown);
	text_print(line, " %s=%s", field->key, quoted ? "\"" : "");
	text_add_printable(line, shown, shown.length);
	if (quoted)
		text_add_byte(line, '"');
}

static void line_text(struct text *line, const struct log *log, enum log_level level, struct view message,
                      const struct log_field *fields, size_t count)
{
	static const char *const colours[] = { "\033[2m", "", "\033[33m", "\033[31m" };
	struct text time = TEXT_LIMIT(40);
	size_t room = FIELD_ROOM;
	text_add_time_rfc3339(&time, log->wall(log->context));
	/* For people the time of day to a millisecond is enough. */
	text_print(line, "%.*s %s%-7s%s %-10s ", VIEW_PRINT(view_slice(text_view(&time), 11, 12)),
	           log->colour ? colours[level] : "", level_names[level],
	           log->colour && colours[level][0] != '\0' ? "\033[0m" : "", log->room);
	text_add_printable(line, fitted(message, &room), SIZE_MAX);
	for (size_t i = 0; i < count; i++)
		add_field_text(line, &fields[i], &room);
	if (log->dropped > 0)
		text_print(line, " dropped=%llu", (unsigned long long)log->dropped);
	text_deinit(&time);
}

static void build(struct text *line, const struct log *log, enum log_level level, struct view message,
                  const struct log_field *fields, size_t count)
{
	(log->format == LOG_JSON ? line_json : line_text)(line, log, level, message, fields, count);
}

void log_line(struct log *log, enum log_level level, struct view message, const struct log_field *fields,
              size_t field_count)
{
	if (level < log->level)
		return;
	struct text line = TEXT_LIMIT(LOG_LINE_MAX);
	const uint64_t told = log->dropped;
	build(&line, log, level, message, fields, field_count);
	/* So many names and numbers that the frame itself is too large: the message is worth more than they are. */
	if (line.overflow || line.length >= LOG_LINE_MAX) {
		text_clear(&line);
		build(&line, log, level, message, NULL, 0);
	}
	if (write_line(log, &line))
		log->dropped -= told;
	text_deinit(&line);
}

void log_print(struct log *log, enum log_level level, const char *format, ...)
{
	if (level < log->level)
		return;
	/* Longer than a line may be, since what does not fit is then cut rather than lost. */
	struct text message = TEXT_LIMIT((size_t)16 * LOG_LINE_MAX);
	va_list arguments;
	va_start(arguments, format);
	if (!text_vprint(&message, format, arguments))
		text_add(&message, VIEW("a message that is too long to be shown"));
	va_end(arguments);
	log_line(log, level, text_view(&message), NULL, 0);
	text_deinit(&message);
}

static size_t event_fields(const struct event *event, struct log_field fields[FIELDS_MOST])
{
	const struct log_field all[] = {
		LOG_NUMBER_FIELD("seq", event->seq == 0 ? LOG_ABSENT : (int64_t)event->seq),
		LOG_TEXT_FIELD("id", event->id),
		LOG_TEXT_FIELD("account", event->account),
		LOG_TEXT_FIELD("sender", event->sender),
		LOG_TEXT_FIELD("recipient", event->recipient),
		LOG_TEXT_FIELD("domain", event->domain),
		LOG_TEXT_FIELD("site", event->site),
		LOG_TEXT_FIELD("remote", event->remote),
		LOG_TEXT_FIELD("egress", event->egress),
		LOG_TEXT_FIELD("tls", event->tls),
		LOG_NUMBER_FIELD("attempt", event->attempt == 0 ? LOG_ABSENT : event->attempt),
		LOG_NUMBER_FIELD("code", event->code == 0 ? LOG_ABSENT : event->code),
		LOG_TEXT_FIELD("status", event->status),
		LOG_TEXT_FIELD("reply", event->reply),
		LOG_TEXT_FIELD("class", event->class),
		LOG_TEXT_FIELD("reason", event->reason),
		LOG_NUMBER_FIELD("duration_ms", event->duration == LOG_ABSENT ? LOG_ABSENT : event->duration / MILLISECOND),
		LOG_TEXT_FIELD("node", event->node),
	};
	const size_t count = sizeof(all) / sizeof(all[0]);
	for (size_t i = 0; i < count; i++)
		fields[i] = all[i];
	return count;
}

static void event_json(struct text *line, const struct log *log, const struct event *event,
                       const struct log_field *fields, size_t count)
{
	struct text time = TEXT_LIMIT(40);
	size_t room = FIELD_ROOM;
	text_add_time_rfc3339(&time, log->wall(log->context));
	struct json json = json_on(line);
	json_open_object(&json);
	json_member_string(&json, VIEW("time"), text_view(&time));
	json_member_string(&json, VIEW("event"), fitted(event->event, &room));
	add_fields_json(&json, fields, count, &room);
	json_close_object(&json);
	text_deinit(&time);
}

/* The schema of events has no place for what was dropped, so a line of its own says it first. */
static void tell_dropped(struct log *log)
{
	if (log->dropped > 0)
		log_line(log, LOG_WARNING, VIEW("lines were dropped because they could not be written"), NULL, 0);
}

void log_event(struct log *log, const struct event *event)
{
	struct text line = TEXT_LIMIT(LOG_LINE_MAX);
	struct log_field fields[FIELDS_MOST];
	const size_t count = event_fields(event, fields);
	event_json(&line, log, event, fields, count);
	if (log->tap != NULL)
		log->tap(log->tap_context, text_view(&line));
	if (log->level <= LOG_INFO) {
		tell_dropped(log);
		if (log->format == LOG_TEXT) {
			text_clear(&line);
			line_text(&line, log, LOG_INFO, event->event, fields, count);
		}
		write_line(log, &line);
	}
	text_deinit(&line);
}

#include "base/log.h"

#include "base/clock.h"
#include "base/json.h"

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

/* A byte may become six in JSON, and all texts together must leave the line whole. */
static struct view fitted(struct view text, size_t *room)
{
	size_t cost = 0;
	size_t length = 0;
	while (length < text.length) {
		const unsigned char byte = (unsigned char)text.data[length];
		cost += byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\' ? 1 : 6;
		if (cost > *room)
			break;
		length++;
	}
	*room -= cost > *room ? *room : cost;
	return view_first(text, length);
}

static void write_line(struct log *log, struct text *line)
{
	text_add_byte(line, '\n');
	if (write(log->descriptor, line->data, line->length) == (ssize_t)line->length)
		log->dropped = 0;
	else
		log->dropped++;
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
	size_t room = FIELD_ROOM / 2;
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

void log_line(struct log *log, enum log_level level, struct view message, const struct log_field *fields,
              size_t field_count)
{
	if (level < log->level)
		return;
	struct text line = TEXT_LIMIT(LOG_LINE_MAX);
	(log->format == LOG_JSON ? line_json : line_text)(&line, log, level, message, fields, field_count);
	write_line(log, &line);
	text_deinit(&line);
}

void log_print(struct log *log, enum log_level level, const char *format, ...)
{
	if (level < log->level)
		return;
	struct text message = TEXT_LIMIT(LOG_LINE_MAX);
	va_list arguments;
	va_start(arguments, format);
	text_vprint(&message, format, arguments);
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
	json_member_string(&json, VIEW("event"), event->event);
	add_fields_json(&json, fields, count, &room);
	json_close_object(&json);
	text_deinit(&time);
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
		if (log->format == LOG_TEXT) {
			text_clear(&line);
			line_text(&line, log, LOG_INFO, event->event, fields, count);
		}
		write_line(log, &line);
	}
	text_deinit(&line);
}

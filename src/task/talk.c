#include "task/talk.h"

#include "base/must.h"
#include "base/view.h"

enum { TRANSCRIPT_MOST = 1024 * 1024, READ_MOST = 64 * 1024 * 1024 };

static const int64_t patience = 2 * DAY; /* of simulated time: longer than any timeout here */

struct playing {
	struct talk *talk;
	struct text in;    /* received, not yet looked at */
	struct text reply; /* the last one, all its lines */
	bool over;
};

__attribute__((format(printf, 2, 3))) static void fail(struct playing *playing, const char *format, ...)
{
	va_list arguments;
	if (playing->over)
		return;
	playing->over = true;
	va_start(arguments, format);
	text_vprint(&playing->talk->problem, format, arguments);
	va_end(arguments);
}

static void note(struct playing *playing, const char *who, struct view text)
{
	struct text *transcript = &playing->talk->transcript;
	text_print(transcript, "%10.3f %s ", (double)world_now(playing->talk->world) / SECOND, who);
	text_add_printable(transcript, text, 300);
	text_add_byte(transcript, '\n');
}

/* ---- sending */

static struct view unescaped(struct view text, struct text *into)
{
	static const char codes[] = "rn0t\\";
	static const char bytes[] = { '\r', '\n', '\0', '\t', '\\' };
	for (size_t i = 0; i < text.length; i++) {
		const char *code = text.data[i] == '\\' && i + 1 < text.length ? strchr(codes, text.data[i + 1]) : NULL;
		if (code != NULL)
			i++;
		text_add_byte(into, code != NULL ? bytes[code - codes] : text.data[i]);
	}
	return text_view(into);
}

static void send_text(struct playing *playing, struct view text, bool line)
{
	struct talk *talk = playing->talk;
	struct text bytes = TEXT_LIMIT(READ_MOST);
	unescaped(text, &bytes);
	if (line)
		text_add(&bytes, VIEW("\r\n"));
	note(playing, ">", text_view(&bytes));
	for (struct view rest = text_view(&bytes); rest.length > 0 && !playing->over;) {
		const struct view part = view_first(rest, talk->chop == 0 ? rest.length : talk->chop);
		rest = view_from(rest, part.length);
		/* What the other side does not want any more shows in what it says next. */
		if (connection_write(talk->connection, part, world_now(talk->world) + patience) == IO_CANCELLED)
			playing->over = true;
		if (talk->chop > 0)
			task_yield();
	}
	text_deinit(&bytes);
}

/* ---- receiving */

static enum io_result receive(struct playing *playing, int64_t deadline)
{
	char bytes[4096];
	size_t length = 0;
	const enum io_result result = connection_read(playing->talk->connection, bytes, sizeof(bytes), deadline, &length);
	if (result == IO_OK)
		text_add(&playing->in, view_bytes(bytes, length));
	return result;
}

/* Receives until the mark; its end in *end. */
static bool receive_until(struct playing *playing, struct view mark, size_t *end)
{
	const int64_t deadline = world_now(playing->talk->world) + patience;
	for (;;) {
		const size_t at = view_find(text_view(&playing->in), mark);
		if (at != VIEW_NOT_FOUND) {
			*end = at + mark.length;
			return true;
		}
		const enum io_result result = receive(playing, deadline);
		if (result != IO_OK) {
			fail(playing, "the other side %s", result == IO_LATE ? "says nothing" : "has gone");
			return false;
		}
	}
}

static void take(struct playing *playing, size_t length)
{
	struct text rest = TEXT_LIMIT(READ_MOST);
	text_add(&rest, view_from(text_view(&playing->in), length));
	text_deinit(&playing->in);
	playing->in = rest;
}

static bool goes_on(struct view line)
{
	return line.length > 3 && line.data[3] == '-' && byte_is_digit(line.data[0]) && byte_is_digit(line.data[1]) &&
	       byte_is_digit(line.data[2]);
}

static void expect_line(struct playing *playing, struct view expected)
{
	size_t end = 0;
	bool more = true;
	text_clear(&playing->reply);
	while (more && receive_until(playing, VIEW("\r\n"), &end)) {
		const struct view line = view_first(text_view(&playing->in), end - 2);
		note(playing, "<", line);
		text_print(&playing->reply, "%.*s\n", VIEW_PRINT(line));
		more = goes_on(line);
		if (!more && !view_starts(line, expected))
			fail(playing, "expected \"%.*s\"", VIEW_PRINT(expected));
		take(playing, end);
	}
}

static void expect_within(struct playing *playing, struct view expected)
{
	if (view_find(text_view(&playing->reply), expected) == VIEW_NOT_FOUND)
		fail(playing, "\"%.*s\" is not in the reply", VIEW_PRINT(expected));
}

static void expect_content(struct playing *playing, struct view expected)
{
	struct text wanted = TEXT_LIMIT(READ_MOST);
	size_t end = 0;
	unescaped(expected, &wanted);
	if (receive_until(playing, VIEW("\r\n.\r\n"), &end)) {
		const struct view content = view_first(text_view(&playing->in), end);
		note(playing, "<<", content);
		if (view_find(content, text_view(&wanted)) == VIEW_NOT_FOUND)
			fail(playing, "\"%.*s\" is not in the content", VIEW_PRINT(expected));
		take(playing, end);
	}
	text_deinit(&wanted);
}

static void expect_end(struct playing *playing)
{
	const int64_t deadline = world_now(playing->talk->world) + patience;
	enum io_result result = IO_OK;
	if (playing->in.length > 0)
		fail(playing, "more was said: %s", text_cstring(&playing->in));
	while (result == IO_OK && !playing->over) {
		result = receive(playing, deadline);
		if (result == IO_OK)
			fail(playing, "more was said: %s", text_cstring(&playing->in));
		else if (result == IO_LATE)
			fail(playing, "the other side stays");
	}
	note(playing, "<", VIEW("(end)"));
}

/* ---- steps */

static int64_t seconds_of(struct view text)
{
	uint64_t number = 0;
	must(view_to_u64(text, &number));
	return (int64_t)number * SECOND;
}

static void step_wait(struct playing *playing, struct view text)
{
	if (task_sleep(playing->talk->world, seconds_of(text)) == WAIT_CANCELLED)
		playing->over = true;
}

static void step_quiet(struct playing *playing, struct view text)
{
	const enum io_result result = receive(playing, world_now(playing->talk->world) + seconds_of(text));
	if (playing->in.length > 0 || result != IO_LATE)
		fail(playing, "it is not quiet");
}

static void step_tls(struct playing *playing, struct view text)
{
	struct talk *talk = playing->talk;
	const enum tls_result result = talk->world->operations->tls(
		talk->world, talk->connection, talk->side, talk->tls, VIEW("mx.example"), world_now(talk->world) + patience);
	const bool must_fail = view_equal(text, VIEW("fails"));
	note(playing, "-", result == TLS_OK ? VIEW("TLS") : VIEW("no TLS"));
	if ((result == TLS_OK) == must_fail)
		fail(playing, "the handshake %s", must_fail ? "works" : "fails");
}

static void step_close(struct playing *playing, struct view text)
{
	(void)text;
	playing->over = true;
}

static void step_send(struct playing *playing, struct view text)
{
	send_text(playing, text, true);
}

static void step_send_bytes(struct playing *playing, struct view text)
{
	send_text(playing, text, false);
}

static void step_end(struct playing *playing, struct view text)
{
	(void)text;
	expect_end(playing);
}

static void step_drain(struct playing *playing, struct view text)
{
	(void)text;
	while (receive(playing, world_now(playing->talk->world) + patience) == IO_OK)
		text_clear(&playing->in);
	note(playing, "<", VIEW("(end)"));
}

static void step_remark(struct playing *playing, struct view text)
{
	note(playing, "#", text);
}

static const struct {
	struct view word;
	void (*play)(struct playing *playing, struct view text);
} steps[] = {
	{ VIEW_INIT(">"), step_send },      { VIEW_INIT(">>"), step_send_bytes }, { VIEW_INIT("<"), expect_line },
	{ VIEW_INIT("<*"), expect_within }, { VIEW_INIT("<<"), expect_content },  { VIEW_INIT("tls"), step_tls },
	{ VIEW_INIT("wait"), step_wait },   { VIEW_INIT("quiet"), step_quiet },   { VIEW_INIT("end"), step_end },
	{ VIEW_INIT("close"), step_close }, { VIEW_INIT("drain"), step_drain },   { VIEW_INIT("#"), step_remark },
};

static void play_line(struct playing *playing, struct view line)
{
	struct view rest = line;
	struct view word;
	size_t i = 0;
	if (line.length == 0 || !view_split(&rest, ' ', &word))
		return;
	while (i < sizeof(steps) / sizeof(steps[0]) && !view_equal(steps[i].word, word))
		i++;
	must(i < sizeof(steps) / sizeof(steps[0]));
	steps[i].play(playing, rest);
	if (playing->over && playing->talk->problem.length > 0)
		text_print(&playing->talk->problem, ", at: %.*s", VIEW_PRINT(line));
}

void talk_play(struct talk *talk)
{
	struct playing playing = { .talk = talk, .in = TEXT_LIMIT(READ_MOST), .reply = TEXT_LIMIT(TRANSCRIPT_MOST) };
	struct view rest = view_of(talk->script);
	struct view line;
	talk->transcript = (struct text)TEXT_LIMIT(TRANSCRIPT_MOST);
	talk->problem = (struct text)TEXT_LIMIT(8192);
	while (!playing.over && view_split(&rest, '\n', &line))
		play_line(&playing, line);
	connection_close(talk->connection);
	text_deinit(&playing.in);
	text_deinit(&playing.reply);
	talk->ended = true;
}

void talk_deinit(struct talk *talk)
{
	text_deinit(&talk->transcript);
	text_deinit(&talk->problem);
}

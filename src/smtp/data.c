#include "smtp/data.h"

enum data_place {
	PLACE_LINE_START, /* also at the very beginning: ".CRLF" alone ends an empty message */
	PLACE_BARE_START, /* after a bare LF: a line begins, but no dot here ends the message */
	PLACE_LINE,
	PLACE_CR,       /* after a CR within a line */
	PLACE_DOT,      /* after a dot at the start of a line */
	PLACE_BARE_DOT, /* after a dot that a bare LF stands before */
	PLACE_DOT_CR,   /* after the CR that follows the dot of PLACE_DOT */
};

static void fault(struct data_reader *reader, enum data_fault which)
{
	if (reader->fault == DATA_GOOD)
		reader->fault = which;
}

static void give(struct data_reader *reader, struct view piece)
{
	reader->size += piece.length;
	if (reader->size > reader->size_limit)
		fault(reader, DATA_TOO_LARGE);
	if (reader->fault == DATA_GOOD && piece.length > 0)
		reader->sink(reader->context, piece);
}

/* A line feed that no CR stands before. */
static void bare_newline(struct data_reader *reader)
{
	reader->had_bare_newline = true;
	if (reader->refuse_bare_newline)
		fault(reader, DATA_BARE_LF);
	give(reader, VIEW("\r\n"));
}

/* The run of ordinary bytes at the start: up to the next CR, LF or NUL. */
static size_t plain_run(struct view bytes)
{
	size_t end = view_find_byte(bytes, '\n');
	struct view run = view_first(bytes, end);
	const size_t cr = view_find_byte(run, '\r');
	run = view_first(run, cr);
	const size_t nul = view_find_byte(run, '\0');
	return view_first(run, nul).length;
}

static int step(struct data_reader *reader, char byte)
{
	switch ((enum data_place)reader->place) {
	case PLACE_LINE_START:
		if (byte == '.')
			return PLACE_DOT; /* the doubled dot's first half, or the end */
		break;
	case PLACE_BARE_START:
		if (byte == '.')
			return PLACE_BARE_DOT;
		break;
	case PLACE_LINE:
	case PLACE_BARE_DOT:
		/* The smuggler's LF.CRLF: the line is just empty of its dot. */
		break;
	case PLACE_CR:
		if (byte == '\n') {
			give(reader, VIEW("\r\n"));
			return PLACE_LINE_START;
		}
		fault(reader, DATA_BARE_CR);
		break;
	case PLACE_DOT:
		if (byte == '\r')
			return PLACE_DOT_CR;
		/* A dot before a bare LF is no end (the smuggler's trick): the line is just empty of its dot. */
		break;
	case PLACE_DOT_CR:
		if (byte == '\n') {
			reader->ended = true;
			return PLACE_LINE_START;
		}
		fault(reader, DATA_BARE_CR);
		break;
	}
	if (byte == '\r')
		return PLACE_CR;
	if (byte == '\n') {
		bare_newline(reader);
		return PLACE_BARE_START;
	}
	if (byte == '\0')
		fault(reader, DATA_NUL);
	give(reader, view_bytes(&byte, 1));
	return PLACE_LINE;
}

/* CRLF within plain text is by far the most frequent: a whole line is handed on at once. */
static size_t whole_line(struct data_reader *reader, struct view bytes)
{
	const size_t run = plain_run(bytes);
	const bool ends = run + 1 < bytes.length && bytes.data[run] == '\r' && bytes.data[run + 1] == '\n';
	const size_t length = ends ? run + 2 : run;
	if (length == 0)
		return 0;
	give(reader, view_first(bytes, length));
	reader->place = ends ? PLACE_LINE_START : PLACE_LINE;
	return length;
}

static bool place_is_plain(int place, char next)
{
	return place == PLACE_LINE || ((place == PLACE_LINE_START || place == PLACE_BARE_START) && next != '.');
}

size_t data_reader_feed(struct data_reader *reader, struct view bytes)
{
	size_t taken = 0;
	while (taken < bytes.length && !reader->ended) {
		const struct view rest = view_from(bytes, taken);
		const size_t run = place_is_plain(reader->place, rest.data[0]) ? whole_line(reader, rest) : 0;
		taken += run;
		if (run > 0)
			continue;
		reader->place = step(reader, rest.data[0]);
		taken++;
	}
	return taken;
}

/* ---- writing */

/* Up to the next line that begins with a dot. */
static size_t plain_length(struct view content)
{
	size_t at = 0;
	while (at < content.length) {
		const size_t newline = view_find_byte(view_from(content, at), '\n');
		if (newline == VIEW_NOT_FOUND)
			return content.length;
		at += newline + 1;
		if (at < content.length && content.data[at] == '.')
			break;
	}
	return at;
}

size_t data_writer_add(struct data_writer *writer, struct view content, struct text *out)
{
	size_t taken = 0;
	while (taken < content.length) {
		const struct view rest = view_from(content, taken);
		const struct view plain = view_first(rest, plain_length(rest));
		const bool doubled = writer->at_line_start && plain.data[0] == '.';
		const size_t room = out->limit - out->length;
		const size_t fits = room > (doubled ? 1u : 0u) ? room - (doubled ? 1u : 0u) : 0;
		const struct view piece = view_first(plain, fits);
		if (piece.length == 0)
			break;
		if (doubled)
			text_add_byte(out, '.');
		text_add(out, piece);
		writer->at_line_start = piece.data[piece.length - 1] == '\n';
		taken += piece.length;
	}
	return taken;
}

bool data_writer_end(struct data_writer *writer, struct text *out)
{
	return text_add(out, writer->at_line_start ? VIEW(".\r\n") : VIEW("\r\n.\r\n"));
}

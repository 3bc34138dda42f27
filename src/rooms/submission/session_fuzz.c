/* A whole session: whatever a client sends, before its login, after it, or as a message. */
#include "base/must.h"
#include "rooms/submission/scene.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MOST = 16 * 1024, HEARD_MOST = 4 * 1024 * 1024, REPLY_LINE_MOST = 512 };

static const char *const listeners[] = { "tls: none, plaintext_auth: true", "tls: starttls" };

/* What the client has said before. */
static const char *const openings[] = {
	"",
	"EHLO x\r\nAUTH PLAIN AHRvbQBzZWNyZXQ=\r\n",
	"EHLO x\r\nAUTH PLAIN AHRvbQBzZWNyZXQ=\r\nMAIL FROM:<tom@example.com>\r\nRCPT TO:<anna@example.net>\r\n",
	"EHLO x\r\nAUTH PLAIN AHRvbQBzZWNyZXQ=\r\nMAIL FROM:<tom@example.com>\r\nRCPT TO:<anna@example.net>\r\nDATA\r\n",
};

static bool sends_before_tls(uint8_t choice)
{
	return (choice & 4) != 0;
}

struct client {
	struct scene scene;
	struct view opening, rest;
	struct text heard;
	bool ended;
};

/* Sends all, and then listens until the room ends the session: its replies are held in the window. */
static void send_and_hear(void *argument)
{
	struct client *client = argument;
	struct world *world = client->scene.client_world;
	struct connection *connection = scene_connect(&client->scene);
	char bytes[4096];
	size_t length;
	must(connection != NULL);
	connection_write(connection, client->opening, world_now(world) + DAY);
	connection_write(connection, client->rest, world_now(world) + DAY);
	while (connection_read(connection, bytes, sizeof(bytes), world_now(world) + 2 * DAY, &length) == IO_OK)
		must(text_add(&client->heard, view_bytes(bytes, length)));
	connection_close(connection);
	client->ended = true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* RFC 5321 4.2, 4.5.3.1.5; RFC 3463 2: the first digits of both codes agree. */
static void is_reply_line(struct view line)
{
	must(line.length >= 4 && line.length <= REPLY_LINE_MOST - 2);
	must(line.data[0] >= '2' && line.data[0] <= '5' && is_digit(line.data[1]) && is_digit(line.data[2]));
	must(line.data[3] == ' ' || line.data[3] == '-');
	for (size_t i = 4; i < line.length; i++)
		must((line.data[i] >= ' ' && line.data[i] <= '~') || (unsigned char)line.data[i] >= 0x80);
	if (line.length > 6 && is_digit(line.data[4]) && line.data[5] == '.')
		must(line.data[4] == line.data[0]);
}

/* The codes of all last lines, and how many messages were promised. */
static size_t read_replies(struct view heard, struct text *codes)
{
	size_t promised = 0;
	bool logged_in = false;
	while (heard.length > 0) {
		const size_t end = view_find(heard, VIEW("\r\n"));
		must(end != VIEW_NOT_FOUND);
		const struct view line = view_first(heard, end);
		heard = view_from(heard, end + 2);
		is_reply_line(line);
		if (line.data[3] == '-')
			continue;
		text_add(codes, view_first(line, 4));
		logged_in = logged_in || view_starts(line, VIEW("235 "));
		if (!view_starts(line, VIEW("250 2.0.0 queued as ")))
			continue;
		must(logged_in);
		promised++;
	}
	return promised;
}

/* What is sealed and stored is lines that end with CR LF, without NUL. */
static void is_clean(struct view message)
{
	struct view line;
	must(view_starts(message, VIEW("DKIM-Signature:")));
	must(view_find_byte(message, '\0') == VIEW_NOT_FOUND);
	must(view_ends(message, VIEW("\r\n")));
	message.length--;
	while (view_split(&message, '\n', &line))
		must(view_find_byte(line, '\r') == line.length - 1);
}

static void play(uint8_t choice, struct view rest, size_t chop, struct text *codes)
{
	struct client client = { .rest = rest, .heard = TEXT_LIMIT(HEARD_MOST) };
	const bool before_tls = sends_before_tls(choice);
	scene_begin(&client.scene, listeners[before_tls]);
	client.opening = view_of(openings[before_tls ? 0 : choice & 3]);
	sim_tls_context_set(client.scene.room_tls[0], SIM_TLS_REFUSES);
	sim_set_window(client.scene.sim, HEARD_MOST);
	sim_set_chop(client.scene.sim, chop);
	task_start(client.scene.client_world, "client", send_and_hear, &client);
	sim_run_for(client.scene.sim, 3 * DAY);
	must(client.ended);
	must(read_replies(text_view(&client.heard), codes) == client.scene.stored_count);
	must(client.scene.sealed_count >= client.scene.stored_count);
	must(!before_tls || client.scene.verdicts_asked == 0);
	if (client.scene.stored_count > 0)
		is_clean(text_view(&client.scene.stored));
	scene_end(&client.scene);
	text_deinit(&client.heard);
}

/* The first octet says what the client has said before, and into what pieces the network cuts it: the replies are the
 * same, however it is cut. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text whole = TEXT_LIMIT(HEARD_MOST);
	struct text pieces = TEXT_LIMIT(HEARD_MOST);
	if (size == 0 || size > INPUT_MOST)
		return 0;
	const struct view rest = view_bytes(data + 1, size - 1);
	play(data[0], rest, 0, &whole);
	play(data[0], rest, 1 + data[0] / 8, &pieces);
	/* What has come behind STARTTLS by then is refused there, what comes later is no handshake. */
	must(sends_before_tls(data[0]) || view_equal(text_view(&whole), text_view(&pieces)));
	text_deinit(&whole);
	text_deinit(&pieces);
	return 0;
}

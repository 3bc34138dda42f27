/* sealpost send: standard input to the relay, by SMTP with TLS and a login, as a mail program does it. */
#include "base/bytes.h"
#include "base/must.h"
#include "cli/cli.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct letter {
	struct text url;      /* smtp://HOST:PORT */
	bool tls;             /* must be: the password goes over it */
	bool is_loopback;     /* the relay of this machine */
	struct text password; /* of the account */
	struct text message;  /* lines end in CR LF */
	size_t sent;
	struct text replies; /* all that the relay said */
};

static void letter_deinit(struct letter *letter)
{
	text_deinit(&letter->url);
	text_deinit(&letter->password);
	text_deinit(&letter->message);
	text_deinit(&letter->replies);
}

static size_t give_message(char *into, size_t size, size_t count, void *context)
{
	struct letter *letter = context;
	const struct view rest = view_first(view_from(text_view(&letter->message), letter->sent), size * count);
	letter->sent += rest.length;
	return bytes_copy(into, size * count, rest);
}

static size_t take_reply(char *data, size_t size, size_t count, void *context)
{
	struct letter *letter = context;
	text_add(&letter->replies, view_bytes(data, size * count));
	return size * count;
}

/* ---- what it needs */

static bool read_password(const struct cli *cli, struct text *password)
{
	const char *path = cli_option(cli, "password-file");
	if ((path == NULL) == (cli_option(cli, "password-stdin") == NULL)) {
		cli_fail(USAGE, "give --password-stdin (the first line of standard input, the message follows it)\n"
		                "or --password-file FILE");
		return false;
	}
	if (path == NULL)
		return password_read(password);
	const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	const bool good = descriptor >= 0 && file_read_all(descriptor, password);
	text_truncate(password, view_trim(text_view(password)).length);
	if (!good)
		cli_fail(USAGE, "cannot read %s: %s", path, strerror(errno));
	else if (password->length == 0)
		cli_fail(USAGE, "%s holds no password", path);
	if (descriptor >= 0)
		close(descriptor);
	return good && password->length > 0;
}

/* Whatever ends the lines of a file, in mail CR LF does (RFC 5321 2.3.8). */
static bool read_message(struct text *message)
{
	struct text raw = TEXT_LIMIT(INPUT_MOST);
	input_announce("the message");
	const bool good = file_read_all(STDIN_FILENO, &raw);
	struct view rest = text_view(&raw);
	struct view line;
	if (!good)
		cli_fail(USAGE, "cannot read the message: %s", strerror(errno));
	while (good && rest.length > 0 && view_split(&rest, '\n', &line)) {
		text_add(message, view_ends(line, VIEW("\r")) ? view_first(line, line.length - 1) : line);
		text_add(message, VIEW("\r\n"));
	}
	text_deinit(&raw);
	if (good && message->length == 0)
		cli_fail(USAGE, "standard input holds no message");
	return good && message->length > 0;
}

static bool address_is_loopback(const struct endpoint *endpoint)
{
	static const uint8_t loopback6[16] = { [15] = 1 };
	if (endpoint->family == 4)
		return endpoint->address[0] == 127;
	return view_equal(view_bytes(endpoint->address, 16), view_bytes(loopback6, 16));
}

static bool address_is_any(const struct endpoint *endpoint)
{
	static const uint8_t any[16] = { 0 };
	return view_equal(view_bytes(endpoint->address, endpoint->family == 4 ? 4 : 16),
	                  view_bytes(any, endpoint->family == 4 ? 4 : 16));
}

static bool server_of_config(const struct cli *cli, struct letter *letter)
{
	struct config *config = cli_read_config(cli);
	if (config == NULL)
		return false;
	if (config->listener_count == 0) {
		cli_fail(UNREACHED, "%s names no listeners", cli->config_path);
		config_free(config);
		return false;
	}
	const struct config_listener *listener = &config->listeners[0];
	struct endpoint address = listener->address;
	/* Who listens on all addresses is found on the nearest. */
	if (address_is_any(&address))
		endpoint_parse_address(address.family == 4 ? VIEW("127.0.0.1") : VIEW("::1"), &address);
	address.port = listener->address.port;
	letter->tls = listener->tls != CONFIG_TLS_NONE;
	letter->is_loopback = address_is_loopback(&address);
	text_add(&letter->url, listener->tls == CONFIG_TLS_IMPLICIT ? VIEW("smtps://") : VIEW("smtp://"));
	text_add_endpoint(&letter->url, &address);
	config_free(config);
	return true;
}

/* Implicit TLS is what port 465 is for (RFC 8314 3.3). */
static bool find_server(const struct cli *cli, struct letter *letter)
{
	const char *server = cli_option(cli, "server");
	struct endpoint address;
	if (server == NULL)
		return server_of_config(cli, letter);
	letter->tls = true;
	letter->is_loopback = (endpoint_parse(view_of(server), &address) && address_is_loopback(&address)) ||
	                      view_starts(view_of(server), VIEW("localhost:"));
	const bool implicit = view_ends(view_of(server), VIEW(":465"));
	return text_print(&letter->url, "%s://%s", implicit ? "smtps" : "smtp", server);
}

static struct curl_slist *read_recipients(const char *given)
{
	struct curl_slist *recipients = NULL;
	struct view rest = view_of(given);
	struct view part;
	struct text address = TEXT_LIMIT(1024);
	while (view_split(&rest, ',', &part)) {
		part = view_trim(part);
		text_clear(&address);
		text_print(&address, "<%.*s>", VIEW_PRINT(part));
		if (part.length > 0)
			recipients = curl_slist_append(recipients, text_cstring(&address));
	}
	text_deinit(&address);
	return recipients;
}

/* ---- sending */

/* The last reply whose code begins so, without its end of line. */
static struct view last_reply(const struct letter *letter, const char *classes)
{
	struct view rest = text_view(&letter->replies);
	struct view line;
	struct view found = VIEW_NONE;
	while (view_split(&rest, '\n', &line))
		if (line.length >= 3 && strchr(classes, line.data[0]) != NULL && !view_starts(line, VIEW("221")))
			found = view_trim(line);
	return found;
}

/* All lines that say no: the relay tells there what to do. */
static enum outcome_code tell_refusal(const struct letter *letter, CURLcode code)
{
	struct text told = TEXT_LIMIT(65536);
	struct view rest = text_view(&letter->replies);
	struct view line;
	while (view_split(&rest, '\n', &line))
		if (line.length >= 3 && (line.data[0] == '4' || line.data[0] == '5'))
			text_print(&told, "\n%.*s", VIEW_PRINT(view_trim(line)));
	const bool refused = told.length > 0;
	if (refused)
		cli_fail(NO, "the relay refused:%s", text_cstring(&told));
	else if (code == CURLE_PEER_FAILED_VERIFICATION)
		cli_fail(UNREACHED,
		         "the certificate of %s is not trusted; --ca-file FILE names who signed it, --insecure looks away",
		         text_cstring(&letter->url));
	else
		cli_fail(UNREACHED, "%s: %s", text_cstring(&letter->url), curl_easy_strerror(code));
	text_deinit(&told);
	return refused ? NO : UNREACHED;
}

static void set_trust(const struct cli *cli, const struct letter *letter, CURL *curl)
{
	curl_easy_setopt(curl, CURLOPT_USE_SSL, letter->tls ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_NONE);
	/* Nobody stands between this machine and itself, and its certificate may be its own. */
	if (letter->is_loopback || cli_option(cli, "insecure") != NULL) {
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (cli_option(cli, "ca-file") != NULL)
		curl_easy_setopt(curl, CURLOPT_CAINFO, cli_option(cli, "ca-file"));
}

static enum outcome_code deliver(const struct cli *cli, struct letter *letter, const char *from)
{
	CURL *curl = curl_easy_init();
	must(curl != NULL);
	struct curl_slist *recipients = read_recipients(cli_option(cli, "to"));
	struct text sender = TEXT_LIMIT(1024);
	text_print(&sender, "<%s>", from);
	curl_easy_setopt(curl, CURLOPT_URL, text_cstring(&letter->url));
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
	set_trust(cli, letter, curl);
	curl_easy_setopt(curl, CURLOPT_USERNAME, cli_option(cli, "account"));
	curl_easy_setopt(curl, CURLOPT_PASSWORD, text_cstring(&letter->password));
	curl_easy_setopt(curl, CURLOPT_MAIL_FROM, text_cstring(&sender));
	curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients);
	curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)letter->message.length);
	curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_message);
	curl_easy_setopt(curl, CURLOPT_READDATA, letter);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_reply);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, letter);
	const CURLcode code = curl_easy_perform(curl);
	curl_easy_cleanup(curl);
	curl_slist_free_all(recipients);
	text_deinit(&sender);
	return code == CURLE_OK ? DONE : tell_refusal(letter, code);
}

static enum outcome_code send_letter(const struct cli *cli, struct letter *letter)
{
	const char *account = cli_option(cli, "account");
	const char *from = cli_option(cli, "from") != NULL ? cli_option(cli, "from") : account;
	if (account == NULL || cli_option(cli, "to") == NULL)
		return cli_fail(USAGE, "--account NAME and --to ADDRESS are needed");
	if (view_find_byte(view_of(from), '@') == VIEW_NOT_FOUND)
		return from == account ? cli_fail(USAGE, "--from ADDRESS is needed, as the account's name is no address")
		                       : cli_fail(USAGE, "--from is an address, not %s", from);
	const char *ca_file = cli_option(cli, "ca-file");
	if (ca_file != NULL && access(ca_file, R_OK) != 0)
		return cli_fail(USAGE, "cannot read %s: %s", ca_file, strerror(errno));
	if (!read_password(cli, &letter->password) || !read_message(&letter->message))
		return USAGE;
	if (!find_server(cli, letter))
		return cli_fail(UNREACHED, "so the relay's address is not known; --server HOST:PORT names it");
	const enum outcome_code result = deliver(cli, letter, from);
	const struct view reply = last_reply(letter, "2");
	if (result == DONE && cli->json) {
		json_t *told = json_pack("{sb ss%}", "sent", 1, "reply", reply.data, reply.length);
		cli_print_json(told);
		json_decref(told);
	} else if (result == DONE) {
		printf("%.*s\n", VIEW_PRINT(reply));
	}
	return result;
}

enum outcome_code message_send(struct cli *cli)
{
	struct letter letter = {
		.url = TEXT_LIMIT(1024),
		.password = TEXT_LIMIT(1024),
		.message = TEXT_LIMIT(2 * (size_t)INPUT_MOST),
		.replies = TEXT_LIMIT(256 * 1024),
	};
	const enum outcome_code result = send_letter(cli, &letter);
	letter_deinit(&letter);
	return result;
}

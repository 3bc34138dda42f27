/* Questions to the daemon: HTTP over its unix socket. */
#include "base/must.h"
#include "cli/cli.h"

#include <curl/curl.h>
#include <errno.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MOST = 128 * 1024 * 1024 };

static bool is_unreserved(char byte)
{
	return byte_is_alnum(byte) || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

static void add_encoded(struct text *path, struct view part)
{
	for (size_t i = 0; i < part.length; i++) {
		if (is_unreserved(part.data[i]))
			text_add_byte(path, part.data[i]);
		else
			text_print(path, "%%%02X", (unsigned)(unsigned char)part.data[i]);
	}
}

void path_add_part(struct text *path, struct view part)
{
	text_add_byte(path, '/');
	add_encoded(path, part);
}

void path_add_query(struct text *path, const char *name, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	text_add_byte(path, view_find_byte(text_view(path), '?') == VIEW_NOT_FOUND ? '?' : '&');
	add_encoded(path, view_of(name));
	text_add_byte(path, '=');
	add_encoded(path, view_of(value));
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
	struct text *body = context;
	return text_add(body, view_bytes(data, size * count)) ? size * count : 0;
}

/* Where the daemon listens. */
static bool find_socket(struct cli *cli)
{
	if (cli->socket.length > 0)
		return true;
	cli->socket.limit = 4096;
	if (cli->socket_path != NULL)
		return text_add(&cli->socket, view_of(cli->socket_path));
	FILE *file = cli->config_given ? NULL : fopen(cli->config_path, "re");
	/* Not everybody who may use the socket may read the configuration. */
	if (!cli->config_given && file == NULL)
		return text_add(&cli->socket, VIEW("/run/sealpost/api.sock"));
	if (file != NULL)
		fclose(file);
	struct config *config = cli_read_config(cli);
	if (config == NULL) {
		fprintf(stderr, "sealpost: so the daemon's socket is not known; --socket PATH names it\n");
		return false;
	}
	text_add(&cli->socket, config->api.socket);
	config_free(config);
	return true;
}

static enum outcome_code tell_unreached(const struct cli *cli, CURL *curl, CURLcode code)
{
	long number = 0;
	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number);
	const char *path = text_cstring(&cli->socket);
	if (code != CURLE_COULDNT_CONNECT)
		return cli_fail(UNREACHED, "the daemon at %s did not answer: %s", path, curl_easy_strerror(code));
	if (number == EACCES || number == EPERM)
		return cli_fail(UNREACHED, "you may not use %s; run this as root or as a member of its group", path);
	return cli_fail(UNREACHED,
	                "cannot reach sealpostd at %s: %s\n"
	                "Is it running? Another place is named by --config FILE or --socket PATH.",
	                path, number == 0 ? "no such socket" : strerror((int)number));
}

static CURL *prepare(struct cli *cli, const char *method, const char *path, struct text *answer)
{
	CURL *curl = cli->client;
	if (curl == NULL)
		curl = cli->client = curl_easy_init();
	must(curl != NULL);
	curl_easy_reset(curl);
	struct text url = TEXT_LIMIT(65536);
	text_print(&url, "http://sealpost%s", path);
	curl_easy_setopt(curl, CURLOPT_URL, text_cstring(&url));
	text_deinit(&url);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, text_cstring(&cli->socket));
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	/* A name such as ".." is a name, not a way up. */
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 600L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	return curl;
}

static enum outcome_code tell_problem(const json_t *problem, long status)
{
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	if (detail == NULL)
		return cli_fail(NO, "the daemon answered with status %ld", status);
	/* What was asked is wrong, whatever the service holds. */
	return cli_fail(status == 400 ? USAGE : NO, "%s", detail);
}

/* What is so while the daemon, or a room of it, is started anew. */
static bool is_passing(CURL *curl, CURLcode code, long status)
{
	long number = 0;
	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number);
	if (code == CURLE_COULDNT_CONNECT)
		return number != EACCES && number != EPERM;
	return code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
	       code == CURLE_PARTIAL_FILE || (code == CURLE_OK && status == 503);
}

/* Again and again while that may pass, as long as the verb has patience. */
static CURLcode ask(const struct cli *cli, CURL *curl, struct text *received, long *status)
{
	const time_t until = time(NULL) + cli->patience;
	for (bool told = false;; told = true) {
		text_clear(received);
		const CURLcode code = curl_easy_perform(curl);
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
		if (!is_passing(curl, code, *status) || time(NULL) >= until)
			return code;
		if (!told)
			fprintf(stderr, "%ssealpost: the daemon does not answer, is it restarting? Asking again for %d s\n",
			        isatty(STDERR_FILENO) == 1 ? "\r\033[K" : "", cli->patience);
		sleep(1);
	}
}

/* answer NULL: one that is good stays in *received as it is. */
static enum outcome_code perform(struct cli *cli, CURL *curl, struct text *received, json_t **answer)
{
	json_error_t error;
	long status = 0;
	const CURLcode code = ask(cli, curl, received, &status);
	if (code != CURLE_OK)
		return tell_unreached(cli, curl, code);
	const bool good = status >= 200 && status < 300;
	if (good && answer == NULL)
		return DONE;
	json_t *read = json_loadb(text_cstring(received), received->length,
	                          JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	if (read == NULL)
		return cli_fail(UNREACHED, "the answer (status %ld) is not JSON: %s. Is %s the daemon's socket?", status,
		                error.text, text_cstring(&cli->socket));
	if (good) {
		*answer = read;
		return DONE;
	}
	const enum outcome_code result = tell_problem(read, status);
	json_decref(read);
	return result;
}

enum outcome_code client_ask(struct cli *cli, const char *method, const char *path, json_t *body, json_t **answer)
{
	enum outcome_code result = UNREACHED;
	struct text received = TEXT_LIMIT(ANSWER_MOST);
	char *sent = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
	headers = curl_slist_append(headers, "Content-Type: application/json");
	if (find_socket(cli)) {
		CURL *curl = prepare(cli, method, path, &received);
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
		if (sent != NULL)
			curl_easy_setopt(curl, CURLOPT_POSTFIELDS, sent);
		result = perform(cli, curl, &received, answer);
	}
	curl_slist_free_all(headers);
	free(sent);
	json_decref(body);
	text_deinit(&received);
	return result;
}

bool client_reaches(struct cli *cli)
{
	struct text ignored = TEXT_LIMIT(65536);
	const bool reached = find_socket(cli) && curl_easy_perform(prepare(cli, "GET", "/healthz", &ignored)) == CURLE_OK;
	text_deinit(&ignored);
	return reached;
}

enum outcome_code client_fetch(struct cli *cli, const char *path, struct text *bytes)
{
	if (!find_socket(cli))
		return UNREACHED;
	return perform(cli, prepare(cli, "GET", path, bytes), bytes, NULL);
}

void client_end(struct cli *cli)
{
	if (cli->client != NULL)
		curl_easy_cleanup(cli->client);
	cli->client = NULL;
	text_deinit(&cli->socket);
}

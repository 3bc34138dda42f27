#include "base/must.h"
#include "net/tls.h"
#include "rooms/supervisor/files.h"
#include "rooms/supervisor/sockets.h"
#include "rooms/supervisor/supervisor_private.h"
#include "store/lock.h"

#include <pwd.h>
#include <unistd.h>

enum { FIRST_USER = 61300 };

/* ---- users */

struct identity supervisor_identity_of(const struct supervisor *supervisor, enum room room)
{
	if (!supervisor->each_own_user)
		return (struct identity){ UINT32_MAX, UINT32_MAX };
	struct text name = TEXT_LIMIT(512);
	text_print(&name, "%.*s-%s", VIEW_PRINT(supervisor->begun->user), room_name(room));
	const struct passwd *user = getpwnam(text_cstring(&name));
	text_deinit(&name);
	if (user != NULL)
		return (struct identity){ user->pw_uid, user->pw_gid };
	const uint32_t number = FIRST_USER + (uint32_t)room;
	return (struct identity){ number, number };
}

static void choose_users(struct supervisor *supervisor)
{
	struct text state = TEXT_LIMIT(4096);
	text_add(&state, supervisor->config->state_directory);
	if (geteuid() != 0)
		log_print(&supervisor->log, LOG_WARNING,
		          "not started as root: all rooms run as the one user, so that one taken over could read the others' "
		          "files");
	else if (!directory_is_reachable(text_cstring(&state)))
		log_print(&supervisor->log, LOG_WARNING,
		          "all rooms run as root without capabilities: other users cannot walk down to %s",
		          text_cstring(&state));
	else
		supervisor->each_own_user = true;
	text_deinit(&state);
}

/* ---- directories and secrets */

bool room_has_directory(enum room room)
{
	return room == ROOM_VAULT || room == ROOM_QUEUE || room == ROOM_RESOLVER;
}

static bool make_room_directory(struct supervisor *supervisor, enum room room, struct text *problem)
{
	struct text path = TEXT_LIMIT(4096);
	const struct identity identity = supervisor_identity_of(supervisor, room);
	text_print(&path, "%.*s/%s", VIEW_PRINT(supervisor->config->state_directory), room_name(room));
	const bool good = directory_make(text_cstring(&path), 0750, identity.user, identity.group, problem);
	text_deinit(&path);
	return good;
}

/* One daemon a state directory: two would each believe that the queue is theirs. */
static bool take_lock(struct supervisor *supervisor, const char *directory, struct text *problem)
{
	struct text path = TEXT_LIMIT(4096);
	text_print(&path, "%s/lock", directory);
	supervisor->lock = lock_take(text_cstring(&path), problem);
	text_deinit(&path);
	return supervisor->lock >= 0;
}

static bool make_directories(struct supervisor *supervisor, struct text *problem)
{
	struct text state = TEXT_LIMIT(4096);
	struct text runtime = TEXT_LIMIT(4096);
	text_add(&state, supervisor->config->state_directory);
	text_add(&runtime, supervisor->config->runtime_directory);
	bool good = directory_make(text_cstring(&state), 0755, UINT32_MAX, UINT32_MAX, problem) &&
	            directory_make(text_cstring(&runtime), 0755, UINT32_MAX, UINT32_MAX, problem) &&
	            take_lock(supervisor, text_cstring(&state), problem);
	if (good)
		choose_users(supervisor);
	for (unsigned room = 0; good && room < ROOM_COUNT; room++)
		good = !room_has_directory((enum room)room) || make_room_directory(supervisor, (enum room)room, problem);
	text_deinit(&state);
	text_deinit(&runtime);
	return good;
}

static bool copy_zone(struct supervisor *supervisor, size_t index, struct text *problem)
{
	struct text source = TEXT_LIMIT(4096);
	struct text target = TEXT_LIMIT(4096);
	struct text zone = TEXT_LIMIT(FILE_MOST);
	text_add(&source, supervisor->config->dns.zone_files.items[index]);
	text_print(&target, "%.*s/resolver/zone-%zu", VIEW_PRINT(supervisor->begun->state_directory), index);
	/* On a full disk the service starts all the same. */
	const bool good = file_read(text_cstring(&source), &zone, problem) &&
	                  (file_holds(text_cstring(&target), text_view(&zone)) ||
	                   file_write(text_cstring(&target), text_view(&zone), 0644, problem));
	text_deinit(&source);
	text_deinit(&target);
	text_deinit(&zone);
	return good;
}

bool supervisor_copy_zones(struct supervisor *supervisor, struct text *problem)
{
	for (size_t i = 0; i < supervisor->config->dns.zone_files.count; i++)
		if (!copy_zone(supervisor, i, problem))
			return false;
	return true;
}

static bool read_vault_key(struct supervisor *supervisor, struct text *problem)
{
	struct text path = TEXT_LIMIT(4096);
	struct text *key = &supervisor->secrets[SECRET_VAULT_KEY];
	bool good = true;
	text_add(&path, supervisor->config->vault.key_file);
	if (!file_exists(text_cstring(&path))) {
		char *room = text_room(key, 32);
		world_random(supervisor->world, room, 32);
		text_extend(key, 32);
		good = file_write(text_cstring(&path), text_view(key), 0600, problem);
		log_print(&supervisor->log, LOG_INFO, "made the vault's key file %s: keep a copy of it in a safe place",
		          text_cstring(&path));
	} else {
		good = file_read(text_cstring(&path), key, problem);
	}
	text_deinit(&path);
	return good;
}

static bool make_certificate(struct supervisor *supervisor, const char *certificate_path, const char *key_path,
                             struct text *problem)
{
	struct text *certificate = &supervisor->secrets[SECRET_TLS_CERTIFICATE];
	struct text *key = &supervisor->secrets[SECRET_TLS_KEY];
	struct text hostname = TEXT_LIMIT(512);
	text_add(&hostname, supervisor->config->service.hostname);
	const bool made = tls_make_self_signed(text_view(&hostname), certificate, key);
	text_deinit(&hostname);
	if (!made) {
		text_add(problem, VIEW("a self-signed certificate could not be made"));
		return false;
	}
	return file_write(certificate_path, text_view(certificate), 0644, problem) &&
	       file_write(key_path, text_view(key), 0600, problem);
}

static bool read_certificate(struct supervisor *supervisor, struct text *problem)
{
	const struct config *config = supervisor->config;
	const bool given = config->tls.certificate.length > 0;
	struct text certificate = TEXT_LIMIT(4096);
	struct text key = TEXT_LIMIT(4096);
	if (given) {
		text_add(&certificate, config->tls.certificate);
		text_add(&key, config->tls.key);
	} else {
		text_print(&certificate, "%.*s/self-signed.pem", VIEW_PRINT(config->state_directory));
		text_print(&key, "%.*s/self-signed.key", VIEW_PRINT(config->state_directory));
		log_print(&supervisor->log, LOG_WARNING, "no tls.certificate is given: clients meet a self-signed one, %s",
		          text_cstring(&certificate));
	}
	bool good;
	if (given || (file_exists(text_cstring(&certificate)) && file_exists(text_cstring(&key))))
		good = file_read(text_cstring(&certificate), &supervisor->secrets[SECRET_TLS_CERTIFICATE], problem) &&
		       file_read(text_cstring(&key), &supervisor->secrets[SECRET_TLS_KEY], problem);
	else
		good = make_certificate(supervisor, text_cstring(&certificate), text_cstring(&key), problem);
	text_deinit(&certificate);
	text_deinit(&key);
	return good;
}

/* ---- sockets */

static bool keep_socket(struct supervisor *supervisor, enum room room, int descriptor)
{
	if (descriptor < 0)
		return false;
	must(supervisor->socket_count < SOCKETS_MOST);
	supervisor->sockets[supervisor->socket_count++] = (struct kept_socket){ .descriptor = descriptor, .room = room };
	return true;
}

static bool keep_endpoint(struct supervisor *supervisor, enum room room, const struct endpoint *endpoint,
                          struct text *problem)
{
	struct text name = TEXT_LIMIT(128);
	struct text why = TEXT_LIMIT(512);
	text_add_endpoint(&name, endpoint);
	const bool good = keep_socket(supervisor, room, socket_listen(endpoint, &why));
	if (!good)
		text_print(problem, "cannot listen on %s: %s", text_cstring(&name), text_cstring(&why));
	text_deinit(&name);
	text_deinit(&why);
	return good;
}

static bool open_sockets(struct supervisor *supervisor, struct text *problem)
{
	const struct config *config = supervisor->config;
	for (size_t i = 0; i < config->listener_count; i++)
		if (!keep_endpoint(supervisor, ROOM_SUBMISSION, &config->listeners[i].address, problem))
			return false;
	for (size_t i = 0; i < config->api.listen.count; i++)
		if (!keep_endpoint(supervisor, ROOM_API, &config->api.listen.items[i], problem))
			return false;
	struct text path = TEXT_LIMIT(4096);
	struct text why = TEXT_LIMIT(512);
	text_add(&path, config->api.socket);
	const bool good = keep_socket(supervisor, ROOM_API, socket_listen_unix(text_cstring(&path), &why));
	if (!good)
		text_print(problem, "cannot listen on %s: %s", text_cstring(&path), text_cstring(&why));
	text_deinit(&path);
	text_deinit(&why);
	return good;
}

bool supervisor_prepare(struct supervisor *supervisor, struct text *problem)
{
	return make_directories(supervisor, problem) && read_vault_key(supervisor, problem) &&
	       read_certificate(supervisor, problem) && supervisor_copy_zones(supervisor, problem) &&
	       open_sockets(supervisor, problem);
}

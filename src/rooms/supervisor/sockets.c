#include "rooms/supervisor/sockets.h"

#include "base/bytes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096, FIRST_PASSED = 3 };

static socklen_t address_of(const struct endpoint *endpoint, struct sockaddr_storage *storage)
{
	*storage = (struct sockaddr_storage){ 0 };
	if (endpoint->family == 4) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)storage;
		v4->sin_family = AF_INET;
		v4->sin_port = htons(endpoint->port);
		bytes_copy(&v4->sin_addr, sizeof(v4->sin_addr), view_bytes(endpoint->address, 4));
		return sizeof(*v4);
	}
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)storage;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(endpoint->port);
	v6->sin6_scope_id = endpoint->scope;
	bytes_copy(&v6->sin6_addr, sizeof(v6->sin6_addr), view_bytes(endpoint->address, 16));
	return sizeof(*v6);
}

/* sd_listen_fds(3): LISTEN_FDS descriptors from 3 on, when LISTEN_PID is us. */
static int passed_socket(const struct sockaddr_storage *wanted, socklen_t wanted_length)
{
	const char *pid = getenv("LISTEN_PID");
	const char *count = getenv("LISTEN_FDS");
	uint64_t number = 0;
	uint64_t process = 0;
	if (pid == NULL || count == NULL || !view_to_u64(view_of(pid), &process) || process != (uint64_t)getpid() ||
	    !view_to_u64(view_of(count), &number) || number > 64)
		return -1;
	for (int descriptor = FIRST_PASSED; descriptor < FIRST_PASSED + (int)number; descriptor++) {
		struct sockaddr_storage bound = { 0 };
		socklen_t length = sizeof(bound);
		if (getsockname(descriptor, (struct sockaddr *)&bound, &length) == 0 && length == wanted_length &&
		    view_equal(view_bytes(&bound, length), view_bytes(wanted, length)))
			return descriptor;
	}
	return -1;
}

/* They come without these: a room that is started must not inherit the listeners of others. */
static bool descriptor_is_ours(int descriptor)
{
	const int flags = fcntl(descriptor, F_GETFL);
	return flags >= 0 && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 &&
	       fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0;
}

static int fail(int descriptor, struct text *problem, const char *step)
{
	text_print(problem, "%s: %s", step, strerror(errno));
	if (descriptor >= 0)
		close(descriptor);
	return -1;
}

int socket_listen(const struct endpoint *endpoint, struct text *problem)
{
	struct sockaddr_storage address;
	const socklen_t length = address_of(endpoint, &address);
	const int passed = passed_socket(&address, length);
	if (passed >= 0 && descriptor_is_ours(passed))
		return passed;
	const int descriptor = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int on = 1;
	if (descriptor < 0)
		return fail(-1, problem, "socket");
	setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (endpoint->family == 6)
		setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(descriptor, (const struct sockaddr *)&address, length) < 0)
		return fail(descriptor, problem, "bind");
	if (listen(descriptor, BACKLOG) < 0)
		return fail(descriptor, problem, "listen");
	return descriptor;
}

static bool somebody_answers(const struct sockaddr_un *address)
{
	const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (descriptor < 0)
		return false;
	const bool answers = connect(descriptor, (const struct sockaddr *)address, sizeof(*address)) == 0;
	close(descriptor);
	return answers;
}

int socket_listen_unix(const char *path, struct text *problem)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (!bytes_to_cstring(address.sun_path, sizeof(address.sun_path), view_of(path))) {
		text_print(problem, "the path of a socket has at most %zu bytes", sizeof(address.sun_path) - 1);
		return -1;
	}
	const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (descriptor < 0)
		return fail(-1, problem, "socket");
	if (somebody_answers(&address)) {
		errno = EADDRINUSE;
		return fail(descriptor, problem, "another daemon answers there");
	}
	unlink(path);
	/* Whoever may write to the socket is the operator: the owner and the group. */
	const mode_t mask = umask(0117);
	const int bound = bind(descriptor, (const struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (bound < 0)
		return fail(descriptor, problem, "bind");
	if (listen(descriptor, BACKLOG) < 0)
		return fail(descriptor, problem, "listen");
	return descriptor;
}

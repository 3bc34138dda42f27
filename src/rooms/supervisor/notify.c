#include "rooms/supervisor/notify.h"

#include "base/bytes.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify(struct view state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (path == NULL || (path[0] != '/' && path[0] != '@'))
		return;
	const struct view name = view_of(path);
	if (name.length >= sizeof(address.sun_path))
		return;
	bytes_copy(address.sun_path, sizeof(address.sun_path), name);
	if (path[0] == '@')
		address.sun_path[0] = '\0'; /* the abstract name space */
	const int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (descriptor < 0)
		return;
	const socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name.length);
	sendto(descriptor, state.data, state.length, MSG_NOSIGNAL, (const struct sockaddr *)&address, length);
	close(descriptor);
}

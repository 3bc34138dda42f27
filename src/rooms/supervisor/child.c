#include "rooms/supervisor/child.h"

#include "base/clock.h"
#include "rooms/control.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define DELAY_FIRST (100 * MILLISECOND)
#define DELAY_MOST  (30 * SECOND)

int64_t child_restart_delay(unsigned failures, uint64_t random)
{
	if (failures == 0)
		return 0;
	int64_t delay = DELAY_FIRST;
	for (unsigned i = 1; i < failures && delay < DELAY_MOST; i++)
		delay *= 2;
	if (delay > DELAY_MOST)
		delay = DELAY_MOST;
	/* Rooms that died of the same thing do not come back at the same moment. */
	return delay - (int64_t)(random % (uint64_t)(delay / 5));
}

/* Between fork and exec only what is safe there. */
_Noreturn static void become_room(const char *program, const char *room, const char *instance, int control)
{
	const int null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		_exit(127);
	/* dup2 onto itself would leave close-on-exec set. */
	if (control == CONTROL_DESCRIPTOR ? fcntl(control, F_SETFD, 0) < 0 : dup2(control, CONTROL_DESCRIPTOR) < 0)
		_exit(127);
	close_range(CONTROL_DESCRIPTOR + 1, ~0u, 0);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* A terminal's Ctrl-C goes to the supervisor alone: it ends the rooms in order. */
	setpgid(0, 0);
	execl(program, "sealpostd", "--room", room, "--instance", instance, (char *)NULL);
	_exit(127);
}

bool child_start(struct child *child, const char *program, struct text *problem)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		text_print(problem, "socketpair: %s", strerror(errno));
		return false;
	}
	struct text instance = TEXT_LIMIT(16);
	text_add_u64(&instance, child->instance);
	const pid_t pid = fork();
	if (pid == 0)
		become_room(program, room_name(child->room), text_cstring(&instance), pair[1]);
	text_deinit(&instance);
	close(pair[1]);
	if (pid < 0) {
		text_print(problem, "fork: %s", strerror(errno));
		close(pair[0]);
		return false;
	}
	child->pid = pid;
	child->control = pair[0];
	child->ready = false;
	child->gone = false;
	return true;
}

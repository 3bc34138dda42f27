#include "rooms/containment.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool fail(struct text *problem, const char *step)
{
	text_print(problem, "%s: %s", step, strerror(errno));
	return false;
}

static bool drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[2] = { { 0 } };
	return syscall(SYS_capset, &header, none) == 0;
}

static void limit_descriptors(uint64_t descriptors)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = descriptors < limit.rlim_max ? descriptors : limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

bool containment_enter(const struct containment *containment, struct text *problem)
{
	limit_descriptors(containment->descriptors);
	umask(0077);
	const struct rlimit no_core = { 0, 0 };
	if (setrlimit(RLIMIT_CORE, &no_core) < 0)
		return fail(problem, "setrlimit");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(problem, "no_new_privs");
	if (containment->group != UINT32_MAX &&
	    (setgroups(0, NULL) < 0 || setresgid(containment->group, containment->group, containment->group) < 0))
		return fail(problem, "setgid");
	if (containment->user != UINT32_MAX && setresuid(containment->user, containment->user, containment->user) < 0)
		return fail(problem, "setuid");
	if (!drop_capabilities())
		return fail(problem, "capset");
	if (containment->secret && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return fail(problem, "dumpable");
	return true;
}

/* sealpostd: the supervisor; or, started by it, one of the rooms.
 *
 *   sealpostd --config FILE            runs in the foreground
 *   sealpostd --check --config FILE    checks the configuration and exits
 *   sealpostd --version
 */
#include "rooms/supervisor/supervisor.h"

#include <getopt.h>
#include <stdio.h>
#include <sys/prctl.h>

static const struct room_definition *const definitions[] = {
	&vault_room, &resolver_room, &queue_room_definition, &submission_room, &delivery_room, &api_room,
};

static const char usage[] = "usage: sealpostd --config FILE [--check]\n"
							"       sealpostd --version\n"
							"The mail relay's daemon; sealpost(1) is the command that talks to it.\n";

static int run_room(struct view name, struct view instance)
{
	uint64_t number = 0;
	prctl(PR_SET_NAME, "sealpostd"); /* not "exe", which it was started by */
	for (size_t i = 0; i < sizeof(definitions) / sizeof(definitions[0]); i++)
		if (view_equal(view_of(room_name(definitions[i]->room)), name) && view_to_u64(instance, &number))
			return room_run(definitions[i], (unsigned)number);
	fputs(usage, stderr);
	return 2;
}

static int check(const char *path)
{
	struct text yaml = { 0 };
	struct text complaints = TEXT_LIMIT(65536);
	struct config *config = supervisor_read_config(path, &yaml, &complaints);
	const bool good = config != NULL;
	fputs(text_cstring(&complaints), stderr);
	if (good)
		printf("%s: good\n", path);
	config_free(config);
	text_deinit(&yaml);
	text_deinit(&complaints);
	return good ? 0 : 1;
}

/* The program that runs, also when its file was replaced since: rooms of two versions would not understand each
 * other. */
static const char own_program[] = "/proc/self/exe";

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'k' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ "room", required_argument, NULL, 'r' },
		{ "instance", required_argument, NULL, 'i' },
		{ NULL, 0, NULL, 0 },
	};
	const char *config = NULL;
	const char *room = NULL;
	const char *instance = "0";
	bool only_check = false;
	for (int option; (option = getopt_long(argc, argv, "c:", options, NULL)) != -1;) {
		switch (option) {
		case 'c':
			config = optarg;
			break;
		case 'k':
			only_check = true;
			break;
		case 'v':
			puts("sealpostd " SEALPOST_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'r':
			room = optarg;
			break;
		case 'i':
			instance = optarg;
			break;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (room != NULL)
		return run_room(view_of(room), view_of(instance));
	if (config == NULL || optind != argc) {
		fputs(usage, stderr);
		return 2;
	}
	if (only_check)
		return check(config);
	return supervisor_run(&(struct supervisor_options){ .config_path = config, .program = own_program });
}

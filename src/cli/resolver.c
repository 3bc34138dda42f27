#include "cli/resolver.h"

#include "base/clock.h"
#include "net/dns.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

static const int64_t patience = 10 * SECOND;
static const char usual_anchor[] = "/usr/share/dns/root.key";

struct playing {
	struct cli_resolver resolver;
	enum outcome_code (*run)(struct cli_resolver *resolver, void *context);
	void *context;
	enum outcome_code result;
};

/* ---- look-ups as mail/ asks for them */

static void look_up(void *context, struct view name, enum lookup_type type, struct arena *arena,
                    struct lookup_answer *answer)
{
	static const enum dns_type types[] = {
		[LOOKUP_A] = DNS_A,     [LOOKUP_AAAA] = DNS_AAAA, [LOOKUP_MX] = DNS_MX,
		[LOOKUP_PTR] = DNS_PTR, [LOOKUP_TXT] = DNS_TXT,   [LOOKUP_SPF] = DNS_SPF,
	};
	const struct cli_resolver *resolver = context;
	struct dns_answer found;
	resolver->dns->operations->lookup(resolver->dns, name, types[type], false, resolver->deadline, arena, &found);
	*answer = (struct lookup_answer){ .status = TXT_NONE, .detail = found.detail };
	if (found.status == DNS_FAILED || found.status == DNS_CANCELLED) {
		answer->status = TXT_FAILED;
		return;
	}
	answer->records = ARENA_ARRAY(arena, struct view, found.record_count + 1);
	for (size_t i = 0; found.status == DNS_FOUND && i < found.record_count; i++)
		answer->records[answer->count++] = found.records[i].data;
	if (answer->count > 0)
		answer->status = TXT_FOUND;
}

static void look_up_txt(void *context, struct view name, struct arena *arena, struct txt_answer *answer)
{
	const struct cli_resolver *resolver = context;
	struct dns_answer found;
	resolver->dns->operations->lookup(resolver->dns, name, DNS_TXT, false, resolver->deadline, arena, &found);
	*answer = (struct txt_answer){ .status = TXT_NONE,
		                           .through_alias = found.through_alias,
		                           .no_such_name = found.status == DNS_NXDOMAIN,
		                           .detail = found.detail };
	if (found.status == DNS_FAILED || found.status == DNS_CANCELLED) {
		answer->status = TXT_FAILED;
		return;
	}
	answer->texts = ARENA_ARRAY(arena, struct view, found.record_count + 1);
	for (size_t i = 0; found.status == DNS_FOUND && i < found.record_count; i++)
		answer->texts[answer->count++] = found.records[i].data;
	if (answer->count > 0)
		answer->status = TXT_FOUND;
}

/* ---- which resolver */

struct choice {
	struct endpoint given;
	struct view anchor;
	struct dns_settings settings;
	struct config *config; /* what the settings lend */
};

/* A configuration that is not there is none; one that is wrong is told. */
static bool choose_of_config(const struct cli *cli, struct choice *choice)
{
	if (!cli->config_given && access(cli->config_path, R_OK) != 0) {
		choice->anchor = view_of(usual_anchor);
		choice->settings.trust_anchors = &choice->anchor;
		choice->settings.trust_anchor_count = access(usual_anchor, R_OK) == 0 ? 1 : 0;
		return true;
	}
	choice->config = cli_read_config(cli);
	if (choice->config == NULL)
		return false;
	choice->settings.resolvers = choice->config->dns.resolvers.items;
	choice->settings.resolver_count = choice->config->dns.resolvers.count;
	choice->settings.trust_anchors = choice->config->dns.trust_anchors.items;
	choice->settings.trust_anchor_count = choice->config->dns.trust_anchors.count;
	choice->settings.zone_count = choice->config->dns.zone_files.count;
	return true;
}

static bool choose(const struct cli *cli, struct choice *choice)
{
	const char *given = cli_option(cli, "resolver");
	const char *anchor = cli_option(cli, "trust-anchor");
	if (given == NULL && anchor != NULL) {
		cli_fail(USAGE, "--trust-anchor FILE goes with --resolver ADDRESS:PORT; else the configuration names both");
		return false;
	}
	if (given == NULL)
		return choose_of_config(cli, choice);
	if (anchor != NULL && access(anchor, R_OK) != 0) {
		cli_fail(USAGE, "cannot read %s: %s", anchor, strerror(errno));
		return false;
	}
	if (!endpoint_parse(view_of(given), &choice->given)) {
		cli_fail(USAGE, "--resolver is an address and a port, such as 127.0.0.1:53, not %s", given);
		return false;
	}
	choice->settings.resolvers = &choice->given;
	choice->settings.resolver_count = 1;
	choice->anchor = anchor == NULL ? VIEW_NONE : view_of(anchor);
	choice->settings.trust_anchors = &choice->anchor;
	choice->settings.trust_anchor_count = anchor == NULL ? 0 : 1;
	return true;
}

static bool link_zones(const struct choice *choice, const char *directory)
{
	struct text name = TEXT_LIMIT(4096);
	bool good = true;
	for (size_t i = 0; i < choice->settings.zone_count && good; i++) {
		struct text source = TEXT_LIMIT(4096);
		text_add(&source, choice->config->dns.zone_files.items[i]);
		char *path = realpath(text_cstring(&source), NULL);
		text_clear(&name);
		text_print(&name, "%s/zone-%zu", directory, i);
		good = path != NULL && symlink(path, text_cstring(&name)) == 0;
		if (!good)
			cli_fail(UNTOLD, "%s: %s", text_cstring(&source), strerror(errno));
		free(path);
		text_deinit(&source);
	}
	text_deinit(&name);
	return good;
}

/* ---- playing */

static void remove_directory(const char *path)
{
	DIR *directory = opendir(path);
	for (const struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(directory), entry->d_name, 0);
	if (directory != NULL)
		closedir(directory);
	rmdir(path);
}

static void play(void *argument)
{
	struct playing *playing = argument;
	struct cli_resolver *resolver = &playing->resolver;
	resolver->deadline = world_now(resolver->world) + patience;
	playing->result = playing->run(resolver, playing->context);
	dns_unbound_free(resolver->dns);
}

static enum outcome_code play_with(struct playing *playing, const struct dns_settings *settings)
{
	struct cli_resolver *resolver = &playing->resolver;
	struct text problem = TEXT_LIMIT(8192);
	resolver->world = world_real_new(NULL);
	resolver->dns = dns_unbound_new(resolver->world, settings, &problem);
	if (resolver->dns == NULL)
		playing->result = cli_fail(UNTOLD, "%s", text_cstring(&problem));
	else
		task_start(resolver->world, "verb", play, playing);
	world_real_run(resolver->world);
	world_real_free(resolver->world);
	text_deinit(&problem);
	return playing->result;
}

enum outcome_code cli_resolve(struct cli *cli, enum outcome_code (*run)(struct cli_resolver *resolver, void *context),
                              void *context)
{
	struct playing playing = { .resolver = { .cli = cli }, .run = run, .context = context, .result = USAGE };
	playing.resolver.lookup = (struct dns_lookup){ &playing.resolver, look_up };
	playing.resolver.txt = (struct txt_lookup){ &playing.resolver, look_up_txt };
	struct choice choice = { .settings = { .max_ttl = 3600 } };
	struct text directory = TEXT_LIMIT(4096);
	const char *temporary = getenv("TMPDIR");
	text_print(&directory, "%s/sealpost-XXXXXX", temporary != NULL && temporary[0] == '/' ? temporary : "/tmp");
	char *path = strdup(text_cstring(&directory));
	if (!choose(cli, &choice)) {
		playing.result = USAGE;
	} else if (path == NULL || mkdtemp(path) == NULL) {
		playing.result = cli_fail(UNTOLD, "%s: %s", text_cstring(&directory), strerror(errno));
	} else {
		choice.settings.directory = path;
		playing.result = link_zones(&choice, path) ? play_with(&playing, &choice.settings) : UNTOLD;
		remove_directory(path);
	}
	free(path);
	config_free(choice.config);
	text_deinit(&directory);
	return playing.result;
}

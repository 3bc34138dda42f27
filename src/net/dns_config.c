#include "base/bytes.h"
#include "net/dns_private.h"

#include <errno.h>
#include <unistd.h>

enum { CONFIG_MOST = 1024 * 1024 };

/* One problem may hold several. */
static const char *and_then(const struct text *problem)
{
	return problem->length > 0 ? "; " : "";
}

/* ---- zones */

struct zones {
	const struct dns_settings *settings;
	struct text *config;
	struct text *problem;
	struct dns_large *large;
	size_t file;
	size_t count; /* in the file */
};

static bool file_write(const char *path, struct view content, struct text *problem)
{
	FILE *file = fopen(path, "we");
	bool good = file != NULL && fwrite(content.data, 1, content.length, file) == content.length;
	if (file != NULL)
		good = fclose(file) == 0 && good;
	if (!good)
		text_print(problem, "%scannot write %s: %s", and_then(problem), path, strerror(errno));
	return good;
}

static bool file_read(const char *path, struct text *content, struct text *problem)
{
	FILE *file = fopen(path, "re");
	bool good = file != NULL;
	while (good) {
		char *room = text_room(content, 4096);
		const size_t length = room != NULL ? fread(room, 1, 4096, file) : 0;
		text_extend(content, length);
		good = room != NULL && ferror(file) == 0;
		if (length == 0)
			break;
	}
	if (!good)
		text_print(problem, "%scannot read %s: %s", and_then(problem), path,
		           content->overflow ? "it is too large" : strerror(errno));
	if (file != NULL)
		fclose(file);
	return good;
}

/* libunbound reads a zone from a file of its own. */
static bool add_zone(void *context, struct view name, struct view content)
{
	struct zones *zones = context;
	struct text path = TEXT_LIMIT(4096);
	if (zones->large != NULL)
		dns_large_add_zone(zones->large, name, content);
	text_print(&path, "%s/zone-%zu-%zu", zones->settings->directory, zones->file, zones->count++);
	const bool good = file_write(text_cstring(&path), content, zones->problem);
	/* for-upstream alone: answered for-downstream, a CNAME that leads out of the zone would not be followed. The
	 * forward-zone without an address keeps the zone's names from the resolvers. A local-zone of its own name keeps
	 * libunbound's built-in ones (test., private reverse zones) from answering. */
	text_print(zones->config,
	           "server:\n  domain-insecure: \"%.*s\"\n  local-zone: \"%.*s\" transparent\n"
	           "auth-zone:\n  name: \"%.*s\"\n  zonefile: \"%s\"\n  for-downstream: no\n  for-upstream: yes\n"
	           "  fallback-enabled: no\n"
	           "forward-zone:\n  name: \"%.*s\"\n",
	           VIEW_PRINT(name), VIEW_PRINT(name), VIEW_PRINT(name), text_cstring(&path), VIEW_PRINT(name));
	text_deinit(&path);
	return good;
}

static bool write_zone_file(struct zones *zones)
{
	struct text path = TEXT_LIMIT(4096);
	struct text content = TEXT_LIMIT(DNS_ZONE_FILE_MOST);
	struct text problem = TEXT_LIMIT(4096);
	text_print(&path, "%s/zone-%zu", zones->settings->directory, zones->file);
	bool good = file_read(text_cstring(&path), &content, zones->problem);
	if (good) {
		good = dns_zones_split(text_view(&content), add_zone, zones, &problem);
		if (problem.length > 0)
			text_print(zones->problem, "%sthe zone file %s: %s", and_then(zones->problem), text_cstring(&path),
			           text_cstring(&problem));
	}
	text_deinit(&path);
	text_deinit(&content);
	text_deinit(&problem);
	return good;
}

static bool write_zones(const struct dns_settings *settings, struct dns_large *large, struct text *config,
                        struct text *problem)
{
	for (size_t i = 0; i < settings->zone_count; i++) {
		struct zones zones = {
			.settings = settings, .config = config, .problem = problem, .large = large, .file = i
		};
		if (!write_zone_file(&zones))
			return false;
	}
	return true;
}

/* ---- the rest */

static bool file_is_readable(struct view path)
{
	char terminated[4096];
	errno = EINVAL;
	/* A quote would end the path inside the configuration. */
	return view_find_byte(path, '"') == VIEW_NOT_FOUND && bytes_to_cstring(terminated, sizeof(terminated), path) &&
	       access(terminated, R_OK) == 0;
}

static void write_anchors(const struct dns_settings *settings, struct text *config, struct text *problem)
{
	size_t used = 0;
	for (size_t i = 0; i < settings->trust_anchor_count; i++) {
		const struct view path = settings->trust_anchors[i];
		if (file_is_readable(path)) {
			text_print(config, "  trust-anchor-file: \"%.*s\"\n", VIEW_PRINT(path));
			used++;
		} else {
			text_print(problem, "%sthe trust anchor %.*s cannot be read: %s", and_then(problem), VIEW_PRINT(path),
			           strerror(errno));
		}
	}
	text_print(config, "  module-config: \"%siterator\"\n", used > 0 ? "validator " : "");
	if (used == 0)
		text_print(problem, "%sno trust anchor: DNSSEC is not validated", and_then(problem));
}

/* The root servers b, e, k and l, as the root hints of 2024 have them: enough to begin with. */
static const char *const roots[] = { "170.247.170.2", "192.203.230.10", "193.0.14.129", "199.7.83.42" };

/* What is told to keep nothing is a forward or stub zone: for the fresh context the root is one. */
static void write_upstream(const struct dns_settings *settings, enum dns_context_kind kind, struct text *config)
{
	const bool fresh = kind == DNS_CONTEXT_FRESH;
	if (settings->resolver_count == 0 && fresh) {
		text_add(config, VIEW("stub-zone:\n  name: \".\"\n  stub-no-cache: yes\n"));
		for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
			text_print(config, "  stub-addr: %s\n", roots[i]);
	}
	if (settings->resolver_count == 0)
		return;
	/* libunbound would answer these itself. */
	text_add(config, VIEW("server:\n"
	                      "  local-zone: \"invalid.\" nodefault\n"
	                      "  local-zone: \"127.in-addr.arpa.\" nodefault\n"));
	text_print(config, "forward-zone:\n  name: \".\"\n  forward-no-cache: %s\n", fresh ? "yes" : "no");
	for (size_t i = 0; i < settings->resolver_count; i++) {
		text_add(config, VIEW("  forward-addr: "));
		text_add_endpoint_address(config, &settings->resolvers[i]);
		text_print(config, "@%u\n", (unsigned)settings->resolvers[i].port);
	}
}

/* libunbound holds the longest times once for the process, whatever its contexts say: both say the same. */
static void write_server(uint32_t max_ttl, struct text *config)
{
	/* What is known of servers and of bogus keys is an answer too, and lives no longer than they do: libunbound's own
	 * times are 900 s and 60 s. */
	const unsigned long ttl = max_ttl;
	text_print(config,
	           "server:\n"
	           "  verbosity: 0\n"
	           "  use-syslog: no\n"
	           "  do-not-query-localhost: no\n"
	           "  unblock-lan-zones: yes\n"
	           "  insecure-lan-zones: yes\n"
	           "  local-zone: \"test.\" nodefault\n"
	           "  edns-buffer-size: 1232\n"
	           "  outgoing-range: 512\n"
	           "  num-queries-per-thread: 2048\n"
	           "  msg-cache-size: 32m\n"
	           "  rrset-cache-size: 64m\n"
	           "  cache-max-ttl: %lu\n"
	           "  cache-max-negative-ttl: %lu\n"
	           "  infra-host-ttl: %lu\n"
	           "  val-bogus-ttl: %lu\n",
	           ttl, ttl, ttl < 900 ? ttl : 900, ttl < 60 ? ttl : 60);
}

bool dns_config_write(const struct dns_settings *settings, const char *path, enum dns_context_kind kind,
                      struct dns_large *large, struct text *problem)
{
	struct text config = TEXT_LIMIT(CONFIG_MOST);
	write_server(settings->max_ttl, &config);
	write_anchors(settings, &config, problem);
	bool good = write_zones(settings, large, &config, problem);
	write_upstream(settings, kind, &config);
	if (good && config.overflow) {
		text_print(problem, "%stoo many zones and resolvers", and_then(problem));
		good = false;
	}
	good = good && file_write(path, text_view(&config), problem);
	text_deinit(&config);
	return good;
}

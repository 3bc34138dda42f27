#include "config/schema.h"

#define FIELD(member) offsetof(struct config, member)
#define KIB           UINT64_C(1024)
#define MIB           (KIB * 1024)
#define GIB           (MIB * 1024)

#define DAY_SECONDS UINT64_C(86400)

static const char *const tls_names[] = { "starttls", "implicit", "none", NULL };
static const char *const bare_newline_names[] = { "normalize", "refuse", NULL };
static const char *const require_names[] = { "enforce", "warn", "off", NULL };
static const char *const mode_names[] = { "send", "capture", NULL };
static const char *const engine_names[] = { "embedded", "postgresql", NULL };
static const char *const format_names[] = { "json", "text", NULL };
static const char *const level_names[] = { "debug", "info", "warning", "error", NULL };

#define ITEM(type, member) offsetof(struct type, member)

static const struct schema_row listener_rows[] = {
	{ "address", TYPE_ENDPOINT, ITEM(config_listener, address), NULL, .required = true,
	  .description = "where to listen, ADDRESS:PORT; an IPv6 address stands in brackets" },
	{ "tls", TYPE_ENUM, ITEM(config_listener, tls), "starttls", .names = tls_names,
	  .description = "starttls (587): TLS after the STARTTLS command; implicit (465): TLS from the start; none" },
	{ "bare_newline", TYPE_ENUM, ITEM(config_listener, bare_newline), "normalize", .names = bare_newline_names,
	  .description = "a line feed without its carriage return is completed, or the message is refused" },
	{ "plaintext_auth", TYPE_BOOLEAN, ITEM(config_listener, plaintext_auth), "false",
	  .description = "take passwords without TLS; for networks that are protected otherwise" },
	{ "proxy_protocol", TYPE_BOOLEAN, ITEM(config_listener, proxy_protocol), "false",
	  .description = "connections begin with a PROXY protocol header; not built yet, only false is taken" },
};

static const struct schema_row egress_rows[] = {
	{ "name", TYPE_NAME, ITEM(config_egress, name), NULL, .required = true, .description = "name of the pool" },
	{ "addresses", TYPE_ADDRESSES, ITEM(config_egress, addresses), NULL, .required = true,
	  .description = "source addresses that mail leaves from" },
	{ "ehlo", TYPE_HOST, ITEM(config_egress, ehlo), NULL,
	  .description = "name said in EHLO; default: service.hostname" },
};

static const struct schema_row connect_rows[] = {
	{ "from", TYPE_TARGET, ITEM(config_connect, from), NULL, .required = true,
	  .description = "address, ADDRESS:PORT or host name that would have been dialled" },
	{ "to", TYPE_ENDPOINT, ITEM(config_connect, to), NULL, .required = true,
	  .description = "ADDRESS:PORT that is dialled instead" },
};

const struct schema_row schema_rows[] = {
	{ "service", TYPE_SECTION, .description = "who runs the relay" },
	{ "service.name", TYPE_LABEL, FIELD(service.name), "sealpost",
	  .description = "short name of the service; gives token_prefix and dkim_selector unless they are set" },
	{ "service.hostname", TYPE_HOST, FIELD(service.hostname), NULL, .required = true,
	  .description = "full name of this host: greeting, EHLO, Received, certificate" },
	{ "service.domain", TYPE_HOST, FIELD(service.domain), NULL,
	  .description = "domain of the service's own mail, MAILER-DAEMON; default: spf_include" },
	{ "service.spf_include", TYPE_DNS_NAME, FIELD(service.spf_include), NULL,
	  .description = "name that customers include in their SPF records; default: domain, or else hostname" },
	{ "service.token_prefix", TYPE_NAME, FIELD(service.token_prefix), NULL,
	  .description = "what stands before = in the challenge token; default: NAME-mrs" },
	{ "service.dkim_selector", TYPE_SELECTOR, FIELD(service.dkim_selector), NULL,
	  .description = "selector of the domains' DKIM keys; the Ed25519 key has -ed after it; default: NAME" },
	{ "service.console_url", TYPE_URL, FIELD(service.console_url), "",
	  .description = "where customers find the console; told in refusals" },
	{ "state_directory", TYPE_PATH, FIELD(state_directory), "/var/lib/sealpost",
	  .description = "queue, accounts, keys; on a disk that keeps its promises about fsync" },
	{ "runtime_directory", TYPE_PATH, FIELD(runtime_directory), "/run/sealpost", .description = "sockets" },
	{ "user", TYPE_NAME, FIELD(user), "sealpost",
	  .description =
	      "started as root, each room runs as the user USER-ROOM, or as a number of its own where there is no "
	      "such user" },
	{ "processes", TYPE_SECTION, .description = "how many processes a room has" },
	{ "processes.submission", TYPE_COUNT, FIELD(processes.submission), "0", 0, 64,
	  .description = "0: one for each core" },
	{ "processes.delivery", TYPE_COUNT, FIELD(processes.delivery), "0", 0, 64,
	  .description = "0: one for each core" },
	{ "listeners", TYPE_LIST, FIELD(listeners), NULL, .items = listener_rows,
	  .item_count = sizeof(listener_rows) / sizeof(listener_rows[0]), .item_size = sizeof(struct config_listener),
	  .count_offset = FIELD(listener_count), .description = "where customers' software hands mail over" },
	{ "tls", TYPE_SECTION, .description = "certificate of the listeners; none given: a self-signed one is made" },
	{ "tls.certificate", TYPE_PATH, FIELD(tls.certificate), "", .description = "PEM file, the chain after it" },
	{ "tls.key", TYPE_PATH, FIELD(tls.key), "", .description = "PEM file" },
	{ "require", TYPE_SECTION, .description = "which checks of DNS a sender domain must pass" },
	{ "require.token", TYPE_ENUM, FIELD(require.token), "enforce", .names = require_names,
	  .description = "challenge token of the account; without it nothing is sealed, whatever this says" },
	{ "require.spf", TYPE_ENUM, FIELD(require.spf), "enforce", .names = require_names,
	  .description = "SPF record that covers this service" },
	{ "require.dkim", TYPE_ENUM, FIELD(require.dkim), "enforce", .names = require_names,
	  .description = "DKIM key record that equals our key" },
	{ "require.dmarc", TYPE_ENUM, FIELD(require.dmarc), "enforce", .names = require_names,
	  .description = "valid DMARC record" },
	{ "limits", TYPE_SECTION, .description = "defaults of accounts, and bounds of this host" },
	{ "limits.message_size", TYPE_SIZE, FIELD(limits.message_size), "25MiB", KIB, 150 * MIB,
	  .description = "largest message" },
	{ "limits.recipients", TYPE_COUNT, FIELD(limits.recipients), "1000", 1, 100000,
	  .description = "most recipients of one message" },
	{ "limits.rate", TYPE_RATE, FIELD(limits.rate), "10/s", 1, 1000000,
	  .description = "recipients a second that an account may keep up" },
	{ "limits.burst", TYPE_COUNT, FIELD(limits.burst), "100", 1, 100000000,
	  .description = "recipients that an account may send at once" },
	{ "limits.quota", TYPE_DAILY, FIELD(limits.quota), "100000/d", 1, UINT64_C(1000000000000),
	  .description = "recipients a day of an account" },
	{ "limits.new_domains", TYPE_DAILY, FIELD(limits.new_domains), "20/d", 0, 1000000,
	  .description = "domains a day for which an account's first attempt may make keys" },
	{ "limits.max_wait", TYPE_DURATION, FIELD(limits.max_wait), "30s", 0, 300,
	  .description = "longest time that an account above its rate is slowed before it is told to come back" },
	{ "limits.connections", TYPE_COUNT, FIELD(limits.connections), "10000", 1, 1000000,
	  .description = "sessions of one submission process" },
	{ "limits.connections_per_address", TYPE_COUNT, FIELD(limits.connections_per_address), "500", 1, 1000000,
	  .description = "sessions of one client address with one submission process" },
	{ "limits.memory", TYPE_SIZE, FIELD(limits.memory), "256MiB", MIB, 1024 * GIB,
	  .description = "messages in motion in one submission process; beyond it clients are told to come back" },
	{ "dns", TYPE_SECTION, .description = "how DNS is asked" },
	{ "dns.resolvers", TYPE_ENDPOINTS, FIELD(dns.resolvers), "[]",
	  .description = "resolvers to ask, ADDRESS:PORT; none: iterate from the root; validated here either way" },
	{ "dns.trust_anchors", TYPE_PATHS, FIELD(dns.trust_anchors), "[/usr/share/dns/root.key]",
	  .description = "files with DNSSEC trust anchors" },
	{ "dns.zone_files", TYPE_PATHS, FIELD(dns.zone_files), "[]",
	  .description = "zones that are answered from files, for demonstrations and tests" },
	{ "dns.server_port", TYPE_COUNT, FIELD(dns.server_port), "53", 1, 65535,
	  .description = "port of domains' own name servers, which the doctor asks one by one" },
	{ "dns.grace", TYPE_DURATION, FIELD(dns.grace), "24h", 0, 30 * DAY_SECONDS,
	  .description = "how long the last definitive answer serves while DNS fails" },
	{ "dns.min_ttl", TYPE_DURATION, FIELD(dns.min_ttl), "10s", 1, DAY_SECONDS,
	  .description = "answers are kept at least this long" },
	{ "dns.max_ttl", TYPE_DURATION, FIELD(dns.max_ttl), "1h", 1, 7 * DAY_SECONDS,
	  .description = "answers are kept at most this long" },
	{ "egress", TYPE_LIST, FIELD(egress), NULL, .items = egress_rows,
	  .item_count = sizeof(egress_rows) / sizeof(egress_rows[0]), .item_size = sizeof(struct config_egress),
	  .count_offset = FIELD(egress_count),
	  .description = "source addresses that mail leaves from; none: the system's" },
	{ "delivery", TYPE_SECTION, .description = "how the world is reached" },
	{ "delivery.mode", TYPE_ENUM, FIELD(delivery.mode), "send", .names = mode_names,
	  .description = "send; or capture: everything is checked and sealed, and kept instead of sent" },
	{ "delivery.port", TYPE_COUNT, FIELD(delivery.port), "25", 1, 65535, .description = "port of MX hosts" },
	{ "delivery.allow_private_addresses", TYPE_BOOLEAN, FIELD(delivery.allow_private_addresses), "false",
	  .description = "dial loopback, private and other special addresses" },
	{ "delivery.ca_file", TYPE_PATH, FIELD(delivery.ca_file), "/etc/ssl/certs/ca-certificates.crt",
	  .description = "certificates of the authorities that are trusted" },
	{ "delivery.connections", TYPE_COUNT, FIELD(delivery.connections), "10", 1, 10000,
	  .description = "connections to one site, of each delivery process" },
	{ "delivery.messages", TYPE_COUNT, FIELD(delivery.messages), "100", 1, 1000000,
	  .description = "messages over one connection" },
	{ "delivery.connect_map", TYPE_LIST, FIELD(delivery.connect_map), NULL, .items = connect_rows,
	  .item_count = sizeof(connect_rows) / sizeof(connect_rows[0]), .item_size = sizeof(struct config_connect),
	  .count_offset = FIELD(delivery.connect_map_count),
	  .description = "connections that go elsewhere than DNS says, for tests and special set-ups" },
	{ "queue", TYPE_SECTION, .description = "how long mail is tried" },
	{ "queue.retry", TYPE_SECTION, .description = "when a message is tried again" },
	{ "queue.retry.first", TYPE_DURATION, FIELD(queue.retry.first), "1m", 1, DAY_SECONDS,
	  .description = "wait after the first attempt" },
	{ "queue.retry.factor", TYPE_COUNT, FIELD(queue.retry.factor), "2", 1, 100,
	  .description = "each wait is so many times the one before" },
	{ "queue.retry.max", TYPE_DURATION, FIELD(queue.retry.max), "4h", 1, 7 * DAY_SECONDS,
	  .description = "longest wait" },
	{ "queue.retry.expire", TYPE_DURATION, FIELD(queue.retry.expire), "5d", 1, 60 * DAY_SECONDS,
	  .description = "a message that could not be delivered for so long is returned" },
	{ "queue.retry.delay_warning", TYPE_DURATION, FIELD(queue.retry.delay_warning), "4h", 0, 60 * DAY_SECONDS,
	  .description = "the sender is told of a delay after so long; 0s: never" },
	{ "queue.reserve", TYPE_SIZE, FIELD(queue.reserve), "1GiB", 0, UINT64_C(1024) * 1024 * GIB,
	  .description = "free space below which no new mail is taken" },
	{ "store", TYPE_SECTION, .description = "where mail is kept" },
	{ "store.engine", TYPE_ENUM, FIELD(store.engine), "embedded", .names = engine_names,
	  .description = "embedded: journal and SQLite; postgresql is not built yet and refused" },
	{ "store.url", TYPE_TEXT, FIELD(store.url), "", .description = "of the postgresql engine" },
	{ "history", TYPE_SECTION, .description = "what is kept of ended mail" },
	{ "history.retention", TYPE_DURATION, FIELD(history.retention), "30d", DAY_SECONDS, 3650 * DAY_SECONDS,
	  .description = "how long fates can be looked up" },
	{ "vault", TYPE_SECTION, .description = "where secrets are kept" },
	{ "vault.key_file", TYPE_PATH, FIELD(vault.key_file), NULL,
	  .description = "32 random bytes under which keys and verifiers are kept; made when missing; default: "
	                 "STATE_DIRECTORY/vault.key" },
	{ "api", TYPE_SECTION, .description = "the HTTP API" },
	{ "api.socket", TYPE_PATH, FIELD(api.socket), NULL,
	  .description = "unix socket of the operator's command; default: RUNTIME_DIRECTORY/api.sock" },
	{ "api.listen", TYPE_ENDPOINTS, FIELD(api.listen), "[]", .description = "ADDRESS:PORT for HTTP" },
	{ "log", TYPE_SECTION, .description = "what is told, and how" },
	{ "log.format", TYPE_ENUM, FIELD(log.format), "json", .names = format_names,
	  .description = "json: one object a line; text: for people" },
	{ "log.to", TYPE_PATH, FIELD(log.to), "stderr", .description = "stderr, or a file to append to" },
	{ "log.level", TYPE_ENUM, FIELD(log.level), "info", .names = level_names,
	  .description = "the least that is told" },
};
const size_t schema_row_count = sizeof(schema_rows) / sizeof(schema_rows[0]);

struct view schema_key_within(const struct schema_row *row, struct view prefix)
{
	const struct view path = view_of(row->path);
	if (!view_starts(path, prefix))
		return VIEW_NONE;
	const struct view rest = view_from(path, prefix.length);
	return view_find_byte(rest, '.') == VIEW_NOT_FOUND ? rest : VIEW_NONE;
}

#include "rooms/vault/settings.h"

#include "base/json.h"
#include "base/must.h"
#include "task/connection.h"

enum value_kind { VALUE_COUNT, VALUE_RATE, VALUE_QUOTA, VALUE_SIZE, VALUE_NETWORKS, VALUE_REQUIREMENT };

static uint64_t default_rate(const struct config *config)
{
	return config->limits.rate;
}

static uint64_t default_burst(const struct config *config)
{
	return config->limits.burst;
}

static uint64_t default_quota(const struct config *config)
{
	return config->limits.quota;
}

static uint64_t default_recipients(const struct config *config)
{
	return config->limits.recipients;
}

static uint64_t default_message_size(const struct config *config)
{
	return config->limits.message_size;
}

static uint64_t default_connections(const struct config *config)
{
	(void)config;
	return 200;
}

static uint64_t default_require(const struct config *config, enum check check)
{
	const enum requirement all[CHECK_COUNT] = {
		[CHECK_TOKEN] = (enum requirement)config->require.token,
		[CHECK_SPF] = (enum requirement)config->require.spf,
		[CHECK_DKIM] = (enum requirement)config->require.dkim,
		[CHECK_DMARC] = (enum requirement)config->require.dmarc,
	};
	return all[check];
}

static const struct setting_row {
	const char *name;
	enum value_kind kind;
	uint64_t most;
	uint64_t (*fallback)(const struct config *config);
	enum check check; /* VALUE_REQUIREMENT */
} rows[SETTING_COUNT] = {
	[SETTING_RATE] = { "rate", VALUE_RATE, 1000000, default_rate, 0 },
	[SETTING_BURST] = { "burst", VALUE_COUNT, 100000000, default_burst, 0 },
	[SETTING_QUOTA] = { "quota", VALUE_QUOTA, UINT64_C(1000000000000), default_quota, 0 },
	[SETTING_RECIPIENTS] = { "recipients", VALUE_COUNT, 100000, default_recipients, 0 },
	[SETTING_MESSAGE_SIZE] = { "message_size", VALUE_SIZE, UINT64_C(150) * 1024 * 1024, default_message_size, 0 },
	[SETTING_CONNECTIONS] = { "connections", VALUE_COUNT, 100000, default_connections, 0 },
	[SETTING_NETWORKS] = { "networks", VALUE_NETWORKS, 0, NULL, 0 },
	[SETTING_REQUIRE_TOKEN] = { "require.token", VALUE_REQUIREMENT, 0, NULL, CHECK_TOKEN },
	[SETTING_REQUIRE_SPF] = { "require.spf", VALUE_REQUIREMENT, 0, NULL, CHECK_SPF },
	[SETTING_REQUIRE_DKIM] = { "require.dkim", VALUE_REQUIREMENT, 0, NULL, CHECK_DKIM },
	[SETTING_REQUIRE_DMARC] = { "require.dmarc", VALUE_REQUIREMENT, 0, NULL, CHECK_DMARC },
};

static const struct view requirement_names[] = {
	[REQUIRE_ENFORCE] = VIEW_INIT("enforce"),
	[REQUIRE_WARN] = VIEW_INIT("warn"),
	[REQUIRE_OFF] = VIEW_INIT("off"),
};

static const struct view value_forms[] = {
	[VALUE_COUNT] = VIEW_INIT("expected a whole number of at least 1, such as 100"),
	[VALUE_RATE] = VIEW_INIT("expected recipients a second, such as 10/s"),
	[VALUE_QUOTA] = VIEW_INIT("expected recipients a day, such as 100000/d"),
	[VALUE_SIZE] = VIEW_INIT("expected a size of at most 150MiB, such as 25MiB"),
	[VALUE_NETWORKS] = VIEW_INIT("expected networks with commas between, such as 192.0.2.0/24,2001:db8::/32"),
	[VALUE_REQUIREMENT] = VIEW_INIT("expected enforce, warn or off"),
};

void account_settings_init(struct account_settings *settings)
{
	for (size_t i = 0; i < SETTING_COUNT; i++)
		settings->values[i] = (struct text)TEXT_LIMIT(SETTING_VALUE_MOST);
}

void account_settings_deinit(struct account_settings *settings)
{
	for (size_t i = 0; i < SETTING_COUNT; i++)
		text_deinit(&settings->values[i]);
}

enum setting setting_find(struct view key)
{
	size_t i = 0;
	while (i < SETTING_COUNT && !view_equal(key, view_of(rows[i].name)))
		i++;
	return (enum setting)i;
}

struct view setting_name(enum setting setting)
{
	return view_of(rows[setting].name);
}

/* ---- reading values */

static bool read_suffixed(struct view value, struct view suffix, uint64_t *number)
{
	return view_ends(value, suffix) && view_to_u64(view_first(value, value.length - suffix.length), number);
}

static bool read_size(struct view value, uint64_t *number)
{
	static const struct {
		struct view suffix;
		uint64_t factor;
	} units[] = { { VIEW_INIT("KiB"), 1024 },
		          { VIEW_INIT("MiB"), 1024 * 1024 },
		          { VIEW_INIT("GiB"), 1024 * 1024 * 1024 } };
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (read_suffixed(value, units[i].suffix, number))
			return !__builtin_mul_overflow(*number, units[i].factor, number);
	return view_to_u64(value, number);
}

static bool read_requirement(struct view value, uint64_t *number)
{
	for (*number = REQUIRE_ENFORCE; *number <= REQUIRE_OFF; (*number)++)
		if (view_equal(value, requirement_names[*number]))
			return true;
	return false;
}

struct network {
	struct endpoint base;
	unsigned bits;
};

static bool read_network(struct view text, struct network *network)
{
	const size_t slash = view_find_byte(text, '/');
	uint64_t bits = 0;
	if (!endpoint_parse_address(view_first(text, slash), &network->base))
		return false;
	const uint64_t most = network->base.family == 4 ? 32 : 128;
	if (slash == VIEW_NOT_FOUND)
		bits = most;
	else if (!view_to_u64(view_from(text, slash + 1), &bits) || bits > most)
		return false;
	network->bits = (unsigned)bits;
	return true;
}

static bool networks_are_good(struct view value)
{
	struct view part;
	struct network network;
	while (view_split(&value, ',', &part))
		if (!read_network(view_trim(part), &network))
			return false;
	return true;
}

static bool read_value(enum setting setting, struct view value, uint64_t *number)
{
	switch (rows[setting].kind) {
	case VALUE_COUNT:
		return view_to_u64(value, number) && *number > 0 && *number <= rows[setting].most;
	case VALUE_RATE:
		return read_suffixed(value, VIEW("/s"), number) && *number > 0 && *number <= rows[setting].most;
	case VALUE_QUOTA:
		return read_suffixed(value, VIEW("/d"), number) && *number > 0 && *number <= rows[setting].most;
	case VALUE_SIZE:
		return read_size(value, number) && *number > 0 && *number <= rows[setting].most;
	case VALUE_REQUIREMENT:
		return read_requirement(value, number);
	case VALUE_NETWORKS:
		*number = 0;
		return networks_are_good(value);
	}
	return false;
}

bool setting_check(enum setting setting, struct view value, struct view *why)
{
	uint64_t number = 0;
	if (value.length == 0 || (value.length <= SETTING_VALUE_MOST && read_value(setting, value, &number)))
		return true;
	*why = value_forms[rows[setting].kind];
	return false;
}

/* ---- what is in force */

static uint64_t fallback(enum setting setting, const struct config *config)
{
	if (rows[setting].kind == VALUE_REQUIREMENT)
		return default_require(config, rows[setting].check);
	return rows[setting].fallback == NULL ? 0 : rows[setting].fallback(config);
}

uint64_t setting_number(const struct account_settings *settings, enum setting setting, const struct config *config)
{
	const struct view value = text_view(&settings->values[setting]);
	uint64_t number = 0;
	/* A value that an older version took and this one does not counts as not set. */
	return value.length > 0 && read_value(setting, value, &number) ? number : fallback(setting, config);
}

enum requirement setting_requirement(const struct account_settings *settings, enum check check,
                                     const struct config *config)
{
	return (enum requirement)setting_number(settings, (enum setting)((unsigned)SETTING_REQUIRE_TOKEN + check),
	                                        config);
}

static bool network_has(const struct network *network, const struct endpoint *client)
{
	if (network->base.family != client->family)
		return false;
	const unsigned whole = network->bits / 8;
	const unsigned rest = network->bits % 8;
	for (unsigned i = 0; i < whole; i++)
		if (network->base.address[i] != client->address[i])
			return false;
	return rest == 0 || (network->base.address[whole] ^ client->address[whole]) >> (8 - rest) == 0;
}

bool setting_allows_client(const struct account_settings *settings, struct view client)
{
	struct view rest = text_view(&settings->values[SETTING_NETWORKS]);
	struct endpoint address;
	if (rest.length == 0)
		return true;
	if (!endpoint_parse_address(client, &address))
		return false;
	struct view part;
	struct network network;
	while (view_split(&rest, ',', &part))
		if (read_network(view_trim(part), &network) && network_has(&network, &address))
			return true;
	return false;
}

static void write_default(enum setting setting, const struct config *config, struct text *text)
{
	const uint64_t number = fallback(setting, config);
	static const char *const suffixes[] = { [VALUE_RATE] = "/s", [VALUE_QUOTA] = "/d", [VALUE_NETWORKS] = "" };
	if (rows[setting].kind == VALUE_REQUIREMENT)
		text_add(text, requirement_names[number]);
	else if (rows[setting].kind == VALUE_SIZE && number % (1024 * 1024) == 0)
		text_print(text, "%lluMiB", (unsigned long long)(number / (1024 * 1024)));
	else if (rows[setting].kind == VALUE_COUNT || rows[setting].kind == VALUE_SIZE)
		text_add_u64(text, number);
	else if (rows[setting].kind != VALUE_NETWORKS)
		text_print(text, "%llu%s", (unsigned long long)number, suffixes[rows[setting].kind]);
}

void settings_write_json(const struct account_settings *settings, const struct config *config, struct text *out)
{
	struct json json = json_on(out);
	json_open_object(&json);
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		struct text value = TEXT_LIMIT(SETTING_VALUE_MOST);
		const bool is_default = settings->values[i].length == 0;
		if (is_default)
			write_default((enum setting)i, config, &value);
		else
			text_add(&value, text_view(&settings->values[i]));
		json_key(&json, view_of(rows[i].name));
		json_open_object(&json);
		json_member_string(&json, VIEW("value"), text_view(&value));
		json_key(&json, VIEW("default"));
		json_add_boolean(&json, is_default);
		json_close_object(&json);
		text_deinit(&value);
	}
	json_close_object(&json);
}

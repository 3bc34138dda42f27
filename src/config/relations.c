#include "config/relations.h"

#include "config/problems.h"
#include "config/schema.h"

#include <sys/un.h>

static void fill(struct arena *arena, struct view *field, struct view prefix, struct view suffix)
{
	if (field->length == 0)
		*field = arena_print(arena, "%.*s%.*s", VIEW_PRINT(prefix), VIEW_PRINT(suffix));
}

/* A name such as _spf.example.com may hold SPF records, but no mail goes there. */
static bool is_mail_domain(struct view name)
{
	return view_find_byte(name, '_') == VIEW_NOT_FOUND;
}

void relations_fill(struct config *config)
{
	struct arena *arena = &config->arena;
	const struct view name = config->service.name;
	fill(arena, &config->service.spf_include, config->service.domain, VIEW_NONE);
	fill(arena, &config->service.spf_include, config->service.hostname, VIEW_NONE);
	if (is_mail_domain(config->service.spf_include))
		fill(arena, &config->service.domain, config->service.spf_include, VIEW_NONE);
	fill(arena, &config->service.token_prefix, name, VIEW("-mrs"));
	fill(arena, &config->service.dkim_selector, name, VIEW_NONE);
	fill(arena, &config->vault.key_file, config->state_directory, VIEW("/vault.key"));
	fill(arena, &config->api.socket, config->runtime_directory, VIEW("/api.sock"));
	for (size_t i = 0; i < config->egress_count; i++)
		fill(arena, &config->egress[i].ehlo, config->service.hostname, VIEW_NONE);
}

struct checking {
	const struct config *config;
	const struct node *root;
	struct config_problems *problems;
};

static void refuse(const struct checking *checking, const char *path, struct view message)
{
	problems_add_error(checking->problems, tree_nearest(checking->root, view_of(path), NULL), view_of(path), message);
}

static void warn(const struct checking *checking, const char *path, struct view message)
{
	problems_add_warning(checking->problems, tree_nearest(checking->root, view_of(path), NULL), view_of(path),
	                     message);
}

/* About one item of a list. */
static void at_item(const struct checking *checking, const char *list, size_t index, struct view message,
                    void (*add)(struct config_problems *, const struct node *, struct view, struct view))
{
	const struct node *node = tree_nearest(checking->root, view_of(list), NULL);
	const struct node *item = node->kind == NODE_SEQUENCE ? node->children : NULL;
	for (size_t i = 0; i < index && item != NULL; i++)
		item = item->next;
	const struct view key = arena_print(&checking->problems->arena, "%s[%zu]", list, index);
	add(checking->problems, item == NULL ? node : item, key, message);
}

/* ---- places that are listened on */

static bool is_same_place(const struct endpoint *a, const struct endpoint *b)
{
	/* Port 0 is any free one; a family of 0 was refused already. */
	return a->port != 0 && a->family != 0 && a->port == b->port && endpoint_equal_address(a, b);
}

static void check_listener(const struct checking *checking, size_t index)
{
	const struct config_listener *listener = &checking->config->listeners[index];
	if (listener->proxy_protocol)
		at_item(checking, "listeners", index, VIEW("proxy_protocol: true is not built yet; allowed is: false"),
		        problems_add_error);
	if (listener->tls == CONFIG_TLS_NONE && !listener->plaintext_auth)
		at_item(checking, "listeners", index,
		        VIEW("without TLS nobody can log in here; add plaintext_auth: true if the network is protected "
		             "otherwise"),
		        problems_add_warning);
	for (size_t i = 0; i < index; i++)
		if (is_same_place(&checking->config->listeners[i].address, &listener->address))
			at_item(checking, "listeners", index,
			        arena_print(&checking->problems->arena, "the address is that of listeners[%zu]", i),
			        problems_add_error);
}

static void check_api_listen(const struct checking *checking, size_t index)
{
	const struct config *config = checking->config;
	const struct endpoint *place = &config->api.listen.items[index];
	static const uint8_t six_loopback[16] = { [15] = 1 };
	const bool loopback = place->family == 4
	                          ? place->address[0] == 127
	                          : view_equal(view_bytes(place->address, 16), view_bytes(six_loopback, 16));
	if (!loopback)
		at_item(checking, "api.listen", index,
		        VIEW("HTTP without TLS on an address that is not loopback; put a proxy that speaks HTTPS before it"),
		        problems_add_warning);
	bool twice = false;
	for (size_t i = 0; i < index; i++)
		twice = twice || is_same_place(&config->api.listen.items[i], place);
	for (size_t i = 0; i < config->listener_count; i++)
		twice = twice || is_same_place(&config->listeners[i].address, place);
	if (twice)
		at_item(checking, "api.listen", index, VIEW("the address is used already"), problems_add_error);
}

static void check_places(const struct checking *checking)
{
	const struct config *config = checking->config;
	if (config->listener_count == 0)
		warn(checking, "listeners", VIEW("there are none, so no mail can be handed over"));
	for (size_t i = 0; i < config->listener_count; i++)
		check_listener(checking, i);
	for (size_t i = 0; i < config->api.listen.count; i++)
		check_api_listen(checking, i);
	if (config->api.socket.length >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		refuse(checking, "api.socket",
		       arena_print(&checking->problems->arena,
		                   "the path %.*s is longer than the %zu bytes that a socket's may have",
		                   VIEW_PRINT(config->api.socket), sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1));
}

/* ---- the rest */

static void check_service(const struct checking *checking)
{
	const struct config *config = checking->config;
	if (config->service.domain.length == 0 && config->service.spf_include.length > 0)
		refuse(checking, "service.domain",
		       VIEW("is missing, and service.spf_include cannot stand for it: no mail goes to a name with _"));
	if (config->tls.certificate.length > 0 && config->tls.key.length == 0)
		refuse(checking, "tls.key", VIEW("is missing: a certificate needs its key"));
	if (config->tls.key.length > 0 && config->tls.certificate.length == 0)
		refuse(checking, "tls.certificate", VIEW("is missing: a key needs its certificate"));
	if (config->vault.key_file.length > CONFIG_PATH_MOST)
		refuse(checking, "vault.key_file", VIEW("state_directory is too long; give a path of its own"));
	for (size_t i = 0; i < config->egress_count; i++)
		for (size_t j = 0; j < i; j++)
			if (view_equal(config->egress[i].name, config->egress[j].name))
				at_item(checking, "egress", i,
				        arena_print(&checking->problems->arena, "the name is that of egress[%zu]", j),
				        problems_add_error);
}

static void check_store(const struct checking *checking)
{
	const bool embedded = checking->config->store.engine == CONFIG_STORE_EMBEDDED;
	if (!embedded)
		refuse(checking, "store.engine", VIEW("postgresql is not built yet; allowed is: embedded"));
	if (embedded && checking->config->store.url.length > 0)
		refuse(checking, "store.url",
		       VIEW("the embedded engine has none; it is for postgresql, which is not built yet"));
}

static void check_order(const struct checking *checking)
{
	const struct config *config = checking->config;
	if (config->dns.min_ttl > config->dns.max_ttl)
		refuse(checking, "dns.min_ttl", VIEW("is longer than dns.max_ttl"));
	if (config->queue.retry.first > config->queue.retry.max)
		refuse(checking, "queue.retry.first", VIEW("is longer than queue.retry.max"));
	if (config->queue.retry.first > config->queue.retry.expire)
		refuse(checking, "queue.retry.expire", VIEW("is shorter than queue.retry.first, so nothing is tried twice"));
	if (config->queue.retry.delay_warning >= config->queue.retry.expire)
		warn(checking, "queue.retry.delay_warning", VIEW("is not shorter than queue.retry.expire, so none is sent"));
	if (config->limits.memory < config->limits.message_size)
		refuse(checking, "limits.memory",
		       VIEW("is smaller than limits.message_size, so the largest message never fits"));
}

void relations_check(const struct config *config, const struct node *root, struct config_problems *problems)
{
	const struct checking checking = { .config = config, .root = root, .problems = problems };
	check_service(&checking);
	check_places(&checking);
	check_store(&checking);
	check_order(&checking);
}

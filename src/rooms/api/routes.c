/* The routes. Those of one path stand together. */
#include "rooms/api/api.h"

const struct api_route api_routes[] = {
	{ "GET", "/healthz", handle_health, "the api answers", true },
	{ "GET", "/readyz", handle_ready, "all rooms answer", true },
	{ "GET", "/metrics", handle_metrics, "Prometheus text", true },
	{ "GET", "/v1/openapi.json", handle_openapi, "this description", true },
	{ "GET", "/v1/accounts", handle_accounts_list, "user accounts, a page", false },
	{ "POST", "/v1/accounts", handle_account_add, "add a user account", false },
	{ "GET", "/v1/accounts/{name}", handle_account_show, "one user account", false },
	{ "PATCH", "/v1/accounts/{name}", handle_account_set, "set its settings", false },
	{ "DELETE", "/v1/accounts/{name}", handle_account_remove, "remove it; its name is never used again", false },
	{ "POST", "/v1/accounts/{name}/{action}", handle_account_action, "rotate, suspend, resume, hold, release",
	  false },
	{ "GET", "/v1/domains", handle_domains_list, "domains with keys here, a page", false },
	{ "POST", "/v1/domains", handle_domain_add, "make or bring keys for a domain", false },
	{ "GET", "/v1/domains/{domain}", handle_domain_show, "one domain", false },
	{ "DELETE", "/v1/domains/{domain}", handle_domain_remove, "remove its keys", false },
	{ "GET", "/v1/domains/{domain}/records", handle_domain_records, "what its owner publishes", false },
	{ "GET", "/v1/domains/{domain}/check", handle_domain_check, "what DNS says, and how to mend it", false },
	{ "GET", "/v1/queue", handle_queue_summary, "what waits, summed up", false },
	{ "GET", "/v1/queue/recipients", handle_queue_list, "what waits, a page", false },
	{ "POST", "/v1/queue/actions", handle_queue_action, "retry, hold, release or cancel what fits a filter", false },
	{ "GET", "/v1/queue/check", handle_queue_check, "verify what is stored, a slice", false },
	{ "GET", "/v1/messages", handle_search, "what ended, newest first", false },
	{ "GET", "/v1/messages/{id}", handle_trace, "one message's whole story", false },
	{ "GET", "/v1/events", handle_events, "events since a cursor, waiting for the next one", false },
	{ "GET", "/v1/service", handle_status, "version and rooms", false },
	{ "GET", "/v1/service/records", handle_service_records, "what the service's own zone should hold", false },
	{ "POST", "/v1/service/reload", handle_reload, "read the configuration again", false },
};
const size_t api_route_count = sizeof(api_routes) / sizeof(api_routes[0]);

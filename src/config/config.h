/* The configuration: one YAML file, checked against one table (schema.c) that also makes the JSON Schema and the
 * manual. Promises: what config_parse returns is complete and checked: defaults are filled in, relations hold; it
 * never touches the file system, so that each room reads the same text to the same result. Does not know: who uses
 * which setting. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/text.h"
#include "task/connection.h"

enum config_tls { CONFIG_TLS_STARTTLS, CONFIG_TLS_IMPLICIT, CONFIG_TLS_NONE };
enum config_bare_newline { BARE_NEWLINE_NORMALIZE, BARE_NEWLINE_REFUSE };
enum config_requirement { CONFIG_ENFORCE, CONFIG_WARN, CONFIG_OFF };
enum config_delivery_mode { DELIVERY_SEND, DELIVERY_CAPTURE };
enum config_store_engine { CONFIG_STORE_EMBEDDED, CONFIG_STORE_POSTGRESQL };

struct config_texts {
	struct view *items;
	size_t count;
};

struct config_endpoints {
	struct endpoint *items;
	size_t count;
};

struct config_listener {
	struct endpoint address;
	unsigned tls;          /* enum config_tls */
	unsigned bare_newline; /* enum config_bare_newline */
	bool plaintext_auth;
	bool proxy_protocol; /* not built yet: refused when true */
};

struct config_egress {
	struct view name;
	struct config_texts addresses; /* checked addresses without ports */
	struct view ehlo;
};

/* Test and special set-ups: a connection meant for `from` goes to `to`. */
struct config_connect {
	struct view from; /* address, address:port or host name */
	struct endpoint to;
};

struct config {
	struct {
		struct view name;
		struct view hostname;
		struct view domain;
		struct view spf_include;
		struct view token_prefix;
		struct view dkim_selector;
		struct view console_url; /* without a slash at the end; may be empty */
	} service;
	struct view state_directory;
	struct view runtime_directory;
	struct view user; /* rooms run as USER-ROOM where such users exist */
	struct {
		uint64_t submission; /* 0: one a core */
		uint64_t delivery;   /* 0: one a core */
	} processes;
	struct config_listener *listeners;
	size_t listener_count;
	struct {
		struct view certificate;
		struct view key;
	} tls;
	struct {
		unsigned token, spf, dkim, dmarc; /* enum config_requirement */
	} require;
	struct {
		uint64_t message_size;
		uint64_t recipients; /* of one message */
		uint64_t rate;       /* recipients a second */
		uint64_t burst;
		uint64_t quota;       /* recipients a day */
		uint64_t new_domains; /* a day, for each account */
		int64_t max_wait;
		uint64_t connections; /* of one submission process */
		uint64_t connections_per_address;
		uint64_t memory; /* messages in motion, of one submission process */
	} limits;
	struct {
		struct config_endpoints resolvers;
		struct config_texts trust_anchors;
		struct config_texts zone_files;
		uint64_t server_port;
		int64_t grace;
		int64_t min_ttl;
		int64_t max_ttl;
	} dns;
	struct config_egress *egress;
	size_t egress_count;
	struct {
		unsigned mode; /* enum config_delivery_mode */
		uint64_t port;
		bool allow_private_addresses;
		struct view ca_file;
		uint64_t connections; /* of one site */
		uint64_t messages;    /* of one connection */
		struct config_connect *connect_map;
		size_t connect_map_count;
	} delivery;
	struct {
		struct {
			int64_t first;
			uint64_t factor;
			int64_t max;
			int64_t expire;
			int64_t delay_warning; /* 0: none is sent */
		} retry;
		uint64_t reserve;
	} queue;
	struct {
		unsigned engine; /* enum config_store_engine; postgresql is not built yet and refused */
		struct view url;
	} store;
	struct {
		int64_t retention;
	} history;
	struct {
		struct view key_file; /* default: STATE/vault.key */
	} vault;
	struct {
		struct view socket; /* default: RUNTIME/api.sock */
		struct config_endpoints listen;
	} api;
	struct {
		unsigned format; /* enum log_format of base/log.h */
		struct view to;  /* stderr, or a path */
		unsigned level;  /* enum log_level of base/log.h */
	} log;
	struct arena arena; /* everything above lives here */
};

#define CONFIG_PATH_MOST 1000u

struct config_problem {
	size_t line;     /* 1-based; 0: the file as a whole */
	size_t column;   /* 1-based */
	struct view key; /* full path: listeners[1].tls */
	struct view message;
};

#define CONFIG_PROBLEMS_MOST 20u

struct config_problems {
	struct config_problem rows[CONFIG_PROBLEMS_MOST];
	size_t count;
	size_t error_count; /* of rows: the errors come as they are met, warnings among them */
	bool is_warning[CONFIG_PROBLEMS_MOST];
	struct arena arena;
};

/* NULL when there is an error; *problems then says where and what (and may hold warnings besides, also on success).
 * The file's name is not opened: what is read is the text. */
struct config *config_parse(struct view yaml, const char *file_name, struct config_problems *problems);
void config_free(struct config *config);
void config_problems_deinit(struct config_problems *problems);
/* "FILE:LINE:COLUMN: KEY: MESSAGE", a line each. */
void config_problems_write(const struct config_problems *problems, const char *file_name, struct text *text);

void config_write_schema(struct text *json); /* JSON Schema, draft 2020-12 */
void config_write_manual(struct text *roff); /* the KEYS section of sealpost.yaml(5) */
void config_write_effective(const struct config *config, struct text *yaml);
/* The same as one JSON object: keys and values as in the file; on one line, without its end. */
void config_write_effective_json(const struct config *config, struct text *json);

#endif

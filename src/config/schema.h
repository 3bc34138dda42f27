/* The schema: one row a key, from which the parser, the defaults, the JSON Schema and the manual are made.
 * Promises: a key that is not here does not exist; every row says its type, its default, what is allowed and what it
 * is for. Does not know: how a value is read (value.c), nor relations between keys (config.c). */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "config/config.h"

enum { CONFIG_LIST_MOST = 64 };

enum value_type {
	TYPE_SECTION,   /* a mapping; its rows follow with its path before theirs */
	TYPE_TEXT,      /* struct view */
	TYPE_LABEL,     /* struct view: letters, digits, hyphens */
	TYPE_NAME,      /* struct view: underscores too */
	TYPE_HOST,      /* struct view: a host name, made lower-case */
	TYPE_DNS_NAME,  /* struct view: as a host name, underscores too */
	TYPE_SELECTOR,  /* struct view: RFC 6376 3.1 */
	TYPE_PATH,      /* struct view */
	TYPE_URL,       /* struct view: https:// or http://, without a slash at the end */
	TYPE_ADDRESS,   /* struct view: an address without a port */
	TYPE_TARGET,    /* struct view: an address, ADDRESS:PORT or a host name */
	TYPE_BOOLEAN,   /* bool */
	TYPE_ENUM,      /* unsigned: index in names */
	TYPE_COUNT,     /* uint64_t */
	TYPE_SIZE,      /* uint64_t bytes */
	TYPE_RATE,      /* uint64_t a second: 10/s */
	TYPE_DAILY,     /* uint64_t a day: 100000/d */
	TYPE_DURATION,  /* int64_t microseconds */
	TYPE_ENDPOINT,  /* struct endpoint: ADDRESS:PORT */
	TYPE_PATHS,     /* struct config_texts, each a path */
	TYPE_ADDRESSES, /* struct config_texts, each an address */
	TYPE_ENDPOINTS, /* struct config_endpoints */
	TYPE_LIST,      /* of mappings: pointer at offset, count at count_offset */
};

struct schema_row {
	const char *path; /* "limits.rate"; within a list the item's own keys */
	enum value_type type;
	size_t offset;
	const char *fallback;     /* YAML text of the default; "": may be empty; NULL: required or computed */
	uint64_t least, most;     /* COUNT, SIZE, RATE, DAILY as they are; DURATION in seconds */
	const char *const *names; /* ENUM; ended by NULL */
	const char *description;
	/* LIST */
	const struct schema_row *items;
	size_t item_count, item_size, count_offset;
	bool required;
};

extern const struct schema_row schema_rows[];
extern const size_t schema_row_count;

/* The form of a value, for messages and the manual: "a duration such as 30s, 5m, 4h or 3d". */
const char *value_type_form(enum value_type type);
/* Of a list of simple values, the type of one; TYPE_SECTION for what is no such list. */
enum value_type value_type_of_item(enum value_type type);
/* Reads text into the field at base + offset. False: *why, made in the arena. */
bool value_read(const struct schema_row *row, struct view text, void *base, struct arena *arena, struct view *why);
/* The field as YAML text. */
void value_write(const struct schema_row *row, const void *base, struct text *yaml);
/* "64KiB": a number of one of the types that have units. */
void value_write_number(enum value_type type, uint64_t number, struct text *text);

/* The row's own key when it stands directly in the section of this prefix ("limits."), else empty. */
struct view schema_key_within(const struct schema_row *row, struct view prefix);

#endif

/* The inside of DNS, for its own files.
 * Promises: nothing here waits for the network.
 * Does not know: tasks. */
#ifndef NET_DNS_PRIVATE_H
#define NET_DNS_PRIVATE_H

#include "net/dns.h"
#include "net/dns_large.h"

/* One record's data, in wire form without compression, as task/dns.h has it. False: malformed. */
bool dns_record_read(enum dns_type type, struct view wire, struct arena *arena, struct dns_record *record);

/* Most of a zone file that is read. */
enum { DNS_ZONE_FILE_MOST = 16 * 1024 * 1024 };

/* Takes the zones of one file apart, gives each to add with its name (with the last dot) and its text. False:
 * *problem says why, or add said no. */
bool dns_zones_split(struct view file, bool (*add)(void *context, struct view name, struct view zone), void *context,
                     struct text *problem);

enum dns_context_kind {
	DNS_CONTEXT_KEPT,  /* answers live for their time */
	DNS_CONTEXT_FRESH, /* nothing is kept */
	DNS_CONTEXT_COUNT,
};

/* Writes an unbound.conf(5) at path, and the zones beside, for a context of that kind. large: takes what no message
 * can carry of them; NULL: nobody does. False: *problem. */
bool dns_config_write(const struct dns_settings *settings, const char *path, enum dns_context_kind kind,
                      struct dns_large *large, struct text *problem);

#endif

/* Names as SPF's evaluation has them (RFC 7208 4.3, 4.8, 7.3; RFC 8616 4).
 * Promises: what is no name is never asked for.
 * Does not know: records, DNS. For spf_check.c. */
#ifndef MAIL_SPF_NAME_H
#define MAIL_SPF_NAME_H

#include "mail/spf_check.h"

/* Without the last dot: at least so many labels, none empty, none longer than 63 octets, 253 in all. */
bool spf_is_name(struct view name, size_t labels_least);
/* As DNS is asked for it: there a backslash begins an escape (RFC 1035 5.1), in a sender it is one octet. */
struct view spf_name_for_dns(struct view name, struct arena *arena);
struct view spf_without_last_dot(struct view name);
/* RFC 7208 7.3: from the left whole labels go until it fits. Without the last dot. */
struct view spf_shorten(struct view name);
bool spf_is_at_or_below(struct view name, struct view domain);
/* RFC 8616 4: what holds %{s} or %{l} of a local-part beyond ASCII names nothing. */
bool spf_names_nothing(struct view sender, struct view spec);
/* RFC 7208 2.4, 4.3: without a local-part it is postmaster's, without a domain HELO's. RFC 8616 4: the domain in
 * A-labels. */
struct view spf_sender(const struct spf_client *client, struct arena *arena);

#endif

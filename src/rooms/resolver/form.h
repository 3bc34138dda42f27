/* What has befallen a record on its way into DNS: forms of providers cut, quote, double and misplace.
 * Promises: a clause only where the record seen is the wanted one but for that mistake.
 * Does not know: DNS, or what the record is for. */
#ifndef ROOMS_RESOLVER_FORM_H
#define ROOMS_RESOLVER_FORM_H

#include "base/view.h"

/* seen: as DNS has it. wanted: the whole value that belongs there. A clause that begins with "the record"; it lives
 * for ever. Empty: it is another record, or the right one. */
struct view form_mistake(struct view seen, struct view wanted);

#endif

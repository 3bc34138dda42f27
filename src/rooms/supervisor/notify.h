/* Tells systemd how the service does (sd_notify(3), the protocol in its own words: a datagram of KEY=VALUE lines).
 * Promises: nothing happens where no NOTIFY_SOCKET is set; never blocks.
 * Does not know: rooms. */
#ifndef ROOMS_SUPERVISOR_NOTIFY_H
#define ROOMS_SUPERVISOR_NOTIFY_H

#include "base/view.h"

void notify(struct view state); /* "READY=1", "RELOADING=1\nMONOTONIC_USEC=...", "STOPPING=1" */

#endif

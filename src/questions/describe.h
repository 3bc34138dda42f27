/* Helpers for describing the structs of questions, and the limits that their texts share.
 * Promises: constants only, and macros without control flow.
 * Does not know: any question. */
#ifndef QUESTIONS_DESCRIBE_H
#define QUESTIONS_DESCRIBE_H

#include "ipc/wire.h"

enum {
	NAME_MOST = 1024,       /* an account's, a domain's, an address's, a key's */
	LINE_MOST = 8192,       /* a reason, a reply, a header line */
	PARAGRAPH_MOST = 65536, /* a refusal text of several lines, a dialogue, a TXT record */
};

#define WIRE_ENUM(wire, field, type, most) ((field) = (type)wire_enum((wire), (unsigned)(field), (unsigned)(most)))

#endif

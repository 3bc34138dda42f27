/* Look-ups as the rules of mail/ ask for them: a function comes in, no DNS stands here.
 * Promises: FAILED (asked in vain) is never mixed up with NONE (there is nothing).
 * Does not know: who answers. */
#ifndef MAIL_LOOKUP_H
#define MAIL_LOOKUP_H

#include "base/arena.h"

enum txt_status { TXT_FOUND, TXT_NONE, TXT_FAILED };

struct txt_answer {
	enum txt_status status;
	struct view *texts; /* each record's strings joined without a space; in the arena */
	size_t count;
	bool through_alias;
	struct view alias;  /* through_alias: where it leads */
	bool no_such_name;  /* NONE: the name itself does not exist */
	struct view detail; /* FAILED: why */
};

struct txt_lookup {
	void *context;
	void (*txt)(void *context, struct view name, struct arena *arena, struct txt_answer *answer);
};

/* ---- of all that SPF's evaluation asks for; and type SPF, which it does not, to explain why there is no record */

enum lookup_type { LOOKUP_A, LOOKUP_AAAA, LOOKUP_MX, LOOKUP_PTR, LOOKUP_TXT, LOOKUP_SPF };

struct lookup_answer {
	enum txt_status status;
	/* A, AAAA: the address' octets. MX, PTR: a name without the last dot; empty: the root. TXT, SPF: as above. */
	struct view *records;
	size_t count;
	struct view detail; /* FAILED: why */
};

struct dns_lookup {
	void *context;
	/* name: a backslash begins an escape (RFC 1035 5.1), as in the names of answers. */
	void (*lookup)(void *context, struct view name, enum lookup_type type, struct arena *arena,
	               struct lookup_answer *answer);
};

#endif

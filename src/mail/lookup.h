/* Look-ups of TXT records, as the rules of mail/ ask for them: a function comes in, no DNS stands here.
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
	bool no_such_name;  /* NONE: the name itself does not exist */
	struct view detail; /* FAILED: why */
};

struct txt_lookup {
	void *context;
	void (*txt)(void *context, struct view name, struct arena *arena, struct txt_answer *answer);
};

#endif

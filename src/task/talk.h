/* Talks: one side of a conversation, played from a script on a connection of the simulated world.
 * Promises: what the other side says is held against the script line by line; the first difference ends the talk and
 *   is told with the conversation so far; nothing is asserted inside the task.
 * Does not know: what is talked about. For tests alone. */
#ifndef TASK_TALK_H
#define TASK_TALK_H

#include "base/text.h"
#include "task/sim.h"

/* A script is lines:
 *   > TEXT      sends TEXT and CRLF; \r \n \0 \t and \\ stand for those bytes
 *   >> TEXT     sends TEXT alone
 *   < TEXT      a line comes that begins with TEXT; of a reply of several lines (RFC 5321 4.2.1) it is the last
 *   <* TEXT     of the reply that came, some line holds TEXT
 *   << TEXT     all up to "CRLF.CRLF" comes, and holds TEXT
 *   tls         a handshake, as client or server; tls fails: one that must fail
 *   wait N      N seconds pass
 *   quiet N     N seconds pass, and nothing comes
 *   drain       whatever comes is passed over until the other side closes
 *   end         the other side closes; or resets
 *   close       this side closes
 *   #           a remark
 * At the end of the script this side closes. */
struct talk {
	struct world *world;
	struct connection *connection; /* taken: closed at the end */
	struct tls_context *tls;       /* NULL: no tls in the script */
	enum tls_side side;
	const char *script;
	size_t chop; /* sends pieces of at most so many bytes; 0: all at once */
	/* what came of it */
	bool ended;
	struct text transcript;
	struct text problem; /* empty: all went as written */
};

void talk_play(struct talk *talk); /* (task) suspends */
void talk_deinit(struct talk *talk);

#endif

/* What the journal's records hold: one encoding for writing, replaying and checking.
 * Promises: what was written reads back the same; reading never goes past the bytes and holds every count to its
 *   limit; views that were read are lent by the bytes, arrays by the arena.
 * Does not know: where records lie. */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "base/text.h"
#include "store/store.h"

enum record_type {
	RECORD_ACCEPT = 1,   /* head: envelope and, with one, the payment; then the content */
	RECORD_MOVED,        /* the same, written again elsewhere; changes nothing but the place */
	RECORD_CHANGE,       /* what became of recipients */
	RECORD_ACCOUNT_HOLD, /* account, reason */
	RECORD_NOTICE_DROP,  /* a payment without a message */
};

struct record_accept {
	struct store_message message;
	bool has_payment;
	struct store_payment payment;
};

/* content is not written: it follows the head in the journal. */
void record_write_accept(const struct store_message *message, const struct store_payment *payment, struct text *head);
void record_write_change(const struct store_change *change, struct text *head);
void record_write_account_hold(struct view account, struct view reason, struct text *head);
void record_write_payment(const struct store_payment *payment, struct text *head);

/* *id is not in the bytes: it comes from the journal's header. False: malformed. */
bool record_read_accept(struct view bytes, const struct message_id *id, struct arena *arena,
                        struct record_accept *accept);
bool record_read_change(struct view bytes, const struct message_id *id, struct arena *arena,
                        struct store_change *change);
bool record_read_account_hold(struct view bytes, struct view *account, struct view *reason);
bool record_read_payment(struct view bytes, struct arena *arena, struct store_payment *payment);
/* Where the content of an accepted message starts in its bytes; SIZE_MAX: malformed. */
size_t record_content_offset(struct view bytes);

#endif

/* The inside of the queue, shared by its files.
 * Promises: nothing here suspends unless it says so.
 * Does not know: who asks. */
#ifndef ROOMS_QUEUE_QUEUE_PRIVATE_H
#define ROOMS_QUEUE_QUEUE_PRIVATE_H

#include "rooms/queue/queue.h"

/* changes.c: what the store told is durable, into memory and into the log. */
void queue_accepted(void *queue, const struct store_message *message, const struct store_payment *payment,
                    const struct store_stamp *stamp);
void queue_changed(void *queue, const struct store_change *change, const struct store_stamp *stamp);
void queue_account_held(void *queue, struct view account, struct view reason);
/* What is said to the log of one recipient. */
struct queue_event_source {
	const struct store_change *change;
	const struct store_change_row *row;
	uint64_t seq;
};

/* loader.c: tasks. */
void queue_wake_task(void *queue);
void queue_load_task(void *queue);
void queue_scan_task(void *queue);
void queue_expire_task(void *queue);

/* leases.c */
struct lease *lease_new(struct queue *queue, const struct caller *caller, const struct message_id *id);
struct lease *lease_find(const struct queue *queue, uint64_t number, const struct caller *caller);
void lease_add(struct queue *queue, struct lease *lease, struct row *row);
/* The row leaves its lease, which ends with its last row. The row is not freed. */
void lease_remove(struct queue *queue, struct row *row);
/* Every row that is left waits again, due now. */
void lease_return(struct queue *queue, struct lease *lease);
/* Its rows are on their way to be held, with the reason; they stay in the lease until that is durable. */
void lease_hold(struct queue *queue, struct lease *lease, struct view reason);
void lease_end_notice(struct queue *queue, struct lease *lease, int64_t due);
void leases_deinit(struct queue *queue);
/* Suspends. A lease on those of the recipients that are alive and nobody else's, whether their rows are here or not;
 * NULL: none is. */
struct lease *lease_adopt(struct queue *queue, const struct caller *caller, const struct message_id *id,
                          const uint32_t *indexes, size_t count);

/* shares.c: how many of a delivery process's jobs one site may hold: SHARE_FIRST until it answers, one more for each
 * answer, and, but for the first, no more than are free beside them. So sites that never answer leave room for
 * others.
 */
bool share_has_room(struct queue *queue, const struct caller *caller, struct view domain, size_t spare);
void share_enter(struct queue *queue, struct lease *lease, struct view domain);
void share_leave(struct queue *queue, struct lease *lease);
void share_answered(struct lease *lease);
void shares_deinit(struct queue *queue);

/* suspects.c: what was being tried when a delivery process died. Of the messages that were there at two deaths a
 * process tries one at a time; one that is there at the third is quarantined: held until it is released. Counted
 * until the message is reported on, in memory alone: a queue that starts again suspects nobody. */
void suspects_init(struct queue *queue);
void suspects_deinit(struct queue *queue);
void suspects_blame(struct queue *queue, const struct caller *caller); /* it died: before its leases return */
/* The lease is about to return. When it is due again, where that is not the queue's to say (a notice); a message that
 * must not be tried again is on its way to be held. */
int64_t suspect_return(struct queue *queue, struct lease *lease);
/* True: the rows, of one message, were made to wait, since the caller has another suspect. */
bool suspect_must_wait(struct queue *queue, const struct caller *caller, struct row *const *rows, size_t count);
void suspect_clear(struct queue *queue, const struct message_id *id);

/* envelope.c: what the store keeps for us as `extra`. */
void envelope_pack(const struct envelope *envelope, struct text *extra);
bool envelope_unpack(struct view account, struct view sender, struct view extra, struct arena *arena,
                     struct envelope *envelope);

/* retry.c */
int64_t retry_due(struct queue *queue, const struct message *message, uint32_t attempts, bool warned);
bool retry_wants_warning(const struct queue *queue, const struct message *message, bool warned);
uint8_t owes_for(enum fate fate, struct view sender);

/* notices.c */
void debts_init(struct queue *queue);
void debts_deinit(struct queue *queue);
bool debts_load(struct queue *queue); /* suspends */
void debt_add(struct queue *queue, const struct message_id *about, enum store_notice notice, int64_t due);
void debt_paid(struct queue *queue, const struct store_payment *payment);
struct debt *debt_next(struct queue *queue); /* due now and leased to nobody; NULL: none */
void debt_return(struct queue *queue, const struct store_debt_key *key, int64_t due);
int64_t debts_due(const struct queue *queue);

/* The answers, a file each. */
void answer_submit(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena);
void answer_room(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena);
void answer_take(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena);
void answer_report(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena);
void answer_hello(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena);
void answer_notice_done(void *room, const struct caller *caller, const void *request, void *answer,
                        struct arena *arena);
void answer_list(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena);
void answer_summary(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena);
void answer_act(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena);
void answer_token_back(void *room, const struct caller *caller, const void *request, void *answer,
                       struct arena *arena);
void answer_trace(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena);
void answer_search(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena);
void answer_check(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena);

enum submit_result submit_result_of(enum store_outcome outcome);
struct view submit_why(enum submit_result result);
/* What a store_message says of a submission; extra must outlive it. */
void submission_message(struct queue *queue, const struct submit_request *request, const struct text *extra,
                        struct arena *arena, struct store_message *message);
/* The site of a domain as far as it is known; else the domain. Lent until the next report. */
struct view site_of(const struct queue *queue, struct view domain);
void site_note(struct queue *queue, struct view domain, struct view site);
/* The state that people are shown: a leased row says so. */
enum queue_state shown_state(const struct queue *queue, const struct store_row *row);
bool row_matches(const struct queue *queue, const struct queue_filter *filter, const struct store_row *row);
struct store_filter filter_for_store(const struct queue_filter *filter);

#endif

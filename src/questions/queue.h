/* What the queue is asked: keep this message, give me work, this is what became of it, and what the operator wants.
 * Promises: submit answers STORED only when the message is on stable storage; submit and report may be asked again.
 * Does not know: what is in a message. */
#ifndef QUESTIONS_QUEUE_H
#define QUESTIONS_QUEUE_H

#include "base/id.h"
#include "base/verdict.h"
#include "questions/resolver.h"

/* ---- submission: submit */

struct submit_recipient {
	struct view address; /* as given, without the angle brackets */
	struct view domain;  /* ASCII, lower case */
};
#define RECIPIENTS_MOST 100000u

struct envelope {
	struct view account;
	struct view as_typed;
	struct view sender;                                  /* reverse-path without the angle brackets; empty: <> */
	struct view identity_domains[IDENTITY_DOMAINS_MOST]; /* whose token must still pass when it leaves */
	size_t identity_domain_count;
	enum requirement require_token; /* in force when it was accepted */
	bool eight_bit;                 /* needs 8BITMIME at the next hop */
	struct view hold_reason;        /* accepted on hold; empty: not */
};

enum submit_result {
	SUBMIT_STORED,
	SUBMIT_FULL,    /* below the reserve: 452 4.3.1 */
	SUBMIT_LATER,   /* 451 4.3.0 */
	SUBMIT_UNKNOWN, /* ask again with repeat */
};
struct submit_request {
	struct message_id id;
	bool repeat;      /* this id may have been submitted before */
	int64_t accepted; /* wall time */
	struct envelope envelope;
	struct submit_recipient *recipients;
	size_t recipient_count;
	struct view content; /* bulk */
};
struct submit_answer {
	enum submit_result result;
	struct view why;
};
extern const struct question queue_submit_question;
enum asked queue_submit(struct peer *queue, const struct submit_request *request, struct submit_answer *answer,
                        struct arena *arena, int64_t deadline);
/* Room for mail at all? Asked before DATA; cheap, the asker remembers it for a second. */
struct room_request {
	uint64_t size;
};
extern const struct question queue_room_question;
enum asked queue_room(struct peer *queue, const struct room_request *request, struct submit_answer *answer,
                      struct arena *arena, int64_t deadline);

/* ---- delivery: take */

enum job_kind {
	JOB_MESSAGE,
	JOB_NOTICE, /* a notice about this message is owed: compose it, submit it with notice_done */
};
enum notice_kind { NOTICE_FAILURE, NOTICE_DELAY };

struct job_recipient {
	uint32_t index; /* within the message */
	struct view address;
	uint32_t attempts; /* before this one */
	/* NOTICE: what happened. */
	struct verdict verdict;
	struct view remote;
	int64_t last_attempt; /* wall time; 0: never tried */
};
struct job {
	enum job_kind kind;
	uint64_t lease; /* named by every report */
	struct message_id id;
	int64_t accepted; /* wall time */
	int64_t expires;  /* wall time */
	struct envelope envelope;
	struct view domain; /* MESSAGE: the recipients' domain */
	enum notice_kind notice;
	struct job_recipient *recipients;
	size_t recipient_count;
	struct view content; /* NOTICE: only the header, at most 16 KiB */
};
struct take_request {
	uint32_t most;    /* jobs in the answer */
	uint32_t room;    /* jobs that could be run beside those that are */
	int64_t patience; /* microseconds to wait for the first one */
};
struct take_answer {
	struct job *jobs;
	size_t job_count;
};
extern const struct question queue_take_question;
enum asked queue_take(struct peer *queue, const struct take_request *request, struct take_answer *answer,
                      struct arena *arena, int64_t deadline);

/* ---- delivery: report */

enum fate {
	FATE_DELIVERED,
	FATE_DEFERRED, /* not a fate: tried, will be tried again */
	FATE_BOUNCED,
	FATE_CAPTURED,
	FATE_HELD,     /* not a fate: the token is gone; asked again later */
	FATE_RETURNED, /* not a fate: not tried at all (site in back-off, shutting down) */
	FATE_EXPIRED,  /* the queue's own */
	FATE_CANCELLED,
	FATE_SUPPRESSED,
};
const char *fate_name(enum fate fate);
bool fate_is_final(enum fate fate);

struct report_row {
	uint32_t index; /* of the recipient */
	enum fate fate;
	struct verdict verdict;
	struct view class; /* bounce class: "bad-mailbox" ... */
};
struct report_request {
	uint64_t lease;
	struct message_id id;
	uint8_t attempt[16]; /* made by delivery: the same report asked again changes nothing */
	struct view site;
	struct view remote; /* "mx1.example.net [192.0.2.1]:25" */
	struct view egress;
	struct view tls;      /* "TLSv1.3 TLS_AES_256_GCM_SHA384"; empty: clear */
	struct view dialogue; /* of this attempt, at most 4 KiB */
	int64_t not_before;   /* DEFERRED, RETURNED: microseconds from now; 0: as the queue thinks right */
	int64_t duration;     /* microseconds */
	struct report_row *rows;
	size_t row_count;
};
struct report_answer {
	bool taken;         /* on stable storage (or known before) */
	uint64_t first_seq; /* of the final fates in rows, in their order */
};
extern const struct question queue_report_question;
enum asked queue_report(struct peer *queue, const struct report_request *request, struct report_answer *answer,
                        struct arena *arena, int64_t deadline);

/* ---- delivery: hello. First question to a queue of a new generation: what is still being tried here. */

struct running_job {
	uint64_t lease; /* of the former generation; the answer's order gives the new ones */
	struct message_id id;
	uint32_t *indexes;
	size_t index_count;
};
struct hello_request {
	struct running_job *jobs;
	size_t job_count;
};
struct hello_answer {
	uint64_t *leases; /* one for each job; 0: not known any more (ended) */
	size_t lease_count;
};
extern const struct question queue_hello_question;
enum asked queue_hello(struct peer *queue, const struct hello_request *request, struct hello_answer *answer,
                       struct arena *arena, int64_t deadline);

/* ---- delivery: notice_done. The composed notice is stored and the debt is forgotten, as one record. */

struct notice_done_request {
	uint64_t lease;
	struct message_id about;
	enum notice_kind notice;
	struct submit_request message; /* the notice itself, from <> */
};
extern const struct question queue_notice_done_question;
enum asked queue_notice_done(struct peer *queue, const struct notice_done_request *request,
                             struct submit_answer *answer, struct arena *arena, int64_t deadline);

/* ---- api */

enum queue_state { QUEUE_QUEUED, QUEUE_DEFERRED, QUEUE_HELD, QUEUE_LEASED };
#define QUEUE_STATE_COUNT (QUEUE_LEASED + 1)
const char *queue_state_name(enum queue_state state);

/* Which recipients are meant; empty fields do not restrict. */
struct queue_filter {
	bool has_id;
	struct message_id id;
	struct view account;
	struct view sender_domain;
	struct view recipient;
	struct view recipient_domain;
	struct view site;
	bool has_state;
	enum queue_state state;
};

struct queue_row {
	struct message_id id;
	uint32_t index;
	struct view account;
	struct view sender;
	struct view recipient;
	struct view site;
	enum queue_state state;
	uint32_t attempts;
	int64_t accepted;     /* wall time */
	int64_t next_attempt; /* wall time; 0: none (held) */
	int64_t expires;      /* wall time */
	uint64_t size;
	struct verdict last; /* of the last attempt; code 0: none yet */
	struct view remote;
	struct view reason; /* held: why */
};
struct queue_list_request {
	struct queue_filter filter;
	bool has_after; /* page cursor: rows after this one */
	struct message_id after;
	uint32_t after_index;
	uint32_t most;
};
struct queue_list_answer {
	struct queue_row *rows;
	size_t row_count;
	bool more;
};
extern const struct question queue_list_question;
enum asked queue_list(struct peer *queue, const struct queue_list_request *request, struct queue_list_answer *answer,
                      struct arena *arena, int64_t deadline);

struct summary_row {
	struct view account;
	struct view domain; /* recipients' */
	uint64_t recipients[QUEUE_STATE_COUNT];
	int64_t oldest; /* wall time */
};
struct queue_summary_request {
	uint32_t most; /* lanes, the largest first */
};
struct queue_summary_answer {
	uint64_t messages;
	uint64_t recipients[QUEUE_STATE_COUNT];
	uint64_t bytes;
	int64_t oldest; /* wall time; 0: empty */
	struct summary_row *rows;
	size_t row_count;
};
extern const struct question queue_summary_question;
enum asked queue_summary(struct peer *queue, const struct queue_summary_request *request,
                         struct queue_summary_answer *answer, struct arena *arena, int64_t deadline);

enum queue_action { ACTION_RETRY, ACTION_HOLD, ACTION_RELEASE, ACTION_CANCEL };
struct queue_act_request {
	enum queue_action action;
	struct queue_filter filter;
	struct view reason;
	bool whole_account; /* HOLD, RELEASE: filter.account is suspended or held as a whole, new mail included */
	bool all;           /* said in so many words, with an empty filter: the whole queue is meant */
};
struct queue_act_answer {
	uint64_t changed; /* recipients */
	enum change_result result;
	struct view why;
};
extern const struct question queue_act_question;
enum asked queue_act(struct peer *queue, const struct queue_act_request *request, struct queue_act_answer *answer,
                     struct arena *arena, int64_t deadline);

/* ---- resolver: a token of the account is back: what was held for want of one is let go. */

struct token_back_request {
	struct view account;
};
extern const struct question queue_token_back_question;
enum asked queue_token_back(struct peer *queue, const struct token_back_request *request,
                            struct queue_act_answer *answer, struct arena *arena, int64_t deadline);

/* ---- api */

/* One message's story: every recipient, live or ended. */
struct trace_row {
	uint32_t index;
	struct view recipient;
	bool ended;
	enum fate fate;         /* ended */
	enum queue_state state; /* live */
	uint32_t attempts;
	int64_t when; /* wall time of the last change */
	int64_t next_attempt;
	struct verdict verdict;
	struct view class;
	struct view site, remote, egress, tls;
	struct view dialogue;
	struct view reason;
	uint64_t seq;
};
struct trace_request {
	struct message_id id;
	bool content; /* give the stored message too, where it is still there */
};
struct trace_answer {
	bool found;
	struct view account;
	struct view sender;
	int64_t accepted; /* wall time */
	uint64_t size;
	struct trace_row *rows;
	size_t row_count;
	bool has_content;
	struct view content; /* bulk */
};
extern const struct question queue_trace_question;
enum asked queue_trace(struct peer *queue, const struct trace_request *request, struct trace_answer *answer,
                       struct arena *arena, int64_t deadline);

/* Ended recipients, newest first. */
struct search_request {
	struct view account, recipient, sender, domain;
	int64_t since, until; /* wall time; 0: open */
	uint64_t before_seq;  /* page cursor; 0: from the newest */
	uint32_t most;
};
struct search_row {
	struct message_id id;
	uint32_t index;
	uint64_t seq;
	struct view account, sender, recipient, site;
	enum fate fate;
	int64_t when;
	struct verdict verdict;
	struct view class, reason;
};
struct search_answer {
	struct search_row *rows;
	size_t row_count;
	bool more;
};
extern const struct question queue_search_question;
enum asked queue_search(struct peer *queue, const struct search_request *request, struct search_answer *answer,
                        struct arena *arena, int64_t deadline);

/* fsck, in slices: ask with the cursor of the last answer until done. Nothing of it is kept between two of them. */
struct queue_check_cursor {
	struct message_id next; /* zeros: begin */
	uint64_t checked;       /* messages so far */
};
struct queue_check_request {
	struct queue_check_cursor cursor;
};
struct queue_check_answer {
	bool is_read; /* false: the files cannot be read now, and nothing else is answered */
	struct queue_check_cursor cursor;
	bool done;
	uint64_t total;
	struct view *faults; /* for people */
	size_t fault_count;
};
extern const struct question queue_check_question;
enum asked queue_check(struct peer *queue, const struct queue_check_request *request,
                       struct queue_check_answer *answer, struct arena *arena, int64_t deadline);

extern const struct question *const queue_submission_questions[];
extern const struct question *const queue_delivery_questions[];
extern const struct question *const queue_resolver_questions[];
extern const struct question *const queue_api_questions[];

#endif

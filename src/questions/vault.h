/* What the vault is asked: logins, credit and seals by submission, grants and public keys by the resolver, the
 * service's own seal by delivery, accounts and domains by the api.
 * Promises: a seal needs a live login and a grant; private keys and passwords' verifiers never leave the vault.
 * Does not know: SMTP replies; whoever asks words those. */
#ifndef QUESTIONS_VAULT_H
#define QUESTIONS_VAULT_H

#include "base/verdict.h"
#include "mail/dkim.h"
#include "questions/wiring.h"

/* ---- shared */

enum requirement { REQUIRE_ENFORCE, REQUIRE_WARN, REQUIRE_OFF };
enum check { CHECK_TOKEN, CHECK_SPF, CHECK_DKIM, CHECK_DMARC };
#define CHECK_COUNT (CHECK_DMARC + 1)

/* A domain's keys in turn: one pair seals, the next one waits until DNS shows it everywhere, the one before is kept
 * for as long as it may be needed again. */
enum key_phase { KEY_ACTIVE, KEY_NEXT, KEY_OLD };
#define KEY_PHASE_COUNT (KEY_OLD + 1)

/* One key of a domain, its public half. */
struct public_key {
	struct view selector;
	enum dkim_algorithm algorithm;
	enum key_phase phase;
	int64_t since;   /* wall time; 0: from the beginning */
	struct view key; /* RSA: SubjectPublicKeyInfo, DER; Ed25519: 32 bytes */
};
#define DOMAIN_KEYS_MOST 8u

/* ---- submission: authenticate */

enum authentication {
	AUTHENTICATION_OK,
	AUTHENTICATION_WRONG, /* name or password; not told which */
	AUTHENTICATION_SUSPENDED,
	AUTHENTICATION_NETWORK,  /* this client's network is not allowed for the account */
	AUTHENTICATION_BUSY,     /* too many guesses or too much hashing at once: 454 4.7.0 */
	AUTHENTICATION_TOO_MANY, /* sessions of this account */
};

struct authenticate_request {
	struct view name;
	struct view password;
	struct view client; /* address without port, as text */
};
struct authenticate_answer {
	enum authentication result;
	int64_t delay;        /* microseconds to wait before the client is told (guessing) */
	uint64_t login;       /* handle, bound to the asking connection; ended by logout or with the connection */
	struct view account;  /* lower case */
	struct view as_typed; /* as it was spelled at account add: yields a valid token too */
	uint64_t message_size;
	uint32_t recipients; /* most per message */
	bool may_send;       /* within its rate and quota now, and on no hold */
	enum requirement require[CHECK_COUNT];
};
extern const struct question vault_authenticate_question;
enum asked vault_authenticate(struct peer *vault, const struct authenticate_request *request,
                              struct authenticate_answer *answer, struct arena *arena, int64_t deadline);

/* ---- submission: credit. Before the first RCPT of each transaction the session asks for what it may need next. A
 * session that sends one message after another is given more than it asked for, so that it need not ask each time;
 * what it does not use it gives back with its next question or at its end. */

enum credit_result {
	CREDIT_GRANTED,
	CREDIT_WAIT,      /* above the rate: ask again after wait */
	CREDIT_QUOTA,     /* the day's quota is used up; wait tells until when */
	CREDIT_SUSPENDED, /* the account was suspended or removed since: 421 */
	CREDIT_NO_LOGIN,  /* the handle is not known (the vault was restarted): 421, the client logs in again */
};
struct credit_request {
	uint64_t login;
	uint32_t recipients; /* to take; 0: only ask whether the account may go on */
	uint32_t unused;     /* of the spare given before */
};
#define CREDIT_SPARE_FOR (200 * MILLISECOND) /* so long after a change of the account old spares are still used */
struct credit_answer {
	enum credit_result result;
	uint32_t spare;     /* recipients taken besides, good for CREDIT_SPARE_FOR */
	int64_t wait;       /* microseconds; GRANTED: before the next one, 0 for none */
	bool held;          /* the account is on hold: mail is accepted and kept */
	struct view reason; /* of hold or suspension */
};
extern const struct question vault_credit_question;
enum asked vault_credit(struct peer *vault, const struct credit_request *request, struct credit_answer *answer,
                        struct arena *arena, int64_t deadline);

struct logout_request {
	uint64_t login;
	uint32_t unused; /* of the spare */
};
struct empty_answer {
	uint8_t unused;
};
extern const struct question vault_logout_question;
enum asked vault_logout(struct peer *vault, const struct logout_request *request, struct empty_answer *answer,
                        struct arena *arena, int64_t deadline);

/* ---- submission: sign. One question a message, for all its seals. */

struct seal_request {
	struct view selector;
	uint8_t digest[32]; /* SHA-256 of the canonicalized header fields */
};
#define SEALS_MOST 4u
struct sign_request {
	uint64_t login;
	struct view domain; /* ASCII, lower case */
	struct seal_request seals[SEALS_MOST];
	size_t seal_count;
};
enum sign_result {
	SIGN_OK,
	SIGN_NO_LOGIN,
	SIGN_NO_GRANT, /* no passing token known to the vault: ask the resolver again */
	SIGN_NO_KEY,
	SIGN_TOO_MANY, /* rate limit of signatures */
	SIGN_FAILED,
};
struct sign_answer {
	enum sign_result result;
	struct view signatures[SEALS_MOST]; /* raw bytes */
	size_t signature_count;
};
extern const struct question vault_sign_question;
enum asked vault_sign(struct peer *vault, const struct sign_request *request, struct sign_answer *answer,
                      struct arena *arena, int64_t deadline);

/* ---- delivery: the service's own seal, for notices. Same structs; login is not looked at, the domain is given. */
extern const struct question vault_sign_service_question;
enum asked vault_sign_service(struct peer *vault, const struct sign_request *request, struct sign_answer *answer,
                              struct arena *arena, int64_t deadline);

/* ---- resolver (and delivery, for the service's domain): public keys */

struct domain_keys_request {
	struct view domain;
	struct view account; /* on whose behalf keys may be made; empty: the operator's */
	bool make;           /* make the usual keys when the domain has none */
};
enum domain_keys_result {
	DOMAIN_KEYS_OK,
	DOMAIN_KEYS_NONE,     /* and none were to be made */
	DOMAIN_KEYS_TOO_MANY, /* limits.new_domains of this account for today */
	DOMAIN_KEYS_FAILED,
};
struct domain_keys_answer {
	enum domain_keys_result result;
	struct public_key keys[DOMAIN_KEYS_MOST]; /* by phase */
	size_t key_count;
};
extern const struct question vault_domain_keys_question;
enum asked vault_domain_keys(struct peer *vault, const struct domain_keys_request *request,
                             struct domain_keys_answer *answer, struct arena *arena, int64_t deadline);

/* ---- resolver: grant. The token of account passes at domain for so long; 0 takes it back. */

struct grant_request {
	struct view account;
	struct view domain;
	int64_t duration; /* microseconds from now */
};
extern const struct question vault_grant_question;
enum asked vault_grant(struct peer *vault, const struct grant_request *request, struct empty_answer *answer,
                       struct arena *arena, int64_t deadline);

/* ---- resolver: DNS shows the next key wherever it is asked; from now on it seals. */

struct activate_request {
	struct view domain;
};
struct activate_answer {
	bool activated; /* false: there is no next key */
};
extern const struct question vault_activate_question;
enum asked vault_activate(struct peer *vault, const struct activate_request *request, struct activate_answer *answer,
                          struct arena *arena, int64_t deadline);

/* ---- api: accounts */

enum account_state {
	ACCOUNT_ACTIVE,
	ACCOUNT_SUSPENDED,
	ACCOUNT_HELD,
	ACCOUNT_REMOVED,
	ACCOUNT_SUSPENDED_HELD, /* both: each ends by itself */
};
#define ACCOUNT_STATE_COUNT (ACCOUNT_SUSPENDED_HELD + 1)

struct account_row {
	struct view name;
	struct view as_typed;
	struct view label;
	enum account_state state;
	struct view reason;
	int64_t created;           /* wall time */
	int64_t last_login;        /* wall time; 0: never */
	uint32_t passwords;        /* alive: 1 or 2 */
	struct view password_kind; /* "generated", "chosen", "imported" */
	/* Settings: what was set for the account, or the service's default (then the bit in is_default is set). */
	struct view settings; /* JSON object, key to value, of all settings in force */
	uint64_t used_today;  /* recipients */
};

enum account_change {
	ACCOUNT_ADD,
	ACCOUNT_SET,
	ACCOUNT_ROTATE, /* a second live password; the older of two ends */
	ACCOUNT_SUSPEND,
	ACCOUNT_RESUME,
	ACCOUNT_HOLD,
	ACCOUNT_RELEASE,
	ACCOUNT_REMOVE,
};
enum password_source { PASSWORD_GENERATED, PASSWORD_CHOSEN, PASSWORD_HASH };

struct account_change_request {
	enum account_change change;
	struct view name;
	enum password_source password_source; /* ADD, ROTATE */
	struct view password;                 /* CHOSEN: the password; HASH: crypt(3) text */
	struct view label;                    /* ADD */
	struct view reason;                   /* SUSPEND, HOLD */
	struct view *assignments;             /* SET: "key=value" each; an empty value: back to the default */
	size_t assignment_count;
};
enum change_result {
	CHANGE_DONE,
	CHANGE_ABSENT,  /* no such account or domain */
	CHANGE_EXISTS,  /* or existed once: names are never used again */
	CHANGE_INVALID, /* why says what is allowed */
	CHANGE_FAILED,  /* disk */
};
struct account_change_answer {
	enum change_result result;
	struct view why;
	struct view account;
	enum account_state state; /* afterwards */
	struct view password;     /* ADD and ROTATE with a generated one: shown once */
	struct view token;        /* TXT value to publish */
};
extern const struct question vault_account_change_question;
enum asked vault_account_change(struct peer *vault, const struct account_change_request *request,
                                struct account_change_answer *answer, struct arena *arena, int64_t deadline);

struct account_list_request {
	struct view name;  /* one account; empty: a page of all */
	struct view after; /* the page's cursor: names greater than this */
	uint32_t most;
};
struct account_list_answer {
	struct account_row *rows;
	size_t row_count;
	bool more;
};
extern const struct question vault_account_list_question;
enum asked vault_account_list(struct peer *vault, const struct account_list_request *request,
                              struct account_list_answer *answer, struct arena *arena, int64_t deadline);

/* ---- api: domains */

struct domain_row {
	struct view domain;
	struct public_key keys[DOMAIN_KEYS_MOST];
	size_t key_count;
	int64_t created;       /* wall time */
	struct view made_for;  /* the account whose first attempt made the keys; empty: the operator */
	struct view *accounts; /* that hold a grant now */
	size_t account_count;
};
struct domain_list_request {
	struct view domain; /* one; empty: a page */
	struct view after;
	uint32_t most;
};
struct domain_list_answer {
	struct domain_row *rows;
	size_t row_count;
	bool more;
};
extern const struct question vault_domain_list_question;
enum asked vault_domain_list(struct peer *vault, const struct domain_list_request *request,
                             struct domain_list_answer *answer, struct arena *arena, int64_t deadline);

enum domain_change { DOMAIN_ADD, DOMAIN_REMOVE, DOMAIN_ROTATE };
struct domain_change_request {
	enum domain_change change;
	struct view domain;
	struct view key;      /* PEM of an existing private key; empty: make the usual ones */
	struct view selector; /* with key */
};
struct domain_change_answer {
	enum change_result result;
	struct view why;
	struct public_key keys[DOMAIN_KEYS_MOST];
	size_t key_count;
};
extern const struct question vault_domain_change_question;
enum asked vault_domain_change(struct peer *vault, const struct domain_change_request *request,
                               struct domain_change_answer *answer, struct arena *arena, int64_t deadline);

extern const struct question *const vault_submission_questions[];
extern const struct question *const vault_resolver_questions[];
extern const struct question *const vault_delivery_questions[];
extern const struct question *const vault_api_questions[];

#endif

/* The api: HTTP for the operator's command and for programs. It reaches the others' data only by asking them.
 * Promises: one table of routes serves dispatch and the OpenAPI description; errors are problem details (RFC 9457);
 *   bodies, headers and the number of requests under way are bounded; no answer waits on the loop.
 * Does not know: files, databases. */
#ifndef ROOMS_API_API_H
#define ROOMS_API_API_H

#include "base/json.h"
#include "questions/queue.h"
#include "rooms/room.h"

enum { BODY_MOST = 1024 * 1024, ANSWER_MOST = 64 * 1024 * 1024, PATH_PARTS_MOST = 8, REQUESTS_MOST = 256 };

struct MHD_Connection;
struct MHD_Daemon;

struct api {
	struct room_frame *frame;
	struct MHD_Daemon *daemon;
	struct task_group requests;
	int64_t answered;
};

/* One request, handled by a task of its own; its answer is sent when the task is done. */
struct api_request {
	struct api *api;
	struct MHD_Connection *connection;
	bool is_operator; /* came over the unix socket */
	const struct api_route *route;
	struct text method;
	struct text path;
	struct view parts[PATH_PARTS_MOST]; /* of the path, decoded, without v1 */
	size_t part_count;
	struct text body;
	bool body_too_large;
	void *root; /* of the body (body.c); NULL: none */
	struct arena arena;
	struct text answer;
	struct json out; /* on answer */
	unsigned status;
	const char *content_type;
	bool started; /* the task runs or has run */
	bool done;
};

struct api_route {
	const char *method;
	const char *path; /* "/v1/accounts/{name}" */
	void (*handle)(struct api_request *request);
	const char *summary;
	bool is_public; /* also on TCP */
};

extern const struct api_route api_routes[];
extern const size_t api_route_count;

struct api *api_start(struct room_frame *frame, struct text *problem);
void api_free(struct api *api);

/* ---- for the handlers */

struct peer *api_peer(const struct api_request *request, enum room room);
int64_t api_deadline(const struct api_request *request, int64_t patience);
/* Query argument, or empty. */
struct view api_query(const struct api_request *request, const char *name);
uint64_t api_query_number(const struct api_request *request, const char *name, uint64_t fallback);
/* Member of the body, or empty. */
struct view api_member(const struct api_request *request, const char *name);
bool api_member_is_true(const struct api_request *request, const char *name);
struct api_body_key {
	const char *name;
	bool is_flag; /* true or false; otherwise a string */
};
/* False: another member, or one of another type, which was told. For what must not be misread as "all". */
bool api_body_holds_only(struct api_request *request, const struct api_body_key *keys, size_t count);
/* All members of the body as "key=value", in the arena; null and what is composed has an empty value. */
size_t api_assignments(struct api_request *request, struct view **assignments);
/* False: the problem was told. */
bool api_body_read(struct api_request *request);
void api_body_free(struct api_request *request);
/* A problem (RFC 9457); replaces what was written. */
__attribute__((format(printf, 3, 4))) void api_problem(struct api_request *request, unsigned status,
                                                       const char *format, ...);
/* The room asked did not answer. */
void api_problem_asked(struct api_request *request, enum asked asked, enum room room);
void api_member_time(struct api_request *request, const char *name, int64_t wall); /* left out when 0 */
void api_member_id(struct api_request *request, const char *name, const struct message_id *id);

/* ---- handlers */
void handle_accounts_list(struct api_request *request);
void handle_account_add(struct api_request *request);
void handle_account_show(struct api_request *request);
void handle_account_set(struct api_request *request);
void handle_account_remove(struct api_request *request);
void handle_account_action(struct api_request *request);
void handle_domains_list(struct api_request *request);
void handle_domain_add(struct api_request *request);
void handle_domain_show(struct api_request *request);
void handle_domain_remove(struct api_request *request);
void handle_domain_rotate(struct api_request *request);
void handle_domain_records(struct api_request *request);
void handle_domain_check(struct api_request *request);
void handle_service_records(struct api_request *request);
void handle_queue_summary(struct api_request *request);
void handle_queue_list(struct api_request *request);
void handle_queue_action(struct api_request *request);
void handle_queue_check(struct api_request *request);
void handle_trace(struct api_request *request);
void handle_content(struct api_request *request);
void handle_search(struct api_request *request);
void handle_events(struct api_request *request);
void handle_metrics(struct api_request *request);
void handle_health(struct api_request *request);
void handle_ready(struct api_request *request);
void handle_status(struct api_request *request);
void handle_reload(struct api_request *request);
void handle_openapi(struct api_request *request);

#endif

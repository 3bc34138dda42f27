#include "store/rows.h"

#include "base/bytes.h"

void row_bind_verdict(sqlite3_stmt *statement, int place, const struct verdict *verdict)
{
	const struct enhanced_status *status = &verdict->status;
	sql_bind_integer(statement, place, verdict->outcome);
	sql_bind_integer(statement, place + 1, verdict->code);
	sql_bind_integer(statement, place + 2,
	                 (int64_t)status->class << 32 | (int64_t)status->subject << 16 | status->detail);
	sql_bind_text(statement, place + 3, verdict->why);
}

struct verdict row_verdict(sqlite3_stmt *statement, int column, struct arena *arena)
{
	const int64_t outcome = sql_integer(statement, column);
	const int64_t status = sql_integer(statement, column + 2);
	return (struct verdict){
		.outcome = outcome < 0 || outcome > OUTCOME_NEVER ? OUTCOME_LATER : (enum outcome)outcome,
		.code = (uint16_t)sql_integer(statement, column + 1),
		.status = { .class = (uint8_t)(status >> 32),
		            .subject = (uint16_t)(status >> 16),
		            .detail = (uint16_t)status },
		.why = arena_copy(arena, sql_view(statement, column + 3)),
	};
}

void row_id(struct view bytes, struct message_id *id)
{
	*id = (struct message_id){ 0 };
	if (bytes.length == sizeof(id->bytes))
		bytes_copy(id->bytes, sizeof(id->bytes), bytes);
}

#include "task/connection.h"

#include "task/world.h"

enum { STREAK_MOST = 16 };

/* Who sends faster than we read would never let the reader wait, and so nobody else run. */
static void let_others_run(struct connection *connection)
{
	if (++connection->streak < STREAK_MOST || task_current() == NULL)
		return;
	connection->streak = 0;
	task_yield();
}

enum io_result connection_read(struct connection *connection, char *into, size_t capacity, int64_t deadline,
                               size_t *length)
{
	if (connection->problem[0] != '\0')
		return IO_FAILED;
	let_others_run(connection);
	return connection->operations->read(connection, into, capacity, deadline, length);
}

enum io_result connection_write(struct connection *connection, struct view bytes, int64_t deadline)
{
	if (connection->problem[0] != '\0')
		return IO_FAILED;
	return connection->operations->write(connection, bytes, deadline);
}

void connection_close(struct connection *connection)
{
	if (connection == NULL)
		return;
	connection->operations->close(connection);
	free(connection);
}

struct view connection_problem(const struct connection *connection)
{
	return view_of(connection->problem);
}

int connection_descriptor(const struct connection *connection)
{
	return connection->descriptor;
}

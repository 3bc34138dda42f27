#include "task/connection.h"

#include "task/world.h"

enum io_result connection_read(struct connection *connection, char *into, size_t capacity, int64_t deadline,
                               size_t *length)
{
	return connection->operations->read(connection, into, capacity, deadline, length);
}

enum io_result connection_write(struct connection *connection, struct view bytes, int64_t deadline)
{
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

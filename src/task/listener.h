/* A listener, as the worlds that make them see it.
 * Promises: listener_name and listener_free work on that of any world.
 * Does not know: what is listened to. For task/ alone. */
#ifndef TASK_LISTENER_H
#define TASK_LISTENER_H

struct listener {
	void (*free)(struct listener *listener); /* stops to listen, and frees */
	char name[80];
};

#endif

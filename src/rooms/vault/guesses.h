/* Password guessing: failures counted for each account name and each client network (/32, /64), forgotten with time.
 * Promises: bounded memory; whoever guesses waits longer each time, and a network that goes on is turned away for a
 *   while; the right password of an account is not kept out by others' guesses from elsewhere.
 * Does not know: accounts: an unknown name counts like a known one. */
#ifndef ROOMS_VAULT_GUESSES_H
#define ROOMS_VAULT_GUESSES_H

#include "base/clock.h"
#include "base/map.h"

struct guesses {
	struct map counts;
	int64_t next_cleaning; /* instant */
};

void guesses_init(struct guesses *guesses, uint64_t seed);
void guesses_deinit(struct guesses *guesses);
/* Is this client's network turned away at the moment? */
bool guesses_is_blocked(const struct guesses *guesses, struct view client, int64_t now);
/* A wrong password: how long its answer is to be kept back. */
int64_t guesses_add(struct guesses *guesses, struct view name, struct view client, int64_t now);

#endif

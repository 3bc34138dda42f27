/* A pseudo-random generator with a seed that replays (xoshiro256**), for jitter, shuffles and simulation.
 * Promises: the same seed gives the same numbers on every machine.
 * Does not know: secrets: those come from the world's random bytes (getrandom), never from here. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

struct random {
	uint64_t state[4];
};

void random_seed(struct random *random, uint64_t seed);
uint64_t random_next(struct random *random);
uint64_t random_below(struct random *random, uint64_t bound); /* 0 to bound - 1, without bias; bound > 0 */

#endif

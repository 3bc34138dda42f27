#include "base/random.h"

#include "base/must.h"

static uint64_t rotate(uint64_t value, unsigned by)
{
	return value << by | value >> (64 - by);
}

/* splitmix64, as the authors of xoshiro advise for its seed. */
void random_seed(struct random *random, uint64_t seed)
{
	for (unsigned i = 0; i < 4; i++) {
		seed += UINT64_C(0x9e3779b97f4a7c15);
		uint64_t mixed = seed;
		mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
		random->state[i] = mixed ^ mixed >> 31;
	}
}

uint64_t random_next(struct random *random)
{
	uint64_t *state = random->state;
	const uint64_t result = rotate(state[1] * 5, 7) * 9;
	const uint64_t shifted = state[1] << 17;
	state[2] ^= state[0];
	state[3] ^= state[1];
	state[1] ^= state[2];
	state[0] ^= state[3];
	state[2] ^= shifted;
	state[3] = rotate(state[3], 45);
	return result;
}

uint64_t random_below(struct random *random, uint64_t bound)
{
	must(bound > 0);
	const uint64_t unfair = -bound % bound; /* 2^64 mod bound: numbers below it would come once too often */
	uint64_t number;
	do
		number = random_next(random);
	while (number < unfair);
	return number % bound;
}

/* Powers of two numbers at once, each across the lanes of AVX-512's 52-bit multipliers: what one RSA signature needs.
 * Promises: no branch and no address depends on what a number is. The numbers, R and the bounds are those of
 *   mail/lanes.h.
 * Does not know: RSA. */
#ifndef MAIL_TWO_POWERS_H
#define MAIL_TWO_POWERS_H

#include "mail/lanes.h"

enum { WIDE_LIMBS = 24 };

/* 20 limbs and four zeros: three registers. */
struct wide {
	alignas(64) uint64_t limb[WIDE_LIMBS];
};

struct two_powers_modulus {
	struct wide modulus;
	struct wide r_squared;
	uint64_t inverse;      /* -1 / modulus mod 2^52 */
	const uint8_t *window; /* of the exponent: WINDOWS of them, the highest first */
};

/* Secret afterwards as the base is. */
struct two_powers_room {
	struct wide power[1 << WINDOW_BITS][2];
	struct wide chosen[2];
};

/* result and base in Montgomery form. */
void two_powers(struct wide result[2], const struct wide base[2], const struct two_powers_modulus moduli[2],
                struct two_powers_room *room);

#endif

/* Montgomery arithmetic on eight numbers at once: a number in each lane of AVX-512's 52-bit multipliers (IFMA).
 * Promises: no branch and no address depends on what a number is. With R = 2^1040, factors below 4 moduli (each of
 * 1024 bits) and what is below R times what is below a modulus give a product below 2 moduli: no step needs a
 * comparison (S. Gueron, "Efficient software implementations of modular exponentiation", 2012: almost Montgomery).
 * Does not know: RSA. */
#ifndef MAIL_LANES_H
#define MAIL_LANES_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LANES = 8, LIMBS = 20, LIMB_BITS = 52, MODULUS_BITS = 1024, WINDOW_BITS = 5, WINDOWS = 205 };
#define LIMB_MASK ((UINT64_C(1) << LIMB_BITS) - 1)

/* Limbs of 52 bits, the least first, of all lanes side by side. */
struct lanes {
	alignas(64) uint64_t limb[LIMBS][LANES];
};

struct lanes_modulus {
	struct lanes modulus;                /* odd */
	struct lanes r_squared;              /* R * R mod the modulus: times it, a number becomes its Montgomery form */
	struct lanes one;                    /* the number 1 */
	alignas(64) uint64_t inverse[LANES]; /* -1 / modulus mod 2^52 */
};

/* Windows of 5 bits of each lane's exponent, the highest first. */
struct lanes_exponent {
	uint8_t window[WINDOWS][LANES];
};

struct lanes_powers {
	struct lanes power[1 << WINDOW_BITS];
	struct lanes chosen;
};

/* Has this machine such multipliers? Nothing below may be called where it has not. */
bool lanes_are_here(void);

/* product = a * b / R. product may be a or b, here and below. */
void lanes_multiply(struct lanes *product, const struct lanes *a, const struct lanes *b,
                    const struct lanes_modulus *modulus);
void lanes_square(struct lanes *square, const struct lanes *a, const struct lanes_modulus *modulus);
/* All in Montgomery form. powers: room for the base's powers, secret afterwards as the base is. */
void lanes_power(struct lanes *result, const struct lanes *base, const struct lanes_exponent *exponent,
                 const struct lanes_modulus *modulus, struct lanes_powers *powers);
/* No reduction: of numbers below 2 moduli each. */
void lanes_add(struct lanes *sum, const struct lanes *a, const struct lanes *b);
/* difference = a - b + 2 moduli. */
void lanes_subtract(struct lanes *difference, const struct lanes *a, const struct lanes *b,
                    const struct lanes_modulus *modulus);
/* From Montgomery form into the number itself, below the modulus. */
void lanes_leave(struct lanes *number, const struct lanes *of, const struct lanes_modulus *modulus);

#endif

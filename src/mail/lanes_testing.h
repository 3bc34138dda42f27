/* OpenSSL's numbers in limbs and back, for the tests of mail/lanes.h and what rests on it.
 * Promises: what does not fit fails the test.
 * Does not know: moduli. Only tests include it. */
#ifndef MAIL_LANES_TESTING_H
#define MAIL_LANES_TESTING_H

#include "base/testing.h"
#include "mail/lanes.h"

#include <openssl/bn.h>

/* Limb j of it is limbs[j * stride]. */
static inline void limbs_put(uint64_t *limbs, size_t stride, const BIGNUM *number)
{
	BIGNUM *rest = BN_dup(number);
	BIGNUM *limb = BN_dup(number);
	for (size_t j = 0; j < LIMBS; j++) {
		assert_true(BN_copy(limb, rest) != NULL);
		if (BN_num_bits(limb) > LIMB_BITS)
			assert_int_equal(BN_mask_bits(limb, LIMB_BITS), 1);
		limbs[j * stride] = BN_get_word(limb);
		assert_int_equal(BN_rshift(rest, rest, LIMB_BITS), 1);
	}
	assert_true(BN_is_zero(rest));
	BN_free(rest);
	BN_free(limb);
}

static inline void limbs_get(const uint64_t *limbs, size_t stride, BIGNUM *number)
{
	BN_zero(number);
	for (size_t j = LIMBS; j > 0; j--) {
		assert_true(limbs[(j - 1) * stride] <= LIMB_MASK);
		assert_int_equal(BN_lshift(number, number, LIMB_BITS), 1);
		assert_int_equal(BN_add_word(number, limbs[(j - 1) * stride]), 1);
	}
}

/* -1 / modulus mod 2^52. */
static inline uint64_t limbs_inverse(const BIGNUM *modulus, BN_CTX *context)
{
	BIGNUM *power = BN_new();
	assert_true(power != NULL && BN_set_bit(power, LIMB_BITS) == 1);
	BIGNUM *inverse = BN_mod_inverse(NULL, modulus, power, context);
	const uint64_t word = (UINT64_C(1) << LIMB_BITS) - BN_get_word(inverse);
	BN_free(power);
	BN_free(inverse);
	return word;
}

/* R mod the modulus, to the given power (-1, 1 or 2). */
static inline BIGNUM *limbs_r(int exponent, const BIGNUM *modulus, BN_CTX *context)
{
	BIGNUM *power = BN_new();
	assert_true(power != NULL && BN_set_bit(power, (exponent == 2 ? 2 : 1) * LIMBS * LIMB_BITS) == 1);
	if (exponent == -1)
		assert_non_null(BN_mod_inverse(power, power, modulus, context));
	else
		assert_int_equal(BN_mod(power, power, modulus, context), 1);
	return power;
}

/* 0: all bits set; 1: the highest and the lowest; else at random. */
static inline BIGNUM *limbs_modulus(size_t round)
{
	BIGNUM *modulus = BN_new();
	assert_non_null(modulus);
	if (round == 0)
		assert_true(BN_set_bit(modulus, MODULUS_BITS) && BN_sub_word(modulus, 1));
	else if (round == 1)
		assert_true(BN_set_bit(modulus, MODULUS_BITS - 1) && BN_add_word(modulus, 1));
	else
		assert_true(BN_rand(modulus, MODULUS_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD));
	return modulus;
}

/* Windows of the exponent, the highest first. */
static inline uint8_t limbs_window(const BIGNUM *exponent, size_t i)
{
	unsigned window = 0;
	for (size_t bit = WINDOW_BITS; bit > 0; bit--)
		window = 2 * window | (unsigned)BN_is_bit_set(exponent, (int)(WINDOW_BITS * (WINDOWS - 1 - i) + bit - 1));
	return (uint8_t)window;
}

#endif

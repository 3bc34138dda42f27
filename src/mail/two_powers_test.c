/* Held against OpenSSL's powers, with bases whose limbs are long runs of zeros and ones: those carry far. */
#include "mail/two_powers.h"

#include "base/must.h"
#include "base/testing.h"
#include "mail/lanes_testing.h"

enum { ROUNDS = 400 };

struct number {
	BIGNUM *modulus;
	BIGNUM *base;
	BIGNUM *exponent;
	uint8_t window[WINDOWS];
};

static void base_of(struct number *number, unsigned kind, unsigned round)
{
	const int bit = (int)(round * 37 % (MODULUS_BITS - 1));
	BN_zero(number->base);
	if (kind < 3)
		assert_true(BN_set_bit(number->base, bit));
	if (kind == 1)
		assert_true(BN_sub_word(number->base, 1));
	if (kind == 2)
		assert_true(BN_sub(number->base, number->modulus, number->base));
	if (kind == 3)
		assert_true(BN_rand_range(number->base, number->modulus));
}

static void exponent_of(struct number *number, unsigned kind)
{
	static const BN_ULONG small[] = { 0, 1, 2, 31, 65537 };
	if (kind < CASES(small))
		assert_true(BN_set_word(number->exponent, small[kind]));
	else
		assert_true(BN_rand(number->exponent, MODULUS_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY));
	for (size_t i = 0; i < WINDOWS; i++)
		number->window[i] = limbs_window(number->exponent, i);
}

static void modulus_put(struct two_powers_modulus *modulus, const struct number *number, BN_CTX *context)
{
	BIGNUM *r_squared = limbs_r(2, number->modulus, context);
	*modulus = (struct two_powers_modulus){
		.inverse = limbs_inverse(number->modulus, context),
		.window = number->window,
	};
	limbs_put(modulus->modulus.limb, 1, number->modulus);
	limbs_put(modulus->r_squared.limb, 1, r_squared);
	BN_free(r_squared);
}

static void base_put(struct wide *base, const struct number *number, BN_CTX *context)
{
	BIGNUM *form = limbs_r(1, number->modulus, context);
	*base = (struct wide){ 0 };
	assert_true(BN_mod_mul(form, form, number->base, number->modulus, context));
	limbs_put(base->limb, 1, form);
	BN_free(form);
}

static void expect(const struct wide *result, const struct number *number, BN_CTX *context)
{
	BIGNUM *got = BN_new();
	BIGNUM *most = BN_dup(number->modulus);
	BIGNUM *expected = BN_new();
	BIGNUM *r_inverse = limbs_r(-1, number->modulus, context);
	limbs_get(result->limb, 1, got);
	for (size_t i = LIMBS; i < WIDE_LIMBS; i++)
		assert_int_equal(result->limb[i], 0);
	assert_true(BN_lshift1(most, most) && BN_cmp(got, most) < 0);
	assert_true(BN_mod_mul(got, got, r_inverse, number->modulus, context));
	assert_true(BN_mod_exp(expected, number->base, number->exponent, number->modulus, context));
	assert_int_equal(BN_cmp(got, expected), 0);
	BN_free(got);
	BN_free(most);
	BN_free(expected);
	BN_free(r_inverse);
}

static void powers(void **state)
{
	(void)state;
	if (!lanes_are_here())
		skip();
	BN_CTX *context = BN_CTX_new();
	struct two_powers_room *room = aligned_alloc(alignof(struct two_powers_room), sizeof(*room));
	must(context != NULL && room != NULL);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct number numbers[2];
		struct two_powers_modulus moduli[2];
		struct wide base[2];
		for (unsigned i = 0; i < 2; i++) {
			numbers[i] = (struct number){ limbs_modulus((round + i) % 4), BN_new(), BN_new(), { 0 } };
			base_of(&numbers[i], (round / 4 + i) % 4, round);
			exponent_of(&numbers[i], (round / 16 + i) % 6);
			modulus_put(&moduli[i], &numbers[i], context);
			base_put(&base[i], &numbers[i], context);
		}
		struct wide result[2];
		two_powers(result, base, moduli, room);
		for (unsigned i = 0; i < 2; i++) {
			expect(&result[i], &numbers[i], context);
			BN_free(numbers[i].modulus);
			BN_free(numbers[i].base);
			BN_free(numbers[i].exponent);
		}
	}
	free(room);
	BN_CTX_free(context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(powers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

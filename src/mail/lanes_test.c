/* Held against OpenSSL's numbers: eight moduli at once, numbers at random and at the edges. */
#include "mail/lanes.h"

#include "base/must.h"
#include "base/testing.h"

#include <openssl/bn.h>

enum { R_BITS = LIMBS * LIMB_BITS };

struct scene {
	BN_CTX *context;
	BIGNUM *moduli[LANES];
	BIGNUM *r_inverse[LANES]; /* 1 / R */
	struct lanes_modulus modulus;
};

static void put(struct lanes *lanes, size_t lane, const BIGNUM *number)
{
	BIGNUM *rest = BN_dup(number);
	BIGNUM *limb = BN_dup(number);
	for (size_t j = 0; j < LIMBS; j++) {
		assert_true(BN_copy(limb, rest) != NULL);
		if (BN_num_bits(limb) > LIMB_BITS)
			assert_int_equal(BN_mask_bits(limb, LIMB_BITS), 1);
		lanes->limb[j][lane] = BN_get_word(limb);
		assert_int_equal(BN_rshift(rest, rest, LIMB_BITS), 1);
	}
	assert_true(BN_is_zero(rest));
	BN_free(rest);
	BN_free(limb);
}

static void get(const struct lanes *lanes, size_t lane, BIGNUM *number)
{
	BN_zero(number);
	for (size_t j = LIMBS; j > 0; j--) {
		assert_true(lanes->limb[j - 1][lane] <= LIMB_MASK);
		assert_int_equal(BN_lshift(number, number, LIMB_BITS), 1);
		assert_int_equal(BN_add_word(number, lanes->limb[j - 1][lane]), 1);
	}
}

static void modulus_put(struct scene *scene, size_t lane)
{
	BIGNUM *number = BN_new();
	BIGNUM *word = BN_new();
	BN_zero(number);
	assert_true(BN_set_bit(number, 2 * R_BITS) && BN_mod(number, number, scene->moduli[lane], scene->context));
	put(&scene->modulus.modulus, lane, scene->moduli[lane]);
	put(&scene->modulus.r_squared, lane, number);
	scene->modulus.one.limb[0][lane] = 1;
	BN_zero(word);
	assert_true(BN_set_bit(word, LIMB_BITS));
	assert_true(BN_mod_inverse(number, scene->moduli[lane], word, scene->context) != NULL);
	scene->modulus.inverse[lane] = (UINT64_C(1) << LIMB_BITS) - BN_get_word(number);
	BN_zero(number);
	assert_true(BN_set_bit(number, R_BITS));
	scene->r_inverse[lane] = BN_mod_inverse(NULL, number, scene->moduli[lane], scene->context);
	assert_non_null(scene->r_inverse[lane]);
	BN_free(number);
	BN_free(word);
}

/* The largest modulus, the smallest, and six at random. */
static int begin(void **state)
{
	struct scene *scene = aligned_alloc(64, (sizeof(*scene) + 63) / 64 * 64);
	must(scene != NULL);
	*scene = (struct scene){ .context = BN_CTX_new() };
	for (size_t lane = 0; lane < LANES; lane++) {
		scene->moduli[lane] = BN_new();
		BN_zero(scene->moduli[lane]);
		if (lane == 0)
			must(BN_set_bit(scene->moduli[lane], MODULUS_BITS) && BN_sub_word(scene->moduli[lane], 1));
		else if (lane == 1)
			must(BN_set_bit(scene->moduli[lane], MODULUS_BITS - 1) && BN_add_word(scene->moduli[lane], 1));
		else
			must(BN_rand(scene->moduli[lane], MODULUS_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD));
		modulus_put(scene, lane);
	}
	*state = scene;
	return 0;
}

static int end(void **state)
{
	struct scene *scene = *state;
	for (size_t lane = 0; lane < LANES; lane++) {
		BN_free(scene->moduli[lane]);
		BN_free(scene->r_inverse[lane]);
	}
	BN_CTX_free(scene->context);
	free(scene);
	return 0;
}

/* Below `moduli` moduli: 0 to 4 are the edges. */
static void number_of(const struct scene *scene, size_t lane, unsigned round, unsigned moduli, BIGNUM *number)
{
	BIGNUM *most = BN_dup(scene->moduli[lane]);
	assert_true(BN_mul_word(most, moduli));
	BN_zero(number);
	if (round == 1 || round == 2)
		assert_true(BN_set_word(number, round));
	else if (round == 3)
		assert_true(BN_copy(number, most) && BN_sub_word(number, 1));
	else if (round == 4)
		assert_true(BN_copy(number, scene->moduli[lane]));
	else if (round > 4)
		assert_true(BN_rand_range(number, most));
	BN_free(most);
}

/* Equal mod the modulus, and below so many moduli. */
static void expect(const struct scene *scene, size_t lane, const struct lanes *got, BIGNUM *expected, unsigned moduli)
{
	BIGNUM *number = BN_new();
	get(got, lane, number);
	BIGNUM *most = BN_dup(scene->moduli[lane]);
	assert_true(BN_mul_word(most, moduli));
	assert_true(BN_cmp(number, most) < 0);
	assert_true(BN_nnmod(number, number, scene->moduli[lane], scene->context));
	assert_true(BN_nnmod(expected, expected, scene->moduli[lane], scene->context));
	assert_int_equal(BN_cmp(number, expected), 0);
	BN_free(number);
	BN_free(most);
}

/* What each operation makes of a and b, in OpenSSL's numbers. */
static void times(const struct scene *scene, size_t lane, BIGNUM *a, const BIGNUM *b)
{
	assert_true(BN_mod_mul(a, a, b, scene->moduli[lane], scene->context));
	assert_true(BN_mod_mul(a, a, scene->r_inverse[lane], scene->moduli[lane], scene->context));
}

static void squared(const struct scene *scene, size_t lane, BIGNUM *a, const BIGNUM *b)
{
	(void)b;
	times(scene, lane, a, a);
}

static void plus(const struct scene *scene, size_t lane, BIGNUM *a, const BIGNUM *b)
{
	(void)scene;
	(void)lane;
	assert_true(BN_add(a, a, b));
}

static void minus(const struct scene *scene, size_t lane, BIGNUM *a, const BIGNUM *b)
{
	(void)scene;
	(void)lane;
	assert_true(BN_sub(a, a, b));
}

static void left(const struct scene *scene, size_t lane, BIGNUM *a, const BIGNUM *b)
{
	(void)b;
	assert_true(BN_mod_mul(a, a, scene->r_inverse[lane], scene->moduli[lane], scene->context));
}

static void square_of(struct lanes *result, const struct lanes *a, const struct lanes *b,
                      const struct lanes_modulus *modulus)
{
	(void)b;
	lanes_square(result, a, modulus);
}

static void sum_of(struct lanes *result, const struct lanes *a, const struct lanes *b,
                   const struct lanes_modulus *modulus)
{
	(void)modulus;
	lanes_add(result, a, b);
}

static void number_from(struct lanes *result, const struct lanes *a, const struct lanes *b,
                        const struct lanes_modulus *modulus)
{
	(void)b;
	lanes_leave(result, a, modulus);
}

static const struct operation {
	const char *name;
	void (*here)(struct lanes *result, const struct lanes *a, const struct lanes *b,
	             const struct lanes_modulus *modulus);
	void (*there)(const struct scene *scene, size_t lane, BIGNUM *a, const BIGNUM *b);
	unsigned in; /* below so many moduli */
	unsigned out;
} operations[] = {
	{ "multiply", lanes_multiply, times, 4, 2 },
	{ "square", square_of, squared, 4, 2 },
	{ "add", sum_of, plus, 2, 4 },
	{ "subtract", lanes_subtract, minus, 2, 4 },
	{ "leave", number_from, left, 4, 1 },
};

static void round_of(struct scene *scene, const struct operation *operation, unsigned round)
{
	struct lanes a;
	struct lanes b;
	BIGNUM *x[LANES];
	BIGNUM *y[LANES];
	for (size_t lane = 0; lane < LANES; lane++) {
		x[lane] = BN_new();
		y[lane] = BN_new();
		number_of(scene, lane, round % 8, operation->in, x[lane]);
		number_of(scene, lane, round / 8 % 8, operation->in, y[lane]);
		put(&a, lane, x[lane]);
		put(&b, lane, y[lane]);
	}
	struct lanes result;
	operation->here(&result, &a, &b, &scene->modulus);
	operation->here(&a, &a, &b, &scene->modulus); /* in its own place */
	assert_memory_equal(&result, &a, sizeof(a));
	for (size_t lane = 0; lane < LANES; lane++) {
		operation->there(scene, lane, x[lane], y[lane]);
		expect(scene, lane, &result, x[lane], operation->out);
		BN_free(x[lane]);
		BN_free(y[lane]);
	}
}

static void arithmetic(void **state)
{
	if (!lanes_are_here())
		skip();
	for (size_t i = 0; i < CASES(operations); i++)
		for (unsigned round = 0; round < 256; round++)
			round_of(*state, &operations[i], round);
}

/* Window by window: every power of the table is chosen in some lane. */
static void exponent_put(struct lanes_exponent *exponent, size_t lane, const BIGNUM *number)
{
	for (size_t i = 0; i < WINDOWS; i++) {
		uint8_t window = 0;
		for (size_t bit = WINDOW_BITS; bit > 0; bit--)
			window = (uint8_t)(2 * window | BN_is_bit_set(number, (int)(WINDOW_BITS * (WINDOWS - 1 - i) + bit - 1)));
		exponent->window[i][lane] = window;
	}
}

static void powers(void **state)
{
	if (!lanes_are_here())
		skip();
	struct scene *scene = *state;
	struct lanes_powers *room = aligned_alloc(64, sizeof(*room));
	must(room != NULL);
	for (unsigned round = 0; round < 12; round++) {
		struct lanes base;
		struct lanes_exponent exponent;
		BIGNUM *x[LANES];
		BIGNUM *y[LANES];
		for (size_t lane = 0; lane < LANES; lane++) {
			x[lane] = BN_new();
			y[lane] = BN_new();
			number_of(scene, lane, round, 1, x[lane]);
			number_of(scene, lane, (round + (unsigned)lane) % 12, 1, y[lane]);
			put(&base, lane, x[lane]);
			exponent_put(&exponent, lane, y[lane]);
		}
		struct lanes result;
		lanes_multiply(&base, &base, &scene->modulus.r_squared, &scene->modulus);
		lanes_power(&result, &base, &exponent, &scene->modulus, room);
		lanes_leave(&result, &result, &scene->modulus);
		for (size_t lane = 0; lane < LANES; lane++) {
			assert_true(BN_mod_exp(x[lane], x[lane], y[lane], scene->moduli[lane], scene->context));
			expect(scene, lane, &result, x[lane], 1);
			BN_free(x[lane]);
			BN_free(y[lane]);
		}
	}
	free(room);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(arithmetic, begin, end),
		cmocka_unit_test_setup_teardown(powers, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

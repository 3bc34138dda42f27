/* Held against OpenSSL's numbers: eight moduli at once, numbers at random and at the edges. */
#include "mail/lanes.h"

#include "base/must.h"
#include "base/testing.h"
#include "mail/lanes_testing.h"

struct scene {
	BN_CTX *context;
	BIGNUM *moduli[LANES];
	BIGNUM *r_inverse[LANES]; /* 1 / R */
	struct lanes_modulus modulus;
};

static void put(struct lanes *lanes, size_t lane, const BIGNUM *number)
{
	limbs_put(&lanes->limb[0][lane], LANES, number);
}

/* The largest modulus, the smallest, and six at random. */
static int begin(void **state)
{
	struct scene *scene = aligned_alloc(64, (sizeof(*scene) + 63) / 64 * 64);
	must(scene != NULL);
	*scene = (struct scene){ .context = BN_CTX_new() };
	for (size_t lane = 0; lane < LANES; lane++) {
		BIGNUM *modulus = limbs_modulus(lane);
		BIGNUM *r_squared = limbs_r(2, modulus, scene->context);
		scene->moduli[lane] = modulus;
		scene->r_inverse[lane] = limbs_r(-1, modulus, scene->context);
		put(&scene->modulus.modulus, lane, modulus);
		put(&scene->modulus.r_squared, lane, r_squared);
		scene->modulus.one.limb[0][lane] = 1;
		scene->modulus.inverse[lane] = limbs_inverse(modulus, scene->context);
		BN_free(r_squared);
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
	limbs_get(&got->limb[0][lane], LANES, number);
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
			for (size_t i = 0; i < WINDOWS; i++)
				exponent.window[i][lane] = limbs_window(y[lane], i);
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

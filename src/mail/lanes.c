#include "mail/lanes.h"

#include <immintrin.h>

#define WITH_IFMA __attribute__((target("avx512f,avx512ifma")))

bool lanes_are_here(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512ifma");
}

/* The sums of 64 bits hold what 80 products of a column add up to, and whatever is carried into them. */
WITH_IFMA static inline void carry(struct lanes *number, const __m512i sums[LIMBS])
{
	const __m512i mask = _mm512_set1_epi64(LIMB_MASK);
	__m512i carried = _mm512_setzero_si512();
#pragma GCC unroll 20
	for (int j = 0; j < LIMBS; j++) {
		const __m512i sum = _mm512_add_epi64(sums[j], carried);
		carried = _mm512_srai_epi64(sum, LIMB_BITS); /* with its sign: lanes_subtract has negative sums */
		_mm512_store_si512(number->limb[j], _mm512_and_si512(sum, mask));
	}
}

WITH_IFMA static inline __m512i limb(const struct lanes *number, int j)
{
	return _mm512_load_si512(number->limb[j]);
}

/* A row for each limb of b: the limb times a, and so many moduli that the lowest limb becomes zero and drops out. */
WITH_IFMA void lanes_multiply(struct lanes *product, const struct lanes *a, const struct lanes *b,
                              const struct lanes_modulus *modulus)
{
	const struct lanes *const n = &modulus->modulus;
	const __m512i zero = _mm512_setzero_si512();
	const __m512i inverse = _mm512_load_si512(modulus->inverse);
	__m512i t[LIMBS];
#pragma GCC unroll 20
	for (int j = 0; j < LIMBS; j++)
		t[j] = zero;
#pragma GCC unroll 2
	for (int i = 0; i < LIMBS; i++) {
		const __m512i factor = limb(b, i);
		const __m512i first = _mm512_madd52lo_epu64(t[0], factor, limb(a, 0));
		const __m512i times = _mm512_madd52lo_epu64(zero, first, inverse);
		const __m512i carried = _mm512_srli_epi64(_mm512_madd52lo_epu64(first, times, limb(n, 0)), LIMB_BITS);
#pragma GCC unroll 20
		for (int j = 1; j < LIMBS; j++) {
			const __m512i low = _mm512_madd52lo_epu64(t[j], factor, limb(a, j));
			const __m512i both = _mm512_madd52hi_epu64(low, factor, limb(a, j - 1));
			const __m512i reduced = _mm512_madd52lo_epu64(both, times, limb(n, j));
			t[j - 1] = _mm512_madd52hi_epu64(reduced, times, limb(n, j - 1));
		}
		const __m512i highest = _mm512_madd52hi_epu64(zero, factor, limb(a, LIMBS - 1));
		t[LIMBS - 1] = _mm512_madd52hi_epu64(highest, times, limb(n, LIMBS - 1));
		t[0] = _mm512_add_epi64(t[0], carried);
	}
	carry(product, t);
}

/* Of the products of two different limbs each is there twice, and worked out once. */
WITH_IFMA static inline void square_columns(__m512i columns[2 * LIMBS], const struct lanes *of)
{
	const __m512i zero = _mm512_setzero_si512();
	__m512i a[LIMBS];
#pragma GCC unroll 20
	for (int j = 0; j < LIMBS; j++)
		a[j] = limb(of, j);
	__m512i high = zero;
#pragma GCC unroll 40
	for (int column = 0; column < 2 * LIMBS; column++) {
		const __m512i below = high;
		__m512i low = zero;
		high = zero;
		const int lowest = column < LIMBS ? 0 : column - LIMBS + 1;
#pragma GCC unroll 10
		for (int i = lowest; i < lowest + LIMBS / 2; i++)
			if (i < column - i) {
				low = _mm512_madd52lo_epu64(low, a[i], a[column - i]);
				high = _mm512_madd52hi_epu64(high, a[i], a[column - i]);
			}
		const __m512i sum = _mm512_add_epi64(low, below);
		columns[column] = _mm512_add_epi64(sum, sum);
	}
#pragma GCC unroll 20
	for (int j = 0; j < LIMBS; j++) {
		columns[2 * j] = _mm512_madd52lo_epu64(columns[2 * j], a[j], a[j]);
		columns[2 * j + 1] = _mm512_madd52hi_epu64(columns[2 * j + 1], a[j], a[j]);
	}
}

WITH_IFMA void lanes_square(struct lanes *square, const struct lanes *a, const struct lanes_modulus *modulus)
{
	const struct lanes *const n = &modulus->modulus;
	const __m512i zero = _mm512_setzero_si512();
	const __m512i inverse = _mm512_load_si512(modulus->inverse);
	__m512i columns[2 * LIMBS] __attribute__((uninitialized));
	square_columns(columns, a);
	__m512i t[LIMBS];
#pragma GCC unroll 20
	for (int j = 0; j < LIMBS; j++)
		t[j] = columns[j];
#pragma GCC unroll 2
	for (int i = 0; i < LIMBS; i++) {
		const __m512i times = _mm512_madd52lo_epu64(zero, t[0], inverse);
		const __m512i carried = _mm512_srli_epi64(_mm512_madd52lo_epu64(t[0], times, limb(n, 0)), LIMB_BITS);
#pragma GCC unroll 20
		for (int j = 1; j < LIMBS; j++) {
			const __m512i reduced = _mm512_madd52lo_epu64(t[j], times, limb(n, j));
			t[j - 1] = _mm512_madd52hi_epu64(reduced, times, limb(n, j - 1));
		}
		t[LIMBS - 1] = _mm512_madd52hi_epu64(columns[LIMBS + i], times, limb(n, LIMBS - 1));
		t[0] = _mm512_add_epi64(t[0], carried);
	}
	carry(square, t);
}

WITH_IFMA void lanes_add(struct lanes *sum, const struct lanes *a, const struct lanes *b)
{
	__m512i t[LIMBS];
	for (int j = 0; j < LIMBS; j++)
		t[j] = _mm512_add_epi64(limb(a, j), limb(b, j));
	carry(sum, t);
}

WITH_IFMA void lanes_subtract(struct lanes *difference, const struct lanes *a, const struct lanes *b,
                              const struct lanes_modulus *modulus)
{
	__m512i t[LIMBS];
	for (int j = 0; j < LIMBS; j++) {
		const __m512i twice = _mm512_slli_epi64(limb(&modulus->modulus, j), 1);
		t[j] = _mm512_sub_epi64(_mm512_add_epi64(limb(a, j), twice), limb(b, j));
	}
	carry(difference, t);
}

WITH_IFMA void lanes_leave(struct lanes *number, const struct lanes *of, const struct lanes_modulus *modulus)
{
	struct lanes whole; /* at most the modulus, which is what zero may be */
	struct lanes less;
	lanes_multiply(&whole, of, &modulus->one, modulus);
	__m512i t[LIMBS];
	for (int j = 0; j < LIMBS; j++)
		t[j] = _mm512_sub_epi64(limb(&whole, j), limb(&modulus->modulus, j));
	carry(&less, t);
	/* Below zero, its highest limb has all bits set beyond those of a modulus. */
	const __mmask8 was_less =
		_mm512_test_epi64_mask(limb(&less, LIMBS - 1), _mm512_set1_epi64(INT64_C(1) << (LIMB_BITS - 1)));
	for (int j = 0; j < LIMBS; j++)
		_mm512_store_si512(number->limb[j], _mm512_mask_blend_epi64(was_less, limb(&less, j), limb(&whole, j)));
}

/* All of them are read, whichever is wanted. */
WITH_IFMA static void choose(struct lanes *chosen, const struct lanes_powers *powers, const uint8_t window[LANES])
{
	const __m512i wanted = _mm512_cvtepu8_epi64(_mm_loadu_si64(window));
	__m512i t[LIMBS];
#pragma GCC unroll 20
	for (int j = 0; j < LIMBS; j++)
		t[j] = limb(&powers->power[0], j);
	for (int i = 1; i < 1 << WINDOW_BITS; i++) {
		const __mmask8 is_it = _mm512_cmpeq_epi64_mask(wanted, _mm512_set1_epi64(i));
#pragma GCC unroll 20
		for (int j = 0; j < LIMBS; j++)
			t[j] = _mm512_mask_blend_epi64(is_it, t[j], limb(&powers->power[i], j));
	}
#pragma GCC unroll 20
	for (int j = 0; j < LIMBS; j++)
		_mm512_store_si512(chosen->limb[j], t[j]);
}

void lanes_power(struct lanes *result, const struct lanes *base, const struct lanes_exponent *exponent,
                 const struct lanes_modulus *modulus, struct lanes_powers *powers)
{
	lanes_multiply(&powers->power[0], &modulus->one, &modulus->r_squared, modulus);
	powers->power[1] = *base;
	for (int i = 2; i < 1 << WINDOW_BITS; i++)
		lanes_multiply(&powers->power[i], &powers->power[i - 1], base, modulus);
	choose(result, powers, exponent->window[0]);
	for (int i = 1; i < WINDOWS; i++) {
		for (int bit = 0; bit < WINDOW_BITS; bit++)
			lanes_square(result, result, modulus);
		choose(&powers->chosen, powers, exponent->window[i]);
		lanes_multiply(result, result, &powers->chosen, modulus);
	}
}

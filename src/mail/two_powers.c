#include "mail/two_powers.h"

#include <immintrin.h>

/* Limb by limb of b: a times it, and so many moduli (`times`) that the lowest limb becomes zero and drops out. How
 * many depends on how many it were before, and a vector is slow to tell its lowest limb. So the two lowest limbs are
 * worked out beside it, in ordinary registers, with what the last three rows did to them; the vector catches up
 * meanwhile, and two numbers take turns. The vector's own two lowest limbs are not used. */

#define WITH_IFMA     __attribute__((target("avx512f,avx512ifma,bmi2")))
#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum { PARTS = WIDE_LIMBS / LANES, SPARE_BITS = 64 - LIMB_BITS };

struct factors {
	__m512i a[PARTS];
	__m512i modulus[PARTS];
	__m512i limb; /* of b, the row's in all lanes */
	const struct wide *b;
	uint64_t inverse;
	uint64_t lowest[3]; /* limbs of the modulus, times 2^12: the upper half of a product is then its upper limb */
	struct wide into_0; /* what the products of a and b add to limb 0 in each row, and to limb 1 */
	struct wide into_1;
};

struct row {
	__m512i sum[PARTS];
	uint64_t limb_0;
	uint64_t limb_1;
	uint64_t times;
};

WITH_IFMA ALWAYS_INLINE __m512i all_lanes(uint64_t limb)
{
	return _mm512_set1_epi64((long long)limb);
}

WITH_IFMA ALWAYS_INLINE __m512i part(const struct wide *number, int i)
{
	return _mm512_load_si512(number->limb + i * LANES);
}

WITH_IFMA ALWAYS_INLINE __m512i one_up(__m512i part, __m512i below)
{
	return _mm512_alignr_epi64(part, below, LANES - 1);
}

WITH_IFMA ALWAYS_INLINE __m512i one_down(__m512i part, __m512i above)
{
	return _mm512_alignr_epi64(above, part, 1);
}

WITH_IFMA ALWAYS_INLINE void factors_set(struct factors *factors, const struct wide *a, const struct wide *b,
                                         const struct two_powers_modulus *modulus)
{
	const __m512i zero = _mm512_setzero_si512();
	const __m512i a0 = all_lanes(a->limb[0]);
	const __m512i a1 = all_lanes(a->limb[1]);
	__m512i below = zero;
#pragma GCC unroll 3
	for (int i = 0; i < PARTS; i++) {
		const __m512i now = part(b, i);
		const __m512i before = one_up(now, below);
		below = now;
		_mm512_store_si512(factors->into_0.limb + i * LANES,
		                   _mm512_madd52hi_epu64(_mm512_madd52lo_epu64(zero, a0, now), a0, before));
		_mm512_store_si512(factors->into_1.limb + i * LANES,
		                   _mm512_madd52hi_epu64(_mm512_madd52lo_epu64(zero, a1, now), a1, before));
		factors->a[i] = part(a, i);
		factors->modulus[i] = part(&modulus->modulus, i);
		factors->lowest[i] = modulus->modulus.limb[i] << SPARE_BITS;
	}
	factors->limb = all_lanes(b->limb[0]);
	factors->b = b;
	factors->inverse = modulus->inverse;
}

WITH_IFMA ALWAYS_INLINE void first_row(struct row *row, const struct factors *factors, const struct wide *a)
{
#pragma GCC unroll 3
	for (int i = 0; i < PARTS; i++)
		row->sum[i] = _mm512_madd52lo_epu64(_mm512_setzero_si512(), factors->a[i], factors->limb);
	row->limb_0 = a->limb[0] * factors->b->limb[0] & LIMB_MASK;
	row->limb_1 = factors->into_1.limb[0];
	row->times = row->limb_0 * factors->inverse & LIMB_MASK;
}

/* The lower limb of a product with one of `lowest`, and the upper one. */
WITH_IFMA ALWAYS_INLINE uint64_t product(uint64_t lowest, uint64_t times, uint64_t *upper)
{
	unsigned long long high = 0;
	const uint64_t low = _mulx_u64(lowest, times, &high);
	*upper = high;
	return low >> SPARE_BITS;
}

/* limb_2 is the vector's, before this row. */
WITH_IFMA ALWAYS_INLINE void lowest_end(struct row *row, const struct factors *factors, uint64_t limb_2, int i)
{
	uint64_t upper_0;
	uint64_t upper_1;
	uint64_t upper_2;
	product(factors->lowest[0], row->times, &upper_0);
	const uint64_t lower_1 = product(factors->lowest[1], row->times, &upper_1);
	const uint64_t lower_2 = product(factors->lowest[2], row->times, &upper_2);
	/* The modulus's part makes the lower bits zero: unless they were, that carries one. */
	const uint64_t carried = (row->limb_0 >> LIMB_BITS) + ((row->limb_0 & LIMB_MASK) != 0);
	row->limb_0 = (row->limb_1 + carried + factors->into_0.limb[i + 1]) + (upper_0 + lower_1);
	row->limb_1 = limb_2 + factors->into_1.limb[i + 1] + lower_2 + upper_1;
	row->times = row->limb_0 * factors->inverse & LIMB_MASK;
}

WITH_IFMA ALWAYS_INLINE void row_end(struct row *row, struct factors *factors, int i)
{
	const uint64_t limb_2 = (uint64_t)_mm_cvtsi128_si64(_mm512_extracti32x4_epi32(row->sum[0], 1));
	const __m512i times = all_lanes(row->times);
	const __m512i next = all_lanes(factors->b->limb[i + 1]);
	__m512i beside[PARTS];
	__m512i sum[PARTS];
#pragma GCC unroll 3
	for (int k = 0; k < PARTS; k++) {
		const __m512i upper = _mm512_madd52hi_epu64(_mm512_setzero_si512(), factors->a[k], factors->limb);
		beside[k] =
			_mm512_madd52hi_epu64(_mm512_madd52lo_epu64(upper, factors->a[k], next), factors->modulus[k], times);
		sum[k] = _mm512_madd52lo_epu64(row->sum[k], factors->modulus[k], times);
	}
#pragma GCC unroll 3
	for (int k = 0; k < PARTS; k++) {
		const __m512i above = k + 1 < PARTS ? sum[k + 1] : _mm512_setzero_si512();
		row->sum[k] = _mm512_add_epi64(beside[k], one_down(sum[k], above));
	}
	factors->limb = next;
	lowest_end(row, factors, limb_2, i);
}

/* A limb takes what the one below has beyond 52 bits. That may fill it, or all of a run of full ones above it: such
 * runs are found by one addition of the bits that tell which are beyond and which are full. */
WITH_IFMA ALWAYS_INLINE void carry(struct wide *number, const struct row *row)
{
	const __m512i mask = all_lanes(LIMB_MASK);
	const __m128i lowest = _mm_set_epi64x((long long)row->limb_1, (long long)row->limb_0);
	__m512i sum[PARTS] = { _mm512_inserti32x4(row->sum[0], lowest, 0), row->sum[1], row->sum[2] };
	__m512i below = _mm512_setzero_si512();
	uint32_t beyond = 0;
	uint32_t full = 0;
#pragma GCC unroll 3
	for (int i = 0; i < PARTS; i++) {
		const __m512i carried = _mm512_srli_epi64(sum[i], LIMB_BITS);
		sum[i] = _mm512_add_epi64(_mm512_and_si512(sum[i], mask), one_up(carried, below));
		below = carried;
		beyond |= (uint32_t)_mm512_cmpgt_epu64_mask(sum[i], mask) << (i * LANES);
		full |= (uint32_t)_mm512_cmpeq_epu64_mask(sum[i], mask) << (i * LANES);
	}
	const uint32_t taking = (2 * beyond + full) ^ full;
#pragma GCC unroll 3
	for (int i = 0; i < PARTS; i++) {
		const __m512i more = _mm512_maskz_set1_epi64((__mmask8)(taking >> (i * LANES)), 1);
		_mm512_store_si512(number->limb + i * LANES, _mm512_and_si512(_mm512_add_epi64(sum[i], more), mask));
	}
}

WITH_IFMA static void multiply(struct wide products[2], const struct wide a[2], const struct wide b[2],
                               const struct two_powers_modulus moduli[2])
{
	struct factors one __attribute__((uninitialized));
	struct factors other __attribute__((uninitialized));
	struct row row_of_one;
	struct row row_of_other;
	factors_set(&one, &a[0], &b[0], &moduli[0]);
	factors_set(&other, &a[1], &b[1], &moduli[1]);
	first_row(&row_of_one, &one, &a[0]);
	first_row(&row_of_other, &other, &a[1]);
#pragma GCC unroll 5
	for (int i = 0; i < LIMBS; i++) {
		row_end(&row_of_one, &one, i);
		row_end(&row_of_other, &other, i);
	}
	carry(&products[0], &row_of_one);
	carry(&products[1], &row_of_other);
}

/* All of them are read, whichever is wanted. */
WITH_IFMA static void choose(struct wide *chosen, const struct two_powers_room *room, int number, uint8_t window)
{
	const __m512i wanted = all_lanes(window);
	__m512i parts[PARTS] = { part(&room->power[0][number], 0), part(&room->power[0][number], 1),
		                     part(&room->power[0][number], 2) };
	for (int i = 1; i < 1 << WINDOW_BITS; i++) {
		const __mmask8 is_it = _mm512_cmpeq_epi64_mask(wanted, all_lanes((uint64_t)i));
#pragma GCC unroll 3
		for (int k = 0; k < PARTS; k++)
			parts[k] = _mm512_mask_blend_epi64(is_it, parts[k], part(&room->power[i][number], k));
	}
#pragma GCC unroll 3
	for (int k = 0; k < PARTS; k++)
		_mm512_store_si512(chosen->limb + k * LANES, parts[k]);
}

static void choose_both(struct wide chosen[2], const struct two_powers_room *room,
                        const struct two_powers_modulus moduli[2], size_t window)
{
	for (int i = 0; i < 2; i++)
		choose(&chosen[i], room, i, moduli[i].window[window]);
}

void two_powers(struct wide result[2], const struct wide base[2], const struct two_powers_modulus moduli[2],
                struct two_powers_room *room)
{
	static const struct wide one[2] = { { .limb = { 1 } }, { .limb = { 1 } } };
	const struct wide r_squared[2] = { moduli[0].r_squared, moduli[1].r_squared };
	multiply(room->power[0], one, r_squared, moduli);
	for (int i = 0; i < 2; i++)
		room->power[1][i] = base[i];
	for (int i = 2; i < 1 << WINDOW_BITS; i++)
		multiply(room->power[i], room->power[i - 1], base, moduli);
	choose_both(result, room, moduli, 0);
	for (size_t i = 1; i < WINDOWS; i++) {
		for (int bit = 0; bit < WINDOW_BITS; bit++)
			multiply(result, result, result, moduli);
		choose_both(room->chosen, room, moduli, i);
		multiply(result, result, room->chosen, moduli);
	}
}

#include "base/bytes.h"

#include "base/must.h"

#include <string.h>

size_t bytes_copy(void *target, size_t target_size, struct view source)
{
	must(source.length <= target_size);
	if (source.length > 0)
		memcpy(target, source.data, source.length);
	return source.length;
}

void bytes_move(void *target, size_t target_size, const void *source, size_t length)
{
	must(length <= target_size);
	if (length > 0)
		memmove(target, source, length);
}

bool bytes_to_cstring(char *target, size_t target_size, struct view source)
{
	must(target_size > 0);
	const struct view kept = view_first(source, target_size - 1);
	target[bytes_copy(target, target_size - 1, kept)] = '\0';
	return kept.length == source.length;
}

/* RFC 3720 12.1: the Castagnoli polynomial, reflected. */
static uint32_t crc32c_by_bits(uint32_t crc, const unsigned char *at, size_t length)
{
	for (; length > 0; length--) {
		crc ^= *at++;
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (UINT32_C(0x82f63b78) & (0u - (crc & 1)));
	}
	return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc32c_by_machine(uint32_t crc, const unsigned char *at,
                                                                    size_t length)
{
	uint64_t wide = crc;
	for (; length >= 8; at += 8, length -= 8) {
		uint64_t word;
		memcpy(&word, at, sizeof(word));
		wide = __builtin_ia32_crc32di(wide, word);
	}
	crc = (uint32_t)wide;
	for (; length > 0; length--)
		crc = __builtin_ia32_crc32qi(crc, *at++);
	return crc;
}
#endif

uint32_t bytes_crc32c(uint32_t crc, struct view bytes)
{
	const unsigned char *at = (const unsigned char *)bytes.data;
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc32c_by_machine(~crc, at, bytes.length);
#endif
	return ~crc32c_by_bits(~crc, at, bytes.length);
}

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

/* RFC 3720 12.1: the Castagnoli polynomial 0x82f63b78, reflected; what each half byte adds. */
static uint32_t crc32c_by_table(uint32_t crc, const unsigned char *at, size_t length)
{
	static const uint32_t halves[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
		0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};
	for (; length > 0; length--) {
		crc ^= *at++;
		crc = crc >> 4 ^ halves[crc & 15];
		crc = crc >> 4 ^ halves[crc & 15];
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
	return ~crc32c_by_table(~crc, at, bytes.length);
}

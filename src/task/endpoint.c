#include "base/bytes.h"
#include "base/text.h"
#include "task/connection.h"

#include <arpa/inet.h>

bool endpoint_parse_address(struct view text, struct endpoint *endpoint)
{
	char terminated[INET6_ADDRSTRLEN];
	struct endpoint parsed = { 0 };
	if (text.length == 0 || view_find_byte(text, '\0') != VIEW_NOT_FOUND ||
	    !bytes_to_cstring(terminated, sizeof(terminated), text))
		return false;
	if (inet_pton(AF_INET, terminated, parsed.address) == 1)
		parsed.family = 4;
	else if (inet_pton(AF_INET6, terminated, parsed.address) == 1)
		parsed.family = 6;
	else
		return false;
	*endpoint = parsed;
	return true;
}

bool endpoint_parse(struct view text, struct endpoint *endpoint)
{
	const size_t colon = view_find_last_byte(text, ':');
	struct view address = view_first(text, colon);
	uint64_t port = 0;
	if (colon == VIEW_NOT_FOUND || !view_to_u64(view_from(text, colon + 1), &port) || port > UINT16_MAX)
		return false;
	const bool bracketed = view_starts(address, VIEW("[")) && view_ends(address, VIEW("]"));
	if (bracketed)
		address = view_slice(address, 1, address.length - 2);
	struct endpoint parsed;
	if (!endpoint_parse_address(address, &parsed) || (parsed.family == 6) != bracketed)
		return false;
	parsed.port = (uint16_t)port;
	*endpoint = parsed;
	return true;
}

void text_add_endpoint_address(struct text *text, const struct endpoint *endpoint)
{
	char printed[INET6_ADDRSTRLEN];
	if (inet_ntop(endpoint->family == 4 ? AF_INET : AF_INET6, endpoint->address, printed, sizeof(printed)) != NULL)
		text_add(text, view_of(printed));
}

void text_add_endpoint(struct text *text, const struct endpoint *endpoint)
{
	const bool bracketed = endpoint->family == 6;
	text_add(text, bracketed ? VIEW("[") : VIEW_NONE);
	text_add_endpoint_address(text, endpoint);
	text_print(text, "%s:%u", bracketed ? "]" : "", (unsigned)endpoint->port);
}

bool endpoint_equal_address(const struct endpoint *a, const struct endpoint *b)
{
	const size_t length = a->family == 4 ? 4 : 16;
	return a->family == b->family && view_equal(view_bytes(a->address, length), view_bytes(b->address, length));
}

struct block {
	uint8_t base[16];
	uint8_t bits;
};

/* IANA IPv4 Special-Purpose Address Registry (RFC 6890 and its additions), and multicast and class E. */
static const struct block special_v4[] = {
	{ { 0 }, 8 },             /* this network */
	{ { 10 }, 8 },            /* private */
	{ { 100, 64 }, 10 },      /* shared, carrier-grade NAT */
	{ { 127 }, 8 },           /* loopback */
	{ { 169, 254 }, 16 },     /* link-local */
	{ { 172, 16 }, 12 },      /* private */
	{ { 192, 0, 0 }, 24 },    /* protocol assignments */
	{ { 192, 0, 2 }, 24 },    /* documentation */
	{ { 192, 88, 99 }, 24 },  /* 6to4 relays, ended */
	{ { 192, 168 }, 16 },     /* private */
	{ { 198, 18 }, 15 },      /* benchmarks */
	{ { 198, 51, 100 }, 24 }, /* documentation */
	{ { 203, 0, 113 }, 24 },  /* documentation */
	{ { 224 }, 4 },           /* multicast */
	{ { 240 }, 4 },           /* reserved, broadcast */
};

static const struct block special_v6[] = {
	{ { 0 }, 96 },                                        /* unspecified, loopback, v4-compatible */
	{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 96 }, /* v4-mapped: never dialled as IPv6 */
	{ { 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 96 },       /* v4-translated (RFC 2765) */
	{ { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, 48 },       /* local NAT64 */
	{ { 0x01 }, 63 },                                     /* discard, dummy (RFC 6666, RFC 9780) */
	{ { 0x20, 0x01, 0x00, 0x00 }, 23 },                   /* protocol assignments: Teredo, benchmarks, ORCHID */
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32 },                   /* documentation */
	{ { 0x3f, 0xff }, 20 },                               /* documentation */
	{ { 0x5f }, 16 },                                     /* segment routing */
	{ { 0xfc }, 7 },                                      /* unique local */
	{ { 0xfe, 0x80 }, 10 },                               /* link-local */
	{ { 0xfe, 0xc0 }, 10 },                               /* site-local, ended */
	{ { 0xff }, 8 },                                      /* multicast */
};

static bool block_has(const struct block *block, const uint8_t *address)
{
	const unsigned whole = block->bits / 8;
	const unsigned rest = block->bits % 8;
	for (unsigned i = 0; i < whole; i++)
		if (block->base[i] != address[i])
			return false;
	return rest == 0 || (block->base[whole] ^ address[whole]) >> (8 - rest) == 0;
}

static bool any_block_has(const struct block *blocks, size_t count, const uint8_t *address)
{
	for (size_t i = 0; i < count; i++)
		if (block_has(&blocks[i], address))
			return true;
	return false;
}

static bool is_special_v4(const uint8_t *address)
{
	return any_block_has(special_v4, sizeof(special_v4) / sizeof(special_v4[0]), address);
}

bool endpoint_is_special(const struct endpoint *endpoint)
{
	/* Where an IPv6 address carries an IPv4 one, that one counts. */
	static const struct block well_known_nat64 = { { 0x00, 0x64, 0xff, 0x9b }, 96 }; /* RFC 6052 2.1 */
	static const struct block six_to_four = { { 0x20, 0x02 }, 16 };                  /* RFC 3056 2 */
	const uint8_t *address = endpoint->address;
	if (endpoint->family == 4)
		return is_special_v4(address);
	if (endpoint->family != 6)
		return true;
	if (block_has(&well_known_nat64, address))
		return is_special_v4(address + 12);
	if (block_has(&six_to_four, address))
		return is_special_v4(address + 2);
	return any_block_has(special_v6, sizeof(special_v6) / sizeof(special_v6[0]), address);
}

#include "base/must.h"
#include "net/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a server sends: its first two bytes choose the type that was asked for and the message's number. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = { DNS_A, DNS_NS, DNS_CNAME, DNS_SOA, DNS_PTR, DNS_MX, DNS_TXT, DNS_AAAA };
	struct arena arena = { 0 };
	struct dns_said said;
	if (size < 3)
		return 0;
	const enum dns_type type = types[data[0] % (sizeof(types) / sizeof(types[0]))];
	dns_message_read(view_bytes(data + 1, size - 1), (uint16_t)(data[1] << 8 | data[2]), VIEW("name.test"), type,
	                 &arena, &said);
	must((said.answer.status == DNS_FOUND) == (said.answer.record_count > 0));
	must(said.answer.status != DNS_FAILED || said.answer.detail.length > 0);
	must(said.delegated.length == 0 || said.answer.status == DNS_FAILED);
	arena_deinit(&arena);
	return 0;
}

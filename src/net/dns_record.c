#include "base/bytes.h"
#include "net/dns_private.h"

static bool add_label(struct text *name, struct view label)
{
	for (size_t i = 0; i < label.length; i++) {
		const char byte = label.data[i];
		/* RFC 1035 5.1: a dot or an unprintable byte inside a label is escaped. */
		const bool plain = byte_is_print(byte) && byte != '.' && byte != '\\' && byte != ' ';
		if (!(plain ? text_add_byte(name, byte) : text_print(name, "\\%03u", (unsigned)(unsigned char)byte)))
			return false;
	}
	return true;
}

/* Exactly one name, ended by the root. */
static bool add_name(struct view wire, struct text *name)
{
	while (wire.length > 0) {
		const size_t length = (unsigned char)wire.data[0];
		if (length == 0)
			return wire.length == 1;
		/* Above 63 is a pointer (RFC 1035 4.1.4), which libunbound has resolved. */
		if (length > 63 || wire.length < length + 1)
			return false;
		if ((name->length > 0 && !text_add_byte(name, '.')) || !add_label(name, view_slice(wire, 1, length)))
			return false;
		wire = view_from(wire, length + 1);
	}
	return false;
}

static bool read_name(struct view wire, struct arena *arena, struct view *name)
{
	struct text text = TEXT_LIMIT(1024);
	const bool good = wire.length <= 255 && add_name(wire, &text);
	if (good)
		*name = arena_copy(arena, text_view(&text));
	text_deinit(&text);
	return good;
}

static bool read_strings(struct view wire, struct arena *arena, struct dns_record *record)
{
	char *joined = arena_alloc(arena, wire.length + 1, 1);
	size_t length = 0;
	while (wire.length > 0) {
		const struct view part = view_slice(wire, 1, (unsigned char)wire.data[0]);
		if (part.length != (unsigned char)wire.data[0])
			return false;
		bytes_copy(joined + length, part.length, part);
		length += part.length;
		record->string_count++;
		wire = view_from(wire, part.length + 1);
	}
	record->data = view_bytes(joined, length);
	return record->string_count > 0;
}

bool dns_record_read(enum dns_type type, struct view wire, struct arena *arena, struct dns_record *record)
{
	*record = (struct dns_record){ 0 };
	switch (type) {
	case DNS_TXT:
	case DNS_SPF:
		return read_strings(wire, arena, record);
	case DNS_MX:
		if (wire.length < 3)
			return false;
		record->preference = (uint16_t)((unsigned char)wire.data[0] << 8 | (unsigned char)wire.data[1]);
		return read_name(view_from(wire, 2), arena, &record->data);
	case DNS_CNAME:
	case DNS_NS:
	case DNS_PTR:
		return read_name(wire, arena, &record->data);
	case DNS_A:
	case DNS_AAAA:
		record->data = arena_copy(arena, wire);
		return wire.length == (type == DNS_A ? 4 : 16);
	case DNS_SOA:
	case DNS_TLSA:
		record->data = arena_copy(arena, wire);
		return true;
	}
	return false;
}

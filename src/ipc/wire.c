#include "ipc/wire.h"

#include "base/bytes.h"
#include "base/must.h"

struct wire wire_writer(struct text *out)
{
	return (struct wire){ .out = out };
}

struct wire wire_reader(struct view frame, struct arena *arena)
{
	return (struct wire){ .in = cursor_of(frame), .arena = arena };
}

bool wire_is_done(const struct wire *wire)
{
	if (wire->failed)
		return false;
	return wire->out != NULL ? !wire->out->overflow : cursor_is_done(&wire->in);
}

void wire_u8(struct wire *wire, uint8_t *value)
{
	if (wire->out != NULL)
		text_add_u8_le(wire->out, *value);
	else
		*value = cursor_u8(&wire->in);
}

void wire_bool(struct wire *wire, bool *value)
{
	uint8_t byte = *value ? 1 : 0;
	wire_u8(wire, &byte);
	if (byte > 1)
		wire->failed = true;
	*value = byte == 1;
}

void wire_u16(struct wire *wire, uint16_t *value)
{
	if (wire->out != NULL)
		text_add_u16_le(wire->out, *value);
	else
		*value = cursor_u16(&wire->in);
}

void wire_u32(struct wire *wire, uint32_t *value)
{
	if (wire->out != NULL)
		text_add_u32_le(wire->out, *value);
	else
		*value = cursor_u32(&wire->in);
}

void wire_u64(struct wire *wire, uint64_t *value)
{
	if (wire->out != NULL)
		text_add_u64_le(wire->out, *value);
	else
		*value = cursor_u64(&wire->in);
}

void wire_i64(struct wire *wire, int64_t *value)
{
	uint64_t bits = (uint64_t)*value;
	wire_u64(wire, &bits);
	*value = (int64_t)bits;
}

unsigned wire_enum(struct wire *wire, unsigned value, unsigned most)
{
	must(wire->out == NULL || value <= most);
	uint8_t byte = (uint8_t)value;
	wire_u8(wire, &byte);
	if (byte > most) {
		wire->failed = true;
		return 0;
	}
	return byte;
}

void wire_view(struct wire *wire, struct view *value, size_t most)
{
	if (wire->out != NULL) {
		if (value->length > most)
			wire->failed = true;
		else
			text_add_counted(wire->out, *value);
		return;
	}
	*value = cursor_counted(&wire->in);
	if (value->length > most) {
		wire->failed = true;
		*value = VIEW_NONE;
	}
}

void wire_fixed(struct wire *wire, void *bytes, size_t length)
{
	if (wire->out != NULL) {
		text_add(wire->out, view_bytes(bytes, length));
		return;
	}
	const struct view read = cursor_bytes(&wire->in, length);
	bytes_copy(bytes, length, read);
}

void wire_bulk(struct wire *wire, struct view *value)
{
	if (wire->out != NULL) {
		must(wire->bulk.data == NULL);
		wire->bulk = *value;
		return;
	}
	*value = cursor_bytes(&wire->in, wire->in.rest.length);
}

void *wire_array(struct wire *wire, void *array, size_t *count, size_t most, size_t size,
                 void (*element)(struct wire *wire, void *element))
{
	uint32_t number = (uint32_t)*count;
	if (wire->out != NULL && *count > most) {
		wire->failed = true;
		return array;
	}
	wire_u32(wire, &number);
	if (wire->out == NULL) {
		/* Every element takes at least a byte, so a count cannot ask for more memory than its frame paid for. */
		if (wire->in.failed || number > most || number > wire->in.rest.length) {
			wire->failed = wire->failed || number != 0;
			*count = 0;
			return NULL;
		}
		*count = number;
		array = number == 0 ? NULL : arena_alloc(wire->arena, number, size);
	}
	for (size_t i = 0; i < *count; i++)
		element(wire, (char *)array + i * size);
	return array;
}

void wire_view_element(struct wire *wire, void *view)
{
	wire_view(wire, view, 65536);
}

size_t wire_count(struct wire *wire, size_t count, size_t most)
{
	uint32_t number = (uint32_t)count;
	if (wire->out != NULL && count > most)
		wire->failed = true;
	wire_u32(wire, &number);
	if (number > most)
		wire->failed = true;
	return wire->failed ? 0 : number;
}

void wire_u32_element(struct wire *wire, void *number)
{
	wire_u32(wire, number);
}

void wire_u64_element(struct wire *wire, void *number)
{
	wire_u64(wire, number);
}

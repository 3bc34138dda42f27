#include "ipc/wire.h"

#include "base/testing.h"

enum colour { RED, GREEN, BLUE };

struct part {
	uint16_t number;
	struct view name;
};

enum { PARTS_MOST = 3, NAME_LENGTH = 4, FIXED_MOST = 2 };

struct whole {
	bool flag;
	uint8_t small;
	uint16_t medium;
	uint32_t large;
	uint64_t huge;
	int64_t signed_one;
	enum colour colour;
	uint8_t fixed[3];
	uint32_t numbers[FIXED_MOST];
	size_t number_count;
	struct part *parts;
	size_t part_count;
	struct view text;
	struct view bulk;
};

static void describe_part(struct wire *wire, void *element)
{
	struct part *part = element;
	wire_u16(wire, &part->number);
	wire_view(wire, &part->name, NAME_LENGTH);
}

static void describe(struct wire *wire, struct whole *whole)
{
	wire_bool(wire, &whole->flag);
	wire_u8(wire, &whole->small);
	wire_u16(wire, &whole->medium);
	wire_u32(wire, &whole->large);
	wire_u64(wire, &whole->huge);
	wire_i64(wire, &whole->signed_one);
	whole->colour = (enum colour)wire_enum(wire, (unsigned)whole->colour, BLUE);
	wire_fixed(wire, whole->fixed, sizeof(whole->fixed));
	whole->number_count = wire_count(wire, whole->number_count, FIXED_MOST);
	for (size_t i = 0; i < whole->number_count; i++)
		wire_u32(wire, &whole->numbers[i]);
	whole->parts = wire_array(wire, whole->parts, &whole->part_count, PARTS_MOST, sizeof(struct part), describe_part);
	wire_view(wire, &whole->text, 8);
	wire_bulk(wire, &whole->bulk);
}

static struct part parts[] = { { 1, VIEW_INIT("one") }, { 65535, VIEW_INIT("") }, { 3, VIEW_INIT("four") } };
static const struct whole example = {
	.flag = true,
	.small = 255,
	.medium = 65535,
	.large = UINT32_MAX,
	.huge = UINT64_MAX,
	.signed_one = INT64_MIN,
	.colour = BLUE,
	.fixed = { 1, 2, 3 },
	.numbers = { 7, 8 },
	.number_count = 2,
	.parts = parts,
	.part_count = 3,
	.text = VIEW_INIT("a\0b\xff"),
	.bulk = VIEW_INIT("the rest"),
};

static bool write_whole(struct whole whole, struct text *frame)
{
	struct wire wire = wire_writer(frame);
	describe(&wire, &whole);
	if (!wire_is_done(&wire))
		return false;
	return text_add(frame, wire.bulk);
}

static bool read_whole(struct view frame, struct arena *arena, struct whole *whole)
{
	struct wire wire = wire_reader(frame, arena);
	*whole = (struct whole){ 0 };
	describe(&wire, whole);
	return wire_is_done(&wire);
}

static void there_and_back(void **state)
{
	(void)state;
	struct text frame = TEXT_LIMIT(256);
	struct arena arena = { 0 };
	struct whole back;
	assert_true(write_whole(example, &frame));
	assert_true(read_whole(text_view(&frame), &arena, &back));
	assert_true(back.flag);
	assert_int_equal(back.small, 255);
	assert_int_equal(back.medium, 65535);
	assert_int_equal(back.large, UINT32_MAX);
	assert_true(back.huge == UINT64_MAX);
	assert_true(back.signed_one == INT64_MIN);
	assert_int_equal(back.colour, BLUE);
	assert_int_equal(back.fixed[2], 3);
	assert_int_equal(back.number_count, 2);
	assert_int_equal(back.numbers[1], 8);
	assert_int_equal(back.part_count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(back.parts[i].number, parts[i].number);
		expect_view("name", back.parts[i].name, parts[i].name);
	}
	expect_view("text", back.text, example.text);
	expect_view("bulk", back.bulk, example.bulk);
	arena_deinit(&arena);
	text_deinit(&frame);
}

static void cut_off(void **state)
{
	(void)state;
	struct text frame = TEXT_LIMIT(256);
	struct whole back;
	assert_true(write_whole(example, &frame));
	const size_t fields = frame.length - example.bulk.length;
	for (size_t length = 0; length <= frame.length; length++) {
		struct arena arena = { 0 };
		expect_number("whole or refused", read_whole(view_first(text_view(&frame), length), &arena, &back),
		              length >= fields);
		arena_deinit(&arena);
	}
	text_deinit(&frame);
}

static void too_much_is_not_written(void **state)
{
	(void)state;
	static struct part long_named[] = { { 1, VIEW_INIT("12345") } };
	struct whole cases[] = { example, example, example, example };
	cases[0].part_count = PARTS_MOST + 1;
	cases[1].number_count = FIXED_MOST + 1;
	cases[2].text = VIEW("123456789");
	cases[3].parts = long_named;
	cases[3].part_count = 1;
	for (size_t i = 1; i < CASES(cases); i++) {
		struct text frame = TEXT_LIMIT(256);
		assert_false(write_whole(cases[i], &frame));
		text_deinit(&frame);
	}
	/* Not past the array: nothing of it is read before its count is refused. */
	struct text frame = TEXT_LIMIT(256);
	assert_false(write_whole(cases[0], &frame));
	text_deinit(&frame);
	struct text narrow = TEXT_LIMIT(40);
	assert_false(write_whole(example, &narrow));
	text_deinit(&narrow);
}

/* A frame of an array alone. */
static bool read_array(struct view frame, size_t most, size_t *count)
{
	struct arena arena = { 0 };
	struct wire wire = wire_reader(frame, &arena);
	*count = 99;
	wire_array(&wire, NULL, count, most, sizeof(struct view), wire_view_element);
	const bool done = wire_is_done(&wire);
	arena_deinit(&arena);
	return done;
}

static void what_is_not_ours_is_not_read(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct view frame;
		bool good;
		size_t count;
	} cases[] = {
		{ "none", VIEW_INIT("\0\0\0\0"), true, 0 },
		{ "one, empty", VIEW_INIT("\1\0\0\0\0\0\0\0"), true, 1 },
		{ "one", VIEW_INIT("\1\0\0\0\2\0\0\0ab"), true, 1 },
		{ "bytes behind", VIEW_INIT("\0\0\0\0x"), false, 0 },
		{ "a view past the end", VIEW_INIT("\1\0\0\0\3\0\0\0ab"), false, 1 },
		{ "a view of 4 GiB", VIEW_INIT("\1\0\0\0\xff\xff\xff\xff"), false, 1 },
		{ "more than allowed", VIEW_INIT("\11\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), false, 0 },
		{ "more than the frame paid for", VIEW_INIT("\10\0\0\0\0\0\0"), false, 0 },
		{ "4 billion", VIEW_INIT("\xff\xff\xff\xff\0\0\0\0"), false, 0 },
		{ "half a count", VIEW_INIT("\0\0"), false, 0 },
		{ "nothing", VIEW_INIT(""), false, 0 },
	};
	for (size_t i = 0; i < CASES(cases); i++) {
		size_t count = 0;
		expect_number(cases[i].name, read_array(cases[i].frame, 8, &count), cases[i].good);
		expect_number(cases[i].name, (int64_t)count, (int64_t)cases[i].count);
	}
}

static void truth_and_choice_are_exact(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		const uint8_t bytes[1] = { (uint8_t)byte };
		bool flag = false;
		struct wire wire = wire_reader(view_bytes(bytes, 1), NULL);
		wire_bool(&wire, &flag);
		expect_number("truth", wire_is_done(&wire), byte <= 1);
		expect_number("truth", flag, byte == 1);
		wire = wire_reader(view_bytes(bytes, 1), NULL);
		expect_number("choice", wire_enum(&wire, 0, BLUE), byte <= BLUE ? byte : 0);
		expect_number("choice", wire_is_done(&wire), byte <= BLUE);
	}
}

/* After the first failure everything reads as nothing. */
static void failure_sticks(void **state)
{
	(void)state;
	struct wire wire = wire_reader(VIEW("\5\0\0\0ab\1\1\1\1"), NULL);
	struct view view = VIEW_NONE;
	uint32_t number = 7;
	wire_view(&wire, &view, 100);
	expect_view("no view", view, VIEW("ab\1\1\1"));
	wire_u32(&wire, &number);
	assert_int_equal(number, 0);
	wire_bulk(&wire, &view);
	assert_int_equal(view.length, 0);
	assert_false(wire_is_done(&wire));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(cut_off),
		cmocka_unit_test(too_much_is_not_written),
		cmocka_unit_test(what_is_not_ours_is_not_read),
		cmocka_unit_test(truth_and_choice_are_exact),
		cmocka_unit_test(failure_sticks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/list.h"

#include "base/testing.h"
#include "base/text.h"

struct thing {
	char name;
	struct link link;
};

static void expect_order(const struct list *list, const char *expected)
{
	struct text names = TEXT_LIMIT(64);
	for (struct link *link = list_first(list); link != NULL; link = list_next(list, link))
		text_add_byte(&names, LIST_OWNER(link, struct thing, link)->name);
	expect_view("order", text_view(&names), view_of(expected));
	assert_int_equal(list->count, names.length);
	assert_int_equal(list_is_empty(list), names.length == 0);
	text_deinit(&names);
}

static void test_order(void **state)
{
	(void)state;
	struct thing a = { .name = 'a' };
	struct thing b = { .name = 'b' };
	struct thing c = { .name = 'c' };
	struct list list = { .count = 5 };
	list_init(&list);
	expect_order(&list, "");
	assert_null(list_first(&list));
	assert_null(list_last(&list));
	assert_null(list_take_first(&list));
	list_add_last(&list, &b.link);
	list_add_last(&list, &c.link);
	list_add_first(&list, &a.link);
	expect_order(&list, "abc");
	assert_ptr_equal(list_last(&list), &c.link);
	assert_true(link_is_listed(&b.link));
	list_remove(&list, &b.link);
	assert_false(link_is_listed(&b.link));
	expect_order(&list, "ac");
	list_add_last(&list, &b.link);
	expect_order(&list, "acb");
	assert_ptr_equal(list_take_first(&list), &a.link);
	assert_false(link_is_listed(&a.link));
	list_remove(&list, &b.link);
	list_remove(&list, &c.link);
	expect_order(&list, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_order) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

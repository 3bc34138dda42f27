#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "store/record.h"

static void test_accept(void **state)
{
	(void)state;
	const struct store_recipient recipients[] = { { VIEW("a@b.example"), VIEW("b.example") },
		                                          { VIEW(""), VIEW("") } };
	const uint32_t indexes[] = { 7, 9 };
	const struct store_payment payment = { { { 3 } }, STORE_NOTICE_DELAY, indexes, 2 };
	const struct store_message message = { .id = { { 5 } },
		                                   .accepted_wall = -1,
		                                   .accepted = 2,
		                                   .expires = INT64_MAX,
		                                   .account = VIEW("account"),
		                                   .sender = VIEW(""),
		                                   .extra = VIEW("\0\1\2"),
		                                   .hold_reason = VIEW("why"),
		                                   .recipients = recipients,
		                                   .recipient_count = 2,
		                                   .content = VIEW("content") };
	struct text bytes = TEXT_LIMIT(4096);
	record_write_accept(&message, &payment, &bytes);
	assert_int_equal(record_content_offset(text_view(&bytes)), bytes.length);
	text_add(&bytes, message.content);
	struct arena arena = { 0 };
	struct record_accept read;
	assert_true(record_read_accept(text_view(&bytes), &message.id, &arena, &read));
	assert_true(read.has_payment);
	assert_int_equal(read.payment.notice, STORE_NOTICE_DELAY);
	assert_int_equal(read.payment.indexes[1], 9);
	assert_int_equal(read.message.accepted_wall, -1);
	assert_int_equal(read.message.expires, INT64_MAX);
	assert_true(view_equal(read.message.extra, message.extra));
	assert_true(view_equal(read.message.hold_reason, message.hold_reason));
	assert_true(view_equal(read.message.content, message.content));
	assert_int_equal(read.message.recipient_count, 2);
	assert_true(view_equal(read.message.recipients[0].domain, VIEW("b.example")));
	/* Cut anywhere before the content it is malformed. */
	for (size_t i = 0; i < bytes.length - message.content.length; i++)
		assert_false(record_read_accept(view_first(text_view(&bytes), i), &message.id, &arena, &read));
	arena_deinit(&arena);
	text_deinit(&bytes);
}

static void test_change(void **state)
{
	(void)state;
	const struct store_change_row rows[] = {
		{ .index = 1,
		  .state = STORE_ENDED,
		  .fate = 3,
		  .tried = true,
		  .owes = 1,
		  .attempts = 4,
		  .address = VIEW("a@b") },
		{ .index = 99999,
		  .state = STORE_DEFERRED,
		  .due = 12345678901,
		  .verdict = { OUTCOME_NEVER, 550, { 5, 1, 1 }, VIEW("no such user") },
		  .class = VIEW("bad-mailbox"),
		  .reason = VIEW("reason") },
	};
	const struct store_change change = { .id = { { 5 } },
		                                 .account = VIEW("account"),
		                                 .attempt = { 1, 2, 3 },
		                                 .when_wall = 77,
		                                 .duration = 88,
		                                 .site = VIEW("site"),
		                                 .tls = VIEW("TLSv1.3"),
		                                 .dialogue = VIEW("S: 220"),
		                                 .rows = rows,
		                                 .row_count = 2,
		                                 .first_seq = 42 };
	struct text bytes = TEXT_LIMIT(4096);
	record_write_change(&change, &bytes);
	struct arena arena = { 0 };
	struct store_change read;
	assert_true(record_read_change(text_view(&bytes), &change.id, &arena, &read));
	assert_int_equal(read.first_seq, 42);
	assert_int_equal(read.duration, 88);
	assert_memory_equal(read.attempt, change.attempt, 16);
	assert_true(view_equal(read.dialogue, change.dialogue));
	assert_int_equal(read.row_count, 2);
	assert_int_equal(read.rows[0].state, STORE_ENDED);
	assert_int_equal(read.rows[0].fate, 3);
	assert_true(read.rows[0].tried);
	assert_int_equal(read.rows[0].owes, 1);
	assert_int_equal(read.rows[1].index, 99999);
	assert_int_equal(read.rows[1].due, 12345678901);
	assert_int_equal(read.rows[1].verdict.outcome, OUTCOME_NEVER);
	assert_int_equal(read.rows[1].verdict.status.subject, 1);
	assert_true(view_equal(read.rows[1].reason, VIEW("reason")));
	for (size_t i = 0; i < bytes.length; i++)
		assert_false(record_read_change(view_first(text_view(&bytes), i), &change.id, &arena, &read));
	arena_deinit(&arena);
	text_deinit(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_accept), cmocka_unit_test(test_change) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

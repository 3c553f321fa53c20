/* The growing buffer, also beside a plain array as a model. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "proto/buf.h"
#include "tests/lib/bytes.h"

START_TEST(new_buffer_is_empty_and_owns_nothing)
{
	struct buf b;

	buf_init(&b);
	ck_assert_uint_eq(buf_len(&b), 0);
	ck_assert_uint_eq(buf_bytes(&b).len, 0);
	ck_assert_ptr_null(b.bytes);
	buf_release(&b);
}
END_TEST

START_TEST(added_bytes_come_out_in_order)
{
	struct buf b;

	buf_init(&b);
	buf_add(&b, slice_of("Comprar "));
	buf_add(&b, slice_bytes(NULL, 0));
	buf_add(&b, slice_of("leche"));
	ck_assert(slice_is(buf_bytes(&b), "Comprar leche"));
	buf_consume(&b, 8);
	ck_assert(slice_is(buf_bytes(&b), "leche"));
	buf_release(&b);
}
END_TEST

START_TEST(room_is_content_only_after_grew)
{
	struct buf b;
	uint8_t *room;

	buf_init(&b);
	room = buf_room(&b, 1000);
	memset(room, 'x', 1000);
	ck_assert_uint_eq(buf_len(&b), 0);
	buf_grew(&b, 3);
	ck_assert(slice_is(buf_bytes(&b), "xxx"));
	ck_assert_ptr_nonnull(buf_room(&b, 0));
	buf_release(&b);
}
END_TEST

START_TEST(room_for_nothing_is_still_an_address)
{
	struct buf b;

	buf_init(&b);
	ck_assert_ptr_nonnull(buf_room(&b, 0));
	buf_release(&b);
}
END_TEST

START_TEST(truncate_drops_what_was_added_last)
{
	struct buf b;

	buf_init(&b);
	buf_add(&b, slice_of("xxabcdef"));
	buf_consume(&b, 2);
	buf_truncate(&b, 3);
	ck_assert(slice_is(buf_bytes(&b), "abc"));
	buf_truncate(&b, 3);
	ck_assert(slice_is(buf_bytes(&b), "abc"));
	buf_truncate(&b, 0);
	ck_assert_uint_eq(buf_len(&b), 0);
	buf_add(&b, slice_of("g"));
	ck_assert(slice_is(buf_bytes(&b), "g"));
	buf_release(&b);
}
END_TEST

START_TEST(clear_keeps_the_memory_and_release_does_not)
{
	struct buf b;

	buf_init(&b);
	buf_add(&b, slice_of("abc"));
	buf_clear(&b);
	ck_assert_uint_eq(buf_len(&b), 0);
	ck_assert_ptr_nonnull(b.bytes);
	buf_release(&b);
	ck_assert_ptr_null(b.bytes);
	ck_assert_uint_eq(b.size, 0);
	buf_add(&b, slice_of("again"));
	ck_assert(slice_is(buf_bytes(&b), "again"));
	buf_release(&b);
}
END_TEST

/* A queue that never holds more than 200 bytes stays small for ever. */
START_TEST(a_steady_queue_does_not_grow)
{
	struct buf b;
	uint8_t chunk[100] = { 7 };

	buf_init(&b);
	buf_add(&b, slice_bytes(chunk, sizeof(chunk)));
	for (int i = 0; i < 10000; i++) {
		buf_add(&b, slice_bytes(chunk, sizeof(chunk)));
		buf_consume(&b, sizeof(chunk));
	}
	ck_assert_uint_eq(buf_len(&b), sizeof(chunk));
	ck_assert_uint_le(b.size, 512);
	buf_release(&b);
}
END_TEST

START_TEST(size_follows_content_by_doubling)
{
	struct buf b;
	uint8_t byte = 1;

	buf_init(&b);
	for (size_t i = 1; i <= 100000; i++) {
		buf_add(&b, slice_bytes(&byte, 1));
		ck_assert_uint_le(b.size, i < 256 ? 256 : 2 * i);
	}
	buf_release(&b);
}
END_TEST

enum { MODEL_BYTES = 4096 };

struct model {
	uint8_t bytes[MODEL_BYTES];
	size_t len;
};

static void
add_some(struct buf *b, struct model *m, uint64_t *seed)
{
	uint32_t len = random_below(seed, 300);

	if (m->len + len > MODEL_BYTES)
		return;
	for (uint32_t i = 0; i < len; i++)
		m->bytes[m->len + i] = (uint8_t)random_next(seed);
	if (len % 2) {
		buf_add(b, slice_bytes(m->bytes + m->len, len));
	} else {
		uint8_t *room = buf_room(b, len + 10);

		memcpy(room, m->bytes + m->len, len);
		buf_grew(b, len);
	}
	m->len += len;
}

static void
change_some(struct buf *b, struct model *m, uint64_t *seed)
{
	size_t len = random_below(seed, (uint32_t)m->len + 1);

	switch (random_below(seed, 6)) {
	case 0:
		buf_consume(b, len);
		memmove(m->bytes, m->bytes + len, m->len - len);
		m->len -= len;
		break;
	case 1:
		buf_truncate(b, len);
		m->len = len;
		break;
	default:
		add_some(b, m, seed);
	}
}

START_TEST(any_order_of_calls_behaves_as_an_array)
{
	struct model m = { .len = 0 };
	struct buf b;
	uint64_t seed = (uint64_t)_i;

	buf_init(&b);
	for (int i = 0; i < 2000; i++) {
		change_some(&b, &m, &seed);
		ck_assert_uint_eq(buf_len(&b), m.len);
		ck_assert(
		    slice_equal(buf_bytes(&b), slice_bytes(m.bytes, m.len)));
	}
	buf_release(&b);
}
END_TEST

START_TEST(what_comes_before_is_content_as_long_as_there_is_room)
{
	struct buf b;
	char long_text[1000] = { 0 };

	buf_init(&b);
	ck_assert_ptr_null(buf_before(&b, 1));
	for (int i = 0; i < 3; i++) {
		buf_clear_behind(&b, 4);
		ck_assert_uint_eq(buf_len(&b), 0);
		buf_add(&b, slice_of("cde"));
		ck_assert_ptr_null(buf_before(&b, 5));
		memcpy(buf_before(&b, 2), "ab", 2);
		ck_assert(slice_is(buf_bytes(&b), "abcde"));
		ck_assert_ptr_null(buf_before(&b, 3));
	}
	/* It has to move, and says so. */
	buf_clear_behind(&b, 4);
	buf_add(&b, slice_bytes(long_text, sizeof(long_text)));
	ck_assert_uint_eq(buf_len(&b), sizeof(long_text));
	if (buf_before(&b, 4) != NULL)
		ck_assert_uint_eq(buf_len(&b), sizeof(long_text) + 4);
	buf_release(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("buf");
	TCase *t = tcase_create("buf");
	SRunner *runner;
	int failed;

	tcase_add_test(t, new_buffer_is_empty_and_owns_nothing);
	tcase_add_test(t, added_bytes_come_out_in_order);
	tcase_add_test(t, room_is_content_only_after_grew);
	tcase_add_test(t, room_for_nothing_is_still_an_address);
	tcase_add_test(t, truncate_drops_what_was_added_last);
	tcase_add_test(t, clear_keeps_the_memory_and_release_does_not);
	tcase_add_test(t, a_steady_queue_does_not_grow);
	tcase_add_test(t, size_follows_content_by_doubling);
	tcase_add_test(t,
	    what_comes_before_is_content_as_long_as_there_is_room);
	tcase_add_loop_test(t, any_order_of_calls_behaves_as_an_array, 0, 10);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

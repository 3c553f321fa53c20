/* common/table.h beside an array of flags as a model. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/table.h"
#include "tests/lib/bytes.h"

enum { MODEL_THINGS = 512 };

struct thing {
	char key[16];
	bool in;
};

static const uint8_t seed_bytes[TABLE_SEED_BYTES] = "0123456789abcde";

static struct slice
key_of(const void *thing)
{
	return slice_of(((const struct thing *)thing)->key);
}

/* Where a key would like to be in a table of so many places. */
static uint64_t
home(const char *key, uint64_t size)
{
	uint64_t h;

	crypto_shorthash((unsigned char *)&h, (const unsigned char *)key,
	    strlen(key), seed_bytes);
	return h & (size - 1);
}

START_TEST(an_empty_table_finds_and_takes_nothing)
{
	struct table t;

	table_init(&t, key_of, seed_bytes);
	ck_assert_ptr_null(table_find(&t, slice_of("tareas")));
	ck_assert_ptr_null(table_take(&t, slice_of("tareas")));
	ck_assert_uint_eq(t.size, 0);
	table_release(&t);
}
END_TEST

START_TEST(keys_are_bytes_the_empty_one_too)
{
	struct thing a = { .key = "" }, b = { .key = "a" }, c = { .key = "ab" };
	struct table t;

	table_init(&t, key_of, seed_bytes);
	table_add(&t, &a);
	table_add(&t, &b);
	table_add(&t, &c);
	ck_assert_ptr_eq(table_find(&t, slice_of("")), &a);
	ck_assert_ptr_eq(table_find(&t, slice_of("a")), &b);
	ck_assert_ptr_eq(table_find(&t, slice_of("ab")), &c);
	ck_assert_ptr_null(table_find(&t, slice_bytes("a", 2)));
	ck_assert_ptr_eq(table_take(&t, slice_of("a")), &b);
	ck_assert_ptr_null(table_find(&t, slice_of("a")));
	ck_assert_uint_eq(t.count, 2);
	table_release(&t);
}
END_TEST

START_TEST(what_was_found_last_is_not_found_once_it_is_taken)
{
	struct thing a = { .key = "a" }, again = { .key = "a" };
	struct thing b = { .key = "b" };
	struct table t;

	table_init(&t, key_of, seed_bytes);
	table_add(&t, &a);
	table_add(&t, &b);
	for (int i = 0; i < 2; i++)
		ck_assert_ptr_eq(table_find(&t, slice_of("a")), &a);
	ck_assert_ptr_eq(table_find(&t, slice_of("b")), &b);
	ck_assert_ptr_eq(table_find(&t, slice_of("a")), &a);
	ck_assert_ptr_eq(table_take(&t, slice_of("a")), &a);
	ck_assert_ptr_null(table_find(&t, slice_of("a")));
	table_add(&t, &again);
	ck_assert_ptr_eq(table_find(&t, slice_of("a")), &again);
	table_release(&t);
}
END_TEST

START_TEST(a_released_table_is_usable_again)
{
	struct thing a = { .key = "a" };
	struct table t;

	table_init(&t, key_of, seed_bytes);
	table_add(&t, &a);
	table_release(&t);
	ck_assert_ptr_null(table_find(&t, slice_of("a")));
	table_add(&t, &a);
	ck_assert_ptr_eq(table_find(&t, slice_of("a")), &a);
	table_release(&t);
}
END_TEST

START_TEST(a_walk_sees_each_thing_once)
{
	struct thing *things = calloc(MODEL_THINGS, sizeof(*things));
	struct table t;
	size_t seen = 0;

	table_init(&t, key_of, seed_bytes);
	for (size_t i = 0; i < MODEL_THINGS; i++) {
		snprintf(things[i].key, sizeof(things[i].key), "%zu", i);
		table_add(&t, &things[i]);
	}
	for (size_t i = 0; i < t.size; i++) {
		struct thing *thing = table_at(&t, i);

		if (thing == NULL)
			continue;
		ck_assert(!thing->in);
		thing->in = true;
		seen++;
	}
	ck_assert_uint_eq(seen, MODEL_THINGS);
	table_release(&t);
	free(things);
}
END_TEST

/* At most two thirds full, so that a miss ends soon. */
START_TEST(there_is_always_an_empty_place)
{
	struct thing *things = calloc(MODEL_THINGS, sizeof(*things));
	struct table t;

	table_init(&t, key_of, seed_bytes);
	for (size_t i = 0; i < MODEL_THINGS; i++) {
		snprintf(things[i].key, sizeof(things[i].key), "%zu", i);
		table_add(&t, &things[i]);
		ck_assert_uint_le(3 * t.count, 2 * t.size);
	}
	table_release(&t);
	free(things);
}
END_TEST

/* Names for n things, all at home in the last places of a small table. */
static void
colliding_keys(struct thing *things, size_t n, uint64_t size)
{
	unsigned number = 0;

	for (size_t i = 0; i < n; i++)
		do
			snprintf(things[i].key, sizeof(things[i].key), "k%u",
			    number++);
		while (home(things[i].key, size) < size - 2);
}

static void
check_all(const struct table *t, struct thing *things, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		ck_assert_ptr_eq(table_find(t, slice_of(things[i].key)),
		    things[i].in ? &things[i] : NULL);
		count += things[i].in;
	}
	ck_assert_uint_eq(t->count, count);
}

static void
change(struct table *t, struct thing *thing)
{
	if (thing->in)
		ck_assert_ptr_eq(table_take(t, slice_of(thing->key)), thing);
	else
		table_add(t, thing);
	thing->in = !thing->in;
}

/* Ten keys in sixteen places want the last two: the run wraps around. */
START_TEST(colliding_keys_behave_as_a_list)
{
	struct thing things[10] = { 0 };
	uint64_t seed = (uint64_t)_i;
	struct table t;

	colliding_keys(things, 10, 16);
	table_init(&t, key_of, seed_bytes);
	for (int n = 0; n < 5000; n++) {
		change(&t, &things[random_below(&seed, 10)]);
		check_all(&t, things, 10);
	}
	ck_assert_uint_eq(t.size, 16);
	table_release(&t);
}
END_TEST

START_TEST(any_order_of_calls_behaves_as_a_list)
{
	struct thing *things = calloc(MODEL_THINGS, sizeof(*things));
	uint64_t seed = (uint64_t)_i;
	struct table t;

	for (size_t i = 0; i < MODEL_THINGS; i++)
		snprintf(things[i].key, sizeof(things[i].key), "%zu", i);
	table_init(&t, key_of, seed_bytes);
	for (int n = 0; n < 20000; n++) {
		change(&t, &things[random_below(&seed, MODEL_THINGS)]);
		if (n % 500 == 0)
			check_all(&t, things, MODEL_THINGS);
	}
	table_release(&t);
	free(things);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("table");
	TCase *t = tcase_create("table");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_test(t, an_empty_table_finds_and_takes_nothing);
	tcase_add_test(t, keys_are_bytes_the_empty_one_too);
	tcase_add_test(t, what_was_found_last_is_not_found_once_it_is_taken);
	tcase_add_test(t, a_released_table_is_usable_again);
	tcase_add_test(t, a_walk_sees_each_thing_once);
	tcase_add_test(t, there_is_always_an_empty_place);
	tcase_add_loop_test(t, colliding_keys_behave_as_a_list, 0, 5);
	tcase_add_loop_test(t, any_order_of_calls_behaves_as_a_list, 0, 5);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}

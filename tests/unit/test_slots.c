/* common/slots.h: keys that are never given out twice. */
#include <check.h>
#include <stdlib.h>

#include "common/slots.h"
#include "tests/lib/bytes.h"

enum { MODEL_THINGS = 2000 };

START_TEST(an_empty_set_finds_nothing)
{
	static const uint64_t keys[] = { 0, 1, UINT32_MAX, UINT64_MAX,
		UINT64_C(1) << 32 };
	struct slots s;

	slots_init(&s);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		ck_assert_ptr_null(slots_find(&s, keys[i]));
		ck_assert_ptr_null(slots_take(&s, keys[i]));
	}
	slots_release(&s);
}
END_TEST

START_TEST(a_thing_is_found_until_it_is_taken)
{
	struct slots s;
	int a, b;
	uint64_t ka, kb;

	slots_init(&s);
	ka = slots_add(&s, &a);
	kb = slots_add(&s, &b);
	ck_assert_ptr_eq(slots_find(&s, ka), &a);
	ck_assert_ptr_eq(slots_find(&s, kb), &b);
	ck_assert_uint_eq(s.count, 2);
	ck_assert_ptr_eq(slots_take(&s, ka), &a);
	ck_assert_ptr_null(slots_find(&s, ka));
	ck_assert_ptr_null(slots_take(&s, ka));
	ck_assert_ptr_eq(slots_find(&s, kb), &b);
	ck_assert_uint_eq(s.count, 1);
	slots_release(&s);
}
END_TEST

START_TEST(a_key_is_never_zero_and_never_given_out_twice)
{
	struct slots s;
	uint64_t last = 0;
	int thing;

	slots_init(&s);
	for (int i = 0; i < 100000; i++) {
		uint64_t key = slots_add(&s, &thing);

		ck_assert_uint_ne(key, 0);
		ck_assert_uint_gt(key, last); /* one place: only generations */
		ck_assert_ptr_eq(slots_take(&s, key), &thing);
		ck_assert_ptr_null(slots_find(&s, last));
		last = key;
	}
	ck_assert_uint_eq(s.used, 1);
	slots_release(&s);
}
END_TEST

/* Looks behind the first value: nobody waits for 2^32 rounds. */
START_TEST(a_place_whose_generations_are_used_up_is_left)
{
	struct slots s;
	int thing;
	uint64_t key;
	uint32_t *generation;

	slots_init(&s);
	key = slots_add(&s, &thing);
	slots_take(&s, key);
	generation = (uint32_t *)(void *)(s.slots + s.bytes);
	ck_assert_uint_eq(*generation, 1);
	*generation = UINT32_MAX - 1;
	key = slots_add(&s, &thing);
	ck_assert_uint_eq(key >> 32, UINT32_MAX);
	slots_take(&s, key);
	key = slots_add(&s, &thing);
	ck_assert_uint_eq(key, (UINT64_C(1) << 32) + 1);
	slots_release(&s);
}
END_TEST

START_TEST(a_walk_sees_each_thing_once_with_its_key)
{
	struct slots s;
	int things[100];
	uint64_t keys[100], key;
	int seen = 0;

	slots_init(&s);
	for (int i = 0; i < 100; i++)
		keys[i] = slots_add(&s, &things[i]);
	for (int i = 0; i < 100; i += 3)
		slots_take(&s, keys[i]);
	for (uint32_t i = 0; i < s.used; i++) {
		int *thing = slots_at(&s, i, &key);

		if (thing == NULL)
			continue;
		ck_assert_uint_eq(key, keys[thing - things]);
		ck_assert_ptr_eq(slots_at(&s, i, NULL), thing);
		ck_assert_int_ne((thing - things) % 3, 0);
		seen++;
	}
	ck_assert_int_eq(seen, 66);
	slots_release(&s);
}
END_TEST

struct value {
	uint64_t a, b, c;
};

START_TEST(values_stay_what_they_were_while_others_come_and_go)
{
	struct slots s;
	uint64_t keys[1000], key;
	struct value *v;

	slots_init_values(&s, sizeof(struct value));
	for (uint64_t i = 0; i < 1000; i++) {
		v = slots_new(&s, &keys[i]);
		*v = (struct value){ i, ~i, 3 * i };
		if (i % 7 == 6)
			slots_drop(&s, keys[i - 3]);
	}
	for (uint64_t i = 0; i < 1000; i++) {
		v = slots_value(&s, keys[i]);
		if (i % 7 == 3 && i < 997) {
			ck_assert_ptr_null(v);
			slots_drop(&s, keys[i]); /* again changes nothing */
			continue;
		}
		ck_assert_uint_eq(v->a, i);
		ck_assert_uint_eq(v->b, ~i);
		ck_assert_uint_eq(v->c, 3 * i);
		ck_assert_ptr_eq(slots_value_at(&s, (uint32_t)keys[i], &key),
		    v);
		ck_assert_uint_eq(key, keys[i]);
	}
	ck_assert_uint_eq(s.count, 1000 - 142);
	slots_release(&s);
}
END_TEST

struct model {
	uint64_t keys[MODEL_THINGS];
	bool in[MODEL_THINGS];
	uint32_t count;
};

static void
check_all(const struct slots *s, struct model *m)
{
	ck_assert_uint_eq(s->count, m->count);
	for (int i = 0; i < MODEL_THINGS; i++)
		ck_assert_ptr_eq(slots_find(s, m->keys[i]),
		    m->in[i] ? &m->in[i] : NULL);
}

START_TEST(any_order_of_calls_behaves_as_a_list_of_keys)
{
	struct model *m = calloc(1, sizeof(*m));
	uint64_t seed = (uint64_t)_i;
	struct slots s;

	slots_init(&s);
	for (int n = 0; n < 20000; n++) {
		uint32_t i = random_below(&seed, MODEL_THINGS);

		if (m->in[i]) {
			ck_assert_ptr_eq(slots_take(&s, m->keys[i]), &m->in[i]);
			m->count--;
		} else {
			m->keys[i] = slots_add(&s, &m->in[i]);
			m->count++;
		}
		m->in[i] = !m->in[i];
		if (n % 1000 == 0)
			check_all(&s, m);
	}
	check_all(&s, m);
	slots_release(&s);
	free(m);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("slots");
	TCase *t = tcase_create("slots");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_test(t, an_empty_set_finds_nothing);
	tcase_add_test(t, a_thing_is_found_until_it_is_taken);
	tcase_add_test(t, a_key_is_never_zero_and_never_given_out_twice);
	tcase_add_test(t, a_place_whose_generations_are_used_up_is_left);
	tcase_add_test(t, a_walk_sees_each_thing_once_with_its_key);
	tcase_add_test(t, values_stay_what_they_were_while_others_come_and_go);
	tcase_add_loop_test(t, any_order_of_calls_behaves_as_a_list_of_keys, 0,
	    5);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}

/* server/engine.h, as engine_local keeps it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "server/engine.h"

static const uint8_t seed[TABLE_SEED_BYTES] = { 1 };

static struct engine *engine;
static char seen[1024];
static uint64_t seq; /* of the last event */

static void
applied(void *arg, uint64_t number, struct from from, const struct command *c,
    const struct outcome *o)
{
	size_t n = strlen(seen);

	ck_assert_ptr_eq(arg, seen);
	ck_assert_uint_eq(number, seq + 1);
	seq = number;
	if (n < sizeof(seen) - 100)
		snprintf(seen + n, sizeof(seen) - n, "%s%.*s:%s:%u for %llu",
		    n > 0 ? " " : "", (int)c->tarea.titulo.len,
		    (const char *)c->tarea.titulo.bytes, err_word(o->e),
		    o->deleted, (unsigned long long)from.ref);
}

static const struct engine_events events = { .applied = applied };

static void
setup(void)
{
	engine = engine_local_new(seed);
	engine_attach(engine, &events, seen);
	seen[0] = '\0';
	seq = 0;
}

static void
teardown(void)
{
	engine_close(engine);
}

static void
propose(enum command_kind kind, const char *titulo, uint64_t ref)
{
	struct command c = { .kind = kind,
		.usuario = slice_of("ana"),
		.tarea = { .titulo = slice_of(titulo),
		    .descripcion = slice_of("") } };
	struct from from = { .pid = { ref }, .ref = ref };

	engine_propose(engine, &c, from);
}

static void
expect(const char *words)
{
	ck_assert_str_eq(seen, words);
	seen[0] = '\0';
}

static uint32_t
count(void)
{
	return tareas_state_count(engine_state(engine), slice_of("ana"));
}

START_TEST(a_command_is_applied_in_the_order_of_its_proposal)
{
	ck_assert_uint_eq(count(), 0);
	propose(COMMAND_AGREGAR, "a", 1);
	ck_assert_uint_eq(count(), 1);
	propose(COMMAND_AGREGAR, "b", 2);
	propose(COMMAND_AGREGAR, "a", 3);
	propose(COMMAND_ELIMINAR, "a", 4);
	propose(COMMAND_ELIMINAR, "a", 0);
	expect("a:ok:0 for 1 b:ok:0 for 2 a:ok:0 for 3 a:ok:2 for 4 "
	       "a:ok:0 for 0");
	ck_assert_uint_eq(count(), 1);
	ck_assert_uint_eq(seq, 5);
}
END_TEST

START_TEST(what_is_over_a_limit_is_an_outcome_and_changes_nothing)
{
	for (int i = 0; i < LIMIT_TAREAS_PER_USER; i++)
		propose(COMMAND_AGREGAR, "a", 1);
	seen[0] = '\0';
	propose(COMMAND_AGREGAR, "b", 7);
	expect("b:toobig:0 for 7");
	ck_assert_uint_eq(count(), LIMIT_TAREAS_PER_USER);
}
END_TEST

START_TEST(the_map_outlives_who_is_attached)
{
	propose(COMMAND_AGREGAR, "a", 1);
	expect("a:ok:0 for 1");
	engine_attach(engine, NULL, NULL);
	propose(COMMAND_AGREGAR, "b", 2);
	expect("");
	ck_assert_uint_eq(count(), 2);
	engine_attach(engine, &events, seen);
	seq++; /* one went by unheard */
	propose(COMMAND_ELIMINAR, "b", 3);
	expect("b:ok:1 for 3");
	ck_assert_uint_eq(count(), 1);
}
END_TEST

START_TEST(the_same_commands_lead_to_the_same_map)
{
	static const uint8_t other_seed[TABLE_SEED_BYTES] = { 9 };
	struct engine *first = engine, *second = engine_local_new(other_seed);
	struct buf a, b;

	for (int i = 0; i < 2; i++) {
		engine = i == 0 ? first : second;
		engine_attach(engine, NULL, NULL);
		propose(COMMAND_AGREGAR, "a", 0);
		propose(COMMAND_AGREGAR, "b", 0);
		propose(COMMAND_ELIMINAR, "a", 0);
		propose(COMMAND_AGREGAR, "c", 0);
	}
	buf_init(&a);
	buf_init(&b);
	ck_assert_uint_eq(tareas_state_listar(engine_state(first),
			      slice_of("ana"), 0, 9, LIMIT_FRAME, &a),
	    2);
	tareas_state_listar(engine_state(second), slice_of("ana"), 0, 9,
	    LIMIT_FRAME, &b);
	ck_assert(slice_equal(buf_bytes(&a), buf_bytes(&b)));
	buf_release(&a);
	buf_release(&b);
	engine = first;
	engine_close(second);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("engine_local");
	TCase *t = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_command_is_applied_in_the_order_of_its_proposal);
	tcase_add_test(t,
	    what_is_over_a_limit_is_an_outcome_and_changes_nothing);
	tcase_add_test(t, the_map_outlives_who_is_attached);
	tcase_add_test(t, the_same_commands_lead_to_the_same_map);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}

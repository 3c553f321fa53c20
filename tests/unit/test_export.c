/* server/export.h: what a remote reaches, and in which shape. */
#include <check.h>
#include <stdlib.h>

#include "server/export.h"
#include "tests/lib/bytes.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct {
	const char *process;
	const char *operation;
	const char *params; /* hex */
	enum err e;
} cases[] = {
	/* agregar_tarea: a str, a map, perhaps a map of options */
	{ "tareas", "agregar_tarea", "92a161 80", E_OK },
	{ "tareas", "agregar_tarea", "93a161 8080", E_OK },
	{ "tareas", "agregar_tarea", "92a161 81c0c0", E_OK }, /* its own */
	{ "tareas", "agregar_tarea", "90", E_BADARG },
	{ "tareas", "agregar_tarea", "91a161", E_BADARG },
	{ "tareas", "agregar_tarea", "92a161a161", E_BADARG },
	{ "tareas", "agregar_tarea", "928080", E_BADARG },
	{ "tareas", "agregar_tarea", "92c40161 80", E_BADARG }, /* a bin */
	{ "tareas", "agregar_tarea", "93a16180 a161", E_BADARG },
	{ "tareas", "agregar_tarea", "93a16180 c0", E_BADARG },
	{ "tareas", "agregar_tarea", "94a161 808080", E_BADARG },
	/* eliminar_tarea: two strs */
	{ "tareas", "eliminar_tarea", "92a161a162", E_OK },
	{ "tareas", "eliminar_tarea", "93a161a162 80", E_OK },
	{ "tareas", "eliminar_tarea", "92a16107", E_BADARG },
	{ "tareas", "eliminar_tarea", "92a16180", E_BADARG },
	/* listar_tareas: a str */
	{ "tareas", "listar_tareas", "91a161", E_OK },
	{ "tareas", "listar_tareas", "92a16180", E_OK },
	{ "tareas", "listar_tareas", "92a161c0", E_BADARG },
	{ "tareas", "listar_tareas", "91c0", E_BADARG },
	/* a room's operations: a str, in send a second one */
	{ "chat", "create_room", "91a161", E_OK },
	{ "chat", "create_room", "92a16180", E_OK },
	{ "chat", "create_room", "90", E_BADARG },
	{ "chat", "delete_room", "91a161", E_OK },
	{ "chat", "delete_room", "9107", E_BADARG },
	{ "chat", "list_rooms", "90", E_OK },
	{ "chat", "list_rooms", "9180", E_OK },
	{ "chat", "list_rooms", "91a161", E_BADARG },
	{ "chat", "join", "91a161", E_OK },
	{ "chat", "join", "92a16180", E_OK },
	{ "chat", "join", "92a161c0", E_BADARG },
	{ "chat", "leave", "91a161", E_OK },
	{ "chat", "send", "92a161a162", E_OK },
	{ "chat", "send", "93a161a16280", E_OK },
	{ "chat", "send", "91a161", E_BADARG },
	{ "chat", "send", "92a161c40162", E_BADARG },
	{ "chat", "who", "91a161", E_OK },
	{ "chat", "history", "92a16180", E_OK },
	{ "chat", "settle", "9101", E_UNDEF },
	{ "salas", "join", "91a161", E_NOPROC },
	{ "sala:a", "join", "91a161", E_NOPROC },
	/* no array at all */
	{ "tareas", "listar_tareas", "a161", E_BADARG },
	{ "tareas", "listar_tareas", "81a16180", E_BADARG },
	/* names are whole and exact */
	{ "tareas", "listar", "91a161", E_UNDEF },
	{ "tareas", "listar_tareas2", "91a161", E_UNDEF },
	{ "tareas", "Listar_tareas", "91a161", E_UNDEF },
	{ "tareas", "", "91a161", E_UNDEF },
	{ "tarea", "listar_tareas", "91a161", E_NOPROC },
	{ "tareas2", "listar_tareas", "91a161", E_NOPROC },
	{ "listener", "admitted", "9101", E_NOPROC },
	{ "engine", "x", "90", E_NOPROC },
	{ "", "", "90", E_NOPROC },
};

START_TEST(what_is_exported_is_found_and_nothing_else)
{
	const struct export *before =
				(const struct export *)(const void *)&cases,
			    *found = before;
	struct buf params = hex_buf(cases[_i].params);
	const char *text = NULL;

	ck_assert_str_eq(err_word(export_find(slice_of(cases[_i].process),
			     slice_of(cases[_i].operation), buf_bytes(&params),
			     &found, &text)),
	    err_word(cases[_i].e));
	if (cases[_i].e == E_OK) {
		ck_assert(slice_is(found->process, cases[_i].process));
		ck_assert(slice_is(found->operation, cases[_i].operation));
	} else {
		ck_assert_ptr_eq(found, before);
	}
	ck_assert_int_eq(text != NULL, cases[_i].e == E_BADARG);
	buf_release(&params);
}
END_TEST

START_TEST(only_a_listing_needs_room)
{
	const struct export *found;
	const char *text;
	struct buf params = hex_buf("92a161a162");

	ck_assert_int_eq(export_find(slice_of("tareas"),
			     slice_of("eliminar_tarea"), buf_bytes(&params),
			     &found, &text),
	    E_OK);
	ck_assert_int_eq(found->answer, ANSWER_SHORT);
	buf_clear(&params);
	hex_add(&params, "91a161");
	ck_assert_int_eq(export_find(slice_of("tareas"),
			     slice_of("listar_tareas"), buf_bytes(&params),
			     &found, &text),
	    E_OK);
	ck_assert_int_eq(found->answer, ANSWER_LISTING);
	buf_release(&params);
}
END_TEST

START_TEST(options_are_what_follows_the_parameters)
{
	static const struct {
		const char *operation;
		const char *params; /* hex */
		bool options;
	} shapes[] = {
		{ "agregar_tarea", "92a161 80", false },
		{ "agregar_tarea", "93a161 8080", true },
		{ "listar_tareas", "91a161", false },
		{ "listar_tareas", "92a16180", true },
	};

	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct buf params = hex_buf(shapes[i].params);
		const struct export *found;
		const char *text;

		ck_assert_int_eq(export_find(slice_of("tareas"),
				     slice_of(shapes[i].operation),
				     buf_bytes(&params), &found, &text),
		    E_OK);
		ck_assert_int_eq(export_has_options(found, buf_bytes(&params)),
		    shapes[i].options);
		buf_release(&params);
	}
}
END_TEST

START_TEST(a_process_of_the_table_may_be_looked_for)
{
	ck_assert(export_has(slice_of("tareas")));
	ck_assert(!export_has(slice_of("tarea")));
	ck_assert(!export_has(slice_of("listener")));
	ck_assert(!export_has(slice_of("engine")));
	ck_assert(!export_has(slice_of("")));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("export");
	TCase *t = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, what_is_exported_is_found_and_nothing_else, 0,
	    (int)COUNT(cases));
	tcase_add_test(t, only_a_listing_needs_room);
	tcase_add_test(t, options_are_what_follows_the_parameters);
	tcase_add_test(t, a_process_of_the_table_may_be_looked_for);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}

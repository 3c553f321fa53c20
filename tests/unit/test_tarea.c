/* common/tarea.h: reading, writing, and the rules. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/tarea.h"
#include "proto/limits.h"
#include "tests/lib/bytes.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* "titulo" and "descripcion" */
#define T "a6746974756c6f "
#define D "ab6465736372697063696f6e "

static const struct {
	const char *hex;
	enum err e;
	const char *titulo;
	const char *descripcion;
} samples[] = {
	{ "82" T "a161" D "a162", E_OK, "a", "b" },
	{ "82" D "a162" T "a161", E_OK, "a", "b" },
	{ "81" T "a161", E_OK, "a", "" },
	{ "82" T "a161" D "c0", E_OK, "a", "" },
	{ "82" T "a161" D "a0", E_OK, "a", "" },
	{ "81" T "a0", E_OK, "", "" }, /* the rules come later */
	{ "df00000001" T "d90161", E_OK, "a", "" },
	{ "80", E_BADARG, NULL, NULL }, { "81" D "a162", E_BADARG, NULL, NULL },
	{ "82" T "a161" T "a162", E_BADARG, NULL, NULL },
	{ "82" T "a161" T "a161", E_BADARG, NULL, NULL },
	{ "83" T "a161" D "a162" D "a162", E_BADARG, NULL, NULL },
	{ "83" T "a161" D "c0" D "c0", E_BADARG, NULL, NULL },
	{ "82" T "a161a178a162", E_BADARG, NULL, NULL }, /* another key */
	{ "82" T "a16107a162", E_BADARG, NULL, NULL },
	{ "82" T "a161c0a162", E_BADARG, NULL, NULL },
	{ "81" T "c0", E_BADARG, NULL, NULL },
	{ "81" T "c40161", E_BADARG, NULL, NULL },
	{ "81" T "07", E_BADARG, NULL, NULL },
	{ "82" T "a161" D "07", E_BADARG, NULL, NULL },
	{ "82" T "a161" D "90", E_BADARG, NULL, NULL },
	{ "92a161a162", E_BADARG, NULL, NULL },
	{ "a161", E_BADARG, NULL, NULL }, { "c0", E_BADARG, NULL, NULL },
	{ "81a6546974756c6fa161", E_BADARG, NULL, NULL }, /* Titulo */
};

START_TEST(a_task_is_a_map_of_its_two_keys)
{
	struct buf b = hex_buf(samples[_i].hex);
	struct slice exact;
	struct term_reader r;
	struct tarea t;

	ck_assert(term_is_sound(buf_bytes(&b)));
	exact = exact_copy(buf_bytes(&b));
	term_reader_init(&r, exact);
	ck_assert_int_eq(tarea_read(&r, &t), samples[_i].e);
	if (samples[_i].e == E_OK) {
		ck_assert(slice_is(t.titulo, samples[_i].titulo));
		ck_assert(slice_is(t.descripcion, samples[_i].descripcion));
		ck_assert_int_eq(term_end(&r), E_OK);
	}
	exact_free(exact);
	buf_release(&b);
}
END_TEST

/* A mutation is no value, no task, or one that is written and read alike. */
START_TEST(a_mutated_task_is_refused_or_makes_the_round_trip)
{
	struct buf good = hex_buf(samples[_i].hex);
	size_t bits = 8 * buf_len(&good);

	for (size_t bit = 0; bit < bits; bit++) {
		struct slice bytes = exact_copy(buf_bytes(&good));
		uint8_t *at = (uint8_t *)(uintptr_t)bytes.bytes + bit / 8;
		struct term_reader r;
		struct tarea t, again;
		struct buf b;

		*at ^= (uint8_t)(1 << bit % 8);
		term_reader_init(&r, bytes);
		buf_init(&b);
		if (term_is_sound(bytes) && tarea_read(&r, &t) == E_OK) {
			tarea_write(&b, &t);
			term_reader_init(&r, buf_bytes(&b));
			ck_assert_int_eq(tarea_read(&r, &again), E_OK);
			ck_assert(slice_equal(t.titulo, again.titulo));
			ck_assert(
			    slice_equal(t.descripcion, again.descripcion));
		}
		buf_release(&b);
		exact_free(bytes);
	}
	buf_release(&good);
}
END_TEST

START_TEST(a_task_is_written_as_it_is_read)
{
	struct tarea t = { .titulo = slice_of("Comprar leche"),
		.descripcion = slice_of("") };
	struct buf b, expected = hex_buf("82" T "ad");

	buf_init(&b);
	tarea_write(&b, &t);
	buf_add(&expected, slice_of("Comprar leche"));
	hex_add(&expected, D "a0");
	ck_assert(slice_equal(buf_bytes(&b), buf_bytes(&expected)));
	buf_release(&b);
	buf_release(&expected);
}
END_TEST

/* -- the rules -- */

/* Each is so many letters a, or these characters. */
static const struct {
	size_t len;
	const char *text;
	enum err usuario, titulo, descripcion;
} rules[] = {
	{ 0, NULL, E_BADARG, E_BADARG, E_OK }, { 1, NULL, E_OK, E_OK, E_OK },
	{ LIMIT_USUARIO, NULL, E_OK, E_OK, E_OK },
	{ LIMIT_USUARIO + 1, NULL, E_TOOBIG, E_OK, E_OK },
	{ LIMIT_TITULO, NULL, E_TOOBIG, E_OK, E_OK },
	{ LIMIT_TITULO + 1, NULL, E_TOOBIG, E_TOOBIG, E_OK },
	{ LIMIT_DESCRIPCION, NULL, E_TOOBIG, E_TOOBIG, E_OK },
	{ LIMIT_DESCRIPCION + 1, NULL, E_TOOBIG, E_TOOBIG, E_TOOBIG },
	{ 0, "Leer la guía", E_OK, E_OK, E_OK }, { 0, " ", E_OK, E_OK, E_OK },
	{ 0, "a\nb", E_BADARG, E_BADARG, E_BADARG },
	{ 0, "a\tb", E_BADARG, E_BADARG, E_BADARG },
	{ 0, "\x1b[31m", E_BADARG, E_BADARG, E_BADARG },
	{ 0, "a\x7f", E_BADARG, E_BADARG, E_BADARG },
	{ 0, "a\xc2\x85", E_BADARG, E_BADARG, E_BADARG }, /* C1: NEL */
	{ 0, "\xff", E_BADARG, E_BADARG, E_BADARG },
	{ 0, "\xc3", E_BADARG, E_BADARG, E_BADARG },
	{ 0, "\xed\xa0\x80", E_BADARG, E_BADARG, E_BADARG }, /* surrogate */
};

static struct slice
rule_text(int i)
{
	static char letters[LIMIT_DESCRIPCION + 2];

	if (rules[i].text != NULL)
		return slice_of(rules[i].text);
	memset(letters, 'a', sizeof(letters));
	return exact_copy(slice_bytes(letters, rules[i].len));
}

START_TEST(texts_meet_their_rules)
{
	struct slice s = rule_text(_i);
	struct tarea t = { .titulo = slice_of("a"), .descripcion = s };
	const char *why = NULL;

	ck_assert_int_eq(tarea_check_usuario(s, &why), rules[_i].usuario);
	ck_assert_int_eq(why != NULL, rules[_i].usuario != E_OK);
	why = NULL;
	ck_assert_int_eq(tarea_check_titulo(s, &why), rules[_i].titulo);
	ck_assert_int_eq(why != NULL, rules[_i].titulo != E_OK);
	why = NULL;
	ck_assert_int_eq(tarea_check(&t, &why), rules[_i].descripcion);
	ck_assert_int_eq(why != NULL, rules[_i].descripcion != E_OK);
	t = (struct tarea){ .titulo = s, .descripcion = slice_of("") };
	ck_assert_int_eq(tarea_check(&t, &why), rules[_i].titulo);
	if (rules[_i].text == NULL)
		exact_free(s);
}
END_TEST

START_TEST(a_nul_is_a_control_character_too)
{
	const char *why;

	ck_assert_int_eq(tarea_check_titulo(slice_bytes("a\0b", 3), &why),
	    E_BADARG);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tarea");
	TCase *t = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, a_task_is_a_map_of_its_two_keys, 0,
	    (int)COUNT(samples));
	tcase_add_loop_test(t,
	    a_mutated_task_is_refused_or_makes_the_round_trip, 0,
	    (int)COUNT(samples));
	tcase_add_test(t, a_task_is_written_as_it_is_read);
	tcase_add_loop_test(t, texts_meet_their_rules, 0, (int)COUNT(rules));
	tcase_add_test(t, a_nul_is_a_control_character_too);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}

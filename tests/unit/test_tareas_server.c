/*
 * server/tareas_server.h: the operations of `tareas`, asked by a program at
 * the top level of its own node.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "server/tareas_server.h"
#include "tests/lib/bytes.h"
#include "tests/lib/disk.h"
#include "tests/lib/sim.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct sim *sim;
static struct node *node;
static struct engine *engine;
static struct engine_client somebody;
static struct disk disk;
static struct pid tareas;
static struct log logger;
static FILE *log_file;

static void
start_tareas(void)
{
	ck_assert_int_eq(tareas_server_start_link(node, NULL, &engine, &tareas),
	    E_OK);
}

static void
forget(void *arg, uint64_t seq, struct from from, const struct command *c,
    const struct outcome *o)
{
	(void)arg;
	(void)seq;
	(void)from;
	(void)c;
	(void)o;
}

/* With somebody else who proposes too. */
static void
start_engine(struct store *store)
{
	static const struct engine_events events = { .applied = forget };

	engine = engine_local_new(node, store);
	ck_assert_ptr_nonnull(engine);
	somebody = (struct engine_client){ .events = &events };
	engine_attach(engine, &somebody);
}

static void
setup(void)
{
	sim = sim_new(1);
	log_file = tmpfile();
	ck_assert_ptr_nonnull(log_file);
	log_init(&logger, fileno(log_file), LOG_DEBUG, sim_clock, sim);
	node = node_new(sim_world(sim), slice_of("test"), &logger);
	disk_init(&disk);
	start_engine(NULL);
	start_tareas();
}

static void
teardown(void)
{
	if (engine != NULL)
		engine_close(engine);
	engine = NULL;
	node_free(node);
	disk_release(&disk);
	sim_free(sim);
	fclose(log_file);
}

static int
logged(const char *text)
{
	char line[LOG_LINE_BYTES + 1];
	int count = 0;

	rewind(log_file);
	while (fgets(line, sizeof(line), log_file) != NULL)
		count += strstr(line, text) != NULL;
	return count;
}

static enum err
call(const char *op, struct slice params, struct buf *body)
{
	buf_init(body);
	return gs_call_wait(node, tareas, slice_of(op), params, 5000, body);
}

/* The answer to params in hex has to be exactly that error, or these bytes. */
static void
expect(const char *op, const char *params, enum err e, const char *answer)
{
	struct buf p = hex_buf(params), body, expected;

	ck_assert_str_eq(err_word(call(op, buf_bytes(&p), &body)), err_word(e));
	if (e == E_OK) {
		expected = hex_buf(answer);
		ck_assert(slice_equal(buf_bytes(&body), buf_bytes(&expected)));
		buf_release(&expected);
	} else {
		ck_assert_uint_gt(buf_len(&body), 0); /* a sentence */
	}
	buf_release(&body);
	buf_release(&p);
}

#define A "a3616e61 " /* ana */
#define T "a6746974756c6f "
#define D "ab6465736372697063696f6e "
#define TASK(t, d) "82" T t D d

START_TEST(the_class_session)
{
	expect("listar_tareas", "91" A, E_OK, "90");
	expect("agregar_tarea", "92" A TASK("a161", "a162"), E_OK, "c3");
	expect("agregar_tarea",
	    "93" A "81" T "a163"
	    "80",
	    E_OK, "c3");
	expect("listar_tareas", "91" A, E_OK,
	    "92" TASK("a163", "a0") TASK("a161", "a162"));
	expect("listar_tareas",
	    "91a3"
	    "6c7569",
	    E_OK, "90");
	expect("eliminar_tarea", "92" A "a161", E_OK, "01");
	expect("eliminar_tarea",
	    "93" A "a161"
	    "80",
	    E_OK, "00");
	expect("listar_tareas", "91" A, E_OK, "91" TASK("a163", "a0"));
}
END_TEST

START_TEST(pages_are_asked_for_by_options)
{
	expect("agregar_tarea", "92" A TASK("a161", "a0"), E_OK, "c3");
	expect("agregar_tarea", "92" A TASK("a162", "a0"), E_OK, "c3");
	expect("agregar_tarea", "92" A TASK("a163", "a0"), E_OK, "c3");
	/* {desde: 1} {cuantas: 1} both, none, an unknown one too */
	expect("listar_tareas", "92" A "81a5646573646501", E_OK,
	    "92" TASK("a162", "a0") TASK("a161", "a0"));
	expect("listar_tareas", "92" A "81a76375616e74617301", E_OK,
	    "91" TASK("a163", "a0"));
	expect("listar_tareas", "92" A "82a5646573646501a76375616e74617301",
	    E_OK, "91" TASK("a162", "a0"));
	expect("listar_tareas", "92" A "81a5646573646503", E_OK, "90");
	expect("listar_tareas", "92" A "81a76375616e74617300", E_OK, "90");
	expect("listar_tareas", "92" A "80", E_OK,
	    "93" TASK("a163", "a0") TASK("a162", "a0") TASK("a161", "a0"));
	expect("listar_tareas", "92" A "81a178a179", E_OK,
	    "93" TASK("a163", "a0") TASK("a162", "a0") TASK("a161", "a0"));
	expect("listar_tareas", "92" A "81a76375616e746173cfffffffffffffffff",
	    E_OK,
	    "93" TASK("a163", "a0") TASK("a162", "a0") TASK("a161", "a0"));
}
END_TEST

static const struct {
	const char *op;
	const char *params;
	enum err e;
} refused[] = {
	{ "agregar_tarea", "90", E_BADARG },
	{ "agregar_tarea", "91" A, E_BADARG },
	{ "agregar_tarea", "a3616e61", E_BADARG },
	{ "agregar_tarea", "9207" TASK("a161", "a0"), E_BADARG },
	{ "agregar_tarea", "92a0" TASK("a161", "a0"), E_BADARG },
	{ "agregar_tarea", "92a10a" TASK("a161", "a0"), E_BADARG },
	{ "agregar_tarea", "92" A TASK("a0", "a0"), E_BADARG },
	{ "agregar_tarea", "92" A TASK("a11b", "a0"), E_BADARG },
	{ "agregar_tarea", "92" A TASK("a161", "a109"), E_BADARG },
	{ "agregar_tarea", "92" A "80", E_BADARG },
	{ "agregar_tarea", "92" A "a161", E_BADARG },
	{ "eliminar_tarea", "91" A, E_BADARG },
	{ "eliminar_tarea", "92" A "07", E_BADARG },
	{ "eliminar_tarea", "92" A "a0", E_BADARG },
	{ "eliminar_tarea", "92a0a161", E_BADARG },
	{ "listar_tareas", "90", E_BADARG },
	{ "listar_tareas", "91a0", E_BADARG },
	{ "listar_tareas", "92" A "07", E_BADARG },
	{ "listar_tareas", "92" A "81a56465736465ff", E_BADARG }, /* -1 */
	{ "listar_tareas", "92" A "81a56465736465a131", E_BADARG },
	{ "listar_tareas", "92" A "81a76375616e746173c0", E_BADARG },
	{ "listar_tareas", "92" A "810701", E_BADARG },
	{ "listar", "91" A, E_UNDEF },
	{ "", "90", E_UNDEF },
};

START_TEST(wrong_arguments_are_an_error_and_change_nothing)
{
	expect("agregar_tarea", "92" A TASK("a161", "a0"), E_OK, "c3");
	expect(refused[_i].op, refused[_i].params, refused[_i].e, NULL);
	expect("listar_tareas", "91" A, E_OK, "91" TASK("a161", "a0"));
	/* As a cast: to the log, if anywhere. */
	for (int i = 0; i < 2; i++) {
		struct buf p = hex_buf(refused[_i].params);

		proc_cast(node, tareas, slice_of(refused[_i].op),
		    buf_bytes(&p));
		buf_release(&p);
	}
	sim_run_ms(sim, 10);
	ck_assert_int_eq(logged("a cast failed"), 2);
	expect("listar_tareas", "91" A, E_OK, "91" TASK("a161", "a0"));
}
END_TEST

/* The rules' limits, one byte over. */
START_TEST(what_is_too_long_is_toobig)
{
	static char text[LIMIT_DESCRIPCION + 1];
	struct tarea t = { .titulo = slice_of("t"),
		.descripcion = slice_of("") };
	struct slice usuario = slice_of("ana");
	struct buf params, body;

	memset(text, 'x', sizeof(text));
	if (_i == 0)
		usuario = slice_bytes(text, LIMIT_USUARIO + 1);
	else if (_i == 1)
		t.titulo = slice_bytes(text, LIMIT_TITULO + 1);
	else
		t.descripcion = slice_bytes(text, LIMIT_DESCRIPCION + 1);
	buf_init(&params);
	term_write_array(&params, 2);
	term_write_str(&params, usuario);
	tarea_write(&params, &t);
	ck_assert_int_eq(call("agregar_tarea", buf_bytes(&params), &body),
	    E_TOOBIG);
	buf_release(&params);
	buf_release(&body);
	ck_assert_uint_eq(tareas_state_count(engine_state(engine), usuario), 0);
}
END_TEST

static void
add_long(const char *usuario, int n)
{
	static char text[LIMIT_DESCRIPCION];
	struct tarea t = { .titulo = slice_of("t"),
		.descripcion = slice_bytes(text, sizeof(text)) };
	struct buf params, body;

	memset(text, 'x', sizeof(text));
	buf_init(&params);
	term_write_array(&params, 2);
	term_write_cstr(&params, usuario);
	tarea_write(&params, &t);
	for (int i = 0; i < n; i++) {
		ck_assert_int_eq(call("agregar_tarea", buf_bytes(&params),
				     &body),
		    E_OK);
		buf_release(&body);
	}
	buf_release(&params);
}

START_TEST(a_list_that_no_frame_holds_is_toobig_without_pages)
{
	struct buf p, body;
	struct term_reader r;
	uint32_t n;

	add_long("ana", 70);
	expect("listar_tareas", "91" A, E_TOOBIG, NULL);
	expect("listar_tareas", "92" A "80", E_TOOBIG, NULL);
	p = hex_buf("92" A "81a5646573646500");
	ck_assert_int_eq(call("listar_tareas", buf_bytes(&p), &body), E_OK);
	ck_assert_uint_le(buf_len(&body), LIMIT_FRAME - 64);
	term_reader_init(&r, buf_bytes(&body));
	ck_assert_int_eq(term_read_array(&r, &n), E_OK);
	ck_assert_uint_gt(n, 60);
	ck_assert_uint_lt(n, 70);
	buf_release(&body);
	buf_release(&p);
}
END_TEST

START_TEST(one_task_too_many_is_toobig)
{
	struct command c = { .kind = COMMAND_AGREGAR,
		.usuario = slice_of("ana"),
		.tarea = { .titulo = slice_of("a"),
		    .descripcion = slice_of("") } };
	struct from nobody = { .ref = 0 };

	for (int i = 0; i < LIMIT_TAREAS_PER_USER; i++)
		engine_propose(engine, &somebody, &c, nobody);
	expect("agregar_tarea", "92" A TASK("a162", "a0"), E_TOOBIG, NULL);
	expect("eliminar_tarea", "92" A "a161", E_OK, "ce000186a0");
	expect("agregar_tarea", "92" A TASK("a162", "a0"), E_OK, "c3");
}
END_TEST

/* -- the gate -- */

struct asked {
	bool answered;
	enum err e;
	struct buf body;
};

static void
hear(struct proc *p, uint64_t ref, const struct answer *a)
{
	struct asked *asked = *(struct asked **)proc_state(p);

	(void)ref;
	asked->answered = true;
	asked->e = a->e;
	buf_add(&asked->body, a->body);
}

static void
hear_nothing(struct proc *p, struct message *m)
{
	(void)p;
	(void)m;
}

/* Asks as a peer does: what is answered is heard at once. */
static void
ask(struct asked *asked, const char *op, const char *hex)
{
	static const struct behaviour listener = {
		.name = "listener",
		.receive = hear_nothing,
		.answer = hear,
	};
	struct proc *p = proc_spawn(node, &listener, sizeof(asked));
	struct buf params = hex_buf(hex);
	struct message *m =
	    message_new(MESSAGE_CALL, slice_of(op), buf_bytes(&params));

	*(struct asked **)proc_state(p) = asked;
	*asked = (struct asked){ .e = E_OK };
	buf_init(&asked->body);
	m->from = (struct from){ proc_pid(p), 1 };
	ck_assert_int_eq(proc_post(node, tareas, m), E_OK);
	buf_release(&params);
	sim_run_ms(sim, 10);
}

static void
expect_answer(struct asked *asked, enum err e, const char *hex)
{
	struct buf wanted = hex_buf(hex);

	ck_assert(asked->answered);
	ck_assert_int_eq(asked->e, e);
	if (e == E_OK)
		ck_assert(
		    slice_equal(buf_bytes(&asked->body), buf_bytes(&wanted)));
	buf_release(&wanted);
	buf_release(&asked->body);
}

static void
start_on_disk(void)
{
	proc_exit(node_find(node, tareas), reason_of("kill"));
	sim_run_ms(sim, 10);
	engine_close(engine);
	start_engine(&disk.store);
	start_tareas();
}

START_TEST(an_answer_waits_until_its_write_is_durable)
{
	struct asked write, read, other, again;

	start_on_disk();
	ask(&write, "agregar_tarea", "92" A TASK("a161", "a162"));
	ask(&read, "listar_tareas", "91" A);
	ask(&other, "listar_tareas", "91a46c756973");
	ck_assert(!write.answered && !read.answered);
	expect_answer(&other, E_OK, "90"); /* it depends on nothing */
	disk_save(&disk);
	expect_answer(&write, E_OK, "c3");
	expect_answer(&read, E_OK, "91" TASK("a161", "a162"));
	ask(&again, "listar_tareas", "91" A);
	expect_answer(&again, E_OK, "91" TASK("a161", "a162"));
}
END_TEST

START_TEST(a_list_that_became_empty_waits_too)
{
	struct asked add, delete, read;

	start_on_disk();
	ask(&add, "agregar_tarea", "92" A TASK("a161", "a162"));
	disk_save(&disk);
	expect_answer(&add, E_OK, "c3");
	ask(&delete, "eliminar_tarea", "92" A "a161");
	ask(&read, "listar_tareas", "91" A);
	ck_assert(!delete.answered && !read.answered);
	disk_save(&disk);
	expect_answer(&delete, E_OK, "01");
	expect_answer(&read, E_OK, "90");
}
END_TEST

START_TEST(a_list_that_became_too_long_waits_too)
{
	static char big[LIMIT_DESCRIPCION];
	struct command c = { .kind = COMMAND_AGREGAR,
		.usuario = slice_of("ana"),
		.tarea = { .titulo = slice_of("a"),
		    .descripcion = slice_bytes(big, sizeof(big)) } };
	struct from nobody = { .ref = 0 };
	struct asked read;

	start_on_disk();
	memset(big, 'x', sizeof(big));
	for (int i = 0; i < 70; i++)
		engine_propose(engine, &somebody, &c, nobody);
	ask(&read, "listar_tareas", "91" A);
	ck_assert(!read.answered);
	disk_save(&disk);
	expect_answer(&read, E_TOOBIG, "");
}
END_TEST

START_TEST(a_full_disk_is_an_answer_at_once)
{
	struct asked write, read;

	start_on_disk();
	disk.full = true;
	ask(&write, "agregar_tarea", "92" A TASK("a161", "a162"));
	ask(&read, "listar_tareas", "91" A);
	expect_answer(&write, E_STORAGE, "");
	expect_answer(&read, E_OK, "90");
}
END_TEST

#define CLAVE "81a5636c617665c410000102030405060708090a0b0c0d0e0f"
#define SHORT_CLAVE "81a5636c617665c40f000102030405060708090a0b0c0d0e"

START_TEST(a_repeated_key_waits_for_the_first_and_says_the_same)
{
	struct asked first, second, third, wrong;

	start_on_disk();
	ask(&first, "agregar_tarea", "93" A TASK("a161", "a162") CLAVE);
	ask(&second, "agregar_tarea", "93" A TASK("a161", "a162") CLAVE);
	ask(&wrong, "agregar_tarea", "93" A TASK("a161", "a163") CLAVE);
	ck_assert(!first.answered && !second.answered);
	expect_answer(&wrong, E_BADARG, "");
	disk_save(&disk);
	expect_answer(&first, E_OK, "c3");
	expect_answer(&second, E_OK, "c3");
	ask(&third, "agregar_tarea", "93" A TASK("a161", "a162") CLAVE);
	expect_answer(&third, E_OK, "c3");
	expect("listar_tareas", "91" A, E_OK, "91" TASK("a161", "a162"));
}
END_TEST

START_TEST(a_clave_is_16_to_32_bytes)
{
	expect("agregar_tarea", "93" A TASK("a161", "a162") SHORT_CLAVE,
	    E_BADARG, NULL);
	expect("eliminar_tarea", "93" A "a161" SHORT_CLAVE, E_BADARG, NULL);
	expect("eliminar_tarea", "93" A "a161" CLAVE, E_OK, "00");
	/* A key that is a number, one that is nil, and one we do not know. */
	expect("eliminar_tarea",
	    "93" A "a161"
	    "81a5636c61766507",
	    E_BADARG, NULL);
	expect("eliminar_tarea",
	    "93" A "a161"
	    "81a5636c617665c0",
	    E_BADARG, NULL);
	expect("eliminar_tarea",
	    "93" A "a161"
	    "8207c0a17892c0c0",
	    E_OK, "00");
	/* A str is as good. */
	expect("agregar_tarea",
	    "93" A TASK("a161", "a162") "81a5636c617665b0"
					"30313233343536373839616263646566",
	    E_OK, "c3");
}
END_TEST

/* -- life -- */

START_TEST(a_restarted_tareas_finds_the_map_of_the_engine)
{
	struct command c = { .kind = COMMAND_ELIMINAR,
		.usuario = slice_of("ana"),
		.tarea = { .titulo = slice_of("other") } };
	struct pid before = tareas;

	expect("agregar_tarea", "92" A TASK("a161", "a162"), E_OK, "c3");
	proc_exit(node_find(node, tareas), reason_of("kill"));
	sim_run_ms(sim, 10);
	ck_assert_uint_eq(node_whereis(node, slice_of(TAREAS_NAME)).id, 0);
	expect("listar_tareas", "91" A, E_NOPROC, NULL);
	/* What is applied meanwhile has nobody to tell. */
	engine_propose(engine, &somebody, &c, (struct from){ .ref = 0 });
	start_tareas();
	ck_assert_uint_ne(tareas.id, before.id);
	expect("listar_tareas", "91" A, E_OK, "91" TASK("a161", "a162"));
	expect("eliminar_tarea", "92" A "a161", E_OK, "01");
}
END_TEST

START_TEST(without_an_engine_it_is_overload)
{
	struct engine *kept = engine;

	expect("agregar_tarea", "92" A TASK("a161", "a162"), E_OK, "c3");
	engine = NULL;
	expect("listar_tareas", "91" A, E_OVERLOAD, NULL);
	expect("agregar_tarea", "92" A TASK("a161", "a162"), E_OVERLOAD, NULL);
	engine = kept;
	expect("listar_tareas", "91" A, E_OK, "91" TASK("a161", "a162"));
}
END_TEST

START_TEST(it_does_not_start_without_an_engine_or_twice)
{
	struct engine *none = NULL;
	struct pid pid;

	ck_assert_int_eq(tareas_server_start_link(node, NULL, &engine, &pid),
	    E_EXISTS);
	ck_assert_uint_eq(pid.id, tareas.id);
	proc_exit(node_find(node, tareas), reason_of("normal"));
	sim_run_ms(sim, 10);
	ck_assert_int_eq(tareas_server_start_link(node, NULL, &none, &pid),
	    E_DIED);
	start_tareas();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tareas_server");
	TCase *t = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_class_session);
	tcase_add_test(t, pages_are_asked_for_by_options);
	tcase_add_loop_test(t, wrong_arguments_are_an_error_and_change_nothing,
	    0, (int)COUNT(refused));
	tcase_add_loop_test(t, what_is_too_long_is_toobig, 0, 3);
	tcase_add_test(t, a_list_that_no_frame_holds_is_toobig_without_pages);
	tcase_add_test(t, one_task_too_many_is_toobig);
	tcase_add_test(t, an_answer_waits_until_its_write_is_durable);
	tcase_add_test(t, a_list_that_became_empty_waits_too);
	tcase_add_test(t, a_list_that_became_too_long_waits_too);
	tcase_add_test(t, a_full_disk_is_an_answer_at_once);
	tcase_add_test(t, a_repeated_key_waits_for_the_first_and_says_the_same);
	tcase_add_test(t, a_clave_is_16_to_32_bytes);
	tcase_add_test(t, a_restarted_tareas_finds_the_map_of_the_engine);
	tcase_add_test(t, without_an_engine_it_is_overload);
	tcase_add_test(t, it_does_not_start_without_an_engine_or_twice);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}

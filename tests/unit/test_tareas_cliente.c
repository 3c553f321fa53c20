/* client/tareas_cliente.h: the class's client module and a served node. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/conn.h"
#include "client/tareas_cliente.h"
#include "proto/limits.h"
#include "tests/lib/served.h"

static struct sim *sim;
static struct served served;
static struct world *world;
static struct node *node;
static struct pid conn;
static struct tareas_cliente cliente;
static struct buf text;
static char seen[256]; /* lista as "titulo/descripcion" */

static void
connect_to_it(bool again)
{
	struct conn_config config = { .server = &served.address,
		.cookie = &served.cookie,
		.user = "ana",
		.again = again };
	const char *why;

	conn = conn_start(node, &config);
	ck_assert_int_eq(conn_wait(node, conn, 5000, &why), E_OK);
	cliente.conn = conn;
}

/* With one that reconnects by itself. */
static void
connect_again(void)
{
	conn_close(node, conn, 1000);
	sim_run_ms(sim, 10);
	connect_to_it(true);
}

static void
setup(void)
{
	sim = sim_new(1);
	served_start(&served, sim, "server");
	world = sim_world(sim);
	node = node_new(world, slice_of("cliente"), NULL);
	cliente = (struct tareas_cliente){ .node = node, .timeout_ms = 5000 };
	connect_to_it(false);
	buf_init(&text);
}

static void
teardown(void)
{
	buf_release(&text);
	node_free(node);
	served_stop(&served);
	sim_free(sim);
}

static struct tarea
tarea(const char *titulo, const char *descripcion)
{
	return (struct tarea){ .titulo = slice_of(titulo),
		.descripcion = slice_of(descripcion) };
}

static void
agregar(const char *titulo, const char *descripcion)
{
	struct tarea t = tarea(titulo, descripcion);

	tareas_cliente_agregar(&cliente, slice_of("ana"), &t);
}

static enum err
agregar_call(const char *titulo)
{
	struct tarea t = tarea(titulo, "");

	buf_clear(&text);
	return tareas_cliente_agregar_call(&cliente, slice_of("ana"), &t,
	    &text);
}

static const char *
listar(void)
{
	struct lista l;

	buf_clear(&text);
	ck_assert_int_eq(tareas_cliente_listar(&cliente, slice_of("ana"), &l,
			     &text),
	    E_OK);
	seen[0] = '\0';
	for (size_t i = 0; i < l.count; i++) {
		size_t n = strlen(seen);

		snprintf(seen + n, sizeof(seen) - n, "%s%.*s/%.*s",
		    i > 0 ? " " : "", (int)l.tareas[i].titulo.len,
		    (const char *)l.tareas[i].titulo.bytes,
		    (int)l.tareas[i].descripcion.len,
		    (const char *)l.tareas[i].descripcion.bytes);
	}
	lista_release(&l);
	ck_assert_uint_eq(l.count, 0);
	return seen;
}

START_TEST(the_class_session)
{
	uint64_t deleted = 77;

	ck_assert_str_eq(listar(), "");
	agregar("Comprar leche", "Ir al supermercado");
	agregar("Estudiar Elixir", "");
	ck_assert_str_eq(listar(),
	    "Estudiar Elixir/ Comprar leche/Ir al supermercado");
	tareas_cliente_eliminar(&cliente, slice_of("ana"),
	    slice_of("Comprar leche"));
	ck_assert_str_eq(listar(), "Estudiar Elixir/");
	ck_assert_int_eq(agregar_call("Estudiar Elixir"), E_OK);
	buf_clear(&text);
	ck_assert_int_eq(tareas_cliente_eliminar_call(&cliente, slice_of("ana"),
			     slice_of("Estudiar Elixir"), &deleted, &text),
	    E_OK);
	ck_assert_uint_eq(deleted, 2);
	ck_assert_str_eq(listar(), "");
}
END_TEST

START_TEST(an_error_comes_with_the_sentence_of_the_server)
{
	uint64_t deleted = 77;

	ck_assert_int_eq(agregar_call(""), E_BADARG);
	ck_assert(slice_is(buf_bytes(&text), "the title is empty"));
	ck_assert_int_eq(agregar_call("a\nb"), E_BADARG);
	buf_clear(&text);
	ck_assert_int_eq(tareas_cliente_eliminar_call(&cliente, slice_of(""),
			     slice_of("x"), &deleted, &text),
	    E_BADARG);
	ck_assert_uint_gt(buf_len(&text), 0);
	ck_assert_uint_eq(deleted, 77);
}
END_TEST

START_TEST(a_list_sees_all_casts_before_it)
{
	struct sim_net *net = sim_net(sim);
	struct lista l;

	net->chop = SIM_CHOPPED;
	net->delay_max_ms = 5;
	for (int i = 0; i < 3000; i++)
		agregar("x", "y");
	cliente.timeout_ms = 600000;
	ck_assert_int_eq(tareas_cliente_listar(&cliente, slice_of("ana"), &l,
			     &text),
	    E_OK);
	ck_assert_uint_eq(l.count, 3000);
	lista_release(&l);
}
END_TEST

/* Without a link, with one that is cut, with one that is silent. */
START_TEST(without_a_server_a_call_says_so_and_changes_nothing)
{
	static const struct {
		enum err write, list;
	} expected[] = { { E_UNREACHABLE, E_NOCONNECTION },
		{ E_NOCONNECTION, E_NOCONNECTION }, { E_TIMEOUT, E_TIMEOUT },
		{ E_NOPROC, E_NOPROC } };
	struct lista l = { .count = 77 };
	uint64_t start_ms;

	if (_i < 2)
		sim_cut_world(world);
	if (_i == 0)
		sim_run_ms(sim, 10);
	else if (_i == 2)
		sim_unplug(served.world, true);
	else if (_i == 3)
		proc_exit(node_find(served.node, served.tareas),
		    reason_of("kill"));
	cliente.timeout_ms = 700;
	start_ms = sim_now(sim);
	ck_assert_int_eq(agregar_call("x"), expected[_i].write);
	ck_assert_uint_eq(sim_now(sim), start_ms + 700);
	buf_clear(&text);
	ck_assert_int_eq(tareas_cliente_listar(&cliente, slice_of("ana"), &l,
			     &text),
	    expected[_i].list);
	ck_assert_uint_eq(l.count, 77);
	agregar("x", "y"); /* to nobody */
	sim_unplug(served.world, false);
}
END_TEST

/* Its link is made again in time: nobody notices. */
START_TEST(a_write_waits_for_the_next_link)
{
	uint64_t deleted = 77;
	const char *why;

	connect_again();
	ck_assert_int_eq(agregar_call("x"), E_OK);
	sim_cut_world(world);
	sim_run_ms(sim, 10);
	ck_assert(!conn_is_up(node, conn));
	ck_assert_int_eq(agregar_call("y"), E_OK);
	sim_cut_world(world);
	sim_run_ms(sim, 10);
	buf_clear(&text);
	ck_assert_int_eq(tareas_cliente_eliminar_call(&cliente, slice_of("ana"),
			     slice_of("x"), &deleted, &text),
	    E_OK);
	ck_assert_uint_eq(deleted, 1);
	ck_assert_int_eq(conn_wait(node, conn, 5000, &why), E_OK);
	ck_assert_str_eq(listar(), "y/");
}
END_TEST

/* -- pages -- */

static void
on_applied(void *arg, uint64_t seq, struct from from, const struct command *c,
    const struct outcome *o)
{
	(void)arg;
	(void)seq;
	(void)from;
	(void)c;
	ck_assert_int_eq(o->e, E_OK);
}

static void
fill(uint32_t n, size_t titulo_len, size_t descripcion_len)
{
	static char bytes[LIMIT_DESCRIPCION];
	static const struct engine_events events = { .applied = on_applied };
	struct engine_client somebody = { .events = &events };
	struct from nobody = { .ref = 0 };
	struct command c = { .kind = COMMAND_AGREGAR,
		.usuario = slice_of("ana"),
		.tarea = { .titulo = slice_bytes(bytes, titulo_len),
		    .descripcion = slice_bytes(bytes, descripcion_len) } };

	memset(bytes, 'x', sizeof(bytes));
	engine_attach(served.engine, &somebody);
	for (uint32_t i = 0; i < n; i++) {
		/* Each title differs in its first bytes. */
		snprintf(bytes, 16, "%06u", i);
		bytes[6] = 'x';
		bytes[7] = 'x';
		engine_propose(served.engine, &somebody, &c, nobody);
	}
	engine_detach(served.engine, &somebody);
}

static const struct {
	uint32_t count;
	size_t titulo, descripcion;
} lists[] = {
	{ 1, 10, 10 },
	{ 60, 1024, 16384 },
	{ 61, 1024, 16384 },
	{ 200, 1024, 16384 },
	{ 9999, 8, 0 },
	{ 10000, 8, 0 },
	{ 10001, 8, 0 },
	{ 20000, 8, 0 },
	{ 3000, 1024, 50 },
	{ 26211, 8, 0 },
	{ LIMIT_TAREAS_PER_USER, 8, 0 },
};

START_TEST(a_list_of_any_size_comes_whole_page_by_page)
{
	struct lista l;
	char head[16];

	fill(lists[_i].count, lists[_i].titulo, lists[_i].descripcion);
	cliente.timeout_ms = 60000;
	ck_assert_int_eq(tareas_cliente_listar(&cliente, slice_of("ana"), &l,
			     &text),
	    E_OK);
	ck_assert_uint_eq(l.count, lists[_i].count);
	for (uint32_t i = 0; i < l.count; i++) {
		snprintf(head, sizeof(head), "%06u", lists[_i].count - 1 - i);
		ck_assert_uint_eq(l.tareas[i].titulo.len, lists[_i].titulo);
		ck_assert_int_eq(memcmp(l.tareas[i].titulo.bytes, head, 6), 0);
		ck_assert_uint_eq(l.tareas[i].descripcion.len,
		    lists[_i].descripcion);
	}
	lista_release(&l);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tareas_cliente");
	TCase *t = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_class_session);
	tcase_add_test(t, an_error_comes_with_the_sentence_of_the_server);
	tcase_add_test(t, a_list_sees_all_casts_before_it);
	tcase_add_loop_test(t,
	    without_a_server_a_call_says_so_and_changes_nothing, 0, 4);
	tcase_add_test(t, a_write_waits_for_the_next_link);
	tcase_add_loop_test(t, a_list_of_any_size_comes_whole_page_by_page, 0,
	    (int)(sizeof(lists) / sizeof(lists[0])));
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}

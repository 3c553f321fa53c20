/*
 * server/engine.h as engine_local keeps it, with server/gate.h and
 * server/claves.h, on a store that this test commits by hand.
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/gen_server.h"
#include "proto/limits.h"
#include "server/engine.h"
#include "tests/lib/disk.h"
#include "tests/lib/sim.h"

static struct sim *sim;
static struct node *node;
static struct engine *engine;
static struct engine_client client;
static struct disk disk;
static char seen[4096];

/* Turns go by until nothing is to be done now. */
static void
settle(void)
{
	while (sim_step(sim))
		;
}

static void
save(void)
{
	settle();
	disk_save(&disk);
	settle();
}

/* -- who listens -- */

__attribute__((format(printf, 1, 2))) static void
note(const char *format, ...)
{
	size_t n = strlen(seen);
	va_list args;

	if (n > sizeof(seen) - 100)
		return;
	va_start(args, format);
	if (n > 0)
		seen[n++] = ' ';
	vsnprintf(seen + n, sizeof(seen) - n, format, args);
	va_end(args);
}

static void
applied(void *arg, uint64_t seq, struct from from, const struct command *c,
    const struct outcome *o)
{
	ck_assert_ptr_eq(arg, seen);
	note("%llu:%.*s:%s:%llu>%llu", (unsigned long long)seq,
	    (int)c->tarea.titulo.len, (const char *)c->tarea.titulo.bytes,
	    err_word(o->e), (unsigned long long)o->n,
	    (unsigned long long)from.ref);
}

static void
durable(void *arg, uint64_t seq)
{
	ck_assert_ptr_eq(arg, seen);
	note("saved%llu", (unsigned long long)seq);
}

static const struct engine_events events = {
	.applied = applied,
	.durable = durable,
};

static void
expect(const char *words)
{
	ck_assert_str_eq(seen, words);
	seen[0] = '\0';
}

static void
start(struct store *store)
{
	engine = engine_local_new(node, store);
	ck_assert_ptr_nonnull(engine);
	client = (struct engine_client){ .events = &events, .arg = seen };
	engine_attach(engine, &client);
}

static void
setup(void)
{
	sim = sim_new(1);
	node = node_new(sim_world(sim), slice_of("s"), NULL);
	disk_init(&disk);
	seen[0] = '\0';
}

static void
teardown(void)
{
	engine_close(engine);
	node_free(node);
	sim_free(sim);
	disk_release(&disk);
}

static void
restart(void)
{
	engine_close(engine);
	start(&disk.store);
}

/* -- commands -- */

static struct command
command(enum command_kind kind, const char *titulo)
{
	return (struct command){ .kind = kind,
		.usuario = slice_of("ana"),
		.tarea = { .titulo = slice_of(titulo),
		    .descripcion = slice_of("") } };
}

static void
propose(enum command_kind kind, const char *titulo, uint64_t ref)
{
	struct command c = command(kind, titulo);

	engine_propose(engine, &client, &c, (struct from){ { ref }, ref });
}

static void
propose_keyed(const char *titulo, const char *quien, const char *clave,
    uint64_t ref)
{
	struct command c = command(COMMAND_AGREGAR, titulo);

	c.quien = slice_of(quien);
	c.clave = slice_of(clave);
	engine_propose(engine, &client, &c, (struct from){ { ref }, ref });
}

static uint32_t
count(void)
{
	return tareas_state_count(engine_state(engine), slice_of("ana"));
}

/* -- memory alone -- */

START_TEST(a_command_is_applied_in_the_order_of_its_proposal)
{
	start(NULL);
	ck_assert_uint_eq(count(), 0);
	propose(COMMAND_AGREGAR, "a", 1);
	ck_assert_uint_eq(count(), 1);
	propose(COMMAND_AGREGAR, "b", 2);
	propose(COMMAND_AGREGAR, "a", 3);
	propose(COMMAND_ELIMINAR, "a", 4);
	propose(COMMAND_ELIMINAR, "a", 0);
	expect("1:a:ok:0>1 2:b:ok:0>2 3:a:ok:0>3 4:a:ok:2>4 5:a:ok:0>0");
	ck_assert_uint_eq(count(), 1);
	ck_assert_uint_eq(engine_seq(engine), 5);
}
END_TEST

START_TEST(what_is_over_a_limit_is_an_outcome_and_changes_nothing)
{
	start(NULL);
	for (int i = 0; i < LIMIT_TAREAS_PER_USER; i++)
		propose(COMMAND_AGREGAR, "a", 1);
	seen[0] = '\0';
	propose(COMMAND_AGREGAR, "b", 7);
	expect("100001:b:toobig:0>7");
	ck_assert_uint_eq(count(), LIMIT_TAREAS_PER_USER);
}
END_TEST

START_TEST(the_map_outlives_who_is_attached)
{
	start(NULL);
	propose(COMMAND_AGREGAR, "a", 1);
	expect("1:a:ok:0>1");
	engine_detach(engine, &client);
	settle();
	expect("");
	ck_assert_uint_eq(count(), 1);
	engine_attach(engine, &client);
	propose(COMMAND_ELIMINAR, "a", 3);
	expect("2:a:ok:1>3");
	ck_assert_uint_eq(count(), 0);
}
END_TEST

START_TEST(without_a_store_all_is_durable_at_once_and_told_in_the_same_turn)
{
	start(NULL);
	propose(COMMAND_AGREGAR, "a", 1);
	propose(COMMAND_AGREGAR, "b", 2);
	ck_assert_uint_eq(engine_saved(engine), 2);
	settle();
	expect("1:a:ok:0>1 2:b:ok:0>2 saved2");
}
END_TEST

/* -- with a store -- */

START_TEST(a_turn_is_a_batch_and_durable_comes_after_its_commit)
{
	start(&disk.store);
	propose(COMMAND_AGREGAR, "a", 1);
	propose(COMMAND_AGREGAR, "b", 2);
	ck_assert_uint_eq(disk.written, 0);
	settle();
	ck_assert_uint_eq(disk.written, 2);
	ck_assert_uint_eq(engine_saved(engine), 0);
	ck_assert_uint_eq(engine_barrier(engine, slice_of("ana")), 2);
	ck_assert_uint_eq(engine_barrier(engine, slice_of("luis")), 0);
	expect("1:a:ok:0>1 2:b:ok:0>2");
	save();
	expect("saved2");
	ck_assert_uint_eq(engine_saved(engine), 2);
}
END_TEST

START_TEST(what_was_stored_is_there_again)
{
	start(&disk.store);
	propose(COMMAND_AGREGAR, "a", 1);
	propose(COMMAND_AGREGAR, "b", 1);
	save();
	restart();
	ck_assert_uint_eq(count(), 2);
	ck_assert_uint_eq(engine_seq(engine), 2);
	ck_assert_uint_eq(engine_saved(engine), 2);
	seen[0] = '\0';
	propose(COMMAND_AGREGAR, "c", 9);
	expect("3:c:ok:0>9");
}
END_TEST

START_TEST(an_engine_that_closes_writes_what_was_applied)
{
	start(&disk.store);
	propose(COMMAND_AGREGAR, "a", 1);
	engine_close(engine);
	ck_assert_uint_eq(disk.written, 1);
	ck_assert_ptr_null(disk.store.events);
	start(&disk.store);
}
END_TEST

START_TEST(a_deletion_is_the_rows_that_go)
{
	struct slice rows;
	struct row r;

	start(&disk.store);
	propose(COMMAND_AGREGAR, "a", 1);
	propose(COMMAND_AGREGAR, "b", 1);
	propose(COMMAND_ELIMINAR, "a", 1);
	settle();
	rows = buf_bytes(&disk.rows);
	ck_assert(row_read(&rows, &r) && r.kind == ROW_TAREA);
	ck_assert_uint_eq(r.number[0], 1);
	ck_assert(slice_is(r.text[0], "ana") && slice_is(r.text[1], "a") &&
	    slice_is(r.text[2], ""));
	ck_assert(row_read(&rows, &r) && r.number[0] == 2);
	ck_assert(row_read(&rows, &r) && r.kind == ROW_TAREA_GONE);
	ck_assert_uint_eq(r.number[0], 1);
	ck_assert(!row_read(&rows, &r));
}
END_TEST

START_TEST(a_full_disk_refuses_before_anything_is_applied)
{
	start(&disk.store);
	disk.full = true;
	propose(COMMAND_AGREGAR, "a", 1);
	expect("0:a:storage:0>1");
	ck_assert_uint_eq(count(), 0);
	ck_assert(!engine_has_room(engine));
	disk.full = false;
	propose(COMMAND_AGREGAR, "a", 2);
	expect("1:a:ok:0>2");
}
END_TEST

START_TEST(a_store_that_cannot_be_read_gives_no_engine)
{
	disk.broken = true;
	ck_assert_ptr_null(engine_local_new(node, &disk.store));
	ck_assert_ptr_null(disk.store.events);
	disk.broken = false;
	start(&disk.store);
}
END_TEST

static struct gs_next
count_casts(struct proc *self, const struct message *m)
{
	(void)m;
	++*(int *)gs_state(self);
	return gs_noreply();
}

static const struct gen_server counter = {
	.module = "counter",
	.state_bytes = sizeof(int),
	.handle_cast = count_casts,
};

START_TEST(who_is_faster_than_the_disk_waits_for_it)
{
	static char big[LIMIT_DESCRIPCION];
	struct pid pid;
	struct proc *p;
	struct command c = command(COMMAND_AGREGAR, "a");

	start(&disk.store);
	ck_assert_int_eq(gs_start(node, &counter, NULL, NULL, &pid), E_OK);
	p = node_find(node, pid);
	client.proc = p;
	memset(big, 'x', sizeof(big));
	c.tarea.descripcion = slice_bytes(big, sizeof(big));
	while (!client.waits)
		engine_propose(engine, &client, &c, (struct from){ { 0 }, 0 });
	ck_assert_uint_ge(buf_len(&disk.rows) + 2 * sizeof(big) +
		(size_t)count() * sizeof(big),
	    LIMIT_UNSAVED);
	proc_cast(node, pid, slice_of("x"), slice_of(""));
	settle();
	ck_assert_int_eq(*(int *)gs_state(p), 0);
	save();
	ck_assert(!client.waits);
	ck_assert_int_eq(*(int *)gs_state(p), 1);
	client.proc = NULL;
}
END_TEST

START_TEST(answers_that_wait_count_too)
{
	struct proc *p;
	struct pid pid;
	struct command c = command(COMMAND_ELIMINAR, "nothing");

	start(&disk.store);
	ck_assert_int_eq(gs_start(node, &counter, NULL, NULL, &pid), E_OK);
	p = node_find(node, pid);
	client.proc = p;
	for (int i = 0; i < LIMIT_UNSAVED / 64 && !client.waits; i++)
		engine_propose(engine, &client, &c, (struct from){ { 0 }, 0 });
	ck_assert(client.waits);
	ck_assert_uint_eq(buf_len(&disk.rows), 0);
	save();
	ck_assert(!client.waits);
	client.proc = NULL;
}
END_TEST

/* -- keys -- */

#define KEY "0123456789abcdef"
#define OTHER_KEY "0123456789abcdeX"

START_TEST(a_key_is_answered_as_the_first_time)
{
	start(&disk.store);
	propose_keyed("a", "ana", KEY, 1);
	propose(COMMAND_AGREGAR, "b", 2);
	propose_keyed("a", "ana", KEY, 3);
	expect("1:a:ok:0>1 2:b:ok:0>2 1:a:ok:0>3");
	ck_assert_uint_eq(count(), 2);
}
END_TEST

START_TEST(a_key_for_something_else_is_badarg)
{
	start(&disk.store);
	propose_keyed("a", "ana", KEY, 1);
	propose_keyed("b", "ana", KEY, 2);
	propose_keyed("b", "luis", KEY, 3); /* another one's */
	propose_keyed("b", "ana", OTHER_KEY, 4);
	expect("1:a:ok:0>1 0:b:badarg:0>2 2:b:ok:0>3 3:b:ok:0>4");
}
END_TEST

START_TEST(a_key_is_known_after_a_restart)
{
	start(&disk.store);
	propose_keyed("a", "ana", KEY, 1);
	save();
	restart();
	seen[0] = '\0';
	propose_keyed("a", "ana", KEY, 2);
	propose_keyed("b", "ana", KEY, 3);
	expect("1:a:ok:0>2 0:b:badarg:0>3");
	ck_assert_uint_eq(count(), 1);
}
END_TEST

START_TEST(a_repetition_costs_no_room)
{
	start(&disk.store);
	propose_keyed("a", "ana", KEY, 1);
	disk.full = true;
	propose_keyed("a", "ana", KEY, 2);
	propose_keyed("a", "ana", OTHER_KEY, 3);
	expect("1:a:ok:0>1 1:a:ok:0>2 0:a:storage:0>3");
	disk.full = false;
	seen[0] = '\0';
	/* What was refused was not remembered. */
	propose_keyed("a", "ana", OTHER_KEY, 4);
	expect("2:a:ok:0>4");
}
END_TEST

static void
many_keys(uint32_t from, uint32_t to)
{
	char key[LIMIT_CLAVE_MIN + 1];

	for (uint32_t i = from; i < to; i++) {
		snprintf(key, sizeof(key), "%016u", i);
		propose_keyed("x", "luis", key, 0);
	}
	seen[0] = '\0';
}

START_TEST(the_last_hundred_thousand_keys_are_known)
{
	start(&disk.store);
	propose_keyed("a", "ana", KEY, 1);
	many_keys(0, LIMIT_CLAVES - 1);
	propose_keyed("a", "ana", KEY, 2);
	expect("1:a:ok:0>2");
	many_keys(LIMIT_CLAVES, LIMIT_CLAVES + 1);
	disk.rows.start = disk.rows.end; /* not these */
	propose_keyed("a", "ana", KEY, 3);
	ck_assert_str_ne(seen, "1:a:ok:0>3");
	many_keys(LIMIT_CLAVES + 1, LIMIT_CLAVES + 3000);
	save();
	/* The store forgets them too, some at a time. */
	ck_assert_uint_eq(count(), LIMIT_TAREAS_PER_USER);
	restart();
	seen[0] = '\0';
	propose_keyed("x", "luis", "0000000000102000", 4);
	ck_assert_ptr_nonnull(strstr(seen, "toobig:0>4"));
}
END_TEST

START_TEST(the_store_is_told_which_keys_go)
{
	struct slice rows;
	struct row r;
	unsigned told = 0;

	start(&disk.store);
	many_keys(0, LIMIT_CLAVES + 1024);
	settle();
	rows = buf_bytes(&disk.rows);
	while (row_read(&rows, &r))
		if (r.kind == ROW_CLAVES_GONE) {
			told++;
			ck_assert_uint_eq(r.number[0], 1024);
		}
	ck_assert_uint_eq(told, 1);
}
END_TEST

/* -- rooms -- */

static void
sala(enum command_kind kind, const char *name, const char *usuario,
    const char *texto)
{
	struct command c = { .kind = kind,
		.usuario = slice_of(usuario),
		.sala = slice_of(name),
		.texto = slice_of(texto),
		.at_ms = 77 };

	engine_propose(engine, &client, &c, (struct from){ { 0 }, 0 });
}

START_TEST(rooms_are_stored)
{
	struct sala s;

	start(&disk.store);
	sala(COMMAND_CREATE_ROOM, "general", "ana", "");
	sala(COMMAND_CREATE_ROOM, "general", "luis", "");
	sala(COMMAND_SEND, "general", "ana", "hola");
	sala(COMMAND_SEND, "general", "luis", "qué tal");
	sala(COMMAND_SEND, "nada", "luis", "x");
	expect("1::ok:0>0 2::exists:0>0 3::ok:1>0 4::ok:2>0 5::noproc:0>0");
	save();
	restart();
	ck_assert(
	    salas_state_find(engine_salas(engine), slice_of("general"), &s));
	ck_assert_uint_eq(s.last, 2);
	ck_assert_uint_eq(s.id, 1);
	ck_assert(slice_is(s.creator, "ana"));
	seen[0] = '\0';
	sala(COMMAND_SEND, "general", "ana", "sigo");
	sala(COMMAND_DELETE_ROOM, "general", "ana", "");
	sala(COMMAND_DELETE_ROOM, "general", "ana", "");
	expect("6::ok:3>0 7::ok:0>0 8::noproc:0>0");
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
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_command_is_applied_in_the_order_of_its_proposal);
	tcase_add_test(t,
	    what_is_over_a_limit_is_an_outcome_and_changes_nothing);
	tcase_add_test(t, the_map_outlives_who_is_attached);
	tcase_add_test(t,
	    without_a_store_all_is_durable_at_once_and_told_in_the_same_turn);
	tcase_add_test(t, a_turn_is_a_batch_and_durable_comes_after_its_commit);
	tcase_add_test(t, what_was_stored_is_there_again);
	tcase_add_test(t, an_engine_that_closes_writes_what_was_applied);
	tcase_add_test(t, a_deletion_is_the_rows_that_go);
	tcase_add_test(t, a_full_disk_refuses_before_anything_is_applied);
	tcase_add_test(t, a_store_that_cannot_be_read_gives_no_engine);
	tcase_add_test(t, who_is_faster_than_the_disk_waits_for_it);
	tcase_add_test(t, answers_that_wait_count_too);
	tcase_add_test(t, a_key_is_answered_as_the_first_time);
	tcase_add_test(t, a_key_for_something_else_is_badarg);
	tcase_add_test(t, a_key_is_known_after_a_restart);
	tcase_add_test(t, a_repetition_costs_no_room);
	tcase_add_test(t, the_last_hundred_thousand_keys_are_known);
	tcase_add_test(t, the_store_is_told_which_keys_go);
	tcase_add_test(t, rooms_are_stored);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}

/*
 * client/outbox.h: an outbox, and a node with a process `tareas` that keeps
 * each key as the server does, and writes down what it got.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/conn.h"
#include "client/outbox.h"
#include "common/net_kernel.h"
#include "proto/term.h"
#include "tests/lib/sim.h"

enum { CLAVE = 16, SEEN_MAX = 4096, TIMEOUT_MS = 5000 };

static struct sim *sim;
static struct world *world, *far_world;
static struct node *node, *far;
static struct cookie cookie = { .bytes = "mi_cookie", .len = 9 };
static struct address address;
static struct pid conn, outbox;

/* -- the server's side -- */

static struct {
	char titulo;
	uint8_t clave[CLAVE];
	uint64_t plazo;
} seen[SEEN_MAX]; /* all that came, again or not */
static size_t seen_count;
static char applied[SEEN_MAX]; /* titles, in the order of their doing */
static size_t applied_count;
static enum err refuse_e; /* what is said ... */
static int refuse_count; /* ... to so many */
static bool silent; /* does, and does not answer */
static bool deadly; /* does, and ends */

static void
read_write(struct slice params)
{
	struct term_reader r;
	struct slice s;
	uint32_t n;

	term_reader_init(&r, params);
	ck_assert_int_eq(term_read_array(&r, &n), E_OK);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(term_read_str(&r, &s), E_OK);
	ck_assert_uint_lt(seen_count, SEEN_MAX);
	seen[seen_count].titulo = (char)s.bytes[0];
	ck_assert_int_eq(term_read_map(&r, &n), E_OK);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(term_read_str(&r, &s), E_OK);
	ck_assert(slice_is(s, "clave"));
	ck_assert_int_eq(term_read_bin(&r, &s), E_OK);
	ck_assert_uint_eq(s.len, CLAVE);
	memcpy(seen[seen_count].clave, s.bytes, CLAVE);
	ck_assert_int_eq(term_read_str(&r, &s), E_OK);
	ck_assert(slice_is(s, "plazo"));
	ck_assert_int_eq(term_read_uint(&r, &seen[seen_count].plazo), E_OK);
	ck_assert_int_eq(term_end(&r), E_OK);
	seen_count++;
}

static bool
is_applied(char titulo)
{
	return memchr(applied, titulo, applied_count) != NULL;
}

static struct gs_next
far_call(struct proc *self, const struct message *m)
{
	char titulo;

	ck_assert(slice_is(m->op, "agregar_tarea"));
	read_write(m->body);
	titulo = seen[seen_count - 1].titulo;
	if (refuse_count > 0) {
		refuse_count--;
		return gs_error(refuse_e, "refused");
	}
	if (!is_applied(titulo))
		applied[applied_count++] = titulo;
	if (deadly)
		return gs_stop("broken");
	if (silent)
		return gs_noreply();
	term_write_str(gs_answer(self), slice_bytes(&titulo, 1));
	return gs_reply(self);
}

static const struct gen_server far_tareas = {
	.module = "tareas",
	.handle_call = far_call,
};

static void
start_tareas(void)
{
	struct pid pid;

	ck_assert_int_eq(gs_start(far, &far_tareas, "tareas", NULL, &pid),
	    E_OK);
}

static void
start_far(void)
{
	uint16_t port;
	const char *why;

	far_world = sim_world(sim);
	far = node_new(far_world, slice_of("servidor"), NULL);
	ck_assert_int_eq(net_listen(far, &address, slice_of("mi_cookie"), &port,
			     &why),
	    E_OK);
	start_tareas();
}

/* -- ours -- */

static struct {
	uint64_t tag;
	enum err e;
	char body[64];
} done[SEEN_MAX];
static size_t done_count;

static void
on_done(void *arg, const struct outbox_result *r)
{
	ck_assert_ptr_eq(arg, done);
	done[done_count].tag = r->tag;
	done[done_count].e = r->e;
	snprintf(done[done_count].body, sizeof(done[done_count].body), "%.*s",
	    (int)r->body.len, (const char *)r->body.bytes);
	done_count++;
}

static void
setup(void)
{
	struct outbox_config config = { .timeout_ms = TIMEOUT_MS,
		.done = on_done,
		.arg = done };
	struct conn_config conn_config = { .server = &address,
		.cookie = &cookie,
		.user = "ana",
		.again = true };
	const char *why;

	sim = sim_new(1);
	address = sim_address("server", 18800);
	start_far();
	world = sim_world(sim);
	node = node_new(world, slice_of("cliente"), NULL);
	conn = conn_start(node, &conn_config);
	ck_assert_int_eq(conn_wait(node, conn, 5000, &why), E_OK);
	config.conn = conn;
	outbox = outbox_start(node, &config);
}

static void
teardown(void)
{
	node_free(node);
	node_free(far);
	sim_free(sim);
}

static void
add(char titulo)
{
	struct buf fields;

	buf_init(&fields);
	term_write_array(&fields, 2);
	term_write_str(&fields, slice_bytes(&titulo, 1));
	outbox_add(node, outbox, "tareas.agregar_tarea", buf_bytes(&fields),
	    (uint64_t)titulo);
	buf_release(&fields);
}

static void
add_each(const char *titulos)
{
	for (; *titulos != '\0'; titulos++)
		add(*titulos);
}

static bool
is_empty(void *arg)
{
	(void)arg;
	return outbox_count(node, outbox) == 0;
}

static const char *
applied_text(void)
{
	applied[applied_count] = '\0';
	return applied;
}

/* Each has the e; in the order of the titles, if they came so. */
static void
check_done(const char *titulos, enum err e)
{
	ck_assert_uint_eq(done_count, strlen(titulos));
	for (size_t i = 0; i < done_count; i++) {
		ck_assert_uint_eq(done[i].tag, (uint64_t)titulos[i]);
		ck_assert_int_eq(done[i].e, e);
		if (e == E_OK)
			ck_assert_int_eq(done[i].body[1], titulos[i]);
	}
	ck_assert_uint_eq(outbox_count(node, outbox), 0);
}

/* The same write has the same key, and no other write has it. */
static void
check_claves(void)
{
	for (size_t i = 0; i < seen_count; i++)
		for (size_t j = 0; j < i; j++)
			ck_assert_int_eq(memcmp(seen[i].clave, seen[j].clave,
					     CLAVE) == 0,
			    seen[i].titulo == seen[j].titulo);
}

/* From one link on, nothing but a run of the titles from some first one. */
static void
check_order(const char *titulos)
{
	for (size_t i = 1; i < seen_count; i++) {
		const char *now = strchr(titulos, seen[i].titulo);
		const char *before = strchr(titulos, seen[i - 1].titulo);

		ck_assert(now == before + 1 || now <= before);
	}
	ck_assert_str_eq(applied_text(), titulos);
}

START_TEST(each_write_is_sent_once_and_answered)
{
	add_each("abc");
	ck_assert_uint_eq(outbox_count(node, outbox), 3);
	ck_assert_int_eq(outbox_run(node, outbox), E_OK);
	add_each("de");
	ck_assert_int_eq(outbox_run(node, outbox), E_OK);
	check_done("abcde", E_OK);
	ck_assert_uint_eq(seen_count, 5);
	check_claves();
	check_order("abcde");
}
END_TEST

static const char *const all = "abcdefghijklmnopqrstuvwxyz";

/* Cuts after so many steps; and a second time as many after the next link. */
START_TEST(a_link_cut_anywhere_changes_nothing)
{
	int steps = _i / 2;

	sim_net(sim)->chop = SIM_CHOPPED;
	sim_net(sim)->delay_max_ms = 3;
	for (int cuts = 0; cuts <= _i % 2; cuts++) {
		add_each(cuts == 0 ? "abcdefghijklm" : "nopqrstuvwxyz");
		for (int i = 0; i < steps; i++)
			sim_step(sim);
		sim_cut_world(world);
	}
	if (_i % 2 == 0)
		add_each("nopqrstuvwxyz");
	ck_assert_int_eq(outbox_run(node, outbox), E_OK);
	check_done(all, E_OK);
	check_claves();
	check_order(all);
}
END_TEST

START_TEST(what_was_done_and_not_answered_comes_again_with_its_key)
{
	silent = true;
	add_each("abc");
	sim_run_ms(sim, 20);
	ck_assert_str_eq(applied_text(), "abc");
	silent = false;
	sim_cut_world(world);
	add('d');
	ck_assert_int_eq(outbox_run(node, outbox), E_OK);
	check_done("abcd", E_OK);
	ck_assert_uint_eq(seen_count, 7);
	check_claves();
	check_order("abcd");
	/* Its time went on meanwhile. */
	ck_assert_uint_eq(seen[0].plazo, TIMEOUT_MS);
	ck_assert_uint_le(seen[3].plazo, TIMEOUT_MS - 200);
	ck_assert_uint_ge(seen[3].plazo, TIMEOUT_MS - 400);
}
END_TEST

START_TEST(without_a_link_they_wait_for_one)
{
	sim_net(sim)->refuse = true;
	sim_cut_world(world);
	sim_run_ms(sim, 100);
	add_each("abc");
	sim_run_ms(sim, 2000);
	ck_assert_uint_eq(done_count, 0);
	sim_net(sim)->refuse = false;
	ck_assert_int_eq(outbox_run(node, outbox), E_OK);
	check_done("abc", E_OK);
	ck_assert_uint_eq(seen_count, 3);
}
END_TEST

START_TEST(what_was_never_sent_is_certainly_not_done)
{
	uint64_t start_ms;

	sim_net(sim)->refuse = true;
	sim_cut_world(world);
	sim_run_ms(sim, 100);
	start_ms = sim_now(sim);
	add_each("abc");
	ck_assert_int_eq(outbox_run(node, outbox), E_OK);
	check_done("abc", E_UNREACHABLE);
	ck_assert_uint_eq(sim_now(sim), start_ms + TIMEOUT_MS);
	/* And does not happen later. */
	sim_net(sim)->refuse = false;
	sim_run_ms(sim, 20000);
	ck_assert(conn_is_up(node, conn));
	ck_assert_uint_eq(seen_count, 0);
}
END_TEST

START_TEST(what_was_sent_before_the_link_broke_is_not_known)
{
	uint64_t start_ms = sim_now(sim);

	silent = true;
	add_each("ab");
	sim_run_ms(sim, 20);
	sim_net(sim)->refuse = true;
	sim_cut_world(world);
	ck_assert_int_eq(outbox_run(node, outbox), E_OK);
	check_done("ab", E_NOCONNECTION);
	ck_assert_uint_eq(sim_now(sim), start_ms + TIMEOUT_MS);
}
END_TEST

START_TEST(a_server_that_says_nothing_leaves_it_unknown)
{
	uint64_t start_ms = sim_now(sim);

	silent = true;
	add_each("ab");
	ck_assert_int_eq(outbox_run(node, outbox), E_OK);
	check_done("ab", E_TIMEOUT);
	ck_assert_uint_eq(sim_now(sim), start_ms + TIMEOUT_MS);
	ck_assert_uint_eq(seen_count, 2);
}
END_TEST

/* Refused, and nothing will change that; nothing is sent again. */
START_TEST(a_refusal_is_final)
{
	static const enum err refusals[] = { E_BADARG, E_TOOBIG, E_EXISTS,
		E_STORAGE, E_UNDEF, E_DENIED };

	refuse_e = refusals[_i];
	refuse_count = 1;
	add('a');
	ck_assert_int_eq(outbox_run(node, outbox), E_OK);
	check_done("a", refuse_e);
	ck_assert_str_eq(done[0].body, "refused");
	ck_assert_uint_eq(seen_count, 1);
	add('b');
	ck_assert_int_eq(outbox_run(node, outbox), E_OK);
	ck_assert_int_eq(done[1].e, E_OK);
}
END_TEST

START_TEST(a_busy_server_is_asked_again_in_order)
{
	refuse_e = E_OVERLOAD;
	refuse_count = 7;
	add_each("abc");
	ck_assert_int_eq(outbox_run(node, outbox), E_OK);
	check_done("abc", E_OK);
	/* The first alone, until it is done. */
	ck_assert_uint_eq(seen_count, 10);
	ck_assert_int_eq(seen[3].titulo, 'a');
	ck_assert_int_eq(seen[6].titulo, 'a');
	ck_assert_int_eq(seen[7].titulo, 'a');
	check_claves();
	check_order("abc");
}
END_TEST

/* What was sent right behind them is done before; nothing else is. */
START_TEST(those_that_have_to_go_again_keep_their_order)
{
	refuse_e = E_OVERLOAD;
	refuse_count = 2;
	add_each("abcd");
	sim_run_ms(sim, 20);
	ck_assert_str_eq(applied_text(), "cd");
	ck_assert_uint_eq(outbox_count(node, outbox), 2);
	add('e');
	sim_run_ms(sim, 20);
	ck_assert_uint_eq(seen_count, 4);
	refuse_count = 1; /* the first, once more */
	ck_assert_int_eq(outbox_run(node, outbox), E_OK);
	check_done("cdabe", E_OK);
	ck_assert_str_eq(applied_text(), "cdabe");
	ck_assert_uint_eq(seen_count, 8);
	check_claves();
}
END_TEST

START_TEST(a_server_that_stays_busy_has_certainly_not_done_it)
{
	uint64_t start_ms = sim_now(sim);

	refuse_e = E_OVERLOAD;
	refuse_count = SEEN_MAX;
	add('a');
	ck_assert_int_eq(outbox_run(node, outbox), E_OK);
	check_done("a", E_OVERLOAD);
	ck_assert_uint_eq(sim_now(sim), start_ms + TIMEOUT_MS);
	ck_assert_uint_ge(seen_count, 40);
	ck_assert_uint_le(seen_count, 51);
}
END_TEST

/* After a link that broke, only who knows the keys can say it was not done. */
START_TEST(a_refusal_of_the_second_time_is_certain_when_it_knows_the_keys)
{
	static const struct {
		enum err said, expected;
	} cases[] = { { E_BADARG, E_BADARG }, { E_TOOBIG, E_TOOBIG },
		{ E_STORAGE, E_STORAGE }, { E_OVERLOAD, E_NOCONNECTION },
		{ E_UNDEF, E_NOCONNECTION }, { E_DENIED, E_NOCONNECTION } };

	silent = true;
	add('a');
	sim_run_ms(sim, 20);
	refuse_e = cases[_i].said;
	refuse_count = SEEN_MAX;
	sim_cut_world(world);
	ck_assert_int_eq(outbox_run(node, outbox), E_OK);
	check_done("a", cases[_i].expected);
	ck_assert_uint_ge(seen_count, 2);
}
END_TEST

START_TEST(a_process_that_ended_over_there_is_asked_again_once_it_is_back)
{
	deadly = true;
	add('a');
	sim_run_ms(sim, 1000);
	ck_assert_uint_eq(done_count, 0);
	ck_assert_str_eq(applied_text(), "a");
	deadly = false;
	if (_i == 0) {
		start_tareas();
		ck_assert_int_eq(outbox_run(node, outbox), E_OK);
		check_done("a", E_OK);
	} else {
		ck_assert_int_eq(outbox_run(node, outbox), E_OK);
		check_done("a", E_DIED);
	}
	check_claves();
	ck_assert_str_eq(applied_text(), "a");
}
END_TEST

START_TEST(without_its_process_the_server_has_certainly_not_done_it)
{
	proc_exit(node_find(far, node_whereis(far, slice_of("tareas"))),
	    reason_of("kill"));
	sim_run_ms(sim, 10);
	add('a');
	ck_assert_int_eq(outbox_run(node, outbox), E_OK);
	check_done("a", E_NOPROC);
}
END_TEST

/* Those that were sent keep their chance. */
START_TEST(what_was_not_sent_can_be_dropped)
{
	uint64_t first = 77;

	ck_assert_uint_eq(outbox_drop_unsent(node, outbox, &first), 0);
	silent = true;
	add_each("ab");
	sim_run_ms(sim, 20);
	ck_assert_uint_eq(outbox_drop_unsent(node, outbox, &first), 0);
	ck_assert_uint_eq(first, 77);
	sim_cut_world(world);
	sim_run_ms(sim, 20);
	silent = false;
	add_each("cde");
	ck_assert_uint_eq(outbox_drop_unsent(node, outbox, &first), 3);
	ck_assert_uint_eq(first, 'c');
	add('f');
	ck_assert_int_eq(outbox_run(node, outbox), E_OK);
	check_done("abf", E_OK);
	ck_assert_str_eq(applied_text(), "abf");
}
END_TEST

/* The fixture's end frees what is left, whatever is under way. */
START_TEST(it_may_be_stopped_at_any_time)
{
	add_each("abc");
	for (int i = 0; i < _i; i++)
		sim_step(sim);
	if (_i % 3 == 0)
		sim_cut_world(world);
	outbox_stop(node, outbox);
	sim_run_ms(sim, 10000);
	ck_assert_uint_le(done_count, 3);
}
END_TEST

START_TEST(many_keep_their_order_over_a_server_that_starts_again)
{
	sim_net(sim)->delay_max_ms = 5;
	add_each("abcdefghijklm");
	for (int i = 0; i < _i; i++)
		sim_step(sim);
	sim_crash(far_world);
	node_free(far);
	start_far();
	add_each("nopqrstuvwxyz");
	ck_assert(sim_run_until(sim, is_empty, NULL, 100000));
	check_done(all, E_OK);
	check_claves();
	check_order(all);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("outbox");
	TCase *t = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, each_write_is_sent_once_and_answered);
	tcase_add_loop_test(t, a_link_cut_anywhere_changes_nothing, 0, 160);
	tcase_add_test(t,
	    what_was_done_and_not_answered_comes_again_with_its_key);
	tcase_add_test(t, without_a_link_they_wait_for_one);
	tcase_add_test(t, what_was_never_sent_is_certainly_not_done);
	tcase_add_test(t, what_was_sent_before_the_link_broke_is_not_known);
	tcase_add_test(t, a_server_that_says_nothing_leaves_it_unknown);
	tcase_add_loop_test(t, a_refusal_is_final, 0, 6);
	tcase_add_test(t, a_busy_server_is_asked_again_in_order);
	tcase_add_test(t, those_that_have_to_go_again_keep_their_order);
	tcase_add_test(t, a_server_that_stays_busy_has_certainly_not_done_it);
	tcase_add_loop_test(t,
	    a_refusal_of_the_second_time_is_certain_when_it_knows_the_keys, 0,
	    6);
	tcase_add_loop_test(t,
	    a_process_that_ended_over_there_is_asked_again_once_it_is_back, 0,
	    2);
	tcase_add_test(t,
	    without_its_process_the_server_has_certainly_not_done_it);
	tcase_add_test(t, what_was_not_sent_can_be_dropped);
	tcase_add_loop_test(t, it_may_be_stopped_at_any_time, 0, 60);
	tcase_add_loop_test(t,
	    many_keep_their_order_over_a_server_that_starts_again, 0, 80);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}

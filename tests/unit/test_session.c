/*
 * server/session.h, with all that stands behind it: a served node and a
 * client's node, which reaches it through a peer; and a hand where bytes
 * matter.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/peer.h"
#include "proto/limits.h"
#include "server/session.h"
#include "tests/lib/bytes.h"
#include "tests/lib/served.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { CLIENTS = 50 };

struct client {
	struct world *world;
	struct node *node;
	struct pid peer;
	int ups, downs;
	enum err e;
};

static struct sim *sim;
static struct served served;
static struct client clients[CLIENTS];
static int client_count;

static enum err
route(struct proc *peer, void *arg, const struct peer_request *what,
    struct peer_route *to, const char **text)
{
	(void)peer;
	(void)arg;
	(void)what;
	(void)to;
	(void)text;
	return E_NOPROC;
}

static void
up(struct proc *peer, void *arg)
{
	struct client *c = arg;

	ck_assert_str_eq(link_node(peer_link(peer)), "servidor");
	c->ups++;
}

static void
down(struct proc *peer, void *arg, enum err e, const char *why)
{
	struct client *c = arg;

	(void)peer;
	(void)why;
	c->downs++;
	c->e = e;
}

static const struct peer_policy policy = {
	.route = route,
	.up = up,
	.down = down,
};

static struct client *
start_client(const char *cookie)
{
	struct client *c = &clients[client_count++];
	struct link_config config = { .role = HANDSHAKE_CLIENT,
		.cookie = slice_of(cookie),
		.user = slice_of("ana"),
		.connecting = true };
	struct stream *s;
	const char *why;

	ck_assert_int_le(client_count, CLIENTS);
	c->world = sim_world(sim);
	c->node = node_new(c->world, slice_of("cliente"), NULL);
	ck_assert_int_eq(world_connect(c->world, &served.address, &s, &why),
	    E_OK);
	ck_assert_int_eq(peer_start(c->node, s, &config, &policy, c, &c->peer),
	    E_OK);
	return c;
}

static void
setup(void)
{
	sim = sim_new(1);
	served_start(&served, sim, "server");
	memset(clients, 0, sizeof(clients));
	client_count = 0;
}

static void
teardown(void)
{
	for (int i = 0; i < client_count; i++)
		node_free(clients[i].node);
	served_stop(&served);
	sim_free(sim);
}

#define A "a3616e61 " /* ana */
#define T "a6746974756c6f "
#define D "ab6465736372697063696f6e "
#define TASK(t, d) "82" T t D d

/* What a call over the link has to end with: an error, or these bytes. */
static void
expect(struct client *c, const char *method, const char *params, enum err e,
    const char *answer)
{
	struct buf p = hex_buf(params), body, expected;

	buf_init(&body);
	ck_assert_str_eq(err_word(gs_call_wait(c->node, c->peer,
			     slice_of(method), buf_bytes(&p), 5000, &body)),
	    err_word(e));
	if (e == E_OK) {
		expected = hex_buf(answer);
		ck_assert(slice_equal(buf_bytes(&body), buf_bytes(&expected)));
		buf_release(&expected);
	}
	buf_release(&body);
	buf_release(&p);
}

static void
cast(struct client *c, const char *method, const char *params)
{
	struct buf p = hex_buf(params);

	ck_assert_int_eq(proc_cast(c->node, c->peer, slice_of(method),
			     buf_bytes(&p)),
	    E_OK);
	buf_release(&p);
}

/* -- */

START_TEST(the_class_session_over_a_link)
{
	struct client *c = start_client("mi_cookie");

	sim_net(sim)->chop = (enum sim_chop)_i;
	cast(c, "tareas.agregar_tarea", "92" A TASK("a161", "a162"));
	cast(c, "tareas.agregar_tarea", "92" A "81" T "a163");
	expect(c, "tareas.listar_tareas", "91" A, E_OK,
	    "92" TASK("a163", "a0") TASK("a161", "a162"));
	expect(c, "tareas.eliminar_tarea", "92" A "a161", E_OK, "01");
	expect(c, "tareas.agregar_tarea", "93" A TASK("a164", "c0") "80", E_OK,
	    "c3");
	expect(c, "tareas.listar_tareas", "91" A, E_OK,
	    "92" TASK("a164", "a0") TASK("a163", "a0"));
	ck_assert_int_eq(c->ups, 1);
	ck_assert_int_eq(c->downs, 0);
}
END_TEST

START_TEST(all_see_the_same_tasks_and_each_user_its_own)
{
	struct client *a = start_client("mi_cookie");
	struct client *b = start_client("mi_cookie");

	expect(a, "tareas.agregar_tarea", "92" A TASK("a161", "a0"), E_OK,
	    "c3");
	expect(b, "tareas.agregar_tarea", "92a162" TASK("a162", "a0"), E_OK,
	    "c3");
	expect(b, "tareas.listar_tareas", "91" A, E_OK,
	    "91" TASK("a161", "a0"));
	expect(a, "tareas.listar_tareas", "91a162", E_OK,
	    "91" TASK("a162", "a0"));
}
END_TEST

static const struct {
	const char *method;
	const char *params;
	enum err e;
} refused[] = {
	{ "tareas.agregar_tarea", "90", E_BADARG },
	{ "tareas.agregar_tarea", "92" A "80", E_BADARG },
	{ "tareas.agregar_tarea", "92" A TASK("a0", "a0"), E_BADARG },
	{ "tareas.listar_tareas", "91c0", E_BADARG },
	{ "tareas.nada", "90", E_UNDEF },
	{ "nadie.nada", "90", E_NOPROC },
	{ "listener.admitted", "9101", E_NOPROC },
	{ "engine.x", "90", E_NOPROC },
	{ "sessions.x", "90", E_NOPROC },
	{ "tareas.", "90", E_UNDEF },
	{ "tareas", "90", E_UNDEF },
};

START_TEST(what_is_wrong_is_an_error_and_disturbs_nobody)
{
	struct client *c = start_client("mi_cookie");
	struct client *other = start_client("mi_cookie");

	expect(c, refused[_i].method, refused[_i].params, refused[_i].e, NULL);
	cast(c, refused[_i].method, refused[_i].params);
	expect(other, "tareas.listar_tareas", "91" A, E_OK, "90");
	expect(c, "tareas.listar_tareas", "91" A, E_OK, "90");
}
END_TEST

START_TEST(a_wrong_cookie_is_denied)
{
	struct client *c = start_client("otra_cookie");

	expect(c, "tareas.listar_tareas", "91" A, E_NOCONNECTION, NULL);
	ck_assert_int_eq(c->ups, 0);
	ck_assert_int_eq(c->downs, 1);
	ck_assert_int_eq(c->e, E_DENIED);
	sim_run_ms(sim, 1000);
	ck_assert_uint_eq(served_count(&served), 0);
}
END_TEST

START_TEST(refused_cookies_are_told_to_the_log_but_not_at_their_pace)
{
	FILE *f = tmpfile();
	char line[LOG_LINE_BYTES + 1];
	struct log logger;
	int told = 0;

	ck_assert_ptr_nonnull(f);
	served_stop(&served);
	log_init(&logger, fileno(f), LOG_WARN, sim_clock, sim);
	served_start_logged(&served, sim, "another", &logger);
	for (int i = 0; i < 30; i++)
		start_client("otra_cookie");
	sim_run_ms(sim, 2000);
	rewind(f);
	while (fgets(line, sizeof(line), f) != NULL)
		told += strstr(line, "10.0.0.") != NULL;
	ck_assert_int_eq(told, 5);
	while (client_count > 0)
		node_free(clients[--client_count].node);
	served_stop(&served); /* before its log */
	fclose(f);
	served_start(&served, sim, "again");
}
END_TEST

START_TEST(fifty_clients_see_exactly_their_own_tasks)
{
	char params[128], list[128];

	for (int i = 0; i < CLIENTS; i++)
		start_client("mi_cookie");
	sim_net(sim)->delay_max_ms = 20;
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < CLIENTS; i++) {
			snprintf(params, sizeof(params),
			    "92a275%02x" TASK("a2%02x%02x", "a0"), 0x30 + i,
			    0x41 + round, 0x30 + i);
			cast(&clients[i], "tareas.agregar_tarea", params);
		}
	for (int i = 0; i < CLIENTS; i++) {
		snprintf(params, sizeof(params), "92a275%02xa242%02x", 0x30 + i,
		    0x30 + i);
		expect(&clients[i], "tareas.eliminar_tarea", params, E_OK,
		    "01");
		snprintf(params, sizeof(params), "91a275%02x", 0x30 + i);
		snprintf(list, sizeof(list),
		    "92" TASK("a243%02x", "a0") TASK("a241%02x", "a0"),
		    0x30 + i, 0x30 + i);
		expect(&clients[i], "tareas.listar_tareas", params, E_OK, list);
	}
	ck_assert_uint_eq(served_count(&served), CLIENTS);
}
END_TEST

START_TEST(one_that_is_cut_disturbs_nobody)
{
	struct client *a = start_client("mi_cookie");
	struct client *b = start_client("mi_cookie");

	expect(a, "tareas.listar_tareas", "91" A, E_OK, "90");
	expect(b, "tareas.listar_tareas", "91" A, E_OK, "90");
	cast(a, "tareas.agregar_tarea", "92" A TASK("a161", "a0"));
	sim_run_ms(sim, 5);
	if (_i == 0)
		sim_cut_world(a->world);
	else
		sim_crash(a->world);
	sim_run_ms(sim, 5);
	ck_assert_uint_eq(served_count(&served), 1);
	expect(b, "tareas.listar_tareas", "91" A, E_OK,
	    "91" TASK("a161", "a0"));
}
END_TEST

START_TEST(a_tareas_that_ends_answers_died_and_its_successor_goes_on)
{
	struct client *c = start_client("mi_cookie");

	expect(c, "tareas.agregar_tarea", "92" A TASK("a161", "a0"), E_OK,
	    "c3");
	proc_suspend(node_find(served.node, served.tareas));
	cast(c, "tareas.agregar_tarea", "92" A TASK("a162", "a0"));
	sim_run_ms(sim, 10);
	proc_exit(node_find(served.node, served.tareas), reason_of("kill"));
	sim_run_ms(sim, 10);
	expect(c, "tareas.listar_tareas", "91" A, E_NOPROC, NULL);
	served_start_tareas(&served);
	expect(c, "tareas.listar_tareas", "91" A, E_OK,
	    "91" TASK("a161", "a0"));
	ck_assert_int_eq(c->downs, 0);
}
END_TEST

START_TEST(sessions_end_with_their_supervisor)
{
	struct client *c = start_client("mi_cookie");

	expect(c, "tareas.listar_tareas", "91" A, E_OK, "90");
	proc_exit(node_find(served.node, served.sessions), reason_of("kill"));
	sim_run_ms(sim, 10);
	ck_assert_int_eq(c->downs, 1);
	ck_assert_uint_eq(sim_streams(served.world), 0);
}
END_TEST

/* -- a process of a client that watches others -- */

static char told[64];

static struct gs_next
watcher_init(struct proc *self, void *arg)
{
	struct client *c = arg;

	peer_monitor(self, c->peer, slice_of("tareas"));
	peer_monitor(self, c->peer, slice_of("listener"));
	return gs_noreply();
}

static struct gs_next
watcher_info(struct proc *self, const struct message *m)
{
	size_t n = strlen(told);

	(void)self;
	snprintf(told + n, sizeof(told) - n, "%.*s ", (int)m->body.len,
	    (const char *)m->body.bytes);
	return gs_noreply();
}

static const struct gen_server watcher = {
	.module = "watcher",
	.init = watcher_init,
	.handle_info = watcher_info,
};

START_TEST(only_what_is_exported_can_be_monitored)
{
	struct client *c = start_client("mi_cookie");
	struct pid pid;

	told[0] = '\0';
	ck_assert_int_eq(gs_start(c->node, &watcher, NULL, c, &pid), E_OK);
	sim_run_ms(sim, 50);
	ck_assert_str_eq(told, "noproc "); /* the listener's */
	proc_exit(node_find(served.node, served.listener), reason_of("kill"));
	proc_exit(node_find(served.node, served.tareas), reason_of("boom"));
	sim_run_ms(sim, 50);
	ck_assert_str_eq(told, "noproc boom ");
}
END_TEST

static void
drain_each(void *arg, const struct sup_which *child)
{
	struct proc *p = node_find(arg, child->pid);

	if (p != NULL)
		peer_drain(p);
}

START_TEST(a_stop_answers_what_is_open_and_closes_all)
{
	struct client *c = start_client("mi_cookie");
	struct client *stranger = start_client("otra_cookie");

	expect(c, "tareas.listar_tareas", "91" A, E_OK, "90");
	for (int i = 0; i < 10; i++)
		cast(c, "tareas.agregar_tarea", "92" A TASK("a161", "a0"));
	while (tareas_state_count(engine_state(served.engine),
		   slice_of("ana")) == 0)
		ck_assert(sim_step(sim));
	proc_exit(node_find(served.node, served.listener),
	    reason_of("shutdown"));
	sup_which_children(node_find(served.node, served.sessions), drain_each,
	    served.node);
	sim_run_ms(sim, 2000);
	ck_assert_uint_eq(served_count(&served), 0);
	ck_assert_int_eq(c->downs, 1);
	ck_assert_int_eq(stranger->downs, 1);
	ck_assert_uint_eq(tareas_state_count(engine_state(served.engine),
			      slice_of("ana")),
	    10);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("session");
	TCase *t = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, the_class_session_over_a_link, SIM_WHOLE,
	    SIM_BYTES + 1);
	tcase_add_test(t, all_see_the_same_tasks_and_each_user_its_own);
	tcase_add_loop_test(t, what_is_wrong_is_an_error_and_disturbs_nobody, 0,
	    (int)COUNT(refused));
	tcase_add_test(t, a_wrong_cookie_is_denied);
	tcase_add_test(t,
	    refused_cookies_are_told_to_the_log_but_not_at_their_pace);
	tcase_add_test(t, fifty_clients_see_exactly_their_own_tasks);
	tcase_add_loop_test(t, one_that_is_cut_disturbs_nobody, 0, 2);
	tcase_add_test(t,
	    a_tareas_that_ends_answers_died_and_its_successor_goes_on);
	tcase_add_test(t, sessions_end_with_their_supervisor);
	tcase_add_test(t, only_what_is_exported_can_be_monitored);
	tcase_add_test(t, a_stop_answers_what_is_open_and_closes_all);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}

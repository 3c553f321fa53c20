/*
 * client/conn.h: a served node and one connection to it, asked from the
 * client's top level.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/conn.h"
#include "common/peer.h"
#include "common/registry.h"
#include "tests/lib/served.h"

static struct sim *sim;
static struct served served;
static bool serving;
static struct world *world;
static struct node *node;
static struct cookie cookie;
static struct address address;
static struct pid conn;
static const char *why;
static char seen[512]; /* + for up, - for down */
static uint64_t seen_ms[128];
static const char *fresh; /* the cookie that is read again; NULL: none */

static void
changed(void *arg)
{
	size_t n = strlen(seen);

	ck_assert_ptr_eq(arg, seen);
	ck_assert_uint_lt(n, 128);
	/* conn_is_up() is not asked: at the first time there is no pid. */
	seen_ms[n] = sim_now(sim);
	seen[n] = conn.id != 0 && conn_is_up(node, conn) ? '+' : '-';
	seen[n + 1] = '\0';
}

static void
serve(void)
{
	served_start(&served, sim, "server");
	serving = true;
}

static void
stop_serving(void)
{
	if (serving)
		served_stop(&served);
	serving = false;
}

static void
setup(void)
{
	sim = sim_new(1);
	world = sim_world(sim);
	node = node_new(world, slice_of("cliente"), NULL);
	cookie = served_cookie("mi_cookie");
	address = sim_address("server", 18800);
	conn.id = 0;
	why = NULL;
	seen[0] = '\0';
	fresh = NULL;
	serve();
}

static void
teardown(void)
{
	node_free(node);
	stop_serving();
	ck_assert_uint_eq(sim_streams(world), 0);
	sim_free(sim);
}

static bool
refused(void *arg)
{
	bool other = fresh != NULL;

	ck_assert_ptr_eq(arg, seen);
	if (other)
		cookie = served_cookie(fresh);
	fresh = NULL;
	return other;
}

static void
start(bool again)
{
	struct conn_config config = { .server = &address,
		.cookie = &cookie,
		.user = "ana",
		.again = again,
		.changed = changed,
		.refused = refused,
		.arg = seen };

	conn = conn_start(node, &config);
	ck_assert(!conn_is_up(node, conn));
}

/* The hello's user, as the server's one session knows it. */
static void
session_user(void *arg, const struct sup_which *child)
{
	struct proc *p = node_find(served.node, child->pid);

	if (p != NULL && peer_link(p) != NULL && link_is_up(peer_link(p)))
		*(const char **)arg = link_user(peer_link(p));
}

static const char *
user(void)
{
	const char *name = "";

	sim_run_ms(sim, 5);
	sup_which_children(node_find(served.node, served.sessions),
	    session_user, &name);
	return name;
}

START_TEST(a_connection_comes_up)
{
	start(false);
	ck_assert_str_eq(conn_node(node, conn), "");
	ck_assert_int_eq(conn_wait(node, conn, 5000, &why), E_OK);
	ck_assert(conn_is_up(node, conn));
	ck_assert_uint_ne(conn_peer(node, conn).id, 0);
	ck_assert_str_eq(conn_node(node, conn), "servidor");
	ck_assert_str_eq(user(), "ana");
	ck_assert_str_eq(seen, "+");
	ck_assert_int_eq(conn_wait(node, conn, 5000, &why), E_OK);
}
END_TEST

START_TEST(a_failure_says_why_and_is_final_unless_told_otherwise)
{
	static const enum err expected[] = { E_UNREACHABLE, E_DENIED,
		E_BADARG };

	if (_i == 0)
		address.port = 1;
	else if (_i == 1)
		cookie = served_cookie("otra_cookie");
	start(false);
	if (_i == 2)
		ck_assert_int_eq(conn_renew(node, conn, "a\nb", 5000, &why),
		    E_BADARG);
	else
		ck_assert_int_eq(conn_wait(node, conn, 5000, &why),
		    expected[_i]);
	ck_assert_ptr_nonnull(why);
	ck_assert(!conn_is_up(node, conn));
	ck_assert_uint_eq(conn_peer(node, conn).id, 0);
	sim_run_ms(sim, 60000);
	ck_assert_uint_eq(sim_streams(world), 0);
	ck_assert(strchr(seen, '+') == NULL);
}
END_TEST

START_TEST(waiting_has_its_time)
{
	uint64_t start_ms = sim_now(sim);

	sim_unplug(served.world, true);
	start(false);
	ck_assert_int_eq(conn_wait(node, conn, 300, &why), E_UNREACHABLE);
	ck_assert_ptr_nonnull(why);
	ck_assert_uint_eq(sim_now(sim), start_ms + 300);
	/* It is still at it. */
	sim_unplug(served.world, false);
	ck_assert_int_eq(conn_wait(node, conn, 5000, &why), E_OK);
}
END_TEST

START_TEST(a_link_that_breaks_is_made_again)
{
	start(true);
	ck_assert_int_eq(conn_wait(node, conn, 5000, &why), E_OK);
	for (int i = 0; i < 5; i++) {
		sim_cut_world(world);
		sim_run_ms(sim, 20);
		ck_assert(!conn_is_up(node, conn));
		ck_assert_uint_eq(conn_peer(node, conn).id, 0);
		ck_assert_str_eq(conn_node(node, conn), "servidor");
		sim_run_ms(sim, 300);
		ck_assert(conn_is_up(node, conn));
	}
	ck_assert_str_eq(seen, "+-+-+-+-+-+");
}
END_TEST

START_TEST(each_try_waits_twice_as_long_up_to_eight_seconds)
{
	static const uint64_t waits[] = { 250, 500, 1000, 2000, 4000, 8000,
		8000, 8000 };

	start(true);
	ck_assert_int_eq(conn_wait(node, conn, 5000, &why), E_OK);
	sim_net(sim)->refuse = true;
	sim_cut_world(world);
	sim_run_ms(sim, 60000);
	ck_assert_int_eq(strncmp(seen, "+--------", 9), 0);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		uint64_t waited = seen_ms[i + 2] - seen_ms[i + 1];

		ck_assert_uint_ge(waited, waits[i]);
		ck_assert_uint_le(waited, waits[i] + 5);
	}
	/* Once it is up it starts with the shortest again. */
	sim_net(sim)->refuse = false;
	sim_run_ms(sim, 9000);
	ck_assert(conn_is_up(node, conn));
	sim_cut_world(world);
	sim_run_ms(sim, 300);
	ck_assert(conn_is_up(node, conn));
}
END_TEST

START_TEST(a_server_that_starts_again_is_found)
{
	start(true);
	ck_assert_int_eq(conn_wait(node, conn, 5000, &why), E_OK);
	stop_serving();
	sim_crash(served.world);
	sim_run_ms(sim, 3000);
	ck_assert(!conn_is_up(node, conn));
	serve();
	sim_run_ms(sim, 10000);
	ck_assert(conn_is_up(node, conn));
	ck_assert_str_eq(user(), "ana");
}
END_TEST

START_TEST(a_refused_cookie_is_tried_again_too)
{
	cookie = served_cookie("otra_cookie");
	start(true);
	ck_assert_int_eq(conn_wait(node, conn, 5000, &why), E_DENIED);
	cookie = served_cookie("mi_cookie");
	ck_assert_int_eq(conn_wait(node, conn, 5000, &why), E_DENIED);
	sim_run_ms(sim, 300);
	ck_assert(conn_is_up(node, conn));
}
END_TEST

START_TEST(a_refused_cookie_is_read_again)
{
	cookie = served_cookie("otra_cookie");
	fresh = _i == 0 ? "mi_cookie" : "nor_this_one";
	start(true);
	ck_assert_int_eq(conn_wait(node, conn, 5000, &why), E_DENIED);
	ck_assert_str_eq(seen, ""); /* nobody has to know yet */
	sim_run_ms(sim, 300);
	ck_assert_int_eq(conn_is_up(node, conn), _i == 0);
	sim_run_ms(sim, 300);
	ck_assert_str_eq(seen, _i == 0 ? "+" : "-");
}
END_TEST

START_TEST(a_renewed_connection_has_the_new_user)
{
	struct pid before;

	start(_i == 1);
	ck_assert_int_eq(conn_wait(node, conn, 5000, &why), E_OK);
	before = conn_peer(node, conn);
	ck_assert_int_eq(conn_renew(node, conn, "luis", 5000, &why), E_OK);
	ck_assert_uint_ne(conn_peer(node, conn).id, before.id);
	ck_assert_str_eq(user(), "luis");
	sim_run_ms(sim, 2000);
	ck_assert_uint_eq(served_count(&served), 1);
	ck_assert_str_eq(seen, "+-+");
	sim_run_ms(sim, 60000);
	ck_assert_str_eq(seen, "+-+");
}
END_TEST

/* Whatever the old link is doing, the new one is the one that counts. */
START_TEST(a_renewal_does_not_wait_for_a_link_that_is_not_up)
{
	start(true);
	for (int i = 0; i < _i; i++)
		sim_step(sim);
	ck_assert_int_eq(conn_renew(node, conn, "luis", 5000, &why), E_OK);
	ck_assert_str_eq(user(), "luis");
	sim_run_ms(sim, 20000);
	ck_assert_uint_eq(served_count(&served), 1);
	ck_assert_uint_eq(sim_streams(world), 1);
}
END_TEST

START_TEST(a_renewal_leaves_a_server_that_does_not_close)
{
	start(true);
	ck_assert_int_eq(conn_wait(node, conn, 5000, &why), E_OK);
	sim_unplug(served.world, true);
	ck_assert_int_eq(conn_renew(node, conn, "luis", 200, &why),
	    E_UNREACHABLE);
	sim_unplug(served.world, false);
	ck_assert_int_eq(conn_wait(node, conn, 8000, &why), E_OK);
	ck_assert_str_eq(user(), "luis");
}
END_TEST

/* -- what the server casts -- */

static char heard[64]; /* operations, a space behind each */

static struct gs_next
hear(struct proc *self, const struct message *m)
{
	(void)self;
	snprintf(heard + strlen(heard), sizeof(heard) - strlen(heard), "%.*s ",
	    (int)m->op.len, (const char *)m->op.bytes);
	return gs_noreply();
}

static const struct gen_server hearer = { .module = "hearer",
	.handle_cast = hear,
	.handle_info = hear };

static void
session_pid(void *arg, const struct sup_which *child)
{
	*(struct pid *)arg = child->pid;
}

static void
server_casts(const char *method)
{
	struct pid session = { 0 };

	sup_which_children(node_find(served.node, served.sessions), session_pid,
	    &session);
	proc_cast(served.node, session, slice_of(method), slice_of("\x90"));
	sim_run_ms(sim, 10);
}

START_TEST(the_server_casts_to_those_who_are_open_to_it)
{
	static const struct {
		const char *name, *method, *heard;
	} cases[] = {
		{ "sys", "sys.mensaje", "mensaje " },
		{ "sys", "sys.otra", "" },
		{ "chat_client", "chat.message", "message " },
		{ "chat_client", "chat.joined", "joined " },
		{ "chat", "chat.message", "" },
		{ "chat_client", "chat_client.message", "" },
		{ "conn", "conn.retry", "" },
	};
	struct pid pid;

	start(true);
	ck_assert_int_eq(conn_wait(node, conn, 5000, &why), E_OK);
	server_casts(cases[_i].method); /* to nobody: it is dropped */
	if (strcmp(cases[_i].name, "conn") != 0)
		ck_assert_int_eq(gs_start(node, &hearer, cases[_i].name, NULL,
				     &pid),
		    E_OK);
	server_casts(cases[_i].method);
	ck_assert_str_eq(heard, cases[_i].heard);
	ck_assert(conn_is_up(node, conn));
}
END_TEST

START_TEST(who_subscribes_hears_of_each_link)
{
	struct pid pid;

	ck_assert_int_eq(gs_start(node, &hearer, "hearer", NULL, &pid), E_OK);
	reg_subscribe(node_find(node, pid), REG_NODES);
	start(true);
	ck_assert_int_eq(conn_wait(node, conn, 5000, &why), E_OK);
	sim_cut_world(world);
	sim_run_ms(sim, 400);
	ck_assert_str_eq(heard, "nodeup nodedown nodeup ");
}
END_TEST

START_TEST(a_close_sends_what_is_unsent)
{
	struct pid tareas;

	start(true);
	ck_assert_int_eq(conn_wait(node, conn, 5000, &why), E_OK);
	for (int i = 0; i < 1000; i++)
		proc_cast(node, conn_peer(node, conn),
		    slice_of("tareas.agregar_tarea"),
		    slice_of("\x92\xa3"
			     "ana"
			     "\x81\xa6"
			     "titulo"
			     "\xa1x"));
	conn_close(node, conn, 5000);
	sim_run_ms(sim, 100);
	tareas = served.tareas;
	ck_assert_ptr_nonnull(node_find(served.node, tareas));
	ck_assert_uint_eq(tareas_state_count(engine_state(served.engine),
			      slice_of("ana")),
	    1000);
	ck_assert_uint_eq(served_count(&served), 0);
	ck_assert_ptr_null(node_find(node, conn));
	ck_assert_uint_eq(node_count(node), 0);
	sim_run_ms(sim, 60000);
	ck_assert_str_eq(seen, "+-");
}
END_TEST

START_TEST(a_close_has_its_time_too)
{
	uint64_t start_ms;

	start(true);
	if (_i < 2)
		ck_assert_int_eq(conn_wait(node, conn, 5000, &why), E_OK);
	if (_i >= 1)
		sim_unplug(served.world, true);
	start_ms = sim_now(sim);
	conn_close(node, conn, 400);
	ck_assert_uint_le(sim_now(sim), start_ms + 400);
	sim_run_ms(sim, 10);
	ck_assert_uint_eq(node_count(node), 0);
	ck_assert_uint_eq(sim_streams(world), 0);
	sim_unplug(served.world, false);
}
END_TEST

START_TEST(a_node_may_be_freed_with_its_connection_in_any_state)
{
	if (_i % 3 == 1)
		sim_net(sim)->refuse = true;
	start(true);
	for (int i = 0; i < _i / 3; i++)
		sim_step(sim);
	/* The fixture's end does it. */
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conn");
	TCase *t = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_connection_comes_up);
	tcase_add_loop_test(t,
	    a_failure_says_why_and_is_final_unless_told_otherwise, 0, 3);
	tcase_add_test(t, waiting_has_its_time);
	tcase_add_test(t, a_link_that_breaks_is_made_again);
	tcase_add_test(t, each_try_waits_twice_as_long_up_to_eight_seconds);
	tcase_add_test(t, a_server_that_starts_again_is_found);
	tcase_add_test(t, a_refused_cookie_is_tried_again_too);
	tcase_add_loop_test(t, a_refused_cookie_is_read_again, 0, 2);
	tcase_add_loop_test(t, a_renewed_connection_has_the_new_user, 0, 2);
	tcase_add_loop_test(t,
	    a_renewal_does_not_wait_for_a_link_that_is_not_up, 0, 40);
	tcase_add_test(t, a_renewal_leaves_a_server_that_does_not_close);
	tcase_add_loop_test(t, the_server_casts_to_those_who_are_open_to_it, 0,
	    7);
	tcase_add_test(t, who_subscribes_hears_of_each_link);
	tcase_add_test(t, a_close_sends_what_is_unsent);
	tcase_add_loop_test(t, a_close_has_its_time_too, 0, 3);
	tcase_add_loop_test(t,
	    a_node_may_be_freed_with_its_connection_in_any_state, 0, 90);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}

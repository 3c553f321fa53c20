/*
 * server/listener.h: strangers, who is admitted, and who has to go. A guest
 * is a bare stream; each world of guests is an address of its own.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "server/session.h"
#include "tests/lib/bytes.h"
#include "tests/lib/served.h"

enum { GUESTS_MAX = 600, CROWDS = 3 };

struct guest {
	struct stream *stream;
	struct buf got;
	bool opened, ended;
	uint64_t ended_ms;
};

static struct sim *sim;
static struct served served;
static struct world *crowds[CROWDS];
static struct guest guests[GUESTS_MAX];
static int guest_count;

static void
on_opened(void *arg)
{
	struct guest *g = arg;

	g->opened = true;
}

static void
on_bytes(void *arg, struct slice bytes)
{
	struct guest *g = arg;

	buf_add(&g->got, bytes);
}

static void
on_ended(void *arg, enum err e, const char *why)
{
	struct guest *g = arg;

	(void)e;
	(void)why;
	g->ended = true;
	g->ended_ms = sim_now(sim);
}

static const struct stream_events events = {
	.opened = on_opened,
	.bytes = on_bytes,
	.writable = on_opened,
	.ended = on_ended,
};

static struct guest *
come(int crowd)
{
	struct guest *g = &guests[guest_count++];
	const char *why;

	ck_assert_int_le(guest_count, GUESTS_MAX);
	ck_assert_int_eq(world_connect(crowds[crowd], &served.address,
			     &g->stream, &why),
	    E_OK);
	stream_own(g->stream, &events, g);
	stream_want_read(g->stream, true);
	return g;
}

static void
come_many(int crowd, int n)
{
	for (; n > 0; n--)
		come(crowd);
	sim_run_ms(sim, 5);
}

static void
leave(struct guest *g)
{
	stream_close(g->stream);
	g->stream = NULL;
	buf_release(&g->got);
}

static int
ended(int from, int to)
{
	int n = 0;

	for (int i = from; i < to; i++)
		n += guests[i].ended;
	return n;
}

static void
setup(void)
{
	sim = sim_new(1);
	served_start(&served, sim, "server");
	for (int i = 0; i < CROWDS; i++)
		crowds[i] = sim_world(sim);
	memset(guests, 0, sizeof(guests));
	guest_count = 0;
}

static void
teardown(void)
{
	served_stop(&served);
	for (int i = 0; i < guest_count; i++)
		if (guests[i].stream != NULL)
			leave(&guests[i]);
	sim_free(sim);
}

static bool
next_message(struct guest *g, struct handshake *h, struct buf *out)
{
	struct term_check c;
	struct rpc m;

	term_check_init(&c, LIMIT_FRAME);
	if (term_check(&c, buf_bytes(&g->got)) != TERM_WHOLE)
		return false;
	ck_assert_int_eq(
	    rpc_decode(slice_bytes(buf_bytes(&g->got).bytes, c.pos), &m), E_OK);
	handshake_feed(h, &m, true, out);
	buf_consume(&g->got, c.pos);
	return true;
}

static void
say(struct guest *g, struct buf *b)
{
	ck_assert_uint_eq(stream_write(g->stream, buf_bytes(b)), buf_len(b));
	buf_release(b);
	sim_run_ms(sim, 5);
}

/* Goes through the handshake; true when the server said yes. */
static bool
enter(struct guest *g, const char *cookie)
{
	uint8_t nonce[HANDSHAKE_NONCE_BYTES] = { 7 };
	struct handshake h;
	struct buf b;
	bool yes;

	ck_assert_int_eq(handshake_init(&h, HANDSHAKE_CLIENT, slice_of(cookie),
			     nonce, slice_of("guest")),
	    E_OK);
	buf_init(&b);
	ck_assert_int_eq(handshake_hello(&h, slice_of("ana"), false, &b), E_OK);
	for (int i = 0; i < 2; i++) {
		say(g, &b);
		ck_assert(next_message(g, &h, &b));
	}
	yes = h.state == HANDSHAKE_DONE;
	handshake_release(&h);
	buf_release(&b);
	return yes;
}

/* -- */

START_TEST(a_stranger_is_admitted_with_the_cookie)
{
	struct guest *g = come(0);

	sim_run_ms(sim, 5);
	ck_assert_uint_eq(served_count(&served), 1);
	ck_assert(enter(g, "mi_cookie"));
	sim_run_ms(sim, 60000);
	ck_assert(!g->ended);
	ck_assert_uint_eq(served_count(&served), 1);
	leave(g);
	sim_run_ms(sim, 5);
	ck_assert_uint_eq(served_count(&served), 0);
}
END_TEST

START_TEST(a_stranger_without_it_goes)
{
	struct guest *silent = come(0), *wrong = come(1);

	sim_run_ms(sim, 5);
	ck_assert(!enter(wrong, "another"));
	sim_run_ms(sim, 300);
	ck_assert(wrong->ended);
	ck_assert(!silent->ended);
	sim_run_ms(sim, LIMIT_HANDSHAKE_MS);
	ck_assert(silent->ended);
	ck_assert_uint_eq(served_count(&served), 0);
}
END_TEST

START_TEST(there_is_room_for_256_strangers_and_the_next_wait_outside)
{
	come_many(0, LIMIT_STRANGERS - 1);
	ck_assert_uint_eq(served_count(&served), LIMIT_STRANGERS - 1);
	come_many(0, 10);
	ck_assert_uint_eq(served_count(&served), LIMIT_STRANGERS);
	/* They are connected, but nobody reads them. */
	for (int i = 0; i < guest_count; i++)
		ck_assert(guests[i].opened);
	sim_run_ms(sim, 200);
	ck_assert_int_eq(ended(0, guest_count), 0);
	ck_assert_uint_eq(served_count(&served), LIMIT_STRANGERS);
}
END_TEST

START_TEST(the_oldest_of_the_largest_crowd_goes_each_250_ms)
{
	uint64_t full_ms;

	come_many(1, 20); /* older, but fewer */
	come_many(0, 200);
	come_many(2, 36);
	full_ms = sim_now(sim);
	ck_assert_uint_eq(served_count(&served), LIMIT_STRANGERS);
	come_many(1, 3); /* outside */
	for (int i = 0; i < 4; i++) {
		uint64_t before;

		while (ended(0, guest_count) == i)
			ck_assert(sim_step(sim));
		ck_assert(guests[20 + i].ended);
		before = guests[20 + i].ended_ms - full_ms;
		ck_assert_uint_ge(before,
		    (uint64_t)(i + 1) * LIMIT_STRANGER_WAIT_MS - 10);
		ck_assert_uint_le(before,
		    (uint64_t)(i + 1) * LIMIT_STRANGER_WAIT_MS + 10);
		sim_run_ms(sim, 5);
		if (i == 2)
			break; /* nobody waits outside any more */
	}
	ck_assert_uint_eq(served_count(&served), LIMIT_STRANGERS);
	/* The places of those who came last are strangers' too. */
	sim_run_ms(sim, 3000);
	ck_assert_int_eq(ended(0, 20), 0);
	ck_assert_int_eq(ended(220, 256), 0);
}
END_TEST

START_TEST(each_crowd_has_its_own_250_ms)
{
	come_many(0, LIMIT_STRANGERS);
	sim_run_ms(sim, 200);
	leave(&guests[17]);
	sim_run_ms(sim, 5);
	come_many(0, 1);
	sim_run_ms(sim, 200);
	ck_assert_int_eq(ended(0, guest_count), 0);
	sim_run_ms(sim, 60);
	ck_assert_int_eq(ended(0, guest_count), 1);
	ck_assert(guests[0].ended);
}
END_TEST

START_TEST(who_waited_outside_gets_in)
{
	struct guest *g;

	come_many(0, LIMIT_STRANGERS);
	g = come(1);
	sim_run_ms(sim, LIMIT_STRANGER_WAIT_MS + 20);
	ck_assert_int_eq(ended(0, LIMIT_STRANGERS), 1);
	ck_assert(guests[0].ended);
	ck_assert(enter(g, "mi_cookie"));
	sim_run_ms(sim, 10);
	ck_assert(!g->ended);
}
END_TEST

START_TEST(a_place_that_gets_free_by_itself_is_taken_at_once)
{
	come_many(0, LIMIT_STRANGERS + 5);
	ck_assert_uint_eq(served_count(&served), LIMIT_STRANGERS);
	if (_i == 0)
		leave(&guests[17]);
	else
		ck_assert(enter(&guests[17], "mi_cookie"));
	sim_run_ms(sim, 5);
	ck_assert_uint_eq(served_count(&served),
	    LIMIT_STRANGERS + (_i == 0 ? 0 : 1));
	ck_assert_int_eq(ended(0, guest_count), 0);
}
END_TEST

START_TEST(who_is_admitted_does_not_count)
{
	for (int i = 0; i < LIMIT_STRANGERS + 20; i++) {
		struct guest *g = come(0);

		sim_run_ms(sim, 5);
		ck_assert(enter(g, "mi_cookie"));
	}
	come_many(0, LIMIT_STRANGERS - 1);
	sim_run_ms(sim, 1000);
	ck_assert_int_eq(ended(0, guest_count), 0);
	ck_assert_uint_eq(served_count(&served), 2 * LIMIT_STRANGERS + 19);
	/* Those who come now make it crowded; only strangers go. */
	come_many(0, 10);
	sim_run_ms(sim, 4000);
	ck_assert_int_eq(ended(0, LIMIT_STRANGERS + 20), 0);
	ck_assert_int_gt(ended(LIMIT_STRANGERS + 20, guest_count), 8);
}
END_TEST

START_TEST(a_listener_that_is_started_again_listens_where_it_did)
{
	struct guest *g = come(0), *later;

	sim_run_ms(sim, 5);
	ck_assert(enter(g, "mi_cookie"));
	proc_exit(node_find(served.node, served.listener), reason_of("kill"));
	later = come(1);
	sim_run_ms(sim, 5);
	ck_assert(later->ended); /* nobody listens */
	ck_assert_int_eq(listener_start_link(served.node, NULL, &served.config,
			     &served.listener),
	    E_OK);
	later = come(1);
	sim_run_ms(sim, 5);
	ck_assert(enter(later, "mi_cookie"));
	ck_assert(!g->ended);
	ck_assert_uint_eq(served_count(&served), 2);
}
END_TEST

START_TEST(strangers_of_the_last_listener_are_no_matter)
{
	come_many(0, LIMIT_STRANGERS + 3);
	proc_exit(node_find(served.node, served.listener), reason_of("kill"));
	sim_run_ms(sim, 5);
	ck_assert_int_eq(listener_start_link(served.node, NULL, &served.config,
			     &served.listener),
	    E_OK);
	come_many(1, 2);
	ck_assert(enter(&guests[3], "mi_cookie"));
	ck_assert(enter(&guests[guest_count - 1], "mi_cookie"));
	sim_run_ms(sim, LIMIT_HANDSHAKE_MS + 300);
	ck_assert_uint_eq(served_count(&served), 2);
}
END_TEST

START_TEST(nobody_gets_in_while_there_is_no_supervisor)
{
	struct guest *g;

	proc_exit(node_find(served.node, served.sessions), reason_of("kill"));
	sim_run_ms(sim, 5);
	g = come(0);
	sim_run_ms(sim, 5);
	ck_assert(g->ended);
	served_start_sessions(&served);
	g = come(0);
	sim_run_ms(sim, 5);
	ck_assert(enter(g, "mi_cookie"));
}
END_TEST

START_TEST(an_address_that_cannot_be_had_is_an_error_and_not_kept)
{
	struct proc *p = node_find(served.node, served.listener);
	struct address free_port = sim_address("server", 0);
	const char *why = NULL;

	ck_assert_int_ne(listener_add(p, &served.address, &why), E_OK);
	ck_assert_ptr_nonnull(why);
	ck_assert_uint_eq(served.config.count, 1);
	ck_assert_int_eq(listener_add(p, &free_port, &why), E_OK);
	ck_assert_uint_eq(served.config.count, 2);
	ck_assert_uint_ne(served.config.heard[1].port, 0);
	while (served.config.count < LISTENER_ADDRESSES)
		ck_assert_int_eq(listener_add(p, &free_port, &why), E_OK);
	why = NULL;
	ck_assert_int_ne(listener_add(p, &free_port, &why), E_OK);
	ck_assert_ptr_nonnull(why);
	ck_assert_uint_eq(served.config.count, LISTENER_ADDRESSES);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("listener");
	TCase *t = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_stranger_is_admitted_with_the_cookie);
	tcase_add_test(t, a_stranger_without_it_goes);
	tcase_add_test(t,
	    there_is_room_for_256_strangers_and_the_next_wait_outside);
	tcase_add_test(t, the_oldest_of_the_largest_crowd_goes_each_250_ms);
	tcase_add_test(t, each_crowd_has_its_own_250_ms);
	tcase_add_test(t, who_waited_outside_gets_in);
	tcase_add_loop_test(t,
	    a_place_that_gets_free_by_itself_is_taken_at_once, 0, 2);
	tcase_add_test(t, who_is_admitted_does_not_count);
	tcase_add_test(t,
	    a_listener_that_is_started_again_listens_where_it_did);
	tcase_add_test(t, strangers_of_the_last_listener_are_no_matter);
	tcase_add_test(t, nobody_gets_in_while_there_is_no_supervisor);
	tcase_add_test(t,
	    an_address_that_cannot_be_had_is_an_error_and_not_kept);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}

/* tests/lib/sim.h keeps the promises of common/world.h. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/timer.h"
#include "proto/buf.h"
#include "tests/lib/bytes.h"
#include "tests/lib/sim.h"

#define PORT 18800
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* One end as its owner sees it. */
struct side {
	struct stream *stream; /* NULL: closed, or not there yet */
	struct buf got;
	int opened;
	int writable;
	int ended;
	enum err e; /* of the last one */
	const char *why;
	uint64_t opened_ms, got_ms, ended_ms;
	bool close_on_bytes;
	bool deaf; /* does not read what it accepts */
};

static struct sim *sim;
static struct world *here, *there;
static struct listener *listener;
static struct side client, server;
static struct stream_peer peer;
static int depth; /* calls into the simulation that are not over */

static void
on_opened(void *owner)
{
	struct side *side = owner;

	ck_assert_int_eq(depth, 0);
	ck_assert_int_eq(side->ended, 0);
	side->opened++;
	side->opened_ms = sim_now(sim);
}

static void
close_side(struct side *side)
{
	depth++;
	stream_close(side->stream);
	depth--;
	side->stream = NULL;
}

static void
on_bytes(void *owner, struct slice bytes)
{
	struct side *side = owner;

	ck_assert_int_eq(depth, 0);
	ck_assert_ptr_nonnull(side->stream);
	ck_assert_int_eq(side->ended, 0);
	ck_assert_uint_gt(bytes.len, 0);
	buf_add(&side->got, bytes);
	side->got_ms = sim_now(sim);
	if (side->close_on_bytes)
		close_side(side);
}

static void
on_writable(void *owner)
{
	struct side *side = owner;

	ck_assert_int_eq(depth, 0);
	ck_assert_ptr_nonnull(side->stream);
	ck_assert_int_eq(side->e, E_OK);
	side->writable++;
}

static void
on_ended(void *owner, enum err e, const char *why)
{
	struct side *side = owner;

	ck_assert_int_eq(depth, 0);
	ck_assert_ptr_nonnull(side->stream);
	/* The far half first, perhaps, then a break. */
	ck_assert_int_eq(side->e, E_OK);
	ck_assert(side->ended == 0 || e != E_OK);
	side->ended++;
	side->e = e;
	side->why = why;
	side->ended_ms = sim_now(sim);
}

static const struct stream_events events = {
	.opened = on_opened,
	.bytes = on_bytes,
	.writable = on_writable,
	.ended = on_ended,
};

static void
on_accepted(void *owner, struct stream *s, const struct stream_peer *from)
{
	struct side *side = owner;

	ck_assert_int_eq(depth, 0);
	peer = *from;
	side->stream = s;
	stream_own(s, &events, side);
	stream_want_read(s, !side->deaf);
}

static const struct listener_events listener_events = {
	.accepted = on_accepted,
};

static void
setup(void)
{
	struct address at = sim_address("server", PORT);
	const char *why;

	sim = sim_new(1);
	here = sim_world(sim);
	there = sim_world(sim);
	memset(&client, 0, sizeof(client));
	memset(&server, 0, sizeof(server));
	depth = 0;
	ck_assert_int_eq(world_listen(there, &at, &listener_events, &server,
			     &listener, &why),
	    E_OK);
}

static void
teardown(void)
{
	buf_release(&client.got);
	buf_release(&server.got);
	sim_free(sim);
}

static void
start_connect(void)
{
	struct address to = sim_address("server", PORT);
	const char *why;

	depth++;
	ck_assert_int_eq(world_connect(here, &to, &client.stream, &why), E_OK);
	stream_own(client.stream, &events, &client);
	stream_want_read(client.stream, true);
	depth--;
}

static void
connect_both(void)
{
	start_connect();
	sim_run_ms(sim, 10);
	ck_assert_int_eq(client.opened, 1);
	ck_assert_ptr_nonnull(server.stream);
}

static size_t
write_to(struct side *side, const char *text)
{
	size_t n;

	depth++;
	n = stream_write(side->stream, slice_of(text));
	depth--;
	return n;
}

static void
run(void)
{
	while (sim_step(sim))
		continue;
}

/* -- clock, chance, wake-up -- */

static int turns;
static uint64_t turn_ms;

static void
count_turn(void *node)
{
	ck_assert_ptr_eq(node, &turns);
	ck_assert_int_eq(depth, 0);
	turns++;
	turn_ms = sim_now(sim);
}

static void
forever(void *node)
{
	struct world *w = node;

	turns++;
	world_wake(w);
}

START_TEST(nothing_happens_by_itself)
{
	uint64_t utc_ms = world_utc_ms(here);

	ck_assert(!sim_step(sim));
	ck_assert_int_eq(world_step(here), E_NOCONNECTION);
	ck_assert_uint_eq(world_now_ms(here), 1000);
	sim_run_ms(sim, 500);
	ck_assert_uint_eq(sim_now(sim), 1500);
	ck_assert_uint_eq(world_now_ms(there), 1500);
	ck_assert_uint_eq(world_utc_ms(here), utc_ms + 500);
	ck_assert_int_eq(sim_clock(sim), (int64_t)utc_ms + 500);
}
END_TEST

START_TEST(a_wake_gives_one_turn_now)
{
	here->turn = count_turn;
	here->node = &turns;
	turns = 0;
	depth++;
	world_wake(here);
	world_wake(here);
	depth--;
	ck_assert_int_eq(turns, 0);
	ck_assert_int_eq(world_step(there), E_OK);
	ck_assert_int_eq(turns, 1);
	ck_assert_uint_eq(turn_ms, 1000);
	ck_assert(!sim_step(sim));
	here->turn = NULL;
}
END_TEST

START_TEST(wake_at_gives_a_turn_at_that_time_and_replaces_the_last)
{
	static const struct {
		uint64_t first_ms, then_ms, turn_ms;
		int turns;
	} cases[] = {
		{ 1100, 1100, 1100, 1 },
		{ 1100, 1200, 1200, 1 },
		{ 1200, 1100, 1100, 1 },
		{ 1100, TIMER_NEVER, 0, 0 },
		{ TIMER_NEVER, 1100, 1100, 1 },
		{ 1100, 5, 1000, 1 },
	};

	here->turn = count_turn;
	here->node = &turns;
	turns = 0;
	turn_ms = 0;
	world_wake_at(here, cases[_i].first_ms);
	world_wake_at(here, cases[_i].then_ms);
	run();
	ck_assert_int_eq(turns, cases[_i].turns);
	ck_assert_uint_eq(turn_ms, cases[_i].turn_ms);
	here->turn = NULL;
}
END_TEST

START_TEST(a_world_that_always_wants_a_turn_does_not_stop_the_clock)
{
	here->turn = forever;
	here->node = here;
	turns = 0;
	world_wake(here);
	start_connect();
	sim_run_ms(sim, 5);
	ck_assert_int_eq(client.opened, 1);
	ck_assert_int_gt(turns, 100);
	here->turn = NULL;
}
END_TEST

static bool
seven_turns(void *arg)
{
	(void)arg;
	return turns == 7;
}

START_TEST(run_until_is_true_when_it_came_true)
{
	here->turn = forever;
	here->node = here;
	turns = 0;
	ck_assert(!sim_run_until(sim, seven_turns, NULL, 100));
	world_wake(here);
	ck_assert(!sim_run_until(sim, seven_turns, NULL, 6));
	ck_assert(sim_run_until(sim, seven_turns, NULL, 1));
	ck_assert_int_eq(turns, 7);
	here->turn = NULL;
}
END_TEST

/* -- connecting -- */

START_TEST(a_connected_stream_opens_later_and_is_accepted)
{
	start_connect();
	ck_assert_int_eq(client.opened, 0);
	ck_assert_uint_eq(write_to(&client, "too early"), 0);
	sim_run_ms(sim, 10);
	ck_assert_int_eq(client.opened, 1);
	ck_assert_uint_eq(client.opened_ms, 1001);
	ck_assert_ptr_nonnull(server.stream);
	ck_assert_str_eq(peer.text, "10.0.0.1");
	ck_assert(!peer.loopback);
	ck_assert_int_eq(server.opened, 0);
	ck_assert_uint_eq(sim_streams(here), 1);
	ck_assert_uint_eq(sim_streams(there), 1);
}
END_TEST

static const struct {
	const char *at;
	const char *to;
	bool reached;
	const char *from; /* NULL: no loopback */
} hosts[] = {
	{ "127.0.0.1", "127.0.0.1", true, "127.0.0.1" },
	{ "127.0.0.1", "localhost", true, "127.0.0.1" },
	{ "127.0.0.1", "::1", false, NULL },
	{ "127.0.0.2", "localhost", false, NULL },
	{ "::1", "localhost", true, "127.0.0.1" },
	{ "::1", "::1", true, "::1" },
	{ "0.0.0.0", "whoever", true, NULL },
	{ "::", "127.0.0.9", true, "127.0.0.1" },
	{ "me", "you", false, NULL },
};

START_TEST(a_host_reaches_its_listener)
{
	struct address at = sim_address(hosts[_i].at, 0);
	struct address to = sim_address(hosts[_i].to, 0);
	struct listener *l;
	const char *why;

	ck_assert_int_eq(world_listen(there, &at, &listener_events, &server, &l,
			     &why),
	    E_OK);
	to.port = listener_port(there, l);
	ck_assert_int_eq(world_connect(here, &to, &client.stream, &why), E_OK);
	stream_own(client.stream, &events, &client);
	run();
	ck_assert_int_eq(client.opened, hosts[_i].reached);
	ck_assert_int_eq(client.ended, !hosts[_i].reached);
	ck_assert(
	    server.stream == NULL || peer.loopback == (hosts[_i].from != NULL));
	if (hosts[_i].from != NULL)
		ck_assert_str_eq(peer.text, hosts[_i].from);
}
END_TEST

START_TEST(a_refused_connect_ends_unreachable)
{
	if (_i == 0)
		sim_net(sim)->refuse = true;
	start_connect();
	if (_i == 1)
		listener_close(there, listener);
	if (_i == 2)
		sim_crash(there);
	if (_i == 3)
		sim_cut(client.stream);
	run();
	ck_assert_int_eq(client.opened, 0);
	ck_assert_int_eq(client.ended, 1);
	ck_assert_int_eq(client.e, E_UNREACHABLE);
	ck_assert_uint_eq(client.ended_ms, 1001);
	ck_assert_uint_eq(sim_streams(here), 1);
	close_side(&client);
	ck_assert_uint_eq(sim_streams(here), 0);
}
END_TEST

START_TEST(a_port_in_use_cannot_be_had)
{
	struct address at = sim_address("server", PORT);
	struct listener *l = NULL;
	const char *why = NULL;

	ck_assert_int_eq(world_listen(here, &at, &listener_events, &server, &l,
			     &why),
	    E_EXISTS);
	ck_assert_ptr_null(l);
	ck_assert_str_eq(why, "address already in use");
	listener_close(there, listener);
	ck_assert_int_eq(world_listen(here, &at, &listener_events, &server, &l,
			     &why),
	    E_OK);
}
END_TEST

START_TEST(port_zero_takes_a_free_one)
{
	struct address at = sim_address("server", 0);
	struct listener *a, *b;
	const char *why;

	ck_assert_int_eq(world_listen(here, &at, &listener_events, &server, &a,
			     &why),
	    E_OK);
	ck_assert_int_eq(world_listen(here, &at, &listener_events, &server, &b,
			     &why),
	    E_OK);
	ck_assert_uint_ne(listener_port(here, a), 0);
	ck_assert_uint_ne(listener_port(here, a), listener_port(here, b));
	ck_assert_uint_eq(listener_port(there, listener), PORT);
}
END_TEST

START_TEST(who_comes_while_accepting_is_off_waits)
{
	listener_accept(there, listener, false);
	start_connect();
	run();
	ck_assert_int_eq(client.opened, 1);
	ck_assert_ptr_null(server.stream);
	write_to(&client, "early");
	run();
	listener_accept(there, listener, true);
	run();
	ck_assert(slice_is(buf_bytes(&server.got), "early"));
}
END_TEST

START_TEST(who_waits_at_a_listener_that_closes_is_reset)
{
	listener_accept(there, listener, false);
	start_connect();
	run();
	listener_close(there, listener);
	run();
	ck_assert_int_eq(client.ended, 1);
	ck_assert_int_eq(client.e, E_NOCONNECTION);
}
END_TEST

START_TEST(a_stream_closed_while_it_connects_hears_nothing)
{
	start_connect();
	close_side(&client);
	run();
	ck_assert_int_eq(client.opened + client.ended, 0);
	ck_assert_ptr_null(server.stream);
}
END_TEST

START_TEST(a_finish_before_the_opening_arrives_after_it)
{
	start_connect();
	stream_finish(client.stream);
	run();
	ck_assert_int_eq(client.opened, 1);
	ck_assert_int_eq(server.ended, 1);
	ck_assert_int_eq(server.e, E_OK);
}
END_TEST

/* -- bytes -- */

START_TEST(bytes_arrive_in_order_after_the_delay)
{
	connect_both();
	sim_net(sim)->delay_min_ms = sim_net(sim)->delay_max_ms = 20;
	ck_assert_uint_eq(write_to(&client, "Comprar "), 8);
	ck_assert_uint_eq(write_to(&client, "leche"), 5);
	sim_run_ms(sim, 19);
	ck_assert_uint_eq(buf_len(&server.got), 0);
	sim_run_ms(sim, 1);
	ck_assert(slice_is(buf_bytes(&server.got), "Comprar leche"));
	write_to(&server, "ok");
	run();
	ck_assert(slice_is(buf_bytes(&client.got), "ok"));
	ck_assert_int_eq(client.ended + server.ended, 0);
}
END_TEST

START_TEST(a_reader_that_is_off_holds_bytes_back)
{
	connect_both();
	sim_net(sim)->pipe_bytes = 10;
	stream_want_read(server.stream, false);
	ck_assert_uint_eq(write_to(&client, "0123456789abc"), 10);
	ck_assert_uint_eq(write_to(&client, "x"), 0);
	run();
	ck_assert_uint_eq(buf_len(&server.got), 0);
	depth++;
	stream_want_read(server.stream, true);
	depth--;
	ck_assert_uint_eq(buf_len(&server.got), 0);
	run();
	ck_assert(slice_is(buf_bytes(&server.got), "0123456789"));
	ck_assert_uint_eq(write_to(&client, "abc"), 3);
	run();
	ck_assert(slice_is(buf_bytes(&server.got), "0123456789abc"));
}
END_TEST

START_TEST(writable_comes_again_and_again_until_switched_off)
{
	connect_both();
	sim_net(sim)->pipe_bytes = 4;
	stream_want_read(server.stream, false);
	ck_assert_uint_eq(write_to(&client, "0123456789"), 4);
	depth++;
	stream_want_write(client.stream, true);
	depth--;
	run();
	ck_assert_int_eq(client.writable, 0);
	stream_want_read(server.stream, true);
	for (int i = 0; i < 10; i++)
		ck_assert(sim_step(sim));
	ck_assert_int_eq(client.writable, 9);
	stream_want_write(client.stream, false);
	run();
	ck_assert_int_eq(client.writable, 9);
}
END_TEST

START_TEST(one_that_could_always_write_still_reads)
{
	connect_both();
	stream_want_write(server.stream, true);
	write_to(&client, "heard");
	close_side(&client);
	sim_run_ms(sim, 10);
	ck_assert(slice_is(buf_bytes(&server.got), "heard"));
	ck_assert_int_eq(server.ended, 1);
	ck_assert_int_gt(server.writable, 0);
	close_side(&server);
}
END_TEST

START_TEST(a_finished_half_arrives_in_order_and_the_other_goes_on)
{
	connect_both();
	write_to(&client, "last");
	depth++;
	stream_finish(client.stream);
	depth--;
	ck_assert_uint_eq(write_to(&client, "more"), 0);
	stream_want_read(server.stream, false);
	run();
	ck_assert_int_eq(server.ended, 0);
	stream_want_read(server.stream, true);
	run();
	ck_assert(slice_is(buf_bytes(&server.got), "last"));
	ck_assert_int_eq(server.ended, 1);
	ck_assert_int_eq(server.e, E_OK);
	ck_assert_uint_eq(write_to(&server, "answer"), 6);
	run();
	ck_assert(slice_is(buf_bytes(&client.got), "answer"));
	close_side(&server);
	run();
	ck_assert_int_eq(client.ended, 1);
	ck_assert_int_eq(client.e, E_OK);
}
END_TEST

/* -- the end -- */

START_TEST(a_close_is_heard_after_what_was_written)
{
	connect_both();
	write_to(&client, "last");
	close_side(&client);
	run();
	ck_assert(slice_is(buf_bytes(&server.got), "last"));
	ck_assert_int_eq(server.ended, 1);
	ck_assert_int_eq(server.e, E_OK);
	ck_assert_uint_eq(sim_streams(here), 0);
}
END_TEST

START_TEST(a_close_with_unread_bytes_is_a_reset)
{
	connect_both();
	write_to(&client, "last");
	write_to(&server, "unread");
	close_side(&client);
	run();
	ck_assert(slice_is(buf_bytes(&server.got), "last"));
	ck_assert_int_eq(server.ended, 1);
	ck_assert_int_eq(server.e, E_NOCONNECTION);
	ck_assert_uint_eq(write_to(&server, "x"), 0);
}
END_TEST

START_TEST(a_write_to_one_who_closed_is_lost_and_comes_back_as_a_reset)
{
	connect_both();
	close_side(&client);
	if (_i == 1)
		stream_want_read(server.stream, false);
	if (_i == 2)
		run();
	ck_assert_int_eq(server.ended, _i == 2);
	ck_assert_uint_eq(write_to(&server, "lost"), 4);
	run();
	ck_assert_int_eq(server.ended, _i == 1 ? 1 : 2);
	ck_assert_int_eq(server.e, E_NOCONNECTION);
	ck_assert_uint_eq(write_to(&server, "more"), 0);
}
END_TEST

START_TEST(after_the_far_half_is_over_ours_is_written_as_room_comes)
{
	connect_both();
	sim_net(sim)->pipe_bytes = 4;
	stream_want_read(client.stream, false);
	stream_finish(client.stream);
	run();
	ck_assert_int_eq(server.ended, 1);
	ck_assert_uint_eq(write_to(&server, "012345"), 4);
	stream_want_write(server.stream, true);
	run();
	ck_assert_int_eq(server.writable, 0);
	stream_want_read(client.stream, true);
	for (int i = 0; i < 4; i++)
		sim_step(sim);
	ck_assert_int_gt(server.writable, 0);
	stream_want_write(server.stream, false);
	ck_assert_uint_eq(write_to(&server, "45"), 2);
	run();
	ck_assert(slice_is(buf_bytes(&client.got), "012345"));
	sim_cut(server.stream);
	run();
	ck_assert_int_eq(server.ended, 2);
	ck_assert_str_eq(server.why, "cut");
}
END_TEST

START_TEST(a_stream_closed_inside_its_event_hears_nothing_more)
{
	connect_both();
	server.close_on_bytes = true;
	sim_net(sim)->chop = SIM_BYTES;
	write_to(&client, "abc");
	run();
	ck_assert(slice_is(buf_bytes(&server.got), "a"));
	ck_assert_int_eq(client.ended, 1);
	ck_assert_int_eq(client.e, E_NOCONNECTION);
}
END_TEST

START_TEST(a_cut_ends_both_and_loses_what_is_under_way)
{
	connect_both();
	write_to(&client, "lost");
	stream_want_read(server.stream, false);
	depth++;
	if (_i == 0)
		sim_cut(client.stream);
	else if (_i == 1)
		sim_cut(server.stream);
	else if (_i == 2)
		ck_assert(sim_cut_any(sim));
	else
		ck_assert_uint_eq(sim_cut_world(there), 1);
	depth--;
	ck_assert_uint_eq(write_to(&client, "x"), 0);
	ck_assert(!sim_cut_any(sim));
	run();
	ck_assert_uint_eq(buf_len(&server.got), 0);
	ck_assert_int_eq(client.e, E_NOCONNECTION);
	ck_assert_int_eq(server.e, E_NOCONNECTION);
	ck_assert_str_eq(client.why, "cut");
	ck_assert_str_eq(server.why, "cut");
	ck_assert_int_eq(client.ended + server.ended, 2);
}
END_TEST

START_TEST(a_crashed_world_hears_nothing_and_the_others_are_cut)
{
	here->turn = count_turn;
	here->node = &turns;
	turns = 0;
	connect_both();
	write_to(&server, "never seen");
	world_wake(here);
	world_wake_at(here, 5000);
	sim_crash(here);
	world_wake(here);
	world_wake_at(here, 5000);
	run();
	ck_assert_int_eq(turns, 0);
	ck_assert_int_eq(client.ended, 0);
	ck_assert_uint_eq(buf_len(&client.got), 0);
	ck_assert_int_eq(server.ended, 1);
	ck_assert_str_eq(server.why, "cut");
	ck_assert_uint_eq(write_to(&client, "x"), 0);
	close_side(&client);
	here->turn = NULL;
}
END_TEST

START_TEST(a_crashed_world_gives_its_port_back)
{
	struct address at = sim_address("server", PORT);
	struct listener *l;
	struct stream *s;
	const char *why;

	sim_crash(there);
	ck_assert_int_eq(world_connect(there, &at, &s, &why), E_UNREACHABLE);
	ck_assert_int_eq(world_listen(there, &at, &listener_events, &server, &l,
			     &why),
	    E_UNREACHABLE);
	there = sim_world(sim);
	ck_assert_int_eq(world_listen(there, &at, &listener_events, &server, &l,
			     &why),
	    E_OK);
	connect_both();
}
END_TEST

START_TEST(a_cable_pulled_out_loses_nothing_and_tells_nobody)
{
	connect_both();
	write_to(&client, "before");
	sim_unplug(_i == 0 ? here : there, true);
	write_to(&server, "during");
	sim_run_ms(sim, 100000);
	ck_assert_uint_eq(buf_len(&server.got), 0);
	ck_assert_int_eq(client.ended + server.ended, 0);
	sim_unplug(_i == 0 ? here : there, false);
	run();
	ck_assert(slice_is(buf_bytes(&server.got), "before"));
	ck_assert(slice_is(buf_bytes(&client.got), "during"));
}
END_TEST

START_TEST(a_connect_without_cable_opens_when_it_is_back)
{
	sim_unplug(_i == 0 ? here : there, true);
	start_connect();
	sim_run_ms(sim, 3500);
	ck_assert_int_eq(client.opened + client.ended, 0);
	sim_unplug(_i == 0 ? here : there, false);
	run();
	ck_assert_int_eq(client.opened, 1);
	ck_assert_uint_le(client.opened_ms, 5501);
}
END_TEST

START_TEST(what_nobody_closed_is_freed_with_the_simulation)
{
	connect_both();
	write_to(&client, "x");
	write_to(&server, "y");
	start_connect();
	start_connect();
	stream_finish(server.stream);
}
END_TEST

/* -- any network brings the same bytes -- */

enum { TEXT_BYTES = 20000 };

struct sender {
	struct side *side;
	uint8_t text[TEXT_BYTES];
	size_t sent;
};

/* Writes random lengths, as far as they go, and finishes at the end. */
static void
write_some(struct sender *s, uint64_t *seed)
{
	size_t n = random_below(seed, 3000);

	if (n > TEXT_BYTES - s->sent)
		n = TEXT_BYTES - s->sent;
	depth++;
	s->sent +=
	    stream_write(s->side->stream, slice_bytes(s->text + s->sent, n));
	if (s->sent == TEXT_BYTES)
		stream_finish(s->side->stream);
	depth--;
}

static uint64_t
hash_run(uint64_t hash)
{
	hash = hash * 31 + sim_now(sim);
	hash = hash * 31 + buf_len(&client.got);
	return hash * 31 + buf_len(&server.got);
}

/* Both ways at once. Returns a hash of all that was seen on the way. */
static uint64_t
exchange(uint64_t seed, struct sender *a, struct sender *b)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < TEXT_BYTES; i++) {
		a->text[i] = (uint8_t)random_next(&seed);
		b->text[i] = (uint8_t)random_next(&seed);
	}
	while (client.ended == 0 || server.ended == 0) {
		bool more = sim_step(sim);

		hash = hash_run(hash);
		if (random_below(&seed, 4) == 0 || !more) {
			write_some(a, &seed);
			write_some(b, &seed);
		}
		if (client.ended == 0)
			stream_want_read(client.stream,
			    random_below(&seed, 2) == 0);
		if (server.ended == 0)
			stream_want_read(server.stream,
			    random_below(&seed, 2) == 0);
	}
	return hash;
}

static uint64_t
whole_exchange(uint64_t seed)
{
	struct sender a = { .side = &client }, b = { .side = &server };
	uint64_t hash;

	setup();
	connect_both();
	sim_net(sim)->chop = (enum sim_chop)(seed % 3);
	sim_net(sim)->shuffle = seed % 2 == 0;
	sim_net(sim)->delay_min_ms = 0;
	sim_net(sim)->delay_max_ms = (uint32_t)seed;
	sim_net(sim)->pipe_bytes = 1 + (size_t)seed * 100;
	hash = exchange(seed, &a, &b);
	ck_assert_int_eq(client.e, E_OK);
	ck_assert_int_eq(server.e, E_OK);
	ck_assert(slice_equal(buf_bytes(&server.got),
	    slice_bytes(a.text, TEXT_BYTES)));
	ck_assert(slice_equal(buf_bytes(&client.got),
	    slice_bytes(b.text, TEXT_BYTES)));
	teardown();
	return hash;
}

START_TEST(any_network_brings_the_same_bytes_and_a_seed_repeats_itself)
{
	uint64_t seed = (uint64_t)_i;
	uint64_t hash = whole_exchange(seed);

	ck_assert_uint_eq(whole_exchange(seed), hash);
}
END_TEST

static void
add_worlds(TCase *t)
{
	tcase_add_test(t, nothing_happens_by_itself);
	tcase_add_test(t, a_wake_gives_one_turn_now);
	tcase_add_loop_test(t,
	    wake_at_gives_a_turn_at_that_time_and_replaces_the_last, 0, 6);
	tcase_add_test(t,
	    a_world_that_always_wants_a_turn_does_not_stop_the_clock);
	tcase_add_test(t, run_until_is_true_when_it_came_true);
}

static void
add_connecting(TCase *t)
{
	tcase_add_test(t, a_connected_stream_opens_later_and_is_accepted);
	tcase_add_loop_test(t, a_host_reaches_its_listener, 0,
	    (int)COUNT(hosts));
	tcase_add_loop_test(t, a_refused_connect_ends_unreachable, 0, 4);
	tcase_add_test(t, a_port_in_use_cannot_be_had);
	tcase_add_test(t, port_zero_takes_a_free_one);
	tcase_add_test(t, who_comes_while_accepting_is_off_waits);
	tcase_add_test(t, who_waits_at_a_listener_that_closes_is_reset);
	tcase_add_test(t, a_stream_closed_while_it_connects_hears_nothing);
	tcase_add_test(t, a_finish_before_the_opening_arrives_after_it);
}

static void
add_streams(TCase *t)
{
	tcase_add_test(t, bytes_arrive_in_order_after_the_delay);
	tcase_add_test(t, a_reader_that_is_off_holds_bytes_back);
	tcase_add_test(t, writable_comes_again_and_again_until_switched_off);
	tcase_add_test(t, one_that_could_always_write_still_reads);
	tcase_add_test(t,
	    a_finished_half_arrives_in_order_and_the_other_goes_on);
	tcase_add_test(t, a_close_is_heard_after_what_was_written);
	tcase_add_test(t, a_close_with_unread_bytes_is_a_reset);
	tcase_add_loop_test(t,
	    a_write_to_one_who_closed_is_lost_and_comes_back_as_a_reset, 0, 3);
	tcase_add_test(t,
	    after_the_far_half_is_over_ours_is_written_as_room_comes);
	tcase_add_test(t, a_stream_closed_inside_its_event_hears_nothing_more);
	tcase_add_loop_test(t, a_cut_ends_both_and_loses_what_is_under_way, 0,
	    4);
	tcase_add_test(t, a_crashed_world_hears_nothing_and_the_others_are_cut);
	tcase_add_test(t, a_crashed_world_gives_its_port_back);
	tcase_add_loop_test(t,
	    a_cable_pulled_out_loses_nothing_and_tells_nobody, 0, 2);
	tcase_add_loop_test(t, a_connect_without_cable_opens_when_it_is_back, 0,
	    2);
	tcase_add_test(t, what_nobody_closed_is_freed_with_the_simulation);
}

int
main(void)
{
	Suite *s = suite_create("sim");
	TCase *one = tcase_create("one network");
	TCase *any = tcase_create("any network");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, one);
	suite_add_tcase(s, any);
	tcase_add_checked_fixture(one, setup, teardown);
	add_worlds(one);
	add_connecting(one);
	add_streams(one);
	tcase_add_loop_test(any,
	    any_network_brings_the_same_bytes_and_a_seed_repeats_itself, 0, 30);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}

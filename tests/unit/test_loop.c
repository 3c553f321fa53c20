/*
 * common/loop.h: what the real world keeps of the promises of world.h, over
 * loopback and with the kernel's own ports. Each wait has an end: a test
 * that would hang fails after PATIENCE_MS.
 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/loop.h"
#include "common/timer.h"
#include "proto/buf.h"

enum { PATIENCE_MS = 10000, MANY = 20, LARGE = 16 * 1024 * 1024 };

/* One end as its owner sees it. */
struct side {
	struct stream *stream; /* NULL: closed, or not there yet */
	struct buf got;
	struct buf out; /* still to be written */
	int opened, ended;
	enum err e;
	bool close_on_bytes;
	bool close_on_end;
	bool finish_when_out;
};

static struct loop *loop;
static struct world *world;
static struct listener *listener;
static uint16_t port;
static struct side server[MANY], client[MANY];
static int accepted;
static struct stream_peer peer;
static int turns, hurried_turns;
static bool hurried; /* whoever gets bytes wants a turn before others do */

static void
pump(struct side *side)
{
	buf_consume(&side->out,
	    stream_write(side->stream, buf_bytes(&side->out)));
	stream_want_write(side->stream, buf_len(&side->out) > 0);
	if (buf_len(&side->out) == 0 && side->finish_when_out)
		stream_finish(side->stream);
}

static void
close_side(struct side *side)
{
	stream_close(side->stream);
	side->stream = NULL;
}

static void
on_opened(void *arg)
{
	struct side *side = arg;

	ck_assert_int_eq(side->opened, 0);
	side->opened++;
	pump(side);
}

static void
on_bytes(void *arg, struct slice bytes)
{
	struct side *side = arg;

	ck_assert_ptr_nonnull(side->stream);
	ck_assert_uint_gt(bytes.len, 0);
	buf_add(&side->got, bytes);
	if (hurried) {
		world->hurry = true;
		world_wake(world);
	}
	if (side->close_on_bytes)
		close_side(side);
}

static void
on_writable(void *arg)
{
	struct side *side = arg;

	ck_assert_ptr_nonnull(side->stream);
	pump(side);
}

static void
on_ended(void *arg, enum err e, const char *why)
{
	struct side *side = arg;

	ck_assert_ptr_nonnull(side->stream);
	ck_assert_ptr_nonnull(why);
	side->ended++;
	side->e = e;
	if (side->close_on_end)
		close_side(side);
}

static const struct stream_events events = {
	.opened = on_opened,
	.bytes = on_bytes,
	.writable = on_writable,
	.ended = on_ended,
};

static void
on_accepted(void *arg, struct stream *s, const struct stream_peer *from)
{
	struct side *side = &server[accepted++];

	ck_assert_ptr_eq(arg, server);
	ck_assert_int_le(accepted, MANY);
	peer = *from;
	side->stream = s;
	stream_own(s, &events, side);
	stream_want_read(s, true);
	if (buf_len(&side->out) > 0)
		pump(side);
}

static const struct listener_events listener_events = {
	.accepted = on_accepted,
};

static void
turn(void *node)
{
	ck_assert_ptr_eq(node, server);
	hurried_turns += world->hurry ? 1 : 0;
	world->hurry = false;
	turns++;
}

/* Steps for so long, whatever happens. */
static void
go_on_for(uint64_t ms)
{
	uint64_t end_ms = world_now_ms(world) + ms;

	while (world_now_ms(world) < end_ms) {
		world_wake_at(world, end_ms);
		ck_assert_int_eq(world_step(world), E_OK);
	}
	world_wake_at(world, TIMER_NEVER);
}

/* Steps until the number is there. */
static void
wait_for(const int *number, int wanted)
{
	uint64_t end_ms = world_now_ms(world) + PATIENCE_MS;

	while (*number < wanted) {
		ck_assert_uint_lt(world_now_ms(world), end_ms);
		world_wake_at(world, end_ms);
		ck_assert_int_eq(world_step(world), E_OK);
	}
	world_wake_at(world, TIMER_NEVER);
}

static void
wait_for_bytes(const struct buf *b, size_t wanted)
{
	uint64_t end_ms = world_now_ms(world) + PATIENCE_MS;

	while (buf_len(b) < wanted) {
		ck_assert_uint_lt(world_now_ms(world), end_ms);
		world_wake_at(world, end_ms);
		ck_assert_int_eq(world_step(world), E_OK);
	}
	world_wake_at(world, TIMER_NEVER);
}

static void
setup_kind(enum loop_kind kind)
{
	struct address at = { .host = "127.0.0.1" };
	const char *why;

	loop = loop_new(kind);
	ck_assert_ptr_nonnull(loop);
	world = loop_world(loop);
	world->turn = turn;
	world->node = server;
	memset(server, 0, sizeof(server));
	memset(client, 0, sizeof(client));
	accepted = turns = hurried_turns = 0;
	hurried = false;
	ck_assert_int_eq(world_listen(world, &at, &listener_events, server,
			     &listener, &why),
	    E_OK);
	port = listener_port(world, listener);
}

static void
setup(void)
{
	setup_kind(LOOP_SOCKETS);
}

static void
teardown(void)
{
	for (int i = 0; i < MANY; i++) {
		if (server[i].stream != NULL)
			close_side(&server[i]);
		if (client[i].stream != NULL)
			close_side(&client[i]);
		buf_release(&server[i].got);
		buf_release(&client[i].got);
		buf_release(&server[i].out);
		buf_release(&client[i].out);
	}
	if (listener != NULL)
		listener_close(world, listener);
	loop_free(loop);
}

static void
connect_to(struct side *side, const char *host, uint16_t to_port)
{
	struct address to = { .port = to_port };
	const char *why;

	strcpy(to.host, host);
	ck_assert_int_eq(world_connect(world, &to, &side->stream, &why), E_OK);
	stream_own(side->stream, &events, side);
	stream_want_read(side->stream, true);
}

static void
connect_both(void)
{
	connect_to(&client[0], "127.0.0.1", port);
	wait_for(&client[0].opened, 1);
	wait_for(&accepted, 1);
}

static void
say(struct side *side, const char *text)
{
	buf_add(&side->out, slice_of(text));
	pump(side);
}

/* -- listening and connecting -- */

START_TEST(port_zero_takes_a_free_one_that_is_then_in_use)
{
	struct address at = { .host = "127.0.0.1", .port = port };
	struct listener *other = NULL;
	const char *why = NULL;

	ck_assert_uint_ne(port, 0);
	ck_assert_int_eq(world_listen(world, &at, &listener_events, server,
			     &other, &why),
	    E_EXISTS);
	ck_assert_ptr_nonnull(why);
	ck_assert_ptr_null(other);
	/* Once it is closed it can be had again. */
	listener_close(world, listener);
	ck_assert_int_eq(world_listen(world, &at, &listener_events, server,
			     &listener, &why),
	    E_OK);
	ck_assert_uint_eq(listener_port(world, listener), port);
}
END_TEST

START_TEST(an_address_of_another_machine_is_unreachable)
{
	struct address at = { .host = "192.0.2.1" };
	struct listener *other = NULL;
	const char *why = NULL;

	ck_assert_int_eq(world_listen(world, &at, &listener_events, server,
			     &other, &why),
	    E_UNREACHABLE);
	ck_assert_ptr_nonnull(why);
	ck_assert_ptr_null(other);
}
END_TEST

START_TEST(a_refused_connect_ends_unreachable)
{
	listener_close(world, listener);
	listener = NULL;
	connect_to(&client[0], "127.0.0.1", port);
	wait_for(&client[0].ended, 1);
	ck_assert_int_eq(client[0].e, E_UNREACHABLE);
	ck_assert_int_eq(client[0].opened, 0);
}
END_TEST

START_TEST(a_connect_may_be_closed_before_it_is_decided)
{
	connect_to(&client[0], "127.0.0.1", port);
	close_side(&client[0]);
	connect_to(&client[1], "127.0.0.1", port);
	wait_for(&client[1].opened, 1);
	ck_assert_int_eq(client[0].opened, 0);
}
END_TEST

START_TEST(who_comes_is_told_with_its_address)
{
	/* A name is looked up; of its addresses one that answers is taken. */
	connect_to(&client[0], _i == 0 ? "127.0.0.1" : "localhost", port);
	wait_for(&client[0].opened, 1);
	wait_for(&accepted, 1);
	ck_assert_str_eq(peer.text, "127.0.0.1");
	ck_assert(peer.loopback);
}
END_TEST

START_TEST(who_comes_while_accepting_is_off_waits)
{
	listener_accept(world, listener, false);
	connect_to(&client[0], "127.0.0.1", port);
	wait_for(&client[0].opened, 1);
	go_on_for(30);
	ck_assert_int_eq(accepted, 0);
	listener_accept(world, listener, true);
	wait_for(&accepted, 1);
}
END_TEST

/* -- sockets from outside -- */

/* One that another program might have opened, and where it listens. */
static int
open_outside(const char *host, struct address *at)
{
	struct address any = { .port = 0 };
	const char *why;
	int fd = -1;

	strcpy(any.host, host);
	ck_assert_int_eq(loop_open(&any, &fd, &why), E_OK);
	ck_assert_int_eq(loop_adopt(loop, fd, at), E_OK);
	ck_assert_str_eq(at->host, host);
	ck_assert_uint_ne(at->port, 0);
	return fd;
}

static enum err
listen_at(const char *host, uint16_t at_port, struct listener **out)
{
	struct address at = { .port = at_port };
	const char *why;

	strcpy(at.host, host);
	return world_listen(world, &at, &listener_events, server, out, &why);
}

START_TEST(an_adopted_socket_is_what_is_listened_on_at_its_address)
{
	struct listener *second = NULL;
	struct address at;

	open_outside("127.0.0.1", &at);
	connect_to(&client[0], "127.0.0.1", at.port); /* before anybody */
	wait_for(&client[0].opened, 1);
	go_on_for(30);
	ck_assert_int_eq(accepted, 0);
	ck_assert_int_eq(listen_at("127.0.0.1", at.port, &second), E_OK);
	ck_assert_uint_eq(listener_port(world, second), at.port);
	wait_for(&accepted, 1);
	listener_close(world, second);
}
END_TEST

START_TEST(between_two_listeners_an_adopted_socket_holds_who_comes)
{
	struct listener *second = NULL;
	struct address at;

	open_outside("127.0.0.1", &at);
	for (int i = 0; i < 3; i++) {
		connect_to(&client[i], "127.0.0.1", at.port);
		wait_for(&client[i].opened, 1);
		ck_assert_int_eq(listen_at("127.0.0.1", at.port, &second),
		    E_OK);
		wait_for(&accepted, i + 1);
		listener_close(world, second);
	}
}
END_TEST

START_TEST(an_adopted_socket_has_one_listener_at_a_time)
{
	struct listener *second = NULL, *third = NULL;
	struct address at;

	open_outside("127.0.0.1", &at);
	ck_assert_int_eq(listen_at("127.0.0.1", at.port, &second), E_OK);
	ck_assert_int_eq(listen_at("127.0.0.1", at.port, &third), E_EXISTS);
	ck_assert_ptr_null(third);
	listener_close(world, second);
	ck_assert_int_eq(listen_at("127.0.0.1", at.port, &third), E_OK);
	listener_close(world, third);
}
END_TEST

START_TEST(port_zero_takes_the_adopted_ones_of_its_host_in_their_order)
{
	struct listener *found[4] = { NULL };
	struct address a, other, b;

	open_outside("127.0.0.1", &a);
	open_outside("127.0.0.2", &other);
	open_outside("127.0.0.1", &b);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(listen_at("127.0.0.1", 0, &found[i]), E_OK);
	ck_assert_int_eq(listen_at("127.0.0.2", other.port, &found[3]), E_OK);
	ck_assert_uint_eq(listener_port(world, found[0]), a.port);
	ck_assert_uint_eq(listener_port(world, found[1]), b.port);
	/* There is no third one: that is a new port. */
	ck_assert_uint_ne(listener_port(world, found[2]), a.port);
	ck_assert_uint_ne(listener_port(world, found[2]), b.port);
	ck_assert_uint_ne(listener_port(world, found[2]), other.port);
	ck_assert_uint_eq(listener_port(world, found[3]), other.port);
	for (int i = 0; i < 4; i++)
		listener_close(world, found[i]);
}
END_TEST

/* As another program leaves them: blocking, and for every exec. */
START_TEST(an_adopted_socket_does_not_block_and_is_not_passed_on)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct address at;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(listen(fd, 1), 0); /* at 0.0.0.0, on a free port */
	ck_assert_int_eq(loop_adopt(loop, fd, &at), E_OK);
	ck_assert_str_eq(at.host, "0.0.0.0");
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
}
END_TEST

START_TEST(what_does_not_listen_on_tcp_is_not_adopted)
{
	struct address at = { .host = "as it was" };
	int fds[] = { socket(AF_INET, SOCK_STREAM, 0), /* does not listen */
		socket(AF_INET, SOCK_DGRAM, 0), socket(AF_UNIX, SOCK_STREAM, 0),
		open("/dev/null", O_RDONLY) };

	ck_assert_int_eq(loop_adopt(loop, fds[_i], &at), E_BADARG);
	ck_assert_str_eq(at.host, "as it was");
	ck_assert_int_ge(fcntl(fds[_i], F_GETFD), 0); /* ours still */
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	ck_assert_int_eq(loop_adopt(loop, fds[_i], &at), E_BADARG);
}
END_TEST

START_TEST(opening_has_the_errors_of_listening)
{
	static const struct {
		const char *host;
		enum err e;
	} cases[] = { { "127.0.0.1", E_EXISTS }, { "192.0.2.1", E_UNREACHABLE },
		{ "no such name", E_UNREACHABLE } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address at = { .port = port };
		const char *why = NULL;
		int fd = -7;

		strcpy(at.host, cases[i].host);
		ck_assert_int_eq(loop_open(&at, &fd, &why), cases[i].e);
		ck_assert_ptr_nonnull(why);
		ck_assert_int_eq(fd, -7);
	}
}
END_TEST

/* -- streams -- */

START_TEST(bytes_go_both_ways)
{
	connect_both();
	say(&client[0], "hola");
	wait_for_bytes(&server[0].got, 4);
	say(&server[0], "buenas");
	wait_for_bytes(&client[0].got, 6);
	ck_assert(slice_is(buf_bytes(&server[0].got), "hola"));
	ck_assert(slice_is(buf_bytes(&client[0].got), "buenas"));
}
END_TEST

static void
add_large(struct buf *b)
{
	uint8_t *bytes = buf_room(b, LARGE);

	for (size_t i = 0; i < LARGE; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	buf_grew(b, LARGE);
}

START_TEST(megabytes_arrive_as_they_were_sent)
{
	struct buf expected;

	buf_init(&expected);
	add_large(&expected);
	connect_both();
	add_large(&client[0].out);
	pump(&client[0]);
	ck_assert_uint_gt(buf_len(&client[0].out), 0); /* it had to wait */
	wait_for_bytes(&server[0].got, LARGE);
	ck_assert(slice_equal(buf_bytes(&server[0].got), buf_bytes(&expected)));
	buf_release(&expected);
}
END_TEST

START_TEST(a_reader_that_is_off_gets_nothing_until_it_is_on)
{
	connect_both();
	stream_want_read(server[0].stream, false);
	say(&client[0], "hola");
	go_on_for(30);
	ck_assert_uint_eq(buf_len(&server[0].got), 0);
	stream_want_read(server[0].stream, true);
	wait_for_bytes(&server[0].got, 4);
}
END_TEST

START_TEST(a_finished_half_is_told_after_the_bytes_and_the_other_goes_on)
{
	connect_both();
	client[0].finish_when_out = true;
	say(&client[0], "fin");
	wait_for(&server[0].ended, 1);
	ck_assert_int_eq(server[0].e, E_OK);
	ck_assert(slice_is(buf_bytes(&server[0].got), "fin"));
	server[0].finish_when_out = true;
	say(&server[0], "adios");
	wait_for(&client[0].ended, 1);
	ck_assert_int_eq(client[0].e, E_OK);
	ck_assert(slice_is(buf_bytes(&client[0].got), "adios"));
	ck_assert_int_eq(server[0].ended, 1);
}
END_TEST

START_TEST(a_write_to_one_who_is_gone_ends_in_an_event)
{
	uint64_t end_ms = world_now_ms(world) + PATIENCE_MS;

	connect_both();
	close_side(&server[0]);
	wait_for(&client[0].ended, 1);
	ck_assert_int_eq(client[0].e, E_OK);
	/* The first write draws the reset, a later one meets it. */
	while (client[0].ended == 1) {
		ck_assert_uint_lt(world_now_ms(world), end_ms);
		if (buf_len(&client[0].out) == 0)
			say(&client[0], "x");
		go_on_for(1);
	}
	ck_assert_int_eq(client[0].ended, 2);
	ck_assert_int_eq(client[0].e, E_NOCONNECTION);
	ck_assert_uint_eq(stream_write(client[0].stream, slice_of("x")), 0);
}
END_TEST

START_TEST(a_stream_may_be_closed_in_its_own_event)
{
	connect_both();
	server[0].close_on_bytes = true;
	client[0].close_on_end = true;
	say(&client[0], "hola");
	wait_for(&client[0].ended, 1);
	ck_assert_ptr_null(server[0].stream);
	ck_assert_ptr_null(client[0].stream);
}
END_TEST

START_TEST(many_streams_at_once)
{
	for (int i = 0; i < MANY; i++) {
		connect_to(&client[i], "127.0.0.1", port);
		buf_add(&client[i].out, slice_of("hola"));
		buf_add(&server[i].out, slice_of("buenas"));
	}
	for (int i = 0; i < MANY; i++) {
		wait_for_bytes(&server[i].got, 4);
		wait_for_bytes(&client[i].got, 6);
	}
	ck_assert_int_eq(accepted, MANY);
}
END_TEST

/* -- the clock and the turn -- */

START_TEST(a_wake_up_is_a_turn_and_no_more)
{
	world_wake(world);
	world_wake(world);
	ck_assert_int_eq(turns, 0); /* never from inside */
	ck_assert_int_eq(world_step(world), E_OK);
	ck_assert_int_eq(turns, 1);
}
END_TEST

START_TEST(a_turn_that_is_wanted_in_a_hurry_comes_before_more_is_read)
{
	enum { SIDES = 3 };

	for (int i = 0; i < SIDES; i++) {
		connect_to(&client[i], "127.0.0.1", port);
		wait_for(&accepted, i + 1);
		stream_want_read(server[i].stream, false);
		say(&client[i], "hola");
	}
	go_on_for(30);
	for (int i = 0; i < SIDES; i++)
		stream_want_read(server[i].stream, true);
	turns = 0;
	hurried = true;
	world_step(world);
	for (int i = 0; i < SIDES; i++)
		ck_assert_uint_eq(buf_len(&server[i].got), 4);
	ck_assert_int_eq(turns, SIDES);
	ck_assert_int_eq(hurried_turns, SIDES);
}
END_TEST

/* Else who keeps it in a hurry keeps what waits for a turn's end waiting. */
START_TEST(the_turn_at_a_step_s_end_is_in_no_hurry)
{
	world->hurry = true;
	world_wake(world);
	ck_assert_int_eq(world_step(world), E_OK);
	ck_assert_int_eq(turns, 1);
	ck_assert_int_eq(hurried_turns, 0);
}
END_TEST

START_TEST(a_wake_up_at_a_time_comes_then)
{
	uint64_t start_ms = world_now_ms(world);

	world_wake_at(world, start_ms + 5000);
	world_wake_at(world, start_ms + 40); /* replaces it */
	while (turns == 0)
		ck_assert_int_eq(world_step(world), E_OK);
	ck_assert_uint_ge(world_now_ms(world) + 2, start_ms + 40);
	ck_assert_uint_lt(world_now_ms(world), start_ms + 4000);
	world_wake_at(world, 0); /* long ago: at once */
	ck_assert_int_eq(world_step(world), E_OK);
	ck_assert_int_eq(turns, 2);
}
END_TEST

START_TEST(a_loop_with_nothing_left_says_so)
{
	listener_close(world, listener);
	listener = NULL;
	ck_assert_int_eq(world_step(world), E_NOCONNECTION);
	loop_run(loop); /* and returns */
	world_wake_at(world, world_now_ms(world) + 10);
	world_wake_at(world, TIMER_NEVER);
	ck_assert_int_eq(world_step(world), E_NOCONNECTION);
	ck_assert_int_eq(turns, 0);
}
END_TEST

START_TEST(random_bytes_differ_and_clocks_go_forward)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 };
	uint64_t now = world_now_ms(world);

	world_random(world, a, sizeof(a));
	world_random(world, b, sizeof(b));
	ck_assert_int_ne(memcmp(a, b, sizeof(a)), 0);
	ck_assert_uint_ge(world_now_ms(world), now);
	ck_assert_uint_gt(world_utc_ms(world), UINT64_C(1600000000000));
}
END_TEST

/* -- a program's own descriptors and signals -- */

static int ready_count;
static int ready_fd;

static void
on_ready(void *arg)
{
	char byte;

	ck_assert_ptr_eq(arg, &ready_fd);
	ready_count++;
	ck_assert_int_ge(read(ready_fd, &byte, 1), 0);
}

START_TEST(a_descriptor_is_watched_while_that_is_on)
{
	struct watch *w;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ready_count = 0;
	ready_fd = fds[0];
	w = loop_watch(loop, fds[0], on_ready, &ready_fd);
	ck_assert_int_eq((int)write(fds[1], "ab", 2), 2);
	wait_for(&ready_count, 2);
	watch_enable(w, false);
	ck_assert_int_eq((int)write(fds[1], "c", 1), 1);
	go_on_for(30);
	ck_assert_int_eq(ready_count, 2);
	watch_enable(w, true);
	wait_for(&ready_count, 3);
	watch_free(w);
	ck_assert_int_eq(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(a_loop_for_files_takes_dev_null_and_regular_files)
{
	struct watch *w;
	FILE *f = tmpfile();

	teardown();
	setup_kind(LOOP_FILES);
	ready_count = 0;
	ck_assert_ptr_nonnull(f);
	ready_fd = _i == 0 ? open("/dev/null", O_RDONLY) : fileno(f);
	ck_assert_int_ge(ready_fd, 0);
	w = loop_watch(loop, ready_fd, on_ready, &ready_fd);
	wait_for(&ready_count, 3);
	watch_free(w);
	if (_i == 0)
		close(ready_fd);
	fclose(f);
	connect_both(); /* sockets work there too */
	say(&client[0], "hola");
	wait_for_bytes(&server[0].got, 4);
}
END_TEST

static int signals;

static void
on_signal(void *arg)
{
	(void)arg;
	signals++;
	loop_stop(loop);
}

START_TEST(a_signal_arrives_from_the_top_and_may_stop_the_loop)
{
	struct watch *w = loop_signal(loop, SIGUSR1, on_signal, NULL);

	signals = 0;
	raise(SIGUSR1);
	ck_assert_int_eq(signals, 0);
	loop_run(loop);
	ck_assert_int_eq(signals, 1);
	raise(SIGUSR1);
	loop_run(loop);
	ck_assert_int_eq(signals, 2);
	watch_free(w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("loop");
	TCase *t = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, port_zero_takes_a_free_one_that_is_then_in_use);
	tcase_add_test(t, an_address_of_another_machine_is_unreachable);
	tcase_add_test(t, a_refused_connect_ends_unreachable);
	tcase_add_test(t, a_connect_may_be_closed_before_it_is_decided);
	tcase_add_loop_test(t, who_comes_is_told_with_its_address, 0, 2);
	tcase_add_test(t, who_comes_while_accepting_is_off_waits);
	tcase_add_test(t,
	    an_adopted_socket_is_what_is_listened_on_at_its_address);
	tcase_add_test(t,
	    between_two_listeners_an_adopted_socket_holds_who_comes);
	tcase_add_test(t, an_adopted_socket_has_one_listener_at_a_time);
	tcase_add_test(t,
	    port_zero_takes_the_adopted_ones_of_its_host_in_their_order);
	tcase_add_test(t,
	    an_adopted_socket_does_not_block_and_is_not_passed_on);
	tcase_add_loop_test(t, what_does_not_listen_on_tcp_is_not_adopted, 0,
	    4);
	tcase_add_test(t, opening_has_the_errors_of_listening);
	tcase_add_test(t, bytes_go_both_ways);
	tcase_add_test(t, megabytes_arrive_as_they_were_sent);
	tcase_add_test(t, a_reader_that_is_off_gets_nothing_until_it_is_on);
	tcase_add_test(t,
	    a_finished_half_is_told_after_the_bytes_and_the_other_goes_on);
	tcase_add_test(t, a_write_to_one_who_is_gone_ends_in_an_event);
	tcase_add_test(t, a_stream_may_be_closed_in_its_own_event);
	tcase_add_test(t, many_streams_at_once);
	tcase_add_test(t, a_wake_up_is_a_turn_and_no_more);
	tcase_add_test(t,
	    a_turn_that_is_wanted_in_a_hurry_comes_before_more_is_read);
	tcase_add_test(t, the_turn_at_a_step_s_end_is_in_no_hurry);
	tcase_add_test(t, a_wake_up_at_a_time_comes_then);
	tcase_add_test(t, a_loop_with_nothing_left_says_so);
	tcase_add_test(t, random_bytes_differ_and_clocks_go_forward);
	tcase_add_test(t, a_descriptor_is_watched_while_that_is_on);
	tcase_add_loop_test(t,
	    a_loop_for_files_takes_dev_null_and_regular_files, 0, 2);
	tcase_add_test(t, a_signal_arrives_from_the_top_and_may_stop_the_loop);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}

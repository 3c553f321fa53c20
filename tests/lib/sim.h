/*
 * The simulated world: one virtual clock, one seeded generator, and any
 * number of worlds with byte streams between them, in one program. The same
 * seed and the same calls give the same run, byte for byte. Nothing sleeps:
 * time jumps to when the next thing happens.
 *
 *	struct sim *sim = sim_new(seed);
 *	struct node *server = node_new(sim_world(sim), slice_of("s"), NULL);
 *	struct node *client = node_new(sim_world(sim), slice_of("c"), NULL);
 *	...
 *	ck_assert(sim_run_until(sim, is_done, &test, 10000));
 *	node_free(client);
 *	node_free(server);
 *	sim_free(sim);
 *
 * One step runs one thing: a node's turn, or one event of a stream or a
 * listener, always from the top. Turns that were asked for come first, then
 * whatever is due next. A program that always has something to do at one
 * moment does not stop the clock: a millisecond passes after 100 turns, or
 * 10,000 other events.
 *
 * Hosts are plain words: every world reaches every listener. A listener on
 * 0.0.0.0 or :: is reached under any host, one on 127.0.0.1 or ::1 as
 * localhost too.
 */
#ifndef TESTS_LIB_SIM_H
#define TESTS_LIB_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/timer.h"
#include "common/world.h"

struct sim;

enum sim_chop {
	SIM_WHOLE, /* a read brings all that has arrived */
	SIM_CHOPPED, /* pieces cut at random places, each with its delay */
	SIM_BYTES, /* every byte alone */
};

/* How the network behaves. Of what is written or connected from then on. */
struct sim_net {
	uint32_t delay_min_ms; /* one way; at first 1 and 1 */
	uint32_t delay_max_ms;
	enum sim_chop chop; /* at first SIM_WHOLE */
	size_t pipe_bytes; /* one way, not read yet; at first 64 KiB */
	bool shuffle; /* what happens at one time comes in random order */
	bool refuse; /* nobody can connect */
};

/* -- the whole -- */

/* Gives a simulation; its clock shows 1000 ms. */
struct sim *sim_new(uint64_t seed);

/*
 * Takes the simulation with all its worlds, and the streams and listeners
 * that nobody closed. Their nodes must be gone.
 */
void sim_free(struct sim *sim);

/* Borrowed; change it at will between two steps. */
struct sim_net *sim_net(struct sim *sim);

/* The virtual clock. */
uint64_t sim_now(const struct sim *sim);

/* From 0 to n - 1, of the simulation's own generator. */
uint32_t sim_random(struct sim *sim, uint32_t n);

/* A log_clock_fn: UTC of the simulation that arg is. */
int64_t sim_clock(void *arg);

/* -- time goes on -- */

/* Runs the next thing; false when nothing is left to happen, ever. */
bool sim_step(struct sim *sim);

/*
 * Steps until done(arg) is true, which is asked before each step. False
 * when it was not after so many steps, or when nothing is left.
 */
bool sim_run_until(struct sim *sim, bool (*done)(void *arg), void *arg,
    uint64_t steps_max);

/* Runs all that happens in the next ms; the clock shows their end then. */
void sim_run_ms(struct sim *sim, uint64_t ms);

/*
 * Runs a timer (see timer_init()) at the top, so many ms from now; one that
 * runs already is moved. It must not run any more when the simulation ends.
 */
void sim_plan(struct sim *sim, struct timer *t, uint64_t after_ms);
void sim_unplan(struct sim *sim, struct timer *t);

/* -- worlds -- */

/* A new world for one node. Borrowed: it is the simulation's. */
struct world *sim_world(struct sim *sim);

/*
 * A machine without power: its listeners are gone, the other ends of its
 * streams get ended (E_NOCONNECTION, "cut"), what was under way is lost, it
 * gets no event and no turn any more. Its node may be freed then; its
 * streams and listeners may be closed, or not. It never comes back: a node
 * that starts again gets a new world. Between two steps only.
 */
void sim_crash(struct world *w);

/*
 * Pulls its cable out, or puts it back: meanwhile nothing comes or goes,
 * and nobody is told. Nothing is lost.
 */
void sim_unplug(struct world *w, bool out);

/* -- streams -- */

/* How many ends of streams a world has not closed. */
size_t sim_streams(const struct world *w);

/*
 * Breaks a connection: both ends get ended (E_NOCONNECTION, "cut"), at once
 * and even if they do not read; what was under way is lost.
 */
void sim_cut(struct stream *s);

/* Cuts all streams of a world; returns how many there were. */
size_t sim_cut_world(struct world *w);

/* Cuts an open stream of any world by chance; false when there is none. */
bool sim_cut_any(struct sim *sim);

/* An address. Borrows host. */
struct address sim_address(const char *host, uint16_t port);

#endif

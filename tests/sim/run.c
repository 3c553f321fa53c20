#include "tests/sim/run.h"

#include <string.h>

#include "tests/lib/bytes.h"
#include "tests/sim/check.h"
#include "tests/sim/client.h"
#include "tests/sim/pair.h"
#include "tests/sim/place.h"
#include "tests/sim/trace.h"

enum {
	CLIENTS_MAX = 5,
	CHAOS_MS = 6000, /* at most */
	SLICE_MS = 250, /* between two faults, at most */
	OFF_MS = 1500, /* how long a machine is off, at most */
	BUSY_MS = 400, /* how long tareas handles nothing, at most */
	FULL_MS = 1000, /* how long the disk has no room, at most */
	OUT_MS = 3000, /* how long a cable is out, mostly */
	OUT_LONG_MS = 90000, /* ... and now and then: over LIMIT_DOWN_MS */
	NARROW_BYTES = 256,
	WIDE_BYTES = 65536,
	PEACE_MS = 1500,
	RECOVERY_MS = 20000, /* back-off, a lost handshake, and some */
	MEMORY_RUNS = 5, /* one in so many has no disk */
	GOOD = 3, /* answers a client has to get in peace */
};

struct run {
	struct sim *sim;
	struct model *model;
	struct disk *disk; /* NULL: the server has none */
	struct customs customs;
	struct place place;
	struct client clients[CLIENTS_MAX];
	struct address address;
	struct cookie cookie;
	unsigned count;
	bool narrow; /* its nets */
	uint64_t dice;
	uint64_t back_ms; /* the server comes on again */
	struct world *out; /* whose cable is out; NULL: all are in */
	uint64_t in_ms; /* until when */
	bool busy; /* tareas */
	uint64_t free_ms; /* until when */
	uint64_t full_ms; /* the disk, until when */
	uint64_t until_ms;
};

static uint32_t
dice(struct run *r, uint32_t n)
{
	return random_below(&r->dice, n);
}

static struct client *
any_client(struct run *r)
{
	return &r->clients[dice(r, r->count)];
}

/* -- time -- */

/* What is looked at before each step; true when it is time. */
static bool
look(void *arg)
{
	struct run *r = arg;

	if (r->out != NULL)
		model_unplugged(r->model);
	model_look(r->model);
	if (!place_look(&r->place)) {
		trace_say("the server cannot go on");
		place_crash(&r->place);
		r->back_ms = sim_now(r->sim) + dice(r, OFF_MS);
	}
	return sim_now(r->sim) >= r->until_ms;
}

static void
plug_in(struct run *r)
{
	trace_say("the cable is in");
	model_unplugged(r->model);
	sim_unplug(r->out, false);
	r->out = NULL;
}

/* What had piled up is handled now, or lost. */
static void
go_on(struct run *r)
{
	r->busy = false;
	if (r->place.node == NULL)
		return;
	if (dice(r, 2) == 0)
		place_kill(&r->place, "tareas", false);
	else
		place_suspend(&r->place, false);
}

static void
run_ms(struct run *r, uint64_t ms)
{
	r->until_ms = sim_now(r->sim) + ms;
	check(sim_run_until(r->sim, look, r, UINT64_MAX),
	    "nothing happens any more");
	if (r->place.node == NULL && sim_now(r->sim) >= r->back_ms &&
	    !place_start(&r->place))
		r->back_ms = sim_now(r->sim) + dice(r, OFF_MS);
	if (r->disk != NULL && sim_now(r->sim) >= r->full_ms)
		disk_fill(r->disk, false);
	if (r->busy && sim_now(r->sim) >= r->free_ms)
		go_on(r);
	if (r->out != NULL && sim_now(r->sim) >= r->in_ms)
		plug_in(r);
	for (unsigned i = 0; i < r->count; i++)
		client_chat(&r->clients[i]);
}

/* -- faults -- */

static void
cut_any(struct run *r)
{
	trace_say("cut");
	(void)sim_cut_any(r->sim);
}

static void
cut_client(struct run *r)
{
	struct client *c = any_client(r);

	trace_say("cut cliente%u", c->number);
	(void)sim_cut_world(c->world);
}

static void
unplug(struct run *r)
{
	if (r->out != NULL || r->place.node == NULL)
		return;
	r->out = dice(r, 3) == 0 ? r->place.world : any_client(r)->world;
	r->in_ms =
	    sim_now(r->sim) + dice(r, dice(r, 8) > 0 ? OUT_MS : OUT_LONG_MS);
	trace_say("a cable is out");
	sim_unplug(r->out, true);
}

static void
make_busy(struct run *r)
{
	if (r->busy || r->place.node == NULL)
		return;
	r->busy = true;
	r->free_ms = sim_now(r->sim) + dice(r, BUSY_MS);
	place_suspend(&r->place, true);
}

static void
kill_process(struct run *r)
{
	static const char *const names[] = { "tareas", "tareas", "tareas",
		"sys", "listener", "engine", "domain", "sessions", "chat",
		"salas" };
	uint32_t count = sizeof(names) / sizeof(names[0]);

	if (r->place.node != NULL)
		place_kill(&r->place, names[dice(r, count)], false);
}

static void
kill_room(struct run *r, unsigned room)
{
	static const char *const names[MODEL_ROOMS] = { "sala:r0", "sala:r1",
		"sala:r2" };

	if (r->place.node != NULL)
		place_kill(&r->place, names[room], false);
}

static void
kill_any_room(struct run *r)
{
	kill_room(r, dice(r, r->customs.rooms));
}

static void
stop_engine(struct run *r)
{
	if (r->place.node != NULL)
		place_kill(&r->place, "engine", true);
}

static void
hurt_disk(struct run *r)
{
	static void (*const faults[])(struct disk * d) = {
		disk_stall_next,
		disk_fail_next_commit,
		disk_fail_next_load,
	};

	if (r->disk != NULL)
		faults[dice(r, 3)](r->disk);
}

static void
fill_disk(struct run *r)
{
	if (r->disk == NULL)
		return;
	r->full_ms = sim_now(r->sim) + dice(r, FULL_MS);
	disk_fill(r->disk, true);
}

static void
kill_session(struct run *r)
{
	if (r->place.node != NULL)
		place_kill_session(&r->place, dice(r, 2) == 0);
}

static void
crash_server(struct run *r)
{
	if (r->place.node == NULL)
		return;
	if (r->out == r->place.world)
		plug_in(r);
	place_crash(&r->place);
	r->back_ms = sim_now(r->sim) + dice(r, OFF_MS);
}

static void
crash(struct run *r, struct client *c)
{
	if (r->out == c->world)
		plug_in(r);
	trace_say("cliente%u crashes", c->number);
	client_crash(c);
	client_start(c, &r->customs, c->number);
	pair_start(c->node, random_next(&r->dice));
}

static void
crash_client(struct run *r)
{
	crash(r, any_client(r));
}

static void
kill_worker(struct run *r)
{
	client_kill_worker(any_client(r), dice(r, WORKERS));
}

static void
kill_peer(struct run *r)
{
	client_kill_peer(any_client(r), dice(r, 2) == 0);
}

/*
 * What a call asks for arrives within its time: a run's nets are all wide,
 * or all narrow and near, and what is said over them is as long as fits.
 */
static void
change_net(struct run *r)
{
	struct sim_net *net = sim_net(r->sim);
	bool far = !r->narrow && dice(r, 2) == 0;

	net->delay_min_ms = 1 + dice(r, 3);
	net->delay_max_ms = net->delay_min_ms + dice(r, far ? 100 : 5);
	net->chop = (enum sim_chop)dice(r, 3);
	net->shuffle = dice(r, 2) == 0;
	net->pipe_bytes = WIDE_BYTES;
	if (r->narrow)
		net->pipe_bytes = (size_t)NARROW_BYTES << dice(r, 3);
	r->customs.bulk = !r->narrow && !far && net->chop != SIM_BYTES;
	r->customs.size_max = net->chop == SIM_BYTES || r->narrow ? 64 : 16384;
	r->customs.burst_max = net->chop == SIM_BYTES || r->narrow ? 8 : 200;
}

/*
 * Where rooms and members change all the time, hardly a room has more than
 * two messages; where they stay, hardly anybody meets a new room.
 */
static void
set_customs(struct run *r)
{
	bool settled = dice(r, 2) == 0;

	r->narrow = dice(r, 3) == 0;
	r->customs = (struct customs){ .sim = r->sim,
		.model = r->model,
		.dice = random_next(&r->dice),
		.server = &r->address,
		.cookie = &r->cookie,
		.list_max = r->narrow ? 2000 : 40000,
		.rooms = settled ? 1 : MODEL_ROOMS,
		.settled = settled };
}

static void
fault(struct run *r)
{
	static void (*const faults[])(struct run * r) = {
		cut_any,
		cut_client,
		unplug,
		make_busy,
		make_busy,
		kill_process,
		kill_process,
		kill_any_room,
		stop_engine,
		hurt_disk,
		fill_disk,
		kill_session,
		crash_server,
		crash_server,
		crash_client,
		kill_worker,
		kill_peer,
		change_net,
	};

	faults[dice(r, sizeof(faults) / sizeof(faults[0]))](r);
}

/* -- phases -- */

static void
begin(struct run *r)
{
	set_customs(r);
	change_net(r);
	r->place.sim = r->sim;
	r->place.model = r->model;
	r->place.address = &r->address;
	r->place.cookie = &r->cookie;
	r->place.disk = r->disk;
	r->place.dice = &r->dice;
	(void)place_start(&r->place);
	r->count = 2 + dice(r, CLIENTS_MAX - 1);
	for (unsigned i = 0; i < r->count; i++) {
		client_start(&r->clients[i], &r->customs, i + 1);
		pair_start(r->clients[i].node, random_next(&r->dice));
	}
}

/* Some runs have few faults, so that much can pile up between two. */
static void
chaos(struct run *r)
{
	uint64_t end = sim_now(r->sim) + 1000 + dice(r, CHAOS_MS);
	uint32_t rarely = 1 + dice(r, 20);

	while (sim_now(r->sim) < end) {
		run_ms(r, dice(r, SLICE_MS));
		if (dice(r, rarely) == 0)
			fault(r);
	}
}

static bool
has_recovered(struct run *r)
{
	for (unsigned i = 0; i < r->count; i++)
		if (!conn_is_up(r->clients[i].node, r->clients[i].conn) ||
		    r->clients[i].good < GOOD)
			return false;
	return place_is_whole(&r->place) &&
	    place_sessions(&r->place) == r->count;
}

/* Faults stop: every client gets answers again, in bounded time. */
static void
peace(struct run *r)
{
	uint64_t end;

	if (r->out != NULL)
		plug_in(r);
	if (r->disk != NULL)
		disk_calm(r->disk);
	run_ms(r, OFF_MS);
	trace_say("peace");
	r->customs.calm = true;
	if (dice(r, 2) == 0)
		for (unsigned i = 0; i < r->count; i++)
			(void)sim_cut_world(r->clients[i].world);
	run_ms(r, PEACE_MS);
	for (unsigned i = 0; i < r->count; i++)
		r->clients[i].good = 0;
	end = sim_now(r->sim) + RECOVERY_MS;
	while (!has_recovered(r)) {
		check(sim_now(r->sim) < end, "no recovery in time");
		run_ms(r, 100);
	}
}

static uint32_t
watching(const struct run *r)
{
	uint32_t count = 0;

	for (unsigned i = 0; i < r->count; i++)
		count += client_watching(&r->clients[i]);
	return count;
}

/* Who waits to leave until its last words are stored leaves all the same. */
static void
kill_among_leavers(struct run *r)
{
	if (r->disk != NULL)
		disk_stall_next(r->disk);
	run_ms(r, dice(r, SLICE_MS));
	kill_any_room(r);
}

/*
 * A room that forgets a message tells it with the next one, or when who
 * said it says it again. So a room ends where nothing comes after that,
 * with its last messages on their way to a slow disk, each in a commit of
 * its own; and perhaps with the one who said the last of them.
 */
static void
last_words(struct run *r)
{
	unsigned room = dice(r, r->customs.rooms);

	kill_among_leavers(r);
	r->customs.silent = true;
	run_ms(r, PEACE_MS);
	for (uint32_t n = 1 + dice(r, 2); n > 0; n--) {
		struct client *c = any_client(r);

		if (r->disk != NULL)
			disk_stall_next(r->disk);
		client_say(c, room);
		run_ms(r, dice(r, SLICE_MS));
		if (n == 1 && dice(r, 2) == 0)
			crash(r, c);
	}
	kill_room(r, room);
}

/* Nothing new: what is open ends, and each monitor fires. */
static void
silence(struct run *r)
{
	/* Lines are said one by one. */
	run_ms(r, 3 * LIMIT_CALL_MS + 500);
	check(model_open(r->model) == 0, "%u calls never ended",
	    model_open(r->model));
	model_check_lines(r->model);
	for (unsigned i = 0; i < r->count; i++)
		views_check(&r->clients[i].views, place_rooms(&r->place));
	check(place_monitors(&r->place) == watching(r),
	    "%u monitors there, %u wanted", (unsigned)place_monitors(&r->place),
	    watching(r));
	place_kill(&r->place, "tareas", false);
	run_ms(r, 1000);
	check(watching(r) == 0, "a monitor never fired");
}

struct run_result
run_seed(uint64_t seed, bool trace)
{
	struct run r = { .address = sim_address("10.0.0.1", 18800),
		.cookie = { .len = 9, .bytes = "mi_cookie" },
		.dice = seed };
	struct run_result result;

	r.sim = sim_new(random_next(&r.dice));
	if (dice(&r, MEMORY_RUNS) > 0)
		r.disk = disk_new(r.sim, random_next(&r.dice));
	r.model = model_new(r.sim, r.disk);
	check_begin(seed, r.sim);
	trace_begin(r.sim, trace);
	model_watch_engine(r.model);
	begin(&r);
	chaos(&r);
	peace(&r);
	last_words(&r);
	silence(&r);
	for (unsigned i = 0; i < r.count; i++)
		client_finish(&r.clients[i]);
	place_finish(&r.place);
	result = (struct run_result){ trace_hash(), model_ops(r.model),
		model_applied(r.model), sim_now(r.sim) };
	if (r.disk != NULL)
		disk_free(r.disk);
	sim_free(r.sim);
	model_free(r.model);
	return result;
}

/*
 * What the runtime itself costs, without sockets: messages between two
 * processes of one node on the libevent loop, their beginning and end, and
 * the room that an idle one takes. An argument is packed and read wherever
 * one is sent, and the operation is recognised by its name, as in a server.
 *
 * A worker does a batch of units in one message; then its friend, who has
 * the other end of them, sends it the next one, until all units are done.
 * All cases have their turn before the first one has its second, so that a
 * noisy moment meets all; the table has the medians beside the bars, and
 * the status is 1 when one is over its own.
 *
 * usage: runtime [--runs N] [--only CASE] [--csv]
 */
#include <getopt.h>
#include <malloc.h>
#include <stdbool.h>

#include <sodium.h>

#include "common/gen_server.h"
#include "common/loop.h"
#include "proto/limits.h"
#include "proto/term.h"
#include "tests/bench/bench.h"

enum {
	RUNS = 7,
	RUNS_MAX = 1000,
	BATCH = LIMIT_BATCH,
	FLIGHT = 64, /* of the case calls */
	OTHERS = 1000, /* timers that run meanwhile */
	OTHERS_MS = 60000,
	IDLE = 100032, /* processes, in whole batches */
};

/* One run of one case: its node, and two processes that do it together. */
struct work {
	const struct bench *bench;
	struct loop *loop;
	struct node *node;
	struct pid worker;
	struct pid friend; /* who adds up */
	uint64_t left; /* units the worker has to begin */
	uint64_t ended; /* units */
	struct buf params;
};

struct bench {
	const char *name;
	const char *unit;
	double bar; /* 0: there is none */
	uint64_t units; /* of a run */
	void (*batch)(struct proc *worker, struct work *w);
	double (*run)(const struct bench *b); /* one figure */
};

/* -- the two processes -- */

struct state {
	struct work *work; /* the worker's */
	int64_t sum; /* the friend's */
};

static struct gs_next
init(struct proc *self, void *arg)
{
	struct state *s = gs_state(self);

	s->work = arg;
	return gs_noreply();
}

/* params of one number, in the work's own buffer. */
static struct slice
pack(struct work *w, uint64_t v)
{
	buf_clear(&w->params);
	term_write_array(&w->params, 1);
	term_write_uint(&w->params, v);
	return buf_bytes(&w->params);
}

static bool
unpack(struct slice params, int64_t *v)
{
	struct term_reader r;
	uint32_t n;

	term_reader_init(&r, params);
	return term_read_array(&r, &n) == E_OK && n == 1 &&
	    term_read_int(&r, v) == E_OK && term_end(&r) == E_OK;
}

static struct gs_next
friend_cast(struct proc *self, const struct message *m)
{
	struct state *s = gs_state(self);
	int64_t v;

	if (!slice_is(m->op, "sumar") || !unpack(m->body, &v))
		die("not what was cast");
	s->sum += v;
	s->work->ended++;
	return gs_noreply();
}

static struct gs_next
friend_call(struct proc *self, const struct message *m)
{
	struct state *s = gs_state(self);
	int64_t v;

	if (!slice_is(m->op, "sumar") || !unpack(m->body, &v))
		return gs_error(E_BADARG, NULL);
	s->sum += v;
	term_write_int(gs_answer(self), v);
	return gs_reply(self);
}

static void
send_more(struct work *w, struct pid to)
{
	if (proc_send(w->node, to, slice_of("more"), slice_of("")) != E_OK)
		die("a message was lost");
}

static struct gs_next
friend_info(struct proc *self, const struct message *m)
{
	struct state *s = gs_state(self);

	(void)m;
	send_more(s->work, s->work->worker);
	return gs_noreply();
}

static struct gs_next
worker_info(struct proc *self, const struct message *m)
{
	struct state *s = gs_state(self);

	(void)m;
	if (s->work->left > 0)
		s->work->bench->batch(self, s->work);
	return gs_noreply();
}

static const struct gen_server friend_module = {
	.module = "friend",
	.state_bytes = sizeof(struct state),
	.init = init,
	.handle_call = friend_call,
	.handle_cast = friend_cast,
	.handle_info = friend_info,
};

static const struct gen_server worker_module = {
	.module = "worker",
	.state_bytes = sizeof(struct state),
	.init = init,
	.handle_info = worker_info,
};

static struct pid
start(struct work *w, const struct gen_server *module)
{
	struct pid pid;

	if (gs_start(w->node, module, NULL, w, &pid) != E_OK)
		die("%s does not start", module->module);
	return pid;
}

/* -- what the worker does in a batch -- */

static void
cast(struct work *w, struct pid to, uint64_t v)
{
	if (proc_cast(w->node, to, slice_of("sumar"), pack(w, v)) != E_OK)
		die("a cast failed");
}

static void
batch_casts(struct proc *self, struct work *w)
{
	(void)self;
	for (int i = 0; i < BATCH; i++)
		cast(w, w->friend, (uint64_t)i);
	w->left -= BATCH;
	send_more(w, w->friend);
}

static void call(struct proc *self, struct work *w);

static struct gs_next
called(struct proc *self, const struct answer *a, void *arg)
{
	struct work *w = arg;
	struct term_reader r;
	int64_t v;

	term_reader_init(&r, a->body);
	if (a->e != E_OK || term_read_int(&r, &v) != E_OK || v != 7)
		die("a call failed: %s", err_word(a->e));
	w->ended++;
	if (w->left > 0)
		call(self, w);
	return gs_noreply();
}

static void
call(struct proc *self, struct work *w)
{
	w->left--;
	gs_call(self, w->friend, slice_of("sumar"), pack(w, 7), LIMIT_CALL_MS,
	    called, w);
}

/* Each answer makes the next call: one batch is all of it. */
static void
batch_call(struct proc *self, struct work *w)
{
	call(self, w);
}

static void
batch_calls(struct proc *self, struct work *w)
{
	for (int i = 0; i < FLIGHT; i++)
		call(self, w);
}

static void
batch_ended(struct work *w)
{
	w->left -= BATCH;
	w->ended += BATCH;
	send_more(w, w->friend);
}

static void
batch_lives(struct proc *self, struct work *w)
{
	(void)self;
	for (int i = 0; i < BATCH; i++)
		gs_stop_pid(w->node, start(w, &friend_module), "normal");
	batch_ended(w);
}

/* Each one handles a message, and waits for the next ever after. */
static void
batch_idle(struct proc *self, struct work *w)
{
	(void)self;
	for (int i = 0; i < BATCH; i++)
		cast(w, start(w, &friend_module), 1);
	w->left -= BATCH;
	send_more(w, w->friend);
}

static void
batch_timers(struct proc *self, struct work *w)
{
	for (int i = 0; i < BATCH; i++)
		if (!proc_cancel(self,
			proc_send_after(self, LIMIT_CALL_MS, slice_of("late"))))
			die("a timer was early");
	batch_ended(w);
}

static void
batch_monitors(struct proc *self, struct work *w)
{
	for (int i = 0; i < BATCH; i++)
		proc_demonitor(self, proc_monitor(self, w->friend));
	batch_ended(w);
}

/* -- one run -- */

static bool
is_done(void *arg)
{
	const struct work *w = arg;

	return w->left == 0 && w->ended == w->bench->units;
}

static void
work_init(struct work *w, const struct bench *b)
{
	*w = (struct work){ .bench = b, .left = b->units };
	w->loop = loop_new(LOOP_SOCKETS);
	if (w->loop == NULL)
		die("no loop");
	w->node = node_new(loop_world(w->loop), slice_of("bench@here"), NULL);
	buf_init(&w->params);
	w->friend = start(w, &friend_module);
	w->worker = start(w, &worker_module);
}

static void
work_release(struct work *w)
{
	buf_release(&w->params);
	node_free(w->node);
	loop_free(w->loop);
}

static void
work_do(struct work *w)
{
	send_more(w, w->worker);
	if (node_run_until(w->node, is_done, w, 60000) != E_OK)
		die("%s: not done", w->bench->name);
}

static double
run_timed(const struct bench *b)
{
	struct work w;
	uint64_t began, ns;

	work_init(&w, b);
	for (int i = 0; i < OTHERS; i++)
		proc_send_after(node_find(w.node, w.friend), OTHERS_MS,
		    slice_of("late"));
	began = now_ns();
	work_do(&w);
	ns = now_ns() - began;
	work_release(&w);
	return (double)ns / (double)b->units;
}

/* -- idle processes -- */

/* Bytes that malloc gave out and has not got back, its own ones included. */
static size_t
bytes_in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static size_t
bytes_resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	size_t all, resident;

	if (f == NULL || fscanf(f, "%zu %zu", &all, &resident) != 2)
		die("no /proc/self/statm");
	fclose(f);
	return resident * (size_t)getpagesize();
}

static double
run_idle(const struct bench *b, size_t (*bytes)(void))
{
	struct work w;
	size_t before, after;

	malloc_trim(0);
	before = bytes();
	work_init(&w, b);
	work_do(&w);
	malloc_trim(0);
	after = bytes();
	work_release(&w);
	return ((double)after - (double)before) / (double)b->units;
}

static double
run_heap(const struct bench *b)
{
	return run_idle(b, bytes_in_use);
}

static double
run_resident(const struct bench *b)
{
	return run_idle(b, bytes_resident);
}

/* -- the table -- */

/* clang-format off */
static const struct bench benches[] = {
	{ "cast", "ns", 150, 64 << 14, batch_casts, run_timed },
	{ "call", "ns", 500, 1 << 19, batch_call, run_timed },
	{ "call (64 at once)", "ns", 500, 1 << 19, batch_calls, run_timed },
	{ "spawn and end", "ns", 0, 64 << 12, batch_lives, run_timed },
	{ "send_after and cancel", "ns", 0, 64 << 13, batch_timers, run_timed },
	{ "monitor and demonitor", "ns", 0, 64 << 13, batch_monitors, run_timed },
	{ "idle process: heap", "bytes", 400, IDLE, batch_idle, run_heap },
	{ "idle process: resident", "bytes", 400, IDLE, batch_idle, run_resident },
};
/* clang-format on */

enum { BENCHES = sizeof(benches) / sizeof(benches[0]) };

static bool
is_wanted(const struct bench *b, const char *only)
{
	return only == NULL || strcmp(only, b->name) == 0;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts the figures. False when the median is over the bar. */
static bool
print_row(const struct bench *b, double *figures, uint32_t n)
{
	double median;
	char bar[16] = "-";

	qsort(figures, n, sizeof(*figures), by_value);
	median = (figures[(n - 1) / 2] + figures[n / 2]) / 2;
	if (b->bar > 0)
		snprintf(bar, sizeof(bar), "%.0f", b->bar);
	printf("| %-22s | %7.1f | %3s | %7.1f | %7.1f | %-5s |\n", b->name,
	    median, bar, figures[0], figures[n - 1], b->unit);
	return b->bar == 0 || median < b->bar;
}

static bool
print_table(double figures[BENCHES][RUNS_MAX], uint32_t runs, const char *only)
{
	bool all = true;

	puts("| case                   |  median | bar |     min |     max | "
	     "unit  |\n"
	     "|------------------------|--------:|----:|--------:|--------:|"
	     "-------|");
	for (int i = 0; i < BENCHES; i++)
		if (is_wanted(&benches[i], only) &&
		    !print_row(&benches[i], figures[i], runs))
			all = false;
	return all;
}

/* The name, if a case has it; else it dies. */
static const char *
case_of(const char *name)
{
	for (int i = 0; i < BENCHES; i++)
		if (is_wanted(&benches[i], name))
			return name;
	die("--only %s: the table has the names", name);
}

struct options {
	uint32_t runs;
	const char *only; /* NULL: all cases */
	int csv; /* each figure, no table */
};

static void
read_options(struct options *o, int argc, char *argv[])
{
	int option;
	const struct option options[] = {
		{ "runs", required_argument, NULL, 'r' },
		{ "only", required_argument, NULL, 'o' },
		{ "csv", no_argument, &o->csv, 1 },
		{ NULL, 0, NULL, 0 },
	};

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (option == 'r')
			o->runs = number_of("runs", optarg, RUNS_MAX);
		else if (option == 'o')
			o->only = case_of(optarg);
		else if (option != 0)
			exit(64);
	if (optind != argc)
		die("usage: runtime [--runs N] [--only CASE] [--csv]");
}

/* Every case once. */
static void
run_all(const struct options *o, uint32_t run,
    double figures[BENCHES][RUNS_MAX])
{
	for (int i = 0; i < BENCHES; i++) {
		const struct bench *b = &benches[i];

		if (!is_wanted(b, o->only))
			continue;
		figures[i][run] = b->run(b);
		if (o->csv)
			printf("%s,%u,%.1f,%s\n", b->name, run, figures[i][run],
			    b->unit);
	}
}

int
main(int argc, char *argv[])
{
	static double figures[BENCHES][RUNS_MAX]; /* too large for the stack */
	struct options o = { .runs = RUNS };

	read_options(&o, argc, argv);
	if (sodium_init() < 0)
		die("no randomness");
	if (o.csv)
		puts("case,run,figure,unit");
	for (uint32_t run = 0; run < o.runs; run++)
		run_all(&o, run, figures);
	if (!o.csv && !print_table(figures, o.runs, o.only))
		die("a figure is over its bar");
	return 0;
}

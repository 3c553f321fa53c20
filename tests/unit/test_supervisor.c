/*
 * common/supervisor.h: supervisor(3) of Erlang/OTP, in virtual time.
 *
 * What children did is a line of words: the child's name, a sign for it.
 *	a+   started        a-   could not start     a0   ignored
 *	a~x  ended with x   s!x  who watches s heard that it ended with x
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/gen_server.h"
#include "common/supervisor.h"
#include "tests/lib/sim.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* How a child behaves, in all its lives. */
struct plan {
	const char *tag; /* and its name */
	uint32_t refusals; /* starts that fail before one succeeds */
	bool ignores; /* its start has nothing to do */
	bool deaf; /* traps exits, and goes on */
	uint64_t slow_ms; /* traps exits, and takes that long to end */
	bool silent;
};

/* The process of a plan, or one that watches. */
struct actor {
	const struct plan *plan;
	const char *watched;
};

static struct sim *sim;
static struct node *node;
static char seen[4096];
static struct plan plans[5]; /* a, b, c, d, e */

__attribute__((format(printf, 1, 2))) static void
note(const char *format, ...)
{
	size_t n = strlen(seen);
	va_list args;

	if (n + 2 > sizeof(seen))
		return;
	va_start(args, format);
	if (n > 0)
		seen[n++] = ' ';
	vsnprintf(seen + n, sizeof(seen) - n, format, args);
	va_end(args);
}

/* What was seen since the last look. */
static void
expect(const char *words)
{
	ck_assert_str_eq(seen, words);
	seen[0] = '\0';
}

/* -- children -- */

static void
receive(struct proc *p, struct message *m)
{
	const struct actor *a = proc_state(p);

	if (m->kind == MESSAGE_DOWN)
		note("%s!%.*s", a->watched, (int)m->body.len,
		    (const char *)m->body.bytes);
	else if (m->kind == MESSAGE_EXIT && a->plan->slow_ms > 0)
		proc_send_after(p, a->plan->slow_ms, slice_of("end"));
	else if (m->kind == MESSAGE_INFO)
		proc_exit(p, reason_of("shutdown"));
}

static void
terminate(struct proc *p, const struct reason *why)
{
	const struct actor *a = proc_state(p);

	if (a->plan != NULL && !a->plan->silent)
		note("%s~%s", a->plan->tag, why->word);
}

static const struct behaviour actor = {
	.name = "actor",
	.receive = receive,
	.terminate = terminate,
};

static struct proc *
spawn(const struct plan *plan)
{
	struct proc *p = proc_spawn(node, &actor, sizeof(struct actor));
	struct actor *a = proc_state(p);

	a->plan = plan;
	return p;
}

/* The start of a child: arg is its plan. */
static enum err
start_plan(struct proc *parent, void *arg, struct pid *out)
{
	struct plan *plan = arg;
	struct proc *p;

	if (plan->refusals > 0) {
		plan->refusals--;
		note("%s-", plan->tag);
		return E_DIED;
	}
	if (plan->ignores) {
		note("%s0", plan->tag);
		return E_OK;
	}
	if (plan->tag[0] != '\0' &&
	    node_whereis(node, slice_of(plan->tag)).id != 0) {
		note("%s taken", plan->tag);
		return E_EXISTS;
	}
	p = spawn(plan);
	if (plan->tag[0] != '\0')
		ck_assert_int_eq(proc_register(p, plan->tag), E_OK);
	proc_trap_exits(p, plan->deaf || plan->slow_ms > 0);
	proc_link(p, proc_pid(parent));
	if (!plan->silent)
		note("%s+", plan->tag);
	*out = proc_pid(p);
	return E_OK;
}

/* A child that starts another one, e, beside itself. */
static enum err
start_with_e(struct proc *parent, void *arg, struct pid *out)
{
	struct sup_child e = { .id = "e",
		.start = start_plan,
		.arg = &plans[4],
		.restart = SUP_TEMPORARY };
	struct pid pid;

	ck_assert_int_eq(sup_start_child(parent, &e, &pid), E_OK);
	return start_plan(parent, arg, out);
}

/* The start of a supervisor below another: arg is its spec. */
static enum err
start_sup(struct proc *parent, void *arg, struct pid *out)
{
	return sup_start_link(node, parent, arg, out);
}

static struct sup_child
child(int i, enum sup_restart restart)
{
	return (struct sup_child){ .id = plans[i].tag,
		.start = start_plan,
		.arg = &plans[i],
		.restart = restart };
}

/* -- fixture -- */

static struct proc *
find(const char *name)
{
	return node_find(node, node_whereis(node, slice_of(name)));
}

/* A supervisor called s. */
static struct proc *
start_spec(const struct sup_spec *spec)
{
	struct pid pid;

	ck_assert_int_eq(sup_start_link(node, NULL, spec, &pid), E_OK);
	return node_find(node, pid);
}

/* With count children a, b, ... of one type. */
static struct proc *
start(enum sup_strategy strategy, enum sup_restart restart, int count)
{
	struct sup_child children[COUNT(plans)];
	struct sup_spec spec = { .name = "s",
		.strategy = strategy,
		.children = children,
		.count = (size_t)count };

	for (int i = 0; i < count; i++)
		children[i] = child(i, restart);
	return start_spec(&spec);
}

/* Tells of the end of a process, exactly once. */
static void
watch(struct pid target, const char *tag)
{
	struct proc *p = spawn(NULL);
	struct actor *a = proc_state(p);

	a->watched = tag;
	proc_monitor(p, target);
}

static void
die(const char *name, const char *why)
{
	ck_assert_ptr_nonnull(find(name));
	proc_exit(find(name), reason_of(why));
}

/* All that happens at this moment. */
static void
now(void)
{
	sim_run_ms(sim, 0);
}

static void
run(void)
{
	while (sim_step(sim))
		continue;
}

static void
expect_count(const struct proc *sup, uint32_t specs, uint32_t active)
{
	struct sup_count n = sup_count_children(sup);

	ck_assert_uint_eq(n.specs, specs);
	ck_assert_uint_eq(n.active, active);
	ck_assert_uint_eq(n.supervisors + n.workers, n.active);
}

static void
note_child(void *arg, const struct sup_which *c)
{
	(void)arg;
	note("%s%s%u", c->id, c->pid.id != 0 ? "" : "?", c->restarts);
}

/* The children, those that do not run with a question mark. */
static void
expect_children(const struct proc *sup, const char *words)
{
	seen[0] = '\0';
	sup_which_children(sup, note_child, NULL);
	expect(words);
}

static void
setup(void)
{
	static const char *const tags[] = { "a", "b", "c", "d", "e" };

	sim = sim_new(1);
	node = node_new(sim_world(sim), slice_of("test"), NULL);
	seen[0] = '\0';
	for (size_t i = 0; i < COUNT(plans); i++)
		plans[i] = (struct plan){ .tag = tags[i] };
}

static void
teardown(void)
{
	node_free(node);
	sim_free(sim);
}

/* -- starting -- */

START_TEST(children_start_in_order)
{
	struct proc *s = start(SUP_ONE_FOR_ONE, SUP_PERMANENT, 3);

	expect("a+ b+ c+");
	ck_assert(sup_is(s));
	ck_assert(!sup_is(find("a")));
	expect_count(s, 3, 3);
	expect_children(s, "a0 b0 c0");
}
END_TEST

START_TEST(a_child_that_cannot_start_stops_those_before_it_in_reverse)
{
	struct proc *parent = spawn(&plans[4]);
	struct sup_child children[] = { child(0, SUP_PERMANENT),
		child(1, SUP_TEMPORARY), child(2, SUP_TRANSIENT),
		child(3, SUP_PERMANENT) };
	struct sup_spec spec = { .name = "s",
		.strategy = (enum sup_strategy)_i,
		.children = children,
		.count = 4 };
	struct pid pid = { 99 };

	plans[2].refusals = 1;
	ck_assert_int_eq(sup_start_link(node, parent, &spec, &pid), E_DIED);
	expect("a+ b+ c- b~shutdown a~shutdown");
	ck_assert_uint_eq(pid.id, 0);
	ck_assert_uint_eq(node_count(node), 1);
	ck_assert_ptr_null(find("s"));
	/* The parent gets no signal, and may try again at once. */
	ck_assert_int_eq(sup_start_link(node, parent, &spec, &pid), E_OK);
	expect("a+ b+ c+ d+");
	run();
	expect("");
}
END_TEST

START_TEST(a_start_that_failed_leaves_no_name_of_a_grandchild)
{
	struct sup_child leaves[] = { child(0, SUP_PERMANENT),
		child(1, SUP_PERMANENT) };
	struct sup_spec inner = { .name = "i", .children = leaves, .count = 2 };
	struct sup_child children[] = { { .start = start_sup, .arg = &inner },
		child(2, SUP_PERMANENT) };
	struct sup_spec spec = { .name = "s",
		.children = children,
		.count = 2 };
	struct pid pid;

	plans[2].refusals = 1;
	ck_assert_int_eq(sup_start_link(node, NULL, &spec, &pid), E_DIED);
	expect("a+ b+ c- b~shutdown a~shutdown");
	ck_assert_uint_eq(node_count(node), 0);
	start_spec(&spec);
	expect("a+ b+ c+");
}
END_TEST

START_TEST(a_name_taken_gives_exists_with_the_pid)
{
	struct proc *s = start(SUP_ONE_FOR_ONE, SUP_PERMANENT, 1);
	struct sup_spec spec = { .name = "s" };
	struct pid pid;

	ck_assert_int_eq(sup_start_link(node, NULL, &spec, &pid), E_EXISTS);
	ck_assert_uint_eq(pid.id, proc_pid(s).id);
	ck_assert_uint_eq(node_count(node), 2);
}
END_TEST

START_TEST(a_child_that_ignores_is_known_and_does_not_run)
{
	struct proc *s;

	plans[1].ignores = true;
	s = start(SUP_ONE_FOR_ALL, _i == 0 ? SUP_PERMANENT : SUP_TEMPORARY, 3);
	expect("a+ b0 c+");
	expect_children(s, _i == 0 ? "a0 b?0 c0" : "a0 c0");
	if (_i == 0) {
		die("a", "boom");
		now();
		expect("a~boom c~shutdown a+ b0 c+");
		die("s", "shutdown");
		run();
	}
}
END_TEST

/* -- starting again -- */

static const char *const reasons[] = { "normal", "shutdown", "boom" };

/* Of three children of a type, b ends with that reason. */
START_TEST(strategy_and_type_say_who_is_started_again)
{
	static const bool again[][COUNT(reasons)] = {
		[SUP_PERMANENT] = { true, true, true },
		[SUP_TRANSIENT] = { false, false, true },
		[SUP_TEMPORARY] = { false, false, false },
	};
	static const char *const stopped[] = {
		[SUP_ONE_FOR_ONE] = "b+",
		[SUP_ONE_FOR_ALL] = "c~shutdown a~shutdown a+ b+ c+",
		[SUP_REST_FOR_ONE] = "c~shutdown b+ c+",
	};
	enum sup_strategy strategy = (enum sup_strategy)(_i / 9);
	enum sup_restart type = (enum sup_restart)(_i / 3 % 3);
	bool restarts = again[type][_i % 3];
	struct proc *s = start(strategy, type, 3);
	char words[80];

	seen[0] = '\0';
	die("b", reasons[_i % 3]);
	run();
	snprintf(words, sizeof(words), "b~%s%s%s", reasons[_i % 3],
	    restarts ? " " : "", restarts ? stopped[strategy] : "");
	expect(words);
	expect_count(s, type == SUP_TEMPORARY ? 2 : 3, restarts ? 3 : 2);
	expect_children(s,
	    restarts		      ? "a0 b1 c0" :
		type == SUP_TEMPORARY ? "a0 c0" :
					"a0 b?0 c0");
}
END_TEST

START_TEST(a_temporary_child_stopped_for_another_is_not_started_again)
{
	struct sup_child children[] = { child(0, SUP_PERMANENT),
		child(1, SUP_TEMPORARY), child(2, SUP_PERMANENT) };
	struct sup_spec spec = { .strategy = SUP_ONE_FOR_ALL,
		.children = children,
		.count = 3 };
	struct proc *s = start_spec(&spec);

	seen[0] = '\0';
	die("c", "boom");
	run();
	expect("c~boom b~shutdown a~shutdown a+ c+");
	expect_children(s, "a0 c1");
}
END_TEST

START_TEST(a_transient_child_that_was_done_starts_again_with_the_others)
{
	start(SUP_ONE_FOR_ALL, SUP_TRANSIENT, 2);
	die("a", "normal");
	run();
	die("b", "boom");
	run();
	expect("a+ b+ a~normal b~boom a+ b+");
}
END_TEST

START_TEST(two_children_that_end_in_one_turn_are_both_started_again)
{
	static const char *const words[] = {
		[SUP_ONE_FOR_ONE] = "a~boom c~boom a+ c+",
		[SUP_ONE_FOR_ALL] = "a~boom c~boom b~shutdown a+ b+ c+",
		[SUP_REST_FOR_ONE] = "a~boom c~boom b~shutdown a+ b+ c+",
	};
	struct proc *s = start((enum sup_strategy)_i, SUP_PERMANENT, 3);

	seen[0] = '\0';
	die("a", "boom");
	die("c", "boom");
	run();
	expect(words[_i]);
	expect_count(s, 3, 3);
}
END_TEST

START_TEST(a_start_that_fails_is_tried_again_and_counts)
{
	static const char *const words[] = {
		[SUP_ONE_FOR_ONE] = "b~boom b- b- b+",
		[SUP_ONE_FOR_ALL] = ("b~boom c~shutdown a~shutdown a+ b-"
				     " a~shutdown a+ b- a~shutdown a+ b+ c+"),
		[SUP_REST_FOR_ONE] = "b~boom c~shutdown b- b- b+ c+",
	};
	struct proc *s = start((enum sup_strategy)_i, SUP_PERMANENT, 3);

	seen[0] = '\0';
	plans[1].refusals = 2;
	die("b", "boom");
	run();
	expect(words[_i]);
	expect_children(s, "a0 b3 c0");
}
END_TEST

START_TEST(a_child_that_fails_for_ever_ends_the_supervisor)
{
	watch(proc_pid(start(SUP_ONE_FOR_ONE, SUP_PERMANENT, 3)), "s");
	seen[0] = '\0';
	plans[1].refusals = UINT32_MAX;
	die("b", "boom");
	now();
	expect("b~boom b- b- b- c~shutdown a~shutdown s!shutdown");
}
END_TEST

START_TEST(one_that_could_not_start_is_not_started_twice)
{
	struct proc *s = start(SUP_REST_FOR_ONE, SUP_PERMANENT, 4);

	seen[0] = '\0';
	plans[3].slow_ms = 10; /* of its next life */
	die("d", "boom");
	now();
	expect("d~boom d+");
	/* While d is being stopped for c, a ends; then c cannot start. */
	plans[2].refusals = 1;
	die("c", "boom");
	now();
	die("a", "bang");
	run();
	expect("c~boom a~bang d~shutdown c- b~shutdown a+ b+ c+ d+");
	expect_children(s, "a1 b0 c1 d1");
}
END_TEST

START_TEST(a_child_may_start_another_beside_itself)
{
	struct sup_child children[] = { child(0, SUP_PERMANENT),
		child(1, SUP_PERMANENT) };
	struct sup_spec spec = { .strategy = SUP_ONE_FOR_ALL,
		.children = children,
		.count = 2 };
	struct proc *s;

	children[0].start = start_with_e;
	s = start_spec(&spec);
	expect("e+ a+ b+");
	die("b", "boom");
	run();
	expect("b~boom e~shutdown a~shutdown e+ a+ b+");
	expect_children(s, "a0 b1 e0");
	gs_stop_pid(node, proc_pid(s), "normal");
	run();
	expect("e~shutdown b~shutdown a~shutdown");
}
END_TEST

/* -- intensity -- */

START_TEST(three_restarts_in_five_seconds_are_fine_and_the_fourth_is_not)
{
	watch(proc_pid(start(SUP_ONE_FOR_ONE, SUP_PERMANENT, 3)), "s");
	seen[0] = '\0';
	for (int i = 0; i < 3; i++) {
		die("b", "boom");
		now();
		expect("b~boom b+");
	}
	sim_run_ms(sim, SUP_PERIOD_MS); /* the last moment that counts */
	die("a", "boom");
	now();
	expect("a~boom c~shutdown b~shutdown s!shutdown");
	ck_assert_ptr_null(find("s"));
}
END_TEST

START_TEST(restarts_older_than_the_period_do_not_count)
{
	struct proc *s = start(SUP_ONE_FOR_ONE, SUP_PERMANENT, 1);

	/* Each time three in a moment, then the first two are over. */
	for (int i = 0; i < 9; i++) {
		die("a", "boom");
		now();
		if (i % 3 == 2)
			sim_run_ms(sim, SUP_PERIOD_MS + 1);
	}
	expect_children(s, "a9");
}
END_TEST

START_TEST(a_supervisor_may_have_its_own_intensity_and_period)
{
	struct sup_child children[] = { child(0, SUP_PERMANENT) };
	struct sup_spec spec = { .intensity = 1,
		.period_ms = 100,
		.children = children,
		.count = 1 };

	watch(proc_pid(start_spec(&spec)), "s");
	for (int i = 0; i < 3; i++) {
		die("a", "boom");
		sim_run_ms(sim, 101);
	}
	expect("a+ a~boom a+ a~boom a+ a~boom a+");
	die("a", "boom");
	sim_run_ms(sim, 100);
	die("a", "boom");
	run();
	expect("a~boom a+ a~boom s!shutdown");
}
END_TEST

/* -- stopping -- */

START_TEST(children_stop_in_reverse_order_one_after_another)
{
	struct proc *s;

	plans[1].slow_ms = 100;
	s = start(SUP_ONE_FOR_ONE, SUP_PERMANENT, 3);
	watch(proc_pid(s), "s");
	gs_stop_pid(node, proc_pid(s), reasons[_i]);
	now();
	expect("a+ b+ c+ c~shutdown");
	sim_run_ms(sim, 99);
	expect("");
	sim_run_ms(sim, 1);
	expect(_i == 0	? "b~shutdown a~shutdown s!normal" :
		_i == 1 ? "b~shutdown a~shutdown s!shutdown" :
			  "b~shutdown a~shutdown s!boom");
}
END_TEST

START_TEST(a_child_that_does_not_stop_is_killed_after_its_grace)
{
	static const struct {
		uint32_t grace_ms, after_ms;
	} cases[] = {
		{ 0, SUP_GRACE_MS },
		{ 50, 50 },
		{ 60000, 60000 },
		{ SUP_KILL, 0 },
	};
	struct sup_child children[] = { child(0, SUP_PERMANENT),
		child(1, SUP_PERMANENT) };
	struct sup_spec spec = { .children = children, .count = 2 };
	struct proc *s;

	plans[1].deaf = true;
	children[1].grace_ms = cases[_i].grace_ms;
	s = start_spec(&spec);
	seen[0] = '\0';
	gs_stop_pid(node, proc_pid(s), "normal");
	if (cases[_i].after_ms > 0) {
		sim_run_ms(sim, cases[_i].after_ms - 1);
		expect("");
		sim_run_ms(sim, 1);
	}
	now();
	expect("b~killed a~shutdown");
	ck_assert_uint_eq(node_count(node), 0);
}
END_TEST

START_TEST(an_infinite_grace_waits)
{
	struct sup_child children[] = { child(0, SUP_PERMANENT) };
	struct sup_spec spec = { .children = children, .count = 1 };
	const uint64_t hundred_days = 100ull * 24 * 3600 * 1000;
	struct proc *s;

	plans[0].slow_ms = hundred_days;
	children[0].grace_ms = SUP_INFINITY;
	s = start_spec(&spec);
	gs_stop_pid(node, proc_pid(s), "normal");
	sim_run_ms(sim, hundred_days - 1);
	expect("a+");
	sim_run_ms(sim, 1);
	expect("a~shutdown");
}
END_TEST

START_TEST(a_child_that_ended_in_time_is_not_killed_in_its_next_life)
{
	struct proc *s;

	plans[1].slow_ms = SUP_GRACE_MS - 1;
	s = start(SUP_ONE_FOR_ALL, SUP_PERMANENT, 2);
	die("a", "boom");
	now();
	/* Its end and the end of its grace are known in one turn. */
	if (_i == 0)
		proc_suspend(s);
	sim_run_ms(sim, SUP_GRACE_MS);
	proc_resume(s);
	run();
	/* Two ends; a grace that was not cancelled is one message more. */
	ck_assert_uint_eq(proc_handled(s), _i == 0 ? 3 : 2);
	expect("a+ b+ a~boom b~shutdown a+ b+");
	expect_count(s, 2, 2);
}
END_TEST

START_TEST(the_end_of_its_parent_ends_it_and_its_children_in_order)
{
	struct proc *parent = spawn(&plans[4]);
	struct sup_child children[] = { child(0, SUP_PERMANENT),
		child(1, SUP_PERMANENT), child(2, SUP_PERMANENT) };
	struct sup_spec spec = { .children = children, .count = 3 };
	struct pid pid;

	plans[1].slow_ms = 10;
	ck_assert_int_eq(sup_start_link(node, parent, &spec, &pid), E_OK);
	watch(pid, "s");
	seen[0] = '\0';
	proc_exit(parent, reason_of(reasons[_i]));
	run();
	expect(_i == 0	? "e~normal c~shutdown b~shutdown a~shutdown"
			  " s!normal" :
		_i == 1 ? "e~shutdown c~shutdown b~shutdown a~shutdown"
			  " s!shutdown" :
			  "e~boom c~shutdown b~shutdown a~shutdown s!boom");
}
END_TEST

START_TEST(an_exit_of_a_stranger_does_not_end_it)
{
	struct proc *s = start(SUP_ONE_FOR_ONE, SUP_PERMANENT, 1);
	struct proc *stranger = spawn(&plans[4]);

	proc_link(stranger, proc_pid(s));
	proc_exit(stranger, reason_of("boom"));
	proc_signal(node, proc_pid(s), (struct pid){ 0 }, reason_of("boom"));
	run();
	expect("a+ e~boom");
	expect_count(s, 1, 1);
}
END_TEST

START_TEST(a_child_that_ends_while_the_rest_is_stopped_is_not_restarted)
{
	struct proc *s;

	plans[2].slow_ms = 10;
	s = start(SUP_ONE_FOR_ONE, SUP_PERMANENT, 3);
	seen[0] = '\0';
	gs_stop_pid(node, proc_pid(s), "normal");
	now();
	die("a", "boom");
	run();
	expect("a~boom c~shutdown b~shutdown");
	ck_assert_uint_eq(node_count(node), 0);
}
END_TEST

START_TEST(a_child_that_ends_while_others_are_stopped_is_not_lost)
{
	static const struct {
		const char *dies;
		enum sup_restart type;
		const char *seen, *children;
	} cases[] = {
		/* c has ended, e is slow; b, d or f ends meanwhile. */
		{ "d", SUP_PERMANENT, "d~bang e~shutdown c+ d+ e+",
		    "a0 b0 c1 d0 e0" },
		{ "b", SUP_PERMANENT,
		    "b~bang e~shutdown d~shutdown c+ d+ e+"
		    " e~shutdown d~shutdown c~shutdown b+ c+ d+ e+",
		    "a0 b1 c1 d0 e0" },
		{ "b", SUP_TRANSIENT,
		    "b~bang e~shutdown d~shutdown c+ d+ e+"
		    " e~shutdown d~shutdown c~shutdown b+ c+ d+ e+",
		    "a0 b1 c1 d0 e0" },
		{ "b", SUP_TEMPORARY, "b~bang e~shutdown d~shutdown c+ d+ e+",
		    "a0 c1 d0 e0" },
		{ "d", SUP_TEMPORARY, "d~bang e~shutdown c+ e+",
		    "a0 b0 c1 e0" },
	};
	struct sup_child children[COUNT(plans)];
	struct sup_spec spec = { .strategy = SUP_REST_FOR_ONE,
		.children = children,
		.count = COUNT(plans) };
	struct proc *s;

	plans[4].slow_ms = 10;
	for (int i = 0; i < (int)COUNT(plans); i++)
		children[i] = child(i,
		    strcmp(plans[i].tag, cases[_i].dies) == 0 ? cases[_i].type :
								SUP_PERMANENT);
	s = start_spec(&spec);
	die("c", "boom");
	now();
	seen[0] = '\0';
	die(cases[_i].dies, "bang");
	run();
	expect(cases[_i].seen);
	expect_children(s, cases[_i].children);
}
END_TEST

START_TEST(killed_brutally_it_leaves_no_child)
{
	struct sup_child leaves[] = { child(0, SUP_PERMANENT),
		child(1, SUP_PERMANENT) };
	struct sup_spec inner = { .children = leaves, .count = 2 };
	struct sup_child children[] = { { .start = start_sup, .arg = &inner },
		child(2, SUP_PERMANENT) };
	struct sup_spec spec = { .children = children, .count = 2 };
	struct proc *s = start_spec(&spec);

	seen[0] = '\0';
	proc_signal(node, proc_pid(s), (struct pid){ 0 }, reason_of("kill"));
	run();
	expect("c~killed b~shutdown a~shutdown");
	ck_assert_uint_eq(node_count(node), 0);
}
END_TEST

START_TEST(a_child_that_unlinked_itself_does_not_hold_up_the_end)
{
	struct proc *s = start(SUP_ONE_FOR_ONE, SUP_PERMANENT, 3);

	proc_unlink(find("b"), proc_pid(s));
	if (_i == 1)
		die("b", "boom");
	run();
	seen[0] = '\0';
	gs_stop_pid(node, proc_pid(s), "normal");
	now();
	expect(_i == 0 ? "c~shutdown b~shutdown a~shutdown" :
			 "c~shutdown a~shutdown");
	ck_assert_uint_eq(node_count(node), 0);
}
END_TEST

START_TEST(a_child_that_ends_with_kill_does_not_kill_its_supervisor)
{
	struct proc *s = start(SUP_ONE_FOR_ONE, SUP_PERMANENT, 1);

	die("a", "kill");
	run();
	expect("a+ a~kill a+");
	expect_count(s, 1, 1);
}
END_TEST

/* -- children that come and go -- */

START_TEST(start_child_adds_one_after_all_others)
{
	struct proc *s = start(SUP_REST_FOR_ONE, SUP_PERMANENT, 1);
	struct sup_child b = child(1, SUP_PERMANENT);
	struct pid pid = { 0 };

	ck_assert_int_eq(sup_start_child(s, &b, &pid), E_OK);
	ck_assert_uint_eq(pid.id, proc_pid(find("b")).id);
	expect("a+ b+");
	die("a", "boom");
	run();
	expect("a~boom b~shutdown a+ b+");
	gs_stop_pid(node, proc_pid(s), "normal");
	run();
	expect("b~shutdown a~shutdown");
}
END_TEST

START_TEST(start_child_gives_its_error_and_keeps_nothing)
{
	struct proc *s = start(SUP_ONE_FOR_ONE, SUP_PERMANENT, 1);
	struct sup_child b = child(1, SUP_PERMANENT);
	struct sup_child again = child(0, SUP_PERMANENT);
	struct pid pid = { 99 };

	plans[1].refusals = 1;
	ck_assert_int_eq(sup_start_child(s, &b, &pid), E_DIED);
	ck_assert_uint_eq(pid.id, 0);
	ck_assert_int_eq(sup_start_child(s, &again, &pid), E_EXISTS);
	expect_children(s, "a0");
}
END_TEST

START_TEST(start_child_that_ignores_is_kept_unless_temporary)
{
	struct proc *s = start(SUP_ONE_FOR_ONE, SUP_PERMANENT, 1);
	struct sup_child b = child(1, _i == 0 ? SUP_TRANSIENT : SUP_TEMPORARY);
	struct pid pid = { 99 };

	plans[1].ignores = true;
	ck_assert_int_eq(sup_start_child(s, &b, &pid), E_OK);
	ck_assert_uint_eq(pid.id, 0);
	expect_children(s, _i == 0 ? "a0 b?0" : "a0");
}
END_TEST

START_TEST(start_child_is_refused_while_the_supervisor_stops)
{
	struct sup_child b = child(1, SUP_TEMPORARY);
	struct pid pid;
	struct proc *s;

	plans[0].slow_ms = 10;
	s = start(SUP_ONE_FOR_ONE, SUP_PERMANENT, 1);
	if (_i == 0) {
		gs_stop_pid(node, proc_pid(s), "normal");
		now();
	} else {
		proc_exit(s, reason_of("kill"));
	}
	ck_assert_int_eq(sup_start_child(s, &b, &pid), E_NOPROC);
	ck_assert_uint_eq(pid.id, 0);
	run();
	expect(_i == 0 ? "a+ a~shutdown" : "a+ a~shutdown");
}
END_TEST

START_TEST(terminate_child_stops_one_for_good)
{
	struct proc *s;
	struct pid b;

	plans[1].slow_ms = 10;
	s = start(SUP_ONE_FOR_ALL, (enum sup_restart)_i, 3);
	b = proc_pid(find("b"));
	watch(b, "b");
	seen[0] = '\0';
	ck_assert_int_eq(sup_terminate_child(s, b), E_OK);
	ck_assert_int_eq(sup_terminate_child(s, b), E_OK);
	now();
	expect("");
	run();
	expect("b~shutdown b!shutdown");
	ck_assert_int_eq(sup_terminate_child(s, b), E_NOPROC);
	expect_children(s, "a0 c0");
}
END_TEST

START_TEST(terminate_child_again_does_not_prolong_the_grace)
{
	struct proc *s;

	plans[0].deaf = true;
	s = start(SUP_ONE_FOR_ONE, SUP_PERMANENT, 1);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(sup_terminate_child(s, proc_pid(find("a"))),
		    E_OK);
		expect(i == 0 ? "a+" : "");
		sim_run_ms(sim, SUP_GRACE_MS / 5);
	}
	expect("a~killed");
}
END_TEST

START_TEST(terminate_child_knows_only_its_children)
{
	struct proc *s = start(SUP_ONE_FOR_ONE, SUP_PERMANENT, 1);
	struct proc *stranger = spawn(&plans[4]);

	ck_assert_int_eq(sup_terminate_child(s, proc_pid(stranger)), E_NOPROC);
	ck_assert_int_eq(sup_terminate_child(s, proc_pid(s)), E_NOPROC);
	ck_assert_int_eq(sup_terminate_child(s, (struct pid){ 0 }), E_NOPROC);
	run();
	expect("a+");
}
END_TEST

START_TEST(a_child_terminated_while_it_is_restarted_does_not_come_back)
{
	static const struct {
		enum sup_strategy strategy;
		const char *before; /* terminated before the other's end */
		const char *after; /* or when c is being stopped for it */
		const char *seen, *children;
	} cases[] = {
		{ SUP_ONE_FOR_ALL, "c", NULL,
		    "b~boom c~shutdown a~shutdown a+ b+", "a0 b1" },
		{ SUP_ONE_FOR_ALL, NULL, "c",
		    "b~boom c~shutdown a~shutdown a+ b+", "a0 b1" },
		{ SUP_ONE_FOR_ALL, NULL, "a",
		    "b~boom a~shutdown c~shutdown b+ c+", "b1 c0" },
		{ SUP_REST_FOR_ONE, NULL, "a",
		    "b~boom a~shutdown c~shutdown b+ c+", "b1 c0" },
		{ SUP_REST_FOR_ONE, "a", NULL,
		    "b~boom a~shutdown c~shutdown b+ c+", "b1 c0" },
	};
	struct proc *s;

	plans[2].slow_ms = 10;
	s = start(cases[_i].strategy, SUP_PERMANENT, 3);
	seen[0] = '\0';
	if (cases[_i].before != NULL)
		ck_assert_int_eq(sup_terminate_child(s,
				     proc_pid(find(cases[_i].before))),
		    E_OK);
	if (cases[_i].before != NULL && cases[_i].before[0] == 'a')
		proc_suspend(s);
	die("b", "boom");
	now();
	proc_resume(s);
	now();
	if (cases[_i].after != NULL)
		ck_assert_int_eq(sup_terminate_child(s,
				     proc_pid(find(cases[_i].after))),
		    E_OK);
	run();
	if (cases[_i].before != NULL && cases[_i].before[0] == 'a')
		expect("a~shutdown b~boom c~shutdown b+ c+");
	else
		expect(cases[_i].seen);
	expect_children(s, cases[_i].children);
}
END_TEST

START_TEST(a_monitor_of_a_child_gets_one_down_for_each_life)
{
	struct pid life;

	start(SUP_ONE_FOR_ONE, SUP_PERMANENT, 1);
	seen[0] = '\0';
	for (int i = 0; i < 3; i++) {
		life = proc_pid(find("a"));
		watch(life, "m");
		die("a", "boom");
		now();
		expect("a~boom a+ m!boom");
		ck_assert_uint_ne(life.id, proc_pid(find("a")).id);
	}
	run();
	expect("");
}
END_TEST

/* Ends many that were started, by themselves or with the supervisor. */
START_TEST(a_hundred_thousand_children_come_and_go_in_linear_time)
{
	enum { MANY = 100000 };
	static struct plan nameless = { .tag = "", .silent = true };
	static struct pid pids[MANY];
	struct sup_child c = { .start = start_plan,
		.arg = &nameless,
		.restart = SUP_TEMPORARY };
	struct sup_spec spec = { .name = "s" };
	struct proc *s = start_spec(&spec);
	clock_t begin = clock();

	for (int i = 0; i < MANY; i++)
		ck_assert_int_eq(sup_start_child(s, &c, &pids[i]), E_OK);
	expect_count(s, MANY, MANY);
	for (int i = 0; i < MANY && _i < 2; i++) {
		struct pid pid = pids[_i == 0 ? i : MANY - 1 - i];

		if (i % 2 == 0)
			proc_exit(node_find(node, pid), reason_of("boom"));
		else
			ck_assert_int_eq(sup_terminate_child(s, pid), E_OK);
	}
	if (_i == 2)
		gs_stop_pid(node, proc_pid(s), "normal");
	sim_run_ms(sim, 100); /* some hundred turns */
	ck_assert_uint_eq(node_count(node), _i == 2 ? 0 : 1);
	if (_i < 2)
		expect_count(s, 0, 0);
	/* 0.1 s; with a walk over all at each end it would be minutes. */
	ck_assert_int_lt((clock() - begin) / CLOCKS_PER_SEC, 10);
}
END_TEST

/* -- trees -- */

START_TEST(a_supervisor_that_gave_up_is_started_again_by_its_parent)
{
	struct sup_child leaves[] = { child(0, SUP_PERMANENT),
		child(1, SUP_PERMANENT) };
	struct sup_spec inner = { .name = "i", .children = leaves, .count = 2 };
	struct sup_child children[] = { child(2, SUP_PERMANENT),
		{ .id = "i",
		    .start = start_sup,
		    .arg = &inner,
		    .grace_ms = SUP_INFINITY } };
	struct sup_spec spec = { .name = "s",
		.children = children,
		.count = 2 };
	struct proc *s = start_spec(&spec);

	ck_assert_uint_eq(sup_count_children(s).supervisors, 1);
	ck_assert_uint_eq(sup_count_children(s).workers, 1);
	watch(proc_pid(s), "s");
	expect("c+ a+ b+");
	for (uint32_t life = 0; life < 4; life++) {
		watch(proc_pid(find("i")), "i");
		for (int i = 0; i < 3; i++) {
			die("a", "boom");
			now();
			expect("a~boom a+");
		}
		die("a", "boom");
		now();
		expect(life < 3 ? "a~boom b~shutdown a+ b+ i!shutdown" :
				  "a~boom b~shutdown i!shutdown"
				  " c~shutdown s!shutdown");
	}
	ck_assert_ptr_null(find("s"));
}
END_TEST

START_TEST(a_tree_stops_from_its_last_leaf)
{
	struct sup_child left[] = { child(0, SUP_PERMANENT),
		child(1, SUP_PERMANENT) };
	struct sup_child right[] = { child(2, SUP_PERMANENT),
		child(3, SUP_PERMANENT) };
	struct sup_spec inner[] = { { .children = left, .count = 2 },
		{ .children = right, .count = 2 } };
	struct sup_child children[] = {
		{ .start = start_sup, .arg = &inner[0] },
		{ .start = start_sup, .arg = &inner[1] },
		child(4, SUP_PERMANENT),
	};
	struct sup_spec spec = { .children = children, .count = 3 };
	struct proc *s = start_spec(&spec);

	expect("a+ b+ c+ d+ e+");
	ck_assert_int_eq(gs_stop_wait(node, proc_pid(s), "normal", 100), E_OK);
	expect("e~shutdown d~shutdown c~shutdown b~shutdown a~shutdown");
	ck_assert_uint_eq(node_count(node), 0);
}
END_TEST

START_TEST(a_restart_that_fails_below_another_can_be_tried_again)
{
	struct sup_child leaves[] = { child(0, SUP_PERMANENT) };
	struct sup_spec deep = { .name = "d", .children = leaves, .count = 1 };
	struct sup_child middle[] = { { .start = start_sup, .arg = &deep },
		child(1, SUP_PERMANENT) };
	struct sup_spec inner = { .name = "i", .children = middle, .count = 2 };
	struct sup_child children[] = { { .start = start_sup, .arg = &inner } };
	struct sup_spec spec = { .name = "s",
		.children = children,
		.count = 1 };

	start_spec(&spec);
	seen[0] = '\0';
	plans[1].refusals = 2;
	gs_stop_pid(node, proc_pid(find("i")), "boom");
	run();
	expect("b~shutdown a~shutdown a+ b- a~shutdown a+ b- a~shutdown"
	       " a+ b+");
	ck_assert_ptr_nonnull(find("s"));
}
END_TEST

/* -- messages that are none of its business -- */

START_TEST(a_message_it_does_not_know_does_nothing)
{
	struct proc *s = start(SUP_ONE_FOR_ONE, SUP_PERMANENT, 1);
	static const char *const words[] = { "grace", "again", "what" };
	struct buf body;

	for (size_t i = 0; i < COUNT(words); i++) {
		proc_send(node, proc_pid(s), slice_of(words[i]), slice_of(""));
		proc_cast(node, proc_pid(s), slice_of(words[i]), slice_of(""));
	}
	run();
	expect("a+");
	buf_init(&body);
	ck_assert_int_eq(gs_call_wait(node, proc_pid(s), slice_of("what"),
			     slice_of(""), 5000, &body),
	    E_UNDEF);
	buf_release(&body);
	expect_children(s, "a0");
}
END_TEST

/* What a node is freed in the middle of; ASan says whether all is freed. */
START_TEST(node_free_in_the_middle_of_anything_leaks_nothing)
{
	struct sup_child b = child(1, SUP_TEMPORARY);
	struct pid pid;
	struct proc *s;

	plans[2].slow_ms = 10;
	plans[0].deaf = _i == 4;
	s = start(SUP_ONE_FOR_ALL, SUP_PERMANENT, 3);
	if (_i == 1)
		die("a", "boom");
	if (_i == 2)
		gs_stop_pid(node, proc_pid(s), "normal");
	if (_i == 3 || _i == 4)
		sup_terminate_child(s, proc_pid(find("a")));
	if (_i == 5) {
		plans[1].tag = "x";
		sup_start_child(s, &b, &pid);
		proc_suspend(s);
		die("c", "boom");
	}
	if (_i == 6) {
		plans[0].refusals = 1;
		die("b", "boom");
	}
	if (_i != 0)
		now();
}
END_TEST

static void
add_starting(TCase *t)
{
	tcase_add_test(t, children_start_in_order);
	tcase_add_loop_test(t,
	    a_child_that_cannot_start_stops_those_before_it_in_reverse, 0, 3);
	tcase_add_test(t, a_start_that_failed_leaves_no_name_of_a_grandchild);
	tcase_add_test(t, a_name_taken_gives_exists_with_the_pid);
	tcase_add_loop_test(t, a_child_that_ignores_is_known_and_does_not_run,
	    0, 2);
}

static void
add_restarting(TCase *t)
{
	tcase_add_loop_test(t, strategy_and_type_say_who_is_started_again, 0,
	    27);
	tcase_add_test(t,
	    a_temporary_child_stopped_for_another_is_not_started_again);
	tcase_add_test(t,
	    a_transient_child_that_was_done_starts_again_with_the_others);
	tcase_add_loop_test(t,
	    two_children_that_end_in_one_turn_are_both_started_again, 0, 3);
	tcase_add_loop_test(t, a_start_that_fails_is_tried_again_and_counts, 0,
	    3);
	tcase_add_test(t, a_child_that_fails_for_ever_ends_the_supervisor);
	tcase_add_test(t, one_that_could_not_start_is_not_started_twice);
	tcase_add_test(t, a_child_may_start_another_beside_itself);
}

static void
add_intensity(TCase *t)
{
	tcase_add_test(t,
	    three_restarts_in_five_seconds_are_fine_and_the_fourth_is_not);
	tcase_add_test(t, restarts_older_than_the_period_do_not_count);
	tcase_add_test(t, a_supervisor_may_have_its_own_intensity_and_period);
}

static void
add_stopping(TCase *t)
{
	tcase_add_loop_test(t, children_stop_in_reverse_order_one_after_another,
	    0, 3);
	tcase_add_loop_test(t,
	    a_child_that_does_not_stop_is_killed_after_its_grace, 0, 4);
	tcase_add_test(t, an_infinite_grace_waits);
	tcase_add_loop_test(t,
	    a_child_that_ended_in_time_is_not_killed_in_its_next_life, 0, 2);
	tcase_add_loop_test(t,
	    the_end_of_its_parent_ends_it_and_its_children_in_order, 0, 3);
	tcase_add_test(t, an_exit_of_a_stranger_does_not_end_it);
	tcase_add_test(t,
	    a_child_that_ends_while_the_rest_is_stopped_is_not_restarted);
	tcase_add_loop_test(t,
	    a_child_that_ends_while_others_are_stopped_is_not_lost, 0, 5);
	tcase_add_test(t, killed_brutally_it_leaves_no_child);
	tcase_add_loop_test(t,
	    a_child_that_unlinked_itself_does_not_hold_up_the_end, 0, 2);
	tcase_add_test(t,
	    a_child_that_ends_with_kill_does_not_kill_its_supervisor);
}

static void
add_dynamic(TCase *t)
{
	tcase_add_test(t, start_child_adds_one_after_all_others);
	tcase_add_test(t, start_child_gives_its_error_and_keeps_nothing);
	tcase_add_loop_test(t,
	    start_child_that_ignores_is_kept_unless_temporary, 0, 2);
	tcase_add_loop_test(t,
	    start_child_is_refused_while_the_supervisor_stops, 0, 2);
	tcase_add_loop_test(t, terminate_child_stops_one_for_good, 0, 3);
	tcase_add_test(t, terminate_child_again_does_not_prolong_the_grace);
	tcase_add_test(t, terminate_child_knows_only_its_children);
	tcase_add_loop_test(t,
	    a_child_terminated_while_it_is_restarted_does_not_come_back, 0, 5);
	tcase_add_test(t, a_monitor_of_a_child_gets_one_down_for_each_life);
	tcase_add_loop_test(t,
	    a_hundred_thousand_children_come_and_go_in_linear_time, 0, 3);
}

static void
add_trees(TCase *t)
{
	tcase_add_test(t,
	    a_supervisor_that_gave_up_is_started_again_by_its_parent);
	tcase_add_test(t, a_tree_stops_from_its_last_leaf);
	tcase_add_test(t,
	    a_restart_that_fails_below_another_can_be_tried_again);
	tcase_add_test(t, a_message_it_does_not_know_does_nothing);
	tcase_add_loop_test(t,
	    node_free_in_the_middle_of_anything_leaks_nothing, 0, 7);
}

int
main(void)
{
	static const struct {
		const char *name;
		void (*add)(TCase *t);
	} groups[] = {
		{ "starting", add_starting },
		{ "restarting", add_restarting },
		{ "intensity", add_intensity },
		{ "stopping", add_stopping },
		{ "dynamic", add_dynamic },
		{ "trees", add_trees },
	};
	Suite *s = suite_create("supervisor");
	SRunner *sr = srunner_create(s);
	int failed;

	for (size_t i = 0; i < COUNT(groups); i++) {
		TCase *t = tcase_create(groups[i].name);

		suite_add_tcase(s, t);
		tcase_add_checked_fixture(t, setup, teardown);
		groups[i].add(t);
	}
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}

/* common/agent.h: Elixir's Agent, in virtual time. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/agent.h"
#include "proto/limits.h"
#include "proto/term.h"
#include "tests/lib/sim.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A number and something that has to be freed. */
struct counter {
	int64_t value;
	char *owned;
};

static struct sim *sim;
static struct node *node;
static struct pid pid; /* of the agent */
static struct buf answer;
static int released;

static void
init(void *state, void *arg)
{
	struct counter *c = state;

	ck_assert_ptr_null(c->owned); /* zeroed */
	c->value = *(int *)arg;
	c->owned = strdup("owned");
}

static void
release(void *state)
{
	struct counter *c = state;

	free(c->owned);
	released++;
}

static enum err
read_one(struct slice params, int64_t *out)
{
	struct term_reader r;
	uint32_t n;

	term_reader_init(&r, params);
	if (term_read_array(&r, &n) != E_OK || n != 1)
		return E_BADARG;
	return term_read_int(&r, out);
}

static enum err
value(void *state, struct slice params, struct buf *out)
{
	const struct counter *c = state;

	(void)params;
	term_write_int(out, c->value);
	return E_OK;
}

static enum err
add(void *state, struct slice params, struct buf *out)
{
	struct counter *c = state;
	int64_t n;
	enum err e = read_one(params, &n);

	(void)out;
	if (e != E_OK)
		return e;
	c->value += n;
	return E_OK;
}

/* Writes before it knows whether it will succeed. */
static enum err
swap(void *state, struct slice params, struct buf *out)
{
	struct counter *c = state;
	int64_t n;
	enum err e;

	term_write_int(out, c->value);
	e = read_one(params, &n);
	if (e == E_OK)
		c->value = n;
	return e;
}

static const struct agent_operation operations[] = {
	{ "value", AGENT_GET, value },
	{ "add", AGENT_UPDATE, add },
	{ "swap", AGENT_GET_AND_UPDATE, swap },
	{ NULL, AGENT_GET, NULL },
};

static const struct agent agent = {
	.name = "counter",
	.state_bytes = sizeof(struct counter),
	.init = init,
	.release = release,
	.operations = operations,
};

/* -- fixture -- */

/* Params of one small number. */
static struct slice
one(uint8_t n)
{
	static uint8_t bytes[2] = { 0x91 };

	bytes[1] = n;
	return slice_bytes(bytes, 2);
}

static enum err
call(const char *operation, struct slice params)
{
	buf_clear(&answer);
	return agent_call(node, pid, operation, params, &answer);
}

static void
expect_value(uint8_t n)
{
	ck_assert_int_eq(call("value", slice_of("\x90")), E_OK);
	ck_assert(slice_equal(buf_bytes(&answer), slice_bytes(&n, 1)));
}

static void
run(void)
{
	while (sim_step(sim))
		continue;
}

static void
setup(void)
{
	int seven = 7;

	sim = sim_new(1);
	node = node_new(sim_world(sim), slice_of("test"), NULL);
	buf_init(&answer);
	released = 0;
	ck_assert_int_eq(agent_start_link(node, NULL, &agent, &seven, &pid),
	    E_OK);
}

static void
teardown(void)
{
	node_free(node);
	ck_assert_int_eq(released, 1);
	sim_free(sim);
	buf_release(&answer);
}

/* -- the tests -- */

START_TEST(get_reads_what_init_made)
{
	expect_value(7);
	expect_value(7);
	ck_assert_uint_eq(node_whereis(node, slice_of("counter")).id, pid.id);
}
END_TEST

START_TEST(update_changes_the_state_and_answers_true)
{
	ck_assert_int_eq(call("add", one(2)), E_OK);
	ck_assert(slice_is(buf_bytes(&answer), "\xc3"));
	expect_value(9);
}
END_TEST

START_TEST(get_and_update_answers_and_changes)
{
	ck_assert_int_eq(call("swap", one(3)), E_OK);
	ck_assert(slice_is(buf_bytes(&answer), "\x07"));
	expect_value(3);
}
END_TEST

START_TEST(an_answer_may_be_left_unread)
{
	ck_assert_int_eq(agent_call(node, pid, "swap", one(3), NULL), E_OK);
	expect_value(3);
}
END_TEST

START_TEST(cast_changes_the_state_without_an_answer)
{
	ck_assert_int_eq(agent_cast(node, pid, "add", one(2)), E_OK);
	ck_assert_int_eq(agent_cast(node, pid, "swap", one(5)), E_OK);
	ck_assert_int_eq(agent_cast(node, pid, "add", one(1)), E_OK);
	ck_assert_int_eq(agent_cast(node, pid, "value", one(1)), E_OK);
	expect_value(6); /* in their order, and before the call */
}
END_TEST

START_TEST(an_unknown_operation_is_undef)
{
	static const char *const names[] = { "", "val", "values", "Value" };

	for (size_t i = 0; i < COUNT(names); i++) {
		ck_assert_int_eq(call(names[i], one(1)), E_UNDEF);
		ck_assert_int_eq(agent_cast(node, pid, names[i], one(1)), E_OK);
	}
	expect_value(7);
}
END_TEST

START_TEST(an_operation_that_fails_leaves_the_state)
{
	static const char *const names[] = { "add", "swap" };
	static const char *const params[] = { "", "\x90", "\x01", "\x91\xc0",
		"\x92\x01\x02" };

	for (size_t i = 0; i < COUNT(params); i++) {
		ck_assert_int_eq(call(names[_i], slice_of(params[i])),
		    E_BADARG);
		/* The error's text, and nothing of what it wrote. */
		ck_assert(slice_is(buf_bytes(&answer), err_text(E_BADARG)));
		agent_cast(node, pid, names[_i], slice_of(params[i]));
		expect_value(7);
	}
}
END_TEST

START_TEST(a_name_taken_is_already_started_with_its_pid)
{
	int eight = 8;
	struct pid other = { 0 };

	ck_assert_int_eq(agent_start_link(node, NULL, &agent, &eight, &other),
	    E_EXISTS);
	ck_assert_uint_eq(other.id, pid.id);
	expect_value(7);
}
END_TEST

START_TEST(stop_ends_it_and_frees_its_name_and_state)
{
	ck_assert_int_eq(agent_cast(node, pid, "add", one(1)), E_OK);
	ck_assert_int_eq(agent_stop(node, pid), E_OK);
	ck_assert_int_eq(released, 1);
	ck_assert_ptr_null(node_find(node, pid));
	ck_assert_uint_eq(node_whereis(node, slice_of("counter")).id, 0);
	ck_assert_int_eq(call("value", slice_of("\x90")), E_NOPROC);
	ck_assert_int_eq(agent_cast(node, pid, "add", one(1)), E_NOPROC);
	ck_assert_int_eq(agent_stop(node, pid), E_NOPROC);
}
END_TEST

START_TEST(an_agent_ends_with_its_parent)
{
	static const struct agent plain = { .operations = operations,
		.state_bytes = sizeof(struct counter) };
	struct pid child;

	/* One agent below the other: no init, no release, no name. */
	ck_assert_int_eq(agent_start_link(node, node_find(node, pid), &plain,
			     NULL, &child),
	    E_OK);
	ck_assert_int_eq(agent_call(node, child, "value", slice_of("\x90"),
			     &answer),
	    E_OK);
	ck_assert(slice_equal(buf_bytes(&answer), slice_bytes("", 1)));
	proc_exit(node_find(node, pid), reason_of("boom"));
	run();
	ck_assert_uint_eq(node_count(node), 0);
}
END_TEST

START_TEST(an_agent_without_state_is_one_too)
{
	static const struct agent empty = { .operations = operations + 3 };
	struct pid other;

	ck_assert_int_eq(agent_start_link(node, NULL, &empty, NULL, &other),
	    E_OK);
	ck_assert_int_eq(agent_call(node, other, "value", slice_of("\x90"),
			     NULL),
	    E_UNDEF);
	ck_assert_int_eq(agent_stop(node, other), E_OK);
}
END_TEST

static struct gs_next
keep_error(struct proc *self, const struct answer *a, void *arg)
{
	(void)self;
	*(enum err *)arg = a->e;
	return gs_noreply();
}

static struct gs_next
asker_init(struct proc *self, void *arg)
{
	(void)self;
	(void)arg;
	return gs_noreply();
}

START_TEST(a_handler_asks_with_gs_call)
{
	static const struct gen_server asker = { .init = asker_init };
	enum err e = E_TIMEOUT;
	struct pid other;

	ck_assert_int_eq(gs_start(node, &asker, NULL, NULL, &other), E_OK);
	gs_call(node_find(node, other), pid, slice_of("add"), one(1),
	    LIMIT_CALL_MS, keep_error, &e);
	run();
	ck_assert_int_eq(e, E_OK);
	expect_value(8);
}
END_TEST

START_TEST(call_and_cast_by_name_are_call_2_and_cast_2)
{
	ck_assert_int_eq(gs_cast_name(node, "counter", "add", one(1)), E_OK);
	ck_assert_int_eq(gs_call_name(node, "counter", "value",
			     slice_of("\x90"), &answer),
	    E_OK);
	ck_assert(slice_is(buf_bytes(&answer), "\x08"));
	ck_assert_int_eq(gs_call_name(node, "counter", "swap", one(0), NULL),
	    E_OK);
	expect_value(0);
	ck_assert_int_eq(gs_cast_name(node, "nobody", "add", one(1)), E_NOPROC);
	ck_assert_int_eq(gs_call_name(node, "nobody", "value", slice_of("\x90"),
			     NULL),
	    E_NOPROC);
	/* As call/2, it waits 5000 ms. */
	proc_suspend(node_find(node, pid));
	ck_assert_int_eq(gs_call_name(node, "counter", "value",
			     slice_of("\x90"), NULL),
	    E_TIMEOUT);
	ck_assert_uint_eq(sim_now(sim), 1000 + LIMIT_CALL_MS);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("agent");
	TCase *t = tcase_create("agent");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, get_reads_what_init_made);
	tcase_add_test(t, update_changes_the_state_and_answers_true);
	tcase_add_test(t, get_and_update_answers_and_changes);
	tcase_add_test(t, an_answer_may_be_left_unread);
	tcase_add_test(t, cast_changes_the_state_without_an_answer);
	tcase_add_test(t, an_unknown_operation_is_undef);
	tcase_add_loop_test(t, an_operation_that_fails_leaves_the_state, 0, 2);
	tcase_add_test(t, a_name_taken_is_already_started_with_its_pid);
	tcase_add_test(t, stop_ends_it_and_frees_its_name_and_state);
	tcase_add_test(t, an_agent_ends_with_its_parent);
	tcase_add_test(t, an_agent_without_state_is_one_too);
	tcase_add_test(t, a_handler_asks_with_gs_call);
	tcase_add_test(t, call_and_cast_by_name_are_call_2_and_cast_2);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}

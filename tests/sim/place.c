#include "tests/sim/place.h"

#include <assert.h>
#include <stdlib.h>

#include "common/peer.h"
#include "common/runtime.h" /* counts of what must not leak */
#include "common/supervisor.h"
#include "proto/term.h"
#include "server/chat_room.h"
#include "server/chat_server.h"
#include "server/engine_server.h"
#include "server/tareas_server.h"
#include "tests/lib/bytes.h"
#include "tests/sim/check.h"
#include "tests/sim/pair.h"
#include "tests/sim/trace.h"

static struct place *present;

static void check_end(const struct proc *proc);

static bool
lives(const struct place *p, const char *name)
{
	return node_whereis(p->node, slice_of(name)).id != 0;
}

/* Their processes. */
static uint32_t
rooms(const struct place *p)
{
	const struct proc *salas =
	    node_find(p->node, node_whereis(p->node, slice_of(SALAS_NAME)));

	return salas != NULL ? sup_count_children(salas).active : 0;
}

bool
place_start(struct place *p)
{
	const char *why;
	enum err e;

	present = p;
	trace_watch_ends(check_end);
	p->world = sim_world(p->sim);
	p->node = node_new(p->world, slice_of("servidor"), NULL);
	e = tree_start(&p->tree, p->node, p->cookie,
	    p->disk != NULL ? disk_store(p->disk) : NULL);
	if (e != E_OK) {
		place_crash(p);
		return false;
	}
	e = listener_add(tree_listener(&p->tree), p->address, &why);
	assert(e == E_OK);
	p->procs = node_count(p->node) - rooms(p);
	p->refs = p->node->refs.count;
	pair_start(p->node, random_next(p->dice));
	trace_say("the server is on");
	return true;
}

void
place_crash(struct place *p)
{
	trace_say("the server is off");
	model_crashed(p->model);
	if (p->disk != NULL)
		disk_power_off(p->disk);
	sim_crash(p->world);
	node_free(p->node);
	tree_release(&p->tree);
	p->node = NULL;
}

void
place_kill(struct place *p, const char *name, bool orderly)
{
	struct pid pid = node_whereis(p->node, slice_of(name));

	trace_say("%s %s", orderly ? "stop" : "kill", name);
	model_disturbed(p->model);
	if (orderly)
		gs_stop_pid(p->node, pid, "shutdown");
	else
		proc_signal(p->node, pid, (struct pid){ 0 }, reason_of("kill"));
}

void
place_suspend(struct place *p, bool on)
{
	struct proc *tareas =
	    node_find(p->node, node_whereis(p->node, slice_of(TAREAS_NAME)));

	trace_say("tareas %s", on ? "is busy" : "goes on");
	if (tareas != NULL && on)
		proc_suspend(tareas);
	else if (tareas != NULL)
		proc_resume(tareas);
}

/* -- sessions -- */

struct choice {
	uint32_t skip;
	struct pid pid;
};

static void
choose(void *arg, const struct sup_which *child)
{
	struct choice *c = arg;

	if (c->skip-- == 0)
		c->pid = child->pid;
}

const struct chat_rooms *
place_rooms(const struct place *p)
{
	return &p->tree.rooms;
}

uint32_t
place_sessions(const struct place *p)
{
	const struct proc *sessions = tree_sessions(&p->tree);

	return sessions != NULL ? sup_count_children(sessions).active : 0;
}

void
place_kill_session(struct place *p, bool orderly)
{
	uint32_t count = place_sessions(p);
	struct choice c = { .skip =
				count > 0 ? random_below(p->dice, count) : 0 };

	if (count == 0)
		return;
	sup_which_children(tree_sessions(&p->tree), choose, &c);
	trace_say("a session ends%s", orderly ? " in order" : "");
	if (orderly)
		gs_stop_pid(p->node, c.pid, "normal");
	else
		proc_signal(p->node, c.pid, (struct pid){ 0 },
		    reason_of("kill"));
}

struct sum {
	const struct node *node;
	uint64_t monitors;
};

/* As its state shows it to people. */
static void
add_monitors(void *arg, const struct sup_which *child)
{
	struct sum *sum = arg;
	struct proc *p = node_find(sum->node, child->pid);
	struct term_reader r;
	struct slice key;
	struct buf state;
	uint64_t count = 0;
	uint32_t n = 0;

	if (p == NULL)
		return;
	buf_init(&state);
	proc_format(p, false, &state);
	term_reader_init(&r, buf_bytes(&state));
	(void)term_read_map(&r, &n);
	for (; n > 0 && term_read_str(&r, &key) == E_OK; n--)
		if (!slice_is(key, "monitors") ||
		    term_read_uint(&r, &count) != E_OK)
			(void)term_skip(&r, NULL);
	sum->monitors += count;
	buf_release(&state);
}

uint64_t
place_monitors(const struct place *p)
{
	struct sum sum = { .node = p->node };

	sup_which_children(tree_sessions(&p->tree), add_monitors, &sum);
	return sum.monitors;
}

/* -- what happens by itself -- */

static void
look_at(struct place *p, struct pid *pid, const char *name)
{
	if (node_find(p->node, *pid) != NULL)
		return;
	model_disturbed(p->model);
	*pid = node_whereis(p->node, slice_of(name));
}

bool
place_look(struct place *p)
{
	if (p->node == NULL)
		return true;
	look_at(p, &p->tareas, TAREAS_NAME);
	look_at(p, &p->chat, CHAT_NAME);
	look_at(p, &p->salas, SALAS_NAME);
	return node_find(p->node, p->tree.root) != NULL &&
	    (p->disk == NULL || !disk_has_failed(p->disk));
}

bool
place_is_whole(const struct place *p)
{
	return p->node != NULL && lives(p, ENGINE_NAME) &&
	    lives(p, TAREAS_NAME) && lives(p, "sys") && lives(p, CHAT_NAME) &&
	    lives(p, SALAS_NAME) && lives(p, SESSIONS_NAME) &&
	    lives(p, LISTENER_NAME);
}

/* The root's children. */
static const char *const order[] = { ENGINE_NAME, "domain", SESSIONS_NAME,
	LISTENER_NAME };

enum { ORDER_COUNT = sizeof(order) / sizeof(order[0]) };

/* Its place; ORDER_COUNT: it has none. */
static unsigned
place_in_order(const char *name)
{
	unsigned i = 0;

	while (i < ORDER_COUNT && !slice_is(slice_of(name), order[i]))
		i++;
	return i;
}

static void
check_none_after(const struct place *p, unsigned i, const char *what)
{
	for (unsigned j = i + 1; j < ORDER_COUNT; j++)
		check(!lives(p, order[j]), "%s %s, and there is still %s",
		    order[i], what, order[j]);
}

/* The engine starts after all that stand on it have ended. */
static void
check_start(const struct place *p, const char *name)
{
	if (slice_is(slice_of(name), ENGINE_NAME))
		check_none_after(p, 0, "starts");
}

/* Who stops when: after all that come later, where the root stops them. */
static void
check_end(const struct proc *proc)
{
	const struct place *p = present;
	const struct proc *root;
	unsigned i = place_in_order(proc_name(proc));

	if (proc->node != p->node || i == ORDER_COUNT ||
	    !reason_is(&proc->extra->why, "shutdown"))
		return;
	root = node_find(p->node, p->tree.root);
	if (root != NULL && sup_is_stopping(root))
		check_none_after(p, i, "stops");
}

/* The linker puts this between the server's modules and their start. */
enum err __real_gs_start_under(struct node *n, struct proc *parent,
    const struct gen_server *module, const char *name, void *arg,
    struct pid *out);
enum err __wrap_gs_start_under(struct node *n, struct proc *parent,
    const struct gen_server *module, const char *name, void *arg,
    struct pid *out);

enum err
__wrap_gs_start_under(struct node *n, struct proc *parent,
    const struct gen_server *module, const char *name, void *arg,
    struct pid *out)
{
	if (n == present->node && name != NULL) {
		check_start(present, name);
		model_disturbed(present->model);
	}
	return __real_gs_start_under(n, parent, module, name, arg, out);
}

/* -- the end -- */

static void
check_nobody_in(const struct place *p)
{
	for (unsigned i = 0; i < MODEL_ROOMS; i++) {
		const struct members *m =
		    members_find(&p->tree.rooms, slice_of(model_room(i)));

		check(m == NULL || m->by_session.count == 0,
		    "somebody is in %s still", model_room(i));
	}
}

void
place_finish(struct place *p)
{
	pair_stop(p->node);
	sim_run_ms(p->sim, LIMIT_CALL_MS);
	check(place_sessions(p) == 0, "%u sessions are left",
	    place_sessions(p));
	check(node_count(p->node) - rooms(p) == p->procs,
	    "%u processes, not %u", node_count(p->node) - rooms(p), p->procs);
	check_nobody_in(p);
	check(p->node->refs.count == p->refs, "%u refs, not %u",
	    p->node->refs.count, p->refs);
	check(node_unsent(p->node) == 0, "unsent bytes of nobody");
	check(sim_streams(p->world) == 0, "%zu streams are left",
	    sim_streams(p->world));
	node_free(p->node);
	tree_release(&p->tree);
	p->node = NULL;
}

/*
 * A load on a server: C connections with D operations in flight on each, for
 * a time or a number of operations. It counts how many are answered, how
 * long that takes and how much CPU time the server spends.
 *
 * A unit is what is sent at once and ended by an answer. For a call it is
 * the call, and D units are in flight. Casts have no answers: there a unit
 * is D casts and one call behind them, which is answered when all of them
 * have been applied (the order of one connection is kept), and one unit is
 * in flight. So the latency of a cast is that of its batch, and with one in
 * flight each cast pays for a call too.
 *
 * The happy path is: connect, handshake, the tasks that the operation wants,
 * a while to get warm, the measured time, the answers still out, and the
 * deletion of what was added. Failure modes are all the same: die. Every
 * answer is compared with the expected one, byte by byte but for its msgid,
 * which must be that of an open unit; the number of tasks deleted at the end
 * must be the number added. So no figure comes from work that was not done.
 *
 * With --raw the same bytes go to `echo` instead, which has no handshake and
 * no tasks: replies are counted by their length, oldest first.
 */
#include <getopt.h>
#include <math.h>
#include <sys/epoll.h>

#include "common/tarea.h"
#include "tests/bench/client.h"
#include "tests/bench/histogram.h"

enum {
	CONNECTIONS_MAX = 20000,
	FLIGHT_MAX = 4096,
	TASKS_MAX = 10000,
	READ_BYTES = 64 * 1024,
	EVENTS = 64,
	USER_BYTES = 32,
	/* Tasks of one user, then comes the next; under the server's limit. */
	USER_TASKS = 50000,
};

/* All msgids have it, so all take five bytes: requests have one length. */
#define MSGID_BASE UINT32_C(0x80000000)

/* What an answer of ours begins with: [1, msgid in five bytes, ... */
static const uint8_t answer_head[] = { 0x94, 0x01, 0xce };
enum {
	ANSWER_MSGID = sizeof(answer_head),
	ANSWER_REST = ANSWER_MSGID + 4, /* nil and the result */
};

static const struct tarea example = {
	.titulo = { (const uint8_t *)"Comprar pan y leche.", 20 },
	.descripcion = { (const uint8_t *)"Ir al mercado antes de las ocho, "
					  "llevar bolsa y lista larga.",
	    60 },
};

struct operation;

struct options {
	const struct operation *operation;
	const char *cookie_file;
	uint64_t count; /* operations to measure; 0: the time decides */
	double seconds;
	uint32_t connections;
	uint32_t flight;
	uint32_t tasks; /* of each user, for listar */
	uint32_t pid; /* of the server; 0: CPU time is not asked for */
	uint16_t port;
	bool raw;
	bool sizes; /* only say how long a unit and its answer are */
};

/* A unit that is sent and not yet answered. */
struct slot {
	uint64_t sent_ns;
	uint32_t msgid; /* 0: none, for no msgid of ours is */
};

struct conn {
	struct client client; /* its buffers are not used in the run */
	uint32_t number;
	uint32_t user_number; /* users before it are full */
	uint32_t user_tasks;
	uint64_t tasks; /* added, for all its users */
	uint64_t sent; /* units */
	uint64_t answered; /* units */
	char user[USER_BYTES];
	struct buf unit; /* the next one, but for its msgid */
	size_t msgid_at; /* place of its four bytes in the unit */
	struct buf out; /* not sent yet */
	struct buf in; /* not answered yet */
	struct slot *slots; /* the unit of a msgid is at msgid & mask */
	bool writing; /* waits for room to send */
};

struct load {
	struct options o;
	struct conn *conns;
	struct buf rest; /* an answer behind its msgid, as it must be */
	size_t answer_bytes;
	uint32_t unit_operations;
	uint32_t units; /* in flight on each connection */
	uint32_t mask; /* of the slots */
	uint32_t label; /* in the names of users: every run has its own */
	int epoll;
	bool sending;
	uint64_t open; /* units in flight in all */
	uint64_t done; /* units answered since the measure began */
	struct histogram latency; /* ns of those units */
};

/* What a run found out. */
struct figures {
	double operations;
	double seconds;
	double cpu_us; /* of the server, each operation; NAN: not asked */
	double p50_us, p99_us, p999_us;
};

/* -- operations -- */

struct operation {
	const char *name;
	bool adds; /* every operation adds a task */
	bool batch; /* a unit has all that is in flight */
	/* Appends a unit to c->unit, and says where its msgid is. */
	void (*write)(struct load *l, struct conn *c);
	/* Appends the result that answers it. */
	void (*result)(const struct load *l, struct buf *b);
};

static void
write_call(struct conn *c, const char *method, const struct buf *params)
{
	c->msgid_at = buf_len(&c->unit) + ANSWER_MSGID;
	rpc_write_request(&c->unit, MSGID_BASE, slice_of(method),
	    buf_bytes(params));
}

static void
write_task_params(struct buf *b, const struct conn *c)
{
	term_write_array(b, 2);
	term_write_cstr(b, c->user);
	tarea_write(b, &example);
}

static void
listar_write(struct load *l, struct conn *c)
{
	struct buf params;

	(void)l;
	buf_init(&params);
	term_write_array(&params, 1);
	term_write_cstr(&params, c->user);
	write_call(c, "tareas.listar_tareas", &params);
	buf_release(&params);
}

static void
listar_result(const struct load *l, struct buf *b)
{
	term_write_array(b, l->o.tasks);
	for (uint32_t i = 0; i < l->o.tasks; i++)
		tarea_write(b, &example);
}

static void
agregar_write(struct load *l, struct conn *c)
{
	struct buf params;

	(void)l;
	buf_init(&params);
	write_task_params(&params, c);
	write_call(c, "tareas.agregar_tarea", &params);
	buf_release(&params);
}

static void
agregar_result(const struct load *l, struct buf *b)
{
	(void)l;
	term_write_bool(b, true);
}

/* The call at the end asks for none of the tasks: the cheapest there is. */
static void
cast_write(struct load *l, struct conn *c)
{
	struct buf params;

	buf_init(&params);
	write_task_params(&params, c);
	for (uint32_t i = 0; i < l->o.flight; i++)
		rpc_write_notify(&c->unit, slice_of("tareas.agregar_tarea"),
		    buf_bytes(&params));
	buf_clear(&params);
	term_write_array(&params, 2);
	term_write_cstr(&params, c->user);
	term_write_map(&params, 1);
	term_write_cstr(&params, "cuantas");
	term_write_uint(&params, 0);
	write_call(c, "tareas.listar_tareas", &params);
	buf_release(&params);
}

static void
cast_result(const struct load *l, struct buf *b)
{
	(void)l;
	term_write_array(b, 0);
}

static const struct operation operations[] = {
	{ .name = "listar", .write = listar_write, .result = listar_result },
	{ .name = "agregar",
	    .adds = true,
	    .write = agregar_write,
	    .result = agregar_result },
	{ .name = "cast",
	    .adds = true,
	    .batch = true,
	    .write = cast_write,
	    .result = cast_result },
};

static const struct operation *
operation_find(const char *name)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (strcmp(name, operations[i].name) == 0)
			return &operations[i];
	die("--operation %s: listar, agregar or cast", name);
}

/* -- units -- */

static void
name_user(const struct load *l, struct conn *c, uint32_t user_number)
{
	c->user_number = user_number;
	snprintf(c->user, sizeof(c->user), "%08x.%05u.%04u", l->label,
	    c->number, user_number);
}

static void
write_unit(struct load *l, struct conn *c)
{
	buf_clear(&c->unit);
	l->o.operation->write(l, c);
}

/* The next unit's tasks are counted; a full user makes place for another. */
static void
count_tasks(struct load *l, struct conn *c)
{
	if (!l->o.operation->adds)
		return;
	if (c->user_tasks + l->unit_operations > USER_TASKS) {
		name_user(l, c, c->user_number + 1);
		write_unit(l, c);
		c->user_tasks = 0;
	}
	c->user_tasks += l->unit_operations;
	c->tasks += l->unit_operations;
}

static void
put_msgid(uint8_t *at, uint32_t msgid)
{
	uint32_t be = htonl(msgid);

	memcpy(at, &be, sizeof(be));
}

static uint32_t
get_msgid(const uint8_t *at)
{
	uint32_t be;

	memcpy(&be, at, sizeof(be));
	return ntohl(be);
}

static void
add_unit(struct load *l, struct conn *c, struct slot *s, uint64_t now)
{
	struct slice unit;
	uint8_t *at;

	count_tasks(l, c);
	unit = buf_bytes(&c->unit);
	s->msgid = MSGID_BASE | (uint32_t)c->sent;
	s->sent_ns = now;
	at = buf_room(&c->out, unit.len);
	memcpy(at, unit.bytes, unit.len);
	put_msgid(at + c->msgid_at, s->msgid);
	buf_grew(&c->out, unit.len);
	c->sent++;
	l->open++;
}

/* -- answers -- */

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* As far as it is there, it is the answer that has to come. */
static bool
is_expected(const struct load *l, struct slice answer)
{
	size_t head = smaller(answer.len, ANSWER_MSGID);

	if (memcmp(answer.bytes, answer_head, head) != 0)
		return false;
	if (answer.len <= ANSWER_REST)
		return true;
	return memcmp(answer.bytes + ANSWER_REST, buf_bytes(&l->rest).bytes,
		   smaller(answer.len, l->answer_bytes) - ANSWER_REST) == 0;
}

/* The open unit that is answered: echo's answers know none, but come in
 * order. */
static struct slot *
find_slot(const struct load *l, const struct conn *c, const uint8_t *answer)
{
	uint32_t msgid = MSGID_BASE | (uint32_t)c->answered;
	struct slot *s;

	if (!l->o.raw)
		msgid = get_msgid(answer + ANSWER_MSGID);
	s = &c->slots[msgid & l->mask];
	if (s->msgid == 0 || s->msgid != msgid)
		die("an answer that nobody waits for");
	return s;
}

static void
take_answer(struct load *l, struct conn *c, const uint8_t *answer, uint64_t now)
{
	struct slot *s = find_slot(l, c, answer);

	histogram_add(&l->latency, now - s->sent_ns);
	s->msgid = 0;
	c->answered++;
	l->open--;
	l->done++;
}

/* Takes all whole answers out of c->in; what is left is looked at too. */
static void
take_answers(struct load *l, struct conn *c, uint64_t now)
{
	struct slice in = buf_bytes(&c->in);

	while (in.len > 0) {
		if (!l->o.raw && !is_expected(l, in))
			client_complain(in);
		if (in.len < l->answer_bytes)
			break;
		take_answer(l, c, in.bytes, now);
		in.bytes += l->answer_bytes;
		in.len -= l->answer_bytes;
	}
	buf_consume(&c->in, buf_len(&c->in) - in.len);
}

/* -- the run: sockets are not waited for, only all of them together -- */

static void
want(struct load *l, struct conn *c, bool writing)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

	if (writing)
		e.events |= EPOLLOUT;
	if (c->writing != writing &&
	    epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->client.fd, &e) != 0)
		die("epoll: %s", strerror(errno));
	c->writing = writing;
}

static void
send_out(struct load *l, struct conn *c)
{
	struct slice out = buf_bytes(&c->out);
	ssize_t n;

	if (out.len == 0)
		return;
	n = send(c->client.fd, out.bytes, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		die("cannot send: %s", strerror(errno));
	buf_consume(&c->out, n > 0 ? (size_t)n : 0);
	want(l, c, buf_len(&c->out) > 0);
}

/* Sends as many units as may be in flight, in one go. */
static void
fill(struct load *l, struct conn *c, uint64_t now)
{
	while (l->sending && c->sent - c->answered < l->units) {
		struct slot *s = &c->slots[c->sent & l->mask];

		if (s->msgid != 0)
			break; /* overtaken by later ones, not yet answered */
		add_unit(l, c, s, now);
	}
	send_out(l, c);
}

static void
receive(struct conn *c)
{
	uint8_t *room = buf_room(&c->in, READ_BYTES);
	ssize_t n = recv(c->client.fd, room, READ_BYTES, MSG_DONTWAIT);

	if (n > 0)
		buf_grew(&c->in, (size_t)n);
	else if (n == 0)
		die("the server closed a connection");
	else if (errno != EAGAIN && errno != EINTR)
		die("cannot receive: %s", strerror(errno));
}

static void
serve(struct load *l, struct conn *c)
{
	uint64_t now;

	receive(c);
	now = now_ns();
	take_answers(l, c, now);
	fill(l, c, now);
}

static void
step(struct load *l)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(l->epoll, events, EVENTS, CLIENT_PATIENCE_S * 1000);

	if (n < 0 && errno != EINTR)
		die("epoll: %s", strerror(errno));
	if (n == 0)
		die("no answer for %d s", CLIENT_PATIENCE_S);
	for (int i = 0; i < n; i++)
		serve(l, events[i].data.ptr);
}

/* Runs for a time, or until a number of units is done; 0: the time alone. */
static void
pump(struct load *l, double seconds, uint64_t units)
{
	uint64_t until = now_ns() + (uint64_t)(seconds * 1e9);

	while (units > 0 ? l->done < units : now_ns() < until)
		step(l);
}

static void
add_tasks(struct conn *c, uint32_t count)
{
	struct buf params;

	buf_init(&params);
	write_task_params(&params, c);
	for (uint32_t i = 0; i < count; i++)
		client_ask(&c->client, "tareas.agregar_tarea", &params);
	c->tasks += count;
	buf_release(&params);
}

static uint64_t
delete_tasks(struct conn *c)
{
	struct term_reader r;
	struct buf params;
	uint64_t n = 0;

	buf_init(&params);
	term_write_array(&params, 2);
	term_write_cstr(&params, c->user);
	term_write_str(&params, example.titulo);
	term_reader_init(&r,
	    client_ask(&c->client, "tareas.eliminar_tarea", &params));
	if (term_read_uint(&r, &n) != E_OK)
		die("eliminar_tarea did not answer a number");
	buf_release(&params);
	return n;
}

static void
clean_up(const struct load *l, struct conn *c)
{
	uint64_t deleted = 0;

	for (uint32_t u = c->user_number + 1; u > 0; u--) {
		name_user(l, c, u - 1);
		deleted += delete_tasks(c);
	}
	if (deleted != c->tasks)
		die("%llu tasks were added and %llu were there",
		    (unsigned long long)c->tasks, (unsigned long long)deleted);
}

/* -- life -- */

static void
watch(const struct load *l, struct conn *c)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->client.fd, &e) != 0)
		die("epoll: %s", strerror(errno));
}

static void
conn_start(struct load *l, uint32_t number, const struct cookie *cookie)
{
	struct conn *c = &l->conns[number];

	c->number = number;
	buf_init(&c->unit);
	buf_init(&c->in);
	buf_init(&c->out);
	c->slots = calloc(l->mask + 1, sizeof(*c->slots));
	if (c->slots == NULL)
		abort();
	name_user(l, c, 0);
	write_unit(l, c);
	client_connect(&c->client, l->o.port);
	if (!l->o.raw)
		client_shake_hands(&c->client, cookie);
	if (!l->o.raw && !l->o.operation->adds)
		add_tasks(c, l->o.tasks);
	watch(l, c);
}

static void
conn_end(const struct load *l, struct conn *c)
{
	if (!l->o.raw)
		clean_up(l, c);
	client_close(&c->client);
	buf_release(&c->unit);
	buf_release(&c->in);
	buf_release(&c->out);
	free(c->slots);
}

static void
get_cookie(const struct options *o, struct cookie *cookie)
{
	struct cookie_fault fault;
	char *path = cookie_path(o->cookie_file);

	if (cookie_read(path, cookie, &fault) != COOKIE_OK)
		die("%s", cookie_explain(&fault, path));
	free(path);
}

static void
start(struct load *l)
{
	struct cookie cookie = { .len = 0 };

	if (!l->o.raw)
		get_cookie(&l->o, &cookie);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (uint32_t i = 0; i < l->o.connections; i++)
		conn_start(l, i, &cookie);
	cookie_clear(&cookie);
}

static void
prepare(struct load *l)
{
	bool batch = l->o.operation->batch;

	l->label = randombytes_random();
	l->unit_operations = batch ? l->o.flight : 1;
	l->units = batch ? 1 : l->o.flight;
	while (l->mask + 1 < l->units)
		l->mask = 2 * l->mask + 1;
	l->conns = calloc(l->o.connections, sizeof(*l->conns));
	if (l->conns == NULL)
		abort();
	term_write_nil(&l->rest);
	l->o.operation->result(l, &l->rest);
	l->answer_bytes = ANSWER_REST + buf_len(&l->rest);
}

/*
 * The CPU time of the server, user and system, all threads: the sum that
 * /proc/PID/stat shows in ticks of 10 ms, here in nanoseconds.
 */
static uint64_t
server_cpu_ns(const struct load *l)
{
	clockid_t clock;

	if (l->o.pid == 0)
		return 0;
	if (clock_getcpuclockid((pid_t)l->o.pid, &clock) != 0)
		die("there is no process %u", l->o.pid);
	return clock_ns(clock);
}

static struct figures
measure(struct load *l)
{
	uint64_t units =
	    (l->o.count + l->unit_operations - 1) / l->unit_operations;
	uint64_t cpu, began;
	struct figures f;

	l->latency = (struct histogram){ .count = 0 };
	l->done = 0;
	cpu = server_cpu_ns(l);
	began = now_ns();
	pump(l, l->o.seconds, units);
	f.seconds = (double)(now_ns() - began) / 1e9;
	cpu = server_cpu_ns(l) - cpu;
	f.operations = (double)l->done * l->unit_operations;
	f.cpu_us = l->o.pid == 0 ? NAN : (double)cpu / 1e3 / f.operations;
	f.p50_us = (double)histogram_quantile(&l->latency, 0.5) / 1e3;
	f.p99_us = (double)histogram_quantile(&l->latency, 0.99) / 1e3;
	f.p999_us = (double)histogram_quantile(&l->latency, 0.999) / 1e3;
	return f;
}

static struct figures
run(struct load *l)
{
	struct figures f;

	start(l);
	l->sending = true;
	for (uint32_t i = 0; i < l->o.connections; i++)
		fill(l, &l->conns[i], now_ns());
	pump(l, l->o.seconds / 5, 0);
	f = measure(l);
	l->sending = false;
	while (l->open > 0)
		step(l);
	for (uint32_t i = 0; i < l->o.connections; i++)
		conn_end(l, &l->conns[i]);
	return f;
}

/* A line of CSV for programs on stdout, one for people on stderr. */
static void
report(const struct options *o, const struct figures *f)
{
	printf("%s,%u,%u,%.0f,%.3f,%.0f,%.4f,%.1f,%.1f,%.1f\n",
	    o->operation->name, o->connections, o->flight, f->operations,
	    f->seconds, f->operations / f->seconds, f->cpu_us, f->p50_us,
	    f->p99_us, f->p999_us);
	fprintf(stderr,
	    "%s %ux%u: %.0f operations/s, server CPU %.3f us each, "
	    "p50 %.1f us, p99 %.1f us, p99.9 %.1f us\n",
	    o->operation->name, o->connections, o->flight,
	    f->operations / f->seconds, f->cpu_us, f->p50_us, f->p99_us,
	    f->p999_us);
}

static void
report_sizes(struct load *l)
{
	struct conn *c = &l->conns[0];

	name_user(l, c, 0);
	write_unit(l, c);
	printf("%zu %zu\n", buf_len(&c->unit), l->answer_bytes);
}

/* -- options -- */

static void
print_help(void)
{
	puts("usage: load --port N [OPTION]...\n"
	     "Puts a load on a server of this machine and measures it.\n"
	     "\n"
	     "  --operation NAME   listar, agregar (calls) or cast (agregar as "
	     "casts)\n"
	     "  --connections C    default 1\n"
	     "  --flight D         operations in flight on each (default 1)\n"
	     "  --seconds S        how long to measure (default 1)\n"
	     "  --count N          measure N operations, however long it "
	     "takes\n"
	     "  --tasks N          tasks of a user that listar lists (default "
	     "3)\n"
	     "  --pid PID          the server's, for its CPU time\n"
	     "  --cookie-file F    the server's\n"
	     "  --raw              the server is echo: no handshake\n"
	     "  --sizes            only print the bytes of a unit and of its "
	     "answer\n"
	     "\n"
	     "stdout: operation,connections,flight,operations,seconds,"
	     "operations_per_s,\n"
	     "cpu_us,p50_us,p99_us,p999_us");
}

static double
seconds_of(const char *text)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end != '\0' || !(v > 0 && v <= 3600))
		die("--seconds %s: a number up to 3600", text);
	return v;
}

static void
take_option(struct options *o, int option)
{
	switch (option) {
	case 'o':
		o->operation = operation_find(optarg);
		break;
	case 'p':
		o->port = (uint16_t)number_of("port", optarg, UINT16_MAX);
		break;
	case 'c':
		o->connections =
		    number_of("connections", optarg, CONNECTIONS_MAX);
		break;
	case 'd':
		o->flight = number_of("flight", optarg, FLIGHT_MAX);
		break;
	case 's':
		o->seconds = seconds_of(optarg);
		break;
	case 'n':
		o->count = number_of("count", optarg, UINT32_MAX);
		break;
	case 't':
		o->tasks = number_of("tasks", optarg, TASKS_MAX);
		break;
	case 'i':
		o->pid = number_of("pid", optarg, INT32_MAX);
		break;
	case 'k':
		o->cookie_file = optarg;
		break;
	case 'h':
		print_help();
		exit(0);
	default: /* getopt has said it, or a flag is set */
		if (option != 0)
			exit(64);
	}
}

static void
read_options(struct options *o, int argc, char *argv[])
{
	int raw = 0, sizes = 0, option;
	const struct option options[] = {
		{ "operation", required_argument, NULL, 'o' },
		{ "port", required_argument, NULL, 'p' },
		{ "connections", required_argument, NULL, 'c' },
		{ "flight", required_argument, NULL, 'd' },
		{ "seconds", required_argument, NULL, 's' },
		{ "count", required_argument, NULL, 'n' },
		{ "tasks", required_argument, NULL, 't' },
		{ "pid", required_argument, NULL, 'i' },
		{ "cookie-file", required_argument, NULL, 'k' },
		{ "raw", no_argument, &raw, 1 },
		{ "sizes", no_argument, &sizes, 1 },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};

	*o = (struct options){ .operation = operations,
		.seconds = 1,
		.connections = 1,
		.flight = 1,
		.tasks = 3 };
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(o, option);
	o->raw = raw != 0;
	o->sizes = sizes != 0;
	if (optind != argc || (o->port == 0 && !o->sizes))
		die("usage: load --port N [OPTION]... (see --help)");
}

int
main(int argc, char *argv[])
{
	static struct load l; /* zero, and too large for the stack */
	struct figures f;

	read_options(&l.o, argc, argv);
	if (sodium_init() < 0)
		die("no randomness");
	prepare(&l);
	if (l.o.sizes) {
		report_sizes(&l);
		return 0;
	}
	f = run(&l);
	report(&l.o, &f);
	return 0;
}

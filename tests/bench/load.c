/*
 * A load on a server: C connections with D operations in flight on each, for
 * a time or a number of operations. It counts how many are answered, how
 * long that takes and how much CPU time the server spends.
 *
 * What is in flight are units (see operation.h). A batch of casts is one, so
 * the latency of a cast is that of its batch, and with one in flight each
 * cast pays for a call too.
 *
 * The happy path is: connect, handshake, the tasks that the operation wants,
 * a while to get warm, the measured time, the answers still out, and the
 * deletion of what was added. Failure modes are all the same: die. Every
 * answer is compared with the expected one, byte by byte but for its msgid,
 * which must be that of an open unit; the number of tasks at the end must be
 * the number added. So no figure comes from work that was not done.
 *
 * With --redis the same tasks are asked of Redis, and its answers are looked
 * at as closely. With --raw our bytes go to `echo` instead, which has no
 * handshake and no tasks: replies are counted by their length, oldest first.
 */
#include <getopt.h>
#include <math.h>
#include <sys/epoll.h>

#include "tests/bench/histogram.h"
#include "tests/bench/operation.h"
#include "tests/bench/resp.h"

enum {
	CONNECTIONS_MAX = 20000,
	FLIGHT_MAX = 4096,
	TASKS_MAX = 10000,
	USERS_MAX = 9999999, /* seven digits */
	READ_BYTES = 64 * 1024,
	COMPLAIN_BYTES = 200,
	EVENTS = 64,
	/* Tasks of one user, then comes the next; under the server's limit. */
	USER_TASKS = 50000,
};

struct options {
	const struct operation *operation;
	const char *cookie_file;
	uint64_t count; /* operations to measure; 0: the time decides */
	double seconds;
	uint32_t connections;
	uint32_t flight;
	uint32_t tasks; /* of each user, for what reads or deletes */
	uint32_t page; /* tasks of a page */
	uint32_t users; /* 0: each connection has its own */
	uint32_t pid; /* of the server; 0: CPU time is not asked for */
	uint16_t port;
	bool raw;
	bool redis;
	bool own_cpu; /* say what the load's own CPU time is */
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
	struct work work;
	struct unit unit; /* the next one, but for its msgid */
	struct buf out; /* not sent yet */
	struct buf in; /* not answered yet */
	size_t seen; /* bytes of it that are as they must be */
	struct slot *slots; /* the unit of a msgid is at msgid & mask */
	bool writing; /* waits for room to send */
};

struct load {
	struct options o;
	struct conn *conns;
	struct buf answer; /* as it must be, but for its msgid */
	enum vary vary;
	bool numbered; /* answers have msgids */
	bool counted; /* answers are the length of a list that grows */
	uint32_t unit_operations;
	uint32_t units; /* in flight on each connection */
	uint32_t mask; /* of the slots */
	uint32_t random; /* the state of a generator, not 0 */
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
	double own_us; /* of the load, each operation */
	double p50_us, p99_us, p999_us;
};

/* -- units -- */

/* A load on many users has the name in which the number varies. */
static void
name_user(const struct load *l, struct conn *c, uint32_t user_number)
{
	c->user_number = user_number;
	if (l->o.users > 0)
		snprintf(c->work.user, sizeof(c->work.user), "usuario #######");
	else
		snprintf(c->work.user, sizeof(c->work.user), "%08x.%05u.%04u",
		    l->label, c->number, user_number);
}

static void
write_unit(struct load *l, struct conn *c)
{
	operation_write(l->o.operation, &c->work, l->o.redis, &c->unit);
}

/* xorshift32: cheap, and any user is as likely as another. */
static uint32_t
any_below(struct load *l, uint32_t bound)
{
	l->random ^= l->random << 13;
	l->random ^= l->random >> 17;
	l->random ^= l->random << 5;
	return l->random % bound;
}

static uint32_t
next_number(struct load *l, const struct conn *c)
{
	if (l->vary == VARY_USER)
		return any_below(l, l->o.users);
	if (l->vary == VARY_TASK)
		return any_below(l, l->o.tasks);
	return (uint32_t)(c->sent % (l->o.tasks / l->o.page)) * l->o.page;
}

/* The next unit's tasks are counted; a full user makes place for another. */
static void
count_tasks(struct load *l, struct conn *c)
{
	if (!l->o.operation->adds || l->o.users > 0)
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
	unit = buf_bytes(&c->unit.bytes);
	s->msgid = MSGID_BASE | (uint32_t)c->sent;
	s->sent_ns = now;
	at = buf_room(&c->out, unit.len);
	memcpy(at, unit.bytes, unit.len);
	if (l->numbered || l->o.raw)
		put_msgid(at + c->unit.msgid_at, s->msgid);
	if (l->vary != VARY_NOT)
		unit_vary(&c->unit, l->vary, at, next_number(l, c));
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

/* From one byte to another of an answer it is the one that has to come. */
static bool
is_expected(const struct load *l, struct slice in, size_t from, size_t to)
{
	const uint8_t *expected = buf_bytes(&l->answer).bytes;

	return from >= to ||
	    memcmp(in.bytes + from, expected + from, to - from) == 0;
}

static void
complain(const struct load *l, struct slice in)
{
	if (!l->o.redis)
		client_complain(in);
	die("Redis says %.*s", (int)smaller(in.len, COMPLAIN_BYTES),
	    (const char *)in.bytes);
}

/* How long the answer is at the start of in; 0: it is not all there. What
 * is there is compared once. */
static size_t
whole_answer(const struct load *l, struct conn *c, struct slice in)
{
	size_t bytes = buf_len(&l->answer), to = smaller(in.len, bytes);
	size_t gap = l->numbered ? ANSWER_MSGID : to;
	size_t behind = l->numbered ? ANSWER_MSGID_END : to;

	if (!l->o.raw &&
	    (!is_expected(l, in, c->seen, smaller(gap, to)) ||
		!is_expected(l, in, c->seen > behind ? c->seen : behind, to)))
		complain(l, in);
	c->seen = to < bytes ? to : 0;
	return to < bytes ? 0 : bytes;
}

/* The same when the answer is how many tasks the user has by now. */
static size_t
whole_count(const struct conn *c, struct slice in)
{
	uint64_t n = 0;
	size_t bytes = resp_read_number(in, &n);

	if (bytes > 0 && n != c->answered % USER_TASKS + 1)
		die("not the number of tasks that there must be: %llu",
		    (unsigned long long)n);
	return bytes;
}

/* The open unit that is answered: where answers have no msgid, they come in
 * order. */
static struct slot *
find_slot(const struct load *l, const struct conn *c, const uint8_t *answer)
{
	uint32_t msgid = MSGID_BASE | (uint32_t)c->answered;
	struct slot *s;

	if (l->numbered)
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
		size_t len =
		    l->counted ? whole_count(c, in) : whole_answer(l, c, in);

		if (len == 0)
			break;
		take_answer(l, c, in.bytes, now);
		in.bytes += len;
		in.len -= len;
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

/* -- the tasks before and after -- */

/* How many tasks a listing has from a place on, up to cuantas. */
static uint32_t
count_from(struct conn *c, uint64_t desde, uint64_t cuantas)
{
	struct term_reader r;
	struct buf params;
	uint32_t n;

	buf_init(&params);
	term_write_array(&params, 2);
	term_write_cstr(&params, c->work.user);
	term_write_map(&params, 2);
	term_write_cstr(&params, "desde");
	term_write_uint(&params, desde);
	term_write_cstr(&params, "cuantas");
	term_write_uint(&params, cuantas);
	term_reader_init(&r,
	    client_ask(&c->client, "tareas.listar_tareas", &params));
	buf_release(&params);
	if (term_read_array(&r, &n) != E_OK)
		die("listar_tareas did not answer a list");
	return n;
}

/* The list has as many tasks as before the run. */
static void
check_tasks(const struct load *l, struct conn *c)
{
	if (count_from(c, l->o.tasks - 1, 2) != 1)
		die("the user has not %u tasks", l->o.tasks);
}

static void
redis_word(struct conn *c, const char *command)
{
	resp_command(&c->client.out, 2);
	resp_bulk(&c->client.out, slice_of(command));
	resp_bulk(&c->client.out, slice_of(c->work.user));
}

static void
add_tasks(const struct load *l, struct conn *c)
{
	if (l->o.redis) {
		operation_push_tasks(l->o.operation, &c->work, &c->client.out);
		resp_ask_number(&c->client, l->o.tasks);
	} else {
		operation_add_tasks(l->o.operation, &c->work, &c->client.out);
		check_tasks(l, c);
	}
}

static uint64_t
delete_tasks(struct conn *c)
{
	struct term_reader r;
	struct buf params;
	uint64_t n = 0;

	buf_init(&params);
	term_write_array(&params, 2);
	term_write_cstr(&params, c->work.user);
	term_write_str(&params, operation_title());
	term_reader_init(&r,
	    client_ask(&c->client, "tareas.eliminar_tarea", &params));
	if (term_read_uint(&r, &n) != E_OK)
		die("eliminar_tarea did not answer a number");
	buf_release(&params);
	return n;
}

static uint32_t
tasks_of_last_user(const struct load *l, const struct conn *c)
{
	return l->o.operation->adds ? c->user_tasks : l->o.tasks;
}

static void
clean_up_redis(const struct load *l, struct conn *c)
{
	uint32_t last = c->user_number;

	for (uint32_t u = last + 1; u > 0; u--) {
		name_user(l, c, u - 1);
		redis_word(c, "LLEN");
		resp_ask_number(&c->client,
		    u - 1 == last ? tasks_of_last_user(l, c) : USER_TASKS);
		redis_word(c, "DEL");
		resp_ask_number(&c->client, 1);
	}
}

static void
clean_up_tareas(const struct load *l, struct conn *c)
{
	uint64_t deleted = 0, added = c->tasks;

	if (!l->o.operation->adds) {
		check_tasks(l, c);
		return;
	}
	for (uint32_t u = c->user_number + 1; u > 0; u--) {
		name_user(l, c, u - 1);
		deleted += delete_tasks(c);
	}
	if (deleted != added)
		die("%llu tasks were added and %llu were there",
		    (unsigned long long)added, (unsigned long long)deleted);
}

static void
clean_up(const struct load *l, struct conn *c)
{
	if (l->o.redis)
		clean_up_redis(l, c);
	else
		clean_up_tareas(l, c);
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
conn_init(struct load *l, uint32_t number)
{
	struct conn *c = &l->conns[number];

	c->number = number;
	c->work = (struct work){ .flight = l->o.flight,
		.tasks = l->o.tasks,
		.page = l->o.page,
		.users = l->o.users };
	buf_init(&c->unit.bytes);
	buf_init(&c->in);
	buf_init(&c->out);
	c->slots = calloc(l->mask + 1, sizeof(*c->slots));
	if (c->slots == NULL)
		abort();
	name_user(l, c, 0);
	write_unit(l, c);
}

static void
conn_start(struct load *l, uint32_t number, const struct cookie *cookie)
{
	struct conn *c = &l->conns[number];

	conn_init(l, number);
	client_connect(&c->client, l->o.port);
	if (l->numbered)
		client_shake_hands(&c->client, cookie, "load");
	if (!l->o.raw && !l->o.operation->adds && l->o.users == 0)
		add_tasks(l, c);
	watch(l, c);
}

static void
conn_end(const struct load *l, struct conn *c)
{
	if (!l->o.raw && l->o.users == 0)
		clean_up(l, c);
	client_close(&c->client);
	buf_release(&c->unit.bytes);
	buf_release(&c->in);
	buf_release(&c->out);
	free(c->slots);
}

static void
start(struct load *l)
{
	struct cookie cookie = { .len = 0 };

	if (l->numbered)
		client_cookie(l->o.cookie_file, &cookie);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (uint32_t i = 0; i < l->o.connections; i++)
		conn_start(l, i, &cookie);
	cookie_clear(&cookie);
}

static void
prepare(struct load *l)
{
	const struct operation *op = l->o.operation;
	const struct dialect *d = l->o.redis ? &op->redis : &op->tareas;
	bool batch = op->batch;
	struct work work = { .tasks = l->o.tasks,
		.page = l->o.page,
		.users = l->o.users };

	if (d->write == NULL)
		die("Redis has no %s", op->name);
	if (op->vary == VARY_PAGE && l->o.tasks % l->o.page != 0)
		die("all pages have to be of one size");
	l->label = randombytes_random();
	l->random = l->label | 1;
	l->vary = operation_varies(op, &work);
	l->numbered = !l->o.raw && !l->o.redis;
	l->counted = l->o.redis && d->answer == NULL;
	l->unit_operations = batch ? l->o.flight : 1;
	l->units = batch ? 1 : l->o.flight;
	while (l->mask + 1 < l->units)
		l->mask = 2 * l->mask + 1;
	l->conns = calloc(l->o.connections, sizeof(*l->conns));
	if (l->conns == NULL)
		abort();
	if (!l->counted)
		d->answer(&work, &l->answer);
}

static uint64_t
server_cpu_ns(const struct load *l)
{
	return l->o.pid == 0 ? 0 : process_cpu_ns(l->o.pid);
}

static struct figures
measure(struct load *l)
{
	uint64_t units =
	    (l->o.count + l->unit_operations - 1) / l->unit_operations;
	uint64_t cpu, own, began;
	struct figures f;

	l->latency = (struct histogram){ .count = 0 };
	l->done = 0;
	cpu = server_cpu_ns(l);
	own = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	began = now_ns();
	pump(l, l->o.seconds, units);
	f.seconds = (double)(now_ns() - began) / 1e9;
	cpu = server_cpu_ns(l) - cpu;
	own = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - own;
	f.operations = (double)l->done * l->unit_operations;
	f.cpu_us = l->o.pid == 0 ? NAN : (double)cpu / 1e3 / f.operations;
	f.own_us = (double)own / 1e3 / f.operations;
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
	printf("%s,%u,%u,%.0f,%.3f,%.0f,%.4f,%.1f,%.1f,%.1f",
	    o->operation->name, o->connections, o->flight, f->operations,
	    f->seconds, f->operations / f->seconds, f->cpu_us, f->p50_us,
	    f->p99_us, f->p999_us);
	if (o->own_cpu)
		printf(",%.4f", f->own_us);
	putchar('\n');
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

	conn_init(l, 0);
	printf("%zu %zu\n", buf_len(&c->unit.bytes), buf_len(&l->answer));
}

/* -- options -- */

static void
print_help(void)
{
	puts("usage: load --port N [OPTION]...\n"
	     "Puts a load on a server of this machine and measures it.\n"
	     "\n"
	     "  --operation NAME   listar, pagina (of a long listing), agregar "
	     "(calls),\n"
	     "                     cast (agregar as casts), eliminar (and add "
	     "again)\n"
	     "  --connections C    default 1\n"
	     "  --flight D         operations in flight on each (default 1)\n"
	     "  --seconds S        how long to measure (default 1)\n"
	     "  --count N          measure N operations, however long it "
	     "takes\n"
	     "  --tasks N          tasks of a user, for all but agregar and "
	     "cast (default\n"
	     "                     3)\n"
	     "  --page N           tasks of a page (default 1000)\n"
	     "  --users N          listar, agregar: any of the users that "
	     "`fill` made\n"
	     "  --pid PID          the server's, for its CPU time\n"
	     "  --own-cpu          say what CPU time the load takes, too\n"
	     "  --cookie-file F    the server's\n"
	     "  --redis            the server is Redis: lists of the same "
	     "tasks\n"
	     "  --raw              the server is echo: no handshake\n"
	     "  --sizes            only print the bytes of a unit and of its "
	     "answer\n"
	     "\n"
	     "stdout: operation,connections,flight,operations,seconds,"
	     "operations_per_s,\n"
	     "cpu_us,p50_us,p99_us,p999_us, with --own-cpu also own_cpu_us");
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
	case 'g':
		o->page = number_of("page", optarg, TASKS_MAX);
		break;
	case 'u':
		o->users = number_of("users", optarg, USERS_MAX);
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
	int raw = 0, redis = 0, own_cpu = 0, sizes = 0, option;
	const struct option options[] = {
		{ "operation", required_argument, NULL, 'o' },
		{ "port", required_argument, NULL, 'p' },
		{ "connections", required_argument, NULL, 'c' },
		{ "flight", required_argument, NULL, 'd' },
		{ "seconds", required_argument, NULL, 's' },
		{ "count", required_argument, NULL, 'n' },
		{ "tasks", required_argument, NULL, 't' },
		{ "page", required_argument, NULL, 'g' },
		{ "users", required_argument, NULL, 'u' },
		{ "pid", required_argument, NULL, 'i' },
		{ "cookie-file", required_argument, NULL, 'k' },
		{ "raw", no_argument, &raw, 1 },
		{ "redis", no_argument, &redis, 1 },
		{ "own-cpu", no_argument, &own_cpu, 1 },
		{ "sizes", no_argument, &sizes, 1 },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};

	*o = (struct options){ .operation = operation_find("listar"),
		.seconds = 1,
		.connections = 1,
		.flight = 1,
		.tasks = 3,
		.page = 1000 };
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(o, option);
	o->raw = raw != 0;
	o->redis = redis != 0;
	o->own_cpu = own_cpu != 0;
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

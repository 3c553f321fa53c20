/*
 * A chat room's load: one sender, M members who get all that it sends. It
 * counts deliveries, how long each takes from its sending, and what CPU time
 * the server spends on one. With --redis the same text goes through PUBLISH
 * to M subscribers.
 *
 * The sender keeps --flight messages on their way to all members, or with
 * --rate sends so many a second, whatever comes back; the latency is then
 * counted from the time at which it should have been sent. --silent members
 * stop reading when the measure begins, with small receive buffers, so that
 * what is for them soon waits in the server.
 *
 * The happy path is: the room, its members, a while to get warm, the
 * measured time, the messages still on their way. Failure modes are all the
 * same: die. A member has to get every message once, in order, byte by byte
 * as it was sent; Redis has to answer that each went to all.
 */
#include <getopt.h>
#include <math.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "tests/bench/histogram.h"
#include "tests/bench/resp.h"

enum {
	MEMBERS_MAX = 9999,
	FLIGHT_MAX = 1024,
	RATE_MAX = 100000,
	TEXT_MAX = 4096,
	READ_BYTES = 64 * 1024,
	EVENTS = 256,
	RING = 65536, /* messages whose time of sending is known */
	SILENT_BYTES = 4096, /* receive buffer of one that does not read */
	ROOM_BYTES = 32,
	SPARE_FILES = 16,
};

struct options {
	const char *cookie_file;
	double seconds;
	uint32_t members;
	uint32_t silent; /* of these */
	uint32_t flight;
	uint32_t rate; /* messages/s; 0: as many as go */
	uint32_t text; /* bytes */
	uint32_t pid; /* of the server; 0: CPU time is not asked for */
	uint16_t port;
	bool redis;
};

struct member {
	struct client client;
	struct buf rest; /* a message that is not whole yet */
	uint64_t got; /* messages */
	bool joined;
	bool silent; /* not counted, and soon not reading */
};

struct fanout {
	struct options o;
	char room[ROOM_BYTES];
	struct buf send; /* one message of the sender */
	struct buf head; /* a delivery before the number, as it must be */
	struct buf tail; /* and behind the time */
	struct member *members;
	struct member sender; /* a member too: it may have to be */
	uint32_t readers; /* members that read */
	int epoll;
	int timer;
	bool sending;
	bool measured;
	uint64_t sent; /* messages */
	uint64_t answered; /* of them */
	uint64_t delivered; /* to readers, since the start */
	uint64_t due_ns; /* when the next one is to be sent, with a rate */
	uint64_t sent_ns[RING];
	struct histogram latency; /* ns */
	uint8_t bytes[READ_BYTES * 2]; /* what was received last */
};

/* -- what is sent and delivered -- */

static struct slice
text_of(const struct fanout *f)
{
	static uint8_t text[TEXT_MAX];

	memset(text, 'x', sizeof(text));
	return slice_bytes(text, f->o.text);
}

static void
write_call(struct buf *b, const char *method, const struct fanout *f,
    const struct slice *text)
{
	struct buf params;

	buf_init(&params);
	term_write_array(&params, text == NULL ? 1 : 2);
	term_write_cstr(&params, f->room);
	if (text != NULL)
		term_write_str(&params, *text);
	rpc_write_request(b, 1, slice_of(method), buf_bytes(&params));
	buf_release(&params);
}

/* [2, "chat.message", [room, n, at, user, text]] */
static void
prepare_tareas(struct fanout *f)
{
	struct slice text = text_of(f);

	write_call(&f->send, "chat.send", f, &text);
	term_write_array(&f->head, 3);
	term_write_uint(&f->head, RPC_NOTIFY);
	term_write_cstr(&f->head, "chat.message");
	term_write_array(&f->head, 5);
	term_write_cstr(&f->head, f->room);
	term_write_cstr(&f->tail, "sender");
	term_write_str(&f->tail, text);
}

static void
prepare_redis(struct fanout *f)
{
	resp_command(&f->send, 3);
	resp_bulk(&f->send, slice_of("PUBLISH"));
	resp_bulk(&f->send, slice_of(f->room));
	resp_bulk(&f->send, text_of(f));
	resp_command(&f->head, 3);
	resp_bulk(&f->head, slice_of("message"));
	resp_bulk(&f->head, slice_of(f->room));
	resp_bulk(&f->head, text_of(f));
}

/* -- deliveries -- */

static void
count_delivery(struct fanout *f, struct member *m, uint64_t now)
{
	uint64_t sent_ns = f->sent_ns[m->got % RING];

	m->got++;
	if (m == &f->sender || m->silent)
		return;
	f->delivered++;
	if (f->measured)
		histogram_add(&f->latency, now > sent_ns ? now - sent_ns : 0);
}

/* Reads an unsigned number as MessagePack has it. 0: it is not all there. */
static size_t
read_uint(struct slice in, uint64_t *out)
{
	size_t len = 0;

	if (in.len == 0)
		return 0;
	if (in.bytes[0] < 0x80) {
		*out = in.bytes[0];
		return 1;
	}
	if (in.bytes[0] < 0xcc || in.bytes[0] > 0xcf)
		die("a message without a number");
	len = (size_t)1 << (in.bytes[0] - 0xcc);
	if (in.len <= len)
		return 0;
	*out = 0;
	for (size_t i = 1; i <= len; i++)
		*out = *out << 8 | in.bytes[i];
	return 1 + len;
}

/* How long the delivery is at the start of in, which begins as one. */
static size_t
read_delivery(const struct fanout *f, const struct member *m, struct slice in)
{
	size_t head = buf_len(&f->head), tail = buf_len(&f->tail), at = head, n;
	uint64_t number, at_ms;

	n = read_uint(slice_bytes(in.bytes + at, in.len - at), &number);
	at += n;
	if (n == 0 ||
	    (n = read_uint(slice_bytes(in.bytes + at, in.len - at), &at_ms)) ==
		0)
		return 0;
	at += n;
	if (in.len - at < tail)
		return 0;
	if (number != m->got + 1 ||
	    memcmp(in.bytes + at, buf_bytes(&f->tail).bytes, tail) != 0)
		die("a member got another message than the next one");
	return at + tail;
}

/* An answer, or news of who came: not what is counted. */
static size_t
read_other(struct fanout *f, struct member *m, struct slice in)
{
	struct term_check check;
	struct rpc r;

	term_check_init(&check, LIMIT_FRAME);
	switch (term_check(&check, in)) {
	case TERM_MORE:
		return 0;
	case TERM_WHOLE:
		break;
	default:
		die("a message that is none");
	}
	in = slice_bytes(in.bytes, check.pos);
	if (rpc_decode(in, &r) != E_OK)
		die("a message that is none");
	if (r.kind == RPC_RESPONSE && rpc_read_error(r.error, NULL) == E_OK) {
		f->answered += m->joined ? 1 : 0;
		m->joined = true;
	} else if (r.kind != RPC_NOTIFY ||
	    !slice_equal(r.method, slice_of("chat.joined"))) {
		client_complain(in);
	}
	return check.pos;
}

static bool
begins_as_delivery(const struct fanout *f, struct slice in)
{
	size_t head = buf_len(&f->head);

	return in.len >= head &&
	    memcmp(in.bytes, buf_bytes(&f->head).bytes, head) == 0;
}

static size_t
take_tareas(struct fanout *f, struct member *m, struct slice in, uint64_t now)
{
	size_t len;

	if (!begins_as_delivery(f, in))
		return read_other(f, m, in);
	len = read_delivery(f, m, in);
	if (len > 0)
		count_delivery(f, m, now);
	return len;
}

static size_t
take_redis(struct fanout *f, struct member *m, struct slice in, uint64_t now)
{
	uint64_t n = 0;
	size_t len;

	if (m == &f->sender) {
		len = resp_read_number(in, &n);
		if (len > 0 && n != f->o.members)
			die("Redis sent it to %llu", (unsigned long long)n);
		f->answered += len > 0 ? 1 : 0;
		return len;
	}
	len = buf_len(&f->head);
	if (in.len < len)
		return 0;
	if (!begins_as_delivery(f, in))
		die("a subscriber got another message");
	count_delivery(f, m, now);
	return len;
}

/* -- sockets -- */

static void
receive(struct fanout *f, struct member *m)
{
	size_t used = 0, len = buf_len(&m->rest), n;
	ssize_t got;
	uint64_t now;

	if (len > 0)
		memcpy(f->bytes, buf_bytes(&m->rest).bytes, len);
	got = recv(m->client.fd, f->bytes + len, READ_BYTES, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0)
		die("a connection ended: %s",
		    got == 0 ? "closed" : strerror(errno));
	len += (size_t)got;
	now = now_ns();
	do {
		struct slice in = slice_bytes(f->bytes + used, len - used);

		n = f->o.redis ? take_redis(f, m, in, now) :
				 take_tareas(f, m, in, now);
		used += n;
	} while (n > 0 && used < len);
	buf_clear(&m->rest);
	buf_add(&m->rest, slice_bytes(f->bytes + used, len - used));
}

static void
add_message(struct fanout *f, uint64_t now)
{
	f->sent_ns[f->sent++ % RING] = now;
	buf_add(&f->sender.client.out, buf_bytes(&f->send));
}

static uint64_t
on_their_way(const struct fanout *f)
{
	return f->sent - f->delivered / f->readers;
}

static void
fill(struct fanout *f)
{
	uint64_t now = now_ns();

	while (f->sending && f->o.rate == 0 && on_their_way(f) < f->o.flight)
		add_message(f, now);
	while (f->sending && f->o.rate > 0 && f->due_ns <= now) {
		add_message(f, f->due_ns);
		f->due_ns += UINT64_C(1000000000) / f->o.rate;
	}
	if (on_their_way(f) >= RING)
		die("the server is %d messages behind", RING);
	client_send(&f->sender.client); /* few and small: there is room */
}

static void
step(struct fanout *f)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(f->epoll, events, EVENTS, CLIENT_PATIENCE_S * 1000);
	uint64_t ticks;

	if (n < 0 && errno != EINTR)
		die("epoll: %s", strerror(errno));
	if (n == 0)
		die("nothing came for %d s", CLIENT_PATIENCE_S);
	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr != NULL)
			receive(f, events[i].data.ptr);
		else if (read(f->timer, &ticks, sizeof(ticks)) < 0)
			die("timer: %s", strerror(errno));
	}
	fill(f);
}

static void
watch(struct fanout *f, int fd, struct member *m)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = m };

	if (epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &e) != 0)
		die("epoll: %s", strerror(errno));
}

/* -- life -- */

static void
subscribe(struct fanout *f, struct member *m)
{
	struct buf expected;

	resp_command(&m->client.out, 2);
	resp_bulk(&m->client.out, slice_of("SUBSCRIBE"));
	resp_bulk(&m->client.out, slice_of(f->room));
	client_send(&m->client);
	buf_init(&expected);
	resp_command(&expected, 3);
	resp_bulk(&expected, slice_of("subscribe"));
	resp_bulk(&expected, slice_of(f->room));
	buf_add(&expected, slice_of(":1\r\n"));
	resp_expect(&m->client, buf_bytes(&expected));
	buf_release(&expected);
	watch(f, m->client.fd, m);
}

static void
join(struct fanout *f, struct member *m)
{
	write_call(&m->client.out, "chat.join", f, NULL);
	client_send(&m->client);
	watch(f, m->client.fd, m);
	while (!m->joined)
		step(f);
}

static void
member_start(struct fanout *f, struct member *m, const struct cookie *cookie,
    const char *user)
{
	buf_init(&m->rest);
	client_connect(&m->client, f->o.port);
	if (!f->o.redis)
		client_shake_hands(&m->client, cookie, user);
}

static void
sender_start(struct fanout *f, const struct cookie *cookie)
{
	struct buf params;

	member_start(f, &f->sender, cookie, "sender");
	if (f->o.redis) {
		watch(f, f->sender.client.fd, &f->sender);
		return;
	}
	buf_init(&params);
	term_write_array(&params, 1);
	term_write_cstr(&params, f->room);
	client_ask(&f->sender.client, "chat.create_room", &params);
	buf_release(&params);
	join(f, &f->sender);
}

static void
start(struct fanout *f)
{
	struct cookie cookie = { .len = 0 };
	char user[32];

	if (!f->o.redis)
		client_cookie(f->o.cookie_file, &cookie);
	snprintf(f->room, sizeof(f->room), "sala %08x", randombytes_random());
	if (f->o.redis)
		prepare_redis(f);
	else
		prepare_tareas(f);
	f->readers = f->o.members - f->o.silent;
	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	f->members = calloc(f->o.members, sizeof(*f->members));
	if (f->members == NULL)
		abort();
	sender_start(f, &cookie);
	for (uint32_t i = 0; i < f->o.members; i++) {
		struct member *m = &f->members[i];

		snprintf(user, sizeof(user), "member %u", i);
		member_start(f, m, &cookie, user);
		m->silent = i >= f->readers;
		if (f->o.redis)
			subscribe(f, m);
		else
			join(f, m);
	}
	cookie_clear(&cookie);
}

/* From now on the last members do not read. */
static void
silence(struct fanout *f)
{
	int small = SILENT_BYTES;

	for (uint32_t i = f->readers; i < f->o.members; i++) {
		struct member *m = &f->members[i];

		if (setsockopt(m->client.fd, SOL_SOCKET, SO_RCVBUF, &small,
			sizeof(small)) != 0 ||
		    epoll_ctl(f->epoll, EPOLL_CTL_DEL, m->client.fd, NULL) != 0)
			die("silence: %s", strerror(errno));
	}
}

static void
start_sending(struct fanout *f)
{
	uint64_t every = f->o.rate > 0 ? UINT64_C(1000000000) / f->o.rate : 0;
	struct itimerspec spec = {
		.it_value.tv_nsec = (long)(every % 1000000000),
		.it_value.tv_sec = (time_t)(every / 1000000000),
	};

	spec.it_interval = spec.it_value;
	f->sending = true;
	f->due_ns = now_ns() + every;
	if (every > 0) {
		f->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
		if (f->timer < 0 ||
		    timerfd_settime(f->timer, 0, &spec, NULL) != 0)
			die("timer: %s", strerror(errno));
		watch(f, f->timer, NULL);
	}
	fill(f);
}

static void
pump(struct fanout *f, double seconds)
{
	uint64_t until = now_ns() + (uint64_t)(seconds * 1e9);

	while (now_ns() < until)
		step(f);
}

static uint64_t
cpu_ns(const struct fanout *f)
{
	return f->o.pid == 0 ? 0 : process_cpu_ns(f->o.pid);
}

/* Every message that was sent came to all who read, and was answered. */
static void
finish(struct fanout *f)
{
	f->sending = false;
	while (f->delivered < f->sent * f->readers || f->answered < f->sent)
		step(f);
	for (uint32_t i = 0; i < f->readers; i++)
		if (f->members[i].got != f->sent)
			die("a member got %llu messages of %llu",
			    (unsigned long long)f->members[i].got,
			    (unsigned long long)f->sent);
}

static double
quantile_us(const struct fanout *f, double share)
{
	return (double)histogram_quantile(&f->latency, share) / 1e3;
}

static void
run(struct fanout *f)
{
	uint64_t began, cpu, own, before;
	double seconds, n;

	start_sending(f);
	pump(f, f->o.seconds / 5);
	before = f->delivered - f->delivered % f->readers;
	silence(f);
	f->measured = true;
	cpu = cpu_ns(f);
	own = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	began = now_ns();
	pump(f, f->o.seconds);
	cpu = cpu_ns(f) - cpu;
	own = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - own;
	seconds = (double)(now_ns() - began) / 1e9;
	n = (double)(f->delivered - before);
	f->measured = false;
	finish(f);
	printf("%u,%u,%.0f,%.3f,%.0f,%.4f,%.1f,%.1f,%.1f,%.4f\n", f->o.members,
	    f->o.silent, n, seconds, n / seconds,
	    f->o.pid == 0 ? NAN : (double)cpu / 1e3 / n, quantile_us(f, 0.5),
	    quantile_us(f, 0.99), quantile_us(f, 0.999), (double)own / 1e3 / n);
}

/* -- options -- */

static void
print_help(void)
{
	puts("usage: fanout --port N [OPTION]...\n"
	     "One sender, many members of a chat room.\n"
	     "\n"
	     "  --members M       default 1000\n"
	     "  --silent K        of them stop reading (default 0)\n"
	     "  --flight W        messages on their way (default 16)\n"
	     "  --rate R          messages a second instead\n"
	     "  --text BYTES      of a message (default 60)\n"
	     "  --seconds S       how long to measure (default 1)\n"
	     "  --pid PID         the server's, for its CPU time\n"
	     "  --cookie-file F   the server's\n"
	     "  --redis           the server is Redis: PUBLISH, SUBSCRIBE\n"
	     "\n"
	     "stdout: members,silent,deliveries,seconds,deliveries_per_s,"
	     "cpu_us,p50_us,\n"
	     "p99_us,p999_us,own_cpu_us");
}

static void
take_option(struct options *o, int option)
{
	switch (option) {
	case 'p':
		o->port = (uint16_t)number_of("port", optarg, UINT16_MAX);
		break;
	case 'm':
		o->members = number_of("members", optarg, MEMBERS_MAX);
		break;
	case 'x':
		o->silent = number_of("silent", optarg, MEMBERS_MAX);
		break;
	case 'd':
		o->flight = number_of("flight", optarg, FLIGHT_MAX);
		break;
	case 'r':
		o->rate = number_of("rate", optarg, RATE_MAX);
		break;
	case 't':
		o->text = number_of("text", optarg, TEXT_MAX);
		break;
	case 's':
		o->seconds = seconds_of(optarg);
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
	int redis = 0, option;
	const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "members", required_argument, NULL, 'm' },
		{ "silent", required_argument, NULL, 'x' },
		{ "flight", required_argument, NULL, 'd' },
		{ "rate", required_argument, NULL, 'r' },
		{ "text", required_argument, NULL, 't' },
		{ "seconds", required_argument, NULL, 's' },
		{ "pid", required_argument, NULL, 'i' },
		{ "cookie-file", required_argument, NULL, 'k' },
		{ "redis", no_argument, &redis, 1 },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};

	*o = (struct options){ .seconds = 1,
		.members = 1000,
		.flight = 16,
		.text = 60 };
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(o, option);
	o->redis = redis != 0;
	if (optind != argc || o->port == 0 || o->silent >= o->members)
		die("usage: fanout --port N [OPTION]... (see --help)");
}

int
main(int argc, char *argv[])
{
	static struct fanout f; /* zero, and too large for the stack */

	read_options(&f.o, argc, argv);
	if (sodium_init() < 0)
		die("no randomness");
	raise_files(f.o.members + SPARE_FILES);
	start(&f);
	run(&f);
	return 0;
}

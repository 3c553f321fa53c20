/*
 * The happy path is: libevent tells what is ready, streams hand their bytes
 * on, then the node has its turn, then what was closed is freed.
 *
 * Failure modes are: a write that fails (the ended event comes later, from
 * the top), no descriptors left (the listener pauses), a name that nobody
 * knows. Looking a name up blocks: only a program's start and a client's
 * connect do it, and never for a numeric address.
 */
#include "common/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sodium.h>

#include "common/lang.h"
#include "common/timer.h"
#include "proto/limits.h"

enum {
	READ_BYTES = 64 * 1024, /* one buffer for all streams */
	ACCEPT_BATCH = 64, /* connections taken in one go */
	BACKLOG = 1024,
};

struct loop_stream {
	struct stream base;
	struct loop *loop;
	struct event read;
	struct event *write; /* NULL until it was needed */
	SLIST_ENTRY(loop_stream) dead;
	struct addrinfo *addresses; /* while connecting: all that are left */
	struct addrinfo *next;
	int fd;
	int error; /* of a write, told with the next event */
	bool connecting;
	bool want_read; /* from the opened event on */
	bool far_finished; /* said so: no bytes will come */
	bool ended; /* broken or closed: nothing goes either way */
};

/* A listening socket from outside, for whoever listens on its address. */
struct adopted {
	STAILQ_ENTRY(adopted) entry;
	struct sockaddr_storage at;
	int fd; /* stays open until the loop ends: the kernel holds who comes */
	bool used;
};

struct listener {
	struct loop *loop;
	const struct listener_events *events;
	void *owner;
	struct event accept;
	struct event pause; /* after a failed accept */
	struct adopted *adopted; /* whose fd it is; NULL: its own */
	int fd;
	bool on;
};

struct watch {
	struct event event;
	void (*ready)(void *arg);
	void *arg;
};

struct loop {
	struct world world;
	struct event_base *base;
	struct event timer;
	bool wake;
	bool stop;
	SLIST_HEAD(, loop_stream) dead;
	STAILQ_HEAD(, adopted) adopted;
	uint8_t buffer[READ_BYTES];
};

static struct loop *
loop_of(struct world *w)
{
	return (struct loop *)w;
}

/* -- clock, chance, wake-up -- */

static uint64_t
clock_ms(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t
now_ms(struct world *w)
{
	(void)w;
	return clock_ms(CLOCK_MONOTONIC);
}

static uint64_t
utc_ms(struct world *w)
{
	(void)w;
	return clock_ms(CLOCK_REALTIME);
}

static void
fill_random(struct world *w, void *out, size_t len)
{
	(void)w;
	randombytes_buf(out, len);
}

static void
wake(struct world *w)
{
	loop_of(w)->wake = true;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	(void)fd;
	(void)what;
	l->wake = true;
}

static void
take_turn(struct loop *l)
{
	if (!l->wake || l->world.turn == NULL)
		return;
	l->wake = false;
	l->world.turn(l->world.node);
}

static void
wake_at(struct world *w, uint64_t at_ms)
{
	struct loop *l = loop_of(w);
	uint64_t now = now_ms(w);
	uint64_t ms = at_ms > now ? at_ms - now : 0;
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	if (at_ms == TIMER_NEVER)
		event_del(&l->timer);
	else
		event_add(&l->timer, &tv);
}

/* -- streams -- */

/* What people can do something about; marked for the catalogue. */
static const char *
error_text(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return N_("connection refused");
	case ECONNRESET:
	case EPIPE:
		return N_("the connection was reset");
	case ETIMEDOUT:
		return N_("no answer");
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
		return N_("no way to that address");
	case EADDRINUSE:
		return N_("the port is in use");
	case EACCES:
	case EPERM:
		return N_("not permitted");
	case EMFILE:
	case ENFILE:
		return N_("too many open files");
	default:
		return N_("the network failed");
	}
}

/* The end of the far side's half leaves ours open: answers still leave. */
static void
tell_ended(struct loop_stream *s, enum err e, const char *why)
{
	event_del(&s->read);
	s->far_finished = true;
	s->ended = e != E_OK;
	if (s->ended && s->write != NULL)
		event_del(s->write);
	s->base.events->ended(s->base.owner, e, why);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct loop_stream *s = arg;
	ssize_t n;

	(void)what;
	if (s->ended)
		return;
	if (s->error != 0) {
		tell_ended(s, E_NOCONNECTION, error_text(s->error));
		return;
	}
	n = recv(fd, s->loop->buffer, READ_BYTES, 0);
	if (n > 0) {
		s->base.events->bytes(s->base.owner,
		    slice_bytes(s->loop->buffer, (size_t)n));
		if (s->loop->world.hurry)
			take_turn(s->loop);
	} else if (n == 0)
		tell_ended(s, E_OK, N_("the other side closed"));
	else if (errno != EAGAIN && errno != EINTR)
		tell_ended(s, E_NOCONNECTION, error_text(errno));
}

static void connect_next(struct loop_stream *s);

/* The first event of a connecting stream says how that went. */
static void
on_connected(struct loop_stream *s)
{
	int error = 0;
	socklen_t len = sizeof(error);

	event_del(s->write);
	getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	s->error = error;
	if (error != 0) {
		connect_next(s);
		return;
	}
	s->connecting = false;
	freeaddrinfo(s->addresses);
	s->addresses = NULL;
	if (s->want_read)
		event_add(&s->read, NULL);
	s->base.events->opened(s->base.owner);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct loop_stream *s = arg;

	(void)fd;
	(void)what;
	if (s->connecting)
		on_connected(s);
	else
		s->base.events->writable(s->base.owner);
}

static size_t
stream_do_write(struct stream *base, struct slice bytes)
{
	struct loop_stream *s = (struct loop_stream *)base;
	ssize_t n;

	if (s->error != 0 || s->ended || bytes.len == 0)
		return 0;
	n = send(s->fd, bytes.bytes, bytes.len, MSG_NOSIGNAL);
	if (n >= 0)
		return (size_t)n;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	s->error = errno;
	event_active(&s->read, EV_READ, 0);
	return 0;
}

static void
stream_do_want_write(struct stream *base, bool on)
{
	struct loop_stream *s = (struct loop_stream *)base;

	if (s->ended)
		return;
	if (on && s->write == NULL) {
		s->write = event_new(s->loop->base, s->fd,
		    EV_WRITE | EV_PERSIST, on_writable, s);
		if (s->write == NULL)
			abort();
	}
	if (on)
		event_add(s->write, NULL);
	else if (s->write != NULL)
		event_del(s->write);
}

static void
stream_do_want_read(struct stream *base, bool on)
{
	struct loop_stream *s = (struct loop_stream *)base;

	s->want_read = on;
	if (s->connecting || s->far_finished || s->ended)
		return;
	if (on)
		event_add(&s->read, NULL);
	else
		event_del(&s->read);
}

static void
stream_do_finish(struct stream *base)
{
	struct loop_stream *s = (struct loop_stream *)base;

	shutdown(s->fd, SHUT_WR);
}

static void
drop_fd(struct loop_stream *s)
{
	if (s->fd < 0)
		return;
	event_del(&s->read);
	if (s->write != NULL)
		event_free(s->write);
	s->write = NULL;
	close(s->fd);
	s->fd = -1;
}

static void
stream_do_close(struct stream *base)
{
	struct loop_stream *s = (struct loop_stream *)base;

	s->ended = true;
	drop_fd(s);
	SLIST_INSERT_HEAD(&s->loop->dead, s, dead);
}

static const struct stream_ops stream_ops = {
	.write = stream_do_write,
	.want_write = stream_do_want_write,
	.want_read = stream_do_want_read,
	.finish = stream_do_finish,
	.close = stream_do_close,
};

/* Nagle off; keepalive finds dead hosts in about a minute. */
static void
tune(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, LIMIT_PING_MS / 1000 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 15 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 3 },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		/* Not every kind of socket has all; it works without. */
		(void)setsockopt(fd, options[i].level, options[i].name,
		    &options[i].value, sizeof(options[i].value));
}

static struct loop_stream *
loop_stream_new(struct loop *l)
{
	struct loop_stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	s->base.ops = &stream_ops;
	s->loop = l;
	s->fd = -1;
	return s;
}

static void
use_fd(struct loop_stream *s, int fd)
{
	s->fd = fd;
	tune(fd);
	event_assign(&s->read, s->loop->base, fd, EV_READ | EV_PERSIST,
	    on_readable, s);
}

static void
free_dead(struct loop *l)
{
	struct loop_stream *s;

	while ((s = SLIST_FIRST(&l->dead)) != NULL) {
		SLIST_REMOVE_HEAD(&l->dead, dead);
		if (s->addresses != NULL)
			freeaddrinfo(s->addresses);
		free(s);
	}
}

/* -- connecting -- */

/* Starts with one address. False with s->error when it fails at once. */
static bool
connect_to(struct loop_stream *s, const struct addrinfo *a)
{
	int fd = socket(a->ai_family,
	    a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);

	if (fd < 0) {
		s->error = errno;
		return false;
	}
	use_fd(s, fd);
	if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 &&
	    errno != EINPROGRESS) {
		s->error = errno;
		return false;
	}
	s->error = 0;
	stream_do_want_write(&s->base, true);
	return true;
}

/* Goes on with the next address of the name, or says that none worked. */
static void
connect_next(struct loop_stream *s)
{
	while (s->next != NULL) {
		const struct addrinfo *a = s->next;

		s->next = a->ai_next;
		drop_fd(s);
		if (connect_to(s, a))
			return;
	}
	s->ended = true;
	drop_fd(s);
	s->base.events->ended(s->base.owner, E_UNREACHABLE,
	    error_text(s->error));
}

static enum err
resolve(const struct address *a, int flags, struct addrinfo **out,
    const char **why)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = flags };
	char port[8];

	snprintf(port, sizeof(port), "%u", a->port);
	if (getaddrinfo(a->host, port, &hints, out) == 0)
		return E_OK;
	*why = N_("nobody knows that name");
	return E_UNREACHABLE;
}

static enum err
do_connect(struct world *w, const struct address *to, struct stream **out,
    const char **why)
{
	struct loop_stream *s;
	struct addrinfo *all;
	enum err e = resolve(to, 0, &all, why);

	if (e != E_OK)
		return e;
	s = loop_stream_new(loop_of(w));
	s->connecting = true;
	s->addresses = s->next = all;
	while (s->next != NULL) {
		const struct addrinfo *a = s->next;

		s->next = a->ai_next;
		if (connect_to(s, a)) {
			*out = &s->base;
			return E_OK;
		}
		drop_fd(s);
	}
	*why = error_text(s->error);
	stream_do_close(&s->base);
	return E_UNREACHABLE;
}

/* -- listening -- */

static void
set_accepting(struct listener *l, bool on)
{
	if (on)
		event_add(&l->accept, NULL);
	else
		event_del(&l->accept);
}

static void
describe(const struct sockaddr *sa, socklen_t len, struct stream_peer *out)
{
	out->loopback = address_is_loopback(sa);
	if (getnameinfo(sa, len, out->text, sizeof(out->text), NULL, 0,
		NI_NUMERICHOST) != 0)
		snprintf(out->text, sizeof(out->text), "?");
}

/* Takes one connection. False: no more now. */
static bool
accept_one(struct listener *l)
{
	static const struct timeval pause = { .tv_usec = LIMIT_ACCEPT_PAUSE_MS *
		    1000 };
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	struct loop_stream *s;
	struct stream_peer peer;
	int fd = accept4(l->fd, (struct sockaddr *)&from, &len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM) {
			set_accepting(l, false);
			event_add(&l->pause, &pause);
			return false;
		}
		return errno == ECONNABORTED || errno == EINTR;
	}
	s = loop_stream_new(l->loop);
	use_fd(s, fd);
	describe((struct sockaddr *)&from, len, &peer);
	l->events->accepted(l->owner, &s->base, &peer);
	return true;
}

static void
on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)fd;
	(void)what;
	for (int i = 0; i < ACCEPT_BATCH && l->on; i++)
		if (!accept_one(l))
			break;
}

static void
on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)fd;
	(void)what;
	set_accepting(l, l->on);
}

/* A listening socket, or -1 with errno. */
static int
listen_fd(const struct addrinfo *a)
{
	int on = 1, saved;
	int fd = socket(a->ai_family,
	    a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static enum err
listen_err(int error)
{
	switch (error) {
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
	case ENETUNREACH:
		return E_UNREACHABLE;
	case EADDRINUSE:
		return E_EXISTS;
	default:
		return E_DENIED;
	}
}

/* Opens the first of a name's addresses that works. */
static enum err
open_one_of(const struct addrinfo *all, int *out, const char **why)
{
	int fd = -1;

	for (const struct addrinfo *a = all; a != NULL && fd < 0;
	     a = a->ai_next)
		fd = listen_fd(a);
	if (fd < 0) {
		*why = error_text(errno);
		return listen_err(errno);
	}
	*out = fd;
	return E_OK;
}

enum err
loop_open(const struct address *at, int *out, const char **why)
{
	struct addrinfo *all;
	enum err e = resolve(at, AI_PASSIVE, &all, why);

	if (e != E_OK)
		return e;
	e = open_one_of(all, out, why);
	freeaddrinfo(all);
	return e;
}

static uint16_t
port_of(const struct sockaddr_storage *at)
{
	if (at->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)at)->sin6_port);
	return ntohs(((const struct sockaddr_in *)at)->sin_port);
}

static bool
same_host(const struct sockaddr_storage *at, const struct sockaddr *sa)
{
	const struct sockaddr_in *a4 = (const void *)at;
	const struct sockaddr_in *b4 = (const void *)sa;
	const struct sockaddr_in6 *a6 = (const void *)at;
	const struct sockaddr_in6 *b6 = (const void *)sa;

	if (at->ss_family != sa->sa_family)
		return false;
	if (at->ss_family == AF_INET)
		return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return a6->sin6_scope_id == b6->sin6_scope_id &&
	    memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) == 0;
}

/* One that nobody uses now; port 0 goes with any. NULL: none. */
static struct adopted *
find_adopted(struct loop *l, const struct addrinfo *all, uint16_t port)
{
	struct adopted *a;

	for (const struct addrinfo *i = all; i != NULL; i = i->ai_next)
		STAILQ_FOREACH(a, &l->adopted, entry)
			if (!a->used && same_host(&a->at, i->ai_addr) &&
			    (port == 0 || port == port_of(&a->at)))
				return a;
	return NULL;
}

/* The socket for an address; *adopted is NULL when it is a new one. */
static enum err
listening_fd(struct loop *l, const struct address *at, struct adopted **adopted,
    int *fd, const char **why)
{
	struct addrinfo *all;
	enum err e = resolve(at, AI_PASSIVE, &all, why);

	if (e != E_OK)
		return e;
	*adopted = find_adopted(l, all, at->port);
	if (*adopted != NULL) {
		(*adopted)->used = true;
		*fd = (*adopted)->fd;
	} else {
		e = open_one_of(all, fd, why);
	}
	freeaddrinfo(all);
	return e;
}

static enum err
do_listen(struct world *w, const struct address *at,
    const struct listener_events *events, void *owner, struct listener **out,
    const char **why)
{
	struct adopted *adopted;
	struct listener *l;
	int fd;
	enum err e = listening_fd(loop_of(w), at, &adopted, &fd, why);

	if (e != E_OK)
		return e;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		abort();
	*l = (struct listener){ .loop = loop_of(w),
		.events = events,
		.owner = owner,
		.adopted = adopted,
		.fd = fd,
		.on = true };
	event_assign(&l->accept, l->loop->base, fd, EV_READ | EV_PERSIST,
	    on_acceptable, l);
	evtimer_assign(&l->pause, l->loop->base, on_pause_over, l);
	set_accepting(l, true);
	*out = l;
	return E_OK;
}

static uint16_t
do_listener_port(struct listener *l)
{
	struct sockaddr_storage at = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(at);

	getsockname(l->fd, (struct sockaddr *)&at, &len);
	return port_of(&at);
}

static void
do_listener_accept(struct listener *l, bool on)
{
	l->on = on;
	if (!evtimer_pending(&l->pause, NULL))
		set_accepting(l, on);
}

static void
do_listener_close(struct listener *l)
{
	event_del(&l->accept);
	event_del(&l->pause);
	if (l->adopted != NULL)
		l->adopted->used = false;
	else
		close(l->fd);
	free(l);
}

/* -- sockets from outside -- */

/* Whether it is a TCP socket that listens, and where. */
static bool
is_listening(int fd, struct sockaddr_storage *at, socklen_t *len)
{
	int on = 0, type = 0;
	socklen_t on_len = sizeof(on), type_len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &on_len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0 ||
	    getsockname(fd, (struct sockaddr *)at, len) < 0)
		return false;
	return on && type == SOCK_STREAM &&
	    (at->ss_family == AF_INET || at->ss_family == AF_INET6);
}

enum err
loop_adopt(struct loop *l, int fd, struct address *at)
{
	struct sockaddr_storage sa = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(sa);
	struct address found;
	struct adopted *a;

	if (!is_listening(fd, &sa, &len) ||
	    getnameinfo((struct sockaddr *)&sa, len, found.host,
		sizeof(found.host), NULL, 0, NI_NUMERICHOST) != 0)
		return E_BADARG;
	found.port = port_of(&sa);
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		abort();
	a->at = sa;
	a->fd = fd;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	STAILQ_INSERT_TAIL(&l->adopted, a, entry);
	*at = found;
	return E_OK;
}

static void
free_adopted(struct loop *l)
{
	struct adopted *a;

	while ((a = STAILQ_FIRST(&l->adopted)) != NULL) {
		STAILQ_REMOVE_HEAD(&l->adopted, entry);
		close(a->fd);
		free(a);
	}
}

/* -- the loop -- */

static enum err
step(struct world *w)
{
	struct loop *l = loop_of(w);
	int flags = EVLOOP_ONCE | (l->wake ? EVLOOP_NONBLOCK : 0);
	bool work = l->wake;

	if (event_base_loop(l->base, flags) == 1 && !work && !l->wake)
		return E_NOCONNECTION;
	w->hurry = false; /* this turn is whole: what was written leaves */
	take_turn(l);
	free_dead(l);
	return E_OK;
}

static const struct world_ops world_ops = {
	.now_ms = now_ms,
	.utc_ms = utc_ms,
	.random = fill_random,
	.wake = wake,
	.wake_at = wake_at,
	.step = step,
	.connect = do_connect,
	.listen = do_listen,
	.listener_port = do_listener_port,
	.listener_accept = do_listener_accept,
	.listener_close = do_listener_close,
};

static struct event_base *
base_new(enum loop_kind kind)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	if (config == NULL)
		return NULL;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	if (kind == LOOP_FILES)
		event_config_avoid_method(config, "epoll");
	base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

struct loop *
loop_new(enum loop_kind kind)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (l == NULL)
		abort();
	l->base = sodium_init() < 0 ? NULL : base_new(kind);
	if (l->base == NULL) {
		free(l);
		return NULL;
	}
	l->world.ops = &world_ops;
	SLIST_INIT(&l->dead);
	STAILQ_INIT(&l->adopted);
	evtimer_assign(&l->timer, l->base, on_timer, l);
	return l;
}

void
loop_free(struct loop *l)
{
	free_dead(l);
	free_adopted(l);
	event_del(&l->timer);
	event_base_free(l->base);
	free(l);
}

struct world *
loop_world(struct loop *l)
{
	return &l->world;
}

void
loop_run(struct loop *l)
{
	l->stop = false;
	while (!l->stop && step(&l->world) == E_OK)
		;
}

void
loop_stop(struct loop *l)
{
	l->stop = true;
}

/* -- a program's own descriptors and signals -- */

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;

	(void)fd;
	(void)what;
	w->ready(w->arg);
}

static struct watch *
watch_new(struct loop *l, int fd, short what, void (*ready)(void *arg),
    void *arg)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		abort();
	w->ready = ready;
	w->arg = arg;
	event_assign(&w->event, l->base, fd, (short)(what | EV_PERSIST),
	    on_ready, w);
	event_add(&w->event, NULL);
	return w;
}

struct watch *
loop_watch(struct loop *l, int fd, void (*ready)(void *arg), void *arg)
{
	return watch_new(l, fd, EV_READ, ready, arg);
}

void
watch_enable(struct watch *w, bool on)
{
	if (on)
		event_add(&w->event, NULL);
	else
		event_del(&w->event);
}

void
watch_free(struct watch *w)
{
	event_del(&w->event);
	free(w);
}

struct watch *
loop_signal(struct loop *l, int signo, void (*arrived)(void *arg), void *arg)
{
	return watch_new(l, signo, EV_SIGNAL, arrived, arg);
}

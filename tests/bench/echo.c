/*
 * The limit of the machine: the least that a server on raw libevent events
 * can do. It is told how long a request and its reply are. After each
 * REQUEST bytes it owes REPLY bytes that are always the same; one read takes
 * what is there, one write answers all of it. No parsing, no state but two
 * counters, no memory touched but the read buffer and the canned replies.
 *
 * The happy path is: readable, recv, send. Failure modes are: the socket is
 * full (reading stops until the rest is sent), the other side left.
 *
 * usage: echo --request BYTES --reply BYTES --port-file FILE
 */
#include <getopt.h>
#include <stdbool.h>

#include <event2/event.h>

#include "tests/bench/bench.h"

enum {
	READ_BYTES = 64 * 1024, /* as the server's */
	BACKLOG = 1024,
	CANNED_BYTES = 1024 * 1024, /* sent in one go, at most */
};

struct echo {
	struct event_base *base;
	size_t request; /* bytes */
	size_t reply; /* bytes */
	uint8_t buffer[READ_BYTES]; /* one for all connections */
	uint8_t canned[CANNED_BYTES]; /* any number of replies */
};

struct client {
	struct echo *echo;
	struct event *read;
	struct event *write; /* waits only while something is owed */
	size_t part; /* bytes of a request that is not whole yet */
	size_t owed; /* bytes of replies not sent yet */
};

static void
client_free(struct client *c)
{
	close(event_get_fd(c->read));
	event_free(c->read);
	event_free(c->write);
	free(c);
}

/* Sends what is owed as far as it goes. False: the connection broke. */
static bool
pay(struct client *c, int fd)
{
	size_t len = c->owed < CANNED_BYTES ? c->owed : CANNED_BYTES;
	ssize_t n = send(fd, c->echo->canned, len, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return false;
	c->owed -= n > 0 ? (size_t)n : 0;
	return true;
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;

	(void)what;
	if (!pay(c, fd)) {
		client_free(c);
	} else if (c->owed == 0) {
		event_del(c->write);
		event_add(c->read, NULL);
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	struct echo *e = c->echo;
	ssize_t n = recv(fd, e->buffer, READ_BYTES, 0);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_free(c);
		return;
	}
	c->part += (size_t)n;
	c->owed = c->part / e->request * e->reply;
	c->part %= e->request;
	if (c->owed > 0 && !pay(c, fd)) {
		client_free(c);
	} else if (c->owed > 0) {
		event_del(c->read);
		event_add(c->write, NULL);
	}
}

static void
on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct echo *e = arg;
	int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct client *c;

	(void)what;
	if (peer < 0)
		return;
	set_nodelay(peer);
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		abort();
	c->echo = e;
	c->read =
	    event_new(e->base, peer, EV_READ | EV_PERSIST, on_readable, c);
	c->write =
	    event_new(e->base, peer, EV_WRITE | EV_PERSIST, on_writable, c);
	if (c->read == NULL || c->write == NULL)
		abort();
	event_add(c->read, NULL);
}

/* A listening socket on a free port, which is put into *port. */
static int
listen_anywhere(uint16_t *port)
{
	struct sockaddr_in at = loopback(0);
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 ||
	    listen(fd, BACKLOG) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		die("cannot listen: %s", strerror(errno));
	*port = ntohs(at.sin_port);
	return fd;
}

/* By rename, as the server does it: whoever sees it sees all of it. */
static void
write_port(const char *path, uint16_t port)
{
	char temporary[4096];
	FILE *f;

	snprintf(temporary, sizeof(temporary), "%s.%ld", path, (long)getpid());
	f = fopen(temporary, "w");
	if (f == NULL || fprintf(f, "%u\n", port) < 0 || fclose(f) != 0 ||
	    rename(temporary, path) != 0)
		die("cannot write %s: %s", path, strerror(errno));
}

static const char *
read_options(struct echo *e, int argc, char *argv[])
{
	static const struct option options[] = {
		{ "request", required_argument, NULL, 'q' },
		{ "reply", required_argument, NULL, 'p' },
		{ "port-file", required_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	const char *port_file = NULL;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'q')
			e->request = number_of("request", optarg, CANNED_BYTES);
		else if (o == 'p')
			e->reply = number_of("reply", optarg, CANNED_BYTES);
		else if (o == 'f')
			port_file = optarg;
		else
			exit(64);
	}
	if (e->request == 0 || e->reply == 0 || port_file == NULL)
		die("usage: echo --request BYTES --reply BYTES "
		    "--port-file FILE");
	return port_file;
}

static struct event_base *
base_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	if (config == NULL)
		abort();
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(config);
	event_config_free(config);
	if (base == NULL)
		die("the machine gives no event loop");
	return base;
}

/* Ends with a signal, as its own: there is nothing to tidy up. */
int
main(int argc, char *argv[])
{
	static struct echo e;
	const char *port_file = read_options(&e, argc, argv);
	struct event *acceptable;
	uint16_t port;
	int fd = listen_anywhere(&port);

	memset(e.canned, 'x', CANNED_BYTES);
	e.base = base_new();
	acceptable =
	    event_new(e.base, fd, EV_READ | EV_PERSIST, on_acceptable, &e);
	if (acceptable == NULL)
		abort();
	event_add(acceptable, NULL);
	write_port(port_file, port);
	return event_base_dispatch(e.base) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

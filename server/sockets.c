#include "server/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/lang.h"

enum { STATUS_UNAVAILABLE = 69 }; /* sysexits.h: EX_UNAVAILABLE */

/* -- which addresses -- */

static int
cannot_listen(const struct address *at, const char *why)
{
	char text[ADDRESS_TEXT_BYTES];

	fprintf(stderr, _("tareas_server: cannot listen on %s: %s\n"),
	    address_format(at, text), _(why));
	return STATUS_UNAVAILABLE;
}

/* The addresses that were asked for: each has to work. */
static int
listen_given(const struct config *c, sockets_listen_fn *listen, void *arg)
{
	const char *why;

	for (unsigned i = 0; i < c->listen_count; i++)
		if (listen(arg, &c->listen[i], &why) != E_OK)
			return cannot_listen(&c->listen[i], why);
	return 0;
}

/* Of the two loopback addresses one may be missing in the machine. */
static int
listen_loopback(struct log *log, sockets_listen_fn *listen, void *arg)
{
	static const struct address both[] = {
		{ .host = "127.0.0.1", .port = ADDRESS_PORT },
		{ .host = "::1", .port = ADDRESS_PORT },
	};
	const char *why = NULL;
	unsigned count = 0;
	enum err e;

	for (unsigned i = 0; i < 2; i++) {
		e = listen(arg, &both[i], &why);
		if (e == E_OK)
			count++;
		else if (e == E_UNREACHABLE)
			log_line(log, LOG_WARN, "listener",
			    _("this machine has no %s"), both[i].host);
		else
			return cannot_listen(&both[i], why);
	}
	return count > 0 ? 0 : cannot_listen(&both[0], why);
}

int
sockets_listen(const struct config *config, struct log *log,
    sockets_listen_fn *listen, void *arg)
{
	return config->listen_count > 0 ? listen_given(config, listen, arg) :
					  listen_loopback(log, listen, arg);
}

/* -- from one program to the next -- */

/* The value of a variable that is a number above 0; else 0. */
static long
number_of(const char *variable)
{
	const char *text = getenv(variable);
	char *end;
	long n;

	if (text == NULL || *text == '\0')
		return 0;
	errno = 0;
	n = strtol(text, &end, 10);
	return errno == 0 && *end == '\0' && n > 0 ? n : 0;
}

int
sockets_inherited(unsigned *count)
{
	bool ours = number_of("LISTEN_PID") == (long)getpid();
	long n = ours ? number_of("LISTEN_FDS") : 0;

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (n > CONFIG_LISTEN_MAX) {
		fprintf(stderr,
		    _("tareas_server: it was handed %ld sockets, more than "
		      "%d\n"),
		    n, CONFIG_LISTEN_MAX);
		return STATUS_UNAVAILABLE;
	}
	for (int i = 0; i < n; i++)
		(void)fcntl(SOCKETS_FIRST + i, F_SETFD, FD_CLOEXEC);
	*count = (unsigned)n;
	return 0;
}

int
sockets_adopt(struct loop *loop, struct config *config)
{
	bool asked = config->listen_count > 0;
	unsigned count;
	int status = sockets_inherited(&count);

	for (unsigned i = 0; status == 0 && i < count; i++) {
		int fd = SOCKETS_FIRST + (int)i;
		struct address at;

		if (loop_adopt(loop, fd, &at) != E_OK) {
			fprintf(stderr,
			    _("tareas_server: what it was handed as "
			      "descriptor %d is no TCP socket that listens\n"),
			    fd);
			status = STATUS_UNAVAILABLE;
		} else if (!asked) {
			config->listen[config->listen_count++] = at;
		}
	}
	return status;
}

static bool
set_number(const char *variable, long n)
{
	char text[24];

	snprintf(text, sizeof(text), "%ld", n);
	return setenv(variable, text, 1) == 0;
}

bool
sockets_hand_over(const int *fds, unsigned count)
{
	int above[CONFIG_LISTEN_MAX];
	int end = SOCKETS_FIRST + (int)count;

	/* Out of the way first: one may be where another has to go. */
	for (unsigned i = 0; i < count; i++) {
		above[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, end);
		if (above[i] < 0)
			return false;
	}
	for (unsigned i = 0; i < count; i++)
		if (dup2(above[i], SOCKETS_FIRST + (int)i) < 0)
			return false;
	return set_number("LISTEN_FDS", count) &&
	    set_number("LISTEN_PID", getpid());
}

#include "server/app.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/lang.h"
#include "common/peer.h"
#include "common/supervisor.h"
#include "server/tree.h"

enum {
	STATUS_UNAVAILABLE = 69, /* sysexits.h: EX_UNAVAILABLE */
	STATUS_CANTCREAT = 73,
	STATUS_NOPERM = 77,
};

struct app {
	struct loop *loop;
	const struct config *config;
	struct log *log;
	struct node *node;
	struct tree tree;
	bool port_file_written;
	bool failed; /* the root has given up */
};

/* -- addresses -- */

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
listen_given(struct app *a, struct proc *listener)
{
	const struct config *c = a->config;
	const char *why;

	for (unsigned i = 0; i < c->listen_count; i++)
		if (listener_add(listener, &c->listen[i], &why) != E_OK)
			return cannot_listen(&c->listen[i], why);
	return 0;
}

/* Of the two loopback addresses one may be missing in the machine. */
static int
listen_loopback(struct app *a, struct proc *listener)
{
	static const struct address both[] = {
		{ .host = "127.0.0.1", .port = ADDRESS_PORT },
		{ .host = "::1", .port = ADDRESS_PORT },
	};
	const char *why = NULL;
	enum err e;

	for (unsigned i = 0; i < 2; i++) {
		e = listener_add(listener, &both[i], &why);
		if (e == E_UNREACHABLE)
			log_line(a->log, LOG_WARN, "listener",
			    _("this machine has no %s"), both[i].host);
		else if (e != E_OK)
			return cannot_listen(&both[i], why);
	}
	return a->tree.listener.count > 0 ? 0 : cannot_listen(&both[0], why);
}

/* The class's two lines, then where it can be found. */
static void
say_ready(const struct app *a)
{
	char text[ADDRESS_TEXT_BYTES];

	puts(_("Task server started"));
	puts(_("Waiting for connections from clients..."));
	for (unsigned i = 0; i < a->tree.listener.count; i++)
		printf(_("Listening on %s\n"),
		    address_format(&a->tree.listener.heard[i], text));
	puts(_("The tasks are in memory only: they end with the server"));
	fflush(stdout);
}

/* One line for each address, by rename: whoever sees it sees all of it. */
static int
write_port_file(struct app *a)
{
	const struct config *c = a->config;
	unsigned count = c->listen_count > 0 ? c->listen_count : 1;
	char *temporary;
	FILE *f;
	bool good;

	if (c->port_file == NULL)
		return 0;
	if (asprintf(&temporary, "%s.%ld", c->port_file, (long)getpid()) < 0)
		abort();
	f = fopen(temporary, "w");
	good = f != NULL;
	for (unsigned i = 0; good && i < count; i++)
		good = fprintf(f, "%u\n", a->tree.listener.heard[i].port) > 0;
	if (f != NULL)
		good = fclose(f) == 0 && good;
	good = good && rename(temporary, c->port_file) == 0;
	if (!good) {
		fprintf(stderr, _("tareas_server: cannot write %s: %s\n"),
		    c->port_file, strerror(errno));
		unlink(temporary);
	}
	free(temporary);
	a->port_file_written = good;
	return good ? 0 : STATUS_CANTCREAT;
}

/* -- the cookie -- */

static bool
is_loopback_host(const char *host)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all;
	bool loopback = true;

	if (getaddrinfo(host, NULL, &hints, &all) != 0)
		return true; /* listening will say what is wrong with it */
	for (const struct addrinfo *i = all; i != NULL; i = i->ai_next)
		loopback = loopback && address_is_loopback(i->ai_addr);
	freeaddrinfo(all);
	return loopback;
}

static int
judge_cookie(const struct app *a, const struct cookie *cookie)
{
	const struct config *c = a->config;

	if (!cookie_is_weak(cookie))
		return 0;
	for (unsigned i = 0; i < c->listen_count; i++) {
		if (is_loopback_host(c->listen[i].host))
			continue;
		fprintf(stderr,
		    _("tareas_server: the cookie has under 16 bytes, too few "
		      "for %s: remove the cookie file and a good one is "
		      "made\n"),
		    c->listen[i].host);
		return STATUS_NOPERM;
	}
	log_line(a->log, LOG_WARN, "cookie",
	    _("it has under 16 bytes: whoever is on this machine can guess "
	      "it"));
	return 0;
}

/* -- life -- */

/* The root has given up, after all restarts: so does the program. */
static struct gs_next
root_ended(struct proc *self, const struct message *m)
{
	struct app **a = gs_state(self);

	log_line((*a)->log, LOG_ERROR, "application", _("ended: %.*s"),
	    (int)m->body.len, (const char *)m->body.bytes);
	(*a)->failed = true;
	loop_stop((*a)->loop);
	return gs_stop("normal");
}

static struct gs_next
watch_root(struct proc *self, void *arg)
{
	struct app **a = gs_state(self);

	*a = arg;
	proc_monitor(self, (*a)->tree.root);
	return gs_noreply();
}

static const struct gen_server application = {
	.module = "application",
	.state_bytes = sizeof(struct app *),
	.init = watch_root,
	.handle_info = root_ended,
};

static int
start(struct app *a, const struct cookie *cookie)
{
	struct pid pid;
	struct proc *listener;
	int status = judge_cookie(a, cookie);

	if (status != 0)
		return status;
	tree_start(&a->tree, a->node, cookie);
	if (gs_start(a->node, &application, "application", a, &pid) != E_OK)
		abort(); /* a new node has no names that are taken */
	listener = tree_listener(&a->tree);
	status = a->config->listen_count > 0 ? listen_given(a, listener) :
					       listen_loopback(a, listener);
	if (status == 0)
		status = write_port_file(a);
	if (status == 0)
		say_ready(a);
	return status;
}

struct app *
app_new(struct loop *loop, const struct config *config,
    const struct cookie *cookie, struct log *log, int *status)
{
	struct app *a = calloc(1, sizeof(*a));

	if (a == NULL)
		abort();
	a->loop = loop;
	a->config = config;
	a->log = log;
	a->node = node_new(loop_world(loop), slice_of(config->name), log);
	*status = start(a, cookie);
	if (*status == 0)
		return a;
	app_free(a);
	return NULL;
}

bool
app_has_failed(const struct app *a)
{
	return a->failed;
}

/* -- stopping -- */

static void
drain(void *arg, const struct sup_which *child)
{
	struct proc *p = node_find(arg, child->pid);

	if (p != NULL && peer_is(p))
		peer_drain(p);
}

static bool
is_drained(void *arg)
{
	const struct app *a = arg;
	const struct proc *p = tree_sessions(&a->tree);

	return p == NULL || sup_count_children(p).active == 0;
}

void
app_stop(struct app *a)
{
	struct proc *root = node_find(a->node, a->tree.root);
	struct proc *p = tree_sessions(&a->tree);

	if (root == NULL || p == NULL)
		return; /* it has given up already */
	/* Accept no more; what is open is answered, and then closed. */
	(void)sup_terminate_child(root,
	    node_whereis(a->node, slice_of(LISTENER_NAME)));
	sup_which_children(p, drain, a->node);
	/* Who has not finished by then is cut off by app_free(). */
	(void)node_run_until(a->node, is_drained, a, LIMIT_STOP_MS);
}

void
app_free(struct app *a)
{
	if (a->port_file_written)
		unlink(a->config->port_file);
	node_free(a->node);
	free(a);
}

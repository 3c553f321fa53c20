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
#include "server/data.h"
#include "server/sockets.h"
#include "server/tree.h"

enum {
	STATUS_CANTCREAT = 73, /* sysexits.h: EX_CANTCREAT */
	STATUS_NOPERM = 77,
};

struct app {
	struct loop *loop;
	const struct config *config;
	struct log *log;
	struct node *node;
	struct data data;
	struct tree tree;
	bool port_file_written;
	bool failed; /* the root has given up */
};

/* -- addresses -- */

static enum err
add(void *listener, const struct address *at, const char **why)
{
	return listener_add(listener, at, why);
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
	if (a->data.store == NULL)
		puts(_("The tasks are in memory only: they end with the "
		       "server"));
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

const char *
app_too_open_for(const struct config *c, const struct cookie *cookie)
{
	if (!cookie_is_weak(cookie))
		return NULL;
	for (unsigned i = 0; i < c->listen_count; i++)
		if (!is_loopback_host(c->listen[i].host))
			return c->listen[i].host;
	return NULL;
}

static int
judge_cookie(const struct app *a, const struct cookie *cookie)
{
	const char *host = app_too_open_for(a->config, cookie);

	if (host != NULL) {
		fprintf(stderr,
		    _("tareas_server: the cookie has under 16 bytes, too few "
		      "for %s: remove the cookie file and a good one is "
		      "made\n"),
		    host);
		return STATUS_NOPERM;
	}
	if (cookie_is_weak(cookie))
		log_line(a->log, LOG_WARN, "cookie",
		    _("it has under 16 bytes: whoever is on this machine can "
		      "guess it"));
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
	int status = judge_cookie(a, cookie);

	if (status == 0)
		status = data_open(&a->data, a->loop, a->config);
	if (status != 0)
		return status;
	if (tree_start(&a->tree, a->node, cookie, a->data.store) != E_OK)
		return data_failed(&a->data);
	a->tree.listener.rate = a->config->chat_rate;
	data_loaded(&a->data);
	if (gs_start(a->node, &application, "application", a, &pid) != E_OK)
		abort(); /* a new node has no names that are taken */
	status =
	    sockets_listen(a->config, a->log, add, tree_listener(&a->tree));
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
	tree_release(&a->tree);
	data_close(&a->data);
	free(a);
}

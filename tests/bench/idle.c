/*
 * Connections that have shaken hands and then do nothing, until stdin ends.
 * A line on stdout says that all of them are there; before the end each is
 * asked for a listing, for the memory of a connection that was closed
 * meanwhile is none.
 *
 * usage: idle --port N --cookie-file FILE --connections C
 */
#include <getopt.h>

#include "tests/bench/client.h"

enum { CONNECTIONS_MAX = 60000, SPARE_FILES = 16 };

struct options {
	const char *cookie_file;
	uint16_t port;
	uint32_t connections;
};

static void
read_options(struct options *o, int argc, char *argv[])
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "cookie-file", required_argument, NULL, 'k' },
		{ "connections", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'p')
			o->port =
			    (uint16_t)number_of("port", optarg, UINT16_MAX);
		else if (c == 'k')
			o->cookie_file = optarg;
		else if (c == 'c')
			o->connections =
			    number_of("connections", optarg, CONNECTIONS_MAX);
		else
			exit(64);
	}
	if (o->port == 0 || o->connections == 0)
		die("usage: idle --port N --cookie-file FILE --connections C");
}

static void
start(struct client *c, const struct options *o, const struct cookie *cookie)
{
	client_connect(c, o->port);
	client_shake_hands(c, cookie, "load");
	/* What a client of ours has grown is not needed while it waits. */
	buf_release(&c->in);
	buf_release(&c->out);
	buf_init(&c->in);
	buf_init(&c->out);
}

static void
ask(struct client *c)
{
	struct term_reader r;
	struct buf params;
	uint32_t n = 1;

	buf_init(&params);
	term_write_array(&params, 1);
	term_write_cstr(&params, "nobody");
	term_reader_init(&r, client_ask(c, "tareas.listar_tareas", &params));
	if (term_read_array(&r, &n) != E_OK || n != 0)
		die("a listing that must be empty is not");
	buf_release(&params);
}

int
main(int argc, char *argv[])
{
	struct options o = { .port = 0 };
	struct cookie cookie;
	struct client *clients;

	read_options(&o, argc, argv);
	if (sodium_init() < 0)
		die("no randomness");
	raise_files(o.connections + SPARE_FILES);
	client_cookie(o.cookie_file, &cookie);
	clients = calloc(o.connections, sizeof(*clients));
	if (clients == NULL)
		abort();
	for (uint32_t i = 0; i < o.connections; i++)
		start(&clients[i], &o, &cookie);
	printf("%u connections\n", o.connections);
	fflush(stdout);
	while (getchar() != EOF)
		;
	for (uint32_t i = 0; i < o.connections; i++) {
		ask(&clients[i]);
		client_close(&clients[i]);
	}
	free(clients);
	return 0;
}

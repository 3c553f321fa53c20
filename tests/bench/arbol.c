/*
 * How long a server with many sessions takes to tell its tree: opens them,
 * then asks `sys.arbol` again and again on the last one and compares the
 * number of its rows. usage: see print_help().
 */
#include <getopt.h>
#include <stdlib.h>

#include "tests/bench/client.h"

enum {
	SESSIONS_MAX = 5000,
	TIMES_MAX = 100000,
};

struct options {
	const char *cookie_file;
	uint32_t sessions;
	uint32_t times;
	uint16_t port;
};

static void
print_help(void)
{
	puts("usage: arbol --port N --cookie-file FILE [--sessions N] "
	     "[--times N]\n"
	     "stdout: sessions,bytes,p50_us,p99_us,max_us");
}

static void
read_options(struct options *o, int argc, char *argv[])
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "cookie-file", required_argument, NULL, 'k' },
		{ "sessions", required_argument, NULL, 's' },
		{ "times", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*o = (struct options){ .sessions = 1000, .times = 300 };
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (option == 'p')
			o->port =
			    (uint16_t)number_of("port", optarg, UINT16_MAX);
		else if (option == 'k')
			o->cookie_file = optarg;
		else if (option == 's')
			o->sessions =
			    number_of("sessions", optarg, SESSIONS_MAX);
		else if (option == 't')
			o->times = number_of("times", optarg, TIMES_MAX);
		else
			exit(64);
	if (o->port != 0 && o->cookie_file != NULL && optind == argc)
		return;
	print_help();
	exit(64);
}

/* One answer: its rows; *bytes is how long it is. */
static uint32_t
ask(struct client *c, size_t *bytes)
{
	struct term_reader r;
	struct buf params;
	struct slice answer;
	uint32_t rows = 0;

	buf_init(&params);
	term_write_array(&params, 0);
	answer = client_ask(c, "sys.arbol", &params);
	term_reader_init(&r, answer);
	if (term_read_array(&r, &rows) != E_OK)
		die("sys.arbol did not answer a list");
	buf_release(&params);
	*bytes = answer.len;
	return rows;
}

static int
compare(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static void
measure(struct client *c, const struct options *o, uint32_t rows)
{
	uint64_t *took = calloc(o->times, sizeof(*took));
	size_t bytes;

	if (took == NULL)
		abort();
	for (uint32_t i = 0; i < o->times; i++) {
		uint64_t start = now_ns();

		if (ask(c, &bytes) != rows)
			die("a tree of another size");
		took[i] = now_ns() - start;
	}
	qsort(took, o->times, sizeof(*took), compare);
	printf("%u,%zu,%.0f,%.0f,%.0f\n", o->sessions, bytes,
	    (double)took[o->times / 2] / 1e3,
	    (double)took[o->times - 1 - o->times / 100] / 1e3,
	    (double)took[o->times - 1] / 1e3);
	free(took);
}

int
main(int argc, char *argv[])
{
	struct client *clients;
	struct cookie_fault fault;
	uint32_t others = 0; /* rows that are no session of ours */
	size_t bytes;
	struct cookie cookie;
	struct options o;

	read_options(&o, argc, argv);
	if (cookie_read(o.cookie_file, &cookie, &fault) != COOKIE_OK)
		die("no cookie in %s", o.cookie_file);
	clients = calloc(o.sessions, sizeof(*clients));
	if (clients == NULL || sodium_init() < 0)
		die("no memory or no randomness");
	for (uint32_t i = 0; i < o.sessions; i++) {
		client_connect(&clients[i], o.port);
		client_shake_hands(&clients[i], &cookie, "load");
		if (i == 0)
			others = ask(&clients[i], &bytes) - 1;
	}
	measure(&clients[o.sessions - 1], &o, o.sessions + others);
	for (uint32_t i = 0; i < o.sessions; i++)
		client_close(&clients[i]);
	free(clients);
	return 0;
}

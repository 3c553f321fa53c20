/*
 * Fills an empty server with the tasks of many users, by casts over one
 * connection, and has it prove that all of them are there, and durable
 * where it keeps anything: the last user's listing waits for that.
 *
 * usage: fill --port N --cookie-file FILE --users U --tasks T
 */
#include <getopt.h>

#include "tests/bench/client.h"
#include "tests/bench/operation.h"

enum {
	USERS_MAX = 9999999,
	TASKS_MAX = 10000,
	SEND_BYTES = 64 * 1024, /* of casts, at once */
};

struct options {
	const char *cookie_file;
	uint16_t port;
	uint32_t users;
	uint32_t tasks; /* of each */
};

static void
read_options(struct options *o, int argc, char *argv[])
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "cookie-file", required_argument, NULL, 'k' },
		{ "users", required_argument, NULL, 'u' },
		{ "tasks", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'p')
			o->port =
			    (uint16_t)number_of("port", optarg, UINT16_MAX);
		else if (c == 'k')
			o->cookie_file = optarg;
		else if (c == 'u')
			o->users = number_of("users", optarg, USERS_MAX);
		else if (c == 't')
			o->tasks = number_of("tasks", optarg, TASKS_MAX);
		else
			exit(64);
	}
	if (o->port == 0 || o->users == 0 || o->tasks == 0)
		die("usage: fill --port N --cookie-file FILE --users U "
		    "--tasks T");
}

static void
send_tasks(struct client *c, const struct options *o)
{
	const struct operation *op = operation_find("listar");
	struct work w = { .tasks = o->tasks };

	for (uint32_t i = 0; i < o->users; i++) {
		operation_user(w.user, i);
		operation_add_tasks(op, &w, &c->out);
		if (buf_len(&c->out) >= SEND_BYTES)
			client_send(c);
	}
}

/* The last user has that many tasks. */
static void
check_last(struct client *c, const struct options *o)
{
	char user[USER_BYTES];
	struct term_reader r;
	struct buf params;
	uint32_t n = 0;

	operation_user(user, o->users - 1);
	buf_init(&params);
	term_write_array(&params, 2);
	term_write_cstr(&params, user);
	term_write_map(&params, 1);
	term_write_cstr(&params, "desde");
	term_write_uint(&params, o->tasks - 1);
	term_reader_init(&r, client_ask(c, "tareas.listar_tareas", &params));
	if (term_read_array(&r, &n) != E_OK || n != 1)
		die("%s has not %u tasks", user, o->tasks);
	buf_release(&params);
}

/* A number of the state of `tareas`. */
static uint64_t
read_number(struct slice state, const char *key)
{
	struct term_reader r;
	struct slice name;
	uint64_t v = 0;
	uint32_t n = 0;

	term_reader_init(&r, state);
	if (term_read_map(&r, &n) != E_OK)
		die("the state of tareas is no map");
	for (; n > 0; n--) {
		if (term_read_str(&r, &name) != E_OK)
			break;
		if (slice_equal(name, slice_of(key)) &&
		    term_read_uint(&r, &v) == E_OK)
			return v;
		if (term_skip(&r, NULL) != E_OK)
			break;
	}
	die("the state of tareas has no %s", key);
}

static void
check_all(struct client *c, const struct options *o)
{
	uint64_t wanted = (uint64_t)o->users * o->tasks, users, tasks;
	struct slice state;
	struct buf params;

	buf_init(&params);
	term_write_array(&params, 1);
	term_write_cstr(&params, "tareas");
	state = client_ask(c, "sys.estado", &params);
	users = read_number(state, "usuarios");
	tasks = read_number(state, "tareas");
	if (users != o->users || tasks != wanted)
		die("%llu users with %llu tasks are there",
		    (unsigned long long)users, (unsigned long long)tasks);
	buf_release(&params);
}

int
main(int argc, char *argv[])
{
	struct options o = { .port = 0 };
	struct cookie cookie;
	struct client c;

	read_options(&o, argc, argv);
	if (sodium_init() < 0)
		die("no randomness");
	client_cookie(o.cookie_file, &cookie);
	client_connect(&c, o.port);
	client_shake_hands(&c, &cookie, "load");
	send_tasks(&c, &o);
	check_last(&c, &o);
	check_all(&c, &o);
	client_close(&c);
	return 0;
}

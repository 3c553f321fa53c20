/*
 * How long a server takes to start: from just before fork() until its port
 * file is there, which it writes when it is ready, and until the first call
 * of a client is answered: a user's newest task, of whom there must be as
 * many as were said. Then it ends the server. Prints both in milliseconds.
 *
 * usage: start --port-file FILE --cookie-file FILE [--tasks T] COMMAND...
 */
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/bench/client.h"
#include "tests/bench/operation.h"

enum { READY_MS = 60000, TASKS_MAX = 10000 };

struct options {
	const char *cookie_file;
	const char *port_file;
	uint32_t tasks; /* of the first user; 0: there is none */
	char **command;
};

static void
read_options(struct options *o, int argc, char *argv[])
{
	static const struct option options[] = {
		{ "port-file", required_argument, NULL, 'f' },
		{ "cookie-file", required_argument, NULL, 'k' },
		{ "tasks", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (c == 'f')
			o->port_file = optarg;
		else if (c == 'k')
			o->cookie_file = optarg;
		else if (c == 't')
			o->tasks = number_of("tasks", optarg, TASKS_MAX);
		else
			exit(64);
	}
	o->command = argv + optind;
	if (o->port_file == NULL || *o->command == NULL)
		die("usage: start --port-file FILE --cookie-file FILE "
		    "[--tasks T] COMMAND...");
}

/* Tells of every file that gets its name in the port file's directory. */
static int
watch_directory(const char *file)
{
	char *copy = strdup(file);
	int fd = inotify_init1(IN_CLOEXEC);

	if (copy == NULL || fd < 0 ||
	    inotify_add_watch(fd, dirname(copy), IN_MOVED_TO) < 0)
		die("cannot watch %s: %s", file, strerror(errno));
	free(copy);
	return fd;
}

static pid_t
spawn(char **command)
{
	pid_t pid = fork();

	if (pid < 0)
		die("cannot fork: %s", strerror(errno));
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* should we die */
		execv(command[0], command);
		die("%s: %s", command[0], strerror(errno));
	}
	return pid;
}

static uint16_t
wait_for_port(int watch, const char *file)
{
	struct pollfd p = { .fd = watch, .events = POLLIN };
	char events[4096], text[16] = "";
	int fd;

	while ((fd = open(file, O_RDONLY | O_CLOEXEC)) < 0) {
		if (poll(&p, 1, READY_MS) != 1 ||
		    read(watch, events, sizeof(events)) <= 0)
			die("the server was not ready in %d ms", READY_MS);
	}
	if (read(fd, text, sizeof(text) - 1) <= 0)
		die("%s is empty", file);
	close(fd);
	return (uint16_t)strtoul(text, NULL, 10);
}

static void
ask(uint16_t port, const struct cookie *cookie, uint32_t tasks)
{
	char user[USER_BYTES];
	struct term_reader r;
	struct buf params;
	struct client c;
	uint32_t n = 0;

	operation_user(user, 0);
	client_connect(&c, port);
	client_shake_hands(&c, cookie, "load");
	buf_init(&params);
	term_write_array(&params, 2);
	term_write_cstr(&params, user);
	term_write_map(&params, 1);
	term_write_cstr(&params, "desde");
	term_write_uint(&params, tasks > 0 ? tasks - 1 : 0);
	term_reader_init(&r, client_ask(&c, "tareas.listar_tareas", &params));
	if (term_read_array(&r, &n) != E_OK || n != (tasks > 0 ? 1 : 0))
		die("%s has not %u tasks", user, tasks);
	buf_release(&params);
	client_close(&c);
}

static void
end(pid_t pid)
{
	int status;

	if (kill(pid, SIGTERM) != 0 || waitpid(pid, &status, 0) != pid ||
	    !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		die("the server did not end well");
}

int
main(int argc, char *argv[])
{
	struct options o = { .tasks = 0 };
	struct cookie cookie;
	uint64_t began, ready, answered;
	uint16_t port;
	pid_t pid;
	int watch;

	read_options(&o, argc, argv);
	if (sodium_init() < 0)
		die("no randomness");
	client_cookie(o.cookie_file, &cookie);
	(void)unlink(o.port_file);
	watch = watch_directory(o.port_file);
	began = now_ns();
	pid = spawn(o.command);
	port = wait_for_port(watch, o.port_file);
	ready = now_ns();
	ask(port, &cookie, o.tasks);
	answered = now_ns();
	end(pid);
	printf("%.2f,%.2f\n", (double)(ready - began) / 1e6,
	    (double)(answered - began) / 1e6);
	return 0;
}

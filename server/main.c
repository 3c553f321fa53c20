/*
 * tareas_server: reads what was asked for, starts the application, runs it
 * until SIGTERM or SIGINT. SIGHUP reads the cookie again.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sodium.h>

#include "common/cookie.h"
#include "common/lang.h"
#include "common/loop.h"
#include "server/app.h"
#include "server/config.h"
#include "server/data.h"
#include "server/sockets.h"
#include "server/supervised.h"

enum {
	STATUS_USAGE = 64,
	STATUS_SOFTWARE = 70,
	STATUS_OSERR = 71,
	STATUS_NOPERM = 77,
};

static int64_t
log_clock(void *arg)
{
	return (int64_t)world_utc_ms(arg);
}

static void
stop(void *arg)
{
	loop_stop(arg);
}

/* The cookie of the file, which is made on the first start. */
static int
get_cookie(const struct config *config, struct cookie *cookie)
{
	char *path = cookie_path(config->cookie_file);
	uint8_t random[COOKIE_RANDOM_BYTES];
	struct cookie_fault fault;
	char *text;
	int status = 0;

	if (path == NULL) {
		fputs(_("tareas_server: no home directory: say where the "
			"cookie is with --cookie-file\n"),
		    stderr);
		return STATUS_NOPERM;
	}
	randombytes_buf(random, sizeof(random));
	if (cookie_make(path, random, cookie, &fault) != COOKIE_OK) {
		text = cookie_explain(&fault, path);
		fprintf(stderr, "tareas_server: %s\n", text);
		free(text);
		status = STATUS_NOPERM;
	}
	sodium_memzero(random, sizeof(random));
	free(path);
	return status;
}

/* -- SIGHUP -- */

struct reload {
	struct loop *loop;
	const struct config *config;
	struct cookie *cookie;
	struct log *log;
	bool has_terminal; /* and SIGHUP may mean that it was closed */
};

static bool
terminal_is_there(void)
{
	int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Not for whom nohup(1) protects from his terminal's end. */
static bool
ends_with_terminal(void)
{
	struct sigaction now;

	sigaction(SIGHUP, NULL, &now);
	return now.sa_handler != SIG_IGN && terminal_is_there();
}

/* NULL, or why the cookie stays as it was, to be freed. */
static char *
read_cookie(const struct reload *r)
{
	char *path = cookie_path(r->config->cookie_file), *why = NULL;
	struct cookie_fault fault;
	struct cookie fresh;
	const char *host;

	if (cookie_read(path, &fresh, &fault) != COOKIE_OK) {
		why = cookie_explain(&fault, path);
	} else {
		host = app_too_open_for(r->config, &fresh);
		if (host == NULL)
			*r->cookie = fresh;
		else if (asprintf(&why, _("under 16 bytes are too few for %s"),
			     host) < 0)
			abort();
		cookie_clear(&fresh);
	}
	free(path);
	return why;
}

/* A server in a terminal ends with it; else SIGHUP is for the cookie. */
static void
hang_up(void *arg)
{
	const struct reload *r = arg;
	char *why;

	if (r->has_terminal && !terminal_is_there()) {
		loop_stop(r->loop);
		return;
	}
	why = read_cookie(r);
	if (why == NULL)
		log_line(r->log, LOG_INFO, "cookie", _("read again"));
	else
		log_line(r->log, LOG_ERROR, "cookie",
		    _("the old one stays: %s"), why);
	free(why);
}

static int
run(struct loop *loop, const struct config *config)
{
	struct watch *term, *interrupt, *hangup;
	struct cookie cookie;
	struct log log;
	struct reload reload = { .loop = loop,
		.config = config,
		.cookie = &cookie,
		.log = &log,
		.has_terminal = ends_with_terminal() };
	struct app *app;
	int status = get_cookie(config, &cookie);

	if (status != 0)
		return status;
	log_init(&log, STDERR_FILENO, config->log_level, log_clock,
	    loop_world(loop));
	term = loop_signal(loop, SIGTERM, stop, loop);
	interrupt = loop_signal(loop, SIGINT, stop, loop);
	hangup = loop_signal(loop, SIGHUP, hang_up, &reload);
	app = app_new(loop, config, &cookie, &log, &status);
	if (app != NULL) {
		loop_run(loop);
		if (app_has_failed(app))
			status = STATUS_SOFTWARE;
		app_stop(app);
		app_free(app);
	}
	watch_free(term);
	watch_free(interrupt);
	watch_free(hangup);
	cookie_clear(&cookie);
	return status;
}

int
main(int argc, char *argv[])
{
	struct config config;
	struct loop *loop;
	bool is_child = supervised_is_child();
	int status;

	signal(SIGPIPE, SIG_IGN);
	lang_start(lang_from_args(argc, argv), argv[0]);
	switch (config_read(&config, argc, argv)) {
	case CONFIG_SHOWN:
		return EXIT_SUCCESS;
	case CONFIG_USAGE:
		return STATUS_USAGE;
	case CONFIG_RUN:
		break;
	}
	if (config.backup != NULL)
		return data_backup(&config);
	if (config.supervised && !is_child)
		return supervised_run(&config, argv);
	loop = loop_new(LOOP_SOCKETS);
	if (loop == NULL) {
		fputs(_("tareas_server: the machine gives no event loop\n"),
		    stderr);
		return STATUS_OSERR;
	}
	status = sockets_adopt(loop, &config);
	if (status == 0)
		status = run(loop, &config);
	loop_free(loop);
	return status;
}

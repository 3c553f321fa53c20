/*
 * tareas_server: reads what was asked for, starts the application, runs it
 * until SIGTERM or SIGINT.
 */
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

static int
run(struct loop *loop, const struct config *config)
{
	struct watch *term, *interrupt;
	struct cookie cookie;
	struct log log;
	struct app *app;
	int status = get_cookie(config, &cookie);

	if (status != 0)
		return status;
	log_init(&log, STDERR_FILENO, config->log_level, log_clock,
	    loop_world(loop));
	term = loop_signal(loop, SIGTERM, stop, loop);
	interrupt = loop_signal(loop, SIGINT, stop, loop);
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
	cookie_clear(&cookie);
	return status;
}

int
main(int argc, char *argv[])
{
	struct config config;
	struct loop *loop;
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
	loop = loop_new(LOOP_SOCKETS);
	if (loop == NULL) {
		fputs(_("tareas_server: the machine gives no event loop\n"),
		    stderr);
		return STATUS_OSERR;
	}
	status = run(loop, &config);
	loop_free(loop);
	return status;
}

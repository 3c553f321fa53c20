#include "server/data.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/home.h"
#include "common/lang.h"

enum { STATUS_CONFIG = 78 }; /* sysexits.h: EX_CONFIG */

/* -- which directory -- */

static const char *
environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0' ? value : NULL;
}

__attribute__((format(printf, 1, 2))) static char *
format(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	return text;
}

/* NULL: there is no home. */
static char *
directory(const struct config *c)
{
	const char *state = environment("STATE_DIRECTORY");
	const char *xdg = environment("XDG_DATA_HOME");

	if (c->data != NULL)
		return format("%s", c->data);
	if (state != NULL)
		return format("%s", state);
	/* A relative one is to be ignored, says the XDG specification. */
	return xdg != NULL && *xdg == '/' ? format("%s/tareas", xdg) :
					    home_path(".local/share/tareas");
}

static int
no_home(void)
{
	fputs(_("tareas_server: no home directory: say where the tasks are "
		"kept with --data, or --memory\n"),
	    stderr);
	return STATUS_CONFIG;
}

static int
complain(int status, char *why)
{
	if (status != 0) {
		fprintf(stderr, "tareas_server: %s\n", why);
		free(why);
	}
	return status;
}

/* -- open -- */

static void
progress(void *arg, uint64_t rows)
{
	struct data *d = arg;

	if (!isatty(STDERR_FILENO))
		return;
	d->progress = true;
	fputc('\r', stderr);
	fprintf(stderr, _("Loading: %llu "), (unsigned long long)rows);
}

void
data_loaded(struct data *d)
{
	if (d->progress)
		fputs("\r\033[K", stderr);
	d->progress = false;
}

int
data_open(struct data *d, struct loop *loop, const struct config *config)
{
	char *why;
	int status;

	*d = (struct data){ .directory = NULL };
	if (config->memory)
		return 0;
	d->directory = directory(config);
	if (d->directory == NULL)
		return no_home();
	d->config = (struct sqlite_store_config){ .directory = d->directory,
		.free_min = config->free_min,
		.progress = progress,
		.arg = d };
	status = sqlite_store_open(&d->config, &d->store, &why);
	if (status == 0)
		d->watch = loop_watch(loop, sqlite_store_fd(d->store),
		    sqlite_store_ready, d->store);
	else
		free(d->directory);
	return complain(status, why);
}

int
data_failed(struct data *d)
{
	char *why;
	int status = sqlite_store_why(d->store, &why);

	data_loaded(d);
	return complain(status, why);
}

void
data_close(struct data *d)
{
	if (d->store == NULL)
		return;
	watch_free(d->watch);
	store_close(d->store);
	free(d->directory);
}

int
data_backup(const struct config *config)
{
	char *from = directory(config), *why;
	int status;

	if (from == NULL)
		return no_home();
	status = sqlite_store_backup(from, config->backup, &why);
	free(from);
	return complain(status, why);
}

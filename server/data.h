/*
 * Where the server keeps its data: which directory, opened on a loop. What
 * goes wrong is said on stderr; statuses are exit statuses, 0 when good.
 */
#ifndef SERVER_DATA_H
#define SERVER_DATA_H

#include "common/loop.h"
#include "server/config.h"
#include "server/sqlite_store.h"

/* Embedded in who runs it; does not move while it is open. */
struct data {
	struct sqlite_store_config config;
	char *directory; /* NULL: memory alone */
	struct store *store; /* NULL: the same */
	struct watch *watch;
	bool progress; /* a line of it stands on the terminal */
};

/*
 * Opens it as config says: --data, else $STATE_DIRECTORY, else
 * $XDG_DATA_HOME/tareas, else ~/.local/share/tareas; or nothing with
 * --memory. After a failure there is nothing to close.
 */
int data_open(struct data *d, struct loop *loop, const struct config *config);

/* What was loaded cannot be used: says why. */
int data_failed(struct data *d);

/* All has been loaded: the line of progress goes. */
void data_loaded(struct data *d);

/* Waits until all is durable. */
void data_close(struct data *d);

/* Copies the database to config's backup. */
int data_backup(const struct config *config);

#endif

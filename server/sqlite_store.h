/*
 * The store on a disk: SQLite in WAL mode with synchronous=FULL, in a
 * directory that only its owner may look into.
 *
 * One thread writes. What is written while a commit is in flight is the
 * next batch, so the slower the disk, the larger the batches. The thread
 * tells the loop by a descriptor; sqlite_store_ready() hears it. A database
 * that somebody else locks is tried again, for as long as it takes. Any
 * other error of a commit ends the program: error does not mean that
 * nothing was written, and the next start reads what is there.
 */
#ifndef SERVER_SQLITE_STORE_H
#define SERVER_SQLITE_STORE_H

#include <stdint.h>

#include "server/store.h"

struct sqlite_store_config {
	/* Made when missing, 0700; refused where others may write in it. */
	const char *directory;
	uint64_t free_min; /* bytes that the disk has to have free */
	/* Told while loading, how many rows so far. May be NULL. */
	void (*progress)(void *arg, uint64_t rows);
	void *arg;
};

/*
 * Opens the store; config is borrowed for as long as it is open. Gives
 * *out, and returns 0; or returns an exit status and gives *why, a
 * sentence for people which the caller frees.
 */
int sqlite_store_open(const struct sqlite_store_config *config,
    struct store **out, char **why);

/*
 * Readable when there is something to tell; and tells it, from the loop's
 * top.
 */
int sqlite_store_fd(const struct store *s);
void sqlite_store_ready(void *store);

/* After a load that failed: as sqlite_store_open(). */
int sqlite_store_why(const struct store *s, char **why);

/*
 * Copies the database of a directory into a new file, whether a server
 * runs on it or not. Returns as sqlite_store_open().
 */
int sqlite_store_backup(const char *directory, const char *to, char **why);

#endif

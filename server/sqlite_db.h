/*
 * The database file: how it is opened, what is in it, how it is copied.
 * People open it with the sqlite3 shell while the server runs:
 *
 *	select * from tareas;       usuario, titulo, descripcion
 *	select * from mensajes;     sala, n, hora, usuario, texto
 *
 * Every function that can fail gives *why, a sentence for people in their
 * language that the caller frees, and returns an exit status, 0 when good.
 */
#ifndef SERVER_SQLITE_DB_H
#define SERVER_SQLITE_DB_H

#include <sqlite3.h>

/* The file inside a data directory. */
#define DB_FILE "tareas.db"

enum {
	DB_DATAERR = 65, /* not ours, corrupt, or from a newer version */
	DB_IOERR = 74,
	DB_CANTCREAT = 73,
	DB_TEMPFAIL = 75, /* somebody else has it */
	DB_NOPERM = 77, /* others may change what is in its directory */
};

/*
 * Opens the database, made when missing (0600), and brings its schema up to
 * date; of an older one a copy is kept beside it first, "tareas.db.v1".
 * Gives *out, for one thread at a time.
 */
int db_open(const char *path, sqlite3 **out, char **why);

/*
 * Makes a consistent copy of a database that may be in use. to must not
 * exist; it is there whole or not at all.
 */
int db_backup(const char *path, const char *to, char **why);

/*
 * Makes the name of a new file or directory durable, where the file system
 * knows such a thing. Returns 0, or -1 with errno.
 */
int db_sync_name(const char *path);

/*
 * The sentence about an error of SQLite, and its status. text is SQLite's
 * own one, which is English: it stands in brackets at the end.
 */
int db_explain(const char *path, int code, const char *text, char **why);

#endif

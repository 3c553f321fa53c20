#include "server/sqlite_db.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/lang.h"

/* How long it waits for others at the start. */
enum { OPEN_BUSY_MS = 5000 };

/* "TARE": what makes a database one of ours. */
enum { APPLICATION_ID = 0x54415245 };

/* How to get from a version to the next one; a new database starts at 0. */
static const char *const migrations[] = {
	/* 1: the tasks, and the keys of writes */
	"CREATE TABLE estado (id INTEGER PRIMARY KEY CHECK (id = 1),"
	" seq INTEGER NOT NULL);"
	"INSERT INTO estado VALUES (1, 0);"
	"CREATE TABLE tarea (id INTEGER PRIMARY KEY, usuario TEXT NOT NULL,"
	" titulo TEXT NOT NULL, descripcion TEXT NOT NULL);"
	"CREATE TABLE clave (seq INTEGER PRIMARY KEY, n INTEGER NOT NULL,"
	" usuario TEXT NOT NULL, clave BLOB NOT NULL, huella BLOB NOT NULL,"
	" palabra TEXT NOT NULL);"
	"CREATE VIEW tareas AS SELECT usuario, titulo, descripcion"
	" FROM tarea ORDER BY id;",
	/* 2: the rooms */
	"CREATE TABLE sala (id INTEGER PRIMARY KEY, nombre TEXT NOT NULL,"
	" creador TEXT NOT NULL);"
	"CREATE TABLE mensaje (sala INTEGER NOT NULL, n INTEGER NOT NULL,"
	" en_ms INTEGER NOT NULL, usuario TEXT NOT NULL, texto TEXT NOT NULL,"
	" PRIMARY KEY (sala, n)) WITHOUT ROWID;"
	"CREATE VIEW mensajes AS SELECT sala.nombre AS sala, mensaje.n AS n,"
	" strftime('%Y-%m-%d %H:%M:%S', mensaje.en_ms / 1000, 'unixepoch')"
	" AS hora, mensaje.usuario AS usuario, mensaje.texto AS texto"
	" FROM mensaje JOIN sala ON sala.id = mensaje.sala"
	" ORDER BY mensaje.sala, mensaje.n;",
};

enum { VERSION = sizeof(migrations) / sizeof(migrations[0]) };

__attribute__((format(printf, 3, 4))) static int
fail(int status, char **why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(why, format, args) < 0)
		abort();
	va_end(args);
	return status;
}

/* What the usual codes mean to people; the rest SQLite alone can say. */
static const char *
meaning(int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return _("the disk is full");
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return _("it may not be written");
	case SQLITE_CANTOPEN:
		return _("it cannot be opened");
	case SQLITE_IOERR:
		return _("the disk could not read or write it");
	default:
		return _("SQLite gave up");
	}
}

int
db_explain(const char *path, int code, const char *text, char **why)
{
	switch (code & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return fail(DB_DATAERR, why,
		    _("%s is damaged. Put a backup in its place and remove "
		      "%s-wal. What can still be read of it says: "
		      "sqlite3 %s .dump (%s)"),
		    path, path, path, text);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return fail(DB_TEMPFAIL, why,
		    _("%s is held by another program: end it and try again"),
		    path);
	default:
		return fail(DB_IOERR, why, _("%s cannot be used: %s (%s)"),
		    path, meaning(code), text);
	}
}

static int
explain(sqlite3 *db, const char *path, int code, char **why)
{
	bool told = db != NULL && sqlite3_errcode(db) != SQLITE_OK;

	return db_explain(path, code,
	    told ? sqlite3_errmsg(db) : sqlite3_errstr(code), why);
}

/* -- copies -- */

/* Copies all of a database into a file of its own. SQLite's code. */
static int
copy_into(sqlite3 *db, const char *to)
{
	sqlite3_backup *b;
	sqlite3 *copy;
	int code = sqlite3_open_v2(to, &copy, SQLITE_OPEN_READWRITE, NULL);

	b = code == SQLITE_OK ? sqlite3_backup_init(copy, "main", db, "main") :
				NULL;
	if (b != NULL) {
		while ((code = sqlite3_backup_step(b, -1)) == SQLITE_BUSY ||
		    code == SQLITE_LOCKED)
			sqlite3_sleep(10);
		(void)sqlite3_backup_finish(b);
	}
	if (code == SQLITE_DONE)
		code = SQLITE_OK;
	else if (code == SQLITE_OK)
		code = sqlite3_errcode(copy);
	(void)sqlite3_close(copy);
	return code;
}

int
db_sync_name(const char *path)
{
	char *copy = strdup(path);
	int fd, result, why;

	if (copy == NULL)
		abort();
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (fd < 0)
		return -1;
	result = fsync(fd);
	why = errno;
	close(fd);
	errno = why;
	return result != 0 && why != EINVAL ? -1 : 0;
}

static int
cannot_make(const char *path, char **why)
{
	return fail(DB_CANTCREAT, why, _("cannot make %s: %s"), path,
	    strerror(errno));
}

/* temporary is whole: gives it its name, which nobody may have. */
static int
publish(const char *temporary, const char *to, bool replace, char **why)
{
	int result = replace ? rename(temporary, to) : link(temporary, to);

	if (result == 0)
		result = db_sync_name(to);
	return result == 0 ? 0 : cannot_make(to, why);
}

static int
copy_to(sqlite3 *db, const char *path, const char *to, bool replace, char **why)
{
	char *temporary;
	int fd, code, status;

	if (asprintf(&temporary, "%s.XXXXXX", to) < 0)
		abort();
	fd = mkostemp(temporary, O_CLOEXEC); /* 0600 */
	if (fd < 0) {
		status = cannot_make(to, why);
		free(temporary);
		return status;
	}
	close(fd);
	code = copy_into(db, temporary);
	status = code != SQLITE_OK ?
	    db_explain(path, code, sqlite3_errstr(code), why) :
	    publish(temporary, to, replace, why);
	(void)unlink(temporary);
	free(temporary);
	return status;
}

int
db_backup(const char *path, const char *to, char **why)
{
	sqlite3 *db;
	int status,
	    code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_busy_timeout(db, OPEN_BUSY_MS);
	if (code == SQLITE_OK && access(to, F_OK) == 0) {
		errno = EEXIST;
		status = cannot_make(to, why);
	} else {
		status = code != SQLITE_OK ? explain(db, path, code, why) :
					     copy_to(db, path, to, false, why);
	}
	(void)sqlite3_close(db);
	return status;
}

/* -- opening -- */

static int
number(sqlite3 *db, const char *sql, int *out)
{
	sqlite3_stmt *st;
	int code = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	if (code != SQLITE_OK)
		return code;
	code = sqlite3_step(st);
	if (code == SQLITE_ROW)
		*out = sqlite3_column_int(st, 0);
	(void)sqlite3_finalize(st);
	return code == SQLITE_ROW ? SQLITE_OK : code;
}

/* All steps from a version on, in one transaction. */
static int
migrate(sqlite3 *db, int version)
{
	char *pragmas = sqlite3_mprintf("PRAGMA application_id = %d;"
					"PRAGMA user_version = %d;",
	    APPLICATION_ID, VERSION);
	int code = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	for (int i = version; code == SQLITE_OK && i < VERSION; i++)
		code = sqlite3_exec(db, migrations[i], NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(db, pragmas, NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	sqlite3_free(pragmas);
	return code;
}

static int
upgrade(sqlite3 *db, const char *path, int version, char **why)
{
	char *copy;
	int status, code;

	if (asprintf(&copy, "%s.v%d", path, version) < 0)
		abort();
	status = copy_to(db, path, copy, true, why);
	free(copy);
	if (status != 0)
		return status;
	code = migrate(db, version);
	return code == SQLITE_OK ? 0 : explain(db, path, code, why);
}

/* It is one of ours, maybe an older one. Only looks. */
static int
check_version(sqlite3 *db, const char *path, int *version, char **why)
{
	int id = 0;
	int code = number(db, "PRAGMA user_version", version);

	if (code == SQLITE_OK)
		code = number(db, "PRAGMA application_id", &id);
	if (code != SQLITE_OK)
		return explain(db, path, code, why);
	if (id != APPLICATION_ID)
		return fail(DB_DATAERR, why,
		    _("%s is no database of tareas_server"), path);
	if (*version > VERSION)
		return fail(DB_DATAERR, why,
		    _("%s was written by a newer tareas_server (version %d of "
		      "the database, this one knows %d): use that one"),
		    path, *version, VERSION);
	return 0;
}

static int
set_up(sqlite3 *db, const char *path, const char *mode, char **why)
{
	/*
	 * Checkpoints come every 1000 pages, as SQLite has it. Rarer ones
	 * cost 7 % less, but who waits for one waits twice as long.
	 */
	static const char pragmas[] = "PRAGMA journal_mode = WAL;"
				      "PRAGMA synchronous = FULL;"
				      "PRAGMA journal_size_limit = 33554432;";
	int version = 0, status = 0;
	int code = sqlite3_busy_timeout(db, OPEN_BUSY_MS);

	/* It opens for reading what may not be written. */
	if (code == SQLITE_OK && sqlite3_db_readonly(db, "main") != 0)
		code = SQLITE_READONLY;
	if (code == SQLITE_OK)
		code = sqlite3_exec(db, mode, NULL, NULL, NULL);
	if (code == SQLITE_OK)
		status = check_version(db, path, &version, why);
	if (status != 0)
		return status;
	if (code == SQLITE_OK)
		code = sqlite3_exec(db, pragmas, NULL, NULL, NULL);
	if (code != SQLITE_OK)
		return explain(db, path, code, why);
	return version < VERSION ? upgrade(db, path, version, why) : 0;
}

/* A new one is there whole or not at all, so that an empty file is damage. */
static int
make_database(const char *path, char **why)
{
	sqlite3 *db;
	int code = sqlite3_open(":memory:", &db), status;

	if (code == SQLITE_OK)
		code = migrate(db, 0);
	status = code == SQLITE_OK ? copy_to(db, path, path, true, why) :
				     explain(db, path, code, why);
	(void)sqlite3_close(db);
	return status;
}

static bool
has_bytes(const char *path, const char *suffix)
{
	char *name;
	struct stat st;
	bool has;

	if (asprintf(&name, "%s%s", path, suffix) < 0)
		abort();
	has = stat(name, &st) == 0 && st.st_size > 0;
	free(name);
	return has;
}

/*
 * Made when it is missing. SQLite would drop the journal of an empty file,
 * or read one into a database that is another's.
 */
static int
find_database(const char *path, char **why)
{
	bool exists = access(path, F_OK) == 0;

	if (exists ? has_bytes(path, "") : !has_bytes(path, "-wal"))
		return exists ? 0 : make_database(path, why);
	return db_explain(path, SQLITE_CORRUPT,
	    exists ? sqlite3_errstr(SQLITE_CORRUPT) : strerror(ENOENT), why);
}

/*
 * What a killed server wrote last may be in the machine's memory alone. It
 * is read, shown and answered as durable, so it has to be.
 */
static int
sync_journal(const char *path, char **why)
{
	char *journal;
	int fd, result;

	if (asprintf(&journal, "%s-wal", path) < 0)
		abort();
	fd = open(journal, O_RDWR | O_CLOEXEC);
	free(journal);
	if (fd < 0 && errno == ENOENT)
		return 0;
	result = fd < 0 ? -1 : fdatasync(fd);
	if (result != 0)
		result = fail(DB_IOERR, why, _("%s cannot be used: %s"), path,
		    strerror(errno));
	if (fd >= 0)
		close(fd);
	return result;
}

static int
open_as(const char *path, const char *mode, sqlite3 **out, char **why)
{
	sqlite3 *db;
	int code = sqlite3_open_v2(path, &db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	int status = code == SQLITE_OK ? set_up(db, path, mode, why) :
					 explain(db, path, code, why);

	if (status != 0)
		(void)sqlite3_close(db);
	else
		*out = db;
	return status;
}

/*
 * A full disk has no room for the index of the journal, which others share:
 * then it is in memory, and nobody else can look into the database.
 */
int
db_open(const char *path, sqlite3 **out, char **why)
{
	int status = find_database(path, why);

	if (status == 0)
		status = sync_journal(path, why);
	if (status != 0)
		return status;
	status = open_as(path, "PRAGMA locking_mode = NORMAL", out, why);
	if (status != DB_IOERR)
		return status;
	free(*why);
	return open_as(path, "PRAGMA locking_mode = EXCLUSIVE", out, why);
}

/*
 * The bare loop beside which a durable write is held: one task a commit,
 * SQLite as the server sets it up (WAL, synchronous=FULL), no network, no
 * server, no order to keep. Prints commits, seconds, commits per second,
 * and of one commit the p50, p99 and p99.9 in microseconds.
 *
 * usage: commit --data DIRECTORY [--seconds S]
 */
#include <getopt.h>

#include <sqlite3.h>

#include "tests/bench/bench.h"
#include "tests/bench/histogram.h"

enum { WARM_ROWS = 200000 }; /* more than a log has before a checkpoint */

static void
must(sqlite3 *db, int code, int wanted)
{
	if (code != wanted)
		die("SQLite: %s", sqlite3_errmsg(db));
}

static void
run(sqlite3 *db, const char *sql)
{
	must(db, sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static sqlite3 *
open_new(const char *directory)
{
	char path[4096];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/commit.db", directory);
	(void)unlink(path);
	must(NULL, sqlite3_open(path, &db), SQLITE_OK);
	run(db,
	    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
	    "CREATE TABLE tarea (id INTEGER PRIMARY KEY,"
	    " usuario TEXT NOT NULL, titulo TEXT NOT NULL,"
	    " descripcion TEXT NOT NULL);");
	return db;
}

static sqlite3_stmt *
prepare(sqlite3 *db)
{
	sqlite3_stmt *insert;

	must(db,
	    sqlite3_prepare_v2(db,
		"INSERT INTO tarea (usuario, titulo, descripcion) VALUES"
		" ('01234567.00000.0000', 'Comprar pan y leche.', 'Ir al "
		"mercado antes de las ocho, llevar bolsa y lista larga.')",
		-1, &insert, NULL),
	    SQLITE_OK);
	return insert;
}

static void
commit_until(sqlite3 *db, uint64_t end_ns, struct histogram *h)
{
	sqlite3_stmt *insert = prepare(db);
	uint64_t then = now_ns(), now;

	do {
		must(db, sqlite3_step(insert), SQLITE_DONE);
		must(db, sqlite3_reset(insert), SQLITE_OK);
		now = now_ns();
		histogram_add(h, now - then);
		then = now;
	} while (now < end_ns);
	must(db, sqlite3_finalize(insert), SQLITE_OK);
}

/*
 * Makes the log as long as it gets: from then on its file is written again
 * from the start, which costs less than growing it, and goes on for ever.
 */
static void
warm(sqlite3 *db)
{
	sqlite3_stmt *insert = prepare(db);

	run(db, "BEGIN");
	for (int i = 0; i < WARM_ROWS; i++) {
		must(db, sqlite3_step(insert), SQLITE_DONE);
		must(db, sqlite3_reset(insert), SQLITE_OK);
	}
	run(db, "COMMIT");
	must(db, sqlite3_finalize(insert), SQLITE_OK);
}

/* All of them are there: no figure for rows that were not written. */
static void
check_rows(sqlite3 *db, uint64_t wanted)
{
	sqlite3_stmt *count;

	must(db,
	    sqlite3_prepare_v2(db, "SELECT count(*) FROM tarea", -1, &count,
		NULL),
	    SQLITE_OK);
	must(db, sqlite3_step(count), SQLITE_ROW);
	if ((uint64_t)sqlite3_column_int64(count, 0) != wanted)
		die("rows are missing");
	must(db, sqlite3_finalize(count), SQLITE_OK);
}

static double
quantile_us(const struct histogram *h, double share)
{
	return (double)histogram_quantile(h, share) / 1e3;
}

int
main(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "data", required_argument, NULL, 'd' },
		{ "seconds", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	static struct histogram h;
	const char *directory = NULL;
	double seconds = 1;
	uint64_t began;
	sqlite3 *db;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'd')
			directory = optarg;
		else if (c == 's')
			seconds = seconds_of(optarg);
		else
			exit(64);
	}
	if (directory == NULL)
		die("usage: commit --data DIRECTORY [--seconds S]");
	db = open_new(directory);
	warm(db);
	began = now_ns();
	commit_until(db, began + (uint64_t)(seconds * 1e9), &h);
	seconds = (double)(now_ns() - began) / 1e9;
	check_rows(db, WARM_ROWS + h.count);
	must(db, sqlite3_close(db), SQLITE_OK);
	printf("%llu,%.3f,%.0f,%.1f,%.1f,%.1f\n", (unsigned long long)h.count,
	    seconds, (double)h.count / seconds, quantile_us(&h, 0.5),
	    quantile_us(&h, 0.99), quantile_us(&h, 0.999));
	return 0;
}

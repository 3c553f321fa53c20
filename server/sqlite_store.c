#include "server/sqlite_store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "common/lang.h"
#include "common/node.h"
#include "common/wakeup.h"
#include "server/sqlite_db.h"

enum {
	BUSY_PAUSE_MS = 10,
	CLOSE_BUSY_MS = 5000, /* how long a stop waits for who locks it */
	LOOK_S = 1, /* a full disk is looked at so often */
	PROGRESS_ROWS = 8192,
	RUN_ROWS = 64, /* tasks that one statement inserts */
};

/* SQLite numbers them itself, from the last one on. */
#define INSERT_RUN \
	"INSERT INTO tarea (usuario, titulo, descripcion) VALUES (?, ?, ?)"

/* How each kind gets into its table, numbers first; and how all come out. */
static const struct {
	const char *write;
	const char *read; /* NULL: there is nothing to read */
	const char *key; /* what its first number is found by */
} tables[ROW_KINDS] = {
	[ROW_TAREA] = { "INSERT INTO tarea VALUES (?, ?, ?, ?)",
	    "SELECT id, usuario, titulo, descripcion FROM tarea ORDER BY id",
	    "tarea WHERE id" },
	[ROW_TAREA_GONE] = { "DELETE FROM tarea WHERE id = ?", NULL, NULL },
	[ROW_CLAVE] = { "INSERT INTO clave VALUES (?, ?, ?, ?, ?, ?)",
	    "SELECT seq, n, usuario, clave, huella, palabra FROM clave"
	    " ORDER BY seq",
	    "clave WHERE seq" },
	[ROW_CLAVES_GONE] = { "DELETE FROM clave WHERE seq <= ?", NULL, NULL },
	[ROW_SALA] = { "INSERT INTO sala VALUES (?, ?, ?)",
	    "SELECT id, nombre, creador FROM sala ORDER BY id",
	    "sala WHERE id" },
	[ROW_SALA_GONE] = { "DELETE FROM sala WHERE id = ?", NULL, NULL },
	[ROW_MENSAJE] = { "INSERT INTO mensaje VALUES (?, ?, ?, ?, ?)",
	    "SELECT sala, n, en_ms, usuario, texto FROM mensaje"
	    " ORDER BY sala, n",
	    "mensaje WHERE sala" },
	[ROW_MENSAJES_GONE] = { "DELETE FROM mensaje WHERE sala = ? AND n <= ?",
	    NULL, NULL },
};

/*
 * The last number in use: a row that somebody put in by hand has one, too,
 * which must not be given again.
 */
#define SELECT_SEQ \
	"SELECT max(seq, (SELECT ifnull(max(id), 0) FROM tarea)," \
	" (SELECT ifnull(max(seq), 0) FROM clave)," \
	" (SELECT ifnull(max(id), 0) FROM sala)) FROM estado"

struct sqlite_store {
	struct store store;
	const struct sqlite_store_config *config;
	char *path; /* of the database */
	int lock_fd;
	sqlite3 *db; /* the writer's; the loop's while that has no work */
	sqlite3_stmt *write[ROW_KINDS];
	sqlite3_stmt *write_run; /* RUN_ROWS tasks behind the last one */
	sqlite3_stmt *last_tarea;
	sqlite3_stmt *messages_gone; /* with their room */
	sqlite3_stmt *begin, *seq, *commit;
	int load_code; /* of the last load that failed */
	const char *unsound; /* a row that it found, by its table's key ... */
	int64_t unsound_key; /* ... and that; NULL: none */
	struct wakeup wakeup;
	pthread_t thread;

	/* The loop's alone. */
	uint64_t told_seq;
	bool told_room;
	size_t written_bytes; /* in all */
	size_t told_bytes; /* of them, known to be durable */

	/* Both: under the mutex. */
	pthread_mutex_t mutex;
	pthread_cond_t work; /* for the writer */
	pthread_cond_t idle; /* it has none left */
	struct buf queue;
	uint64_t queue_seq; /* that it leads to */
	bool busy; /* a batch is in flight */
	bool closing;
	uint64_t saved_seq;
	size_t saved_bytes; /* in all */
	bool room;

	/* The writer's alone. */
	unsigned busy_ms; /* since it began to wait for who locks it */
};

static struct sqlite_store *
of(struct store *s)
{
	return CONTAINER_OF(s, struct sqlite_store, store);
}

/* -- the writer -- */

/* Nobody is answered; the next start reads what is there. */
static _Noreturn void
give_up(const struct sqlite_store *s)
{
	fprintf(stderr,
	    _("tareas_server: cannot write %s. It ends here, so that "
	      "nothing is answered that is not stored (%s)\n"),
	    s->path, sqlite3_errmsg(s->db));
	abort();
}

static bool
is_closing(struct sqlite_store *s)
{
	bool closing;

	pthread_mutex_lock(&s->mutex);
	closing = s->closing;
	pthread_mutex_unlock(&s->mutex);
	return closing;
}

/* Somebody has the database open and locked: SQLite asks to go on. */
static int
wait_busy(void *arg, int times)
{
	struct sqlite_store *s = arg;

	if (times == 0)
		s->busy_ms = 0;
	if (s->busy_ms >= CLOSE_BUSY_MS && is_closing(s))
		return 0;
	sqlite3_sleep(BUSY_PAUSE_MS);
	s->busy_ms += BUSY_PAUSE_MS;
	return 1;
}

static int
run(sqlite3_stmt *st)
{
	int code = sqlite3_step(st);

	(void)sqlite3_reset(st);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

static void
bind_text(sqlite3_stmt *st, int at, char letter, struct slice t)
{
	const void *bytes = t.len > 0 ? (const void *)t.bytes : "";

	if (letter == 't')
		sqlite3_bind_text(st, at, bytes, (int)t.len, SQLITE_STATIC);
	else
		sqlite3_bind_blob(st, at, bytes, (int)t.len, SQLITE_STATIC);
}

/* What a form says of a row, from parameter `at` on. Returns the next one. */
static int
bind_row(sqlite3_stmt *st, int at, const char *form, const struct row *r)
{
	unsigned number = 0, text = 0;

	for (; *form != '\0'; form++, at++)
		if (*form == 'n')
			sqlite3_bind_int64(st, at,
			    (sqlite3_int64)r->number[number++]);
		else
			bind_text(st, at, *form, r->text[text++]);
	return at;
}

static int
write_row(struct sqlite_store *s, const struct row *r)
{
	sqlite3_stmt *st = s->write[r->kind];
	int code;

	(void)bind_row(st, 1, row_form(r->kind), r);
	code = run(st);
	if (code != SQLITE_OK || r->kind != ROW_SALA_GONE)
		return code;
	sqlite3_bind_int64(s->messages_gone, 1, (sqlite3_int64)r->number[0]);
	return run(s->messages_gone);
}

/* What SQLite numbers next is this one. Somebody may have put others in. */
static bool
is_next(struct sqlite_store *s, uint64_t id)
{
	bool next = sqlite3_step(s->last_tarea) == SQLITE_ROW &&
	    (uint64_t)sqlite3_column_int64(s->last_tarea, 0) + 1 == id;

	(void)sqlite3_reset(s->last_tarea);
	return next;
}

/*
 * RUN_ROWS: so many tasks, one behind the other, are taken off the batch and
 * bound to one statement, which costs half of as many. Less: how many of
 * them it begins with, all still there.
 */
static unsigned
bind_run(struct sqlite_store *s, struct slice *batch)
{
	const char *texts = row_form(ROW_TAREA) + 1;
	struct slice rest = *batch;
	uint64_t first = 0;
	struct row r;
	int at = 1;

	for (unsigned n = 0; n < RUN_ROWS; n++) {
		if (!row_read(&rest, &r) || r.kind != ROW_TAREA)
			return n;
		if (n == 0)
			first = r.number[0];
		if (r.number[0] != first + n)
			return n;
		at = bind_row(s->write_run, at, texts, &r);
	}
	if (!is_next(s, first))
		return RUN_ROWS - 1;
	*batch = rest;
	return RUN_ROWS;
}

static int
write_rows(struct sqlite_store *s, struct slice batch)
{
	int code = SQLITE_OK;
	unsigned n;
	struct row r;

	while (code == SQLITE_OK && batch.len > 0) {
		n = bind_run(s, &batch);
		if (n == RUN_ROWS) {
			code = run(s->write_run);
			continue;
		}
		/* Those, and what came instead of the next one. */
		for (n++; n > 0 && code == SQLITE_OK && row_read(&batch, &r);
		     n--)
			code = write_row(s, &r);
	}
	return code;
}

/* All of a batch and the seq that it leads to, or nothing. */
static bool
commit(struct sqlite_store *s, struct slice batch, uint64_t seq)
{
	int code = run(s->begin);

	if (code == SQLITE_BUSY && is_closing(s))
		return false; /* nobody was answered, nobody will be */
	if (code == SQLITE_OK)
		code = write_rows(s, batch);
	if (code == SQLITE_OK)
		code = sqlite3_bind_int64(s->seq, 1, (sqlite3_int64)seq);
	if (code == SQLITE_OK)
		code = run(s->seq);
	if (code == SQLITE_OK)
		code = run(s->commit);
	if (code != SQLITE_OK)
		give_up(s);
	return true;
}

static bool
disk_has_room(const struct sqlite_store *s)
{
	struct statvfs disk;

	if (statvfs(s->config->directory, &disk) != 0)
		return true; /* then a commit will say it */
	return (uint64_t)disk.f_bavail * disk.f_frsize >= s->config->free_min;
}

/* Sleeps until there is work, or a full disk may have room again. */
static void
wait_for_work(struct sqlite_store *s)
{
	struct timespec until;

	if (s->room) {
		pthread_cond_wait(&s->work, &s->mutex);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += LOOK_S;
	pthread_cond_timedwait(&s->work, &s->mutex, &until);
}

static void
look_at_disk(struct sqlite_store *s)
{
	bool room = disk_has_room(s);

	if (room == s->room)
		return;
	s->room = room;
	wakeup_tell(&s->wakeup);
}

/* The next batch, taken from the queue. False: it is time to end. */
static bool
take_batch(struct sqlite_store *s, struct buf *batch, uint64_t *seq)
{
	struct buf empty = *batch;

	pthread_mutex_lock(&s->mutex);
	s->busy = false;
	while (s->queue_seq <= s->saved_seq && !s->closing) {
		pthread_cond_broadcast(&s->idle);
		wait_for_work(s);
		look_at_disk(s);
	}
	s->busy = s->queue_seq > s->saved_seq;
	*seq = s->queue_seq;
	*batch = s->queue;
	s->queue = empty;
	look_at_disk(s);
	pthread_mutex_unlock(&s->mutex);
	return s->busy;
}

static void
batch_saved(struct sqlite_store *s, uint64_t seq, size_t bytes)
{
	pthread_mutex_lock(&s->mutex);
	s->saved_seq = seq;
	s->saved_bytes += bytes;
	pthread_mutex_unlock(&s->mutex);
	wakeup_tell(&s->wakeup);
}

static void *
writer(void *arg)
{
	struct sqlite_store *s = arg;
	struct buf batch;
	uint64_t seq;

	buf_init(&batch);
	while (
	    take_batch(s, &batch, &seq) && commit(s, buf_bytes(&batch), seq)) {
		batch_saved(s, seq, buf_len(&batch));
		buf_clear(&batch);
	}
	buf_release(&batch);
	return NULL;
}

/* -- the loop's side -- */

static void
sqlite_write(struct store *store, uint64_t seq, struct slice batch)
{
	struct sqlite_store *s = of(store);

	pthread_mutex_lock(&s->mutex);
	buf_add(&s->queue, batch);
	s->queue_seq = seq;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->mutex);
	s->written_bytes += batch.len;
}

static bool
sqlite_has_room(struct store *store)
{
	return of(store)->told_room;
}

static size_t
sqlite_backlog(struct store *store)
{
	const struct sqlite_store *s = of(store);

	return s->written_bytes - s->told_bytes;
}

void
sqlite_store_ready(void *store)
{
	struct sqlite_store *s = of(store);
	uint64_t seq;
	bool room;

	wakeup_hear(&s->wakeup);
	pthread_mutex_lock(&s->mutex);
	seq = s->saved_seq;
	s->told_bytes = s->saved_bytes;
	room = s->room;
	pthread_mutex_unlock(&s->mutex);
	if (room != s->told_room) {
		s->told_room = room;
		if (s->store.events != NULL)
			s->store.events->room(s->store.arg, room);
	}
	if (seq != s->told_seq) {
		s->told_seq = seq;
		if (s->store.events != NULL)
			s->store.events->saved(s->store.arg, seq);
	}
}

int
sqlite_store_fd(const struct store *store)
{
	const struct sqlite_store *s =
	    CONTAINER_OF(store, const struct sqlite_store, store);

	return wakeup_fd(&s->wakeup);
}

/* -- loading -- */

static void
read_row(sqlite3_stmt *st, struct row *r)
{
	unsigned number = 0, text = 0;
	int at = 0;

	for (const char *form = row_form(r->kind); *form != '\0'; form++, at++)
		if (*form == 'n')
			r->number[number++] =
			    (uint64_t)sqlite3_column_int64(st, at);
		else
			r->text[text++] =
			    slice_bytes(sqlite3_column_blob(st, at),
				(size_t)sqlite3_column_bytes(st, at));
}

static int
refuse_row(struct sqlite_store *s, const struct row *r)
{
	s->unsound = tables[r->kind].key;
	s->unsound_key = (int64_t)r->number[0];
	return SQLITE_CORRUPT;
}

static int
load_kind(struct sqlite_store *s, enum row_kind kind,
    void (*each)(void *arg, const struct row *r), void *arg, uint64_t *rows)
{
	sqlite3_stmt *st;
	int code = sqlite3_prepare_v2(s->db, tables[kind].read, -1, &st, NULL);

	if (code != SQLITE_OK)
		return code;
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		struct row r = { .kind = kind };

		read_row(st, &r);
		if (!row_is_sound(&r)) {
			code = refuse_row(s, &r);
			break;
		}
		each(arg, &r);
		if (++*rows % PROGRESS_ROWS == 0 && s->config->progress != NULL)
			s->config->progress(s->config->arg, *rows);
	}
	(void)sqlite3_finalize(st);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int
load_seq(struct sqlite_store *s, uint64_t *seq)
{
	sqlite3_stmt *st;
	int code = sqlite3_prepare_v2(s->db, SELECT_SEQ, -1, &st, NULL);

	if (code != SQLITE_OK)
		return code;
	code = sqlite3_step(st);
	if (code == SQLITE_ROW)
		*seq = (uint64_t)sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	return code == SQLITE_ROW ? SQLITE_OK : SQLITE_CORRUPT;
}

static void
wait_until_idle(struct sqlite_store *s)
{
	pthread_mutex_lock(&s->mutex);
	while (s->busy || s->queue_seq > s->saved_seq)
		pthread_cond_wait(&s->idle, &s->mutex);
	pthread_mutex_unlock(&s->mutex);
}

static enum err
sqlite_load(struct store *store, void (*each)(void *arg, const struct row *r),
    void *arg, uint64_t *seq)
{
	struct sqlite_store *s = of(store);
	uint64_t rows = 0;
	int code;

	wait_until_idle(s);
	code = load_seq(s, seq);
	for (unsigned kind = 0; code == SQLITE_OK && kind < ROW_KINDS; kind++)
		if (tables[kind].read != NULL)
			code = load_kind(s, kind, each, arg, &rows);
	if (rows >= PROGRESS_ROWS && s->config->progress != NULL)
		s->config->progress(s->config->arg, rows);
	pthread_mutex_lock(&s->mutex);
	s->queue_seq = s->saved_seq = *seq;
	pthread_mutex_unlock(&s->mutex);
	s->told_seq = *seq;
	s->load_code = code;
	/* The pages of what lies in our memory now need no place in it. */
	(void)sqlite3_db_release_memory(s->db);
	return code == SQLITE_OK ? E_OK : E_STORAGE;
}

int
sqlite_store_why(const struct store *store, char **why)
{
	const struct sqlite_store *s =
	    CONTAINER_OF(store, const struct sqlite_store, store);

	if (s->unsound == NULL)
		return db_explain(s->path, s->load_code,
		    sqlite3_errstr(s->load_code), why);
	if (asprintf(why,
		_("%s has a row that tareas_server did not write: SELECT * "
		  "FROM %s = %lld. Mend it or delete it with sqlite3"),
		s->path, s->unsound, (long long)s->unsound_key) < 0)
		abort();
	return DB_DATAERR;
}

/* -- the directory -- */

static int
cannot_use(const char *path, char **why)
{
	if (asprintf(why, _("cannot use the directory %s: %s"), path,
		strerror(errno)) < 0)
		abort();
	return DB_CANTCREAT;
}

/* It is there, and its name is durable if it is new. */
static bool
make_one(const char *path, mode_t mode)
{
	return mkdir(path, mode) == 0 ? db_sync_name(path) == 0 :
					errno == EEXIST;
}

/* With the directories above it, which others may look into. */
static int
make_directory(const char *path, char **why)
{
	char *copy = strdup(path);
	int status = 0;

	if (copy == NULL)
		abort();
	for (char *at = strchr(copy + 1, '/'); at != NULL;
	     at = strchr(at + 1, '/')) {
		*at = '\0';
		if (!make_one(copy, 0755))
			break; /* the last one will say it */
		*at = '/';
	}
	free(copy);
	if (!make_one(path, 0700))
		status = cannot_use(path, why);
	return status;
}

/*
 * Who may write there could put a database of his own in its place. To look
 * is harmless: the files are their owner's. systemd makes it so.
 */
static int
check_access(const char *path, char **why)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return cannot_use(path, why);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return 0;
	if (asprintf(why,
		_("other users may write in the directory %s: run  "
		  "chmod 700 %s"),
		path, path) < 0)
		abort();
	return DB_NOPERM;
}

/* One server a directory. The lock goes with the program, however it ends. */
static int
take_lock(struct sqlite_store *s, char **why)
{
	const char *directory = s->config->directory;
	char *path;

	if (asprintf(&path, "%s/lock", directory) < 0)
		abort();
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	free(path);
	if (s->lock_fd < 0)
		return cannot_use(directory, why);
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (asprintf(why,
		_("another tareas_server works on %s: end it, or give this "
		  "one another --data"),
		directory) < 0)
		abort();
	return DB_TEMPFAIL;
}

/* -- life -- */

static void
finalize(struct sqlite_store *s)
{
	for (unsigned kind = 0; kind < ROW_KINDS; kind++)
		(void)sqlite3_finalize(s->write[kind]);
	(void)sqlite3_finalize(s->write_run);
	(void)sqlite3_finalize(s->last_tarea);
	(void)sqlite3_finalize(s->messages_gone);
	(void)sqlite3_finalize(s->begin);
	(void)sqlite3_finalize(s->seq);
	(void)sqlite3_finalize(s->commit);
	(void)sqlite3_close(s->db);
}

static void
release(struct sqlite_store *s)
{
	finalize(s);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	wakeup_release(&s->wakeup);
	pthread_cond_destroy(&s->idle);
	pthread_cond_destroy(&s->work);
	pthread_mutex_destroy(&s->mutex);
	buf_release(&s->queue);
	free(s->path);
	free(s);
}

static void
sqlite_close(struct store *store)
{
	struct sqlite_store *s = of(store);

	pthread_mutex_lock(&s->mutex);
	s->closing = true;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->mutex);
	pthread_join(s->thread, NULL);
	release(s);
}

static const struct store_ops ops = {
	.load = sqlite_load,
	.write = sqlite_write,
	.has_room = sqlite_has_room,
	.backlog = sqlite_backlog,
	.close = sqlite_close,
};

static int
prepare(struct sqlite_store *s, const char *sql, sqlite3_stmt **out)
{
	return sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
	    out, NULL);
}

static int
prepare_run(struct sqlite_store *s)
{
	char sql[sizeof(INSERT_RUN) + (RUN_ROWS - 1) * sizeof(", (?, ?, ?)")] =
	    INSERT_RUN;

	for (unsigned i = 1; i < RUN_ROWS; i++)
		strcat(sql, ", (?, ?, ?)");
	return prepare(s, sql, &s->write_run);
}

static int
prepare_all(struct sqlite_store *s, char **why)
{
	int code = prepare(s, "BEGIN IMMEDIATE", &s->begin);

	if (code == SQLITE_OK)
		code = prepare(s, "COMMIT", &s->commit);
	if (code == SQLITE_OK)
		code = prepare(s, "UPDATE estado SET seq = ?", &s->seq);
	if (code == SQLITE_OK)
		code = prepare(s, "DELETE FROM mensaje WHERE sala = ?",
		    &s->messages_gone);
	for (unsigned kind = 0; code == SQLITE_OK && kind < ROW_KINDS; kind++)
		code = prepare(s, tables[kind].write, &s->write[kind]);
	if (code == SQLITE_OK)
		code = prepare_run(s);
	if (code == SQLITE_OK)
		code = prepare(s, "SELECT max(id) FROM tarea", &s->last_tarea);
	if (code == SQLITE_OK)
		code = sqlite3_busy_handler(s->db, wait_busy, s);
	return code == SQLITE_OK ?
	    0 :
	    db_explain(s->path, code, sqlite3_errmsg(s->db), why);
}

/* Signals are the loop's. */
static int
start_writer(struct sqlite_store *s)
{
	sigset_t all, before;
	int result;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	result = pthread_create(&s->thread, NULL, writer, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return result;
}

static struct sqlite_store *new (const struct sqlite_store_config *config)
{
	struct sqlite_store *s = calloc(1, sizeof(*s));
	pthread_condattr_t clock;

	if (s == NULL ||
	    asprintf(&s->path, "%s/" DB_FILE, config->directory) < 0)
		abort();
	s->store.ops = &ops;
	s->config = config;
	s->lock_fd = -1;
	buf_init(&s->queue);
	pthread_mutex_init(&s->mutex, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&s->work, &clock);
	pthread_condattr_destroy(&clock);
	pthread_cond_init(&s->idle, NULL);
	if (!wakeup_init(&s->wakeup))
		abort();
	return s;
}

int
sqlite_store_open(const struct sqlite_store_config *config, struct store **out,
    char **why)
{
	struct sqlite_store *s = new (config);
	int status = make_directory(config->directory, why);

	if (status == 0)
		status = check_access(config->directory, why);
	if (status == 0)
		status = take_lock(s, why);
	if (status == 0)
		status = db_open(s->path, &s->db, why);
	if (status == 0)
		status = prepare_all(s, why);
	s->told_room = s->room = disk_has_room(s);
	if (status == 0 && start_writer(s) != 0)
		abort();
	if (status == 0)
		*out = &s->store;
	else
		release(s);
	return status;
}

int
sqlite_store_backup(const char *directory, const char *to, char **why)
{
	char *path;
	int status;

	if (asprintf(&path, "%s/" DB_FILE, directory) < 0)
		abort();
	status = db_backup(path, to, why);
	free(path);
	return status;
}

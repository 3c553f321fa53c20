/*
 * Power losses, from what disk.c has recorded of a session: it cuts the
 * recording at random places, builds for each what a disk might hold then,
 * opens it with the server's own store, and compares with what had been
 * answered by then.
 *
 * What is assumed of a disk, at least as hard as ext4 is:
 *  - what was written to a file is durable when that file has been synced,
 *    in whatever order: until then none of it, all, a prefix, any of the
 *    writes or any of their 512-byte sectors may be there. A sector is not
 *    torn. What lies between is zeros;
 *  - a name (made, gone, renamed) is durable when its directory has been
 *    synced; until then names come in their order, up to any of them. A
 *    sync of the file does not keep its name, as it does on ext4;
 *  - files know nothing of each other.
 *
 * What the writers do is known by number, see power.py: an operation of
 * number 7 modulo 8 deletes the task of seven before, any other adds one.
 *
 * usage: images [-n IMAGES] [-s SEED] [-c CHECK_EACH] [-b BASE -B TASKS]
 *               LOG ROOT SCRATCH
 * ROOT is the recorded DISK_DIR; BASE holds what was in ROOT/data before,
 * with TASKS of the user "base". The last line says what was seen; status 1:
 * something was lost or corrupt.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/rpc.h"
#include "proto/term.h"
#include "proto/limits.h"
#include "server/sqlite_db.h"
#include "server/sqlite_store.h"
#include "tests/crash/disk.h"

enum {
	SECTOR = 512,
	WRITERS = 16,
	TASKS_MAX = 1 << 16,
	NAMES_MAX = 64,
	NAME_EVENTS_MAX = 1024,
	FILES_MAX = 256,
	PERIOD = 8, /* of the writers' operations */
	TEXT_MAX = 8192,
};

/* An entry, and what follows it. */
struct event {
	const struct disk_entry *entry;
	const uint8_t *bytes;
};

struct file {
	uint64_t inode;
	struct buf content; /* that is durable */
	const struct event **unsynced; /* writes and truncations */
	size_t count, size;
};

struct name {
	char path[256]; /* below the root */
	struct file *file; /* NULL: a directory */
};

struct names {
	struct name all[NAMES_MAX];
	unsigned count;
};

struct name_event {
	const struct event *event;
	struct file *file; /* of DISK_CREATE */
};

struct options {
	unsigned images, check_each, base_tasks;
	uint64_t seed;
	const char *base, *log, *root, *scratch;
};

struct disk {
	const struct options *options;
	struct event *events;
	size_t event_count;
	struct file files[FILES_MAX];
	unsigned file_count;
	struct names names; /* that are durable */
	struct name_event unsynced[NAME_EVENTS_MAX];
	unsigned unsynced_count;
	uint32_t answered[WRITERS]; /* operations */
	uint64_t random;
};

/* What an image holds. */
struct found {
	const struct options *options;
	uint32_t *tasks[WRITERS]; /* numbers, in their order */
	uint32_t count[WRITERS];
	uint32_t base, claves;
	const char *wrong; /* NULL: nothing yet */
};

struct result {
	unsigned lost, corrupt;
	char first[512]; /* what was wrong with the first one */
};

__attribute__((format(printf, 1, 2))) static _Noreturn void
die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

/* Below n. xorshift64*, as a seed has to give the same images. */
static uint64_t
chance(struct disk *d, uint64_t n)
{
	d->random ^= d->random >> 12;
	d->random ^= d->random << 25;
	d->random ^= d->random >> 27;
	return ((d->random * 0x2545f4914f6cdd1d) >> 11) % n;
}

static void
join(char out[PATH_MAX], const char *directory, const char *name)
{
	int len = snprintf(out, PATH_MAX, "%s/%s", directory, name);

	assert(len > 0 && len < PATH_MAX);
}

/* -- files -- */

static void
set_size(struct buf *b, size_t size)
{
	size_t len = buf_len(b);

	if (size <= len) {
		buf_truncate(b, size);
		return;
	}
	memset(buf_room(b, size - len), 0, size - len);
	buf_grew(b, size - len);
}

static void
put(struct buf *b, uint64_t offset, const uint8_t *bytes, size_t len)
{
	if (buf_len(b) < offset + len)
		set_size(b, offset + len);
	memcpy(b->bytes + b->start + offset, bytes, len);
}

static void
apply(struct buf *b, const struct event *e)
{
	if (e->entry->kind == DISK_TRUNCATE)
		set_size(b, e->entry->offset);
	else
		put(b, e->entry->offset, e->bytes, e->entry->len);
}

/* Any of its sectors. */
static void
apply_torn(struct disk *d, struct buf *b, const struct event *e)
{
	uint64_t at = e->entry->offset, end = at + e->entry->len, next;

	if (e->entry->kind == DISK_TRUNCATE)
		return;
	for (; at < end; at = next) {
		next = (at / SECTOR + 1) * SECTOR;
		next = next < end ? next : end;
		if (chance(d, 2) == 0)
			put(b, at, e->bytes + (at - e->entry->offset),
			    next - at);
	}
}

/* What may be there of a file when the power goes. */
static void
lose_power(struct disk *d, const struct file *f, struct buf *out)
{
	enum { NONE, ALL, PREFIX, SUBSET, SECTORS, WAYS };
	uint64_t way = chance(d, WAYS);
	size_t prefix = chance(d, f->count + 1);

	buf_add(out, buf_bytes(&f->content));
	for (size_t i = 0; i < f->count; i++) {
		const struct event *e = f->unsynced[i];

		if (way == ALL || (way == PREFIX && i < prefix) ||
		    (way == SUBSET && chance(d, 2) == 0))
			apply(out, e);
		else if (way == SECTORS || (way == PREFIX && i == prefix))
			apply_torn(d, out, e);
	}
}

static struct file *
new_file(struct disk *d, uint64_t inode)
{
	struct file *f = &d->files[d->file_count++];

	assert(d->file_count <= FILES_MAX);
	for (unsigned i = 0; i + 1 < d->file_count; i++)
		if (d->files[i].inode == inode)
			d->files[i].inode = 0; /* gone, its number is free */
	f->inode = inode;
	buf_init(&f->content);
	return f;
}

static struct file *
find_file(struct disk *d, uint64_t inode)
{
	for (unsigned i = 0; i < d->file_count; i++)
		if (d->files[i].inode == inode)
			return &d->files[i];
	die("a call on a file that was not opened");
}

static void
add_unsynced(struct file *f, const struct event *e)
{
	if (f->count == f->size) {
		f->size = f->size > 0 ? f->size * 2 : 64;
		f->unsynced =
		    realloc(f->unsynced, f->size * sizeof(*f->unsynced));
		if (f->unsynced == NULL)
			abort();
	}
	f->unsynced[f->count++] = e;
}

static void
sync_file(struct file *f)
{
	for (size_t i = 0; i < f->count; i++)
		apply(&f->content, f->unsynced[i]);
	f->count = 0;
}

/* -- names -- */

static struct name *
find_name(struct names *n, const char *path)
{
	for (unsigned i = 0; i < n->count; i++)
		if (strcmp(n->all[i].path, path) == 0)
			return &n->all[i];
	return NULL;
}

static void
set_name(struct names *n, const char *path, struct file *f)
{
	struct name *name = find_name(n, path);

	if (name == NULL)
		name = &n->all[n->count++];
	assert(n->count <= NAMES_MAX);
	snprintf(name->path, sizeof(name->path), "%s", path);
	name->file = f;
}

static void
drop_name(struct names *n, const char *path)
{
	struct name *name = find_name(n, path);

	if (name != NULL)
		*name = n->all[--n->count];
}

/* Its path below the root; the second one after a NUL. */
static void
paths(const struct disk *d, const struct event *e, char from[PATH_MAX],
    char to[PATH_MAX])
{
	size_t root = strlen(d->options->root) + 1;
	const char *bytes = (const char *)e->bytes;
	size_t len = strnlen(bytes, e->entry->len);

	snprintf(from, PATH_MAX, "%.*s", (int)len, bytes);
	memmove(from, from + (root <= len ? root : len), PATH_MAX - root);
	*to = '\0';
	if (len < e->entry->len)
		snprintf(to, PATH_MAX, "%.*s",
		    (int)(e->entry->len - len - 1 - root),
		    bytes + len + 1 + root);
}

static void
apply_name(const struct disk *d, struct names *n, const struct name_event *e)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct name *name;

	paths(d, e->event, from, to);
	switch (e->event->entry->kind) {
	case DISK_CREATE:
	case DISK_MKDIR:
		set_name(n, from, e->file);
		break;
	case DISK_LINK:
	case DISK_RENAME:
		name = find_name(n, from);
		if (name == NULL)
			die("no such name: %s", from);
		set_name(n, to, name->file);
		if (e->event->entry->kind == DISK_RENAME)
			drop_name(n, from);
		break;
	default: /* DISK_UNLINK */
		drop_name(n, from);
		break;
	}
}

static void
add_name_event(struct disk *d, const struct event *e, struct file *f)
{
	assert(d->unsynced_count < NAME_EVENTS_MAX);
	d->unsynced[d->unsynced_count++] =
	    (struct name_event){ .event = e, .file = f };
}

/* Whether a path below the root is directly in a directory below it. */
static bool
is_in(const char *path, const char *directory)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash != NULL ? (size_t)(slash - path) : 0;

	return len == strlen(directory) && strncmp(path, directory, len) == 0;
}

static void
sync_directory(struct disk *d, const struct event *e)
{
	char directory[PATH_MAX], path[PATH_MAX], to[PATH_MAX];
	unsigned kept = 0;

	paths(d, e, directory, to);
	for (unsigned i = 0; i < d->unsynced_count; i++) {
		struct name_event *n = &d->unsynced[i];

		paths(d, n->event, path, to);
		if (is_in(path, directory))
			apply_name(d, &d->names, n);
		else
			d->unsynced[kept++] = *n;
	}
	d->unsynced_count = kept;
}

/* -- what happened -- */

/* A file that was there before, or is opened again. */
static void
open_file(struct disk *d, const struct event *e)
{
	char path[PATH_MAX], to[PATH_MAX];
	struct name *name;

	for (unsigned i = 0; i < d->file_count; i++)
		if (d->files[i].inode == e->entry->file)
			return;
	paths(d, e, path, to);
	name = find_name(&d->names, path);
	if (name == NULL || name->file == NULL)
		die("%s was there, and nobody knows it", path);
	name->file->inode = e->entry->file;
}

/* Answers to operations have the writer in their msgid, from 1 on. */
static void
answers(struct disk *d, struct slice bytes)
{
	struct term_check check;
	struct rpc m;

	while (bytes.len > 0) {
		uint32_t writer, n;

		term_check_init(&check, LIMIT_FRAME);
		if (term_check(&check, bytes) != TERM_WHOLE ||
		    rpc_decode(slice_bytes(bytes.bytes, check.pos), &m) != E_OK)
			die("no whole answer");
		bytes =
		    slice_bytes(bytes.bytes + check.pos, bytes.len - check.pos);
		writer = m.msgid >> 20;
		n = m.msgid & 0xfffff;
		if (m.kind != RPC_RESPONSE || writer == 0)
			continue;
		if (rpc_read_error(m.error, NULL) != E_OK || writer > WRITERS)
			die("an operation was refused");
		if (n + 1 > d->answered[writer - 1])
			d->answered[writer - 1] = n + 1;
	}
}

static void
happen(struct disk *d, const struct event *e)
{
	switch (e->entry->kind) {
	case DISK_OPEN:
		open_file(d, e);
		break;
	case DISK_CREATE:
		add_name_event(d, e, new_file(d, e->entry->file));
		break;
	case DISK_WRITE:
	case DISK_TRUNCATE:
		add_unsynced(find_file(d, e->entry->file), e);
		break;
	case DISK_SYNC:
		sync_file(find_file(d, e->entry->file));
		break;
	case DISK_SYNC_DIRECTORY:
		sync_directory(d, e);
		break;
	case DISK_SENT:
		answers(d, slice_bytes(e->bytes, e->entry->len));
		break;
	default:
		add_name_event(d, e, NULL);
		break;
	}
}

/* -- an image -- */

static void
write_file(const char *path, struct slice bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, bytes.bytes, bytes.len) != (ssize_t)bytes.len)
		die("%s: %s", path, strerror(errno));
	close(fd);
}

static void
empty_directory(const char *path)
{
	DIR *dir = opendir(path);
	char name[PATH_MAX];

	if (dir == NULL)
		return;
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		join(name, path, e->d_name);
		(void)unlink(name);
	}
	closedir(dir);
}

/* Directories stand before what is in them, as they are made before. */
static void
build(struct disk *d)
{
	struct names names = d->names;
	uint64_t up_to = chance(d, d->unsynced_count + 1);
	char path[PATH_MAX];
	struct buf content;

	if (chance(d, 3) == 0)
		up_to = 0;
	for (unsigned i = 0; i < up_to; i++)
		apply_name(d, &names, &d->unsynced[i]);
	join(path, d->options->scratch, "data");
	empty_directory(path);
	(void)rmdir(path);
	if (find_name(&names, "data") == NULL)
		return; /* and nothing that is in it can be found */
	if (mkdir(path, 0700) != 0)
		die("%s: %s", path, strerror(errno));
	buf_init(&content);
	for (unsigned i = 0; i < names.count; i++) {
		if (names.all[i].file == NULL)
			continue;
		join(path, d->options->scratch, names.all[i].path);
		buf_clear(&content);
		lose_power(d, names.all[i].file, &content);
		write_file(path, buf_bytes(&content));
	}
	buf_release(&content);
}

/* -- what is in it -- */

/* As power.py makes it. */
static bool
is_description(struct slice text, uint32_t n)
{
	size_t len = n * 37 % 500 + (n % 32 == 5 ? 6000 : 0);

	if (text.len != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text.bytes[i] != 'a' + n % 26)
			return false;
	return true;
}

static uint32_t
number(struct slice text)
{
	char digits[16];

	snprintf(digits, sizeof(digits), "%.*s", (int)text.len,
	    (const char *)text.bytes);
	return (uint32_t)strtoul(digits, NULL, 10);
}

static void
found_task(struct found *f, const struct row *r)
{
	struct slice usuario = r->text[0];
	uint32_t writer, n = number(r->text[1]);

	if (slice_is(usuario, "base")) {
		if (n != f->base)
			f->wrong = "a task of before";
		f->base++;
		return;
	}
	/* "u" and the writer's number */
	writer = usuario.len < 2 ?
	    WRITERS :
	    number(slice_bytes(usuario.bytes + 1, usuario.len - 1));
	if (writer >= WRITERS || f->count[writer] == TASKS_MAX ||
	    !is_description(r->text[2], n)) {
		f->wrong = "a task's texts";
		return;
	}
	f->tasks[writer][f->count[writer]++] = n;
}

static void
found_row(void *arg, const struct row *r)
{
	struct found *f = arg;

	if (r->kind == ROW_TAREA)
		found_task(f, r);
	else if (r->kind == ROW_CLAVE)
		f->claves++;
}

static bool
is_there(uint32_t n, uint32_t done)
{
	return n < done && n % PERIOD != PERIOD - 1 &&
	    !(n % PERIOD == 0 && n + PERIOD - 1 < done);
}

/* How many operations led to these tasks; UINT32_MAX: none do. */
static uint32_t
done(const uint32_t *tasks, uint32_t count)
{
	uint32_t done = count > 0 ? tasks[count - 1] + 1 : 0, at = 0;

	if (done % PERIOD == PERIOD - 1 &&
	    (count < PERIOD - 1 || tasks[count - (PERIOD - 1)] != done - 7))
		done++; /* the deletion too */
	for (uint32_t n = 0; n < done; n++)
		if (is_there(n, done) && (at == count || tasks[at++] != n))
			return UINT32_MAX;
	return at == count ? done : UINT32_MAX;
}

/* Corrupt: *why is set. Returns how many answered operations are lost. */
static uint32_t
compare(const struct disk *d, struct found *f, uint64_t seq)
{
	uint32_t lost = 0, all = 0;

	for (unsigned w = 0; w < WRITERS && f->wrong == NULL; w++) {
		uint32_t n = done(f->tasks[w], f->count[w]);

		if (n == UINT32_MAX)
			f->wrong = "a writer's tasks are not in order";
		else if (n < d->answered[w])
			lost += d->answered[w] - n;
		all += n;
	}
	if (f->wrong == NULL && f->base != d->options->base_tasks)
		f->wrong = "the tasks of before";
	if (f->wrong == NULL && (f->claves != all || seq != all + f->base))
		f->wrong = "keys or seq do not fit the tasks";
	return lost;
}

static void
remember(struct result *r, size_t cut, const char *what, const char *why)
{
	if (r->lost + r->corrupt == 1)
		snprintf(r->first, sizeof(r->first), "cut %zu: %s: %s", cut,
		    what, why);
}

static void
corrupt(struct result *r, size_t cut, const char *why)
{
	r->corrupt++;
	remember(r, cut, "corrupt", why);
}

static bool
has_integrity(const char *directory)
{
	char path[PATH_MAX];
	sqlite3_stmt *st = NULL;
	sqlite3 *db;
	bool good;

	join(path, directory, DB_FILE);
	good = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) ==
		SQLITE_OK &&
	    sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL) ==
		SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW &&
	    strcmp((const char *)sqlite3_column_text(st, 0), "ok") == 0;
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(db);
	return good;
}

/* Opens the image as a server does. */
static void
look(const struct disk *d, size_t cut, struct found *f, struct result *r,
    bool check)
{
	char directory[PATH_MAX], *why;
	struct sqlite_store_config config = { .directory = directory };
	struct store *store;
	uint64_t seq = 0;
	uint32_t lost;

	join(directory, d->options->scratch, "data");
	f->wrong = NULL;
	f->base = f->claves = 0;
	memset(f->count, 0, sizeof(f->count));
	if (sqlite_store_open(&config, &store, &why) != 0) {
		corrupt(r, cut, why);
		free(why);
		return;
	}
	if (store_load(store, found_row, f, &seq) != E_OK)
		f->wrong = "it cannot be loaded";
	store_close(store);
	lost = compare(d, f, seq);
	if (f->wrong == NULL && check && !has_integrity(directory))
		f->wrong = "integrity_check";
	if (f->wrong != NULL) {
		corrupt(r, cut, f->wrong);
	} else if (lost > 0) {
		r->lost++;
		remember(r, cut, "lost", "answered operations");
	}
}

/* -- the recording -- */

static void
read_log(struct disk *d)
{
	int fd = open(d->options->log, O_RDONLY | O_CLOEXEC);
	const uint8_t *bytes;
	struct stat st;
	size_t count = 0;

	if (fd < 0 || fstat(fd, &st) != 0)
		die("%s: %s", d->options->log, strerror(errno));
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	d->events = calloc((size_t)st.st_size / sizeof(struct disk_entry) + 1,
	    sizeof(*d->events));
	if (bytes == MAP_FAILED || d->events == NULL)
		die("%s cannot be read", d->options->log);
	for (size_t at = 0;
	     at + sizeof(struct disk_entry) <= (size_t)st.st_size;) {
		struct disk_entry *entry = malloc(sizeof(*entry));

		if (entry == NULL)
			abort();
		memcpy(entry, bytes + at, sizeof(*entry));
		at += sizeof(*entry);
		d->events[count++] =
		    (struct event){ .entry = entry, .bytes = bytes + at };
		at += entry->len;
	}
	d->event_count = count;
	close(fd);
}

/* The one file that is there before, if any. */
static void
read_base(struct disk *d)
{
	char path[PATH_MAX];
	struct stat st;
	struct file *f;
	int fd;

	if (d->options->base == NULL)
		return;
	join(path, d->options->base, DB_FILE);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		die("%s: %s", path, strerror(errno));
	f = new_file(d, 0);
	if (read(fd, buf_room(&f->content, (size_t)st.st_size),
		(size_t)st.st_size) != st.st_size)
		die("%s: %s", path, strerror(errno));
	buf_grew(&f->content, (size_t)st.st_size);
	set_name(&d->names, "data", NULL);
	set_name(&d->names, "data/" DB_FILE, f);
	close(fd);
}

static int
by_place(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return x < y ? -1 : x > y;
}

/* Half of them right behind an answer, where most can be lost. */
static size_t *
choose_cuts(struct disk *d)
{
	size_t *cuts = calloc(d->options->images, sizeof(*cuts));

	if (cuts == NULL)
		abort();
	for (unsigned i = 0; i < d->options->images; i++) {
		size_t at = chance(d, d->event_count);

		while (i % 2 == 0 && at > 0 &&
		    d->events[at - 1].entry->kind != DISK_SENT)
			at--;
		cuts[i] = at;
	}
	qsort(cuts, d->options->images, sizeof(*cuts), by_place);
	return cuts;
}

static struct result
lose(struct disk *d)
{
	struct result r = { .lost = 0 };
	struct found f = { .options = d->options };
	size_t *cuts = choose_cuts(d), at = 0;

	for (unsigned w = 0; w < WRITERS; w++)
		if ((f.tasks[w] = calloc(TASKS_MAX, sizeof(uint32_t))) == NULL)
			abort();
	for (unsigned i = 0; i < d->options->images; i++) {
		while (at < cuts[i])
			happen(d, &d->events[at++]);
		build(d);
		look(d, cuts[i], &f, &r, i % d->options->check_each == 0);
	}
	for (unsigned w = 0; w < WRITERS; w++)
		free(f.tasks[w]);
	free(cuts);
	return r;
}

static void
read_options(struct options *o, int argc, char *argv[])
{
	int c;

	*o = (struct options){ .images = 500, .check_each = 10, .seed = 1 };
	while ((c = getopt(argc, argv, "n:s:c:b:B:")) != -1) {
		if (c == 'n')
			o->images = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 's')
			o->seed = strtoull(optarg, NULL, 10);
		else if (c == 'c')
			o->check_each = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'b')
			o->base = optarg;
		else if (c == 'B')
			o->base_tasks = (unsigned)strtoul(optarg, NULL, 10);
		else
			exit(2);
	}
	if (argc - optind != 3 || o->images == 0 || o->check_each == 0)
		die("usage: images [OPTION]... LOG ROOT SCRATCH");
	o->log = argv[optind];
	o->root = argv[optind + 1];
	o->scratch = argv[optind + 2];
}

int
main(int argc, char *argv[])
{
	static struct disk d;
	struct options options;
	struct result r;

	read_options(&options, argc, argv);
	d.options = &options;
	d.random = options.seed * 0x9e3779b97f4a7c15 + 1;
	read_log(&d);
	read_base(&d);
	r = lose(&d);
	if (r.lost + r.corrupt > 0)
		printf("%s\n", r.first);
	printf("%u images of %zu events: %u lost, %u corrupt\n", options.images,
	    d.event_count, r.lost, r.corrupt);
	return r.lost + r.corrupt > 0;
}

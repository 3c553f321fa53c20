/*
 * The disk under a program, for tests: preloaded, it stands between the
 * program with its libraries and libc. It counts the calls that change or
 * sync files below a directory, lets one of them fail or kills the program
 * before it, and writes down what happened in which order. See disk.h.
 *
 * What -shm files hold is rebuilt at a start, so it is not recorded; but
 * calls on them can fail. What is mapped cannot.
 */
#include "tests/crash/disk.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FDS = 4096, MODE = 0777 };

/* What a descriptor stands for. */
enum watch {
	WATCH_NONE,
	WATCH_FILE,
	WATCH_FILE_UNRECORDED,
	WATCH_DIRECTORY,
};

/* The next one who has the name: libc, mostly. */
#define NEXT(name) (__extension__(__typeof__(&name)) next(#name))

/* SQLite's, whose header is for server/ alone. */
struct sqlite3;
typedef int sqlite3_row(void *, int, char **, char **);
int sqlite3_exec(struct sqlite3 *db, const char *sql, sqlite3_row *row,
    void *arg, char **error);

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct disk_state *state;
static const char *directory;
static int log_fd = -1;
static enum watch watched[FDS];

static void *
next(const char *name)
{
	void *f = dlsym(RTLD_NEXT, name);

	if (f == NULL)
		abort();
	return f;
}

__attribute__((constructor)) static void
start(void)
{
	const char *path = getenv("DISK_STATE"), *log = getenv("DISK_LOG");
	int fd;

	directory = getenv("DISK_DIR");
	if (directory == NULL || path == NULL)
		abort();
	fd = NEXT(open)(path, O_RDWR | O_CLOEXEC);
	state = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	if (fd < 0 || state == MAP_FAILED)
		abort();
	NEXT(close)(fd);
	if (log != NULL)
		log_fd = NEXT(
		    open)(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static bool
is_below(const char *path)
{
	size_t len = strlen(directory);

	return strncmp(path, directory, len) == 0 &&
	    (path[len] == '/' || path[len] == '\0');
}

static bool
is_index(const char *path)
{
	size_t len = strlen(path);

	return len > 4 && strcmp(path + len - 4, "-shm") == 0;
}

static enum watch
watch_of(int fd)
{
	return fd >= 0 && fd < FDS ? watched[fd] : WATCH_NONE;
}

/* -- what happened -- */

static void
record(enum disk_kind kind, uint64_t file, uint64_t offset, const void *bytes,
    size_t len)
{
	struct disk_entry entry = { .kind = kind,
		.len = (uint32_t)len,
		.file = file,
		.offset = offset };
	struct iovec parts[] = { { &entry, sizeof(entry) },
		{ (void *)(uintptr_t)bytes, len } };

	if (log_fd >= 0 &&
	    writev(log_fd, parts, 2) != (ssize_t)(sizeof(entry) + len))
		abort();
}

static void
record_path(enum disk_kind kind, uint64_t file, const char *path)
{
	if (!is_index(path))
		record(kind, file, 0, path, strlen(path));
}

static void
record_paths(enum disk_kind kind, const char *from, const char *to)
{
	char both[2 * PATH_MAX];
	int len = snprintf(both, sizeof(both), "%s%c%s", from, '\0', to);

	assert(len > 0 && (size_t)len < sizeof(both));
	record(kind, 0, 0, both, (size_t)len);
}

static uint64_t
file_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		abort();
	return st.st_ino;
}

static void
record_fd(enum disk_kind kind, int fd, uint64_t offset, const void *bytes,
    size_t len)
{
	if (watch_of(fd) == WATCH_FILE)
		record(kind, file_of(fd), offset, bytes, len);
}

/* -- what fails: between enter() and leave() one thread at a time -- */

/* False: the call fails, with errno. It is entered all the same. */
static bool
enter(bool grows)
{
	pthread_mutex_lock(&mutex);
	if (++state->calls == state->fail_at) {
		state->failed++;
		if (state->fail_errno == DISK_KILL)
			raise(SIGKILL);
		errno = (int)state->fail_errno;
		return false;
	}
	if (grows && state->free_bytes == 0) {
		errno = ENOSPC;
		return false;
	}
	return true;
}

static int
leave(int result)
{
	pthread_mutex_unlock(&mutex);
	return result;
}

/* -- opening -- */

static void
opened(int fd, const char *path, bool made)
{
	struct stat st;

	if (fd < 0)
		return;
	assert(fd < FDS && fstat(fd, &st) == 0);
	watched[fd] = S_ISDIR(st.st_mode) ? WATCH_DIRECTORY :
	    is_index(path)		  ? WATCH_FILE_UNRECORDED :
					    WATCH_FILE;
	if (watched[fd] == WATCH_FILE)
		record_path(made ? DISK_CREATE : DISK_OPEN, st.st_ino, path);
}

static int
open_watched(const char *path, int flags, mode_t mode)
{
	bool made = (flags & O_CREAT) != 0 && access(path, F_OK) != 0;
	int fd = -1;

	if (enter(made))
		fd = NEXT(open)(path, flags, mode);
	opened(fd, path, made);
	return leave(fd);
}

int
open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(args, mode_t) & MODE;
	va_end(args);
	return is_below(path) ? open_watched(path, flags, mode) :
				NEXT(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

int
mkostemp(char *template, int flags)
{
	int fd = -1;

	if (!is_below(template))
		return NEXT(mkostemp)(template, flags);
	if (enter(true))
		fd = NEXT(mkostemp)(template, flags);
	opened(fd, template, true);
	return leave(fd);
}

int mkostemp64(char *template, int flags) __attribute__((alias("mkostemp")));

int
close(int fd)
{
	if (fd >= 0 && fd < FDS)
		watched[fd] = WATCH_NONE;
	return NEXT(close)(fd);
}

/* -- files -- */

static bool
would_grow(int fd, uint64_t end)
{
	struct stat st;

	return fstat(fd, &st) == 0 && end > (uint64_t)st.st_size;
}

ssize_t
pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
	ssize_t n = -1;

	if (watch_of(fd) == WATCH_NONE)
		return NEXT(pwrite)(fd, bytes, len, offset);
	if (enter(would_grow(fd, (uint64_t)offset + len))) {
		record_fd(DISK_WRITE, fd, (uint64_t)offset, bytes, len);
		n = NEXT(pwrite)(fd, bytes, len, offset);
		assert(n == (ssize_t)len); /* as it was recorded */
	}
	(void)leave(0);
	return n;
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t offset)
    __attribute__((alias("pwrite")));

ssize_t
write(int fd, const void *bytes, size_t len)
{
	if (watch_of(fd) == WATCH_NONE)
		return NEXT(write)(fd, bytes, len);
	abort(); /* nobody writes so there; what did would not be recorded */
}

int
ftruncate(int fd, off_t size)
{
	int result = -1;

	if (watch_of(fd) == WATCH_NONE)
		return NEXT(ftruncate)(fd, size);
	if (enter(would_grow(fd, (uint64_t)size))) {
		record_fd(DISK_TRUNCATE, fd, (uint64_t)size, NULL, 0);
		result = NEXT(ftruncate)(fd, size);
	}
	return leave(result);
}

int ftruncate64(int fd, off_t size) __attribute__((alias("ftruncate")));

static void
synced(int fd)
{
	char link[64], path[PATH_MAX];
	ssize_t len;

	record_fd(DISK_SYNC, fd, 0, NULL, 0);
	if (watch_of(fd) != WATCH_DIRECTORY)
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path));
	assert(len > 0);
	record(DISK_SYNC_DIRECTORY, 0, 0, path, (size_t)len);
}

static int
sync_watched(int fd, int (*call)(int))
{
	int result = -1;

	if (watch_of(fd) == WATCH_NONE)
		return call(fd);
	if (enter(false) && (result = call(fd)) == 0)
		synced(fd);
	return leave(result);
}

int
fdatasync(int fd)
{
	return sync_watched(fd, NEXT(fdatasync));
}

int
fsync(int fd)
{
	return sync_watched(fd, NEXT(fsync));
}

/* -- names -- */

int
mkdir(const char *path, mode_t mode)
{
	int result = -1;

	if (!is_below(path))
		return NEXT(mkdir)(path, mode);
	if (enter(access(path, F_OK) != 0) &&
	    (result = NEXT(mkdir)(path, mode)) == 0)
		record_path(DISK_MKDIR, 0, path);
	return leave(result);
}

int
unlink(const char *path)
{
	int result = -1;

	if (!is_below(path))
		return NEXT(unlink)(path);
	if (enter(false) && (result = NEXT(unlink)(path)) == 0)
		record_path(DISK_UNLINK, 0, path);
	return leave(result);
}

int
rename(const char *from, const char *to)
{
	int result = -1;

	if (!is_below(to))
		return NEXT(rename)(from, to);
	if (enter(false) && (result = NEXT(rename)(from, to)) == 0)
		record_paths(DISK_RENAME, from, to);
	return leave(result);
}

int
link(const char *from, const char *to)
{
	int result = -1;

	if (!is_below(to))
		return NEXT(link)(from, to);
	if (enter(true) && (result = NEXT(link)(from, to)) == 0)
		record_paths(DISK_LINK, from, to);
	return leave(result);
}

/* -- the rest -- */

ssize_t
send(int fd, const void *bytes, size_t len, int flags)
{
	ssize_t n;

	pthread_mutex_lock(&mutex);
	record(DISK_SENT, (uint64_t)fd, 0, bytes, len);
	n = NEXT(send)(fd, bytes, len, flags);
	assert(log_fd < 0 || n < 0 || n == (ssize_t)len); /* whole messages */
	pthread_mutex_unlock(&mutex);
	return n;
}

int
statvfs(const char *path, struct statvfs *out)
{
	int result = NEXT(statvfs)(path, out);

	if (result == 0 && is_below(path) &&
	    state->free_bytes != DISK_FREE_REAL)
		out->f_bavail = state->free_bytes / out->f_frsize;
	return result;
}

/* Our program's own pragmas, then those of the test. */
int
sqlite3_exec(struct sqlite3 *db, const char *sql, sqlite3_row *row, void *arg,
    char **error)
{
	const char *more = getenv("DISK_PRAGMAS");
	int code = NEXT(sqlite3_exec)(db, sql, row, arg, error);

	if (code == 0 && more != NULL && strstr(sql, "synchronous") != NULL)
		code = NEXT(sqlite3_exec)(db, more, NULL, NULL, NULL);
	return code;
}

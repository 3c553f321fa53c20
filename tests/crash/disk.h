/*
 * What the preloaded library, the tests that steer it and the program that
 * builds images of a disk say to each other.
 *
 * The environment: DISK_DIR, below which files are looked at; DISK_STATE, a
 * file of struct disk_state; DISK_LOG, where entries are appended (none:
 * nothing is recorded); DISK_PRAGMAS, what SQLite is told after our own.
 */
#ifndef TESTS_CRASH_DISK_H
#define TESTS_CRASH_DISK_H

#include <stdint.h>

/* An errno that is none: the program is killed before the call. */
#define DISK_KILL UINT64_MAX
/* free_bytes: what the machine says. */
#define DISK_FREE_REAL UINT64_MAX

/* Shared memory: a test writes it while the program runs. */
struct disk_state {
	uint64_t calls; /* that changed or synced something, so far */
	uint64_t fail_at; /* the call of this number fails; 0: none */
	uint64_t fail_errno;
	uint64_t failed; /* calls that were made to fail */
	uint64_t free_bytes; /* what statvfs() says; 0: nothing can grow */
};

/*
 * What is said of a call, and what follows the entry. A write is told
 * before it happens, as it may be torn; a sync after it has succeeded; an
 * answer before it leaves, as from then on somebody may rely on it.
 */
enum disk_kind {
	DISK_OPEN, /* path */
	DISK_CREATE, /* path */
	DISK_MKDIR, /* path */
	DISK_UNLINK, /* path */
	DISK_RENAME, /* path, NUL, new path */
	DISK_LINK, /* path, NUL, new path */
	DISK_WRITE, /* bytes */
	DISK_TRUNCATE, /* nothing; offset is the new size */
	DISK_SYNC, /* nothing */
	DISK_SYNC_DIRECTORY, /* path */
	DISK_SENT, /* bytes that a socket takes */
};

struct disk_entry {
	uint32_t kind;
	uint32_t len; /* of what follows */
	uint64_t file; /* its inode's number */
	uint64_t offset;
};

#endif

/*
 * The cookie file: the secret that a server and its clients share, as
 * Erlang's ~/.erlang.cookie.
 *
 * What is accepted: a regular file whose owner is me (the effective user)
 * or root, with no access for others, and none for the group except that it
 * may read what root owns. One final newline is cut; the rest is 1 to 255
 * printable bytes (ASCII, space to tilde). Everything is asked of the opened
 * file and not of its name, so nothing can be exchanged in between; symbolic
 * links are followed; a FIFO or a terminal under that name does not hold the
 * program up.
 *
 * A server makes the file when it is missing. A client never does.
 */
#ifndef COMMON_COOKIE_H
#define COMMON_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/blob.h"
#include "proto/limits.h"

enum { COOKIE_RANDOM_BYTES = 32 };

/* A secret: cookie_clear() it when it is no longer needed. */
struct cookie {
	size_t len;
	char bytes[LIMIT_COOKIE];
};

enum cookie_result {
	COOKIE_OK,
	COOKIE_MISSING, /* no file there, or no path known */
	COOKIE_UNSAFE, /* somebody else could read it or have written it */
	COOKIE_BAD_CONTENT, /* empty, too long, or not printable */
	COOKIE_IO, /* the system refused; see error */
};

/* Why a file is unsafe. */
enum cookie_unsafe {
	COOKIE_UNSAFE_KIND, /* no regular file */
	COOKIE_UNSAFE_OWNER, /* neither mine nor root's */
	COOKIE_UNSAFE_MODE, /* group or others have access */
};

/* What went wrong, for cookie_explain(). */
struct cookie_fault {
	enum cookie_result result;
	enum cookie_unsafe unsafe; /* with COOKIE_UNSAFE */
	bool owned_by_root; /* with COOKIE_UNSAFE_MODE */
	int error; /* with COOKIE_IO: errno */
};

/*
 * The path of the file: option (of --cookie-file, NULL without one), else
 * TAREAS_COOKIE_FILE, else .tareas.cookie in HOME or, where that is unset,
 * in the home folder of the password file; empty values count as unset.
 * The caller frees it. NULL when no home folder is known.
 */
char *cookie_path(const char *option);

/*
 * Reads the file into *out. path may be NULL, which is COOKIE_MISSING.
 * Fills *fault always. Unless the result is COOKIE_OK, *out is unchanged.
 */
__attribute__((warn_unused_result)) enum cookie_result
cookie_read(const char *path, struct cookie *out, struct cookie_fault *fault);

/*
 * Makes the file, unless it is there, from 32 random bytes (as hex and a
 * newline, mode 0400), then reads it as cookie_read() does: of two servers
 * that start at once both have the cookie of the first. The name appears
 * with all of the content behind it, on disk, or not at all. Borrows random;
 * the caller clears it.
 */
__attribute__((warn_unused_result)) enum cookie_result
cookie_make(const char *path, const uint8_t random[COOKIE_RANDOM_BYTES],
    struct cookie *out, struct cookie_fault *fault);

/* The secret itself, borrowed for as long as the cookie is neither cleared
 * nor moved. */
struct slice cookie_bytes(const struct cookie *cookie);

/* True under 16 bytes, which can be guessed: for loopback only. */
bool cookie_is_weak(const struct cookie *cookie);

/* Wipes the secret, in a way no compiler leaves out. */
void cookie_clear(struct cookie *cookie);

/*
 * One line, without a line feed, in the language that was started: what is
 * wrong with the file at path (NULL: none known) and what to type against
 * it. Borrows all; the caller frees the line.
 */
char *cookie_explain(const struct cookie_fault *fault, const char *path);

/*
 * The same for a client, which when the file is missing has two remedies:
 * to start the server here, or to copy the file from the server's machine.
 * host is that machine's name for the scp line, NULL if it is not known.
 */
char *cookie_explain_client(const struct cookie_fault *fault, const char *path,
    const char *host);

#endif

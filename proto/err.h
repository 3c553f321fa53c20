/*
 * The one error table. A word never changes once it has been released: it
 * is what travels on the wire and what programs compare. Texts are for
 * people; the wire carries the English one.
 */
#ifndef PROTO_ERR_H
#define PROTO_ERR_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/api.h"
#include "proto/blob.h"

API_BEGIN

/*
 * name, word, text, safe to retry, exit status of a command that ends with
 * it (sysexits(3)). Safe to retry is true when the request was certainly not
 * carried out; false when it may have been, or would only fail again so. A
 * word we do not know becomes E_MALFORMED, so nothing is certain there.
 */
/* clang-format off */
#define ERR_TABLE(X) \
	X(E_OK, "ok", "no error", true, 0) \
	X(E_BADARG, "badarg", "wrong arguments", false, 65) \
	X(E_TOOBIG, "toobig", "over a limit", false, 65) \
	X(E_EXISTS, "exists", "exists already", false, 65) \
	X(E_NOPROC, "noproc", "no process has that name", true, 76) \
	X(E_UNDEF, "undef", "no such operation", true, 76) \
	X(E_MALFORMED, "malformed", "not a MessagePack-RPC message", false, 76) \
	X(E_TIMEOUT, "timeout", "no answer in time", false, 75) \
	X(E_OVERLOAD, "overload", "too busy, try again later", true, 75) \
	X(E_DIED, "died", "it ended before it answered", false, 75) \
	X(E_NOCONNECTION, "noconnection", "the link is down", false, 75) \
	X(E_STORAGE, "storage", "it could not be stored", true, 75) \
	X(E_SLOW, "slow", "the reader is too slow", false, 75) \
	X(E_UNREACHABLE, "unreachable", "nobody answers there", true, 69) \
	X(E_DENIED, "denied", "not allowed", true, 77)
/* clang-format on */

enum err {
#define X(name, word, text, retry, status) name,
	ERR_TABLE(X)
#undef X
	    ERR_COUNT
};

/* The word of an error: a constant string, never NULL. */
const char *err_word(enum err e);

/* The English sentence of an error: a constant string, never NULL. */
const char *err_text(enum err e);

/* True only when a request that ended so was certainly not carried out. */
bool err_safe_to_retry(enum err e);

/* The exit status of a program that ends with this error. */
int err_exit_status(enum err e);

/*
 * The error of a word from the wire; a word this version does not know is
 * E_MALFORMED. Borrows word.
 */
enum err err_from_word(struct slice word);

API_END

#endif

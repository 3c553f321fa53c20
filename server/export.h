/*
 * What a remote may call: name, operation, the shape of the arguments, and
 * the right that it takes.
 * Nothing that is not in this table can be reached over a link.
 */
#ifndef SERVER_EXPORT_H
#define SERVER_EXPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/blob.h"
#include "proto/err.h"

/* What a session may do: a bit each. */
enum right {
	RIGHT_USE = 1, /* work with the server */
	RIGHT_ADMIN = 2, /* look inside it, restart its parts */
};

/* How long an answer can be. */
enum export_answer {
	ANSWER_SHORT, /* no room needs to be kept for it */
	ANSWER_LISTING, /* the tasks of the user who is the first parameter */
	ANSWER_FRAME, /* LIMIT_FRAME at most */
};

/* Which process an operation goes to. */
enum export_to {
	TO_PROCESS, /* the one of that name */
	TO_ROOM, /* the room that is the first parameter */
	TO_ROOM_LINE, /* the same, and a session may not say too many */
};

struct export
{
	struct slice process; /* the same bytes for all of one process */
	struct slice operation;
	/*
	 * A letter for each parameter: s str, m map. One map of options may
	 * follow them.
	 */
	const char *arguments;
	uint32_t count; /* of them */
	enum right right; /* that it needs */
	enum export_answer answer;
	enum export_to to;
};

/*
 * Finds the entry and checks the shape of params (borrowed, a whole array).
 * E_NOPROC: no such process; E_UNDEF: no such operation of it; E_BADARG:
 * another number or other kinds of parameters. *text (a constant string)
 * says what, and *out is unchanged then.
 */
enum err export_find(struct slice process, struct slice operation,
    struct slice params, const struct export **out, const char **text);

/* True when a map of options follows what x needs. params have its shape. */
bool export_has_options(const struct export *x, struct slice params);

/* True when anything of that process is exported. */
bool export_has(struct slice process);

#endif

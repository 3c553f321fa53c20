#include "server/export.h"

#include "common/lang.h"
#include "proto/term.h"

static const uint8_t tareas[] = "tareas";
static const uint8_t chat[] = "chat";
static const uint8_t sys[] = "sys";

#define TEXT(array) \
	{ \
		.bytes = (array), .len = sizeof(array) - 1 \
	}
#define OPERATION(process, name, arguments, ...) \
	{ \
		TEXT(process), TEXT((const uint8_t[]){ name }), arguments, \
		    sizeof(arguments) - 1, __VA_ARGS__ \
	}

/* What is asked for most is found first. */
static const struct export table[] = {
	OPERATION(tareas, "listar_tareas", "s", RIGHT_USE, ANSWER_LISTING,
	    TO_PROCESS),
	OPERATION(tareas, "agregar_tarea", "sm", RIGHT_USE, ANSWER_SHORT,
	    TO_PROCESS),
	OPERATION(tareas, "eliminar_tarea", "ss", RIGHT_USE, ANSWER_SHORT,
	    TO_PROCESS),
	OPERATION(chat, "create_room", "s", RIGHT_USE, ANSWER_SHORT,
	    TO_PROCESS),
	OPERATION(chat, "delete_room", "s", RIGHT_USE, ANSWER_SHORT,
	    TO_PROCESS),
	OPERATION(chat, "list_rooms", "", RIGHT_USE, ANSWER_FRAME, TO_PROCESS),
	OPERATION(chat, "join", "s", RIGHT_USE, ANSWER_FRAME, TO_ROOM),
	OPERATION(chat, "leave", "s", RIGHT_USE, ANSWER_SHORT, TO_ROOM),
	OPERATION(chat, "send", "ss", RIGHT_USE, ANSWER_SHORT, TO_ROOM_LINE),
	OPERATION(chat, "who", "s", RIGHT_USE, ANSWER_FRAME, TO_ROOM),
	OPERATION(chat, "history", "s", RIGHT_USE, ANSWER_FRAME, TO_ROOM),
	OPERATION(sys, "arbol", "", RIGHT_ADMIN, ANSWER_FRAME, TO_PROCESS),
	OPERATION(sys, "ps", "", RIGHT_ADMIN, ANSWER_FRAME, TO_PROCESS),
	OPERATION(sys, "estado", "s", RIGHT_ADMIN, ANSWER_FRAME, TO_PROCESS),
	OPERATION(sys, "traza", "s", RIGHT_ADMIN, ANSWER_SHORT, TO_PROCESS),
	OPERATION(sys, "destrazar", "s", RIGHT_ADMIN, ANSWER_SHORT, TO_PROCESS),
	OPERATION(sys, "reiniciar", "s", RIGHT_ADMIN, ANSWER_SHORT, TO_PROCESS),
};

enum { TABLE_SIZE = sizeof(table) / sizeof(table[0]) };

static const struct export *
find(struct slice process, struct slice operation, enum err *e)
{
	const uint8_t *asked = NULL;
	bool is_it = false;

	*e = E_NOPROC;
	for (size_t i = 0; i < TABLE_SIZE; i++) {
		if (table[i].process.bytes != asked)
			is_it = slice_equal(process, table[i].process);
		asked = table[i].process.bytes;
		if (!is_it)
			continue;
		*e = E_UNDEF;
		if (slice_equal(operation, table[i].operation))
			return &table[i];
	}
	return NULL;
}

static bool
is_kind(const struct term_reader *r, char letter)
{
	enum term_kind kind;

	return term_peek(r, &kind) == E_OK &&
	    kind == (letter == 's' ? TERM_STR : TERM_MAP);
}

/* The parameters have the kinds of the letters; options may follow. */
static bool
fits(struct slice params, const struct export *x)
{
	const char *arguments = x->arguments;
	struct term_reader r;
	uint32_t n;

	term_reader_init(&r, params);
	if (term_read_array(&r, &n) != E_OK || n < x->count || n > x->count + 1)
		return false;
	for (; *arguments != '\0'; arguments++, n--) {
		if (!is_kind(&r, *arguments))
			return false;
		/* The last one is not stepped over for nothing. */
		if (n > 1 && term_skip(&r, NULL) != E_OK)
			return false;
	}
	return n == 0 || is_kind(&r, 'm');
}

enum err
export_find(struct slice process, struct slice operation, struct slice params,
    const struct export **out, const char **text)
{
	enum err e;
	const struct export *found = find(process, operation, &e);

	if (found == NULL)
		return e;
	if (!fits(params, found)) {
		*text = N_("wrong number or kinds of parameters");
		return E_BADARG;
	}
	*out = found;
	return E_OK;
}

bool
export_has_options(const struct export *x, struct slice params)
{
	struct term_reader r;
	uint32_t n;

	term_reader_init(&r, params);
	return term_read_array(&r, &n) == E_OK && n > x->count;
}

bool
export_has(struct slice process)
{
	for (size_t i = 0; i < TABLE_SIZE; i++)
		if (slice_equal(process, table[i].process))
			return true;
	return false;
}

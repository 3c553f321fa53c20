#include "server/export.h"

#include <string.h>

#include "common/lang.h"
#include "proto/limits.h"
#include "proto/term.h"

static const struct export table[] = {
	{ "tareas", "agregar_tarea", "sm", RIGHT_USE, 0 },
	{ "tareas", "eliminar_tarea", "ss", RIGHT_USE, 0 },
	{ "tareas", "listar_tareas", "s", RIGHT_USE, LIMIT_FRAME },
	{ "sys", "arbol", "", RIGHT_ADMIN, LIMIT_FRAME },
	{ "sys", "ps", "", RIGHT_ADMIN, LIMIT_FRAME },
	{ "sys", "estado", "s", RIGHT_ADMIN, LIMIT_FRAME },
	{ "sys", "traza", "s", RIGHT_ADMIN, 0 },
	{ "sys", "destrazar", "s", RIGHT_ADMIN, 0 },
	{ "sys", "reiniciar", "s", RIGHT_ADMIN, 0 },
};

enum { TABLE_SIZE = sizeof(table) / sizeof(table[0]) };

static const struct export *
find(struct slice process, struct slice operation, enum err *e)
{
	*e = E_NOPROC;
	for (size_t i = 0; i < TABLE_SIZE; i++) {
		if (!slice_is(process, table[i].process))
			continue;
		*e = E_UNDEF;
		if (slice_is(operation, table[i].operation))
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
fits(struct slice params, const char *arguments)
{
	size_t wanted = strlen(arguments);
	struct term_reader r;
	uint32_t n;

	term_reader_init(&r, params);
	if (term_read_array(&r, &n) != E_OK || n < wanted || n > wanted + 1)
		return false;
	for (; *arguments != '\0'; arguments++)
		if (!is_kind(&r, *arguments) || term_skip(&r, NULL) != E_OK)
			return false;
	return n == wanted || is_kind(&r, 'm');
}

enum err
export_find(struct slice process, struct slice operation, struct slice params,
    const struct export **out, const char **text)
{
	enum err e;
	const struct export *found = find(process, operation, &e);

	if (found == NULL)
		return e;
	if (!fits(params, found->arguments)) {
		*text = N_("wrong number or kinds of parameters");
		return E_BADARG;
	}
	*out = found;
	return E_OK;
}

bool
export_has(struct slice process)
{
	for (size_t i = 0; i < TABLE_SIZE; i++)
		if (slice_is(process, table[i].process))
			return true;
	return false;
}

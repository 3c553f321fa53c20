/*
 * A task, as both programs see it (the class's `defstruct [:titulo,
 * :descripcion]`), its rules, and its form on the wire: a map of the keys
 * "titulo" and "descripcion", the second of which may be absent or nil.
 */
#ifndef COMMON_TAREA_H
#define COMMON_TAREA_H

#include "proto/blob.h"
#include "proto/buf.h"
#include "proto/err.h"
#include "proto/term.h"

/* Both are borrowed from wherever they were read. */
struct tarea {
	struct slice titulo;
	struct slice descripcion; /* empty when there is none */
};

/*
 * Reads a task. E_BADARG: not a map of those keys, a key twice, no titulo;
 * *out is unspecified then. The rules are not looked at.
 */
enum err tarea_read(struct term_reader *r, struct tarea *out);

/* Appends the task to b. */
void tarea_write(struct buf *b, const struct tarea *t);

/*
 * The rules: sizes of limits.h, UTF-8, no control characters. E_TOOBIG or
 * E_BADARG with *why (a constant English sentence).
 */
enum err tarea_check(const struct tarea *t, const char **why);
enum err tarea_check_titulo(struct slice titulo, const char **why);
enum err tarea_check_usuario(struct slice usuario, const char **why);

#endif

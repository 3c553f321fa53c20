/*
 * What the client shows: tables on a terminal, plain lines in a pipe, JSON
 * when asked. What came from others is sanitised on its way to a terminal.
 */
#ifndef CLIENT_VIEW_H
#define CLIENT_VIEW_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "client/settings.h"
#include "client/tareas_cliente.h"

struct view {
	bool terminal; /* stdout is one */
	bool menu; /* says what a program would see for itself */
	bool color;
	bool json;
};

/* Decides by the settings and by what stdout is. */
void view_init(struct view *v, const struct settings *s);

/*
 * A list of tasks: a table, lines of titulo TAB descripcion, or an array. In
 * a pipe the texts are as they are stored.
 */
void view_lista(const struct view *v, const struct lista *l);

/*
 * Writes a value as one line's JSON, without its line feed, and drops it.
 * On a terminal what is not fit to show is written as \u escapes.
 */
void view_json(const struct view *v, json_t *value, FILE *out);

/* What was done: a line, or an object. */
void view_agregada(const struct view *v, const struct tarea *t);
void view_eliminadas(const struct view *v, uint64_t count);
void view_enviada(const struct view *v, struct slice titulo);
void view_enviadas(const struct view *v, uint64_t count);

/* "«titulo»" for a sentence; the caller frees it. */
char *view_quoted(struct slice titulo);

/*
 * Some refused input, sanitised: at most VIEW_SHORT_COLUMNS, the last of
 * them "…" if there was more. The caller frees it.
 */
enum { VIEW_SHORT_COLUMNS = 60 };
char *view_short(struct slice text);

/* "«text»" of view_short(); the caller frees it. */
char *view_short_quoted(struct slice text);

#endif

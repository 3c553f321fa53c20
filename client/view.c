#include "client/view.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/lang.h"
#include "common/text.h"
#include "proto/utf8.h"

#define BOLD "\033[1m"
#define PLAIN "\033[0m"

#define JSON_FLAGS (JSON_COMPACT | JSON_ENCODE_ANY)

enum {
	COLUMNS_DEFAULT = 80,
	COLUMNS_MIN = 20,
	GAP = 2, /* between the table's columns */
};

void
view_init(struct view *v, const struct settings *s)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	v->terminal = isatty(STDOUT_FILENO);
	v->json = s->json;
	v->color = s->color == COLOR_ALWAYS ||
	    (s->color == COLOR_AUTO && v->terminal &&
		(no_color == NULL || no_color[0] == '\0') && term != NULL &&
		strcmp(term, "dumb") != 0);
}

/* -- JSON -- */

static json_t *
json_text(struct slice s)
{
	return json_stringn((const char *)s.bytes, s.len);
}

/* JSON escapes C0 itself, but nothing of what else deceives on a terminal. */
static bool
is_fit_to_show(const json_t *value)
{
	char *text = json_dumps(value, JSON_FLAGS), *clean;
	bool fit;

	if (text == NULL)
		abort();
	clean = text_clean(slice_of(text));
	fit = strcmp(text, clean) == 0;
	free(clean);
	free(text);
	return fit;
}

void
view_json(const struct view *v, json_t *value, FILE *out)
{
	bool plain = !v->terminal || is_fit_to_show(value);

	json_dumpf(value, out, JSON_FLAGS | (plain ? 0 : JSON_ENSURE_ASCII));
	json_decref(value);
}

static void
print_json(const struct view *v, json_t *value)
{
	view_json(v, value, stdout);
	putchar('\n');
}

static json_t *
json_tarea(const struct tarea *t)
{
	json_t *o = json_object();

	json_object_set_new(o, "titulo", json_text(t->titulo));
	json_object_set_new(o, "descripcion", json_text(t->descripcion));
	return o;
}

static void
print_json_lista(const struct view *v, const struct lista *l)
{
	json_t *array = json_array();

	for (size_t i = 0; i < l->count; i++)
		json_array_append_new(array, json_tarea(&l->tareas[i]));
	print_json(v, array);
}

static void
print_json_count(const struct view *v, const char *key, uint64_t count)
{
	json_t *o = json_object();

	json_object_set_new(o, key, json_integer((json_int_t)count));
	print_json(v, o);
}

/* -- tables -- */

static size_t
terminal_columns(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return COLUMNS_DEFAULT;
	return size.ws_col < COLUMNS_MIN ? COLUMNS_MIN : size.ws_col;
}

/* How many bytes of s go into one line of so many columns. */
static size_t
line_bytes(struct slice s, size_t columns, size_t *width)
{
	size_t n = text_fit(s, columns, width), space;

	if (n == s.len)
		return n;
	if (n == 0) /* a character wider than the column */
		return text_fit(s, 2, width);
	for (space = n; space > 0 && s.bytes[space] != ' '; space--)
		continue;
	if (space > 0 && s.bytes[space] == ' ') {
		n = space;
		*width = text_width(slice_bytes(s.bytes, n));
	}
	return n;
}

/* Prints the next line of a cell and takes it off *s. */
static void
print_cell(struct slice *s, size_t columns, bool pad)
{
	size_t width = 0;
	size_t n = line_bytes(*s, columns, &width);

	fwrite(s->bytes, 1, n, stdout);
	s->bytes += n;
	s->len -= n;
	while (s->len > 0 && s->bytes[0] == ' ') {
		s->bytes++;
		s->len--;
	}
	for (; pad && width < columns; width++)
		putchar(' ');
}

/* One task, on as many lines as its texts need. */
static void
print_row(struct slice left, struct slice right, size_t left_columns,
    size_t right_columns)
{
	do {
		bool more = right.len > 0;

		print_cell(&left, left_columns, more);
		if (more) {
			printf("%*s", GAP, "");
			print_cell(&right, right_columns, false);
		}
		putchar('\n');
	} while (left.len > 0 || right.len > 0);
}

static void
print_head(const struct view *v, size_t left_columns, size_t right_columns)
{
	if (v->color)
		fputs(BOLD, stdout);
	print_row(slice_of(_("TITLE")), slice_of(_("DESCRIPTION")),
	    left_columns, right_columns);
	if (v->color)
		fputs(PLAIN, stdout);
}

static size_t
max(size_t a, size_t b)
{
	return a > b ? a : b;
}

static void
print_table(const struct view *v, const struct lista *l)
{
	size_t columns = terminal_columns();
	size_t left = text_width(slice_of(_("TITLE")));

	for (size_t i = 0; i < l->count; i++)
		left = max(left, text_width(l->tareas[i].titulo));
	if (left > columns / 2 - GAP)
		left = columns / 2 - GAP;
	print_head(v, left, columns - left - GAP);
	for (size_t i = 0; i < l->count; i++) {
		char *titulo = text_clean(l->tareas[i].titulo);
		char *descripcion = text_clean(l->tareas[i].descripcion);

		print_row(slice_of(titulo), slice_of(descripcion), left,
		    columns - left - GAP);
		free(titulo);
		free(descripcion);
	}
}

/* As it is stored; what no server of ours stores would break the lines. */
static void
print_stored(struct slice text)
{
	char *clean;

	if (utf8_is_text(text)) {
		fwrite(text.bytes, 1, text.len, stdout);
		return;
	}
	clean = text_clean(text);
	fputs(clean, stdout);
	free(clean);
}

static void
print_lines(const struct lista *l)
{
	for (size_t i = 0; i < l->count; i++) {
		print_stored(l->tareas[i].titulo);
		putchar('\t');
		print_stored(l->tareas[i].descripcion);
		putchar('\n');
	}
}

void
view_lista(const struct view *v, const struct lista *l)
{
	if (v->json)
		print_json_lista(v, l);
	else if (l->count == 0 && (v->terminal || v->menu))
		puts(_("There are no tasks"));
	else if (!v->terminal)
		print_lines(l);
	else
		print_table(v, l);
}

/* -- what was done -- */

void
view_agregada(const struct view *v, const struct tarea *t)
{
	char *titulo, *descripcion;

	if (v->json) {
		print_json(v, json_tarea(t));
		return;
	}
	titulo = text_clean(t->titulo);
	descripcion = text_clean(t->descripcion);
	if (t->descripcion.len > 0)
		printf(_("Added: «%s» - %s\n"), titulo, descripcion);
	else
		printf(_("Added: «%s»\n"), titulo);
	free(titulo);
	free(descripcion);
}

void
view_eliminadas(const struct view *v, uint64_t count)
{
	if (v->json)
		print_json_count(v, "eliminadas", count);
	else
		printf(_("Deleted: %llu\n"), (unsigned long long)count);
}

void
view_enviada(const struct view *v, struct slice titulo)
{
	char *text;

	if (v->json) {
		print_json_count(v, "enviadas", 1);
		return;
	}
	text = text_clean(titulo);
	printf(_("Sent: «%s»\n"), text);
	free(text);
}

void
view_enviadas(const struct view *v, uint64_t count)
{
	if (v->json)
		print_json_count(v, "enviadas", count);
	else
		printf(_("Sent: %llu\n"), (unsigned long long)count);
}

/* Takes the text; gives it in quotes. */
static char *
in_quotes(char *text)
{
	char *quoted;

	if (asprintf(&quoted, "«%s»", text) < 0)
		abort();
	free(text);
	return quoted;
}

char *
view_quoted(struct slice titulo)
{
	return in_quotes(text_clean(titulo));
}

char *
view_short(struct slice text)
{
	char *clean, *with_dots;
	size_t n = text_fit(text, VIEW_SHORT_COLUMNS, NULL);

	if (n == text.len)
		return text_clean(text);
	n = text_fit(text, VIEW_SHORT_COLUMNS - 1, NULL);
	clean = text_clean(slice_bytes(text.bytes, n));
	if (asprintf(&with_dots, "%s…", clean) < 0)
		abort();
	free(clean);
	return with_dots;
}

char *
view_short_quoted(struct slice text)
{
	return in_quotes(view_short(text));
}

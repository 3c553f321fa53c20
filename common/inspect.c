#include "common/inspect.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "common/text.h"
#include "proto/term.h"

/* An array or a map that is not at its end. */
struct level {
	bool map;
	uint32_t done; /* objects of it */
	uint32_t all;
};

struct inspection {
	struct term_reader reader;
	struct buf *out;
	uint32_t depth;
	struct level levels[LIMIT_DEPTH];
};

__attribute__((format(printf, 2, 3))) static void
add(struct inspection *i, const char *format, ...)
{
	char text[32];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	buf_add(i->out, slice_of(text));
}

/* What stands before the next object. */
static void
add_separator(struct inspection *i)
{
	struct level *l = &i->levels[i->depth - 1];

	if (l->done > 0)
		add(i, l->map && l->done % 2 == 1 ? " => " : ", ");
	l->done++;
}

/* Closes what is at its end. */
static void
add_ends(struct inspection *i)
{
	while (i->depth > 0) {
		const struct level *l = &i->levels[i->depth - 1];

		if (l->done < l->all)
			return;
		add(i, l->map ? "}" : "]");
		i->depth--;
	}
}

static void
add_level(struct inspection *i, bool map, uint32_t all)
{
	add(i, map ? "%%{" : "[");
	i->levels[i->depth++] = (struct level){ .map = map, .all = all };
}

static void
add_text(struct inspection *i, struct slice s)
{
	char *clean = text_clean(s);

	add(i, "\"");
	for (const char *c = clean; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			add(i, "\\");
		buf_add(i->out, slice_bytes(c, 1));
	}
	add(i, "\"");
	free(clean);
}

static void
add_bytes(struct inspection *i, struct slice s)
{
	add(i, "<<");
	for (size_t n = 0; n < s.len; n++)
		add(i, "%s%u", n > 0 ? ", " : "", s.bytes[n]);
	add(i, ">>");
}

static void
add_number(struct inspection *i)
{
	uint64_t u;
	int64_t n;

	if (term_read_int(&i->reader, &n) == E_OK)
		add(i, "%" PRId64, n);
	else if (term_read_uint(&i->reader, &u) == E_OK)
		add(i, "%" PRIu64, u);
}

static void
add_rest(struct inspection *i, const char *word)
{
	(void)term_skip(&i->reader, NULL);
	add(i, "%s", word);
}

/* The value is sound: every read below finds what was announced. */
static void
add_object(struct inspection *i, enum term_kind kind)
{
	struct slice s = { .len = 0 };
	uint32_t n = 0;
	bool yes = false;

	switch (kind) {
	case TERM_NIL:
		add_rest(i, "nil");
		break;
	case TERM_BOOL:
		(void)term_read_bool(&i->reader, &yes);
		add(i, yes ? "true" : "false");
		break;
	case TERM_UINT:
	case TERM_INT:
		add_number(i);
		break;
	case TERM_FLOAT:
	case TERM_EXT:
		add_rest(i, "#float");
		break;
	case TERM_STR:
		(void)term_read_str(&i->reader, &s);
		add_text(i, s);
		break;
	case TERM_BIN:
		(void)term_read_bin(&i->reader, &s);
		add_bytes(i, s);
		break;
	case TERM_ARRAY:
		(void)term_read_array(&i->reader, &n);
		add_level(i, false, n);
		break;
	case TERM_MAP:
		(void)term_read_map(&i->reader, &n);
		add_level(i, true, 2 * n);
		break;
	}
}

enum err
inspect_term(struct slice value, struct buf *out)
{
	struct inspection i = { .out = out };
	enum term_kind kind;

	if (!term_is_sound(value))
		return E_BADARG;
	term_reader_init(&i.reader, value);
	while (term_peek(&i.reader, &kind) == E_OK) {
		if (i.depth > 0)
			add_separator(&i);
		add_object(&i, kind);
		add_ends(&i);
	}
	return E_OK;
}

void
inspect_print(FILE *f, const char *label, struct slice value)
{
	struct buf text;

	buf_init(&text);
	if (inspect_term(value, &text) != E_OK)
		buf_add(&text, slice_of("?"));
	fprintf(f, "%s%s%.*s\n", label != NULL ? label : "",
	    label != NULL ? ": " : "", (int)buf_len(&text),
	    (const char *)buf_bytes(&text).bytes);
	buf_release(&text);
}

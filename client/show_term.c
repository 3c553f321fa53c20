#include "client/show_term.h"

#include <stdlib.h>
#include <string.h>

#include "common/inspect.h"
#include "common/text.h"
#include "proto/term.h"

/* -- texts -- */

/* The next object, one without others inside, as inspect_term() has it. */
static char *
take_inspected(struct term_reader *r)
{
	struct slice whole = { .len = 0 }, text;
	struct buf b;
	char *copy;

	buf_init(&b);
	(void)term_skip(r, &whole);
	(void)inspect_term(whole, &b);
	text = buf_bytes(&b);
	copy = strndup(text.len > 0 ? (const char *)text.bytes : "", text.len);
	if (copy == NULL)
		abort();
	buf_release(&b);
	return copy;
}

/* The same; a text without its quotes, as long as one can see it. */
static char *
take_text(struct term_reader *r)
{
	struct term_reader ahead = *r;
	struct slice s;

	if (term_read_str(&ahead, &s) != E_OK || s.len == 0)
		return take_inspected(r);
	*r = ahead;
	return text_clean(s);
}

/* The head of an array or a map with n things in it, or false. */
static bool
take_head(struct term_reader *r, bool *map, uint32_t *n)
{
	*map = term_read_map(r, n) == E_OK;
	return *map || term_read_array(r, n) == E_OK;
}

/* -- an outline -- */

struct outline {
	struct term_reader reader;
	FILE *out;
	uint32_t depth; /* arrays and maps that are open */
	struct {
		bool map;
		uint32_t left;
	} open[LIMIT_DEPTH];
	bool beside; /* the next one stands beside its dash */
};

/* "key:" or "-", at its place. */
static void
print_label(struct outline *o)
{
	bool map = o->open[o->depth - 1].map;
	char *key;

	if (!o->beside)
		fprintf(o->out, "%*s", (int)(2 * (o->depth - 1)), "");
	o->beside = false;
	if (!map) {
		fputc('-', o->out);
		return;
	}
	key = take_text(&o->reader);
	fprintf(o->out, "%s:", key);
	free(key);
}

static void
print_leaf(struct outline *o, const char *text)
{
	fprintf(o->out, "%s%s\n", o->depth > 0 ? " " : "", text);
}

static void
print_value(struct outline *o)
{
	bool map, inside_map = o->depth > 0 && o->open[o->depth - 1].map;
	uint32_t n;
	char *text;

	if (!take_head(&o->reader, &map, &n)) {
		text = take_text(&o->reader);
		print_leaf(o, text);
		free(text);
		return;
	}
	if (n == 0) {
		print_leaf(o, map ? "{}" : "[]");
		return;
	}
	if (inside_map)
		fputc('\n', o->out);
	else if (o->depth > 0)
		fputc(' ', o->out);
	o->beside = o->depth > 0 && !inside_map;
	o->open[o->depth].map = map;
	o->open[o->depth].left = n;
	o->depth++;
}

enum err
show_term_outline(struct slice value, FILE *out)
{
	struct outline o = { .out = out };

	if (!term_is_sound(value))
		return E_MALFORMED;
	term_reader_init(&o.reader, value);
	print_value(&o);
	while (o.depth > 0) {
		if (o.open[o.depth - 1].left-- == 0) {
			o.depth--;
			continue;
		}
		print_label(&o);
		print_value(&o);
	}
	return E_OK;
}

/* -- JSON -- */

struct translation {
	struct term_reader reader;
	uint32_t depth;
	struct {
		json_t *whole;
		bool map;
		uint32_t left;
	} open[LIMIT_DEPTH];
};

static json_t *
json_leaf(struct term_reader *r)
{
	struct slice s;
	int64_t n;
	bool yes;
	json_t *leaf;
	char *text;

	if (term_read_nil(r) == E_OK)
		return json_null();
	if (term_read_bool(r, &yes) == E_OK)
		return json_boolean(yes);
	if (term_read_int(r, &n) == E_OK)
		return json_integer((json_int_t)n);
	if (term_read_str(r, &s) == E_OK)
		return json_stringn((const char *)s.bytes, s.len);
	text = take_inspected(r);
	leaf = json_string(text);
	free(text);
	return leaf;
}

/* Reads a value; one with others inside is open then. */
static json_t *
translate(struct translation *t)
{
	bool map;
	uint32_t n;
	json_t *value;

	if (!take_head(&t->reader, &map, &n))
		return json_leaf(&t->reader);
	value = map ? json_object() : json_array();
	t->open[t->depth].whole = value;
	t->open[t->depth].map = map;
	t->open[t->depth].left = n;
	t->depth++;
	return value;
}

/* The key as it is: JSON escapes what has to be. */
static char *
take_key(struct term_reader *r)
{
	struct slice s;
	char *key;

	if (term_read_str(r, &s) != E_OK)
		return take_inspected(r);
	key = strndup(s.len > 0 ? (const char *)s.bytes : "", s.len);
	if (key == NULL)
		abort();
	return key;
}

static void
add_member(struct translation *t, json_t *whole, bool map)
{
	char *key;

	if (!map) {
		json_array_append_new(whole, translate(t));
		return;
	}
	key = take_key(&t->reader);
	json_object_set_new(whole, key, translate(t));
	free(key);
}

json_t *
show_term_json(struct slice value)
{
	struct translation t = { .depth = 0 };
	json_t *all;

	if (!term_is_sound(value))
		return NULL;
	term_reader_init(&t.reader, value);
	all = translate(&t);
	while (t.depth > 0) {
		uint32_t top = t.depth - 1;

		if (t.open[top].left-- == 0)
			t.depth--;
		else
			add_member(&t, t.open[top].whole, t.open[top].map);
	}
	return all;
}

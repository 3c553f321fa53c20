#include "client/sys_rows.h"

#include <stdlib.h>
#include <string.h>

#include "common/lang.h"
#include "common/text.h"
#include "proto/term.h"

#define BOLD "\033[1m"
#define PLAIN "\033[0m"

enum { GAP = 2, INDENT = 2, INDENT_MAX = 32 };

void
sys_rows_init(struct sys_rows *r)
{
	*r = (struct sys_rows){ .count = 0 };
	buf_init(&r->answer);
}

void
sys_rows_release(struct sys_rows *r)
{
	buf_release(&r->answer);
	free(r->rows);
	sys_rows_init(r);
}

/* -- reading -- */

static const struct {
	const char *key;
	bool text;
	size_t at; /* of the member */
} members[] = {
	{ "nivel", false, offsetof(struct sys_row, level) },
	{ "id", true, offsetof(struct sys_row, id) },
	{ "pid", true, offsetof(struct sys_row, pid) },
	{ "nombre", true, offsetof(struct sys_row, name) },
	{ "tipo", true, offsetof(struct sys_row, kind) },
	{ "hijos", false, offsetof(struct sys_row, children) },
	{ "edad_ms", false, offsetof(struct sys_row, age_ms) },
	{ "reinicios", false, offsetof(struct sys_row, restarts) },
	{ "buzon", false, offsetof(struct sys_row, mailbox) },
	{ "atendidos", false, offsetof(struct sys_row, handled) },
};

enum { MEMBERS = sizeof(members) / sizeof(members[0]) };

static enum err
read_member(struct term_reader *r, struct sys_row *row)
{
	struct slice key;
	void *member;
	size_t i = 0;

	if (term_read_str(r, &key) != E_OK)
		return E_MALFORMED;
	while (i < MEMBERS && !slice_is(key, members[i].key))
		i++;
	if (i == MEMBERS)
		return term_skip(r, NULL);
	member = (char *)row + members[i].at;
	return members[i].text ? term_read_str(r, member) :
				 term_read_uint(r, member);
}

static enum err
read_row(struct term_reader *r, struct sys_row *row)
{
	uint32_t n;

	if (term_read_map(r, &n) != E_OK)
		return E_MALFORMED;
	for (; n > 0; n--)
		if (read_member(r, row) != E_OK)
			return E_MALFORMED;
	return E_OK;
}

enum err
sys_rows_read(struct sys_rows *r, struct slice answer)
{
	struct term_reader reader;
	uint32_t n;

	sys_rows_release(r);
	buf_add(&r->answer, answer);
	term_reader_init(&reader, buf_bytes(&r->answer));
	if (term_read_array(&reader, &n) != E_OK)
		return E_MALFORMED;
	r->rows = calloc(n > 0 ? n : 1, sizeof(*r->rows));
	if (r->rows == NULL)
		abort();
	while (r->count < n)
		if (read_row(&reader, &r->rows[r->count++]) != E_OK) {
			sys_rows_release(r);
			return E_MALFORMED;
		}
	return E_OK;
}

/* -- sorting -- */

static int
compare_slices(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len > 0 ? memcmp(a.bytes, b.bytes, len) : 0;

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int
by_pid(const void *a, const void *b)
{
	const struct sys_row *left = a, *right = b;

	return compare_slices(left->pid, right->pid);
}

/* Of those that do as much, the one that has done most. */
static int
by_rate(const void *a, const void *b)
{
	const struct sys_row *left = a, *right = b;

	if (left->rate != right->rate)
		return left->rate < right->rate ? 1 : -1;
	if (left->handled != right->handled)
		return left->handled < right->handled ? 1 : -1;
	return by_pid(a, b);
}

static void
sort(struct sys_rows *r, int (*order)(const void *a, const void *b))
{
	if (r->count > 0)
		qsort(r->rows, r->count, sizeof(*r->rows), order);
}

void
sys_rows_rate(struct sys_rows *now, struct sys_rows *before, uint64_t ms)
{
	sort(before, by_pid);
	for (size_t i = 0; i < now->count; i++) {
		struct sys_row *row = &now->rows[i];
		const struct sys_row *was = NULL;
		uint64_t handled = row->handled;

		if (before->count > 0)
			was = bsearch(row, before->rows, before->count,
			    sizeof(*row), by_pid);
		if (was != NULL && was->handled <= handled)
			handled -= was->handled;
		row->rate = ms > 0 ? handled * 1000 / ms : 0;
	}
	sort(now, by_rate);
}

uint64_t
sys_rows_hidden(const struct sys_rows *r)
{
	uint64_t all = 0;

	for (size_t i = 0; i < r->count; i++)
		all += r->rows[i].children;
	return r->count > 0 && all > r->count - 1 ? all - (r->count - 1) : 0;
}

/* -- tables -- */

enum column { NAME, KIND, PID, RATE, AGE, RESTARTS, MAILBOX, HANDLED, COLUMNS };

static const struct {
	const char *head;
	bool left; /* texts; numbers are on the right */
} columns[] = {
	[NAME] = { N_("NAME"), true },
	[KIND] = { N_("KIND"), true },
	[PID] = { N_("PID"), true },
	[RATE] = { N_("PER SECOND"), false },
	[AGE] = { N_("AGE"), false },
	[RESTARTS] = { N_("RESTARTS"), false },
	[MAILBOX] = { N_("MAILBOX"), false },
	[HANDLED] = { N_("HANDLED"), false },
};

/* The columns of each table, in order, ended by COLUMNS. */
static const enum column tables[][COLUMNS + 1] = {
	[SYS_ARBOL] = { NAME, PID, AGE, RESTARTS, MAILBOX, HANDLED, COLUMNS },
	[SYS_PS] = { NAME, KIND, PID, AGE, RESTARTS, MAILBOX, HANDLED,
	    COLUMNS },
	[SYS_TOP] = { NAME, PID, RATE, MAILBOX, HANDLED, AGE, COLUMNS },
};

struct cell {
	char text[256]; /* clean */
};

static struct cell
text_cell(struct slice s, size_t indent)
{
	struct cell c;

	memset(c.text, ' ', indent);
	text_clean_into(c.text + indent, sizeof(c.text) - indent, s);
	return c;
}

/* Who it is, as well as the server can say. */
static struct cell
name_cell(const struct sys_row *row, enum sys_table table)
{
	size_t indent = row->level < INDENT_MAX ? row->level : INDENT_MAX;
	struct slice who = row->name;

	if (who.len == 0)
		who = row->id;
	if (who.len == 0)
		who = row->kind;
	return text_cell(who, table == SYS_ARBOL ? INDENT * indent : 0);
}

static struct cell
number_cell(uint64_t n)
{
	struct cell c;

	snprintf(c.text, sizeof(c.text), "%llu", (unsigned long long)n);
	return c;
}

/* Two units at most: 8s, 3m05s, 5h03m, 2d04h. Programs get ms. */
static struct cell
age_cell(uint64_t ms, bool table)
{
	unsigned long long s = ms / 1000;
	struct cell c;

	if (!table)
		return number_cell(ms);
	if (s < 60)
		snprintf(c.text, sizeof(c.text), "%llus", s);
	else if (s < 3600)
		snprintf(c.text, sizeof(c.text), "%llum%02llus", s / 60,
		    s % 60);
	else if (s < 86400)
		snprintf(c.text, sizeof(c.text), "%lluh%02llum", s / 3600,
		    s / 60 % 60);
	else
		snprintf(c.text, sizeof(c.text), "%llud%02lluh", s / 86400,
		    s / 3600 % 24);
	return c;
}

struct printing {
	const struct sys_rows *rows;
	enum sys_table table;
	bool aligned;
	FILE *out;
	size_t widths[COLUMNS];
};

static struct cell
cell_of(const struct printing *p, const struct sys_row *row, enum column column)
{
	switch (column) {
	case NAME:
		return name_cell(row, p->table);
	case KIND:
		return text_cell(row->kind, 0);
	case PID:
		return text_cell(row->pid.len > 0 ? row->pid : slice_of("-"),
		    0);
	case AGE:
		return age_cell(row->age_ms, p->aligned);
	case RATE:
		return number_cell(row->rate);
	case RESTARTS:
		return number_cell(row->restarts);
	case MAILBOX:
		return number_cell(row->mailbox);
	default:
		return number_cell(row->handled);
	}
}

static void
measure(struct printing *p)
{
	for (const enum column *c = tables[p->table]; *c != COLUMNS; c++) {
		p->widths[*c] = text_width(slice_of(_(columns[*c].head)));
		for (size_t i = 0; i < p->rows->count; i++) {
			struct cell cell = cell_of(p, &p->rows->rows[i], *c);
			size_t width = text_width(slice_of(cell.text));

			if (width > p->widths[*c])
				p->widths[*c] = width;
		}
	}
}

static void
print_cell(const struct printing *p, enum column column, const char *text,
    bool last)
{
	int pad = (int)(p->widths[column] - text_width(slice_of(text)));

	if (!p->aligned)
		fprintf(p->out, "%s%s", text, last ? "" : "\t");
	else if (columns[column].left)
		fprintf(p->out, "%s%*s%*s", text, last ? 0 : pad, "",
		    last ? 0 : GAP, "");
	else
		fprintf(p->out, "%*s%s%*s", pad, "", text, last ? 0 : GAP, "");
}

/* row NULL: the heads. */
static void
print_line(const struct printing *p, const struct sys_row *row)
{
	for (const enum column *c = tables[p->table]; *c != COLUMNS; c++) {
		bool last = c[1] == COLUMNS;

		if (row == NULL)
			print_cell(p, *c, _(columns[*c].head), last);
		else
			print_cell(p, *c, cell_of(p, row, *c).text, last);
	}
	fputc('\n', p->out);
}

static void
print_head(const struct printing *p, bool color)
{
	if (color)
		fputs(BOLD, p->out);
	print_line(p, NULL);
	if (color)
		fputs(PLAIN, p->out);
}

void
sys_rows_print(const struct sys_rows *r, enum sys_table table,
    const struct view *v, FILE *out)
{
	struct printing p = { .rows = r,
		.table = table,
		.aligned = v->terminal,
		.out = out };

	if (p.aligned) {
		measure(&p);
		print_head(&p, v->color);
	}
	for (size_t i = 0; i < r->count; i++)
		print_line(&p, &r->rows[i]);
}

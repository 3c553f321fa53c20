#include "common/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/text_tables.h"
#include "proto/utf8.h"

#define ESC 0x1b
#define BEL 0x07
#define REPLACEMENT 0xfffd
#define ZWJ 0x200d
#define VS16 0xfe0f
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* What is shown for some bytes: their character, or a replacement. */
struct unit {
	uint32_t c;
	size_t bytes;
};

static struct slice
skip(struct slice s, size_t n)
{
	return slice_bytes(s.bytes + n, s.len - n);
}

static bool
in_table(const struct text_range *table, size_t count, uint32_t c)
{
	size_t low = 0;
	size_t high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c > table[middle].last)
			low = middle + 1;
		else if (c < table[middle].first)
			high = middle;
		else
			return true;
	}
	return false;
}

static bool
is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f);
}

static bool
is_reordering(uint32_t c)
{
	return c == 0x061c || c == 0x200e || c == 0x200f ||
	    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Bytes of s from i on that lie between low and high. */
static size_t
run(struct slice s, size_t i, uint8_t low, uint8_t high)
{
	size_t from = i;

	while (i < s.len && s.bytes[i] >= low && s.bytes[i] <= high)
		i++;
	return i - from;
}

/* Bytes of a control sequence's rest (ECMA-48, 5.4), 0 if it has no end. */
static size_t
csi_rest(struct slice s, size_t i)
{
	size_t from = i;

	i += run(s, i, 0x30, 0x3f);
	i += run(s, i, 0x20, 0x2f);
	return run(s, i, 0x40, 0x7e) > 0 ? i + 1 - from : 0;
}

/*
 * Bytes of a control string's rest: it ends at BEL, ESC \ or U+009C. Any
 * other control character means that it has no end, so 0; for that reason
 * no byte is looked at by more than one search.
 */
static size_t
string_rest(struct slice s, size_t i)
{
	for (size_t from = i; i < s.len; i++) {
		uint8_t b = s.bytes[i];
		uint8_t next = i + 1 < s.len ? s.bytes[i + 1] : 0;

		if (b == BEL)
			return i + 1 - from;
		if ((b == ESC && next == '\\') || (b == 0xc2 && next == 0x9c))
			return i + 2 - from;
		if (b < 0x20 || (b == 0xc2 && next >= 0x80 && next <= 0x9f))
			return 0;
	}
	return 0;
}

/*
 * Bytes of the escape sequence whose introducer, head bytes long, is the
 * C1 function kind (in its 7-bit form: the byte after ESC).
 */
static size_t
function_bytes(struct slice s, size_t head, uint32_t kind)
{
	if (kind == '[')
		return head + csi_rest(s, head);
	if (kind == 'P' || kind == 'X' || (kind >= ']' && kind <= '_'))
		return head + string_rest(s, head);
	return head;
}

/* Bytes of the escape sequence at the start of s, which is an ESC. */
static size_t
escape_bytes(struct slice s)
{
	size_t middle = run(s, 1, 0x20, 0x2f);

	if (run(s, 1 + middle, 0x30, 0x7e) == 0)
		return 1;
	if (middle > 0)
		return 2 + middle;
	return function_bytes(s, 2, s.bytes[1]);
}

/* The unit at the start of s, which is not empty. */
static struct unit
unit_at(struct slice s)
{
	struct unit u = { REPLACEMENT, 0 };
	uint32_t c = 0;

	u.bytes = utf8_decode(s, &c);
	if (u.bytes == 0)
		u.bytes = 1;
	else if (c == ESC)
		u.bytes = escape_bytes(s);
	else if (c >= 0x80 && is_control(c))
		u.bytes = function_bytes(s, u.bytes, c - 0x40);
	else if (!is_control(c) && !is_reordering(c))
		u.c = c;
	return u;
}

/* How the unit at the start of s is written. */
static struct slice
unit_text(struct slice s, struct unit u)
{
	if (u.c == REPLACEMENT)
		return slice_of("\xef\xbf\xbd");
	return slice_bytes(s.bytes, u.bytes);
}

size_t
text_clean_into(char *out, size_t out_bytes, struct slice s)
{
	size_t needed = 0;
	size_t used = 0;

	while (s.len > 0) {
		struct unit u = unit_at(s);
		struct slice t = unit_text(s, u);

		/* Once something was left out, nothing follows it. */
		if (used == needed && used + t.len < out_bytes) {
			memcpy(out + used, t.bytes, t.len);
			used += t.len;
		}
		needed += t.len;
		s = skip(s, u.bytes);
	}
	if (out_bytes > 0)
		out[used] = '\0';
	return needed;
}

char *
text_clean(struct slice s)
{
	size_t n = text_clean_into(NULL, 0, s);
	char *out = malloc(n + 1);

	if (out == NULL)
		abort();
	text_clean_into(out, n + 1, s);
	return out;
}

static bool
is_zero(uint32_t c)
{
	return c >= 0x300 && in_table(text_zero, COUNT(text_zero), c);
}

static bool
is_pict(uint32_t c)
{
	return c >= 0xa9 && in_table(text_pict, COUNT(text_pict), c);
}

static bool
is_regional(uint32_t c)
{
	return c >= 0x1f1e6 && c <= 0x1f1ff;
}

static bool
is_skin_tone(uint32_t c)
{
	return c >= 0x1f3fb && c <= 0x1f3ff;
}

static bool
is_keycap(uint32_t c)
{
	return (c >= '0' && c <= '9') || c == '#' || c == '*';
}

static size_t
columns_of(uint32_t c)
{
	if (c < 0x300)
		return 1;
	if (is_zero(c))
		return 0;
	return in_table(text_wide, COUNT(text_wide), c) ? 2 : 1;
}

/* What is known of a cluster while its characters are read. */
struct cluster {
	uint32_t base;
	uint32_t last;
	size_t columns;
	size_t count;
};

/* Whether c goes on with the cluster; if so it is counted in. */
static bool
cluster_add(struct cluster *k, uint32_t c)
{
	bool emoji = is_pict(k->base);

	if (is_zero(c)) {
		if (c == VS16 && (emoji || is_keycap(k->base)))
			k->columns = 2;
	} else if ((emoji && is_skin_tone(c)) ||
	    (emoji && k->last == ZWJ && is_pict(c)) ||
	    (k->count == 1 && is_regional(k->base) && is_regional(c))) {
		k->columns = 2;
	} else {
		return false;
	}
	k->last = c;
	k->count++;
	return true;
}

/* Bytes of the cluster at the start of s, not empty; its columns. */
static size_t
cluster_at(struct slice s, size_t *columns)
{
	struct unit u = unit_at(s);
	struct cluster k = { u.c, u.c, columns_of(u.c), 1 };
	size_t n = u.bytes;

	for (; n < s.len; n += u.bytes) {
		/* Most text is ASCII, and ASCII joins nothing. */
		if (s.bytes[n] < 0x80)
			break;
		u = unit_at(skip(s, n));
		if (!cluster_add(&k, u.c))
			break;
	}
	*columns = k.columns;
	return n;
}

size_t
text_fit(struct slice s, size_t columns, size_t *width)
{
	size_t used = 0;
	size_t n = 0;

	while (n < s.len) {
		size_t more;
		size_t bytes = cluster_at(skip(s, n), &more);

		if (more > columns - used)
			break;
		used += more;
		n += bytes;
	}
	if (width != NULL)
		*width = used;
	return n;
}

size_t
text_width(struct slice s)
{
	size_t width;

	text_fit(s, SIZE_MAX, &width);
	return width;
}

/*
 * Text that came from other people, on its way to a terminal or a log: made
 * harmless, and measured in columns. (Whether bytes are UTF-8 at all, and
 * whether they hold control characters, proto/utf8.h tells.)
 *
 * Everything here takes any bytes. What is not fit to show counts and is
 * written as one U+FFFD (one column) each:
 *
 *   - a terminal's escape sequence, from its ESC (or C1 introducer) to its
 *     end; one that never ends loses its introducer only, so that nobody
 *     can hide the rest of a line behind it
 *   - a C0 or C1 control character: NUL, TAB, line feed, DEL, U+0085, ...
 *   - a bidi control: U+061C, U+200E/F, U+202A-E, U+2066-9
 *   - U+2028 and U+2029, which some programs take for the end of a line
 *   - a byte that is no part of valid UTF-8
 *
 * So text_width() of the raw text is the width of the cleaned one. Columns
 * do not depend on the locale, which may never have been generated: Unicode
 * 14.0.0's tables are in text_tables.h. What stays together is a cluster: a
 * character with its combining marks (0 columns), an emoji with its skin
 * tone, its VS16 (then 2 columns), or joined to others by ZWJ (2 columns in
 * all), a pair of regional indicators (2 columns). Characters of ambiguous
 * width count 1.
 */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stddef.h>

#include "proto/blob.h"

/*
 * The text made harmless, as a C string the caller frees; it holds no NUL
 * and no line feed. Borrows s. Out of memory aborts.
 */
char *text_clean(struct slice s);

/*
 * The same into out, as snprintf(3) does it: writes what fits (never part
 * of a character) and a NUL, and returns the bytes that all of it needs
 * without the NUL. Borrows s; out may be NULL when out_bytes is 0.
 */
size_t text_clean_into(char *out, size_t out_bytes, struct slice s);

/* Columns the text takes on a terminal. Borrows s. */
size_t text_width(struct slice s);

/*
 * The bytes of the longest prefix that takes at most that many columns and
 * splits no cluster. Sets *width to the columns it takes, unless width is
 * NULL. Borrows s.
 */
size_t text_fit(struct slice s, size_t columns, size_t *width);

#endif

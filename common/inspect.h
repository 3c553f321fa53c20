/*
 * A MessagePack value as Elixir's IO.inspect would show it, for people: a
 * map is %{"nombre" => "Juan", "edad" => 30}, an array [1, 2], bin <<1, 2>>.
 * A float, which nothing of ours sends, is only said to be one.
 */
#ifndef COMMON_INSPECT_H
#define COMMON_INSPECT_H

#include "proto/api.h"
#include <stdio.h>

#include "proto/blob.h"
#include "proto/buf.h"
#include "proto/err.h"

API_BEGIN

/*
 * Appends the text of a value that was written or checked before; texts in
 * it are made harmless for a terminal. E_BADARG, and out is unchanged, when
 * it is not exactly one sound value (term_is_sound(): ext is not).
 */
enum err inspect_term(struct slice value, struct buf *out);

/*
 * Writes a line of it to f, after "label: " unless label is NULL; what is
 * not sound is written as "?". Source: Elixir's IO.inspect/2.
 */
void inspect_print(FILE *f, const char *label, struct slice value);

API_END

#endif

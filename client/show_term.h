/*
 * A MessagePack value that a server sent, shown whatever its shape: as an
 * outline for people, as JSON for programs. Not recursive: the value decides
 * how deep it is, LIMIT_DEPTH at most.
 */
#ifndef CLIENT_SHOW_TERM_H
#define CLIENT_SHOW_TERM_H

#include <jansson.h>
#include <stdio.h>

#include "proto/blob.h"
#include "proto/err.h"

/*
 * Prints an outline, with texts made harmless: a line for each value, what
 * is inside another moved to the right. E_MALFORMED, and nothing is printed,
 * when it is not exactly one sound value.
 */
enum err show_term_outline(struct slice value, FILE *out);

/*
 * Gives the value as JSON; NULL when it is not exactly one sound value. A
 * key that is no text, bytes and floats become the text that inspect_term()
 * has for them.
 */
json_t *show_term_json(struct slice value);

#endif

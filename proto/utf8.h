/*
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing
 * above U+10FFFF.
 */
#ifndef PROTO_UTF8_H
#define PROTO_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/blob.h"

/* True when all of the bytes are valid UTF-8. Empty is valid. */
bool utf8_valid(struct slice s);

/*
 * Decodes the character at the start of s, which is not empty. Returns its
 * bytes (1 to 4) and sets *c; returns 0 and leaves *c alone when the bytes
 * there are no valid character.
 */
size_t utf8_decode(struct slice s, uint32_t *c);

/* True when valid UTF-8 holds a C0 or C1 control character or DEL. */
bool utf8_has_control(struct slice s);

/* True when s is valid UTF-8 without any of them. */
bool utf8_is_text(struct slice s);

#endif

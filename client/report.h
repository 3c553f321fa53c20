/*
 * Errors, as people read them: one line on stderr that says what and what
 * to do; and the exit status that programs read.
 */
#ifndef CLIENT_REPORT_H
#define CLIENT_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "client/settings.h"
#include "proto/blob.h"
#include "proto/err.h"

enum {
	STATUS_NOTHING = 1, /* nothing was there to delete */
	STATUS_USAGE = 64,
};

/*
 * A request that failed. text is the server's sentence, may be empty, and
 * is sanitised here. is_write: whether it may have been carried out
 * matters. Returns the exit status of e.
 */
int report_error(enum err e, struct slice text, bool is_write);

/* A write that came from that line of the input and failed. */
void report_line(uint64_t line, enum err e, struct slice text);

/* That many of the lines from first to last failed so. */
void report_lines(uint64_t count, uint64_t first, uint64_t last, enum err e);

/* No link to the server; why is a constant English sentence. */
int report_no_link(enum err e, const struct settings *s, const char *why);

/* What that says, with its line feed; the caller frees it. */
char *report_no_link_text(enum err e, const struct settings *s,
    const char *why);

#endif

/*
 * Lines from a descriptor that may be anything: a pipe, a file, /dev/null.
 * The loop goes on while a line is awaited, so the link stays alive.
 */
#ifndef CLIENT_INPUT_H
#define CLIENT_INPUT_H

#include <stdbool.h>

#include "common/loop.h"

struct input;

/* Lines of fd, which stays the caller's and is not changed. */
struct input *input_new(struct loop *l, int fd);
void input_free(struct input *in);

/*
 * From a program's top level: runs the loop until a line is there. False
 * at the end of input. The line, without its end (LF or CRLF), is borrowed until the
 * next call. One over INPUT_LINE_MAX bytes is cut there, which is over
 * every limit for a text.
 */
enum { INPUT_LINE_MAX = 64 * 1024 };
bool input_line(struct input *in, struct slice *line);

#endif

/*
 * Asking a person: readline on a terminal, plain lines otherwise. While an
 * answer is awaited the loop goes on.
 */
#ifndef CLIENT_PROMPT_H
#define CLIENT_PROMPT_H

#include <stdbool.h>

#include "common/loop.h"

struct prompt;

/* Uses readline when stdin and stdout are terminals. Gives the prompt. */
struct prompt *prompt_new(struct loop *l);

/* Writes the history, restores the terminal, takes the prompt. */
void prompt_free(struct prompt *p);

/* True when there is a person at a terminal. */
bool prompt_is_terminal(const struct prompt *p);

/*
 * From a program's top level: shows text and returns the line typed. False
 * at the end of input (Ctrl-D) and when the program is told to end. The
 * line is borrowed until the next call. remember: it goes to the history.
 * Without a terminal no text is shown.
 */
bool prompt_line(struct prompt *p, const char *text, bool remember,
    struct slice *line);

/* Shows another text while a line is awaited; what was typed stays. */
void prompt_change(struct prompt *p, const char *text);

#endif

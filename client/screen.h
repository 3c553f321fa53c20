/*
 * A terminal that is drawn again and again, as top(1) does it: the whole
 * screen, with what stood there before kept and brought back. Keys come one
 * by one, without an echo.
 */
#ifndef CLIENT_SCREEN_H
#define CLIENT_SCREEN_H

#include "common/loop.h"

struct screen;

/* True when there is such a terminal: stdout, and one that can be drawn. */
bool screen_can(void);

/*
 * Takes the terminal; key(arg, c) hears of keys, if stdin is it too. While
 * it is taken the job may be stopped and go on. Gives the screen, which has
 * to be freed on every way out.
 */
struct screen *screen_new(struct loop *l, void (*key)(void *arg, char c),
    void *arg);

/* Gives the terminal back as it was. */
void screen_free(struct screen *s);

/* Shows the lines of text that fit. Borrows text. */
void screen_draw(struct screen *s, const char *text);

#endif

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

/*
 * Prints text, whole lines, at once: above the line that is being typed, if
 * one is, which stays as it is.
 */
void prompt_print(struct prompt *p, const char *text);

/* What Tab could write; see below. */
struct prompt_offers;

struct prompt_talk {
	/* True: once entered, the line goes from the screen. */
	bool (*vanishes)(void *arg, struct slice line);
	/* Offers texts for before, the line up to the cursor. */
	void (
	    *complete)(void *arg, struct slice before, struct prompt_offers *o);
	void *arg;
};

/*
 * From now on, if there is a terminal, lines are a conversation: Tab
 * completes, pasted lines are one line with line feeds in it (otherwise each
 * is one, as if typed), and between
 * two lines the terminal stays as it is while one is typed, so what comes
 * meanwhile is not lost and not shown twice. Borrows talk until prompt_talk()
 * with NULL, which ends it.
 */
void prompt_talk(struct prompt *p, const struct prompt_talk *talk);

/*
 * What is offered from now on would stand in the line from that byte on, the
 * start of a word; at first that is 0.
 */
void prompt_offer_from(struct prompt_offers *o, size_t from);

/*
 * One more text for Tab (copied), if it begins with what stands there. Those
 * over PROMPT_OFFERS are left out.
 */
enum { PROMPT_OFFERS = 200 };
void prompt_offer(struct prompt_offers *o, struct slice text);

#endif

/*
 * The menu: shows the commands, asks for one, does it, and again, until
 * salir or the end of input.
 */
#ifndef CLIENT_MENU_H
#define CLIENT_MENU_H

#include "client/command.h"

/*
 * Runs it on a client whose link is up and whose prompt is set. Returns the
 * exit status: 0, or without a person there that of the first command that
 * failed.
 */
int menu_run(struct client *c);

/* The link went up or down: arg is the client. */
void menu_link_changed(void *arg);

#endif

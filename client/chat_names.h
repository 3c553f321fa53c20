/*
 * Names that were seen, rooms or people: for Tab.
 */
#ifndef CLIENT_CHAT_NAMES_H
#define CLIENT_CHAT_NAMES_H

#include "client/prompt.h"

enum { CHAT_NAMES_MAX = 1000 };

struct chat_names {
	char **names; /* count of them, NULL at first */
	size_t count;
};

/*
 * Copies a name, unless it is there, or could do harm on a terminal, or
 * there are CHAT_NAMES_MAX.
 */
void chat_names_add(struct chat_names *n, struct slice name);

/* Offers all of them to Tab. */
void chat_names_offer(const struct chat_names *n, struct prompt_offers *o);

/* Frees what it owns; it is empty and usable again. */
void chat_names_clear(struct chat_names *n);

#endif

/*
 * The outbox: a process on the client's node that hands writes to the server
 * so that each happens once, in the order in which they were given.
 *
 * Each write carries a key of its own, the option `clave`: 16 random bytes.
 * What a broken link, an end of the server's process or a server too busy
 * leaves undone, or open, is sent again with the same key: the server does
 * not do it a second time. Nothing is sent again before all that was under
 * way has ended, and then the first goes first.
 *
 * A link that breaks takes with it all that was sent behind, so the order
 * holds. A server that goes on with the same link, after its process ended
 * or was too busy, may do those that were sent right behind before it gets
 * the earlier one again: who cannot have that adds one at a time.
 */
#ifndef CLIENT_OUTBOX_H
#define CLIENT_OUTBOX_H

#include "common/gen_server.h"

/*
 * What became of a write. E_OK: done, body is the answer. E_TIMEOUT,
 * E_NOCONNECTION, E_DIED, E_MALFORMED: nobody knows whether it was done.
 * Anything else: certainly not done; E_UNREACHABLE when it was never sent.
 */
struct outbox_result {
	uint64_t tag; /* as outbox_add() got it */
	enum err e;
	struct slice body; /* the answer, or the error's text; borrowed */
};

struct outbox_config {
	struct pid conn; /* see conn.h; reconnecting is its business */
	uint64_t timeout_ms; /* for each write, from outbox_add() on */
	/*
	 * Comes once for each write, in the outbox's own turn, in any order.
	 * It may call outbox_drop_unsent(), no other function here.
	 */
	void (*done)(void *arg, const struct outbox_result *r);
	void *arg;
};

/* Starts one without a name. Copies config, borrows its arg. */
struct pid outbox_start(struct node *n, const struct outbox_config *config);

/*
 * One more write. fields (copied) is the array of its parameters without
 * the last one, the options, which its header counts already. method is a
 * constant string. tag is the caller's own.
 */
void outbox_add(struct node *n, struct pid outbox, const char *method,
    struct slice fields, uint64_t tag);

/* How many are not done yet. Who adds keeps this within bounds. */
uint32_t outbox_count(struct node *n, struct pid outbox);

/*
 * Forgets those that were never sent, which are the last ones: done() does
 * not hear of them. Returns how many they were, and the first one's tag in
 * *first, unchanged when there was none.
 */
uint32_t outbox_drop_unsent(struct node *n, struct pid outbox, uint64_t *first);

/*
 * From a program's top level: runs the world until all are done, or their
 * time is over. E_NOCONNECTION when nothing can ever happen again.
 */
enum err outbox_run(struct node *n, struct pid outbox);

/* Ends it; of what is not done no word comes. */
void outbox_stop(struct node *n, struct pid outbox);

#endif

/*
 * A link: a byte stream with our codec on it. It does the handshake, cuts
 * the stream into messages, keeps the window, and listens for the heart of
 * the other side. The reserved process `node` of the wire is answered here.
 *
 * The happy path is: connecting (client), handshake, up, closing, down.
 * Failure modes are: nobody there, a handshake that fails or lasts too
 * long, bytes that are no messages, silence, a reader that does not read.
 * All end in exactly one down event.
 */
#ifndef COMMON_LINK_H
#define COMMON_LINK_H

#include <stdbool.h>

#include "common/node.h"
#include "proto/handshake.h"
#include "proto/rpc.h"

struct link;

struct link_config {
	enum handshake_role role;
	struct slice cookie; /* borrowed for link_new() */
	struct slice user; /* client: who it acts for, may be empty */
	bool connecting; /* the stream's opened event is to come */
};

struct link_events {
	/* The other side proved that it knows the cookie. */
	void (*up)(void *owner);
	/*
	 * One message that is not for `node`; borrowed. clean is false for
	 * a response with bytes that no reader should meet.
	 */
	void (*message)(void *owner, const struct rpc *m, bool clean);
	/* It is over; why is a constant English sentence. Comes once. */
	void (*down)(void *owner, enum err e, const char *why);
	/*
	 * The other side will send no more but may still read: time for
	 * link_drain(), or link_close() when nothing is open.
	 */
	void (*finished)(void *owner);
	/* After a full link: what is unsent fell under half the limit. */
	void (*drained)(void *owner);
};

/*
 * Takes the stream and starts. events and owner are borrowed until
 * link_free(). Gives the link. E_BADARG: config's user or the node's name
 * is no name; the stream is closed then, and *out unchanged.
 */
enum err link_new(struct node *n, struct stream *s,
    const struct link_config *config, const struct link_events *events,
    void *owner, struct link **out);

/*
 * Takes the link; closes the stream at once. No event comes after this.
 * The memory lives until the last message from it has been handled.
 */
void link_free(struct link *l);

/* True between the up and the down event. */
bool link_is_up(const struct link *l);

/* True after link_drain() until it is closed. */
bool link_is_draining(const struct link *l);

/* The far node's name and the hello's user ("": none); while up. */
const char *link_node(const struct link *l);
const char *link_user(const struct link *l);

/*
 * The buffer to append whole messages to; say link_written() after. What
 * is appended while the link is neither up nor draining is dropped then.
 * It leaves at the end of the turn; much of it at once, so that the event
 * drained may come before link_written() returns.
 */
struct buf *link_out(struct link *l);
void link_written(struct link *l);

/* Bytes that wait to be sent. */
size_t link_unsent(const struct link *l);

/* True while so much is unsent that nothing should be added. */
bool link_is_full(const struct link *l);

/* The loan that each message handed over carries: the window. */
struct credit *link_credit(struct link *l);

/* Keeps room for answers of so many bytes, or gives it back. */
void link_reserve(struct link *l, size_t bytes);
void link_unreserve(struct link *l, size_t bytes);

/* Hands over no messages from the next one on, until released. */
void link_hold(struct link *l);
void link_release(struct link *l);

/*
 * No message is taken from now on; answers may still be written. The owner
 * says link_close() when all are; after LIMIT_CALL_MS that happens anyway.
 */
void link_drain(struct link *l);

/*
 * Ends the link in an orderly way: what is unsent is sent, the other side
 * sees the end, then the down event comes, after at most a second. With
 * an e, [2, "node.error", [word, text]] is the last message.
 */
void link_close(struct link *l, enum err e, const char *text);

/* Ends the link at once, unsent bytes and all; the down event comes. */
void link_abort(struct link *l, enum err e, const char *why);

#endif

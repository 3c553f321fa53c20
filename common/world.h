/*
 * The seam between the core and the machine. The core never asks for time,
 * randomness or network itself: a node is handed a world. There are two:
 * the libevent one (loop.h) and the simulated one of the tests.
 *
 * A world serves one node. It calls world->turn(world->node) soon after
 * world_wake(), or at the time of world_wake_at(); and the events of its
 * streams and listeners, always from the top, never from inside a call.
 */
#ifndef COMMON_WORLD_H
#define COMMON_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/address.h"
#include "proto/api.h"
#include "proto/blob.h"
#include "proto/err.h"

API_BEGIN

struct stream;
struct listener;
struct world;

/* What happens to a byte stream; owner is who handed these over. */
struct stream_events {
	/* A stream that was being connected is open now. */
	void (*opened)(void *owner);
	/* Bytes arrived; borrowed for the call. */
	void (*bytes)(void *owner, struct slice bytes);
	/* After stream_want_write(): there is room again. */
	void (*writable)(void *owner);
	/*
	 * The other side ended its half (E_OK): no bytes come any more, but
	 * writing goes on, and a break may still follow. Or the stream broke
	 * or could not be opened: nothing comes after that. why says how, in
	 * English. The owner still has to close the stream.
	 */
	void (*ended)(void *owner, enum err e, const char *why);
};

struct stream_ops {
	size_t (*write)(struct stream *s, struct slice bytes);
	void (*want_write)(struct stream *s, bool on);
	void (*want_read)(struct stream *s, bool on);
	void (*finish)(struct stream *s);
	void (*close)(struct stream *s);
};

/* What both worlds' streams begin with. */
struct stream {
	const struct stream_ops *ops;
	const struct stream_events *events;
	void *owner;
};

/* Who is at the other end of an accepted stream. */
struct stream_peer {
	char text[64]; /* the address without port, for the log */
	bool loopback;
};

struct listener_events {
	/* A new stream, not read yet; the owner sets its events and reads. */
	void (*accepted)(void *owner, struct stream *s,
	    const struct stream_peer *from);
};

struct world_ops {
	uint64_t (*now_ms)(struct world *w);
	uint64_t (*utc_ms)(struct world *w);
	void (*random)(struct world *w, void *out, size_t len);
	void (*wake)(struct world *w);
	void (*wake_at)(struct world *w, uint64_t at_ms);
	enum err (*step)(struct world *w);
	enum err (*connect)(struct world *w, const struct address *to,
	    struct stream **out, const char **why);
	enum err (*listen)(struct world *w, const struct address *at,
	    const struct listener_events *events, void *owner,
	    struct listener **out, const char **why);
	uint16_t (*listener_port)(struct listener *l);
	void (*listener_accept)(struct listener *l, bool on);
	void (*listener_close)(struct listener *l);
};

struct world {
	const struct world_ops *ops;
	void (*turn)(void *node);
	void *node;
	/*
	 * The node's wish: so much waits for a turn that it had better come
	 * before more is read, while what waits is in the processor's cache.
	 * A turn in a hurry leaves its end to the next, so a world clears
	 * this before the turn that ends a step.
	 */
	bool hurry;
};

/* -- clock, chance, wake-up -- */

/* Milliseconds that only go forward. */
uint64_t world_now_ms(struct world *w);

/* Milliseconds since 1970, UTC. */
uint64_t world_utc_ms(struct world *w);

/* Fills out with random bytes, good enough for keys. */
void world_random(struct world *w, void *out, size_t len);

/* A turn, as soon as the machine gets to it. */
void world_wake(struct world *w);

/* A turn at that time; TIMER_NEVER: none. Replaces the last wish. */
void world_wake_at(struct world *w, uint64_t at_ms);

/*
 * Lets the world go on until something happened; for a program's top level
 * only. E_NOCONNECTION when nothing can ever happen again.
 */
enum err world_step(struct world *w);

/* -- streams -- */

/*
 * Starts to connect. Gives a stream whose opened or ended event will come.
 * E_UNREACHABLE when it fails at once: *why says so (a constant string),
 * *out is unchanged. A host name may have to be looked up, which blocks.
 */
enum err world_connect(struct world *w, const struct address *to,
    struct stream **out, const char **why);

/* Who gets the events from now on. Both are borrowed until the close. */
void stream_own(struct stream *s, const struct stream_events *events,
    void *owner);

/*
 * Writes what fits now; returns how many bytes that was. A broken stream
 * takes none, and its ended event comes.
 */
size_t stream_write(struct stream *s, struct slice bytes);

/* Asks for the writable event, again and again until switched off. */
void stream_want_write(struct stream *s, bool on);

/* Whether bytes are read; off at first. */
void stream_want_read(struct stream *s, bool on);

/* No more bytes will be written: the other side sees the end. */
void stream_finish(struct stream *s);

/* Takes the stream; no event comes after this. */
void stream_close(struct stream *s);

/* -- listeners -- */

/*
 * Listens; port 0 takes a free one. Gives a listener that accepts at once.
 * E_UNREACHABLE: this machine has no such address; E_EXISTS: the port is in
 * use; E_DENIED: it is not permitted, or failed otherwise. *why (a constant
 * string) says so, *out is unchanged then. events and owner are borrowed.
 */
enum err world_listen(struct world *w, const struct address *at,
    const struct listener_events *events, void *owner, struct listener **out,
    const char **why);

/* The port it listens on. */
uint16_t listener_port(struct world *w, struct listener *l);

/* Whether it accepts; while off, the kernel holds who comes. */
void listener_accept(struct world *w, struct listener *l, bool on);

/* Takes the listener. */
void listener_close(struct world *w, struct listener *l);

API_END

#endif

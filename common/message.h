/*
 * Messages: what lies in a mailbox. op and body are the same bytes as on
 * the wire (the operation's characters, the params array as MessagePack),
 * so a message from a link is one copy, and a trace is a print.
 */
#ifndef COMMON_MESSAGE_H
#define COMMON_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/api.h"
#include "proto/blob.h"
#include "proto/err.h"

API_BEGIN

struct proc;
struct message;

/* A process, for ever: a pid is never given out twice. */
struct pid {
	uint64_t id; /* 0: nobody */
};

/* Who waits for an answer: a value that can be kept and answered later. */
struct from {
	struct pid pid;
	uint64_t ref;
};

/* Why a process ended: one word, as an atom in OTP. Longer ones are cut. */
struct reason {
	char word[32];
};

enum message_kind {
	MESSAGE_CALL, /* wants an answer to from */
	MESSAGE_CAST,
	MESSAGE_INFO, /* sent outside call and cast, or by a timer */
	MESSAGE_ANSWER, /* of the receiver's own call from.ref */
	MESSAGE_DOWN, /* from.pid, monitored as from.ref, ended */
	MESSAGE_EXIT, /* from.pid, linked, ended; to who traps exits */
	MESSAGE_MONITOR, /* to a peer: from wants to know of op's end */
	MESSAGE_DEMONITOR, /* to a peer: from does not any more */
	MESSAGE_STOP, /* asks the receiver to end, in its turn */
};

/*
 * What an answer goes on with, in the caller's own turn. e is E_OK and
 * body the result, or e says what went wrong and body is its text.
 */
struct answer {
	enum err e;
	struct slice body; /* borrowed for the call */
};

/*
 * A loan of one place in a link's window: it comes back when the message
 * has been handled or dropped, whichever way that happens.
 */
struct credit {
	uint32_t lent; /* messages that hold one */
	void (*returned)(struct credit *c);
};

/* A function of some type that the behaviour knows and casts back to. */
typedef void then_fn(void);

struct message {
	struct message *next;
	enum message_kind kind;
	enum err e; /* ANSWER */
	struct from from;
	struct slice op; /* CALL, CAST, INFO; both are copies behind it */
	struct slice body; /* params, result, text of an error, or reason */
	then_fn *then; /* ANSWER: the behaviour's continuation */
	void *arg; /* ANSWER: handed to it */
	uint64_t deadline_ms; /* CALL: not carried out after it; 0: none */
	struct credit *credit; /* NULL: the sender was not a link */
	/*
	 * What was published: [2, op, body], as on the wire. op and body lie
	 * in it and not behind the message. NULL: it was not published.
	 */
	struct blob *frame;
	/*
	 * As how many it counts: 1, or more when frame has several, one
	 * behind the other, see reg_publish_all(); body is the last one's.
	 */
	uint32_t count;
};

/* Copies op and body. Gives a message. */
struct message *message_new(enum message_kind kind, struct slice op,
    struct slice body);

/* Borrows c until the message ends, and lends one from it. */
void message_lend(struct message *m, struct credit *c);

/* Takes the message; returns its credit, and drops its frame. */
void message_free(struct message *m);

/* A reason from a word. Borrows word. */
struct reason reason_of(const char *word);
struct reason reason_from(struct slice word);
bool reason_is(const struct reason *r, const char *word);

/* What an open call learns when the process it called ended so. */
enum err reason_err(const struct reason *r);

API_END

#endif

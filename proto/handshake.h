/*
 * The cookie handshake, both roles, as a pure state machine: messages in,
 * messages out, no sockets, no clock, no randomness of its own.
 *
 * The happy path is: the client's node.hello (versions, nonce, names), the
 * server's answer (version, nonce, name, limits), the client's node.auth
 * (its proof), the server's answer (its own proof). Both prove that they
 * know the cookie; it never travels. PROTOCOL.md has the bytes.
 *
 * Failure modes are: any message that is not the expected one, a wrong
 * proof, names that are no names. All end the machine; the caller sends
 * what was written (if anything) and closes after LIMIT_DENIED_MS. Time
 * limits are the caller's too.
 */
#ifndef PROTO_HANDSHAKE_H
#define PROTO_HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/blob.h"
#include "proto/buf.h"
#include "proto/limits.h"
#include "proto/rpc.h"

enum {
	HANDSHAKE_VERSION = 1,
	HANDSHAKE_NONCE_BYTES = 32,
	HANDSHAKE_NONCE_HEX = 64,
	HANDSHAKE_KEY_BYTES = 32,
};

enum handshake_role {
	HANDSHAKE_CLIENT,
	HANDSHAKE_SERVER,
};

enum handshake_state {
	HANDSHAKE_HELLO, /* client: to say hello. server: to hear it */
	HANDSHAKE_WELCOME, /* client: hello said, awaits its answer */
	HANDSHAKE_AUTH, /* server: hello answered, awaits the proof */
	HANDSHAKE_PROOF, /* client: proof sent, awaits the server's */
	HANDSHAKE_DONE,
	HANDSHAKE_FAILED,
};

enum handshake_failure {
	HANDSHAKE_NO_FAILURE,
	HANDSHAKE_UNEXPECTED, /* not the message of this state */
	HANDSHAKE_BAD_HELLO, /* server: a hello without sense */
	HANDSHAKE_BAD_USER, /* server: the hello's user is no name */
	HANDSHAKE_NO_VERSION, /* no version in common */
	HANDSHAKE_REFUSED, /* client: the server said denied */
	HANDSHAKE_WRONG_PROOF, /* the other side does not know the cookie */
};

/* A name of the wire: UTF-8 without control characters, with a NUL. */
struct handshake_name {
	char text[LIMIT_NODE_NAME + 1];
};

struct handshake {
	enum handshake_role role;
	enum handshake_state state;
	enum handshake_failure failure;
	uint8_t key[HANDSHAKE_KEY_BYTES]; /* K of PROTOCOL.md */
	char nonce[HANDSHAKE_NONCE_HEX + 1]; /* ours, as hex */
	char nonce_peer[HANDSHAKE_NONCE_HEX + 1];
	char versions[64]; /* offered, joined by "," */
	uint32_t version; /* chosen */
	struct handshake_name node; /* ours */
	struct handshake_name node_peer;
	struct handshake_name user; /* the client's, "" when it has none */
	bool ping; /* the client answers node.ping */
};

/*
 * Starts in HANDSHAKE_HELLO. nonce are fresh random bytes, cookie is not
 * kept, node is this side's name. All are borrowed for the call.
 * E_BADARG, and nothing changed, when node is not 1 to 128 bytes of UTF-8
 * without control characters.
 */
enum err handshake_init(struct handshake *h, enum handshake_role role,
    struct slice cookie, const uint8_t nonce[HANDSHAKE_NONCE_BYTES],
    struct slice node);

/* Overwrites the secrets. */
void handshake_release(struct handshake *h);

/*
 * Client: writes the hello to out. user may be empty: none; ping says that
 * this client answers node.ping. E_BADARG, and nothing written, when user
 * is no name of at most LIMIT_USUARIO bytes.
 */
enum err handshake_hello(struct handshake *h, struct slice user, bool ping,
    struct buf *out);

/*
 * Takes one message of the peer, borrowed; clean is the checker's word for
 * it. Appends to out what is to be sent, also on failure. Returns the new
 * state: DONE and FAILED are final (feeding on is a bug of ours), and
 * h->failure says why.
 */
enum handshake_state handshake_feed(struct handshake *h, const struct rpc *m,
    bool clean, struct buf *out);

#endif

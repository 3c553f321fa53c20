/*
 * Any sequence of frames, to both roles, with the nonces of the vector. The
 * corpus has one good proof each; who gets in must have shown that one, for
 * the transcript it was made for.
 */
#include "proto/handshake.h"
#include "tests/lib/bytes.h"
#include "tests/lib/vectors.h"

static void
start(struct handshake *h, enum handshake_role role, struct buf *out)
{
	bool client = role == HANDSHAKE_CLIENT;
	struct buf nonce = hex_buf(client ? VECTOR_NONCE_C : VECTOR_NONCE_S);

	assert(handshake_init(h, role, slice_of(VECTOR_COOKIE), nonce.bytes,
		   slice_of(client ? VECTOR_NODE_C : VECTOR_NODE_S)) == E_OK);
	if (client)
		assert(handshake_hello(h, slice_of(VECTOR_USER), true, out) ==
		    E_OK);
	buf_release(&nonce);
}

/* It came in with the last frame, which must hold the vector's proof. */
static void
assert_right(const struct handshake *h, struct slice frame)
{
	bool client = h->role == HANDSHAKE_CLIENT;
	const char *proof = client ? VECTOR_PROOF_S : VECTOR_PROOF_C;

	assert(frame.len >= 64 &&
	    memmem(frame.bytes, frame.len, proof, 64) != NULL);
	assert(strcmp(h->nonce_peer,
		   client ? VECTOR_NONCE_S : VECTOR_NONCE_C) == 0);
	assert(strcmp(h->node_peer.text,
		   client ? VECTOR_NODE_S : VECTOR_NODE_C) == 0);
	assert(strcmp(h->user.text, VECTOR_USER) == 0);
	assert(strcmp(h->versions, "1") == 0 && h->version == 1);
}

/* One frame. Its length, or 0 when nothing more is fed. */
static size_t
feed(struct handshake *h, struct slice rest, struct buf *out)
{
	struct term_check c;
	struct slice frame;
	struct rpc m;

	term_check_init(&c, LIMIT_FRAME_BEFORE_AUTH);
	if (term_check(&c, rest) != TERM_WHOLE)
		return 0;
	frame = slice_bytes(rest.bytes, c.pos);
	if (rpc_decode(frame, &m) != E_OK)
		return 0;
	switch (handshake_feed(h, &m, c.clean, out)) {
	case HANDSHAKE_DONE:
		assert_right(h, frame);
		return 0;
	case HANDSHAKE_FAILED:
		assert(h->failure != HANDSHAKE_NO_FAILURE);
		return 0;
	default:
		return c.pos;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const enum handshake_role roles[] = { HANDSHAKE_CLIENT,
		HANDSHAKE_SERVER };

	for (int i = 0; i < 2; i++) {
		struct slice rest = slice_bytes(data, size);
		struct handshake h;
		struct buf out;
		size_t n;

		buf_init(&out);
		start(&h, roles[i], &out);
		while (rest.len > 0 && (n = feed(&h, rest, &out)) > 0)
			rest = slice_bytes(rest.bytes + n, rest.len - n);
		assert(buf_len(&out) <= 4 * LIMIT_FRAME_BEFORE_AUTH);
		handshake_release(&h);
		buf_release(&out);
	}
	return 0;
}

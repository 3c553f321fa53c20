#include "proto/handshake.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "proto/term.h"
#include "proto/utf8.h"

/* msgids of the two requests, as PROTOCOL.md's example has them. */
enum { MSGID_HELLO = 1, MSGID_AUTH = 2 };

struct proof {
	char hex[2 * crypto_auth_hmacsha256_BYTES + 1];
};

static void
hmac(uint8_t out[crypto_auth_hmacsha256_BYTES], struct slice key,
    struct slice message)
{
	crypto_auth_hmacsha256_state s;

	crypto_auth_hmacsha256_init(&s, key.bytes, key.len);
	crypto_auth_hmacsha256_update(&s, message.bytes, message.len);
	crypto_auth_hmacsha256_final(&s, out);
	sodium_memzero(&s, sizeof(s));
}

static bool
is_name(struct slice s, size_t bytes_max)
{
	return s.len > 0 && s.len <= bytes_max && utf8_is_text(s);
}

static void
set_name(struct handshake_name *name, struct slice s)
{
	memcpy(name->text, s.bytes, s.len);
	name->text[s.len] = '\0';
}

enum err
handshake_init(struct handshake *h, enum handshake_role role,
    struct slice cookie, const uint8_t nonce[HANDSHAKE_NONCE_BYTES],
    struct slice node)
{
	if (!is_name(node, LIMIT_NODE_NAME))
		return E_BADARG;
	*h = (struct handshake){ .role = role, .state = HANDSHAKE_HELLO };
	hmac(h->key, slice_of("tareas/1"), cookie);
	sodium_bin2hex(h->nonce, sizeof(h->nonce), nonce,
	    HANDSHAKE_NONCE_BYTES);
	set_name(&h->node, node);
	return E_OK;
}

void
handshake_release(struct handshake *h)
{
	sodium_memzero(h->key, sizeof(h->key));
}

/* HMAC(K, side "\n" T) as hex; T is in PROTOCOL.md. */
static struct proof
prove(const struct handshake *h, const char *side)
{
	bool client = h->role == HANDSHAKE_CLIENT;
	char t[64 + sizeof(h->versions) + 2 * HANDSHAKE_NONCE_HEX +
	    3 * LIMIT_NODE_NAME];
	uint8_t mac[crypto_auth_hmacsha256_BYTES];
	struct proof p;
	int n;

	n = snprintf(t, sizeof(t), "%s\ntareas/1\n%s\n%u\n%s\n%s\n%s\n%s\n%s\n",
	    side, h->versions, h->version, client ? h->nonce : h->nonce_peer,
	    client ? h->nonce_peer : h->nonce,
	    client ? h->node.text : h->node_peer.text,
	    client ? h->node_peer.text : h->node.text, h->user.text);
	assert(n > 0 && (size_t)n < sizeof(t));
	hmac(mac, slice_bytes(h->key, sizeof(h->key)),
	    slice_bytes(t, (size_t)n));
	sodium_bin2hex(p.hex, sizeof(p.hex), mac, sizeof(mac));
	return p;
}

/* In constant time for texts of the right length. */
static bool
proof_is(const struct proof *p, struct slice said)
{
	size_t len = sizeof(p->hex) - 1;

	return said.len == len && sodium_memcmp(p->hex, said.bytes, len) == 0;
}

static enum handshake_state
fail(struct handshake *h, enum handshake_failure why)
{
	h->failure = why;
	h->state = HANDSHAKE_FAILED;
	return h->state;
}

/* -- reading what both hellos have in common -- */

static bool
is_nonce(struct slice s)
{
	if (s.len != HANDSHAKE_NONCE_HEX)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (memchr("0123456789abcdef", s.bytes[i], 16) == NULL)
			return false;
	return true;
}

static bool
read_nonce(struct term_reader *r, struct handshake *h)
{
	struct slice s;

	if (term_read_str(r, &s) != E_OK || !is_nonce(s))
		return false;
	memcpy(h->nonce_peer, s.bytes, s.len);
	h->nonce_peer[s.len] = '\0';
	return true;
}

static bool
read_name(struct term_reader *r, struct handshake_name *name, size_t bytes_max)
{
	struct slice s;

	if (term_read_str(r, &s) != E_OK || !is_name(s, bytes_max))
		return false;
	set_name(name, s);
	return true;
}

/* -- client -- */

enum err
handshake_hello(struct handshake *h, struct slice user, bool ping,
    struct buf *out)
{
	assert(h->role == HANDSHAKE_CLIENT && h->state == HANDSHAKE_HELLO);
	if (user.len > 0 && !is_name(user, LIMIT_USUARIO))
		return E_BADARG;
	if (user.len > 0)
		set_name(&h->user, user);
	h->ping = ping;
	snprintf(h->versions, sizeof(h->versions), "%d", HANDSHAKE_VERSION);
	term_write_array(out, 4);
	term_write_uint(out, RPC_REQUEST);
	term_write_uint(out, MSGID_HELLO);
	term_write_cstr(out, "node.hello");
	term_write_array(out, 1);
	term_write_map(out, 4 + (user.len > 0));
	term_write_cstr(out, "versions");
	term_write_array(out, 1);
	term_write_uint(out, HANDSHAKE_VERSION);
	term_write_cstr(out, "nonce");
	term_write_cstr(out, h->nonce);
	term_write_cstr(out, "node");
	term_write_cstr(out, h->node.text);
	if (user.len > 0) {
		term_write_cstr(out, "user");
		term_write_str(out, user);
	}
	term_write_cstr(out, "ping");
	term_write_bool(out, ping);
	h->state = HANDSHAKE_WELCOME;
	return E_OK;
}

static bool
read_welcome(struct handshake *h, struct slice result)
{
	struct term_reader r;
	uint32_t n;
	uint64_t version = 0;

	term_reader_init(&r, result);
	if (term_read_map(&r, &n) != E_OK)
		return false;
	for (; n > 0; n--) {
		struct slice key;
		bool good;

		if (term_read_str(&r, &key) != E_OK)
			return false;
		if (slice_is(key, "version"))
			good = term_read_uint(&r, &version) == E_OK;
		else if (slice_is(key, "nonce"))
			good = read_nonce(&r, h);
		else if (slice_is(key, "node"))
			good = read_name(&r, &h->node_peer, LIMIT_NODE_NAME);
		else
			good = term_skip(&r, NULL) == E_OK;
		if (!good)
			return false;
	}
	h->version = HANDSHAKE_VERSION;
	return version == HANDSHAKE_VERSION && h->nonce_peer[0] != '\0' &&
	    h->node_peer.text[0] != '\0';
}

static void
write_auth(struct handshake *h, struct buf *out)
{
	struct proof mine = prove(h, "client");

	term_write_array(out, 4);
	term_write_uint(out, RPC_REQUEST);
	term_write_uint(out, MSGID_AUTH);
	term_write_cstr(out, "node.auth");
	term_write_array(out, 1);
	term_write_cstr(out, mine.hex);
}

static bool
is_right_proof(const struct handshake *h, struct slice result)
{
	struct proof theirs = prove(h, "server");
	struct term_reader r;
	struct slice said;

	term_reader_init(&r, result);
	return term_read_str(&r, &said) == E_OK && proof_is(&theirs, said);
}

static enum handshake_state
feed_client(struct handshake *h, const struct rpc *m, bool clean,
    struct buf *out)
{
	bool welcome = h->state == HANDSHAKE_WELCOME;
	enum err e;

	if (m->kind != RPC_RESPONSE || !clean ||
	    m->msgid != (welcome ? MSGID_HELLO : MSGID_AUTH))
		return fail(h, HANDSHAKE_UNEXPECTED);
	e = rpc_read_error(m->error, NULL);
	if (e != E_OK)
		return fail(h,
		    e == E_DENIED ? HANDSHAKE_REFUSED : HANDSHAKE_UNEXPECTED);
	if (!welcome) {
		if (!is_right_proof(h, m->result))
			return fail(h, HANDSHAKE_WRONG_PROOF);
		return h->state = HANDSHAKE_DONE;
	}
	if (!read_welcome(h, m->result))
		return fail(h, HANDSHAKE_UNEXPECTED);
	write_auth(h, out);
	return h->state = HANDSHAKE_PROOF;
}

/* -- server -- */

/* Appends one number to the offered versions. */
static bool
add_version(struct handshake *h, uint64_t version)
{
	size_t len = strlen(h->versions);
	size_t room = sizeof(h->versions) - len;
	int n;

	if (version == 0 || version > UINT32_MAX)
		return false;
	n = snprintf(h->versions + len, room, "%s%u", len > 0 ? "," : "",
	    (unsigned)version);
	if (version == HANDSHAKE_VERSION)
		h->version = HANDSHAKE_VERSION;
	return n > 0 && (size_t)n < room;
}

static bool
read_versions(struct term_reader *r, struct handshake *h)
{
	uint32_t n;
	uint64_t version;

	if (h->versions[0] != '\0' || term_read_array(r, &n) != E_OK ||
	    n == 0 || n > LIMIT_VERSIONS)
		return false;
	for (; n > 0; n--)
		if (term_read_uint(r, &version) != E_OK ||
		    !add_version(h, version))
			return false;
	return true;
}

static bool
read_user(struct term_reader *r, struct handshake *h)
{
	if (term_read_nil(r) == E_OK || read_name(r, &h->user, LIMIT_USUARIO))
		return true;
	h->failure = HANDSHAKE_BAD_USER;
	return false;
}

/* user and ping may be absent or nil. */
static bool
read_hello_key(struct handshake *h, struct slice key, struct term_reader *r)
{
	if (slice_is(key, "versions"))
		return read_versions(r, h);
	if (slice_is(key, "nonce"))
		return read_nonce(r, h);
	if (slice_is(key, "node"))
		return read_name(r, &h->node_peer, LIMIT_NODE_NAME);
	if (slice_is(key, "user"))
		return read_user(r, h);
	if (slice_is(key, "ping"))
		return term_read_nil(r) == E_OK ||
		    term_read_bool(r, &h->ping) == E_OK;
	return term_skip(r, NULL) == E_OK;
}

static bool
read_hello(struct handshake *h, struct slice params)
{
	struct term_reader r;
	struct slice key;
	uint32_t n;

	term_reader_init(&r, params);
	if (term_read_array(&r, &n) != E_OK || n != 1 ||
	    term_read_map(&r, &n) != E_OK)
		return false;
	for (; n > 0; n--)
		if (term_read_str(&r, &key) != E_OK ||
		    !read_hello_key(h, key, &r))
			return false;
	return h->versions[0] != '\0' && h->nonce_peer[0] != '\0' &&
	    h->node_peer.text[0] != '\0';
}

static void
write_welcome(const struct handshake *h, uint32_t msgid, struct buf *out)
{
	term_write_array(out, 4);
	term_write_uint(out, RPC_RESPONSE);
	term_write_uint(out, msgid);
	term_write_nil(out);
	term_write_map(out, 4);
	term_write_cstr(out, "version");
	term_write_uint(out, h->version);
	term_write_cstr(out, "nonce");
	term_write_cstr(out, h->nonce);
	term_write_cstr(out, "node");
	term_write_cstr(out, h->node.text);
	term_write_cstr(out, "limits");
	term_write_map(out, 2);
	term_write_cstr(out, "frame");
	term_write_uint(out, LIMIT_FRAME);
	term_write_cstr(out, "flight");
	term_write_uint(out, LIMIT_FLIGHT);
}

/* One answer for every cause, but for a user that is no name. */
static enum handshake_state
deny(struct handshake *h, const struct rpc *m, struct buf *out,
    enum handshake_failure why)
{
	bool bad_user = why == HANDSHAKE_BAD_USER;

	if (m->kind == RPC_REQUEST)
		rpc_write_error(out, m->msgid, bad_user ? E_BADARG : E_DENIED,
		    bad_user ? "user is no name of 1 to 64 bytes" : NULL);
	return fail(h, why);
}

static enum handshake_state
feed_hello(struct handshake *h, const struct rpc *m, bool clean,
    struct buf *out)
{
	if (!clean || m->kind != RPC_REQUEST ||
	    !slice_is(m->method, "node.hello"))
		return deny(h, m, out, HANDSHAKE_UNEXPECTED);
	if (!read_hello(h, m->params))
		return deny(h, m, out,
		    h->failure == HANDSHAKE_BAD_USER ? HANDSHAKE_BAD_USER :
						       HANDSHAKE_BAD_HELLO);
	if (h->version == 0)
		return deny(h, m, out, HANDSHAKE_NO_VERSION);
	write_welcome(h, m->msgid, out);
	return h->state = HANDSHAKE_AUTH;
}

static enum handshake_state
feed_auth(struct handshake *h, const struct rpc *m, bool clean, struct buf *out)
{
	struct proof theirs = prove(h, "client");
	struct proof mine = prove(h, "server");
	struct term_reader r;
	struct slice said;
	uint32_t n;

	if (!clean || m->kind != RPC_REQUEST ||
	    !slice_is(m->method, "node.auth"))
		return deny(h, m, out, HANDSHAKE_UNEXPECTED);
	term_reader_init(&r, m->params);
	if (term_read_array(&r, &n) != E_OK || n != 1 ||
	    term_read_str(&r, &said) != E_OK || !proof_is(&theirs, said))
		return deny(h, m, out, HANDSHAKE_WRONG_PROOF);
	term_write_array(out, 4);
	term_write_uint(out, RPC_RESPONSE);
	term_write_uint(out, m->msgid);
	term_write_nil(out);
	term_write_cstr(out, mine.hex);
	return h->state = HANDSHAKE_DONE;
}

enum handshake_state
handshake_feed(struct handshake *h, const struct rpc *m, bool clean,
    struct buf *out)
{
	assert(h->state != HANDSHAKE_DONE && h->state != HANDSHAKE_FAILED);
	switch (h->state) {
	case HANDSHAKE_HELLO:
		assert(h->role == HANDSHAKE_SERVER);
		return feed_hello(h, m, clean, out);
	case HANDSHAKE_AUTH:
		return feed_auth(h, m, clean, out);
	case HANDSHAKE_WELCOME:
	case HANDSHAKE_PROOF:
		return feed_client(h, m, clean, out);
	case HANDSHAKE_DONE:
	case HANDSHAKE_FAILED:
		break;
	}
	return h->state;
}

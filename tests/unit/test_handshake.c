/*
 * The handshake: both roles against each other, the fixed vector, and every
 * way a stranger can get it wrong. Whatever is fed, nobody ends in DONE
 * without having seen the other side's proof of the same transcript.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/handshake.h"
#include "proto/term.h"
#include "tests/lib/bytes.h"
#include "tests/lib/vectors.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

/* -- two ends and what they said last -- */

struct pair {
	struct handshake client, server;
	struct buf to_server, to_client;
};

static void
init_end(struct handshake *h, enum handshake_role role, const char *cookie,
    const char *nonce_hex, const char *node)
{
	struct buf nonce = hex_buf(nonce_hex);

	ck_assert_uint_eq(buf_len(&nonce), HANDSHAKE_NONCE_BYTES);
	ck_assert_int_eq(handshake_init(h, role, slice_of(cookie),
			     buf_bytes(&nonce).bytes, slice_of(node)),
	    E_OK);
	buf_release(&nonce);
}

/* The client has not said hello yet. */
static void
pair_init(struct pair *p, const char *cookie_c, const char *cookie_s)
{
	init_end(&p->client, HANDSHAKE_CLIENT, cookie_c, VECTOR_NONCE_C,
	    VECTOR_NODE_C);
	init_end(&p->server, HANDSHAKE_SERVER, cookie_s, VECTOR_NONCE_S,
	    VECTOR_NODE_S);
	buf_init(&p->to_server);
	buf_init(&p->to_client);
}

static void
pair_release(struct pair *p)
{
	handshake_release(&p->client);
	handshake_release(&p->server);
	buf_release(&p->to_server);
	buf_release(&p->to_client);
}

static void
say_hello(struct pair *p)
{
	ck_assert_int_eq(handshake_hello(&p->client, slice_of(VECTOR_USER),
			     true, &p->to_server),
	    E_OK);
}

static bool
is_over(const struct handshake *h)
{
	return h->state == HANDSHAKE_DONE || h->state == HANDSHAKE_FAILED;
}

/*
 * Feeds one frame, as a link would: checked with a stranger's limit, then
 * decoded. False when a link would have closed without a word.
 */
static bool
feed(struct handshake *h, struct slice frame, struct buf *out)
{
	struct slice exact = exact_copy(frame);
	struct term_check c;
	struct rpc m;
	bool fed = false;

	term_check_init(&c, LIMIT_FRAME_BEFORE_AUTH);
	if (term_check(&c, exact) == TERM_WHOLE && c.pos == exact.len &&
	    rpc_decode(exact, &m) == E_OK) {
		buf_clear(out);
		handshake_feed(h, &m, c.clean, out);
		fed = true;
	}
	exact_free(exact);
	return fed;
}

static bool
feed_hex(struct handshake *h, const char *hex, struct buf *out)
{
	struct buf b = hex_buf(hex);
	bool fed = feed(h, buf_bytes(&b), out);

	buf_release(&b);
	return fed;
}

/* Runs on from a hello until both are over or nobody says anything. */
static void
run(struct pair *p)
{
	while (buf_len(&p->to_server) > 0 && !is_over(&p->server)) {
		buf_clear(&p->to_client);
		feed(&p->server, buf_bytes(&p->to_server), &p->to_client);
		buf_clear(&p->to_server);
		if (buf_len(&p->to_client) > 0 && !is_over(&p->client))
			feed(&p->client, buf_bytes(&p->to_client),
			    &p->to_server);
	}
}

static void
assert_hex(const struct buf *b, const char *hex)
{
	struct buf want = hex_buf(hex);

	ck_assert(slice_equal(buf_bytes(b), buf_bytes(&want)));
	buf_release(&want);
}

/* What the last answer says: its msgid and its error. */
static enum err
answered(const struct buf *b, uint32_t msgid)
{
	struct rpc m;

	ck_assert_int_eq(rpc_decode(buf_bytes(b), &m), E_OK);
	ck_assert_int_eq(m.kind, RPC_RESPONSE);
	ck_assert_uint_eq(m.msgid, msgid);
	return rpc_read_error(m.error, NULL);
}

/* -- the happy path -- */

START_TEST(who_knows_the_cookie_gets_in)
{
	struct pair p;

	pair_init(&p, "mi_cookie", "mi_cookie");
	say_hello(&p);
	run(&p);
	ck_assert_int_eq(p.server.state, HANDSHAKE_DONE);
	ck_assert_int_eq(p.client.state, HANDSHAKE_DONE);
	ck_assert_int_eq(p.server.failure, HANDSHAKE_NO_FAILURE);
	ck_assert_int_eq(p.client.failure, HANDSHAKE_NO_FAILURE);
	ck_assert_str_eq(p.server.node_peer.text, VECTOR_NODE_C);
	ck_assert_str_eq(p.client.node_peer.text, VECTOR_NODE_S);
	ck_assert_str_eq(p.server.user.text, VECTOR_USER);
	ck_assert(p.server.ping);
	ck_assert_uint_eq(p.server.version, 1);
	ck_assert_uint_eq(p.client.version, 1);
	pair_release(&p);
}
END_TEST

START_TEST(fixed_nonces_give_the_bytes_of_the_vector)
{
	struct pair p;
	struct buf key;

	pair_init(&p, VECTOR_COOKIE, VECTOR_COOKIE);
	key = hex_buf(VECTOR_KEY);
	ck_assert_mem_eq(p.client.key, key.bytes, HANDSHAKE_KEY_BYTES);
	buf_release(&key);
	say_hello(&p);
	assert_hex(&p.to_server, VECTOR_HELLO);
	feed(&p.server, buf_bytes(&p.to_server), &p.to_client);
	assert_hex(&p.to_client, VECTOR_WELCOME);
	feed(&p.client, buf_bytes(&p.to_client), &p.to_server);
	assert_hex(&p.to_server, VECTOR_AUTH);
	feed(&p.server, buf_bytes(&p.to_server), &p.to_client);
	assert_hex(&p.to_client, VECTOR_PROOF);
	feed(&p.client, buf_bytes(&p.to_client), &p.to_server);
	ck_assert_int_eq(p.client.state, HANDSHAKE_DONE);
	pair_release(&p);
}
END_TEST

START_TEST(client_without_user_or_ping_gets_in)
{
	struct pair p;

	pair_init(&p, "mi_cookie", "mi_cookie");
	ck_assert_int_eq(handshake_hello(&p.client, slice_bytes(NULL, 0), false,
			     &p.to_server),
	    E_OK);
	run(&p);
	ck_assert_int_eq(p.client.state, HANDSHAKE_DONE);
	ck_assert_str_eq(p.server.user.text, "");
	ck_assert(!p.server.ping);
	pair_release(&p);
}
END_TEST

START_TEST(release_overwrites_the_key)
{
	struct pair p;
	uint8_t zeros[HANDSHAKE_KEY_BYTES] = { 0 };

	pair_init(&p, "mi_cookie", "mi_cookie");
	handshake_release(&p.client);
	ck_assert_mem_eq(p.client.key, zeros, sizeof(zeros));
	pair_release(&p);
}
END_TEST

/* -- wrong cookies -- */

static const struct {
	const char *client, *server;
} cookies[] = {
	{ "mi_cookie", "tu_cookie" },
	{ "mi_cookie", "mi_cooki" },
	{ "mi_cookie", "mi_cookie " },
	{ "mi_cookie", "MI_COOKIE" },
	{ "", "mi_cookie" },
	{ "mi_cookie", "" },
};

START_TEST(wrong_cookie_is_denied_by_the_server)
{
	struct pair p;

	pair_init(&p, cookies[_i].client, cookies[_i].server);
	say_hello(&p);
	run(&p);
	ck_assert_int_eq(p.server.state, HANDSHAKE_FAILED);
	ck_assert_int_eq(p.server.failure, HANDSHAKE_WRONG_PROOF);
	ck_assert_int_eq(p.client.state, HANDSHAKE_FAILED);
	ck_assert_int_eq(p.client.failure, HANDSHAKE_REFUSED);
	assert_hex(&p.to_client, VECTOR_DENIED);
	pair_release(&p);
}
END_TEST

/* A server that lets anybody in does not know the cookie: we do not stay. */
START_TEST(client_refuses_a_server_with_the_wrong_proof)
{
	struct pair p;

	pair_init(&p, "mi_cookie", "tu_cookie");
	say_hello(&p);
	feed_hex(&p.client, VECTOR_WELCOME, &p.to_server);
	ck_assert_int_eq(p.client.state, HANDSHAKE_PROOF);
	feed_hex(&p.client,
	    "94 01 02 c0 d940 "
	    "3030303030303030303030303030303030303030303030303030303030303030"
	    "3030303030303030303030303030303030303030303030303030303030303030",
	    &p.to_server);
	ck_assert_int_eq(p.client.state, HANDSHAKE_FAILED);
	ck_assert_int_eq(p.client.failure, HANDSHAKE_WRONG_PROOF);
	pair_release(&p);
}
END_TEST

START_TEST(client_refuses_its_own_proof_sent_back)
{
	struct pair p;

	pair_init(&p, "mi_cookie", "mi_cookie");
	say_hello(&p);
	feed_hex(&p.client, VECTOR_WELCOME, &p.to_server);
	buf_clear(&p.to_client);
	rpc_write_result(&p.to_client, 2,
	    slice_bytes(buf_bytes(&p.to_server).bytes + 14, 66));
	feed(&p.client, buf_bytes(&p.to_client), &p.to_server);
	ck_assert_int_eq(p.client.failure, HANDSHAKE_WRONG_PROOF);
	pair_release(&p);
}
END_TEST

/* -- every bit of a proof -- */

static void
assert_proof_bits_count(const char *hex, size_t proof_at, bool to_server)
{
	struct buf frame = hex_buf(hex);

	for (size_t bit = 8 * proof_at; bit < 8 * buf_len(&frame); bit++) {
		struct pair p;
		struct handshake *h = to_server ? &p.server : &p.client;

		pair_init(&p, VECTOR_COOKIE, VECTOR_COOKIE);
		say_hello(&p);
		feed_hex(to_server ? &p.server : &p.client,
		    to_server ? VECTOR_HELLO : VECTOR_WELCOME, &p.to_client);
		frame.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		feed(h, buf_bytes(&frame), &p.to_client);
		frame.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (h->state != HANDSHAKE_FAILED)
			ck_abort_msg("bit %zu does not count", bit);
		pair_release(&p);
	}
	ck_assert_uint_eq(buf_len(&frame), proof_at + 64);
	buf_release(&frame);
}

START_TEST(every_bit_of_the_clients_proof_counts)
{
	assert_proof_bits_count(VECTOR_AUTH, 16, true);
}
END_TEST

START_TEST(every_bit_of_the_servers_proof_counts)
{
	assert_proof_bits_count(VECTOR_PROOF, 6, false);
}
END_TEST

/* -- hellos -- */

#define HEAD "94 00 09 aa6e6f64652e68656c6c6f 91 "
#define VERSIONS "a876657273696f6e73 "
#define NONCE_KEY "a56e6f6e6365 "
#define DIGITS16 "61616161616161616161616161616161"
#define NONCE NONCE_KEY "d940" DIGITS16 DIGITS16 DIGITS16 DIGITS16
#define NODE_KEY "a46e6f6465 "
#define NODE NODE_KEY "a16e "
#define USER_KEY "a475736572 "
#define PING_KEY "a470696e67 "
#define V1 VERSIONS "91 01 "
/* What a hello needs, after a map's header. */
#define BASE V1 NONCE NODE

static const struct {
	const char *hex; /* after HEAD */
	const char *versions; /* as the transcript has them */
	const char *user;
	bool ping;
} hellos[] = {
	{ "83" BASE, "1", "", false },
	{ "83" NODE NONCE V1, "1", "", false },
	{ "84" BASE USER_KEY "c0", "1", "", false },
	{ "84" BASE USER_KEY "a3616e61", "1", "ana", false },
	{ "84" USER_KEY "d902c3b1" BASE, "1", "\xc3\xb1", false },
	{ "84" BASE PING_KEY "c0", "1", "", false },
	{ "84" BASE PING_KEY "c2", "1", "", false },
	{ "84" BASE PING_KEY "c3", "1", "", true },
	{ "85" BASE PING_KEY "c3" USER_KEY "a162", "1", "b", true },
	/* unknown keys of any shape, also a longer one of ours */
	{ "85" BASE "a178 92 81 c0 c0 cb0000000000000000 a0 c40100", "1", "",
	    false },
	{ "84"
	  "a6757365727373 01" BASE,
	    "1", "", false },
	{ "84" BASE "a0 c0", "1", "", false },
	/* versions: the one both know, all of them in the transcript */
	{ "83" VERSIONS "92 02 01" NONCE NODE, "2,1", "", false },
	{ "83" VERSIONS "92 01 02" NONCE NODE, "1,2", "", false },
	{ "83" VERSIONS "93 ceffffffff cc01 01" NONCE NODE, "4294967295,1,1",
	    "", false },
	{ "83" VERSIONS "dc0010 01010101010101010101010101010101" NONCE NODE,
	    "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "", false },
	{ "83" VERSIONS "96 ceffffffff ceffffffff ceffffffff ceffffffff "
	  "ceffffffff 01" NONCE NODE,
	    "4294967295,4294967295,4294967295,4294967295,4294967295,1", "",
	    false },
};

START_TEST(good_hello_is_welcomed)
{
	struct pair p;

	pair_init(&p, "mi_cookie", "mi_cookie");
	hex_add(&p.to_server, HEAD);
	hex_add(&p.to_server, hellos[_i].hex);
	ck_assert(feed(&p.server, buf_bytes(&p.to_server), &p.to_client));
	ck_assert_int_eq(p.server.state, HANDSHAKE_AUTH);
	ck_assert_int_eq(answered(&p.to_client, 9), E_OK);
	ck_assert_str_eq(p.server.versions, hellos[_i].versions);
	ck_assert_uint_eq(p.server.version, 1);
	ck_assert_str_eq(p.server.user.text, hellos[_i].user);
	ck_assert_int_eq(p.server.ping, hellos[_i].ping);
	pair_release(&p);
}
END_TEST

static const struct {
	const char *hex; /* after HEAD */
	enum handshake_failure why;
} bad_hellos[] = {
	{ "80", HANDSHAKE_BAD_HELLO },
	{ "c0", HANDSHAKE_BAD_HELLO },
	{ "90", HANDSHAKE_BAD_HELLO },
	{ "a0", HANDSHAKE_BAD_HELLO },
	{ "82" NONCE NODE, HANDSHAKE_BAD_HELLO },
	{ "82" V1 NODE, HANDSHAKE_BAD_HELLO },
	{ "82" V1 NONCE, HANDSHAKE_BAD_HELLO },
	{ "84" BASE "01 01", HANDSHAKE_BAD_HELLO }, /* a key that is no str */
	{ "84" BASE "c401 78 01", HANDSHAKE_BAD_HELLO },
	/* versions */
	{ "83" VERSIONS "91 07" NONCE NODE, HANDSHAKE_NO_VERSION },
	{ "83" VERSIONS "92 02 03" NONCE NODE, HANDSHAKE_NO_VERSION },
	{ "83" VERSIONS "91 cd0101" NONCE NODE, HANDSHAKE_NO_VERSION },
	{ "83" VERSIONS "91 ceffffffff" NONCE NODE, HANDSHAKE_NO_VERSION },
	{ "83" VERSIONS "90" NONCE NODE, HANDSHAKE_BAD_HELLO },
	{ "83" VERSIONS "c0" NONCE NODE, HANDSHAKE_BAD_HELLO },
	{ "83" VERSIONS "01" NONCE NODE, HANDSHAKE_BAD_HELLO },
	{ "83" VERSIONS "91 00" NONCE NODE, HANDSHAKE_BAD_HELLO },
	{ "83" VERSIONS "91 ff" NONCE NODE, HANDSHAKE_BAD_HELLO },
	{ "83" VERSIONS "91 a131" NONCE NODE, HANDSHAKE_BAD_HELLO },
	{ "83" VERSIONS "92 01 c0" NONCE NODE, HANDSHAKE_BAD_HELLO },
	{ "83" VERSIONS "91 cf0000000100000001" NONCE NODE,
	    HANDSHAKE_BAD_HELLO },
	{ "83" VERSIONS "dc0011 0101010101010101010101010101010101" NONCE NODE,
	    HANDSHAKE_BAD_HELLO },
	/* 6 * 10 digits and 5 commas are 65: more than the list may have */
	{ "83" VERSIONS "97 01 ceffffffff ceffffffff ceffffffff ceffffffff "
	  "ceffffffff ceffffffff" NONCE NODE,
	    HANDSHAKE_BAD_HELLO },
	{ "84" V1 BASE, HANDSHAKE_BAD_HELLO },
	/* nonce: exactly 64 lower-case hex digits */
	{ "83" V1 NODE NONCE_KEY "c0", HANDSHAKE_BAD_HELLO },
	{ "83" V1 NODE NONCE_KEY "a0", HANDSHAKE_BAD_HELLO },
	{ "83" V1 NODE NONCE_KEY "c440" DIGITS16 DIGITS16 DIGITS16 DIGITS16,
	    HANDSHAKE_BAD_HELLO },
	{ "83" V1 NODE NONCE_KEY "d93f" DIGITS16 DIGITS16 DIGITS16
	  "616161616161616161616161616161",
	    HANDSHAKE_BAD_HELLO },
	{ "83" V1 NODE NONCE_KEY "d941" DIGITS16 DIGITS16 DIGITS16 DIGITS16
	  "61",
	    HANDSHAKE_BAD_HELLO },
	{ "83" V1 NODE NONCE_KEY "d940 41" DIGITS16 DIGITS16 DIGITS16
	  "616161616161616161616161616161",
	    HANDSHAKE_BAD_HELLO },
	{ "83" V1 NODE NONCE_KEY "d940" DIGITS16 DIGITS16 DIGITS16
	  "616161616161616161616161616161 67",
	    HANDSHAKE_BAD_HELLO },
	{ "83" V1 NODE NONCE_KEY "d940" DIGITS16 DIGITS16 DIGITS16
	  "616161616161616161616161616161 00",
	    HANDSHAKE_BAD_HELLO },
	/* node: a name */
	{ "83" V1 NONCE NODE_KEY "a0", HANDSHAKE_BAD_HELLO },
	{ "83" V1 NONCE NODE_KEY "c0", HANDSHAKE_BAD_HELLO },
	{ "83" V1 NONCE NODE_KEY "01", HANDSHAKE_BAD_HELLO },
	{ "83" V1 NONCE NODE_KEY "a3 610a62", HANDSHAKE_BAD_HELLO },
	{ "83" V1 NONCE NODE_KEY "a3 610062", HANDSHAKE_BAD_HELLO },
	{ "83" V1 NONCE NODE_KEY "a1 1b", HANDSHAKE_BAD_HELLO },
	{ "83" V1 NONCE NODE_KEY "a1 7f", HANDSHAKE_BAD_HELLO },
	{ "83" V1 NONCE NODE_KEY "a2 c285", HANDSHAKE_BAD_HELLO },
	{ "83" V1 NONCE NODE_KEY "a1 ff", HANDSHAKE_UNEXPECTED }, /* unclean */
	/* user: a name, of 64 bytes at most */
	{ "84" BASE USER_KEY "a0", HANDSHAKE_BAD_USER },
	{ "84" BASE USER_KEY "01", HANDSHAKE_BAD_USER },
	{ "84" BASE USER_KEY "c2", HANDSHAKE_BAD_USER },
	{ "84" BASE USER_KEY "a3 610a62", HANDSHAKE_BAD_USER },
	{ "84" BASE USER_KEY "a1 00", HANDSHAKE_BAD_USER },
	{ "84" BASE USER_KEY "d941" DIGITS16 DIGITS16 DIGITS16 DIGITS16 "61",
	    HANDSHAKE_BAD_USER },
	{ "84" BASE USER_KEY "a1 ff", HANDSHAKE_UNEXPECTED },
	/* ping: a bool */
	{ "84" BASE PING_KEY "01", HANDSHAKE_BAD_HELLO },
	{ "84" BASE PING_KEY "a474727565", HANDSHAKE_BAD_HELLO },
	/* an ext anywhere is unclean */
	{ "84" BASE "a178 d40100", HANDSHAKE_UNEXPECTED },
};

START_TEST(bad_hello_is_answered_once_and_over)
{
	enum handshake_failure why = bad_hellos[_i].why;
	struct pair p;

	pair_init(&p, "mi_cookie", "mi_cookie");
	hex_add(&p.to_server, HEAD);
	hex_add(&p.to_server, bad_hellos[_i].hex);
	ck_assert(feed(&p.server, buf_bytes(&p.to_server), &p.to_client));
	ck_assert_int_eq(p.server.state, HANDSHAKE_FAILED);
	ck_assert_int_eq(p.server.failure, why);
	ck_assert_int_eq(answered(&p.to_client, 9),
	    why == HANDSHAKE_BAD_USER ? E_BADARG : E_DENIED);
	pair_release(&p);
}
END_TEST

START_TEST(denied_answers_are_the_same_bytes_for_every_cause)
{
	struct buf want = hex_buf("94 01 09 92 a664656e696564 ab "
				  "6e6f7420616c6c6f776564 c0");

	for (int i = 0; i < COUNT(bad_hellos); i++) {
		struct pair p;

		if (bad_hellos[i].why == HANDSHAKE_BAD_USER)
			continue;
		pair_init(&p, "mi_cookie", "mi_cookie");
		hex_add(&p.to_server, HEAD);
		hex_add(&p.to_server, bad_hellos[i].hex);
		feed(&p.server, buf_bytes(&p.to_server), &p.to_client);
		ck_assert(
		    slice_equal(buf_bytes(&p.to_client), buf_bytes(&want)));
		pair_release(&p);
	}
	buf_release(&want);
}
END_TEST

/* -- names -- */

static const struct {
	const char *text;
	size_t times;
	bool node, user; /* is it a name for these? */
} names[] = {
	{ "a", 0, false, true }, /* no user at all is allowed */
	{ "a", 1, true, true },
	{ "a", 64, true, true },
	{ "a", 65, true, false },
	{ "a", 128, true, false },
	{ "a", 129, false, false },
	{ "\xc3\xb1", 32, true, true },
	{ "\xc3\xb1", 64, true, false },
	{ "ana mar\xc3\xad"
	  "a",
	    1, true, true },
	{ "ana\nadmin", 1, false, false },
	{ "\n", 1, false, false },
	{ "\t", 1, false, false },
	{ "\x1b[2J", 1, false, false },
	{ "\x7f", 1, false, false },
	{ "\xc2\x80", 1, false, false },
	{ "\xc2\x9f", 1, false, false },
	{ "\xc2\xa0", 1, true, true },
	{ "\xff", 1, false, false },
	{ "\xc3", 1, false, false },
	{ "\xed\xa0\x80", 1, false, false },
};

static struct buf
name_of(int i)
{
	struct buf b;

	buf_init(&b);
	for (size_t k = 0; k < names[i].times; k++)
		buf_add(&b, slice_of(names[i].text));
	return b;
}

START_TEST(own_node_must_be_a_name)
{
	uint8_t nonce[HANDSHAKE_NONCE_BYTES] = { 0 };
	struct buf name = name_of(_i);
	struct handshake h, before;

	memset(&h, 0x5a, sizeof(h));
	memcpy(&before, &h, sizeof(h));
	ck_assert_int_eq(handshake_init(&h, HANDSHAKE_SERVER,
			     slice_of("mi_cookie"), nonce, buf_bytes(&name)),
	    names[_i].node ? E_OK : E_BADARG);
	if (!names[_i].node)
		ck_assert_mem_eq(&h, &before, sizeof(h));
	buf_release(&name);
}
END_TEST

START_TEST(own_user_must_be_a_name_or_nothing)
{
	struct buf name = name_of(_i);
	struct pair p;

	pair_init(&p, "mi_cookie", "mi_cookie");
	ck_assert_int_eq(handshake_hello(&p.client, buf_bytes(&name), true,
			     &p.to_server),
	    names[_i].user ? E_OK : E_BADARG);
	if (!names[_i].user) {
		ck_assert_uint_eq(buf_len(&p.to_server), 0);
		ck_assert_int_eq(p.client.state, HANDSHAKE_HELLO);
	} else {
		run(&p);
		ck_assert_int_eq(p.client.state, HANDSHAKE_DONE);
	}
	buf_release(&name);
	pair_release(&p);
}
END_TEST

/* The names of both sides, at their longest, in one transcript. */
START_TEST(longest_names_fit)
{
	char node[LIMIT_NODE_NAME + 1], user[LIMIT_USUARIO + 1];
	struct pair p;

	memset(node, 'n', sizeof(node) - 1);
	memset(user, 'u', sizeof(user) - 1);
	node[sizeof(node) - 1] = user[sizeof(user) - 1] = '\0';
	pair_init(&p, "mi_cookie", "mi_cookie");
	init_end(&p.client, HANDSHAKE_CLIENT, "mi_cookie", VECTOR_NONCE_C,
	    node);
	init_end(&p.server, HANDSHAKE_SERVER, "mi_cookie", VECTOR_NONCE_S,
	    node);
	ck_assert_int_eq(handshake_hello(&p.client, slice_of(user), true,
			     &p.to_server),
	    E_OK);
	ck_assert_uint_le(buf_len(&p.to_server), LIMIT_FRAME_BEFORE_AUTH);
	run(&p);
	ck_assert_int_eq(p.client.state, HANDSHAKE_DONE);
	ck_assert_int_eq(p.server.state, HANDSHAKE_DONE);
	pair_release(&p);
}
END_TEST

START_TEST(node_of_128_bytes_is_heard_and_of_129_is_not)
{
	for (uint8_t len = 128; len <= 129; len++) {
		struct pair p;

		pair_init(&p, "mi_cookie", "mi_cookie");
		hex_add(&p.to_server, HEAD "83" V1 NONCE NODE_KEY "d9");
		buf_add(&p.to_server, slice_bytes(&len, 1));
		memset(buf_room(&p.to_server, len), 'n', len);
		buf_grew(&p.to_server, len);
		feed(&p.server, buf_bytes(&p.to_server), &p.to_client);
		ck_assert_int_eq(p.server.state,
		    len == 128 ? HANDSHAKE_AUTH : HANDSHAKE_FAILED);
		pair_release(&p);
	}
}
END_TEST

/* -- what each side says where it does not belong -- */

#define NOTIFY_HELLO "93 02 aa6e6f64652e68656c6c6f 90"
#define CALL_EARLY "94 00 03 a8746172656173 2e78 90"

static const struct {
	const char *before; /* a good frame, or NULL */
	const char *hex;
	bool answer; /* it has a msgid: denied */
} to_server[] = {
	{ NULL, VECTOR_AUTH, true }, /* hello is missing */
	{ NULL, VECTOR_WELCOME, false },
	{ NULL, VECTOR_PROOF, false },
	{ NULL, VECTOR_DENIED, false },
	{ NULL, VECTOR_PING, true },
	{ NULL, VECTOR_LIST, true },
	{ NULL, VECTOR_CAST, false },
	{ NULL, VECTOR_NODE_ERROR, false },
	{ NULL, NOTIFY_HELLO, false },
	{ NULL, CALL_EARLY, true },
	{ NULL, "94 00 01 a0 90", true },
	{ NULL, "94 00 01 ab6e6f64652e68656c6c6f21 90", true },
	{ NULL, HEAD "c0", true },
	{ NULL, "94 00 09 aa6e6f64652e68656c6c6f 90", true },
	{ NULL, "94 00 09 aa6e6f64652e68656c6c6f 92 80 80", true },
	{ VECTOR_HELLO, VECTOR_HELLO, true }, /* a second hello */
	{ VECTOR_HELLO, VECTOR_WELCOME, false },
	{ VECTOR_HELLO, VECTOR_PROOF, false },
	{ VECTOR_HELLO, VECTOR_PING, true },
	{ VECTOR_HELLO, VECTOR_CALL, true },
	{ VECTOR_HELLO, VECTOR_CAST, false },
	{ VECTOR_HELLO, "94 00 02 a96e6f64652e61757468 90", true },
	{ VECTOR_HELLO, "94 00 02 a96e6f64652e61757468 91 a0", true },
	{ VECTOR_HELLO, "94 00 02 a96e6f64652e61757468 91 c0", true },
	{ VECTOR_HELLO, "94 00 02 a96e6f64652e61757468 91 c3", true },
	{ VECTOR_HELLO, "94 00 02 a96e6f64652e61757468 92 a0 a0", true },
	{ VECTOR_HELLO, "93 02 a96e6f64652e61757468 91 a0", false },
};

START_TEST(server_denies_what_it_did_not_expect)
{
	struct pair p;
	struct rpc m;
	struct buf b = hex_buf(to_server[_i].hex);

	pair_init(&p, VECTOR_COOKIE, VECTOR_COOKIE);
	if (to_server[_i].before != NULL)
		feed_hex(&p.server, to_server[_i].before, &p.to_client);
	ck_assert(feed(&p.server, buf_bytes(&b), &p.to_client));
	ck_assert_int_eq(p.server.state, HANDSHAKE_FAILED);
	ck_assert_int_eq(rpc_decode(buf_bytes(&b), &m), E_OK);
	if (to_server[_i].answer)
		ck_assert_int_eq(answered(&p.to_client, m.msgid), E_DENIED);
	else
		ck_assert_uint_eq(buf_len(&p.to_client), 0);
	buf_release(&b);
	pair_release(&p);
}
END_TEST

/* What is right in a message of another kind or name is not right. */
START_TEST(right_words_in_the_wrong_message_are_denied)
{
	const char *frames[] = { VECTOR_HELLO, VECTOR_AUTH };

	for (int i = 0; i < 4; i++) {
		struct buf good = hex_buf(frames[i / 2]), bad;
		struct pair p;
		struct rpc m;

		pair_init(&p, VECTOR_COOKIE, VECTOR_COOKIE);
		buf_init(&bad);
		if (i / 2 == 1)
			feed_hex(&p.server, VECTOR_HELLO, &p.to_client);
		ck_assert_int_eq(rpc_decode(buf_bytes(&good), &m), E_OK);
		if (i % 2 == 0)
			rpc_write_notify(&bad, m.method, m.params);
		else
			rpc_write_request(&bad, m.msgid, slice_of("node.ping"),
			    m.params);
		ck_assert(feed(&p.server, buf_bytes(&bad), &p.to_client));
		ck_assert_int_eq(p.server.failure, HANDSHAKE_UNEXPECTED);
		buf_release(&bad);
		buf_release(&good);
		pair_release(&p);
	}
}
END_TEST

#define W_HEAD "94 01 01 c0 "
#define W_VERSION "a776657273696f6e "

static const struct {
	const char *before;
	const char *hex;
	enum handshake_failure why;
} to_client[] = {
	{ NULL, VECTOR_PROOF, HANDSHAKE_UNEXPECTED }, /* welcome is missing */
	{ NULL, VECTOR_HELLO, HANDSHAKE_UNEXPECTED },
	{ NULL, VECTOR_PING, HANDSHAKE_UNEXPECTED },
	{ NULL, VECTOR_NODE_ERROR, HANDSHAKE_UNEXPECTED },
	{ NULL, VECTOR_DENIED,
	    HANDSHAKE_UNEXPECTED }, /* not the hello's msgid */
	{ NULL, "94 01 01 92 a664656e696564 a0 c0", HANDSHAKE_REFUSED },
	{ NULL, "94 01 01 92 a6626164617267 a0 c0", HANDSHAKE_UNEXPECTED },
	{ NULL, "94 01 01 c2 c0", HANDSHAKE_UNEXPECTED },
	{ NULL, "94 01 01 c0 c0", HANDSHAKE_UNEXPECTED },
	{ NULL, "94 01 01 c0 80", HANDSHAKE_UNEXPECTED },
	{ NULL, W_HEAD "82" NONCE NODE, HANDSHAKE_UNEXPECTED },
	{ NULL, W_HEAD "82" W_VERSION "01" NODE, HANDSHAKE_UNEXPECTED },
	{ NULL, W_HEAD "82" W_VERSION "01" NONCE, HANDSHAKE_UNEXPECTED },
	{ NULL, W_HEAD "83" W_VERSION "02" NONCE NODE, HANDSHAKE_UNEXPECTED },
	{ NULL, W_HEAD "83" W_VERSION "00" NONCE NODE, HANDSHAKE_UNEXPECTED },
	{ NULL, W_HEAD "83" W_VERSION "c0" NONCE NODE, HANDSHAKE_UNEXPECTED },
	{ NULL, W_HEAD "83" W_VERSION "cf0000000100000001" NONCE NODE,
	    HANDSHAKE_UNEXPECTED },
	{ NULL, W_HEAD "83" W_VERSION "01" NONCE NODE_KEY "a161 0a",
	    HANDSHAKE_UNEXPECTED },
	{ NULL, W_HEAD "83" W_VERSION "01" NONCE NODE_KEY "a1 0a",
	    HANDSHAKE_UNEXPECTED },
	{ NULL, W_HEAD "83" W_VERSION "01" NONCE NODE_KEY "a0",
	    HANDSHAKE_UNEXPECTED },
	{ NULL, W_HEAD "84" W_VERSION "01" NONCE NODE "01 01",
	    HANDSHAKE_UNEXPECTED },
	{ NULL, W_HEAD "84" W_VERSION "01" NONCE NODE "a178 d40100",
	    HANDSHAKE_UNEXPECTED },
	{ VECTOR_WELCOME, VECTOR_WELCOME, HANDSHAKE_UNEXPECTED }, /* replayed */
	{ VECTOR_WELCOME, VECTOR_HELLO, HANDSHAKE_UNEXPECTED },
	{ VECTOR_WELCOME, VECTOR_PING, HANDSHAKE_UNEXPECTED },
	{ VECTOR_WELCOME, VECTOR_ANSWER, HANDSHAKE_UNEXPECTED },
	{ VECTOR_WELCOME, VECTOR_DENIED, HANDSHAKE_REFUSED },
	{ VECTOR_WELCOME, "94 01 02 c0 c0", HANDSHAKE_WRONG_PROOF },
	{ VECTOR_WELCOME, "94 01 02 c0 c3", HANDSHAKE_WRONG_PROOF },
	{ VECTOR_WELCOME, "94 01 02 c0 a0", HANDSHAKE_WRONG_PROOF },
};

START_TEST(client_leaves_what_it_did_not_expect)
{
	struct pair p;

	pair_init(&p, VECTOR_COOKIE, VECTOR_COOKIE);
	say_hello(&p);
	if (to_client[_i].before != NULL)
		feed_hex(&p.client, to_client[_i].before, &p.to_server);
	buf_clear(&p.to_server);
	if (feed_hex(&p.client, to_client[_i].hex, &p.to_server)) {
		ck_assert_int_eq(p.client.state, HANDSHAKE_FAILED);
		ck_assert_int_eq(p.client.failure, to_client[_i].why);
	}
	ck_assert_uint_eq(buf_len(&p.to_server), 0);
	ck_assert_int_ne(p.client.state, HANDSHAKE_DONE);
	pair_release(&p);
}
END_TEST

START_TEST(client_ignores_what_a_later_server_adds)
{
	struct pair p;

	pair_init(&p, VECTOR_COOKIE, VECTOR_COOKIE);
	say_hello(&p);
	feed_hex(&p.client,
	    W_HEAD "85" W_VERSION "01" NONCE NODE "a178 93 01 02 80 a179 c0",
	    &p.to_server);
	ck_assert_int_eq(p.client.state, HANDSHAKE_PROOF);
	pair_release(&p);
}
END_TEST

/* -- replays: a proof is good for its own nonces and names only -- */

START_TEST(recorded_proof_is_worth_nothing_to_another_server)
{
	struct pair p;

	pair_init(&p, VECTOR_COOKIE, VECTOR_COOKIE);
	init_end(&p.server, HANDSHAKE_SERVER, VECTOR_COOKIE, VECTOR_NONCE_C,
	    VECTOR_NODE_S);
	feed_hex(&p.server, VECTOR_HELLO, &p.to_client);
	feed_hex(&p.server, VECTOR_AUTH, &p.to_client);
	ck_assert_int_eq(p.server.failure, HANDSHAKE_WRONG_PROOF);
	pair_release(&p);
}
END_TEST

START_TEST(recorded_answers_are_worth_nothing_to_another_client)
{
	struct pair p;

	pair_init(&p, VECTOR_COOKIE, VECTOR_COOKIE);
	init_end(&p.client, HANDSHAKE_CLIENT, VECTOR_COOKIE, VECTOR_NONCE_S,
	    VECTOR_NODE_C);
	say_hello(&p);
	feed_hex(&p.client, VECTOR_WELCOME, &p.to_server);
	feed_hex(&p.client, VECTOR_PROOF, &p.to_server);
	ck_assert_int_eq(p.client.failure, HANDSHAKE_WRONG_PROOF);
	pair_release(&p);
}
END_TEST

/* Fields that run into each other would make two transcripts one. */
START_TEST(a_byte_moved_between_names_changes_the_proof)
{
	struct pair p;

	pair_init(&p, VECTOR_COOKIE, VECTOR_COOKIE);
	init_end(&p.server, HANDSHAKE_SERVER, VECTOR_COOKIE, VECTOR_NONCE_S,
	    "n");
	hex_add(&p.to_server, HEAD "84" BASE USER_KEY "a3616e61");
	feed(&p.server, buf_bytes(&p.to_server), &p.to_client);
	feed_hex(&p.server, VECTOR_AUTH, &p.to_client);
	ck_assert_int_eq(p.server.failure, HANDSHAKE_WRONG_PROOF);
	pair_release(&p);
}
END_TEST

/* -- mutations: one bit, or a cut, anywhere in any of the four frames -- */

static bool
same_transcript(const struct handshake *c, const struct handshake *s)
{
	return strcmp(c->versions, s->versions) == 0 &&
	    c->version == s->version && strcmp(c->nonce, s->nonce_peer) == 0 &&
	    strcmp(c->nonce_peer, s->nonce) == 0 &&
	    strcmp(c->node.text, s->node_peer.text) == 0 &&
	    strcmp(c->node_peer.text, s->node.text) == 0 &&
	    strcmp(c->user.text, s->user.text) == 0;
}

/* Changes bit `bit`, or cuts at -bit - 1 when it is negative. */
static void
mutate(struct buf *b, long bit)
{
	if (bit < 0)
		buf_truncate(b, (size_t)(-bit - 1));
	else
		b->bytes[b->start + (size_t)bit / 8] ^=
		    (uint8_t)(1u << bit % 8);
}

/* Runs the handshake with frame number `which` of the four mutated. */
static void
run_mutated(struct pair *p, int which, long bit)
{
	pair_init(p, VECTOR_COOKIE, VECTOR_COOKIE);
	say_hello(p);
	for (int i = 0; i < 4; i++) {
		bool up = i % 2 == 0;
		struct buf *from = up ? &p->to_server : &p->to_client;
		struct buf *to = up ? &p->to_client : &p->to_server;
		struct handshake *h = up ? &p->server : &p->client;

		if (i == which)
			mutate(from, bit);
		if (buf_len(from) == 0 || is_over(h))
			return;
		buf_clear(to);
		feed(h, buf_bytes(from), to);
	}
}

static void
assert_mutated(int which, long bit)
{
	struct pair p;
	bool c, s;

	run_mutated(&p, which, bit);
	c = p.client.state == HANDSHAKE_DONE;
	s = p.server.state == HANDSHAKE_DONE;
	/* The server is first: only its last frame can be lost to us. */
	if ((c && !s) || (s && !c && which < 2))
		ck_abort_msg("frame %d, bit %ld: one is in", which, bit);
	if ((c || s) && !same_transcript(&p.client, &p.server))
		ck_abort_msg("frame %d, bit %ld: two transcripts", which, bit);
	pair_release(&p);
}

static size_t
frame_len(int which)
{
	static const char *const frames[] = { VECTOR_HELLO, VECTOR_WELCOME,
		VECTOR_AUTH, VECTOR_PROOF };

	return strlen(frames[which]) / 2;
}

START_TEST(no_flipped_bit_lets_two_different_transcripts_in)
{
	for (size_t bit = 0; bit < 8 * frame_len(_i); bit++)
		assert_mutated(_i, (long)bit);
}
END_TEST

START_TEST(no_cut_frame_lets_anybody_in)
{
	for (long len = 0; len < (long)frame_len(_i); len++) {
		struct pair p;

		run_mutated(&p, _i, -len - 1);
		ck_assert_int_ne(p.client.state, HANDSHAKE_DONE);
		if (_i < 3)
			ck_assert_int_ne(p.server.state, HANDSHAKE_DONE);
		pair_release(&p);
	}
}
END_TEST

static void
add_good_tests(Suite *s)
{
	TCase *t = tcase_create("who gets in");

	tcase_add_test(t, who_knows_the_cookie_gets_in);
	tcase_add_test(t, fixed_nonces_give_the_bytes_of_the_vector);
	tcase_add_test(t, client_without_user_or_ping_gets_in);
	tcase_add_test(t, release_overwrites_the_key);
	tcase_add_loop_test(t, good_hello_is_welcomed, 0, COUNT(hellos));
	tcase_add_loop_test(t, own_node_must_be_a_name, 0, COUNT(names));
	tcase_add_loop_test(t, own_user_must_be_a_name_or_nothing, 0,
	    COUNT(names));
	tcase_add_test(t, longest_names_fit);
	tcase_add_test(t, node_of_128_bytes_is_heard_and_of_129_is_not);
	tcase_add_test(t, client_ignores_what_a_later_server_adds);
	suite_add_tcase(s, t);
}

static void
add_bad_tests(Suite *s)
{
	TCase *t = tcase_create("who does not");

	tcase_add_loop_test(t, wrong_cookie_is_denied_by_the_server, 0,
	    COUNT(cookies));
	tcase_add_test(t, client_refuses_a_server_with_the_wrong_proof);
	tcase_add_test(t, client_refuses_its_own_proof_sent_back);
	tcase_add_test(t, every_bit_of_the_clients_proof_counts);
	tcase_add_test(t, every_bit_of_the_servers_proof_counts);
	tcase_add_loop_test(t, bad_hello_is_answered_once_and_over, 0,
	    COUNT(bad_hellos));
	tcase_add_test(t, denied_answers_are_the_same_bytes_for_every_cause);
	tcase_add_loop_test(t, server_denies_what_it_did_not_expect, 0,
	    COUNT(to_server));
	tcase_add_test(t, right_words_in_the_wrong_message_are_denied);
	tcase_add_loop_test(t, client_leaves_what_it_did_not_expect, 0,
	    COUNT(to_client));
	tcase_add_test(t, recorded_proof_is_worth_nothing_to_another_server);
	tcase_add_test(t, recorded_answers_are_worth_nothing_to_another_client);
	tcase_add_test(t, a_byte_moved_between_names_changes_the_proof);
	suite_add_tcase(s, t);
}

static void
add_mutation_tests(Suite *s)
{
	TCase *t = tcase_create("mutations");

	tcase_add_loop_test(t, no_flipped_bit_lets_two_different_transcripts_in,
	    0, 4);
	tcase_add_loop_test(t, no_cut_frame_lets_anybody_in, 0, 4);
	suite_add_tcase(s, t);
}

int
main(void)
{
	Suite *s = suite_create("handshake");
	SRunner *runner;
	int failed;

	add_good_tests(s);
	add_bad_tests(s);
	add_mutation_tests(s);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

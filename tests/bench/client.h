/*
 * A connection that does one thing after the other and waits for each: what
 * comes before and after a measured time. Whatever goes wrong, it dies.
 */
#ifndef TESTS_BENCH_CLIENT_H
#define TESTS_BENCH_CLIENT_H

#include <stdbool.h>
#include <sys/time.h>

#include <sodium.h>

#include "common/cookie.h"
#include "proto/handshake.h"
#include "proto/rpc.h"
#include "proto/term.h"
#include "tests/bench/bench.h"

enum {
	CLIENT_READ_BYTES = 64 * 1024,
	CLIENT_PATIENCE_S = 5, /* without any answer: the server is stuck */
};

struct client {
	int fd; /* blocking */
	struct buf in; /* the last message */
	struct buf out;
};

/* Connects to a port of this machine. */
static inline void
client_connect(struct client *c, uint16_t port)
{
	static const struct timeval patience = { .tv_sec = CLIENT_PATIENCE_S };
	struct sockaddr_in to = loopback(port);

	buf_init(&c->in);
	buf_init(&c->out);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 ||
	    connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
	    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		sizeof(patience)) != 0)
		die("cannot connect to port %u: %s", port, strerror(errno));
	set_nodelay(c->fd);
}

static inline void
client_close(struct client *c)
{
	close(c->fd);
	buf_release(&c->in);
	buf_release(&c->out);
}

/* Says what is wrong with bytes that are not the answer we wait for. */
static inline _Noreturn void
client_complain(struct slice bytes)
{
	struct slice text = slice_of("");
	struct term_check check;
	struct rpc m;
	enum err e;

	term_check_init(&check, LIMIT_FRAME);
	if (term_check(&check, bytes) != TERM_WHOLE ||
	    rpc_decode(slice_bytes(bytes.bytes, check.pos), &m) != E_OK)
		die("an answer that is no message");
	if (m.kind != RPC_RESPONSE)
		die("the server says %.*s", (int)m.method.len,
		    (const char *)m.method.bytes);
	e = rpc_read_error(m.error, &text);
	if (e != E_OK)
		die("an answer is an error, %s: %.*s", err_word(e),
		    (int)text.len, (const char *)text.bytes);
	die("another answer than the expected one, msgid %u", m.msgid);
}

static inline void
client_send(struct client *c)
{
	while (buf_len(&c->out) > 0) {
		struct slice out = buf_bytes(&c->out);
		ssize_t n = send(c->fd, out.bytes, out.len, MSG_NOSIGNAL);

		if (n < 0)
			die("cannot send: %s", strerror(errno));
		buf_consume(&c->out, (size_t)n);
	}
}

/* The next message, borrowed until the next call. True: it is clean. */
static inline bool
client_receive(struct client *c, struct rpc *m)
{
	struct term_check check;
	enum term_verdict v;

	buf_clear(&c->in);
	term_check_init(&check, LIMIT_FRAME);
	while ((v = term_check(&check, buf_bytes(&c->in))) == TERM_MORE) {
		uint8_t *room = buf_room(&c->in, CLIENT_READ_BYTES);
		ssize_t n = recv(c->fd, room, CLIENT_READ_BYTES, 0);

		if (n <= 0)
			die("no answer: %s",
			    n == 0 ? "closed" : strerror(errno));
		buf_grew(&c->in, (size_t)n);
	}
	if (v != TERM_WHOLE || check.pos != buf_len(&c->in) ||
	    rpc_decode(buf_bytes(&c->in), m) != E_OK)
		die("not the one message that was to come");
	return check.clean;
}

/* Calls and waits. The result is borrowed until the next call. */
static inline struct slice
client_ask(struct client *c, const char *method, const struct buf *params)
{
	struct rpc m;

	rpc_write_request(&c->out, 1, slice_of(method), buf_bytes(params));
	client_send(c);
	if (!client_receive(c, &m) || m.kind != RPC_RESPONSE || m.msgid != 1 ||
	    rpc_read_error(m.error, NULL) != E_OK)
		client_complain(buf_bytes(&c->in));
	return m.result;
}

/* Reads the cookie of a file (NULL: the default one). */
static inline void
client_cookie(const char *file, struct cookie *cookie)
{
	struct cookie_fault fault;
	char *path = cookie_path(file);

	if (cookie_read(path, cookie, &fault) != COOKIE_OK)
		die("%s", cookie_explain(&fault, path));
	free(path);
}

/* Proves the cookie, and has it proved; as a user. */
static inline void
client_shake_hands(struct client *c, const struct cookie *cookie,
    const char *user)
{
	enum handshake_state state = HANDSHAKE_WELCOME;
	uint8_t nonce[HANDSHAKE_NONCE_BYTES];
	struct handshake h;

	randombytes_buf(nonce, sizeof(nonce));
	if (handshake_init(&h, HANDSHAKE_CLIENT, cookie_bytes(cookie), nonce,
		slice_of("load@localhost")) != E_OK ||
	    handshake_hello(&h, slice_of(user), false, &c->out) != E_OK)
		abort();
	while (state != HANDSHAKE_DONE) {
		struct rpc m;
		bool clean;

		client_send(c);
		clean = client_receive(c, &m);
		state = handshake_feed(&h, &m, clean, &c->out);
		if (state == HANDSHAKE_FAILED)
			die("the handshake failed");
	}
	handshake_release(&h);
}

#endif

/*
 * Redis' protocol, RESP, as far as the bench speaks it: commands are arrays
 * of bulk strings, and whoever waits for one answer at a time.
 */
#ifndef TESTS_BENCH_RESP_H
#define TESTS_BENCH_RESP_H

#include "tests/bench/client.h"

/* Appends the head of a command of n words; resp_bulk() appends each. */
static inline void
resp_command(struct buf *b, unsigned n)
{
	char head[16];
	int len = snprintf(head, sizeof(head), "*%u\r\n", n);

	buf_add(b, slice_bytes(head, (size_t)len));
}

static inline void
resp_bulk(struct buf *b, struct slice text)
{
	char head[16];
	int len = snprintf(head, sizeof(head), "$%zu\r\n", text.len);

	buf_add(b, slice_bytes(head, (size_t)len));
	buf_add(b, text);
	buf_add(b, slice_of("\r\n"));
}

/* Receives exactly the bytes expected; anything else dies. */
static inline void
resp_expect(struct client *c, struct slice expected)
{
	buf_clear(&c->in);
	while (buf_len(&c->in) < expected.len) {
		size_t missing = expected.len - buf_len(&c->in);
		ssize_t n = recv(c->fd, buf_room(&c->in, missing), missing, 0);

		if (n <= 0)
			die("no answer: %s",
			    n == 0 ? "closed" : strerror(errno));
		buf_grew(&c->in, (size_t)n);
		if (memcmp(buf_bytes(&c->in).bytes, expected.bytes,
			buf_len(&c->in)) != 0)
			die("Redis says %.*s", (int)buf_len(&c->in),
			    (const char *)buf_bytes(&c->in).bytes);
	}
}

/* Sends what is in c->out; the answer has to be that number. */
static inline void
resp_ask_number(struct client *c, uint64_t expected)
{
	char text[24];
	int len = snprintf(text, sizeof(text), ":%llu\r\n",
	    (unsigned long long)expected);

	client_send(c);
	resp_expect(c, slice_bytes(text, (size_t)len));
}

/* Reads ":NUMBER\r\n" at the start of bytes. Returns how long it is, 0 when
 * it is not all there, or dies. */
static inline size_t
resp_read_number(struct slice bytes, uint64_t *out)
{
	size_t i = 1;

	if (bytes.bytes[0] != ':')
		die("Redis says %.*s", (int)bytes.len,
		    (const char *)bytes.bytes);
	for (*out = 0; i < bytes.len && bytes.bytes[i] != '\r'; i++)
		*out = *out * 10 + (uint64_t)(bytes.bytes[i] - '0');
	return i + 2 <= bytes.len ? i + 2 : 0;
}

#endif

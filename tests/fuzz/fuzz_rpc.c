/*
 * The message decoder on any bytes, checked or not: it stays inside, and a
 * sound message written again is the same value.
 */
#include "tests/lib/bytes.h"

static void
look_at(const struct rpc *m)
{
	struct slice process, operation, text;

	if (m->kind == RPC_RESPONSE) {
		enum err e = rpc_read_error(m->error, &text);

		assert(e != E_OK || slice_is(m->error, "\xc0"));
		return;
	}
	assert(m->method.len <= LIMIT_METHOD_BYTES);
	if (rpc_split(m->method, &process, &operation) == E_OK)
		assert(process.len + 1 + operation.len == m->method.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice frame = exact_copy(slice_bytes(data, size));
	struct term_check c;
	struct buf again;
	struct rpc m, whole;

	buf_init(&again);
	term_check_init(&c, LIMIT_FRAME);
	if (rpc_decode(frame, &m) == E_OK) {
		look_at(&m);
		if (term_check(&c, frame) == TERM_WHOLE) {
			assert(c.pos == frame.len);
			assert(rpc_decode_whole(frame, &whole) == E_OK);
			assert(slice_equal(m.params, whole.params));
			assert(slice_equal(m.result, whole.result));
			rewrite(&again, &m);
			assert(same_value(frame, buf_bytes(&again)));
		}
	}
	buf_release(&again);
	exact_free(frame);
	return 0;
}

#include "proto/rpc.h"

#include <string.h>

#include "proto/limits.h"
#include "proto/term.h"

static enum err
read_msgid(struct term_reader *r, uint32_t *msgid)
{
	uint64_t v;

	if (term_read_uint(r, &v) != E_OK || v > UINT32_MAX)
		return E_MALFORMED;
	*msgid = (uint32_t)v;
	return E_OK;
}

/* The last value of a frame. Of a whole one it is what remains. */
static enum err
read_last(struct term_reader *r, bool whole, struct slice *out)
{
	if (!whole)
		return term_skip(r, out);
	*out = slice_bytes(r->at, (size_t)(r->end - r->at));
	r->at = r->end;
	return E_OK;
}

static enum err
read_method(struct term_reader *r, bool whole, struct rpc *out)
{
	enum term_kind kind;

	if (term_read_str(r, &out->method) != E_OK ||
	    out->method.len > LIMIT_METHOD_BYTES)
		return E_MALFORMED;
	if (term_peek(r, &kind) != E_OK || kind != TERM_ARRAY)
		return E_MALFORMED;
	return read_last(r, whole, &out->params) == E_OK ? E_OK : E_MALFORMED;
}

static enum err
read_response(struct term_reader *r, bool whole, struct rpc *out)
{
	if (read_msgid(r, &out->msgid) != E_OK ||
	    term_skip(r, &out->error) != E_OK ||
	    read_last(r, whole, &out->result) != E_OK)
		return E_MALFORMED;
	return E_OK;
}

static enum err
read_request(struct term_reader *r, bool whole, struct rpc *out)
{
	if (read_msgid(r, &out->msgid) != E_OK)
		return E_MALFORMED;
	return read_method(r, whole, out);
}

/* What follows the kind. */
static enum err
read_rest(struct term_reader *r, bool whole, struct rpc *out)
{
	if (out->kind == RPC_REQUEST)
		return read_request(r, whole, out);
	if (out->kind == RPC_RESPONSE)
		return read_response(r, whole, out);
	return read_method(r, whole, out);
}

static enum err
decode(struct slice frame, bool whole, struct rpc *out)
{
	struct term_reader r;
	uint32_t n;
	uint64_t kind;

	term_reader_init(&r, frame);
	if (term_read_array(&r, &n) != E_OK ||
	    term_read_uint(&r, &kind) != E_OK)
		return E_MALFORMED;
	if (kind > RPC_NOTIFY || n != (kind == RPC_NOTIFY ? 3 : 4))
		return E_MALFORMED;
	*out = (struct rpc){ .kind = (enum rpc_kind)kind };
	if (read_rest(&r, whole, out) != E_OK || term_end(&r) != E_OK)
		return E_MALFORMED;
	return E_OK;
}

enum err
rpc_decode(struct slice frame, struct rpc *out)
{
	return decode(frame, false, out);
}

enum err
rpc_decode_whole(struct slice frame, struct rpc *out)
{
	return decode(frame, true, out);
}

enum err
rpc_split(struct slice method, struct slice *process, struct slice *operation)
{
	const uint8_t *dot =
	    method.len > 0 ? memrchr(method.bytes, '.', method.len) : NULL;
	size_t len = dot != NULL ? (size_t)(dot - method.bytes) : 0;

	if (len == 0 || len == method.len - 1)
		return E_UNDEF;
	*process = slice_bytes(method.bytes, len);
	*operation = slice_bytes(dot + 1, method.len - len - 1);
	return E_OK;
}

enum err
rpc_read_error(struct slice error, struct slice *text)
{
	struct term_reader r;
	struct slice word, said;
	uint32_t n;

	if (text != NULL)
		*text = slice_bytes(NULL, 0);
	term_reader_init(&r, error);
	if (term_read_nil(&r) == E_OK)
		return E_OK;
	if (term_read_array(&r, &n) != E_OK || n != 2 ||
	    term_read_str(&r, &word) != E_OK ||
	    term_read_str(&r, &said) != E_OK)
		return E_MALFORMED;
	if (text != NULL)
		*text = said;
	return err_from_word(word) == E_OK ? E_MALFORMED : err_from_word(word);
}

struct slice
rpc_params(struct slice body)
{
	static const uint8_t none[] = { 0x90 };

	return body.len > 0 ? body : slice_bytes(none, sizeof(none));
}

void
rpc_write_request(struct buf *b, uint32_t msgid, struct slice method,
    struct slice params)
{
	term_write_array(b, 4);
	term_write_uint(b, RPC_REQUEST);
	term_write_uint(b, msgid);
	term_write_str(b, method);
	term_write_raw(b, params);
}

void
rpc_write_notify(struct buf *b, struct slice method, struct slice params)
{
	term_write_array(b, 3);
	term_write_uint(b, RPC_NOTIFY);
	term_write_str(b, method);
	term_write_raw(b, params);
}

static void
write_response_head(struct buf *b, uint32_t msgid)
{
	term_write_array(b, 4);
	term_write_uint(b, RPC_RESPONSE);
	term_write_uint(b, msgid);
}

/* The shortest form, as term_write_uint() has it. Returns its end. */
static uint8_t *
put_msgid(uint8_t *p, uint32_t msgid)
{
	unsigned bytes = msgid <= 0xff ? 1 : msgid <= 0xffff ? 2 : 4;

	if (msgid < 0x80) {
		*p = (uint8_t)msgid;
		return p + 1;
	}
	*p++ = bytes == 1 ? 0xcc : bytes == 2 ? 0xcd : 0xce;
	while (bytes-- > 0)
		*p++ = (uint8_t)(msgid >> 8 * bytes);
	return p;
}

/* What stands before a result: array, kind, msgid, nil. Returns its end. */
static uint8_t *
put_result_head(uint8_t *p, uint32_t msgid)
{
	*p++ = 0x94;
	*p++ = RPC_RESPONSE;
	p = put_msgid(p, msgid);
	*p++ = 0xc0;
	return p;
}

void
rpc_write_result(struct buf *b, uint32_t msgid, struct slice result)
{
	uint8_t *start = buf_room(b, RPC_RESULT_HEAD + result.len);
	uint8_t *p = put_result_head(start, msgid);

	if (result.len > 0)
		memcpy(p, result.bytes, result.len);
	buf_grew(b, (size_t)(p - start) + result.len);
}

bool
rpc_wrap_result(struct buf *b, uint32_t msgid)
{
	uint8_t head[RPC_RESULT_HEAD];
	size_t len = (size_t)(put_result_head(head, msgid) - head);
	uint8_t *p = buf_before(b, len);

	if (p != NULL)
		memcpy(p, head, len);
	return p != NULL;
}

static void
write_word_and_text(struct buf *b, enum err e, const char *text)
{
	term_write_array(b, 2);
	term_write_cstr(b, err_word(e));
	term_write_cstr(b, text != NULL ? text : err_text(e));
}

void
rpc_write_error(struct buf *b, uint32_t msgid, enum err e, const char *text)
{
	write_response_head(b, msgid);
	write_word_and_text(b, e, text);
	term_write_nil(b);
}

void
rpc_write_node_error(struct buf *b, enum err e, const char *text)
{
	term_write_array(b, 3);
	term_write_uint(b, RPC_NOTIFY);
	term_write_cstr(b, "node.error");
	write_word_and_text(b, e, text);
}

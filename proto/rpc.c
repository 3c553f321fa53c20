#include "proto/rpc.h"

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

static enum err
read_method(struct term_reader *r, struct rpc *out)
{
	enum term_kind kind;

	if (term_read_str(r, &out->method) != E_OK ||
	    out->method.len > LIMIT_METHOD_BYTES)
		return E_MALFORMED;
	if (term_peek(r, &kind) != E_OK || kind != TERM_ARRAY)
		return E_MALFORMED;
	return term_skip(r, &out->params) == E_OK ? E_OK : E_MALFORMED;
}

static enum err
read_response(struct term_reader *r, struct rpc *out)
{
	if (read_msgid(r, &out->msgid) != E_OK ||
	    term_skip(r, &out->error) != E_OK ||
	    term_skip(r, &out->result) != E_OK)
		return E_MALFORMED;
	return E_OK;
}

static enum err
read_request(struct term_reader *r, struct rpc *out)
{
	if (read_msgid(r, &out->msgid) != E_OK)
		return E_MALFORMED;
	return read_method(r, out);
}

/* What follows the kind. */
static enum err
read_rest(struct term_reader *r, struct rpc *out)
{
	if (out->kind == RPC_REQUEST)
		return read_request(r, out);
	if (out->kind == RPC_RESPONSE)
		return read_response(r, out);
	return read_method(r, out);
}

enum err
rpc_decode(struct slice frame, struct rpc *out)
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
	if (read_rest(&r, out) != E_OK || term_end(&r) != E_OK)
		return E_MALFORMED;
	return E_OK;
}

enum err
rpc_split(struct slice method, struct slice *process, struct slice *operation)
{
	size_t after = method.len; /* the last dot */

	while (after > 0 && method.bytes[after - 1] != '.')
		after--;
	if (after <= 1 || after == method.len)
		return E_UNDEF;
	*process = slice_bytes(method.bytes, after - 1);
	*operation = slice_bytes(method.bytes + after, method.len - after);
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

void
rpc_write_result(struct buf *b, uint32_t msgid, struct slice result)
{
	write_response_head(b, msgid);
	term_write_nil(b);
	term_write_raw(b, result);
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

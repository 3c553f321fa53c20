/*
 * MessagePack-RPC messages, which are the frames of our wire:
 *
 *   request       [0, msgid, method, params]
 *   response      [1, msgid, error, result]
 *   notification  [2, method, params]
 *
 * method is "<process>.<operation>", params an array, error nil or
 * [word, text]. Source: github.com/msgpack-rpc/msgpack-rpc, spec.md.
 */
#ifndef PROTO_RPC_H
#define PROTO_RPC_H

#include <stdbool.h>

#include "proto/blob.h"
#include "proto/buf.h"
#include "proto/err.h"

enum rpc_kind {
	RPC_REQUEST = 0,
	RPC_RESPONSE = 1,
	RPC_NOTIFY = 2,
};

/* One decoded message; all slices are borrowed from the frame. */
struct rpc {
	enum rpc_kind kind;
	uint32_t msgid; /* request and response */
	struct slice method; /* request and notification: the characters */
	struct slice params; /* request and notification: a whole array */
	struct slice error; /* response: a whole value */
	struct slice result; /* response: a whole value */
};

/*
 * Decodes a frame: exactly the bytes that the checker found whole. What a
 * kind does not have is empty or 0. E_MALFORMED when it is no MessagePack-RPC
 * message or its method is over LIMIT_METHOD_BYTES; *out is then unspecified.
 * Unclean bytes still decode: the caller knows the checker's word for them.
 */
enum err rpc_decode(struct slice frame, struct rpc *out);

/*
 * The same, of a frame for which term_check() said TERM_WHOLE and pos: its
 * last value is not walked again, for it ends where the frame does.
 */
enum err rpc_decode_whole(struct slice frame, struct rpc *out);

/*
 * Splits a method at its last dot. E_UNDEF when it has none or a part is
 * empty; the outputs are then unchanged. Both are borrowed from method.
 */
enum err rpc_split(struct slice method, struct slice *process,
    struct slice *operation);

/*
 * Reads the error of a response: E_OK for nil, E_MALFORMED for what is
 * neither nil nor [word, text]. *text (may be NULL) is borrowed and empty
 * when there is none. The error of a foreign server may be any value.
 */
enum err rpc_read_error(struct slice error, struct slice *text);

/* params, or an empty array where there are none: len 0. Borrowed. */
struct slice rpc_params(struct slice params);

/* Each appends one message. params and result are whole values. */
void rpc_write_request(struct buf *b, uint32_t msgid, struct slice method,
    struct slice params);
void rpc_write_notify(struct buf *b, struct slice method, struct slice params);
void rpc_write_result(struct buf *b, uint32_t msgid, struct slice result);

/*
 * The same around a result that b holds, and nothing else. False, and b is
 * unchanged, when it has no room for that before: see buf_clear_behind().
 */
enum { RPC_RESULT_HEAD = 8 };
bool rpc_wrap_result(struct buf *b, uint32_t msgid);

/* text may be NULL: then the sentence of the error table. */
void rpc_write_error(struct buf *b, uint32_t msgid, enum err e,
    const char *text);

/* [2, "node.error", [word, text]]: what a closing side says last. */
void rpc_write_node_error(struct buf *b, enum err e, const char *text);

#endif

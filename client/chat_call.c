#include "client/chat_call.h"

#include <stdio.h>

#include "proto/term.h"

enum err
chat_call(const struct client *c, const char *operation,
    const struct slice *room, uint64_t cuantas, struct buf *answer)
{
	struct buf params;
	char method[64];
	enum err e = E_UNREACHABLE;

	snprintf(method, sizeof(method), "chat.%s", operation);
	buf_init(&params);
	term_write_array(&params, (room != NULL ? 1u : 0u) + (cuantas != 0));
	if (room != NULL)
		term_write_str(&params, *room);
	if (cuantas != 0) {
		term_write_map(&params, 1);
		term_write_cstr(&params, "cuantas");
		term_write_uint(&params, cuantas);
	}
	if (conn_is_up(c->node, c->conn))
		e = gs_call_wait(c->node, conn_peer(c->node, c->conn),
		    slice_of(method), buf_bytes(&params),
		    c->settings->timeout_ms, answer);
	buf_release(&params);
	return e;
}

#include "server/request.h"

#include "common/lang.h"
#include "common/peer.h"
#include "proto/limits.h"

struct slice
request_user(struct node *n, const struct message *m)
{
	struct proc *p = node_find(n, m->from.pid);
	struct link *l = p != NULL && peer_is(p) ? peer_link(p) : NULL;

	return l != NULL ? slice_of(link_user(l)) : slice_of("");
}

/* Whoever it was: the session, or its link, has ended meanwhile. */
static bool
has_left(struct node *n, const struct message *m)
{
	struct proc *p = node_find(n, m->from.pid);

	if (p == NULL)
		return m->from.pid.id != 0;
	return peer_is(p) && peer_link(p) == NULL;
}

/* A str or a bin of the right size. */
static enum err
read_clave(struct term_reader *r, struct slice *clave)
{
	if (term_read_bin(r, clave) != E_OK && term_read_str(r, clave) != E_OK)
		return E_BADARG;
	return clave->len >= LIMIT_CLAVE_MIN && clave->len <= LIMIT_CLAVE_MAX ?
	    E_OK :
	    E_BADARG;
}

static enum err
read_options(struct term_reader *r, struct slice *clave, const char **why)
{
	struct slice key;
	uint32_t n;

	if (term_read_map(r, &n) != E_OK)
		return E_BADARG;
	for (; n > 0; n--) {
		bool named = term_read_str(r, &key) == E_OK;

		if (named && slice_is(key, "clave")) {
			*why = N_("a clave is 16 to 32 random bytes");
			if (read_clave(r, clave) != E_OK)
				return E_BADARG;
		} else if ((!named && term_skip(r, NULL) != E_OK) ||
		    term_skip(r, NULL) != E_OK) {
			return E_BADARG;
		}
	}
	return E_OK;
}

enum err
request_options(struct node *n, const struct message *m, struct term_reader *r,
    uint32_t left, struct command *c, const char **why)
{
	enum err e = left > 0 ? read_options(r, &c->clave, why) : E_OK;

	if (e != E_OK || c->clave.len == 0)
		return e;
	if (has_left(n, m))
		return E_NOCONNECTION;
	c->quien = request_user(n, m);
	return E_OK;
}

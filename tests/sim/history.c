#include "tests/sim/history.h"

#include <stdlib.h>

#include "tests/sim/model.h"

/* What a task in a list has besides its description. */
enum { TASK_BYTES = 40 };

#define LIST_BASIS UINT64_C(14695981039346656037)
#define LIST_PRIME UINT64_C(1099511628211)

struct version {
	uint64_t hash;
	uint64_t seq; /* of the first command that led to it */
	bool lost;
};

/* A user's tasks, oldest first, and what each version of them was. */
struct user {
	const struct op **tasks;
	uint32_t count;
	size_t bytes; /* of them, nearly */
	struct version *versions; /* the last one is now */
	uint32_t version; /* its place */
};

/* A room and what was said in it. */
struct room {
	const struct op *made_by; /* NULL: it is not there */
	struct op **said;
	uint32_t count;
};

struct history {
	struct user users[MODEL_USERS];
	struct room rooms[MODEL_ROOMS];
	struct op **log; /* seq 1 first */
	uint64_t seq;
};

void *
grown(void *array, size_t count, size_t size)
{
	if ((count & (count - 1)) == 0)
		array = reallocarray(array, count > 0 ? 2 * count : 1, size);
	if (array == NULL)
		abort();
	return array;
}

/* -- lists -- */

uint64_t
list_hash(void)
{
	return LIST_BASIS;
}

uint64_t
list_add(uint64_t hash, uint32_t number)
{
	return (hash ^ number) * LIST_PRIME;
}

static uint64_t
hash_of(const struct user *u)
{
	uint64_t hash = list_hash();

	for (uint32_t i = u->count; i > 0; i--)
		hash = list_add(hash, u->tasks[i - 1]->number);
	return hash;
}

static void
add_version(struct user *u, uint64_t seq)
{
	u->version++;
	u->versions = grown(u->versions, u->version, sizeof(*u->versions));
	u->versions[u->version] =
	    (struct version){ .hash = hash_of(u), .seq = seq };
}

/* What changes nothing is no version, as it is no reason to wait. */
static void
new_version(struct user *u, uint64_t seq)
{
	if (u->versions[u->version].hash != hash_of(u))
		add_version(u, seq);
}

static size_t
bytes_of(const struct op *op)
{
	return op->size + TASK_BYTES;
}

static void
add_task(struct user *u, const struct op *op)
{
	u->tasks = grown(u->tasks, u->count, sizeof(*u->tasks));
	u->tasks[u->count++] = op;
	u->bytes += bytes_of(op);
}

static uint32_t
delete_tasks(struct user *u, unsigned title)
{
	uint32_t kept = 0, deleted;

	for (uint32_t i = 0; i < u->count; i++)
		if (u->tasks[i]->title != title)
			u->tasks[kept++] = u->tasks[i];
		else
			u->bytes -= bytes_of(u->tasks[i]);
	deleted = u->count - kept;
	u->count = kept;
	return deleted;
}

/* -- life -- */

struct history *
history_new(void)
{
	struct history *h = calloc(1, sizeof(*h));

	if (h == NULL)
		abort();
	for (unsigned i = 0; i < MODEL_USERS; i++) {
		h->users[i].versions = grown(NULL, 0, sizeof(struct version));
		h->users[i].versions[0] =
		    (struct version){ .hash = list_hash() };
	}
	return h;
}

void
history_free(struct history *h)
{
	for (unsigned i = 0; i < MODEL_USERS; i++) {
		free(h->users[i].tasks);
		free(h->users[i].versions);
	}
	for (unsigned i = 0; i < MODEL_ROOMS; i++)
		free(h->rooms[i].said);
	free(h->log);
	free(h);
}

/* -- commands -- */

uint64_t
history_seq(const struct history *h)
{
	return h->seq;
}

struct op *
history_op(const struct history *h, uint64_t seq)
{
	return h->log[seq - 1];
}

static enum err
say(struct room *r, struct op *op)
{
	if (r->made_by == NULL)
		return E_NOPROC;
	r->said = grown(r->said, r->count, sizeof(struct op *));
	r->said[r->count++] = op;
	op->n = r->count;
	op->made_by = r->made_by;
	return E_OK;
}

static enum err
make_or_delete(struct room *r, const struct op *op)
{
	bool makes = op->kind == OP_CREATE;

	if (makes == (r->made_by != NULL))
		return makes ? E_EXISTS : E_NOPROC;
	r->made_by = makes ? op : NULL;
	r->count = 0;
	return E_OK;
}

static void
run(struct history *h, struct op *op)
{
	if (op->kind == OP_ELIMINAR)
		op->n = delete_tasks(&h->users[op->user], op->title);
	else if (op->kind == OP_AGREGAR)
		add_task(&h->users[op->user], op);
	else if (op->kind == OP_SAY)
		op->outcome = say(&h->rooms[op->room], op);
	else
		op->outcome = make_or_delete(&h->rooms[op->room], op);
}

void
history_apply(struct history *h, struct op *op)
{
	h->log = grown(h->log, h->seq, sizeof(struct op *));
	h->log[h->seq++] = op;
	op->seq = h->seq;
	run(h, op);
	new_version(&h->users[op->user], op->seq);
}

static void
lose_versions(struct user *u, uint64_t seq)
{
	for (uint32_t v = u->version + 1; v > 0; v--)
		if (u->versions[v - 1].seq > seq)
			u->versions[v - 1].lost = true;
}

/* Of the commands that were kept, the first that led to what is now. */
static uint64_t
seq_of_now(const struct user *u)
{
	uint32_t v = u->version;

	while (u->versions[v].lost)
		v--;
	return u->versions[v].seq;
}

void
history_take_back(struct history *h, uint64_t seq, bool answered)
{
	for (uint64_t i = seq; i < h->seq; i++)
		h->log[i]->seq = 0;
	h->seq = seq;
	for (unsigned i = 0; i < MODEL_USERS; i++) {
		h->users[i].count = 0;
		h->users[i].bytes = 0;
	}
	for (unsigned i = 0; i < MODEL_ROOMS; i++)
		h->rooms[i].made_by = NULL;
	for (uint64_t i = 0; i < seq; i++)
		run(h, h->log[i]);
	for (unsigned i = 0; i < MODEL_USERS; i++) {
		struct user *u = &h->users[i];

		if (!answered)
			lose_versions(u, seq);
		add_version(u, answered ? 0 : seq_of_now(u));
	}
}

/* -- reading -- */

uint64_t
history_list(const struct history *h, unsigned user)
{
	const struct user *u = &h->users[user];

	return u->versions[u->version].hash;
}

uint32_t
history_version(const struct history *h, unsigned user)
{
	return h->users[user].version;
}

bool
history_find(const struct history *h, unsigned user, uint32_t since,
    uint64_t hash, uint64_t *seq)
{
	const struct user *u = &h->users[user];

	for (uint32_t v = since; v <= u->version; v++)
		if (u->versions[v].hash == hash && !u->versions[v].lost) {
			*seq = u->versions[v].seq;
			return true;
		}
	return false;
}

const struct op *
history_room(const struct history *h, unsigned room)
{
	return h->rooms[room].made_by;
}

struct op *const *
history_said(const struct history *h, unsigned room, uint32_t *count)
{
	*count = h->rooms[room].made_by != NULL ? h->rooms[room].count : 0;
	return h->rooms[room].said;
}

size_t
history_bytes(const struct history *h, unsigned user)
{
	return h->users[user].bytes;
}

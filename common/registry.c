#include "common/registry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/runtime.h"
#include "proto/limits.h"
#include "proto/rpc.h"

/* One process in one topic: in the list of each. */
struct subscription {
	LIST_ENTRY(subscription) by_topic;
	LIST_ENTRY(subscription) by_proc;
	struct proc *proc;
	struct topic *topic;
};

struct topic {
	LIST_HEAD(, subscription) subscriptions;
	uint32_t count;
	char name[];
};

struct slice
reg_topic_name(const void *topic)
{
	return slice_of(((const struct topic *)topic)->name);
}

static struct topic *
topic_find(const struct node *n, const char *name)
{
	return table_find(&n->topics, slice_of(name));
}

static struct topic *
topic_get(struct node *n, const char *name)
{
	struct topic *t = topic_find(n, name);
	size_t len = strlen(name) + 1;

	if (t != NULL)
		return t;
	t = calloc(1, sizeof(*t) + len);
	if (t == NULL)
		abort();
	memcpy(t->name, name, len);
	LIST_INIT(&t->subscriptions);
	table_add(&n->topics, t);
	return t;
}

/* The last subscriber takes the topic with it. */
static void
subscription_free(struct subscription *s)
{
	struct topic *t = s->topic;

	LIST_REMOVE(s, by_topic);
	LIST_REMOVE(s, by_proc);
	if (--t->count == 0) {
		table_take(&s->proc->node->topics, reg_topic_name(t));
		free(t);
	}
	free(s);
}

static struct subscription *
subscription_find(const struct proc *p, const char *topic)
{
	struct subscription *s;

	LIST_FOREACH(s, &p->subscriptions, by_proc)
		if (strcmp(s->topic->name, topic) == 0)
			return s;
	return NULL;
}

void
reg_subscribe(struct proc *p, const char *topic)
{
	struct subscription *s;

	if (subscription_find(p, topic) != NULL)
		return;
	s = malloc(sizeof(*s));
	if (s == NULL)
		abort();
	s->proc = p;
	s->topic = topic_get(p->node, topic);
	s->topic->count++;
	LIST_INSERT_HEAD(&s->topic->subscriptions, s, by_topic);
	LIST_INSERT_HEAD(&p->subscriptions, s, by_proc);
}

void
reg_unsubscribe(struct proc *p, const char *topic)
{
	struct subscription *s = subscription_find(p, topic);

	if (s != NULL)
		subscription_free(s);
}

void
reg_leave(struct proc *p)
{
	struct subscription *s;

	while ((s = LIST_FIRST(&p->subscriptions)) != NULL)
		subscription_free(s);
}

/* The notifications; what *out has of op and body lies in them. */
static void
encode(struct published *out, struct slice op, const struct slice *bodies,
    uint32_t count)
{
	struct slice last = bodies[count - 1], all;
	struct buf b;

	buf_init(&b);
	for (uint32_t i = 0; i < count; i++)
		rpc_write_notify(&b, op, rpc_params(bodies[i]));
	out->frame = blob_new(buf_bytes(&b));
	out->count = count;
	buf_release(&b);
	all = blob_bytes(out->frame);
	out->op =
	    slice_bytes(all.bytes + all.len - rpc_params(last).len - op.len,
		op.len);
	out->body = slice_bytes(all.bytes + all.len - last.len, last.len);
}

/* A trace tells each message; and part of them may still find room. */
static bool
takes_all(const struct proc *p, uint32_t count)
{
	return count == 1 ||
	    (p->behaviour->takes_frames && !proc_is_traced(p) &&
		p->mailbox + count <= LIMIT_MAILBOX);
}

/* Who is too slow misses it; the drop is counted. */
static void
publish(struct node *n, const struct proc *p, const struct published *what,
    const struct slice *bodies)
{
	if (takes_all(p, what->count))
		(void)proc_deliver(n, p->pid, message_share(&n->spares, what),
		    what->op);
	else
		for (uint32_t i = 0; i < what->count; i++)
			(void)proc_send(n, p->pid, what->op, bodies[i]);
}

uint32_t
reg_publish(struct node *n, const char *topic, struct slice op,
    struct slice body)
{
	return reg_publish_all(n, topic, op, &body, 1);
}

uint32_t
reg_publish_all(struct node *n, const char *topic, struct slice op,
    const struct slice *bodies, uint32_t count)
{
	const struct topic *t = topic_find(n, topic);
	const struct subscription *s;
	struct published what;

	assert(count > 0);
	if (t == NULL)
		return 0;
	encode(&what, op, bodies, count);
	LIST_FOREACH(s, &t->subscriptions, by_topic)
		publish(n, s->proc, &what, bodies);
	blob_drop(what.frame);
	return t->count;
}

uint32_t
reg_count(const struct node *n, const char *topic)
{
	const struct topic *t = topic_find(n, topic);

	return t != NULL ? t->count : 0;
}

void
reg_walk(struct reg_walk *w, const struct node *n, const char *topic)
{
	const struct topic *t = topic_find(n, topic);

	w->next = t != NULL ? LIST_FIRST(&t->subscriptions) : NULL;
}

struct proc *
reg_next(struct reg_walk *w)
{
	struct subscription *s = w->next;

	if (s == NULL)
		return NULL;
	w->next = LIST_NEXT(s, by_topic);
	return s->proc;
}

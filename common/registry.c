#include "common/registry.h"

#include <stdlib.h>
#include <string.h>

#include "common/runtime.h"
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

/* The notification; *op and *body are moved into it. Gives the frame. */
static struct blob *
encode(struct slice *op, struct slice *body)
{
	struct blob *frame;
	struct slice all;
	struct buf b;

	buf_init(&b);
	rpc_write_notify(&b, *op, rpc_params(*body));
	frame = blob_new(buf_bytes(&b));
	buf_release(&b);
	all = blob_bytes(frame);
	*op = slice_bytes(all.bytes + all.len - rpc_params(*body).len - op->len,
	    op->len);
	*body = slice_bytes(all.bytes + all.len - body->len, body->len);
	return frame;
}

static void
publish(struct node *n, const struct topic *t, struct slice op,
    struct slice body)
{
	struct blob *frame = encode(&op, &body);
	const struct subscription *s;

	LIST_FOREACH(s, &t->subscriptions, by_topic)
		/* Who is too slow misses it; the drop is counted. */
		(void)proc_deliver(n, s->proc->pid,
		    message_share(&n->spares, frame, op, body), op);
	blob_drop(frame);
}

uint32_t
reg_publish(struct node *n, const char *topic, struct slice op,
    struct slice body)
{
	const struct topic *t = topic_find(n, topic);

	if (t == NULL)
		return 0;
	publish(n, t, op, body);
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

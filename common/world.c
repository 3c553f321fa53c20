#include "common/world.h"

uint64_t
world_now_ms(struct world *w)
{
	return w->ops->now_ms(w);
}

uint64_t
world_utc_ms(struct world *w)
{
	return w->ops->utc_ms(w);
}

void
world_random(struct world *w, void *out, size_t len)
{
	w->ops->random(w, out, len);
}

void
world_wake(struct world *w)
{
	w->ops->wake(w);
}

void
world_wake_at(struct world *w, uint64_t at_ms)
{
	w->ops->wake_at(w, at_ms);
}

enum err
world_step(struct world *w)
{
	return w->ops->step(w);
}

enum err
world_connect(struct world *w, const struct address *to, struct stream **out,
    const char **why)
{
	return w->ops->connect(w, to, out, why);
}

void
stream_own(struct stream *s, const struct stream_events *events, void *owner)
{
	s->events = events;
	s->owner = owner;
}

size_t
stream_write(struct stream *s, struct slice bytes)
{
	return s->ops->write(s, bytes);
}

void
stream_want_write(struct stream *s, bool on)
{
	s->ops->want_write(s, on);
}

void
stream_want_read(struct stream *s, bool on)
{
	s->ops->want_read(s, on);
}

void
stream_finish(struct stream *s)
{
	s->ops->finish(s);
}

void
stream_close(struct stream *s)
{
	s->ops->close(s);
}

enum err
world_listen(struct world *w, const struct address *at,
    const struct listener_events *events, void *owner, struct listener **out,
    const char **why)
{
	return w->ops->listen(w, at, events, owner, out, why);
}

uint16_t
listener_port(struct world *w, struct listener *l)
{
	return w->ops->listener_port(l);
}

void
listener_accept(struct world *w, struct listener *l, bool on)
{
	w->ops->listener_accept(l, on);
}

void
listener_close(struct world *w, struct listener *l)
{
	w->ops->listener_close(l);
}

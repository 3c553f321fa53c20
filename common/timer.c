#include "common/timer.h"

#include <stdlib.h>

void
timers_init(struct timers *t)
{
	*t = (struct timers){ 0 };
}

void
timers_release(struct timers *t)
{
	for (size_t i = 0; i < t->count; i++)
		t->heap[i]->place = 0;
	free(t->heap);
	timers_init(t);
}

void
timer_init(struct timer *timer, void (*run)(void *arg), void *arg)
{
	*timer = (struct timer){ .run = run, .arg = arg };
}

static bool
is_before(const struct timer *a, const struct timer *b)
{
	if (a->at_ms != b->at_ms)
		return a->at_ms < b->at_ms;
	return a->order < b->order;
}

static void
put(struct timers *t, size_t i, struct timer *timer)
{
	t->heap[i] = timer;
	timer->place = i + 1;
}

static void
sift_up(struct timers *t, size_t i, struct timer *timer)
{
	while (i > 0 && is_before(timer, t->heap[(i - 1) / 2])) {
		put(t, i, t->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(t, i, timer);
}

static void
sift_down(struct timers *t, size_t i, struct timer *timer)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= t->count)
			break;
		if (child + 1 < t->count &&
		    is_before(t->heap[child + 1], t->heap[child]))
			child++;
		if (!is_before(t->heap[child], timer))
			break;
		put(t, i, t->heap[child]);
		i = child;
	}
	put(t, i, timer);
}

static void
add(struct timers *t, struct timer *timer)
{
	if (t->count == t->size) {
		t->size = t->size > 0 ? 2 * t->size : 16;
		t->heap = realloc(t->heap, t->size * sizeof(*t->heap));
		if (t->heap == NULL)
			abort();
	}
	t->count++;
	sift_up(t, t->count - 1, timer);
}

void
timer_start(struct timers *t, struct timer *timer, uint64_t at_ms)
{
	timer_stop(t, timer);
	timer->at_ms = at_ms;
	timer->order = t->started++;
	add(t, timer);
}

void
timer_stop(struct timers *t, struct timer *timer)
{
	size_t i = timer->place;
	struct timer *last;

	if (i == 0)
		return;
	i--;
	timer->place = 0;
	last = t->heap[--t->count];
	if (last == timer)
		return;
	if (i > 0 && is_before(last, t->heap[(i - 1) / 2]))
		sift_up(t, i, last);
	else
		sift_down(t, i, last);
}

bool
timer_is_running(const struct timer *timer)
{
	return timer->place != 0;
}

uint64_t
timers_next_ms(const struct timers *t)
{
	return t->count > 0 ? t->heap[0]->at_ms : TIMER_NEVER;
}

void
timers_run(struct timers *t, uint64_t now_ms)
{
	uint64_t before = t->started;

	while (t->count > 0 && t->heap[0]->at_ms <= now_ms &&
	    t->heap[0]->order < before) {
		struct timer *timer = t->heap[0];

		timer_stop(t, timer);
		timer->run(timer->arg);
	}
}

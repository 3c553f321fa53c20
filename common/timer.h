/*
 * Timers: a heap ordered by time. A timer is embedded in what it belongs
 * to and must be stopped before that is freed. Two timers of the same
 * millisecond run in the order in which they were started.
 */
#ifndef COMMON_TIMER_H
#define COMMON_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/api.h"

API_BEGIN

struct timer {
	uint64_t at_ms; /* on the world's monotonic clock */
	uint64_t order; /* decides between equal times */
	size_t place; /* in the heap, from 1; 0: not running */
	void (*run)(void *arg);
	void *arg;
};

struct timers {
	struct timer **heap;
	size_t count;
	size_t size;
	uint64_t started; /* ever */
};

#define TIMER_NEVER UINT64_MAX

void timers_init(struct timers *t);

/* Frees the heap; every timer is forgotten without running. */
void timers_release(struct timers *t);

/* A timer that is not running. */
void timer_init(struct timer *timer, void (*run)(void *arg), void *arg);

/* Starts the timer, or moves it to another time. */
void timer_start(struct timers *t, struct timer *timer, uint64_t at_ms);

/* Stops the timer if it is running. */
void timer_stop(struct timers *t, struct timer *timer);

bool timer_is_running(const struct timer *timer);

/* When the next one is due; TIMER_NEVER when there is none. */
uint64_t timers_next_ms(const struct timers *t);

/* Runs what is due at now_ms; a timer started meanwhile waits its turn. */
void timers_run(struct timers *t, uint64_t now_ms);

API_END

#endif

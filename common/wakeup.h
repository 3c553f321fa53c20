/*
 * A wake-up from another thread: one side tells, the other watches a
 * descriptor and hears. Tellings that nobody has heard yet are one.
 */
#ifndef COMMON_WAKEUP_H
#define COMMON_WAKEUP_H

#include <stdbool.h>

struct wakeup {
	int hear;
	int tell; /* the same, where the system has eventfd */
};

/* False when the machine has no descriptors left. */
bool wakeup_init(struct wakeup *w);
void wakeup_release(struct wakeup *w);

/* Readable after wakeup_tell(), until wakeup_hear(). */
int wakeup_fd(const struct wakeup *w);

/* From any thread; never waits. */
void wakeup_tell(struct wakeup *w);
void wakeup_hear(struct wakeup *w);

#endif

/*
 * Every message of a run, as it comes to its turn: hashed always, so that
 * two runs can be compared, and printed when asked for. The linker puts
 * this between a node and proc_run() (see SIM_WRAP in the Makefile), so the
 * core knows nothing of it.
 */
#ifndef TESTS_SIM_TRACE_H
#define TESTS_SIM_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/message.h"
#include "tests/lib/sim.h"

/* Starts anew; sim is borrowed until the next start. */
void trace_begin(const struct sim *sim, bool print);

/* Told of each process that is about to end, with its last look around. */
void trace_watch_ends(void (*ends)(const struct proc *p));

/* Of all that came since. */
uint64_t trace_hash(void);

/* Something that is no message: a fault. */
__attribute__((format(printf, 1, 2))) void trace_say(const char *format, ...);

#endif

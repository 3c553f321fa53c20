/*
 * What ends a simulated run badly: the seed, the virtual time, a sentence.
 */
#ifndef TESTS_SIM_CHECK_H
#define TESTS_SIM_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/lib/sim.h"

/* From now on it is this seed's run; sim is borrowed until the next one. */
void check_begin(uint64_t seed, const struct sim *sim);

/* Unless good, says the sentence and ends the program with status 1. */
__attribute__((format(printf, 2, 3))) void check(bool good, const char *format,
    ...);

#endif

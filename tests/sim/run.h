/*
 * One simulated run: a server and its clients, faults, then peace, and in
 * the end nothing left over.
 */
#ifndef TESTS_SIM_RUN_H
#define TESTS_SIM_RUN_H

#include <stdbool.h>
#include <stdint.h>

struct run_result {
	uint64_t hash; /* of the trace */
	uint32_t requests;
	uint32_t applied;
	uint64_t ms; /* virtual */
};

/* Ends the program when something is not as it should be. */
struct run_result run_seed(uint64_t seed, bool trace);

#endif

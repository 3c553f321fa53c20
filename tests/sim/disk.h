/*
 * A simulated disk: the store of a machine that can lose its power. Batches
 * that were written become durable some virtual time later, in their order;
 * what is durable outlives the node, the rest is a matter of chance, whole
 * batches from the first on.
 */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include "server/store.h"
#include "tests/lib/sim.h"

struct disk;

/* An empty one; sim is borrowed, seed is that of its chances. */
struct disk *disk_new(struct sim *sim, uint64_t seed);
void disk_free(struct disk *d);

/* What the server works on. The disk's; it is never closed. */
struct store *disk_store(struct disk *d);

/*
 * The machine loses its power: of the commit that goes on, as many batches
 * as chance wants are kept; nothing is taken until the next load.
 */
void disk_power_off(struct disk *d);

/* Whether a commit has failed: the machine must not do anything more. */
bool disk_has_failed(const struct disk *d);

/* All up to this seq outlives a crash. */
uint64_t disk_seq(const struct disk *d);

/* A commit goes on that takes longer than most. */
bool disk_stalls(const struct disk *d);

bool disk_is_full(const struct disk *d);

/* -- faults -- */

void disk_fill(struct disk *d, bool full);
void disk_stall_next(struct disk *d);
void disk_fail_next_commit(struct disk *d);
void disk_fail_next_load(struct disk *d);

/* From now on nothing goes wrong, and quickly. */
void disk_calm(struct disk *d);

#endif

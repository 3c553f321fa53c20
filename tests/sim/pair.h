/*
 * Two processes of one node, watched for what OTP promises about any two:
 * the talker says numbers and ends, one way or another; the witness hears
 * them in order, then its DOWN, once, when the name is free; its call to
 * the talker ends once. Then the next talker starts.
 */
#ifndef TESTS_SIM_PAIR_H
#define TESTS_SIM_PAIR_H

#include "common/node.h"

/*
 * Starts a pair on a node, where it goes on until the node's end or
 * pair_stop(); seed is that of its chances.
 */
void pair_start(struct node *n, uint64_t seed);
void pair_stop(struct node *n);

#endif

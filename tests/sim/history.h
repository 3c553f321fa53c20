/*
 * What the engine's state has to be: every command that was applied, by its
 * seq, and the users' lists that they lead to. A crash takes the last
 * commands back; a list that was answered must not be among what it takes.
 */
#ifndef TESTS_SIM_HISTORY_H
#define TESTS_SIM_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MODEL_USERS = 4,
	MODEL_BULK = 3, /* the user who is listed at the end alone */
	MODEL_TITLES = 4,
	MODEL_ROOMS = 3,
};

struct op;
struct history;

struct history *history_new(void);
void history_free(struct history *h);

/* Of the last command. */
uint64_t history_seq(const struct history *h);

/* The command of a seq. */
struct op *history_op(const struct history *h, uint64_t seq);

/* The next command: op->seq is its number then, with what it led to. */
void history_apply(struct history *h, struct op *op);

/*
 * All after seq never happened: op->seq is 0 again. Lists that had it in
 * them are of no moment any more, unless they may have been answered.
 */
void history_take_back(struct history *h, uint64_t seq, bool answered);

/* -- lists: hashes of their tasks' numbers, newest first -- */

uint64_t list_hash(void); /* an empty one's */
uint64_t list_add(uint64_t hash, uint32_t number);

/* A user's list as it is now, and which version of it this is. */
uint64_t history_list(const struct history *h, unsigned user);
uint32_t history_version(const struct history *h, unsigned user);

/*
 * Finds such a list among the versions since that one. *seq: the first
 * command that led to it.
 */
bool history_find(const struct history *h, unsigned user, uint32_t since,
    uint64_t hash, uint64_t *seq);

/* Who made a room that is there now; NULL: nobody. */
const struct op *history_room(const struct history *h, unsigned room);

/* What was said in it, message 1 first; *count of them. */
struct op *const *history_said(const struct history *h, unsigned room,
    uint32_t *count);

/* Of a user's list, nearly. */
size_t history_bytes(const struct history *h, unsigned user);

/* An array that doubles at powers of two. */
void *grown(void *array, size_t count, size_t size);

#endif

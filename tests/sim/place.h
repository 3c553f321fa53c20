/*
 * The server's machine: a node with the real tree, which can be hurt in
 * many ways and comes up again.
 */
#ifndef TESTS_SIM_PLACE_H
#define TESTS_SIM_PLACE_H

#include "server/tree.h"
#include "tests/sim/model.h"

struct place {
	struct sim *sim;
	struct model *model;
	const struct address *address;
	const struct cookie *cookie;
	struct disk *disk; /* NULL: memory alone */
	uint64_t *dice;
	struct world *world;
	struct node *node; /* NULL: it is off */
	struct tree tree;
	struct pid tareas; /* as last seen */
	struct pid chat;
	struct pid salas;
	uint32_t procs; /* of the tree alone */
	uint32_t refs;
};

/*
 * Switches it on; what the first lines say is filled in. False: the disk
 * could not be read, and it is off again.
 */
bool place_start(struct place *p);

/* Pulls the plug out; what the disk has kept survives. */
void place_crash(struct place *p);

/* Ends a process by name, or a session by chance: at once, or in order. */
void place_kill(struct place *p, const char *name, bool orderly);
void place_kill_session(struct place *p, bool orderly);

/* From now on `tareas` handles nothing, or goes on. */
void place_suspend(struct place *p, bool on);

/*
 * Before each step: tells the model of ends. False: it cannot go on, because
 * the root has given up, or a commit has failed.
 */
bool place_look(struct place *p);

/* True when every process of the tree runs. */
bool place_is_whole(const struct place *p);

/* Who is in which room, as the server has it. */
const struct chat_rooms *place_rooms(const struct place *p);

/* How many sessions there are. */
uint32_t place_sessions(const struct place *p);

/* How many monitors of its clients the sessions keep. */
uint64_t place_monitors(const struct place *p);

/*
 * At the end, when all clients have gone: nothing may be left of them.
 * Frees the node.
 */
void place_finish(struct place *p);

#endif

/*
 * A client node with a real connection and a few workers, which ask the
 * server for random things and hold what comes back against the model.
 */
#ifndef TESTS_SIM_CLIENT_H
#define TESTS_SIM_CLIENT_H

#include "client/conn.h"
#include "tests/sim/model.h"
#include "tests/sim/rooms.h"

enum { WORKERS = 3 };

/* What all clients share. Embedded in the run, filled in by it. */
struct customs {
	struct sim *sim;
	struct model *model;
	uint64_t dice; /* a generator of the workers' own */
	const struct address *server;
	const struct cookie *cookie;
	bool calm; /* only what must succeed is asked for */
	bool silent; /* nothing is asked for any more */
	uint32_t owners; /* workers ever */
	bool bulk; /* the net takes long texts in a row */
	uint32_t list_max; /* bytes of a list, nearly */
	uint32_t size_max; /* of a description */
	uint32_t burst_max; /* casts in a row */
	uint32_t rooms; /* that clients mean, at most MODEL_ROOMS */
	bool settled; /* rooms and who is in them mostly stay, and talk */
};

TAILQ_HEAD(watches, watch);

struct worker {
	struct client *client;
	struct pid pid;
	uint32_t owner; /* its name in the model; new after each death */
	struct watches watches;
};

struct client {
	struct customs *customs;
	unsigned number; /* from 1 */
	struct world *world;
	struct node *node;
	char user[16];
	struct conn_config config;
	struct pid conn;
	struct line *line; /* of the present peer; NULL: none yet */
	struct line *old; /* of the last one that ended; NULL: none */
	struct worker workers[WORKERS];
	struct pid outbox; /* for writes that are sent until they are done */
	uint32_t outbox_owner; /* its name in the model, and the chat's */
	struct pid chat; /* a chat_client */
	struct views views;
	uint32_t good; /* calls that went well */
};

/* Switches it on: a world, a node, a connection, workers. */
void client_start(struct client *c, struct customs *customs, unsigned number);

/* Pulls the plug out. */
void client_crash(struct client *c);

/* Ends one worker, which starts anew. */
void client_kill_worker(struct client *c, unsigned which);

/* Ends the peer: at once, or in order. */
void client_kill_peer(struct client *c, bool orderly);

/* Between two steps: joins a room, leaves one, or says something. */
void client_chat(struct client *c);

/* Says something in a room, if it is there and is not saying much already. */
void client_say(struct client *c, unsigned room);

/* How many of its monitors are promised a DOWN that has not come. */
uint32_t client_watching(const struct client *c);

/*
 * At the end, with nothing open: compares every list by way of the class's
 * client module, closes, frees the node.
 */
void client_finish(struct client *c);

#endif

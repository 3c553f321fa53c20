/*
 * What a person asked the server for: its command line and environment.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/address.h"
#include "common/log.h"
#include "server/session.h"

enum { CONFIG_LISTEN_MAX = 64 };

struct config {
	struct address listen[CONFIG_LISTEN_MAX];
	unsigned listen_count; /* 0: both loopback addresses */
	const char *port_file; /* NULL: none */
	const char *name;
	const char *cookie_file; /* NULL: the default path */
	const char *data; /* NULL: the default directory */
	const char *backup; /* NULL: none is wanted */
	uint64_t free_min; /* bytes the disk has to have free */
	bool memory;
	struct chat_rate chat_rate;
	bool supervised;
	enum log_level log_level;
};

enum config_verdict {
	CONFIG_RUN,
	CONFIG_SHOWN, /* help or version was printed: status 0 */
	CONFIG_USAGE, /* said on stderr what is wrong: status 64 */
};

/* Reads the command line; strings are borrowed from argv. */
enum config_verdict config_read(struct config *c, int argc, char *argv[]);

#endif

/*
 * What a person asked the client for: command line and environment.
 */
#ifndef CLIENT_SETTINGS_H
#define CLIENT_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/address.h"

enum color_mode { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct settings {
	struct address server;
	const char *user; /* NULL: not said */
	const char *cookie_file; /* NULL: the default path */
	uint64_t timeout_ms;
	enum color_mode color;
	bool json;
	bool cast; /* --cast */
	bool yes; /* -y */
	bool texts; /* --textos */
	/* chat */
	const char *say; /* --decir; NULL: not said */
	bool follow; /* --seguir */
	bool create; /* --crear */
	uint64_t count; /* --cuenta; 0: without end */
	uint64_t follow_ms; /* --plazo; 0: without end */
	int argc; /* the command and its arguments */
	char **argv;
};

enum settings_verdict {
	SETTINGS_RUN,
	SETTINGS_HELP, /* --help */
	SETTINGS_SHOWN, /* the version was printed */
	SETTINGS_USAGE, /* said on stderr what is wrong: status 64 */
};

/* Reads the command line; strings are borrowed from argv and environ. */
enum settings_verdict settings_read(struct settings *s, int argc, char *argv[]);

/* True when one of the options of chat was given. */
bool settings_talk(const struct settings *s);

#endif

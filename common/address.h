/*
 * Addresses as people type them: host, host:port, [v6]:port, [v6], v6.
 * Parsing only; names are resolved elsewhere.
 */
#ifndef COMMON_ADDRESS_H
#define COMMON_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "proto/api.h"
#include "proto/err.h"

API_BEGIN

enum {
	ADDRESS_PORT = 18800, /* where none is given */
	ADDRESS_HOST_MAX = 255, /* bytes; RFC 1035, 2.3.4 */
	/* "[" host "]:65535" and its NUL. */
	ADDRESS_TEXT_BYTES = 1 + ADDRESS_HOST_MAX + 2 + 5 + 1,
};

/* host is not empty, visible ASCII, without brackets. */
struct address {
	char host[ADDRESS_HOST_MAX + 1];
	uint16_t port; /* 0: any free one */
};

/*
 * Reads an address. A host with a colon must be an IPv6 address, with or
 * without a zone (fe80::1%eth0); anything else is a name or an IPv4 address
 * for getaddrinfo(3) to judge. Borrows text, which may be NULL. E_BADARG:
 * no host, one longer than 255 bytes or with a character that no host has,
 * a port that is no number of 0 to 65535, a bracket left open; then *out is
 * unchanged.
 */
__attribute__((warn_unused_result)) enum err address_parse(const char *text,
    struct address *out);

/*
 * Writes host:port, or [v6]:port, so that address_parse() reads the same
 * again. Returns out, for use in an argument.
 */
char *address_format(const struct address *a, char out[ADDRESS_TEXT_BYTES]);

/*
 * True when only this machine reaches it: 127.0.0.0/8, ::1, the same as
 * v4-mapped IPv6, and a Unix socket. Borrows sa, which is as long as its
 * family has it.
 */
bool address_is_loopback(const struct sockaddr *sa);

API_END

#endif

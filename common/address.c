#include "common/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "proto/blob.h"

static bool
is_host_char(uint8_t c)
{
	return c > ' ' && c < 0x7f && c != '[' && c != ']' && c != '/';
}

static bool
is_host(struct slice s)
{
	if (s.len == 0 || s.len > ADDRESS_HOST_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_host_char(s.bytes[i]))
			return false;
	return true;
}

/* host is an IPv6 address, maybe with a zone of at least one byte. */
static bool
is_v6(const char *host)
{
	char v6[INET6_ADDRSTRLEN];
	struct in6_addr unused;
	size_t n = strcspn(host, "%");

	if (n >= sizeof(v6) || strcmp(host + n, "%") == 0)
		return false;
	memcpy(v6, host, n);
	v6[n] = '\0';
	return inet_pton(AF_INET6, v6, &unused) == 1;
}

/* Reads all of text as a port; strtoul would take signs and blanks. */
static enum err
port_parse(const char *text, uint16_t *port)
{
	size_t n = strspn(text, "0123456789");
	unsigned long value = 0;

	if (n == 0 || n > 5 || text[n] != '\0')
		return E_BADARG;
	for (size_t i = 0; i < n; i++)
		value = value * 10 + (unsigned long)(text[i] - '0');
	if (value > UINT16_MAX)
		return E_BADARG;
	*port = (uint16_t)value;
	return E_OK;
}

/* Cuts text into its host and what follows it: "" or ":port". */
static enum err
split(const char *text, struct slice *host, const char **rest)
{
	const char *colon = strchr(text, ':');
	const char *end;

	if (text[0] == '[') {
		end = strchr(text, ']');
		if (end == NULL)
			return E_BADARG;
		*host = slice_bytes(text + 1, (size_t)(end - text - 1));
		*rest = end + 1;
		return E_OK;
	}
	/* More than one colon: an IPv6 address, and no port after it. */
	if (colon == NULL || strchr(colon + 1, ':') != NULL)
		end = text + strlen(text);
	else
		end = colon;
	*host = slice_bytes(text, (size_t)(end - text));
	*rest = end;
	return E_OK;
}

enum err
address_parse(const char *text, struct address *out)
{
	struct address a = { .port = ADDRESS_PORT };
	struct slice host;
	const char *rest;

	if (text == NULL || split(text, &host, &rest) != E_OK || !is_host(host))
		return E_BADARG;
	memcpy(a.host, host.bytes, host.len);
	if ((text[0] == '[' || strchr(a.host, ':') != NULL) && !is_v6(a.host))
		return E_BADARG;
	if (rest[0] != '\0' && rest[0] != ':')
		return E_BADARG;
	if (rest[0] == ':' && port_parse(rest + 1, &a.port) != E_OK)
		return E_BADARG;
	*out = a;
	return E_OK;
}

char *
address_format(const struct address *a, char out[ADDRESS_TEXT_BYTES])
{
	bool v6 = strchr(a->host, ':') != NULL;

	snprintf(out, ADDRESS_TEXT_BYTES, "%s%s%s:%u", v6 ? "[" : "", a->host,
	    v6 ? "]" : "", (unsigned)a->port);
	return out;
}

bool
address_is_loopback(const struct sockaddr *sa)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	switch (sa->sa_family) {
	case AF_UNIX:
		return true;
	case AF_INET:
		memcpy(&in, sa, sizeof(in));
		return ntohl(in.sin_addr.s_addr) >> 24 == 127;
	case AF_INET6:
		memcpy(&in6, sa, sizeof(in6));
		return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr) ||
		    (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) &&
			in6.sin6_addr.s6_addr[12] == 127);
	default:
		return false;
	}
}

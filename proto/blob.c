#include "proto/blob.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct blob {
	size_t holders;
	size_t len;
	uint8_t bytes[];
};

struct slice
slice_of(const char *s)
{
	return slice_bytes(s, strlen(s));
}

struct slice
slice_bytes(const void *bytes, size_t len)
{
	return (struct slice){ .bytes = bytes, .len = len };
}

bool
slice_equal(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	return a.len == 0 || memcmp(a.bytes, b.bytes, a.len) == 0;
}

bool
slice_is(struct slice a, const char *s)
{
	return slice_equal(a, slice_of(s));
}

struct blob *
blob_new(struct slice bytes)
{
	struct blob *b = malloc(sizeof(*b) + bytes.len);

	if (b == NULL)
		abort();
	b->holders = 1;
	b->len = bytes.len;
	if (bytes.len > 0)
		memcpy(b->bytes, bytes.bytes, bytes.len);
	return b;
}

struct blob *
blob_hold(struct blob *b)
{
	assert(b->holders > 0);
	b->holders++;
	return b;
}

void
blob_drop(struct blob *b)
{
	if (b == NULL)
		return;
	assert(b->holders > 0);
	if (--b->holders == 0)
		free(b);
}

struct slice
blob_bytes(const struct blob *b)
{
	return slice_bytes(b->bytes, b->len);
}

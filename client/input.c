#include "client/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/buf.h"

enum { READ_BYTES = 16 * 1024 };

struct input {
	struct world *world;
	struct watch *watch;
	struct buf bytes; /* read and not handed out yet */
	size_t line; /* bytes of the line handed out, to be dropped */
	int fd;
	bool ended;
	bool cutting; /* the rest of an over-long line is dropped */
};

/* Level triggered: what is not asked for stays in the descriptor. */
static void
on_ready(void *arg)
{
	struct input *in = arg;
	ssize_t n = read(in->fd, buf_room(&in->bytes, READ_BYTES), READ_BYTES);

	if (n > 0)
		buf_grew(&in->bytes, (size_t)n);
	else if (n == 0 || (errno != EINTR && errno != EAGAIN))
		in->ended = true;
}

struct input *
input_new(struct loop *l, int fd)
{
	struct input *in = calloc(1, sizeof(*in));

	if (in == NULL)
		abort();
	in->world = loop_world(l);
	in->fd = fd;
	buf_init(&in->bytes);
	in->watch = loop_watch(l, fd, on_ready, in);
	watch_enable(in->watch, false);
	return in;
}

void
input_free(struct input *in)
{
	watch_free(in->watch);
	buf_release(&in->bytes);
	free(in);
}

/* Other systems end their lines with two bytes. */
static struct slice
without_cr(struct slice line)
{
	if (line.len > 0 && line.bytes[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* The line at the start of the bytes, if it is whole (or the last). */
static bool
take_line(struct input *in, struct slice *line)
{
	struct slice all = buf_bytes(&in->bytes);
	const uint8_t *end = NULL;

	if (all.len > 0)
		end = memchr(all.bytes, '\n', all.len);
	if (end != NULL) {
		in->line = (size_t)(end - all.bytes) + 1;
		*line = without_cr(slice_bytes(all.bytes, in->line - 1));
		return true;
	}
	if (all.len < INPUT_LINE_MAX && !(in->ended && all.len > 0))
		return false;
	in->line = all.len;
	*line = in->ended ? without_cr(all) : all;
	return true;
}

/* Drops what was handed out; without a line end, its rest is to go too. */
static void
drop_line(struct input *in)
{
	if (in->line == 0)
		return;
	in->cutting = buf_bytes(&in->bytes).bytes[in->line - 1] != '\n';
	buf_consume(&in->bytes, in->line);
	in->line = 0;
}

static bool
wait_line(struct input *in, struct slice *line)
{
	bool there;

	watch_enable(in->watch, true);
	while (!(there = take_line(in, line)) && !in->ended)
		if (world_step(in->world) != E_OK)
			break;
	watch_enable(in->watch, false);
	return there;
}

bool
input_line(struct input *in, struct slice *line)
{
	drop_line(in);
	while (wait_line(in, line)) {
		if (!in->cutting)
			return true;
		drop_line(in);
	}
	return false;
}

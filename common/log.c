#include "common/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/lang.h"
#include "common/text.h"

#define CUT_MARK "..."

/* A line while it is put together. */
struct line {
	char bytes[LOG_LINE_BYTES];
	size_t len;
};

static const char *const level_names[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

#define LEVELS (sizeof(level_names) / sizeof(level_names[0]))

void
log_init(struct log *log, int fd, enum log_level level, log_clock_fn *clock,
    void *clock_arg)
{
	*log = (struct log){
		.fd = fd,
		.level = level,
		.clock = clock,
		.clock_arg = clock_arg,
	};
}

enum err
log_level_parse(const char *text, enum log_level *out)
{
	for (size_t i = 0; text != NULL && i < LEVELS; i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*out = (enum log_level)i;
			return E_OK;
		}
	}
	return E_BADARG;
}

bool
log_wants(const struct log *log, enum log_level level)
{
	return log != NULL && level <= log->level;
}

/* Puts "2026-11-22T16:10:00.123Z warn  " at the start of the line. */
static void
line_head(struct line *line, int64_t now_ms, enum log_level level)
{
	int64_t ms = (now_ms % 1000 + 1000) % 1000;
	time_t seconds = (time_t)(now_ms / 1000 - (now_ms % 1000 < 0));
	struct tm tm = { .tm_mday = 1 };
	char day[64];

	/* A year that no calendar has is shown as zeros, not refused. */
	if (gmtime_r(&seconds, &tm) == NULL)
		tm = (struct tm){ .tm_mday = 1 };
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	line->len = (size_t)snprintf(line->bytes, sizeof(line->bytes),
	    "%s.%03dZ %-5s ", day, (int)ms, level_names[level]);
}

/* Adds the text, made harmless; of one that does not fit, its start. */
static void
line_add(struct line *line, const char *text, bool cut)
{
	char *end = line->bytes + line->len;
	size_t room = sizeof(line->bytes) - line->len - strlen(CUT_MARK "\n");

	if (text_clean_into(end, room, slice_of(text)) >= room)
		cut = true;
	line->len += strlen(end);
	if (cut) {
		memcpy(line->bytes + line->len, CUT_MARK, strlen(CUT_MARK));
		line->len += strlen(CUT_MARK);
	}
	line->bytes[line->len++] = '\n';
}

/* Whether fd takes a line now, without a wait and without a signal. */
static bool
is_writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1 && p.revents == POLLOUT;
}

static bool
line_write(int fd, const struct line *line)
{
	ssize_t n;

	if (!is_writable(fd))
		return false;
	do
		n = write(fd, line->bytes, line->len);
	while (n < 0 && errno == EINTR);
	/* What was written of a cut-off line cannot be taken back. */
	return n == (ssize_t)line->len;
}

static void
tell_lost(struct log *log, int64_t now_ms)
{
	unsigned long n = (unsigned long)(log->lost - log->lost_told);
	struct line line;
	char text[256];

	if (n == 0)
		return;
	snprintf(text, sizeof(text),
	    ngettext("log: %lu line was lost, nobody took it",
		"log: %lu lines were lost, nobody took them", n),
	    n);
	line_head(&line, now_ms, LOG_WARN);
	line_add(&line, text, false);
	if (line_write(log->fd, &line))
		log->lost_told = log->lost;
}

/*
 * Cuts what vsnprintf(3) may have left of a character at the end of text,
 * so that a cut shows as a cut and not as bad bytes.
 */
static void
drop_half_char(char *text)
{
	size_t n = strlen(text);

	while (n > 0 && ((unsigned char)text[n - 1] & 0xc0) == 0x80)
		n--;
	if (n > 0 && ((unsigned char)text[n - 1] & 0x80) != 0)
		n--;
	text[n] = '\0';
}

static void
line_out(struct log *log, int64_t now_ms, enum log_level level, const char *who,
    const char *format, va_list args)
{
	char text[LOG_LINE_BYTES];
	struct line line;
	size_t n;
	int m;
	int saved = errno;

	snprintf(text, sizeof(text), "%.64s: ", who);
	n = strlen(text);
	m = vsnprintf(text + n, sizeof(text) - n, format, args);
	if (m < 0)
		text[n] = '\0';
	else if ((size_t)m >= sizeof(text) - n)
		drop_half_char(text);
	line_head(&line, now_ms, level);
	line_add(&line, text, m < 0 || (size_t)m >= sizeof(text) - n);
	tell_lost(log, now_ms);
	if (!line_write(log->fd, &line))
		log->lost++;
	errno = saved;
}

__attribute__((format(printf, 5, 6))) static void
line_printf(struct log *log, int64_t now_ms, enum log_level level,
    const char *who, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line_out(log, now_ms, level, who, format, args);
	va_end(args);
}

void
log_line(struct log *log, enum log_level level, const char *who,
    const char *format, ...)
{
	va_list args;

	if (!log_wants(log, level))
		return;
	va_start(args, format);
	line_out(log, log->clock(log->clock_arg), level, who, format, args);
	va_end(args);
}

void
log_limit_init(struct log_limit *limit, unsigned lines_max)
{
	*limit = (struct log_limit){ .lines_max = lines_max };
}

static void
tell_left_out(struct log *log, struct log_limit *limit, int64_t now_ms,
    enum log_level level, const char *who)
{
	unsigned long n = (unsigned long)limit->left_out;

	limit->left_out = 0;
	if (n > 0)
		line_printf(log, now_ms, level, who,
		    ngettext("%lu line like these was left out",
			"%lu lines like these were left out", n),
		    n);
}

/* Whether the present moment is out of the window; a clock may jump back. */
static bool
window_is_over(const struct log_limit *limit, int64_t now_ms)
{
	return now_ms < limit->since_ms ||
	    now_ms - limit->since_ms >= LOG_LIMIT_WINDOW_MS;
}

void
log_limited(struct log *log, struct log_limit *limit, enum log_level level,
    const char *who, const char *format, ...)
{
	int64_t now_ms;
	va_list args;

	if (!log_wants(log, level))
		return;
	now_ms = log->clock(log->clock_arg);
	if (window_is_over(limit, now_ms)) {
		tell_left_out(log, limit, now_ms, level, who);
		limit->since_ms = now_ms;
		limit->lines = 0;
	}
	if (limit->lines >= limit->lines_max) {
		limit->left_out++;
		return;
	}
	limit->lines++;
	va_start(args, format);
	line_out(log, now_ms, level, who, format, args);
	va_end(args);
}

void
log_limit_flush(struct log *log, struct log_limit *limit, enum log_level level,
    const char *who)
{
	if (!log_wants(log, level))
		return;
	tell_left_out(log, limit, log->clock(log->clock_arg), level, who);
}

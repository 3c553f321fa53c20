/*
 * Log lines for the people who run the program, one event a line:
 *
 *	2026-11-22T16:10:00.123Z warn  listener: cookie refused, 10.0.0.7
 *
 * Times are UTC. Whatever a line was made from, it is sanitised (text.h),
 * so no peer can forge a second line or reach the terminal; it is at most
 * LOG_LINE_BYTES long, and a longer one ends in "...". It is written with
 * one write(2), so the lines of several programs on one pipe do not mix.
 *
 * A log never holds the program up and never ends it. A descriptor that
 * takes nothing now (a full pipe, a stopped terminal) or never will (its
 * reader is gone, its disk is full) loses the line, which is counted; the
 * next one that is written is preceded by their number. The descriptor is
 * asked with poll(2) first, because O_NONBLOCK would be set for whoever
 * else shares it. Two narrow cases are left: a reader that goes between
 * poll and write raises SIGPIPE, which a program with sockets ignores
 * anyway; and a terminal that takes a part of a line may wait for the rest.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/api.h"
#include "proto/err.h"

API_BEGIN

enum {
	/* With its line feed; under PIPE_BUF, so it is written whole. */
	LOG_LINE_BYTES = 2048,
	LOG_LIMIT_WINDOW_MS = 10000,
};

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Where the time comes from: milliseconds since 1970, UTC. */
typedef int64_t log_clock_fn(void *arg);

/*
 * A log; main owns it and passes it on. The members belong to log.c, except
 * that level and lost may be read. Nothing is to be released. Every
 * function below takes NULL for a log that writes nothing.
 */
struct log {
	int fd;
	enum log_level level; /* the least important that is written */
	log_clock_fn *clock;
	void *clock_arg;
	uint64_t lost; /* lines that fd did not take */
	uint64_t lost_told; /* of them, how many a line has told of */
};

/*
 * Starts a log on fd (which stays the caller's) of that level and all more
 * important ones. clock is asked once for each line.
 */
void log_init(struct log *log, int fd, enum log_level level,
    log_clock_fn *clock, void *clock_arg);

/*
 * Reads a level by its name: error, warn, info, debug. E_BADARG: anything
 * else, NULL too; then *out is unchanged.
 */
__attribute__((warn_unused_result)) enum err log_level_parse(const char *text,
    enum log_level *out);

/* True when a line of that level would be written. */
bool log_wants(const struct log *log, enum log_level level);

/*
 * Writes one line, unless its level is below the log's. who is the part of
 * the program that speaks. errno is left as it was.
 */
__attribute__((format(printf, 4, 5))) void log_line(struct log *log,
    enum log_level level, const char *who, const char *format, ...);

/*
 * What a peer can cause at will goes through a limit: at most lines_max
 * lines in 10 s. The number of those left out is told by the first line
 * after these 10 s, or by log_limit_flush(). One limit for each kind of
 * event, owned by whoever logs it.
 */
struct log_limit {
	unsigned lines_max;
	unsigned lines; /* of the present window */
	uint64_t left_out; /* and not told yet */
	int64_t since_ms; /* the present window's start */
};

void log_limit_init(struct log_limit *limit, unsigned lines_max);

/* log_line(), if the limit has room left. */
__attribute__((format(printf, 5, 6))) void log_limited(struct log *log,
    struct log_limit *limit, enum log_level level, const char *who,
    const char *format, ...);

/* Tells how many lines were left out, if any were: before a stop. */
void log_limit_flush(struct log *log, struct log_limit *limit,
    enum log_level level, const char *who);

API_END

#endif

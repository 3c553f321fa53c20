/*
 * What the programs of the bench share: how they end, read numbers, tell
 * the time.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Says why in one line and ends with status 1: a figure of a run in which
 * something went wrong is worth nothing. */
__attribute__((format(printf, 1, 2))) static inline _Noreturn void
die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

/* The number of an option, from 1 to max; else it dies. */
static inline uint32_t
number_of(const char *option, const char *text, uint32_t max)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || v < 1 || v > max)
		die("--%s %s: a number from 1 to %u", option, text, max);
	return (uint32_t)v;
}

/* The seconds of an option, up to an hour; else it dies. */
static inline double
seconds_of(const char *text)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end != '\0' || !(v > 0 && v <= 3600))
		die("--seconds %s: a number up to 3600", text);
	return v;
}

static inline uint64_t
clock_ns(clockid_t id)
{
	struct timespec t;

	if (clock_gettime(id, &t) != 0)
		die("no such clock: %s", strerror(errno));
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline uint64_t
now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/*
 * The CPU time of a process, user and system, all threads: the sum that
 * /proc/PID/stat shows in ticks of 10 ms, here in nanoseconds.
 */
static inline uint64_t
process_cpu_ns(uint32_t pid)
{
	clockid_t clock;

	if (clock_getcpuclockid((pid_t)pid, &clock) != 0)
		die("there is no process %u", pid);
	return clock_ns(clock);
}

/* As many open files as the machine allows. */
static inline void
raise_files(uint32_t wanted)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		die("no limit of files: %s", strerror(errno));
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur < wanted)
		die("%u files are needed and %llu allowed", wanted,
		    (unsigned long long)files.rlim_cur);
}

/* Nagle off, as everywhere in Tareas. */
static inline void
set_nodelay(int fd)
{
	int on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
		die("no TCP_NODELAY: %s", strerror(errno));
}

/* The address of a port of this machine, and of no other. */
static inline struct sockaddr_in
loopback(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

#endif

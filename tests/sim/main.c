/*
 * The simulation's program. It runs seeds, in as many processes as asked
 * for, and stops at the first that fails, whatever way: it prints that
 * seed and what to type to see it.
 *
 * usage: tareas_sim [-s SEED [-t]] [-f FIRST] [-n SEEDS] [-j JOBS]
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/run.h"

enum {
	JOBS_MAX = 64,
	SEED_SECONDS = 120, /* of a machine; a sanitizer is slow */
};

/* What the processes share with their parent. */
struct job {
	uint64_t seed; /* that it is at */
	uint64_t requests;
	uint64_t applied;
	uint64_t virtual_ms;
	uint64_t hash; /* of the last trace */
	pid_t pid;
};

struct options {
	uint64_t first;
	uint64_t seeds;
	unsigned jobs;
	bool one; /* -s: a single seed, twice */
	bool trace;
};

static bool
read_options(struct options *o, int argc, char *argv[])
{
	int c;

	*o = (struct options){ .first = 1, .seeds = 100, .jobs = 1 };
	while ((c = getopt(argc, argv, "s:tf:n:j:")) != -1) {
		if (c == 's')
			o->one = true;
		if (c == 's' || c == 'f')
			o->first = strtoull(optarg, NULL, 10);
		else if (c == 't')
			o->trace = true;
		else if (c == 'n')
			o->seeds = strtoull(optarg, NULL, 10);
		else if (c == 'j')
			o->jobs = (unsigned)strtoul(optarg, NULL, 10);
		else
			return false;
	}
	return optind == argc && o->jobs > 0 && o->jobs <= JOBS_MAX;
}

/* One in a hundred runs twice: the same seed gives the same trace. */
static void
run_one(struct job *job, uint64_t seed, bool twice, bool trace)
{
	struct run_result r, again;

	job->seed = seed;
	alarm(SEED_SECONDS);
	r = run_seed(seed, trace);
	job->requests += r.requests;
	job->applied += r.applied;
	job->virtual_ms += r.ms;
	job->hash = r.hash;
	if (!twice)
		return;
	again = run_seed(seed, false);
	if (again.hash == r.hash)
		return;
	printf("seed %" PRIu64 ": two runs differ\n", seed);
	fflush(stdout);
	_exit(1);
}

static void
work(const struct options *o, struct job *job, unsigned which)
{
	for (uint64_t i = which; i < o->seeds; i += o->jobs)
		run_one(job, o->first + i, i % 100 == 0, false);
}

static void
start(const struct options *o, struct job *jobs)
{
	fflush(stdout);
	for (unsigned i = 0; i < o->jobs; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			work(o, &jobs[i], i);
			exit(0); /* a sanitizer looks for leaks here */
		}
		jobs[i].pid = pid;
	}
}

static void
say_failed(const struct job *job, int status)
{
	if (WIFSIGNALED(status))
		printf("seed %" PRIu64 ": ended by signal %d\n", job->seed,
		    WTERMSIG(status));
	printf("FAILED: seed %" PRIu64 "\nmake sim SEED=%" PRIu64
	       " TRACE=1 replays it\n",
	    job->seed, job->seed);
}

/* The first that fails ends the others. */
static bool
wait_all(const struct options *o, struct job *jobs)
{
	bool good = true;
	int status;
	pid_t pid;

	while ((pid = wait(&status)) > 0)
		for (unsigned i = 0; i < o->jobs; i++) {
			if (pid == jobs[i].pid && good && status != 0) {
				good = false;
				say_failed(&jobs[i], status);
			}
			if (pid == jobs[i].pid)
				jobs[i].pid = 0;
			else if (!good && jobs[i].pid != 0)
				kill(jobs[i].pid, SIGKILL);
		}
	return good;
}

static void
say_good(const struct options *o, const struct job *jobs)
{
	struct job sum = { .seed = 0 };

	for (unsigned i = 0; i < o->jobs; i++) {
		sum.requests += jobs[i].requests;
		sum.applied += jobs[i].applied;
		sum.virtual_ms += jobs[i].virtual_ms;
	}
	printf("%" PRIu64 " seeds, no violation: %" PRIu64 " requests, %" PRIu64
	       " applied, %" PRIu64 " virtual hours\n",
	    o->seeds, sum.requests, sum.applied, sum.virtual_ms / 3600000);
}

static int
replay(const struct options *o, struct job *job)
{
	run_one(job, o->first, true, o->trace);
	printf("seed %" PRIu64 ": no violation, %" PRIu64 " requests, %" PRIu64
	       " applied, trace %016" PRIx64 " twice\n",
	    o->first, job->requests, job->applied, job->hash);
	return 0;
}

int
main(int argc, char *argv[])
{
	struct options o;
	struct job *jobs;

	if (!read_options(&o, argc, argv)) {
		fprintf(stderr,
		    "usage: %s [-s SEED [-t]] [-f FIRST] "
		    "[-n SEEDS] [-j JOBS]\n",
		    argv[0]);
		return 64;
	}
	jobs = mmap(NULL, JOBS_MAX * sizeof(*jobs), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (jobs == MAP_FAILED)
		return 71;
	if (o.one)
		return replay(&o, &jobs[0]);
	start(&o, jobs);
	if (!wait_all(&o, jobs))
		return 1;
	say_good(&o, jobs);
	return 0;
}

#include "tests/sim/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static uint64_t present_seed;
static const struct sim *present_sim;

void
check_begin(uint64_t seed, const struct sim *sim)
{
	present_seed = seed;
	present_sim = sim;
}

void
check(bool good, const char *format, ...)
{
	uint64_t now = sim_now(present_sim);
	va_list args;

	if (good)
		return;
	printf("seed %" PRIu64 ", %" PRIu64 ".%03" PRIu64 " s: ", present_seed,
	    now / 1000, now % 1000);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	_exit(1); /* what is still allocated is no leak */
}

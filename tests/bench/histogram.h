/*
 * A histogram of nanoseconds, log-linear as HdrHistogram's: every power of
 * two is cut into 128 equal buckets, so a value read from it is less than
 * 1 % off, over the whole range of 64 bits, in 58 KiB.
 */
#ifndef TESTS_BENCH_HISTOGRAM_H
#define TESTS_BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum {
	HISTOGRAM_BITS = 7, /* 2^7 buckets for each power of two */
	HISTOGRAM_CUTS = 1 << HISTOGRAM_BITS,
	HISTOGRAM_BUCKETS = (64 - HISTOGRAM_BITS + 1) * HISTOGRAM_CUTS,
};

/* All zero: empty. */
struct histogram {
	uint64_t count;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* Values under 2 * CUTS have a bucket each. */
static inline size_t
histogram_bucket(uint64_t value)
{
	unsigned shift = 0;

	if (value >= 2 * HISTOGRAM_CUTS)
		shift = 63 - HISTOGRAM_BITS - (unsigned)__builtin_clzll(value);
	return (size_t)shift * HISTOGRAM_CUTS + (size_t)(value >> shift);
}

/* The middle of a bucket. */
static inline uint64_t
histogram_value(size_t bucket)
{
	size_t shift = 0;

	if (bucket >= 2 * HISTOGRAM_CUTS)
		shift = bucket / HISTOGRAM_CUTS - 1;
	return ((uint64_t)(bucket - shift * HISTOGRAM_CUTS) << shift) +
	    (UINT64_C(1) << shift) / 2;
}

static inline void
histogram_add(struct histogram *h, uint64_t value)
{
	h->count++;
	h->buckets[histogram_bucket(value)]++;
}

/* What a share (0 to 1) of the values does not exceed; 0 when empty. */
static inline uint64_t
histogram_quantile(const struct histogram *h, double share)
{
	double wanted = share * (double)h->count;
	uint64_t seen = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen > 0 && (double)seen >= wanted)
			return histogram_value(i);
	}
	return 0;
}

#endif

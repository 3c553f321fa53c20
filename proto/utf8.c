#include "proto/utf8.h"

#include <string.h>

/* Words go through it that cost less than a call. */
#define INLINE static inline __attribute__((always_inline))
/* And the way of few does not make that of many longer. */
#define APART static __attribute__((noinline))

static bool
is_continuation(uint8_t b)
{
	return (b & 0xc0) == 0x80;
}

/* Bytes of a character by its first byte, 0 if none starts so. */
static size_t
char_bytes(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first < 0xe0)
		return 2;
	if (first >= 0xe0 && first < 0xf0)
		return 3;
	if (first >= 0xf0 && first < 0xf5)
		return 4;
	return 0;
}

size_t
utf8_decode(struct slice s, uint32_t *c)
{
	static const uint32_t lowest[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	static const uint8_t mask[5] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	size_t n = char_bytes(s.bytes[0]);
	uint32_t v;

	if (n == 0 || n > s.len)
		return 0;
	v = s.bytes[0] & mask[n];
	for (size_t i = 1; i < n; i++) {
		if (!is_continuation(s.bytes[i]))
			return 0;
		v = v << 6 | (s.bytes[i] & 0x3f);
	}
	if (v < lowest[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return 0;
	*c = v;
	return n;
}

/* A byte in each of the eight of a word. */
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static uint64_t
word_at(const uint8_t *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

static uint32_t
half_at(const uint8_t *p)
{
	uint32_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

/* All of 1 to 7 bytes in a word: some twice, and spaces. */
INLINE uint64_t
word_of_few(struct slice s)
{
	const uint8_t *last = s.bytes + s.len - 1;

	if (s.len >= 4)
		return (uint64_t)half_at(s.bytes) << 32 | half_at(last - 3);
	return (EACH(' ') & ~UINT64_C(0xffffff)) | s.bytes[0] |
	    (uint64_t)s.bytes[s.len / 2] << 8 | (uint64_t)*last << 16;
}

/* The high bit of each byte that has it. */
static uint64_t
not_ascii(uint64_t w)
{
	return w & EACH(0x80);
}

/*
 * The high bit of bytes that are not 0x20 to 0x7e: those have none, and get
 * none by one more or 0x20 less. Bytes above another one may have it, too.
 */
static uint64_t
not_printable(uint64_t w)
{
	return (w | (w + EACH(1)) | (w - EACH(0x20))) & EACH(0x80);
}

/*
 * Whether the words of s have nothing of what is asked for; the last ones
 * begin inside those before them.
 */
INLINE bool
has_none(struct slice s, uint64_t (*what)(uint64_t w))
{
	uint64_t found = 0;

	if (s.len == 0)
		return true;
	if (s.len < 8)
		return what(word_of_few(s)) == 0;
	for (size_t i = 0; i + 16 <= s.len; i += 16)
		found |=
		    what(word_at(s.bytes + i)) | what(word_at(s.bytes + i + 8));
	if (s.len >= 16)
		found |= what(word_at(s.bytes + s.len - 16));
	return (found | what(word_at(s.bytes)) |
		   what(word_at(s.bytes + s.len - 8))) == 0;
}

/* How many whole words at the start have nothing of it, in bytes. */
INLINE size_t
run_without(struct slice s, uint64_t (*what)(uint64_t w))
{
	size_t i = 0;

	while (i + 8 <= s.len && what(word_at(s.bytes + i)) == 0)
		i += 8;
	return i;
}

APART bool
is_valid(struct slice s)
{
	uint32_t c;

	while (s.len > 0) {
		size_t n = run_without(s, not_ascii);

		if (n == 0)
			n = utf8_decode(s, &c);
		if (n == 0)
			return false;
		s.bytes += n;
		s.len -= n;
	}
	return true;
}

bool
utf8_valid(struct slice s)
{
	return has_none(s, not_ascii) || is_valid(s);
}

/* C1 is U+0080 to U+009F: c2 80 to c2 9f. */
static bool
starts_with_control(struct slice s)
{
	uint8_t b = s.bytes[0];

	return b < 0x20 || b == 0x7f ||
	    (b == 0xc2 && s.len > 1 && s.bytes[1] < 0xa0);
}

APART bool
has_control(struct slice s)
{
	while (s.len > 0) {
		size_t n = run_without(s, not_printable);

		if (n == 0 && starts_with_control(s))
			return true;
		n = n > 0 ? n : 1;
		s.bytes += n;
		s.len -= n;
	}
	return false;
}

bool
utf8_has_control(struct slice s)
{
	return !has_none(s, not_printable) && has_control(s);
}

bool
utf8_is_text(struct slice s)
{
	return has_none(s, not_printable) || (is_valid(s) && !has_control(s));
}

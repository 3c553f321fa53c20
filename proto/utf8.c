#include "proto/utf8.h"

#include <string.h>

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

/* How many bytes at the start are ASCII, eight at a time. */
static size_t
ascii_run(struct slice s)
{
	size_t i = 0;

	while (i + 8 <= s.len && !(word_at(s.bytes + i) & EACH(0x80)))
		i += 8;
	while (i < s.len && s.bytes[i] < 0x80)
		i++;
	return i;
}

bool
utf8_valid(struct slice s)
{
	uint32_t c;

	while (s.len > 0) {
		size_t n = ascii_run(s);

		if (n == 0)
			n = utf8_decode(s, &c);
		if (n == 0)
			return false;
		s.bytes += n;
		s.len -= n;
	}
	return true;
}

/*
 * How many bytes at the start are 0x20 to 0x7e, eight at a time: none has
 * its high bit, gets it by one more, or loses a high bit by 0x20 less.
 */
static size_t
printable_run(struct slice s)
{
	size_t i = 0;

	for (; i + 8 <= s.len; i += 8) {
		uint64_t w = word_at(s.bytes + i);
		uint64_t less = (w | EACH(0x80)) - EACH(0x20);

		if ((w | (w + EACH(1)) | ~less) & EACH(0x80))
			break;
	}
	return i;
}

/* C1 is U+0080 to U+009F: c2 80 to c2 9f. */
static bool
starts_with_control(struct slice s)
{
	uint8_t b = s.bytes[0];

	return b < 0x20 || b == 0x7f ||
	    (b == 0xc2 && s.len > 1 && s.bytes[1] < 0xa0);
}

bool
utf8_has_control(struct slice s)
{
	while (s.len > 0) {
		size_t n = printable_run(s);

		if (n == 0 && starts_with_control(s))
			return true;
		n = n > 0 ? n : 1;
		s.bytes += n;
		s.len -= n;
	}
	return false;
}

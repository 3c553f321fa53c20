/*
 * server/salas_state.h, against a model that is as simple as can be: for
 * each room an array of all that was ever said in it.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "server/salas_state.h"
#include "tests/lib/bytes.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define ALL UINT64_MAX

enum { FRAME = LIMIT_FRAME - 64 };

static struct salas_state *state;
static uint64_t seq;

static void
setup(void)
{
	static const uint8_t seed[TABLE_SEED_BYTES] = { 7 };

	state = salas_state_new(seed);
	seq = 0;
}

static void
teardown(void)
{
	salas_state_free(state);
}

static enum err
create(const char *name, const char *creator)
{
	return salas_state_create(state, ++seq, slice_of(name),
	    slice_of(creator));
}

static enum err
send_text(const char *name, const char *text, uint64_t *n, uint64_t *gone)
{
	seq++;
	return salas_state_send(state, seq, slice_of(name), 1000 + seq,
	    slice_of("ana"), slice_of(text), n, gone);
}

static struct sala
find(const char *name)
{
	struct sala s = { .id = 0 };

	(void)salas_state_find(state, slice_of(name), &s);
	return s;
}

/* What a listing has: its messages' numbers, which follow each other. */
struct listing {
	uint32_t count;
	uint64_t first;
	size_t bytes;
	uint64_t at_ms; /* of the first */
	char text[32]; /* the same */
};

static struct listing
list(const char *name, uint64_t from, uint64_t to, uint64_t cuantas,
    size_t bytes_max)
{
	struct listing l = { .count = 0 };
	struct term_reader r;
	struct slice usuario, texto;
	uint64_t n, at;
	uint32_t count, four;
	struct buf b;

	buf_init(&b);
	l.count = salas_state_messages(state, slice_of(name), from, to, cuantas,
	    bytes_max, &b);
	l.bytes = buf_len(&b);
	ck_assert(term_is_sound(buf_bytes(&b)));
	term_reader_init(&r, buf_bytes(&b));
	ck_assert_int_eq(term_read_array(&r, &count), E_OK);
	ck_assert_uint_eq(count, l.count);
	for (uint32_t i = 0; i < count; i++) {
		ck_assert_int_eq(term_read_array(&r, &four), E_OK);
		ck_assert_uint_eq(four, 4);
		ck_assert_int_eq(term_read_uint(&r, &n), E_OK);
		ck_assert_int_eq(term_read_uint(&r, &at), E_OK);
		ck_assert_int_eq(term_read_str(&r, &usuario), E_OK);
		ck_assert_int_eq(term_read_str(&r, &texto), E_OK);
		ck_assert(slice_is(usuario, "ana"));
		if (i == 0) {
			l.first = n;
			l.at_ms = at;
			snprintf(l.text, sizeof(l.text), "%.*s", (int)texto.len,
			    (const char *)texto.bytes);
		}
		ck_assert_uint_eq(n, l.first + i);
	}
	ck_assert_int_eq(term_end(&r), E_OK);
	buf_release(&b);
	return l;
}

static uint64_t
newest(const char *name, uint64_t to, uint64_t cuantas, size_t bytes_max)
{
	return salas_state_newest(state, slice_of(name), to, cuantas,
	    bytes_max);
}

/* -- rooms -- */

START_TEST(a_room_is_made_found_and_ended)
{
	struct sala s;
	uint64_t id = 0, n, gone;

	ck_assert_int_eq(create("general", "ana"), E_OK);
	s = find("general");
	ck_assert_uint_eq(s.id, 1);
	ck_assert_uint_eq(s.seq, 1);
	ck_assert_uint_eq(s.first, 0);
	ck_assert_uint_eq(s.last, 0);
	ck_assert(slice_is(s.name, "general"));
	ck_assert(slice_is(s.creator, "ana"));
	ck_assert_int_eq(create("general", "luis"), E_EXISTS);
	ck_assert(slice_is(find("general").creator, "ana"));
	ck_assert_uint_eq(salas_state_count(state), 1);
	ck_assert_int_eq(send_text("general", "hola", &n, &gone), E_OK);
	ck_assert_uint_eq(find("general").seq, 3);
	ck_assert_int_eq(salas_state_delete(state, ++seq, slice_of("general"),
			     &id),
	    E_OK);
	ck_assert_uint_eq(id, 1);
	ck_assert_uint_eq(find("general").id, 0);
	ck_assert_int_eq(salas_state_delete(state, ++seq, slice_of("general"),
			     &id),
	    E_NOPROC);
	ck_assert_int_eq(send_text("general", "hola", &n, &gone), E_NOPROC);
	ck_assert_uint_eq(list("general", 1, ALL, ALL, FRAME).count, 0);
	ck_assert_int_eq(create("general", ""), E_OK);
	ck_assert_uint_eq(find("general").last, 0);
}
END_TEST

START_TEST(a_seq_that_reading_depends_on)
{
	uint64_t id, n, gone;

	ck_assert_uint_eq(salas_state_seq(state, slice_of("a")), 0);
	create("a", "ana");
	create("b", "ana");
	ck_assert_uint_eq(salas_state_seq(state, slice_of("a")), 1);
	send_text("a", "x", &n, &gone);
	ck_assert_uint_eq(salas_state_seq(state, slice_of("a")), 3);
	ck_assert_uint_eq(salas_state_seq(state, slice_of("b")), 2);
	salas_state_delete(state, ++seq, slice_of("a"), &id);
	ck_assert_uint_ge(salas_state_seq(state, slice_of("a")), 4);
	create("a", "ana");
	ck_assert_uint_eq(salas_state_seq(state, slice_of("a")), 5);
}
END_TEST

START_TEST(there_are_so_many_rooms_and_no_more)
{
	char name[16];
	struct sala s;
	size_t place = 0, seen = 0;
	uint64_t id;

	for (int i = 0; i < LIMIT_ROOMS; i++) {
		snprintf(name, sizeof(name), "sala %d", i);
		ck_assert_int_eq(create(name, "ana"), E_OK);
	}
	ck_assert_int_eq(create("una más", "ana"), E_TOOBIG);
	ck_assert_int_eq(create("sala 7", "ana"), E_EXISTS);
	while (salas_state_next(state, &place, &s))
		seen++;
	ck_assert_uint_eq(seen, LIMIT_ROOMS);
	ck_assert_uint_eq(salas_state_count(state), LIMIT_ROOMS);
	ck_assert_int_eq(salas_state_delete(state, ++seq, slice_of("sala 7"),
			     &id),
	    E_OK);
	ck_assert_int_eq(create("una más", "ana"), E_OK);
}
END_TEST

/* -- messages -- */

/* Texts of all lengths, so that messages end at all places of a chunk. */
static void
talk(const char *name, unsigned count)
{
	char text[LIMIT_TEXT + 1];
	uint64_t seed = 1, n, gone, before = find(name).last;

	for (unsigned i = 0; i < count; i++) {
		size_t len =
		    random_next(&seed) % (i % 50 == 0 ? LIMIT_TEXT : 60);

		memset(text, 'x', len);
		snprintf(text + len, sizeof(text) - len, "%s",
		    len == 0 ? "y" : "");
		ck_assert_int_eq(send_text(name, text, &n, &gone), E_OK);
		ck_assert_uint_eq(n, before + i + 1);
		ck_assert_uint_eq(gone, 0);
	}
}

START_TEST(any_part_of_what_was_said_is_found)
{
	enum { SAID = 1500 };
	struct listing l;

	create("a", "ana");
	talk("a", SAID);
	for (uint64_t from = 0; from <= SAID + 2; from++) {
		uint64_t first = from > 0 ? from : 1;

		l = list("a", from, ALL, 3, FRAME);
		ck_assert_uint_eq(l.count,
		    first > SAID	 ? 0 :
			first + 2 > SAID ? SAID - first + 1 :
					   3);
		if (l.count > 0)
			ck_assert_uint_eq(l.first, first);
		l = list("a", from, from + 1, ALL, FRAME);
		ck_assert_uint_le(l.count, 2);
	}
	l = list("a", 1, ALL, ALL, FRAME);
	ck_assert_uint_eq(l.count, SAID);
	ck_assert_uint_eq(list("a", 1, ALL, 0, FRAME).count, 0);
	ck_assert_uint_eq(list("a", 10, 9, ALL, FRAME).count, 0);
	ck_assert_uint_eq(list("b", 1, ALL, ALL, FRAME).count, 0);
}
END_TEST

START_TEST(a_listing_fits)
{
	struct listing l;

	create("a", "ana");
	talk("a", 300);
	for (size_t bytes = 5; bytes < 12000; bytes += 13) {
		uint64_t from = newest("a", 300, ALL, bytes);

		l = list("a", 1, ALL, ALL, bytes);
		ck_assert_uint_le(l.bytes, bytes);
		/* The next one would have been too much. */
		ck_assert_uint_gt(list("a", 1, ALL, l.count + 1, FRAME).bytes +
			4,
		    bytes);
		l = list("a", from, 300, ALL, bytes);
		ck_assert_uint_eq(l.count, 301 - from);
		ck_assert_uint_gt(list("a", from - 1, 300, ALL, FRAME).bytes +
			4,
		    bytes);
	}
}
END_TEST

START_TEST(the_newest_ones_are_counted_from_the_end)
{
	create("a", "ana");
	ck_assert_uint_eq(newest("a", 0, 20, FRAME), 1);
	ck_assert_uint_eq(newest("b", 0, 20, FRAME), 1);
	talk("a", 30);
	ck_assert_uint_eq(newest("a", 30, 20, FRAME), 11);
	ck_assert_uint_eq(newest("a", 25, 20, FRAME), 6);
	ck_assert_uint_eq(newest("a", 30, 30, FRAME), 1);
	ck_assert_uint_eq(newest("a", 30, 31, FRAME), 1);
	ck_assert_uint_eq(newest("a", 30, ALL, FRAME), 1);
	ck_assert_uint_eq(newest("a", 30, 0, FRAME), 31);
	ck_assert_uint_eq(newest("a", 0, 20, FRAME), 1);
}
END_TEST

START_TEST(a_frame_has_room_for_so_many_objects)
{
	uint64_t n, gone;

	create("a", "ana");
	for (int i = 0; i < LIMIT_OBJECTS / 5 + 10; i++)
		send_text("a", "x", &n, &gone);
	ck_assert_uint_eq(list("a", 1, ALL, ALL, FRAME).count,
	    (LIMIT_OBJECTS - 16) / 5);
	ck_assert_uint_eq(newest("a", n, ALL, FRAME),
	    n - (LIMIT_OBJECTS - 16) / 5 + 1);
}
END_TEST

START_TEST(the_oldest_go_when_there_are_too_many)
{
	uint64_t n = 0, gone = 0, last = 0;
	unsigned times = 0;

	create("a", "ana");
	for (int i = 0; i < LIMIT_HISTORY + 5000; i++) {
		send_text("a", "hola", &n, &gone);
		if (gone > 0) {
			times++;
			ck_assert_uint_gt(gone, last);
			ck_assert_uint_eq(find("a").first, gone + 1);
			last = gone;
		}
		ck_assert_uint_le(n - find("a").first + 1,
		    LIMIT_HISTORY + LIMIT_HISTORY / 100);
	}
	ck_assert_uint_ge(n - find("a").first + 1, LIMIT_HISTORY);
	ck_assert_uint_eq(n, LIMIT_HISTORY + 5000);
	ck_assert_uint_le(times, 5);
	ck_assert_uint_ge(times, 4);
	ck_assert_uint_eq(list("a", 1, ALL, 1, FRAME).first, last + 1);
	ck_assert_uint_eq(list("a", last + 1, ALL, 1, FRAME).first, last + 1);
	ck_assert_uint_eq(list("a", n, ALL, 9, FRAME).first, n);
}
END_TEST

/* -- from a store -- */

START_TEST(what_a_store_has_comes_back)
{
	static const uint8_t seed[TABLE_SEED_BYTES] = { 9 };
	struct slice ana = slice_of("ana");
	struct listing l;
	uint64_t n, gone;

	salas_state_free(state);
	state = salas_state_new(seed);
	ck_assert_int_eq(salas_state_create(state, 40, slice_of("a"), ana),
	    E_OK);
	ck_assert_int_eq(salas_state_create(state, 50, slice_of("b"), ana),
	    E_OK);
	ck_assert(!salas_state_restore(state, 45, 1, 1, ana, ana));
	for (uint64_t i = 1001; i <= 1100; i++) {
		ck_assert(salas_state_restore(state, 40, i, i, ana, ana));
		ck_assert(
		    salas_state_restore(state, 50, i - 1000, i, ana, ana));
	}
	ck_assert_uint_eq(find("a").first, 1001);
	ck_assert_uint_eq(find("a").last, 1100);
	ck_assert_uint_eq(find("b").last, 100);
	l = list("a", 1, ALL, ALL, FRAME);
	ck_assert_uint_eq(l.count, 100);
	ck_assert_uint_eq(l.first, 1001);
	ck_assert_uint_eq(l.at_ms, 1001);
	seq = 60;
	ck_assert_int_eq(send_text("a", "más", &n, &gone), E_OK);
	ck_assert_uint_eq(n, 1101);
	l = list("a", n, ALL, ALL, FRAME);
	ck_assert_str_eq(l.text, "más");
}
END_TEST

START_TEST(behind_a_gap_the_older_ones_are_not_kept)
{
	struct slice ana = slice_of("ana");

	create("a", "ana");
	ck_assert(salas_state_restore(state, 1, 1, 1, ana, ana));
	ck_assert(salas_state_restore(state, 1, 2, 1, ana, ana));
	ck_assert(!salas_state_restore(state, 1, 2, 1, ana, ana));
	ck_assert(salas_state_restore(state, 1, 5, 1, ana, ana));
	ck_assert_uint_eq(find("a").first, 5);
	ck_assert_uint_eq(list("a", 1, ALL, ALL, FRAME).first, 5);
	ck_assert_uint_eq(list("a", 1, ALL, ALL, FRAME).count, 1);
}
END_TEST

/* -- the model: many rooms, made and ended -- */

START_TEST(as_the_model_says)
{
	enum { ROOMS = 5, STEPS = 20000 };
	static const char *const names[ROOMS] = { "a", "b", "c", "d", "e" };
	uint64_t last[ROOMS], id[ROOMS] = { 0 }, seed = (uint64_t)_i, n, gone;

	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = (unsigned)(random_next(&seed) % ROOMS);
		const char *name = names[i];

		switch (random_next(&seed) % 100) {
		case 0:
			ck_assert_int_eq(create(name, "ana"),
			    id[i] != 0 ? E_EXISTS : E_OK);
			if (id[i] == 0) {
				id[i] = seq;
				last[i] = 0;
			}
			break;
		case 1:
			ck_assert_int_eq(salas_state_delete(state, ++seq,
					     slice_of(name), &n),
			    id[i] != 0 ? E_OK : E_NOPROC);
			if (id[i] != 0)
				ck_assert_uint_eq(n, id[i]);
			id[i] = 0;
			break;
		default:
			ck_assert_int_eq(send_text(name, "hola", &n, &gone),
			    id[i] != 0 ? E_OK : E_NOPROC);
			if (id[i] != 0)
				ck_assert_uint_eq(n, ++last[i]);
		}
		ck_assert_uint_eq(find(name).id, id[i]);
		if (id[i] != 0 && last[i] > 0) {
			n = 1 + random_next(&seed) % last[i];
			ck_assert_uint_eq(list(name, n, ALL, 1, FRAME).first,
			    n);
		}
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("salas_state");
	TCase *c = tcase_create("salas_state");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_room_is_made_found_and_ended);
	tcase_add_test(c, a_seq_that_reading_depends_on);
	tcase_add_test(c, there_are_so_many_rooms_and_no_more);
	tcase_add_test(c, any_part_of_what_was_said_is_found);
	tcase_add_test(c, a_listing_fits);
	tcase_add_test(c, the_newest_ones_are_counted_from_the_end);
	tcase_add_test(c, a_frame_has_room_for_so_many_objects);
	tcase_add_test(c, the_oldest_go_when_there_are_too_many);
	tcase_add_test(c, what_a_store_has_comes_back);
	tcase_add_test(c, behind_a_gap_the_older_ones_are_not_kept);
	tcase_add_loop_test(c, as_the_model_says, 0, 5);
	suite_add_tcase(suite, c);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

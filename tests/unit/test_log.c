/* common/log.h: lines that cannot be forged and hold nobody up. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "proto/utf8.h"

#define HEAD "2026-11-22T16:10:00.123Z "
#define BAD "\xef\xbf\xbd"

enum { READ_END, WRITE_END };

static int64_t now_ms;
static int fds[2];
static struct log test_log;
static char got[4 * LOG_LINE_BYTES];

static int64_t
test_clock(void *arg)
{
	return *(int64_t *)arg;
}

static void
setup(void)
{
	now_ms = INT64_C(1795363800123);
	ck_assert_int_eq(pipe(fds), 0);
	/* Ours alone, so the reading end may be non-blocking. */
	fcntl(fds[READ_END], F_SETFL, O_NONBLOCK);
	log_init(&test_log, fds[WRITE_END], LOG_INFO, test_clock, &now_ms);
}

static void
teardown(void)
{
	close(fds[READ_END]);
	close(fds[WRITE_END]);
}

/* What was logged since the last look. */
static const char *
logged(void)
{
	ssize_t n = read(fds[READ_END], got, sizeof(got) - 1);

	got[n > 0 ? n : 0] = '\0';
	return got;
}

static int
lines(const char *s)
{
	int n = 0;

	for (; *s != '\0'; s++)
		n += *s == '\n';
	return n;
}

START_TEST(a_line_has_time_level_speaker_and_text)
{
	log_line(&test_log, LOG_WARN, "tareas", "%d of %s", 3, "five");
	ck_assert_str_eq(logged(), HEAD "warn  tareas: 3 of five\n");
	log_line(&test_log, LOG_ERROR, "listener", "x");
	ck_assert_str_eq(logged(), HEAD "error listener: x\n");
}
END_TEST

START_TEST(any_time_can_be_shown)
{
	static const struct {
		int64_t ms;
		const char *shown;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000Z info  a: b\n" },
		{ -1, "1969-12-31T23:59:59.999Z info  a: b\n" },
		{ INT64_C(951782400999),
		    "2000-02-29T00:00:00.999Z info  a: b\n" },
		{ INT64_MAX, NULL },
		{ INT64_MIN, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		now_ms = cases[i].ms;
		log_line(&test_log, LOG_INFO, "a", "b");
		logged();
		if (cases[i].shown != NULL)
			ck_assert_str_eq(got, cases[i].shown);
		ck_assert_int_eq(lines(got), 1);
	}
}
END_TEST

START_TEST(what_is_below_the_level_is_not_written)
{
	log_line(&test_log, LOG_DEBUG, "a", "b");
	ck_assert_str_eq(logged(), "");
	ck_assert(!log_wants(&test_log, LOG_DEBUG));
	ck_assert(log_wants(&test_log, LOG_INFO));
	ck_assert(log_wants(&test_log, LOG_ERROR));
}
END_TEST

START_TEST(no_log_writes_nothing)
{
	struct log_limit limit;

	log_limit_init(&limit, 1);
	log_line(NULL, LOG_ERROR, "a", "b");
	log_limited(NULL, &limit, LOG_ERROR, "a", "b");
	log_limit_flush(NULL, &limit, LOG_ERROR, "a");
	ck_assert(!log_wants(NULL, LOG_ERROR));
}
END_TEST

START_TEST(nobody_can_forge_a_line)
{
	log_line(&test_log, LOG_INFO, "a\nb", "%s",
	    "x\n" HEAD "error tareas: forged\x1b[2J\u202e\xff");
	ck_assert_str_eq(logged(),
	    HEAD "info  a" BAD "b: x" BAD HEAD
		 "error tareas: forged" BAD BAD BAD "\n");
}
END_TEST

/* Every length around the bound, of characters of one to four bytes. */
START_TEST(a_long_line_is_cut_between_characters)
{
	static const char *const chars[] = { "x", "ñ", "牛", "🥛", "\n" };

	for (size_t i = 0; i < sizeof(chars) / sizeof(chars[0]); i++) {
		for (size_t len = 600; len < 2200; len++) {
			char *text = malloc(len + 1);
			size_t n = strlen(chars[i]);
			bool whole;

			for (size_t at = 0; at < len; at++)
				text[at] = chars[i][at % n];
			text[len - len % n] = '\0';
			log_line(&test_log, LOG_INFO, "a", "%s", text);
			logged();
			ck_assert_uint_le(strlen(got), LOG_LINE_BYTES);
			ck_assert_int_eq(lines(got), 1);
			ck_assert(utf8_valid(slice_of(got)));
			whole = strstr(got, "...\n") == NULL;
			if (text[0] != '\n') {
				ck_assert(strstr(got, BAD) == NULL);
				ck_assert(whole == (len - len % n <= 2009));
			}
			free(text);
		}
	}
}
END_TEST

/* What vsnprintf cut in two shows where an escape sequence shrank. */
START_TEST(a_character_cut_in_two_is_left_out)
{
	for (size_t pad = 0; pad < 8; pad++) {
		char *text = malloc(3 * LOG_LINE_BYTES);
		char *end = text +
		    sprintf(text, "%.*s\x1b[%0500dm", (int)pad, "........", 0);

		while (end < text + 2 * LOG_LINE_BYTES)
			end = stpcpy(end, "🥛");
		log_line(&test_log, LOG_INFO, "a", "%s", text);
		logged();
		ck_assert_ptr_nonnull(strstr(got, "🥛...\n"));
		ck_assert_ptr_null(strstr(strstr(got, BAD) + 1, BAD));
		free(text);
	}
}
END_TEST

START_TEST(errno_is_left_alone)
{
	int fd = open("/dev/full", O_WRONLY);

	log_init(&test_log, fd, LOG_INFO, test_clock, &now_ms);
	errno = EDOM;
	log_line(&test_log, LOG_INFO, "a", "b");
	ck_assert_int_eq(errno, EDOM);
	close(fd);
}
END_TEST

/* SIGPIPE would end this test. */
START_TEST(a_reader_that_is_gone_costs_the_line_only)
{
	close(fds[READ_END]);
	log_line(&test_log, LOG_INFO, "a", "b");
	log_line(&test_log, LOG_INFO, "a", "b");
	ck_assert_uint_eq(test_log.lost, 2);
}
END_TEST

START_TEST(a_full_pipe_holds_nobody_up_and_its_losses_are_told)
{
	int written = 0;

	while (test_log.lost == 0 && written++ < 1000000)
		log_line(&test_log, LOG_INFO, "a", "filling");
	ck_assert_uint_eq(test_log.lost, 1);
	log_line(&test_log, LOG_INFO, "a", "lost too");
	while (logged()[0] != '\0')
		;
	log_line(&test_log, LOG_INFO, "a", "heard");
	ck_assert_str_eq(logged(),
	    HEAD "warn  log: 2 lines were lost, nobody took them\n" HEAD
		 "info  a: heard\n");
	log_line(&test_log, LOG_INFO, "a", "again");
	ck_assert_str_eq(logged(), HEAD "info  a: again\n");
}
END_TEST

START_TEST(a_closed_descriptor_or_a_full_disk_only_counts)
{
	int fd = open("/dev/full", O_WRONLY);

	log_init(&test_log, -1, LOG_INFO, test_clock, &now_ms);
	log_line(&test_log, LOG_INFO, "a", "b");
	ck_assert_uint_eq(test_log.lost, 1);
	if (fd < 0)
		return;
	log_init(&test_log, fd, LOG_INFO, test_clock, &now_ms);
	log_line(&test_log, LOG_INFO, "a", "b");
	ck_assert_uint_eq(test_log.lost, 1);
	close(fd);
}
END_TEST

START_TEST(a_limit_lets_so_many_through_in_ten_seconds)
{
	struct log_limit limit;

	log_limit_init(&limit, 3);
	for (int i = 0; i < 100; i++, now_ms += 99)
		log_limited(&test_log, &limit, LOG_WARN, "a", "%d", i);
	ck_assert_int_eq(lines(logged()), 3);
	now_ms += LOG_LIMIT_WINDOW_MS - 9900;
	log_limited(&test_log, &limit, LOG_WARN, "a", "next");
	logged();
	ck_assert_int_eq(lines(got), 2);
	ck_assert_ptr_nonnull(strstr(got,
	    "a: 97 lines like these were left "
	    "out\n"));
	ck_assert_ptr_nonnull(strstr(got, "a: next\n"));
}
END_TEST

START_TEST(a_window_ends_exactly_after_ten_seconds)
{
	struct log_limit limit;

	log_limit_init(&limit, 1);
	log_limited(&test_log, &limit, LOG_WARN, "a", "1");
	now_ms += LOG_LIMIT_WINDOW_MS - 1;
	log_limited(&test_log, &limit, LOG_WARN, "a", "2");
	ck_assert_int_eq(lines(logged()), 1);
	now_ms += 1;
	log_limited(&test_log, &limit, LOG_WARN, "a", "3");
	logged();
	ck_assert_ptr_nonnull(strstr(got,
	    "a: 1 line like these was left "
	    "out\n"));
	ck_assert_int_eq(lines(got), 2);
}
END_TEST

START_TEST(a_clock_that_jumps_back_does_not_silence)
{
	struct log_limit limit;

	log_limit_init(&limit, 1);
	log_limited(&test_log, &limit, LOG_WARN, "a", "1");
	now_ms -= 86400000;
	log_limited(&test_log, &limit, LOG_WARN, "a", "2");
	ck_assert_int_eq(lines(logged()), 2);
}
END_TEST

START_TEST(a_flush_tells_once)
{
	struct log_limit limit;

	log_limit_init(&limit, 1);
	log_limit_flush(&test_log, &limit, LOG_WARN, "a");
	for (int i = 0; i < 3; i++)
		log_limited(&test_log, &limit, LOG_WARN, "a", "x");
	logged();
	log_limit_flush(&test_log, &limit, LOG_WARN, "a");
	log_limit_flush(&test_log, &limit, LOG_WARN, "a");
	ck_assert_str_eq(logged(),
	    HEAD "warn  a: 2 lines like these were left out\n");
}
END_TEST

START_TEST(levels_are_read_by_name)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	static const char *const wrong[] = { NULL, "", "WARN", "warning",
		"warn ", "0" };
	enum log_level level = LOG_ERROR;

	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(log_level_parse(names[i], &level), E_OK);
		ck_assert_uint_eq(level, i);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_int_eq(log_level_parse(wrong[i], &level), E_BADARG);
		ck_assert_int_eq(level, LOG_DEBUG);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("log");
	TCase *t = tcase_create("log");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_line_has_time_level_speaker_and_text);
	tcase_add_test(t, any_time_can_be_shown);
	tcase_add_test(t, what_is_below_the_level_is_not_written);
	tcase_add_test(t, no_log_writes_nothing);
	tcase_add_test(t, nobody_can_forge_a_line);
	tcase_add_test(t, a_long_line_is_cut_between_characters);
	tcase_add_test(t, a_character_cut_in_two_is_left_out);
	tcase_add_test(t, errno_is_left_alone);
	tcase_add_test(t, a_reader_that_is_gone_costs_the_line_only);
	tcase_add_test(t, a_full_pipe_holds_nobody_up_and_its_losses_are_told);
	tcase_add_test(t, a_closed_descriptor_or_a_full_disk_only_counts);
	tcase_add_test(t, a_limit_lets_so_many_through_in_ten_seconds);
	tcase_add_test(t, a_window_ends_exactly_after_ten_seconds);
	tcase_add_test(t, a_clock_that_jumps_back_does_not_silence);
	tcase_add_test(t, a_flush_tells_once);
	tcase_add_test(t, levels_are_read_by_name);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
